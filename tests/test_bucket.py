"""Builds into an S3 bucket: the files of a local build, whatever happens on the way, and read back whole."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pytest
from extras import skip_without
from folders import files
from s3_server import s3_client
from stops import interrupt, kill_all, kill_workers

from builder import Controller, build, load
from builder.cli.main import main
from builder.errors import ConfigError, DatasetError, ExistsError, LockedError, StorageError
from builder.storage.layout import Layout
from builder.storage.paths import place
from builder.storage.remote_lock import remotely_locked
from builder.storage.remote_path import RemotePath

CONFIG = {"expert": "random", "env.id": "Corridor-v0", "episodes": 20, "rollout.lanes": 3}


def objects(s3, bucket):
    client = s3_client(s3)
    keys = [found["Key"] for found in client.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def dataset(s3, bucket, name):
    return {
        key.removeprefix(f"{name}/"): content
        for key, content in objects(s3, bucket).items()
        if key.startswith(f"{name}/")
    }


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.slow)])
def shelf(request, tmp_path, monkeypatch):
    """A place behind a URL: in the memory of this process, and in a bucket."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if request.param == "memory":
        return Shelf(f"memory://{tmp_path.name}", fsspec.filesystem("memory"))
    url = f"s3://{request.getfixturevalue('bucket')}"
    return Shelf(url, fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True))


@dataclass
class Shelf:
    """What a user has put behind a URL, and others may change."""

    url: str
    store: Any

    def objects(self, below=""):
        root = self.store._strip_protocol(f"{self.url}/{below}")
        self.store.invalidate_cache()
        return {path[len(root) :].lstrip("/"): self.store.cat_file(path) for path in self.store.find(root)}

    def put(self, key, content):
        self.store.pipe_file(f"{self.url}/{key}", content)


def test_a_build_into_a_bucket_has_the_files_of_a_local_one_and_grows_like_one(shelf, tmp_path):
    out = f"{shelf.url}/a/x"
    for episodes in (20, 30):
        result = Controller().start({**CONFIG, "episodes": episodes, "out": out})
        Controller().start({**CONFIG, "episodes": episodes, "out": str(tmp_path / "x")})
        assert str(result.out) == out
        assert shelf.objects("a/x/") == files(tmp_path / "x")
    assert not Controller().start({**CONFIG, "episodes": 30, "out": out}).fresh
    beside = {key.split("/")[0] for key in shelf.objects("a/")} - {"x"}
    assert beside == {".x.chunks", ".x.metrics.json", ".x.request.json"}
    assert not [key for key in shelf.objects() if key.endswith(("lock", ".part"))]


@pytest.mark.slow
def test_what_is_damaged_in_a_bucket_is_built_again(s3, bucket):
    out = f"s3://{bucket}/x"
    Controller().start({**CONFIG, "out": out})
    whole, key = dataset(s3, bucket, "x"), "data/train-00000-of-00001.parquet"
    flipped = bytes([whole[key][0] ^ 1]) + whole[key][1:]
    s3_client(s3).put_object(Bucket=bucket, Key=f"x/{key}", Body=flipped)
    assert Controller().start({**CONFIG, "out": out}).fresh
    assert dataset(s3, bucket, "x") == whole


def test_what_was_built_into_a_bucket_loads_verifies_and_is_cleaned(shelf, capsys):
    out = f"{shelf.url}/x"
    opened = build(**CONFIG, out=out)
    assert len(opened) == len(load(out)) == 20
    assert opened.episode(3).observations.shape[1:] == (2,)
    shelf.store.rm_file(f"{out}/provenance.json")  # as DVC's cache leaves a folder
    shutil.rmtree(Path(os.environ["XDG_CACHE_HOME"]))
    assert len(load(out)) == 20
    assert main(["verify", f"out={out}"]) == 0
    assert main(["clean", f"out={out}"]) == 0
    assert {key.split("/")[0] for key in shelf.objects()} == {"x"}
    assert f"verified: {out}" in capsys.readouterr().out


def test_a_flipped_byte_in_a_bucket_is_noticed_by_load_and_by_verify(shelf, capsys):
    out = f"{shelf.url}/x"
    Controller().start({**CONFIG, "out": out})
    key = "x/data/train-00000-of-00001.parquet"
    content = bytearray(shelf.objects()[key])
    content[100] ^= 1
    shelf.put(key, bytes(content))
    with pytest.raises(DatasetError, match=f"{shelf.url}/{key} is not what the manifest says"):
        load(out)
    assert main(["verify", f"out={out}"]) == 1
    assert "another content" in capsys.readouterr().err


