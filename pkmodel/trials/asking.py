"""What is asked of a trial, read and checked: all faults at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.devices.draws import subject_numbers
from pkmodel.devices.implanted.hardware import Hardware
from pkmodel.devices.reading import DAY, read
from pkmodel.devices.trial import escalation
from pkmodel.drugs import Drug
from pkmodel.errors import InputError, ParameterError, RegimenError, did_you_mean
from pkmodel.regimen import Regimen
from pkmodel.simulation.reading import regimen_of
from pkmodel.trials.doses import HOURS
from pkmodel.trials.following import Rules
from pkmodel.trials.people import Study
from pkmodel.trials.plans import Faults, Patients, Titration
from pkmodel.trials.screening import METHODS, Steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

MONTH = 365.25 / 12
DAYS_OF_STEP = {"single shots": 1.0, "catheter": 2.0, "none": 1.0}
PARTS = {"single shots": (0.25, 0.5, 1.0), "catheter": (0.5, 1.0, 2.0), "none": ()}
"""Doses of the steps where none are given: parts of what the conversion of the oral dose gives. Assumed."""


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


def plan_of(
    drug: Drug | str,
    oral: Regimen | str | None,
    *,
    method: str,
    doses: Iterable[str] | None,
    step_length: float | str | None,
    observed: tuple[float | str, float | str],
    threshold: float,
    placebo_control: bool,
    per_day: float,
    wait: float | str,
    ratio: float | str | None,
    taper: Sequence[float],
    months: float,
    patients: Patients,
    titration: Titration,
    faults: Faults,
    pump: str,
    subjects: int | Iterable[int],
    seed: int,
    parameters: Mapping[str, Any] | None,
    intended: bool,
) -> Plan:
    """Read and check what :func:`pkmodel.trial` was given."""
    drug = Drug.read(drug) if isinstance(drug, str) else drug
    study = Study.of(drug, patients)
    Hardware.of(pump)
    order = None if oral is None else _oral(oral, drug, intended)
    wrong: list[str] = []
    if method not in METHODS:
        wrong.append(f'unknown method "{method}"{did_you_mean(str(method), METHODS)}')
        method = "none"
    if method == "none" and doses is not None:
        wrong.append("doses are those of a trial, and there is none")
    if order is None and (method == "none" or doses is None):
        wrong.append("there is no oral order, and without it a trial needs doses")
    preset = _preset(drug, ratio) if order is not None else None
    usual = np.inf if order is None else drug.ratio(preset) if preset else _ratio(ratio, wrong)
    usual_length = f"{DAYS_OF_STEP[method]} d"
    length = _days(wrong, "step_length", usual_length if step_length is None else step_length)
    window = tuple(read(wrong, "observed", time, "time") for time in observed)
    if len(window) != 2 or not 0 <= window[0] < window[1] < 24 * length:
        wrong.append(f"observed is {observed!r}; expected two times after a shot, within a step")
    elif any(time % HOURS for time in window):
        wrong.append(f"observed is {observed!r}; scores are taken every {HOURS:g} h")
    waiting, remaining = _days(wrong, "wait", wait), _taper(wrong, taper)
    _within(wrong, "threshold", threshold, 0.0, study.scale.widest)
    _within(wrong, "per_day", per_day, 0.0, 100.0)
    _within(wrong, "months", months, 0.0, 600.0)
    if not _is_whole(seed) or seed < 0:
        wrong.append(f"seed is {seed!r}; expected a whole number, 0 or above")
    if titration.limit is not None and "respiration" not in study.wanted.names:
        wrong.append(f"the file of {drug.name} has no numbers of respiration for Titration.limit")
    fixed = _fixed(parameters, study, wrong)
    if wrong:
        raise ParameterError(*wrong, remedy=_REMEDY)
    daily = 0.0 if order is None else order.daily_dose()
    amounts, notes = _doses(method, doses, length, daily / usual, drug, intended)
    limit = np.inf if titration.limit is None else titration.limit
    steps = Steps(method, amounts, length, (window[0], window[1]), float(threshold), limit,
                  bool(placebo_control))  # fmt: skip
    start = max(1, steps.length + waiting)
    rules = _rules(drug, study, titration, start, months, remaining, order, usual, limit)
    notes += [
        f"per_day {per_day:g}, wait {waiting} d, steps of {length} d, scores {window[0]:g} to {window[1]:g} h after a "
        "shot (assumed: arguments of the call)",
        "breathing and gut keep the potencies of the file, however much a patient needs (assumed)",
        *patients.rests_on(),
        *titration.rests_on(),
        *faults.rests_on(),
    ]
    return Plan(drug, study, order, steps, rules, patients, faults, pump, float(per_day),
                subject_numbers(subjects), int(seed), fixed, preset, tuple(notes))  # fmt: skip


def _rules(
    drug: Drug, study: Study, titration: Titration, start: int, months: float, remaining: tuple[float, ...],
    order: Regimen | None, ratio: float, limit: float,
) -> Rules:  # fmt: skip
    every = round(titration.every / DAY)
    return Rules(
        start=start,
        every=every,
        visits=max(1, int(months * MONTH // every)),
        remaining=remaining,
        oral_dose=0.0 if order is None else order.daily_dose(),
        ratio=float(ratio),
        step=titration.step,
        oral_step=titration.oral_step,
        target=study.scale.target if titration.target is None else titration.target,
        maximum=_most(drug, "intrathecal", titration.maximum),
        oral_maximum=0.0 if order is None else _most(drug, "oral", titration.oral_maximum, order),
        limit=limit,
    )


_REMEDY = 'Write for example trial("morphine", "100 mg oral q12h", method="catheter", doses=["1 mg/day", "2 mg/day"]).'


def _oral(oral: Regimen | str, drug: Drug, intended: bool) -> Regimen:
    """An oral order without end that every day repeats."""
    order = regimen_of(oral, drug)
    faults = [f'"{o}" is not oral' for o in order if o.route != "oral"]
    faults += [f'"{o}" ends' for o in order if o.end < np.inf]
    faults += [f'"{o}" begins at {o.start:g} h' for o in order if o.start]
    faults += [f'"{o}" is per {o.per}' for o in order if o.per]
    faults += [
        f'"{o}" does not come round every day'
        for o in order
        if o.interval and abs(24 / o.interval - round(24 / o.interval)) > 1e-9
    ]
    if faults:
        raise RegimenError(*faults, given=f'"{order}"', remedy='Write for example "100 mg oral q12h".')  # fmt: skip
    drug.check(order, intended=intended)
    return order


def _preset(drug: Drug, ratio: float | str | None) -> str | None:
    """Name of a published ratio: by default that with which pumps were started, or else the nominal one."""
    if ratio is None:
        return "clinical_start" if "clinical_start" in drug.presets else "nominal"
    return ratio if isinstance(ratio, str) else None


def _ratio(ratio: Any, faults: list[str]) -> float:
    _within(faults, "ratio", ratio, 0.0, np.inf)
    return np.nan if faults else float(ratio)


def _days(faults: list[str], name: str, value: Any) -> int:
    hours = read(faults, name, value, "time")
    if np.isfinite(hours) and abs(hours / DAY - round(hours / DAY)) > 1e-9:
        faults.append(f"{name} is {value!r}; expected whole days")
    return round(hours / DAY) if np.isfinite(hours) else 1


def _within(faults: list[str], name: str, value: Any, low: float, high: float) -> None:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not low < value <= high or value == np.inf:
        top = f" and up to {high:g}" if np.isfinite(high) else ""
        faults.append(f"{name} is {value!r}; expected a number above {low:g}{top}")


def _taper(faults: list[str], taper: Sequence[float]) -> tuple[float, ...]:
    parts = tuple(float(t) for t in taper)
    rising = any(b > a for a, b in pairwise(parts))
    if not parts or rising or not all(0 <= t <= 1 for t in parts):
        faults.append(f"taper is {taper!r}; expected parts that do not rise, [0.5, 0.25, 0]")
    return parts or (0.0,)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _fixed(parameters: Mapping[str, Any] | None, study: Study, faults: list[str]) -> dict[str, float]:  # fmt: skip
    """Parameters that are the same in all subjects."""
    from pkmodel import units

    fixed = {}
    for name, value in (parameters or {}).items():
        if name not in study.model.defaults:
            faults.append(f'unknown parameter "{name}"{did_you_mean(name, study.model.defaults)}')
        elif np.ndim(value):
            faults.append(f"{name} has several values; a trial takes one for all subjects")
        else:
            fixed[name] = float(units.convert(value, study.model.defaults[name].dimension, name=name))  # fmt: skip
    return fixed


def _doses(
    method: str, doses: Iterable[str] | None, length: int, converted: float, drug: Drug, intended: bool
) -> tuple[tuple[float, ...], list[str]]:  # fmt: skip
    """Doses of the steps [mg] or [mg/day]; and what is assumed of them."""
    notes: list[str] = []
    if method == "none":
        return (), notes
    per = "/day" if method == "catheter" else ""
    if doses is None:
        doses = [f"{part * converted!r} mg{per}" for part in PARTS[method]]
        notes = [
            f"doses = {PARTS[method]} of the converted oral dose (assumed: no figure was found)"
        ]
    steps = escalation(doses, every=length * DAY)
    kind = "rate" if method == "catheter" else "amount"
    values = [getattr(order, kind) for order in steps]
    if None in values:
        raise RegimenError(
            f"{method} take {'rates (1 mg/day)' if kind == 'rate' else 'amounts (0.5 mg)'}",
            given=f'"{steps}"',
            remedy=_REMEDY,
        )
    if any(b <= a for a, b in pairwise(values)):
        raise RegimenError("the doses of the steps do not rise", given=f'"{steps}"', remedy=_REMEDY)
    drug.check(steps, intended=intended)
    return tuple(v * (24.0 if kind == "rate" else 1.0) for v in values), notes


def _most(drug: Drug, route: str, given: float | None, order: Regimen | None = None) -> float:
    """Highest daily dose [mg/day]: what is given [mg/h], or what the drug's file allows (of an order)."""
    if given is not None:
        return given * 24.0
    limits = drug.routes.get(route)
    per_day = None if limits is None else limits.per_day
    if per_day is None:
        raise InputError(
            f"the file of {drug.name} has no highest daily dose, {route}",
            remedy="Give it: Titration(maximum=..., oral_maximum=...).",
        )
    highest = per_day[1]
    if order is not None and limits is not None and limits.per_dose is not None:
        largest = max(o.amount or 0.0 for o in order)
        highest = min(highest, limits.per_dose[1] / largest * order.daily_dose())
    return float(highest)
