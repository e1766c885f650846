"""The first waves of a build, and which workers it goes on with."""

import dataclasses
import math
import re
import sys
import types
from contextlib import contextmanager

import gymnasium as gym
import pytest
from corridor import CORRIDOR, record

from builder import Controller, Policy
from builder.composition import build_config
from builder.parallel.auto import open_auto
from builder.parallel.choice import Terms
from builder.parallel.machine import Machine
from builder.pipeline.finish import finish
from builder.pipeline.instances import settle
from builder.pipeline.manner import with_manner
from builder.pipeline.opening import opened
from builder.pipeline.own_functions import OwnFunctions
from builder.pipeline.play import play
from builder.pipeline.prepare import prepare
from builder.pipeline.runs import ChunkRun, assembly_of
from builder.rollout import worker

EAGER = Terms(worth=0.0, start=-math.inf, measured=0.0)


def two_cores():
    return Machine(2.0)


def built(out, terms=EAGER, machine=two_cores, **config):
    """A build by workers that are chosen on these terms, and where its chunks were played."""
    config = build_config(
        {"expert": "cartpole", "episodes": 24, "out": str(out), "verify_sample": 0, **config}
    )
    build = with_manner(settle(prepare(config, OwnFunctions()), None))
    build.store.describe(build.collation.to_json())
    run = ChunkRun(build, build.store, assembly_of(build, build.store))
    seen = []

    @contextmanager
    def opening(parallel, shared):
        with open_auto(parallel, shared, terms, machine) as workers:
            yield workers
            seen.append(workers)
            seen.append([kept for kept in worker._by_thread.values() if kept.setup is run._setup])

    played = play(build, run, opening)
    manifest = finish(build, run.files(played), run.collate)
    return manifest, *seen, run


@pytest.fixture
def lines(caplog):
    caplog.set_level("INFO")
    return lambda: [m for m in caplog.messages if m.startswith(("1 thread", "2 processes"))]


def test_a_build_that_goes_on_with_processes_has_the_bytes_of_one_that_does_not(tmp_path, lines):
    """10 attempts are checked first; then the pace is known, and the other 14 are played by two processes."""
    switched, workers, kept_here, run = built(tmp_path / "a/x")
    assert (workers.count, kept_here) == (2, [])
    assert [(chunk.start, chunk.stop) for chunk in sorted(run.summaries, key=lambda chunk: chunk.start)] == [
        (0, 10), (10, 17), (17, 24),
    ]  # fmt: skip
    threads = Controller().start(
        {"expert": "cartpole", "episodes": 24, "out": str(tmp_path / "b/x"), "parallel": "threading"}
    )
    assert switched.fingerprint == threads.manifest.fingerprint
    (line,) = lines()
    assert re.fullmatch(r"2 processes: about [\d.]+ s remain on one; 2 cores", line)


def test_a_short_build_starts_no_process_and_says_so_in_one_line(tmp_path, lines):
    _, workers, _, run = built(tmp_path / "x", Terms())
    assert (workers.count, workers.here, workers.undecided) == (1, True, False)
    assert len(run.summaries) == 2
    (line,) = lines()
    assert re.fullmatch(r"1 thread: about [\d.]+ s remain", line)


def test_a_build_that_was_stopped_goes_on_with_what_it_has_and_has_the_same_bytes(tmp_path):
    built(tmp_path / "a/x", episodes=14)
    grown, workers, _, run = built(tmp_path / "a/x", episodes=60)
    assert workers.count == 2
    assert sum(len(chunk.returns) for chunk in run.summaries if chunk.seconds) == 60 - 14
    assert grown.fingerprint == built(tmp_path / "b/x", Terms(), episodes=60)[0].fingerprint


def test_where_all_is_played_before_the_pace_is_known_nothing_is_chosen(tmp_path, lines):
    _, workers, _, _ = built(tmp_path / "x", episodes=10)
    assert workers.here
    assert lines() == []


