"""The two threads beside the main one, made as the station file says."""

from __future__ import annotations

from edge.clock import MS, SECOND, Clock, boot_id
from edge.line.belt import make_belt
from edge.line.committer import Committer
from edge.line.gate import GatePlan, GateSettings
from edge.line.gate_thread import GateThread, Progress
from edge.line.ports import Port
from edge.settings.station import Line, Station
from edge.store.atomic import explain_os
from edge.store.ledger import LedgerWriter

_DAY_NS = 24 * 3600 * SECOND
_PART_BYTES = 800  # of the ledger for a part with one view, its events and indexes: 735 were measured


def committer(station: Station, progress: Progress, clock: Clock, wake_fd: int) -> Committer:
    """Its `start` opens the ledger."""
    line = station.line

    def open_ledger() -> LedgerWriter:
        try:
            station.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain_os(error, station.data_dir) from error
        return LedgerWriter.open(
            station.data_dir / "ledger.db",
            station=station.name,
            reserve_bytes=line.ledger_reserve_mb << 20,
            clock=clock,
        )

    return Committer(
        open_ledger=open_ledger,
        progress=progress,
        clock=clock,
        wake_fd=wake_fd,
        boot_id=boot_id(),
        keep_ns=line.keep_days * _DAY_NS,
        max_parts=line.ledger_budget_mb * 1_000_000 // _PART_BYTES,
    )


def gate(line: Line, port: Port, progress: Progress, clock: Clock, wake_fd: int) -> GateThread:
    settings = GateSettings.of(line)
    return GateThread(
        plan=GatePlan(settings, make_belt(line, clock.now_ns())),
        port=port,
        settings=settings,
        heartbeat_ns=round(line.heartbeat_ms * MS),
        progress=progress,
        clock=clock,
        wake_fd=wake_fd,
    )
