"""Which recipe is active and which is being prepared. Inference loads, `line` commits it active. Pure.

A recipe becomes active when its commit is durable; until then triggers carry the one before it. After a restart the
ledger's memory says which is active; inference then loads that very one again.

A recipe on trial is active, and nothing that it judges may pass: it has yet to catch the parts of a challenge.
"""

from __future__ import annotations

import msgspec

from edge.bus.wire import RecipeFailed, RecipeReady
from edge.clock import MS
from edge.errors import Refused
from edge.settings.station import Station

_ENCODER = msgspec.json.Encoder()
Named = tuple[str, int]


class _OnTrial(RecipeReady, frozen=True, tag="RecipeReady"):
    """As it is kept in the line's memory when it must be known to be on trial after a restart too."""

    trial: bool = False


_DECODER = msgspec.json.Decoder(_OnTrial)


class Recipes:
    """`active` is in force for new triggers, `trial` says how; `preparing` is what inference is asked to load."""

    def __init__(self, station: Station, remembered: str) -> None:
        """remembered: LineMemory.recipe_ready. What cannot be read, or does not fit the station file as it is now, is
        no recipe; `damaged` says why: choose anew."""
        self._cameras = {camera.name for camera in station.camera}
        self._max_travel_ns = round(station.line.max_travel_ms * MS)
        self._hold_ms = station.line.longest_hold_ms
        self._time_travel = station.line.travel_unit == "time"
        self.active: RecipeReady | None = None
        self.preparing: Named | None = None
        self.asked_by = ""
        self.trial = False
        self._preparing_trial = self._committing_trial = self._lifting = False
        self._committing: RecipeReady | None = None
        self.damaged = ""
        if remembered:
            self._take_up(remembered)

    @property
    def tries(self) -> bool:
        """A recipe is on trial, or will be when it is loaded."""
        coming = self._committing is not None and self._committing_trial
        return self.trial or coming or (self.preparing is not None and self._preparing_trial)

    def is_active(self, name: str, version: int) -> bool:
        recipe = self.active.recipe if self.active is not None and self._committing is None else None
        return recipe is not None and (recipe.name, recipe.version) == (name, version)

    def ask(self, name: str, version: int, *, by: str, trial: bool = False) -> bool:
        """False: it is active already, or will be at once. A later question takes the place of an earlier one."""
        coming = self._committing or self.active  # what is being committed will be in force
        recipe = coming.recipe if coming is not None else None
        if recipe is not None and (recipe.name, recipe.version) == (name, version):
            self.preparing = None
            return False
        self.preparing, self.asked_by, self._preparing_trial = (name, version), by, trial
        return True

    def put_on_trial(self) -> None:
        """The active one; at once, as nothing can pass wrongly by it. The memory is to be written."""
        self.preparing, self.trial, self._lifting = None, True, False

    def lift(self) -> None:
        """The active one has passed its trial: so the memory says from now on, and `lifted` when that is durable."""
        self.preparing, self._lifting = None, True

    def lifted(self) -> None:
        if self._lifting:
            self.trial = self._lifting = False

    def give_up(self) -> None:
        """It takes too long: the active one stays."""
        self.preparing = None

    def ready(self, report: RecipeReady) -> str | None:
        """What to commit (JSON for LineMemory) when this is the one that was asked for; None otherwise.

        Refused: it does not fit this station, and is given up.
        """
        named = (report.recipe.name, report.recipe.version)
        if named != self.preparing or self._committing is not None:
            return None
        try:
            self._check(report)
        except Refused:
            self.preparing = None
            raise
        self._committing, self._committing_trial = report, self._preparing_trial
        return self.remembered()

    def committed(self, report: RecipeReady) -> None:
        """It is durable, and now in force."""
        self.active, self._committing = report, None
        self.trial, self._committing_trial, self._lifting = self._committing_trial, False, False
        if self.preparing == (report.recipe.name, report.recipe.version):
            self.preparing = None

    def failed(self, report: RecipeFailed) -> bool:
        """True: it was the one that was asked for; the active one stays."""
        if (report.name, report.version) != self.preparing:
            return False
        self.preparing = None
        return True

    def remembered(self) -> str:
        """For LineMemory: what is being committed counts already."""
        report = self._committing or self.active
        trial = self._committing_trial if self._committing is not None else self.trial and not self._lifting
        if report is not None and trial:
            report = _OnTrial(**{name: getattr(report, name) for name in RecipeReady.__struct_fields__}, trial=True)
        return "" if report is None else _ENCODER.encode(report).decode()

    def committing(self) -> RecipeReady | None:
        return self._committing

    def _take_up(self, remembered: str) -> None:
        try:
            kept = _DECODER.decode(remembered)
            report = RecipeReady(**{name: getattr(kept, name) for name in RecipeReady.__struct_fields__})
            self._check(report)
        except (msgspec.MsgspecError, ValueError):
            self.damaged = "the remembered recipe could not be read"
        except Refused as refused:  # the station file was changed meanwhile
            self.damaged = refused.message
        else:
            self.active, self.trial = report, kept.trial

    def _check(self, report: RecipeReady) -> None:
        unknown = [camera for camera in report.cameras if camera not in self._cameras]
        if unknown or len(report.windows_ms) != len(report.cameras) or not report.cameras:
            raise Refused(
                f"{report.recipe} needs cameras that this station does not have: {', '.join(unknown) or 'none named'}",
                hint="change the recipe's views or the station file",
            )
        reach_ns = round((report.gate.travel + report.gate.after_ms) * MS)
        if self._time_travel and reach_ns > self._max_travel_ns:
            raise Refused(
                f"{report.recipe}: its gate travel of {report.gate.travel:g} ms is longer than the station allows",
                hint="correct the travel, or max_travel_ms in the station file",
            )
        if self._hold_ms is not None and report.gate.after_ms > self._hold_ms:
            raise Refused(
                f"{report.recipe} holds the gate {report.gate.after_ms:g} ms after a part: a line that is killed then "
                f"would let the next part pass (at most {self._hold_ms:g} ms here)",
                hint="shorten after_ms, or T_safe on the relay and in the station file",
            )
