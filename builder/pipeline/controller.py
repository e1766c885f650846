"""`Controller`: has attempts played, and the accepted ones collated and put in their place."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from builder.composition import build_config
from builder.config import BuildConfig
from builder.errors import (
    DatasetError,
    NotRepeatedError,
    RolloutError,
    SecretError,
    StorageError,
    VerificationError,
)
from builder.hub import Pushed, check_push, push
from builder.hub.secrets import check_values
from builder.manifest.identity import growth_identity
from builder.manifest.manifest import Manifest, covered
from builder.manifest.rebuild import with_manifest
from builder.pipeline.attempt_run import AttemptRun
from builder.pipeline.build import Build
from builder.pipeline.collate import CollateFunction, collate
from builder.pipeline.finish import finish
from builder.pipeline.instances import WAYS, settle, slower
from builder.pipeline.level import at_target, tell_of_level
from builder.pipeline.manner import with_manner
from builder.pipeline.own_functions import OwnFunctions, check_unique, own_functions
from builder.pipeline.pictures import preview_of_standing
from builder.pipeline.play import play, recorded
from builder.pipeline.prepare import prepare
from builder.pipeline.request_note import note_request, noted_dataset
from builder.pipeline.runs import ChunkRun, assembly_of
from builder.pipeline.standing import Standing, standing_at
from builder.pipeline.up_to_date import as_it_stands, up_to_date
from builder.pipeline.wanted import as_wanted
from builder.rollout.enjoy import EnjoyFunction, enjoy
from builder.rollout.planning import Played
from builder.storage.lock import locked
from builder.storage.paths import AnyPath, local_path

log = logging.getLogger(__name__)

Made = tuple[Manifest | None, Played | None]
"""The dataset, None where only play was asked for; what stands behind it, None where it was there already."""


@dataclass(frozen=True)
class BuildResult:
    """What a build ends with.

    Attributes:
        out: the dataset folder.
        manifest: of the dataset; None where only play was asked for.
        played: what stands behind it; None where nothing was played or collated.
        pushed: what `hub.push` has done; None where it was not asked for.
        wanted: the manifest that was to be built again; None where there was none.
        grown_from: how many episodes there were, where a dataset has grown.
    """

    out: AnyPath
    manifest: Manifest | None
    played: Played | None = None
    pushed: Pushed | None = None
    wanted: Manifest | None = None
    grown_from: int | None = None

    @property
    def fresh(self) -> bool:
        """Whether the dataset was not there already."""
        return self.played is not None

    def raise_for_difference(self) -> None:
        """Do nothing where the dataset is the one that a manifest describes, or none was given.

        Raises:
            VerificationError: a file under `data/` or `episodes/` is another one.
        """
        if self.wanted is None or self.manifest is None:
            return
        expected, got = covered(self.wanted.files), covered(self.manifest.files)
        differing = sorted(path for path in {*expected, *got} if expected.get(path) != got.get(path))
        if differing:
            path = differing[0]
            raise VerificationError(
                f"{self.out} was built, but it is not what the manifest describes: file {path}"
                + (f" and {len(differing) - 1} more" if len(differing) > 1 else ""),
                expected=f"sha256 {expected.get(path)}",
                got=got.get(path),
                remedy="il-builder verify level=rebuild on the first dataset says where they differ",
            )


class Controller:
    """Builds datasets with the built-in functions, or with a user's own.

    Args:
        enjoy: plays and records one episode: `enjoy(path=, context=, expert=) -> accepted`. The built-in one
            is never called episode by episode: whole chunks are played in lockstep.
        collate: `collate(path, episodes) -> bool` puts the recorded files together in the folder `path`.

    Raises:
        ConfigError: one of them cannot be called so.
    """

    def __init__(self, enjoy: EnjoyFunction = enjoy, collate: CollateFunction = collate) -> None:
        self.enjoy, self.collate = enjoy, collate
        self._own = own_functions(enjoy, collate)

    def start(
        self, config: BuildConfig | Mapping[str, Any] | Sequence[str], wanted: Manifest | None = None
    ) -> BuildResult:
        """Build a dataset.

        Args:
            config: a mapping, or overrides as on the command line.
            wanted: the manifest that a typed configuration is to build again.

        Raises:
            BuilderError: what failed, and the remedy. Finished chunks are kept; an existing dataset stays
                as it was.
        """
        try:
            if not isinstance(config, BuildConfig):
                rebuilt, wanted = with_manifest(config)
                config = build_config(config) if rebuilt is None else rebuilt
            return self._started(config, wanted)
        except SystemExit as error:
            raise RolloutError(
                "the expert, the environment or a function of yours asked this program to exit",
                got=f"exit code {error.code!r}",
                remedy="it has to raise an error, or to return",
            ) from error

    def _started(self, config: BuildConfig, wanted: Manifest | None) -> BuildResult:
        out, hub = config.out, config.hub
        own = self._own
        check_unique(config, own)
        for what in (*own, *(["hub.push"] if hub.push else [])):
            local_path(out, what)
        if hub.push:
            check_push(hub, overwrite=config.overwrite)
        with locked(out):
            standing = standing_at(out)
            manifest, played = self._made(config, own, wanted, standing)
            if manifest:
                preview_of_standing(out, manifest, config.card)
                note_request(config, manifest, known=not own)
        grown_from = _episodes_before(standing.manifest, manifest)
        result = BuildResult(out, manifest, played, wanted=wanted, grown_from=grown_from)
        if not result.fresh:
            log.info("%s is up to date", out)
        if not hub.push:
            return result
        result.raise_for_difference()
        pushed = push(local_path(out, "hub.push"), hub, overwrite=config.overwrite)
        return dataclasses.replace(result, pushed=pushed)

    def _made(
        self, config: BuildConfig, own: OwnFunctions, wanted: Manifest | None, standing: Standing
    ) -> Made:
        """What stands at `out` already, or a build of it."""
        anew = config.mode == "play"
        if not own and not anew and (found := noted_dataset(config, standing)):
            return found, None
        before = wanted or (None if config.overwrite else standing.manifest)
        build = at_target(prepare(config, own), before)
        _look_for_secrets(build.inputs, published=config.hub.push)
        build = as_it_stands(build, standing) if wanted is None else as_wanted(build, wanted)
        if not anew and (found := up_to_date(build, standing)):
            _forget_others(build)
            return found, None
        return self._right(build, standing.manifest)

    def _right(self, build: Build, standing: Manifest | None) -> Made:
        """Build; where the environment did not repeat itself, throw away what was played and go slower."""
        if "enjoy" in build.own:
            return self._build(build)
        build = settle(build, standing)
        while True:
            try:
                return self._build(build)
            except NotRepeatedError as error:
                build.store.remove()
                following = slower(build) if build.config.mode == "all" else None
                if following is None:
                    raise
                way = "vector=false" if build.environment.vector else f"instances={following.instances}"
                log.warning("%s: all is played again with env.%s", error.what, way)
                build = following
            except DatasetError as error:
                if isinstance(error, StorageError) or not build.store.mend():
                    raise
                # What was damaged is gone: it is played again.

    def _build(self, build: Build) -> Made:
        """Play, and make the dataset of it."""
        store = build.store
        store.describe(build.collation.to_json())
        mode = build.config.mode
        if mode != "collate":
            build = with_manner(build)
        run: AttemptRun | ChunkRun
        if "enjoy" in build.own:
            run = AttemptRun(build, store, self.enjoy)
        else:
            run = ChunkRun(build, store, assembly_of(build, store))
        try:
            played = recorded(build, run) if mode == "collate" else play(build, run)
            if mode == "play":
                if isinstance(run, ChunkRun):
                    run.settle(played)
                store.remove_others()
                return None, played
            put_together = run.collate if isinstance(run, ChunkRun) and run.assembly else self.collate
            manifest = finish(build, run.files(played), put_together)
        finally:
            run.discard()
        tell_of_level(build, played.mean)
        if build.config.keep_chunks:
            store.remove_others()
        else:
            store.remove()
        return manifest, played


def _episodes_before(standing: Manifest | None, made: Manifest | None) -> int | None:
    """How many episodes there were, where what stands now is the same dataset with more."""
    if standing is None or made is None or not standing.inputs or standing.accepted >= made.accepted:
        return None
    same = growth_identity(standing.inputs) == growth_identity(made.inputs)
    return standing.accepted if same else None


def _forget_others(build: Build) -> None:
    """Remove the chunks of what stood at `out` before: a build that was stopped at its very end has not."""
    if build.config.keep_chunks:
        stores = [dataclasses.replace(build, instances=way).store for way in (None, *WAYS)]
        build.store.remove_others(store.folder for store in stores)
    else:
        build.store.remove()


def _look_for_secrets(inputs: Mapping[str, Any], *, published: bool) -> None:
    """Refuse a build that is to be published with what looks like a secret; warn of any other.

    Raises:
        SecretError: it would be published.
    """
    try:
        check_values(inputs, "the manifest")
    except SecretError as error:
        if published:
            raise
        log.warning("%s; whoever gets this dataset can read it", error.what.partition(", so ")[0])
