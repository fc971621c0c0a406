"""The station file, `station.toml`: hardware and paths of this device. Nothing else reads configuration."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, StringConstraints, ValidationError, model_validator

from edge.domain.barrier import BarrierSettings
from edge.errors import SettingsError

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
Length = Annotated[float, Field(ge=0, le=1_000_000)]
Level = Annotated[int, Field(ge=0, le=255)]
MAX_STATION_BYTES = 200_000
_FRESH_FOR_MS = 250.0  # long enough for any trigger to claim its frame


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class BarrierTable(Strict):
    """`[camera.barrier]`: the light barrier in the image. Fields, defaults and what must fit together are those of
    `edge.domain.barrier.BarrierSettings`; the bounds here only keep nonsense out."""

    axis: Literal["x", "y"] = "x"
    direction: Literal["+", "-"] = "+"
    line: Fraction = 0.5
    along: tuple[Fraction, Fraction] = (0.0, 1.0)
    across: tuple[Fraction, Fraction] = (0.0, 1.0)
    min_length_px: Length = 12.0
    max_length_px: Length | None = None
    min_width_px: Length | None = None
    part_length_px: Length | None = None
    learn_part_length: bool = False
    join_gap_px: Length = 0.0
    background: Literal["taught", "level"] = "taught"
    background_bgr: tuple[Level, Level, Level] | None = None
    teach_frames: Annotated[int, Field(ge=1, le=120)] = 15
    must_be_empty: bool = True
    polarity: Literal["any", "brighter", "darker"] = "any"
    threshold: Annotated[int, Field(ge=1, le=254)] | None = None
    threshold_floor: Annotated[int, Field(ge=1, le=254)] = 24
    min_travel_px: Length | None = None
    absorb_after_ms: Annotated[float, Field(gt=0, le=3_600_000)] = 2_000.0
    coast_ms: Annotated[float, Field(ge=0, le=60_000)] = 500.0
    return_window_ms: Annotated[float, Field(ge=0, le=3_600_000)] = 5_000.0

    @model_validator(mode="after")
    def _fits_together(self) -> BarrierTable:
        try:
            self.settings()
        except SettingsError as error:
            raise ValueError(error.message) from error
        return self

    def settings(self) -> BarrierSettings:
        return BarrierSettings(**self.model_dump())


class Camera(Strict):
    """`[[camera]]`. `source` is read by the kind: a file, a folder, a device or a pipeline.

    slots: frames kept in the ring. rate_fps: rated speed, a bar of the bench and the pace of folders.
    pace: recorded media at their own time stamps (`recorded`) or as fast as parts are judged (`free`).
    """

    name: Name
    kind: Literal["virtual", "video", "folder"]
    source: str = ""
    width: Annotated[int, Field(ge=16, le=16_384)]
    height: Annotated[int, Field(ge=16, le=16_384)]
    channels: Literal[1, 3] = 3
    rate_fps: Annotated[float, Field(gt=0, le=1000)] = 30.0
    slots: Annotated[int, Field(ge=4, le=256)] = 16
    pace: Literal["recorded", "free"] = "recorded"
    loop: bool = False
    stale_after_ms: Annotated[float, Field(ge=100, le=600_000)] = 2000.0
    triggered: bool = False  # exposes on the trigger: no frames between parts is not a loss
    barrier: BarrierTable | None = None

    @property
    def fresh_for_ms(self) -> float:
        """How long a frame is kept for a trigger that may claim it: a quarter of a second, or half the ring."""
        return min(_FRESH_FOR_MS, self.slots / 2 / self.rate_fps * 1000)

    def slots_for(self, parts: int) -> int:
        """Slots the ring needs while `parts` wait for their verdict, so that none loses its frame: theirs, the one
        being filled, and those that may still be claimed, which take half the ring at most (docs/decisions/0003)."""
        claimed = parts + 1
        return claimed + min(claimed, math.ceil(self.rate_fps * _FRESH_FOR_MS / 1000))


class Line(Strict):
    """`[line]`: sensor, belt, gate, permit. Times in ms.

    port: which I/O drives it. trigger: what announces a part (`sensor` edge, light `barrier`, `software`).
    travel_unit: gate travel of recipes is belt running time or encoder ticks. max_travel_ms: longest time from
    trigger to gate at running belt, used for purging. min_gap_ms: edges closer than this are rejected.
    lead_ms: actuator lead; the cut-off is gate time minus lead. safe_ms: T_safe of the external relay.
    ledger_budget_mb: the oldest parts go when their records take more; keep_days: or when they are older, counted in
    the line's working time.
    min_pitch_ms, body_ms: the shortest time between the middles of two parts, and how long before and after its
    middle the gate feels a part. Without them nobody has checked that a killed `line` lets no second part through
    and that the rings are long enough (docs/decisions/0005).
    """

    port: Literal["simulated"] = "simulated"
    trigger: Literal["sensor", "barrier", "software"] = "sensor"
    travel_unit: Literal["time", "encoder"] = "time"
    belt_input: bool = True
    gate: Literal["pass_pulse", "reject_pulse"] = "pass_pulse"
    permit_wired: bool = True
    confirm_input: bool = True
    confirm_within_ms: Annotated[float, Field(ge=10, le=60_000)] = 1000.0
    max_travel_ms: Annotated[float, Field(ge=50, le=600_000)] = 2000.0
    min_gap_ms: Annotated[float, Field(ge=0, le=60_000)] = 20.0
    lead_ms: Annotated[float, Field(ge=1, le=5000)] = 30.0
    heartbeat_ms: Annotated[float, Field(ge=5, le=1000)] = 50.0
    safe_ms: Annotated[float, Field(ge=20, le=10_000)] = 250.0
    min_pitch_ms: Annotated[float, Field(ge=20, le=600_000)] | None = None
    body_ms: Annotated[float, Field(ge=0, le=60_000)] | None = None
    time_gap_ms: Annotated[float, Field(ge=5, le=5000)] = 50.0
    ledger_reserve_mb: Annotated[int, Field(ge=1, le=4096)] = 32
    ledger_budget_mb: Annotated[int, Field(ge=10, le=10_000_000)] = 8000
    keep_days: Annotated[int, Field(ge=1, le=36_500)] = 730

    @model_validator(mode="after")
    def _relay_is_faster_than_the_belt(self) -> Line:
        if self.safe_ms >= self.max_travel_ms:
            raise ValueError("safe_ms must be shorter than the shortest trigger-to-gate travel")
        if self.heartbeat_ms * 2 > self.safe_ms:
            raise ValueError("safe_ms must be at least twice heartbeat_ms")
        if self.gate == "reject_pulse" and not self.permit_wired:
            raise ValueError("reject_pulse is allowed only with the permit wired (permit_wired = true)")
        return self

    @model_validator(mode="after")
    def _relay_drops_before_the_next_part(self) -> Line:
        if (self.min_pitch_ms is None) is not (self.body_ms is None):
            raise ValueError("min_pitch_ms and body_ms belong together: give both or neither")
        if self.min_pitch_ms is not None and self.min_pitch_ms < self.min_gap_ms:
            raise ValueError("min_pitch_ms is shorter than min_gap_ms: such parts would all be rejected")
        hold_ms = self.longest_hold_ms
        if hold_ms is not None and hold_ms <= 0:
            raise ValueError(
                f"safe_ms = {self.safe_ms:g} would leave a killed line's gate open for the next part: it must be "
                f"shorter than min_pitch_ms - body_ms = {hold_ms + self.safe_ms:g}, less what recipes hold the gate"
            )
        return self

    @property
    def longest_hold_ms(self) -> float | None:
        """The longest `after_ms` a recipe may have here: a pass pulse that a killed `line` left standing must have
        been dropped by the relay before the gate feels the next part. None: nobody said how close parts come, or the
        gate rests on pass, where only the permit helps (docs/decisions/0005)."""
        if self.gate != "pass_pulse" or self.min_pitch_ms is None or self.body_ms is None:
            return None
        return self.min_pitch_ms - self.body_ms - self.safe_ms

    @property
    def parts_in_flight(self) -> int:
        """The most parts between trigger and gate; 1 when nobody said how close they come."""
        return 1 if self.min_pitch_ms is None else math.ceil(self.max_travel_ms / self.min_pitch_ms)


class Inference(Strict):
    """`[inference]`. threads and spinning 0/None: the start-up self-test decides.

    workers: how many parts' models run at once, each with its own threads. 0: by the number of cores.
    """

    providers: tuple[str, ...] = ("CPUExecutionProvider",)
    threads: Annotated[int, Field(ge=0, le=64)] = 0
    spinning: bool | None = None
    workers: Annotated[int, Field(ge=0, le=16)] = 0
    model_dir: Path | None = None  # where packages lie; default: data_dir/models


class Recorder(Strict):
    """`[recorder]`. ok_every: every n-th OK image is kept (0: none). ok_lossless: as the camera gave it, for teaching,
    at some seven times the bytes. budget_mb: on disk. min_free_mb: left free."""

    ok_every: Annotated[int, Field(ge=0, le=1_000_000)] = 20
    ok_lossless: bool = True
    budget_mb: Annotated[int, Field(ge=1, le=10_000_000)] = 2000
    min_free_mb: Annotated[int, Field(ge=0, le=10_000_000)] = 200
    jpeg_quality: Annotated[int, Field(ge=50, le=100)] = 92
    keep_days: Annotated[int, Field(ge=1, le=36_500)] = 90


class Panel(Strict):
    """`[panel]`. Binds to this machine only until sign-in exists."""

    host: Literal["127.0.0.1", "::1", "localhost"] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 8080
    language: Literal["vi", "en"] = "vi"


class Station(Strict):
    """The whole file. data_dir: databases, images, models. run_dir: sockets and locks. shm_dir: rings."""

    name: Name
    data_dir: Path
    run_dir: Path
    shm_dir: Path = Path("/dev/shm")  # noqa: S108 - the kernel's shared memory, by design
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    line: Line = Line()
    camera: Annotated[tuple[Camera, ...], Field(min_length=1, max_length=16)]
    inference: Inference = Inference()
    recorder: Recorder = Recorder()
    panel: Panel = Panel()
    _file: Path | None = PrivateAttr(default=None)

    @property
    def profiles_dir(self) -> Path:
        """Of calibration profiles."""
        return self.data_dir / "calibration"

    @property
    def file(self) -> Path | None:
        """Where it was read from, for commands that read it again; None when it was not read from a file."""
        return self._file

    @model_validator(mode="after")
    def _cameras_have_their_own_names(self) -> Station:
        names = [camera.name for camera in self.camera]
        if len(set(names)) != len(names):
            raise ValueError("two cameras have the same name")
        if self.line.trigger == "barrier" and not any(camera.barrier for camera in self.camera):
            raise ValueError('trigger = "barrier" needs a [camera.barrier]')
        if len(str(self.run_dir)) > 70:
            raise ValueError("run_dir is too long for socket addresses; use at most 70 characters")
        return self

    @model_validator(mode="after")
    def _rings_are_long_enough(self) -> Station:
        parts = self.line.parts_in_flight
        for camera in self.camera:
            needed = camera.slots_for(parts)
            if camera.pace == "recorded" and camera.slots < needed:  # "free" waits for slots
                raise ValueError(
                    f"camera {camera.name} has slots = {camera.slots}: {camera.rate_fps:g} frames a second and up to "
                    f"{parts} parts in flight (max_travel_ms / min_pitch_ms) need {needed} or more"
                )
        return self

    @property
    def models_dir(self) -> Path:
        return self.inference.model_dir or self.data_dir / "models"

    @property
    def counting_cameras(self) -> tuple[str, ...]:
        """Those whose light barrier announces the parts; none where a sensor or a call does."""
        if self.line.trigger != "barrier":
            return ()
        return tuple(camera.name for camera in self.camera if camera.barrier is not None)

    def camera_named(self, name: str) -> Camera:
        for camera in self.camera:
            if camera.name == name:
                return camera
        known = ", ".join(camera.name for camera in self.camera)
        raise SettingsError(f"there is no camera {name!r} in the station file", hint=f"known: {known}")


def load(path: Path) -> Station:
    """The station from its file; relative paths count from the file's folder. SettingsError says what is wrong."""
    try:
        if path.stat().st_size > MAX_STATION_BYTES:
            raise SettingsError(f"{path} is too large for a station file", hint="is this the right file?")
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}", hint="give the station file with --station") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}", hint="mend the line that is named") from error
    try:
        station = Station.model_validate(tables)
    except ValidationError as error:
        raise SettingsError(f"{path}: {_first_complaint(error)}", hint="see deploy/stations for examples") from error
    base = path.resolve().parent
    found = station.model_copy(update={"data_dir": base / station.data_dir, "run_dir": base / station.run_dir})
    found._file = path.resolve()
    return found


def _first_complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(piece) for piece in first["loc"]) or "station"
    return f"{where}: {first['msg']}"
