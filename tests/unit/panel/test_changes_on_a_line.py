"""The panel's changes on a real line: its service, its ledger, the bus; the test is machine, camera and inference."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from edge.bus import wire
from edge.clock import MS
from edge.domain.change import Action as Happened
from edge.domain.change import ChangeEvent, Stage, Way
from edge.domain.part import Mode, Purpose
from edge.domain.recipe import GateTiming, Recipe
from edge.domain.result import RecipeRef
from edge.domain.verdict import Verdict
from edge.panel.books import Books
from edge.panel.changes import Changes
from edge.panel.commands import LineCommands
from edge.panel.keeper import Keeper
from edge.panel.watch import Watch
from tests.unit.line.plant import ready
from tests.unit.line.test_service import Rig, make_station
from tests.unit.panel.desk import recipe


class Shop:
    """biscuit@1 runs in lot L1; biscuit@2 is proposed and approved. The panel's keeper runs."""

    def __init__(self, rig: Rig, undo: ExitStack, way: Way) -> None:
        self.rig = rig
        station = rig.station
        self.books = Books(station.data_dir, rig.clock)
        watch = Watch(station.run_dir, ("line", "panel"), rig.clock, lambda: ((), {}))
        commands = LineCommands(station.run_dir, ask_ms=5000)
        self.changes = Changes(
            books=self.books, watch=watch, commands=commands, clock=rig.clock, models_dir=station.models_dir,
            taught=station.data_dir / "taught",
        )  # fmt: skip
        self.commands, self.watch = commands, watch
        first = self.books.station.add_recipe(recipe())
        second = self.books.station.add_recipe(Recipe(**_fields(recipe()) | {"gate": GateTiming(travel=300)}))
        keeper = Keeper(self.changes.settle, every_s=0.05)
        for part in (watch, commands, keeper):
            part.start()
        undo.callback(self.books.close)
        for part in (watch, commands, keeper):
            undo.callback(part.close)
        rig.run(_ready(first))
        rig.ask(wire.SetLot(lot="L1", by="Hoa"))
        rig.until(lambda: self.heard is not None and self.heard.lot == "L1", "the panel's hearing")
        event = ChangeEvent(
            by="Lan", action=Happened.PROPOSED, change="a" * 32, recipe_from=str(first), recipe_to=str(second)
        )
        self.books.station.add_change(event)
        self.changes.approve(event.change, by="Minh", way=way)
        self.second, self.change = second, event.change

    @property
    def heard(self) -> wire.LineState | None:
        return self.watch.snapshot.line

    @property
    def stage(self) -> Stage:
        return self.changes.one(self.change).stage

    def do(self, act: Callable[[], Any]) -> Any:
        """What waits for the line, while the line works."""
        done: list[Any] = []
        thread = threading.Thread(target=lambda: done.append(act()))
        thread.start()
        self.rig.until(lambda: bool(done) or not thread.is_alive(), "the answer")
        thread.join()
        assert done, "it was refused"
        return done[0]

    def prepared(self) -> None:
        """Inference loads what the line asks for."""
        self.rig.until(lambda: self.rig.state is not None and self.rig.state.preparing is not None, "the question")
        self.rig.reports.send(_ready(self.second))

    def sent(self, verdict: Verdict) -> None:
        self.rig.judge(self.rig.edge(), verdict)


def _fields(made: Recipe) -> dict[str, Any]:
    return {name: getattr(made, name) for name in made.__slots__}


def _ready(ref: RecipeRef) -> wire.RecipeReady:
    report = ready(travel=300.0)
    fields = {name: getattr(report, name) for name in report.__struct_fields__}
    return wire.RecipeReady(**fields | {"recipe": ref})


@pytest.fixture
def rig(tmp_path: Path, run_dir: Path, station: str) -> Iterator[Rig]:
    rig = Rig(make_station(tmp_path, run_dir, station))
    rig.start()
    yield rig
    rig.close()


def test_an_approved_change_begins_with_the_lot(rig: Rig) -> None:
    with ExitStack() as undo:
        shop = Shop(rig, undo, Way.LOT)
        request = shop.changes.with_lot("L2", "Hoa")
        assert request.recipe == ("biscuit", 2)
        assert shop.do(lambda: shop.commands.ask(request)).ok
        before = rig.judge(rig.edge(), Verdict.NG)
        assert (before.lot, shop.stage) == ("L1", Stage.APPROVED)
        shop.prepared()
        rig.until(lambda: shop.stage is Stage.ACTIVE, "the note that it is active")
        rig.judge(rig.edge(), Verdict.NG)
        rows = shop.books.ledger.parts()
        stamps = {(row.trigger.lot, str(row.trigger.recipe)) for row in rows}
        assert stamps == {("L1", "biscuit@1"), ("L2", "biscuit@2")}
        assert shop.changes.one(shop.change).events[-1].reason == "lot L2"


def test_a_challenge_from_its_start_to_the_running_line(rig: Rig) -> None:
    with ExitStack() as undo:
        shop = Shop(rig, undo, Way.CHALLENGE)
        shop.do(lambda: shop.changes.challenge(shop.change, by="Hoa", required=2))
        shop.prepared()
        rig.until(lambda: rig.state is not None and rig.state.trial and rig.state.permit, "the trial")
        until_ns = rig.clock.now_ns() + 1100 * MS
        rig.until(lambda: rig.clock.now_ns() > until_ns, "the end of the purge")
        shop.sent(Verdict.NG)
        refused = rig.ask(wire.SetMode(mode=Mode.RUN, by="An"))
        assert isinstance(refused, wire.Reply)
        assert not refused.ok
        shop.sent(Verdict.UNSURE)
        rig.until(lambda: shop.stage is Stage.ACTIVE, "the pass")
        rig.until(lambda: rig.state is not None and not rig.state.trial, "the end of the trial")
        assert rig.state is not None
        assert (str(rig.state.active), rig.state.mode, rig.state.purpose) == (
            "biscuit@2", Mode.SETUP, Purpose.PRODUCTION,
        )  # fmt: skip
        assert rig.ask(wire.SetMode(mode=Mode.RUN, by="An")) == wire.Reply(ok=True)


def test_a_challenge_that_lets_one_through_brings_the_recipe_before_back(rig: Rig) -> None:
    with ExitStack() as undo:
        shop = Shop(rig, undo, Way.CHALLENGE)
        shop.do(lambda: shop.changes.challenge(shop.change, by="Hoa", required=2))
        shop.prepared()
        rig.until(lambda: rig.state is not None and rig.state.trial and rig.state.permit, "the trial")
        shop.sent(Verdict.OK)
        rig.until(lambda: shop.stage is Stage.FAILED, "the failure")
        rig.until(lambda: rig.state is not None and rig.state.preparing == ("biscuit", 1), "the way back")
        rig.reports.send(
            _ready(RecipeRef(name="biscuit", version=1, digest=shop.books.station.recipe("biscuit", 1).ref.digest))
        )
        rig.until(lambda: rig.state is not None and str(rig.state.active) == "biscuit@1", "the recipe before")
        assert rig.state is not None
        assert not rig.state.trial
        assert rig.ask(wire.SetMode(mode=Mode.RUN, by="An")) == wire.Reply(ok=True)
