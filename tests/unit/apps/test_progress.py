"""How far a command has come, as its reader sees it; how long each step took; and that it ends when it is told to."""

from __future__ import annotations

import io
import json

import pytest

from edge.apps.progress import Lines, Steps
from edge.clock import ManualClock
from edge.errors import ServiceError
from edge.service import Stop
from tests.unit.apps.broken_pipe import BrokenPipe


def test_the_first_and_the_last_of_each_step_and_ten_a_second_between() -> None:
    out, clock = io.StringIO(), ManualClock()
    lines = Lines(out, clock)
    for done in range(51):
        lines("reading", done, 50)
        clock.advance_ms(10)
    lines("writing", 0, 1)
    said = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [one["done"] for one in said if one["step"] == "reading"] == [0, 10, 20, 30, 40, 50]
    assert said[-1] == {"step": "writing", "done": 0, "of": 1}


def test_a_reader_that_is_gone_stops_nothing() -> None:
    Lines(BrokenPipe(), ManualClock())("reading", 0, 1)


def test_steps_are_timed_also_when_one_comes_back() -> None:
    clock, heard = ManualClock(), []
    steps = Steps(lambda what, done, of: heard.append((what, done, of)), clock, Stop())
    for what, took_ms in (("reading", 250), ("looking", 500), ("looking", 500), ("reading", 50)):
        steps(what, 0, 2)
        clock.advance_ms(took_ms)
    assert steps.seconds == {"reading": 0.25, "looking": 1.0}
    steps.end()
    assert steps.seconds == {"reading": 0.3, "looking": 1.0}
    assert heard[1] == ("looking", 0, 2)


def test_a_stop_ends_it_at_the_next_step() -> None:
    stop = Stop()
    steps = Steps(lambda what, done, of: None, ManualClock(), stop)
    steps("reading", 0, 1)
    stop.request()
    with pytest.raises(ServiceError, match="interrupted"):
        steps("reading", 1, 1)
    with pytest.raises(ServiceError, match="interrupted"):
        steps.check()
