"""The wrappers that training configurations name, and what the policy saw through them.

Sources: `rl_zoo3/utils.py` (`get_wrapper_class`), `rl_zoo3/wrappers.py`, and `common/atari_wrappers.py` of
Stable-Baselines3 (`AtariWrapper`, from the inside: no-ops, skipped frames, lives, FIRE, grey and small).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.environments.legacy import NO_VELOCITIES
from builder.errors import ArchiveError, ConfigError, UnsupportedExpertError
from builder.experts.observations.frame_stack import History, PictureStack
from builder.experts.observations.images import BrighterOfTwo, Grey, Resized
from builder.experts.observations.transforms import MaskedVelocity, TimeFeature, Transform
from builder.experts.observations.wrapped_policy import Opening
from builder.storage.limits import FRAMES

_MODULES = re.compile(
    r"(sb3_contrib\.common\.wrappers|rl_zoo3\.wrappers|utils\.wrappers|stable_baselines3\.common|gym(nasium)?\.wrappers)"
    r"(\.\w+)*"
)
_ON_SUCCESS = "training ended episodes on success; here they end where the environment says"
_UNNEEDED = {
    "DelayedRewardWrapper": "training delayed rewards; here they come when they are earned",
    "DoneOnSuccessWrapper": _ON_SUCCESS,
    "TruncatedOnSuccessWrapper": _ON_SUCCESS,
    "ClipRewardEnv": "training clipped rewards to their sign; here they are the true ones",
    "Monitor": "",
}
"""Wrappers that change rewards and endings only, and what the dataset has instead."""
_LIVES = "training ended episodes with each life; here whole games are played, with their true rewards"
_VELOCITIES = {
    "CartPole": (1, 3),
    "MountainCar": (1,),
    "MountainCarContinuous": (1,),
    "Pendulum": (2,),
    "LunarLander": (2, 3, 5),
    "LunarLanderContinuous": (2, 3, 5),
}
"""Source: `MaskVelocityWrapper.velocity_indices` of rl_zoo3; by environment without its version."""
_NO_VELOCITIES = "rl_zoo3.wrappers.MaskVelocityWrapper"
_STACK = "FrameStack"
"""Of gym: stacks along a new first axis."""
_WITHOUT_FIRE = frozenset({"Asterix", "Freeway", "MsPacman", "Skiing", "Boxing"})


@dataclass(frozen=True)
class Wrapper:
    """A wrapper as a configuration names it.

    Attributes:
        name: its dotted path.
        kwargs: what it was made with.
    """

    name: str
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The name of its class."""
        return self.name.rpartition(".")[2]

    def count(self, name: str, default: Any) -> int:
        """A whole number among its arguments.

        Raises:
            ArchiveError: it is something else.
        """
        value = self.kwargs.get(name, default)
        if type(value) is not int or not 0 <= value <= 1_000_000:
            raise ArchiveError(f"{self.kind}: {name}", expected="a whole number", got=repr(value)[:40])
        return value


@dataclass(frozen=True)
class Repeat:
    """Each action is played for some steps, and only then does the policy see again."""

    steps: int


@dataclass(frozen=True)
class TrainedOn:
    """What a wrapper knows of its environment.

    Attributes:
        env_id: its id.
        max_episode_steps: its time limit.
    """

    env_id: str | None
    max_episode_steps: int | None

    @property
    def name(self) -> str:
        """The id without version and without `NoFrameskip` or `NoVel`."""
        return re.sub(r"(NoFrameskip|NoVel)?-v\d+$", "", (self.env_id or "").rpartition("/")[2])

    @property
    def wrappers(self) -> tuple[Wrapper, ...]:
        """What the id itself stands for: `CartPoleNoVel-v1` is `CartPole-v1` without its velocities."""
        return (Wrapper(_NO_VELOCITIES),) if NO_VELOCITIES.search(self.env_id or "") else ()


def wrappers_of(value: Any, where: str) -> tuple[Wrapper, ...]:
    """The wrappers that a configuration lists: a name, a name with its arguments, or a list of those.

    Raises:
        ArchiveError: it is something else.
    """
    if value is None:
        return ()
    return tuple(_wrapper(item, where) for item in (value if isinstance(value, list) else [value]))


def _wrapper(item: Any, where: str) -> Wrapper:
    if isinstance(item, str):
        return Wrapper(item)
    if isinstance(item, dict) and len(item) == 1:
        ((name, kwargs),) = item.items()
        named = isinstance(name, str) and (kwargs is None or isinstance(kwargs, dict))
        if named and all(isinstance(key, str) for key in kwargs or {}):
            return Wrapper(name, kwargs or {})
    raise ArchiveError(where, expected="the name of a wrapper", got=repr(item)[:80])


def check_known(wrappers: Sequence[Wrapper]) -> None:
    """Refuse wrappers that are not known.

    Raises:
        UnsupportedExpertError: naming the first.
    """
    for wrapper in wrappers:
        module = wrapper.name.rpartition(".")[0]
        if wrapper.kind not in _KNOWN or not _MODULES.fullmatch(module):
            raise UnsupportedExpertError(
                f"the expert was trained behind the wrapper {wrapper.name[:80]}, which is not known",
                expected=", ".join(sorted(_KNOWN)),
            )


def notes_on(wrappers: Sequence[Wrapper]) -> tuple[str, ...]:
    """How the dataset differs from what training saw, on account of wrappers."""
    notes = [
        _LIVES if wrapper.kind == "AtariWrapper" else _UNNEEDED.get(wrapper.kind, "") for wrapper in wrappers
    ]
    return tuple(note for note in notes if note)


