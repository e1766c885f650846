"""Stable-Baselines3 archives, read without unpickling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym

from builder.episodes.spaces import Array
from builder.errors import ArchiveError, ExpertError, UnsafeArchiveError, UnsupportedExpertError
from builder.experts.archive.architecture import Description, build_network
from builder.experts.archive.bounded_zip import BoundedZip
from builder.experts.archive.fields import SavedFields, read_fields
from builder.experts.archive.inert_pickle import Global
from builder.experts.archive.spaces import read_space
from builder.experts.archive.weights import read_weights
from builder.experts.network.network import Network
from builder.storage.limits import FIELDS_BYTES, WEIGHTS_BYTES

MASKABLE = "MaskablePPO"
"""The algorithm whose agents choose among the actions that a mask allows."""
_FAMILY_BY_CLASS = {
    "ActorCriticPolicy": "actor_critic",
    "ActorCriticCnnPolicy": "actor_critic",
    "MultiInputActorCriticPolicy": "actor_critic",
    "MaskableActorCriticPolicy": "actor_critic",
    "MaskableActorCriticCnnPolicy": "actor_critic",
    "MaskableMultiInputActorCriticPolicy": "actor_critic",
    "RecurrentActorCriticPolicy": "recurrent",
    "RecurrentActorCriticCnnPolicy": "recurrent",
    "RecurrentMultiInputActorCriticPolicy": "recurrent",
}
_FAMILY_BY_MODULE = {
    "stable_baselines3.sac.policies": "sac",
    "stable_baselines3.td3.policies": "td3",
    "stable_baselines3.dqn.policies": "dqn",
    "sb3_contrib.tqc.policies": "tqc",
    "sb3_contrib.qrdqn.policies": "qrdqn",
    "sb3_contrib.ars.policies": "ars",
}
_OWN_CLASSES = re.compile(r"(SAC|TD3|DQN|TQC|QRDQN|ARS|ARSLinear|Cnn|MultiInput)Policy")
_OWN_MODULES = re.compile(
    r"(stable_baselines3|sb3_contrib)\.[a-z0-9_]+(\.[a-z0-9_]+)?\.policies|stable_baselines3\.common\.policies"
)
_POLICY_KWARGS = frozenset(
    {
        *("activation_fn", "net_arch", "ortho_init", "normalize_images", "share_features_extractor"),
        *("features_extractor_class", "features_extractor_kwargs", "optimizer_class", "optimizer_kwargs"),
        *("use_sde", "sde_net_arch", "log_std_init", "full_std", "use_expln", "squash_output", "clip_mean"),
        *("n_critics", "n_quantiles", "with_bias", "device", "create_eval_env"),
        *("lstm_hidden_size", "n_lstm_layers", "shared_lstm", "enable_critic_lstm", "lstm_kwargs"),
    }
)
_OWN_EXTRACTORS = re.compile(r"(NatureCNN|FlattenExtractor|CombinedExtractor)")


@dataclass(frozen=True, eq=False)
class Agent:
    """A policy read from an archive.

    Attributes:
        algorithm: its class in Stable-Baselines3 or sb3-contrib, such as "PPO" or "QRDQN".
        policy_class: the dotted path of SB3's class.
        sb3_version: the version that wrote the archive, "" where it does not say.
        observation_space: what it was trained on; images are channels-first.
        action_space: what it was trained on.
        network: what acts.
        exploration_rate: of DQN and QR-DQN at the end of training, else 0.
        notes: what a reader of the dataset should know of the policy.
    """

    algorithm: str
    policy_class: str
    sb3_version: str
    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]
    network: Network
    exploration_rate: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Read:
    """All that was read of an archive.

    Attributes:
        agent: what acts.
        description: what its readable fields say of the policy.
        weights: all of them by name, those that served training alone too.
        fields: the readable fields.
    """

    agent: Agent
    description: Description
    weights: dict[str, Array]
    fields: Mapping[str, Any]


def read_agent(path: Path) -> Agent:
    """Read what acts of a Stable-Baselines3 archive; see `read_whole`."""
    return read_whole(path).agent


def read_whole(path: Path) -> Read:
    """Read a Stable-Baselines3 archive.

    Raises:
        ArchiveError: it is damaged, or not such an archive.
        UnsafeArchiveError: it holds something that would run code; nothing of it was run.
        UnsupportedExpertError: it is sound, but of a kind that is not supported.
    """
    where = Path(path).name
    try:
        return _read(Path(path), where)
    except ExpertError:
        raise
    except OSError as error:
        raise ArchiveError(f"{where} cannot be read ({error.strerror or error})") from error
    except (
        ValueError,
        TypeError,
        LookupError,
        ArithmeticError,
        AttributeError,
        RecursionError,
        MemoryError,
    ) as error:
        raise ArchiveError(f"{where} is damaged ({type(error).__name__}: {str(error)[:100]})") from error


def _read(path: Path, where: str) -> Read:
    with path.open("rb") as source, BoundedZip(source, where) as archive:
        if "data" not in archive.members and any(name.endswith("/data.pkl") for name in archive.members):
            raise ArchiveError(
                f"{where}: bare weights instead of a Stable-Baselines3 archive",
                expected="members data, policy.pth",
            )
        content = archive.read("data", FIELDS_BYTES)
        weights = archive.read("policy.pth", WEIGHTS_BYTES)
        try:
            fields = read_fields(content, where)
        except UnsupportedExpertError:
            read_weights(weights, f"{where}: policy.pth")  # what would run code is said first
            raise
        version = ""
        if "_stable_baselines3_version" in archive.members:
            version = archive.read("_stable_baselines3_version", 100).decode("ascii", "replace").strip()
    description, policy_class = _describe(fields)
    arrays = read_weights(weights, f"{where}: policy.pth")
    agent = Agent(
        algorithm=_algorithm(description.family, policy_class, fields),
        policy_class=policy_class.path,
        sb3_version=version,
        observation_space=description.observation_space,
        action_space=description.action_space,
        network=build_network(description, arrays),
        exploration_rate=description.exploration_rate,
    )
    return Read(agent, description, arrays, fields.plain)


def _describe(fields: SavedFields) -> tuple[Description, Global]:
    where = fields.where
    policy_class = fields.record("policy_class")
    if not isinstance(policy_class, Global):
        raise UnsafeArchiveError(
            f"{where}: the policy is code that the archive carries",
            expected="the name of one of SB3's policies",
            remedy="if you trust its author, expert.trust_remote_code=true lets Stable-Baselines3 run it",
        )
    family = _family(policy_class, where)
    kwargs = fields.policy_kwargs()
    _check_kwargs(kwargs, where)
    rate = fields.plain.get("exploration_rate", 0.0)
    description = Description(
        family=family,
        where=where,
        observation_space=read_space(fields.record("observation_space"), f"{where}: observation space"),
        action_space=read_space(fields.record("action_space"), f"{where}: action space"),
        kwargs=kwargs,
        use_sde=fields.plain.get("use_sde") is True,
        linear=policy_class.name == "ARSLinearPolicy",
        maskable=policy_class.name.startswith("Maskable"),
        exploration_rate=float(rate) if isinstance(rate, (int, float)) else 0.0,
    )
    return description, policy_class


def _family(policy_class: Global, where: str) -> str:
    module, name = policy_class.module, policy_class.name
    family = None
    if _OWN_MODULES.fullmatch(module):
        family = _FAMILY_BY_CLASS.get(name)
        if family is None and _OWN_CLASSES.fullmatch(name):
            family = _FAMILY_BY_MODULE.get(module)
    if family is None:
        raise UnsupportedExpertError(
            f"{where}: the policy class {policy_class.path[:80]}",
            expected="a policy of PPO, A2C, TRPO, MaskablePPO, RecurrentPPO, DQN, QR-DQN, "
            "SAC, TQC, TD3, DDPG or ARS",
            remedy="expert.trust_remote_code=true lets Stable-Baselines3 load it, and run whatever it holds",
        )
    return family


def _check_kwargs(kwargs: dict[str, Any], where: str) -> None:
    unknown = sorted(name for name in kwargs if name not in _POLICY_KWARGS and not name.startswith(":"))
    if unknown:
        raise UnsupportedExpertError(f"{where}: policy_kwargs {', '.join(unknown)[:100]}")
    extractor = kwargs.get("features_extractor_class")
    if extractor is None:
        return
    own = isinstance(extractor, Global) and extractor.module == "stable_baselines3.common.torch_layers"
    if not own or not _OWN_EXTRACTORS.fullmatch(extractor.name):
        raise UnsupportedExpertError(
            f"{where}: a features extractor of its own",
            expected="NatureCNN, FlattenExtractor or CombinedExtractor",
            got=extractor.path[:80] if isinstance(extractor, Global) else "code that the archive carries",
        )


def _algorithm(family: str, policy_class: Global, fields: SavedFields) -> str:
    """Where algorithms share a policy class, the fields that only one of them saves tell."""
    if policy_class.name.startswith("Maskable"):
        return MASKABLE
    if family == "actor_critic":
        if "clip_range" in fields.plain:
            return "PPO"
        return "TRPO" if "cg_max_steps" in fields.plain else "A2C"
    if (
        family == "td3"
        and fields.plain.get("policy_delay") == 1
        and fields.plain.get("target_noise_clip") == 0
    ):
        return "DDPG"
    return "RecurrentPPO" if family == "recurrent" else family.upper()
