"""Figures: the arms of a comparison side by side, and exposure over the dose ratio.

Both need matplotlib (``pip install "pkmodel[plot]"``), which is imported when a figure is drawn. They return a pyplot
figure: show it by ``matplotlib.pyplot.show()``, store it by ``figure.savefig("figure.pdf")``.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel import units
from pkmodel.drugs import Drug
from pkmodel.equivalence import METRICS
from pkmodel.errors import InputError, did_you_mean
from pkmodel.regimen import Regimen

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["comparison", "ratio"]

SITES = {
    "plasma": "Plasma",
    "lumbar_csf": "Lumbar CSF",
    "thoracic_csf": "Thoracic CSF",
    "cervical_csf": "Cervical CSF",
    "cranial_csf": "Cranial CSF",
    "cord": "Spinal cord",
    "brain": "Brain",
}
"""Sites in anatomical order, and how a figure calls them."""

# Okabe and Ito's colours, which the colour-blind can tell apart; the line style does so in grey.
VERMILION, BLUE, GREEN, PURPLE, ORANGE, SKY = (
    "#D55E00",
    "#0072B2",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
)
SOLID, DASHED, DOTTED, DASH_DOT = "-", (0, (5, 1.6)), (0, (1.2, 1.4)), (0, (6, 1.6, 1.2, 1.6))
ARMS = {"oral": (VERMILION, SOLID), "intrathecal": (BLUE, DASHED)}
OTHER_ARMS = [(GREEN, DASH_DOT), (PURPLE, DOTTED), (ORANGE, SOLID), (SKY, DASHED)]
GREY = "0.4"

STYLE = {
    "font.size": 8.0,
    "axes.labelsize": 8.0,
    "axes.titlesize": 8.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "figure.titlesize": 9.0,
    "figure.dpi": 150.0,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "lines.solid_joinstyle": "round",
}
PERCENTILES = (0.05, 0.5, 0.95)
CASES = ("subject", "replicate")
DECADES = 6
FOOTER = "Model prediction for research, not for dosing patients"
EXAMPLE = 'ds = pkmodel.compare("morphine", oral="60 mg oral q12h x 28", ratio=300)'


def comparison(
    ds: xr.Dataset,
    *,
    sites: str | Iterable[str] | None = None,
    scale: str = "log",
    unit: str | None = None,
    width: float = 7.2,
) -> Figure:
    """Draw the concentration at every site over time, with the doses below.

    Parameters
    ----------
    ds : xarray.Dataset
        From :func:`pkmodel.compare`; or from :func:`pkmodel.simulate`, as a single arm.
    sites : str or iterable of str, optional
        One panel each, in anatomical order; by default all that the result has, without thoracic CSF.
    scale : {"log", "linear", "both"}
        Of the concentration. The logarithmic panels share one axis of six decades at most; every linear
        panel has its own.
    unit : str, optional
        Of the concentration, for example ``"ng/mL"`` or ``"nmol/L"``; by default what suits the highest value.
    width : float
        Of the figure [inches]; 7.2 is a page, and its letters are 7 points or larger.

    Returns
    -------
    matplotlib.figure.Figure
        Lines are the median over subjects and replicates, bands reach from the 5th to the 95th percentile.
        An arm with several ratios has a line for each, and no band. Cases that were not solved are left out, and counted
        in the legend.

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
    plt = _pyplot()
    concentration = _concentration(ds)
    shown = _sites(concentration.site.values, sites)
    scales = ["log", "linear"] if scale == "both" else [_one_of("scale", scale, ["log", "linear"])]
    bands, cases = _bands(concentration.sel(site=shown), ("arm", "ratio", "site", "time"))
    unit, bands = _in_unit(bands, unit, ds.attrs)
    lines, texts = _lines(bands, ds.attrs), _regimens(bands, ds.attrs)
    days = float(bands.time[-1]) > 72.0
    bands = bands.assign_coords(time=bands.time / (24.0 if days else 1.0))
    with plt.rc_context(STYLE):
        columns = len(shown) if len(shown) <= 3 else min(4, math.ceil(len(shown) / 2))
        grid = _Grid.of(plt, width, columns, shown, scales, arms=bands.sizes["arm"])
        for site, kind, axes in grid.panels:
            _draw_panel(axes, bands.sel(site=site), lines)
            axes.set_title(SITES.get(site, _words(site)), loc="left", fontweight="bold")
            if kind == "log":
                axes.set_yscale("log")
                axes.set_ylim(_log_limits(bands))
            else:
                axes.set_ylim(bottom=0.0)
        label = f"Concentration ({_shown_unit(unit)})"
        grid.label(bands.time.values, f"Time ({'days' if days else 'h'})", label)
        for axes in grid.strips:
            _draw_doses(axes, bands, ds.attrs, 24.0 if days else 1.0)
        grid.describe(_title(ds.attrs, texts), *_legend(plt, lines, cases))
    return grid.figure


