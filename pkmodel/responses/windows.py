"""The therapeutic window: how long analgesia and breathing are beyond their thresholds, and the margin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.errors import InputError
from pkmodel.variables import attributes

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["WITHDRAWN", "window"]

WITHDRAWN = 0.25
"""Loss of effect that counts as withdrawal; assumed."""


def window(
    ds: xr.Dataset,
    *,
    analgesia: float = 0.5,
    respiration: float = 0.25,
    withdrawal: float = WITHDRAWN,
    start: float | None = None,
) -> xr.Dataset:
    """Time above thresholds, margin of safety and onset of withdrawal, of every arm and subject.

    Parameters
    ----------
    ds : xarray.Dataset
        From :func:`pkmodel.compare` or :func:`pkmodel.simulate`, with ``responses``.
    analgesia : float
        Analgesia that counts, as a fraction; half is what trials of pumps ask for as a rule.
    respiration : float
        Respiratory depression that counts; a quarter is what the C25 of the literature means.
    withdrawal : float
        Loss of effect that counts as withdrawal; a quarter is assumed.
    start : float, optional
        Output time [h] from which on it is looked, such as that of a stall; by default the first. A time between two
        of them is refused.

    Returns
    -------
    xarray.Dataset
        Over the dimensions of `ds` but time, those that its responses allow: ``time_analgesic`` and
        ``time_depressed`` [h], with lines drawn between the output times; ``margin``, the dose that at its worst
        moment halves breathing per dose that gives half of the analgesia on average; ``withdrawal_onset`` [h] after
        `start`, NaN where there is none; ``status`` of the simulation: of cases that failed all is NaN.

    Raises
    ------
    InputError
        No such responses in `ds`, a threshold that is not between 0 and 1, a start that is no output time, or no two
        times after it.

    Notes
    -----
    Both drives are proportional to the dose, as long as tolerance stays as it is. So the margin is the average
    analgesic drive over the highest respiratory one: TD50 / ED50 of this way of giving the drug.

    Examples
    --------
    >>> import xarray
    >>> rising = xarray.Dataset({"analgesia": ("time", [0.0, 1.0, 1.0])}, {"time": [0.0, 2.0, 4.0]})
    >>> window(rising, analgesia=0.5).time_analgesic.item()
    3.0
    """
    import xarray as xr

    if not isinstance(ds, xr.Dataset):
        raise InputError(f"expected a Dataset, not {type(ds).__name__}", remedy=_REMEDY)
    limits = {"analgesia": analgesia, "respiration": respiration, "withdrawal": withdrawal}
    rows = [
        ("time_analgesic", "analgesia", _hours_above, analgesia),
        ("time_depressed", "respiratory_depression", _hours_above, respiration),
        ("withdrawal_onset", "withdrawal", _first_above, withdrawal),
    ]
    rows = [row for row in rows if row[1] in ds]
    times = ds.time.values if "time" in ds.dims else np.zeros(0)
    faults = _faults(limits, rows, times)
    first = _first(faults, times, start)
    if faults:
        raise InputError(*faults, remedy=_REMEDY)
    own = ds.isel(time=slice(first, None))
    found = {name: _reduced(own, variable, rule, limit) for name, variable, rule, limit in rows}
    if {"analgesia_drive", "respiratory_drive"} <= set(ds.data_vars):
        span = float(own.time[-1] - own.time[0])
        average = own.analgesia_drive.integrate("time") / span
        found["margin"] = average / own.respiratory_drive.max("time")
    named = {name: values.assign_attrs(attributes(name)) for name, values in found.items()}
    if "status" in ds:
        named["status"] = ds.status
    thresholds = ", ".join(f"{name} {limit:g}" for name, limit in limits.items())
    return xr.Dataset(named, attrs={**ds.attrs, "thresholds": thresholds})


_REMEDY = 'Write window(compare("morphine", "60 mg oral q12h x 28", responses=True), start=312).'


def _faults(limits: dict[str, Any], rows: list[Any], times: Floats) -> list[str]:
    """What is wrong with the thresholds and the Dataset."""
    faults = [
        f"{name} is {limit!r}; expected a threshold between 0 and 1"
        for name, limit in limits.items()
        if not _is_number(limit) or not 0 < limit < 1
    ]
    if not rows:
        faults.append("the Dataset has no analgesia, respiratory depression or withdrawal")
    if len(times) < 2:
        faults.append(f"expected two times or more, and there are {len(times)}")
    elif (np.diff(times) <= 0).any():
        faults.append("the times do not rise")
    return faults


def _first(faults: list[str], times: Floats, start: Any) -> int:
    """Place of the first time that is looked at."""
    if start is None or len(times) < 2:
        return 0
    if not _is_number(start) or not np.isfinite(start):
        faults.append(f"start is {start!r}; expected an output time [h], 312")
        return 0
    place = int(np.abs(times - start).argmin())
    ends = f"they run from {times[0]:g} to {times[-1]:g} h"
    if abs(times[place] - start) > 1e-9 * max(1.0, abs(start)):
        faults.append(
            f"start is {start:g} h, which is no output time; {ends}, and {times[place]:g} h is the nearest"
        )
    elif place == len(times) - 1:
        faults.append(f"fewer than two times are left; {ends}")
    return place


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _reduced(
    ds: xr.Dataset, variable: str, rule: Callable[[Floats, Floats], Floats], limit: float
) -> xr.DataArray:
    array = ds[variable].transpose(..., "time")
    values = rule(ds.time.values, array.values - limit)
    return array.isel(time=0, drop=True).copy(data=values)


def _hours_above(time: Floats, excess: Floats) -> Floats:
    """Length of time with an excess above 0, on straight lines between the times."""
    a, b = excess[..., :-1], excess[..., 1:]
    with np.errstate(all="ignore"):
        share = np.clip(np.maximum(a, b) / np.abs(b - a), 0.0, 1.0)
    share = np.where(a == b, a > 0, share)
    return np.asarray((share * np.diff(time)).sum(axis=-1))


def _first_above(time: Floats, excess: Floats) -> Floats:
    """Time from the first to when the excess is above 0 for the first time; NaN if it never is."""
    above = excess > 0
    k = above.argmax(axis=-1)[..., None]
    before = np.maximum(k - 1, 0)
    a, b = (np.take_along_axis(excess, i, axis=-1) for i in (before, k))
    with np.errstate(all="ignore"):
        part = np.where(k > 0, -a / (b - a), 0.0)
    moment = (time[before] + part * (time[k] - time[before]))[..., 0] - time[0]
    return np.where(above.any(axis=-1), moment, np.nan)
