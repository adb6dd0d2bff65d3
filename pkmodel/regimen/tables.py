"""Orders from the dose records of an event table, and as such records."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.errors import RegimenError
from pkmodel.events import EventTable
from pkmodel.events.table import DOSE, MODELLED_DURATION, MODELLED_RATE
from pkmodel.regimen.order import Order

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_MODELLED = {"rate": MODELLED_RATE, "duration": MODELLED_DURATION}
_MODELLED_BY_RATE = {rate: name for name, rate in _MODELLED.items()}
_FIELDS = (
    "time", "amount", "compartment", "rate", "duration", "interval", "additional", "form", "per",
)  # fmt: skip


def read_orders_of(source: Any) -> list[Order]:
    """Read one order per dose record; see ``Regimen.from_table``."""
    table = source if isinstance(source, EventTable) else EventTable.read(source)
    faults = list(_beyond_orders(table))
    orders = []
    for record in np.flatnonzero(table.evid == DOSE).tolist():
        try:
            orders.append(_order(table, record))
        except RegimenError as error:
            faults += [f"row {table.row[record]}: {fault}" for fault in error.faults]
    if faults or not orders:
        raise RegimenError(
            *faults or ["no doses"],
            given=str(source) if isinstance(source, (str, os.PathLike)) else "table of doses",
            remedy="A regimen is doses of one patient; what says more is an event table: EventTable.read.",
        )
    return orders


def write_orders(orders: Sequence[Order], until: float, times: ArrayLike | None) -> EventTable:
    """Write one record per order, with its number as row, and observations; see ``Regimen.to_table``."""
    end = until
    if end == math.inf and np.size(times if times is not None else ()):
        end = float(np.max(np.asarray(times, float)))
    ends = [end if order.end == math.inf else until for order in orders]
    numbered = sorted(
        zip(orders, ends, range(1, len(ends) + 1), strict=True), key=lambda o: o[0].start
    )
    kept = [(o, last, number) for o, last, number in numbered if o.dose > 0 and o.start <= last]
    records = [record_of(order, last) for order, last, _ in kept]
    columns: dict[str, Any] = {name: [record[name] for record in records] for name in _FIELDS}
    table = EventTable.of(evid=DOSE, **columns)
    table = replace(table, row=np.array([number for _, _, number in kept], np.int64))
    return table if times is None else table.with_observations(times)


def _beyond_orders(table: EventTable) -> Iterator[str]:
    """What an event table says and a regimen cannot."""
    if len(table.subjects) > 1:
        yield f"{len(table.subjects)} subjects; expected one (EventTable.select takes one out)"
    for records, what in (
        (table.steady > 0, "SS is a steady state; orders begin at their time"),
        (table.evid > DOSE, "EVID is 2, 3 or 4; orders are doses"),
    ):
        rows = table.row[records]
        if rows.size:
            yield f"row {', '.join(map(str, rows[:5]))}{', ...' if rows.size > 5 else ''}: {what}"


def _order(table: EventTable, record: int) -> Order:
    rate, place = table.rate[record].item(), table.compartment[record]
    modified = place == "oral modified"
    return Order(
        route="oral" if modified else place,
        amount=table.amount[record].item(),
        rate=rate if rate > 0 else None,
        duration=table.duration[record].item() or None,
        interval=table.interval[record].item() or None,
        count=1 + table.additional[record].item(),
        start=table.time[record].item(),
        form="modified" if modified else table.form[record],
        per=table.per[record] or None,
        modelled=_MODELLED_BY_RATE.get(rate),
    )


def record_of(order: Order, until: float) -> dict[str, Any]:
    """Fields of an order; a rate with a duration becomes their product over that duration."""
    count = order.count
    if count is None or until < math.inf:
        count = len(order.times(until))
    duration, amount = order.duration or 0.0, order.amount
    if duration == math.inf:
        duration = until - order.start
        if duration == math.inf:
            raise RegimenError("has no end", given=f'"{order}"', remedy="Give until= in hours.")
    if amount is None:
        assert order.rate is not None
        amount, rate = order.rate * duration, 0.0
    else:
        rate = _MODELLED.get(order.modelled or "", order.rate or 0.0)
    return {
        "time": order.start,
        "amount": amount,
        "compartment": order.route,
        "rate": rate,
        "duration": duration,
        "interval": order.interval if count > 1 else 0.0,
        "additional": count - 1,
        "form": order.form,
        "per": order.per or "",
    }
