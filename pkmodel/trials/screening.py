"""The trial before the implant: rising doses until a patient responds, and what is decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pkmodel.trials.doses import HOURS, PER_DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.trials.doses import Projection
    from pkmodel.trials.people import People

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

METHODS = ("single shots", "catheter", "none")
DECISIONS = ("implant", "no_response", "placebo_response", "depression", "no_trial", "oral")
IMPLANT, NO_RESPONSE, PLACEBO, DEPRESSION, NO_TRIAL, ORAL = range(len(DECISIONS))
IMPLANTED = (IMPLANT, NO_TRIAL)


@dataclass(frozen=True)
class Steps:
    """The steps of a trial.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    doses : tuple of float
        Amounts [mg], or rates [mg/day], rising.
    days : int
        Length of a step.
    window : tuple of float
        Hours after a shot between which the scores count.
    threshold : float
        Least relative fall of the score that is a response.
    limit : float
        Respiratory depression at which a trial ends; infinite where breathing decides nothing.
    exclude : bool
        Whether those who respond to a placebo get no implant.
    """

    method: str
    doses: tuple[float, ...]
    days: int
    window: tuple[float, float]
    threshold: float
    limit: float
    exclude: bool

    @property
    def length(self) -> int:
        """Days from the first step to the end of the last."""
        return self.days * len(self.doses)

    def observed(self, step: int) -> slice:
        """Times at which the scores of a step are taken."""
        day = step * self.days
        if self.method == "catheter":
            return slice((day + self.days - 1) * PER_DAY, (day + self.days) * PER_DAY)
        first, last = (int(h // HOURS) for h in self.window)
        return slice(day * PER_DAY + first, day * PER_DAY + last + 1)


@dataclass(frozen=True)
class Screened:
    """What a trial found, by subject (and step).

    Parameters
    ----------
    entry : array
        Score before the trial, as reported.
    decision : array of int
        Index into `DECISIONS`.
    step : array of int
        Step of the response, from 1; 0 without.
    found : array
        Dose of that step [mg] or [mg/day]; 0 without.
    given : array of bool, shape (subject, step)
        Whether the step was given.
    score, saline : array, shape (subject, step)
        Scores that were reported, and that would have been with a placebo in the place of the drug; NaN for steps
        that were not given.
    placebo : array of bool
        Whether a placebo would have made a response of a step that was given.
    infused : array, shape (subject, day)
        Rate of the catheter [mg/day].
    """

    entry: Floats
    decision: NDArray[np.uint8]
    step: NDArray[np.int64]
    found: Floats
    given: Bools
    score: Floats
    saline: Floats
    placebo: Bools
    infused: Floats


def screen(steps: Steps, people: People, projection: Projection) -> Screened:
    """Give the steps one after the other until a subject responds; doses are put into the projection."""
    count, n, entry = len(people.ids), len(steps.doses), people.report_entry()
    given = np.zeros((count, n), bool)
    score, saline = np.full((count, n), np.nan), np.full((count, n), np.nan)
    responded, over = np.zeros(count, bool), np.zeros(count, bool)
    step, rate = np.zeros(count, np.int64), np.zeros(count)
    infused = np.zeros((count, steps.length))
    for k, dose in enumerate(steps.doses):
        on = ~responded & ~over
        given[:, k] = on
        if steps.method == "catheter":
            new = np.where(on, dose, np.where(over, 0.0, rate))
            projection.pump(k * steps.days, new - rate)
            rate = new
            infused[:, k * steps.days : (k + 1) * steps.days] = rate[:, None]
        else:
            projection.shot(k * steps.days, np.where(on, dose, 0.0))
        found = people.responses(projection.values[..., steps.observed(k)])
        drug, name = people.effect(found), f"score of step {k + 1}"
        score[on, k] = people.report(people.score(drug, people.placebo[:, None]), name)[on]
        nothing = people.score(people.relief[:, None], people.placebo[:, None])
        saline[on, k] = people.report(nothing, name)[on]
        fell = on & _fallen(entry, score[:, k], steps.threshold)
        step[fell] = k + 1
        responded |= fell
        if "respiratory_depression" in found:
            over |= on & (found["respiratory_depression"].max(axis=1) > steps.limit)
    if steps.method == "catheter":
        projection.pump(steps.length, -rate)
    placebo = np.asarray(_fallen(entry[:, None], saline, steps.threshold).any(axis=1))
    decision = np.where(responded, IMPLANT, NO_RESPONSE).astype(np.uint8)
    decision[responded & placebo & steps.exclude] = PLACEBO
    decision[over] = DEPRESSION
    doses = np.concatenate([[0.0], steps.doses])
    return Screened(
        entry, decision, step, doses[step], given, score, saline, placebo, infused
    )  # fmt: skip


def not_screened(steps: Steps, people: People, decision: int) -> Screened:
    """The same without a trial: every subject is implanted, or goes on by mouth."""
    count, entry = len(people.ids), people.report_entry()
    no, none = np.zeros(count, bool), np.full((count, len(steps.doses)), np.nan)
    return Screened(
        entry, np.full(count, decision, np.uint8), np.zeros(count, np.int64), np.zeros(count),
        np.zeros(none.shape, bool), none, none, no, np.zeros((count, steps.length)),
    )  # fmt: skip


def _fallen(before: Floats, after: Floats, threshold: float) -> Bools:
    """Whether a score fell by so much of itself; what was not reported did not."""
    with np.errstate(invalid="ignore"):
        return np.asarray((before - after) >= (threshold - 1e-12) * before)


def reasons(steps: Steps, found: Screened) -> list[str]:
    """Why it was decided so, in words, for every subject."""
    unit = "mg/day" if steps.method == "catheter" else "mg"
    best = _best_fall(found)
    texts = []
    for k, decision in enumerate(found.decision):
        fall = f"the score fell by {best[k]:.0%}"
        at = f"at {found.found[k]:.4g} {unit}, step {found.step[k]}"
        asked = f"{steps.threshold:.0%} were asked for"
        texts.append(
            {
                IMPLANT: f"{fall} {at}; {asked}",
                NO_RESPONSE: f"{fall} at most in {found.given[k].sum()} steps; {asked}",
                PLACEBO: f"{fall} {at}, and by as much as was asked for with a placebo",
                DEPRESSION: f"breathing was depressed by more than {steps.limit:g} in step {found.given[k].sum()}",
                NO_TRIAL: "implanted without a trial",
                ORAL: "oral treatment goes on",
            }[int(decision)]
        )
    return texts


def _best_fall(found: Screened) -> Floats:
    """Largest relative fall of the score; below all numbers where no step was given."""
    fall = 1 - found.score / found.entry[:, None]
    return np.asarray(np.where(found.given, fall, -np.inf).max(axis=1, initial=-np.inf))
