"""Experts that choose among allowed actions: from an archive or an object to a dataset, and back."""

import filecmp
import json
import shutil

import gymnasium as gym
import masked
import numpy as np
import pytest
from sb3_models import make_model
from sweeps import sweep
from verification import STEPS, check, rewrite

from builder import Context, Controller, Episode, Policy, build, load
from builder.config import TrustConfig
from builder.environments.masks import Masked, masks_in
from builder.errors import BuilderError, ConfigError, EnvironmentError_, ExpertError, RolloutError
from builder.rollout.enjoy import enjoy
from builder.testing import check_environment, check_policy

EPISODES = 8
TRUST = {"expert": TrustConfig(trust_remote_code=True)}
"""That the module `masked` of these tests is imported."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Models of MaskablePPO, made once: their archives, and they themselves."""
    made = {}

    def get(actions="one", space=masked.SEEN, policy="MlpPolicy", choices=None):
        key = actions, str(space), str(choices)
        if key not in made:
            model = make_model("MaskablePPO", policy, space, choices or masked.ACTIONS[actions])
            path = tmp_path_factory.mktemp("trained") / "doors.zip"
            model.save(path)
            made[key] = model, str(path)
        return made[key]

    return get


def built(out, path, kind=masked.Method, kwargs=None, **more):
    env = {"id": masked.env_id(kind), "kwargs": kwargs or {}}
    return build("local", episodes=EPISODES, out=out, env=env, **{"expert.path": path}, **more)


def made(kind, **kwargs):
    return gym.make(f"masked/{kind.__name__}-v0", disable_env_checker=True, **kwargs)


def alone(model, environment, seed):
    """An episode as the author of a model runs it: observations, masks and actions."""
    environment = Masked(environment, masks_in(environment))
    observation, _ = environment.reset(seed=seed)
    found, ended = [], False
    while not ended:
        mask = environment.action_masks()
        action, _ = model.predict(observation, action_masks=mask, deterministic=True)
        if isinstance(environment.action_space, gym.spaces.Discrete):
            action = int(action)
        found.append((observation, mask, action))
        observation, _, terminated, truncated, _ = environment.step(action)
        ended = terminated or truncated
    return [np.stack(column) for column in zip(*found, strict=True)]


def assert_as_alone(dataset, model, make):
    """Every episode is what the author gets; so no action is a forbidden one."""
    arrays, start = dataset.arrays(), 0
    for episode in dataset:
        _, masks, actions = alone(model, make(), episode.seed)
        rows = slice(start, start + len(actions))
        np.testing.assert_array_equal(episode.actions, actions)
        np.testing.assert_array_equal(arrays["action_mask"][rows], masks)
        start += len(episode)
    assert start == len(arrays["action_mask"])
    assert arrays["reward"].min() > -10


@pytest.mark.slow
@pytest.mark.parametrize(
    "actions",
    [
        name if name == "bits" else pytest.param(name, marks=pytest.mark.slow)
        for name in sorted(masked.ACTIONS)
    ],
)
def test_an_archive_plays_as_its_author_runs_it(trained, tmp_path, actions):
    model, path = trained(actions)
    dataset = built(tmp_path / "x", path, kwargs={"actions": actions})
    assert_as_alone(dataset, model, lambda: made(masked.Method, actions=actions))
    assert dataset.manifest.inputs["expert"]["action_masks"] == "method"
    check(tmp_path / "x", **TRUST).raise_for_difference()


@pytest.mark.parametrize(
    "kind",
    [
        masked.Info,
        pytest.param(masked.Listed, marks=pytest.mark.slow),
        pytest.param(masked.Drawn, marks=pytest.mark.slow),
    ],
)
def test_masks_are_taken_wherever_an_environment_says_them(trained, tmp_path, kind):
    model, path = trained()
    dataset = built(tmp_path / "x", path, kind)
    assert_as_alone(dataset, model, lambda: made(kind))
    check(tmp_path / "x", **TRUST).raise_for_difference()


def test_a_mask_that_is_part_of_the_observation_is_used_and_recorded(trained, tmp_path):
    space = masked.Doors(seen="mask").observation_space
    model, path = trained(space=space, policy="MultiInputPolicy")
    dataset = built(tmp_path / "x", path, masked.Doors, {"seen": "mask"})
    arrays = dataset.arrays()
    np.testing.assert_array_equal(arrays["action_mask"], arrays["observation.action_mask"].astype(bool))
    assert arrays["reward"].min() > -10
    first = dataset[0]
    seen = {"action_mask": first.observations["action_mask"][0], "vector": first.observations["vector"][0]}
    action, _ = model.predict(seen, action_masks=seen["action_mask"], deterministic=True)
    assert first.actions[0] == action


