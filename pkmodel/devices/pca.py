"""Patient-controlled analgesia (PCA): what a pump makes of the demands of a patient.

The pump gives a bolus on demand unless

- the *lock-out* runs: less than `lockout` has passed since the last bolus (or the loading dose) began; or
- the *limit* is reached: with the bolus, more than `limit` would enter within some span as long as `window`, wherever
  it begins. Loading dose, boluses and the whole of the background infusion count.

The lock-out is asked first. A demand exactly at the end of the lock-out is granted, and a bolus that began exactly
one window ago no longer counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.devices.course import Course, records
from pkmodel.devices.reading import read
from pkmodel.errors import InputError, RegimenError
from pkmodel.schedule import ROUNDING

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from pkmodel.events import EventTable

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["PCA"]

OUTCOMES = ("given", "lock-out", "limit")
_GIVEN, _LOCKOUT, _LIMIT = range(3)


@dataclass(frozen=True)
class PCA:
    """A PCA pump and its settings.

    Parameters
    ----------
    bolus : float or str
        Amount of a bolus [mg].
    lockout : float or str
        Shortest time [h] from the start of one bolus to the start of the next.
    limit : float or str, optional
        Most that enters within any `window` [mg]: loading dose, boluses and background together.
    window : float or str, optional
        Length of the span to which the limit belongs [h]: ``"1 h"``, ``"4 h"``.
    background : float or str
        Rate of a continuous infusion [mg/h].
    loading : float or str
        Dose at the start [mg].
    duration : float or str
        Time over which a bolus, and the loading dose, is given [h]; 0 at once.
    route : str
        Route or compartment that everything enters.

    Raises
    ------
    RegimenError
        Everything that is wrong with the settings.

    Examples
    --------
    >>> pump = PCA("1 mg", lockout="6 min", limit="6 mg", window="1 h")
    >>> course = pump.run({"Ann": [0.0, 0.05, 0.1, 0.5], "Bob": []}, until="24 h")
    >>> course
    2 subjects, 4 demands: 3 given, 1 lock-out, 0 limit
    >>> course.subjects[["demands", "given", "lock-out", "limit"]]
             demands  given  lock-out  limit
    subject
    Ann            4      3         1      0
    Bob            0      0         0      0
    """

    bolus: float
    lockout: float
    limit: float | None = None
    window: float | None = None
    background: float = 0.0
    loading: float = 0.0
    duration: float = 0.0
    route: str = "iv"

    def __post_init__(self) -> None:
        given = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self))
        faults: list[str] = []
        for name, dimension in _DIMENSIONS.items():
            value = getattr(self, name)
            if value is not None or name in ("bolus", "lockout"):
                above = 0.0 if name in ("bolus", "window") else None
                object.__setattr__(self, name, read(faults, name, value, dimension, above=above))
        faults = faults or self._conflicts()
        if faults:
            raise RegimenError(
                *faults,
                given=f"PCA({given})",
                remedy='Write for example PCA("1 mg", lockout="6 min", limit="10 mg", window="1 h").',
            )

    def _conflicts(self) -> list[str]:
        faults = []
        if self.lockout < self.duration:
            faults.append(
                f"the lock-out ({self.lockout:g} h) ends before the bolus is in ({self.duration:g} h)"
            )
        if (self.limit is None) != (self.window is None):
            faults.append("limit and window go together: the most that enters in how many hours?")
        elif self.limit is not None and self._room(first=True) < 0:
            faults.append(
                f"loading dose and background ({self.loading:g} mg and {self.background:g} mg/h) "
                f"alone are above the limit of {self.limit:g} mg in {self.window:g} h"
            )
        elif self.limit is not None and self._room(first=False) < 1:
            faults.append(
                f"a bolus of {self.bolus:g} mg and the background ({self.background:g} mg/h) "
                f"are above the limit of {self.limit:g} mg in {self.window:g} h: no demand is ever granted"
            )
        return faults

    def _room(self, first: bool) -> int:
        """Boluses that the limit leaves room for in one window, with the loading dose or without."""
        assert self.limit is not None and self.window is not None
        left = self.limit - self.background * self.window - (self.loading if first else 0.0)
        return int(np.floor(left / self.bolus + 1e-9))

    def run(
        self, demands: Mapping[Any, ArrayLike], until: float | str, start: float | str = 0.0
    ) -> Course:
        """Answer the demands of some patients.

        Parameters
        ----------
        demands : mapping of label to array of float
            Times [h] at which every subject asks, ascending, from `start` to before `until`. Recorded, or from
            :func:`~pkmodel.devices.demands.poisson_demands`.
        until : float or str
            End of the background infusion and of the demands [h].
        start : float or str
            When the pump begins [h].

        Returns
        -------
        Course
            ``events`` to simulate; ``subjects`` with the number of ``demands``, of those ``given``, refused by
            the ``lock-out`` and by the ``limit``, and all ``drug [mg]``; ``log`` with every demand.

        Raises
        ------
        InputError
            Times that are not finite, do not ascend, or lie outside the span; with the subject.
        """
        faults: list[str] = []
        begin, end = (read(faults, n, v, "time") for n, v in (("start", start), ("until", until)))
        if not faults and begin >= end:
            faults.append(f"until is {end:g} h; expected a time after the start ({begin:g} h)")
        labels, time = _demand_times(demands, begin, end, faults)
        if faults:
            raise InputError(
                *faults, remedy='Write for example run({1: [0.5, 2.25]}, until="72 h").'
            )
        outcome = self._answers(time, begin, end)
        return Course(
            self._events(labels, time, outcome, begin, end),
            self._counts(labels, outcome, end - begin),
            _log(labels, time, outcome),
            "demands",
        )

    def _answers(self, time: Floats, begin: float, end: float) -> Ints:
        """Outcome of every demand, shape (subject, demand); -1 where `time` is infinite."""
        n, most = time.shape
        slack = ROUNDING * np.spacing(end)
        granted = np.full((n, most + 1), -np.inf)
        count = np.zeros(n, np.int64)
        last = np.full(n, begin if self.loading else -np.inf)
        outcome = np.full((n, most), -1)
        for k in range(most):
            asked = np.flatnonzero(time[:, k] < np.inf)
            now = time[asked, k]
            locked = now + slack < last[asked] + self.lockout
            full = self._is_full(now, asked, granted, count, begin, slack)
            outcome[asked, k] = np.where(locked, _LOCKOUT, np.where(full, _LIMIT, _GIVEN))
            given, when = asked[~locked & ~full], now[~locked & ~full]
            granted[given, count[given]] = last[given] = when
            count[given] += 1
        return outcome

    def _is_full(
        self, now: Floats, asked: Ints, granted: Floats, count: Ints, begin: float, slack: float
    ) -> NDArray[np.bool_]:
        """Whether the limit leaves no room: as many boluses as it allows began within the last window."""
        if self.limit is None or self.window is None:
            return np.zeros(len(now), bool)
        early = now + slack < begin + self.window
        room = np.where(early, self._room(first=True), self._room(first=False))
        oldest = granted[asked, np.maximum(count[asked] - room, 0)]
        recent = now + slack < oldest + self.window
        return (room == 0) | ((count[asked] >= room) & recent)

    def _events(
        self, labels: list[Any], time: Floats, outcome: Ints, begin: float, end: float
    ) -> EventTable:
        everyone = np.arange(len(labels))
        place, demand = np.nonzero(outcome == _GIVEN)
        parts = [(place, time[place, demand], self.bolus, self.duration)]
        if self.loading:
            parts.append((everyone, np.full(len(labels), begin), self.loading, self.duration))
        if self.background:
            span = end - begin
            parts.append((everyone, np.full(len(labels), begin), self.background * span, span))
        sizes = [len(part[0]) for part in parts]
        return records(
            labels,
            np.concatenate([part[0] for part in parts]),
            time=np.concatenate([part[1] for part in parts]),
            amount=np.repeat([part[2] for part in parts], sizes),
            duration=np.repeat([part[3] for part in parts], sizes),
            compartment=self.route,
        )

    def _counts(self, labels: list[Any], outcome: Ints, span: float) -> Any:
        import pandas as pd

        counts = {"demands": (outcome >= 0).sum(axis=1)}
        counts |= {name: (outcome == k).sum(axis=1) for k, name in enumerate(OUTCOMES)}
        drug = self.loading + self.background * span + self.bolus * counts["given"]
        return pd.DataFrame(counts | {"drug [mg]": drug}, index=pd.Index(labels, name="subject"))


_DIMENSIONS = {
    "bolus": "amount",
    "lockout": "time",
    "limit": "amount",
    "window": "time",
    "background": "rate",
    "loading": "amount",
    "duration": "time",
}


def _demand_times(
    demands: Mapping[Any, ArrayLike], begin: float, end: float, faults: list[str]
) -> tuple[list[Any], Floats]:
    """Labels, and times of shape (subject, demand) filled up with infinity."""
    if not isinstance(demands, Mapping) or not demands:
        faults.append("demands: expected the times of every subject, {1: [0.5, 2.25]}")
        return [], np.zeros((0, 0))
    lists = {label: np.asarray(times) for label, times in demands.items()}
    for label, times in lists.items():
        if times.ndim != 1 or (times.size and times.dtype.kind not in "iuf"):
            faults.append(f"demands of {label}: expected one list of hours")
        elif (outside := ~np.isfinite(times) | (times < begin) | (times >= end)).any():
            faults.append(
                f"demands of {label}: {times[outside][0]:g} h is not from {begin:g} to before {end:g} h"
            )
        elif (np.diff(times) < 0).any():
            faults.append(f"demands of {label}: the times do not ascend")
    filled = np.full((len(lists), max(times.size for times in lists.values())), np.inf)
    for row, times in zip(filled, lists.values(), strict=True):
        row[: times.size] = 0.0 if faults else times
    return list(lists), filled


def _log(labels: list[Any], time: Floats, outcome: Ints) -> Any:
    import pandas as pd

    place, demand = np.nonzero(outcome >= 0)
    words = pd.Categorical.from_codes(outcome[place, demand], OUTCOMES)
    return pd.DataFrame(
        {"subject": np.asarray(labels)[place], "time": time[place, demand], "outcome": words}
    )
