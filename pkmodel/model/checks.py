"""Everything that can be wrong with a model's table."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel import units, variables
from pkmodel.errors import ModelError, UnitError, did_you_mean
from pkmodel.model.equations import Expression
from pkmodel.model.equations.reading import quoted
from pkmodel.model.parts import LAWS, SATURABLE
from pkmodel.model.systems import compiled
from pkmodel.model.unit_checks import unit_faults
from pkmodel.units.expressions import noun, scale_of
from pkmodel.units.spellings import DIMENSIONS, EXAMPLES

if TYPE_CHECKING:
    from pkmodel.model.model import Model
    from pkmodel.model.parts import Flow


def faults_of(model: Model) -> list[str]:
    """Everything that is wrong with a model's table."""
    boxes = list(model.states)
    known = [*model.defaults, *model.covariates]
    faults = [
        f'{what} "{n}" stands twice'
        for what, names in (
            ("compartment", boxes),
            ("parameter", [p.name for p in model.parameters]),
            ("site", [o.site for o in model.outputs]),
        )
        for n in dict.fromkeys(n for n in names if list(names).count(n) > 1)
    ]
    if not boxes:
        faults.append("a model needs at least one compartment")

    def check(where: str, items: Iterable[Any]) -> None:
        faults.extend(
            f'{where}: unknown parameter "{i}"{did_you_mean(i, known)}'
            for i in items
            if isinstance(i, str) and i not in known
        )

    def box(where: str, name: str | None, volume: bool = False) -> None:
        if name is not None and name not in boxes:
            faults.append(f'{where}: unknown compartment "{name}"{did_you_mean(name, boxes)}')
        elif volume and name not in model.volumes:
            faults.append(
                f'{where}: compartment "{name}" needs a volume: Compartment("{name}", "volume")'
            )

    for c in model.compartments:
        check(f"volume of {c.name}", [c.volume])
    for f in model.flows:
        where = _flow(f)
        if f.law not in LAWS:
            faults.append(f'{where}: unknown law "{f.law}" ({", ".join(LAWS)})')
        least, most = _COUNTS.get(f.law, (1, np.inf))
        if not least <= len(f.parameters) <= most:
            faults.append(f"{where}: the law {f.law} needs {least} parameter(s)")
        check(where, f.parameters)
        box(where, f.source, volume=f.law != "rate")
        box(where, f.target, volume=f.law == "effect")
        if f.law == "effect" and f.target is None:
            faults.append(f"{where}: the law effect needs a compartment that follows the source")
    for i in model.inputs:
        where = f"input {i.route}"
        box(where, i.compartment)
        check(where, [i.bioavailability, i.lag, i.duration, i.rate, i.transit_time])
        if i.transit and i.transit_time is None:
            faults.append(
                f'{where}: a chain of {i.transit} transit compartments needs transit_time="mean_transit_time"'
            )
    for o in model.outputs:
        if o.quantity not in ("concentration", "amount"):
            faults.append(f'site {o.site}: unknown quantity "{o.quantity}" (concentration, amount)')
        check(f"site {o.site}", o.weights.values())
        for name in o.weights:
            box(f"site {o.site}", name, volume=o.quantity == "concentration")
    for a, b, rho in model.correlations:
        check("correlation", [a, b])
        if not -1 <= rho <= 1:
            faults.append(f"correlation of {a} and {b} is {rho}; expected -1 to 1")
    check("positive", model.positive)
    faults += number_faults(model) + dimension_faults(model)
    return faults + (equation_faults(model) or unit_faults(model))


def number_faults(model: Model) -> list[str]:
    """Numbers in the table that are negative, not finite, or zero where they divide."""
    faults = []

    def check(what: str, item: Any, positive: bool = False) -> None:
        if item is None or isinstance(item, str):
            return
        real = isinstance(item, Real) or (isinstance(item, np.ndarray) and item.dtype.kind in "iuf")
        if not real or np.ndim(item) or not 0 <= item < np.inf or (positive and item == 0):
            least = "above 0" if positive else "0 or above"
            faults.append(f"{what} is {item!r}; expected a finite number, {least}")

    for c in model.compartments:
        check(f"volume of {c.name}", c.volume, positive=True)
    for f in model.flows:
        for k, item in enumerate(f.parameters):
            last = f.law == "partition" and k == len(f.parameters) - 1
            divides = last or (f.law in SATURABLE and k > 0)
            check(f"{_WORDS.get(f.law, 'factor')} of {_flow(f)}", item, positive=divides)
    for i in model.inputs:
        for name in ("bioavailability", "lag", "duration", "rate", "transit_time"):
            positive = name == "transit_time"
            check(f"{name} of input {i.route}", getattr(i, name), positive)
    divisors = model.divisors - model.covariates.keys()
    nothing = [p.name for p in model.parameters if p.name in divisors and not p.value]
    return faults + [f"{name} is 0; expected a number above 0" for name in nothing]


