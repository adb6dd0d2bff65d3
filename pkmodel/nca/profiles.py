"""From labelled profiles to plain arrays and back: checks, intervals, names and units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkmodel.errors import InputError, did_you_mean
from pkmodel.nca.arrays import ROUNDING, Array

if TYPE_CHECKING:
    from xarray import DataArray

METHODS = ("lin up/log down", "linear", "lin-log")
KINDS = ("last", "all", "inf_obs", "inf_pred")
BLQ = {"first": "keep", "middle": "drop", "last": "keep"}
HOURS = ("h", "hr", "hrs", "hour", "hours")

Blq = Mapping[str, str | float] | str | float


class Metric(NamedTuple):
    """What a metric means; `quantity` decides its unit."""

    long_name: str
    quantity: str
    pknca: str = ""
    cdisc: str = ""


METRICS: dict[str, Metric] = {
    "auc": Metric("area under the concentration curve from start to end", "area"),
    "aucint_last": Metric("area from start to end", "area", "aucint.last", "AUCINT"),
    "aucint_all": Metric("area from start to end, with the fall to zero", "area", "aucint.all"),
    "aucint_inf_obs": Metric("area from start to end, extrapolated", "area", "aucint.inf.obs"),
    "aucint_inf_pred": Metric("area from start to end, extrapolated", "area", "aucint.inf.pred"),
    "auclast": Metric("area to the last positive concentration", "area", "auclast", "AUCLST"),
    "aucall": Metric("area with the fall to the first zero", "area", "aucall", "AUCALL"),
    "aucinf_obs": Metric("area to infinity, observed Clast", "area", "aucinf.obs", "AUCIFO"),
    "aucinf_pred": Metric("area to infinity, predicted Clast", "area", "aucinf.pred", "AUCIFP"),
    "aucpext_obs": Metric("extrapolated part of aucinf_obs", "percent", "aucpext.obs", "AUCPEO"),
    "aumcint_last": Metric("first moment from start to end", "moment", "aumcint.last"),
    "aumcint_all": Metric("first moment, with the fall to zero", "moment", "aumcint.all"),
    "aumcint_inf_obs": Metric("first moment, extrapolated", "moment", "aumcint.inf.obs"),
    "aumcint_inf_pred": Metric("first moment, extrapolated", "moment", "aumcint.inf.pred"),
    "aumclast": Metric("first moment to tlast", "moment", "aumclast", "AUMCLST"),
    "aumcall": Metric("first moment with the fall to zero", "moment", "aumcall"),
    "aumcinf_obs": Metric("first moment to infinity, observed", "moment", "aumcinf.obs", "AUMCIFO"),
    "aumcinf_pred": Metric(
        "first moment to infinity, predicted", "moment", "aumcinf.pred", "AUMCIFP"
    ),
    "cmax": Metric("maximum concentration", "concentration", "cmax", "CMAX"),
    "tmax": Metric("first time of the maximum concentration", "time", "tmax", "TMAX"),
    "cmin": Metric("minimum concentration", "concentration", "cmin", "CMIN"),
    "tmin": Metric("first time of the minimum concentration", "time", "tmin", "TMIN"),
    "clast_obs": Metric("last positive concentration", "concentration", "clast.obs", "CLST"),
    "tlast": Metric("time of the last positive concentration", "time", "tlast", "TLST"),
    "cav": Metric("average concentration from start to end", "concentration", "cav", "CAVG"),
    "ctrough": Metric("concentration at the end", "concentration", "ctrough", "CTROUGH"),
    "ptr": Metric("peak-trough ratio, Cmax/Ctrough", "1", "ptr", "PTROUGHR"),
    "swing": Metric("swing, (Cmax - Cmin)/Cmin as a fraction", "1", "swing", "SWING"),
    "deg_fluc": Metric(
        "peak-trough fluctuation, (Cmax - Cmin)/Cav", "percent", "deg.fluc", "FLUCP"
    ),
    "accumulation_ratio": Metric(
        "area over the last dosing interval per area over the first", "1", cdisc="ARAUC"
    ),
    "time_to_steady_state": Metric("time from which a share of the last value is kept", "time"),
    "half_life": Metric("terminal half-life", "time", "half.life", "LAMZHL"),
    "lambda_z": Metric("terminal rate constant", "rate", "lambda.z", "LAMZ"),
    "r_squared": Metric("r squared of the terminal fit", "1", "r.squared", "R2"),
    "adj_r_squared": Metric("adjusted r squared of the fit", "1", "adj.r.squared", "R2ADJ"),
    "lambda_z_n_points": Metric("points in the terminal fit", "1", "lambda.z.n.points", "LAMZNPT"),
    "lambda_z_time_first": Metric("first time of the fit", "time", "lambda.z.time.first", "LAMZLL"),
    "lambda_z_time_last": Metric("last time of the fit", "time", "lambda.z.time.last", "LAMZUL"),
    "clast_pred": Metric("concentration at tlast by the fit", "concentration", "clast.pred"),
    "span_ratio": Metric("span of the fit in half-lives", "1", "span.ratio", "LAMZSPN"),
    "half_life_reason": Metric("why there is no half-life", "1"),
}
"""Long name, kind of unit, name in PKNCA and CDISC code (where there is one) of every metric."""


class Profiles(NamedTuple):
    """Checked profiles: ``times`` is ``(times,)``, ``values`` is ``(cases, times)``."""

    times: Array
    values: Array
    template: DataArray  #: the profiles without their time, to label results
    units: str

    def label(self, name: str, values: NDArray) -> DataArray:
        """Values ``(cases,)`` as a DataArray with units, long name and outside names."""
        labelled = self.template.copy(data=values.reshape(self.template.shape))
        labelled.name = name
        labelled.attrs = attributes(name, self.units)
        return labelled


class Interval(NamedTuple):
    """A stretch of time; without a `start` or an `end` it is open there."""

    start: float
    end: float

    @property
    def origin(self) -> float:
        """Zero of the times that are reported."""
        return self.start if np.isfinite(self.start) else 0.0

    def points(self, times: Array) -> slice:
        """The points of the grid from `start` to `end`, both included."""
        inside = np.flatnonzero((times >= self.start) & (times <= self.end))
        if inside.size == 0:
            raise InputError(
                f"no time point lies between start={self.start:g} and end={self.end:g} h",
                remedy="Widen the interval, or simulate on a finer time grid.",
            )
        return slice(int(inside[0]), int(inside[-1]) + 1)


def attributes(name: str, units: str) -> dict[str, Any]:
    """Attributes of a metric, given the unit of the concentration ("" if it has none)."""
    metric = METRICS[name]
    mass, slash, volume = units.partition("/")
    unit = {
        "concentration": units,
        "area": f"{mass}*h{slash}{volume}" if units else "",
        "moment": f"{mass}*h**2{slash}{volume}" if units else "",
        "time": "h",
        "rate": "1/h",
    }.get(metric.quantity, metric.quantity)
    attrs = {"units": unit, "long_name": metric.long_name}
    attrs |= {"pknca": metric.pknca, "cdisc": metric.cdisc}
    return {key: value for key, value in attrs.items() if value}


def read(concentration: DataArray) -> Profiles:
    """Check profiles and lay them out as ``(cases, times)``."""
    times = _times(concentration)
    values = np.asarray(concentration.transpose(..., "time").values, dtype=float)
    values = values.reshape(-1, times.size)
    if np.fmin.reduce(values, axis=None, initial=0.0) < 0:
        rounding = ROUNDING * np.fmax.reduce(values, axis=-1, keepdims=True)
        values = np.where((values < 0) & (values >= -rounding), 0.0, values)
    faults, remedies = [], []
    if (values < 0).any():
        row, column = np.argwhere(values < 0)[0]
        faults.append(
            f"{(values < 0).sum()} concentrations are negative, the first is "
            f"{values[row, column]:g} at time {times[column]:g} h"
        )
        remedies.append("Set them to zero, as below quantification: c.where(~(c < 0), 0.0).")
    if np.isinf(values).any():
        faults.append(f"{np.isinf(values).sum()} concentrations are infinite")
        remedies.append("Mark missing values as NaN: c.where(np.isfinite(c)).")
    if faults:
        raise InputError(*faults, given="concentration", remedy=" ".join(remedies))
    timed = [name for name, coord in concentration.coords.items() if "time" in coord.dims]
    template = concentration.drop_vars(timed).isel(time=0)
    return Profiles(times, values, template, str(concentration.attrs.get("units", "")))


def _times(concentration: DataArray) -> Array:
    """The time axis in hours, checked."""
    if "time" not in getattr(concentration, "dims", ()):
        given = getattr(concentration, "dims", type(concentration).__name__)
        raise InputError(
            f'expected a DataArray with a dimension "time", got {given}',
            remedy='Write for example DataArray([0.0, 2.0, 1.0], coords={"time": [0, 1, 2]}).',
        )
    if "time" not in concentration.coords:
        raise InputError(
            'the dimension "time" has no values',
            remedy="Give the hours: c.assign_coords(time=hours).",
        )
    time = concentration["time"]
    if not np.issubdtype(time.dtype, np.number) or np.issubdtype(time.dtype, np.timedelta64):
        raise InputError(
            f"time is {time.dtype}, expected hours as numbers",
            remedy='Convert it: c.assign_coords(time=(c.time - c.time[0]) / np.timedelta64(1, "h")).',
        )
    unit = time.attrs.get("units", "h")
    if unit not in HOURS:
        raise InputError(
            f'time is in "{unit}", expected hours',
            remedy='Convert it, for days c.assign_coords(time=c.time * 24), with units "h".',
        )
    times = np.asarray(time.values, dtype=float)
    if times.size == 0 or not np.isfinite(times).all() or not (np.diff(times) > 0).all():
        raise InputError(
            f"time must be finite, not empty and strictly increasing{_first_fault(times)}",
            remedy='Sort it, c.sortby("time"), and drop doubles, c.drop_duplicates("time").',
        )
    return times


def _first_fault(times: Array) -> str:
    """Where a time axis goes wrong."""
    bad = np.flatnonzero(~(np.diff(times) > 0))
    if times.size == 0:
        return ", it has no point"
    if bad.size == 0:
        return f", got {times[~np.isfinite(times)][:1]}"
    return f", got {times[bad[0]]:g} before {times[bad[0] + 1]:g}"


def interval(
    times: Array, start: float | None, end: float | None, beyond: bool = False
) -> Interval:
    """Check an interval; `beyond` allows an end behind the last point."""
    begin = -np.inf if start is None else _snap(float(start), times)
    finish = np.inf if end is None else _snap(float(end), times)
    faults = []
    if start is not None and not times[0] <= begin <= times[-1]:
        faults.append(f"start={start:g} h lies outside the data")
    if end is not None and not (times[0] <= finish and (beyond or finish <= times[-1])):
        faults.append(f"end={end:g} h lies outside the data")
    if not begin < finish:
        faults.append(f"start={begin:g} h does not lie before end={finish:g} h")
    if faults:
        raise InputError(
            *faults,
            remedy=f"Choose 'start' and 'end' within {times[0]:g} to {times[-1]:g} h.",
        )
    return Interval(begin, finish)


def dosing_interval(times: Array, tau: float) -> float:
    """Check a dosing interval against the time axis."""
    length = float(times[-1] - times[0])
    if not 0 < tau <= length * (1 + 1e-9):
        raise InputError(
            f"tau={tau:g} h, expected a positive dosing interval within {length:g} h of data",
            remedy="Give hours, for once a day tau=24, and simulate one dosing interval at least.",
        )
    return min(float(tau), length)


def _snap(value: float, times: Array) -> float:
    """The point of the grid that a time means, if it is one up to rounding."""
    if not np.isfinite(value):
        return value
    nearest = float(times[np.argmin(np.abs(times - value))])
    return nearest if abs(nearest - value) <= 1e-9 * max(1.0, abs(value)) else value


def choice(name: str, given: str, known: tuple[str, ...]) -> str:
    """A word out of a list, or an error that lists them."""
    if given not in known:
        raise InputError(
            f'unknown {name} "{given}"{did_you_mean(str(given), known)}',
            remedy=f"Choose one of {', '.join(known)}.",
        )
    return given


def blq_rule(blq: Blq | None) -> dict[str, str | float]:
    """The rule for zeros at each place of a profile."""
    given = {} if blq is None else blq if isinstance(blq, Mapping) else dict.fromkeys(BLQ, blq)
    rules: dict[str, str | float] = {**BLQ, **given}
    for place, rule in rules.items():
        choice("place of a zero", place, tuple(BLQ))
        _drop_or_number(f'blq "{place}"', rule, ("keep", "drop"))
    return rules


def na_rule(na: str | float) -> str | float:
    """The rule for missing concentrations."""
    return _drop_or_number("na", na, ("drop",))


def _drop_or_number(name: str, rule: str | float, words: tuple[str, ...]) -> str | float:
    if isinstance(rule, str):
        return choice(f"rule for {name}", rule, words)
    if not 0 <= rule < np.inf:
        raise InputError(
            f"rule for {name} is {rule}, expected {', '.join(words)} or a concentration",
            remedy="Give a number from zero upwards, in the unit of the concentrations.",
        )
    return rule
