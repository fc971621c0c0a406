"""The service over real sockets and a real ring, with a line and a camera played by the test."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from edge.bus.wire import Judged, LineState, RecipeFailed, RecipeReady
from edge.clock import MS
from edge.domain.verdict import ReasonCode, Verdict
from edge.errors import AlreadyRunning
from edge.inference.service import main
from edge.service import Notifier, Stop
from tests.unit.inference import made
from tests.unit.inference.plant import Plant, recorded
from tests.unit.inference.test_desk import state

GOOD, BAD = made.level(40), made.with_spot(16, 24, 8)


@pytest.fixture(autouse=True)
def _process_settings() -> Iterator[None]:
    """The service sets these for its own process; here it runs in the test's."""
    interval, threads = sys.getswitchinterval(), cv2.getNumThreads()
    yield
    sys.setswitchinterval(interval)
    cv2.setNumThreads(threads)


@pytest.fixture
def plant(run_dir: Path, station: str) -> Iterator[Plant]:
    made_plant = Plant(run_dir, station)
    yield made_plant
    made_plant.stop()
    assert made_plant.error is None


def test_parts_are_judged(plant: Plant) -> None:
    ref = plant.add_recipe()
    plant.start()
    plant.run_recipe(ref)
    plant.pass_part(1, ref, GOOD)
    result = plant.judged(1)
    assert (result.verdict, result.recipe, result.reasons, result.boxes) == (Verdict.OK, ref, (), ())
    assert result.frame is not None
    assert result.frame.seq == 1
    assert result.timings is not None
    assert 0 < result.timings.model_us <= result.timings.total_us
    plant.pass_part(2, ref, BAD)
    result = plant.judged(2)
    assert (result.verdict, result.reasons[0].code) == (Verdict.NG, ReasonCode.ANOMALY)
    assert [(box.x, box.y) for box in result.boxes] == [(16, 24)]
    assert plant.next_leases(4) == [(1, "matched"), (1, "judged"), (2, "matched"), (2, "judged")]
    report = plant.wait_for(lambda status: status.counters["judged"] == 2)
    assert (report.counters["verdict_ok"], report.counters["verdict_ng"]) == (1, 1)
    assert {queue.name for queue in report.queues} >= {"prepare", "model", "parts", "frames-top", "line", "reports"}


def test_the_frame_may_be_announced_before_the_part(plant: Plant) -> None:
    ref = plant.add_recipe()
    plant.start()
    plant.run_recipe(ref)
    ready = plant.expose(GOOD)
    plant.frames.send(ready)
    time.sleep(0.05)
    plant.say(plant.expect(1, ref, ready.frame.exposed_at_ns))
    assert plant.judged(1).verdict is Verdict.OK


def test_a_result_is_repeated_until_it_is_recorded(plant: Plant) -> None:
    ref = plant.add_recipe()
    plant.start()
    plant.run_recipe(ref)
    expect = plant.pass_part(1, ref, GOOD)
    first = plant.report(Judged)
    again = plant.report(Judged, timeout_ms=500)
    assert again == first
    plant.say(expect)  # repeated and idempotent
    plant.say(recorded(first.result))
    time.sleep(0.1)
    for _ in plant.reports.drain():
        pass
    assert plant.reports.receive(200) is None


def test_a_result_is_not_repeated_after_its_cut_off(plant: Plant) -> None:
    ref = plant.add_recipe()
    plant.start()
    plant.run_recipe(ref)
    plant.pass_part(1, ref, GOOD, cutoff_ms=150)
    assert plant.report(Judged).result.verdict is Verdict.OK
    time.sleep(0.2)
    for _ in plant.reports.drain():
        pass
    assert plant.reports.receive(150) is None


def test_an_overwritten_frame_is_not_inspected(plant: Plant) -> None:
    ref = plant.add_recipe()
    plant.start()
    plant.run_recipe(ref)
    ready = plant.expose(GOOD, slot=3)
    plant.expose(BAD, slot=3)
    plant.say(plant.expect(1, ref, ready.frame.exposed_at_ns))
    plant.frames.send(ready)
    result = plant.judged(1)
    assert result.verdict is Verdict.NOT_INSPECTED
    assert [reason.code for reason in result.reasons] == [ReasonCode.OVERWRITTEN]
    plant.wait_for(lambda status: status.counters["overwritten"] == 1)


