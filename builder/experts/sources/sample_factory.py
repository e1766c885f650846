"""`expert.source=sample-factory`: a checkpoint of Sample Factory, of the Hub or a folder of this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from builder.config import ExpertConfig, RolloutConfig
from builder.errors import ArchiveError, ExpertError
from builder.experts.archive.sample_factory import read_checkpoint
from builder.experts.observations.wrappers import Wrapper
from builder.experts.sources.expert import Expert, expert_of
from builder.experts.sources.files import Archived
from builder.experts.sources.hub import RepositoryOrPath, fetch_card, fetch_expert
from builder.experts.sources.model_card import figure_in
from builder.experts.sources.zoo_files import Companions
from builder.hub_client.cache import noted_listing
from builder.storage.digest import file_sha256
from builder.storage.limits import NOTE_BYTES, WEIGHTS_BYTES
from builder.storage.paths import expanded
from builder.storage.plain_json import read_bounded, read_json

SETTINGS = ("cfg.json", "config.json")
"""Of an experiment; the second is the name since Sample Factory 2.1."""
FOLDER = "checkpoint_p0"
KINDS = ("checkpoint", "best")
"""Of checkpoints; Sample Factory itself loads the last of the first, unless it is told otherwise."""
CHECKPOINT = re.compile(r"(checkpoint|best)_\d+_[\w.+-]*\.pth")
EXPERIMENT = "path/to/experiment"
_GAMES = (
    *("Alien", "Amidar", "Assault", "Asterix", "Atlantis", "BankHeist", "BattleZone", "BeamRider", "Berzerk"),
    *("Bowling", "Boxing", "Breakout", "Centipede", "ChopperCommand", "CrazyClimber", "Defender"),
    *("DemonAttack", "DoubleDunk", "Enduro", "FishingDerby", "Freeway", "Frostbite", "Gopher", "Gravitar"),
    *(
        "Hero",
        "IceHockey",
        "Jamesbond",
        "Kangaroo",
        "Krull",
        "MsPacman",
        "NameThisGame",
        "Phoenix",
        "Pitfall",
    ),
    *("Pong", "Qbert", "Riverraid", "RoadRunner", "Robotank", "Seaquest", "Skiing", "Solaris"),
    *("SpaceInvaders", "StarGunner", "Tennis", "TimePilot", "Tutankham", "UpNDown", "Venture"),
    *("VideoPinball", "WizardOfWor", "YarsRevenge", "Zaxxon"),
)
_NAMES = {
    **{name.lower(): name for name in _GAMES},
    "asteroid": "Asteroids",
    "kongfumaster": "KungFuMaster",
    "montezuma": "MontezumaRevenge",
    "privateye": "PrivateEye",
}
"""Games by Sample Factory's names. Source: `sf_examples/atari/atari_utils.py`."""
SMALL_BEFORE_GREY = (
    "training made frames small before it made them grey, or was behind envpool; here they are made grey"
    " before, so that pixels may differ"
)


class SampleFactorySource(RepositoryOrPath):
    """A checkpoint, and the settings of its experiment."""

    name = "sample-factory"
    library = "Sample Factory"
    remedy = "add expert.repo_id=user/name, or expert.path=FOLDER of an experiment"
    path = EXPERIMENT
    local = "checkpoint"

    def load(self, config: ExpertConfig, rollout: RolloutConfig) -> Expert:
        self.check(config)
        if config.path:
            checkpoint = _file(expanded(config.path))
            return _expert(config, checkpoint, _settings_of(checkpoint), {})
        repo_id = str(config.repo_id)
        try:
            settings = fetch_expert(repo_id, SETTINGS[0], config.revision)
        except ExpertError:
            settings = fetch_expert(repo_id, SETTINGS[1], config.revision)
        listed = noted_listing(repo_id, settings.commit, "model") or []
        inside = [name.partition("/")[2] for name in listed if name.startswith(f"{FOLDER}/")]
        filename = config.filename or f"{FOLDER}/{chosen(inside, f'the repository {repo_id}')}"
        fetched = fetch_expert(repo_id, filename, settings.commit)
        where = {"repo_id": repo_id, "filename": filename, "commit": fetched.commit}
        expert = _expert(config, fetched.archive, settings.archive, where)
        card = None if expert.published else fetch_card(repo_id, settings.commit)
        return replace(expert, **figure_in(card, deterministic=None)) if card else expert

    def files(self, config: ExpertConfig) -> list[Path] | None:
        if not config.path:
            return None
        checkpoint = _file(expanded(config.path))
        return [_settings_of(checkpoint), checkpoint]


