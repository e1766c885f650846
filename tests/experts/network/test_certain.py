"""What float32 decides beyond doubt is what float64 decides, and the bound that says so is tried to break."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
from networks import linear_network, picture_network
from sb3_models import image, make_model, start
from sweeps import sweep

from builder.experts.archive.agent import read_agent
from builder.experts.network.action_selection import DiscreteDecider, masked
from builder.experts.network.certain import TRIED, certain
from builder.experts.network.encoding import encode
from builder.experts.network.forward import Forward
from builder.experts.network.network import AtomsHead, Convolution, DiscreteHead, LayerNorm, Linear, LstmLayer
from builder.experts.network_player import NetworkPlayer

HEADS = {
    "Discrete": DiscreteHead((4,)),
    "MultiDiscrete": DiscreteHead((2, 3, 2)),
    "MultiBinary": DiscreteHead((1, 1, 1), binary=True),
    "quantiles": DiscreteHead((3,), quantiles=5),
}


def pictures(rng, rows):
    """Random pictures: uint8 [rows, 20, 20, 4]."""
    return rng.integers(0, 256, (rows, 20, 20, 4), np.uint8)


def by_the_ladder(network, seen, masks=None):
    """The actions that float64 decides on, a wider type where it is unsure; and its outputs."""
    inputs = [encode(network.encoders[0], seen.transpose(0, 3, 1, 2))]
    decide, wide = DiscreteDecider(network.head, network), Forward(network, np.float64)
    outputs = wide(inputs)
    actions, unsure = dataclasses.astuple(decide(wide, masked(outputs, masks), None))
    exact = Forward(network, np.longdouble)
    for row in () if unsure is None else np.flatnonzero(unsure):
        alone = masked(exact([inputs[0][row : row + 1]]), None if masks is None else masks[row : row + 1])
        actions[row] = decide(exact, alone, None).actions
    return actions, outputs


def sure(decision):
    """Which rows are."""
    return np.ones(len(decision.actions), bool) if decision.unsure is None else ~decision.unsure


@sweep("name", HEADS, quick=4)
@pytest.mark.parametrize("spread", [0, 3])
def test_what_is_not_in_doubt_is_what_float64_decides(name, spread):
    decided = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        network = picture_network(rng, HEADS[name], spread=spread)
        quick, seen = certain(network, channels_last=True), pictures(rng, 64)
        for _ in range(3):
            found = quick(seen)
            here = sure(found)
            np.testing.assert_array_equal(found.actions[here], by_the_ladder(network, seen)[0][here])
            decided += here.sum()
            seen[rng.integers(64, size=20), rng.integers(20, size=20)] = 0
    assert decided > 0.9 * 3 * 3 * 64 if not spread else decided


def test_what_is_forbidden_is_not_chosen_and_no_reason_for_doubt():
    rng = np.random.default_rng(0)
    network = picture_network(rng, HEADS["MultiDiscrete"])
    seen, masks = pictures(rng, 100), rng.random((100, 7)) < 0.6
    found = certain(network, channels_last=True)(seen, masks)
    none_allowed = ~np.stack([masks[:, :2].any(1), masks[:, 2:5].any(1), masks[:, 5:].any(1)], 1).all(1)
    assert none_allowed.any()
    assert not sure(found)[none_allowed].any()
    assert sure(found)[~none_allowed].mean() > 0.9
    np.testing.assert_array_equal(
        found.actions[sure(found)], by_the_ladder(network, seen, masks)[0][sure(found)]
    )


def near_ties(seed, rows, spread=0):
    """A network whose two choices are all but equally good on a picture, and variants of that."""
    rng = np.random.default_rng(seed)
    network = picture_network(rng, DiscreteHead((2,)), spread=spread)
    seen = np.repeat(pictures(rng, 1), rows, axis=0)
    seen[
        np.arange(rows), rng.integers(20, size=rows), rng.integers(20, size=rows), rng.integers(4, size=rows)
    ] ^= (1 << rng.integers(0, 8, rows)).astype(np.uint8)
    values = by_the_ladder(network, seen[:1])[1].values[0]
    bias = network.output.bias.astype(np.float64)
    bias[1] += values[0] - values[1]
    output = Linear(network.output.weight, bias.astype(np.float32))
    return dataclasses.replace(network, output=output), seen


@sweep("spread", [0, 4, 8], quick=1)
def test_near_ties_are_never_decided_otherwise(spread):
    doubted = 0
    for seed in range(4):
        network, seen = near_ties(seed, 200, spread)
        quick = certain(network, channels_last=True)
        found, expected = quick(seen), by_the_ladder(network, seen)[0]
        here = sure(found)
        np.testing.assert_array_equal(found.actions[here], expected[here])
        doubted += (~here).sum()
    assert doubted > 0  # they are near


def test_float32_alone_would_decide_some_ties_otherwise():
    wrong = 0
    for seed in range(200):
        network, seen = near_ties(seed, 1)
        found = certain(network, channels_last=True)(seen)
        assert not sure(found).any()
        wrong += int(found.actions[0, 0] != by_the_ladder(network, seen)[0][0, 0])
    assert wrong > 5


@sweep("spread", [0, 6], quick=2)
def test_what_float32_computes_lies_within_the_bound_of_what_float64_computes(spread):
    largest = 0.0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        network = picture_network(rng, spread=spread)
        quick, seen = certain(network, channels_last=True), pictures(rng, 20)
        found, bound = quick.latent(seen)
        errors = np.linalg.norm(found - by_the_ladder(network, seen)[1].latent, axis=1)
        assert (errors <= bound).all()
        largest = max(largest, float((errors / bound).max()))
    assert 1e-6 < largest < 0.1  # the bound takes all roundings for unfavourable


def test_equal_choices_are_always_in_doubt():
    rng = np.random.default_rng(0)
    weight, bias = np.repeat(rng.standard_normal((1, 16)), 2, axis=0), np.ones(2)
    network = picture_network(rng, DiscreteHead((2,)), weight=weight, bias=bias)
    assert not sure(certain(network, channels_last=True)(pictures(rng, 30))).any()


@pytest.mark.parametrize("factor", [np.nan, np.inf, 1e38], ids=["NaN", "infinite", "overflows"])
@sweep("name", HEADS, quick=4)
def test_what_float32_cannot_hold_is_in_doubt(name, factor):
    rng = np.random.default_rng(0)
    network = picture_network(rng, HEADS[name])
    extractor = network.extractors[0]
    first = extractor.convolutions[0]
    with np.errstate(all="ignore"):
        wild = Convolution(first.weight * np.float32(factor), first.bias, first.stride)
        extractor = dataclasses.replace(extractor, convolutions=(wild, *extractor.convolutions[1:]))
        found = certain(dataclasses.replace(network, extractors=(extractor,)), channels_last=True)(
            pictures(rng, 20)
        )
    assert not sure(found).any()


@pytest.mark.parametrize("exponent", [-60, -100, -130, -145])
def test_numbers_below_the_normal_range_are_decided_as_in_float64_or_not_at_all(exponent):
    rng = np.random.default_rng(0)
    network = picture_network(rng)
    extractor = network.extractors[0]
    tiny = tuple(
        Convolution(layer.weight * np.float32(2.0**exponent), layer.bias * 0, layer.stride)
        for layer in extractor.convolutions[:1]
    )
    extractor = dataclasses.replace(extractor, convolutions=(*tiny, *extractor.convolutions[1:]))
    network = dataclasses.replace(network, extractors=(extractor,))
    seen = pictures(rng, 50)
    found = certain(network, channels_last=True)(seen)
    np.testing.assert_array_equal(found.actions[sure(found)], by_the_ladder(network, seen)[0][sure(found)])


def test_layers_are_computed_in_float64_where_too_much_is_in_doubt():
    network, seen = near_ties(0, TRIED)
    quick = certain(network, channels_last=True)
    used, expected = [], by_the_ladder(network, seen)[0]
    for _ in range(6):
        used.append(quick.wide)
        found = quick(seen)
        np.testing.assert_array_equal(found.actions[sure(found)], expected[sure(found)])
    assert used[0] == 0
    assert used == sorted(used)
    assert 1 <= used[-1] <= 3
    assert sure(found).mean() > 0.98


def test_pictures_may_come_in_other_numbers_and_places_each_time():
    rng = np.random.default_rng(0)
    network = picture_network(rng)
    quick, seen = certain(network, channels_last=True), pictures(rng, 40)
    expected = by_the_ladder(network, seen)[0]
    for rows in (3, 1, 20, 40, 7, 40):
        chosen = rng.permutation(40)[:rows]
        found = quick(seen[chosen])
        np.testing.assert_array_equal(found.actions[sure(found)], expected[chosen][sure(found)])


def test_channels_may_be_first():
    rng = np.random.default_rng(0)
    network = picture_network(rng)
    first, last, seen = certain(network), certain(network, channels_last=True), pictures(rng, 30)
    for _ in range(3):
        found, expected = first.latent(seen.transpose(0, 3, 1, 2)), last.latent(seen)
        np.testing.assert_allclose(found[0], expected[0], rtol=0, atol=1e-4)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-4)
        seen[rng.integers(30), rng.integers(20), rng.integers(20), rng.integers(4)] ^= 255


def test_an_actor_asks_float64_only_where_float32_is_unsure():
    network, seen = near_ties(1, 100)
    space = image(20, 20, 4)
    actor = start(NetworkPlayer(network), space, network.action_space, lanes=100)
    asked, choose = [], actor._choose
    actor._choose = lambda observations, *others: (
        asked.append(len(observations[0])) or choose(observations, *others)
    )
    np.testing.assert_array_equal(actor.act([seen], range(100))[0], by_the_ladder(network, seen)[0][:, 0])
    assert 0 < asked[0] < 100
    sampling = start(NetworkPlayer(network, deterministic=False), space, network.action_space)
    single = start(NetworkPlayer(network, precision="float32"), space, network.action_space)
    assert sampling._certain is single._certain is None


def nature_cnn(tmp_path, algorithm="PPO"):
    """SB3's own network for pictures."""
    model = make_model(algorithm, "CnnPolicy", image(84, 84, 4), gym.spaces.Discrete(4))
    model.save(tmp_path / "agent.zip")
    return read_agent(tmp_path / "agent.zip").network


