"""Good pictures from the running line. While they are collected all is rejected, or passed with the lot on hold.

The line is asked for SETUP or BYPASS with purpose set-up; it then has each part photographed, and the recorder keeps
every picture as the camera gave it. Mode and purpose are put back as they were, whatever happens here but a kill; after
a kill the line goes on rejecting everything (SETUP), or inspects again when the bypass's time is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from edge.apps.progress import Steps
from edge.apps.teach.collected import While
from edge.apps.teach.pictures import Gathered
from edge.apps.teach.planning import Basis
from edge.apps.teach.stored import of_parts, station_recipe
from edge.bus import topics, wire
from edge.bus.sockets import Bus, Client
from edge.clock import SECOND, Clock
from edge.domain.ledger import StoredPart
from edge.domain.part import Mode, Purpose
from edge.errors import EdgeError, Refused, ServiceError, UsageError
from edge.learning.stored_good import Books, StoredPicture, opened_books, pictures_of
from edge.learning.teach import MIN_PICTURES
from edge.service import Stop
from edge.settings.station import Station

MOST_MINUTES = 30.0
MOST_PARTS = 1000
_ASK_MS = 2000
_LOOK_S = 0.2
_STATE_NS = SECOND
_PUT_BACK_TRIES = 3
_SILENT_NS = 10 * SECOND  # a line that starts anew is back sooner
_UNKEPT_IN_A_ROW = 30  # then nobody keeps pictures, and waiting on would only reject parts
_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """count: parts with a picture. by, reason: who asks the line, and why. minutes: to wait at most."""

    station: Station
    count: int
    what: While
    by: str
    reason: str
    clock: Clock
    stop: Stop
    minutes: float = MOST_MINUTES
    recipe: str | None = None
    camera: str | None = None

    def __post_init__(self) -> None:
        if not MIN_PICTURES <= self.count <= MOST_PARTS:
            raise UsageError(f"--count {self.count} cannot be", hint=f"{MIN_PICTURES} to {MOST_PARTS}, better 30")
        if not 0 < self.minutes <= MOST_MINUTES:
            raise UsageError(f"--minutes {self.minutes:g} cannot be", hint=f"at most {MOST_MINUTES:g}")
        if not self.by.strip():
            raise UsageError("the line wants to know who asks", hint="give --by NAME")

    def gather(self, steps: Steps) -> Gathered:
        """Refused with the line's own words; ServiceError when the line cannot be reached, or stopped collecting."""
        with opened_books(self.station) as books, Bus(self.station.run_dir) as bus:
            basis = Basis.of(station_recipe(books, self.recipe), self.camera)
            asking = _Asking(bus.client(topics.COMMANDS))
            with _collecting(asking, self):
                pictures, seen = _Collector(self, books, asking, basis.view.camera).run(steps)
        return of_parts(pictures, basis, self.station, self._told(len(pictures), seen))

    @property
    def mode(self) -> Mode:
        return self.what.mode

    def _told(self, kept: int, seen: int) -> tuple[str, ...]:
        done = "all of them were rejected" if self.what is While.REJECT else "they passed, and their lot is on hold"
        return (f"collected {kept} pictures of {seen} parts; {done}",)


class _Asking:
    def __init__(self, client: Client) -> None:
        self._client = client

    def state(self) -> wire.LineState:
        answer = self._client.ask(wire.AskState(), _ASK_MS)
        if not isinstance(answer, wire.LineState):
            raise ServiceError("the line answered something else", hint="is it of this release?")
        return answer

    def ask(self, request: wire.Message) -> None:
        answer = self._client.ask(request, _ASK_MS)
        if not isinstance(answer, wire.Reply) or not answer.ok:
            words = (answer.message, answer.hint) if isinstance(answer, wire.Reply) else ("", "")
            raise Refused(words[0] or "the line refused", hint=words[1])


@contextmanager
def _collecting(asking: _Asking, live: Live) -> Iterator[None]:
    """The line is asked to collect; then mode and purpose are as they were before."""
    before = asking.state()
    if before.mode is Mode.BYPASS or before.trial:
        raise Refused("the line is in a bypass or a challenge", hint="end it first, then collect")
    if before.active is None:
        raise Refused("no recipe is active, so no camera looks at the parts", hint="activate a recipe first")
    reason = f"teaching: {live.reason}" if live.reason else "teaching: good parts are collected"
    try:
        asking.ask(wire.SetMode(mode=live.mode, by=live.by, reason=reason, minutes=live.minutes))
        asking.ask(wire.SetPurpose(purpose=Purpose.SETUP, by=live.by))
        yield
    except BaseException as error:
        _put_back(asking, live, before, error)
        raise
    _put_back(asking, live, before, None)


