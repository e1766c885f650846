"""A worker keeps what it made for the next chunk of the same build, and says what it played."""

import dataclasses
import threading

import gymnasium as gym
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from worker_memory import alone, measured

from builder.composition.configuration import build_config
from builder.environments.environment import resolve
from builder.episodes.acceptance import Acceptance
from builder.episodes.recording_file import read_recording
from builder.errors import ExpertError, RolloutError
from builder.experts.actor import pack
from builder.experts.foreign import Manner
from builder.experts.sources.python import PythonPlayer
from builder.parallel.backends import open_workers
from builder.parallel.workers import ParallelConfig
from builder.pipeline.prepare import prepare
from builder.rollout.worker import ChunkTask, Setup, _resources, play_chunk, release

OWN = Manner(alone=False, copies="deepcopy")


class Counted:
    """A policy that counts how often it was made."""

    made = 0

    def __init__(self):
        type(self).made += 1

    def predict(self, obs, state=None, deterministic=True):
        return 1, state


def setup_of(policy, identity, env_id="Corridor-v0"):
    found = resolve(env_id, {}, max_episode_steps=None, max_steps=None)
    environment = dataclasses.replace(found, reusable=True)
    return Setup(identity, environment, pack(PythonPlayer(policy, manner=OWN)), "mine", 0, 4)


def factory():
    return Counted()


def test_the_expert_is_made_once_per_worker_not_per_chunk_or_episode(tmp_path):
    before = Counted.made
    setup = setup_of(factory, "once")
    for start in (0, 5, 10):
        play_chunk(ChunkTask(setup, start, start + 5, tmp_path / f"{start}.safetensors"))
    assert Counted.made == before + 1


def test_another_setup_makes_another_expert(tmp_path):
    before = Counted.made
    for identity in ("one", "two"):
        play_chunk(ChunkTask(setup_of(factory, identity), 0, 3, tmp_path / "x.safetensors"))
    assert Counted.made == before + 2


def test_another_build_plays_its_own_expert_though_nothing_else_tells_them_apart(tmp_path):
    for number in (0, 1):
        setup = setup_of(Fixed(number), "the same")
        path = play_chunk(ChunkTask(setup, 0, 3, tmp_path / f"{number}.safetensors")).path
        assert set(read_recording(path)[0].actions[0].tolist()) == {number}


class Parts:
    """Has a chunk played in parts, and hears what each has taken."""

    def __init__(self, first):
        self.first, self.heard = first, []

    def parts(self, attempts):
        return [(attempts[: self.first], 2), (attempts[self.first :], 4)]

    def measured(self, attempts, lanes, *, steps, seconds):
        self.heard.append((attempts, lanes, steps))
        assert seconds > 0


def test_a_chunk_that_is_played_in_parts_is_the_same_recording(tmp_path):
    setup = setup_of(Fixed(1), "parts")
    whole = play_chunk(ChunkTask(setup, 3, 12, tmp_path / "whole.safetensors"))
    with _resources(setup) as kept:
        kept.lanes = parts = Parts(5)
    played = play_chunk(ChunkTask(setup, 3, 12, tmp_path / "parts.safetensors"))
    assert played.path.read_bytes() == whole.path.read_bytes()
    lengths = whole.lengths.tolist()
    assert parts.heard == [(range(3, 8), 2, sum(lengths[:5])), (range(8, 12), 4, sum(lengths[5:]))]


def test_who_plays_alone_plays_in_one_lane_whatever_is_chosen(tmp_path):
    setup = setup_of(Fixed(1), "alone")
    setup = dataclasses.replace(setup, environment=dataclasses.replace(setup.environment, single=True))
    with _resources(setup) as kept:
        kept.lanes = parts = Parts(5)
    play_chunk(ChunkTask(setup, 0, 9, tmp_path / "x.safetensors"))
    assert parts.heard == []


class Fixed:
    def __init__(self, action):
        self.action = action

    def predict(self, obs, state=None, deterministic=True):
        return self.action, state


