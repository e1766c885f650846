"""From an expert to what can be asked of it."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import SMALL, box, make_model, statistics

from builder.config import ExpertConfig, RolloutConfig
from builder.errors import ConfigError
from builder.experts.actor import RandomPlayer
from builder.experts.minds import teacher_columns
from builder.experts.sources.files import expert_in_files
from builder.experts.sources.portable import save_portable

ROLLOUT = RolloutConfig(1, True, "float64", None)
SPACES = box(3), gym.spaces.Discrete(2)


def expert_of(path, **more):
    config = ExpertConfig(name="mine", source="local", path=str(path), **more)
    return expert_in_files(config, path)


def columns(expert, *names, **more):
    player = expert.player(ROLLOUT, env_id="CartPole-v1", max_episode_steps=500)
    return teacher_columns(expert, player, names, spaces=SPACES, **more)


@pytest.fixture
def agent(tmp_path):
    folder = tmp_path / "agent"
    folder.mkdir()
    make_model("PPO", "MlpPolicy", *SPACES, gamma=0.98, **SMALL).save(folder / "agent.zip")
    return folder


def test_notes_state_the_discount_and_that_nothing_is_known_of_the_rewards(agent):
    (note,) = columns(expert_of(agent / "agent.zip"), "value").notes
    assert (
        "returns as training counted them, with a gamma of 0.98; whether training scaled rewards, no" in note
    )
    assert columns(expert_of(agent / "agent.zip"), "log_prob").notes == ()


def test_notes_state_what_rewards_were_divided_by(agent):
    vector = statistics(clip_reward=5.0)
    vector.save(str(agent / "vec_normalize.pkl"))
    (agent / "config.yml").write_text("normalize: true\n")
    (note,) = columns(expert_of(agent / "agent.zip"), "value").notes
    deviation = np.sqrt(vector.ret_rms.var + vector.epsilon)
    assert f"divided rewards by {deviation:.6g} (VecNormalize, as at its end) and clipped them to +-5" in note


def test_a_kept_expert_lacks_its_critics(agent, tmp_path):
    expert = expert_of(agent / "agent.zip")
    save_portable(expert.trained.portable(), tmp_path / "kept")
    kept = expert_of(tmp_path / "kept")
    with pytest.raises(ConfigError, match=r"mine has no value, since its critics were not kept with it"):
        columns(kept, "value")
    assert columns(kept, "log_prob").columns[0].name == "teacher.log_prob"


def test_an_agent_with_memory_is_refused(tmp_path):
    path = tmp_path / "agent.zip"
    make_model("RecurrentPPO", "MlpLstmPolicy", *SPACES).save(path)
    with pytest.raises(ConfigError, match=r"has no value, since it has a memory; leave value out"):
        columns(expert_of(path), "value")


def test_agents_of_other_libraries_are_refused(agent):
    expert = expert_of(agent / "agent.zip")
    other = dataclasses.replace(expert.trained.agent, policy_class="cleanrl.ppo")
    trained = dataclasses.replace(expert.trained, agent=other)
    with pytest.raises(ConfigError, match="only agents of Stable-Baselines3"):
        columns(dataclasses.replace(expert, trained=trained), "value")


def test_random_actions_think_nothing(agent):
    nobody = {"name": "random", "source": "random", "version": "random"}
    expert = dataclasses.replace(
        expert_of(agent / "agent.zip"), trained=None, foreign=RandomPlayer(), identity=nobody
    )
    with pytest.raises(ConfigError, match="since random actions are nobody's choice"):
        teacher_columns(expert, RandomPlayer(), ["value"], spaces=SPACES)
