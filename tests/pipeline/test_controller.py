"""Builds as a program starts them: whole datasets, whatever the backend; failure, growth, resume."""

import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from folders import files
from verification import check

from builder import Controller, Episode, Experts, Policy, build, load
from builder.errors import (
    BudgetError,
    ConfigError,
    DatasetError,
    EnvironmentError_,
    ExistsError,
    LockedError,
    RolloutError,
    VerificationError,
)
from builder.rollout.chunk_store import ChunkStore
from builder.storage.layout import chunk_folder
from builder.storage.lock import locked

CORRIDOR = {"expert": "random", "env.id": "Corridor-v0", "episodes": 20}


def start(out, **config):
    return Controller().start({**CORRIDOR, "out": str(out), **config})


def chunks(out):
    return sorted(path.name for path in chunk_folder(out).rglob("chunk-*"))


def test_a_dataset_is_the_same_whatever_plays_it(tmp_path):
    for name, config in {
        "a": {},
        "b": {"parallel.n_jobs": 2, "rollout.lanes": 3},
        "c": {"rollout.lanes": 1},
    }.items():
        start(tmp_path / name / "x", **config)
    assert files(tmp_path / "a/x") == files(tmp_path / "b/x") == files(tmp_path / "c/x")


@pytest.mark.slow
def test_processes_make_the_same_dataset_as_threads(tmp_path):
    cartpole = {"expert": "cartpole", "env.id": None, "episodes": 30}
    start(tmp_path / "a/x", **cartpole)
    start(tmp_path / "b/x", **cartpole, parallel="loky", **{"parallel.n_jobs": 2, "rollout.lanes": 4})
    assert files(tmp_path / "a/x") == files(tmp_path / "b/x")


def test_the_first_accepted_attempts_are_kept_in_order(tmp_path):
    start(tmp_path / "x", threshold=10)
    episodes = load(tmp_path / "x").episode_table
    everything = load(start(tmp_path / "y", episodes=60).out)
    wanted = [e.index for e in everything if e.episode_return >= 10][:20]
    assert episodes["attempt_index"][:] == wanted
    assert load(tmp_path / "x").manifest.attempts == wanted[-1] + 1


def test_max_return_keeps_the_low_end(tmp_path):
    dataset = load(start(tmp_path / "x", max_return=6).out)
    assert max(dataset.episode_table["episode_return"]) <= 6


def test_a_spent_budget_is_an_error_with_its_figures_and_leaves_no_dataset(tmp_path):
    with pytest.raises(
        BudgetError, match=r"30 attempts, 0 accepted of 20, best return 45, mean return .*1000"
    ):
        start(tmp_path / "x", threshold=1000, max_attempts=30)
    assert not (tmp_path / "x").exists()


def test_a_second_build_is_up_to_date_and_touches_nothing(tmp_path):
    start(tmp_path / "x")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "x").rglob("*")}
    assert start(tmp_path / "x").fresh is False
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "x").rglob("*")} == before


def test_growth_plays_only_what_is_missing_and_equals_a_fresh_build(tmp_path):
    start(tmp_path / "x", episodes=8)
    start(tmp_path / "x", episodes=20)
    assert chunks(tmp_path / "x") == [
        "chunk-00000000-00000008.safetensors",
        "chunk-00000008-00000020.safetensors",
    ]
    start(tmp_path / "fresh/x", episodes=20)
    assert files(tmp_path / "x") == files(tmp_path / "fresh/x")


def test_fewer_episodes_than_there_are_is_an_error(tmp_path):
    start(tmp_path / "x")
    with pytest.raises(ExistsError, match="holds 20 episodes already"):
        start(tmp_path / "x", episodes=5)


def test_another_dataset_is_not_overwritten_and_the_difference_is_named(tmp_path):
    start(tmp_path / "x")
    before = files(tmp_path / "x")
    with pytest.raises(ExistsError, match=r"its config\.seed is 0; expected 1"):
        start(tmp_path / "x", seed=1)
    assert files(tmp_path / "x") == before


