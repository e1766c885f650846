"""Experts that choose among allowed actions: known as such, and refused where nothing is said of masks."""

import dataclasses

import gymnasium as gym
import masked
import numpy as np
import pytest
from sb3_models import box, draw, make_model, start

from builder import Policy
from builder.environments.environment import make, resolve
from builder.environments.masks import GIVEN, METHOD
from builder.episodes.context import Context
from builder.errors import ConfigError, EnvironmentError_, ExpertError
from builder.experts.actor import RandomPlayer, takes_masks
from builder.experts.archive.agent import read_agent
from builder.experts.masks import refuse_without_masks, with_masks
from builder.experts.network_player import NetworkPlayer
from builder.experts.observations.wrapped_policy import PolicyView, WrappedActor
from builder.experts.predict_actor import PredictActor
from builder.experts.sources.files import OF_OLD
from builder.experts.sources.python import PythonPlayer
from builder.experts.sources.registered import policy_expert

ROWS = 400


class Chooses:
    """Takes the first that is allowed."""

    def predict(self, obs, state=None, deterministic=True, action_masks=None):
        return int(np.argmax(action_masks)), state


class Plain:
    def predict(self, obs, state=None, deterministic=True):
        return 0, state


def masks_over(counts, rows=ROWS):
    """Masks of which each component allows something, a few of them one thing only."""
    rng = np.random.default_rng(0)
    parts = []
    for count in counts:
        part = rng.random((rows, count)) < rng.uniform(0.1, 0.9, (rows, 1))
        part[np.arange(rows), rng.integers(count, size=rows)] = True
        parts.append(part)
    return np.concatenate(parts, axis=1)


@pytest.fixture(scope="module", params=sorted(masked.ACTIONS))
def saved(request, tmp_path_factory):
    """A model of MaskablePPO itself, its archive, its actions and the sizes of their components."""
    actions = masked.ACTIONS[request.param]
    model = make_model("MaskablePPO", "MlpPolicy", box(3), actions, policy_kwargs={"net_arch": [16]})
    path = tmp_path_factory.mktemp("masked") / "x.zip"
    model.save(path)
    return model, path, actions, masked.COUNTS[request.param]


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_masked_agent_takes_the_action_that_maskable_ppo_takes(saved, precision):
    model, path, actions, counts = saved
    masks, (seen,) = masks_over(counts), draw(box(3), ROWS)
    player = NetworkPlayer(read_agent(path).network, precision=precision, masked=True)
    (ours,) = start(player, box(3), actions, ROWS).act([seen], range(ROWS), masks)
    expected, _ = model.predict(seen, action_masks=masks, deterministic=True)
    np.testing.assert_array_equal(ours, expected)
    (free,) = start(player, box(3), actions, ROWS).act([seen], range(ROWS))
    np.testing.assert_array_equal(free, model.predict(seen, deterministic=True)[0])
    assert (np.atleast_2d(free.T) != np.atleast_2d(ours.T)).any()


def test_where_a_component_allows_nothing_it_is_chosen_as_maskable_ppo_chooses(saved):
    model, path, actions, counts = saved
    masks, (seen,) = masks_over(counts, 40), draw(box(3), 40)
    masks[:, : counts[0]] = False
    player = NetworkPlayer(read_agent(path).network, masked=True)
    (ours,) = start(player, box(3), actions, 40).act([seen], range(40), masks)
    np.testing.assert_array_equal(ours, model.predict(seen, action_masks=masks, deterministic=True)[0])


def test_a_masked_agent_samples_from_the_distribution_of_maskable_ppo(saved):
    import torch

    model, path, actions, counts = saved
    rows = 4000
    mask, (seen,) = masks_over(counts, 3)[2:], draw(box(3), 1)
    masks, seen = np.repeat(mask, rows, axis=0), np.repeat(seen, rows, axis=0)
    player = NetworkPlayer(read_agent(path).network, deterministic=False, masked=True)
    (ours,) = start(player, box(3), actions, rows).act([seen], range(rows), masks)
    found = model.policy.get_distribution(torch.tensor(seen[:1]), action_masks=mask)
    single = [found.distribution] if len(counts) == 1 else found.distributions
    ours = ours.reshape(rows, len(counts))
    for column, distribution, count in zip(ours.T, single, counts, strict=True):
        share = np.bincount(column.astype(int), minlength=count) / rows
        expected = distribution.probs[0].detach().numpy()
        assert (share[expected < 1e-6] == 0).all()
        np.testing.assert_allclose(share, expected, atol=0.03)


def test_an_agent_is_known_to_be_masked_by_its_algorithm(saved, save):
    _, path, _, _ = saved
    expert = policy_expert("x", Policy(name="CartPole-v1", path=str(path)))
    assert expert.trained.masked
    plain = save("PPO", "MlpPolicy", box(3), gym.spaces.Discrete(5))
    assert not policy_expert("x", Policy(name="CartPole-v1", path=str(plain.path))).trained.masked


