"""What a person asks of the line: start, stop, lot, recipe, modes, reset; and its refusals."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from edge.bus import wire
from edge.domain.part import Mode
from tests.system.panel.seat import Seat
from tests.system.panel_plant import PanelPlant

pytestmark = [pytest.mark.system, pytest.mark.browser]


def test_start_stop_lot_and_recipe(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    page = sit("en").go("/")
    expect(page.locator("#permit-reasons")).to_contain_text("The line is stopped")
    page.click("#start")
    page.fill("dialog input[name=by]", "Hoa")
    page.click("dialog button[type=submit]")
    expect(page.locator("#mode-name")).to_have_text("Inspecting")
    expect(page.locator("#permit")).to_have_text("The machine may run")
    page.click("#stop")
    expect(page.locator("#mode-name")).to_have_text("Stopped")
    page.click("#choose-lot")
    page.fill("dialog input[name=lot]", "L77 <b>x</b>")
    page.select_option("dialog select[name=purpose]", "challenge")
    page.click("dialog button[type=submit]")
    expect(page.locator("#lot")).to_have_text("L77 <b>x</b>")
    expect(page.locator(".banner.purpose")).to_contain_text("Challenge part")
    page.click("#choose-recipe")
    page.click('dialog button[value="carton@1"]')
    expect(page.locator("#recipe")).to_have_text("carton@1")
    modes = [(each.mode, each.by) for each in plant.line.asked if isinstance(each, wire.SetMode)]
    assert modes == [(Mode.RUN, "Hoa"), (Mode.STOPPED, "Hoa")]
    assert wire.ActivateRecipe(name="carton", version=1, by="Hoa") in plant.line.asked


def test_a_refusal_reaches_the_person(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    plant.line.active = None
    seat = sit("vi")
    seat.foresee("409")
    seat.name()
    page = seat.go("/")
    expect(page.locator("#recipe")).to_have_text("chưa có")
    page.click("#start")
    page.click("dialog button[type=submit]")
    expect(page.locator("dialog .complaint")).to_contain_text("chưa chọn chương trình kiểm")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).not_to_be_visible()


def test_bypass_needs_a_reason_and_shows_a_banner_everywhere(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    seat = sit("vi")
    seat.name()
    page = seat.go("/")
    page.click("#more")
    page.press("dialog input[name=by]", "Enter")  # must not press the first button, which is another mode
    page.click("dialog button[value=BYPASS]")
    expect(page.locator("dialog .complaint")).to_contain_text("phải có lý do")
    page.fill("dialog input[name=reason]", "đèn hỏng")
    page.click("dialog .chips label:has-text('10')")
    page.click("dialog button[value=BYPASS]")
    expect(page.locator(".banner.bypass")).to_contain_text("BỎ QUA KIỂM")
    asked = next(each for each in plant.line.asked if isinstance(each, wire.SetMode))
    assert (asked.mode, asked.reason, asked.minutes) == (Mode.BYPASS, "đèn hỏng", 10.0)
    page = seat.go("/results")
    expect(page.locator(".banner.bypass")).to_contain_text("Lô đang bị giữ")


def test_a_latched_line_is_reset_with_a_reason(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    plant.line.latched = True
    plant.line.alarms = (wire.Alarm(code="jam", since_ns=plant.line.clock.now_ns() - 5_000_000_000, detail="t/1/4"),)
    seat = sit("en")
    seat.name()
    page = seat.go("/")
    expect(page.locator(".banner.latched")).to_be_visible()
    expect(page.locator("#alarms .alarm h3")).to_have_text("Several rejected parts were not seen in the bin")
    expect(page.locator("#alarms .alarm .do")).to_contain_text("press Reset")
    expect(page.locator("#start")).to_be_disabled()
    page.click("#reset")
    page.fill("dialog input[name=reason]", "chute cleared")
    page.click("dialog button[type=submit]")
    expect(page.locator(".banner.latched")).to_have_count(0)
    expect(page.locator("#start")).to_be_enabled()
    assert wire.ResetLatch(by="Hoa", reason="chute cleared") in plant.line.asked
