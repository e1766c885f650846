"""Why ale-py's vector environment is not used: it does not show what the single one does (docs/atari.md)."""

import gymnasium as gym
import numpy as np
import pytest

ale_py = pytest.importorskip("ale_py", reason="the extra atari is not installed")
GAME = "ALE/Breakout-v5"
RAW = {
    "stack_num": 1,
    "grayscale": False,
    "img_height": 210,
    "img_width": 160,
    "maxpool": False,
    "noop_max": 0,
    "use_fire_reset": False,
    "reward_clipping": False,
}


def vector(count, sticky=0.0):
    gym.register_envs(ale_py)
    return gym.make_vec(
        GAME,
        count,
        vectorization_mode="vector_entry_point",
        frameskip=4,
        repeat_action_probability=sticky,
        num_threads=1,
        **RAW,
    )


@pytest.fixture(scope="module")
def pair():
    """Per game: whether each observation of the two is equal, and whether rewards and ends are."""
    lanes, count = vector(3), 3
    singles = [gym.make(GAME, frameskip=4, repeat_action_probability=0.0).unwrapped for _ in range(count)]
    actions = np.random.default_rng(0).integers(0, 4, (400, count))
    first, _ = lanes.reset(seed=np.arange(count))
    begun = [environment.reset(seed=index)[0] for index, environment in enumerate(singles)]
    equal = [[bool((begun[index] == first[index, 0]).all())] for index in range(count)]
    told, playing = [[] for _ in range(count)], set(range(count))
    for row in actions:
        seen, rewards, terminated, truncated, _ = lanes.step(row)
        for index in sorted(playing):
            observation, reward, *ends, _ = singles[index].step(row[index])
            equal[index].append(bool((observation == seen[index, 0]).all()))
            told[index].append((reward, *ends) == (rewards[index], terminated[index], truncated[index]))
            if any(ends):
                playing.discard(index)
        if not playing:
            break
    assert not playing
    lanes.close()
    return equal, told


def test_raw_frames_rewards_and_ends_are_equal_up_to_the_last_frame(pair):
    equal, told = pair
    assert all(all(steps[:-1]) for steps in equal)
    assert all(all(steps) for steps in told)


def test_the_last_frame_of_a_game_that_is_over_is_the_one_before(pair):
    assert not all(steps[-1] for steps in pair[0])


def test_a_negative_seed_is_none():
    lanes = vector(1, sticky=0.5)
    actions = np.random.default_rng(0).integers(0, 4, 60)

    def played(seed):
        lanes.reset(seed=np.array([seed]))
        return [lanes.step(np.array([action]))[0].tobytes() for action in actions]

    assert played(5) == played(5)
    assert played(-5) != played(-5)
    lanes.close()
