"""What can go wrong at the machine, on request: nothing passes that was not judged by its own picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.bus import wire
from edge.domain.part import Mode
from edge.domain.verdict import ReasonCode, Verdict
from tests.system.trial import Trial, running

pytestmark = [pytest.mark.system, pytest.mark.timeout(200)]


def reasons(trial: Trial, since: int) -> set[ReasonCode]:
    return {reason.code for part in trial.recorded[since:] for reason in part.reasons}


def strike(trial: Trial, name: str, value: float, parts: int = 6) -> set[ReasonCode]:
    """The reasons of the parts recorded while this lasted."""
    since = len(trial.recorded)
    trial.fault(name, value)
    trial.parts(parts)
    return reasons(trial, since)


def test_frames_that_are_not_the_parts_own_never_make_it_pass(tmp_path: Path) -> None:
    with running(tmp_path) as trial:
        trial.parts(4)
        assert ReasonCode.NO_VERDICT in strike(trial, "frames_missing", 2)
        assert ReasonCode.TOO_DARK in strike(trial, "frames_black", 2)
        assert ReasonCode.FROZEN in strike(trial, "frames_stale", 2)
        strike(trial, "frames_late", 2)
        strike(trial, "frames_swapped", 1)
        assert ReasonCode.MIN_GAP in strike(trial, "sensor_bounce", 2, parts=8)
        summary = trial.finish()
    assert summary.findings == ()
    assert summary.passed
    assert (summary.unaccounted, summary.gate.wrong, summary.wrong_frames, summary.doubled) == (0, 0, 0, 0)
    assert summary.verdicts["NOT_INSPECTED"] >= 6


def test_belt_sensor_and_bin(tmp_path: Path) -> None:
    with running(tmp_path) as trial:
        trial.parts(4)
        trial.fault("belt_stop", 3.0)
        trial.parts(6)
        trial.fault("sensor_dead", 1.0)
        trial.run_for(1.5)
        trial.fault("bin_full", 1.0)
        trial.until(lambda: not trial.permit(), 5.0, "the permit off")
        trial.until(trial.permit, 10.0, "the permit on again")
        trial.parts(4)
        trial.fault("confirm_missing", 2)
        trial.until(lambda: "reject_not_confirmed" in trial.alarms, 40.0, "the alarm of a missing confirmation")
        trial.parts(4)
        summary = trial.finish()
    assert "bin_full" in trial.permit_reasons
    assert summary.findings == ()
    assert summary.passed
    assert summary.unseen > 0  # what the dead sensor did not announce was rejected by default
    assert summary.verdicts["NOT_INSPECTED"] == 0  # a belt that stops costs nothing


def test_people_stop_and_start_and_bypass(tmp_path: Path) -> None:
    with running(tmp_path) as trial:
        trial.parts(4)
        trial.plant.order(wire.SetMode(mode=Mode.STOPPED, by="lan", reason="cleaning"))
        trial.until(lambda: not trial.permit(), 2.0, "the permit off")
        since = len(trial.recorded)
        trial.parts(4)
        assert ReasonCode.STOPPED in reasons(trial, since)
        trial.plant.order(wire.SetMode(mode=Mode.BYPASS, by="lan", reason="lens is wet", minutes=0.1))
        since = len(trial.recorded)
        trial.parts(5)
        assert reasons(trial, since + 1) <= {ReasonCode.BYPASS, ReasonCode.STOPPED}
        trial.until(lambda: trial.state is not None and trial.state.mode is Mode.RUN, 10.0, "the end of the bypass")
        since = len(trial.recorded)
        trial.parts(8)
        assert Verdict.OK in {part.verdict for part in trial.recorded[since:]}
        summary = trial.finish()
    assert "bypass" in trial.alarms
    assert summary.findings == ()
    assert summary.passed
    assert summary.reasons["bypass"] > 0
