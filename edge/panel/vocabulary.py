"""What every code is called: verdicts, reasons, permit, alarms, events. The ids are English; the catalogues translate.

A code without words is a defect (tests/unit/panel/test_words.py); on the page it then shows as itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.domain.change import Action, Stage, Way
from edge.domain.part import Mode, Purpose
from edge.domain.verdict import GateOutcome, ReasonCode, Verdict
from edge.line.permit import PermitReason
from edge.panel.shapes_jobs import JobState
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
    "lot_waits": N_("Lot that waits for its recipe"),
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

JOB_KINDS = {  # what `Jobs.start` is called with
    "teach": N_("Teach"),
    "correct": N_("Correct a detector"),
    "reteach": N_("Teach again by itself"),
    "kinds_teach": N_("Teach kinds of defects"),
    "kinds_name": N_("Name defects"),
}
JOB_STATES = {
    JobState.WAITING: N_("waiting"),
    JobState.RUNNING: N_("running"),
    JobState.CANCELLING: N_("being cancelled"),
    JobState.DONE: N_("done"),
    JobState.REFUSED: N_("refused"),
    JobState.FAILED: N_("failed"),
    JobState.CANCELLED: N_("cancelled"),
    JobState.INTERRUPTED: N_("interrupted"),
}
STEPS = {  # of jobs, as the commands name them (edge.apps.progress)
    "collecting": N_("collecting parts"),
    "reading": N_("reading pictures"),
    "looking": N_("looking at the pictures"),
    "checking": N_("checking"),
    "writing": N_("writing"),
    "learning": N_("learning"),
    "correcting": N_("correcting again"),
    "judging again": N_("judging again"),
}

STAGES = {
    Stage.PROPOSED: N_("proposed"),
    Stage.APPROVED: N_("approved"),
    Stage.CHALLENGE: N_("being challenged"),
    Stage.ACTIVE: N_("came into use"),
    Stage.WITHDRAWN: N_("withdrawn"),
    Stage.FAILED: N_("did not come into use"),
    Stage.ROLLED_BACK: N_("taken back"),
}
CHANGE_ACTIONS = {
    Action.PROPOSED: N_("proposed"),
    Action.APPROVED: N_("approved"),
    Action.WITHDRAWN: N_("withdrawn"),
    Action.CHALLENGE_STARTED: N_("challenge started"),
    Action.CHALLENGE_PASSED: N_("challenge passed"),
    Action.CHALLENGE_FAILED: N_("challenge not passed"),
    Action.ACTIVATED: N_("came into use"),
    Action.ROLLED_BACK: N_("taken back"),
    Action.FAILED: N_("did not come into use"),
}
WAYS = {Way.LOT: N_("with the next lot"), Way.CHALLENGE: N_("after a passed challenge")}
DIFFERS = {  # as `proposals.differences` calls them
    "new": N_("new"),
    "gone": N_("gone"),
    "product": N_("another product"),
    "model": N_("model"),
    "limits": N_("limits"),
    "region": N_("region"),
    "masks": N_("ignored areas"),
    "classes": N_("good classes"),
    "locate": N_("how the part is found"),
    "picture": N_("what a sound picture is"),
    "frame_width": N_("width of the picture"),
    "frame_height": N_("height of the picture"),
    "not_before_ms": N_("when the picture is taken"),
    "not_after_ms": N_("when the picture is taken"),
    "gate": N_("gate timing"),
    "rules": N_("stop rules"),
}
LOOKS = {  # in which a part is looked at otherwise than it was taught (edge.learning.stale)
    "region": N_("region of the check"),
    "picture.patch": N_("background patch"),
    "frame": N_("size of the frames"),
    "camera": N_("camera"),
    "camera settings": N_("camera settings"),
    "calibration": N_("calibration"),
    "backbone": N_("feature network"),
    "locate.kind": N_("how the part is found"),
    "locate.search": N_("where the part is looked for"),
    "locate.width_px": N_("width of the part's picture"),
    "locate.height_px": N_("height of the part's picture"),
    "locate.rotate": N_("turned upright"),
    "locate.polarity": N_("brighter or darker than the background"),
    "locate.min_area_px": N_("smallest area"),
    "locate.max_area_px": N_("largest area"),
    "locate.max_angle_deg": N_("largest turn"),
    "locate.max_shift_px": N_("largest shift"),
    "locate.min_match": N_("least match"),
    "locate.template": N_("picture of the good part"),
}
LOOK_VALUES = {
    "yes": N_("yes"),
    "no": N_("no"),
    "whole": N_("the whole frame"),
    "blob": N_("by its outline"),
    "template": N_("by its picture"),
    "any": N_("either"),
    "bright": N_("brighter"),
    "dark": N_("darker"),
}
DOUBTS = {  # about teach pictures (edge.learning.sift)
    "near_duplicate": N_("Shows the same as another picture"),
    "blurred": N_("Blurred"),
    "too_dark": N_("Darker than the others"),
    "too_bright": N_("Brighter than the others"),
    "clipped": N_("Detail lost in black or white"),
    "unlike": N_("Unlike the others as a whole"),
    "outlying": N_("May show a defect"),
}


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
        "job_kind": JOB_KINDS,
        "job_state": {state.value: text for state, text in JOB_STATES.items()},
        "step": STEPS,
        "doubt": DOUBTS,
        "look": LOOKS,
        "look_value": LOOK_VALUES,
        "stage": {stage.value: text for stage, text in STAGES.items()},
        "change_action": {action.value: text for action, text in CHANGE_ACTIONS.items()},
        "way": {way.value: text for way, text in WAYS.items()},
        "differs": DIFFERS,
    }
    return groups