def ratio(
    ratios: xr.Dataset,
    nominal: float | None = None,
    *,
    drug: Drug | str | None = None,
    metric: str = "auc",
    sites: str | Iterable[str] | None = None,
    width: float = 5.5,
) -> Figure:
    """Draw the exposure at every site over the dose ratio, and the ratios that would make it equal.

    Parameters
    ----------
    ratios : xarray.Dataset
        From :func:`pkmodel.equivalence.implied`.
    nominal : float, optional
        The ratio to judge, a vertical line; by default that of the drug.
    drug : Drug or str, optional
        Adds the range of its published ratios as a shaded area, and each of them as a row.
    metric : {"auc", "cavg", "cmax"}
        Measure of exposure at steady state.
    sites : str or iterable of str, optional
        By default all.
    width : float
        Of the figure [inches].

    Returns
    -------
    matplotlib.figure.Figure
        Above, the exposure by the test route relative to the reference, ``implied / ratio``: one line per site, with a
        band from the 5th to the 95th percentile over subjects. Where a line crosses 1 lies the implied
        ratio; below, it is a row with its value.

    Raises
    ------
    InputError
        A Dataset without implied ratios, an unknown site or metric, a ratio that is not above 0.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> from pkmodel import equivalence
    >>> implied = equivalence.implied("morphine", "60 mg oral q12h")
    >>> figure = ratio(implied, drug="morphine")
    >>> figure.axes[0].get_xlabel(), figure.axes[1].get_xlabel()
    ('', 'Dose ratio (mg/day oral per mg/day intrathecal)')
    >>> import matplotlib.pyplot
    >>> matplotlib.pyplot.close(figure)
    """
    plt = _pyplot()
    implied = _implied(ratios, metric)
    shown = _sites(implied.site.values, sites, default=implied.site.values)
    bands, cases = _bands(implied.sel(site=shown), ("site",))
    drug = Drug.read(drug) if isinstance(drug, str) else drug
    if nominal is None and drug is not None and drug.equivalence is not None:
        nominal = drug.equivalence.nominal
    if nominal is not None and not 0 < nominal < math.inf:
        raise InputError(f"the ratio is {nominal!r}; expected a number above 0")
    rows = [*_site_rows(bands), *_preset_rows(drug)]
    limits = _ratio_limits(rows, nominal)
    with plt.rc_context(STYLE):
        heights = [2.5, 0.16 * len(rows) + 0.1]
        figure, (upper, lower) = plt.subplots(
            2, 1, sharex=True, layout="constrained", height_ratios=heights,
            figsize=(width, sum(heights) + 1.0),
        )  # fmt: skip
        _draw_exposure(upper, rows, limits, METRICS[metric])
        _draw_rows(lower, rows, _routes(ratios.attrs))
        for axes in (upper, lower):
            _mark_published(axes, drug, nominal)
        _head_ratio(figure, upper, ratios.attrs, nominal, cases)
    return figure