@pytest.mark.slow
def test_chunks_in_a_bucket_are_used_again_and_a_damaged_one_is_played_again(s3, bucket, tmp_path, caplog):
    out = f"s3://{bucket}/x"
    Controller().start({**CONFIG, "mode": "play", "episodes": 10, "out": out})
    Controller().start({**CONFIG, "mode": "play", "episodes": 12, "out": out})
    chunks = sorted(key for key in objects(s3, bucket) if key.endswith(".safetensors"))
    assert [key.split("/")[-1] for key in chunks] == ["chunk-00000000-00000012.safetensors"]
    s3_client(s3).put_object(Bucket=bucket, Key=chunks[0], Body=objects(s3, bucket)[chunks[0]][:-1])
    with caplog.at_level(logging.WARNING, "builder"):
        Controller().start({**CONFIG, "out": out})
    assert f"s3://{bucket}/{chunks[0]}" in caplog.text
    Controller().start({**CONFIG, "out": str(tmp_path / "x")})
    assert dataset(s3, bucket, "x") == files(tmp_path / "x")


@pytest.mark.parametrize(("method", "failing"), [("move", "episodes"), ("upload", "manifest.json")])
def test_a_dataset_that_did_not_get_there_whole_is_put_there_by_the_same_command(
    shelf, tmp_path, monkeypatch, method, failing
):
    out = f"{shelf.url}/x"
    Controller().start({**CONFIG, "episodes": 10, "out": out})
    works = getattr(RemotePath, method)

    def fails(path, other):
        target = other if method == "move" else path
        if failing in (target.name, target.parent.name):
            raise StorageError("the network is gone")
        works(path, other)

    with monkeypatch.context() as patched:
        patched.setattr(RemotePath, method, fails)
        with pytest.raises(StorageError, match="the network is gone"):
            Controller().start({**CONFIG, "out": out})
    assert ".x.unfinished" in shelf.objects()
    assert not [key for key in shelf.objects() if "/shards/" in key]
    Controller().start({**CONFIG, "out": out})
    Controller().start({**CONFIG, "out": str(tmp_path / "x")})
    assert shelf.objects("x/") == files(tmp_path / "x")
    assert ".x.unfinished" not in shelf.objects()


def test_a_chunk_that_was_damaged_behind_a_url_is_found_by_who_uses_it_and_played_again(
    shelf, tmp_path, caplog
):
    config = {**CONFIG, "parallel": "threading", "parallel.n_jobs": 2}
    Controller().start({**config, "mode": "play", "out": f"{shelf.url}/x"})
    (key,) = [key for key in shelf.objects() if key.endswith(".safetensors")]
    content = bytearray(shelf.objects()[key])
    content[-9] ^= 1
    shelf.put(key, bytes(content))
    Controller().start({**config, "out": f"{shelf.url}/x"})
    assert f"{shelf.url}/{key} is damaged" in caplog.text
    Controller().start({**config, "out": str(tmp_path / "x")})
    assert shelf.objects("x/") == files(tmp_path / "x")
    assert not [key for key in shelf.objects() if "/shards/" in key]


def test_what_is_not_ours_behind_a_url_stays(shelf):
    shelf.put("x/mine", b"")
    with pytest.raises(ExistsError, match="not a dataset of ours"):
        Controller().start({**CONFIG, "out": f"{shelf.url}/x"})
    assert set(shelf.objects()) == {"x/mine"}


def test_chunks_that_cannot_be_read_just_now_are_kept(shelf, monkeypatch):
    config = {**CONFIG, "mode": "play", "out": f"{shelf.url}/x"}
    Controller().start({**config, "episodes": 10})
    before = shelf.objects()

    def fails(path, *_):
        raise StorageError(f"{path} cannot be reached")

    monkeypatch.setattr(RemotePath, "part", fails)
    with pytest.raises(StorageError, match="cannot be reached"):
        Controller().start(config)
    kept = {key for key in shelf.objects() if key.endswith(".safetensors")}
    assert kept == {key for key in before if key.endswith(".safetensors")}


def test_a_bucket_is_built_into_by_one_at_a_time(shelf):
    out = place(f"{shelf.url}/x")
    with (
        remotely_locked(Layout.of(out).lock, out),
        pytest.raises(LockedError, match=f"another build is writing to {out}"),
    ):
        Controller().start({**CONFIG, "out": str(out)})


