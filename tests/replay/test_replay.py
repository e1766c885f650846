"""Environments are stepped again, and the first thing that differs is named with its place."""

import sys

from verification import STEPS, check, failure, rewrite

from builder.config import ParallelConfig
from builder.replay import replay


def test_a_wrong_action_is_found_by_replay_at_its_episode_and_step(folder):
    def change(columns):
        row = columns["episode_index"].index(3) + 7
        columns["action"][row] = (columns["action"][row] + 1) % 3

    rewrite(folder, STEPS, change)
    check(folder, "files").raise_for_difference()
    name, difference = failure(folder)
    assert (name, difference.file, difference.episode, difference.step) == ("replay", STEPS, 3, 7)
    assert difference.column == "next_observation"


def test_of_two_differences_the_first_is_named_whoever_finds_it(folder, monkeypatch):
    def change(columns):
        for episode in (1, 4):
            row = columns["episode_index"].index(episode)
            columns["action"][row] = (columns["action"][row] + 1) % 3

    rewrite(folder, STEPS, change)
    monkeypatch.setattr(sys.modules["builder.replay.replay"], "STEPS_PER_TASK", 1)
    found = replay(folder, {"train": range(6)}, parallel=ParallelConfig(backend="threading", n_jobs=3))
    assert (found.difference.episode, found.difference.step) == (1, 0)


def test_a_changed_reward_is_found_by_replay(folder):
    def change(columns):
        first = columns["episode_index"].index(5)
        columns["reward"][first], columns["reward"][first + 1] = -0.5, -1.5

    rewrite(folder, STEPS, change)
    name, difference = failure(folder)
    assert (name, difference.episode, difference.step, difference.column) == ("replay", 5, 0, "reward")
    assert (difference.expected, difference.got) == ("-1.0", "-0.5")
