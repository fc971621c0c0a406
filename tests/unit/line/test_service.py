"""The line's service whole, with its threads, ledger and sockets; the test is machine, cameras and inference."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.bus import topics, wire
from edge.bus.iopage import Output, OutputPage
from edge.bus.sockets import Bus
from edge.clock import MS, SECOND, SystemClock
from edge.domain.frame import FrameRef
from edge.domain.ledger import StoredPart
from edge.domain.part import Mode, PartId, Purpose
from edge.domain.recipe import NgRule, RuleAction
from edge.domain.verdict import GateOutcome, ReasonCode, Verdict
from edge.errors import AlreadyRunning
from edge.line.crossings import BLIND
from edge.line.service import LineService
from edge.line.simulated import PAGE_NAME
from edge.settings.station import BarrierTable, Camera, Line, Station
from edge.store.ledger_reader import LedgerReader
from tests.unit.line.plant import RECIPE, ready, result

LEVELS_NS = 50 * MS
WITHIN_S = 10.0


class Rig:
    """`turn` lets both sides work; `until` waits for something with a wide limit."""

    def __init__(self, station: Station) -> None:
        self.station, self.clock = station, SystemClock()
        self.bus = Bus(station.run_dir)
        self.page = OutputPage.create(station.run_dir / PAGE_NAME)
        self.inputs = self.bus.publisher(topics.SIM_INPUTS)
        self.line = self.bus.subscriber(topics.LINE)
        self.reports = self.bus.pusher(topics.REPORTS)
        self.commands = self.bus.client(topics.COMMANDS)
        self.status = self.bus.subscriber(topics.STATUS, "line")
        names = ("capture-top", "inference")
        self.services = {name: self.bus.publisher(topics.STATUS, name) for name in names}
        self.states = dict.fromkeys(names, "ready")
        self.talking = True
        self.service: LineService | None = None
        self.levels: dict[Output, bool] = {}
        self.said: list[wire.Message] = []
        self.state: wire.LineState | None = None
        self.counters: dict[str, float] = {}
        self.alarms: set[str] = set()
        self._next_ns = 0

    def start(self) -> None:
        self.service = LineService(self.station, self.clock)

    def stop(self) -> None:
        if self.service is not None:
            self.service.__exit__(None, None, None)
            self.service = None

    def close(self) -> None:
        self.stop()
        self.page.close()
        self.bus.close()

    def turn(self) -> None:
        now_ns = self.clock.now_ns()
        if self.talking and now_ns >= self._next_ns:
            self._next_ns = now_ns + LEVELS_NS
            self.inputs.send(wire.InputLevels(belt=True, bin_full=False, sensor=False, ticks=0, at_ns=now_ns))
            for name, publisher in self.services.items():
                publisher.send(status(name, self.states[name], now_ns))
        if self.service is not None:
            self.service.turn()
        for event in self.page.read():
            self.levels[event.output] = event.level
        for message in self.line.drain():
            self.said.append(message)
            if isinstance(message, wire.LineState):
                self.state = message
        for message in self.status.drain():
            if isinstance(message, wire.Status):
                self.counters = message.counters
                self.alarms |= {alarm.code for alarm in message.alarms}

    def until(self, true: Callable[[], bool], what: str) -> None:
        deadline_ns = self.clock.now_ns() + round(WITHIN_S * SECOND)
        while not true():
            assert self.clock.now_ns() < deadline_ns, f"{what} did not come; {self.state}"
            self.turn()

    def ask(self, request: wire.Message) -> wire.Message:
        replies: list[wire.Message] = []
        thread = threading.Thread(target=lambda: replies.append(self.commands.ask(request, 5000)))
        thread.start()
        self.until(lambda: bool(replies), "a reply")
        thread.join()
        return replies[0]

    def activate(self, report: wire.RecipeReady) -> None:
        """As a person asks and inference answers."""
        recipe = report.recipe
        reply = self.ask(wire.ActivateRecipe(name=recipe.name, version=recipe.version, by="lan"))
        assert reply == wire.Reply(ok=True)
        self.until(lambda: self.state is not None and self.state.preparing is not None, "the question to inference")
        self.reports.send(report)
        self.until(lambda: self.state is not None and self.state.active == recipe, "the recipe in force")

    def run(self, report: wire.RecipeReady | None = None) -> None:
        self.activate(report or ready())
        assert self.ask(wire.SetMode(mode=Mode.RUN, by="lan")) == wire.Reply(ok=True)
        self.until(lambda: self.state is not None and self.state.permit, "the permit")

    def edge(self) -> wire.Expect:
        """A part at the sensor, well apart from the one before; what inference is asked."""
        apart_ns = self.clock.now_ns() + 40 * MS
        self.until(lambda: self.clock.now_ns() > apart_ns, "the gap")
        seen = len(self.said)
        self.inputs.send(wire.InputEdge(input="sensor", value=True, at_ns=self.clock.now_ns()))
        self.until(lambda: any(isinstance(m, wire.Expect) for m in self.said[seen:]), "the expectation")
        return next(message for message in self.said[seen:] if isinstance(message, wire.Expect))

    def judge(self, expect: wire.Expect, verdict: Verdict) -> wire.Recorded:
        middle_ns = (expect.not_before_ns + expect.not_after_ns) // 2
        self.reports.send(wire.Judged(result=result(expect.part, middle_ns, verdict=verdict, recipe=expect.recipe)))
        return self.record_of(expect.part)

    def record_of(self, part: PartId) -> wire.Recorded:
        self.until(lambda: bool(self._records(part)), f"the record of {part}")
        return self._records(part)[0]

    def _records(self, part: PartId) -> list[wire.Recorded]:
        return [message for message in self.said if isinstance(message, wire.Recorded) and message.part == part]

    def stored(self) -> list[StoredPart]:
        reader = LedgerReader(self.station.data_dir / "ledger.db")
        try:
            return reader.parts()
        finally:
            reader.close()


def status(service: str, state: str, now_ns: int) -> wire.Status:
    return wire.Status(
        service=service, pid=1, started_ns=1, at_ns=now_ns, state=state, queues=(), counters={}, alarms=()
    )


def make_station(tmp_path: Path, run_dir: Path, name: str, trigger: str = "sensor") -> Station:
    line = Line(
        trigger=trigger, max_travel_ms=1000, safe_ms=110, heartbeat_ms=20, confirm_input=False, ledger_reserve_mb=1  # type: ignore[arg-type]
    )  # fmt: skip
    barrier = BarrierTable() if trigger == "barrier" else None
    camera = Camera(name="top", kind="virtual", width=64, height=64, barrier=barrier, triggered=True)
    return Station(name=name, data_dir=tmp_path / "data", run_dir=run_dir, camera=(camera,), line=line)


@pytest.fixture
def rig(tmp_path: Path, run_dir: Path, station: str) -> Iterator[Rig]:
    rig = Rig(make_station(tmp_path, run_dir, station))
    rig.start()
    yield rig
    rig.close()


def quick(travel: float = 300.0) -> wire.RecipeReady:
    return ready(travel=travel)


def test_an_ok_opens_the_gate_and_an_ng_does_not(rig: Rig) -> None:
    rig.run(quick())
    until_ns = rig.clock.now_ns() + 1100 * MS
    rig.until(lambda: rig.clock.now_ns() > until_ns, "the end of the purge after the start")
    good = rig.edge()
    assert rig.judge(good, Verdict.OK).acted
    rig.until(lambda: rig.levels.get(Output.GATE, False), "the open gate")
    rig.until(lambda: not rig.levels[Output.GATE], "the closed gate")
    bad = rig.edge()
    assert not rig.judge(bad, Verdict.NG).acted
    rig.until(lambda: sum(isinstance(m, wire.GateDone) for m in rig.said) == 2, "both past the gate")
    outcomes = {m.part: m.outcome for m in rig.said if isinstance(m, wire.GateDone)}
    assert outcomes == {good.part: GateOutcome.PASSED, bad.part: GateOutcome.REJECTED}
    assert not rig.levels[Output.GATE]
    assert rig.levels[Output.PERMIT]


def test_nothing_from_inference_is_not_inspected_and_rejected(rig: Rig) -> None:
    rig.run(quick())
    part = rig.edge().part
    record = rig.record_of(part)
    assert [reason.code for reason in record.reasons] == [ReasonCode.NO_VERDICT]


def test_the_permit_follows_what_a_verdict_needs(rig: Rig) -> None:
    rig.run()
    rig.states["capture-top"] = "failed"
    rig.until(lambda: not rig.levels.get(Output.PERMIT, False), "the permit off")
    rig.until(lambda: rig.state is not None and not rig.state.permit, "the state")
    assert rig.state is not None
    assert rig.state.permit_reasons == ("camera_not_ready:top",)
    rig.states["capture-top"] = "ready"
    rig.until(lambda: rig.levels[Output.PERMIT], "the permit on again")


def test_inputs_that_fall_silent_stop_everything_and_are_an_outage(rig: Rig) -> None:
    rig.run()
    part = rig.edge().part
    rig.talking = False
    rig.until(lambda: rig.state is not None and "inputs_lost" in rig.state.permit_reasons, "the alarm")
    assert [reason.code for reason in rig.record_of(part).reasons] == [ReasonCode.BELT_STOPPED]
    rig.talking = True
    rig.until(lambda: rig.state is not None and rig.state.permit, "the permit again")
    rig.stop()
    reader = LedgerReader(rig.station.data_dir / "ledger.db")
    assert [outage.why for outage in reader.outages()] == ["the inputs were not heard", "the line was down"]
    reader.close()


@pytest.mark.parametrize(("action", "latched"), [(RuleAction.STOP, False), (RuleAction.LATCH, True)])
def test_ng_in_a_row_stops_the_line(rig: Rig, action: RuleAction, latched: bool) -> None:
    report = quick()
    rig.run(wire.RecipeReady(**{n: getattr(report, n) for n in report.__struct_fields__ if n != "rules"},
                             rules=(NgRule(ng=2, of=2, action=action),)))  # fmt: skip
    rig.judge(rig.edge(), Verdict.NG)
    rig.judge(rig.edge(), Verdict.UNSURE)
    rig.until(lambda: rig.state is not None and rig.state.mode is Mode.STOPPED, "the stop")
    assert rig.state is not None
    assert rig.state.latched is latched
    reply = rig.ask(wire.SetMode(mode=Mode.RUN, by="lan"))
    assert isinstance(reply, wire.Reply)
    assert reply.ok is not latched
    if latched:
        assert "reset" in reply.message
        assert rig.ask(wire.ResetLatch(by="lan", reason="mended")) == wire.Reply(ok=True)
        assert rig.ask(wire.SetMode(mode=Mode.RUN, by="lan")) == wire.Reply(ok=True)


def test_challenge_parts_do_not_count_for_rules_and_carry_lot_and_purpose(rig: Rig) -> None:
    report = quick()
    rig.run(wire.RecipeReady(**{n: getattr(report, n) for n in report.__struct_fields__ if n != "rules"},
                             rules=(NgRule(ng=1, of=1, action=RuleAction.STOP),)))  # fmt: skip
    rig.ask(wire.SetLot(lot="L-7", by="lan"))
    rig.ask(wire.SetPurpose(purpose=Purpose.CHALLENGE, by="lan"))
    record = rig.judge(rig.edge(), Verdict.NG)
    assert (record.lot, record.purpose) == ("L-7", Purpose.CHALLENGE)
    assert rig.state is not None
    assert rig.state.mode is Mode.RUN


def test_a_recipe_that_fails_leaves_the_active_one_and_says_so(rig: Rig) -> None:
    rig.run()
    rig.ask(wire.ActivateRecipe(name="biscuit", version=9, by="lan"))
    rig.reports.send(wire.RecipeFailed(name="biscuit", version=9, message="its golden parts do not hold", hint="h"))
    rig.until(lambda: "recipe_failed" in rig.alarms, "the alarm")
    rig.until(lambda: rig.state is not None and rig.state.preparing is None, "the end of preparing")
    assert rig.state is not None
    assert rig.state.active == RECIPE


def test_a_restart_remembers_recipe_mode_and_lot_and_closes_what_was_open(rig: Rig) -> None:
    rig.run(ready())
    rig.ask(wire.SetLot(lot="L-8", by="lan"))
    part = rig.edge().part
    rig.stop()
    (stored,) = rig.stored()
    assert [reason.code for reason in stored.record.reasons] == [ReasonCode.LINE_RESTART]
    assert stored.gate is not None
    assert stored.gate.outcome is GateOutcome.REJECTED
    rig.start()
    rig.until(lambda: rig.state is not None and rig.state.epoch == part.epoch + 1, "the next epoch")
    rig.until(lambda: rig.state is not None and rig.state.permit, "the permit")
    assert rig.state is not None
    assert (rig.state.mode, rig.state.lot, rig.state.active) == (Mode.RUN, "L-8", RECIPE)
    old = replace(part, n=part.n)
    rig.reports.send(wire.Judged(result=result(old, rig.clock.now_ns())))
    rig.until(lambda: rig.counters.get("refused_late", 0) == 1, "the refusal of the old epoch's verdict")


def test_a_second_line_is_refused(rig: Rig) -> None:
    with pytest.raises(AlreadyRunning, match=r"ledger|line"):
        LineService(rig.station, rig.clock)


def crossing(rig: Rig, n: int, at_ns: int) -> wire.Seen:
    frame = FrameRef(camera="top", epoch=1, slot=0, generation=2, seq=n, exposed_at_ns=at_ns, error_ns=0)
    return wire.Seen(camera="top", epoch=1, n=n, crossed_at_ns=at_ns, error_ns=0, frame=frame)


def test_a_crossing_is_one_part_however_often_it_is_said_and_none_from_before_the_start(
    tmp_path: Path, run_dir: Path, station: str
) -> None:
    rig = Rig(make_station(tmp_path, run_dir, station, trigger="barrier"))
    try:
        before_ns = rig.clock.now_ns() - 3 * SECOND
        rig.start()
        rig.run()

        def acknowledged(n: int) -> bool:
            return any(isinstance(m, wire.SeenAck) and m.n == n for m in rig.said)

        rig.reports.send(crossing(rig, 1, before_ns))
        rig.until(lambda: acknowledged(1), "the first acknowledgement")
        seen = crossing(rig, 2, rig.clock.now_ns())
        for _ in range(3):
            rig.reports.send(seen)
        rig.until(lambda: acknowledged(2), "the second acknowledgement")
        rig.reports.send(seen)
        rig.until(lambda: rig.state is not None and rig.state.counts.get("parts", 0) == 1, "one part")
        rig.stop()
        assert len(rig.stored()) == 1
        reader = LedgerReader(rig.station.data_dir / "ledger.db")
        assert any(o.from_ns <= before_ns <= o.to_ns for o in reader.outages())
        reader.close()
    finally:
        rig.close()


def test_while_a_counting_camera_cannot_see_it_is_an_outage(tmp_path: Path, run_dir: Path, station: str) -> None:
    rig = Rig(make_station(tmp_path, run_dir, station, trigger="barrier"))
    try:
        rig.states["capture-top"] = "starting"
        rig.start()
        rig.until(lambda: rig.state is not None, "a sign of life")
        began_ns = rig.clock.now_ns()
        rig.states["capture-top"] = "ready"
        rig.run()
        rig.states["capture-top"] = "failed"
        lost_ns = rig.clock.now_ns()
        rig.until(lambda: rig.state is not None and not rig.state.permit, "the permit off")
        rig.states["capture-top"] = "ready"
        rig.until(lambda: rig.state is not None and rig.state.permit, "the permit on")
        rig.stop()
        reader = LedgerReader(rig.station.data_dir / "ledger.db")
        last, first = reader.outages()
        reader.close()
        assert first.to_ns >= began_ns
        assert last.why == BLIND
        assert last.from_ns <= lost_ns < last.to_ns
    finally:
        rig.close()


def test_a_crossing_just_before_the_first_start_lies_in_an_outage(tmp_path: Path, run_dir: Path, station: str) -> None:
    """Capture was up first, and its acknowledgement says that the part is accounted for."""
    rig = Rig(make_station(tmp_path, run_dir, station, trigger="barrier"))
    try:
        before_ns = rig.clock.now_ns() - 300 * MS
        rig.start()
        rig.run()
        for _ in range(2):
            rig.said.clear()
            rig.reports.send(crossing(rig, 1, before_ns))
            rig.until(lambda: any(isinstance(m, wire.SeenAck) for m in rig.said), "the acknowledgement")
        rig.stop()
        assert rig.stored() == []
        reader = LedgerReader(rig.station.data_dir / "ledger.db")
        assert sum(o.from_ns <= before_ns <= o.to_ns for o in reader.outages()) == 1
        reader.close()
    finally:
        rig.close()


def test_who_asks_without_end_does_not_keep_the_parts_waiting(rig: Rig) -> None:
    asked, socket = 48, rig.commands.socket
    for count in range(1, asked + 1):
        socket.send(wire.encode(wire.AskState(), writer=1, count=count))
    assert rig.service is not None
    server = rig.service._asked
    until_ns = rig.clock.now_ns() + round(WITHIN_S * SECOND)
    while server.sent < asked and rig.clock.now_ns() < until_ns:
        before = server.sent
        rig.turn()
        assert server.sent - before <= 16
    assert server.sent == asked
