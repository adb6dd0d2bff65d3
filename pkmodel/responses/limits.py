"""Whether the numbers of responses lie where they can."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from pkmodel.errors import ParameterError
from pkmodel.responses.equations import needed

if TYPE_CHECKING:
    from pkmodel.responses.equations import Value

__all__ = ["check"]

SCALES = {"pain_baseline": (0, 10), "spasticity_baseline": (1, 5), "spasticity_least": (1, 5)}
"""Ends of the scores."""
ABOVE_ZERO = ("ec50", "concentration", "half_life", "hill")
"""Ends of the names of numbers that are divided by, or without which an effect does not depend on a dose."""


def check(names: Iterable[str], value: Value) -> None:
    """Refuse numbers with which there are no responses; none is negative, which models see to.

    Parameters
    ----------
    names : iterable of str
        Names of numbers.
    value : callable
        Number by its name, of one case or many.

    Raises
    ------
    ParameterError
        All of them.

    Examples
    --------
    >>> check(["analgesia_hill"], {"analgesia_hill": np.array([1.0, 2.4])}.get)
    """
    faults = [fault for name in names if (fault := _fault(name, value))]
    highest, least = value("spasticity_baseline"), value("spasticity_least")
    if highest is not None and least is not None and np.any(least >= highest):
        faults.append("spasticity_least is not below spasticity_baseline")
    if faults:
        raise ParameterError(
            *faults,
            remedy='Write for example parameters={"analgesia_hill": 2.4, "pain_baseline": 7}.',
        )


def _fault(name: str, value: Value) -> str:
    found = needed(value, name)
    if name.endswith(ABOVE_ZERO) and np.any(found <= 0):
        return f"{name} is {np.min(found):g}; expected more than 0"
    low, high = SCALES.get(name, (-np.inf, np.inf))
    outside = np.ravel(found)[(np.ravel(found) < low) | (np.ravel(found) > high)]
    return (
        f"{name} is {outside[0]:g}; expected a score from {low} to {high}" if outside.size else ""
    )
