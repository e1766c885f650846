"""The command line that builds a dataset again, for a human to read and to paste."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from types import NoneType
from typing import Any

from builder.config import EnvConfig, ExpertConfig
from builder.episodes.switch import RANDOM
from builder.errors import BuilderError
from builder.experts.sources.source import ARCHIVE, ARCHIVES, OTHER_POLICY, STATISTICS
from builder.manifest.manifest import Manifest
from builder.manifest.settings import Settings, rebuild_settings, rebuilt_expert
from builder.values import Reference

PLAIN = re.compile(r"[A-Za-z_][\w./:@-]*")
NAME = re.compile(r"[A-Za-z_]\w*")
BEFORE_QUOTE = re.compile(r"(\\*)('|\$\{|$)")
VARIABLE = re.compile(r"\$\{oc\.env:[A-Za-z_]\w*\}")
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
    inside = list(overrides)
    for path in (ARCHIVES, ARCHIVE, OTHER_POLICY, STATISTICS):
        inside = [text.replace(path, _seen(path)) for text in inside]
    return command(inside, program=program)


def _seen(path: str) -> str:
    return f"/data/{PurePosixPath(path).name}"


def rebuild_overrides(manifest: Manifest) -> list[str] | None:
    """The overrides that give the same inputs again; beyond expert, episodes and seed only those needed.

    Returns:
        None where no command can do it: see `rebuild_settings`; or a value cannot be shown in a line of a
        code block.
    """
    try:
        settings = rebuild_settings(manifest)
        overrides = None if settings is None else list(_overrides(settings))
    except (BuilderError, _NotShownError):
        return None
    if overrides is None or not all(text.isprintable() and "```" not in text for text in overrides):
        return None
    return overrides


def reference_overrides(inputs: Mapping[str, Any], expert: ExpertConfig, env: EnvConfig) -> list[str]:
    """What `il-builder reference` takes to measure what a build plays, with the expert of that build.

    Args:
        inputs: of the build.
        expert: its own configuration, which knows where files of the user's lie.
        env: likewise.
    """
    given = {key: getattr(env, key) for key in ("max_episode_steps", "preprocessing", "wrappers")}
    values = {"env.id": inputs["environment"]["id"], "env.kwargs": env.kwargs}
    values |= {f"env.{key}": value for key, value in given.items() if value}
    try:
        rebuilt = rebuilt_expert(inputs["expert"])
        if rebuilt is None:
            return [f"env.id={values['env.id']}"]
        places = {key: getattr(expert, key) for key in rebuilt.missing}
        found = replace(rebuilt, missing=places)
        first, *others = _overrides(Settings(found, inputs["expert"]["name"], values))
    except (BuilderError, _NotShownError):
        return [f"env.id={values['env.id']}"]
    ids = [word for word in others if word.startswith("env.")]
    return [*ids, first, *(word for word in others if word not in ids)]


class _NotShownError(Exception):
    """A value has no text that Hydra reads back."""


def _overrides(settings: Settings) -> Iterator[str]:
    yield f"expert={settings.expert.group}"
    for key, value in settings.of_expert.items():
        yield f"expert.{key}={hydra_value(value)}"
    for key, value in settings.values.items():
        if key == "env.kwargs":
            for name, item in value.items():
                if not NAME.fullmatch(name):
                    raise _NotShownError
                yield f"env.kwargs.{name}={hydra_value(item)}"
        elif key == "rollout.switch" and value.get("policy") != RANDOM:
            yield f"{key}={hydra_value({**value, 'policy': OTHER_POLICY})}"
        else:
            yield f"{key}={hydra_value(value)}"


def hydra_value(value: Any) -> str:
    """A value as Hydra's override grammar writes it."""
    if isinstance(value, Reference) and VARIABLE.fullmatch(value.text):
        return value.text
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_key(key)}:{hydra_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(hydra_value, value)) + "]"
    if isinstance(value, (NoneType, bool)):
        return {None: "null", True: "true", False: "false"}[value]
    return _text(value) if isinstance(value, str) else _number(value)


def _number(value: Any) -> str:
    if not isinstance(value, (int, float)):
        raise _NotShownError
    return repr(value)


def _text(value: str) -> str:
    if PLAIN.fullmatch(value) and value.lower() not in KEYWORDS:
        return value
    return f"'{BEFORE_QUOTE.sub(_escaped, value)}'"


def _key(key: Any) -> str:
    """A key of a mapping, which Hydra does not read in quotes."""
    if isinstance(key, str) and not (NAME.fullmatch(key) and key.lower() not in KEYWORDS):
        raise _NotShownError
    return hydra_value(key)


def _escaped(found: re.Match[str]) -> str:
    """Backslashes count only before a quote or `${`, which would else be an interpolation."""
    return found[1] * 2 + (f"\\{found[2]}" if found[2] else "")
