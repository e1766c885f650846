"""Examples that train with another library, beside it."""

from importlib.machinery import PathFinder

import peer
import pytest
from example_runs import agreed


def lacks(library, package):
    """Whether a library's environment is there, and was made before it needed a package."""
    there = peer.python_of(library).exists()
    return there and PathFinder.find_spec(package, [str(peer.packages_of(library))]) is None


@pytest.mark.parametrize("library", [pytest.param("imitation", marks=peer.needs("imitation"))])
def test_an_adversary_teaches_what_the_expert_does(tmp_path, library):
    found = agreed("gail", tmp_path, library)
    assert found["mean return of who moves at random"] < 40
    assert found["mean return of the learner"] > 90


@pytest.mark.parametrize("library", [pytest.param("d3rlpy", marks=peer.needs("d3rlpy"))])
def test_better_data_teach_better_and_more_than_they_hold(tmp_path, library):
    found = agreed("offline_iql", tmp_path, library)
    data = [found[f"mean return of the {level} data"] for level in ("poor", "medium", "expert")]
    taught = [found[f"mean return of IQL on the {level} data"] for level in ("poor", "medium", "expert")]
    assert data == sorted(data)
    assert taught == sorted(taught)
    assert all(reached > held for reached, held in zip(taught, data, strict=True))


@pytest.mark.skipif(lacks("lerobot", "diffusers"), reason="an old environment: make .peers/lerobot anew")
@pytest.mark.parametrize("library", [pytest.param("lerobot", marks=peer.needs("lerobot"))])
def test_a_policy_of_lerobot_swings_up_by_an_export(tmp_path, library):
    found = agreed("lerobot_policy", tmp_path, library)
    assert found["mean return of ACT"] > found["mean return of the expert"] - 50
