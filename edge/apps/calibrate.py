"""`edge calibrate ...` for people: options in, a job of its own (`python -m calibration`) that does the work.

`edge` never imports `calibration`: what is asked goes to it as one JSON object, and its answer comes back as one.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from edge.domain.calibration import BoardKind, LensKind
from edge.errors import EXIT_NO, UsageError

calibrate = typer.Typer(
    name="calibrate", help="Lens, millimetres and light of a camera, from pictures of a board.", no_args_is_help=True
)

_SIZE = re.compile(r"([0-9]{1,3})x([0-9]{1,3})")
_PLACE = re.compile(r"([0-9.]{1,9}),([0-9.]{1,9})")
_SQUARES_HELP = (
    "Columns x rows: of a chessboard its INNER CORNERS (9x6 for 10 x 7 squares), of ChArUco its SQUARES, of circles "
    "the circles of a row x the rows."
)
_Kind = Annotated[BoardKind, typer.Option("--board", help="Which board is shown.")]
_Squares = Annotated[str, typer.Option(help=_SQUARES_HELP)]
_Square = Annotated[
    float, typer.Option(help="Side of a square as measured on the print; of circles, half the step in a row.")
]
_Marker = Annotated[float, typer.Option(help="ChArUco: side of a marker.")]
_Dictionary = Annotated[str, typer.Option(help="ChArUco: which markers, as 4X4_50 or 6X6_250.")]
_Legacy = Annotated[bool, typer.Option("--legacy", help="ChArUco: the pattern of OpenCV before 4.6.")]
_Profiles = Annotated[Path | None, typer.Option(help="Folder of profiles; default ./profiles, or the station's.")]
_Station = Annotated[Path | None, typer.Option(help="Station file: profiles go to its data.")]
_Name = Annotated[str, typer.Option(help="Of the profile: the camera's name.")]
_By = Annotated[str, typer.Option(help="Who calibrates.")]
_Reason = Annotated[str, typer.Option(help="Why.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_Progress = Annotated[bool, typer.Option("--progress", help="Progress as JSON lines on stderr.")]


@calibrate.command()
def lens(
    images: Annotated[list[Path], typer.Argument(help="Pictures of the board, or a folder of them.")],
    squares: _Squares,
    square_mm: _Square,
    board: _Kind = BoardKind.CHESSBOARD,
    marker_mm: _Marker = 0.0,
    dictionary: _Dictionary = "4X4_50",
    legacy: _Legacy = False,
    model: Annotated[LensKind, typer.Option(help="wide: beyond about 90 degrees.")] = LensKind.PINHOLE,
    profiles: _Profiles = None,
    station: _Station = None,
    name: _Name = "camera",
    start_from: Annotated[str, typer.Option(help="Profile NAME[@VERSION] whose flat field is kept.")] = "",
    by: _By = "engineer",
    reason: _Reason = "lens calibrated",
    as_json: _Json = False,
    progress: _Progress = False,
) -> None:
    """Find the board in many pictures, solve the lens, write the next version of a profile."""
    request = {
        "images": [str(path) for path in images],
        "target": _target(board, squares, square_mm, marker_mm, dictionary, legacy),
        "model": model.value,
        "saved": _saved(profiles, station, name, by, reason, start_from),
    }
    _answer(_run("lens", request, progress), as_json, _lens_words)


@calibrate.command()
def scale(
    image: Annotated[Path, typer.Argument(help="One picture of a board that lies on the belt.")],
    squares: _Squares,
    square_mm: _Square,
    profile: Annotated[str, typer.Option(help="NAME[@VERSION] with the lens; the result is its next version.")] = "",
    board: _Kind = BoardKind.CHESSBOARD,
    marker_mm: _Marker = 0.0,
    dictionary: _Dictionary = "4X4_50",
    legacy: _Legacy = False,
    profiles: _Profiles = None,
    station: _Station = None,
    name: Annotated[str, typer.Option(help="Of the profile, when no --profile is given.")] = "camera",
    by: _By = "engineer",
    reason: _Reason = "scale calibrated",
    as_json: _Json = False,
) -> None:
    """Millimetres on the belt, with the error over the field of view."""
    request = {
        "image": str(image),
        "target": _target(board, squares, square_mm, marker_mm, dictionary, legacy),
        "saved": _saved(profiles, station, profile.split("@")[0] or name, by, reason, profile),
    }
    _answer(_run("scale", request, False), as_json, _scale_words)


@calibrate.command()
def check(
    image: Annotated[Path, typer.Argument(help="A picture of a board on the belt, or of something of known length.")],
    profile: Annotated[str, typer.Option(help="NAME[@VERSION] with the scale.")],
    squares: Annotated[str, typer.Option(help=_SQUARES_HELP + " Or use --from, --to and --expect-mm.")] = "",
    square_mm: _Square = 0.0,
    board: _Kind = BoardKind.CHESSBOARD,
    marker_mm: _Marker = 0.0,
    dictionary: _Dictionary = "4X4_50",
    legacy: _Legacy = False,
    start: Annotated[str, typer.Option("--from", metavar="X,Y", help="One end, px of the frame.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="X,Y", help="The other end.")] = "",
    expect_mm: Annotated[float | None, typer.Option(help="What the length really is.")] = None,
    tolerance_mm: Annotated[float, typer.Option(help="How far it may be off.")] = 0.1,
    profiles: _Profiles = None,
    station: _Station = None,
    as_json: _Json = False,
) -> None:
    """Measure a known length. Exit code 1: it is off by more than the tolerance."""
    request: dict[str, Any] = {
        "image": str(image),
        "profiles": str(_profiles(profiles, station)),
        "profile": profile,
        "target": _target(board, squares, square_mm, marker_mm, dictionary, legacy) if squares else None,
        "between": [_place(start), _place(end)] if start or end else None,
        "expect_mm": expect_mm,
        "tolerance_mm": tolerance_mm,
    }
    answer = _run("check", request, False)
    _answer(answer, as_json, _check_words)
    if not answer["ok"]:
        raise typer.Exit(EXIT_NO)


@calibrate.command()
def flat(
    images: Annotated[list[Path], typer.Argument(help="Frames of an even, bright, matt surface.")],
    dark: Annotated[list[Path] | None, typer.Option(help="Frames with the lens covered; may be repeated.")] = None,
    profile: Annotated[str, typer.Option(help="NAME[@VERSION]; the result is its next version.")] = "",
    profiles: _Profiles = None,
    station: _Station = None,
    name: Annotated[str, typer.Option(help="Of the profile, when no --profile is given.")] = "camera",
    by: _By = "engineer",
    reason: _Reason = "flat field taken",
    as_json: _Json = False,
) -> None:
    """Flat field and dark frame from a few frames each."""
    request = {
        "images": [str(path) for path in images],
        "dark": [str(path) for path in dark or ()],
        "saved": _saved(profiles, station, profile.split("@")[0] or name, by, reason, profile),
    }
    _answer(_run("flat", request, False), as_json, _flat_words)


@calibrate.command()
def target(
    out: Annotated[Path, typer.Option(help="File to write, .svg or .pdf.")],
    squares: _Squares,
    mm: Annotated[float, typer.Option("--mm", help="Side of a square; of circles, half the step in a row.")],
    kind: Annotated[BoardKind, typer.Option(help="Which board.")] = BoardKind.CHESSBOARD,
    marker_mm: Annotated[float, typer.Option(help="ChArUco: side of a marker; default 3/4 of a square.")] = 0.0,
    dictionary: _Dictionary = "4X4_50",
    legacy: _Legacy = False,
    as_json: _Json = False,
) -> None:
    """A board to print at exact size, with a ruler that checks the printer."""
    form = out.suffix.lower().removeprefix(".")
    if form not in ("svg", "pdf"):
        raise UsageError(f"{out} is neither .svg nor .pdf", hint="--out board.pdf")
    marker = marker_mm or (0.75 * mm if kind is BoardKind.CHARUCO else 0.0)
    request = {
        "target": _target(kind, squares, mm, marker, dictionary, legacy),
        "out": str(out),
        "form": form,
    }
    _answer(_run("target", request, False), as_json, _target_words)


def _target(
    kind: BoardKind, squares: str, mm: float, marker_mm: float, dictionary: str, legacy: bool
) -> dict[str, Any]:
    found = _SIZE.fullmatch(squares)
    if found is None:
        raise UsageError(f"--squares {squares!r} is not columns x rows", hint="as 9x6")
    return {
        "board": kind.value,
        "squares": [int(found[1]), int(found[2])],
        "square_mm": mm,
        "marker_mm": marker_mm,
        "dictionary": dictionary.removeprefix("DICT_"),
        "legacy": legacy,
    }


def _saved(
    profiles: Path | None, station: Path | None, name: str, by: str, reason: str, start_from: str
) -> dict[str, Any]:
    folder = _profiles(profiles, station)
    return {"profiles": str(folder), "name": name, "by": by, "reason": reason, "start_from": start_from}


def _profiles(profiles: Path | None, station: Path | None) -> Path:
    if profiles is not None:
        return profiles
    if station is None:
        return Path("profiles")
    from edge.settings import station as stations

    return stations.load(station).profiles_dir


def _place(text: str) -> list[float]:
    found = _PLACE.fullmatch(text)
    try:
        return [float(found[1]), float(found[2])] if found else [float("x")]
    except ValueError as error:
        raise UsageError(f"{text or 'nothing'} is no place in the picture", hint="--from X,Y --to X,Y in px") from error


def _run(job: str, request: dict[str, Any], progress: bool) -> dict[str, Any]:
    """The job's answer. Its own words for errors go to stderr; its exit code is then ours."""
    # -P: a folder "calibration" where the person stands must not be taken for the workshop.
    words = [sys.executable, "-P", "-m", "calibration", job, *(["--progress"] if progress else [])]
    house = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (house, os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        words,
        input=json.dumps(request).encode(),
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, "EDGE_SUPERVISED": "1"},  # it ends with us, however we end
        check=False,
    )
    if not done.stdout.strip():
        raise typer.Exit(done.returncode or EXIT_NO)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _answer(answer: dict[str, Any], as_json: bool, words: Any) -> None:
    typer.echo(json.dumps(answer, ensure_ascii=False) if as_json else "\n".join(words(answer)))


