"""What the floor sees of a challenge, and of a lot that waits for its recipe."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from edge.domain.part import Mode, Purpose
from tests.system.panel.seat import Seat
from tests.system.panel_plant import LOT, PanelPlant

pytestmark = [pytest.mark.system, pytest.mark.browser]


@pytest.mark.parametrize(
    ("language", "words"), [("vi", "Mọi sản phẩm đều bị loại"), ("en", "Everything is rejected until it has caught")]
)
@pytest.mark.parametrize("path", ["/", "/results"])
def test_every_page_says_that_a_recipe_is_being_challenged(
    sit: Callable[..., Seat], plant: PanelPlant, language: str, words: str, path: str
) -> None:
    plant.line.mode, plant.line.purpose, plant.line.trial = Mode.SETUP, Purpose.CHALLENGE, True
    page = sit(language, 800, 1280).go(path)
    banner = page.locator("#banners")
    expect(banner).to_contain_text("biscuit@1")
    expect(banner).to_contain_text(words)
    plant.line.trial, plant.line.purpose = False, Purpose.PRODUCTION
    expect(banner).not_to_contain_text(words)


def test_a_lot_that_waits_for_its_recipe_is_shown_beside_the_one_that_runs(
    sit: Callable[..., Seat], plant: PanelPlant
) -> None:
    page = sit().go("/")
    expect(page.locator("#lot")).to_have_text(LOT)
    plant.line.coming_lot = "L-2"
    expect(page.locator("#lot")).to_contain_text(f"{LOT}, then L-2")
    plant.line.coming_lot = ""
    expect(page.locator("#lot")).to_have_text(LOT)
