"""The periodic steady state of a nonlinear model: the state that one interval of doses brings back to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pkmodel.errors import InputError
from pkmodel.kernels.tapes import NO_STEADY_STATE, OK
from pkmodel.schedule import schedule
from pkmodel.simulation.adaptive import absolute, problem_of, rows_of, solve_adaptively
from pkmodel.simulation.observing import Readings, beside

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pkmodel.model import Model
    from pkmodel.regimen import Regimen
    from pkmodel.simulation.adaptive import Tolerance
    from pkmodel.simulation.cases import Cases

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_PERIODS = 5
"""Intervals that are followed before the search begins."""
_ROUNDS = 40
_NEAR = 10.0
"""Times the tolerance by which a state may lie from where Newton's method would go on."""
_FINER = 0.01
"""Intervals of the search are solved more exactly, for an error adds up over as many as a state remembers."""


def run_periodic(
    model: Model,
    period: Regimen,
    tau: float,
    times: Floats,
    cases: Cases,
    amounts: bool,
    tolerance: Tolerance,
    threads: int | None,
) -> tuple[Floats, NDArray[np.uint8], dict[str, Floats], Floats | None]:
    """As :func:`pkmodel.simulation.solving.run_steady`; a function has no integrals of its sites."""
    plan = schedule(period, model, cases.values, cases=cases.count, end=np.inf, breaks=cases.breaks,
                    factors=cases.factors)  # fmt: skip
    late = plan.time[np.isfinite(plan.time)].max(initial=0.0)
    if late > tau:
        raise InputError(
            f"a dose given in one interval of {tau:g} h is still entering at {late:g} h, and the model is not linear",
            remedy="Simulate doses until the steady state is reached.",
        )
    problem = problem_of(model, cases, auc=model.function is None)
    finer = tolerance._replace(rtol=_FINER * tolerance.rtol)
    n = len(model.states) + len(model.variables)
    width = len(problem.states)
    inflows = {s: width + s for s in plan.infused}
    scales = np.broadcast_to(plan.scales, (cases.count, plan.scales.shape[1]))
    initial = np.broadcast_to(problem.initial, (cases.count, width))
    parameters = np.broadcast_to(problem.parameters, (cases.count, *problem.parameters.shape[1:]))

    def follow(which: Ints, state: Floats, grid: Floats) -> tuple[Floats, NDArray[np.uint8]]:
        """States at the times of one interval that begins with `state`, for some of the cases."""
        begin = initial[which].copy()
        begin[:, :n] = state
        own = problem._replace(initial=begin, parameters=np.ascontiguousarray(parameters[which]))
        tape = plan.tape(grid, cases.breaks, inflows)
        return solve_adaptively(
            own, tape, scales[which], plan.program[which], len(grid), finer, threads
        )

    def after(which: Ints, state: Floats) -> tuple[Floats, NDArray[np.uint8]]:
        out, status = follow(which, state, np.array([tau]))
        return out[:, :n, 0], status

    tape = plan.tape(np.array([tau]), cases.breaks, inflows)
    least = absolute(problem, tape, tolerance)[:n] / tolerance.rtol
    state, status = _fixed_point(after, initial[:, :n], least, tolerance.rtol)
    out, failed = follow(np.arange(cases.count), state, np.append(times, tau))
    status = np.where(failed != OK, failed, status).astype(np.uint8)
    out[status != OK] = np.nan
    auc = out[:, n:, -1] if model.function is None else None
    read, out = Readings.at(times, cases.count), out[..., :-1]
    rows = rows_of(model, out, cases, read, amounts, False)
    return rows, status, beside(model, out, cases, read), auc


def _fixed_point(
    after: Callable[[Ints, Floats], tuple[Floats, NDArray[np.uint8]]],
    start: Floats,
    least: Floats,
    rtol: float,
) -> tuple[Floats, NDArray[np.uint8]]:
    """State that is the same after one interval, by Newton's method with differences; all cases at once."""
    state = start.copy()
    status = np.full(len(state), NO_STEADY_STATE, np.uint8)
    left = np.arange(len(state))
    for _ in range(_PERIODS):
        state[left], failed = after(left, state[left])
        status[left[failed != OK]] = failed[failed != OK]
        left = left[failed == OK]
    for _ in range(_ROUNDS):
        if not len(left):
            break
        here = state[left]
        there, slope, failed = _with_slope(
            after, left, here, np.sqrt(rtol) * np.maximum(np.abs(here), least)
        )
        status[left[failed != OK]] = failed[failed != OK]
        left, here, there, slope = (a[failed == OK] for a in (left, here, there, slope))
        ahead = _ahead(there - here, slope)
        done = (np.abs(ahead) <= _NEAR * rtol * np.maximum(np.abs(there), least)).all(axis=1)
        status[left[done]] = OK
        state[left] = np.where(here > 0, np.maximum(here + ahead, 0.1 * here), here + ahead)
        left = left[~done & np.isfinite(ahead).all(axis=1)]
    return state, status


def _with_slope(
    after: Callable[[Ints, Floats], tuple[Floats, NDArray[np.uint8]]],
    left: Ints,
    here: Floats,
    step: Floats,
) -> tuple[Floats, Floats, NDArray[np.uint8]]:
    """What follows after one interval, and its derivative by every state from a step of each."""
    count, n = here.shape
    moved = np.concatenate([here[:, None], here[:, None] + step[:, :, None] * np.eye(n)], axis=1)
    out, failed = after(np.repeat(left, n + 1), moved.reshape(-1, n))
    out, failed = out.reshape(count, n + 1, n), failed.reshape(count, n + 1).max(axis=1)
    slope = (out[:, 1:] - out[:, :1]).swapaxes(1, 2) / step[:, None, :]
    return out[:, 0], slope, failed


def _ahead(miss: Floats, slope: Floats) -> Floats:
    """How far Newton's method goes; not a number where it knows no way."""
    system = np.eye(miss.shape[1]) - slope
    try:
        return np.asarray(np.linalg.solve(system, miss[..., None])[..., 0], dtype=float)
    except np.linalg.LinAlgError:
        regular = np.linalg.matrix_rank(system) == miss.shape[1]
        out = np.full(miss.shape, np.nan)
        out[regular] = np.linalg.solve(system[regular], miss[regular][..., None])[..., 0]
        return out
