"""Lanes, and what becomes of parts when something is slow, late or overwritten under the reader's eyes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.bus.ring import RingSpec, RingWriter
from edge.bus.wire import Expect, FrameReady
from edge.clock import MS, SECOND, ManualClock
from edge.domain.decide import Decision
from edge.domain.frame import FrameRef
from edge.domain.part import PartId
from edge.domain.recipe import View
from edge.domain.result import RecipeRef, Result
from edge.domain.verdict import ReasonCode, Verdict
from edge.inference.desk import RecipeDesk
from edge.inference.figures import Figures, percentile
from edge.inference.judging import Judging, Promised
from edge.inference.lanes import Lane, Wake
from edge.inference.loading import LoadedRecipe
from edge.inference.matching import FrameBook, Pace
from edge.inference.pipeline import Prepared, RecipeRunner
from edge.inference.rings import Rings
from edge.inference.service import InferenceService
from edge.inference.session import Model, Outputs
from edge.settings.station import Camera, Station
from tests.unit.inference import made
from tests.unit.inference.made import Pixels
from tests.unit.inference.plant import recorded
from tests.unit.inference.test_desk import state


@pytest.fixture
def wake() -> Iterator[Wake]:
    made_wake = Wake()
    yield made_wake
    made_wake.close()


def test_a_model_that_hangs_stops_the_watchdog_food(run_dir: Path, station: str) -> None:
    """The main loop goes on, and says that it must not be fed."""
    clock, gate, begun = ManualClock(), threading.Event(), threading.Event()

    def never(name: str, version: int) -> LoadedRecipe:
        raise AssertionError((name, version))

    settings = Station(
        name=station,
        data_dir=run_dir,
        run_dir=run_dir / "run",
        shm_dir=run_dir,
        camera=(Camera(name="top", kind="virtual", width=64, height=64),),
    )

    def stuck() -> None:
        begun.set()
        gate.wait(5)

    with InferenceService(settings, clock, never) as service:
        service.turn()
        assert not service.hung
        service._model.submit(None, stuck)
        assert begun.wait(5)
        clock.advance_ms(5100)
        assert service.hung
        gate.set()


class GatedRunner(RecipeRunner):
    """Prepares only while the gate is open, and then calls `after`; a model's thread calls `while_it_runs`."""

    def __init__(self, ref: RecipeRef, view: View, models: tuple[Model, ...]) -> None:
        super().__init__(ref, view, models)
        self.gate = threading.Event()
        self.gate.set()
        self.after: Callable[[], None] | None = None
        self.while_it_runs: Callable[[], None] = lambda: None

    def infer(self, prepared: Prepared) -> tuple[Outputs | None, ...]:
        self.while_it_runs()
        return super().infer(prepared)

    def prepare(self, frame: Pixels, identity: tuple[int, int] = (0, 0)) -> Prepared | Decision:
        assert self.gate.wait(5)
        outcome = super().prepare(frame, identity)
        if self.after is not None:
            self.after()
        return outcome


