"""Reading JSON from outside: bounded, checked field by field, and refused in words that say where."""

from __future__ import annotations

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from edge.errors import EdgeError, UsageError

Value = TypeVar("Value")


def read(
    adapter: TypeAdapter[Value], data: bytes, most_bytes: int, what: str, error: type[EdgeError], hint: str = ""
) -> Value:
    """what: as it begins a sentence. error: raised with what is wrong, whatever it is. hint: what to do then."""
    if len(data) > most_bytes:
        raise error(f"{what} has {len(data)} bytes", hint=f"at most {most_bytes}")
    try:
        return adapter.validate_json(data)
    except ValidationError as found:
        first = found.errors(include_url=False)[0]
        where = ".".join(str(piece) for piece in first["loc"]) or "the file"
        raise error(f"{what} cannot be read: {where}: {first['msg']}", hint=hint) from found
    except UsageError as found:
        raise error(found.message, hint=found.hint) from found
