"""Files of strangers are imported under the audit hook of `tracing`: nothing runs, nothing is left."""

import json
import os
import random
import shutil

import pytest
from tracing import SECRET, THEIRS, Sandbox, trace

from builder.errors import MissingExtraError
from builder.exchange.export import ExportRequest, export
from builder.exchange.formats import FORMATS
from builder.exchange.note import NOTE

MUTANTS = int(os.environ.get("MUTANTS", "40"))
"""Damaged files of each format; a developer's own run may take more."""


def artefact(name, folder, dataset_of):
    """What `to.path` was given, in a folder of its own with all that belongs to it."""
    try:
        return export(dataset_of("vector"), ExportRequest(name, folder / f"x{FORMATS[name].suffix}")).given
    except MissingExtraError as error:
        pytest.skip(str(error))


def copied(given, place, number):
    """A copy of an export, and all files of it."""
    place = place / f"{number}"
    shutil.copytree(given.parent, place)
    files = sorted(path for path in place.rglob("*") if path.is_file())
    return place / given.name, files


def damaged(files, rng):
    """Damage one of them: a few bytes, its end, a number of its text, or all of it."""
    path = rng.choice(files)
    content = bytearray(path.read_bytes())
    kind = rng.randrange(5)
    if kind == 0 or not content:
        content = bytearray(rng.randbytes(rng.randrange(200)))
    elif kind == 1:
        del content[rng.randrange(len(content)) :]
    elif kind == 2:
        place = rng.randrange(len(content))
        content[place : place + 8] = (2**62).to_bytes(8, "little")
    else:
        for _ in range(rng.randrange(1, 9)):
            content[rng.randrange(len(content))] = rng.randrange(256)
    path.write_bytes(bytes(content))


def forged(given, files):
    """Notes that name what only trust would run."""
    for path in files:
        if path.name.endswith(NOTE):
            note = json.loads(path.read_text())
            note["inputs"]["environment"]["id"] = f"{THEIRS}:Kind-v0"
            note["inputs"]["environment"]["kwargs"]["kind"] = "${oc.env:CANARY_TOKEN}"
            path.write_text(json.dumps(note))
    return given


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, entry in sorted(FORMATS.items()) if entry.write])
def test_nothing_of_a_damaged_or_forged_file_runs_and_nothing_is_left(name, dataset_of, tmp_path):
    rng = random.Random(name)
    sandbox = Sandbox(tmp_path / "place")
    sandbox.set_up()
    source = tmp_path / "source"
    source.mkdir()
    given = artefact(name, source, dataset_of)
    honest, _ = copied(given, sandbox.root, "honest")
    evil = [forged(*copied(given, sandbox.folders, "forged"))]
    for number in range(MUTANTS):
        mutant, files = copied(given, sandbox.folders, number)
        damaged(files, rng)
        evil.append(mutant)
    words = ("import", f"from={name}", "path='{folder}'", "out='{work}/imported'", "overwrite=true")
    found = trace(sandbox, evil, honest=honest, commands=[words])
    assert found.events == []
    assert not sandbox.ran
    assert SECRET not in found.output
    assert {*found.codes} <= {0, 1, 2}
    assert "Traceback" not in found.output
    assert {path.name for path in sandbox.work.iterdir()} <= {f"{THEIRS}.py", "imported"}
