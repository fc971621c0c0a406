"""The two threads that speak with the bus: the watch, and the asker of the line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge.bus import topics, wire
from edge.bus.sockets import Bus
from edge.clock import SystemClock
from edge.domain.part import Mode
from edge.domain.verdict import Verdict
from edge.errors import Refused, ServiceError
from edge.panel.commands import LineCommands
from edge.panel.watch import Watch
from tests.unit.panel.desk import line_state, recorded, status

EXPECTED = ("line", "inference", "panel")
RUN = wire.SetMode(mode=Mode.RUN, by="Lan")


def until(holds: Callable[[], object]) -> None:
    give_up = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < give_up, "it did not come"
        time.sleep(0.01)


@pytest.fixture
def watch(run_dir: Path) -> Iterator[Watch]:
    watch = Watch(
        run_dir, EXPECTED, SystemClock(), lambda: ((wire.QueueState(name="asks", size=2),), {"live_pictures": 1.0})
    )
    watch.start()
    yield watch
    watch.close()
    assert not watch.running


@pytest.fixture
def commands(run_dir: Path) -> Iterator[LineCommands]:
    commands = LineCommands(run_dir, ask_ms=300)
    commands.start()
    yield commands
    commands.close()
    assert not commands.running


def test_the_watch_keeps_the_newest(watch: Watch, run_dir: Path) -> None:
    with Bus(run_dir) as bus:
        line, inference = bus.publisher(topics.LINE), bus.publisher(topics.STATUS, "inference")

        def heard() -> bool:
            line.send(line_state())
            inference.send(status("inference"))
            return watch.snapshot.line is not None and "inference" in watch.snapshot.services

        until(heard)
        version = watch.snapshot.version
        for n, verdict in enumerate((Verdict.OK, Verdict.UNSURE, Verdict.OK), 1):
            line.send(recorded(n, verdict))
        until(lambda: watch.snapshot.parts == 3)
        snapshot = watch.snapshot
        assert snapshot.version > version
        assert snapshot.newest is not None
        assert snapshot.newest_ng is not None
        assert (snapshot.newest.row, snapshot.newest_ng.row) == (3, 2)


def test_the_watch_hears_a_line_that_started_again(watch: Watch, run_dir: Path) -> None:
    for lot in ("first", "second"):
        with Bus(run_dir) as bus:
            line = bus.publisher(topics.LINE)

            def heard(lot: str = lot) -> bool:
                line.send(line_state(lot=lot))  # noqa: B023 - called in this round only
                return watch.snapshot.line is not None and watch.snapshot.line.lot == lot

            until(heard)


def test_malformed_messages_are_counted_and_shown(watch: Watch, run_dir: Path) -> None:
    with Bus(run_dir) as bus:
        line = bus.publisher(topics.LINE)

        def counted() -> bool:
            line.socket.send(b"\x01" * 40)
            return any(queue.name == "line" and queue.malformed > 0 for queue in watch.snapshot.queues)

        until(counted)
    assert watch.running


def test_the_watch_tells_of_the_panel_itself(watch: Watch, run_dir: Path) -> None:
    with Bus(run_dir) as bus:
        listener = bus.subscriber(topics.STATUS, "panel")
        told = listener.receive(20_000)
    assert isinstance(told, wire.Status)
    assert (told.service, told.state, told.counters) == ("panel", "ready", {"live_pictures": 1.0})
    assert [queue.name for queue in told.queues] == ["line", "status-line,inference,run", "asks"]
    assert "panel" in watch.snapshot.services


class Line(threading.Thread):
    """Answers every request with `reply` until stopped."""

    def __init__(self, run_dir: Path, reply: wire.Reply) -> None:
        super().__init__(daemon=True)
        self._run_dir, self._reply, self.asked = run_dir, reply, list[wire.Message]()
        self._end = threading.Event()

    def run(self) -> None:
        with Bus(self._run_dir) as bus:
            server = bus.server(topics.COMMANDS)
            while not self._end.is_set():
                asked = server.receive(50)
                if asked is not None:
                    self.asked.append(asked[1])
                    server.reply(asked[0], self._reply)

    def end(self) -> None:
        self._end.set()
        self.join(10)


def test_the_line_says_yes_and_no(commands: LineCommands, run_dir: Path) -> None:
    line = Line(run_dir, wire.Reply(ok=True, message="done"))
    line.start()
    assert commands.ask(RUN).message == "done"
    line.end()
    line = Line(run_dir, wire.Reply(ok=False, message="no recipe is active", hint="choose one"))
    line.start()
    with pytest.raises(Refused, match="no recipe is active") as refused:
        commands.ask(RUN)
    assert refused.value.hint == "choose one"
    line.end()


def test_what_got_no_answer_is_not_done_later(commands: LineCommands, run_dir: Path) -> None:
    """Somebody pressed Start while the line was down, was told so, and walked away: it must not start by itself."""
    with pytest.raises(ServiceError, match="does not answer") as error:
        commands.ask(RUN)
    assert "before you ask again" in error.value.hint
    time.sleep(0.4)  # the closing bus gives up what it queued within 200 ms
    line = Line(run_dir, wire.Reply(ok=True))
    line.start()
    stop = wire.SetMode(mode=Mode.STOPPED, by="Lan")
    assert commands.ask(stop).ok
    line.end()
    assert line.asked == [stop]
    assert (commands.asked, commands.unanswered) == (2, 1)


def test_the_queue_is_short(run_dir: Path) -> None:
    commands = LineCommands(run_dir, ask_ms=300)
    with ThreadPoolExecutor(6) as people:
        asking = [people.submit(commands.ask, RUN) for _ in range(6)]
        until(lambda: commands.refused_full == 4)
        commands.start()
        words = sorted(str(each.exception().args[0]) for each in asking if each.exception() is not None)
    commands.close()
    assert words == ["line does not answer"] * 2 + ["too many requests to the line wait already"] * 4


def test_those_who_wait_when_the_panel_ends_learn_it(run_dir: Path) -> None:
    commands = LineCommands(run_dir, ask_ms=300)
    with ThreadPoolExecutor(2) as people:
        asking = [people.submit(commands.ask, RUN) for _ in range(2)]
        until(lambda: commands._queue.qsize() == 2)
        commands._stop.request()
        commands.start()
        assert {str(each.exception().args[0]) for each in asking if each.exception()} == {"the panel is ending"}
    commands.close()