class Bench:
    """Judging with all its pieces but the sockets; `clock` stands still unless moved."""

    def __init__(self, folder: Path, station: str, wake: Wake, workers: int = 1) -> None:
        self.clock = ManualClock(10 * SECOND)
        self.sent: list[Result] = []
        self.lent: list[tuple[int, str]] = []
        package = made.package(folder / "models")
        self.model = Model.load(package)
        self.recipe = made.recipe(made.view((made.check(package),)))
        view = self.recipe.views[0]
        self.runner = GatedRunner(self.recipe.ref, view, (self.model,))
        loaded = LoadedRecipe(
            recipe=self.recipe, ref=self.recipe.ref, runners={"top": self.runner}, models=(self.model,)
        )
        self.lanes = {name: Lane(name, 2, wake, self.clock) for name in ("prepare", "loader")}
        self.lanes["model"] = Lane("model", 2 * workers, wake, self.clock, threads=workers)
        self.desk = RecipeDesk(self.lanes["loader"], lambda name, version: loaded)
        self.rings = Rings(folder, station)
        spec = RingSpec(station=station, camera="top", epoch=1, slots=8, height=64, width=64, channels=3)
        self.ring = RingWriter.create(folder, spec)
        self.figures = Figures()
        self.judging = Judging(
            desk=self.desk,
            rings=self.rings,
            books={"top": FrameBook(Pace(triggered=True, period_ns=100 * MS))},
            promised={"top": Promised(height=64, width=64, channels=3)},
            prepare_lane=self.lanes["prepare"],
            model_lane=self.lanes["model"],
            figures=self.figures,
            clock=self.clock,
            send=self._send,
            lend=lambda frame, what: self.lent.append((frame.seq, what)),
        )
        self.seq = 0

    def _send(self, result: Result) -> bool:
        self.sent.append(result)
        return True

    def load(self) -> RecipeRef:
        self.desk.line_says(state(active=self.recipe.ref))
        self.until(lambda: self.desk.state()[0] == "ready")
        return self.recipe.ref

    def until(self, done: Any) -> None:
        until = time.monotonic() + 5
        while not done():
            assert time.monotonic() < until
            self.desk.tick(self.clock.now_ns(), self.judging.needed())
            self.judging.step()
            time.sleep(0.002)

    def part(self, n: int, *, cutoff_ms: float = 500, announce: bool = True) -> Expect:
        self.seq += 1
        slot = self.seq % 8
        self.ring.begin(slot)[:] = 40
        now_ns = self.clock.now_ns() + n * MS
        generation = self.ring.commit(slot, seq=self.seq, exposed_at_ns=now_ns)
        ref = FrameRef(
            camera="top",
            epoch=1,
            slot=slot,
            generation=generation,
            seq=self.seq,
            exposed_at_ns=now_ns,
            error_ns=0,
        )
        if announce:
            self.judging.frame(FrameReady(frame=ref, height=64, width=64, channels=3))
        expect = Expect(
            part=PartId(station="s", epoch=1, n=n),
            view="top",
            recipe=self.recipe.ref,
            not_before_ns=now_ns,
            not_after_ns=now_ns,
            cutoff_ns=self.clock.now_ns() + int(cutoff_ms * MS),
        )
        self.judging.expect(expect)
        return expect

    def close(self) -> None:
        for lane in self.lanes.values():
            lane.close()
        self.rings.close()
        self.ring.close()


@pytest.fixture
def bench(tmp_path: Path, station: str, wake: Wake) -> Iterator[Bench]:
    made_bench = Bench(tmp_path, station, wake)
    yield made_bench
    made_bench.close()


def test_parts_wait_for_their_recipe(bench: Bench) -> None:
    bench.part(1)
    bench.judging.step()
    assert bench.sent == []
    bench.load()
    bench.until(lambda: bench.sent)
    assert bench.sent[0].verdict is Verdict.OK


def test_the_nearest_cut_off_goes_first(bench: Bench) -> None:
    bench.load()
    bench.runner.gate.clear()
    for n, cutoff_ms in ((1, 500), (2, 500), (3, 900), (4, 300), (5, 600)):
        bench.part(n, cutoff_ms=cutoff_ms)
        bench.judging.step()  # the first two fill the lane
    bench.runner.gate.set()
    bench.until(lambda: len(bench.sent) == 5)
    assert [result.part.n for result in bench.sent] == [1, 2, 4, 5, 3]


def test_as_many_models_run_at_once_as_there_are_workers(tmp_path: Path, station: str, wake: Wake) -> None:
    bench = Bench(tmp_path, station, wake, workers=2)
    both = threading.Barrier(2, timeout=5)
    bench.runner.while_it_runs = lambda: both.wait() and None
    try:
        bench.load()
        for n in range(1, 7):
            bench.part(n)
        bench.until(lambda: len(bench.sent) == 6)
        assert [result.verdict for result in bench.sent] == [Verdict.OK] * 6
    finally:
        bench.close()


