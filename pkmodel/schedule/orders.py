"""From orders to events: what enters which state at what time, for every case.

A *case* is one set of parameters, a *segment* a span of time over which they are constant. Values come as arrays
of shape (case or 1, segment or 1). Cases whose lags and durations agree share one programme of times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pkmodel.errors import ModelError
from pkmodel.kernels.tapes import ADD, OUTPUT, SEGMENT, SET, STEADY
from pkmodel.model import Input, value_of
from pkmodel.schedule.sizes import size_of
from pkmodel.schedule.tape import ROUNDING, Tape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.model import Model
    from pkmodel.regimen import Order, Regimen

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

BOLUS, START, END = 0, 1, 2


@dataclass(frozen=True)
class Schedule:
    """Events, as columns that all programmes have in common, and their times.

    Parameters
    ----------
    time : array, shape (programme, event)
        Moment of every event [h]; infinite for an infusion that never ends.
    kind : array, shape (event,)
        A bolus, or the start or end of an infusion.
    state : array, shape (event,)
        Index of the state that receives the dose.
    value : array, shape (event,)
        Amount [mg] of a bolus, rate [mg/h] of an infusion, before `scales`.
    scale : array, shape (event,)
        Column of `scales` that multiplies the value.
    scales : array, shape (case or 1, scale)
        Bioavailability, body size and other factors of each case.
    program : array, shape (case,)
        Programme that each case follows.
    """

    time: Floats
    kind: Ints
    state: Ints
    value: Floats
    scale: Ints
    scales: Floats
    program: Ints

    @property
    def infused(self) -> tuple[int, ...]:
        """States that receive an infusion, in order."""
        return tuple(int(s) for s in np.unique(self.state[self.kind != BOLUS]))

    def delivered(self, states: int) -> Floats:
        """Amount [mg] that enters every state in all, shape (case, state); infinite if an infusion never ends."""
        time = self.time[self.program]
        sign = np.choose(self.kind, [1.0, -1.0, 1.0])
        entered = (
            self.value * self.scales[:, self.scale] * sign * np.where(self.kind == BOLUS, 1.0, time)
        )
        total = np.zeros((len(entered), states))
        np.add.at(total.T, self.state, entered.T)
        return total

    def tape(
        self,
        times: Floats,
        breaks: Floats,
        rate_state: Mapping[int, int],
        steady: tuple[int, float, float] | None = None,
    ) -> Tape:
        """Merge events, changes of parameters and output times into the kernel's programme.

        Parameters
        ----------
        times : array, shape (time,)
            Output times [h], ascending. A dose at an output time is given before the output is read.
        breaks : array, shape (segment - 1,)
            Times at which the parameters change.
        rate_state : mapping of int to int
            State that holds the inflow [mg/h] of each infused state.
        steady : tuple of int, float and float, optional
            Before the output of this number, at this time, replace the amounts by the sum over all
            earlier periods of this length [h].

        Returns
        -------
        Tape
        """
        programs, (b, e, t) = len(self.time), (len(breaks), len(self.kind), len(times))
        entry = np.array(
            [
                s if k == BOLUS else rate_state[int(s)]
                for s, k in zip(self.state, self.kind, strict=True)
            ],
            dtype=np.int64,
        )
        none = np.zeros(b, np.int64), np.zeros(t, np.int64)
        op = np.repeat([SEGMENT, ADD, OUTPUT], [b, e, t])
        target = np.concatenate([np.arange(1, b + 1), entry, np.arange(t)])
        value = np.concatenate(
            [none[0], np.where(self.kind == END, -self.value, self.value), none[1]]
        )
        scale = np.concatenate([none[0], self.scale, none[1]])
        active = np.concatenate([none[0], np.choose(self.kind, [0, 1, -1]), none[1]])
        time = np.concatenate([np.broadcast_to(_meet(breaks, times), (programs, b)), _meet(self.time, times),
                               np.broadcast_to(times, (programs, t))], axis=1)  # fmt: skip
        if steady is not None:
            place, moment, period = steady
            place += b + e
            op, target, value, scale, active = (
                np.insert(a, place, item) for a, item in
                ((op, STEADY), (target, 0), (value, period), (scale, 0), (active, 0))
            )  # fmt: skip
            time = np.insert(time, place, moment, axis=1)
        order = np.argsort(time, axis=1, kind="stable")
        time = np.take_along_axis(time, order, axis=1)
        op, target, value, scale, active = (a[order] for a in (op, target, value, scale, active))
        for state in rate_state.values():
            running = np.cumsum(np.where((op == ADD) & (target == state), active, 0), axis=1)
            op[(active < 0) & (target == state) & (running == 0)] = SET
        value[op == SET] = 0.0
        last = time.shape[1] - 1 - np.argmax(op[:, ::-1] == OUTPUT, axis=1)
        keep = np.arange(time.shape[1]) <= last[:, None]
        start = np.concatenate([[0], np.cumsum(last + 1)])
        return Tape(start, time[keep], op[keep], target[keep], value[keep], scale[keep])


def schedule(
    regimen: Regimen,
    model: Model,
    values: Mapping[str, Floats],
    *,
    cases: int,
    end: float,
    breaks: Floats,
    factors: Mapping[str, Floats] | None = None,
) -> Schedule:
    """Turn orders into events.

    Parameters
    ----------
    regimen : Regimen
        What is ordered.
    model : Model
        Its inputs say where a route leads, and with what bioavailability, lag and duration.
    values : mapping of str to array, shape (case or 1, segment or 1)
        Resolved parameters of the model.
    cases : int
        How many cases there are.
    end : float
        Last time [h] of interest; open-ended orders run until then.
    breaks : array, shape (segment - 1,)
        Times at which the parameters change. A dose takes bioavailability, lag and duration from the segment
        of its nominal time.
    factors : mapping of str to array, shape (case or 1, 1), optional
        Multiplies all doses of a route.

    Returns
    -------
    Schedule

    Raises
    ------
    ModelError
        An order's route is no input of the model.
    ParameterError
        A dose per kg or m² without the body size among the parameters.
    """
    if end < np.inf:
        end += ROUNDING * np.spacing(abs(end))
    parts: list[_Part] = []
    for order in regimen:
        sizes = size_of(order.per, values, str(order)) * (factors or {}).get(order.route, 1.0)
        parts += [_part(order, i, values, sizes, end, breaks) for i in model.inputs_of(order.input)]
    entries = {name: k for k, name in enumerate(model.states)}
    return _join(parts, [entries[p.entry] for p in parts], cases, end)


class _Part(NamedTuple):
    """Events of one order through one input: times (case or 1, dose), scale columns (case or 1, segment or 1)."""

    entry: str
    start: Floats
    stop: Floats | None
    value: float
    factor: Floats
    column: Ints


def _part(
    order: Order,
    entry: Input,
    values: Mapping[str, Floats],
    sizes: Floats,
    end: float,
    breaks: Floats,
) -> _Part:
    nominal = order.times(end)
    segment = np.searchsorted(breaks, nominal, side="right")
    fraction = np.atleast_2d(value_of(entry.bioavailability, values))
    value, factor, length = _delivery(order, entry, values, fraction, np.atleast_2d(sizes))
    start = nominal + _at(np.atleast_2d(value_of(entry.lag, values)), segment)
    stop = None if length is None else start + _at(length, segment)
    column = segment if factor.shape[1] > 1 else np.zeros_like(segment)
    return _Part(entry.entry, start, stop, value, factor, column)


def _delivery(
    order: Order, entry: Input, values: Mapping[str, Floats], fraction: Floats, size: Floats
) -> tuple[float, Floats, Floats | None]:
    """Value, factor and duration of a dose.

    With a rate and an amount, bioavailability shortens the infusion; with a duration it lowers the rate.
    """
    if order.rate is not None and order.amount is not None:
        return order.rate, size, fraction * (order.amount / order.rate)
    if order.rate is not None:
        return order.rate, fraction * size, np.full((1, 1), order.duration)
    assert order.amount is not None
    if order.duration:
        return order.amount / order.duration, fraction * size, np.full((1, 1), order.duration)
    known, given = _modelled(order, entry, values)
    with np.errstate(all="ignore"):
        if known == "duration":
            return order.amount, fraction * size / given, given
        if known == "rate":
            return 1.0, given, fraction * size * order.amount / given
    return order.amount, fraction * size, None


def _modelled(
    order: Order, entry: Input, values: Mapping[str, Floats]
) -> tuple[str | None, Floats]:
    """What the model's input says of a zero-order entry: of tablets always, of others if asked."""
    found = [n for n in ("duration", "rate") if getattr(entry, n) is not None]
    if order.modelled is not None:
        if order.modelled not in found:
            raise ModelError(
                f'"{order}" leaves the {order.modelled} to the model, and its input "{entry.route}" has none',
                remedy=f'Give it: Input("{entry.route}", ..., {order.modelled}=2.0).',
            )
        found = [order.modelled]
    elif order.form not in ("immediate", "modified"):
        found = []
    for name in found:
        given = np.atleast_2d(value_of(getattr(entry, name), values))
        if given.any():
            return name, given
    return None, np.ones((1, 1))


