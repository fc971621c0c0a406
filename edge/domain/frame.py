"""One image from one camera, and where its pixels lie."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRef:
    """A frame in a camera's ring. It is this frame only as long as the slot still has this generation.

    camera: the camera's name. epoch: which start of capture. slot: index in the ring. generation: even.
    seq: frame number within the epoch, from 1. exposed_at_ns: mid-exposure, CLOCK_MONOTONIC.
    error_ns: how far the true mid-exposure may be from that, either way.
    """

    camera: str
    epoch: int
    slot: int
    generation: int
    seq: int
    exposed_at_ns: int
    error_ns: int
