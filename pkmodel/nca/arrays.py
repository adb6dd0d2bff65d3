"""Areas, extremes and terminal slopes of many profiles at once, on plain arrays.

Concentrations have the shape ``(cases, times)``; times ``(1, times)``, or ``(cases, times)`` once
missing points were dropped. Nothing here raises: what cannot be computed is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROUNDING = 1e-10
"""Concentrations nearer to each other than this, relatively, are equal: the rest is rounding."""

MIN_POINTS = 3
ADJ_R_SQUARED_FACTOR = 1e-4
BLOCK = 2**16


class Reason:
    """Codes of ``half_life_reason``."""

    ESTIMATED, NO_CONCENTRATION, RISING, TOO_FEW_POINTS, NO_DECLINE = range(5)


class Curve(NamedTuple):
    """Profiles without missing points, with the rule of every segment."""

    time: Array  #: (1 or cases, times); behind the last point of a profile it is repeated
    conc: Array  #: (cases, times)
    log: NDArray[np.bool_]  #: (cases, times - 1); whether a segment is exponential
    points: NDArray[np.int64]  #: (cases,); points that are there
    tlast: Array  #: (cases,); time of the last positive concentration, NaN without one
    clast: Array  #: (cases,)


def per_profile(function: Callable[..., dict[str, NDArray]], *arrays: Array) -> dict[str, NDArray]:
    """Apply a function of ``(cases, times)`` arrays block by block, to stay in the cache."""
    cases, times = arrays[0].shape
    rows = max(1, BLOCK // max(1, times))
    starts = range(0, max(cases, 1), rows)
    blocks = [function(*(array[i : i + rows] for array in arrays)) for i in starts]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def clean(conc: Array, blq: Mapping[str, str | float], na: str | float) -> Array:
    """Drop (to NaN) or replace missing values, then zeros by their place in the profile."""
    if not isinstance(na, str):
        conc = np.where(np.isnan(conc), na, conc)
    zero = conc == 0
    if not zero.any():
        return conc
    positive = conc > 0
    before = np.logical_or.accumulate(positive, axis=-1)
    after = np.logical_or.accumulate(positive[:, ::-1], axis=-1)[:, ::-1]
    places = {"first": ~before, "middle": before & after, "last": before & ~after}
    for place, where in places.items():
        rule = blq[place]
        if rule != "keep":
            conc = np.where(zero & where, np.nan if rule == "drop" else float(rule), conc)
    return conc


def curve(time: Array, conc: Array, method: str) -> Curve:
    """Profiles as curves: missing points dropped, one rule per segment."""
    time, conc, count = _drop_missing(time, conc)
    before, after = conc[:, :-1], conc[:, 1:]
    if method == "linear":
        log = np.zeros(before.shape, dtype=bool)
    elif method == "lin-log":
        tmax = maximum(time, conc)[1]
        log = (time[:, 1:] > tmax[:, None]) & (before > 0) & (after > 0)
    else:
        log = (after < before) & (after > 0)
    return Curve(time, conc, log, count, *last_positive(time, conc))


def _drop_missing(time: Array, conc: Array) -> tuple[Array, Array, NDArray[np.int64]]:
    """Move the points that are there to the front and repeat the last one behind them."""
    missing = np.isnan(conc)
    count = conc.shape[-1] - missing.sum(axis=-1)
    if not missing.any():
        return time, conc, count
    order = np.argsort(missing, axis=-1, kind="stable")
    last = np.maximum(count - 1, 0)[:, None]
    index = np.take_along_axis(order, np.minimum(np.arange(conc.shape[-1]), last), axis=-1)
    times = np.take_along_axis(np.broadcast_to(time, conc.shape), index, axis=-1)
    return times, np.take_along_axis(conc, index, axis=-1), count


def _pick(array: Array, index: NDArray[np.int64], there: NDArray[np.bool_]) -> Array:
    """Element ``index`` of every row, NaN where it is not there."""
    rows = np.broadcast_to(array, (len(index), array.shape[-1]))
    picked = np.take_along_axis(rows, index[:, None], axis=-1)[:, 0]
    return np.where(there, picked, np.nan)


def last_positive(time: Array, conc: Array) -> tuple[Array, Array]:
    """Time and value of the last positive concentration, each ``(cases,)``."""
    positive = conc > 0
    index = conc.shape[-1] - 1 - np.argmax(positive[:, ::-1], axis=-1)
    there: NDArray[np.bool_] = np.any(positive, axis=-1)
    return _pick(time, index, there), _pick(conc, index, there)


def maximum(time: Array, conc: Array) -> tuple[Array, Array]:
    """Largest concentration and the first time that has it, up to rounding."""
    top: Array = np.fmax.reduce(conc, axis=-1)
    index = np.argmax(conc >= (top * (1 - ROUNDING))[:, None], axis=-1)
    return top, _pick(time, index, ~np.isnan(top))


def minimum(time: Array, conc: Array) -> tuple[Array, Array]:
    """Smallest concentration and the first time that has it, up to rounding."""
    bottom: Array = np.fmin.reduce(conc, axis=-1)
    index = np.argmax(conc <= (bottom * (1 + ROUNDING))[:, None], axis=-1)
    return bottom, _pick(time, index, ~np.isnan(bottom))


def value_at(profiles: Curve, when: float) -> Array:
    """Concentration at one time by the rule of its segment; NaN outside the profile."""
    time = np.broadcast_to(profiles.time, profiles.conc.shape)
    right = (time < when).sum(axis=-1)
    left = np.maximum(right - 1, 0)
    there = (right < time.shape[-1]) & (profiles.points > 0)
    right = np.minimum(right, time.shape[-1] - 1)
    t2, c2 = _pick(time, right, there), _pick(profiles.conc, right, there)
    t1, c1 = _pick(time, left, there), _pick(profiles.conc, left, there)
    if profiles.log.shape[-1] == 0:
        return np.where(t2 == when, c2, np.nan)
    log = np.take_along_axis(profiles.log, np.minimum(left, right - 1).clip(0)[:, None], axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.where(t1 < when, _between(c1, c2, (when - t1) / (t2 - t1), log[:, 0]), np.nan)
    return np.where(t2 == when, c2, between)


def _between(c1: Array, c2: Array, fraction: Array, log: NDArray[np.bool_]) -> Array:
    """Concentration at a fraction of a segment, on its exponential or on its straight line."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(log, c1 * (c2 / c1) ** fraction, c1 + fraction * (c2 - c1))


