"""The 5 x 7 dot matrix that a continuous inkjet date coder prints; only the characters that it needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# One row of five dots per hexadecimal pair, top to bottom.
_GLYPHS = {
    "0": "0e11131519110e", "1": "040c040404040e", "2": "0e11010204081f", "3": "1f02040201110e",
    "4": "02060a121f0202", "5": "1f101e0101110e", "6": "0608101e11110e", "7": "1f010204080808",
    "8": "0e11110e11110e", "9": "0e11110f01020c", "E": "1f10101e10101f", "X": "11110a040a1111",
    "P": "1e11111e101010", "L": "1010101010101f", ":": "000c0c000c0c00", ".": "00000000000c0c",
    " ": "00000000000000",
}  # fmt: skip


def dots(text: str) -> npt.NDArray[Any]:
    """Where the drops fall: (N, 2) of column and row in dots, six columns a character. KeyError if unknown."""
    out = []
    for index, char in enumerate(text):
        rows = bytes.fromhex(_GLYPHS[char])
        out += [(6 * index + col, row) for row, bits in enumerate(rows) for col in range(5) if bits >> (4 - col) & 1]
    return np.array(out, np.float32).reshape(-1, 2)
