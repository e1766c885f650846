"""Names of datasets, and where they lie."""

import json

import pytest

from builder.errors import ConfigError, DatasetError, ExistsError
from builder.exchange.contract import Source
from builder.exchange.export import ExportRequest, export
from builder.exchange.minari.place import dataset_id, found_dataset
from builder.manifest.manifest import read_manifest


def exported(folder, root, **options):
    return export(folder, ExportRequest("minari", root, options=options))


def test_a_dataset_is_named_by_its_environment_and_expert(dataset_of):
    folder = dataset_of("vector")
    source = Source(folder, read_manifest(folder), {})
    assert dataset_id(source, {"id": None}) == "il-builder/Kind-v0/random-v0"
    assert dataset_id(source, {"id": "a/b-v3"}) == "a/b-v3"


@pytest.mark.parametrize("name", ["x", "../x-v0", "/x-v0", "a//x-v0", "a.b-v0", "data/x-v0", "x-v0/", 3])
def test_a_name_that_minari_does_not_read_is_refused(name, dataset_of, tmp_path):
    with pytest.raises(ConfigError, match="the option id"):
        exported(dataset_of("vector"), tmp_path / "root", id=name)


def test_a_root_keeps_what_else_is_in_it(dataset_of, tmp_path):
    first = exported(dataset_of("vector"), tmp_path, id="a/x-v0").path
    (tmp_path / "a" / "namespace_metadata.json").write_text('{"description": "mine"}')
    kept = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    exported(dataset_of("start"), tmp_path, id="a/b/y-v0")
    assert {path: path.read_bytes() for path in kept} == kept
    assert json.loads((tmp_path / "a" / "namespace_metadata.json").read_text()) == {"description": "mine"}
    assert (tmp_path / "a" / "b" / "namespace_metadata.json").is_file()


def test_a_dataset_does_not_lie_within_another(dataset_of, tmp_path):
    exported(dataset_of("vector"), tmp_path, id="a/x-v0")
    with pytest.raises(ExistsError, match="is a dataset of Minari's"):
        exported(dataset_of("vector"), tmp_path, id="a/x-v0/y-v0")


def test_root_dataset_and_data_folder_mean_the_same(dataset_of, tmp_path):
    data = exported(dataset_of("vector"), tmp_path, id="a/x-v0").path / "data"
    for path in (tmp_path, data.parent, data):
        assert found_dataset(path, None) == data


def test_of_several_one_is_named(dataset_of, tmp_path):
    for name in ("a/x-v0", "y-v0"):
        exported(dataset_of("vector"), tmp_path, id=name)
    assert found_dataset(tmp_path, "y-v0") == tmp_path / "y-v0" / "data"
    with pytest.raises(ConfigError, match=r"2 datasets.*a/x-v0, y-v0"):
        found_dataset(tmp_path, None)
    with pytest.raises(ConfigError, match=r"no 'y-v1'.*did you mean 'y-v0'"):
        found_dataset(tmp_path, "y-v1")


def test_a_folder_without_any_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="no dataset of Minari's"):
        found_dataset(tmp_path, None)
