"""The registry: generated from one table, the seed project's ten among them."""

import yaml
from sweeps import case

from builder.experts.catalogue import read_table, write
from builder.experts.policy import Experts, conf_folder, configured
from builder.experts.sources.agent_names import repository_of

SEEDS = {
    "cartpole": ("CartPole-v1", 500),
    "mountaincar": ("MountainCar-v0", None),
    "acrobot": ("Acrobot-v1", None),
    "ant": ("Ant-v3", 5822),
    "ant-1": ("Ant-v3", 5181),
    "walker": ("Walker2d-v3", 4703),
    "swimmer": ("Swimmer-v3", 359),
    "cheetah": ("HalfCheetah-v3", 9709),
    "hopper": ("Hopper-v3", 3604),
    "humanoid": ("Humanoid-v3", 6251),
    "ppo-cartpole": ("CartPole-v1", 500),
    "dqn-mountaincar": ("MountainCar-v0", -110),
    "dqn-acrobot": ("Acrobot-v1", -75),
}


def test_the_seed_projects_experts_are_there_with_their_thresholds():
    for name, (env_id, threshold) in SEEDS.items():
        with case(name):
            policy = Experts.get(name)
            assert policy.name == env_id
            assert threshold is None or policy.threshold == threshold


def test_the_committed_files_are_those_of_the_table(tmp_path):
    write(tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_text() == (conf_folder() / "expert" / path.name).read_text()
    assert len(list(tmp_path.iterdir())) == len(read_table()) == 183


def test_every_expert_states_environment_algorithm_and_source_and_a_return_or_a_level():
    for name, content in configured().items():
        assert {"env_id", "algo", "source"} <= set(content), name
        assert {"mean_return", "std_return", "threshold"} <= set(content) or content["level"], name


def test_agents_of_several_levels_are_called_by_their_environment_and_level():
    levels = {name: content["level"] for name, content in configured().items() if content.get("level")}
    assert len(levels) == 36
    assert levels["halfcheetah-v5"] == levels["tqc-halfcheetah-v5"] == "expert"
    assert levels["halfcheetah-v5-medium"] == "medium"
    assert configured()["humanoid-v5-medium"]["repo_id"] == "farama-minari/Humanoid-v5-TQC-medium"


def test_an_unknown_return_is_no_number():
    row = next(row for row in read_table() if row.name == "ant-v5-medium")
    assert (row.mean_return, row.std_return, row.threshold) == (None, None, None)
    assert "threshold" not in row.text


def test_atari_and_fetch_have_names():
    assert Experts.get("ppo-breakout").name == "BreakoutNoFrameskip-v4"
    assert Experts.get("fetchreach").repo_id == "sb3/tqc-FetchReach-v1"


def test_the_repository_follows_the_convention_of_huggingface_sb3():
    for row in (row for row in read_table() if row.level is None):
        content = yaml.safe_load(row.text)
        assert content["repo_id"] == repository_of(row.algo, row.env_id)