@pytest.mark.slow
def test_the_taxi_of_gymnasium_says_its_masks_in_its_info(trained, tmp_path):
    taxi = gym.make("Taxi-v4")
    _, path = trained(space=taxi.observation_space, choices=taxi.action_space)
    keys = {"expert.path": path, "env.id": "Taxi-v4", "env.max_episode_steps": 20}
    dataset = build("local", episodes=3, out=tmp_path / "x", **keys)
    masks, actions = dataset.arrays()["action_mask"], dataset.arrays()["action"]
    assert dataset.manifest.inputs["expert"]["action_masks"] == "info"
    assert masks[np.arange(len(actions)), actions].all()
    assert not masks.all()


@pytest.mark.slow
def test_a_wrapper_brings_the_masks_of_an_environment_that_has_none(trained, tmp_path):
    model, path = trained()
    dataset = built(tmp_path / "x", path, masked.Doors, **{"env.wrappers": ["masked:Opened"]})
    assert_as_alone(dataset, model, lambda: masked.Opened(made(masked.Doors)))


def data(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*.parquet"))


def assert_same_data(one, other):
    assert data(one) == data(other)
    for path in data(one):
        assert filecmp.cmp(one / path, other / path, shallow=False), path


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"rollout.lanes": 1}, marks=pytest.mark.slow),
        {"rollout.lanes": 5, "parallel": "threading", "parallel.n_jobs": 2},
        pytest.param({"env.instances": "fresh"}, marks=pytest.mark.slow),
        pytest.param({"parallel": "loky", "parallel.n_jobs": 2}, marks=pytest.mark.slow),
    ],
    ids=str,
)
@pytest.mark.parametrize("sampled", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_bytes_do_not_depend_on_lanes_and_workers(trained, tmp_path, options, sampled):
    _, path = trained()
    more = {"rollout.deterministic": not sampled}
    built(tmp_path / "a/doors", path, **more)
    dataset = built(tmp_path / "b/doors", path, **more, **options)
    assert_same_data(tmp_path / "a/doors", tmp_path / "b/doors")
    assert dataset.arrays()["reward"].min() > -10


@pytest.mark.slow
@pytest.mark.parametrize(
    "way", ["object", *(pytest.param(way, marks=pytest.mark.slow) for way in ("batched", "trust"))]
)
def test_an_object_and_sb3s_own_loader_play_as_the_archive(trained, tmp_path, way):
    model, path = trained()
    first = built(tmp_path / "a", path).arrays()
    if way == "trust":
        second = built(tmp_path / "b", path, **{"expert.trust_remote_code": True})
    else:
        batched = way == "batched"
        policy = Policy(name=masked.env_id(masked.Method), policy=model, version="1", batched=batched)
        second = build(policy, episodes=EPISODES, out=tmp_path / "b")
    for name, column in second.arrays().items():
        np.testing.assert_array_equal(column, first[name])


class Chooses:
    """Cannot be asked without a mask."""

    def predict(self, obs, action_masks, state=None, deterministic=True):
        return int(np.argmax(action_masks * (1 + np.arange(5)) * (obs[0] > 0.5) + action_masks)), state


@pytest.mark.parametrize("own", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_an_object_that_keeps_nothing_between_its_answers_is_found_out_to(trained, tmp_path, caplog, own):
    policy = Chooses() if own else trained()[0]
    caplog.set_level("INFO", "builder")
    name = masked.env_id(masked.Method)
    dataset = build(Policy(name=name, policy=policy, version="1"), episodes=3, out=tmp_path / "x")
    assert "keeps something between its answers" not in caplog.text
    assert dataset.arrays()["reward"].min() > -10


@pytest.mark.slow
def test_a_replay_finds_a_mask_that_is_another_one(trained, tmp_path):
    _, path = trained()
    built(tmp_path / "x", path)

    def forge(columns):
        columns["action_mask"][3] = [not choice for choice in columns["action_mask"][3]]

    rewrite(tmp_path / "x", STEPS, forge)
    report = check(tmp_path / "x", **TRUST)
    difference = report.checks[-1].difference
    assert (report.checks[-1].name, difference.column, difference.step) == ("replay", "action_mask", 3)


def test_the_card_and_the_batches_have_the_masks(trained, tmp_path):
    _, path = trained()
    dataset = built(tmp_path / "x", path)
    card = (tmp_path / "x/README.md").read_text()
    assert "| masks of its actions | `action_masks()` of the environment |" in card
    assert "| `action_mask` | bool | 5 | 0 to 1 | which actions were allowed |" in card
    batch = next(iter(dataset.batches(8, columns=["action", "action_mask"])))
    assert batch["action_mask"].numpy().dtype == bool
    assert batch["action_mask"].shape == (8, 5)


def test_who_needs_masks_is_refused_before_play_where_there_are_none(trained, tmp_path):
    model, path = trained()
    text = "chooses among the actions that a mask allows, and masked:masked/Doors-v0 gives no masks"
    with pytest.raises(ExpertError, match=text):
        built(tmp_path / "x", path, masked.Doors)
    with pytest.raises(ExpertError, match=text):
        build(Policy(name=masked.env_id(masked.Doors), policy=model), episodes=2, out=tmp_path / "x")
    with pytest.raises(ExpertError, match=text):
        enjoy(str(tmp_path / "e"), Context(0), Policy(name=masked.env_id(masked.Doors), path=path))
    assert not list(tmp_path.iterdir())


def test_without_masks_by_the_users_word_it_plays_as_the_model_without_and_the_card_says_so(
    trained, tmp_path
):
    model, path = trained()
    dataset = built(tmp_path / "x", path, masked.Doors, **{"expert.action_masks": "none"})
    first = dataset[0]
    np.testing.assert_array_equal(
        first.actions, model.predict(first.observations[:-1], deterministic=True)[0]
    )
    assert "action_mask" not in dataset.arrays()
    card = (tmp_path / "x/README.md").read_text()
    assert "Played without masks of the allowed actions, as `expert.action_masks=none` says." in card
    keys = {"expert.path": path, "expert.trust_remote_code": True}
    again = build(manifest=str(tmp_path / "x"), out=tmp_path / "y", **keys)
    assert again.manifest.fingerprint == dataset.manifest.fingerprint
    check(tmp_path / "x", level="files").raise_for_difference()


@pytest.mark.slow
def test_who_needs_none_plays_in_such_an_environment_as_ever(tmp_path):
    dataset = build("random", episodes=3, out=tmp_path / "x", env={"id": masked.env_id(masked.Method)})
    assert "action_mask" not in dataset.arrays()
    assert "action_masks" not in (tmp_path / "x/manifest.json").read_text()
    with pytest.raises(ConfigError, match="which random is not; leave it out"):
        build(
            "random",
            episodes=3,
            out=tmp_path / "y",
            env={"id": masked.env_id(masked.Method)},
            **{"expert.action_masks": "none"},
        )


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (
            masked.Short,
            r"something else than a mask over its actions in attempt 0, step 0 .*expected 5 .*got 4",
        ),
        (masked.Once, r"else than a mask over its actions in attempt \d+, step 1 .*got none"),
        (masked.Attribute, "action_masks of the environment is no method"),
    ],
)
def test_a_mask_that_is_none_is_an_error_of_the_environments(trained, tmp_path, kind, text):
    _, path = trained()
    with pytest.raises(EnvironmentError_, match=text):
        built(tmp_path / "x", path, kind)


