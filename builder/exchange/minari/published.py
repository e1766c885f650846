"""A dataset in a repository on the Hub, as Minari finds it there.

Source: minari/storage/remotes/huggingface.py of minari 0.5.4. The first part of an id is the repository's
name, the rest the folder in it; what a repository holds its `namespace_metadata.json` lists. A dataset
without a namespace it finds in none, and for the metadata of namespaces it asks `MINARI_REMOTE` alone.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import PurePosixPath

from builder.errors import ConfigError, DatasetError
from builder.exchange.contract import Options, Source
from builder.exchange.minari.place import NAMESPACE, dataset_id
from builder.exchange.publication import Publication, Shared
from builder.storage.plain_json import parse_json


def published(source: Source, options: Options, repo_id: str) -> Publication:
    """How a dataset lies in a repository.

    Raises:
        ConfigError: its id does not begin with the name of the repository, or has but one part.
    """
    name = dataset_id(source, options)
    user, _, repository = repo_id.partition("/")
    first, _, within = name.partition("/")
    if not within:
        raise ConfigError(
            f"Minari finds no dataset on the Hub whose id has but one part, as {name} has",
            remedy=f"give to.id={repository}/{name}",
        )
    if first != repository:
        raise ConfigError(
            f"Minari finds the dataset {name} in the repository {user}/{first}",
            got=repo_id,
            remedy=f"give hub.repo_id={user}/{first}, or to.id={repository}/{within}",
        )
    remote = f'import os; os.environ["MINARI_REMOTE"] = "hf://{user}"'
    opened = f'{remote}; import minari; minari.download_dataset("{name}")'
    between = [str(parent) for parent in reversed(PurePosixPath(within).parents)][1:]
    shared: dict[str, Shared] = {f"{folder}/{NAMESPACE}": _kept for folder in between}
    namespaces = tuple(f"{first}/{folder}" for folder in between)
    shared[NAMESPACE] = partial(_registered, name, namespaces)
    return Publication("minari", opened, within, shared, mark=NAMESPACE)


def _kept(there: bytes | None) -> bytes:
    return b"{}\n" if there is None else there


def _registered(name: str, namespaces: tuple[str, ...], there: bytes | None) -> bytes:
    """The metadata of a repository, with a dataset and its namespaces in it; whatever else it says stays.

    Raises:
        DatasetError: they are none that Minari writes.
    """
    try:
        known = parse_json(there or b"{}")
    except ValueError as error:
        raise DatasetError(f"{NAMESPACE} of the repository is no JSON: {str(error)[:200]}") from error
    lists = {"datasets": (name,), "namespaces": namespaces}
    if not isinstance(known, dict) or any(not isinstance(known.get(key, []), list) for key in lists):
        raise DatasetError(f"{NAMESPACE} of the repository", expected="lists of datasets and of namespaces")
    new = {key: [item for item in items if item not in known.get(key, [])] for key, items in lists.items()}
    if there is not None and not any(new.values()):
        return there
    listed = {key: [*known.get(key, []), *items] for key, items in new.items() if items}
    return f"{json.dumps({**known, **listed}, indent=2)}\n".encode()
