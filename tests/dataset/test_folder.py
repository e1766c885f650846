"""Recorded files to a dataset folder: which columns it has, and what comes back."""

import dataclasses
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from card_folders import inputs_of
from recordings import SPACES, recording_of

from builder import load
from builder.card import write_card
from builder.dataset.collation import Collation
from builder.dataset.columns import asked_for
from builder.dataset.folder import write_dataset
from builder.episodes.acceptance import Acceptance
from builder.episodes.recording_file import Header, write_recording
from builder.errors import DatasetError
from builder.manifest.manifest import Rejected, read_manifest
from builder.verify.tables import check_tables

MASKED = {"name": "mine", "source": "random", "version": "random", "action_masks": "method"}


def recorded_file(folder, lengths=(2, 1, 3), *, masks=True, optional=None, inputs=None):
    """A recorded file, and beside it what collation is to make of it; nothing where `optional` is None."""
    path = folder / "recorded" / "chunk"
    write_recording(recording_of(lengths, masks=masks), path, Header("", 3, 3 + len(lengths), "mine"))
    if optional is not None:
        plan = Collation(inputs or {}, "mine", *SPACES, optional=tuple(optional))
        (path.parent / "build.json").write_text(json.dumps(plan.to_json()))
    return path


@pytest.mark.parametrize("optional", [(), ("next_observation",), ("action_mask", "next_observation")])
def test_the_optional_columns_are_those_of_the_plan(tmp_path, optional):
    write_dataset(tmp_path / "x", [recorded_file(tmp_path, optional=optional)])
    names = pq.read_schema(tmp_path / "x" / "data" / "train-00000-of-00001.parquet").names
    assert {"action_mask", "next_observation"} & set(names) == set(optional)


def test_a_file_without_what_a_column_is_to_hold_is_refused(tmp_path):
    path = recorded_file(tmp_path, masks=False, optional=["action_mask"])
    with pytest.raises(DatasetError, match="holds no action_mask"):
        write_dataset(tmp_path / "x", [path])
    assert not (tmp_path / "x" / "manifest.json").exists()


def test_files_with_fewer_accepted_episodes_than_wanted_make_no_dataset(tmp_path):
    path = recorded_file(tmp_path, optional=[])
    plan = json.loads((path.parent / "build.json").read_text())
    (path.parent / "build.json").write_text(json.dumps({**plan, "episodes": 5}))
    with pytest.raises(DatasetError, match="do not hold enough accepted episodes; expected 5; got 3"):
        write_dataset(tmp_path / "x", [path])
    assert not list((tmp_path / "x" / "data").iterdir())


def test_what_was_recorded_beside_comes_in_files_card_arrays_and_batches_and_is_verified(tmp_path):
    inputs = inputs_of("expert=random", "env.id=CartPole-v1", "episodes=3", "seed=0", expert=MASKED)
    inputs = {**inputs, "own": {"collate": "mine"}}  # whose seeds are its own
    assert asked_for(inputs) == ("action_mask", "next_observation")
    path = recorded_file(tmp_path, optional=asked_for(inputs), inputs=inputs)
    folder, masks = tmp_path / "x", recording_of([2, 1, 3], masks=True).extras["action_mask"]
    manifest = write_dataset(folder, [path])
    write_card(folder)
    assert (
        "| `action_mask` | bool | 2 | 0 to 1 | which actions were allowed |"
        in (folder / "README.md").read_text()
    )
    assert check_tables(folder, manifest).difference is None
    dataset = load(str(folder))
    assert np.array_equal(dataset.arrays()["action_mask"], masks)
    batches = dataset.batches(4, columns=["action_mask"])
    assert np.array_equal(np.concatenate([batch["action_mask"].numpy() for batch in batches]), masks)
    gone = dataclasses.replace(manifest, inputs={**inputs, "expert": {**MASKED, "action_masks": False}})
    assert str(check_tables(folder, gone).difference.got).startswith("action_mask: ")


def rejecting(tmp_path, returns, *, episodes=None):
    """The manifest of a dataset of attempts with these returns, of which those of at least 0 are accepted."""
    path, rewards = tmp_path / "recorded" / "chunk", np.array(returns, float)
    recording = dataclasses.replace(recording_of([1] * len(returns)), rewards=rewards, returns=rewards)
    write_recording(recording, path, Header("", 3, 3 + len(returns), "mine"))
    plan = Collation({}, "mine", *SPACES, acceptance=Acceptance(low=0.0), episodes=episodes)
    (path.parent / "build.json").write_text(json.dumps(plan.to_json()))
    return write_dataset(tmp_path / "x", [path])


def test_returns_of_rejected_attempts_are_kept_up_to_the_last_accepted_one(tmp_path):
    manifest = rejecting(tmp_path, [5.0, -3.0, -7.5, 2.0, -1.0, 9.0], episodes=2)
    assert manifest.rejected == Rejected(2, (-7.5, -3.0))
    assert read_manifest(tmp_path / "x") == manifest
    assert check_tables(tmp_path / "x", manifest).difference is None


def test_where_none_is_rejected_nothing_is_said_of_them(tmp_path):
    assert rejecting(tmp_path, [5.0, 3.0]).rejected is None
    assert "rejected" not in json.loads((tmp_path / "x/manifest.json").read_text())


def test_of_many_rejected_attempts_evenly_spaced_ranks_are_kept(tmp_path):
    manifest = rejecting(tmp_path, [*range(-1200, 0), 1.0])
    assert manifest.rejected.count == 1200
    assert len(manifest.rejected.returns) == 500
    assert (manifest.rejected.returns[0], manifest.rejected.returns[-1]) == (-1200, -1)
    assert set(np.diff(manifest.rejected.returns)) == {2.0, 3.0}
