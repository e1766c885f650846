"""A dataset to verify, and what a forger does to it."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder import Controller
from builder.card import write_card
from builder.config import HubConfig, ParallelConfig, TrustConfig
from builder.errors import VerificationError
from builder.manifest.manifest import read_manifest, seal
from builder.verify import verify
from builder.verify.config import VerifyConfig

STEPS = "data/train-00000-of-00001.parquet"
EPISODES = "episodes/train-00000-of-00001.parquet"


@pytest.fixture(scope="session")
def _built(tmp_path_factory):
    out = tmp_path_factory.mktemp("verified") / "x"
    Controller().start(
        {
            "expert": "random",
            "env.id": "Acrobot-v1",
            "env.max_episode_steps": 40,
            "episodes": 6,
            "out": str(out),
        }
    )
    return out


@pytest.fixture
def folder(_built, tmp_path):
    return Path(shutil.copytree(_built, tmp_path / "x"))


def check(folder, level="replay", **config):
    config = {"sample": 1.0, "expert": TrustConfig(), "hub": HubConfig(), **config}
    return verify(
        VerifyConfig(
            out=folder, level=level, parallel=ParallelConfig(backend="threading", n_jobs=1), **config
        )
    )


def failure(folder, level="replay", **config):
    """The name of the check that fails, and the difference that it names."""
    report = check(folder, level, **config)
    assert [item.passed for item in report.checks[:-1]] == [True] * (len(report.checks) - 1)
    with pytest.raises(VerificationError):
        report.raise_for_difference()
    return report.checks[-1].name, report.checks[-1].difference


def rewrite(folder, path, change):
    """Change a table and make everything that is computed from it fit again, as a forger would."""
    table = pq.read_table(folder / path)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    change(columns)
    changed = pa.table({name: pa.array(columns[name], table.schema.field(name).type) for name in columns})
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), folder / path)
    seal(read_manifest(folder), folder)
    write_card(folder)
