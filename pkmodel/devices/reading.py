"""Quantities and times of day of a prescription; what is wrong with one is noted, not raised."""

from __future__ import annotations

import math
import re
from typing import Any

from pkmodel import units
from pkmodel.drugs.schema import amount_text
from pkmodel.errors import UnitError

__all__ = ["DAY", "daily_text", "flow_text", "read", "strength_text", "time_of_day", "volume_text"]

DAY = 24.0  # h


def read(
    faults: list[str],
    name: str,
    value: Any,
    dimension: str,
    *,
    above: float | None = None,
    finite: bool = True,
) -> float:
    """Read one quantity in its internal unit, or note what is wrong with it and return NaN.

    Parameters
    ----------
    faults : list of str
        What is wrong is appended here.
    name : str
        What the quantity is.
    value : str or float
        Text with a unit, or a number in the internal unit of the dimension (mg, h, L, cm).
    dimension : str
        A key of ``units.DIMENSIONS``.
    above : float, optional
        The quantity has to be above this [internal unit].
    finite : bool
        Whether infinity is refused.

    Returns
    -------
    float

    Examples
    --------
    >>> faults = []
    >>> read(faults, "fill", "18 mL", "volume"), read(faults, "dose", "0.4 mgs", "amount")
    (0.018, nan)
    >>> faults
    ['dose "0.4 mgs": unknown unit "mgs" (g, mg, ug, ng)']
    """
    unit = None if isinstance(value, str) else units.DIMENSIONS[dimension]
    try:
        number = units.convert(value, dimension, unit=unit, name=name)
    except UnitError as error:
        faults.append(f"{error.given}: {'; '.join(error.faults)}")
        return math.nan
    if not isinstance(number, float):
        faults.append(f"{name} is {value!r}; expected one quantity")
        return math.nan
    if above is not None and not number > above:
        faults.append(f"{name} is {value!r}; expected more than {above:g}")
    elif finite and number == math.inf:
        faults.append(f"{name} is infinite; expected an end")
    else:
        return number
    return math.nan


def time_of_day(faults: list[str], name: str, value: Any) -> float:
    """Read a time of day [h], ``"22:30"`` or 22.5, from 0 to below 24; NaN if it is none.

    Examples
    --------
    >>> time_of_day([], "night", "22:30")
    22.5
    """
    hour = math.nan
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d{1,2}):([0-5]\d)\s*", value)
        hour = int(match[1]) + int(match[2]) / 60 if match else math.nan
    elif isinstance(value, int | float) and not isinstance(value, bool):
        hour = float(value)
    if not 0 <= hour < DAY:
        faults.append(f'{name} is {value!r}; expected a time of day ("22:00", or 22.0)')
        return math.nan
    return hour


def daily_text(rate: float) -> str:
    """A rate [mg/h] as a dose per day.

    Examples
    --------
    >>> daily_text(0.4 / 24)
    '0.4 mg/day'
    """
    return f"{amount_text(rate * DAY)}/day"


def volume_text(litres: float) -> str:
    """A volume [L] in mL.

    Examples
    --------
    >>> volume_text(0.000331)
    '0.331 mL'
    """
    return f"{litres * 1000:.4g} mL"


def flow_text(flow: float) -> str:
    """A flow [L/h] in mL per day.

    Examples
    --------
    >>> flow_text(0.001)
    '24 mL/day'
    """
    return f"{volume_text(flow * DAY)}/day"


def strength_text(concentration: float) -> str:
    """A concentration [mg/L] per mL.

    Examples
    --------
    >>> strength_text(10_000), strength_text(25)
    ('10 mg/mL', '25 ug/mL')
    """
    return f"{amount_text(concentration / 1000)}/mL"
