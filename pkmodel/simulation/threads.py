"""Cases in slices, one for every thread."""

from __future__ import annotations

import os
from itertools import pairwise
from numbers import Integral
from typing import TYPE_CHECKING

from pkmodel.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LANES = 32


def cuts_of(count: int, work: int, threads: int | None) -> list[slice]:
    """Cases in so many slices, whole blocks of lanes each; by default as many as the work is worth."""
    whole = isinstance(threads, Integral) and not isinstance(threads, bool)
    if threads is not None and (not whole or threads < 1):
        raise InputError(
            f"threads is {threads!r}; expected a whole number, 1 or above",
            remedy="Write threads=2.",
        )
    if threads is None:
        threads = (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
        threads = min(threads, 1 + count * work // 50_000_000)
    blocks = -(-count // LANES)
    threads = max(1, min(threads, blocks))
    edges = [LANES * (blocks * k // threads) for k in range(threads)] + [count]
    return [slice(a, b) for a, b in pairwise(edges)]


def part_of(array: Floats, cut: slice) -> Floats:
    """A slice of what each case has, or what all cases have in common."""
    return array if len(array) == 1 else array[cut]
