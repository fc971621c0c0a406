"""Which images go, and when. The decisions are pure; `Retention` carries them out in small steps.

Budget: bytes over budget_mb or under min_free_mb go, never more than needed. Age: an image goes when the wall clock
says that it is over keep_days old AND the running time allows it. A wall clock may jump by years, running time
cannot: it allows at most twice the natural turnover (2 * images / keep_days a day), so that a jump forward removes
no more than that and steady operation still keeps up; a jump back removes nothing; a restart starts from nothing.

Order: OK samples, then others, then parts that a person has labelled; in each, in the order in which they were
stored. Among the oldest WINDOW images of OK parts and as many of others, so that a step costs the same whatever there
is: only where a person has labelled all of these does a labelled one go before a younger one that nobody labelled.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from edge.clock import SECOND, Clock
from edge.domain.verdict import Verdict
from edge.recorder.imagefile import ImageFolder
from edge.settings.station import Recorder
from edge.store.evidence import EvidenceStore, Image

WINDOW = 500
STEP = 16  # images at a time, between frames
_DAY_NS = 86_400 * SECOND


def in_order(images: Sequence[Image], labelled: Collection[int]) -> list[Image]:
    """What goes first comes first."""
    return sorted(images, key=lambda image: (image.row in labelled, image.verdict is not Verdict.OK, image.id))


def over_budget(ordered: Sequence[Image], excess_bytes: int) -> list[Image]:
    """The first images that together free `excess_bytes`, at most STEP."""
    chosen: list[Image] = []
    for image in ordered[:STEP]:
        if excess_bytes <= 0:
            break
        chosen.append(image)
        excess_bytes -= image.bytes
    return chosen


def too_old(ordered: Sequence[Image], wall: datetime, keep_days: int, allowed: int) -> list[Image]:
    """At most `allowed` images that the wall clock calls too old. A time nobody can read is not old."""
    until = wall - timedelta(days=keep_days)
    old = [image for image in ordered if (made := _wall(image)) is not None and made < until]
    return old[: min(allowed, STEP)]


def _wall(image: Image) -> datetime | None:
    try:
        made = datetime.fromisoformat(image.created_wall)
    except ValueError:
        return None
    return made if made.tzinfo is not None else None


class AgeAllowance:
    """How many images running time lets age remove: whole ones, saved up to STEP."""

    def __init__(self, keep_days: int, now_ns: int) -> None:
        self._keep_ns = keep_days * _DAY_NS
        self._at_ns = now_ns
        self._saved = 0.0

    def whole(self, now_ns: int, images: int) -> int:
        self._saved = min(float(STEP), self._saved + 2 * images * (now_ns - self._at_ns) / self._keep_ns)
        self._at_ns = now_ns
        return int(self._saved)

    def spend(self, images: int) -> None:
        self._saved -= images


def candidates(store: EvidenceStore) -> list[Image]:
    """What could go next."""
    return [*store.oldest(WINDOW, ok=True), *store.oldest(WINDOW, ok=False)]


class Retention:
    def __init__(self, settings: Recorder, folder: ImageFolder, clock: Clock) -> None:
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._allowance = AgeAllowance(settings.keep_days, clock.now_ns())
        self.removed = 0

    def step(self, store: EvidenceStore, labelled: Collection[int], free_bytes: int) -> int:
        """Remove at most STEP images; how many went. Rows first, then files: no row points at nothing."""
        settings = self._settings
        excess = max(store.total_bytes() - (settings.budget_mb << 20), (settings.min_free_mb << 20) - free_bytes)
        allowed = self._allowance.whole(self._clock.now_ns(), store.total_images())
        if excess <= 0 and allowed == 0:
            return 0
        ordered = in_order(candidates(store), labelled)
        chosen = over_budget(ordered, excess)
        if not chosen:
            chosen = too_old(ordered, self._clock.wall(), settings.keep_days, allowed)
            self._allowance.spend(len(chosen))
        store.forget(chosen)
        for image in chosen:
            self._folder.remove(image.path)
        self.removed += len(chosen)
        return len(chosen)