# ------------------------------------------------------------------------------------------ the data


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            'figures need matplotlib, which is not installed: pip install "pkmodel[plot]"'
        ) from error
    return plt


def _concentration(ds: xr.Dataset) -> xr.DataArray:
    """Concentrations [mg/L] with the dimensions arm, site and time at least."""
    if "concentration" not in ds or "time" not in ds.concentration.dims:
        raise InputError(
            "the Dataset has no concentration over time",
            remedy=f"Draw what compare or simulate returns: {EXAMPLE}.",
        )
    array = ds.concentration
    _refuse_dimensions(array, ("arm", "ratio", *CASES, "site", "time"))
    for dim, label in (("arm", "dose"), ("site", "site"), ("ratio", None)):
        if dim not in array.dims and (dim in array.coords or label):
            array = array.expand_dims(dim if dim in array.coords else {dim: [label]})
    return array


def _implied(ratios: xr.Dataset, metric: str) -> xr.DataArray:
    """Implied ratios by one metric, with the dimension site."""
    if "implied_ratio" not in ratios:
        raise InputError(
            "the Dataset has no implied ratios",
            remedy='Draw what implied returns: pkmodel.equivalence.implied("morphine", "60 mg oral q12h").',
        )
    array = ratios.implied_ratio
    if "metric" in array.dims:
        array = array.sel(metric=_one_of("metric", metric, array.metric.values))
    if "site" not in array.dims:
        array = array.expand_dims("site")
    _refuse_dimensions(array, (*CASES, "site"))
    return array.where((array > 0) & (array < np.inf))


def _refuse_dimensions(array: xr.DataArray, known: Sequence[str]) -> None:
    other = [str(dim) for dim in array.dims if dim not in known]
    if other:
        raise InputError(
            *(f'a figure has no place for the dimension "{dim}"' for dim in other),
            remedy=f"Choose one value of it: ds.isel({', '.join(f'{dim}=0' for dim in other)}).",
        )


def _sites(
    known: Iterable[Any], given: str | Iterable[str] | None, default: Iterable[Any] | None = None
) -> list[str]:
    """Return the sites to show, in anatomical order."""
    names = [str(name) for name in known]
    if given is None:
        chosen = {str(name) for name in default or names}
        if default is None and len(names) == len(SITES):
            chosen -= {"thoracic_csf"}
    else:
        chosen = {given} if isinstance(given, str) else set(given)
        for name in chosen:
            _one_of("site", name, names)
    order = {name: rank for rank, name in enumerate([*SITES, *names][::-1])}
    return sorted(chosen, key=lambda name: -order[name])


def _one_of(what: str, given: str, known: Iterable[Any]) -> str:
    names = [str(name) for name in known]
    if given not in names:
        raise InputError(
            f'unknown {what} "{given}"{did_you_mean(str(given), names)}',
            remedy=f"Known are {', '.join(names)}.",
        )
    return given


def _bands(array: xr.DataArray, dims: Sequence[str]) -> tuple[xr.DataArray, str]:
    """Percentiles over the cases that were solved, and how these are called in the legend."""
    over = [dim for dim in CASES if dim in array.dims]
    array = array.transpose(*over, *(dim for dim in dims if dim in array.dims)).compute()
    values = array.values.reshape(-1, *array.shape[len(over) :])
    solved = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not solved.any():
        raise InputError(
            "no case was solved at all sites and times",
            remedy="The variable status says why: pkmodel.variables.explain(int(ds.status.max())).",
        )
    points = np.quantile(values[solved], PERCENTILES, axis=0)
    first = array.isel(dict.fromkeys(over, 0), drop=True)
    bands = first.expand_dims(quantile=list(PERCENTILES)).copy(data=points)
    cases = " × ".join(f"{array.sizes[dim]} {dim}s" for dim in over)
    failed = int((~solved).sum())
    return bands, cases + (f", {failed} not solved" if failed else "")


