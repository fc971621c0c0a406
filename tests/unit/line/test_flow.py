"""From announcement to record: whatever happens, a part gets one record, and passes only by an OK of its own."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bus import wire
from edge.clock import MS, SECOND
from edge.domain.frame import FrameRef
from edge.domain.ledger import Alive, GateRecord, OutageRecord, PartRecord, TriggerRecord
from edge.domain.part import Mode, PartId
from edge.domain.prediction import Box
from edge.domain.result import RecipeRef
from edge.domain.verdict import GateOutcome, Reason, ReasonCode, Verdict
from edge.line.committer import may_pass
from edge.line.gate import Done
from edge.line.gate_thread import Add, Answer, Purge
from edge.line.triggers import Announced
from edge.settings.station import Line
from tests.unit.line.plant import HOLD_MS, LEAD_MS, TRAVEL_MS, Plant, ready, result

CUTOFF_MS = TRAVEL_MS - HOLD_MS - LEAD_MS


def reasons_of(plant: Plant, part: PartId) -> list[ReasonCode]:
    record = plant.record_of(part)
    assert record is not None
    return [reason.code for reason in record.reasons]


def test_an_ok_part_is_expected_recorded_and_told_with_the_gates_answer() -> None:
    plant = Plant()
    part = plant.edge()
    (add,) = plant.gate.of(Add)
    now_ns = plant.clock.now_ns()
    position = plant.belt.position(now_ns)
    assert add.window.centre == position + TRAVEL_MS * MS  # type: ignore[union-attr]
    (expect,) = plant.heard(wire.Expect)
    assert isinstance(expect, wire.Expect)
    assert (expect.not_before_ns, expect.not_after_ns) == (now_ns - 20 * MS, now_ns + 60 * MS)
    assert expect.cutoff_ns == now_ns + CUTOFF_MS * MS
    plant.flow.judged(result(part, now_ns + 3 * MS))
    record = plant.record_of(part)
    assert record is not None
    assert record.verdict is Verdict.OK
    plant.commit()
    assert plant.heard(wire.Recorded) == []  # not before the gate has answered
    plant.flow.answered(Answer(part=part, acted=True))
    (said,) = plant.heard(wire.Recorded)
    assert isinstance(said, wire.Recorded)
    assert (said.part, said.acted, said.row) == (part, True, 1)


def test_an_answer_that_overtakes_the_committers_report_counts() -> None:
    plant = Plant()
    part = plant.edge()
    plant.flow.judged(result(part, plant.clock.now_ns()))
    plant.flow.answered(Answer(part=part, acted=True))
    plant.commit()
    (said,) = plant.heard(wire.Recorded)
    assert isinstance(said, wire.Recorded)
    assert said.acted


def test_a_gate_that_does_not_answer_is_counted_and_the_record_told() -> None:
    plant = Plant()
    part = plant.edge()
    plant.flow.judged(result(part, plant.clock.now_ns()))
    plant.commit()
    plant.clock.advance_ms(201)
    plant.flow.turn()
    (said,) = plant.heard(wire.Recorded)
    assert isinstance(said, wire.Recorded)
    assert not said.acted
    assert plant.flow.unanswered == 1


def test_the_trigger_and_its_mark_are_one_piece_and_never_behind_the_record() -> None:
    plant = Plant()
    at_ns = plant.clock.now_ns()
    plant.edge()
    entries = plant.committer.jobs[0][0]
    assert isinstance(entries[0], TriggerRecord)
    assert entries[1] == Alive(at_ns=at_ns)


@pytest.mark.parametrize("verdict", [Verdict.NG, Verdict.UNSURE, Verdict.NOT_INSPECTED])
def test_what_is_not_ok_is_told_without_waiting_for_the_gate(verdict: Verdict) -> None:
    plant = Plant()
    part = plant.edge()
    plant.flow.judged(result(part, plant.clock.now_ns(), verdict=verdict))
    plant.commit()
    (said,) = plant.heard(wire.Recorded)
    assert isinstance(said, wire.Recorded)
    assert (said.verdict, said.acted) == (verdict, False)


def test_no_verdict_until_the_cut_off_is_its_own_reason() -> None:
    plant = Plant()
    part = plant.edge()
    plant.clock.advance_ms(CUTOFF_MS - 1)
    plant.flow.turn()
    assert plant.record_of(part) is None
    plant.clock.advance_ms(1)
    plant.flow.turn()
    assert reasons_of(plant, part) == [ReasonCode.NO_VERDICT]
    plant.flow.judged(result(part, plant.clock.now_ns()))  # too late: the record stands
    assert plant.flow.open.refused["late"] == 1
    assert reasons_of(plant, part) == [ReasonCode.NO_VERDICT]


def test_a_standing_belt_stops_the_clock_of_the_cut_off() -> None:
    plant = Plant()
    part = plant.edge()
    plant.clock.advance_ms(300)
    plant.move(False)
    plant.clock.advance_ms(60_000)
    plant.flow.turn()
    assert plant.record_of(part) is None
    plant.move(True)
    plant.clock.advance_ms(CUTOFF_MS - 300)
    plant.flow.turn()
    assert reasons_of(plant, part) == [ReasonCode.NO_VERDICT]


def test_expectations_are_repeated_until_there_is_a_result() -> None:
    plant = Plant()
    part = plant.edge()
    plant.clock.advance_ms(251)
    plant.flow.turn()
    assert len(plant.heard(wire.Expect)) == 2
    plant.flow.judged(result(part, plant.clock.now_ns() - 251 * MS))
    plant.clock.advance_ms(251)
    plant.flow.turn()
    assert len(plant.heard(wire.Expect)) == 2


@pytest.mark.parametrize(
    ("mode", "code"),
    [(Mode.STOPPED, ReasonCode.STOPPED), (Mode.SETUP, ReasonCode.SETUP), (Mode.BYPASS, ReasonCode.BYPASS)],
)
def test_modes_that_do_not_inspect_record_at_once(mode: Mode, code: ReasonCode) -> None:
    plant = Plant(mode=mode)
    part = plant.edge()
    assert reasons_of(plant, part) == [code]
    record = plant.record_of(part)
    assert record is not None
    assert may_pass(record) is (mode is Mode.BYPASS)
    assert plant.heard(wire.Expect) == []


def test_without_a_recipe_nothing_passes() -> None:
    plant = Plant(recipe=False)
    part = plant.edge()
    assert reasons_of(plant, part) == [ReasonCode.NO_RECIPE]
    assert plant.gate.told == [Purge()]  # nor where the gate rests on pass and has never heard of it


def test_where_the_belts_position_is_not_known_nothing_passes_not_even_in_a_bypass() -> None:
    for mode in (Mode.RUN, Mode.BYPASS):
        plant = Plant(belt=False, mode=mode)
        part = plant.edge()
        assert reasons_of(plant, part) == [ReasonCode.BELT_STOPPED]


def test_parts_too_close_are_recorded_and_rejected() -> None:
    plant = Plant(line=Line(min_gap_ms=20))
    first = plant.edge()
    plant.clock.advance_ms(8)
    second = plant.edge()
    assert plant.record_of(first) is None
    assert reasons_of(plant, second) == [ReasonCode.MIN_GAP]


def test_no_room_in_the_ledger_is_an_outage_with_everything_rejected() -> None:
    plant = Plant()
    plant.committer.room = False
    from_ns = plant.clock.now_ns()
    plant.edge()
    assert plant.committer.of(TriggerRecord) == []
    assert plant.gate.of(Purge) == [Purge(halt=True)]
    plant.clock.advance_ms(500)
    plant.committer.room = True
    plant.flow.turn()
    (outage,) = plant.committer.of(OutageRecord)
    assert isinstance(outage, OutageRecord)
    assert (outage.from_ns, outage.to_ns) == (from_ns, plant.clock.now_ns())
    plant.edge()
    assert len(plant.committer.of(TriggerRecord)) == 1


def test_no_alive_mark_while_an_outage_is_open() -> None:
    """It would say that the triggers in it are on record."""
    plant = Plant()
    plant.committer.room = False
    plant.edge()
    plant.clock.advance_ms(60_000)
    plant.journal.alive(plant.clock.now_ns(), plant.clock.now_ns())
    assert plant.committer.of(Alive) == []


OTHER = RecipeRef(name="biscuit", version=4, digest="e" * 16)


@pytest.mark.parametrize(
    ("why", "change"),
    [
        ("recipe", {"recipe": OTHER}),
        ("models", {"models": ("b" * 12,)}),
        ("models", {"models": ()}),
        ("frame", {"exposed_ns": -21}),
        ("frame", {"exposed_ns": 61}),
        ("frame", {"exposed_ns": 59.5}),  # within, but not with its error
        ("frame", {"camera": "side"}),
        ("view", {"view": "side"}),
    ],
)
def test_a_result_that_is_not_this_parts_own_does_not_count(why: str, change: dict[str, object]) -> None:
    plant = Plant()
    part = plant.edge()
    at_ns = plant.clock.now_ns()
    exposed_ms = change.pop("exposed_ns", 3)
    change["exposed_ns"] = at_ns + round(float(exposed_ms) * MS)  # type: ignore[arg-type]
    plant.flow.judged(result(part, **change))  # type: ignore[arg-type]
    assert dict(plant.flow.open.refused) == {why: 1}
    assert plant.record_of(part) is None
    plant.flow.judged(result(part, at_ns))  # its own still counts
    assert reasons_of(plant, part) == []


def test_an_ok_that_contradicts_itself_does_not_count() -> None:
    plant = Plant()
    part = plant.edge()
    good = result(part, plant.clock.now_ns())
    plant.flow.judged(replace(good, reasons=(Reason(code=ReasonCode.ANOMALY),)))
    plant.flow.judged(replace(good, scores=()))
    plant.flow.judged(replace(good, frame=None))
    assert plant.flow.open.refused == {"contradiction": 2, "frame": 1}
    assert plant.record_of(part) is None


def test_verdicts_of_an_old_epoch_are_refused() -> None:
    plant = Plant()
    part = plant.edge()
    plant.flow.judged(result(PartId(station="s1", epoch=0, n=part.n), plant.clock.now_ns()))
    assert plant.record_of(part) is None


def test_all_views_must_be_ok() -> None:
    plant = Plant("top", "side")
    part = plant.edge()
    at_ns = plant.clock.now_ns()
    plant.flow.judged(result(part, at_ns, view="top"))
    assert plant.record_of(part) is None
    plant.flow.judged(result(part, at_ns, view="top"))  # repeated until it is recorded
    assert plant.record_of(part) is None
    plant.flow.judged(result(part, at_ns, view="side"))
    record = plant.record_of(part)
    assert record is not None
    assert (record.verdict, len(record.results)) == (Verdict.OK, 2)


def test_any_view_that_is_not_ok_is_final() -> None:
    plant = Plant("top", "side")
    part = plant.edge()
    plant.flow.judged(result(part, plant.clock.now_ns(), view="side", verdict=Verdict.NG))
    assert reasons_of(plant, part) == [ReasonCode.ANOMALY]


def test_a_missing_view_is_named() -> None:
    plant = Plant("top", "side")
    part = plant.edge()
    plant.flow.judged(result(part, plant.clock.now_ns(), view="top"))
    plant.clock.advance_ms(CUTOFF_MS)
    plant.flow.turn()
    record = plant.record_of(part)
    assert record is not None
    assert record.verdict is Verdict.NOT_INSPECTED
    assert record.reasons == (Reason(code=ReasonCode.VIEW, where="side"),)


def test_the_gates_outcome_follows_the_record() -> None:
    plant = Plant()
    part = plant.edge()
    plant.flow.past(Done(part=part, outcome=GateOutcome.REJECTED, at_ns=5, allowed=False))  # before the main loop knew
    kinds = [type(entry) for entry in plant.committer.entries]
    assert kinds.index(PartRecord) < kinds.index(GateRecord)
    assert reasons_of(plant, part) == [ReasonCode.NO_VERDICT]
    plant.commit()
    (said,) = plant.heard(wire.GateDone)
    assert said == wire.GateDone(part=part, outcome=GateOutcome.REJECTED, at_ns=5)
    assert plant.flow.in_flight == 0


def test_a_crossing_is_judged_by_that_very_frame_and_acknowledged_when_durable() -> None:
    plant = Plant(line=Line(trigger="barrier"))
    at_ns = plant.clock.now_ns()
    frame = FrameRef(camera="top", epoch=1, slot=0, generation=2, seq=1, exposed_at_ns=at_ns - 500, error_ns=100)
    seen = wire.Seen(camera="top", epoch=1, n=1, crossed_at_ns=at_ns, error_ns=100, frame=frame)
    announced = plant.triggers.seen(seen)
    assert isinstance(announced, Announced)
    plant.announce(announced)
    (expect,) = plant.heard(wire.Expect)
    assert isinstance(expect, wire.Expect)
    assert (expect.not_before_ns, expect.not_after_ns) == (at_ns - 600, at_ns - 400)
    assert plant.heard(wire.SeenAck) == []
    plant.commit()
    assert plant.heard(wire.SeenAck) == [wire.SeenAck(camera="top", epoch=1, n=1)]
    assert plant.triggers.settled(seen)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["edge", "ok", "ng", "foreign", "wait", "stop", "go", "commit", "full", "room", "lost"]),
        st.integers(0, 400),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_every_part_gets_exactly_one_record_whatever_happens(steps: list[tuple[str, int]]) -> None:
    plant = Plant()
    sent: list[tuple[PartId, int]] = []
    judged_ok: set[PartId] = set()
    for what, number in steps:
        if what == "edge":
            plant.edge()
            sent = [(e.part, e.trigger_ns) for e in plant.committer.of(TriggerRecord)]  # type: ignore[union-attr]
        elif what in ("ok", "ng", "foreign") and sent:
            part, at_ns = sent[number % len(sent)]
            verdict = Verdict.NG if what == "ng" else Verdict.OK
            if what == "ok":
                judged_ok.add(part)
            plant.flow.judged(result(part, at_ns + (200 * MS if what == "foreign" else 0), verdict=verdict))
        elif what in ("stop", "go"):
            plant.move(what == "go")
        elif what == "commit":
            plant.commit()
        elif what in ("full", "room"):
            plant.committer.room = what == "room"
        elif what == "lost" and number < 40:
            plant.flow.close_all(ReasonCode.BELT_STOPPED)
        plant.clock.advance_ms(number)
        plant.flow.turn()
    plant.move(True)
    plant.clock.advance_ms(CUTOFF_MS)
    plant.flow.turn()
    for part, _ in sent:
        record = plant.record_of(part)
        assert record is not None
        assert record.verdict is not Verdict.OK or part in judged_ok
    assert len(plant.flow.open) == 0


def test_a_frame_that_could_be_of_two_parts_is_nobodys() -> None:
    """The first part's frame was lost; the next part's lies in its window too."""
    plant = Plant()
    first, first_ns = plant.edge(), plant.clock.now_ns()
    plant.clock.advance_ms(50)
    second, second_ns = plant.edge(), plant.clock.now_ns()
    plant.flow.judged(result(first, second_ns + 3 * MS))
    plant.flow.judged(result(second, second_ns + 3 * MS))  # nor can the first be sure that it is not its own
    assert plant.flow.open.refused["frame"] == 2
    assert plant.record_of(first) is None
    plant.flow.turn()  # both are said again as they are now
    said = {m.part: m for m in plant.heard(wire.Expect) if isinstance(m, wire.Expect)}
    assert said[first].not_after_ns < second_ns - 20 * MS <= first_ns + 60 * MS < said[second].not_before_ns
    plant.flow.judged(result(first, first_ns + 3 * MS))
    plant.flow.judged(result(second, second_ns + 30 * MS))
    assert reasons_of(plant, first) == reasons_of(plant, second) == []


def test_a_bounce_takes_no_frame_from_a_part_that_goes_through_the_gate_with_it() -> None:
    plant = Plant(line=Line(min_gap_ms=20))
    part, at_ns = plant.edge(), plant.clock.now_ns()
    plant.clock.advance_ms(8)
    plant.edge()
    plant.flow.judged(result(part, at_ns + 3 * MS))
    assert reasons_of(plant, part) == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 120), st.booleans()), min_size=2, max_size=12))
def test_windows_of_parts_that_may_pass_never_overlap(gaps: list[tuple[int, bool]]) -> None:
    plant = Plant(line=Line(min_gap_ms=0))
    for gap, slow in gaps:
        plant.edge()
        if slow:
            plant.recipes.active = ready(before_ms=-100.0 if gap % 2 else 0.0)
        plant.clock.advance_ms(gap)
    windows = [w for w in (part.views["top"] for part in plant.flow.open.all()) if w.not_before_ns <= w.not_after_ns]
    for one, other in itertools.combinations(windows, 2):
        assert one.not_after_ns < other.not_before_ns or other.not_after_ns < one.not_before_ns


def test_an_ok_whose_scores_say_otherwise_does_not_count() -> None:
    plant = Plant()
    part = plant.edge()
    good = result(part, plant.clock.now_ns())
    for score in (2.0, 9.0, math.nan):
        plant.flow.judged(replace(good, scores=(*good.scores, replace(good.scores[0], score=score))))
    assert plant.flow.open.refused == {"contradiction": 3}
    assert plant.record_of(part) is None


@pytest.mark.parametrize("verdict", [Verdict.NG, Verdict.NOT_INSPECTED])
def test_a_result_too_large_to_be_told_is_refused_and_the_line_goes_on(verdict: Verdict) -> None:
    """It just fits into its own message, and its Recorded would not."""
    plant = Plant()
    part = plant.edge()
    boxes = tuple(Box(x=n, y=0, width=1, height=1, score=0.5) for n in range(1600))
    plant.flow.judged(replace(result(part, plant.clock.now_ns(), verdict=verdict), boxes=boxes))
    assert plant.flow.open.refused == {"size": 1}
    few = replace(result(part, plant.clock.now_ns(), verdict=verdict), boxes=boxes[:256])  # 16 checks, 16 boxes each
    plant.flow.judged(few)
    plant.commit()
    (said,) = plant.heard(wire.Recorded)
    wire.encode(said, writer=1, count=1)


def test_the_outage_for_want_of_room_is_queued_before_the_first_trigger_after_it() -> None:
    """A mark that comes with a trigger says that all before it is on record: killed then, the outage must be, too."""
    plant = Plant()
    plant.committer.room = False
    plant.edge()
    plant.clock.advance_ms(500)
    plant.committer.room = True
    plant.edge()
    kinds = [type(entry) for entry in plant.committer.entries]
    assert kinds.index(OutageRecord) < kinds.index(TriggerRecord) < kinds.index(Alive)


def test_a_part_that_the_gate_had_no_room_for_is_not_in_flight_for_ever() -> None:
    plant = Plant()
    plant.gate.room = False
    part = plant.edge()
    plant.clock.advance_ms(CUTOFF_MS)
    plant.flow.turn()
    assert reasons_of(plant, part) == [ReasonCode.NO_VERDICT]
    assert plant.flow.in_flight == 0


def test_a_crossing_with_a_stamp_from_the_future_moves_no_mark_ahead_of_now() -> None:
    plant = Plant(line=Line(trigger="barrier"))
    now_ns = plant.clock.now_ns()
    frame = FrameRef(camera="top", epoch=1, slot=0, generation=2, seq=1, exposed_at_ns=now_ns, error_ns=0)
    announced = plant.triggers.seen(
        wire.Seen(camera="top", epoch=1, n=1, crossed_at_ns=now_ns + 3600 * SECOND, error_ns=0, frame=frame)
    )
    assert announced is not None
    plant.announce(announced)
    (mark,) = plant.committer.of(Alive)
    assert isinstance(mark, Alive)
    assert mark.at_ns <= now_ns


def test_a_part_accepted_while_an_outage_is_open_moves_no_mark_into_it() -> None:
    """Of two counting cameras one cannot see: killed now, the outage must begin where that one went blind."""
    plant = Plant()
    blind_ns = plant.clock.now_ns()
    plant.outages.begin("blind", blind_ns)
    plant.clock.advance_ms(10_000)
    plant.edge()
    assert plant.committer.of(Alive) == [Alive(at_ns=blind_ns)]
