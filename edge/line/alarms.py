"""The line's own alarms: what a person should know, for as long as it is true or was true a short while ago."""

from __future__ import annotations

from edge.bus.wire import Alarm
from edge.clock import SECOND

SHOWN_NS = 60 * SECOND  # how long something that merely happened stays an alarm


class Alarms:
    """By code, one each: bounded by the number of codes. `happened` ends by itself, `set` when it is told."""

    def __init__(self) -> None:
        self._alarms: dict[str, Alarm] = {}
        self._until_ns: dict[str, int] = {}

    def happened(self, code: str, now_ns: int, detail: str = "") -> None:
        before = self._alarms.get(code)
        since_ns = now_ns if before is None else before.since_ns
        self._alarms[code] = Alarm(code=code, since_ns=since_ns, detail=detail)
        self._until_ns[code] = now_ns + SHOWN_NS

    def set(self, code: str, on: bool, now_ns: int, detail: str = "") -> None:
        if on and code not in self._alarms:
            self._alarms[code] = Alarm(code=code, since_ns=now_ns, detail=detail)
        elif not on and code not in self._until_ns:
            self._alarms.pop(code, None)

    def clear(self, code: str) -> None:
        self._alarms.pop(code, None)
        self._until_ns.pop(code, None)

    def now(self, now_ns: int) -> tuple[Alarm, ...]:
        for code in [code for code, until_ns in self._until_ns.items() if until_ns <= now_ns]:
            self.clear(code)
        return tuple(self._alarms.values())
