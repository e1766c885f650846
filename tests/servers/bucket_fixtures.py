"""An S3 server on loopback, and a bucket of it: fixtures for every room."""

import time

import pytest
from s3_server import KEYS, s3_client, s3_server


@pytest.fixture(scope="session")
def s3():
    """The server's address."""
    for package in ("s3fs", "moto"):
        pytest.importorskip(package, reason=f"{package} is not installed; the extra s3 has it")
    with s3_server() as address:
        yield address


@pytest.fixture
def bucket(s3, tmp_path, monkeypatch):
    """The name of a new bucket; the environment is that of its user."""
    for name, value in {
        **KEYS,
        "AWS_ENDPOINT_URL": s3,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{time.time_ns()}"
    s3_client(s3).create_bucket(Bucket=name)
    return name
