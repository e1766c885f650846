"""Pickles as inert records.

A pickle is a program; Python runs it. This module decodes its op-codes into records that say what
the program would have done, and does none of it: no import, no call, no attribute, no hash of a decoded
value. An allow-list of names would not do: the names that honest archives need are enough to run code.

Source of the op-codes' meaning: the standard library's `pickletools`.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from builder.errors import ArchiveError, UnsafeArchiveError

MAX_OPERATIONS = 300_000
"""Op-codes in one pickle; published agents have at most a few thousand."""
MAX_MEMO = 1 << 31


@dataclass(frozen=True, slots=True)
class Global:
    """A name that the pickle would have imported."""

    module: str
    name: str

    @property
    def path(self) -> str:
        """The dotted path, for comparison and messages."""
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class Entries:
    """A dict, as its pairs in order: keys are not hashed, so none can be made to collide."""

    pairs: list[tuple[Any, Any]] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Call:
    """A call that the pickle would have made, with what it would have done to the result.

    Attributes:
        function: a `Global`, or another `Call` where the pickle calls the result of a call.
        arguments: the positional arguments.
        bare: it only allocates the object (`cls.__new__`), whose constructor never runs.
        state: what it would have given to `__setstate__`.
        items: what it would have appended to the result.
        entries: what it would have set on the result, as pairs.
    """

    function: Any
    arguments: tuple[Any, ...]
    bare: bool = False
    state: Any = None
    items: list[Any] = field(default_factory=list)
    entries: Entries = field(default_factory=Entries)

    @property
    def path(self) -> str:
        """The dotted path of the function, or "" where it is not a plain name."""
        return self.function.path if isinstance(self.function, Global) else ""


@dataclass(frozen=True, eq=False, slots=True)
class PersistentId:
    """A reference to something outside the pickle; torch names its storages so."""

    value: Any


@dataclass(frozen=True, eq=False)
class InertPickle:
    """A decoded pickle.

    Attributes:
        value: what the pickle describes, in records.
        end: the offset behind its last byte.
        names: every name it would have imported.
        calls: every call it would have made.
        operations: its number of op-codes.
    """

    value: Any
    end: int
    names: tuple[Global, ...]
    calls: tuple[Call, ...]
    operations: int


def decode(content: bytes, where: str, *, max_operations: int = MAX_OPERATIONS) -> InertPickle:
    """Decode the first pickle in `content`.

    Args:
        content: the bytes; what follows the pickle's end is left alone.
        where: the file and field, for messages.
        max_operations: the bound on its op-codes.

    Raises:
        ArchiveError: the pickle is damaged or too long.
        UnsafeArchiveError: it uses an op-code that no plain agent needs.
    """
    machine = _Machine(where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in old text op-codes
            for count, (opcode, argument, position) in enumerate(pickletools.genops(content)):
                if count >= max_operations:
                    raise ArchiveError(f"{where}: the pickle has more than {max_operations} op-codes")
                if opcode.name == "STOP":
                    return machine.result((position or 0) + 1, count + 1)
                machine.step(opcode.name, argument)
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise ArchiveError(f"{where}: the pickle is damaged ({type(error).__name__})") from error
    raise ArchiveError(f"{where}: the pickle has no end")


class _Machine:
    """The pickle machine's stack and memo, on which operations leave records."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.names: list[Global] = []
        self.calls: list[Call] = []

    def step(self, name: str, argument: Any) -> None:
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _OPERATIONS:
            _OPERATIONS[name](self, argument)
        elif name not in _IGNORED:
            raise UnsafeArchiveError(
                f"{self.where}: the pickle uses the op-code {name}, which no plain agent needs",
                remedy="nothing of it was run",
            )

    def result(self, end: int, operations: int) -> InertPickle:
        value = self.stack.pop()
        if self.stack or self.outer:
            raise ArchiveError(f"{self.where}: the pickle ends in the middle of a value")
        return InertPickle(value, end, tuple(self.names), tuple(self.calls), operations)

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def mark(self, _: Any) -> None:
        self.outer.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        values, self.stack = self.stack, self.outer.pop()
        return values

    def pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.since_mark()

    def put(self, index: Any) -> None:
        slot = len(self.memo) if index is None else int(index)
        if not 0 <= slot < MAX_MEMO:
            raise ValueError("memo index")
        self.memo[slot] = self.stack[-1]

    def get(self, index: Any) -> None:
        self.stack.append(self.memo[int(index)])

    def push_tuple(self, size: int) -> None:
        if len(self.stack) < size:
            raise IndexError("stack")
        values = tuple(self.stack[-size:])
        del self.stack[-size:]
        self.stack.append(values)

    def set_entries(self, values: list[Any]) -> None:
        if len(values) % 2:
            raise ValueError("a key without a value")
        target = self.stack[-1]
        if isinstance(target, Call):
            target = target.entries
        if not isinstance(target, Entries):
            raise TypeError(f"entries on {type(target).__name__}")
        target.pairs.extend(zip(values[::2], values[1::2], strict=True))

    def extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Call):
            target = target.items
        if not isinstance(target, list):
            raise TypeError(f"items on {type(target).__name__}")
        target.extend(values)

    def name(self, module: Any, name: Any) -> None:
        if not (isinstance(module, str) and isinstance(name, str)) or len(module) + len(name) > 300:
            raise TypeError("a name that is not text")
        found = Global(module, name)
        self.names.append(found)
        self.stack.append(found)

    def stack_name(self, _: Any) -> None:
        name = self.stack.pop()
        self.name(self.stack.pop(), name)

    def text_name(self, argument: Any) -> None:
        module, _, name = argument.partition(" ")
        self.name(module, name)

    def call(self, bare: Any) -> None:
        arguments = self.stack.pop()
        function = self.stack.pop()
        if not isinstance(arguments, tuple):
            raise TypeError("arguments")
        if not isinstance(function, (Global, Call)):
            raise UnsafeArchiveError(f"{self.where}: the pickle calls a {type(function).__name__}")
        self.push_call(Call(function, arguments, bare=bool(bare)))

    def push_call(self, call: Call) -> None:
        self.calls.append(call)
        self.stack.append(call)

    def build(self, _: Any) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if not isinstance(target, Call):
            raise UnsafeArchiveError(
                f"{self.where}: the pickle would change a {type(target).__name__} that it did not make",
                remedy="nothing of it was run",
            )
        target.state = state

    def persistent(self, _: Any) -> None:
        self.stack.append(PersistentId(self.stack.pop()))


