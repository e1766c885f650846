"""What lies beside an archive, and what an expert needs of it.

RL Baselines3 Zoo publishes an agent with `config.yml` (hyperparameters), `args.yml` (its command line),
`env_kwargs.yml` and `vec_normalize.pkl`. Source of their meaning: `rl_zoo3/utils.py`
(`get_saved_hyperparams`, `create_test_env`), `rl_zoo3/exp_manager.py` and `rl_zoo3/enjoy.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.errors import ArchiveError, ExpertError, UnsupportedExpertError
from builder.experts.archive.plain_yaml import MAX_BYTES, read_literal, read_yaml
from builder.experts.archive.vec_normalize import MAX_BYTES as MAX_STATISTICS_BYTES
from builder.experts.archive.vec_normalize import Statistics, read_statistics
from builder.experts.observations.frame_stack import FrameStack
from builder.experts.observations.transforms import Normalisation, Transform
from builder.experts.observations.wrapped_policy import Opening, PolicyView
from builder.experts.observations.wrappers import (
    Repeat,
    TrainedOn,
    Wrapper,
    check_known,
    notes_on,
    parts_of,
    preprocessing_of,
    wrappers_of,
)

STATISTICS_NAMES = ("vec_normalize.pkl", "vecnormalize.pkl")
"""On the Hub, and in the zoo's own log folders."""
NAMES = ("config.yml", "args.yml", "env_kwargs.yml", *STATISTICS_NAMES)
"""The files that are read."""
MAX_FRAMES = 100
_IGNORED_KWARGS = frozenset({"render_mode", "render"})


@dataclass(frozen=True)
class Companions:
    """What the files beside an archive say.

    Attributes:
        env_id: the environment that the expert was trained on, None where no file says.
        env_kwargs: what it was made with.
        wrappers: the wrappers of its environment, innermost first.
        frame_stack: how many observations were stacked; 1 means none.
        statistics: what observations are normalised with, None for nothing.
        files: the names of the files that were read, sorted.
        notes: what a reader of the dataset should know.
    """

    env_id: str | None = None
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    wrappers: tuple[Wrapper, ...] = ()
    frame_stack: int = 1
    statistics: Statistics | None = None
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def preprocessing(self) -> AtariPreprocessing | None:
        """What training made of Atari's frames, where an environment can do it in the agent's place."""
        return None if self.statistics is not None else preprocessing_of(self.wrappers)

    def view(self, *, env_id: str | None = None, max_episode_steps: int | None = None) -> PolicyView | None:
        """What the policy saw of the environment; None where it saw it as it is.

        Args:
            env_id: the environment that is played, by default the trained one.
            max_episode_steps: the time limit that it was trained with.

        Raises:
            UnsupportedExpertError: a wrapper cannot be had for this environment.
        """
        trained_on = TrainedOn(env_id or self.env_id, max_episode_steps)
        own = trained_on.wrappers or TrainedOn(self.env_id, None).wrappers
        every_step: list[Transform] = []
        decisions: list[Transform] = []
        opening, repeat = None, 1
        for part in (part for wrapper in (*own, *self.wrappers) for part in parts_of(wrapper, trained_on)):
            if isinstance(part, Opening):
                opening = part
            elif isinstance(part, Repeat):
                every_step, decisions, repeat = every_step + decisions, [], repeat * part.steps
            else:
                decisions.append(part)
        if self.statistics is not None:
            decisions.append(Normalisation(self.statistics))
        if self.frame_stack > 1:
            decisions.append(FrameStack(self.frame_stack))
        view = PolicyView(tuple(every_step), tuple(decisions), repeat, opening)
        return None if view == PolicyView() else view


