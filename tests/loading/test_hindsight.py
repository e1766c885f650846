"""Goals of hindsight against an environment whose rewards anybody can compute."""

import gymnasium as gym
import numpy as np
import pytest

from builder import build, load
from builder.errors import ConfigError, EnvironmentError_

TWO = gym.spaces.Box(-9, 9, (2,), np.float64)


class Reach(gym.Env):
    """Walk to a place; whoever is there is done."""

    observation_space = gym.spaces.Dict({"observation": TWO, "achieved_goal": TWO, "desired_goal": TWO})
    action_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    singly = False
    bonus = 0.0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at, self.goal, self.left = np.zeros(2), self.np_random.uniform(-1, 1, 2), 6
        return self.seen(), {}

    def step(self, action):
        self.at, self.left = self.at + action, self.left - 1
        reward, over = (f(self.at, self.goal, {}) for f in (self.compute_reward, self.compute_terminated))
        return self.seen(), float(reward), bool(over), self.left == 0, {}

    def seen(self):
        return {
            "observation": self.at.copy(),
            "achieved_goal": self.at.copy(),
            "desired_goal": self.goal.copy(),
        }

    def compute_reward(self, achieved, desired, info):
        if self.singly and achieved.ndim > 1:
            raise ValueError("one at a time")
        return self.bonus - (np.abs(achieved - desired).sum(-1) > 0.7)

    def compute_terminated(self, achieved, desired, info):
        return not np.any(np.abs(achieved - desired).sum() > 0.7)  # of one goal alone


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    gym.register("Reach-v0", entry_point=Reach, max_episode_steps=6)
    out = tmp_path_factory.mktemp("hindsight") / "x"
    build(expert="random", env={"id": "Reach-v0"}, episodes=30, out=str(out))
    yield load(out)
    gym.registry.pop("Reach-v0")


@pytest.mark.parametrize("singly", [False, True])
def test_changed_steps_have_a_goal_of_their_own_future_and_its_reward(dataset, singly):
    env = Reach()
    env.singly = singly
    found, recorded = dataset.hindsight(0.5, seed=1, environment=env), dataset.arrays()
    assert found.keys() == recorded.keys() | {"relabelled"}
    assert 0.3 < found["relabelled"].mean() < 0.7
    achieved = recorded["next_observation.achieved_goal"]
    for row, changed in enumerate(found["relabelled"]):
        goal = found["observation.desired_goal"][row]
        np.testing.assert_array_equal(goal, found["next_observation.desired_goal"][row])
        if changed:
            same = recorded["episode_index"] == recorded["episode_index"][row]
            future = achieved[same & (recorded["step_index"] >= recorded["step_index"][row])]
            assert (future == goal).all(1).any()
        else:
            np.testing.assert_array_equal(goal, recorded["observation.desired_goal"][row])
        assert found["reward"][row] == Reach().compute_reward(achieved[row], goal, {})
        assert found["terminated"][row] == Reach().compute_terminated(achieved[row], goal, {})
    for name in ("observation.observation", "action", "truncated", "episode_index"):
        np.testing.assert_array_equal(found[name], recorded[name])


def test_the_last_step_and_every_later_one_are_drawn(dataset):
    found = [dataset.hindsight(1.0, seed=seed)["observation.desired_goal"] for seed in range(25)]
    steps = dataset.arrays()
    first = int(np.flatnonzero(steps["step_index"] == 0)[np.argmax(dataset.episode_table["length"])])
    length = max(dataset.episode_table["length"])
    drawn = {tuple(goals[first]) for goals in found}
    assert drawn == {tuple(goal) for goal in steps["next_observation.achieved_goal"][first : first + length]}


def test_the_seed_and_the_share_decide(dataset):
    one, same, other = (dataset.hindsight(0.5, seed=seed)["relabelled"] for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    nothing = dataset.hindsight(0.0)
    assert not nothing["relabelled"].any()
    np.testing.assert_array_equal(nothing["reward"], dataset["reward"])
    assert dataset[2:4].hindsight(1.0)["relabelled"].all()


def test_an_environment_of_other_rewards_is_refused(dataset):
    other = Reach()
    other.bonus = 1.0
    with pytest.raises(EnvironmentError_, match="compute_reward does not give what was recorded in row 0"):
        dataset.hindsight(environment=other)
    with pytest.raises(EnvironmentError_, match="has no compute_reward"):
        dataset.hindsight(environment=gym.make("CartPole-v1"))


def test_what_has_no_goals_or_no_whole_episodes_is_refused(dataset, dataset_of):
    with pytest.raises(ConfigError, match="hindsight takes goals"):
        load(dataset_of("dict")).hindsight()
    for part in (dataset.every(2), dataset.stacked(2)):
        with pytest.raises(ConfigError, match="whole episodes"):
            part.hindsight()
    for share in (-0.1, 1.1, True, float("nan")):
        with pytest.raises(ConfigError, match="share of the steps"):
            dataset.hindsight(share)
