"""Whether a regimen's doses are plausible: the slip of mg for ug is deadly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from pkmodel.drugs.schema import Limits, Refusal, amount_text
from pkmodel.errors import DrugError

if TYPE_CHECKING:
    from pkmodel.regimen import Order

REFERENCE_WEIGHT = 70.0  # kg
REFERENCE_SURFACE = 1.8  # m2
SINGLE = 12.0  # h: what is given over a longer time counts by the day only

# A dose put straight into a compartment is judged by the route that leads there.
_LEADS_TO = {
    "gut": "oral",
    "plasma": "iv",
    "lumbar_csf": "intrathecal",
    "thoracic_csf": "intrathecal",
    "cervical_csf": "intrathecal",
    "cranial_csf": "intrathecal",
}


def check(
    name: str,
    orders: Iterable[Order],
    routes: Mapping[str, Limits],
    refused: Mapping[str, Refusal],
    inputs: Iterable[str],
    intended: bool = False,
    weight: float | None = None,
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
    """
    orders = list(orders)
    _check_routes(name, orders, refused, tuple(inputs))
    if intended:
        return
    faults: list[str] = []
    for order in orders:
        route = route_of(order)
        if route in routes:
            faults += _faults(order, orders, routes[route], weight)
        elif route in ("oral", "iv", "epidural", "intrathecal"):
            have = ", ".join(routes)
            faults.append(f'"{order}": the drug file has no doses for this route, only {have}')
    if faults:
        raise DrugError(
            *dict.fromkeys(faults),
            given=name,
            remedy="If it is meant, pass intended=True (on the command line --intended).",
        )


def route_of(order: Order) -> str:
    """Route by which an order's doses are judged."""
    return _LEADS_TO.get(str(order.route), str(order.route))


def _check_routes(
    name: str, orders: list[Order], refused: Mapping[str, Refusal], inputs: tuple[str, ...]
) -> None:
    for order in orders:
        if no := refused.get(route_of(order)):
            raise DrugError(no.reason, given=f'"{order}"', remedy=no.remedy)
        if order.input == "oral modified" and order.input not in inputs:
            raise DrugError(
                f"the file of {name} has no modified-release form",
                given=f'"{order}"',
                remedy='Leave "modified" out, or give oral_modified_bioavailability and '
                "oral_modified_duration in a drug file of your own.",
            )


def _faults(
    order: Order, orders: list[Order], limits: Limits, weight: float | None
) -> Iterator[str]:
    """The single dose out of range, or else the day, with all that is given beside it."""
    fault = _outside(single_dose(order) * _size(order, weight), limits.per_dose, "in one dose")
    if not fault:
        day = sum(
            daily_dose(o) * _size(o, weight)
            for o in orders
            if route_of(o) == limits.route and o.start <= order.start < max(o.end, o.start + 24.0)
        )
        fault = _outside(day, limits.per_day, "in a day")
    if fault:
        yield f'"{order}": {fault}'


def _outside(mg: float, span: tuple[float, float], when: str) -> str:
    """What is wrong with an amount; a slip of the unit is suspected from a factor of ten on."""
    lowest, highest = span
    if mg > highest * (1 + 1e-9):
        end, bound, shifted, suspect = "highest", highest, mg / 1000, mg > 10 * highest
    elif 0 < mg < lowest * (1 - 1e-9):
        end, bound, shifted, suspect = "lowest", lowest, mg * 1000, mg < lowest / 10
    else:
        return ""
    fault = f"{amount_text(mg)} {when} is {mg / bound:.2g} times the {end} plausible, {amount_text(bound)}"
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
