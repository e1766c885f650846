"""The columns of what the expert thought."""

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import SMALL, box, make_model
from seeing import built, timed

from builder.episodes.annotations import Decided
from builder.episodes.context import Context
from builder.errors import ConfigError
from builder.experts.archive.agent import read_agent
from builder.experts.archive.critics import read_critics
from builder.experts.evaluator import Evaluator, Mind
from builder.experts.network_player import NetworkPlayer
from builder.experts.observations.wrapped_policy import Opening, PolicyView
from builder.experts.teacher import teacher_of
from builder.manifest.manifest import read_manifest

CARTPOLE = ["expert=cartpole"]
PENDULUM = ["expert=pendulum"]
ALL_OF_PPO = "dataset.teacher=[log_prob,value,entropy,distribution]"


def saved(tmp_path, algorithm, action_space, **settings):
    path = tmp_path / "agent.zip"
    make_model(algorithm, "MlpPolicy", box(3), action_space, **{**SMALL, **settings}).save(path)
    return Mind(read_agent(path).network, read_critics(path))


def asked(recipe, player, actions, labels=None):
    """What is said of two lanes."""
    spaces = box(3), player.network.action_space
    actor = player.actor(*spaces)
    for lane in range(len(actions)):
        actor.begin(lane, Context(lane))
    seen = [np.zeros((len(actions), 3), np.float32)]
    actor.act(seen, range(len(actions)))
    annotator = recipe.annotator(actor, spaces)
    return annotator.acted(
        Decided(range(len(actions)), seen, [actions], [actions if labels is None else labels])
    )


def recipe_of(mind, *names, view=None, **more):
    player = NetworkPlayer(mind.network, view=view)
    spaces = box(3), mind.network.action_space
    return teacher_of(mind, names, player, spaces=spaces, expert="mine", **more), player


def test_what_is_not_to_be_had_is_an_error_that_says_what_is(tmp_path):
    mind = saved(tmp_path, "SAC", box(2))
    with pytest.raises(ConfigError, match=r"mine has no entropy; expected log_prob, distribution, q_value"):
        recipe_of(mind, "log_prob", "entropy")
    assert "value" not in mind.shapes


def test_labels_have_columns_of_their_own(tmp_path):
    mind = saved(tmp_path, "SAC", box(2))
    recipe, player = recipe_of(mind, "log_prob", "q_value", "distribution", labelled=True)
    names = [column.name for column in recipe.columns]
    assert names == [
        *("teacher.log_prob", "teacher.log_prob.expert", "behaviour_log_prob"),
        *("teacher.q_value", "teacher.q_value.expert", "teacher.distribution"),
    ]
    actions, labels = np.full((2, 2), 0.5, np.float32), np.full((2, 2), -0.5, np.float32)
    said = asked(recipe, player, actions, labels)
    of_labels = Evaluator(mind, box(3))(["log_prob"], [np.zeros((2, 3), np.float32)], labels)
    np.testing.assert_array_equal(said["teacher.log_prob.expert"], of_labels["log_prob"])
    assert (said["teacher.log_prob"] != said["teacher.log_prob.expert"]).all()
    assert not said["behaviour_log_prob.valid"].any()


def test_an_action_that_was_clipped_has_no_density(tmp_path):
    mind = saved(tmp_path, "PPO", box(2))
    recipe, player = recipe_of(mind, "log_prob", sampled=True)
    said = asked(recipe, player, np.float32([[0.5, 0.5], [0.5, 1.0]]))
    assert said["behaviour_log_prob.valid"].tolist() == [True, False]
    assert said["behaviour_log_prob"][0] == said["teacher.log_prob"][0]
    assert said["behaviour_log_prob"][1] == 0


def test_steps_on_which_the_expert_is_not_asked_have_no_thoughts(tmp_path):
    mind = saved(tmp_path, "PPO", gym.spaces.Discrete(3))
    recipe, player = recipe_of(
        mind, "log_prob", "value", view=PolicyView(opening=Opening(0, 1)), sampled=True
    )
    assert all(column.nullable for column in recipe.columns)
    said = asked(recipe, player, np.zeros(2, np.int64))
    assert not said["teacher.value.valid"].any()
    assert not said["behaviour_log_prob.valid"].any()


def test_a_build_has_the_thoughts_of_what_the_expert_saw(tmp_path):
    expert = timed(tmp_path / "agent")
    dataset = built(expert, tmp_path / "out", "dataset.policy_observation=true", ALL_OF_PPO)
    path = tmp_path / "agent" / "agent.zip"
    mind, found = Mind(read_agent(path).network, read_critics(path)), dataset.arrays()
    evaluate = Evaluator(mind, gym.spaces.Box(-np.inf, np.inf, (5,), np.float32))
    expected = evaluate(mind.shapes, [found["policy_observation"]], found["action"])
    for name, values in expected.items():
        np.testing.assert_array_equal(found[f"teacher.{name}"], values, err_msg=name)
    assert not found["behaviour_log_prob.valid"].any()  # the best action has no likelihood to be chosen


def test_a_sampled_action_was_as_likely_as_the_expert_thought(tmp_path):
    more = "dataset.teacher=[log_prob]", "rollout.deterministic=false", "threshold=-1"
    found = built(CARTPOLE, tmp_path / "out", *more).arrays()
    assert found["behaviour_log_prob.valid"].all()
    np.testing.assert_array_equal(found["behaviour_log_prob"], found["teacher.log_prob"])


@pytest.mark.parametrize("names", ["q_value", "log_prob"])
def test_under_noise_the_label_has_its_own(tmp_path, names):
    more = f"dataset.teacher=[{names}]", "rollout.noise=gaussian", "rollout.noise.std=0.3"
    found = built(PENDULUM, tmp_path / "out", *more).arrays()
    differ = (found["action"] != found["expert_action"]).any(axis=1)
    other = (
        (found[f"teacher.{names}"] != found[f"teacher.{names}.expert"]).reshape(len(differ), -1).any(axis=1)
    )
    assert differ.any()
    assert (other[differ]).mean() > 0.9


def test_lanes_and_jobs_change_no_byte(tmp_path):
    prints = set()
    names = "dataset.teacher=[log_prob,q_value,distribution]"
    for lanes in (1, 7, 64):
        out = tmp_path / f"lanes{lanes}"
        built(PENDULUM, out, names, "episodes=9", "threshold=-2000", f"rollout.lanes={lanes}")
        prints.add(read_manifest(out).fingerprint)
    assert len(prints) == 1


@pytest.mark.slow
def test_processes_change_no_byte(tmp_path):
    prints = set()
    names = "dataset.teacher=[log_prob,value,entropy,distribution]"
    for parallel in ("threading", "loky"):
        out = tmp_path / parallel
        built(CARTPOLE, out, names, "episodes=9", f"parallel={parallel}", "parallel.n_jobs=2")
        prints.add(read_manifest(out).fingerprint)
    assert len(prints) == 1
