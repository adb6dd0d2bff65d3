"""From streams of drug to the records of an event table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.devices.course import records
from pkmodel.devices.implanted.flow import Stream
from pkmodel.events import EventTable
from pkmodel.population import standard_normal

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["doses", "flow_ratios", "table_of"]

_OTHER = 2


def doses(streams: Sequence[tuple[str, Stream]]) -> dict[str, Any]:
    """Columns of the infusions that some streams are made of, in order of time.

    Parameters
    ----------
    streams : sequence of (str, Stream)
        Each with the route or compartment that it enters; what enters none (``""``) is left out.

    Returns
    -------
    dict of str to array
        ``time`` [h], ``amount`` [mg], ``duration`` [h] and ``compartment``.
    """
    found = [(*stream.doses(), place) for place, stream in streams if place]
    time, duration, rate = (np.concatenate([f[k] for f in found]) for k in range(3))
    place = np.repeat(np.array([f[3] for f in found], object), [len(f[0]) for f in found])
    order = np.argsort(time, kind="stable")
    columns = {"time": time, "amount": rate * duration, "duration": duration, "compartment": place}
    return {key: column[order] for key, column in columns.items()}


def table_of(
    columns: Sequence[Mapping[str, Any]], subjects: NDArray[np.int64] | None = None
) -> EventTable:
    """Event table from the columns of every subject, or of one without a number.

    A subject without doses has an event without one, so that none is lost.
    """
    if subjects is None:
        (only,) = columns
        return EventTable.of(**(only if len(only["time"]) else {"time": [0.0], "evid": _OTHER}))
    place = np.repeat(np.arange(len(subjects)), [len(c["time"]) for c in columns])
    joined = {key: np.concatenate([c[key] for c in columns]) for key in columns[0]}
    return records(subjects, place, **joined)


def flow_ratios(cv: float, subjects: NDArray[np.int64], seed: int) -> list[float]:
    """Actual over programmed flow of every subject: log-normal with median 1, keyed by seed and subject.

    Examples
    --------
    >>> flow_ratios(0.074, np.array([7]), 1) == flow_ratios(0.074, np.arange(1, 9), 1)[6:7]
    True
    """
    sigma = np.sqrt(np.log1p(cv**2))
    return np.exp(sigma * standard_normal(subjects, seed, "pump", "flow")).tolist()
