"""`il-builder [VERB] [hydra overrides]`: verb -> composed config -> typed dataclass -> call -> exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.errors import BuilderError, ConfigError, suggest

if TYPE_CHECKING:
    from rich.console import Console

    from builder.hub import Pushed

HYDRA_FLAGS = ("--cfg", "-c", "--help", "-h", "--hydra-help", "--info", "-i", "--shell-completion", "-sc")
"""What Hydra itself answers; none of them runs a job."""
SWEEP_FLAGS = ("-m", "--multirun")
INTERRUPTED = 130
log = logging.getLogger("builder")


@dataclass(frozen=True)
class ExpertsConfig:
    """`il-builder experts`."""

    name: str | None
    save: str | None
    debug: bool = False


@dataclass(frozen=True)
class CleanConfig:
    """`il-builder clean`."""

    out: str
    debug: bool = False


class _Stderr(logging.StreamHandler[Any]):
    """Writes to whatever stderr is at the time, so that a progress bar is never torn."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, value: Any) -> None: ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the result is the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = any(word.split("=", 1) == ["debug", "true"] for word in words)
    _set_up_logging(debug=debug)
    try:
        verb, rest = _verb(words)
        if any(word.split("=")[0] in HYDRA_FLAGS for word in rest):
            return _hydra(verb, rest)
        for job in _jobs(rest):
            VERBS[verb](job)
    except BuilderError as error:
        if debug:
            log.exception("the traceback, since debug=true:")
        print(f"il-builder: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"il-builder: interrupted; {_kept(words)}, the same command goes on", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _kept(words: list[str]) -> str:
    transfer = words[:1] in (["push"], ["pull"])
    return "what was transferred is kept" if transfer else "finished chunks are kept"


def _set_up_logging(*, debug: bool) -> None:
    logger = logging.getLogger("builder")
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    if not logger.handlers:
        handler = _Stderr()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
        logger.propagate = False


def _verb(words: list[str]) -> tuple[str, list[str]]:
    if words and words[0] == "--version":
        return "version", []
    if words and "=" not in words[0] and not words[0].startswith(("-", "+", "~")):
        if words[0] not in VERBS:
            raise ConfigError(f"there is no verb {words[0]!r}", remedy=suggest(words[0], VERBS))
        return words[0], words[1:]
    return "build", words


def _jobs(words: list[str]) -> list[list[str]]:
    """One list of overrides per job: several for a sweep."""
    from builder.composition import expand_sweep

    overrides = [word for word in words if word not in SWEEP_FLAGS]
    flags = [word for word in overrides if word.startswith("-")]
    if flags:
        raise ConfigError(f"unknown option {flags[0]}", remedy="see il-builder --help")
    return list(expand_sweep(overrides)) if len(overrides) < len(words) else [overrides]


def _hydra(verb: str, words: list[str]) -> int:
    """Let Hydra answer `--help`, `--cfg`, `--info` and shell completion."""
    import hydra

    from builder.experts.policy import conf_folder
    from builder.usage import usage

    if words[0] in ("--help", "-h"):
        print(usage(verb))
    sys.argv = ["il-builder", *words]
    if "COMP_LINE" in os.environ:
        os.environ["COMP_LINE"] = os.environ["COMP_LINE"].replace(f" {verb} ", " ", 1)
    hydra_main = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=verb)
    hydra_main(lambda _: None)()
    return 0


def _build(overrides: list[str]) -> None:
    from rich.console import Console

    from builder.controller import Controller

    signal.signal(signal.SIGTERM, _interrupt)
    result = Controller().start(overrides)
    manifest = result.manifest
    if manifest is None:
        played = result.played
        count = f"{played.attempts} attempts, {len(played.accepted)} accepted" if played else "nothing"
        print(f"played {count}; il-builder mode=collate makes the dataset {result.out}")
        return
    rows = sum(split.rows for split in manifest.splits.values())
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{'built' if result.fresh else 'up to date'}: {result.out}")
    console.print(
        f"  {manifest.accepted:,} episodes, {rows:,} steps, accepted {manifest.accepted:,} of"
        f" {manifest.attempts:,} attempts\n  fingerprint {manifest.fingerprint}\n"
    )
    if result.pushed:
        _report_push(result.pushed)
    result.raise_for_difference()
    print(_how_to_load(result.pushed.repo_id if result.pushed else str(result.out)))


