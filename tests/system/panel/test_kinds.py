"""How many defects of which kind: in a line on the live page, whole on the results page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from edge.domain.verdict import Verdict
from tests.system.panel.seat import Seat
from tests.system.panel_plant import PanelPlant

pytestmark = [pytest.mark.system, pytest.mark.browser]


def test_kinds_of_the_running_lot_are_counted(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    seat = sit("vi")
    plant.line.lot = "L80"
    for kind in ("nứt", "nứt", "cháy", ""):
        part = plant.line.judge(Verdict.NG)
        body = {"verdict": "NG", "by": "Lan"} | ({"kind": kind} if kind else {})
        answer = seat.page.request.post(f"{plant.url}/api/v1/parts/{part.epoch}/{part.n}/label", data=body)
        assert answer.ok, answer.text()
    page = seat.go("/")
    expect(page.locator("#kinds")).to_have_text("nứt 2 · cháy 1")
    page.click("#kinds a")
    expect(page.locator("#kinds h2")).to_have_text("Các loại lỗi trong lô L80")
    expect(page.locator("#kinds li")).to_have_count(2)
    expect(page.locator("#kinds li").first).to_contain_text("nứt")
    expect(page.locator("#kinds")).to_contain_text("1 chưa có tên loại")
    expect(page.locator("#parts .tag").first).to_contain_text("NG")
    plant.line.lot = "L81"
    page = seat.go("/results?lot=L81")
    expect(page.locator("#shown")).to_have_text("Không có sản phẩm nào khớp.")


def test_without_kinds_the_live_page_says_nothing(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    plant.line.lot = "L82"
    page = sit("en").go("/")
    expect(page.locator("#strip .piece")).not_to_have_count(0)
    expect(page.locator("#kinds")).to_be_hidden()
