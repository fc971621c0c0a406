"""`edge demo`: the virtual line, every service and the panel on this machine.

With `seconds` it feeds that many seconds of parts, waits until the last one is past the gate and on record, ends
everything, compares the accounts and prints the summary. Without, it runs until Ctrl-C.
"""

from __future__ import annotations

import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
from rich.console import Console

from edge import log
from edge.apps.demo import conveyor, oracle, truth
from edge.apps.demo.books import Books, read_books
from edge.apps.demo.plant import Feed, Interrupted, Plant
from edge.apps.demo.scene.stamp import read_number
from edge.apps.demo.station import DemoStation, make_demo_station
from edge.apps.demo.summary import Summary, show, summarise, to_json
from edge.clock import SECOND, Clock, SystemClock
from edge.domain.part import PartId
from edge.errors import EXIT_NO, EXIT_OK, ServiceError, StoreError, UsageError
from edge.service import FileLock, Stop, private_directory
from edge.store.evidence import EvidenceReader

_log = log.get(__name__)

MAX_SECONDS = 7 * 24 * 3600.0
_PERMIT_WITHIN_S = 60.0
_DRAIN_WITHIN_S = 60.0
_LOOK_NS = SECOND // 2
_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """folder: where the station lives. None: ./data/demo, or with `seconds` a new folder that is removed."""

    seconds: float = 0.0
    seed: int = 1
    headless: bool = False
    as_json: bool = False
    rate_per_min: float = 300.0
    product: str = "biscuit"
    port: int = 8080
    language: str = "vi"
    travel_ms: float = 800.0
    folder: Path | None = None

    def __post_init__(self) -> None:
        conveyor.speed_mm_s(self.rate_per_min)
        if not 0 <= self.seconds <= MAX_SECONDS:
            raise UsageError(f"--seconds {self.seconds:g} cannot be", hint="0 (until Ctrl-C) to a week")
        if not 0 <= self.seed < 1 << 32:
            raise UsageError(f"--seed {self.seed} cannot be", hint="use 0 to 4294967295")
        if not 300 <= self.travel_ms <= 10_000:
            raise UsageError(f"--travel-ms {self.travel_ms:g} cannot be", hint="use 300 to 10000")

    @property
    def parts(self) -> int:
        """How many parts these seconds are; 0 without an end."""
        return max(1, round(self.seconds * self.rate_per_min / 60.0)) if self.seconds else 0


def run(options: DemoOptions, stop: Stop) -> int:
    """The exit code: 0, or 1 when the accounts do not agree. Prints to stdout; logs go to stderr."""
    if options.folder is None and options.seconds:
        with tempfile.TemporaryDirectory(prefix="edge-demo-") as folder:
            return _run_in(Path(folder), options, stop)
    return _run_in(options.folder or Path("data/demo"), options, stop)


def _run_in(folder: Path, options: DemoOptions, stop: Stop) -> int:
    if not options.headless:
        check_port(options.port)
    private_directory(folder)
    lock = FileLock(folder / "demo.lock")
    lock.acquire(f"the demo in {folder}")
    try:
        station = make_demo_station(
            folder, product=options.product, rate_per_min=options.rate_per_min, travel_ms=options.travel_ms,
            language=options.language, port=options.port,
        )  # fmt: skip
        summary = _operate(station, options, stop)
    finally:
        lock.release()
    if summary is None:
        return EXIT_OK
    if options.as_json:
        sys.stdout.write(to_json(summary) + "\n")
    else:
        show(summary, Console())
    return EXIT_OK if summary.passed else EXIT_NO


