"""What reaches the model is what a slow float reference says, and thin scratches reach it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.domain.geometry import Rect
from edge.domain.model import Preprocess, Resize
from edge.domain.recipe import Locate, LocateKind
from edge.inference.cut import Cutter
from edge.inference.located import Affine, aligned, inverse, search_rect, transform, whole
from edge.inference.located import Located as Found
from edge.inference.preprocess import Preprocessor, resized
from tests.unit.inference.made import Pixels

STD = Preprocess(width=64, height=48, mean=(120.0, 110.0, 100.0), std=(58.0, 57.0, 59.0))


kinds = st.sampled_from([LocateKind.WHOLE, LocateKind.BLOB])


def _shares(source: int, target: int) -> np.ndarray:
    """(target, source) float64: how much of each source pixel goes into each target pixel."""
    edges = np.arange(target + 1) * source / target
    low, high = edges[:-1, None], edges[1:, None]
    cells = np.arange(source)
    return np.clip(np.minimum(high, cells + 1) - np.maximum(low, cells), 0, None) * target / source


def _by_area(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    rows, columns = _shares(picture.shape[0], height), _shares(picture.shape[1], width)
    return np.einsum("yh,hwc,xw->yxc", rows, picture.astype(np.float64), columns, optimize=True)


def _halved(picture: Pixels, width: int, height: int) -> np.ndarray:
    """Means of 2 x 2 px, again and again while three px or more go into one and none is left over."""
    levels = picture.astype(np.int64)
    while levels.shape[1] >= 3 * width and levels.shape[0] >= 3 * height:
        if levels.shape[0] % 2 or levels.shape[1] % 2:
            break
        levels = (levels[::2, ::2] + levels[1::2, ::2] + levels[::2, 1::2] + levels[1::2, 1::2] + 2) // 4
    return levels


def _reference(picture: Pixels, settings: Preprocess) -> tuple[np.ndarray, np.ndarray]:
    """(tensor float64, where rounding to 8 bit is a matter of taste)."""
    exact = _by_area(_halved(picture, settings.width, settings.height), settings.width, settings.height)
    tie = np.abs(exact - np.floor(exact) - 0.5) < 2e-3
    order = [2, 1, 0] if settings.rgb else [0, 1, 2]
    levels = np.rint(exact)[:, :, order]
    tensor = (levels - np.array(settings.mean)) / np.array(settings.std)
    return tensor.transpose(2, 0, 1)[None], tie[:, :, order].transpose(2, 0, 1)[None]


@settings(max_examples=25, deadline=None)
@given(st.integers(64, 420), st.integers(48, 420), st.booleans(), st.integers(0, 9999))
@example(384, 288, True, 1)
@example(420, 200, False, 2)
def test_the_tensor_is_the_slow_reference(width: int, height: int, rgb: bool, seed: int) -> None:
    chosen = Preprocess(width=64, height=48, mean=STD.mean, std=STD.std, rgb=rgb)
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    tensor = Preprocessor(chosen).tensor(picture)
    expected, tie = _reference(picture, chosen)
    assert (tensor.shape, tensor.dtype) == ((1, 3, 48, 64), np.float32)
    assert np.abs(tensor - expected)[~tie].max() < 1e-3
    assert np.abs(tensor - expected).max() < 1.01 / min(chosen.std)
    assert tie.mean() < 0.35  # even whole factors give many ties, others next to none


def test_no_resize_is_exact_in_every_level() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = np.stack([levels] * 3, axis=2)
    chosen = Preprocess(width=16, height=16)
    expected = (levels.astype(np.float64) - 127) / 128
    assert Preprocessor(chosen).tensor(picture)[0, 1] == pytest.approx(expected, abs=1e-6)


def test_grey_pictures_fill_all_channels() -> None:
    grey = np.random.default_rng(1).integers(0, 256, (96, 128, 1), np.uint8)
    same = Preprocessor(STD).tensor(np.repeat(grey, 3, axis=2))
    assert np.array_equal(Preprocessor(STD).tensor(grey), same)


def test_fit_keeps_the_shape_and_pads_with_the_mean() -> None:
    chosen = Preprocess(width=64, height=64, mean=(10.0, 20.0, 30.0), std=(2.0, 2.0, 2.0), resize=Resize.FIT)
    made = Preprocessor(chosen)
    out = made.buffer()
    out[:] = 7.0  # of another picture
    tensor = made.fill(np.full((100, 200, 3), 40, np.uint8), out)
    assert np.all(tensor[0, :, :16] == 0)
    assert np.all(tensor[0, :, 48:] == 0)
    assert tensor[0, :, 16:48].mean(axis=(1, 2)) == pytest.approx([15, 10, 5])
    middle = transform(made.to_input(200, 100), np.array([[99.5, 49.5]]))
    assert middle[0] == pytest.approx([31.5, 31.5])


def test_small_pictures_grow() -> None:
    tensor = Preprocessor(STD).tensor(np.full((20, 30, 3), 100, np.uint8))
    assert tensor[0, 2] == pytest.approx(np.zeros((48, 64)), abs=1e-6)


def test_a_buffer_is_used_again() -> None:
    made = Preprocessor(STD)
    out = made.buffer()
    assert made.fill(np.zeros((48, 64, 3), np.uint8), out) is out


def _placed(locate: Locate, frame: Pixels, x: float, y: float, angle: float) -> Affine:
    rect = search_rect(locate, frame.shape[1], frame.shape[0])
    assert rect is not None
    found = aligned(locate, rect, x, y, angle)
    assert isinstance(found, Found)
    return found.matrix


@pytest.mark.parametrize("angle", [0.0, 13.0, 45.0])
@pytest.mark.parametrize(("side", "factor"), [(256, 4), (250, 2), (500, 4), (110, 1)])
@pytest.mark.parametrize("kind", [LocateKind.WHOLE, LocateKind.BLOB])
def test_a_one_pixel_scratch_survives(kind: LocateKind, angle: float, side: int, factor: int) -> None:
    """Whatever its place between the sampling points, a scratch of 1 px keeps its light: shrunk by n, at least 1/2n."""
    locate = Locate(kind=kind, width_px=side, height_px=side)
    chosen = Preprocess(width=64, height=64, std=(1.0, 1.0, 1.0))
    cutter = Cutter.plan(locate, None, Preprocessor(chosen))
    assert cutter.factor == factor
    for offset in range(6):
        frame = np.full((600, 800, 3), 100, np.uint8)
        frame[:, 400 + offset] = 250
        picture = cutter.cut(frame, _placed(locate, frame, 401.3, 300.2, angle))
        seen = Preprocessor(chosen).tensor(picture)[0, 0] - (100 - 127)
        strongest = seen.max(axis=1)[20:44]  # every row crosses the scratch
        assert strongest.min() > 150 / (side / 64) / 2.1


def test_a_scratch_survives_along_a_side_that_is_squeezed_most() -> None:
    """640 x 160 px into 64 x 64: ten times across, two and a half times down."""
    locate = Locate(kind=LocateKind.BLOB, width_px=640, height_px=160)
    made = Preprocessor(Preprocess(width=64, height=64, std=(1.0, 1.0, 1.0)))
    cutter = Cutter.plan(locate, None, made)
    for offset in range(10):
        frame = np.full((300, 800, 3), 100, np.uint8)
        frame[:, 400 + offset] = 250
        seen = made.tensor(cutter.cut(frame, _placed(locate, frame, 401.3, 150.2, 2.0)))[0, 0] - (100 - 127)
        assert seen.max(axis=1)[20:44].min() > 150 / 10 / 2.1


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 9), st.floats(1, 1.99), st.integers(0, 9999))
def test_light_is_neither_lost_nor_moved_by_halving_first(factor: int, more: float, seed: int) -> None:
    """Against exact areas of the whole picture: every 4 x 4 px of the result keep their light within five levels.

    And the whole within half a level: each of up to three roundings moves the mean by an eighth.
    """
    width, height = round(64 * factor * more), 48 * factor
    rough = np.random.default_rng(seed).integers(0, 256, (height // 3, width // 3, 3), np.uint8)
    picture = np.asarray(cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    small = resized(picture, 64, 48).astype(np.float64)
    off = (small - _by_area(picture, 64, 48)).reshape(12, 4, 16, 4, 3).mean(axis=(1, 3))
    assert np.abs(off.mean()) < 0.5
    assert np.abs(off).max() < 5


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_a_scratch_survives_in_a_frame_larger_than_the_part_picture(scale: int) -> None:
    """The whole frame is the part, and the part picture is smaller than it."""
    locate = Locate(width_px=128, height_px=96)
    made = Preprocessor(Preprocess(width=64, height=48, std=(1.0, 1.0, 1.0)))
    for offset in range(2 * scale):
        frame = np.full((96 * scale, 128 * scale, 3), 100, np.uint8)
        frame[:, 60 * scale + offset] = 250
        rect = search_rect(locate, 128 * scale, 96 * scale)
        assert rect is not None
        seen = made.tensor(Cutter.plan(locate, None, made).cut(frame, whole(locate, rect).matrix))[0, 0] - (100 - 127)
        assert seen.max(axis=1).min() > 150 / (2 * scale) / 2.1


@settings(max_examples=25, deadline=None)
@given(st.floats(250, 550), st.floats(200, 400), st.floats(-180, 180), st.sampled_from([64, 150, 180]), kinds)
def test_a_cut_shows_what_lies_there(x: float, y: float, angle: float, side: int, kind: LocateKind) -> None:
    """A smooth frame, whose level at any place is known, cut, turned and shrunk."""
    columns, rows = np.meshgrid(np.arange(800.0), np.arange(600.0))
    frame = np.stack([columns * 0.25, rows * 0.3, 100 + columns * 0.1 - rows * 0.1], axis=2).round().astype(np.uint8)
    locate = Locate(kind=kind, width_px=200, height_px=200)
    region = Rect(x=20, y=30, width=side, height=150)
    cutter = Cutter.plan(locate, region, Preprocessor(Preprocess(width=32, height=32)))
    matrix = _placed(locate, frame, x, y, angle)
    cut = cutter.cut(frame, matrix)
    assert cut.shape == (*cutter.size[::-1], 3)
    middle = np.array([[20 + side / 2 - 0.5, 30 + 75 - 0.5]])
    at = transform(inverse(matrix), middle)[0]
    expected = [at[0] * 0.25, at[1] * 0.3, 100 + at[0] * 0.1 - at[1] * 0.1]
    h, w = cut.shape[:2]
    seen = cv2.getRectSubPix(cut, (1, 1), ((w - 1) / 2, (h - 1) / 2))[0, 0]
    assert seen == pytest.approx(expected, abs=1.6)


def test_an_upright_cut_at_full_scale_is_no_copy() -> None:
    frame = np.zeros((100, 200, 3), np.uint8)
    locate = Locate(width_px=64, height_px=32)
    cutter = Cutter.plan(locate, None, Preprocessor(Preprocess(width=64, height=32)))
    cut = cutter.cut(frame, _placed(locate, frame, 99.5, 49.5, 0))
    assert np.shares_memory(cut, frame)
    assert cut.shape == (32, 64, 3)


def test_beyond_the_frame_its_edge_is_repeated() -> None:
    frame = np.full((100, 100, 3), 80, np.uint8)
    locate = Locate(width_px=64, height_px=64)
    for side in (64, 16):
        cutter = Cutter.plan(locate, None, Preprocessor(Preprocess(width=side, height=side)))
        for x, y in ((2.0, 2.0), (99.0, 50.0), (-200.0, 50.0), (50.0, 400.0)):
            cut = cutter.cut(frame, _placed(locate, frame, x, y, 10))
            assert np.all(cut == 80)