def area(profiles: Curve, start: float, end: float, kind: str, about: float | None = None) -> Array:
    """Area under the curve from `start` to `end` or, about an origin, its first moment.

    Up to the last positive concentration, with the segment behind it for the kind ``"all"``.
    """
    t1, t2 = profiles.time[:, :-1], profiles.time[:, 1:]
    a, b = np.clip(t1, start, end), np.clip(t2, start, end)
    ca, cb = _cut(profiles, a), _cut(profiles, b, right=True)
    log = profiles.log & (ca != cb)
    width = b - a
    with np.errstate(divide="ignore", invalid="ignore"):
        fall = _log_ratio(ca, cb, log)
        if about is None:
            parts = width * np.where(log, (cb - ca) / fall, (ca + cb) / 2)
        else:
            a, b = a - about, b - about
            curved = a * (cb - ca) / fall + width * ca * _first_moment(fall)
            parts = width * np.where(log, curved, (a * ca + b * cb) / 2)
    if kind != "all":
        parts = np.where(t1 < profiles.tlast[:, None], parts, 0.0)
    known = (profiles.points > 1) & ((start == -np.inf) | (profiles.time[:, 0] <= start))
    return np.where(known, parts.sum(axis=-1), np.nan)


def _cut(profiles: Curve, at: Array, right: bool = False) -> Array:
    """Concentration at one end of every segment, after the interval cut it."""
    t1, t2 = profiles.time[:, :-1], profiles.time[:, 1:]
    c1, c2 = profiles.conc[:, :-1], profiles.conc[:, 1:]
    whole = c2 if right else c1
    inside = np.broadcast_to((t1 < at) & (at < t2), c1.shape)
    if not inside.any():
        return whole
    fraction = np.broadcast_to((at - t1) / np.where(t2 > t1, t2 - t1, 1.0), c1.shape)[inside]
    cut = whole.copy()
    cut[inside] = _between(c1[inside], c2[inside], fraction, profiles.log[inside])
    return cut


def _log_ratio(c1: Array, c2: Array, where: NDArray[np.bool_]) -> Array:
    """ln(c2/c1) to full relative accuracy, also for nearly equal concentrations; 1 elsewhere."""
    ratio = np.where(where, c2 / c1, np.e)
    near = (ratio > 0.5) & (ratio < 2.0)
    return np.where(near, np.log1p((c2 - c1) / c1), np.log(ratio))


def _first_moment(x: Array) -> Array:
    """Integral of u exp(x u) for u from 0 to 1: (exp(x)(x - 1) + 1)/x², as a series near zero."""
    near = np.abs(x) < 0.1
    series = np.polyval([1 / (362880 * 11), 1 / (40320 * 10), 1 / (5040 * 9), 1 / (720 * 8),
                         1 / (120 * 7), 1 / (24 * 6), 1 / (6 * 5), 1 / (2 * 4), 1 / 3, 1 / 2],
                        np.where(near, x, 0.0))  # fmt: skip
    return np.where(near, series, (np.exp(x) * (x - 1) + 1) / x**2)


