"""Nothing that looks like a secret is published, wherever it stands."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sweeps import sweep

from builder import Controller
from builder.config import HubConfig
from builder.errors import SecretError
from builder.hub.local_files import LocalFile
from builder.hub.push import push
from builder.hub.secrets import OVERLAP, check_secrets, check_values

TOKEN = "hf_" + "aB3" * 12
QUICK = ["expert=random", "env.id=CartPole-v1", "episodes=1"]


def found(path):
    return {path.name: LocalFile(path, path.stat().st_size, "")}


@sweep("where", ["text", "json", "escaped", "metadata", "column", "border"], quick=3)
def test_a_secret_is_found_in_every_kind_of_file(tmp_path, monkeypatch, where):
    monkeypatch.setenv("MY_SECRET", 'quo"ted\\value')
    path = tmp_path / {"text": "README.md", "json": "manifest.json", "escaped": "x.json"}.get(
        where, "x.parquet"
    )
    if where == "border":
        path = tmp_path / "notes.bin"
        path.write_bytes(b"\0" * ((1 << 20) - 10) + TOKEN.encode() + b"\0" * OVERLAP)
    elif where == "metadata":
        pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({"made": TOKEN}), path)
    elif where == "column":
        pq.write_table(pa.table({"policy": ["x", TOKEN, "x"], "b": [1, 2, 3]}), path)
    else:
        path.write_text(
            {"escaped": json.dumps(["a", {"b": 'quo"ted\\value'}])}.get(where, f'{{"a": "{TOKEN}"}}')
        )
    with pytest.raises(SecretError, match=f"{path.name} holds what looks like a secret") as caught:
        check_secrets(found(path))
    assert TOKEN not in str(caught.value)


def test_a_file_without_a_secret_passes(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"policy": ["cartpole"], "b": [1]}), path)
    check_secrets(found(path))


def test_plain_values_are_looked_through_to_their_keys():
    for value in ({"a": [{"b": TOKEN}]}, {TOKEN: 1}, [[TOKEN]], TOKEN):
        with pytest.raises(SecretError):
            check_values(value, "the manifest")
    check_values({"a": [1, None, "x"]}, "the manifest")


def test_a_push_of_a_secret_is_refused_before_the_hub_is_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "correct-horse-battery")
    Controller().start([*QUICK, "expert.name=correct-horse-battery", f"out={tmp_path / 'x'}"])
    with pytest.raises(SecretError, match="the value of the environment variable SOME_TOKEN"):
        push(tmp_path / "x", HubConfig(repo_id="user/name"))


@pytest.mark.slow
def test_a_build_that_shall_be_pushed_is_refused_before_it_plays(hub, shell, tmp_path):
    finished = shell("build", *QUICK, f"expert.name={TOKEN}", "hub.push=true", "hub.repo_id=user/x", "out=x")
    assert finished.returncode == 1
    assert "the manifest holds what looks like a secret, a token of the Hub" in finished.stderr
    assert TOKEN not in finished.stdout + finished.stderr
    assert not hub.store.repositories
    assert not (tmp_path / "x").exists()


def test_a_build_that_stays_here_is_warned_of_it(tmp_path, caplog):
    Controller().start([*QUICK, f"expert.name={TOKEN}", f"out={tmp_path}/x"])
    assert any("holds what looks like a secret, a token of the Hub" in line for line in caplog.messages)
    assert not any(TOKEN in line for line in caplog.messages if "secret" in line)
