"""RLDS: a folder of TensorFlow Datasets whose records are episodes of steps; no TensorFlow is needed.

Source: tensorflow-datasets 4.9.10 (`builder_from_directory`) and google-research/rlds (its dataset format).
"""

from __future__ import annotations

from builder.exchange.contract import Format
from builder.exchange.rlds.reading import read
from builder.exchange.rlds.writing import losses, write

FORMAT = Format(
    name="rlds",
    about="a folder of TensorFlow Datasets, of episodes and their steps: RLDS",
    suffix="",
    write=write,
    read=read,
    losses=losses,
    opened=(
        "import tensorflow_datasets as tfds; "
        'episodes = tfds.builder_from_directory("{path}").as_data_source(split="train")'
    ),
    extra="rlds",
)
