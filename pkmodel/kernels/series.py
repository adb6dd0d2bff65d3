"""Steps of `adaptive` by power series, for right-hand sides of sums, products, quotients and square roots."""

import math

import numpy as np

from pkmodel.kernels.cases import NARROW, give_up
from pkmodel.kernels.common import FOUR, LANES, ONE, TWO, ZERO, L, U
from pkmodel.kernels.instructions import KEEP, PRODUCT, RATE, ROOT, TERM
from pkmodel.kernels.lanes import (
    absolute,
    apart,
    below,
    choose,
    larger,
    root,
    rough_exp2,
    rough_log2,
    smaller,
    update,
)
from pkmodel.kernels.machine import inner
from pkmodel.kernels.stages import (
    ACCEPTED,
    AT,
    CASE,
    CHOSEN,
    END,
    EXPLICIT,
    FIRST,
    GOOD,
    GROW,
    IMPLICIT,
    LAST,
    NEXT,
    PATIENT,
    REJECTED,
    ROUGH,
    STIFF,
    STOP,
    TABS,
    THREE,
    TO,
    TRY,
    WORST,
    H,
    T,
)
from pkmodel.kernels.tapes import OUTPUT
from pkmodel.kernels.vectors import fma, load, ratio, splat, store

_LEAST, _MOST = 8, 20  # terms beside the state itself
_SHARE = 1.0 / np.arange(1.0, _MOST + 1.0)
_ROW = U(5)  # numbers of an instruction
_TRUST = -7.0  # the last two terms of a step, in tolerances: a binary logarithm
_EDGE = 0.42  # the last term over the one before, where stability limits a step
_CREEP = (
    1e-3  # of the time to the next event: the first implicit step where a series has no numbers
)


def order_of(rtol):
    """Order of the series: the smaller the tolerance, the more terms pay."""
    return int(np.clip(np.round(8.0 - np.log10(max(rtol, 1e-16))), _LEAST, _MOST))


@inner
def expand(code, cells, inflow, order):
    """Coefficients of all registers, order after order, from the states in the first ones."""
    apart()
    none, half, one = splat(0.0, LANES), splat(0.5, LANES), splat(1.0, LANES)
    total = none
    for k in range(order):
        at, share, flow = k * L, _SHARE[k], inflow
        for c in range(ZERO, U(code.size), _ROW):
            op, target, constant = code[c], code[c + ONE] + at, code[c + FOUR]
            left, right = code[c + TWO], code[c + THREE]
            # nobody reads the last coefficient of a quotient or a root: what they divide by stands there
            inverse = code[c + ONE] + order * L
            if op == TERM:
                total = fma(load(cells, left + at, none), load(cells, constant, none), total)
                continue
            if op == KEEP:
                if k == ZERO:
                    total = total + load(cells, constant, none)
                store(cells, target, total)
            elif op == RATE:
                if k == ZERO:
                    total = total + load(cells, constant, none) + load(cells, flow, none)
                flow += L
                store(cells, target + L, fma(total, share, none))
            elif op == PRODUCT:
                for j in range(ZERO, at + L, L):
                    other = load(cells, right + at - j, none)
                    total = fma(load(cells, left + j, none), other, total)
                store(cells, target, total)
            elif op == ROOT:
                if k == ZERO:
                    total = root(load(cells, left, none))
                    store(cells, inverse, ratio(half, total))
                else:
                    for j in range(L, at, L):
                        other = load(cells, target - j, none)
                        total = fma(load(cells, target - at + j, none), other, total)
                    total = (load(cells, left + at, none) - total) * load(cells, inverse, none)
                store(cells, target, total)
            else:
                if k == ZERO:
                    divisor = load(cells, right, none) + load(cells, constant, none)
                    store(cells, inverse, ratio(one, divisor))
                for j in range(L, at + L, L):
                    other = load(cells, target - j, none)
                    total = fma(load(cells, right + j, none), other, total)
                total = load(cells, left + at, none) - total
                store(cells, target, total * load(cells, inverse, none))
            total = none


@inner
def polynomial(cells, first, order, state, x):
    """A state, `x` hours after the beginning of the step."""
    c = first + (state * (order + ONE) + order) * L
    value = load(cells, c, x)
    for _ in range(order):
        c -= L
        value = fma(value, x, load(cells, c, x))
    return value


@inner
def sizes(cells, layout, tolerances):
    """Largest last coefficient but one, and largest last one, in tolerances of their states."""
    n, y0, first, order = layout[0], layout[2], layout[11], layout[12]
    rtol, atol = tolerances
    none, one = splat(0.0, LANES), splat(1.0, LANES)
    before, final = none, none
    for j in range(n):
        y = load(cells, y0 + j * L, none)
        unit = ratio(one, fma(absolute(y), rtol, splat(atol[j], LANES)))
        c = first + (j * (order + ONE) + order) * L
        before = larger(before, absolute(load(cells, c - L, none)) * unit)
        final = larger(final, absolute(load(cells, c, none)) * unit)
    return before, final


