"""What an agent thinks is what Stable-Baselines3 says that it thinks, whatever the batch."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_models import PUBLISHED, SMALL, UNEVEN, box, draw, float64, image
from sweeps import sweep

from builder.episodes.spaces import leaves
from builder.experts.archive.agent import read_agent
from builder.experts.archive.critics import read_critics
from builder.experts.evaluator import Evaluator, Mind

ROWS = 40
GSDE = {"use_sde": True, "policy_kwargs": {"net_arch": [16, 16]}}
ON_POLICY = {
    "PPO discrete": ("PPO", "MlpPolicy", box(5), gym.spaces.Discrete(3), SMALL),
    "PPO several": ("PPO", "MlpPolicy", box(5), gym.spaces.MultiDiscrete([2, 3, 4]), SMALL),
    "PPO bits": ("PPO", "MlpPolicy", box(5), gym.spaces.MultiBinary(3), SMALL),
    "PPO box": ("PPO", "MlpPolicy", box(5), UNEVEN, SMALL),
    "A2C box": ("A2C", "MlpPolicy", box(5), UNEVEN, SMALL),
    "TRPO box": ("TRPO", "MlpPolicy", box(5), UNEVEN, SMALL),
    "A2C gSDE": ("A2C", "MlpPolicy", box(5), UNEVEN, GSDE),
    "PPO gSDE expln": (
        "PPO",
        "MlpPolicy",
        box(5),
        UNEVEN,
        {"use_sde": True, "policy_kwargs": {"net_arch": [16], "use_expln": True, "full_std": False}},
    ),
    "PPO squashed": (
        "PPO",
        "MlpPolicy",
        box(5),
        box(2),
        {"use_sde": True, "policy_kwargs": {"net_arch": [16], "squash_output": True}},
    ),
    "PPO images": ("PPO", "CnnPolicy", image(), gym.spaces.Discrete(3), {}),
    "A2C own features": (
        "A2C",
        "CnnPolicy",
        image(),
        gym.spaces.Discrete(3),
        {"policy_kwargs": {"share_features_extractor": False}},
    ),
}
OFF_POLICY = {
    "SAC": ("SAC", "MlpPolicy", box(5), UNEVEN, SMALL),
    "SAC gSDE": ("SAC", "MlpPolicy", box(5), UNEVEN, GSDE),
    "TQC": ("TQC", "MlpPolicy", box(5), UNEVEN, {"policy_kwargs": {"net_arch": [16], "n_critics": 3}}),
    "TD3": ("TD3", "MlpPolicy", box(5), UNEVEN, SMALL),
    "DDPG": ("DDPG", "MlpPolicy", box(5), UNEVEN, SMALL),
}


def evaluator_of(path, space):
    mind = Mind(read_agent(path).network, read_critics(path))
    return mind, Evaluator(mind, space)


def actions_in(space, rows=ROWS):
    """Actions of a space, none at its bounds."""
    (actions,) = draw(space, rows, seed=1)
    return actions


def observed(policy, batch):
    return policy.obs_to_tensor(batch)[0]


def close(ours, exact):
    """Equal within float32 rounding."""
    exact = exact.detach().numpy()
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, exact, rtol=2e-6, atol=2e-6)


@sweep("case", ON_POLICY, quick=6)
def test_actor_critics_say_what_sb3_says(save, case):
    algorithm, kind, space, action_space, settings = ON_POLICY[case]
    saved = save(algorithm, kind, space, action_space, **settings)
    rows = 6 if "Cnn" in kind else ROWS
    (batch,), actions = draw(space, rows), actions_in(action_space, rows)
    mind, evaluate = evaluator_of(saved.path, space)
    found = evaluate(mind.shapes, [batch], actions)
    policy = saved.model.policy
    with float64(policy), torch.no_grad():
        tensor = observed(policy, batch)
        unit = policy.scale_action(actions.astype(np.float64)) if policy.squash_output else actions
        value, log_prob, entropy = policy.evaluate_actions(tensor, torch.as_tensor(unit).double())
        close(found["value"], value[:, 0])
        close(found["log_prob"], log_prob)
        if policy.squash_output:
            assert "entropy" not in found
        else:
            close(found["entropy"], entropy)
        check_distribution(found["distribution"], policy.get_distribution(tensor), action_space)


def check_distribution(ours, theirs, space):
    parts = theirs.distributions if hasattr(theirs, "distributions") else theirs.distribution
    if isinstance(space, gym.spaces.Box):
        close(ours[:, 0], parts.mean)
        close(ours[:, 1], parts.stddev)
    elif isinstance(parts, list):
        close(ours, torch.cat([part.logits for part in parts], dim=1))
    else:
        close(ours, parts.logits)


@sweep("case", OFF_POLICY, quick=4)
def test_critics_say_what_sb3s_say(save, case):
    algorithm, kind, space, action_space, settings = OFF_POLICY[case]
    saved = save(algorithm, kind, space, action_space, **settings)
    (batch,), actions = draw(space, ROWS), actions_in(action_space)
    mind, evaluate = evaluator_of(saved.path, space)
    found = evaluate(mind.shapes, [batch], actions)
    policy = saved.model.policy
    with float64(policy), torch.no_grad():
        tensor, unit = (
            observed(policy, batch),
            torch.as_tensor(policy.scale_action(actions.astype(np.float64))),
        )
        critics = policy.critic(tensor.double(), unit)
        close(found["q_value"], critics if algorithm == "TQC" else torch.cat(critics, dim=1))
        assert ("log_prob" in found) == (algorithm in ("SAC", "TQC"))
        if "log_prob" in found:
            actor = policy.actor
            mean, log_std, more = actor.get_action_dist_params(tensor.double())
            theirs = actor.action_dist.proba_distribution(mean, log_std, **more)
            close(found["log_prob"], theirs.log_prob(unit))
            check_distribution(found["distribution"], theirs, action_space)


@pytest.mark.parametrize("algorithm", ["DQN", "QRDQN"])
def test_all_returns_of_q_networks_are_sb3s(save, algorithm):
    saved = save(algorithm, "MlpPolicy", box(5), gym.spaces.Discrete(3), **SMALL)
    (batch,) = draw(box(5), ROWS)
    mind, evaluate = evaluator_of(saved.path, box(5))
    found = evaluate(mind.shapes, [batch], np.zeros(ROWS, np.int64))
    policy = saved.model.policy
    with float64(policy), torch.no_grad():
        tensor = observed(policy, batch)
        if algorithm == "DQN":
            assert mind.shapes == {"q_value": (3,)}
            close(found["q_value"], policy.q_net(tensor))
        else:
            close(found["distribution"], policy.quantile_net(tensor))
            close(found["q_value"], policy.quantile_net(tensor).mean(dim=1))


@pytest.mark.parametrize(
    "space", [gym.spaces.Discrete(4), gym.spaces.MultiDiscrete([2, 3])], ids=["one", "several"]
)
def test_masked_agents_think_of_what_is_allowed(save, space):
    saved = save("MaskablePPO", "MlpPolicy", box(5), space, **SMALL)
    (batch,) = draw(box(5), ROWS)
    counts = [4] if isinstance(space, gym.spaces.Discrete) else [2, 3]
    masks = np.random.default_rng(0).random((ROWS, sum(counts))) < 0.6
    masks[:, [0, *np.cumsum(counts)[:-1]]] = True
    actions = np.zeros((ROWS, *space.shape), np.int64)  # the first choice is allowed
    mind, evaluate = evaluator_of(saved.path, box(5))
    found = evaluate(mind.shapes, [batch], actions, masks)
    policy = saved.model.policy
    with float64(policy), torch.no_grad():
        tensor = observed(policy, batch)
        value, log_prob, entropy = policy.evaluate_actions(tensor, torch.as_tensor(actions), masks)
        close(found["value"], value[:, 0])
        close(found["log_prob"], log_prob)
        close(found["entropy"], entropy)
        check_distribution(found["distribution"], policy.get_distribution(tensor, masks), space)


@sweep("case", {**ON_POLICY, **OFF_POLICY}, quick=3)
def test_a_row_is_the_same_in_every_batch(save, case):
    algorithm, kind, space, action_space, settings = {**ON_POLICY, **OFF_POLICY}[case]
    path = save(algorithm, kind, space, action_space, **settings).path
    rows = 8 if "Cnn" in kind else 500
    (batch,), actions = draw(space, rows), actions_in(action_space, rows)
    mind, evaluate = evaluator_of(path, space)
    whole = evaluate(mind.shapes, [batch], actions)
    for size in (1, 7):
        parts = [
            evaluate(mind.shapes, [batch[at : at + size]], actions[at : at + size])
            for at in range(0, rows, size)
        ]
        for name, values in whole.items():
            assert values.tobytes() == np.concatenate([part[name] for part in parts]).tobytes(), name


def test_saturated_actions_have_sb3s_likelihood(save):
    saved = save("SAC", "MlpPolicy", box(5), box(2), **SMALL)
    (batch,), actions = draw(box(5), ROWS), np.full((ROWS, 2), 1, np.float32)
    _, evaluate = evaluator_of(saved.path, box(5))
    found = evaluate(["log_prob"], [batch], actions)["log_prob"]
    actor = saved.model.policy.actor
    with torch.no_grad():
        mean, log_std, _ = actor.get_action_dist_params(torch.as_tensor(batch))
        theirs = actor.action_dist.proba_distribution(mean, log_std).log_prob(torch.as_tensor(actions))
    np.testing.assert_allclose(found, theirs.numpy(), rtol=1e-4)


def test_an_agent_with_memory_is_not_asked(save):
    path = save("RecurrentPPO", "MlpLstmPolicy", box(5), gym.spaces.Discrete(2)).path
    assert Mind(read_agent(path).network).shapes == {}


@pytest.mark.skipif(not PUBLISHED, reason="published agents are not here")
@sweep("path", PUBLISHED, quick=4)
def test_published_agents_can_be_asked(path):
    agent = read_agent(path)
    mind = Mind(agent.network, read_critics(path))
    evaluate = Evaluator(mind, agent.observation_space)
    rng, (actions,) = np.random.default_rng(0), draw(agent.action_space, 70, seed=1)
    batch = [
        rng.normal(size=(70, *leaf.shape)).astype(leaf.dtype) for leaf in leaves(agent.observation_space)
    ]
    whole = evaluate(mind.shapes, batch, actions)
    again = [
        evaluate(mind.shapes, [leaf[row : row + 1] for leaf in batch], actions[row : row + 1])
        for row in range(70)
    ]
    assert bool(whole) == ("ars" not in path.name)
    for name, values in whole.items():
        assert values.tobytes() == np.concatenate([part[name] for part in again]).tobytes(), name
