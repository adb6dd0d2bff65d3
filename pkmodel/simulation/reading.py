"""Read what a simulation is given: a model or drug, doses, factors, body sizes, times."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.drugs import Drug
from pkmodel.errors import InputError, ParameterError
from pkmodel.model import Model, Parameter
from pkmodel.regimen import Regimen
from pkmodel.schedule import BODY_SIZES, body_sizes
from pkmodel.simulation.cases import brief, given_by_name, variable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from pkmodel.events import EventTable

    Floats = NDArray[np.float64]


def model_of(model: Model | Drug | str) -> tuple[Model, Drug | None]:
    """A model, and the drug that it is of."""
    if isinstance(model, Model):
        return model, None
    drug = model if isinstance(model, Drug) else Drug.read(model)
    return drug.model(), drug


def regimen_of(regimen: Regimen | str | Any, drug: Drug | None) -> Regimen:
    """A regimen, read from text or a table; doses in mol by the drug's molar mass."""
    if isinstance(regimen, Regimen):
        return regimen
    if isinstance(regimen, str):
        return Regimen.parse(regimen, molar_mass=None if drug is None else drug.molar_mass)
    return Regimen.from_table(regimen)


def table_of(doses: Any) -> EventTable | None:
    """An event table, read from a table or the path of a CSV file; None for a regimen or its text."""
    from pkmodel.events import EventTable

    if isinstance(doses, EventTable):
        return doses
    if isinstance(doses, Regimen) or (isinstance(doses, str) and not doses.endswith(".csv")):
        return None
    return EventTable.read(doses)


def check_factors(routes: Collection[str], factors: Mapping[str, Any] | None) -> None:
    """Refuse a dose factor of a route that is not among those ordered."""
    if factors is not None and not isinstance(factors, Mapping):
        raise ParameterError(
            f"dose_factor is {brief(factors)}; expected factors by route",
            remedy=f'Write for example dose_factor={{"{next(iter(routes), "iv")}": [1, 10, 100]}}.',
        )
    unknown = [r for r in factors or {} if r not in routes]
    if unknown:
        raise ParameterError(
            f'dose_factor names the route "{unknown[0]}", and the orders are {", ".join(routes)}'
        )


def largest_doses(regimen: Regimen, factors: Mapping[str, Any] | None) -> Regimen:
    """The regimen with the largest doses that the factors make of it, for the drug to judge."""
    most = largest(factors)
    return Regimen(tuple(
        o for order in regimen for o in Regimen((order,)).scaled(most.get(order.route, 1.0))
    ))  # fmt: skip


def largest(factors: Mapping[str, Any] | None) -> dict[str, float]:
    """Largest factor of every route."""
    values = {r: variable(r, v, Parameter(r, 1.0))[1] for r, v in (factors or {}).items()}
    return {r: float(np.nanmax(v)) for r, v in values.items()}


def with_body_sizes(
    model: Model, per: Iterable[str | None], parameters: Any, columns: Iterable[str] = ()
) -> Model:
    """The model with the body sizes as parameters that doses are per and that are given."""
    sizes = body_sizes(per)
    if not sizes:
        return model
    names = {name.casefold() for name in (*given_by_name(parameters), *columns)}
    new = [p for name, p in sizes.items() if name in names and name not in model.defaults]
    return replace(model, parameters=(*model.parameters, *new)) if new else model


def body_weight(parameters: Any) -> float | None:
    """Median of the given body weight [kg], by which a drug judges doses per kg."""
    weight = given_by_name(parameters).get("weight")
    if weight is None:
        return None
    _, values, _ = variable("weight", weight, BODY_SIZES["kg"])
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else None


def grid_of(times: ArrayLike) -> Floats:
    """Given output times [h], checked."""
    given = np.asarray(times)
    if given.dtype.kind not in "iuf":
        raise InputError(
            f"times is {brief(times)}; expected numbers, in hours",
            remedy="Write for example times=numpy.arange(0, 337.0).",
        )
    grid = np.array(given, dtype=float, ndmin=1)
    if grid.ndim != 1 or not grid.size or not np.isfinite(grid).all() or (np.diff(grid) <= 0).any():
        raise InputError(
            "the times are not one ascending list of finite hours",
            remedy="Write for example times=numpy.arange(0, 337.0).",
        )
    return grid


def end_of_doses(table: EventTable) -> float:
    """When the last dose of a table has been given, and its interval is over [h]."""
    with np.errstate(all="ignore"):
        length = np.where(table.rate > 0, table.amount / table.rate, table.duration)
    spans = (table.additional + 1) * table.interval + length
    return float(np.max(table.time + spans, initial=0.0))


def evenly(end: float, given: str) -> Floats:
    """At most 337 times, evenly from 0 to the end [h]."""
    if not 0 < end < np.inf:
        raise InputError(
            f"{given} has no end, and no times are given",
            remedy="Give times=numpy.arange(0, 337.0), or an end: x 28, for 14 d.",
        )
    return np.linspace(0.0, end, min(337, int(np.ceil(end)) + 1))
