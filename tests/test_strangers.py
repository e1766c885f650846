"""Nothing of a stranger's runs: forged datasets are loaded, verified and built again, and watched."""

import base64
import itertools
import json
import shutil
import zipfile

import cloudpickle
import gymnasium as gym
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from damaged import members_of, zipped
from folders import files
from forged_manifests import Raw, forged, honest
from forging import PLACES, forged_copy, odd_values, put, texts
from frugal import costs
from places import PACKAGE
from tracing import EVERYTHING, LOAD, PULLED, SECRET, THEIRS, Sandbox, trace

from builder import Controller
from builder.manifest.manifest import read_manifest, seal

QUICK = (
    ("expert.name", "../../folders/evil"),
    ("expert.source", "python"),
    ("expert.target", f"{THEIRS}:make"),
    ("environment.id", f"{THEIRS}:CartPole-v1"),
    ("environment.wrappers", [f"{THEIRS}:make"]),
    ("environment.kwargs.render_mode", "human"),
    ("environment.kwargs.sutton_barto_reward", {"_target_": f"{THEIRS}.make"}),
    ("config.dataset.license", "${oc.env:CANARY_TOKEN}"),
)
SOME = 500
"""How many of all forged folders the long run takes."""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    place = Sandbox(tmp_path_factory.mktemp("strangers"))
    place.set_up()
    Controller().start([*BASES["bundled"], f"out={place.root / 'honest'}"])
    return place


BASES = {
    "bundled": [
        "expert=cartpole",
        "episodes=1",
        "threshold=0",
        "env.max_episode_steps=20",
        "expert.check=off",
    ],
    "random": ["expert=random", "env.id=Pendulum-v1", "episodes=1", "env.max_episode_steps=20"],
    "included": ["expert=pendulum", "episodes=1", "env.max_episode_steps=20", "dataset.include_expert=true"],
}


def watched(sandbox, folders, **options):
    found = trace(sandbox, folders, honest=sandbox.root / "honest", **options)
    assert found.events == []
    assert not sandbox.ran
    assert SECRET not in found.output
    written = [path for folder in (sandbox.work, sandbox.folders) for path in sorted(folder.rglob("*"))]
    written = [path for path in written if path.is_file() and not path.is_symlink()]
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []
    return found


@pytest.mark.slow
def test_the_hook_sees_what_it_is_there_to_see(tmp_path):
    """With trust the module is imported, and the hook says so."""
    place = Sandbox(tmp_path)
    place.set_up()
    Controller().start([*BASES["random"], f"out={place.folders / 'x'}"])
    expert = {"source": "python", "target": f"{THEIRS}:make", "name": "python", "version": "not pinned"}
    evil = forged_copy(place.folders / "x", place.folders / "evil", put("expert", expert))
    words = ("build", "manifest={folder}", "out={work}/y", "expert.trust_remote_code=true")
    found = trace(place, [evil], commands=[words])
    assert any(event.endswith(f"exec {place.work / THEIRS}.py") for event in found.events)
    assert place.ran
    outside = trace(place, [place.outside], commands=[(LOAD, "{folder}")])
    assert any("outside" in event for event in outside.events)


@pytest.mark.slow
def test_an_honest_folder_passes_all_of_it_and_nothing_of_a_few_forged_ones_runs(sandbox):
    base = sandbox.root / "honest"
    folders = [shutil.copytree(base, sandbox.folders / "honest")]
    folders += [
        forged_copy(base, sandbox.folders / f"quick-{index}", put(place, value), planted=True)
        for index, (place, value) in enumerate(QUICK)
    ]
    kinds = [
        words for words in EVERYTHING if words[-1] not in ("level=files", "level=replay")
    ]  # rebuild does both
    codes = watched(sandbox, folders, commands=kinds).codes
    assert codes[: len(kinds)] == [0] * len(kinds)
    assert set(codes) <= {0, 1, 2}


STEPS = "data/train-00000-of-00001.parquet"
HEADER = "---\nconfigs:\n- config_name: transitions\n  data_files: {}\n---\n"


def led(folder, name, target):
    """Put a link in place of something of a folder."""
    path = folder / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.symlink_to(target)


def steer(folder, path):
    (folder / "README.md").write_text(HEADER.format(path))


