"""`python -m documentation.gallery [AGENTS]`: plays, draws and describes what there is an expert for.

AGENTS is a folder of published agents as the Hub has them, by the names of their repositories; those that are
not there keep what `docs/gallery/` has of them. Datasets are built in a temporary folder.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from PIL import Image

from builder import Trajectories, build
from builder.environments.components import choice_names, components
from builder.experts.catalogue import read_table
from documentation.markdown import code, words

FOLDER = Path(__file__).parents[1] / "docs/gallery"
FACTS = "facts.json"
EPISODES = 20
FRAME = 240
"""Pixels of the longer side of a frame."""
LARGEST = 60_000
"""Bytes of a strip; one that takes more gets fewer colours."""
LISTED = 40
"""Components that are listed; of more, only so many."""
BUNDLED = ("cartpole", "acrobot", "mountaincar", "pendulum")
PUBLISHED = {
    "ppo-lunarlander": "ppo-LunarLander-v2",
    "a2c-halfcheetah": "a2c-HalfCheetah-v3",
    "ppo-swimmer": "ppo-Swimmer-v3",
    "trpo-hopper": "trpo-Hopper-v3",
    "trpo-ant": "trpo-Ant-v3",
    "fetchreach": "tqc-FetchReach-v1",
}
"""Names of the catalogue, and the folders of their agents."""


@dataclass(frozen=True)
class Shown:
    """What the gallery says of an environment and its expert.

    Attributes:
        env_id: what was played.
        expert: its name on the command line.
        mean, deviation, least, greatest: of the returns.
        shortest, longest: of the episodes, in steps.
        observation, action: the spaces, as gymnasium writes them, in one line.
        seen, done: the names of their components, with units; none where nobody documents them.
    """

    env_id: str
    expert: str
    mean: float
    deviation: float
    least: float
    greatest: float
    shortest: int
    longest: int
    observation: str
    action: str
    seen: tuple[str, ...]
    done: tuple[str, ...]


def show(expert: str, out: Path, strip: Path, config: Mapping[str, Any]) -> Shown:
    """Play an expert, draw a strip of its best episode, and say what there is.

    Args:
        expert: its name in the gallery.
        out: the folder of the dataset.
        strip: the picture to write.
        config: how it is built.
    """
    dataset = build(**{"expert": expert, "episodes": EPISODES, "out": str(out), **config})
    dataset.render("best", strip, size=FRAME, overwrite=True)
    shrink(strip)
    return described(expert, dataset)


def described(expert: str, dataset: Trajectories) -> Shown:
    """What there is to say of a dataset."""
    table = dataset.episode_table.with_format("numpy")
    returns, lengths = np.asarray(table["episode_return"][:]), np.asarray(table["length"][:])
    environment = dataset.environment()
    spec = environment.spec
    env_id = "" if spec is None else spec.id
    spaces = environment.observation_space, environment.action_space
    environment.close()
    mean, deviation, least, greatest = (
        round(float(value), 1) for value in (returns.mean(), returns.std(), returns.min(), returns.max())
    )
    return Shown(
        env_id=env_id,
        expert=expert,
        mean=mean,
        deviation=deviation,
        least=least,
        greatest=greatest,
        shortest=int(lengths.min()),
        longest=int(lengths.max()),
        observation=_space(spaces[0]),
        action=_space(spaces[1]),
        seen=_names(env_id, "observation", spaces[0]),
        done=_names(env_id, "action", spaces[1]),
    )


def _space(space: gym.Space[Any]) -> str:
    """What a space is, without its bounds."""
    if isinstance(space, gym.spaces.Box):
        return f"Box {space.shape} {space.dtype}"
    if isinstance(space, gym.spaces.Dict):
        return ", ".join(f"{name}: {_space(part)}" for name, part in space.items())
    return str(space)


def _names(env_id: str, part: str, space: gym.Space[Any]) -> tuple[str, ...]:
    found = tuple(f"{it.name} [{it.unit}]" if it.unit else it.name for it in components(env_id, part, space))
    return found or choice_names(env_id, part, space)


def shrink(strip: Path) -> None:
    """Write a strip again with as many colours as fit into its bytes."""
    picture = Image.open(strip).convert("RGB")
    for colours in (256, 128, 64, 32, 16):
        picture.quantize(colours).save(strip, optimize=True)
        if strip.stat().st_size <= LARGEST:
            return


def page(shown: Mapping[str, Shown]) -> str:
    """The page of all of them."""
    return "\n\n".join([HEAD, *(_section(name, it) for name, it in shown.items())]) + "\n"


HEAD = f"""# Gallery

<!-- made by `python -m documentation.gallery AGENTS` -->

Environments and an expert of each: {EPISODES} episodes with seed 0, as the command builds them, and the one
with the greatest return as a strip of eight frames (`il-builder render DATASET to=png`). The first four
experts come with the package; the others are agents of RL Baselines3 Zoo, which the command brings from the
Hub. MuJoCo needs the extra `mujoco`, LunarLander `box2d`, FetchReach `robotics`. [The
catalogue](../reference/catalogue.md) has every published agent that has a name; any other environment can
be played by an expert of your own, or with `expert=random`."""


def _section(name: str, it: Shown) -> str:
    lines = [
        f"- returns: {it.mean:,} ± {it.deviation:,}, from {it.least:,} to {it.greatest:,}",
        f"- steps: {it.shortest} in each episode"
        if it.shortest == it.longest
        else f"- steps: {it.shortest} to {it.longest} in an episode",
        f"- observation, {code(it.observation)}: {_listed(it.seen)}",
        f"- action, {code(it.action)}: {_listed(it.done)}",
    ]
    return "\n\n".join(
        [
            f"## {it.env_id}",
            f"![Eight frames of an episode of {it.env_id}]({name}.png)",
            f"```sh\nil-builder expert={it.expert} episodes={EPISODES}\n```",
            "\n".join(lines),
        ]
    )


def _listed(names: tuple[str, ...]) -> str:
    if not names:
        return "no names of its components are known"
    more = f"; and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{words('; '.join(names[:LISTED]))}{more}"


def known(folder: Path) -> dict[str, Shown]:
    """What the gallery has already said, by name."""
    path = folder / FACTS
    facts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {
        name: Shown(**{**fact, "seen": tuple(fact["seen"]), "done": tuple(fact["done"])})
        for name, fact in facts.items()
    }


def write(folder: Path, shown: Mapping[str, Shown]) -> None:
    """Write the page, and what it is made from."""
    facts = {name: asdict(it) for name, it in shown.items()}
    (folder / FACTS).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "index.md").write_text(page(shown), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Play all that there is here; the result is the exit code."""
    agents = Path(arguments[0]) if arguments else None
    found = known(FOLDER)
    thresholds = {row.name: row.threshold for row in read_table()}
    with tempfile.TemporaryDirectory() as place:
        for name in BUNDLED:
            found[name] = show(name, Path(place, name), FOLDER / f"{name}.png", {})
        for name, agent in PUBLISHED.items():
            if agents is not None and (agents / agent).exists():
                local = {
                    "expert": "local",
                    "expert.path": str(agents / agent),
                    "threshold": thresholds[name],
                }
                found[name] = show(name, Path(place, name), FOLDER / f"{name}.png", local)
    write(FOLDER, {name: found[name] for name in (*BUNDLED, *PUBLISHED) if name in found})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
