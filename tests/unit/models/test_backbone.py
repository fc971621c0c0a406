"""The committed backbones are what their sources give, and compute what the networks define."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from edge.errors import EXIT_ERROR, EXIT_OK, ModelError
from models.tools import convert_backbone
from models.tools.backbone_graph import build_model, fold_batch_norm
from models.tools.convert_backbone import build_package, main, source_file
from models.tools.efficientnet_lite import VARIANTS, multiply_adds, same_padding
from models.tools.torch_weights import read_weights

BOTH = pytest.mark.parametrize("short", ["lite0", "lite2"])
CHANNELS = {"lite0": (40, 112), "lite2": (48, 120)}
PACKAGES = Path(convert_backbone.__file__).parents[1] / "backbone"
Array = NDArray[np.float64]


def committed(short: str) -> Path:
    return PACKAGES / f"efficientnet-{short}"


def session(short: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        str(committed(short) / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )


def picture(batch: int, height: int, width: int) -> NDArray[np.float32]:
    values = np.random.default_rng(7).integers(0, 256, (batch, 3, height, width))
    return ((values - 127) / 128).astype(np.float32)


@BOTH
def test_a_rebuild_gives_the_committed_bytes(short: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([short, "--out", str(tmp_path)]) == EXIT_OK
    rebuilt = tmp_path / f"efficientnet-{short}"
    assert capsys.readouterr().out.strip() == str(rebuilt)
    assert sorted(file.name for file in rebuilt.iterdir()) == [
        "CARD.md",
        "LICENSE",
        "NOTICE",
        "manifest.json",
        "model.onnx",
    ]
    for file in rebuilt.iterdir():
        assert file.read_bytes() == (committed(short) / file.name).read_bytes(), file.name


@BOTH
def test_the_manifest_describes_the_package(short: str) -> None:
    folder = committed(short)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["files"]) == {file.name for file in folder.iterdir()} - {"manifest.json"}
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    model = onnx.load(folder / "model.onnx")
    assert (manifest["kind"], manifest["licence"]) == ("backbone", "Apache-2.0")
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", manifest["opset"])]
    assert [entry.name for entry in model.graph.input] == [entry["name"] for entry in manifest["inputs"]]
    assert [entry.name for entry in model.graph.output] == [entry["name"] for entry in manifest["outputs"]]
    assert tuple(entry["channels"] for entry in manifest["outputs"]) == CHANNELS[short]
    source = hashlib.sha256(source_file(VARIANTS[short]).read_bytes()).hexdigest()
    assert manifest["source"]["sha256"] == source


@BOTH
def test_the_model_is_checked_self_contained_and_standard(short: str) -> None:
    model = onnx.load(committed(short) / "model.onnx", load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert {node.op_type for node in model.graph.node} == {"Conv", "Clip", "Add"}
    assert all(not entry.external_data for entry in model.graph.initializer)
    assert not any(attribute.name == "auto_pad" for node in model.graph.node for attribute in node.attribute)
    batch, channels, height, width = model.graph.input[0].type.tensor_type.shape.dim
    assert (batch.dim_param, channels.dim_value, height.dim_param, width.dim_param) == ("batch", 3, "height", "width")


@BOTH
@pytest.mark.parametrize(("batch", "height", "width"), [(1, 256, 256), (2, 224, 320), (1, 32, 32)])
def test_output_shapes_follow_the_input(short: str, batch: int, height: int, width: int) -> None:
    s8, s16 = session(short).run(["s8", "s16"], {"image": picture(batch, height, width)})
    fine, coarse = CHANNELS[short]
    assert (s8.dtype, s8.shape) == (np.float32, (batch, fine, height // 8, width // 8))
    assert (s16.dtype, s16.shape) == (np.float32, (batch, coarse, height // 16, width // 16))


# --- An independent forward pass: its own block list, SAME padding from the definition, batch norm not folded,
# --- float64, sums over shifted pictures instead of a convolution routine.

# Of each variant: the blocks that halve the picture, and the blocks whose outputs are s8 and s16.
STRIDE_2_BLOCKS = {"lite0": (1, 3, 5), "lite2": (1, 4, 7)}
TAP_BLOCKS = {"lite0": (4, 10), "lite2": (6, 14)}


def plain_same(length: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max((math.ceil(length / stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


def plain_conv(x: Array, weight: Array, stride: int) -> Array:
    """x (C, H, W), weight (O, C or 1, k, k): full where the second is C, depthwise where it is 1."""
    kernel = weight.shape[2]
    rows, columns = (plain_same(length, kernel, stride) for length in x.shape[1:])
    padded = np.pad(x, ((0, 0), rows, columns))
    high, wide = (math.ceil(length / stride) for length in x.shape[1:])
    out = np.zeros((weight.shape[0], high, wide))
    for row in range(kernel):
        for column in range(kernel):
            shifted = padded[:, row : row + stride * high : stride, column : column + stride * wide : stride]
            tap = weight[:, :, row, column]
            if weight.shape[1] == 1:
                out += tap[:, 0, None, None] * shifted
            else:
                out += np.tensordot(tap, shifted, axes=1)
    return out


class PlainNetwork:
    def __init__(self, short: str) -> None:
        self._weights = {
            name: value.astype(np.float64) for name, value in read_weights(source_file(VARIANTS[short])).items()
        }
        self._halving = STRIDE_2_BLOCKS[short]
        self._taps = TAP_BLOCKS[short]

    def run(self, image: Array) -> list[Array]:
        x = self._layer(image, "_conv_stem", "_bn0", stride=2, relu6=True)
        found = []
        for index in range(self._taps[-1] + 1):
            x = self._block(x, f"_blocks.{index}.", 2 if index in self._halving else 1)
            if index in self._taps:
                found.append(x)
        return found

    def _block(self, x: Array, prefix: str, stride: int) -> Array:
        inside = x
        if f"{prefix}_expand_conv.weight" in self._weights:
            inside = self._layer(x, f"{prefix}_expand_conv", f"{prefix}_bn0", relu6=True)
        inside = self._layer(inside, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride=stride, relu6=True)
        out = self._layer(inside, f"{prefix}_project_conv", f"{prefix}_bn2")
        return out + x if out.shape == x.shape else out

    def _layer(self, x: Array, conv: str, norm: str, *, stride: int = 1, relu6: bool = False) -> Array:
        out = plain_conv(x, self._weights[f"{conv}.weight"], stride)
        mean, variance, gamma, beta = (
            self._weights[f"{norm}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        out = (out - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        return np.minimum(np.maximum(out, 0), 6) if relu6 else out


@BOTH
@pytest.mark.parametrize(("height", "width"), [(64, 96), (32, 32)])
def test_the_model_agrees_with_a_plain_forward_pass(short: str, height: int, width: int) -> None:
    image = picture(1, height, width)
    expected = PlainNetwork(short).run(image[0].astype(np.float64))
    for got, wanted in zip(session(short).run(["s8", "s16"], {"image": image}), expected, strict=True):
        assert wanted.std() > 0.1  # a network that died would agree with anything dead
        assert np.abs(got[0] - wanted).max() <= 1e-4 * np.abs(wanted).max()


@pytest.mark.parametrize("length", [32, 64, 224, 320])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (5, 1), (5, 2)])
def test_constant_padding_is_tensorflows_same(length: int, kernel: int, stride: int) -> None:
    assert same_padding(kernel, stride) == plain_same(length, kernel, stride)


def test_folding_rounds_like_its_definition() -> None:
    weights = {
        "c.weight": np.full((2, 1, 1, 1), 3.0, np.float32),
        "b.weight": np.array([2, 4], np.float32),
        "b.bias": np.array([1, -1], np.float32),
        "b.running_mean": np.array([5, 0], np.float32),
        "b.running_var": np.array([0.999, 3.999], np.float32),
    }
    kernel, bias = fold_batch_norm(weights, "c", "b", (2, 1, 1, 1))
    np.testing.assert_allclose(kernel.ravel(), [6, 6], rtol=1e-6)
    np.testing.assert_allclose(bias, [-9, -1], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("_blocks.3._bn1.running_var", None, "the weights have no _blocks.3._bn1.running_var"),
        ("_conv_stem.weight", np.zeros((32, 3, 5, 5), np.float32), "float32 .32, 3, 3, 3. belongs"),
        ("_bn0.weight", np.zeros(32, np.float16), "float16"),
        ("_bn0.bias", np.full(32, np.nan, np.float32), "not finite"),
        ("_bn0.running_var", np.full(32, -1, np.float32), "negative variance"),
    ],
)
def test_weights_that_do_not_fit_are_refused(name: str, value: NDArray[np.generic] | None, message: str) -> None:
    weights = read_weights(source_file(VARIANTS["lite0"]))
    if value is None:
        del weights[name]
    else:
        weights[name] = value
    with pytest.raises(ModelError, match=message):
        build_model(VARIANTS["lite0"], weights)


def test_weights_of_another_variant_are_refused() -> None:
    with pytest.raises(ModelError, match="is not the file that efficientnet-lite0 is made from"):
        build_package(VARIANTS["lite0"], source_file(VARIANTS["lite2"]))


def test_an_unwritable_place_is_one_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    assert main(["lite0", "--out", str(blocked)]) == EXIT_ERROR
    assert capsys.readouterr().err.startswith("error: cannot write")


def test_an_unknown_variant_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["lite9"])
    assert raised.value.code == 2
    assert "lite9" in capsys.readouterr().err


@BOTH
def test_stated_cost_matches_the_graph(short: str) -> None:
    model = onnx.shape_inference.infer_shapes(onnx.load(committed(short) / "model.onnx"))
    kernels = {entry.name: list(entry.dims) for entry in model.graph.initializer}
    high = {"image": 256}
    total = 0
    for node in model.graph.node:
        side = high[node.input[0]]
        if node.op_type == "Conv":
            (stride,) = [next(iter(entry.ints)) for entry in node.attribute if entry.name == "strides"]
            side //= stride
            total += side * side * math.prod(kernels[node.input[1]])
        high[node.output[0]] = side
    assert multiply_adds(VARIANTS[short], 256, 256) == total
