"""The statistics of SB3's `VecNormalize`, read without unpickling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from builder.episodes.spaces import Array
from builder.errors import ArchiveError, ExpertError
from builder.experts.archive.audit import audit
from builder.experts.archive.inert_pickle import Call, Entries, decode
from builder.experts.archive.inert_values import array, mapping, number
from builder.storage.limits import STATISTICS_BYTES

_CLASS = "stable_baselines3.common.vec_env.vec_normalize.VecNormalize"
_STATISTICS = "stable_baselines3.common.running_mean_std.RunningMeanStd"


@dataclass(frozen=True, eq=False)
class Statistics:
    """What observations are normalised with.

    Attributes:
        mean: float64, by the key of a Dict space; "" for a plain space.
        variance: float64, likewise.
        epsilon: added to the variance.
        clip: the largest normalised magnitude.
    """

    mean: Mapping[str, Array]
    variance: Mapping[str, Array]
    epsilon: float
    clip: float


@dataclass(frozen=True)
class RewardScale:
    """What rewards were divided by in training, and clipped to.

    Attributes:
        deviation: of discounted returns, at the end of training.
        clip: the largest magnitude.
    """

    deviation: float
    clip: float


def read_statistics(content: bytes, where: str) -> Statistics | None:
    """Read a pickled `VecNormalize`.

    Args:
        content: the file.
        where: its name, for messages.

    Returns:
        The statistics, or None where it normalises rewards only.

    Raises:
        ArchiveError: it is damaged or something else.
        UnsafeArchiveError: unpickling it would run code.
    """
    if len(content) > STATISTICS_BYTES:
        raise ArchiveError(f"{where}: {len(content)} bytes", expected=f"at most {STATISTICS_BYTES}")
    try:
        return _read(content, where)
    except ExpertError:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, MemoryError) as error:
        raise ArchiveError(f"{where} is damaged ({type(error).__name__}: {str(error)[:100]})") from error


def read_reward_scale(content: bytes, where: str) -> RewardScale | None:
    """What a pickled `VecNormalize`, which `read_statistics` has read, made of rewards; None: nothing.

    Raises:
        ArchiveError: it is damaged.
    """
    try:
        state = _state(content, where)
        if state.get("norm_reward") is False or not {"ret_rms", "clip_reward", "epsilon"} <= state.keys():
            return None
        variance = _variance(state["ret_rms"], where)
        epsilon, clip = number(state["epsilon"], where), number(state["clip_reward"], where)
        return RewardScale(float(np.sqrt(variance + epsilon)), float(clip))
    except ExpertError:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, MemoryError) as error:
        raise ArchiveError(f"{where} is damaged ({type(error).__name__}: {str(error)[:100]})") from error


def _state(content: bytes, where: str) -> Mapping[str, Any]:
    """What a `VecNormalize` holds."""
    pickle = decode(content, where)
    audit(pickle, where)
    record = pickle.value
    if not isinstance(record, Call) or record.path != _CLASS:
        raise ArchiveError(f"{where}: not a VecNormalize", remedy="check which file this is")
    return mapping(record.state, where)


def _read(content: bytes, where: str) -> Statistics | None:
    state = _state(content, where)
    if state.get("norm_obs") is False:
        return None
    for name in ("obs_rms", "epsilon", "clip_obs"):
        if name not in state:
            raise ArchiveError(f"{where}: it has no {name}")
    moments = _moments(state["obs_rms"], where)
    epsilon, clip = number(state["epsilon"], where), number(state["clip_obs"], where)
    if not (np.isfinite(epsilon) and epsilon >= 0 and clip > 0):
        raise ArchiveError(f"{where}: epsilon {epsilon} and clip {clip}", expected="both positive")
    return Statistics(
        mean={key: mean for key, (mean, _) in moments.items()},
        variance={key: variance for key, (_, variance) in moments.items()},
        epsilon=float(epsilon),
        clip=float(clip),
    )


def _variance(record: Any, where: str) -> float:
    """Of the discounted returns of training."""
    if not isinstance(record, Call) or record.path != _STATISTICS:
        raise ArchiveError(f"{where}: statistics of rewards are missing", got=type(record).__name__)
    return float(number(mapping(record.state, where)["var"], where))


def _moments(record: Any, where: str) -> dict[str, tuple[Array, Array]]:
    if isinstance(record, Entries) or (isinstance(record, Call) and record.path == "collections.OrderedDict"):
        moments: dict[str, tuple[Array, Array]] = {}
        for key, part in mapping(record, where).items():
            moments[key] = _moment(part, f"{where}: {key[:40]}")
            if sum(mean.nbytes for mean, _ in moments.values()) > STATISTICS_BYTES:  # of the same bytes
                raise ArchiveError(f"{where}: its statistics", expected=f"at most {STATISTICS_BYTES} bytes")
        return moments
    return {"": _moment(record, where)}


def _moment(record: Any, where: str) -> tuple[Array, Array]:
    if not isinstance(record, Call) or record.path != _STATISTICS:
        raise ArchiveError(f"{where}: statistics are missing", got=type(record).__name__)
    state = mapping(record.state, where)
    if "mean" not in state or "var" not in state:
        raise ArchiveError(f"{where}: mean or variance is missing")
    mean, variance = array(state["mean"], where), array(state["var"], where)
    if mean.shape != variance.shape or mean.dtype.kind != "f" or variance.dtype.kind != "f":
        raise ArchiveError(
            f"{where}: mean and variance do not fit",
            got=f"{mean.dtype}{mean.shape} and {variance.dtype}{variance.shape}",
        )
    if not (np.isfinite(mean).all() and np.isfinite(variance).all() and (variance >= 0).all()):
        raise ArchiveError(f"{where}: a mean or variance is NaN, infinite or negative")
    return mean.astype(np.float64), variance.astype(np.float64)
