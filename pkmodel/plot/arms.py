"""Concentrations of all arms over time, one panel per site, responses below them, then the doses."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel import units
from pkmodel.drugs import Drug
from pkmodel.errors import InputError
from pkmodel.plot import style
from pkmodel.plot.data import CASES, choose_sites, one_of, percentiles, refuse_dimensions
from pkmodel.regimen import Regimen

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    Attributes = Mapping[Hashable, Any]

ARMS = {"oral": (style.VERMILION, style.SOLID), "intrathecal": (style.BLUE, style.DASHED)}
OTHERS = [
    (style.GREEN, style.DASH_DOT),
    (style.PURPLE, style.DOTTED),
    (style.BLACK, style.SOLID),
    (style.ORANGE, style.DASHED),
]
DECADES = 6
EFFECT = "effect"
RESPONSES = {
    "analgesia": "Analgesia",
    "ashworth": "Ashworth score",
    "respiratory_depression": "Respiratory depression",
    "sedation": "Sedation",
    "constipation": "Constipation",
    "itching": "Itching",
    "nausea": "Nausea",
    "withdrawal": "Withdrawal",
}
"""Responses with a panel each, and how the figure calls them; pain and its reduction show what analgesia does."""
STEPS = {"h": (0.5, 1, 2, 3, 4, 6, 12, 24), "days": (0.5, 1, 2, 7, 14, 28, 56, 91, 182, 364)}


def comparison(
    ds: xr.Dataset,
    *,
    sites: str | Iterable[str] | None = None,
    scale: str = "log",
    unit: str | None = None,
    width: float = 7.2,
) -> Figure:
    """Draw the concentration at every site over time, with responses and the doses below.

    Parameters
    ----------
    ds : xarray.Dataset
        From :func:`pkmodel.compare`; or from :func:`pkmodel.simulate`, as a single arm. Responses in it have
        panels of their own.
    sites : str or iterable of str, optional
        A panel each, in anatomical order; by default all of the result but those of ``style.MINOR``.
    scale : {"log", "linear", "both"}
        Of the concentration. Logarithmic panels share one axis of six decades at most; every linear
        panel has its own.
    unit : str, optional
        Of the concentration, for example ``"ng/mL"`` or ``"nmol/L"``; by default what suits the highest.
    width : float
        Of the figure [inches]; 7.2 fill a page, and no letter is then smaller than 7 points.

    Returns
    -------
    matplotlib.figure.Figure
        Lines are the median over subjects and replicates, bands reach from the 5th to the 95th percentile.
        An arm with several ratios has a line for each and no bands. Cases that were not solved are left
        out, and the legend counts them.

    Raises
    ------
    InputError
        A Dataset without concentrations, or with dimensions beside arm, ratio, subject, replicate, site
        and time; an unknown site or scale; no case that was solved.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import pkmodel
    >>> ds = pkmodel.compare("morphine", oral="60 mg oral q12h x 28", ratio=300)
    >>> figure = comparison(ds, sites=["plasma", "lumbar_csf"])
    >>> [axes.get_title(loc="left") for axes in figure.axes[:2]]
    ['Plasma', 'Lumbar CSF']
    >>> import matplotlib.pyplot
    >>> matplotlib.pyplot.close(figure)
    """
    plt = style.pyplot()
    array = _concentration(ds)
    shown = choose_sites(array.site.values, sites, leave_out=style.MINOR)
    one_of("scale", scale, ["log", "linear", "both"])
    bands, cases = percentiles(array.sel(site=shown))
    effects = _responses(ds)
    unit, bands = _in_unit(bands, unit, ds.attrs)
    orders = {arm: _orders(ds.attrs, arm) for arm in map(str, bands.arm.values)}
    lines, limits = _lines(bands), _log_limits(bands)
    lanes = len(orders) if any(orders.values()) else 0
    with plt.rc_context(style.RC):
        legend = _legend(plt, lines, cases)
        names = [] if effects is None else list(map(str, effects.site.values))
        layout = _lay_out(plt, shown, names, scale, legend, lanes, width)
        for panel in layout.panels:
            source = bands if panel.scale != EFFECT or effects is None else effects
            _draw_panel(panel, source.sel(site=panel.site), lines, limits)
        for k, axes in enumerate(layout.strips):
            _draw_doses(axes, orders, lines, bands.time.values)
            axes.set_yticks(range(lanes), list(orders) if k == 0 else [""] * lanes)
        _label(layout, bands.time.values, "µ" + unit[1:] if unit.startswith("ug") else unit)
        style.describe(layout.figure, _title(bands, ds.attrs))
    return layout.figure


# ------------------------------------------------------------------------------------------ the data


def _concentration(ds: xr.Dataset) -> xr.DataArray:
    """Concentrations [mg/L] over arm, site and time at least."""
    if "concentration" not in ds or "time" not in ds.concentration.dims:
        raise InputError(
            "the Dataset has no concentration over time",
            remedy="Draw what compare or simulate returns: pkmodel.plot.comparison("
            'pkmodel.compare("morphine", oral="60 mg oral q12h x 28", ratio=300)).',
        )
    return _with_arms_and_sites(ds.concentration, ds.attrs)


def _responses(ds: xr.Dataset) -> xr.DataArray | None:
    """Percentiles of the responses, the names of the variables along site; None if there are none."""
    names = [name for name in RESPONSES if name in ds]
    if not names:
        return None
    return percentiles(_with_arms_and_sites(ds[names].to_array("site"), ds.attrs))[0]


def _with_arms_and_sites(array: xr.DataArray, attrs: Attributes) -> xr.DataArray:
    refuse_dimensions(array, ("arm", "ratio", *CASES, "site", "time"))
    for dim in ("arm", "ratio", "site"):
        if dim in array.coords and dim not in array.dims:
            array = array.expand_dims(dim)
    if "arm" not in array.dims:
        routes = Regimen.parse(str(attrs["regimen"])).routes if "regimen" in attrs else ()
        array = array.expand_dims(arm=[" + ".join(routes) or "dose"])
    if "site" not in array.dims:
        array = array.expand_dims(site=["concentration"])
    return array.transpose(..., "arm", "site", "time")


def _in_unit(bands: xr.DataArray, unit: str | None, attrs: Attributes) -> tuple[str, xr.DataArray]:
    if unit is None:
        highest = float(bands.max())
        unit = "ug/mL" if highest >= 10.0 else "ng/mL" if highest >= 1e-3 else "pg/mL"
    drug = attrs.get("drug")
    molar_mass = Drug.read(drug).molar_mass if drug in Drug.names() else None
    return unit, bands * units.express(1.0, "concentration", unit, molar_mass)


def _orders(attrs: Attributes, arm: str) -> Regimen | None:
    """What was given in an arm; None where the Dataset does not say it."""
    text = attrs.get(f"regimen_{arm}", attrs.get("regimen"))
    return Regimen.parse(str(text)) if text else None


def _title(bands: xr.DataArray, attrs: Attributes) -> str:
    """Drug and regimens. Where the ratio varies, the pump's regimen is one of many."""
    applied = json.loads(str(attrs.get("ratio", "null")))
    given = []
    for arm in map(str, bands.arm.values):
        text = str(attrs.get(f"regimen_{arm}", attrs.get("regimen", "")))
        if arm == "intrathecal" and isinstance(applied, list):
            values = bands.ratio.values if "ratio" in bands.coords else applied
            text = f"intrathecal pump, oral daily dose / {style.span(values)}"
        named = arm in text or bands.sizes["arm"] == 1
        given.append(text if named or not text else f"{text} ({arm})")
    title = style.heading(attrs.get("drug", attrs.get("model")), given)
    if isinstance(applied, float | int):
        title += f", ratio {style.number(applied, 4)}"
    return title


