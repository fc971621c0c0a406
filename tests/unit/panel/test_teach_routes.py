"""The API of teaching: what is asked becomes a command, what it made is shown with the pictures to look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.panel.shapes_jobs import JobState
from edge.settings import station as stations
from tests.unit.panel.desk import Desk, line_state
from tests.unit.panel.taught import png, report, taught

FOLDER = {"name": "biscuit", "by": "Hoa", "source": {"kind": "folder", "folder": "monday"}}


def _copied(desk: Desk, folder: str, pictures: int) -> Path:
    place = desk.data / "incoming" / folder
    place.mkdir(parents=True)
    for n in range(pictures):
        (place / f"{n}.png").write_bytes(png(n))
    (place / "notes.txt").write_text("no picture")
    return place


def test_a_folder_is_taught_from_by_name_only(desk: Desk) -> None:
    place = _copied(desk, "monday", 4)
    browser = desk.client()
    found = browser.get("/api/v1/teach").json()
    assert found["incoming"] == [{"folder": "monday", "pictures": 4}]
    answer = browser.post("/api/v1/teach", json=FOLDER | {"one_in": 20})
    assert (answer.status_code, answer.json()["folder"]) == (202, "biscuit@1")
    out = desk.data / "taught" / "biscuit@1"
    assert desk.jobs.started == [
        ("teach", str(place), "--rate", "0.05", "--name", "biscuit", "--version", "1", "--json", "--progress", "--out",
         str(out)),
    ]  # fmt: skip
    assert desk.books.station.audit(1, None)[0].action == "teach.start"
    assert browser.get("/api/v1/teach").json()["job_folder"] == "biscuit@1"


@pytest.mark.parametrize("folder", ["..", "../..", "a/b", "/etc", ".hidden", "nothing", ""])
def test_no_other_place_is_read(desk: Desk, folder: str) -> None:
    (desk.data / "incoming").mkdir()
    answer = desk.client().post("/api/v1/teach", json=FOLDER | {"source": {"kind": "folder", "folder": folder}})
    assert answer.status_code in (404, 422)
    assert desk.jobs.started == []


def test_a_link_in_the_incoming_folder_is_no_folder(desk: Desk, tmp_path: Path) -> None:
    _copied(desk, "monday", 4)
    (desk.data / "incoming" / "elsewhere").symlink_to(desk.data / "images")
    browser = desk.client()
    source = {"source": {"kind": "folder", "folder": "elsewhere"}}
    assert browser.post("/api/v1/teach", json=FOLDER | source).status_code == 404
    assert [each["folder"] for each in browser.get("/api/v1/teach").json()["incoming"]] == ["monday"]


def test_the_recipe_goes_along_as_a_file_with_a_folder(desk: Desk) -> None:
    _copied(desk, "monday", 4)
    browser = desk.client()
    assert browser.post("/api/v1/teach", json=FOLDER | {"recipe": "biscuit@7"}).status_code == 404
    assert browser.post("/api/v1/teach", json=FOLDER | {"recipe": "biscuit@1", "camera": "top"}).status_code == 202
    command = desk.jobs.started[0]
    path = Path(command[command.index("--recipe") + 1])
    assert json.loads(path.read_bytes())["name"] == "biscuit"
    assert command[command.index("--camera") + 1] == "top"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"kind": "stored", "last": 40}, ["--last", "40"]),
        ({"kind": "stored", "lot": "L 1", "confirmed": True}, ["--last", "50", "--lot", "L 1", "--confirmed"]),
        (
            {"kind": "live", "count": 12, "parts": "hold", "reason": "new mould"},
            ["--count", "12", "--while", "hold", "--by", "Hoa", "--reason", "new mould"],
        ),
    ],
)
def test_parts_of_the_line_are_taught_from(desk: Desk, source: dict[str, Any], words: list[str]) -> None:
    body = {"name": "biscuit", "by": "Hoa", "source": source, "recipe": "biscuit@1"}
    assert desk.client().post("/api/v1/teach", json=body).json()["message"].startswith("the panel was not started")
    file = desk.data / "station.toml"
    file.write_text(
        f'name = "{desk.station.name}"\ndata_dir = "{desk.data}"\nrun_dir = "run"\n'
        '[[camera]]\nname = "top"\nkind = "virtual"\nwidth = 64\nheight = 48\n'
    )
    browser = desk.client(desk.app(station=stations.load(file)))
    assert browser.post("/api/v1/teach", json=body).status_code == 202
    command = list(desk.jobs.started[0])
    live = ["--live"] if source["kind"] == "live" else []
    assert command[1 : len(command) - 8] == [
        *live,
        "--station",
        str(file),
        *words,
        "--recipe",
        "biscuit@1",
        "--rate",
        "0.02",
    ]


def test_one_teaching_at_a_time(desk: Desk) -> None:
    _copied(desk, "monday", 4)
    browser = desk.client()
    assert browser.post("/api/v1/teach", json=FOLDER).status_code == 202
    assert browser.post("/api/v1/teach", json=FOLDER).json()["message"] == "a teaching waits or runs already"
    desk.jobs.put(1, state=JobState.CANCELLED)
    assert browser.post("/api/v1/teach", json=FOLDER).json()["folder"] == "biscuit@1"


def test_each_teaching_is_a_version_of_its_own(desk: Desk) -> None:
    _copied(desk, "monday", 4)
    taught(desk, "biscuit@2")
    (desk.station.models_dir / "biscuit@5").mkdir(parents=True)
    (desk.station.models_dir / "biscuit-b@9").mkdir()
    desk.jobs.start("reteach", ["learning", "reteach", "--out", str(desk.data / "taught" / "biscuit@6")], "Lan")
    assert desk.client().post("/api/v1/teach", json=FOLDER).json()["folder"] == "biscuit@7"


def test_what_was_taught_is_shown_with_the_pictures_to_look_at(desk: Desk) -> None:
    _copied(desk, "monday", 4)
    browser = desk.client()
    assert browser.get("/api/v1/teach/biscuit@1").status_code == 404
    browser.post("/api/v1/teach", json=FOLDER)
    digests = taught(desk)
    desk.jobs.put(1, state=JobState.DONE, result=report(digests), ended_at="2026-01-01T10:00:00+00:00")
    whole = browser.get("/api/v1/teach/biscuit@1").json()
    assert (whole["name"], whole["version"], whole["by"]) == ("biscuit", 1, "Hoa")
    assert (whole["pictures"], whole["left_out"], whole["scores"]) == (3, 1, [1.0, 1.1, 1.2])
    looked = {
        one["name"]: (one["left_out"], one["confirmed"], [d["kind"] for d in one["doubts"]]) for one in whole["look_at"]
    }
    assert looked == {
        "1.png": (False, False, ["blurred"]),
        "2.png": (False, True, ["outlying"]),
        "3.png": (True, False, []),
    }
    assert [one["score"] for one in whole["look_at"]] == [1.2, 1.1, None]
    row = browser.get("/api/v1/teach").json()["taught"][0]
    assert (row["folder"], row["by"], row["pictures"], row["doubts"]) == ("biscuit@1", "Hoa", 3, 1)
    kept = json.loads((desk.data / "taught" / "biscuit@1" / "report.json").read_text())
    assert kept["asked"]["source"] == {"kind": "folder", "folder": "monday"}


def test_pictures_are_given_small_and_by_their_digest_only(desk: Desk) -> None:
    digests = taught(desk)
    browser = desk.client()
    answer = browser.get(f"/api/v1/teach/biscuit@1/picture/{digests[1]}?side=100")
    assert answer.headers["content-type"] == "image/jpeg"
    assert cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR).shape == (75, 100, 3)
    (desk.data / "taught" / "biscuit@1" / "pictures" / f"{'0' * 64}.png").write_bytes(png(9))
    for wrong, status in (("0" * 64, 404), ("..%2f..%2fledger.db", 404), ("A" * 64, 422)):
        assert browser.get(f"/api/v1/teach/biscuit@1/picture/{wrong}").status_code == status
    (desk.data / "taught" / "biscuit@1" / "pictures" / f"{digests[2]}.png").write_bytes(b"damaged")
    (desk.data / "taught" / "biscuit@1" / "pictures" / f"{digests[3]}.png").unlink()
    for digest in digests[2:]:
        assert browser.get(f"/api/v1/teach/biscuit@1/picture/{digest}").status_code == 404


def test_it_is_taught_again_with_what_a_person_said(desk: Desk) -> None:
    digests = taught(desk)
    browser = desk.client()
    wanted = {"by": "Lan", "leave_out": [digests[1]], "good": [digests[0]], "take_in": [digests[3]]}
    answer = browser.post("/api/v1/teach/biscuit@1/again", json=wanted)
    assert answer.json()["folder"] == "biscuit@2"
    place = desk.data / "taught"
    assert desk.jobs.started[0][1:9] == (
        "--again", str(place / "biscuit@1"), "--leave-out", "1.png", "--confirm", "0.png", "--take-in", "3.png",
    )  # fmt: skip
    desk.jobs.put(1, state=JobState.FAILED)
    wrong = wanted | {"leave_out": ["0" * 64]}
    assert browser.post("/api/v1/teach/biscuit@1/again", json=wrong).status_code == 404
    assert browser.post("/api/v1/teach/ring@1/again", json={"by": "Lan"}).status_code == 404


def test_the_running_lot_is_offered(desk: Desk) -> None:
    desk.hear(line_state(lot="L7"))
    found = desk.client().get("/api/v1/teach").json()
    assert (found["lot"], found["cameras"], found["job"], found["taught"]) == ("L7", ["top"], None, [])
