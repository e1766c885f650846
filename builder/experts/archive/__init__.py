"""A Stable-Baselines3 archive read as numbers; nothing is unpickled."""
