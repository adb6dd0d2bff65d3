"""Whether the doses of an event table are plausible: the slip of mg for ug is deadly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pkmodel.drugs.doses import (
    REFERENCE_SURFACE,
    REFERENCE_WEIGHT,
    ROUTES,
    SINGLE,
    outside,
    refuse_route,
    route_named,
)
from pkmodel.drugs.schema import Limits, Refusal
from pkmodel.errors import DrugError
from pkmodel.events.table import DOSE, RESET_AND_DOSE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.events import EventTable

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_DAY = 24.0
_SHOWN = 5
_EDGE = 1e-3
"""Time [h] by which a day ends early, so that a dose every 24 h counts once in it."""


def check_table(
    name: str,
    table: EventTable,
    routes: Mapping[str, Limits],
    refused: Mapping[str, Refusal],
    inputs: Sequence[str],
    intended: bool,
    weight: float | None,
    compartments: Sequence[str],
    factors: Mapping[str, float],
) -> None:
    """Raise a DrugError for routes that the drug lacks and for doses out of their range.

    Boluses, and infusions within 12 h, count singly; all doses of a route count by the heaviest 24 h of every
    subject. A part of a day's infusion may be small, so that the lower limit holds for boluses and days.

    Parameters
    ----------
    name, routes, refused, inputs, intended, compartments
        As for :func:`pkmodel.drugs.doses.check`.
    table : EventTable
        The doses.
    weight : float, optional
        Body weight [kg] for doses per kg where the table has no column ``weight``.
    factors : mapping of str to float
        Largest factor of all doses of a route.
    """
    dosing = np.flatnonzero(np.isin(table.evid, (DOSE, RESET_AND_DOSE)))
    names = table.compartment[dosing].astype(str)
    by_route: dict[str, list[str]] = {}
    for given in np.unique(names):
        route = route_named(str(given), compartments)
        refuse_route(
            name,
            route,
            str(given),
            table.place(dosing[names == given][0]),
            refused,
            inputs,
            compartments,
        )
        by_route.setdefault(route, []).append(str(given))
    if intended:
        return
    faults: list[str] = []
    size = _sizes(table, weight)
    for given, factor in factors.items():
        size = np.where(table.compartment == given, size * factor, size)
    for route, entered_by in by_route.items():
        records = dosing[np.isin(names, entered_by)]
        if route not in routes:
            what = "this route" if route in ROUTES else f"the compartment {route}"
            where = table.place(records[0])
            faults.append(
                f"{where}: the drug file has no doses for {what}, only {', '.join(routes)}"
            )
            continue
        found = list(_singly(table, records, size, routes[route]))
        found = found or list(_daily(table, records, size, routes[route]))
        faults += found[:_SHOWN]
        if len(found) > _SHOWN:
            faults.append(f"{len(found) - _SHOWN} more of the route {route}")
    if faults:
        raise DrugError(
            *faults,
            given=name,
            remedy="If it is meant, pass intended=True (on the command line --intended).",
        )


def _sizes(table: EventTable, weight: float | None) -> Floats:
    """What every dose is multiplied by."""
    columns = {n.casefold(): v for n, v in table.covariates.items()}
    kg = columns.get("weight", np.full(len(table.time), weight or REFERENCE_WEIGHT))
    m2 = columns.get("body_surface_area", np.full(len(table.time), REFERENCE_SURFACE))
    return np.asarray(np.where(table.per == "kg", kg, np.where(table.per == "m2", m2, 1.0)))


def _lengths(table: EventTable, records: Ints) -> Floats:
    with np.errstate(all="ignore"):
        running = table.amount[records] / table.rate[records]
    return np.where(table.rate[records] > 0, running, table.duration[records])


def _singly(table: EventTable, records: Ints, size: Floats, limits: Limits) -> Iterator[str]:
    """Records whose one dose is out of range."""
    lengths, doses = _lengths(table, records), table.amount[records] * size[records]
    lowest, highest = limits.per_dose
    suspect = ((doses > highest) & (lengths <= SINGLE)) | ((doses < lowest) & (lengths == 0))
    for k in np.flatnonzero(suspect & (doses > 0)):
        if fault := outside(float(doses[k]), limits.per_dose, "in one dose"):
            yield f"{table.place(records[k])}: {fault}"


def _daily(table: EventTable, records: Ints, size: Floats, limits: Limits) -> Iterator[str]:
    """Subjects whose heaviest day is out of range, at the record with which it begins."""
    steady, interval = table.steady[records] > 0, table.interval[records]
    constant, periodic = steady & (interval == 0), steady & (interval > 0)
    amount = np.where(constant, table.rate[records] * _DAY, table.amount[records]) * size[records]
    length = np.where(constant, _DAY, _lengths(table, records))
    with np.errstate(divide="ignore"):
        of_a_day = np.where(
            periodic, np.ceil(_DAY / interval), 1.0
        )  # as they came before the record, too
    count = np.maximum(table.additional[records] + 1, of_a_day.astype(np.int64))
    dose = np.repeat(np.arange(len(records)), count)
    k = np.arange(len(dose)) - np.repeat(np.cumsum(count) - count, count)
    start = table.time[records][dose] + k * interval[dose]
    subject = np.unique(table.subject[records], return_inverse=True)[1].reshape(-1)[dose]
    day = _within(start, start + length[dose], amount[dose], subject)
    heaviest = np.zeros(subject.max(initial=-1) + 1)
    np.maximum.at(heaviest, subject, day)
    for s in np.flatnonzero(heaviest > 0):
        if fault := outside(float(heaviest[s]), limits.per_day, "in a day"):
            first = np.flatnonzero((subject == s) & (day == heaviest[s]))[0]
            yield f"{table.place(records[dose[first]])}: {fault}"


def _within(start: Floats, stop: Floats, amount: Floats, subject: Ints) -> Floats:
    """Amount that the subject of every dose gets within 24 h from its start."""
    apart = 3 * _DAY + np.ptp(np.concatenate([start, stop])) if len(start) else 0.0
    start, stop = start + apart * subject, stop + apart * subject
    bolus = stop - start < _EDGE
    order = np.argsort(start[bolus], kind="stable")
    moments = start[bolus][order]
    given = np.concatenate([[0.0], np.cumsum(amount[bolus][order])])
    until = start + _DAY - _EDGE
    total = given[np.searchsorted(moments, until)] - given[np.searchsorted(moments, start - _EDGE)]
    if bolus.all():
        return np.asarray(total)
    rate = amount[~bolus] / (stop - start)[~bolus]
    edges = np.concatenate([start[~bolus], stop[~bolus]])
    order = np.argsort(edges, kind="stable")
    running = np.cumsum(np.concatenate([rate, -rate])[order])
    edges = edges[order]
    infused = np.concatenate([[0.0], np.cumsum(running[:-1] * np.diff(edges))])
    return np.asarray(total + np.interp(until, edges, infused) - np.interp(start, edges, infused))
