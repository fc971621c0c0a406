"""The station file: what cannot work on a real line is refused before the line starts, in words that say what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edge.errors import SettingsError
from edge.settings import station as stations
from edge.settings.station import Camera, Line, Station

EXAMPLES = ("sensor.toml", "two-cameras.toml", "video.toml")


def station(line: dict[str, Any] | None = None, **camera: Any) -> Station:
    return Station.model_validate(
        {
            "name": "s", "data_dir": "/d", "run_dir": "/r", "line": line or {},
            "camera": [{"name": "top", "kind": "virtual", "width": 64, "height": 48, **camera}],
        }
    )  # fmt: skip


def test_every_example_is_known_here(root: Path) -> None:
    assert tuple(sorted(path.name for path in (root / "deploy/stations").iterdir())) == EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_loads(root: Path, name: str) -> None:
    station = stations.load(root / "deploy/stations" / name)
    assert station.data_dir.is_absolute()
    assert station.file == root / "deploy/stations" / name
    hold_ms = station.line.longest_hold_ms
    assert hold_ms is None or hold_ms >= 40  # what recipes hold the gate when nothing else is said


def test_the_video_example_shows_a_video_that_is_here(root: Path) -> None:
    assert (root / stations.load(root / "deploy/stations/video.toml").camera[0].source).is_file()


# --- T_safe against the pitch ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("safe_ms", "loads"), [(100, True), (162, True), (163, False), (188, False)])
def test_the_relay_must_drop_before_the_next_part_is_at_the_gate(safe_ms: float, loads: bool) -> None:
    values = {"min_pitch_ms": 188, "body_ms": 25, "safe_ms": safe_ms}
    if loads:
        assert Line.model_validate(values).longest_hold_ms == 163 - safe_ms
        return
    with pytest.raises(ValidationError, match=r"shorter than min_pitch_ms - body_ms = 163"):
        Line.model_validate(values)


def test_without_a_pitch_nothing_is_claimed() -> None:
    line = Line(safe_ms=250)
    assert (line.longest_hold_ms, line.parts_in_flight) == (None, 1)


def test_a_gate_that_rests_on_pass_has_no_hold_to_check() -> None:
    line = Line(gate="reject_pulse", min_pitch_ms=188, body_ms=25, safe_ms=180)
    assert (line.longest_hold_ms, line.parts_in_flight) == (None, 11)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"min_pitch_ms": 188}, "belong together"),
        ({"body_ms": 25}, "belong together"),
        ({"min_pitch_ms": 188, "body_ms": 25, "safe_ms": 100, "min_gap_ms": 190}, "shorter than min_gap_ms"),
        ({"safe_ms": 2000}, "trigger-to-gate travel"),
        ({"safe_ms": 99}, "twice heartbeat_ms"),
        ({"gate": "reject_pulse", "permit_wired": False}, "permit wired"),
    ],
)
def test_what_does_not_fit_together_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Line.model_validate(values)


# --- the ring ----------------------------------------------------------------------------------------------------

CLOSE = {"min_pitch_ms": 100, "body_ms": 10, "safe_ms": 60, "heartbeat_ms": 20, "max_travel_ms": 1000}


@pytest.mark.parametrize(
    ("rate_fps", "slots", "loads"),
    [
        (10, 14, True),  # 10 parts, 1 being filled, 3 that may be claimed
        (10, 13, False),
        (100, 22, True),  # half the ring for those that may be claimed
        (100, 21, False),
    ],
)
def test_a_ring_must_hold_the_parts_in_flight(rate_fps: float, slots: int, loads: bool) -> None:
    if loads:
        assert station(CLOSE, rate_fps=rate_fps, slots=slots).line.parts_in_flight == 10
        return
    with pytest.raises(ValidationError, match=f"top has slots = {slots}: .* need {slots + 1} or more"):
        station(CLOSE, rate_fps=rate_fps, slots=slots)


def test_a_recording_that_waits_for_slots_needs_no_more() -> None:
    assert station(CLOSE, kind="folder", pace="free", rate_fps=10, slots=4).camera[0].slots == 4


@pytest.mark.parametrize(("rate_fps", "fresh_ms"), [(5, 250), (30, 250), (100, 80)])
def test_how_long_a_frame_waits_for_its_trigger(rate_fps: float, fresh_ms: float) -> None:
    assert Camera(name="a", kind="virtual", width=64, height=48, rate_fps=rate_fps).fresh_for_ms == fresh_ms


# --- the file ----------------------------------------------------------------------------------------------------

GOOD = 'name = "s"\ndata_dir = "d"\nrun_dir = "r"\n[[camera]]\nname = "a"\nkind = "virtual"\nwidth = 64\nheight = 48\n'


def test_paths_count_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text(GOOD)
    station = stations.load(tmp_path / "station.toml")
    assert (station.data_dir, station.run_dir) == (tmp_path / "d", tmp_path / "r")
    assert station.models_dir == tmp_path / "d" / "models"
    with pytest.raises(SettingsError, match="no camera 'b'"):
        station.camera_named("b")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"name = ", "is not TOML"),
        (b"\xff\xfe", "cannot be read"),
        (b"# " + b"x" * 200_000, "too large"),
        (b"", "name: Field required"),
        (GOOD.encode() + b"colour = 'red'\n", "camera.0.colour"),
        (GOOD.encode() + GOOD.encode().partition(b"[[")[2].join([b"[[", b""]), "two cameras have the same name"),
        (GOOD.encode() + b"[line]\ntrigger = 'barrier'\n", r"needs a \[camera.barrier\]"),
        (GOOD.replace('"r"', f'"{"r" * 71}"').encode(), "too long for socket addresses"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, text: bytes, words: str) -> None:
    path = tmp_path / "station.toml"
    path.write_bytes(text)
    with pytest.raises(SettingsError, match=words) as caught:
        stations.load(path)
    assert caught.value.hint
    with pytest.raises(SettingsError, match="cannot be read"):
        stations.load(tmp_path / "missing.toml")
