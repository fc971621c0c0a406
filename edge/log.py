"""Logging: one line per event on stderr, so that stdout stays free for `--json`."""

from __future__ import annotations

import logging
import sys


def setup(service: str, level: str = "INFO") -> None:
    """Send all logs of this process to stderr as `time level service logger: message`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)s {service} %(name)s: %(message)s", "%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def get(name: str) -> logging.Logger:
    return logging.getLogger(name)
