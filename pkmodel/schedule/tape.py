"""What the kernel follows: items in the order of time, one programme after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

ROUNDING = 4
"""Units in the last place by which times may differ that are meant to be the same."""


class Tape(NamedTuple):
    """Time-ordered items of every programme, one after another; see the kernel for the operations."""

    start: Ints
    time: Floats
    op: Ints
    target: Ints
    value: Floats
    scale: Ints
