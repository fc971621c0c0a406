"""Write recorded media with their truth: `python -m edge.apps.demo.scene.record OUTDIR`.

    OUTDIR/<product>/line.mp4, truth.json          parts passing, some almost touching
    OUTDIR/biscuit_stop/line.mp4, truth.json       the belt stops with a part near the middle, shakes, goes on
    OUTDIR/biscuit_stills/train/good/000.jpg ...   MVTec layout: train/good, test/good, test/<kind>,
                         ground_truth/<kind>/000_mask.png, truth.json

What is drawn is planned first; the truth comes from the plan, so it can be checked without writing a picture.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.apps.demo.scene.render import Renderer
from edge.apps.demo.scene.spec import DEFECTS, PRODUCTS, Defect, PartSpec, Severity, draw_spec
from edge.errors import EdgeError, UsageError

LINE_SIZE = (600, 800)  # what the demo's camera gives, so that the demo's recipes can judge it
SIZE = (360, 480)  # of the belt that stops and of the stills: small, and of another size than promised
FPS = 30
SEED = 1
_STEP = 0.05  # of the frame's width: how far the belt moves from frame to frame
PARTS, PARTS_STOPPING = 12, 9
# Compression pays dearly for noise; this much is still visible and keeps a minute of media in a few MB.
NOISE = 0.3
STILL_SCATTER: tuple[Severity, ...] = ("gross", "gross", "medium", "subtle")
# Which parts of a video are defective; the kinds follow one another.
_DEFECTIVE: dict[int, Severity] = {3: "gross", 5: "medium", 8: "gross", 9: "medium", 11: "subtle"}
_TIGHT = (3, 4, 8)
_STOP_FRAMES = 45


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One video: `slots` are the parts and how far behind the frame's left edge their slot centres start (px);
    `offsets` how far the belt has moved at each frame (px). size: (height, width) of its frames."""

    product: str
    seed: int
    size: tuple[int, int]
    slots: tuple[tuple[PartSpec, float], ...]
    offsets: tuple[float, ...]

    def centre_px(self, index: int, frame: int) -> float:
        """x of the index-th part's own centre in the frame."""
        spec, start = self.slots[index]
        return start + self.offsets[frame] + spec.dx_px * self.size[1] / 800


def plan_video(renderer: Renderer, *, stops: bool) -> Plan:
    """Parts with gaps of 30-90 px between outlines, some of 6 px (at a width of 480 px); the belt at one speed, or
    stopping once."""
    width = renderer.size[1]
    scale, step = width / 480, _STEP * width
    rng = np.random.default_rng([renderer.seed, PRODUCTS.index(renderer.name), 9])
    slots: list[tuple[PartSpec, float]] = []
    front = -20.0 * scale
    for n in range(1, (PARTS_STOPPING if stops else PARTS) + 1):
        spec = _video_part(renderer.name, n, renderer.seed)
        left, right = renderer.prepare(spec).reach_px
        slots.append((spec, front - right))
        front += -left - right - scale * (6.0 if n in _TIGHT else float(rng.uniform(30.0, 90.0)))
    travel = width - front
    offsets = [step * k for k in range(int(travel / step) + 2)]
    if stops:
        spec, start = slots[4]
        offsets = _stopping(offsets, step, width / 2 - start - spec.dx_px * width / 800, rng)
    return Plan(
        product=renderer.name, seed=renderer.seed, size=renderer.size, slots=tuple(slots), offsets=tuple(offsets)
    )


def _video_part(product: str, n: int, seed: int) -> PartSpec:
    """Few parts pass, so their defects are set, not drawn: each kind once."""
    spec = draw_spec(product, n, seed, 0.0)
    if n not in _DEFECTIVE:
        return spec
    kind = DEFECTS[product][list(_DEFECTIVE).index(n)]
    return replace(spec, defect=Defect(kind=kind, severity=_DEFECTIVE[n]))


def _stopping(offsets: list[float], step_px: float, middle_px: float, rng: np.random.Generator) -> list[float]:
    """The belt comes to rest with one part's centre at the middle and shakes there: it crosses many times."""
    before = [x for x in offsets if x < middle_px - step_px]
    slowing = [middle_px - step_px * share for share in (0.55, 0.25, 0.08)]
    shaking = [middle_px + float(x) for x in rng.uniform(-3.0, 3.0, _STOP_FRAMES)]
    starting = [middle_px + step_px * share for share in (0.2, 0.6)]
    rest = offsets[-1] + step_px - starting[-1]
    after = [starting[-1] + step_px * k for k in range(1, int(rest / step_px) + 2)]
    return before + slowing + shaking + starting + after


def part_truth(spec: PartSpec) -> dict[str, Any]:
    defect = None if spec.defect is None else {"kind": spec.defect.kind, "severity": spec.defect.severity}
    return {"n": spec.n, "product": spec.product, "seed": spec.seed, "defect": defect}


