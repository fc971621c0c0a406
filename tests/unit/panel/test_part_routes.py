"""Judged parts through the API: filters, pages, evidence that cannot lead outside its folder, labels, review."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.domain.verdict import Verdict
from edge.store.evidence import EvidenceStore
from tests.unit.panel.desk import Desk


def numbers(desk: Desk, query: str = "") -> list[int]:
    answer = desk.client().get(f"/api/v1/parts{query}")
    assert answer.status_code == 200, answer.text
    return [part["part"]["n"] for part in answer.json()["parts"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [8, 7, 6, 5, 4, 3, 2, 1]),
        ("?verdict=NG", [6, 2]),
        ("?verdict=NG&verdict=UNSURE", [8, 6, 4, 2]),
        ("?reason=anomaly&limit=1", [8]),
        ("?lot=other", []),
        ("?lot=L1&verdict=OK&limit=2", [7, 5]),
        ("?purpose=challenge", []),
        ("?since=2026-01-01T10:00:00Z", [8, 7, 6, 5, 4, 3, 2, 1]),
        ("?since=2026-01-01T17:00:00%2B07:00&limit=1", [8]),
        ("?until=2026-01-01T10:00:00", []),
        ("?since=2026-01-01T10:00:01Z", []),
        ("?before_row=3", [2, 1]),
    ],
)
def test_filters(kept: Desk, query: str, expected: list[int]) -> None:
    assert numbers(kept, query) == expected


@pytest.mark.parametrize(
    "query",
    ["?verdict=GOOD", "?reason=x", "?limit=0", "?limit=201", "?before_row=0", "?before_row=1e30", "?since=yesterday",
     "?since=0001-01-01T00:00:00%2B14:00", "?until=9999-12-31T23:59:59-12:00", "?lot=" + "x" * 61,
     "?before_row=99999999999999999999"],
)  # fmt: skip
def test_wrong_filters_are_refused_in_words(kept: Desk, query: str) -> None:
    answer = kept.client().get(f"/api/v1/parts{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["message"]


def test_pages_follow_each_other(kept: Desk) -> None:
    first = kept.client().get("/api/v1/parts?limit=5").json()
    rest = kept.client().get(f"/api/v1/parts?limit=5&before_row={first['before_row']}").json()
    assert [part["part"]["n"] for part in first["parts"] + rest["parts"]] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert rest["before_row"] is None


def test_a_row_says_what_is_known(desk: Desk) -> None:
    desk.books.station.add_label(desk.books.ledger.parts()[0].record.part, 8, Verdict.OK, by="Lan", note="crumb")
    row = desk.client().get("/api/v1/parts?limit=1").json()["parts"][0]
    assert (row["verdict"], row["gate"], row["lot"], row["recipe"]["name"]) == ("UNSURE", "rejected", "L1", "biscuit")
    assert (row["label"]["verdict"], row["label"]["by"], row["label"]["note"]) == ("OK", "Lan", "crumb")
    assert row["images"] == [
        {"view": "top", "kind": "frame", "width": 64, "height": 48, "url": "/api/v1/parts/1/8/image/top/frame"}
    ]
    assert row["reasons"][0]["code"] == "anomaly"


def test_a_part_whole(kept: Desk) -> None:
    part = kept.client().get("/api/v1/parts/1/2").json()
    result = part["record"]["results"][0]
    assert (part["trigger"]["source"], part["record"]["verdict"], part["gate"]["outcome"]) == (
        "sensor",
        "NG",
        "rejected",
    )
    assert (result["scores"][0]["ng_from"], result["boxes"][0]["width"], result["timings"]["total_us"]) == (
        3.0,
        3,
        20_000,
    )
    missing = kept.client().get("/api/v1/parts/1/99")
    assert missing.status_code == 404
    assert "s1/1/99" in missing.json()["message"]


def test_parts_are_shown_while_pictures_are_not_known(desk: Desk) -> None:
    for name in ("evidence.db", "evidence.db-wal", "evidence.db-shm"):
        (desk.data / name).unlink(missing_ok=True)
    page = desk.client().get("/api/v1/parts?limit=2").json()
    assert len(page["parts"]) == 2
    assert "evidence" in page["notes"][0]["message"]
    assert desk.client().get("/api/v1/parts/1/2").json()["notes"]
    assert desk.client().get("/api/v1/parts/1/2/image/top/frame").status_code == 503


def test_the_evidence_picture(desk: Desk) -> None:
    answer = desk.client().get("/api/v1/parts/1/2/image/top/frame")
    assert answer.status_code == 200
    assert answer.content == (desk.data / "images/2026-01-01/L1/2.jpg").read_bytes()
    assert answer.headers["content-type"] == "image/jpeg"
    assert "max-age" in answer.headers["cache-control"]
    assert desk.client().get("/api/v1/parts/1/1/image/top/frame").status_code == 404, "of an OK part none was kept"
    assert desk.client().get("/api/v1/parts/1/2/image/top/map").status_code == 404
    (desk.data / "images/2026-01-01/L1/2.jpg").unlink()
    gone = desk.client().get("/api/v1/parts/1/2/image/top/frame")
    assert (gone.status_code, gone.json()["message"]) == (404, "this picture is no longer kept")


@pytest.mark.parametrize("view", ["..", "%2e%2e", "..%2f..%2fstation.db", "top%00", "top%2f..", "%2fetc%2fpasswd"])
def test_no_path_from_outside(kept: Desk, view: str) -> None:
    answer = kept.client().get(f"/api/v1/parts/1/2/image/{view}/frame")
    assert answer.status_code in (404, 422)
    assert set(answer.json()) == {"message", "hint"}


def _link(desk: Desk, target: Path) -> None:
    picture = desk.data / "images/2026-01-01/L1/2.jpg"
    picture.unlink()
    picture.symlink_to(target)


@pytest.mark.parametrize("where", ["link", "folder link", "folder", "pipe"])
def test_what_lies_there_must_be_a_plain_file_inside(desk: Desk, tmp_path: Path, where: str) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"secret")
    picture = desk.data / "images/2026-01-01/L1/2.jpg"
    match where:
        case "link":
            _link(desk, secret)
        case "folder link":
            (tmp_path / "2.jpg").write_bytes(b"secret")
            (desk.data / "images/2026-01-01").rename(desk.data / "kept")
            (desk.data / "images/2026-01-01").mkdir()
            (desk.data / "images/2026-01-01/L1").symlink_to(tmp_path)
        case "folder":
            picture.unlink()
            picture.mkdir()
        case "pipe":
            picture.unlink()
            import os

            os.mkfifo(picture)
    answer = desk.client().get("/api/v1/parts/1/2/image/top/frame")
    assert answer.status_code == 404
    assert b"secret" not in answer.content


def test_a_row_of_another_ledger_shows_no_picture(desk: Desk) -> None:
    """evidence.db names the part: after a ledger was replaced, the same row is another part."""
    store = EvidenceStore(desk.data / "evidence.db")
    store.record(position=9, images=(desk.picture(77, 1, Verdict.NG),))
    store.close()
    assert desk.client().get("/api/v1/parts/1/1").json()["images"] == []
    assert desk.client().get("/api/v1/parts/1/1/image/top/frame").status_code == 404


def test_labels_and_review(desk: Desk) -> None:
    def waiting() -> list[int]:
        return [part["part"]["n"] for part in desk.client().get("/api/v1/review").json()["parts"]]

    assert waiting() == [8, 6, 4, 2]
    body: dict[str, Any] = {"verdict": "NG", "by": "Lan", "note": "chip\nleft"}
    answer = desk.client().post("/api/v1/parts/1/6/label", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["note"] == "chip\nleft"
    assert waiting() == [8, 4, 2]
    desk.client().post("/api/v1/parts/1/6/label", json={"verdict": "OK", "by": "Minh"})
    part = desk.client().get("/api/v1/parts/1/6").json()
    assert [label["verdict"] for label in part["labels"]] == ["NG", "OK"]
    assert part["label"]["by"] == "Minh"
    page = desk.client().get("/api/v1/review?limit=1").json()
    assert page["before_row"] == 8


def test_labels_that_nobody_can_give(desk: Desk) -> None:
    for body, code in (
        ({"verdict": "NOT_INSPECTED", "by": "Lan"}, 422),
        ({"verdict": "OK"}, 422),
        ({"verdict": "OK", "by": "Lan", "note": "x" * 501}, 422),
    ):
        assert desk.client().post("/api/v1/parts/1/6/label", json=body).status_code == code
    assert desk.client().post("/api/v1/parts/1/99/label", json={"verdict": "OK", "by": "Lan"}).status_code == 404
