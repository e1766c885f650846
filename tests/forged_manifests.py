"""Forged manifests: every field of one with every odd value, the hashes right wherever there are any."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from builder.composition import build_config
from builder.config import BuildConfig, HubConfig, ParallelConfig, TrustConfig
from builder.errors import BuilderError
from builder.manifest.identity import sha256_of
from builder.manifest.manifest import MANIFEST, covered, manifest_of, manifest_text, read_manifest
from builder.manifest.rebuild import Given, rebuilt_config
from builder.verify import verify
from builder.verify.config import VerifyConfig

Place = tuple[str | int, ...]
LONGEST = 2_000
"""Characters of an error that a terminal still shows."""


class Raw(str):
    """A JSON text that no value gives."""

    __slots__ = ()


def odd_values() -> tuple[Any, ...]:
    """What a reader did not think of."""
    numbers = (0, 1, -1, 0.5, 1.0, 1e308, -1e308, 5e-324, 10**12, 2**31, 2**63 - 1)
    larger = (2**63, 10**30, -(10**30), 10**400, 10**4200, Raw("1e999"), Raw("NaN"), Raw("-Infinity"))
    texts = ("", "a", "x" * 5_000, "\0", "a\nb", "\u202e", "é" * 300, "../x", "/etc/passwd", "~")
    meant = ("${oc.env:HOME}", "{", "[1,2]", "%s", "inf", "nan", "1", "None", Raw('"\\ud800"'))
    dtypes = ("V2147483647", "U536870912", "O", "S1", "float128", "complex64", "M8[s]", "i4,i4")
    lists = (
        [],
        [0],
        [-1],
        [1, 2],
        ["a"],
        [None],
        [[]],
        [[1], [1, 2]],
        [2**24, 24],
        [2**31],
        [0.5],
        [1] * 100,
    )
    nested = (
        Raw("[" * 100 + "]" * 100),
        Raw("[" * 100_000 + "]" * 100_000),
        Raw('{"a":' * 500 + "1" + "}" * 500),
    )
    mappings = ({}, {"": 1}, {"a": 1}, {"a": {"a": {}}}, {"type": "Box"}, {"_target_": "os.system"})
    spaces = ({"type": "Dict", "spaces": [["a", {"type": "Tuple", "spaces": []}]]}, {"$float": "inf"})
    huge = {"type": "Box", "dtype": "float64", "shape": [2**12, 2**12], "low": 0, "high": 1}
    bits = {"type": "MultiBinary", "dtype": "int8", "n": [2**24, 24]}
    many = {"type": "Tuple", "spaces": [{"type": "Discrete", "dtype": "int64", "n": 2, "start": 0}] * 2_000}
    return (
        *(None, True, False, *numbers, *larger, *texts, *meant, *dtypes, *lists, *nested, *mappings, *spaces),
        *(huge, bits, many, Raw('{"a":1,"a":2}')),
    )


ABSENT: dict[Place, Any] = {
    ("notes",): ["a note"],
    ("notes", 0): "a note",
    ("instances",): "fresh",
    ("unknown",): 1,
    ("inputs", "unknown"): 1,
    ("inputs", "own"): {},
    ("inputs", "own", "enjoy"): "0" * 64,
    ("inputs", "environment", "wrappers"): [],
    ("inputs", "environment", "wrappers", 0): {"path": "ClipReward", "kwargs": {}},
    ("inputs", "environment", "mapping"): {"trained_on": "CartPole-v0", "zeros": 0},
    ("inputs", "environment", "preprocessing"): {},
    ("inputs", "environment", "kwargs", "sutton_barto_reward"): True,
    ("inputs", "config", "dataset", "unique"): True,
    ("inputs", "config", "rollout", "on_error"): "fail",
    ("inputs", "config", "rollout", "out_of_bounds"): "clip",
    ("inputs", "expert", "sees"): {},
    ("inputs", "expert", "beside"): {},
    ("inputs", "expert", "origin"): {},
    ("inputs", "expert", "target"): "a:b",
    ("inputs", "expert", "commit"): "0" * 40,
    ("inputs", "packages", "other"): "1.0",
}
"""Fields that not every manifest has."""


def places(content: Any, here: Place = ()) -> Iterator[Place]:
    """Every field of a manifest, the inner ones too, and those that it could have."""
    inner = content.items() if isinstance(content, dict) else enumerate(content[:2])
    for key, value in inner:
        yield (*here, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*here, key))
    if not here:
        yield from ABSENT


def forged(content: Any, place: Place, value: Any) -> str:
    """The text of a manifest with a value in a place, and the hashes that a forger would put."""
    content = copy.deepcopy(content)
    *way, last = place
    inner = content
    for at, step in enumerate(way):
        if isinstance(inner, dict) and step not in inner:
            inner[step] = copy.deepcopy(ABSENT.get(tuple(way[: at + 1]), {}))
        inner = inner[step]
    mark = "\u0001mark"
    if isinstance(inner, list) and last == len(inner):
        inner.append(None)
    inner[last] = mark if isinstance(value, Raw) else value
    if not isinstance(value, Raw):
        _hash(content, place)
    return json.dumps(content, indent=1, sort_keys=True).replace(json.dumps(mark), str(value)) + "\n"


def _hash(content: Any, place: Place) -> None:
    if place[0] in ("sha256", "identity", "fingerprint"):
        return
    try:
        content["identity"] = sha256_of(content["inputs"])
        manifest = manifest_of(content, Path(MANIFEST))
        hashed = {"identity": manifest.identity, "files": covered(manifest.files)}
        content["fingerprint"] = sha256_of(hashed)
        content["sha256"] = sha256_of({key: held for key, held in content.items() if key != "sha256"})
    except (BuilderError, ValueError, TypeError, KeyError, RecursionError):
        return  # its schema refuses it anyway


def judge(folder: Path, level: str = "files") -> str:
    """What `verify` and `build manifest=` say of a folder; whatever is no error of ours escapes."""
    said = []
    config = VerifyConfig(
        out=folder,
        level=level,
        sample=1.0,
        hub=HubConfig(),
        expert=TrustConfig(),
        parallel=ParallelConfig(backend="threading", n_jobs=1),
    )
    try:
        said += [str(check.difference or check.compared) for check in verify(config).failures()]
    except BuilderError as error:
        said.append(str(error))
    try:
        rebuilt_config(read_manifest(folder), folder, _asked(), Given())
    except BuilderError as error:
        said.append(str(error))
    for line in said:
        assert "\n" not in line
        assert len(line) < LONGEST
        line.encode()
    return "; ".join(said)


@cache
def _asked() -> BuildConfig:
    """Composed once: that takes longer than all the rest."""
    return build_config(["out=again"])


def honest(folder: Path) -> Any:
    """The content of a folder's manifest."""
    manifest = read_manifest(folder)
    return json.loads(manifest_text(manifest))
