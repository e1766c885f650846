from collections import OrderedDict

import gymnasium as gym
import pytest
import yaml
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


@pytest.fixture
def spoiled(tmp_path):
    """A file with some content."""

    def write(content):
        path = tmp_path / "bad.zip"
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def folder(tmp_path):
    """A folder as the zoo publishes it; `write(**config)` sets its configuration."""
    (tmp_path / "agent.zip").touch()

    def write(args=None, **config):
        (tmp_path / "config.yml").write_text(yaml.dump(OrderedDict(sorted(config.items()))))
        if args is not None:
            (tmp_path / "args.yml").write_text(yaml.dump(OrderedDict(sorted(args.items()))))
        return tmp_path / "agent.zip"

    return write
