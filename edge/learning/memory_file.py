"""What a taught package keeps, so that it can be corrected for ever after without its training run.

    memory/memory.json      what belongs together: backbone, sizes, good scores, known parts, every correction so far
    memory/*.npy            the space, the bank and the masks; plain float32, uint8 or bool, little endian
    memory/parts/N.png      parts that a person has judged, as the model's input shows them

All of them are files of the package like any other, with their hashes in the manifest. They are read strictly: the
shape and the kind of every array are known from the JSON before a byte of it is looked at, and nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from edge.domain.geometry import Rect
from edge.domain.model import Manifest
from edge.errors import ModelError
from edge.learning.bank import Array, BankFit, Space, TapView
from edge.learning.part_mask import PartMask
from edge.learning.veto import Vetoes, none_yet
from edge.store.packages import Package

FOLDER = "memory"
_DOCUMENT = f"{FOLDER}/memory.json"
MOST_ENTRIES, MOST_VETOES = 10_000, 256
MOST_KNOWN = 300
_MOST_COMPONENTS, _MOST_CHANNELS, _MOST_CELLS = 1024, 4096, 1 << 18
_MOST_SCORES, _MOST_CORRECTIONS = 100_000, 1000
_MOST_JSON_BYTES = 8_000_000
_MOST_HEADER_BYTES = 1000
_STRICT: dict[str, str] = {"extra": "forbid"}
_FLOAT, _BYTE, _BOOL = np.dtype("<f4"), np.dtype("u1"), np.dtype("?")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPart:
    """A part that a person has judged. file: its picture in the package. name: as it was given.

    sha256: of the picture that was given, 64 hex. version: of the package that it came into. place: that a person
    marked, in px of the picture that was given. limit: see `edge.learning.limit_samples`.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    file: str
    name: str
    sha256: str
    defect: bool
    version: int
    place: Rect | None = None
    limit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Who changed what, and why. version: that it made. parent: NAME@VERSION it was made from; parent_digest: SHA-256
    of that one's manifest. made_at: ISO 8601 UTC, for people. limits: (UNSURE, NG) before and after.

    lowered_for: the defect for whose sake the limits went down. accepted: defects that a person let go by name.
    retaught: what had changed, when it was taught again and all that had been corrected before was corrected once more.
    samples, dropped: names of limit samples that came and went.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    version: int
    parent: str
    parent_digest: str
    by: str
    reason: str
    made_at: str
    good: tuple[str, ...]
    defects: tuple[str, ...]
    entries_added: int
    vetoes_added: int
    limits_before: tuple[float, float]
    limits_after: tuple[float, float]
    lowered_for: str = ""
    accepted: tuple[str, ...] = ()
    retaught: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaughtMemory:
    """backbone, backbone_sha256: what the features are of. part: what of the picture the network sees; None: all.

    scores: of the taught pictures, each by a model without it. rate: of false rejects that was asked for. as_taught:
    the limits (UNSURE, NG) that its first teaching gave, before any correction; (0, 0) when an older release taught.
    int8: the graph's bank is in whole numbers; the memory itself never is.
    """

    backbone: str
    backbone_sha256: str
    fit: BankFit
    part: PartMask | None
    vetoes: Vetoes
    scores: tuple[float, ...]
    rate: float
    as_taught: tuple[float, float] = (0.0, 0.0)
    int8: bool = False
    known: tuple[KnownPart, ...] = ()
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tap:
    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    name: str
    channels: int
    soft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    format: int
    backbone: str
    backbone_sha256: str
    taps: tuple[_Tap, ...]
    map_size: tuple[int, int]
    components: int
    place_weight: float
    entries: int
    masked: bool
    part: bool
    scores: tuple[float, ...]
    rate: float
    as_taught: tuple[float, float] = (0.0, 0.0)
    int8: bool = False
    level: float = 0.0
    veto_parts: tuple[int, ...] = ()
    veto_marked: tuple[bool, ...] = ()
    veto_height: float = 0.0
    known: tuple[KnownPart, ...] = ()
    corrections: tuple[Correction, ...] = ()

    def wrong(self) -> str:
        """What cannot be; "" when all can."""
        bounds = {
            "format": self.format == 1,
            "taps": 1 <= len(self.taps) <= 8 and all(1 <= tap.channels <= _MOST_CHANNELS for tap in self.taps),
            "map_size": min(self.map_size) >= 1 and math.prod(self.map_size) <= _MOST_CELLS,
            "components": 1 <= self.components <= _MOST_COMPONENTS,
            "place_weight": 0 <= self.place_weight <= 1000,
            "entries": 1 <= self.entries <= MOST_ENTRIES,
            "scores": 3 <= len(self.scores) <= _MOST_SCORES and all(0 <= one < math.inf for one in self.scores),
            "rate": 0 < self.rate < 1,
            "level": 0 <= self.level < math.inf,
            "as_taught": all(0 <= one < math.inf for one in self.as_taught),
            "veto_parts": len(self.veto_parts) <= MOST_VETOES
            and all(0 <= one < len(self.known) for one in self.veto_parts),
            "veto_marked": len(self.veto_marked) == len(self.veto_parts),
            "veto_height": 0 <= self.veto_height < math.inf,
            "known": len(self.known) <= MOST_KNOWN,
            "corrections": len(self.corrections) <= _MOST_CORRECTIONS,
        }
        return next((name for name, fine in bounds.items() if not fine), "")


