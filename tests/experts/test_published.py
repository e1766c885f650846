"""What was published of an expert's returns."""

import dataclasses

import numpy as np
import pytest
from agents import agent

from builder.composition import build_config
from builder.errors import ArchiveError, ExpertError
from builder.experts.published import read_published
from builder.pipeline.preflight import check_returns
from builder.pipeline.prepare import prepare


@pytest.mark.parametrize(
    ("env_id", "said", "played", "remedy"),
    [
        ("CartPole-v1", {}, True, "its statistics or wrappers may be missing"),
        ("CartPole-v1", {"is_deterministic": True}, True, "its statistics or wrappers may be missing"),
        ("CartPole-v1", {"is_deterministic": False}, True, "give rollout.deterministic=false"),
        ("CartPole-v1", {"is_deterministic": True}, False, "give rollout.deterministic=true"),
        ("PongNoFrameskip-v4", {}, True, "give rollout.deterministic=false"),
        ("PongNoFrameskip-v4", {"is_deterministic": True}, True, "its statistics or wrappers may be missing"),
    ],
)
def test_a_return_that_was_published_of_the_stochastic_policy_is_said(tmp_path, env_id, said, played, remedy):
    folder = agent(tmp_path / "a", mean_reward=900.0, std_reward=10.0, **said)
    overrides = [f"expert.path={folder}", "env.id=CartPole-v1", f"rollout.deterministic={played}"]
    build = prepare(build_config(["expert=local", *overrides]))
    policy = dataclasses.replace(build.expert.policy, name=env_id)
    build = dataclasses.replace(build, expert=dataclasses.replace(build.expert, policy=policy))
    with pytest.raises(ExpertError, match=remedy):
        check_returns(build, np.full(10, 500.0))


NO_RETURNS = [
    *("", "[]", "{}", "3", "[" * 100_000, '{"mean_reward": null}', '{"mean_reward": NaN}'),
    *('{"mean_return": 1e999}', '{"mean_return": "x"}', '{"mean_reward": ' + "9" * 400 + "}"),
    '{"mean_reward": 1, "std_reward": -1}',
]


@pytest.mark.parametrize("name", ["results.json", "published.json"])
def test_a_published_return_that_is_none_is_an_error(tmp_path, name):
    for content in NO_RETURNS:
        (tmp_path / name).write_text(content)
        with pytest.raises(ArchiveError, match=f"{name} beside the expert is damaged"):
            read_published(tmp_path)
