"""The way of each part through inference: expected, matched to its frame, prepared, run, judged, acknowledged.

All of it happens in the main loop but for two pieces of work in their own lanes: preparing, and the bare model run.
While models run the next parts are prepared, so that a model's thread always has its next input at hand.
Parts whose cut-off is nearest go first.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from edge.bus.ring import RingReader
from edge.bus.wire import Expect, FrameReady, Recorded
from edge.clock import Clock
from edge.domain.decide import Decision, not_inspected
from edge.domain.frame import FrameRef
from edge.domain.part import PartId
from edge.domain.prediction import Prediction
from edge.domain.result import RecipeRef, Result, Timings
from edge.domain.verdict import ReasonCode
from edge.errors import RingError
from edge.inference.desk import RecipeDesk
from edge.inference.figures import Figures
from edge.inference.lanes import Lane
from edge.inference.matching import FrameBook
from edge.inference.pipeline import Prepared, RecipeRunner
from edge.inference.rings import Rings

_REPEAT_NS = 50_000_000
_KEEP_NS = 2_000_000_000  # a result, after its cut-off: a belt that stood still moves the cut-off
_MAX_OPEN = 1024
_MAX_AHEAD = 2  # parts being prepared or waiting for the model lane
_CLOSED_KEPT = 1024

Key = tuple[PartId, str]
Lend = Callable[[FrameRef, str], None]


class Stage(Enum):
    WAITING = "waiting"
    MATCHED = "matched"
    BUSY = "busy"
    JUDGED = "judged"


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """One view of one part."""

    expect: Expect
    stage: Stage = Stage.WAITING
    ready: FrameReady | None = None
    runner: RecipeRunner | None = None
    result: Result | None = None
    started_ns: int = 0
    prepare_ns: int = 0
    send_ns: int = 0

    @property
    def key(self) -> Key:
        return self.expect.part, self.expect.view


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """What the station file says of a camera's frames."""

    height: int
    width: int
    channels: int


