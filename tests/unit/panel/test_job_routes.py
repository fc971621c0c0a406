"""The API of jobs: listed short, told whole, cancelled once."""

from __future__ import annotations

from edge.panel.shapes_jobs import JobState
from tests.unit.panel.desk import Desk


def test_jobs_are_listed_without_their_results_and_told_with_them(desk: Desk) -> None:
    desk.jobs.start("teach", ["teach", "--json"], "Hoa")
    desk.jobs.start("replay", ["learning", "replay"], "Lan")
    desk.jobs.put(1, state=JobState.DONE, result={"pictures": 30})
    listed = desk.client().get("/api/v1/jobs").json()["jobs"]
    assert [(job["id"], job["kind"], job["by"], job["state"]) for job in listed] == [
        (2, "replay", "Lan", "waiting"),
        (1, "teach", "Hoa", "done"),
    ]
    assert "result" not in listed[1]
    whole = desk.client().get("/api/v1/jobs/1").json()
    assert (whole["result"], whole["command"]) == ({"pictures": 30}, ["teach", "--json"])
    assert desk.client().get("/api/v1/jobs/3").status_code == 404


def test_a_job_is_cancelled_once_and_written_down(desk: Desk) -> None:
    desk.jobs.start("teach", ["teach"], "Hoa")
    browser = desk.client()
    assert browser.post("/api/v1/jobs/1/cancel", json={"by": "Lan"}).json()["state"] == "cancelled"
    assert browser.post("/api/v1/jobs/1/cancel", json={"by": "Lan"}).status_code == 409
    assert browser.post("/api/v1/jobs/2/cancel", json={"by": "Lan"}).status_code == 404
    assert [(row.by, row.action, row.detail) for row in desk.books.station.audit(1, None)] == [
        ("Lan", "job.cancel", "1 teach")
    ]
