"""What `make dataset` shows of pip: what it is at, never all of it, and why it failed."""

import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import pytest
from places import ROOT

SCRIPT = ROOT / ".ci" / "install"


@pytest.fixture(scope="module")
def install():
    spec = spec_from_loader("install", SourceFileLoader("install", str(SCRIPT)))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PIP = [
    ("Looking in indexes: https://pypi.org/simple", "", ""),
    ("Requirement already satisfied: numpy in ./.venv", "", ""),
    ("Collecting torch==2.13.0", "collecting torch==2.13.0", ""),
    ("Processing /opt/files/jinja2-3.1.6.whl", "processing jinja2-3.1.6.whl", ""),
    ("  Downloading rich-14.whl (243 kB)", "downloading rich-14.whl (243 kB)", ""),
    (
        "  Downloading pyarrow-26.whl (55.0 MB)",
        "downloading pyarrow-26.whl (55.0 MB)",
        "downloading pyarrow-26.whl (55.0 MB)",
    ),
    ("  Downloading torch.whl (1.1 GB)", "downloading torch.whl (1.1 GB)", "downloading torch.whl (1.1 GB)"),
    ("Installing collected packages: a, b, c", "installing 3 packages", "installing 3 packages"),
]


@pytest.mark.parametrize(("line", "on_terminal", "elsewhere"), PIP)
def test_a_line_of_pips_is_what_it_is_at_and_only_large_files_elsewhere(
    install, line, on_terminal, elsewhere
):
    assert install.shown(line, brief=False) == on_terminal
    assert install.shown(line, brief=True) == elsewhere


def test_what_cannot_be_installed_fails_with_what_pip_says():
    command = [
        sys.executable,
        str(SCRIPT),
        "--no-index",
        "--disable-pip-version-check",
        "no-such-package-anywhere",
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode != 0
    assert "No matching distribution found for no-such-package-anywhere" in found.stderr
    assert found.stdout == ""
