"""A loaded split as the objects of other libraries: every value where that library looks for it."""

from importlib.util import find_spec

import gymnasium as gym
import kinds
import numpy as np
import peer
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecTransposeImage
from sweeps import sweep

from builder import build, load
from builder.episodes.spaces import leaves
from builder.errors import ConfigError

BUFFERED = [kind for kind in kinds.KINDS if kind != "tuple"]
FLAT = ("vector", "float64", "image", "whole")
SPLITS = ("train", "test")


def test_items_of_a_torch_dataset_are_steps(dataset_of):
    split = load(dataset_of("dict"))
    dataset, arrays = split.to_torch(), split.arrays()
    assert isinstance(dataset, torch.utils.data.Dataset)
    assert len(dataset) == len(arrays["reward"])
    loader = torch.utils.data.DataLoader(dataset, batch_size=7)
    batches = list(loader)
    for name, values in arrays.items():
        got = torch.cat([batch[name] for batch in batches]).numpy()
        assert got.dtype == values.dtype
        np.testing.assert_array_equal(got, values)


def test_a_torch_dataset_holds_the_columns_that_are_wanted(dataset_of):
    split = load(dataset_of("dict"))
    parts = ["observation.position", "observation.count", "observation.eye"]
    assert sorted(split.to_torch(["observation", "action"])[3]) == sorted([*parts, "action"])
    with pytest.raises(ConfigError, match="no column 'actoin'"):
        split.to_torch(["actoin"])


@sweep("kind", kinds.KINDS, quick=3)
def test_a_table_of_pandas_has_the_recorded_values(kind, dataset_of):
    split = load(dataset_of(kind))
    table = split.to_pandas()
    for name, values in split.arrays().items():
        if values.ndim == 2:
            for index in range(values.shape[1]):
                assert table[f"{name}.{index}"].dtype == values.dtype
                np.testing.assert_array_equal(table[f"{name}.{index}"], values[:, index])
        else:
            got = table[name].to_numpy() if values.ndim == 1 else np.stack(table[name])
            assert got.dtype == values.dtype
            np.testing.assert_array_equal(got, values)


def filled(split):
    """A buffer that is given each step, as Stable-Baselines3 fills its own."""
    space, action = split.manifest.spaces
    steps = sum(len(episode.rewards) for episode in split)
    kind = DictReplayBuffer if isinstance(space, spaces.Dict) else ReplayBuffer
    buffer = kind(steps, space, action, handle_timeout_termination=True)

    def at(observations, step):
        if isinstance(observations, dict):
            return {name: values[step] for name, values in observations.items()}
        return observations[step]

    for episode in split:
        for step, reward in enumerate(episode.rewards):
            before, after = (at(episode.observations, index) for index in (step, step + 1))
            ended, cut = episode.terminations[step], episode.truncations[step]
            infos = [{"TimeLimit.truncated": bool(cut)}]
            buffer.add(before, after, np.array(episode.actions[step]), reward, ended or cut, infos)
    return buffer


@sweep("kind", BUFFERED, quick=3)
def test_a_replay_buffer_is_what_its_own_add_makes(kind, dataset_of):
    for name in SPLITS:
        split = load(dataset_of(kind), split=name)
        expected, got = filled(split), split.to_sb3(scale_actions=False)
        assert type(got) is type(expected)
        for part in ("observations", "next_observations", "actions", "rewards", "dones", "timeouts"):
            pair = [vars(buffer)[part] for buffer in (expected, got)]
            if not isinstance(pair[0], dict):
                pair = [{"": values} for values in pair]
            assert list(pair[0]) == list(pair[1])
            for leaf, values in pair[0].items():
                assert pair[1][leaf].dtype == values.dtype
                np.testing.assert_array_equal(pair[1][leaf], values)
        assert (got.pos, got.full, got.size()) == (expected.pos, expected.full, expected.size())


def test_some_episodes_of_the_tests_are_cut_off_and_some_end(dataset_of):
    episodes = list(load(dataset_of("vector")))
    assert {bool(episode.terminations[-1]) for episode in episodes} == {True, False}


def test_sac_trains_from_the_buffer_on_actions_as_it_stores_its_own(dataset_of):
    split = load(dataset_of("vector"))
    model = SAC("MlpPolicy", gym.make("Kind-v0", kind="vector"), seed=0, learning_starts=0)
    model.set_logger(Logger(None, []))
    model.replay_buffer = split.to_sb3()
    expected = model.policy.scale_action(split.arrays()["action"])
    np.testing.assert_array_equal(model.replay_buffer.actions[:, 0], expected)
    assert np.abs(expected).max() <= 1
    model.train(gradient_steps=2, batch_size=16)
    assert all(torch.isfinite(weights).all() for weights in model.policy.parameters())