def dimension_faults(model: Model) -> list[str]:
    """Volumes, flows and inputs whose parameters have the unit of something else."""
    expected: list[tuple[str, tuple[Any, ...], str]] = []
    for c in model.compartments:
        expected.append((f"volume of {c.name}", (c.volume,), "volume"))
    for f in model.flows:
        if f.law not in LAWS:
            continue
        factors = f.parameters
        if f.law == "partition":
            factors, last = factors[:-1], factors[-1:]
            expected.append((f"partition coefficient of {_flow(f)}", last, "ratio"))
        if f.law in SATURABLE:
            words = ("largest flow", "concentration at its half", "exponent")
            dims = ("rate", "concentration", "ratio")
            expected += [
                (f"{word} of {_flow(f)}", (p,), dimension)
                for word, p, dimension in zip(words, f.parameters, dims, strict=False)
            ]
            continue
        law = "rate_constant" if f.law in ("rate", "effect") else "clearance"
        expected.append((f"{_WORDS[f.law]} of {_flow(f)}", factors, law))
    for i in model.inputs:
        for name, dimension in _INPUT_DIMENSIONS.items():
            expected.append((f"{name} of input {i.route}", (getattr(i, name),), dimension))
    faults = (_dimension_fault(model, *row) for row in expected)
    return list(dict.fromkeys(f for f in faults if f))


def equation_faults(model: Model) -> list[str]:
    """What is wrong with laws that saturate, equations, definitions and initial values."""
    taken = [n for n in (*model.variables, *model.observed) if n in _TAKEN]
    faults = [f'"{n}" is a name in every result; call the variable otherwise' for n in taken]
    faults += [
        f'observed: unknown definition "{n}"{did_you_mean(n, model.definitions)}'
        for n in model.observed
        if n not in model.definitions
    ]
    if model.function is not None:
        both = [
            what
            for what in ("flows", "equations", "definitions", "matrix")
            if getattr(model, what) is not None and len(getattr(model, what))
        ]
        faults += [f"{what} and a function; expected the one or the other" for what in both]
        if not callable(model.function):
            faults.append(f"function is {model.function!r}; expected f(t, y, p, dydt)")
    elif model.definitions or not model.is_linear:
        faults += [
            f'"{n}" cannot stand in an equation; expected a name of letters, digits and _'
            for n in (*model.states, *model.defaults, *model.covariates)
            if not n.isidentifier()
        ]
        try:
            compiled(model)
        except ModelError as error:
            faults += error.faults
    return faults + _initial_faults(model)


def _initial_faults(model: Model) -> list[str]:
    """Initial values of nothing, or of names that are no parameters."""
    own = [*model.states, *model.variables]
    known = [*model.defaults, *model.covariates]
    faults = [
        f'initial: unknown state "{n}"{did_you_mean(n, own)}' for n in model.initial if n not in own
    ]
    for state, value in model.initial.items():
        try:
            names = Expression.parse(str(value), state).names
        except ModelError as error:
            head = f"initial value of {state}"
            with_unit = _with_unit(model, state, str(value))
            faults += [f"{head}: {fault}" for fault in with_unit or error.faults]
            continue
        faults += [
            f'initial value of {state}: unknown parameter "{n}"{did_you_mean(n, known)}'
            for n in names
            if n not in known
        ]
    return faults


def _with_unit(model: Model, state: str, text: str) -> list[str]:
    """What is wrong with an initial value that is a quantity with its unit; empty for any other text."""
    try:
        dimension = units.dimension_of(units.split(text)[1])
    except UnitError:
        return []
    own, volume = f"{state}_start", model.volumes.get(state)
    share = f" * {volume}" if dimension == "concentration" and volume is not None else ""
    what = "the amount in mg" if state in model.states else "a number in its own unit"
    return [
        f"{quoted(text)} has a unit; expected {what}, or an expression of parameters: "
        f'Parameter("{own}", {quoted(text)}) and initial={{"{state}": "{own}{share}"}}'
    ]


def _dimension_fault(model: Model, what: str, factors: tuple[Any, ...], dimension: str) -> str:
    """What is wrong with a product; numbers and covariates may have any unit."""
    plain = [
        model.defaults[n]
        for n in factors
        if isinstance(n, str) and n in model.defaults and n not in model.covariates
    ]
    if not plain or len(plain) < len(factors):
        return ""
    unit = DIMENSIONS[dimension]
    powers = tuple(map(sum, zip(*(scale_of(p.unit).powers for p in plain), strict=True)))
    if powers == scale_of(unit).powers:
        return ""
    if len(plain) > 1:
        product = " · ".join(f'"{p.name}" ({p.unit})' for p in plain)
        return f"{what} is {product}; expected {unit} of the product"
    p = plain[0]
    own = "" if p.unit == "1" else f" {p.unit}"
    repair = f'Parameter("{p.name}", "{EXAMPLES[dimension][0]}")'
    return (
        f'{what} is {noun(p.dimension)}, "{p.name}" ({p.value:g}{own}); '
        f"expected {unit}, for example {repair}"
    )


def _flow(flow: Flow) -> str:
    return f"flow {flow.source} to {flow.target or '(out)'}"


_WORDS = {
    "rate": "rate constant",
    "clearance": "clearance",
    "partition": "clearance",
    "effect": "rate constant",
}
_TAKEN = {"amount", "concentration", "auc", "auc_tau", "status", "id", *variables.DIMENSIONS}
_COUNTS = {"partition": (2, np.inf), "michaelis-menten": (2, 2), "hill": (3, 3)}
_INPUT_DIMENSIONS = {
    "bioavailability": "fraction",
    "lag": "time",
    "duration": "time",
    "rate": "rate",
    "transit_time": "time",
}
