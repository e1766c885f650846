"""A finished folder is checked before it takes its place."""

from builder import Controller


def test_a_build_of_one_episode_steps_one_again(tmp_path, caplog):
    caplog.set_level("INFO")
    Controller().start({"expert": "cartpole", "episodes": 1, "out": str(tmp_path / "x")})
    assert "verified: 1 of 1 episodes stepped again" in caplog.text
