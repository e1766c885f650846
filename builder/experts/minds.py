"""From an expert to what can be asked of it: the agent in its archive, or a policy's own `evaluate`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import gymnasium as gym

from builder.episodes.annotations import Annotation
from builder.errors import ExpertError
from builder.experts.archive.critics import Critics, read_critics
from builder.experts.archive.vec_normalize import RewardScale, read_reward_scale
from builder.experts.evaluator import Q_VALUE, VALUE, Mind
from builder.experts.foreign import ForeignPlayer
from builder.experts.own_thoughts import own_teacher
from builder.experts.sources.checkpoints import Checkpoints
from builder.experts.sources.expert import Expert
from builder.experts.sources.files import Archived
from builder.experts.sources.normalisation import choose_statistics
from builder.experts.sources.portable import DESCRIPTION
from builder.experts.sources.table import described_source
from builder.experts.teacher import not_available, teacher_of

_OWN = ("stable_baselines3.", "sb3_contrib.")
_OTHERS = "since only agents of Stable-Baselines3 and sb3-contrib can be asked"
_CLIPPING = frozenset({"AtariWrapper", "ClipRewardEnv"})
"""Wrappers behind which training saw the sign of a reward."""


def teacher_columns(  # noqa: PLR0913  (all but the first three have a keyword)
    expert: Expert,
    player: Any,
    names: Sequence[str],
    *,
    spaces: tuple[gym.Space[Any], gym.Space[Any]],
    labelled: bool = False,
    sampled: bool = False,
    vec_normalize: str | None = None,
) -> Annotation:
    """The columns of what an expert thinks: `annotator(actor, spaces).acted(decided)` gives their arrays.

    Args:
        expert: who thinks.
        player: how it plays in this environment, behind its wrappers; the actor is made from it.
        names: what about; of `builder.config.TEACHER`.
        spaces: of the environment: what is observed, and what is done.
        labelled: `expert_action` is recorded too: what depends on the action is asked about that as well.
        sampled: what is done is a sample of the expert's distribution, and nobody interferes.
        vec_normalize: where the statistics of its training lie, where that was said.

    Raises:
        ConfigError: it cannot say what it is asked, which names what it can.
        ArchiveError: its archive is damaged.
        SpaceError: it was trained on other spaces.
    """
    if isinstance(player, ForeignPlayer):
        return own_teacher(player, names, spaces=spaces, expert=expert.name, labelled=labelled)
    trained = expert.trained
    if not isinstance(trained, Archived) or trained.agent is None:
        raise not_available(expert.name, names[0], (), _why_silent(expert))
    if not trained.agent.policy_class.startswith(_OWN):
        raise not_available(expert.name, names[0], (), _OTHERS)
    kept = trained.path.name == DESCRIPTION
    mind = Mind(trained.agent.network, Critics() if kept else read_critics(trained.path))
    lacking = "since its critics were not kept with it" if kept else None
    lacking = "since it has a memory" if mind.network.lstm else lacking
    valued = not {VALUE, Q_VALUE}.isdisjoint(names)
    notes = tuple(_notes(trained, mind.critics, vec_normalize)) if valued else ()
    return teacher_of(
        mind,
        names,
        player,
        spaces=spaces,
        expert=expert.name,
        labelled=labelled,
        sampled=sampled,
        notes=notes,
        lacking=lacking,
    )


def _why_silent(expert: Expert) -> str:
    """Why nothing can be asked of an expert that is no agent in one archive."""
    if not described_source(expert.identity).chooses:
        return "since random actions are nobody's choice"
    if isinstance(expert.trained, Checkpoints):
        return "since several archives play in turns, and only one can be asked"
    if isinstance(expert.trained, Archived):
        return "since Stable-Baselines3's own loader reads it, and it was not read as data"
    return _OTHERS


def _notes(trained: Archived, critics: Critics, vec_normalize: str | None) -> Iterator[str]:
    """The scale of the values."""
    discount = "an unknown discount" if critics.gamma is None else f"a gamma of {critics.gamma:g}"
    said = "the teacher's values are returns as training counted them"
    yield f"{said}, with {discount}; {_rewards(trained, vec_normalize)}"


def _rewards(trained: Archived, vec_normalize: str | None) -> str:
    """What training made of rewards, by the files beside the archive."""
    kinds = {wrapper.kind for wrapper in trained.companions.wrappers}
    if not _CLIPPING.isdisjoint(kinds):
        return "training clipped each reward to its sign"
    scale = _scale(trained, vec_normalize)
    if scale is not None:
        divided = f"training divided rewards by {scale.deviation:.6g}"
        return f"{divided} (VecNormalize, as at its end) and clipped them to +-{scale.clip:g}"
    if trained.beside:
        return "no file beside the archive says that training scaled rewards"
    return "whether training scaled rewards, no file beside the archive says"


def _scale(trained: Archived, vec_normalize: str | None) -> RewardScale | None:
    try:
        chosen = choose_statistics(trained.path, None, vec_normalize)
        return None if chosen.path is None else read_reward_scale(chosen.content, chosen.path.name)
    except ExpertError:
        return None
