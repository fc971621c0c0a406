"""What `edge teach` leaves in a station's folder, as the panel reads it: small grey pictures, no model."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import cv2
import numpy as np

from tests.unit.panel.desk import Desk


def png(value: int) -> bytes:
    return cv2.imencode(".png", np.full((300, 400, 3), value, np.uint8))[1].tobytes()


def taught(desk: Desk, folder: str = "biscuit@1") -> list[str]:
    """What `edge teach` would have made of four pictures: the second is doubtful, the third was confirmed, the fourth
    left out. Gives their SHA-256."""
    place = desk.data / "taught" / folder
    digests = [hashlib.sha256(png(n)).hexdigest() for n in range(4)]
    for part in ("package", "pictures"):
        (place / part).mkdir(parents=True)
    for n, digest in enumerate(digests):
        (place / "pictures" / f"{digest}.png").write_bytes(png(n))
    pictures = [
        {"name": f"{n}.png", "sha256": digest, "ending": ".png", "width": 400, "height": 300, "origin": "file"}
        for n, digest in enumerate(digests)
    ]
    pictures[2]["confirmed"] = True
    pictures[3]["dropped"] = "left out by a person"
    (place / "package" / "teach.json").write_text(json.dumps({"format": 1, "pictures": pictures}))
    return digests


def report(digests: list[str]) -> dict[str, Any]:
    return {
        "package": "x", "pictures": 3, "lossy": 0, "unsure_from": 1.5, "ng_from": 1.75, "rate": 0.02,
        "guarantee": {"used": 3, "asked": 0.02, "best": 0.25, "missing": 46},
        "scores": [{"name": f"{n}.png", "score": 1.0 + n / 10, "file": f"{digests[n]}.png"} for n in range(3)],
        "doubts": [
            {"name": "1.png", "kind": "blurred", "value": 0.4, "limit": 0.5, "of": ""},
            {"name": "2.png", "kind": "outlying", "value": 1.2, "limit": 1.1, "of": ""},
        ],
        "notes": ["a note"], "seconds": 2.5, "step_seconds": {"reading": 0.5, "learning": 2.0},
    }  # fmt: skip
