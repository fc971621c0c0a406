"""A panel with a life around it, for tests of its pages: a real `edge panel`, databases with a history, and a line that
obeys and judges on request, with real pixels in a real ring. Nothing is inspected: verdicts are as the test says.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from edge.apps.demo.scene.render import Renderer
from edge.apps.demo.scene.spec import Defect, PartSpec
from edge.bus import topics, wire
from edge.bus.ring import Pixels, RingSpec, RingWriter
from edge.bus.sockets import Bus
from edge.clock import MS, SECOND, SystemClock, boot_id
from edge.domain.frame import FrameRef
from edge.domain.geometry import Rect
from edge.domain.ledger import Alive, EventRecord, GateRecord, OutageRecord, PartRecord, TriggerRecord, TriggerSource
from edge.domain.part import Mode, PartId, Purpose
from edge.domain.prediction import Box
from edge.domain.recipe import Check, CheckKind, GateTiming, Locate, LocateKind, NgRule, Polarity, Recipe, View
from edge.domain.result import Placement, RecipeRef, Result, Score, Timings
from edge.domain.verdict import GateOutcome, Reason, ReasonCode, Verdict
from edge.recorder.imagefile import ImageFolder, encode_jpeg
from edge.settings import station as stations
from edge.store.evidence import EvidenceStore, Image
from edge.store.ledger import LedgerWriter
from edge.store.station import StationStore

CAMERA, SIZE_PX, LOT = "top", 420, "L2026-11-25A"
SLOTS = 6
_STATUS_NS = 400 * MS
_SERVICES = ("line", f"capture-{CAMERA}", "inference", "recorder")
_REASONS = {
    Verdict.NG: Reason(code=ReasonCode.ANOMALY, where="surface", value=7.42, limit=5.0),
    Verdict.UNSURE: Reason(code=ReasonCode.ANOMALY_UNSURE, where="surface", value=4.61, limit=4.0),
    Verdict.NOT_INSPECTED: Reason(code=ReasonCode.TOO_DARK, where=CAMERA, value=31.0, limit=60.0),
}
_SCORES = {Verdict.OK: 1.83, Verdict.NG: 7.42, Verdict.UNSURE: 4.61}


def biscuit_recipe(name: str = "biscuit", product: str = "Bánh quy bơ 90 g") -> Recipe:
    check = Check(
        name="surface", kind=CheckKind.ANOMALY, model="biscuit@1", model_digest="a" * 64, unsure_from=4.0, ng_from=5.0
    )
    edge = replace(check, name="edge", region=Rect(x=40, y=60, width=340, height=90), unsure_from=3.0, ng_from=3.5)
    locate = Locate(
        kind=LocateKind.BLOB, width_px=SIZE_PX, height_px=SIZE_PX, rotate=True, polarity=Polarity.BRIGHT,
        min_area_px=30_000, search=Rect(x=100, y=66, width=600, height=480),
    )  # fmt: skip
    return Recipe(
        name=name, version=1, product=product, gate=GateTiming(travel=800), author="Lan", reason="first version",
        views=(View(camera=CAMERA, locate=locate, checks=(check, edge)),), rules=(NgRule(ng=3, of=3),),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One part as the camera saw it."""

    pixels: Pixels
    box: Box
    placement: Placement


class Camera:
    """Draws parts of the demo's biscuit, in the middle of the frame."""

    def __init__(self) -> None:
        self._renderer = Renderer("biscuit", seed=7)

    def shoot(self, n: int, *, bad: bool) -> Shot:
        kind = ("broken", "burnt", "crack", "spot")[n % 4]
        spec = PartSpec(
            n=n, product="biscuit", seed=7, defect=Defect(kind=kind, severity="gross") if bad else None,
            dx_px=4.0, dy_px=-3.0, angle_deg=(n % 5) * 5.0 - 10.0, light=1.0,
        )  # fmt: skip
        pixels = self._renderer.frame([(spec, 400.0)], 31.0 * n, n, n)
        ys, xs = np.nonzero(self._renderer.defect_mask(spec, 400.0))
        found = xs.size > 0
        left, top = (int(xs.min()), int(ys.min())) if found else (380, 280)
        width, height = (int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1) if found else (40, 40)
        return Shot(
            pixels=pixels,
            box=Box(x=left, y=top, width=width, height=height, score=7.42),
            placement=Placement(x_px=404.0, y_px=297.0, angle_deg=spec.angle_deg),
        )


