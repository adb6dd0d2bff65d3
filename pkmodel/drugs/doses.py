"""Whether a regimen's doses are plausible: the slip of mg for ug is deadly."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pkmodel.drugs.schema import Limits, Refusal, amount_text
from pkmodel.errors import DrugError, did_you_mean

if TYPE_CHECKING:
    from pkmodel.regimen import Order

REFERENCE_WEIGHT = 70.0  # kg
REFERENCE_SURFACE = 1.8  # m2
SINGLE = 12.0  # h: what is given over a longer time counts by the day only

ROUTES = ("oral", "iv", "epidural", "intrathecal")
AT_LEVEL = "intrathecal "  # and a level: the route of a catheter
YEAR = 8766.0  # h: so long after the last start, doses without end are looked at together
MANY = 100_000  # so many doses without end

# A dose put straight into a compartment is judged by the route that leads there.
_LEADS_TO = {
    "gut": "oral",
    "plasma": "iv",
    "peripheral": "iv",
    "deep_peripheral": "iv",
    "lumbar_csf": "intrathecal",
    "thoracic_csf": "intrathecal",
    "cervical_csf": "intrathecal",
    "cisternal_csf": "intrathecal",
    "subarachnoid_csf": "intrathecal",
    "ventricular_csf": "intrathecal",
    "lumbar_cord": "intrathecal",
    "thoracic_cord": "intrathecal",
    "cervical_cord": "intrathecal",
    "brain": "intrathecal",
    "epidural_fat": "epidural",
    "dura": "epidural",
}


def check(
    name: str,
    orders: Iterable[Order],
    routes: Mapping[str, Limits],
    refused: Mapping[str, Refusal],
    inputs: Iterable[str],
    intended: bool = False,
    weight: float | None = None,
    compartments: Sequence[str] = (),
) -> None:
    """Raise a DrugError for routes that the drug lacks and for doses out of their range.

    Parameters
    ----------
    name : str
        Name of the drug.
    orders : iterable of Order
        A regimen.
    routes, refused : mapping
        Plausible doses, and reasons against a route.
    inputs : iterable of str
        Inputs for which the drug has parameters.
    intended : bool
        Doses out of range are meant; a route that the drug lacks stays refused.
    weight : float, optional
        Body weight [kg] for orders per kg.
    compartments : sequence of str
        Compartments of the model, which an order may name or number from 1.
    """
    orders = list(orders)
    by_route: dict[str, list[Order]] = {}
    for order in orders:
        by_route.setdefault(route_of(order, compartments), []).append(order)
    for route, alike in by_route.items():
        _check_routes(name, route, alike, refused, tuple(inputs), compartments)
    if intended:
        return
    faults: list[str] = []
    for route, alike in by_route.items():
        if route in routes:
            singly = [f for order in alike for f in _faults(order, alike, routes[route], weight)]
            faults += singly or _together(alike, routes[route], weight)
        else:
            what = "this route" if route in ROUTES else f"the compartment {route}"
            have = ", ".join(routes)
            faults += [f'"{o}": the drug file has no doses for {what}, only {have}' for o in alike]
    if faults:
        raise DrugError(
            *dict.fromkeys(faults),
            given=name,
            remedy="If it is meant, pass intended=True (on the command line --intended).",
        )


def route_of(order: Order, compartments: Sequence[str] = ()) -> str:
    """Route by which an order's doses are judged; the compartment's name where no route leads there."""
    return route_named(str(order.route), compartments)


def route_named(name: str, compartments: Sequence[str] = ()) -> str:
    """The same for the name of a route or compartment, or a compartment's number."""
    if name.isdecimal() and 1 <= int(name) <= len(compartments):
        name = compartments[int(name) - 1]
    if name.startswith(AT_LEVEL):
        return "intrathecal"
    box = re.sub(r"_\d+$", "", name)  # without the number of a segment
    return "oral" if name == "oral modified" else _LEADS_TO.get(box, name)


def _check_routes(
    name: str,
    route: str,
    orders: list[Order],
    refused: Mapping[str, Refusal],
    inputs: tuple[str, ...],
    compartments: Sequence[str],
) -> None:
    for order in orders:
        refuse_route(name, route, order.input, f'"{order}"', refused, inputs, compartments)


