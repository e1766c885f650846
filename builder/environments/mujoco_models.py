"""One MuJoCo model for all lanes of a worker: what is never written need not be in the cache many times.

A model (half a megabyte for HalfCheetah) is what a simulation is made from; the state, in MuJoCo's `MjData`,
is a few kilobytes and stays each environment's own. Gymnasium's own environments, bare and without a picture,
only read it.
"""

from __future__ import annotations

import sys
from typing import Any

import gymnasium as gym

READ_ONLY = "gymnasium.envs.mujoco."
"""The modules whose environments never write into their model, unless they are drawn in a window."""


def share_model(environment: gym.Env[Any, Any], other: gym.Env[Any, Any]) -> None:
    """Have an environment simulate with another's model, where neither can write into it.

    What is simulated is the same to the last bit: `reset` puts all of the state in place.

    Args:
        environment: just made, not yet reset.
        other: made with the same arguments.
    """
    mujoco = sys.modules.get("mujoco")
    if mujoco is None or not (_only_reads(environment) and _only_reads(other)):
        return
    inner: Any = environment.unwrapped
    inner.model = other.unwrapped.model  # type: ignore[attr-defined]  # those of MuJoCo have one
    inner.data = mujoco.MjData(inner.model)
    inner.mujoco_renderer.model, inner.mujoco_renderer.data = inner.model, inner.data


def _only_reads(environment: gym.Env[Any, Any]) -> bool:
    """Whether it is one of gymnasium's own, as it is, that nobody draws."""
    inner = environment.unwrapped
    return (
        type(inner).__module__.startswith(READ_ONLY)
        and inner.render_mode is None
        and isinstance(getattr(inner, "model", None), sys.modules["mujoco"].MjModel)
    )
