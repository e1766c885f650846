"""A policy sees what Stable-Baselines3's own wrappers would have shown it, on every lane."""

import hashlib

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import box

from builder.environments.frames import grey, resize
from builder.episodes.context import Context
from builder.episodes.spaces import leaves
from builder.errors import SpaceError
from builder.experts.archive.vec_normalize import read_statistics
from builder.experts.observations.frame_stack import FrameStack, History, PictureStack
from builder.experts.observations.images import BrighterOfTwo, Grey, Resized
from builder.experts.observations.transforms import MaskedVelocity, Normalisation, TimeFeature
from builder.experts.observations.wrapped_policy import Opening, PolicyView, WrappedActor

TORQUE = box(1, low=-2, high=2)
LIMIT = 30


class Recorder:
    """An actor that keeps what it sees; it acts on the attempt's own generator."""

    def __init__(self, action_space):
        self.seen = {}
        self.space = action_space
        self.rngs = {}

    def begin(self, lane, context):
        self.rngs[lane] = np.random.default_rng(context.index)
        self.seen[lane] = []

    def act(self, observations, lanes):
        for row, lane in enumerate(lanes):
            self.seen[lane].append([leaf[row].copy() for leaf in observations])
        return [np.stack([self.action(lane) for lane in lanes])]

    def action(self, lane):
        if isinstance(self.space, gym.spaces.Discrete):
            return np.asarray(self.rngs[lane].integers(self.space.n))
        return self.rngs[lane].uniform(-2, 2, self.space.shape).astype(np.float32)


def play(view, make, lanes=2, steps=12):
    """What the policy saw, by lane: lanes start one step after another, so that none is like another."""
    environments = [make() for _ in range(lanes)]
    spaces = environments[0].observation_space, environments[0].action_space
    recorder = Recorder(spaces[1])
    actor = WrappedActor(recorder, view, *spaces)
    observations = [environment.reset(seed=index)[0] for index, environment in enumerate(environments)]
    played = [[] for _ in range(lanes)]
    for lane in range(lanes):
        actor.begin(lane, Context(lane))
    for tick in range(steps + lanes):
        live = [lane for lane in range(lanes) if lane <= tick]
        rows = [np.stack([leaf.pick(observations[lane]) for lane in live]) for leaf in leaves(spaces[0])]
        for lane, action in zip(live, actor.act(rows, live)[0], strict=True):
            observations[lane] = environments[lane].step(action)[0]
            played[lane].append(action)
        for leaf in rows:
            leaf[...] = 77  # what an actor is given is valid during its call only
    return recorder.seen, played


def seen_in_sb3(make, wrap, lane, count):
    """What SB3's vector environment shows to a policy that takes the same actions on one lane."""
    from stable_baselines3.common.vec_env import DummyVecEnv

    environment = make()
    recorder = Recorder(environment.action_space)
    recorder.begin(0, Context(lane))
    vector = wrap(DummyVecEnv([lambda: environment]))
    vector.seed(lane)
    seen = []
    observation = vector.reset()
    for _ in range(count):
        parts = observation.values() if isinstance(observation, dict) else [observation]
        seen.append([part[0].copy() for part in parts])
        action = recorder.action(0)
        observation, _, ended, _ = vector.step([action])
        if ended[0]:
            break
    return seen


def pendulum():
    return gym.make("Pendulum-v1", max_episode_steps=LIMIT)


def check_same_sight(view, make, wrapped, wrap=lambda vector: vector, **settings):
    seen, _ = play(view, make, **settings)
    assert len(seen) > 1
    for lane, observations in seen.items():
        expected = seen_in_sb3(wrapped, wrap, lane, len(observations))
        assert len(expected) == len(observations)
        for ours, theirs in zip(observations, expected, strict=True):
            for part, other in zip(ours, theirs, strict=True):
                assert part.dtype == other.dtype
                np.testing.assert_array_equal(part, other)


def test_time_feature_is_sb3_contribs():
    from sb3_contrib.common.wrappers import TimeFeatureWrapper

    check_same_sight(
        PolicyView(decisions=(TimeFeature(LIMIT),)), pendulum, lambda: TimeFeatureWrapper(pendulum())
    )


def test_constant_time_feature_is_the_wrappers_test_mode():
    from sb3_contrib.common.wrappers import TimeFeatureWrapper

    view = PolicyView(decisions=(TimeFeature(LIMIT, constant=True),))
    check_same_sight(view, pendulum, lambda: TimeFeatureWrapper(pendulum(), test_mode=True))


def test_time_feature_goes_to_the_observation_of_a_goal_environment():
    from sb3_contrib.common.wrappers import TimeFeatureWrapper

    def goals():
        return GoalEnv()

    view = PolicyView(decisions=(TimeFeature(1000),))
    check_same_sight(view, goals, lambda: TimeFeatureWrapper(goals()))


