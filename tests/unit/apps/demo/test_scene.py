"""The picture side of the virtual line: same seed same bytes, defects that show, numbers that survive."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.apps.demo.scene import faults, record
from edge.apps.demo.scene.belt import RAIL_PATCH, rail_patch
from edge.apps.demo.scene.render import Renderer
from edge.apps.demo.scene.spec import DEFECTS, PRODUCTS, SEVERITIES, Defect, draw_spec
from edge.apps.demo.scene.stamp import STRIP_PX, read_number, write_number
from edge.errors import UsageError

MEDIA = Path(__file__).parents[3] / "media"
MIDDLE = 400.0
CASES = [(product, kind) for product in PRODUCTS for kind in DEFECTS[product]]


@pytest.fixture(scope="module")
def renderers() -> dict[str, Renderer]:
    return {product: Renderer(product, 1) for product in PRODUCTS}


def damaged(product, n, kind, severity):
    return replace(draw_spec(product, n, 1, 0.0), defect=Defect(kind=kind, severity=severity))


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_same_seed_gives_the_same_bytes_whatever_was_drawn_before(product, renderers):
    spec = draw_spec(product, 7, 1, 1.0)
    other = Renderer(product, 1)
    first = other.frame([(spec, MIDDLE)], 120.0, 3, 7)
    renderers[product].frame([(draw_spec(product, 8, 1, 0.0), 300.0)], 55.0, 2, 8)
    again = renderers[product].frame([(spec, MIDDLE)], 120.0, 3, 7)
    assert np.array_equal(first, again)


def test_another_seed_gives_another_picture():
    one, two = (Renderer("ring", seed).frame([], 0.0, 1, None) for seed in (1, 2))
    assert not np.array_equal(one, two)


def test_a_frame_has_the_promised_shape_in_both_sizes(renderers):
    assert renderers["biscuit"].frame([], 0.0, 0, None).shape == (600, 800, 3)
    small = Renderer("biscuit", 1, (360, 480)).frame([(draw_spec("biscuit", 1, 1, 0.0), 240.0)], 0.0, 0, 4)
    assert small.shape == (360, 480, 3)
    assert small.dtype == np.uint8
    assert read_number(small) == 4


@pytest.mark.parametrize("size", [(600, 600), (240, 320)])
def test_a_size_that_cannot_be_drawn_is_refused(size):
    with pytest.raises(UsageError, match="cannot draw"):
        Renderer("ring", 1, size)


def test_an_unknown_product_is_refused_with_the_names():
    with pytest.raises(UsageError, match="biscuit, ring, carton"):
        draw_spec("brick", 1, 1, 0.0)


@pytest.mark.parametrize(("product", "kind"), CASES)
def test_a_defect_shows_more_the_worse_it_is_and_its_mask_says_where(product, kind, renderers):
    renderer = renderers[product]
    shown = {}
    for severity in SEVERITIES:
        differences = []
        for n in (31, 32, 33):
            spec = damaged(product, n, kind, severity)
            twin = renderer.frame([(replace(spec, defect=None), MIDDLE)], 0.0, 5, None)
            difference = cv2.absdiff(renderer.frame([(spec, MIDDLE)], 0.0, 5, None), twin)
            mask = renderer.defect_mask(spec)
            assert mask.shape == (600, 800)
            assert set(np.unique(mask)) == {0, 255}
            near = cv2.dilate(mask, np.ones((61, 61), np.uint8)) > 0
            assert difference[near].sum() > 0.95 * difference.sum()
            differences.append(float(difference.sum()))
        shown[severity] = np.median(differences)
    assert shown["gross"] > 1.5 * shown["subtle"]
    assert shown["medium"] > shown["subtle"] > 0


def test_a_good_part_has_an_empty_mask(renderers):
    assert not renderers["ring"].defect_mask(draw_spec("ring", 1, 1, 0.0)).any()


@pytest.mark.parametrize("product", PRODUCTS)
def test_parts_stand_out_from_the_belt_and_stay_on_it(product, renderers):
    for n in range(20):
        spec = draw_spec(product, n, 1, 0.5)
        scene = renderers[product].frame([(spec, MIDDLE)], 40.0 * n, n, None)
        empty = renderers[product].frame([], 40.0 * n, n, None)
        red = scene[70:542, :, 2]
        assert np.quantile(empty[70:542, :, 2], 0.997) < 95
        blob = (red > 95).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(blob)
        _, y, width, height, area = stats[1 + stats[1:, cv2.CC_STAT_AREA].argmax()]
        assert count > 1
        assert area > 30_000 or spec.defect is not None
        assert (y > 0, y + height < 472) == (True, True), spec
        assert 270 < width < 450


def test_the_rail_patch_is_steady_sharp_and_alive(renderers):
    x, y, width, height = RAIL_PATCH
    renderer = renderers["carton"]
    patches = [
        renderer.frame([(draw_spec("carton", n, 1, 0.0), MIDDLE)], 90.0 * n, n, n)[y : y + height, x : x + width]
        for n in range(12)
    ]
    means = [float(patch.mean()) for patch in patches]
    assert max(means) - min(means) < 0.5
    assert all(not np.array_equal(a, b) for a, b in pairwise(patches))
    sharp = cv2.Laplacian(patches[0], cv2.CV_32F).var()
    whole = faults.blur(renderer.frame([], 0.0, 0, 0))
    assert cv2.Laplacian(whole[y : y + height, x : x + width], cv2.CV_32F).var() < 0.1 * sharp


def test_the_rail_patch_scales_with_the_frame():
    assert rail_patch((600, 800)) == RAIL_PATCH
    assert rail_patch((360, 480)) == (24, 7, 432, 24)


def test_the_belt_moves_with_its_offset_and_comes_round(renderers):
    still = Renderer("ring", 1, noise=0.0)
    a, b = still.frame([], 0.0, 0, None), still.frame([], 40.0, 0, None)
    light_only = cv2.absdiff(a[70:540, 100:600], b[70:540, 140:640])
    assert light_only.mean() < 2.0 < cv2.absdiff(a[70:540], b[70:540]).mean()
    assert np.array_equal(a, still.frame([], 2400.0, 0, None))


@given(n=st.integers(0, 2**32 - 1), gain=st.floats(0.7, 1.2), width=st.sampled_from([480, 640, 800]))
@settings(max_examples=60, deadline=None)
def test_a_number_survives_jpeg_and_a_change_of_light(n, gain, width):
    frame = np.full((width * 3 // 4, width, 3), 90, np.uint8)
    write_number(frame, n)
    frame = cv2.convertScaleAbs(frame, alpha=gain)
    _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 80])
    assert read_number(cv2.imdecode(data, cv2.IMREAD_COLOR)) == n


@given(n=st.integers(0, 2**32 - 1), cell=st.integers(4, 43))
@settings(max_examples=60, deadline=None)
def test_one_wrong_cell_is_never_read_as_a_number(n, cell):
    frame = np.zeros((600, 800, 3), np.uint8)
    write_number(frame, n)
    width = 800 // 48
    spot = np.s_[-STRIP_PX:, cell * width : (cell + 1) * width]
    frame[spot] = 230 - frame[spot]
    assert read_number(frame) is None


def test_a_frame_without_a_number_reads_as_none(renderers):
    assert read_number(renderers["ring"].frame([], 0.0, 0, None)) is None
    assert read_number(np.zeros((600, 800, 3), np.uint8)) is None
    assert read_number(np.zeros((4, 100, 3), np.uint8)) is None


def test_a_number_that_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="cannot be written"):
        write_number(np.zeros((600, 800, 3), np.uint8), 2**32)


def test_faults_spoil_the_light_and_leave_the_frame_alone(renderers):
    frame = renderers["biscuit"].frame([(draw_spec("biscuit", 1, 1, 0.0), MIDDLE)], 0.0, 0, 9)
    kept = frame.copy()
    assert faults.black(frame).mean() < 5
    assert faults.dim(frame).mean() < 0.5 * frame.mean()
    assert faults.bright(frame).mean() > 1.4 * frame.mean()
    assert faults.blur(frame).shape == frame.shape
    assert read_number(faults.black(frame)) is None
    assert np.array_equal(frame, kept)


def test_drawing_is_by_rate_and_covers_every_kind_and_severity():
    specs = [draw_spec("carton", n, 3, 0.3) for n in range(1500)]
    defects = [spec.defect for spec in specs if spec.defect is not None]
    assert 0.25 < len(defects) / len(specs) < 0.35
    assert {(d.kind, d.severity) for d in defects} == {(k, s) for k in DEFECTS["carton"] for s in SEVERITIES}
    assert specs == [draw_spec("carton", n, 3, 0.3) for n in range(1500)]


def test_the_committed_videos_have_the_truth_that_is_planned_now():
    for name, _, plan in record.video_plans():
        kept = json.loads((MEDIA / name / "truth.json").read_text(encoding="utf-8"))
        assert record.video_truth(plan) == kept, f"{name}: write it again with edge.apps.demo.scene.record"


@pytest.mark.parametrize("name", [*PRODUCTS, "biscuit_stop"])
def test_a_committed_video_decodes_and_shows_each_part_where_its_truth_says(name):
    truth = json.loads((MEDIA / name / "truth.json").read_text(encoding="utf-8"))
    video = cv2.VideoCapture(str(MEDIA / name / "line.mp4"))
    numbers = []
    while (got := video.read())[0]:
        assert got[1].shape == (truth["height"], truth["width"], 3)
        numbers.append(read_number(got[1]))
    video.release()
    assert len(numbers) == truth["frames"]
    assert [numbers[part["frame"]] for part in truth["parts"]] == [part["n"] for part in truth["parts"]]


def test_the_committed_stills_have_their_truth_masks_and_numbers():
    folder = MEDIA / "biscuit_stills"
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    assert truth == record.stills_truth("biscuit", record.SEED)
    for part in truth["parts"]:
        assert read_number(cv2.imread(str(folder / part["file"]))) == part["n"]
        mask = folder / part["file"].replace("test/", "ground_truth/").replace(".jpg", "_mask.png")
        assert mask.exists() == (part["defect"] is not None)


def test_media_are_small_enough_to_live_in_the_repository():
    assert sum(path.stat().st_size for path in MEDIA.rglob("*") if path.is_file()) < 10_000_000


def test_record_says_what_is_wrong_when_it_cannot_write(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises(UsageError, match="cannot write"):
        record.main([str(blocked)])
