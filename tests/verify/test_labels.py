"""Labels that were given afterwards, asked for again; see also tests/augment/test_relabel.py."""

import dataclasses

from verification import check

from builder import relabel
from builder.manifest.identity import identity
from builder.manifest.manifest import read_manifest, seal


def test_another_expert_of_that_name_is_a_difference(folder, tmp_path):
    out = relabel(folder, "acrobot", to=tmp_path / "y").folder
    manifest = read_manifest(out)
    labels = manifest.inputs["relabelled"]
    other = {**labels, "expert": {**labels["expert"], "version": "another"}}
    inputs = {**manifest.inputs, "relabelled": other}
    seal(dataclasses.replace(manifest, inputs=inputs, identity=identity(inputs)), out)
    assert check(out, "rebuild").checks[-1].verdict == "differs"
