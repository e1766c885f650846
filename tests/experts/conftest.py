import gymnasium as gym
import pytest
from sb3_models import Saved, box, make_model


@pytest.fixture
def save(tmp_path):
    """Make a model and save it."""

    def make_and_save(*arguments, **settings):
        model = make_model(*arguments, **settings)
        path = tmp_path / "agent.zip"
        model.save(path)
        return Saved(model, path)

    return make_and_save


@pytest.fixture
def archive(save):
    """A small PPO archive on a Box of 3 with 2 discrete actions."""
    return save("PPO", "MlpPolicy", box(3), gym.spaces.Discrete(2), policy_kwargs={"net_arch": [4]}).path
