"""An attempt's actions do not depend on the batch, and sampling follows the policy's distribution."""

import dataclasses
import pickle
import subprocess
import sys
from fractions import Fraction
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import PUBLISHED, box, draw, start

from builder.episodes.context import Context
from builder.errors import ConfigError, ExpertError, SpaceError
from builder.experts.archive.agent import read_agent
from builder.experts.network.action_selection import STATE_UNIT, round_state
from builder.experts.network.encoding import Encoder
from builder.experts.network.forward import Outputs
from builder.experts.network.network import ContinuousHead, DiscreteHead, Linear, LstmLayer, Network
from builder.experts.network_player import NetworkPlayer

BATCHES = (1, 7, 64)
ACTIONS = box(1, low=-99, high=99)


def linear_network(weight, *, action_space=ACTIONS, head=None, bias=None):
    """A network of one layer, whose outputs are known exactly."""
    weight = np.asarray(weight, np.float32)
    inputs = weight.shape[1]
    return Network(
        observation_space=box(inputs, low=-np.inf, high=np.inf),
        action_space=action_space,
        encoders=(Encoder("", (inputs,)),),
        extractors=(None,),
        lstm=(),
        hidden=(),
        activation="Identity",
        output=Linear(weight, None if bias is None else np.asarray(bias, np.float32)),
        head=head or ContinuousHead(squash=False),
    )


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


def test_states_are_rounded_to_their_unit_unless_they_lie_between_two():
    state = np.array([[[3.2, -7.4], [0.0, 1e-9]], [[3.5, -7.4], [0.0, 1e-9]]])
    rounded, unsure = round_state(state * STATE_UNIT)
    np.testing.assert_array_equal(rounded[0], np.array([[3.0, -7.0], [0.0, 0.0]]) * STATE_UNIT)
    assert unsure.tolist() == [False, True]
    noisy, _ = round_state(state * STATE_UNIT + 1e-15)
    np.testing.assert_array_equal(noisy[0], rounded[0])


def test_state_of_an_unsure_row_comes_from_extended_precision():
    nothing = np.zeros((4, 1), np.float32)
    network = dataclasses.replace(
        linear_network([[1.0]]), lstm=(LstmLayer(Linear(nothing), Linear(nothing)),)
    )  # every gate is half open: the cell halves in each step
    actor = start(NetworkPlayer(network), network.observation_space, network.action_space)
    actor._lanes[0].state = np.array([[0.0], [1.0]]) * STATE_UNIT
    exact = np.array([[[0.0], [7.0]]]) * STATE_UNIT
    actor._exact = lambda inputs, state: Outputs(np.zeros((1, 1)), np.zeros((1, 1)), exact)
    actor._exact.dtype = np.dtype(np.longdouble)
    actor.act([np.zeros((1, 1), np.float32)], [0])
    np.testing.assert_array_equal(actor._lanes[0].state, exact[0])


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


CASES = {
    "PPO discrete": ("PPO", gym.spaces.Discrete(3), {}),
    "PPO bits": ("PPO", gym.spaces.MultiBinary(3), {}),
    "PPO several": ("PPO", gym.spaces.MultiDiscrete([2, 3]), {}),
    "PPO box": ("PPO", box(2), {}),
    "PPO gSDE": ("PPO", box(2), {"use_sde": True}),
    "SAC": ("SAC", box(2), {}),
    "SAC gSDE": ("SAC", box(2), {"use_sde": True}),
    "DQN": ("DQN", gym.spaces.Discrete(3), {}),
    "TD3": ("TD3", box(2), {}),
    "RecurrentPPO": ("RecurrentPPO", box(2), {"policy_kwargs": {"lstm_hidden_size": 16}}),
}