def _in_unit(
    bands: xr.DataArray, unit: str | None, attrs: Mapping[Hashable, Any]
) -> tuple[str, xr.DataArray]:
    if unit is None:
        highest = float(bands.max())
        unit = "ug/mL" if highest >= 10 else "ng/mL" if highest >= 1e-3 else "pg/mL"
    named = attrs.get("drug")
    molar_mass = Drug.read(named).molar_mass if named in Drug.names() else None
    return unit, bands * units.express(1.0, "concentration", unit, molar_mass)


def _log_limits(bands: xr.DataArray) -> tuple[float, float]:
    """Whole decades that hold every line for most of the time: zeros and early traces fall below."""
    highest = float(bands.max())
    if highest <= 0:
        return 0.1, 1.0
    median = bands.sel(quantile=0.5)
    usual = median.quantile(0.1, "time", skipna=True).values
    least = max(usual[usual > 0].min(initial=highest), highest / 10**DECADES)
    top = highest * 1.1
    return 10.0 ** math.floor(math.log10(min(least, top / 10))), top * 1.2


# ----------------------------------------------------------------------------------- words and colours


@dataclass(frozen=True)
class _Line:
    """One line of every panel: what of the data it shows, and how."""

    arm: str
    ratio: int | None
    label: str
    color: Any
    style: Any
    banded: bool


def _lines(bands: xr.DataArray, attrs: Mapping[Hashable, Any]) -> list[_Line]:
    """One line per arm; per ratio, too, in an arm that depends on it, dark where the dose is high."""
    found = []
    others = iter(OTHER_ARMS * bands.sizes["arm"])
    for arm in map(str, bands.arm.values):
        color, style = ARMS.get(arm) or next(others)
        several = bands.sizes.get("ratio", 1) > 1 and _depends_on_ratio(bands.sel(arm=arm))
        if not several:
            found.append(_Line(arm, 0 if "ratio" in bands.dims else None, arm, color, style, True))
            continue
        order = np.argsort(bands.ratio.values)
        for rank, index in enumerate(order):
            shade = _shade(color, rank / (len(order) - 1))
            label = f"{arm}, ratio {_number(float(bands.ratio[index]))}"
            found.append(_Line(arm, int(index), label, shade, style, False))
    return found


def _depends_on_ratio(array: xr.DataArray) -> bool:
    values = array.transpose("ratio", ...).values
    return not np.allclose(values, values[:1], rtol=1e-9, atol=0.0)


def _shade(color: str, lightness: float) -> tuple[float, ...]:
    """From a third darker (0) to well on the way to white (1)."""
    from matplotlib.colors import to_rgb

    target, part = (0.0, 0.35 - lightness) if lightness < 0.35 else (1.0, 0.95 * (lightness - 0.35))
    return tuple((1 - part) * c + part * target for c in to_rgb(color))


def _regimens(bands: xr.DataArray, attrs: Mapping[Hashable, Any]) -> list[str]:
    """What was given in every arm, as text."""
    applied = json.loads(str(attrs.get("ratio", "null")))
    texts = []
    for arm in map(str, bands.arm.values):
        text = str(attrs.get(f"regimen_{arm}", attrs.get("regimen", "")))
        if arm == "intrathecal" and isinstance(applied, list):
            values = bands.ratio.values if "ratio" in bands.coords else np.ravel(applied)
            text = f"intrathecal pump, daily dose / {_span(values)}"
        texts.append(text)
    return texts


def _span(values: Any) -> str:
    low, high = _number(float(np.min(values))), _number(float(np.max(values)))
    return low if low == high else f"{low} to {high}"


def _title(attrs: Mapping[Hashable, Any], texts: Iterable[str]) -> str:
    name = str(attrs.get("drug", attrs.get("model", "")))
    given = " versus ".join(text for text in texts if text)
    return ": ".join(part for part in (name[:1].upper() + name[1:], given) if part)


