"""Asking the line to collect: what it is asked, that it is put back, and what is said when that cannot be done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.apps.progress import Steps
from edge.apps.teach.collected import While
from edge.apps.teach.live import Live
from edge.apps.teach.pictures import Gathered
from edge.bus import topics, wire
from edge.bus.sockets import Bus
from edge.clock import SystemClock
from edge.domain.part import Mode, Purpose
from edge.domain.verdict import Verdict
from edge.errors import EdgeError, Refused, ServiceError
from edge.service import Stop, private_directory
from edge.settings import station as stations
from tests.unit.apps.stored_site import StoredSite, stored_site
from tests.unit.learning import made

Then = Callable[[], None]


class LineOfTest(threading.Thread):
    """Obeys, and calls `collecting` in its thread at each look of the collector. silent: answers nothing."""

    def __init__(self, run_dir: Path, site: StoredSite) -> None:
        super().__init__(name="line-of-test")
        self._run_dir, self._ended = run_dir, threading.Event()
        self.asked: list[wire.Message] = []
        self.collecting: Then = lambda: None
        self.silent = False
        self.refuses: type[wire.Message] | None = None
        self.state = wire.LineState(
            epoch=1, mode=Mode.RUN, permit=True, permit_reasons=(), active=site.recipe, preparing=None, lot="L1",
            purpose=Purpose.PRODUCTION, latched=False, bypass_until_ns=0, in_flight=0, counts={},
        )  # fmt: skip

    def run(self) -> None:
        with Bus(self._run_dir) as bus:
            server = bus.server(topics.COMMANDS)
            while not self._ended.is_set():
                asked = server.receive(20)
                if asked is not None and not self.silent:
                    server.reply(asked[0], self._obey(asked[1]))
                    if self.state.purpose is Purpose.SETUP:
                        self.collecting()

    def _obey(self, request: wire.Message) -> wire.Message:
        if isinstance(request, wire.AskState):
            return self.state
        self.asked.append(request)
        if self.refuses is not None and isinstance(request, self.refuses):
            return wire.Reply(ok=False, message="not now", hint="wait")
        if isinstance(request, wire.SetMode):
            self.set(mode=request.mode)
        if isinstance(request, wire.SetPurpose):
            self.set(purpose=request.purpose)
        return wire.Reply(ok=True)

    def set(self, **changes: object) -> None:
        values = {name: getattr(self.state, name) for name in wire.LineState.__struct_fields__}
        self.state = wire.LineState(**{**values, **changes})

    def end(self) -> None:
        self._ended.set()
        self.join(5)


class Scene:
    def __init__(self, site: StoredSite, run_dir: Path) -> None:
        self.site, self.stop = site, Stop()
        self.station = stations.load(site.file).model_copy(update={"run_dir": run_dir})
        self.line = LineOfTest(run_dir, site)

    def parts(self, count: int, *, kept: bool = True, mode: Mode = Mode.SETUP) -> None:
        for n in range(count):
            frame = made.good(n) if kept else None
            self.site.part(frame, Verdict.NOT_INSPECTED, ending=".png", purpose=Purpose.SETUP, mode=mode)

    def gather(self, what: While = While.REJECT, *, count: int = 4, minutes: float = 1.0) -> Gathered:
        live = Live(
            station=self.station, count=count, what=what, by="Lan", reason="a new mould", clock=SystemClock(),
            stop=self.stop, minutes=minutes,
        )  # fmt: skip
        return live.gather(Steps(lambda what, done, of: None, SystemClock(), self.stop))

    def as_before(self) -> bool:
        return (self.line.state.mode, self.line.state.purpose) == (Mode.RUN, Purpose.PRODUCTION)


@pytest.fixture
def scene(tmp_path: Path, run_dir: Path) -> Iterator[Scene]:
    with stored_site(tmp_path) as site:
        site.part(made.good(1))  # of production, before
        scene = Scene(site, private_directory(run_dir))
        scene.line.start()
        yield scene
        scene.line.end()


@pytest.mark.parametrize("what", list(While))
def test_it_asks_takes_what_came_since_and_puts_back(scene: Scene, what: While) -> None:
    scene.line.collecting = lambda: scene.parts(2, mode=what.mode)
    found = scene.gather(what)
    assert [one.part for one in found.pictures] == ["s1/1/2", "s1/1/3", "s1/1/4", "s1/1/5"]
    assert not any(one.lossy for one in found.pictures)
    assert found.notes[-1].endswith("rejected" if what is While.REJECT else "their lot is on hold")
    minutes = 1.0
    assert scene.line.asked == [
        wire.SetMode(mode=what.mode, by="Lan", reason="teaching: a new mould", minutes=minutes),
        wire.SetPurpose(purpose=Purpose.SETUP, by="Lan"),
        wire.SetPurpose(purpose=Purpose.PRODUCTION, by="Lan"),
        wire.SetMode(mode=Mode.RUN, by="Lan", reason="teaching: the parts are collected"),
    ]


def test_parts_of_another_kind_and_without_a_picture_do_not_count(scene: Scene) -> None:
    def come() -> None:
        scene.site.part(made.good(7))
        scene.parts(1, mode=Mode.RUN)
        scene.parts(1, kept=False)
        scene.parts(1)

    scene.line.collecting = come
    found = scene.gather()
    assert [one.part for one in found.pictures] == ["s1/1/5", "s1/1/9", "s1/1/13", "s1/1/17"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mode": Mode.BYPASS}, "in a bypass or a challenge"),
        ({"trial": True}, "in a bypass or a challenge"),
        ({"active": None}, "no recipe is active"),
    ],
)
def test_a_line_that_does_something_else_is_left_alone(scene: Scene, changes: dict[str, object], words: str) -> None:
    scene.line.set(**changes)
    with pytest.raises(Refused, match=words):
        scene.gather()
    assert scene.line.asked == []


def test_the_lines_own_refusal_is_told_and_what_was_done_is_undone(scene: Scene) -> None:
    scene.line.refuses = wire.SetPurpose
    with pytest.raises(Refused, match="not now"):
        scene.gather()
    assert scene.as_before()


def failing(scene: Scene, words: str, *, minutes: float = 1.0) -> EdgeError:
    with pytest.raises(ServiceError, match=words) as caught:
        scene.gather(minutes=minutes)
    return caught.value


def test_a_stop_a_time_that_is_over_and_a_recorder_that_keeps_nothing_put_back_too(scene: Scene) -> None:
    scene.line.collecting = scene.stop.request
    failing(scene, "interrupted")
    assert scene.as_before()
    scene.stop = Stop()
    scene.line.collecting = lambda: None
    failing(scene, "0.001 minutes are over; 0 of 4 pictures", minutes=0.001)
    assert scene.as_before()
    scene.line.collecting = lambda: scene.parts(31, kept=False)
    failing(scene, "parts in a row came without a kept picture")
    assert scene.as_before()


def test_what_somebody_else_sets_meanwhile_ends_it_and_stays(scene: Scene) -> None:
    scene.line.collecting = lambda: scene.line.set(mode=Mode.STOPPED)
    failing(scene, "the line was set to STOPPED")
    assert (scene.line.state.mode, scene.line.state.purpose) == (Mode.STOPPED, Purpose.PRODUCTION)


@pytest.mark.timeout(60)
def test_a_line_that_cannot_be_reached_any_more_is_told_with_what_it_does(scene: Scene) -> None:
    def fall_silent() -> None:
        scene.line.silent = True
        scene.stop.request()

    scene.line.collecting = fall_silent
    error = failing(scene, "interrupted; .* could not be put back: the line rejects everything")
    assert error.hint == "set mode RUN and purpose production on the panel"
