"""A build that is ready to play says where its attempts lie, and what collation needs to know."""

import dataclasses

import pytest

from builder.composition import build_config
from builder.episodes.acceptance import EVERY_RETURN, Acceptance
from builder.pipeline.prepare import prepare


@pytest.fixture(scope="module")
def ready():
    words = ["expert=random", "env.id=CartPole-v1", "out=x/y", "threshold=9", "dataset.test_fraction=0.25"]
    return prepare(build_config(words))


def test_attempts_lie_beside_the_dataset(ready):
    assert ready.store.root == ready.config.out.parent / ".y.chunks"


def test_instances_used_in_another_way_have_chunks_of_their_own(ready):
    other = dataclasses.replace(ready, instances="single")
    assert (other.identity, other.store.root) == (ready.identity, ready.store.root)
    assert other.store.folder != ready.store.folder


def test_collation_knows_the_bounds_and_which_episode_goes_to_test(ready):
    assert (ready.collation.acceptance, ready.collation.every) == (Acceptance(9.0), 4)


def test_where_a_users_own_enjoy_decided_returns_do_not_decide_again(ready):
    own = dataclasses.replace(ready, inputs={**ready.inputs, "own": {"enjoy": "sha256:0"}})
    assert own.collation.acceptance == EVERY_RETURN


def test_code_without_a_version_makes_a_build_that_is_not_pinned(ready):
    own = dataclasses.replace(ready, inputs={**ready.inputs, "own": {"enjoy": "mine, not pinned"}})
    assert (ready.pinned, own.pinned) == (True, False)