class Judging:
    """Queue: 1,024 open views; beyond, the oldest is dropped and counted as late. Prepared parts: at most 2,
    and as many as the model lane takes.

    send: gives a result to `line`, False when it could not be queued. lend: (frame, state) to capture.
    """

    def __init__(
        self,
        *,
        desk: RecipeDesk,
        rings: Rings,
        books: Mapping[str, FrameBook],
        promised: Mapping[str, Promised],
        prepare_lane: Lane,
        model_lane: Lane,
        figures: Figures,
        clock: Clock,
        send: Callable[[Result], bool],
        lend: Lend,
    ) -> None:
        self._desk, self._rings, self._books, self._promised = desk, rings, books, promised
        self._prepare_lane, self._model_lane = prepare_lane, model_lane
        self._figures, self._clock, self._send, self._lend = figures, clock, send, lend
        self._jobs: OrderedDict[Key, Job] = OrderedDict()
        self._prepared: deque[tuple[Job, Prepared]] = deque()
        self._closed: OrderedDict[PartId, None] = OrderedDict()

    @property
    def depth(self) -> int:
        return sum(job.stage is not Stage.JUDGED for job in self._jobs.values())

    @property
    def size(self) -> int:
        return _MAX_OPEN

    def needed(self) -> list[RecipeRef]:
        """Recipes of the parts that are not judged yet."""
        return list({job.expect.recipe: None for job in self._jobs.values() if job.stage is not Stage.JUDGED})

    def expect(self, expect: Expect) -> None:
        """Idempotent: a repetition may bring a later cut-off."""
        if expect.part in self._closed:
            return
        job = self._jobs.get((expect.part, expect.view))
        if job is not None:
            job.expect = expect
            return
        self._jobs[expect.part, expect.view] = Job(expect=expect)
        if len(self._jobs) > _MAX_OPEN:
            self._drop(next(iter(self._jobs.values())), "late")

    def frame(self, ready: FrameReady) -> None:
        book = self._books.get(ready.frame.camera)
        if book is not None and self._rings.announced(ready, self._clock.now_ns()):
            book.add(ready)

    def recorded(self, message: Recorded) -> None:
        """The part is closed; frames that its record does not name are free."""
        named = {result.view for result in message.results if result.frame is not None}
        for key in [key for key in self._jobs if key[0] == message.part]:
            job = self._jobs.pop(key)
            if job.ready is not None and key[1] not in named:
                self._lend(job.ready.frame, "done")
        self._closed[message.part] = None
        while len(self._closed) > _CLOSED_KEPT:
            self._closed.popitem(last=False)

    def line_started(self, epoch: int) -> None:
        """Parts of the line's earlier epochs are closed, without a message for each."""
        for job in [job for (part, _), job in self._jobs.items() if part.epoch < epoch]:
            self._forget(job)

    def step(self) -> None:
        """Whatever can go on now, does."""
        for job, (outputs, spent_ns) in self._model_lane.finished():
            self._ran(job[0], job[1], outputs, spent_ns)
        self._feed_model()
        for job, (outcome, spent_ns) in self._prepare_lane.finished():
            self._was_prepared(job, outcome, spent_ns)
        self._feed_model()
        now_ns = self._clock.now_ns()
        for job in list(self._jobs.values()):
            self._advance(job, now_ns)
        self._feed_prepare(now_ns)

    def _advance(self, job: Job, now_ns: int) -> None:
        over = now_ns >= job.expect.cutoff_ns
        if job.stage is Stage.JUDGED:
            self._repeat(job, now_ns, over)
        elif over and job.stage is Stage.WAITING:
            self._drop(job, "missing")
        elif over and job.stage is Stage.MATCHED:
            self._drop(job, "late")
        elif job.stage is Stage.WAITING:
            self._match(job, now_ns)

    def _match(self, job: Job, now_ns: int) -> None:
        expect = job.expect
        job.runner = self._desk.runner(expect.recipe, expect.view)
        if job.runner is None:
            if not self._desk.may_come(expect.recipe):
                self._judged(job, _without_recipe(expect))
            return
        book = self._books.get(expect.view)
        job.ready = book.take(expect, now_ns) if book is not None else None
        if job.ready is not None:
            job.stage = Stage.MATCHED
            self._lend(job.ready.frame, "matched")

    def _feed_prepare(self, now_ns: int) -> None:
        waiting = [job for job in self._jobs.values() if job.stage is Stage.MATCHED]
        waiting.sort(key=lambda job: job.expect.cutoff_ns)
        for job in waiting:
            ahead = self._prepare_lane.depth + len(self._prepared) + self._model_lane.depth
            if not self._prepare_lane.room or ahead >= _MAX_AHEAD + self._model_lane.size:
                return
            job.stage = Stage.BUSY
            job.started_ns = now_ns
            self._begin(job)

    def _begin(self, job: Job) -> None:
        assert job.ready is not None
        assert job.runner is not None
        frame, runner = job.ready.frame, job.runner
        bad = self._unlike_promised(job.ready)
        reader = self._rings.reader(frame.camera, frame.epoch)
        if bad is not None or reader is None:
            self._was_prepared(job, bad or not_inspected(ReasonCode.OVERWRITTEN, frame.camera), 0)
            return
        self._prepare_lane.submit(job, lambda: _timed(self._clock, lambda: _prepare(runner, reader, frame)))

    def _was_prepared(self, job: Job, outcome: Prepared | Decision, spent_ns: int) -> None:
        job.prepare_ns = spent_ns
        if isinstance(outcome, Prepared):
            self._go_on(job, outcome)
        else:
            self._finish(job, outcome, (), 0)

    def _go_on(self, job: Job, prepared: Prepared) -> None:
        assert job.runner is not None
        if self._jobs.get(job.key) is job:
            self._prepared.append((job, prepared))
        else:  # the part was closed meanwhile
            job.runner.release(prepared)

    def _feed_model(self) -> None:
        while self._prepared and self._model_lane.room:
            job, prepared = self._prepared.popleft()
            runner = job.runner
            assert runner is not None
            work = _model_work(self._clock, runner, prepared)
            self._model_lane.submit((job, prepared), work)

    def _ran(self, job: Job, prepared: Prepared, outputs: Any, spent_ns: int) -> None:
        assert job.runner is not None
        self._finish(job, prepared, job.runner.predict(prepared, outputs), spent_ns)

    def _finish(
        self, job: Job, outcome: Prepared | Decision, predictions: tuple[Prediction, ...], model_ns: int
    ) -> None:
        assert job.runner is not None
        assert job.ready is not None
        frame = job.ready.frame
        timings = Timings(
            waited_us=max(0, job.started_ns - frame.exposed_at_ns) // 1000,
            prepare_us=job.prepare_ns // 1000,
            model_us=model_ns // 1000,
            total_us=max(0, self._clock.now_ns() - frame.exposed_at_ns) // 1000,
        )
        result = job.runner.finish(outcome, predictions, part=job.expect.part, frame=frame, timings=timings)
        if self._jobs.get(job.key) is job:  # else its part was closed meanwhile, and the frame given back
            self._lend(frame, "judged")
            self._judged(job, result)

    def _judged(self, job: Job, result: Result) -> None:
        job.result, job.stage = result, Stage.JUDGED
        self._figures.judged(result)
        self._say(job)

    def _say(self, job: Job) -> None:
        assert job.result is not None
        self._send(job.result)  # refused: it is due again in 50 ms
        job.send_ns = self._clock.now_ns() + _REPEAT_NS

    def _repeat(self, job: Job, now_ns: int, over: bool) -> None:
        if not over and now_ns >= job.send_ns:
            self._figures.count("resent")
            self._say(job)
        elif now_ns >= job.expect.cutoff_ns + _KEEP_NS:
            self._forget(job)

    def _drop(self, job: Job, why: str) -> None:
        self._figures.count(why)
        self._forget(job)

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.key, None)
        if job.ready is not None:
            self._lend(job.ready.frame, "done")

    def _unlike_promised(self, ready: FrameReady) -> Decision | None:
        promised = self._promised[ready.frame.camera]
        for have, want in (
            (ready.width, promised.width),
            (ready.height, promised.height),
            (ready.channels, promised.channels),
        ):
            if have != want:
                return not_inspected(ReasonCode.BAD_FRAME, ready.frame.camera, have, want)
        return None


