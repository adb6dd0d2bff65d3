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
from pkmodel.plot.given import Given, draw_doses, given_in
from pkmodel.plot.layout import RESPONSES, Layout, Panel, lay_out
from pkmodel.regimen import Regimen

if TYPE_CHECKING:
    import xarray as xr
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
    given = {arm: given_in(ds.attrs, arm) for arm in map(str, bands.arm.values)}
    lines, limits = _lines(bands), _log_limits(bands)
    lanes = len(given) if any(doses.words for doses in given.values()) else 0
    with plt.rc_context(style.RC):
        legend = _legend(plt, lines, cases)
        names = [] if effects is None else list(map(str, effects.site.values))
        layout = lay_out(plt, shown, names, scale, legend, lanes, width)
        for panel in layout.panels:
            source = bands if panel.scale or effects is None else effects
            _draw_panel(panel, source.sel(site=panel.name), lines, limits)
        colors = {line.arm: line.color for line in lines[::-1]}
        for k, axes in enumerate(layout.strips):
            draw_doses(axes, given, colors, bands.time.values)
            axes.set_yticks(range(lanes), list(given) if k == 0 else [""] * lanes)
        _label(layout, bands.time.values, "µ" + unit[1:] if unit.startswith("ug") else unit)
        style.describe(layout.figure, _title(bands, given, ds.attrs))
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


def _title(bands: xr.DataArray, given: Mapping[str, Given], attrs: Attributes) -> str:
    """Drug and what was given. Where the ratio varies, the pump's regimen is one of many."""
    applied = json.loads(str(attrs.get("ratio", "null")))
    words = []
    for arm, doses in given.items():
        text = doses.words
        if arm == "intrathecal" and isinstance(applied, list):
            values = bands.ratio.values if "ratio" in bands.coords else applied
            text = f"intrathecal pump, oral daily dose / {style.span(values)}"
        named = arm in text or bands.sizes["arm"] == 1
        words.append(text if named or not text else f"{text} ({arm})")
    title = style.heading(attrs.get("drug", attrs.get("model")), words)
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


def _draw_panel(
    panel: Panel, bands: xr.DataArray, lines: Iterable[_Line], limits: tuple[float, float]
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
    title = style.words(panel.name)
    if log:
        axes.set_ylim(limits)
        axes.yaxis.set_major_locator(LogLocator(numticks=DECADES + 3))
    elif panel.scale:
        axes.set_ylim(0.0)
    else:
        title, axis = RESPONSES[panel.name]
        axes.set_ylim(axis.lowest, max(axis.highest, 1.02 * float(bands.max())))
    axes.set_title(title, loc="left", fontweight="bold", pad=3)


def _label(layout: Layout, times: Floats, unit: str) -> None:
    """Label the outer axes, in days where three do not hold the time."""
    hours, word = (24.0, "days") if times[-1] - times[0] > 72.0 else (1.0, "h")
    left, right = times[0] / hours, times[-1] / hours
    ticks = _time_ticks(left, right, STEPS[word], 7 if layout.columns < 4 else 5)
    for axes in [*layout.strips, *(panel.axes for panel in layout.panels)]:
        axes.set_xticks(ticks * hours, [f"{tick:g}" for tick in ticks])
        axes.set_xlim(times[0], times[-1])
    for axes in layout.strips:
        axes.set_xlabel(f"Time ({word})")
    for panel in layout.panels:
        own = panel.labelled or panel.scale == "linear"
        panel.axes.tick_params(labelbottom=panel.last, labelleft=own)
        panel.axes.set_xlabel(f"Time ({word})" if panel.last else "")
        words = f"Concentration ({unit})" if panel.scale else RESPONSES[panel.name][1].label
        panel.axes.set_ylabel(words if panel.labelled else "")


def _time_ticks(left: float, right: float, steps: Iterable[float], count: int) -> Floats:
    """Ticks at so many steps at most, each a natural part or multiple of the day or the week."""
    length = (right - left) * (1.0 - 1e-9)
    step = next((s for s in steps if length / s <= count), length / count)
    return np.arange(math.ceil(left / step - 1e-9), math.floor(right / step + 1e-9) + 1) * step
