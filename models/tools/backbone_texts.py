"""The words of a backbone package: what it is and whose work it is."""

from __future__ import annotations

from models.tools.efficientnet_lite import MEAN, STD, Variant, multiply_adds

_CARD_SIDE_PX = 256


def card(variant: Variant, *, parameters: int, size_bytes: int) -> str:
    """CARD.md."""
    cost = multiply_adds(variant, _CARD_SIDE_PX, _CARD_SIDE_PX)
    rows = "\n".join(
        f"| `{tap.name}` | float32 (N, {tap.channels}, H/{tap.stride_px}, W/{tap.stride_px}) "
        f"| last block of stage {tap.stage}, linear (no activation) |"
        for tap in variant.taps
    )
    return f"""# {variant.name}

Feature extractor for anomaly detection and small heads: the first five stages of EfficientNet-Lite, trained by its
authors on ImageNet-1k classification, cut at stride 16. It knows no product and decides nothing by itself.

| | |
|---|---|
| `image` (input) | float32 (N, 3, H, W), RGB, `(value - {MEAN:g}) / {STD:g}` of 0 to 255; H and W multiples of 32 |
{rows}

- {parameters:,} parameters, {size_bytes / 1e6:.1f} MB, {cost / 1e6:,.0f} million multiply-adds at
  {_CARD_SIDE_PX} x {_CARD_SIDE_PX}.
- Conv, Clip and Add only. Batch norm is folded into the convolutions. Padding is TensorFlow's SAME (uneven at
  stride 2) written as constants, which holds for sides that are multiples of 32 and is *not* refused for others:
  the caller checks. Border features are influenced by zero padding.
- Checked in the tests against a separate NumPy forward pass with batch norm not folded, within 1e-4 of the largest
  feature, and once against the PyTorch code that the weights were published for: at most 6e-5 apart where features
  reach 17 to 44.
- Limits: trained on natural colour photographs. Nothing was measured on infrared, X-ray or depth pictures. A feature
  of `s16` stands for 16 x 16 pixels: for fine defects use `s8` or tiles.

Rebuild, byte for byte: `python -m models.tools.convert_backbone {variant.name.removeprefix("efficientnet-")}`.
"""


def notice(variant: Variant, *, version: str, file: str, sha256: str) -> str:
    """NOTICE, as section 4 of the Apache licence asks for."""
    return f"""{variant.name}

Network and training: EfficientNet-Lite, Copyright 2020 Google Research, Apache License 2.0
  https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite

Conversion of the weights to PyTorch: Copyright (c) 2020 ML Illustrated, Apache License 2.0
  Python package {variant.package} {version}
  file {file}
  SHA-256 {sha256}

Changed here: the layers up to stride 16 were taken out, each batch normalisation was folded into the convolution
before it, and the result was written as ONNX (models/tools/convert_backbone.py). The values were not trained further.
"""
