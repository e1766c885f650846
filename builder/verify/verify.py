"""`verify`: all checks of a level, in order, up to the first difference."""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from builder.augment.parts import Part
from builder.config import HubConfig, TrustConfig
from builder.dataset.columns import UNSAID, null_for, unsaid_of
from builder.environments.drawing import OPENGL
from builder.environments.environment import EnvironmentSpec
from builder.errors import ConfigError, DatasetError, EnvironmentError_, storage_error
from builder.hub import pull
from builder.loading.url_cache import fetch_all
from builder.manifest.manifest import MANIFEST, Manifest, read_manifest
from builder.manifest.rebuild import Given
from builder.manifest.settings import before_labels, rebuild_settings
from builder.replay import RecordedSplit, choose, recorded_environment, replay, settle
from builder.replay.pictures import DRIVERS_APART
from builder.replay.replay import drawn_again
from builder.storage.lock import recover_unless_held
from builder.storage.paths import expanded, write_whole
from builder.verify.baseline import check_baseline, check_trained, has_baseline
from builder.verify.checks import Check, Report
from builder.verify.claims import REPLAY, claims
from builder.verify.config import LabellerConfig, VerifyConfig
from builder.verify.files import (
    check_card,
    check_files,
    check_manifest,
    check_preview,
    check_provenance,
    check_signature,
    has_preview,
)
from builder.verify.labels import check_labels
from builder.verify.parts import check_merged_again, check_parts
from builder.verify.portability import notes
from builder.verify.rebuild import check_rebuild
from builder.verify.report import write_report
from builder.verify.tables import check_tables

Started = Callable[[str], None]


def verify(config: VerifyConfig, *, started: Started = lambda _: None, parts: Sequence[Part] = ()) -> Report:
    """Check a dataset folder, or a repository of the Hub.

    Args:
        config: which, and how thoroughly.
        started: called with the name of each check before it is made.
        parts: of a merged dataset, those that the user names; others are looked for beside its folder.

    Returns:
        The checks that were made; it ends with the first that found a difference.

    Raises:
        BuilderError: the folder cannot be read, or the environment or the expert cannot be had.
    """
    report = _verified(config, started, parts)
    if config.json is not None:
        target = expanded(config.json)
        try:
            write_whole(target, json.dumps(report.to_json(), indent=1) + "\n")
        except OSError as error:
            raise storage_error(error, target) from error
    return report


def _verified(config: VerifyConfig, started: Started, parts: Sequence[Part]) -> Report:
    _refuse_wrong_paths(config)
    if config.hub.repo_id is None:
        if config.out is None:
            raise ConfigError("verify needs a dataset", remedy="give out=FOLDER or hub.repo_id=user/name")
        if isinstance(config.out, Path):
            recover_unless_held(config.out)
            return _verify(config.out, config, str(config.out), started, parts)
        with tempfile.TemporaryDirectory(prefix="il-builder-verify-") as scratch:
            folder = Path(scratch) / config.out.name
            fetch_all(config.out, folder)
            return _verify(folder, config, str(config.out), started, parts)
    if config.out is not None:
        raise ConfigError("out and hub.repo_id are two datasets", remedy="verify them one by one")
    with tempfile.TemporaryDirectory(prefix="il-builder-verify-") as scratch:
        folder = Path(scratch) / "dataset"
        pull(HubConfig(repo_id=config.hub.repo_id, revision=config.hub.revision), folder)
        return _verify(folder, config, config.hub.repo_id, started, parts)


def _refuse_wrong_paths(config: VerifyConfig) -> None:
    """A mistyped path says nothing about the dataset."""
    if config.json is not None and not expanded(config.json).name:
        raise ConfigError(f"json={config.json!r} names no file", remedy="give json=FILE")
    if config.signed_by is not None and not expanded(config.signed_by).is_file():
        raise ConfigError(
            f"there is no file {config.signed_by}",
            remedy="give signed_by= a public key, or a file of signers",
        )


def _verify(folder: Path, config: VerifyConfig, name: str, started: Started, parts: Sequence[Part]) -> Report:
    if not folder.is_dir():
        raise DatasetError(f"there is no dataset at {name}", remedy="give the folder of one")
    if not (folder / MANIFEST).is_file():
        missing = "it has no manifest, so nothing says what its files should be, nor what made them"
        return Report(name, (Check("manifest", missing, possible=False),))
    checks: list[Check] = []
    remarks: tuple[str, ...] = ()
    for title, make in _checks(folder, config, parts):
        started(title)
        if title == "files":  # from here on the manifest can be believed
            remarks = notes(read_manifest(folder))
        checks.append(make())
        if not checks[-1].passed:
            break
    else:
        if config.report is not None:
            write_report(folder, expanded(config.report))
        proved = frozenset(proof for check in checks for proof in check.proves)
        return Report(name, tuple(checks), remarks, claims(folder, read_manifest(folder), config, proved))
    return Report(name, tuple(checks), remarks)


