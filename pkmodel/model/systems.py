"""A model's table as a system of equations: what flows, laws that saturate, and equations of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.model.equations import compile_program, is_linear
from pkmodel.model.parts import SATURABLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.model.equations import Program
    from pkmodel.model.model import Model


@lru_cache(maxsize=32)
def compiled(model: Model, auc: bool = False) -> Program:
    """Flows and equations as one program; with `auc` the integral of every site is a state as well."""
    rates: dict[str, list[str]] = {s: [] for s in (*model.states, *model.variables)}
    for source, target, law, parameters in model.flow_terms:
        if law == "effect":
            rate, own, other = "*".join(map(_text, parameters)), *_volumes(model, target, source)
            rates[str(target)].append(f"({rate})*(({own}/{other})*{source} - {target})")
            continue
        flow = _flow(model, source, law, parameters)
        rates[source].append(f"-({flow})")
        if target is not None:
            rates[target].append(f"({flow})")
    if model.matrix is not None:
        for i, j in np.argwhere(model.matrix):
            rates[model.states[i]].append(f"({float(model.matrix[i, j])!r})*{model.states[j]}")
    for name, text in model.equations.items():
        rates[name].append(f"({text})")
    equations = {s: " + ".join(terms) or "0" for s, terms in rates.items()}
    if auc:
        equations |= {
            f"auc_of_site_{k}": concentration(model, site) for k, site in enumerate(model.sites)
        }
    return compile_program(tuple(equations), equations, model.definitions, _names(model))


def _names(model: Model) -> tuple[str, ...]:
    """Everything that an equation can name beside states and definitions."""
    return tuple(dict.fromkeys([*model.defaults, *model.covariates]))


def equations_alone(model: Model) -> Program | None:
    """The program of the equations without the flows, if it is linear in the amounts of compartments; None if not.

    What it gives for no drug at all is 0 then, for any parameters: it is asked with two sets of numbers.
    """
    rates = {s: model.equations.get(s, "0") for s in model.states}
    if model.variables or not is_linear(model.states, rates, model.definitions):
        return None
    program = compile_program(model.states, rates, model.definitions, _names(model))
    some = np.random.default_rng(0).uniform(0.1, 0.9, (2, len(program.parameters)))
    nothing = program.evaluate_rhs(np.zeros(len(model.states)), p=some)
    return None if nothing.any() else program


def concentration(model: Model, site: str) -> str:
    """The concentration at a site [mg/L] as an expression."""
    (output,) = (o for o in model.outputs if o.site == site)
    shares = ((c, "" if w == 1 else f"{_text(w)}*") for c, w in output.weights.items())
    return " + ".join(f"{share}{c}/{_text(model.volumes[c])}" for c, share in shares)


def _flow(model: Model, source: str, law: str, parameters: tuple[Any, ...]) -> str:
    """The flow [mg/h] out of a compartment."""
    if law in SATURABLE:
        (volume,) = _volumes(model, source)
        most, half, *power = map(_text, parameters)
        ratio = f"({source}/{volume})"
        if power:
            return f"{most}*hill({ratio}, {half}, {power[0]})"
        return f"{most}*{ratio}/({half} + {ratio})"
    factors = [_text(p) for p in parameters]
    divisors = [factors.pop()] if law in ("partition", "transit") else []
    if law in ("clearance", "partition"):
        divisors += _volumes(model, source)
    rate = "*".join(factors) + "".join(f"/{d}" for d in divisors)
    return f"({rate})*{source}"


def _volumes(model: Model, *boxes: str | None) -> list[str]:
    return [_text(model.volumes[str(box)]) for box in boxes]


def _text(item: str | float) -> str:
    return item if isinstance(item, str) else repr(float(item))


def parameters_of(
    program: Program, values: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """What the kernel takes as parameters: those that occur, constants, and what depends on them alone.

    Values are of shape (case or 1, segment or 1), and so is the result but for its last dimension.
    """
    given = [np.atleast_2d(values[name]) for name in program.parameters]
    shape = np.broadcast_shapes((1, 1), *(v.shape for v in given))
    columns = (
        np.stack([np.broadcast_to(v, shape) for v in given], axis=-1)
        if given
        else np.empty((*shape, 0))
    )
    return program.settled(columns)
