"""Models in onnxruntime. The only module that imports it, and only when a model is loaded.

One thread and no spinning unless the start-up self-test (`edge.inference.selftest`) or the station file says
otherwise: two spinning threads beside any other work are slower than one, at twice the power.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from edge import log
from edge.domain.model import Input, Manifest, ModelKind
from edge.errors import ModelError, ServiceError
from edge.inference.preprocess import Fed, feed_for

_log = log.get(__name__)

CPU = "CPUExecutionProvider"
_TYPES = {Input.IMAGE: "tensor(float)", Input.REGION: "tensor(uint8)"}
OUTPUTS = {ModelKind.ANOMALY: ("score", "map"), ModelKind.CLASSIFICATION: ("probabilities",)}
_FAILURES = (
    *("Fail", "EPFail", "EngineError", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoModel"),
    *("NoSuchFile", "NotFound", "NotImplemented", "RuntimeException", "ModelRequiresCompilation"),
)
Outputs = tuple[NDArray[np.float32], ...]


class PackageFiles(Protocol):
    """What is read of a package (`edge.store.packages.Package`, already checked against its hashes)."""

    @property
    def manifest(self) -> Manifest: ...

    @property
    def folder(self) -> Path: ...

    @property
    def model_path(self) -> Path: ...

    @property
    def model_digest(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """providers: wished for, best first; those not installed are left out, the CPU is always last."""

    providers: tuple[str, ...] = (CPU,)
    threads: int = 1
    spinning: bool = False


class Model:
    """A loaded model. `run` may be called from several threads at once; it releases the GIL.

    digest: SHA-256 of model.onnx, 64 hex. map_shape: (h, w) of an anomaly map, (0, 0) otherwise.
    """

    def __init__(self, package: PackageFiles, options: SessionOptions, session: Any) -> None:
        self.manifest = package.manifest
        self.digest = package.model_digest
        self.options = options
        self.preprocessor = feed_for(package.manifest)
        self.providers: tuple[str, ...] = tuple(session.get_providers())
        self._names = list(OUTPUTS[package.manifest.kind])
        self._session = session
        self.map_shape = (0, 0)

    @classmethod
    def load(cls, package: PackageFiles, options: SessionOptions | None = None) -> Self:
        """Load, check inputs and outputs against the manifest, run once. ModelError when anything does not fit.

        Golden parts are not run here: see `edge.inference.golden`.
        """
        chosen = options or SessionOptions()
        model = cls(package, chosen, _open(package, chosen))
        model._check_input()
        model._warm_up()
        return model

    @property
    def name(self) -> str:
        return self.manifest.reference

    def run(self, tensor: Fed) -> Outputs:
        """tensor: as `preprocessor` makes it; a graph that takes regions takes them of any size.

        The outputs named in OUTPUTS, as they come. ModelError when it fails.
        """
        try:
            return tuple(self._session.run(self._names, {self.manifest.input: tensor}))
        except _failures() as error:
            raise ModelError(f"model {self.name} failed: {_short(error)}", hint="run edge model check") from error

    def _warm_up(self) -> None:
        outputs = self.run(self.preprocessor.buffer())
        shapes = {name: output.shape for name, output in zip(self._names, outputs, strict=True)}
        if any(output.dtype != np.float32 for output in outputs):
            raise self._misfit("its outputs are not float32")
        if self.manifest.kind is ModelKind.CLASSIFICATION:
            if shapes["probabilities"] != (1, len(self.manifest.classes)):
                raise self._misfit(f"probabilities has shape {shapes['probabilities']}")
            return
        if shapes["score"] != (1,):
            raise self._misfit(f"score has shape {shapes['score']}, not (1,)")
        if len(shapes["map"]) != 4 or shapes["map"][:2] != (1, 1) or 0 in shapes["map"]:
            raise self._misfit(f"map has shape {shapes['map']}, not (1, 1, h, w)")
        self.map_shape = shapes["map"][2:]

    def _check_input(self) -> None:
        inputs, takes = self._session.get_inputs(), self.manifest.input
        if [one.name for one in inputs] != [takes] or inputs[0].type != _TYPES[takes]:
            raise self._misfit(f"its inputs are {', '.join(f'{one.name} {one.type}' for one in inputs) or 'missing'}")
        height, width = self.manifest.preprocess.height, self.manifest.preprocess.width
        wanted = (1, 3, height, width) if takes is Input.IMAGE else (1, height, width, 3)
        shape = inputs[0].shape
        fixed = [(have, want) for have, want in zip(shape, wanted, strict=False) if isinstance(have, int)]
        if len(shape) != 4 or any(have != want for have, want in fixed):
            raise self._misfit(f"its input is {shape}, the manifest says {list(wanted)}")
        missing = set(self._names) - {one.name for one in self._session.get_outputs()}
        if missing:
            raise self._misfit(f"it has no output {sorted(missing)[0]!r}")

    def _misfit(self, why: str) -> ModelError:
        return ModelError(f"model {self.name} does not fit its manifest: {why}", hint="import the right model")


class Graph:
    """Any ONNX graph with one input, its outputs by name: what teaching runs a backbone with.

    `run` may be called from one thread at a time; it releases the GIL.
    """

    def __init__(
        self,
        source: str | bytes,
        name: str,
        outputs: tuple[str, ...],
        options: SessionOptions,
        takes: Input = Input.IMAGE,
    ) -> None:
        """source: the file's path or its content. ModelError when it cannot be loaded or lacks an output."""
        self._name, self._outputs, self._takes = name, list(outputs), takes
        self._session = _session(source, name, options)
        missing = set(outputs) - {one.name for one in self._session.get_outputs()}
        if missing or [one.name for one in self._session.get_inputs()] != [takes]:
            raise ModelError(f"{name} is not built as its manifest says", hint="install it again")

    def run(self, tensor: Fed) -> Outputs:
        """tensor: float32 (1, 3, H, W), or uint8 (1, H, W, 3) for a region. ModelError when it fails."""
        try:
            return tuple(self._session.run(self._outputs, {self._takes: tensor}))
        except _failures() as error:
            raise ModelError(f"{self._name} failed: {_short(error)}") from error


