"""From the records of an event table to trains of doses.

A *programme* is the sequence of records that some cases follow in the same way; an *item* is one record of one
programme. A *span* is what lies between two resets: nothing that was given before acts after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pkmodel.errors import ModelError
from pkmodel.events.checks import run_starts
from pkmodel.events.table import (
    DOSE,
    MODELLED_DURATION,
    MODELLED_RATE,
    OBSERVATION,
    OTHER,
    RESET,
    RESET_AND_DOSE,
)
from pkmodel.model import value_of
from pkmodel.schedule.closures import Closures
from pkmodel.schedule.sizes import size_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.events import EventTable
    from pkmodel.model import Input, Model

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

TABLETS = ("oral", "oral modified")
"""Routes whose doses enter over the duration, or at the rate, that the model's input gives them."""


@dataclass(frozen=True)
class Programmes:
    """The records that every programme follows, one programme after another.

    Parameters
    ----------
    table : EventTable
        The records.
    start : array, shape (programme + 1,)
        Items ``start[p]`` to ``start[p + 1]`` are those of programme p.
    record : array, shape (item,)
        Record of every item.
    case : array, shape (programme,)
        A case that follows the programme.
    segment : array, shape (record,)
        Number of the parameters that hold at a record.
    closures : Closures
        The compartments that are off.
    """

    table: EventTable
    start: Ints
    record: Ints
    case: Ints
    segment: Ints
    closures: Closures

    @classmethod
    def of(
        cls, table: EventTable, subject: Ints, case: Ints, segment: Ints, closures: Closures
    ) -> Programmes:
        """Programmes that follow the records of `subject`, one for each of `case`."""
        first = subject_starts(table)
        length = np.diff(first)[subject]
        start = np.concatenate([[0], np.cumsum(length)])
        record = np.arange(start[-1]) + np.repeat(first[subject] - start[:-1], length)
        return cls(table, start, record, case, segment, closures)

    @cached_property
    def program(self) -> Ints:
        """Programme of every item."""
        return np.repeat(np.arange(len(self.case)), np.diff(self.start))

    @cached_property
    def opens(self) -> NDArray[np.bool_]:
        """Items that begin a span: the first of a programme, resets, and SS 1."""
        evid, steady = self.table.evid[self.record], self.table.steady[self.record]
        opens = np.isin(evid, (RESET, RESET_AND_DOSE)) | (steady == 1)
        opens[self.start[:-1][np.diff(self.start) > 0]] = True
        return opens

    @cached_property
    def span(self) -> Ints:
        """Span of every item, counted through all programmes."""
        return np.cumsum(self.opens) - 1

    @cached_property
    def time(self) -> Floats:
        """TIME [h] of every item."""
        return self.table.time[self.record]

    @property
    def matrix(self) -> Ints:
        """Number of the rate matrix of every item: those of all segments, once for every pattern of closures."""
        return self.segment[self.record] + self.segments * self.closures.pattern[self.record]

    @property
    def segments(self) -> int:
        """Number of segments."""
        return int(self.segment.max(initial=0)) + 1

    @property
    def most_observed(self) -> int:
        """Largest number of observations of a programme."""
        seen = np.concatenate([[0], np.cumsum(observed(self.table)[self.record])])
        return int(np.diff(seen[self.start]).max(initial=0))

    def ends(self, times: Floats | None) -> Floats:
        """Time [h] after which nothing of a span is seen: its last record, or the next reset."""
        first = np.flatnonzero(self.opens)
        last = np.append(first[1:], len(self.record)) - 1
        ends = self.time[last]
        if times is not None:
            resets = (self.program[first[1:]] == self.program[first[:-1]]).nonzero()[0]
            ends = np.maximum(ends, times[-1])
            ends[resets] = self.time[first[resets + 1]]
        return ends


def subject_starts(table: EventTable) -> Ints:
    """First record of every subject, and the number of records."""
    return np.append(run_starts(table.subject), len(table.subject))


def observed(table: EventTable) -> NDArray[np.bool_]:
    """Records that a result answers at: observations, and other events."""
    return np.isin(table.evid, (OBSERVATION, OTHER))


class Trains(NamedTuple):
    """Doses that come at equal intervals, shape (train,): one for every dose record and input it enters by.

    `value` is the amount [mg] of a bolus (`length` is 0), or the rate [mg/h] of an infusion of `length` [h].
    """

    item: Ints
    state: Ints
    value: Floats
    length: Floats
    lag: Floats
    interval: Floats
    extra: Ints
    steady: Ints

    @property
    def constant(self) -> NDArray[np.bool_]:
        """An infusion that has gone on for ever and stops at its record."""
        return (self.steady > 0) & (self.interval == 0)


