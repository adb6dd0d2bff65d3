"""The rows of a model's table: parameters, compartments, flows, inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel import units
from pkmodel.errors import ModelError, UnitError, did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

SATURABLE = ("michaelis-menten", "hill")
LAWS = ("rate", "clearance", "partition", "effect", *SATURABLE)
DISTRIBUTIONS = ("log-normal", "logit-normal")


@dataclass(frozen=True)
class Parameter:
    """A named number with unit, typical value and between-subject spread.

    Parameters
    ----------
    name : str
        Name in the field's standard words, for example ``"clearance"``.
    value : float or str
        Typical value (the median over subjects): text with a unit, or a number in the internal unit of
        `dimension` (mg, h, L, kg).
    dimension : str, optional
        A key of ``units.DIMENSIONS``; read from the unit when `value` is text. Without a
        unit ``"ratio"``, which is 0 or above; a ``"fraction"`` lies between 0 and 1.
    cv : float
        Between-subject coefficient of variation, as a fraction (0.3 is 30 %).
    distribution : {"log-normal", "logit-normal"}
        ``logit-normal`` keeps a fraction (a bioavailability) between 0 and 1.
    description : str
        What it is, in words.

    Raises
    ------
    ModelError, UnitError
        A negative or non-finite value or spread, a fraction above 1, an unknown unit or distribution.

    Examples
    --------
    >>> Parameter("clearance", "1.35 L/min", cv=0.3).value
    81.0
    """

    name: str
    value: float
    dimension: str = ""
    cv: float = 0.0
    distribution: str = "log-normal"
    description: str = ""

    def __post_init__(self) -> None:
        value, dimension = self.value, self.dimension
        if isinstance(value, str):
            dimension = dimension or _dimension_of(self.name, value)
            value = float(units.convert(value, dimension, name=self.name))
        dimension = dimension or "ratio"
        faults = []
        if dimension not in units.DIMENSIONS:
            faults.append(
                f'{self.name}: unknown dimension "{dimension}"{did_you_mean(dimension, units.DIMENSIONS)}'
            )
        if not np.isfinite(value) or value < 0:
            faults.append(
                f"{self.name}: the typical value is {value}; expected a finite number, 0 or above"
            )
        elif dimension == "fraction" and value > 1:
            faults.append(above_one(self.name, value))
        if not np.isfinite(self.cv) or self.cv < 0:
            faults.append(
                f"{self.name}: the coefficient of variation is {self.cv}; expected 0 or above, 0.3 for 30 %"
            )
        if self.distribution not in DISTRIBUTIONS:
            faults.append(
                f'{self.name}: unknown distribution "{self.distribution}" ({", ".join(DISTRIBUTIONS)})'
            )
        elif self.distribution == "logit-normal" and self.cv and not 0 < value < 1:
            faults.append(f"{self.name}: a logit-normal value lies between 0 and 1, not at {value}")
        if faults:
            raise ModelError(*faults)
        object.__setattr__(self, "value", float(value))
        object.__setattr__(self, "dimension", dimension)

    @property
    def unit(self) -> str:
        """Internal unit, for example ``"L/h"``."""
        return units.DIMENSIONS[self.dimension]


@dataclass(frozen=True)
class Compartment:
    """A well-mixed space.

    Parameters
    ----------
    name : str
        Its name in flows and results.
    volume : str, float or None
        Volume [L] (a parameter's name or a number); None where only amounts count.
    """

    name: str
    volume: str | float | None = None


@dataclass(frozen=True)
class Flow:
    """A flow of drug out of `source` into `target` (None: out of the body).

    Parameters
    ----------
    source : str
        Compartment that the drug leaves.
    target : str or None
        Compartment that it enters.
    law : {"rate", "clearance", "partition", "effect", "michaelis-menten", "hill"}
        See the equations at the head of the module. ``effect`` moves no drug: the concentration in `target`
        follows that in `source` with the rate constant, and `source` loses nothing. Several of them into one
        target, with fractions of the rate constant that add to 1, follow a mean.
    parameters : str, float or sequence of them
        Factors of the rate constant or clearance, multiplied. With ``partition`` the last one is the
        partition coefficient, which divides. With ``michaelis-menten`` the largest flow [mg/h] and the concentration
        [mg/L] at its half; with ``hill`` also the exponent.
    """

    source: str
    target: str | None
    law: str
    parameters: tuple[str | float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", _tuple(self.parameters))


@dataclass(frozen=True)
class Input:
    """Where a route's dose enters and what happens on the way.

    Parameters
    ----------
    route : str
        Name by which orders call it: ``"oral"``, ``"oral modified"``, ``"iv"``, ``"intrathecal"``, ….
    compartment : str
        Compartment that receives the dose.
    bioavailability : str or float
        Fraction of the dose that arrives (a parameter's name or a number).
    lag : str or float
        Delay of the arrival [h].
    duration : str, float or None
        Zero-order entry over this time [h], of tablets (oral orders) and of orders that leave their
        duration to the model.
    rate : str, float or None
        Zero-order entry at this rate [mg/h] in the same cases; the duration is then F·dose / rate. Of
        tablets the duration counts if both are given.
    transit : int
        Number of transit compartments before `compartment`, each emptying at ``transit / transit_time``.
    transit_time : str, float or None
        Mean transit time [h] of the chain.

    Notes
    -----
    Several inputs of one route act side by side: give them fractions of the dose as `bioavailability`.
    """

    route: str
    compartment: str
    bioavailability: str | float = 1.0
    lag: str | float = 0.0
    duration: str | float | None = None
    rate: str | float | None = None
    transit: int = 0
    transit_time: str | float | None = None

    @property
    def chain(self) -> tuple[str, ...]:
        """Names of the transit compartments, first to last."""
        return tuple(f"{self.route.replace(' ', '_')}_transit_{i + 1}" for i in range(self.transit))

    @property
    def entry(self) -> str:
        """Compartment that a dose enters first."""
        return self.chain[0] if self.transit else self.compartment


@dataclass(frozen=True)
class Output:
    """A site at which a result is wanted.

    Parameters
    ----------
    site : str
        Its name in results.
    terms : str or mapping of str to (str or float)
        One compartment, or several with the weight (a number or a parameter's name) of each in the sum.
    quantity : {"concentration", "amount"}
        Sum of weight × A / V [mg/L], or of weight × A [mg], which stands beside the compartments.
    """

    site: str
    terms: str | Mapping[str, str | float]
    quantity: str = "concentration"

    @property
    def weights(self) -> Mapping[str, str | float]:
        """Weight of every compartment in the sum."""
        return {self.terms: 1.0} if isinstance(self.terms, str) else self.terms


def value_of(item: str | float, values: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """A parameter's value by name, or the number itself."""
    return values[item] if isinstance(item, str) else np.asarray(item, dtype=float)


def above_one(name: str, value: float) -> str:
    """What is wrong with a fraction above 1."""
    percent = f' ("{value:g} %" is {value / 100:g})' if value <= 100 else ""
    return f"{name} is {value:g}; a fraction lies between 0 and 1{percent}"


def _dimension_of(name: str, text: str) -> str:
    """Dimension of a parameter's value by its unit; what has none may be above 1."""
    try:
        dimension = units.dimension_of(units.split(text)[1])
    except UnitError as error:
        shown = error.given or f'"{text.strip()}"'
        raise UnitError(
            *error.faults,
            given=f"{name} {shown}",
            remedy=error.remedy or f'Write for example Parameter("{name}", "5 L/h").',
        ) from None
    return "ratio" if dimension == "fraction" else dimension


def _tuple(item: Any) -> tuple[Any, ...]:
    return (item,) if isinstance(item, str | int | float) else tuple(item)