# ----------------------------------------------------------------------------------------- the lines


@dataclass(frozen=True)
class _Line:
    """A line of every panel: what it shows of the data, and how."""

    arm: str
    ratio: int
    label: str
    color: Any
    dashes: Any
    banded: bool

    def of(self, bands: xr.DataArray) -> Floats:
        """Percentiles of one site, shape (3, time)."""
        own = bands.sel(arm=self.arm)
        return (own.isel(ratio=self.ratio) if "ratio" in own.dims else own).values


def _lines(bands: xr.DataArray) -> list[_Line]:
    """One line per arm; in an arm that depends on the ratio one per ratio, dark where the dose is high."""
    others = iter(OTHERS * bands.sizes["arm"])
    found: list[_Line] = []
    for arm in map(str, bands.arm.values):
        color, dashes = ARMS.get(arm) or next(others)
        if not _depends_on_ratio(bands.sel(arm=arm)):
            found.append(_Line(arm, 0, arm, color, dashes, banded=True))
            continue
        order = np.argsort(bands.ratio.values)
        for rank, index in enumerate(order):
            label = f"{arm}, ratio {style.number(float(bands.ratio[index]), 4)}"
            tone = style.shade(color, rank / (len(order) - 1))
            found.append(_Line(arm, int(index), label, tone, dashes, banded=False))
    return found


