"""What is asked of a trial, read and checked: all faults at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.devices.draws import subject_numbers
from pkmodel.devices.implanted.hardware import Hardware
from pkmodel.devices.reading import DAY, read
from pkmodel.drugs import Drug
from pkmodel.errors import InputError, ParameterError, RegimenError, did_you_mean
from pkmodel.regimen import Regimen
from pkmodel.simulation.reading import regimen_of
from pkmodel.trials.doses import HOURS
from pkmodel.trials.following import Rules
from pkmodel.trials.people import Study
from pkmodel.trials.plans import MOST_DAYS, Faults, Patients, Titration, is_number
from pkmodel.trials.screening import METHODS, Steps
from pkmodel.trials.steps import PARTS, doses_of_steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

MONTH = 365.25 / 12
DAYS_OF_STEP = {"single shots": 1, "catheter": 2, "none": 1}
_EXAMPLES = {
    "method": 'method="catheter"',
    "doses": 'doses=["0.5 mg", "1 mg"]',
    "step_length": 'step_length="1 d"',
    "observed": 'observed=("3 h", "12 h")',
    "threshold": "threshold=0.5",
    "placebo_control": "placebo_control=True",
    "per_day": "per_day=1",
    "wait": 'wait="7 d"',
    "ratio": "ratio=100",
    "taper": "taper=[0.5, 0.25, 0]",
    "months": "months=12",
    "patients": "patients=Patients(relief=0.25)",
    "titration": "titration=Titration(target=4)",
    "faults": "faults=Faults(per_year=0.1)",
    "pump": 'pump="SynchroMed II 20 mL"',
    "subjects": "subjects=200",
    "seed": "seed=1",
    "parameters": 'parameters={"clearance": 70}',
}
"""What may be written for the arguments of a trial."""


@dataclass(frozen=True)
class Plan:
    """A trial that can be run.

    Parameters
    ----------
    drug : Drug
        The drug.
    study : Study
        Its model and score.
    oral : Regimen or None
        Present oral treatment.
    steps : Steps
        Of the trial before the implant.
    rules : Rules
        Of the months after it.
    patients, faults : Patients, Faults
        What the subjects and their pumps are like.
    pump : str
        Name of the pump.
    per_day : float
        Daily dose that a dose of the trial stands for.
    ids : array of int
        Numbers of the subjects.
    seed : int
        Root of all random numbers.
    fixed : mapping
        Parameters that are the same in all.
    preset : str or None
        Name of the published ratio, if it is one.
    notes : tuple of str
        The numbers on which the trial rests, beside those of the drug's file.
    """

    drug: Drug
    study: Study
    oral: Regimen | None
    steps: Steps
    rules: Rules
    patients: Patients
    faults: Faults
    pump: str
    per_day: float
    ids: NDArray[np.int64]
    seed: int
    fixed: Mapping[str, Any]
    preset: str | None
    notes: tuple[str, ...]


def plan_of(drug: Drug | str, oral: Regimen | str | None, **asked: Any) -> Plan:
    """Read and check what :func:`pkmodel.trial` was given."""
    drug = drug if isinstance(drug, Drug) else Drug.read(drug)
    wrong: list[str] = []
    patients = _of_kind(wrong, "patients", asked["patients"], Patients)
    titration = _of_kind(wrong, "titration", asked["titration"], Titration)
    faults = _of_kind(wrong, "faults", asked["faults"], Faults)
    study = Study.of(drug, patients)
    _check_flags(wrong, asked)
    order = None if oral is None else _oral(oral, drug, asked["intended"])
    method = _method(wrong, asked, order)
    preset, ratio = _conversion(wrong, drug, asked["ratio"], order)
    length, window = _times_of_steps(wrong, method, asked["step_length"], asked["observed"])
    waiting, remaining = _days(wrong, "wait", asked["wait"]), _taper(wrong, asked["taper"])
    _check_numbers(wrong, asked, titration, study)
    _check_scores(wrong, study, patients, titration)
    fixed = _fixed(wrong, asked["parameters"], study)
    if wrong:
        raise ParameterError(*wrong, remedy=_remedy(drug, order, wrong))
    Hardware.of(asked["pump"])
    daily = 0.0 if order is None else order.daily_dose()
    amounts = doses_of_steps(method, asked["doses"], length, drug, asked["intended"], daily / ratio)
    limit = np.inf if titration.limit is None else titration.limit
    steps = Steps(method, amounts, length, window, float(asked["threshold"]), limit,
                  bool(asked["placebo_control"]))  # fmt: skip
    start = max(1, steps.length + waiting)
    rules = _rules(drug, study, titration, start, asked["months"], remaining, order, ratio, limit)
    notes = _notes(asked, steps, waiting, study, patients, titration, faults)
    return Plan(drug, study, order, steps, rules, patients, faults, asked["pump"], float(asked["per_day"]),
                subject_numbers(asked["subjects"]), int(asked["seed"]), fixed, preset, notes)  # fmt: skip


def _of_kind(wrong: list[str], name: str, given: Any, kind: Any) -> Any:
    """What was given, or the default; a fault if it is something else."""
    if given is None or isinstance(given, kind):
        return given or kind()
    wrong.append(f"{name} is {given!r}; expected {kind.__name__}(...)")
    return kind()


def _check_flags(wrong: list[str], asked: Mapping[str, Any]) -> None:
    """Refuse what is neither True nor False, and a pump that is no name."""
    for name in ("placebo_control", "intended"):
        if not isinstance(asked[name], bool | np.bool_):
            wrong.append(f"{name} is {asked[name]!r}; expected True or False")
    if not isinstance(asked["pump"], str):
        wrong.append(f"pump is {asked['pump']!r}; expected the name of a pump")


def _method(wrong: list[str], asked: Mapping[str, Any], order: Regimen | None) -> str:
    """How the dose is found, if what goes with it is there and nothing else is."""
    method, doses = asked["method"], asked["doses"]
    if method not in METHODS:
        wrong.append(f'unknown method "{method}"{did_you_mean(str(method), METHODS)}')
        return "none"
    if method == "none":
        for name in ("doses", "step_length"):
            if asked[name] is not None:
                wrong.append(f"{name} is of a trial, and there is none")
        if order is None:
            wrong.append(
                "there is no oral order, from which an implant without a trial has its dose"
            )
    elif doses is None and order is None:
        wrong.append("doses is None, and without an oral order a trial needs doses")
    elif doses is not None and (isinstance(doses, str) or not isinstance(doses, Iterable)):
        wrong.append(f'doses is {doses!r}; expected a list of text, ["0.5 mg", "1 mg"]')
    return str(method)


def _conversion(
    wrong: list[str], drug: Drug, ratio: Any, order: Regimen | None
) -> tuple[str | None, float]:
    """Name of the published ratio, if it is one, and the ratio; infinite without an oral order.

    By default it is that with which pumps were started, or else the nominal one.
    """
    if order is None:
        if ratio is not None:
            wrong.append(f"ratio is {ratio!r}, and there is no oral order to convert")
        return None, np.inf
    if ratio is None:
        ratio = "clinical_start" if "clinical_start" in drug.presets else "nominal"
    if isinstance(ratio, str):
        return ratio, drug.ratio(ratio)
    return None, _within(wrong, "ratio", ratio, 0.0, 1e9)


def _times_of_steps(
    wrong: list[str], method: str, step_length: Any, observed: Any
) -> tuple[int, tuple[float, float]]:
    """Days of a step, and hours between which the scores after a shot count."""
    usual = f"{DAYS_OF_STEP[method]} d"
    length = _days(wrong, "step_length", usual if step_length is None else step_length, least=1)
    pair = isinstance(observed, tuple | list) and len(observed) == 2
    first, last = (
        (read(wrong, "observed", time, "time") for time in observed) if pair else (np.nan,) * 2
    )
    if not 0 <= first < last < DAY * length:
        wrong.append(f"observed is {observed!r}; expected two times after a shot, within a step")
    elif first % HOURS or last % HOURS:
        wrong.append(f"observed is {observed!r}; scores are taken every {HOURS:g} h")
    return length, (first, last)


def _check_numbers(
    wrong: list[str], asked: Mapping[str, Any], titration: Titration, study: Study
) -> None:
    _within(wrong, "threshold", asked["threshold"], 0.0, study.scale.widest)
    _within(wrong, "per_day", asked["per_day"], 0.0, 100.0)
    seed, months = asked["seed"], _within(wrong, "months", asked["months"], 0.0, 600.0)
    if months * MONTH * DAY < titration.every:
        wrong.append(
            f"months is {asked['months']!r}, and the first visit comes after {titration.every / DAY:g} d"
        )
    if not _is_whole(seed) or seed < 0:
        wrong.append(f"seed is {seed!r}; expected a whole number, 0 or above")
    if _is_whole(asked["subjects"]) and asked["subjects"] > 1e7:
        wrong.append("subjects: expected 10 million at most")


def _check_scores(wrong: list[str], study: Study, patients: Patients, titration: Titration) -> None:
    """Refuse scores that are not on the scale, and rules about what cannot be answered."""
    scale, name = study.scale, study.wanted.drug.name
    if patients.score is not None and not scale.lowest <= patients.score <= scale.most:
        wrong.append(
            f"Patients.score is {patients.score:g}; expected {scale.name} from {scale.lowest:g} to {scale.most:g}"
        )
    if titration.target is not None and not scale.least <= titration.target <= scale.most:
        wrong.append(
            f"Titration.target is {titration.target:g}; expected {scale.name} from {scale.least:g} to {scale.most:g}"
        )
    if titration.limit is not None and "respiration" not in study.wanted.names:
        wrong.append(f"the file of {name} has no numbers of respiration for Titration.limit")


def _rules(
    drug: Drug, study: Study, titration: Titration, start: int, months: float, remaining: tuple[float, ...],
    order: Regimen | None, ratio: float, limit: float,
) -> Rules:  # fmt: skip
    every = round(titration.every / DAY)
    return Rules(
        start=start,
        every=every,
        visits=int(months * MONTH // every),
        remaining=remaining,
        oral_dose=0.0 if order is None else order.daily_dose(),
        ratio=float(ratio),
        step=titration.step,
        oral_step=titration.oral_step,
        target=study.scale.target if titration.target is None else float(titration.target),
        maximum=_most(drug, "intrathecal", titration.maximum),
        oral_maximum=0.0 if order is None else _most(drug, "oral", titration.oral_maximum, order),
        limit=limit,
    )


def _notes(
    asked: Mapping[str, Any], steps: Steps, waiting: int, study: Study, patients: Patients, titration: Titration,
    faults: Faults,
) -> tuple[str, ...]:  # fmt: skip
    """The numbers on which the trial rests."""
    notes = []
    if asked["doses"] is None and steps.doses:
        parts = PARTS[steps.method]
        notes.append(f"doses = {parts} of the converted oral dose (assumed: no figure was found)")
    first, last = steps.window
    scale = study.scale
    return (
        *notes,
        f"per_day {asked['per_day']:g}, wait {waiting} d, steps of {steps.days} d, scores {first:g} to {last:g} h "
        "after a shot (assumed: arguments of the call)",
        "breathing and gut keep the potencies of the file, however much a patient needs (assumed)",
        *patients.rests_on(),
        *titration.rests_on(),
        *faults.rests_on(),
        f"scores at entry are cut off at {scale.lowest:g} and {scale.most:g} (assumed)",
    )


def _oral(oral: Regimen | str, drug: Drug, intended: bool) -> Regimen:
    """An oral order without end that every day repeats."""
    order = regimen_of(oral, drug)
    faults = [f'"{o}" is not oral' for o in order if o.route != "oral"]
    faults += [f'"{o}" ends' for o in order if o.end < np.inf]
    faults += [f'"{o}" begins at {o.start:g} h' for o in order if o.start]
    faults += [f'"{o}" is per {o.per}' for o in order if o.per]
    faults += [f'"{o}" gives nothing' for o in order if o.amount == 0]
    faults += [
        f'"{o}" does not come round every day'
        for o in order
        if o.interval and abs(24 / o.interval - round(24 / o.interval)) > 1e-9
    ]
    if faults:
        raise RegimenError(*faults, given=f'"{order}"', remedy='Write for example "100 mg oral q12h".')  # fmt: skip
    drug.check(order, intended=bool(intended))
    return order


def _days(wrong: list[str], name: str, value: Any, least: int = 0) -> int:
    hours = read(wrong, name, value, "time")
    days = hours / DAY
    if not np.isfinite(days):
        return least
    if abs(days - round(days)) > 1e-9 or not least <= round(days) <= MOST_DAYS:
        wrong.append(f"{name} is {value!r}; expected whole days, {least} to {MOST_DAYS}")
    return round(days)


def _within(wrong: list[str], name: str, value: Any, low: float, high: float) -> float:
    """A number above the lower bound and up to the upper one; or NaN, and a fault."""
    if is_number(value) and low < value <= high:
        return float(value)
    wrong.append(f"{name} is {value!r}; expected a number above {low:g} and up to {high:g}")
    return np.nan


def _taper(wrong: list[str], taper: Any) -> tuple[float, ...]:
    listed = isinstance(taper, Iterable) and not isinstance(taper, str)
    parts = tuple(taper) if listed else ()
    numbers = all(is_number(t) and 0 <= t <= 1 for t in parts)
    if not parts or not numbers or any(b > a for a, b in pairwise(parts)):
        wrong.append(f"taper is {taper!r}; expected parts that do not rise, [0.5, 0.25, 0]")
        return (0.0,)
    return tuple(float(t) for t in parts)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _fixed(wrong: list[str], parameters: Any, study: Study) -> dict[str, float]:
    """Parameters that are the same in all subjects."""
    if parameters is not None and not isinstance(parameters, Mapping):
        wrong.append(
            f'parameters is {parameters!r}; expected names and values, {{"clearance": 70}}'
        )
        return {}
    fixed, known = {}, study.model.defaults
    for name, value in (parameters or {}).items():
        if name not in known:
            wrong.append(f'unknown parameter "{name}"{did_you_mean(str(name), known)}')
        elif np.ndim(value):
            wrong.append(f"{name} has several values; a trial takes one for all subjects")
        else:
            fixed[name] = read(wrong, name, value, known[name].dimension)
    return fixed


def _remedy(drug: Drug, order: Regimen | None, wrong: Iterable[str]) -> str:
    """A call in which the arguments with a fault have a value that can be."""
    names = dict.fromkeys(re.split(r"\W", f.removeprefix("unknown "))[0] for f in wrong)
    given = [_EXAMPLES[name] for name in names if name in _EXAMPLES]
    oral = "None" if order is None else f'"{order}"'
    call = ", ".join([f'trial("{drug.name}"', oral, *given])
    return f"Write for example {call})." if given else ""


def _most(drug: Drug, route: str, given: float | None, order: Regimen | None = None) -> float:
    """Highest daily dose [mg/day]: what is given [mg/h], or what the drug's file allows (of an order)."""
    if given is not None:
        return given * 24.0
    limits = drug.routes.get(route)
    if limits is None:
        raise InputError(
            f"the file of {drug.name} has no highest daily dose, {route}",
            remedy="Give it: Titration(maximum=..., oral_maximum=...).",
        )
    highest = limits.per_day[1]
    if order is not None:
        largest = max(o.amount or 0.0 for o in order)
        highest = min(highest, limits.per_dose[1] / largest * order.daily_dose())
    return float(highest)
