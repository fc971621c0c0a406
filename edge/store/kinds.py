"""How many defects of each kind: what people and the classifier call the parts that were stopped."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from edge.domain.verdict import Verdict
from edge.errors import UsageError
from edge.store.ledger_reader import MAX_ROWS, LedgerReader, PartFilter
from edge.store.station import StationReader

UNKNOWN = "unknown"  # a classifier's word for a defect of which it is not sure (edge.learning.kinds)
STOPPED = (Verdict.NG, Verdict.UNSURE)
MOST_PARTS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCount:
    """count: stopped parts of that kind. by_people: of how many a person said it; of the others the classifier."""

    kind: str
    count: int
    by_people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCounts:
    """stopped: NG and UNSURE parts that were looked at. kinds: the most frequent first. unknown: the classifier was not
    sure. unnamed: nobody has called them anything yet. good: a person says that they are good.

    more: there are older ones that were not looked at.
    """

    stopped: int
    kinds: tuple[KindCount, ...]
    unknown: int
    unnamed: int
    good: int
    more: bool


def kind_counts(ledger: LedgerReader, book: StationReader, which: PartFilter, last: int = MOST_PARTS) -> KindCounts:
    """Of the newest `last` stopped parts among `which`, whose verdicts do not count. A person's word goes before the
    classifier's. UsageError for a silly number."""
    if not 1 <= last <= MOST_PARTS:
        raise UsageError(f"{last} parts cannot be counted", hint=f"1 to {MOST_PARTS}")
    people: Counter[str] = Counter()
    machine: Counter[str] = Counter()
    which = replace(which, verdicts=STOPPED)
    stopped, unnamed, good, more = 0, 0, 0, True
    while stopped < last:
        rows = [part.row for part in ledger.parts(which, min(MAX_ROWS, last - stopped))]
        if not rows:
            more = False
            break
        stopped, which = stopped + len(rows), replace(which, before_row=rows[-1])
        labels, names = book.labels_for(rows), book.names_for(rows)
        for row in rows:
            label, named = labels.get(row), names.get(row)
            if label is not None and label.verdict is Verdict.OK:
                good += 1
            elif label is not None and label.kind:
                people[label.kind] += 1
            elif named is not None:
                machine[named.kind] += 1
            else:
                unnamed += 1
    more = more and bool(ledger.parts(which, 1))
    unknown = machine.pop(UNKNOWN, 0)
    kinds = [
        KindCount(kind=kind, count=count, by_people=people[kind]) for kind, count in (people + machine).most_common()
    ]
    return KindCounts(
        stopped=stopped, kinds=tuple(kinds), unknown=unknown, unnamed=unnamed, good=good, more=more
    )  # fmt: skip
