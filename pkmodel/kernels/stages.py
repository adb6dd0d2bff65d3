"""Stages of all methods of `adaptive`, for all lanes: programs are interpreted here, and W is factorised."""

import math

import numpy as np

from pkmodel.kernels.common import FOUR, LANES, ONE, TWO, ZERO, L, U
from pkmodel.kernels.instructions import (
    DIFFERENCE,
    EXP,
    GREATER,
    LOG,
    MAXIMUM,
    MINIMUM,
    POWER,
    PRODUCT,
    QUOTIENT,
    SUM,
)
from pkmodel.kernels.lanes import (
    absolute,
    apart,
    call,
    choose,
    exponential,
    larger,
    logarithm,
    power,
    root,
    smaller,
)
from pkmodel.kernels.machine import inner
from pkmodel.kernels.tableaus import RODAS5P, TSIT5
from pkmodel.kernels.vectors import fma, load, ratio, splat, store

THREE = U(3)
EVERY = U(2**LANES - 1)
SKIP = 1e-5  # in steps, to both sides, for a derivative by time
_PIVOT = 1e-8

# What is kept for every lane, in `lanes`: the time, that of the next event and of the next read-out; the step to
# take, the one under way and its end; how stages scale with it; which lanes take part (1 or 0) in the stages under
# way, in explicit and in implicit steps; whether the first stage is missing, and the first step after an event; the
# guess of that step and its factor; the logarithm of the last error and the largest factor of the next step; counts
# of steps; trials without a result, evaluations after events; steps limited by stability, and how many are borne;
# implicit steps, the fastest rate, a difference of a state; whether the step was good, and its error.
(
    T, STOP, NEXT, H, TRY, END, SCALE, INVERSE, MODE, EXPLICIT, IMPLICIT, FRESH, FIRST, GUESS, RATIO,
    ROUGH, GROW, ACCEPTED, REJECTED, FAILED, STARTS, STIFF, PATIENT, IMPLICITLY, FAST, DELTA, GOOD, WORST,
) = (U(k * LANES) for k in range(28))  # fmt: skip
SLOTS = U(28 * LANES)
# ... and in `place`: the case, the next item of its tape, the end of its tape, and for a read-out, the lanes
# that take part, and where theirs goes.
CASE, AT, LAST, CHOSEN, TO = (U(k * LANES) for k in range(5))
TABS = U(5)


def _table():
    """Rows of coefficients one after another: where each begins, the weights of k[0], k[1] and so on."""
    rows = [
        *TSIT5.argument, *RODAS5P.argument, *RODAS5P.memory, [], [], TSIT5.error, RODAS5P.error,
    ]  # fmt: skip
    rows = [np.trim_zeros(np.asarray(row, np.float64), "b") for row in rows]
    rows += [*TSIT5.dense, *RODAS5P.dense]
    start = np.cumsum([0, *(len(row) for row in rows)]).astype(np.uint64)
    node = np.concatenate([TSIT5.node, RODAS5P.node, np.zeros(8), [SKIP, -SKIP]])
    return start, np.concatenate(rows), node


START, WEIGHT, NODE = _table()
SLOPE, GAMMA = RODAS5P.slope, RODAS5P.gamma
STAGES_E, STAGES_R = U(len(TSIT5.node)), U(len(RODAS5P.node))
LAST_BUT_ONE = STAGES_E - TWO
ROSENBROCK = STAGES_E
BEFORE = ROSENBROCK + STAGES_R
SIDES = BEFORE + STAGES_R
ERROR = SIDES + TWO
DENSE = ERROR + TWO
# Rows of k: those of the explicit method, one to spare, those of the implicit one, two to spare.
KEPT = STAGES_E + ONE
SPARE = KEPT + STAGES_R
# Which stages: first, last, row of k that belongs to column 0, row for the first.
AT_START = ZERO, ONE, ZERO, STAGES_E
EXPLICITLY = ONE, STAGES_E, ZERO, ONE
RATES = ROSENBROCK, ROSENBROCK + ONE, KEPT, KEPT
COLUMNS = ROSENBROCK, ROSENBROCK + ONE, KEPT, SPARE
ASIDE = SIDES, SIDES + TWO, KEPT, SPARE
STIFFLY = ROSENBROCK, BEFORE, KEPT, KEPT


