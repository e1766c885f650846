"""Does a pickled field of an archive hold anything that would run code when Stable-Baselines3 loads it?

Nothing is ever run here; this tells an archive that was tampered with from an honest one, and warns
whoever would load it elsewhere. Honest archives hold instances of a few classes, references to library
classes, and functions (schedules) as cloudpickle writes them. Building a function runs nothing, so that is
allowed; calling one, handing one to a callable, or changing what the pickle did not build, is not.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from builder.errors import ArchiveError, UnsafeArchiveError, UnsupportedExpertError
from builder.experts.archive.inert_pickle import Call, Entries, Global, InertPickle
from builder.experts.archive.weights import stream_pickles

_SB3 = r"stable_baselines3\.common"
_REFERENCES = re.compile(
    r"(stable_baselines3|sb3_contrib|rl_zoo3|gym|gymnasium)(\.[a-z_][a-z0-9_]*)*:_?[A-Z]\w*"
    rf"|{_SB3}\.utils:(constant_fn|get_schedule_fn|get_linear_fn)"
    r"|numpy:(ndarray|dtype|bool_?|u?int(8|16|32|64|)|float(16|32|64))"
    r"|numpy\.random(\.\w+)*:[A-Z]\w+"
    r"|torch(\.optim(\.\w+)?|\.nn\.modules\.\w+):[A-Z]\w*|torch:(Tensor|dtype|float32|float64|\w+Storage)"
    r"|builtins:(float|int|bool|str|bytes|list|tuple|dict|object|type|min|max|abs|super|property|staticmethod)"
    r"|abc:(ABC|ABCMeta)|collections\.abc:[A-Z]\w*|enum:(Enum|EnumMeta|EnumType)|typing:[A-Z]\w*|math:\w+"
)
"""What may be named: classes, which do nothing by being imported, and a few plain functions."""

_INSTANCES = re.compile(
    r"gym(nasium)?\.spaces\.\w+:(Box|Discrete|MultiDiscrete|MultiBinary|Dict|Tuple)"
    r"|gym(nasium)?\.utils\.seeding:(RandomNumberGenerator(\._generator_ctor)?|RNG)"
    rf"|{_SB3}\.type_aliases:(TrainFreq|TrainFrequencyUnit|RolloutReturn)"
    r"|sb3_contrib\.common\.recurrent\.type_aliases:RNNStates"
    rf"|{_SB3}\.noise:(NormalActionNoise|OrnsteinUhlenbeckActionNoise|VectorizedActionNoise)"
    rf"|{_SB3}\.utils:(Float|Constant|Linear)Schedule|rl_zoo3\.utils:SimpleLinearSchedule"
    rf"|{_SB3}\.running_mean_std:RunningMeanStd|{_SB3}\.vec_env\.vec_normalize:VecNormalize"
    r"|stable_baselines3\.her\.goal_selection_strategy:GoalSelectionStrategy"
    r"|numpy\.(core|_core)\.(multiarray:(_reconstruct|scalar)|numeric:_frombuffer)|numpy:dtype|_codecs:encode"
    r"|numpy\.random\._pickle:__(randomstate|generator|bit_generator)_ctor"
    r"|numpy\.random(\.\w+)*:__pyx_unpickle_\w+"
    r"|builtins:(set|frozenset|bytearray|slice|range|complex)|collections:(OrderedDict|deque)"
    r"|torch:(device|Size)|torch\._utils:_rebuild_(tensor_v2|parameter)|torch\.storage:_load_from_bytes"
)
"""What may be called: constructors that only keep what they are given."""

_MAKERS = re.compile(
    r"cloudpickle\.cloudpickle(_fast)?:(_make_cell|_make_empty_cell|_cell_set|_get_cell_contents"
    r"|_empty_cell_value|_builtin_type|_make_function|_make_skel_func|_function_setstate|_fill_function"
    r"|_make_skeleton_class|_make_skeleton_enum|_class_setstate|subimport)|functools:partial|builtins:getattr"
)
"""How functions and classes are built; each has a rule of its own below."""

_ANNOTATIONS = re.compile(
    r"_operator:(getitem|or_)|_?functools:reduce|types:GenericAlias|builtins:type"
    r"|collections\.abc:_CallableGenericAlias"
)
"""What builds a type hint of a function: `Union[float, str]`, `float | str`, `list[float]`, `type(None)`."""

_OWN_CLASS = re.compile(r"\w+(\.\w+)*:[A-Z]\w*")
"""A class of a module, as it is spelt; functions, and attributes of classes, are not."""

_MAX_HINT = 200
_JOINS = frozenset({"types.GenericAlias", "collections.abc._CallableGenericAlias", "_operator.or_"})
_TYPE_OF_NONE = ("builtins.type", (None,))
_BUILT_TYPES = frozenset({"CodeType", "LambdaType", "FunctionType", "CellType"})
_METACLASSES = frozenset({"builtins.type", "abc.ABCMeta", "enum.EnumMeta", "enum.EnumType"})
_MODULES = re.compile(r"(numpy|math|random|torch|stable_baselines3|sb3_contrib|gym|gymnasium|typing)(\.\w+)*")
_REACHES_OUT = re.compile(
    r"__(import|builtins|globals|subclasses|dict|code|loader|spec|getattribute|mro|bases?|reduce(_ex)?)__|_?os|_?sys|posix|nt|subprocess|shutil|socket|pathlib|io|ctypes|importlib|builtins|pickle|cloudpickle|marshal"
    r"|urllib|requests|http|runpy|code|pty|signal|threading|multiprocessing"
    r"|system|popen|Popen|exec|eval|compile|open|getattr|setattr|globals|locals|vars|input|breakpoint"
)
"""Names with which a function reaches beyond arithmetic. SB3 calls a schedule as soon as it has loaded it."""


def audit(pickle: InertPickle, where: str) -> None:
    """Refuse a decoded pickle that would run code.

    Raises:
        ArchiveError: it is damaged.
        UnsafeArchiveError: it names, calls or changes what plain agents do not.
        UnsupportedExpertError: no more is wrong than that it names a class of somebody's own.
    """
    foreign = [name for name in pickle.names if not _is_known(name)]
    strange = [name for name in foreign if not _is_named_class(name, pickle)]
    if strange:
        raise _refusal(where, f"would import {strange[0].path[:80]!r}")
    auditor = _Auditor(where)
    for call in pickle.calls:
        auditor.check(call)
    if foreign:
        raise UnsupportedExpertError(
            f"{where}: the agent needs the class {foreign[0].path[:80]}, which it names and does not carry",
            remedy="if you have that class and trust whoever made the archive, expert.trust_remote_code=true"
            " lets Stable-Baselines3 import it and run whatever the archive holds",
        )


def _is_known(name: Global) -> bool:
    text = _text(name)
    return any(pattern.fullmatch(text) for pattern in (_REFERENCES, _INSTANCES, _MAKERS, _ANNOTATIONS))


def _is_named_class(name: Global, pickle: InertPickle) -> bool:
    """Whether a name is, as it is spelt, a class of somebody's own, and no call has to do with it."""
    own = name.module.partition(".")[0] not in {*sys.stdlib_module_names, "numpy", "torch"}
    if not own or not _OWN_CLASS.fullmatch(_text(name)):
        return False
    return all(name != call.function and not _holds(call, name) for call in pickle.calls)