def test_a_frame_outside_the_window_is_nobodys(plant: Plant) -> None:
    ref = plant.add_recipe()
    plant.start()
    plant.run_recipe(ref)
    ready = plant.expose(GOOD)
    plant.frames.send(ready)
    plant.say(plant.expect(1, ref, ready.frame.exposed_at_ns - 200 * MS, cutoff_ms=500))
    plant.say(plant.expect(2, ref, ready.frame.exposed_at_ns + 200 * MS, cutoff_ms=500))
    report = plant.wait_for(lambda status: status.counters["missing"] == 2)
    assert report.counters["judged"] == 0


def test_a_frame_of_another_size_is_a_bad_frame(plant: Plant) -> None:
    ref = plant.add_recipe()
    plant.start()
    plant.run_recipe(ref)
    ready = plant.expose(GOOD)
    plant.say(plant.expect(1, ref, ready.frame.exposed_at_ns))
    other = type(ready)(frame=ready.frame, height=64, width=80, channels=3)
    plant.frames.send(other)
    result = plant.judged(1)
    assert (result.reasons[0].code, result.reasons[0].value, result.reasons[0].limit) == (ReasonCode.BAD_FRAME, 80, 64)


def test_a_model_that_says_nan_is_never_ok_and_never_a_crash(plant: Plant) -> None:
    package = made.package(plant.station.models_dir, made.anomaly_onnx(nan=True), name="broken")
    ref = plant.add(made.recipe(made.view((made.check(package),))))
    plant.start()
    plant.run_recipe(ref)
    for n in (1, 2):
        plant.pass_part(n, ref, GOOD)
        result = plant.judged(n)
        assert (result.verdict, result.reasons[0].code) == (Verdict.NOT_INSPECTED, ReasonCode.MODEL_ERROR)


def test_a_part_of_another_recipe_is_not_inspected(plant: Plant) -> None:
    ref = plant.add_recipe()
    plant.start()
    plant.run_recipe(ref)
    plant.pass_part(1, replace(ref, version=7), GOOD)
    result = plant.judged(1)
    assert (result.verdict, result.reasons[0].code) == (Verdict.NOT_INSPECTED, ReasonCode.RECIPE)


def test_a_new_recipe_is_prepared_while_the_old_one_judges(plant: Plant) -> None:
    first = plant.add_recipe()
    second = plant.add_recipe(made.anomaly_onnx(score_offset=0.01), name="slower")
    plant.start()
    plant.run_recipe(first)
    said = state(active=first, preparing=("disc", second.version))
    plant.say(said)
    plant.pass_part(1, first, GOOD)
    ready = plant.report(RecipeReady)
    assert (ready.recipe, ready.cameras) == (second, ("top",))
    assert plant.report(RecipeReady, timeout_ms=2500) == ready  # once a second while the line prepares
    plant.say(state(active=second))
    plant.pass_part(2, second, GOOD)
    assert plant.judged(2).recipe == second


@pytest.mark.parametrize("fault", ["missing recipe", "missing model", "golden"])
def test_a_recipe_that_cannot_be_used_is_refused_with_a_hint(plant: Plant, fault: str) -> None:
    version = 1
    if fault == "missing recipe":
        plant.add_recipe()
        version = 9
    elif fault == "missing model":
        package = made.package(plant.folder / "elsewhere", name="gone")
        plant.add(made.recipe(made.view((made.check(package),))))
    else:
        golden = (replace(made.GOLDEN[0], score=60.0),)
        package = made.package(plant.station.models_dir, name="wrong", golden=golden)
        plant.add(made.recipe(made.view((made.check(package),))))
    plant.start()
    said = state(preparing=("disc", version))
    failed = _until_report(plant, said)
    assert (failed.name, failed.version) == ("disc", version)
    assert failed.message
    assert failed.hint