def _checks(
    folder: Path, config: VerifyConfig, parts: Sequence[Part]
) -> Iterator[tuple[str, Callable[[], Check]]]:
    """The names of the checks and what makes them; the manifest is read once it has been checked itself."""
    yield "manifest", lambda: check_manifest(folder)
    manifest = read_manifest(folder)
    yield "files", lambda: check_files(folder, manifest)
    yield "provenance", lambda: check_provenance(folder)
    if has_preview(folder):
        yield "preview", lambda: check_preview(folder)
    if has_baseline(folder):
        yield "baseline", lambda: check_baseline(folder, manifest)
    if manifest.splits:
        yield "tables", lambda: check_tables(folder, manifest)
        yield "card", lambda: check_card(folder, config.hub.repo_id, written_by=manifest.written_by)
    if "merged" in manifest.inputs:
        local = isinstance(config.out, Path)
        yield "parts", lambda: check_parts(folder, manifest, parts, beside=local)
    if config.signed_by is not None:
        allowed = expanded(config.signed_by)
        yield "signature", lambda: check_signature(folder, allowed)
    if config.level in ("auto", "replay"):
        yield "replay", lambda: _check_replay(folder, manifest, config)
    if config.level == "rebuild" and "merged" in manifest.inputs:
        local = isinstance(config.out, Path)
        yield "rebuild", lambda: check_merged_again(folder, manifest, parts, beside=local)
    elif config.level == "rebuild":
        yield "rebuild", lambda: _check_rebuild(folder, manifest, config)
    elif config.level == "baseline":
        yield "trained again", lambda: check_trained(folder, config)


def _check_replay(folder: Path, manifest: Manifest, config: VerifyConfig) -> Check:
    inputs = manifest.inputs
    if lacking := sorted(inputs.get("imported", {}).get("unsaid", ())):
        return Check("replay", f"its source does not say: {', '.join(lacking)}", possible=False)
    if "merged" in inputs:
        return _replay_merged(folder, manifest, config)
    if "imported" in inputs and "environment" not in inputs:
        return Check("replay", "its source names no environment; import it with env.id=", possible=False)
    if not manifest.splits or "environment" not in inputs or "enjoy" in inputs.get("own", {}):
        return Check(
            "replay",
            "its episodes were not recorded by the built-in functions: nobody knows how to step them again",
            possible=False,
            asked=config.level == "replay",
        )
    return _replayed(folder, manifest, config, choose(manifest, config.sample))


def _replay_merged(folder: Path, manifest: Manifest, config: VerifyConfig) -> Check:
    """Those episodes are stepped again whose source says seeds, rewards and endings."""
    lacking = {source: unsaid_of(manifest.inputs, source) for source in null_for(manifest.inputs)}
    whole = {source for source, columns in lacking.items() if not columns.intersection(UNSAID)}
    chosen = {}
    for name in sorted(manifest.splits):
        sources = RecordedSplit(folder, manifest, name).episodes["source"].to_pylist()
        positions = [position for position, source in enumerate(sources) if source in whole]
        count = math.ceil(len(positions) * config.sample)
        if count:
            chosen[name] = [positions[index * len(positions) // count] for index in range(count)]
    if "environment" in manifest.inputs and chosen:
        found = _replayed(folder, manifest, config, chosen)
        return found if whole == lacking.keys() else dataclasses.replace(found, proves=())
    why = "no part says all that it takes"
    if "environment" not in manifest.inputs:
        why = "its parts are not of one environment, as far as they say: verify each of them"
    return Check("replay", why, possible=False, asked=config.level == "replay")


def _replayed(folder: Path, manifest: Manifest, config: VerifyConfig, chosen: dict[str, list[int]]) -> Check:
    spec = recorded_environment(manifest, trusted=config.expert.trust_remote_code, kwargs=config.env.kwargs)
    environment, pictures = _drawn(settle(spec, folder, manifest, chosen), manifest)
    result = replay(folder, chosen, parallel=config.parallel, environment=environment)
    compared = f"{result.episodes:,} of {manifest.accepted:,} episodes, {result.steps:,} steps, bit for bit"
    return Check("replay", compared + pictures, result.difference, proves=(REPLAY,))


def _drawn(spec: EnvironmentSpec, manifest: Manifest) -> tuple[EnvironmentSpec, str]:
    """The environment, drawn where the dataset holds pictures, and in words what of them is compared."""
    try:
        drawn = drawn_again(spec, manifest)
    except EnvironmentError_ as error:
        return spec, f"; not the pixels: {error}"
    if drawn.drawn_by == OPENGL:
        return drawn, f"; pixels, which drivers of OpenGL draw differently, within {DRIVERS_APART:g} of 255"
    return drawn, ", pixels too" if drawn.drawn_by else ""


def _check_rebuild(folder: Path, manifest: Manifest, config: VerifyConfig) -> Check:
    before = before_labels(manifest)
    if rebuild_settings(before) is None and before is manifest:
        return Check(
            "rebuild",
            "no command makes it: its expert or its functions were a program's own, or are not known here",
            possible=False,
        )
    given = Given(
        _files(config.expert),
        trusted=config.expert.trust_remote_code,
        kwargs=config.env.kwargs,
        labels=_files(config.labels),
        switch=config.switch.path and str(expanded(config.switch.path)),
    )
    if before is not manifest:
        return check_labels(folder, manifest, given, config.parallel)
    return check_rebuild(folder, manifest, given, config.parallel)


def _files(given: TrustConfig | LabellerConfig) -> dict[str, str]:
    """The files of an expert's that the user names, by their keys."""
    named = {"path": given.path, "vec_normalize": given.vec_normalize}
    return {key: str(expanded(path)) for key, path in named.items() if path}
