"""A folder with `expert.json` and tensors, as anybody can write it: `docs/experts.md` has the format.

Its schema is `weights.schema.json`. What is read here becomes what an archive of Stable-Baselines3 becomes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, from_description
from builder.errors import ArchiveError, BuilderError, ExpertError
from builder.experts.archive.agent import Agent
from builder.experts.archive.vec_normalize import Statistics
from builder.experts.archive.weights import read_weights
from builder.experts.sources.portable_checks import check_agent, check_companions
from builder.experts.sources.weights_layers import Tensors, network_of
from builder.experts.sources.zoo_files import Companions
from builder.storage.limits import EXPERT_BYTES, TENSORS, WEIGHTS_BYTES
from builder.storage.plain_json import check_tensor_file, read_bounded, read_json

DESCRIPTION = "expert.json"
FORMAT = 1
NAMES = ("weights.safetensors", "weights.pth", "weights.pt")
"""What the file of the tensors may be called where `expert.json` does not say it."""
_DAMAGED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, MemoryError)


@dataclass(frozen=True)
class WeightsFolder:
    """What such a folder holds.

    Attributes:
        description: its `expert.json`.
        tensors: the file of its tensors.
        agent: what acts.
        companions: what stands between the environment and it.
    """

    description: Path
    tensors: Path
    agent: Agent
    companions: Companions


def read_folder(folder: Path) -> WeightsFolder:
    """Read such a folder.

    Raises:
        ArchiveError: it is damaged, or what it says does not fit together.
        ExpertError: it is no such folder.
        UnsafeArchiveError: its tensors are a pickle of something else; nothing of it was run.
        UnsupportedExpertError: it is sound, but of a kind that is not supported.
    """
    description, tensors = folder_files(folder)
    try:
        content = _content(description)
        arrays = Tensors(_arrays(tensors), tensors.name)
        spaces = from_description(content["observation_space"]), from_description(content["action_space"])
        statistics = _statistics(content, arrays)
        notes = tuple(content.get("notes", ()))
        network = network_of(content, spaces, arrays)
        agent = Agent(content.get("algorithm", ""), "", "", *spaces, network, 0.0, notes)
        check_agent(agent, DESCRIPTION)
        companions = Companions(content.get("env_id"), statistics=statistics)
        check_companions(companions, DESCRIPTION)
        _check_fit(statistics, spaces[0])
    except BuilderError:
        raise
    except (OSError, *_DAMAGED) as error:
        raise ArchiveError(f"the expert in {folder.name} is damaged: {str(error)[:200]}") from error
    return WeightsFolder(description, tensors, agent, companions)


def folder_files(folder: Path) -> tuple[Path, Path]:
    """Its `expert.json`, and the file of its tensors.

    Raises:
        ArchiveError: `expert.json` is damaged, or names another kind of file.
        ExpertError: it is no such folder.
    """
    description = folder / DESCRIPTION
    if not description.is_file():
        raise ExpertError(
            f"there is no {DESCRIPTION} in {folder}",
            expected="a folder with expert.json and weights.safetensors",
            remedy="check expert.path; builder.experts.save_weights writes such a folder",
        )
    try:
        content = _content(description)
    except (OSError, *_DAMAGED) as error:
        raise ArchiveError(f"{DESCRIPTION} is damaged: {str(error)[:200]}") from error
    named = content.get("weights")
    found = [folder / name for name in ([named] if named else NAMES) if (folder / name).is_file()]
    if len(found) != 1:
        raise ExpertError(
            f"the tensors of {folder}",
            expected=named or f"one of {', '.join(NAMES)}",
            got=", ".join(path.name for path in found) or "none",
        )
    return description, found[0]


def _content(path: Path) -> dict[str, Any]:
    content = read_json(path, EXPERT_BYTES)
    if isinstance(content, dict) and "agent" in content and "layers" not in content:
        raise ArchiveError(
            f"{DESCRIPTION} is that of an expert kept by il-builder", remedy="play it with expert=local"
        )
    if isinstance(content, dict) and content.get("format", FORMAT) != FORMAT:
        raise ArchiveError(
            f"{DESCRIPTION} is of another version",
            expected=f"format {FORMAT}",
            got=str(content["format"])[:40],
        )
    if isinstance(content, dict) and isinstance(layers := content.get("layers"), list):
        _check_layers(layers)
    wrong = next(_validator().iter_errors(content), None)
    if wrong is not None:
        raise ArchiveError(f"{DESCRIPTION}: {wrong.json_path}: {wrong.message}"[:300])
    return dict(content)


def _check_layers(layers: list[Any]) -> None:
    """Say what is wrong with a layer by its own kind: of `oneOf` a validator says only that none fits."""
    for index, layer in enumerate(layers[:1000]):
        kind = layer.get("kind") if isinstance(layer, dict) else None
        if not isinstance(kind, str) or kind not in _kinds():
            raise ArchiveError(
                f"{DESCRIPTION}: layers[{index}].kind", expected=" or ".join(_kinds()), got=str(kind)[:40]
            )
        wrong = next(_kinds()[kind].iter_errors(layer), None)
        if wrong is not None:
            raise ArchiveError(f"{DESCRIPTION}: layers[{index}]{wrong.json_path[1:]}: {wrong.message}"[:300])


@cache
def _schema() -> dict[str, Any]:
    text = package_files("builder.experts.sources").joinpath("weights.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@cache
def _validator() -> Any:
    return _checking(_schema())


@cache
def _kinds() -> dict[str, Any]:
    """What checks a layer, by its kind."""
    schema = _schema()
    return {
        kind["properties"]["kind"]["const"]: _checking({"$defs": schema["$defs"], **kind})
        for kind in schema["$defs"]["layer"]["oneOf"]
    }


def _checking(schema: Mapping[str, Any]) -> Any:
    import jsonschema

    draft = jsonschema.Draft202012Validator
    types = draft.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    return jsonschema.validators.extend(draft, type_checker=types)(schema)


def _arrays(path: Path) -> dict[str, Array]:
    """The tensors of a file, by name; torch's files are read as data."""
    if path.suffix != ".safetensors":
        return read_weights(read_bounded(path, WEIGHTS_BYTES + (1 << 20)), path.name)
    from safetensors import SafetensorError
    from safetensors.numpy import load

    check_tensor_file(path)
    try:
        arrays: dict[str, Array] = load(read_bounded(path, WEIGHTS_BYTES))
    except SafetensorError as error:
        raise ArchiveError(f"{path.name} is damaged: {str(error)[:200]}") from error
    if len(arrays) > TENSORS:
        raise ArchiveError(f"{path.name}: {len(arrays)} tensors", expected=f"at most {TENSORS}")
    return arrays


