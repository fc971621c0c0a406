"""What was taught of kinds, or named by them, as JSON and in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.learning.kinds import KindsFit
from edge.learning.kinds import Named as NamedKind
from edge.store.kinds import UNKNOWN
from edge.store.station_schema import Named

_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TeachOutcome:
    """told: (kind, how it was named without it) of each example. waiting: kinds with too few examples, and how many
    they are short of. unusable: parts that were left out, with the reason."""

    known: KindsFit
    out: Path
    told: tuple[tuple[str, NamedKind], ...]
    waiting: dict[str, int]
    unusable: tuple[str, ...]

    def report(self) -> dict[str, Any]:
        """accuracy: share of all left-out examples whose nearest kind is theirs. named: share that is given a name.
        right: share of those names that are right, None when none is given."""
        known, told = self.known, self.told
        named = [(kind, one) for kind, one in told if one.kind != UNKNOWN]
        right = sum(one.kind == kind for kind, one in named)
        return {
            "model": known.model,
            "out": str(self.out),
            "kinds": {
                kind: {"examples": count, **_of_kind(kind, self.told)}
                for kind, count in zip(known.kinds, known.counts, strict=True)
            },
            "left_out": {
                "examples": len(told),
                "accuracy": round(sum(one.nearest == kind for kind, one in told) / len(told), 4),
                "named": round(len(named) / len(told), 4),
                "right": round(right / len(named), 4) if named else None,
                "unknown": len(told) - len(named),
            },
            "waiting": self.waiting,
            "unusable": list(self.unusable),
        }

    def lines(self) -> list[str]:
        told, out = self.report(), self.report()["left_out"]
        lines = [
            f"{kind}: {one['examples']} examples; without each in turn {one['right']} named rightly, "
            f"{one['wrong']} wrongly, {one['unknown']} unknown"
            for kind, one in told["kinds"].items()
        ]
        right = "" if out["right"] is None else f", of which {100 * out['right']:.0f} % rightly"
        lines.append(f"A new defect of these kinds is named in {100 * out['named']:.0f} % of the cases{right}.")
        lines += [f"{kind} waits for {short} example(s) more" for kind, short in self.waiting.items()]
        lines += _left_out(self.unusable)
        return [*lines, f"Written to {self.out}. Names change no verdict."]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPart:
    """name: of the picture's file, or the part's id."""

    name: str
    named: NamedKind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NameOutcome:
    """rows: for the station's database. kept: they are in it; None: the parts are no station's."""

    known: KindsFit
    parts: tuple[NamedPart, ...]
    unusable: tuple[str, ...]
    rows: tuple[Named, ...] = ()
    kept: bool | None = None

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(one.named.kind for one in self.parts).most_common())

    def report(self) -> dict[str, Any]:
        """rows: what a panel that holds the database takes in."""
        return {
            "model": self.known.model,
            "kept": self.kept,
            "counts": self.counts,
            "parts": [
                {
                    "name": one.name,
                    "kind": one.named.kind,
                    "nearest": one.named.nearest,
                    "certainty": round(one.named.confidence, 4),
                }
                for one in self.parts
            ],
            "rows": [
                {"row": one.row, "part": str(one.part), "kind": one.kind, "certainty": one.certainty}
                for one in self.rows
            ],
            "unusable": list(self.unusable),
        }

    def lines(self) -> list[str]:
        lines = [f"{kind}: {count}" for kind, count in self.counts.items()] or ["There is nothing to be named."]
        if self.kept is None:
            lines = [f"{one.name}: {one.named.kind} ({100 * one.named.confidence:.0f} %)" for one in self.parts] + lines
        if self.kept is False:
            lines.append("The panel holds the station's database: the names are told here, and not kept.")
        return lines + _left_out(self.unusable)


def _of_kind(kind: str, told: tuple[tuple[str, NamedKind], ...]) -> dict[str, int]:
    ours = [one.kind for its, one in told if its == kind]
    right, unknown = ours.count(kind), ours.count(UNKNOWN)
    return {"right": right, "wrong": len(ours) - right - unknown, "unknown": unknown}


def _left_out(unusable: tuple[str, ...]) -> list[str]:
    more = [f"... and {len(unusable) - _SHOWN} more"] if len(unusable) > _SHOWN else []
    return [f"left out: {one}" for one in unusable[:_SHOWN]] + more
