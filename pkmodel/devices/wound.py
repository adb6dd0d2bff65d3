"""Elastomeric pump: a balloon that presses a local anaesthetic through a restrictor into a wound.

It has no motor and no programme. Its flow is not constant: it follows the pressure of the balloon, and the viscosity of
the solution. How it declines, and by how much, differs from product to product: the numbers are the user's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.devices.course import records
from pkmodel.devices.reading import read
from pkmodel.errors import ModelError, RegimenError
from pkmodel.library import parameter
from pkmodel.model import Compartment, Flow, Input, Model
from pkmodel.regimen import Order, Regimen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.events import EventTable
    from pkmodel.library import Value

    Floats = NDArray[np.float64]

__all__ = ["ElastomericPump", "with_depot"]


@dataclass(frozen=True)
class ElastomericPump:
    """An elastomeric pump, worn on the body, that empties its filling into one place.

    Parameters
    ----------
    filling : float or str
        Volume of the filling that leaves the pump [L].
    flow : float or str
        Nominal flow [L/h].
    concentration : float or str
        Drug in the solution [mg/L].
    profile : pair of float, or mapping of float to float, optional
        Flow as a multiple of the nominal one. A pair is its value when full and when empty: in between it falls
        exponentially with time, which is in proportion to what is left. A mapping holds the value from so many hours
        on until the next, ``{0: 1.4, 6: 1.0, 36: 0.7}``, the last until the pump is empty. By default the flow is the
        nominal one.
    factor : float
        Multiplies the flow throughout, for temperature or viscosity.
    steps : int
        Infusions of equal amount by which an exponential decline is given.

    Raises
    ------
    RegimenError
        Everything that is wrong with the pump.

    Notes
    -----
    Whatever the profile, the pump delivers its filling, no more and no less. The exponential decline from Q0 to Q1
    empties the volume V with the rate constant ``k = (Q0 - Q1) / V`` in the time ``ln(Q0 / Q1) / k``; the boundaries of
    its steps are exact.

    Examples
    --------
    >>> pump = ElastomericPump("240 mL", "5 mL/h", "2 mg/mL", profile=(1.25, 0.75))
    >>> pump.amount, round(pump.hours, 2)
    (480.0, 49.04)
    >>> print(ElastomericPump("240 mL", "5 mL/h", "2 mg/mL").regimen())
    480 mg into wound infusion over 2 d
    """

    filling: float
    flow: float
    concentration: float
    profile: Any = None
    factor: float = 1.0
    steps: int = 24

    def __post_init__(self) -> None:
        given = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self))
        faults: list[str] = []
        for name, dimension in _DIMENSIONS.items():
            value = read(faults, name, getattr(self, name), dimension, above=0.0)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "profile", _read_profile(self.profile, faults))
        whole = isinstance(self.steps, int) and not isinstance(self.steps, bool)
        if not whole or not 1 <= self.steps <= 10_000:
            faults.append(f"steps is {self.steps!r}; expected a whole number from 1 to 10,000")
        if faults:
            raise RegimenError(
                *faults,
                given=f"ElastomericPump({given})",
                remedy='Write for example ElastomericPump("240 mL", "5 mL/h", "2 mg/mL", profile=(1.25, 0.75)).',
            )

    @property
    def amount(self) -> float:
        """Drug in the filling [mg]."""
        return self.filling * self.concentration

    @property
    def hours(self) -> float:
        """Time until the pump is empty [h]."""
        return float(self.schedule()[0][-1])

    def schedule(self) -> tuple[Floats, Floats]:
        """Boundaries of the steps in time, and how much of the filling has left the pump by then.

        Returns
        -------
        tuple of array, array
            Hours, from 0 until the pump is empty; fractions, from 0 to 1.

        Examples
        --------
        >>> ElastomericPump("240 mL", "5 mL/h", "2 mg/mL", profile={0: 1.5, 16: 1.0}).schedule()
        (array([ 0., 16., 40.]), array([0. , 0.5, 1. ]))
        """
        nominal = self.filling / (self.flow * self.factor)
        if np.ndim(self.profile) == 1:
            hours, fraction = _exponential(self.profile[0], self.profile[1], self.steps)
        else:
            hours, fraction = _stepwise(np.array(self.profile) / [nominal, 1.0])
        return nominal * hours, fraction

    def regimen(self, route: str = "wound", start: float | str = 0.0) -> Regimen:
        """What the pump delivers, as infusions that follow each other.

        Parameters
        ----------
        route : str
            Route or compartment that it enters, for example the depot of :func:`with_depot`.
        start : float or str
            When the pump is opened [h].

        Returns
        -------
        Regimen
        """
        begin = _start(start)
        hours, fraction = self.schedule()
        steps = zip(begin + hours[:-1], np.diff(hours), np.diff(fraction), strict=True)
        return Regimen(
            tuple(
                Order(route, amount=self.amount * share, duration=span, start=at, form="infusion")
                for at, span, share in steps
            )
        )

    def events(
        self, factors: Mapping[Any, float], route: str = "wound", start: float | str = 0.0
    ) -> EventTable:
        """What one pump per subject delivers, each with a flow of its own.

        Parameters
        ----------
        factors : mapping of label to float
            Factor of every subject's pump, beside `factor`.
        route, start
            As for :meth:`regimen`.

        Returns
        -------
        EventTable

        Raises
        ------
        RegimenError
            A factor that is not above 0; with the subject.

        Examples
        --------
        >>> pump = ElastomericPump("240 mL", "5 mL/h", "2 mg/mL")
        >>> table = pump.events({"Ann": 1.0, "Bob": 0.8})
        >>> table.duration, table.amount
        (array([48., 60.]), array([480., 480.]))
        """
        faults: list[str] = []
        flows = [read(faults, f"factor of {k}", v, "ratio", above=0.0) for k, v in factors.items()]
        if faults or not flows:
            raise RegimenError(
                *faults or ["no subject"], remedy="Write for example events({1: 0.9, 2: 1.1})."
            )
        begin = _start(start)
        pumps = [replace(self, factor=self.factor * f).schedule() for f in flows]
        return records(
            list(factors),
            np.repeat(np.arange(len(pumps)), [len(hours) - 1 for hours, _ in pumps]),
            time=np.concatenate([begin + hours[:-1] for hours, _ in pumps]),
            duration=np.concatenate([np.diff(hours) for hours, _ in pumps]),
            amount=np.concatenate([self.amount * np.diff(fraction) for _, fraction in pumps]),
            compartment=route,
        )


_DIMENSIONS = {
    "filling": "volume",
    "flow": "clearance",
    "concentration": "concentration",
    "factor": "ratio",
}


def _start(start: float | str) -> float:
    faults: list[str] = []
    begin = read(faults, "start", start, "time")
    if faults:
        raise RegimenError(*faults, remedy='Write for example start="2 h".')
    return begin


def _exponential(full: float, empty: float, steps: int) -> tuple[Floats, Floats]:
    """Boundaries of steps of equal amount; the time is in units of filling / flow."""
    fraction = np.arange(steps + 1) / steps
    left = 1.0 - fraction * (full - empty) / full
    return -np.log(left) / (full - empty), fraction


def _stepwise(profile: Floats) -> tuple[Floats, Floats]:
    """Boundaries of the steps (time, multiple) that begin before the pump is empty."""
    start, multiple = profile.T
    fraction = np.concatenate([[0.0], np.cumsum(multiple[:-1] * np.diff(start))])
    inside = fraction < 1.0
    start, fraction, last = start[inside], fraction[inside], multiple[inside][-1]
    end = start[-1] + (1.0 - fraction[-1]) / last
    return np.append(start, end), np.append(fraction, 1.0)


def _read_profile(profile: Any, faults: list[str]) -> Any:
    """A pair that falls, or pairs of an hour and a multiple."""
    if profile is None:
        return ((0.0, 1.0),)
    try:
        pairs = sorted(profile.items()) if isinstance(profile, Mapping) else profile
        numbers = np.array(pairs, dtype=float)
        if numbers.shape == (2,) and np.inf > numbers[0] > numbers[1] > 0:
            return tuple(numbers.tolist())
        if numbers.ndim == 2 and numbers.shape[1] == 2 and np.isfinite(numbers).all():
            hours, multiples = numbers.T
            if hours[0] == 0 and (np.diff(hours) > 0).all() and (multiples > 0).all():
                return tuple(map(tuple, numbers.tolist()))
    except (TypeError, ValueError):
        pass
    faults.append(
        f"profile is {profile!r}; expected multiples of the nominal flow, falling from full to empty, "
        "(1.25, 0.75), or by the hour from 0 on, {0: 1.4, 6: 1.0}, all above 0"
    )
    return None


def with_depot(
    model: Model,
    absorption_rate: Value,
    *,
    into: str = "central",
    name: str = "wound",
    bioavailability: Value = 1.0,
) -> Model:
    """Add a depot in a tissue, from which drug is absorbed into blood by a first-order process.

    Parameters
    ----------
    model : Model
        The model, given as a table of flows.
    absorption_rate : str, float or Parameter
        Absorption from the depot [1/h], the parameter ``wound_absorption_rate``.
    into : str
        Compartment that receives what is absorbed: ``"plasma"`` of the neuraxial model.
    name : str
        Name of the depot, and of the route into it.
    bioavailability : str, float or Parameter
        Fraction of a dose that is absorbed, the parameter ``wound_bioavailability``; the rest never enters the depot.

    Returns
    -------
    Model
        With a compartment and a route more. The sites stay: the depot holds an amount, and no concentration.

    Raises
    ------
    ModelError
        A compartment that is not there, a name that is taken, a model that was given as a rate matrix.

    Examples
    --------
    >>> from pkmodel.library import one_compartment
    >>> model = with_depot(one_compartment(), "0.1 /h")
    >>> model.states, [route.route for route in model.inputs]
    (('central', 'wound'), ['iv', 'wound'])
    """
    if model.matrix is not None:
        raise ModelError(
            f"the model {model.name} is a rate matrix, which cannot grow by a flow",
            remedy="Add a row and a column for the depot to the matrix.",
        )
    rate, fraction = f"{name}_absorption_rate", f"{name}_bioavailability"
    return replace(
        model,
        compartments=(*model.compartments, Compartment(name)),
        flows=(*model.flows, Flow(name, into, "rate", (rate,))),
        parameters=(
            *model.parameters,
            parameter(
                rate, absorption_rate, "rate_constant", f"absorption from {name} into {into}"
            ),
            parameter(fraction, bioavailability, "fraction", f"fraction absorbed from {name}"),
        ),
        inputs=(*model.inputs, Input(name, name, bioavailability=fraction)),
    )
