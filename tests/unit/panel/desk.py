"""A panel without a bus: real databases in a folder; in place of the watch and the line what a test puts there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
from fastapi import FastAPI

from edge.bus import wire
from edge.clock import SECOND, ManualClock
from edge.domain.ledger import Entry, EventRecord, OutageRecord
from edge.domain.part import Mode, Purpose
from edge.domain.recipe import Check, CheckKind, GateTiming, Locate, LocateKind, Recipe, View
from edge.domain.result import RecipeRef
from edge.domain.verdict import GateOutcome, Verdict
from edge.errors import EdgeError, NotThere, Refused
from edge.panel.app import create_app
from edge.panel.books import Books
from edge.panel.changes import Changes
from edge.panel.live import Live
from edge.panel.page_frame import PageFrame
from edge.panel.seams import Commanding, Deps
from edge.panel.security import Pace
from edge.panel.shapes_jobs import JobState, JobWhole
from edge.panel.snapshot import Heard, Snapshot, expected_services
from edge.panel.tally import Tally
from edge.settings.station import Station
from edge.store.evidence import EvidenceStore, Image
from edge.store.ledger import LedgerWriter
from tests.unit.store import ledger_values

PORT = 8080
BASE = f"http://127.0.0.1:{PORT}"
CYCLE = (Verdict.OK, Verdict.NG, Verdict.OK, Verdict.UNSURE)


def recipe(name: str = "biscuit") -> Recipe:
    check = Check(
        name="surface", kind=CheckKind.ANOMALY, model="biscuit@1", model_digest="0" * 64, unsure_from=2.0, ng_from=3.0
    )
    locate = Locate(kind=LocateKind.BLOB, width_px=256, height_px=192, template=b"\x89PNG\xff")
    view = View(camera="top", locate=locate, checks=(check,))
    return Recipe(
        name=name, version=1, product="Biscuit", views=(view,), gate=GateTiming(travel=800), author="anna", reason="new"
    )  # fmt: skip


class Browser:
    """Asks the application as a server would, one request at a time."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("POST", path, **options)

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                return await client.request(method, path, **options)

        return asyncio.run(once())


class FakeWatch:
    def __init__(self) -> None:
        self.snapshot = Snapshot()


class FakeLine:
    """Says yes, or raises what a test put into `trouble`."""

    def __init__(self) -> None:
        self.asked: list[wire.Message] = []
        self.trouble: EdgeError | None = None

    def ask(self, request: wire.Message) -> wire.Reply:
        self.asked.append(request)
        if self.trouble is not None:
            raise self.trouble
        return wire.Reply(ok=True)


class FakeJobs:
    """Starts nothing: `started` are the commands, and `put` says what became of a job."""

    def __init__(self) -> None:
        self.found: dict[int, JobWhole] = {}
        self.follow: dict[int, Callable[[JobWhole], None] | None] = {}
        self.trouble: EdgeError | None = None

    @property
    def started(self) -> list[tuple[str, ...]]:
        return [job.command for job in self.found.values()]

    def start(
        self, kind: str, arguments: Sequence[str], by: str, then: Callable[[JobWhole], None] | None = None
    ) -> JobWhole:
        if self.trouble is not None:
            raise self.trouble
        number = len(self.found) + 1
        self.follow[number] = then
        self.found[number] = JobWhole(
            id=number, kind=kind, by=by, state=JobState.WAITING, command=tuple(arguments), queued_at="2026-01-01",
        )  # fmt: skip
        return self.found[number]

    def put(self, number: int, **facts: Any) -> JobWhole:
        """And what was to follow is done when it has ended by itself."""
        job = self.found[number] = self.found[number].model_copy(update=facts)
        then = self.follow[number]
        if then is not None and job.state in (JobState.DONE, JobState.REFUSED, JobState.FAILED):
            then(job)
        return job

    def all(self) -> tuple[JobWhole, ...]:
        return tuple(reversed(self.found.values()))

    def job(self, number: int) -> JobWhole:
        if number not in self.found:
            raise NotThere(f"there is no job {number}", hint="see the list of jobs")
        return self.found[number]

    def cancel(self, number: int) -> JobWhole:
        if self.job(number).ended:
            raise Refused("this job has ended already", hint="look at its result")
        return self.put(number, state=JobState.CANCELLED)


