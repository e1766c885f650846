"""`Policy.predict` gives the actions that a build plays; what an episode remembers is a value."""

import dataclasses
import pickle
import threading

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import as_observation, box, draw, image, make_model
from sweeps import sweep

from builder import Experts, Policy
from builder.environments.environment import EnvironmentSpec
from builder.episodes.context import Context
from builder.episodes.spaces import leaves
from builder.errors import BuilderError, ConfigError, ExpertError, SpaceError
from builder.experts.actor import RandomPlayer
from builder.experts.archive.agent import read_agent
from builder.experts.network_player import NetworkPlayer
from builder.experts.observations.frame_stack import FrameStack, History, PictureStack
from builder.experts.observations.images import BrighterOfTwo, Grey
from builder.experts.observations.transforms import TimeFeature
from builder.experts.observations.wrapped_policy import Opening, PolicyView
from builder.experts.oracle import Oracle
from builder.experts.seats import Actors, Seat
from builder.experts.sources.python import PythonPlayer

STEPS = 6
VECTOR, TORQUE, CHOICE = box(3), box(2), gym.spaces.Discrete(3)
KEYS = gym.spaces.Dict(a=box(2), b=box(3))
PICTURE = image(36, 36, 1)


KINDS = {
    "nothing": (None, VECTOR, TORQUE, "PPO"),
    "a dict": (None, KEYS, CHOICE, "PPO"),
    "a hidden state": (None, VECTOR, TORQUE, "RecurrentPPO"),
    "a stack": (PolicyView(decisions=(FrameStack(3),)), VECTOR, TORQUE, "PPO"),
    "a history": (PolicyView(decisions=(History(2),)), VECTOR, TORQUE, "PPO"),
    "a clock": (PolicyView(decisions=(TimeFeature(9),)), VECTOR, TORQUE, "PPO"),
    "a stack of pictures": (
        PolicyView(decisions=(PictureStack(2),)),
        gym.spaces.Box(0, 255, (36, 36), np.uint8),
        CHOICE,
        "PPO",
    ),
    "an opening and skipped frames": (
        PolicyView(
            every_step=(BrighterOfTwo(),),
            decisions=(Grey(keep_channel=True),),
            repeat=2,
            opening=Opening(3, 1),
        ),
        image(36, 36, 3),
        CHOICE,
        "PPO",
    ),
    "noise of a whole episode": (None, VECTOR, TORQUE, "SAC with gSDE"),
}


OFTEN = ["a dict", "a hidden state", "a stack", "noise of a whole episode"]
FEW_FIRST = [*OFTEN, *(name for name in KINDS if name not in OFTEN)]


@pytest.fixture(params=KINDS)
def kind(request, tmp_path):
    """An expert that remembers something, and the environment's spaces."""
    view, space, actions, algorithm = KINDS[request.param]
    seen = view.space(space, actions) if view else space
    settings = {"policy_kwargs": {"net_arch": [4]}}
    if algorithm == "SAC with gSDE":
        algorithm, settings = "SAC", {**settings, "use_sde": True}
    policy = {"RecurrentPPO": "MlpLstmPolicy"}.get(algorithm, "MlpPolicy")
    if isinstance(seen, gym.spaces.Dict):
        policy = "MultiInputPolicy"
    elif seen.dtype == np.uint8:
        policy = "CnnPolicy"
    make_model(algorithm, policy, seen, actions, **settings).save(tmp_path / "agent.zip")
    return NetworkPlayer(read_agent(tmp_path / "agent.zip").network, view=view), space, actions


def oracle(player, space, actions):
    return Oracle(Actors([Seat(player, EnvironmentSpec("its own"), space, actions)]))


def built(player, space, actions, batches, context, *, deterministic=True):
    """The actions of a build on these observations: one attempt, one lane."""
    if isinstance(player, NetworkPlayer):
        player = dataclasses.replace(player, deterministic=deterministic)
    actor = player.actor(space, actions)
    actor.begin(0, context)
    return [np.array(actor.act([leaf[:1] for leaf in batch], [0])[0][0]) for batch in batches]


