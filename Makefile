# Everything from nothing but Python 3.11+ and make: `make dataset`, `make test`.
PYTHON ?= python3
VENV ?= .venv
EPISODES ?= 1000
BIN := $(VENV)/bin
# Tests start processes, which would each compile the code anew where bytecode is not kept.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest
PIP := $(BIN)/python .ci/install --disable-pip-version-check --constraint constraints.txt
BASE := huggingface-sb3,video
TESTED := $(BASE),mujoco,box2d,atari,s3,onnx,test
DOCS := $(BASE),docs
ALL := $(TESTED),robotics,jax,dask,ray,dvc,rlds,docs,dev

# pip works for minutes the first time; one line says what it is at.
define install
	@echo "installing il-builder$(1) into $(VENV): minutes the first time"
	@$(PIP) --editable ".$(1)"
	@echo "installed"
endef

.PHONY: release help dataset experts test test-slow viewer clients lint check format docs pages tutorials reproduce lies formats benchmark baselines peers lock clean

help:
	@echo "make dataset    play the bundled CartPole expert: data/cartpole/"
	@echo "make test       the tests that take seconds, without the extras robotics, jax, dask, ray, dvc and rlds"
	@echo "make test-slow  the others, and all extras"
	@echo "make viewer     check, test and build the page of il-builder view: builder/show/page/ (needs Node.js 20.19 or later)"
	@echo "make clients    the tests of the Hub beside the newest huggingface_hub"
	@echo "make lint       ruff, mypy, import-linter;    make check: lint and test"
	@echo "make docs       the documentation as a site: site/index.html;    make tutorials: its notebooks, executed anew"
	@echo "make reproduce  build the pinned datasets of dvc.yaml anew and compare them with dvc.lock"
	@echo "make release    wheel and sdist, checked away from the checkout"
	@echo "make experts    train the bundled experts anew"
	@echo "make benchmark  all measurements, written to benchmarks/RESULTS.md;  make peers: what they are held against"
	@echo "make baselines  what clones learn, beside two peers: benchmarks/BASELINES.md (AGENTS=folder of published agents)"

dataset: $(VENV)/.base
	$(BIN)/il-builder expert=cartpole episodes=$(EPISODES)

test: $(VENV)/.test
	$(PYTEST) -q -n auto --maxprocesses 8 --dist worksteal -m "not slow" $(COVER)

test-slow: $(VENV)/.dev
	$(PYTEST) -q -n auto --maxprocesses 8 --dist worksteal -m slow $(COVER)

# What is committed in builder/show/page/ is what this makes; CI compares.
viewer:
	cd builder/show/viewer && npm ci --no-audit --no-fund --loglevel=error && npm run check && npm run test && npm run build

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

check: lint test

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The documentation as a site, from docs/: warnings are errors, every link is followed, nothing is fetched from elsewhere.
docs: $(VENV)/.docs
	@rm -rf site
	$(BIN)/python -m sphinx -W --keep-going -q -d site/.doctrees docs site
	$(BIN)/python -m documentation site=site

# The pages of docs/reference that are made from the code.
pages: $(VENV)/.base
	$(BIN)/python -m documentation

# The notebooks of docs/tutorials, executed anew in empty folders; what they say is written down, and the tests compare.
tutorials: $(VENV)/.dev
	PYTHONPATH=tests $(BIN)/python tests/notebooks.py

# Whoever changes what a stage depends on runs this and commits dvc.lock with the change (docs/dvc.md).
# A note of an earlier build would have a dataset of an older format made again in that.
reproduce: $(VENV)/.dev
	@rm -f data/pinned/.*.request.json
	PATH="$(abspath $(BIN)):$$PATH" dvc repro --quiet
	@git diff --exit-code --stat -- dvc.lock data/reports || \
		(echo "dvc.lock has changed: commit it with the change that explains it (docs/dvc.md)" >&2; exit 1)

# The table of docs/verify.md: which lie of a dataset each level of verify catches.
lies: $(VENV)/.dev
	PYTHONPATH=tests $(BIN)/python tests/lies.py

# The table of docs/exchange.md: what of each kind of dataset every format brings back.
formats: $(VENV)/.dev
	PYTHONPATH=tests $(BIN)/python tests/formats_table.py

experts: $(VENV)/.base
	$(BIN)/python -m builder.experts.bundled.train

benchmark: $(VENV)/.dev
	$(BIN)/python -m benchmarks

# What clones learn from our datasets, and those of imitation and d3rlpy; what is measured already is not measured again.
AGENTS ?= agents
baselines: $(VENV)/.dev
	$(BIN)/python -m benchmarks.baselines agents=$(AGENTS)

