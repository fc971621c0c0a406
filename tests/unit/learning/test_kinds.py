"""Kinds of defects from a few examples: named when sure, unknown otherwise; read back strictly."""

from __future__ import annotations

from dataclasses import replace

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ModelError, UsageError
from edge.inference.preprocess import Preprocessor
from edge.learning import kinds_file
from edge.learning.backbone import FAST, Extractor, Features, load_backbone
from edge.learning.kinds import (
    NEVER,
    UNKNOWN,
    Array,
    Example,
    KindsFit,
    Place,
    Usual,
    brightest,
    describe,
    fit,
    name,
    name_vector,
    usual,
    waiting,
)
from tests.unit.learning import made

TAPS = (6, 5)
DIGEST = "ab" * 32
USUAL = Usual(taps=TAPS, mean=np.zeros(11, np.float32), spread=np.ones(11, np.float32))
CENTRES = {kind: np.random.default_rng(n).standard_normal(22) for n, kind in enumerate(("dent", "nứt", "stain"))}


def example(kind: str, seed: int, spread: float = 0.3) -> Example:
    off = spread * np.random.default_rng([seed, len(kind)]).standard_normal(22)
    vector = CENTRES.get(kind, np.zeros(22)) + off
    return Example(kind=kind, vector=(vector / np.linalg.norm(vector)).astype(np.float32))


def known(count: int = 5, spread: float = 0.3) -> KindsFit:
    return fit([example(kind, seed, spread) for kind in CENTRES for seed in range(count)], USUAL, DIGEST)


@pytest.mark.parametrize("count", [3, 10])
def test_what_is_like_the_examples_is_named_for_them(count: int) -> None:
    found = [name_vector(known(count), example(kind, 500 + n).vector) for kind in CENTRES for n in range(40)]
    expected = [kind for kind in CENTRES for _ in range(40)]
    assert all(one.kind in {kind, UNKNOWN} for one, kind in zip(found, expected, strict=True))
    assert sum(one.kind == kind for one, kind in zip(found, expected, strict=True)) > 0.7 * len(found)


def test_what_is_like_none_of_them_is_unknown() -> None:
    rng = np.random.default_rng(4)
    others = [rng.standard_normal(22) for _ in range(60)]
    found = [name_vector(known(), (one / np.linalg.norm(one)).astype(np.float32)) for one in others]
    assert sum(one.kind == UNKNOWN for one in found) > 0.9 * len(found)
    assert {one.nearest for one in found} <= set(CENTRES)


def test_kinds_that_cannot_be_told_apart_are_not_named() -> None:
    rng = np.random.default_rng(6)
    mixed = [Example(kind=kind, vector=rng.standard_normal(22).astype(np.float32)) for kind in "ab" * 15]
    found = fit(mixed, USUAL, DIGEST)
    names = [name_vector(found, rng.standard_normal(22).astype(np.float32)).kind for _ in range(100)]
    assert names.count(UNKNOWN) > 80


def test_a_kind_with_two_examples_waits_and_the_others_do_not() -> None:
    examples = [example(kind, seed) for kind in ("dent", "stain") for seed in range(3)]
    examples += [example("nứt", seed) for seed in range(2)]
    assert waiting(examples) == {"nứt": 1}
    assert fit(examples, USUAL, DIGEST).kinds == ("dent", "stain")
    with pytest.raises(UsageError, match="1 kinds have 3 examples"):
        fit(examples[:4], USUAL, DIGEST)


def test_vectors_of_another_backbone_are_refused() -> None:
    odd = [replace(example(kind, n), vector=np.zeros(10, np.float32)) for kind in ("dent", "stain") for n in range(3)]
    with pytest.raises(UsageError, match="another backbone"):
        fit(odd, USUAL, DIGEST)
    with pytest.raises(UsageError, match="another backbone"):
        describe((np.zeros((4, 2, 2), np.float32),), Place(left=0, top=0, right=1, bottom=1), USUAL)


