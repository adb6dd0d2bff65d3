"""Quantities with units at the door, plain numbers inside: mg, h, L, and nothing else.

A frozen table of the field's spellings answers without pint, whose import takes 0.35 s; written-out
names that it lacks ("fortnight", "ounces") go to pint. Factors are kept as ratios of whole numbers:
"0.4 mg/day" is exactly 0.4 / 24 mg/h.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkmodel.errors import UnitError
from pkmodel.units.expressions import (
    as_mass,
    choice,
    dimensions_by_powers,
    noun,
    ratio,
    remedy,
    require_dimension,
    scale_of,
)
from pkmodel.units.spellings import DIMENSIONS

__all__ = ["DIMENSIONS", "convert", "dimension_of", "express", "factor", "split"]

# A bare number is never a dose: reading mg for ug is deadly.
_DOSES = frozenset(
    {"amount", "rate"} | {d for d in DIMENSIONS if d.startswith(("amount_", "rate_per"))}
)
_QUANTITY = re.compile(
    r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\d.,])\s*(.*?)\s*", re.DOTALL
)


def convert(
    value: Any,
    dimension: str,
    *,
    unit: str | None = None,
    molar_mass: float | None = None,
    name: str | None = None,
) -> float | NDArray[np.float64]:
    """Read a quantity into the internal unit of its dimension.

    Text carries its unit ("0.4 mg/day"); only a fraction or a ratio may go without. A bare number is taken in
    `unit`, or else in the internal unit (mg, h, L, kg, m2, cm); for an amount or a rate, which are
    doses, `unit` has to be given.

    Parameters
    ----------
    value : str, float, array_like or pint.Quantity
        One quantity, or many; a sequence may mix text and numbers.
    dimension : str
        A key of `DIMENSIONS`.
    unit : str, optional
        Unit of numbers without one.
    molar_mass : float, optional
        Molar mass [g/mol], to read molar quantities as mass.
    name : str, optional
        What the quantity is, for errors: ``"clearance"``.

    Returns
    -------
    float or ndarray
        In the unit ``DIMENSIONS[dimension]``.

    Raises
    ------
    UnitError
        A missing or unknown unit or one of another dimension, a molar unit without `molar_mass`, a
        value that is negative or not a number, an infinite one that is no time.

    Examples
    --------
    >>> convert("60 mg", "amount")
    60.0
    >>> convert("90 mL/min", "clearance")
    5.4
    >>> convert([1, 2], "amount", unit="ug")
    array([0.001, 0.002])
    >>> convert("10 nmol/L", "concentration", molar_mass=285.34)
    0.0028534
    """
    if isinstance(value, (list, tuple)) and any(isinstance(item, str) for item in value):
        return np.array(
            [convert(v, dimension, unit=unit, molar_mass=molar_mass, name=name) for v in value]
        )
    try:
        number, own = _number_and_unit(value)
        result = _internal(number, own or unit, dimension, molar_mass, isinstance(value, str))
        _require_sense(result, dimension)
    except UnitError as error:
        shown = f'"{value.strip()}"' if isinstance(value, str) else _brief(value)
        given = f"{name} {shown}" if name else shown
        raise UnitError(*error.faults, given=given, remedy=error.remedy) from None
    return result


def split(text: str) -> tuple[float, str]:
    """Part a quantity into its number and its unit, which may be empty.

    Parameters
    ----------
    text : str
        For example ``"0.4 mg/day"``.

    Returns
    -------
    tuple of float and str
        The number and the unit as they stand.

    Raises
    ------
    UnitError
        The text does not begin with a number, or the number has a comma.

    Examples
    --------
    >>> split("0.4 mg/day")
    (0.4, 'mg/day')
    """
    match = _QUANTITY.fullmatch(text)
    if match is not None:
        return float(match[1]), match[2]
    comma = re.match(r"\s*([+-]?\d+),(\d+)", text)
    if comma and len(comma[2]) == 3:
        fault = (
            f'"{comma[0].strip()}" has a comma: "{comma[1]}{comma[2]}" or "{comma[1]}.{comma[2]}"'
        )
    elif comma:
        fault = f'"{comma[0].strip()}" has a decimal comma: write "{comma[1]}.{comma[2]}"'
    else:
        fault = "does not begin with a number"
    raise UnitError(fault, given=f'"{text.strip()}"', remedy='Write for example "60 mg".')


def factor(unit: str, dimension: str, molar_mass: float | None = None) -> float:
    """Multiply a number in `unit` by this to get the internal unit.

    Parameters
    ----------
    unit : str
        For example ``"mL/min"``.
    dimension : str
        A key of `DIMENSIONS`.
    molar_mass : float, optional
        Molar mass [g/mol], for molar units.

    Returns
    -------
    float
        Internal units per `unit`.

    Raises
    ------
    UnitError
        As for `convert`.

    Examples
    --------
    >>> factor("mL/min", "clearance")
    0.06
    """
    numerator, denominator = ratio(unit, dimension, molar_mass)
    return numerator / denominator


def express(
    values: ArrayLike, dimension: str, unit: str, molar_mass: float | None = None
) -> float | NDArray[np.float64]:
    """Turn numbers in the internal unit into a unit for display.

    Parameters
    ----------
    values : array_like
        In the unit ``DIMENSIONS[dimension]``.
    dimension : str
        A key of `DIMENSIONS`.
    unit : str
        The unit to show.
    molar_mass : float, optional
        Molar mass [g/mol], for molar units.

    Returns
    -------
    float or ndarray
        In `unit`.

    Raises
    ------
    UnitError
        As for `convert`.

    Examples
    --------
    >>> express(0.4 / 24, "rate", "mg/day")
    0.4
    """
    numerator, denominator = ratio(unit, dimension, molar_mass)
    return _numbers(values) * denominator / numerator


def dimension_of(unit: str) -> str:
    """Name the dimension of a unit. Molar units count as those of mass.

    Parameters
    ----------
    unit : str
        For example ``"ng/mL"``; empty for a fraction.

    Returns
    -------
    str
        A key of `DIMENSIONS`.

    Raises
    ------
    UnitError
        The unit is unknown, or no dimension has it.

    Examples
    --------
    >>> dimension_of("ng/mL"), dimension_of("mg/kg"), dimension_of("kg")
    ('concentration', 'amount_per_kg', 'weight')
    """
    powers = scale_of(unit).powers
    known = dimensions_by_powers()
    dimension = known.get(powers) or known.get(as_mass(powers))
    if dimension is None:
        raise UnitError(
            "is the unit of nothing known here",
            given=f'"{unit}"',
            remedy=f"Write for example {', '.join(list(DIMENSIONS.values())[:6])}.",
        )
    return dimension


def _number_and_unit(value: Any) -> tuple[Any, str]:
    if isinstance(value, str):
        return split(value)
    if hasattr(value, "unit_items") and hasattr(value, "magnitude"):
        unit = "*".join(f"{name}^{power:g}" for name, power in value.unit_items())
        return _numbers(value.magnitude), unit or "1"
    return _numbers(value), ""


def _numbers(value: Any) -> Any:
    """Return a float for a number and an array of floats for anything else."""
    array = np.asarray(value)
    if array.dtype.kind not in "iufO":
        raise _no_number(value)
    try:
        return float(array) if array.ndim == 0 else array.astype(float)
    except (TypeError, ValueError):
        raise _no_number(value) from None


def _no_number(value: Any) -> UnitError:
    return UnitError(f"expected a number, or text with a unit, not {type(value).__name__}")


def _internal(
    number: Any, unit: str | None, dimension: str, molar_mass: float | None, text: bool
) -> Any:
    require_dimension(dimension)
    if unit:
        numerator, denominator = ratio(unit, dimension, molar_mass)
        return number * numerator / denominator
    if dimension in _DOSES or (text and DIMENSIONS[dimension] != "1"):
        line = remedy(dimension)
        if not text:
            line = f'{line[:-1]}, or pass unit="{DIMENSIONS[dimension]}".'
        raise UnitError(f"has no unit ({choice(dimension)})", remedy=line)
    return number


def _require_sense(value: Any, dimension: str) -> None:
    low, high = (value, value) if isinstance(value, float) else (np.min(value), np.max(value))
    if math.isnan(low):
        raise UnitError("is not a number (NaN)", remedy=remedy(dimension))
    if low < 0:
        raise UnitError(f"is negative; expected 0 or above for {noun(dimension)}")
    if high == math.inf and dimension != "time":
        raise UnitError(f"is infinite; expected a finite value for {noun(dimension)}")


def _brief(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:37]}..."