@sweep("deterministic", [True, False])
def test_one_observation_after_another_gives_the_actions_of_a_build(kind, deterministic):
    player, space, actions = kind
    batches = [draw(space, 1, seed) for seed in range(STEPS)]
    expected = built(player, space, actions, batches, Context(3, 7), deterministic=deterministic)
    asked = oracle(player, space, actions).playing(Context(3, 7))
    state, found = None, []
    for batch in batches:
        action, state = asked.predict(
            as_observation(space, [leaf[0] for leaf in batch]), state, deterministic
        )
        assert (action.shape, action.dtype) == (actions.shape, actions.dtype)
        found.append(action)
    np.testing.assert_array_equal(found, expected)


@sweep("kind", FEW_FIRST, quick=4, indirect=True)
def test_a_batch_gives_what_each_of_its_episodes_gives_alone(kind):
    player, space, actions = kind
    if player.view and player.view.opening:
        pytest.skip("its length is drawn, so that rows of one batch have others")
    batches = [draw(space, 3, seed) for seed in range(STEPS)]
    asked = oracle(player, space, actions)
    state, together = None, []
    for batch in batches:
        action, state = asked.predict(as_observation(space, batch), state)
        together.append(action)
    for row in range(3):
        state = None
        for batch, expected in zip(batches, together, strict=True):
            alone = as_observation(space, [leaf[row] for leaf in batch])
            action, state = asked.predict(alone, state)
            np.testing.assert_array_equal(action, expected[row])


@sweep("kind", FEW_FIRST, quick=4, indirect=True)
def test_a_state_is_a_value_from_which_can_be_asked_again(kind):
    player, space, actions = kind
    asked = oracle(player, space, actions).seeded(1)
    first, second, third = (
        as_observation(space, [leaf[0] for leaf in draw(space, 1, seed)]) for seed in range(3)
    )
    _, state = asked.predict(first)
    action, after = asked.predict(second, state)
    asked.predict(third, after)
    asked.predict(third, state)
    again, _ = asked.predict(second, state)
    np.testing.assert_array_equal(again, action)


def test_an_expert_that_remembers_nothing_has_no_state(kind, request):
    player, space, actions = kind
    _, state = oracle(player, space, actions).predict(space.sample())
    forgets = ("[nothing]", "[a dict]", "[noise of a whole episode]")
    assert (state is None) == request.node.name.endswith(forgets)


@sweep("kind", FEW_FIRST, quick=4, indirect=True)
def test_an_attempt_goes_on_where_the_state_is_left_out(kind):
    player, space, actions = kind
    batches = [draw(space, 1, seed) for seed in range(STEPS)]
    expected = built(player, space, actions, batches, Context(3, 7), deterministic=True)
    asked = oracle(player, space, actions).playing(Context(3, 7))
    found = [asked.predict(as_observation(space, [leaf[0] for leaf in batch]))[0] for batch in batches]
    np.testing.assert_array_equal(found, expected)


class Draws:
    """Draws from numpy's global generator, the more the later it is in its episode."""

    asked = 0

    def predict(self, obs, state=None, deterministic=True):
        self.asked += 1
        return np.random.uniform(-1, 1, (self.asked, 2))[-1] + 0 * obs[0], state  # noqa: NPY002  (the fault)


class Unlikely(Draws):
    """What neither deepcopy nor pickle takes."""

    def __init__(self):
        self.lock = threading.Lock()


def test_each_row_of_a_batch_draws_what_its_episode_draws_alone():
    asked = oracle(PythonPlayer(Draws), VECTOR, TORQUE).seeded(4)
    batches = [draw(VECTOR, 3, seed)[0] for seed in range(STEPS)]
    state, together = None, []
    for batch in batches:
        action, state = asked.predict(batch, state)
        together.append(action)
    for row in range(3):
        expected = built(
            PythonPlayer(Draws), VECTOR, TORQUE, [[b[row : row + 1]] for b in batches], Context(0, 4)
        )
        np.testing.assert_array_equal([action[row] for action in together], expected)


