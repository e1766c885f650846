"""`build`, `load` and what else the command line does, as functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from builder.augment.labels import ROLLOUT
from builder.augment.relabel import Relabelled
from builder.augment.relabel import relabel as relabel_folder
from builder.composition import compose_mapping, with_registered
from builder.config import RelabelConfig
from builder.errors import ConfigError, HubMissingError, HubUnreachableError
from builder.experts.actor import Predictor
from builder.experts.policy import Policy
from builder.experts.sources.load import load_expert
from builder.hub import fetch
from builder.hub.remote import REPO_ID
from builder.loading.open import open_folder
from builder.loading.subsets import Wanted
from builder.loading.trajectories import Trajectories
from builder.loading.url_cache import cached
from builder.manifest.manifest import read_manifest
from builder.pipeline.controller import Controller
from builder.storage.lock import recover_unless_held
from builder.storage.paths import local_path, place
from builder.storage.remote_path import RemotePath


def build(expert: str | Policy = "cartpole", **config: Any) -> Trajectories:
    """Build a dataset and open it.

    Args:
        expert: the name of one, or a `Policy`; with `manifest=` it is the manifest's.
        **config: keys as on the command line, nested as mappings: `episodes=1000, rollout={"lanes": 32}`.

    Returns:
        What `load` returns, of the split `train`.

    Raises:
        BuilderError: what failed, and the remedy.
    """
    if config.get("mode") == "play":
        raise ConfigError("build returns a dataset", got="mode=play", remedy="use Controller().start(config)")
    given = config if config.get("manifest") else {"expert": expert, **config}
    result = Controller().start(given)
    result.raise_for_difference()
    return load(result.out if isinstance(result.out, Path) else str(result.out))


def load(  # noqa: PLR0913  (all but the first three have a keyword)
    source: str | Path,
    revision: str | None = None,
    split: str | None = None,
    *,
    episodes: Wanted | None = None,
    every: int = 1,
    seed: int = 0,
) -> Trajectories:
    """Open a dataset: a folder; or a URL or a repository of the Hub, brought to a cache and checked first.

    Datasets of the seed project (columns `obs`, `actions`, `rewards`, `episode_starts`) open as well.

    Args:
        source: a folder, a URL such as `s3://bucket/name`, or `user/name`; a folder that exists goes before
            a repository of the same name.
        revision: of a repository: a branch, tag or commit; None: the branch `main`.
        split: train or test; None: train, or the only one that there is.
        episodes: a few of them, as `Trajectories.subset` takes them: 10 or 0.1, drawn by the seed, or a list
            of `episode_index`; None: all.
        every: of so many steps of each episode one is kept: see `Trajectories.every`.
        seed: of both draws; with the same one, five episodes are among the first ten.

    Raises:
        DatasetError: there is no dataset, or it cannot be read.
        HubError: the Hub refuses, or cannot be reached and the cache does not have it.
        ConfigError: it has no such split or episodes; or a folder was to have a revision.
    """
    opened = open_folder(dataset_folder(source, revision), split)
    few = opened if episodes is None else opened.subset(episodes, seed=seed)
    return few if every == 1 else few.every(every, seed=seed)


def merge(
    parts: Sequence[str | Path | Trajectories | Mapping[str, Any]],
    out: str | Path,
    *,
    seed: int = 0,
    overwrite: bool = False,
) -> Trajectories:
    """Put the episodes of several datasets together in one, and open it.

    They are numbered anew, in the order of the parts, and each stays in its split. The columns `source`,
    `policy` and `quality` of the episodes say where each is from; columns that a part lacks are null there.
    The same parts give the same bytes. Calling it again costs nothing while no part has changed; where parts
    have become more, or have grown, `out` is made anew.

    Args:
        parts: folders, URLs or `user/name`, with `@0.5` or `@10` behind those of which a share or a number of
            episodes is drawn; opened datasets; or mappings of `path`, `episodes` (0.5 or 10), `quality` (what
            you call its player) and `revision`.
        out: the folder of the new dataset.
        seed: of the draws: with the same one, a tenth is part of a half.
        overwrite: replace another dataset that is at `out`.

    Returns:
        What `load` returns, of the split `train`, or the only one that there is.

    Raises:
        BuilderError: what failed, and the remedy.
    """
    from builder.augment.merging import merge as merge_parts
    from builder.augment.parts import parts_of

    found = parts_of(parts, dataset_folder)
    return load(merge_parts(found, local_path(place(str(out)), "merge"), seed=seed, overwrite=overwrite).out)


def relabel(
    dataset: str | Path | Trajectories,
    expert: str | Policy | Predictor,
    *,
    to: str | Path,
    teacher: Sequence[str] = (),
    overwrite: bool = False,
    **config: Any,
) -> Trajectories:
    """Make a dataset of another one and of what an expert would do on its observations, and open it.

    The column `expert_action` is what a build with this expert would record on the same observations, bit for
    bit. An expert that remembers earlier steps sees whole episodes, and what was done in them.

    Args:
        dataset: what `load` opens, or has opened; every split of it is relabelled.
        expert: the name of one, a `Policy`, or an object with `predict`.
        to: the folder of the new dataset; just this one is not made again.
        teacher: what the expert thinks of each step, in columns `teacher.*`: any of log_prob, value, q_value,
            entropy and distribution; what depends on the action is said of both.
        overwrite: replace another dataset.
        **config: keys of the expert, as on the command line, with dots: `**{"expert.path": "mine.zip"}`.

    Raises:
        BuilderError: what failed, and the remedy.
    """
    folder = _whole(dataset) if isinstance(dataset, Trajectories) else dataset_folder(dataset)
    if not isinstance(expert, (str, Policy)):
        environment = read_manifest(folder).inputs.get("environment", {})
        expert = Policy(environment.get("id", "labels"), policy=expert)
    words = [teacher] if isinstance(teacher, str) else [*teacher]
    asked = {"to": str(to), "overwrite": overwrite, "dataset.teacher": words, **config}
    given = with_registered({"expert": expert, **asked})
    return load(relabelled(compose_mapping(RelabelConfig, "relabel", given), folder).out)


def relabelled(config: RelabelConfig, folder: Path | None = None) -> Relabelled:
    """What the command `relabel` does.

    Args:
        config: of the command.
        folder: the dataset folder; None: what the configuration names.

    Raises:
        BuilderError: what failed, and the remedy.
    """
    if folder is None:
        source = str(config.out) if config.out is not None else config.hub.repo_id
        if source is None:
            raise ConfigError("relabel needs a dataset", remedy="give out=FOLDER or hub.repo_id=user/name")
        folder = dataset_folder(source, config.hub.revision if config.out is None else None)
    expert = load_expert(config.expert, ROLLOUT)
    to, teacher = local_path(config.to, "relabel"), config.dataset.teacher
    return relabel_folder(folder, expert, to, teacher=teacher, overwrite=config.overwrite)


def _whole(dataset: Trajectories) -> Path:
    """The folder of an opened dataset.

    Raises:
        ConfigError: it is a part of one, or several.
    """
    if not dataset.is_whole:
        raise ConfigError(
            "relabel takes whole datasets, and this is some episodes or steps, or several",
            remedy="relabel the folder, and take some of its episodes or steps then",
        )
    return dataset.folder


def dataset_folder(source: str | Path, revision: str | None = None) -> Path:
    """The folder of this machine that holds a dataset: its own, or one of a cache, checked.

    Args:
        source: as `load` takes it.
        revision: likewise.

    Raises:
        DatasetError, HubError, ConfigError: as `load`.
    """
    folder = place(str(source))
    if isinstance(folder, RemotePath):
        if revision is not None:
            raise ConfigError(f"{folder} has no revisions", got=f"revision={revision!r}")
        return cached(folder)
    if isinstance(source, Path) or folder.exists() or not REPO_ID.fullmatch(source):
        if revision is not None:
            raise ConfigError(f"{folder} is a folder, which has no revisions", got=f"revision={revision!r}")
        recover_unless_held(folder)
        return folder
    try:
        return fetch(source, revision).folder
    except (HubMissingError, HubUnreachableError) as error:
        if revision is not None:
            raise
        error.what = f"there is no folder {source}, and {error.what}"
        raise error from None
