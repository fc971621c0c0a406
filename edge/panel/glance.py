"""From what was heard to what a person sees at a glance. Pure."""

from __future__ import annotations

from edge.bus import topics, wire
from edge.clock import MS
from edge.panel import shapes
from edge.panel.snapshot import PANEL, SUPERVISOR, Heard, Snapshot

SILENT = "silent"
UNKNOWN = "unknown"
_BAD = (SILENT, UNKNOWN, "failed")


def heard_ms(snapshot: Snapshot, now_ns: int) -> int | None:
    return None if snapshot.line is None else max(0, now_ns - snapshot.line_at_ns) // MS


def line_now(state: wire.LineState | None, now_ns: int) -> shapes.LineNow | None:
    if state is None:
        return None
    return shapes.LineNow(
        epoch=state.epoch,
        mode=state.mode,
        permit=state.permit,
        permit_reasons=state.permit_reasons,
        active=state.active,
        preparing=None if state.preparing is None else f"{state.preparing[0]}@{state.preparing[1]}",
        lot=state.lot,
        purpose=state.purpose,
        latched=state.latched,
        bypass_until_ns=state.bypass_until_ns,
        bypass_left_ms=max(0, state.bypass_until_ns - now_ns) // MS if state.bypass_until_ns else 0,
        in_flight=state.in_flight,
        counts=state.counts,
        trial=state.trial,
        coming_lot=state.coming_lot,
    )


def services(snapshot: Snapshot, expected: tuple[str, ...], now_ns: int) -> tuple[shapes.Service, ...]:
    """The expected ones in their order, and the supervisor when there is one."""
    names = (*expected, *((SUPERVISOR,) if SUPERVISOR in snapshot.services else ()))
    restarts = _restarts(snapshot)
    return tuple(_service(name, snapshot.services.get(name), restarts.get(name), now_ns) for name in names)


def _service(name: str, heard: Heard | None, restarts: int | None, now_ns: int) -> shapes.Service:
    if heard is None:
        return shapes.Service(
            name=name, state=UNKNOWN, pid=None, age_ms=None, uptime_ms=None, restarts=restarts, counters={}
        )
    status = heard.status
    return shapes.Service(
        name=name,
        state=SILENT if is_silent(heard, now_ns) else status.state,
        pid=status.pid,
        age_ms=max(0, now_ns - heard.at_ns) // MS,
        uptime_ms=max(0, now_ns - status.started_ns) // MS,
        restarts=restarts,
        counters=status.counters,
    )


def is_silent(heard: Heard, now_ns: int) -> bool:
    return now_ns - heard.at_ns > topics.STATUS.silent_after_ms * MS


def _restarts(snapshot: Snapshot) -> dict[str, int]:
    """As the supervisor counts them; unknown under systemd, which has its own books."""
    heard = snapshot.services.get(SUPERVISOR)
    if heard is None:
        return {}
    mark = "restarts_"
    counters = heard.status.counters.items()
    return {name.removeprefix(mark): int(count) for name, count in counters if name.startswith(mark)}


def queues(snapshot: Snapshot) -> tuple[shapes.Queue, ...]:
    return tuple(
        shapes.Queue(
            service=name,
            name=queue.name,
            size=queue.size,
            depth=queue.depth,
            dropped=queue.dropped,
            lost=queue.lost,
            malformed=queue.malformed,
        )
        for name, heard in snapshot.services.items()
        for queue in heard.status.queues
    )


def alarms(snapshot: Snapshot, expected: tuple[str, ...], now_ns: int) -> tuple[shapes.Alarm, ...]:
    """What the services report, longest standing first, and those of them that are silent."""
    speaking = {name: heard for name, heard in snapshot.services.items() if not is_silent(heard, now_ns)}
    found = [
        shapes.Alarm(code=alarm.code, since_ms=max(0, now_ns - alarm.since_ns) // MS, detail=alarm.detail, service=name)
        for name, heard in speaking.items()
        for alarm in heard.status.alarms
    ]
    found += _silence(snapshot, expected, {alarm.detail.partition(":")[0] for alarm in found}, now_ns)
    return tuple(sorted(found, key=lambda alarm: -alarm.since_ms))


def _silence(snapshot: Snapshot, expected: tuple[str, ...], told: set[str], now_ns: int) -> list[shapes.Alarm]:
    """Of services that were heard before; `told`: those that the supervisor already reports as down."""
    return [
        shapes.Alarm(code="service_down", since_ms=(now_ns - heard.at_ns) // MS, detail=f"{name}:", service=PANEL)
        for name, heard in snapshot.services.items()
        if name in expected and name not in told and is_silent(heard, now_ns)
    ]


def unwell(found: tuple[shapes.Service, ...]) -> list[shapes.Service]:
    return [service for service in found if service.state in _BAD]
