"""`expert=random`."""

from configured import loaded, player_of

from builder.experts.actor import RandomPlayer


def test_a_random_expert_needs_nothing():
    expert = loaded("random")
    assert player_of(expert) == RandomPlayer()
    assert expert.identity == {"name": "random", "source": "random", "algo": None, "version": "random"}
    assert expert.pinned