_ADAPTER = TypeAdapter(_Document)


def memory_files(memory: TaughtMemory) -> dict[str, bytes]:
    """Path inside the package -> content; without the known parts' pictures."""
    fit, part = memory.fit, memory.part
    arrays: dict[str, NDArray[Any]] = {"entries": fit.entries, "usual": fit.usual}
    for number, view in enumerate(fit.space.taps):
        arrays |= {f"projection-{number}": view.projection, f"offset-{number}": view.offset}
    if fit.mask is not None:
        arrays["mask"] = fit.mask
    if part is not None:
        arrays |= {"part-keep": part.keep, "part-mean": part.mean, "part-cells": part.cells}
    if memory.vetoes:
        arrays |= {"vetoes": memory.vetoes.patches, "reach": memory.vetoes.reach}
    files = {f"{FOLDER}/{name}.npy": _npy(values) for name, values in arrays.items()}
    return files | {_DOCUMENT: _ADAPTER.dump_json(_document(memory), indent=1)}


def has_memory(package: Package) -> bool:
    return _DOCUMENT in package.manifest.files


def taught_memory(package: Package) -> TaughtMemory:
    """ModelError when the package has none, or one that is not as promised."""
    manifest = package.manifest
    if not has_memory(package):
        raise ModelError(
            f"model {manifest.reference} keeps nothing that a correction could start from", hint="teach it again"
        )
    source = _Files(package)
    try:
        document = _ADAPTER.validate_json(source.read(_DOCUMENT, _MOST_JSON_BYTES))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(piece) for piece in first["loc"]) or "the file"
        raise ModelError(f"{_DOCUMENT} of {manifest.reference} cannot be read: {where}: {first['msg']}") from error
    if wrong := document.wrong() or _missing_picture(document, manifest):
        raise ModelError(f"{_DOCUMENT} of {manifest.reference}: {wrong} cannot be so", hint="teach it again")
    return _assembled(document, source, manifest)


def _missing_picture(document: _Document, manifest: Manifest) -> str:
    return next((f"known part {one.name[:60]!r}" for one in document.known if one.file not in manifest.files), "")


def _document(memory: TaughtMemory) -> _Document:
    space = memory.fit.space
    return _Document(
        format=1,
        backbone=memory.backbone,
        backbone_sha256=memory.backbone_sha256,
        taps=tuple(_Tap(name=view.tap, channels=view.projection.shape[1], soft=view.soft) for view in space.taps),
        map_size=space.map_size,
        components=space.components,
        place_weight=space.place_weight,
        entries=len(memory.fit.entries),
        masked=memory.fit.mask is not None,
        part=memory.part is not None,
        scores=memory.scores,
        rate=memory.rate,
        as_taught=memory.as_taught,
        int8=memory.int8,
        level=memory.fit.level,
        veto_parts=memory.vetoes.parts,
        veto_marked=memory.vetoes.marked,
        veto_height=memory.vetoes.height,
        known=memory.known,
        corrections=memory.corrections,
    )