def chosen(names: Sequence[str], where: str) -> str:
    """The checkpoint of several that is the last.

    Raises:
        ExpertError: there is none.
    """
    found = [name for name in names if CHECKPOINT.fullmatch(name)]
    for kind in KINDS:
        if of_kind := sorted(name for name in found if name.startswith(f"{kind}_")):
            return of_kind[-1]
    raise ExpertError(
        f"{where} has no checkpoint",
        expected=f"{FOLDER}/checkpoint_*.pth",
        got=", ".join(sorted(names)[:4])[:200] or "none",
    )


def _file(path: Path) -> Path:
    """The checkpoint, where it or the folder of its experiment was named."""
    if path.is_dir():
        folder = path / FOLDER
        names = [one.name for one in sorted(folder.iterdir())] if folder.is_dir() else []
        return folder / chosen(names, f"the folder {path}")
    if not path.is_file():
        raise ExpertError(f"there is no file {path}", remedy="check expert.path")
    return path


def _settings_of(checkpoint: Path) -> Path:
    """Where the settings of a checkpoint's experiment lie."""
    folder = checkpoint.parent.parent
    return next((folder / name for name in SETTINGS if (folder / name).is_file()), folder / SETTINGS[0])


def _expert(config: ExpertConfig, path: Path, beside: Path, where: Mapping[str, Any]) -> Expert:
    try:
        settings = read_json(beside, NOTE_BYTES)
        content = read_bounded(path, WEIGHTS_BYTES)
        digests = {beside.name: file_sha256(beside)}
    except (OSError, ValueError, RecursionError) as error:
        raise ArchiveError(f"{beside.name} or {path.name} cannot be read", got=str(error)[:100]) from error
    digest = file_sha256(path)
    if config.sha256 and config.sha256.lower() != digest:
        raise ExpertError(
            f"{path.name} is not the expert that was asked for",
            expected=f"sha256 {config.sha256}",
            got=digest,
            remedy="fetch it again, or state its new sha256 in expert.sha256",
        )
    if not isinstance(settings, dict):
        raise ArchiveError(f"{beside.name} holds no settings", got=type(settings).__name__)
    agent, statistics = read_checkpoint(content, settings, path.name)
    pictures = len(agent.observation_space.shape or ()) == 3
    companions = replace(_companions(settings, pictures=pictures), statistics=statistics)
    archived = Archived(path, digest, agent, companions, None, agent.algorithm, beside=digests)
    identity = {"algo": agent.algorithm, **where, **archived.identity}
    expert = expert_of(config, identity, trained=archived, claimed=not config.env_id)
    name = config.env_id or companions.env_id or ""
    return replace(expert, policy=replace(expert.policy, path=str(path), name=name))


def _companions(settings: Mapping[str, Any], *, pictures: bool) -> Companions:
    """What Sample Factory put around the environment. Source: `make_atari_env` of its examples."""
    if not pictures:
        return Companions()
    game = _NAMES.get(str(settings.get("env")).removeprefix("atari_"))
    around = (
        Wrapper(
            "stable_baselines3.common.atari_wrappers.AtariWrapper",
            {"frame_skip": settings.get("env_frameskip", 4)},
        ),
        Wrapper("gym.wrappers.FrameStack", {"num_stack": settings.get("env_framestack", 4)}),
    )
    env_id = f"{game}NoFrameskip-v4" if game else None
    return Companions(env_id=env_id, wrappers=around, notes=(SMALL_BEFORE_GREY,))