_LITERALS = frozenset(
    [
        "BININT",
        "BININT1",
        "BININT2",
        "INT",
        "LONG",
        "LONG1",
        "LONG4",
        "BINFLOAT",
        "FLOAT",
        "SHORT_BINUNICODE",
        "BINUNICODE",
        "BINUNICODE8",
        "UNICODE",
        "SHORT_BINBYTES",
        "BINBYTES",
        "BINBYTES8",
        "BYTEARRAY8",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
    ]
)
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_IGNORED = frozenset({"PROTO", "FRAME"})
_OPERATIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": lambda machine, _: (machine.since_mark(), None)[1],
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "EMPTY_DICT": lambda machine, _: machine.stack.append(Entries()),
    "EMPTY_SET": lambda machine, _: machine.push_call(Call(Global("builtins", "set"), ())),
    "FROZENSET": lambda machine, _: machine.push_call(
        Call(Global("builtins", "frozenset"), (machine.since_mark(),))
    ),
    "TUPLE1": lambda machine, _: machine.push_tuple(1),
    "TUPLE2": lambda machine, _: machine.push_tuple(2),
    "TUPLE3": lambda machine, _: machine.push_tuple(3),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "LIST": lambda machine, _: machine.push(machine.since_mark()),
    "DICT": lambda machine, _: _push_dict(machine),
    "APPEND": lambda machine, _: machine.extend([machine.stack.pop()]),
    **dict.fromkeys(("APPENDS", "ADDITEMS"), lambda machine, _: machine.extend(machine.since_mark())),
    "SETITEM": lambda machine, _: machine.set_entries(_two(machine)),
    "SETITEMS": lambda machine, _: machine.set_entries(machine.since_mark()),
    "GLOBAL": _Machine.text_name,
    "STACK_GLOBAL": _Machine.stack_name,
    "REDUCE": _Machine.call,
    "NEWOBJ": lambda machine, _: machine.call(True),
    "BUILD": _Machine.build,
    "PERSID": lambda machine, value: machine.stack.append(PersistentId(value)),
    "BINPERSID": _Machine.persistent,
}


def _push_dict(machine: _Machine) -> None:
    values = machine.since_mark()
    machine.stack.append(Entries())
    machine.set_entries(values)


def _two(machine: _Machine) -> list[Any]:
    value = machine.stack.pop()
    return [machine.stack.pop(), value]
