"""From a part that was stopped wrongly to the version that lets it pass: labelled, corrected by a real job, proposed,
approved by somebody else, brought in by the next lot. And what an approver may refuse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import cv2
import pytest
from playwright.sync_api import APIResponse, Page, expect

from edge.apps.demo.station import demo_models
from edge.domain import recipe as recipes
from edge.domain.part import PartId
from edge.domain.result import RecipeRef
from edge.domain.verdict import Verdict
from tests.system.panel.seat import Seat, until
from tests.system.panel_plant import PanelPlant

pytestmark = [pytest.mark.system, pytest.mark.browser]

JOB_MS = 180_000  # it works at the lowest priority: on a busy machine it waits for everybody
PICTURES = 6


def ask(plant: PanelPlant, page: Page, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer: APIResponse = page.request.post(f"{plant.url}/api/v1{path}", data=body)
    assert answer.ok, answer.text()
    return dict(answer.json())


def get(plant: PanelPlant, page: Page, path: str) -> dict[str, Any]:
    return dict(page.request.get(f"{plant.url}/api/v1{path}").json())


@pytest.fixture(scope="module")
def taught(plant: PanelPlant, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A detector that was taught with a few good biscuits waits in the station's data folder. Its name there."""
    folder = tmp_path_factory.mktemp("good")
    for n in range(PICTURES):
        cv2.imwrite(str(folder / f"{n}.png"), plant.line.camera.shoot(100 + n, bad=False).pixels)
    recipe = demo_models() / "biscuit" / "recipe.json"  # whose locator finds these biscuits
    out = plant.station.data_dir / "taught" / "crisp@1"
    out.parent.mkdir(exist_ok=True)
    words = ("teach", str(folder), "--name", "crisp", "--recipe", str(recipe), "--size", "128", "--out", str(out))
    subprocess.run([sys.executable, "-m", "edge.cli", *words], check=True, capture_output=True, timeout=120)
    made = recipes.load((out / "recipe.json").read_bytes())
    view = made.views[0]  # as the test's line calls its check, and with limits that stop a part now and then
    check = replace(view.checks[0], name="surface", unsure_from=4.0, ng_from=5.0)
    (out / "recipe.json").write_bytes(recipes.dump(replace(made, views=(replace(view, checks=(check,)),))))
    return out.name


@pytest.fixture
def detector(plant: PanelPlant, taught: str, sit: Callable[..., Seat]) -> Iterator[RecipeRef]:
    """It is active on the line; what it judges carries its recipe."""
    page = sit("en").page
    rows = [row for row in get(plant, page, "/recipes")["recipes"] if row["name"] == "crisp"]
    if not rows:
        ask(plant, page, "/changes", {"folder": taught, "by": "Lan", "reason": "taught"})
        rows = [row for row in get(plant, page, "/recipes")["recipes"] if row["name"] == "crisp"]
    first = min(rows, key=lambda row: int(row["version"]))
    ref = RecipeRef(name=first["name"], version=first["version"], digest=first["digest"])
    plant.line.active = plant.line.recipe = ref
    until(lambda: get(plant, page, "/corrections/wrong")["recipe"] is not None, "the line was not heard")
    yield ref
    plant.line.recipe = plant.recipe


def freeze(plant: PanelPlant, job: int) -> None:
    """So that it has not ended before it is cancelled."""
    path = plant.station.data_dir / "jobs" / f"{job:06d}.json"
    process: dict[str, int] = {}

    def started() -> bool:
        process.update(json.loads(path.read_bytes())["process"] or {})
        return "pid" in process

    until(started, "the job did not start")
    os.kill(process["pid"], signal.SIGSTOP)


def correct(page: Page) -> None:
    """Try what is chosen, and wait until the job has ended."""
    page.fill("#reason", "crumbs are good")
    page.click("#try")
    page.click("dialog button[type=submit]")
    page.wait_for_url("**/models/corrections/*")
    expect(page.locator("#result .outcome")).to_be_visible(timeout=JOB_MS)


def stopped_though_good(plant: PanelPlant, page: Page) -> PartId:
    """With a small spot, which a person says is good here."""
    while (plant.line.n + 1) % 4 != 3:
        plant.line.judge(Verdict.OK)
    part = plant.line.judge(Verdict.NG)
    ask(plant, page, f"/parts/{part.epoch}/{part.n}/label", {"verdict": "OK", "by": "Hoa"})
    return part


