"""Registers the environments of `unruly` when it is imported, as `env.id=module:Id` has it."""

import gymnasium as gym
import unruly

if "unruly/Calm-v0" not in gym.registry:
    unruly.register()
