"""`expert.source=cleanrl`: a model that a script of CleanRL saved, of the Hub or a file of this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from builder.config import ExpertConfig, RolloutConfig
from builder.errors import ArchiveError, ConfigError, ExpertError
from builder.experts.archive.cleanrl import CleanRLModel, read_cleanrl
from builder.experts.observations.wrappers import Wrapper
from builder.experts.sources.expert import Expert, expert_of
from builder.experts.sources.files import Archived, bounded_sha256
from builder.experts.sources.hub import RepositoryOrPath, fetch_card, fetch_expert
from builder.experts.sources.model_card import figure_in
from builder.experts.sources.source import ARCHIVE
from builder.experts.sources.zoo_files import Companions
from builder.storage.limits import WEIGHTS_BYTES
from builder.storage.paths import expanded
from builder.storage.plain_json import read_bounded

SUFFIX = ".cleanrl_model"
NAMED = re.compile(r"(?P<env>.+)-(?P<script>\w+)-seed\d+")
"""How CleanRL names its repositories: `CartPole-v1-dqn-seed1`, in which `dqn.cleanrl_model` lies."""
OF_SAMPLED = ("DQN", "C51", "PPO")
"""Whose figures are of actions as `rollout.deterministic=false` samples them; those of the others are of
actions with noise, which nobody plays. Source: `cleanrl_utils/evals`."""
_ATARI = "stable_baselines3.common.atari_wrappers.AtariWrapper"
BEHIND_ATARI = (Wrapper(_ATARI), Wrapper("gym.wrappers.FrameStack", {"num_stack": 4}))
"""What `dqn_atari.py` and its like put around a game, which clip rewards and end episodes with each life."""
SMALL_BEFORE_GREY = (
    "training made frames small before it made them grey; here they are made grey before, so that a pixel may"
    " differ by a level of 255"
)

OF_ENVPOOL = re.compile(r"([A-Za-z]+)-v5")
"""How envpool names its games, each of which skips frames, stacks and shrinks by itself."""
BEHIND_ENVPOOL = (
    "training was behind envpool, which takes the emulator's own grey and begins a game with a single FIRE;"
    " here colours are made grey and two buttons are pressed, as in Stable-Baselines3: pixels may differ"
)


class CleanRLSource(RepositoryOrPath):
    """A `.cleanrl_model` file."""

    name = "cleanrl"
    library = "CleanRL"
    remedy = "add expert.repo_id=cleanrl/CartPole-v1-dqn-seed1, or expert.path=FILE with env.id="
    path = ARCHIVE
    local = "model"

    def load(self, config: ExpertConfig, rollout: RolloutConfig) -> Expert:
        self.check(config)
        if config.path:
            return _expert(config, _file(expanded(config.path)), {}, None)
        named = NAMED.fullmatch(str(config.repo_id).rpartition("/")[2])
        filename = config.filename or (f"{named['script']}{SUFFIX}" if named else None)
        if filename is None:
            raise ConfigError(
                f"the repository {config.repo_id} is not named as CleanRL names its own",
                expected="ENVIRONMENT-SCRIPT-seedN",
                remedy=f"name its file: expert.filename=SCRIPT{SUFFIX}",
            )
        fetched = fetch_expert(str(config.repo_id), filename, config.revision)
        where = {"repo_id": config.repo_id, "filename": filename, "commit": fetched.commit}
        expert = _expert(config, fetched.archive, where, named["env"] if named else None)
        card = None if expert.published else fetch_card(str(config.repo_id), fetched.commit)
        sampled = False if expert.identity["algo"] in OF_SAMPLED else None
        return replace(expert, **figure_in(card, deterministic=sampled)) if card else expert

    def files(self, config: ExpertConfig) -> list[Path] | None:
        return [_file(expanded(config.path))] if config.path else None


def _file(path: Path) -> Path:
    """The model, where it or the folder that holds it was named."""
    if path.is_dir():
        found = sorted(path.glob(f"*{SUFFIX}"))
        if len(found) != 1:
            raise ExpertError(
                f"the folder {path}",
                expected=f"one {SUFFIX}",
                got=", ".join(one.name for one in found[:8]) or "none",
                remedy="name the file itself in expert.path",
            )
        return found[0]
    if not path.is_file():
        raise ExpertError(f"there is no file {path}", remedy="check expert.path")
    return path


def _expert(config: ExpertConfig, path: Path, where: Mapping[str, Any], env_id: str | None) -> Expert:
    digest = bounded_sha256({path: WEIGHTS_BYTES})
    if config.sha256 and config.sha256.lower() != digest:
        raise ExpertError(
            f"{path.name} is not the expert that was asked for",
            expected=f"sha256 {config.sha256}",
            got=digest,
            remedy="fetch it again, or state its new sha256 in expert.sha256",
        )
    try:
        model = read_cleanrl(read_bounded(path, WEIGHTS_BYTES), path.name)
    except (OSError, ValueError) as error:
        raise ArchiveError(f"{path.name} cannot be read", got=str(error)[:100]) from error
    companions = _companions(model, env_id)
    algo = model.agent.algorithm
    archived = Archived(path, digest, model.agent, companions, None, algo)
    identity = {"algo": algo, **where, **archived.identity}
    expert = expert_of(config, identity, trained=archived, claimed=not config.env_id)
    name = config.env_id or companions.env_id or ""
    return replace(expert, policy=replace(expert.policy, path=str(path), name=name))


def _companions(model: CleanRLModel, env_id: str | None) -> Companions:
    """What CleanRL's scripts put around the environment; that of the repository's name, else of the file."""
    known = env_id or model.env_id
    if len(model.agent.observation_space.shape or ()) != 3:
        return Companions(env_id=known)
    if known and (game := OF_ENVPOOL.fullmatch(known)):
        return Companions(env_id=f"{game[1]}NoFrameskip-v4", wrappers=BEHIND_ATARI, notes=(BEHIND_ENVPOOL,))
    return Companions(env_id=known, wrappers=BEHIND_ATARI, notes=(SMALL_BEFORE_GREY,))
