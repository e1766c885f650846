"""Labels that were given afterwards, asked for again; see also tests/augment/test_relabel.py."""

import dataclasses
import shutil

import pytest
from verification import check

from builder import relabel
from builder.card import write_card
from builder.config import TrustConfig
from builder.errors import ConfigError
from builder.experts.policy import BUNDLED
from builder.manifest.identity import identity
from builder.manifest.manifest import read_manifest, seal
from builder.verify.claims import NOTHING
from builder.verify.config import LabellerConfig


def test_another_expert_of_that_name_is_a_difference(folder, tmp_path):
    out = relabel(folder, "acrobot", to=tmp_path / "y").folder
    manifest = read_manifest(out)
    labels = manifest.inputs["relabelled"]
    other = {**labels, "expert": {**labels["expert"], "version": "another"}}
    inputs = {**manifest.inputs, "relabelled": other}
    seal(dataclasses.replace(manifest, inputs=inputs, identity=identity(inputs)), out)
    assert check(out, "rebuild").checks[-1].verdict == "differs"


def test_what_it_was_asked_and_no_column_has_is_a_difference(folder, tmp_path):
    out = relabel(folder, "acrobot", to=tmp_path / "y").folder
    manifest = read_manifest(out)
    labels = {**manifest.inputs["relabelled"], "teacher": ["q_value"]}
    inputs = {**manifest.inputs, "relabelled": labels}
    seal(dataclasses.replace(manifest, inputs=inputs, identity=identity(inputs)), out)
    write_card(out)
    found = check(out, "rebuild").checks[-1]
    assert found.verdict == "differs"
    assert "the column teacher.q_value is not there" in str(found.difference)


def archive(name, to):
    """A bundled expert's archive with nothing beside it."""
    return str(shutil.copy(BUNDLED / f"{name}.zip", to / f"{name}.zip"))


def labelled(tmp_path, dataset):
    """The labels of an archive of this machine, and that archive."""
    labeller = archive("acrobot", tmp_path)
    said = relabel(dataset, "local", to=tmp_path / "y", **{"expert.path": labeller}).folder
    return said, labeller


def test_an_archive_that_labelled_is_named_by_a_key_of_its_own(folder, tmp_path):
    out, labeller = labelled(tmp_path, folder)
    with pytest.raises(ConfigError, match=r"archive of '.*' lies.*give labels\.path=PATH"):
        check(out, "rebuild")
    check(out, "rebuild", labels=LabellerConfig(labeller)).raise_for_difference()
    with pytest.raises(ConfigError, match=r"expert\.path is not asked for: .*'random'"):
        check(out, "rebuild", labels=LabellerConfig(labeller), expert=TrustConfig(path=labeller))


def test_another_dataset_than_the_one_that_was_labelled_is_a_difference(folder, tmp_path):
    out = relabel(folder, "acrobot", to=tmp_path / "y").folder
    assert check(out, "rebuild").checks[-1].verdict == "ok"
    manifest = read_manifest(out)
    inputs = {**manifest.inputs, "relabelled": {**manifest.inputs["relabelled"], "dataset": "0" * 64}}
    seal(dataclasses.replace(manifest, inputs=inputs, identity=identity(inputs)), out)
    write_card(out)
    found = check(out, "rebuild").checks[-1].difference
    assert (found.what, found.got) == ("the dataset that was labelled", "0" * 64)


def test_labels_given_again_do_not_prove_who_played(folder, tmp_path):
    manifest = read_manifest(folder)
    inputs = {**manifest.inputs, "expert": {**manifest.inputs["expert"], "source": "a program"}}
    seal(dataclasses.replace(manifest, inputs=inputs, identity=identity(inputs)), folder)
    out = relabel(folder, "acrobot", to=tmp_path / "y").folder
    report = check(out, "rebuild")
    assert report.checks[-1].compared.endswith("its episodes cannot be built again")
    said = {claim.statement: claim.proof for claim in report.claims}
    assert said["'random' played them"] == NOTHING
    assert not any("`expert_action` is what" in statement for statement in said)
    assert "observations, rewards and endings are what Acrobot-v1 gives" in said
