"""Figures are those of the files."""

import math
import statistics

import numpy as np
import pyarrow.parquet as pq
import pytest
from card_folders import REWARDS, figures, inputs_of

from builder.card import render_card
from builder.card.figures import BLOCK, spread


def test_figures_are_those_of_the_parquet_files(dataset):
    inputs = inputs_of("episodes=4", "threshold=-1")
    folder = dataset(REWARDS, inputs=inputs, accepted=(-1, np.inf), every=2)
    shown = figures(render_card(folder))
    assert shown[""] == ["all", "train", "test"]
    assert shown["attempts played"] == ["5", "", ""]
    assert shown["acceptance rate"] == ["80.00%", "", ""]
    for column, pattern in enumerate(("*", "train-*", "test-*")):
        steps = sum(pq.read_metadata(path).num_rows for path in (folder / "data").glob(pattern))
        rows = [
            row for path in (folder / "episodes").glob(pattern) for row in pq.read_table(path).to_pylist()
        ]
        returns = [row["episode_return"] for row in rows]
        lengths = [row["length"] for row in rows]
        assert float(shown["episodes"][column]) == len(rows)
        assert float(shown["steps"][column]) == steps == sum(lengths)
        for what, numbers in (("return", returns), ("length", lengths)):
            mean, std = shown[f"{what}: mean ± standard deviation"][column].split(" ± ")
            assert float(mean) == pytest.approx(statistics.fmean(numbers), abs=5e-4)
            assert float(std) == pytest.approx(statistics.pstdev(numbers), abs=5e-4)
            spread = shown[f"{what}: minimum / median / maximum"][column].split(" / ")
            expected = [min(numbers), statistics.median(numbers), max(numbers)]
            assert [float(value) for value in spread] == pytest.approx(expected, abs=5e-4)
        for flag in ("terminated", "truncated"):
            count = sum(row[flag] for row in rows)
            digits = 0 if count in (0, len(rows)) else 2
            assert shown[flag][column] == f"{count} ({100 * count / len(rows):.{digits}f}%)"


def test_sums_of_very_many_values_are_exact():
    values = np.random.default_rng(0).normal(size=2 * BLOCK + 5).astype(np.float32) * 1e6
    numbers = [float(value) for value in values]
    found, mean = spread(values), math.fsum(numbers) / len(numbers)
    assert found.mean == mean
    assert found.std == math.sqrt(
        math.fsum((value - mean) * (value - mean) for value in numbers) / len(numbers)
    )
    assert (found.least, found.greatest) == (min(numbers), max(numbers))