@pytest.mark.parametrize("deterministic", [True, False], ids=["best", "sampled"])
@pytest.mark.parametrize("case", CASES)
def test_an_attempts_actions_do_not_depend_on_the_other_lanes(save, case, deterministic):
    algorithm, action_space, settings = CASES[case]
    policy = "MlpLstmPolicy" if algorithm == "RecurrentPPO" else "MlpPolicy"
    network = read_agent(save(algorithm, policy, box(5), action_space, **settings).path).network
    player = NetworkPlayer(network, deterministic=deterministic)
    steps = [draw(box(5), 16, seed=step)[0] for step in range(20)]

    alone = []
    for lane in range(16):
        actor = player.actor(box(5), action_space)
        actor.begin(0, Context(lane))
        alone.append([actor.act([step[lane : lane + 1]], [0])[0][0] for step in steps])

    actor = start(player, box(5), action_space, lanes=16)
    rng = np.random.default_rng(0)
    together = [[] for _ in range(16)]
    while any(len(played) < len(steps) for played in together):
        lanes = [
            lane for lane in rng.permutation(16)[: rng.integers(1, 17)] if len(together[lane]) < len(steps)
        ]
        if lanes:
            rows = np.stack([steps[len(together[lane])][lane] for lane in lanes])
            for lane, action in zip(lanes, actor.act([rows], lanes)[0], strict=True):
                together[lane].append(action)
    np.testing.assert_array_equal(np.array(together), np.array(alone))


@pytest.mark.parametrize(
    "case", ["PPO discrete", "PPO bits", "PPO several", "PPO box", "PPO gSDE", "SAC", "DQN"]
)
def test_the_same_attempt_samples_the_same_and_another_attempt_samples_otherwise(save, case):
    algorithm, action_space, settings = CASES[case]
    agent = read_agent(save(algorithm, "MlpPolicy", box(5), action_space, **settings).path)
    network = agent.network
    observations = np.zeros((40, 5), np.float32)
    if algorithm == "DQN":
        network = linear_network(
            np.eye(3, 5),
            action_space=action_space,
            head=DiscreteHead((3,), sampling="epsilon", exploration_rate=0.5),
        )
    actor = NetworkPlayer(network, deterministic=False).actor(box(5), action_space)

    def play(index):
        actor.begin(0, Context(index))
        return np.concatenate([actor.act([row[None]], [0])[0] for row in observations])

    first = play(0)
    assert not np.array_equal(play(1), first)
    np.testing.assert_array_equal(play(0), first)


def sampled(network, rows=20_000, seed=0):
    """Many samples for one observation."""
    player = NetworkPlayer(network, deterministic=False)
    actor = start(player, network.observation_space, network.action_space, lanes=rows, root_seed=seed)
    return actor.act([np.ones((rows, network.output.weight.shape[1]), np.float32)], range(rows))[0]


def test_choices_are_drawn_from_the_softmax():
    head = DiscreteHead((3,))
    network = linear_network(np.log([[0.2], [0.5], [0.3]]), action_space=gym.spaces.Discrete(3), head=head)
    shares = np.bincount(sampled(network), minlength=3) / 20_000
    np.testing.assert_allclose(shares, [0.2, 0.5, 0.3], atol=0.015)


def test_components_are_drawn_independently():
    network = linear_network(
        np.log([[0.2], [0.8], [0.5], [0.25], [0.25]]),
        action_space=gym.spaces.MultiDiscrete([2, 3]),
        head=DiscreteHead((2, 3)),
    )
    actions = sampled(network)
    joint = np.bincount(actions[:, 0] * 3 + actions[:, 1], minlength=6).reshape(2, 3) / 20_000
    np.testing.assert_allclose(joint, np.outer([0.2, 0.8], [0.5, 0.25, 0.25]), atol=0.015)


def test_bits_are_drawn_with_their_probabilities():
    logits = np.log(np.array([0.25, 0.75]) / np.array([0.75, 0.25]))
    network = linear_network(
        logits[:, None], action_space=gym.spaces.MultiBinary(2), head=DiscreteHead((1, 1), binary=True)
    )
    np.testing.assert_allclose(sampled(network).mean(axis=0), [0.25, 0.75], atol=0.015)


def test_exploration_rate_is_the_share_of_uniform_actions():
    head = DiscreteHead((4,), sampling="epsilon", exploration_rate=0.4)
    network = linear_network(np.eye(4, 4), action_space=gym.spaces.Discrete(4), head=head)
    network.output.weight[2, :] = 9
    shares = np.bincount(sampled(network), minlength=4) / 20_000
    np.testing.assert_allclose(shares, [0.1, 0.1, 0.7, 0.1], atol=0.015)


