"""Whether a regimen's doses are plausible: the slip of mg for ug is deadly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from pkmodel.drugs.schema import Limits, Refusal, amount_text
from pkmodel.errors import DrugError

if TYPE_CHECKING:
    from pkmodel.regimen import Order

REFERENCE_WEIGHT = 70.0  # kg
REFERENCE_SURFACE = 1.8  # m2
SINGLE = 12.0  # h: what is given over a longer time counts by the day only


def check(
    name: str,
    orders: Iterable[Order],
    routes: Mapping[str, Limits],
    refused: Mapping[str, Refusal],
    intended: bool = False,
    weight: float | None = None,
) -> None:
    """Raise a DrugError for routes that are refused and for doses out of their range.

    Parameters
    ----------
    name : str
        Name of the drug.
    orders : iterable of Order
        A regimen.
    routes, refused : mapping
        Plausible doses, and reasons against a route.
    intended : bool
        Doses out of range and routes without a range are meant; a refused route stays refused.
    weight : float, optional
        Body weight [kg] for orders per kg.
    """
    orders = [
        o
        for o in orders
        if str(o.route) in (*routes, *refused, "oral", "iv", "epidural", "intrathecal")
    ]
    for order in orders:
        if no := refused.get(order.route):
            raise DrugError(no.reason, given=f'"{order}"', remedy=no.remedy)
    if intended:
        return
    faults: dict[str, None] = {}
    for order in orders:
        limits = routes.get(order.route)
        if limits is None:
            faults[
                f'"{order}": the file of {name} has no doses for this route, only {", ".join(routes)}'
            ] = None
        else:
            faults.update(dict.fromkeys(_faults(name, order, orders, limits, weight)))
    if faults:
        raise DrugError(*faults, remedy="If it is meant, pass intended=True.")


def _faults(
    name: str, order: Order, orders: list[Order], limits: Limits, weight: float | None
) -> Iterator[str]:
    size = _size(order, weight)
    dose = single_dose(order) * size
    if fault := _outside(dose, limits.per_dose, "in one dose"):
        yield f'"{order}": {fault} in the file of {name} for the {limits.route} route'
        return
    beside = [o for o in orders if o.route == order.route and o.start <= order.start < _end(o)]
    day = daily_dose(order) * size
    total = max(day, sum(daily_dose(o) * _size(o, weight) for o in beside))
    if fault := _outside(total, limits.per_day, "in a day", low=day):
        yield f'"{order}": {fault} in the file of {name} for the {limits.route} route'


def _outside(mg: float, span: tuple[float, float], when: str, low: float | None = None) -> str:
    lowest, highest = span
    low = mg if low is None else low
    if mg > highest * (1 + 1e-9):
        times, end, shifted = mg / highest, "highest", mg / 1000
    elif 0 < low < lowest * (1 - 1e-9):
        mg, times, end, shifted = low, low / lowest, "lowest", low * 1000
    else:
        return ""
    bound = highest if end == "highest" else lowest
    slip = f' (did you mean "{amount_text(shifted)}"?)' if lowest <= shifted <= highest else ""
    return f"{amount_text(mg)} {when}{slip} is {times:.2g} times the {end}, {amount_text(bound)},"


def single_dose(order: Order) -> float:
    """Amount [mg, or mg per kg] that is given at once or within half a day; 0 for a pump."""
    if order.form == "pump" or (order.duration or 0.0) > SINGLE:
        return 0.0
    return _one(order)


def daily_dose(order: Order) -> float:
    """Amount [mg, or mg per kg] of the order's heaviest day."""
    if order.interval and order.count != 1:
        times = max(1.0, 24.0 / order.interval)
        return _one(order) * (times if order.count is None else min(times, order.count))
    span = order.duration or 0.0
    if order.rate:
        return order.rate * min(span or 24.0, 24.0)
    return _one(order) * (24.0 / span if span > 24.0 else 1.0)


def _one(order: Order) -> float:
    return (
        order.amount if order.amount is not None else (order.rate or 0.0) * (order.duration or 0.0)
    )


def _end(order: Order) -> float:
    return max(float(order.end), order.start + 24.0)


def _size(order: Order, weight: float | None) -> float:
    return {"kg": weight or REFERENCE_WEIGHT, "m2": REFERENCE_SURFACE}.get(order.per or "", 1.0)
