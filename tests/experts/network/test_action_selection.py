"""The network's output becomes an action, alike in every batch."""

from fractions import Fraction
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from networks import BATCHES, linear_network
from sb3_models import ROWS, UNEVEN, acted, box, check_same_actions, draw, start
from sweeps import sweep

from builder.errors import ExpertError
from builder.experts.archive.agent import read_agent
from builder.experts.network.network import ContinuousHead, DiscreteHead, Linear
from builder.experts.network_player import NetworkPlayer


@sweep("settings", [{}, {"squash_output": True}, {"full_std": False}, {"use_expln": True}], quick=2)
@pytest.mark.parametrize("algorithm", ["PPO", "A2C"])
def test_gsde_of_actor_critics_acts_as_in_sb3(save, algorithm, settings):
    saved = save(algorithm, "MlpPolicy", box(4), UNEVEN, use_sde=True, policy_kwargs=settings)
    check_same_actions(saved, box(4), UNEVEN)


@sweep("settings", [{}, {"clip_mean": 0.5}, {"clip_mean": 0.0}, {"use_expln": True}], quick=2)
@pytest.mark.parametrize("algorithm", ["SAC", "TQC"])
def test_gsde_of_sac_and_tqc_acts_as_in_sb3(save, algorithm, settings):
    wide = box(4, low=-30, high=30)
    saved = save(
        algorithm, "MlpPolicy", wide, UNEVEN, use_sde=True, policy_kwargs=settings | {"net_arch": [8]}
    )
    check_same_actions(saved, wide, UNEVEN)


def test_float64_actions_stay_within_the_bounds_of_their_own_dtype(save):
    space = gym.spaces.Box(np.array([-0.1]), np.array([1 / 3]), dtype=np.float64)
    agent = read_agent(save("PPO", "MlpPolicy", box(4, low=-9, high=9), space).path)
    actions = acted(agent, box(4, low=-9, high=9), space, draw(box(4, low=-9, high=9), ROWS))
    assert actions.dtype == np.float64
    assert actions.min() == -0.1
    assert actions.max() == 1 / 3


def test_exploration_rate_is_read(save):
    saved = save("DQN", "MlpPolicy", box(4), gym.spaces.Discrete(2))
    saved.model.exploration_rate = 0.125
    saved.model.save(saved.path)
    assert read_agent(saved.path).exploration_rate == 0.125


def act_in_batches(network, observations, size, **settings):
    """Actions of one actor that sees the observations `size` at a time."""
    actor = start(
        NetworkPlayer(network, **settings), network.observation_space, network.action_space, lanes=size
    )
    actions = []
    for first in range(0, len(observations), size):
        rows = observations[first : first + size]
        actions.append(actor.act([rows], range(len(rows)))[0])
    return np.concatenate(actions), actor


def nearly_tied(rng, sign):
    """Terms whose sum is 2**-58 beside the middle between two float32 numbers, and the nearer of the two."""
    terms = [np.float32(x) for x in rng.uniform(-1, 1, 20)]
    exact = sum(Fraction(float(x)) for x in terms)
    below = np.float32(float(exact))
    middle = (Fraction(float(below)) + Fraction(float(np.nextafter(below, np.float32(9))))) / 2
    missing = middle - exact
    while missing:
        terms.append(np.float32(float(missing)))
        missing -= Fraction(float(terms[-1]))
    terms.append(np.float32(sign * 2.0**-58))
    nearer = below if sign < 0 else np.nextafter(below, np.float32(9))
    return terms, nearer


def test_rows_next_to_a_rounding_tie_are_rounded_correctly_in_every_batch():
    rng = np.random.default_rng(0)
    cases = [nearly_tied(rng, sign) for sign in (-1, 1) * 64]
    width = max(len(terms) for terms, _ in cases)
    observations = np.zeros((len(cases), width), np.float32)
    for row, (terms, _) in zip(observations, cases, strict=True):
        row[: len(terms)] = terms
    expected = np.array([[nearer] for _, nearer in cases])
    network = linear_network(np.ones((1, width)))
    for size in BATCHES:
        np.testing.assert_array_equal(act_in_batches(network, observations, size)[0], expected)
    in_float64 = (observations.astype(np.float64) @ np.ones((width, 1))).astype(np.float32)
    assert (in_float64 != expected).any(), "float64 alone gets all of these right: they show nothing"


