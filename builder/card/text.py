"""The card's sentences and its tables of figures, each computed from the dataset's contents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from builder.card.collection import accepted_returns, labels_again, own_enjoy, unless
from builder.card.contents import Contents
from builder.card.figures import Figures, Spread, figures, spread
from builder.card.interference import interferes
from builder.card.markdown import code, count_of, number, numbers, share, share_of, table
from builder.card.scale import LABEL
from builder.episodes.spaces import Array
from builder.episodes.switch import RANDOM
from builder.experts.sources.expert import NOT_PINNED
from builder.experts.sources.source import OTHER_POLICY
from builder.experts.sources.table import described_source
from builder.manifest.manifest import Manifest, stated_license
from builder.manifest.reference import kept_reference
from builder.manifest.scores import level_name, normalized
from builder.versions import OURS

FIGURES = (
    "episodes",
    "steps",
    "return: mean ± standard deviation",
    "return: minimum / median / maximum",
    "length: mean ± standard deviation",
    "length: minimum / median / maximum",
    "terminated",
    "truncated",
    "success, as the last step says",
)


SHOWN_PLAYERS = 8
"""So many names of players are listed."""


def title(inputs: Mapping[str, Any]) -> str:
    """What the dataset is called, as Markdown."""
    environment, expert = inputs.get("environment"), inputs.get("expert")
    if not environment or not expert:
        return "Recorded trajectories"
    if own_enjoy(inputs):
        return f"{code(environment['id'])}: recorded trajectories"
    if not described_source(expert).chooses:
        return f"{code(environment['id'])}: random trajectories"
    rollout = inputs["config"]["rollout"]
    if level := level_name(inputs):
        return f"{code(environment['id'])}: {code(level)} trajectories of {code(expert['name'])}"
    kind = "mixed" if rollout.get("switch") else "noisy" if interferes(inputs) else "expert"
    return f"{code(environment['id'])}: {kind} trajectories of {code(expert['name'])}"


def summary(contents: Contents) -> str:
    """What the dataset is, in one sentence."""
    inputs, endings = contents.manifest.inputs, contents.endings.values()
    episodes, steps = (
        sum(len(each.lengths) for each in endings),
        sum(int(each.lengths.sum()) for each in endings),
    )
    amount = f"{count_of(episodes, 'episode')} ({count_of(steps, 'step')})"
    if not inputs.get("environment"):
        return f"{amount}, put together from recorded files."
    return f"{amount} of {code(inputs['environment']['id'])}, played by {_player(inputs, contents.players)}."


def _player(inputs: Mapping[str, Any], players: Mapping[str, int]) -> str:
    expert = inputs["expert"]
    if own_enjoy(inputs):
        given = f"an `enjoy` function of its author's own, which was given the expert {code(expert['name'])}"
        return given + _named(players, expert["name"])
    if not described_source(expert).chooses:
        low_end = "the low end that offline reinforcement learning and normalised scores need"
        return f"a policy that samples the action space: {low_end}"
    algo = f"{code(expert['algo'])} " if expert.get("algo") else ""
    purpose = "for imitation learning, offline and inverse reinforcement learning"
    return f"the {algo}expert {code(expert['name'])}, {purpose}"


def _named(players: Mapping[str, int], expert: str) -> str:
    """Whom a function of the author's own names as players, where that is not the expert alone."""
    if [*players] == [expert]:
        return ""
    named = [f"{code(name)} ({count_of(count, 'episode')})" for name, count in players.items()]
    more = [f"{len(named) - SHOWN_PLAYERS} more"] if len(named) > SHOWN_PLAYERS else []
    return " and says who played: " + ", ".join([*named[:SHOWN_PLAYERS], *more])


def figures_table(contents: Contents) -> str:
    """The figures of all episodes and, where there is more than one split, of each."""
    total = figures(list(contents.endings.values()))
    if len(contents.endings) > 1:
        columns = {"all": total} | {name: figures([each]) for name, each in contents.endings.items()}
    else:
        columns = dict.fromkeys(contents.endings, total)
    rows = list(zip(*map(_cells, columns.values()), strict=True))
    manifest, blank = contents.manifest, ("",) * (len(columns) - 1)
    played = [
        ("attempts played", number(manifest.attempts), *blank),
        ("acceptance rate", share(manifest.accepted, manifest.attempts), *blank),
    ]
    if "imported" in manifest.inputs or "merged" in manifest.inputs:  # what was left out, its source knows
        played = []
    if manifest.distinct is not None:
        played.insert(0, ("distinct episodes", share_of(manifest.distinct.episodes, total.episodes), *blank))
    labelled = [(label, *row) for label, row in zip(FIGURES, rows, strict=True)]
    if total.success is None:
        labelled.pop()
    if scores := kept_reference(manifest):
        scaled = [_mean(spread(100 * normalized(returns, scores))) for returns in _returns(contents)]
        labelled.insert(4, (LABEL, *scaled))
    return table(("", *(f"{name}:" for name in columns)), [*labelled[:2], *played, *labelled[2:]])


