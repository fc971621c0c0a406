"""The API keeps what /openapi.json promises, whatever is asked of it (schemathesis makes the questions)."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from edge.domain.change import Action, ChangeEvent
from edge.domain.recipe import GateTiming
from tests.unit.panel.desk import BASE, Browser, Desk, line_state, recipe, status
from tests.unit.panel.taught import png, report, taught

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
# So that the questions are not all about things that are not there.
THERE: dict[str, Any] = {
    "name": "biscuit",
    "version": 1,
    "camera": "top",
    "view": "top",
    "kind": "frame",
    "epoch": 1,
    "n": 2,
    "number": 1,
    "change": "c" * 32,
    "folder": "biscuit@1",
    "sha256": hashlib.sha256(png(1)).hexdigest(),
}
_QUICK = settings(
    max_examples=8, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("panel"))
    ref = desk.books.station.add_recipe(replace(recipe(), gate=GateTiming(travel=801)))
    proposal = ChangeEvent(
        by="Lan", action=Action.PROPOSED, change=THERE["change"], recipe_from=str(desk.ref), recipe_to=str(ref)
    )
    desk.books.station.add_change(proposal)
    told = report(taught(desk, THERE["folder"]))
    (desk.data / "taught" / THERE["folder"] / "report.json").write_text(json.dumps(told))
    desk.hear(line_state(active=desk.ref), *(status(name) for name in desk.deps.expected))
    yield desk
    desk.close()


def ask(browser: Browser, case: Case) -> Any:
    sent = case.as_transport_kwargs(base_url=BASE)
    path = sent.pop("url").removeprefix(BASE)
    sent = {key: value for key, value in sent.items() if key in ("headers", "params", "json", "content", "data")}
    if isinstance(sent.get("data"), bytes):
        sent["content"] = sent.pop("data")
    return browser.ask(case.method.upper(), path, **sent)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_answers_are_as_promised(well: Desk, mode: GenerationMode) -> None:
    app = well.app()
    browser = well.client(app)
    schema = schemathesis.openapi.from_dict(app.openapi())
    codes: Counter[int] = Counter()
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy(generation_mode=mode), there=st.booleans())
        @_QUICK
        def check(case: Case, there: bool) -> None:
            if there and mode is GenerationMode.POSITIVE:
                case.path_parameters = {name: THERE[name] for name in case.path_parameters or {}}
            answer = ask(browser, case)
            case.validate_response(answer, checks=CHECKS)
            codes[answer.status_code] += 1

        if mode is GenerationMode.POSITIVE or operation.query or operation.path_parameters or operation.body:
            check()
            asked += 1
    assert asked > 15
    assert codes[200] > 20 if mode is GenerationMode.POSITIVE else codes[422] > 20, codes


def test_the_description_names_every_route_of_the_contract(well: Desk) -> None:
    described = well.client().get("/openapi.json").json()
    found = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    line = {("POST", f"/api/v1/line/{what}") for what in ("mode", "recipe", "lot", "purpose", "reset")}
    part, one = "/api/v1/parts/{epoch}/{n}", "/api/v1/recipes/{name}/{version}"
    changes = "/api/v1/changes"
    acts = ("approve", "withdraw", "challenge", "challenge/end", "roll-back")
    change = {("POST", f"{changes}/{{change}}/{act}") for act in acts}
    change |= {
        ("GET", changes),
        ("POST", changes),
        ("GET", f"{changes}/{{change}}"),
        ("GET", f"{changes}/{{change}}/report"),
    }
    tries = "/api/v1/corrections"
    correct = {("GET", tries), ("GET", f"{tries}/wrong"), ("POST", tries), ("GET", f"{tries}/{{number}}")}
    correct |= {("POST", f"{tries}/{{number}}/propose"), ("GET", "/api/v1/models")}
    assert found == line | change | correct | {
        ("GET", "/api/v1/state"), ("GET", "/api/v1/recipes"), ("GET", one), ("POST", f"{one}/revise"),
        ("GET", f"{one}/picture/{{camera}}"), ("GET", "/api/v1/parts"), ("GET", part),
        ("GET", f"{part}/image/{{view}}/{{kind}}"), ("POST", f"{part}/label"), ("GET", "/api/v1/review"),
        ("GET", "/api/v1/events"), ("GET", "/api/v1/outages"), ("GET", "/api/v1/audit"), ("GET", "/health"),
        ("GET", "/metrics"), ("GET", "/api/v1/live/picture/{epoch}/{n}/{view}"),
        ("GET", "/api/v1/jobs"), ("GET", "/api/v1/jobs/{number}"), ("POST", "/api/v1/jobs/{number}/cancel"),
        ("GET", "/api/v1/teach"), ("POST", "/api/v1/teach"), ("GET", "/api/v1/teach/{folder}"),
        ("POST", "/api/v1/teach/{folder}/again"), ("GET", "/api/v1/teach/{folder}/picture/{sha256}"),
        ("GET", "/api/v1/kinds"), ("POST", "/api/v1/kinds/teach"), ("POST", "/api/v1/kinds/name"),
        ("GET", "/api/v1/retaught"),
    }  # fmt: skip


def test_no_page_of_another_host_documents_it(well: Desk, tmp_path: Path) -> None:
    for path in ("/docs", "/redoc"):
        assert well.client().get(path).status_code == 404
