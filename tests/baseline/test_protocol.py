"""How clones play: alike, and on seeds that no demonstration had."""

import dataclasses

import pytest

from builder.baseline.config import BaselineConfig
from builder.baseline.protocol import FIRST_ROOT, evaluation_seed, expert_of, protocol_of
from builder.composition import compose
from builder.episodes.seeding import attempt_seed
from builder.errors import BuilderError, ConfigError, DatasetError
from builder.manifest.manifest import read_manifest

FEW = compose(BaselineConfig, "baseline", ["out=x", "episodes=3"])


def test_no_seed_of_an_evaluation_is_one_of_the_dataset():
    assert evaluation_seed({1, 2}, 5) == FIRST_ROOT
    taken = {attempt_seed(FIRST_ROOT, 4), attempt_seed(FIRST_ROOT + 1, 0)}
    assert evaluation_seed(taken, 5) == FIRST_ROOT + 2
    assert evaluation_seed(taken, 4) == FIRST_ROOT


def test_the_expert_plays_the_environment_of_its_dataset(short_cartpole):
    manifest = read_manifest(short_cartpole)
    protocol = protocol_of(short_cartpole, manifest, FEW)
    expert = expert_of(short_cartpole, manifest, FEW)
    assert protocol.expert(expert).tolist() == [20.0, 20.0, 20.0]
    assert (protocol.random() < 20).any()
    assert protocol.random().tolist() == protocol.random().tolist()


def test_a_dataset_of_no_known_environment_is_refused_in_one_line(short_cartpole):
    manifest = read_manifest(short_cartpole)
    inputs = {key: value for key, value in manifest.inputs.items() if key != "environment"}
    with pytest.raises(DatasetError, match=r"nothing says which environment .* import it with env.id="):
        protocol_of(short_cartpole, dataclasses.replace(manifest, inputs=inputs), FEW)


def test_an_environment_that_is_not_here_is_refused(short_cartpole):
    manifest = read_manifest(short_cartpole)
    other = {**manifest.inputs["environment"], "id": "Nowhere-v0"}
    with pytest.raises(ConfigError, match=r"Nowhere-v0"):
        protocol_of(
            short_cartpole,
            dataclasses.replace(manifest, inputs={**manifest.inputs, "environment": other}),
            FEW,
        )


def test_whoever_has_played_what_was_imported_cannot_play_again(short_cartpole):
    manifest = read_manifest(short_cartpole)
    imported = dataclasses.replace(manifest, inputs={**manifest.inputs, "imported": {"format": "npz"}})
    with pytest.raises(BuilderError, match=r"nobody knows who has played it"):
        expert_of(short_cartpole, imported, FEW)
