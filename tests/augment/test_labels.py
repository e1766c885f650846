"""What an expert does on recorded observations: what a build plays there, however many are shown at once."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import box, draw, make_model
from sights import Recorder
from sweeps import sweep

from builder import build, load
from builder.augment.labels import Labeller, shown
from builder.episodes.context import Context
from builder.episodes.recording import Recording
from builder.episodes.spaces import Spaces
from builder.errors import SpaceError
from builder.experts.actor import RandomPlayer
from builder.experts.archive.agent import read_agent
from builder.experts.mixture import MixturePlayer
from builder.experts.network_player import NetworkPlayer
from builder.experts.observations.frame_stack import FrameStack, History
from builder.experts.observations.transforms import TimeFeature
from builder.experts.observations.wrapped_policy import PolicyView, WrappedActor
from builder.experts.sources.python import PythonPlayer
from builder.manifest.manifest import read_manifest
from builder.replay import RecordedSplit

SEEN, TORQUE = box(3), box(2)
LENGTHS = np.array([3, 7, 1, 7, 5])
VIEWS = {
    "nothing": (None, "PPO"),
    "a hidden state": (None, "RecurrentPPO"),
    "a stack": (PolicyView(decisions=(FrameStack(3),)), "PPO"),
    "a history": (PolicyView(decisions=(History(2),)), "PPO"),
    "a clock": (PolicyView(decisions=(TimeFeature(9),)), "PPO"),
    "a history of skipped frames": (PolicyView(decisions=(History(2),), repeat=2), "PPO"),
}


def recording(actions=None, lengths=LENGTHS):
    steps, count = int(lengths.sum()), len(lengths)
    return Recording(
        attempts=np.arange(count) * 2,
        seeds=np.arange(count),
        lengths=lengths,
        returns=np.zeros(count),
        terminated=np.ones(count, bool),
        truncated=np.zeros(count, bool),
        observations=tuple(draw(SEEN, steps)),
        actions=(draw(TORQUE, steps, seed=1)[0] if actions is None else actions,),
        rewards=np.zeros(steps),
        finals=tuple(draw(SEEN, count)),
    )


@pytest.fixture(scope="module", params=VIEWS)
def player(request, tmp_path_factory):
    view, algorithm = VIEWS[request.param]
    seen = view.space(SEEN, TORQUE) if view else SEEN
    policy = "MlpLstmPolicy" if algorithm == "RecurrentPPO" else "MlpPolicy"
    path = tmp_path_factory.mktemp("agent") / "agent.zip"
    make_model(algorithm, policy, seen, TORQUE, policy_kwargs={"net_arch": [4]}).save(path)
    return NetworkPlayer(read_agent(path).network, view=view)


def alone(player, one, episode):
    """What a build plays on an episode's observations, where it does what it chooses."""
    actor = player.actor(SEEN, TORQUE)
    actor.begin(0, Context(int(one.attempts[episode]), 7))
    (observed,) = one.select(np.arange(len(one.lengths)) == episode).observations
    return [np.array(actor.act([row[None]], [0])[0][0]) for row in observed]


def test_an_expert_is_given_its_own_actions_again(player):
    one = recording()
    own = np.concatenate([alone(player, one, episode) for episode in range(len(LENGTHS))])
    found = Labeller(player, Spaces(SEEN, TORQUE), 7).labels(recording(own))["expert_action"]
    np.testing.assert_array_equal(found, own)


def test_episodes_in_lockstep_are_labelled_as_each_alone(player):
    one, labeller = recording(), Labeller(player, Spaces(SEEN, TORQUE), 7)
    together = labeller.labels(one)["expert_action"]
    parts = [
        labeller.labels(one.select(np.arange(len(LENGTHS)) == episode))["expert_action"]
        for episode in range(5)
    ]
    np.testing.assert_array_equal(together, np.concatenate(parts))


def test_whoever_remembers_is_known(player):
    remembers = Labeller(player, Spaces(SEEN, TORQUE)).remembers
    assert remembers is (player.view is not None or bool(player.network.lstm))


