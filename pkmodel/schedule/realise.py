"""From trains of doses to single ones, each with its own time.

The k-th dose of a train arrives at ``(TIME + lag) + k II``. A train at steady state (SS) has gone on for ever:
k runs from minus infinity. Its doses after the record are single ones like all others; those up to the record
are summed in closed form, see :class:`Periods`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.schedule.records import Programmes, Trains

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_NEARLY = 1e-12
"""Relative distance at which a quotient of times is a whole number."""


class Doses(NamedTuple):
    """Single doses, shape (dose,).

    `stop` [h] is NaN for a bolus. `start` is minus infinity for an infusion that the closed form of a
    steady state has begun. `own` tells whether a dose acts in the place of its record; the others act
    before all records of the same time.
    """

    train: Ints
    start: Floats
    stop: Floats
    own: NDArray[np.bool_]


class Periods(NamedTuple):
    """Steady states, shape (record at SS,): what the doses up to the record have left behind.

    The last of these doses came at `last` [h], at or before the record. In the period before it ran `full`
    infusions all the time, and one more for the first `rest` [h].
    """

    train: Ints
    last: Floats
    full: Ints
    rest: Floats


def realise(trains: Trains, programmes: Programmes, until: Floats) -> tuple[Doses, Periods]:
    """Single doses of all trains, and the steady states that some of them start from.

    Parameters
    ----------
    trains : Trains
        Doses as ordered.
    programmes : Programmes
        Their records.
    until : array, shape (span,)
        Time [h] after which a dose of a span acts no more: the next reset, or the end.

    Returns
    -------
    Doses, Periods
    """
    time = programmes.time[trains.item]
    end = until[programmes.span[trains.item]]
    periodic = (trains.steady > 0) & (trains.interval > 0)
    behind = np.where(periodic, _ceil(trains.lag, trains.interval), 0)
    arrival = time + trains.lag
    last = np.minimum(arrival - behind * trains.interval, time)

    first = np.where(periodic, 1 - behind, 0)
    count = np.where(trains.constant, 0, _until(arrival, trains, end) - first + 1)
    dose, k = _ranges(np.maximum(count, 0), first)
    start = arrival[dose] + k * trains.interval[dose]
    own = (k == 0) & (trains.lag[dose] == 0)
    singles = _doses(trains, dose, start, own)

    periods = _periods(trains, np.flatnonzero(trains.steady > 0), last)
    running = periods.full + (periods.rest > 0)
    begun, i = _ranges(running, (periods.rest == 0).astype(np.int64))
    index = periods.train[begun]
    stop = last[index] + periods.rest[begun] + i * trains.interval[index]
    later = (stop > time[index]) & ~trains.constant[index]
    endings = Doses(
        index[later],
        np.full(later.sum(), -np.inf),
        stop[later],
        np.zeros(later.sum(), bool),
    )
    doses = Doses._make(np.concatenate(pair) for pair in zip(singles, endings, strict=True))
    wanted = ~(np.where(np.isfinite(doses.start), doses.start, doses.stop) > end[doses.train])
    doses = Doses._make(column[wanted] for column in doses)
    return _without_cancelled(doses, trains, programmes), periods


def _without_cancelled(doses: Doses, trains: Trains, programmes: Programmes) -> Doses:
    """Drop, or cut off, what a compartment would have received after it was switched off."""
    off = programmes.closures.switched_off[programmes.record]
    item, state = trains.item[doses.train], trains.state[doses.train]
    until = np.full(len(item), np.inf)
    for closed in np.unique(off[off >= 0]):
        closing = np.append(np.flatnonzero(off == closed), -1)
        following = closing[np.searchsorted(closing[:-1], item, side="right")]
        ends = (following >= 0) & (state == closed)
        ends &= programmes.span[following] == programmes.span[item]
        until[ends] = programmes.time[following[ends]]
    keep = ~(doses.start > until)
    cut = doses._replace(stop=np.minimum(doses.stop, until))
    return Doses._make(column[keep] for column in cut)


def _doses(trains: Trains, train: Ints, start: Floats, own: NDArray[np.bool_]) -> Doses:
    length = trains.length[train]
    return Doses(train, start, np.where(length > 0, start + length, np.nan), own)


def _until(arrival: Floats, trains: Trains, end: Floats) -> Ints:
    """Number of the last further dose that comes before the end."""
    with np.errstate(all="ignore"):
        within = np.floor((end - arrival) / trains.interval) + 1.0
    within = np.where(trains.interval > 0, within, 0.0)
    return np.clip(within, -1.0, trains.extra).astype(np.int64)


def _periods(trains: Trains, train: Ints, last: Floats) -> Periods:
    length, interval = trains.length[train], trains.interval[train]
    with np.errstate(all="ignore"):
        full = np.floor(length / interval * (1.0 + _NEARLY))
        full = np.where(np.isfinite(full), full, 0.0)
        rest = length - full * interval
    rest = np.where((rest > _NEARLY * length) & np.isfinite(length), rest, 0.0)
    return Periods(train, last[train], full.astype(np.int64), rest)


def _ceil(time: Floats, interval: Floats) -> Ints:
    """Number of intervals that cover a time."""
    with np.errstate(all="ignore"):
        whole = np.ceil(time / interval * (1.0 - _NEARLY))
    return np.where(np.isfinite(whole), whole, 0.0).astype(np.int64)


def _ranges(count: Ints, first: Ints) -> tuple[Ints, Ints]:
    """Index i repeated ``count[i]`` times, beside ``first[i], first[i] + 1, …``."""
    index = np.repeat(np.arange(len(count)), count)
    begin = np.cumsum(count) - count
    return index, np.arange(len(index)) - begin[index] + first[index]