def tail(
    fit: Mapping[str, NDArray],
    clast: NDArray,
    start: float,
    end: float,
    about: float | None = None,
) -> Array:
    """Area (or first moment) of clast·exp(-lambda_z (t - tlast)) behind the last concentration."""
    rate, tlast = fit["lambda_z"], fit["tlast"]

    def beyond(time: Array) -> Array:
        weight = 1.0 if about is None else time - about + 1 / rate
        return clast * np.exp(-rate * (time - tlast)) / rate * weight

    begin = np.maximum(start, tlast)
    return beyond(begin) - (beyond(np.maximum(begin, end)) if np.isfinite(end) else 0.0)


def terminal(time: Array, conc: Array) -> dict[str, NDArray]:
    """Terminal log-linear fit of every profile: the best of all windows that end at `tlast`."""
    tmax = maximum(time, conc)[1]
    tlast, clast = last_positive(time, conc)
    use = (conc > 0) & (time > tmax[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(use, time - tlast[:, None], 0.0)
        y = np.where(use, np.log(conc) - np.log(clast)[:, None], 0.0)
        windows = _windows(x, y, use)
        best = np.fmax.reduce(windows["adj_r_squared"], axis=-1) - ADJ_R_SQUARED_FACTOR
        good = (windows["lambda_z"] > 0) & (windows["adj_r_squared"] > best[:, None])
        chosen, found = np.argmax(good, axis=-1), good.any(axis=-1)
        fit: dict[str, NDArray] = {
            name: _pick(values, chosen, found) for name, values in windows.items()
        }
        fit["half_life"] = np.log(2) / fit["lambda_z"]
        fit["lambda_z_time_first"] = _pick(time, chosen, found)
        fit["lambda_z_time_last"] = np.where(found, tlast, np.nan)
        span = fit["lambda_z_time_last"] - fit["lambda_z_time_first"]
        fit["span_ratio"] = span / fit["half_life"]
        fit["clast_pred"] = clast * np.exp(fit.pop("offset"))
    fit["half_life_reason"] = _reason(found, use.sum(axis=-1), tmax, tlast)
    return {**fit, "tlast": tlast, "clast_obs": clast}


def _windows(x: Array, y: Array, use: NDArray[np.bool_]) -> dict[str, Array]:
    """Least squares over every window from a point to the last one, by sums from the end."""

    def from_end(values: Array) -> Array:
        return np.cumsum(values[:, ::-1], axis=-1)[:, ::-1]

    n = from_end(use.astype(float))
    sx, sy = from_end(x), from_end(y)
    sxx, sxy, syy = (from_end(x * x) - sx * sx / n, from_end(x * y) - sx * sy / n,
                     from_end(y * y) - sy * sy / n)  # fmt: skip
    slope = sxy / sxx
    r_squared = np.minimum(sxy * slope / syy, 1.0)
    fits = use & (n >= MIN_POINTS) & (syy > n * ROUNDING**2)
    adjusted = 1 - (1 - r_squared) * (n - 1) / (n - 2)
    return {
        "lambda_z": -slope,
        "r_squared": r_squared,
        "adj_r_squared": np.where(fits, adjusted, np.nan),
        "lambda_z_n_points": n,
        "offset": (sy - slope * sx) / n,
    }


def _reason(
    found: NDArray[np.bool_], points: NDArray, tmax: Array, tlast: Array
) -> NDArray[np.uint8]:
    """Why a profile has no half-life; the first cause that holds."""
    causes = [found, np.isnan(tlast), tmax == tlast, points < MIN_POINTS]
    codes = [Reason.ESTIMATED, Reason.NO_CONCENTRATION, Reason.RISING, Reason.TOO_FEW_POINTS]
    return np.select(causes, codes, Reason.NO_DECLINE).astype(np.uint8)


def ratio(above: Array, below: Array) -> Array:
    """Quotient that is infinite or NaN for a zero below, without a warning."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above) / np.asarray(below)


def first_lasting(time: Array, conc: Array, fraction: float) -> Array:
    """First time from which on a profile stays at or above a fraction of its last value."""
    last = conc[:, -1]
    low = conc < (fraction * last)[:, None]
    index = np.where(low.any(axis=-1), conc.shape[-1] - np.argmax(low[:, ::-1], axis=-1), 0)
    return _pick(time, index, last > 0)