def _until_report(plant: Plant, said: LineState) -> RecipeFailed:
    for _ in range(50):
        plant.say(said)
        message = plant.reports.receive(200)
        if message is not None:
            assert isinstance(message, RecipeFailed), message
            return message
    raise AssertionError("nothing was reported")


def test_no_recipe_database_is_a_failed_recipe_not_a_crash(plant: Plant) -> None:
    plant.start()
    assert _until_report(plant, state(preparing=("disc", 1))).message


def test_a_new_epoch_of_the_camera_is_followed(plant: Plant) -> None:
    ref = plant.add_recipe()
    plant.start()
    plant.run_recipe(ref)
    plant.pass_part(1, ref, GOOD)
    assert plant.judged(1).verdict is Verdict.OK
    plant.new_epoch()
    plant.pass_part(2, ref, BAD)
    result = plant.judged(2)
    assert result.frame is not None
    assert (result.verdict, result.frame.epoch, result.frame.seq) == (Verdict.NG, 2, 1)


def test_frames_of_a_ring_that_is_not_there_raise_an_alarm(plant: Plant) -> None:
    ref = plant.add_recipe()
    plant.start()
    plant.run_recipe(ref)
    ready = plant.expose(GOOD)
    plant.frames.send(type(ready)(frame=replace(ready.frame, epoch=77), height=64, width=64, channels=3))
    report = plant.wait_for(lambda status: bool(status.alarms))
    assert (report.alarms[0].code, report.state) == ("ring_unreadable", "degraded")
    plant.pass_part(1, ref, GOOD)
    plant.wait_for(lambda status: not status.alarms)


def test_many_parts_keep_their_own_pixels(plant: Plant) -> None:
    """60 parts in bursts: each result belongs to its own frame and its own score."""
    ref = plant.add_recipe()
    plant.start()
    plant.run_recipe(ref)
    for burst in range(15):
        for k in range(4):
            n = burst * 4 + k + 1
            ready = plant.expose(made.level(n))
            middle = ready.frame.exposed_at_ns
            expect = plant.expect(n, ref, middle)
            # So narrow that only this very frame fits.
            plant.say(msgspec.structs.replace(expect, not_before_ns=middle - 2 * MS, not_after_ns=middle + 2 * MS))
            plant.frames.send(ready)
            time.sleep(0.004)
        for k in range(4):
            n = burst * 4 + k + 1
            result = plant.judged(n)
            assert result.scores[0].score == pytest.approx(n, abs=1e-3)
            assert result.frame is not None
            assert result.frame.seq == n
    report = plant.wait_for(lambda status: status.counters["judged"] == 60)
    assert report.counters["late"] == report.counters["missing"] == 0


def test_the_watchdog_is_fed_often_and_ready_comes_quickly(plant: Plant) -> None:
    ref = plant.add_recipe()
    begun_ns = time.monotonic_ns()
    plant.start()
    plant.run_recipe(ref)
    time.sleep(0.5)
    assert plant.notifier.ready_ns - begun_ns < 1500 * MS
    fed = np.diff(plant.notifier.alive_at)
    assert fed.max() < 0.2 or np.percentile(fed, 99) < 0.1


def test_a_second_instance_is_refused(plant: Plant) -> None:
    plant.start()
    plant.next_status()
    with pytest.raises(AlreadyRunning, match="already running"):
        main(plant.station, Stop(), Notifier(None))


def test_rubbish_on_the_bus_is_counted(plant: Plant) -> None:
    ref = plant.add_recipe()
    plant.start()
    plant.run_recipe(ref)
    for rubbish in (b"", b"\x01" * 40, b"\x02" + b"\0" * 50):
        plant.line.socket.send(rubbish)
        plant.frames.socket.send(rubbish)
    plant.pass_part(1, ref, GOOD)
    assert plant.judged(1).verdict is Verdict.OK
    report = plant.wait_for(lambda status: sum(queue.malformed for queue in status.queues) == 6)
    assert report.state == "ready"