class GoalEnv(gym.Env):
    """A walk whose goal stays where it is."""

    action_space = TORQUE

    def __init__(self):
        self.observation_space = gym.spaces.Dict(
            desired_goal=box(1, high=99), observation=box(2, low=-99, high=99)
        )

    def reset(self, *, seed=None, options=None):
        self.place = np.array([seed, 0], np.float32)
        return self.observe(), {}

    def step(self, action):
        self.place = self.place + action
        return self.observe(), 0.0, False, False, {}

    def observe(self):
        return {"desired_goal": np.ones(1, np.float32), "observation": self.place}


@pytest.fixture
def normalised(tmp_path):
    """Statistics of an environment as read from SB3's own file, and SB3's wrapper with the same file."""
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    def prepare(make, **settings):
        vector = VecNormalize(DummyVecEnv([make]), **settings)
        vector.seed(0)
        vector.reset()
        vector.action_space.seed(0)
        for _ in range(LIMIT - 1):
            vector.step([vector.action_space.sample()])
        vector.save(tmp_path / "s.pkl")

        def wrap(inner):
            loaded = VecNormalize.load(tmp_path / "s.pkl", inner)
            loaded.training = loaded.norm_reward = False
            return loaded

        return Normalisation(read_statistics((tmp_path / "s.pkl").read_bytes(), "s.pkl")), wrap

    return prepare


@pytest.mark.parametrize("clip", [10.0, 0.5])
def test_normalisation_is_sb3s(normalised, clip):
    transform, wrap = normalised(pendulum, clip_obs=clip)
    check_same_sight(PolicyView(decisions=(transform,)), pendulum, pendulum, wrap)


def test_normalisation_of_some_keys_leaves_the_others_alone(normalised):
    transform, wrap = normalised(GoalEnv, norm_obs_keys=["observation"])
    check_same_sight(PolicyView(decisions=(transform,)), GoalEnv, GoalEnv, wrap)


def test_float64_observations_are_normalised_before_they_are_rounded(normalised):
    def shifted():
        return gym.wrappers.TransformObservation(
            pendulum(), lambda seen: seen + 1e9, box(3, low=-np.inf, high=np.inf, dtype=np.float64)
        )

    transform, wrap = normalised(shifted)
    check_same_sight(PolicyView(decisions=(transform,)), shifted, shifted, wrap)


def test_stacking_comes_after_time_and_normalisation(normalised):
    from sb3_contrib.common.wrappers import TimeFeatureWrapper
    from stable_baselines3.common.vec_env import VecFrameStack

    def timed():
        return TimeFeatureWrapper(pendulum())

    transform, wrap = normalised(timed)
    view = PolicyView(decisions=(TimeFeature(LIMIT), transform, FrameStack(3)))
    check_same_sight(view, pendulum, timed, lambda vector: VecFrameStack(wrap(vector), 3))


class Pictures(gym.Env):
    """Random pictures; the seed is the game. Action meanings as in Atari."""

    def __init__(self, shape=(12, 10, 3), discrete=4):
        self.observation_space = gym.spaces.Box(0, 255, shape, np.uint8)
        self.action_space = gym.spaces.Discrete(discrete)
        self.actions = []

    def get_action_meanings(self):
        return ["NOOP", "FIRE", "RIGHT", "LEFT"]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observe(), {}

    def step(self, action):
        self.actions.append(int(action))
        return self.observe(), 1.0, False, False, {"lives": 1}

    def observe(self):
        return self.np_random.integers(0, 256, self.observation_space.shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(12, 10, 1), (12, 10, 3), (3, 12, 10)])
def test_pictures_are_stacked_along_their_channels(shape):
    from stable_baselines3.common.vec_env import VecFrameStack

    check_same_sight(
        PolicyView(decisions=(FrameStack(4),)),
        lambda: Pictures(shape),
        lambda: Pictures(shape),
        lambda vector: VecFrameStack(vector, 4),
    )


def test_single_pictures_are_stacked_before_the_rows_of_each_lane():
    space = gym.spaces.Box(0, 255, (12, 10), np.uint8)
    recorder = Recorder(gym.spaces.Discrete(4))
    actor = WrappedActor(recorder, PolicyView(decisions=(PictureStack(3),)), space, recorder.space)
    frames = np.random.default_rng(0).integers(0, 256, (4, 12, 10), dtype=np.uint8)
    for lane in (0, 5, 0):  # on lane 0 a second attempt, which must not see the first
        actor.begin(lane, Context(lane))
        for frame in frames:
            actor.act([frame[None]], [lane])
        padded = np.concatenate([np.zeros((2, 12, 10), np.uint8), frames])
        for step, (seen,) in enumerate(recorder.seen[lane]):
            np.testing.assert_array_equal(seen, padded[step : step + 3])


def test_atari_decides_as_behind_sb3s_wrappers():
    from stable_baselines3.common.atari_wrappers import FireResetEnv, MaxAndSkipEnv

    view = PolicyView(every_step=(BrighterOfTwo(),), repeat=4, opening=Opening(0, fire=4))
    check_same_sight(view, Pictures, lambda: FireResetEnv(MaxAndSkipEnv(Pictures(), 4)), steps=30)