def _put_back(asking: _Asking, live: Live, before: wire.LineState, cause: BaseException | None) -> None:
    """What somebody else has set meanwhile stays. ServiceError when the line does not answer any more."""
    trouble: EdgeError | None = None
    for _ in range(_PUT_BACK_TRIES):
        try:
            now = asking.state()
            if now.purpose is Purpose.SETUP and now.purpose is not before.purpose:
                asking.ask(wire.SetPurpose(purpose=before.purpose, by=live.by))
            if now.mode is live.mode and now.mode is not before.mode:
                asking.ask(wire.SetMode(mode=before.mode, by=live.by, reason="teaching: the parts are collected"))
            return
        except EdgeError as error:
            trouble = error
    goes_on = "rejects everything" if live.what is While.REJECT else "lets everything pass until the bypass is over"
    told = f"{cause.message}; and " if isinstance(cause, EdgeError) else ""
    raise ServiceError(
        f"{told}mode and purpose could not be put back: the line {goes_on} ({trouble.message if trouble else ''})",
        hint=f"set mode {before.mode.value} and purpose {before.purpose.value} on the panel",
    )


class _Collector:
    """Follows the ledger and the evidence until there are enough pictures."""

    def __init__(self, live: Live, books: Books, asking: _Asking, camera: str) -> None:
        self._live, self._books, self._asking, self._camera = live, books, asking, camera
        self._row = books.ledger.highest_row()
        self._heard_ns = live.clock.now_ns()
        self._until_ns = self._heard_ns + round(live.minutes * 60 * SECOND)
        self._waiting: dict[int, StoredPart] = {}  # by row: their picture may still come
        self._found: dict[int, StoredPicture] = {}
        self._seen = self._without = 0

    def run(self, steps: Steps) -> tuple[tuple[StoredPicture, ...], int]:
        """The pictures, oldest first, and how many parts came."""
        wanted, look_ns = self._live.count, 0
        while len(self._found) < wanted:
            steps("collecting", len(self._found), wanted)
            self._look()
            if self._live.clock.now_ns() >= look_ns:
                self._check()
                look_ns = self._live.clock.now_ns() + _STATE_NS
            self._live.stop.wait(_LOOK_S)
        steps("collecting", wanted, wanted)
        return tuple(self._found[row] for row in sorted(self._found)[:wanted]), self._seen

    def _look(self) -> None:
        position = self._books.evidence.position()  # before the pictures: what it is past has come, or never will
        for part in self._books.ledger.parts_after(self._row, _PAGE):
            self._row = part.row
            if part.trigger.purpose is Purpose.SETUP and part.trigger.mode is self._live.mode:
                self._seen += 1
                self._waiting[part.row] = part
        kept = pictures_of(self._books, list(self._waiting.values()), self._camera)
        self._found |= kept
        done = [row for row in self._waiting if row in kept or row <= position]
        for row in done:
            del self._waiting[row]
            self._without = 0 if row in kept else self._without + 1

    def _check(self) -> None:
        """ServiceError when nothing more will come of it."""
        now_ns = self._live.clock.now_ns()
        try:
            state = self._asking.state()
        except ServiceError:
            if now_ns - self._heard_ns > _SILENT_NS:
                raise
            return  # it may be starting anew
        self._heard_ns = now_ns
        if state.mode is not self._live.mode or state.purpose is not Purpose.SETUP:
            raise self._ended(f"the line was set to {state.mode.value}, {state.purpose.value}", "start it again")
        if self._without + len(self._waiting) >= _UNKEPT_IN_A_ROW:
            raise self._ended(
                f"{self._without + len(self._waiting)} parts in a row came without a kept picture",
                "see on the system page whether camera, inference and recorder run and the disk has room",
            )
        if now_ns >= self._until_ns:
            why = "" if self._seen else f": {', '.join(state.permit_reasons)}" if state.permit_reasons else ""
            raise self._ended(f"{self._live.minutes:g} minutes are over{why}", "let parts come, then start it again")

    def _ended(self, why: str, hint: str) -> ServiceError:
        return ServiceError(f"{why}; {len(self._found)} of {self._live.count} pictures were collected", hint=hint)
