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
    Array,
    Example,
    KindsFit,
    Usual,
    describe,
    fit,
    left_out,
    name_vector,
    spot,
    usual,
    waiting,
)
from edge.store.kinds import UNKNOWN
from tests.unit.learning import made

TAPS = (6, 5)
DIGEST = "ab" * 32
MODEL = "plate@1"
USUAL = Usual(taps=TAPS, mean=np.zeros(11, np.float32), spread=np.ones(11, np.float32))
CENTRES = {kind: np.random.default_rng(n).standard_normal(22) for n, kind in enumerate(("dent", "nứt", "stain"))}


def example(kind: str, seed: int, spread: float = 0.3) -> Example:
    off = spread * np.random.default_rng([seed, len(kind)]).standard_normal(22)
    vector = CENTRES.get(kind, np.zeros(22)) + off
    return Example(kind=kind, vector=(vector / np.linalg.norm(vector)).astype(np.float32))


def known(count: int = 5, spread: float = 0.3) -> KindsFit:
    return fit([example(kind, seed, spread) for kind in CENTRES for seed in range(count)], USUAL, DIGEST, MODEL)


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
    found = fit(mixed, USUAL, DIGEST, MODEL)
    names = [name_vector(found, rng.standard_normal(22).astype(np.float32)).kind for _ in range(100)]
    assert names.count(UNKNOWN) > 80


def test_a_kind_with_two_examples_waits_and_the_others_do_not() -> None:
    examples = [example(kind, seed) for kind in ("dent", "stain") for seed in range(3)]
    examples += [example("nứt", seed) for seed in range(2)]
    assert waiting(examples) == {"nứt": 1}
    assert fit(examples, USUAL, DIGEST, MODEL).kinds == ("dent", "stain")
    with pytest.raises(UsageError, match="1 kinds have 3 examples"):
        fit(examples[:4], USUAL, DIGEST, MODEL)


def test_vectors_of_another_backbone_are_refused() -> None:
    odd = [replace(example(kind, n), vector=np.zeros(10, np.float32)) for kind in ("dent", "stain") for n in range(3)]
    with pytest.raises(UsageError, match="another backbone"):
        fit(odd, USUAL, DIGEST, MODEL)
    with pytest.raises(UsageError, match="another backbone"):
        describe((np.zeros((4, 2, 2), np.float32),), np.full((2, 2), 0.25, np.float32), USUAL)


