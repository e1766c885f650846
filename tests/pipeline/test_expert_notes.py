"""What readers of archives know reaches whoever reads the dataset: log, manifest and card."""

import shutil

import pytest
from verification import check

from builder import build
from builder.errors import ConfigError
from builder.experts.policy import BUNDLED
from builder.manifest.manifest import MANIFEST, read_manifest

DELAYED = "training delayed rewards; here they come when they are earned"
CARTPOLE = {"env.id": "CartPole-v1", "episodes": 2, "threshold": 0}


@pytest.fixture
def agent(tmp_path):
    """An agent that something is to be known of."""
    folder = tmp_path / "agent"
    folder.mkdir()
    (folder / "config.yml").write_text("env_wrapper: rl_zoo3.wrappers.DelayedRewardWrapper\n")
    return shutil.copy(BUNDLED / "cartpole.zip", folder / "agent.zip")


def test_what_is_to_be_known_of_an_expert_is_in_the_log_the_manifest_and_the_card(agent, tmp_path, caplog):
    caplog.set_level("INFO", "builder")
    dataset = build("local", **{"expert.path": str(agent)}, **CARTPOLE, out=tmp_path / "x")
    assert f"agent: {DELAYED}" in caplog.text
    assert dataset.manifest.notes == (DELAYED,)
    assert (
        "- Training delayed rewards; here they come when they are earned.\n"
        in (tmp_path / "x/README.md").read_text()
    )
    check(tmp_path / "x").raise_for_difference()


@pytest.mark.slow
def test_a_dataset_of_which_nothing_is_to_be_known_has_no_notes(tmp_path):
    build("cartpole", episodes=2, out=tmp_path / "x")
    assert '"notes"' not in (tmp_path / "x" / MANIFEST).read_text()
    assert read_manifest(tmp_path / "x").notes == ()


@pytest.mark.slow
def test_that_an_expert_plays_without_statistics_by_its_users_word_is_on_the_card(agent, tmp_path):
    keys = {"expert.path": str(agent), "expert.vec_normalize": "none"}
    build("local", **keys, **CARTPOLE, out=tmp_path / "x")
    card = (tmp_path / "x/README.md").read_text()
    assert "Played without normalisation statistics, as `expert.vec_normalize=none` says." in card
    assert "expert.vec_normalize=none" in card.partition("## Rebuilding")[2]


@pytest.mark.slow
def test_a_dataset_whose_statistics_had_to_be_named_is_rebuilt_with_them(agent, tmp_path):
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import VecNormalize

    statistics = tmp_path / "mine.pkl"
    VecNormalize(make_vec_env("CartPole-v1")).save(statistics)
    keys = {"expert.path": str(agent), "expert.vec_normalize": str(statistics)}
    first = build("local", **keys, **CARTPOLE, out=tmp_path / "x")
    assert first.manifest.inputs["expert"]["vec_normalize"] == "mine.pkl"
    assert "expert.vec_normalize=path/to/vec_normalize.pkl" in (tmp_path / "x/README.md").read_text()
    again = build(manifest=str(tmp_path / "x"), **keys, out=tmp_path / "y")
    assert again.manifest.fingerprint == first.manifest.fingerprint
    del keys["expert.vec_normalize"]
    with pytest.raises(ConfigError, match=r"expert\.vec_normalize"):
        build(manifest=str(tmp_path / "x"), **keys, out=tmp_path / "z")
