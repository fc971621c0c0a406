"""What can be asked of the demo, and what is refused before anything starts."""

from __future__ import annotations

import socket
from pathlib import Path

import cv2
import pytest

from edge.apps.demo.books import Books
from edge.apps.demo.demo import DemoOptions, check_port, kept_pictures, run
from edge.apps.demo.scene.render import Renderer
from edge.apps.demo.scene.spec import draw_spec
from edge.domain.verdict import Verdict
from edge.errors import AlreadyRunning, ServiceError, StoreError, UsageError
from edge.service import FileLock, Stop
from edge.store.evidence import EvidenceStore, Image
from tests.unit.apps.demo import accounts


def test_seconds_are_parts() -> None:
    assert DemoOptions(seconds=600).parts == 3000
    assert DemoOptions(seconds=60, rate_per_min=600).parts == 600
    assert DemoOptions(seconds=0.01).parts == 1
    assert DemoOptions().parts == 0


@pytest.mark.parametrize(
    "wrong", [{"seconds": -1.0}, {"seconds": float("nan")}, {"seed": -1}, {"rate_per_min": 900.0}, {"travel_ms": 50.0}]
)
def test_wrong_wishes(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        DemoOptions(**wrong)  # type: ignore[arg-type]


def test_a_port_in_use() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match=str(port)):
            check_port(port)
    check_port(port)


def test_a_second_demo_in_the_same_folder(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "demo.lock")
    lock.acquire("the demo")
    try:
        with pytest.raises(AlreadyRunning):
            run(DemoOptions(folder=tmp_path, headless=True), Stop())
    finally:
        lock.release()


def test_pictures_are_read_from_their_pixels(tmp_path: Path) -> None:
    parts = accounts.books().parts[:2]
    books = Books(parts=parts, outages=(), open_parts=0)
    assert kept_pictures(tmp_path, books) == {}
    store = EvidenceStore(tmp_path / "evidence.db")
    (tmp_path / "images").mkdir()
    renderer = Renderer("biscuit", 1, (360, 480))
    for part, number in zip(parts, (1, 77), strict=True):
        name = f"{part.row}.jpg"
        picture = renderer.frame([(draw_spec("biscuit", number, 1, 0.0), 240.0)], 0.0, number, number)
        cv2.imwrite(str(tmp_path / "images" / name), picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
        image = Image(
            part=part.record.part, row=part.row, view="top", kind="frame", path=name, bytes=1, width=480,
            height=360, verdict=Verdict.NG, created_wall="2026-01-01T00:00:00Z", created_ns=1,
        )  # fmt: skip
        store.record(position=part.row, images=[image])
    found = kept_pictures(tmp_path, books)
    (tmp_path / "images" / "1.jpg").write_bytes(b"half")
    with pytest.raises(StoreError, match="not a whole picture"):
        kept_pictures(tmp_path, books)
    store.close()
    assert list(found.values()) == [1, 77]
