"""Classes of one's own: an archive that names them is refused with the way to play it, and that way works."""

import os
import pickle
import shutil
import sys
import textwrap

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import box, make_model, tamper
from sweeps import sweep

from builder.composition import build_config
from builder.environments.importing import import_module
from builder.episodes.context import Context
from builder.errors import ExpertError, UnsafeArchiveError, UnsupportedExpertError
from builder.experts.sources.load import load_expert
from builder.experts.sources.registered import DEFAULT_ROLLOUT

SEEN, ACTIONS = box(3), box(1)
MODULE = """
    import torch
    from stable_baselines3.common.policies import ActorCriticPolicy
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor

    class Net(BaseFeaturesExtractor):
        def __init__(self, space, features_dim=4):
            super().__init__(space, features_dim)
            self.layers = torch.nn.Linear(3, features_dim)

        def forward(self, seen):
            return torch.tanh(self.layers(seen))

    class Halved(FlattenExtractor):
        def forward(self, seen):
            return super().forward(seen) / 2

    class Mine(ActorCriticPolicy):
        pass
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module that lies where the command is run."""
    (tmp_path / "own_net.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield lambda name: getattr(import_module("own_net", str(tmp_path)), name)
    sys.modules.pop("own_net", None)


@pytest.fixture
def trained(own, tmp_path):
    """A model with classes of one's own, and its archive, called as callbacks call it."""

    def save(policy="MlpPolicy", **kwargs):
        policy = policy if policy == "MlpPolicy" else own(policy)
        kwargs = {name: own(cls) for name, cls in kwargs.items()}
        model = make_model("PPO", policy, SEEN, ACTIONS, policy_kwargs=kwargs)
        model.save(tmp_path / "best_model.zip")
        return model

    return save


def loaded(**keys):
    words = ["expert=local", "expert.path=best_model.zip", *(f"expert.{key}={keys[key]}" for key in keys)]
    return load_expert(build_config(words).expert, DEFAULT_ROLLOUT)


def actor(expert):
    player = expert.player(DEFAULT_ROLLOUT, env_id="x", max_episode_steps=9)
    return player.actor(SEEN, ACTIONS)


KINDS = [{"features_extractor_class": "Net"}, {"features_extractor_class": "Halved"}, {"policy": "Mine"}]


@pytest.mark.parametrize("kind", KINDS, ids=["extractor", "extractor without weights", "policy"])
def test_a_class_of_ones_own_is_named_with_the_way_to_play_it_and_that_way_works(trained, kind):
    model = trained(**kind)
    with pytest.raises(
        UnsupportedExpertError, match=rf"own_net\.{next(iter(kind.values()))}, which .*trust_remote_code=true"
    ):
        loaded()
    expert = loaded(trust_remote_code=True)
    assert expert.identity["algo"] == "PPO"  # though the archive's name does not say it
    playing = actor(expert)
    playing.begin(0, Context(0))
    seen = np.array([[0.5, -0.5, 0.25]], np.float32)
    ((action,),) = playing.act([seen], [0])
    np.testing.assert_array_equal(action, model.predict(seen[0], deterministic=True)[0])


def test_what_the_loader_may_do_is_said_once_however_often_it_loads(trained, caplog):
    caplog.set_level("WARNING", "builder")
    trained(features_extractor_class="Net")
    expert = loaded(trust_remote_code=True)
    for _ in range(2):
        actor(expert)
    assert caplog.text.count("runs whatever code it carries") == 1


def test_code_that_the_archive_carries_is_named_with_the_way_to_play_it(trained, own, tmp_path):
    import cloudpickle

    net = own("Net")
    cloudpickle.register_pickle_by_value(sys.modules["own_net"])
    try:
        model = make_model("PPO", "MlpPolicy", SEEN, ACTIONS, policy_kwargs={"features_extractor_class": net})
        model.save(tmp_path / "best_model.zip")
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules["own_net"])
    with pytest.raises(ExpertError, match=r"expert\.trust_remote_code=true"):
        loaded()
    actor(loaded(trust_remote_code=True))


@pytest.mark.filterwarnings("ignore:Could not deserialize")  # all that Stable-Baselines3 does about it
@pytest.mark.parametrize("left", ["module", "class"])
def test_a_class_that_cannot_be_imported_is_not_left_out(trained, tmp_path, left):
    trained(features_extractor_class="Halved")  # whose weights are those of the plain one
    del sys.modules["own_net"]
    (tmp_path / "own_net.py").write_text("")
    if left == "module":
        (tmp_path / "own_net.py").unlink()
    shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
    with pytest.raises(ExpertError, match="needs classes that cannot be imported"):
        actor(loaded(trust_remote_code=True))


class Shell:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.mark.parametrize("where", ["field", "beside"])
def test_a_class_of_ones_own_hides_no_attack(trained, own, tmp_path, where):
    trained(features_extractor_class="Net")
    attack = Shell() if where == "field" else {"features_extractor_class": own("Net"), "x": Shell()}
    tamper(tmp_path / "best_model.zip", "zzz" if where == "field" else "policy_kwargs", pickle.dumps(attack))
    with pytest.raises(UnsafeArchiveError, match=r"posix\.system"):
        loaded()


@pytest.mark.parametrize(
    ("module", "name"),
    [("subprocess", "Popen"), ("builtins", "Exception"), ("own_net", "function"), ("a.b", "Outer.Inner")],
)
def test_what_is_no_class_of_ones_own_stays_refused(trained, tmp_path, module, name):
    trained(features_extractor_class="Net")
    words = b"".join(bytes([0x8C, len(word)]) + word.encode() for word in (module, name))
    tamper(tmp_path / "best_model.zip", "policy_kwargs", b"\x80\x04" + words + b"\x93.")
    with pytest.raises(UnsafeArchiveError, match="would import"):
        loaded()


def test_a_class_of_ones_own_that_is_called_stays_refused(trained, own, tmp_path):
    trained(features_extractor_class="Net")
    content = b"\x80\x04\x8c\x07own_net\x8c\x03Net\x93)R."
    tamper(tmp_path / "best_model.zip", "policy_kwargs", content)
    with pytest.raises(UnsafeArchiveError, match=r"would import 'own_net\.Net'"):
        loaded()


@sweep(
    "algorithm",
    [
        "A2C",
        "PPO",
        "TRPO",
        "MaskablePPO",
        "RecurrentPPO",
        "DQN",
        "QRDQN",
        "SAC",
        "TQC",
        "TD3",
        "DDPG",
        "CrossQ",
        "ARS",
    ],
    quick=7,
)
def test_the_algorithm_of_an_archive_is_read_from_its_fields(tmp_path, algorithm):
    from builder.experts.archive.training import read_training

    discrete = algorithm in {"MaskablePPO", "DQN", "QRDQN"}
    policy = "MlpLstmPolicy" if algorithm == "RecurrentPPO" else "MlpPolicy"
    make_model(algorithm, policy, SEEN, gym.spaces.Discrete(2) if discrete else ACTIONS).save(
        tmp_path / "x.zip"
    )
    assert read_training(tmp_path / "x.zip").algorithm == algorithm
