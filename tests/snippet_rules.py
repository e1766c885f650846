"""How the pages are followed: what they take as given, what is made smaller, and what is not run and why."""

from dataclasses import dataclass

from places import ROOT

EVERYWHERE = "*"
"""The rules of all pages, after the page's own."""
NOT_RUN = {
    EVERYWHERE: {
        "git clone": "what runs this stands in a clone",
        "docker": ".ci/container does, with docker/smoke.sh and docker/cluster.sh: it takes an engine",
        "export OWNER=": "of the command for docker after it",
        "pip install": "every environment of the tests is made so",
        "expert=cheetah": "its agent is at the Hub alone",
        "expert=halfcheetah-v5": "its agent is at the Hub alone",
        "sb3/ppo-PongNoFrameskip-v4": "its agent is at the Hub alone",
    },
    "docs/atari.md": {
        "data/ppo-PongNoFrameskip-v4": "the dataset of an agent that is at the Hub alone; "
        "tests/experts/test_atari_agents.py stacks frames of another one",
    },
    "docs/clusters.md": {
        "tcp://host:8786": "it takes hosts; tests/parallel/test_clusters.py has clusters of one machine",
        "parallel=ray": "it takes hosts; tests/parallel/test_clusters.py has clusters of one machine",
    },
    "docs/container.md": {
        "FROM il-builder": "an image of the reader's own",
    },
    "docs/examples.md": {
        "mean return": "tests/test_examples.py and tests/peers/test_examples.py run the scripts, and compare",
    },
    "docs/dvc.md": {
        "make reproduce": "builds in the checkout; CI runs it",
        "dvc exp run": "builds a dataset in the checkout; CI builds all of them",
        "dvc repro": "likewise; tests/hub/test_publish_stage.py publishes",
    },
    "docs/experts.md": {
        '"format": 1': "a file; tests/experts/sources has many",
        "torch.nn.Sequential(*mlp)": "tests/peers/test_recipes.py runs this block beside TorchRL",
        "module.encoder.actor_encoder": "tests/peers/test_recipes.py runs both blocks beside RLlib",
        "algo.impl.modules": "tests/peers/test_recipes.py runs both blocks beside d3rlpy",
        "policy.model.model.model": "tests/peers/test_recipes.py runs this block beside Tianshou",
        "policy.actor.preprocess": "tests/peers/test_recipes.py runs both blocks beside Tianshou",
    },
    "docs/hub.md": {"hf auth login": "asks on a terminal for a token of the real Hub"},
}
"""By page and by words of a command or block: why it is not run. It is the whole list."""
TAG = 'sed -n \'s/.*"fingerprint": "\\\\(.\\\\{12\\\\}\\\\).*/v-\\\\1/p\' data/cartpole/manifest.json'
SMALLER = {
    "README.md": {
        "^make dataset$": "il-builder expert=cartpole episodes=1000",
        "expert=ppo-lunarlander ": "expert=ppo-lunarlander episodes=5 ",
    },
    "docs/baseline.md": {"^il-builder baseline": r"\g<0> seeds=1 episodes=3 train.steps=20"},
    "docs/dvc.md": {"^dvc (metrics|plots)": r"cd clone && dvc \1", r" main\b": " HEAD"},
    "docs/exchange.md": {
        "D4RL/door/human-v2": "il-builder/CartPole-v1/cartpole-v0",
        "n_steps=10_000": "n_steps=100, n_steps_per_epoch=100",
        "gradient_steps=10_000": "gradient_steps=100",
    },
    "docs/gallery/index.md": {"episodes=20": "episodes=2"},
    "docs/hub.md": {"hub.revision=v-[0-9a-f]{12}": f"hub.revision=$({TAG})", "episodes=1000": "episodes=20"},
    "docs/relabel.md": {r"range\(6\)": "range(2)"},
    "docs/start.md": {"^make dataset EPISODES=100$": "il-builder expert=cartpole episodes=100"},
    "docs/tour.md": {
        "episodes=2000": "episodes=20",
        "LunarLander-v2": "LunarLander-v2 episodes=5",
        "^il-builder baseline": r"\g<0> seeds=1 demos=1,5 episodes=3 train.steps=20",
        '"data/fall.gif"': '"data/fall.gif", size=100',
        "episodes=20 out=data/states": "episodes=5 out=data/states",
    },
    "docs/verify.md": {"^sha256sum (.*) SIGNERS": r"cd data/cartpole && sha256sum \1 ../../SIGNERS"},
}
"""By page: regular expressions, and what is run in their place. An agent of the Hub plays few episodes."""
CARTPOLE = "il-builder expert=cartpole episodes=5"
SHORT = "il-builder expert=cartpole episodes=3 env.max_episode_steps=50 threshold=50 expert.check=off"
PENDULUM = "il-builder expert=pendulum episodes=10"
ARCHIVE = f"cp {ROOT}/builder/experts/bundled/cartpole.zip ppo-CartPole-v1.zip"


