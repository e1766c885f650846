"""A build that is to become what a manifest describes has its inputs, or is refused."""

import dataclasses

import pytest

from builder.composition import build_config
from builder.errors import DatasetError
from builder.manifest.identity import identity
from builder.manifest.manifest import Manifest
from builder.pipeline.prepare import prepare
from builder.pipeline.wanted import as_wanted


@pytest.fixture(scope="module")
def build():
    return prepare(build_config(["expert=cartpole"]))


def manifest(build, **parts):
    """The manifest of a dataset with the inputs of a build, but for some parts."""
    inputs = {**build.inputs, **parts}
    return Manifest(inputs, identity(inputs), {}, {}, 100, 100, {}, {}, "")


def test_a_build_with_the_inputs_of_the_manifest_stays_as_it_is(build, caplog):
    assert as_wanted(build, manifest(build)) == build
    assert not caplog.messages


def test_more_episodes_are_growth_and_no_difference(build):
    grown = dataclasses.replace(
        build, inputs={**build.inputs, "config": {**build.inputs["config"], "episodes": 7}}
    )
    assert as_wanted(grown, manifest(build)) == grown


def test_another_package_is_a_warning(build, caplog):
    packages = {**build.inputs["packages"], "numpy": "1.0"}
    assert as_wanted(build, manifest(build, packages=packages)) == build
    assert caplog.messages == [f"numpy is {build.inputs['packages']['numpy']} here, 1.0 in the manifest"]


def test_any_other_difference_is_refused_and_named(build):
    config = {**build.inputs["config"], "seed": 3}
    with pytest.raises(
        DatasetError, match=r"cannot be built here: its config\.seed differs; expected 3; got 0"
    ):
        as_wanted(build, manifest(build, config=config))
