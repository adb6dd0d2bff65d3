"""From single doses to the tape that the kernel follows, for all programmes at once.

Items are sorted by span, time and rank. Ranks say what comes first at one time: doses that have no record of
their own, then the records in their order, at last the outputs at times of one's own. A record at steady state
expands to a prelude, which sets the clock back, builds the steady state up, and comes to rest at the record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel.kernels.tapes import ADD, ASIDE, CLOCK, JOIN, OUTPUT, RESET, SEGMENT, SET, STEADY
from pkmodel.schedule.records import observed
from pkmodel.schedule.tape import ROUNDING, Tape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from pkmodel.schedule.realise import Doses, Periods
    from pkmodel.schedule.records import Programmes, Trains

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_CONSTANT_PERIOD = 24.0
"""Any period [h]: the steady state of a constant infusion does not depend on it."""
_PLACES = 4
_SWITCH, _PRELUDE, _ACT, _AFTER = range(_PLACES)
_IMPLIED = -1
_READING, _END = np.iinfo(np.int64).max - 1, np.iinfo(np.int64).max
_STEPS = 16


class _Items(NamedTuple):
    """Columns of equal length.

    An item is sorted by span, moment, rank and step. `time` is what the kernel's clock then shows, and differs
    from the moment in preludes alone. `active` counts the infusions that an item starts or ends.
    """

    span: Ints
    moment: Floats
    rank: Ints
    step: Ints
    time: Floats
    op: Ints
    target: Ints
    value: Floats
    active: Ints


def tape_of(
    programmes: Programmes,
    trains: Trains,
    doses: Doses,
    periods: Periods,
    rate_state: Mapping[int, int],
    integrals: range,
    times: Floats | None,
    covariates: str,
) -> Tape:
    """Merge doses, changes of parameters and observations into the kernel's tape.

    Parameters
    ----------
    programmes : Programmes
        The records.
    trains, doses, periods : Trains, Doses, Periods
        What they order, see :func:`realise`.
    rate_state : mapping of int to int
        State that holds the inflow [mg/h] of each infused state.
    integrals : range
        States that hold time integrals; they begin anew with every span.
    times : array, shape (time,), or None
        Output times [h] of every programme; by default the outputs stand at the observation records.
    covariates : {"nocb", "locf"}
        Whether the parameters of a record hold from the record before it, or until the next.

    Returns
    -------
    Tape
        Output column k is the k-th observation of the programme, or ``times[k]``.
    """
    parts = [
        _openings(programmes, times),
        _switches(programmes, covariates),
        *_closures(programmes, rate_state),
        *_preludes(programmes, trains, periods, rate_state, integrals),
        *_injections(programmes, trains, doses, rate_state),
        _observations(programmes) if times is None else _readings(programmes, times),
    ]
    items = _Items._make(np.concatenate(columns) for columns in zip(*parts, strict=True))
    items = _sorted(_meeting(_sorted(items)))
    program = programmes.program[programmes.opens][items.span]
    items = _clocked(_stopped(items, rate_state), program)
    return _tape(items, program, len(programmes.case))


def _items(span: Ints, moment: ArrayLike, rank: ArrayLike, **columns: ArrayLike) -> _Items:
    """Items of one kind; what is not given is 0, and the time the moment."""
    given: dict[str, Any] = {"step": 0, "target": 0, "value": 0.0, "active": 0, "time": moment}
    given |= {"span": span, "moment": moment, "rank": rank} | columns
    kinds = {n: float if n in ("moment", "time", "value") else np.int64 for n in given}
    return _Items(
        **{n: np.broadcast_to(np.asarray(v, kinds[n]), np.shape(span)) for n, v in given.items()}
    )


def _openings(programmes: Programmes, times: Floats | None) -> _Items:
    """Clear the state at the beginning of every span, and set the clock."""
    at = np.flatnonzero(programmes.opens)
    time = programmes.time[at]
    if times is not None:
        first = np.isin(at, programmes.start)
        time = np.where(first, np.minimum(time, times[0]), time)
    span, time = np.repeat(programmes.span[at], 2), np.repeat(time, 2)
    step = np.tile([0, 1], len(at))
    op = np.where(step == 0, RESET, CLOCK)
    return _items(span, -np.inf, _IMPLIED, step=step, time=time, op=op, value=time)


def _switches(programmes: Programmes, covariates: str) -> _Items:
    """Follow other parameters where those of the records change."""
    segment = programmes.segment[programmes.record]
    opening = np.zeros(len(segment), bool)
    opening[programmes.start[:-1][np.diff(programmes.start) > 0]] = True
    before = np.where(opening, 0, np.roll(segment, 1))
    at = np.flatnonzero(segment != before)
    if covariates == "locf":
        place = at
        rank = _rank(at, _SWITCH)
    else:
        place = at - 1
        waits = programmes.time[at] != programmes.time[place]
        rank = np.where(waits, _END, _rank(place, _AFTER))
    span, time = programmes.span[place], programmes.time[place]
    pattern = programmes.closures.pattern[programmes.record[at - 1]]
    return _items(span, time, rank, op=SEGMENT, target=segment[at] + programmes.segments * pattern)


def _closures(programmes: Programmes, rate_state: Mapping[int, int]) -> Iterator[_Items]:
    """Empty a compartment that is switched off, with its inflow, and follow the matrix without it."""
    pattern = programmes.closures.pattern[programmes.record]
    first = np.isin(np.arange(len(pattern)), programmes.start)
    at = np.flatnonzero(pattern != np.where(first, 0, np.roll(pattern, 1)))
    yield _items(programmes.span[at], programmes.time[at], _rank(at, _SWITCH), step=1, op=SEGMENT,
                 target=programmes.matrix[at])  # fmt: skip
    off = programmes.closures.switched_off[programmes.record]
    at = np.flatnonzero(off >= 0)
    inflow = np.array([rate_state.get(int(s), int(s)) for s in off[at]], np.int64)
    for target in (off[at], inflow):
        yield _items(
            programmes.span[at], programmes.time[at], _rank(at, _ACT), op=SET, target=target
        )


def _rank(item: Ints, place: int) -> Ints:
    return _PLACES * item + place


def _preludes(
    programmes: Programmes,
    trains: Trains,
    periods: Periods,
    rate_state: Mapping[int, int],
    integrals: range,
) -> Iterator[_Items]:
    """Build up the steady states: one period of doses, summed over all periods past."""
    train, full, rest = periods.train, periods.full, periods.rest
    item, value, constant = trains.item[train], trains.value[train], trains.constant[train]
    infused = trains.length[train] > 0
    period = np.where(constant, _CONSTANT_PERIOD, trains.interval[train])
    moment = programmes.time[item]
    begin = np.where(infused, periods.last - period, periods.last)
    over = begin + rest
    inflow = np.array([rate_state.get(int(s), 0) for s in trains.state[train]], np.int64)
    entry = np.where(infused, inflow, trains.state[train])
    order = np.concatenate([[0], np.cumsum(item[1:] == item[:-1])])[: len(item)]

    def step(
        number: int, where: ArrayLike, time: Floats, op: ArrayLike, **columns: ArrayLike
    ) -> _Items:
        chosen = np.flatnonzero(np.broadcast_to(where, item.shape))
        some = {n: np.broadcast_to(v, item.shape)[chosen] for n, v in {"op": op, **columns}.items()}
        span, rank = programmes.span[item[chosen]], _rank(item[chosen], _PRELUDE)
        turn = (_STEPS + len(integrals)) * order[chosen] + number
        return _items(span, moment[chosen], rank, step=turn, time=time[chosen], **some)

    some, part, back = full > 0, rest > 0, periods.last + rest <= moment
    stop = np.where(some, ADD, SET)
    fall = np.where(some, -value, 0.0)
    yield step(0, True, moment, ASIDE)
    yield step(1, True, moment, CLOCK, value=begin)
    yield step(2, some, begin, ADD, target=entry, value=full * value, active=full)
    yield step(3, part | constant | ~infused, begin, ADD, target=entry, value=value, active=infused)
    yield step(4, part, over, stop, target=entry, value=fall, active=-1)
    yield step(5, True, periods.last, STEADY, value=period)
    yield step(6, part, periods.last, ADD, target=entry, value=value, active=1)
    yield step(7, part & back, periods.last + rest, stop, target=entry, value=fall, active=-1)
    yield step(8, constant, moment, SET, target=entry, active=-1)
    for k, state in enumerate(integrals):
        yield step(9 + k, True, moment, SET, target=state)
    yield step(9 + len(integrals), True, moment, JOIN)


def _injections(
    programmes: Programmes, trains: Trains, doses: Doses, rate_state: Mapping[int, int]
) -> Iterator[_Items]:
    """Every bolus, and every start and end of an infusion."""
    item, state, value = (
        trains.item[doses.train],
        trains.state[doses.train],
        trains.value[doses.train],
    )
    inflow = np.array([rate_state.get(int(s), 0) for s in state], np.int64)
    bolus = np.isnan(doses.stop)
    starts, ends = np.isfinite(doses.start), np.isfinite(doses.stop)
    target = np.where(bolus, state, inflow)
    rank = np.where(doses.own, _rank(item, _ACT), _IMPLIED)
    for where, moment, order, sign in (
        (starts, doses.start, rank, 1),
        (ends, doses.stop, None, -1),
    ):
        span = programmes.span[item[where]]
        yield _items(span, moment[where], _IMPLIED if order is None else order[where], step=sign < 0, op=ADD,
                     target=target[where], value=sign * value[where], active=sign * ~bolus[where])  # fmt: skip


def _observations(programmes: Programmes) -> _Items:
    """Read the state at every observation record."""
    seen = observed(programmes.table)[programmes.record]
    at = np.flatnonzero(seen)
    before = np.concatenate([[0], np.cumsum(seen)])
    column = before[at] - before[programmes.start[programmes.program[at]]]
    return _items(
        programmes.span[at], programmes.time[at], _rank(at, _ACT), op=OUTPUT, target=column
    )


def _readings(programmes: Programmes, times: Floats) -> _Items:
    """Read the state at the same times in every programme."""
    at = np.flatnonzero(programmes.opens)
    edges = np.searchsorted(at, programmes.start)
    starts = programmes.time[at]
    spans = [
        a + np.maximum(np.searchsorted(starts[a:b], times, side="right") - 1, 0)
        for a, b in pairwise(edges)
    ]
    span = np.concatenate([np.zeros(0, np.int64), *spans])
    count = len(programmes.case)
    return _items(
        span,
        np.tile(times, count),
        _READING,
        op=OUTPUT,
        target=np.tile(np.arange(len(times)), count),
    )


def _sorted(items: _Items) -> _Items:
    order = np.lexsort((items.step, items.rank, items.moment, items.span))
    return _Items._make(column[order] for column in items)


def _meeting(items: _Items) -> _Items:
    """Doses that miss a record or output by rounding alone moved onto it; items come sorted."""
    finite = np.where(np.isfinite(items.moment), np.abs(items.moment), 0.0)
    first = np.flatnonzero(np.diff(items.span, prepend=-1))
    largest = np.maximum.reduceat(finite, first) if len(first) else finite
    slack = (ROUNDING * np.spacing(largest))[np.cumsum(np.diff(items.span, prepend=-1) != 0) - 1]
    with np.errstate(invalid="ignore"):
        apart = (np.diff(items.span, prepend=-1) != 0) | ~(
            np.diff(items.moment, prepend=0.0) <= slack
        )
    cluster = np.cumsum(apart) - 1
    anchor = np.full(cluster[-1] + 1 if len(cluster) else 0, np.nan)
    fixed = items.rank != _IMPLIED
    anchor[cluster[fixed]] = items.moment[fixed]
    moves = ~fixed & np.isfinite(items.moment) & np.isfinite(anchor[cluster])
    moment = np.where(moves, anchor[cluster], items.moment)
    return items._replace(moment=moment, time=np.where(moves, moment, items.time))


def _stopped(items: _Items, rate_state: Mapping[int, int]) -> _Items:
    """The last infusion of a state that ends leaves an inflow of exactly 0."""
    op, value = items.op.copy(), items.value.copy()
    begins = np.diff(items.span, prepend=-1) != 0
    ordinary = (items.op == ADD) & (items.active < 0) & (items.rank == _IMPLIED)
    for state in rate_state.values():
        active = np.where(items.target == state, items.active, 0)
        total = np.cumsum(active)
        before = (total - active)[begins][np.cumsum(begins) - 1]
        ended = ordinary & (items.target == state) & (total == before)
        op[ended], value[ended] = SET, 0.0
    return items._replace(op=op, value=value)


def _clocked(items: _Items, program: Ints) -> _Items:
    """The opening of a span comes when the clock shows the end of the one before."""
    shown = np.where(items.op == CLOCK, items.value, items.time)
    follows = (items.op == RESET) & (np.diff(program, prepend=-1) == 0)
    time = np.where(follows, np.roll(shown, 1), items.time)
    opening = np.flatnonzero(follows) + 1
    time[opening] = time[opening - 1]
    return items._replace(time=time)


def _tape(items: _Items, program: Ints, programs: int) -> Tape:
    """Cut what comes after the last output of every programme."""
    last = np.full(programs, -1)
    outputs = np.flatnonzero(items.op == OUTPUT)
    last[program[outputs]] = outputs
    keep = np.arange(len(program)) <= last[program]
    start = np.concatenate([[0], np.cumsum(np.bincount(program[keep], minlength=programs))])
    scale = np.full(int(keep.sum()), -1)
    return Tape(
        start, items.time[keep], items.op[keep], items.target[keep], items.value[keep], scale
    )