def _holds(call: Call, name: Global) -> bool:
    """Whether a name is anywhere within what a call is given, in whatever container."""
    waiting: list[Any] = [call.arguments, call.state, call.items, call.entries]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if value == name:
            return True
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, (tuple, list)):
            waiting.extend(value)
        elif isinstance(value, Entries):
            waiting.extend(part for pair in value.pairs for part in pair)
    return False


def _text(name: Global) -> str:
    return f"{name.module}:{name.name}"


class _Auditor:
    """Checks the calls of one pickle; containers that it shares among them are looked into once."""

    def __init__(self, where: str) -> None:
        self.where = where
        self._clean: set[tuple[str, int]] = set()

    def check(self, call: Call) -> None:
        if isinstance(call.function, Call):
            self._check_built_type(call, call.function)
            return
        text = _text(call.function)
        if _MAKERS.fullmatch(text):
            self._check_maker(call, text.rpartition(":")[2])
        elif _INSTANCES.fullmatch(text):
            self._check_instance(call, text)
        elif _ANNOTATIONS.fullmatch(text):
            if not _is_annotation(call):
                raise _refusal(self.where, f"would call {call.path[:80]!r}")
        else:
            raise _refusal(self.where, f"would call {call.path[:80]!r}")

    def _is_new(self, rule: str, part: Any) -> bool:
        new = (rule, id(part)) not in self._clean
        self._clean.add((rule, id(part)))
        return new

    def _check_built_type(self, call: Call, maker: Call) -> None:
        """`_builtin_type("CodeType")(...)`: a code object or a function, not run yet."""
        names = maker.arguments
        named = maker.path.endswith("._builtin_type") and len(names) == 1 and isinstance(names[0], str)
        if named and names[0] == "GenericAlias" and _is_annotation(call):
            return
        if not named or names[0] not in _BUILT_TYPES:
            raise _refusal(self.where, "would call the result of a call")
        for part in call.arguments:
            for name in part if isinstance(part, tuple) and self._is_new("names", part) else ():
                if isinstance(name, str) and _REACHES_OUT.fullmatch(name):
                    raise _refusal(self.where, f"would run a function that uses {name!r}")

    def _check_maker(self, call: Call, name: str) -> None:
        first = call.arguments[0] if call.arguments else None
        changed = call.state is not None or call.items or call.entries.pairs
        if name in {"_function_setstate", "_fill_function", "_class_setstate", "_cell_set"}:
            if not isinstance(first, Call):
                raise _refusal(self.where, "would change a function or class of a library")
        elif name == "subimport":
            if changed or not (isinstance(first, str) and _MODULES.fullmatch(first)):
                raise _refusal(self.where, "would import or change a module")
        elif name == "getattr":
            if changed or not _is_public_attribute(call.arguments):
                raise _refusal(self.where, "would reach into a library")
        elif name.startswith("_make_skeleton") and not _is_plain_class(call, enum=name.endswith("enum")):
            raise _refusal(self.where, "would run code while it makes a class")

    def _check_instance(self, call: Call, text: str) -> None:
        if call.arguments:
            self._check_arguments(call.arguments)
        for value in call.arguments if text.startswith("numpy.random.") else ():
            if isinstance(value, Global) and not value.module.startswith("numpy.random."):
                raise _refusal(self.where, f"would call {value.path[:80]!r}")
        for part in call.state if isinstance(call.state, tuple) else (call.state,):
            if isinstance(part, Entries) and self._is_new("attributes", part):
                self._check_attributes(part)
        if text == "torch.storage:_load_from_bytes":
            # A tensor inside a pickle holds a torch file of its own, which torch reads as pickles again.
            content = call.arguments[0] if call.arguments else None
            if not isinstance(content, (bytes, bytearray)):
                raise ArchiveError(f"{self.where}: a pickled tensor is damaged")
            stream_pickles(bytes(content), self.where)

    def _check_attributes(self, state: Entries) -> None:
        for name, _ in state.pairs:
            if isinstance(name, str) and name.startswith("__") and name.endswith("__"):
                raise _refusal(self.where, f"would set {name[:40]!r} of an object")

    def _check_arguments(self, arguments: tuple[Any, ...]) -> None:
        """No function or class that the pickle built reaches a callable, in whatever container."""
        waiting: list[Any] = [arguments]
        while waiting:
            value = waiting.pop()
            if isinstance(value, (tuple, list)) and self._is_new("arguments", value):
                waiting.extend(value)
            elif isinstance(value, Entries) and self._is_new("arguments", value):
                waiting.extend(part for pair in value.pairs for part in pair)
            elif isinstance(value, Call) and _is_built(value):
                raise _refusal(self.where, "would call a function that it carries")


