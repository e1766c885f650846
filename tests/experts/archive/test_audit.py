"""Archives that would run code are refused and run nothing; archives that would not are read."""

import functools
import io
import os
import pickle
import zipfile

import cloudpickle
import gymnasium as gym
import numpy as np
import pytest
from pickles import PROTOCOL, called, name, text
from sb3_models import box, make_model, tamper
from sweeps import case, sweep

from builder.errors import UnsafeArchiveError
from builder.experts.archive.agent import read_agent
from builder.experts.archive.audit import audit
from builder.experts.archive.inert_pickle import decode

FIELDS = (
    "policy_class",
    "observation_space",
    "action_space",
    "lr_schedule",
    "policy_kwargs",
    "clip_range",
    "ep_info_buffer",
    "_last_obs",
    "something_new",
)


class Runs:
    """Touches a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "marker"


@sweep("field", FIELDS, quick=3)
def test_callable_in_a_field_is_refused_and_not_run(archive, marker, field):
    tamper(archive, field, pickle.dumps(Runs(marker)))
    with pytest.raises(UnsafeArchiveError, match=rf"field '{field}'.*'posix\.system'.*nothing of it was run"):
        read_agent(archive)
    assert not marker.exists()


def test_sb3s_own_loader_runs_such_a_callable(archive, marker):
    from stable_baselines3 import PPO

    tamper(archive, "something_new", pickle.dumps(Runs(marker)))
    PPO.load(archive, device="cpu")
    assert marker.exists(), "the attack does not work at all: the test above shows nothing"


def test_callable_in_the_weights_is_refused_and_not_run(archive, marker):
    import torch

    weights = io.BytesIO()
    torch.save({"action_net.weight": Runs(marker)}, weights)
    replace(archive, "policy.pth", weights.getvalue())
    with pytest.raises(UnsafeArchiveError, match=r"policy\.pth: it would import 'posix\.system'"):
        read_agent(archive)
    assert not marker.exists()


def test_callable_in_weights_of_the_old_format_is_refused_and_not_run(archive, marker):
    import torch

    weights = io.BytesIO()
    torch.save({"a": Runs(marker)}, weights, _use_new_zipfile_serialization=False)
    replace(archive, "policy.pth", weights.getvalue())
    with pytest.raises(UnsafeArchiveError, match=r"policy\.pth: it would import 'posix\.system'"):
        read_agent(archive)
    assert not marker.exists()


def replace(path, name, content):
    with zipfile.ZipFile(path) as source:
        members = {member: source.read(member) for member in source.namelist()} | {name: content}
    with zipfile.ZipFile(path, "w") as target:
        for member, value in members.items():
            target.writestr(member, value)


def test_policy_that_is_code_is_refused(archive):
    from stable_baselines3.common.policies import ActorCriticPolicy

    class Mine(ActorCriticPolicy):
        pass

    tamper(archive, "policy_class", cloudpickle.dumps(Mine))
    with pytest.raises(UnsafeArchiveError, match="the policy is code that the archive carries"):
        read_agent(archive)


# What follows needs no name but those of honest archives, or hides one among them.


def allocated(function, *arguments):
    return function + b"(" + b"".join(arguments) + b"t\x81"


def built(target, *pairs):
    return target + b"}(" + b"".join(pairs) + b"ub"


CLOUD = "cloudpickle.cloudpickle"
FUNCTION = called(name(CLOUD, "_make_empty_cell"))  # stands for whatever the pickle has built


def code_object(*names):
    """How cloudpickle writes the code of a function that uses these names."""
    code_type = called(name(CLOUD, "_builtin_type"), text("CodeType"))
    return called(code_type, b"(" + b"".join(text(used) for used in names) + b"t")


INNER = PROTOCOL + called(name("posix", "system"), text("id")) + b"."
HIDDEN = {
    "a module that a library imports": called(
        name("stable_baselines3.common.save_util", "os.system"), text("id")
    ),
    "a function of the library": called(
        name("stable_baselines3.common.save_util", "load_from_pkl"), text("x")
    ),
    "a function that was built": called(FUNCTION),
    "a type that runs what it is given": called(
        called(name(CLOUD, "_builtin_type"), text("new_class")), text("x")
    ),
    "a metaclass": called(
        name(CLOUD, "_make_skeleton_class"), FUNCTION, text("x"), b")", b"}", text("id"), b"N"
    ),
    "a base class": called(
        name(CLOUD, "_make_skeleton_class"),
        name("builtins", "type"),
        text("x"),
        FUNCTION + b"\x85",
        b"}",
        b"N",
        b"N",
    ),
    "a constructor of random generators": called(
        name("numpy.random._pickle", "__generator_ctor"), text("x"), FUNCTION
    ),
    "a class as the constructor of random generators": called(
        name("numpy.random._pickle", "__generator_ctor"),
        text("x"),
        name("stable_baselines3.common.logger", "Logger"),
    ),
    "a function inside a list of arguments": called(name("collections", "deque"), b"](" + FUNCTION + b"e"),
    "a library's function, changed": called(
        name(CLOUD, "_function_setstate"), name("stable_baselines3.common.utils", "get_schedule_fn"), b"}"
    ),
    "a library's module, changed": built(
        called(name(CLOUD, "subimport"), text("torch")), text("load"), FUNCTION
    ),
    "a library's class, changed": built(name("stable_baselines3.ppo.ppo", "PPO"), text("__init__"), FUNCTION),
    "an object's class, changed": built(
        allocated(name("gym.spaces.box", "Box")), text("__class__"), FUNCTION
    ),
    "a pickle inside a pickle": built(
        allocated(name("stable_baselines3.common.vec_env.base_vec_env", "CloudpickleWrapper")),
        text("var"),
        b"N",
    ),
    "an environment that makes itself": built(
        allocated(name("gym.utils.ezpickle", "EzPickle")), text("a"), b"N"
    ),
    "a module of any name": called(name(CLOUD, "subimport"), text("antigravity")),
    "a part of a library": called(name("builtins", "getattr"), name("torch.optim", "Adam"), text("__init__")),
    "a part of a library, called": called(
        called(name("builtins", "getattr"), name("torch.optim", "Adam"), text("mro"))
    ),
    "a part of a library, handed on": called(
        name("collections", "deque"),
        called(name("builtins", "getattr"), name("torch.optim", "Adam"), text("mro")),
    ),
    "an operator on what is no type": called(
        name("_operator", "getitem"), called(name(CLOUD, "_make_empty_cell")), text("x")
    ),
    "the class of an object": called(name("builtins", "type"), FUNCTION),
    "a class made by its metaclass": called(name("builtins", "type"), text("X"), b")", b"}"),
    "a reduction by a function": called(name("functools", "reduce"), FUNCTION, b")"),
    "a type hint of a function that was built": called(name("types", "GenericAlias"), FUNCTION, b")"),
    "eval": called(name("builtins", "eval"), text("1")),
    "a name alone": name("posix", "system"),
    "a function that reaches out": code_object("os", "system"),
    "a function that reaches out through what a module has imported": code_object("random", "_os", "remove"),
    "a partial call of what reaches out": called(
        name("functools", "partial"), name("posix", "system"), text("id")
    ),
    "a partial function, called": called(called(name("functools", "partial"), FUNCTION)),
    "a function that imports": code_object("__import__"),
    "an old op-code for calls": b"(" + text("id") + b"iposix\nsystem\n",
    "an op-code for calls with keywords": name("builtins", "dict") + b")" + b"}" + b"\x92",
    "the registry of extensions": b"\x82\x01",
    "a tensor's own pickle": called(
        name("torch.storage", "_load_from_bytes"),
        b"C" + bytes([len(INNER)]) + INNER,
    ),
}


def test_code_hidden_among_honest_names_is_refused(archive):
    for hiding, code in HIDDEN.items():
        with case(hiding):
            tamper(archive, "lr_schedule", PROTOCOL + code + b".")
            with pytest.raises(UnsafeArchiveError, match="field 'lr_schedule'"):
                read_agent(archive)


def test_schedule_that_reaches_out_is_refused(archive, marker):
    command = f"touch {marker}"

    def schedule(_):
        import os

        os.system(command)
        return 1e-3

    tamper(archive, "lr_schedule", cloudpickle.dumps(schedule))
    with pytest.raises(UnsafeArchiveError, match="would run a function that uses 'os'"):
        read_agent(archive)
    assert not marker.exists()


def test_members_of_enumerations_as_python_3_11_pickled_them_are_not_refused(archive):
    unit = called(
        name("builtins", "getattr"),
        name("stable_baselines3.common.type_aliases", "TrainFrequencyUnit"),
        text("STEP"),
    )
    frequency = allocated(name("stable_baselines3.common.type_aliases", "TrainFreq"), b"K\x01", unit)
    tamper(archive, "train_freq", PROTOCOL + frequency + b".")
    assert read_agent(archive).algorithm == "PPO"


def honest_schedules():
    import math
    import random
    from collections.abc import Callable
    from typing import Optional

    initial = 1e-3

    def annotated(progress: float, other: Optional[float] = None) -> "float":  # noqa: UP045
        return progress * initial

    def modern(progress: float | None, other: list[float] | None = None) -> Callable[[float], float]:
        return progress * initial

    def linear(progress):
        return max(progress * initial, 1e-5)

    return {
        "constant": 1e-3,
        "lambda": lambda progress: progress * 1e-3,
        "closure": linear,
        "partial": functools.partial(lambda initial, progress: initial * progress, initial),
        "numpy": lambda progress: float(np.clip(progress, 0.1, 1)) * 1e-3,
        "math": lambda progress: math.cos(progress) * 1e-3,
        "random": lambda progress: random.uniform(0.9, 1) * 1e-3,
        "annotated": annotated,
        "modern annotations": modern,
    }


@pytest.mark.parametrize("schedule", honest_schedules())
@sweep("algorithm", ["PPO", "SAC"])
def test_honest_schedules_are_not_refused(save, algorithm, schedule):
    rate = honest_schedules()[schedule]
    saved = save(algorithm, "MlpPolicy", box(3), box(1), learning_rate=rate, policy_kwargs={"net_arch": [4]})
    assert read_agent(saved.path).algorithm == algorithm


@sweep(
    ("algorithm", "action_space", "settings"),
    [
        ("PPO", gym.spaces.Discrete(2), {"n_steps": 16, "batch_size": 16}),
        ("A2C", gym.spaces.Discrete(2), {"use_rms_prop": False}),
        ("DQN", gym.spaces.Discrete(2), {"learning_starts": 4}),
        ("SAC", box(1), {"learning_starts": 4, "action_noise": True}),
        ("TD3", box(1), {"learning_starts": 4, "train_freq": (1, "step")}),
        ("TQC", box(1), {"learning_starts": 4, "use_sde": True}),
    ],
    quick=2,
)
def test_trained_archives_are_not_refused(tmp_path, algorithm, action_space, settings):
    from stable_baselines3.common.noise import NormalActionNoise

    if "action_noise" in settings:
        settings = {**settings, "action_noise": NormalActionNoise(np.zeros(1), np.ones(1))}
    model = make_model(algorithm, "MlpPolicy", box(3), action_space, **settings)
    model.learn(20)
    model.save(tmp_path / "a.zip")
    assert read_agent(tmp_path / "a.zip").algorithm == algorithm


def test_audit_names_the_file_and_what_it_would_do():
    record = decode(pickle.dumps(os.system), "x")
    with pytest.raises(UnsafeArchiveError) as caught:
        audit(record, "agent.zip: field 'f'")
    assert str(caught.value) == (
        "agent.zip: field 'f': loading it with Stable-Baselines3 would import 'posix.system', which no plain"
        " agent does; nothing of it was run; do not load this archive with other tools either"
    )
