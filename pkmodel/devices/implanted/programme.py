"""What a pump is told to give: a rate for every time of day, periodic boluses, boluses on request."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel.devices.reading import DAY, daily_text, read, time_of_day
from pkmodel.drugs.schema import amount_text
from pkmodel.errors import RegimenError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Bolus", "PatientBolus", "Programme", "Step", "titration"]

MOST_STEPS = 1000


@dataclass(frozen=True)
class Bolus:
    """A bolus that the pump gives at a fixed interval, on top of the rate.

    Parameters
    ----------
    amount : str or float
        Drug of one bolus [mg].
    over : str or float
        Time over which it is given [h].
    every : str or float
        Time from one start to the next [h].
    first : str or float
        First start [h], from the moment at which the programme begins.

    Raises
    ------
    RegimenError
        All that is wrong with it.

    Examples
    --------
    >>> Bolus("0.05 mg", over="15 min", every="6 h")
    Bolus(amount=0.05, over=0.25, every=6.0, first=0.0)
    """

    amount: float
    over: float
    every: float
    first: float = 0.0

    def __post_init__(self) -> None:
        faults: list[str] = []
        _put(self, "amount", read(faults, "amount", self.amount, "amount", above=0))
        for name in ("over", "every"):
            _put(self, name, read(faults, name, getattr(self, name), "time", above=0))
        _put(self, "first", read(faults, "first", self.first, "time"))
        if self.over > self.every:
            faults.append(
                f"{self.over:g} h of a bolus do not fit into an interval of {self.every:g} h"
            )
        _refuse(faults, "Bolus", 'Write for example Bolus("0.05 mg", over="15 min", every="6 h").')


@dataclass(frozen=True)
class PatientBolus:
    """A bolus that the patient may request, on top of the rate.

    Parameters
    ----------
    amount : str or float
        Drug of one bolus [mg].
    over : str or float
        Time over which it is given [h].
    lockout : str or float
        Shortest time from the start of one bolus to the start of the next [h].
    per_day : int
        Most boluses that begin within any 24 h.

    Raises
    ------
    RegimenError
        All that is wrong with it; a bolus that outlasts its lock-out among it.

    Examples
    --------
    >>> PatientBolus("0.05 mg", over="5 min", lockout="2 h", per_day=5).daily_dose
    0.25
    """

    amount: float
    over: float
    lockout: float
    per_day: int

    def __post_init__(self) -> None:
        faults: list[str] = []
        _put(self, "amount", read(faults, "amount", self.amount, "amount", above=0))
        for name in ("over", "lockout"):
            _put(self, name, read(faults, name, getattr(self, name), "time", above=0))
        if isinstance(self.per_day, bool) or not isinstance(self.per_day, int) or self.per_day < 1:
            faults.append(f"per_day is {self.per_day!r}; expected a whole number from 1")
        if self.over > self.lockout:
            faults.append(f"a bolus of {self.over:g} h outlasts the lock-out of {self.lockout:g} h")
        _refuse(
            faults,
            "PatientBolus",
            'Write for example PatientBolus("0.05 mg", over="5 min", lockout="2 h", per_day=6).',
        )

    @property
    def daily_dose(self) -> float:
        """The most that it can give in 24 h [mg/day]."""
        return self.amount * min(self.per_day, math.ceil(DAY / self.lockout))


@dataclass(frozen=True)
class Programme:
    """A rate for every time of day, repeated daily, with boluses on top.

    Parameters
    ----------
    rate : str or float
        Rate [mg/h]: ``"0.4 mg/day"``.
    steps : mapping
        Rates from times of day on, each to the next: ``{"22:00": "150 %", "06:00": "100 %"}``, in percent of
        `rate` or as rates of their own. The last one holds past midnight. Kept as pairs of hour and rate [mg/h].
    boluses : Bolus or sequence of Bolus
        Given at fixed intervals.
    patient : PatientBolus, optional
        Given on request.

    Raises
    ------
    RegimenError
        All that is wrong with it.

    Examples
    --------
    >>> night = Programme("0.4 mg/day", {"22:00": "150 %", "06:00": "100 %"})
    >>> round(night.daily_dose, 6)
    0.466667
    """

    rate: float = 0.0
    steps: tuple[tuple[float, float], ...] = ()
    boluses: tuple[Bolus, ...] = ()
    patient: PatientBolus | None = None

    def __post_init__(self) -> None:
        faults: list[str] = []
        _put(self, "rate", read(faults, "rate", self.rate, "rate"))
        _put(self, "steps", _read_steps(faults, self.rate, self.steps))
        boluses = (self.boluses,) if isinstance(self.boluses, Bolus) else tuple(self.boluses)
        _put(self, "boluses", boluses)
        faults += [f"{b!r} is no Bolus" for b in boluses if not isinstance(b, Bolus)]
        if not isinstance(self.patient, PatientBolus | None):
            faults.append(f"patient is {self.patient!r}; expected a PatientBolus")
        _refuse(
            faults,
            "Programme",
            'Write for example Programme("0.4 mg/day", {"22:00": "150 %", "06:00": "100 %"}).',
        )

    @property
    def profile(self) -> tuple[tuple[float, float], ...]:
        """Time of day [h] and rate [mg/h] of every step; of a constant rate one step."""
        return self.steps or ((0.0, self.rate),)

    @property
    def daily_dose(self) -> float:
        """What is given in a day without requests [mg/day]."""
        hours, rates = zip(*self.profile, strict=True)
        basal = float(np.diff([*hours, hours[0] + DAY]) @ np.array(rates))
        return basal + sum(b.amount * DAY / b.every for b in self.boluses)

    @property
    def highest_rate(self) -> float:
        """The most that can be asked for at one moment [mg/h]: the highest step, with all boluses."""
        extra: list[Bolus | PatientBolus] = [*self.boluses]
        extra += [self.patient] if self.patient else []
        return max(rate for _, rate in self.profile) + sum(b.amount / b.over for b in extra)

    def scaled(self, factor: float) -> Programme:
        """The same programme with every dose but the patient's multiplied."""
        return replace(
            self,
            rate=self.rate * factor,
            steps=tuple((hour, rate * factor) for hour, rate in self.steps),
            boluses=tuple(replace(b, amount=b.amount * factor) for b in self.boluses),
        )

    def edges(self, start: float, end: float, since: float, clock: float) -> Floats:
        """Times [h] between two times at which the rate changes, requests left aside.

        Parameters
        ----------
        start, end : float
            The times of interest [h].
        since : float
            When the programme began [h].
        clock : float
            Time of day at time 0 [h].

        Returns
        -------
        array of float, ascending within each part
        """
        days = np.arange((start + clock) // DAY, (end + clock) // DAY + 1) * DAY - clock
        hours = np.array([hour for hour, _ in self.steps])
        parts = [np.add.outer(days, hours).ravel()]
        for b in self.boluses:
            from_, to = ((t - since - b.first) // b.every for t in (start, end))
            starts = since + b.first + np.arange(max(0.0, from_), to + 1) * b.every
            parts += [starts, starts + b.over]
        return np.concatenate(parts)

    def rates(self, time: Floats, since: float, clock: float) -> Floats:
        """Rate [mg/h] at some times [h] that are no edges, requests left aside.

        Parameters
        ----------
        time : array of float
        since, clock : float
            As for :meth:`edges`.

        Returns
        -------
        array of float, of the same shape
        """
        hours, rates = zip(*self.profile, strict=True)
        found = np.array(rates)[np.searchsorted(hours, (time + clock) % DAY, side="right") - 1]
        for b in self.boluses:
            phase = time - since - b.first
            running = (phase >= 0) & (phase % b.every < b.over)
            found = found + np.where(running, b.amount / b.over, 0.0)
        return found

    def __str__(self) -> str:
        parts = [f"{clock_text(hour)} {daily_text(rate)}" for hour, rate in self.steps]
        parts = parts or [daily_text(self.rate)]
        parts += [
            f"{amount_text(b.amount)} over {b.over * 60:.4g} min every {b.every:g} h"
            for b in self.boluses
        ]
        if self.patient:
            p = self.patient
            parts.append(
                f"patient {amount_text(p.amount)} over {p.over * 60:.4g} min, lock-out {p.lockout:g} h, "
                f"at most {p.per_day} in 24 h"
            )
        return "; ".join(parts)


class Step(NamedTuple):
    """A step of a titration: when it begins [h], and its daily dose [mg/day]."""

    start: float
    daily_dose: float


def titration(first: Any, to: Any, by: Any, every: Any, start: Any = 0.0) -> tuple[Step, ...]:
    """Raise or lower a daily dose by a fraction at a time, until a target is reached.

    Parameters
    ----------
    first, to : str or float
        Daily dose at the start and at the end, as rates [mg/h]: ``"0.4 mg/day"``.
    by : str or float
        Fraction of the dose before by which it changes: ``"15 %"``. The last step is cut to meet `to`.
    every : str or float
        Time from one step to the next [h].
    start : str or float
        When the first dose begins [h].

    Returns
    -------
    tuple of Step
        With `first`, and `to` as the last.

    Raises
    ------
    RegimenError
        All that is wrong with it.

    Examples
    --------
    >>> [(s.start, round(s.daily_dose, 3)) for s in titration("0.4 mg/day", "0.5 mg/day", "20 %", "1 week")]
    [(0.0, 0.4), (168.0, 0.48), (336.0, 0.5)]
    """
    faults: list[str] = []
    dose, goal = (
        DAY * read(faults, n, v, "rate", above=0) for n, v in (("first", first), ("to", to))
    )
    share = read(faults, "by", by, "ratio", above=0)
    wait = read(faults, "every", every, "time", above=0)
    moment = read(faults, "start", start, "time")
    if share > 1 or (share == 1 and goal < dose):
        faults.append(f'by is {by!r}; expected a part of the dose ("15 %")')
    elif not faults and abs(math.log(goal / dose)) > MOST_STEPS * math.log1p(share):
        faults.append(f"{share:.3%} at a time take more than {MOST_STEPS} steps")
    _refuse(
        faults,
        "titration",
        'Write for example titration("0.4 mg/day", "0.8 mg/day", "15 %", "1 week").',
    )
    factor, nearer = (1 + share, min) if goal > dose else (1 - share, max)
    steps = [Step(moment, dose)]
    while dose != goal:
        dose, moment = nearer(dose * factor, goal), moment + wait
        steps.append(Step(moment, dose))
    return tuple(steps)


def clock_text(hour: float) -> str:
    """A time of day [h] as one writes it.

    Examples
    --------
    >>> clock_text(22.5)
    '22:30'
    """
    minutes = round(hour * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _put(record: Any, name: str, value: Any) -> None:
    object.__setattr__(record, name, value)


def _refuse(faults: list[str], given: str, remedy: str) -> None:
    if faults:
        raise RegimenError(*faults, given=given, remedy=remedy)


def _read_steps(faults: list[str], base: float, steps: Any) -> tuple[tuple[float, float], ...]:
    """Times of day and rates, in order."""
    pairs = list(steps.items() if isinstance(steps, Mapping) else steps)
    found: dict[float, float] = {}
    for time, value in pairs:
        hour = time_of_day(faults, "time of a step", time)
        if hour in found:
            faults.append(f"two steps begin at {clock_text(hour)}")
        found[hour] = _step_rate(faults, f"rate at {time}", base, value)
    if len(pairs) == 1 and base > 0:
        faults.append('a single step holds all day: say when it ends ("06:00": "100 %")')
    return tuple(sorted(found.items()))


def _step_rate(faults: list[str], name: str, base: float, value: Any) -> float:
    if isinstance(value, str) and value.rstrip().endswith("%"):
        if not base > 0:
            faults.append(f"{name} is {value!r}, of no rate; give the rate that it is a part of")
        return base * read(faults, name, value, "ratio")
    return read(faults, name, value, "rate")
