"""Weights are read as numbers, each in its place."""

import io

import numpy as np
import pytest
from damaged import NAMED, members_of, read_quickly, zipped
from sb3_models import change_weights

from builder.errors import ArchiveError, UnsupportedExpertError
from builder.experts.archive.agent import read_agent
from builder.experts.archive.weights import read_weights


def test_nan_weight_is_refused(archive):
    def spoil(state):
        state["action_net.weight"][0, 1] = float("nan")

    change_weights(archive, spoil)
    with pytest.raises(ArchiveError, match=r"action_net.weight has 1 numbers that are NaN or infinite"):
        read_agent(archive)


def test_weight_of_the_wrong_shape_is_refused(archive):
    def spoil(state):
        state["action_net.weight"] = state["action_net.weight"][:, :3].clone()

    change_weights(archive, spoil)
    with pytest.raises(
        ArchiveError, match=r"action_net.weight does not fit; expected shape \(2, 4\); got \(2, 3\)"
    ):
        read_agent(archive)


def test_weights_of_another_precision_are_refused(archive):
    def double(state):
        state["action_net.weight"] = state["action_net.weight"].double()

    change_weights(archive, double)
    with pytest.raises(UnsupportedExpertError, match=r"action_net.weight; expected float32; got float64"):
        read_agent(archive)


def test_missing_weight_is_named(archive):
    change_weights(archive, lambda state: state.pop("action_net.weight"))
    with pytest.raises(ArchiveError, match=r"'action_net.weight' is missing"):
        read_agent(archive)


def test_weight_without_a_place_is_refused(archive):
    import torch

    change_weights(archive, lambda state: state.update({"mlp_extractor.policy_net.1.weight": torch.zeros(4)}))
    with pytest.raises(UnsupportedExpertError, match=r"no known place in the policy; got mlp_extractor"):
        read_agent(archive)


def weights_with(change):
    """A torch file whose pickle has been changed."""
    import torch

    buffer = io.BytesIO()
    torch.save({"action_net.weight": torch.zeros(300, 5)}, buffer)
    members = members_of(buffer.getvalue())
    (name,) = (name for name in members if name.endswith("/data.pkl"))
    changed = change(members[name])
    assert changed != members[name]
    return zipped({**members, name: changed})


ROWS = (b"M,\x01K\x05\x86", b"J\xff\xff\xff\x7fK\x05\x86")
STEPS = (b"K\x05K\x01\x86", b"K\x00K\x00\x86")
DAMAGE = {
    "more rows than numbers": ([ROWS], r"shape \(2147483647, 5\) does not fit its 1500 numbers"),
    "rows without end": ([ROWS, STEPS], r"shape \(2147483647, 5\) does not fit its 1500 numbers"),
    "more numbers than there are": (
        [(b"M\xdc\x05", b"J\xff\xff\xff\x7f")],
        r"\d+ bytes of weights; expected at most",
    ),
    "some more numbers than there are": (
        [(b"M\xdc\x05", b"M\xdd\x05")],
        r"the numbers of action_net.weight; expected 6004 bytes; got 6000",
    ),
    "another type": ([(b"Float", b"Dream")], r"would import 'torch\.DreamStorage'"),
    "twice the size": (
        [(b"X\x0c\x00\x00\x00Float", b"X\x0d\x00\x00\x00Double"), (b"ctorch\nFloat", b"ctorch\nDouble")],
        r"the numbers of action_net.weight; expected 12000 bytes; got 6000",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_weights_that_do_not_fit_their_numbers_are_refused(archive, spoiled, case):
    changes, message = DAMAGE[case]

    def change(content):
        for before, after in changes:
            content = content.replace(before, after)
        return content

    members = members_of(archive.read_bytes())
    with pytest.raises(NAMED, match=rf"policy\.pth.*{message}"):
        read_quickly(spoiled(zipped({**members, "policy.pth": weights_with(change)})))


def test_weights_of_the_old_torch_format_cut_short_are_refused(archive, spoiled):
    import torch

    members = members_of(archive.read_bytes())
    state = torch.load(io.BytesIO(members["policy.pth"]), weights_only=True)
    buffer = io.BytesIO()
    torch.save(state, buffer, _use_new_zipfile_serialization=False)
    whole = buffer.getvalue()
    read_agent(spoiled(zipped({**members, "policy.pth": whole})))
    for size in range(0, len(whole) - 1, len(whole) // 23):
        with pytest.raises(ArchiveError):
            read_agent(spoiled(zipped({**members, "policy.pth": whole[:size]})))


def test_tensors_that_share_a_storage_are_counted_each(archive):
    """A transposed view is a copy once it is an array: a small file would become all memory."""
    import torch

    def spoil(state):
        shared = torch.zeros(1000, 1001)
        state.update({f"value_net.{index}": shared.t() for index in range(100)})

    change_weights(archive, spoil)
    with pytest.raises(ArchiveError, match=r"400\d+ bytes of weights; expected at most 167772160"):
        read_quickly(archive)


@pytest.mark.parametrize("zipped_format", [True, False])
def test_weights_in_any_layout_are_those_that_torch_reads(zipped_format):
    import torch

    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    state = {
        "a": base.t(),
        "b": base[1:3, ::2],
        "c": torch.tensor(2.5),
        "d": torch.zeros(0, 3),
        "e": torch.tensor([1, -2], dtype=torch.int64),
        "f": torch.nn.Parameter(base[0]),
    }
    buffer = io.BytesIO()
    torch.save(state, buffer, _use_new_zipfile_serialization=zipped_format)
    found = read_weights(buffer.getvalue(), "policy.pth")
    expected = torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)
    assert list(found) == list(expected)
    for name, values in found.items():
        assert np.array_equal(values, expected[name].detach().numpy())
        assert values.dtype == expected[name].detach().numpy().dtype
        assert values.shape == tuple(expected[name].shape)
        assert values.flags.c_contiguous
