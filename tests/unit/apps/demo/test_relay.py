"""The relay: what the machine feels of the outputs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.apps.demo.relay import Level, Relay, outcome
from edge.bus.iopage import Output, OutputEvent
from edge.clock import MS

SAFE_NS = 100 * MS


def event(output: Output, level: bool, at_ms: float) -> OutputEvent:
    return OutputEvent(output=output, level=level, at_ns=int(at_ms * MS))


def beats(until_ms: int, every_ms: int = 20, start_ms: int = 0) -> list[OutputEvent]:
    times = range(start_ms, until_ms, every_ms)
    return [event(Output.HEARTBEAT, index % 2 == 0, at) for index, at in enumerate(times)]


def levels(relay: Relay) -> list[tuple[float, bool, bool, bool]]:
    return [(v.at_ns / MS, v.gate, v.permit, v.relay) for v in relay.between(0, 1 << 60)]


def test_nothing_passes_without_a_heartbeat() -> None:
    relay = Relay(SAFE_NS, 0)
    assert relay.settle([event(Output.GATE, True, 5), event(Output.PERMIT, True, 6)], 500 * MS) == []
    assert not relay.now.gate
    assert not relay.now.permit


def test_one_toggle_is_a_glitch_and_two_pull_in() -> None:
    relay = Relay(SAFE_NS, 0)
    relay.settle([event(Output.PERMIT, True, 1), event(Output.HEARTBEAT, True, 10)], 50 * MS)
    assert not relay.now.permit
    relay.settle([event(Output.HEARTBEAT, False, 60)], 70 * MS)
    assert relay.now == Level(at_ns=60 * MS, gate=False, permit=True, relay=True, wire=False)


def test_a_standing_heartbeat_drops_everything_after_t_safe() -> None:
    relay = Relay(SAFE_NS, 0)
    changes = relay.settle([event(Output.GATE, True, 1), *beats(100)], 400 * MS)  # the last toggle is at 80
    assert [(c.at_ns // MS, c.gate, c.relay) for c in changes] == [(20, True, True), (180, False, False)]
    assert relay.now.wire  # the output stands, as a killed process leaves it


def test_a_level_written_again_is_no_heartbeat() -> None:
    relay = Relay(SAFE_NS, 0)
    relay.settle([event(Output.HEARTBEAT, True, at) for at in range(0, 400, 20)], 450 * MS)
    assert not relay.now.relay


def test_a_slow_heartbeat_never_pulls_in() -> None:
    relay = Relay(SAFE_NS, 0)
    relay.settle(beats(2000, every_ms=101), 2100 * MS)
    assert not relay.now.relay


@given(st.lists(st.integers(0, 900), max_size=60), st.lists(st.integers(0, 1000), max_size=20))
def test_when_it_is_looked_at_changes_nothing(times: list[int], looks: list[int]) -> None:
    events = [
        event((Output.HEARTBEAT, Output.GATE, Output.PERMIT)[index % 3], index % 2 == 0, at)
        for index, at in enumerate(sorted(times))
    ]
    whole, pieces = Relay(SAFE_NS, 0), Relay(SAFE_NS, 0)
    whole.settle(events, 1000 * MS)
    given_already = 0
    for look in [*sorted(looks), 1000]:
        known = [e for e in events if e.at_ns <= look * MS]
        pieces.settle(known[given_already:], look * MS)
        given_already = len(known)
    assert levels(whole) == levels(pieces)


def test_forgetting_keeps_the_level_that_stands() -> None:
    relay = Relay(SAFE_NS, 0)
    relay.settle([event(Output.GATE, True, 1), *beats(600)], 560 * MS)
    before = relay.between(400 * MS, 500 * MS)
    relay.forget(300 * MS)
    assert relay.between(400 * MS, 500 * MS) == before
    assert before[0].gate


def test_outcomes() -> None:
    def at(gate: bool) -> Level:
        return Level(at_ns=0, gate=gate, permit=True, relay=True, wire=gate)

    assert outcome([at(True)], pass_pulse=True) == "passed"
    assert outcome([at(False)], pass_pulse=True) == "rejected"
    assert outcome([at(True), at(False)], pass_pulse=True) == "torn"
    assert outcome([at(True)], pass_pulse=False) == "rejected"
    assert outcome([at(False)], pass_pulse=False) == "passed"
