"""Correcting a detector from the panel: which parts it was wrong about, what the job is told, what may be proposed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.domain import recipe as recipes
from edge.domain.geometry import Rect
from edge.domain.recipe import Recipe
from edge.domain.result import Score
from edge.domain.verdict import GateOutcome, Verdict
from edge.errors import Refused
from edge.panel import corrections
from edge.panel.shapes_jobs import JobState
from edge.store.evidence import EvidenceStore
from edge.store.packages import Package, write_package
from tests.unit.inference import made
from tests.unit.panel.desk import Desk, line_state, recipe
from tests.unit.store import ledger_values

OK, NG, UNSURE = Verdict.OK, Verdict.NG, Verdict.UNSURE
PLACE = Rect(x=5, y=6, width=20, height=10)
CORRECTION = {
    "version": 1, "parent": "crisp@0", "parent_digest": "0" * 64, "by": "An", "reason": "crumbs",
    "made_at": "2026-01-01", "good": ["old.jpg"], "defects": [],
    "limits_before": [2.0, 3.0], "limits_after": [2.1, 3.1],
}  # fmt: skip


def package(folder: Path, version: int = 1, known: tuple[str, ...] = (), **changes: Any) -> Package:
    memory = {"format": 1, "known": [{"name": name} for name in known], "corrections": [CORRECTION]}
    manifest = made.manifest(name="crisp", version=version, training={"pictures": 30}, **changes)
    files: dict[str, bytes | Path] = {
        "model.onnx": made.anomaly_onnx(score_offset=float(version)),
        "memory/memory.json": json.dumps(memory).encode(),
    }
    return write_package(folder, manifest, files)


def using(model: Package, name: str = "biscuit") -> Recipe:
    base = recipe(name)
    view = base.views[0]
    check = replace(view.checks[0], model=model.manifest.reference, model_digest=model.model_digest)
    return replace(base, views=(replace(view, checks=(check,)),))


class Shop:
    """A desk whose active recipe has a taught detector; parts are added as a test needs them."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        desk.station._file = desk.data.parent / "station.toml"
        self.package = package(desk.station.models_dir / "crisp@1", known=("s1-1-30-top.jpg",))
        self.ref = desk.books.station.add_recipe(using(self.package))
        desk.hear(line_state(active=self.ref))

    def part(self, n: int, verdict: Verdict, score: float, label: Verdict | None = None, **said: Any) -> None:
        assert self.desk.ledger is not None
        record = ledger_values.record(1, n, verdict)
        result = replace(record.results[0], scores=(Score(check="surface", score=score, unsure_from=2.0, ng_from=3.0),))
        outcome = GateOutcome.PASSED if verdict is OK else GateOutcome.REJECTED
        rows = self.desk.ledger.commit(
            [
                ledger_values.trigger(1, n, recipe=self.ref),
                replace(record, results=(result,)),
                ledger_values.gate(1, n, outcome),
            ]
        )
        row = rows[record.part]
        store = EvidenceStore(self.desk.data / "evidence.db")
        name = f"2026-01-01/L1/s1-1-{n}-top.jpg"
        store.record(position=row, images=[self.desk.picture(n, row, verdict, name)])
        store.close()
        if label is not None:
            self.desk.books.station.add_label(record.part, row, label, by="Lan", **said)

    def wrong(self) -> dict[str, Any]:
        answer = self.desk.client().get("/api/v1/corrections/wrong")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def start(self, **changes: Any) -> Any:
        body = {"camera": "top", "check": "surface", "by": "Hoa", "reason": "crumbs are good", **changes}
        return self.desk.client().post("/api/v1/corrections", json=body)


@pytest.fixture
def shop(desk: Desk) -> Shop:
    return Shop(desk)


