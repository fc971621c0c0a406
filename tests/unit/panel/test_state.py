"""The state at a glance, health, metrics, events, outages and audit."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from edge.bus import wire
from edge.clock import SECOND
from edge.domain.part import Mode
from tests.unit.panel.desk import Desk, line_state, status


def ask(desk: Desk, path: str, code: int = 200) -> Any:
    answer = desk.client().get(path)
    assert answer.status_code == code, answer.text
    return answer.json()


def test_a_panel_that_has_heard_nothing_says_so(empty: Desk) -> None:
    state = ask(empty, "/api/v1/state")
    assert state["line"] is None
    assert (state["heard_ms"], state["alive"], state["lot"], state["today"]) == (None, False, None, None)
    assert "no ledger database" in state["ledger"]["message"]
    assert state["ledger"]["hint"]
    assert [service["name"] for service in state["services"]] == [
        "line",
        "capture-top",
        "inference",
        "recorder",
        "panel",
    ]
    assert {service["state"] for service in state["services"]} == {"unknown"}


def test_the_state_of_a_running_line(desk: Desk) -> None:
    desk.hear_all_well()
    desk.hear(
        line_state(active=desk.ref, mode=Mode.BYPASS, bypass_until_ns=desk.clock.now_ns() + 60 * SECOND,
                   preparing=("biscuit", 2), permit=False, permit_reasons=("bin_full",))
    )  # fmt: skip
    desk.clock.advance_ms(1500)
    state = ask(desk, "/api/v1/state")
    line = state["line"]
    assert (state["alive"], state["heard_ms"], line["mode"], line["permit_reasons"]) == (
        True,
        1500,
        "BYPASS",
        ["bin_full"],
    )
    assert (line["bypass_left_ms"], line["preparing"], line["active"]["name"]) == (58_500, "biscuit@2", "biscuit")
    assert state["lot"]["parts"] == 8
    assert state["lot"]["verdicts"] == {"OK": 4, "NG": 2, "UNSURE": 2, "NOT_INSPECTED": 0}
    assert state["lot"]["gates"]["rejected"] == 4
    assert {
        "service": "line",
        "name": "line",
        "size": 10,
        "depth": 0,
        "dropped": 0,
        "lost": 1,
        "malformed": 0,
    } in state["queues"]


def test_silence_is_seen(desk: Desk) -> None:
    desk.hear_all_well()
    desk.clock.advance_ms(2500)
    desk.hear(line_state(), *(status(name) for name in ("line", "capture-top", "recorder", "panel")))
    state = ask(desk, "/api/v1/state")
    assert {service["name"]: service["state"] for service in state["services"]}["inference"] == "silent"
    assert [(alarm["code"], alarm["detail"], alarm["since_ms"]) for alarm in state["alarms"]] == [
        ("service_down", "inference:", 2500)
    ]
    desk.clock.advance_ms(3001)
    state = ask(desk, "/api/v1/state")
    assert not state["alive"]
    assert state["heard_ms"] == 3001


def test_alarms_stand_longest_first_and_the_supervisor_is_believed(desk: Desk) -> None:
    now_ns = desk.clock.now_ns()
    down = wire.Alarm(code="service_down", since_ns=now_ns - 4 * SECOND, detail="inference: no model")
    disk = wire.Alarm(code="disk_low", since_ns=now_ns - 9 * SECOND, detail="12 MB")
    desk.hear(status("inference"))
    desk.clock.advance_ms(2500)
    desk.hear(status("recorder", alarms=(disk,)), status("run", alarms=(down,), counters={"restarts_inference": 3.0}))
    state = ask(desk, "/api/v1/state")
    assert [alarm["code"] for alarm in state["alarms"]] == ["disk_low", "service_down"]
    services = {service["name"]: service for service in state["services"]}
    assert services["inference"]["restarts"] == 3
    assert services["line"]["restarts"] is None


def test_a_service_that_nobody_expects_takes_no_room(desk: Desk) -> None:
    desk.hear(*(status(f"x{number}") for number in range(100)))
    assert dict(desk.watch.snapshot.services) == {}


def test_counts_are_asked_for_once_a_second_at_most(desk: Desk) -> None:
    before = desk.tally.of("L1")
    assert desk.tally.of("L1") is before
    desk.clock.advance_ms(1000)
    assert desk.tally.of("L1") is not before
    assert desk.tally.of("other").lot is not None


def test_health_of_a_station_that_has_never_run(empty: Desk) -> None:
    bad = ask(empty, "/health", 503)
    assert not bad["ok"]
    assert not bad["checks"]["line"]
    assert [problem["hint"] for problem in bad["problems"]]


def test_health(desk: Desk) -> None:
    desk.hear_all_well()
    good = ask(desk, "/health")
    assert good["ok"]
    assert all(good["checks"].values())
    desk.clock.advance_ms(2500)
    assert ask(desk, "/health", 503)["checks"] == {
        **good["checks"],
        **{f"service {name}": False for name in ("line", "capture-top", "inference", "recorder")},
    }


def test_metrics_are_read_by_prometheus(desk: Desk) -> None:
    desk.hear_all_well()
    alarm = wire.Alarm(code="disk_low", since_ns=desk.clock.now_ns() - SECOND, detail="12 MB")
    desk.hear(status("recorder", alarms=(alarm,)), status("run", counters={"restarts_line": 2.0}))
    answer = desk.client().get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["edge_line_heard",] == 1
    assert found["edge_line_mode", "RUN"] == 1
    assert found["edge_lot_parts", "NG"] == 2
    assert found["edge_service_up", "inference"] == 1
    assert found["edge_service_restarts_total", "line"] == 2
    assert found["edge_queue_lost_total", "line", "line", "lost"] == 1
    assert found["edge_alarm_age_seconds", "disk_low", "recorder"] == 1


def test_metrics_say_nothing_of_a_line_that_is_silent(desk: Desk) -> None:
    desk.hear_all_well()
    desk.clock.advance_ms(3001)
    text = desk.client().get("/metrics").text
    assert "edge_line_heard 0.0" in text
    assert "edge_line_permit" not in text


def test_events_outages_and_audit(desk: Desk) -> None:
    assert ask(desk, "/api/v1/events")["events"][0]["detail"] == "RUN"
    assert ask(desk, "/api/v1/outages")["outages"][0]["lasted_ms"] == 5000
    for number in range(3):
        desk.books.station.add_audit("anna", "line.mode", f"RUN {number}")
    page = ask(desk, "/api/v1/audit?limit=2")
    assert [entry["detail"] for entry in page["entries"]] == ["RUN 2", "RUN 1"]
    rest = ask(desk, f"/api/v1/audit?before_id={page['before_id']}")
    assert [entry["action"] for entry in rest["entries"]] == ["line.mode", "recipe.added"]
    assert rest["before_id"] is None


def test_databases_that_are_away_give_503_with_a_hint(empty: Desk) -> None:
    for path in ("/api/v1/events", "/api/v1/outages", "/api/v1/parts", "/api/v1/review", "/api/v1/parts/1/1"):
        problem = ask(empty, path, 503)
        assert "ledger" in problem["message"]
        assert problem["hint"]


def test_the_words_of_both_languages(desk: Desk) -> None:
    browser = desk.client(desk.with_pages())
    for language in ("vi", "en"):
        words = browser.get(f"/api/v1/words?language={language}").json()
        assert words["language"] == language
        assert words["codes"]["verdict"]["NG"]
        assert words["alarms"]
    assert browser.get("/api/v1/words?language=xx").status_code == 404
