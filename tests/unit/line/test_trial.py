"""A challenge on the line's service whole: its gate thread, its ledger, its restart."""

from __future__ import annotations

from edge.bus import wire
from edge.bus.iopage import Output
from edge.clock import MS
from edge.domain.part import Mode, Purpose
from edge.domain.verdict import GateOutcome, Verdict
from edge.store.ledger_reader import LedgerReader
from tests.unit.line.plant import ready
from tests.unit.line.test_service import Rig, quick, rig

__all__ = ["rig"]


def test_a_lot_that_waited_when_the_line_was_stopped_begins_when_it_starts_again(rig: Rig) -> None:
    rig.run(quick())
    assert rig.ask(wire.SetLot(lot="L-9", by="lan", recipe=("biscuit", 4))) == wire.Reply(ok=True)
    rig.until(lambda: rig.state is not None and rig.state.coming_lot == "L-9", "the lot that waits")
    assert rig.state is not None
    assert (rig.state.lot, rig.state.preparing) == ("", ("biscuit", 4))
    epoch = rig.state.epoch
    rig.stop()
    rig.start()
    rig.until(lambda: rig.state is not None and rig.state.epoch == epoch + 1, "the next epoch")
    assert (rig.state.lot, rig.state.coming_lot, rig.state.active) == ("L-9", "", quick().recipe)
    reader = LedgerReader(rig.station.data_dir / "ledger.db")
    rig.until(lambda: [event.detail for event in reader.events() if event.kind == "lot"] == ["L-9"], "the event")
    reader.close()


def test_in_a_challenge_the_gate_rejects_what_the_recipe_calls_good_and_a_restart_goes_on_trying(rig: Rig) -> None:
    rig.run(quick())
    assert rig.ask(wire.SetMode(mode=Mode.SETUP, by="lan")) == wire.Reply(ok=True)
    assert rig.ask(wire.SetPurpose(purpose=Purpose.CHALLENGE, by="lan")) == wire.Reply(ok=True)
    assert rig.ask(wire.ActivateRecipe(name="biscuit", version=4, by="lan", trial=True)) == wire.Reply(ok=True)
    rig.reports.send(ready(version=4, travel=300.0))
    rig.until(lambda: rig.state is not None and rig.state.trial, "the trial")
    rig.until(lambda: rig.state is not None and rig.state.permit, "the permit: parts must come by")
    until_ns = rig.clock.now_ns() + 1100 * MS
    rig.until(lambda: rig.clock.now_ns() > until_ns, "the end of the purge")
    good, bad = rig.edge(), None
    record = rig.judge(good, Verdict.OK)
    assert (record.verdict, record.purpose, record.acted) == (Verdict.OK, Purpose.CHALLENGE, False)
    bad = rig.edge()
    rig.judge(bad, Verdict.NG)
    rig.until(lambda: sum(isinstance(m, wire.GateDone) for m in rig.said) == 2, "both past the gate")
    assert {m.outcome for m in rig.said if isinstance(m, wire.GateDone)} == {GateOutcome.REJECTED}
    assert not rig.levels.get(Output.GATE, False)
    rig.stop()
    rig.start()
    rig.until(lambda: rig.state is not None and rig.state.epoch == good.part.epoch + 1, "the next epoch")
    assert rig.state is not None
    assert (rig.state.trial, rig.state.mode, rig.state.active) == (True, Mode.SETUP, ready(version=4).recipe)
    reply = rig.ask(wire.SetMode(mode=Mode.RUN, by="lan"))
    assert isinstance(reply, wire.Reply)
    assert not reply.ok
