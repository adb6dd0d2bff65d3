"""Doses per kg of body weight and per m² of body surface."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from pkmodel.errors import ParameterError
from pkmodel.model import Parameter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BODY_SIZES = {
    "kg": Parameter("weight", 70.0, "weight"),
    "m2": Parameter("body_surface_area", 1.8, "area"),
}
"""What a dose per kg or m² is multiplied by. The values are examples; no dose is ever taken per such a one."""


def body_sizes(per: Iterable[str | None]) -> dict[str, Parameter]:
    """Body sizes that doses are per, by name.

    Examples
    --------
    >>> list(body_sizes(["kg", None, ""]))
    ['weight']
    """
    return {BODY_SIZES[p].name: BODY_SIZES[p] for p in dict.fromkeys(per) if p}


def size_of(per: str | None, values: Mapping[str, Floats], dose: str) -> Floats:
    """Body size [kg or m²] of every case that a dose is multiplied by; 1 where it is per patient."""
    if not per:
        return np.ones((1, 1))
    size = BODY_SIZES[per]
    if size.name not in values:
        raise ParameterError(
            f'"{dose}" is a dose per {per}, and the parameters have no {size.name}',
            remedy=f'Give it: parameters={{"{size.name}": "{size.value:g} {size.unit}"}}.',
        )
    return np.atleast_2d(values[size.name])
