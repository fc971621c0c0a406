"""Finding the part: one entry for all locators. A part not found or badly placed is never a defect."""

from __future__ import annotations

from typing import Protocol

from edge.domain.recipe import Locate, LocateKind
from edge.domain.verdict import ReasonCode
from edge.inference import located
from edge.inference.blob import BlobLocator
from edge.inference.located import Located, NotLocated
from edge.inference.rectify import Pixels
from edge.inference.template import TemplateLocator

__all__ = ["Located", "Locator", "NotLocated", "locate", "make_locator"]


class Locator(Protocol):
    def find(self, frame: Pixels) -> Located | NotLocated:
        """frame: (H, W, 1 or 3) uint8, BGR when 3; only read."""
        ...


class WholeLocator:
    def __init__(self, settings: Locate) -> None:
        self._settings = settings

    def find(self, frame: Pixels) -> Located | NotLocated:
        rect = located.search_rect(self._settings, frame.shape[1], frame.shape[0])
        if rect is None:
            return NotLocated(code=ReasonCode.NOT_FOUND)
        return located.whole(self._settings, rect)


def make_locator(settings: Locate) -> Locator:
    """The locator that a recipe asks for, its template decoded once. RecipeError for a template that is no picture."""
    if settings.kind is LocateKind.BLOB:
        return BlobLocator(settings)
    if settings.kind is LocateKind.TEMPLATE:
        return TemplateLocator(settings)
    return WholeLocator(settings)


def locate(frame: Pixels, settings: Locate) -> Located | NotLocated:
    """Once, for a single frame. Whoever has many frames keeps the locator of `make_locator`."""
    return make_locator(settings).find(frame)