def pushed(name, folder="data/cartpole"):
    """A dataset under a name at the Hub."""
    return f"il-builder push out={folder} hub.repo_id=user/{name}"


@dataclass(frozen=True)
class Block:
    """What a block of Python takes as given.

    Attributes:
        words: of the block.
        before: Python that is run before it, in the same process.
        after: likewise after it.
        libraries: peers that it takes.
        alone: it runs in the environment of that library, without us.
    """

    words: str
    before: str = ""
    after: str = ""
    libraries: tuple[str, ...] = ()
    alone: bool = False


@dataclass(frozen=True)
class Given:
    """What a page takes as given: commands, before it is followed, and for its blocks of Python."""

    commands: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()

    def of(self, text):
        """What a block takes."""
        return next((block for block in self.blocks if block.words in text), Block(""))


LOADED = "from builder import load\ndataset = load('data/cartpole')"
PACKAGE = (
    "mkdir -p my_package",
    f"cp {ROOT}/tests/my_package.py my_package/__init__.py",
    "cp my_package/__init__.py my_package/policies.py",
)
"""A package of the reader's own."""
OPERATORS = """import torch
operators = torch.library.Library("torchvision", "DEF")  # its wheel has none beside torch for CPU alone
for name in ("nms", "qnms"):
    operators.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""
MINE = "from my_package import MyPolicy"
SB3 = "from stable_baselines3 import PPO, SAC\nfrom torch.utils.data import DataLoader"
THINKING = """
import builder
class Thinking:
    def predict(self, obs, state=None, deterministic=True):
        return 1, None
