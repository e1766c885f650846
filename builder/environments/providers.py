"""Packages that register environments of their own when they are imported."""

from __future__ import annotations

import re
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from io import StringIO

import gymnasium as gym

from builder.errors import MissingExtraError, missing_extra

PROVIDERS = {
    r"(Fetch|Hand|Adroit|AntMaze|PointMaze|FrankaKitchen)": ("gymnasium_robotics", "gymnasium-robotics"),
    r"(ALE/|.*NoFrameskip-v\d+$)": ("ale_py", "ale-py"),
    r"Mini(Grid|World)-": ("minigrid", "minigrid"),
    r"Panda": ("panda_gym", "panda-gym"),
    r"(parking|highway|merge|roundabout)-": ("highway_env", "highway-env"),
    r".*BulletEnv-v\d+$": ("pybullet_envs_gymnasium", "pybullet-envs-gymnasium"),
}
"""Packages that register environments, by the start of their ids: module and name on the index."""
EXTRAS = {"gymnasium_robotics": "robotics", "ale_py": "atari"}
"""By the module: the extra of this package that brings it."""


def provide(env_id: str) -> None:
    """Import the package that registers an environment, where it is installed.

    Raises:
        MissingExtraError: it is not.
    """
    for pattern, (module, package) in PROVIDERS.items():
        if re.match(pattern, env_id) and env_id not in gym.registry:
            try:
                with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # some greet at import
                    imported = import_module(module)
                    if module == "ale_py":  # its emulator greets too, past any redirection
                        imported.ALEInterface.setLoggerMode(imported.LoggerMode.Error)
            except ImportError as error:
                if module in EXTRAS:
                    raise missing_extra(env_id, EXTRAS[module]) from error
                raise MissingExtraError(
                    f"{env_id} comes with the package {module}, which is not installed",
                    remedy=f"pip install {package}",
                ) from error
