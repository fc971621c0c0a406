"""A crop is moved, and what was taught is taught again by itself: a person sees what differs, and may propose it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from edge.cli import main
from edge.errors import EXIT_OK
from edge.learning.backbone import FAST
from tests.system.panel.seat import Seat
from tests.system.panel_plant import PanelPlant

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.timeout(400)]
_TAUGHT_MS = 150_000  # jobs run when nobody else wants the processor
_COUNT = 13
WHO = {"by": "Lan", "reason": "closer"}
CROP = {"x": 60, "y": 40, "width": 360, "height": 288}


@pytest.fixture(scope="module")
def taught(plant: PanelPlant, root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What was taught on the station before it got a camera with finer frames."""
    folder = tmp_path_factory.mktemp("good")
    for path in sorted((root / "tests" / "media" / "biscuit_stills" / "train" / "good").iterdir())[:_COUNT]:
        shutil.copy(path, folder / path.name)
    out = plant.station.data_dir / "taught" / "bread@1"
    words = ["teach", str(folder), "--name", "bread", "--out", str(out), "--backbone", FAST, "--size", "96"]
    assert main(words) == EXIT_OK
    return out.name


def _post(page: Page, plant: PanelPlant, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = page.request.post(f"{plant.url}/api/v1/{path}", data=body)
    assert answer.status in (200, 201), answer.text()
    return dict(answer.json())


def test_a_moved_crop_is_taught_again_and_shown(sit: Callable[..., Seat], plant: PanelPlant, taught: str) -> None:
    page = sit("en").go("/teach")
    _post(page, plant, "changes", {**WHO, "folder": taught})
    check = {"name": "anomaly", "region": CROP}
    _post(page, plant, "recipes/bread/1/revise", {**WHO, "views": [{"camera": "top", "checks": [check]}]})
    seat = sit("en").go("/recipes/bread/2")
    expect(seat.locator("#retaught a.button")).to_have_text("See bread@2", timeout=_TAUGHT_MS)
    expect(seat.locator("#retaught")).to_contain_text("looks at parts otherwise than bread@1 was taught")
    found = page.locator("#retaught")
    expect(found.locator("a.button")).to_have_text("See bread@2", timeout=_TAUGHT_MS)
    expect(found).to_contain_text("bread@1 of recipe bread@2")
    found.locator("summary").click()
    expect(found.locator("tbody tr")).to_have_text(
        ["region of the check-60,40,360,288", "size of the frames480 x 360800 x 600"]
    )  # fmt: skip
    found.locator("a.button").click()
    page.wait_for_url("**/teach/bread@2")
    again = page.locator("#again")
    expect(again).to_contain_text("Taught again in place of bread@1")
    expect(again).to_contain_text("bread@2: closer")
    expect(again).to_contain_text("The kept pictures were scaled to the frames of today")
    expect(page.locator("#decide button:has-text('Propose for use')")).to_be_enabled()
