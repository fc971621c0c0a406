"""Jobs with real child processes: small scripts in place of `edge`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.errors import NotThere, Refused, StoreError
from edge.panel import job_files, jobs
from edge.panel.job_process import MAX_RESULT_BYTES
from edge.panel.jobs import Jobs
from edge.panel.shapes_jobs import JobState, JobWhole

WITHIN_S = 30.0
FRIENDLY = """
import json, os, sys
for step, count in (("looking", 3), ("learning", 2)):
    for done in range(count + 1):
        print(json.dumps({"step": step, "done": done, "of": count}), file=sys.stderr, flush=True)
print("a word on the side", file=sys.stderr)
idle = os.sched_getscheduler(0) == os.SCHED_IDLE
print(json.dumps({"nice": os.getpriority(os.PRIO_PROCESS, 0), "idle": idle, "words": sys.argv[1:]}))
"""
ANSWERS = """
import sys
print("edge: a known defect would pass", file=sys.stderr)
print("      choose other parts", file=sys.stderr)
raise SystemExit(int(sys.argv[1]))
"""
STUBBORN = """
import os, signal, subprocess, sys, time
from pathlib import Path
if sys.argv[2:] == ["deaf"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path(sys.argv[1]).write_text(f"{os.getpid()} {child.pid}")
time.sleep(600)
"""
ALONE = "".join(line for line in STUBBORN.splitlines(keepends=True) if "Popen" not in line).replace("{child.pid}", "0")


class Bench:
    """Jobs whose program is a script of the test's."""

    def __init__(self, folder: Path, script: str) -> None:
        self.folder = folder / "jobs"
        path = folder / "script.py"
        path.write_text(script)
        self.jobs = Jobs(self.folder, SystemClock(), (sys.executable, str(path)))
        self.jobs.open()

    def ended(self, number: int) -> JobWhole:
        _until(lambda: self.jobs.job(number).ended, f"job {number} did not end")
        return self.jobs.job(number)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[[str], Bench]]:
    made: list[Bench] = []

    def make(script: str) -> Bench:
        made.append(Bench(tmp_path, script))
        return made[-1]

    yield make
    for each in made:
        each.jobs.close()
        assert not each.jobs.running


def _until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def _there(pid: int) -> bool:
    process = Path(f"/proc/{pid}/stat")
    try:
        return process.read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def _pids(path: Path) -> list[int]:
    _until(lambda: path.exists() and len(path.read_text().split()) == 2, "the script did not start")
    return [int(word) for word in path.read_text().split()]


def test_a_job_is_done_with_its_steps_and_its_result(bench: Callable[[str], Bench]) -> None:
    each = bench(FRIENDLY)
    job = each.jobs.start("teach", ["--name", "a b; $(c)"], "Hoa")
    assert (job.id, job.kind, job.by, job.state) == (1, "teach", "Hoa", JobState.WAITING)
    job = each.ended(1)
    assert (job.state, job.exit_code, job.trouble) == (JobState.DONE, 0, None)
    assert [(step.step, step.done, step.of) for step in job.steps] == [("looking", 3, 3), ("learning", 2, 2)]
    assert job.result is not None
    assert job.result["words"] == ["--name", "a b; $(c)"]
    assert job.ended_at >= job.queued_at
    assert job.ran_s >= sum(step.seconds for step in job.steps) - 0.05


def test_a_job_steps_back_for_the_line(bench: Callable[[str], Bench]) -> None:
    each = bench(FRIENDLY)
    each.jobs.start("teach", [], "Hoa")
    result = each.ended(1).result
    assert result is not None
    assert (result["nice"], result["idle"]) == (19, True)


