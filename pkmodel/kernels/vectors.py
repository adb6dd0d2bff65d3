"""Six operations on numbers side by side, as the kernels write them.

A plain loop over an array would do the same, if the compiler did not have to test before each one whether
arrays overlap, which takes longer than the loop. Here a vector is a NumPy array; `lowering` tells the compiler
how to hold it in registers.
"""

import numpy as np


def splat(value, width):
    """`width` times the same number."""
    return np.full(width, value)


def load(array, at, like):
    """As many numbers as `like` has, from place `at`."""
    return array[at : at + len(like)].copy()


def store(array, at, vector):
    """Write the numbers from place `at`."""
    array[at : at + len(vector)] = vector


def fma(a, b, c):
    """``a * b + c``, rounded once where the processor can; `b` may be one number for all."""
    return a * b + c


def ratio(a, b):
    """``a / b``."""
    return a / b


def turn(array, at, stride, a, b, c, d):
    """Store four vectors of four as the columns of a matrix with rows `stride` apart."""
    for k in range(4):
        array[at + k * stride : at + k * stride + 4] = a[k], b[k], c[k], d[k]
