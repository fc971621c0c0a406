"""How well kinds of defects are named from a few examples of each:
`python -m models.tools.kinds_accuracy MODEL DIR [--draws 20] [--json]`.

MODEL is what `edge teach` made, DIR a folder with test/KIND (and ground_truth/KIND, which a person's marks are taken
from). In each draw so many examples of each kind are taught, by chance, and all other defects are named, as the line
would see them: without a mark. What is never stopped is never named, so those that the detector stops count apart.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.apps.learning.kinds.teach import kept_good, labelled_frames
from edge.apps.learning.source import judged_part, opened
from edge.clock import SystemClock
from edge.domain.verdict import Verdict
from edge.errors import EXIT_OK, EdgeError
from edge.learning.kinds import Example, KindsFit, Usual, fit, name_vector
from edge.learning.kinds_sight import KindSight
from edge.learning.labelled import find_pictures
from edge.learning.memory_file import taught_memory
from edge.learning.replay import part_examiner
from edge.store.kinds import UNKNOWN

COUNTS = (3, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Defects:
    """examples: all of them. stopped: which the detector stops."""

    examples: tuple[Example, ...]
    stopped: tuple[bool, ...]
    normal: Usual
    backbone: str
    model: str


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m models.tools.kinds_accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="what edge teach made, or a taught package")
    parser.add_argument("source", type=Path, help="folder with test/KIND")
    parser.add_argument("--draws", type=int, default=20, help="of examples, by chance")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    chosen = parser.parse_args(arguments)
    try:
        defects = look(chosen.model, chosen.source)
    except EdgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    found = {str(count): tried(defects, count, chosen.draws) for count in COUNTS}
    print(json.dumps(found) if chosen.json else "\n".join(f"{count} of each: {told}" for count, told in found.items()))
    return EXIT_OK


def look(model: Path, source: Path) -> Defects:
    """At every defect once. EdgeError for what cannot be used."""
    with opened(model) as what:
        package = what.package
        memory = taught_memory(package)
        sight = KindSight(package.manifest, memory)
        normal = sight.usual(kept_good(what))
        examiner = part_examiner(package, what.bounds, SystemClock())
        examples: list[Example] = []
        stopped: list[bool] = []
        for frame in labelled_frames(find_pictures(source), what, sight):
            if not frame.kind:
                continue
            part = judged_part(what, frame.path, True, frame.place)
            examples.append(sight.example(frame.kind, part.picture, normal, part.marked))
            stopped.append(examiner.look(part.picture).result.verdict is not Verdict.OK)
    return Defects(
        examples=tuple(examples),
        stopped=tuple(stopped),
        normal=normal,
        backbone=sight.backbone,
        model=package.manifest.reference,
    )


def tried(defects: Defects, count: int, draws: int) -> dict[str, Any]:
    """Of kinds with more than `count` examples. accuracy: the nearest kind is the right one. named: not unknown.
    right: of those that are named. Shares over all draws, of stopped defects and of all.

    untaught: of stopped defects of a kind that was left out, in each draw another one: how many are called unknown.
    """
    kinds = [one.kind for one in defects.examples]
    used = sorted(kind for kind in set(kinds) if kinds.count(kind) > count)
    seen: list[tuple[bool, bool, bool, bool]] = []  # stopped, nearest right, named, named rightly
    untaught: list[bool] = []
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        rows = {kind: [row for row, its in enumerate(kinds) if its == kind] for kind in used}
        taught = {kind: sorted(int(row) for row in rng.choice(rows[kind], count, replace=False)) for kind in used}
        known = _fit(defects, taught)
        for kind in used:
            for row in sorted(set(rows[kind]) - set(taught[kind])):
                named = name_vector(known, defects.examples[row].as_new)
                right, given = named.nearest == kind, named.kind != UNKNOWN
                seen.append((defects.stopped[row], right, given, given and right))
        if len(used) > 2:
            hidden = used[draw % len(used)]
            known = _fit(defects, {kind: its for kind, its in taught.items() if kind != hidden})
            its = [defects.examples[row] for row in rows[hidden] if defects.stopped[row]]
            untaught += [name_vector(known, one.as_new).kind == UNKNOWN for one in its]
    return {
        "kinds": len(used),
        "stopped": _shares([one for one in seen if one[0]]),
        "all": _shares(seen),
        "untaught": round(sum(untaught) / len(untaught), 3) if untaught else None,
    }


def _fit(defects: Defects, taught: dict[str, list[int]]) -> KindsFit:
    examples = [defects.examples[row] for rows in taught.values() for row in rows]
    return fit(examples, defects.normal, defects.backbone, defects.model)


def _shares(seen: list[tuple[bool, bool, bool, bool]]) -> dict[str, float | int | None]:
    named = sum(one[2] for one in seen)
    return {
        "tries": len(seen),
        "accuracy": round(sum(one[1] for one in seen) / len(seen), 3) if seen else None,
        "named": round(named / len(seen), 3) if seen else None,
        "right": round(sum(one[3] for one in seen) / named, 3) if named else None,
    }


if __name__ == "__main__":
    sys.exit(main())
