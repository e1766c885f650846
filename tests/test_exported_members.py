"""What `import builder` offers, and that it costs nothing before it is used."""

import ast
import inspect
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
from places import ROOT
from sweeps import case

import builder

NAMES = [
    "BuilderError",
    "Context",
    "Controller",
    "Episode",
    "Experts",
    "Policy",
    "Trajectories",
    "build",
    "collate",
    "enjoy",
    "load",
    "merge",
    "relabel",
    "save_weights",
]


def test_the_public_names_are_these():
    assert builder.__all__ == NAMES


def test_a_public_name_is_what_its_module_defines():
    for name in NAMES:
        with case(name):
            member = getattr(builder, name)
            assert member is getattr(import_module(builder._HOMES[name]), name)
            assert (member.__name__, member.__module__) == (name, builder._HOMES[name])


def test_a_public_name_says_what_it_is():
    for name in NAMES:
        with case(name):
            assert inspect.getdoc(getattr(builder, name))


def test_a_star_import_brings_the_public_names():
    scope = {}
    exec("from builder import *", scope)
    assert sorted(scope.keys() - {"__builtins__"}) == NAMES


def test_type_checkers_see_the_names_where_they_are_found():
    """The imports under TYPE_CHECKING, which no interpreter runs."""
    tree = ast.parse(Path(builder.__file__).read_text())
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in guarded.body for alias in node.names}
    assert seen == builder._HOMES


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError) as caught:
        builder.bild  # noqa: B018  (it raises)
    assert str(caught.value) == "module 'builder' has no attribute 'bild'"


def test_dir_shows_the_public_names():
    assert set(NAMES) < set(dir(builder))


def test_the_version_is_that_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert builder.__version__ == project["version"] == version("il-builder")


HEAVY = {
    "torch",
    "datasets",
    "numpy",
    "gymnasium",
    "pyarrow",
    "matplotlib",
    "hydra",
    "huggingface_hub",
    "joblib",
}


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import builder", set()),
        ("import builder; dir(builder), builder.__all__, builder.__version__", set()),
        ("from builder import BuilderError", set()),
        ("from builder import Policy, Experts", set()),
        ("from builder import Context", {"numpy"}),
    ],
)
def test_importing_a_name_imports_what_it_needs_alone(statement, heavy):
    lines = f"import sys; {statement}; print(*sys.modules)"
    command = [sys.executable, "-c", lines]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "builder" in modules
    assert HEAVY & set(modules) == heavy


def test_no_public_name_needs_torch_or_datasets_before_it_is_called():
    lines = "import sys; from builder import *; print(*sys.modules)"
    command = [sys.executable, "-c", lines]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "builder.pipeline.controller" in modules
    assert {"torch", "datasets", "stable_baselines3", "matplotlib"} & set(modules) == set()
