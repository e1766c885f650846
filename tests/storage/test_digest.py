"""The sha256 of files."""

import hashlib

from builder.storage import digest
from builder.storage.digest import file_sha256


def test_it_is_that_of_the_bytes_also_where_they_are_read_in_parts(tmp_path):
    content = b"x" * (2 * digest.PART + 3)
    (tmp_path / "a").write_bytes(content)
    assert file_sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_that_of_several_is_that_of_all_their_bytes_in_a_row(tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"two")
    assert file_sha256(tmp_path / "a", tmp_path / "b") == hashlib.sha256(b"onetwo").hexdigest()
