"""Environments of pure functions, as gymnasium runs them with JAX."""

import extras
import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import register

LIMIT = 12


def walk(impure=False):
    """A walk on a line, pushed by chance, that ends beyond 2; an impure one shows how often it was called."""
    jax = extras.jax()
    from gymnasium.envs.functional_jax_env import FunctionalJaxEnv
    from gymnasium.experimental.functional import FuncEnv

    jnp = jax.numpy

    class Walk(FuncEnv):
        observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
        action_space = gym.spaces.Discrete(2)
        calls = 0.0

        def initial(self, rng, params=None):
            self.calls = 0.0
            return {"place": jax.random.uniform(rng, (), minval=-1.0), "steps": jnp.float32(0)}

        def transition(self, state, action, rng, params=None):
            self.calls += impure
            pushed = 0.3 * jax.random.normal(rng) + jnp.where(action == 1, 0.5, -0.5)
            return {"place": state["place"] + pushed, "steps": state["steps"] + 1}

        def observation(self, state, rng, params=None):
            return jnp.stack([jnp.sin(state["place"]), state["steps"] + self.calls])

        def reward(self, state, action, next_state, rng, params=None):
            return jnp.abs(next_state["place"])

        def terminal(self, state, rng, params=None):
            return jnp.abs(state["place"]) > 2

    made = Walk()
    if not impure:
        made.transform(jax.jit)
    return FunctionalJaxEnv(made, metadata={"render_modes": [], "jax": True})


def walk_impure():
    return walk(impure=True)


def register_walks():
    """Walk-v0, and Impure-v0 that does not bear to be compiled."""
    for name, entry_point in (("Walk-v0", walk), ("Impure-v0", walk_impure)):
        register(name, entry_point=entry_point, max_episode_steps=LIMIT)


def forget_walks():
    for name in ("Walk-v0", "Impure-v0"):
        gym.registry.pop(name, None)
