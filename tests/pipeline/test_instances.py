"""Whatever habit an environment has, a build is right: each episode is what a fresh instance gives, alone."""

import json
import logging

import gymnasium as gym
import numpy as np
import pytest
import unruly
from sweeps import sweep
from verification import check

from builder import Controller, Episode, Policy, build, load
from builder.errors import EnvironmentError_, NotRepeatedError
from builder.manifest.command import rebuild_overrides
from builder.manifest.manifest import read_manifest
from builder.verify import verify


@pytest.fixture(autouse=True)
def _unruly():
    unruly.register()
    yield
    unruly.forget()


@pytest.fixture
def said(caplog):
    logging.getLogger("builder").propagate = True
    caplog.set_level("INFO")
    return caplog


def wrong(dataset, env_id):
    """How many episodes are not what a fresh instance gives."""
    count = 0
    for episode in dataset:
        environment = gym.make(env_id, disable_env_checker=True)
        seen = [environment.reset(seed=episode.seed)[0]]
        seen += [environment.step(action)[0] for action in episode.actions]
        environment.close()
        count += not np.array_equal(np.array(seen), episode.observations)
    return count


def played(name, tmp_path, *, env=None, **config):
    env = {"id": f"unruly/{name}-v0", **(env or {})}
    return build("random", env=env, episodes=12, out=tmp_path / "x", **config)


def enjoy_by_predict(path, context, expert):
    environment = expert.get_environment()
    observations, steps = [environment.reset()[0]], []
    while not steps or not any(steps[-1][2:4]):
        action, _ = expert.predict(observations[-1])
        observation, *rest = environment.step(action)
        observations.append(observation)
        steps.append((action, *rest))
    columns = map(np.array, [*zip(*steps, strict=True)][:4])
    Episode(np.array(observations), *columns, seed=context.seed, index=context.index).save(path)
    return True


THREADS = {"parallel": {"backend": "threading", "n_jobs": 2}}


@sweep(
    ("name", "instances", "config"),
    [
        ("Calm", None, {}),
        ("Drifts", "fresh", {}),
        ("Clears", "single", {}),
        ("ClosesAll", "single", {}),
        ("OfItsModule", "single", THREADS),
        ("OnlyOneDrifts", "single", {}),
        ("Windy", "single", THREADS),
        ("Shared", "single", THREADS),
        ("OnlyOne", "single", THREADS),
        ("Shared", "single", {"verify_sample": 0}),
        ("Shared", "single", {"rollout": {"lanes": 1}}),
    ],
    quick=3,
)
def test_each_episode_is_what_a_fresh_instance_gives(name, instances, config, tmp_path):
    dataset = played(name, tmp_path, **config)
    assert wrong(dataset, f"unruly/{name}-v0") == 0
    assert read_manifest(tmp_path / "x").instances == instances


@sweep("name", ["Keeps", "Edits"])
def test_what_an_environment_writes_into_is_recorded_and_stepped_again_as_it_was(name, tmp_path):
    dataset = played(name, tmp_path, rollout={"lanes": 5})
    for episode in dataset:
        environment = gym.make(f"unruly/{name}-v0", disable_env_checker=True)
        seen = [environment.reset(seed=episode.seed)[0].copy()]
        seen += [environment.step(action.copy())[0].copy() for action in episode.actions]
        np.testing.assert_array_equal(np.array(seen), episode.observations)
        assert (np.abs(episode.actions) <= 1).all()
    check(tmp_path / "x", "replay").raise_for_difference()


class Gusts:
    """Draws from numpy's global generator, as `Windy` does; keeps nothing."""

    def predict(self, obs, state=None, deterministic=True):
        return np.random.uniform(-1, 1, 2).astype(np.float32), state  # noqa: NPY002  (the fault)


class Squalls(Gusts):
    """Draws for every second step."""

    drawn = None

    def predict(self, obs, state=None, deterministic=True):
        self.drawn = super().predict(obs)[0] if self.drawn is None else None
        return np.zeros(2, np.float32) if self.drawn is None else self.drawn, state


