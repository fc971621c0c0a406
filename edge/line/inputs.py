"""Reading the port: what happened, whether the inputs are heard at all, and where the belt is."""

from __future__ import annotations

from edge.clock import Clock
from edge.line.belt import Belt
from edge.line.gate_thread import GateThread, Inputs, Purge
from edge.line.journal import Journal
from edge.line.outages import Outages
from edge.line.ports import Input, InputEvent, Port

START, INPUTS = "the line was down", "the inputs were not heard"
_LOST = "inputs were lost on their way"
_BELT = (Input.BELT, Input.ENCODER)


class InputWatch:
    """From the start until the inputs are heard, and whenever they are not, it is an outage: edges in it are no parts.

    The belt here and the gate's are told the same events in the same order.
    """

    def __init__(
        self, port: Port, belt: Belt, gate: GateThread, journal: Journal, outages: Outages, clock: Clock
    ) -> None:
        self._port, self._belt, self._gate = port, belt, gate
        self._journal, self._outages, self._clock = journal, outages, clock
        self._lost = 0
        self.heard = False
        self.bin_full = False
        self.just_lost = False  # in the last `read`: parts in flight are not where they were thought to be
        self.accepted_from_ns = 0  # announcements up to here, from `outage_from_ns` on, lie in an outage
        self.outage_from_ns = 0
        self.accepted_until_ns = 0

    def read(self) -> list[InputEvent]:
        """The events that may announce a part."""
        before_ns = self._port.seen_until_ns()
        events = self._port.read()
        for event in events:
            self._follow(event)
        now_ns = self._clock.now_ns()
        was, self.heard = self.heard, self._port.alive(now_ns)
        self.just_lost = was and not self.heard
        some_lost = self._port.lost() > self._lost
        if some_lost:
            self._some_were_lost(before_ns)
        if self.just_lost:
            self._outages.begin(INPUTS, before_ns if some_lost else self._port.seen_until_ns())
            self._belt.lose(now_ns)
            self._gate.tell(Purge(belt_lost=True, at_ns=now_ns))
        elif self.heard and not was:
            self.accepted_from_ns, self.outage_from_ns = self._port.seen_until_ns(), self._outages.from_ns
            for cause in (START, INPUTS):
                self._journal.outage_ends(cause, self.accepted_from_ns)
        self.accepted_until_ns = self._port.seen_until_ns()
        return events if was else []

    def _follow(self, event: InputEvent) -> None:
        if event.input is Input.BIN_FULL:
            self.bin_full = bool(event.value)
        elif event.input in _BELT:
            self._belt.take(event)
            self._gate.tell(Inputs(event=event))
        elif event.input is Input.CONFIRM:
            self._gate.tell(Inputs(event=event))
        elif not self._belt.known:  # a belt without an input of its own runs from the first sign of life on
            self._belt.take(event)
            self._gate.tell(Inputs(event=event))

    def _some_were_lost(self, before_ns: int) -> None:
        self._lost = self._port.lost()
        self._gate.tell(Purge(everything=True))
        if self.heard:
            self._journal.outage(before_ns, self._port.seen_until_ns(), _LOST)
            self._journal.note("inputs_lost", _LOST)
