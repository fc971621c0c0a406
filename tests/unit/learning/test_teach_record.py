"""The record of what a package was taught with: the same after a round trip, and refused when it cannot be."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from edge.domain.geometry import Rect
from edge.domain.recipe import Locate, LocateKind
from edge.errors import ModelError
from edge.learning.teach_record import (
    Origin,
    TeachChoices,
    TeachPicture,
    TeachRecord,
    camera_text,
    dump_record,
    load_record,
)
from edge.settings.station import Camera

PICTURES = (
    TeachPicture(name="a.PNG", sha256="1" * 64, ending=".png", origin=Origin.FILE, width=160, height=128),
    TeachPicture(
        name="s1/2/7", sha256="2" * 64, ending=".jpg", origin=Origin.PART, part="s1/2/7", width=160, height=128,
        dropped="left out by a person", lossy=True,
    ),
)  # fmt: skip
CHOICES = TeachChoices(
    locate=Locate(kind=LocateKind.TEMPLATE, template=b"\x89PNG\xff"), region=Rect(x=1, y=2, width=30, height=40),
    patch=None, cut_out=False, side_px=256, input_width=288, input_height=224, backbone="efficientnet-lite2",
    backbone_sha256="a" * 64, rate=0.002, camera="top", frame_width=160, frame_height=128, calibration="top@3",
    camera_settings="b" * 64,
)  # fmt: skip
RECORD = TeachRecord(pictures=PICTURES, choices=CHOICES, taught_at="2026-11-28T10:00:00+00:00")


def test_a_round_trip_changes_nothing() -> None:
    assert load_record(dump_record(RECORD)) == RECORD
    assert RECORD.taught_with == PICTURES[:1]
    assert [one.file for one in PICTURES] == ["1" * 64 + ".png", "2" * 64 + ".jpg"]


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        (("format",), 2, "format"),
        (("pictures",), [], "pictures"),
        (("more",), 1, "more"),
        (("pictures", 0, "sha256"), "../" + "1" * 61, "sha256"),
        (("pictures", 0, "ending"), ".png/../../x", "ending"),
        (("pictures", 0, "part"), "s1/1/1", "part"),
        (("pictures", 1, "part"), "", "part"),
        (("pictures", 0, "width"), 0, "size"),
        (("pictures", 0, "origin"), "net", "origin"),
        (("choices", "rate"), 0, "rate"),
        (("choices", "backbone_sha256"), "x", "backbone"),
        (("choices", "camera"), "../x", "camera"),
        (("choices", "camera_settings"), "b" * 501, "camera_settings"),
        (("choices", "input_width"), 100_000, "input"),
        (("choices", "locate", "width_px"), 1, "part picture"),
        (("choices", "region", "x"), -1, "rectangle"),
    ],
)
def test_what_cannot_be_is_refused(where: tuple[str | int, ...], value: object, words: str) -> None:
    told: Any = json.loads(dump_record(RECORD))
    inner = told
    for step in where[:-1]:
        inner = inner[step]
    inner[where[-1]] = value
    with pytest.raises(ModelError, match=words):
        load_record(json.dumps(told).encode())


def test_only_what_changes_the_picture_changes_what_is_said_of_the_camera() -> None:
    camera = Camera(name="top", kind="virtual", width=800, height=600)
    same = camera.model_copy(update={"slots": 32, "rate_fps": 5.0, "stale_after_ms": 500.0})
    other = camera.model_copy(update={"height": 480})
    assert camera_text(same) == camera_text(camera) != camera_text(other)
    assert camera_text(camera).endswith("800 x 600 px, colour")
    secret = camera.model_copy(update={"source": "rtsp://user:word@host"})
    assert "word" not in camera_text(secret)
    assert camera_text(secret) != camera_text(camera)


def test_too_many_pictures_are_refused() -> None:
    with pytest.raises(ModelError, match="pictures"):
        load_record(dump_record(replace(RECORD, pictures=PICTURES * 5001)))