class Line(threading.Thread):
    """Everything that the panel hears, asks and reads of a line. `judge` makes one part, `act` runs in its thread."""

    def __init__(self, station: stations.Station, recipe: RecipeRef) -> None:
        super().__init__(name="test-line")
        self.station, self.recipe = station, recipe
        self.clock, self.camera = SystemClock(), Camera()
        self.mode, self.lot, self.purpose = Mode.STOPPED, LOT, Purpose.PRODUCTION
        self.active: RecipeRef | None = recipe
        self.trial = self._try_out = False
        self.coming_lot = ""
        self.latched, self.bypass_until_ns = False, 0
        self.alarms: tuple[wire.Alarm, ...] = ()
        self.down: set[str] = set()
        self.silent = False
        self.asked: list[wire.Message] = []
        self.n = self.images = 0
        self._work: queue.Queue[Callable[[], None]] = queue.Queue()
        self._ended = threading.Event()
        self._preparing: tuple[tuple[str, int], int] | None = None

    def run(self) -> None:
        with Bus(self.station.run_dir) as bus:
            self._line = bus.publisher(topics.LINE)
            self._commands = bus.server(topics.COMMANDS)
            self._statuses = {name: bus.publisher(topics.STATUS, name) for name in _SERVICES}
            self._ring = RingWriter.create(
                self.station.shm_dir,
                RingSpec(
                    station=self.station.name, camera=CAMERA, epoch=1, slots=SLOTS, height=600, width=800, channels=3
                ),
            )
            self._ledger = LedgerWriter.open(
                self.station.data_dir / "ledger.db", station=self.station.name, reserve_bytes=1 << 20, clock=self.clock
            )
            self._evidence = EvidenceStore(self.station.data_dir / "evidence.db")
            self._folder = ImageFolder(self.station.data_dir / "images")
            self._folder.prepare()
            try:
                self._loop()
            finally:
                self._evidence.close()
                self._ledger.close()
                self._ring.close()

    def act(self, work: Callable[[], None]) -> None:
        """Do it in the line's thread and wait until it is done."""
        done = threading.Event()
        self._work.put(work)
        self._work.put(done.set)
        assert done.wait(60), "the test's line did not get to it"

    def judge(self, verdict: Verdict, *, acted: bool = True, bad: bool | None = None) -> PartId:
        """bad: whether its picture shows a defect; None: as the verdict says."""
        made: list[PartId] = []
        self.act(lambda: made.append(self._part(verdict, ago_s=0.0, acted=acted, bad=bad)))
        return made[0]

    def bypass(self) -> PartId:
        """A part that passes uninspected: no frame, no result."""
        made: list[PartId] = []
        self.act(lambda: made.append(self._bypassed()))
        return made[0]

    def end(self) -> None:
        self._ended.set()
        self.join(10)

    # --- its thread -----------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        now_ns = self.clock.now_ns()
        self._wall = datetime.now(UTC)
        start = self._ledger.begin_epoch(boot_id=boot_id(), now_ns=now_ns - 600 * SECOND, wall=self._wall_at(600.0))
        self.epoch = start.epoch
        told_ns = 0
        while not self._ended.is_set():
            asked = self._commands.receive(20)
            if asked and not self.silent:
                self._commands.reply(asked[0], self._obey(asked[1]))
                told_ns = 0
            while not self._work.empty():
                self._work.get()()
                told_ns = 0
            if self.clock.now_ns() - told_ns > _STATUS_NS:
                told_ns = self.clock.now_ns()
                self._tell(told_ns)

    def _tell(self, now_ns: int) -> None:
        if self._preparing is not None and now_ns > self._preparing[1]:
            (name, version), _ = self._preparing
            self.active, self._preparing = RecipeRef(name=name, version=version, digest="0" * 16), None
            self.trial, self.lot, self.coming_lot = self._try_out, self.coming_lot or self.lot, ""
        if not self.silent:
            self._ledger.commit([Alive(at_ns=now_ns)])
            self._line.send(self.state())
        for name, publisher in self._statuses.items():
            if name in self.down or (self.silent and name == "line"):
                continue
            publisher.send(
                wire.Status(
                    service=name, pid=4000 + len(name), started_ns=now_ns - 3600 * SECOND, at_ns=now_ns, state="ready",
                    queues=(wire.QueueState(name="frames", size=64, depth=1),), counters={"judged": float(self.n)},
                    alarms=self.alarms if name == "line" else (),
                )
            )  # fmt: skip

    def state(self) -> wire.LineState:
        running = self.mode in (Mode.RUN, Mode.BYPASS)
        reasons = (*(("latched",) if self.latched else ()), *(() if running else (self.mode.value.lower(),)))
        return wire.LineState(
            epoch=self.epoch, mode=self.mode, permit=not reasons, permit_reasons=reasons, active=self.active,
            preparing=None if self._preparing is None else self._preparing[0], lot=self.lot, purpose=self.purpose,
            latched=self.latched, bypass_until_ns=self.bypass_until_ns, in_flight=3, counts={"parts": self.n},
            trial=self.trial, coming_lot=self.coming_lot,
        )  # fmt: skip

    def _obey(self, request: wire.Message) -> wire.Message:
        now_ns = self.clock.now_ns()
        if not isinstance(request, wire.AskState):
            self.asked.append(request)
        match request:
            case wire.SetMode(mode=Mode.RUN) if self.active is None:
                return wire.Reply(ok=False, message="no recipe is active", hint="choose a recipe first")
            case wire.SetMode():
                self.mode = request.mode
                self.bypass_until_ns = now_ns + round(request.minutes * 60 * SECOND) if request.minutes else 0
            case wire.ActivateRecipe():
                self._try_out = request.trial
                self._preparing = ((request.name, request.version), now_ns + 600 * MS)
            case wire.SetLot(recipe=None):
                self.lot = request.lot
            case wire.SetLot(recipe=(name, version)):
                self.coming_lot, self._preparing = request.lot, ((name, version), now_ns + 600 * MS)
            case wire.SetPurpose():
                self.purpose = request.purpose
            case wire.ResetLatch():
                self.latched = False
            case wire.AskState():
                return self.state()
        self._ledger.commit([EventRecord(
            epoch=self.epoch, at_ns=now_ns, wall=datetime.now(UTC).isoformat(timespec="milliseconds"), kind="mode",
            by="test", detail=type(request).__name__,
        )])  # fmt: skip
        return wire.Reply(ok=True)

    def fill(self, verdicts: str) -> None:
        """A history, oldest first, one letter each: O(K), N(G), U(NSURE), X (not inspected)."""
        letters = {"O": Verdict.OK, "N": Verdict.NG, "U": Verdict.UNSURE, "X": Verdict.NOT_INSPECTED}
        for i, letter in enumerate(verdicts):
            self._part(letters[letter], ago_s=2.0 * (len(verdicts) - i), heard=False)
        now_ns = self.clock.now_ns()
        self._ledger.commit([OutageRecord(
            epoch=self.epoch, from_ns=now_ns - 300 * SECOND, to_ns=now_ns - 296 * SECOND, why="start",
            wall=self._wall_at(300.0),
        )])  # fmt: skip

    def _wall_at(self, ago_s: float) -> str:
        return (datetime.now(UTC) - timedelta(seconds=ago_s)).isoformat(timespec="milliseconds")

    def _bypassed(self) -> PartId:
        self.n += 1
        at_ns, reasons = self.clock.now_ns(), (Reason(code=ReasonCode.BYPASS),)
        part = PartId(station=self.station.name, epoch=self.epoch, n=self.n)
        trigger = TriggerRecord(
            part=part, trigger_ns=at_ns, error_ns=0, source=TriggerSource.SENSOR, mode=Mode.BYPASS, lot=self.lot,
            purpose=self.purpose, recipe=None, models=(), travel=800.0, wall=self._wall_at(0.0),
        )  # fmt: skip
        record = PartRecord(
            part=part, verdict=Verdict.NOT_INSPECTED, reasons=reasons, results=(), decided_ns=at_ns, cutoff_ns=at_ns
        )
        row = self._ledger.commit([trigger, record])[part]
        self._line.send(wire.Recorded(
            row=row, part=part, verdict=record.verdict, reasons=reasons, results=(), trigger_ns=at_ns,
            purpose=self.purpose, lot=self.lot, acted=True,
        ))  # fmt: skip
        return part

    def _part(
        self, verdict: Verdict, *, ago_s: float, heard: bool = True, acted: bool = True, bad: bool | None = None
    ) -> PartId:
        self.n += 1
        shot = self.camera.shoot(self.n, bad=verdict in (Verdict.NG, Verdict.UNSURE) if bad is None else bad)
        at_ns = self.clock.now_ns() - round(ago_s * SECOND)
        part = PartId(station=self.station.name, epoch=self.epoch, n=self.n)
        result = self._result(part, verdict, shot, at_ns)
        trigger = TriggerRecord(
            part=part, trigger_ns=at_ns, error_ns=0, source=TriggerSource.SENSOR, purpose=self.purpose,
            mode=Mode.SETUP if self.trial else Mode.RUN, lot=self.lot,
            recipe=self.active if self.trial else self.recipe, models=("a" * 12,), travel=800.0,
            wall=self._wall_at(ago_s),
        )  # fmt: skip
        record = PartRecord(
            part=part, verdict=verdict, reasons=result.reasons, results=(result,), decided_ns=at_ns + 46 * MS,
            cutoff_ns=at_ns + 730 * MS,
        )  # fmt: skip
        passes = verdict is Verdict.OK and not self.trial
        outcome = GateOutcome.PASSED if passes else GateOutcome.CONFIRMED
        row = self._ledger.commit([trigger, record])[part]
        self._ledger.commit([GateRecord(part=part, outcome=outcome, at_ns=at_ns + 800 * MS)])
        self._keep(part, row, verdict, shot)
        if heard:
            self._line.send(wire.Recorded(
                row=row, part=part, verdict=verdict, reasons=result.reasons, results=(result,), trigger_ns=at_ns,
                purpose=self.purpose, lot=self.lot, acted=acted,
            ))  # fmt: skip
        return part

    def _result(self, part: PartId, verdict: Verdict, shot: Shot, at_ns: int) -> Result:
        slot = self.n % SLOTS
        np.copyto(self._ring.begin(slot), shot.pixels)
        generation = self._ring.commit(slot, seq=self.n, exposed_at_ns=at_ns)
        frame = FrameRef(
            camera=CAMERA, epoch=1, slot=slot, generation=generation, seq=self.n, exposed_at_ns=at_ns, error_ns=MS
        )
        score = _SCORES.get(verdict)
        scores = () if score is None else (
            Score(check="surface", score=score, unsure_from=4.0, ng_from=5.0),
            Score(check="edge", score=1.2, unsure_from=3.0, ng_from=3.5),
        )  # fmt: skip
        return Result(
            part=part, view=CAMERA, recipe=self.recipe, verdict=verdict, frame=frame, placement=shot.placement,
            reasons=(_REASONS[verdict],) if verdict in _REASONS else (), scores=scores, models=("a" * 12,),
            boxes=(shot.box,) if verdict in (Verdict.NG, Verdict.UNSURE) else (),
            timings=Timings(waited_us=4100, prepare_us=6200, model_us=31_400, total_us=46_000),
        )  # fmt: skip

    def _keep(self, part: PartId, row: int, verdict: Verdict, shot: Shot) -> None:
        path = f"2026-11-25/{self.lot}/{part.station}-{part.epoch}-{part.n}-{CAMERA}.jpg"
        size = self._folder.write(path, encode_jpeg(shot.pixels, 85), b'{"width": 800, "height": 600}')
        image = Image(
            part=part, row=row, view=CAMERA, kind="frame", path=path, bytes=size, width=800, height=600,
            verdict=verdict, created_wall=self._wall_at(0.0), created_ns=self.clock.now_ns(),
        )  # fmt: skip
        self._evidence.record(position=row, images=[image])
        self.images += 1