class Desk:
    """`parts`: how many are in the ledger, verdicts by CYCLE; those that are not OK have a picture."""

    def __init__(self, folder: Path, parts: int = 8) -> None:
        self.clock = ManualClock(100 * SECOND)
        self.data = folder / "data"
        self.station = Station.model_validate(
            {
                "name": ledger_values.STATION,
                "data_dir": self.data,
                "run_dir": folder / "run",
                "shm_dir": folder,
                "camera": [{"name": "top", "kind": "virtual", "width": 64, "height": 48}],
                "panel": {"port": PORT},
            }
        )
        self.data.mkdir(parents=True, exist_ok=True)
        self.books = Books(self.data, self.clock)
        self.ref: RecipeRef = self.books.station.add_recipe(recipe())
        self.ledger: LedgerWriter | None = None
        self.epoch = 0
        if parts:
            self.fill(parts)
        self.watch, self.line, self.jobs = FakeWatch(), FakeLine(), FakeJobs()
        self.changes = Changes(
            books=self.books, watch=self.watch, commands=self.line, clock=self.clock,
            models_dir=self.station.models_dir, taught=self.data / "taught",
        )  # fmt: skip
        expected = expected_services(self.station)
        self.tally = Tally(lambda: self.books.ledger, self.clock)
        self.live = Live(
            snapshot=lambda: self.watch.snapshot, make_pictures=self._none, find_ng=lambda: None,
            find_images=lambda part: part, tally=self.tally, expected=expected, clock=self.clock,
        )  # fmt: skip
        self.deps = Deps(
            station=self.station, clock=self.clock, watch=self.watch, commands=self.line, books=self.books,
            live=self.live, tally=self.tally, jobs=self.jobs, changes=self.changes, expected=expected,
        )  # fmt: skip

    def use_line(self, line: Commanding) -> None:
        """Another one than `FakeLine`."""
        self.changes = Changes(
            books=self.books, watch=self.watch, commands=line, clock=self.clock,
            models_dir=self.station.models_dir, taught=self.data / "taught",
        )  # fmt: skip
        self.deps = replace(self.deps, commands=line, changes=self.changes)

    def app(self, **changes: Any) -> FastAPI:
        """Takes any number of writes a second."""
        return create_app(replace(self.deps, **changes), writes=lambda: Pace(burst=1_000_000))

    def with_pages(self) -> FastAPI:
        return create_app(self.deps, PageFrame(station=self.station.name, language=self.station.panel.language))

    def client(self, app: FastAPI | None = None) -> Browser:
        return Browser(app or self.app())

    def fill(self, parts: int) -> None:
        """A ledger, and evidence of the flagged parts."""
        self.ledger = LedgerWriter.open(
            self.data / "ledger.db", station=self.station.name, reserve_bytes=1 << 20, clock=self.clock
        )
        wall = "2026-01-01T10:00:00+00:00"
        self.epoch = self.ledger.begin_epoch(boot_id="b", now_ns=1, wall=wall).epoch
        verdicts = {n: CYCLE[(n - 1) % len(CYCLE)] for n in range(1, parts + 1)}
        entries: list[Entry] = [
            EventRecord(epoch=self.epoch, at_ns=2, wall=wall, kind="mode", by="anna", detail="RUN"),
            OutageRecord(epoch=self.epoch, from_ns=1, to_ns=1 + 5 * SECOND, why="restart", wall=wall),
        ]
        for n, verdict in verdicts.items():
            outcome = GateOutcome.PASSED if verdict is Verdict.OK else GateOutcome.REJECTED
            entries.append(ledger_values.trigger(self.epoch, n, recipe=self.ref))
            entries.append(ledger_values.record(self.epoch, n, verdict))
            entries.append(ledger_values.gate(self.epoch, n, outcome))
        rows = {part.n: row for part, row in self.ledger.commit(entries).items()}
        flagged = [n for n, verdict in verdicts.items() if verdict is not Verdict.OK]
        evidence = EvidenceStore(self.data / "evidence.db")
        images = [self.picture(n, rows[n], verdicts[n]) for n in flagged]
        evidence.record(position=parts, images=images)
        evidence.close()

    def picture(self, n: int, row: int, verdict: Verdict, path: str = "") -> Image:
        good, data = cv2.imencode(".jpg", np.full((48, 64, 3), 20 * (n % 10), np.uint8))
        assert good
        image = Image(
            part=ledger_values.part_id(self.epoch, n), row=row, view="top", kind="frame",
            path=path or f"2026-01-01/L1/{n}.jpg", bytes=len(data), width=64, height=48, verdict=verdict,
            created_wall="2026-01-01T10:00:00+00:00", created_ns=5,
        )  # fmt: skip
        target = self.data / "images" / image.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.tobytes())
        return image

    def hear(self, *messages: wire.Message) -> None:
        snapshot = self.watch.snapshot
        for message in messages:
            snapshot = snapshot.with_message(message, self.clock.now_ns(), expected_services(self.station))
        self.watch.snapshot = replace(snapshot, version=snapshot.version + 1)

    def hear_all_well(self) -> None:
        self.hear(line_state(active=self.ref), *(status(name) for name in expected_services(self.station)))

    def _none(self) -> NoPictures:
        return NoPictures()

    def close(self) -> None:
        self.books.close()
        if self.ledger is not None:
            self.ledger.close()


class NoPictures:
    def small(self, frame: object) -> None:
        return None

    def close(self) -> None:
        return None


def line_state(**changes: Any) -> wire.LineState:
    facts: dict[str, Any] = {
        "epoch": 1, "mode": Mode.RUN, "permit": True, "permit_reasons": (), "active": None, "preparing": None,
        "lot": "L1", "purpose": Purpose.PRODUCTION, "latched": False, "bypass_until_ns": 0, "in_flight": 2,
        "counts": {},
    }  # fmt: skip
    return wire.LineState(**(facts | changes))


def status(service: str, **changes: Any) -> wire.Status:
    facts: dict[str, Any] = {
        "service": service, "pid": 7, "started_ns": SECOND, "at_ns": SECOND, "state": "ready",
        "queues": (wire.QueueState(name="line", size=10, lost=1),), "counters": {"done": 3.0}, "alarms": (),
    }  # fmt: skip
    return wire.Status(**(facts | changes))


def recorded(n: int, verdict: Verdict = Verdict.OK, **changes: Any) -> wire.Recorded:
    record = ledger_values.record(1, n, verdict)
    facts: dict[str, Any] = {
        "row": n, "part": record.part, "verdict": verdict, "reasons": record.reasons, "results": record.results,
        "trigger_ns": 99 * SECOND, "purpose": Purpose.PRODUCTION, "lot": "L1", "acted": verdict is Verdict.OK,
    }  # fmt: skip
    return wire.Recorded(**(facts | changes))


def heard(message: wire.Status, at_ns: int) -> Heard:
    return Heard(status=message, at_ns=at_ns)
