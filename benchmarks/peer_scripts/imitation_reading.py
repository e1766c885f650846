"""imitation: the loader that its BC trains from. Arguments: EPISODES.npz OUT."""

import sys
import time

from imitation.data import rollout, serialize, types
from torch.utils.data import DataLoader

from benchmarks.peer_scripts.answers import BATCH, access_rate, answer, epoch, recorded


def main(source: str, out: str) -> None:
    episodes = [
        types.TrajectoryWithRew(
            obs=episode["observations"],
            acts=episode["actions"],
            rews=episode["rewards"],
            infos=None,
            terminal=True,
        )
        for episode in recorded(source)
    ]
    serialize.save(f"{out}/imitation", episodes)
    del episodes
    began = time.perf_counter()
    found = serialize.load(f"{out}/imitation")
    transitions = rollout.flatten_trajectories(list(found))
    opened = time.perf_counter() - began
    loader = DataLoader(
        transitions,
        batch_size=BATCH,
        shuffle=True,
        collate_fn=types.transitions_collate_fn,
    )
    taken = epoch(loader, len(transitions))
    answer("imitation", "torch", opened=opened, **taken, access=access_rate(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