def test_a_state_that_an_object_keeps_is_a_value_too():
    asked = oracle(PythonPlayer(Draws), VECTOR, TORQUE).seeded(4)
    obs = np.zeros(3, np.float32)
    _, state = asked.predict(obs)
    action, after = asked.predict(obs, state)
    asked.predict(obs, after)
    np.testing.assert_array_equal(asked.predict(obs, state)[0], action)


def test_an_object_that_cannot_be_copied_goes_on_but_not_back():
    asked = oracle(PythonPlayer(Unlikely), VECTOR, TORQUE).seeded(4)
    obs = np.zeros(3, np.float32)
    expected = built(PythonPlayer(Draws), VECTOR, TORQUE, [[obs[None]]] * 3, Context(0, 4))
    first, early = asked.predict(obs)
    second, state = asked.predict(obs, early)
    third, _ = asked.predict(obs, state)
    np.testing.assert_array_equal([first, second, third], expected)
    with pytest.raises(ExpertError, match="the expert Unlikely cannot go back"):
        asked.predict(obs, early)


@pytest.fixture
def stacked(tmp_path):
    make_model("PPO", "MlpPolicy", box(9), TORQUE).save(tmp_path / "agent.zip")
    view = PolicyView(decisions=(FrameStack(3),))
    return oracle(NetworkPlayer(read_agent(tmp_path / "agent.zip").network, view=view), VECTOR, TORQUE)


def test_an_episode_begins_where_the_state_is_none_and_outside_of_an_attempt_where_it_is_left_out(stacked):
    one, two = np.full(3, 0.5, np.float32), np.full(3, -0.5, np.float32)
    fresh, _ = stacked.predict(two)
    _, state = stacked.predict(one)
    later, _ = stacked.predict(two, state)
    assert not np.array_equal(later, fresh)
    np.testing.assert_array_equal(stacked.predict(two)[0], fresh)
    attempt = stacked.playing(Context(0))
    attempt.predict(one)
    np.testing.assert_array_equal(attempt.predict(two, None)[0], fresh)
    attempt.predict(one, None)
    np.testing.assert_array_equal(attempt.predict(two)[0], later)


def test_episodes_of_a_batch_begin_where_it_is_said(stacked):
    batch = np.full((2, 3), 0.5, np.float32)
    first, state = stacked.predict(batch)
    action, _ = stacked.predict(batch, state, episode_start=[False, True])
    np.testing.assert_array_equal(action[1], first[1])
    assert not np.array_equal(action[0], first[0])
    with pytest.raises(ExpertError, match="expected 2 flags"):
        stacked.predict(batch, state, episode_start=[True])


@pytest.mark.parametrize("state", [np.zeros(3), "other"], ids=["foreign", "of another batch"])
def test_a_state_of_something_else_is_refused(stacked, state):
    if isinstance(state, str):
        _, state = stacked.predict(np.zeros((2, 3), np.float32))
    with pytest.raises(ExpertError, match="a state that it has not returned for as many observations"):
        stacked.predict(np.zeros((3, 3), np.float32), state)


@pytest.mark.parametrize(
    "obs", [np.zeros(4), np.zeros((2, 2, 3)), np.zeros((0, 3)), None, {"a": np.zeros(3)}]
)
def test_what_is_no_observation_is_refused_with_what_would_be(stacked, obs):
    with pytest.raises(SpaceError, match=r"expected Box\(-1\.0, 1\.0, \(3,\), float32\)"):
        stacked.predict(obs)


@pytest.mark.parametrize("kind", ["a dict"], indirect=True)
def test_parts_of_a_dict_that_differ_in_length_are_no_batch(kind):
    with pytest.raises(SpaceError, match="a batch of them"):
        oracle(*kind).predict({"a": np.zeros((2, 2)), "b": np.zeros((3, 3))})


