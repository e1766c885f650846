"""The public words for an expert: `Policy` and `Experts`."""

import dataclasses
import math

import pytest
from sweeps import case

from builder.errors import ConfigError
from builder.experts.policy import BUNDLED, Experts, Policy, conf_folder, configured

MINE = Policy("CartPole-v1", policy=object(), threshold=5.0)
GENERIC = (
    "base",
    "cleanrl",
    "hub",
    "local",
    "onnx",
    "python",
    "random",
    "registered",
    "sample-factory",
    "weights",
)
"""Files of `conf/expert/` that are no expert by themselves."""


def test_a_policy_without_particulars_accepts_every_return():
    policy = Policy("CartPole-v1")
    assert policy.threshold == -math.inf
    assert (policy.algorithm, policy.policy, policy.path, policy.version) == (None, None, None, None)
    assert (policy.env_kwargs, policy.batched) == ({}, False)


class PPO:
    """Stands for the class of an algorithm."""


@pytest.mark.parametrize(("algo", "name"), [(PPO, "PPO"), ("SAC", "SAC"), (None, None)])
def test_an_algorithm_is_known_by_its_name(algo, name):
    assert Policy("CartPole-v1", algo=algo).algorithm == name


def test_a_policy_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        MINE.threshold = 6.0


def test_the_first_words_of_a_policy_come_in_the_order_of_the_seed_project():
    assert [field.name for field in dataclasses.fields(Policy)][:5] == [
        "name",
        "repo_id",
        "filename",
        "threshold",
        "algo",
    ]


def test_a_registered_expert_is_found_by_its_name():
    Experts.register("mine", MINE)
    assert Experts.get("mine") is MINE
    assert Experts.get_expert("mine") is MINE
    assert Experts.registered("mine") is MINE


def test_a_registered_expert_can_be_replaced():
    Experts.register("mine", MINE)
    other = dataclasses.replace(MINE, threshold=6.0)
    Experts.register("mine", other)
    assert Experts.get("mine") is other


def test_a_name_of_the_configuration_cannot_be_registered():
    for name in ["cartpole", *GENERIC]:
        with case(name):
            with pytest.raises(ConfigError) as caught:
                Experts.register(name, MINE)
            assert str(caught.value) == f"the expert {name!r} exists already; choose another name"
            assert Experts.registered(name) is None


def test_the_names_are_those_of_the_configuration_and_the_registered_ones():
    Experts.register("aardvark", MINE)
    assert Experts.names() == sorted({*configured(), "aardvark"})


def test_an_expert_that_is_not_there_is_an_error_with_the_nearest_name():
    Experts.register("my-walker", MINE)
    with pytest.raises(ConfigError) as caught:
        Experts.get("my-walkr")
    assert str(caught.value) == "there is no expert 'my-walkr'; did you mean 'my-walker'?"


def test_the_bundled_cartpole_is_an_archive_of_this_package():
    assert Experts.get("cartpole") == Policy(
        "CartPole-v1", threshold=500.0, algo="PPO", path=str(BUNDLED / "cartpole.zip")
    )


def test_every_bundled_expert_has_its_archive_and_every_archive_its_expert():
    paths = {
        Experts.get(name).path for name, content in configured().items() if content["source"] == "bundled"
    }
    assert paths == {str(path) for path in BUNDLED.glob("*.zip")}


def test_every_expert_of_the_configuration_says_what_it_plays_and_what_counts():
    assert configured()
    for name, content in configured().items():
        policy = Experts.get(name)
        assert policy.name
        assert math.isfinite(policy.threshold) or content["level"]  # in place of a return
        assert policy.path or policy.repo_id


def test_the_generic_files_are_no_experts():
    stems = {path.stem for path in (conf_folder() / "expert").glob("*.yaml")}
    assert stems - set(configured()) == set(GENERIC)


def test_the_configuration_lies_in_the_installed_package_else_beside_it(tmp_path):
    package = tmp_path / "builder"
    assert conf_folder(package) == tmp_path / "conf"
    (package / "conf").mkdir(parents=True)
    assert conf_folder(package) == package / "conf"
