"""What goes wrong at the line, and what the line does about it: says so, writes it down, stops where it must."""

from __future__ import annotations

from edge.clock import MS, Clock
from edge.domain.ledger import PartRecord, TriggerRecord
from edge.domain.part import Mode
from edge.domain.recipe import NgRule, RuleAction
from edge.line.alarms import Alarms
from edge.line.gate import Trouble
from edge.line.gate_thread import Gap
from edge.line.journal import Journal
from edge.line.modes import Modes
from edge.line.orders import Orders
from edge.line.reporting import Tally

_LATCHING = ("jam", "passed_not_ok")  # rejects may not leave the belt, or bad parts may have passed


class Incidents:
    """Main thread only."""

    def __init__(
        self, *, modes: Modes, orders: Orders, alarms: Alarms, journal: Journal, tally: Tally, clock: Clock
    ) -> None:
        self._modes, self._orders, self._alarms = modes, orders, alarms
        self._journal, self._tally, self._clock = journal, tally, clock

    def trouble(self, trouble: Trouble) -> None:
        """At the gate or its bin."""
        self._say(trouble.code, trouble.detail)
        if trouble.code in _LATCHING:
            self._orders.apply(self._modes.stop(by="line", reason=f"{trouble.code} {trouble.detail}", latch=True))

    def gap(self, gap: Gap) -> None:
        """Nobody steered for a while; the gate has rejected what was in flight."""
        self._say(gap.why, f"{(gap.to_ns - gap.from_ns) / MS:.0f} ms, {len(gap.parts)} parts rejected")

    def decided(self, trigger: TriggerRecord, record: PartRecord) -> None:
        """A part was closed: do the NG rules of the recipe fire, can nothing be inspected any more?"""
        for rule in self._tally.add(trigger, record):
            self._fired(rule)
        self._alarms.set("not_inspected_run", self._tally.many_uninspected, self._clock.now_ns())

    def _fired(self, rule: NgRule) -> None:
        words = f"{rule.ng} of {rule.of}"
        self._say("ng_rule", f"{words}: {rule.action}")
        if rule.action is not RuleAction.WARN and self._modes.mode is Mode.RUN:
            latch = rule.action is RuleAction.LATCH
            self._orders.apply(self._modes.stop(by="line", reason=f"NG rule {words}", latch=latch))

    def _say(self, code: str, detail: str) -> None:
        self._alarms.happened(code, self._clock.now_ns(), detail)
        self._journal.note(code, detail)
