"""Every alarm in three sentences: what happened, what the system did about it, what a person should do."""

from __future__ import annotations

from edge.panel.vocabulary import N_, Told

_REJECTS = N_("Parts are rejected until it is well again.")
_RESTARTS = N_("It is started again by itself. Parts that cannot be judged meanwhile are rejected.")
_IN_FLIGHT = N_("All parts on their way were rejected.")
_NO_VERDICTS = N_("Inspection goes on; only pictures are concerned.")

ALARMS = {
    # cameras
    "camera_lost": Told(
        what=N_("Camera lost"),
        did=N_("It is tried again and again; the machine may not run meanwhile."),
        todo=N_("Check the camera's cable and power."),
    ),
    "camera_stale": Told(
        what=N_("The camera sends no pictures"),
        did=_REJECTS,
        todo=N_("Check the camera's cable, power and trigger."),
    ),
    "belt_not_empty": Told(
        what=N_("The belt is not empty"),
        did=N_("The camera cannot tell parts from the belt yet; the machine may not run."),
        todo=N_("Take everything off the belt in front of the camera and wait 2 s."),
    ),
    "frames_refused": Told(
        what=N_("Pictures from the camera cannot be used"),
        did=N_("Such pictures are refused and their parts are rejected."),
        todo=N_("Check the camera's settings; call for help."),
    ),
    "seen_unacknowledged": Told(
        what=N_("The camera sees parts that the line does not hear of"),
        did=N_("The machine may not run; the message is repeated."),
        todo=N_("Wait 5 s; then call for help."),
    ),
    "seen_lost": Told(
        what=N_("Parts seen by the camera were not taken over in time"),
        did=N_("They were rejected with everything else in that time."),
        todo=N_("Call for help if it happens again."),
    ),
    # judging
    "recipe_failed": Told(
        what=N_("The recipe cannot be loaded"),
        did=N_("The recipe before it stays active."),
        todo=N_("Choose another recipe or mend this one."),
    ),
    "ring_unreadable": Told(
        what=N_("A camera's pictures cannot be read"),
        did=_REJECTS,
        todo=N_("Wait 5 s; then call for help."),
    ),
    # gate
    "reject_not_confirmed": Told(
        what=N_("A rejected part was not seen in the bin"),
        did=N_("It is recorded. Several in a row stop the line."),
        todo=N_("Check the gate and the bin's sensor; find the part."),
    ),
    "confirm_unexpected": Told(
        what=N_("Something fell into the bin that nobody rejected"),
        did=N_("It is recorded."),
        todo=N_("Check the bin and its sensor."),
    ),
    "jam": Told(
        what=N_("Several rejected parts were not seen in the bin"),
        did=N_("The line stopped itself and rejects everything."),
        todo=N_("Clear the gate and the chute, then press Reset."),
    ),
    "passed_not_ok": Told(
        what=N_("A part passed the gate without an OK"),
        did=N_("The line stopped itself and rejects everything."),
        todo=N_("Hold the lot, find the part, check the gate. Then press Reset."),
    ),
    "bin_full": Told(
        what=N_("The reject bin is full"),
        did=N_("The machine may not run."),
        todo=N_("Empty the bin."),
    ),
    "ng_rule": Told(
        what=N_("Too many bad parts"),
        did=N_("The recipe's rule was carried out: see the line's mode."),
        todo=N_("Look at the last rejects and find the cause in production."),
    ),
    "latched": Told(
        what=N_("The line stopped itself"),
        did=N_("Everything is rejected until a person resets it."),
        todo=N_("Find the cause, then press Reset."),
    ),
    "inputs_lost": Told(
        what=N_("The inputs are silent"),
        did=N_("Everything in flight is rejected; the machine may not run."),
        todo=N_("Check the I/O connection."),
    ),
    "bypass": Told(
        what=N_("BYPASS: parts pass uninspected"),
        did=N_("They are recorded as not inspected; the lot is on hold."),
        todo=N_("Press Start as soon as inspection can go on."),
    ),
    "not_inspected_run": Told(
        what=N_("Many parts in a row were not inspected"),
        did=N_("Each is recorded with its reason; none of them counts as OK."),
        todo=N_("Look at the reasons of the last parts; check light, camera and place."),
    ),
    "line_restarted": Told(
        what=N_("The line process started again"),
        did=N_("Parts on their way were rejected and are recorded."),
        todo=N_("Call for help if it happens again."),
    ),
    "recipe_unreadable": Told(
        what=N_("The active recipe could not be read after the start"),
        did=N_("None is active; the machine may not run."),
        todo=N_("Choose the recipe again."),
    ),
    "time_gap": Told(
        what=N_("The gate's control stood still for a moment"),
        did=_IN_FLIGHT,
        todo=N_("Call for help if it happens again."),
    ),
    "gate_queue_full": Told(
        what=N_("The gate's control was told more than it could take"),
        did=_IN_FLIGHT,
        todo=N_("Call for help if it happens again."),
    ),
    "chain_stuck": Told(
        what=N_("The line process or its disk was stuck"),
        did=_IN_FLIGHT,
        todo=N_("Call for help if it happens again: check the disk."),
    ),
    # processes and disk
    "service_down": Told(
        what=N_("A process has ended or is silent"),
        did=_RESTARTS,
        todo=N_("Wait 5 s; if it stays, call for help."),
    ),
    "disk_low": Told(
        what=N_("The disk is nearly full"),
        did=N_("Pictures of good parts are no longer kept, then others."),
        todo=N_("Copy pictures away or lower the days they are kept."),
    ),
    "ledger_full": Told(
        what=N_("The record has no room left"),
        did=N_("Everything is rejected; the machine may not run."),
        todo=N_("Free space on the disk now."),
    ),
    "ledger_unavailable": Told(
        what=N_("The record cannot be read"),
        did=_NO_VERDICTS,
        todo=N_("Call for help if it stays longer than a minute."),
    ),
    "recorder_behind": Told(
        what=N_("Pictures are kept more slowly than parts come"),
        did=N_("Pictures of good parts are left out first. Inspection goes on."),
        todo=N_("Call for help if it stays: the disk may be slow."),
    ),
    "evidence_unavailable": Told(
        what=N_("The list of pictures cannot be used"),
        did=_NO_VERDICTS,
        todo=N_("Call for help: check the disk."),
    ),
    "evidence_set_aside": Told(
        what=N_("The list of pictures did not fit and was begun anew"),
        did=N_("The old list is kept beside it; its pictures are not shown."),
        todo=N_("Call for help if the old pictures are needed."),
    ),
    "images_unwritable": Told(
        what=N_("Pictures cannot be written"),
        did=_NO_VERDICTS,
        todo=N_("Call for help: check the disk and its rights."),
    ),
}


def alarms() -> dict[str, dict[str, str]]:
    """By code: what, did, todo, as English ids, for the pages' scripts."""
    return {code: {"what": told.what, "did": told.did, "todo": told.todo} for code, told in ALARMS.items()}
