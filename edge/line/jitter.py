"""Histograms of durations in constant memory: how late the gate was, how long commits took."""

from __future__ import annotations

_PER_OCTAVE = 8
_BUCKETS = 8 * 40


class Jitter:
    """Durations in ns in buckets 1/8 octave wide (at most 13 % off). One writer; readers may look at any time."""

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self.total = 0
        self.max_ns = 0

    def add(self, duration_ns: int) -> None:
        duration_ns = max(1, duration_ns)
        octave = duration_ns.bit_length() - 1
        fraction = (duration_ns << 3 >> octave) - _PER_OCTAVE
        self._counts[min(_BUCKETS - 1, octave * _PER_OCTAVE + fraction)] += 1
        self.total += 1
        self.max_ns = max(self.max_ns, duration_ns)

    def quantile_ns(self, share: float) -> int:
        """The upper end of the bucket that holds `share` of all; 0 when there is nothing."""
        wanted = self.total * share
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                octave, fraction = divmod(index, _PER_OCTAVE)
                return min(self.max_ns, (_PER_OCTAVE + fraction + 1 << octave) >> 3)
        return 0
