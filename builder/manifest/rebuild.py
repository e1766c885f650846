"""`build manifest=PATH`: the configuration of what a manifest describes, set value by value."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from builder.composition import build_config
from builder.composition.environment_variables import UNRECORDED
from builder.composition.typed import default_out
from builder.config import BuildConfig, EnvConfig, ExpertConfig
from builder.episodes.switch import RANDOM
from builder.errors import ConfigError, DatasetError
from builder.experts.sources.portable import DESCRIPTION, WEIGHTS
from builder.experts.sources.source import Rebuilt
from builder.experts.sources.table import source_named
from builder.manifest.environment import KWARGS, check_trust, code_of_environment, filled
from builder.manifest.manifest import MANIFEST, Manifest, manifest_sha256, read_manifest
from builder.manifest.settings import RELABELLED, rebuild_settings, rebuilt_expert
from builder.storage.digest import file_sha256
from builder.storage.paths import AnyPath, expanded, place
from builder.storage.tree import inside
from builder.values import fits

KEY = "manifest"
TRUST = "expert.trust_remote_code"
FILES = {"path": "archive", "vec_normalize": "statistics file"}
"""Keys of `expert` that name files of the user's, and what these are."""
OPEN: dict[type[Any], dict[str, Any]] = {EnvConfig: {"kwargs": dict, "wrappers": list}}
"""Keys that hold whatever a value can be; what goes into an environment is looked at by its trust."""
LABELS = "labels"
"""Keys of a verification that name files of the expert that has labelled."""
SWITCH = "rollout.switch"
POLICY = f"{SWITCH}.policy"
"""Names the archive of the policy that plays too."""
FREE = (*(key for key in UNRECORDED if key != KEY), "expert.vec_normalize", TRUST, POLICY)
"""Keys, with all below them, that say where and on what, or whom to trust; all others are the manifest's."""


@dataclasses.dataclass(frozen=True)
class Given:
    """What the user says beside a manifest.

    Attributes:
        files: the places of files that no manifest can say, by the keys of `expert` that name them.
        trusted: to import and run what only the manifest names.
        kwargs: of the environment, where the manifest holds no more than a reference.
        labels: as `files`, of the expert that has labelled the observations.
        switch: the archive of the policy of `rollout.switch`; None: not said.
    """

    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    trusted: bool = False
    kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    switch: str | None = None


def with_manifest(
    config: Mapping[str, Any] | Sequence[str],
) -> tuple[BuildConfig | None, Manifest | None]:
    """The configuration that `manifest=PATH` stands for, and that manifest.

    Returns:
        (None, None) where the configuration names no manifest.

    Raises:
        ConfigError: it also gives what only the manifest can say.
        DatasetError: the manifest cannot be read, or no command makes what it describes.
    """
    keys = list(_keys(config))
    if KEY not in keys:
        return None, None
    asked = build_config(config)
    if asked.manifest is None:
        return None, None
    folder, manifest = _read(asked.manifest)
    _refuse_what_it_says(keys)
    given = Given(
        files={key: str(getattr(asked.expert, key)) for key in FILES if f"expert.{key}" in keys},
        trusted=asked.expert.trust_remote_code if TRUST in keys else False,
        kwargs=asked.env.kwargs,
        switch=(asked.rollout.switch or {}).get("policy"),
    )
    rebuilt = rebuilt_config(manifest, folder, asked, given)
    return (rebuilt if "out" in keys else _with_own_out(rebuilt)), manifest


