"""Actions that float32 decides beyond doubt, held against those of float64, on the frames of real games.

`python -m benchmarks pixels frames=1000000 [games=Breakout,...] [network_frames=3000] [seed=0]`: networks as
`CnnPolicy` builds them, with random weights, each for so many frames of a game that it plays itself, half of
its actions drawn instead. Every frame is decided as a build decides it (`certain.py`) and by the whole
network in float64, a row that float64 leaves open in extended precision. One other action is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import count, cycle
from time import process_time
from typing import Any

import gymnasium as gym
import numpy as np

from benchmarks.measuring import Options
from benchmarks.report import Section
from builder.composition import build_config
from builder.environments.environment import make
from builder.episodes.spaces import Array
from builder.experts.network.action_selection import DiscreteDecider
from builder.experts.network.certain import Certain, certain
from builder.experts.network.encoding import Encoder, encode
from builder.experts.network.forward import Forward
from builder.experts.network.network import Convolution, DiscreteHead, ImageExtractor, Linear, Network
from builder.pipeline.prepare import prepare

GAMES = "Breakout,Pong,Seaquest,BeamRider,SpaceInvaders,Qbert"
LANES = 8
STEPS = 32
"""So many steps of all lanes are decided in float64 together."""
SHAPE = (4, 84, 84)
WIDTHS = ((32, 64, 64), (16, 32, 32), (8, 16, 16))
"""Channels of the convolutions: Stable-Baselines3's, and smaller ones."""
FEATURES = (512, 128, 1024, 64)
LEVELS = ("all in float32", "1 to 3 layers in float64", "all in float64", "by the whole float64 network")


@dataclass
class Tally:
    """What was found of a game.

    Attributes:
        networks: how many have played it.
        counts: decisions by `LEVELS`.
        otherwise: decisions that were in doubt, and that float32 would have got wrong.
        wrong: decisions that were in no doubt, and are wrong nevertheless.
    """

    networks: int = 0
    counts: Array = field(default_factory=lambda: np.zeros(len(LEVELS), np.int64))
    otherwise: int = 0
    wrong: int = 0

    def add(self, other: Tally) -> None:
        """Count another one's too."""
        self.networks += other.networks
        self.counts += other.counts
        self.otherwise += other.otherwise
        self.wrong += other.wrong


def drawn(rng: np.random.Generator, actions: int) -> Network:
    """A network of one of several sizes, as `CnnPolicy` builds it, with random weights.

    Args:
        rng: draws size and weights.
        actions: how many choices there are.
    """
    widths, features = WIDTHS[rng.integers(len(WIDTHS))], FEATURES[rng.integers(len(FEATURES))]
    quantiles = int(rng.choice([1, 1, 1, 50]))  # QR-DQN has quantiles
    spread = int(rng.choice([0, 0, 2]))
    heavy = rng.random() < 0.3

    def values(*shape: int) -> Array:
        found = rng.standard_t(3, shape) if heavy else rng.standard_normal(shape)
        found *= np.sqrt(2 / np.prod(shape[1:])) * 2.0 ** rng.integers(-spread, spread + 1, shape)
        return found.astype(np.float32)

    def bias(size: int) -> Array:
        found: Array = rng.choice([0, 0.01, 1]) * rng.standard_normal(size)
        return found.astype(np.float32)

    sizes = zip((4, *widths), widths, (8, 4, 3), (4, 2, 1), strict=False)
    convolutions = tuple(
        Convolution(values(after, before, window, window), bias(after), stride)
        for before, after, window, stride in sizes
    )
    linear = Linear(values(features, widths[-1] * 7 * 7), bias(features))
    outputs = actions * quantiles
    return Network(
        observation_space=gym.spaces.Box(0, 255, SHAPE, np.uint8),
        action_space=gym.spaces.Discrete(actions),
        encoders=(Encoder("", SHAPE, scaled=True),),
        extractors=(ImageExtractor(convolutions, linear),),
        lstm=(),
        hidden=(),
        activation="ReLU",
        output=Linear(values(outputs, features), bias(outputs)),
        head=DiscreteHead((actions,), quantiles=quantiles),
    )


def settled(network: Network, head: DiscreteHead) -> Callable[[Array], Array]:
    """What float64 decides of stacks [rows, 84, 84, 4], in extended precision where it is unsure: [rows]."""
    wide, exact, decide = (
        Forward(network, np.float64),
        Forward(network, np.longdouble),
        DiscreteDecider(head, network),
    )

    def decided(stacks: Array) -> Array:
        inputs = encode(network.encoders[0], stacks.transpose(0, 3, 1, 2))
        decision = decide(wide, wide([inputs]), None)
        actions = decision.actions[:, 0].copy()
        for row in () if decision.unsure is None else np.flatnonzero(decision.unsure):
            actions[row] = decide(exact, exact([inputs[row : row + 1]]), None).actions[0, 0]
        return actions

    return decided