@inner
def reach(before, final, order):
    """How far both terms stay small."""
    none, least = splat(0.0, LANES), splat(1e-280, LANES)
    a = splat(_TRUST, LANES) - rough_log2(larger(before, least))
    b = splat(_TRUST, LANES) - rough_log2(larger(final, least))
    power = smaller(fma(a, 1.0 / (order - ONE), none), fma(b, 1.0 / order, none))
    return rough_exp2(larger(power, splat(-500.0, LANES)))


@inner
def read_out(bits, cells, lanes, place, layout, tape_time, tape_op, tape_index, rows, out):
    """Write the next read-out of the lanes in `bits`; returns those that have another one within the step."""
    apart()
    point, columns, first, order = layout[4], layout[9], layout[11], layout[12]
    chosen = U(0)
    for z in range(U(place.size) // TABS):
        place[CHOSEN + chosen] = z
        chosen += (bits >> z) & ONE
    for i in range(chosen):
        lane = U(place[CHOSEN + i])
        at = place[AT + lane]
        lanes[TRY + lane] = tape_time[at] - lanes[T + lane]
        place[TO + i] = place[CASE + lane] * rows.size * np.int64(columns) + tape_index[at]
    x = load(lanes, TRY, splat(0.0, LANES))
    for r in range(U(rows.size)):
        store(cells, point, polynomial(cells, first, order, U(rows[r]), x))
        for i in range(chosen):
            out[U(place[TO + i]) + r * columns] = cells[point + U(place[CHOSEN + i])]
    further = ZERO
    for i in range(chosen):
        lane = U(place[CHOSEN + i])
        at = place[AT + lane] + 1
        more = at < place[LAST + lane] and tape_op[at] == OUTPUT
        lanes[NEXT + lane] = tape_time[at] if more else math.inf
        place[AT + lane] = at
        further |= U(more and tape_time[at] < lanes[END + lane]) << lane
    return further


@inner
def advance(
    code, cells, lanes, place, layout, tolerances, tape_time, tape_op, tape_index, rows, max_steps, out, status, counts,
):  # fmt: skip
    """A step of all explicit lanes, as long as the last terms of their series stay small."""
    apart()
    n, y0, first, order = layout[0], layout[2], layout[11], layout[12]
    none, one, infinite = splat(0.0, LANES), splat(1.0, LANES), splat(math.inf, LANES)
    for j in range(n):
        store(cells, first + j * (order + ONE) * L, load(cells, y0 + j * L, none))
    expand(code, cells, layout[3], order)
    before, final = sizes(cells, layout, tolerances)
    t, mode, stop = load(lanes, T, none), load(lanes, EXPLICIT, none), load(lanes, STOP, none)
    rest = stop - t
    h = reach(before, final, order)
    half = choose(fma(h, 2.0, none), rest, h, fma(rest, 0.5, none))
    step = choose(rest, h, rest, half)
    finite = choose(before + final, infinite, mode, none)
    good = choose(fma(absolute(t), NARROW, none), step, finite, none)
    update(lanes, H, none, mode, choose(none, finite, step, fma(rest, _CREEP, none)))
    step = choose(none, good, step, none)
    end = choose(step, rest, t + step, stop)
    store(lanes, END, end)
    bits = below(load(lanes, NEXT, none), choose(none, good, end, none - infinite))
    while bits:
        bits = read_out(
            bits, cells, lanes, place, layout, tape_time, tape_op, tape_index, rows, out
        )
    for j in range(n):
        update(cells, y0 + j * L, none, good, polynomial(cells, first, order, j, step))
    update(lanes, T, none, good, end)
    store(lanes, ACCEPTED, load(lanes, ACCEPTED, none) + good)
    store(lanes, REJECTED, load(lanes, REJECTED, none) + mode - good)
    # whether stability, not accuracy, limits the steps, or there are no numbers
    tense = load(lanes, STIFF, none)
    tight = choose(fma(before, _EDGE, none), final * step, tense + one, larger(tense - one, none))
    update(lanes, STIFF, none, good, tight)
    tight = choose(none, finite, load(lanes, STIFF, none), infinite)
    bits = below(load(lanes, PATIENT, none), choose(none, mode, tight, none))
    for z in range(U(place.size) // TABS):
        if (bits >> z) & ONE:
            lanes[EXPLICIT + z], lanes[IMPLICIT + z], lanes[STIFF + z] = 0.0, 1.0, 0.0
            lanes[FIRST + z], lanes[ROUGH + z], lanes[GROW + z] = 0.0, -10.0, 1.0
    taken = load(lanes, ACCEPTED, none) + load(lanes, REJECTED, none)
    full = choose(splat(max_steps, LANES), taken, mode, none)
    bits = below(none, larger(full, finite - good))
    if bits:
        store(lanes, GOOD, good)
        store(lanes, WORST, none)
        give_up(bits, max_steps, lanes, place, layout, status, counts)
