"""What a build is called: which inputs name it, and which do not."""

import dataclasses
import hashlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweeps import case

from builder.composition import build_config
from builder.config import DatasetConfig
from builder.manifest.identity import (
    build_inputs,
    canonical,
    chunk_identity,
    growth_identity,
    identity,
    in_format,
    sha256_of,
)
from builder.versions import DATA_FORMAT, OLDER_FORMATS, playing_code

CONFIG = build_config(["max_attempts=500", "expert=random", "env.id=CartPole-v1", "hub.repo_id=user/name"])
RESOLVED = {
    "environment": {"id": "CartPole-v1", "kwargs": {}, "max_episode_steps": 500},
    "expert": {"name": "cartpole", "version": "ab"},
    "packages": {"numpy": "2.4.6"},
    "own": {},
}

DECIDES_WHAT_IS_PLAYED = {
    "seed": 1,
    "rollout.deterministic": False,
    "rollout.precision": "float32",
    "rollout.max_steps": 7,
    "rollout.out_of_bounds": "clip",
    "rollout.infinite": "record",
    "rollout.noise": {"kind": "gaussian", "std": 0.3},
    "rollout.switch": {"policy": "random", "probability": 0.5},
    "rollout.target": 0.5,
    "rollout.tolerance": 0.1,
    "dataset.pixels": {"height": 84, "width": 84},
}
DECIDES_WHAT_IS_KEPT = {
    "rollout.on_error": "reject",
    "threshold": 1.0,
    "max_return": 499.0,
    "expert.threshold": 3.0,
    "dataset.next_observation": False,
    "dataset.test_fraction": 0.25,
    "dataset.shard_mb": 1,
    "dataset.include_expert": True,
    "dataset.license": "mit",
    "dataset.citation": "@misc{me}",
    "dataset.unique": True,
    "dataset.info": ["x"],  # what is played and recorded for it, the columns say
    "dataset.simulator_state": True,  # likewise
    "dataset.policy_observation": True,
    "dataset.teacher": ["value"],
}
DECIDES_HOW_MUCH = {"episodes": 101, "max_attempts": 501}
DECIDES_NOTHING = {
    "out": "elsewhere",
    "mode": "play",
    "overwrite": True,
    "card.preview": True,
    "keep_chunks": False,
    "verify_sample": 0,
    "manifest": "another",
    "debug": True,
    "rollout.lanes": 7,
    "env.instances": "single",
    "env.vector": False,
    "parallel.backend": "loky",
    "parallel.n_jobs": 2,
    "parallel.address": "tcp://10.0.0.1:8786",
    "hub.repo_id": "user/other",
    "hub.private": True,
    "hub.tag": "v1",
    "hub.revision": "next",
    "hub.push": True,
    "hub.sign": True,
    "hub.key": "a",
}
DECIDED = {**DECIDES_WHAT_IS_PLAYED, **DECIDES_WHAT_IS_KEPT, **DECIDES_HOW_MUCH, **DECIDES_NOTHING}


