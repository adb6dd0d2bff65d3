"""What a device gave: the records of every subject, and what became of every request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.events import EventTable

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Course", "records"]

_OTHER = 2


@dataclass(frozen=True, eq=False, repr=False)
class Course:
    """What became of the requests of some subjects.

    Parameters
    ----------
    events : EventTable
        What was given, for ``simulate``. Of a subject who was given nothing it holds an event without dose.
    subjects : DataFrame
        One row per subject: counts and amounts.
    log : DataFrame
        One row per request, in order of subject and time; the column ``outcome`` says what became of it.
    what : str
        What the requests are, in the plural: ``"demands"``.
    """

    events: EventTable
    subjects: pd.DataFrame
    log: pd.DataFrame
    what: str

    def __repr__(self) -> str:
        counts = self.log["outcome"].value_counts(sort=False)
        told = ", ".join(f"{n} {name}" for name, n in counts.items())
        people = f"{len(self.subjects)} subject{'s' * (len(self.subjects) != 1)}"
        return f"{people}, {len(self.log)} {self.what}: {told}"


def records(
    labels: Sequence[Any] | NDArray[Any], place: NDArray[np.int64], **columns: Any
) -> EventTable:
    """Dose records in order of subject and time.

    Parameters
    ----------
    labels : sequence, shape (subject,)
        Labels of the subjects.
    place : array of int, shape (record,)
        Index of every record's subject in `labels`.
    **columns
        Columns of the table, ``time`` among them, each an array or one value for all.

    Returns
    -------
    EventTable
        With an event without dose for every subject who has no record, so that none is lost.

    Examples
    --------
    >>> table = records(["a", "b"], np.array([1, 1]), time=[12, 0], amount=60, compartment="oral")
    >>> table.subject, table.time, table.evid
    (array(['a', 'b', 'b'], dtype='<U1'), array([ 0.,  0., 12.]), array([2, 1, 1]))
    """
    idle = np.setdiff1d(np.arange(len(labels)), place)
    whose = np.concatenate([place, idle])
    full: dict[str, Any] = {
        name: np.concatenate([np.broadcast_to(column, place.shape), _nothing(name, len(idle))])
        for name, column in columns.items()
    }
    full["evid"] = np.repeat([1, _OTHER], [len(place), len(idle)])
    order = np.lexsort((full["time"], whose))
    return EventTable.of(
        subject=np.asarray(labels)[whose[order]], **{name: c[order] for name, c in full.items()}
    )


def _nothing(column: str, size: int) -> NDArray[Any]:
    return np.full(size, "" if column in ("compartment", "form", "per") else 0.0)
