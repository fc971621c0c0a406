"""What announces a part: a sensor edge, a crossing in the image, a call. Each becomes one part, once. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from edge.bus.wire import Seen
from edge.clock import MS
from edge.domain.ledger import TriggerSource
from edge.line.ports import Input, InputEvent
from edge.settings import station

_REMEMBERED = 4096  # crossings known by (camera, epoch, n); capture has at most 256 of them under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A part is there. too_close: nearer to the one before than the smallest gap. seen: the crossing, if it was one."""

    at_ns: int
    error_ns: int
    source: TriggerSource
    too_close: bool
    seen: Seen | None = None


class Triggers:
    """Times are CLOCK_MONOTONIC ns. Edges of other inputs, and of a sensor that does not trigger here, are nothing."""

    def __init__(self, line: station.Line) -> None:
        self._kind = line.trigger
        self._gap_ns = round(line.min_gap_ms * MS)
        self._last_ns: int | None = None
        self._known: OrderedDict[tuple[str, int, int], bool] = OrderedDict()  # -> whether its trigger is durable

    def edge(self, event: InputEvent) -> Announced | None:
        if self._kind != "sensor" or event.input is not Input.SENSOR or not (event.edge and event.value):
            return None
        return self._announce(event.at_ns, event.error_ns, TriggerSource.SENSOR)

    def seen(self, seen: Seen) -> Announced | None:
        """None: known already, it was only repeated; or crossings do not trigger here."""
        key = _key(seen)
        if self._kind != "barrier" or key in self._known:
            return None
        self._known[key] = False
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return self._announce(seen.crossed_at_ns, seen.error_ns, TriggerSource.BARRIER, seen)

    def stored(self, seen: Seen) -> None:
        """Its trigger is durable."""
        if _key(seen) in self._known:
            self._known[_key(seen)] = True

    def forget(self, seen: Seen) -> None:
        """It could not be accepted: capture will repeat it."""
        self._known.pop(_key(seen), None)

    def settled(self, seen: Seen) -> bool:
        """Whether capture need not repeat it."""
        return self._kind != "barrier" or self._known.get(_key(seen), False)

    def call(self, now_ns: int) -> Announced | None:
        """None: calls do not trigger here."""
        if self._kind != "software":
            return None
        return self._announce(now_ns, 0, TriggerSource.SOFTWARE)

    def _announce(self, at_ns: int, error_ns: int, source: TriggerSource, seen: Seen | None = None) -> Announced:
        last_ns = self._last_ns
        self._last_ns = at_ns if last_ns is None else max(last_ns, at_ns)
        too_close = last_ns is not None and abs(at_ns - last_ns) < self._gap_ns
        return Announced(at_ns=at_ns, error_ns=error_ns, source=source, too_close=too_close, seen=seen)


def _key(seen: Seen) -> tuple[str, int, int]:
    return seen.camera, seen.epoch, seen.n
