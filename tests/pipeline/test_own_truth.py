"""What a user's own `enjoy` recorded is held against the environment where that can be known."""

import gymnasium as gym
import numpy as np
import pytest
from huggingface_hub import DatasetCard
from sweeps import sweep
from verification import check

from builder import Controller, Episode, Policy, build, load
from builder.errors import VerificationError
from builder.pipeline.own_truth import ENDS, REWARDS, UNCHECKED


def recorder(*, recorded="played", environment=None, seeded=True, reward=lambda given: given, most=200):
    """An `enjoy` that plays with noise and records one thing or another."""

    def enjoy(path, context, expert):
        made = environment() if environment else expert.get_environment()
        observation, _ = made.reset(seed=context.seed if seeded is True else seeded)
        first, steps, state, over = observation, [], None, False
        while not over:
            label, state = expert.predict(observation, state)
            played = np.clip(label + context.rng.normal(0, 0.1, 1).astype(np.float32), -2, 2)
            observation, given, terminated, truncated, _ = made.step(played)
            truncated = truncated or len(steps) + 1 == most
            action = played if recorded == "played" else label
            steps.append((observation, action, reward(given), terminated, truncated))
            over = terminated or truncated
        after, actions, *ends = zip(*steps, strict=True)
        columns = map(np.array, ((first, *after), actions, *ends))
        said = {} if seeded is None else {"seed": context.seed if seeded is True else seeded}
        Episode(*columns, index=context.index, **said).save(path)
        return True

    return enjoy


def start(out, enjoy, **config):
    Controller(enjoy).start({"expert": "pendulum", "episodes": 4, "out": str(out), **config})
    return load(out).manifest.notes


def test_what_was_played_is_stepped_again_and_there_is_nothing_to_note(tmp_path, caplog):
    caplog.set_level("INFO", "builder")
    assert start(tmp_path / "x", recorder()) == ()
    assert "verified: 3 of 4 episodes stepped again" in caplog.text
    check(tmp_path / "x", "files").raise_for_difference()


def test_clean_labels_in_the_place_of_actions_are_refused(tmp_path):
    with pytest.raises(VerificationError) as caught:
        start(tmp_path / "x", recorder(recorded="label"))
    assert caught.value.what == (
        "`enjoy` recorded actions that do not lead to its observations: Pendulum-v1, stepped again with those"
        " of episode 0, gives another observation after step 0"
    )
    assert "record as actions what was given to step" in caught.value.remedy
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_without_the_check_the_card_says_that_nobody_has_checked(tmp_path):
    assert start(tmp_path / "x", recorder(recorded="label"), verify_sample=0) == (UNCHECKED,)
    said = "- No episode was stepped again, so whether its actions lead to its observations is unknown.\n"
    assert said in (tmp_path / "x/README.md").read_text()
    check(tmp_path / "x", "files").raise_for_difference()


class Heavier(gym.Wrapper):
    """Begins elsewhere: not the build's environment."""

    def reset(self, **keywords):
        _, info = self.env.reset(**keywords)
        self.unwrapped.state = np.array([0.1, 0.2])
        return self.unwrapped._get_obs(), info


@sweep(
    "keys",
    [{"seeded": None}, {"environment": lambda: Heavier(gym.make("Pendulum-v1"))}],
    ids=["no seed", "another environment"],
)
def test_what_cannot_be_stepped_again_is_said(tmp_path, keys):
    (note,) = start(tmp_path / "x", recorder(**keys))
    assert note.startswith("3 of 3 episodes that were to be stepped again begin otherwise in Pendulum-v1")


@pytest.mark.slow
def test_a_seed_of_ones_own_is_as_good(tmp_path):
    assert start(tmp_path / "x", recorder(seeded=7)) == ()


@sweep(
    ("keys", "note"),
    [({"reward": lambda given: given / 10}, REWARDS), ({"most": 20}, ENDS)],
    ids=["rewards", "ends"],
)
@pytest.mark.slow
def test_rewards_and_ends_of_ones_own_are_said_and_not_refused(tmp_path, keys, note):
    assert start(tmp_path / "x", recorder(**keys)) == (note.format(env_id="Pendulum-v1"),)


