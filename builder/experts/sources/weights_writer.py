"""`save_weights`: a torch module or a model of Stable-Baselines3 as a folder for `expert=weights`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import describe
from builder.errors import ConfigError, UnsupportedExpertError, storage_error
from builder.experts.archive.agent import MASKABLE, Agent, read_agent
from builder.experts.network.network import (
    ContinuousHead,
    DiscreteHead,
    ImageExtractor,
    Linear,
    Network,
)
from builder.experts.sources.portable import check_folder
from builder.experts.sources.weights_folder import DESCRIPTION, FORMAT, NAMES, read_folder
from builder.experts.sources.weights_modules import NAMED, Written, check_written, write_sequence
from builder.storage.paths import atomic_file, expanded, write_whole

WEIGHTS = NAMES[0]
_LOCAL = "save the model with its own save(), and play the archive with expert=local"


class Normalisation(TypedDict, total=False):
    """What observations are normalised with: (observation - mean) / sqrt(variance + epsilon), clipped.

    Attributes:
        mean: of the observation space's shape.
        variance: likewise.
        epsilon: 0 unless said.
        clip: the largest normalised magnitude; unset: none.
    """

    mean: Any
    variance: Any
    epsilon: float
    clip: float | None


class Said(TypedDict, total=False):
    """What a module does not say of itself.

    Attributes:
        squash: "tanh" goes over what the module gives; for actions in a Box.
        rescale: [-1, 1] is then stretched to the bounds of the action space.
        mean_only: the module gives means and, after them, as many numbers for the spread, which are left out.
        log_std: the logarithm of the standard deviation of each action, to sample with.
        sampling: of choices: "softmax" draws from the outputs, "epsilon" a uniform one now and then, "none".
        exploration_rate: how often, of "epsilon".
        normalisation: of the observations, before the module sees them.
        scale_images: the module sees images divided by 255.
        env_id: the environment that it was trained on.
        algorithm: what trained it.
        notes: what a reader of its datasets should know.
    """

    squash: str | None
    rescale: bool
    mean_only: bool
    log_std: Any
    sampling: str
    exploration_rate: float
    normalisation: Normalisation
    scale_images: bool
    env_id: str
    algorithm: str
    notes: Sequence[str]


def save_weights(
    module: Any,
    observation_space: gym.Space[Any] | None,
    action_space: gym.Space[Any] | None,
    folder: str | Path,
    **what: Unpack[Said],
) -> Path:
    """Write a policy into a folder that `expert=weights expert.path=FOLDER` plays.

    Args:
        module: a plain `torch.nn.Sequential`, whose outputs are the action in a Box, or the scores of
            choices; or a model of Stable-Baselines3 or sb3-contrib, which says all by itself.
        observation_space: what the module sees; images are channels-first. None: a model's own.
        action_space: what its outputs decide on. None: a model's own.
        folder: where to; new, or one that this wrote.
        what: see `Said`.

    Returns:
        The folder.

    Raises:
        ConfigError: `what` or the spaces do not fit the module, or the folder holds something else.
        StorageError: the folder cannot be written.
        UnsupportedExpertError: a part of the module cannot be written; it is named.
    """
    if unknown := sorted(set(what) - set(Said.__annotations__)):
        raise ConfigError(f"save_weights({unknown[0]}=)", expected=", ".join(sorted(Said.__annotations__)))
    written = Written({"format": FORMAT, "layers": []})
    if _is_model(module):
        _write_model(module, (observation_space, action_space), written)
    elif observation_space is None or action_space is None:
        raise ConfigError("save_weights", expected="the spaces of a module that does not know them")
    else:
        written.content |= {
            "observation_space": describe(observation_space),
            "action_space": describe(action_space),
        }
        mean_only = what.get("mean_only", False)
        write_sequence(module, action_space, written, mean_only=mean_only)
        check_written(module, (observation_space, action_space), written, mean_only=mean_only)
    _write_said(what, written)
    return _put(written, expanded(str(folder)))


def _put(written: Written, folder: Path) -> Path:
    """Write both files, and read them again: what cannot be played is an error now."""
    from safetensors.numpy import save_file

    check_folder(folder, (DESCRIPTION, WEIGHTS))
    with tempfile.TemporaryDirectory() as trial:
        for place in (Path(trial), folder):
            try:
                place.mkdir(parents=True, exist_ok=True)
                with atomic_file(place / WEIGHTS) as file:
                    save_file(written.arrays, file)
                write_whole(place / DESCRIPTION, json.dumps(written.content, indent=1) + "\n")
            except Exception as error:
                raise storage_error(error, folder) from error
            read_folder(place)
    return folder


def _write_said(what: Said, written: Written) -> None:
    actions: dict[str, Any] = written.content.setdefault("actions", {})
    actions |= {
        key: what[key] for key in ("squash", "rescale", "sampling", "exploration_rate") if key in what
    }
    if "log_std" in what:
        actions["log_std"] = written.keep("actions.log_std", what["log_std"])
    if said := what.get("normalisation"):
        moments = {
            key: written.keep(f"normalisation.{key}", said[key], np.float64) for key in ("mean", "variance")
        }
        written.content["normalisation"] = {**said, **moments}
    for key in ("scale_images", "env_id", "algorithm"):
        if key in what:
            written.content[key] = what[key]
    if notes := what.get("notes"):
        written.content["notes"] = list(notes)


def _is_model(module: Any) -> bool:
    own = ("stable_baselines3.", "sb3_contrib.")
    return hasattr(module, "policy") and any(cls.__module__.startswith(own) for cls in type(module).__mro__)


def _write_model(model: Any, given: tuple[Any, Any], written: Written) -> None:
    """A model of Stable-Baselines3, by way of the archive that it saves itself as."""
    for theirs, ours in zip((model.observation_space, model.action_space), given, strict=True):
        if ours is not None and ours != theirs:
            raise ConfigError("save_weights: the model knows other spaces", expected=theirs, got=ours)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "model.zip")
        model.save(path, exclude=["_last_obs"])
        agent = read_agent(path)
    _write_agent(agent, written)
    vector = model.get_vec_normalize_env()
    if vector is not None and vector.norm_obs:
        _write_statistics(vector, written)


def _write_agent(agent: Agent, written: Written) -> None:
    network = agent.network
    if agent.algorithm == MASKABLE or network.lstm or _hidden_images(network):
        what = agent.algorithm if agent.algorithm == MASKABLE or network.lstm else "images in a Dict"
        raise UnsupportedExpertError(f"save_weights cannot write a policy of {what}", remedy=_LOCAL)
    written.content |= {
        "algorithm": agent.algorithm,
        "observation_space": describe(agent.observation_space),
        "action_space": describe(agent.action_space),
        "scale_images": any(coder.scaled for coder in network.encoders),
    }
    extractor = network.extractors[0]
    if isinstance(extractor, ImageExtractor):
        for index, layer in enumerate(extractor.convolutions):
            written.layer(
                "conv2d", f"images.{index}", weight=layer.weight, bias=layer.bias, stride=layer.stride
            )
            written.activate("relu")
        written.layer("flatten")
        _write_rows((extractor.linear,), "images.linear", "relu", written)
    _write_rows(network.hidden, "hidden", NAMED[network.activation], written)
    _write_rows((network.output,), "output", "identity", written)
    written.content["actions"] = _head(network.head, written)


def _hidden_images(network: Network) -> bool:
    return len(network.extractors) > 1 and any(network.extractors)


def _write_rows(rows: Sequence[Any], name: str, activation: str, written: Written) -> None:
    for index, layer in enumerate(rows):
        written.layer("linear", f"{name}.{index}", weight=layer.weight, bias=layer.bias)
        written.activate(activation)


def _head(head: DiscreteHead | ContinuousHead, written: Written) -> dict[str, Any]:
    if isinstance(head, DiscreteHead):
        quantiles = {"quantiles": head.quantiles} if head.quantiles > 1 else {}
        rate = {"exploration_rate": head.exploration_rate} if head.sampling == "epsilon" else {}
        return {"sampling": head.sampling, **quantiles, **rate}
    actions: dict[str, Any] = {"squash": "tanh", "rescale": True} if head.squash else {}
    if head.mean_limit is not None:
        actions["mean_limit"] = head.mean_limit
    if head.sampling == "gaussian" and head.log_std is not None:
        actions["log_std"] = written.keep("actions.log_std", head.log_std)
    elif head.sampling == "gaussian" and isinstance(layer := head.log_std_layer, Linear):
        named = {"weight": written.keep("actions.log_std.weight", layer.weight)}
        if layer.bias is not None:
            named["bias"] = written.keep("actions.log_std.bias", layer.bias)
        actions["log_std"] = named
    elif head.sampling == "none":
        actions["sampling"] = "none"
    return actions


def _write_statistics(vector: Any, written: Written) -> None:
    found = vector.obs_rms if isinstance(vector.obs_rms, dict) else {"": vector.obs_rms}
    moments: dict[str, Any] = {"mean": {}, "variance": {}}
    for key, moment in found.items():
        for what, values in (("mean", moment.mean), ("variance", moment.var)):
            moments[what][key] = written.keep(f"normalisation.{what}{key and '.'}{key}", values, np.float64)
    if not isinstance(vector.obs_rms, dict):
        moments = {what: named[""] for what, named in moments.items()}
    sizes = {"epsilon": float(vector.epsilon), "clip": float(vector.clip_obs)}
    written.content["normalisation"] = {**moments, **sizes}