def _is_public_attribute(arguments: tuple[Any, ...]) -> bool:
    """An attribute of a class: so Python 3.11.0 to 3.11.3 pickled the members of enumerations."""
    if len(arguments) != 2 or not isinstance(arguments[0], Global) or not isinstance(arguments[1], str):
        return False
    return re.fullmatch(r"[A-Za-z]\w*", arguments[1]) is not None


def _is_annotation(call: Call) -> bool:
    """A type hint as pickle writes it: types, and what joins them to other types; within bounds."""
    waiting: list[Any] = [call]
    for _ in range(_MAX_HINT):
        if not waiting:
            return True
        part = waiting.pop()
        inner = _joined(part) if isinstance(part, Call) else part
        if isinstance(inner, (list, tuple)) and len(inner) + len(waiting) <= _MAX_HINT:
            waiting.extend(inner)
        elif not (inner is None or isinstance(inner, str) or (isinstance(inner, Global) and _is_type(inner))):
            return False
    return False


def _joined(call: Call) -> Any:
    """The types that a call joins to a type; else the call itself."""
    arguments = call.arguments
    if call.state is not None or call.items or call.entries.pairs or call.bare or not arguments:
        return call
    first = arguments[0].path if isinstance(arguments[0], Global) else ""
    path = call.path
    if isinstance(call.function, Call) and call.function.arguments == ("GenericAlias",):
        path = "types.GenericAlias"  # by cloudpickle's `_builtin_type`, which is audited as a call of its own
    if path in _JOINS or (path, arguments) == _TYPE_OF_NONE:
        return arguments
    if path == "_operator.getitem" and first.startswith("typing."):
        return arguments[1:]
    reduced = path in {"functools.reduce", "_functools.reduce"} and first == "_operator.or_"
    return arguments[1:] if reduced else call


