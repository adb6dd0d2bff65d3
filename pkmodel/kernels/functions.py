"""A user's own right-hand side as the address of a C function."""

from functools import cache

from numba import carray, cfunc, types  # type: ignore[attr-defined]
from numba.extending import is_jitted, register_jitable

_POINTER = types.CPointer(types.float64)
_SIGNATURE = types.void(types.float64, _POINTER, _POINTER, _POINTER)


@cache
def _compiled(function, states, parameters):
    called = function if is_jitted(function) else register_jitable(function)

    def entry(t, y, p, dydt):
        called(t, carray(y, (states,)), carray(p, (parameters,)), carray(dydt, (states,)))

    return cfunc(_SIGNATURE, error_model="numpy")(entry)


def address_of(function, states, parameters):
    """Address of ``void (double t, double *y, double *p, double *dydt)`` that calls ``function(t, y, p, dydt)``."""
    return _compiled(function, states, parameters).address
