"""Whether the machine may run: everything that a verdict needs is there. Pure; no reason means permit on.

A service is heard by its status, twice a second and on every change; silence is as bad as bad news.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from edge.bus import topics
from edge.bus.wire import Status
from edge.clock import MS
from edge.domain.part import Mode


class PermitReason(StrEnum):
    """Why the permit is off. The words, in both languages, live in the panel's catalogue; a camera's name may follow
    after a colon."""

    STOPPED = "stopped"
    SETUP = "setup"
    LATCHED = "latched"  # an NG rule, a jam or a gate that passed what it should not: reset by a person
    NO_RECIPE = "no_recipe"
    INPUTS_LOST = "inputs_lost"
    BELT_UNKNOWN = "belt_unknown"
    LEDGER_FULL = "ledger_full"
    LEDGER_SLOW = "ledger_slow"
    BIN_FULL = "bin_full"
    CAPTURE_DOWN = "capture_down"
    CAMERA_NOT_READY = "camera_not_ready"
    INFERENCE_DOWN = "inference_down"
    INFERENCE_NOT_READY = "inference_not_ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What the line knows of itself. cameras: those that the active recipe needs. counting: those that announce
    parts, whoever judges them. rejects_all: in SETUP, and yet parts must come by, for a challenge or for teaching; the
    gate rejects them all."""

    mode: Mode
    latched: bool
    has_recipe: bool
    inputs_heard: bool
    belt_known: bool
    ledger_full: bool
    ledger_slow: bool
    bin_full: bool
    cameras: tuple[str, ...]
    counting: tuple[str, ...] = ()
    rejects_all: bool = False


@dataclass(frozen=True, slots=True)
class _Heard:
    at_ns: int
    status: Status


class Health:
    """What the services said of themselves last, and when."""

    def __init__(self) -> None:
        self._heard: dict[str, _Heard] = {}

    def hear(self, status: Status, now_ns: int) -> None:
        """By the sender's own stamp: what waited in a queue while we stood still is old news."""
        self._heard[status.service] = _Heard(min(now_ns, status.at_ns), status)

    def state(self, service: str, now_ns: int) -> str | None:
        """None: it is silent or was never heard."""
        heard = self._heard.get(service)
        if heard is None or now_ns - heard.at_ns > topics.STATUS.silent_after_ms * MS:
            return None
        return heard.status.state

    def heard_ns(self, service: str) -> int:
        """When it was heard last; 0: never."""
        heard = self._heard.get(service)
        return 0 if heard is None else heard.at_ns


def reasons(known: Conditions, health: Health, now_ns: int) -> tuple[str, ...]:
    """Why the machine may not run, the most telling first; empty: it may."""
    found = [*_own(known)]
    if known.mode is Mode.BYPASS:  # nobody judges: inference, recipe and its cameras do not matter
        return (*found, *_blind(known.counting, health, now_ns))
    if not known.has_recipe:
        found.append(PermitReason.NO_RECIPE)
    found += _blind((*known.cameras, *known.counting), health, now_ns)
    state = health.state("inference", now_ns)
    if state is None:
        found.append(PermitReason.INFERENCE_DOWN)
    elif state not in ("ready", "degraded"):
        found.append(PermitReason.INFERENCE_NOT_READY)
    return tuple(found)


def _blind(cameras: Iterable[str], health: Health, now_ns: int) -> Iterable[str]:
    for camera in sorted(set(cameras)):
        state = health.state(f"capture-{camera}", now_ns)
        if state is None:
            yield f"{PermitReason.CAPTURE_DOWN}:{camera}"
        elif state != "ready":
            yield f"{PermitReason.CAMERA_NOT_READY}:{camera}"


def _own(known: Conditions) -> Iterable[str]:
    if known.latched:
        yield PermitReason.LATCHED
    if known.mode is Mode.STOPPED:
        yield PermitReason.STOPPED
    if known.mode is Mode.SETUP and not known.rejects_all:
        yield PermitReason.SETUP
    if not known.inputs_heard:
        yield PermitReason.INPUTS_LOST
    elif not known.belt_known:
        yield PermitReason.BELT_UNKNOWN
    if known.ledger_full:
        yield PermitReason.LEDGER_FULL
    if known.ledger_slow:
        yield PermitReason.LEDGER_SLOW
    if known.bin_full:
        yield PermitReason.BIN_FULL
