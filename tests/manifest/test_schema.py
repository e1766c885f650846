"""What a manifest may hold, and what becomes of one that holds anything else."""

import dataclasses
import itertools
import shutil

import pytest
from forged_manifests import Raw, forged, honest, judge, odd_values, places
from sweeps import case

from builder import Controller
from builder.config import INFINITE, ON_ERROR, OUT_OF_BOUNDS, DatasetConfig, RolloutConfig
from builder.dataset.columns import TABLES
from builder.errors import ConfigError, DatasetError
from builder.manifest.identity import PACE
from builder.manifest.manifest import MANIFEST, read_manifest
from builder.manifest.schema import check_inputs, schema_of, violations
from builder.storage import limits


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("schema") / "x"
    words = ["expert=cartpole", "episodes=2", "threshold=0", "env.max_episode_steps=5", "expert.check=off"]
    Controller().start([*words, f"out={out}"])
    return out


@pytest.fixture
def folder(built, tmp_path):
    return shutil.copytree(built, tmp_path / "x")


def parts(schema):
    """Every schema in a schema, at any depth."""
    yield schema
    for key, value in schema.items():
        inner = (
            value.values() if key in ("properties", "$defs") else [value] if isinstance(value, dict) else []
        )
        inner = [*inner, *(value if isinstance(value, list) else [])]
        for part in inner:
            if isinstance(part, dict):
                yield from parts(part)


CLOSED = {
    "object": ({"additionalProperties"}, {"maxProperties"}),
    "string": ({"maxLength"},),
    "integer": ({"minimum", "maximum"}, {"const"}),
    "array": ({"maxItems"},),
    "number": (set(),),
    "boolean": (set(),),
    "null": (set(),),
}
"""What closes a field of each type."""


@pytest.mark.parametrize("name", ["manifest", "provenance"])
def test_every_field_is_closed(name):
    """No object with unknown keys, no text, number or list without a bound."""
    seen = 0
    for part in parts(schema_of(name)):
        if "type" not in part or part.keys() in ({"type"}, {"type", "anyOf"}):
            continue  # of a condition; or what closes it stands in its other parts
        seen += 1
        kinds = part["type"] if isinstance(part["type"], list) else [part["type"]]
        for kind in kinds:
            assert any(keys <= part.keys() for keys in CLOSED[kind]), part
    assert seen > 10


def test_its_bounds_are_the_limits():
    config = schema_of("manifest")["properties"]["inputs"]["properties"]["config"]["properties"]
    files = schema_of("manifest")["properties"]["files"]
    assert config["episodes"]["maximum"] == limits.EPISODES
    assert config["max_attempts"]["maximum"] == limits.ATTEMPTS
    assert config["seed"]["maximum"] == limits.SEED
    assert config["rollout"]["properties"]["max_steps"]["anyOf"][1]["maximum"] == limits.STEPS
    assert config["dataset"]["properties"]["shard_mb"]["maximum"] == limits.SHARD_MB
    assert (
        config["dataset"]["properties"]["test_fraction"]["anyOf"][1]["minimum"] == limits.LEAST_TEST_FRACTION
    )
    assert files["maxProperties"] == limits.FILES
    assert schema_of("manifest")["$defs"]["noise"]["properties"]["cov"]["maxItems"] == limits.NOISE_NUMBERS


def test_it_knows_what_switches_on_every_optional_column():
    inputs = schema_of("manifest")["properties"]["inputs"]["properties"]
    inputs = {**inputs, "expert": schema_of("manifest")["$defs"]["expert"]}
    for column in (column for table in TABLES.values() for column in table if column.key):
        known = {"properties": inputs}
        for part in column.key.split("."):
            known = known["properties"][part]


def test_it_knows_every_key_that_decides_bytes():
    config = schema_of("manifest")["properties"]["inputs"]["properties"]["config"]["properties"]
    for group, kind in (("rollout", RolloutConfig), ("dataset", DatasetConfig)):
        keys = {field.name for field in dataclasses.fields(kind)} - {*PACE}
        assert config[group]["properties"].keys() == keys
    rollout = config["rollout"]["properties"]
    for key, values in (("infinite", INFINITE), ("on_error", ON_ERROR), ("out_of_bounds", OUT_OF_BOUNDS)):
        assert rollout[key]["enum"] == list(values)


