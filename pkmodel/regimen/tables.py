"""Orders read from a table of doses, and written as one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from pkmodel.errors import RegimenError, did_you_mean
from pkmodel.regimen.order import Order, is_whole

_COLUMNS = ("TIME", "AMT", "CMT", "ROUTE", "RATE", "DUR", "II", "ADDL", "FORM", "PER")
_NUMBERS = ("TIME", "AMT", "RATE", "DUR", "II", "ADDL")
_EVENT_COLUMNS = ("ID", "EVID", "SS", "MDV", "DV")
_TABLE_REMEDY = (
    "A table of doses has the columns TIME, AMT, and CMT or ROUTE, and may have RATE or DUR, II, "
    "ADDL, FORM, PER."
)


def read_table(table: Mapping[Any, Any]) -> list[Order]:
    """Read one order per row; see ``Regimen.from_table``."""
    columns = _columns(table)
    faults: list[str] = []
    orders = []
    for i in range(len(columns["TIME"])):
        row_faults: list[str] = []
        arguments = _row({name: cells[i] for name, cells in columns.items()}, row_faults)
        if not row_faults:
            try:
                orders.append(Order(**arguments))
            except RegimenError as error:
                row_faults += error.faults
        faults += [f"row {i + 1}: {fault}" for fault in row_faults]
    if faults or not orders:
        raise RegimenError(*faults or ["no rows"], given="table of doses", remedy=_TABLE_REMEDY)
    return orders


def write_table(orders: Iterable[Order], until: float) -> dict[str, list[Any]]:
    """Write one row per order; see ``Regimen.to_table``."""
    rows = [_table_row(order, until) for order in orders if order.start <= until]
    return {name: [row[name] for row in rows] for name in _COLUMNS if name != "CMT"}


def _columns(table: Mapping[Any, Any]) -> dict[str, list[Any]]:
    """Columns by upper-case name, CMT as ROUTE."""
    if not hasattr(table, "keys"):
        raise RegimenError(
            f"expected a table of doses, not {type(table).__name__}", remedy=_TABLE_REMEDY
        )
    columns: dict[str, list[Any]] = {}
    faults = []
    for key in table:
        name = str(key).strip().upper()
        if name in columns:
            faults.append(f'two columns "{name}"')
        elif name in _EVENT_COLUMNS:
            faults.append(f'column "{key}": full event tables are not read here yet')
        elif name not in _COLUMNS:
            faults.append(f'unknown column "{key}"{did_you_mean(name, _COLUMNS)}')
        columns[name] = list(table[key])
    faults += [f'no column "{name}"' for name in ("TIME", "AMT") if name not in columns]
    if ("CMT" in columns) == ("ROUTE" in columns):
        both = "CMT" in columns
        faults.append("CMT and ROUTE: give one" if both else 'no column "CMT" or "ROUTE"')
    if len({len(cells) for cells in columns.values()}) > 1:
        faults.append("the columns differ in length")
    if faults:
        raise RegimenError(*faults, given="table of doses", remedy=_TABLE_REMEDY)
    return {"ROUTE" if name == "CMT" else name: cells for name, cells in columns.items()}


def _row(cells: dict[str, Any], faults: list[str]) -> dict[str, Any]:
    """Arguments of the order in a row."""
    faults += [f"{name} is empty" for name in ("TIME", "AMT", "ROUTE") if _is_empty(cells[name])]
    number = {name: _cell(name, cells.get(name), faults) for name in _NUMBERS}
    rate, extra = number["RATE"] or None, number["ADDL"] or 0.0
    modelled = {-1.0: "rate", -2.0: "duration"}.get(rate or 0.0)
    if rate is not None and rate < 0 and modelled is None:
        faults.append(f"RATE is {rate:g}; expected mg/h, 0 (bolus), -1 or -2 (modelled)")
    if rate is not None and number["DUR"]:
        faults.append("RATE and DUR: give one")
    if extra < 0 or extra % 1:
        faults.append(f"ADDL is {extra:g}; expected a whole number of further doses")
    elif extra and not number["II"]:
        faults.append(f"ADDL is {extra:g} without II, the interval in h")
    return {
        "route": _route_cell(cells["ROUTE"]),
        "amount": number["AMT"],
        "rate": None if modelled else rate,
        "duration": number["DUR"],
        "interval": number["II"] or None,
        "count": 1 if faults else 1 + int(extra),
        "start": number["TIME"],
        "form": "" if _is_empty(cells.get("FORM")) else str(cells["FORM"]).lower(),
        "per": None if _is_empty(cells.get("PER")) else str(cells["PER"]),
        "modelled": modelled,
    }


def _is_empty(cell: Any) -> bool:
    return cell is None or cell != cell or (isinstance(cell, str) and cell.strip() in ("", "."))


def _cell(name: str, cell: Any, faults: list[str]) -> float | None:
    if _is_empty(cell):
        return None
    try:
        return float(cell)
    except (TypeError, ValueError):
        faults.append(f"{name} is {cell!r}; expected a number")
        return None


def _route_cell(cell: Any) -> Any:
    """Name, or number of a compartment, which a table may hold as 2.0."""
    return int(cell) if not isinstance(cell, str) and is_whole(cell) else cell


def _table_row(order: Order, until: float) -> dict[str, Any]:
    """Cells of an order; a rate with a duration becomes their product over that duration."""
    count, duration = order.count, order.duration
    if count is None:
        count = len(order.times(until))
    if duration == math.inf:
        duration = until - order.start
        if duration == math.inf:
            raise RegimenError("has no end", given=f'"{order}"', remedy="Give until= in hours.")
    amount = order.amount
    if amount is None and order.rate is not None and duration is not None:
        amount = order.rate * duration
    rate: float | None = {"rate": -1.0, "duration": -2.0}.get(order.modelled or "")
    if order.amount is not None and order.rate is not None:
        rate = order.rate
    return {
        "TIME": order.start,
        "AMT": amount,
        "ROUTE": order.route,
        "RATE": rate,
        "DUR": duration,
        "II": order.interval,
        "ADDL": count - 1,
        "FORM": order.form,
        "PER": order.per,
    }
