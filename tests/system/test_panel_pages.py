"""The panel's pages in a real browser, against a real `edge panel`: what a person sees and does, in both languages.

Every page is watched: no error in the console, no policy violation, no request that leaves the host.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from edge.bus import wire
from edge.domain.part import Mode, Purpose
from edge.domain.verdict import Verdict
from edge.panel.live import MAX_VIEWERS
from tests.leftovers import SESSION_VARIABLE, station_prefix
from tests.system.panel_plant import LOT, PanelPlant

pytestmark = [pytest.mark.system, pytest.mark.browser]

_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_WAIT_MS = 15_000
_TARGETS = "button, .button, nav a, .languages a, input:not([type=radio]), select"
_SMALL = """nodes => nodes.map(node => [node, node.getBoundingClientRect()])
  .filter(([, box]) => box.height > 0 && box.height < 47.5).map(([node]) => node.outerHTML.slice(0, 80))"""


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


@dataclass(slots=True)
class Seat:
    """A browser before the panel, in one language. troubles: what must not have happened when it closes."""

    plant: PanelPlant
    page: Page
    troubles: list[str] = field(default_factory=list)
    foreseen: tuple[str, ...] = ()

    def foresee(self, *words: str) -> None:
        """The browser itself will note in its console what the test provokes: a note with one of these words."""
        self.foreseen += words

    def unforeseen(self) -> list[str]:
        return [trouble for trouble in self.troubles if not any(word in trouble for word in self.foreseen)]

    def go(self, path: str) -> Page:
        self.page.goto(self.plant.url + path)
        return self.page

    def name(self, who: str = "Hoa") -> None:
        """As if that person had given their name in this browser before."""
        self.page.add_init_script(f"localStorage.setItem('edge.person', '{who}')")


@pytest.fixture(scope="module")
def plant() -> Iterator[PanelPlant]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="edge-") as data, tempfile.TemporaryDirectory(prefix="edge-") as run:
        name = f"{station_prefix(os.getpid())}pages"
        plant = PanelPlant(Path(data), Path(run), name, port)
        yield plant
        plant.close()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    # Its crash handler detaches itself on purpose and ends with it: it is not counted as left behind by a test.
    environment: dict[str, str | float | bool] = {
        name: value for name, value in os.environ.items() if name != SESSION_VARIABLE
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_ARGUMENTS), env=environment)
        yield browser
        browser.close()


@pytest.fixture
def sit(browser: Browser, plant: PanelPlant) -> Iterator[Callable[..., Seat]]:
    contexts: list[tuple[BrowserContext, Seat]] = []

    def sit(language: str = "en", width: int = 1280, height: int = 800) -> Seat:
        context = browser.new_context(viewport={"width": width, "height": height})
        context.add_cookies([{"name": "language", "value": language, "url": plant.url}])
        context.set_default_timeout(_WAIT_MS)
        seat = Seat(plant, context.new_page())
        _watch(seat)
        contexts.append((context, seat))
        return seat

    expect.set_options(timeout=_WAIT_MS)
    yield sit
    for context, _ in contexts:
        context.close()
    assert [trouble for _, seat in contexts for trouble in seat.unforeseen()] == []


def _watch(seat: Seat) -> None:
    def console(message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        if kind in ("error", "warning"):
            seat.troubles.append(f"{kind}: {text}")

    seat.page.on("console", console)
    seat.page.on("pageerror", lambda error: seat.troubles.append(f"page: {error}"))
    seat.page.on(
        "request",
        lambda request: None if request.url.startswith(seat.plant.url) else seat.troubles.append(request.url),
    )


@pytest.fixture(autouse=True)
def _as_it_was(plant: PanelPlant) -> None:
    line = plant.line
    line.mode, line.lot, line.purpose, line.active = Mode.STOPPED, LOT, Purpose.PRODUCTION, plant.recipe
    line.latched, line.bypass_until_ns, line.alarms, line.silent = False, 0, (), False
    line.down.clear()
    line.asked.clear()


def _until(true: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


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
    _until(lambda: len(acks) > 1 and '"ack"' in acks[0], "nothing was acknowledged")
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
    _drag(page, ".region.chosen", 30, 20)
    page.click("button[data-tool=ignore]")
    _tap(page, ".canvas svg", ((0.5, 0.5), (0.6, 0.5), (0.6, 0.6)))
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


def _drag(page: Page, selector: str, across: float, down: float) -> None:
    box = page.locator(selector).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across / 2, y + down / 2)
    page.mouse.move(x + across, y + down)
    page.mouse.up()


def _tap(page: Page, selector: str, places: tuple[tuple[float, float], ...]) -> None:
    box = page.locator(selector).bounding_box()
    assert box is not None
    for across, down in places:
        page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])


@pytest.mark.parametrize(("language", "queues", "event"), [("vi", "Hàng đợi", "Chế độ"), ("en", "Queues", "Mode")])
def test_the_system_page(sit: Callable[..., Seat], plant: PanelPlant, language: str, queues: str, event: str) -> None:
    plant.line.down.add("recorder")
    page = sit(language).go("/system")
    expect(page.locator("#services tbody tr")).to_have_count(5)
    expect(page.locator("#queues tbody tr")).not_to_have_count(0)
    expect(page.get_by_role("heading", name=queues, exact=True)).to_be_visible()
    expect(page.locator("#services td.bad")).to_have_count(1)
    expect(page.locator("#outages tbody tr")).to_have_count(1)
    expect(page.locator("#events tbody tr td").nth(1)).to_have_text(event)
    expect(page.locator("#versions")).to_contain_text("edge")


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