def trains_of(
    model: Model,
    programmes: Programmes,
    values: Mapping[str, Floats],
    factors: Mapping[str, Floats] | None = None,
) -> Trains:
    """Apply bioavailability, lag, rate and duration of the model's inputs to all dose records.

    Parameters
    ----------
    model : Model
        Its inputs say where a route or compartment leads.
    programmes : Programmes
        The records.
    values : mapping of str to array, shape (case or 1, segment or 1)
        Resolved parameters. All of a dose is evaluated with those that hold at its record.
    factors : mapping of str to array, shape (case or 1, 1), optional
        Multiplies all doses of a route.

    Returns
    -------
    Trains
        In the order of items.

    Raises
    ------
    ModelError
        The model has no such input, or an input lacks the rate or duration that a record leaves to it.
    """
    table = programmes.table
    dosing = np.flatnonzero(np.isin(table.evid, (DOSE, RESET_AND_DOSE))[programmes.record])
    names = table.compartment[programmes.record[dosing]]
    known, code = np.unique(names.astype(str), return_inverse=True)
    inputs = inputs_of(table, model)
    parts: list[Trains] = []
    for k, name in enumerate(known):
        items, factor = dosing[code == k], (factors or {}).get(str(name), np.ones((1, 1)))
        for entry in inputs[str(name)]:
            parts += _entering(model, programmes, items, str(name), entry, values, factor)
    if not parts:
        return Trains(*(np.zeros(0, t) for t in (int, int, float, float, float, float, int, int)))
    joined = Trains._make(np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(joined.item, kind="stable")
    return Trains._make(column[order] for column in joined)


def inputs_of(table: EventTable, model: Model) -> dict[str, tuple[Input, ...]]:
    """Inputs of the model by the names that doses and switches of compartments give them."""
    used = np.isin(table.evid, (DOSE, RESET_AND_DOSE, OTHER)) & (table.compartment != "")
    found, faults = {}, []
    for name in np.unique(table.compartment[used].astype(str)):
        try:
            found[str(name)] = model.inputs_of(name.removeprefix("-"))
        except ModelError as error:
            row = np.flatnonzero(used & (table.compartment == name))[0]
            faults += [f"{table.place(row)}: {fault}" for fault in error.faults]
    if faults:
        raise ModelError(*faults)
    return found


def _entering(
    model: Model,
    programmes: Programmes,
    items: Ints,
    name: str,
    entry: Input,
    values: Mapping[str, Floats],
    factor: Floats,
) -> Iterator[Trains]:
    """Trains of all doses that go by one name through one input; at most one per kind of body size."""
    table, states = programmes.table, {s: i for i, s in enumerate(model.states)}
    for per in np.unique(table.per[programmes.record[items]].astype(str)):
        mine = items[table.per[programmes.record[items]] == per]
        record = programmes.record[mine]
        case, segment = programmes.case[programmes.program[mine]], programmes.segment[record]

        def at(item: str | float, case: Ints = case, segment: Ints = segment) -> Floats:
            return _take(np.atleast_2d(value_of(item, values)), case, segment)

        size = _take(size_of(per, values, table.place(record[0])) * factor, case, segment)
        constant = (table.steady[record] > 0) & (table.interval[record] == 0)
        fraction = np.where(constant, 1.0, at(entry.bioavailability))
        rate, given = _modelled(table, record, name, entry, at)
        value, length = _delivery(table.amount[record], rate, given, fraction, size)
        yield Trains(
            item=mine,
            state=np.full(len(mine), states[entry.entry]),
            value=value,
            length=np.where(constant, np.inf, length),
            lag=np.where(constant, 0.0, np.nan_to_num(at(entry.lag), nan=0.0)),
            interval=table.interval[record],
            extra=table.additional[record],
            steady=table.steady[record],
        )


def _modelled(
    table: EventTable, record: Ints, name: str, entry: Input, at: Callable[[str | float], Floats]
) -> tuple[Floats, Floats]:
    """Rate and duration of every dose, those of the model's input where the record leaves them to it."""
    rate, duration = table.rate[record].copy(), table.duration[record].copy()
    plain = (rate == 0) & (duration == 0) & (name in TABLETS)
    for code, field, column in (
        (MODELLED_RATE, entry.rate, rate),
        (MODELLED_DURATION, entry.duration, duration),
    ):
        asked = table.rate[record] == code
        if field is not None:
            wanted = asked | plain
            found = at(field)[wanted]
            column[wanted] = np.where((found > 0) | (code == MODELLED_DURATION), found, np.nan)
        elif asked.any():
            what = "rate" if code == MODELLED_RATE else "duration"
            raise ModelError(
                f'RATE is {code:g}, and the input "{entry.route}" of the model has no {what}',
                remedy=f'Give it: Input("{entry.route}", ..., {what}=2.0).',
            )
    return np.where(rate == MODELLED_DURATION, 0.0, rate), duration


def _delivery(
    amount: Floats, rate: Floats, duration: Floats, fraction: Floats, size: Floats
) -> tuple[Floats, Floats]:
    """Value and length: bioavailability shortens what has a rate, and thins what has a duration.

    A modelled duration of 0 is a bolus; a modelled rate of 0 gives NaN.
    """
    with np.errstate(all="ignore"):
        dose = amount * size * fraction
        lasting, running = duration > 0, (duration == 0) & (rate != 0)
        value = np.where(lasting, dose / duration, np.where(running, rate * size, dose))
        length = np.where(lasting, duration, np.where(running, fraction * amount / rate, 0.0))
    return value, length


def _take(values: Floats, case: Ints, segment: Ints) -> Floats:
    """Values of shape (case or 1, segment or 1) at cases and segments."""
    rows, columns = np.array(values.shape) - 1
    return np.asarray(values[np.minimum(case, rows), np.minimum(segment, columns)])
