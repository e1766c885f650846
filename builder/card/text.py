"""The card's sentences and its tables of figures, each computed from the dataset's contents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from builder.card.contents import Contents
from builder.card.figures import Figures, Spread, figures
from builder.card.markdown import code, count_of, number, numbers, share, share_of, table
from builder.environments.masks import ASKED
from builder.episodes.acceptance import Acceptance
from builder.experts.sources.expert import NOT_PINNED
from builder.experts.sources.table import described_source
from builder.manifest.manifest import Manifest, stated_license
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
)


SHOWN_PLAYERS = 8
"""So many names of players are listed."""

INSTANCES = {
    "fresh": "a new one for each episode: it does not forget its past on `reset`",
    "single": "alone in their process: it is right only so",
}

DRAWN = {
    "pygame": "pygame: the same pictures on every machine",
    "emulator": "its emulator: the same pictures on every machine",
    "opengl": "OpenGL, whose drivers do not draw alike: other machines give other pictures",
    "itself": "itself; nobody knows whether other machines give the same pictures",
}


def own_enjoy(inputs: Mapping[str, Any]) -> bool:
    """Whether a function of the author's own played, and said what is accepted."""
    return "enjoy" in inputs.get("own", {})


def title(inputs: Mapping[str, Any]) -> str:
    """What the dataset is called, as Markdown."""
    environment, expert = inputs.get("environment"), inputs.get("expert")
    if not environment or not expert:
        return "Recorded trajectories"
    if own_enjoy(inputs):
        return f"{code(environment['id'])}: recorded trajectories"
    if not described_source(expert).chooses:
        return f"{code(environment['id'])}: random trajectories"
    return f"{code(environment['id'])}: expert trajectories of {code(expert['name'])}"


def summary(contents: Contents) -> str:
    """What the dataset is, in one sentence."""
    inputs, total = contents.manifest.inputs, figures(list(contents.endings.values()))
    amount = f"{count_of(total.episodes, 'episode')} ({count_of(total.steps, 'step')})"
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
    splits = {name: figures([endings]) for name, endings in contents.endings.items()}
    columns = {"all": total} | splits if len(splits) > 1 else splits
    rows = list(zip(*map(_cells, columns.values()), strict=True))
    manifest, blank = contents.manifest, ("",) * (len(columns) - 1)
    played = [
        ("attempts played", number(manifest.attempts), *blank),
        ("acceptance rate", share(manifest.accepted, manifest.attempts), *blank),
    ]
    if "imported" in manifest.inputs:  # what was left out of it, its source knows
        played = []
    if manifest.distinct is not None:
        played.insert(0, ("distinct episodes", share_of(manifest.distinct.episodes, total.episodes), *blank))
    labelled = [(label, *row) for label, row in zip(FIGURES, rows, strict=True)]
    return table(("", *(f"{name}:" for name in columns)), [*labelled[:2], *played, *labelled[2:]])


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


def collection_table(manifest: Manifest) -> str:
    """Who played what, and how."""
    inputs = manifest.inputs
    environment, expert, config = (inputs.get(key) for key in ("environment", "expert", "config"))
    if not environment or not expert or not config:
        return "The recorded files came without a configuration, so how they were collected is not known."
    rows = [
        ("environment", code(environment["id"])),
        ("played in place of", _mapped(environment)),
        ("its keyword arguments", mapping_of(environment["kwargs"])),
        ("its preprocessing", mapping_of(environment.get("preprocessing", {}), absent="")),
        ("its instances", INSTANCES.get(manifest.instances or "", "")),
        ("drawn by", DRAWN.get(environment.get("drawn_by", ""), "")),
        ("limit of an episode", count_of(environment["max_episode_steps"], "step")),
        ("expert", f"{code(expert['name'])}, {described_source(expert).origin(expert, code)}"),
        ("its algorithm", code(expert["algo"]) if expert.get("algo") else ""),
        _version(expert),
        ("what it sees", _sees(expert.get("sees", {}), environment)),
        ("masks of its actions", ASKED.get(expert.get("action_masks"), "")),
        ("loaded by", "Stable-Baselines3 itself, by trust" if expert.get("trust_remote_code") else ""),
        ("actions", _actions(inputs)),
        ("inference", "" if own_enjoy(inputs) else _inference(expert, config["rollout"])),
        ("root seed", str(config["seed"])),
        ("accepted", _accepted(inputs)),
    ]
    return table(("what", "value"), [(what, value) for what, value in rows if value])


