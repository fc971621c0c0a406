"""Long work as subprocess jobs: teaching, correcting, judging again. One at a time, at the lowest priority.

`WAITING` jobs may wait, the next is refused with words. The last `KEPT` are remembered: in memory with their progress,
and each in a small file of data_dir/jobs, so that the next panel shows what this one could not finish as interrupted.
No job outlives its panel: it gets SIGTERM, and SIGKILL `STOP_S` later (`CANCEL_S` when a person cancels it, as it may
have a line to put back). Should the panel be killed, the kernel sends the SIGTERM, and the next panel the SIGKILL.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge import log
from edge.bus import wire
from edge.clock import SECOND, Clock
from edge.errors import EXIT_NO, EXIT_OK, EdgeError, NotThere, Refused, StoreError
from edge.panel import job_files
from edge.panel.job_process import JobProcess
from edge.panel.shapes import Problem
from edge.panel.shapes_jobs import MAX_STEPS, JobState, JobWhole, Step
from edge.panel.vocabulary import N_

_log = log.get(__name__)
WAITING = 4
KEPT = 50
CANCEL_S = 20.0
STOP_S = 1.0
_TURN_S = 0.1
_EDGE = (sys.executable, "-m", "edge.cli")
_LOST = Problem(message=N_("the panel ended while this job waited or ran"), hint=N_("start it again"))
_MUTE = Problem(message=N_("the job gave no result that can be read"), hint=N_("see the log; then try again"))
Then = Callable[[JobWhole], None]


@dataclass(slots=True, kw_only=True, eq=False)
class _Entry:
    """A job as it is now. stop: what it will be when it has ended as it was told, None while it may go on."""

    job: JobWhole
    then: Then | None = None
    stop: JobState | None = None
    began_ns: int = 0
    stopped_ns: int = 0
    steps: list[tuple[Step, int]] = field(default_factory=list)  # with the time at which each began

    def put(self, **facts: Any) -> None:
        self.job = self.job.model_copy(update=facts)

    def hear(self, step: Step, now_ns: int) -> None:
        if not self.steps or self.steps[-1][0].step != step.step:
            self.steps.append((step, now_ns))
            del self.steps[:-MAX_STEPS]
        self.steps[-1] = (step, self.steps[-1][1])

    def now(self, now_ns: int) -> JobWhole:
        """With its progress up to this moment."""
        if self.job.ended or not self.began_ns:
            return self.job
        ends = [*(began_ns for _, began_ns in self.steps[1:]), now_ns]
        steps = tuple(
            step.model_copy(update={"seconds": _seconds(end_ns - began_ns)})
            for (step, began_ns), end_ns in zip(self.steps, ends, strict=False)
        )
        return self.job.model_copy(update={"steps": steps, "ran_s": _seconds(now_ns - self.began_ns)})


class Jobs:
    """May be asked from any thread. program: what a job's arguments are given to."""

    def __init__(self, folder: Path, clock: Clock, program: Sequence[str] = _EDGE) -> None:
        self._folder, self._clock, self._program = folder, clock, tuple(program)
        self._changed = threading.Condition()  # its lock guards all that follows
        self._entries: dict[int, _Entry] = {}
        self._waiting: deque[_Entry] = deque()
        self._ending = False
        self._number = 0
        self.refused_full = 0
        self._thread = threading.Thread(target=self._run, name="panel-jobs", daemon=True)

    def open(self) -> None:
        """Remember what was, end what a killed panel left running, and begin to work."""
        for kept in job_files.load(self._folder):
            job = kept.job
            self._number = max(self._number, job.id)
            if not job.ended:
                job_files.end_left_over(kept.process)
                job = job.model_copy(update={"state": JobState.INTERRUPTED, "trouble": _LOST})
                self._keep(job)
            self._entries[job.id] = _Entry(job=job)
        self._forget()
        self._thread.start()

    def close(self) -> None:
        """Waits until the running job has ended: `STOP_S` and a little."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(STOP_S + 1.0)

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def queue_state(self) -> wire.QueueState:
        return wire.QueueState(name="jobs", size=WAITING, depth=len(self._waiting), dropped=self.refused_full)

    def start(self, kind: str, arguments: Sequence[str], by: str, then: Then | None = None) -> JobWhole:
        """Queue `edge ARGUMENTS...`, which must say one JSON object (`--json`) and may tell its steps (`--progress`).

        then: called with the job, in the jobs' thread, when it was done, refused or failed (not when it was told to
        end); may raise EdgeError, which is told in the log. Refused when too many wait.
        """
        with self._changed:
            if self._ending or len(self._waiting) >= WAITING:
                self.refused_full += 1
                raise Refused("too many jobs wait already", hint="wait until one has ended, or cancel one")
            self._number += 1
            job = JobWhole(
                id=self._number, kind=kind, by=by, state=JobState.WAITING, command=tuple(arguments),
                queued_at=self._wall(),
            )  # fmt: skip
            entry = self._entries[job.id] = _Entry(job=job, then=then)
            self._waiting.append(entry)
            self._forget()
            self._keep(job)
            self._changed.notify_all()
        return job

    def all(self) -> tuple[JobWhole, ...]:
        """Newest first."""
        with self._changed:
            now_ns = self._clock.now_ns()
            return tuple(entry.now(now_ns) for _, entry in sorted(self._entries.items(), reverse=True))

    def job(self, number: int) -> JobWhole:
        """NotThere when there was never one of that number, or too many since."""
        with self._changed:
            return self._entry(number).now(self._clock.now_ns())

    def cancel(self, number: int) -> JobWhole:
        """Waiting: at once. Running: it is told to end. Refused when it has ended."""
        with self._changed:
            entry = self._entry(number)
            if entry.job.ended:
                raise Refused("this job has ended already", hint="look at its result")
            if entry in self._waiting:
                self._waiting.remove(entry)
                self._finish(entry, JobState.CANCELLED)
            else:
                self._stop(entry, JobState.CANCELLED)
            return entry.now(self._clock.now_ns())

    def _run(self) -> None:
        while (entry := self._next()) is not None:
            self._work(entry)
        with self._changed:
            while self._waiting:
                self._finish(self._waiting.popleft(), JobState.INTERRUPTED, trouble=_LOST)

    def _next(self) -> _Entry | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ending)
            if self._ending:
                return None
            entry = self._waiting.popleft()
            entry.began_ns = self._clock.now_ns()
            entry.put(state=JobState.RUNNING)
            return entry

    def _work(self, entry: _Entry) -> None:
        try:
            process = JobProcess((*self._program, *entry.job.command), lambda step: self._heard(entry, step))
        except OSError as error:
            words = Problem(message=f"no process could be started: {error.strerror}", hint="free memory; try again")
            with self._changed:
                self._finish(entry, JobState.FAILED, trouble=words)
        else:
            self._see_through(entry, process)
        if entry.then is not None and entry.job.state in (JobState.DONE, JobState.REFUSED, JobState.FAILED):
            try:
                entry.then(entry.job)
            except EdgeError as error:  # of one topic; the jobs of others go on
                _log.error("what follows job %d (%s) failed: %s", entry.job.id, entry.job.kind, error)

    def _see_through(self, entry: _Entry, process: JobProcess) -> None:
        try:
            self._keep(entry.job, job_files.process_of(process.pid))
            while process.turn(_TURN_S):
                self._mind(entry, process)
        finally:
            code = process.close()
        result, words = process.result(), process.words()
        state = _state(entry.stop, code, result is not None, words is not None)
        trouble = words if state is not JobState.DONE else None
        with self._changed:
            self._finish(
                entry, state, exit_code=code, result=result, trouble=trouble or _lack(state, code, process.last_line())
            )

    def _mind(self, entry: _Entry, process: JobProcess) -> None:
        with self._changed:
            if self._ending:
                self._stop(entry, JobState.INTERRUPTED)
            if entry.stop is None:
                return
            patience_s = STOP_S if self._ending else CANCEL_S
        now_ns = self._clock.now_ns()
        if not entry.stopped_ns:
            entry.stopped_ns = now_ns
            process.signal(signal.SIGTERM)
            process.signal(signal.SIGCONT)  # a frozen one must wake to end
        elif now_ns - entry.stopped_ns > patience_s * SECOND:
            process.signal(signal.SIGKILL)

    def _heard(self, entry: _Entry, step: Step) -> None:
        with self._changed:
            entry.hear(step, self._clock.now_ns())

    # What follows is called with the lock held.

    def _entry(self, number: int) -> _Entry:
        if number not in self._entries:
            raise NotThere(f"there is no job {number}", hint="see the list of jobs; only the last ones are kept")
        return self._entries[number]

    def _stop(self, entry: _Entry, why: JobState) -> None:
        if entry.stop is None:
            entry.stop = why
            entry.put(state=JobState.CANCELLING)

    def _finish(self, entry: _Entry, state: JobState, **facts: Any) -> None:
        entry.job = entry.now(self._clock.now_ns())
        entry.put(state=state, ended_at=self._wall(), **facts)
        self._keep(entry.job)

    def _wall(self) -> str:
        return self._clock.wall().isoformat(timespec="seconds")

    def _keep(self, job: JobWhole, process: job_files.Process | None = None) -> None:
        """A job that cannot be written down runs all the same; then the next panel does not know of it."""
        try:
            job_files.keep(self._folder, job, process)
        except StoreError as error:
            _log.error("job %d (%s) is not written down: %s", job.id, job.kind, error)

    def _forget(self) -> None:
        ended = [number for number, entry in sorted(self._entries.items()) if entry.job.ended]
        for number in ended[: max(0, len(self._entries) - KEPT)]:
            del self._entries[number]
            with contextlib.suppress(OSError):
                job_files.path_of(self._folder, number).unlink()


def _state(stop: JobState | None, code: int, result: bool, words: bool) -> JobState:
    """What was told to end and had done its work by then is done. A no must be said: 1 is Python's own code, too."""
    if code == EXIT_OK:
        return JobState.DONE if result else JobState.FAILED
    return stop or (JobState.REFUSED if code == EXIT_NO and (result or words) else JobState.FAILED)


def _lack(state: JobState, code: int, last: str) -> Problem | None:
    """Why it was not done, when it has not said so itself."""
    if state is JobState.INTERRUPTED:
        return _LOST
    if state is not JobState.FAILED:
        return None
    if code == EXIT_OK:
        return _MUTE
    how = f"by signal {-code}" if code < 0 else f"with code {code}"
    message = f"the job ended {how}: {last}" if last else f"the job ended {how}"
    return Problem(message=message[:500], hint=_MUTE.hint)


def _seconds(ns: int) -> float:
    return round(ns / SECOND, 2)
