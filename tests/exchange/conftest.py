"""Datasets of every kind of space, made once for all tests of a process; nobody writes into them."""

import kinds
import pytest

from builder import Controller

kinds.register()


@pytest.fixture(scope="session")
def dataset_of(tmp_path_factory):
    """`dataset_of("dict")`: the folder of a dataset of eight episodes, two of them in the split test."""
    made = {}

    def folder(kind):
        if kind not in made:
            out = tmp_path_factory.mktemp("kinds") / kind
            what = ["expert=random", "env.id=Kind-v0", f"env.kwargs.kind={kind}", "episodes=8"]
            Controller().start([*what, "dataset.test_fraction=0.25", f"out={out}", "verify_sample=0"])
            made[kind] = out
        return made[kind]

    return folder
