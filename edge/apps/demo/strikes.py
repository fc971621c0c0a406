"""Which process is struck next, how, and what came of it: the plan of `edge.apps.demo.faults` and its memory. Pure
but for reading and writing the state file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from edge.errors import StoreError, UsageError

KILL, FREEZE = "kill", "freeze"
MAX_RECOVERY_MS = 5000.0
_FREEZE_SHARE = 1 / 3
_FREEZE_S = (0.05, 3.5)  # some end by themselves, some are ended by the watchdog
_WAIT_S = (0.2, 1.8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """wait_s: after the last recovery. freeze_s: how long it stands still, 0 for a kill."""

    process: str
    wait_s: float
    freeze_s: float = 0.0

    @property
    def kind(self) -> str:
        return FREEZE if self.freeze_s else KILL


def plan(processes: Sequence[str], cycles: int, rng: np.random.Generator) -> Iterator[Strike]:
    """Every process once in each cycle, in random order, at random moments; of three strikes one is a freeze."""
    for cycle in range(cycles):
        for place in rng.permutation(len(processes)):
            wait_s = float(rng.uniform(*_WAIT_S))
            freezes = (int(place) + cycle) % round(1 / _FREEZE_SHARE) == 0
            freeze_s = float(rng.uniform(*_FREEZE_S)) if freezes else 0.0
            yield Strike(process=processes[int(place)], wait_s=wait_s, freeze_s=freeze_s)


class Progress(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What was done so far. Saved after each round, so an interrupted run repeats at most one round.

    struck: process -> kind -> how often. recovery_ms: of every strike. failures: of rounds, in words.
    """

    seed: int
    rounds: int = 0
    parts: int = 0
    struck: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    recovery_ms: list[float] = msgspec.field(default_factory=list)
    failures: list[str] = msgspec.field(default_factory=list)

    def count(self, process: str) -> int:
        return sum(self.struck.get(process, {}).values())

    def add(self, strike: Strike, recovery_ms: float) -> None:
        kinds = self.struck.setdefault(strike.process, {})
        kinds[strike.kind] = kinds.get(strike.kind, 0) + 1
        self.recovery_ms.append(round(recovery_ms, 1))

    @property
    def p99_ms(self) -> float:
        return float(np.percentile(self.recovery_ms, 99)) if self.recovery_ms else 0.0

    @property
    def passed(self) -> bool:
        return not self.failures and self.p99_ms < MAX_RECOVERY_MS


def load(path: Path, seed: int) -> Progress:
    """What `path` remembers; a fresh start when it is not there. UsageError when it is of another seed."""
    if not path.exists():
        return Progress(seed=seed)
    try:
        progress = msgspec.json.decode(path.read_bytes(), type=Progress)
    except (OSError, msgspec.MsgspecError) as error:
        raise StoreError(f"{path} cannot be read: {error}", hint="remove it to begin again") from error
    if progress.seed != seed:
        raise UsageError(f"{path} is of seed {progress.seed}", hint=f"--seed {progress.seed}, or another --state")
    return progress


def save(path: Path, progress: Progress) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.write_bytes(msgspec.json.encode(progress))
    os.replace(unfinished, path)
