"""The records of an event table, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

OBSERVATION, DOSE, OTHER, RESET, RESET_AND_DOSE = range(5)
MODELLED_RATE, MODELLED_DURATION = -1.0, -2.0


@dataclass(frozen=True, eq=False)
class EventTable:
    """Dosing and observation records of one or many subjects, in the order in which they act.

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
        CMT or route: the name of a route or compartment, or a compartment's number as text; empty for none.
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
    per : array of str, shape (record,)
        ``"kg"`` or ``"m2"`` where the dose is per body size, otherwise empty.
    row : array of int, shape (record,)
        Row of the source, of which the first below the head is 1.
    covariates : mapping of str to array of float, shape (record,)
        Further numeric columns; NaN where the cell is empty.
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
    per: NDArray[np.object_]
    row: Ints
    covariates: Mapping[str, Floats] = field(default_factory=dict)
    grouped: bool = True

    @classmethod
    def of(
        cls,
        *,
        time: Any,
        subject: Any = None,
        covariates: Mapping[str, Any] | None = None,
        **columns: Any,
    ) -> EventTable:
        """Records from columns, each an array or one value for all; what is not given is 0 or empty.

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

        Examples
        --------
        >>> doses = EventTable.of(time=[0, 12], amount=60, compartment="oral")
        >>> doses.evid, doses.amount
        (array([1, 1]), array([60., 60.]))
        """
        time = np.asarray(time, float)
        size = time.shape

        def column(name: str, empty: Any) -> Any:
            return np.broadcast_to(columns.pop(name, empty), size).astype(type(empty))

        amount, rate = column("amount", 0.0), column("rate", 0.0)
        columns.setdefault("evid", np.where((amount > 0) | (rate != 0), DOSE, OBSERVATION))
        return cls(
            subject=np.asarray(np.ones(size, np.int64) if subject is None else subject),
            time=time,
            amount=amount,
            rate=rate,
            **{name: column(name, 0.0) for name in ("duration", "interval")},
            **{name: column(name, 0) for name in ("evid", "additional", "steady")},
            **{
                name: np.broadcast_to(np.array(columns.pop(name, ""), object), size)
                for name in ("compartment", "per")
            },
            row=np.arange(1, time.size + 1),
            covariates={name: np.asarray(v, float) for name, v in (covariates or {}).items()},
            grouped=subject is not None,
            **columns,
        )
