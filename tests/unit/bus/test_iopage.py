"""The simulated outputs: every change is seen with its time, whoever looks when."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.bus.iopage import Output, OutputEvent, OutputPage
from edge.errors import PortError


def test_events_are_read_once_and_in_order(tmp_path: Path) -> None:
    reader = OutputPage.create(tmp_path / "page")
    writer = OutputPage.attach(tmp_path / "page")
    writer.write(Output.GATE, True, 10)
    writer.write(Output.GATE, False, 20)
    assert reader.read() == [
        OutputEvent(output=Output.GATE, level=True, at_ns=10),
        OutputEvent(output=Output.GATE, level=False, at_ns=20),
    ]
    assert reader.read() == []
    again = OutputPage.attach(tmp_path / "page")  # line was killed and is back
    again.write(Output.PERMIT, True, 30)
    assert [event.at_ns for event in reader.read()] == [30]
    for page in (reader, writer, again):
        page.close()


def test_a_lapped_reader_is_told(tmp_path: Path) -> None:
    reader, writer = OutputPage.create(tmp_path / "page"), OutputPage.attach(tmp_path / "page")
    for n in range(65_537):
        writer.write(Output.HEARTBEAT, bool(n & 1), n)
    with pytest.raises(PortError):
        reader.read()
    reader.close()
    writer.close()


def test_what_is_no_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PortError):
        OutputPage.attach(tmp_path / "missing")
    (tmp_path / "short").write_bytes(b"x")
    with pytest.raises(PortError):
        OutputPage.attach(tmp_path / "short")
    (tmp_path / "zero").write_bytes(bytes((8 + 65_536 * 2) * 8))
    with pytest.raises(PortError):
        OutputPage.attach(tmp_path / "zero")


def test_a_reader_that_looks_in_time_loses_nothing_for_ever(tmp_path: Path) -> None:
    reader, writer = OutputPage.create(tmp_path / "page"), OutputPage.attach(tmp_path / "page")
    seen: list[int] = []
    for n in range(70_000):  # more than the circle holds
        writer.write(Output(n % 4), bool(n & 1), n)
        if n % 30_000 == 0:
            seen += [event.at_ns for event in reader.read()]
    seen += [event.at_ns for event in reader.read()]
    assert seen == list(range(70_000))
    reader.close()
    writer.close()


def test_what_a_killed_line_leaves_stands(tmp_path: Path) -> None:
    reader = OutputPage.create(tmp_path / "page")
    script = (
        "import os, signal, sys; from pathlib import Path; from edge.bus.iopage import Output, OutputPage\n"
        "page = OutputPage.attach(Path(sys.argv[1])); page.write(Output.GATE, True, 77)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path / "page")], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert reader.read() == [OutputEvent(output=Output.GATE, level=True, at_ns=77)]
    reader.close()


def test_a_new_page_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    old = OutputPage.create(tmp_path / "page")
    writer = OutputPage.attach(tmp_path / "page")
    new = OutputPage.create(tmp_path / "page")
    writer.write(Output.GATE, True, 1)  # to the old one, which nobody finds by name any more
    assert new.read() == []
    assert len(old.read()) == 1
    for page in (old, writer, new):
        page.close()
