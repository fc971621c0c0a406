"""A whole station in one small process, for tests of the demo itself.

`python -m tests.system.stand_in_line STATION LIE`. It knows each part from its frame's exposure in the truth instead
of judging it, records it in a real ledger and drives the gate. LIE: 0, or the n-th announced part of an epoch goes
the other way at the gate than the ledger says.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from edge.apps.demo.scene.spec import draw_spec
from edge.apps.demo.truth import Edge, TruthReader
from edge.apps.demo.virtual_line import TRUTH_NAME
from edge.bus import topics, wire
from edge.bus.iopage import Output, OutputPage
from edge.bus.sockets import Bus
from edge.clock import MS, SECOND, SystemClock, boot_id
from edge.domain.frame import FrameRef
from edge.domain.ledger import Alive, GateRecord, OutageRecord, PartRecord, TriggerRecord, TriggerSource
from edge.domain.part import Mode, PartId, Purpose
from edge.domain.result import RecipeRef, Result, Timings
from edge.domain.verdict import GateOutcome, Reason, ReasonCode, Verdict
from edge.line.simulated import PAGE_NAME
from edge.service import Notifier, Stop
from edge.settings import station as stations
from edge.store.ledger import LedgerWriter

SEED = 4
RECIPE = RecipeRef(name="biscuit", version=1, digest="0" * 16)
TRAVEL_NS, HOLD_NS, BEAT_NS, GAP_NS = 800 * MS, 40 * MS, 20 * MS, 50 * MS


class StandIn:
    def __init__(self, station: stations.Station, lie: int) -> None:
        self.clock = SystemClock()
        self.station, self.lie = station, lie
        self.bus = Bus(station.run_dir)
        self.inputs = self.bus.subscriber(topics.SIM_INPUTS)
        self.commands = self.bus.server(topics.COMMANDS)
        self.status = self.bus.publisher(topics.STATUS, "capture-top")
        self.page = OutputPage.attach(station.run_dir / PAGE_NAME)
        self.ledger = LedgerWriter.open(
            station.data_dir / "ledger.db", station=station.name, reserve_bytes=1 << 20, clock=self.clock
        )
        started = self.ledger.begin_epoch(boot_id=boot_id(), now_ns=self.clock.now_ns(), wall="2026-01-01T00:00:00Z")
        self.epoch, self.down_since_ns = started.epoch, started.outage_from_ns
        self.line = self.bus.publisher(topics.LINE)
        self.truth = TruthReader(station.data_dir / TRUTH_NAME)
        self.numbers: dict[int, int] = {}
        again = started.outage_from_ns is not None
        self.active: RecipeRef | None = RECIPE if again else None
        self.mode, self.lot, self.n = Mode.STOPPED, "", 0
        self.beat, self.beat_ns, self.status_ns, self.heard_ns = False, 0, 0, 0
        self.page.write(Output.GATE, False, self.clock.now_ns())  # what a killed one left standing
        self.permit = again
        self.page.write(Output.PERMIT, again, self.clock.now_ns())
        self.awake_ns = 0
        self.pulses: list[tuple[int, bool]] = []
        self.past: list[tuple[int, GateRecord]] = []

    def turn(self) -> None:
        now_ns = self.clock.now_ns()
        if self.awake_ns and now_ns - self.awake_ns > GAP_NS:
            self.reject_all(self.awake_ns)
        self.awake_ns = now_ns
        for message in self.inputs.drain():
            self.hear(message)
        asked = self.commands.receive(1)
        if asked:
            self.commands.reply(asked[0], self.obey(asked[1]))
        for at_ns, level in [pulse for pulse in self.pulses if pulse[0] <= now_ns]:
            self.page.write(Output.GATE, level, self.clock.now_ns())
            self.pulses.remove((at_ns, level))
        done = [record for at_ns, record in self.past if at_ns <= now_ns]
        self.past = [entry for entry in self.past if entry[0] > now_ns]
        if done or now_ns - self.status_ns > SECOND // 2:
            self.ledger.commit([*done, *([Alive(at_ns=self.heard_ns)] if self.heard_ns else [])])
        if now_ns - self.beat_ns > BEAT_NS:
            self.beat, self.beat_ns = not self.beat, now_ns
            self.page.write(Output.HEARTBEAT, self.beat, now_ns)
        if now_ns - self.status_ns > SECOND // 2:
            self.status_ns = now_ns
            self.report(now_ns)

    def reject_all(self, since_ns: int) -> None:
        """Nobody steered since then: what was still to come is rejected; of what was under the gate nothing is said."""
        self.pulses = []
        self.page.write(Output.GATE, False, self.clock.now_ns())
        kept = []
        for at_ns, record in self.past:
            if record.at_ns - HOLD_NS > since_ns:
                kept.append((at_ns, replace(record, outcome=GateOutcome.REJECTED)))
            elif record.at_ns + HOLD_NS < since_ns or record.outcome is GateOutcome.REJECTED:
                kept.append((at_ns, record))
        self.past = kept

    def hear(self, message: wire.Message) -> None:
        assert isinstance(message, wire.InputEdge | wire.InputLevels)
        if not self.heard_ns and isinstance(message, wire.InputEdge):
            return  # accepted from the first report on: what came before it is in the outage
        if not self.heard_ns and self.down_since_ns is not None:
            span = (self.down_since_ns, message.at_ns)
            self.ledger.commit([OutageRecord(epoch=self.epoch, from_ns=span[0], to_ns=span[1], why="again", wall="")])
        self.heard_ns = message.at_ns
        if isinstance(message, wire.InputEdge) and message.input == "sensor" and message.value:
            self.trigger(message.at_ns)

    def number_of(self, at_ns: int) -> int:
        for event in self.truth.read():
            if isinstance(event, Edge):
                self.numbers[event.at_ns] = event.n
        return self.numbers[at_ns]

    def obey(self, request: wire.Message) -> wire.Message:
        match request:
            case wire.SetLot():
                self.lot = request.lot
            case wire.ActivateRecipe():
                self.active = RECIPE
            case wire.SetMode():
                self.mode, self.permit = request.mode, True
                self.page.write(Output.PERMIT, True, self.clock.now_ns())
            case wire.AskState():
                return self.state()
        return wire.Reply(ok=True)

    def state(self) -> wire.LineState:
        return wire.LineState(
            epoch=self.epoch, mode=self.mode, permit=self.permit, permit_reasons=(), active=self.active,
            preparing=None, lot=self.lot, purpose=Purpose.PRODUCTION, latched=False, bypass_until_ns=0,
            in_flight=0, counts={},
        )  # fmt: skip

    def trigger(self, at_ns: int) -> None:
        self.n += 1
        part = PartId(station=self.station.name, epoch=self.epoch, n=self.n)
        good = draw_spec("biscuit", self.number_of(at_ns), SEED, 0.12).defect is None
        verdict = Verdict.OK if good else Verdict.NG
        assert self.active is not None
        frame = FrameRef(
            camera="top", epoch=1, slot=0, generation=2, seq=self.n, exposed_at_ns=at_ns + 3 * MS, error_ns=MS
        )
        timings = Timings(waited_us=9000, prepare_us=3000, model_us=9000, total_us=21_000)
        result = Result(
            part=part, view="top", recipe=self.active, verdict=verdict, frame=frame, timings=timings,
            reasons=() if good else (Reason(code=ReasonCode.ANOMALY, where="surface", value=5.0, limit=4.0),),
        )  # fmt: skip
        record = TriggerRecord(
            part=part, trigger_ns=at_ns, error_ns=0, source=TriggerSource.SENSOR, mode=self.mode,
            purpose=Purpose.PRODUCTION, lot=self.lot, recipe=self.active, models=(), travel=800.0,
            wall="2026-01-01T00:00:00Z",
        )  # fmt: skip
        final = PartRecord(
            part=part, verdict=verdict, reasons=result.reasons, results=(result,),
            decided_ns=self.clock.now_ns(), cutoff_ns=at_ns + TRAVEL_NS - HOLD_NS,
        )  # fmt: skip
        rows = self.ledger.commit([record, final])
        self.line.send(
            wire.Recorded(
                row=rows[part], part=part, verdict=verdict, reasons=result.reasons, results=(result,),
                trigger_ns=at_ns, purpose=Purpose.PRODUCTION, lot=self.lot, acted=True,
            )
        )  # fmt: skip
        middle_ns = at_ns + TRAVEL_NS
        if good != (self.n == self.lie):
            self.pulses += [(middle_ns - HOLD_NS, True), (middle_ns + HOLD_NS, False)]
        outcome = GateOutcome.PASSED if good else GateOutcome.REJECTED
        self.past.append((middle_ns + 100 * MS, GateRecord(part=part, outcome=outcome, at_ns=middle_ns)))

    def report(self, now_ns: int) -> None:
        self.line.send(self.state())
        self.status.send(
            wire.Status(
                service="capture-top", pid=1, started_ns=1, at_ns=now_ns, state="ready", queues=(),
                counters={"captured": float(self.n)}, alarms=(),
            )
        )  # fmt: skip

    def close(self) -> None:
        self.ledger.close()
        self.page.close()
        self.bus.close()


def main(station_file: str, lie: str) -> None:
    stop, notifier = Stop(), Notifier.from_environment()
    stop.install()
    line = StandIn(stations.load(Path(station_file)), int(lie))
    notifier.ready()
    while not stop.requested:
        line.turn()
        notifier.alive()
    line.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
