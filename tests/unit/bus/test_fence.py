from __future__ import annotations

import pytest

from edge.bus.fence import Fence, libatomic_fence, membarrier_fence, open_fence
from edge.errors import RingError


def refuse() -> Fence:
    raise OSError("not here")


def test_a_fence_is_found_on_this_machine() -> None:
    open_fence()()


def test_the_fallback_works_alone() -> None:
    """membarrier(2) is in every kernel we support, also where libatomic1 is not installed."""
    fence = membarrier_fence()
    assert fence() == 0


def test_the_next_source_is_used_when_one_refuses() -> None:
    calls: list[int] = []

    def source() -> Fence:
        return lambda: calls.append(1)

    open_fence([refuse, source])()
    assert calls == [1]


@pytest.mark.parametrize("library", ["libnothing-of-that-name.so.9", "libc.so.6"])
def test_a_missing_library_or_function_is_an_oserror(library: str) -> None:
    with pytest.raises(OSError, match=r"libnothing|atomic_thread_fence"):
        libatomic_fence(library)


def test_no_fence_is_an_error_with_a_hint_and_not_silence() -> None:
    with pytest.raises(RingError, match="not here; not here") as caught:
        open_fence([refuse, refuse])
    assert "libatomic1" in caught.value.hint
