"""A line without threads: the real flow on a fake gate and a fake ledger queue, with time held in the hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge.bus import wire
from edge.clock import MS, ManualClock
from edge.domain.frame import FrameRef
from edge.domain.ledger import Entry, PartRecord, TriggerRecord
from edge.domain.part import Mode, PartId
from edge.domain.recipe import GateTiming
from edge.domain.result import RecipeRef, Result, Score
from edge.domain.verdict import Reason, ReasonCode, Verdict
from edge.line.belt import TimeBelt
from edge.line.committer import Committed
from edge.line.flow import Flow
from edge.line.gate_thread import Told
from edge.line.journal import Journal
from edge.line.modes import Modes
from edge.line.outages import Outages
from edge.line.ports import Input, InputEvent
from edge.line.recipes import Recipes
from edge.line.triggers import Announced, Triggers
from edge.settings.station import BarrierTable, Camera, Line, Station

RECIPE = RecipeRef(name="biscuit", version=3, digest="d" * 16)
MODELS = ("a" * 12,)
TRAVEL_MS, HOLD_MS, LEAD_MS = 800.0, 40.0, 30.0


def station_of(line: Line | None = None, *cameras: str) -> Station:
    line = line or Line()
    barrier = BarrierTable() if line.trigger == "barrier" else None
    made = tuple(
        Camera(name=name, kind="virtual", width=64, height=64, barrier=barrier) for name in cameras or ("top",)
    )
    return Station(name="s1", data_dir=Path("d"), run_dir=Path("r"), camera=made, line=line)


def ready(
    *cameras: str, name: str = "biscuit", version: int = 3, travel: float = TRAVEL_MS, before_ms: float = -20.0
) -> wire.RecipeReady:
    names = cameras or ("top",)
    return wire.RecipeReady(
        recipe=RecipeRef(name=name, version=version, digest="d" * 16), product="p", cameras=names,
        windows_ms=tuple((before_ms, 60.0) for _ in names), models=MODELS * len(names),
        gate=GateTiming(travel=travel, before_ms=HOLD_MS, after_ms=HOLD_MS), rules=(),
    )  # fmt: skip


@dataclass
class FakeGate:
    told: list[Told] = field(default_factory=list)
    room: bool = True

    def tell(self, message: Told) -> bool:
        if self.room:
            self.told.append(message)
        return self.room

    def of(self, kind: type) -> list[Told]:
        return [message for message in self.told if isinstance(message, kind)]


@dataclass
class FakeCommitter:
    """Keeps what it is given; `commit` makes all of it durable, as the real one would."""

    room: bool = True
    jobs: list[tuple[tuple[Entry, ...], Callable[[], None] | None]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    row: int = 0

    def has_room(self) -> bool:
        return self.room

    def put(self, *entries: Entry, then: Callable[[], None] | None = None, soon: bool = True) -> None:
        self.entries += entries
        self.jobs.append((entries, then))

    def commit(self) -> list[Committed]:
        done = []
        for entries, then in self.jobs:
            rows: dict[PartId, int] = {}
            for entry in entries:
                if isinstance(entry, PartRecord):
                    self.row += 1
                    rows[entry.part] = self.row
            done.append(Committed(entries=entries, rows=rows, then=then))
        self.jobs.clear()
        return done

    def of(self, kind: type) -> list[Entry]:
        return [entry for entry in self.entries if isinstance(entry, kind)]


class Plant:
    """The belt runs from the start unless `belt` is False; `said` is what went out on LINE."""

    def __init__(self, *cameras: str, mode: Mode = Mode.RUN, recipe: bool = True, belt: bool = True,
                 line: Line | None = None) -> None:  # fmt: skip
        self.clock = ManualClock(10_000 * MS)
        self.station = station_of(line, *cameras)
        self.belt = TimeBelt(has_input=True, now_ns=self.clock.now_ns())
        if belt:
            self.move(True)
        self.gate, self.committer, self.outages = FakeGate(), FakeCommitter(), Outages(1)
        self.modes, self.recipes = Modes(None), Recipes(self.station, "")
        self.modes.mode = mode
        if recipe:
            self.recipes.active = ready(*cameras)
        self.triggers = Triggers(self.station.line)
        self.said: list[wire.Message] = []
        self.decided: list[tuple[TriggerRecord, PartRecord]] = []
        self.journal = Journal(
            committer=self.committer, epoch=1, modes=self.modes, recipes=self.recipes, outages=self.outages,  # type: ignore[arg-type]
            clock=self.clock, crossings=self.station.line.trigger == "barrier",
        )  # fmt: skip
        self.flow = Flow(
            station=self.station, epoch=1, belt=self.belt, gate=self.gate, committer=self.committer,  # type: ignore[arg-type]
            journal=self.journal, outages=self.outages, modes=self.modes, recipes=self.recipes,
            triggers=self.triggers, clock=self.clock, say=self.said.append,
            decided=lambda trigger, record: self.decided.append((trigger, record)),
        )  # fmt: skip

    def move(self, running: bool) -> None:
        self.belt.take(InputEvent(input=Input.BELT, value=int(running), at_ns=self.clock.now_ns()))

    def edge(self) -> PartId:
        """A part at the sensor now. Its id, accepted or not."""
        announced = self.triggers.edge(InputEvent(input=Input.SENSOR, value=1, at_ns=self.clock.now_ns()))
        assert announced is not None
        self.announce(announced)
        accepted = self.committer.of(TriggerRecord)
        return accepted[-1].part if accepted else PartId(station="s1", epoch=1, n=0)  # type: ignore[union-attr]

    def announce(self, announced: Announced) -> bool:
        return self.flow.announce(announced)

    def commit(self) -> None:
        for group in self.committer.commit():
            self.flow.committed(group)

    def record_of(self, part: PartId) -> PartRecord | None:
        """The one record of this part; fails when there are two."""
        found = [e for e in self.committer.of(PartRecord) if e.part == part]  # type: ignore[union-attr]
        assert len(found) <= 1, f"{part} was recorded {len(found)} times"
        return found[0] if found else None  # type: ignore[return-value]

    def heard(self, kind: type[wire.Message]) -> list[wire.Message]:
        return [message for message in self.said if isinstance(message, kind)]


def result(
    part: PartId, exposed_ns: int, *, verdict: Verdict = Verdict.OK, view: str = "top", recipe: RecipeRef = RECIPE,
    models: tuple[str, ...] = MODELS, error_ns: int = MS, camera: str = "",
) -> Result:  # fmt: skip
    frame = FrameRef(
        camera=camera or view, epoch=1, slot=0, generation=2, seq=1, exposed_at_ns=exposed_ns, error_ns=error_ns
    )
    codes = {Verdict.NG: ReasonCode.ANOMALY, Verdict.UNSURE: ReasonCode.ANOMALY_UNSURE,
             Verdict.NOT_INSPECTED: ReasonCode.BLURRED}  # fmt: skip
    reasons = (Reason(code=codes[verdict], where="surface"),) if verdict in codes else ()
    scores = (Score(check="surface", score=1.0, unsure_from=2.0, ng_from=3.0),)
    return Result(
        part=part, view=view, recipe=recipe, verdict=verdict, reasons=reasons, scores=scores, models=models, frame=frame
    )
