"""Areas under the curve and what follows from them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pkmodel.nca import arrays
from pkmodel.nca.arrays import Array
from pkmodel.nca.profiles import (
    KINDS,
    METHODS,
    Blq,
    Interval,
    blq_rule,
    choice,
    interval,
    na_rule,
    read,
)

if TYPE_CHECKING:
    from xarray import DataArray


def auc(
    concentration: DataArray,
    start: float | None = None,
    end: float | None = None,
    method: str = "lin up/log down",
    *,
    kind: str = "last",
    blq: Blq | None = None,
    na: str | float = "drop",
) -> DataArray:
    """Area under the concentration curve, AUC.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
        Profiles along ``time`` in hours, for example in mg/L; all other dimensions are kept.
    start, end : float, optional
        Interval in hours; without them, from the first point on and as far as `kind` reaches.
        An end that is no point of the grid is interpolated by the rule of its segment, so areas
        of adjoining intervals add up.
    method : {"lin up/log down", "linear", "lin-log"}
        ``"lin up/log down"`` takes a segment as exponential where it falls and stays positive,
        ``"lin-log"`` wherever it lies behind tmax and is positive, ``"linear"`` nowhere.
    kind : {"last", "all", "inf_obs", "inf_pred"}
        What follows the last positive concentration (`clast` at `tlast`): nothing; the straight
        line down to the next point; the terminal exponential from `clast`, or from the
        concentration that the terminal fit has at `tlast`. The exponential kinds reach to
        infinity, or to an `end` anywhere behind `start`.
    blq : {"keep", "drop"}, float or dict, optional
        What becomes of zeros, which mean "below quantification": one rule, or one each for
        ``"first"`` (before the first positive concentration), ``"middle"`` and ``"last"``
        (behind the last). By default keep, drop, keep.
    na : "drop" or float
        What becomes of NaN: left out, or taken as this concentration.

    Returns
    -------
    DataArray, shape (...)
        mg*h/L if the concentration is in mg/L. NaN for a profile with fewer than two points, with
        none at or before `start`, or, for the exponential kinds, without a half-life.

    Raises
    ------
    InputError
        A time axis that is missing, not in hours or not increasing, negative concentrations, an
        interval outside the data, an unknown method, kind or rule.

    Notes
    -----
    Of a segment from (t1, c1) to (t2, c2): linear ``(t2 - t1)(c1 + c2)/2``, exponential
    ``(t2 - t1)(c2 - c1)/ln(c2/c1)``; to infinity ``clast/lambda_z`` is added. Methods, kinds and
    rules are those of PKNCA (Denney, Duvvuri and Buckeridge 2015).

    Examples
    --------
    One compartment, a bolus of 100 mg, clearance 5 L/h, volume 50 L: dose/clearance is 20 mg*h/L.

    >>> import numpy as np, xarray as xr
    >>> hours = np.arange(0.0, 25.0, 2.0)
    >>> c = xr.DataArray(2 * np.exp(-0.1 * hours), coords={"time": hours}, attrs={"units": "mg/L"})
    >>> round(float(auc(c, kind="inf_obs")), 9)
    20.0
    >>> auc(c, start=0, end=5).attrs["units"]
    'mg*h/L'
    """
    return _integral("auc", concentration, start, end, method, kind, blq, na)


def aumc(
    concentration: DataArray,
    start: float | None = None,
    end: float | None = None,
    method: str = "lin up/log down",
    *,
    kind: str = "last",
    blq: Blq | None = None,
    na: str | float = "drop",
) -> DataArray:
    """Area under the first moment of the concentration curve, AUMC.

    Parameters are those of `auc`. Time is counted from `start` or, without one, from the zero of
    the time axis.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
    start, end : float, optional
    method : {"lin up/log down", "linear", "lin-log"}
    kind : {"last", "all", "inf_obs", "inf_pred"}
    blq : {"keep", "drop"}, float or dict, optional
    na : "drop" or float
        See `auc`.

    Returns
    -------
    DataArray, shape (...)
        mg*h**2/L if the concentration is in mg/L; NaN where `auc` is NaN.

    Raises
    ------
    InputError
        As `auc`.

    Notes
    -----
    Of a segment: linear ``(t2 - t1)(c1 t1 + c2 t2)/2``, exponential
    ``(t2 - t1)(c2 t2 - c1 t1)/ln(c2/c1) - (t2 - t1)²(c2 - c1)/ln(c2/c1)²``; to infinity
    ``clast tlast/lambda_z + clast/lambda_z²`` is added (PKNCA). The linear rule is a trapezoid of
    c·t, so moments of adjoining intervals add up only where the curve is exponential.

    Examples
    --------
    The mean residence time of a bolus is AUMC/AUC, here 1/0.1 h.

    >>> import numpy as np, xarray as xr
    >>> hours = np.arange(0.0, 25.0, 2.0)
    >>> c = xr.DataArray(2 * np.exp(-0.1 * hours), coords={"time": hours})
    >>> round(float(aumc(c, kind="inf_obs") / auc(c, kind="inf_obs")), 9)
    10.0
    """
    return _integral("aumc", concentration, start, end, method, kind, blq, na)


def cav(
    concentration: DataArray,
    start: float | None = None,
    end: float | None = None,
    method: str = "lin up/log down",
    *,
    blq: Blq | None = None,
    na: str | float = "drop",
) -> DataArray:
    """Average concentration over an interval: the area divided by the length.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
    start, end : float, optional
        Interval in hours, usually one dosing interval; without them, the whole time axis.
    method, blq, na
        See `auc`.

    Returns
    -------
    DataArray, shape (...)
        In the unit of the concentration.

    Raises
    ------
    InputError
        As `auc`; also for a time axis of a single point.

    Notes
    -----
    ``AUC(start, end)/(end - start)``; PKNCA ``pk.calc.cav``.

    Examples
    --------
    >>> import xarray as xr
    >>> c = xr.DataArray([0.0, 4.0, 4.0], coords={"time": [0.0, 1.0, 2.0]})
    >>> float(cav(c))
    3.0
    """
    profiles = read(concentration)
    begin = float(profiles.times[0]) if start is None else start
    finish = float(profiles.times[-1]) if end is None else end
    within = interval(profiles.times, begin, finish)
    area = auc(concentration, *within, method, blq=blq, na=na)
    return profiles.label("cav", area.values / (within.end - within.start))


def _integral(
    name: str,
    concentration: DataArray,
    start: float | None,
    end: float | None,
    method: str,
    kind: str,
    blq: Blq | None,
    na: str | float,
) -> DataArray:
    """AUC or AUMC of one kind."""
    choice("method", method, METHODS)
    choice("kind", kind, KINDS)
    profiles = read(concentration)
    within = interval(profiles.times, start, end, beyond=kind.startswith("inf"))
    values = arrays.per_profile(
        partial(
            _integrate,
            time=profiles.times[None],
            within=within,
            method=method,
            kind=kind,
            about=within.origin if name == "aumc" else None,
            blq=blq_rule(blq),
            na=na_rule(na),
        ),
        profiles.values,
    )
    reach = kind if start is None and end is None else f"int_{kind}"
    return profiles.label(f"{name}{reach}", values["area"])


def _integrate(
    conc: Array,
    *,
    time: Array,
    within: Interval,
    method: str,
    kind: str,
    about: float | None,
    blq: dict[str, str | float],
    na: str | float,
) -> dict[str, Array]:
    conc = arrays.clean(conc, blq, na)
    area = arrays.area(arrays.curve(time, conc, method), within.start, within.end, kind, about)
    if kind.startswith("inf"):
        late = time[0] >= within.start
        fit = arrays.terminal(time[:, late], conc[:, late])
        clast = fit["clast_obs" if kind == "inf_obs" else "clast_pred"]
        area = area + arrays.tail(fit, clast, within.start, within.end, about)
    return {"area": area}
