"""`expert=onnx`: a model that another framework has exported, computed by onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from builder.config import ExpertConfig, RolloutConfig
from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.errors import ArchiveError, ConfigError, ExpertError, UnsupportedExpertError
from builder.experts.actor import Player
from builder.experts.published import RESULT_FILES, evidence_in, read_published
from builder.experts.sources.expert import Expert, expert_of
from builder.experts.sources.files import check_digest
from builder.experts.sources.onnx_model import check_model
from builder.experts.sources.onnx_player import OnnxPlayer, Reading
from builder.experts.sources.portable import PortableExpert
from builder.experts.sources.source import Quote, Rebuilt, Source, algorithm
from builder.experts.sources.statistics_files import files_beside
from builder.storage.digest import file_sha256
from builder.storage.limits import NOTE_BYTES, ONNX_BYTES
from builder.storage.paths import expanded
from builder.storage.plain_json import read_bounded, read_json
from builder.versions import installed_version

RUNTIME = "onnxruntime"
DESCRIPTION = "expert.json"
MODEL = "path/to/model.onnx"
"""Stands for the path of a model, which no manifest holds."""
_KEYS = {
    "format": int,
    "output": str,
    "squash": str,
    "rescale": bool,
    "mean_only": bool,
    "scale_images": bool,
}


@dataclass(frozen=True)
class OnnxModel:
    """A model that was read; see `Trained`.

    Attributes:
        path: the file.
        content: of it.
        reading: how its outputs become actions.
    """

    path: Path
    content: bytes = field(repr=False)
    reading: Reading

    preprocessing: AtariPreprocessing | None = None
    readable = False

    @property
    def notes(self) -> tuple[str, ...]:
        runtime = f"{RUNTIME} {installed_version(RUNTIME) or ''}".strip()
        return (
            f"the expert was computed by {runtime}: equal bytes need that version and this kind of processor",
        )

    def player(
        self,
        rollout: RolloutConfig,
        *,
        env_id: str,
        max_episode_steps: int | None,
        zeros: int = 0,
        preprocessed: bool = False,
    ) -> Player:
        if rollout.precision != "float32":
            raise ConfigError(
                "expert=onnx cannot promise equal bytes: onnxruntime sums in an order of the processor's",
                expected="rollout.precision=float32, with which the manifest says so",
                got=f"rollout.precision={rollout.precision}",
                remedy="add rollout.precision=float32; or give layers and tensors to expert=weights",
            )
        if not rollout.deterministic:
            raise UnsupportedExpertError(
                "a model gives the action that it was exported with, and does not sample",
                remedy="play it with rollout.deterministic=true",
            )
        if zeros or preprocessed:
            raise UnsupportedExpertError(
                "expert=onnx plays the environment as it is", remedy="put what it needs into env.wrappers"
            )
        return OnnxPlayer(self.content, self.path.name, self.reading)

    def portable(self) -> PortableExpert:
        raise UnsupportedExpertError(f"{self.path.name} is no network of ours, so it cannot be kept as data")


class OnnxSource(Source):
    """An ONNX file of this machine, with an `expert.json` beside it where its outputs need a word."""

    name = "onnx"
    needs = "path"
    contained = False

    def load(self, config: ExpertConfig, rollout: RolloutConfig) -> Expert:
        path = expanded(str(config.path))
        if not path.is_file():
            raise ExpertError(
                f"there is no file {path} for the expert {config.name!r}", remedy="check expert.path"
            )
        try:
            content = read_bounded(path, ONNX_BYTES)
        except (ValueError, OSError) as error:
            raise ArchiveError(f"{path.name} cannot be read: {error}") from error
        digest = file_sha256(path)
        check_digest(config, path.name, digest)
        check_model(content, path.name)
        description = path.with_name(DESCRIPTION)
        beside = {"beside": {DESCRIPTION: file_sha256(description)}} if description.is_file() else {}
        model = OnnxModel(path, content, _reading(description))
        identity = {"version": digest, "sha256": digest, **beside}
        expert = expert_of(config, identity, trained=model, packages=(RUNTIME,))
        published = None if expert.published else read_published(path.parent)
        if published is None:
            return expert
        return replace(expert, published=published, evidence=evidence_in(path.parent))

    def files(self, config: ExpertConfig) -> list[Path] | None:
        if not config.path:
            return None
        path = expanded(config.path)
        return sorted(files_beside(path, {path.name, DESCRIPTION, *RESULT_FILES}))

    def rebuilt(self, identity: Mapping[str, Any]) -> Rebuilt | None:
        values = {"sha256": identity["sha256"], **algorithm(identity)}
        return Rebuilt(self.name, values, missing={"path": MODEL})

    def origin(self, identity: Mapping[str, Any], code: Quote) -> str:
        return "from a local ONNX model"


def _reading(path: Path) -> Reading:
    """What `expert.json` beside a model says of its outputs."""
    if not path.is_file():
        return Reading()
    try:
        said = read_json(path, NOTE_BYTES)
    except (ValueError, OSError, RecursionError) as error:
        raise ArchiveError(f"{DESCRIPTION} beside the model is damaged: {str(error)[:100]}") from error
    if not isinstance(said, dict) or said.pop("format", None) != 1:
        raise ArchiveError(f"{DESCRIPTION} beside the model", expected='{"format": 1, ...}')
    for key, value in said.items():
        if key not in _KEYS or type(value) is not _KEYS[key]:
            raise ArchiveError(f"{DESCRIPTION} beside the model: {key[:40]!r}", expected=" or ".join(_KEYS))
    squash = said.pop("squash", None)
    if squash not in (None, "tanh"):
        raise ArchiveError(f"{DESCRIPTION} beside the model: squash", expected="tanh", got=squash[:40])
    return Reading(squash=squash == "tanh", **said)
