"""The bench's own processes: asked, minded meanwhile, ended; one that dies is an error and not a wait for ever."""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection

import pytest

from edge.apps.bench.child import Child, serve
from edge.errors import ServiceError


def _slow_double(pipe: Connection) -> None:
    def answer(question: int) -> int:
        time.sleep(0.2)
        return 2 * question

    serve(pipe, answer)


def _dies(pipe: Connection) -> None:
    pipe.send(None)
    pipe.recv()
    os._exit(1)


def test_questions_are_answered_and_the_station_is_minded_meanwhile() -> None:
    minded: list[int] = []
    child = Child(_slow_double, meanwhile=lambda: minded.append(1))
    try:
        assert [child.ask(n, 30) for n in (1, 2)] == [2, 4]
        assert minded
    finally:
        child.close()


def test_a_child_that_dies_is_an_error() -> None:
    child = Child(_dies, meanwhile=lambda: None)
    try:
        with pytest.raises(ServiceError):
            child.ask(1, 30)
    finally:
        child.close()


def test_a_child_that_does_not_answer_is_an_error() -> None:
    child = Child(_slow_double, meanwhile=lambda: None)
    try:
        with pytest.raises(ServiceError):
            child.ask(1, 0.05)
    finally:
        child.close()
