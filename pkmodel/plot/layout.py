"""Where the panels of a comparison stand: sites, responses below them, and lanes of doses below all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

__all__ = ["RESPONSES", "Layout", "Panel", "lay_out"]

ROW, LANE, LEGEND = 1.5, 0.13, 0.17
"""Heights [inches] of a row of panels, of an arm's doses and of a line of the legend."""


class Axis(NamedTuple):
    """What is written beside the panel of a response, and the values that it shows at least."""

    label: str
    lowest: float
    highest: float


FRACTION = Axis("Fraction of the whole", -0.02, 1.02)
RESPONSES = {
    "analgesia": ("Analgesia", FRACTION),
    "ashworth": ("Ashworth score", Axis("Score (1 to 5)", 0.9, 5.1)),
    "respiratory_depression": ("Respiratory depression", FRACTION),
    "sedation": ("Sedation", FRACTION),
    "constipation": ("Constipation", FRACTION),
    "itching": ("Itching", FRACTION),
    "nausea": ("Nausea", FRACTION),
    "withdrawal": ("Withdrawal", FRACTION),
    "pain": ("Pain", Axis("Score (0 to 10)", -0.2, 10.2)),
    "tolerance": ("Tolerance", Axis("Factor of the EC50", 0.99, 1.1)),
}
"""Responses with a panel each, and its title."""


@dataclass(frozen=True)
class Panel:
    """The axes of one site or response.

    Attributes
    ----------
    scale : str
        ``"log"`` or ``"linear"`` of a site; empty for a response.
    labelled : bool
        Whether it does not share the axis of the panel at its left.
    last : bool
        Whether neither a panel nor a strip is below.
    """

    axes: Axes
    name: str
    scale: str
    labelled: bool
    last: bool


@dataclass(frozen=True)
class Layout:
    """Rows of panels, and a strip for the doses below the last panel of every column."""

    figure: Figure
    columns: int
    panels: list[Panel]
    strips: list[Axes]


def lay_out(
    plt: Any, sites: Sequence[str], responses: Sequence[str], scale: str,
    legend: tuple[list[Any], list[str]], lanes: int, width: float,
) -> Layout:  # fmt: skip
    """Make a figure with empty axes, its legend above.

    Parameters
    ----------
    plt : module
        ``matplotlib.pyplot``.
    sites, responses : sequence of str
        A panel each. A short row of sites is the first one, a short row of responses the last.
    scale : {"log", "linear", "both"}
        Of the sites.
    legend : tuple of lists
        Handles and labels.
    lanes : int
        Lines of doses; none if 0.
    width : float
        Of the figure [inches].

    Returns
    -------
    Layout
    """
    columns = len(sites) if len(sites) <= 3 else min(4, math.ceil(len(sites) / 2))
    columns = max(1, min(columns, int(width / 1.7)))
    scales = ["log", "linear"] if scale == "both" else [scale]
    rows = [(row, kind) for row in _rows(sites, len(sites) % columns, columns) for kind in scales]
    rows += [(row, "") for row in _rows(responses, 0, columns)]
    ends = [max(k for k, (row, _) in enumerate(rows) if j < len(row)) for j in range(columns)]
    lines = math.ceil(len(legend[1]) / max(1, int(width / 2.2)))
    heights = [LEGEND * lines, *[ROW] * len(rows), *[LANE * lanes] * (lanes > 0)]
    figure = plt.figure(figsize=(width, sum(heights) + 1.1), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.025, w_pad=0.04, hspace=0.0, wspace=0.0)
    cells = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    panels = [
        Panel(
            figure.add_subplot(cells[k + 1, j]), name, kind,
            labelled=_is_labelled(row, kind, j), last=k == ends[j] and not lanes,
        )
        for k, (row, kind) in enumerate(rows)
        for j, name in enumerate(row)
    ]  # fmt: skip
    _add_legend(figure.add_subplot(cells[0, :]), legend, lines)
    below = [cells[end + 2, j] for j, end in enumerate(ends) if lanes]
    return Layout(figure, columns, panels, [_add_strip(figure, c, LANE * lanes) for c in below])


def _rows(names: Sequence[str], first: int, columns: int) -> list[Sequence[str]]:
    """Names in rows, so many of them in the first one unless that is 0."""
    starts = range(first, len(names), columns)
    cuts = sorted({0, *starts, len(names)})
    return [names[start:end] for start, end in pairwise(cuts)]


def _is_labelled(row: Sequence[str], scale: str, place: int) -> bool:
    """Whether the panel is the first of its row, or has another axis than the one at its left."""
    if place == 0 or scale:
        return place == 0
    return RESPONSES[row[place]][1] != RESPONSES[row[place - 1]][1]


def _add_legend(axes: Axes, legend: tuple[list[Any], list[str]], lines: int) -> None:
    axes.axis("off")
    axes.legend(
        *legend, loc="center left", ncols=math.ceil(len(legend[1]) / lines), borderaxespad=0.0,
        borderpad=0.0, handlelength=2.6, columnspacing=1.5, labelspacing=0.3,
    )  # fmt: skip


def _add_strip(figure: Figure, cell: SubplotSpec, height: float) -> Axes:
    """Axes of this height [inches]: the last row, or the top of a cell that has no panel."""
    from matplotlib.transforms import Bbox

    def place(axes: Any, _: Any) -> Bbox:
        row = axes.get_position(original=True)
        return Bbox.from_extents(row.x0, row.y1 - row.height * height / ROW, row.x1, row.y1)

    strip = figure.add_subplot(cell)
    if not cell.is_last_row():
        strip.set_axes_locator(place)
    return strip
