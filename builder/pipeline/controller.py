"""`Controller`: has attempts played, and the accepted ones collated and put in their place."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

from builder.card import read_notes, write_card
from builder.composition import build_config
from builder.config import BuildConfig, ParallelConfig
from builder.episodes.spaces import describe
from builder.errors import (
    ConfigError,
    DatasetError,
    NotRepeatedError,
    RolloutError,
    VerificationError,
)
from builder.experts.sources.portable import save_kept
from builder.hub import Pushed, check_push, push
from builder.manifest.identity import identity
from builder.manifest.manifest import MANIFEST, Manifest, covered, read_manifest, seal
from builder.manifest.provenance import write_provenance
from builder.manifest.rebuild import stands_in, with_manifest
from builder.pipeline.collate import CollateFunction, collate
from builder.pipeline.instances import settle, slower
from builder.pipeline.play import play, recorded
from builder.pipeline.prepare import Build, prepare
from builder.pipeline.runs import AttemptRun, ChunkRun
from builder.pipeline.up_to_date import check_inputs, note_request, noted_dataset, up_to_date
from builder.replay import choose, replay
from builder.rollout.chunk_store import ChunkStore
from builder.rollout.enjoy import EnjoyFunction, enjoy
from builder.rollout.planning import Played
from builder.storage.layout import Layout
from builder.storage.lock import locked
from builder.storage.paths import AnyPath, local_path
from builder.storage.staging import replaced

log = logging.getLogger(__name__)

REPLAYED_STEPS = 20_000
"""What the check at the end of a build steps again at the most."""


@dataclass(frozen=True)
class BuildResult:
    """What a build ends with.

    Attributes:
        out: the dataset folder.
        manifest: of the dataset; None where only play was asked for.
        played: what stands behind it; None where nothing was played or collated.
        fresh: False where the dataset was there already.
        pushed: what `hub.push` has done; None where it was not asked for.
        wanted: the manifest that was to be built again; None where there was none.
    """

    out: AnyPath
    manifest: Manifest | None
    played: Played | None = None
    fresh: bool = True
    pushed: Pushed | None = None
    wanted: Manifest | None = None

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
    """

    def __init__(self, enjoy: EnjoyFunction = enjoy, collate: CollateFunction = collate) -> None:
        self.enjoy, self.collate = enjoy, collate

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
        self._check_calls()
        self._check_place(config)
        if config.hub.push:
            check_push(config.hub, overwrite=config.overwrite)
        result = dataclasses.replace(self._start(config, wanted), wanted=wanted)
        if not config.hub.push:
            return result
        result.raise_for_difference()
        pushed = push(local_path(result.out, "hub.push"), config.hub, overwrite=config.overwrite)
        return dataclasses.replace(result, pushed=pushed)

    def _check_calls(self) -> None:
        """Refuse functions of the user's own that cannot be called as they will be."""
        calls = {"enjoy": ((), ("path", "context", "expert")), "collate": (("path", "episodes"), ())}
        for name, function in self._own().items():
            positional, keywords = calls[name]
            with suppress(ValueError):  # a function that does not tell
                taken = signature(function)
                try:
                    taken.bind(*positional, **dict.fromkeys(keywords))
                except TypeError as error:
                    how = "keyword" if keywords else "position"
                    raise ConfigError(
                        f"{name} cannot be called: {error}",
                        expected=f"{name}({', '.join(positional or keywords)}), called by {how}",
                        got=f"{name}{taken}",
                    ) from error

    def _check_place(self, config: BuildConfig) -> None:
        """Refuse what needs files of this machine where `out` is a URL."""
        for what in (*self._own(), *(["hub.push"] if config.hub.push else [])):
            local_path(config.out, what)

    def _start(self, config: BuildConfig, wanted: Manifest | None) -> BuildResult:
        own = self._own()
        with locked(config.out):
            found = None if own or config.mode == "play" else noted_dataset(config)
            if found is None:
                build = prepare(config, own)
                if wanted is not None:
                    build = _as_wanted(build, wanted)
                    check_inputs(build, wanted)
                found = None if config.mode == "play" else up_to_date(build)
            fresh = found is None
            result = self._right(build) if found is None else BuildResult(config.out, found, fresh=False)
            if result.manifest and not own:
                note_request(config, result.manifest)
        if not fresh:
            log.info("%s is up to date", config.out)
        return result

    def _own(self) -> dict[str, Callable[..., bool]]:
        """The functions that are not the built-in ones."""
        own: dict[str, Callable[..., bool]] = {}
        if self.enjoy is not enjoy:
            own["enjoy"] = self.enjoy
        if self.collate is not collate:
            own["collate"] = self.collate
        return own

    def _right(self, build: Build) -> BuildResult:
        """Build; where the environment did not repeat itself, throw away what was played and go slower."""
        if "enjoy" in self._own():
            return self._build(build)
        build = settle(build)
        while True:
            try:
                return self._build(build)
            except NotRepeatedError as error:
                ChunkStore(Layout.of(build.config.out).chunks, build.chunk_identity()).remove()
                following = slower(build) if build.config.mode == "all" else None
                if following is None:
                    raise
                log.warning("%s: all is played again with env.instances=%s", error.what, following.instances)
                build = following

    def _build(self, build: Build) -> BuildResult:
        own = self._own().get("enjoy")
        store = ChunkStore(Layout.of(build.config.out).chunks, build.chunk_identity())
        store.describe(build.collation.to_json())
        mode = build.config.mode
        run = AttemptRun(build, store, own) if own else ChunkRun(build, store)
        played = recorded(build, run) if mode == "collate" else play(build, run)
        if mode == "play":
            if isinstance(run, ChunkRun):
                run.settle(played)
            store.remove_others()
            return BuildResult(build.config.out, None, played)
        manifest = self._collate(build, run.files(played))
        if build.config.keep_chunks:
            store.remove_others()
        else:
            store.remove()
        return BuildResult(build.config.out, manifest, played)

    def _collate(self, build: Build, files: list[AnyPath]) -> Manifest:
        """Collate into a folder beside `out`, then put it in its place."""
        with replaced(build.config.out, MANIFEST) as staging:
            return self._written(build, files, staging)

    def _written(self, build: Build, files: list[AnyPath], staging: Path) -> Manifest:
        """Write the dataset into an empty folder, and check it."""
        if not self.collate(str(staging), [str(file) for file in files]):
            raise DatasetError("collate returned False", remedy="nothing was changed at `out`")
        if self.collate is collate and (notes := read_notes(build.config.out)):
            write_card(staging, notes=notes)
        if build.config.dataset.include_expert and build.expert.trained is not None:
            save_kept(build.expert.trained.kept(), staging / "expert")
            if (staging / MANIFEST).is_file():
                seal(read_manifest(staging), staging)
        if not (staging / MANIFEST).is_file():
            seal(_plain_manifest(build, len(files)), staging)
        write_provenance(staging)
        manifest = read_manifest(staging)
        if self._own().keys() == set():
            _replay_some(build, staging, manifest)
        return manifest


