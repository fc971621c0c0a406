"""Results and review: found, shown whole, labelled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from edge.domain.verdict import Verdict
from tests.system.panel.seat import Seat
from tests.system.panel_plant import PanelPlant

pytestmark = [pytest.mark.system, pytest.mark.browser]


def test_results_are_filtered_and_a_part_is_shown_whole(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    seat = sit("vi")
    seat.name()
    page = seat.go("/results")
    expect(page.locator("#parts li")).not_to_have_count(0)
    page.click("label:has(input[value=NG])")
    expect(page.locator("#parts .badge").first).to_have_text("NG")
    expect(page.locator('#parts .badge:not([data-verdict="NG"])')).to_have_count(0)
    page.reload()  # the filter is in the address
    expect(page.locator('#parts .badge[data-verdict="NG"]')).not_to_have_count(0)
    expect(page.locator('#parts .badge:not([data-verdict="NG"])')).to_have_count(0)
    page.locator("#parts li a").first.click()
    expect(page.locator("#pictures img")).to_be_visible()
    expect(page.locator("#pictures rect.box")).to_have_count(1)
    expect(page.locator("#facts")).to_contain_text("Khác với hàng đạt")
    expect(page.locator("#facts td.bad")).to_have_text("7,42")
    page.click("#facts button:has-text('Nhãn: OK')")
    page.fill("dialog input[name=note]", "chỉ là vụn bánh")
    page.click("dialog button[type=submit]")
    expect(page.locator("#facts")).to_contain_text("chỉ là vụn bánh")
    page.click("#back")
    expect(page.locator("#parts .tag")).to_have_text("nhãn: OK")


def test_review_labels_and_goes_on(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    first, second = plant.line.judge(Verdict.NG), plant.line.judge(Verdict.UNSURE)
    seat = sit("en", 1024, 768)
    seat.name("Minh")
    page = seat.go("/review")
    expect(page.locator("#review")).to_have_attribute("data-part", f"{second.epoch}/{second.n}")
    expect(page.locator("button[data-label=OK]")).to_be_enabled()
    expect(page.locator("#review-picture img")).to_be_visible()
    page.keyboard.press("2")
    expect(page.locator("#review")).to_have_attribute("data-part", f"{first.epoch}/{first.n}")
    page.fill("#note", "crack at the edge")
    page.click("button[data-label=NG]")
    expect(page.locator("#done")).to_contain_text("2")
    expect(page.locator("#who")).to_have_text("You are Minh")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("button.said")).to_have_attribute("data-label", "NG")
    for part, verdict in ((first, "NG"), (second, "OK")):
        found = page.request.get(f"{plant.url}/api/v1/parts/{part.epoch}/{part.n}").json()["label"]
        assert (found["verdict"], found["by"]) == (verdict, "Minh")
