"""When the machine may run: everything must be there, and silence is no good news."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.bus import topics
from edge.bus.wire import Status
from edge.clock import MS, SECOND
from edge.domain.part import Mode
from edge.line.permit import Conditions, Health, reasons

WELL = Conditions(
    mode=Mode.RUN, latched=False, has_recipe=True, inputs_heard=True, belt_known=True, ledger_full=False,
    ledger_slow=False, bin_full=False, cameras=("top",),
)  # fmt: skip


def status(service: str, state: str, at_ns: int) -> Status:
    return Status(
        service=service, pid=1, started_ns=1, at_ns=at_ns, state=state, queues=(), counters={}, alarms=()
    )  # fmt: skip


def healthy(capture: str = "ready", inference: str = "ready", now_ns: int = SECOND) -> Health:
    health = Health()
    health.hear(status("capture-top", capture, now_ns), now_ns)
    health.hear(status("inference", inference, now_ns), now_ns)
    return health


def test_all_well_is_no_reason() -> None:
    assert reasons(WELL, healthy(), SECOND) == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"mode": Mode.STOPPED}, "stopped"),
        ({"mode": Mode.SETUP}, "setup"),
        ({"latched": True}, "latched"),
        ({"has_recipe": False}, "no_recipe"),
        ({"inputs_heard": False}, "inputs_lost"),
        ({"belt_known": False}, "belt_unknown"),
        ({"ledger_full": True}, "ledger_full"),
        ({"ledger_slow": True}, "ledger_slow"),
        ({"bin_full": True}, "bin_full"),
        ({"cameras": ("top", "side")}, "capture_down:side"),
    ],
)
def test_each_thing_that_is_missing_is_named(change: dict[str, object], reason: str) -> None:
    assert reasons(replace(WELL, **change), healthy(), SECOND) == (reason,)  # type: ignore[arg-type]


def test_in_set_up_parts_may_come_by_only_where_the_gate_rejects_them_all_and_the_rest_is_well() -> None:
    collecting = replace(WELL, mode=Mode.SETUP, rejects_all=True)
    assert reasons(collecting, healthy(), SECOND) == ()
    assert reasons(replace(collecting, mode=Mode.STOPPED), healthy(), SECOND) == ("stopped",)
    assert reasons(replace(collecting, bin_full=True), healthy(), SECOND) == ("bin_full",)
    assert reasons(collecting, healthy(inference="failed"), SECOND) == ("inference_not_ready",)


@pytest.mark.parametrize("state", ["starting", "degraded", "failed", "stopping"])
def test_a_camera_that_is_not_ready_stops_the_machine(state: str) -> None:
    assert reasons(WELL, healthy(capture=state), SECOND) == ("camera_not_ready:top",)


def test_inference_may_be_degraded_but_not_starting_or_failed() -> None:
    assert reasons(WELL, healthy(inference="degraded"), SECOND) == ()
    for state in ("starting", "failed", "stopping"):
        assert reasons(WELL, healthy(inference=state), SECOND) == ("inference_not_ready",)


def test_silence_is_as_bad_as_bad_news() -> None:
    late_ns = SECOND + topics.STATUS.silent_after_ms * MS + 1
    assert reasons(WELL, healthy(), late_ns) == ("capture_down:top", "inference_down")
    assert reasons(WELL, Health(), SECOND) == ("capture_down:top", "inference_down")


def test_a_bypass_needs_no_camera_but_a_place_for_its_records() -> None:
    bypass = replace(WELL, mode=Mode.BYPASS)
    assert reasons(bypass, Health(), SECOND) == ()
    assert reasons(replace(bypass, ledger_full=True), Health(), SECOND) == ("ledger_full",)
    assert reasons(replace(bypass, inputs_heard=False), Health(), SECOND) == ("inputs_lost",)


def test_good_news_that_waited_in_a_queue_is_old_news() -> None:
    """The line was frozen for a minute, and who said so may have died meanwhile."""
    health = Health()
    for service in ("capture-top", "inference"):
        health.hear(status(service, "ready", SECOND), 60 * SECOND)
    assert reasons(WELL, health, 60 * SECOND) == ("capture_down:top", "inference_down")
    health.hear(status("inference", "ready", 99 * SECOND), 60 * SECOND)  # nor does a stamp from the future last
    late_ns = 60 * SECOND + topics.STATUS.silent_after_ms * MS + 1
    assert health.state("inference", late_ns) is None


@pytest.mark.parametrize("mode", [Mode.RUN, Mode.BYPASS])
def test_a_camera_that_counts_the_parts_must_see_also_in_a_bypass(mode: Mode) -> None:
    """What it does not announce is on no record, and a gate that rests on pass would let it by."""
    known = replace(WELL, mode=mode, counting=("top",))
    assert reasons(known, healthy(), SECOND) == ()
    assert reasons(known, healthy(capture="failed"), SECOND) == ("camera_not_ready:top",)
