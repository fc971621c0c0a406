"""The part of the pickle language that a PyTorch state dict uses, interpreted without running anything.

A pickle is a program for a small stack machine, and the usual machine imports and calls whatever the program names.
This one knows 30 opcodes, compares names with four known ones and never looks them up, and can "call" only two
things: make an empty dict, and describe a tensor. Everything else is a `ModelError`.

Opcodes: `pickletools` of the standard library. What torch writes: `torch/serialization.py`, `_legacy_save`.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np

from edge.errors import ModelError

MAX_OPCODES: Final = 100_000  # in one pickle; the longest we read has 14,000
MAX_DIMENSIONS: Final = 8
MAX_COUNT: Final = 2**31  # of any length, offset or size; what is read is bounded by the bytes that are there
_MAX_NAME_BYTES: Final = 256


class _Known(enum.Enum):
    """The only names a file may mention."""

    ORDERED_DICT = "collections OrderedDict"
    TENSOR = "torch._utils _rebuild_tensor_v2"
    FLOAT = "torch FloatStorage"
    LONG = "torch LongStorage"


_DTYPES: Final[Mapping[_Known, np.dtype[np.generic]]] = {
    _Known.FLOAT: np.dtype("<f4"),
    _Known.LONG: np.dtype("<i8"),
}


class Storage(NamedTuple):
    """A flat run of `numbers` values of `dtype`, which the file holds under `key`."""

    key: str
    dtype: np.dtype[np.generic]
    numbers: int


class Tensor(NamedTuple):
    """A view of a storage, not yet filled. Read through `parse_legacy`."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    order: tuple[int, ...]  # axes, slowest in storage first


class _Mark:
    """The pickle machine's stack mark."""