@pytest.mark.parametrize("kind", ["", " dent", "Unknown", "a\nb", "x" * 41])
def test_names_that_cannot_be(kind: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        Example(kind=kind, vector=np.zeros(22, np.float32))


def test_the_spot_is_where_the_map_rises() -> None:
    heat = np.ones((8, 10), np.float32)
    heat[2:4, 5:8] = 5
    heat[7, 0] = 3
    found = spot(heat)
    assert found.sum() == pytest.approx(1)
    assert found[2, 6] == pytest.approx(4 * found[7, 0])
    assert found[2:4, 5:8].sum() > 0.95


def test_a_marked_place_holds_the_spot() -> None:
    heat = np.ones((8, 10), np.float32)
    heat[2, 5], heat[7, 0], heat[7, 1] = 5, 3, 2
    marked = np.array([70, 71])
    found = spot(heat, marked)
    assert found.ravel()[marked].sum() == pytest.approx(1)
    assert found[7, 0] > found[7, 1] > 0
    assert spot(np.ones((8, 10), np.float32), marked).ravel()[marked].tolist() == pytest.approx([0.5, 0.5])
    assert (spot(heat, np.array([], np.int64)) == spot(heat)).all()


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_the_peak_always_weighs_most(height: int, width: int, seed: int) -> None:
    heat = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    found = spot(heat)
    assert found.argmax() == heat.argmax()
    assert np.isfinite(found).all()
    assert (found >= 0).all()


def test_a_description_is_of_the_spot_against_the_whole() -> None:
    fine = np.zeros((6, 8, 8), np.float32)
    fine[2, 2:4, 2:4] = 5
    there = np.zeros((8, 8), np.float32)
    there[2:4, 2:4] = 0.25
    features = (fine, np.zeros((5, 4, 4), np.float32))
    vector = describe(features, there, USUAL)
    assert vector.shape == (22,)
    assert np.flatnonzero(vector).tolist() == [2, 13]
    whole = describe(features, np.full((8, 8), 1 / 64, np.float32), USUAL)
    assert not whole[11:].any()


def test_left_out_examples_tell_how_good_the_names_are() -> None:
    clear = [example(kind, seed) for kind in CENTRES for seed in range(5)]
    told = left_out(clear, fit(clear, USUAL, DIGEST, MODEL))
    assert sorted(kind for kind, _ in told) == sorted(one.kind for one in clear)
    assert sum(named.nearest == kind for kind, named in told) == 15
    rng = np.random.default_rng(6)
    mixed = [Example(kind=kind, vector=rng.standard_normal(22).astype(np.float32)) for kind in "ab" * 80]
    told = left_out(mixed, fit(mixed, USUAL, DIGEST, MODEL))
    assert len(told) == 160
    assert sum(named.nearest == kind for kind, named in told) < 112  # chance is 80


def test_how_sure_is_sure_is_learnt_from_what_a_new_defect_shows() -> None:
    """Marked places that the map would not find: the names of new defects cannot be trusted, and are not given."""
    rng = np.random.default_rng(8)
    marked = [example(kind, seed) for kind in CENTRES for seed in range(6)]
    elsewhere = [replace(one, unmarked=rng.standard_normal(22).astype(np.float32)) for one in marked]
    sure, unsure = (fit(one, USUAL, DIGEST, MODEL) for one in (marked, elsewhere))
    assert (sure.means == unsure.means).all()
    told = left_out(elsewhere, unsure)
    assert sum(named.kind == UNKNOWN for _, named in told) > 12
    assert sum(named.kind == UNKNOWN for _, named in left_out(marked, sure)) < 6


def test_an_example_of_three_can_be_left_out_without_its_kind_vanishing() -> None:
    few = [example(kind, seed) for kind in ("dent", "stain") for seed in range(3)] + [example("nứt", 0)]
    told = left_out(few, fit(few, USUAL, DIGEST, MODEL))
    assert [kind for kind, _ in told].count("dent") == 3
    assert {kind for kind, _ in told} == {"dent", "stain"}


def test_the_fit_comes_back_from_its_bytes() -> None:
    first = known()
    data = kinds_file.to_bytes(first)
    again = kinds_file.from_bytes(data)
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
        {"backbone": "cd"},
        {"model": "plate"},
    ],
)
def test_damaged_kinds_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        kinds_file.from_bytes(_spoilt(**changes))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_bytes_that_were_cut_or_changed_never_raise_anything_else(data: st.DataObject) -> None:
    whole = bytearray(kinds_file.to_bytes(known()))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    part = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        kinds_file.from_bytes(part)
    except ModelError:
        return


def _defective(number: int, kind: str) -> tuple[made.Pixels, Array]:
    """A good part with a scratch or a bright spot, and a map of 16 x 20 cells that rises there."""
    rng = np.random.default_rng([number, 9])
    picture, x, y = made.good(number), int(rng.integers(58, 102)), int(rng.integers(84, 96))
    if kind == "scratch":
        cv2.line(picture, (x - 10, y - 3), (x + 10, y + 3), (30, 30, 30), 3, cv2.LINE_AA)
    else:
        cv2.circle(picture, (x, y), 6, (250, 250, 250), -1, cv2.LINE_AA)
    heat = np.abs(picture.astype(np.float32) - made.good(number).astype(np.float32)).max(axis=2)
    return picture, np.asarray(cv2.resize(heat, (20, 16), interpolation=cv2.INTER_AREA), np.float32)


def test_scratches_and_spots_are_told_apart_from_three_of_each() -> None:
    backbone = load_backbone(FAST)
    extractor, preprocessor = Extractor(backbone), Preprocessor(backbone.preprocess(160, 128))

    def look(picture: made.Pixels) -> Features:
        return extractor.features(preprocessor.tensor(picture))

    normal = usual([look(made.good(number)) for number in range(6)])

    def vector(number: int, kind: str) -> Array:
        picture, heat = _defective(number, kind)
        return describe(look(picture), spot(heat), normal)

    kinds = ("scratch", "spot")
    examples = [Example(kind=kind, vector=vector(number, kind)) for kind in kinds for number in range(3)]
    found = fit(examples, normal, backbone.digest, MODEL)
    for kind in kinds:
        names = [name_vector(found, vector(number, kind)) for number in range(50, 60)]
        assert all(one.nearest == kind for one in names)
        assert sum(one.kind == kind for one in names) >= 6