def video_truth(plan: Plan) -> dict[str, Any]:
    """`frame`: where the part's centre is nearest to the middle when it first gets there; `time_s`: the crossing,
    between frames. Both count from the first frame."""
    parts = [part_truth(spec) | _crossing(plan, index) for index, (spec, _) in enumerate(plan.slots)]
    return {
        "product": plan.product,
        "seed": plan.seed,
        "fps": FPS,
        "width": plan.size[1],
        "height": plan.size[0],
        "frames": len(plan.offsets),
        "parts": parts,
    }


def _crossing(plan: Plan, index: int) -> dict[str, Any]:
    middle = plan.size[1] / 2
    xs = [plan.centre_px(index, frame) - middle for frame in range(len(plan.offsets))]
    after = next(frame for frame, x in enumerate(xs) if x >= 0.0)
    share = -xs[after - 1] / (xs[after] - xs[after - 1])
    nearest = after if share > 0.5 else after - 1
    return {"frame": nearest, "time_s": round((after - 1 + share) / FPS, 4)}


def frames(renderer: Renderer, plan: Plan) -> Iterator[Any]:
    """The video's pictures in order, stamped with the part nearest to the middle."""
    width = plan.size[1]
    for number, offset in enumerate(plan.offsets):
        places = [(spec, start + offset) for spec, start in plan.slots]
        seen = [(spec, x) for spec, x in places if -0.4 * width < x < 1.4 * width]
        nearest = min(places, key=lambda place: abs(place[1] - width / 2))
        yield renderer.frame(seen, offset, number, nearest[0].n)


def write_video(folder: Path, renderer: Renderer, plan: Plan) -> None:
    """line.mp4 (MPEG-4 part 2, which every OpenCV build decodes) and truth.json. Raises UsageError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "line.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, plan.size[::-1])
    try:
        if not writer.isOpened():
            raise UsageError(f"cannot write the video {path}", hint="is the folder writable, is there room?")
        for picture in frames(renderer, plan):
            writer.write(picture)
    finally:
        writer.release()
    _write_truth(folder, video_truth(plan))


def plan_stills(product: str, seed: int) -> list[tuple[str, PartSpec]]:
    """(path without ending, part) for 30 good parts to learn from, 8 good and 4 of each kind to judge."""
    out = []
    n = 1000
    groups: list[tuple[str, str | None, int]] = [("train/good", None, 30), ("test/good", None, 8)]
    groups += [(f"test/{kind}", kind, len(STILL_SCATTER)) for kind in DEFECTS[product]]
    for folder, kind, count in groups:
        for index in range(count):
            spec = draw_spec(product, n, seed, 0.0)
            if kind is not None:
                spec = replace(spec, defect=Defect(kind=kind, severity=STILL_SCATTER[index]))
            out.append((f"{folder}/{index:03d}", spec))
            n += 1
    return out


def stills_truth(product: str, seed: int) -> dict[str, Any]:
    parts = [{"file": f"{name}.jpg"} | part_truth(spec) for name, spec in plan_stills(product, seed)]
    return {"product": product, "seed": seed, "width": SIZE[1], "height": SIZE[0], "parts": parts}


def write_stills(folder: Path, renderer: Renderer) -> None:
    for name, spec in plan_stills(renderer.name, renderer.seed):
        middle = SIZE[1] / 2
        picture = renderer.frame([(spec, middle)], 173.0 * spec.n, spec.n, spec.n)
        _write_image(folder / f"{name}.jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])
        if spec.defect is not None:
            mask = folder / f"{name.replace('test/', 'ground_truth/')}_mask.png"
            _write_image(mask, renderer.defect_mask(spec), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    _write_truth(folder, stills_truth(renderer.name, renderer.seed))


def _write_image(path: Path, picture: Any, options: Sequence[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(path.suffix, picture, list(options))
    if not done:
        raise UsageError(f"cannot encode {path.name}")
    path.write_bytes(data.tobytes())


def _write_truth(folder: Path, truth: dict[str, Any]) -> None:
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


def video_plans() -> Iterator[tuple[str, Renderer, Plan]]:
    """(folder name, renderer, plan) of every recorded video."""
    for product in PRODUCTS:
        renderer = Renderer(product, SEED, LINE_SIZE, noise=NOISE)
        yield product, renderer, plan_video(renderer, stops=False)
    renderer = Renderer("biscuit", SEED + 1, SIZE, noise=NOISE)
    yield "biscuit_stop", renderer, plan_video(renderer, stops=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the recorded test media with their truth.")
    parser.add_argument("outdir", type=Path)
    root: Path = parser.parse_args(argv).outdir
    try:
        for name, renderer, plan in video_plans():
            write_video(root / name, renderer, plan)
        write_stills(root / "biscuit_stills", Renderer("biscuit", SEED, SIZE, noise=NOISE))
    except OSError as error:
        raise UsageError(f"cannot write to {root}: {error.strerror}", hint="name a writable folder") from error
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdgeError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(problem.exit_code)