@pytest.mark.slow
def test_a_bucket_that_is_not_there_and_what_needs_files_are_errors_before_play(bucket):
    with pytest.raises(StorageError, match="cannot be written: The specified bucket does not exist"):
        Controller().start({**CONFIG, "out": f"s3://{bucket}-not/x"})
    with pytest.raises(ConfigError, match="enjoy needs files of this machine"):
        Controller(enjoy=lambda path, context, expert: True).start({**CONFIG, "out": f"s3://{bucket}/x"})
    with pytest.raises(ConfigError, match=r"hub\.push needs files of this machine"):
        Controller().start({**CONFIG, "out": f"s3://{bucket}/x", "hub.push": True, "hub.repo_id": "user/x"})
    with pytest.raises(DatasetError, match=f"there is no dataset at s3://{bucket}/x"):
        load(f"s3://{bucket}/x")


@pytest.mark.slow
def test_a_build_into_a_bucket_that_is_killed_goes_on_where_it_was(s3, bucket, tmp_path):
    command = ["expert=cartpole", "episodes=1500", "rollout.lanes=4"]
    there = [sys.executable, "-m", "builder", *command, f"out=s3://{bucket}/x"]
    process = subprocess.Popen(there, stderr=subprocess.DEVNULL, start_new_session=True)
    while sum(key.endswith(".safetensors") for key in objects(s3, bucket)) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {key for key in objects(s3, bucket) if key.endswith(".safetensors")}
    again = subprocess.run(there, capture_output=True, text=True, check=True)
    assert f"process {process.pid}" in again.stderr  # the lock of the one that was killed
    metrics = json.loads(objects(s3, bucket)[".x.metrics.json"])
    assert metrics["attempts"] == 1500
    assert kept <= set(objects(s3, bucket))
    assert main([*command, f"out={tmp_path / 'x'}"]) == 0
    assert dataset(s3, bucket, "x") == files(tmp_path / "x")


def of_dataset(client, bucket):
    """The files of an unfinished dataset among the objects."""
    found = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return [key["Key"] for key in found if "/shards/" in key["Key"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stop", "code"),
    [(kill_all, -signal.SIGKILL), (interrupt, 130), (kill_workers, 1)],
    ids=["killed", "interrupted", "without workers"],
)
def test_a_build_that_is_stopped_while_its_files_are_written_there_goes_on(s3, bucket, tmp_path, stop, code):
    words = ["expert=cartpole", "episodes=270", "dataset.shard_mb=1", "parallel=loky", "parallel.n_jobs=2"]
    there = [*words, f"out=s3://{bucket}/x"]
    process = subprocess.Popen(
        [sys.executable, "-m", "builder", *there],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    client = s3_client(s3)
    while process.poll() is None and not of_dataset(client, bucket):
        time.sleep(0.002)
    stop(process)
    assert process.wait() == code
    assert bool(of_dataset(client, bucket)) == (stop is kill_all)
    assert main(there) == 0
    assert not of_dataset(client, bucket)
    assert main([*words, f"out={tmp_path / 'x'}"]) == 0
    assert dataset(s3, bucket, "x") == files(tmp_path / "x")


@pytest.mark.slow
def test_steps_do_not_pass_through_the_process_that_builds(s3, bucket, monkeypatch):
    passed, download, upload = [], RemotePath.download, RemotePath.upload
    monkeypatch.setattr(RemotePath, "download", lambda path, to: passed.append(path) or download(path, to))
    monkeypatch.setattr(RemotePath, "upload", lambda path, file: passed.append(path) or upload(path, file))
    words = ["expert=cartpole", "episodes=40", "parallel=loky", "parallel.n_jobs=2", "card.preview=true"]
    assert main([*words, f"out=s3://{bucket}/x"]) == 0
    assert [path.name for path in passed if path.name.endswith((".safetensors", ".arrow"))] == []
    assert len([path for path in passed if path.name.endswith(".parquet")]) == 1  # the table of episodes


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "dask", "ray"])
def test_workers_write_their_chunks_into_a_bucket(s3, bucket, tmp_path, backend):
    skip_without(backend)
    command = [sys.executable, "-m", "builder", "expert=cartpole", "episodes=60", "rollout.lanes=4"]
    parallel = [f"parallel={backend}", "parallel.n_jobs=2"]
    subprocess.run([*command, *parallel, f"out=s3://{bucket}/x"], check=True, capture_output=True)
    assert main([*command[3:], f"out={tmp_path / 'x'}"]) == 0
    assert dataset(s3, bucket, "x") == files(tmp_path / "x")