@pytest.mark.parametrize("kwargs", ["x" * 201, None, "deep"])
def test_what_could_not_be_read_again_is_refused_before_play(built, kwargs):
    inputs = honest(built)["inputs"]
    check_inputs(inputs)
    if kwargs == "deep":
        inputs["environment"]["kwargs"] = {"a": 10**41}
    elif kwargs:
        inputs["environment"]["kwargs"] = {kwargs: 1}
    else:
        inputs["expert"]["version"] = "1" * 1001
    with pytest.raises(ConfigError, match="the manifest could not be read again"):
        check_inputs(inputs)


def test_an_honest_manifest_passes(built):
    assert list(violations("manifest", honest(built))) == []
    assert judge(built, "replay") == ""


NOT_ALLOWED = [
    (("attempts",), Raw("1" + "0" * 4200), "a number of 4201 digits"),
    (("attempts",), 1.5, r"\$\.attempts: 1\.5 is not of type 'integer'"),
    (("observation_space",), Raw("[" * 100_000 + "]" * 100_000), "nested more than 64 deep"),
    (("inputs", "environment", "kwargs", "x"), Raw("[" * 80 + "]" * 80), "nested more than 64 deep"),
    (
        ("observation_space", "dtype"),
        "V2147483647",
        r"\$\.observation_space\.dtype: 'V2147483647' is not one",
    ),
    (("inputs", "config", "seed"), "0", r"\$\.inputs\.config\.seed: '0' is not of type 'integer'"),
    (("inputs", "config", "rollout", "unknown"), 1, "'unknown' was unexpected"),
    (("inputs", "expert", "sees"), [], r"\$\.inputs\.expert\.sees: \[\] is not of type 'object'"),
    (("files", "../../x"), {"sha256": "0" * 64, "size": 1}, r"\$\.files: '\.\./\.\./x' does not match"),
    (("identity",), "0" * 64 + "\n", "is too long"),
    (("accepted",), Raw("NaN"), "NaN is no number"),
    (("accepted",), Raw('2, "accepted": 3'), "the key 'accepted' twice"),
]


def test_what_the_schema_does_not_allow_is_said_in_a_line(folder):
    whole = honest(folder)
    for place, value, said in NOT_ALLOWED:
        with case(place, value, said):
            (folder / MANIFEST).write_text(forged(whole, place, value))
            with pytest.raises(DatasetError, match=said):
                read_manifest(folder)
            assert "not a manifest" in judge(folder)


def test_a_dataset_without_inputs_is_verified_and_rebuilt_by_nobody(folder):
    (folder / MANIFEST).write_text(forged(honest(folder), ("inputs",), {}))
    assert judge(folder, "replay") != ""


def test_a_manifest_larger_than_any_is_not_read(folder):
    with (folder / MANIFEST).open("r+b") as file:
        file.truncate(limits.MANIFEST_BYTES + 1)
    with pytest.raises(DatasetError, match=f"more than {limits.MANIFEST_BYTES} bytes"):
        read_manifest(folder)


def test_of_some_forged_manifests_each_is_refused_or_verified(folder):
    content = honest(folder)
    every = list(itertools.product(places(content), odd_values()))
    for place, value in every[::211]:
        (folder / MANIFEST).write_text(forged(content, place, value))
        judge(folder)


@pytest.mark.slow
def test_of_all_forged_manifests_each_is_refused_or_verified(folder):
    content = honest(folder)
    values = odd_values()
    assert len(values) > 70
    escaped = []
    for place, value in itertools.product(places(content), values):
        (folder / MANIFEST).write_text(forged(content, place, value))
        try:
            judge(folder)
        except Exception as error:  # noqa: BLE001  (whatever escapes is what is looked for)
            escaped.append(f"{place} = {value!r:.80}: {error!r:.300}")
    assert escaped == []


def test_a_pattern_ends_where_the_text_ends_and_not_before_a_last_newline():
    column = {"name": "info.x", "kind": "string", "table": "transitions"}
    assert not list(violations("manifest", [column], "inputs.columns"))
    (wrong,) = violations("manifest", [{**column, "name": "info.x\n"}], "inputs.columns")
    assert "does not match" in wrong
