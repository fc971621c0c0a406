"""Words of the panel in Vietnamese and English: gettext catalogues, read from their .po files at the start.

The ids are the English texts, with `{name}` where a value comes in, the same for templates and scripts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.messages.pofile import PoFileError, read_po

from edge.errors import ServiceError
from edge.panel import alarm_words, trouble_words, vocabulary

LANGUAGES = {"vi": "Tiếng Việt", "en": "English"}
LOCALE = Path(__file__).resolve().parent / "locale"
_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language. A text that the catalogue does not know is given back as it is, in English."""

    language: str
    texts: dict[str, str]

    def __call__(self, text: str, **values: Any) -> str:
        found = self.texts.get(text, text)
        return _FIELD.sub(lambda hit: str(values.get(hit[1], hit[0])), found) if values else found

    def for_scripts(self) -> dict[str, Any]:
        """The whole catalogue, and the codes with their English ids."""
        return {
            "language": self.language,
            "texts": self.texts,
            "codes": vocabulary.codes() | {"trouble": {text: text for text in trouble_words.TROUBLES}},
            "alarms": alarm_words.alarms(),
        }


def load(language: str, folder: Path = LOCALE) -> Words:
    """ServiceError when the catalogue is not there or not whole."""
    path = folder / language / "LC_MESSAGES" / "edge.po"
    try:
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language, abort_invalid=True)
    except (OSError, PoFileError, UnicodeDecodeError) as error:
        raise ServiceError(f"the words in {path} cannot be read: {error}", hint="install edge again") from error
    if not catalogue:
        raise ServiceError(f"the words in {path} are empty", hint="install edge again")
    texts = {str(message.id): str(message.string) for message in catalogue if message.id and message.string}
    return Words(language=language, texts=texts)


def load_all(folder: Path = LOCALE) -> dict[str, Words]:
    return {language: load(language, folder) for language in LANGUAGES}


def chosen(all_words: dict[str, Words], *wanted: str | None) -> Words:
    """The first of the wanted languages that there is; the last resort is Vietnamese."""
    return next((all_words[language] for language in wanted if language in all_words), all_words["vi"])