def report(folder: Path, **changes: Any) -> dict[str, Any]:
    replay = {"seen": 3, "verdicts": {"OK": 3}, "changes": [], "lost": [], "stopped": [], "unreadable": []}
    told = {
        "accepted": True, "refused": "", "package": str(folder / "package"), "model": "crisp@2", "parent": "crisp@1",
        "parts": [], "unsure_from": 2.1, "ng_from": 3.1, "before": {"unsure_from": 2.0, "ng_from": 3.0},
        "replay": replay, "something_new": 1,
    }  # fmt: skip
    return told | changes


def test_what_a_detector_was_wrong_about(shop: Shop) -> None:
    shop.part(21, NG, 4.0, OK)  # stopped, and good
    shop.part(22, OK, 1.0, NG, kind="chip", place=PLACE, view="top")  # passed, and a defect
    shop.part(23, NG, 4.0, NG)  # right
    shop.part(24, OK, 1.0, OK)  # right
    shop.part(25, NG, 1.0, OK)  # stopped, but by something else than this check
    shop.part(26, NG, 4.0)  # nobody says anything
    shop.part(27, UNSURE, 2.5, UNSURE)  # nobody knows
    shop.part(30, NG, 4.0, OK)  # the detector was corrected with it before
    found = shop.wrong()
    assert found["detector"]["model"] == "crisp@1"
    assert found["detector"]["can"] is None
    parts = {one["part"]["n"]: one for one in found["parts"]}
    assert sorted(parts) == [21, 22, 30]
    assert (parts[21]["defect"], parts[22]["defect"], parts[22]["kind"]) == (False, True, "chip")
    assert parts[22]["place"] == {"x": 5, "y": 6, "width": 20, "height": 10}
    assert {n: one["known"] for n, one in parts.items()} == {21: False, 22: False, 30: True}


def test_what_was_right_by_a_hair_may_become_a_limit_sample(shop: Shop) -> None:
    shop.part(21, OK, 1.8, OK)  # good, and nearly stopped
    shop.part(22, UNSURE, 2.6, NG, place=PLACE, view="top")  # a defect, and not beyond doubt
    shop.part(23, OK, 1.0, OK)
    shop.part(24, NG, 9.0, NG)
    found = shop.wrong()
    assert found["parts"] == []
    assert {one["part"]["n"]: one["defect"] for one in found["borderline"]} == {21: False, 22: True}
    assert shop.start(limit_good=["1/21"], limit_defects=["1/22"]).status_code == 201
    command = shop.desk.jobs.started[0]
    assert command[command.index("--limit-good") + 1].endswith("s1-1-21-top.jpg")
    assert command[command.index("--limit-defect") + 1].endswith("s1-1-22-top.jpg@5,6,20,10")
    twice = shop.start(limit_good=["1/21"], good=["1/21"])
    assert (twice.status_code, twice.json()["message"]) == (422, "a part is chosen twice")


def test_no_recipe_and_a_model_that_cannot_be_corrected_are_said(desk: Desk) -> None:
    client = desk.client()
    assert client.get("/api/v1/corrections/wrong").json()["recipe"] is None
    desk.hear(line_state(active=desk.ref))
    can = client.get("/api/v1/corrections/wrong").json()["detector"]["can"]
    assert "biscuit@1 is not installed" in can["message"]
    body = {"camera": "top", "check": "surface", "good": ["1/1"], "by": "Hoa", "reason": "x"}
    assert client.post("/api/v1/corrections", json=body).status_code == 409


