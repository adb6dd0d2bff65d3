"""What results hold beside amounts and concentrations: variables of a model, and definitions that it observes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pkmodel.kernels.tapes import OUTPUT, SEGMENT
from pkmodel.model.equations import Expression

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.model import Model
    from pkmodel.schedule import Tape
    from pkmodel.simulation.cases import Cases

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Readings(NamedTuple):
    """Time [h] of every output of a case, and the number of the parameters that hold then: (case, column)."""

    time: Floats
    segment: Ints

    @classmethod
    def of(cls, tape: Tape, program: Ints, columns: int) -> Readings:
        """What the outputs of every case's tape read; NaN and 0 where it has none."""
        place = np.repeat(np.arange(len(tape.start) - 1), np.diff(tape.start))
        last = np.maximum.accumulate(np.where(tape.op == SEGMENT, np.arange(len(tape.op)), -1))
        segment = np.where(last >= tape.start[place], tape.target[last], 0)
        shown = tape.op == OUTPUT
        time = np.full((len(tape.start) - 1, columns), np.nan)
        held = np.zeros(time.shape, np.int64)
        time[place[shown], tape.target[shown]] = tape.time[shown]
        held[place[shown], tape.target[shown]] = segment[shown]
        if len(time) == 1:
            shape = len(program), columns
            return cls(np.broadcast_to(time, shape), np.broadcast_to(held, shape))
        return cls(time[program], held[program])

    @classmethod
    def at(cls, times: Floats, cases: int) -> Readings:
        """The same times for all cases, and parameters that hold always."""
        shape = (cases, len(times))
        return cls(np.broadcast_to(times, shape), np.zeros(shape, np.int64))

    def held(self, value: Floats) -> Floats:
        """A parameter of shape (case or 1, segment or 1) at every output; segments may come round again."""
        value = np.atleast_2d(value)
        if value.shape[1] == 1:
            return value
        value = np.broadcast_to(value, (len(self.segment), value.shape[1]))
        return np.take_along_axis(value, self.segment % value.shape[1], axis=1)


def beside(model: Model, states: Floats, cases: Cases, read: Readings) -> dict[str, Floats]:
    """Variables and observed definitions by name, shape (case, column), from states (case, state, column)."""
    own = {n: states[:, k] for k, n in enumerate((*model.states, *model.variables))}
    found = {v: own[v] for v in model.variables}
    if model.observed:
        known = {**{n: read.held(v) for n, v in cases.values.items()}, **own, "t": read.time}
        found |= {n: _defined(model, n, known) for n in model.observed}
    return found


def _defined(model: Model, name: str, known: dict[str, Floats]) -> Floats:
    """A definition's value, with those that it uses."""
    expression = Expression.parse(str(model.definitions[name]), name)
    for used in expression.names:
        if used not in known:
            known[used] = _defined(model, used, known)
    with np.errstate(all="ignore"):
        return np.broadcast_to(expression.evaluate(known), known["t"].shape)
