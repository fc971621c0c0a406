"""`python -m calibration lens|scale|check|flat|target`: one JSON request on stdin, one JSON answer on stdout.

People use `edge calibrate`, which starts this as a job of its own; progress goes to stderr as JSON lines with
`--progress`. Exit codes are the house's: 0 fine, 1 the answer is no, 2 wrong use, 3 an error with its hint.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from calibration import jobs, requests
from edge.apps.progress import progress_shown
from edge.cli import complain, die_with_parent
from edge.errors import EXIT_ERROR, EXIT_NO, EXIT_OK, EdgeError, UsageError

MAX_REQUEST_BYTES = 1_000_000
Asked = TypeVar("Asked", bound=BaseModel)


def main(arguments: list[str]) -> int:
    die_with_parent()
    words = [word for word in arguments if word != "--progress"]
    try:
        if len(words) != 1 or words[0] not in _JOBS:
            raise UsageError("one of " + ", ".join(_JOBS), hint="use edge calibrate")
        data = sys.stdin.buffer.read(MAX_REQUEST_BYTES + 1)
        with progress_shown(as_lines=len(words) < len(arguments)) as step:
            answer = _JOBS[words[0]](data, step)
    except EdgeError as error:
        complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_ERROR
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    return EXIT_OK if answer.get("ok", True) else EXIT_NO


def _read(kind: type[Asked], data: bytes) -> Asked:
    if len(data) > MAX_REQUEST_BYTES:
        raise UsageError("the request is too long", hint="give fewer pictures, or a folder")
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(piece) for piece in first["loc"])
        raise UsageError(f"{where}: {first['msg']}", hint="see edge calibrate --help") from error


def _now() -> datetime:
    return datetime.now().astimezone()


_JOBS: dict[str, Callable[[bytes, jobs.Step], dict[str, Any]]] = {
    "lens": lambda data, step: jobs.calibrate_lens(_read(requests.LensRequest, data), _now(), step),
    "scale": lambda data, step: jobs.calibrate_scale(_read(requests.ScaleRequest, data), _now(), step),
    "check": lambda data, step: jobs.check(_read(requests.CheckRequest, data), step),
    "flat": lambda data, step: jobs.calibrate_flat(_read(requests.FlatRequest, data), _now(), step),
    "target": lambda data, step: jobs.make_target(_read(requests.TargetRequest, data)),
}

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
