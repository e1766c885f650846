"""The noise of a foreign policy: each attempt seeds its generators and tells it that an episode begins."""

from __future__ import annotations

import inspect
import random
import sys
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.context import Context
from builder.episodes.seeding import EXPERT, EXPERT_GENERATORS, child, stream_seed
from builder.experts.parts import parts

TOLD = ("reset", "seed")
"""Methods by which a policy is told that an episode begins."""


def begin(policy: Any, context: Context) -> None:
    """Prepare a policy for an attempt: seed the generators that it holds, and tell it.

    `reset(seed=)` is called where it takes a seed; else `seed(...)` and `reset()`, where they exist. What is
    drawn in them comes from seeded generators; those made there without a seed are seeded as well.

    Args:
        policy: this attempt's own object.
        context: the attempt.
    """
    held = generators(policy)
    for number, generator in enumerate(held):
        _seed(generator, child(context.root_seed, context.index, EXPERT_GENERATORS, number))
    if not tell(policy, stream_seed(context.root_seed, context.index, EXPERT)):
        known = set(map(id, held))
        for number, generator in enumerate(generators(policy), start=len(held)):
            if id(generator) not in known:
                _seed(generator, child(context.root_seed, context.index, EXPERT_GENERATORS, number))


def tell(policy: Any, seed: int) -> bool:
    """Tell a policy that an episode begins, as far as it can be told; whether it was given the seed."""
    reset, seeding = (_method(policy, name) for name in TOLD)
    if reset is not None and _takes(reset, seed=seed):
        reset(seed=seed)
        return True
    told = seeding is not None and _takes(seeding, seed)
    if seeding is not None and told:
        seeding(seed)
    if reset is not None and _takes(reset):
        reset()
    return told


def is_told(policy: Any) -> bool:
    """Whether a policy has a method by which it is told that an episode begins."""
    reset, seeding = (_method(policy, name) for name in TOLD)
    resets = reset is not None and (_takes(reset) or _takes(reset, seed=0))
    return resets or (seeding is not None and _takes(seeding, 0))


def _method(policy: Any, name: str) -> Callable[..., Any] | None:
    found = getattr(policy, name, None)
    return found if callable(found) else None


def _takes(method: Callable[..., Any], *values: Any, **keywords: Any) -> bool:
    """Whether it can be called so; a method that does not tell is called without anything."""
    try:
        inspect.signature(method).bind(*values, **keywords)
    except TypeError:
        return False
    except ValueError:
        return not values and not keywords
    return True


def generators(policy: Any) -> list[Any]:
    """The generators that a policy holds, and the spaces, which sample with one of their own."""
    torch = sys.modules.get("torch")
    kinds = (np.random.Generator, np.random.RandomState, random.Random, gym.Space)
    kinds += (torch.Generator,) if torch else ()
    shared = [np.random.mtrand._rand, random._inst]  # noqa: SLF001
    shared += [torch.default_generator] if torch else []
    return [
        part
        for part in parts(policy)
        if isinstance(part, kinds)
        and not isinstance(part, random.SystemRandom)
        and not any(part is one for one in shared)
    ]


def _seed(generator: Any, sequence: np.random.SeedSequence) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = type(generator.bit_generator)(sequence).state
    elif isinstance(generator, np.random.RandomState):  # which may have kept a draw
        generator.set_state(np.random.RandomState(np.random.MT19937(sequence)).get_state())
    elif isinstance(generator, random.Random):
        generator.seed(sequence.generate_state(4).tobytes())
    elif isinstance(generator, gym.Space):
        generator.seed(int(sequence.generate_state(1)[0]))
    else:
        generator.manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1)))