def test_the_job_is_told_what_was_chosen(shop: Shop) -> None:
    shop.part(21, NG, 4.0, OK)
    shop.part(22, OK, 1.0, NG, place=PLACE, view="top")
    answer = shop.start(good=["1/21"], defects=["1/22"], last=50, let_go=["a b"], stops_more=True)
    assert answer.status_code == 201, answer.text
    number = answer.json()["id"]
    folder = shop.desk.data / "corrections" / "000001"
    images = shop.desk.data / "images/2026-01-01/L1"
    assert shop.desk.jobs.started == [
        (
            "learning", "correct", str(shop.desk.station.models_dir / "crisp@1"),
            "--recipe", str(folder / "recipe.json"), "--good", str(images / "s1-1-21-top.jpg"),
            "--defect", f"{images / 's1-1-22-top.jpg'}@5,6,20,10",
            "--by", "Hoa", "--reason", "crumbs are good", "--station", str(shop.desk.data.parent / "station.toml"),
            "--last", "50", "--accept-lost", "a b", "--accept-stopped", "--as-version", "2",
            "--json", "--progress", "--out", str(folder / "out"),
        )
    ]  # fmt: skip
    assert recipes.load((folder / "recipe.json").read_bytes()).ref == shop.ref
    whole = shop.desk.client().get(f"/api/v1/corrections/{number}").json()
    assert (whole["job"]["state"], whole["report"], whole["request"]["model"]) == ("waiting", None, "crisp@1")
    tried = shop.desk.books.station.audit()[0]
    assert (tried.by, tried.action, tried.detail) == ("Hoa", "correction.tried", "1: crisp@1: crumbs are good")


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({}, "no part is chosen"),
        ({"good": ["1/22"]}, "not labelled so any more"),
        ({"good": ["1/99"]}, "not labelled so any more"),
        ({"good": ["1/30"]}, "knows it already"),
        ({"good": ["1/21"], "check": "edge"}, "has no check edge"),
    ],
)
def test_what_cannot_be_chosen_is_refused_and_nothing_starts(shop: Shop, chosen: dict[str, Any], words: str) -> None:
    shop.part(21, NG, 4.0, OK)
    shop.part(22, OK, 1.0, NG)
    shop.part(30, NG, 4.0, OK)
    answer = shop.start(**chosen)
    assert answer.status_code == 409, answer.text
    assert words in answer.json()["message"]
    assert shop.desk.jobs.started == []
    assert not list((shop.desk.data / "corrections").glob("*"))


def test_a_full_queue_leaves_no_folder(shop: Shop) -> None:
    shop.part(21, NG, 4.0, OK)
    shop.desk.jobs.trouble = Refused("too many jobs wait already", hint="wait")
    assert shop.start(good=["1/21"]).status_code == 409
    assert not list((shop.desk.data / "corrections").glob("*"))


def tried(shop: Shop, **changes: Any) -> Path:
    """A correction whose job has ended with that report. Where it was made."""
    shop.part(21, NG, 4.0, OK)
    assert shop.start(good=["1/21"]).status_code == 201
    out = shop.desk.data / "corrections/000001/out"
    told = report(out, **changes)
    if told["accepted"]:
        model = package(out / "package", 2, unsure_from=100.1)
        (out / "recipe.json").write_bytes(recipes.dump(replace(using(model), version=3)))
    state = JobState.DONE if told["accepted"] else JobState.REFUSED
    shop.desk.jobs.put(1, state=state, result=told, exit_code=0)
    return out


def test_a_report_is_shown_with_the_pictures_of_its_parts(shop: Shop) -> None:
    change = {
        "name": "s1/1/4",
        "label": "defect",
        "recorded": "NG",
        "from": "NG",
        "to": "OK",
        "score_from": 4,
        "score_to": 1,
    }
    effect = {"name": "s1-1-21-top.jpg", "defect": False, "score_before": 4.0, "score_after": 1.0}
    replay = {"seen": 1, "changes": [change, change | {"name": "golden/1.png"}], "lost": ["s1/1/4"], "stopped": []}
    tried(shop, accepted=False, refused="known defects would pass: s1/1/4", replay=replay, parts=[effect])
    whole = shop.desk.client().get("/api/v1/corrections/1").json()
    assert whole["report"]["replay"]["changes"][0]["from"] == "NG"
    assert {one["name"]: one["page"] for one in whole["pictures"]} == {
        "s1/1/4": "/results/1/4", "s1-1-21-top.jpg": "/results/1/21",
    }  # fmt: skip
    row = shop.desk.client().get("/api/v1/corrections").json()["corrections"][0]
    assert (row["accepted"], row["parts"], row["change"]) == (False, 1, None)
    refused = shop.desk.client().post("/api/v1/corrections/1/propose", json={"by": "Hoa", "reason": "x"})
    assert (refused.status_code, refused.json()["message"]) == (409, "this correction was not accepted")