def _prepare(runner: RecipeRunner, reader: RingReader, frame: FrameRef) -> Prepared | Decision:
    """In place from the ring; worth something only when the slot is still that frame after the last look."""
    try:
        if reader.current(frame.slot, frame.generation):
            outcome = runner.prepare(reader.view(frame.slot), (frame.epoch, frame.seq))
            if reader.current(frame.slot, frame.generation):
                return outcome
            if isinstance(outcome, Prepared):
                runner.release(outcome)
    except RingError:
        pass  # the ring was closed: a camera that was started anew twice, or a slot that never was
    return not_inspected(ReasonCode.OVERWRITTEN, frame.camera)


def _model_work(clock: Clock, runner: RecipeRunner, prepared: Prepared) -> Callable[[], tuple[Any, int]]:
    def work() -> tuple[Any, int]:
        timed = _timed(clock, lambda: runner.infer(prepared))
        runner.release(prepared)
        return timed

    return work


def _timed(clock: Clock, work: Callable[[], Any]) -> tuple[Any, int]:
    start_ns = clock.now_ns()
    outcome = work()
    return outcome, clock.now_ns() - start_ns


def _without_recipe(expect: Expect) -> Result:
    decision = not_inspected(ReasonCode.RECIPE, str(expect.recipe))
    return Result(
        part=expect.part,
        view=expect.view,
        recipe=expect.recipe,
        verdict=decision.verdict,
        reasons=decision.reasons,
    )
