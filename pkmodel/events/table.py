"""The records of an event table, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.errors import RegimenError
from pkmodel.events.arrays import fields_of
from pkmodel.events.checks import (
    DOSE,
    OBSERVATION,
    OTHER,
    RESET,
    RESET_AND_DOSE,
    run_starts,
)
from pkmodel.events.combining import (
    joined,
    labels_given,
    merged,
    records_of,
    refuse_shared_subjects,
    repeated,
    taken,
)
from pkmodel.events.reading import read_fields
from pkmodel.events.writing import frame_of, write_csv

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = [
    "DOSE",
    "MODELLED_DURATION",
    "MODELLED_RATE",
    "OBSERVATION",
    "OTHER",
    "RESET",
    "RESET_AND_DOSE",
    "EventTable",
]

MODELLED_RATE, MODELLED_DURATION = -1.0, -2.0
ADDED = 0
"""Row of the observations that a table did not have when it was read."""
_INTEGERS = ("evid", "additional", "steady")


@dataclass(frozen=True, eq=False, repr=False)
class EventTable:
    """Dosing and observation records of one or many subjects, in the order in which they act.

    Build one by `read` from a table or file, or by `of` from arrays: both check every record.

    Parameters
    ----------
    subject : array, shape (record,)
        Label of the subject (ID). The records of a subject stand together.
    time : array of float, shape (record,)
        TIME [h]. Ascends within a subject, but for resets.
    evid : array of int, shape (record,)
        EVID: 0 observation, 1 dose, 2 other event, 3 reset, 4 reset and dose.
    amount : array of float, shape (record,)
        AMT [mg].
    compartment : array of str, shape (record,)
        CMT or route: the name of a route or compartment, or a compartment's number as text; empty for
        none. With EVID 2 a minus before it turns the compartment off.
    rate : array of float, shape (record,)
        RATE [mg/h]; 0 a bolus, -1 a modelled rate, -2 a modelled duration.
    duration : array of float, shape (record,)
        DUR [h]; 0 where none is given.
    interval : array of float, shape (record,)
        II [h].
    additional : array of int, shape (record,)
        ADDL: doses that follow the one of the record.
    steady : array of int, shape (record,)
        SS: 1 the doses have gone on for ever, and nothing else was; 2 the same on top of what is there.
    form : array of str, shape (record,)
        FORM: ``"infusion"`` or ``"pump"`` where the source says so, otherwise empty. Both act alike.
    per : array of str, shape (record,)
        ``"kg"`` or ``"m2"`` where the dose is per body size, otherwise empty.
    row : array of int, shape (record,)
        Row of the source, of which the first below the head is 1; 0 for records that were added.
    covariates : mapping of str to array of float, shape (record,)
        Further numeric columns, DV and MDV among them; NaN where the cell is empty.
    grouped : bool
        Whether the source names subjects; without, a result has no dimension ``subject``.
    """

    subject: NDArray[Any]
    time: Floats
    evid: Ints
    amount: Floats
    compartment: NDArray[np.object_]
    rate: Floats
    duration: Floats
    interval: Floats
    additional: Ints
    steady: Ints
    form: NDArray[np.object_]
    per: NDArray[np.object_]
    row: Ints
    covariates: Mapping[str, Floats] = field(default_factory=dict)
    grouped: bool = True

    @classmethod
    def read(
        cls,
        source: Any,
        *,
        covariates: Mapping[str, str] | None = None,
        units: Mapping[str, str] | None = None,
        ignore: str = "#",
    ) -> EventTable:
        """Read a table with NONMEM's columns, or say everything that is wrong with it.

        Columns, in any case: ID, TIME [h], AMT [mg], EVID, CMT (number, or name of a compartment or
        route) or ROUTE, RATE [mg/h] or DUR [h], II [h], ADDL, SS, MDV, DV, FORM, PER. Empty cells, "."
        and NA have no value. Without EVID, a row with AMT or RATE is a dose, and any other an
        observation, or with MDV 1 another event.

        Parameters
        ----------
        source : DataFrame, mapping of str to sequence, or path
            The columns; or a CSV file.
        covariates : mapping of str to str, optional
            Columns that are covariates, and the parameters that they are: ``{"WT": "weight"}``. Other
            unknown columns with numbers are covariates of their own name; those with text are left out.
        units : mapping of str to str, optional
            Units of columns that are not in h, mg, mg/h, or a parameter's unit: ``{"TIME": "min", "AMT":
            "ug", "WT": "g"}``. DUR and II follow TIME, and RATE follows AMT and TIME. The mass of a
            covariate is a body weight.
        ignore : str
            Rows that begin with one of these letters are comments; "@" is any letter.

        Returns
        -------
        EventTable

        Raises
        ------
        RegimenError
            All that is wrong, with ID and row; of the rows the first 20.
        OSError
            The file cannot be opened.

        Examples
        --------
        >>> EventTable.read({"ID": [1, 1, 2], "TIME": [0, 24, 0], "AMT": [60, ".", 30],
        ...                  "CMT": ["oral", "", "oral"], "WT": [70, 70, 55]}, covariates={"WT": "weight"})
        EventTable(2 subjects, 3 records: 2 doses, 1 observation; covariates: weight)
        """
        return cls._of_fields(read_fields(source, covariates or {}, units or {}, ignore))

    @classmethod
    def of(
        cls,
        *,
        time: ArrayLike,
        subject: ArrayLike | None = None,
        covariates: Mapping[str, ArrayLike] | None = None,
        **columns: Any,
    ) -> EventTable:
        """Records from arrays, each an array or one value for all; what is not given is 0 or empty.

        Parameters
        ----------
        time : array, shape (record,)
            TIME [h].
        subject : array, shape (record,), optional
            Labels; without, the table is of one subject.
        covariates : mapping of str to array, optional
            Further columns.
        **columns
            Any other field of the class but `row` and `grouped`. `evid` is 1 where there is an amount or
            a rate, otherwise 0.

        Returns
        -------
        EventTable
            It may have no records.

        Raises
        ------
        RegimenError
            All that is wrong with the records, as for `read`; the first row is 1.

        Examples
        --------
        >>> doses = EventTable.of(time=[0, 12], amount=60, compartment="oral")
        >>> doses.evid, doses.amount
        (array([1, 1]), array([60., 60.]))
        """
        given = {"time": time, **columns}
        return cls._of_fields(fields_of(given, subject, covariates or {}))

    @classmethod
    def _of_fields(cls, fields: dict[str, Any]) -> EventTable:
        return cls(**fields | {name: fields[name].astype(np.int64) for name in _INTEGERS})

    @classmethod
    def concat(cls, tables: Iterable[EventTable]) -> EventTable:
        """Put the subjects of several tables into one.

        Parameters
        ----------
        tables : iterable of EventTable
            At least one; no subject may be in two of them. A covariate that a table lacks is NaN there.

        Returns
        -------
        EventTable

        Raises
        ------
        RegimenError
            There is no table, or a subject is in two.

        Examples
        --------
        >>> one = EventTable.of(subject=[1], time=[0], amount=60, compartment="oral")
        >>> EventTable.concat([one, EventTable.of(subject=[2], time=[0], amount=30, compartment="oral")])
        EventTable(2 subjects, 2 records: 2 doses)
        """
        tables = list(tables)
        refuse_shared_subjects(tables)
        return joined(tables, grouped=len(tables) > 1 or tables[0].grouped)

    @property
    def subjects(self) -> NDArray[Any]:
        """Labels of the subjects, in the order of the records; 1 where the source names none."""
        return self.subject[run_starts(self.subject)] if self.grouped else np.ones(1, np.int64)

    def place(self, record: int) -> str:
        """How messages call a record: ``"ID 3, row 17"``."""
        subject = f"ID {self.subject[record]}, " if self.grouped else ""
        return f"{subject}row {self.row[record]}"

    def select(self, subjects: Any) -> EventTable:
        """Records of some subjects.

        Parameters
        ----------
        subjects : label or sequence of labels
            In the order that they get.

        Returns
        -------
        EventTable

        Raises
        ------
        RegimenError
            A subject is not in the table, or is asked for twice.

        Examples
        --------
        >>> table = EventTable.of(subject=[1, 1, 2], time=[0, 12, 0], amount=60, compartment="oral")
        >>> table.select(2).time, table.select([2, 1]).subject
        (array([0.]), array([2, 1, 1]))
        """
        return taken(self, records_of(self, labels_given(subjects).tolist()))

    def repeat(self, subjects: ArrayLike) -> EventTable:
        """The records of one subject for each of several.

        Parameters
        ----------
        subjects : array, shape (subject,)
            Their labels.

        Returns
        -------
        EventTable

        Raises
        ------
        RegimenError
            The table is of several subjects, or a label is given twice.

        Examples
        --------
        >>> table = EventTable.of(time=[0, 12], amount=60, compartment="oral")
        >>> table.repeat(["A", "B"]).subject
        array(['A', 'A', 'B', 'B'], dtype='<U1')
        """
        return repeated(self, labels_given(subjects))

    def with_observations(self, times: ArrayLike) -> EventTable:
        """Add observations of every subject; a record of the same time stays, and acts before.

        Parameters
        ----------
        times : array, shape (time,)
            TIME [h].

        Returns
        -------
        EventTable
            The added records have row 0 and empty covariates.

        Raises
        ------
        RegimenError
            The times are not finite numbers, or the times of a subject start anew at a reset, so that it
            is not clear to which of them an observation belongs.

        Examples
        --------
        >>> table = EventTable.of(time=[0, 12], amount=60, compartment="oral").with_observations([0, 6])
        >>> table.time, table.evid
        (array([ 0.,  0.,  6., 12.]), array([1, 0, 0, 1]))
        """
        moments = np.sort(np.asarray(times, float), axis=None)
        if not np.isfinite(moments).all():
            raise RegimenError(f"times is {times!r}; expected finite hours")
        subjects = self.subjects
        added = EventTable.of(
            time=np.tile(moments, len(subjects)), subject=np.repeat(subjects, len(moments))
        )
        return merged(self, added)

    def to_frame(self) -> pd.DataFrame:
        """Write the records with NONMEM's columns, as `read` reads them.

        Returns
        -------
        pandas.DataFrame
            TIME, AMT, EVID, CMT, and of ID, RATE, DUR, II, ADDL, SS, FORM and PER those that say anything;
            then the covariates. CMT holds numbers if all are, 0 for none.

        Examples
        --------
        >>> EventTable.of(time=[0], amount=60, compartment=2, interval=12, additional=3).to_frame()
           TIME   AMT  EVID  CMT    II  ADDL
        0   0.0  60.0     1    2  12.0     3
        """
        return frame_of(self)

    def to_csv(self, path: str | Path) -> None:
        """Write the records to a CSV file, with "." where there is no value.

        Parameters
        ----------
        path : str or Path
            The file; one that exists is overwritten.

        Examples
        --------
        >>> EventTable.of(time=[0], amount=60, compartment="oral").to_csv("doses.csv")
        >>> EventTable.read("doses.csv")
        EventTable(1 subject, 1 record: 1 dose)
        """
        write_csv(self, path)

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        kinds = {
            "dose": np.isin(self.evid, (DOSE, RESET_AND_DOSE)).sum(),
            "observation": (self.evid == OBSERVATION).sum(),
            "other": np.isin(self.evid, (OTHER, RESET)).sum(),
        }
        found = ", ".join(_count(int(n), kind) for kind, n in kinds.items() if n)
        names = f"; covariates: {', '.join(self.covariates)}" if self.covariates else ""
        records = _count(len(self), "record") + (f": {found}" if found else "")
        return f"EventTable({_count(len(self.subjects), 'subject')}, {records}{names})"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 or noun == 'other' else 's'}"