@pytest.mark.parametrize("kind", ["", " dent", "Unknown", "a\nb", "x" * 41])
def test_names_that_cannot_be(kind: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        Example(kind=kind, vector=np.zeros(22, np.float32))


@pytest.mark.parametrize(
    "corners", [(0, 0, 0, 1), (0.5, 0, 0.4, 1), (-0.1, 0, 1, 1), (0, 0, 1, 1.1), (float("nan"),) * 4]
)
def test_places_that_cannot_be(corners: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = corners
    with pytest.raises(UsageError, match="no rectangle"):
        Place(left=left, top=top, right=right, bottom=bottom)


def test_the_place_is_where_the_map_peaks() -> None:
    heat = np.ones((8, 10), np.float32)
    heat[2:4, 5:8] = (6, 8, 5)
    heat[7, 0] = 7.9
    assert brightest(heat) == Place(left=0.5, top=0.25, right=0.8, bottom=0.5)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_the_peak_is_always_inside_its_place(height: int, width: int, seed: int) -> None:
    heat = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    place = brightest(heat)
    y, x = np.unravel_index(int(heat.argmax()), heat.shape)
    assert place.left <= (x + 0.5) / width <= place.right
    assert place.top <= (y + 0.5) / height <= place.bottom


def test_a_description_is_of_the_place_and_its_surroundings() -> None:
    fine = np.zeros((6, 8, 8), np.float32)
    fine[2, 2:4, 2:4] = 5
    place = Place(left=0.25, top=0.25, right=0.5, bottom=0.5)
    vector = describe((fine, np.zeros((5, 4, 4), np.float32)), place, USUAL)
    assert vector.shape == (22,)
    assert np.flatnonzero(vector).tolist() == [2, 13]
    everywhere = Place(left=0, top=0, right=1, bottom=1)
    whole = describe((fine, np.zeros((5, 4, 4), np.float32)), everywhere, USUAL)
    assert not whole[11:].any()


def test_the_fit_comes_back_from_its_bytes() -> None:
    first = known()
    data = kinds_file.to_bytes(first)
    again = kinds_file.from_bytes(data, DIGEST)
    assert kinds_file.to_bytes(again) == data
    for seed in range(20):
        vector = example("dent", 900 + seed, 0.8).vector
        assert name_vector(again, vector) == name_vector(first, vector)


def _spoilt(**changes: object) -> bytes:
    told = msgspec.msgpack.decode(kinds_file.to_bytes(known()))
    return msgspec.msgpack.encode(told | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"extra": 1},
        {"kinds": ["dent", "dent", "stain"]},
        {"kinds": ["dent", "stain", "unknown"]},
        {"counts": [3, 3]},
        {"counts": [3, 3, 0]},
        {"means": b"1234"},
        {"usual_spread": b"\0" * 44},
        {"usual_mean": np.full(11, np.nan, "<f4").tobytes()},
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"sure_from": NEVER + 1},
        {"far_from": float("inf")},
        {"taps": [6, 6]},
        {"backbone": "cd" * 32},
    ],
)
def test_damaged_kinds_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        kinds_file.from_bytes(_spoilt(**changes), DIGEST)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_bytes_that_were_cut_or_changed_never_raise_anything_else(data: st.DataObject) -> None:
    whole = bytearray(kinds_file.to_bytes(known()))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    part = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        kinds_file.from_bytes(part, DIGEST)
    except ModelError:
        return


def _marked(number: int, kind: str) -> tuple[made.Pixels, Place]:
    """A good part with a scratch or a bright spot, and where."""
    rng = np.random.default_rng([number, 9])
    picture, x, y = made.good(number), int(rng.integers(58, 102)), int(rng.integers(84, 96))
    if kind == "scratch":
        cv2.line(picture, (x - 10, y - 3), (x + 10, y + 3), (30, 30, 30), 3, cv2.LINE_AA)
    else:
        cv2.circle(picture, (x, y), 6, (250, 250, 250), -1, cv2.LINE_AA)
    box = np.array([x - 12, y - 8, x + 12, y + 8]) / (made.WIDTH, made.HEIGHT, made.WIDTH, made.HEIGHT)
    left, top, right, bottom = (float(one) for one in box)
    return picture, Place(left=left, top=top, right=right, bottom=bottom)


def test_scratches_and_spots_are_told_apart_from_three_of_each() -> None:
    backbone = load_backbone(FAST)
    extractor, preprocessor = Extractor(backbone), Preprocessor(backbone.preprocess(160, 128))

    def look(picture: Array | made.Pixels) -> Features:
        return extractor.features(preprocessor.tensor(np.asarray(picture, np.uint8)))

    normal = usual([look(made.good(number)) for number in range(6)])
    examples = []
    for kind in ("scratch", "spot"):
        for number in range(3):
            picture, place = _marked(number, kind)
            examples.append(Example(kind=kind, vector=describe(look(picture), place, normal)))
    found = fit(examples, normal, backbone.digest)
    for kind in ("scratch", "spot"):
        probes = [_marked(number, kind) for number in range(50, 60)]
        names = [name(found, look(picture), place) for picture, place in probes]
        assert all(one.nearest == kind for one in names)
        assert sum(one.kind == kind for one in names) >= 6
