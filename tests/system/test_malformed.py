"""Anything at all on the bus of a running line: it is counted and dropped, and every part still gets its record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.bus import topics, wire
from edge.domain.part import PartId
from edge.domain.result import RecipeRef, Result
from edge.domain.verdict import Verdict
from tests.system.trial import Trial, running

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]

PUSHED = {"reports": topics.REPORTS, "leases-top": topics.LEASES}
NOISE = st.binary(max_size=300)
HEADED = st.tuples(st.sampled_from([wire.VERSION, 0, 255]), NOISE).map(
    lambda pair: bytes([pair[0]]) + b"\0" * 12 + pair[1]
)


@contextmanager
def raw(run_dir: Path) -> Iterator[dict[str, zmq.Socket[bytes]]]:
    """Sockets that send whatever they are given."""
    context = zmq.Context()
    sockets = {}
    try:
        for name in PUSHED:
            sockets[name] = context.socket(zmq.PUSH)
            sockets[name].connect(f"ipc://{run_dir / name}.sock")
        sockets["commands"] = context.socket(zmq.DEALER)
        sockets["commands"].connect(f"ipc://{run_dir / 'commands'}.sock")
        yield sockets
    finally:
        for socket in sockets.values():
            socket.close(linger=0)
        context.term()


def malformed(trial: Trial, service: str, queue: str) -> int:
    status = trial.statuses.get(service)
    return 0 if status is None else next((q.malformed for q in status.queues if q.name == queue), 0)


def forged(trial: Trial, count: int) -> bytes:
    """A well-formed OK for a part that the sender knows nothing about: no frame, no such recipe."""
    name, epoch = trial.plant.station.name, trial.state.epoch if trial.state else 1
    result = Result(
        part=PartId(station=name, epoch=epoch, n=len(trial.recorded) + 2), view="top", verdict=Verdict.OK,
        recipe=RecipeRef(name="biscuit", version=99, digest="0" * 16),
    )  # fmt: skip
    return wire.encode(wire.Judged(result=result), writer=7, count=count)


def test_noise_on_every_socket_is_counted_and_changes_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as trial, raw(trial.plant.station.run_dir) as sockets:
        trial.parts(3)
        sent = dict.fromkeys(sockets, 0)

        @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.sampled_from(sorted(sockets)), st.lists(NOISE | HEADED, min_size=1, max_size=3))
        def shout(name: str, frames: list[bytes]) -> None:
            sockets[name].send_multipart(frames)
            sent[name] += 1
            trial.turn()

        shout()
        sockets["reports"].send(b"\0" * (wire.MAX_MESSAGE_BYTES + 1))  # over the limit: the sender is cut off
        for count in range(20):
            sockets["reports"].send(forged(trial, count + 1))
            trial.turn()
        trial.parts(8)
        trial.run_for(1.0)
        summary = trial.finish()
    assert min(sent.values()) > 10
    assert malformed(trial, "line", "reports") == sent["reports"]
    assert malformed(trial, "line", "commands") == sent["commands"]
    assert malformed(trial, "capture-top", "leases-top") == sent["leases-top"]
    assert summary.findings == ()
    assert summary.passed
    assert (summary.unaccounted, summary.restarts, summary.verdicts["NOT_INSPECTED"]) == (0, 0, 0)
