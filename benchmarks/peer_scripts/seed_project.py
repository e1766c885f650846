"""IL-Datasets: `Controller(baseline_enjoy, baseline_collate)`.

Arguments: ARCHIVE OUT EPISODES WORKERS [helped].

The agent comes from the Hub's cache on disk, laid out as a download leaves it, so that nothing waits for a
network. It bounds its number of workers by the number of processors less one; *helped*, it has as many as
were asked for.
"""

import multiprocessing
import os
import shutil
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import torch

from benchmarks.peer_scripts.answers import Clock, answer

# It imports torchvision, whose wheel has no operators beside torch for CPU alone. Its processes start here.
operators: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
for operator in ("nms", "qnms"):
    operators.define(operator + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

OUT = Path(sys.argv[2])
os.environ.update(HF_HOME=str(OUT / "hub"), HF_HUB_OFFLINE="1")
REPOSITORY, NAME = "local/ppo-CartPole-v1", "ppo-CartPole-v1.zip"
COMMIT = "0" * 40


def cache(archive: str) -> None:
    """What `hf_hub_download` leaves on disk."""
    folder = OUT / "hub" / "hub" / f"models--{REPOSITORY.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    (folder / "snapshots" / COMMIT).mkdir(parents=True)
    shutil.copy(archive, folder / "snapshots" / COMMIT / NAME)


def main(archive: str, episodes: int, workers: int, *, helped: bool) -> None:
    from imitation_datasets.controller import Controller
    from imitation_datasets.experts import Experts, Policy
    from imitation_datasets.functions import baseline_collate, baseline_enjoy
    from stable_baselines3 import PPO

    cache(archive)
    os.chdir(OUT)
    if helped:
        processors = multiprocessing.cpu_count()
        multiprocessing.cpu_count = lambda: max(processors, workers + 1)
    Experts.register("cartpole", Policy("CartPole-v1", REPOSITORY, NAME, 475.0, PPO))
    clock = Clock()
    controller = Controller(baseline_enjoy, baseline_collate, episodes, workers, path=f"{OUT}/dataset/")
    controller.start(Namespace(game="cartpole", mode="all"))
    taken = clock.taken()
    import numpy as np

    steps = len(np.load(OUT / "dataset" / "cartpole" / "teacher.npz")["actions"])
    answer("il-datasets", "stable-baselines3", "gymnasium", "torch", steps=steps, **taken)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[3]), int(sys.argv[4]), helped="helped" in sys.argv[5:])
