"""Run a trial: a block of subjects after another, each from its own random numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.errors import ParameterError
from pkmodel.responses.answering import PURPOSE
from pkmodel.trials.asking import Plan, plan_of
from pkmodel.trials.doses import Projection, Units
from pkmodel.trials.following import Course
from pkmodel.trials.labels import compared, joined, labelled
from pkmodel.trials.people import People
from pkmodel.trials.plans import Faults, Patients, Titration
from pkmodel.trials.screening import IMPLANTED, NO_TRIAL, ORAL, not_screened, screen
from pkmodel.trials.service import Reservoirs, failures

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from pkmodel.drugs import Drug
    from pkmodel.regimen import Regimen

__all__ = ["strategies", "trial"]

BLOCK = 64
"""Subjects that are in memory at once, in a trial of a year; fewer in longer ones."""
STRATEGIES = ("implant", "oral")


def trial(
    drug: Drug | str,
    oral: Regimen | str | None,
    *,
    method: str = "single shots",
    doses: Iterable[str] | None = None,
    step_length: float | str | None = None,
    observed: tuple[float | str, float | str] = ("3 h", "12 h"),
    threshold: float = 0.5,
    placebo_control: bool = False,
    per_day: float = 1.0,
    wait: float | str = "7 d",
    ratio: float | str | None = None,
    taper: Sequence[float] = (0.0,),
    months: float = 12.0,
    patients: Patients | None = None,
    titration: Titration | None = None,
    faults: Faults | None = None,
    pump: str = "SynchroMed II 20 mL",
    subjects: int | Iterable[int] = 200,
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
    intended: bool = False,
    threads: int | None = None,
) -> xr.Dataset:
    """Try simulated patients before an implant, implant those who respond, and follow them.

    Parameters
    ----------
    drug : Drug or str
        A drug whose file has numbers of analgesia, or of spasticity.
    oral : Regimen, str or None
        What they take, and always took: ``"100 mg oral q12h"``. It goes on during the trial.
    method : {"single shots", "catheter", "none"}
        Rising single doses, rising rates of a temporary catheter, or an implant for all.
    doses : iterable of str, optional
        Doses of the steps, rising: ``["0.5 mg", "1 mg"]`` or ``["1 mg/day", "2 mg/day"]``. By default parts of what
        the conversion of the oral dose gives: a quarter, half, all of it as shots; half, all, twice as rates.
    step_length : str or float, optional
        Length of a step [h], in whole days; by default 1 day for shots and 2 for rates.
    observed : tuple of two str or float
        Times after a shot [h] between which scores count, in steps of 3 h; of a catheter it is the last day of a step.
    threshold : float
        Least relative fall of the score that is a response.
    placebo_control : bool
        Whether those who would respond to a placebo get no implant; they are counted anyway.
    per_day : float
        Daily dose of the pump per dose of the trial: 1 is assumed; labels of baclofen have 2 for a shot.
    wait : str or float
        Time from the trial to the implantation [h], in whole days; without a trial it is a day at least, in which
        scores are taken.
    ratio : float or str, optional
        Oral per intrathecal dose with which the pump takes over what the taper takes away, or the name of a
        published one. By default ``"clinical_start"`` where the file has it, or the nominal one.
    taper : sequence of float
        Part of the oral dose that is left from the implantation on, from the next visit on, and so on; the last one
        stays, and what would come after the last visit is not reached. By default it stops at once, as in 96 % of 275
        patients.
    months : float
        How long they are followed: as many whole intervals between visits as there are in that time, one at least.
    patients : Patients, optional
        What they are like.
    titration : Titration, optional
        By what rules doses change.
    faults : Faults, optional
        What stops pumps; ``Faults(per_year=0)`` for nothing.
    pump : str
        A pump of the file of constants, for its reservoir.
    subjects : int or iterable of int
        How many (subjects 1 to n), or which ones.
    seed : int
        Root of all random numbers.
    parameters : mapping, optional
        Parameters of the model that are the same in all subjects.
    intended : bool
        Doses outside the drug file's range are meant.
    threads : int, optional
        As for :func:`pkmodel.simulate`. The numbers do not depend on it.

    Returns
    -------
    xarray.Dataset
        Over ``subject``: ``decision`` and ``reason``, ``dose_found`` [mg/day], ``placebo_response`` and more; over
        ``step``: what the trial saw; over ``visit`` [day since the implantation]: ``score``, doses, responses,
        ``change``, refills and faults; over ``day``: doses and the mean score. Those who are not implanted go on
        by mouth, by the same rules.

    Raises
    ------
    InputError
        Everything that is wrong with the arguments; a drug without the numbers that it takes; subjects that cannot be
        solved, or whom no potency gives the relief that was drawn.

    Notes
    -----
    How much drug a patient needs follows from what the oral treatment does: all potencies are multiplied by the
    factor (``need``) with which it takes away the ``relief`` that was drawn. Breathing and the gut are left at the
    potencies of the file. Concentrations are exact: the model is linear, doses change at midnight, and responses to
    unit doses are added up.

    Examples
    --------
    >>> ds = trial("morphine", "100 mg oral q12h", subjects=8, months=1, seed=1)
    >>> ds.rate.dims, ds.rate.units
    (('subject', 'visit'), 'mg/day')
    """
    asked = {k: v for k, v in locals().items() if k != "threads"}
    return _run(plan_of(**asked), STRATEGIES[:1], threads)[0]


def strategies(
    drug: Drug | str, oral: Regimen | str, *, threads: int | None = None, **asked: Any
) -> xr.Dataset:
    """Treat the same subjects twice: implant after a trial, and oral doses that rise by the same rules.

    Parameters
    ----------
    drug, oral, threads, **asked
        As for :func:`trial`.

    Returns
    -------
    xarray.Dataset
        As of :func:`trial`, with a dimension ``strategy``: ``implant`` (those whose trial fails go on by mouth) and
        ``oral``. Subjects are the same, and so are their scores' errors.

    Raises
    ------
    InputError
        As :func:`trial`; and without an oral order.

    Examples
    --------
    >>> both = strategies("morphine", "100 mg oral q12h", subjects=8, months=1, seed=1)
    >>> both.score.dims
    ('strategy', 'subject', 'visit')
    """
    import inspect

    bound = inspect.signature(trial).bind(drug, oral, **asked)
    bound.apply_defaults()
    if oral is None:
        raise ParameterError(
            "there is no oral order, and one of the strategies is to raise it",
            remedy='Write for example strategies("morphine", "100 mg oral q12h").',
        )
    plan = plan_of(**{k: v for k, v in bound.arguments.items() if k != "threads"})
    return compared(dict(zip(STRATEGIES, _run(plan, STRATEGIES, threads), strict=True)))


def _run(plan: Plan, wanted: Sequence[str], threads: int | None) -> list[xr.Dataset]:
    """One Dataset per strategy."""
    size = max(1, min(BLOCK, BLOCK * 400 // plan.rules.end))
    blocks = [plan.ids[k : k + size] for k in range(0, len(plan.ids), size)]
    parts = [_block(plan, ids, wanted, threads) for ids in blocks]
    return [joined(list(arm), _attributes(plan)) for arm in zip(*parts, strict=True)]


def _block(
    plan: Plan, ids: NDArray[np.int64], wanted: Sequence[str], threads: int | None
) -> list[xr.Dataset]:
    people = People(plan.study, ids, plan.seed, plan.patients, plan.fixed)
    units = Units.of(plan.study.model, plan.oral, people.parameters, plan.rules.end, threads)
    if units.usual is not None:
        people.settle(units.usual)
    return [_arm(plan, people, units, strategy) for strategy in wanted]


def _arm(plan: Plan, people: People, units: Units, strategy: str) -> xr.Dataset:
    projection, rules = Projection(units), plan.rules
    if strategy == "oral":
        screened = not_screened(plan.steps, people, ORAL)
    elif plan.steps.method == "none":
        screened = not_screened(plan.steps, people, NO_TRIAL)
    else:
        screened = screen(plan.steps, people, projection)
    implanted = np.isin(screened.decision, IMPLANTED)
    found = screened.found * plan.per_day
    course = Course(rules, people, projection, implanted, found, screened.infused)
    wrong = failures(plan.faults, people.ids, plan.seed, rules.end - rules.start)
    followed = course.run(wrong, Reservoirs.of(plan.drug, plan.pump, len(people.ids)))
    return labelled(people, plan.steps, screened, followed, plan.per_day, rules.every)


def _attributes(plan: Plan) -> dict[str, Any]:
    from pkmodel import __version__

    drug = plan.drug
    used = [v for n, v in drug.responses.items() if n.partition("_")[0] in plan.study.wanted.names]
    sources = dict.fromkeys([*drug.sources_used(plan.preset), *(s for v in used for s in v.source)])
    attrs: dict[str, Any] = {
        "purpose": PURPOSE,
        "drug": drug.name,
        "drug_version": drug.version,
        "score": plan.study.scale.name,
        "oral": "none" if plan.oral is None else str(plan.oral),
        "method": plan.steps.method,
        "threshold": plan.steps.threshold,
        "target": plan.rules.target,
        "ratio": "none" if plan.oral is None else plan.rules.ratio,
        "start": f"{plan.rules.start} d",
        "step_length": f"{plan.steps.days} d",
        "placebo_control": plan.steps.exclude,
        "taper": list(plan.rules.remaining),
        "pump": plan.pump,
        "seed": str(plan.seed),
        "parameters": dict(plan.fixed),
        "rests_on": list(plan.notes),
        "assumed": [note for note in plan.notes if "(assumed" in note],
        "sources": list(sources),
        "pkmodel_version": __version__,
    }
    if drug.calibration is not None:
        attrs["equal_effect"] = str(drug.calibration)
    return attrs
