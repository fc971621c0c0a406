"""A stream whose reader is gone."""

from __future__ import annotations

import io


class BrokenPipe(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError
