"""Published observations of one clinical case over the simulated curves, and how far each prediction is off."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel import units
from pkmodel.errors import InputError
from pkmodel.plot import style

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OBSERVED, MODEL = style.VERMILION, style.BLUE
COLUMNS = 3
LETTERS = 44
"""Of the words beside a row, at most, in a line."""
REACH = 30.0
"""The axis of predicted over observed reaches from one part to so many times, at most."""
LINE: dict[str, Any] = {"color": OBSERVED, "linestyle": style.DASHED, "linewidth": 0.9}
BAR: dict[str, Any] = {"markersize": 4, "elinewidth": 0.9, "capsize": 2, "linestyle": "none"}


class _Mark(NamedTuple):
    """A published point: time [h] and height as value, lowest, highest; whether it is more than bounds."""

    time: tuple[float, float, float]
    height: tuple[float, float, float]
    exact: bool


def observations(table: pd.DataFrame, curves: xr.Dataset, *, width: float = 7.2) -> Figure:
    """Draw what was published of one case over what is simulated.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of the table of :func:`pkmodel.validation.validate`; those of other cases are left out.
    curves : xarray.Dataset
        Simulated percentiles of the case, ``validation.profiles["V1"]``.
    width : float
        Of the figure [inches]; 7.2 fill a page.

    Returns
    -------
    matplotlib.figure.Figure
        Above, a panel per arm, place and substance: median and 5th to 95th percentile over the subjects, and the
        published concentrations, peaks and times of peaks with their spread. Below, a row per observation: predicted
        over observed, with the twofold band shaded.

    Raises
    ------
    InputError
        No observation of the case was run.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> from pkmodel.validation import validate
    >>> result = validate("V1", subjects=20)
    >>> figure = observations(result.table, result.profiles["V1"])
    >>> figure.axes[0].get_title(loc="left")
    'lumbar CSF'
    >>> import matplotlib.pyplot
    >>> matplotlib.pyplot.close(figure)
    """
    plt = style.pyplot()
    own = table[(table.case == curves.attrs["case"]) & (table.not_run == "")]
    if own.empty:
        raise InputError(
            f"no observation of the case {curves.attrs['case']} was run",
            remedy="The column not_run of the table says why.",
        )
    shown = [k for k in range(curves.sizes["curve"]) if _has_points(curves.isel(curve=k), own)]
    rows = math.ceil(len(shown) / COLUMNS)
    heights = [1.6] * rows + [0.24 * len(own) + 0.75]
    with plt.rc_context(style.RC):
        figure = plt.figure(figsize=(width, sum(heights) + 0.5), layout="constrained")
        parts = figure.subfigures(rows + 1, height_ratios=heights, squeeze=False)[:, 0]
        for place, k in enumerate(shown):
            axes = parts[place // COLUMNS].add_subplot(1, COLUMNS, place % COLUMNS + 1)
            _draw_curve(axes, curves.isel(curve=k), own, several=len(set(own.dose)) > 1)
        _draw_rows(parts[-1].add_subplot(), own)
        style.describe(figure, f"{curves.attrs['case']}. {curves.attrs['title']}")
    return figure


# ---------------------------------------------------------------------------------------- the curves


def _of(curve: xr.Dataset, table: pd.DataFrame) -> pd.DataFrame:
    """Observations that are read off a curve."""
    keys = ("dose", "place", "substance")
    return table[(table[list(keys)] == [str(curve[key].item()) for key in keys]).all(axis=1)]


def _has_points(curve: xr.Dataset, table: pd.DataFrame) -> bool:
    return bool(_of(curve, table).kind.isin(["concentration", "peak", "peak_time"]).any())


def _draw_curve(axes: Axes, curve: xr.Dataset, table: pd.DataFrame, several: bool) -> None:
    """A simulated curve with its band, and the published points."""
    own = _of(curve, table)
    highest = float(curve.concentration.max())
    unit = "ug/mL" if highest >= 10 else "ng/mL" if highest >= 1e-3 else "pg/mL"
    factor = float(units.express(1.0, "concentration", unit))
    low, middle, high = factor * np.maximum(curve.concentration.values, 0.0)
    end = float(curve.time[-1])
    hours, word = (24.0, "days") if end > 72 else (1.0, "h")
    axes.fill_between(curve.time / hours, low, high, color=MODEL, alpha=0.22, linewidth=0)
    axes.plot(curve.time / hours, middle, color=MODEL)
    points = [_point(row, unit) for row in own[own.kind == "concentration"].itertuples()]
    peak = _peak(own, unit)
    marks = [*points, *([peak] if peak else [])]
    for (x, left, right), (y, below, above), exact in marks:
        axes.errorbar(
            x / hours, y, [[y - below], [above - y]], [[(x - left) / hours], [(right - x) / hours]],
            color=OBSERVED, marker="D" if exact else "none", **BAR,
        )  # fmt: skip
    if peak is None:
        _mark_lines(axes, own, unit, hours)
    axes.set_yscale("log")
    top = max([high.max(), *(mark.height[2] for mark in marks)])
    axes.set_ylim(max(top / 1e5, 0.3 * float(np.min(low[low > 0], initial=top))), 2 * top)
    axes.set_xlim(0, 1.02 * end / hours)
    arm = f", {curve.dose.item().replace('_', ' ')}" if several else ""
    of = f"{curve.substance.item()} in " if curve.substance.item() else ""
    axes.set_title(f"{of}{curve.place.item()}{arm}", loc="left", fontweight="bold", pad=3)
    axes.set_xlabel(f"Time ({word})")
    axes.set_ylabel(unit.replace("ug", "µg"))


def _value(row: Any, dimension: str, unit: str) -> tuple[float, float, float]:
    """Value and spread in a unit; of bounds the middle, and of a lower bound alone that bound."""
    factor = float(units.convert(f"1 {row.unit}", dimension)) * float(units.express(1.0, dimension, unit))  # fmt: skip
    low, high = factor * row.observed_low, factor * row.observed_high
    high = low if high == math.inf else high
    middle = factor * row.observed if not math.isnan(row.observed) else (low + high) / 2
    return middle, max(low, 0.0), high


def _point(row: Any, unit: str) -> _Mark:
    return _Mark((row.at,) * 3, _value(row, "concentration", unit), not math.isnan(row.observed))


def _peak(table: pd.DataFrame, unit: str) -> _Mark | None:
    """The published peak as a point, where both its height and its time are known."""
    height, time = (table[table.kind == kind] for kind in ("peak", "peak_time"))
    if height.empty or time.empty:
        return None
    (when,), (high,) = time[:1].itertuples(), height[:1].itertuples()
    exact = not math.isnan(high.observed)
    return _Mark(_value(when, "time", "h"), _value(high, "concentration", unit), exact)


def _mark_lines(axes: Axes, table: pd.DataFrame, unit: str, hours: float) -> None:
    """A peak of which only the height or only the time is known, as a line with a band."""
    for row in table[table.kind == "peak"].itertuples():
        middle, low, high = _value(row, "concentration", unit)
        axes.axhspan(max(low, high / 1e3), high, color=OBSERVED, alpha=0.15, linewidth=0)
        axes.axhline(middle if not math.isnan(row.observed) else high, **LINE)
    for row in table[table.kind == "peak_time"].itertuples():
        middle, low, high = _value(row, "time", "h")
        axes.axvspan(low / hours, high / hours, color=OBSERVED, alpha=0.15, linewidth=0)
        axes.axvline(middle / hours, **LINE)


# ------------------------------------------------------------------------------------------ the rows


def _draw_rows(axes: Axes, table: pd.DataFrame) -> None:
    """Predicted over observed, a row per observation."""
    import textwrap

    axes.axvspan(0.5, 2.0, color="0.92", linewidth=0)
    axes.axvline(1.0, color="0.6", linewidth=0.7)
    for place, row in enumerate(table.itertuples()):
        base = _base(row) or math.nan
        spread = np.clip([row.observed_low / base, row.observed_high / base], 1 / REACH, REACH)
        axes.plot(spread, [place, place], color=OBSERVED, alpha=0.35, linewidth=5, solid_capstyle="butt")  # fmt: skip
        predicted = np.array([row.predicted_5, row.predicted, row.predicted_95]) / base
        clipped = np.clip(predicted, 1 / REACH, REACH)
        axes.plot(clipped[[0, 2]], [place, place], color=MODEL, linewidth=0.9)
        beyond = predicted[1] != clipped[1]
        marker = ("<" if predicted[1] < 1 else ">") if beyond else "o"
        axes.plot(clipped[1], place, marker, color=MODEL, markersize=4)
    axes.set_xscale("log")
    axes.set_xlim(1 / REACH, REACH)
    axes.set_ylim(len(table) - 0.5, -0.5)
    words = [_words(row) for row in table.itertuples()]
    axes.set_yticks(range(len(table)), ["\n".join(textwrap.wrap(text, LETTERS)) for text in words])
    axes.tick_params(axis="y", length=0, labelsize=6.5)
    ticks = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(
        "Predicted / observed (line: 5–95 % of subjects; bar: published spread or bounds; grey: twofold)",
        fontsize=7, loc="right",
    )  # fmt: skip


def _base(row: Any) -> float:
    """What predictions are divided by: the value, or the middle of the bounds, or the one bound."""
    if not math.isnan(row.observed):
        return float(row.observed)
    low, high = row.observed_low, row.observed_high
    if low > 0 and high < math.inf:
        return math.sqrt(low * high)
    return float(high if high < math.inf else low)


def _words(row: Any) -> str:
    """A row in words, with the published value or bounds."""
    if not math.isnan(row.observed):
        value = style.number(row.observed)
    elif row.observed_low <= 0:
        value = f"< {style.number(row.observed_high)}"
    elif row.observed_high == math.inf:
        value = f"> {style.number(row.observed_low)}"
    else:
        value = f"{style.number(row.observed_low)}–{style.number(row.observed_high)}"
    return f"{row.quantity}: {value} {row.unit.replace('ug', 'µg')}".strip()
