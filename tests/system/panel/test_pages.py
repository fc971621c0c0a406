"""All pages: language, size of the screen and of what is pressed, and what is not there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from edge.domain.verdict import Verdict
from tests.system.panel.seat import Seat, until
from tests.system.panel_plant import PanelPlant

pytestmark = [pytest.mark.system, pytest.mark.browser]

_TARGETS = "button, .button, nav a, .languages a, input:not([type=radio]), select"
_SMALL = """nodes => nodes.map(node => [node, node.getBoundingClientRect()])
  .filter(([, box]) => box.height > 0 && box.height < 47.5).map(([node]) => node.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize(("language", "queues", "event"), [("vi", "Hàng đợi", "Chế độ"), ("en", "Queues", "Mode")])
def test_the_system_page(sit: Callable[..., Seat], plant: PanelPlant, language: str, queues: str, event: str) -> None:
    plant.line.down.add("recorder")
    seat = sit(language)
    asked = seat.page.request.post(f"{plant.url}/api/v1/line/mode", data={"mode": "STOPPED", "by": "Hoa"})
    assert asked.ok, asked.text()
    page = seat.go("/system")
    expect(page.locator("#services tbody tr")).to_have_count(5)
    expect(page.locator("#queues tbody tr")).not_to_have_count(0)
    expect(page.get_by_role("heading", name=queues, exact=True)).to_be_visible()
    expect(page.locator("#services td.bad")).to_have_count(1)
    expect(page.locator("#outages tbody tr")).to_have_count(1)
    expect(page.locator("#events tbody tr td").nth(1)).to_have_text(event)
    expect(page.locator("#versions")).to_contain_text("edge")


def test_long_work_is_listed_and_cancelled_on_the_system_page(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    seat = sit("en")
    seat.name("Lan")
    body = {"name": "x", "by": "Hoa", "source": {"kind": "live", "count": 5, "parts": "reject", "reason": "try"}}
    job = seat.page.request.post(f"{plant.url}/api/v1/teach", data=body).json()["job"]["id"]
    page = seat.go("/system")
    row = page.locator("#jobs tbody tr").first
    expect(row).to_contain_text("Hoa")
    row.locator("button").click()
    page.click("dialog button[type=submit]")
    until(
        lambda: page.request.get(f"{plant.url}/api/v1/jobs/{job}").json()["state"] == "cancelled", "it went on", 100.0
    )


def test_the_language_is_chosen_and_kept(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    page = sit("vi").go("/system")
    expect(page.locator("h1")).to_have_text("Hệ thống")
    page.click(".languages a[hreflang=en]")
    expect(page.locator("h1")).to_have_text("System")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.click("nav a[href='/recipes']")
    expect(page.locator("h1")).to_have_text("Recipes")
    away = page.request.get(f"{plant.url}/language/vi?back=//elsewhere.example/", max_redirects=0)
    assert (away.status, away.headers["location"]) == (303, "/")


@pytest.mark.parametrize(("width", "height"), [(1024, 768), (390, 844)])
def test_no_page_is_wider_than_the_screen_and_targets_are_large(
    sit: Callable[..., Seat], plant: PanelPlant, width: int, height: int
) -> None:
    seat = sit("vi", width, height)
    part = plant.line.judge(Verdict.NG)
    ready = {
        "/": "#strip .piece", "/results": "#parts li", f"/results/{part.epoch}/{part.n}": "#facts .card",
        "/review": "#says .badge", "/recipes": "#recipes a", "/recipes/biscuit/1": ".check", "/system": "#queues td",
        "/teach": "#teach .chips", "/models": "#in-use .model", "/models/correct": "#trouble",
    }  # fmt: skip
    for path, what in ready.items():
        page = seat.go(path)
        page.locator(what).first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.eval_on_selector_all(_TARGETS, _SMALL) == [], path
        if path in ("/", "/review") and width > 820:
            assert page.evaluate("document.documentElement.scrollHeight") <= height, path


def test_a_page_that_is_not_there_says_so(sit: Callable[..., Seat]) -> None:
    seat = sit("vi")
    seat.foresee("404")
    page = seat.go("/nothing")
    expect(page.get_by_role("link", name="Về trang trực tiếp")).to_be_visible()
