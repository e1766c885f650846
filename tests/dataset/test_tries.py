"""Folders in which workers write."""

import dataclasses

import pytest
from recordings import shard_task

from builder.errors import StorageError


def test_a_folder_that_is_gone_is_one_clear_error(tmp_path):
    lost = dataclasses.replace(shard_task(tmp_path), folder=tmp_path / "gone")
    with pytest.raises(StorageError):
        lost.do()