def test_overwrite_replaces_another_dataset_and_its_chunks(tmp_path):
    start(tmp_path / "x")
    start(tmp_path / "x", seed=1, overwrite=True)
    start(tmp_path / "fresh/x", seed=1)
    assert files(tmp_path / "x") == files(tmp_path / "fresh/x")
    assert len(list(chunk_folder(tmp_path / "x").glob("*/"))) == 1


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_the_users_own_is_never_touched(tmp_path, overwrite):
    (tmp_path / "x").mkdir()
    (tmp_path / "x/thesis.tex").write_text("mine")
    with pytest.raises(ExistsError, match="is not a dataset of ours"):
        start(tmp_path / "x", overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert files(tmp_path / "x") == {"thesis.tex": b"mine"}


def test_a_second_build_into_one_folder_fails_at_once(tmp_path):
    with locked(tmp_path / "x"), pytest.raises(LockedError, match="another build is writing"):
        start(tmp_path / "x")


def test_an_interrupted_build_goes_on_with_its_chunks(tmp_path):
    out = tmp_path / "x"
    start(out, mode="play", episodes=8)
    kept = next(chunk_folder(out).rglob("chunk-*"))
    written = kept.stat().st_mtime_ns
    start(out, **{"rollout.lanes": 2})
    start(tmp_path / "fresh/x")
    assert kept.stat().st_mtime_ns == written
    assert files(out) == files(tmp_path / "fresh/x")


def test_a_damaged_chunk_is_noticed_and_played_again(tmp_path, caplog):
    out = tmp_path / "x"
    start(out, mode="play")
    chunk = next(chunk_folder(out).rglob("chunk-*"))
    content = bytearray(chunk.read_bytes())
    content[-9] ^= 1
    chunk.write_bytes(content)
    start(out)
    assert "is damaged" in caplog.text
    start(tmp_path / "fresh/x")
    assert files(out) == files(tmp_path / "fresh/x")


def test_play_then_collate_is_a_build(tmp_path):
    start(tmp_path / "x", mode="play")
    assert not (tmp_path / "x").exists()
    start(tmp_path / "x", mode="collate")
    start(tmp_path / "fresh/x")
    assert files(tmp_path / "x") == files(tmp_path / "fresh/x")


def test_collate_without_play_says_what_is_missing(tmp_path):
    with pytest.raises(DatasetError, match="expected 20 accepted; got 0"):
        start(tmp_path / "x", mode="collate")


def test_chunks_can_be_dropped_after_the_build(tmp_path):
    start(tmp_path / "x", keep_chunks=False)
    assert not chunk_folder(tmp_path / "x").exists()


def test_every_fifth_episode_becomes_test_and_growth_moves_none(tmp_path):
    start(tmp_path / "x", episodes=10, **{"dataset.test_fraction": 0.2})
    small = load(tmp_path / "x", split="test").episode_table["episode_index"][:]
    start(tmp_path / "x", episodes=20, **{"dataset.test_fraction": 0.2})
    grown = load(tmp_path / "x", split="test").episode_table["episode_index"][:]
    assert (small, grown) == ([4, 9], [4, 9, 14, 19])


def test_the_users_notes_on_the_card_survive_growth(tmp_path):
    start(tmp_path / "x", episodes=5)
    card = tmp_path / "x/README.md"
    card.write_text(card.read_text() + "\n## Notes\n\nUsed in chapter 3.\n")
    start(tmp_path / "x", episodes=9)
    assert "Used in chapter 3." in card.read_text()


def test_an_environment_that_ignores_its_seed_is_a_warning(tmp_path, caplog):
    start(tmp_path / "x", **{"env.id": "Deaf-v0", "expert": Policy("Deaf-v0", policy=Always, version="1")})
    assert "all 20 episodes are identical" in caplog.text


def test_an_environment_without_a_limit_needs_one(tmp_path):
    with pytest.raises(EnvironmentError_, match=r"no time limit.*rollout\.max_steps="):
        start(tmp_path / "x", **{"env.id": "Endless-v0"})
    assert list(tmp_path.iterdir()) == []


class Always:
    """Goes right."""

    def predict(self, obs, state=None, deterministic=True):
        return 1, state


def record(path, context, expert, *, refuse=lambda index: False):
    environment = __import__("gymnasium").make(expert.name)
    observation, _ = environment.reset(seed=context.seed)
    observations, actions, rewards, ended = [observation], [], [], False
    while not ended:
        action = int(context.rng.integers(2))
        observation, reward, ended, _, _ = environment.step(action)
        observations.append(observation)
        actions.append(action)
        rewards.append(reward)
    flags = np.zeros(len(rewards), bool)
    context.add_log(f"{len(rewards)} steps")
    episode = Episode(
        np.array(observations),
        np.array(actions),
        np.array(rewards),
        np.append(flags[:-1], True),
        flags,
        seed=context.seed,
        index=context.index,
    )
    if refuse(context.index):
        return False
    episode.save(path)
    return True


def test_an_own_enjoy_is_called_once_per_attempt_and_a_rejected_one_is_replaced(tmp_path, caplog):
    caplog.set_level("INFO")

    def enjoy(path, context, expert):
        return record(path, context, expert, refuse=lambda index: index % 2 == 0)

    Controller(enjoy).start({**CORRIDOR, "episodes": 4, "out": str(tmp_path / "x"), "parallel.n_jobs": 2})
    assert load(tmp_path / "x").episode_table["attempt_index"][:] == [1, 3, 5, 7]
    assert "attempt 1: " in caplog.text


def test_an_own_enjoy_gets_both_bounds_of_the_build(tmp_path):
    given = []

    def play(path, context, expert):
        given.append((expert.threshold, expert.max_return))
        return record(path, context, expert)

    bounds = {"threshold": 5, "max_return": 9}
    Controller(play).start({**CORRIDOR, **bounds, "episodes": 1, "out": str(tmp_path / "x")})
    assert given == [(5.0, 9.0)]


def test_an_own_enjoy_resumes_over_a_half_written_line_and_plays_a_damaged_file_again(tmp_path, caplog):
    def enjoy(path, context, expert):
        played.append(context.index)
        return record(path, context, expert)

    played = []
    Experts.register("right", Policy(name="Corridor-v0", policy=Always(), version="1"))
    config = {"expert": "right", "episodes": 4, "rollout.lanes": 1}
    Controller(enjoy).start({**config, "mode": "play", "out": str(tmp_path / "x")})
    (journal,) = chunk_folder(tmp_path / "x").glob("*/attempts.jsonl")
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([*lines[:3], lines[3][:20]]))
    (damaged,) = journal.parent.glob("attempt-00000001*")
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    played.clear()
    with caplog.at_level("WARNING", "builder"):
        Controller(enjoy).start({**config, "out": str(tmp_path / "x")})
    assert sorted(played) == [1, 3]
    assert "is damaged; its attempt is played again" in caplog.text
    Controller(enjoy).start({**config, "out": str(tmp_path / "y")})
    assert files(tmp_path / "x") == files(tmp_path / "y")