# The peers, each in an environment of its own; never in ours, nor in its lock. A peer is a line here, with what
# pip takes, and for those that pin another torch or numpy what is installed without asking them (PINS).
PEERS := flax imitation minari il-datasets d3rlpy ogbench torchrl rllib lerobot robomimic sample-factory tianshou
peers: $(PEERS:%=.peers/%)

.peers/flax: PEER = flax==0.12.8 jax==0.10.2
.peers/sample-factory: PEER = gymnasium filelock psutil tensorboardX opencv-python-headless huggingface-hub colorlog \
	threadpoolctl pyglet wandb signal-slot-mp tensorboard
.peers/sample-factory: PINS = sample-factory==2.1.1
.peers/imitation: PEER = imitation==1.0.1 "datasets==3.6.0" "pyarrow==20.0.0" "numpy<2"
.peers/d3rlpy: PEER = d3rlpy==2.8.1
.peers/torchrl: PEER = torchrl==0.14.1 gymnasium
.peers/tianshou: PEER = tianshou==2.0.1
.peers/ogbench: PEER = numpy gymnasium tqdm
.peers/ogbench: PINS = ogbench==1.2.2
.peers/rllib: PEER = "ray[rllib]==2.60.0" gymnasium==1.2.2
.peers/minari: PEER = "minari[hdf5,arrow,create,hf]==0.5.4" pillow gymnasium stable-baselines3
.peers/il-datasets: PEER = il-datasets==1.0.0 torchvision==0.28.0 tensorboard-wrapper tensorboard tabulate gymnasium gym==0.26.2
.peers/lerobot: PEER = "numpy<2.3" "datasets<5" "huggingface-hub<1" draccus==0.10.0 accelerate jsonlines pillow einops \
	gymnasium av opencv-python-headless deepdiff safetensors termcolor imageio "diffusers<0.36" pyserial
.peers/lerobot: PINS = lerobot==0.4.4 torchvision==0.28.0
.peers/robomimic: PEER = h5py tqdm psutil six termcolor tensorboardX imageio matplotlib pillow gymnasium
.peers/robomimic: PINS = robomimic==0.3.0 torchvision==0.28.0
# What all of them need is unpacked once, and each has links to it: pip replaces a file, and never writes into one.
.peers/.shared:
	($(PYTHON) -m venv $@ && $@/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0) \
		|| (rm -rf $@; exit 1)
.peers/%: | .peers/.shared
	($(PYTHON) -m venv --without-pip $@ && cp -al .peers/.shared/lib/python3.*/site-packages/. $@/lib/python3.*/site-packages/ \
		&& $@/bin/python -m pip install --quiet --disable-pip-version-check $(PEER) torch==2.13.0 \
		$(if $(PINS),&& $@/bin/python -m pip install --quiet --disable-pip-version-check --no-deps $(PINS))) \
		|| (rm -rf $@; exit 1)

# huggingface_sb3 holds the Hub's client below 1.0, and so the lock: beside the newest one, here, it is missing.
clients: .clients/.installed
	.clients/bin/python -c "import datasets as d, huggingface_hub as h; print('huggingface_hub', h.__version__, 'datasets', d.__version__)"
	.clients/bin/python -m pytest -q -n auto --maxprocesses 8 --dist worksteal tests/hub tests/hub_client \
		tests/experts/sources/test_hub.py tests/experts/sources/test_agent_names.py

.clients/.installed: pyproject.toml constraints.txt
	rm -rf .clients && $(PYTHON) -m venv .clients
	grep -vE '^(huggingface[-_]|datasets==)' constraints.txt > .clients/constraints.txt
	@echo "installing il-builder and the newest huggingface_hub into .clients: a minute or two"
	@.clients/bin/python -m pip install --quiet --disable-pip-version-check --constraint .clients/constraints.txt --editable ".[s3,test]"
	@touch $@

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(call install,[$(BASE)])
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(call install,[$(TESTED)])
	@touch $@ $(VENV)/.base

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(call install,[$(ALL)])
	@touch $@ $(VENV)/.test $(VENV)/.docs $(VENV)/.base

$(VENV)/.docs: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(call install,[$(DOCS)])
	@touch $@ $(VENV)/.base

# The newest versions that resolve together; torch stays where it is, since its wheels differ by machine.
lock:
	rm -rf .lock && $(PYTHON) -m venv .lock
	.lock/bin/python -m pip install --quiet "torch==2.13.0" && .lock/bin/python -m pip install --quiet ".[$(ALL)]"
	(sed -n 1p constraints.txt; .lock/bin/python -m pip freeze --all --exclude pip --exclude il-builder | sed 's/^torch==\([0-9.]*\)+.*/torch==\1/') > .lock/constraints.txt
	mv .lock/constraints.txt constraints.txt && rm -rf .lock

# Wheel and sdist in dist/, checked in environments of their own (docs/releases.md).
release:
	.ci/release

clean:
	rm -rf $(VENV) .clients .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis dist site
