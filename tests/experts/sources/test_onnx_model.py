"""What a model would need beside its own bytes is found before onnxruntime opens it."""

import random
import time

import numpy as np
import onnx_models
import pytest

from builder.errors import ArchiveError, BuilderError, UnsafeArchiveError, UnsupportedExpertError
from builder.experts.sources.onnx_model import check_model

pytest.importorskip("onnx")


def check(path):
    check_model(path.read_bytes(), path.name)


def node(kind, *, domain="", inputs=("x0",), outputs=("output",), **attributes):
    from onnx import helper

    return helper.make_node(kind, list(inputs), list(outputs), domain=domain, **attributes)


def outside(location):
    """A tensor whose numbers lie in another file."""
    from onnx import TensorProto, numpy_helper
    from onnx.external_data_helper import set_external_data

    tensor = numpy_helper.from_array(np.zeros((1, 4), "f4"), "w")
    set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    return tensor


def graph_of(*nodes, tensors=()):
    from onnx import helper

    return helper.make_graph(list(nodes), "inner", [], [], list(tensors))


def test_a_model_of_a_policy_is_taken(tmp_path):
    check(onnx_models.two_layers(tmp_path / "m.onnx")[1])


@pytest.mark.parametrize("location", ["../../../etc/passwd", "/etc/passwd", "weights.bin", ""])
def test_tensors_in_other_files_are_refused_wherever_these_lie(tmp_path, location):
    path = onnx_models.built(tmp_path / "m.onnx", [node("Identity")], tensors=[outside(location)])
    with pytest.raises(UnsafeArchiveError, match="its tensors lie in another file"):
        check(path)


def test_tensors_of_attributes_and_of_inner_graphs_are_found_too(tmp_path):
    inner = graph_of(tensors=[outside("a")])
    for attributes in ({"value": outside("a")}, {"then_branch": inner, "else_branch": graph_of()}):
        kind = "Constant" if "value" in attributes else "If"
        path = onnx_models.built(tmp_path / "m.onnx", [node(kind, **attributes)])
        with pytest.raises(UnsafeArchiveError, match="another file"):
            check(path)


@pytest.mark.parametrize("domain", ["com.microsoft", "mine", "ai.onnx.contrib"])
def test_operators_of_others_are_refused(tmp_path, domain):
    used = onnx_models.built(tmp_path / "a.onnx", [node("Thing", domain=domain)])
    announced = onnx_models.built(tmp_path / "b.onnx", [node("Identity")], domains=("", domain))
    for path in (used, announced):
        with pytest.raises(UnsafeArchiveError, match=f"operators of '{domain}'; expected ONNX's own"):
            check(path)


@pytest.mark.parametrize("kind", ["RandomNormalLike", "Multinomial", "Bernoulli"])
def test_a_model_that_draws_is_refused_in_inner_graphs_too(tmp_path, kind):
    drawing = node(kind)
    branches = node("If", then_branch=graph_of(drawing), else_branch=graph_of())
    for nodes in ([drawing], [branches]):
        with pytest.raises(UnsupportedExpertError, match=rf"it draws at random \({kind}\)"):
            check(onnx_models.built(tmp_path / "m.onnx", nodes))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an ONNX model"),
        (b"PK\x03\x04" + bytes(40), "damaged|not an ONNX model"),
        (b"\x3a\xff\xff\xff\xff\x0f", "cut short"),
        (b"\xff" * 20, "cut short"),
        (b"\x0b", "not an ONNX model"),
    ],
)
def test_other_files_are_said_to_be_none(content, message):
    with pytest.raises(ArchiveError, match=message):
        check_model(content, "m.onnx")


def message(number, content):
    length, text = len(content), b""
    while length >= 0x80:
        text, length = text + bytes([length & 0x7F | 0x80]), length >> 7
    return bytes([number << 3 & 0x7F | 2 | (0x80 if number > 15 else 0)]) + text + bytes([length]) + content


@pytest.mark.slow
def test_deep_nesting_and_many_fields_are_refused_quickly():
    graph = b""
    for _ in range(2000):  # a graph in an attribute in a node in a graph ...
        graph = message(1, message(5, message(6, graph)))
    began = time.process_time()
    with pytest.raises(ArchiveError, match="nested more than 32 deep"):
        check_model(message(7, graph), "m.onnx")
    with pytest.raises(ArchiveError, match="more than 1000000 fields"):
        check_model(message(7, b"\x08\x00" * 1_000_001), "m.onnx")
    assert time.process_time() - began < 10


@pytest.mark.parametrize("rounds", [40, pytest.param(2_000, marks=pytest.mark.slow)])
def test_mutated_models_are_named_errors_or_models(tmp_path, rounds):
    """Also those that onnxruntime then opens."""
    pytest.importorskip("onnxruntime")
    from weights_folders import CARTPOLE

    from builder.episodes.context import Context
    from builder.experts.sources.onnx_player import OnnxPlayer

    content = onnx_models.two_layers(tmp_path / "m.onnx")[1].read_bytes()
    rng, refused = random.Random(rounds), 0
    for _ in range(rounds):
        changed = bytearray(content)
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(changed))
            if rng.random() < 0.5:
                changed[place] ^= 1 << rng.randrange(8)
            else:
                changed[place : place + rng.randint(0, 4)] = rng.randbytes(rng.randint(0, 4))
        try:
            check_model(bytes(changed), "m.onnx")
            actor = OnnxPlayer(bytes(changed), "m.onnx").actor(*CARTPOLE)
            actor.begin(0, Context(0))
            actor.act([np.ones((1, 4), "f4")], [0])
        except BuilderError:
            refused += 1
    assert refused > rounds / 10
