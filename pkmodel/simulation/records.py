"""Simulate an event table: parameters from its columns, a programme for every subject, answers at its records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel.errors import InputError, ParameterError
from pkmodel.events.table import ADDED
from pkmodel.model import value_of
from pkmodel.schedule import (
    Programmes,
    closures_of,
    inputs_of,
    observed,
    realise,
    size_of,
    subject_starts,
    tape_of,
    trains_of,
)
from pkmodel.simulation.adaptive import (
    Tolerance,
    plain_tape,
    problem_of,
    rows_of,
    solve_adaptively,
)
from pkmodel.simulation.cases import Cases, Columns, given_by_name
from pkmodel.simulation.observing import Readings, beside
from pkmodel.simulation.solving import (
    amount_rows,
    augment,
    kinds_of,
    rates_of,
    shown,
    solve,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.events import EventTable
    from pkmodel.model import Model
    from pkmodel.schedule import Tape
    from pkmodel.schedule.realise import Doses, Periods
    from pkmodel.schedule.records import Trains
    from pkmodel.simulation.solving import Terms

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def columns_of(table: EventTable, model: Model, parameters: Any, rule: str) -> tuple[Columns, Ints]:
    """Parameters that the table brings, and the number of the set of them that holds at every record.

    Observations that were added to the table have what the rule gives them.
    """
    names = _parameters_among(table.covariates, model)
    faults = [
        f'"{column}" of the table and the parameter "{name}" are the same: give one of them'
        for column, name in names.items()
        if name in given_by_name(parameters)
    ]
    faults += list(_empty_cells(table, names))
    faults += [
        f'{name} has the dimension "time", and the table has records: give it as a column'
        for name, value in given_by_name(parameters).items()
        if "time" in getattr(value, "dims", ())
    ]
    if faults:
        raise ParameterError(*faults)
    start = subject_starts(table)
    labels = {"subject": table.subject[start[:-1]]} if table.grouped else {}
    cells = np.stack([table.covariates[c] for c in names] or [np.zeros(len(table.time))], axis=1)
    cells = cells[_own_record(table, start, rule)]
    segment = _segments(cells, start)
    last = segment[start[1:] - 1]
    count = int(last.max()) + 1
    values = np.empty((len(last), count, cells.shape[1]))
    subject = np.repeat(np.arange(len(last)), np.diff(start))
    values[subject, segment] = cells
    values = values[np.arange(len(last))[:, None], np.minimum(np.arange(count), last[:, None])]
    dims = ("subject", "time") if table.grouped else ("time",)
    own = {**labels, "time": np.arange(count, dtype=float)}
    found = {
        name: (dims, values[..., k] if table.grouped else values[0, :, k], own)
        for k, name in enumerate(names.values())
    }
    return Columns(labels, found), segment


def of_subjects(parameters: Any, table: EventTable) -> Any:
    """Given parameters of the table's subjects, by label and in their order."""
    named, labels = given_by_name(parameters), table.subjects
    own = {
        n: v
        for n, v in named.items()
        if "subject" in getattr(v, "dims", ()) and "subject" in v.coords
    }
    if not table.grouped or not own:
        return parameters
    faults = []
    for name, value in own.items():
        missing = labels[~np.isin(labels, value.coords["subject"].values)]
        if len(missing):
            shown = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
            faults.append(
                f"{name} has no value for the subject{'s' * (len(missing) > 1)} {shown} of the table"
            )
    if faults:
        raise ParameterError(
            *faults, remedy="The labels of the dimension subject are the IDs of the table."
        )
    return {**named, **{n: v.sel(subject=labels) for n, v in own.items()}}


def _parameters_among(columns: Iterable[str], model: Model) -> dict[str, str]:
    """Parameter of the model by the column that has its name, in any case."""
    known = {name.casefold(): name for name in model.defaults}
    return {c: known[c.casefold()] for c in columns if c.casefold() in known}