def test_what_is_no_report_is_none(shop: Shop) -> None:
    tried(shop, replay="odd")
    assert shop.desk.client().get("/api/v1/corrections/1").json()["report"] is None


def test_proposing_installs_the_version_and_keeps_the_report(shop: Shop) -> None:
    tried(shop)
    client = shop.desk.client()
    answer = client.post("/api/v1/corrections/1/propose", json={"by": "Hoa", "reason": "crumbs are good"})
    assert answer.status_code == 200, answer.text
    change = client.get("/api/v1/changes").json()["changes"][0]
    assert (change["change"], change["recipe_from"]) == (answer.json()["change"], str(shop.ref))
    assert (change["stage"], change["recipe_to"], change["has_report"]) == ("proposed", "biscuit@3", True)
    assert client.get(f"/api/v1/changes/{change['change']}/report").json()["report"]["model"] == "crisp@2"
    assert (shop.desk.station.models_dir / "crisp@2").is_dir()
    assert client.get("/api/v1/corrections/1").json()["change"] == change["change"]
    again = client.post("/api/v1/corrections/1/propose", json={"by": "Hoa", "reason": "twice"})
    assert (again.status_code, again.json()["message"]) == (409, "this correction is proposed already")


def test_after_a_way_back_another_number_is_taken(shop: Shop) -> None:
    """The version after this one is there already, from a correction that was taken back: it is never made anew."""
    tried(shop)
    shop.desk.client().post("/api/v1/corrections/1/propose", json={"by": "Hoa", "reason": "crumbs"})
    assert shop.start(good=["1/21"]).status_code == 201
    command = shop.desk.jobs.started[-1]
    assert command[command.index("--as-version") + 1] == "3"


def test_another_version_of_that_number_is_not_replaced(shop: Shop) -> None:
    tried(shop)
    package(shop.desk.data / "taught/crisp@2/package", 2, ng_from=151.0)
    answer = shop.desk.client().post("/api/v1/corrections/1/propose", json={"by": "Hoa", "reason": "x"})
    assert answer.status_code == 409
    assert "another crisp@2 was proposed" in answer.json()["message"]
    assert shop.desk.client().get("/api/v1/changes").json()["changes"] == []


def test_the_models_in_use_say_where_they_are_from(shop: Shop) -> None:
    found = shop.desk.client().get("/api/v1/models").json()
    assert found["recipe"]["version"] == shop.ref.version
    model = found["models"][0]
    assert (model["model"], model["pictures"], model["trouble"]) == ("crisp@1", 30, None)
    assert (model["history"][0]["by"], model["history"][0]["good"]) == ("An", ["old.jpg"])
    shutil.rmtree(shop.desk.station.models_dir / "crisp@1")
    gone = shop.desk.client().get("/api/v1/models").json()["models"][0]
    assert "not installed" in gone["trouble"]["message"]


def test_old_corrections_are_forgotten(shop: Shop) -> None:
    shop.part(21, NG, 4.0, OK)
    for number in range(1, corrections.KEPT + 3):
        assert shop.start(good=["1/21"]).status_code == 201
        shop.desk.jobs.put(number, state=JobState.FAILED)
    rows = shop.desk.client().get("/api/v1/corrections").json()["corrections"]
    assert [row["id"] for row in rows] == list(range(corrections.KEPT + 2, 2, -1))
    assert shop.desk.client().get("/api/v1/corrections/1").status_code == 404
