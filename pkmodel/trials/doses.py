"""What one dose does over time, and all of them together: responses of a linear model superpose.

Doses change at midnight and are constant between changes. So the concentrations of any history are sums of shifted
responses to unit doses, which are simulated once for every subject, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pkmodel.errors import ParameterError
from pkmodel.regimen import Order, Regimen
from pkmodel.simulation import simulate, steady_state
from pkmodel.variables import explain

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from pkmodel.model import Model

    Floats = NDArray[np.float64]

PER_DAY = 8
"""Times of a day at which scores are taken: every 3 h."""
HOURS = 24.0 / PER_DAY


@dataclass(frozen=True)
class Units:
    """Responses to unit doses that begin at time 0, of shape (subject, site, time), every 3 h.

    Parameters
    ----------
    pump, shot : array
        Of an intrathecal infusion of 1 mg/day without end, and of 1 mg at once.
    oral : array, optional
        Of the oral order; None without one.
    usual : array, shape (subject, site, day's time), optional
        Of the oral order that has always been taken: one day.
    """

    pump: Floats
    shot: Floats
    oral: Floats | None
    usual: Floats | None

    @classmethod
    def of(
        cls, model: Model, oral: Regimen | None, drawn: xr.Dataset, days: int, threads: int | None
    ) -> Units:
        """Simulate them for drawn subjects.

        Raises
        ------
        ParameterError
            Subjects that cannot be solved, and why.
        """
        times = HOURS * np.arange(days * PER_DAY)

        def responses(order: Order | Regimen) -> xr.Dataset:
            regimen = order if isinstance(order, Regimen) else Regimen((order,))
            return simulate(model, regimen, times, drawn, amounts=False, threads=threads)

        found = [
            responses(Order("intrathecal", rate=1 / 24, form="pump")),
            responses(Order("intrathecal", amount=1.0)),
        ]
        if oral is not None:
            tau = max(order.interval or 0.0 for order in oral)
            phases, place = np.unique(times[:PER_DAY] % tau, return_inverse=True)
            day = steady_state(model, oral, phases, drawn, threads=threads).isel(time=place)
            found += [responses(oral), day]
        _check_solved(found)
        pump, shot, *by_mouth = [_concentrations(ds) for ds in found]
        taken, usual = by_mouth or (None, None)
        return cls(pump, shot, taken, usual)


def _check_solved(found: list[xr.Dataset]) -> None:
    status = np.max([ds.status.values for ds in found], axis=0)
    if status.any():
        why = "; ".join(explain(int(code)) for code in np.unique(status[status > 0]))
        raise ParameterError(
            f"{some_of(found[0].subject.values[status > 0])} cannot be solved: {why}",
            remedy="Look at parameters=...",
        )


def some_of(ids: NDArray[np.int64]) -> str:
    """The first few of these subjects, by their numbers."""
    return f"subject {', '.join(map(str, ids[:3]))}" + (", ..." if len(ids) > 3 else "")


def _concentrations(ds: xr.Dataset) -> Floats:
    return np.ascontiguousarray(ds.concentration.transpose("subject", "site", "time").values)


class Projection:
    """Concentrations as they will be if no dose changes any more, of shape (subject, site, time).

    Parameters
    ----------
    units : Units
        Responses to unit doses.
    """

    def __init__(self, units: Units) -> None:
        self._units = units
        self.values = np.zeros_like(units.pump)
        if units.usual is not None:
            days = units.pump.shape[-1] // PER_DAY
            self.values += np.tile(units.usual, days)

    def shot(self, day: int, amount: Floats) -> None:
        """Give so much [mg] at the beginning of a day."""
        self._add(self._units.shot, day, amount)

    def pump(self, day: int, change: Floats) -> None:
        """Change the intrathecal rate by so much [mg/day] from a day on."""
        self._add(self._units.pump, day, change)

    def oral(self, day: int, change: Floats) -> None:
        """Change the oral dose by such parts of the order from a day on."""
        if self._units.oral is not None:
            self._add(self._units.oral, day, change)

    def _add(self, unit: Floats, day: int, amount: Floats) -> None:
        rows = np.flatnonzero(amount)
        first = day * PER_DAY
        if len(rows) and first < unit.shape[-1]:
            left = unit.shape[-1] - first
            self.values[rows, :, first:] += amount[rows, None, None] * unit[rows, :, :left]

    def between(self, first: int, end: int) -> Floats:
        """Concentrations from a day to before another one."""
        return self.values[..., first * PER_DAY : end * PER_DAY]
