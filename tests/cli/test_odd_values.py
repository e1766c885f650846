"""Whatever a key is set to, a command ends with 0, 1 or 2 and one line: no traceback, no secret anywhere."""

import contextlib
import dataclasses
import io
import os
import shutil
import signal
import traceback

import pytest
from odd_values import ODD, READ_ONLY, SECRET

from builder.checks.config import CheckConfig
from builder.cli.main import main
from builder.composition import compose
from builder.config import BuildConfig, ReferenceConfig
from builder.exchange.config import ExportConfig, ImportConfig
from builder.hub.config import SignConfig, TransferConfig
from builder.verify.config import VerifyConfig

EVERY = int(os.environ.get("ODD_VALUES", "31"))
"""Of the values, every how manieth is tried with a key; 1: all, which takes an hour."""
SECONDS = 30
RANDOM = ["expert=random", "env.id=CartPole-v1"]
QUICK = [*RANDOM, "episodes=1", "verify_sample=0"]
BASES = {
    "build": (BuildConfig, QUICK),
    "verify": (VerifyConfig, ["level=files"]),
    "check": (CheckConfig, RANDOM),
    "reference": (ReferenceConfig, ["expert=cartpole", "episodes=2", "overwrite=true"]),
    "push": (TransferConfig, ["hub.repo_id=a/b"]),
    "pull": (TransferConfig, ["hub.repo_id=a/b"]),
    "sign": (SignConfig, []),
    "export": (ExportConfig, ["to=csv", "to.path=x.csv", "overwrite=true"]),
    "import": (ImportConfig, ["from=csv", "path=x.csv", "overwrite=true"]),
}
"""The configuration of each verb, and words with which it ends soon."""
MORE = {
    "build": [
        "expert",
        "env",
        "rollout",
        "env.kwargs.x",
        "expert.env_kwargs.x",
        "foo",
        "hydra.run.dir",
        "+a",
    ],
    "verify": ["env.kwargs.x", "foo", "out.x"],
    "export": ["to", "to.foo", "foo"],
    "import": ["from", "from.name", "from.foo", "foo"],
    "clean": ["out", "foo"],
    "experts": ["name", "save", "foo"],
}
"""Keys that are no fields."""
WRITTEN = ("to.path", "out", "report", "json", "save", "key", "hub.key", "hydra.run.dir")


def keys(verb):
    fields = []
    if verb in BASES:
        schema, words = BASES[verb]
        out = [] if verb == "check" else ["out=x"]
        fields = flat(dataclasses.asdict(compose(schema, verb, [*words, *out])))
        fields = [key.replace("from_.", "from.") for key in fields]
    return [key for key in (*fields, *MORE.get(verb, ())) if key != "debug"]


def flat(config, prefix=""):
    found = []
    for name, value in config.items():
        if isinstance(value, dict) and value:
            found += flat(value, f"{prefix}{name}.")
        else:
            found.append(f"{prefix}{name}")
    return found


class TooSlowError(BaseException):
    """A command takes too long for a test."""


def _too_slow(*_):
    raise TooSlowError


def ended(words):
    """How a command ends: what is wrong with that, if anything is."""
    said, printed = io.StringIO(), io.StringIO()
    signal.signal(signal.SIGALRM, _too_slow)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(printed):
            code = main(words)
    except BaseException as error:  # noqa: BLE001  (whatever gets out is wrong)
        return f"{error!r} at {traceback.extract_tb(error.__traceback__)[-1]}"
    finally:
        signal.alarm(0)
    text = said.getvalue()
    lines = [line for line in text.splitlines() if line.startswith("il-builder: ")]
    if code not in (0, 1, 2) or len(lines) != (1 if code else 0):
        return f"exit code {code}: {text[-500:]}"
    if "Traceback" in text or SECRET in text or SECRET in printed.getvalue():
        return f"said: {text[-500:]}"
    return None


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a dataset, deep enough for `..`, and a secret in the environment."""
    monkeypatch.setenv("ODD_SECRET_KEY", SECRET)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IL_BUILDER_REFERENCES", str(tmp_path / "references.json"))
    monkeypatch.setenv("IL_BUILDER_DATA", str(tmp_path / "a/b/data"))
    work = tmp_path / "a/b/c/d"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    assert ended([*QUICK, "out=x"]) is None
    shutil.copytree(work, tmp_path / "whole")
    return tmp_path


def wrong(place, verb, key, values):
    """What goes wrong with a key, by its value."""
    found = {}
    for value in values:
        out = place / "a/b/c/d/x"
        if verb == "build" or not (out / "manifest.json").is_file():
            shutil.rmtree(place / "a", ignore_errors=True)
            shutil.copytree(place / "whole", out.parent)
            os.chdir(out.parent)
        base = BASES.get(verb, ((), []))[1]
        words = [
            *base,
            *([] if verb in ("check", "experts") else ["out=new" if verb == "build" else "out=x"]),
        ]
        if problem := ended(
            [verb, *(word for word in words if not word.startswith(f"{key}=")), f"{key}={value}"]
        ):
            found[value] = problem
        if leaks := [
            path for path in place.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
        ]:
            found[value] = f"the secret is in {leaks}"
    return found


def values_of(key, first, every):
    odd = ODD if key in WRITTEN else [*ODD, *READ_ONLY]
    return odd[first % every :: every]


@pytest.mark.parametrize(
    ("verb", "key"),
    [
        ("verify", "out"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (("build", "seed"), ("check", "env.kwargs"))
        ),
    ],
)
def test_some_keys_set_to_odd_values_end_as_they_should(place, verb, key):
    assert wrong(place, verb, key, values_of(key, 4, 12)) == {}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "verb",
    ["build", "verify", "check", "reference", "push", "pull", "sign", "export", "import", "clean", "experts"],
)
def test_every_key_set_to_odd_values_ends_as_it_should(place, verb):
    found = {}
    for number, key in enumerate(keys(verb)):
        if problems := wrong(place, verb, key, values_of(key, number, EVERY)):
            found[key] = problems
    assert found == {}
