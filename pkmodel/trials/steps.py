"""Doses of the steps of a trial: those that are given, or parts of the converted oral dose."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from pkmodel.devices.reading import DAY
from pkmodel.devices.trial import escalation
from pkmodel.drugs import Drug
from pkmodel.drugs.schema import amount_text
from pkmodel.errors import DrugError, RegimenError
from pkmodel.regimen.writing import rounded

PARTS = {"single shots": (0.25, 0.5, 1.0), "catheter": (0.5, 1.0, 2.0)}
"""Doses of the steps where none are given: parts of what the conversion of the oral dose gives. Assumed."""
_WORDS = {0.25: "a quarter of", 0.5: "half", 1.0: "all of", 2.0: "twice"}


def doses_of_steps(
    method: str, doses: Iterable[str] | None, length: int, drug: Drug, intended: bool, dose: float
) -> tuple[float, ...]:
    """Doses of the steps.

    Parameters
    ----------
    method : str
        How the dose is found; without a trial there are no steps.
    doses : iterable of str or None
        What is given; None for parts of the converted dose.
    length : int
        Length of a step [day].
    drug : Drug
        Whose range they have to lie in.
    intended : bool
        Doses out of range are meant.
    dose : float
        The converted oral dose [mg/day].

    Returns
    -------
    tuple of float
        Amounts [mg], or rates of a catheter [mg/day].

    Raises
    ------
    RegimenError
        No doses, doses of another kind, or doses that do not rise.
    DrugError
        Doses out of range: of which part of the converted dose.
    """
    if method == "none":
        return ()
    if doses is None:
        _check_parts(method, dose, drug, intended)
        return tuple(part * dose for part in PARTS[method])
    kind = "rate" if method == "catheter" else "amount"
    try:
        steps = escalation(doses, every=length * DAY)
    except RegimenError as error:
        raise RegimenError(*error.faults, remedy=_example(method, drug)) from None
    values = [getattr(order, kind) for order in steps]
    fault = ""
    if None in values:
        fault = f"{method} take {'rates (1 mg/day)' if kind == 'rate' else 'amounts (0.5 mg)'}"
    elif values[0] == 0:
        fault = "a step of 0 gives nothing; responders to a placebo are counted without one"
    elif any(b <= a for a, b in pairwise(values)):
        fault = "the doses of the steps do not rise"
    if fault:
        raise RegimenError(fault, given=f'"{steps}"', remedy=_example(method, drug))
    drug.check(steps, intended=intended)
    return tuple(v * (24.0 if kind == "rate" else 1.0) for v in values)


def _check_parts(method: str, dose: float, drug: Drug, intended: bool) -> None:
    """Refuse parts of the converted dose that are out of range, and say which parts they are."""
    per, faults = "/day" if method == "catheter" else "", []
    for part in PARTS[method]:
        try:
            drug.check(escalation([f"{part * dose!r} mg{per}"]), intended=intended)
        except DrugError as error:
            which = f"{_WORDS[part]} the converted oral dose"
            faults += [f"{which}, {rounded(fault)}" for fault in error.faults]
    if faults:
        remedy = f"{_example(method, drug)} If these are meant, pass intended=True."
        raise DrugError(*faults, given=drug.name, remedy=remedy)


def _example(method: str, drug: Drug) -> str:
    """How doses are written that the drug's file calls plausible."""
    limits, per = drug.routes.get("intrathecal"), "/day" if method == "catheter" else ""
    if limits is None:
        return ""
    highest = (limits.per_day if per else limits.per_dose)[1]
    texts = (f'"{amount_text(part * highest)}{per}"' for part in (0.2, 0.4))
    return f"Write for example doses=[{', '.join(texts)}]."