STEERED = {
    "card-absolute": steer,
    "card-above": lambda folder, secret: steer(folder, f"../../outside/{secret.name}"),
    "card-host": lambda folder, secret: steer(folder, "http://127.0.0.1:9/x.parquet"),
    "card-unlisted": lambda folder, secret: (
        shutil.copy(folder / STEPS, folder / "x.parquet"),
        steer(folder, "x.parquet"),
    ),
    "link-steps": lambda folder, secret: led(folder, STEPS, secret),
    "link-folder": lambda folder, secret: led(folder, "data", secret.parent),
    "link-card": lambda folder, secret: led(folder, "README.md", secret),
    "link-manifest": lambda folder, secret: led(folder, "manifest.json", secret),
    "link-provenance": lambda folder, secret: led(folder, "provenance.json", "../../outside/secret.txt"),
    "link-unlisted": lambda folder, secret: (folder / "more").symlink_to(secret.parent),
    "no-manifest": lambda folder, secret: ((folder / "manifest.json").unlink(), steer(folder, secret)),
    "no-manifest-link": lambda folder, secret: (
        (folder / "manifest.json").unlink(),
        (folder / "a.jsonl").symlink_to(secret),
    ),
}
"""What a folder may name beside its manifest: files elsewhere, and another host."""


@pytest.mark.parametrize("index", [0, *(pytest.param(index, marks=pytest.mark.slow) for index in (1, 4))])
def test_nothing_that_a_folder_names_elsewhere_is_opened(sandbox, index):
    folders = []
    for name, change in STEERED.items():
        folders.append(shutil.copytree(sandbox.root / "honest", sandbox.folders / f"{name}-{index}"))
        change(folders[-1], sandbox.outside / "secret.txt")
    assert set(watched(sandbox, folders, commands=[EVERYTHING[index]]).codes) <= {0, 1, 2}


def repositories(hub, folders):
    """Each folder as a repository, with files that nobody listed; each second card leads elsewhere."""
    for index, folder in enumerate(folders):
        content = files(folder) | {
            "data/train-00001-of-00002.parquet": b"x",
            "theirs.py": b"raise SystemExit",
        }
        if index % 2:
            content["README.md"] = HEADER.format("http://127.0.0.1:9/x.parquet").encode()
        hub.store.add("dataset", f"theirs/{folder.name}", content)


