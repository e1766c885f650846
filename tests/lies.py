"""Lies that a dataset can tell, and which level of `verify` catches each: `make lies` prints the table.

Every forger makes all that is computed fit again: hashes, identity, fingerprint, card, provenance.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder import Controller
from builder.card import write_card
from builder.config import HubConfig, ParallelConfig, TrustConfig
from builder.errors import BuilderError
from builder.manifest.identity import identity, sha256_of
from builder.manifest.manifest import read_manifest, seal
from builder.verify import verify
from builder.verify.checks import Report
from builder.verify.config import VerifyConfig

LEVELS = ("auto", "files", "replay", "rebuild")

Forger = Callable[[Path], object]

HONEST: dict[str, Any] = {
    "expert": "random",
    "env.id": "Pendulum-v1",
    "env.max_episode_steps": 20,
    "episodes": 8,
    "threshold": -120,
    "max_attempts": 200,
    "dataset.test_fraction": 0.25,
}
STEPS, TEST_STEPS = (f"data/{name}-00000-of-00001.parquet" for name in ("train", "test"))
EPISODES, TEST_EPISODES = (f"episodes/{name}-00000-of-00001.parquet" for name in ("train", "test"))


def stated(folder: Path, **changes: Any) -> None:
    """Write a manifest that states something else, and all that follows from it."""
    manifest = dataclasses.replace(read_manifest(folder), **changes)
    seal(dataclasses.replace(manifest, identity=identity(manifest.inputs)), folder)
    with contextlib.suppress(BuilderError):  # what cannot be rendered keeps its card
        write_card(folder)


def inputs(folder: Path, place: str, value: Any, **changes: Any) -> None:
    content = json.loads(json.dumps(read_manifest(folder).inputs))
    *way, last = place.split(".")
    group = content
    for step in way:
        group = group[step]
    group[last] = value
    stated(folder, inputs=content, **changes)


def says(**changes: Any) -> Forger:
    return lambda folder: stated(folder, **changes)


def inputs_say(place: str, value: Any) -> Forger:
    return lambda folder: inputs(folder, place, value)


def lower_threshold(folder: Path) -> None:
    """One that would have accepted what was rejected, whose returns are therefore forgotten."""
    inputs(folder, "config.threshold", -1000.0, rejected=None)


def better_rejected(folder: Path) -> None:
    rejected = read_manifest(folder).rejected
    stated(folder, rejected=dataclasses.replace(rejected, returns=(-120.5,) * len(rejected.returns)))


def table(folder: Path, path: str, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(folder / path)), folder / path)


def sealed(folder: Path) -> None:
    """The counts of the splits as the files have them, hashes and card."""
    splits = {}
    for name, split in read_manifest(folder).splits.items():
        paths = [folder / place / f"{name}-00000-of-00001.parquet" for place in ("episodes", "data")]
        splits[name] = dataclasses.replace(
            split, **dict(zip(("episodes", "rows"), map(_rows, paths), strict=True))
        )
    stated(folder, splits=splits, accepted=sum(split.episodes for split in splits.values()))


def _rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def values(path: str, column: str, change: Callable[[list[Any]], list[Any]]) -> Forger:
    def forge(folder: Path) -> None:
        def changed(rows: pa.Table) -> pa.Table:
            field = rows.schema.field(column)
            array = pa.array(change(rows[column].to_pylist()), field.type)
            return rows.set_column(rows.schema.get_field_index(column), field, array)

        table(folder, path, changed)
        sealed(folder)

    return forge


def another_policy(folder: Path) -> None:
    for path in (STEPS, TEST_STEPS, EPISODES, TEST_EPISODES):
        if "policy" in pq.read_schema(folder / path).names:
            values(path, "policy", lambda rows: ["ppo-expert"] * len(rows))(folder)
    inputs(folder, "expert.name", "ppo-expert")


def chosen(folder: Path) -> None:
    """Only the best of the accepted episodes: another threshold has picked them."""
    manifest = read_manifest(folder)
    returns = [
        value
        for path in (EPISODES, TEST_EPISODES)
        for value in pq.read_table(folder / path)["episode_return"].to_pylist()
    ]
    best = sorted(returns)[2]
    shutil.rmtree(folder)
    Controller().start({**HONEST, "threshold": best, "out": str(folder), "keep_chunks": False})
    inputs(folder, "config.threshold", manifest.inputs["config"]["threshold"], rejected=None)


def cut(folder: Path) -> None:
    """The last step of the last episode is missing, and nothing says that it was cut."""
    table(folder, STEPS, lambda rows: rows.slice(0, rows.num_rows - 1))

    def shorter(rows: pa.Table) -> pa.Table:
        columns = {name: rows[name].to_pylist() for name in rows.column_names}
        for name in ("length", "row_end"):
            columns[name][-1] -= 1
        steps = pq.read_table(folder / STEPS)
        first = columns["row_start"][-1]
        columns["episode_return"][-1] = sum(steps["reward"].to_pylist()[first:])
        return pa.table(
            {name: pa.array(columns[name], rows.schema.field(name).type) for name in columns}
        ).replace_schema_metadata(rows.schema.metadata)

    table(folder, EPISODES, shorter)
    sealed(folder)


def copied_to_test(folder: Path) -> None:
    """The steps of an episode of train stand in test too."""
    train, test = pq.read_table(folder / STEPS), pq.read_table(folder / TEST_STEPS)
    rows = min(train.num_rows, test.num_rows, 20)
    copied = {}
    for name in test.column_names:
        keep = name in ("episode_index", "attempt_index", "seed", "frame_index", "index")
        source = test.slice(0, rows) if keep else train.slice(0, rows)
        copied[name] = pa.concat_arrays([*source[name].chunks, *test.slice(rows)[name].chunks])
    pq.write_table(pa.table(copied).replace_schema_metadata(test.schema.metadata), folder / TEST_STEPS)
    sealed(folder)


def column_more(folder: Path) -> None:
    table(folder, STEPS, lambda rows: rows.append_column("label", pa.array([1] * rows.num_rows)))
    sealed(folder)


def column_less(folder: Path) -> None:
    table(folder, STEPS, lambda rows: rows.drop_columns(["next_observation"]))
    sealed(folder)


def metadata(folder: Path) -> None:
    table(
        folder,
        STEPS,
        lambda rows: rows.replace_schema_metadata({**rows.schema.metadata, b"pandas": b"\x80\x04N."}),
    )
    sealed(folder)


def linked_folder(folder: Path) -> None:
    elsewhere = folder.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "train.parquet").write_bytes(b"PAR1")
    (folder / "more").symlink_to(elsewhere)


def machine(folder: Path) -> None:
    path = folder / "provenance.json"
    content = json.loads(path.read_text())
    del content["sha256"]
    content = {**content, "cpu": "another"}
    path.write_text(json.dumps({**content, "sha256": sha256_of(content)}, indent=1, sort_keys=True) + "\n")


LIES: dict[str, Forger] = {
    "10⁹ attempts": says(attempts=10**9),
    "10⁹ accepted": says(accepted=10**9),
    "more distinct episodes": lambda folder: stated(
        folder, distinct=dataclasses.replace(read_manifest(folder).distinct, episodes=7)
    ),
    "another licence": inputs_say("config.dataset.license", "mit"),
    "another root seed": inputs_say("config.seed", 7),
    "other package versions": inputs_say("packages.numpy", "1.0"),
    "notes with other figures": says(notes=("1,000 of 1,000 attempts reached 1,000.",)),
    "another machine": machine,
    "a lower threshold than was used": lower_threshold,
    "a threshold that would choose the same": inputs_say("config.threshold", -119.9),
    "rejected attempts with better returns": better_rejected,
    "arguments that are the defaults": inputs_say("environment.kwargs", {"g": 10.0}),
    "other arguments": inputs_say("environment.kwargs", {"g": 9.81}),
    "another environment": inputs_say("environment.id", "Acrobot-v1"),
    "another policy's name": another_policy,
    "episodes chosen by more than the threshold": chosen,
    "an episode cut short": cut,
    "an ending that was none": values(EPISODES, "terminated", lambda rows: [True, *rows[1:]]),
    "rewards that are better": values(STEPS, "reward", lambda rows: [0.0, *rows[1:]]),
    "an action of 10¹⁰": values(STEPS, "action", lambda rows: [[1e10], *rows[1:]]),
    "an action that is not a number": values(STEPS, "action", lambda rows: [[float("nan")], *rows[1:]]),
    "another action": values(STEPS, "action", lambda rows: [[0.5], *rows[1:]]),
    "an episode of train in test": copied_to_test,
    "a column more": column_more,
    "a column less": column_less,
    "a pickle in the metadata of a table": metadata,
    "files behind a link": linked_folder,
    "a file that is not listed": lambda folder: (folder / "model.pkl").write_bytes(b"\x80\x04N."),
    "a folder that is not listed": lambda folder: (folder / "more").mkdir(),
}


GIVES, PLAYED, REJECTED = "are what", "played them", "were rejected"
CLAIMED = {
    "another licence": "may publish it under",
    "other package versions": "packages had the versions",
    "notes with other figures": "the note",
    "another machine": "the machine was",
    "a lower threshold than was used": REJECTED,
    "a threshold that would choose the same": REJECTED,
    "episodes chosen by more than the threshold": REJECTED,
    "rejected attempts with better returns": REJECTED,
    "arguments that are the defaults": GIVES,
    "other arguments": GIVES,
    "another environment": GIVES,
    "another action": GIVES,
    "another policy's name": PLAYED,
}
"""What `verify` calls a claim of those that not every level catches."""


def honest(scratch: Path) -> Path:
    """A dataset that does not lie."""
    Controller().start({**HONEST, "out": str(scratch / "honest")})
    return scratch / "honest"


def verified(folder: Path, level: str) -> Report:
    one = ParallelConfig(backend="threading", n_jobs=1)
    return verify(
        VerifyConfig(out=folder, hub=HubConfig(), level=level, sample=1.0, parallel=one, expert=TrustConfig())
    )


def outcome(folder: Path, lie: str, level: str, scratch: Path) -> str:
    """The check that catches a lie; else whether it is called a claim, or makes no difference."""
    copy = Path(shutil.copytree(folder, scratch / "lies" / "x", symlinks=True))
    LIES[lie](copy)
    report = verified(copy, level)
    for check in report.failures():
        return check.name
    said = any(CLAIMED[lie] in claim.statement for claim in report.claims)
    return "*claimed*" if said else "no difference"


def rows() -> Iterator[str]:
    """The lines of the table."""
    yield f"| lie | {' | '.join(f'`{level}`' for level in LEVELS)} |"
    yield "| --- |" + " --- |" * len(LEVELS)
    with tempfile.TemporaryDirectory() as scratch:
        folder = honest(Path(scratch))
        for lie in LIES:
            found = []
            for level in LEVELS:
                with tempfile.TemporaryDirectory() as place:
                    found.append(outcome(folder, lie, level, Path(place)))
            yield f"| {lie} | {' | '.join(found)} |"


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)  # noqa: T201
