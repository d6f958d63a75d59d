"""Memory that a command has freed stays with it."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST_PIECE, NEVER = 32 * 2**20, 2**31 - 1


def keep_freed() -> None:
    """Has the C library give new tensors the pages of old ones.

    A training step frees and wants the same large tensors again and again. By default glibc hands most of them back
    to the system, and to have them back, page by page, filled with zeros, is 4 to 15 % of a step on a CPU. Where the
    C library is another one, nothing is done.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_PIECE)
        mallopt(M_TRIM_THRESHOLD, NEVER)