def _verify(overrides: list[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    from builder.composition import compose
    from builder.config import VerifyConfig
    from builder.verify import verify

    signal.signal(signal.SIGTERM, _interrupt)
    config = compose(VerifyConfig, "verify", overrides)
    console = Console(highlight=False, soft_wrap=True)
    with Console(stderr=True).status("verify") as status:
        report = verify(config, started=lambda name: status.update(f"verify: {name}"))
    for note in report.notes:
        console.print(f"note: {note}", markup=False)
    table = Table("check", "compared", "result", box=None, pad_edge=False)
    for check in report.checks:
        table.add_row(check.name, check.compared, check.verdict)
    console.print(table)
    report.raise_for_difference()
    console.print(f"verified: {report.dataset}", markup=False)


def _push(overrides: list[str]) -> None:
    from builder.composition import compose
    from builder.config import TransferConfig
    from builder.hub import push

    signal.signal(signal.SIGTERM, _interrupt)
    config = compose(TransferConfig, "push", overrides)
    pushed = push(_folder(config.out, "push"), config.hub, overwrite=config.overwrite)
    _report_push(pushed)
    print(f"\n{_how_to_load(pushed.repo_id)}")


def _report_push(pushed: Pushed) -> None:
    print(f"{'pushed' if pushed.fresh else 'up to date'}: {pushed.repo_id}")
    if pushed.fresh:
        sent = f"{len(pushed.uploaded)} files, {pushed.size / 1e6:.1f} MB"
        print(f"  {sent}{f', {len(pushed.deleted)} deleted' if pushed.deleted else ''}")
    print(f"  commit {pushed.commit}\n  tag {pushed.tag}")


def _pull(overrides: list[str]) -> None:
    from builder.composition import compose
    from builder.config import TransferConfig
    from builder.hub import pull

    signal.signal(signal.SIGTERM, _interrupt)
    config = compose(TransferConfig, "pull", overrides)
    pulled = pull(config.hub, _folder(config.out, "pull"), overwrite=config.overwrite)
    print(f"{'pulled' if pulled.fresh else 'up to date'}: {pulled.out}\n  commit {pulled.commit}")
    if pulled.manifest:
        print(f"  {pulled.manifest.accepted:,} episodes, fingerprint {pulled.manifest.fingerprint}")
    print(f"\n{_how_to_load(config.out)}")


def _folder(out: str, verb: str) -> Path:
    from builder.storage import local, place

    folder = local(place(out), verb)
    return folder if folder.name not in ("", "..") else folder.resolve()


def _how_to_load(out: str) -> str:
    ours = f'from builder import load; arrays = load("{out}").arrays()'
    if "://" in out:
        return ours
    return f'from datasets import load_dataset; dataset = load_dataset("{out}", split="train")\n{ours}'


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _experts(overrides: list[str]) -> None:
    from rich.console import Console

    from builder.composition import compose
    from builder.experts.policy import configured

    config = compose(ExpertsConfig, "experts", overrides)
    if config.save is not None:
        _save_expert(config)
        return
    console = Console()
    if not console.is_terminal:
        console.width = 160
    if config.name is not None:
        if config.name not in configured():
            raise ConfigError(
                f"there is no expert {config.name!r}", remedy=suggest(config.name, configured())
            )
        for key, value in configured()[config.name].items():
            if key != "defaults":
                console.print(f"{key:14} {value}", highlight=False)
        return
    _print_table(console)


def _print_table(console: Console) -> None:
    from rich.table import Table

    from builder.experts.table import COLUMNS, LEFT_OUT, WIDE, rows

    left_out = () if console.width >= WIDE else LEFT_OUT
    shown = [index for index, column in enumerate(COLUMNS) if column not in left_out]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for index in shown:  # what does not fit goes on in a second line, but a name is what one types
        table.add_column(COLUMNS[index], no_wrap=index == 0, overflow="fold")
    for row in rows():
        table.add_row(*(row[index] for index in shown))
    console.print(table)
    if left_out:
        log.info("%s: il-builder experts name=..., or a wider terminal", " and ".join(left_out))


def _save_expert(config: ExpertsConfig) -> None:
    from builder.composition import build_config
    from builder.experts.archived import keep
    from builder.experts.kept import save_kept
    from builder.experts.sources import load_expert

    if config.name is None or config.save is None:
        raise ConfigError("which expert shall be saved?", remedy="add name=... to the command")
    build = build_config([f"expert={config.name}"])
    expert = load_expert(build.expert, build.rollout)
    archived = expert.archived
    if archived is None:
        raise ConfigError(f"the expert {config.name!r} has no weights to save")
    folder = Path(config.save).expanduser()
    save_kept(keep(archived), folder)
    plays = f"expert=local expert.path={folder} env.id={expert.policy.name}"
    print(f"saved {config.name} in {folder}; {plays} plays it")


def _clean(overrides: list[str]) -> None:
    from builder.composition import compose
    from builder.storage import place
    from builder.store import clean

    config = compose(CleanConfig, "clean", overrides)
    freed = clean(place(config.out))
    print(f"freed {freed / 1e6:.1f} MB beside {config.out}")


def _version(_: list[str]) -> None:
    from builder import __version__

    print(f"il-builder {__version__}")


VERBS: dict[str, Callable[[list[str]], None]] = {
    "build": _build,
    "verify": _verify,
    "push": _push,
    "pull": _pull,
    "experts": _experts,
    "clean": _clean,
    "version": _version,
}
