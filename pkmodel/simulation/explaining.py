"""Say in sentences what is given when: the doses that orders and records come to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel.drugs.schema import amount_text
from pkmodel.errors import ParameterError
from pkmodel.events import EventTable
from pkmodel.events.table import RESET, RESET_AND_DOSE
from pkmodel.regimen import Regimen
from pkmodel.regimen.tables import write_orders
from pkmodel.schedule import realise, trains_of
from pkmodel.simulation.cases import Cases
from pkmodel.simulation.reading import model_of, regimen_of, table_of, with_body_sizes
from pkmodel.simulation.records import columns_of, of_subjects, programmes_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from pkmodel.drugs import Drug
    from pkmodel.model import Model
    from pkmodel.schedule.realise import Doses, Periods
    from pkmodel.schedule.records import Programmes, Trains

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_SHOWN = 60
_INSTANT = 1e-9  # h: shorter than any dose


@dataclass(frozen=True, repr=False)
class RealisedDoses:
    """What is given when; printed, one sentence per dose or other event.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per event and compartment, in the order in which they act: ``id`` of the subject (if the source
        names any), ``time`` and ``end`` [h], ``amount`` [mg] and ``rate`` [mg/h] that enter, ``compartment``, the
        number of the ``record`` or order that it comes from, and the ``sentence``.
    lines : tuple of str
        The sentences, those of one dose into several compartments together.
    """

    table: pd.DataFrame
    lines: tuple[str, ...]

    def __str__(self) -> str:
        more = len(self.lines) - _SHOWN
        return "\n".join([*self.lines[:_SHOWN], *([f"... and {more:,} more"] if more > 0 else [])])

    __repr__ = __str__

    def __len__(self) -> int:
        return len(self.table)


def explain(
    model: Model | Drug | str,
    doses: Regimen | EventTable | str | Any,
    parameters: Any = None,
    *,
    until: float | None = None,
) -> RealisedDoses:
    """List the doses that enter the model, after bioavailability, lag, rates and resets.

    Parameters
    ----------
    model : Model, Drug or str
        As for :func:`simulate`.
    doses : Regimen, EventTable, str or table
        What is ordered.
    parameters : mapping or xarray.Dataset, optional
        As for :func:`simulate`, with no other dimension than ``subject``.
    until : float, optional
        Last time [h] of interest; needed for orders without end.

    Returns
    -------
    RealisedDoses
        Printed, one sentence per dose; ``.table`` is a DataFrame.

    Raises
    ------
    InputError
        As :func:`simulate`.

    Examples
    --------
    >>> from pkmodel.library import one_compartment
    >>> print(explain(one_compartment(depot=True, bioavailability=0.5, lag="1 h"), "60 mg oral q12h x 2"))
    at 1 h, 30 mg (of 60 mg ordered at 0 h) into depot, from order 1
    at 13 h, 30 mg (of 60 mg ordered at 12 h) into depot, from order 1
    """
    model, drug = model_of(model)
    word = "record"
    table = table_of(doses)
    if table is None:
        word, limit = "order", np.inf if until is None else until
        table = write_orders(regimen_of(doses, drug).orders, limit, None)
    model = with_body_sizes(model, table.per, parameters, table.covariates)
    parameters = of_subjects(parameters, table)
    columns, segment = columns_of(table, model, parameters, "nocb")
    cases = Cases.of(model, parameters, {}, columns)
    extra = [d for d in cases.sizes if d != "subject"]
    if extra:
        raise ParameterError(
            f'the parameters have the dimension "{extra[0]}", and one set is explained at a time',
            remedy=f"Choose one: parameters.isel({extra[0]}=0).",
        )
    _, programmes = programmes_of(model, table, segment, cases)
    trains = trains_of(model, programmes, cases.values)
    end = np.inf if until is None else until
    last = np.minimum(programmes.ends(np.array([end])), end)
    found, periods = realise(trains, programmes, last)
    rows = [
        *_resets(programmes),
        *_steady(model, programmes, trains, periods),
        *_single(model, programmes, trains, found),
    ]
    rows.sort(key=lambda row: row[:3])
    record = programmes.record[[row.item for row in rows]] if rows else np.zeros(0, np.int64)
    number, ids = table.row[record], table.subject[record] if table.grouped else None
    sources = [f", from {word} {k}" for k in number]
    own = [f"{r.when}, {r.what}{r.tail}{end}" for r, end in zip(rows, sources, strict=True)]
    names = [""] * len(rows) if ids is None else [f"ID {i}: " for i in ids]
    frame = _frame(rows, number, own, ids)
    return RealisedDoses(frame, tuple(_told(rows, sources, names)))


class _Row(NamedTuple):
    """An event; sorted by span, moment and record.

    Its sentence is made of `when`, `what` and `tail`; where it follows the row of the same dose into another
    compartment, `again` says what it adds.
    """

    span: int
    moment: float
    item: int
    end: float
    amount: float
    rate: float
    compartment: str
    when: str
    what: str
    again: str = ""
    tail: str = ""


def _resets(programmes: Programmes) -> Iterator[_Row]:
    table, record = programmes.table, programmes.record
    cleared = np.isin(table.evid[record], (RESET, RESET_AND_DOSE)) | (table.steady[record] == 1)
    off = programmes.closures.switched_off[record] >= 0
    for item in np.flatnonzero(cleared | off):
        if off[item]:
            name = table.compartment[record[item]].removeprefix("-")
            said = f"{name} is emptied and switched off"
        else:
            said = "everything is cleared: amounts, infusions, doses to come"
        time = float(programmes.time[item])
        yield _Row(
            int(programmes.span[item]),
            time,
            int(item),
            time,
            0.0,
            0.0,
            "",
            f"at {time:.15g} h",
            said,
        )


def _steady(
    model: Model, programmes: Programmes, trains: Trains, periods: Periods
) -> Iterator[_Row]:
    for train, last in zip(periods.train, periods.last, strict=True):
        item, value, length = trains.item[train], trains.value[train], trains.length[train]
        time, name = float(programmes.time[item]), model.states[trains.state[train]]
        if trains.constant[train]:
            said = f"{amount_text(value)}/h into {name}"
            yield _Row(int(programmes.span[item]), time, int(item), time, np.inf, value, name,
                       f"at {time:.15g} h", said, said, " stops, having run for ever")  # fmt: skip
            continue
        amount = value * length if length else value
        over = f" over {_span_text(length)}" if length else ""
        said = f"{amount_text(amount)} into {name}{over}"
        tail = (
            f", every {_span_text(trains.interval[train])} for ever, the last time at {last:.15g} h"
        )
        yield _Row(int(programmes.span[item]), time, int(item), last + length, amount, value * (length > 0), name,
                   f"by {time:.15g} h", said, said, tail)  # fmt: skip


def _single(model: Model, programmes: Programmes, trains: Trains, doses: Doses) -> Iterator[_Row]:
    table = programmes.table
    for train, start, stop in zip(doses.train, doses.start, doses.stop, strict=True):
        if start == -np.inf:
            continue  # belongs to a steady state, which tells of it
        item, value = trains.item[train], float(trains.value[train])
        record, name = programmes.record[item], model.states[trains.state[train]]
        bolus = np.isnan(stop)
        length = trains.length[train]
        if stop - start < length - _INSTANT:
            length = stop - start
        amount = value if bolus else value * length
        nominal = start - trains.lag[train]
        ordered = table.amount[record]
        origin = ""
        if trains.lag[train] or not np.isclose(amount, ordered, rtol=1e-9):
            per = f"/{table.per[record]}" if table.per[record] else ""
            origin = f" (of {amount_text(ordered)}{per} ordered at {nominal:.15g} h)"
        over = "" if bolus else f" over {_span_text(length)}"
        yield _Row(int(programmes.span[item]), float(start), int(item), float(start if bolus else stop), amount,
                   0.0 if bolus else value, name,
                   f"at {start:.15g} h", f"{amount_text(amount)}{origin} into {name}{over}",
                   f"{amount_text(amount)} into {name}{over}")  # fmt: skip


def _span_text(hours: float) -> str:
    """A time in the unit in which one says it."""
    for least, size, unit in ((48.0, 24.0, "d"), (1.0, 1.0, "h"), (1 / 60, 1 / 60, "min")):
        if hours >= least * (1 - 1e-12):
            return f"{hours / size:.4g} {unit}"
    return f"{hours * 3600:.3g} s"


def _frame(rows: list[_Row], number: Ints, sentences: list[str], ids: Any) -> pd.DataFrame:
    import pandas as pd

    columns = {
        "time": [row.moment for row in rows],
        "end": [row.end for row in rows],
        "amount": [row.amount for row in rows],
        "rate": [row.rate for row in rows],
        "compartment": [row.compartment for row in rows],
        "record": number,
        "sentence": sentences,
    }
    return pd.DataFrame(columns if ids is None else {"id": ids, **columns})


def _told(rows: list[_Row], sources: list[str], names: list[str]) -> Iterator[str]:
    """One sentence per dose, whatever the number of its compartments, or other event."""
    keyed = zip(rows, sources, names, strict=True)
    for _, group in groupby(keyed, lambda k: (k[0].span, k[0].item, k[0].when, bool(k[0].again))):
        (first, source, name), *others = group
        parts = [first.what, *(row.again for row, *_ in others)]
        yield f"{name}{first.when}, {', '.join(parts)}{first.tail}{source}"
