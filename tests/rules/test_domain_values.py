"""Values are frozen, slotted, keyword-only dataclasses."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from dataclasses import dataclass

import edge.domain


def values() -> list[type]:
    """Every public dataclass that a module of edge.domain defines."""
    names = [info.name for info in pkgutil.walk_packages(edge.domain.__path__, "edge.domain.")]
    found = [
        kind
        for module in map(importlib.import_module, names)
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__ and not name.startswith("_") and dataclasses.is_dataclass(kind)
    ]
    assert found or not names
    return found


def faults(kind: type) -> list[str]:
    """What `kind` lacks. Python 3.11 keeps only `frozen`; the others are seen by what they do."""
    parameters = kind.__dataclass_params__  # type: ignore[attr-defined]
    return [
        *([] if parameters.frozen else ["frozen"]),
        *([] if "__slots__" in vars(kind) else ["slots"]),
        *([] if all(field.kw_only for field in dataclasses.fields(kind) if field.init) else ["kw_only"]),
    ]


def test_values_are_frozen_slotted_and_keyword_only() -> None:
    assert {f"{kind.__module__}.{kind.__name__}": lacks for kind in values() if (lacks := faults(kind))} == {}


def test_each_lack_is_seen() -> None:
    @dataclass(slots=True, kw_only=True)
    class Mutable:
        x: int

    @dataclass(frozen=True, kw_only=True)
    class Open:
        x: int

    @dataclass(frozen=True, slots=True)
    class Positional:
        x: int

    assert [faults(kind) for kind in (Mutable, Open, Positional)] == [["frozen"], ["slots"], ["kw_only"]]