def keys_of(config, prefix=""):
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from keys_of(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", value


def changed(config, key, value):
    group, _, name = key.rpartition(".")
    if group:
        name, value = group, dataclasses.replace(getattr(config, group), **{name: value})
    return dataclasses.replace(config, **{name: value})


def inputs(config=CONFIG, **resolved):
    return build_inputs(config, **RESOLVED | resolved)


def other_than(value):
    kinds = {
        bool: lambda: not value,
        int: lambda: value + 1,
        float: lambda: value + 1,
        dict: lambda: {"x": 1},
    }
    return kinds.get(type(value), lambda: "other")()


# Who plays and what is played decides as it is resolved: `RESOLVED`.
RESOLVED_LATER = {
    key: other_than(value)
    for key, value in keys_of(CONFIG)
    if key.startswith(("expert.", "env.")) and key not in DECIDED
}
CHECKED = {
    "expert.source": "local",
    "expert.check": "off",
    "expert.action_masks": "none",
    "expert.frame_stack": 4,
    "env.max_episode_steps": 9,
    "env.preprocessing": "raw",
}
KEYS = DECIDED | RESOLVED_LATER | {key: CHECKED[key] for key in CHECKED.keys() & RESOLVED_LATER}


def test_every_key_of_the_configuration_is_spoken_of_here():
    assert sorted(KEYS) == sorted(key for key, _ in keys_of(CONFIG))


def test_a_key_is_in_the_identities_where_it_decides():
    kinds = (identity, growth_identity, chunk_identity)
    usual = {name: name(inputs()) for name in kinds}
    for key in sorted(KEYS):
        nothing = key in DECIDES_NOTHING or key in RESOLVED_LATER
        other = inputs(changed(CONFIG, key, KEYS[key]))
        with case(key):
            assert {name: name(other) == usual[name] for name in kinds} == {
                identity: nothing,
                growth_identity: nothing or key in DECIDES_HOW_MUCH,
                chunk_identity: key not in DECIDES_WHAT_IS_PLAYED,
            }


@pytest.mark.parametrize(
    "resolved",
    [
        {"environment": {**RESOLVED["environment"], "kwargs": {"gravity": 9.8}}},
        {"environment": {**RESOLVED["environment"], "max_episode_steps": 499}},
        {"expert": {"name": "cartpole", "version": "cd"}},
        {"packages": {"numpy": "2.4.7"}},
        {"packages": {"numpy": "2.4.6", "mujoco": "4.0.0"}},
        {"own": {"enjoy": "ab"}},
    ],
)
def test_what_is_resolved_is_in_every_identity(resolved):
    for name in (identity, growth_identity, chunk_identity):
        assert name(inputs(**resolved)) != name(inputs())


def test_a_collate_of_the_users_own_names_the_dataset_but_not_its_chunks():
    own = inputs(own={"collate": "ab"})
    assert identity(own) != identity(inputs())
    assert growth_identity(own) != growth_identity(inputs())
    assert chunk_identity(own) == chunk_identity(inputs())


def test_the_default_budget_names_a_build_as_the_same_number_does():
    by_default, stated = (
        inputs(build_config([*limits, "expert=random", "env.id=CartPole-v1", "episodes=50"]))
        for limits in ([], ["max_attempts=500"])
    )
    assert identity(by_default) == identity(stated)


def test_the_experts_threshold_names_a_build_as_the_same_number_does():
    of_expert = dataclasses.replace(CONFIG, expert=dataclasses.replace(CONFIG.expert, threshold=5.0))
    assert inputs(of_expert) == inputs(dataclasses.replace(CONFIG, threshold=5.0))


@dataclasses.dataclass(frozen=True)
class _Later(DatasetConfig):
    """What a later version writes."""

    saliency: bool = False


def test_a_later_key_of_the_dataset_is_written_where_it_is_not_at_its_default():
    def with_saliency(value):
        later = _Later(**dataclasses.asdict(CONFIG.dataset), saliency=value)
        return inputs(dataclasses.replace(CONFIG, dataset=later))

    assert with_saliency(value=False) == inputs()
    assert with_saliency(value=True)["config"]["dataset"] == {
        **inputs()["config"]["dataset"],
        "saliency": True,
    }


def test_inputs_are_plain_json():
    found = inputs()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["config"]["threshold"], found["config"]["max_return"]) == ("-inf", "inf")


def test_inputs_that_a_manifest_has_kept_name_the_same_build():
    kept = json.loads(json.dumps(inputs(), sort_keys=True))
    for name in (identity, growth_identity, chunk_identity):
        assert name(kept) == name(inputs())


def test_chunks_played_by_other_code_have_another_identity():
    assert chunk_identity(inputs()) == chunk_identity(inputs(), code=playing_code())
    assert chunk_identity(inputs()) != chunk_identity(inputs(), code="other")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
few = settings(max_examples=15)


@few
@given(st.dictionaries(st.text(), json_values), st.randoms())
def test_the_order_of_keys_does_not_name_anything(value, random):
    pairs = list(value.items())
    random.shuffle(pairs)
    assert canonical(dict(pairs)) == canonical(value)


@few
@given(json_values)
def test_canonical_text_tells_every_value_from_every_other(value):
    again = json.loads(canonical(value))
    assert again == value
    assert repr(again) == repr(value) or sorted(repr(again)) == sorted(
        repr(value)
    )  # but for the order of keys


def test_canonical_text_is_spelt_in_one_way():
    value = {"b": (1, 2.0, True, None), "a": {"high": math.inf, "low": -math.inf}, "c": "ß"}
    assert canonical(value) == '{"a":{"high":"inf","low":"-inf"},"b":[1,2.0,true,null],"c":"\\u00df"}'


def test_a_sha256_is_that_of_the_canonical_text():
    assert sha256_of({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()


def test_the_datasets_of_0_1_0_are_named_as_they_were():
    assert "0.1.0" in OLDER_FORMATS


def test_the_format_of_the_data_names_a_dataset_but_not_the_chunks_that_it_is_made_of():
    older, newer = (in_format(inputs(), name) for name in (*OLDER_FORMATS, DATA_FORMAT))
    assert identity(older) != identity(newer)
    assert growth_identity(older) != growth_identity(newer)
    assert chunk_identity(older) == chunk_identity(newer)
