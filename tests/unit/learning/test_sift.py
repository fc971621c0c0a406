"""Doubtful teach pictures are flagged, each for what is wrong with it; sound ones are left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.domain.model import Preprocess
from edge.inference.preprocess import Preprocessor
from edge.learning import padim
from edge.learning.backbone import FAST, Extractor, load_backbone
from edge.learning.padim import FeatureStore
from edge.learning.samples import Sample, SampleCutter
from edge.learning.sift import Flag, FlagKind, doubts, outlying, sift
from tests.unit.learning import made

Pixels = made.Pixels
PLAN = Preprocess(width=160, height=128, mean=(0, 0, 0), std=(1, 1, 1), rgb=True)


def cut(frame: Pixels, name: str) -> Sample:
    return SampleCutter(made.LOCATE, PLAN).cut(frame, name)


GOOD = [cut(made.good(number), f"good {number}") for number in range(24)]


def blurred(frame: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), 1.5), np.uint8)


def moved(frame: Pixels) -> Pixels:
    """The belt ran while the shutter was open."""
    return np.asarray(cv2.blur(frame, (9, 1)), np.uint8)


def gained(gain: float) -> Callable[[Pixels], Pixels]:
    return lambda frame: np.clip(frame.astype(np.float32) * gain, 0, 255).astype(np.uint8)


def glaring(frame: Pixels) -> Pixels:
    shiny = frame.copy()
    cv2.circle(shiny, (80, 64), 24, (255, 255, 255), -1)
    return shiny


def other_product(frame: Pixels) -> Pixels:
    other = np.full_like(frame, 80)
    cv2.rectangle(other, (20, 30), (140, 60), (170, 170, 170), -1)
    return np.clip(other + np.random.default_rng(3).normal(0, 4, frame.shape), 0, 255).astype(np.uint8)


def kinds(flags: tuple[Flag, ...], name: str) -> set[FlagKind]:
    return {flag.kind for flag in flags if flag.name == name}


@pytest.mark.parametrize("count", [3, 5, 10, 24])
def test_a_clean_set_raises_no_flag(count: int) -> None:
    assert sift(GOOD[:count]) == ()


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (blurred, FlagKind.BLURRED),
        (moved, FlagKind.BLURRED),
        (gained(0.6), FlagKind.TOO_DARK),
        (gained(1.6), FlagKind.TOO_BRIGHT),
        (glaring, FlagKind.CLIPPED),
        (other_product, FlagKind.UNLIKE),
    ],
)
@pytest.mark.parametrize("count", [5, 24])
def test_what_is_wrong_with_a_picture_is_said(spoil: Callable[[Pixels], Pixels], kind: FlagKind, count: int) -> None:
    samples = [*GOOD[: count // 2], cut(spoil(made.good(70)), "odd"), *GOOD[count // 2 : count]]
    flags = sift(samples)
    assert kind in kinds(flags, "odd")
    assert {flag.name for flag in flags} == {"odd"}
    flag = next(flag for flag in flags if flag.kind is kind)
    low = kind in {FlagKind.BLURRED, FlagKind.TOO_DARK}
    assert flag.value < flag.limit if low else flag.value > flag.limit
    assert flag.words().startswith("odd ")


def test_one_view_shown_twice_is_named_with_its_first_though_the_lamp_flickered() -> None:
    frame = gained(1.04)(made.good(4)) + np.random.default_rng(2).normal(0, 1.5, (made.HEIGHT, made.WIDTH, 3))
    (flag,) = sift([*GOOD, cut(np.clip(frame, 0, 255).astype(np.uint8), "again")])
    assert (flag.name, flag.kind, flag.of) == ("again", FlagKind.NEAR_DUPLICATE, "good 4")
    assert "shows the same as good 4" in flag.words()


def test_one_part_photographed_again_and_again_is_no_set() -> None:
    rng, frame = np.random.default_rng(5), made.good(1)
    shots = [np.clip(frame + rng.normal(0, 0.7, frame.shape), 0, 255).astype(np.uint8) for _ in range(8)]
    flags = sift([cut(shot, f"shot {number}") for number, shot in enumerate(shots)])
    assert [flag.name for flag in flags if flag.kind is FlagKind.NEAR_DUPLICATE] == [f"shot {n}" for n in range(1, 8)]
    assert all(flag.of == "shot 0" or flag.kind is not FlagKind.NEAR_DUPLICATE for flag in flags)


def test_flags_come_in_the_order_of_the_pictures() -> None:
    samples = [cut(blurred(made.good(70)), "first"), *GOOD, cut(gained(0.5)(made.good(71)), "last")]
    names = [flag.name for flag in sift(samples)]
    assert names[0] == "first"
    assert names[-1] == "last"


def test_two_pictures_are_no_set() -> None:
    assert sift(GOOD[:2]) == ()


def test_pictures_without_any_contrast_raise_no_error() -> None:
    flat = [Sample(name=str(n), picture=np.full((32, 32, 3), 90, np.uint8)) for n in range(4)]
    assert {flag.kind for flag in sift(flat)} <= {FlagKind.NEAR_DUPLICATE}
    dark = [Sample(name=str(n), picture=np.zeros((32, 32, 3), np.uint8)) for n in range(4)]
    assert all(np.isfinite([flag.value, flag.limit]).all() for flag in sift([*dark, *GOOD[:0]]))


def test_a_small_defect_is_seen_by_the_scores_though_the_picture_is_sound() -> None:
    backbone = load_backbone(FAST)
    preprocess = backbone.preprocess(160, 128)
    frames = [made.good(number) for number in range(14)]
    frames.insert(6, made.scratched(3))
    names = [f"part {number}" for number in range(len(frames))]
    names[6] = "scratched"
    extractor, store = Extractor(backbone), FeatureStore(backbone.taps)
    samples = [SampleCutter(made.LOCATE, preprocess).cut(*one) for one in zip(frames, names, strict=True)]
    for sample in samples:
        store.add(extractor.features(Preprocessor(preprocess).tensor(sample.picture)))
    rows = range(len(frames))
    scores = [
        float(padim.anomaly_map(padim.fit(store, [r for r in rows if r != row]), store.row(row)).max()) for row in rows
    ]
    assert not kinds(sift(samples), "scratched") & {FlagKind.BLURRED, FlagKind.TOO_DARK, FlagKind.NEAR_DUPLICATE}
    (flag,) = outlying(names, scores)
    assert (flag.name, flag.kind) == ("scratched", FlagKind.OUTLYING)
    assert flag.value > flag.limit
    assert "may show a defect" in flag.words()
    assert flag in doubts(samples, scores)


def test_all_doubts_about_one_picture_stand_together() -> None:
    samples = [*GOOD[:5], cut(blurred(made.good(70)), "odd"), *GOOD[5:], cut(gained(0.5)(made.good(71)), "dark")]
    scores = [1.0 + 0.01 * number for number in range(len(samples))]
    scores[5] = 4.0
    found = [(flag.name, flag.kind) for flag in doubts(samples, scores)]
    assert found[0][0] == found[1][0] == "odd"
    assert ("odd", FlagKind.OUTLYING) in found
    assert found[-1] == ("dark", FlagKind.TOO_DARK)


@pytest.mark.parametrize("product", ["cookie", "paper", "aliens", "cans", "deeppcb"])
def test_sets_that_people_took_raise_few_flags(shared_data: Path, product: str) -> None:
    files = sorted((shared_data / product / "train" / "good").iterdir())[:31]
    frames = [np.asarray(cv2.imread(str(file)), np.uint8) for file in files]
    pictures = [np.asarray(cv2.resize(frame, (224, 224), interpolation=cv2.INTER_AREA), np.uint8) for frame in frames]
    flags = sift([Sample(name=file.name, picture=one) for file, one in zip(files, pictures, strict=True)])
    assert len(flags) <= 2
