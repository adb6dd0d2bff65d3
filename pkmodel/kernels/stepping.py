"""Steps of all methods of `adaptive`: cases side by side, each at its own time."""

import math

from pkmodel.kernels.cases import PATIENCE, arrive, give_up
from pkmodel.kernels.common import LANES, ONE, TWO, ZERO, L, U
from pkmodel.kernels.lanes import (
    absolute,
    apart,
    below,
    choose,
    larger,
    rough_exp2,
    rough_log2,
    smaller,
    update,
)
from pkmodel.kernels.machine import inner, kernel
from pkmodel.kernels.series import advance
from pkmodel.kernels.stages import (
    ACCEPTED,
    ASIDE,
    AT,
    AT_START,
    CASE,
    COLUMNS,
    DELTA,
    DENSE,
    END,
    ERROR,
    EVERY,
    EXPLICIT,
    EXPLICITLY,
    FAILED,
    FAST,
    FIRST,
    FRESH,
    GOOD,
    GROW,
    GUESS,
    IMPLICIT,
    IMPLICITLY,
    INVERSE,
    KEPT,
    LAST,
    MODE,
    NEXT,
    PATIENT,
    RATES,
    RATIO,
    REJECTED,
    ROUGH,
    SCALE,
    SKIP,
    SPARE,
    STAGES_E,
    STAGES_R,
    START,
    STARTS,
    STIFF,
    STIFFLY,
    STOP,
    TABS,
    THREE,
    TRY,
    WEIGHT,
    WORST,
    H,
    T,
    factor,
    stages,
)
from pkmodel.kernels.tapes import OUTPUT
from pkmodel.kernels.vectors import fma, load, ratio, splat, store

_CAUTION = 0.6  # an event's first step is so much of what the one before would have allowed
_TRUST = 2.0  # the error estimate of a step may be this many tolerances
_SAFETY = math.log2(0.93)
_LEAST, _MOST = 0.2, 8.0  # factors of the step length
_MEMORY = 0.03  # weight of the error of the step before

# A step is limited by stability where h |lambda| reaches EDGE of the explicit method; after PATIENCE such steps
# the implicit one takes over, until its steps are shorter than BACK.
_EDGE, _BACK = 1.5, 5.0


@inner
def restart(code, rates, cells, lanes, layout, address, length, tolerances):
    """First stage, and the step length after an event.

    It is that in which the state changes by a hundredth, times what was found after the event before.
    """
    apart()
    n, y0, k = layout[0], layout[2], layout[5]
    rtol, atol = tolerances
    none, one = splat(0.0, LANES), splat(1.0, LANES)
    size = n * L
    fresh = load(lanes, FRESH, none)
    store(lanes, MODE, fresh)
    store(lanes, TRY, none)
    store(lanes, SCALE, none)
    stages(code, rates, cells, lanes, layout, address, length, AT_START, False, n)
    spare = k + STAGES_E * size
    whole, change = none, none
    for j in range(n):
        y, f = load(cells, y0 + j * L, none), load(cells, spare + j * L, none)
        update(cells, k + j * L, none, fresh, f)
        tolerance = ratio(one, fma(absolute(y), rtol, splat(atol[j], LANES)))
        whole = larger(whole, absolute(y) * tolerance)
        change = larger(change, absolute(f) * tolerance)
    rest = load(lanes, STOP, none) - load(lanes, T, none)
    guess = ratio(fma(whole, 0.01, none), change)
    guess = choose(fma(rest, 1e-5, none), guess, guess, fma(rest, 1e-5, none))
    guess = choose(guess, rest, guess, rest)
    event = fresh * load(lanes, FIRST, none)
    update(lanes, GUESS, none, event, guess)
    update(lanes, H, none, event, guess * load(lanes, RATIO, none))
    update(lanes, GROW, none, event, splat(_MOST, LANES))
    update(lanes, ROUGH, none, event, splat(-10.0, LANES))
    store(lanes, STARTS, load(lanes, STARTS, none) + fresh)
    store(lanes, FRESH, none)


