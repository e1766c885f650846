"""What is said of the machine."""

import json

from verification import check

from builder.manifest.provenance import write_provenance


def test_provenance_describes_the_machine_and_nothing_else_of_the_folder_does(folder, monkeypatch):
    monkeypatch.setenv("IL_BUILDER_IMAGE", "il-builder@sha256:0")
    write_provenance(folder)
    content = json.loads((folder / "provenance.json").read_text())
    assert content["image"] == "il-builder@sha256:0"
    assert {"blas", "cpu_level", "libc", "numpy_simd", "python", "python_build", "system"} <= set(content)
    check(folder).raise_for_difference()
