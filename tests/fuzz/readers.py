"""The readers of strangers' files, each on bytes: named errors only.

`python tests/fuzz/readers.py READER [CORPUS ...] [-max_total_time=300]` fuzzes one by its coverage, where
atheris is installed; what it finds goes to `corpus/READER/`, which `test_corpus.py` replays without it.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


def read_archive(content: bytes) -> None:
    from builder.experts.archive.agent import read_agent

    _as_file(content, "agent.zip", read_agent)


def read_weights(content: bytes) -> None:
    from builder.experts.archive import weights

    weights.read_weights(content, "policy.pth")


def read_pickle(content: bytes) -> None:
    from builder.experts.archive.vec_normalize import read_statistics

    read_statistics(content, "vec_normalize.pkl")


def read_yaml(content: bytes) -> None:
    from builder.experts.archive import plain_yaml

    plain_yaml.read_yaml(content, "config.yml")


def read_manifest(content: bytes) -> None:
    from builder.manifest import manifest
    from builder.manifest.settings import rebuild_settings

    found = []
    _as_file(content, "manifest.json", lambda path: found.append(manifest.read_manifest(path.parent)))
    _ = found[0].spaces
    rebuild_settings(found[0])


def read_chunk(content: bytes) -> None:
    from builder.episodes.recording_file import read_recording

    _as_file(content, "chunk", read_recording)


def read_parquet(content: bytes) -> None:
    import gymnasium as gym

    from builder.dataset.shards import shards
    from builder.episodes.spaces import Spaces, describe
    from builder.loading.batches import ParquetReader
    from builder.manifest.manifest import FileEntry, Manifest, Split

    name = "data/train-00000-of-00001.parquet"
    spaces = Spaces(gym.spaces.Box(-1, 1, (4,)), gym.spaces.Discrete(2))
    texts = [describe(space) for space in spaces]
    files = {name: FileEntry("", len(content))}
    manifest = Manifest({}, "", *texts, 1, 1, {"train": Split(1, 1)}, files, "")

    def look(path: Path) -> None:
        paths = shards(path.parents[1], manifest, "transitions", "train")
        reader = ParquetReader(path.parents[1], paths, spaces, None)
        reader.read(range(len(reader.part_rows)))

    _as_file(content, name, look)


def read_flax(content: bytes) -> None:
    from builder.experts.archive.cleanrl import read_cleanrl

    read_cleanrl(content if content[:1] not in (b"P", b"\x80") else b"\xc1", "x.cleanrl_model")


def read_cleanrl(content: bytes) -> None:
    from builder.experts.archive.cleanrl import read_cleanrl

    read_cleanrl(content, "dqn.cleanrl_model")


def read_factory(content: bytes) -> None:
    from builder.experts.archive.sample_factory import read_checkpoint

    settings = {"nonlinearity": "elu", "use_rnn": False, "normalize_input": True, "obs_scale": 1.0}
    read_checkpoint(content, {**settings, "encoder_mlp_layers": [2], "decoder_mlp_layers": []}, "x.pth")


def read_description(content: bytes) -> None:
    _as_folder({"expert.json": content, "weights.safetensors": _kept("tensors")})


def read_tensors(content: bytes) -> None:
    _as_folder({"expert.json": _kept("description"), "weights.safetensors": content})


def read_onnx(content: bytes) -> None:
    from builder.experts.sources.onnx_model import check_model

    check_model(content, "model.onnx")


def read_card(content: bytes) -> None:
    from builder.experts.sources.model_card import figure_in

    _as_file(content, "README.md", lambda path: figure_in(path, deterministic=None))


READERS = {
    "archive": read_archive,
    "weights": read_weights,
    "pickle": read_pickle,
    "yaml": read_yaml,
    "manifest": read_manifest,
    "chunk": read_chunk,
    "parquet": read_parquet,
    "flax": read_flax,
    "cleanrl": read_cleanrl,
    "factory": read_factory,
    "description": read_description,
    "tensors": read_tensors,
    "onnx": read_onnx,
    "card": read_card,
}


def _as_file(content: bytes, name: str, read: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        read(path)


def _kept(reader: str) -> bytes:
    return (CORPUS / reader / "honest").read_bytes()


def _as_folder(contents: dict[str, bytes]) -> None:
    from builder.experts.sources.weights_folder import read_folder

    with tempfile.TemporaryDirectory() as folder:
        for name, content in contents.items():
            (Path(folder) / name).write_bytes(content)
        read_folder(Path(folder))


def read_named(reader: str, content: bytes) -> None:
    """Read bytes; an error of ours is what is expected of most."""
    from builder.errors import BuilderError

    with contextlib.suppress(BuilderError):
        READERS[reader](content)


def _main(reader: str, words: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["builder", "yaml"]):
        read_named(reader, b"")
    target = CORPUS / reader
    target.mkdir(parents=True, exist_ok=True)
    atheris.Setup([sys.argv[0], f"-artifact_prefix={target}/", *words], lambda data: read_named(reader, data))
    atheris.Fuzz()


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