def available_providers(wished: tuple[str, ...]) -> list[str]:
    """Those of `wished` that this onnxruntime has, and the CPU last. What is left out is logged."""
    installed = _library().get_available_providers()
    missing = [name for name in wished if name not in installed]
    if missing:
        _log.warning("not available here, left out: %s; this onnxruntime has %s", missing, installed)
    return [name for name in wished if name in installed and name != CPU] + [CPU]


def _open(package: PackageFiles, options: SessionOptions) -> Any:
    return _session(str(package.model_path), f"model {package.manifest.reference}", options)


def _session(source: str | bytes, name: str, options: SessionOptions) -> Any:
    library = _library()
    settings = library.SessionOptions()
    settings.graph_optimization_level = library.GraphOptimizationLevel.ORT_ENABLE_ALL
    settings.execution_mode = library.ExecutionMode.ORT_SEQUENTIAL
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    settings.add_session_config_entry("session.intra_op.allow_spinning", "1" if options.spinning else "0")
    providers = available_providers(options.providers)
    try:
        return library.InferenceSession(source, sess_options=settings, providers=providers)
    except _failures() as error:
        raise ModelError(f"{name} cannot be loaded: {_short(error)}", hint="import it again") from error


def _library() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ServiceError("onnxruntime is not installed", hint="install the edge package again") from error
    return onnxruntime


def _failures() -> tuple[type[Exception], ...]:
    """onnxruntime's own exceptions share no base class but Exception; each is named here."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = tuple(getattr(state, name) for name in _FAILURES if hasattr(state, name))
    return (*own, RuntimeError, ValueError)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