def test_an_environment_that_raises_for_the_recorded_actions_shows_that_they_were_not_played(tmp_path):
    class Picky(gym.Wrapper):
        def step(self, action):
            if abs(float(action[0])) < 1.5:
                raise ValueError("too weak")
            return self.env.step(action)

    gym.register("Picky-v0", lambda: Picky(gym.make("Pendulum-v1").unwrapped), max_episode_steps=9)

    def enjoy(path, context, expert):
        made = expert.get_environment()
        observation, _ = made.reset(seed=context.seed)
        after, *ends = made.step(np.array([2.0], np.float32))
        columns = ([observation, after], [np.array([0.5], np.float32)], *([end] for end in ends[:3]))
        Episode(*map(np.array, columns), seed=context.seed, index=context.index).save(path)
        return True

    config = {"expert": "random", "env.id": "Picky-v0", "episodes": 1}
    with pytest.raises(VerificationError, match="of episode 0, raises ValueError: too weak"):
        start(tmp_path / "x", enjoy, **config)


@pytest.mark.slow
def test_dicts_and_images_are_held_against_the_environment_too(tmp_path):
    def enjoy(path, context, expert):
        made = expert.get_environment()
        observation, _ = made.reset(seed=context.seed)
        observations, actions, ends, over = [observation], [], [], False
        while not over:
            action, _ = expert.predict(observation)
            observation, *end, _ = made.step(action)
            observations.append(observation), actions.append(action), ends.append(end)
            over = end[1] or end[2]
        stacked = {key: np.array([seen[key] for seen in observations]) for key in observations[0]}
        done = tuple(np.array(part) for part in zip(*actions, strict=True))
        rewards, terminated, truncated = map(np.array, zip(*ends, strict=True))
        if spoil:
            stacked["view"][1] += 1
        Episode(stacked, done, rewards, terminated, truncated, context.seed, context.index).save(path)
        return True

    config = {"expert": "random", "env.id": "Nested-v0"}
    spoil = False
    assert start(tmp_path / "x", enjoy, **config) == ()
    spoil = True
    with pytest.raises(VerificationError, match="gives another observation after step 0"):
        start(tmp_path / "y", enjoy, **config)


@pytest.mark.slow
def test_the_card_of_an_own_enjoy_says_nothing_of_what_it_may_not_have_played(tmp_path):
    from stable_baselines3 import PPO

    model = PPO("MlpPolicy", "CartPole-v1", seed=0, n_steps=8, batch_size=8)

    def noisy(path, context, expert):
        made = expert.get_environment()
        observation, _ = made.reset(seed=context.seed)
        observations, actions, ends, over = [observation], [], [], False
        while not over:
            clean, _ = model.predict(observation, deterministic=True)
            action = int(clean) if context.rng.random() < 0.9 else int(context.rng.integers(2))
            observation, *end, _ = made.step(action)
            observations.append(observation), actions.append(action), ends.append(end)
            over = end[1] or end[2]
        columns = (observations, actions, *zip(*ends, strict=True))
        Episode(*map(np.array, columns), seed=context.seed, index=context.index).save(path)
        return True

    assert start(tmp_path / "x", noisy, **{"expert": "random", "env.id": "CartPole-v1"}) == ()
    card = (tmp_path / "x/README.md").read_text()
    assert "| actions | whatever its author's own `enjoy` chose |" in card
    assert not {"random-trajectories", "expert-trajectories"} & set(DatasetCard(card).data.tags)


@pytest.mark.slow
def test_the_card_of_a_foreign_policy_says_what_it_was_asked(tmp_path):
    class Noisy:
        def predict(self, obs, state=None, deterministic=True):
            return np.array([0.5], np.float32), state

    policy = Policy("Pendulum-v1", policy=Noisy(), version="1")
    for deterministic in (True, False):
        out = tmp_path / str(deterministic)
        build(policy, episodes=1, out=out, rollout={"deterministic": deterministic})
        card = (out / "README.md").read_text()
        assert (
            f"| actions | what its `predict` answered, asked with `deterministic={deterministic}` |" in card
        )
        assert "One deterministic policy" not in card
