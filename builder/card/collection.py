"""The card's table of how a dataset was collected, and the words for what was accepted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from builder.card.interference import interference_words, level_words
from builder.card.markdown import code, count_of, number, table
from builder.environments.masks import ASKED
from builder.episodes.acceptance import Acceptance
from builder.experts.sources.expert import NOT_PINNED
from builder.experts.sources.table import described_source
from builder.manifest.manifest import Manifest

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
        ("its repository", _page(expert)),
        ("its algorithm", code(expert["algo"]) if expert.get("algo") else ""),
        _version(expert),
        ("what it sees", _sees(expert.get("sees", {}), environment)),
        ("masks of its actions", ASKED.get(expert.get("action_masks"), "")),
        ("loaded by", "Stable-Baselines3 itself, by trust" if expert.get("trust_remote_code") else ""),
        ("actions", _actions(inputs)),
        ("inference", "" if own_enjoy(inputs) else _inference(expert, config["rollout"])),
        ("root seed", str(config["seed"])),
        ("accepted", _accepted(inputs)),
        *relabelling(inputs),
    ]
    return table(("what", "value"), [(what, value) for what, value in rows if value])


def relabelling(inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Who said afterwards what it would do, and of which dataset; nothing where nobody did."""
    labels = inputs.get("relabelled")
    if not labels:
        return []
    expert = labels["expert"]
    told, version = _version(expert)
    origin = described_source(expert).origin(expert, code)
    return [
        ("`expert_action` is of", f"{code(expert['name'])}, {origin}"),
        (f"of it, {told}", version) if told else ("", ""),
        ("fingerprint without it", code(labels["dataset"])),
    ]


def labels_again(inputs: Mapping[str, Any]) -> str:
    """How the labels of a dataset come to what can be built or imported again; empty: there are none."""
    if not inputs.get("relabelled"):
        return ""
    adds = "which `il-builder relabel` with the expert above then adds"
    return f" without `expert_action`, byte for byte, {adds}"


def _page(expert: Mapping[str, Any]) -> str:
    """A link to where the expert was published, if that is known."""
    address = described_source(expert).page(expert)
    return f"[{code(expert['repo_id'])} on the Hub]({address})" if address else ""


def _accepted(inputs: Mapping[str, Any]) -> str:
    if own_enjoy(inputs):
        return "what its author's own `enjoy` accepted"
    config = inputs["config"]
    rule = accepted_returns(config)
    return f"{f'return {rule}' if rule else 'every attempt'}{unless(config)}"


def unless(config: Mapping[str, Any]) -> str:
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
    if members := expert.get("members"):
        shown = [f"{code(member['name'] + '.zip')} {code(member['sha256'])}" for member in members[:8]]
        shown += [f"{len(members) - 8} more"] if len(members) > 8 else []
        return "the sha256 of its archives", f"{', '.join(shown)}; of all together {code(expert['sha256'])}"
    if expert.get("sha256"):
        return "its archive's sha256", code(expert["sha256"])
    version = expert["version"]
    return "its version", version if version == NOT_PINNED else code(version)


def _actions(inputs: Mapping[str, Any]) -> str:
    """How they were chosen, and what was done to them."""
    between = "; ".join(filter(None, (interference_words(inputs["config"]["rollout"]), level_words(inputs))))
    return f"{_chosen(inputs)}; {between}" if between else _chosen(inputs)


def _chosen(inputs: Mapping[str, Any]) -> str:
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
