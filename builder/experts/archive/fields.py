"""The member `data` of an archive: JSON whose unreadable values are pickles in base64.

Every pickle is decoded into inert records and audited, whether it is used or not.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from builder.errors import ArchiveError, UnsupportedExpertError
from builder.experts.archive.audit import audit
from builder.experts.archive.inert_pickle import MAX_OPERATIONS, Entries, InertPickle, decode
from builder.experts.archive.inert_values import mapping
from builder.storage.limits import JSON_VALUES

_PICKLED = ":serialized:"


@dataclass(frozen=True, eq=False)
class SavedFields:
    """What an archive says of its algorithm.

    Attributes:
        where: the archive, for messages.
        plain: the values that JSON can hold; of the others, their readable description.
        pickled: the others, as inert records.
    """

    where: str
    plain: dict[str, Any]
    pickled: dict[str, InertPickle]

    def record(self, name: str) -> Any:
        """The inert record of a pickled field.

        Raises:
            ArchiveError: there is none.
        """
        if name not in self.pickled:
            raise ArchiveError(f"{self.where}: the field {name!r} is missing or is not pickled")
        return self.pickled[name].value

    def policy_kwargs(self) -> dict[str, Any]:
        """The policy's keyword arguments; classes are `Global` records."""
        if "policy_kwargs" in self.pickled:
            return mapping(self.record("policy_kwargs"), f"{self.where}: policy_kwargs")
        value = self.plain.get("policy_kwargs", {})
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise ArchiveError(f"{self.where}: policy_kwargs", expected="a mapping", got=type(value).__name__)
        return value


def read_fields(content: bytes, where: str) -> SavedFields:
    """Read the member `data`.

    Raises:
        ArchiveError: it is damaged.
        UnsafeArchiveError: a pickled field would run code.
        UnsupportedExpertError: one needs a class of somebody's own, and none would run code besides.
    """
    plain = parse_fields(content, where)
    pickled: dict[str, InertPickle] = {}
    left = MAX_OPERATIONS
    unsupported: UnsupportedExpertError | None = None
    for name, value in plain.items():
        if not isinstance(value, dict) or _PICKLED not in value:
            continue
        field = f"{where}: field {name[:60]!r}"
        pickled[name] = decode(_bytes(value[_PICKLED], field), field, max_operations=left)
        left -= pickled[name].operations
        try:
            audit(pickled[name], field)
        except UnsupportedExpertError as error:
            unsupported = unsupported or error
    if unsupported is not None:
        raise unsupported
    return SavedFields(where, plain, pickled)


def pickled_record(fields: Mapping[str, Any], name: str) -> Any:
    """The inert record of one pickled field of `parse_fields`; it is not audited.

    Raises:
        ArchiveError: there is none, or it is damaged.
        UnsafeArchiveError: it uses an op-code that no plain agent needs.
    """
    value = fields.get(name)
    if not isinstance(value, dict) or _PICKLED not in value:
        raise ArchiveError(f"the field {name!r} is missing or is not pickled")
    return decode(_bytes(value[_PICKLED], name), name).value


def parse_fields(content: bytes, where: str) -> dict[str, Any]:
    """The member `data` as JSON, its pickles still in base64.

    Raises:
        ArchiveError: it is damaged.
    """
    values = content.count(b",") + content.count(b"[") + content.count(b"{")
    if values > JSON_VALUES:
        raise ArchiveError(f"{where}: {values} values", expected=f"at most {JSON_VALUES}")
    try:
        parsed = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"{where}: not JSON ({type(error).__name__})") from error
    if not isinstance(parsed, dict):
        raise ArchiveError(f"{where}: not a JSON object", got=type(parsed).__name__)
    return parsed


def _bytes(text: Any, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise ArchiveError(f"{where}: not base64") from error


def plain_value(record: Any) -> Any:
    """Entries as a dict where its keys are text, for fields whose values are plain."""
    if isinstance(record, Entries) and all(type(key) is str for key, _ in record.pairs):
        return {key: plain_value(value) for key, value in record.pairs}
    return record
