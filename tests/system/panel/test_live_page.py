"""The live page: each judged part as it is, and what is said when panel or line fall silent."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from edge.domain.part import Mode
from edge.domain.verdict import Verdict
from edge.panel.live import MAX_VIEWERS
from tests.system.panel.seat import Seat, until
from tests.system.panel_plant import PanelPlant

pytestmark = [pytest.mark.system, pytest.mark.browser]

# Live feeds that acknowledge; one that is refused, as a page before may not be gone yet, tries again.
_TAKE_SEATS = """count => {
  window.seats = new Set();
  const take = () => {
    const socket = new WebSocket(`ws://${location.host}/api/v1/live`);
    socket.onmessage = event => {
      window.seats.add(socket);
      socket.send(JSON.stringify({ ack: JSON.parse(event.data).n }));
    };
    socket.onclose = () => { window.seats.delete(socket); setTimeout(take, 100); };
  };
  for (let i = 0; i < count; i += 1) take();
}"""


@pytest.mark.parametrize(
    ("language", "ng", "reason", "ok"),
    [("vi", "Không đạt", "Khác với hàng đạt", "Đạt"), ("en", "Fail", "Looks different from good parts", "Pass")],
)
def test_the_live_page_shows_each_judged_part(
    sit: Callable[..., Seat], plant: PanelPlant, language: str, ng: str, reason: str, ok: str
) -> None:
    plant.line.mode = Mode.RUN
    acks: list[str] = []
    seat = sit(language)
    seat.page.on("websocket", lambda ws: ws.on("framesent", lambda sent: acks.append(str(sent))))
    page = seat.go("/")
    expect(page.locator("#strip .piece")).not_to_have_count(0)
    bad = plant.line.judge(Verdict.NG)
    expect(page.locator("#verdict")).to_have_attribute("data-part", f"{bad.epoch}/{bad.n}")
    expect(page.locator("#verdict-big")).to_have_text("NG")
    expect(page.locator("#verdict-small")).to_have_text(ng)
    expect(page.locator("#verdict-reason")).to_contain_text(reason)
    expect(page.locator("#live-picture img")).to_be_visible()
    expect(page.locator("#live-picture rect.box")).to_have_count(1)
    good = plant.line.judge(Verdict.OK)
    expect(page.locator("#verdict")).to_have_attribute("data-part", f"{good.epoch}/{good.n}")
    expect(page.locator("#verdict-small")).to_have_text(ok)
    expect(page.locator("#last-ng-reason")).to_contain_text(reason)
    expect(page.locator("#last-ng-when")).to_contain_text(str(bad.n))
    expect(page.locator("#last-ng-picture img")).to_be_visible()
    until(lambda: len(acks) > 1 and '"ack"' in acks[0], "nothing was acknowledged")
    parts = page.locator('#counters tr[data-key="parts"] td').first
    expect(parts).to_have_text(str(plant.line.n))


def test_what_was_not_inspected_and_unsure_say_why(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    page = sit("vi").go("/")
    expect(page.locator("#mode-name")).to_have_text("Đang dừng")
    plant.line.judge(Verdict.NOT_INSPECTED)
    expect(page.locator("#verdict-big")).to_have_text("Chưa kiểm")
    expect(page.locator("#verdict-reason")).to_contain_text("Hình quá tối")
    plant.line.judge(Verdict.UNSURE)
    expect(page.locator("#verdict-big")).to_have_text("Nghi ngờ")
    expect(page.locator("#last-ng-reason .badge")).to_have_text("Nghi ngờ")


def test_what_becomes_of_a_part_is_said_as_it_is(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    page = sit("en").go("/")
    plant.line.judge(Verdict.OK)
    expect(page.locator("#live-picture img")).to_be_visible()
    plant.line.bypass()
    expect(page.locator("#verdict-small")).to_have_text("Let through uninspected")
    expect(page.locator("#verdict-reason")).to_have_text("Inspection was bypassed")
    expect(page.locator("#live-picture img")).to_have_count(0)  # not the picture of the part before
    plant.line.judge(Verdict.OK, acted=False)
    expect(page.locator("#verdict-small")).to_have_text("OK came too late: rejected")
    expect(page.locator("#verdict")).to_have_attribute("data-verdict", "UNSURE")


def test_a_frozen_panel_is_said_and_found_again(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    seat = sit("vi")
    seat.foresee("ERR_", "WebSocket")
    page = seat.go("/")
    plant.line.judge(Verdict.OK)
    expect(page.locator("#verdict-big")).to_have_text("OK")
    plant.signal_panel(signal.SIGSTOP)
    try:
        expect(page.locator(".banner.lost")).to_contain_text("Mất kết nối từ")
        expect(page.locator("body")).to_have_class(re.compile("stale"))
        expect(page.locator("#verdict-big")).to_have_text("?")
    finally:
        plant.signal_panel(signal.SIGCONT)
    expect(page.locator(".banner.lost")).to_have_count(0)
    part = plant.line.judge(Verdict.OK)
    expect(page.locator("#verdict")).to_have_attribute("data-part", f"{part.epoch}/{part.n}")


def test_a_silent_line_is_not_shown_as_if_it_were_now(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    page = sit("en").go("/")
    plant.line.judge(Verdict.OK)
    expect(page.locator("#verdict-big")).to_have_text("OK")
    plant.line.silent = True
    expect(page.locator(".banner.lost")).to_contain_text("The line process is silent")
    expect(page.locator("body")).to_have_class(re.compile("stale"))
    expect(page.locator("#verdict-big")).to_have_text("?")
    expect(page.locator('#strip .piece.bad:has-text("Line")')).to_be_visible()
    plant.line.silent = False
    expect(page.locator(".banner.lost")).to_have_count(0)


def test_one_screen_too_many_is_told_why(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    others = sit("en").go("/system")
    others.evaluate(_TAKE_SEATS, MAX_VIEWERS)
    others.wait_for_function("count => window.seats.size === count", arg=MAX_VIEWERS)
    page = sit("vi").go("/")
    expect(page.locator(".banner.lost")).to_contain_text("Quá nhiều màn hình")
    others.goto("about:blank")
    expect(page.locator(".banner.lost")).to_have_count(0)


def test_an_ended_panel_is_said_at_once(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    """The last one: nothing is started again."""
    live, results = sit("vi"), sit("en")
    for seat in (live, results):
        seat.foresee("ERR_", "WebSocket")
    results.go("/results")
    page = live.go("/")
    plant.line.judge(Verdict.OK)
    expect(page.locator("#verdict-big")).to_have_text("OK")
    plant.stop_panel()
    expect(page.locator(".banner.lost")).to_contain_text("Mất kết nối từ")
    expect(page.locator("#verdict-big")).to_have_text("?")
    expect(results.page.locator(".banner.lost")).to_contain_text("Connection lost since")
