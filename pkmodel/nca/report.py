"""All metrics of a result at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel.errors import InputError
from pkmodel.nca import arrays
from pkmodel.nca.arrays import Array, ratio
from pkmodel.nca.profiles import (
    METHODS,
    Blq,
    Interval,
    Profiles,
    blq_rule,
    choice,
    dosing_interval,
    interval,
    na_rule,
    read,
)
from pkmodel.nca.terminal import reason_flags

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame
    from xarray import DataArray, Dataset


class Plan(NamedTuple):
    """What to compute."""

    times: Array
    within: Interval  #: bounds of the interval, both finite
    origin: float  #: zero of the times that are reported
    tau: float | None
    infinite: bool  #: whether areas to infinity make sense
    method: str
    blq: dict[str, str | float]
    na: str | float


def summary(
    result: Dataset | DataArray,
    tau: float | None = None,
    start: float | None = None,
    end: float | None = None,
    *,
    method: str | None = None,
    blq: Blq | None = None,
    na: str | float = "drop",
) -> Dataset:
    """Every metric of every profile.

    Parameters
    ----------
    result : Dataset or DataArray
        A result with a variable ``concentration`` of shape (..., time), or such profiles. If the
        Dataset has a variable ``auc`` of the same dimensions, the integral of the concentration
        from the first time on, areas are taken from it.
    tau : float, optional
        Dosing interval in hours. The interval is then ``(start, start + tau)`` or ``(end - tau,
        end)``, by default the last one of the data.
    start, end : float, optional
        Interval in hours; without `tau`, by default the whole time axis.
    method : {"exact", "lin up/log down", "linear", "lin-log"}, optional
        ``"exact"`` reads areas off ``auc``, at points of the grid only. By default exact where
        that can be done, else ``"lin up/log down"``; the attribute ``auc_method`` tells.
    blq, na
        Rules for zeros and for missing values, see `auc`. Zeros are kept for the peaks and troughs.

    Returns
    -------
    Dataset, each variable of shape (...)
        ``auc``, ``cav`` and ``ctrough`` of the interval; ``cmax``, ``tmax``, ``cmin``, ``tmin``,
        ``clast_obs``, ``tlast``, ``ptr``, ``swing``, ``deg_fluc`` and the variables of `terminal`
        from the points within it. Without `tau` and `end` also ``aucinf_obs``, ``aucinf_pred``
        and ``aucpext_obs``; with `tau` also ``accumulation_ratio``, against the first `tau` hours
        of the data. Times count from the start of the interval or, without `start` and `tau`,
        from the zero of the time axis. Each variable has the attributes ``units``, ``long_name``,
        ``pknca`` (name there) and, where there is one, ``cdisc`` (code of the CDISC terminology).
        A ``status`` without time is carried along.

    Raises
    ------
    InputError
        What `auc` and `terminal` refuse; `tau` with both `start` and `end`; a Dataset without
        ``concentration``; ``method="exact"`` without a fitting ``auc`` or between points.

    See Also
    --------
    to_table : the same as a tidy table.

    Examples
    --------
    A steady pump and a tablet that give the same area:

    >>> import xarray as xr
    >>> c = xr.DataArray([[2.0, 2.0, 2.0, 2.0, 2.0], [1.0, 3.0, 2.5, 1.5, 1.0]],
    ...                  dims=("arm", "time"), attrs={"units": "mg/L"},
    ...                  coords={"arm": ["pump", "tablet"], "time": [0.0, 3.0, 6.0, 9.0, 12.0]})
    >>> metrics = summary(c, tau=12, method="linear")
    >>> metrics["auc"].values, metrics["deg_fluc"].values
    (array([24., 24.]), array([  0., 100.]))
    >>> metrics["deg_fluc"].attrs["cdisc"], metrics.attrs["auc_method"]
    ('FLUCP', 'linear')
    """
    concentration, integral = _source(result)
    profiles = read(concentration)
    plan = _plan(profiles.times, tau, start, end)
    plan = plan._replace(method=_method(method, plan, integral), blq=blq_rule(blq), na=na_rule(na))
    inputs = [profiles.values]
    if plan.method == "exact" and integral is not None:
        inputs.append(_aligned(integral, concentration, profiles))
    values = arrays.per_profile(partial(_metrics, plan=plan), *inputs)
    return _labelled(values, profiles, plan, result)


def to_table(metrics: Dataset) -> DataFrame:
    """Metrics as a tidy table, one row per profile and metric.

    Parameters
    ----------
    metrics : Dataset
        As `summary` or `terminal` return it.

    Returns
    -------
    pandas.DataFrame
        Columns: the dimensions, ``metric``, ``cdisc``, ``units``, ``value``. Codes (the reason,
        the status) are left out. ``metrics.to_dataframe()`` is the wide table.

    Examples
    --------
    >>> import xarray as xr
    >>> c = xr.DataArray([0.0, 2.0, 1.0], coords={"time": [0.0, 1.0, 2.0]}, attrs={"units": "mg/L"})
    >>> to_table(summary(c)).query("metric == 'cmax'").values.tolist()
    [['cmax', 'CMAX', 'mg/L', 2.0]]
    """
    from pandas import concat

    dims = next(iter(metrics.data_vars.values())).dims
    columns = [*map(str, dims), "metric", "cdisc", "units", "value"]
    plain = metrics.reset_coords(drop=True).expand_dims("_")
    frames = [
        variable.to_dataframe("value")
        .reset_index()
        .assign(
            metric=name,
            cdisc=variable.attrs.get("cdisc", ""),
            units=variable.attrs.get("units", ""),
        )
        for name, variable in plain.data_vars.items()
        if variable.dtype.kind == "f"
    ]
    return concat(frames, ignore_index=True)[columns]


def _source(result: Dataset | DataArray) -> tuple[DataArray, DataArray | None]:
    """The concentrations and, if there is one, their integral."""
    from xarray import Dataset

    if not isinstance(result, Dataset):
        return result, None
    if "concentration" not in result:
        raise InputError(
            f'the Dataset has no variable "concentration", only {", ".join(map(str, result))}',
            remedy="Pass the profiles themselves: summary(ds[name]).",
        )
    concentration = result["concentration"]
    integral = result.get("auc")
    if integral is not None and set(integral.dims) != set(concentration.dims):
        integral = None
    return concentration, integral


def _aligned(integral: DataArray, concentration: DataArray, profiles: Profiles) -> Array:
    """The integral, laid out like the profiles."""
    *others, _ = concentration.transpose(..., "time").dims
    values = integral.transpose(*others, "time").values
    return np.asarray(values, dtype=float).reshape(profiles.values.shape)


def _plan(times: Array, tau: float | None, start: float | None, end: float | None) -> Plan:
    """The interval, from any two of `tau`, `start` and `end`."""
    if tau is not None and start is not None and end is not None:
        raise InputError(
            "tau, start and end are given together",
            remedy="Give tau with one of them, or start and end.",
        )
    first, last = float(times[0]), float(times[-1])
    begin = first if start is None else start
    finish = last if end is None else end
    if tau is not None:
        tau = dosing_interval(times, tau)
        begin = begin if start is not None else finish - tau
        finish = begin + tau
    within = interval(times, begin, finish)
    origin = 0.0 if tau is None and start is None else within.start
    infinite = tau is None and end is None
    return Plan(times, within, origin, tau, infinite, METHODS[0], {}, "drop")


def _method(method: str | None, plan: Plan, integral: DataArray | None) -> str:
    """Rule for the areas: the exact integral if nothing else is asked for and it can be read."""
    bounds = [*plan.within] + ([plan.times[0] + plan.tau] if plan.tau else [])
    on_grid = all(np.isclose(plan.times, bound, rtol=1e-9, atol=1e-9).any() for bound in bounds)
    if method is None:
        return "exact" if on_grid and integral is not None else METHODS[0]
    if method != "exact":
        return choice("method", method, ("exact", *METHODS))
    if integral is None:
        raise InputError(
            'method="exact" needs a variable "auc" of the same dimensions as "concentration"',
            remedy=f'Pass the whole result of a simulation, or choose method="{METHODS[0]}".',
        )
    if not on_grid:
        raise InputError(
            f'method="exact" needs points of the grid at {", ".join(f"{b:g}" for b in bounds)} h',
            remedy=f'Simulate at these times too, or choose method="{METHODS[0]}".',
        )
    return method


def _metrics(conc: Array, integral: Array | None = None, *, plan: Plan) -> dict[str, NDArray]:
    """All metrics of a block of profiles, ``(cases, times)``."""
    inside = plan.within.points(plan.times)
    cleaned = arrays.clean(conc, plan.blq, plan.na)
    time = plan.times[None, inside] - plan.origin
    values: dict[str, NDArray] = arrays.terminal(time, cleaned[:, inside])
    values["cmax"], values["tmax"] = arrays.maximum(time, conc[:, inside])
    values["cmin"], values["tmin"] = arrays.minimum(time, conc[:, inside])
    tlast, clast = arrays.last_positive(time, conc[:, inside])
    values |= _areas(cleaned, integral, values, plan)
    observed = arrays.curve(plan.times[None], conc, _trapezoid(plan.method))
    values["ctrough"] = arrays.value_at(observed, plan.within.end)
    values["cav"] = values["auc"] / (plan.within.end - plan.within.start)
    rise = values["cmax"] - values["cmin"]
    values["ptr"] = ratio(values["cmax"], values["ctrough"])
    values["swing"] = ratio(rise, values["cmin"])
    values["deg_fluc"] = 100 * ratio(rise, values["cav"])
    return {**values, "tlast": tlast, "clast_obs": clast}


def _trapezoid(method: str) -> str:
    return METHODS[0] if method == "exact" else method


def _areas(
    conc: Array, integral: Array | None, fit: dict[str, NDArray], plan: Plan
) -> dict[str, NDArray]:
    """Areas over the interval, to infinity, and their ratio between dosing intervals."""
    curve = arrays.curve(plan.times[None], conc, _trapezoid(plan.method))

    def between(start: float, end: float) -> Array:
        if integral is None:
            return arrays.area(curve, start, end, "last")
        first, last = (int(np.argmin(np.abs(plan.times - bound))) for bound in (start, end))
        return integral[:, last] - integral[:, first]

    values: dict[str, NDArray] = {"auc": between(*plan.within)}
    if plan.tau is not None:
        begin = float(plan.times[0])
        values["accumulation_ratio"] = ratio(values["auc"], between(begin, begin + plan.tau))
    if plan.infinite:
        for name, clast in ("obs", fit["clast_obs"]), ("pred", fit["clast_pred"]):
            extrapolated = ratio(clast, fit["lambda_z"])
            values[f"aucinf_{name}"] = values["auc"] + extrapolated
        extrapolated = values["aucinf_obs"] - values["auc"]
        values["aucpext_obs"] = 100 * ratio(extrapolated, values["aucinf_obs"])
    return values


def _labelled(
    values: dict[str, NDArray], profiles: Profiles, plan: Plan, result: Dataset | DataArray
) -> Dataset:
    """The metrics as a Dataset in the order of the registry, with how they were computed."""
    from xarray import Dataset

    metrics = Dataset(
        {name: profiles.label(name, values[name]) for name in ORDER if name in values}
    )
    metrics["half_life_reason"].attrs |= reason_flags()
    outside = {"pknca": "auclast", "cdisc": "AUCLST"}
    if plan.tau is not None:
        outside = {"pknca": "aucint.last", "cdisc": "AUCTAU"}
    elif plan.within != (plan.times[0], plan.times[-1]):
        outside = {"pknca": "aucint.last", "cdisc": "AUCINT"}
    metrics["auc"].attrs |= outside
    if isinstance(result, Dataset):
        metrics.attrs = dict(result.attrs)
        if "status" in result and "time" not in result["status"].dims:
            metrics["status"] = result["status"]
    metrics.attrs |= _how(plan)
    return metrics


def _how(plan: Plan) -> dict[str, Any]:
    """The options, as attributes that can be stored."""
    rules = ", ".join(f"{place} {rule}" for place, rule in plan.blq.items())
    how = {"start": plan.within.start, "end": plan.within.end, "tau": plan.tau}
    return {
        **{name: value for name, value in how.items() if value is not None},
        "auc_method": plan.method,
        "blq": rules,
        "na": str(plan.na),
    }


ORDER = (
    "auc", "aucinf_obs", "aucinf_pred", "aucpext_obs", "cmax", "tmax", "cmin", "tmin", "cav",
    "ctrough", "ptr", "swing", "deg_fluc", "accumulation_ratio", "clast_obs", "tlast",
    "half_life", "lambda_z", "r_squared", "adj_r_squared", "lambda_z_n_points",
    "lambda_z_time_first", "lambda_z_time_last", "clast_pred", "span_ratio", "half_life_reason",
)  # fmt: skip
