"""`il-builder reference`: the scores that returns are normalised by, found or measured, and kept.

They are means over all episodes of a seed of their own: what a dataset has kept is a selection, and the
`reward_threshold` of a registration is what somebody took for solved.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.card import keep_reference
from builder.composition import build_config
from builder.config import BuildConfig, ExpertConfig, ReferenceConfig, RolloutConfig
from builder.errors import ConfigError, ExistsError
from builder.experts.sources.table import described_source
from builder.experts.table import best
from builder.manifest.identity import sha256_of
from builder.manifest.manifest import Manifest, read_manifest
from builder.manifest.rebuild import FILES, Given, rebuilt_config
from builder.manifest.reference import (
    Measured,
    check_storable,
    measured_reference,
    published_reference,
    scaled,
    sought_reference,
    store_reference,
    stored_at,
)
from builder.manifest.scores import ReferenceScores
from builder.pipeline.prepare import prepare
from builder.pipeline.scoring import RANDOM, measure
from builder.storage.lock import locked
from builder.storage.paths import local_path

log = logging.getLogger(__name__)

EXPERT = "expert"
"""The level of an expert that is the best of its publisher's."""
USUAL = {"episodes": 100, "seed": 100000}
"""How `conf/reference.yaml` measures, where nothing else is asked for."""
PLAIN = ("lanes", "deterministic", "precision", "max_steps", "out_of_bounds", "infinite")
"""Keys of `rollout` that a reference is measured with; others, such as noise, make an expert worse."""


@dataclass(frozen=True)
class Referenced:
    """What is known in the end.

    Attributes:
        environment: as a manifest describes it.
        scores: its reference.
        stored: the file that has what was measured; None: the scores are published.
        fresh: they were measured just now.
        out: the dataset folder that keeps them; None: none was named.
    """

    environment: Mapping[str, Any]
    scores: ReferenceScores
    stored: Path | None
    fresh: bool
    out: Path | None


def reference(config: ReferenceConfig) -> Referenced:
    """Find the reference scores of an environment, or measure and store them.

    Args:
        config: of which environment or dataset.

    Raises:
        ConfigError: it names no environment, or not that of the dataset.
        ExistsError: they were measured with another expert.
        DatasetError: there is no dataset, it is signed, or the expert is no better than random actions.
        BuilderError: the expert or the environment cannot be had.
    """
    out = local_path(config.out, "reference") if config.out is not None else None
    manifest = read_manifest(out) if out else None
    found = _found(config, manifest, out)
    if out:
        with locked(out):
            keep_reference(out, found.scores)
    return dataclasses.replace(found, out=out)


def _found(config: ReferenceConfig, manifest: Manifest | None, out: Path | None) -> Referenced:
    """The scores, wherever they come from."""
    stated = manifest.inputs.get("environment") if manifest else None
    wanted = _named(config) or stated or {}
    if published := published_reference(wanted):
        if stated and published_reference(stated) != published:
            raise _of_another(stated, wanted)
        return Referenced(wanted, published, None, fresh=False, out=None)
    sought = sought_reference(manifest) if manifest and not config.overwrite else None
    if sought and _names_expert(config):
        raise ExistsError(
            f"{out} was built by a target on the scale of: {sought.source}",
            remedy="leave expert= away to keep it, or give overwrite=true to measure another",
        )
    if not config.overwrite and not _names_expert(config) and (known := _known(config, stated, sought)):
        return known
    build = prepare(_configured(config, manifest, out))
    _check_same(stated, build.inputs["environment"])
    before = measured_reference(build.inputs["environment"])
    if before and not config.overwrite:
        best_actions = build.config.rollout.deterministic
        how = {"episodes": config.episodes, "seed": config.seed, "deterministic": best_actions}
        _check_how(before, {"expert": build.inputs["expert"], **how})
        return _as_stored(before)
    check_storable()
    found = measure(build, config.episodes, config.seed)
    return dataclasses.replace(_as_stored(found), stored=store_reference(found), fresh=True)


def _known(
    config: ReferenceConfig, stated: Mapping[str, Any] | None, sought: ReferenceScores | None
) -> Referenced | None:
    """What was measured before, with whichever expert; whoever shall play is not looked for.

    What a dataset's target was sought with is known of it, whatever was measured since.
    """
    environment = prepare(_asked(config)).inputs["environment"] if config.env.id else stated
    _check_same(stated, environment)
    if sought and environment:
        return Referenced(environment, sought, None, fresh=False, out=None)
    found = measured_reference(environment) if environment else None
    if found:
        asked = {key: getattr(config, key) for key in USUAL}
        _check_how(found, {key: value for key, value in asked.items() if value != USUAL[key]})
    return _as_stored(found) if found else None


def _as_stored(found: Measured) -> Referenced:
    return Referenced(found.environment, found.scores, stored_at(), fresh=False, out=None)


def _named(config: ReferenceConfig) -> dict[str, Any] | None:
    """The environment that the user names, which may not be installed, or exist any more."""
    env, limit = config.env, config.env.max_episode_steps
    named = {"id": env.id, "kwargs": env.kwargs, "max_episode_steps": limit, "wrappers": env.wrappers}
    return named if env.id else None


