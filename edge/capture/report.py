"""What a capture service says of itself twice a second: state, queues, counters, alarms."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import asdict

from edge.bus import wire
from edge.capture.camera import Camera
from edge.capture.crossing import BarrierPost
from edge.capture.feed import SlotFeed
from edge.capture.outbox import SeenOutbox
from edge.capture.watch import SourceWatch
from edge.clock import SECOND

_RATE_OVER_NS = 2 * SECOND
_ALARM_STAYS_NS = 10 * SECOND
_MOST_STAMPS = 4096


class FrameRate:
    """Frames published a second, over the last two seconds."""

    def __init__(self) -> None:
        self._at_ns: deque[int] = deque(maxlen=_MOST_STAMPS)

    def frame(self, now_ns: int) -> None:
        self._at_ns.append(now_ns)

    def fps(self, now_ns: int) -> float:
        while self._at_ns and now_ns - self._at_ns[0] > _RATE_OVER_NS:
            self._at_ns.popleft()
        return len(self._at_ns) * SECOND / _RATE_OVER_NS


class MissedFrames:
    """What the driver dropped, from the gaps in its own count."""

    def __init__(self) -> None:
        self._last: int | None = None
        self.lost = 0

    def frame(self, driver_seq: int | None) -> None:
        if driver_seq is None:
            return
        if self._last is not None and driver_seq > self._last + 1:
            self.lost += driver_seq - self._last - 1
        self._last = driver_seq  # a smaller one: the driver began anew

    def restart(self) -> None:
        self._last = None


class Reporter:
    """Puts the status together from the parts of the service; keeps since when frames are refused."""

    def __init__(
        self, service: str, camera: Camera, feed: SlotFeed, outbox: SeenOutbox, watch: SourceWatch,
        post: BarrierPost | None, started_ns: int,
    ) -> None:  # fmt: skip
        self._service = service
        self._camera, self._feed, self._outbox, self._watch, self._post = camera, feed, outbox, watch, post
        self._started_ns = started_ns
        self.rate = FrameRate()
        self.missed = MissedFrames()
        self._bad = 0
        self._bad_first_ns = 0
        self._bad_last_ns = 0
        self._refused_ns = 0  # since when the barrier's background is not taken

    def state(self, now_ns: int) -> str:
        """Of source and crossings together: a part whose `Seen` nobody takes is not announced, and a barrier that does
        not know the empty belt yet sees none; `line` drops the permit for both."""
        state = self._watch.state(now_ns)
        if state != "ready":
            return state
        if self._post is not None and not self._post.health.taught:
            return "starting"
        return "degraded" if self._unannounced(now_ns) else state

    def status(self, queues: tuple[wire.QueueState, ...], now_ns: int, state: str) -> wire.Status:
        own = (self._feed.queue_state(), self._outbox.queue_state())
        return wire.Status(
            service=self._service,
            pid=os.getpid(),
            started_ns=self._started_ns,
            at_ns=now_ns,
            state=state,
            queues=(*own, *queues),
            counters=self.counters(now_ns),
            alarms=self.alarms(now_ns),
        )

    def counters(self, now_ns: int) -> dict[str, float]:
        """bad_frames: all refused ones. unmatched: reused because no part wanted them, no loss. lost: missing in
        the driver's count, less those that came and were refused."""
        feed, counts, facts = self._feed, self._camera.counts, self._camera.facts
        found: dict[str, float] = {
            "captured": feed.captured,
            "fps": round(self.rate.fps(now_ns), 1),
            "bad_frames": self._bad_frames(),
            "lost": max(0, self.missed.lost - counts.refused),
            "wrong_size": counts.wrong_size,
            "unreadable": counts.unreadable,
            "overrun": counts.overrun,
            "slipped": counts.slipped,
            "out_of_order": feed.out_of_order,
            "future": feed.future,
            "foreign_leases": feed.foreign,
            "seen": self._post.seen if self._post else 0,
            "seen_unacknowledged": self._outbox.pending,
            "seen_repeated": self._outbox.repeated,
            "seen_lost": self._outbox.lost,
            "losses": self._watch.losses,
            "retries": self._watch.attempts,
            "proves_freshness": float(facts.proves_freshness),
        }
        return found | asdict(feed.counts) | self._barrier_counters()

    def alarms(self, now_ns: int) -> tuple[wire.Alarm, ...]:
        found = list(self._watch.alarms(now_ns))
        overdue_ns = self._outbox.overdue_since_ns(now_ns)
        if overdue_ns:
            found.append(wire.Alarm(code="seen_unacknowledged", since_ns=overdue_ns, detail=str(self._outbox.pending)))
        if self._recent(self._outbox.lost_at_ns, now_ns):
            lost = str(self._outbox.lost)
            found.append(wire.Alarm(code="seen_lost", since_ns=self._outbox.lost_at_ns, detail=lost))
        if self._post is not None and self._post.health.refused and not self._post.health.taught:
            detail = f"{self._post.health.refused} times in vain"
            found.append(wire.Alarm(code="belt_not_empty", since_ns=self._refused_since(now_ns), detail=detail))
        else:
            self._refused_ns = 0
        if self._refusing(now_ns):
            detail = self._camera.counts.refusal[:200] or "frames with stamps that cannot be believed"
            found.append(wire.Alarm(code="frames_refused", since_ns=self._bad_first_ns, detail=detail))
        return tuple(found)

    def _refused_since(self, now_ns: int) -> int:
        self._refused_ns = self._refused_ns or now_ns
        return self._refused_ns

    def _unannounced(self, now_ns: int) -> bool:
        return bool(self._outbox.overdue_since_ns(now_ns)) or self._recent(self._outbox.lost_at_ns, now_ns)

    def _refusing(self, now_ns: int) -> bool:
        """Were frames refused in the last ten seconds?"""
        bad = self._bad_frames()
        if bad > self._bad:
            if not self._recent(self._bad_last_ns, now_ns):
                self._bad_first_ns = now_ns
            self._bad, self._bad_last_ns = bad, now_ns
        return self._recent(self._bad_last_ns, now_ns)

    def _bad_frames(self) -> int:
        return self._camera.counts.refused + self._feed.out_of_order + self._feed.future

    def _barrier_counters(self) -> dict[str, float]:
        if self._post is None:
            return {}
        health = self._post.health
        return {
            "barrier_us": round(self._post.median_us, 1),
            "barrier_taught": float(health.taught),
            "barrier_refused": health.refused,
            "barrier_stale": health.stale_frames,
            "barrier_too_short": health.too_short,
            "barrier_too_long": health.too_long,
            "barrier_absorbed": health.absorbed,
            "barrier_in_view": health.in_view,
            "seen_without_frame": self._post.without_frame,
        }

    @staticmethod
    def _recent(at_ns: int, now_ns: int) -> bool:
        return at_ns > 0 and now_ns - at_ns <= _ALARM_STAYS_NS
