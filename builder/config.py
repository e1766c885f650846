"""The configuration of a build, typed. The defaults stand in `conf/`, one concept a file.

What a user writes as text and means as a place, `out`, is a path here: `builder.composition` has resolved it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from builder.episodes.acceptance import Acceptance
from builder.episodes.noise import Noise
from builder.episodes.switch import Switch
from builder.errors import ConfigError
from builder.parallel.backends import find_backend
from builder.parallel.workers import ParallelConfig as ParallelConfig  # noqa: PLC0414  (part of it)
from builder.storage.limits import (
    ATTEMPTS,
    EPISODES,
    FRAMES,
    INFO_KEYS,
    LANES,
    LEAST_TEST_FRACTION,
    PIXELS,
    SEED,
    SHARD_MB,
    STEPS,
)
from builder.storage.paths import AnyPath

MODES = ("all", "play", "collate")
CHECKS = ("error", "warn", "off")
PRECISIONS = ("float64", "float32")
PREPROCESSINGS = ("atari", "raw")
OUT_OF_BOUNDS = ("error", "clip")
ON_ERROR = ("fail", "reject")
INFINITE = ("error", "record")
TEACHER = ("log_prob", "value", "q_value", "entropy", "distribution")
INSTANCES = ("auto", "reused", "fresh", "single")
AUTO = "auto"
"""Found out while it plays."""
USUAL_LANES = 128
"""What is played in until something else is known to be faster."""
DIGITS = 10
"""Of a number that is given as a text; one of as many is no number of lanes."""
INTERFERENCES = ("noise", "switch", "target")
"""Keys of `rollout` with which what is done may be something else than what the expert chose."""
ALL = "all"
"""Of `dataset.info`: all keys that can be columns."""


@dataclass(frozen=True)
class ExpertConfig:
    """Who plays (`conf/expert/`).

    Attributes:
        name: its name; the dataset's folder is called so, and the `policy` column holds it.
        source: where it comes from; `builder.experts.sources.table` has them all.
        path: its archive: a file among the bundled ones, or a path of the user's own.
        sha256: what the archive must be.
        algo: the algorithm that trained it.
        target: `package.module:factory` of a foreign expert; called without arguments in each worker.
        batched: the foreign expert takes a batch of observations.
        stateless: the foreign expert keeps nothing between its answers; left unsaid, it is found out.
        version: the foreign expert's version, its identity in the manifest.
        repo_id: its repository on the Hub.
        filename: its archive there; by convention the repository's own name.
        revision: a branch, tag or commit of the repository.
        trust_remote_code: load it with Stable-Baselines3 itself, which runs what the archive carries.
        env_id: the environment that it was trained on.
        env_kwargs: what that environment was made with.
        threshold: the least return of an accepted episode.
        mean_return: its known mean return.
        std_return: the standard deviation of it.
        check: what happens where the first returns fall short of the known mean: error, warn or off.
        check_episodes: how many returns that looks at.
        vec_normalize: where an archive's normalisation statistics lie, or `none`; unset: they are looked for.
        frame_stack: how many observations an archive's agent was trained on at once; unset: what lies beside
            it says so.
        action_masks: `none` plays an expert that is asked with masks of the allowed actions without them;
            unset: the environment gives them.
        level: how well it plays, where its publisher has several: it is told, and decides nothing.
    """

    name: str
    source: str
    path: str | None = None
    sha256: str | None = None
    algo: str | None = None
    target: str | None = None
    batched: bool = False
    stateless: bool = False
    version: str | None = None
    repo_id: str | None = None
    filename: str | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    env_id: str | None = None
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    threshold: float = -math.inf
    mean_return: float | None = None
    std_return: float | None = None
    check: str = "error"
    check_episodes: int = 10
    vec_normalize: str | None = None
    frame_stack: int | None = None
    action_masks: str | None = None
    level: str | None = None

    def __post_init__(self) -> None:
        if self.action_masks is not None:
            check_word("expert.action_masks", self.action_masks, ("none",))

    @property
    def label(self) -> str:
        """The expert's name; of one that has none of its own, that of its repository or file."""
        if self.name != self.source:
            return self.name
        named = PurePath(self.repo_id or self.path or self.name).name
        return named.removesuffix(".zip").removesuffix(".cleanrl_model") or self.name


@dataclass(frozen=True)
class EnvConfig:
    """What is played (`conf/env/`); unset: what the expert was trained on. The kwargs add to the expert's.

    Attributes:
        id: a registered environment.
        kwargs: what it is made with.
        max_episode_steps: instead of its own limit.
        preprocessing: of Atari's frames: atari records what agents see, raw what the screen shows.
        wrappers: put around it, innermost first: names of gymnasium's, `package.module:Wrapper`, or mappings
            of `path` and `kwargs`.
        instances: reused: an object plays many episodes; fresh: one each; single: and none beside it in its
            process; auto: the fastest of these with which the environment repeats itself.
        vector: whether lanes are stepped together, with the bytes of one alone: auto: those of functional
            environments, where they have them; true: those of a registered vector environment too, or the
            build ends; false: none.
    """

    id: str | None
    kwargs: dict[str, Any]
    max_episode_steps: int | None
    preprocessing: str | None = None
    wrappers: list[Any] = field(default_factory=list)
    instances: str = "auto"
    vector: Any = "auto"


@dataclass(frozen=True)
class RolloutConfig:
    """How it is played (`conf/rollout/`).

    Attributes:
        lanes: environments that a worker steps in lockstep; auto: 128, or fewer where
            those are measured as faster.
        deterministic: the policy's best action, rather than a sample of its distribution.
        precision: float64 keeps the promise of equal bytes, float32 gives it up.
        max_steps: a limit on an episode's steps beside the environment's own.
        out_of_bounds: of an action beyond the bounds of a Box: error ends the build, clip plays and records
            the nearest one within.
        on_error: of an attempt in which the environment or the expert raises, gives what is not a number or
            allows no action: fail ends the build, reject counts the attempt as rejected.
        infinite: of an infinity in an observation or a reward: error treats it as NaN, record records it.
        noise: on what is done, by its `kind` and its amounts (`builder.episodes.noise`); unset: none.
        target: the mean normalised score that noise is to bring the expert down to; unset: none.
        tolerance: how far from it the mean may be.
        switch: the `policy` that plays too, and when (`builder.episodes.switch`); unset: the expert alone.
    """

    lanes: int | str
    deterministic: bool
    precision: str
    max_steps: int | None
    out_of_bounds: str = "error"
    on_error: str = "fail"
    infinite: str = "error"
    noise: dict[str, Any] | None = None
    switch: dict[str, Any] | None = None
    target: float | None = None
    tolerance: float = 0.05

    def __post_init__(self) -> None:
        if isinstance(self.lanes, str) and self.lanes.isdecimal() and len(self.lanes) < DIGITS:
            object.__setattr__(self, "lanes", int(self.lanes))  # through an environment variable

    @property
    def most_lanes(self) -> int:
        """The number of lanes that work is cut for."""
        return USUAL_LANES if isinstance(self.lanes, str) else self.lanes

    @property
    def interferes(self) -> bool:
        """Whether what is done may be something else than what the expert chose."""
        return any(getattr(self, key) is not None for key in INTERFERENCES)