Thinking.evaluate = evaluate
policy = builder.Policy("CartPole-v1", policy=Thinking, version="1")
dataset = builder.build(policy, episodes=2, out="data/thinking", **{"dataset.teacher": ["q_value"]})
assert dataset["teacher.q_value"].shape[1] == 2
"""
DAGGER = f"""
code = open({str(ROOT / "examples/dagger.py")!r}).read()
exec(code[: code.index("learner, parts")].replace("STEPS, DATA = 6, 2000", "STEPS, DATA = 6, 20"))
"""
GIVEN = {
    "README.md": Given((ARCHIVE,)),
    "docs/atari.md": Given(),
    "docs/baseline.md": Given(("il-builder expert=cartpole episodes=100",)),
    "docs/checks.md": Given(
        PACKAGE,
        (
            Block(
                "check_enjoy(my_enjoy",
                f"{MINE}, Mine\nfrom builder import enjoy as my_enjoy\nMine.mended = True",
                "test_it_is_fit_for_a_dataset()",
            ),
        ),
    ),
    "docs/comparison/rl_zoo.md": Given(),
    "docs/dataset.md": Given(
        (f"{PENDULUM} dataset.simulator_state=true",),
        (Block("restore(", "from builder import load\ndataset, row = load('data/pendulum'), 7"),),
    ),
    "docs/dvc.md": Given((f"git clone --quiet --local {ROOT} clone",)),
    "docs/exchange.md": Given(
        (
            CARTPOLE,
            PENDULUM,
            pushed("name"),
            "il-builder expert=random env.id=Hopper-v5 episodes=3 out=data/walks",
            "il-builder export out=data/walks to=d4rl to.path=hopper.hdf5",
            "il-builder export out=data/pendulum to=d3rlpy",
            "il-builder export out=data/cartpole to=rlds",
            "il-builder export out=data/cartpole to=il-datasets",
            "il-builder export out=data/cartpole to=il-datasets to.form=npz to.path=data/npz",
            "printf 'id,x,v,a,r\\n1,0.5,1,1,0\\n1,0.6,1,0,1\\n2,0.1,0,1,0\\n' > log.csv",
        ),
        (
            Block("ReplayBuffer.load", "import d3rlpy", "", ("d3rlpy",), alone=True),
            Block(
                "BaselineDataset(",
                f"{OPERATORS}from imitation_datasets.dataset import BaselineDataset",
                "",
                ("il-datasets",),
                True,
            ),
            Block(
                "LeRobotDataset(",
                f"{OPERATORS}from lerobot.datasets.lerobot_dataset import LeRobotDataset",
                "assert len(dataset) == 2500",
                ("lerobot",),
                alone=True,
            ),
            Block(
                "minari.load_dataset", "import minari", "assert len(dataset) == 5", ("minari",), alone=True
            ),
            Block("tfds.", "import tensorflow_datasets as tfds"),
            Block(
                "BCConfig().offline_data",
                "from ray.rllib.algorithms.bc import BCConfig",
                "assert config.input_read_schema['t'] == 'step_index'  # tests/peers/test_rllib.py reads",
                ("rllib",),
                alone=True,
            ),
            Block("to_imitation()", "from builder import load", "", ("torchrl", "imitation", "d3rlpy")),
            Block(
                "model.replay_buffer",
                f"{SB3}\nfrom builder import load\ndataset = load('data/pendulum')",
            ),
            Block("evaluate_actions", f"{SB3}\n{LOADED}\nppo = PPO('MlpPolicy', 'CartPole-v1')"),
        ),
    ),
    "docs/experts.md": Given(
        ("mkdir my-expert",),
        (
            Block(
                "def evaluate",
                "",
                THINKING,
            ),
            Block(
                "params[",
                "import numpy\nparams = {'Dense_0': {'kernel': numpy.ones((4, 2)), 'bias': numpy.ones(2)}}",
            ),
            Block("torch.onnx.export", "import torch\nactor = torch.nn.Linear(4, 2)"),
        ),
    ),
    "docs/films.md": Given((SHORT, pushed("cartpole"))),
    "docs/hub.md": Given((CARTPOLE,), (Block("dataset.transitions", LOADED),)),
    "docs/loading.md": Given(("il-builder expert=cartpole episodes=100 dataset.test_fraction=0.2",)),
    "docs/merge.md": Given(
        (
            CARTPOLE,
            "cp -r data/cartpole data/expert",
            "il-builder expert=random env.id=CartPole-v1 episodes=20 out=data/random",
            "il-builder expert=cartpole episodes=20 seed=1 out=data/a",
            "il-builder expert=random env.id=CartPole-v1 episodes=100 seed=1 out=data/b",
            "il-builder expert=cartpole episodes=10 seed=2 out=data/c",
            pushed("name", "data/c"),
        )
    ),
    "docs/noise.md": Given(
        (ARCHIVE, "cp ppo-CartPole-v1.zip expert.zip", "cp ppo-CartPole-v1.zip learner.zip")
    ),
    "docs/own_functions.md": Given(
        (), (Block("Experts.get", "import numpy\nobservation = numpy.zeros(4, 'float32')"),)
    ),
    "docs/relabel.md": Given(
        ("il-builder expert=random env.id=CartPole-v1 out=data/mine",),
        (Block("learner, parts", DAGGER),),
    ),
    "docs/scores.md": Given(
        (
            CARTPOLE,
            "il-builder expert=random env.id=Hopper-v5 episodes=3 out=data/walks",
            "il-builder export out=data/walks to=d4rl",
            "cp data/walks-d4rl.hdf5 hopper.hdf5",
            "il-builder import from=d4rl path=hopper.hdf5 out=data/hopper",
        ),
        (
            Block(
                "normalized(returns",
                f"import numpy\n{LOADED}\nreturns = numpy.array(dataset.episode_table['episode_return'])",
            ),
        ),
    ),
    "docs/tour.md": Given(
        (
            "il-builder expert=cartpole episodes=10",
            ARCHIVE,
            *PACKAGE,
            "il-builder expert=cartpole episodes=10 seed=2 out=data/c",
            pushed("name", "data/c"),
            "il-builder expert=random env.id=Hopper-v5 episodes=3 out=data/walks",
            "il-builder export out=data/walks to=d4rl to.path=hopper.hdf5",
            "mkdir -p ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519",
        ),
        (Block("MyPolicy", f"{MINE}\nfrom builder import Experts, Policy, build"),),
    ),
    "docs/verify.md": Given(
        (
            CARTPOLE,
            pushed("cartpole-expert"),
            "mkdir -p ~/.ssh && ssh-keygen -q -t ed25519 -N '' -C ada@lab -f ~/.ssh/id_ed25519",
            "il-builder push out=data/cartpole hub.repo_id=user/cartpole hub.sign=true",
            "cp ~/.ssh/id_ed25519.pub ada.pub && sed 's/^/ada@lab /' ada.pub > SIGNERS",
        )
    ),
    "docs/view.md": Given((CARTPOLE, pushed("cartpole-expert"))),
}
"""What the pages take as given; a page that is missing takes an empty folder."""
