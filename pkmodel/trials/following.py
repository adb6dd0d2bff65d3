"""The months after the trial: visits, the rules of titration, the taper, refills and faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.devices.reading import DAY
from pkmodel.trials.doses import HOURS, PER_DAY
from pkmodel.trials.people import last_day

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.trials.doses import Projection
    from pkmodel.trials.people import People
    from pkmodel.trials.service import Failures, Reservoirs

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Seen = dict[str, NDArray[Any]]

CHANGES = ("none", "raised", "lowered", "at_maximum", "fault")
NONE, RAISED, LOWERED, AT_MAXIMUM, FAULT = range(len(CHANGES))


@dataclass(frozen=True)
class Rules:
    """The rules of the months after the trial, in days and mg/day.

    Parameters
    ----------
    start : int
        Day of the implantation.
    every : int
        Days between visits.
    visits : int
        Number of visits after that of the implantation.
    remaining : tuple of float
        Part of the oral dose that is left from each visit on; the last one stays, and what comes after the last visit
        is not reached.
    oral_dose : float
        Daily dose of the oral order [mg/day].
    ratio : float
        Oral per intrathecal dose, for what is taken away.
    step, oral_step : float
        Relative rise.
    target : float
        Score that is good enough.
    maximum, oral_maximum : float
        Highest doses [mg/day].
    limit : float
        Respiratory depression at which a dose is lowered.
    """

    start: int
    every: int
    visits: int
    remaining: tuple[float, ...]
    oral_dose: float
    ratio: float
    step: float
    oral_step: float
    target: float
    maximum: float
    oral_maximum: float
    limit: float

    @property
    def end(self) -> int:
        """Day of the last visit."""
        return self.start + self.every * self.visits

    def left(self, visit: int) -> float:
        """Part of the oral order that the taper leaves from a visit on."""
        return self.remaining[min(visit, len(self.remaining) - 1)]


@dataclass(frozen=True)
class Followed:
    """The course: by subject and visit, and by subject and day.

    Parameters
    ----------
    visit : dict of str to array, shape (subject, visit)
        What was seen at a visit, and the doses from then on.
    delivered, oral : array, shape (subject, day)
        Doses of every day [mg/day], intrathecal and oral.
    score : array, shape (subject, day)
        Mean score of every day, without the error of a report.
    """

    visit: Seen
    delivered: Floats
    oral: Floats
    score: Floats


class Course:
    """Some subjects on their way from visit to visit.

    Parameters
    ----------
    rules : Rules
        The rules.
    people : People
        The subjects.
    projection : Projection
        Their concentrations, trial included.
    implanted : array of bool
        Who has a pump; the others go on by mouth.
    found : array
        Dose that the trial found [mg/day].
    infused : array, shape (subject, day)
        Rates of the trial's catheter [mg/day].
    """

    def __init__(
        self,
        rules: Rules,
        people: People,
        projection: Projection,
        implanted: Bools,
        found: Floats,
        infused: Floats,
    ) -> None:
        self.rules, self.people, self.projection = rules, people, projection
        self.implanted, self.found = implanted, found
        count = len(people.ids)
        self.factor = np.ones(count)  # of what conversion alone would give, by the route in use
        self.rate, self.part = np.zeros(count), np.ones(count)
        self.running = np.zeros(count)
        self.delivered, self.oral, self.score = (np.zeros((count, rules.end)) for _ in range(3))
        self.delivered[:, : infused.shape[1]] = infused
        self.oral[:] = rules.oral_dose
        self.visits: list[Seen] = []

    def run(self, failures: Failures, reservoirs: Reservoirs) -> Followed:
        """Go from visit to visit."""
        rules = self.rules
        ongoing, refills = (
            np.zeros(len(self.implanted), bool),
            np.zeros(len(self.implanted), np.int64),
        )
        for k in range(rules.visits + 1):
            day = rules.start + k * rules.every
            seen = self._look(day - (rules.every if k else rules.start), day, k)
            if k:
                seen["refills"] = refills
                for kind in ("pump", "catheter"):
                    begun = getattr(failures, kind)[:, (k - 1) * rules.every : k * rules.every]
                    seen[f"{kind}_faults"] = begun.sum(axis=1) * self.implanted
            change = self._decide(seen, ongoing) if k else np.full(len(ongoing), NONE)
            cut = self._set(k)
            seen["change"] = np.where(cut & (change == NONE), AT_MAXIMUM, change)
            seen |= {
                "rate": self.rate,
                "oral_dose": self.part * rules.oral_dose,
                "escalation": self.factor.copy(),
            }
            self.visits.append(seen)
            if k < rules.visits:
                refills = self._go(day, failures, reservoirs)
                ongoing = failures.stopped[:, (k + 1) * rules.every - 1] & self.implanted
        return Followed(_stacked(self.visits), self.delivered, self.oral, self.score)

    def _look(self, first: int, day: int, visit: int) -> Seen:
        """Scores and responses of the time since the last visit."""
        people, start = self.people, self.rules.start
        found = people.responses(self.projection.between(first, day))
        after = HOURS * np.arange((day - first) * PER_DAY) + (first - start) * DAY
        placebo = people.placebo_after(after) * (self.implanted & (visit > 0))[:, None]
        scores = people.score(people.effect(found), placebo)
        by_day = scores.reshape(len(scores), day - first, -1)
        self.score[:, first:day] = np.ascontiguousarray(by_day).mean(axis=2)
        seen = {
            name: np.ascontiguousarray(last_day(v)).mean(axis=1)
            for name, v in found.items()
            if not name.endswith("_drive") and name not in ("ashworth", "withdrawal")
        }
        if "withdrawal" in found:
            seen["withdrawal"] = found["withdrawal"].max(axis=1)
        seen["score"] = people.report(last_day(scores), f"score of visit {visit}")
        return seen

    def _decide(self, seen: Seen, ongoing: Bools) -> NDArray[np.int64]:
        """Change the doses by the rules."""
        rules, implanted = self.rules, self.implanted
        depressed = seen.get("respiratory_depression", np.zeros(len(implanted))) > rules.limit
        wanting = seen["score"] > rules.target
        most = np.where(implanted, rules.maximum, rules.oral_maximum)
        dose = np.where(implanted, self.rate, self.part * rules.oral_dose)
        step = 1 + np.where(implanted, rules.step, rules.oral_step)
        change = np.full(len(implanted), NONE)
        change[wanting] = np.where(dose >= most * (1 - 1e-9), AT_MAXIMUM, RAISED)[wanting]
        change[wanting & (dose == 0)] = NONE
        change[depressed] = LOWERED
        change[ongoing] = FAULT
        with np.errstate(divide="ignore", invalid="ignore"):
            raised = np.minimum(step, most / dose)
        self.factor = np.where(change == RAISED, self.factor * raised, self.factor)
        self.factor = np.where(change == LOWERED, self.factor / step, self.factor)
        return change

    def _set(self, visit: int) -> Bools:
        """Rate and part of the oral order from a visit on; whose rate had to be cut to the highest."""
        rules, left = self.rules, self.rules.left(visit)
        planned = self.found + (1 - left) * rules.oral_dose / rules.ratio
        cut = self.implanted & (planned * self.factor > rules.maximum * (1 + 1e-9))
        self.factor[cut] = rules.maximum / planned[cut]
        rate = np.minimum(planned * self.factor, rules.maximum)
        part = np.where(self.implanted, left, self.factor)
        self.rate = np.where(self.implanted, rate, 0.0)
        day = rules.start + visit * rules.every
        self.projection.oral(day, part - self.part)
        self.part = part
        return cut

    def _go(self, day: int, failures: Failures, reservoirs: Reservoirs) -> NDArray[np.int64]:
        """Let the days until the next visit go by; how often every subject was refilled."""
        rules = self.rules
        refills = np.zeros(len(self.rate), np.int64)
        for d in range(day, day + rules.every):
            delivered = np.where(failures.stopped[:, d - rules.start], 0.0, self.rate)
            refills += reservoirs.day(self.rate, delivered)
            self.projection.pump(d, delivered - self.running)
            self.running = delivered
            self.delivered[:, d] = delivered
        self.oral[:, day : day + rules.every] = (self.part * rules.oral_dose)[:, None]
        return refills


def _stacked(visits: list[Seen]) -> Seen:
    """One array per variable, over subject and visit; what is not seen at the first visit is 0."""
    nothing = np.zeros(len(visits[-1]["score"]))
    return {n: np.stack([v.get(n, nothing) for v in visits], axis=1) for n in visits[-1]}