def _is_type(name: Global) -> bool:
    text = _text(name)
    return bool(_REFERENCES.fullmatch(text) or _INSTANCES.fullmatch(text)) and "_" not in name.name


def _is_enum_member(arguments: tuple[Any, ...]) -> bool:
    """Members are written in capitals; only those of known classes are handed to a call."""
    return bool(_INSTANCES.fullmatch(_text(arguments[0])) and re.fullmatch(r"[A-Z][A-Z0-9_]*", arguments[1]))


def _is_plain_class(call: Call, *, enum: bool) -> bool:
    """Metaclass and bases decide what runs when a class is made; its methods do not."""
    bases = call.arguments[0 if enum else 2 : 1 if enum else 3]
    metaclass = None if enum else call.arguments[0]
    plain = metaclass is None or (isinstance(metaclass, Global) and metaclass.path in _METACLASSES)
    library = bool(bases) and isinstance(bases[0], tuple)
    return plain and library and all(isinstance(base, Global) for base in bases[0])


def _is_built(call: Call) -> bool:
    """Whether a call makes a function or a class."""
    if isinstance(call.function, Call):
        return True
    if call.path == "builtins.getattr":
        return not (_is_public_attribute(call.arguments) and _is_enum_member(call.arguments))
    return _MAKERS.fullmatch(_text(call.function)) is not None


def _refusal(where: str, what: str) -> UnsafeArchiveError:
    return UnsafeArchiveError(
        f"{where}: loading it with Stable-Baselines3 {what}, which no plain agent does",
        remedy="nothing of it was run; do not load this archive with other tools either",
    )
