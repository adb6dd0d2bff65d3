"""What is read off a simulated curve to be compared with a published number.

Every kind is a function of a `Curve`: the concentrations at one place over ``time``, for all subjects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from pkmodel import nca

if TYPE_CHECKING:
    from xarray import DataArray

POINTS = 25
"""Points, evenly spaced, that a regression takes from its window."""


@dataclass(frozen=True)
class Curve:
    """Concentrations [mg/L] at one place over ``time`` [h], and what was given.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
        Of all subjects.
    dose : float
        Total dose [mg].
    arguments : mapping of str to float
        Times [h], a volume [L], a level [mg/L], a ratio; see `ARGUMENTS`.
    """

    concentration: DataArray
    dose: float
    arguments: Mapping[str, float]

    @property
    def window(self) -> DataArray:
        """The part between the arguments ``from`` and ``to``, all of it without them."""
        start, end = self.arguments.get("from"), self.arguments.get("to")
        return self.concentration.sel(time=slice(start, end))


def concentration(curve: Curve) -> DataArray:
    """Concentration at a time of the grid [mg/L]."""
    at = curve.arguments["at"]
    return curve.concentration.sel(time=at, method="nearest", tolerance=1e-9)


def peak(curve: Curve) -> DataArray:
    """Highest concentration [mg/L]."""
    return nca.cmax(curve.window)


def peak_time(curve: Curve) -> DataArray:
    """Time of the highest concentration [h]."""
    return nca.tmax(curve.window)


def half_life(curve: Curve) -> DataArray:
    """Half-life [h] by regression of ln C over the window; :mod:`pkmodel.nca` would choose its own window."""
    return np.log(2) / -_regression(curve)[0]


def auc(curve: Curve) -> DataArray:
    """AUC [mg·h/L] to the argument ``to``; without one, to infinity."""
    end = curve.arguments.get("to")
    return nca.auc(curve.concentration, end=end, kind="inf_obs" if end is None else "last")


def clearance(curve: Curve) -> DataArray:
    """Dose over AUC to infinity [L/h]; of the bioavailable part where that is less than the dose."""
    return curve.dose / nca.auc(curve.concentration, kind="inf_obs")


def initial_volume(curve: Curve) -> DataArray:
    """Dose over the concentration that the regression over the window has at time 0 [L]."""
    return curve.dose / cast("DataArray", np.exp(_regression(curve)[1]))


def terminal_volume(curve: Curve) -> DataArray:
    """Clearance over the rate constant of the window [L]."""
    return clearance(curve) * half_life(curve) / np.log(2)


def share_left(curve: Curve) -> DataArray:
    """Share of the dose that a volume holds at a time, at the concentration there."""
    return concentration(curve) * curve.arguments["volume"] / curve.dose


def reach(curve: Curve) -> DataArray:
    """First time at which a concentration is reached [h]; infinite where it never is."""
    return _first(curve.concentration, curve.arguments["level"]).fillna(np.inf)


def ratio_time(curve: Curve) -> DataArray:
    """First time behind the dose at which a ratio of two curves is reached [h]."""
    return _first(curve.concentration.isel(time=slice(1, None)), curve.arguments["ratio"])


def _first(values: DataArray, level: float) -> DataArray:
    """Time of the first point at or above a level; NaN where there is none."""
    reached = values >= level
    return reached.time[reached.argmax("time")].where(reached.any("time")).drop_vars("time")


def _regression(curve: Curve) -> tuple[DataArray, DataArray]:
    """Slope and intercept of ln C over evenly spaced points of the window."""
    start, end = curve.arguments["from"], curve.arguments["to"]
    positive = curve.window.where(curve.window > 0)
    logs = cast("DataArray", np.log(positive)).interp(time=np.linspace(start, end, POINTS))
    off = logs.time - logs.time.mean()
    slope = (off * logs).sum("time", skipna=False) / (off**2).sum()
    return slope, logs.mean("time", skipna=False) - slope * logs.time.mean()


class Kind(NamedTuple):
    """A kind of observation: its dimension, its arguments, and how it is computed.

    Parameters
    ----------
    words : str
        What a table calls it, with its arguments in braces.
    dimension : str
        A key of ``units.DIMENSIONS``; empty for an effect, which has any.
    needs, may_have : tuple of str
        Arguments, keys of `ARGUMENTS`.
    compute : callable or None
        None for what no model here has.
    of_ratio : bool
        It is computed of the ratio of two curves, and is no ratio of two values.
    """

    words: str
    dimension: str
    needs: tuple[str, ...] = ()
    may_have: tuple[str, ...] = ()
    compute: Callable[[Curve], DataArray] | None = None
    of_ratio: bool = False


ARGUMENTS = {"at": "time", "from": "time", "to": "time", "volume": "volume",
             "level": "concentration", "ratio": "ratio"}  # fmt: skip
"""Arguments of kinds, and their dimensions."""

_WINDOW = ("from", "to")
KINDS: dict[str, Kind] = {
    "concentration": Kind("concentration at {at}", "concentration", ("at",), (), concentration),
    "peak": Kind("peak", "concentration", (), _WINDOW, peak),
    "peak_time": Kind("time of the peak", "time", (), _WINDOW, peak_time),
    "half_life": Kind("half-life, {from} to {to}", "time", _WINDOW, (), half_life),
    "auc": Kind("AUC", "auc", (), ("to",), auc),
    "clearance": Kind("clearance", "clearance", (), (), clearance),
    "initial_volume": Kind("initial volume", "volume", _WINDOW, (), initial_volume),
    "terminal_volume": Kind("volume by half-life", "volume", _WINDOW, (), terminal_volume),
    "share_left": Kind("share of dose at {at}", "fraction", ("at", "volume"), (), share_left),
    "reach": Kind("reaches {level}", "time", ("level",), (), reach),
    "ratio_time": Kind("ratio reaches {ratio}", "time", ("ratio",), (), ratio_time, True),
    "effect": Kind("effect", ""),
}
"""All kinds by name."""
