"""A browser before a real `edge panel`: watched, so that no page may complain, break its policy or ask another host."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page

from tests.system.panel_plant import PanelPlant

WAIT_MS = 15_000


@dataclass(slots=True)
class Seat:
    """A browser before the panel, in one language. troubles: what must not have happened when it closes."""

    plant: PanelPlant
    page: Page
    troubles: list[str] = field(default_factory=list)
    foreseen: tuple[str, ...] = ()

    def foresee(self, *words: str) -> None:
        """The browser itself will note in its console what the test provokes: a note with one of these words."""
        self.foreseen += words

    def unforeseen(self) -> list[str]:
        return [trouble for trouble in self.troubles if not any(word in trouble for word in self.foreseen)]

    def go(self, path: str) -> Page:
        self.page.goto(self.plant.url + path)
        return self.page

    def name(self, who: str = "Hoa") -> None:
        """As if that person had given their name in this browser before."""
        self.page.add_init_script(f"localStorage.setItem('edge.person', '{who}')")


def watch(seat: Seat) -> None:
    def console(message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        if kind in ("error", "warning"):
            seat.troubles.append(f"{kind}: {text}")

    seat.page.on("console", console)
    seat.page.on("pageerror", lambda error: seat.troubles.append(f"page: {error}"))
    seat.page.on(
        "request",
        lambda request: None if request.url.startswith(seat.plant.url) else seat.troubles.append(request.url),
    )


def until(true: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def drag(page: Page, selector: str, across: float, down: float) -> None:
    box = page.locator(selector).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across / 2, y + down / 2)
    page.mouse.move(x + across, y + down)
    page.mouse.up()


def tap(page: Page, selector: str, places: tuple[tuple[float, float], ...]) -> None:
    box = page.locator(selector).bounding_box()
    assert box is not None
    for across, down in places:
        page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])
