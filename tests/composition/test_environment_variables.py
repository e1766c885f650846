"""What came through an environment variable is kept as a reference, or refused."""

from pathlib import Path

import pytest
from sweeps import sweep

from builder.composition import build_config
from builder.errors import ConfigError
from builder.values import Reference

SECRET = "correct-horse-battery"
WORDS = ["expert=random", "env.id=Keyed-v0", "episodes=2"]
REFERENCE = "env.kwargs.api_key=${oc.env:CORRIDOR_KEY}"


@pytest.fixture(autouse=True)
def _set(monkeypatch):
    monkeypatch.setenv("CORRIDOR_KEY", SECRET)


def test_a_reference_may_lie_deep_and_be_part_of_a_text():
    config = build_config(
        [*WORDS, "env.kwargs.options={key:'${oc.env:CORRIDOR_KEY}',list:['a-${oc.env:CORRIDOR_KEY}']}"]
    )
    options = config.env.kwargs["options"]
    assert options == {
        "key": Reference("${oc.env:CORRIDOR_KEY}"),
        "list": [Reference("a-${oc.env:CORRIDOR_KEY}")],
    }
    assert options["list"][0].value == f"a-{SECRET}"


def test_a_value_that_comes_by_way_of_another_key_came_through_the_variable_too():
    config = build_config([*WORDS, REFERENCE, "env.kwargs.again=${env.kwargs.api_key}"])
    assert config.env.kwargs["again"] == Reference("${env.kwargs.api_key}")


def test_a_text_that_is_escaped_is_a_text():
    config = build_config([*WORDS, "env.kwargs.api_key='\\${oc.env:CORRIDOR_KEY}'"])
    assert config.env.kwargs == {"api_key": "${oc.env:CORRIDOR_KEY}"}


@sweep(
    "word",
    [
        *(
            "expert.name=${oc.env:CORRIDOR_KEY}",
            "dataset.license=${oc.env:CORRIDOR_KEY}",
            "dataset.citation=${oc.env:CORRIDOR_KEY}",
            "seed=${oc.env:NUMBER}",
        ),
        *(
            "expert.version=v-${oc.env:CORRIDOR_KEY}",
            "env.id=${oc.env:CORRIDOR_KEY}",
            "threshold=${oc.env:NUMBER}",
        ),
        "expert.name=${out}",
    ],
    quick=4,
)
def test_a_variable_in_anything_else_that_is_recorded_is_refused(monkeypatch, word):
    monkeypatch.setenv("NUMBER", "3")
    with pytest.raises(ConfigError, match="came through an environment variable") as caught:
        build_config([*WORDS, "out=${oc.env:CORRIDOR_KEY}", word])
    assert SECRET not in str(caught.value)


def test_a_file_whose_name_came_through_one_needs_a_name_of_its_own():
    words = ["expert=local", "expert.path=${oc.env:CORRIDOR_KEY}"]
    with pytest.raises(ConfigError, match=r"add expert\.name="):
        build_config(words)
    assert build_config([*words, "expert.name=mine"]).expert.label == "mine"


def test_what_is_not_recorded_may_come_through_a_variable():
    config = build_config([*WORDS, "out=${oc.env:CORRIDOR_KEY}/x", "hub.repo_id=${oc.env:CORRIDOR_KEY}/x"])
    assert config.out == Path(SECRET) / "x"