def test_actions_without_bounds_are_not_scaled_unnoticed(dataset_of):
    split = load(dataset_of("vector"))
    split._spaces = split._spaces._replace(action=spaces.Box(-np.inf, np.inf, (1,), np.float32))
    with pytest.raises(ConfigError, match="finite bounds; or scale_actions=False"):
        split.to_sb3()
    assert split.to_sb3(scale_actions=False).full


@pytest.mark.parametrize("kind", ["image", "dict"])
def test_images_come_as_a_model_of_stable_baselines3_sees_them(kind, dataset_of):
    split = load(dataset_of(kind))
    buffer = split.to_sb3(channels_first=True)
    if kind == "dict":  # its image has no channels
        assert buffer.observation_space == split.manifest.spaces.observation
        return
    assert buffer.observation_space == VecTransposeImage.transpose_space(split.manifest.spaces.observation)
    expected = VecTransposeImage.transpose_image(split.arrays()["observation"])
    np.testing.assert_array_equal(buffer.observations[:, 0], expected)


@sweep(
    ("call", "kind"),
    [
        ("to_sb3", "tuple"),
        ("to_imitation", "tuple"),
        *[("to_d3rlpy", kind) for kind in ("tuple", "dict", "choices", "binary", "plane", "start")],
    ],
    quick=3,
)
def test_a_space_that_a_library_has_no_place_for_is_refused(call, kind, dataset_of):
    with pytest.raises(ConfigError, match="cannot hold this dataset"):
        getattr(load(dataset_of(kind)), call)()


def test_stacks_have_no_buffer(dataset_of):
    with pytest.raises(ConfigError, match="got stacks of observations"):
        load(dataset_of("vector")).stacked(3).to_sb3()


@pytest.mark.parametrize("frames", [None, 3])
def test_the_last_step_of_an_episode_is_followed_by_its_final_observation(frames, dataset_of):
    split = load(dataset_of("tuple"))
    split = split if frames is None else split.stacked(frames)
    steps = split._steps()
    observed = leaves(split.manifest.spaces.observation)
    for leaf, before, after in zip(observed, steps.observations, steps.next_observations, strict=True):
        expected = [leaf.pick(episode.observations) for episode in split]
        np.testing.assert_array_equal(before, np.concatenate([values[:-1] for values in expected]))
        np.testing.assert_array_equal(after, np.concatenate([values[1:] for values in expected]))