@inner
def linearise(code, rates, jacobian, cells, lanes, layout, address, lengths, tolerances, timed):
    """Right-hand side and W of all implicit lanes, factorised; how fast they are, and the derivative by time."""
    apart()
    n, y0, k, matrix, slope = layout[0], layout[2], layout[5], layout[6], layout[7]
    rtol, atol = tolerances
    short, long = lengths
    none = splat(0.0, LANES)
    size = n * L
    k0, spare = k + KEPT * size, k + SPARE * size
    stages(code, rates, cells, lanes, layout, address, long, RATES, False, n)
    for i in range(ZERO, n * size, L):
        store(cells, matrix + i, none)
    for e in range(U(jacobian.shape[0])):
        to = matrix + U(jacobian[e, 0]) * size + U(jacobian[e, 1]) * L
        store(cells, to, none - load(cells, jacobian[e, 2], none))
    if address != 0:
        for j in range(n):
            y = load(cells, y0 + j * L, none)
            least = splat(atol[j] / rtol, LANES)
            store(lanes, DELTA, fma(larger(absolute(y), least), 2.0**-26, none))
            stages(code, rates, cells, lanes, layout, address, short, COLUMNS, False, j)
            delta = y + load(lanes, DELTA, none) - y
            for i in range(ZERO, size, L):
                f, moved = load(cells, k0 + i, none), load(cells, spare + i, none)
                store(cells, matrix + i * n + j * L, ratio(f - moved, delta))
    fast = none
    for i in range(ZERO, size, L):
        fast = larger(fast, absolute(load(cells, matrix + i * n + i, none)))
    store(lanes, FAST, fast)
    if timed:
        stages(code, rates, cells, lanes, layout, address, short, ASIDE, False, n)
        h, t = load(lanes, TRY, none), load(lanes, T, none)
        span = fma(h, SKIP, t) - fma(h, -SKIP, t)
        for j in range(ZERO, size, L):
            change = load(cells, spare + j, none) - load(cells, spare + size + j, none)
            store(cells, slope + j, ratio(change, span))
    factor(cells, lanes, matrix, n)


@inner
def attempt(
    code, rates, jacobian, cells, lanes, layout, address, lengths, tolerances, timed, implicit
):
    """All stages of a step of one method, whose lengths stand in `lanes`."""
    apart()
    n = layout[0]
    if implicit:
        linearise(code, rates, jacobian, cells, lanes, layout, address, lengths, tolerances, timed)
        stages(code, rates, cells, lanes, layout, address, lengths[0], STIFFLY, True, n)
    else:
        stages(code, rates, cells, lanes, layout, address, lengths[0], EXPLICITLY, False, n)


