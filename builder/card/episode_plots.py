"""How a dataset's episodes went: histograms that say something, and sentences for what would be one bar."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from builder.card.contents import Contents
from builder.card.histogram import can_be_drawn
from builder.card.markdown import count_of, number, share
from builder.card.plot import Panel, episodes_png
from builder.card.sample import Sample, trajectories
from builder.episodes.spaces import Array
from builder.manifest.manifest import Manifest

RETURN, LENGTH = "return (sum of rewards)", "length (steps)"


def episodes_picture(contents: Contents, sample: Sample) -> bytes | None:
    """The picture; None: it would show no more than `episode_sentences` say."""
    panels = list(_panels(contents, sample))
    return episodes_png(panels) if panels else None


def _panels(contents: Contents, sample: Sample) -> Iterator[Panel]:
    manifest, (returns, lengths) = contents.manifest, _of_all(contents)
    count, distinct = count_of(len(lengths), "episode"), distinct_returns(contents, sample)
    rejected = np.array(manifest.rejected.returns if manifest.rejected else (), np.float64)
    if len(returns) and can_be_drawn(np.concatenate([returns, rejected])):
        weight = manifest.rejected.count / len(rejected) if manifest.rejected else 1.0
        marks = _bounds(manifest)
        yield Panel(returns, f"Return of {count}", RETURN, marks, rejected, weight, _border(marks))
    if can_be_drawn(lengths):
        yield Panel(lengths.astype(np.float64), f"Length of {count}", LENGTH)
    if distinct is not None and can_be_drawn(distinct):
        yield Panel(distinct, f"Return of {count_of(len(distinct), 'distinct episode')}", RETURN)


def _of_all(contents: Contents) -> tuple[Array, Array]:
    """The finite returns, and all lengths, of the episodes of all splits."""
    endings = contents.endings.values()
    returns = np.concatenate([ending.returns for ending in endings])
    return returns[np.isfinite(returns)], np.concatenate([ending.lengths for ending in endings])


def distinct_returns(contents: Contents, sample: Sample) -> Array | None:
    """float64 [distinct episodes]: theirs; None: there are no copies, or it is not known which they are."""
    manifest, (returns, lengths) = contents.manifest, _of_all(contents)
    if manifest.distinct is None or manifest.distinct.episodes == manifest.accepted:
        return None
    if len(returns) != len(lengths):
        return None
    # Copies have the same of both, so as many different pairs as episodes are these episodes.
    keys: Sequence[Hashable] = list(zip(returns.tolist(), lengths.tolist(), strict=True))
    if len(set(keys)) != manifest.distinct.episodes:
        keys = trajectories(sample, lengths) or ()
    firsts = {key: index for index, key in reversed(list(enumerate(keys)))}
    return returns[sorted(firsts.values())] if len(firsts) == manifest.distinct.episodes else None


def _bounds(manifest: Manifest) -> tuple[tuple[float, str], ...]:
    """The bounds of accepted returns that there are, and their names."""
    config = manifest.inputs.get("config", {})
    bounds = [(float(config.get(key, "nan")), key) for key in ("threshold", "max_return")]
    return tuple(bound for bound in bounds if math.isfinite(bound[0]))


def _border(bounds: Sequence[tuple[float, str]]) -> float | None:
    """The least return that is accepted, or, where all small ones are, the least that is not."""
    for value, name in bounds:
        return value if name == "threshold" else math.nextafter(value, math.inf)
    return None


def episode_sentences(contents: Contents) -> str:
    """What is the same in all episodes, and what is known of the attempts that are not here."""
    return " ".join([*_alike(contents), *_left_out(contents)])


def _alike(contents: Contents) -> Iterator[str]:
    returns, lengths = _of_all(contents)
    found = []
    if len(returns) == len(lengths) and returns.min() == returns.max():
        found.append(f"a return of {number(returns[0])}")
    if lengths.min() == lengths.max():
        found.append(f"a length of {count_of(int(lengths[0]), 'step')}")
    if found and len(lengths) > 1:
        yield f"Every episode has {' and '.join(found)}."


def _left_out(contents: Contents) -> Iterator[str]:
    manifest = contents.manifest
    missing = manifest.attempts - manifest.accepted - manifest.failed
    if manifest.rejected:
        count = manifest.rejected.count
        least, most = manifest.rejected.returns[0], manifest.rejected.returns[-1]
        returned = f"{number(least)} to {number(most)}" if least < most else number(least)
        yield (
            f"{count_of(count, 'attempt')} {'was' if count == 1 else 'were'} rejected for a return of"
            f" {returned}{', drawn in grey' if _of_all(contents)[0].size else ''};"
            f" {share(manifest.accepted, manifest.attempts)} of attempts were accepted."
        )
    elif missing > 0 and "imported" not in manifest.inputs:
        yield (
            f"The returns of the {count_of(missing, 'attempt')} that {'is' if missing == 1 else 'are'} not"
            f" here were not recorded; {share(manifest.accepted, manifest.attempts)} of attempts were"
            " accepted."
        )