def test_a_random_expert_draws_one_after_another_what_a_build_draws():
    space = gym.spaces.Tuple([gym.spaces.Discrete(9), box(2)])
    expected = RandomPlayer().actor(VECTOR, space)
    expected.begin(0, Context(2, 5))
    asked = oracle(RandomPlayer(), VECTOR, space).playing(Context(2, 5))
    for _ in range(3):
        action, state = asked.predict(VECTOR.sample(), None)
        for leaf, column in zip(leaves(space), expected.act([], [0]), strict=True):
            np.testing.assert_array_equal(leaf.pick(action), column[0])
        assert state is None
    batch, _ = asked.predict(np.zeros((4, 3)))
    assert [part.shape for part in batch] == [(4,), (4, 2)]
    assert len({*batch[1][:, 0].tolist()}) == 4


def test_what_is_sampled_is_repeated_by_its_seed_alone():
    expert = Experts.get("acrobot")
    batch = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)

    def sampled(policy):
        return policy.predict(batch, deterministic=False)[0].tolist()

    assert sampled(expert.seeded(3)) == sampled(expert.seeded(3)) != sampled(expert.seeded(4))
    one, other = (expert.seeded(np.random.default_rng(3)) for _ in range(2))
    assert sampled(one) == sampled(other)
    assert sampled(expert) != sampled(expert)
    context = Context(0, 3)
    assert sampled(expert.seeded(context.rng)) == sampled(expert.seeded(3))


def test_the_global_generators_are_left_alone():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    Experts.get("cartpole").predict(np.zeros(4), deterministic=False)
    Policy("CartPole-v1", policy="random").predict(np.zeros(4))
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_predict_has_the_shapes_of_stable_baselines3():
    from stable_baselines3 import PPO

    expert = Experts.get("cartpole")
    model = PPO.load(expert.path, device="cpu")
    for obs in (np.zeros(4, np.float32), np.zeros((5, 4), np.float32)):
        ours, theirs = expert.predict(obs)[0], model.predict(obs, deterministic=True)[0]
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_array_equal(ours, theirs)


def test_an_expert_of_the_registry_is_loaded_once_and_stays_as_small_as_its_words():
    expert = Experts.get("cartpole")
    assert Experts.get("cartpole").load() is expert
    assert len(pickle.dumps(expert)) < 1000
    again = pickle.loads(pickle.dumps(expert))
    assert again == expert
    obs = np.array([0.01, 0.2, -0.03, 0.1], np.float32)
    np.testing.assert_array_equal(again.predict(obs)[0], expert.predict(obs)[0])


def test_threads_may_ask_one_expert():
    expert = Experts.get("cartpole")
    batches = [np.random.default_rng(i).normal(size=(50, 4)).astype(np.float32) for i in range(4)]
    expected = [expert.predict(batch)[0].tolist() for batch in batches]
    found = [[] for _ in batches]

    def ask(number):
        found[number] = [int(expert.predict(obs)[0]) for obs in batches[number]]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


def test_an_expert_of_yesterday_is_asked_about_the_environment_of_today(tmp_path):
    make_model("PPO", "MlpPolicy", box(8, low=-np.inf, high=np.inf), gym.spaces.Discrete(4)).save(
        tmp_path / "agent.zip"
    )
    expert = Policy("LunarLander-v2", path=str(tmp_path / "agent.zip"))
    assert expert.predict(np.zeros(8, np.float32))[0].shape == ()
    assert expert.get_environment().spec.id == "LunarLander-v3"


def test_the_environment_of_an_expert_has_its_time_limit():
    environment = Policy("Corridor-v0", policy="random").get_environment()
    environment.reset(seed=0)
    assert environment.observation_space.shape == (2,)
    endless = Experts.get("pendulum").get_environment(render_mode="rgb_array")
    endless.reset(seed=0)
    steps = 0
    while True:
        steps += 1
        if endless.step(endless.action_space.sample())[3]:
            break
    assert (steps, endless.render_mode) == (200, "rgb_array")


def test_a_policy_that_names_no_expert_cannot_be_asked():
    with pytest.raises(ConfigError, match="names no expert"):
        Policy("CartPole-v1").predict(np.zeros(4))
    with pytest.raises(BuilderError, match="there is no environment 'Nowhere-v0'"):
        Policy("Nowhere-v0", policy="random").predict(np.zeros(4))
