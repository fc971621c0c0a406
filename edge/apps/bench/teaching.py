"""Teaching: how long it takes from pictures on disk to the package on disk, in how much memory, and what the taught
graph costs over the bare backbone.

Time and memory are those of `edge teach` as a person starts it, in a process of its own: it says itself how many
seconds it took, without the start of Python. Peak memory is the kernel's VmHWM of that process (proc(5)), looked at
until it ends. getrusage(2) would not do: its maximum is carried over from the process that started this one.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.apps.bench import picks
from edge.apps.bench.chain import Found
from edge.apps.bench.child import Child
from edge.apps.demo.scene.render import Renderer
from edge.apps.demo.scene.spec import draw_spec
from edge.errors import ServiceError
from edge.inference.preprocess import Preprocessor
from edge.inference.session import Graph, Model, SessionOptions
from edge.learning.backbone import load_backbone
from edge.store.packages import open_package

GOOD, MANY = 50, 150
THREADS = 2
_PRODUCT, _SEED = "biscuit", 7
_FRAME = (600, 800)
_JPEG_QUALITY = 95
_BELT_PX = 37.0  # from part to part, so that no two have the same belt under them
_LOOK_S = 0.01
_WITHIN_S = 600.0
_WARM_UP = 3
_BYTES_PER_KB = 1024  # kB of the kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachPlan:
    """runs: of each graph in a round. picks: of a coreset in a round. memory: teach MANY too, for its peak memory."""

    rounds: int
    runs: int = 40
    picks: int = 1000
    memory: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """seconds: as `edge teach` says. peak_mb: of its process; MB are 10^6 bytes. package: the folder."""

    seconds: float
    peak_mb: float
    package: Path


def measure(folder: Path, plan: TeachPlan, say: Callable[[str], None]) -> Found:
    """folder: a new one, for pictures and packages. ServiceError when teaching fails."""
    pictures = draw_good(folder / "good", GOOD)
    lessons, ratios, pick_ms = [], [], []
    picker = Child(picks.work, meanwhile=lambda: None)
    try:
        for number in range(plan.rounds):
            say(f"teach {GOOD} pictures")
            lessons.append(teach(pictures, folder / f"taught-{number}"))
            ratios.append(graph_over_backbone(lessons[0].package, plan.runs))
            pick_ms.append(picker.ask(plan.picks, _WITHIN_S))
    finally:
        picker.close()
    figures = {
        f"teach_{GOOD}_s": _median([lesson.seconds for lesson in lessons]),
        "graph_over_backbone": _median(ratios),
        "coreset_ms_per_pick": _median(pick_ms),
    }
    if plan.memory:
        say(f"teach {MANY} pictures")
        many = teach(draw_good(folder / "many", MANY), folder / "taught-many")
        figures[f"teach_{MANY}_mb"] = round(many.peak_mb, 1)
    return Found(figures=figures, taken=_taken(plan, lessons, ratios, pick_ms))


def draw_good(folder: Path, count: int) -> Path:
    """Good parts of the virtual line as its camera sees them, 800 x 600 px, as JPEG."""
    folder.mkdir(parents=True)
    renderer = Renderer(_PRODUCT, _SEED, _FRAME)
    for n in range(1, count + 1):
        picture = renderer.frame([(draw_spec(_PRODUCT, n, _SEED, 0.0), _FRAME[1] / 2)], n * _BELT_PX, n, n)
        cv2.imwrite(str(folder / f"{n:03d}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return folder


def teach(pictures: Path, out: Path, threads: int = THREADS) -> Lesson:
    """`edge teach` with all its choices left to itself. ServiceError when it fails or does not end."""
    words = ["teach", str(pictures), "--name", "bench", "--out", str(out), "--threads", str(threads), "--json"]
    told, complaints = out.with_suffix(".json"), out.with_suffix(".txt")
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(threads)}
    with told.open("wb") as answer, complaints.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge.cli", *words],
            stdin=subprocess.DEVNULL, stdout=answer, stderr=errors, env=environment,
        )  # fmt: skip
        try:
            peak_mb = _peak_until_end_mb(process)
        finally:
            process.kill()
            process.wait()
    if process.returncode != 0:
        said = complaints.read_text(encoding="utf-8", errors="replace").strip() or "it said nothing"
        raise ServiceError("teaching failed in the bench", hint=said[-500:])
    return Lesson(seconds=float(json.loads(told.read_text())["seconds"]), peak_mb=peak_mb, package=out / "package")


def graph_over_backbone(package: Path, runs: int) -> float:
    """Medians of the whole taught graph, from bytes to score, over the bare backbone, from a normalised image to its
    features: both `session.run` with one thread, run in turns."""
    opened, options = open_package(package), SessionOptions()
    manifest = opened.manifest
    backbone = load_backbone(str((manifest.training or {})["backbone"]))
    taps = tuple(tap.name for tap in backbone.taps)
    whole = Model.load(opened, options)
    bare = Graph(backbone.onnx, f"backbone {backbone.name}", taps, options)
    size = (manifest.preprocess.height, manifest.preprocess.width, 3)
    picture = np.random.default_rng(_SEED).integers(0, 256, size, np.uint8)
    looks: list[Callable[[], object]] = [
        partial(whole.run, whole.preprocessor.tensor(picture)),
        partial(bare.run, Preprocessor(manifest.preprocess).tensor(picture)),
    ]
    times_ns: tuple[list[int], list[int]] = ([], [])
    for number in range(_WARM_UP + runs):
        # Each comes first every other time.
        for one in (0, 1) if number % 2 else (1, 0):
            started_ns = time.monotonic_ns()
            looks[one]()
            times_ns[one].append(time.monotonic_ns() - started_ns)
    whole_ns, bare_ns = (statistics.median(spent[_WARM_UP:]) for spent in times_ns)
    return whole_ns / bare_ns


def _peak_until_end_mb(process: subprocess.Popen[bytes]) -> float:
    until_s = time.monotonic() + _WITHIN_S
    peak_kb = 0
    while process.poll() is None:
        if time.monotonic() > until_s:
            raise ServiceError("teaching does not end in the bench", hint="is the machine overloaded?")
        peak_kb = max(peak_kb, _peak_kb(process.pid))
        time.sleep(_LOOK_S)
    return peak_kb * _BYTES_PER_KB / 1e6


def _peak_kb(pid: int) -> int:
    """0 when it has just ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def _taken(plan: TeachPlan, lessons: list[Lesson], ratios: list[float], pick_ms: list[float]) -> dict[str, Any]:
    preprocess = open_package(lessons[0].package).manifest.preprocess
    return {
        "threads": THREADS,
        "frame": [_FRAME[1], _FRAME[0]],
        "input": [preprocess.width, preprocess.height],
        "seconds": [lesson.seconds for lesson in lessons],
        f"teach_{GOOD}_mb": [round(lesson.peak_mb, 1) for lesson in lessons],
        "graph_over_backbone": [round(ratio, 4) for ratio in ratios],
        "coreset_ms_per_pick": [round(one_ms, 4) for one_ms in pick_ms],
        "picks": plan.picks,
    }


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 4)
