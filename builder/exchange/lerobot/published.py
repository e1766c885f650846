"""A dataset in a repository on the Hub, as LeRobot finds it there: its tag, and its card."""

from __future__ import annotations

from functools import partial

from builder.card.render import CARD, NOTES
from builder.exchange.contract import Options, Source
from builder.exchange.lerobot.writing import VERSION, losses
from builder.exchange.publication import Publication
from builder.manifest.manifest import stated_license


def published(source: Source, options: Options, repo_id: str) -> Publication:
    """How a dataset lies in a repository: the whole of it, at the tag that LeRobot asks for."""
    text = _card(source, options, repo_id)
    imported = "from lerobot.datasets.lerobot_dataset import LeRobotDataset"
    opened = f'{imported}; dataset = LeRobotDataset("{repo_id}")'
    return Publication("lerobot", opened, shared={CARD: partial(_with_notes, text)}, tag=VERSION)


def _with_notes(text: str, there: bytes | None) -> bytes:
    """The card, and the section of notes that the repository's has."""
    known = (there or b"").decode("utf-8", "replace")
    found = NOTES.search(known)
    notes = known[found.start() :].strip() if found else ""
    return f"{text}\n{notes}\n".encode() if notes else text.encode()


def _card(source: Source, options: Options, repo_id: str) -> str:
    from huggingface_hub import DatasetCardData

    header = DatasetCardData(
        license=stated_license(source.manifest.inputs),
        task_categories=["robotics"],
        tags=["LeRobot", "imitation-learning", "il-builder"],
        configs=[{"config_name": "default", "data_files": "data/*/*.parquet"}],
    )
    environment = (source.environment or {}).get("id")
    of = f" of `{environment}`" if environment else ""
    lines = [
        "---",
        header.to_yaml().strip(),
        "---",
        "",
        f"# {repo_id.partition('/')[2]}",
        "",
        f"{source.episodes:,} episodes{of}, as a dataset of LeRobot's, version {VERSION}, by il-builder.",
        "",
        "```python",
        "from lerobot.datasets.lerobot_dataset import LeRobotDataset",
        f'dataset = LeRobotDataset("{repo_id}")',
        "```",
        "",
        f"Made from the dataset of the fingerprint `{source.manifest.fingerprint}`: see `il_builder.json`.",
    ]
    if lost := tuple(losses(source, options)):
        lines += ["", "Not in it:", "", *(f"* {loss}" for loss in lost)]
    return "\n".join(lines) + "\n"
