"""Chunks of made-up attempts, from which datasets are put together."""

import json

import gymnasium as gym
import numpy as np

from builder.dataset.collation import Collation
from builder.episodes.declared import Declared, stated
from builder.episodes.recording import Recording, episode_returns
from builder.episodes.recording_file import Header, write_recording
from builder.episodes.spaces import leaves
from builder.rollout.summary import summarise

EVEN = [range(3), range(3, 7), range(7, 10)]
WIDE = gym.spaces.Box(-1, 9, (2048,), np.float32)
"""So wide that 1,024 rows are a row group: a shard where `shard_size` is small."""
PARTS = gym.spaces.Dict({"a": WIDE, "b": gym.spaces.Box(-np.inf, np.inf, (2, 3), np.float64)})
PICTURES = gym.spaces.Box(0, 255, (16, 16, 3), np.uint8)
"""PNG, of which 1,024 are a row group."""
TWO = gym.spaces.Discrete(2)
SCORE = Declared("info.score", gym.spaces.Box(-np.inf, np.inf, (), np.float64), nullable=True)
STEPS = Declared("info.steps", gym.spaces.Box(-np.inf, np.inf, (), np.int64), table="episodes")
WORD = Declared("info.word", "string", table="episodes")
TOLD = Declared("info.told", "string")
NOTED = stated([SCORE, STEPS, WORD])
TELLING = stated([SCORE, STEPS, WORD, TOLD])
MASKED = {"expert": {"name": "x", "source": "random", "action_masks": "method"}}


def recording_of(attempts, space, *, seed, kinds, noted, masks):
    """Attempts of up to 700 steps, of so many kinds; one in nine has failed."""
    drawn = [np.random.default_rng([seed, attempt % kinds]) for attempt in attempts]
    lengths = np.array(
        [
            0 if attempt % 9 == 5 else rng.integers(1, 700)
            for attempt, rng in zip(attempts, drawn, strict=True)
        ]
    )
    count, rows = len(attempts), int(lengths.sum())

    def values(leaf, sizes):
        parts = [rng.integers(0, 11, (size, 1)) for rng, size in zip(drawn, sizes, strict=True)]
        flat = np.concatenate([*parts, np.empty((0, 1), int)]).astype(leaf.dtype)
        return np.ascontiguousarray(np.broadcast_to(flat, (len(flat), int(np.prod(leaf.shape))))).reshape(
            -1, *leaf.shape
        )

    def whole(low, high, dtype):
        parts = [rng.integers(low, high, size) for rng, size in zip(drawn, lengths, strict=True)]
        return np.concatenate(parts).astype(dtype)

    rewards = whole(-3, 4, float)
    extras, attempt_extras = {}, {}
    if noted:
        valid = rewards > 0
        extras = {"info.score": rewards * valid, "info.score.valid": valid}
        words = np.array([f"attempt {attempt}" for attempt in attempts], object)
        extras["info.told"] = np.array([f"step {reward:g}" * 9 for reward in rewards], object)
        attempt_extras = {"info.steps": lengths * 2, "info.word": words}
    if masks:
        extras |= {"action_mask": np.ones((rows, 2), bool)}
    return Recording(
        attempts=np.array(attempts),
        seeds=np.array(attempts) + 7,
        lengths=lengths,
        returns=episode_returns(rewards, lengths),
        terminated=np.arange(count) % 2 == 0,
        truncated=np.arange(count) % 2 == 1,
        observations=tuple(values(leaf, lengths) for leaf in leaves(space)),
        actions=(whole(0, 2, int),),
        rewards=rewards,
        finals=tuple(values(leaf, np.ones(count, int)) for leaf in leaves(space)),
        extras=extras,
        attempt_extras=attempt_extras,
    )


def recorded(
    folder, ranges, *, space=WIDE, seed=0, kinds=10**6, noted=False, told=False, masks=False, **plan
):
    """Chunk files, their summaries, and what is to be made of them."""
    inputs = ((TELLING if told else NOTED) if noted else {}) | (MASKED if masks else {})
    optional = (
        *(["info.score", "info.steps", "info.word"] * noted),
        *(["info.told"] * told),
        *(["action_mask"] * masks),
    )
    plan = Collation(
        inputs, "mine", space, TWO, optional=optional, shard_size=plan.pop("shard_size", 1), **plan
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "build.json").write_text(json.dumps(plan.to_json()))
    summaries = []
    for attempts in ranges:
        path = folder / f"chunk-{attempts.start:08d}-{attempts.stop:08d}.safetensors"
        of = recording_of(list(attempts), space, seed=seed, kinds=kinds, noted=noted, masks=masks)
        write_recording(of, path, Header("", attempts.start, attempts.stop, "mine"))
        summaries.append(summarise(of, path).judged(plan.acceptance))
    return plan, summaries