def _depends_on_ratio(array: xr.DataArray) -> bool:
    if array.sizes.get("ratio", 1) == 1:
        return False
    values = array.transpose("ratio", ...).values
    return not np.allclose(values, values[:1], rtol=1e-9, atol=0.0)


def _legend(plt: Any, lines: Sequence[_Line], cases: str) -> tuple[list[Any], list[str]]:
    """Every line, of an arm five at most, and what the band means."""
    shown = []
    for arm in dict.fromkeys(line.arm for line in lines):
        own = [line for line in lines if line.arm == arm]
        shown += [own[k] for k in np.unique(np.linspace(0, len(own) - 1, 5).round().astype(int))]
    handles = [plt.Line2D([], [], color=line.color, linestyle=line.dashes) for line in shown]
    labels = [line.label for line in shown]
    if cases:
        handles.append(plt.Rectangle((0, 0), 1, 1, color="0.8", linewidth=0))
        labels.append(f"median and 5–95 % of {cases}")
    return handles, labels


def _log_limits(bands: xr.DataArray) -> tuple[float, float]:
    """From the decade that holds every median most of the time: zeros and first traces fall below."""
    highest = float(bands.max())
    if highest <= 0.0:
        return 0.1, 1.0
    usual = bands.sel(quantile=0.5).quantile(0.1, "time").values
    decade = 10.0 ** math.floor(math.log10(usual.min(where=usual > 0.0, initial=highest / 10.0)))
    return max(decade, highest / 10.0**DECADES), 1.5 * highest


# ---------------------------------------------------------------------------------------- the figure


@dataclass(frozen=True)
class _Panel:
    """The axes of one site, perhaps in the first column or the last row."""

    axes: Axes
    site: str
    scale: str
    first: bool
    last: bool


@dataclass(frozen=True)
class _Layout:
    """Rows of panels, the upper one perhaps short, and strips for the doses below them."""

    figure: Figure
    columns: int
    panels: list[_Panel]
    strips: list[Axes]


def _lay_out(
    plt: Any, sites: Sequence[str], effects: Sequence[str], scale: str, legend: tuple[list[Any], list[str]],
    lanes: int, width: float,
) -> _Layout:  # fmt: skip
    scales = ["log", "linear"] if scale == "both" else [scale]
    columns = len(sites) if len(sites) <= 3 else min(4, math.ceil(len(sites) / 2))
    columns = max(1, min(columns, int(width / 1.7)))
    rows = [(block, kind) for block in _blocks(sites, columns) for kind in scales]
    rows += [(block, EFFECT) for block in _blocks(effects, columns)]
    entries = max(1, int(width / 2.2))
    lines = math.ceil(len(legend[1]) / entries)
    heights = [0.17 * lines, *[1.5] * len(rows), *[0.13 * lanes] * (lanes > 0)]
    figure = plt.figure(figsize=(width, sum(heights) + 1.1), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.025, w_pad=0.04, hspace=0.0, wspace=0.0)
    cells = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    panels = [
        _Panel(figure.add_subplot(cells[k + 1, j]), site, kind, j == 0, k == len(rows) - 1)
        for k, (block, kind) in enumerate(rows)
        for j, site in enumerate(block)
    ]
    strips = [figure.add_subplot(cells[-1, j]) for j in range(columns if lanes else 0)]
    head = figure.add_subplot(cells[0, :])
    head.axis("off")
    head.legend(
        *legend, loc="center left", ncols=math.ceil(len(legend[1]) / lines), borderaxespad=0.0,
        borderpad=0.0, handlelength=2.6, columnspacing=1.5, labelspacing=0.3,
    )  # fmt: skip
    return _Layout(figure, columns, panels, strips)


def _blocks(names: Sequence[str], columns: int) -> list[Sequence[str]]:
    """Names in rows, the first one perhaps short."""
    short = len(names) % columns or columns
    return [names[max(0, k - columns) : k] for k in range(short, len(names) + 1, columns)]


