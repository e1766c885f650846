"""The line that an export ends with, in the environment of the library that it names."""

import peer
import pytest

from builder.exchange.export import ExportRequest, export
from builder.exchange.formats import FORMATS

# Some import torchvision, whose wheel has no operators beside torch for CPU alone.
OPERATORS = """
from importlib.util import find_spec
if find_spec("torchvision"):
    import torch
    operators = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""
NAMES = ("d3rlpy", "il-datasets", "imitation", "lerobot", "minari", "ogbench", "robomimic")


@pytest.mark.parametrize("name", [pytest.param(name, marks=peer.needs(name)) for name in NAMES])
def test_the_line_opens_it_there(name, dataset_of, tmp_path):
    path = export(dataset_of("vector"), ExportRequest(name, tmp_path / f"x{FORMATS[name].suffix}")).path
    script = f"{OPERATORS}\nexec(words[0], {{}})\nanswer('opened')"
    opened, _ = peer.run(name, script, FORMATS[name].opening(path), HF_HUB_OFFLINE="1")
    assert opened == "opened"
