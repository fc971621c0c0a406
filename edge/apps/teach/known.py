"""Known defects of the station, judged by what was just taught: what this and other limits would let pass.

They teach nothing and move no limit here: a person who sees them may choose another promise, or correct the detector.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.apps.evaluate.subject import load_subject
from edge.apps.progress import Steps
from edge.apps.teach.planning import Basis
from edge.capture.folder import decode_picture
from edge.clock import Clock
from edge.domain.verdict import Verdict
from edge.learning.examine import Examiner, excess
from edge.learning.reestimate import DefectScore, Evidence, Setting, settings_table
from edge.learning.stored_good import Books, opened_books, pictures_of
from edge.settings.station import Station

MOST = 100  # the newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """defects: with the score that each gets now, those in which the part was found. table: as `settings_table`."""

    defects: tuple[DefectScore, ...] = ()
    table: tuple[Setting, ...] = ()

    def report(self) -> dict[str, Any]:
        return {
            "defects": [asdict(one) | {"score": round(one.score, 4)} for one in self.defects],
            "table": [
                {
                    "unsure_from": one.unsure_from, "stopped_good": one.rejects, "good": one.good,
                    "escapes": len(one.escapes), "defects": one.defects,
                }
                for one in self.table
            ],
        }  # fmt: skip

    def words(self, unsure_from: float) -> str:
        """For a person; "" when none is known."""
        if not self.defects:
            return ""
        passed = [one.name for one in self.defects if one.score < unsure_from]
        told = f": {', '.join(passed[:5])}" if passed else ""
        return f"of {len(self.defects)} known defects of this station {len(passed)} would pass{told}"


def known_defects(
    station: Station,
    basis: Basis,
    made: Path,
    scores: tuple[float, ...],
    unsure_from: float,
    clock: Clock,
    steps: Steps,
) -> Known:
    """made: the folder of what was taught. basis: says which product; the defects of another prove nothing.

    scores: of the good parts. StoreError when the station's books cannot be read.
    """
    with opened_books(station) as books:
        found = _labelled(books, basis)
    if not found:
        return Known()
    judges = Examiner(load_subject(made, None, basis.view.camera, clock).runner_for, clock)
    defects: list[DefectScore] = []
    for number, (name, path, kind) in enumerate(found):
        steps("judging again", number, len(found))
        picture = decode_picture(path, 3)
        if picture is None:
            continue  # retention has just taken it
        score = max(judges.look(picture).result.scores, key=excess, default=None)
        if score is not None:  # else the part was not found, and that stops it
            defects.append(DefectScore(name=name, score=score.score, kind=kind))
    evidence = Evidence(taught=scores, defects=tuple(defects))
    return Known(defects=evidence.defects, table=settings_table(evidence, (unsure_from,)) if defects else ())


def _labelled(books: Books, basis: Basis) -> list[tuple[str, Path, str]]:
    """(part, picture, kind) of parts that a person called NG, the newest first."""
    if books.labels is None:
        return []
    names = {row.ref.name for row in books.labels.recipes() if row.product and row.product == basis.recipe.product}
    names.add(basis.recipe.name)
    kinds = {label.part: label.kind for label in books.labels.newest_labels(Verdict.NG, MOST)}
    parts = [part for one in kinds if (part := books.ledger.part(one)) is not None]
    same = [part for part in parts if part.trigger.recipe is not None and part.trigger.recipe.name in names]
    pictures = pictures_of(books, same, basis.view.camera)
    return [(str(one.part), one.path, kinds[one.part]) for one in pictures.values()]
