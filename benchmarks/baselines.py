"""`make baselines`: what is learned from our datasets by our clones and by those of imitation and d3rlpy.

    python -m benchmarks.baselines [only=CartPole,Ant] [seeds=5] [episodes=100] [agents=FOLDER] [peers=.peers]

Each clone is trained and played once and kept in `benchmarks/figures/NAME.json`, so that an interrupted run
goes on, and several may run beside each other, of other environments. Where the dataset, the training or the
number of episodes are others than those of the file, it is begun anew; so it is with `again=true`. `only=`
without a name writes the tables alone. Agents are archives of Stable-Baselines3 that lie in `agents` as
NAME/NAME.zip; without them their figures stay. All of it ends in `BASELINES.md` and `docs/baselines/`.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import baseline_tables, peer_clones
from benchmarks.measuring import Options
from builder import Controller
from builder.baseline.baseline import TRAINED_BY, shown_in
from builder.baseline.cloning import clone
from builder.baseline.config import BaselineConfig
from builder.baseline.protocol import expert_of, protocol_of
from builder.composition import compose
from builder.experts.network.network import Network
from builder.loading.trajectories import Trajectories
from builder.manifest.manifest import Manifest, read_manifest
from builder.storage.paths import write_whole
from builder.versions import installed_version

FIGURES = Path(__file__).with_name("figures")
HELD = 100
"""Episodes of each dataset."""
PASSED = ("demos", "seeds", "episodes", "train.steps")
"""Keys of `il-builder baseline` that may be given here too."""
PEER_SEEDS, PEER_DEMOS = 3, (25,)
"""Of the peers fewer clones: theirs take several times as long."""


@dataclass(frozen=True)
class Task:
    """An expert.

    Attributes:
        name: what the table calls it.
        expert: the override that names one of those that come with the package.
        agent: or the archive among `agents`.
    """

    name: str
    expert: str = ""
    agent: str = ""


TASKS = (
    Task("CartPole", expert="cartpole"),
    Task("Acrobot", expert="acrobot"),
    Task("MountainCar", expert="mountaincar"),
    Task("Pendulum", expert="pendulum"),
    Task("LunarLander", agent="ppo-LunarLander-v2"),
    Task("HalfCheetah", agent="a2c-HalfCheetah-v3"),
    Task("Hopper", agent="trpo-Hopper-v3"),
    Task("Swimmer", agent="ppo-Swimmer-v3"),
    Task("Ant", agent="trpo-Ant-v3"),
)


@dataclass
class Figures:
    """What has been measured in one environment, and the file that keeps it.

    Attributes:
        path: the file.
        about: what decides the figures: if it is another, they are begun anew.
    """

    path: Path
    about: dict[str, Any]

    def __post_init__(self) -> None:
        known = json.loads(self.path.read_text()) if self.path.exists() else {}
        same = known.get("about") == self.about
        self.found: dict[str, Any] = known if same else {"about": self.about, "clones": {}, "versions": {}}

    def keep(self) -> None:
        """Write them down."""
        write_whole(self.path, json.dumps(self.found, indent=1, sort_keys=True) + "\n")


def archive_of(task: Task, options: Options) -> Path:
    """Where the archive of a task's agent should lie."""
    return Path(options.get("agents", "agents")) / task.agent / f"{task.agent}.zip"


def dataset(task: Task, options: Options) -> Path:
    """The folder of a task's dataset, of whatever its expert does; built if it is not there."""
    out = Path(options.get("folder", "data/baselines")) / task.name
    if not out.exists():
        words = [f"expert={task.expert}"] if task.expert else ["expert=local", *_archive(task, options)]
        unselected = ["threshold=-inf", "expert.check=off", "card.preview=false", f"episodes={HELD}"]
        Controller().start([*words, *unselected, f"out={out}"])
    return out


def _archive(task: Task, options: Options) -> list[str]:
    return [f"expert.path={archive_of(task, options)}"] if task.agent else []


def measure(task: Task, options: Options, figures: Path = FIGURES) -> None:
    """Train and play what has not been yet."""
    folder = dataset(task, options)
    given = [f"{key}={options[key]}" for key in PASSED if key in options]
    config = compose(BaselineConfig, "baseline", [f"out={folder}", *_archive(task, options), *given])
    manifest, split = read_manifest(folder), Trajectories(folder)
    protocol = protocol_of(folder, manifest, config)
    path = figures / f"{task.name}.json"
    if options.get("again") == "true":
        path.unlink(missing_ok=True)
    kept = Figures(path, about(manifest, config, protocol.seed))
    if "expert" not in kept.found:
        build = expert_of(folder, manifest, config)
        kept.found["random"] = protocol.random().tolist()
        kept.found["expert"] = protocol.expert(build).tolist()
        kept.keep()
    for learner, demos, seed in wanted(config, options):
        key = f"{learner}/{demos}/{seed}"
        if key in kept.found["clones"]:
            continue
        few = split.subset(min(demos, len(split)), seed=seed)
        network, versions = learned(learner, few, config, seed, options)
        kept.found["clones"][key] = float(protocol.clone(network, key).mean())
        kept.found["versions"][learner] = versions
        kept.keep()
        print(f"{task.name} {key}: {kept.found['clones'][key]:,.1f}", flush=True)


def about(manifest: Manifest, config: BaselineConfig, seed: int) -> dict[str, Any]:
    """What decides the figures of an environment."""
    return {
        "dataset": manifest.fingerprint,
        "environment": manifest.inputs["environment"]["id"],
        "train": dataclasses.asdict(config.train),
        "episodes": config.episodes,
        "seed": seed,
    }


def wanted(config: BaselineConfig, options: Options) -> Iterator[tuple[str, int, int]]:
    """Learner, demonstrations and seed of every clone, seed by seed."""
    ours = baseline_tables.OURS
    yield from ((ours, demos, seed) for seed in range(config.seeds) for demos in config.demos)
    for peer in peer_clones.here(options):
        yield from ((peer, demos, seed) for seed in range(PEER_SEEDS) for demos in PEER_DEMOS)


def learned(
    learner: str, few: Trajectories, config: BaselineConfig, seed: int, options: Options
) -> tuple[Network, dict[str, str]]:
    """A clone, and the versions of what has taught it."""
    if learner != baseline_tables.OURS:
        return peer_clones.trained(learner, few, config.train.steps, seed, options)
    versions = {name: version for name in TRAINED_BY if (version := installed_version(name))}
    return clone(shown_in(few), config.train, seed), versions


def main(words: list[str]) -> int:
    """Measure what is missing, and write the tables and the pictures."""
    options = dict(word.split("=", 1) for word in words)
    logging.getLogger("builder").setLevel(logging.ERROR)
    chosen = options["only"].split(",") if "only" in options else [task.name for task in TASKS]
    for task in TASKS:
        if task.name not in chosen:
            continue
        if task.agent and not archive_of(task, options).exists():
            print(f"{task.name} is left out: there is no {archive_of(task, options)}")
        else:
            measure(task, options)
            baseline_tables.write(FIGURES, [task.name for task in TASKS])
    baseline_tables.write(FIGURES, [task.name for task in TASKS])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
