"""An expert as data: `expert.json` and `expert.safetensors`, in place of a pickle.

What was read from an archive and from the files beside it, written so that anybody can read it without
running anything, and loaded again it acts alike to the bit.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, describe, from_description
from builder.errors import ArchiveError, BuilderError, ConfigError, storage_error
from builder.experts.archive.agent import Agent
from builder.experts.archive.vec_normalize import Statistics
from builder.experts.network.encoding import Encoder
from builder.experts.network.network import (
    Activation,
    AtomsHead,
    ContinuousHead,
    Convolution,
    DiscreteHead,
    Filters,
    GruLayer,
    ImageExtractor,
    ImageLayers,
    LayerNorm,
    Linear,
    LstmLayer,
    Network,
    PaddedConvolution,
    ResidualExtractor,
    ResidualStage,
)
from builder.experts.observations.wrappers import Wrapper
from builder.experts.published import Published
from builder.experts.sources.portable_checks import (
    check_agent,
    check_companions,
    check_fields,
    check_published,
)
from builder.experts.sources.zoo_files import Companions
from builder.storage.limits import EXPERT_BYTES, WEIGHTS_BYTES
from builder.storage.paths import atomic_file, is_part_of, write_whole
from builder.storage.plain_json import check_tensor_file, read_bounded, read_json

DESCRIPTION = "expert.json"
WEIGHTS = "expert.safetensors"
FORMAT = 1
_DAMAGED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, MemoryError)
CLASSES = {
    kind.__name__: kind
    for kind in (
        *(Agent, Network, Encoder, Linear, Convolution, ImageExtractor, LstmLayer, DiscreteHead),
        *(PaddedConvolution, ResidualStage, ResidualExtractor, GruLayer),
        *(AtomsHead, ContinuousHead, Companions, Wrapper, Statistics, Published),
        *(Activation, LayerNorm, Filters, ImageLayers),
    )
}
"""All that such a file may hold beside arrays, spaces and plain values."""


@dataclasses.dataclass(frozen=True)
class PortableExpert:
    """What the two files hold.

    Attributes:
        agent: what was read from the archive.
        companions: what was read beside it.
        published: its published return.
        origin: the identity of the archive that it comes from.
    """

    agent: Agent
    companions: Companions
    published: Published | None
    origin: dict[str, Any]


def save_portable(kept: PortableExpert, folder: Path) -> None:
    """Write an expert into a folder.

    Raises:
        ConfigError: the folder holds something else.
        StorageError: it cannot be written.
    """
    from safetensors.numpy import save_file

    check_folder(folder, (DESCRIPTION, WEIGHTS))
    arrays: dict[str, Array] = {}
    content = {field.name: _encode(getattr(kept, field.name), arrays) for field in dataclasses.fields(kept)}
    try:
        with atomic_file(folder / WEIGHTS) as file:
            save_file(arrays, file)
        text = json.dumps({"format": FORMAT, **content}, indent=1, sort_keys=True)
        write_whole(folder / DESCRIPTION, text + "\n")
    except Exception as error:
        raise storage_error(error, folder) from error


def check_folder(folder: Path, names: Sequence[str]) -> None:
    """Refuse a folder with anything else in it; what a save that was killed has left there goes.

    Args:
        folder: the folder, which need not be there.
        names: of the files that may be in it.

    Raises:
        ConfigError: it holds something else.
        StorageError: it cannot be read.
    """
    if not folder.exists():
        return
    try:
        for path in sorted(folder.iterdir()):
            if any(is_part_of(name, path) for name in names):
                shutil.rmtree(path)
            elif path.name not in names:
                raise ConfigError(
                    f"{folder} holds something else", got=path.name, remedy="choose another folder for save="
                )
    except OSError as error:
        raise storage_error(error, folder) from error


def _encode(value: Any, arrays: dict[str, Array]) -> Any:  # noqa: PLR0911  (one for each kind)
    if isinstance(value, np.ndarray):
        name = f"{len(arrays):04d}"
        arrays[name] = np.ascontiguousarray(value)
        return {"array": name}
    if isinstance(value, gym.Space):
        return {"space": describe(value)}
    if dataclasses.is_dataclass(value) and type(value).__name__ in CLASSES:
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {"class": type(value).__name__, "fields": _items(fields, arrays)}
    if isinstance(value, Mapping):
        return {"mapping": _items(value, arrays)}
    if isinstance(value, tuple):
        return {"tuple": [_encode(item, arrays) for item in value]}
    if isinstance(value, list):
        return [_encode(item, arrays) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return {"float": str(value)}
    return value


def _items(values: Mapping[str, Any], arrays: dict[str, Array]) -> dict[str, Any]:
    return {name: _encode(item, arrays) for name, item in values.items()}


def read_portable(folder: Path) -> PortableExpert:
    """Read an expert that `save_portable` wrote.

    Raises:
        ArchiveError: it is damaged, or holds anything else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        check_tensor_file(folder / WEIGHTS)
        arrays = load(read_bounded(folder / WEIGHTS, WEIGHTS_BYTES))
        content = read_json(folder / DESCRIPTION, EXPERT_BYTES)
        if content.pop("format") != FORMAT:
            raise ArchiveError(f"{DESCRIPTION} is of another version", expected=FORMAT)
        if any(array.dtype.kind == "f" and not np.isfinite(array).all() for array in arrays.values()):
            raise ArchiveError(f"{WEIGHTS} holds numbers that are not finite")
        kept = PortableExpert(**{name: _decode(value, arrays) for name, value in content.items()})
        check_fields(kept, DESCRIPTION)
        check_agent(kept.agent, DESCRIPTION)
        check_companions(kept.companions, DESCRIPTION)
        check_published(kept.published, DESCRIPTION)
    except BuilderError:
        raise
    except (SafetensorError, OSError, *_DAMAGED) as error:
        raise ArchiveError(f"the expert in {folder} is damaged: {str(error)[:200]}") from error
    return kept


def _decode(value: Any, arrays: Mapping[str, Array]) -> Any:  # noqa: PLR0911  (one for each kind)
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    kind = next(iter(value), None)
    inner: Any = value.get(kind)
    if kind == "array":
        return arrays[inner]
    if kind == "space":
        return from_description(inner)
    if kind == "class":
        fields = {name: _decode(item, arrays) for name, item in value["fields"].items()}
        made = CLASSES[inner](**fields)
        check_fields(made, DESCRIPTION)
        return made
    if kind == "mapping":
        return {name: _decode(item, arrays) for name, item in inner.items()}
    if kind == "tuple":
        return tuple(_decode(item, arrays) for item in inner)
    if kind == "float":
        return float(inner)
    raise ArchiveError(f"{DESCRIPTION} holds something of kind {str(kind)[:40]!r}")
