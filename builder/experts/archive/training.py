"""What an archive shows of the training that it comes from, beyond the policy itself.

Read from the member `data` alone; whatever of it is damaged or missing shows nothing.

Source: `common/base_class.py` of Stable-Baselines3: `_setup_learn` keeps `_last_original_obs`, what was seen
before `VecNormalize`, where there is such a wrapper, and else None. `common/off_policy_algorithm.py` always
keeps it: behind `VecNormalize` the current observation as the environment gave it, else the one before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, leaves
from builder.errors import BuilderError
from builder.experts.archive.bounded_zip import BoundedZip
from builder.experts.archive.fields import parse_fields, pickled_record
from builder.experts.archive.inert_pickle import Call, Entries
from builder.experts.archive.inert_values import array, mapping
from builder.experts.archive.spaces import read_space
from builder.storage.limits import FIELDS_BYTES

_NOW, _BEFORE = "_last_obs", "_last_original_obs"
_KNOWN_BY = {
    "TQC": {"top_quantiles_to_drop_per_net"},
    "CrossQ": {"target_entropy", "policy_delay"},
    "SAC": {"target_entropy"},
    "TD3": {"policy_delay", "target_noise_clip"},
    "QRDQN": {"exploration_rate", "n_quantiles"},
    "DQN": {"exploration_rate"},
    "ARS": {"delta_std_schedule"},
    "TRPO": {"cg_max_steps"},
    "PPO": {"clip_range"},
    "A2C": {"gae_lambda"},
}
"""The fields that tell an algorithm from those below it."""
_KINDS_OF_PPO = {"maskable": "MaskablePPO", "recurrent": "RecurrentPPO"}


@dataclass(frozen=True)
class Training:
    """What an archive shows of its training.

    Attributes:
        normalised: whether its observations came out of a `VecNormalize`; None: that cannot be known.
        shown_by: how the archive shows it.
        certain: it could not be otherwise; False: only an environment that breaks its own word could be.
        observation_space: what the policy saw; None where it cannot be read.
        algorithm: what trained it, by the fields that no other algorithm saves; None where they do not tell.
        arguments: whether the policy was made with arguments of its own.
    """

    normalised: bool | None = None
    shown_by: str = ""
    certain: bool = True
    observation_space: gym.Space[Any] | None = None
    algorithm: str | None = None
    arguments: bool = False


def read_training(path: Path) -> Training:
    """Look at an archive of Stable-Baselines3; of anything else nothing is known."""
    try:
        with path.open("rb") as source, BoundedZip(source, path.name) as archive:
            fields = parse_fields(archive.read("data", FIELDS_BYTES), path.name)
    except (BuilderError, OSError, ValueError, LookupError):
        return Training()
    seen = _seen(fields, _space(fields))
    return dataclasses.replace(
        seen, algorithm=_algorithm(fields), arguments=bool(fields.get("policy_kwargs"))
    )


def _seen(fields: Mapping[str, Any], space: gym.Space[Any] | None) -> Training:
    if fields.get(_NOW) is None or _BEFORE not in fields:
        return Training(observation_space=space)
    if "learning_starts" in fields:  # off-policy: the field is always there
        return _compared(fields, space)
    normalised = fields[_BEFORE] is not None
    return Training(normalised, f"it holds {_BEFORE}" if normalised else "", observation_space=space)


def _algorithm(fields: Mapping[str, Any]) -> str | None:
    name = next((name for name, known_by in _KNOWN_BY.items() if known_by <= fields.keys()), None)
    if name == "PPO":
        return next((special for word, special in _KINDS_OF_PPO.items() if _is_of(fields, word)), name)
    if name == "TD3" and fields["policy_delay"] == 1 and fields["target_noise_clip"] == 0:
        return "DDPG"
    return name


def _is_of(fields: Mapping[str, Any], package: str) -> bool:
    """Whether the policy or its buffer come from a package of sb3-contrib."""
    classes = [fields.get(name) for name in ("policy_class", "rollout_buffer_class")]
    modules = [str(value.get("__module__")) for value in classes if isinstance(value, dict)]
    return any(f".{package}." in module for module in modules)


def _space(fields: Mapping[str, Any]) -> gym.Space[Any] | None:
    try:
        return read_space(pickled_record(fields, "observation_space"), "observation space")
    except (BuilderError, ValueError, TypeError, LookupError, AttributeError):
        return None


def _compared(fields: Mapping[str, Any], space: gym.Space[Any] | None) -> Training:
    """Whether the last observation can only be a normalised one, by the raw one that is kept beside it."""
    try:
        now, before = (_arrays(pickled_record(fields, name)) for name in (_NOW, _BEFORE))
    except (BuilderError, ValueError, TypeError, LookupError, AttributeError):
        return Training(observation_space=space)
    why = _why_normalised(now, before, space) if now.keys() == before.keys() else ""
    return Training(True if why else None, why, certain=False, observation_space=space)


def _arrays(record: Any) -> dict[str, Array]:
    """The observation of a batch of environments, by the keys of a Dict space; "" for a plain space."""
    if isinstance(record, Entries) or (isinstance(record, Call) and record.path == "collections.OrderedDict"):
        return {key: array(part, key) for key, part in mapping(record, "observation").items()}
    return {"": array(record, "observation")}


def _why_normalised(
    now: Mapping[str, Array], before: Mapping[str, Array], space: gym.Space[Any] | None
) -> str:
    for key, seen in now.items():
        if seen.shape != before[key].shape:
            return f"its {_BEFORE} is not stacked as its {_NOW} is"
        if seen.dtype == np.float32 and before[key].dtype == np.float64:
            return f"its {_NOW} is float32 where the environment gave float64"
    for leaf in () if space is None else leaves(space):
        if not isinstance(leaf.space, gym.spaces.Box) or leaf.name not in now:
            continue
        if _is_within(before[leaf.name], leaf.space) and not _is_within(now[leaf.name], leaf.space):
            return f"its {_NOW} lies beyond the bounds of the observation space"
    return ""


def _is_within(batch: Array, space: gym.spaces.Box) -> bool:
    """Whether all observations of a batch are in the space, rounding aside."""
    if batch.shape[1:] != space.shape:
        return True  # of another space: nothing can be said
    low, high = space.low.astype(np.float64), space.high.astype(np.float64)
    low, high = low - 1e-4 * np.maximum(1, abs(low)), high + 1e-4 * np.maximum(1, abs(high))
    return bool(((batch >= low) & (batch <= high)).all())
