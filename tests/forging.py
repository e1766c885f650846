"""Dataset folders that somebody has forged: every hash is right, what stands in the manifest is theirs."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tracing import plant

from builder.card import write_card
from builder.manifest.identity import identity
from builder.manifest.manifest import read_manifest, seal

Change = Callable[[dict[str, Any]], object]


def forge(folder: Path, change: Change, *, card: bool = True) -> Path:
    """Change the inputs of a dataset, and all that must agree with them; the card where it is looked at."""
    manifest = read_manifest(folder)
    inputs = json.loads(json.dumps(manifest.inputs))
    change(inputs)
    seal(dataclasses.replace(manifest, inputs=inputs, identity=identity(inputs)), folder)
    if card:
        with contextlib.suppress(Exception):  # no card can be made of it: theirs would be wrong as well
            write_card(folder)
    return folder


def forged_copy(
    folder: Path, target: Path, change: Change, *, planted: bool = False, card: bool = True
) -> Path:
    """A forged copy of a dataset; `planted`: with a module of theirs among its listed files."""
    copy = Path(shutil.copytree(folder, target))
    if planted:
        plant(copy)
    return forge(copy, change, card=card)


def put(place: str, value: Any) -> Change:
    """Set a dotted place of the inputs to a value; mappings on the way are made."""

    def change(inputs: dict[str, Any]) -> None:
        *way, last = place.split(".")
        for step in way:
            inputs = inputs.setdefault(step, {})
        inputs[last] = value

    return change


def texts(sandbox: Path, module: str) -> Iterator[str]:
    """Texts that something that parses them would act on."""
    secret, evil = sandbox / "outside" / "secret.txt", sandbox / "folders" / "evil"
    yield from (f"{module}:make", f"{module}.make", f"{module}:Pendulum-v1", module)
    yield from (
        "${oc.env:CANARY_TOKEN}",
        "x${oc.env:CANARY_TOKEN}y",
        "\\${oc.env:CANARY_TOKEN}",
        "${expert.name}",
    )
    yield from ("'", '"', "''", "a'b", "a, b", "[1,2]", "{a:1}", "a=b", "~", "~/x", "$HOME", "`id`", "$(id)")
    yield from (
        "python",
        "expert=python",
        f"x,expert.target={module}:make",
        f"x ++expert.target={module}:make",
    )
    yield from (
        f"x' 'expert=python' 'expert.target={module}:make",
        "+hydra.run.dir=.",
        "_target_",
        "null",
        "",
    )
    yield from (str(secret), f"file://{secret}", f"../../outside/{secret.name}", str(evil), f"{evil}.yaml")
    yield from (
        "../evil",
        "../../folders/evil",
        "expert/../evil",
        "base",
        "hub",
        "local",
        "@file",
        "a\nb",
        "a\0b",
    )
    yield from (
        "http://127.0.0.1:9/x",
        "s3://bucket/x",
        "ssh://host/x",
        "user/name",
        "../..",
        "é\u202e",
        "x" * 5000,
    )
    yield from ("os:system", "subprocess:Popen", "builtins:exec", "gymnasium.wrappers:RecordVideo", "human")


def odd_values(module: str) -> Iterator[Any]:
    """Values of other kinds."""
    yield from (
        {"_target_": f"{module}.make"},
        {"$reference": "${oc.env:CANARY_TOKEN}"},
        {"$path": "/etc/passwd"},
    )
    yield from ({"$float": "inf"}, {"$float": "x"}, {"$mapping": [[1, 2]]}, {"$mapping": 1}, {"$bytes": "zz"})
    yield from (
        [f"{module}:make"],
        {f"{module}:make": f"{module}:make"},
        [],
        {},
        [[[]]],
        True,
        None,
        -1,
        10**30,
        0.5,
    )


PLACES = (
    *(f"expert.{key}" for key in ("name", "source", "target", "repo_id", "filename", "commit", "version")),
    *(f"expert.{key}" for key in ("algo", "sha256", "trust_remote_code", "batched", "sees", "sees.wrappers")),
    *(
        "environment.id",
        "environment.kwargs",
        "environment.kwargs.render_mode",
        "environment.kwargs.xml_file",
    ),
    *("environment.kwargs.sutton_barto_reward", "environment.kwargs.callback", "environment.wrappers"),
    *("environment.mapping", "environment.mapping.trained_on", "environment.preprocessing"),
    *("environment.max_episode_steps", "config.episodes", "config.seed", "config.threshold"),
    *("config.max_return", "config.max_attempts", "config.rollout", "config.rollout.precision"),
    *("config.rollout.max_steps", "config.rollout.lanes", "config.dataset", "config.dataset.license"),
    *(
        "config.dataset.shard_mb",
        "config.dataset.include_expert",
        "config.dataset.hub.push",
        "packages",
        "own",
    ),
)
