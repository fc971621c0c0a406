"""From a camera's shots to frames in the ring: which slot is filled, what is published, what others still need."""

from __future__ import annotations

from dataclasses import dataclass

from edge import log
from edge.bus import wire
from edge.bus.ring import Pixels, RingWriter
from edge.bus.slots import SlotCounts, SlotPool, SlotState
from edge.capture.camera import Shot
from edge.clock import MS, SECOND, Clock
from edge.domain.frame import FrameRef
from edge.errors import SourceError
from edge.settings.station import Camera as CameraSettings

_log = log.get(__name__)
_LEASES = {"matched": SlotState.MATCHED, "judged": SlotState.JUDGED, "done": SlotState.DONE}
_UNCLAIMED = (SlotState.EMPTY, SlotState.DONE)
_FUTURE_NS = 5 * MS
_MARGIN_MS = 1000
_RECORDER_PATIENCE_NS = SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a frame is kept for a part that may claim it, and for the verdict of one that did."""

    fresh_for_ns: int
    matched_for_ns: int


def patience(settings: CameraSettings, max_travel_ms: float) -> Patience:
    """Half the ring is for frames whose trigger is on its way (a quarter of a second is long enough for any);
    after the longest travel no verdict can change the gate any more."""
    fresh_for_ns = round(settings.fresh_for_ms * MS)
    return Patience(
        fresh_for_ns=fresh_for_ns, matched_for_ns=max(fresh_for_ns, round((max_travel_ms + _MARGIN_MS) * MS))
    )


class SlotFeed:
    """One frame at a time: `into` takes a slot, then `publish` or `give_up`. Not for several threads.

    out_of_order, future: frames refused because their stamp did not grow, or lies ahead of the clock: a camera whose
    stamps cannot be believed must not decide what is fresh. foreign: leases that fit no frame of this ring.
    """

    def __init__(self, writer: RingWriter, pool: SlotPool, keep: Patience, clock: Clock) -> None:
        self._writer = writer
        self._pool = pool
        self._keep = keep
        self._clock = clock
        self._slot: int | None = None
        self._place: Pixels | None = None  # of `_slot`, then of what was published last
        self._since_ns = [0] * writer.spec.slots
        self._last_ns = -1
        self._given_back_ns = clock.now_ns()
        self.captured = 0
        self.out_of_order = 0
        self.future = 0
        self.foreign = 0

    @property
    def epoch(self) -> int:
        return self._writer.spec.epoch

    @property
    def counts(self) -> SlotCounts:
        return self._pool.counts

    def into(self) -> Pixels:
        """The place for the next frame, (height, width, channels); the same one until published or given up."""
        if self._slot is None or self._place is None:
            taken = self._pool.take(self._clock.now_ns())
            self._place = self._writer.begin(taken.slot)
            self._slot = taken.slot
        return self._place

    def give_up(self) -> None:
        """What `into` gave holds no frame. Fine when it gave nothing."""
        if self._slot is not None:
            self._writer.abort(self._slot)
            self._pool.abandoned(self._slot)
            self._slot = None

    def publish(self, shot: Shot) -> FrameRef | None:
        """The place is filled: what to announce, or None when its stamp cannot be believed (counted, given up)."""
        now_ns = self._clock.now_ns()
        slot = self._slot
        if slot is None:
            raise SourceError("the camera gave a frame without a place for it", hint="this is a defect in its driver")
        if not self._believable(shot, now_ns):
            self.give_up()
            return None
        self.captured += 1
        self._last_ns = shot.exposed_at_ns
        generation = self._writer.commit(slot, seq=self.captured, exposed_at_ns=shot.exposed_at_ns)
        self._pool.published(slot, self.captured, generation, at_ns=now_ns)
        self._since_ns[slot] = now_ns
        self._slot = None
        return FrameRef(
            camera=self._writer.spec.camera,
            epoch=self.epoch,
            slot=slot,
            generation=generation,
            seq=self.captured,
            exposed_at_ns=shot.exposed_at_ns,
            error_ns=shot.error_ns,
        )

    def last_pixels(self) -> Pixels:
        """To look at what was just published, until the next `into`."""
        if self._place is None or self._slot is not None:
            raise SourceError("no frame was published just now", hint="this is a defect in capture")
        return self._place

    def lease(self, lease: wire.Lease) -> None:
        """Somebody's word on a frame. Only of this ring, this epoch and this generation; else counted as foreign."""
        state = _LEASES.get(lease.state)
        here = self._pool.holding(lease.seq)
        if state is None or lease.epoch != self.epoch or here != (lease.slot, lease.generation):
            self.foreign += 1
            return
        if self._pool.lease(lease.seq, state) and state is SlotState.DONE:
            self._given_back_ns = self._clock.now_ns()

    def claim(self, frame: FrameRef) -> None:
        """A part crossed in this frame: it is kept like one that inference has matched."""
        if self._pool.holding(frame.seq) == (frame.slot, frame.generation):
            self._pool.lease(frame.seq, SlotState.MATCHED)

    def unclaimed(self, seq: int) -> None:
        """No part can claim frame `seq` any more."""
        here = self._pool.holding(seq)
        if here is not None and self._pool.state(here[0]) is SlotState.FRESH:
            self._pool.lease(seq, SlotState.DONE)

    def spare(self, now_ns: int) -> bool:
        """Would the next frame cost nobody anything? For cameras that can wait.

        Pictures that wait for the recorder are worth waiting for while it gives some back, else not: its death must
        not stop inspection.
        """
        waits = now_ns - self._given_back_ns <= _RECORDER_PATIENCE_NS
        for slot, since_ns in enumerate(self._since_ns):
            state, age_ns = self._pool.state(slot), now_ns - since_ns
            fresh_long = state is SlotState.FRESH and age_ns > self._keep.fresh_for_ns
            lapsed = state is SlotState.MATCHED and age_ns > self._keep.matched_for_ns
            if state in _UNCLAIMED or fresh_long or ((state is SlotState.JUDGED or lapsed) and not waits):
                return True
        return False

    def queue_state(self) -> wire.QueueState:
        """depth: frames whose part still waits for its verdict. dropped: what reuse has cost, pictures too."""
        counts = self._pool.counts
        return wire.QueueState(
            name="ring",
            size=self._writer.spec.slots,
            depth=self._pool.census()[SlotState.MATCHED],
            dropped=counts.overwritten + counts.shed_evidence + counts.shed_unjudged,
        )

    def _believable(self, shot: Shot, now_ns: int) -> bool:
        if shot.exposed_at_ns > now_ns + shot.error_ns + _FUTURE_NS:
            self.future += 1
            _log.warning("a frame from %.1f ms ahead is refused", (shot.exposed_at_ns - now_ns) / MS)
            return False
        if shot.exposed_at_ns <= self._last_ns:
            self.out_of_order += 1
            _log.warning("a frame %.1f ms before the last is refused", (self._last_ns - shot.exposed_at_ns) / MS)
            return False
        return True
