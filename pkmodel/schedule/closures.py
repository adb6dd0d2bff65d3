"""Compartments that records switch off and on (EVID 2).

A compartment that is off holds nothing, and what flows to it leaves the system uncounted, as from an emptied
collection vessel. It is on again after a record that switches it on, a dose into it, or a reset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pkmodel.events.table import DOSE, OTHER, RESET, RESET_AND_DOSE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.events import EventTable
    from pkmodel.model import Model

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]


class Closures(NamedTuple):
    """Which compartments are off.

    Parameters
    ----------
    pattern : array, shape (record,)
        Number of the pattern that holds after every record; in pattern 0 all are on.
    closed : array of bool, shape (pattern, state)
        The states that are off in every pattern.
    switched_off : array, shape (record,)
        State that a record switches off, -1 for none.
    """

    pattern: Ints
    closed: Bools
    switched_off: Ints


def closures_of(table: EventTable, model: Model, start: Ints) -> Closures:
    """Follow the records of every subject; `start` are their first records."""
    size, states = len(table.time), len(model.states)
    switches = np.flatnonzero((table.evid == OTHER) & (table.compartment != ""))
    off = np.full(size, -1)
    if not len(switches):
        return Closures(np.zeros(size, np.int64), np.zeros((1, states), bool), off)
    state = np.full(size, -1)
    concerned = np.isin(table.evid, (DOSE, RESET_AND_DOSE))
    concerned[switches] = True
    for name in np.unique(table.compartment[concerned].astype(str)):
        entry = model.inputs_of(name.removeprefix("-"))[0]
        state[concerned & (table.compartment == name)] = model.states.index(entry.compartment)
    leaves = np.char.startswith(table.compartment[switches].astype(str), "-")
    off[switches[leaves]] = state[switches[leaves]]
    columns = np.unique(off[off >= 0])
    closed = np.zeros((size, states), bool)
    for column in columns:
        closed[:, column] = _last_word(table, state, off, int(column), start)
    patterns, pattern = np.unique(
        np.concatenate([np.zeros((1, states), bool), closed]), axis=0, return_inverse=True
    )
    return Closures(pattern.reshape(-1)[1:].astype(np.int64), patterns, off)


def _last_word(table: EventTable, state: Ints, off: Ints, column: int, start: Ints) -> Bools:
    """Whether the last record that concerns a compartment has switched it off."""
    speaks = (state == column) | np.isin(table.evid, (RESET, RESET_AND_DOSE))
    speaks[start[:-1]] = True
    last = np.maximum.accumulate(np.where(speaks, np.arange(len(state)), 0))
    return np.asarray(off[last] == column)
