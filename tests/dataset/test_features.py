import json
import subprocess
import sys

import datasets
import numpy as np
import pyarrow as pa
import pytest
import yaml
from huggingface_hub import DatasetCardData

from builder.dataset.features import arrow_schema, arrow_type, image, sequence, shaped, value, yaml_features

DTYPES = ["bool", "string", *(f"{sign}int{size}" for sign in ("", "u") for size in (8, 16, 32, 64))]
DTYPES += ["float16", "float32", "float64"]
KINDS = {
    "value": (value("float32"), datasets.Value("float32")),
    "sequence": (sequence("bool", 3), datasets.Sequence(datasets.Value("bool"), length=3)),
    "image": (image(), datasets.Image()),
    "rank-0": (shaped("int8", ()), datasets.Value("int8")),
    "rank-1": (shaped("int8", (4,)), datasets.Sequence(datasets.Value("int8"), length=4)),
    "rank-2": (shaped("int8", (1, 2)), datasets.Array2D((1, 2), "int8")),
    "rank-3": (shaped("int8", (1, 2, 3)), datasets.Array3D((1, 2, 3), "int8")),
    "rank-4": (shaped("int8", (1, 2, 3, 4)), datasets.Array4D((1, 2, 3, 4), "int8")),
    "rank-5": (shaped("int8", (1, 2, 3, 4, 5)), datasets.Array5D((1, 2, 3, 4, 5), "int8")),
    "struct": (
        {"feature": value("string"), "dtype": {"list": image()}},
        {"feature": datasets.Value("string"), "dtype": {"list": datasets.Image()}},
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_of_feature_is_described_and_stored_as_datasets_does(name):
    ours, theirs = {"x": KINDS[name][0]}, datasets.Features({"x": KINDS[name][1]})
    assert datasets.Features.from_dict(ours) == theirs
    assert arrow_schema(ours) == theirs.arrow_schema
    written = json.dumps(theirs.to_dict()).replace('"_type": "List"', '"_type": "Sequence"')
    assert arrow_schema(ours).metadata[b"huggingface"] == f'{{"info": {{"features": {written}}}}}'.encode()


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_of_feature_stands_in_the_card_as_datasets_writes_it(name):
    ours, theirs = {"x": KINDS[name][0]}, datasets.Features({"x": KINDS[name][1]})
    card = DatasetCardData()
    infos = datasets.info.DatasetInfosDict({"": datasets.DatasetInfo(features=theirs)})
    infos.to_dataset_card_data(card)
    written = yaml.safe_dump(card["dataset_info"]["features"], sort_keys=False)
    found = yaml.safe_dump(yaml_features(ours), sort_keys=False)
    assert found == (written.replace("list:", "sequence:") if name != "struct" else written)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_dtype_has_the_arrow_type_that_datasets_gives_it(dtype):
    assert arrow_type(value(dtype)) == datasets.Value(dtype)()
    if dtype != "string":
        assert arrow_type(value(dtype)) == pa.from_numpy_dtype(np.dtype(dtype))


def test_vectors_and_images_are_described_without_datasets_or_pandas():
    lines = (
        "import sys; from builder.dataset.features import *;"
        "arrow_schema({'x': sequence('float32', 3), 'y': image()}); yaml_features({'x': value('bool')});"
        "assert not {'datasets', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", lines], check=True)
