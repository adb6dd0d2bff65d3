"""Repeated dosing: fluctuation within a dosing interval, accumulation over many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pkmodel.errors import InputError
from pkmodel.nca import arrays
from pkmodel.nca.areas import auc, cav
from pkmodel.nca.arrays import Array, ratio
from pkmodel.nca.peaks import cmax, cmin, ctrough
from pkmodel.nca.profiles import METHODS, Blq, dosing_interval, read

if TYPE_CHECKING:
    from xarray import DataArray


def ptr(
    concentration: DataArray, start: float | None = None, end: float | None = None
) -> DataArray:
    """Peak-trough ratio, the maximum per concentration at the end of the interval.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
    start, end : float, optional
        Dosing interval in hours; without them, the whole time axis.

    Returns
    -------
    DataArray, shape (...)
        Without a unit; infinite for a trough of zero.

    Raises
    ------
    InputError
        As `cmax`.

    Notes
    -----
    ``Cmax/Ctrough``, as PKNCA ``pk.calc.ptr`` and CDISC PTROUGHR. The ratio Cmax/Cmin is
    ``swing + 1``; both agree where the lowest point is the end of the interval.

    Examples
    --------
    >>> import xarray as xr
    >>> float(ptr(xr.DataArray([1.0, 6.0, 2.0], coords={"time": [0.0, 1.0, 24.0]})))
    3.0
    """
    trough = ctrough(concentration, end)
    peak = cmax(concentration, start, end)
    return read(concentration).label("ptr", ratio(peak.values, trough.values))


def swing(
    concentration: DataArray, start: float | None = None, end: float | None = None
) -> DataArray:
    """Swing, how far the maximum rises above the minimum, per minimum.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
    start, end : float, optional
        Dosing interval in hours; without them, all points.

    Returns
    -------
    DataArray, shape (...)
        A fraction (PKNCA prints 100 times this); infinite for a minimum of zero.

    Raises
    ------
    InputError
        As `cmax`.

    Notes
    -----
    ``(Cmax - Cmin)/Cmin``.

    Examples
    --------
    >>> import xarray as xr
    >>> float(swing(xr.DataArray([2.0, 6.0, 2.0], coords={"time": [0.0, 1.0, 24.0]})))
    2.0
    """
    low = cmin(concentration, start, end).values
    rise = cmax(concentration, start, end).values - low
    return read(concentration).label("swing", ratio(rise, low))


def deg_fluc(
    concentration: DataArray,
    start: float | None = None,
    end: float | None = None,
    method: str = "lin up/log down",
    *,
    blq: Blq | None = None,
    na: str | float = "drop",
) -> DataArray:
    """Peak-trough fluctuation in percent, PKNCA ``deg.fluc``.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
    start, end : float, optional
        Dosing interval in hours; without them, the whole time axis.
    method, blq, na
        Rules for the average, see `auc`.

    Returns
    -------
    DataArray, shape (...)
        Percent; NaN for an average of zero.

    Raises
    ------
    InputError
        As `cmax` and `auc`.

    Notes
    -----
    ``100 (Cmax - Cmin)/Cav``.

    Examples
    --------
    >>> import xarray as xr
    >>> float(deg_fluc(xr.DataArray([2.0, 6.0], coords={"time": [0.0, 12.0]})))
    100.0
    """
    rise = cmax(concentration, start, end).values - cmin(concentration, start, end).values
    average = cav(concentration, start, end, method, blq=blq, na=na).values
    return read(concentration).label("deg_fluc", 100 * ratio(rise, average))


def accumulation_ratio(
    concentration: DataArray,
    tau: float,
    method: str = "lin up/log down",
    *,
    blq: Blq | None = None,
    na: str | float = "drop",
) -> DataArray:
    """Area over the last dosing interval per area over the first.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
        From the first dose to the end of the last dosing interval.
    tau : float
        Dosing interval in hours, at most the length of the time axis.
    method, blq, na
        See `auc`.

    Returns
    -------
    DataArray, shape (...)
        Without a unit; infinite or NaN where the first area is zero.

    Raises
    ------
    InputError
        As `auc`; also for a `tau` that is not positive or longer than the data.

    Notes
    -----
    ``AUC(end - tau, end)/AUC(first, first + tau)``; CDISC ARAUC.

    Examples
    --------
    >>> import xarray as xr
    >>> c = xr.DataArray([0.0, 2.0, 3.0, 3.0], coords={"time": [0.0, 12.0, 24.0, 36.0]})
    >>> float(accumulation_ratio(c, tau=12, method="linear"))
    3.0
    """
    profiles = read(concentration)
    tau = dosing_interval(profiles.times, tau)
    first, last = float(profiles.times[0]), float(profiles.times[-1])
    late = auc(concentration, last - tau, last, method, blq=blq, na=na).values
    early = auc(concentration, first, first + tau, method, blq=blq, na=na).values
    return profiles.label("accumulation_ratio", ratio(late, early))


def time_to_steady_state(
    concentration: DataArray, tau: float | None = None, fraction: float = 0.9
) -> DataArray:
    """Time from which on a share of the last level is reached for good.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
        From the first dose until a steady state.
    tau : float, optional
        Dosing interval in hours: then only the troughs count, that is the first point and the
        ends of the dosing intervals. Without it, every point counts, which suits a pump.
    fraction : float
        Share of the last value, between 0 and 1.

    Returns
    -------
    DataArray, shape (...)
        Hours on the time axis, at the resolution of the points that count; NaN if the last value
        is missing or zero.

    Raises
    ------
    InputError
        As `cmax`; also for a `tau` longer than the data or a `fraction` not between 0 and 1.

    Notes
    -----
    The last value stands for the steady state: simulate at least five half-lives. One compartment
    under a constant infusion reaches 90 % after ``ln(10)/ln(2) = 3.32`` half-lives.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> hours = np.arange(0.0, 101.0)
    >>> c = xr.DataArray(1 - 0.5 ** (hours / 10), coords={"time": hours})
    >>> float(time_to_steady_state(c))
    34.0
    """
    if not 0 < fraction < 1:
        raise InputError(
            f"fraction={fraction:g}, expected a share between 0 and 1",
            remedy="For 90 % write fraction=0.9.",
        )
    profiles = read(concentration)
    times = profiles.times
    levels = times
    if tau is not None:
        tau = dosing_interval(times, tau)
        doses = int((times[-1] - times[0]) / tau * (1 + 1e-9))
        levels = np.minimum(times[0] + tau * np.arange(doses + 1), times[-1])

    def compute(conc: Array) -> dict[str, Array]:
        if tau is not None:
            curve = arrays.curve(times[None], conc, METHODS[0])
            conc = np.stack([arrays.value_at(curve, float(level)) for level in levels], axis=-1)
        return {"time": arrays.first_lasting(levels[None], conc, fraction)}

    values = arrays.per_profile(compute, profiles.values)["time"]
    return profiles.label("time_to_steady_state", values)
