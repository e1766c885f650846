"""An archive plays behind what surrounded it in training: stacks and statistics, in either order."""

import shutil

import gymnasium as gym
import numpy as np
import pytest
from agents import agent, start
from configured import CARTPOLE, SHA256, loaded
from sb3_models import SpacesEnv, box, make_model
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecNormalize

from builder.composition import build_config
from builder.episodes.context import Context
from builder.errors import ExpertError, SpaceError, UnsafeArchiveError
from builder.experts.sources.load import load_expert
from builder.experts.sources.registered import DEFAULT_ROLLOUT

SEEN, ACTIONS, FRAMES = box(3), box(2), 4


def plain():
    return DummyVecEnv([lambda: SpacesEnv(SEEN, ACTIONS)])


KINDS = {
    "stacked": lambda: VecFrameStack(plain(), FRAMES),
    "normalised, then stacked": lambda: VecFrameStack(VecNormalize(plain()), FRAMES),
    "stacked, then normalised": lambda: VecNormalize(VecFrameStack(plain(), FRAMES)),
}


@pytest.fixture(params=KINDS, scope="module")
def behind(request, tmp_path_factory):
    """An agent, the vector environment that it was trained behind, and its archive."""
    vector = KINDS[request.param]()
    vector.reset()
    for _ in range(5):
        vector.step([ACTIONS.sample()])
    model = make_model("PPO", "MlpPolicy", vector.observation_space, ACTIONS, policy_kwargs={"net_arch": [4]})
    folder = tmp_path_factory.mktemp("agent")
    model._last_obs = np.zeros((1, 12), np.float32)
    normaliser = vector if isinstance(vector, VecNormalize) else vector.venv
    if isinstance(normaliser, VecNormalize):
        normaliser.training = False
        model._last_original_obs = np.zeros((1, 3), np.float32)
        normaliser.save(folder / "vec_normalize.pkl")
    model.save(folder / "agent.zip")
    return model, vector, folder / "agent.zip"


def player(archive, **keys):
    words = ["expert=local", f"expert.path={archive}", *(f"expert.{key}={keys[key]}" for key in keys)]
    expert = load_expert(build_config(words).expert, DEFAULT_ROLLOUT)
    return expert.player(DEFAULT_ROLLOUT, env_id="x", max_episode_steps=10)


@pytest.mark.parametrize("trusted", [False, True])
def test_the_actions_are_those_of_training_in_whatever_order_it_stacked_and_normalised(behind, trusted):
    model, vector, archive = behind
    keys = {"trust_remote_code": True, "algo": "PPO"} if trusted else {}
    actor = player(archive, frame_stack=FRAMES, **keys).actor(SEEN, ACTIONS)
    actor.begin(0, Context(0))
    seen = vector.reset()
    for _ in range(6):
        raw = innermost(vector).buf_obs[None].copy()
        ((action,),) = actor.act([raw], [0])
        expected, _ = model.predict(seen, deterministic=True)
        np.testing.assert_allclose(action, expected[0], atol=1e-5)
        seen, *_ = vector.step(expected)


def innermost(vector):
    while hasattr(vector, "venv"):
        vector = vector.venv
    return vector


def test_an_agent_that_saw_a_stack_is_seen_to_have(behind):
    with pytest.raises(SpaceError) as caught:
        player(behind[2]).actor(SEEN, ACTIONS)
    assert "(12 = 4 x 3: if it was trained behind VecFrameStack, expert.frame_stack=4 says so)" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("trained", "given", "hint"),
    [
        (
            gym.spaces.Box(0, 255, (4, 36, 36), np.uint8),
            gym.spaces.Box(0, 255, (36, 36, 1), np.uint8),
            "4 = 4 x 1",
        ),
        (gym.spaces.Dict(a=box(6), b=box(3)), gym.spaces.Dict(a=box(2), b=box(1)), "6 = 3 x 2"),
    ],
    ids=["pictures", "dict"],
)
def test_stacks_of_pictures_and_of_dicts_are_seen_too(save, trained, given, hint):
    policy = "MultiInputPolicy" if isinstance(trained, gym.spaces.Dict) else "CnnPolicy"
    archive = save("PPO", policy, trained, gym.spaces.Discrete(2)).path
    with pytest.raises(SpaceError, match=hint):
        player(archive).actor(given, gym.spaces.Discrete(2))


@pytest.mark.parametrize("given", [box(5), box(13), gym.spaces.Discrete(3)])
def test_other_spaces_are_not_taken_for_a_part_of_a_stack(save, given):
    archive = save("PPO", "MlpPolicy", box(12), gym.spaces.Discrete(2)).path
    with pytest.raises(SpaceError) as caught:
        player(archive).actor(given, gym.spaces.Discrete(2))
    assert "VecFrameStack" not in str(caught.value)


def test_an_archive_of_another_sha256_is_refused(copy):
    with pytest.raises(ExpertError) as caught:
        loaded("local", path=str(copy), sha256="abc")
    assert str(caught.value) == (
        f"agent.zip is not the expert that was asked for; expected sha256 abc; got {SHA256};"
        " fetch it again, or state its new sha256 in expert.sha256"
    )


def test_a_file_that_is_not_there_is_an_error():
    with pytest.raises(ExpertError) as caught:
        loaded("local", path="nothing.zip", name="mine")
    assert str(caught.value) == "there is no file nothing.zip for the expert 'mine'; check expert.path"


def test_a_folder_with_no_archive_is_refused(tmp_path):
    with pytest.raises(ExpertError) as caught:
        loaded("local", path=str(tmp_path), name="mine")
    assert str(caught.value) == (
        f"the folder {tmp_path} of the expert 'mine'; expected one .zip;"
        " got none; name the archive itself in expert.path"
    )


def test_the_folder_of_a_repository_holds_one_agent_beside_its_metrics(copy):
    shutil.copy(CARTPOLE, copy.with_name("train_eval_metrics.zip"))
    assert loaded("local", path=str(copy.parent)).policy.path == str(copy)


def test_a_module_that_only_a_file_beside_the_archive_names_is_not_imported(tmp_path, monkeypatch):
    folder = agent(tmp_path / "a")
    (tmp_path / "an_attack.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'marker')!r})")
    monkeypatch.syspath_prepend(tmp_path)
    (folder / "args.yml").write_text("env: an_attack:CartPole-v1")
    with pytest.raises(UnsafeArchiveError, match="'an_attack:CartPole-v1', which would import a module"):
        start(tmp_path, folder, **{"env.id": None})
    assert not (tmp_path / "marker").exists()
    start(tmp_path, folder, **{"env.id": "an_attack:CartPole-v1"})  # the user's own word
    assert (tmp_path / "marker").exists()


def test_a_sha256_that_is_given_is_enforced(tmp_path):
    with pytest.raises(ExpertError, match="is not the expert that was asked for; expected sha256 abab"):
        start(tmp_path, agent(tmp_path / "a"), **{"expert.sha256": "ab" * 32})
