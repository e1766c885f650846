"""A folder of layers and tensors is read as data: what is damaged or hostile is a named error."""

import json
import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
from sweeps import sweep
from weights_folders import CARTPOLE, actions_of, described, drawn, two_layers, write_folder

from builder.errors import ArchiveError, BuilderError, ExpertError, UnsafeArchiveError
from builder.experts.sources.weights_folder import read_folder
from builder.storage.limits import EXPERT_BYTES, WEIGHTS_BYTES


@pytest.fixture
def folder(tmp_path):
    return two_layers(tmp_path / "x", notes=["from a course"], normalisation={"mean": "m", "variance": "v"})


@pytest.fixture
def plain(tmp_path):
    return two_layers(tmp_path / "x")


def changed(folder, **keys):
    content = json.loads((folder / "expert.json").read_text())
    (folder / "expert.json").write_text(json.dumps({**content, **keys}))
    return folder


def statistics(folder, shape=(4,), **said):
    arrays = {"m": np.arange(4.0).reshape(shape), "v": np.arange(1, 5.0).reshape(shape)}
    content = described(
        *CARTPOLE,
        [{"kind": "linear", "weight": "w"}],
        normalisation={"mean": "m", "variance": "v", **said},
    )
    weight = np.array([[0, 0, 0, 0], [1, -1, 1, -1]], "f4")
    return write_folder(folder, content, {**arrays, "w": weight})


def test_observations_are_normalised_as_it_is_said(tmp_path):
    statistics(tmp_path, epsilon=0.5, clip=1.5)
    (observations,) = drawn(CARTPOLE[0], 1000)
    seen = ((observations - np.arange(4)) / np.sqrt(np.arange(1, 5) + 0.5)).clip(-1.5, 1.5)
    expected = (seen @ [1, -1, 1, -1] > 0).astype(int)
    np.testing.assert_array_equal(actions_of(tmp_path, CARTPOLE, [observations]), expected)


def test_without_a_clip_nothing_is_clipped(tmp_path):
    assert read_folder(statistics(tmp_path, clip=None)).companions.statistics.clip == np.inf
    assert read_folder(statistics(tmp_path)).companions.statistics.epsilon == 0


def test_a_state_dict_of_torch_is_read_as_data(plain):
    import torch

    tensors = {
        "a": torch.tensor([[0.0, 0, 1, 1], [0, 0, -1, -1]]),
        "b": torch.tensor([[0.0, 1], [1, 0]]),
        "c": torch.zeros(2),
    }
    (observations,) = drawn(CARTPOLE[0], 100)
    before = actions_of(plain, CARTPOLE, [observations])
    for name in ("weights.pth", "weights.pt"):
        (plain / "weights.safetensors").unlink(missing_ok=True)
        torch.save(tensors, plain / name)
        np.testing.assert_array_equal(actions_of(plain, CARTPOLE, [observations]), before)
        (plain / name).unlink()
    torch.save(tensors, plain / "policy.pth")
    changed(plain, weights="policy.pth")
    np.testing.assert_array_equal(actions_of(plain, CARTPOLE, [observations]), before)


def test_a_pickle_that_would_run_something_is_refused(plain):
    import pickle

    class Touch:
        def __reduce__(self):
            return os.mkdir, (str(plain / "ran"),)

    (plain / "policy.pth").write_bytes(pickle.dumps({"a": Touch()}))
    with pytest.raises((UnsafeArchiveError, ArchiveError)):
        read_folder(changed(plain, weights="policy.pth"))
    assert not (plain / "ran").exists()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"format": 2}, "of another version; expected format 1; got 2"),
        ({"format": None}, "of another version"),
        ({"surprise": 1}, "surprise"),
        ({"observation_space": {"type": "Text"}}, "not the description of a space"),
        (
            {"action_space": {"type": "Box", "dtype": "float32", "shape": [1 << 40], "low": 0, "high": 1}},
            "more than",
        ),
        ({"env_id": 3}, "env_id"),
        ({"notes": ["x" * 501]}, "notes"),
        ({"algorithm": "a\nb"}, "algorithm"),
        ({"normalisation": {"mean": "a", "variance": "b"}}, r"impossible statistics|normalisation"),
        ({"normalisation": {"mean": "none", "variance": "none"}}, "which observations are normalised with"),
        ({"normalisation": {"mean": {"x": "c"}, "variance": {"x": "c"}}}, "normalisation of x"),
        ({"layers": 3}, "layers"),
        ({"layers": [{"kind": "linear", "weight": "a"}] * 1001}, "layers"),
        ({"agent": {}, "layers": None}, "expert.json"),
    ],
)
def test_a_description_that_says_something_else_is_an_error(plain, keys, message):
    with pytest.raises(BuilderError, match=message):
        read_folder(changed(plain, **keys))


