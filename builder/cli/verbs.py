"""The verbs of the command line: compose, call, print."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from builder.cli.baseline import baseline
from builder.cli.experts import experts
from builder.cli.reference import reference
from builder.cli.relabel import relabel
from builder.cli.render import render
from builder.cli.view import view
from builder.errors import ConfigError
from builder.storage.paths import AnyPath, expanded, local_path, place

if TYPE_CHECKING:
    from builder.config import HubConfig
    from builder.exchange.export import Exported
    from builder.exchange.publication import Publication
    from builder.hub import Pushed
    from builder.pipeline.controller import BuildResult


@dataclass(frozen=True)
class CleanConfig:
    """`il-builder clean`."""

    out: AnyPath
    debug: bool = False


def _build(overrides: list[str]) -> str:
    from rich.console import Console

    from builder.pipeline.controller import Controller

    signal.signal(signal.SIGTERM, _interrupt)
    result = Controller().start(overrides)
    manifest = result.manifest
    if manifest is None:
        played = result.played
        count = f"{played.attempts} attempts, {played.accepted} accepted" if played else "nothing"
        print(f"played {count}; il-builder mode=collate makes the dataset {result.out}")
        return f"played {count}: {result.out}"
    rows = sum(split.rows for split in manifest.splits.values())
    console = Console(highlight=False, soft_wrap=True)
    outcome = f"{_what_was_done(result, manifest.accepted)}: {result.out}"
    console.print(outcome, markup=False)
    console.print(
        f"  {manifest.accepted:,} episodes, {rows:,} steps, accepted {manifest.accepted:,} of"
        f" {manifest.attempts:,} attempts{_surplus(result)}\n  fingerprint {manifest.fingerprint}\n"
    )
    if result.pushed:
        _report_push(result.pushed)
    result.raise_for_difference()
    print(_how_to_load(result.pushed.repo_id if result.pushed else str(result.out)))
    return outcome


def _what_was_done(result: BuildResult, episodes: int) -> str:
    if result.grown_from is not None:
        return f"grown from {result.grown_from:,} to {episodes:,} episodes"
    return "built" if result.fresh else "up to date"


def _surplus(result: BuildResult) -> str:
    """What was played beyond the last accepted attempt, since workers play several at a time."""
    played = result.played.attempts if result.played else 0
    surplus = played - result.manifest.attempts if result.manifest else 0
    if surplus == 1:
        return " (one more was played, and is not needed)"
    return f" ({surplus:,} more were played, and none of them is needed)" if surplus > 0 else ""


def _verify(overrides: list[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    from builder.api import dataset_folder
    from builder.augment.parts import parts_of
    from builder.composition import compose
    from builder.display import progress_console
    from builder.verify import verify
    from builder.verify.config import VerifyConfig

    signal.signal(signal.SIGTERM, _interrupt)
    config = compose(VerifyConfig, "verify", overrides)
    console = Console(highlight=False, soft_wrap=True)
    parts = parts_of(config.parts, dataset_folder) if config.parts else ()
    with progress_console().status("verify") as status:
        report = verify(config, started=lambda name: status.update(f"verify: {name}"), parts=parts)
    for note in report.notes:
        console.print(f"note: {note}", markup=False)
    table = Table("check", "compared", "result", box=None, pad_edge=False)
    for check in report.checks:
        table.add_row(check.name, check.compared, check.verdict)
    if any(check.possible for check in report.checks):
        console.print(table)
    report.raise_for_difference()
    if report.claims:
        console.print("claimed, not checked:")
    for claim in report.claims:
        console.print(f"  {claim}", markup=False)
    console.print(f"verified: {report.dataset}", markup=False)


def _check(overrides: list[str]) -> None:
    from builder.checks.config import CheckConfig
    from builder.composition import compose
    from builder.errors import CheckError
    from builder.testing import check

    checked = check(compose(CheckConfig, "check", overrides))
    for item in checked.findings:
        print(item)
    if wrong := [item.code for item in checked.findings if item.severity == "error"]:
        raise CheckError(f"{checked.what}: not fit for a build", got=", ".join(wrong))
    print(f"{checked.what}: fit for a build")


def _export(overrides: list[str]) -> None:
    from builder.api import dataset_folder
    from builder.composition import compose
    from builder.exchange.config import Chosen, ExportConfig
    from builder.exchange.export import ExportRequest, export
    from builder.hub import check_publish

    signal.signal(signal.SIGTERM, _interrupt)
    config = compose(ExportConfig, "export", overrides)
    chosen = Chosen.of("to", config.to)
    hub = config.hub
    there = None if hub.push else hub.repo_id  # which is where it goes, then
    source = str(config.out) if config.out is not None else there
    if source is None:
        raise ConfigError("export needs a dataset", remedy="give out=FOLDER or hub.repo_id=user/name")
    if hub.push:
        check_publish(hub)
    path = local_path(place(chosen.path), "export") if chosen.path is not None else None
    request = ExportRequest(
        format=chosen.name,
        path=path,
        options=chosen.options,
        split=config.split,
        episodes=config.episodes,
        overwrite=config.overwrite,
        repo_id=hub.repo_id if hub.push else None,
    )
    exported = export(dataset_folder(source), request)
    print(f"{'exported' if exported.fresh else 'up to date'}: {exported.path}")
    print(f"  {exported.source.episodes:,} episodes as {exported.format.name}: {exported.format.about}")
    for loss in exported.losses:
        print(f"  not in it: {loss}")
    if exported.publication:
        _publish(exported, exported.publication, hub, overwrite=config.overwrite)
    else:
        print(f"\n{exported.format.opening(exported.path)}")


def _publish(exported: Exported, publication: Publication, hub: HubConfig, *, overwrite: bool) -> None:
    from builder.hub import publish

    fingerprint = exported.source.manifest.fingerprint
    message = f"{exported.source.episodes} episodes as {exported.format.name}, fingerprint {fingerprint}"
    pushed = publish(exported.files(), publication, hub, message=message, overwrite=overwrite)
    _report_push(pushed)
    print(f"\n{publication.opened}")


def _import(overrides: list[str]) -> None:
    from builder.composition import compose
    from builder.exchange.config import Chosen, ImportConfig
    from builder.exchange.importing import ImportRequest, import_
    from builder.hub import fetch

    signal.signal(signal.SIGTERM, _interrupt)
    config = compose(ImportConfig, "import", overrides)
    chosen = Chosen.of("from", {**config.from_, "path": config.path})
    if chosen.path is None and config.hub.repo_id is None:
        raise ConfigError("import needs files", remedy="give path=FILE_OR_FOLDER or hub.repo_id=user/name")
    if chosen.path is not None:
        path = local_path(place(chosen.path), "import")
    else:
        path = fetch(str(config.hub.repo_id), config.hub.revision).folder
    environment = {"id": config.env.id, "kwargs": config.env.kwargs} if config.env.id else None
    request = ImportRequest(
        format=chosen.name,
        path=path,
        options=chosen.options,
        environment=environment,
        license=config.license,
        replay=config.replay,
        overwrite=config.overwrite,
    )
    imported = import_(request, local_path(config.out, "import"))
    manifest = imported.manifest
    rows = sum(split.rows for split in manifest.splits.values())
    print(f"{'imported' if imported.fresh else 'up to date'}: {imported.out}")
    print(f"  {manifest.accepted:,} episodes, {rows:,} steps\n  fingerprint {manifest.fingerprint}")
    if unsaid := manifest.inputs["imported"]["unsaid"]:
        print(f"  the source does not say: {', '.join(unsaid)}")
    for note in manifest.notes:
        print(f"  {note}")
    print(f"\n{_how_to_load(str(imported.out))}")


def _merge(overrides: list[str]) -> None:
    from builder.api import dataset_folder
    from builder.augment.config import MergeConfig
    from builder.augment.merging import merge
    from builder.augment.parts import parts_of
    from builder.card.markdown import count_of
    from builder.composition import compose

    signal.signal(signal.SIGTERM, _interrupt)
    config = compose(MergeConfig, "merge", overrides)
    parts = parts_of(config.parts, dataset_folder)
    merged = merge(parts, local_path(config.out, "merge"), seed=config.seed, overwrite=config.overwrite)
    manifest = merged.manifest
    rows = sum(split.rows for split in manifest.splits.values())
    for line in merged.grown:
        print(line)
    print(f"{'merged' if merged.fresh else 'up to date'}: {merged.out}")
    print(f"  {count_of(manifest.accepted, 'episode')}, {count_of(rows, 'step')}")
    print(f"  fingerprint {manifest.fingerprint}")
    for note in manifest.notes:
        print(f"  {note}")
    print(f"\n{_how_to_load(str(merged.out))}")


def _push(overrides: list[str]) -> None:
    from builder.composition import compose
    from builder.hub import push
    from builder.hub.config import TransferConfig

    signal.signal(signal.SIGTERM, _interrupt)
    config = compose(TransferConfig, "push", overrides)
    pushed = push(local_path(config.out, "push"), config.hub, overwrite=config.overwrite)
    _report_push(pushed)
    print(f"\n{_how_to_load(pushed.repo_id)}")


def _report_push(pushed: Pushed) -> None:
    from builder.display import shown_size

    print(f"{'pushed' if pushed.fresh else 'up to date'}: {pushed.repo_id}")
    if pushed.fresh:
        sent = f"{len(pushed.uploaded)} files, {shown_size(pushed.size)}"
        print(f"  {sent}{f', {len(pushed.deleted)} deleted' if pushed.deleted else ''}")
    print(f"  commit {pushed.commit}")
    if pushed.tag:
        print(f"  tag {pushed.tag}")


def _pull(overrides: list[str]) -> None:
    from builder.composition import compose
    from builder.hub import pull
    from builder.hub.config import TransferConfig

    signal.signal(signal.SIGTERM, _interrupt)
    config = compose(TransferConfig, "pull", overrides)
    pulled = pull(config.hub, local_path(config.out, "pull"), overwrite=config.overwrite)
    print(f"{'pulled' if pulled.fresh else 'up to date'}: {pulled.out}\n  commit {pulled.commit}")
    if pulled.manifest:
        print(f"  {pulled.manifest.accepted:,} episodes, fingerprint {pulled.manifest.fingerprint}")
    print(f"\n{_how_to_load(str(config.out))}")


def _how_to_load(out: str) -> str:
    ours = f'from builder import load; arrays = load("{out}").arrays()'
    if "://" in out:
        return ours
    return f'from datasets import load_dataset; dataset = load_dataset("{out}", split="train")\n{ours}'


def _sign(overrides: list[str]) -> None:
    from builder.composition import compose
    from builder.hub.config import SignConfig
    from builder.manifest.manifest import SIGNATURE, read_manifest
    from builder.manifest.signature import sign

    config = compose(SignConfig, "sign", overrides)
    out = local_path(config.out, "sign")
    manifest = read_manifest(out)
    signer = sign(out, expanded(config.key) if config.key else None)
    print(f"signed: {out / SIGNATURE}\n  fingerprint {manifest.fingerprint}\n  {signer}")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _clean(overrides: list[str]) -> None:
    from builder.composition import compose
    from builder.display import shown_size
    from builder.rollout.cleaning import clean

    config = compose(CleanConfig, "clean", overrides)
    cleaned = clean(config.out)
    if cleaned.freed:
        print(f"freed {shown_size(cleaned.freed)} beside {config.out}")
    else:
        print(f"nothing was kept for {config.out}")
    for path in cleaned.left:
        print(f"left, since il-builder has not made it: {path}")


def _version(_: list[str]) -> None:
    from builder import __version__

    print(f"il-builder {__version__}")


@dataclass(frozen=True)
class Verb:
    """One word of the command line.

    Attributes:
        run: does it, given the overrides of one job; what it has done, where a sweep shall say that.
        about: what it does and its most important keys, for `--help`; empty: not said there.
        reads: it reads a dataset folder: a bare word is its `out`.
    """

    run: Callable[[list[str]], str | None]
    about: str = ""
    reads: bool = False


VERBS = {
    "build": Verb(
        _build,
        "an expert's episodes become a dataset folder: expert= env.id= episodes= seed= threshold= out=",
    ),
    "verify": Verb(
        _verify,
        "a dataset proves itself: out= or hub.repo_id=, level=files|replay|rebuild|baseline",
        reads=True,
    ),
    "check": Verb(_check, "is this environment, this expert, fit for a build? env.id= expert="),
    "export": Verb(
        _export, "write a dataset in another library's format: out= to=FORMAT to.path= episodes=", reads=True
    ),
    "render": Verb(
        render, "a film of an episode: out= episode=best|worst|7 to=mp4|webp|gif|png size= fps=", reads=True
    ),
    "relabel": Verb(
        relabel, "what an expert would do on recorded observations: out= expert= to=FOLDER", reads=True
    ),
    "baseline": Verb(
        baseline, "clones of an expert, and how well they play: out= demos=1,5,25,100 seeds=5", reads=True
    ),
    "view": Verb(
        view, "a dataset in the browser: out= or hub.repo_id=, to=FOLDER makes a static Space", reads=True
    ),
    "merge": Verb(_merge, "several datasets become one: parts=[A,B@0.5,user/name] out="),
    "import": Verb(_import, "bring another library's dataset to a folder of ours: from=FORMAT path= out="),
    "push": Verb(_push, "publish a dataset folder on the Hub: out= hub.repo_id=", reads=True),
    "sign": Verb(_sign, "say with an SSH key that a dataset is yours: out= key=", reads=True),
    "pull": Verb(_pull, "bring one from the Hub: hub.repo_id= out="),
    "experts": Verb(
        experts,
        "the experts that have a name; env=ID those that play it, name=X one, save=FOLDER keeps it",
    ),
    "reference": Verb(
        reference,
        "what random actions and an expert reach, to normalise returns by: env.id= expert= or out=",
        reads=True,
    ),
    "clean": Verb(
        _clean, "remove what was played for the dataset `out`, and is kept so that it can grow", reads=True
    ),
    "version": Verb(_version),
}