def _empty_cells(table: EventTable, names: Mapping[str, str]) -> Iterable[str]:
    for column in names:
        empty = np.flatnonzero(np.isnan(table.covariates[column]) & (table.row != ADDED))
        if len(empty):
            rows = ", ".join(str(r) for r in table.row[empty[:5]])
            more = ", ..." if len(empty) > 5 else ""
            yield (
                f"{column} is empty in row{'s' * (len(empty) > 1)} {rows}{more}: fill it, for example "
                f'table["{column}"] = table.groupby("ID")["{column}"].ffill()'
            )


def _own_record(table: EventTable, start: Ints, rule: str) -> Ints:
    """Every record itself; of an added one the next that is none, or that before it."""
    count = len(table.time)
    here = np.where(table.row == ADDED, -1, np.arange(count))
    before = np.maximum.accumulate(here)
    after = np.minimum.accumulate(np.where(here < 0, count, here)[::-1])[::-1]
    first, end = np.repeat(start[:-1], np.diff(start)), np.repeat(start[1:], np.diff(start))
    has_before, has_after = before >= first, after < end
    take_after = has_after & ((rule == "nocb") | ~has_before)
    return np.where(take_after, after, np.where(has_before, before, np.arange(count)))


def _segments(cells: Floats, start: Ints) -> Ints:
    """How often the values have changed since the first record of the subject."""
    changed = np.zeros(len(cells), np.int64)
    changed[1:] = (cells[1:] != cells[:-1]).any(axis=1)
    changed[start[:-1]] = 0
    total = np.cumsum(changed)
    return np.asarray(total - np.repeat(total[start[:-1]], np.diff(start)))


class Realised(NamedTuple):
    """What the records of a table order: the programme of every case, and single doses and steady states."""

    program: Ints
    programmes: Programmes
    trains: Trains
    doses: Doses
    periods: Periods

    @classmethod
    def of(
        cls, model: Model, table: EventTable, segment: Ints, times: Floats | None, cases: Cases
    ) -> Realised:
        """Realise a table for every case, with outputs at its observation records or at times of one's own."""
        program, programmes = programmes_of(model, table, segment, cases)
        if times is not None:
            _refuse_going_back(programmes)
        trains = trains_of(model, programmes, cases.values, cases.factors)
        return cls(
            program, programmes, trains, *realise(trains, programmes, programmes.ends(times))
        )

    def tape(
        self,
        rate_state: Mapping[int, int],
        integrals: range,
        times: Floats | None,
        covariates: str,
    ) -> Tape:
        """See :func:`pkmodel.schedule.tape_of`."""
        return tape_of(*self[1:], rate_state, integrals, times, covariates)

    @property
    def infused(self) -> list[int]:
        """States that receive an infusion, in order."""
        return [int(s) for s in np.unique(self.trains.state[self.trains.length > 0])]

    def columns(self, times: Floats | None) -> int:
        """Outputs of a case, at most."""
        return self.programmes.most_observed if times is None else len(times)


def run_records(
    model: Model,
    table: EventTable,
    segment: Ints,
    times: Floats | None,
    cases: Cases,
    *,
    covariates: str,
    amounts: bool,
    auc: bool,
    threads: int | None,
    tolerance: Tolerance,
) -> tuple[Floats, NDArray[np.uint8], dict[str, Floats]]:
    """Pack and solve; like :func:`run`, with the observations of each case in the last axis.

    Returns
    -------
    out : array, shape (case, row, observation)
        NaN beyond the last observation of a case.
    status : array of uint8, shape (case,)
    further : mapping of str to array, shape (case, observation)
        Variables, and definitions that the model observes.
    """
    given = Realised.of(model, table, segment, times, cases)
    columns = given.columns(times)
    closed = given.programmes.closures.closed
    if not model.is_linear:
        if len(closed) > 1:
            raise InputError(
                "the table switches compartments off (EVID 2), and the model is not linear",
                remedy="Leave these records out.",
            )
        problem = problem_of(model, cases, auc)
        inflows = {s: len(problem.states) + s for s in given.infused}
        tape = plain_tape(given.tape(inflows, range(0), times, covariates))
        states, status = solve_adaptively(
            problem, tape, np.ones((1, 1)), given.program, columns, tolerance, threads
        )
        seen = Readings.of(tape, given.program, columns)
        out = rows_of(model, states, cases, seen, amounts, auc)
        return out, status, beside(model, states, cases, seen)
    n = len(model.states)
    rate_state = {s: n + k for k, s in enumerate(given.infused)}
    terms = _repeated(model.output_terms(cases.values), len(closed))
    first = n + len(rate_state)
    integrals = range(first, first + len(terms) * auc)
    tape = given.tape(rate_state, integrals, times, covariates)
    held = amount_rows(model, cases, amounts)
    rows = held + terms + [[(k, np.ones(()))] for k in integrals]
    matrices = augment(_closing(rates_of(model, cases), closed), rate_state, terms if auc else [])
    out, status = solve(
        matrices,
        kinds_of(model),
        len(rate_state),
        tape,
        np.ones((1, 1)),
        given.program,
        rows,
        columns,
        threads,
    )
    read = Readings.of(tape, given.program, columns) if model.observed else None
    out, further = shown(model, out, cases, read, 0 if amounts else len(held))
    return out, status, further