def _returns(contents: Contents) -> list[Array]:
    """The returns behind each column of the table: of all episodes, and of each split."""
    splits = [endings.returns for endings in contents.endings.values()]
    return [np.concatenate(splits), *splits] if len(splits) > 1 else splits


def _cells(found: Figures) -> list[str]:
    """One column of the table, in the order of `FIGURES`."""
    return [
        number(found.episodes),
        number(found.steps),
        _mean(found.returns),
        _range(found.returns),
        _mean(found.lengths),
        _range(found.lengths),
        _share(found.terminated, found),
        _share(found.truncated, found),
        _share(found.success, found),
    ]


def _mean(spread: Spread) -> str:
    if math.isnan(spread.mean) and math.isnan(spread.least):
        return "not known"
    return " ± ".join(numbers(spread.mean, spread.std))


def _range(spread: Spread) -> str:
    if math.isnan(spread.mean) and math.isnan(spread.least):
        return "not known"
    return " / ".join(numbers(spread.least, spread.median, spread.greatest))


def _share(count: int | None, found: Figures) -> str:
    return "not known" if count is None else share_of(count, found.episodes)


def acceptance(contents: Contents) -> str:
    """What accepted means, and how many were."""
    manifest = contents.manifest
    config = manifest.inputs.get("config")
    if not config:
        return f"The dataset holds {number(manifest.accepted)} of the {number(manifest.attempts)} attempts."
    rule = accepted_returns(config)
    meaning = f"It is *accepted* if its return is {rule}" if rule else "Every attempt is *accepted*"
    if own_enjoy(manifest.inputs):
        meaning = "It is *accepted* if its author's own `enjoy` says so"
    meaning += unless(config)
    count = f"{number(manifest.accepted)} of {count_of(manifest.attempts, 'attempt')}"
    sentence = f"{meaning}; the dataset holds the accepted ones in the order of attempts, {count}."
    fraction = config["dataset"]["test_fraction"]
    return (
        f"{sentence} One episode in {round(1 / fraction)} is in the split `test`." if fraction else sentence
    )


def rebuild_promise(inputs: Mapping[str, Any], *, possible: bool) -> str:
    """What the command gives back, or why there is none."""
    expert, config = inputs.get("expert"), inputs.get("config")
    if not expert or not config:
        return "The recorded files came without a configuration, so no command can play them again."
    if not possible:
        return _why_not(inputs, expert)
    if expert["version"] == NOT_PINNED:
        return "The expert is not pinned. If it still is what it was, this plays the same attempts again:"
    if config["rollout"]["precision"] != "float64":
        return "This plays the same attempts again, though in float32 not to the bit:"
    same = "this gives the same files under `data/` and `episodes/`, byte for byte:"
    if labels := labels_again(inputs):
        same = f"this gives what it was{labels}:"
    needed = ["With the versions below"]
    if beside := expert.get("beside"):
        needed.append(f"and {' and '.join(code(name) for name in sorted(beside))} beside the archive")
    if (config["rollout"].get("switch") or {}).get("policy", RANDOM) != RANDOM:
        needed.append(f"and the archive of the other policy for {code(OTHER_POLICY)}")
    return f"{', '.join(needed)}, {same}"


def _why_not(inputs: Mapping[str, Any], expert: Mapping[str, Any]) -> str:
    """Why no command can build it again."""
    if inputs.get("own"):
        functions = " and ".join(code(name) for name in sorted(inputs["own"]))
        return f"Functions of its author's own made it ({functions}): only that program can do it again."
    source = described_source(expert)
    if source.rebuilt(expert) is None:
        return source.why_not(expert, code)
    return "The configuration holds values that cannot be shown as a command."


def packages_table(manifest: Manifest) -> str:
    """Versions of what can change a byte of the dataset; of this package, that of the data's format."""
    packages = manifest.inputs.get("packages") or {}
    names = {name: code(name) + (", its format" if name == OURS else "") for name in packages}
    rows = [(names[name], code(packages[name])) for name in sorted(packages)]
    written = [(code(OURS), code(manifest.written_by))] if manifest.written_by else []
    return table(("package", "version"), [*written, *rows])


def licence(inputs: Mapping[str, Any]) -> str:
    """The licence, or that there is none."""
    stated = stated_license(inputs)
    return code(stated) if stated else "Not stated. Ask whoever published the dataset before you reuse it."