class PanelPlant:
    """Station file, history, line and the panel's process. `close` ends all."""

    def __init__(self, folder: Path, run_dir: Path, name: str, port: int, *, history: str = "OOONOUOXON") -> None:
        file = folder / "station.toml"
        file.write_text(f"""
name = "{name}"
data_dir = "data"
run_dir = "{run_dir}"
[[camera]]
name = "{CAMERA}"
kind = "virtual"
width = 800
height = 600
slots = {SLOTS + 2}
triggered = true
[panel]
port = {port}
""")
        self.station = stations.load(file)
        self.station.data_dir.mkdir(mode=0o700, exist_ok=True)
        self.url = f"http://127.0.0.1:{port}"
        store = StationStore(self.station.data_dir / "station.db", clock=SystemClock())
        self.recipe = store.add_recipe(biscuit_recipe())
        store.add_recipe(biscuit_recipe("carton", "Sữa tươi 1 L"))
        store.close()
        self.line = Line(self.station, self.recipe)
        self.line.start()
        self._panel: subprocess.Popen[bytes] | None = None
        try:
            self.line.act(lambda: self.line.fill(history))
            self._panel = subprocess.Popen([sys.executable, "-m", "edge.cli", "panel", "--station", str(file)])
            self._wait_for_panel(self._panel)
        except BaseException:  # whoever made it gets nothing to close
            self.close()
            raise

    def _wait_for_panel(self, panel: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.url}/api/v1/state", timeout=2):
                    return
            except OSError:
                assert panel.poll() is None, "edge panel ended"
                time.sleep(0.05)
        raise AssertionError("edge panel did not answer")

    def signal_panel(self, number: int) -> None:
        assert self._panel is not None
        self._panel.send_signal(number)

    def stop_panel(self) -> None:
        if self._panel is not None:
            self._panel.terminate()
            self._panel.wait(20)

    def close(self) -> None:
        self.stop_panel()
        self.line.end()
