"""A user's own right-hand side as the address of a C function."""

from functools import cache

import numpy as np
from numba import carray, cfunc, njit, types  # type: ignore[attr-defined]
from numba.core.errors import NumbaError, UnsupportedBytecodeError
from numba.extending import is_jitted

_POINTER = types.CPointer(types.float64)
_SIGNATURE = types.void(types.float64, _POINTER, _POINTER, _POINTER)


class NotCompiled(Exception):
    """Numba cannot compile the function; the message says why."""


@cache
def _compiled(function, states, parameters):
    checked = njit(error_model="numpy", boundscheck=True)
    called = function if is_jitted(function) else checked(function)

    def entry(t, y, p, dydt):
        rates = carray(dydt, (states,))
        try:
            called(t, carray(y, (states,)), carray(p, (parameters,)), rates)
        except Exception:  # nobody above could catch it
            rates[0] = np.nan

    return cfunc(_SIGNATURE, error_model="numpy")(entry)


def address_of(function, states, parameters):
    """Address of ``void (double t, double *y, double *p, double *dydt)`` that calls ``function(t, y, p, dydt)``.

    An exception, an index out of range for one, makes the first rate NaN.
    """
    try:
        return _compiled(function, states, parameters).address
    except (NumbaError, UnsupportedBytecodeError) as error:
        lines = [line.strip() for line in str(error).splitlines()]
        told = [
            line for line in lines if line and not line.startswith(("Failed in", "During", "File"))
        ]
        raise NotCompiled(told[0] if told else type(error).__name__) from error
