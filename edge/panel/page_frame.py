"""The pages' frame: templates, words, language. Pages are shells: their scripts ask the API for all that moves."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

import edge
from edge.domain.part import Purpose
from edge.domain.verdict import ReasonCode, Verdict
from edge.panel.vocabulary import N_, PURPOSES, REASONS, VERDICTS
from edge.panel.words import LANGUAGES, Words, chosen, load_all

TEMPLATES = Path(__file__).resolve().parent / "templates"
STATIC = Path(__file__).resolve().parent / "static"
COOKIE = "language"
PAGES = (
    ("live", "/", N_("Live")),
    ("results", "/results", N_("Results")),
    ("review", "/review", N_("Review")),
    ("teach", "/teach", N_("Teach")),
    ("models", "/models", N_("Models")),
    ("recipes", "/recipes", N_("Recipes")),
    ("system", "/system", N_("System")),
)
_LIBRARIES = ("onnxruntime", "numpy", "opencv-python", "pyzmq", "fastapi")


class PageFrame:
    """Renders every page of one station. language: the station's own, when the browser has chosen none."""

    def __init__(self, *, station: str, language: str) -> None:
        self._station = station
        self._language = language
        self._words = load_all()
        self._scripts = {
            name: htmlsafe_json_dumps(words.for_scripts(), ensure_ascii=False) for name, words in self._words.items()
        }
        self._versions = _versions()
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )

    def words_of(self, request: Request) -> Words:
        """By the browser's choice (a cookie), else the address (`?language=`), else the station's."""
        wanted = (request.cookies.get(COOKIE), request.query_params.get("language"), self._language)
        return chosen(self._words, *wanted)

    def words_named(self, language: str) -> Words | None:
        return self._words.get(language)

    def page(
        self, request: Request, page: str, template: str = "", *, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """`page` names the entry of the menu, `template` its file without .html when that is another."""
        words = self.words_of(request)
        text = self._templates.get_template(f"{template or page}.html").render(
            _=words,
            language=words.language,
            languages=LANGUAGES.items(),
            page=page,
            pages=[(key, href, words(text)) for key, href, text in PAGES],
            path=request.url.path,
            station=self._station,
            words=self._scripts[words.language],
            **self._choices(words, page),
            **values,
        )
        return HTMLResponse(text, status_code=status, headers={"cache-control": "no-store", "vary": "cookie"})

    def trouble(self, request: Request, *, status: int, message: str, hint: str) -> HTMLResponse:
        """A page that says what is wrong, for browsers that asked for a page."""
        words = self.words_of(request)
        return self.page(request, "", "trouble", status=status, message=words(message), hint=words(hint))

    def _choices(self, words: Words, page: str) -> dict[str, Any]:
        if page == "system":
            return {"versions": self._versions}
        if page != "results":
            return {}
        return {
            "verdict_choices": [("", words(N_("All"))), *((code.value, words(VERDICTS[code])) for code in Verdict)],
            "reason_choices": [(code.value, words(REASONS[code])) for code in ReasonCode],
            "purpose_choices": [(code.value, words(PURPOSES[code])) for code in Purpose],
        }


def _as_data(words: Words) -> Markup:
    """For a block of data in a page: nothing in it can end the block."""
    return htmlsafe_json_dumps(words.for_scripts(), ensure_ascii=False)


def _versions() -> list[tuple[str, str]]:
    """What runs here, without importing it."""
    found = [("edge", edge.__version__), ("Python", platform.python_version()), ("Linux", platform.release())]
    for name in _LIBRARIES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            found.append((name, "–"))
    return found
