"""Datasets of Minari's in repositories."""

import json

import pytest
from opening_lines import undefined

from builder.errors import ConfigError, DatasetError
from builder.exchange.contract import Source
from builder.exchange.minari.published import published
from builder.manifest.manifest import read_manifest


@pytest.fixture
def source(dataset_of):
    folder = dataset_of("vector")
    return Source(folder, read_manifest(folder), {"train": [0]})


def test_the_first_part_of_its_id_is_the_repository(source):
    place = published(source, {"id": None}, "user/il-builder")
    assert place.within == "Kind-v0/random-v0"
    assert place.opened.startswith('import os; os.environ["MINARI_REMOTE"] = "hf://user"; import minari; ')
    assert undefined(place.opened) == set()
    assert place.opened.endswith('minari.download_dataset("il-builder/Kind-v0/random-v0")')
    assert place.shared.keys() == {"namespace_metadata.json", "Kind-v0/namespace_metadata.json"}


def test_a_repository_of_another_name_is_refused_with_both_ways_out(source):
    remedy = r"hub\.repo_id=user/il-builder, or to\.id=mine/Kind-v0/random-v0"
    with pytest.raises(ConfigError, match=remedy):
        published(source, {"id": None}, "user/mine")


def test_a_dataset_without_a_namespace_is_refused(source):
    with pytest.raises(ConfigError, match=r"has but one part.*to\.id=x-v0/x-v0"):
        published(source, {"id": "x-v0"}, "user/x-v0")


def test_what_a_repository_lists_stays_and_is_listed_once(source):
    listed = published(source, {"id": "a/x-v0"}, "user/a").shared["namespace_metadata.json"]
    assert json.loads(listed(None)) == {"datasets": ["a/x-v0"]}
    once = listed(b'{"author": "me", "datasets": ["a/y-v0"]}')
    assert json.loads(once) == {"author": "me", "datasets": ["a/y-v0", "a/x-v0"]}
    assert listed(once) == once


@pytest.mark.parametrize("there", [b"[]", b"nothing", b'{"datasets": {}}', b"\xff"])
def test_a_list_that_is_none_is_refused(there, source):
    with pytest.raises(DatasetError, match=r"namespace_metadata\.json of the repository"):
        published(source, {"id": "a/x-v0"}, "user/a").shared["namespace_metadata.json"](there)
