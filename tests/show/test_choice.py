import numpy as np
import pytest

from builder.errors import ConfigError
from builder.manifest.manifest import read_manifest
from builder.show.choice import Place, choose, places

RETURNS = [3.0, 9.0, -2.0, 9.0, float("nan"), 4.0]
KNOWN = [
    Place("train", position, 10 + position, length, total)
    for position, (length, total) in enumerate(zip([5, 5, 8, 1, 8, 2], RETURNS, strict=True))
]


@pytest.mark.parametrize(
    ("wanted", "index"), [("best", 11), ("worst", 12), ("median", 15), ("longest", 12), (13, 13), (14, 14)]
)
def test_an_episode_is_found_by_its_return_length_or_number(wanted, index):
    assert choose(KNOWN, wanted).index == index


def test_a_median_is_an_episode_that_there_is():
    assert choose(KNOWN[:2], "median").index == 10


@pytest.mark.parametrize("wanted", [9, 16, -1, "bst", "", "3"])
def test_an_episode_that_there_is_not_is_an_error_that_says_what_there_is(wanted):
    with pytest.raises(ConfigError, match="best or median or worst or longest"):
        choose(KNOWN, wanted)


def test_without_returns_none_is_the_best():
    unrated = [Place("train", 0, 0, 5, float("nan"))]
    with pytest.raises(ConfigError, match="episode=longest"):
        choose(unrated, "best")
    assert choose(unrated, "longest").index == 0


def test_all_splits_are_looked_through(dataset_of):
    folder = dataset_of("vector")
    manifest = read_manifest(folder)
    found = places(folder, manifest)
    assert sorted(place.index for place in found) == list(range(8))
    assert {place.split for place in found} == {"train", "test"}
    assert [place.split for place in places(folder, manifest, "test")] == ["test"] * 2
    assert np.isfinite([place.total for place in found]).all()


def test_a_split_that_there_is_not_is_an_error(dataset_of):
    folder = dataset_of("vector")
    with pytest.raises(ConfigError, match="train or test"):
        places(folder, read_manifest(folder), "tset")
