"""Models load when they fit, and never otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.clock import ManualClock
from edge.domain.model import Golden, ModelKind, Preprocess
from edge.errors import ModelError
from edge.inference.golden import verify
from edge.inference.loading import ModelShelf
from edge.inference.selftest import candidates, choose, default_workers, self_test
from edge.inference.session import CPU, Model, SessionOptions, available_providers
from edge.settings.station import Inference
from edge.store.packages import Package, find_package
from tests.unit.inference import made


def test_a_model_runs(tmp_path: Path) -> None:
    model = Model.load(made.package(tmp_path))
    score, heat = model.run(model.preprocessor.tensor(made.with_spot(8, 16, 8)))
    assert (model.map_shape, heat.shape) == ((8, 8), (1, 1, 8, 8))
    assert float(score[0]) == pytest.approx(250, abs=1e-3)
    assert model.providers[-1] == CPU


def test_unknown_providers_are_left_out_and_the_cpu_is_last() -> None:
    assert available_providers(("TensorrtExecutionProvider", CPU)) == [CPU]
    assert available_providers(()) == [CPU]


@pytest.mark.parametrize(
    ("content", "changes", "why"),
    [
        (b"no model at all", {}, "cannot be loaded"),
        (made.anomaly_onnx(128), {}, "its input is"),
        (made.classifier_onnx(), {}, "no output"),
        (made.anomaly_onnx(), {"kind": ModelKind.CLASSIFICATION, "classes": ("a", "b")}, "no output"),
        (made.classifier_onnx(), {"kind": ModelKind.CLASSIFICATION, "classes": ("a", "b")}, "probabilities has shape"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(
    tmp_path: Path, content: bytes, changes: dict[str, object], why: str
) -> None:
    with pytest.raises(ModelError, match=why):
        Model.load(made.package(tmp_path, content, **changes))


def test_a_run_with_the_wrong_shape_is_a_model_error(tmp_path: Path) -> None:
    model = Model.load(made.package(tmp_path))
    with pytest.raises(ModelError, match="failed"):
        model.run(np.zeros((1, 3, 8, 8), np.float32))


def _verify(package: Package) -> None:
    verify(Model.load(package), package)


def test_golden_parts_are_reproduced(tmp_path: Path) -> None:
    _verify(made.package(tmp_path, golden=made.GOLDEN))


@pytest.mark.parametrize(
    "golden",
    [
        replace(made.GOLDEN[0], score=50.06),
        replace(made.GOLDEN[0], label="NG"),
    ],
)
def test_a_golden_mismatch_refuses(tmp_path: Path, golden: Golden) -> None:
    with pytest.raises(ModelError, match="golden part"):
        _verify(made.package(tmp_path, golden=(golden,), tolerance=1e-3))


def test_a_golden_score_within_tolerance_is_fine(tmp_path: Path) -> None:
    _verify(made.package(tmp_path, golden=(replace(made.GOLDEN[0], score=50.04),), tolerance=1e-3))


def test_a_model_that_says_nan_fails_its_golden_part(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="golden part"):
        _verify(made.package(tmp_path, made.anomaly_onnx(nan=True), golden=made.GOLDEN))


def test_a_classifier_is_held_to_its_golden_class(tmp_path: Path) -> None:
    kind = {"kind": ModelKind.CLASSIFICATION, "classes": ("a", "b", "c"), "tolerance": 0.01}
    third = (Golden(file="golden/level.png", score=1 / 3, label="a"),)
    _verify(made.package(tmp_path / "1", made.classifier_onnx(), golden=third, **kind))
    other = (replace(third[0], label="b"),)
    with pytest.raises(ModelError, match="calls golden part"):
        _verify(made.package(tmp_path / "2", made.classifier_onnx(), golden=other, **kind))


def test_a_golden_file_that_is_no_picture(tmp_path: Path) -> None:
    package = made.package(tmp_path, golden=made.GOLDEN)
    (package.folder / "golden" / "level.png").write_bytes(b"rubbish")
    with pytest.raises(ModelError, match="not a picture"):
        _verify(package)


class _FakeModel:
    """A model whose runs take a known time."""

    def __init__(self, clock: ManualClock, options: SessionOptions, times_ms: dict[tuple[int, bool], float]) -> None:
        self._clock, self._ms = clock, times_ms[options.threads, options.spinning]
        self.preprocessor = self
        self.runs = 0

    def buffer(self) -> None:
        return None

    def run(self, tensor: object) -> None:
        self.runs += 1
        self._clock.advance_ms(self._ms)


@pytest.mark.parametrize(
    ("times", "cores", "expected"),
    [
        ({(1, False): 10.0, (2, False): 9.0, (2, True): 8.0}, 4, (1, False)),
        ({(1, False): 10.0, (2, False): 6.0, (2, True): 5.5}, 4, (2, True)),
        ({(1, False): 10.0, (2, False): 5.5, (2, True): 14.0}, 4, (2, False)),
        ({(1, False): 10.0}, 2, (1, False)),  # no core would be left for the others
    ],
)
def test_the_self_test_takes_two_threads_only_when_clearly_faster(
    tmp_path: Path, times: dict[tuple[int, bool], float], cores: int, expected: tuple[int, bool]
) -> None:
    clock = ManualClock()
    package = made.package(tmp_path)
    chosen = self_test(
        package,
        SessionOptions(),
        clock,
        cores=cores,
        load=lambda _, options: _FakeModel(clock, options, times),  # type: ignore[arg-type,return-value]
    )
    assert (chosen.threads, chosen.spinning) == expected
    assert clock.now_ns() < 2_000_000_000  # it began at 1 s


def test_candidates_keep_the_providers() -> None:
    wanted = SessionOptions(providers=("X", CPU))
    assert {one.providers for one in candidates(wanted, 8)} == {("X", CPU)}
    assert choose([wanted], [1.0]) is wanted


@pytest.fixture
def shelf(tmp_path: Path) -> ModelShelf:
    made.package(tmp_path)
    made.package(tmp_path, made.anomaly_onnx(score_offset=1.0), name="other")
    return ModelShelf(lambda name: find_package(tmp_path, name), Inference(threads=1), ManualClock())


def test_a_model_is_loaded_once_and_shared(shelf: ModelShelf) -> None:
    first = shelf.take(["grey@1"])["grey@1"]
    both = shelf.take(["grey@1", "other@1"])
    assert both["grey@1"] is first
    assert both["other@1"] is not first


def test_a_missing_model_is_named(shelf: ModelShelf) -> None:
    with pytest.raises(ModelError, match="nothing@7"):
        shelf.take(["nothing@7"])


def test_the_station_files_threads_are_taken_as_they_are(tmp_path: Path) -> None:
    made.package(tmp_path)
    shelf = ModelShelf(lambda name: find_package(tmp_path, name), Inference(threads=2, spinning=True), ManualClock())
    assert shelf.take(["grey@1"])["grey@1"].options == SessionOptions(threads=2, spinning=True)


def test_loading_other_sizes_than_the_manifest_says(tmp_path: Path) -> None:
    wrong = Preprocess(width=128, height=64)
    with pytest.raises(ModelError, match="does not fit its manifest"):
        Model.load(made.package(tmp_path, preprocess=wrong))


def test_a_small_device_runs_two_models_at_once_and_a_large_one_leaves_half_of_its_cores() -> None:
    assert [default_workers(cores) for cores in (1, 2, 4, 6, 8)] == [1, 2, 2, 3, 4]
