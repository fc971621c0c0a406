"""A number in the pixels, so that a stale or swapped frame can be proved from the picture alone.

The last `STRIP_PX` rows hold 48 black or white cells: 4 to find the levels, 32 bits of the number, its CRC-8,
4 levels again. Cells are wide and the strip is one JPEG block high, so the code survives compression.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import UsageError

Image = npt.NDArray[Any]

STRIP_PX = 8
_LEVELS = (1, 0, 1, 0)
_BITS = 32
_CELLS = 2 * len(_LEVELS) + _BITS + 8
_BLACK, _WHITE = 24, 206
# Below this the white and black cells are too close to trust (a dark, bright or blurred frame).
_MIN_CONTRAST = 40.0


def _crc8(value: int) -> int:
    """CRC-8, polynomial 0x07, over the four bytes, big endian (SMBus PEC; start value 0xA5 so 0 is not all 0)."""
    crc = 0xA5
    for byte in value.to_bytes(4, "big"):
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def _cell_px(frame: Image) -> int:
    return int(frame.shape[1]) // _CELLS


def write_number(frame: Image, n: int) -> None:
    """Write `n` (0 .. 2^32-1) into the last rows of `frame` (H, W, 3) uint8, in place.

    Raises UsageError when `n` does not fit or the frame is too narrow to hold readable cells.
    """
    cell = _cell_px(frame)
    if not 0 <= n < 1 << _BITS or cell < 4:
        raise UsageError(f"number {n} cannot be written into a frame {frame.shape[1]} px wide")
    word = (n << 8) | _crc8(n)
    bits = [*_LEVELS, *((word >> shift) & 1 for shift in range(_BITS + 7, -1, -1)), *_LEVELS]
    row = np.repeat(np.where(np.array(bits) == 1, _WHITE, _BLACK).astype(np.uint8), cell)
    frame[-STRIP_PX:, : row.size] = row[None, :, None]


def read_number(frame: Image) -> int | None:
    """The number written in `frame` (H, W, 3) uint8, or None when it cannot be read without doubt."""
    cell = _cell_px(frame)
    if cell < 4 or frame.shape[0] < STRIP_PX:
        return None
    strip = frame[-STRIP_PX + 2 : -2, : cell * _CELLS].mean(axis=(0, 2)).reshape(_CELLS, cell)
    values = strip[:, cell // 4 : cell - cell // 4].mean(axis=1)
    levels = np.concatenate([values[: len(_LEVELS)], values[-len(_LEVELS) :]])
    is_white = np.array(_LEVELS * 2) == 1
    white, black = float(levels[is_white].min()), float(levels[~is_white].max())
    if white - black < _MIN_CONTRAST:
        return None
    word = 0
    for bit in values[len(_LEVELS) : -len(_LEVELS)] > (white + black) / 2:
        word = (word << 1) | int(bit)
    n = word >> 8
    return n if _crc8(n) == word & 0xFF else None
