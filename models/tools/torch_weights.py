"""Read the weights of a legacy PyTorch file (`torch.save` before 1.6) without torch.

Such a file is five pickles and then the raw numbers:

    magic number | protocol 1001 | system info | the state dict | storage keys | (int64 count, data) per key

Unpickling runs code chosen by the file, so nothing is unpickled: see `inert_pickle`.

Format: `torch/serialization.py`, `_legacy_save`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from models.tools.inert_pickle import Cursor, Storage, Tensor, read_pickle

MAX_FILE_BYTES: Final = 64 * 1024 * 1024

_MAGIC: Final = 0x1950A86A20F9469CFC6C
_PROTOCOL: Final = 1001
_COUNT: Final = struct.Struct("<q")


def read_weights(path: Path) -> dict[str, NDArray[np.generic]]:
    """The named tensors of a legacy `.pth`: float32 or int64, little-endian, read-only views (maybe transposed).

    Raises ModelError if the file is missing, too large, cut short, damaged, or holds anything but tensors.
    """
    data = read_bounded(path)
    try:
        return parse_legacy(data)
    except ModelError as error:
        raise ModelError(f"{path.name}: {error.message}", hint=error.hint) from error


def read_bounded(path: Path) -> bytes:
    """A file's bytes; ModelError if it cannot be read or is larger than MAX_FILE_BYTES."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise ModelError(f"{path.name} is larger than {MAX_FILE_BYTES} bytes", hint="is it the right file?")
    return data


def parse_legacy(data: bytes) -> dict[str, NDArray[np.generic]]:
    """`read_weights` for bytes in memory (their length bounds everything that is read)."""
    cursor = Cursor(data)
    if read_pickle(cursor) != _MAGIC:
        raise ModelError(
            "not a legacy PyTorch file", hint="files of torch.save since 1.6 are zip archives: not read here"
        )
    if read_pickle(cursor) != _PROTOCOL:
        raise ModelError(f"not protocol {_PROTOCOL} of PyTorch's legacy format")
    _check_system(read_pickle(cursor))
    state = _state_of(read_pickle(cursor))
    arrays = _read_storages(cursor, state)
    return {name: _view(name, tensor, arrays[tensor.storage.key]) for name, tensor in state.items()}


def _check_system(info: object) -> None:
    if not isinstance(info, dict) or info.get("little_endian") is not True:
        raise ModelError("the weights were not written on a little-endian machine")


def _state_of(value: object) -> dict[str, Tensor]:
    if not isinstance(value, dict) or not value:
        raise ModelError("the file holds no state dict")
    state: dict[str, Tensor] = {}
    for name, tensor in value.items():
        if not isinstance(tensor, Tensor):
            raise ModelError("the state dict holds something that is not a tensor")
        state[name] = tensor
    return state


def _read_storages(cursor: Cursor, state: Mapping[str, Tensor]) -> dict[str, NDArray[np.generic]]:
    """The flat array of each storage, in the file's order; the file must end with the last one."""
    promised: dict[str, Storage] = {}
    for tensor in state.values():
        storage = promised.setdefault(tensor.storage.key, tensor.storage)
        if storage != tensor.storage:
            raise ModelError("two tensors describe the same storage differently")
    keys = read_pickle(cursor)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ModelError("the list of storages is damaged")
    if len(keys) != len(promised) or set(keys) != set(promised):
        raise ModelError("the list of storages does not match the tensors")
    arrays = {key: _read_storage(cursor, promised[key]) for key in keys}
    if cursor.left:
        raise ModelError("the weights file has bytes after its last storage")
    return arrays


def _read_storage(cursor: Cursor, storage: Storage) -> NDArray[np.generic]:
    """The next storage's numbers, as a read-only copy of its own (so aligned)."""
    if _COUNT.unpack(cursor.take(_COUNT.size))[0] != storage.numbers:
        raise ModelError("a storage has not the size that its tensors expect: the file is damaged")
    flat = np.frombuffer(cursor.take(storage.numbers * storage.dtype.itemsize), storage.dtype).copy()
    flat.flags.writeable = False
    return flat


def _view(name: str, tensor: Tensor, flat: NDArray[np.generic]) -> NDArray[np.generic]:
    size = math.prod(tensor.shape)
    if tensor.offset + size > flat.size:
        raise ModelError(f"tensor {name[:80]!r} reaches beyond its storage")
    stored = flat[tensor.offset : tensor.offset + size].reshape([tensor.shape[axis] for axis in tensor.order])
    back = sorted(range(len(tensor.order)), key=tensor.order.__getitem__)
    return stored.transpose(back)
