"""A desk with a line that does what it is told, and something that was taught: for tests of changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.bus import wire
from edge.clock import SECOND
from edge.domain import recipe as recipes
from edge.domain.model import Manifest, ModelKind, Preprocess
from edge.domain.part import Mode, Purpose
from edge.domain.recipe import Recipe
from edge.domain.result import RecipeRef
from edge.domain.verdict import GateOutcome, Verdict
from edge.errors import EdgeError, Refused
from edge.store.packages import Package, write_package
from tests.unit.panel.desk import Desk, line_state, recipe, status
from tests.unit.store import ledger_values

REPORT = '{"model": "biscuit@2", "seen": 40, "lost": []}'


class Line:
    """In place of `line`. slow: recipes wait until `load` says so. trouble: raised instead of an answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.state = line_state(active=desk.ref)
        self.asked: list[wire.Message] = []
        self.slow = False
        self.trouble: dict[type[wire.Message], EdgeError] = {}
        self._trial = False

    def say(self, **changes: Any) -> None:
        self.state = wire.LineState(
            **({name: getattr(self.state, name) for name in self.state.__struct_fields__} | changes)
        )  # fmt: skip
        self._desk.hear(self.state)

    def ask(self, request: wire.Message) -> wire.Reply:
        self.asked.append(request)
        if type(request) in self.trouble:
            raise self.trouble[type(request)]
        match request:
            case wire.SetMode():
                if request.mode is Mode.RUN and self.state.trial:
                    raise Refused("a recipe is being challenged")
                self.say(mode=request.mode)
            case wire.SetPurpose():
                self.say(purpose=request.purpose)
            case wire.ActivateRecipe():
                self._trial = request.trial
                self.say(preparing=(request.name, request.version))
            case wire.SetLot(recipe=None):
                self.say(lot=request.lot)
            case wire.SetLot():
                self.say(coming_lot=request.lot, preparing=request.recipe)
        if not self.slow:
            self.load()
        return wire.Reply(ok=True)

    def load(self) -> None:
        """Inference has what it was asked for."""
        if self.state.preparing is None:
            return
        name, version = self.state.preparing
        ref = RecipeRef(name=name, version=version, digest="d" * 16)
        lot = self.state.coming_lot or self.state.lot
        self.say(active=ref, preparing=None, trial=self._trial and not self.state.coming_lot, lot=lot, coming_lot="")

    def give_up(self, why: str) -> None:
        """Inference cannot load it: the lot begins all the same."""
        assert self.state.preparing is not None
        name = "{}@{}".format(*self.state.preparing)
        self.say(preparing=None, lot=self.state.coming_lot or self.state.lot, coming_lot="")
        alarm = wire.Alarm(code="recipe_failed", since_ns=1, detail=f"{name}: {why}")
        self._desk.hear(status("line", alarms=(alarm,)))


class Shop:
    """`desk`'s changes with such a line. `lan` proposes, `minh` is of quality."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.line = Line(desk)
        desk.use_line(self.line)
        self.line.say()
        self.n = 100

    @property
    def changes(self) -> Any:
        return self.desk.changes

    def teach(
        self, taught: str = "biscuit@2", model: bytes = b"better", report: str = REPORT, **fields: Any
    ) -> Package:
        """As `edge learning correct` leaves it: the model is another, and its limits."""
        folder = self.desk.data / "taught" / taught
        label, version = taught.split("@")
        manifest = Manifest(
            format=1, name=label, version=int(version), kind=ModelKind.ANOMALY,
            preprocess=Preprocess(width=32, height=32), files={"model.onnx": "0" * 64}, unsure_from=1.5, ng_from=2.5,
        )  # fmt: skip
        folder.mkdir(parents=True)
        package = write_package(folder / "package", manifest, {"model.onnx": model})
        (folder / "recipe.json").write_bytes(recipes.dump(corrected(package, **fields)))
        if report:
            (folder / "report.json").write_text(report)
        return package

    def proposed(self, taught: str = "biscuit@2", **fields: Any) -> str:
        self.teach(taught, **fields)
        return str(self.changes.propose(taught, by="Lan", reason="crumbs").change)

    def stage(self, change: str) -> str:
        return str(self.changes.one(change).stage.value)

    def part(
        self, verdict: Verdict, outcome: GateOutcome | None, *, version: int = 2,
        purpose: Purpose = Purpose.CHALLENGE, mode: Mode = Mode.SETUP,
    ) -> None:  # fmt: skip
        """A part in the ledger, judged by biscuit@version."""
        assert self.desk.ledger is not None
        self.n += 1
        ref = RecipeRef(name="biscuit", version=version, digest="d" * 16)
        trigger = ledger_values.trigger(self.desk.epoch, self.n, recipe=ref, purpose=purpose)
        entries: list[Any] = [replace(trigger, mode=mode), ledger_values.record(self.desk.epoch, self.n, verdict)]
        if outcome is not None:
            entries.append(ledger_values.gate(self.desk.epoch, self.n, outcome))
        self.desk.ledger.commit(entries)

    def wait(self, seconds: float = 6) -> None:
        """The line goes on saying what it said."""
        self.desk.clock.advance_ms(round(seconds * SECOND / 1e6))
        self.line.say()


def corrected(package: Package, **fields: Any) -> Recipe:
    made = recipe()
    (view,) = made.views
    (check,) = view.checks
    manifest = package.manifest
    check = replace(
        check, model=manifest.reference, model_digest=package.model_digest, unsure_from=manifest.unsure_from,
        ng_from=manifest.ng_from,
    )  # fmt: skip
    return replace(made, version=2, views=(replace(view, checks=(check,)),), author="Lan", reason="crumbs", **fields)


def installed(desk: Desk, name: str) -> Path:
    return desk.station.models_dir / name