def test_gaussian_noise_has_the_policys_standard_deviation():
    head = ContinuousHead(squash=False, log_std=np.log([0.5]).astype(np.float32), sampling="gaussian")
    actions = sampled(linear_network([[0.25]], head=head))
    np.testing.assert_allclose([actions.mean(), actions.std()], [0.25, 0.5], atol=0.015)


def test_squashed_gaussian_takes_its_standard_deviation_from_the_observation():
    head = ContinuousHead(
        squash=True, log_std_layer=Linear(np.log([[0.5]]).astype(np.float32)), sampling="gaussian"
    )
    actions = np.arctanh(sampled(linear_network([[0.25]], action_space=box(1), head=head)))
    np.testing.assert_allclose([actions.mean(), actions.std()], [0.25, 0.5], atol=0.015)


@pytest.mark.parametrize(
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
    standard = torch.as_tensor(actor._lanes[0]._matrix).float()
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


@pytest.mark.parametrize(
    ("observation_space", "action_space"),
    [
        (box(4), gym.spaces.Discrete(2)),
        (gym.spaces.Discrete(3), gym.spaces.Discrete(2)),
        (gym.spaces.Dict({"observation": box(3)}), gym.spaces.Discrete(2)),
        (box(3), gym.spaces.Discrete(3)),
        (box(3), gym.spaces.Discrete(2, start=1)),
        (box(3), box(1)),
    ],
)
def test_other_spaces_than_the_trained_ones_are_refused(archive, observation_space, action_space):
    with pytest.raises(SpaceError, match=r"trained on other (observations|actions)"):
        NetworkPlayer(read_agent(archive).network).actor(observation_space, action_space)


def test_other_action_bounds_than_the_trained_ones_are_refused(save):
    network = read_agent(save("SAC", "MlpPolicy", box(3), box(2)).path).network
    with pytest.raises(SpaceError, match="trained on other actions"):
        NetworkPlayer(network).actor(box(3), box(2, high=2.0))


def test_other_observation_bounds_and_float_types_do_not_matter(archive):
    NetworkPlayer(read_agent(archive).network).actor(
        box(3, low=-np.inf, high=np.inf, dtype=np.float64), gym.spaces.Discrete(2)
    )


def test_unknown_precision_is_refused(archive):
    with pytest.raises(ConfigError, match="precision"):
        NetworkPlayer(read_agent(archive).network, precision="float16")


def test_player_survives_pickling(archive):
    player = NetworkPlayer(read_agent(archive).network)
    rows = draw(box(3), 10)[0]
    again = pickle.loads(pickle.dumps(player))
    for actions in zip(
        *(start(p, box(3), gym.spaces.Discrete(2), 10).act([rows], range(10)) for p in (player, again)),
        strict=True,
    ):
        np.testing.assert_array_equal(*actions)


def test_workers_do_not_import_torch(archive, tmp_path):
    player = tmp_path / "player"
    player.write_bytes(pickle.dumps(NetworkPlayer(read_agent(archive).network)))
    code = """
import pickle, sys
import gymnasium as gym, numpy as np
from builder.episodes.context import Context
with open(sys.argv[1], "rb") as file:
    actor = pickle.load(file).actor(gym.spaces.Box(-1, 1, (3,)), gym.spaces.Discrete(2))
actor.begin(0, Context(0))
print(actor.act([np.zeros((1, 3), np.float32)], [0])[0].shape, "torch" in sys.modules)
"""
    output = subprocess.run([sys.executable, "-c", code, player], capture_output=True, text=True, check=True)
    assert output.stdout == "(1,) False\n"


@pytest.mark.slow
@pytest.mark.skipif(not PUBLISHED, reason="the published agents are not beside the repository")
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_agent_acts_alike_in_batches_of_1_7_and_64(path):
    network = read_agent(path).network
    batch = [np.clip(leaf, -10, 10) for leaf in draw(network.observation_space, 1792)]
    results = []
    for size in BATCHES:
        actor = start(NetworkPlayer(network), network.observation_space, network.action_space, lanes=size)
        results.append(
            np.concatenate(
                [
                    actor.act([leaf[first : first + size] for leaf in batch], range(size))[0]
                    for first in range(0, 1792, size)
                ]
            )
        )
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])
