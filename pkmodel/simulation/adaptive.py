"""Nonlinear models: pack arrays for the adaptive kernel, and make rows of what it hands back."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel.errors import InputError
from pkmodel.kernels.tapes import (
    ADD,
    ASIDE,
    CLOCK,
    JOIN,
    STEADY,
)
from pkmodel.model.equations import Expression
from pkmodel.model.systems import compiled, parameters_of
from pkmodel.schedule import schedule
from pkmodel.simulation.calling import address_of_function
from pkmodel.simulation.observing import Readings, beside
from pkmodel.simulation.threads import cuts_of, part_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.model import Model
    from pkmodel.model.equations import Program
    from pkmodel.regimen import Regimen
    from pkmodel.schedule import Tape
    from pkmodel.simulation.cases import Cases

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Tolerance(NamedTuple):
    """How exactly a nonlinear model is solved; the absolute tolerance is one for all states, or by name."""

    rtol: float = 1e-8
    atol: float | Mapping[str, float] | None = None
    max_steps: float = 100_000


USUAL = Tolerance()
LEAST = 1e-14
"""Relative tolerance below which rounding is most of a step's error, so that the stiff method runs out of steps."""


def tolerance_of(
    model: Model,
    rtol: float | None,
    atol: float | Mapping[str, float] | None,
    max_steps: int | None,
) -> Tolerance:
    """What was given in the place of the default; a linear model has no use for it.

    Raises
    ------
    InputError
        Numbers out of their range, all of them; or the model is linear.
    """
    pairs = {"rtol": rtol, "atol": atol, "max_steps": max_steps}
    given: dict[str, Any] = {name: value for name, value in pairs.items() if value is not None}
    if given and model.is_linear:
        raise InputError(
            f"{', '.join(given)} given, and the model {model.name} is linear: its solution is exact",
            remedy="Leave out " + ", ".join(f"{name}=" for name in given) + ".",
        )
    several = given.pop("atol") if isinstance(atol, Mapping) else {}
    named = {**given, **{f'atol["{state}"]': value for state, value in several.items()}}
    faults = [f"{n} is {v!r}; expected {what}" for n, v in named.items() if (what := _range(n, v))]
    if faults:
        raise InputError(
            *faults, remedy="Write for example rtol=1e-8, atol=1e-11, max_steps=100_000."
        )
    plain: dict[str, Any] = {name: float(value) for name, value in given.items()}
    if several:
        plain["atol"] = {str(state): float(value) for state, value in several.items()}
    return Tolerance(**plain)


def _range(name: str, value: Any) -> str:
    """What is expected in the place of a tolerance; empty for one in its range."""
    if not isinstance(value, Real) or not 0 < float(value) < np.inf:
        return "a number above 0"
    if name == "rtol" and not LEAST <= float(value) < 1:
        return f"a number from {LEAST:g} to below 1"
    return "a whole number" if name == "max_steps" and float(value) % 1 else ""


class Problem(NamedTuple):
    """A system as the kernel takes it: instructions or the address of a function, and numbers of each case.

    `initial` are the initial values of each case, and `typical` those of typical parameters.
    """

    states: tuple[str, ...]
    program: Program | None
    address: int
    parameters: Floats
    initial: Floats
    typical: Floats


def problem_of(model: Model, cases: Cases, auc: bool) -> Problem:
    """The model's system with a state for every integral that is wanted, and its numbers."""
    if model.function is not None:
        return _of_function(model, cases, auc)
    program = compiled(model, auc)
    parameters = _marked(parameters_of(program, cases.values), cases)
    beginning = _beginning(model, program.states, cases)
    return Problem(program.states, program, 0, parameters, *beginning)


def _of_function(model: Model, cases: Cases, auc: bool) -> Problem:
    if auc:
        raise InputError(
            "auc=True is for flows and equations; the model has a function",
            remedy="Write the integral as a state of your own: dydt[k] = y[0] / p[0].",
        )
    states = (*model.states, *model.variables)
    assert model.function is not None
    values = [np.atleast_2d(cases.values[n]) for n in model.defaults]
    shape = np.broadcast_shapes((1, 1), *(v.shape for v in values))
    parameters = np.stack([np.broadcast_to(v, shape) for v in values] or [np.zeros(shape)], axis=-1)
    start, typical = _beginning(model, states, cases)
    usual = {name: p.value for name, p in model.defaults.items()}
    address = address_of_function(model.function, states, typical, usual)
    return Problem(states, None, address, _marked(parameters, cases), start, typical)


def _marked(parameters: Floats, cases: Cases) -> Floats:
    """NaN for every invalid case, which the kernel refuses."""
    if not cases.invalid.any():
        return parameters
    return np.where(cases.invalid[:, None, None], np.nan, parameters)


def _beginning(model: Model, states: tuple[str, ...], cases: Cases) -> tuple[Floats, Floats]:
    """Initial values, shape (case or 1, state), with the parameters that hold at the beginning; and typical ones."""
    own = {n: np.atleast_2d(v)[:, 0] for n, v in cases.values.items()}
    start, typical = _initial(model, states, own), _initial(model, states, model.resolve())[0]
    amounts = len(model.states)
    for state, value in zip(states[:amounts], typical, strict=False):
        if value < 0:
            raise InputError(
                f"initial: the amount in {state} is {value:g} mg; expected 0 or above",
                remedy="What may be negative is a variable: give it a name that no compartment has.",
            )
    start[:, :amounts][start[:, :amounts] < 0] = np.nan
    return start, typical


def _initial(model: Model, states: tuple[str, ...], values: Mapping[str, Floats]) -> Floats:
    own = {s: Expression.parse(str(v), s).evaluate(values) for s, v in model.initial.items()}
    shape = np.broadcast_shapes((1,), *(np.shape(v) for v in own.values()))
    return np.stack([np.broadcast_to(own.get(s, 0.0), shape) for s in states], axis=-1)


