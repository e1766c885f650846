"""What a file of a stranger's may be, asked before it is read; `docs/security.md` has the table.

All limits stand here. A size is that of a file on the disk or, where it says so, of what it unpacks to;
whatever a file says of itself is multiplied out, and the product compared, before anything of that size is
made.
"""

from __future__ import annotations

MANIFEST_BYTES = 32 << 20
NOTE_BYTES = 1 << 20
"""Of `provenance.json`, of notes beside a dataset and lines of a journal."""
BUILD_BYTES = 64 << 20
"""Of `build.json` among the chunks, which holds both spaces and the inputs."""
TENSOR_HEADER_BYTES = 16 << 20
"""Of a safetensors file: a chunk, or an expert's weights."""

JSON_DEPTH = 64
JSON_VALUES = 1 << 20
JSON_DIGITS = 40
"""Of an integer; more are no number of a dataset's."""

FILES = 50_000
"""Of a dataset."""
SPACE_NUMBERS = 1 << 24
"""Of one observation or action, and of all declared columns together."""
SPACE_BYTES = 32 << 20
"""Likewise."""
SPACE_LEAVES = 1_000
"""Boxes, Discretes and so on of a nested space, and of all declared columns together."""
SPACE_DEPTH = 16

EPISODES = 10**9
ATTEMPTS = 10 * EPISODES
STEPS = 10**9
"""Of an episode."""
JOBS = 4_096
LANES = 1 << 16
SHARD_MB = 10**6
PIXELS = 1_024
"""Rows, and columns, of a picture in `pixels`."""
NOISE_NUMBERS = 256
"""Rows, and columns, of a covariance of noise."""
FRAMES = 100
"""Of a stack of observations."""
INFO_KEYS = 200
"""That `dataset.info` names."""
LEAST_TEST_FRACTION = 1e-9
SEED = 2**128 - 1
WAVE = 1 << 20
"""Attempts of a wave, for every full 16 workers; they are laid out as they are asked for."""

ARCHIVE_BYTES = 512 << 20
ARCHIVE_MEMBERS = 64
ARCHIVE_UNPACKED_BYTES = 1 << 30
ARCHIVE_RATIO = 100
"""Unpacked by packed bytes of a member over 1 MiB; SB3 stores its members unpacked."""
FIELDS_BYTES = 32 << 20
"""Of an archive's member `data`."""
WEIGHTS_BYTES = 160 << 20
"""Of all tensors, each counted as often as it is named."""
TENSORS = 4_000
STATISTICS_BYTES = 32 << 20
EXPERT_BYTES = 64 << 20
"""Of `expert.json`."""
ONNX_BYTES = 160 << 20
ONNX_FIELDS = 1_000_000
"""Of all messages of a model that are walked."""
ONNX_DEPTH = 32
"""Levels of messages within each other; a graph in a graph takes three."""
FLAX_DEPTH = 16
FLAX_VALUES = 20_000
"""Of a model that flax saved; a player's has about a hundred, four deep."""
FLAX_RANK = 8
"""Axes of one of its arrays."""
YAML_BYTES = 32 << 10
PARQUET_FOOTER_BYTES = 16 << 20
PARQUET_FOOTER_VALUES = 1 << 20
"""Numbers, texts and structs of a footer."""
PARQUET_GROUP_ROWS = 1 << 20
PARQUET_GROUP_BYTES = 256 << 20
"""Of a row group, by its footer and the headers of its pages; a build closes one at 16 MiB."""
CARD_BYTES = 4 << 20

HDF5_DEPTH = 32
HDF5_OBJECTS = 1_000_000
"""Groups and arrays of a file; Minari has seven for each episode."""
HDF5_UNPACKED_BYTES = 64 << 20
"""What a file may always unpack to; beyond, no more than so many times its own size."""
HDF5_EXPANSION = 200
HDF5_READ_BYTES = 256 << 20
"""Of an array, or the part of it, that is read at a time."""
ARROW_FILE_BYTES = 256 << 20
"""Of an IPC file of Arrow's, in which nothing is compressed."""
ARROW_BATCHES = 10_000
ARROW_EPISODE_BYTES = 96 << 20
"""Of an episode in an Arrow or Parquet file of Minari's, images as numbers."""
TEXT_BYTES = 1 << 20
"""Of a text in a file of another library."""

CSV_COLUMNS = 1_000
"""Numbers of an observation and an action, in a row of text."""
NPZ_MEMBERS = 64
"""Arrays of a file."""
NPZ_UNPACKED_BYTES = 64 << 20
"""What a file may always unpack to; beyond, no more than so many times its own size."""
NPZ_EXPANSION = 200
NPZ_READ_BYTES = 256 << 20
"""Of an array, or the part of it, that is read at a time."""

RLDS_RECORD_BYTES = (1 << 31) - 1
"""Of an episode of a folder of TensorFlow Datasets: what one message of Protocol Buffers may take."""