def parts_of(wrapper: Wrapper, trained_on: TrainedOn) -> list[Transform | Repeat | Opening]:
    """What a known wrapper does between the environment and the policy, from the inside out.

    Raises:
        UnsupportedExpertError: it cannot be had for this environment.
    """
    if wrapper.kind == "AtariWrapper":
        return _atari(wrapper, trained_on)
    build = _PARTS.get(wrapper.kind)
    return [] if build is None else [build(wrapper, trained_on)]


def preprocessing_of(wrappers: Sequence[Wrapper]) -> AtariPreprocessing | None:
    """What training made of Atari's frames, where nothing else stood between them and the agent.

    Raises:
        ArchiveError: an argument that `AtariWrapper` does not take.
        UnsupportedExpertError: sticky actions, which are the environment's to play.
    """
    acting = [wrapper for wrapper in wrappers if wrapper.kind not in _UNNEEDED]
    if repeats_first(acting):
        acting.pop()
    if [wrapper.kind for wrapper in acting] != ["AtariWrapper"]:
        return None
    wrapper = acting[0]
    _refuse_sticky_actions(wrapper)
    lives = wrapper.kwargs.get("terminal_on_life_loss", True)
    if not isinstance(lives, bool):
        raise ArchiveError("AtariWrapper: terminal_on_life_loss", expected="true or false", got=repr(lives))
    try:
        return AtariPreprocessing(
            noop_max=wrapper.count("noop_max", 30),
            frame_skip=max(1, wrapper.count("frame_skip", 4)),
            screen_size=wrapper.count("screen_size", 84),
            fire_after_life=lives,
        )
    except ConfigError as error:
        raise ArchiveError("AtariWrapper", expected=error.expected, got=error.got) from error


def repeats_first(wrappers: Sequence[Wrapper]) -> bool:
    """Whether what the policy sees is stacked, and the first picture stands for what was before it."""
    return bool(wrappers) and wrappers[-1].kind == _STACK


def _refuse_sticky_actions(wrapper: Wrapper) -> None:
    if wrapper.kwargs.get("action_repeat_probability", 0):
        raise UnsupportedExpertError("AtariWrapper with sticky actions is not supported")


def _time_feature(wrapper: Wrapper, trained_on: TrainedOn) -> TimeFeature:
    limit = trained_on.max_episode_steps or wrapper.count("max_steps", 1000)
    return TimeFeature(max(1, limit), constant=wrapper.kwargs.get("test_mode") is True)


def _masked_velocity(wrapper: Wrapper, trained_on: TrainedOn) -> MaskedVelocity:
    if trained_on.name not in _VELOCITIES:
        raise UnsupportedExpertError(
            f"the wrapper {wrapper.kind} does not know which numbers of {trained_on.env_id} are velocities",
            expected=", ".join(_VELOCITIES),
        )
    return MaskedVelocity(_VELOCITIES[trained_on.name])


def _history(wrapper: Wrapper, _trained_on: TrainedOn) -> History:
    return History(max(1, wrapper.count("horizon", 2)))


def _repeat(wrapper: Wrapper, _trained_on: TrainedOn) -> Repeat:
    return Repeat(max(1, wrapper.count("skip", 4)))


def _stacked(wrapper: Wrapper, _trained_on: TrainedOn) -> PictureStack:
    return PictureStack(min(max(1, wrapper.count("num_stack", 4)), FRAMES), repeated=True)


def _grey(wrapper: Wrapper, _trained_on: TrainedOn) -> Grey:
    return Grey(keep_channel=wrapper.kwargs.get("keep_dim") is True)


def _resized(wrapper: Wrapper, _trained_on: TrainedOn) -> Resized:
    shape = wrapper.kwargs.get("shape")
    sizes = [shape, shape] if type(shape) is int else shape
    if (
        not isinstance(sizes, list)
        or len(sizes) < 2
        or not all(type(n) is int and 0 < n < 10_000 for n in sizes)
    ):
        raise ArchiveError(f"{wrapper.kind}: shape", expected="height and width", got=repr(shape)[:40])
    return Resized(sizes[0], sizes[1])


def _atari(wrapper: Wrapper, trained_on: TrainedOn) -> list[Transform | Repeat | Opening]:
    skip, size = wrapper.count("frame_skip", 4), wrapper.count("screen_size", 84)
    _refuse_sticky_actions(wrapper)
    fire = 0 if trained_on.name in _WITHOUT_FIRE else max(1, skip)
    parts: list[Transform | Repeat | Opening] = [Opening(wrapper.count("noop_max", 30), fire)]
    if skip > 1:
        parts += [BrighterOfTwo(), Repeat(skip)]
    return [*parts, Grey(keep_channel=True), Resized(size, size)]


_PARTS: dict[str, Callable[[Wrapper, TrainedOn], Transform | Repeat | Opening]] = {
    "TimeFeatureWrapper": _time_feature,
    "HistoryWrapper": _history,
    "HistoryWrapperObsDict": _history,
    "MaskVelocityWrapper": _masked_velocity,
    "FrameSkip": _repeat,
    _STACK: _stacked,
    "GrayScaleObservation": _grey,
    "GrayscaleObservation": _grey,
    "ResizeObservation": _resized,
    "YAMLCompatResizeObservation": _resized,
}
_KNOWN = frozenset({"AtariWrapper", *_PARTS, *_UNNEEDED})
