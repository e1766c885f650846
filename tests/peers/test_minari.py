"""Minari's own reader, on what is exported; and what its own writer leaves, read here."""

import hub_clients
import kinds
import numpy as np
import peer
import pytest

from builder import load
from builder.exchange.export import ExportRequest, export
from builder.exchange.minari.reading import read

pytestmark = peer.needs("minari")
READ = """
import minari, kinds
from minari.namespace import list_local_namespaces
kinds.register()
dataset = minari.load_dataset(words[0])
arrays, told = {}, []
metadata = dataset.storage.get_episode_metadata(range(8))
for number, (episode, about) in enumerate(zip(dataset.iterate_episodes(), metadata)):
    observed = episode.observations
    parts = list(observed.values()) if isinstance(observed, dict) else observed
    for place, part in enumerate(parts if isinstance(observed, (dict, tuple)) else [observed]):
        arrays[f"{number}/observations/{place}"] = part
    arrays[f"{number}/actions"], arrays[f"{number}/rewards"] = episode.actions, episode.rewards
    arrays[f"{number}/ends"] = np.stack([episode.terminations, episode.truncations])
    told.append([about["seed"], about["split"]])
environment = dataset.recover_environment()
same = environment.observation_space == dataset.observation_space
same = same and environment.action_space == dataset.action_space
listed = [*minari.list_local_datasets()], list_local_namespaces()
keys = [*observed] if isinstance(observed, dict) else []
answer([told, same, listed, keys], **arrays)
"""
WRITE = """
import kinds, minari
kinds.register()
import gymnasium as gym
environment = minari.DataCollector(
    gym.make("Kind-v0", kind=words[0]), record_infos=False, data_format=words[1], jpeg_encoding=False
)
environment.action_space.seed(3)
for seed in (None, 5, 6):
    environment.reset(seed=seed)
    while not any(environment.step(environment.action_space.sample())[2:4]):
        pass
environment.create_dataset(
    "theirs/x-v0", algorithm_name="theirs", author="A", author_email="a@b.c", code_permalink="x"
)
"""


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_its_reader_gives_what_was_recorded(kind, dataset_of, tmp_path):
    export(dataset_of(kind), ExportRequest("minari", tmp_path))
    name = "il-builder/Kind-v0/random-v0"
    (told, same, (listed, namespaces), keys), arrays = peer.run(
        "minari", READ, name, MINARI_DATASETS_PATH=tmp_path
    )
    assert same
    assert listed == [name]
    assert namespaces == ["il-builder", "il-builder/Kind-v0"]
    recorded = [(one, split) for split in ("train", "test") for one in load(dataset_of(kind), split=split)]
    assert [(seed, split) for seed, split in told] == [(one.seed, split) for one, split in recorded]
    for number, (episode, _) in enumerate(recorded):
        actions, rewards = arrays[f"{number}/actions"], arrays[f"{number}/rewards"]
        observed, restepped, ends = kinds.restep(kind, episode.seed, actions)
        np.testing.assert_array_equal(actions, episode.actions, strict=True)
        np.testing.assert_array_equal(rewards, restepped, strict=True)
        assert tuple(arrays[f"{number}/ends"][:, -1]) == ends
        assert not arrays[f"{number}/ends"][:, :-1].any()
        parts = [[one[key] for one in observed] for key in keys] or (
            list(zip(*observed, strict=True)) if kind == "tuple" else [observed]
        )
        for place, part in enumerate(parts):
            np.testing.assert_array_equal(
                arrays[f"{number}/observations/{place}"], np.array(part), strict=True
            )


@pytest.mark.parametrize("data_format", ["hdf5", "arrow", "parquet"])
@pytest.mark.parametrize("kind", kinds.KINDS)
def test_what_its_collector_wrote_is_read_and_steps_again(kind, data_format, tmp_path):
    peer.run("minari", f"{WRITE}\nanswer()", kind, data_format, MINARI_DATASETS_PATH=tmp_path)
    incoming = read(tmp_path, {"id": None})
    assert incoming.spaces == (kinds.Kind(kind).observation_space, kinds.Kind(kind).action_space)
    assert incoming.environment == {"id": "Kind-v0", "kwargs": {"kind": kind}, "max_episode_steps": 50}
    assert (incoming.policy, incoming.authors) == ("theirs", ("A",))
    for episode in incoming.trajectories():
        actions = episode.actions[0]
        observed, rewards, ends = kinds.restep(kind, episode.seed, actions)
        np.testing.assert_array_equal(episode.rewards, rewards)
        assert (episode.terminated, episode.truncated) == ends
        names = [*observed[0]] if kind == "dict" else range(2) if kind == "tuple" else [None]
        for name, array in zip(names, episode.all_observations(), strict=True):
            expected = np.array(observed if name is None else [one[name] for one in observed])
            np.testing.assert_array_equal(array, expected)
    peer.assert_comes_back("minari", tmp_path / "theirs/x-v0", tmp_path)


DOWNLOAD = """
import minari
minari.download_dataset(words[0])
dataset = minari.load_dataset(words[0])
episode = next(iter(dataset))
answer([dataset.total_episodes, list(minari.list_local_datasets())], actions=episode.actions)
"""


def test_minari_downloads_what_was_published(hub, clients, dataset_of, tmp_path):
    name, options = "mine/kinds/x-v0", {"id": "mine/kinds/x-v0"}
    folder = dataset_of("vector")
    clients(hub_clients.publish, folder, "minari", tmp_path / "root", "user/mine", options=options)
    theirs = {"MINARI_REMOTE": "hf://user", "MINARI_DATASETS_PATH": tmp_path / "theirs"}
    there = {"HF_ENDPOINT": hub.url, "HF_HOME": tmp_path / "home", "HF_HUB_OFFLINE": "0"}
    (episodes, local), arrays = peer.run("minari", DOWNLOAD, name, **theirs, **there)
    assert (episodes, local) == (8, [name])
    np.testing.assert_array_equal(arrays["actions"], load(folder).episode(0).actions, strict=True)
