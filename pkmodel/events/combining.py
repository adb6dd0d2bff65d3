"""Event tables out of others: some of the records, several tables as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.errors import RegimenError, did_you_mean
from pkmodel.events.checks import NUMBERS, run_starts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.events.table import EventTable

    Ints = NDArray[np.int64]

_ARRAYS = ("subject", *NUMBERS, "compartment", "form", "per", "row")


def taken(table: EventTable, records: Ints) -> EventTable:
    """Take these records, in this order."""
    arrays = {name: getattr(table, name)[records] for name in _ARRAYS}
    covariates = {name: values[records] for name, values in table.covariates.items()}
    return replace(table, **arrays, covariates=covariates)


def labels_given(subjects: Any) -> NDArray[Any]:
    """One label, or several, each of its own kind.

    Examples
    --------
    >>> labels_given(3), labels_given(["a", 1])
    (array([3]), array(['a', 1], dtype=object))
    """
    labels = [subjects] if np.ndim(subjects) == 0 else list(subjects)
    texts = sum(isinstance(label, str) for label in labels)
    return np.array(labels, object if 0 < texts < len(labels) else None)


def records_of(table: EventTable, subjects: Sequence[Any]) -> Ints:
    """Find the records of subjects, in their order; see ``EventTable.select``."""
    runs = dict(zip(table.subjects.tolist(), pairwise(_bounds(table)), strict=True))
    alike = {str(label): f" (the label is {label!r})" for label in runs}
    faults = [
        f"no subject {label!r}{alike.get(str(label)) or did_you_mean(str(label), alike)}"
        for label in subjects
        if label not in runs
    ]
    faults += _repeated_labels(subjects)
    if faults:
        raise RegimenError(*faults, given="EventTable.select")
    return np.concatenate([np.zeros(0, np.int64), *(np.arange(*runs[s]) for s in subjects)])


def repeated(table: EventTable, subjects: NDArray[Any]) -> EventTable:
    """Repeat the records of one subject; see ``EventTable.repeat``."""
    faults = _repeated_labels(subjects.tolist())
    if len(table.subjects) > 1:
        faults.append(f"{len(table.subjects)} subjects in the table; expected one")
    if faults:
        raise RegimenError(*faults, given="EventTable.repeat")
    records = taken(table, np.tile(np.arange(len(table)), len(subjects)))
    return replace(records, subject=np.repeat(subjects, len(table)), grouped=True)


def joined(tables: Sequence[EventTable], grouped: bool) -> EventTable:
    """Put records of several tables one after another; a covariate that a table lacks is NaN there."""
    arrays = {name: [getattr(table, name) for table in tables] for name in _ARRAYS}
    if len({labels.dtype.kind for labels in arrays["subject"]}) > 1:
        arrays["subject"] = [labels.astype(object) for labels in arrays["subject"]]
    covariates = {
        name: np.concatenate([t.covariates.get(name, np.full(len(t), np.nan)) for t in tables])
        for name in dict.fromkeys(name for table in tables for name in table.covariates)
    }
    columns = {name: np.concatenate(parts) for name, parts in arrays.items()}
    return replace(tables[0], **columns, covariates=covariates, grouped=grouped)


def refuse_shared_subjects(tables: Sequence[EventTable]) -> None:
    """Refuse tables that have a subject in common, and no table at all."""
    labels = [label for table in tables for label in table.subjects.tolist()]
    faults = _repeated_labels(labels) if tables else ["no tables"]
    if faults:
        raise RegimenError(
            *faults,
            given="EventTable.concat",
            remedy="Give each subject its own label: a column ID, EventTable.of(subject=...), or repeat.",
        )


def merged(table: EventTable, added: EventTable) -> EventTable:
    """Sort further records of the same subjects in, behind those of the same time."""
    group = _groups(table)
    back = (np.diff(table.time) < 0) & (np.diff(group) == 0)
    if back.any():
        raise RegimenError(
            f"the times of subject {table.subject[back.argmax()]} start anew at a reset, "
            "so that it is not clear where an observation belongs",
            given="EventTable.with_observations",
            remedy="Write the observations into the table, as rows with EVID 0.",
        )
    both = joined([table, replace(added, row=np.zeros_like(added.row))], table.grouped)
    return taken(both, np.lexsort((both.time, np.concatenate([group, _groups(added)]))))


def _bounds(table: EventTable) -> list[int]:
    """First record of every subject, and the number of records."""
    starts = run_starts(table.subject).tolist() if table.grouped else [0]
    return [*starts, len(table)]


def _groups(table: EventTable) -> Ints:
    """Number of the subject of every record."""
    return np.repeat(np.arange(len(table.subjects)), np.diff(_bounds(table)))


def _repeated_labels(labels: Sequence[Any]) -> list[str]:
    twice = [str(label) for label, count in Counter(labels).items() if count > 1]
    if not twice:
        return []
    return [f"subject {', '.join(twice[:5])}{', ...' if len(twice) > 5 else ''} is there twice"]