def refuse_route(
    name: str,
    route: str,
    entry: str,
    given: str,
    refused: Mapping[str, Refusal],
    inputs: Sequence[str],
    compartments: Sequence[str],
) -> None:
    """Raise a DrugError if the drug is not given by a route, or has no input of that name."""
    if no := refused.get(route):
        raise DrugError(no.reason, given=given, remedy=no.remedy)
    if compartments and route not in (*ROUTES, *compartments):
        known = ", ".join(f"{k} {c}" for k, c in enumerate(compartments, 1))
        raise DrugError(
            f'the model of {name} has no route or compartment "{route}"{did_you_mean(route, (*ROUTES, *compartments))}',
            given=given,
            remedy=f"Its compartments are {known}.",
        )
    if entry.startswith(AT_LEVEL) and entry not in inputs:
        level = entry.removeprefix(AT_LEVEL)
        (tip,) = (i.removeprefix(AT_LEVEL) for i in inputs if i.startswith(AT_LEVEL))
        raise DrugError(
            f"the model of {name} has its tip at {tip}, not at {level}",
            given=given,
            remedy=f'Write Drug.read("{name}").segmented(tip="{level}"), on the command line --tip {level}.',
        )
    if entry == "oral modified" and entry not in inputs:
        raise DrugError(
            f"the file of {name} has no modified-release form",
            given=given,
            remedy='Leave "modified" out, or give oral_modified_bioavailability and '
            "oral_modified_duration in a drug file of your own.",
        )


def _faults(
    order: Order, orders: list[Order], limits: Limits, weight: float | None
) -> Iterator[str]:
    """The single dose out of range, or else the day, with all orders of the route beside it."""
    fault = outside(single_dose(order) * _size(order, weight), limits.per_dose, "in one dose")
    if not fault:
        day = sum(
            daily_dose(o) * _size(o, weight)
            for o in orders
            if o.start <= order.start < max(o.end, o.start + 24.0)
        )
        fault = outside(day, limits.per_day, "in a day")
    if fault:
        yield f'"{order}": {fault}'


def _together(orders: list[Order], limits: Limits, weight: float | None) -> Iterator[str]:
    """The largest sum of doses of several orders at one moment, if it is too much for one dose."""
    sizes = {o: single_dose(o) * _size(o, weight) for o in orders}
    if len(given := [o for o in orders if sizes[o]]) < 2:
        return
    until = max(o.start for o in given) + YEAR
    times = [np.round(_times(o, until), 6) for o in given]
    moments, where = np.unique(np.concatenate(times), return_inverse=True)
    doses = np.repeat([sizes[o] for o in given], [len(t) for t in times])
    sums = np.bincount(where.ravel(), doses)
    most = sums.argmax()
    alike = [f'"{o}"' for o, t in zip(given, times, strict=True) if moments[most] in t]
    fault = outside(float(sums[most]), limits.per_dose, "in one dose")
    if fault and sums[most] > limits.per_dose[1]:
        at = f"at {moments[most]:g} h" if moments[most] else "at the same time"
        yield f"{' and '.join(alike)} {at}: {fault}"


def _times(order: Order, until: float) -> np.ndarray:
    """Times of the doses [h]; of a train without end not all."""
    if order.interval is None or order.count is not None:
        return order.times()
    return order.times(min(until, order.start + MANY * order.interval))


def outside(mg: float, span: tuple[float, float], when: str) -> str:
    """What is wrong with an amount; a slip of the unit is suspected from a factor of ten on."""
    lowest, highest = span
    if mg > highest * (1 + 1e-9):
        end, bound, shifted, suspect = "highest", highest, mg / 1000, mg > 10 * highest
    elif 0 < mg < lowest * (1 - 1e-9):
        end, bound, shifted, suspect = "lowest", lowest, mg * 1000, mg < lowest / 10
    else:
        return ""
    times = f"{float(f'{mg / bound:.2g}'):.15g}"
    fault = f"{amount_text(mg)} {when} is {times} times the {end} plausible, {amount_text(bound)}"
    slip = suspect and lowest <= shifted <= highest
    return fault + (f' (did you mean "{amount_text(shifted)}"?)' if slip else "")


def single_dose(order: Order) -> float:
    """Amount [mg, or mg per kg] that is given at once or within half a day; 0 for a pump."""
    return 0.0 if order.form == "pump" or order.span > SINGLE else order.dose


def daily_dose(order: Order) -> float:
    """Amount [mg, or mg per kg] of the order's heaviest day."""
    if order.interval is not None:
        times = max(1.0, 24.0 / order.interval)
        return order.dose * (times if order.count is None else min(times, order.count))
    if not order.span > 24.0:
        return order.dose
    return (
        order.rate * 24.0 if math.isinf(order.dose) and order.rate else order.dose * 24 / order.span
    )


def _size(order: Order, weight: float | None) -> float:
    return {"kg": weight or REFERENCE_WEIGHT, "m2": REFERENCE_SURFACE}.get(order.per or "", 1.0)
