"""The panel's desk: real databases, a fake watch, a fake line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.panel.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One desk for all of a module's tests that only look."""
    desk = Desk(tmp_path_factory.mktemp("panel"))
    yield desk
    desk.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Desk]:
    """Nothing but station.db: line and recorder have never run."""
    desk = Desk(tmp_path, parts=0)
    yield desk
    desk.close()