@pytest.mark.slow
@pytest.mark.parametrize("policy", [Gusts, pytest.param(Squalls, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["Windy", pytest.param("SeedsAll", marks=pytest.mark.slow)])
def test_environment_and_policy_may_both_draw_from_generators_of_the_process(name, policy, tmp_path, said):
    env_id, actions = f"unruly/{name}-v0", []
    expert = Policy(env_id, policy=policy, version="1")
    for out, own, config in (
        ("x", [], {}),
        ("threads", [], {"parallel": "threading", "parallel.n_jobs": 2}),
        ("own", [enjoy_by_predict], {}),
    ):
        Controller(*own).start({"expert": expert, "episodes": 5, "out": str(tmp_path / out), **config})
        dataset = load(tmp_path / out)
        assert wrong(dataset, env_id) == 0
        actions.append(dataset.arrays()["action"])
    np.testing.assert_array_equal(actions[0], actions[1])
    np.testing.assert_array_equal(actions[0], actions[2])
    assert len(np.unique(actions[0])) > len(actions[0]) - 5  # the attempts' noise differs
    assert f"{env_id} draws from the generators of numpy.random" in said.text
    assert f"{policy.__name__} draws from numpy.random" in said.text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Windy", "Shared", "OnlyOne"])
def test_so_it_is_in_processes(name, tmp_path):
    env, parallel = {"id": f"registers_unruly:unruly/{name}-v0"}, {"backend": "loky", "n_jobs": 2}
    dataset = played(name, tmp_path, env=env, parallel=parallel)
    assert wrong(dataset, f"unruly/{name}-v0") == 0


@pytest.mark.slow
def test_the_files_are_those_of_a_build_that_was_told(tmp_path):
    fingerprints = set()
    for number, instances in enumerate(("auto", "single")):
        out = tmp_path / str(number)
        config = {"expert": "random", "env.id": "unruly/Calm-v0", "episodes": 5, "out": str(out)}
        fingerprints.add(Controller().start({**config, "env.instances": instances}).manifest.fingerprint)
    assert len(fingerprints) == 1


def test_the_card_says_how_instances_must_be_used(tmp_path):
    played("OnlyOne", tmp_path)
    card = (tmp_path / "x" / "README.md").read_text()
    assert "its instances | alone in their process: it is right only so" in card


def test_threads_that_take_turns_are_told_of_processes(said, tmp_path):
    played("Shared", tmp_path, **THREADS)
    text = "threads of one process take turns with unruly/Shared-v0; parallel=loky uses all cores"
    assert text in said.messages


def test_what_is_found_out_is_said_in_one_line(said, tmp_path):
    played("OnlyOne", tmp_path)
    lines = [record.message for record in said.records if "instance" in record.message]
    why = "a second instance of unruly/OnlyOne-v0 cannot be made: port 5005 is in use by another instance"
    assert lines == [f"{why}; a build plays one lane in each process (env.instances=single)"]


def harder(kind, tmp_path, **config):
    policy = Policy(name=f"unruly/{kind}-v0", policy=unruly.GoesDown, version="1")
    return build(policy, episodes=12, out=tmp_path / "x", rollout={"lanes": 2}, **config)


def test_an_environment_that_grows_harder_with_success_is_noticed_before_play(tmp_path):
    assert wrong(harder("Harder", tmp_path), "unruly/Harder-v0") == 0
    assert read_manifest(tmp_path / "x").instances == "fresh"


def test_one_that_does_so_late_is_noticed_at_the_end_and_played_again(said, tmp_path):
    assert wrong(harder("HarderLater", tmp_path), "unruly/HarderLater-v0") == 0
    assert "all is played again with env.instances=fresh" in said.text
    assert read_manifest(tmp_path / "x").instances == "fresh"


@pytest.mark.slow
def test_growing_begins_as_the_dataset_was_played(said, tmp_path):
    harder("HarderLater", tmp_path)
    said.clear()
    policy = Policy(name="unruly/HarderLater-v0", policy=unruly.GoesDown, version="1")
    grown = build(policy, episodes=20, out=tmp_path / "x", rollout={"lanes": 2})
    assert (len(grown), wrong(grown, "unruly/HarderLater-v0")) == (20, 0)
    assert "played again" not in said.text


def test_what_is_stated_is_not_replaced_and_its_chunks_are_not_used_again(tmp_path):
    with pytest.raises(NotRepeatedError, match=r"leave env\.instances=reused away") as caught:
        harder("Harder", tmp_path, env={"instances": "reused"})
    assert "verify_sample" not in str(caught.value)
    assert not list((tmp_path / ".x.chunks").glob("*/chunk-*"))
    assert wrong(harder("Harder", tmp_path, env={"instances": "fresh"}), "unruly/Harder-v0") == 0


def test_a_stated_way_has_chunks_of_its_own(tmp_path):
    config = {"expert": "random", "env.id": "unruly/Drifts-v0", "episodes": 3, "out": str(tmp_path / "x")}
    for instances in ("reused", "fresh", "single"):
        Controller().start({**config, "mode": "play", "env.instances": instances})
        (chunks,) = [folder for folder in (tmp_path / ".x.chunks").iterdir() if folder.is_dir()]
        assert json.loads((chunks / "build.json").read_text())["instances"] == (
            None if instances == "reused" else instances
        )


def test_an_environment_that_does_not_repeat_itself_is_refused_before_play(tmp_path):
    with pytest.raises(EnvironmentError_) as caught:
        played("Unseeded", tmp_path)
    assert "does not repeat itself" in str(caught.value)
    assert str(caught.value).endswith("env.instances=single verify_sample=0 records it nevertheless")
    assert not list((tmp_path / ".x.chunks").glob("*/chunk-*"))


def test_one_whose_class_remembers_is_refused_as_what_it_is(tmp_path):
    with pytest.raises(
        EnvironmentError_, match=r"remembers outlives its instances: .*; keep what changes in"
    ):
        harder("HarderForAll", tmp_path)


def test_it_is_recorded_nevertheless_each_episode_alone(said, tmp_path):
    assert len(played("Unseeded", tmp_path, verify_sample=0, env={"instances": "single"})) == 12


@sweep(
    "name",
    [
        "OnlyOneDrifts",
        "Shared",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("Windy", "Drifts")),
    ],
)
def test_replay_uses_instances_as_the_manifest_says(name, tmp_path):
    played(name, tmp_path)
    report = verify_folder(tmp_path / "x")
    report.raise_for_difference()
    assert [check.verdict for check in report.checks if check.name == "replay"] == ["ok"]


def verify_folder(folder, **keys):
    from builder.composition import compose_mapping
    from builder.verify.config import VerifyConfig

    return verify(compose_mapping(VerifyConfig, "verify", {"out": str(folder), **THREADS, **keys}))


@pytest.mark.slow
def test_a_dataset_of_an_environment_that_grew_harder_unnoticed_fails_replay(tmp_path):
    """As versions before 0.2.0 built them: the manifest says nothing, and nothing was checked."""
    policy = Policy(name="unruly/HarderLater-v0", policy=unruly.GoesDown, version="1")
    config = {"env": {"instances": "reused"}, "verify_sample": 0, "rollout": {"lanes": 1}}
    build(policy, episodes=50, out=tmp_path / "x", **config)
    assert read_manifest(tmp_path / "x").instances is None
    checks = {check.name: check.verdict for check in verify_folder(tmp_path / "x").checks}
    assert checks["replay"] == "differs"


@pytest.mark.slow
def test_a_rebuild_is_told_how_instances_are_used(tmp_path):
    played("OnlyOne", tmp_path)
    manifest = read_manifest(tmp_path / "x")
    assert "env.instances=single" in rebuild_overrides(manifest)
    unruly.OnlyOne.together = 0
    result = Controller().start({"manifest": str(tmp_path / "x"), "out": str(tmp_path / "again")})
    result.raise_for_difference()
    assert unruly.OnlyOne.together == 0


def test_usual_environments_leave_no_trace_in_the_manifest(tmp_path):
    config = {"expert": "cartpole", "episodes": 2, "out": str(tmp_path / "x")}
    Controller().start(config)
    text = (tmp_path / "x" / "manifest.json").read_text()
    assert '"instances"' not in text
    assert load(tmp_path / "x").manifest.instances is None


def test_functions_of_ones_own_meet_no_check(tmp_path):
    def enjoy(path, context, expert):
        environment = gym.make("unruly/OnlyOne-v0")
        environment.close()
        return False

    policy = Policy(name="unruly/OnlyOne-v0", policy=unruly.GoesDown, version="1")
    with pytest.raises(Exception, match="enjoy returned True for 0"):
        Controller(enjoy=enjoy).start(
            {"expert": policy, "episodes": 1, "max_attempts": 2, "out": str(tmp_path / "x")}
        )
    assert unruly.OnlyOne.together == 0