def test_tie_path_is_taken_for_ties_only():
    network = linear_network([[1.0, 2.0**-24]])
    _, actor = act_in_batches(network, np.array([[1.0, 0.5]], np.float32), 1)
    assert actor._exact is None
    actions, actor = act_in_batches(network, np.array([[1.0, 1.0]], np.float32), 1)
    assert actor._exact is not None
    assert actions[0, 0] == 1


def test_cancellation_near_zero_is_computed_exactly():
    weight = np.array([[1.0, 1.0, 1.0]])
    observations = np.array([[1.0, 2.0**-60, -1.0], [2.0**20, 2.0**-30, -(2.0**20)]], np.float32)
    for size in (1, 2):
        actions, _ = act_in_batches(linear_network(weight), observations, size)
        np.testing.assert_array_equal(actions, [[2.0**-60], [2.0**-30]])


def test_zero_is_never_negative():
    actions, _ = act_in_batches(linear_network([[1e-30]]), np.array([[-1e-30], [0.0]], np.float32), 1)
    assert (actions == 0).all()
    assert not np.signbit(actions).any()


@pytest.mark.parametrize(
    ("action_space", "head"),
    [
        (gym.spaces.Discrete(2), DiscreteHead((2,))),
        (gym.spaces.MultiDiscrete([2]), DiscreteHead((2,))),
    ],
)
def test_equally_good_choices_are_decided_alike_in_every_batch(action_space, head):
    rng = np.random.default_rng(1)
    weight = rng.standard_normal(64).astype(np.float32)
    network = linear_network(np.stack([weight, weight]), action_space=action_space, head=head)
    observations = rng.standard_normal((128, 64)).astype(np.float32)
    results = [act_in_batches(network, observations, size) for size in BATCHES]
    for actions, actor in results:
        assert actor._exact is not None
        np.testing.assert_array_equal(actions.ravel(), 0)


def test_bits_at_even_odds_are_decided_in_extended_precision():
    network = linear_network(
        [[1.0, -1.0]], action_space=gym.spaces.MultiBinary(1), head=DiscreteHead((1,), binary=True)
    )
    actions, actor = act_in_batches(network, np.array([[1.0, 1.0], [2.0, 1.0]], np.float32), 2)
    assert actor._exact is not None
    assert actions.tolist() == [[0], [1]]


def test_draw_at_the_border_of_two_choices_is_decided_in_extended_precision():
    network = linear_network([[1.0], [1.0]], action_space=gym.spaces.Discrete(2), head=DiscreteHead((2,)))
    for uniform, borderline in ((0.5, True), (0.5 - 1e-12, True), (0.25, False)):
        actor = NetworkPlayer(network, deterministic=False).actor(
            network.observation_space, network.action_space
        )
        actor.begin(0, SimpleNamespace(rng=SimpleNamespace(random=lambda n, u=uniform: np.full(n, u))))
        action = actor.act([np.ones((1, 1), np.float32)], [0])[0]
        assert action.tolist() == [int(uniform >= 0.5)]
        assert (actor._exact is not None) is borderline


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize(
    ("action_space", "head"),
    [(box(2), ContinuousHead(squash=False)), (gym.spaces.Discrete(2), DiscreteHead((2,)))],
)
def test_policy_that_computes_nan_is_an_error(action_space, head, precision):
    network = linear_network([[1.0, 1.0], [0.0, 1.0]], action_space=action_space, head=head)
    with pytest.raises(ExpertError, match="NaN"):
        act_in_batches(network, np.array([[np.inf, -np.inf]], np.float32), 1, precision=precision)


def sampled(network, rows=6_000, seed=0):
    """Many samples for one observation."""
    player = NetworkPlayer(network, deterministic=False)
    actor = start(player, network.observation_space, network.action_space, lanes=rows, root_seed=seed)
    return actor.act([np.ones((rows, network.output.weight.shape[1]), np.float32)], range(rows))[0]


