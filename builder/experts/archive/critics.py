"""What an archive holds beside what acts: how good it thought states and actions, and on what scale.

Read only where it is asked for; nothing is unpickled here either.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from builder.experts.archive.agent import read_whole
from builder.experts.archive.architecture import action_value_networks, value_network
from builder.experts.network.network import Network

ON_POLICY = frozenset({"actor_critic"})
OFF_POLICY = frozenset({"sac", "tqc", "td3"})


@dataclass(frozen=True, eq=False)
class Critics:
    """What an archive thought.

    Attributes:
        value: of states (PPO, A2C, TRPO, MaskablePPO), or None.
        action_values: of actions in states (SAC, TQC, TD3, DDPG), one network for each critic.
        gamma: the discount of training; None: the archive does not say.
    """

    value: Network | None = None
    action_values: tuple[Network, ...] = ()
    gamma: float | None = None


def read_critics(path: Path) -> Critics:
    """The critics of a Stable-Baselines3 archive.

    Raises:
        ArchiveError: it is damaged, or its critics are.
    """
    read = read_whole(path)
    family, gamma = read.description.family, read.fields.get("gamma")
    return Critics(
        value_network(read.description, read.weights) if family in ON_POLICY else None,
        action_value_networks(read.description, read.weights) if family in OFF_POLICY else (),
        float(gamma) if isinstance(gamma, (int, float)) and not isinstance(gamma, bool) else None,
    )
