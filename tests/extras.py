"""Tests of an extra run where it is installed."""

import pytest

CLUSTERS = {"dask": "distributed", "ray": "ray"}
"""The package of each backend that needs one."""


def huggingface_sb3():
    """The package of the extra `huggingface-sb3`; a test that wants it is skipped without."""
    return pytest.importorskip("huggingface_sb3", reason="the extra huggingface-sb3 is not installed")


def skip_without(backend):
    """Skip the test where the package of this backend is not installed."""
    if backend in CLUSTERS:
        pytest.importorskip(CLUSTERS[backend], reason=f"the extra {backend} is not installed")


def rlds():
    """tensorflow-datasets, of the extra `rlds`; a test that wants it is skipped without."""
    pytest.importorskip("array_record", reason="the extra rlds is not installed")
    return pytest.importorskip("tensorflow_datasets", reason="the extra rlds is not installed")


def jax():
    """JAX, of the extra `jax`; a test that wants it is skipped without."""
    pytest.importorskip("flax", reason="the extra jax is not installed")
    return pytest.importorskip("jax", reason="the extra jax is not installed")
