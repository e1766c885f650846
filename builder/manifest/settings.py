"""What a build is configured with to give the inputs in a manifest again, as typed values.

A manifest is whoever's who wrote it. Nothing of it is read as an override here, nor looked up but among names
that are known; its values are set as they are, on a configuration that was composed without it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import yaml

from builder.config import INTERFERENCES, default_budget
from builder.episodes.acceptance import Acceptance
from builder.episodes.declared import COLUMNS
from builder.episodes.spaces import next_observation_default
from builder.errors import DatasetError
from builder.experts.policy import conf_folder, configured
from builder.experts.sources.expert import unmasked
from builder.experts.sources.local import LocalSource
from builder.experts.sources.source import Rebuilt
from builder.experts.sources.table import described_source
from builder.manifest.environment import DAMAGED, arguments_of
from builder.manifest.identity import identity
from builder.manifest.manifest import Manifest
from builder.values import restored

RELABELLED = "relabelled"
"""Where the inputs say which experts have labelled recorded observations, and of which dataset."""


@dataclass(frozen=True)
class Settings:
    """What differs from the defaults.

    Attributes:
        expert: how the expert is configured.
        name: what the expert is called.
        values: all other keys, in the order in which a command has them.
    """

    expert: Rebuilt
    name: str
    values: Mapping[str, Any]

    @property
    def of_expert(self) -> dict[str, Any]:
        """The expert's keys that are not as its file of `conf/expert/` has them."""
        defaults = configured().get(self.expert.group, {"name": self.expert.group})
        missing = self.expert.missing
        first = {"path": missing["path"]} if "path" in missing else {}
        wanted = {"name": self.name, **first, **self.expert.values, **missing}
        return {key: value for key, value in wanted.items() if value != defaults.get(key)}


def rebuild_settings(manifest: Manifest, *, included: str | None = None) -> Settings | None:
    """What gives the same inputs again; beyond expert, episodes and seed only what is needed.

    Args:
        manifest: of the dataset.
        included: the folder of the expert that lies in the dataset, to take the place of the expert's source.

    Returns:
        None where no configuration can say it: the inputs are not known, a program registered the expert
        or used functions of its own, or its observations were labelled afterwards.

    Raises:
        DatasetError: the manifest does not describe a build.
    """
    inputs = manifest.inputs
    whole = all(inputs.get(part) for part in ("config", "environment", "expert"))
    if not whole or inputs.get("own") or inputs.get(RELABELLED):
        return None
    try:
        expert = inputs["expert"]
        rebuilt = rebuilt_expert(expert, included=included)
        if rebuilt is None:
            return None
        defaults = configured().get(rebuilt.group, {})
        values = {
            "episodes": inputs["config"]["episodes"],
            "seed": inputs["config"]["seed"],
            **dict(_environment_keys(inputs, defaults)),
            **({"env.instances": manifest.instances} if manifest.instances in ("fresh", "single") else {}),
            **dict(_acceptance_keys(inputs["config"], defaults)),
            **dict(_other_keys(manifest)),
        }
        return Settings(rebuilt, expert["name"], values)
    except DAMAGED as error:
        raise DatasetError(f"the manifest does not describe a build: {error!r:.200}") from error


def before_labels(manifest: Manifest) -> Manifest:
    """What a manifest was before the observations were labelled; itself where nobody did that."""
    labels = manifest.inputs.get(RELABELLED)
    if labels is None:
        return manifest
    inputs = {key: value for key, value in manifest.inputs.items() if key not in (RELABELLED, COLUMNS)}
    kept = [column for column in manifest.inputs.get(COLUMNS, ()) if column["name"] not in labels["columns"]]
    inputs |= {COLUMNS: kept} if kept else {}
    return dataclasses.replace(manifest, inputs=inputs, identity=identity(inputs))


def rebuilt_expert(identity: Mapping[str, Any], *, included: str | None = None) -> Rebuilt | None:
    """How an expert that a manifest names is configured again; None: no configuration can say it.

    Args:
        identity: what the manifest holds of it.
        included: the folder that holds it, to take the place of its source.
    """
    found = described_source(identity).rebuilt(identity)
    rebuilt = Rebuilt(LocalSource.name, {"path": included}) if included else found
    if rebuilt is None or not unmasked(identity):
        return rebuilt
    return dataclasses.replace(rebuilt, values={**rebuilt.values, "action_masks": "none"})


def _environment_keys(inputs: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    environment, max_steps = inputs["environment"], inputs["config"]["rollout"]["max_steps"]
    wanted = environment.get("mapping", {}).get("trained_on", environment["id"])
    if not isinstance(wanted, str):
        raise TypeError(f"environment.id: {wanted!r:.80}")
    if wanted != defaults.get("env_id"):
        yield "env.id", wanted
    own = defaults.get("env_kwargs", {})
    kwargs = {name: value for name, value in arguments_of(environment).items() if own.get(name, ...) != value}
    if kwargs:
        yield "env.kwargs", kwargs
    if environment.get("wrappers"):
        yield "env.wrappers", restored(environment["wrappers"])
    limits = [limit for limit in (_own_limit(environment["id"]), max_steps) if limit is not None]
    if environment["max_episode_steps"] != min(limits, default=None):
        yield "env.max_episode_steps", environment["max_episode_steps"]
    if max_steps is not None:
        yield "rollout.max_steps", max_steps
    seen = inputs["expert"].get("sees", {}).get("wrappers", ())
    trained_behind = any(name.endswith(".AtariWrapper") for name in seen)
    if trained_behind != ("preprocessing" in environment):
        yield "env.preprocessing", "raw" if trained_behind else "atari"


def _own_limit(env_id: str) -> int | None:
    """The registered limit of one of gymnasium's own environments; others may not be installed here."""
    spec = gym.registry.get(env_id)
    if spec is None or not str(spec.entry_point).startswith("gymnasium."):
        return None
    limit: int | None = spec.max_episode_steps
    return limit


def _acceptance_keys(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    acceptance, own = Acceptance.of(config), float(defaults.get("threshold", -math.inf))
    if acceptance.low != (-math.inf if any(config["rollout"].get(key) for key in INTERFERENCES) else own):
        yield "threshold", acceptance.low
    if acceptance.high != math.inf:
        yield "max_return", acceptance.high
    if config["max_attempts"] != default_budget(config["episodes"]):
        yield "max_attempts", config["max_attempts"]


def _other_keys(manifest: Manifest) -> Iterator[tuple[str, Any]]:
    """The keys of the groups `rollout` and `dataset` that are not as in `conf/`."""
    observation_space = manifest.spaces.observation
    config = manifest.inputs["config"]
    for group in ("rollout", "dataset"):
        defaults = yaml.safe_load((conf_folder() / group / "default.yaml").read_text(encoding="utf-8"))
        if group == "dataset":
            defaults["next_observation"] = next_observation_default(observation_space)
        for key, value in config[group].items():
            if key not in defaults:
                raise KeyError(f"{group}.{key}")
            if key != "max_steps" and value != defaults.get(key):
                yield f"{group}.{key}", value
