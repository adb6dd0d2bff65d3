"""Exposure at every site over the dose ratio, and the ratios that would make it equal."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.drugs import Drug
from pkmodel.equivalence import pair
from pkmodel.errors import InputError, ParameterError
from pkmodel.plot import style
from pkmodel.plot.data import CASES, choose_sites, one_of, percentiles, refuse_dimensions

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pkmodel.drugs import Preset

SITES = {
    "plasma": (style.VERMILION, style.SOLID),
    "lumbar_csf": ("#003F66", style.SOLID),
    "thoracic_csf": (style.BLUE, style.DASHED),
    "cervical_csf": ("#3A96D0", style.DASH_DOT),
    "cranial_csf": (style.SKY, style.DOTTED),
    "cord": (style.GREEN, style.LONG_DASHED),
    "brain": (style.PURPLE, style.DASH_DOT),
}
MODEL, PUBLISHED = "o", "D"
POINT: dict[str, Any] = {
    "linestyle": "none",
    "markersize": 4,
    "markeredgecolor": "white",
    "markeredgewidth": 0.5,
}
COLUMNS = (8, 112)
"""Of the table beside the rows, in points from the axes."""
SYMBOLS = {"auc": "AUC", "cavg": "Average concentration", "cmax": "Peak concentration"}


def ratio(
    ratios: xr.Dataset,
    nominal: float | None = None,
    *,
    drug: Drug | str | None = None,
    metric: str = "auc",
    sites: str | Iterable[str] | None = None,
    width: float = 7.2,
) -> Figure:
    """Draw the exposure at every site over the dose ratio, and the ratios that would make it equal.

    Parameters
    ----------
    ratios : xarray.Dataset
        From :func:`pkmodel.equivalence.implied`.
    nominal : float, optional
        The ratio to judge, a vertical line; by default that of the drug, where the routes are oral and
        intrathecal.
    drug : Drug or str, optional
        Its published ratios of the same two routes are a row each, their range is a shaded area. By default the
        drug of `ratios`, if it comes with the package.
    metric : {"auc", "cavg", "cmax"}
        Measure of exposure at steady state.
    sites : str or iterable of str, optional
        By default all but metabolites and those that lie within or beside others.
    width : float
        Of the figure [inches]; 7.2 fill a page, and no letter is then smaller than 7 points.

    Returns
    -------
    matplotlib.figure.Figure
        Above, the exposure by the test route relative to the reference, ``implied ratio / dose ratio``: a line per
        site, with a band from the 5th to the 95th percentile over the subjects. It crosses 1 at the implied
        ratio, which below is a row with its value, and with the relative exposure at the nominal ratio.

    Raises
    ------
    InputError
        A Dataset without implied ratios, or with dimensions beside metric, site, subject and replicate; an
        unknown site or metric; a nominal ratio that is not above 0; no case that was solved.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> from pkmodel import equivalence
    >>> implied = equivalence.implied("morphine", "60 mg oral q12h")
    >>> figure = ratio(implied)
    >>> figure.axes[1].get_xlabel()
    'Dose ratio (mg/day oral per mg/day intrathecal)'
    >>> import matplotlib.pyplot
    >>> matplotlib.pyplot.close(figure)
    """
    plt = style.pyplot()
    implied = _implied(ratios, metric)
    bands, cases = percentiles(
        implied.sel(site=choose_sites(implied.site.values, sites, style.MINOR))
    )
    drug = _drug(drug, ratios.attrs)
    routes = pair(ratios)
    published = _Published.of(drug, *routes)
    nominal = _nominal(nominal, published)
    lines, rows = _site_rows(bands), _published_rows(published)
    with plt.rc_context(style.RC):
        heights = [2.3, 0.165 * (len(lines) + len(rows))]
        figure, (upper, lower) = plt.subplots(
            2, 1, sharex=True, layout="constrained", height_ratios=heights,
            figsize=(width, sum(heights) + 1.1),
        )  # fmt: skip
        _draw_exposure(upper, lines, _limits([*lines, *rows], nominal))
        _draw_rows(lower, lines, rows)
        _write_table(lower, lines, rows, nominal, bool(cases))
        for axes in (upper, lower):
            _mark(axes, published, nominal)
        if nominal:
            upper.annotate(f"ratio {style.number(nominal, 4)}", (nominal, 1.0), (0, 2), ha="center",
                           xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=7)  # fmt: skip
        upper.set_ylabel(f"{SYMBOLS.get(metric, metric)}\n{routes[1]} / {routes[0]}")
        lower.set_xlabel(f"Dose ratio (mg/day {routes[0]} per mg/day {routes[1]})")
        _explain(plt, upper, lines, published, cases)
        style.describe(figure, _title(ratios.attrs, drug))
    return figure


# ------------------------------------------------------------------------------------------ the data


@dataclass(frozen=True)
class _Row:
    """A ratio with its range: of a site or of a publication."""

    label: str
    low: float
    value: float
    high: float
    color: Any = style.GREY
    dashes: Any = style.SOLID


@dataclass(frozen=True)
class _Published:
    """What a drug file has on two routes."""

    presets: dict[str, Preset]
    range: tuple[float, float] | None = None
    nominal: float | None = None

    @classmethod
    def of(cls, drug: Drug | None, reference: str, test: str) -> _Published:
        presets = drug.published(reference, test) if drug else {}
        main = drug.equivalence if drug else None
        if main and (reference, test) == (main.reference, main.test):
            return cls(presets, main.range, main.nominal)
        ends = [end for p in presets.values() for end in (p.ratio, *(p.range or ()))]
        return cls(presets, (min(ends), max(ends)) if ends else None)


def _implied(ratios: xr.Dataset, metric: str) -> xr.DataArray:
    """Implied ratios by one metric, over site at least."""
    if "implied_ratio" not in ratios:
        raise InputError(
            "the Dataset has no implied ratios",
            remedy="Draw what implied returns: pkmodel.plot.ratio("
            'pkmodel.equivalence.implied("morphine", "60 mg oral q12h")).',
        )
    array = ratios.implied_ratio
    if "metric" in array.dims:
        array = array.sel(metric=one_of("metric", metric, array.metric.values))
    refuse_dimensions(array, (*CASES, "site"))
    array = array if "site" in array.dims else array.expand_dims("site")
    return array.where((array > 0.0) & (array < math.inf))


def _drug(given: Drug | str | None, attrs: Mapping[Hashable, Any]) -> Drug | None:
    """The drug that is given, or that of the result if it comes with the package."""
    if given is None and attrs.get("drug") in Drug.names():
        given = str(attrs["drug"])
    return Drug.read(given) if isinstance(given, str) else given


def _nominal(nominal: float | None, published: _Published) -> float | None:
    if nominal is None:
        return published.nominal
    if not 0.0 < nominal < math.inf:
        raise ParameterError(
            f"the ratio is {nominal!r}; expected a number above 0", remedy="Write nominal=300."
        )
    return float(nominal)


def _site_rows(bands: xr.DataArray) -> list[_Row]:
    others = iter([(style.ORANGE, style.SOLID), (style.BLACK, style.DOTTED)] * bands.sizes["site"])
    rows = []
    for site in map(str, bands.site.values):
        low, middle, high = (float(value) for value in bands.sel(site=site))
        rows.append(_Row(style.words(site), low, middle, high, *SITES.get(site) or next(others)))
    return rows


def _published_rows(published: _Published) -> list[_Row]:
    rows = []
    for preset in published.presets.values():
        label = style.words(preset.name) + (f", n = {preset.n}" if preset.n else "")
        low, high = preset.range or (preset.ratio, preset.ratio)
        rows.append(_Row(label, low, preset.ratio, high))
    return rows


def _limits(rows: Sequence[_Row], nominal: float | None) -> tuple[float, float]:
    """Of the dose ratio: all rows, with room beside them."""
    low = min([row.low for row in rows] + ([nominal] if nominal else []))
    high = max([row.high for row in rows] + ([nominal] if nominal else []))
    return low / 3.0, high * 3.0


# ---------------------------------------------------------------------------------------- the figure


def _draw_exposure(axes: Axes, lines: Sequence[_Row], limits: tuple[float, float]) -> None:
    """Draw exposure = implied ratio / dose ratio, and a point where it is 1."""
    x = np.array(limits)
    axes.set(xscale="log", yscale="log", xlim=limits)
    axes.axhline(1.0, color=style.BLACK, linewidth=0.8, zorder=1.5)
    for row in lines:
        low, value, high = row.low / x, row.value / x, row.high / x
        if row.high > row.low:
            axes.fill_between(x, low, high, color=row.color, alpha=0.15, linewidth=0)
        axes.plot(x, value, color=row.color, linestyle=row.dashes, label=row.label)
        axes.plot(row.value, 1.0, MODEL, color=row.color, zorder=3, **POINT)


def _draw_rows(axes: Axes, lines: Sequence[_Row], rows: Sequence[_Row]) -> None:
    """Draw every ratio as a point with its range."""
    labels = [row.label for row in (*lines, *rows)]
    for k, row in enumerate([*lines, *rows]):
        marker = MODEL if k < len(lines) else PUBLISHED
        axes.hlines(k, row.low, row.high, color=row.color, linewidth=1.4)
        axes.plot(row.value, k, marker, color=row.color, **POINT)
    if rows:
        axes.axhline(len(lines) - 0.5, color="0.7", linewidth=0.6)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _write_table(
    axes: Axes, lines: Sequence[_Row], rows: Sequence[_Row], nominal: float | None, spread: bool
) -> None:
    """Write the ratios beside their rows, and the relative exposure at the nominal ratio."""

    def write(column: int, k: int, text: str, weight: str = "normal") -> None:
        axes.annotate(text, (1.0, k), (COLUMNS[column], 0), xycoords=axes.get_yaxis_transform(),
                      textcoords="offset points", fontsize=7, va="center", fontweight=weight)  # fmt: skip

    write(0, -1, "Ratio (5–95 %)" if spread else "Ratio", "bold")
    for k, row in enumerate([*lines, *rows]):
        write(0, k, _text(row, 3 if k < len(lines) else 4))
    if nominal:
        write(1, -1, f"Exposure at {style.number(nominal, 4)}", "bold")
        for k, row in enumerate(lines):
            write(1, k, f"× {style.number(row.value / nominal)}")


def _text(row: _Row, digits: int) -> str:
    low, value, high = (style.number(end, digits) for end in (row.low, row.value, row.high))
    return f"{value} ({low}–{high})" if row.high > row.low else value


def _mark(axes: Axes, published: _Published, nominal: float | None) -> None:
    """Shade the published range, and draw the nominal ratio."""
    if published.range:
        axes.axvspan(*published.range, color="0.9", zorder=0, linewidth=0)
    if nominal:
        axes.axvline(nominal, color="0.2", linewidth=0.9, linestyle=style.DASHED, zorder=1.5)


def _explain(
    plt: Any, axes: Axes, lines: Sequence[_Row], published: _Published, cases: str
) -> None:
    """Write the legend beside the lines, in their order."""
    ranked = sorted(lines, key=lambda row: -row.value)
    entries = [(plt.Line2D([], [], color=r.color, linestyle=r.dashes), r.label) for r in ranked]
    if cases:
        band = plt.Rectangle((0, 0), 1, 1, color="0.8", linewidth=0)
        entries.append((band, f"5–95 % of {cases}"))
    entries += [
        (plt.Line2D([], [], color=style.BLACK, linewidth=0.8), "equal exposure"),
        (plt.Line2D([], [], color=style.GREY, marker=MODEL, **POINT), "ratio implied by the model"),
    ]
    if published.range:
        shaded = plt.Rectangle((0, 0), 1, 1, color="0.9", linewidth=0)
        entries += [
            (plt.Line2D([], [], color=style.GREY, marker=PUBLISHED, **POINT), "published ratio"),
            (shaded, f"their range, {style.span(published.range)}"),
        ]
    axes.legend(*zip(*entries, strict=True), loc="upper left", bbox_to_anchor=(1.02, 1.03),
                borderaxespad=0.0, handlelength=2.6, labelspacing=0.3)  # fmt: skip


def _title(attrs: Mapping[Hashable, Any], drug: Drug | None) -> str:
    given = [str(attrs[key]) for key in ("reference", "test") if key in attrs]
    title = style.heading(drug.name if drug else attrs.get("drug"), given)
    return f"{title}, scaled to any ratio" if given else title
