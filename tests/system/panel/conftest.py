"""A panel with a life around it, and browsers before it, for the tests of its pages: what a person sees and does.

Every page is watched: no error in the console, no policy violation, no request that leaves the host.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from edge.domain.part import Mode, Purpose
from tests.leftovers import SESSION_VARIABLE, station_prefix
from tests.system.panel.seat import WAIT_MS, Seat, watch
from tests.system.panel_plant import LOT, PanelPlant

_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def plant() -> Iterator[PanelPlant]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="edge-") as data, tempfile.TemporaryDirectory(prefix="edge-") as run:
        name = f"{station_prefix(os.getpid())}pages"
        plant = PanelPlant(Path(data), Path(run), name, port)
        yield plant
        plant.close()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    # Its crash handler detaches itself on purpose and ends with it: it is not counted as left behind by a test.
    environment: dict[str, str | float | bool] = {
        name: value for name, value in os.environ.items() if name != SESSION_VARIABLE
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_ARGUMENTS), env=environment)
        yield browser
        browser.close()


@pytest.fixture
def sit(browser: Browser, plant: PanelPlant) -> Iterator[Callable[..., Seat]]:
    contexts: list[tuple[BrowserContext, Seat]] = []

    def sit(language: str = "en", width: int = 1280, height: int = 800) -> Seat:
        context = browser.new_context(viewport={"width": width, "height": height})
        context.add_cookies([{"name": "language", "value": language, "url": plant.url}])
        context.set_default_timeout(WAIT_MS)
        seat = Seat(plant, context.new_page())
        watch(seat)
        contexts.append((context, seat))
        return seat

    expect.set_options(timeout=WAIT_MS)
    yield sit
    for context, _ in contexts:
        context.close()
    assert [trouble for _, seat in contexts for trouble in seat.unforeseen()] == []


@pytest.fixture(autouse=True)
def _as_it_was(plant: PanelPlant) -> None:
    line = plant.line
    line.mode, line.lot, line.purpose, line.active = Mode.STOPPED, LOT, Purpose.PRODUCTION, plant.recipe
    line.latched, line.bypass_until_ns, line.alarms, line.silent = False, 0, (), False
    line.trial, line.coming_lot = False, ""
    line.down.clear()
    line.asked.clear()