def _lens_words(answer: dict[str, Any]) -> list[str]:
    its = answer["lens"]
    return [
        f"{answer['views_used']} of {answer['views_total']} pictures used",
        f"error {answer['rms_px']:.3f} px; of views that were held back {answer['heldback_rms_px']:.3f} px",
        f"focal length {its['fx']:.1f} x {its['fy']:.1f} px (one sd {its['focal_sd_px'][0]:.2f})",
        f"centre {its['cx']:.1f}, {its['cy']:.1f} px (one sd {its['centre_sd_px'][0]:.2f})",
        *(f"left out: {one['file']}: {one['why']}" for one in answer["refused"]),
        *(f"still missing: a view {one}" for one in answer["missing"]),
        *(f"note: {one}" for one in answer["advice"]),
        f"profile: {answer['profile']}",
    ]


def _scale_words(answer: dict[str, Any]) -> list[str]:
    return [
        f"{answer['px_per_mm']:.3f} px for one mm on the belt",
        f"error on the board {answer['rms_mm']:.3f} mm, at most {answer['max_mm']:.3f} mm",
        f"uncertainty in the picture's corners {max(answer['corners_mm'][:4]):.3f} mm (one sd)",
        *(f"note: {one}" for one in answer["advice"]),
        f"profile: {answer['profile']}",
    ]


def _check_words(answer: dict[str, Any]) -> list[str]:
    told = "within" if answer["ok"] else "MORE THAN"
    return [
        f"measured {answer['measured_mm']:.3f} mm, expected {answer['expected_mm']:.3f} mm",
        f"off by {answer['error_mm']:+.3f} mm, {told} the tolerance of {answer['tolerance_mm']:g} mm",
    ]


def _flat_words(answer: dict[str, Any]) -> list[str]:
    return [
        f"the darkest place had {answer['unevenness']:.0%} of the brightest's light ({answer['frames']} frames)",
        f"profile: {answer['profile']}",
    ]


def _target_words(answer: dict[str, Any]) -> list[str]:
    return [
        f"{answer['file']}: {answer['width_mm']:g} x {answer['height_mm']:g} mm",
        "print at 100 % and measure the ruler",
    ]
