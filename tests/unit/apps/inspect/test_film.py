"""A recorded video: parts found by the light barrier, or every frame; what ends too soon."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import EXIT_ERROR, EXIT_NO, EXIT_OK, SourceError, UsageError
from edge.service import Stop
from edge.settings.station import Station
from tests.unit.apps.inspect.bench import Notes, run, save, write_belt, write_recipe
from tests.unit.inference import made

SIZES = [30, 40, 24, 36]


@pytest.fixture
def belt(tmp_path: Path) -> Path:
    return write_belt(tmp_path / "belt.avi", SIZES)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """OK: the mean level of any cell of the whole frame stays below 300, as it always does."""
    return write_recipe(tmp_path / "recipe", unsure_from=300.0, ng_from=300.0)


def test_each_part_is_judged_once_where_it_is_centred(tmp_path: Path, belt: Path) -> None:
    package = made.package(tmp_path / "models", golden=made.GOLDEN)
    # Bright in the middle cells only when the part is centred; else the part would be OK.
    centre = made.Rect(x=72, y=40, width=16, height=16)
    locate = made.whole(160, 96)
    check = made.check(package, region=centre, unsure_from=100.0, ng_from=150.0)
    recipe = save(tmp_path, made.recipe(made.view((check,), locate=locate)))
    screen = Notes()
    outcome = run(belt, recipe, screen=screen)
    assert [part.verdict.value for part in screen.parts] == ["NG"] * len(SIZES)
    assert all(part.result.scores[0].score > 200 for part in screen.parts)
    assert outcome.exit_code == EXIT_NO
    frames = outcome.summary.frames
    assert frames is not None
    assert (frames.shown, frames.told, frames.undecodable, frames.cut_short) == (76, 76, 0, False)
    assert screen.seen[-1] == (76, 76)


def test_every_frame_is_a_part_when_asked_for(belt: Path, recipe: Path) -> None:
    outcome = run(belt, recipe, every_frame=True)
    assert (outcome.summary.parts, outcome.exit_code) == (76, EXIT_OK)


def test_barrier_settings_from_words(belt: Path, recipe: Path) -> None:
    few = run(belt, recipe, barrier=["max_length_px=38", "along=[0.02, 0.98]"])
    assert few.summary.parts == 3
    frames = few.summary.frames
    assert frames is not None
    assert frames.barrier is not None
    assert frames.barrier.too_long == 1
    for words in (["min_length"], ["size=3"], ["axis=z"], ["line=0.99", "along=[0.1, 0.9]"]):
        with pytest.raises(UsageError, match="--barrier"):
            run(belt, recipe, barrier=words)


def test_barrier_settings_from_a_station(tmp_path: Path, belt: Path, recipe: Path) -> None:
    camera = {"name": "top", "kind": "video", "width": 160, "height": 96, "barrier": {"min_length_px": 38}}
    tables = {"name": "st", "data_dir": tmp_path, "run_dir": tmp_path, "camera": [camera]}
    station = Station.model_validate(tables)
    outcome = run(belt, recipe, station=station)
    assert outcome.summary.parts == 1
    assert run(belt, recipe, station=station, barrier=["min_length_px=12"]).summary.parts == 4
    wide = Station.model_validate({**tables, "camera": [{**camera, "width": 640}]})
    with pytest.raises(SourceError, match="160x96, promised were 640x96"):
        run(belt, recipe, station=wide)


def test_frames_of_another_size_than_the_recipe_promises(tmp_path: Path, belt: Path) -> None:
    recipe = write_recipe(tmp_path / "strict", frame=(320, 240))
    with pytest.raises(SourceError, match="160x96, promised were 320x240"):
        run(belt, recipe, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_part_seen_is_an_error_and_never_all_ok(belt: Path, recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no part was seen in the 76 frames") as caught:
        run(belt, recipe, barrier=["min_length_px=90"], out=tmp_path / "out")
    assert "--every-frame" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_a_video_that_is_cut_short(tmp_path: Path, belt: Path, recipe: Path) -> None:
    data = belt.read_bytes()
    short = tmp_path / "short.avi"
    short.write_bytes(data[: len(data) * 2 // 3])
    outcome = run(short, recipe, out=tmp_path / "out")
    assert 1 <= outcome.summary.parts < len(SIZES)
    assert (outcome.exit_code, outcome.summary.complete, outcome.summary.all_ok) == (EXIT_ERROR, False, False)
    assert outcome.incomplete is not None
    assert "is damaged" in outcome.incomplete.message
    assert (tmp_path / "out/results.csv").is_file()


@pytest.mark.parametrize("content", [b"", b"no video at all", b"RIFF\x00\x00\x00\x00AVI LIST"])
def test_what_is_no_video(tmp_path: Path, recipe: Path, content: bytes) -> None:
    (tmp_path / "bad.avi").write_bytes(content)
    with pytest.raises(SourceError, match="cannot be played"):
        run(tmp_path / "bad.avi", recipe)


def test_stop_between_parts(belt: Path, recipe: Path) -> None:
    stop = Stop()
    stop.request()
    outcome = run(belt, recipe, stop=stop)
    assert (outcome.exit_code, outcome.summary.parts, outcome.summary.interrupted) == (EXIT_ERROR, 0, True)
