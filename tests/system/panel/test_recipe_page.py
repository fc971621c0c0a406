"""A recipe as a form: regions drawn, limits set, kept as a new version."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.system.panel.seat import Seat, drag, tap
from tests.system.panel_plant import PanelPlant

pytestmark = [pytest.mark.system, pytest.mark.browser]


def test_a_recipe_is_revised_into_version_2(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    seat = sit("en")
    seat.name("Lan")
    page = seat.go("/recipes")
    page.click('a:has-text("biscuit@1")')
    expect(page.locator(".canvas image")).to_have_count(1)
    expect(page.locator("#save")).to_be_disabled()
    surface = page.locator(".check").first
    surface.locator("input").nth(0).fill("4.25")
    surface.locator("button:has-text('Only a region')").click()
    drag(page, ".region.chosen", 30, 20)
    page.click("button[data-tool=ignore]")
    tap(page, ".canvas svg", ((0.5, 0.5), (0.6, 0.5), (0.6, 0.6)))
    page.click("button:has-text('Close the area')")
    expect(page.locator("polygon.mask")).to_have_count(1)
    page.click("#save")  # without a reason: the field asks for one
    expect(page.locator("dialog")).not_to_be_visible()
    page.fill("#reason", "false rejects on crumbs")
    page.click("#save")
    page.click("dialog button[type=submit]")
    page.wait_for_url("**/recipes/biscuit/2")
    expect(page.locator("#origin")).to_contain_text("false rejects on crumbs")
    check = page.request.get(f"{plant.url}/api/v1/recipes/biscuit/2").json()["recipe"]["views"][0]["checks"][0]
    assert (check["unsure_from"], check["region"]["width"], len(check["ignore"])) == (4.25, 210, 1)
    assert check["region"]["x"] > 105
    page.click("#activate")
    page.click("dialog button[type=submit]")
    expect(page.locator("#active-tag")).to_be_visible()
    page = seat.go("/recipes/biscuit/1")
    expect(page.locator("#trouble")).to_contain_text("newer version")
    expect(page.locator("#save")).to_be_disabled()