@pytest.mark.parametrize(
    ("call", "package", "install"),
    [
        ("to_torchrl", "tensordict", "pip install torchrl"),
        ("to_imitation", "imitation", "pip install --no-deps imitation"),
        ("to_d3rlpy", "d3rlpy", "pip install --no-deps d3rlpy"),
    ],
)
def test_a_library_that_is_missing_is_named_with_the_line_that_installs_it(
    call, package, install, dataset_of
):
    if find_spec(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(ConfigError, match=f"{call} needs the package {package}") as caught:
        getattr(load(dataset_of("vector")), call)()
    assert install in caught.value.remedy


TORCHRL = """
import torch, warnings
from builder import load
from torchrl.data import LazyTensorStorage, SliceSampler, TensorDictReplayBuffer
from builder.episodes.spaces import leaves

def arrays_of(held, space):
    found = []
    for leaf in leaves(space):
        part = held
        for key in leaf.path:
            part = part[str(key)]
        found.append((leaf, part.numpy()))
    return found

told = []
for folder, split in [(folder, split) for folder in words for split in load(folder).manifest.splits]:
    dataset = load(folder, split=split)
    print(folder, split, file=sys.stderr)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        steps = dataset.to_torchrl()
    buffer = TensorDictReplayBuffer(
        storage=LazyTensorStorage(len(steps)), batch_size=20,
        sampler=SliceSampler(num_slices=4, traj_key="episode", strict_length=False))
    buffer.extend(steps)
    steps = buffer[:]
    space, action = dataset.manifest.spaces
    episodes = list(dataset)

    def joined(pick):
        return np.concatenate([pick(episode) for episode in episodes])

    for held, target, of in [
        (steps["observation"], space, lambda leaf: joined(lambda e: leaf.pick(e.observations)[:-1])),
        (steps["next", "observation"], space, lambda leaf: joined(lambda e: leaf.pick(e.observations)[1:])),
        (steps["action"], action, lambda leaf: joined(lambda e: leaf.pick(e.actions))),
    ]:
        for leaf, values in arrays_of(held, target):
            assert values.dtype == leaf.dtype, (values.dtype, leaf)
            np.testing.assert_array_equal(values, of(leaf))
    for name, field in [("reward", "rewards"), ("terminated", "terminations"), ("truncated", "truncations")]:
        values = steps["next", name].numpy()
        assert values.shape == (len(steps), 1)
        np.testing.assert_array_equal(values[:, 0], joined(lambda e: getattr(e, field)))
    assert (steps["next", "done"] == steps["next", "terminated"] | steps["next", "truncated"]).all()
    lengths = [len(e.rewards) for e in episodes]
    assert steps["episode"].unique_consecutive(return_counts=True)[1].tolist() == lengths
    sample = buffer.sample()
    assert len(sample)
    told.append(len(steps))
answer(told)
"""


@pytest.mark.parametrize("library", [pytest.param("torchrl", marks=peer.needs("torchrl"))])
def test_torchrl_holds_every_value(library, dataset_of):
    folders = [dataset_of(kind) for kind in kinds.KINDS]
    told, _ = peer.run_beside(library, TORCHRL, *folders)
    assert told == [split.rows for folder in folders for split in load(folder).manifest.splits.values()]


IMITATION = """
from builder import load
from imitation.data import rollout
from imitation.data.types import DictObs, TrajectoryWithRew

told = []
for folder, split in [(folder, split) for folder in words for split in load(folder).manifest.splits]:
    dataset = load(folder, split=split)
    print(folder, split, file=sys.stderr)
    trajectories = dataset.to_imitation()
    for episode, came in zip(dataset, trajectories, strict=True):
        assert type(came) is TrajectoryWithRew
        recorded_values = (episode.observations, episode.actions, episode.rewards)
        for held, recorded in zip((came.obs, came.acts, came.rews), recorded_values, strict=True):
            if isinstance(held, DictObs):
                assert list(held.keys()) == list(recorded)
                pairs = [(held.get(name), recorded[name]) for name in recorded]
            else:
                pairs = [(held, recorded)]
            for got, expected in pairs:
                assert got.dtype == expected.dtype
                np.testing.assert_array_equal(got, expected)
        assert came.terminal is True
    transitions = rollout.flatten_trajectories(trajectories)
    assert int(transitions.dones.sum()) == len(dataset)
    told.append(len(transitions))
answer(told)
"""


@pytest.mark.parametrize("library", [pytest.param("imitation", marks=peer.needs("imitation"))])
def test_imitation_holds_every_value(library, dataset_of):
    folders = [dataset_of(kind) for kind in BUFFERED]
    told, _ = peer.run_beside(library, IMITATION, *folders)
    assert told == [split.rows for folder in folders for split in load(folder).manifest.splits.values()]


D3RLPY = """
from builder import load
from builder.episodes.spaces import is_image, leaves
import d3rlpy

told = []
for folder, split in [(folder, split) for folder in words for split in load(folder).manifest.splits]:
    dataset = load(folder, split=split)
    print(folder, split, file=sys.stderr)
    buffer = dataset.to_d3rlpy()
    (leaf,) = leaves(dataset.manifest.spaces.observation)
    for episode, came in zip(dataset, buffer.episodes, strict=True):
        expected = episode.observations[:-1]
        expected = np.moveaxis(expected, -1, 1) if is_image(leaf) else expected.reshape(len(expected), -1)
        assert came.observations.dtype == leaf.dtype
        np.testing.assert_array_equal(came.observations, expected)
        np.testing.assert_array_equal(came.actions, episode.actions.reshape(len(came.actions), -1))
        np.testing.assert_array_equal(came.rewards[:, 0], episode.rewards.astype(np.float32))
        assert came.terminated is bool(episode.terminations[-1])
    discrete = buffer.dataset_info.action_space == d3rlpy.constants.ActionSpace.DISCRETE
    if split == "train" and leaf.shape:
        kind = d3rlpy.algos.DiscreteBCConfig if discrete else d3rlpy.algos.BCConfig
        kind(batch_size=8).create(device="cpu:0").fit(
            buffer, n_steps=2, n_steps_per_epoch=2, show_progress=False,
            logger_adapter=d3rlpy.logging.NoopAdapterFactory())
    told.append([discrete, int(buffer.dataset_info.action_size)])
answer(told)
"""


@pytest.mark.parametrize("library", [pytest.param("d3rlpy", marks=peer.needs("d3rlpy"))])
def test_d3rlpy_holds_every_value_that_it_has_a_place_for_and_trains(library, dataset_of, tmp_path):
    build("cartpole", episodes=2, out=tmp_path / "x")
    folders = [dataset_of(kind) for kind in FLAT]
    told, _ = peer.run_beside(library, D3RLPY, *folders, tmp_path / "x")
    assert told == [[False, 1]] * 2 * len(FLAT) + [[True, 2]]
