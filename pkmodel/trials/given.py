"""What was given in a trial, as an event table: to simulate it again, with any model and at any time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.devices.reading import DAY
from pkmodel.errors import InputError
from pkmodel.events import EventTable
from pkmodel.regimen import Regimen
from pkmodel.regimen.tables import record_of
from pkmodel.trials.labels import require_trial

if TYPE_CHECKING:
    from collections.abc import Iterator

    import xarray as xr
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["events"]


def events(ds: xr.Dataset) -> EventTable:
    """All doses of a trial, for ``simulate``.

    Parameters
    ----------
    ds : xarray.Dataset
        From :func:`pkmodel.trial`; of :func:`pkmodel.trials.strategies` one strategy.

    Returns
    -------
    EventTable
        Of every subject: the oral order at steady state at time 0, the beginning of the trial; its doses from then
        on; shots; infusions.

    Raises
    ------
    InputError
        More than one strategy; not the result of a trial.

    Examples
    --------
    >>> from pkmodel.trials import trial
    >>> ds = trial("morphine", "100 mg oral q12h", subjects=2, months=1, doses=["1 mg"])
    >>> table = events(ds)
    >>> table.compartment[:2].tolist(), table.amount[:2].tolist(), table.steady[:2].tolist()
    (['oral', 'intrathecal'], [100.0, 1.0], [1, 0])
    """
    require_trial(ds)
    if "strategy" in ds.dims:
        raise InputError(
            "there is more than one strategy",
            remedy='Choose one: events(ds.sel(strategy="implant")).',
        )
    rows = [row | {"subject": s} for s in range(ds.sizes["subject"]) for row in _of_subject(ds, s)]
    rows.sort(key=lambda row: (row["subject"], row["time"]))
    columns: dict[str, Any] = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    columns["subject"] = ds.subject.values[columns["subject"]]
    return EventTable.of(evid=1, **columns)


def _of_subject(ds: xr.Dataset, subject: int) -> Iterator[dict[str, Any]]:
    one = ds.isel(subject=subject)
    if ds.attrs["oral"] != "none":
        yield from _oral(Regimen.parse(ds.attrs["oral"]), one.oral.values)
    if ds.attrs["method"] == "single shots":
        days = int(ds.attrs["step_length"].removesuffix(" d"))
        for k in np.flatnonzero(one.given.values):
            yield _row(time=k * days * DAY, amount=float(one.dose[k]), compartment="intrathecal")
    for first, end, rate in _runs(one.delivered.values):
        if rate:
            yield _row(
                time=first * DAY, amount=rate * (end - first), duration=(end - first) * DAY,
                compartment="intrathecal",
            )  # fmt: skip


def _oral(order: Regimen, daily: Floats) -> Iterator[dict[str, Any]]:
    """Doses of every order in the runs of days with the same dose; those of day 0 have always been taken."""
    usual = order.daily_dose()
    for place, one in enumerate(order):
        record, tau = record_of(one, one.interval or DAY), one.interval or DAY
        for first, end, dose in _runs(daily):
            if dose:
                yield record | _row(
                    time=first * DAY, amount=record["amount"] * dose / usual, interval=tau,
                    additional=round((end - first) * DAY / tau) - 1, compartment=record["compartment"],
                    form=record["form"], duration=record["duration"], steady=0 if first else 1 + (place > 0),
                )  # fmt: skip


def _runs(values: Floats) -> Iterator[tuple[int, int, float]]:
    """First day, day after the last, and value of every run of equal values."""
    edges = [0, *(1 + np.flatnonzero(np.diff(values))), len(values)]
    for first, end in pairwise(edges):
        yield int(first), int(end), float(values[first])


def _row(**fields: Any) -> dict[str, Any]:
    usual = {
        "amount": 0.0,
        "rate": 0.0,
        "duration": 0.0,
        "interval": 0.0,
        "additional": 0,
        "steady": 0,
    }
    return usual | {"form": "", "per": ""} | fields
