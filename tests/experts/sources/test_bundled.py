"""Experts that come with this package."""

from configured import CARTPOLE, SHA256, first_action, loaded, player_of


def test_a_bundled_expert_is_named_by_its_archives_sha256():
    expert = loaded("cartpole")
    assert expert.identity == {
        "name": "cartpole",
        "source": "bundled",
        "algo": "PPO",
        "version": SHA256,
        "sha256": SHA256,
    }
    assert expert.policy.path == str(CARTPOLE)
    assert first_action(player_of(expert)) == 1
