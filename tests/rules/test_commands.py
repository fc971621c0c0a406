"""Every command that the README, the changelog and the guides name is there, with the options they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from edge import cli
from edge.apps import commands

Finding = tuple[int, str]

_FENCE = re.compile(r"\s*(?:```|~~~)")
_INLINE = re.compile(r"`([^`]+)`")
_EDGE = re.compile(r"(?<![\w./-])edge ([a-z][a-z-]*)((?: [^`|;&#]*)?)")
_MAKE = re.compile(r"(?<![\w./-])make ([a-z][a-z-]*)")
_MODULE = re.compile(r"-m ((?:edge|models|calibration|tests)(?:\.\w+)+)")
_OPTION = re.compile(r"(?<!\S)\[?(--[a-z][a-z0-9-]*)")
_WORD = re.compile(r" [a-z][a-z-]*")
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
_SERVICE_OPTIONS = {"--station", "--help"}


def options_of() -> dict[str, set[str]]:
    """Each command of `edge` with its options; those of a group as `group command`, and of a group in it likewise."""
    found = {name: set(_SERVICE_OPTIONS) for name in cli.SERVICES}
    todo = list(getattr(typer.main.get_command(commands._typer), "commands", {}).items())
    while todo:
        name, command = todo.pop()
        found[name] = {"--help"} | {option for parameter in command.params for option in parameter.opts}
        todo += [(f"{name} {one}", member) for one, member in getattr(command, "commands", {}).items()]
    return found


def code(text: str) -> Iterator[tuple[int, str]]:
    """(line, code): what stands in fences, in blocks indented by four, between backticks."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if _FENCE.match(line):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield number, line
        else:
            yield from ((number, piece) for piece in _INLINE.findall(line))


def check(text: str, root: Path, options: dict[str, set[str]]) -> list[Finding]:
    """What is named and not there."""
    targets = set(_TARGET.findall((root / "Makefile").read_text()))
    found: list[Finding] = []
    for number, piece in code(text):
        for name, rest in _EDGE.findall(piece):
            while any(known.startswith(f"{name} ") for known in options) and (member := _WORD.match(rest)):
                name, rest = name + member[0], rest[member.end() :]
            if name not in options:
                found.append((number, f"edge {name}"))
                continue
            found += [(number, f"edge {name} {o}") for o in _OPTION.findall(rest) if o not in options[name]]
        found += [(number, f"make {name}") for name in _MAKE.findall(piece) if name not in targets]
        for module in _MODULE.findall(piece):
            place = root / module.replace(".", "/")
            if not (place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()):
                found.append((number, f"python -m {module}"))
    return found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Run `edge frobnicate` now.", ["edge frobnicate"]),
        ("    edge capture CAM --station FILE  # fine\n    edge capture CAM --colour red", ["edge capture --colour"]),
        ("```\nmake nothing\n```\nmake nothing, in words", ["make nothing"]),
        ("`edge bench [--json]` and `make test` and `edge/capture` and `python -m models.tools.convert_backbone`", []),
        ("`edge learning frobnicate` and `edge learning correct DIR --colour`", ["edge learning frobnicate",
            "edge learning correct --colour"]),
        ("`edge learning correct DIR --by NAME --reason WHY` and `edge learning replay`", []),
        ("`edge learning kinds frob` and `edge learning kinds teach DIR --out F --last 3`", ["edge learning kinds frob",
            "edge learning kinds teach --last"]),
        ("`python -m models.tools.absent`", ["python -m models.tools.absent"]),
        ("at the edge of the belt, make sure", []),
    ],
)  # fmt: skip
def test_the_rule_itself(root: Path, text: str, words: list[str]) -> None:
    assert [found for _, found in check(text, root, options_of())] == words


def test_no_text_for_people_names_a_command_that_is_not_there(root: Path) -> None:
    options = options_of()
    assert {"line", "capture", "bench"} <= set(options)
    texts = [root / "README.md", root / "CHANGELOG.md", *sorted((root / "docs").rglob("*.md"))]
    found = [f"{path.name}:{line}: {words}" for path in texts for line, words in check(path.read_text(), root, options)]
    assert found == []


def test_the_station_examples_name_only_what_is_there(root: Path) -> None:
    options = options_of()
    for path in sorted((root / "deploy/stations").glob("*.toml")):
        comments = "\n".join(f"`{line}`" for line in re.findall(r"(?<=: )edge [^`\n]+", path.read_text()))
        assert check(comments, root, options) == [], path.name
