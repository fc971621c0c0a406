"""A defect is marked and named on the review page: by mouse, by finger, by keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from edge.domain.part import PartId
from edge.domain.verdict import Verdict
from tests.system.panel.seat import Seat, until
from tests.system.panel_plant import PanelPlant

pytestmark = [pytest.mark.system, pytest.mark.browser]

MARK = "#review-picture svg.marker"
# A finger, as the browser tells the page about one.
_FINGER = """([from, to]) => {
  const node = document.querySelector("#review-picture svg.marker");
  const box = node.getBoundingClientRect();
  const tell = (type, [x, y]) => node.dispatchEvent(new PointerEvent(type, {
    bubbles: true, cancelable: true, isPrimary: true, pointerType: "touch", pointerId: 1, button: 0,
    clientX: box.x + x * box.width, clientY: box.y + y * box.height }));
  node.setPointerCapture = () => {};
  tell("pointerdown", from); tell("pointermove", to); tell("pointerup", to);
}"""


def label(plant: PanelPlant, page: Page, part: PartId) -> dict[str, Any]:
    found = page.request.get(f"{plant.url}/api/v1/parts/{part.epoch}/{part.n}").json()["label"]
    return dict(found or {})


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Over the picture, in shares of it."""
    box = page.locator(MARK).bounding_box()
    assert box is not None
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move((at[0][0] + at[1][0]) / 2, (at[0][1] + at[1][1]) / 2)
    page.mouse.move(*at[1])
    page.mouse.up()


def begin(seat: Seat, part: PartId) -> Page:
    seat.name("Minh")
    page = seat.go(f"/review?part={part.epoch}/{part.n}")
    expect(page.locator("#review")).to_have_attribute("data-part", f"{part.epoch}/{part.n}")
    expect(page.locator("button[data-label=NG]")).to_be_enabled()
    return page


def test_a_place_and_a_kind_come_with_the_label(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    part = plant.line.judge(Verdict.NG)
    seat = sit("vi")
    page = begin(seat, part)
    page.click("#kinds button:has-text('Loại mới')")
    page.fill("dialog input[name=kind]", "nứt cạnh")
    page.click("dialog button[type=submit]")
    expect(page.locator("#kinds button[aria-pressed=true]")).to_have_text("nứt cạnh")
    drag(page, (0.3, 0.3), (0.5, 0.6))
    expect(page.locator("#place")).to_contain_text("Đã đánh dấu")
    page.click("button[data-label=NG]")
    until(lambda: bool(label(plant, page, part)), "no label came")
    said = label(plant, page, part)
    assert (said["verdict"], said["kind"], said["view"]) == ("NG", "nứt cạnh", "top")
    place = said["place"]  # in px of the frame of 800 x 600, whatever the screen
    assert abs(place["width"] - 0.2 * 800) < 30
    assert place["x"] + place["width"] <= 800
    assert place["y"] + place["height"] <= 600
    page = seat.go(f"/results/{part.epoch}/{part.n}")
    expect(page.locator("#pictures svg.marker .mark")).to_have_count(1)
    expect(page.locator("#facts")).to_contain_text("nứt cạnh")
    other = plant.line.judge(Verdict.NG)  # the name is offered from then on, and what was said is shown again
    page = begin(seat, other)
    expect(page.locator("#kinds button").first).to_have_text("nứt cạnh")
    page = begin(seat, part)
    expect(page.locator(f"{MARK} .mark")).to_have_attribute("width", str(place["width"]))


def test_a_mark_is_moved_resized_and_taken_away(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    part = plant.line.judge(Verdict.NG)
    page = begin(sit("en"), part)
    drag(page, (0.3, 0.3), (0.5, 0.6))
    mark = page.locator(f"{MARK} .mark")
    before = {name: float(mark.get_attribute(name) or 0) for name in ("x", "y", "width", "height")}
    drag(page, (0.4, 0.45), (0.5, 0.45))  # from inside: it moves
    assert float(mark.get_attribute("width") or 0) == before["width"]
    assert float(mark.get_attribute("x") or 0) > before["x"] + 50
    drag(page, (0.6, 0.6), (0.7, 0.7))  # its lower right corner: it grows
    assert float(mark.get_attribute("width") or 0) > before["width"] + 50
    page.click("#unmark")
    expect(mark).to_have_count(0)
    page.click("button[data-label=OK]")
    until(lambda: bool(label(plant, page, part)), "no label came")
    assert label(plant, page, part)["place"] is None


def test_a_finger_draws(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    part = plant.line.judge(Verdict.UNSURE)
    page = begin(sit("en", 800, 1280), part)
    page.evaluate(_FINGER, [[0.3, 0.3], [0.5, 0.5]])
    expect(page.locator(f"{MARK} .mark")).to_have_count(1)
    expect(page.locator("#unmark")).to_be_visible()


def test_keys_do_the_same(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    part = plant.line.judge(Verdict.NG)
    page = begin(sit("en"), part)
    page.keyboard.press("m")  # begins where the station found something
    mark = page.locator(f"{MARK} .mark")
    expect(page.locator(MARK)).to_be_focused()
    before = {name: float(mark.get_attribute(name) or 0) for name in ("x", "width")}
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert float(mark.get_attribute("x") or 0) == before["x"] + 8
    assert float(mark.get_attribute("width") or 0) == before["width"] + 8
    expect(page.locator("#review")).to_have_attribute("data-part", f"{part.epoch}/{part.n}")  # still the same part
    page.keyboard.press("1")
    until(lambda: bool(label(plant, page, part)), "no label came")
    assert label(plant, page, part)["place"]["x"] == before["x"] + 8


def test_a_good_part_has_no_defect(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    part = plant.line.judge(Verdict.NG)
    page = begin(sit("en"), part)
    page.keyboard.press("m")
    page.click("button[data-label=OK]")
    until(lambda: bool(label(plant, page, part)), "no label came")
    said = label(plant, page, part)
    assert (said["verdict"], said["place"], said["kind"]) == ("OK", None, "")