@pytest.mark.parametrize(
    "name",
    [
        "../weights.safetensors",
        "/etc/weights.pth",
        "a/b.pth",
        "..",
        "",
        ".hidden.pth",
        "weights.zip",
        "a\x00.pth",
        "x" * 200 + ".pth",
        "a\n.pth",
        7,
        ["weights.pth"],
    ],
)
def test_tensors_lie_in_the_folder_itself(plain, name):
    (plain.parent / "weights.safetensors").write_bytes((plain / "weights.safetensors").read_bytes())
    with pytest.raises(ArchiveError, match=r"\$\.weights"):
        read_folder(changed(plain, weights=name))


def test_there_is_one_file_of_tensors(plain):
    (plain / "weights.pt").write_bytes(b"")
    with pytest.raises(ExpertError, match=r"got weights.safetensors, weights.pt"):
        read_folder(plain)
    assert read_folder(changed(plain, weights="weights.safetensors")).tensors.name == "weights.safetensors"
    with pytest.raises(ExpertError, match=r"expected other.pth; got none"):
        read_folder(changed(plain, weights="other.pth"))


def test_an_expert_that_we_kept_is_shown_to_its_own_source(plain):
    (plain / "expert.json").write_text(json.dumps({"format": 1, "agent": {}}))
    with pytest.raises(ArchiveError, match="play it with expert=local"):
        read_folder(plain)


def test_a_folder_without_a_description_says_what_one_has(tmp_path):
    with pytest.raises(ExpertError, match=r"there is no expert.json.*save_weights"):
        read_folder(tmp_path)


@pytest.mark.parametrize("name", ["expert.json", "weights.safetensors"])
@pytest.mark.parametrize("what", ["link to nothing", "link to itself", "device", "pipe", "folder"])
def test_what_is_no_file_is_not_waited_for(plain, name, what):
    path = plain / name
    path.unlink()
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to({"device": "/dev/zero", "link to itself": path}.get(what, plain / "nothing"))
    with pytest.raises(ExpertError):
        read_folder(plain)


@sweep(("name", "limit"), [("expert.json", EXPERT_BYTES), ("weights.safetensors", WEIGHTS_BYTES)])
def test_a_file_of_holes_is_refused_by_its_size(plain, name, limit):
    with (plain / name).open("r+b") as file:
        file.truncate(12 << 30)
    began = time.process_time()
    with pytest.raises(ArchiveError, match=f"more than {limit} bytes"):
        read_folder(plain)
    assert time.process_time() - began < 2


def test_deep_nesting_and_a_large_header_are_refused(plain):
    (plain / "expert.json").write_text("[" * 100_000)
    with pytest.raises(ArchiveError, match="is damaged"):
        read_folder(plain)
    two_layers(plain)
    (plain / "weights.safetensors").write_bytes((1 << 40).to_bytes(8, "little") + b"{}")
    with pytest.raises(ArchiveError, match="a header of"):
        read_folder(plain)


def mutated(content, rng):
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(changed))
        match rng.randrange(4):
            case 0:
                changed[place] ^= 1 << rng.randrange(8)
            case 1:
                del changed[place : place + rng.randint(1, 9)]
            case 2:
                changed[place:place] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 9)))
            case 3:
                other = rng.randrange(len(changed))
                changed[place : place + 5] = changed[other : other + 5]
        changed = changed or bytearray(b"x")
    return bytes(changed)


@pytest.mark.parametrize("rounds", [40, pytest.param(2_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["expert.json", "weights.safetensors", "weights.pth"])
def test_mutated_files_are_named_errors_or_whole_experts(tmp_path, name, rounds):
    import torch

    rng = random.Random(rounds)
    folder = two_layers(tmp_path / "x", actions={"sampling": "softmax"}, notes=["a"], scale_images=True)
    if name == "weights.pth":
        from safetensors.numpy import load_file

        arrays = load_file(folder / "weights.safetensors")
        (folder / "weights.safetensors").unlink()
        torch.save({key: torch.as_tensor(array) for key, array in arrays.items()}, folder / name)
    content = (folder / name).read_bytes()
    refused = 0
    for _ in range(rounds):
        (folder / name).write_bytes(mutated(content, rng))
        try:
            read_folder(folder)
        except BuilderError:
            refused += 1
    assert refused > rounds / 8


def test_what_is_documented_is_what_is_read():
    text = Path(__file__).parents[3].joinpath("docs/experts.md").read_text()
    block = text.split("```json\n", 1)[1].split("```", 1)[0]
    from builder.experts.sources import weights_folder

    assert next(weights_folder._validator().iter_errors(json.loads(block)), None) is None