def _meet(moments: Floats, times: Floats) -> Floats:
    """Moments that miss an output time by rounding alone moved onto it: 0.1 h + 0.2 h is 0.3 h."""
    if not moments.size:
        return moments
    grid = times if (times[1:] > times[:-1]).all() else np.unique(times)
    above = np.minimum(np.searchsorted(grid, moments), len(grid) - 1)
    below = np.maximum(above - 1, 0)
    nearest = np.where(grid[above] - moments < moments - grid[below], grid[above], grid[below])
    return np.where(
        np.abs(nearest - moments) <= ROUNDING * np.spacing(np.abs(grid).max()), nearest, moments
    )


def _at(values: Floats, segment: Ints) -> Floats:
    """Values of shape (case or 1, segment or 1) at the segment of every dose."""
    return values[:, segment] if values.shape[1] > 1 else values


def _join(parts: list[_Part], states: list[int], cases: int, end: float) -> Schedule:
    """Columns of all parts side by side; programmes that are equal become one."""
    columns: list[tuple[Floats, int, int, float, Ints]] = []
    factors: list[Floats] = []
    offset = 0
    for part, state in zip(parts, states, strict=True):
        doses = len(part.column)
        kinds = (
            [(part.start, BOLUS)] if part.stop is None else [(part.start, START), (part.stop, END)]
        )
        for moment, kind in kinds:
            time = np.broadcast_to(moment, (len(moment), doses))
            columns.append((time, kind, state, part.value, part.column + offset))
        factors.append(part.factor)
        offset += part.factor.shape[1]
    rows = max((len(c[0]) for c in columns), default=1)
    time = np.concatenate(
        [np.zeros((rows, 0)), *(np.broadcast_to(c[0], (rows, c[0].shape[1])) for c in columns)], 1
    )
    repeats = [c[0].shape[1] for c in columns]
    wanted = ~(time > end).all(axis=0)
    time, program = _programs(time[:, wanted], cases)
    height = max((len(f) for f in factors), default=1)
    return Schedule(
        time=time,
        kind=np.repeat(np.array([c[1] for c in columns], np.int64), repeats)[wanted],
        state=np.repeat(np.array([c[2] for c in columns], np.int64), repeats)[wanted],
        value=np.repeat(np.array([c[3] for c in columns], float), repeats)[wanted],
        scale=np.concatenate([np.zeros(0, np.int64), *(c[4] for c in columns)])[wanted],
        scales=np.concatenate([np.zeros((height, 0)), *(np.broadcast_to(f, (height, f.shape[1])) for f in factors)], 1)
        if factors else np.ones((1, 1)),
        program=program,
    )  # fmt: skip


def _programs(time: Floats, cases: int) -> tuple[Floats, Ints]:
    if len(time) == 1:
        return time, np.zeros(cases, np.int64)
    time = np.where(np.isnan(time), np.inf, time)
    unique, program = np.unique(time, axis=0, return_inverse=True)
    return unique, program.reshape(-1).astype(np.int64)