class Closing(gym.Env):
    """Counts those of its objects that are open."""

    observation_space = gym.spaces.Box(-1, 1, (1,))
    action_space = gym.spaces.Discrete(2)
    opened = 0

    def __init__(self, fails=False):
        self.fails, self.closed = fails, False
        Closing.opened += 1

    def reset(self, *, seed=None, options=None):
        return np.zeros(1, np.float32), {}

    def step(self, action):
        if self.fails:
            raise RuntimeError("unstable")
        return np.zeros(1, np.float32), 1.0, True, False, {}

    def close(self):
        Closing.opened -= not self.closed
        self.closed = True


gym.register("Closing-v0", Closing, max_episode_steps=3)


def closing_setup(**kwargs):
    environment = resolve("Closing-v0", kwargs, max_episode_steps=None, max_steps=None)
    environment = dataclasses.replace(environment, reusable=True)
    return Setup("x", environment, pack(PythonPlayer(Fixed(1), manner=OWN)), "mine", 0, 4)


def test_what_is_kept_for_a_build_is_closed_with_it(tmp_path):
    setup = closing_setup()
    play_chunk(ChunkTask(setup, 0, 8, tmp_path / "x.safetensors"))
    assert Closing.opened == 4
    release("another")
    assert Closing.opened == 4
    release(setup.token)
    assert Closing.opened == 0


def test_what_is_kept_for_a_build_is_closed_where_the_next_begins(tmp_path):
    play_chunk(ChunkTask(closing_setup(), 0, 8, tmp_path / "x.safetensors"))
    play_chunk(ChunkTask(setup_of(Fixed(1), "next"), 0, 3, tmp_path / "y.safetensors"))
    assert Closing.opened == 0


def test_nothing_is_kept_of_a_chunk_that_failed(tmp_path):
    with pytest.raises(RolloutError, match="unstable"):
        play_chunk(ChunkTask(closing_setup(fails=True), 0, 8, tmp_path / "x.safetensors"))
    assert Closing.opened == 0


def test_what_is_in_use_is_closed_once_it_is_not(tmp_path):
    setup, inside, go_on = closing_setup(), threading.Event(), threading.Event()

    def waits():
        with _resources(setup):
            inside.set()
            go_on.wait()

    thread = threading.Thread(target=waits)
    thread.start()
    inside.wait()
    release(setup.token)
    assert Closing.opened == 1
    go_on.set()
    thread.join()
    assert Closing.opened == 0


def test_a_summary_says_what_the_file_holds(tmp_path):
    summary = play_chunk(ChunkTask(setup_of(factory, "summary"), 3, 9, tmp_path / "x.safetensors"))
    recording, header = read_recording(summary.path)
    assert (header.start, header.stop, header.policy, header.identity) == (3, 9, "mine", "summary")
    assert (summary.start, summary.stop) == (3, 9)
    np.testing.assert_array_equal(summary.returns, recording.returns)
    np.testing.assert_array_equal(summary.lengths, recording.lengths)
    assert summary.row_bytes == 16 + 8 + 8
    assert summary.judged(Acceptance(10.0)).accepted.tolist() == (recording.returns >= 10).tolist()


def test_a_policy_that_cannot_be_sent_is_an_error_with_its_remedy():
    with pytest.raises(ExpertError, match=r"cannot be sent to the workers.*give a factory"):
        pack(PythonPlayer(threading.Lock()))


@pytest.mark.slow
@pytest.mark.parametrize("expert", ["cartpole", "pendulum"])
def test_a_process_that_plays_takes_little_more_than_its_environment(expert, tmp_path):
    build = prepare(build_config([f"expert={expert}", f"out={tmp_path}"]))
    player = pack(build.player)
    setup = Setup("memory", build.environment, player, build.expert.name, root_seed=0, lanes=8)
    get_reusable_executor().shutdown()  # one that wrote a dataset for another test has what that takes
    with open_workers(ParallelConfig(backend="loky", n_jobs=2)) as workers:
        task = ChunkTask(setup, 0, 32, tmp_path / "x.safetensors")
        ((megabytes, heavy),) = workers.run(measured, [task])
    assert heavy == []
    assert megabytes - alone(build.environment.id) < 60  # MB; about 20 as it is
