"""Every text that the panel says, found where it is said; and every alarm code that a service can raise."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from jinja2.ext import babel_extract

_IN_SCRIPT = re.compile(r'\bt\(\s*"((?:[^"\\]|\\.)*)"')
_RECORDER_ALARM = re.compile(r'found\["(\w+)"\] = ')


def said(root: Path) -> dict[str, str]:
    """Text to the file that says it: templates, scripts, marked ids, and what the line and the panel refuse with."""
    panel = root / "edge" / "panel"
    found: dict[str, str] = {}
    for path in sorted((panel / "templates").glob("*.html")):
        found |= dict.fromkeys(_of_template(path), path.name)
    for path in sorted((panel / "static").glob("*.js")):
        found |= dict.fromkeys(_IN_SCRIPT.findall(path.read_text()), path.name)
    rules = root / "edge" / "domain" / "change.py"
    for path in [*panel.rglob("*.py"), *(root / "edge" / "line").glob("*.py"), rules]:
        found |= dict.fromkeys(_of_code(path), path.name)
    return found


def alarm_codes(root: Path) -> dict[str, str]:
    """Code to the file that raises it: Alarm(code=...), Trouble(code=...), alarms.happened("...") and .set("..."),
    and the gate's gaps."""
    found: dict[str, str] = {}
    for path in (root / "edge").rglob("*.py"):
        tree = ast.parse(path.read_text())
        named = dict(_named(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                found |= dict.fromkeys(_code_of(node, named), path.name)
    recorder = root / "edge" / "recorder" / "service.py"
    return found | dict.fromkeys(_RECORDER_ALARM.findall(recorder.read_text()), recorder.name)


def _of_template(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for _, _, message, _ in babel_extract(file, ("_",), (), {}):
            text = message if isinstance(message, str) else (message or ("",))[0]
            if isinstance(text, str) and text:
                yield text


def _of_code(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id == "N_":
            yield from _constants(node.args)
        if node.func.id == "Refused":
            yield from _constants([*node.args, *(word.value for word in node.keywords)])


def _named(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Module constants, so that a code may have a name."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def _code_of(node: ast.Call, named: dict[str, ast.expr]) -> Iterator[str]:
    name = ast.unparse(node.func)
    found: list[ast.expr] = []
    if name.rpartition(".")[2] in ("Alarm", "Trouble"):
        found = [word.value for word in node.keywords if word.arg == "code"]
    if name.endswith(("alarms.happened", "alarms.set")):
        found = node.args[:1]
    if name == "self._gap":
        found = node.args[2:3]
    yield from _constants([named.get(each.id, each) if isinstance(each, ast.Name) else each for each in found])


def _constants(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
            yield node.value