def test_a_policy_is_known_to_be_masked_by_what_its_predict_takes(saved):
    model, *_ = saved
    assert takes_masks(model)
    assert not takes_masks(Plain())
    assert not takes_masks(object())
    for policy in (Chooses, Chooses(), lambda: Chooses()):  # noqa: PLW0108  (a factory that is a function)
        assert PythonPlayer(policy).masked
    assert not PythonPlayer(Plain).masked
    assert not RandomPlayer().masked


def spec_of(kind, **kwargs):
    return resolve(masked.env_id(kind), kwargs, max_episode_steps=None, max_steps=None)


def found(policy, kind, **said):
    """What a policy plays, and how it is asked for masks."""
    spec, expert = spec_of(kind), policy_expert("x", Policy(name="x", policy=policy, **said))
    environment = make(spec)
    return expert, with_masks(expert, expert.foreign, spec, environment)


def test_who_needs_masks_has_the_environment_asked_for_them():
    assert found(Chooses(), masked.Method)[1].masks == METHOD
    assert found(Plain(), masked.Method)[1].masks == ""


def test_who_needs_masks_is_refused_where_there_are_none():
    expert, spec = found(Chooses(), masked.Doors)
    assert spec.masks == GIVEN
    with pytest.raises(ExpertError, match="chooses among the actions that a mask allows, and") as error:
        refuse_without_masks(expert.name, spec)
    assert "expert.action_masks=none plays it without" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_method_that_is_none_is_refused_only_for_who_needs_it():
    assert found(Plain(), masked.Attribute)[1].masks == ""
    with pytest.raises(EnvironmentError_, match="is no method"):
        found(Chooses(), masked.Attribute)


def test_who_needs_masks_plays_without_where_the_user_says_so():
    expert, spec = found(Chooses(), masked.Method, action_masks="none")
    assert spec.masks == ""
    refuse_without_masks(expert.name, spec)
    assert expert.identity["action_masks"] is False
    (note,) = expert.notes
    assert note == "played without masks of the allowed actions, as expert.action_masks=none says"


def test_to_play_without_is_refused_of_who_does_so_anyway():
    with pytest.raises(ConfigError, match="which x is not; leave it out"):
        found(Plain(), masked.Method, action_masks="none")


def test_actions_that_no_mask_can_be_over_need_none():
    spec = resolve("Pendulum-v1", {}, max_episode_steps=None, max_steps=None)
    expert = policy_expert("x", Policy(name="x", policy=Chooses()))
    environment = make(spec)
    assert with_masks(expert, expert.foreign, spec, environment) == spec


def test_an_action_that_goes_on_for_several_steps_is_chosen_among_what_was_allowed_when_it_was_chosen():
    class Chosen:
        """Notes the masks that it is given, and takes the first that is allowed."""

        def __init__(self):
            self.given = []

        def begin(self, lane, context):
            pass

        def act(self, observations, lanes, masks):
            self.given.append(masks.argmax(axis=1).tolist())
            return [masks.argmax(axis=1)]

    chosen, space = Chosen(), gym.spaces.Discrete(4)
    actor = WrappedActor(chosen, PolicyView(repeat=2), box(1), space)
    actor.begin(0, Context(0))
    seen, actions = np.zeros((2, 1), np.float32), []
    for step in range(4):
        lanes = [0] if step == 0 else [0, 1]
        if step == 1:
            actor.begin(1, Context(1))
        masks = np.eye(4, dtype=bool)[[step, 3 - step]][: len(lanes)]
        actions.append(actor.act([seen[: len(lanes)]], lanes, masks)[0].tolist())
    assert chosen.given == [[0], [2], [2], [0]]
    assert actions == [[0], [0, 2], [2, 2], [2, 0]]


def test_the_note_of_old_that_an_agent_played_without_masks_is_not_repeated(saved):
    _, path, *_ = saved
    archived = policy_expert("x", Policy(name="x", path=str(path))).trained
    agent = dataclasses.replace(archived.agent, notes=(OF_OLD, "something else"))
    assert dataclasses.replace(archived, agent=agent).notes == ("something else",)


class Spoils:
    """Keeps the mask that it was given, and writes into it."""

    def predict(self, obs, state=None, deterministic=True, action_masks=None):
        chosen = int(np.argmax(action_masks))
        action_masks[:] = True
        return chosen, state


@pytest.mark.parametrize("batched", [False, True])
def test_what_a_policy_does_to_its_mask_changes_no_record(batched):
    class Each(Spoils):
        def predict(self, obs, state=None, deterministic=True, action_masks=None):
            chosen = np.argmax(np.atleast_2d(action_masks), axis=1)
            action_masks[:] = True
            return (chosen if batched else int(chosen[0])), state

    player = dataclasses.replace(PythonPlayer(Each(), stateless=True), batched=batched)
    actor = PredictActor(player, box(3), gym.spaces.Discrete(4))
    masks = np.eye(4, dtype=bool)[[2, 1, 3]]
    (actions,) = actor.act([np.zeros((3, 3), np.float32)], range(3), masks)
    assert actions.tolist() == [2, 1, 3]
    assert masks.sum() == 3
