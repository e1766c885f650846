"""`il-builder [VERB] [hydra overrides]`: verb -> composed config -> typed dataclass -> call -> exit code."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from builder.cli.border import FAILURES, OutputClosedError, explained, say, watched_output
from builder.cli.sweep import sweep
from builder.cli.verbs import VERBS
from builder.errors import BuilderError, ConfigError, suggest
from builder.hub_client.secrets import redacted

HELP = ("--help", "-h")
HYDRA_FLAGS = ("--cfg", "-c", "--hydra-help", "--info", "-i", "--shell-completion", "-sc")
"""What Hydra itself answers; none of them runs a job."""
FILES = ("expert.path", "expert.vec_normalize", "labels.path", "labels.vec_normalize", "switch.path")
PATHS = ("out", "to.path", "path", "manifest", *FILES, "report", "save")
"""Keys whose values are paths."""
SWEEP_FLAGS = ("-m", "--multirun")
INTERRUPTED = 130
log = logging.getLogger("builder")


class _Stderr(logging.StreamHandler[Any]):
    """Writes to whatever stderr is at the time, so that a progress bar is never torn."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, value: Any) -> None: ...


class _Redacted(logging.Formatter):
    """No secret in what is logged, nor in a traceback: code that fails often says what it was given."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the result is the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = any(word.split("=", 1) == ["debug", "true"] for word in words)
    _set_up_logging(debug=debug)
    try:
        with watched_output():
            return _run(words)
    except OutputClosedError:
        return 1
    except FAILURES as error:
        if debug:
            log.exception("the traceback, since debug=true:")
        failure = error if isinstance(error, BuilderError) else explained(error)
        say(f"il-builder: {failure}")
        return failure.exit_code
    except KeyboardInterrupt:
        say(f"il-builder: interrupted; {_kept(words)}")
        return INTERRUPTED


def _run(words: list[str]) -> int:
    _check_text(words)
    verb, rest = _verb(words)
    if any(word in HELP for word in rest):
        print(_help(verb, named=words[:1] == [verb]))
        return 0
    if any(word.split("=")[0] in HYDRA_FLAGS for word in rest):
        return _hydra(verb, rest)
    _check_options(rest)
    if verb == "merge":
        _check_parts(rest)
    rest = [_literal(word) for word in (_with_out(rest) if VERBS[verb].reads else rest)]
    jobs = _jobs(rest)
    if len(jobs) > 1:
        return sweep(jobs, VERBS[verb].run)
    VERBS[verb].run(jobs[0])
    return 0


def _check_text(words: list[str]) -> None:
    """Refuse what is no text: names of files that are not UTF-8 could be written into no manifest.

    Raises:
        ConfigError: a word is not UTF-8.
    """
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise ConfigError(f"{word!r} is not UTF-8", remedy="rename it, or choose another path") from error


def _kept(words: list[str]) -> str:
    """What is there after an interrupt, and what the same command does then."""
    verb = words[0] if words and words[0] in VERBS else "build"
    if verb in ("push", "pull"):
        return "what was transferred is kept, the same command goes on"
    if verb == "build":
        return "finished chunks are kept, the same command goes on"
    return "the same command begins anew"


def _set_up_logging(*, debug: bool) -> None:
    logger = logging.getLogger("builder")
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    if not logger.handlers:
        handler = _Stderr()
        handler.setFormatter(_Redacted("%(message)s"))
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


def _literal(word: str) -> str:
    """A path as it is, where Hydra would take a bracket, a quote or `${` in it for grammar."""
    from builder.composition import is_text
    from builder.manifest.command import hydra_value

    key, given, value = word.partition("=")
    return f"{key}={hydra_value(value)}" if given and key in PATHS and not is_text(word) else word


def _with_out(words: list[str]) -> list[str]:
    """The words with a bare one as `out`: `verify data/cartpole` is `verify out=data/cartpole`."""
    from builder.manifest.command import hydra_value

    bare = [word for word in words if "=" not in word and not word.startswith(("-", "+", "~="))]
    if len(bare) > 1:
        raise ConfigError(
            f"{bare[1]!r} is one folder too many",
            expected="one",
            got=", ".join(bare),
            remedy="give what is none by its key, as key=value",
        )
    return [f"out={hydra_value(word)}" if word in bare else word for word in words]


def _check_options(words: list[str]) -> None:
    """Refuse what looks like an option.

    Raises:
        ConfigError: a word is one.
    """
    for word in words:
        if word.startswith("-") and word not in SWEEP_FLAGS:
            remedy = "see il-builder --help; a key is given as key=value"
            raise ConfigError(f"unknown option {word}", remedy=remedy)


def _check_parts(words: list[str]) -> None:
    """Refuse bare words where parts are to be named by their key.

    Raises:
        ConfigError: a word is no `key=value`.
    """
    bare = [word for word in words if "=" not in word and not word.startswith(("-", "+", "~"))]
    if bare:
        remedy = f"il-builder merge 'parts=[{','.join(bare)}]' out=..."
        raise ConfigError(f"{bare[0]!r} is no key=value", expected="parts=[A,B] out=C", remedy=remedy)


def _jobs(words: list[str]) -> list[list[str]]:
    """One list of overrides per job: several for a sweep."""
    from builder.composition import expand_sweep

    overrides = [word for word in words if word not in SWEEP_FLAGS]
    return list(expand_sweep(overrides)) if len(overrides) < len(words) else [overrides]


def _help(verb: str, *, named: bool) -> str:
    """How a verb is used; or, where none was named, the command line."""
    from builder.cli.keys import keys
    from builder.cli.usage import overview, usage
    from builder.experts.policy import conf_folder

    if not named or not VERBS[verb].about:
        return overview({name: entry.about for name, entry in VERBS.items()})
    about = VERBS[verb].about.partition(": ")[0]
    return usage(verb, about, keys(verb, conf_folder()), _choices(verb))


def _hydra(verb: str, words: list[str]) -> int:
    """Let Hydra answer `--cfg`, `--info`, `--hydra-help` and shell completion."""
    import hydra

    from builder.composition import long_form
    from builder.experts.policy import conf_folder

    sys.argv = ["il-builder", *(long_form(verb, word) for word in words)]
    if "COMP_LINE" in os.environ:
        os.environ["COMP_LINE"] = os.environ["COMP_LINE"].replace(f" {verb} ", " ", 1)
    hydra_main = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=verb)
    hydra_main(lambda _: None)()
    return 0


def _choices(verb: str) -> dict[str, str]:
    """What can stand in a verb's telling key, and what it means, from the table of those."""
    if verb in ("export", "import"):
        from builder.exchange.formats import FORMATS

        key = "to" if verb == "export" else "from"
        found = {}
        for name, entry in FORMATS.items():
            if verb == "export" and entry.write is None:
                continue
            options = entry.options if verb == "export" else entry.import_options
            listed = ", ".join(f"{key}.{option}={json.dumps(value)}" for option, value in options.items())
            found[f"{key}={name}"] = f"{entry.about}{f'; {listed}' if listed else ''}"
        return found
    from builder.experts.policy import conf_folder
    from builder.parallel.backends import BACKENDS

    if "  - parallel: " not in (conf_folder() / f"{verb}.yaml").read_text(encoding="utf-8"):
        return {}
    return {f"parallel={name}": entry.about for name, entry in BACKENDS.items()}
