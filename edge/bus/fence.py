"""Full memory fences from Python.

Why: the ring is a seqlock. The writer makes a slot's generation odd, writes pixels, makes it even; the
reader uses the pixels and then looks whether the generation is still the one it was told. That is right
only if nobody reorders the accesses, and arm64 does reorder stores with stores and loads with loads
(x86-64 only a store with a later load). H.-J. Boehm, "Can seqlocks get along with programming language
memory models?", MSPC 2012 (doi 10.1145/2247684.2247688), shows where fences must stand: the writer's
between the odd generation and the first data store, and between the last data store and the even
generation; the reader's between its last data load and its second look at the generation (a release
store or an acquire load there is not enough: it lets data accesses move across the other way).
CPython had this very bug in its own seqlock, seen on arm64: https://github.com/python/cpython/pull/121388.

The interpreter is no fence. Its locks are acquire/release (one-way), and a system call is not documented
to be one. No compiler can move our accesses across a fence either, since each is made in a C function
of its own that the interpreter calls in program order; so what is needed is the CPU's fence, by one of:

1. libatomic's `atomic_thread_fence(memory_order_seq_cst)` (C11 7.17.4.1): `dmb ish` on arm64, a locked
   instruction on x86-64. No system call, so no sandbox can forbid it; disturbs no other CPU. About the
   price of a ctypes call (0.4 us). Debian package libatomic1, not on every system.
2. membarrier(2) MEMBARRIER_CMD_GLOBAL_EXPEDITED after registering: in every kernel since 4.16 built with
   CONFIG_MEMBARRIER (Debian's, Ubuntu's and Raspberry Pi's are). The manual promises the registered
   process that its accesses match program order on return, and its table that membarrier() is ordered
   with both membarrier() and smp_mb(), so a writer using one kind and a reader using the other are
   still right. Interrupts the CPUs that run registered processes: 1 to 3 us on 2 cores. systemd's
   SystemCallFilter=@system-service contains it (through @default; checked with systemd 252).

Not used: MEMBARRIER_CMD_GLOBAL waits for an RCU grace period (9 ms measured); PRIVATE_EXPEDITED returns at
once, without a fence, in a process with one thread.

With neither, `open_fence` raises RingError: a ring without fences would give mixed pictures without a word.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Callable, Sequence

from edge.errors import RingError

Fence = Callable[[], object]

_SEQ_CST = 5  # memory_order_seq_cst in <stdatomic.h>, the same in GCC and Clang
_GLOBAL_EXPEDITED = 1 << 1  # <linux/membarrier.h>
_REGISTER_GLOBAL_EXPEDITED = 1 << 2
_MEMBARRIER_NUMBERS = {"x86_64": 324, "aarch64": 283}  # <asm/unistd.h>


def libatomic_fence(library: str = "libatomic.so.1") -> Fence:
    """A fence by C11's atomic_thread_fence. OSError when the library is not there or has no such function.

    PyDLL, not CDLL: letting the GIL go for one instruction would make us queue for it behind other threads.
    """
    try:
        function = ctypes.PyDLL(library).atomic_thread_fence
    except AttributeError as error:
        raise OSError(str(error)) from error
    function.argtypes = [ctypes.c_int]
    function.restype = None
    return functools.partial(function, _SEQ_CST)


def membarrier_fence() -> Fence:
    """A fence by membarrier(2). Registers this process. OSError when kernel or sandbox refuse it.

    Only the first call needs checking: "this system call is guaranteed to always return the same value
    until reboot" (membarrier(2), RETURN VALUE).
    """
    number = _MEMBARRIER_NUMBERS.get(os.uname().machine)
    if number is None or sys.maxsize < 2**32:
        raise OSError(f"membarrier's number is not known for {os.uname().machine}, {sys.maxsize:#x}")
    syscall = ctypes.PyDLL(None, use_errno=True).syscall
    syscall.argtypes = [ctypes.c_long] * 4
    syscall.restype = ctypes.c_long
    for command in (_REGISTER_GLOBAL_EXPEDITED, _GLOBAL_EXPEDITED):
        if syscall(number, command, 0, 0) != 0:
            code = ctypes.get_errno()
            raise OSError(code, f"membarrier: {os.strerror(code)}")
    return functools.partial(syscall, number, _GLOBAL_EXPEDITED, 0, 0)


def open_fence(
    sources: Sequence[Callable[[], Fence]] = (libatomic_fence, membarrier_fence),
) -> Fence:
    """The first fence that this machine has. Calling it orders all accesses before it before all after it.

    Errors: RingError when no source works.
    """
    refusals = []
    for source in sources:
        try:
            return source()
        except OSError as error:
            refusals.append(str(error))
    raise RingError(
        f"no memory fence on this machine: {'; '.join(refusals)}",
        hint="install the package libatomic1, or allow the system call membarrier in the service's sandbox",
    )