def test_a_correction_is_tried_proposed_approved_and_comes_with_the_next_lot(
    sit: Callable[..., Seat], plant: PanelPlant, detector: RecipeRef
) -> None:
    seat = sit("en")
    seat.name()
    part = stopped_though_good(plant, seat.page)
    page = seat.go("/review")
    page.click("#wrong")
    expect(page.locator("#good .tile")).to_have_count(1)
    expect(page.locator("#good .tile")).to_contain_text(f"Part {part.n}")
    correct(page)
    expect(page.locator(".outcome h2")).to_contain_text("crisp@2 is ready")
    expect(page.locator("#result")).to_contain_text("What other limits would mean")
    page.click("#propose")
    page.click("dialog button[type=submit]")
    page.wait_for_url("**/models")
    change = page.locator(f'.change:has-text("{detector} → crisp@2")')
    expect(change).to_have_attribute("data-stage", "proposed")
    expect(change.locator(".figures")).to_contain_text("Known defects lost")
    change.locator("[data-act=approved]").click()
    expect(page.locator("dialog input[name=by]")).to_have_value("")  # who proposed it cannot be meant
    page.fill("dialog input[name=by]", "QA Minh")
    page.click("dialog button[type=submit]")
    expect(change).to_have_attribute("data-stage", "approved")
    expect(change).to_contain_text("The next lot brings it.")
    ask(plant, page, "/line/lot", {"lot": "L78", "by": "Lan"})
    expect(change).to_have_attribute("data-stage", "active")
    expect(change.locator(".tag")).to_have_text("in use")
    change.locator("[data-act=rolled_back]").click()
    page.fill("dialog input[name=reason]", "too many rejects")
    page.click("dialog button[type=submit]")
    expect(change).to_have_attribute("data-stage", "rolled_back")
    until(lambda: str(plant.line.active) == str(detector), "the line did not get its recipe back")


def test_who_proposed_it_cannot_approve_it_and_may_withdraw(
    sit: Callable[..., Seat], plant: PanelPlant, detector: RecipeRef, taught: str
) -> None:
    seat = sit("vi", 800, 1280)
    seat.foresee("409")
    seat.name("Hoa")
    page = seat.go("/models")
    changes = get(plant, page, "/changes")["changes"]
    waiting = next(one for one in changes if one["stage"] == "proposed")
    change = page.locator(f'[data-change="{waiting["change"]}"]')
    change.locator("[data-act=approved]").click()
    page.fill("dialog input[name=by]", waiting["proposed_by"])
    page.click("dialog button[type=submit]")
    expect(page.locator("dialog .complaint")).to_contain_text("không được tự duyệt")
    page.keyboard.press("Escape")
    change.locator("[data-act=withdrawn]").click()
    page.fill("dialog input[name=reason]", "chưa cần")
    page.click("dialog button[type=submit]")
    expect(change).to_have_attribute("data-stage", "withdrawn")
    expect(page.locator("#history")).to_contain_text("đã rút")


def test_what_cannot_be_learnt_is_said_and_a_job_can_be_cancelled(
    sit: Callable[..., Seat], plant: PanelPlant, detector: RecipeRef
) -> None:
    seat = sit("en")
    seat.name()
    part = plant.line.judge(Verdict.NG, bad=False)
    ask(plant, seat.page, f"/parts/{part.epoch}/{part.n}/label", {"verdict": "OK", "by": "Hoa"})
    page = seat.go("/models/correct")
    page.locator(f'#good .tile:has-text("Part {part.n}")').wait_for()
    page.fill("#reason", "never mind")
    page.click("#try")
    page.click("dialog button[type=submit]")
    page.wait_for_url("**/models/corrections/*")
    number = page.url.rpartition("/")[2]
    freeze(plant, get(plant, page, f"/corrections/{number}")["job"]["id"])
    page.locator("#progress button").click()
    page.click("dialog button[type=submit]")
    expect(page.locator("#result .outcome")).to_contain_text("Nothing was changed.", timeout=JOB_MS)
    expect(page.locator("#result h2")).to_have_text("cancelled")
    assert not (plant.station.data_dir / "corrections" / f"{int(number):06d}" / "out").exists()