def test_atari_without_fire_first_sees_the_frame_after_its_noops():
    from stable_baselines3.common.atari_wrappers import MaxAndSkipEnv

    class Waits(gym.Wrapper):
        """As `NoopResetEnv`, with the number of no-ops that lane 0 draws."""

        def reset(self, **settings):
            self.env.reset(**settings)
            noops, _ = Opening(30, 0).actions(Context(settings["seed"]).rng)
            for _ in range(noops):
                observation, *_ = self.env.step(0)
            return observation, {}

    view = PolicyView(every_step=(BrighterOfTwo(),), repeat=4, opening=Opening(30, fire=0))
    check_same_sight(view, Pictures, lambda: MaxAndSkipEnv(Waits(Pictures()), 4), steps=60)


def test_opening_and_repeated_actions_are_played_on_the_true_environment():
    view = PolicyView(repeat=3, opening=Opening(5, fire=2))
    _, played = play(view, Pictures, lanes=1, steps=20)
    noops = int(Context(0).rng.integers(1, 6))
    opening, rest = played[0][: noops + 4], played[0][noops + 4 :]
    assert [int(action) for action in opening] == [0] * noops + [1, 1, 2, 2]
    assert all(len(set(map(int, rest[at : at + 3]))) == 1 for at in range(0, len(rest), 3))


def test_history_joins_past_observations_and_past_actions():
    seen, played = play(PolicyView(decisions=(History(2),)), pendulum, lanes=2, steps=4)
    raw, _ = play(PolicyView(), pendulum, lanes=2, steps=4)
    for lane in seen:
        first = [np.zeros(3), *(row[0] for row in raw[lane])]
        actions = [np.zeros(1), np.zeros(1), *played[lane]]
        for step, (row,) in enumerate(seen[lane]):
            expected = np.concatenate([first[step], first[step + 1], actions[step], actions[step + 1]])
            np.testing.assert_array_equal(row, expected.astype(np.float32))


def test_masked_velocities_are_zero():
    seen, _ = play(PolicyView(decisions=(MaskedVelocity((2,)),)), pendulum)
    rows = np.stack([row for rows in seen.values() for (row,) in rows])
    assert (rows[:, 2] == 0).all()
    assert (rows[:, :2] != 0).all()


@pytest.mark.parametrize(
    ("transform", "space"),
    [
        (TimeFeature(9), box(2, 2)),
        (TimeFeature(9), gym.spaces.Discrete(3)),
        (TimeFeature(9), gym.spaces.Dict(a=box(2))),
        (History(2), box(2, 2)),
        (FrameStack(2), gym.spaces.Discrete(3)),
        (Grey(keep_channel=True), box(4)),
        (Grey(keep_channel=True), gym.spaces.Box(0, 255, (9, 9, 1), np.uint8)),
        (Resized(84, 84), gym.spaces.Box(0, 255, (9, 9, 1), np.uint8)),
    ],
)
def test_transform_refuses_a_space_that_it_does_not_fit(transform, space):
    with pytest.raises(SpaceError):
        PolicyView(decisions=(transform,)).space(space, TORQUE)


def test_statistics_of_another_shape_are_refused(normalised):
    transform, _ = normalised(pendulum)
    with pytest.raises(SpaceError, match=r"statistics do not fit .* shape \(3,\)"):
        PolicyView(decisions=(transform,)).space(box(4), TORQUE)


def picture(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def test_grey_is_opencvs():
    # sha256 of cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), OpenCV 5.0.0
    assert digest(grey(picture(210, 160, 3))) == "1a80967312de59ef"


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((96, 96, 64, 64), "c7886bf6d892e9c5"),
        ((96, 96, 48, 48), "d534d7cadd7e16fc"),
        ((96, 96, 32, 32), "bec838e9f9a7d6c5"),
        ((250, 160, 84, 84), "198b02a20bf567dd"),
        ((100, 90, 50, 30), "4d928f19e13c3302"),
        ((97, 31, 10, 7), "19b133916d9731a0"),
    ],
)
def test_area_average_is_opencvs(sizes, expected):
    # sha256 of cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), OpenCV 5.0.0
    high, wide, height, width = sizes
    assert digest(resize(picture(1, high, wide, 3), height, width)) == expected


def test_warped_atari_frame_is_opencvs():
    view = PolicyView(decisions=(Grey(keep_channel=True), Resized(84, 84)))
    space = gym.spaces.Box(0, 255, (210, 160, 3), np.uint8)
    assert view.space(space, TORQUE).shape == (84, 84, 1)
    recorder = Recorder(gym.spaces.Discrete(4))
    actor = WrappedActor(recorder, view, space, recorder.space)
    actor.begin(0, Context(0))
    actor.act([picture(1, 210, 160, 3)], [0])
    assert digest(recorder.seen[0][0][0]) == "b68698c70655a029"


def test_small_grey_pictures_come_out_with_a_channel():
    view = PolicyView(decisions=(Grey(keep_channel=False), Resized(6, 5)))
    space = gym.spaces.Box(0, 255, (12, 10, 3), np.uint8)
    assert view.space(space, TORQUE).shape == (6, 5, 1)
    seen, _ = play(view, Pictures, steps=2)
    assert seen[0][0][0].shape == (6, 5, 1)