@pytest.mark.parametrize(("code", "state"), [(1, JobState.REFUSED), (3, JobState.FAILED)])
def test_why_it_was_not_done_is_told(bench: Callable[[str], Bench], code: int, state: JobState) -> None:
    each = bench(ANSWERS)
    each.jobs.start("correct", [str(code)], "Hoa")
    job = each.ended(1)
    assert (job.state, job.exit_code) == (state, code)
    assert job.trouble is not None
    assert (job.trouble.message, job.trouble.hint) == ("a known defect would pass", "choose other parts")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("print('not JSON')", "no result that can be read"),
        ("print('[1]')", "no result that can be read"),
        (f"print('{{\"a\": \"' + 'x' * {MAX_RESULT_BYTES} + '\"}}')", "no result that can be read"),
        ("raise ValueError('a defect')", "ended with code 1: ValueError: a defect"),
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9"),
    ],
)
def test_no_result_is_no_success(bench: Callable[[str], Bench], script: str, said: str) -> None:
    each = bench(script)
    each.jobs.start("teach", [], "Hoa")
    job = each.ended(1)
    assert job.state is not JobState.DONE
    assert job.result is None
    assert job.trouble is not None
    assert said in job.trouble.message


def test_what_it_says_is_bounded(bench: Callable[[str], Bench]) -> None:
    """A flood on both pipes neither blocks it nor fills the memory."""
    flood = "import sys\nfor n in range(300):\n    sys.stderr.write('y' * 20_000 + '\\n')\n    print('x' * 20_000)\n"
    each = bench(flood + "sys.exit(3)")
    each.jobs.start("teach", [], "Hoa")
    job = each.ended(1)
    assert job.state is JobState.FAILED
    assert job.trouble is not None
    assert len(job.trouble.message) <= 500


def test_one_after_the_other_and_the_queue_is_short(bench: Callable[[str], Bench], tmp_path: Path) -> None:
    each = bench(STUBBORN)
    each.jobs.start("teach", [str(tmp_path / "first")], "Hoa")
    first, child = _pids(tmp_path / "first")
    for n in range(jobs.WAITING):
        each.jobs.start("teach", [str(tmp_path / f"other{n}")], "Hoa")
    with pytest.raises(Refused, match="too many jobs"):
        each.jobs.start("teach", [], "Hoa")
    assert each.jobs.refused_full == 1
    assert [job.state for job in each.jobs.all()] == [*[JobState.WAITING] * jobs.WAITING, JobState.RUNNING]
    assert each.jobs.cancel(2).state is JobState.CANCELLED
    assert each.jobs.cancel(1).state is JobState.CANCELLING
    assert each.ended(1).state is JobState.CANCELLED
    assert not _there(first)
    assert not _there(child)
    _pids(tmp_path / "other1")
    assert each.jobs.job(3).state is JobState.RUNNING
    assert not (tmp_path / "other0").exists()
    with pytest.raises(Refused, match="ended already"):
        each.jobs.cancel(1)
    with pytest.raises(NotThere):
        each.jobs.job(99)


def test_closing_ends_what_does_not_want_to_end(bench: Callable[[str], Bench], tmp_path: Path) -> None:
    each = bench(STUBBORN)
    each.jobs.start("teach", [str(tmp_path / "pids"), "deaf"], "Hoa")
    each.jobs.start("teach", [], "Lan")
    pids = _pids(tmp_path / "pids")
    began = time.monotonic()
    each.jobs.close()
    assert time.monotonic() - began < jobs.STOP_S + 5
    assert [_there(pid) for pid in pids] == [False, False]
    found = [each.jobs.job(number) for number in (1, 2)]
    assert [job.state for job in found] == [JobState.INTERRUPTED] * 2
    assert all(job.trouble is not None and "panel ended" in job.trouble.message for job in found)


def test_what_follows_is_done_when_it_has_ended_by_itself(bench: Callable[[str], Bench], tmp_path: Path) -> None:
    each = bench(STUBBORN)
    told: list[JobState] = []
    each.jobs.start("teach", [str(tmp_path / "pids")], "Hoa", lambda job: told.append(job.state))
    _pids(tmp_path / "pids")
    each.jobs.cancel(1)
    each.ended(1)

    def wrong(job: JobWhole) -> None:
        told.append(job.state)
        raise StoreError("the disk of one topic is full")

    each.jobs.start("teach", ["/nowhere/at/all"], "Hoa", wrong)
    each.ended(2)
    _until(lambda: told == [JobState.FAILED], f"told {told}")
    each.jobs.start("teach", ["/nowhere/at/all"], "Hoa")
    assert each.ended(3).state is JobState.FAILED


