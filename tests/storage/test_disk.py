"""Is there room?"""

import shutil

import pytest

from builder.errors import StorageError
from builder.pipeline.controller import Controller
from builder.storage.disk import check_space, nearest_existing


def test_what_fits_is_no_error_and_what_does_not_states_both_sizes(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    check_space(tmp_path / "not/there/yet", free // 2, "give up")
    with pytest.raises(StorageError) as caught:
        check_space(tmp_path / "not/there/yet", 2 * free, "give up")
    assert str(caught.value).startswith(f"the disk of {tmp_path} has too little room; expected ")
    assert str(caught.value).endswith(" MB; free some space there, or give up")


def test_the_nearest_folder_that_exists_is_found(tmp_path):
    assert nearest_existing(tmp_path / "a/b") == tmp_path
    assert nearest_existing(tmp_path) == tmp_path


def test_a_build_that_cannot_fit_ends_after_its_first_chunk(tmp_path):
    with pytest.raises(StorageError, match=r"has too little room; expected .* give an `out` elsewhere"):
        Controller().start([f"out='{tmp_path}/x'", "episodes=1000000000", "expert.check_episodes=2"])
