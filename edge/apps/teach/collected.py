"""What becomes of the parts while `edge teach --live` collects them."""

from __future__ import annotations

from enum import StrEnum

from edge.domain.part import Mode


class While(StrEnum):
    REJECT = "reject"
    HOLD = "hold"  # passed, and the lot is on hold

    @property
    def mode(self) -> Mode:
        """Of the line."""
        return Mode.SETUP if self is While.REJECT else Mode.BYPASS