@dataclass(frozen=True)
class DatasetConfig:
    """What is written (`conf/dataset/`).

    Attributes:
        next_observation: a column with each step's next observation; unset: for vectors, not for images.
        test_fraction: the share of episodes that become the split `test`: every k-th one.
        shard_mb: a Parquet file is closed once it holds this many megabytes (10**6 bytes) uncompressed.
        include_expert: put the expert's weights, as data, into the folder `expert/`.
        license: the licence of the dataset, for its card; unset means unstated.
        unique: keep only the first of episodes whose observations and actions are equal.
        pixels: the `height` and `width` of pictures of the environment, one for each step; unset: none.
        citation: how the dataset is to be cited, as BibTeX, for its card.
        info: the keys of the environment's `info` that become columns, a list of names or `all`; unset: none.
        simulator_state: a column with what it takes to go on from each step, for `restore`.
        policy_observation: a column with what the expert saw behind its wrappers.
        teacher: what the expert thought of each step: names of `TEACHER`.
    """

    next_observation: bool | None
    test_fraction: float
    shard_mb: int
    include_expert: bool
    license: str | None
    unique: bool = False
    pixels: dict[str, int] | None = None
    citation: str | None = None
    info: Any = None
    simulator_state: bool = False
    policy_observation: bool = False
    teacher: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class HubConfig:
    """Where it is published (`conf/hub/`). There is no token here: the Hub's client finds its own.

    Attributes:
        repo_id: `user/name`.
        private: make the repository so where it is new; unset: public.
        tag: of the dataset; unset: `v-` and 12 digits of its fingerprint.
        revision: the branch to push to; or the branch, tag or commit to pull.
        push: publish what a build has built.
        sign: sign manifest and card before they are published.
        key: the SSH key that signs; unset: that of `~/.ssh`.
    """

    repo_id: str | None = None
    private: bool | None = None
    tag: str | None = None
    revision: str | None = None
    push: bool = False
    sign: bool = False
    key: str | None = None


@dataclass(frozen=True)
class TrustConfig:
    """What `verify` may need of an expert.

    Attributes:
        path: its archive, where no manifest can say where it lies.
        vec_normalize: its normalisation statistics, likewise.
        trust_remote_code: import and run what only the manifest names.
    """

    path: str | None = None
    vec_normalize: str | None = None
    trust_remote_code: bool = False


@dataclass(frozen=True)
class ArgumentsConfig:
    """What `verify` may need of an environment.

    Attributes:
        kwargs: what it was made with, where the manifest holds no more than a reference to a variable.
    """

    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ReferenceConfig:
    """One measurement of reference scores (`conf/reference.yaml`).

    Attributes:
        expert: who plays beside random actions; `random`: the best that has a name, or a dataset's own.
        env: what is played.
        rollout: how it is played.
        parallel: on what.
        out: a dataset folder whose reference is wanted, and which keeps it.
        episodes: of each of the two; every one counts.
        seed: of the attempts.
        overwrite: measure again what is known.
        debug: show tracebacks.
    """

    expert: ExpertConfig
    env: EnvConfig
    rollout: RolloutConfig
    parallel: ParallelConfig
    out: AnyPath | None
    episodes: int
    seed: int
    overwrite: bool = False
    debug: bool = False

    def __post_init__(self) -> None:
        find_backend(self.parallel.backend)
        check_play(self.expert, self.env, self.rollout, self.seed)
        check_range("episodes", self.episodes, 1, EPISODES)
        if self.rollout.on_error == "reject":
            raise ConfigError(
                "a reference counts every episode", got="rollout.on_error=reject", remedy="leave it out"
            )


@dataclass(frozen=True)
class LabelsConfig:
    """What a relabelling writes beside what the expert would do.

    Attributes:
        teacher: what the expert thinks of each step: names of `TEACHER`.
    """

    teacher: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in self.teacher:
            check_word("dataset.teacher", name, TEACHER)


@dataclass(frozen=True)
class RelabelConfig:
    """One relabelling (`conf/relabel.yaml`).

    Attributes:
        to: the folder of the new dataset.
        expert: who says what it would do.
        out: the dataset folder, or its URL; unset: a repository.
        dataset: what is written beside.
        hub: the repository.
        overwrite: replace another dataset.
        debug: show tracebacks.
    """

    to: AnyPath
    expert: ExpertConfig
    out: AnyPath | None = None
    dataset: LabelsConfig = field(default_factory=LabelsConfig)
    hub: HubConfig = field(default_factory=HubConfig)
    overwrite: bool = False
    debug: bool = False


