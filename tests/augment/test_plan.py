"""What a merge makes of its parts, before an episode is read."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
from sweeps import case

from builder import build
from builder.api import dataset_folder
from builder.augment.parts import parts_of
from builder.augment.plan import plan_of
from builder.dataset.columns import null_for, unsaid
from builder.episodes.declared import TEXT, Declared, stated
from builder.errors import DatasetError

NUMBER = gym.spaces.Box(-np.inf, np.inf, (), np.float64)


def parts(*folders):
    return parts_of([str(folder) for folder in folders], dataset_folder)


def declaring(part, *columns):
    """The part as if its build had declared columns."""
    inputs = {**part.manifest.inputs, **stated(columns)}
    return dataclasses.replace(part, manifest=dataclasses.replace(part.manifest, inputs=inputs))


def with_inputs(part, **more):
    inputs = {**part.manifest.inputs, **more}
    return dataclasses.replace(part, manifest=dataclasses.replace(part.manifest, inputs=inputs))


def test_one_environment_is_the_whole_datasets(cartpole_of):
    plain, pictured = parts(cartpole_of(), cartpole_of("pixels", 3))
    merged = plan_of([plain, pictured]).inputs
    assert merged["environment"] == pictured.manifest.inputs["environment"]
    assert merged["merged"]["pixels"] == {"height": 8, "width": 12}


def test_of_several_environments_none_is_the_whole_datasets(cartpole_of):
    one, two = parts(cartpole_of(), cartpole_of(seed=1))
    other = with_inputs(two, environment={**two.manifest.inputs["environment"], "kwargs": {"a": 1}})
    inputs = plan_of([one, other]).inputs
    assert "environment" not in inputs
    assert [source["environment"] for source in inputs["merged"]["sources"]] == ["CartPole-v1"] * 2


def test_versions_on_which_parts_do_not_agree_are_noted_and_not_stated(cartpole_of):
    one, two = parts(cartpole_of(), cartpole_of(seed=1))
    other = with_inputs(two, packages={**two.manifest.inputs["packages"], "gymnasium": "0.0.1"})
    plan = plan_of([one, other])
    assert "gymnasium" not in plan.inputs["packages"]
    assert "numpy" in plan.inputs["packages"]
    assert "gymnasium 0.0.1 and" in plan.notes[0]


def test_a_licence_of_all_is_the_licence_and_several_are_a_note(cartpole_of):
    one, two = parts(cartpole_of(), cartpole_of(seed=1))

    def licensed(part, name):
        config = part.manifest.inputs["config"]
        return with_inputs(part, config={**config, "dataset": {**config["dataset"], "license": name}})

    both = plan_of([licensed(one, "mit"), licensed(two, "mit")])
    assert (both.inputs["merged"]["license"], both.notes) == ("mit", ())
    apart = plan_of([licensed(one, "mit"), two])
    assert "license" not in apart.inputs["merged"]
    assert apart.notes == ("its parts are under several licences: mit and none stated",)


def test_notes_of_parts_say_of_which(cartpole_of):
    (part,) = parts(cartpole_of())
    noted = dataclasses.replace(part, manifest=dataclasses.replace(part.manifest, notes=("it is odd",)))
    assert plan_of([noted]).notes == (f"of {part.manifest.fingerprint[:12]}: it is odd",)


def test_the_narrowest_need_of_an_instance_is_that_of_all(cartpole_of):
    one, two = parts(cartpole_of(), cartpole_of(seed=1))
    for first, second, expected in (
        (None, "fresh", "fresh"),
        ("single", "fresh", "single"),
        (None, None, None),
    ):
        with case(first, second):
            pair = [
                dataclasses.replace(part, manifest=dataclasses.replace(part.manifest, instances=instances))
                for part, instances in ((one, first), (two, second))
            ]
            assert plan_of(pair).instances == expected


def test_columns_that_any_part_declares_are_declared(cartpole_of):
    one, two = parts(cartpole_of(), cartpole_of(seed=1))
    x, y = Declared("info.x", NUMBER), Declared("info.y", TEXT, nullable=True)
    plan = plan_of([declaring(one, x), declaring(two, dataclasses.replace(x, nullable=True), y)])
    names = [(column.name, column.nullable) for column in plan.columns["transitions"] if "." in column.name]
    assert names == [("info.x", True), ("info.y", True)]


def test_two_columns_of_one_name_must_mean_one_thing(cartpole_of):
    one, two = parts(cartpole_of(), cartpole_of(seed=1))
    pair = [declaring(one, Declared("info.x", NUMBER)), declaring(two, Declared("info.x", TEXT))]
    with pytest.raises(DatasetError, match=r"their columns info\.x differ"):
        plan_of(pair)


def test_what_a_source_lacks_stands_beside_its_name(cartpole_of):
    pictured, plain = parts(cartpole_of("pixels", 3), cartpole_of())
    inputs = plan_of([pictured, plain]).inputs
    names = [part.manifest.fingerprint[:12] for part in (pictured, plain)]
    lacking = dict(zip(names, (frozenset(), {"pixels", "final_pixels"}), strict=True))
    assert null_for(inputs) == lacking
    assert unsaid(inputs) == {"pixels", "final_pixels"}


def test_a_part_whose_expert_played_under_noise_says_so(two_played):
    clean, noisy = parts(*two_played)
    sources = plan_of([clean, noisy]).inputs["merged"]["sources"]
    assert [source["deterministic"] for source in sources] == [True, True]
    assert [source.get("quality") for source in sources] == [None, "noised-expert"]
    assert [source.get("noise") for source in sources] == [None, {"kind": "epsilon", "epsilon": 0.5}]


def test_a_part_of_two_players_is_called_so(two_played):
    (part,) = parts(two_played[0])
    config = part.manifest.inputs["config"]
    switch = {"policy": "random", "steps": [1, 2], "probability": None}
    rollout = {**config["rollout"], "switch": switch}
    (source,) = plan_of([with_inputs(part, config={**config, "rollout": rollout})]).inputs["merged"][
        "sources"
    ]
    assert (source["quality"], source["switch"]) == ("switched-expert", switch)
    (source,) = plan_of([parts(two_played[1])[0]]).inputs["merged"]["sources"]
    assert "switch" not in source


@pytest.fixture(scope="module")
def two_played(tmp_path_factory):
    """What an expert played, and what it played under noise."""
    made = []
    for noise in (None, {"kind": "epsilon", "epsilon": 0.5}):
        out = tmp_path_factory.mktemp("played") / "x"
        more = {"rollout": {"noise": noise}} if noise else {}
        env = {"id": "CartPole-v1", "max_episode_steps": 8}
        build(
            expert="cartpole",
            env=env,
            episodes=2,
            out=str(out),
            **{"expert.check": "off", "threshold": 0},
            **more,
        )
        made.append(out)
    return made


def test_a_count_of_episodes_that_the_files_deny_is_refused_before_any_is_drawn(cartpole_of):
    (part,) = parts_of([{"path": str(cartpole_of()), "episodes": 0.5}], dataset_folder)
    splits = {"train": dataclasses.replace(part.manifest.splits["train"], episodes=10**15)}
    forged = dataclasses.replace(part, manifest=dataclasses.replace(part.manifest, splits=splits))
    with pytest.raises(DatasetError, match=r"holds other episodes in its split 'train'.*got 4"):
        plan_of([forged])
