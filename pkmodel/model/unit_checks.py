"""Whether units agree in a model's equations, where they are known. The rules stand on the page Equations."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

from pkmodel.model.equations import Expression
from pkmodel.model.equations.compiling import ordered
from pkmodel.model.equations.dimensions import Meaning, Reading, product, words
from pkmodel.model.equations.reading import TIME as NOW
from pkmodel.model.equations.reading import quoted
from pkmodel.units.expressions import scale_of
from pkmodel.units.spellings import MASS, TIME

if TYPE_CHECKING:
    from pkmodel.model.model import Model

    Expressions = dict[str, Expression]


def unit_faults(model: Model) -> list[str]:
    """Where units disagree in equations, definitions and initial values; all of them can be read."""
    if not (model.equations or model.definitions or model.initial):
        return []
    definitions, equations, initial = (
        {name: Expression.parse(str(text), name) for name, text in texts.items()}
        for texts in (model.definitions, model.equations, model.initial)
    )
    definitions = {name: definitions[name] for name in ordered(definitions, [])}
    known = _known(model)
    _pin(model.variables, known, definitions, equations, initial)
    volumes = {box: v for box, v in model.volumes.items() if isinstance(v, str)}
    faults: list[str] = []

    def check(head: str, expression: Expression, expected: Meaning = None) -> Meaning:
        reading = Reading(expression, known, expected, volumes)
        faults.extend(f"{head}: {fault}" for fault in reading.faults)
        return reading.meaning

    for name, expression in definitions.items():
        known[name] = check(f"{name} = {quoted(model.definitions[name])}", expression)
    for name, expression in equations.items():
        head, own = f"d({name})/dt = {quoted(model.equations[name])}", known.get(name)
        if name in model.variables and isinstance(own, tuple):
            head += f", where {name} is {words(own)}"
        check(head, expression, product(own, TIME, -1))
    for name, expression in initial.items():
        check(f"{name}(0) = {quoted(str(model.initial[name]))}", expression, known.get(name))
    return faults


def _known(model: Model) -> dict[str, Meaning]:
    """Units of the time, of amounts, and of parameters that were given one.

    In a volume of 1 L amount and concentration are one number, which stands for both.
    """
    known: dict[str, Meaning] = dict.fromkeys(model.states, MASS)
    known |= {
        box: None
        for box, volume in model.volumes.items()
        if isinstance(volume, Real) and volume == 1
    }
    for p in model.parameters:
        if p.dimension != "ratio" and p.name not in model.covariates:
            known[p.name] = scale_of(p.unit).powers
    return known | {NOW: TIME}


def _pin(
    variables: tuple[str, ...],
    known: dict[str, Meaning],
    definitions: Expressions,
    equations: Expressions,
    initial: Expressions,
) -> None:
    """Units of variables from their initial values, and of others from their rates of change, while these tell more."""
    begin = {n: Reading(initial[n], known).meaning for n in variables if n in initial}
    found = {n: unit for n, unit in begin.items() if isinstance(unit, tuple)}
    while True:
        known |= found
        waiting = [n for n in variables if n not in known and n in equations]
        if not waiting:
            return
        for name, expression in definitions.items():
            known[name] = Reading(expression, known).meaning
        rates = {n: product(Reading(equations[n], known).meaning, TIME, 1) for n in waiting}
        found = {n: unit for n, unit in rates.items() if unit is not None}
        if not found:
            return
