"""Operations on numbers side by side that steps of one's own need, beside those in `vectors`.

Vectors also have ``+``, ``-`` and ``*``. Here a vector is a NumPy array; `lanes_lowering` tells the compiler
how to hold it in registers.
"""

import ctypes

import numpy as np

_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_double, *[ctypes.c_void_p] * 3)


def smaller(a, b):
    """The smaller one; not a number, if one of them is none."""
    return np.minimum(a, b)


def larger(a, b):
    """The larger one; not a number, if one of them is none."""
    return np.maximum(a, b)


def absolute(a):
    """``|a|``."""
    return np.abs(a)


def exponential(a):
    """``exp(a)``."""
    return np.exp(a)


def logarithm(a):
    """``log(a)``."""
    return np.log(a)


def root(a):
    """``sqrt(a)``."""
    return np.sqrt(a)


def power(a, b):
    """``a ** b``."""
    return a**b


def choose(a, b, x, y):
    """`x` where ``a < b``, and `y` elsewhere and where one of them is not a number."""
    return np.where(a < b, x, y)


def update(array, at, a, b, x):
    """Store `x` in the lanes where ``a < b``."""
    array[at : at + len(x)] = np.where(a < b, x, array[at : at + len(x)] + 0.0)


def below(a, b):
    """A number whose bit z tells whether ``a < b`` in lane z."""
    return int(((a < b) << np.arange(len(a))).sum())


def rough_log2(a):
    """Logarithm of positive numbers, linear between powers of two: up to 0.09 too small."""
    return (a.view(np.int64) >> 32) * 2.0**-20 - 1023.0


def rough_exp2(a):
    """Inverse of `rough_log2`, for results that are normal numbers."""
    return ((np.trunc((a + 1023.0) * 2.0**20)).astype(np.int64) << 32).view(np.float64)


def call(address, time, array, y, p, dydt):
    """Call a C function ``void f(double t, const double *y, const double *p, double *dydt)``.

    Its three vectors lie in `array`, from the places given.
    """
    start = array.__array_interface__["data"][0]
    _FUNCTION(int(address))(float(time), *(int(start + 8 * int(place)) for place in (y, p, dydt)))


def apart():
    """Tell the compiler not to copy the function that says so into its callers."""