@pytest.mark.slow
def test_nothing_of_a_repository_runs_and_no_other_host_is_asked(sandbox, hub):
    base = sandbox.root / "honest"
    folders = [shutil.copytree(base, sandbox.folders / f"hub-{index}") for index in range(2)]
    folders += [
        forged_copy(base, sandbox.folders / f"hub-{index + 2}", put(place, value), planted=True)
        for index, (place, value) in enumerate(QUICK[::3])
    ]
    repositories(hub, [*folders, base])
    found = watched(sandbox, folders, commands=PULLED, hub=hub.url)
    codes = found.codes[: len(PULLED)]
    assert codes[:3] + codes[4:] == [0] * 5  # the card was not pushed, so it names no repository
    assert set(found.codes) <= {0, 1, 2}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_of_hundreds_of_forged_folders_runs(tmp_path):
    place = Sandbox(tmp_path)
    place.set_up()
    bases = {name: place.root / name for name in BASES}
    for name, words in BASES.items():
        Controller().start([*words, f"out={bases[name]}"])
    values = [*texts(place.root, THEIRS), *odd_values(THEIRS)]
    every = list(itertools.product(PLACES, values))
    chosen = every[:: max(1, len(every) // SOME)]
    folders = []
    for index, ((where, value), base) in enumerate(
        zip(chosen, itertools.cycle(bases.values()), strict=False)
    ):
        folders.append(
            forged_copy(base, place.folders / f"{index:04d}", put(where, value), planted=index % 2 == 0)
        )
        (folders[-1] / "forged.json").write_text(json.dumps([where, value]))
        (folders[-1] / "forged.json").rename(place.root / f"{index:04d}.json")
    shutil.copytree(bases["bundled"], place.root / "honest")
    found = watched(place, folders)
    escaped = [code for code in found.codes if code not in {0, 1, 2}]
    assert escaped == []


def with_field(archive, name, space):
    """An archive with a space of one's own in place of its own."""
    members = members_of(archive)
    fields = json.loads(members["data"])
    fields[name][":serialized:"] = base64.b64encode(cloudpickle.dumps(space)).decode()
    return members | {"data": json.dumps(fields).encode()}


def hostile_archives(place):
    """Archives that are small, and large where they are believed."""
    source = (PACKAGE / "experts/bundled/cartpole.zip").read_bytes()
    members = members_of(source)
    bits = gym.spaces.MultiBinary(2)
    bits.n = (2**24, 24)
    weights = members_of(members["policy.pth"])
    bomb = zipped({**weights, "archive/data/0": bytes(400 << 20)}, zipfile.ZIP_DEFLATED)
    contents = {
        "bits": zipped(with_field(source, "observation_space", bits)),
        "bomb": zipped({**members, "data": bytes(400 << 20)}, zipfile.ZIP_DEFLATED),
        "first-directory": zipped(members | {"policy.pth": bomb + zipped(weights)}),
        "last-directory": zipped(members | {"policy.pth": zipped(weights) + bomb}),
    }
    for name, content in contents.items():
        (place / f"{name}.zip").write_bytes(content)
        yield name, ("archive", place / f"{name}.zip")


def hostile_folders(place, base):
    """Datasets and experts, likewise."""
    content = honest(base)
    box = {"type": "Box", "dtype": "float64", "shape": [2**12, 2**12], "low": 0, "high": 1}
    texts = {
        "many-values": forged(content, ("notes",), Raw("[" + "1," * (1 << 23) + "1]")),
        "one-text": forged(content, ("notes", 0), "x" * (30 << 20)),
        "deep": forged(content, ("observation_space",), Raw("[" * (4 << 20) + "]" * (4 << 20))),
        "box": forged(content, ("observation_space",), box),
        "bits": forged(
            content, ("action_space",), {"type": "MultiBinary", "dtype": "int8", "n": [2**24, 24]}
        ),
        "large": json.dumps(content) + " " * (300 << 20),
        "files": forged(
            content, ("files",), {f"data/{n}": {"sha256": "0" * 64, "size": 1} for n in range(60_000)}
        ),
    }
    for name, text in texts.items():
        folder = shutil.copytree(base, place / name)
        (folder / "manifest.json").write_text(text)
        yield f"manifest-{name}", ("verify", folder)
    zeros = {f"c{n}": pa.array([0] * (1 << 20), pa.int64()) for n in range(40)}
    folder = shutil.copytree(base, place / "rows")
    pq.write_table(pa.table(zeros), folder / STEPS, row_group_size=1 << 30)
    seal(read_manifest(folder), folder)
    yield "parquet-rows", ("load", folder)
    yield "parquet-rows-verified", ("verify", folder)
    texts = pa.DictionaryArray.from_arrays([0] * 60_000, ["x" * 10**6])
    folder = shutil.copytree(base, place / "texts")
    pq.write_table(pa.table({"text": texts}), folder / STEPS, compression="zstd", store_schema=False)
    seal(read_manifest(folder), folder)
    yield "parquet-texts", ("load", folder)
    yield "parquet-texts-verified", ("verify", folder)
    folder = shutil.copytree(base, place / "provenance")
    (folder / "provenance.json").write_text(" " * (300 << 20))
    yield "provenance", ("verify", folder)
    (place / "kept").mkdir()
    (place / "kept/expert.json").write_text("{" + " " * (300 << 20))
    (place / "kept/expert.safetensors").write_bytes((1 << 40).to_bytes(8, "little") + bytes(100))
    yield "expert", ("expert", place / "kept")
    (place / "chunk").write_bytes((90 << 20).to_bytes(8, "little") + b"{" + b" " * (90 << 20))
    yield "chunk", ("recording", place / "chunk")


@pytest.mark.slow
def test_no_hostile_file_takes_more_than_500_megabytes_or_5_seconds(sandbox, tmp_path):
    readings = {
        "honest": ("verify", sandbox.root / "honest"),  # what is imported late is imported
        "honest-load": ("load", sandbox.root / "honest"),
        "honest-archive": ("archive", PACKAGE / "experts/bundled/cartpole.zip"),
        **dict(hostile_archives(tmp_path)),
        **dict(hostile_folders(tmp_path, sandbox.root / "honest")),
    }
    found = costs(readings, tmp_path / "report.json")
    assert len(found) == len(readings) > 15
    hostile = {name: cost for name, cost in found.items() if not name.startswith("honest")}
    unnoticed = [name for name, cost in hostile.items() if not cost["said"]]
    assert unnoticed == ["first-directory"]  # whose last directory is an honest one, and the only one read
    assert [name for name, cost in hostile.items() if cost["megabytes"] > 500 or cost["seconds"] > 5] == []
