"""What lies beside an archive, and what an expert needs of it.

RL Baselines3 Zoo publishes an agent with `config.yml` (hyperparameters), `args.yml` (its command line),
`env_kwargs.yml` and `vec_normalize.pkl`. Source of their meaning: `rl_zoo3/utils.py`
(`get_saved_hyperparams`, `create_test_env`), `rl_zoo3/exp_manager.py` and `rl_zoo3/enjoy.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import gymnasium as gym

from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.episodes.spaces import leaves
from builder.errors import ArchiveError, ConfigError, ExpertError, UnsupportedExpertError
from builder.experts.archive.plain_yaml import read_mapping, read_yaml
from builder.experts.archive.vec_normalize import Statistics
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
    repeats_first,
    wrappers_of,
)
from builder.experts.sources.normalisation import choose_statistics
from builder.experts.sources.statistics_files import STATISTICS_NAMES, content_of, parameter_folders
from builder.storage.limits import FRAMES

ZOO_FILES = ("config.yml", "args.yml", "env_kwargs.yml", *STATISTICS_NAMES)
"""The files that are read; of statistics, other names as well."""
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
        of_single_pictures = self.statistics is not None and not repeats_first(self.wrappers)
        return None if of_single_pictures else preprocessing_of(self.wrappers)

    def view(
        self,
        *,
        env_id: str | None = None,
        max_episode_steps: int | None = None,
        trained: gym.Space[Any] | None = None,
    ) -> PolicyView | None:
        """What the policy saw of the environment; None where it saw it as it is.

        Args:
            env_id: the environment that is played, by default the trained one.
            max_episode_steps: the time limit that it was trained with.
            trained: what the policy saw in the end, where that is known; without it, observations were
                normalised before they were stacked, as the zoo has it.

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
        stacking: list[Transform] = [FrameStack(self.frame_stack)] if self.frame_stack > 1 else []
        normalising: list[Transform] = [] if self.statistics is None else [Normalisation(self.statistics)]
        decisions += stacking + normalising if self._stacked_first(trained) else normalising + stacking
        view = PolicyView(tuple(every_step), tuple(decisions), repeat, opening)
        return None if view == PolicyView() else view

    def _stacked_first(self, trained: gym.Space[Any] | None) -> bool:
        """Whether the statistics are those of what the policy saw, and not of one observation of a stack."""
        if self.statistics is None or trained is None:
            return False
        shapes = {leaf.name: leaf.shape for leaf in leaves(trained)}
        return all(shapes.get(key) == mean.shape for key, mean in self.statistics.mean.items())


@dataclass(frozen=True)
class Beside:
    """What was read beside an archive.

    Attributes:
        companions: what it says.
        hashes: the sha256 of each file that was read, by its name.
    """

    companions: Companions
    hashes: Mapping[str, str]


def read_companions(archive: Path) -> Companions:
    """What lies beside an archive says; see `read_beside`."""
    return read_beside(archive).companions


def read_beside(archive: Path, *, vec_normalize: str | None = None, frame_stack: int | None = None) -> Beside:
    """Read the files beside an archive; an archive without any is an expert that needs nothing.

    Args:
        archive: the archive; its companions lie in its folder, in the folder of its own name or, where a
            callback saved it into a log folder of the zoo, in the folder of the environment's name there.
        vec_normalize: where its statistics lie, or `none`; None: look for them.
        frame_stack: how many observations were stacked; None: what the files say.

    Raises:
        ArchiveError: a file is damaged.
        ExpertError: one that the archive or the others call for is missing, or may be one or another.
        UnsafeArchiveError: a file would run code if it were loaded.
        UnsupportedExpertError: the expert needs a wrapper that is not known.
    """
    folder = zoo_folder(archive)
    found: dict[str, bytes] = {}
    for name in ZOO_FILES:
        content = content_of(folder / name)
        if content is not None:
            found[name] = content
    config = read_yaml(found["config.yml"], "config.yml") if "config.yml" in found else None
    args = read_yaml(found["args.yml"], "args.yml") if "args.yml" in found else {}
    wrappers = wrappers_of((config or {}).get("env_wrapper"), "config.yml: env_wrapper")
    check_known(wrappers)
    chosen = choose_statistics(archive, config, vec_normalize)
    if chosen.path is not None:
        found.setdefault(chosen.path.name, chosen.content)
    companions = Companions(
        env_id=args["env"] if isinstance(args.get("env"), str) else None,
        env_kwargs=_env_kwargs(config or {}, args, found),
        wrappers=wrappers,
        frame_stack=_frame_stack(config or {}, frame_stack),
        statistics=chosen.statistics,
        files=tuple(sorted(found)),
        notes=notes_on(wrappers) + chosen.notes,
    )
    return Beside(companions, {name: sha256(found[name]).hexdigest() for name in sorted(found)})


def zoo_folder(archive: Path) -> Path:
    """Where the companions of an archive lie, its statistics aside.

    Raises:
        ExpertError: it may be any of several folders.
    """
    folders = parameter_folders(archive)
    if folders and folders[0].name != archive.stem and (archive.parent / "config.yml").is_file():
        return archive.parent
    if len(folders) > 1:
        raise ExpertError(
            f"what surrounds {archive.name} may lie in any of several folders beside it",
            got=", ".join(folder.name for folder in folders),
            remedy="put the archive and its own folder into a folder that holds no other",
        )
    return folders[0] if folders else archive.parent


def _frame_stack(config: dict[str, Any], given: int | None) -> int:
    """Stacking by the zoo, or by the only wrapper of vector environments that is known; or as given."""
    frames = _count(config.get("frame_stack"), "config.yml: frame_stack")
    for wrapper in wrappers_of(config.get("vec_env_wrapper"), "config.yml: vec_env_wrapper"):
        inside = frames == 1 and not config.get("normalize")
        if not wrapper.name.startswith("stable_baselines3.") or wrapper.kind != "VecFrameStack" or not inside:
            raise UnsupportedExpertError(
                f"the expert needs the wrapper {wrapper.name[:80]} of vector environments, which is not known"
            )
        frames = _count(wrapper.kwargs.get("n_stack"), "config.yml: vec_env_wrapper")
    if given is not None and given != frames > 1:
        raise ConfigError(
            "expert.frame_stack is not what config.yml says",
            expected=frames,
            got=given,
            remedy="leave it out, or correct the file beside the archive",
        )
    return frames if given is None else given


def _count(value: Any, where: str) -> int:
    if value is None:
        return 1
    if type(value) is not int or not 0 <= value <= FRAMES:
        raise ArchiveError(where, expected="a small whole number", got=repr(value)[:40])
    return max(1, value)


def _env_kwargs(config: dict[str, Any], args: dict[str, Any], found: dict[str, bytes]) -> dict[str, Any]:
    """The zoo lets the command line replace what the configuration says."""
    kwargs = read_mapping(config.get("env_kwargs"), "config.yml: env_kwargs")
    kwargs = read_mapping(args.get("env_kwargs"), "args.yml: env_kwargs") or kwargs
    if not kwargs and "env_kwargs.yml" in found:
        kwargs = read_yaml(found["env_kwargs.yml"], "env_kwargs.yml")
    return {name: value for name, value in kwargs.items() if name not in _IGNORED_KWARGS}
