"""What the line says of itself: its state for everybody who acts on it, its status for people and benches."""

from __future__ import annotations

from collections import Counter

from edge.bus import wire
from edge.domain.ledger import PartRecord, TriggerRecord
from edge.domain.part import Mode, Purpose
from edge.domain.recipe import NgRule
from edge.domain.verdict import Verdict
from edge.line.committer import Committer
from edge.line.flow import Flow
from edge.line.gate_thread import GateThread
from edge.line.modes import Modes
from edge.line.outages import Outages
from edge.line.recipes import Recipes
from edge.line.rules import RuleWatch

_COUNTS = ("counts", "in_flight")
_MANY = 5  # parts in a row that could not be inspected


class Tally:
    """Counts parts since the start of this epoch, and watches the NG rules of the active recipe."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._rules = RuleWatch(())
        self._uninspected = 0

    def follow(self, rules: tuple[NgRule, ...]) -> None:
        """Another recipe is in force."""
        self._rules = RuleWatch(rules)

    @property
    def many_uninspected(self) -> bool:
        return self._uninspected >= _MANY

    def add(self, trigger: TriggerRecord, record: PartRecord) -> list[NgRule]:
        """The NG rules that fire with this part. Only production counts, in yield and in rules."""
        self.counts["parts"] += 1
        if trigger.purpose is not Purpose.PRODUCTION:
            return []
        self.counts[record.verdict.value] += 1
        uninspected = record.verdict is Verdict.NOT_INSPECTED and trigger.mode is Mode.RUN
        self._uninspected = self._uninspected + 1 if uninspected else 0
        return self._rules.add(record.verdict)


def line_state(
    *,
    epoch: int,
    modes: Modes,
    recipes: Recipes,
    permit_reasons: tuple[str, ...],
    in_flight: int,
    coming_lot: str,
    counts: dict[str, int],
) -> wire.LineState:
    active = recipes.active
    return wire.LineState(
        epoch=epoch,
        mode=modes.mode,
        permit=not permit_reasons,
        permit_reasons=permit_reasons,
        active=active.recipe if active is not None else None,
        preparing=recipes.preparing,
        lot=modes.lot,
        purpose=modes.purpose,
        latched=modes.latched,
        bypass_until_ns=modes.bypass_until_ns,
        in_flight=in_flight,
        counts=counts,
        trial=recipes.trial,
        coming_lot=coming_lot,
    )


def counters(flow: Flow, gate: GateThread, committer: Committer, outages: Outages) -> dict[str, float]:
    """For the status: us are microseconds; a quantile is that of all since the start."""
    commits, jitter = committer.stats.duration, gate.stats.jitter
    found = {
        "in_flight": flow.in_flight,
        "not_accepted": flow.not_accepted,
        "unanswered": flow.unanswered,
        "outages": outages.count,
        "commits": committer.stats.commits,
        "commit_p50_us": commits.quantile_ns(0.5) // 1000,
        "commit_p99_us": commits.quantile_ns(0.99) // 1000,
        "gate_wakes": jitter.total,
        "gate_jitter_p50_us": jitter.quantile_ns(0.5) // 1000,
        "gate_jitter_p999_us": jitter.quantile_ns(0.999) // 1000,
        "gate_jitter_max_us": jitter.max_ns // 1000,
        "gate_gaps": gate.stats.gaps,
        "gate_realtime": gate.stats.scheduler.startswith("fifo"),
        "heartbeats": gate.stats.beats,
    }
    found |= {f"refused_{why}": count for why, count in flow.open.refused.items()}
    return {name: float(value) for name, value in found.items()}


def differ(state: wire.LineState, said: wire.LineState | None) -> bool:
    """In more than counts: then it is said at once."""
    names = (name for name in wire.LineState.__struct_fields__ if name not in _COUNTS)
    return said is None or any(getattr(state, name) != getattr(said, name) for name in names)
