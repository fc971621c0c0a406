"""The whole service in a thread: a message wakes it, it reports, it ends when told."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from edge.bus import topics, wire
from edge.bus.sockets import Bus, Receiver
from edge.domain.part import Purpose
from edge.domain.verdict import Verdict
from edge.recorder.service import main
from edge.service import Notifier, Stop
from tests.unit.recorder.bench import Bench
from tests.unit.store import ledger_values


def test_it_stores_releases_reports_and_stops(tmp_path: Path) -> None:
    it = Bench(tmp_path)
    it.recorder.close()
    stop = Stop()
    with Bus(it.station.run_dir) as bus:
        leases = bus.puller(topics.LEASES, "top")
        line = bus.publisher(topics.LINE)
        status = bus.subscriber(topics.STATUS, "recorder")
        thread = threading.Thread(target=main, args=(it.station, stop, Notifier(None)))
        thread.start()
        try:
            assert status.receive(5000) is not None
            row = it.judge(Verdict.NG, it.expose(2))
            line.send(_recorded(row))
            lease = leases.receive(5000)
            assert isinstance(lease, wire.Lease)
            assert (lease.slot, lease.state) == (2, "done")
            report = _status_with_one_image(status)
        finally:
            stop.request()
            began = time.monotonic()
            thread.join(5)
        assert time.monotonic() - began < 2
        assert not thread.is_alive()
    assert report.state == "ready"
    assert report.counters["encode_ms_p99"] > 0
    assert it.reader().total_images() == 1
    it.close()


def _recorded(row: int) -> wire.Recorded:
    return wire.Recorded(
        row=row,
        part=ledger_values.part_id(1, 1),
        verdict=Verdict.NG,
        reasons=(),
        results=(),
        trigger_ns=1,
        purpose=Purpose.PRODUCTION,
        lot="",
        acted=False,
    )


def _status_with_one_image(status: Receiver) -> wire.Status:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        message = status.receive(1000)
        if isinstance(message, wire.Status) and message.counters["stored"] == 1:
            return message
    raise AssertionError("the recorder never reported the image")
