"""Sizes, numbers and memory that kernels share."""

import numpy as np

LANES = 16
"""Cases side by side."""
RUN, LEAST, TABLES = 16, 8, 4
"""Outputs of a run, at most and at least, and different runs of a tape."""
PAGE = 32
"""Outputs that gather before they are written."""
EPS = 2.0**-52

# Arrays are flat and their indices unsigned: a signed one may be negative, which numba tests each time.
U = np.uint64
ZERO, ONE, TWO, FOUR, EIGHT = U(0), U(1), U(2), U(4), U(8)
Q, L = U(RUN), U(LANES)


def aligned(size):
    """Zeros that begin where a line of the processor's cache begins."""
    buffer = np.zeros(size + 7)
    skip = -buffer.__array_interface__["data"][0] % 64 // 8
    return buffer[skip : skip + size]
