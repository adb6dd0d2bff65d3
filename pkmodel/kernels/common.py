"""Sizes, numbers and memory that kernels share."""

import numpy as np

LANES = 16
"""Cases side by side."""
RUN, TABLES = 8, 4
"""Outputs of a long run, twice those of a short one, and step lengths of a tape's runs."""
KEY, COUNT, TABLE, PLACE, LEAD, SHEET, OPENS, CLOSES = range(8)
"""What `plan` marks: of items the key, outputs, table and place; of places, sheets and stretches as it says."""
SEGMENT_OF, ORIGIN, DOUBLINGS, SQUARED = range(4)
"""What is known of every key, beside the length of the step."""
PAGE = 32
"""Outputs that gather before they are written."""
EPS = 2.0**-52

# Arrays are flat and their indices unsigned: a signed one may be negative, which numba tests each time.
U = np.uint64
ZERO, ONE, TWO, FOUR, EIGHT = U(0), U(1), U(2), U(4), U(8)
Q, L = U(RUN), U(LANES)


def aligned(*sizes):
    """Zeros for every size, each beginning where a line of the processor's cache begins."""
    buffer = np.zeros(sum(sizes) + 8 * len(sizes) + 7)
    place = -buffer.__array_interface__["data"][0] % 64 // 8
    parts = []
    for size in sizes:
        parts.append(buffer[place : place + size])
        place += -(-size // 8) * 8
    return parts
