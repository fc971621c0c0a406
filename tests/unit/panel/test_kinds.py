"""Kinds of defects in the panel: counted with a person's word first, taught and named as jobs, names taken in."""

from __future__ import annotations

from typing import Any

import pytest

from edge.domain.part import Purpose
from edge.domain.verdict import Verdict
from edge.panel.shapes_jobs import JobState
from edge.store.station_schema import Named
from tests.unit.panel.desk import Desk, line_state
from tests.unit.panel.test_corrections import package, using
from tests.unit.store import ledger_values


class Shop:
    """A desk whose active recipe has the taught detector crisp@1, and a ledger without parts yet."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.file = desk.data.parent / "station.toml"
        desk.station._file = self.file
        package(desk.station.models_dir / "crisp@1")
        self.ref = desk.books.station.add_recipe(using(package(desk.data / "elsewhere")))
        desk.hear(line_state(active=self.ref, lot="L2"))
        self.n = 100

    def part(self, verdict: Verdict = Verdict.NG, *, named: str = "", label: Verdict | None = None, **said: Any) -> int:
        """In lot L2 but for `lot`. Gives its row."""
        self.n += 1
        where = {word: said.pop(word) for word in ("lot", "wall", "purpose") if word in said}
        assert self.desk.ledger is not None
        record = ledger_values.record(1, self.n, verdict)
        row = self.desk.ledger.commit(
            [ledger_values.trigger(1, self.n, recipe=self.ref, **{"lot": "L2", **where}), record]
        )[record.part]
        if named:
            name = Named(row=row, part=record.part, kind=named, certainty=0.9, model="crisp@1")
            self.desk.books.station.add_names([name])
        if label is not None:
            self.desk.books.station.add_label(record.part, row, label, by="Lan", **said)
        return row

    def kinds(self, **query: Any) -> dict[str, Any]:
        answer = self.desk.client().get("/api/v1/kinds", params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def post(self, what: str, **body: Any) -> Any:
        return self.desk.client().post(f"/api/v1/kinds/{what}", json={"by": "Hoa", **body})


@pytest.fixture
def shop(desk: Desk) -> Shop:
    return Shop(desk)


def test_counts_of_the_running_lot(shop: Shop) -> None:
    shop.part(named="chip")
    shop.part(named="chip", label=Verdict.NG, kind="burnt")  # a person's word goes first
    shop.part(named="chip", label=Verdict.NG)  # a person says only that it is a defect
    shop.part(Verdict.UNSURE, label=Verdict.NG, kind="burnt")
    shop.part(named="unknown")
    shop.part(named="chip", label=Verdict.OK)
    shop.part()
    shop.part(Verdict.OK)
    shop.part(named="burnt", lot="L3")
    shop.part(named="burnt", purpose=Purpose.CHALLENGE)
    found = shop.kinds()
    assert found["lot"] == "L2"
    kinds = [{"kind": "chip", "count": 2, "by_people": 0}, {"kind": "burnt", "count": 2, "by_people": 2}]
    counts = found["counts"]
    assert sorted(counts.pop("kinds"), key=lambda one: str(one["kind"])) == kinds[::-1]
    assert counts == {"stopped": 7, "unknown": 1, "unnamed": 1, "good": 1, "more": False}
    assert found["known"] == ["burnt"]
    assert found["detectors"] == [{"model": "crisp@1", "taught_at": ""}]


def test_counts_of_a_time_and_of_the_last_ones(shop: Shop) -> None:
    for hour in (6, 7, 8, 9):
        shop.part(named="chip", wall=f"2026-01-02T{hour:02}:30:00+00:00")
    shift = {"since": "2026-01-02T07:00:00Z", "until": "2026-01-02T09:00:00Z"}
    assert shop.kinds(**shift)["counts"]["stopped"] == 2
    assert shop.kinds(**shift)["lot"] is None
    newest = shop.kinds(lot="L2", last=3)["counts"]
    assert (newest["stopped"], newest["more"]) == (3, True)
    assert shop.kinds(lot="L2", last=4)["counts"]["more"] is False
    assert shop.kinds(lot="none such")["counts"]["stopped"] == 0
    assert shop.desk.client().get("/api/v1/kinds", params={"last": 0}).status_code == 422


def test_the_newest_name_holds(shop: Shop) -> None:
    row = shop.part(named="chip")
    part = ledger_values.part_id(1, shop.n)
    shop.desk.books.station.add_names([Named(row=row, part=part, kind="burnt", certainty=0.8, model="crisp@1")])
    assert [one["kind"] for one in shop.kinds()["counts"]["kinds"]] == ["burnt"]
    shop.part()
    listed = shop.desk.client().get("/api/v1/parts", params={"lot": "L2"}).json()["parts"]
    assert [one["named"] for one in listed] == [None, "burnt"]


def test_teaching_is_a_job_and_names_follow(shop: Shop) -> None:
    row = shop.part()
    answer = shop.post("teach")
    assert answer.status_code == 202, answer.text
    data, jobs = shop.desk.data, shop.desk.jobs
    file = data / "kinds" / "crisp.kinds"
    station = ["--station", str(shop.file)]
    model = str(shop.desk.station.models_dir / "crisp@1")
    assert jobs.started == [("learning", "kinds", "teach", model, *station, "--out", str(file), "--json", "--progress")]
    assert shop.desk.books.station.audit(1)[0].action == "kinds.teach"
    file.write_bytes(b"kinds")
    jobs.put(1, state=JobState.DONE, result={})
    assert jobs.started[1] == (
        "learning", "kinds", "name", str(file), *station, "--last", "200", "--json", "--progress"
    )  # fmt: skip
    rows = [{"row": row, "part": str(ledger_values.part_id(1, shop.n)), "kind": "chip", "certainty": 0.7}]
    jobs.put(2, state=JobState.DONE, result={"model": "crisp@1", "kept": False, "rows": rows, "counts": {"chip": 1}})
    assert [one["kind"] for one in shop.kinds()["counts"]["kinds"]] == ["chip"]
    assert shop.kinds()["detectors"][0]["taught_at"].startswith("20")


def test_a_job_that_failed_is_followed_by_nothing(shop: Shop) -> None:
    shop.post("teach")
    shop.desk.jobs.put(1, state=JobState.FAILED)
    assert len(shop.desk.jobs.started) == 1


def test_names_can_be_asked_for_again(shop: Shop) -> None:
    assert shop.post("name").status_code == 409
    file = shop.desk.data / "kinds" / "crisp.kinds"
    file.parent.mkdir()
    file.write_bytes(b"kinds")
    assert shop.post("name", last=50, detector="crisp").status_code == 202
    assert shop.desk.jobs.started[0][6:8] == ("--last", "50")
    row = shop.part()
    bad: list[dict[str, Any]] = [
        {"rows": "none"},
        {"model": "crisp@1", "kept": False, "rows": [{"row": row, "part": "x", "kind": "chip", "certainty": 0.7}]},
        {"model": "crisp@1", "kept": True, "rows": []},
    ]
    for result in bad:
        shop.desk.jobs.put(1, state=JobState.DONE, result=result)
    assert shop.kinds()["counts"]["unnamed"] == 1


def test_what_cannot_be_is_refused_with_words(shop: Shop) -> None:
    answer = shop.post("teach", detector="other")
    assert answer.status_code == 409
    assert answer.json() == {"message": "the active recipe has no taught detector", "hint": "teach one first"}
    assert shop.post("name", last=0).status_code == 422
    shop.desk.station._file = None
    assert "station file" in shop.post("teach").json()["message"]
    shop.desk.hear(line_state(active=None))
    assert shop.post("teach").json()["message"] == "no recipe is active"
    assert shop.desk.jobs.started == []
