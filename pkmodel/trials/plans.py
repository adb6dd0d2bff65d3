"""What a trial takes: who is tried, how the dose is found, by what rules it goes on, and what fails.

Every number that no source was found for says so; a result lists which of them it rests on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from pkmodel.devices.reading import DAY, read
from pkmodel.errors import ParameterError

__all__ = ["Faults", "Patients", "Titration"]

MOST_DAYS = 36525
"""Longest time that is waited for anything."""
_UNITS = {
    "fading": " h",
    "every": " h",
    "repair": " h",
    "maximum": " mg/h",
    "oral_maximum": " mg/h",
}


def _from(note: str, confidence: str = "assumed") -> dict[str, str]:
    """Where a default comes from."""
    return {"note": note, "confidence": confidence}


class Noted:
    """A frozen dataclass whose fields say where their defaults come from."""

    def rests_on(self) -> Iterator[str]:
        """One text per field: its value, how far it is to be trusted, and why."""
        usual = type(self)()
        for f in fields(self):  # type: ignore[arg-type]
            value, trust = getattr(self, f.name), "given"
            if value == getattr(usual, f.name):
                trust = f"{f.metadata['confidence']}: {f.metadata['note']}"
            shown = "by default" if value is None else f"{value:g}{_UNITS.get(f.name, '')}"
            yield f"{type(self).__name__}.{f.name} {shown} ({trust})"


@dataclass(frozen=True)
class Patients(Noted):
    """Patients as they enter a trial: the score, and what their present oral treatment does for it.

    Parameters
    ----------
    score, score_sd : float, optional
        Mean and standard deviation of the score at entry, under the oral treatment: pain, or the Ashworth score. Nobody
        enters with less than a tenth of the scale: 1 of pain, 1.4 of Ashworth; what is drawn below it, or above the
        scale, is cut off there.
    relief, relief_cv : float
        Part of the score that the oral treatment takes away, a median and a coefficient of variation. With the dose
        it says how much drug a patient needs.
    placebo, placebo_cv : float
        Part of the score that a placebo takes away: median and coefficient of variation.
    fading : str or float
        Half-life with which the placebo response is lost after the implantation [h].
    noise : float
        Standard deviation of a score from one assessment to the next.
    potency_cv : float
        Coefficient of variation of the EC50 in the cord, beside the spread of all else in the drug's file.

    Raises
    ------
    ParameterError
        All that is wrong with the numbers.
    """

    score: float | None = field(
        default=None, metadata=_from("7.5 of pain; 3.5 of Ashworth: no figure was found")
    )
    score_sd: float | None = field(
        default=None, metadata=_from("1 of pain; 0.5 of Ashworth: no figure was found")
    )
    relief: float = field(
        default=0.25,
        metadata=_from("patients for whom oral doses are not enough; no figure was found"),
    )
    relief_cv: float = field(default=0.5, metadata=_from("no figure was found"))
    placebo: float = field(
        default=0.15, metadata=_from("no figure was found that holds for all trials")
    )
    placebo_cv: float = field(default=0.8, metadata=_from("no figure was found"))
    fading: Any = field(default="30 d", metadata=_from("no figure was found"))
    noise: float = field(default=0.5, metadata=_from("half a point; no figure was found"))
    potency_cv: float = field(
        default=0.3, metadata=_from("the spread of the potency in the cord is not known")
    )

    def __post_init__(self) -> None:
        faults: list[str] = []
        object.__setattr__(self, "fading", _hours(faults, self, "fading"))
        for name in ("relief", "placebo"):
            _between(
                faults, name, getattr(self, name), 0.0, 1.0, "[)" if name == "placebo" else "()"
            )
        for name in ("relief_cv", "placebo_cv", "noise", "potency_cv"):
            _between(faults, name, getattr(self, name), 0.0, 10.0, "[]")
        for name in ("score", "score_sd"):
            if getattr(self, name) is not None:
                _between(faults, name, getattr(self, name), 0.0, 10.0, "[]")
        _complain(faults, "Patients", "Patients(score=7.5, relief=0.25, placebo=0.15)")


@dataclass(frozen=True)
class Titration(Noted):
    """How doses change after the implantation: at a visit, by the score of the last day.

    Parameters
    ----------
    every : str or float
        Time between visits [h], in whole days.
    step, oral_step : float
        Relative rise of the pump's rate and of the oral dose where the score is above the target.
    target : float, optional
        Score that is good enough.
    maximum, oral_maximum : str or float, optional
        Highest daily doses, as rates [mg/h]; by default those of the drug's file, where the highest single dose of the
        oral order counts, too.
    limit : float, optional
        Respiratory depression, 0 to 1, above which a dose is lowered by a step; without, breathing decides nothing.

    Raises
    ------
    ParameterError
        All that is wrong with the numbers.
    """

    every: Any = field(default="14 d", metadata=_from("no figure was found"))
    step: float = field(
        default=0.2,
        metadata=_from("no figure was found for opioids; labels of baclofen have 10 to 30 %"),
    )
    oral_step: float = field(default=0.2, metadata=_from("as the pump's"))
    target: float | None = field(
        default=None,
        metadata=_from(
            "4 of pain: a score below 4 was the aim of the randomised trial of 200 patients with cancer (Smith 2002); "
            "2 of Ashworth is assumed",
            "read",
        ),
    )
    maximum: Any = field(
        default=None,
        metadata=_from("the highest daily dose in the drug's file", "from the drug's file"),
    )
    oral_maximum: Any = field(default=None, metadata=_from("as the pump's", "from the drug's file"))
    limit: float | None = field(
        default=None,
        metadata=_from(
            "potencies of breathing are those of volunteers, and most doses that help are above them"
        ),
    )

    def __post_init__(self) -> None:
        faults: list[str] = []
        object.__setattr__(self, "every", _hours(faults, self, "every", days=True))
        for name in ("maximum", "oral_maximum"):
            if getattr(self, name) is not None:
                value = read(faults, name, getattr(self, name), "rate", above=0.0)
                object.__setattr__(self, name, value)
        for name in ("step", "oral_step"):
            _between(faults, name, getattr(self, name), 0.0, 10.0, "(]")
        if self.target is not None:
            _between(faults, "target", self.target, 0.0, 10.0, "[]")
        if self.limit is not None:
            _between(faults, "limit", self.limit, 0.0, 1.0, "()")
        _complain(faults, "Titration", 'Titration(every="14 d", step=0.2, target=4)')


@dataclass(frozen=True)
class Faults(Noted):
    """What stops a pump, or the drug on its way, until it is repaired.

    Parameters
    ----------
    per_year : float
        Mean number of faults in a year.
    pump : float
        Part of them that are the pump's; the others are the catheter's. Either stops the drug.
    repair : str or float
        Time without drug [h], in whole days.

    Raises
    ------
    ParameterError
        All that is wrong with the numbers.
    """

    per_year: float = field(
        default=0.105,
        metadata=_from(
            "surgical complications of pumps for spasticity, 10.5 % a year: 100 patients in 552 years",
            "read",
        ),
    )
    pump: float = field(
        default=0.35, metadata=_from("35 % pump, 65 % catheter, of the same", "read")
    )
    repair: Any = field(default="5 d", metadata=_from("no figure was found"))

    def __post_init__(self) -> None:
        faults: list[str] = []
        object.__setattr__(self, "repair", _hours(faults, self, "repair", days=True))
        _between(faults, "per_year", self.per_year, 0.0, 100.0)
        _between(faults, "pump", self.pump, 0.0, 1.0, "[]")
        _complain(faults, "Faults", 'Faults(per_year=0.1, repair="5 d")')


def _hours(faults: list[str], owner: Any, name: str, days: bool = False) -> float:
    value = getattr(owner, name)
    hours = read(faults, name, value, "time", above=0.0)
    whole = math.isfinite(hours) and abs(hours / DAY - round(hours / DAY)) <= 1e-9
    if days and math.isfinite(hours) and not (whole and 1 <= round(hours / DAY) <= MOST_DAYS):
        faults.append(f"{name} is {value!r}; expected whole days, 1 to {MOST_DAYS}")
    return hours


def is_number(value: Any) -> bool:
    """Whether it is one number, and neither True nor False."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _between(
    faults: list[str], name: str, value: Any, low: float, high: float, ends: str = "[)"
) -> None:
    """Note a number that is none, or out of its range; of `ends` a square one belongs to it."""
    number = is_number(value)
    above = number and (value >= low if ends[0] == "[" else value > low)
    below = number and (value <= high if ends[1] == "]" else value < high)
    if not (above and below):
        first = f"{'at least' if ends[0] == '[' else 'above'} {low:g}"
        last = f"{'up to' if ends[1] == ']' else 'below'} {high:g}"
        faults.append(f"{name} is {value!r}; expected a number {first} and {last}")


def _complain(faults: list[str], what: str, example: str) -> None:
    if faults:
        raise ParameterError(*faults, given=what, remedy=f"Write for example {example}.")
