"""Models of CleanRL for JAX, made by its own networks and saved by flax; runs in the environment of flax.

`python flax_models.py SCRIPT ROWS FILE ARRAYS [CHANNELS ...]` writes the file that the script would save, and
the actions of its own inference on so many observations of seed 0.
"""

import importlib
import sys
from pathlib import Path

import numpy as np

SCRIPTS = (
    *(
        "dqn_jax",
        "c51_jax",
        "dqn_atari_jax",
        "c51_atari_jax",
        "ppo_atari_envpool_xla_jax_scan",
        "cleanba_ppo",
    ),
)
ACTIONS, ATOMS = 4, 11


def observed(script, rows):
    """Observations of seed 0: stacks of screens, or vectors."""
    rng = np.random.default_rng(0)
    if script in {"dqn_jax", "c51_jax"}:
        return rng.standard_normal((rows, 4), np.float32)
    coarse = rng.integers(0, 256, (rows, 4, 7, 7), np.uint8)  # whose features differ more than those of noise
    return coarse.repeat(12, axis=2).repeat(12, axis=3)


def model(script, channels=()):
    """What the script saves, and its inference."""
    import jax
    import jax.numpy as jnp

    module = importlib.import_module(f"cleanrl_scripts.{script}")
    key = jax.random.PRNGKey(1)
    first = observed(script, 1)
    args = {"exp_name": script, "env_id": "Breakout-v5", "seed": 1, "track": False, "wandb_entity": None}
    if script.startswith(("dqn", "c51")):
        settings = {"n_atoms": ATOMS, "v_min": -10.0, "v_max": 10.0}
        more = settings if script.startswith("c51") else {}
        network = module.QNetwork(action_dim=ACTIONS, **({"n_atoms": ATOMS} if more else {}))
        parameters = network.init(key, first)
        if not more:
            return parameters, lambda x: network.apply(parameters, x).argmax(axis=-1)
        atoms = jnp.asarray(np.linspace(-10.0, 10.0, num=ATOMS))
        choose = lambda x: (network.apply(parameters, x) * atoms).sum(axis=-1).argmax(axis=-1)  # noqa: E731
        return {"model_weights": parameters, "args": {**args, **settings, "env_id": "CartPole-v1"}}, choose
    network = module.Network(**({"channelss": channels} if channels else {}))
    actor, critic = module.Actor(action_dim=ACTIONS), module.Critic()
    keys = jax.random.split(key, 3)
    of_network = network.init(keys[0], first)
    hidden = network.apply(of_network, first)
    of_actor, of_critic = actor.init(keys[1], hidden), critic.init(keys[2], hidden)
    return [args, [of_network, of_actor, of_critic]], lambda x: actor.apply(
        of_actor, network.apply(of_network, x)
    ).argmax(axis=-1)


def write(script, rows, file, arrays, *channels):
    """See the module."""
    import flax

    saved, choose = model(script, tuple(map(int, channels)))
    Path(file).write_bytes(flax.serialization.to_bytes(saved))
    parts = np.array_split(observed(script, int(rows)), max(1, int(rows) // 50))
    np.save(arrays, np.concatenate([np.asarray(choose(part)) for part in parts]).astype(np.int8))


if __name__ == "__main__":
    write(*sys.argv[1:])
