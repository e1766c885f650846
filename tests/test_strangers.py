"""Nothing of a stranger's runs: forged datasets are loaded, verified and built again, and watched."""

import itertools
import json
import shutil

import pytest
from forging import PLACES, forged_copy, odd_values, put, texts
from tracing import LOAD, SECRET, THEIRS, Sandbox, trace

from builder import Controller

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
SOME = 300
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
    assert [path for path in written if path.is_file() and SECRET.encode() in path.read_bytes()] == []
    return found


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


def test_an_honest_folder_passes_all_of_it_and_nothing_of_a_few_forged_ones_runs(sandbox):
    base = sandbox.root / "honest"
    folders = [shutil.copytree(base, sandbox.folders / "honest")]
    folders += [
        forged_copy(base, sandbox.folders / f"quick-{index}", put(place, value), planted=True)
        for index, (place, value) in enumerate(QUICK)
    ]
    codes = watched(sandbox, folders).codes
    assert codes[:6] == [0] * 6
    assert set(codes) <= {0, 1, 2}


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