class Cursor:
    """Walks the bytes front to back and never past their end."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._position = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._position

    def take(self, count: int) -> memoryview:
        if count > self.left:
            raise ModelError("the weights file is cut short")
        self._position += count
        return self._data[self._position - count : self._position]

    def line(self) -> str:
        """ASCII up to a newline, which is not part of the result."""
        ahead = bytes(self._data[self._position : self._position + _MAX_NAME_BYTES])
        length = ahead.find(b"\n")
        if length < 0 or not ahead[:length].isascii():
            raise ModelError("the weights file is damaged")
        self._position += length + 1
        return ahead[:length].decode("ascii")


def _no_argument(cursor: Cursor) -> object:
    return None


def _number(layout: str) -> Callable[[Cursor], object]:
    packed = struct.Struct(layout)
    return lambda cursor: packed.unpack(cursor.take(packed.size))[0]


def _long(cursor: Cursor) -> object:
    return int.from_bytes(cursor.take(cursor.take(1)[0]), "little", signed=True)


def _text(cursor: Cursor) -> object:
    raw = cursor.take(int.from_bytes(cursor.take(4), "little"))
    try:
        return str(raw, "utf-8")
    except UnicodeDecodeError as error:
        raise ModelError("the weights file has a name that is not UTF-8") from error


def _two_lines(cursor: Cursor) -> object:
    return f"{cursor.line()} {cursor.line()}"


_OPCODES: Final[Mapping[bytes, tuple[str, Callable[[Cursor], object]]]] = {
    b"\x80": ("PROTO", _number("<B")),
    b".": ("STOP", _no_argument),
    b"(": ("MARK", _no_argument),
    b"}": ("EMPTY_DICT", _no_argument),
    b"]": ("EMPTY_LIST", _no_argument),
    b")": ("EMPTY_TUPLE", _no_argument),
    b"t": ("TUPLE", _no_argument),
    b"\x85": ("TUPLE1", _no_argument),
    b"\x86": ("TUPLE2", _no_argument),
    b"\x87": ("TUPLE3", _no_argument),
    b"a": ("APPEND", _no_argument),
    b"e": ("APPENDS", _no_argument),
    b"s": ("SETITEM", _no_argument),
    b"u": ("SETITEMS", _no_argument),
    b"N": ("NONE", _no_argument),
    b"\x88": ("NEWTRUE", _no_argument),
    b"\x89": ("NEWFALSE", _no_argument),
    b"K": ("BININT1", _number("<B")),
    b"M": ("BININT2", _number("<H")),
    b"J": ("BININT", _number("<i")),
    b"\x8a": ("LONG1", _long),
    b"X": ("BINUNICODE", _text),
    b"q": ("BINPUT", _number("<B")),
    b"r": ("LONG_BINPUT", _number("<I")),
    b"h": ("BINGET", _number("<B")),
    b"j": ("LONG_BINGET", _number("<I")),
    b"c": ("GLOBAL", _two_lines),
    b"Q": ("BINPERSID", _no_argument),
    b"R": ("REDUCE", _no_argument),
    b"b": ("BUILD", _no_argument),
}


def read_pickle(cursor: Cursor, max_opcodes: int = MAX_OPCODES) -> object:
    """The value of the pickle at the cursor, which is left behind its end.

    The value is a str, int, bool, None, tuple, list, dict with str keys, `Storage` or `Tensor`.
    """
    machine = _Machine()
    for _ in range(max_opcodes):
        code = bytes(cursor.take(1))
        if code not in _OPCODES:
            raise ModelError(
                f"the weights file uses the pickle opcode 0x{code.hex()}", hint="it holds more than tensors: not read"
            )
        name, argument_of = _OPCODES[code]
        if name == "STOP":
            return machine.result()
        machine.step(name, argument_of(cursor))
    raise ModelError(f"the weights need more than {max_opcodes} steps to read")


class _Machine:
    """The part of the pickle machine that a state dict of tensors uses. Values are str, int, bool, None, tuple,
    list, dict with str keys, `_Known`, `Storage`, `Tensor`."""

    _PUSHES: Final = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"})
    _CONSTANTS: Final[Mapping[str, object]] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}

    def __init__(self) -> None:
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}  # a dict: a huge index costs nothing, unlike pickle's array
        self._handlers: Mapping[str, Callable[[], None]] = {
            "PROTO": lambda: None,
            "MARK": lambda: self._stack.append(_Mark()),
            "EMPTY_DICT": lambda: self._stack.append({}),
            "EMPTY_LIST": lambda: self._stack.append([]),
            "EMPTY_TUPLE": lambda: self._stack.append(()),
            "TUPLE": lambda: self._stack.append(tuple(self._pop_to_mark())),
            "TUPLE1": lambda: self._stack.append(self._pop_many(1)),
            "TUPLE2": lambda: self._stack.append(self._pop_many(2)),
            "TUPLE3": lambda: self._stack.append(self._pop_many(3)),
            "APPEND": lambda: self._append(self._pop_many(1)),
            "APPENDS": lambda: self._append(tuple(self._pop_to_mark())),
            "SETITEM": lambda: self._set_items(self._pop_many(2)),
            "SETITEMS": lambda: self._set_items(tuple(self._pop_to_mark())),
            "BINPERSID": self._persistent,
            "REDUCE": self._reduce,
            "BUILD": self._build,
        }

    def step(self, name: str, argument: object) -> None:
        if name in self._PUSHES:
            self._stack.append(argument)
        elif name in self._CONSTANTS:
            self._stack.append(self._CONSTANTS[name])
        elif name == "GLOBAL":
            self._global(argument)
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[_as_int(argument)] = self._top()
        elif name in ("BINGET", "LONG_BINGET"):
            self._recall(_as_int(argument))
        else:
            self._handlers[name]()

    def result(self) -> object:
        if len(self._stack) != 1 or isinstance(self._stack[0], _Mark):
            raise ModelError("the weights file is damaged")
        return self._stack[0]

    def _top(self) -> object:
        if not self._stack or isinstance(self._stack[-1], _Mark):
            raise ModelError("the weights file is damaged")
        return self._stack[-1]

    def _pop_many(self, count: int) -> tuple[object, ...]:
        values = tuple(self._stack[-count:])
        if len(values) != count or any(isinstance(value, _Mark) for value in values):
            raise ModelError("the weights file is damaged")
        del self._stack[-count:]
        return values

    def _pop_to_mark(self) -> list[object]:
        values: list[object] = []
        while self._stack:
            value = self._stack.pop()
            if isinstance(value, _Mark):
                values.reverse()
                return values
            values.append(value)
        raise ModelError("the weights file is damaged")

    def _recall(self, index: int) -> None:
        if index not in self._memo:
            raise ModelError("the weights file is damaged")
        self._stack.append(self._memo[index])

    def _global(self, name: object) -> None:
        try:
            self._stack.append(_Known(name))
        except ValueError:
            shown = str(name)[:80]
            raise ModelError(
                f"the weights file refers to {shown!r}, which is not allowed",
                hint="a weights file that names code may be an attack: do not load it with anything else either",
            ) from None

    def _append(self, values: tuple[object, ...]) -> None:
        target = self._top()
        if not isinstance(target, list):
            raise ModelError("the weights file is damaged")
        target.extend(values)

    def _set_items(self, values: tuple[object, ...]) -> None:
        target = self._top()
        if not isinstance(target, dict) or len(values) % 2:
            raise ModelError("the weights file is damaged")
        for key, value in zip(values[::2], values[1::2], strict=True):
            # Only str: hashing a deeply nested tuple would overflow the C stack.
            if not isinstance(key, str):
                raise ModelError("the weights file has a name that is not text")
            target[key] = value

    def _persistent(self) -> None:
        """("storage", type, key, device, count, view): a storage, whose numbers follow later in the file."""
        (described,) = self._pop_many(1)
        if not isinstance(described, tuple) or len(described) != 6:
            raise ModelError("the weights file describes a storage that is not understood")
        tag, kind, key, _device, count, view = described
        if tag != "storage" or not isinstance(kind, _Known) or kind not in _DTYPES or view is not None:
            raise ModelError("the weights file describes a storage that is not understood")
        if not isinstance(key, str):
            raise ModelError("the weights file describes a storage that is not understood")
        self._stack.append(Storage(key, _DTYPES[kind], _as_size(count)))

    def _reduce(self) -> None:
        target, arguments = self._pop_many(2)
        if not isinstance(arguments, tuple):
            raise ModelError("the weights file is damaged")
        if target is _Known.ORDERED_DICT and not arguments:
            self._stack.append({})
        elif target is _Known.TENSOR and len(arguments) == 6:
            self._stack.append(_tensor(arguments))
        else:
            raise ModelError("the weights file makes a call that is not allowed")

    def _build(self) -> None:
        """State of an OrderedDict: torch keeps layer versions there, which nobody needs."""
        self._pop_many(1)
        if not isinstance(self._top(), dict):
            raise ModelError("the weights file sets the state of something that is not a dict")


def _tensor(arguments: tuple[object, ...]) -> Tensor:
    storage, offset, shape, strides, _requires_grad, _hooks = arguments
    if not isinstance(storage, Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise ModelError("the weights file describes a tensor that is not understood")
    if len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS:
        raise ModelError("the weights file describes a tensor that is not understood")
    lengths = tuple(_as_size(length) for length in shape)
    steps = tuple(_as_size(stride) for stride in strides)
    order = _stored_order(lengths, steps)
    return Tensor(storage, _as_size(offset), lengths, order)


def _stored_order(lengths: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
    """The axes from the slowest to the fastest in storage. Weights that came from TensorFlow are transposed views.

    Only a gapless permutation is accepted: free strides could show a few stored numbers as terabytes.
    """
    order = tuple(sorted(range(len(lengths)), key=lambda axis: (strides[axis], lengths[axis]), reverse=True))
    expected = 1
    for axis in reversed(order):
        if lengths[axis] != 1 and strides[axis] != expected:
            raise ModelError("the weights file holds a tensor whose numbers are not stored without gaps")
        expected *= lengths[axis]
    return order


def _as_int(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ModelError("the weights file has something else where a number belongs")
    return value


def _as_size(value: object) -> int:
    number = _as_int(value)
    if not 0 <= number <= MAX_COUNT:
        raise ModelError("the weights file states an impossible size")
    return number