def _draw_panel(
    panel: _Panel, bands: xr.DataArray, lines: Iterable[_Line], limits: tuple[float, float]
) -> None:
    """Draw one site. Zeros are moved to just below the logarithmic axis, so that lines rise out of it."""
    from matplotlib.ticker import LogLocator

    axes, log = panel.axes, panel.scale == "log"
    axes.set_yscale("log" if log else "linear")
    for line in lines:
        low, middle, high = np.maximum(line.of(bands), limits[0] / 10.0 if log else 0.0)
        if line.banded and (high > low).any():
            axes.fill_between(bands.time, low, high, color=line.color, alpha=0.22, linewidth=0)
        axes.plot(bands.time, middle, color=line.color, linestyle=line.dashes, label=line.label)
    whole = panel.scale == EFFECT and panel.site != "ashworth"
    score = (0.9, 5.1) if panel.site == "ashworth" else (0.0, None)
    axes.set_ylim(*(limits if log else (-0.02, 1.02) if whole else score))
    if log:
        axes.yaxis.set_major_locator(LogLocator(numticks=DECADES + 3))
    words = RESPONSES[panel.site] if panel.scale == EFFECT else style.words(panel.site)
    axes.set_title(words, loc="left", fontweight="bold", pad=3)


def _draw_doses(
    axes: Axes, orders: Mapping[str, Regimen | None], lines: Sequence[_Line], times: Floats
) -> None:
    """One lane per arm: a tick for every dose, a bar for every infusion, as high as the dose."""
    colors = {line.arm: line.color for line in lines[::-1]}
    for lane, (arm, regimen) in enumerate(orders.items()):
        for timed in (False, True):
            starts, spans, sizes = _doses(regimen, timed, times[0], times[-1])
            if timed:
                axes.bar(
                    starts, -0.8 * sizes, spans, lane + 0.4, align="edge", color=colors[arm], linewidth=0
                )  # fmt: skip
            else:
                axes.vlines(
                    starts, lane + 0.4 - 0.8 * sizes, lane + 0.4, colors[arm], linewidth=0.9, clip_on=False
                )  # fmt: skip
    axes.set_ylim(len(orders) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _doses(regimen: Regimen | None, timed: bool, begin: float, end: float) -> Floats:
    """Starts [h], durations [h] and relative sizes of the doses that take time, or of those that do not."""
    rows = []
    for order in regimen or ():
        if (order.span > 0.0) != timed:
            continue
        size = order.rate or order.dose / order.span if timed else order.dose
        starts = order.times(until=end) if size else ()
        rows += [(t, min(order.span, end - t), size) for t in starts if timed or t >= begin]
    doses = np.array(rows, dtype=float).reshape(-1, 3).T
    doses[2] = np.maximum(0.25, doses[2] / doses[2].max(initial=0.0))
    return doses


def _label(layout: _Layout, times: Floats, unit: str) -> None:
    """Label the outer axes, in days where three do not hold the time."""
    hours, word = (24.0, "days") if times[-1] - times[0] > 72.0 else (1.0, "h")
    left, right = times[0] / hours, times[-1] / hours
    ticks = _time_ticks(left, right, STEPS[word], 7 if layout.columns < 4 else 5)
    for axes in [*layout.strips, *(panel.axes for panel in layout.panels)]:
        axes.set_xticks(ticks * hours, [f"{tick:g}" for tick in ticks])
        axes.set_xlim(times[0], times[-1])
    for axes in layout.strips:
        axes.set_xlabel(f"Time ({word})")
    scored = any(panel.site == "ashworth" for panel in layout.panels)
    for panel in layout.panels:
        bottom = panel.last and not layout.strips
        shared = panel.scale == "log" or (panel.scale == EFFECT and not scored)
        panel.axes.tick_params(labelbottom=bottom, labelleft=panel.first or not shared)
        panel.axes.set_xlabel(f"Time ({word})" if bottom else "")
        words = "Fraction of the whole" if panel.scale == EFFECT else f"Concentration ({unit})"
        words = "Score (1 to 5)" if panel.site == "ashworth" else words
        panel.axes.set_ylabel(words if panel.first else "")


def _time_ticks(left: float, right: float, steps: Iterable[float], count: int) -> Floats:
    """Ticks at so many steps at most, each a natural part or multiple of the day or the week."""
    length = (right - left) * (1.0 - 1e-9)
    step = next((s for s in steps if length / s <= count), length / count)
    return np.arange(math.ceil(left / step - 1e-9), math.floor(right / step + 1e-9) + 1) * step
