"""Peaks, troughs and the last measurable point of a profile."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from pkmodel.nca import arrays
from pkmodel.nca.arrays import Array
from pkmodel.nca.profiles import METHODS, Interval, Profiles, choice, interval, read

if TYPE_CHECKING:
    from xarray import DataArray


def cmax(
    concentration: DataArray, start: float | None = None, end: float | None = None
) -> DataArray:
    """Maximum concentration, of the points of the grid.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
        Profiles along ``time`` in hours. NaN is left out.
    start, end : float, optional
        Interval in hours, both ends included; without them, all points.

    Returns
    -------
    DataArray, shape (...)
        In the unit of the concentration; NaN for a profile without points.

    Raises
    ------
    InputError
        A time axis that is missing, not in hours or not increasing, negative concentrations, an
        interval that is outside the data or holds no point of the grid.

    Notes
    -----
    PKNCA ``pk.calc.cmax``. A peak between two points is missed: simulate on a fine grid.

    Examples
    --------
    >>> import xarray as xr
    >>> float(cmax(xr.DataArray([0.0, 3.0, 2.0], coords={"time": [0.0, 1.0, 2.0]})))
    3.0
    """
    return _extreme("cmax", arrays.maximum, 0, concentration, start, end)


def tmax(
    concentration: DataArray, start: float | None = None, end: float | None = None
) -> DataArray:
    """First time of the maximum concentration.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
    start, end : float, optional
        As in `cmax`.

    Returns
    -------
    DataArray, shape (...)
        Hours since `start` or, without one, since the zero of the time axis.

    Raises
    ------
    InputError
        As `cmax`.

    Notes
    -----
    PKNCA ``pk.calc.tmax`` with ``first.tmax``. Concentrations within one part in 10^10 of the
    maximum count as the maximum, so that rounding does not choose the time on a plateau.

    Examples
    --------
    >>> import xarray as xr
    >>> c = xr.DataArray([0.0, 3.0, 3.0], coords={"time": [24.0, 25.0, 26.0]})
    >>> float(tmax(c)), float(tmax(c, start=24))
    (25.0, 1.0)
    """
    return _extreme("tmax", arrays.maximum, 1, concentration, start, end)


def cmin(
    concentration: DataArray, start: float | None = None, end: float | None = None
) -> DataArray:
    """Minimum concentration, of the points of the grid.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
    start, end : float, optional
        As in `cmax`; usually one dosing interval at steady state.

    Returns
    -------
    DataArray, shape (...)
        In the unit of the concentration.

    Raises
    ------
    InputError
        As `cmax`.

    Notes
    -----
    PKNCA ``pk.calc.cmin``: zeros count, wherever they are.

    Examples
    --------
    >>> import xarray as xr
    >>> float(cmin(xr.DataArray([2.0, 3.0, 1.0], coords={"time": [0.0, 1.0, 2.0]}), end=1))
    2.0
    """
    return _extreme("cmin", arrays.minimum, 0, concentration, start, end)


def tmin(
    concentration: DataArray, start: float | None = None, end: float | None = None
) -> DataArray:
    """First time of the minimum concentration, counted like `tmax`.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
    start, end : float, optional
        As in `cmax`.

    Returns
    -------
    DataArray, shape (...)
        Hours since `start` or, without one, since the zero of the time axis.

    Raises
    ------
    InputError
        As `cmax`.

    Examples
    --------
    >>> import xarray as xr
    >>> float(tmin(xr.DataArray([2.0, 1.0, 1.0], coords={"time": [0.0, 1.0, 2.0]})))
    1.0
    """
    return _extreme("tmin", arrays.minimum, 1, concentration, start, end)


def tlast(
    concentration: DataArray, start: float | None = None, end: float | None = None
) -> DataArray:
    """Time of the last positive (measurable) concentration, counted like `tmax`.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
    start, end : float, optional
        As in `cmax`.

    Returns
    -------
    DataArray, shape (...)
        Hours since `start` or, without one, since the zero of the time axis; NaN without a
        positive concentration.

    Raises
    ------
    InputError
        As `cmax`.

    Examples
    --------
    >>> import xarray as xr
    >>> float(tlast(xr.DataArray([2.0, 1.0, 0.0], coords={"time": [0.0, 1.0, 2.0]})))
    1.0
    """
    return _extreme("tlast", arrays.last_positive, 0, concentration, start, end)


def clast(
    concentration: DataArray, start: float | None = None, end: float | None = None
) -> DataArray:
    """Last positive (measurable) concentration, PKNCA ``clast.obs``.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
    start, end : float, optional
        As in `cmax`.

    Returns
    -------
    DataArray, shape (...)
        In the unit of the concentration; NaN without a positive concentration.

    Raises
    ------
    InputError
        As `cmax`.

    Examples
    --------
    >>> import xarray as xr
    >>> float(clast(xr.DataArray([2.0, 1.0, 0.0], coords={"time": [0.0, 1.0, 2.0]})))
    1.0
    """
    return _extreme("clast_obs", arrays.last_positive, 1, concentration, start, end)


def ctrough(
    concentration: DataArray, end: float | None = None, method: str = "lin up/log down"
) -> DataArray:
    """Concentration at the end of a dosing interval.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
    end : float, optional
        Time in hours, by default the last; between two points it is interpolated.
    method : {"lin up/log down", "linear", "lin-log"}
        Rule of the interpolation, see `auc`.

    Returns
    -------
    DataArray, shape (...)
        In the unit of the concentration; NaN behind the last point of a profile.

    Raises
    ------
    InputError
        As `cmax`; also for an unknown method.

    Notes
    -----
    If a dose falls on `end` and enters the site at once (a bolus), a simulation that reports the
    concentration behind the dose gives the peak, not the trough.

    Examples
    --------
    >>> import xarray as xr
    >>> c = xr.DataArray([8.0, 2.0], coords={"time": [0.0, 2.0]})
    >>> float(ctrough(c)), float(ctrough(c, end=1)), float(ctrough(c, end=1, method="linear"))
    (2.0, 4.0, 5.0)
    """
    choice("method", method, METHODS)
    profiles = read(concentration)
    when = float(profiles.times[-1]) if end is None else end
    when = interval(profiles.times, None, when).end
    time = profiles.times[None]

    def compute(conc: Array) -> dict[str, Array]:
        return {"ctrough": arrays.value_at(arrays.curve(time, conc, method), when)}

    return profiles.label("ctrough", arrays.per_profile(compute, profiles.values)["ctrough"])


def _extreme(
    name: str,
    find: Callable[[Array, Array], tuple[Array, Array]],
    part: int,
    concentration: DataArray,
    start: float | None,
    end: float | None,
) -> DataArray:
    """One of the two results of `find`, on the points of an interval."""
    profiles = read(concentration)
    within = interval(profiles.times, start, end)
    compute = partial(_found, find=find, part=part, within=within, profiles=profiles)
    return profiles.label(name, arrays.per_profile(compute, profiles.values)["found"])


def _found(
    conc: Array,
    *,
    find: Callable[[Array, Array], tuple[Array, Array]],
    part: int,
    within: Interval,
    profiles: Profiles,
) -> dict[str, Array]:
    inside = within.points(profiles.times)
    time = profiles.times[None, inside] - within.origin
    return {"found": find(time, conc[:, inside])[part]}