def _words(name: str) -> str:
    return name[:1].upper() + name[1:].replace("_", " ")


def _shown_unit(unit: str) -> str:
    return "µ" + unit[1:] if unit.startswith("ug") else unit


def _number(value: float) -> str:
    """Three digits: ``"4.18"``, ``"48 900"`` (with narrow spaces), ``"300"``."""
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    text = f"{rounded:,.{max(0, digits)}f}" if rounded >= 1e-3 else f"{rounded:.2e}"
    text = text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text
    return text.replace(",", "\u2009" if rounded >= 1e4 else "")


# ------------------------------------------------------------------------------------- the comparison


@dataclass
class _Grid:
    """Panels under a legend, and below every full column a strip for the doses."""

    figure: Figure
    head: Axes
    panels: list[tuple[str, str, Axes]]
    strips: list[Axes]
    columns: int

    @classmethod
    def of(cls, plt: Any, width: float, columns: int, sites: Sequence[str], scales: Sequence[str],
           arms: int) -> _Grid:  # fmt: skip
        blocks = [sites[k : k + columns] for k in range(0, len(sites), columns)]
        rows = [[(site, kind) for site in block] for block in blocks for kind in scales]
        heights = [0.2, *[1.55] * len(rows), 0.11 * arms]
        figure = plt.figure(figsize=(width, sum(heights) + 1.15), layout="constrained")
        figure.get_layout_engine().set(h_pad=0.03, w_pad=0.04, hspace=0.01, wspace=0.01)
        cells = figure.add_gridspec(len(heights), columns, height_ratios=heights)
        panels: list[tuple[str, str, Axes]] = []
        shared: Axes | None = None
        for i, row in enumerate(rows):
            for j, (site, kind) in enumerate(row):
                axes = figure.add_subplot(
                    cells[i + 1, j],
                    sharex=panels[0][2] if panels else None,
                    sharey=shared if kind == "log" else None,
                )
                shared = shared or (axes if kind == "log" else None)
                panels.append((site, kind, axes))
        strips = [
            figure.add_subplot(cells[-1, j], sharex=panels[0][2]) for j in range(len(rows[-1]))
        ]
        head = figure.add_subplot(cells[0, :])
        head.axis("off")
        return cls(figure, head, panels, strips, columns)

    def label(self, times: Floats, x: str, y: str) -> None:
        """Label the outer axes, and mark the time where nothing lies below a panel."""
        left, right = float(times[0]), float(times[-1])
        ticks = _time_ticks(left, right, 7 if self.columns < 4 else 5)
        for _, kind, axes in self.panels:
            place = axes.get_subplotspec()
            first = place.colspan.start == 0
            lowest = place.rowspan.start == max(
                a.get_subplotspec().rowspan.start
                for _, _, a in self.panels
                if a.get_subplotspec().colspan == place.colspan
            )
            over_strip = place.colspan.start < len(self.strips)
            axes.set(xlim=(left, right), xticks=ticks, ylabel=y if first else "")
            axes.tick_params(labelbottom=lowest and not over_strip, labelleft=first or kind != "log")
            if lowest and not over_strip:
                axes.set_xlabel(x)
        for axes in self.strips:
            axes.set_xlabel(x)

    def describe(self, title: str, handles: Sequence[Any], labels: Sequence[str]) -> None:
        """Write title, legend and footer."""
        letters = int(14.5 * self.figure.get_figwidth())
        self.figure.suptitle(
            "\n".join(textwrap.wrap(title, letters)), x=0.01, ha="left", fontweight="bold"
        )
        columns = min(len(labels), max(1, int(self.figure.get_figwidth() / 1.6)))
        self.head.legend(
            handles, labels, loc="center left", ncols=columns, borderaxespad=0.0, borderpad=0.0,
            handlelength=2.6, columnspacing=1.5, labelspacing=0.3,
        )  # fmt: skip
        self.figure.supxlabel(FOOTER, x=0.995, ha="right", fontsize=7, color=GREY)