@dataclass(frozen=True)
class CardConfig:
    """What the card shows (`conf/card/`).

    Attributes:
        preview: whether its best, median and worst episode are drawn: true, false, or auto: where that costs
            little. No byte that is promised to be equal depends on it.
    """

    preview: Any = "auto"

    def __post_init__(self) -> None:
        check_choice("card.preview", self.preview)


@dataclass(frozen=True)
class BuildConfig:
    """One build (`conf/build.yaml`)."""

    expert: ExpertConfig
    env: EnvConfig
    rollout: RolloutConfig
    parallel: ParallelConfig
    dataset: DatasetConfig
    mode: str
    episodes: int
    seed: int
    out: AnyPath
    threshold: float | None
    max_return: float | None
    max_attempts: int | None
    overwrite: bool
    keep_chunks: bool
    verify_sample: int
    hub: HubConfig
    card: CardConfig
    manifest: str | None = None
    debug: bool = field(default=False)

    def __post_init__(self) -> None:
        check_word("mode", self.mode, MODES)
        find_backend(self.parallel.backend)
        check_play(self.expert, self.env, self.rollout, self.seed)
        for key, value, least, most in (
            ("episodes", self.episodes, 1, EPISODES),
            ("max_attempts", self.max_attempts, 1, ATTEMPTS),
            ("dataset.shard_mb", self.dataset.shard_mb, 1, SHARD_MB),
            ("verify_sample", self.verify_sample, 0, EPISODES),
        ):
            check_range(key, value, least, most)
        fraction = self.dataset.test_fraction
        if fraction != 0 and not LEAST_TEST_FRACTION <= fraction <= 0.5:
            raise ConfigError(
                "dataset.test_fraction is out of range",
                expected=f"0, or {LEAST_TEST_FRACTION:g} to 0.5",
                got=fraction,
            )
        for name in self.dataset.teacher:
            check_word("dataset.teacher", name, TEACHER)
        if self.dataset.pixels is not None:
            check_size("dataset.pixels", self.dataset.pixels)
        _check_info(self.dataset.info)
        if self.hub.push and not self.hub.repo_id:
            raise ConfigError("hub.push=true needs hub.repo_id", remedy="add hub.repo_id=user/name")
        if self.hub.push and self.mode == "play":
            raise ConfigError("mode=play makes no dataset to push", remedy="push with mode=collate or all")
        _ = self.acceptance  # which refuses bounds that no return lies within

    @property
    def acceptance(self) -> Acceptance:
        """Which returns are accepted: what the build states, else the expert's threshold.

        That is no measure of what is not the expert's own doing: there, all are.
        """
        usual = -math.inf if self.rollout.interferes else self.expert.threshold  # it selects the lucky ones
        low = usual if self.threshold is None else self.threshold
        return Acceptance(low, math.inf if self.max_return is None else self.max_return)

    @property
    def budget(self) -> int:
        """How many attempts may be played at the most."""
        return self.max_attempts or default_budget(self.episodes)


