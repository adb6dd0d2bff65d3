"""What every arm was given: words for the title, and lanes of doses below the panels."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.errors import RegimenError
from pkmodel.events import EventTable
from pkmodel.events.combining import taken
from pkmodel.events.table import OTHER
from pkmodel.plot import style
from pkmodel.regimen import Regimen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

TABLE = "event table"


@dataclass(frozen=True)
class Given:
    """What an arm was given; the regimen is None where the Dataset does not say it or no order can."""

    words: str
    regimen: Regimen | None


def given_in(attrs: Mapping[Hashable, Any], arm: str) -> Given:
    """What the attributes of a result say of an arm, or of the only one.

    Returns
    -------
    Given
        Without words if they say nothing.
    """

    def of(name: str) -> str:
        return str(attrs.get(f"{name}_{arm}", attrs.get(name, "")))

    if text := of("regimen"):
        return Given(text, Regimen.parse(text))
    if text := of("doses"):
        return _of_records(json.loads(text))
    return Given(TABLE if of("events") else "", None)


def _of_records(columns: Mapping[str, Sequence[Any]]) -> Given:
    """Dose records of one patient, of which a lane shows the times and amounts but not the place."""
    try:
        table = EventTable.read(columns)
        doses = taken(table, np.flatnonzero(table.evid != OTHER))
        place, form = (np.full(len(doses), word, object) for word in ("iv", ""))
        regimen = Regimen.from_table(replace(doses, compartment=place, form=form))
    except RegimenError:
        return Given(TABLE, None)
    per, *others = dict.fromkeys(order.per for order in regimen)
    if others:
        return Given(TABLE, regimen)
    total = style.number(sum(order.total for order in regimen), 4)
    unit = f"mg/{per}" if per else "mg"
    return Given(f"{TABLE} of {total} {unit} {_places(doses.compartment.tolist())}", regimen)


def _places(names: Iterable[str]) -> str:
    """Where the doses enter, of which compartments have numbers or names."""
    words = [f"compartment {name}" if name.isdigit() else name for name in names]
    return " and ".join(dict.fromkeys(words))


def draw_doses(
    axes: Axes, given: Mapping[str, Given], colors: Mapping[str, Any], times: Floats
) -> None:
    """One lane per arm: a tick for every dose, a bar for every infusion, as high as the dose."""
    for lane, (arm, doses) in enumerate(given.items()):
        if doses.words and doses.regimen is None:
            axes.annotate(
                TABLE, (0.5, lane), xycoords=("axes fraction", "data"), color=style.GREY,
                fontsize=7, ha="center", va="center",
            )  # fmt: skip
        for timed in (False, True):
            starts, spans, sizes = _doses(doses.regimen, timed, times[0], times[-1])
            if timed:
                axes.bar(
                    starts, -0.8 * sizes, spans, lane + 0.4, align="edge", color=colors[arm], linewidth=0
                )  # fmt: skip
            else:
                axes.vlines(
                    starts, lane + 0.4 - 0.8 * sizes, lane + 0.4, colors[arm], linewidth=0.9, clip_on=False
                )  # fmt: skip
    axes.set_ylim(len(given) - 0.5, -0.5)
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
