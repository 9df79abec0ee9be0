"""Memory that a step gives back is kept for the next one."""

import ctypes
import sys

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
"""Of glibc's `mallopt`."""
OLD_MOST, MOST = 32 << 20, 1 << 30
"""Bytes that are not asked of the system anew each time; older glibc takes no more than the first."""
NEVER = 2**31 - 1


def keep_memory() -> None:
    """Have this process keep what it frees, where the C library is glibc; elsewhere nothing is done.

    Else every step asks the system for its large maps anew and waits until each page of them is there.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        if not mallopt(MMAP_THRESHOLD, MOST):
            mallopt(MMAP_THRESHOLD, OLD_MOST)
        mallopt(TRIM_THRESHOLD, NEVER)