def read_companions(archive: Path) -> Companions:
    """Read the files beside an archive; an archive without any is an expert that needs nothing.

    Args:
        archive: the archive; its companions lie in its folder, or in the folder of its own name (as the
            zoo's logs have it).

    Raises:
        ArchiveError: a file is damaged, or one that the others call for is missing.
        UnsafeArchiveError: a file would run code if it were loaded.
        UnsupportedExpertError: the expert needs a wrapper that is not known.
    """
    folder = folder_of(archive)
    found: dict[str, bytes] = {}
    for name in NAMES:
        content = _content(folder / name)
        if content is not None:
            found[name] = content
    config = read_yaml(found["config.yml"], "config.yml") if "config.yml" in found else {}
    args = read_yaml(found["args.yml"], "args.yml") if "args.yml" in found else {}
    wrappers = wrappers_of(config.get("env_wrapper"), "config.yml: env_wrapper")
    check_known(wrappers)
    statistics, notes = _statistics(config, found, has_config="config.yml" in found)
    return Companions(
        env_id=args["env"] if isinstance(args.get("env"), str) else None,
        env_kwargs=_env_kwargs(config, args, found),
        wrappers=wrappers,
        frame_stack=_frame_stack(config),
        statistics=statistics,
        files=tuple(sorted(found)),
        notes=notes_on(wrappers) + notes,
    )


def folder_of(archive: Path) -> Path:
    """Where the companions of an archive lie."""
    own = archive.with_suffix("")
    names = ("config.yml", *STATISTICS_NAMES)
    if own.is_dir() and any((own / name).is_file() for name in names):
        return own
    return archive.parent


def _content(path: Path) -> bytes | None:
    limit = MAX_STATISTICS_BYTES if path.suffix == ".pkl" else MAX_BYTES
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise ArchiveError(f"{path.name} cannot be read ({error.strerror or error})") from error


def _frame_stack(config: dict[str, Any]) -> int:
    """Stacking by the zoo itself, or by the only wrapper of vector environments that is known."""
    frames = _count(config.get("frame_stack"), "config.yml: frame_stack")
    for wrapper in wrappers_of(config.get("vec_env_wrapper"), "config.yml: vec_env_wrapper"):
        inside = frames == 1 and not config.get("normalize")
        if not wrapper.name.startswith("stable_baselines3.") or wrapper.kind != "VecFrameStack" or not inside:
            raise UnsupportedExpertError(
                f"the expert needs the wrapper {wrapper.name[:80]} of vector environments, which is not known"
            )
        frames = _count(wrapper.kwargs.get("n_stack"), "config.yml: vec_env_wrapper")
    return frames


def _count(value: Any, where: str) -> int:
    if value is None:
        return 1
    if type(value) is not int or not 0 <= value <= MAX_FRAMES:
        raise ArchiveError(where, expected="a small whole number", got=repr(value)[:40])
    return max(1, value)


def _env_kwargs(config: dict[str, Any], args: dict[str, Any], found: dict[str, bytes]) -> dict[str, Any]:
    """The zoo lets the command line replace what the configuration says."""
    kwargs = _dict(config.get("env_kwargs"), "config.yml: env_kwargs")
    kwargs = _dict(args.get("env_kwargs"), "args.yml: env_kwargs") or kwargs
    if not kwargs and "env_kwargs.yml" in found:
        kwargs = read_yaml(found["env_kwargs.yml"], "env_kwargs.yml")
    return {name: value for name, value in kwargs.items() if name not in _IGNORED_KWARGS}


def _dict(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, str):
        return read_literal(value, where)
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ArchiveError(where, expected="a mapping", got=type(value).__name__)
    return value


def _statistics(
    config: dict[str, Any], found: dict[str, bytes], *, has_config: bool
) -> tuple[Statistics | None, tuple[str, ...]]:
    name = next((name for name in STATISTICS_NAMES if name in found), None)
    normalize = config.get("normalize", False if has_config else name is not None)
    if not isinstance(normalize, bool):
        kwargs = _dict(normalize, "config.yml: normalize")
        normalize = bool(kwargs.get("norm_obs", True))
    if name is None:
        if normalize:
            raise ExpertError(
                "the expert was trained on normalised observations, but their statistics are missing",
                expected=" or ".join(STATISTICS_NAMES),
                remedy="put the file beside the archive",
            )
        return None, ()
    statistics = read_statistics(found[name], name)
    if not normalize:
        return None, (f"{name} is not used: config.yml says that observations were not normalised",)
    return statistics, ()