def test_an_own_enjoy_that_raises_stops_the_build_with_its_cause(tmp_path):
    def enjoy(path, context, expert):
        raise KeyError("no such joint")

    with pytest.raises(RolloutError, match="enjoy raised in attempt 0") as caught:
        Controller(enjoy).start({**CORRIDOR, "out": str(tmp_path / "x")})
    assert isinstance(caught.value.__cause__, KeyError)
    assert not (tmp_path / "x").exists()


def test_an_own_enjoy_that_records_nothing_is_an_error(tmp_path):
    with pytest.raises(RolloutError, match="accepted attempt 0 without recording it"):
        Controller(lambda path, context, expert: True).start({**CORRIDOR, "out": str(tmp_path / "x")})


@pytest.mark.parametrize(
    ("functions", "expected"),
    [
        ({"enjoy": lambda path, context: True}, r"enjoy\(path, context, expert\), called by keyword"),
        ({"enjoy": lambda where, context, expert: True}, r"got enjoy\(where, context, expert\)"),
        ({"collate": lambda episodes: True}, r"collate\(path, episodes\), called by position"),
    ],
)
def test_functions_that_cannot_be_called_are_refused_before_play(tmp_path, functions, expected):
    with pytest.raises(ConfigError, match=expected):
        Controller(**functions).start({**CORRIDOR, "out": str(tmp_path / "x")})
    assert not list(tmp_path.iterdir())


def test_an_own_enjoy_that_accepts_nothing_is_told_what_it_returned(tmp_path):
    with pytest.raises(BudgetError, match="enjoy returned True for 0 of 9 attempts, and 20 are wanted"):
        Controller(lambda path, context, expert: None).start(
            {**CORRIDOR, "max_attempts": 9, "out": str(tmp_path / "x")}
        )