def _accepted(inputs: Mapping[str, Any]) -> str:
    if own_enjoy(inputs):
        return "what its author's own `enjoy` accepted"
    config = inputs["config"]
    rule = accepted_returns(config)
    return f"{f'return {rule}' if rule else 'every attempt'}{_unless(config)}"


def _unless(config: Mapping[str, Any]) -> str:
    """Why an attempt is not accepted, whatever its return."""
    reasons = ["it failed"] if config["rollout"].get("on_error") == "reject" else []
    reasons += ["it repeats an accepted one"] if config["dataset"].get("unique") else []
    return f", unless {' or '.join(reasons)}" if reasons else ""


def mapping_of(kwargs: Mapping[str, Any], absent: str = "none") -> str:
    """Keys and values, as code."""
    return ", ".join(f"{code(f'{name}={value!r}')}" for name, value in kwargs.items()) or absent


def _mapped(environment: Mapping[str, Any]) -> str:
    """The environment that the expert was trained on, where it is another one."""
    mapping = environment.get("mapping")
    if not mapping:
        return ""
    zeros = f"; it sees {mapping['zeros']} zeros after each observation" if mapping["zeros"] else ""
    return f"{code(mapping['trained_on'])}, which the expert was trained on{zeros}"


def _sees(sees: Mapping[str, Any], environment: Mapping[str, Any]) -> str:
    """What training put between the environment and the policy; the dataset holds what was before it."""
    kinds = [name.rpartition(".")[2] for name in sees.get("wrappers", ())]
    recorded = ["AtariWrapper"] if environment.get("preprocessing") else []
    parts = [code(kind) for kind in kinds if kind not in recorded]
    if sees.get("normalised"):
        parts.append("normalised observations")
    if sees.get("frame_stack", 1) > 1:
        parts.append(f"{sees['frame_stack']} stacked observations")
    return ", ".join(parts) + "; the dataset holds the environment's own" if parts else ""


def _version(expert: Mapping[str, Any]) -> tuple[str, str]:
    if not described_source(expert).chooses:
        return "", ""
    if expert.get("sha256"):
        return "its archive's sha256", code(expert["sha256"])
    version = expert["version"]
    return "its version", version if version == NOT_PINNED else code(version)


def _actions(inputs: Mapping[str, Any]) -> str:
    """How they were chosen, as far as that is known: of functions and policies of others, it is not."""
    expert, rollout = inputs["expert"], inputs["config"]["rollout"]
    if own_enjoy(inputs):
        return "whatever its author's own `enjoy` chose"
    if not described_source(expert).chooses:
        return "sampled from the action space"
    if not expert.get("sha256"):
        asked = "deterministic=True" if rollout["deterministic"] else "deterministic=False"
        return f"what its `predict` answered, asked with {code(asked)}"
    if rollout["deterministic"]:
        return "deterministic: the policy's best ones"
    return "sampled from the policy's distribution"


def _inference(expert: Mapping[str, Any], rollout: Mapping[str, Any]) -> str:
    if not expert.get("sha256"):
        return ""  # not ours
    if rollout["precision"] == "float64":
        return "float64, rounded once to the action's dtype"
    return code(rollout["precision"])


def accepted_returns(config: Mapping[str, Any]) -> str:
    """The returns of accepted attempts; empty: any."""
    bounds = Acceptance.of(config)
    limits = [f"at least {number(bounds.low)}"] if bounds.low > -math.inf else []
    limits += [f"at most {number(bounds.high)}"] if bounds.high < math.inf else []
    return " and ".join(limits)


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
    meaning += _unless(config)
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
    if beside := expert.get("beside"):
        files = " and ".join(code(name) for name in sorted(beside))
        return f"With the versions below, and {files} beside the archive, {same}"
    return f"With the versions below, {same}"


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
