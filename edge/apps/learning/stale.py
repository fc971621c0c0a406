"""`edge learning stale`: whether a detector must be taught again, as its parts are looked at in another way now."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.apps.learning.now import Now, now_of, taught_source
from edge.apps.learning.raw import pictures_of
from edge.apps.learning.source import Source
from edge.domain.recipe import Recipe
from edge.errors import EXIT_NO, EXIT_OK
from edge.learning.kept_pictures import Wanted, absent
from edge.learning.memory_file import taught_memory
from edge.settings.station import Station


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Staleness:
    """missing: names of the pictures that teaching again would need and that are not there."""

    model: str
    now: Now
    missing: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """1: it must be taught again."""
        return EXIT_NO if self.now.why else EXIT_OK

    def report(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "stale": bool(self.now.why),
            "changes": [asdict(one) for one in self.now.why],
            "missing": list(self.missing),
        }

    def lines(self) -> list[str]:
        words = [one.words() for one in self.now.why]
        words.append(f"{self.model} {'must be taught again' if words else 'is as it was taught'}")
        if self.missing:
            words.append(f"pictures that are not there: {', '.join(self.missing)}")
        return words


def run(package: Path, recipe: str | Recipe | None, station: Station | None) -> Staleness:
    """Reads no picture. EdgeError says why it cannot be told."""
    with taught_source(package, recipe, station) as source:
        return staleness(source, station)


def staleness(source: Source, station: Station | None) -> Staleness:
    now = now_of(source, station)
    wanted = [Wanted(name=one.name, sha256=one.sha256) for one in now.record.taught_with]
    wanted += [Wanted(name=one.name, sha256=one.sha256) for one in taught_memory(source.package).known]
    missing = absent(pictures_of(source, station), wanted)
    return Staleness(model=source.package.manifest.reference, now=now, missing=missing)
