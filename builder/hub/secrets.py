"""Whether something that would be published looks like a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import SecretError
from builder.hub.local_files import LocalFile
from builder.hub_client.secrets import secret_in, secret_variables

BLOCK = 1 << 20
MAX_JSON = 64 << 20
OVERLAP = 1 << 12
"""A secret that lies across the border of two blocks of a file is at most this long."""


def check_secrets(files: Mapping[str, LocalFile]) -> None:
    """Refuse to publish what looks like a secret.

    Args:
        files: what would be published, by path within the folder.

    Raises:
        SecretError: something does.
    """
    variables = secret_variables()
    for name, file in files.items():
        for text in _texts(file.path):
            check_text(text, name, variables)


def check_values(value: Any, where: str, variables: Mapping[str, str] | None = None) -> None:
    """Refuse plain values, whatever JSON would make of their texts; see `check_text`.

    Raises:
        SecretError: something in them looks like a secret.
    """
    variables = secret_variables() if variables is None else variables
    if isinstance(value, str):
        check_text(value, where, variables)
    elif isinstance(value, (Mapping, list, tuple)):
        for inner in (*value, *value.values()) if isinstance(value, Mapping) else value:
            check_values(inner, where, variables)


def check_text(text: str, where: str, variables: Mapping[str, str] | None = None) -> None:
    """Refuse a text.

    Args:
        text: what would be published.
        where: it stands, for the error.
        variables: whose values are secrets, where the caller has looked for them; None: as they are now.

    Raises:
        SecretError: something in it looks like a secret.
    """
    if kind := secret_in(text, variables):
        raise SecretError(
            f"{where} holds what looks like a secret, {kind}, so nothing is published",
            remedy="build it again without; env.kwargs.NAME='${oc.env:VARIABLE}' keeps only the reference",
        )


def _texts(path: Path) -> Iterator[str]:
    if path.suffix == ".parquet":
        yield from _parquet_texts(path)
        return
    yield from _blocks(path)
    if path.suffix == ".json" and path.stat().st_size <= MAX_JSON:
        with suppress(ValueError):
            check_values(json.loads(path.read_text(encoding="utf-8")), path.name)


def _blocks(path: Path) -> Iterator[str]:
    """A file's bytes as text, in blocks that overlap."""
    last = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield (last + block).decode("latin-1")
            last = block[-OVERLAP:]


def _parquet_texts(path: Path) -> Iterator[str]:
    """The metadata of a Parquet file, and the texts in its columns."""
    file = pq.ParquetFile(path)
    yield str(file.schema_arrow.metadata or {})
    named = [field.name for field in file.schema_arrow if pa.types.is_string(field.type)]
    for batch in file.iter_batches(columns=named) if named else ():
        for column in batch.columns:
            yield "\n".join(map(str, column.unique().to_pylist()))
