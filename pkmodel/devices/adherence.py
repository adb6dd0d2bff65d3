"""Adherence: which of the ordered tablets are taken, and when.

Every scheduled dose of a subject meets, in this order,

- a *holiday*: a two-state Markov chain over the scheduled doses. Before each dose a subject begins a holiday with one
  probability, or ends a running one with another. In a holiday no dose is taken.
- a *chance to forget*: outside a holiday a dose is taken with the probability `taken`.
- a *delay*: a dose that is taken is late with the probability `late`, by a log-normal delay cut off at the next dose.

This structure is an assumption, and so is every number: none has a value here. What is not given does not happen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.devices.course import Course, records
from pkmodel.devices.draws import Key, subject_numbers, uniforms
from pkmodel.devices.reading import read
from pkmodel.errors import ParameterError, RegimenError
from pkmodel.regimen import Order, Regimen
from pkmodel.regimen.tables import record_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

__all__ = ["Adherence"]

OUTCOMES = ("on time", "late", "forgotten", "holiday")
_ON_TIME, _LATE, _FORGOTTEN, _HOLIDAY = range(4)
_PROBABILITIES = ("taken", "late", "holiday_start", "holiday_stop")


@dataclass(frozen=True)
class Adherence:
    """How patients take tablets.

    A probability is one number for all, or a sequence of one per subject.

    Parameters
    ----------
    taken : float or sequence of float
        Probability that a dose is taken, outside a holiday.
    late : float or sequence of float
        Probability that a dose that is taken is late.
    delay : float or str
        Median delay of a late dose [h].
    delay_cv : float
        Coefficient of variation of the delay; 0 for the same delay always.
    holiday_start : float or sequence of float
        Probability, before every scheduled dose, that a holiday begins with it.
    holiday_stop : float or sequence of float, optional
        Probability, before every scheduled dose, that a holiday ends: holidays last 1 / holiday_stop doses on average.

    Raises
    ------
    ParameterError
        Everything that is wrong with the numbers.

    Notes
    -----
    With the log-normal distribution function F, the interval tau and a uniform u, the delay is ``F^-1(u F(tau))``. A
    dose that is given once has no next dose, and its delay no cut. In the long run a subject is on holiday at the
    fraction ``holiday_start / (holiday_start + holiday_stop)`` of the doses.

    Examples
    --------
    >>> patients = Adherence(taken=0.9, late=0.5, delay="1 h", delay_cv=0.8)
    >>> course = patients.run("60 mg oral q12h x 28", 100, seed=1)
    >>> course
    100 subjects, 2800 doses: 1264 on time, 1243 late, 293 forgotten, 0 holiday
    """

    taken: Any
    late: Any = 0.0
    delay: float = 0.0
    delay_cv: float = 0.0
    holiday_start: Any = 0.0
    holiday_stop: Any = None

    def __post_init__(self) -> None:
        given = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self))
        faults: list[str] = []
        for name in _PROBABILITIES:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _probability(name, getattr(self, name), faults))
        for name, dimension in (("delay", "time"), ("delay_cv", "ratio")):
            object.__setattr__(self, name, read(faults, name, getattr(self, name), dimension))
        faults = faults or self._conflicts()
        if faults:
            raise ParameterError(
                *faults,
                given=f"Adherence({given})",
                remedy='Write for example Adherence(taken=0.9, late=0.5, delay="1 h", delay_cv=0.8).',
            )

    def _conflicts(self) -> list[str]:
        faults = []
        if np.any(np.asarray(self.late) > 0) != (self.delay > 0):
            faults.append("late and delay go together: how often, and by how many hours?")
        if self.holiday_stop is None and np.any(np.asarray(self.holiday_start) > 0):
            faults.append("holiday_start is given without holiday_stop: how do holidays end?")
        return faults

    def run(
        self,
        regimen: Regimen | str,
        subjects: int | Iterable[int],
        *,
        seed: int,
        until: float | str = np.inf,
        stream: str = "adherence",
        replicate: int = 0,
    ) -> Course:
        """Draw which oral doses of a regimen are taken, and when; by other routes all is given as ordered.

        Parameters
        ----------
        regimen : Regimen or str
            What is ordered.
        subjects : int or iterable of int
            How many subjects (1 to n), or which ones.
        seed : int
            Root of all random numbers, 0 or above.
        until : float or str
            Last time for which a dose is scheduled [h]; orders without end need it.
        stream : str
            Name of the draw; another name gives independent numbers from the same seed.
        replicate : int
            Number of the draw, for several from one seed.

        Returns
        -------
        Course
            ``events`` to simulate; ``subjects`` with the doses ``scheduled`` and ``taken``, the ``fraction`` taken, and
            how many were ``late``, ``forgotten`` and missed in a ``holiday``; ``log`` with every scheduled dose and
            the ``time`` at which it was taken, NaN if it was not.

        Raises
        ------
        RegimenError
            No oral order, an order without end and no `until`, or a fixed delay past the next dose.
        ParameterError
            Subjects that are no numbers, or not as many as there are probabilities.
        """
        numbers = subject_numbers(subjects)
        regimen = Regimen.parse(regimen) if isinstance(regimen, str) else regimen
        faults: list[str] = []
        end = read(faults, "until", until, "time", finite=False)
        tablets = [order for order in regimen if order.route == "oral"]
        faults += self._misfits(regimen, tablets, end)
        if faults:
            raise RegimenError(*faults, given=f'"{regimen}"')
        time, tau, order = _scheduled(tablets, end)
        outcome, delay = self._draw(numbers, tau, (seed, stream, replicate))
        when = np.where(outcome <= _LATE, time + delay, np.nan)
        others = [o for o in regimen if o.route != "oral" and o.start <= end]
        return Course(
            _events(numbers, [*(tablets[k] for k in order), *others], when, end),
            _counts(numbers, outcome),
            _log(numbers, time, when, outcome),
            "doses",
        )

    def _misfits(self, regimen: Regimen, tablets: list[Order], end: float) -> list[str]:
        faults = [] if tablets else ["has no oral order, and only those are taken by the patient"]
        if tablets and min(order.start for order in tablets) > end:
            faults.append(f"has no dose until {end:g} h")
        if end == np.inf and any(order.end == np.inf for order in regimen):
            faults.append('has an order without end: give until="28 d"')
        short = [o for o in tablets if self.delay_cv == 0 and (o.interval or np.inf) <= self.delay]
        faults += [f'the delay of {self.delay:g} h passes the next dose of "{o}"' for o in short]
        return faults

    def _draw(self, numbers: Ints, tau: Floats, key: Key) -> tuple[Ints, Floats]:
        """Outcome, and delay [h] of every dose, shape (subject, dose)."""
        chance = {name: self._chance(name, len(numbers)) for name in _PROBABILITIES}
        u = {
            name: uniforms(numbers, len(tau), key, name)
            for name in ("taken", "late", "delay", "holiday")
        }
        late = u["late"] < chance["late"]
        outcome = np.where(late, _LATE, _ON_TIME)
        outcome[u["taken"] >= chance["taken"]] = _FORGOTTEN
        outcome[_holidays(u["holiday"], chance["holiday_start"], chance["holiday_stop"])] = _HOLIDAY
        return outcome, np.where(outcome == _LATE, self._delays(u["delay"], tau), 0.0)

    def _chance(self, name: str, size: int) -> Floats:
        """Probabilities of all subjects, shape (subject, 1)."""
        value = getattr(self, name)
        chance = np.asarray(1.0 if value is None else value, dtype=float)
        if chance.shape not in ((), (size,)):
            raise ParameterError(
                f"{name} holds {chance.size} probabilities; expected one, or one per subject ({size})"
            )
        return np.broadcast_to(chance, (size,))[:, None]

    def _delays(self, u: Floats, tau: Floats) -> Floats:
        from scipy.special import ndtr, ndtri

        if self.delay == 0 or self.delay_cv == 0:
            return np.full(u.shape, self.delay)
        sigma = np.sqrt(np.log1p(self.delay_cv**2))
        below = ndtr(np.log(tau / self.delay) / sigma)
        return np.minimum(self.delay * np.exp(sigma * ndtri(u * below)), tau)


def _probability(name: str, value: Any, faults: list[str]) -> Any:
    """A probability, or a tuple of them."""
    try:
        chance = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        chance = np.array(np.nan)
    if chance.ndim > 1 or not chance.size or not ((chance >= 0) & (chance <= 1)).all():
        faults.append(f"{name} is {value!r}; expected probabilities from 0 to 1")
        return np.nan
    return tuple(chance.tolist()) if chance.ndim else float(chance)


def _scheduled(tablets: list[Order], end: float) -> tuple[Floats, Floats, Ints]:
    """Time and interval of all doses, and the order that they are of, by time."""
    times = [order.times(end) for order in tablets]
    sizes = [len(t) for t in times]
    tau = np.repeat([order.interval or np.inf for order in tablets], sizes)
    time = np.concatenate(times)
    by_time = np.argsort(time, kind="stable")
    return time[by_time], tau[by_time], np.repeat(np.arange(len(tablets)), sizes)[by_time]


def _holidays(u: Floats, start: Floats, stop: Floats) -> Bools:
    """Which doses, shape (subject, dose), fall into a holiday."""
    away = np.zeros(u.shape, bool)
    now = np.zeros(len(u), bool)
    for k in range(u.shape[1]):
        now = now ^ (u[:, k] < np.where(now, stop[:, 0], start[:, 0]))
        away[:, k] = now
    return away


def _events(numbers: Ints, orders: list[Order], when: Floats, end: float) -> Any:
    """Records of the doses taken, and of what is ordered by other routes.

    The first orders are those of the columns of `when`; one by one their doses are taken.
    """
    rows = {order: record_of(order, end) for order in dict.fromkeys(orders)}
    place, dose = np.nonzero(~np.isnan(when))
    rest = range(when.shape[1], len(orders))
    whose = np.concatenate([place, np.repeat(np.arange(len(numbers)), len(rest))])
    which = np.concatenate([dose, np.tile(rest, len(numbers))]).astype(np.int64)
    columns = {
        name: np.array([rows[order][name] for order in orders])[which]
        for name in rows[orders[0]]
    }  # fmt: skip
    columns["time"][: len(dose)] = when[place, dose]
    for name in ("interval", "additional"):
        columns[name][: len(dose)] = 0
    return records(numbers, whose, **columns)


def _counts(numbers: Ints, outcome: Ints) -> pd.DataFrame:
    import pandas as pd

    taken = (outcome <= _LATE).sum(axis=1)
    counts = {"scheduled": outcome.shape[1], "taken": taken, "fraction": taken / outcome.shape[1]}
    missed = {OUTCOMES[k]: (outcome == k).sum(axis=1) for k in (_LATE, _FORGOTTEN, _HOLIDAY)}
    return pd.DataFrame(counts | missed, index=pd.Index(numbers, name="subject"))


def _log(numbers: Ints, scheduled: Floats, when: Floats, outcome: Ints) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({
        "subject": np.repeat(numbers, len(scheduled)),
        "scheduled": np.tile(scheduled, len(numbers)),
        "time": when.ravel(),
        "outcome": pd.Categorical.from_codes(outcome.ravel(), OUTCOMES),
    })  # fmt: skip
