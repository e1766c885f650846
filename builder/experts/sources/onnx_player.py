"""Playing an ONNX model: onnxruntime on one thread, one observation at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.context import Context
from builder.episodes.spaces import Array, Leaf, leaves
from builder.errors import ArchiveError, NotFiniteError, SpaceError, UnsupportedExpertError, missing_extra
from builder.experts.actor import Actor

_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}


@dataclass(frozen=True)
class Reading:
    """How a model's outputs become actions.

    Attributes:
        output: which output; None: the only one.
        squash: tanh goes over it.
        rescale: [-1, 1] is stretched to the bounds of the action space then.
        mean_only: the second half of it is the spread of the first, and is left out.
        scale_images: the model sees images divided by 255.
    """

    output: str | None = None
    squash: bool = False
    rescale: bool = False
    mean_only: bool = False
    scale_images: bool = False


@dataclass(frozen=True)
class OnnxPlayer:
    """Plays a model.

    Attributes:
        model: the file.
        where: its name, for messages.
        reading: how its outputs become actions.
    """

    model: bytes
    where: str
    reading: Reading = Reading()

    alone = False
    masked = False

    def careful(self) -> OnnxPlayer:
        """Itself: it keeps nothing between its answers."""
        return self

    def actor(self, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> Actor:
        return OnnxActor(self, observation_space, action_space)


def opened(model: bytes, where: str) -> Any:
    """A session of onnxruntime.

    Raises:
        ArchiveError: it does not take the model.
        MissingExtraError: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise missing_extra("expert=onnx", "onnx") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ArchiveError(f"{where}: onnxruntime does not take it: {str(error)[:200]}") from error


class OnnxActor:
    """One worker's side of it.

    Args:
        player: its recipe.
        observation_space: what the environment gives.
        action_space: what the environment takes.

    Raises:
        ArchiveError: onnxruntime does not take the model.
        SpaceError: it takes other observations, or gives other actions.
    """

    def __init__(
        self, player: OnnxPlayer, observation_space: gym.Space[Any], action_space: gym.Space[Any]
    ) -> None:
        self._where = player.where
        self._session = opened(player.model, player.where)
        found = leaves(observation_space, "observation space")
        inputs = self._session.get_inputs()
        self._inputs = [_Input(one, *_leaf_of(one, found, len(inputs)), player.reading) for one in inputs]
        self._output = _output_name([one.name for one in self._session.get_outputs()], player)
        self._action = _Action(action_space, player.reading)
        self._answer([np.zeros((1, *leaf.shape), leaf.dtype) for leaf in found], 0)

    def begin(self, lane: int, context: Context) -> None:
        """A model keeps nothing of an attempt."""

    def memory(self, lane: int) -> None:
        return None

    def resume(self, lane: int, context: Context, memory: Any) -> None:
        """Likewise."""

    def act(
        self, observations: Sequence[Array], lanes: Sequence[int], masks: Array | None = None
    ) -> Sequence[Array]:
        return [np.stack([self._answer(observations, row) for row in range(len(lanes))])]

    def end(self) -> None:
        """Nothing is kept."""

    def _answer(self, observations: Sequence[Array], row: int) -> Array:
        fed = {one.name: one.value(observations[one.index][row]) for one in self._inputs}
        try:
            (output,) = self._session.run([self._output], fed)
        except Exception as error:
            raise SpaceError(
                f"{self._where} cannot act on the environment's observations", got=str(error)[:200]
            ) from error
        if not isinstance(output, np.ndarray) or output.dtype.kind not in "biuf":
            raise SpaceError(f"{self._where}: the output {self._output!r:.80}", expected="numbers")
        if not np.isfinite(output).all():
            raise NotFiniteError(f"{self._where} gave NaN or infinity")
        return self._action(output.reshape(-1))


def _leaf_of(given: Any, found: Sequence[Leaf], inputs: int) -> tuple[int, Leaf]:
    """Which leaf an input takes: the only one, or that of its name."""
    if len(found) == inputs == 1:
        return 0, found[0]
    for index, leaf in enumerate(found):
        if leaf.name == given.name:
            return index, leaf
    raise SpaceError(
        f"the model has an input {given.name!r:.80}",
        expected=f"one input, or one for each of {', '.join(leaf.name for leaf in found)[:200]}",
        got=f"{inputs} inputs",
    )


