"""What tests of LeRobot's format share."""

import pytest

from builder.exchange.export import ExportRequest, export
from builder.exchange.lerobot import FORMAT


@pytest.fixture
def exported(dataset_of, tmp_path):
    """`exported("dict", split="train")`: what an export ends with; its folder has a place of its own."""

    def done(kind, name="out", **wanted):
        return export(dataset_of(kind), ExportRequest("lerobot", tmp_path / name, **wanted))

    return done


@pytest.fixture
def opened():
    """`opened(path, leave_out_videos=True)`: what our reader finds."""
    return lambda path, **options: FORMAT.read(path, FORMAT.with_defaults(options, FORMAT.import_options))
