"""The Teach page with the real command behind it: from good parts to a proposal, and what is said when it cannot be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.system.panel.seat import Seat
from tests.system.panel_plant import PanelPlant

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.timeout(400)]
_TAUGHT_MS = 150_000  # jobs run when nobody else wants the processor
_GOOD = 12


@pytest.fixture(scope="module")
def incoming(plant: PanelPlant, root: Path) -> Path:
    """A folder with good parts and a broken one among them, and one with too few."""
    stills, folder = root / "tests" / "media" / "biscuit_stills", plant.station.data_dir / "incoming"
    for name, count in (("monday", _GOOD), ("few", 2)):
        (folder / name).mkdir(parents=True)
        for path in sorted((stills / "train" / "good").iterdir())[:count]:
            shutil.copy(path, folder / name / path.name)
    shutil.copy(stills / "test" / "broken" / "000.jpg", folder / "monday" / "broken.jpg")
    return folder


def _choose(page: Page, folder: str, name: str) -> None:
    page.click("label:has(input[value=folder])")
    page.click(f"#folders label:has-text('{folder}')")
    page.fill("[name=name]", name)
    page.select_option("[name=recipe]", "")
    page.click("#teach button[type=submit]")
    page.click("dialog button[type=submit]")


def test_a_folder_is_taught_a_broken_part_left_out_and_it_is_proposed(
    sit: Callable[..., Seat], plant: PanelPlant, incoming: Path
) -> None:
    seat = sit("en")
    seat.name("Lan")
    page = seat.go("/teach")
    _choose(page, "monday", "banh")
    expect(page.locator("#progress .steps li").first).to_be_visible()
    page.wait_for_url("**/teach/banh@1", timeout=_TAUGHT_MS)
    expect(page.locator("#summary .promise")).to_contain_text("good parts will be stopped")
    expect(page.locator("#summary")).to_contain_text("can be promised")
    expect(page.locator("#scores rect.odd")).not_to_have_count(0)
    tile = page.locator("#look article:has-text('broken.jpg')")
    expect(tile).to_contain_text("May show a defect")
    expect(tile.locator("img")).to_be_visible()
    tile.locator("button.picture").click()
    expect(page.locator("dialog img.large")).to_be_visible()
    page.keyboard.press("Escape")
    tile.locator("button[data-say=leave_out]").click()
    expect(page.locator("#decide button:has-text('Propose for use')")).to_be_disabled()
    page.click("#decide button:has-text('Teach again')")
    page.click("dialog button[type=submit]")
    page.wait_for_url("**/teach/banh@2", timeout=_TAUGHT_MS)
    expect(page.locator("#judged article")).to_contain_text("broken.jpg")
    expect(page.locator("#scores rect.odd")).to_have_count(0)
    report = page.request.get(f"{plant.url}/api/v1/teach/banh@2").json()
    assert (report["pictures"], report["left_out"], report["by"]) == (_GOOD, 1, "Lan")
    page.click("#decide button:has-text('Propose for use')")
    page.fill("dialog input[name=reason]", "new mould")
    page.click("dialog button[type=submit]")
    page.wait_for_url("**/models")
    change = page.request.get(f"{plant.url}/api/v1/changes").json()["changes"][0]
    assert (change["proposed_by"], change["reason"], change["stage"]) == ("Lan", "new mould", "proposed")


def test_stored_parts_are_taught_on_a_tablet_in_vietnamese(sit: Callable[..., Seat], plant: PanelPlant) -> None:
    plant.line.act(lambda: plant.line.fill("O" * 10))
    seat = sit("vi", 800, 1280)
    seat.name()
    page = seat.go("/teach")
    expect(page.locator("h1")).to_have_text("Dạy mẫu từ hàng đạt")
    page.click("label:has(input[name=one_in][value='20'])")
    page.fill("[name=name]", "quy")
    page.select_option("[name=recipe]", "biscuit@1")
    page.click("#teach button[type=submit]")
    page.click("dialog button[type=submit]")
    page.wait_for_url("**/teach/quy@1", timeout=_TAUGHT_MS)
    expect(page.locator("#summary .promise")).to_contain_text("hàng đạt sẽ bị chặn lại")
    expect(page.locator("#summary")).to_contain_text("hình do chuyền lưu dạng nén")
    assert page.evaluate("document.documentElement.scrollWidth") <= 800
    page.click("text=Dạy mẫu khác")
    expect(page.locator("#taught a:has-text('quy@1')")).to_be_visible()


def test_why_it_was_not_taught_is_said_in_the_persons_language(
    sit: Callable[..., Seat], plant: PanelPlant, incoming: Path
) -> None:
    seat = sit("vi")
    seat.name()
    page = seat.go("/teach")
    _choose(page, "few", "it")
    expect(page.locator("#ended")).to_contain_text("có 2 hình; dạy mẫu cần ít nhất 3", timeout=_TAUGHT_MS)
    expect(page.locator("#teach")).to_be_visible()
    assert not (plant.station.data_dir / "taught" / "it@1").exists()


def test_a_teaching_is_cancelled_and_nothing_is_kept(
    sit: Callable[..., Seat], plant: PanelPlant, incoming: Path
) -> None:
    seat = sit("en")
    seat.name()
    page = seat.go("/teach")
    _choose(page, "monday", "given-up")
    page.click("#progress button:has-text('Cancel')")
    page.click("dialog button[type=submit]")
    expect(page.locator("#teach")).to_be_visible(timeout=_TAUGHT_MS)
    job = page.request.get(f"{plant.url}/api/v1/jobs").json()["jobs"][0]
    assert (job["kind"], job["state"]) == ("teach", "cancelled")
    assert [path.name for path in (plant.station.data_dir / "taught").glob("*given-up*")] == []
