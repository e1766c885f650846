"""The card's YAML header, from which the Hub and `load_dataset` know configs, splits and features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from builder.card.contents import Contents, TableSize
from builder.dataset.columns import FOLDERS
from builder.dataset.features import yaml_features
from builder.dataset.schema import features
from builder.experts.sources.table import described_source
from builder.manifest.manifest import stated_license

DEFAULT_CONFIG = "transitions"
TAGS = (
    "imitation-learning",
    "offline-rl",
    "reinforcement-learning",
    "gymnasium",
    "il-builder",
)
SIZE_STEPS = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
"""The Hub's size categories begin at these powers of ten, from 10**3 on."""


def header(contents: Contents, pretty_name: str) -> str:
    """The header of a dataset's card, without its rules; as `huggingface_hub.DatasetCardData` writes it."""
    inputs, spaces = contents.manifest.inputs, contents.manifest.spaces
    declared = {name: yaml_features(features(columns, spaces)) for name, columns in contents.columns.items()}
    rows = sum(size.rows for size in contents.sizes[DEFAULT_CONFIG].values())
    stated = {
        "annotations_creators": ["machine-generated"] if _played(inputs) else None,
        "license": stated_license(inputs),
        "size_categories": [size_category(rows)],
        "source_datasets": ["original"] if _played(inputs) else None,
        "task_categories": ["reinforcement-learning"],
        "pretty_name": pretty_name,
        "tags": tags(inputs),
        "configs": data_configs(list(contents.sizes[DEFAULT_CONFIG])),
        "dataset_info": [
            {"config_name": name, "features": declared[name], **_sizes(contents.sizes[name])}
            for name in FOLDERS
        ],
    }
    known = {key: value for key, value in stated.items() if value is not None}
    return yaml.safe_dump(known, sort_keys=False, allow_unicode=True).strip()


def _played(inputs: Mapping[str, Any]) -> bool:
    """Whether a policy chose the actions, for this dataset; of others' files and functions nobody knows."""
    return "expert" in inputs and "enjoy" not in inputs.get("own", {})


def tags(inputs: Mapping[str, Any]) -> list[str]:
    """What the dataset can be found by on the Hub."""
    expert, environment = inputs.get("expert", {}), inputs.get("environment", {}).get("id")
    if "imported" in inputs:
        return [*TAGS, "imported", inputs["imported"]["format"], *([str(environment)] if environment else [])]
    if "merged" in inputs:
        return [*TAGS, "merged", *([str(environment)] if environment else [])]
    if "enjoy" in inputs.get("own", {}):  # which may have played whatever it liked
        return [*TAGS, *([str(environment)] if environment else [])]
    kind = "expert-trajectories" if described_source(expert).chooses else "random-trajectories"
    return [*TAGS, kind, *(str(name) for name in (environment, expert.get("algo")) if name)]


def size_category(rows: int) -> str:
    """The Hub's size category of so many rows."""
    above = sum(rows >= 10 ** (3 + step) for step in range(len(SIZE_STEPS)))
    if above == 0:
        return f"n<{SIZE_STEPS[0]}"
    if above == len(SIZE_STEPS):
        return f"n>{SIZE_STEPS[-1]}"
    return f"{SIZE_STEPS[above - 1]}<n<{SIZE_STEPS[above]}"


def data_configs(splits: Sequence[str]) -> list[dict[str, Any]]:
    """Which files are which split of which config, for `load_dataset`."""
    return [_config(name, splits) for name in FOLDERS]


def _config(name: str, splits: Sequence[str]) -> dict[str, Any]:
    data_files = [{"split": split, "path": f"{FOLDERS[name]}/{split}-*.parquet"} for split in splits]
    default = {"default": True} if name == DEFAULT_CONFIG else {}
    return {"config_name": name, **default, "data_files": data_files}


def _sizes(splits: Mapping[str, TableSize]) -> dict[str, Any]:
    return {
        "splits": [
            {"name": split, "num_bytes": size.arrow_bytes, "num_examples": size.rows}
            for split, size in splits.items()
        ],
        "download_size": sum(size.file_bytes for size in splits.values()),
        "dataset_size": sum(size.arrow_bytes for size in splits.values()),
    }