def _closing(K: Floats, closed: NDArray[np.bool_]) -> Floats:
    """Matrices of all segments for every pattern of closures: what is off gives and takes nothing."""
    if len(closed) == 1:
        return K
    open_ = ~closed[:, None, :, None] & ~closed[:, None, None, :]
    return (K[:, None] * open_).reshape(len(K), -1, *K.shape[2:])


def _repeated(rows: list[Terms], patterns: int) -> list[Terms]:
    """Weights of all segments, once for every pattern of closures."""

    def repeat(weight: Floats) -> Floats:
        fixed = weight.ndim < 2 or weight.shape[1] == 1
        return weight if fixed else np.tile(weight, patterns)

    return [[(state, repeat(weight)) for state, weight in row] for row in rows]


def programmes_of(
    model: Model, table: EventTable, segment: Ints, cases: Cases
) -> tuple[Ints, Programmes]:
    """Programme of every case: one for all cases of a subject, unless their doses enter differently."""
    axes = list(cases.sizes)
    place = np.unravel_index(np.arange(cases.count), cases.shape) if axes else ()
    subject = place[axes.index("subject")] if table.grouped else np.zeros(cases.count, np.int64)
    _, first = np.unique(subject, return_index=True)
    shared = first[subject]
    entering = [
        value_of(item, cases.values)
        for inputs in inputs_of(table, model).values()
        for entry in inputs
        for item in (entry.bioavailability, entry.lag, entry.duration, entry.rate)
        if item is not None
    ]
    entering += [
        size_of(per, cases.values, "the table") for per in np.unique(table.per.astype(str))
    ]
    entering += list(cases.factors.values())
    differs = any(v.ndim > 1 and len(v) > 1 and (v != v[shared]).any() for v in entering)
    closures = closures_of(table, model, subject_starts(table))
    if differs:
        every = np.arange(cases.count)
        return every, Programmes.of(table, subject, every, segment, closures)
    return subject, Programmes.of(table, np.arange(len(first)), first, segment, closures)


def _refuse_going_back(programmes: Programmes) -> None:
    table = programmes.table
    back = np.flatnonzero((np.diff(table.time) < 0) & (table.subject[1:] == table.subject[:-1])) + 1
    if len(back):
        raise InputError(
            f"time goes back at the reset in row {table.row[back[0]]}, so that times= would mean two moments",
            remedy="Leave times out and put observation records (EVID 0) where answers are wanted.",
        )


def at_records(out: Floats, table: EventTable, cases: Cases) -> Floats:
    """Answers in the order of observation records, shape (other dimensions, row, record)."""
    start, seen = subject_starts(table), observed(table)
    record = np.flatnonzero(seen)
    subject = np.repeat(np.arange(len(start) - 1), np.diff(start))[record]
    before = np.concatenate([[0], np.cumsum(seen)])
    column = before[record] - before[start[subject]]
    out = out.reshape(*cases.shape, *out.shape[1:])
    if not table.grouped:
        return out[..., column]
    out = np.moveaxis(out, list(cases.sizes).index("subject"), -3)
    return np.moveaxis(out[..., subject, :, column], 0, -1)