def test_a_model_run_that_takes_long_does_not_hold_up_the_others(tmp_path: Path, station: str, wake: Wake) -> None:
    bench = Bench(tmp_path, station, wake, workers=2)
    first, long = threading.Lock(), threading.Event()
    bench.runner.while_it_runs = lambda: None if not first.acquire(blocking=False) else long.wait(5) and None
    try:
        bench.load()
        for n in range(1, 6):
            bench.part(n)
        bench.until(lambda: len(bench.sent) == 4)
        long.set()
        bench.until(lambda: len(bench.sent) == 5)
        assert sorted(result.part.n for result in bench.sent) == [1, 2, 3, 4, 5]
    finally:
        bench.close()


def test_what_cannot_be_judged_in_time_is_counted_and_its_frame_given_back(bench: Bench) -> None:
    bench.part(1, cutoff_ms=100)  # its recipe never comes
    bench.part(2, cutoff_ms=100, announce=False)
    bench.judging.step()
    bench.clock.advance_ms(150)
    bench.judging.step()
    assert bench.judging.depth == 0
    assert bench.figures.as_counters()["missing"] == 2
    assert bench.sent == []


def test_a_matched_part_past_its_cut_off_is_late(bench: Bench) -> None:
    bench.load()
    bench.runner.gate.clear()
    for n, cutoff_ms in ((1, 500), (2, 500), (3, 100)):
        bench.part(n, cutoff_ms=cutoff_ms)
        bench.judging.step()
    bench.clock.advance_ms(150)
    bench.judging.step()
    assert bench.figures.as_counters()["late"] == 1
    assert bench.lent == [(1, "matched"), (2, "matched"), (3, "matched"), (3, "done")]
    bench.runner.gate.set()
    bench.until(lambda: len(bench.sent) == 2)


def test_a_recorded_part_gives_back_the_frame_that_nobody_will_keep(bench: Bench) -> None:
    bench.load()
    expect = bench.part(1)
    bench.until(lambda: bench.sent)
    nothing = recorded(bench.sent[0])
    bench.judging.recorded(type(nothing)(**{**_fields(nothing), "results": ()}))
    assert bench.lent[-1] == (1, "done")
    bench.judging.expect(expect)  # an echo: it stays closed
    bench.judging.step()
    assert len(bench.sent) == 1


def _fields(message: Any) -> dict[str, Any]:
    return {name: getattr(message, name) for name in message.__struct_fields__}


def test_a_frame_overwritten_while_it_is_read_is_not_inspected(bench: Bench) -> None:
    """The slot is whole before the look, and another frame after it."""

    def overwrite() -> None:
        bench.ring.begin(1)[:] = 255
        bench.ring.commit(1, seq=99, exposed_at_ns=1)

    bench.load()
    bench.runner.after = overwrite
    bench.part(1)
    bench.until(lambda: bench.sent)
    assert [reason.code for reason in bench.sent[0].reasons] == [ReasonCode.OVERWRITTEN]
    assert bench.figures.as_counters()["overwritten"] == 1


def test_open_parts_are_bounded(bench: Bench) -> None:
    for n in range(1, 1100):
        expect = Expect(
            part=PartId(station="s", epoch=1, n=n),
            view="top",
            recipe=bench.recipe.ref,
            not_before_ns=0,
            not_after_ns=1,
            cutoff_ns=2**62,
        )
        bench.judging.expect(expect)
    assert bench.judging.depth == bench.judging.size
    assert bench.figures.as_counters()["late"] == 1099 - 1024


def test_percentiles_by_nearest_rank() -> None:
    assert percentile([], 0.5) == 0
    assert percentile([1.0], 0.99) == 1
    assert percentile([float(k) for k in range(100)], 0.99) == 99


def test_a_line_that_started_anew_frees_what_its_earlier_epochs_left(bench: Bench) -> None:
    """Their cut-off may be ten minutes away, if the belt stood; nobody would say that they are recorded."""
    bench.load()
    bench.part(1, cutoff_ms=600_000)
    bench.part(2, cutoff_ms=600_000, announce=False)
    bench.until(lambda: len(bench.sent) == 1)
    bench.judging.line_started(1)
    assert bench.judging.depth == 1
    bench.judging.line_started(2)
    assert bench.judging.depth == 0
    assert bench.judging.needed() == []
    assert bench.lent[-1] == (1, "done")
    bench.clock.advance_ms(1000)
    bench.judging.step()
    assert len(bench.sent) == 1
