"""How results are usually kept: a row and a commit for each part, SQLite as it comes. Only `edge bench` uses it."""

from __future__ import annotations

import sqlite3
from pathlib import Path


class RowPerPart:
    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path)
        self._database.execute("CREATE TABLE IF NOT EXISTS parts (n INTEGER PRIMARY KEY, score REAL, image TEXT)")
        self._database.commit()

    def add(self, score: float, image: str) -> None:
        self._database.execute("INSERT INTO parts (score, image) VALUES (?, ?)", (score, image))
        self._database.commit()

    def close(self) -> None:
        self._database.close()