def _assembled(told: _Document, source: _Files, manifest: Manifest) -> TaughtMemory:
    count = told.components
    views = [
        TapView(
            tap=tap.name,
            projection=source.floats(f"projection-{number}", count, tap.channels),
            offset=source.floats(f"offset-{number}", count),
            soft=tap.soft,
        )
        for number, tap in enumerate(told.taps)
    ]
    space = Space(taps=tuple(views), map_size=told.map_size, place_weight=told.place_weight)
    columns = count + (2 if told.place_weight else 0)
    fit = BankFit(
        space=space,
        entries=source.floats("entries", told.entries, columns),
        usual=source.positive("usual", told.entries),
        mask=source.floats("mask", *told.map_size) if told.masked else None,
        level=told.level,
    )
    vetoes = none_yet(fit)
    if told.veto_parts:
        patches = source.floats("vetoes", len(told.veto_parts), columns)
        reach = source.positive("reach", len(told.veto_parts))
        vetoes = Vetoes(
            patches=patches, reach=reach, height=told.veto_height, parts=told.veto_parts, marked=told.veto_marked
        )
    return TaughtMemory(
        backbone=told.backbone,
        backbone_sha256=told.backbone_sha256,
        fit=fit,
        part=_part(told, source, manifest) if told.part else None,
        vetoes=vetoes,
        scores=told.scores,
        rate=told.rate,
        as_taught=told.as_taught,
        int8=told.int8,
        known=told.known,
        corrections=told.corrections,
    )


def _part(told: _Document, source: _Files, manifest: Manifest) -> PartMask:
    sides = (manifest.preprocess.height, manifest.preprocess.width)
    return PartMask(
        keep=source.array("part-keep", _BYTE, (1, 1, *sides)),
        mean=source.array("part-mean", _BYTE, (1, 3, *sides)),
        cells=source.array("part-cells", _BOOL, told.map_size),
    )


class _Files:
    """The files of memory/, each checked once more against the manifest: nobody changed it since it was opened."""

    def __init__(self, package: Package) -> None:
        self._package = package

    def read(self, name: str, most_bytes: int) -> bytes:
        reference, digest = self._package.manifest.reference, self._package.manifest.files.get(name)
        if digest is None:
            raise ModelError(f"model {reference} has no {name}", hint="teach it again")
        try:
            with (self._package.folder / name).open("rb") as file:
                data = file.read(most_bytes + 1)
        except OSError as error:
            raise ModelError(f"{name} of {reference} cannot be read: {error.strerror}") from error
        if len(data) > most_bytes or hashlib.sha256(data).hexdigest() != digest:
            raise ModelError(f"{name} of {reference} is not what the manifest says", hint="import the model again")
        return data

    def array(self, name: str, kind: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        path = f"{FOLDER}/{name}.npy"
        size = math.prod(shape) * kind.itemsize
        file = io.BytesIO(self.read(path, size + _MOST_HEADER_BYTES))
        try:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError("another version of the format")
            found = np.lib.format.read_array_header_1_0(file, max_header_size=_MOST_HEADER_BYTES)
        except ValueError as error:
            raise ModelError(f"{path} is no array: {error}", hint="teach the model again") from error
        data = file.read()
        if found != (shape, False, kind) or len(data) != size:
            raise ModelError(f"{path} is not {shape} of {kind}", hint="teach the model again")
        return np.frombuffer(data, kind).reshape(shape)

    def floats(self, name: str, *shape: int) -> Array:
        values = self.array(name, _FLOAT, shape)
        if not np.isfinite(values).all():
            raise ModelError(f"{FOLDER}/{name}.npy holds what is no number", hint="teach the model again")
        return values

    def positive(self, name: str, *shape: int) -> Array:
        values = self.floats(name, *shape)
        if not (values > 0).all():
            raise ModelError(f"{FOLDER}/{name}.npy must be above 0", hint="teach the model again")
        return values


def _npy(values: NDArray[Any]) -> bytes:
    kind = _FLOAT if values.dtype.kind == "f" else _BOOL if values.dtype.kind == "b" else _BYTE
    file = io.BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(values, kind), version=(1, 0), allow_pickle=False)
    return file.getvalue()


def rewritten(files: Mapping[str, str]) -> list[str]:
    """Of a package's files, those that `memory_files` writes anew: not the known parts' pictures."""
    return [name for name in files if name.startswith(f"{FOLDER}/") and not name.startswith(f"{FOLDER}/parts/")]
