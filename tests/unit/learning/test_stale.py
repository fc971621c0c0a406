"""What has changed since a detector was taught, named as the recipe names it; what nobody knows is not compared."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from edge.domain.geometry import Rect
from edge.domain.recipe import Locate, LocateKind, Polarity
from edge.learning.stale import Today, differences
from edge.learning.teach_record import TeachChoices
from tests.unit.learning import made

TAUGHT = TeachChoices(
    locate=made.LOCATE, region=Rect(x=10, y=20, width=100, height=80), patch=None, cut_out=False, side_px=256,
    input_width=256, input_height=208, backbone="lite", backbone_sha256="a" * 64, rate=0.02, camera="top",
    frame_width=160, frame_height=128, calibration="", camera_settings="usb 1",
)  # fmt: skip
SAME = Today(
    camera="top", locate=made.LOCATE, region=TAUGHT.region, patch=None, frame=(160, 128), calibration="",
    camera_settings="usb 1", backbone="lite", backbone_sha256="a" * 64,
)  # fmt: skip


def told(taught: TeachChoices = TAUGHT, **now: Any) -> list[str]:
    return [one.words() for one in differences(taught, replace(SAME, **now))]


def test_nothing_has_changed() -> None:
    assert told() == []


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"region": Rect(x=12, y=20, width=100, height=80)}, "region: 10,20,100,80 -> 12,20,100,80"),
        ({"region": None}, "region: 10,20,100,80 -> -"),
        ({"patch": Rect(x=0, y=0, width=9, height=9)}, "picture.patch: - -> 0,0,9,9"),
        ({"frame": (80, 64)}, "frame: 160 x 128 -> 80 x 64"),
        ({"camera": "side"}, "camera: top -> side"),
        ({"calibration": "top@2"}, "calibration: - -> top@2"),
        ({"camera_settings": "usb 2"}, "camera settings: usb 1 -> usb 2"),
        ({"backbone_sha256": "b" * 64}, "backbone: lite aaaaaaaa -> lite bbbbbbbb"),
        ({"locate": replace(made.LOCATE, max_shift_px=12.5)}, "locate.max_shift_px: 65535 -> 12.5"),
        ({"locate": replace(made.LOCATE, polarity=Polarity.DARK)}, "locate.polarity: any -> dark"),
    ],
)
def test_each_is_named(now: dict[str, Any], words: str) -> None:
    assert told(**now) == [words]


def test_every_setting_of_the_locator_counts() -> None:
    other = Locate(
        kind=LocateKind.TEMPLATE, search=None, width_px=50, height_px=40, rotate=True, polarity=Polarity.DARK,
        min_area_px=1, max_area_px=2, max_angle_deg=3.0, max_shift_px=4.0, min_match=0.6, template=b"png",
    )  # fmt: skip
    assert len(told(locate=other)) == len(fields(Locate))
    assert any(words.startswith("locate.template: - -> picture ") for words in told(locate=other))


def test_what_nobody_knows_is_not_compared() -> None:
    assert told(frame=None, camera_settings="") == []
    assert told(replace(TAUGHT, frame_width=0, frame_height=0, camera_settings=""), frame=(80, 64)) == []