def test_the_card_of_an_own_enjoy_claims_nothing_of_who_played_nor_what_was_accepted(tmp_path):
    Controller(record).start({**CORRIDOR, "episodes": 2, "out": str(tmp_path / "x")})
    card = (tmp_path / "x/README.md").read_text()
    assert "played by an `enjoy` function of its author's own" in card
    assert "| accepted | what its author's own `enjoy` accepted |" in card
    assert "every attempt" not in card.lower()
    assert "low end" not in card


def test_an_own_collate_gets_the_folder_and_the_files_and_its_folder_gets_a_manifest(tmp_path):
    seen = []

    def collate(path, episodes):
        seen.extend(Path(episode).name for episode in episodes)
        (Path(path) / "all.txt").write_text("mine")
        return True

    Controller(record, collate).start({**CORRIDOR, "episodes": 3, "out": str(tmp_path / "x")})
    assert seen == [f"attempt-0000000{index}.safetensors" for index in range(3)]
    assert list(json.loads((tmp_path / "x/manifest.json").read_text())["files"]) == ["all.txt"]


def test_an_own_collate_that_returns_false_changes_nothing(tmp_path):
    with pytest.raises(DatasetError, match="collate returned False"):
        Controller(collate=lambda path, episodes: False).start({**CORRIDOR, "out": str(tmp_path / "x")})
    assert not (tmp_path / "x").exists()


def test_build_takes_a_registered_policy_and_returns_its_dataset(tmp_path):
    Experts.register("righter", Policy("Corridor-v0", policy=Always, threshold=10.0, version="7"))
    dataset = build(expert="righter", episodes=6, out=tmp_path / "x")
    assert len(dataset) == 6
    assert min(dataset.episode_table["episode_return"]) >= 10
    assert set(dataset.arrays()["action"].tolist()) == {1}
    assert dataset.manifest.inputs["expert"]["version"] == "7"


def test_a_policy_without_a_version_is_not_pinned_and_never_taken_for_up_to_date(tmp_path):
    policy = Policy("Corridor-v0", policy=Always())
    build(expert=policy, episodes=3, out=tmp_path / "x")
    assert load(tmp_path / "x").manifest.inputs["expert"]["version"] == "not pinned"
    for episodes in (3, 4):  # the same again, or more of what may be another policy's
        with pytest.raises(ExistsError, match="not pinned"):
            build(expert=policy, episodes=episodes, out=tmp_path / "x")


def test_an_unknown_key_names_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'episodes'"):
        build(expert="random", episode=3, out=tmp_path / "x")


def test_chunks_of_a_running_build_are_whole_or_absent(tmp_path):
    start(tmp_path / "x", mode="play")
    store = ChunkStore(chunk_folder(tmp_path / "x"), next(chunk_folder(tmp_path / "x").glob("*/")).name)
    (store.folder / ".chunk-x.part").write_bytes(b"half")
    assert start(tmp_path / "x").manifest is not None
    assert not list(store.folder.glob(".*.part"))


class Forgetful(gym.Env):
    """Gives what nobody can repeat: numbers that go on counting from one object to the next."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float64)
    action_space = gym.spaces.Discrete(2)
    count = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1), {}

    def step(self, action):
        Forgetful.count += 1
        return np.array([float(Forgetful.count)]), 1.0, False, False, {}


def test_a_build_on_an_environment_that_does_not_repeat_itself_stops_before_it_plays(tmp_path):
    gym.register("Forgetful-v0", entry_point=Forgetful, max_episode_steps=5)
    config = {"expert": "random", "env.id": "Forgetful-v0", "episodes": 3, "out": str(tmp_path / "x")}
    with pytest.raises(EnvironmentError_, match="does not repeat itself") as caught:
        Controller().start(config)
    assert "gives something else at step 0 of seed " in caught.value.what
    assert not (tmp_path / "x").exists()
    Controller().start({**config, "verify_sample": 0})
    with pytest.raises(VerificationError, match="fails replay"):
        check(tmp_path / "x").raise_for_difference()


def test_a_build_of_one_episode_steps_one_again(tmp_path, caplog):
    caplog.set_level("INFO")
    Controller().start({"expert": "cartpole", "episodes": 1, "out": str(tmp_path / "x")})
    assert "verified: 1 of 1 episodes stepped again" in caplog.text