def run_adaptively(
    model: Model,
    regimen: Regimen,
    times: Floats,
    cases: Cases,
    *,
    amounts: bool,
    auc: bool,
    tolerance: Tolerance,
    threads: int | None,
) -> tuple[Floats, NDArray[np.uint8], dict[str, Floats]]:
    """As :func:`pkmodel.simulation.solving.run`, to a tolerance."""
    plan = schedule(regimen, model, cases.values, cases=cases.count, end=float(times[-1]), breaks=cases.breaks,
                    factors=cases.factors)  # fmt: skip
    problem = problem_of(model, cases, auc)
    n = len(problem.states)
    tape = plan.tape(times, cases.breaks, {s: n + s for s in plan.infused})
    states, status = solve_adaptively(
        problem, tape, plan.scales, plan.program, len(times), tolerance, threads
    )
    read = Readings.of(tape, plan.program, len(times))
    out = rows_of(model, states, cases, read, amounts, auc)
    return out, status, beside(model, states, cases, read)


def solve_adaptively(
    problem: Problem,
    tape: Tape,
    scales: Floats,
    program: Ints,
    columns: int,
    tolerance: Tolerance,
    threads: int | None,
) -> tuple[Floats, NDArray[np.uint8]]:
    """States [mg, or their own unit] of every case at every output: arrays (case, state, column) and (case,)."""
    from pkmodel.kernels import adaptive

    count, n = len(program), len(problem.states)
    scales = np.ascontiguousarray(np.broadcast_to(scales, (count, scales.shape[1])))
    constants = problem.parameters[..., :0]
    if problem.program is None:
        empty = np.empty((0, 4), np.int64)
        code = empty, np.zeros(n, np.int64), empty, empty[:, :3], np.empty((0, 5), np.int64)
        registers = n + 1 + problem.parameters.shape[-1]
    else:
        own = problem.program
        code, registers = (
            (own.rhs, own.rhs_out, own.jac, own.jac_out, own.series.code),
            own.registers,
        )
        constants = own.series.constants(problem.parameters)
    atol = absolute(problem, tape, tolerance)
    out = np.full((count, n, columns), np.nan)
    status, counts = np.zeros(count, np.uint8), np.zeros((count, 4), np.int64)
    rows = np.arange(n)

    def part(cut: slice) -> None:
        adaptive.solve(
            *code, problem.address, registers, part_of(problem.parameters, cut), part_of(constants, cut),
            part_of(problem.initial, cut), *tape, scales[cut], program[cut], rows, tolerance.rtol, atol,
            tolerance.max_steps, out[cut], status[cut], counts[cut],
        )  # fmt: skip

    cuts = cuts_of(count, columns * 1000, threads)
    if len(cuts) == 1:
        part(cuts[0])
    else:
        with ThreadPoolExecutor(len(cuts)) as pool:
            list(pool.map(part, cuts))
    return out, status


def absolute(problem: Problem, tape: Tape, tolerance: Tolerance) -> Floats:
    """Absolute tolerance of every state: by default `rtol` / 1000 of the largest dose or initial value.

    It is that of the doses as ordered and of typical patients, so that a case does not depend on its neighbours.
    """
    given = tolerance.atol
    if given is not None and not isinstance(given, Mapping):
        return np.full(len(problem.states), float(given))
    unknown = [s for s in given or {} if s not in problem.states]
    if unknown:
        raise InputError(
            f'atol: unknown state "{unknown[0]}"',
            remedy=f"The states are {', '.join(problem.states)}.",
        )
    dose = float(np.abs(tape.value[tape.op == ADD]).max(initial=0.0))
    typical = np.abs(problem.typical)
    atol = 1e-3 * tolerance.rtol * np.where(typical > 0, typical, dose or 1.0)
    for state, value in (given or {}).items():
        atol[problem.states.index(state)] = value
    return atol


def rows_of(
    model: Model, states: Floats, cases: Cases, read: Readings, amounts: bool, auc: bool
) -> Floats:
    """Amounts, concentrations and integrals as rows, from states: both of shape (case, row or state, column)."""
    terms = model.output_terms(cases.values, "amount") if amounts else []
    terms += model.output_terms(cases.values)
    integrals = states[:, len(model.states) + len(model.variables) :][:, : len(model.sites) * auc]
    out = np.empty((len(states), len(terms) + integrals.shape[1], states.shape[2]))
    for row, ((first, weight), *others) in enumerate(terms):
        np.multiply(states[:, first], read.held(weight), out=out[:, row])
        for k, w in others:
            out[:, row] += read.held(w) * states[:, k]
    out[:, len(terms) :] = integrals
    return out


def plain_tape(tape: Tape) -> Tape:
    """A table's tape without setting of clocks, which the kernel does by the first time of a case."""
    if np.isin(tape.op, (STEADY, ASIDE, JOIN)).any():
        raise InputError(
            "the table asks for a steady state (SS), and the model is not linear",
            remedy="Give doses until it is reached: ADDL and II.",
        )
    keep = tape.op != CLOCK
    start = np.concatenate([[0], np.cumsum(keep)])[tape.start]
    kept = type(tape)(start, *(column[keep] for column in tape[1:]))
    inner = np.ones(len(kept.time), bool)
    inner[kept.start[:-1][kept.start[:-1] < len(kept.time)]] = False
    if (np.diff(kept.time, prepend=-np.inf) < 0)[inner].any():
        raise InputError(
            "time goes back at a reset (EVID 3 or 4), and the model is not linear",
            remedy="Give every part to a subject of its own.",
        )
    return kept