def check_port(port: int) -> None:
    """ServiceError when the panel could not listen there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServiceError(f"port {port} is in use", hint="choose another with --port, or --headless") from error


def _operate(station: DemoStation, options: DemoOptions, stop: Stop) -> Summary | None:
    clock = SystemClock()
    feed = Feed(
        product=options.product, seed=options.seed, rate_per_min=options.rate_per_min,
        travel_ms=options.travel_ms, parts=options.parts,
    )  # fmt: skip
    plant = Plant(station.file, feed, clock, stop, headless=options.headless)
    try:
        plant.start()
        plant.begin(station.recipe.name, station.recipe.version, f"demo-{options.seed}")
        if not options.headless and not options.as_json:
            sys.stdout.write(f"The panel: http://127.0.0.1:{options.port}/   (Ctrl-C ends the demo)\n")
            sys.stdout.flush()
        complete = watch(plant, options.seconds, clock, stop)
        frames, restarts = frames_of(plant), plant.supervisor.restarts
    except Interrupted:
        return None
    finally:
        plant.close()
    return account(plant, frames, restarts) if complete else None


def watch(plant: Plant, seconds: float, clock: Clock, stop: Stop) -> bool:
    """Turn until all parts are done and on record (True) or a signal comes (False). ServiceError when it hangs."""
    begun_ns, look_ns = clock.now_ns(), 0
    while not stop.requested:
        plant.turn()
        now_ns = clock.now_ns()
        if now_ns < look_ns:
            continue
        look_ns = now_ns + _LOOK_NS
        report = plant.report()
        ran_s = (now_ns - begun_ns) / SECOND
        if report is not None and not report.started and ran_s > _PERMIT_WITHIN_S:
            raise ServiceError(f"the permit does not come on{_why_no_permit(plant)}", hint="see the messages above")
        if report is not None and report.drained and seconds:
            return _settle(plant, clock, stop)
        if seconds and ran_s > seconds * 1.5 + _DRAIN_WITHIN_S + _PERMIT_WITHIN_S:
            raise ServiceError("the parts do not come to an end", hint="see the messages above")
    return False


def _settle(plant: Plant, clock: Clock, stop: Stop) -> bool:
    """Give `line` its time to record the last gate outcomes (a confirmation may come late)."""
    wait_ms = plant.station.line.confirm_within_ms + plant.station.line.max_travel_ms + 500
    until_ns = clock.now_ns() + round(wait_ms * 1e6)
    while clock.now_ns() < until_ns and not stop.requested:
        plant.turn()
    return not stop.requested


def _why_no_permit(plant: Plant) -> str:
    state = plant.state()
    return "" if state is None or not state.permit_reasons else f": {', '.join(state.permit_reasons)}"


def frames_of(plant: Plant) -> dict[str, int]:
    """What capture says of its frames. dropped: given up before they were judged, refused, or never taken up."""
    counters = plant.counters
    lost = ("shed_unjudged", "bad_frames", "lost")
    return {
        "captured": counters.total("capture-", "captured"),
        "overwritten": counters.total("capture-", "overwritten"),
        "dropped": sum(counters.total("capture-", name) for name in lost),
    }


def account(plant: Plant, frames: dict[str, int], restarts: int) -> Summary:
    """Compare the accounts of the run that has ended."""
    events = truth.read_last_run(plant.truth_path)
    started = events[0]
    assert isinstance(started, truth.Started)
    books = read_books(plant.ledger_path, started)
    pictures = kept_pictures(plant.station.data_dir, books)
    audit = oracle.audit(events, books, pictures)
    return summarise(audit, outages=len(books.outages), frames=frames, restarts=restarts, pictures=len(pictures))


def kept_pictures(data_dir: Path, books: Books) -> dict[PartId, int | None]:
    """The number in the pixels of every picture kept of these parts. StoreError when one is only half a picture."""
    if not (data_dir / "evidence.db").exists():
        return {}
    found: dict[PartId, int | None] = {}
    reader = EvidenceReader(data_dir / "evidence.db")
    try:
        rows = [part.row for part in books.parts]
        for start in range(0, len(rows), _ROWS):
            for images in reader.images_for(rows[start : start + _ROWS]).values():
                found |= {image.part: _number_in(data_dir / "images" / image.path) for image in images}
    finally:
        reader.close()
    return found


def _number_in(path: Path) -> int | None:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise StoreError(f"{path} is not a whole picture", hint="the recorder must never leave one half written")
    return read_number(picture)
