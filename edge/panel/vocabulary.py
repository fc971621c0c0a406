"""What every code is called: verdicts, reasons, permit, alarms, events. The ids are English; the catalogues translate.

A code without words is a defect (tests/unit/panel/test_words.py); on the page it then shows as itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.domain.part import Mode, Purpose
from edge.domain.verdict import GateOutcome, ReasonCode, Verdict
from edge.line.permit import PermitReason
from edge.recorder import evidence


def N_(text: str) -> str:
    """Marks an id for the catalogues."""
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """what happened, what the system did, what to do now."""

    what: str
    did: str
    todo: str


VERDICTS = {
    Verdict.OK: N_("OK"),
    Verdict.NG: N_("NG"),
    Verdict.UNSURE: N_("Unsure"),
    Verdict.NOT_INSPECTED: N_("Not inspected"),
}
# Beneath the giant word.
BENEATH = {
    Verdict.OK: N_("Pass"),
    Verdict.NG: N_("Fail"),
    Verdict.UNSURE: N_("Rejected, for review"),
    Verdict.NOT_INSPECTED: N_("Rejected"),
}
MODES = {
    Mode.RUN: N_("Inspecting"),
    Mode.STOPPED: N_("Stopped"),
    Mode.SETUP: N_("Set-up"),
    Mode.BYPASS: N_("BYPASS"),
}
PURPOSES = {
    Purpose.PRODUCTION: N_("Production"),
    Purpose.CHALLENGE: N_("Challenge part"),
    Purpose.SETUP: N_("Set-up"),
    Purpose.QC_SAMPLE: N_("QC sample"),
    Purpose.REWORK: N_("Rework"),
}
GATES = {
    GateOutcome.PASSED: N_("Passed"),
    GateOutcome.REJECTED: N_("Rejected"),
    GateOutcome.CONFIRMED: N_("Rejected, seen in the bin"),
    GateOutcome.COLLATERAL: N_("Good, but rejected with its neighbour"),
}
REASONS = {
    ReasonCode.ANOMALY: N_("Looks different from good parts"),
    ReasonCode.ANOMALY_UNSURE: N_("Looks a little different from good parts"),
    ReasonCode.CLASS: N_("Looks like a known defect"),
    ReasonCode.CLASS_UNSURE: N_("May be a known defect"),
    ReasonCode.NOT_FOUND: N_("No part found in the picture"),
    ReasonCode.BADLY_PLACED: N_("The part lies outside its place or is turned too far"),
    ReasonCode.SEVERAL_FOUND: N_("More than one part in the picture"),
    ReasonCode.TOO_DARK: N_("The picture is too dark"),
    ReasonCode.TOO_BRIGHT: N_("The picture is too bright"),
    ReasonCode.BLURRED: N_("The picture is blurred"),
    ReasonCode.FROZEN: N_("The camera sent the same picture twice"),
    ReasonCode.VIEW: N_("A camera's picture was missing in time"),
    ReasonCode.NO_VERDICT: N_("The judgement did not come in time"),
    ReasonCode.OVERWRITTEN: N_("The picture was replaced before it was judged"),
    ReasonCode.MODEL_ERROR: N_("The model failed"),
    ReasonCode.BAD_FRAME: N_("The picture has another size than agreed"),
    ReasonCode.UNREADABLE: N_("The picture cannot be read"),
    ReasonCode.RECIPE: N_("Judged with another recipe than the part's"),
    ReasonCode.LINE_RESTART: N_("The line process started again while the part was on its way"),
    ReasonCode.TIME_GAP: N_("The gate's control stood still for a moment"),
    ReasonCode.MIN_GAP: N_("Too close to the part before it"),
    ReasonCode.BELT_STOPPED: N_("The belt's movement was lost"),
    ReasonCode.STOPPED: N_("The line was stopped"),
    ReasonCode.SETUP: N_("The line was in set-up"),
    ReasonCode.BYPASS: N_("Inspection was bypassed"),
    ReasonCode.NO_RECIPE: N_("No recipe was active"),
    ReasonCode.STORE_FULL: N_("The record has no room left"),
}
# A camera's name may follow the code after a colon; the page puts it in brackets.
PERMIT = {
    PermitReason.STOPPED: (N_("The line is stopped"), N_("Press Start")),
    PermitReason.SETUP: (N_("The line is in set-up"), N_("Press Start when the set-up is done")),
    PermitReason.LATCHED: (N_("The line stopped itself"), N_("Find the cause, then press Reset")),
    PermitReason.NO_RECIPE: (N_("No recipe is active"), N_("Choose a recipe")),
    PermitReason.INPUTS_LOST: (N_("The inputs are silent"), N_("Check the I/O connection")),
    PermitReason.BELT_UNKNOWN: (N_("Nobody knows whether the belt runs"), N_("Check the belt's sensor")),
    PermitReason.LEDGER_FULL: (N_("The record has no room left"), N_("Free space on the disk")),
    PermitReason.LEDGER_SLOW: (N_("The disk is too slow for the record"), N_("Call for help: check the disk")),
    PermitReason.BIN_FULL: (N_("The reject bin is full"), N_("Empty the bin")),
    PermitReason.CAPTURE_DOWN: (N_("A camera's process is silent"), N_("Wait 5 s; then call for help")),
    PermitReason.CAMERA_NOT_READY: (N_("A camera gives no pictures"), N_("Check its cable and power")),
    PermitReason.INFERENCE_DOWN: (N_("The judging process is silent"), N_("Wait 5 s; then call for help")),
    PermitReason.INFERENCE_NOT_READY: (N_("The judging process is not ready"), N_("Wait until the recipe is loaded")),
}
STATES = {
    "starting": N_("starting"),
    "ready": N_("ready"),
    "degraded": N_("limited"),
    "failed": N_("failed"),
    "stopping": N_("ending"),
    "silent": N_("silent"),
    "unknown": N_("never heard"),
}
SERVICES = {
    "line": N_("Line"),
    "capture": N_("Camera"),
    "inference": N_("Judging"),
    "recorder": N_("Pictures"),
    "panel": N_("Panel"),
    "run": N_("Supervisor"),
}
ACTIONS = {"warn": N_("warn only"), "stop": N_("stop the line"), "latch": N_("stop until reset")}
EVENTS = {
    "mode": N_("Mode"),
    "recipe": N_("Recipe"),
    "lot": N_("Lot"),
    "purpose": N_("Purpose"),
    "permit": N_("Permit"),
    "latched": N_("Stopped until reset"),
    "reset": N_("Reset"),
    "alarm": N_("Alarm"),
    "rule": N_("Stop rule"),
}
# Why no triggers were accepted, in the words of `line` and the ledger; several are joined by commas.
OUTAGES = (
    N_("the line was down"),
    N_("the inputs were not heard"),
    N_("inputs were lost on their way"),
    N_("a crossing was announced too late"),
    N_("a camera that counts parts could not see"),
    N_("the ledger had no room"),
    N_("the device was started again"),
    N_("the device lost power or was reset"),
)
TRIGGERS = {"sensor": N_("sensor"), "barrier": N_("light barrier in the picture"), "software": N_("software")}
MISSED = {
    evidence.DISK_FULL: N_("not kept: the disk is nearly full"),
    evidence.BACKLOG: N_("not kept: too many at once"),
    evidence.OVERWRITTEN: N_("not kept: replaced before it was copied"),
    evidence.RING_GONE: N_("not kept: the camera's memory was gone"),
    evidence.UNWRITABLE: N_("not kept: it could not be written"),
    evidence.STORE_DOWN: N_("not kept: the list of pictures was away"),
}
KINDS = {"anomaly": N_("differs from good"), "classification": N_("known defects")}


def codes() -> dict[str, dict[str, str]]:
    """All single words by group and code, as English ids, for the pages' scripts."""
    groups: dict[str, dict[str, str]] = {
        "verdict": {code.value: text for code, text in VERDICTS.items()},
        "beneath": {code.value: text for code, text in BENEATH.items()},
        "mode": {code.value: text for code, text in MODES.items()},
        "purpose": {code.value: text for code, text in PURPOSES.items()},
        "gate": {code.value: text for code, text in GATES.items()},
        "reason": {code.value: text for code, text in REASONS.items()},
        "permit": {code.value: words[0] for code, words in PERMIT.items()},
        "permit_todo": {code.value: words[1] for code, words in PERMIT.items()},
        "state": STATES,
        "service": SERVICES,
        "action": ACTIONS,
        "event": EVENTS,
        "trigger": TRIGGERS,
        "missed": MISSED,
        "kind": KINDS,
    }
    return groups
