"""The equations: from concentrations at the places of action to effects. Plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Value = Callable[[str], Floats | None]


def drive(places: Mapping[str, Floats], effect: str, value: Value, shift: Floats | float) -> Floats:
    """Concentrations relative to those of half the effect, added.

    Parameters
    ----------
    places : mapping of str to array
        Concentration [mg/L] at every place of action.
    effect : str
        ``"analgesia"`` and so on.
    value : callable
        Number of a drug file by its name, or None.
    shift : array or float
        Factor of the EC50 in the cord by tolerance.

    Returns
    -------
    array
        1 where the effect is half of its maximum.
    """
    parts = {
        place: np.maximum(c, 0.0) / needed(value, f"{effect}_{place}_ec50")
        for place, c in places.items()
    }
    spinal = parts.pop("cord", np.zeros(())) / shift
    others = sum(parts.values(), np.zeros(()))
    synergy = value(f"{effect}_synergy")
    total = spinal + others
    return total if synergy is None else total + synergy * np.sqrt(spinal * others)


def effect(u: Floats, name: str, value: Value) -> Floats:
    """Effect of a drive: sigmoid, or, without a steepness, proportional up to the maximum.

    Examples
    --------
    >>> numbers = {"analgesia_hill": 2.0, "analgesia_maximum": 1.0}
    >>> effect(np.array([0.0, 1.0, 3.0]), "analgesia", numbers.get)
    array([0. , 0.5, 0.9])
    """
    hill, maximum = value(f"{name}_hill"), value(f"{name}_maximum")
    share = np.minimum(1.0, u / 2) if hill is None else _sigmoid(u, hill)
    return np.asarray(share if maximum is None else maximum * share)


def _sigmoid(u: Floats, hill: Floats) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        power = u**hill
        return np.where(np.isinf(power), 1.0, power / (1 + power))


def shift(cord: Floats, value: Value) -> Floats:
    """Factor of the EC50 in the cord, from the concentration that tolerance has followed."""
    return 1 + np.maximum(cord, 0.0) / needed(value, "tolerance_cord_concentration")


def needed(value: Value, name: str) -> Floats:
    """A number that was found to be there before."""
    found = value(name)
    if found is None:
        raise KeyError(name)
    return found