def _names_expert(config: ReferenceConfig) -> bool:
    return _chooses(config.expert)


def _chooses(expert: ExpertConfig) -> bool:
    return described_source({"source": expert.source}).chooses


def _configured(config: ReferenceConfig, manifest: Manifest | None, out: Path | None) -> BuildConfig:
    """Who shall play: the expert that is named, the best one of the environment, or that of the dataset.

    Raises:
        ConfigError: nothing says so.
    """
    asked = _asked(config)
    if config.env.id:
        named = config.expert if _names_expert(config) else _best(config.env.id, config)
        return dataclasses.replace(asked, expert=named)
    if manifest is None or out is None or "config" not in manifest.inputs:
        if _names_expert(config):
            return asked
        raise _unsaid(out)
    if _names_expert(config):
        return dataclasses.replace(asked, env=_in_general(config, manifest, out).env)
    if "own" in manifest.inputs:  # which may have played whatever it liked
        raise _unsaid(out)
    rebuilt = rebuilt_config(manifest, out, asked, _given(config))
    if not _chooses(rebuilt.expert) or rebuilt.expert.level not in (None, EXPERT):
        rebuilt = _in_general(config, manifest, out)
        rebuilt = dataclasses.replace(rebuilt, expert=_best(str(rebuilt.env.id), config))
    return dataclasses.replace(asked, expert=rebuilt.expert, env=rebuilt.env, rollout=_plain(rebuilt.rollout))


def _unsaid(out: Path | None) -> ConfigError:
    """What is wrong where nothing says who shall play what."""
    if out is None:
        return ConfigError("reference needs an environment", remedy="give env.id=, expert= or out=FOLDER")
    return ConfigError(
        f"{out} does not say who played it, nor how",
        remedy="give env.id=, and expert= if you know a better one",
    )


def _in_general(config: ReferenceConfig, manifest: Manifest, out: Path) -> BuildConfig:
    """A dataset's configuration as if random actions had played it: with its environment, for anybody."""
    environment = {name: value for name, value in manifest.inputs["environment"].items() if name != "mapping"}
    nobody = {"name": RANDOM, "source": RANDOM, "version": RANDOM}
    inputs = {**manifest.inputs, "environment": environment, "expert": nobody}
    inputs.pop("own", None)
    given = dataclasses.replace(_given(config), files={})
    return rebuilt_config(dataclasses.replace(manifest, inputs=inputs), out, _asked(config), given)


def _given(config: ReferenceConfig) -> Given:
    """What the user says beside a dataset's manifest."""
    return Given(
        files={key: value for key in FILES if (value := getattr(config.expert, key))},
        trusted=config.expert.trust_remote_code,
        kwargs=config.env.kwargs,
    )


def _best(env_id: str, config: ReferenceConfig) -> ExpertConfig:
    """The best expert that has a name.

    Raises:
        ConfigError: there is none.
    """
    expert = build_config([f"expert={best(env_id)}"]).expert
    log.info("%s plays %s as its expert", expert.name, env_id)
    return dataclasses.replace(expert, check=config.expert.check)


def _asked(config: ReferenceConfig) -> BuildConfig:
    """The configuration as that of a build which accepts all."""
    return dataclasses.replace(
        build_config([]),
        expert=config.expert,
        env=config.env,
        rollout=_plain(config.rollout),
        parallel=config.parallel,
        threshold=-math.inf,
        max_return=None,
    )


def _plain(rollout: RolloutConfig) -> RolloutConfig:
    """How it is played, without what makes the play worse."""
    return RolloutConfig(**{name: getattr(rollout, name) for name in PLAIN})


def _check_how(known: Measured, asked: Mapping[str, Any]) -> None:
    """Refuse what was measured otherwise than it is asked for.

    Args:
        known: what was measured.
        asked: how it should have been, by the names of its attributes.

    Raises:
        ExistsError: it was another expert, number of episodes or seed, or the expert's samples.
    """
    other = [key for key, value in asked.items() if sha256_of(getattr(known, key)) != sha256_of(value)]
    if not other:
        return
    said = {
        "episodes": f"episodes={known.episodes}",
        "seed": f"seed={known.seed}",
        "deterministic": f"rollout.deterministic={str(known.deterministic).lower()}",
    }
    given = " ".join(said[key] for key in other if key in said)
    ways = [*(["leave expert= away"] if "expert" in other else []), *([f"give {given}"] if given else [])]
    raise ExistsError(
        f"the reference of {known.environment['id']} is {known.scores.source}",
        remedy=f"{' and '.join(ways)} to use it, or give overwrite=true to measure anew",
    )


def _check_same(stated: Mapping[str, Any] | None, environment: Mapping[str, Any] | None) -> None:
    """Refuse scores that are not those of the environment that a dataset states.

    Raises:
        ConfigError: it is another one.
    """
    if stated and environment and scaled(stated) != scaled(environment):
        raise _of_another(stated, environment)


def _of_another(stated: Mapping[str, Any], environment: Mapping[str, Any]) -> ConfigError:
    return ConfigError(
        "the dataset is of another environment", expected=scaled(stated), got=scaled(environment)
    )
