"""The command in the card gives the inputs of the build again."""

import re
import shlex

import numpy as np
import pytest
from card_folders import inputs_of
from sweeps import sweep

from builder.card import render_card
from builder.composition import build_config
from builder.manifest.command import hydra_value
from builder.pipeline.prepare import prepare

ONE = [[1.0, 1.0]]


def commands(card: str) -> list[list[str]]:
    """The words of the commands below "Rebuilding"."""
    return [
        shlex.split(block.replace("\\\n", "")) for block in re.findall(r"```sh\n(.*?)```", card, re.DOTALL)
    ]


def test_overrides_beyond_expert_episodes_and_seed_are_only_those_that_differ(dataset):
    default = render_card(dataset(ONE, inputs=inputs_of("episodes=1")))
    assert commands(default) == [
        ["il-builder", "expert=cartpole", "episodes=1", "seed=0"],
        [
            *("mkdir", "-p", "data", "&&"),
            *("docker", "run", "--rm", "--user", "$(id -u):$(id -g)", "-v", "$PWD/data:/data", "il-builder"),
            *("expert=cartpole", "episodes=1", "seed=0"),
        ],
    ]
    changed = ["threshold=-inf", "max_attempts=7", "rollout.precision=float32", "dataset.test_fraction=0.5"]
    card = render_card(dataset(ONE, name="changed", inputs=inputs_of("episodes=1", *changed)))
    assert commands(card)[0][1:] == ["expert=cartpole", "episodes=1", "seed=0", *changed]


@sweep(
    "overrides",
    [
        ["expert=cartpole", "episodes=20", "seed=3"],
        ["expert=cartpole", "env.kwargs.sutton_barto_reward=true", "threshold=-1.5", "max_return=0"],
        pytest.param(
            [
                "expert=cartpole",
                "rollout.deterministic=false",
                "rollout.max_steps=100",
                "dataset.license=mit",
            ],
            marks=pytest.mark.slow,
        ),
        [
            "expert=cartpole",
            "env.max_episode_steps=200",
            "dataset.next_observation=false",
            "dataset.shard_mb=3",
        ],
        ["expert=random", "env.id=MountainCar-v0", "env.kwargs.goal_velocity=0.01", "max_attempts=12"],
        pytest.param(
            ["expert=random", "expert.name=noise", "env.id=CartPole-v1", "dataset.license=openrail++"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["expert=random", "env.id=Pendulum-v1", "env.max_episode_steps=50", "rollout.max_steps=60"],
            marks=pytest.mark.slow,
        ),
    ],
    ids=" ".join,
    quick=2,
)
def test_the_command_gives_the_same_inputs(dataset, overrides):
    build = prepare(build_config(overrides))
    spaces = (build.observation_space, build.action_space)
    folder = dataset([[1.0]], inputs=build.inputs, spaces=spaces)
    for words in commands(render_card(folder)):
        assert len(set(words)) == len(words)
        again = prepare(build_config(words[words.index("il-builder") + 1 :]))
        assert again.inputs == build.inputs


def test_a_local_archive_is_named_by_its_sha256_and_not_by_its_path(dataset):
    expert = {"name": "mine", "source": "local", "algo": "PPO", "version": "ab" * 32, "sha256": "ab" * 32}
    own, docker = commands(render_card(dataset(ONE, inputs=inputs_of("episodes=1", expert=expert))))
    assert own[1:] == [
        "expert=local",
        "expert.name=mine",
        "expert.path=path/to/archive.zip",
        f"expert.sha256={'ab' * 32}",
        "episodes=1",
        "seed=0",
        "env.id=CartPole-v1",
        "threshold=500.0",
    ]
    assert "expert.path=/data/archive.zip" in docker


def test_a_python_expert_is_named_by_its_target_and_has_no_container(dataset):
    expert = {"name": "python", "source": "python", "algo": None, "version": "v1", "target": "mine:make"}
    card = render_card(dataset(ONE, inputs=inputs_of("episodes=1", "threshold=-inf", expert=expert)))
    (words,) = commands(card)
    assert words[1:4] == ["expert=python", "expert.target=mine:make", "expert.version=v1"]


def test_an_expert_that_a_program_registered_has_no_command(dataset):
    expert = {"name": "mine", "source": "python", "algo": None, "version": "v1"}
    card = render_card(dataset(ONE, inputs=inputs_of("episodes=1", expert=expert)))
    assert commands(card) == []
    assert "registered as `mine`: only that program can play it again" in card


@sweep(
    "value",
    [
        *("plain", "it's", "a b", "1", "1.5", "true", "null", "a,b", "{x}", "", "a\\", "\\'", "x\\\\", "$"),
        *("${oc.env:HOME}", "\\${a}", 3, 2.5, True, None, -np.inf, [1, "b c"], {"k": [1.5, False]}),
    ],
    quick=10,
)
def test_hydra_reads_values_back_as_they_were(value):
    config = build_config(["expert=cartpole", f"env.kwargs.x={hydra_value(value)}"])
    assert config.env.kwargs == {"x": value}
    assert type(config.env.kwargs["x"]) is type(value)