@sweep("repeat", [1, 2])
def test_a_history_holds_what_was_done_and_not_what_was_chosen(repeat):
    wide = box(2, low=-2, high=2)
    recorder = Recorder(wide)
    view = PolicyView(decisions=(History(2),), repeat=repeat)

    @dataclasses.dataclass(frozen=True)
    class Watched:
        alone = masked = False

        def actor(self, observed, actions):
            return WrappedActor(recorder, view, observed, actions)

    done = np.arange(14, dtype=np.float32).reshape(7, 2) / 14
    Labeller(Watched(), Spaces(SEEN, wide)).labels(recording(done, np.array([7])))
    deciding = done[::repeat]
    before = np.concatenate([np.zeros((2, 2), np.float32), deciding])
    for step, (seen,) in enumerate(recorder.seen[0]):
        np.testing.assert_array_equal(seen[6:], before[step : step + 2].reshape(-1))


def test_a_policy_that_draws_draws_as_in_a_build():
    one = recording()
    found = Labeller(RandomPlayer(), Spaces(SEEN, TORQUE), 7).labels(one)["expert_action"]
    own = np.concatenate([alone(RandomPlayer(), one, episode) for episode in range(len(LENGTHS))])
    np.testing.assert_array_equal(found, own)


def test_what_is_no_action_is_refused():
    class Far:
        stateless = True

        def predict(self, obs, state=None, deterministic=True):
            return np.full(2, 5.0), None

    with pytest.raises(SpaceError, match="chose an action that the environment does not have") as caught:
        Labeller(PythonPlayer(Far()), Spaces(SEEN, TORQUE)).labels(recording())
    assert "rollout" not in str(caught.value)


def test_as_many_episodes_are_shown_at_once_as_memory_allows(tmp_path):
    build("random", episodes=4, out=str(tmp_path / "x"), env={"id": "CartPole-v1", "max_episode_steps": 5})
    manifest = read_manifest(tmp_path / "x")
    split = RecordedSplit(tmp_path / "x", manifest, "train")
    for most, size, counts in ((64, 10**6, [4]), (3, 10**6, [3, 1]), (64, 1, [1] * 4), (64, 250, [2, 2])):
        parts = [some.rows for some in shown(split, manifest, most, size)]
        assert [len(part.episode_index) for part in parts] == counts
        observed = np.concatenate([part.recording.observations[0] for part in parts])
        np.testing.assert_array_equal(observed, load(tmp_path / "x")["observation"])


def test_the_spaces_of_a_dict_are_labelled_leaf_by_leaf():
    space = gym.spaces.Dict(a=gym.spaces.Discrete(3), b=TORQUE)
    one = dataclasses.replace(
        recording(), actions=(np.zeros(LENGTHS.sum(), np.int64), np.zeros((LENGTHS.sum(), 2), np.float32))
    )
    found = Labeller(RandomPlayer(), Spaces(SEEN, space)).labels(one)
    assert [found[f"expert_action.{name}"].dtype for name in "ab"] == [np.int64, np.float32]
    assert found["expert_action.a"].max() == 2


class Plain:
    """Keeps nothing."""

    stateless = True

    def predict(self, obs, state=None, deterministic=True):
        return np.zeros(2, np.float32), None


class Handing:
    """Says that it is stateless, and hands on a state."""

    stateless = True

    def predict(self, obs, state=None, deterministic=True):
        return np.zeros(2, np.float32), (state or 0) + 1


@pytest.mark.parametrize("members", [(Handing,), (Plain, Handing)], ids=["alone", "as the second of two"])
def test_who_hands_on_a_state_remembers_whatever_it_says(members):
    players = tuple(PythonPlayer(member()) for member in members)
    player = players[0] if len(players) == 1 else MixturePlayer(players)
    labeller, one = Labeller(player, Spaces(SEEN, TORQUE)), recording()
    one = dataclasses.replace(one, attempts=np.arange(len(LENGTHS)))
    labeller.labels(one)
    assert labeller.remembered(len(LENGTHS))
    plain = Labeller(PythonPlayer(Plain()), Spaces(SEEN, TORQUE))
    plain.labels(one)
    assert not plain.remembered(len(LENGTHS))
