"""What a process takes that plays a chunk, and one that makes its environment alone."""

import subprocess
import sys
from pathlib import Path

from builder.rollout.worker import play_chunk

HEAVY = {"torch", "stable_baselines3", "datasets", "pandas", "pyarrow", "hydra", "huggingface_hub", "PIL"}


def peak():
    """The most that this process ever had in memory, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measured(task):
    """The peak of the process that plays a chunk, and which of the heavy modules it has."""
    play_chunk(task)
    return peak(), sorted(HEAVY & set(sys.modules))


def alone(env_id):
    """The peak of a process that makes an environment, begins an episode and steps once."""
    lines = (
        f"import gymnasium; env = gymnasium.make({env_id!r}); env.reset(seed=0);"
        "env.step(env.action_space.sample()); print(open('/proc/self/status').read())"
    )
    command = [sys.executable, "-c", lines]
    status = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