def _statistics(content: Mapping[str, Any], tensors: Tensors) -> Statistics | None:
    said = content.get("normalisation")
    if said is None:
        return None
    moments = {}
    for what in ("mean", "variance"):
        named = said[what] if isinstance(said[what], dict) else {"": said[what]}
        moments[what] = {key: _moment(name, tensors) for key, name in named.items()}
    clip = said.get("clip")
    return Statistics(
        **moments,
        epsilon=float(said.get("epsilon", 0.0)),
        clip=np.inf if clip is None else float(clip),
    )


def _moment(name: str, tensors: Tensors) -> Array:
    values = tensors.arrays.get(name)
    if values is None or values.dtype not in (np.float64, np.float32) or not np.isfinite(values).all():
        raise ArchiveError(
            f"{tensors.where}: {name[:80]!r}, which observations are normalised with",
            expected="float64 or float32, all finite",
            got="none" if values is None else values.dtype,
        )
    return values.astype(np.float64)


def _check_fit(statistics: Statistics | None, space: gym.Space[Any]) -> None:
    children = space.spaces if isinstance(space, gym.spaces.Dict) else {"": space}
    for key, mean in statistics.mean.items() if statistics else ():
        if key not in children or children[key].shape != mean.shape:
            raise ArchiveError(
                f"{DESCRIPTION}: normalisation of {key[:80] or 'observations'}",
                expected=str(space)[:200],
                got=f"shape {mean.shape}",
            )
