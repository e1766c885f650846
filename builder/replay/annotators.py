"""Who says again, of an episode that is stepped again, what its declared columns hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from builder.environments.info import FAMILY, SaidInfo
from builder.environments.simulator_state import FINAL, STATE, KeptState
from builder.episodes.annotations import Annotation, Annotator
from builder.episodes.declared import Declared
from builder.episodes.spaces import Spaces

OF_ENVIRONMENTS: dict[tuple[str, ...], Callable[[tuple[Declared, ...]], Annotation]] = {
    (FAMILY,): SaidInfo,
    (STATE, FINAL): KeptState,
}
"""By families (`builder.dataset.families`): what an environment says, whoever plays."""


def annotators_of(declared: Sequence[Declared], spaces: Spaces) -> tuple[Annotator, ...]:
    """New annotators for those of the declared columns that an environment gives.

    Raises:
        DatasetError: a column is of a kind that its family does not have.
    """
    found = []
    for families, recipe in OF_ENVIRONMENTS.items():
        columns = tuple(column for column in declared if column.name.partition(".")[0] in families)
        if columns:
            found.append(recipe(columns).annotator(None, (spaces.observation, spaces.action)))
    return tuple(found)