def rebuilt_config(manifest: Manifest, folder: AnyPath, asked: BuildConfig, given: Given) -> BuildConfig:
    """A configuration with everything that a manifest decides set to what it says.

    Args:
        manifest: whoever's.
        folder: of its dataset, which may include the expert.
        asked: where and on what to play.
        given: what else the user says.

    Raises:
        ConfigError: a value is none that a configuration can hold, or what the user must give is missing.
        DatasetError: no command makes what the manifest describes, or it takes trust.
    """
    included = folder / "expert"
    taken = isinstance(included, Path) and _is_included(included, manifest, given.files.get("path"))
    settings = rebuild_settings(manifest, included=str(included) if taken else None)
    if settings is None and manifest.inputs.get(RELABELLED):
        raise DatasetError(
            f"build makes no labels for the observations of others, as {folder} has them",
            remedy="il-builder relabel, with the dataset that it was made of; verify level=rebuild compares",
        )
    if settings is None and "merged" in manifest.inputs:
        raise DatasetError(
            f"{folder} was merged, and a manifest does not say where its parts are",
            remedy="il-builder merge parts=[...] of these, in their order; verify level=rebuild compares",
        )
    if settings is None:
        raise DatasetError(
            f"no command makes the dataset of {folder}: its expert or its functions were a program's own,"
            " or are none that this version knows",
            remedy="run that program again",
        )
    if settings.values["episodes"] != manifest.accepted:
        raise DatasetError(
            "the manifest contradicts itself on the number of episodes",
            expected=f"{manifest.accepted} as accepted",
            got=f"{settings.values['episodes']!r:.40} in its configuration",
        )
    files = {} if taken else given.files
    expert = _expert(settings.expert, settings.name, manifest.inputs["expert"], files)
    values = {"env.kwargs": {}, "env.wrappers": [], **settings.values}
    values[KWARGS] = filled(values[KWARGS], given.kwargs)
    if SWITCH in values:
        values[SWITCH] = _with_policy(values[SWITCH], given.switch)
    if asked.env.instances != "auto":
        values["env.instances"] = asked.env.instances
    config = dataclasses.replace(
        asked,
        expert=expert,
        env=_changed(asked.env, "env", values),
        rollout=_changed(asked.rollout, "rollout", values),
        dataset=_changed(asked.dataset, "dataset", values),
        manifest=None,
        **_checked(BuildConfig, {key: value for key, value in values.items() if "." not in key}),
    )
    check_trust(code_that_runs(config), trusted=given.trusted)
    return config


def _with_policy(switch: Any, archive: str | None) -> dict[str, Any]:
    """A switch of a manifest, with the archive of the policy that plays too, which no manifest holds.

    Raises:
        ConfigError: the user has to say where it lies.
        DatasetError: the manifest does not describe a switch.
    """
    if not isinstance(switch, dict) or not isinstance(policy := switch.get("policy"), str):
        raise DatasetError("the manifest does not describe a build", got=f"{SWITCH}: {switch!r:.80}")
    if policy == RANDOM:
        return switch
    if not archive:
        raise ConfigError(
            f"the manifest does not say where the archive of the policy of {SWITCH} lies",
            expected=f"one whose identity (not its file) has the {policy.replace(':', ' ')}",
            remedy=f"give switch.path=PATH to verify, {POLICY}=PATH to build manifest=",
        )
    return {**switch, "policy": archive}


def code_that_runs(config: BuildConfig) -> list[str]:
    """What of others a build with this configuration would import, open or run; for an error."""
    env_id = config.env.id or config.expert.env_id or ""
    return [
        *code_of_environment(env_id, config.env.kwargs, config.env.wrappers),
        *source_named(config.expert.source).runs(config.expert),
    ]


def _read(named: str) -> tuple[AnyPath, Manifest]:
    found = place(named)
    folder = found.parent if found.name == MANIFEST else found
    manifest = read_manifest(folder)
    if manifest.sha256 and manifest.sha256 != (got := manifest_sha256(manifest)):
        raise DatasetError(
            f"the manifest of {folder} has been edited: its sha256 is not that of its content",
            expected=manifest.sha256,
            got=got,
            remedy="take the one that was published; or give the build's own keys instead of manifest=",
        )
    return folder, manifest


def expert_again(identity: Mapping[str, Any], given: Given) -> ExpertConfig | None:
    """The configuration of an expert that has labelled; None: no configuration says it.

    Args:
        identity: what the manifest holds of it.
        given: what the user says.

    Raises:
        ConfigError: the user must give a file.
        DatasetError: it takes trust.
    """
    rebuilt = rebuilt_expert(identity)
    if rebuilt is None:
        return None
    config = _expert(rebuilt, identity["name"], identity, given.labels, LABELS)
    check_trust(source_named(config.source).runs(config), trusted=given.trusted)
    return config


