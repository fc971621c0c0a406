"""Both languages are whole: every code and every text has its words; and pages keep to what the policy allows."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from edge.domain.part import Mode, Purpose
from edge.domain.verdict import GateOutcome, ReasonCode, Verdict
from edge.errors import ServiceError
from edge.line.permit import PermitReason
from edge.panel import alarm_words, page_frame, vocabulary, words
from tests.unit.panel import texts

_FIELD = re.compile(r"\{\w+\}")
_TABLES = (
    (vocabulary.VERDICTS, Verdict),
    (vocabulary.BENEATH, Verdict),
    (vocabulary.MODES, Mode),
    (vocabulary.PURPOSES, Purpose),
    (vocabulary.GATES, GateOutcome),
    (vocabulary.REASONS, ReasonCode),
    (vocabulary.PERMIT, PermitReason),
)


@pytest.fixture(scope="module", params=words.LANGUAGES)
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    with (words.LOCALE / request.param / "LC_MESSAGES" / "edge.po").open("rb") as file:
        return read_po(file, locale=request.param, abort_invalid=True)


@pytest.mark.parametrize(("table", "codes"), _TABLES)
def test_every_code_has_an_id(table: dict[str, object], codes: type[StrEnum]) -> None:
    assert [code for code in codes if code not in table] == []


def test_every_alarm_has_three_sentences(root: Path) -> None:
    raised = texts.alarm_codes(root)
    assert {"camera_lost", "jam", "disk_low", "recipe_failed", "time_gap", "recipe_unreadable"} <= set(raised)
    assert {code: file for code, file in raised.items() if code not in alarm_words.ALARMS} == {}


def test_every_text_is_in_the_catalogue_and_nothing_else(root: Path, catalogue: Catalog) -> None:
    said = texts.said(root)
    known = {message.id: message.string for message in catalogue if message.id}
    assert len(said) > 300
    assert {text: file for text, file in said.items() if not known.get(text)} == {}
    assert [text for text in known if text not in said] == []


def test_nothing_is_fuzzy_and_fields_are_kept(catalogue: Catalog) -> None:
    messages = [message for message in catalogue if message.id]
    assert not catalogue.fuzzy
    assert [message.id for message in messages if message.fuzzy] == []
    odd = [m.id for m in messages if sorted(_FIELD.findall(str(m.id))) != sorted(_FIELD.findall(str(m.string)))]
    assert odd == []


def test_english_says_its_ids(root: Path) -> None:
    english = words.load("en")
    assert {text: said for text, said in english.texts.items() if text != said} == {}


def test_words_with_values() -> None:
    vietnamese = words.load("vi")
    assert vietnamese("Part {number}", number=7) == "Sản phẩm 7"
    assert vietnamese("OK") == "OK"
    assert vietnamese("nobody says this") == "nobody says this"
    assert vietnamese("Part {number}", other=1) == "Sản phẩm {number}"


def test_the_glossary_is_kept() -> None:
    vietnamese = words.load("vi")
    kept = {
        "Unsure": "Nghi ngờ", "Not inspected": "Chưa kiểm", "Pass": "Đạt", "Fail": "Không đạt", "Lot": "Lô",
        "Recipe": "Chương trình kiểm", "Gate": "Cơ cấu loại", "Yield": "Tỷ lệ đạt", "Challenge part": "Mẫu thử",
        "Camera lost": "Mất camera", "BYPASS": "BỎ QUA KIỂM", "Start": "Chạy", "Audit log": "Nhật ký",
    }  # fmt: skip
    assert {text: vietnamese(text) for text in kept} == kept


def test_a_missing_catalogue_is_said(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="cannot be read"):
        words.load("vi", tmp_path)


def test_a_broken_catalogue_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "vi" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "edge.po").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ServiceError, match=r"cannot be read|are empty"):
        words.load("vi", tmp_path)


def test_the_language_is_chosen_and_else_vietnamese() -> None:
    everything = words.load_all()
    assert words.chosen(everything, None, "en", "vi").language == "en"
    assert words.chosen(everything, "de", None, "../en").language == "vi"


def test_scripts_get_all_of_it() -> None:
    given = json.loads(json.dumps(words.load("vi").for_scripts()))
    assert given["texts"][given["codes"]["reason"]["anomaly"]] == "Khác với hàng đạt"
    assert set(given["alarms"]) == set(alarm_words.ALARMS)
    ids = [text for group in given["codes"].values() for text in group.values()]
    ids += [text for told in given["alarms"].values() for text in told.values()]
    assert [text for text in ids if text not in given["texts"]] == []


def test_pages_have_nothing_inline_and_nothing_from_elsewhere() -> None:
    wrong = re.compile(r'\sstyle=|\son\w+="|<style|<script(?![^>]*(?:src="/static/|type="application/json"))|https?://')
    pages = page_frame.TEMPLATES.glob("*.html")
    assert {path.name: wrong.findall(path.read_text()) for path in pages if wrong.search(path.read_text())} == {}


def test_scripts_make_no_markup_from_data_and_ask_nobody_else() -> None:
    wrong = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?://(?!www\.w3\.org/)"
    )
    files = [*page_frame.STATIC.glob("*.js"), *page_frame.STATIC.glob("*.css")]
    assert {path.name: wrong.findall(path.read_text()) for path in files if wrong.search(path.read_text())} == {}