def _as_wanted(build: Build, wanted: Manifest) -> Build:
    """The build with the manifest's own expert, where what was read is the copy that the dataset includes."""
    trained = build.expert.trained
    if trained is None or not stands_in(trained.path.parent, wanted):
        return build
    return dataclasses.replace(build, inputs={**build.inputs, "expert": wanted.inputs["expert"]})


def _replay_some(build: Build, staging: Path, manifest: Manifest) -> None:
    """Step a few episodes of a finished folder again, each alone, before it takes its place.

    Raises:
        NotRepeatedError: the environment gives something else.
    """
    if not build.config.verify_sample:
        return
    sample = min(1.0, build.config.verify_sample / manifest.accepted)
    chosen = _with_last(choose(manifest, sample, most_steps=REPLAYED_STEPS), manifest)
    one = ParallelConfig(backend="threading", n_jobs=1)
    alone = dataclasses.replace(build.environment, reusable=False)
    result = replay(staging, chosen, parallel=one, environment=alone)
    if result.difference:
        raise NotRepeatedError(
            f"{build.environment.id}, stepped again with the recorded seed and actions, gives something else:"
            f" {result.difference}",
            expected=result.difference.expected,
            got=result.difference.got,
            remedy=_slower_remedy(build),
        )
    log.info("verified: %d of %d episodes stepped again, bit for bit", result.episodes, manifest.accepted)


def _with_last(chosen: dict[str, list[int]], manifest: Manifest) -> dict[str, list[int]]:
    """The positions with the last episode in place of the last one: before it, its instance played most."""
    return {
        name: [*positions[:-1], manifest.splits[name].episodes - 1] if len(positions) > 1 else positions
        for name, positions in chosen.items()
    }


def _slower_remedy(build: Build) -> str:
    if build.instances == "reused":
        return "leave env.instances=reused away"
    if not build.environment.single:
        return "give env.instances=single, which plays one episode at a time in a process"
    return "the environment does not repeat itself; il-builder check says more"


def _plain_manifest(build: Build, episodes: int) -> Manifest:
    """The manifest of a folder whose content a user's own `collate` has chosen."""
    return Manifest(
        inputs=dict(build.inputs),
        identity=identity(build.inputs),
        observation_space=describe(build.observation_space),
        action_space=describe(build.action_space),
        attempts=episodes,
        accepted=build.config.episodes,
        splits={},
        files={},
        fingerprint="",
    )
