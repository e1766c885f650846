"""Our mean return of published agents beside the published one: `python -m benchmarks.experts FOLDER`.

FOLDER holds one folder per agent, as its Hub repository has it; 100 episodes of each are played in float64,
deterministically, in the version of its environment that has its spaces. Writes `benchmarks/experts.md`.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from builder.composition import build_config
from builder.config import BuildConfig
from builder.errors import BuilderError
from builder.experts.actor import pack
from builder.experts.sources.load import load_expert
from builder.pipeline.instances import settle
from builder.pipeline.prepare import prepare
from builder.rollout.worker import ChunkTask, Setup, play_chunk

EPISODES = 100
READINGS = 5
TARGET = Path(__file__).with_name("experts.md")
HEAD = """# Published agents, played again

Mean and standard deviation of the return over {episodes} episodes with root seed 0, beside the published ones
(RL Baselines3 Zoo, `benchmark.md`). An agent *agrees* if its mean is at least
`published - 4 sd / sqrt(n) - 6%`, which is what a build checks before a long run. Reading is the median of
{readings} times, after the imports. Made by `python -m benchmarks.experts`.

| agent | played in | ours | published | agrees | read in (s) | steps/s |
| --- | --- | ---: | ---: | --- | ---: | ---: |
"""


@dataclass(frozen=True)
class Line:
    """One agent's row."""

    agent: str
    played_in: str
    ours: str
    published: str
    agrees: str
    seconds: str
    rate: str

    @property
    def text(self) -> str:
        """As a row of the table."""
        cells = (self.agent, self.played_in, self.ours, self.published, self.agrees, self.seconds, self.rate)
        return f"| {' | '.join(cells)} |\n"


def measure(agent: Path, episodes: int = EPISODES) -> Line:
    """Read an agent and play it."""
    config = build_config(["expert=local", f"expert.path='{agent}'", f"episodes={episodes}"])
    try:
        read = statistics.median(_reading(config) for _ in range(READINGS))
        build = settle(prepare(config), None)
    except BuilderError as error:
        return Line(agent.name, str(error).split(";")[0], "", "", "not played", "", "")
    setup = Setup(build.store.identity, build.environment, pack(build.player), build.expert.name, 0, 32)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        summary = play_chunk(ChunkTask(setup, 0, episodes, Path(folder) / "chunk.safetensors"))
    mean, std = float(summary.returns.mean()), float(summary.returns.std())
    published = build.expert.published
    agrees = "?" if published is None else "yes" if mean >= published.least_mean(std, episodes) else "no"
    return Line(
        agent=agent.name,
        played_in=build.environment.id,
        ours=f"{mean:.1f} ± {std:.1f}",
        published=f"{published.mean:.1f} ± {published.std:.1f}" if published else "",
        agrees=agrees,
        seconds=f"{read:.2f}",
        rate=f"{np.sum(summary.lengths) / (time.perf_counter() - began):,.0f}",
    )


def _reading(config: BuildConfig) -> float:
    """Seconds to find, check and read an expert."""
    began = time.perf_counter()
    load_expert(config.expert, config.rollout)
    return time.perf_counter() - began


def main(folder: Path) -> None:
    """Measure every agent below the folder and write the table."""
    lines = []
    agents = sorted(path for path in folder.iterdir() if list(path.glob("*.zip")))
    measure(agents[0], episodes=1)  # reading is measured after imports
    for agent in agents:
        lines.append(measure(agent))
        print(lines[-1].text, end="", flush=True)
    TARGET.write_text(
        HEAD.format(episodes=EPISODES, readings=READINGS) + "".join(line.text for line in lines)
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