def _expert(
    rebuilt: Rebuilt, name: str, identity: Mapping[str, Any], files: Mapping[str, str], group: str = "expert"
) -> ExpertConfig:
    """The expert's file of `conf/expert/`, with the manifest's values and the user's files.

    Args:
        rebuilt: how it is configured again.
        name: what it is called.
        identity: what the manifest holds of it.
        files: the user's.
        group: of the keys that name these.

    Raises:
        ConfigError: one of them is missing, or is none that it takes.
    """
    base = build_config([f"expert={rebuilt.group}"]).expert
    for key, what in FILES.items():
        if key in rebuilt.missing and key not in files:
            raise ConfigError(
                f"the manifest does not say where the {what} of {name!r} lies",
                expected=f"sha256 {_sha256_of(key, identity)}",
                remedy=f"give {group}.{key}=PATH",
            )
        if key in files and key not in rebuilt.missing:
            raise ConfigError(
                f"{group}.{key} is not asked for: the manifest says all of {name!r}", remedy="leave it out"
            )
    values = {"name": name, **rebuilt.values, **files}
    # What was built is compared byte by byte: a published return says nothing beside that.
    return dataclasses.replace(base, **_checked(ExpertConfig, values, "expert."), check="off")


def _sha256_of(key: str, identity: Mapping[str, Any]) -> Any:
    """What a file of the user's must be, as far as the manifest says."""
    if key == "path":
        return identity.get("sha256")
    beside = identity.get("beside")
    return beside.get(identity.get(key)) if isinstance(beside, dict) else None


def _changed(part: Any, group: str, values: Mapping[str, Any]) -> Any:
    """A group of a configuration with the manifest's values."""
    own = {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{group}.")}
    return dataclasses.replace(part, **_checked(type(part), own, f"{group}."))


def _checked(schema: type[Any], values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values, each of the type that its key has.

    Raises:
        ConfigError: there is no such key, or it holds something else.
    """
    hints = typing.get_type_hints(schema) | OPEN.get(schema, {})
    for key, value in values.items():
        if key not in hints or not fits(value, hints[key]):
            raise ConfigError(
                f"the manifest's {prefix}{key} is none that a build can have", got=f"{value!r:.80}"
            )
    return dict(values)


def _with_own_out(config: BuildConfig) -> BuildConfig:
    """With the folder that the expert's name gives, where that is the name of a folder.

    Raises:
        ConfigError: it would lead elsewhere.
    """
    out = default_out(config.expert, config.env)
    if {"/", "\\", "\0"} & set(config.expert.label) or config.expert.label.strip(".") == "":
        raise ConfigError(
            f"the expert's name {config.expert.label!r:.80} is no name for a folder", remedy="give out="
        )
    return dataclasses.replace(config, out=out)


def _is_included(folder: Path, manifest: Manifest, path: str | None) -> bool:
    """Whether the expert is to come from the dataset itself, which holds it as the manifest says."""
    asked_for = path is None or expanded(path).resolve() == folder.resolve()
    return asked_for and not _leads_out(folder) and stands_in(folder, manifest)


def _leads_out(folder: Path) -> bool:
    """Whether the expert in a dataset is a link to elsewhere, which is not opened."""
    try:
        for name in (DESCRIPTION, WEIGHTS):
            inside(folder.parent, f"{folder.name}/{name}")
    except DatasetError:
        return True
    return False


def stands_in(folder: Path, manifest: Manifest) -> bool:
    """Whether a folder holds, byte by byte, the expert that a manifest lists among its dataset's files."""
    for name in (DESCRIPTION, WEIGHTS):
        entry, path = manifest.files.get(f"expert/{name}"), folder / name
        if entry is None or not path.is_file() or path.stat().st_size != entry.size:
            return False
        if file_sha256(path) != entry.sha256:
            return False
    return True


def _refuse_what_it_says(keys: Sequence[str]) -> None:
    for key in keys:
        free = any(key == known or key.startswith(f"{known}.") for known in (*FREE, KEY))
        if not free and not key.startswith(KWARGS):  # these are compared with the manifest's, one by one
            raise _said_already(key)


def _said_already(key: str) -> ConfigError:
    return ConfigError(
        f"{key} stands in the manifest already",
        remedy=f"leave it out; beside {KEY}= these can be given: {', '.join(FREE)}",
    )


def _keys(config: Mapping[str, Any] | Sequence[str]) -> Iterator[str]:
    """The dotted keys that a caller has given."""
    if not isinstance(config, Mapping):
        yield from (text.lstrip("+").partition("=")[0] for text in config)
        return
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from (f"{key}.{inner}" for inner in _keys(value))
        else:
            yield key
