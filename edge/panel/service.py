"""`edge panel`: shows what the others report, asks `line`, writes station.db. Nothing waits for it.

Threads: the event loop (main), the watch on the bus, the asker of the line, the maker of live pictures, the one that
minds the job, the keeper of changes, and a few workers for what blocks. It steps back in the scheduler: inspection
comes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable

from edge.clock import Clock, SystemClock
from edge.domain.verdict import Verdict
from edge.errors import ServiceError, StoreError
from edge.panel import retaught, server
from edge.panel.app import create_app
from edge.panel.books import Books
from edge.panel.changes import Changes
from edge.panel.commands import LineCommands
from edge.panel.jobs import Jobs
from edge.panel.keeper import Keeper
from edge.panel.live import Live, Pictures
from edge.panel.live_part import Kept, from_stored
from edge.panel.page_frame import PageFrame
from edge.panel.proposals import TAUGHT
from edge.panel.seams import Deps
from edge.panel.snapshot import expected_services
from edge.panel.tally import Tally
from edge.panel.watch import Own, Watch
from edge.service import FileLock, Notifier, Stop, private_directory
from edge.settings.station import Station
from edge.store.ledger_reader import PartFilter

_TURN_S = 0.1
_NICE = 5


def main(station: Station, stop: Stop, notifier: Notifier) -> None:
    """Run until stopped; everything ends within 2 s. ServiceError when the port is taken or a thread has died."""
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    lock = FileLock(private_directory(station.run_dir) / "panel.lock")
    lock.acquire("edge panel")
    with contextlib.ExitStack() as closing:
        closing.callback(lock.release)
        listener = closing.enter_context(server.listen(station.panel.host, station.panel.port))
        panel = Panel(station, SystemClock())
        closing.callback(panel.close)
        panel.start()
        asyncio.run(_serve(panel, listener, stop, notifier))


class Panel:
    """All that runs beside the event loop, and the dependencies of the routes."""

    def __init__(self, station: Station, clock: Clock) -> None:
        expected = expected_services(station)
        self.books = Books(station.data_dir, clock)
        tally = Tally(lambda: self.books.ledger, clock)
        self.watch = Watch(station.run_dir, expected, clock, lambda: self._own())
        self.commands = LineCommands(station.run_dir)
        self.jobs = Jobs(station.data_dir / "jobs", clock)
        changes = Changes(
            books=self.books, watch=self.watch, commands=self.commands, clock=clock, models_dir=station.models_dir,
            taught=station.data_dir / TAUGHT,
        )  # fmt: skip
        self.keeper = Keeper(changes.settle)
        self.live = Live(
            snapshot=lambda: self.watch.snapshot,
            make_pictures=_pictures_of(station),
            find_ng=self._find_ng,
            find_images=self._find_images,
            tally=tally,
            expected=expected,
            clock=clock,
        )
        self.deps = Deps(
            station=station,
            clock=clock,
            watch=self.watch,
            commands=self.commands,
            books=self.books,
            live=self.live,
            tally=tally,
            jobs=self.jobs,
            changes=changes,
            expected=expected,
        )

    def start(self) -> None:
        for part in (self.watch, self.commands, self.live, self.keeper):
            part.start()
        self.jobs.open()
        retaught.at_start(self.deps)

    def check(self) -> None:
        """ServiceError when a thread has died: the process ends and is started again, rather than show old things."""
        beside = (
            ("watch", self.watch), ("asker", self.commands), ("live feed", self.live), ("jobs", self.jobs),
            ("keeper of changes", self.keeper),
        )  # fmt: skip
        for name, part in beside:
            if not part.running:
                raise ServiceError(f"the panel's {name} has ended", hint="see the log; the panel starts again")

    def close(self) -> None:
        for part in (self.keeper, self.jobs, self.live, self.commands, self.watch, self.books):
            part.close()

    def _own(self) -> Own:
        """The panel's own queues and counters."""
        asked = {"asked": float(self.commands.asked), "unanswered": float(self.commands.unanswered)}
        queues = (self.commands.queue_state(), self.live.queue_state(), self.jobs.queue_state())
        return queues, self.live.counters() | asked

    def _find_ng(self) -> Kept | None:
        """None while the ledger cannot be read: it is asked again."""
        try:
            found = self.books.ledger.parts(PartFilter(verdicts=(Verdict.NG, Verdict.UNSURE)), 1)
        except StoreError:
            return None
        return from_stored(found[0]) if found else None

    def _find_images(self, part: Kept) -> Kept:
        try:
            return part.with_images(self.books.evidence.images_of(part.row))
        except StoreError:
            return part


def _pictures_of(station: Station) -> Callable[[], Pictures]:
    def make() -> Pictures:
        from edge.panel.pictures import Pictures as FromRings  # OpenCV: only when somebody watches

        return FromRings(station.shm_dir, station.name)

    return make


async def _serve(panel: Panel, listener: socket.socket, stop: Stop, notifier: Notifier) -> None:
    """The server, and beside it the loop that feeds the watchdog and looks whether to end."""
    station = panel.deps.station
    frame = PageFrame(station=station.name, language=station.panel.language)
    server.bound_workers()
    web = server.make(create_app(panel.deps, frame))
    serving = asyncio.create_task(web.serve(sockets=[listener]))
    told = False
    try:
        while not stop.requested and not serving.done():
            panel.check()
            if web.started and not told:
                notifier.ready(f"http://{station.panel.host}:{station.panel.port}")
                told = True
            notifier.alive()
            await asyncio.sleep(_TURN_S)
    finally:
        web.should_exit = True
        await serving