def _draw_panel(axes: Axes, bands: xr.DataArray, lines: Iterable[_Line]) -> None:
    time = bands.time.values
    for line in lines:
        array = bands.sel(arm=line.arm)
        low, middle, high = (array if line.ratio is None else array.isel(ratio=line.ratio)).values
        if line.banded and (high > low).any():
            axes.fill_between(time, low, high, color=line.color, alpha=0.22, linewidth=0)
        axes.plot(time, middle, color=line.color, linestyle=line.style, label=line.label)


def _legend(plt: Any, lines: Sequence[_Line], cases: str) -> tuple[list[Any], list[str]]:
    """One entry per line, at most five of one arm; and one that explains the band."""
    shown = list(lines)
    for arm in {line.arm for line in lines}:
        own = [line for line in lines if line.arm == arm]
        if len(own) > 5:
            kept = {own[round(k * (len(own) - 1) / 4)] for k in range(5)}
            shown = [line for line in shown if line.arm != arm or line in kept]
    handles = [plt.Line2D([], [], color=line.color, linestyle=line.style) for line in shown]
    labels = [line.label for line in shown]
    if cases:
        handles += [plt.Rectangle((0, 0), 1, 1, color="0.6", alpha=0.5, linewidth=0)]
        labels += [f"median and 5–95 % of {cases}"]
    return handles, labels


def _draw_doses(
    axes: Axes, bands: xr.DataArray, attrs: Mapping[Hashable, Any], hours: float
) -> None:
    """One lane per arm: a tick for every dose, a bar for every infusion, as high as the dose."""
    arms = [str(arm) for arm in bands.arm.values]
    end = float(bands.time[-1])
    colors = {line.arm: line.color for line in _lines(bands, attrs)[::-1]}
    for lane, arm in enumerate(arms):
        for start, stop, height in _doses(attrs, arm, end * hours):
            box = (start / hours, lane + 0.42 - 0.8 * height), stop / hours - start / hours
            if stop > start:
                axes.broken_barh(
                    [(box[0][0], box[1])], (lane + 0.4 - 0.8 * height, 0.8 * height),
                    color=colors[arm], linewidth=0,
                )  # fmt: skip
            else:
                axes.vlines(
                    start / hours, lane + 0.4 - 0.8 * height, lane + 0.4, colors[arm], linewidth=0.8
                )
    axes.set_ylim(len(arms) - 0.4, -0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="x", length=2)
    if axes.get_subplotspec().colspan.start == 0:
        axes.set_yticks(range(len(arms)), arms)
        axes.tick_params(axis="y", length=0)


def _doses(
    attrs: Mapping[Hashable, Any], arm: str, end: float
) -> Iterator[tuple[float, float, float]]:
    """Start and stop [h] of every dose, and its size relative to the largest of its kind."""
    text = attrs.get(f"regimen_{arm}", attrs.get("regimen"))
    if not text:
        return
    orders = list(Regimen.parse(str(text)))
    for timed in (False, True):
        sized = [(o, (o.rate or o.dose / o.span) if timed else o.dose) for o in orders if (o.span > 0) == timed]
        largest = max((size for _, size in sized), default=0.0)
        for order, size in sized:
            if size > 0:
                for start in order.times(until=end):
                    yield float(start), min(float(start) + (order.span if timed else 0.0), end), max(0.3, size / largest)


def _time_ticks(left: float, right: float, count: int) -> Floats:
    """At most so many steps, each a natural part or multiple of a day or a week."""
    steps = [0.5, 1, 2, 3, 4, 6, 7, 12, 14, 24, 28, 56, 91, 182, 364]
    step = next((s for s in steps if (right - left) / s <= count), (right - left) / count)
    return np.arange(math.ceil(left / step), math.floor(right / step + 1e-9) + 1) * step
