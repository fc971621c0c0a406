"""What jobs say is known to the page: every pattern is still said by a command, and every doubt and step has words."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from edge.learning.sift import FlagKind
from edge.panel import vocabulary
from edge.panel.shapes_jobs import JobState
from edge.panel.trouble_words import TROUBLES

_SEAM = re.compile(r"\{\w+\}|; |(?<=parts )(?=that )")  # where a message may be put together
_STEPS = ("self._steps", "steps", "step")


@pytest.fixture(scope="module")
def trees(root: Path) -> list[ast.Module]:
    folders = ("apps", "learning", "store")
    return [ast.parse(path.read_text()) for folder in folders for path in (root / "edge" / folder).rglob("*.py")]


def test_every_pattern_is_still_said(trees: list[ast.Module]) -> None:
    said = "\n".join(
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    pieces = {text: [piece.strip(" ;:,()") for piece in _SEAM.split(text)] for text in TROUBLES}
    assert {text: missing for text, found in pieces.items() if (missing := [p for p in found if p not in said])} == {}


def test_every_doubt_has_words() -> None:
    assert set(vocabulary.DOUBTS) == set(FlagKind)


def test_every_state_of_a_job_has_words() -> None:
    assert set(vocabulary.JOB_STATES) == set(JobState)


def test_every_step_of_teaching_has_words(root: Path) -> None:
    told: set[str] = set()
    for path in (root / "edge" / "apps" / "teach").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in _STEPS and node.args:
                told |= {arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)}
    assert {"reading", "looking", "learning", "writing"} <= told
    assert told <= set(vocabulary.STEPS)
