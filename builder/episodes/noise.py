"""What `rollout.noise` may say: how the actions that are done differ from those that the expert chose.

| kind | what is done | how much |
|---|---|---|
| `gaussian` | the action and a normal draw, fresh at each step | `std`, or the matrix `cov` |
| `uniform` | the action and a draw from [-w, w] | `half_width` |
| `ou` | the action and a normal draw that follows the step before's | `std`, `theta` |
| `epsilon` | by chance, a uniform draw, of each choice by itself, of a Box as a whole | `epsilon` |
| `sticky` | by chance, what was done before, once more | `probability` |

Amounts are in the units of the action. Sources: DART, Laskey et al. 2017 (arXiv:1703.09327), for `cov`;
Lillicrap et al. 2015 (arXiv:1509.02971) for `ou`; Machado et al. 2018 (arXiv:1709.06009) for `sticky`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.bounds import bounds
from builder.episodes.spaces import Array, Leaf, leaves
from builder.errors import ConfigError, suggest
from builder.storage.limits import NOISE_NUMBERS

KEY = "rollout.noise"
LEVELS = {
    "gaussian": "std",
    "uniform": "half_width",
    "ou": "std",
    "epsilon": "epsilon",
    "sticky": "probability",
}
"""The kinds, and which of its keys says how much there is of each."""
FURTHER = {"gaussian": ("cov",), "ou": ("theta",)}
"""What else a kind takes."""
ADDED = frozenset({"gaussian", "uniform", "ou"})
"""The kinds that add a number to each number of a continuous action."""
SHARES = frozenset({"epsilon", "probability"})
"""Amounts that are probabilities."""
THETA = 0.15
"""How far `ou` returns to zero in a step. Source: Lillicrap et al. 2015, section 7."""


@dataclass(frozen=True)
class Noise:
    """A kind of noise, and how much of it.

    Attributes:
        kind: a key of `LEVELS`.
        level: the amount that the kind is measured by; one for each number of an action, or one for all;
            None: not said.
        cov: the covariance of the kind `gaussian`, which then has no level: a row for each number of an
            action.
        theta: of the kind `ou`.
    """

    kind: str
    level: float | tuple[float, ...] | None = None
    cov: tuple[tuple[float, ...], ...] | None = None
    theta: float = THETA

    @staticmethod
    def of(given: Mapping[str, Any], *, sought: bool = False) -> Noise:
        """What the key says.

        Args:
            given: its value.
            sought: how much of it is still to be found out, where it does not say.

        Raises:
            ConfigError: it says no noise that there is.
        """
        kind = given.get("kind")
        if kind is None and given:
            fits = [name for name in LEVELS if {LEVELS[name], *FURTHER.get(name, ())} >= {*given} - {"kind"}]
            others = ", ".join(str(name) for name in given if name != "kind")
            raise ConfigError(
                f"{KEY} has no kind beside {others or 'null'}",
                remedy=f"add {KEY}={' or '.join(fits or LEVELS)}",
            )
        if not isinstance(kind, str) or kind not in LEVELS:
            raise ConfigError(f"{KEY} is unknown", expected=" or ".join(LEVELS), got=repr(kind)[:80])
        key = LEVELS[kind]
        known = ("kind", key, *FURTHER.get(kind, ()))
        for name in given:
            if name not in known:
                raise ConfigError(f"{KEY}={kind} has no {name!r}", remedy=suggest(str(name), known))
        cov = given.get("cov")
        if cov is not None and given.get(key) is not None:
            raise ConfigError(f"{KEY}.cov and {KEY}.{key} say the same twice", remedy="leave one of them out")
        theta = given.get("theta", THETA)
        if not _number(theta) or not 0 < theta <= 1:
            raise ConfigError(f"{KEY}.theta is out of range", expected="more than 0, at most 1", got=theta)
        if cov is None and given.get(key) is None and not sought:
            raise ConfigError(f"{KEY}={kind} does not say how much", remedy=f"add {KEY}.{key}=...")
        return Noise(kind, _level(key, given.get(key)), None if cov is None else _matrix(cov), float(theta))

    @property
    def content(self) -> dict[str, Any]:
        """As the key says it; a covariance is only stated there."""
        further = {"theta": self.theta} if self.kind == "ou" and self.theta != THETA else {}
        return {"kind": self.kind, LEVELS[self.kind]: self.level, **further}

    def check(self, space: gym.Space[Any]) -> None:
        """Refuse what is no noise on the actions of a space.

        Raises:
            ConfigError: the kind does not suit the space, or the amounts not its size.
        """
        found = leaves(space, "action space")
        if unsuited := next(_unsuited(self.kind, found), None):
            raise ConfigError(f"{KEY}={self.kind} {unsuited}", got=str(space)[:200])
        size = sum(math.prod(leaf.shape) for leaf in found)
        for key, given in ((LEVELS[self.kind], self.level), ("cov", self.cov)):
            if isinstance(given, tuple) and len(given) != size:
                raise ConfigError(
                    f"{KEY}.{key} does not fit the actions",
                    expected=f"{size}, one for each number of an action",
                    got=f"{len(given)}",
                )

    def factor(self) -> Array:
        """A lower triangular matrix whose product with its transpose is `cov`: float64 [n, n]."""
        return triangular(self.cov or ())


def _unsuited(kind: str, found: Sequence[Leaf]) -> Iterator[str]:
    continuous = all(isinstance(leaf.space, gym.spaces.Box) and leaf.dtype.kind == "f" for leaf in found)
    if kind in ADDED and not continuous:
        yield "is for continuous actions: choose epsilon or sticky"
    for leaf in found:
        if kind == "epsilon" and not np.isfinite(np.asarray(bounds(leaf), np.float64)).all():
            yield "draws from bounds, and these actions have none: choose gaussian or sticky"


def _level(key: str, given: Any) -> float | tuple[float, ...] | None:
    if given is None:
        return None
    values = given if isinstance(given, (list, tuple)) else [given]
    most = 1.0 if key in SHARES else math.inf
    single = key in SHARES and values is given
    if single or not values or not all(_number(value) and 0 <= value <= most for value in values):
        raise ConfigError(
            f"{KEY}.{key} is out of range",
            expected="0 to 1" if key in SHARES else "at least 0, for all numbers of an action or for each",
            got=repr(given)[:80],
        )
    return tuple(map(float, values)) if values is given else float(given)


def _matrix(given: Any) -> tuple[tuple[float, ...], ...]:
    """A covariance.

    Raises:
        ConfigError: it is none.
    """
    rows = given if isinstance(given, (list, tuple)) else ()
    if len(rows) > NOISE_NUMBERS:
        raise ConfigError(f"{KEY}.cov is too large", expected=f"at most {NOISE_NUMBERS} rows", got=len(rows))
    whole = bool(rows) and all(
        isinstance(row, (list, tuple)) and len(row) == len(rows) and all(map(_number, row)) for row in rows
    )
    found = tuple(tuple(map(float, row)) for row in rows) if whole else ()
    if not whole or any(
        not math.isclose(found[i][j], found[j][i], rel_tol=1e-9, abs_tol=1e-300)
        for i in range(len(found))
        for j in range(i)
    ):
        raise ConfigError(f"{KEY}.cov is no covariance", expected="a symmetric matrix", got=repr(given)[:80])
    triangular(found)
    return found


def triangular(cov: Sequence[Sequence[float]]) -> Array:
    """The Cholesky factor, float64 [n, n], in a fixed order of operations: LAPACK's bits are the CPU's.

    Raises:
        ConfigError: the matrix has a direction of negative variance.
    """
    size = len(cov)
    factor = [[0.0] * size for _ in range(size)]
    least = 1e-12 * max((abs(cov[i][i]) for i in range(size)), default=0.0)
    for j in range(size):
        pivot = cov[j][j] - sum(factor[j][k] ** 2 for k in range(j))
        rest = [cov[i][j] - sum(factor[i][k] * factor[j][k] for k in range(j)) for i in range(j + 1, size)]
        if pivot < -least or (pivot <= least and any(abs(value) > 1e3 * least for value in rest)):
            raise ConfigError(
                f"{KEY}.cov is no covariance",
                expected="no negative variance in any direction",
                got=f"{pivot:g}",
            )
        if pivot <= least:
            continue
        factor[j][j] = math.sqrt(pivot)
        for i, value in enumerate(rest, j + 1):
            factor[i][j] = value / factor[j][j]
    return np.array(factor, np.float64).reshape(size, size)


def _number(value: Any) -> bool:
    return type(value) in {int, float} and math.isfinite(value)
