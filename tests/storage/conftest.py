import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from builder.storage.paths import place


@pytest.fixture
def memory():
    fsspec.filesystem("memory").store.clear()
    return place("memory://shelf/box")


@pytest.fixture(params=["memory", "shelf"])
def box(request, tmp_path):
    """A folder of a store where files appear whole, and of one with folders, where they grow."""

    class Shelf(LocalFileSystem):
        protocol = "shelf"
        cachable = False

        @classmethod
        def _strip_protocol(cls, path):
            inside = str(path).removeprefix("shelf://")
            return inside if inside.startswith("/") else f"{tmp_path}/{inside}"

    fsspec.register_implementation("shelf", Shelf, clobber=True)
    fsspec.filesystem("memory").store.clear()
    return place(f"{request.param}://room/box")
