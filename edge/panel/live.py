"""The live feed: the newest judged part with its pictures, made at most 10 times a second, only while somebody watches.

One thread makes it and replaces it; viewers take what is there when they are ready for it. Nothing is queued:
`MAX_VIEWERS` connections, `MAX_PICTURES` small pictures, one newest part, one last NG.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from edge.bus import wire
from edge.clock import SECOND, Clock
from edge.domain.frame import FrameRef
from edge.domain.part import PartId
from edge.errors import Refused
from edge.panel import glance, shapes_live
from edge.panel.live_part import Kept, from_recorded
from edge.panel.shapes import Alarm
from edge.panel.snapshot import Snapshot
from edge.panel.tally import Counted, Tally
from edge.service import Stop

MAX_VIEWERS = 8
MAX_PICTURES = 32
PERIOD_S = 0.1
_LOOK_S = 0.02
_IDLE_S = 0.2
_TALLY_NS = SECOND
_RETRY_NS = SECOND
_CLOSE_S = 1.5


class SmallPicture(Protocol):
    """As `pictures.SmallPicture`."""

    @property
    def jpeg(self) -> bytes: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def frame_width(self) -> int: ...
    @property
    def frame_height(self) -> int: ...


class Pictures(Protocol):
    def small(self, frame: FrameRef) -> SmallPicture | None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """number: how many judged parts had been heard when this was made, -1 when nothing was made."""

    number: int = -1
    part: Kept | None = None
    last_ng: Kept | None = None


class Live:
    """snapshot: the watch's. make_pictures: called in the thread when somebody first watches (it loads OpenCV).

    find_ng: the last NG or UNSURE part that the databases know; find_images: what the recorder kept of a part.
    """

    def __init__(
        self,
        *,
        snapshot: Callable[[], Snapshot],
        make_pictures: Callable[[], Pictures],
        find_ng: Callable[[], Kept | None],
        find_images: Callable[[Kept], Kept],
        tally: Tally,
        expected: tuple[str, ...],
        clock: Clock,
    ) -> None:
        self._snapshot = snapshot
        self._make_pictures = make_pictures
        self._find_ng, self._find_images = find_ng, find_images
        self._tally, self._expected, self._clock = tally, expected, clock
        self._stop = Stop()
        self._lock = threading.Lock()
        self._viewers = 0
        self._jpegs: OrderedDict[tuple[PartId, str], bytes] = OrderedDict()
        self._shown = Shown()
        self._counted = Counted()
        self._tally_at_ns = self._retry_at_ns = 0
        self.made = self.refused = self.skipped = 0
        self._thread = threading.Thread(target=self._run, name="panel-live", daemon=True)

    @property
    def shown(self) -> Shown:
        return self._shown

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def counters(self) -> dict[str, float]:
        """skipped: parts that some viewer was not shown, because newer ones came."""
        return {
            "live_pictures": float(self.made),
            "live_skipped": float(self.skipped),
        }

    def queue_state(self) -> wire.QueueState:
        return wire.QueueState(name="viewers", size=MAX_VIEWERS, depth=self._viewers, dropped=self.refused)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.request()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_S)

    @contextlib.contextmanager
    def viewer(self) -> Iterator[None]:
        """One who watches. Refused when too many do."""
        with self._lock:
            if self._viewers >= MAX_VIEWERS:
                self.refused += 1
                raise Refused(f"{MAX_VIEWERS} pages watch already", hint="close one of them")
            self._viewers += 1
        try:
            yield
        finally:
            with self._lock:
                self._viewers -= 1

    def picture(self, part: PartId, view: str) -> bytes | None:
        """The JPEG, while it is kept."""
        with self._lock:
            return self._jpegs.get((part, view))

    def message(self, n: int, shown: Shown, since: int | None) -> shapes_live.LiveMessage:
        """The n-th message to one viewer; since: the number it was last shown, None for a new one. No blocking."""
        now_ns = self._clock.now_ns()
        fresh = shown.part if shown.number != since else None
        skipped = max(0, shown.number - since - 1) if since is not None and fresh is not None else 0
        self.skipped += skipped
        return shapes_live.LiveMessage(
            n=n,
            state=self._state(now_ns),
            part=None if fresh is None else fresh.at(now_ns),
            last_ng=None if shown.last_ng is None else shown.last_ng.at(now_ns),
            skipped=skipped,
        )

    def _state(self, now_ns: int) -> shapes_live.LiveState:
        snapshot = self._snapshot()
        alarms: tuple[Alarm, ...] = glance.alarms(snapshot, self._expected, now_ns)
        return shapes_live.LiveState(
            line=glance.line_now(snapshot.line, now_ns),
            heard_ms=glance.heard_ms(snapshot, now_ns),
            alive=snapshot.alive(now_ns),
            lot=self._counted.lot,
            today=self._counted.today,
            services={each.name: each.state for each in glance.services(snapshot, self._expected, now_ns)},
            alarms=alarms,
        )

    def _run(self) -> None:
        while not self._stop.requested:
            if self._viewers == 0:
                self._stop.wait(_IDLE_S)
                continue
            pictures = self._make_pictures()
            try:
                while self._viewers and not self._stop.requested:
                    self._stop.wait(PERIOD_S if self._turn(pictures) else _LOOK_S)
            finally:
                pictures.close()
                self._shown = Shown(last_ng=self._shown.last_ng)  # nobody shall see an old part as the newest

    def _turn(self, pictures: Pictures) -> bool:
        """True when something new was made."""
        snapshot, now_ns = self._snapshot(), self._clock.now_ns()
        if now_ns >= self._tally_at_ns:
            self._tally_at_ns = now_ns + _TALLY_NS
            self._counted = self._tally.of(snapshot.line.lot if snapshot.line is not None else "")
        shown = self._shown
        part, last_ng = shown.part, shown.last_ng
        if snapshot.newest is not None and snapshot.parts != shown.number:
            part = self._made(from_recorded(snapshot.newest), pictures)
        if snapshot.newest_ng is not None and (last_ng is None or last_ng.part != snapshot.newest_ng.part):
            known = part is not None and part.part == snapshot.newest_ng.part
            last_ng = part if known else self._made(from_recorded(snapshot.newest_ng), pictures)
        last_ng = self._completed(last_ng, now_ns)
        fresh = Shown(number=snapshot.parts, part=part, last_ng=last_ng)
        if fresh == shown:
            return False
        self._shown = fresh
        return True

    def _made(self, part: Kept, pictures: Pictures) -> Kept:
        for view, frame in part.frames.items():
            small = pictures.small(frame)
            if small is not None:
                self.made += 1
                self._keep((part.part, view), small.jpeg)
                part = part.with_small(view, small.width, small.height, small.frame_width, small.frame_height)
        return part

    def _keep(self, key: tuple[PartId, str], jpeg: bytes) -> None:
        """The oldest goes; those of the last NG live longest."""
        with self._lock:
            self._jpegs[key] = jpeg
            held = None if self._shown.last_ng is None else self._shown.last_ng.part
            while len(self._jpegs) > MAX_PICTURES:
                loose = next((old for old in self._jpegs if old[0] != held), next(iter(self._jpegs)))
                del self._jpegs[loose]

    def _completed(self, last_ng: Kept | None, now_ns: int) -> Kept | None:
        """What the databases know of the last NG that we have not seen ourselves; asked once a second."""
        if (last_ng is not None and last_ng.complete) or now_ns < self._retry_at_ns:
            return last_ng
        self._retry_at_ns = now_ns + _RETRY_NS
        found = self._find_ng() if last_ng is None else last_ng
        return None if found is None else self._find_images(found)