@sweep("algorithm", ["PPO", "DQN", "QRDQN"], quick=1)
def test_nature_cnn_is_decided_as_in_float64(tmp_path, algorithm):
    rng = np.random.default_rng(0)
    network = nature_cnn(tmp_path, algorithm)
    quick, seen = certain(network, channels_last=True), np.zeros((8, 84, 84, 4), np.uint8)
    for _ in range(3):
        seen[:, rng.integers(60) :][:, :20, 20:40] = rng.integers(256)
        found = quick(seen)
        np.testing.assert_array_equal(
            found.actions[sure(found)], by_the_ladder(network, seen)[0][sure(found)]
        )


def test_networks_that_the_proof_does_not_cover_are_left_to_float64():
    rng = np.random.default_rng(0)
    network = picture_network(rng)
    atoms = AtomsHead((3,), atoms=np.zeros(4, np.float32))
    nothing = Linear(np.zeros((4, 1), np.float32))
    assert certain(network) is not None
    assert certain(linear_network([[1.0]])) is None
    assert certain(dataclasses.replace(network, head=atoms)) is None
    assert certain(dataclasses.replace(network, hidden=(LayerNorm(),))) is None
    assert certain(dataclasses.replace(network, lstm=(LstmLayer(nothing, nothing),))) is None