class _Input:
    """Puts an observation into the shape and type of an input."""

    def __init__(self, given: Any, index: int, leaf: Leaf, reading: Reading) -> None:
        self.name, self.index = given.name, index
        self._dtype = np.dtype(_TYPES.get(given.type, "V1"))
        shape = tuple(size if isinstance(size, int) else None for size in given.shape)
        self._scaled = reading.scale_images and leaf.dtype == np.uint8 and len(leaf.shape) == 3
        self._turned = _fit(shape, leaf.shape) is None and len(leaf.shape) == 3
        seen = (leaf.shape[2], *leaf.shape[:2]) if self._turned else leaf.shape
        fitted = _fit(shape, seen)
        if fitted is None or self._dtype.kind == "V":
            raise SpaceError(
                f"the model was trained on other observations: its input {given.name!r:.80}",
                expected=f"{given.type} {given.shape}"[:200],
                got=f"{leaf.dtype} {list(leaf.shape)}",
            )
        self._shape = fitted

    def value(self, observation: Array) -> Array:
        turned = observation.transpose(2, 0, 1) if self._turned else observation
        value = np.ascontiguousarray(turned, self._dtype).reshape(self._shape)
        return value / self._dtype.type(255) if self._scaled else value


def _fit(wanted: Sequence[int | None], given: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of one observation as the model takes it: with an axis of batches, or as it is."""
    for shape in ((1, *given), given, (1, int(np.prod(given)))):
        if len(shape) == len(wanted) and all(
            size in (None, own) for size, own in zip(wanted, shape, strict=True)
        ):
            return shape
    return None


def _output_name(names: Sequence[str], player: OnnxPlayer) -> str:
    wanted = player.reading.output
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted not in names:
        raise UnsupportedExpertError(
            f"{player.where} has {len(names)} outputs: {', '.join(names)[:200]}",
            got=wanted or "no word on which one decides",
            remedy='say it in expert.json beside the model: {"format": 1, "output": "..."}',
        )
    return str(wanted)


class _Action:
    """Makes an action of an output: numbers as they are, choices as themselves or by their scores."""

    def __init__(self, space: gym.Space[Any], reading: Reading) -> None:
        found = leaves(space, "action space")
        if len(found) != 1 or found[0].path:
            raise SpaceError(
                "a model plays one Box, Discrete, MultiDiscrete or MultiBinary", got=str(space)[:200]
            )
        self._leaf, self._reading, self._space = found[0], reading, space
        self._size = int(np.prod(self._leaf.shape))
        if reading.rescale and not (isinstance(space, gym.spaces.Box) and space.is_bounded()):
            raise SpaceError("expert.json: rescale needs actions with bounds", got=str(space)[:200])

    def __call__(self, output: Array) -> Array:
        values = self._values(output)
        if values is None:
            raise SpaceError(
                "the model's output is no action",
                expected=str(self._space)[:200],
                got=f"{output.size} numbers of {output.dtype}",
            )
        action = values.reshape(self._leaf.shape).astype(self._leaf.dtype)
        discrete = isinstance(self._space, gym.spaces.Discrete)
        if not self._space.contains(int(action) if discrete else action):
            raise SpaceError(
                "the model chose an action that the environment does not have", got=str(action)[:80]
            )
        return action

    def _values(self, output: Array) -> Array | None:
        space = self._space
        if isinstance(space, gym.spaces.Box):
            return self._numbers(output, space)
        if isinstance(space, gym.spaces.MultiBinary):
            return (output > 0) if output.size == self._size else None
        if isinstance(space, gym.spaces.MultiDiscrete):
            return _choices(output, space.nvec.reshape(-1), space.start.reshape(-1))
        if isinstance(space, gym.spaces.Discrete):
            return _choices(output, np.array([space.n]), np.array([space.start]))
        return None

    def _numbers(self, output: Array, box: gym.spaces.Box) -> Array | None:
        if output.size != self._size * (2 if self._reading.mean_only else 1):
            return None
        low, high = (bound.reshape(-1).astype(np.float64) for bound in (box.low, box.high))
        values: Array = output[: self._size].astype(np.float64)
        if self._reading.squash:
            values = np.tanh(values)
        if self._reading.rescale:
            values = low + (values + 1) / 2 * (high - low)
        return np.clip(values, low, high)


def _choices(output: Array, counts: Array, start: Array) -> Array | None:
    """Whole numbers are the choices themselves; others are the scores of each."""
    if output.dtype.kind in "biu":
        return output if output.size == len(counts) else None
    if output.size != counts.sum():
        return None
    parts = np.split(output, np.cumsum(counts)[:-1])
    return np.array([part.argmax() for part in parts]) + start
