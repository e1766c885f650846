"""`expert.source=hub`: an archive of the Hub and what lies beside it, pinned to a commit."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from builder.config import ExpertConfig, RolloutConfig
from builder.errors import ConfigError, ExpertError, HubError, HubUnreachableError
from builder.experts.policy import configured
from builder.experts.published import RESULT_FILES
from builder.experts.sources.agent_names import archive_name
from builder.experts.sources.expert import Expert
from builder.experts.sources.files import archive_code, archive_missing, archive_values, expert_in_files
from builder.experts.sources.model_card import CARD
from builder.experts.sources.source import Quote, Rebuilt, Source
from builder.experts.sources.statistics_files import STATISTICS_NAMES, names_beside
from builder.hub_client.cache import (
    COMMIT,
    is_intact,
    note_commit,
    note_listing,
    noted_commit,
    noted_listing,
)
from builder.hub_client.download import download_file
from builder.hub_client.errors import explained
from builder.hub_client.retries import connected, persistently

log = logging.getLogger(__name__)

REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,96}(/[A-Za-z0-9_.-]{1,96})?")
BESIDE = ("config.yml", "args.yml", "env_kwargs.yml", *STATISTICS_NAMES, *RESULT_FILES)


class HubSource(Source):
    """A repository of the Hub."""

    name = "hub"
    needs = "repo_id"
    surrounded = True

    def check(self, config: ExpertConfig) -> None:
        try:
            super().check(config)
        except ConfigError as error:
            if not config.repo_id:
                error.remedy = (
                    "add expert.repo_id=user/name, or expert.algo=ppo and env.id= for an agent of sb3"
                )
            raise

    def load(self, config: ExpertConfig, rollout: RolloutConfig) -> Expert:
        fetched = fetch_expert(str(config.repo_id), config.filename, config.revision)
        where = {"repo_id": config.repo_id, "filename": fetched.filename, "commit": fetched.commit}
        return expert_in_files(config, fetched.archive, known_as=where)

    def runs(self, config: ExpertConfig) -> list[str]:
        return archive_code(config)

    def rebuilt(self, identity: Mapping[str, Any]) -> Rebuilt | None:
        values = {"revision": _pinned(identity), **archive_values(identity)}
        known = configured().get(identity["name"], {})
        if known.get("repo_id") == identity["repo_id"]:
            own = known.get("filename") or archive_name(identity["repo_id"])
            named = {} if identity["filename"] == own else {"filename": identity["filename"]}
            return Rebuilt(identity["name"], {**named, **values}, archive_missing(identity))
        where = {"repo_id": identity["repo_id"], "filename": identity["filename"]}
        return Rebuilt(self.name, {**where, **values}, archive_missing(identity))

    def origin(self, identity: Mapping[str, Any], code: Quote) -> str:
        file = f"{code(identity['repo_id'])}, {code(identity['filename'])}"
        return f"{file} at commit {code(identity['commit'])}"

    def page(self, identity: Mapping[str, Any]) -> str | None:
        name, commit = str(identity.get("repo_id") or ""), str(identity.get("commit"))
        if not REPOSITORY.fullmatch(name) or not COMMIT.fullmatch(commit):
            return None
        return f"https://huggingface.co/{name}/tree/{commit}"


class RepositoryOrPath(Source):
    """Files of another library, in a repository of the Hub or at a path of this machine; one is named.

    Attributes:
        library: what it is called.
        remedy: how one of them is given.
        path: stands for the path, which no manifest holds.
        local: what lies there, as the card says it.
    """

    library: ClassVar[str]
    remedy: ClassVar[str]
    path: ClassVar[str]
    local: ClassVar[str]

    def check(self, config: ExpertConfig) -> None:
        super().check(config)
        if bool(config.repo_id) == bool(config.path):
            raise ConfigError(
                f"expert={self.name} needs expert.repo_id or expert.path",
                expected="one of them",
                remedy=self.remedy,
            )

    def rebuilt(self, identity: Mapping[str, Any]) -> Rebuilt | None:
        if "repo_id" not in identity:
            return Rebuilt(self.name, {"sha256": identity["sha256"]}, {"path": self.path})
        where = {name: identity[name] for name in ("repo_id", "filename", "sha256")}
        return Rebuilt(self.name, {**where, "revision": _pinned(identity)})

    def origin(self, identity: Mapping[str, Any], code: Quote) -> str:
        if "repo_id" in identity:
            return f"{self.library}: {HubSource().origin(identity, code)}"
        return f"from a local {self.local} of {self.library}"

    def page(self, identity: Mapping[str, Any]) -> str | None:
        return HubSource().page(identity)


def _pinned(identity: Mapping[str, Any]) -> str:
    """The commit that a manifest names.

    Raises:
        ValueError: it is something else, such as a branch, which may move.
    """
    commit: str = identity["commit"]
    if not COMMIT.fullmatch(commit):
        raise ValueError(f"expert.commit: {commit!r:.80}")
    return commit


@dataclass(frozen=True)
class HubExpert:
    """An expert's files in the Hub client's cache.

    Attributes:
        archive: the archive.
        filename: what the repository calls it.
        commit: of the repository.
    """

    archive: Path
    filename: str
    commit: str


def fetch_expert(repo_id: str, filename: str | None, revision: str | None) -> HubExpert:
    """Download an expert, or find it in the cache; without a network the cache alone is asked.

    Args:
        repo_id: `user/name`.
        filename: the archive's; by huggingface_sb3's convention the repository's own name.
        revision: a branch, tag or commit; a commit that is in the cache needs no network.

    Raises:
        ConfigError: a name leads out of the repository.
        ExpertError: the repository has no such file.
        HubError: no such repository or revision, a Hub that cannot be reached, a file that arrives damaged.
    """
    _check_places(repo_id, filename or archive_name(repo_id), revision)
    listed = bool(revision and noted_listing(repo_id, revision, "model"))
    if listed and COMMIT.fullmatch(str(revision)) and (cached := _cached(repo_id, filename, str(revision))):
        return cached
    with connected():
        try:
            commit = _commit(repo_id, filename, revision)
        except HubUnreachableError as error:
            known = noted_commit(repo_id, revision, "model")
            cached = _cached(repo_id, filename, known) if known else None
            if cached is None:
                error.remedy = f"{error.remedy}; once downloaded, the expert plays offline"
                raise
            log.warning("%s; the expert is that of the cache, of commit %s", error.what, cached.commit[:12])
            return cached
        cached = _cached(repo_id, filename, commit)
        if cached is None:
            name = _archive(repo_id, filename, commit)
            for wanted in _wanted(repo_id, name, commit):
                if wanted == name and revision is None:
                    _load_from_hub(repo_id, name)
                download_file(repo_id, wanted, commit, kind="model", digest=None)
            cached = _cached(repo_id, filename, commit)
    if cached is None:
        raise ExpertError(f"the expert {repo_id} did not arrive whole", remedy="run the same command again")
    note_commit(repo_id, revision, commit, "model")
    return cached


def fetch_card(repo_id: str, commit: str) -> Path | None:
    """The card beside an expert that was fetched; None where there is none, or where it cannot be had now."""
    if CARD not in (noted_listing(repo_id, commit, "model") or ()):
        return None
    try:
        return fetch_expert(repo_id, CARD, commit).archive
    except (ExpertError, HubError) as error:
        log.warning("what is published of %s is not known: %s", repo_id, error.what)
        return None


def repository_facts(repo_id: str) -> tuple[int | None, str | None]:
    """The bytes of a repository's archive, and the licence that its card states, as the Hub says now.

    Raises:
        HubError: there is no such repository, or the Hub cannot be reached.
    """
    from huggingface_hub import HfApi

    with connected():
        try:
            info = HfApi().model_info(repo_id, files_metadata=True)
        except Exception as error:
            raise explained(error, repo_id, kind="model") from error
    sizes = {file.rfilename: file.size for file in info.siblings or []}
    licence = getattr(info.card_data, "license", None)
    return sizes.get(archive_name(repo_id, sizes)), str(licence)[:100] if licence else None


def _load_from_hub(repo_id: str, name: str) -> None:
    """Bring the newest archive to the cache with huggingface_sb3, where that is installed.

    What it brings is then compared with its hash, and taken if it is of the commit, as any other file.

    Raises:
        HubError: the Hub refuses, or cannot be reached.
    """
    try:
        from huggingface_sb3 import load_from_hub
    except ImportError:  # or a client that it was not made for
        return
    try:
        persistently(partial(load_from_hub, repo_id, name))
    except Exception as error:
        raise explained(error, repo_id, kind="model") from error


def _check_places(repo_id: str, name: str, revision: str | None) -> None:
    """Refuse names that would lead out of the repository's folder in the cache.

    Raises:
        ConfigError: one would.
    """
    if not (REPOSITORY.fullmatch(repo_id) and is_inside(repo_id)):
        raise ConfigError("expert.repo_id is no repository", expected="user/name", got=f"{repo_id!r:.80}")
    for key, value in (("filename", name), ("revision", revision)):
        if value is not None and not is_inside(value):
            raise ConfigError(
                f"expert.{key} leads out of the repository", expected="a name within it", got=f"{value!r:.80}"
            )


def is_inside(name: str) -> bool:
    """Whether a name, taken as a path, stays in the folder that it is put behind."""
    parts = name.split("/")
    return name.isprintable() and "\\" not in name and not {"", ".", ".."} & set(parts) and parts[0] != "~"


def _wanted(repo_id: str, name: str, commit: str) -> list[str]:
    """The archive and what may lie beside it, as far as the commit's listing is known; the archive last."""
    folder = PurePosixPath(name).parent
    always = [str(folder / beside) for beside in BESIDE]
    listed = names_beside(name, noted_listing(repo_id, commit, "model") or (), BESIDE)
    return [*always, *(path for path in listed if path not in always and is_inside(path)), name]