def test_what_asking_for_a_mask_raises_is_named_with_its_place(trained, tmp_path):
    _, path = trained()
    with pytest.raises(RolloutError, match=r"attempt 0, step 0 .*environment raised RuntimeError: nobody"):
        built(tmp_path / "x", path, masked.Raises)


def test_an_attempt_in_which_nothing_is_allowed_ends_the_build_or_counts_as_rejected(trained, tmp_path):
    _, path = trained()
    with pytest.raises(EnvironmentError_, match=r"allows no action at all in attempt \d+, step 2"):
        built(tmp_path / "x", path, masked.DeadEnd)
    keys = {"rollout.on_error": "reject"}
    dataset = built(tmp_path / "x", path, masked.DeadEnd, **keys)
    assert all(len(episode) <= 2 or episode.seed % 2 == 0 for episode in dataset)
    assert dataset.manifest.attempts > dataset.manifest.accepted
    built(tmp_path / "one/x", path, masked.DeadEnd, **keys, **{"rollout.lanes": 1})
    assert_same_data(tmp_path / "x", tmp_path / "one/x")


@pytest.mark.slow
def test_a_kept_expert_keeps_its_need_for_masks(trained, tmp_path):
    _, path = trained()
    built(tmp_path / "a", path, **{"dataset.include_expert": True})
    kept = shutil.copytree(tmp_path / "a/expert", tmp_path / "doors")
    built(tmp_path / "b", str(kept))
    assert_same_data(tmp_path / "a", tmp_path / "b")
    with pytest.raises(ExpertError, match="gives no masks"):
        built(tmp_path / "c", str(kept), masked.Doors)


@pytest.mark.slow
def test_what_was_built_is_built_again(trained, tmp_path):
    _, path = trained()
    first = built(tmp_path / "a", path)
    keys = {"expert.path": path, "expert.trust_remote_code": True}
    again = build(manifest=str(tmp_path / "a"), out=tmp_path / "b", **keys)
    assert again.manifest.fingerprint == first.manifest.fingerprint


# A user's own functions