@inner
def stages(code, rates, cells, lanes, layout, address, length, which, implicit, column):
    """Compute stages of `which` (first, last, row of k that belongs to column 0, row for the first), for all lanes.

    `length` instructions are run for each. An implicit stage is solved with the factors of W, and its first
    right-hand side is already there. The state `column` is moved by `DELTA`, if there is one of that number.
    """
    apart()
    n, parameters, y0, inflow, previous, k, matrix, slope, point, _, _, _, _ = layout
    first, last, base, to = which
    none = splat(0.0, LANES)
    scale, h, t = load(lanes, SCALE, none), load(lanes, TRY, none), load(lanes, T, none)
    inverse = load(lanes, INVERSE, none)
    size = n * L
    k0 = k + base * size
    for s in range(first, last):
        mine = k + (to + s - first) * size
        if not implicit or s > first:
            store(cells, size, fma(h, NODE[s], t))
            for j in range(ZERO, size, L):
                total, at = none, k0 + j
                for m in range(START[s], START[s + ONE]):
                    total = fma(load(cells, at, none), WEIGHT[m], total)
                    at += size
                store(cells, j, fma(total, scale, load(cells, y0 + j, none)))
            if s == LAST_BUT_ONE:
                for j in range(ZERO, size, L):
                    store(cells, previous + j, load(cells, j, none))
            if column < n:
                moved = load(cells, column * L, none) + load(lanes, DELTA, none)
                store(cells, column * L, moved)
            if address != 0:
                for z in range(U(lanes.size) * L // SLOTS):
                    if lanes[MODE + z] > 0.0:
                        for j in range(n):
                            cells[point + j] = cells[j * L + z]
                        for j in range(parameters):
                            cells[point + n + j] = cells[(n + ONE + j) * L + z]
                        end = point + n + parameters
                        for j in range(n):
                            cells[end + j] = math.nan  # what it does not write is seen
                        call(address, cells[size + z], cells, point, point + n, end)
                        for j in range(n):
                            cells[mine + j * L + z] = cells[end + j] + cells[inflow + j * L + z]
            else:
                for c in range(ZERO, length, FOUR):
                    op, target = code[c], code[c + ONE]
                    a, b = load(cells, code[c + TWO], none), load(cells, code[c + THREE], none)
                    if op == SUM:
                        result = a + b
                    elif op == DIFFERENCE:
                        result = a - b
                    elif op == PRODUCT:
                        result = a * b
                    elif op == QUOTIENT:
                        result = ratio(a, b)
                    elif op == POWER:
                        result = power(a, b)
                    elif op == MINIMUM:
                        result = smaller(a, b)
                    elif op == MAXIMUM:
                        result = larger(a, b)
                    elif op == GREATER:
                        result = choose(b, a, splat(1.0, LANES), none)
                    elif op == EXP:
                        result = exponential(a)
                    elif op == LOG:
                        result = logarithm(a)
                    else:
                        result = root(a)
                    store(cells, target, result)
                for j in range(n):
                    value = load(cells, rates[j], none) + load(cells, inflow + j * L, none)
                    store(cells, mine + j * L, value)
        if implicit:
            row = s + BEFORE - ROSENBROCK
            for j in range(ZERO, size, L):
                total, at = none, k0 + j
                for m in range(START[row], START[row + ONE]):
                    total = fma(load(cells, at, none), WEIGHT[m], total)
                    at += size
                total = fma(total, inverse, load(cells, mine + j, none))
                part = fma(h, SLOPE[s - ROSENBROCK], none)
                store(cells, mine + j, fma(load(cells, slope + j, none), part, total))
            at = matrix
            for i in range(ZERO, size, L):
                total = load(cells, mine + i, none)
                for j in range(ZERO, i, L):
                    total = total - load(cells, at + j, none) * load(cells, mine + j, none)
                store(cells, mine + i, total)
                at += size
            for back in range(L, size + L, L):
                i = size - back
                at -= size
                total = load(cells, mine + i, none)
                for j in range(i + L, size, L):
                    total = total - load(cells, at + j, none) * load(cells, mine + j, none)
                store(cells, mine + i, total * load(cells, at + i, none))


@inner
def factor(cells, lanes, matrix, n):
    """Factors of W = 1/(gamma h) - J without pivoting, with inverse pivots; a small one becomes no number."""
    apart()
    none = splat(0.0, LANES)
    one, nothing = splat(1.0, LANES), splat(math.nan, LANES)
    shift = fma(load(lanes, INVERSE, none), 1.0 / GAMMA, none)
    size = n * L
    for k in range(ZERO, size, L):
        at = matrix + k * n + k
        store(cells, at, load(cells, at, none) + shift)
    for k in range(ZERO, size, L):
        top = matrix + k * n
        pivot = load(cells, top + k, none)
        inverse = choose(fma(shift, _PIVOT, none), absolute(pivot), ratio(one, pivot), nothing)
        store(cells, top + k, inverse)
        for i in range(k + L, size, L):
            row = matrix + i * n
            factor = load(cells, row + k, none) * inverse
            store(cells, row + k, factor)
            for j in range(k + L, size, L):
                left = load(cells, row + j, none) - factor * load(cells, top + j, none)
                store(cells, row + j, left)