def test_jobs_are_remembered_and_the_oldest_forgotten(tmp_path: Path, bench: Callable[[str], Bench]) -> None:
    folder = tmp_path / "jobs"
    for number in range(1, jobs.KEPT + 3):
        state = JobState.WAITING if number == jobs.KEPT + 2 else JobState.DONE
        job = JobWhole(
            id=number, kind="teach", by="Hoa", state=state, queued_at="2026-01-01", command=("teach",),
            result={"pictures": number},
        )  # fmt: skip
        job_files.keep(folder, job, None)
    (folder / "000500.json").write_text("{}")
    each = bench(FRIENDLY)
    found = each.jobs.all()
    assert [job.id for job in found] == list(range(jobs.KEPT + 2, 2, -1))
    assert found[0].state is JobState.INTERRUPTED
    assert found[1].result == {"pictures": jobs.KEPT + 1}
    assert not job_files.path_of(folder, 1).exists()
    assert each.jobs.start("teach", [], "Lan").id == jobs.KEPT + 3
    each.ended(jobs.KEPT + 3)
    assert json.loads(job_files.path_of(folder, jobs.KEPT + 3).read_text())["job"]["state"] == "done"


PANEL = """
import sys
from pathlib import Path
from edge.clock import SystemClock
from edge.panel.jobs import Jobs
jobs = Jobs(Path(sys.argv[1]), SystemClock(), (sys.executable, sys.argv[2]))
jobs.open()
jobs.start("teach", sys.argv[3:], "Hoa")
sys.stdin.read()
"""


@pytest.mark.parametrize("deaf", [False, True])
def test_a_killed_panel_leaves_no_job_behind(tmp_path: Path, root: Path, deaf: bool) -> None:
    """The kernel ends it; and one that does not listen is ended by the next panel."""
    (tmp_path / "script.py").write_text(ALONE)
    words = [str(tmp_path / "jobs"), str(tmp_path / "script.py"), str(tmp_path / "pids"), *(["deaf"] if deaf else [])]
    panel = subprocess.Popen([sys.executable, "-c", PANEL, *words], stdin=subprocess.PIPE, cwd=root)
    try:
        pid = _pids(tmp_path / "pids")[0]
    finally:
        panel.kill()
        panel.communicate()
    if not deaf:
        _until(lambda: not _there(pid), "the job outlived its panel")
    after = Jobs(tmp_path / "jobs", SystemClock(), (sys.executable,))
    after.open()
    try:
        assert after.job(1).state is JobState.INTERRUPTED
        _until(lambda: not _there(pid), "the job outlived the next panel's start")
    finally:
        after.close()


def test_another_process_of_that_number_is_left_alone(tmp_path: Path) -> None:
    mine = job_files.process_of(os.getpid())
    assert mine is not None
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    try:
        job_files.end_left_over(job_files.Process(pid=other.pid, started_ticks=mine.started_ticks - 1))
        other.communicate(b"go on\n", timeout=WITHIN_S)
        assert other.returncode == 0
    finally:
        other.kill()
        other.wait()


def test_a_full_disk_does_not_keep_a_job_from_running(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("in the way")
    (tmp_path / "script.py").write_text(FRIENDLY)
    each = Jobs(tmp_path / "jobs", SystemClock(), (sys.executable, str(tmp_path / "script.py")))
    each.open()
    ended = threading.Event()
    try:
        each.start("teach", [], "Hoa", lambda job: ended.set())
        assert ended.wait(WITHIN_S)
        assert each.job(1).state is JobState.DONE
    finally:
        each.close()


def test_a_frozen_job_is_woken_to_end(bench: Callable[[str], Bench], tmp_path: Path) -> None:
    each = bench(STUBBORN)
    each.jobs.start("teach", [str(tmp_path / "pids")], "Hoa")
    pid, _ = _pids(tmp_path / "pids")
    os.kill(pid, signal.SIGSTOP)
    each.jobs.cancel(1)
    assert each.ended(1).state is JobState.CANCELLED
