"""`expert=onnx`: from a file to a dataset that says what it cannot promise."""

import json
from importlib.metadata import version

import numpy as np
import onnx_models
import pytest
from configured import loaded, player_of
from verification import check

from builder import Controller
from builder.config import TrustConfig
from builder.errors import ArchiveError, ConfigError, ExpertError, UnsupportedExpertError
from builder.storage.limits import ONNX_BYTES

pytest.importorskip("onnx")


@pytest.fixture
def model(tmp_path):
    return onnx_models.two_layers(tmp_path / "policy" / "m.onnx")[1]


@pytest.fixture(autouse=True)
def _folder(tmp_path):
    (tmp_path / "policy").mkdir()


def test_a_model_is_known_by_its_bytes_and_what_is_said_of_its_outputs(model):
    identity = loaded("onnx", path=str(model)).identity
    assert (identity["source"], identity["version"]) == ("onnx", identity["sha256"])
    assert "beside" not in identity
    model.with_name("expert.json").write_text('{"format": 1, "output": "output"}')
    assert set(loaded("onnx", path=str(model)).identity["beside"]) == {"expert.json"}


def test_results_beside_it_are_its_published_return_unless_the_configuration_states_one(model):
    model.with_name("results.json").write_text('{"mean_reward": 200, "n_eval_episodes": 10}')
    expert = loaded("onnx", path=str(model))
    assert expert.published.mean == 200
    assert str(expert.evidence) == "results.json beside it, over 10 episodes"
    stated = loaded("onnx", path=str(model), mean_return=300)
    assert (stated.published.mean, str(stated.evidence)) == (300, "expert.mean_return")


def test_float64_and_sampling_are_not_promised(model):
    from builder.config import RolloutConfig

    with pytest.raises(ConfigError, match=r"cannot promise equal bytes.*add rollout.precision=float32"):
        player_of(loaded("onnx", path=str(model)))
    sampled = RolloutConfig(lanes=1, deterministic=False, precision="float32", max_steps=None)
    with pytest.raises(UnsupportedExpertError, match="does not sample"):
        player_of(loaded("onnx", path=str(model)), sampled)


def test_a_dataset_says_what_computed_it_and_is_built_again(model, tmp_path):
    pytest.importorskip("onnxruntime")
    keys = {"expert.path": str(model), "env.id": "CartPole-v1", "rollout.precision": "float32"}
    built = Controller().start({"expert": "onnx", "episodes": 5, "out": str(tmp_path / "x"), **keys})
    assert built.manifest.inputs["config"]["rollout"]["precision"] == "float32"
    assert built.manifest.inputs["packages"]["onnxruntime"] == version("onnxruntime")
    assert any("computed by onnxruntime" in note for note in built.manifest.notes)
    card = (tmp_path / "x/README.md").read_text()
    assert "from a local ONNX model" in card
    assert "Inference was in float32" in card
    report = check(tmp_path / "x", "rebuild", expert=TrustConfig(path=str(model)))
    report.raise_for_difference()
    assert report.checks[-1].name == "rebuild"


def test_an_expert_cannot_be_kept_as_data(model):
    with pytest.raises(UnsupportedExpertError, match="cannot be kept as data"):
        loaded("onnx", path=str(model)).trained.portable()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("{", "is damaged"),
        ("{}", 'expected {"format": 1'),
        ('{"format": 2}', 'expected {"format": 1'),
        ("[1]", 'expected {"format": 1'),
        ('{"format": 1, "surprise": 1}', "'surprise'; expected format or output"),
        ('{"format": 1, "rescale": 1}', "'rescale'"),
        ('{"format": 1, "squash": "sine"}', "squash; expected tanh"),
    ],
)
def test_what_is_said_beside_it_is_checked(model, said, message):
    model.with_name("expert.json").write_text(said)
    with pytest.raises(ArchiveError, match=message):
        loaded("onnx", path=str(model))


def test_what_is_said_beside_it_is_done(model):
    said = {"format": 1, "output": "output", "squash": "tanh", "rescale": True}
    model.with_name("expert.json").write_text(json.dumps(said))
    reading = loaded("onnx", path=str(model)).trained.reading
    assert (reading.output, reading.squash, reading.rescale) == ("output", True, True)


def test_no_file_another_file_and_a_file_of_holes_are_refused(model, tmp_path):
    with pytest.raises(ExpertError, match="there is no file"):
        loaded("onnx", path=str(tmp_path / "nothing.onnx"))
    with pytest.raises(ExpertError, match=r"m.onnx is not the expert that was asked for"):
        loaded("onnx", path=str(model), sha256="ab" * 32)
    with model.open("r+b") as file:
        file.truncate(12 << 30)
    with pytest.raises(ArchiveError, match=f"more than {ONNX_BYTES} bytes"):
        loaded("onnx", path=str(model))


def test_a_model_that_would_open_another_file_is_refused_before_anything_is_opened(tmp_path):
    from onnx import TensorProto, helper, numpy_helper
    from onnx.external_data_helper import set_external_data

    tensor = numpy_helper.from_array(np.zeros((1, 4), "f4"), "w")
    set_external_data(tensor, "../secret")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    adding = helper.make_node("Add", ["x0", "w"], ["output"])
    path = onnx_models.built(tmp_path / "m.onnx", [adding], tensors=[tensor])
    with pytest.raises(ExpertError, match="its tensors lie in another file"):
        loaded("onnx", path=str(path))