def check_play(expert: ExpertConfig, env: EnvConfig, rollout: RolloutConfig, seed: int) -> None:
    """Refuse what nothing can be played with.

    Raises:
        ConfigError: a word is unknown, or a number beyond its bounds.
    """
    check_word("expert.check", expert.check, CHECKS)
    if env.preprocessing is not None:
        check_word("env.preprocessing", env.preprocessing, PREPROCESSINGS)
    check_word("env.instances", env.instances, INSTANCES)
    check_choice("env.vector", env.vector)
    check_word("rollout.precision", rollout.precision, PRECISIONS)
    check_word("rollout.out_of_bounds", rollout.out_of_bounds, OUT_OF_BOUNDS)
    check_word("rollout.on_error", rollout.on_error, ON_ERROR)
    check_word("rollout.infinite", rollout.infinite, INFINITE)
    if isinstance(rollout.lanes, str):
        check_word("rollout.lanes", rollout.lanes, (AUTO, f"a number up to {LANES}"))
    if rollout.noise is not None:
        Noise.of(rollout.noise, sought=rollout.target is not None)
    if not 0 < rollout.tolerance < math.inf or (
        rollout.target is not None and not math.isfinite(rollout.target)
    ):
        raise ConfigError(
            "rollout.target is no score that can be sought",
            expected="a finite number, and rollout.tolerance above 0",
            got=f"{rollout.target} and {rollout.tolerance}",
        )
    if rollout.switch is not None:
        Switch.of(rollout.switch)
    for key, value, least, most in (
        ("seed", seed, 0, SEED),
        ("expert.check_episodes", expert.check_episodes, 1, EPISODES),
        ("expert.frame_stack", expert.frame_stack, 1, FRAMES),
        ("rollout.lanes", rollout.most_lanes, 1, LANES),
        ("rollout.max_steps", rollout.max_steps, 1, STEPS),
        ("env.max_episode_steps", env.max_episode_steps, 1, STEPS),
    ):
        check_range(key, value, least, most)


def check_size(key: str, size: Mapping[str, Any], remedy: str | None = None) -> None:
    """Refuse what is no size of a picture.

    Args:
        key: of the configuration.
        size: what it was set to.
        remedy: how it is given; None: as a mapping.

    Raises:
        ConfigError: it is something else than a height and a width within their bounds.
    """
    if {*size} != {"height", "width"}:
        raise ConfigError(
            f"{key} is no size of a picture",
            expected="height and width",
            got=", ".join(sorted(map(str, size))) or "neither",
            remedy=remedy or f"give {key}={{height: 84, width: 84}}",
        )
    for name, value in size.items():
        if type(value) is not int:
            raise ConfigError(f"{key}.{name} is no number of pixels", got=repr(value)[:80])
        check_range(f"{key}.{name}", value, 1, PIXELS)


def _check_info(info: Any) -> None:
    """Refuse what is neither `all` nor a list of keys, each once."""
    if info in (None, ALL):
        return
    if not isinstance(info, list) or not info or not all(isinstance(key, str) for key in info):
        raise ConfigError(
            "dataset.info names no keys",
            expected="a list of names, or all",
            got=repr(info)[:80],
            remedy="give dataset.info=[x_position,is_success]",
        )
    check_range("the number of keys of dataset.info", len(info), 1, INFO_KEYS)
    if twice := next((key for key in info if info.count(key) > 1), None):
        raise ConfigError(f"dataset.info names {twice!r:.80} twice")


def check_range(key: str, value: int | None, least: int, most: int) -> None:
    """Refuse a number beyond its bounds; None is none.

    Raises:
        ConfigError: it is.
    """
    if value is not None and not least <= value <= most:
        raise ConfigError(
            f"{key} is out of range",
            expected=f"at least {least}" if value < least else f"at most {most}",
            got=value if abs(value) < 10**18 else "a number of many digits",
        )


def folder_name(expert: ExpertConfig, env: EnvConfig) -> str:
    """What a dataset folder is called unless the user says otherwise.

    The expert's name; of one that has none of its own, and no file that could give it one, with the name of
    what it plays.
    """
    if expert.label != expert.source or env.id is None:
        return expert.label
    return f"{expert.label}-{re.sub(r'[/:]+', '-', env.id)}"


def default_budget(episodes: int) -> int:
    """How many attempts may be played for so many episodes, unless the user says otherwise."""
    return max(100, 10 * episodes)


def check_choice(key: str, value: Any) -> None:
    """Refuse what is neither true, false nor auto.

    Raises:
        ConfigError: it is not.
    """
    if not (isinstance(value, bool) or value == "auto"):
        raise ConfigError(f"{key} is unknown", expected="auto or true or false", got=repr(value)[:80])


def check_word(key: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a word that is none of those that are known.

    Raises:
        ConfigError: it is not.
    """
    if value not in known:
        raise ConfigError(f"{key} is unknown", expected=" or ".join(known), got=repr(value))