@kernel(
    "Q1 Q1 q2 q Q(2) q Q1 d3 d3 d2 q1 d1 q1 q1 d1 q1 d1 d2 q1 q1 d d1 d d1 d1 q1 q1 Q(13) d1 B1 q2"
)
def follow(
    code, rates, jacobian, address, lengths, timed, series, parameters, constants, initial, tape_start, tape_time,
    tape_op, tape_index, tape_value, tape_scale, stops, scales, program, rows, rtol, atol, max_steps, cells, lanes,
    place, queue, layout, out, status, counts,
):  # fmt: skip
    """Take steps until no case is left: a case in each lane, at its own time and with its own step."""
    n, y0, previous, k_explicit, slope = layout[0], layout[2], layout[4], layout[5], layout[7]
    new, dense = slope + n * L, slope + TWO * n * L
    none, one = splat(0.0, LANES), splat(1.0, LANES)
    size = n * L
    count, columns = U(rows.size), layout[9]
    tolerances = rtol, atol
    width = U(place.size) // TABS  # not a constant, lest the compiler unrolls all loops over lanes
    for z in range(width):
        place[CASE + z] = -1
    while True:
        bits = EVERY - below(load(lanes, T, none), load(lanes, STOP, none))
        if bits:
            arrive(
                bits, parameters, constants, initial, tape_start, tape_time, tape_op, tape_index, tape_value,
                tape_scale, stops, scales, program, rows, queue, cells, lanes, place, layout, out, status, counts,
            )  # fmt: skip
            if not below(none, load(lanes, EXPLICIT, none) + load(lanes, IMPLICIT, none)):
                break
        if series.size > 0:
            store(lanes, FRESH, load(lanes, FRESH, none) * load(lanes, IMPLICIT, none))
        if below(none, load(lanes, FRESH, none)):
            restart(code, rates, cells, lanes, layout, address, lengths[0], tolerances)
        for implicit in range(2):
            mode = load(lanes, IMPLICIT if implicit else EXPLICIT, none)
            if not below(none, mode):
                continue
            if series.size > 0 and not implicit:
                advance(
                    series, cells, lanes, place, layout, tolerances, tape_time, tape_op, tape_index, rows, max_steps,
                    out, status, counts,
                )  # fmt: skip
                continue
            t, h = load(lanes, T, none), load(lanes, H, none)
            rest = load(lanes, STOP, none) - t
            half = choose(fma(h, 2.0, none), rest, h, fma(rest, 0.5, none))
            step = choose(rest, fma(h, 1.01, none), rest, half) * mode
            store(lanes, TRY, step)
            store(lanes, MODE, mode)
            if implicit:
                store(lanes, SCALE, one)
                store(lanes, INVERSE, ratio(one, step + one - mode))
                k0, final, scale = k_explicit + KEPT * size, STAGES_R - ONE, one
            else:
                store(lanes, SCALE, step)
                k0, final, scale = k_explicit, STAGES_E - ONE, step
            attempt(
                code,
                rates,
                jacobian,
                cells,
                lanes,
                layout,
                address,
                lengths,
                tolerances,
                timed,
                implicit,
            )
            # the new state and its error
            worst, steep, far = none, none, none
            last = k0 + final * size
            row = ERROR + U(implicit)
            for i in range(n):
                c = i * L
                y, value = load(cells, y0 + c, none), load(cells, c, none)
                if implicit:
                    value = value + load(cells, last + c, none)
                store(cells, new + c, value)
                error, k = none, k0 + c
                for m in range(START[row], START[row + ONE]):
                    error = fma(load(cells, k, none), WEIGHT[m], error)
                    k += size
                bound = fma(larger(absolute(y), absolute(value)), rtol, splat(atol[i], LANES))
                unit = ratio(one, bound)
                worst = larger(worst, absolute(error * scale) * unit)
                change = load(cells, last + c, none) - load(cells, last - size + c, none)
                steep = larger(steep, absolute(change) * unit)
                far = larger(far, absolute(value - load(cells, previous + c, none)) * unit)
            worst = fma(worst, 1.0 / _TRUST, none)
            good = choose(worst, one, mode, none)
            # the next step
            rough = rough_log2(larger(worst, splat(1e-10, LANES)))
            before = load(lanes, ROUGH, none)
            power_up = fma(
                before, _MEMORY, fma(rough, -0.2 + 0.75 * _MEMORY, splat(_SAFETY, LANES))
            )
            up = larger(rough_exp2(power_up), splat(_LEAST, LANES))
            up = smaller(up, load(lanes, GROW, none))
            down = rough_exp2(fma(rough, -0.2, splat(_SAFETY, LANES)))
            down = larger(smaller(down, splat(0.9, LANES)), splat(_LEAST, LANES))
            kept = choose(fma(step, 1.01, none), h, larger(h, step * up), step * up)
            update(lanes, H, none, mode, choose(none, good, kept, step * down))
            lowest = larger(rough, splat(-13.0, LANES))
            update(lanes, ROUGH, none, good, lowest)
            update(lanes, GROW, none, mode, choose(none, good, splat(_MOST, LANES), one))
            store(lanes, ACCEPTED, load(lanes, ACCEPTED, none) + good)
            store(lanes, REJECTED, load(lanes, REJECTED, none) + mode - good)
            first = load(lanes, FIRST, none) * good
            found = ratio(fma(step, _CAUTION, none) * up, load(lanes, GUESS, none))
            found = smaller(larger(found, splat(1e-3, LANES)), splat(1e4, LANES))
            update(lanes, RATIO, none, first, found)
            store(lanes, FIRST, load(lanes, FIRST, none) - first)
            end = choose(step, rest, t + step, load(lanes, STOP, none))
            store(lanes, END, end)
            # what is read out within the step
            bits = below(load(lanes, NEXT, none), choose(none, good, end, splat(-math.inf, LANES)))
            if bits:
                row = DENSE + THREE * U(implicit)
                one_more, two_more = START[row + ONE], START[row + TWO]
                for j in range(ZERO, size, L):
                    f0, f1, f2, k = none, none, none, k0 + j
                    for m in range(final + ONE):
                        each = load(cells, k, none)
                        f0 = fma(each, WEIGHT[START[row] + m], f0)
                        f1 = fma(each, WEIGHT[one_more + m], f1)
                        f2 = fma(each, WEIGHT[two_more + m], f2)
                        k += size
                    store(cells, dense + j, f0 * scale)
                    store(cells, dense + size + j, f1 * scale)
                    store(cells, dense + TWO * size + j, f2 * scale)
                for z in range(width):
                    if not (bits >> z) & ONE:
                        continue
                    at, last_item = place[AT + z], place[LAST + z]
                    begin, until = lanes[T + z], lanes[END + z]
                    o = U(place[CASE + z]) * count * columns
                    while at < last_item and tape_op[at] == OUTPUT and tape_time[at] < until:
                        x = (tape_time[at] - begin) / lanes[TRY + z]
                        to = o + U(tape_index[at])
                        for r in range(count):
                            c = U(rows[r]) * L + z
                            f = dense + c
                            y = cells[y0 + c]
                            inner = cells[f] + x * (cells[f + size] + x * cells[f + TWO * size])
                            out[to] = y + x * (cells[new + c] - y + (1.0 - x) * inner)
                            to += columns
                        at += 1
                    place[AT + z] = at
                    more = at < last_item and tape_op[at] == OUTPUT
                    lanes[NEXT + z] = tape_time[at] if more else math.inf
            for j in range(ZERO, size, L):
                update(cells, y0 + j, none, good, load(cells, new + j, none))
            update(lanes, T, none, good, end)
            update(lanes, FAILED, none, good, none)
            # whether stability, not accuracy, limits the steps
            if implicit:
                store(lanes, IMPLICITLY, load(lanes, IMPLICITLY, none) + mode)
                short = choose(step * load(lanes, FAST, none), splat(_BACK, LANES), one, none)
                tight = choose(none, short, load(lanes, STIFF, none) + one, none)
                limit = splat(4.0, LANES)
            else:
                for j in range(ZERO, size, L):
                    update(cells, k_explicit + j, none, good, load(cells, last + j, none))
                limited = choose(fma(far, _EDGE, none), steep * step, one, none)
                tense = load(lanes, STIFF, none)
                tight = choose(none, limited, tense + one, larger(tense - one, none))
                limit = load(lanes, PATIENT, none)
            update(lanes, STIFF, none, good, tight)
            tight = load(lanes, STIFF, none)
            bits = below(limit, tight * mode)
            if bits:
                for z in range(width):
                    if (bits >> z) & ONE:
                        lanes[EXPLICIT + z] = 1.0 if implicit else 0.0
                        lanes[IMPLICIT + z] = 0.0 if implicit else 1.0
                        lanes[STIFF + z] = 0.0
                        if implicit:
                            lanes[FRESH + z] = 1.0
                            lanes[PATIENT + z] = min(2.0 * lanes[PATIENT + z], 8.0 * PATIENCE)
            # what fails
            taken = load(lanes, ACCEPTED, none) + load(lanes, REJECTED, none)
            full = choose(splat(max_steps, LANES), taken, mode, none)
            bits = below(none, larger(full, mode - good))
            if bits:
                store(lanes, GOOD, good)
                store(lanes, WORST, worst)
                give_up(bits, max_steps, lanes, place, layout, status, counts)
