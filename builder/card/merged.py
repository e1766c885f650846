"""What the card of a merged dataset says in place of what that of a build does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from builder.card.contents import Contents
from builder.card.interference import CONTROLLERS, interference_words
from builder.card.limits import beyond_bounds, copies, listed, sentence
from builder.card.markdown import code, count_of, number, table
from builder.dataset.columns import asked_for, null_for
from builder.episodes.declared import CONTROLLER, EXPERT_ACTION

SHOWN = 40
"""So many parts and origins are listed."""


def title(inputs: Mapping[str, Any]) -> str:
    """What the dataset is called, as Markdown."""
    environment = inputs.get("environment")
    return f"{code(environment['id'])}: merged trajectories" if environment else "Merged trajectories"


def sections(contents: Contents) -> dict[str, Any]:
    """Its own sections, by their names in the template."""
    inputs = contents.manifest.inputs
    merged = inputs["merged"]
    return {
        "summary": f"{contents.amount}, put together from {count_of(len(merged['parts']), 'dataset')}.",
        "collection": f"{_parts(merged)}\n\nWhere the episodes are from:\n\n{_origins(contents)}",
        "acceptance": "What was accepted into a part, its own card says; `attempt_index` is that of the part."
        " The column `source` of the episodes names the dataset that each comes from.",
        "imported": True,
        "rebuild_promise": "`il-builder merge parts=[...]` of these parts, in this order, gives the same"
        " files under `data/` and `episodes/`, byte for byte.",
        "limits": listed(_limits(contents)),
    }


def _parts(merged: Mapping[str, Any]) -> str:
    """The parts as they were given, in their order."""
    entries, seed = merged["parts"], merged.get("seed", 0)
    rows = [
        (
            code(entry["fingerprint"]),
            number(sum(entry["episodes"].values())),
            _taken(entry, seed),
            code(entry["quality"]) if "quality" in entry else "",
            code(entry["repo_id"]) if "repo_id" in entry else "",
        )
        for entry in entries[:SHOWN]
    ]
    more = (
        f"\n\nAnd {count_of(len(entries) - SHOWN, 'more part')}, in `manifest.json`."
        if len(entries) > SHOWN
        else ""
    )
    heads = ("part (its fingerprint)", "episodes:", "taken", "quality given", "repository")
    return table(heads, rows) + more


def _taken(entry: Mapping[str, Any], seed: int) -> str:
    taken = entry.get("taken")
    if taken is None:
        return "all"
    amount = f"{taken:g} of each split" if isinstance(taken, float) else f"{number(taken)} of each split"
    return f"{amount}, drawn with seed {seed}"


def _origins(contents: Contents) -> str:
    """Who played in which dataset, and how well."""
    known = {source["name"]: source for source in contents.manifest.inputs["merged"]["sources"]}
    rows = []
    for origin in contents.origins[:SHOWN]:
        source = known.get(origin.source, {})
        rows.append(
            (
                code(origin.source),
                code(origin.policy) if origin.policy else "not named",
                code(origin.quality) if origin.quality else "",
                _actions(source),
                code(source["environment"]) if "environment" in source else "not named",
                number(origin.episodes),
                "not known" if origin.mean is None else number(origin.mean),
            )
        )
    more = f"\n\nAnd {number(len(contents.origins) - SHOWN)} more." if len(contents.origins) > SHOWN else ""
    heads = ("source", "policy", "quality", "actions", "environment", "episodes:", "mean return:")
    return table(heads, rows) + more


def _actions(source: Mapping[str, Any]) -> str:
    """How the actions of a source were chosen, and what came between; empty: it does not say."""
    chosen = {True: "the policy's best ones", False: "sampled from the policy's distribution"}
    words = chosen[source["deterministic"]] if "deterministic" in source else ""
    return "; ".join(filter(None, (words, interference_words(source))))


def _labels(inputs: Mapping[str, Any]) -> Iterator[str]:
    """Which column is the label, where what was done is not always it."""
    if EXPERT_ACTION in asked_for(inputs):
        yield (
            "`action` is what was done, and not always what an expert would have done: `expert_action`, where"
            " it is there, is the label for imitation, `action` the one that the rewards and next"
            " observations are of."
        )
    if CONTROLLER in asked_for(inputs):
        yield CONTROLLERS


def _limits(contents: Contents) -> Iterator[str]:
    """What whoever uses the dataset should know of it, a sentence each."""
    manifest = contents.manifest
    inputs = manifest.inputs
    environments = {source.get("environment") for source in inputs["merged"]["sources"]}
    if "environment" not in inputs:
        named = sorted(name for name in environments if name)
        several = f" ({', '.join(map(code, named))})" if named else ""
        yield f"Its parts are not of one environment, as far as they say{several}; their spaces are the same."
    yield "Its parts differ in who played and in what was accepted: its means are no policy's own."
    yield from _labels(inputs)
    yield from copies(contents)
    for name in sorted({column for lacking in null_for(inputs).values() for column in lacking}):
        sources = [source for source, lacking in null_for(inputs).items() if name in lacking]
        few = ", ".join(map(code, sources[:4])) + (
            f" and {len(sources) - 4} more" if len(sources) > 4 else ""
        )
        yield f"{code(name)} is null for the episodes of {few}, which do not have it."
    if lacking := inputs["merged"]["unsaid"]:
        names = ", ".join(map(code, lacking))
        yield f"No part says {names}: the dataset lacks what would have to be guessed."
    yield from (sentence(note) for note in manifest.notes)
    yield from beyond_bounds(manifest)
