"""What the fuzzer found worth keeping is read again, without it: named errors only."""

import pytest
from readers import CORPUS, READERS, read_named

KEPT = 300_000
"""Bytes of all that is kept."""


@pytest.mark.parametrize("reader", READERS)
def test_every_kept_file_is_read_or_refused_by_name(reader):
    kept = sorted((CORPUS / reader).iterdir())
    assert kept
    for path in kept:
        read_named(reader, path.read_bytes())


@pytest.mark.parametrize("reader", READERS)
def test_an_honest_file_is_read(reader):
    READERS[reader]((CORPUS / reader / "honest").read_bytes())


@pytest.mark.parametrize("reader", READERS)
def test_a_file_cut_anywhere_or_with_a_byte_flipped_is_read_or_refused_by_name(reader):
    content = (CORPUS / reader / "honest").read_bytes()
    for position in range(0, len(content), max(1, len(content) // 40)):
        read_named(reader, content[:position])
        flipped = bytearray(content)
        flipped[position] ^= 0x81
        read_named(reader, bytes(flipped))


def test_the_corpus_stays_small():
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < KEPT
