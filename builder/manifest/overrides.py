"""The command that builds a dataset again, from the inputs in its manifest."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import gymnasium as gym
import yaml

from builder.config import default_budget
from builder.episodes.acceptance import Acceptance
from builder.episodes.spaces import next_observation_default
from builder.experts.policy import conf_folder, configured
from builder.experts.sources.local import LocalSource
from builder.experts.sources.source import ARCHIVE, STATISTICS, Rebuilt
from builder.experts.sources.table import described_source
from builder.manifest.manifest import Manifest

EXPERT_KEYS = (
    *("name", "path", "repo_id", "filename", "revision", "target", "version", "batched"),
    *("trust_remote_code", "algo", "sha256", "frame_stack", "vec_normalize"),
)
"""Keys of `expert` in the order in which a command has them."""
PLAIN = re.compile(r"[A-Za-z_][\w./:@-]*")
BEFORE_QUOTE = re.compile(r"(\\*)('|\$\{|$)")
KEYWORDS = {"null", "true", "false", "nan", "inf"}
LINE = 100


def command(overrides: Sequence[str], *, program: str = "il-builder") -> str:
    """A shell command, over several lines where one would be long."""
    lines = [program]
    for word in map(_quoted, overrides):
        if len(lines[-1]) + len(word) < LINE and (len(lines) > 1 or len(program) < LINE // 2):
            lines[-1] += f" {word}"
        else:
            lines.append(f"    {word}")
    return " \\\n".join(lines)


def _quoted(word: str) -> str:
    """A word for the shell; in double quotes where it holds single ones and nothing that they expand."""
    return f'"{word}"' if "'" in word and not set(word) & set('"$`\\!') else shlex.quote(word)


def docker_command(overrides: Sequence[str]) -> str:
    """The same in a container; an archive has to lie where the container sees it."""
    program = 'mkdir -p data && docker run --rm --user "$(id -u):$(id -g)" -v "$PWD/data:/data" il-builder'
    inside = [
        text.replace(ARCHIVE, _seen(ARCHIVE)).replace(STATISTICS, _seen(STATISTICS)) for text in overrides
    ]
    return command(inside, program=program)


def _seen(path: str) -> str:
    return f"/data/{PurePosixPath(path).name}"


def rebuild_overrides(manifest: Manifest, *, included: str | None = None) -> list[str] | None:
    """The overrides that give the same inputs again; beyond expert, episodes and seed only those needed.

    Args:
        manifest: of the dataset.
        included: the folder of the expert that lies in the dataset, to take the place of the expert's source.

    Returns:
        None where no command can do it: the inputs are not known, a program registered the expert or used
        functions of its own, or a value cannot be shown in a line of a code block.
    """
    inputs = manifest.inputs
    if not all(inputs.get(part) for part in ("config", "environment", "expert")):
        return None
    expert = inputs["expert"]
    source = described_source(expert)
    rebuilt = Rebuilt(LocalSource.name, {"path": included}) if included else source.rebuilt(expert)
    if inputs.get("own") or rebuilt is None:
        return None
    defaults = configured().get(rebuilt.group, {"name": rebuilt.group})
    wanted = [
        *_expert_keys({"name": expert["name"], **rebuilt.values, **rebuilt.missing}, defaults),
        ("episodes", inputs["config"]["episodes"]),
        ("seed", inputs["config"]["seed"]),
        *_environment_keys(inputs, defaults),
        *([("env.instances", manifest.instances)] if manifest.instances in ("fresh", "single") else []),
        *_acceptance_keys(inputs["config"], defaults),
        *_other_keys(manifest),
    ]
    overrides = [f"expert={rebuilt.group}", *(f"{key}={hydra_value(value)}" for key, value in wanted)]
    return overrides if all(text.isprintable() and "```" not in text for text in overrides) else None


def _expert_keys(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in EXPERT_KEYS:
        if key in values and values[key] != defaults.get(key):
            yield f"expert.{key}", values[key]


def _environment_keys(inputs: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    environment, max_steps = inputs["environment"], inputs["config"]["rollout"]["max_steps"]
    wanted = environment.get("mapping", {}).get("trained_on", environment["id"])
    if wanted != defaults.get("env_id"):
        yield "env.id", wanted
    for name, value in environment["kwargs"].items():
        if defaults.get("env_kwargs", {}).get(name, ...) != value:
            yield f"env.kwargs.{name}", value
    if environment.get("wrappers"):
        yield "env.wrappers", environment["wrappers"]
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
    acceptance = Acceptance.of(config)
    if acceptance.low != float(defaults.get("threshold", -math.inf)):
        yield "threshold", acceptance.low
    if acceptance.high != math.inf:
        yield "max_return", acceptance.high
    if config["max_attempts"] != default_budget(config["episodes"]):
        yield "max_attempts", config["max_attempts"]


def _other_keys(manifest: Manifest) -> Iterator[tuple[str, Any]]:
    """The keys of the groups `rollout` and `dataset` that are not as in `conf/`."""
    observation_space, _ = manifest.spaces
    config = manifest.inputs["config"]
    for group in ("rollout", "dataset"):
        defaults = yaml.safe_load((conf_folder() / group / "default.yaml").read_text(encoding="utf-8"))
        if group == "dataset":
            defaults["next_observation"] = next_observation_default(observation_space)
        for key, value in config[group].items():
            if key != "max_steps" and value != defaults.get(key):
                yield f"{group}.{key}", value


def hydra_value(value: Any) -> str:
    """A value as Hydra's override grammar writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{hydra_value(key)}:{hydra_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(hydra_value, value)) + "]"
    if not isinstance(value, str):
        return repr(value)
    if PLAIN.fullmatch(value) and value.lower() not in KEYWORDS:
        return value
    return f"'{BEFORE_QUOTE.sub(_escaped, value)}'"


def _escaped(found: re.Match[str]) -> str:
    """Backslashes count only before a quote or `${`, which would else be an interpolation."""
    return found[1] * 2 + (f"\\{found[2]}" if found[2] else "")
