"""The fields of an archive."""

import pytest
from damaged import members_of, read_quickly, zipped

from builder.errors import ArchiveError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"\xff\xfe", "not JSON"),
        (b'{"a": ' + b"[" * 100_000, "not JSON"),
        (b'{"a": [' + b"[]," * 2_000_000 + b"[]]}", "values"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "not JSON"),
        (b"{}", "'policy_class' is missing"),
        (b'{"policy_class": {":serialized:": "gAS!"}}', "not base64"),
        (b'{"policy_class": {":serialized:": 3}}', "not base64"),
        (b'{"policy_class": {":serialized:": ""}}', "the pickle is damaged"),
    ],
)
def test_damaged_fields_are_refused(archive, spoiled, content, message):
    members = members_of(archive.read_bytes())
    with pytest.raises(ArchiveError, match=message):
        read_quickly(spoiled(zipped({**members, "data": content})))
