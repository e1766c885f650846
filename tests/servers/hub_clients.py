"""What runs in the process of the clients: there the real ones see the loopback Hub, unpatched.

huggingface_hub and `datasets` read HF_ENDPOINT and HF_HUB_OFFLINE when they are imported, and the tests' own
process is offline; so these functions are called in another one (see `clients` in conftest.py).
"""

import contextlib
import errno
import io
import logging
import os
import shutil
import warnings
from pathlib import Path


def prepare():
    """Once: warnings are errors, and pauses short enough for tests."""
    warnings.simplefilter("error")
    from builder.hub_client import retries as transport

    transport.FIRST_PAUSE = 0.01


@contextlib.contextmanager
def logs():
    """What `builder` logs meanwhile."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logger = logging.getLogger("builder")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield text
    finally:
        logger.removeHandler(handler)


@contextlib.contextmanager
def token(value):
    before = os.environ.pop("HF_TOKEN", None)
    if value:
        os.environ["HF_TOKEN"] = value
    try:
        yield
    finally:
        os.environ.pop("HF_TOKEN", None)
        if before:
            os.environ["HF_TOKEN"] = before


def push(folder, repo_id, user="hf_writer", overwrite=False, **hub):
    from builder.config import HubConfig
    from builder.hub import push

    with token(user):
        return push(Path(folder), HubConfig(repo_id=repo_id, **hub), overwrite=overwrite)


def publish(folder, format_name, path, repo_id, *, overwrite=False, **wanted):
    """Export and publish, as the command line does; wanted: user, options, and keys of `hub`."""
    from builder.config import HubConfig
    from builder.exchange.export import ExportRequest, export
    from builder.hub import check_publish, publish

    user, options = wanted.pop("user", "hf_writer"), wanted.pop("options", {})
    place = HubConfig(repo_id=repo_id, **wanted)
    with token(user):
        check_publish(place)
        request = ExportRequest(format_name, Path(path), options, overwrite=overwrite, repo_id=place.repo_id)
        exported = export(Path(folder), request)
        return publish(
            exported.files(), exported.publication, place, message="an export", overwrite=overwrite
        )


def import_(repo_id, format_name, out, user="hf_writer", **options):
    """Import what a repository holds, as the command line does."""
    from builder.exchange.importing import ImportRequest, import_
    from builder.hub import fetch

    with token(user):
        path = fetch(repo_id).folder
        return import_(ImportRequest(format_name, path, options=options, replay=False), Path(out)).out


def merge(parts, out):
    """Merge datasets, those of repositories among them; the manifest's parts."""
    from builder import merge

    return merge(parts, out).manifest.inputs["merged"]["parts"]


def pull(repo_id, out, user="hf_writer", overwrite=False, **hub):
    from builder.config import HubConfig
    from builder.hub import pull

    with token(user):
        return pull(HubConfig(repo_id=repo_id, **hub), Path(out), overwrite=overwrite)


def pull_with_logs(*words, **options):
    with logs() as text:
        return pull(*words, **options), text.getvalue()


def pull_on_a_full_disk(repo_id, out):
    """The disk fills up while the files are copied out of the cache."""

    def full(_, target):
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    copy, shutil.copyfile = shutil.copyfile, full
    try:
        return pull(repo_id, out)
    finally:
        shutil.copyfile = copy


def pull_with_little_room(repo_id, out, free):
    """The disks of the cache and of the folder have so many bytes left."""
    usage = shutil.disk_usage
    shutil.disk_usage = lambda path: usage(path)._replace(free=free)
    try:
        return pull(repo_id, out)
    finally:
        shutil.disk_usage = usage


def arrays(source, user="hf_writer", **options):
    import builder

    with token(user):
        return builder.load(source, **options).arrays()


def on_demand(repo_id, names, user="hf_writer"):
    """What is in files of a repository that is opened for them alone."""
    from builder.hub.on_demand import on_demand
    from builder.hub_client.retries import connected

    with token(user), connected():
        opened = on_demand(repo_id)
        return [opened.find(name).read_bytes() for name in names]


def described(source, **options):
    """What `load` gives, as plain values."""
    import builder

    with token("hf_writer"):
        dataset = builder.load(source, **options)
    return {
        "split": dataset.split,
        "episodes": len(dataset),
        "folder": str(dataset.folder),
        "dtypes": {name: str(tensor.dtype) for name, tensor in dataset.tensors().items()},
        "returns": [episode.episode_return for episode in dataset.episodes()],
        "first": dataset.episode(0).observations,
        "fingerprint": dataset.manifest.fingerprint,
    }


def expert(repo_id, revision=None, filename=None, user=None):
    from builder.experts.sources.hub import fetch_expert

    with token(user), logs() as text:
        fetched = fetch_expert(repo_id, filename, revision)
        beside = sorted(path.name for path in fetched.archive.parent.iterdir())
        return fetched.commit, fetched.archive.read_bytes(), beside, text.getvalue()


def facts(repo_id):
    from builder.experts.sources.hub import repository_facts

    with token(None):
        return repository_facts(repo_id)


def expert_identity(source, repo_id):
    """What identifies the expert that a source finds in a repository."""
    from builder.composition import build_config
    from builder.experts.sources.load import load_expert
    from builder.experts.sources.registered import DEFAULT_ROLLOUT

    with token(None):
        config = build_config([f"expert={source}", f"expert.repo_id={repo_id}"]).expert
        return dict(load_expert(config, DEFAULT_ROLLOUT).identity)


def expert_published(source, repo_id):
    """What is published of the expert that a source finds in a repository, and where."""
    from builder.composition import build_config
    from builder.experts.sources.load import load_expert
    from builder.experts.sources.registered import DEFAULT_ROLLOUT

    with token(None):
        config = build_config([f"expert={source}", f"expert.repo_id={repo_id}"]).expert
        expert = load_expert(config, DEFAULT_ROLLOUT)
    said = expert.published
    return said and (said.mean, said.std, said.deterministic, str(expert.evidence))


def one_file(repo_id, filename):
    """A file of a model, and nothing beside it, as `load_from_hub` of huggingface_sb3 brings it."""
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(repo_id, filename)).read_bytes()


def build(**config):
    from builder import Controller

    with token("hf_writer"):
        return Controller().start(config)


def verify(out=None, repo_id=None, level="files"):
    from builder.config import HubConfig, ParallelConfig, TrustConfig
    from builder.verify import verify
    from builder.verify.config import VerifyConfig

    parallel = ParallelConfig(backend="threading", n_jobs=1)
    with token("hf_writer"):
        place = None if out is None else Path(out)
        return verify(VerifyConfig(place, HubConfig(repo_id=repo_id), level, 1.0, parallel, TrustConfig()))
