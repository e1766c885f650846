"""The configuration of a baseline, typed. The defaults stand in `conf/`."""

from __future__ import annotations

from dataclasses import dataclass, field

from builder.config import ArgumentsConfig, ParallelConfig, TrustConfig, check_range, check_word
from builder.errors import ConfigError
from builder.manifest.baseline import MOST_RUNS
from builder.parallel.backends import find_backend
from builder.storage.limits import EPISODES
from builder.storage.paths import AnyPath

ALGORITHMS = ("bc",)
"""What can be trained: behavioural cloning."""
MOST_STEPS = 10**9
MOST_UNITS = 1 << 14
MOST_LAYERS = 16
SEEDS = 1_000


@dataclass(frozen=True)
class TrainConfig:
    """How a clone learns.

    Attributes:
        steps: of its gradient.
        batch_size: steps of the demonstrations that each of them sees.
        learning_rate: of Adam at the beginning; it falls evenly to nothing.
        hidden: units of each hidden layer.
    """

    steps: int = 3_000
    batch_size: int = 128
    learning_rate: float = 1e-3
    hidden: list[int] = field(default_factory=lambda: [128, 128])

    def __post_init__(self) -> None:
        check_range("train.steps", self.steps, 1, MOST_STEPS)
        check_range("train.batch_size", self.batch_size, 1, MOST_STEPS)
        if not 0 < self.learning_rate <= 1:
            raise ConfigError(
                "train.learning_rate is out of range",
                expected="more than 0, at most 1",
                got=self.learning_rate,
            )
        if len(self.hidden) > MOST_LAYERS:
            raise ConfigError("train.hidden has too many layers", expected=f"at most {MOST_LAYERS}")
        for units in self.hidden:
            check_range("train.hidden", units, 1, MOST_UNITS)


@dataclass(frozen=True)
class BaselineConfig:
    """One baseline (`conf/baseline.yaml`).

    Attributes:
        out: the dataset folder; or a repository.
        demos: numbers of demonstrations; each is trained on for itself.
        seeds: how many clones of each number, with other demonstrations and other first weights.
        algo: what is trained.
        episodes: of each clone, of the expert and of random actions; every one counts.
        train: how a clone learns.
        parallel: on what they play.
        expert: whether code may be run that only the manifest names, and where its files are.
        env: what the manifest keeps only as a reference.
        overwrite: train again what has been.
        debug: show tracebacks.
    """

    out: AnyPath
    demos: list[int]
    seeds: int
    algo: str
    episodes: int
    train: TrainConfig
    parallel: ParallelConfig
    expert: TrustConfig = field(default_factory=TrustConfig)
    env: ArgumentsConfig = field(default_factory=ArgumentsConfig)
    overwrite: bool = False
    debug: bool = False

    def __post_init__(self) -> None:
        check_word("algo", self.algo, ALGORITHMS)
        find_backend(self.parallel.backend)
        check_range("seeds", self.seeds, 1, SEEDS)
        check_range("episodes", self.episodes, 1, EPISODES)
        if not self.demos:
            raise ConfigError("demos names no number of demonstrations", expected="for instance [1,5,25,100]")
        for count in self.demos:
            check_range("demos", count, 1, EPISODES)
        if len(self.demos) * self.seeds > MOST_RUNS:
            raise ConfigError(
                "demos and seeds are too many clones",
                expected=f"at most {MOST_RUNS}",
                got=len(self.demos) * self.seeds,
            )
