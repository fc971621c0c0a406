"""What was taught again by itself, as the API gives it; and as `edge learning refresh` and `reteach` say it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from edge.panel.shapes import Problem, Shape
from edge.panel.shapes_corrections import Bounds, Replay
from edge.panel.shapes_jobs import Job


class Look(Shape):
    """One way in which a part is looked at otherwise than when its model was taught. `what`: a key of the words."""

    what: str
    was: str
    now: str


class RetaughtModel(Shape):
    """`model` of the newest `recipe`. `looks`: empty when it may stay as it is. `made`: what was taught again, a folder
    of data_dir/taught, to be proposed; "" for none. `lost`, `stopped`, `samples`: known defects that would pass, good
    parts that would be stopped, limit samples with another answer: for their sake nothing was made. `trouble`:
    why it could not be tried."""

    recipe: str
    model: str
    looks: tuple[Look, ...] = ()
    made: str = ""
    lost: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    trouble: Problem | None = None


class Retaught(Shape):
    """`job`: the last one, null when there was none lately. `models`: what it said; empty while it works."""

    job: Job | None
    models: tuple[RetaughtModel, ...]


class TaughtAgain(Shape):
    """How a taught model differs from `parent`, which it was taught again from: limits, and verdicts on known parts."""

    parent: str
    reason: str
    looks: tuple[Look, ...]
    before: Bounds
    replay: Replay


class _Said(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ReplaySaid(Replay):
    """With the limit samples."""

    flipped: tuple[str, ...] = ()


class AgainSaid(_Said):
    """Of one model that was taught again: report.json, and `made` of what refresh says."""

    accepted: bool
    model: str
    parent: str
    reason: str
    changes: tuple[Look, ...]
    before: Bounds
    replay: ReplaySaid


class ModelSaid(_Said):
    recipe: str
    model: str
    changes: tuple[Look, ...] = ()
    ready: str = ""
    made: AgainSaid | None = None
    trouble: Problem | None = None


class RefreshSaid(_Said):
    models: Annotated[tuple[ModelSaid, ...], Field(max_length=1000)] = ()
