"""What all tests share: where things are, and the check that nothing is left running."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import leftovers

# Quick and telling first; real processes last.
_ORDER = ("rules", "unit", "contract", "replay", "system")
_LONGEST_SOCKET_DIR = 60  # bytes; sun_path holds 108 (unix(7)), names need the rest
_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Every process started from here inherits this name, so that orphans are found too."""
    os.environ[leftovers.SESSION_VARIABLE] = str(os.getpid())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _rank(item.path.relative_to(config.rootpath).parts))


def _rank(parts: tuple[str, ...]) -> int:
    return next((_ORDER.index(part) for part in parts if part in _ORDER), len(_ORDER))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's folder."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data(root: Path) -> Path:
    """Pictures and videos that are too large for the repository. The one thing a test may be skipped for."""
    path = root.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("../shared/data is not here: this test needs its pictures and videos")
    return path


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's browser for playwright. Missing is a failure: `make test` installs it."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail(
            "Chromium is missing: sudo apt-get install -y --no-install-recommends chromium libatomic1 fonts-noto-core"
        )
    return path


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A directory of mode 0700 for sockets, with a path short enough for them whatever the test is called."""
    with tempfile.TemporaryDirectory(prefix="edge-") as name:
        if len(os.fsencode(name)) > _LONGEST_SOCKET_DIR:
            pytest.fail(f"{name} is too long for unix sockets: set TMPDIR to a shorter folder")
        yield Path(name)


@pytest.fixture
def station() -> str:
    """A station name that no other test or test session uses: its rings in /dev/shm are looked for at the end."""
    return f"{leftovers.station_prefix(os.getpid())}{next(_numbers)}"


@pytest.fixture(scope="session", autouse=True)
def _nothing_left_at_the_end() -> Iterator[None]:
    before = leftovers.take()
    yield
    _fail_on(leftovers.wait_gone(before), before)
    _fail_on_orphans()


@pytest.fixture(autouse=True)
def _nothing_left_running(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs around the test and its own fixtures; what module or session fixtures started is theirs to stop."""
    before = leftovers.take()
    yield
    _fail_on(leftovers.wait_gone(before), before)
    if os.sched_getscheduler(0) != os.SCHED_OTHER:  # what it starts would starve all others
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        pytest.fail("this test left the test process with real-time scheduling", pytrace=False)
    if request.node.get_closest_marker("system") or request.node.get_closest_marker("browser"):
        _fail_on_orphans()


def _fail_on(leaked: list[str], before: leftovers.Snapshot) -> None:
    if leaked:
        leftovers.end(leftovers.take().pids - before.pids)
        pytest.fail("left behind: " + "; ".join(leaked), pytrace=False)


def _fail_on_orphans() -> None:
    pids = leftovers.orphans(os.environ[leftovers.SESSION_VARIABLE])
    if pids:
        names = "; ".join(f"{pid}: {leftovers.command(pid)}" for pid in pids)
        leftovers.end(pids)
        pytest.fail(f"left behind without a parent: {names}", pytrace=False)
