"""A right-hand side that is the user's own function: called once as Python, then compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_CALL = "It is called as f(t, y, p, dydt): y has {}; p has {}; dydt[k] is to become the rate of change of y[k]."
_OUTSIDE = ("math domain error", "expected a ")  # math.log(0.0), where compiled code gives -inf


def address_of_function(
    function: Callable[..., None],
    states: tuple[str, ...],
    start: Floats,
    parameters: dict[str, float],
) -> int:
    """Address of the compiled function.

    Raises
    ------
    InputError
        It fails where it is called at the beginning, it leaves rates out, or it cannot be compiled.
    """
    from pkmodel.kernels.functions import NotCompiled, address_of

    remedy = _CALL.format(*(", ".join(names) or "nothing" for names in (states, parameters)))
    wrong = _wrong(function, states, start, np.array([*parameters.values()]))
    if wrong:
        raise InputError(wrong, remedy=remedy)
    try:
        return address_of(function, len(states), len(parameters))
    except NotCompiled as error:
        raise InputError(
            f"Numba cannot compile the function: {error}",
            remedy="Write it with numbers, arrays, loops and the module math alone.",
        ) from error


def _wrong(function: Any, states: tuple[str, ...], start: Floats, parameters: Floats) -> str | None:
    """What is wrong with a call at the beginning."""
    called, found = getattr(function, "py_func", function), []
    for filled in (1.0, 2.0):
        dydt = np.full(len(start), filled)
        try:
            with np.errstate(all="ignore"):
                called(np.float64(0.0), start.copy(), parameters.copy(), dydt)
        except ArithmeticError:
            return None
        except Exception as error:
            if isinstance(error, ValueError) and str(error).startswith(_OUTSIDE):
                return None
            return f"the function fails when it is called: {type(error).__name__}: {error}"
        found.append(dydt)
    left = [s for s, a, b in zip(states, *found, strict=True) if (a, b) == (1.0, 2.0)]
    return f"the function leaves dydt of {', '.join(left)} as it was" if left else None