class Lanes:
    """Games that are stepped together, and the last four frames of each.

    Args:
        environments: as an agent is trained on them.
        seeds: of the games that follow each other.

    Attributes:
        actions: how many choices there are.
        stacks: what is seen: uint8 [lanes, 84, 84, 4].
    """

    def __init__(self, environments: list[gym.Env[Any, Any]], seeds: Iterator[int]) -> None:
        self._environments, self._seeds = environments, seeds
        self.actions = int(environments[0].action_space.n)  # type: ignore[attr-defined]  # Atari's are Discrete
        self.stacks = np.zeros((len(environments), *SHAPE[1:], SHAPE[0]), np.uint8)
        for lane in range(len(environments)):
            self._begin(lane)

    def _begin(self, lane: int) -> None:
        self.stacks[lane] = 0
        self.stacks[lane, ..., -1] = self._environments[lane].reset(seed=next(self._seeds))[0]

    def step(self, actions: Array) -> None:
        """Step all, and begin another game where one is over."""
        for lane, action in enumerate(actions.tolist()):
            frame, _, terminated, truncated, _ = self._environments[lane].step(action)
            self.stacks[lane, ..., :-1] = self.stacks[lane, ..., 1:].copy()
            self.stacks[lane, ..., -1] = frame
            if terminated or truncated:
                self._begin(lane)


def compared(network: Network, quick: Certain, lanes: Lanes, frames: int, rng: np.random.Generator) -> Tally:
    """What both ways decide of so many frames, or somewhat more.

    Args:
        network: whose actions are asked for.
        quick: decides them in float32 where it can.
        lanes: what is played.
        frames: how many.
        rng: draws the other half of the actions.
    """
    head, extractor = network.head, network.extractors[0]
    if not isinstance(head, DiscreteHead) or not isinstance(extractor, ImageExtractor):
        raise TypeError("the network does not choose among actions by pictures")
    decided, tally, layers = settled(network, head), Tally(networks=1), len(extractor.convolutions) + 1
    while tally.counts.sum() < frames:
        seen, chosen, sure, levels = _block(quick, lanes, head.counts[0], rng)
        same = decided(seen) == chosen
        tally.wrong += int((sure & ~same).sum())
        tally.otherwise += int((~sure & ~same).sum())
        level = np.where(levels == 0, 0, np.where(levels < layers, 1, 2))
        tally.counts += np.bincount(np.where(sure, level, 3), minlength=len(LEVELS))
    return tally


def _block(
    quick: Certain, lanes: Lanes, actions: int, rng: np.random.Generator
) -> tuple[Array, Array, Array, Array]:
    """Stacks, choices, which of these are sure, and the number of layers in float64: of `STEPS` steps."""
    found: list[tuple[Array, Array, Array, Array]] = []
    for _ in range(STEPS):
        wide = np.full(len(lanes.stacks), quick.wide)
        decision = quick(lanes.stacks)
        chosen = decision.actions[:, 0].copy()
        sure = np.ones(len(chosen), bool) if decision.unsure is None else ~decision.unsure
        found.append((lanes.stacks.copy(), chosen, sure, wide))
        lanes.step(np.where(rng.random(len(chosen)) < 0.5, rng.integers(actions, size=len(chosen)), chosen))
    stacks, choices, certainties, levels = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return stacks, choices, certainties, levels


def played(game: str) -> list[gym.Env[Any, Any]]:
    """Environments of a game, as agents are trained on it."""
    words = ["expert=random", f"env.id={game}NoFrameskip-v4", "env.preprocessing=atari"]
    environment = prepare(build_config(words)).environment
    return [make(environment) for _ in range(LANES)]


def sections(options: Options) -> list[Section]:
    """The table."""
    games, wanted = options.get("games", GAMES).split(","), int(options["frames"])
    each, seed = int(options.get("network_frames", "3000")), int(options.get("seed", "0"))
    seeds, tallies = count(seed * 10**6), {game: Tally() for game in games}
    lanes = {game: Lanes(played(game), seeds) for game in games}
    began = process_time()
    for number, game in enumerate(cycle(games)):
        if (done := sum(int(tally.counts.sum()) for tally in tallies.values())) >= wanted:
            break
        rng = np.random.default_rng([seed, number])
        network = drawn(rng, lanes[game].actions)
        quick = certain(network, channels_last=True)
        if quick is None:
            raise TypeError("float32 decides for no such network")
        tallies[game].add(compared(network, quick, lanes[game], min(each, wanted - done), rng))
        wrong = sum(tally.wrong for tally in tallies.values())
        print(f"{done:,} frames, {wrong} wrong, {process_time() - began:,.0f} s of the processor", flush=True)
    return [_table(tallies, process_time() - began)]


def _table(tallies: dict[str, Tally], seconds: float) -> Section:
    everything = Tally()
    for tally in tallies.values():
        everything.add(tally)
    rows = []
    for game, tally in {**tallies, "all": everything}.items():
        total = int(tally.counts.sum())
        shares = [f"{part / max(1, total):.1%}" for part in tally.counts.tolist()]
        rows.append(
            [game, f"{tally.networks:,}", f"{total:,}", *shares, f"{tally.otherwise:,}", f"{tally.wrong:,}"]
        )
    return Section(
        "Decisions in float32",
        "Frames of Atari games, decided by networks with random weights as a build decides them, and by the"
        " whole network in float64. *otherwise*: float32 would have chosen another action, was in doubt, and"
        " was not asked; *wrong*: it was in no doubt, and chose another one.",
        ["game", "networks", "frames", *LEVELS, "otherwise", "wrong"],
        rows,
        [f"{seconds:,.0f} s of the processor"],
        {"ale-py": version("ale-py")},
    )
