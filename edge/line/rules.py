"""N in a row, n of m: when so many parts are bad that somebody must be told, or the line must stop. Pure."""

from __future__ import annotations

from collections import deque

from edge.domain.recipe import NgRule
from edge.domain.verdict import Verdict

_JUDGED = (Verdict.OK, Verdict.NG, Verdict.UNSURE)


class RuleWatch:
    """Counts the judged parts of one recipe; NOT_INSPECTED says nothing about the product and is left out.

    A rule that fires begins to count anew, so that it fires once for one cause.
    """

    def __init__(self, rules: tuple[NgRule, ...]) -> None:
        self._rules = rules
        self._last: list[deque[bool]] = [deque(maxlen=rule.of) for rule in rules]

    def add(self, verdict: Verdict) -> list[NgRule]:
        """The rules that this part fulfils."""
        if verdict not in _JUDGED:
            return []
        fired: list[NgRule] = []
        for rule, last in zip(self._rules, self._last, strict=True):
            last.append(verdict is not Verdict.OK)
            if sum(last) >= rule.ng:
                last.clear()
                fired.append(rule)
        return fired
