"""What whoever uses a dataset should know of it, a sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from builder.card.collection import own_enjoy
from builder.card.contents import Contents
from builder.card.interference import interference_limits, interferes
from builder.card.markdown import code, count_of, number, plain, share_of
from builder.experts.observations.seen import COLUMN
from builder.experts.sources.expert import NOT_PINNED
from builder.manifest.manifest import Manifest
from builder.manifest.settings import RELABELLED


def limits(contents: Contents) -> str:
    """What whoever uses the dataset should know."""
    manifest, found = contents.manifest, []
    expert, config = manifest.inputs.get("expert", {}), manifest.inputs.get("config", {})
    rejected = manifest.attempts - manifest.accepted - manifest.failed
    own = own_enjoy(manifest.inputs)
    if rejected:
        found.append(
            f"{count_of(rejected, 'attempt')} of {number(manifest.attempts)} "
            f"{'was' if rejected == 1 else 'were'} rejected by {'`enjoy`' if own else 'return'}, so the "
            "distribution of returns is a truncated one: its mean is not the policy's own."
        )
    if manifest.failed:
        found.append(
            f"{count_of(manifest.failed, 'attempt')} of {number(manifest.attempts)} failed and count as"
            " rejected (`rollout.on_error=reject`): the environment or the expert raised something, or gave"
            " what is no number. Where that happens is where the dataset shows nothing."
        )
    found.extend(copies(contents))
    found.extend(sentence(note) for note in manifest.notes)
    if expert.get("version") == NOT_PINNED:
        found.append("The expert is not pinned, so nobody can tell whether they rebuild with the same one.")
    if expert.get("sha256") and config["rollout"]["precision"] != "float64":
        found.append("Inference was in float32, whose results depend on batch size and processor.")
    found.extend(interference_limits(manifest.inputs))
    found.extend(_labelled(manifest))
    few = expert.get("sha256") and config["rollout"]["deterministic"] and not own
    if few and not interferes(manifest.inputs):
        found.append(
            "One deterministic policy visits few states: nothing here shows how to recover from others."
        )
    found.extend(_seen(manifest, [column.name for column in contents.columns["transitions"]]))
    if "next_observation" not in [column.name for column in contents.columns["transitions"]]:
        found.append(
            "Next observations are not repeated: take the next row's, or `final_observation` at the end."
        )
    found.extend(beyond_bounds(manifest))
    found.append("`reward` is float64, whatever the environment returned; nothing is normalised or clipped.")
    return listed(found)


def imported_limits(contents: Contents) -> str:
    """The same of a dataset that was imported."""
    manifest, found = contents.manifest, list(copies(contents))
    if lacking := manifest.inputs["imported"]["unsaid"]:
        names = ", ".join(code(name) for name in lacking)
        found.append(f"The source does not say {names}: the dataset lacks what would have to be guessed.")
    found.extend(_labelled(manifest))
    found.extend(sentence(note) for note in manifest.notes)
    found.extend(beyond_bounds(manifest))
    if "reward" not in lacking:
        found.append("`reward` is float64, whatever the source held; nothing is normalised or clipped.")
    return listed(found)


def _labelled(manifest: Manifest) -> Iterator[str]:
    """Of a dataset that an expert has labelled afterwards."""
    if labels := manifest.inputs.get(RELABELLED):
        name = code(labels["expert"]["name"])
        yield (
            f"`action` is what was done, `expert_action` what {name} would do there,"
            " the label for imitation; rewards and next observations are of `action`."
        )


def listed(sentences: Iterable[str]) -> str:
    """Sentences as a Markdown list."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def beyond_bounds(manifest: Manifest) -> Iterator[str]:
    """How many observations are beyond the bounds of their space."""
    if manifest.beyond_bounds:
        total = sum(split.rows + split.episodes for split in manifest.splits.values())
        yield (
            f"{share_of(manifest.beyond_bounds, total)} of all observations, final ones included, have"
            " values beyond the bounds that their space declares, or infinite ones, as they were given."
        )


_PAST = {
    "TimeFeatureWrapper": "the time that is left",
    "HistoryWrapper": "earlier observations and actions",
    "HistoryWrapperObsDict": "earlier observations and actions",
    "FrameSkip": "only some of the steps",
    "FrameStack": "earlier observations",
}
"""What a policy behind these wrappers goes by that is no function of what is observed now."""


def _seen(manifest: Manifest, columns: Sequence[str]) -> Iterator[str]:
    """Of an expert that went by more than the recorded observation."""
    sees = manifest.inputs.get("expert", {}).get("sees", {})
    kinds = [name.rpartition(".")[2] for name in sees.get("wrappers", ())]
    past = [_PAST[kind] for kind in kinds if kind in _PAST]
    if "AtariWrapper" in kinds and "preprocessing" not in manifest.inputs["environment"]:
        past.append("only some of the frames")
    if sees.get("frame_stack", 1) > 1:
        past.append("earlier observations")
    if past:
        there = (
            f"`{COLUMN}` has what it saw, and `dataset.environment({COLUMN}=True)` shows it"
            if COLUMN in columns
            else f"`dataset.{COLUMN}=true` records what it saw"
        )
        yield (
            f"The expert went by {' and '.join(dict.fromkeys(past))} too, so its action is no function of the"
            f" recorded `observation`, and a clone of that cannot follow; {there}."
        )


def copies(contents: Contents) -> Iterator[str]:
    """What repeats itself, and what was done about it."""
    manifest, distinct = contents.manifest, contents.manifest.distinct
    if manifest.inputs.get("config", {}).get("dataset", {}).get("unique"):
        yield (
            "Of equal episodes only the first was kept (`dataset.unique=true`): their frequencies are not the"
            " policy's own."
        )
    if distinct is None:
        return
    if distinct.episodes < manifest.accepted:
        dealt = "config" in manifest.inputs  # else its sources have said which split an episode is of
        side = "are all on one side of the split" if dealt else "may be on both sides of the split"
        aside = f" Copies {side}." if len(manifest.splits) > 1 else ""
        copies = count_of(manifest.accepted - distinct.episodes, "episode")
        yield (
            f"{copies} of {number(manifest.accepted)} repeat an earlier one, observation by"
            f" observation and action by action.{aside}"
        )
    if distinct.shared_steps:
        yield (
            f"Of the different (observation, action) pairs of `test`,"
            f" {share_of(distinct.shared_steps, distinct.test_steps or 0)} stand in `train` too."
        )


def sentence(note: str) -> str:
    """A note of whoever read the expert, or checked the episodes."""
    text = plain(note)
    return f"{text[:1].upper()}{text[1:]}."
