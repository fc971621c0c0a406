"""NG rules, outages and alarms: small accounts kept in time."""

from __future__ import annotations

from edge.domain.recipe import NgRule, RuleAction
from edge.domain.verdict import Verdict
from edge.line.alarms import SHOWN_NS, Alarms
from edge.line.outages import Outages
from edge.line.rules import RuleWatch

OK, NG, UNSURE, NOT = Verdict.OK, Verdict.NG, Verdict.UNSURE, Verdict.NOT_INSPECTED
IN_A_ROW = NgRule(ng=3, of=3, action=RuleAction.STOP)
OF_MANY = NgRule(ng=2, of=5, action=RuleAction.WARN)


def fired(rules: tuple[NgRule, ...], *verdicts: Verdict) -> list[int]:
    """After which parts (from 1) a rule fired."""
    watch = RuleWatch(rules)
    return [place for place, verdict in enumerate(verdicts, 1) for _ in watch.add(verdict)]


def test_three_in_a_row() -> None:
    assert fired((IN_A_ROW,), NG, UNSURE, NG) == [3]
    assert fired((IN_A_ROW,), NG, NG, OK, NG, NG) == []


def test_what_was_not_inspected_neither_counts_nor_breaks_a_row() -> None:
    assert fired((IN_A_ROW,), NG, NOT, NG, NOT, NG) == [5]
    assert fired((IN_A_ROW,), NOT, NOT, NOT) == []


def test_two_of_five_fires_early_and_forgets_old_ones() -> None:
    assert fired((OF_MANY,), NG, OK, NG) == [3]
    assert fired((OF_MANY,), NG, OK, OK, OK, OK, NG, OK) == []


def test_a_rule_begins_anew_after_it_fired() -> None:
    assert fired((IN_A_ROW,), *[NG] * 7) == [3, 6]


def test_each_rule_counts_for_itself() -> None:
    watch = RuleWatch((IN_A_ROW, OF_MANY))
    assert watch.add(NG) == []
    assert watch.add(NG) == [OF_MANY]
    assert watch.add(NG) == [IN_A_ROW]


def test_overlapping_causes_are_one_outage() -> None:
    outages = Outages(7)
    outages.begin("a", 100)
    outages.begin("b", 150)
    assert outages.end("a", 200, "w") is None
    outages.begin("a", 210)
    assert outages.end("a", 250, "w") is None
    record = outages.end("b", 300, "w")
    assert record is not None
    assert (record.epoch, record.from_ns, record.to_ns, record.why) == (7, 100, 300, "a, b")
    assert not outages.open
    assert outages.count == 1


def test_ending_what_never_began_is_nothing_and_time_never_runs_backwards() -> None:
    outages = Outages(1)
    assert outages.end("a", 5, "w") is None
    outages.begin("a", 100)
    record = outages.end("a", 90, "w")
    assert record is not None
    assert (record.from_ns, record.to_ns) == (100, 100)


def test_a_later_beginning_of_the_same_cause_does_not_shorten_it() -> None:
    outages = Outages(1)
    outages.begin("a", 100)
    outages.begin("a", 150)
    record = outages.end("a", 200, "w")
    assert record is not None
    assert record.from_ns == 100


def test_alarms_that_happened_fade_and_others_stay_until_told() -> None:
    alarms = Alarms()
    alarms.happened("jam", 0, "x")
    alarms.set("bin_full", True, 10)
    alarms.set("bin_full", True, 20)
    assert [(alarm.code, alarm.since_ns) for alarm in alarms.now(30)] == [("jam", 0), ("bin_full", 10)]
    alarms.happened("jam", 40, "y")
    assert next((a.code, a.since_ns, a.detail) for a in alarms.now(SHOWN_NS + 30)) == ("jam", 0, "y")
    assert [alarm.code for alarm in alarms.now(SHOWN_NS + 41)] == ["bin_full"]
    alarms.set("bin_full", False, SHOWN_NS)
    assert alarms.now(SHOWN_NS) == ()