def _archive(repo_id: str, filename: str | None, commit: str) -> str:
    """What a commit's archive is called, as far as its listing is known."""
    return filename or archive_name(repo_id, noted_listing(repo_id, commit, "model") or ())


def _commit(repo_id: str, filename: str | None, revision: str | None) -> str:
    """The commit of a revision, if it has the archive."""
    from huggingface_hub import HfApi

    try:
        info = HfApi().model_info(repo_id, revision=revision)
    except Exception as error:
        raise explained(error, repo_id, kind="model", revision=revision) from error
    names = [file.rfilename for file in info.siblings or []]
    name = filename or archive_name(repo_id, names)
    if name not in names:
        alike = sorted(found for found in names if found.endswith(PurePosixPath(name).suffix))
        raise ExpertError(
            f"the repository {repo_id} has no file {name}",
            got=f"archives: {', '.join(alike) or 'none'}",
            remedy="name its archive with expert.filename=",
        )
    note_listing(repo_id, str(info.sha), names, "model")
    return str(info.sha)


def _cached(repo_id: str, filename: str | None, commit: str) -> HubExpert | None:
    """The expert if the cache has all of it: of each file the file, or the note that there is none.

    The archive alone is not enough: without what lies beside it the expert would play otherwise.
    """
    from huggingface_hub import try_to_load_from_cache

    name = _archive(repo_id, filename, commit)
    files = _wanted(repo_id, name, commit)
    found = {wanted: try_to_load_from_cache(repo_id, wanted, revision=commit) for wanted in files}
    paths = [Path(path) for path in found.values() if isinstance(path, str)]
    unknown = None in found.values()  # it is neither there nor noted as missing
    archive = found[name]
    if unknown or not isinstance(archive, str) or not all(map(is_intact, paths)):
        return None
    return HubExpert(Path(archive), name, commit)
