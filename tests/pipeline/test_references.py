"""What came through an environment variable goes into the environment, and into no file and no line."""

import json
from pathlib import Path

import gymnasium as gym
import pytest
from sweeps import sweep

from builder import Controller
from builder.cli.main import main
from builder.errors import BuilderError

Corridor = gym.spec("Corridor-v0").entry_point
SECRET = "correct-horse-battery"


class Keyed(Corridor):
    """Opens with a key; its error says which it was given."""

    def __init__(self, api_key=None, options=None, least=0.0):
        options = options or {}
        if SECRET not in (api_key, options.get("key")) and api_key is not None:
            raise ValueError(f"{api_key} is no key of this corridor")
        self.least = least

    def step(self, action):
        observation, reward, *more = super().step(action)
        return observation, max(self.least, reward), *more


gym.register("Keyed-v0", entry_point=Keyed, max_episode_steps=50)
WORDS = ["expert=random", "env.id=Keyed-v0", "episodes=2"]
REFERENCE = "env.kwargs.api_key=${oc.env:CORRIDOR_KEY}"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CORRIDOR_KEY", SECRET)
    return tmp_path


def everything_in(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_the_value_opens_the_environment_and_stands_in_no_file_beside_it(place, capfd, caplog):
    assert main(["build", *WORDS, REFERENCE, "out=x"]) == 0
    kwargs = json.loads(Path("x/manifest.json").read_text())["inputs"]["environment"]["kwargs"]
    assert kwargs == {"api_key": {"$reference": "${oc.env:CORRIDOR_KEY}"}}
    assert "api_key=${oc.env:CORRIDOR_KEY}" in Path("x/README.md").read_text()
    assert any(path.name.startswith(".x.chunks") for path in place.iterdir())
    assert SECRET.encode() not in everything_in(place)
    assert SECRET not in "".join(capfd.readouterr()) + caplog.text


def test_another_value_of_the_variable_is_the_same_dataset(place, monkeypatch):
    main(["build", *WORDS, REFERENCE, "out=x"])
    monkeypatch.setenv("OTHER", SECRET)
    assert Controller().start([*WORDS, REFERENCE, "out=x"]).fresh is False


def test_workers_are_given_the_value(place):
    assert main(["build", *WORDS, REFERENCE, "out=x", "parallel=threading", "parallel.n_jobs=2"]) == 0


def test_a_users_own_enjoy_is_given_the_value(place):
    seen = []

    def enjoy(path, context, expert):
        seen.append(expert.env_kwargs)
        return True

    with pytest.raises(BuilderError):  # it records nothing
        Controller(enjoy=enjoy).start([*WORDS, REFERENCE, "out=x"])
    assert seen == [{"api_key": SECRET}]


def test_an_environment_that_says_what_it_was_given_is_quoted_without_it(place, capfd, monkeypatch):
    monkeypatch.setenv("CORRIDOR_KEY", "tr0ub4dor")
    monkeypatch.setenv("CORRIDOR_PIN", "another-one")
    assert main(["build", *WORDS, "env.kwargs.api_key=${oc.env:CORRIDOR_PIN}", "out=x"]) == 1
    assert main(["build", *WORDS, "env.kwargs.api_key=tr0ub4dor", "out=x"]) == 1
    printed = "".join(capfd.readouterr())
    assert "${oc.env:CORRIDOR_PIN} is no key of this corridor" in printed
    assert "*** is no key of this corridor" in printed
    assert "another-one" not in printed
    assert "tr0ub4dor" not in printed


def test_whoever_has_the_value_can_verify_and_rebuild(place, capfd):
    main(["build", *WORDS, REFERENCE, "out=x"])
    for level in ("replay", "rebuild"):
        assert main(["verify", "x", f"level={level}"]) == 2
        assert "give env.kwargs.api_key=" in capfd.readouterr().err
        trusted = ["expert.trust_remote_code=true"] if level == "never" else []
        assert main(["verify", "x", f"level={level}", REFERENCE, *trusted]) == 0
    assert main(["build", "manifest=x", f"env.kwargs.api_key={SECRET}", "out=y"]) == 0
    assert Path("x/manifest.json").read_bytes() == Path("y/manifest.json").read_bytes()
    assert SECRET.encode() not in everything_in(place)


@sweep(
    "word",
    [
        *("least=-inf", "options={1:inf,true:nan,2.5:a}", "options={reference:a}"),
        *(
            pytest.param(word, marks=pytest.mark.slow)
            for word in (
                *("options={x:inf}", "options={x:nan}", "options={x:'inf'}", "options={x:[nan,'nan']}"),
                "options={float:inf}",
            )
        ),
    ],
)
def test_what_json_has_no_word_for_passes_verification_and_rebuilds(place, word):
    assert main(["build", *WORDS, f"env.kwargs.{word}", "out=x"]) == 0
    assert main(["verify", "x", "level=rebuild"]) == 0
    assert main(["build", "manifest=x", "out=y"]) == 0