def own(path, context, expert):
    environment = expert.get_environment()
    observation, _ = environment.reset()
    observations, actions, rewards, ended = [observation], [], [], (False, False)
    while not any(ended):
        masks = environment.get_wrapper_attr("action_masks")()
        action, _ = expert.predict(observation, action_masks=masks)
        observation, reward, *ended, _ = environment.step(action)
        observations.append(observation)
        actions.append(action)
        rewards.append(reward)
    flags = np.zeros((2, len(rewards)), bool)
    flags[:, -1] = ended
    episode = Episode(observations, actions, rewards, *flags, seed=context.seed, index=context.index)
    episode.save(path)
    return True


def forgets(path, context, expert):
    expert.predict(expert.get_environment().reset()[0])
    return True


def started(out, enjoy, path, **config):
    keys = {"expert": "local", "expert.path": path, "env.id": masked.env_id(masked.Method)}
    Controller(enjoy).start({**keys, "episodes": 4, "out": str(out), **config})
    return load(out)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_an_enjoy_of_ones_own_gives_predict_the_masks_and_plays_as_the_built_in_one(
    trained, tmp_path, backend
):
    _, path = trained()
    theirs = started(tmp_path / "a", own, path, parallel=backend).arrays()
    ours = built(tmp_path / "b", path).arrays()
    rows = len(theirs["action"])
    for name in ("observation", "action", "reward", "terminated", "truncated"):
        np.testing.assert_array_equal(theirs[name], ours[name][:rows])


def test_predict_without_masks_is_refused_where_they_are_needed(trained, tmp_path):
    _, path = trained()
    with pytest.raises(RolloutError, match="predict was given no masks, and the expert chooses among"):
        started(tmp_path / "x", forgets, path)
    policy = Policy(name=masked.env_id(masked.Method), path=path)
    seen, masks = np.zeros((3, 3), np.float32), np.eye(5, dtype=bool)[:3]
    assert policy.predict(seen, action_masks=masks)[0].tolist() == [0, 1, 2]
    assert policy.predict(seen[0], action_masks=masks[1])[0] == 1
    with pytest.raises(EnvironmentError_, match="something else than a mask"):
        policy.predict(seen[0], action_masks=masks[1][:4])
    with pytest.raises(ExpertError, match="expected 3 masks; got 2"):
        policy.predict(seen, action_masks=masks[:2])
    with pytest.raises(ExpertError, match="given masks, and the expert chooses without; leave"):
        Policy(name="CartPole-v1", policy="random").predict(np.zeros(4), action_masks=[True, True])


def test_predict_takes_the_mask_from_an_observation_that_has_it(trained):
    space = masked.Doors(seen="mask").observation_space
    _, path = trained(space=space, policy="MultiInputPolicy")
    policy = Policy(name=masked.env_id(masked.Doors), path=path, env_kwargs={"seen": "mask"})
    for door in range(5):
        mask = np.arange(5) == door
        seen = {"action_mask": mask.astype(np.int8), "vector": np.zeros(3, np.float32)}
        assert policy.predict(seen)[0] == door


def test_an_enjoy_may_bring_masks_that_the_environment_does_not_have(trained, tmp_path):
    _, path = trained()

    def brings(path, context, expert):
        seen, _ = expert.get_environment().reset()
        action, _ = expert.predict(seen, action_masks=np.arange(5) == 3)
        ended = np.array([True])
        Episode(np.stack([seen, seen]), [action], [0.0], ended, ended, context.seed, context.index).save(path)
        return True

    more = {"env.id": masked.env_id(masked.Doors), "verify_sample": 0}
    assert started(tmp_path / "x", brings, path, **more).arrays()["action"].tolist() == [3] * 4


# Checks


@pytest.mark.slow
def test_a_check_says_that_masks_are_needed_and_where_they_come_from(trained):
    model, _ = trained()
    (note,) = [
        item for item in check_policy(model, masked.env_id(masked.Method)) if item.code == "action-masks"
    ]
    assert str(note).startswith("note: action-masks: ")
    assert "is asked with `action_masks()` of the environment" in note.text
    with pytest.raises(BuilderError, match=r"no-masks: .*says of none") as error:
        check_policy(model, masked.env_id(masked.Doors))
    assert "expert.action_masks=none" in str(error.value)


@sweep("kind", [masked.Short, masked.Raises])
def test_a_check_finds_masks_that_are_none(trained, kind):
    model, _ = trained()
    with pytest.raises(BuilderError, match=r"raises: .*: action_masks at step 0"):
        check_policy(model, masked.env_id(kind))


def test_a_check_of_an_environment_alone_asks_for_no_masks():
    assert check_environment(masked.env_id(masked.Short)) == ()


def test_what_is_recorded_of_masks_stands_in_the_manifest_by_one_word(trained, tmp_path):
    _, path = trained()
    built(tmp_path / "x", path, masked.Info)
    inputs = json.loads((tmp_path / "x/manifest.json").read_text())["inputs"]
    assert inputs["expert"]["action_masks"] == "info"
