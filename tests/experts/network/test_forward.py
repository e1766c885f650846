"""Layers compute what torch computes."""

import dataclasses

import numpy as np
from networks import linear_network
from sb3_models import UNEVEN, box, draw, start
from sweeps import sweep

from builder.experts.archive.agent import read_agent
from builder.experts.network.action_selection import STATE_UNIT, round_state
from builder.experts.network.forward import Outputs
from builder.experts.network.network import Linear, LstmLayer
from builder.experts.network_player import NetworkPlayer


@sweep("layers", [1, 2])
@sweep(
    "settings",
    [{}, {"shared_lstm": True, "enable_critic_lstm": False}, {"enable_critic_lstm": False}],
    quick=2,
)
def test_recurrent_policy_acts_as_in_sb3_over_whole_episodes(save, layers, settings):
    kwargs = {"lstm_hidden_size": 8, "n_lstm_layers": layers, "net_arch": [8], **settings}
    saved = save("RecurrentPPO", "MlpLstmPolicy", box(4), UNEVEN, policy_kwargs=kwargs)
    actor = start(NetworkPlayer(read_agent(saved.path).network), box(4), UNEVEN, lanes=3)
    state = None
    for step in range(50):
        batch = draw(box(4), 3, seed=step)
        expected, state = saved.model.predict(batch[0], state=state, deterministic=True)
        np.testing.assert_allclose(actor.act(batch, range(3))[0], expected, rtol=0, atol=2e-6)


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