@pytest.mark.parametrize(
    ("seconds", "horizon", "measures_up_to", "decides"),
    [(0.5, 1_000, 30, False), (0.5, 25, 25, False), (0.5, 250, 250, True), (2.0, 1_000, 1_000, True)],
    ids=["little is known", "little is left", "too short to matter", "enough is known"],
)
def test_waves_stay_small_until_enough_has_been_measured(tmp_path, seconds, horizon, measures_up_to, decides):
    """10 attempts have taken so many seconds, where a second is to be measured."""
    terms = Terms(worth=12.0 if horizon > 25 else 0.0, start=1e9)
    _, _, _, run = built(tmp_path / "x", episodes=10)
    run.summaries[:] = [dataclasses.replace(run.summaries[0], seconds=seconds)]
    with open_auto(run._build.config.parallel, None, terms, two_cores) as workers:
        assert opened(run._build, run, workers, 10, horizon) == measures_up_to
        assert workers.undecided is not decides


def test_with_one_core_all_is_played_in_one_wave_after_the_check(tmp_path, lines):
    _, _, _, run = built(tmp_path / "x", machine=lambda: Machine(1.0))
    assert [len(chunk.returns) for chunk in run.summaries] == [10, 14]
    assert lines() == ["1 thread: 1 core"]


def test_without_a_check_the_first_wave_is_bounded_by_the_time_limit(tmp_path):
    config = {"expert": "random", "env.id": "CartPole-v1", "episodes": 30}
    _, workers, _, run = built(tmp_path / "x", **config)
    assert workers.count == 2
    assert len(run.summaries[0].returns) == 10_000 // 500


def test_an_environment_that_processes_cannot_make_is_played_on_here(tmp_path, lines):
    """Its module is of this program alone, as one that a notebook has made."""

    class Hidden(gym.Env):
        observation_space = gym.spaces.Discrete(5)
        action_space = gym.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return int(self.np_random.integers(5)), {}

        def step(self, action):
            return int(self.np_random.integers(5)), 1.0, bool(self.np_random.integers(2)), False, {}

    module = types.ModuleType("only_here")
    Hidden.__module__, Hidden.__qualname__, module.Hidden = "only_here", "Hidden", Hidden
    sys.modules["only_here"] = module
    gym.register("OnlyHere-v0", "only_here:Hidden", max_episode_steps=1_000)
    try:
        manifest, workers, _, _ = built(tmp_path / "x", expert="random", **{"env.id": "OnlyHere-v0"})
    finally:
        del sys.modules["only_here"], gym.registry["OnlyHere-v0"]
    assert (workers.here, manifest.accepted) == (True, 24)
    (line,) = lines()
    assert line.startswith("1 thread: processes cannot do it (")


class Set:
    """Plays what this program has set."""

    action = 0

    def predict(self, obs, state=None, deterministic=True):
        return Set.action, state


def test_an_expert_that_depends_on_what_this_program_has_set_is_played_on_here(tmp_path, lines, monkeypatch):
    """In another process it is what its module makes of it."""
    monkeypatch.setattr(Set, "action", 1)
    expert = Policy("Corridor-v0", policy=Set, version="1")
    manifest, workers, _, _ = built(
        tmp_path / "x", expert=expert, **{"env.id": "Corridor-v0", "env.max_episode_steps": 1_000}
    )
    assert (workers.here, manifest.accepted) == (True, 24)
    (line,) = lines()
    assert "cannot do it (NotRepeatedError: attempt 0 is another one in a process of its own)" in line


def test_instances_that_disturb_each_other_stay_in_this_process(tmp_path, lines):
    _, workers, _, _ = built(tmp_path / "x", **{"env.instances": "single"})
    assert workers.here
    assert lines() == ["1 thread: CartPole-v1 must be alone in its process; parallel=loky uses all cores"]


def test_a_function_of_the_users_own_is_called_here(tmp_path, lines):
    Controller(record).start({**CORRIDOR, "episodes": 4, "parallel": "auto", "out": str(tmp_path / "x")})
    (line,) = lines()
    assert line in ("1 thread: it calls a function of yours", "1 thread: 1 core")
