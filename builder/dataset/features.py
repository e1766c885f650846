"""Features as `datasets` describes them: JSON in a file's metadata, YAML of a card, types of Arrow.

They are written out here, and held against `datasets` by the tests: to import it takes longer than a small
build takes to play. It is imported where a column is of rank 2 to 5, whose Arrow type is its own.

A feature is plain JSON, as `datasets.Features.to_dict` gives it; a struct is a dict of features by their
names, none of which is "_type". Sequences are called as `datasets` 3 and earlier know them: later ones write
`List` and read both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from builder.dataset.images import STORAGE

MAX_RANK = 5  # `datasets` has Array2D to Array5D

Feature = dict[str, Any]
Features = Mapping[str, Feature]


def value(dtype: str) -> Feature:
    """Of plain values."""
    return {"dtype": dtype, "_type": "Value"}


def sequence(dtype: str, length: int) -> Feature:
    """Of as many values in each row."""
    return {"feature": value(dtype), "length": length, "_type": "Sequence"}


def shaped(dtype: str, shape: Sequence[int]) -> Feature:
    """Of values that have a shape of rank 0 to 5."""
    if not shape:
        return value(dtype)
    if len(shape) == 1:
        return sequence(dtype, shape[0])
    return {"shape": list(shape), "dtype": dtype, "_type": f"Array{len(shape)}D"}


def image() -> Feature:
    """Of pictures, as files in the rows."""
    return {"_type": "Image"}


def arrow_schema(columns: Features) -> pa.Schema:
    """The Arrow schema of features, with the metadata from which `datasets` reads their types."""
    metadata = {"info": {"features": columns}}
    fields = [pa.field(name, arrow_type(feature)) for name, feature in columns.items()]
    return pa.schema(fields, {"huggingface": json.dumps(metadata)})


def arrow_type(feature: Feature) -> pa.DataType:
    """How the values of a feature are stored."""
    kind = feature.get("_type")
    if kind is None:
        return pa.struct([pa.field(name, arrow_type(part)) for name, part in feature.items()])
    if kind == "Value":
        return pa.type_for_alias(feature["dtype"])
    if kind == "Sequence":
        return pa.list_(arrow_type(feature["feature"]), feature["length"])
    if kind == "Image":
        return STORAGE
    from datasets.features import features as types

    return getattr(types, f"{kind}ExtensionType")(tuple(feature["shape"]), feature["dtype"])


def yaml_features(columns: Features) -> list[dict[str, Any]]:
    """Features as `dataset_info.features` in the header of a dataset card."""
    return [{"name": name, **_yaml(feature)} for name, feature in columns.items()]


def _yaml(feature: Feature) -> dict[str, Any]:
    kind = feature.get("_type")
    if kind is None:
        return {"struct": yaml_features(feature)}
    if kind == "Value":
        return {"dtype": feature["dtype"]}
    if kind == "Sequence":
        return {"sequence": feature["feature"]["dtype"], "length": feature["length"]}
    if kind == "Image":
        return {"dtype": "image"}
    rank = len(feature["shape"])
    return {"dtype": {f"array{rank}_d": {"shape": list(feature["shape"]), "dtype": feature["dtype"]}}}
