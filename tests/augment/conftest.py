"""Datasets to merge."""

import pytest

from builder import build
from builder.augment.merging import merge
from builder.augment.parts import parts_of


def folder_of(name, revision=None):
    """A part's folder; none of these tests needs the Hub."""
    from builder.api import dataset_folder

    return dataset_folder(name, revision)


@pytest.fixture(scope="session")
def cartpole_of(tmp_path_factory):
    """`cartpole_of("pixels", episodes=3)`: the folder of a dataset of CartPole, made once for all tests."""
    made = {}

    def folder(kind="plain", episodes=4, seed=0):
        key = kind, episodes, seed
        if key not in made:
            more = {
                "plain": {},
                "pixels": {"dataset.pixels": {"height": 8, "width": 12}},
                "bare": {"dataset.next_observation": False},
                "split": {"dataset.test_fraction": 0.25},
            }[kind]
            out = tmp_path_factory.mktemp("parts") / kind
            environment = {"id": "CartPole-v1", "max_episode_steps": 9}
            build(expert="random", env=environment, episodes=episodes, seed=seed, out=str(out), **more)
            made[key] = out
        return made[key]

    return folder


@pytest.fixture
def merged(tmp_path):
    """`merged(A, "B@0.5", out="c")`: what `merge` gives."""

    def of(*parts, out="merged", **options):
        given = [part if isinstance(part, dict) else str(part) for part in parts]
        return merge(parts_of(given, folder_of), tmp_path / out, **options)

    return of
