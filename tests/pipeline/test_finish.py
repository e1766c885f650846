"""A finished folder is checked before it takes its place."""

from builder import Controller
from builder.card import keep_reference, rendered_again
from builder.manifest.manifest import BASELINE, read_manifest
from builder.manifest.scores import ReferenceScores

SCORES = ReferenceScores(9.0, 20.0, "a test")


def test_a_build_of_one_episode_steps_one_again(tmp_path, caplog):
    caplog.set_level("INFO")
    Controller().start({"expert": "cartpole", "episodes": 1, "out": str(tmp_path / "x")})
    assert "verified: 1 of 1 episodes stepped again" in caplog.text


def test_a_grown_dataset_keeps_its_reference_and_another_environment_has_none_of_it(tmp_path):
    short = {"expert": "cartpole", "expert.check": "off", "threshold": 0, "out": str(tmp_path / "x")}
    Controller().start({**short, "episodes": 1, "env.max_episode_steps": 20})
    keep_reference(tmp_path / "x", SCORES)
    Controller().start({**short, "episodes": 2, "env.max_episode_steps": 20})
    assert (read_manifest(tmp_path / "x").reference, read_manifest(tmp_path / "x").accepted) == (SCORES, 2)
    text, expected = rendered_again(tmp_path / "x")
    assert text == expected
    assert "*Normalised*" in text
    Controller().start({**short, "episodes": 1, "env.max_episode_steps": 21, "overwrite": True})
    assert read_manifest(tmp_path / "x").reference is None


def test_of_a_grown_dataset_it_is_said_that_its_baseline_is_gone(tmp_path, caplog):
    caplog.set_level("INFO")
    out = tmp_path / "x"
    short = {"expert": "cartpole", "expert.check": "off", "threshold": 0, "out": str(out)}
    Controller().start({**short, "episodes": 1, "env.max_episode_steps": 20})
    assert "baseline" not in caplog.text
    (out / BASELINE).touch()
    Controller().start({**short, "episodes": 2, "env.max_episode_steps": 20})
    assert f"is gone; il-builder baseline {out} trains one anew" in caplog.text
    assert not (out / BASELINE).exists()
