"""Pack arrays, run the kernel on threads, hand arrays back."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from pkmodel.kernels.tapes import GENERAL, INTEGRAL, MASS, RATE
from pkmodel.schedule import schedule
from pkmodel.simulation.observing import Readings, beside
from pkmodel.simulation.threads import cuts_of, part_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.model import Model
    from pkmodel.regimen import Regimen
    from pkmodel.schedule import Tape
    from pkmodel.simulation.cases import Cases

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Terms = list[tuple[int, Floats]]


def run(
    model: Model,
    regimen: Regimen,
    times: Floats,
    cases: Cases,
    *,
    amounts: bool,
    auc: bool,
    threads: int | None,
) -> tuple[Floats, NDArray[np.uint8], dict[str, Floats]]:
    """Pack and solve: rows are the amounts, the sites' concentrations and their integrals, in that order.

    Returns
    -------
    out : array, shape (case, row, time)
    status : array of uint8, shape (case,)
    further : mapping of str to array, shape (case, time)
        Variables, and definitions that the model observes.
    """
    plan = schedule(regimen, model, cases.values, cases=cases.count, end=float(times[-1]), breaks=cases.breaks,
                    factors=cases.factors)  # fmt: skip
    n = len(model.states)
    rate_state = {s: n + k for k, s in enumerate(plan.infused)}
    terms = model.output_terms(cases.values)
    integrands = terms if auc else []
    matrices = augment(rates_of(model, cases), rate_state, integrands)
    first = n + len(rate_state)
    held = amount_rows(model, cases, amounts)
    rows = held + terms + [[(first + k, np.ones(()))] for k in range(len(integrands))]
    tape = plan.tape(times, cases.breaks, rate_state)
    out, status = solve(
        matrices,
        kinds_of(model),
        len(rate_state),
        tape,
        plan.scales,
        plan.program,
        rows,
        len(times),
        threads,
    )
    read = Readings.of(tape, plan.program, len(times)) if model.observed else None
    out, further = shown(model, out, cases, read, 0 if amounts else len(held))
    return out, status, further


def amount_rows(model: Model, cases: Cases, amounts: bool) -> list[Terms]:
    """Rows of the amounts, if they are wanted, or needed for what the model observes."""
    return model.output_terms(cases.values, "amount") if amounts or model.observed else []


def shown(
    model: Model, out: Floats, cases: Cases, read: Readings | None, hidden: int
) -> tuple[Floats, dict[str, Floats]]:
    """Rows but the first `hidden` ones, and what the model observes at the readings, if there are any."""
    further = {} if read is None else beside(model, out, cases, read)
    return out[:, hidden:], further


def run_steady(
    model: Model,
    period: Regimen,
    tau: float,
    times: Floats,
    cases: Cases,
    amounts: bool,
    threads: int | None,
) -> tuple[Floats, NDArray[np.uint8], dict[str, Floats], Floats]:
    """Superpose the response to one interval's doses; see :func:`steady_state`."""
    plan = schedule(period, model, cases.values, cases=cases.count, end=np.inf, breaks=cases.breaks,
                    factors=cases.factors)  # fmt: skip
    n = len(model.states)
    rate_state = {s: n + k for k, s in enumerate(plan.infused)}
    K = rates_of(model, cases)
    terms = model.output_terms(cases.values)
    held = amount_rows(model, cases, amounts)
    rows = held + terms
    finite = plan.time[np.isfinite(plan.time)]
    spans = max(1, int(np.ceil(finite.max(initial=0.0) / tau)))
    grid = (times + tau * np.arange(spans + 1)[:, None]).ravel()
    tape = plan.tape(grid, cases.breaks, rate_state, (spans * len(times), spans * tau, tau))
    matrices = augment(K, rate_state, [])
    out, status = solve(
        matrices,
        kinds_of(model),
        len(rate_state),
        tape,
        plan.scales,
        plan.program,
        rows,
        len(grid),
        threads,
    )
    residence = _residence(K[:, 0], plan.delivered(n))
    auc = np.zeros((cases.count, len(terms)))
    for site, row in enumerate(terms):
        for state, weight in row:
            auc[:, site] += np.atleast_2d(weight)[:, 0] * residence[:, state]
    auc[status > 0] = np.nan
    out = out.reshape(*out.shape[:2], spans + 1, len(times)).sum(axis=2)
    read = Readings.at(times, cases.count) if model.observed else None
    out, further = shown(model, out, cases, read, 0 if amounts else len(held))
    return out, status, further, auc


