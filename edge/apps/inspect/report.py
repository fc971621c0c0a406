"""What `--out` and `--json` give: a table for people, an object for programs, an annotated picture for each part."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from edge import __version__
from edge.apps.inspect.judge import JudgedPart
from edge.apps.inspect.summary import Summary
from edge.apps.inspect.words import InspectWords
from edge.bus.ring import Pixels
from edge.domain.result import RecipeRef
from edge.recorder.imagefile import encode_jpeg

RESULTS_CSV, RESULTS_JSON, IMAGES = "results.csv", "results.json", "images"
_QUALITY = 92
_HEAD = (
    *("n", "name", "group", "verdict", "verdict_words", "reasons", "reason_words"),
    *("check", "score", "unsure_from", "ng_from", "label"),
    *("time_s", "x_px", "y_px", "angle_deg", "prepare_ms", "model_ms", "total_ms", "image"),
)


def as_object(
    source: Path, recipe: RecipeRef, parts: Sequence[JudgedPart], summary: Summary, words: InspectWords
) -> dict[str, Any]:
    """Plain values, ready for JSON."""
    return {
        "format": 1,
        "edge": __version__,
        "source": str(source),
        "recipe": {"name": recipe.name, "version": recipe.version, "digest": recipe.digest},
        "language": words.language,
        "summary": msgspec.to_builtins(summary),
        "parts": [_part(part, words) for part in parts],
    }


class OutFolder:
    """A folder that is being filled (`edge.store.atomic.new_folder`). Methods raise OSError as the disk gives it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / IMAGES).mkdir()

    def keep_image(self, part: JudgedPart, picture: Pixels) -> str:
        """The name it has inside the folder: by number, so that no two parts meet."""
        name = f"{IMAGES}/{part.n:06d}_{_plain(part.name)}_{part.verdict.value}.jpg"
        (self._folder / name).write_bytes(encode_jpeg(picture, _QUALITY))
        return name

    def write_tables(self, report: dict[str, Any], parts: Sequence[JudgedPart], words: InspectWords) -> None:
        data = msgspec.json.format(msgspec.json.encode(report), indent=1)
        (self._folder / RESULTS_JSON).write_bytes(data + b"\n")
        # With the mark that spreadsheets need to read Vietnamese.
        with open(self._folder / RESULTS_CSV, "w", encoding="utf-8-sig", newline="") as file:
            table = csv.writer(file)
            table.writerow(_HEAD)
            table.writerows(_row(part, words) for part in parts)


def _part(part: JudgedPart, words: InspectWords) -> dict[str, Any]:
    result = msgspec.to_builtins(part.result)
    kept = ("view", "scores", "boxes", "models", "placement", "timings", "calibration")
    return {
        "n": part.n,
        "name": part.name,
        "group": part.group,
        "time_s": part.time_s,
        "verdict": part.verdict.value,
        "verdict_words": words.verdict(part.verdict),
        "reasons": [
            {**msgspec.to_builtins(reason), "words": words.code(reason.code)} for reason in part.result.reasons
        ],
        **{key: result[key] for key in kept},
        "image": part.image,
    }


def _row(part: JudgedPart, words: InspectWords) -> list[Any]:
    result, worst = part.result, part.worst
    place, timings = result.placement, result.timings
    return [
        *(part.n, part.name, part.group, part.verdict.value, words.verdict(part.verdict)),
        *(" ".join(reason.code.value for reason in result.reasons), words.reasons(result)),
        *(
            (worst.check, f"{worst.score:.6g}", f"{worst.unsure_from:.6g}", f"{worst.ng_from:.6g}", worst.label)
            if worst
            else [""] * 5
        ),
        "" if part.time_s is None else f"{part.time_s:.3f}",
        *((f"{place.x_px:.1f}", f"{place.y_px:.1f}", f"{place.angle_deg:.1f}") if place else [""] * 3),
        *((timings.prepare_us / 1000, timings.model_us / 1000, timings.total_us / 1000) if timings else [""] * 3),
        part.image,
    ]


def _plain(name: str) -> str:
    """Of a part's name, what any file system takes: letters, digits, '-', at most 60."""
    stem = Path(name).with_suffix("").as_posix()
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in stem)[-60:]