def test_choices_are_drawn_from_the_softmax():
    head = DiscreteHead((3,))
    network = linear_network(np.log([[0.2], [0.5], [0.3]]), action_space=gym.spaces.Discrete(3), head=head)
    shares = np.bincount(sampled(network), minlength=3) / 6_000
    np.testing.assert_allclose(shares, [0.2, 0.5, 0.3], atol=0.02)


def test_components_are_drawn_independently():
    network = linear_network(
        np.log([[0.2], [0.8], [0.5], [0.25], [0.25]]),
        action_space=gym.spaces.MultiDiscrete([2, 3]),
        head=DiscreteHead((2, 3)),
    )
    actions = sampled(network)
    joint = np.bincount(actions[:, 0] * 3 + actions[:, 1], minlength=6).reshape(2, 3) / 6_000
    np.testing.assert_allclose(joint, np.outer([0.2, 0.8], [0.5, 0.25, 0.25]), atol=0.02)


def test_bits_are_drawn_with_their_probabilities():
    logits = np.log(np.array([0.25, 0.75]) / np.array([0.75, 0.25]))
    network = linear_network(
        logits[:, None], action_space=gym.spaces.MultiBinary(2), head=DiscreteHead((1, 1), binary=True)
    )
    np.testing.assert_allclose(sampled(network).mean(axis=0), [0.25, 0.75], atol=0.02)


def test_exploration_rate_is_the_share_of_uniform_actions():
    head = DiscreteHead((4,), sampling="epsilon", exploration_rate=0.4)
    network = linear_network(np.eye(4, 4), action_space=gym.spaces.Discrete(4), head=head)
    network.output.weight[2, :] = 9
    shares = np.bincount(sampled(network), minlength=4) / 6_000
    np.testing.assert_allclose(shares, [0.1, 0.1, 0.7, 0.1], atol=0.02)


def test_gaussian_noise_has_the_policys_standard_deviation():
    head = ContinuousHead(squash=False, log_std=np.log([0.5]).astype(np.float32), sampling="gaussian")
    actions = sampled(linear_network([[0.25]], head=head))
    np.testing.assert_allclose([actions.mean(), actions.std()], [0.25, 0.5], atol=0.02)


def test_squashed_gaussian_takes_its_standard_deviation_from_the_observation():
    head = ContinuousHead(
        squash=True, log_std_layer=Linear(np.log([[0.5]]).astype(np.float32)), sampling="gaussian"
    )
    actions = np.arctanh(sampled(linear_network([[0.25]], action_space=box(1), head=head)))
    np.testing.assert_allclose([actions.mean(), actions.std()], [0.25, 0.5], atol=0.02)


@sweep(
    ("algorithm", "settings"),
    [
        ("PPO", {}),
        ("PPO", {"full_std": False}),
        ("PPO", {"use_expln": True}),
        ("SAC", {}),
        ("SAC", {"use_expln": True}),
    ],
)
def test_gsde_explores_as_sb3_does_with_the_same_noise_matrix(save, algorithm, settings):
    import torch

    saved = save(
        algorithm, "MlpPolicy", box(4), box(2), use_sde=True, policy_kwargs={"net_arch": [8], **settings}
    )
    agent = read_agent(saved.path)
    actor = start(NetworkPlayer(agent.network, deterministic=False), box(4), box(2))
    standard = torch.as_tensor(actor._lanes[0].matrix).float()
    policy = saved.model.policy if algorithm == "PPO" else saved.model.policy.actor
    policy.action_dist.exploration_mat = standard * policy.action_dist.get_std(policy.log_std).detach()
    for row in draw(box(4), 20)[0]:
        expected, _ = saved.model.predict(row[None], deterministic=False)
        np.testing.assert_allclose(actor.act([row[None]], [0])[0], expected, rtol=0, atol=1e-5)


def test_deterministic_algorithms_ignore_sampling(save):
    network = read_agent(save("TD3", "MlpPolicy", box(5), box(2)).path).network
    rows = draw(box(5), 10)[0]
    sampled_actions, _ = act_in_batches(network, rows, 10, deterministic=False)
    np.testing.assert_array_equal(sampled_actions, act_in_batches(network, rows, 10)[0])