def _residence(K: Floats, entered: Floats) -> Floats:
    """Time integral of the amounts [mg h] after `entered` [mg], shape (case, state); NaN where it diverges."""
    shape = np.broadcast_shapes(K.shape[:-1], entered.shape)
    K, b = np.broadcast_to(-K, (*shape, shape[-1])), np.broadcast_to(entered, shape)[..., None]
    try:
        return np.asarray(np.linalg.solve(K, b)[..., 0], dtype=float)
    except np.linalg.LinAlgError:
        regular = np.linalg.matrix_rank(K) == shape[-1]
        out = np.full(shape, np.nan)
        out[regular] = np.linalg.solve(K[regular], b[regular])[..., 0]
        return out


def rates_of(model: Model, cases: Cases) -> Floats:
    """Rate matrices of shape (case or 1, segment, state, state), NaN for every invalid case."""
    K = model.rate_matrix_of(cases.values)
    K = K.reshape((1,) * (4 - K.ndim) + K.shape)
    count = cases.count if cases.invalid.any() else len(K)
    K = np.broadcast_to(K, (count, 1 + len(cases.breaks), *K.shape[2:]))
    return np.where(cases.invalid[:, None, None, None], np.nan, K) if cases.invalid.any() else K


def kinds_of(model: Model) -> Ints:
    """What the kernel may take the states for: compartments keep mass, what follows one or has equations need not."""
    followers = {f.target for f in model.flows if f.law == "effect"}
    free = followers | set(model.equations)
    return np.array([GENERAL if s in free else MASS for s in model.states], np.int64)


def solve(
    matrices: Floats,
    states: Ints,
    inflows: int,
    tape: Tape,
    scales: Floats,
    program: Ints,
    rows: list[Terms],
    times: int,
    threads: int | None,
) -> tuple[Floats, NDArray[np.uint8]]:
    """Run the kernel on threads; one case for every entry of `program`, `states` are kinds."""
    from pkmodel.kernels import linear

    count = len(program)
    kind = np.full(matrices.shape[-1], INTEGRAL)
    n = len(states)
    kind[:n] = states
    kind[n : n + inflows] = RATE
    start = np.cumsum([0] + [len(row) for row in rows])
    state = np.array([s for row in rows for s, _ in row], np.int64)
    weights = _stack([np.atleast_2d(w) for row in rows for _, w in row])
    scales = np.ascontiguousarray(np.broadcast_to(scales, (count, scales.shape[1])))
    out = np.empty((count, len(rows), times))
    status = np.empty(count, np.uint8)

    def part(cut: slice) -> None:
        linear.solve(
            part_of(matrices, cut), kind, *tape, scales[cut], program[cut], start, state,
            part_of(weights, cut), out[cut], status[cut],
        )  # fmt: skip

    cuts = cuts_of(count, times * len(matrices[0, 0]) ** 2, threads)
    if len(cuts) == 1:
        part(cuts[0])
    else:
        with ThreadPoolExecutor(len(cuts)) as pool:
            list(pool.map(part, cuts))
    return out, status


def _stack(columns: list[Floats]) -> Floats:
    """Weights of shape (case or 1, segment or 1) as one array (case or 1, segment or 1, term)."""
    shape = np.broadcast_shapes(*(c.shape for c in columns))
    out = np.empty((*shape, len(columns)))
    for k, column in enumerate(columns):
        out[..., k] = column
    return out


def augment(K: Floats, rate_state: Mapping[int, int], integrands: list[Terms]) -> Floats:
    """Add a state for every inflow (dA/dt += r), and one for every integral of a site (dI/dt = sum of w A)."""
    extra = len(rate_state) + len(integrands)
    if not extra:
        return K
    n = K.shape[-1]
    weights = [np.shape(w) for row in integrands for _, w in row]
    shape = np.broadcast_shapes(K.shape[:2], *weights)
    out = np.zeros((*shape, n + extra, n + extra))
    out[..., :n, :n] = K
    for state, rate in rate_state.items():
        out[..., state, rate] = 1.0
    for k, row in enumerate(integrands, n + len(rate_state)):
        for state, weight in row:
            out[..., k, state] = weight
    return out
