"""Even outputs as rows of a table on the state at the first of them: eqs. (7) and (8) of `linear`."""

import numpy as np

from pkmodel.kernels.common import (
    CLOSES,
    EIGHT,
    FOUR,
    LANES,
    LEAD,
    ONE,
    OPENS,
    RUN,
    SEGMENT_OF,
    SHEET,
    TABLES,
    TWO,
    ZERO,
    L,
    Q,
    U,
)
from pkmodel.kernels.machine import kernel
from pkmodel.kernels.tapes import NONFINITE_RESULT, OK
from pkmodel.kernels.vectors import fma, load, splat, store, turn

_THREE = U(3)


@kernel("q1 q1 q2 q3 q2 q1 q1 q1 q1 q1 d3 q1 Q(6) Q(3) d1 d1 d1 d1 d1 d1 d1 B1 q q")
def runs(
    tape_start, program, tables, steps, marks, row_start, row_state, terms, unit_start, unit_rows, weight, edges,
    sizes, layout, power, tabled, wide, saved, states, line, out, status, first, last,
):  # fmt: skip
    """Write the runs of groups `first` to `last` from the states put aside, eqs. (7) and (8).

    The rows of a table are made with cases side by side and used with times side by side. The rows of a unit
    have their table in common: it is that of one state, or of one row.
    """
    n, _, keys, rows, columns, most = sizes
    unit, beside, pitch = layout
    none, eight, four = splat(0.0, LANES), splat(0.0, RUN), splat(0.0, 4)
    size, block, units = n * L, n * n * L, U(unit_start.size) - ONE
    for g in range(first, last):
        base = edges[g]
        live = U(edges[g + 1] - base)
        made = 0
        for z in range(live):
            p = program[base + np.int64(z)]
            made = max(made, tables[p, TABLES])
            for t in range(tables[p, TABLES]):
                e = (
                    U(g - first) * keys * L * pitch + U(tables[p, t]) * pitch * unit
                ) * n + z * beside
                for j in range(n):
                    for i in range(n):
                        wide[U(t) * block + (j * n + i) * L + z] = power[e + (j * pitch + i) * unit]
        row = U(made) * block
        for m in range(ZERO, most if made > 0 else ZERO, FOUR):
            for j in range(n):
                at = ((U(g - first) * most + m) * n + j) * L
                for z in range(ZERO, live, FOUR):
                    a, b = load(saved, at + z, four), load(saved, at + z + size, four)
                    c = load(saved, at + z + TWO * size, four)
                    d = load(saved, at + z + _THREE * size, four)
                    turn(states, (z * n + j) * most + m, n * most, a, b, c, d)
        for u in range(units if made > 0 else ZERO):
            one = unit_rows[unit_start[u]]
            for t in range(U(made)):
                for j in range(n):
                    store(wide, row + j * L, none)
                for z in range(live):
                    case = base + np.int64(z)
                    p = program[case]
                    s, w = (
                        min(case, weight.shape[0] - 1),
                        min(steps[SEGMENT_OF, p, tables[p, t]], weight.shape[1] - 1),
                    )
                    for k in range(row_start[one], row_start[one + 1]):
                        part = 1.0 if terms[one] >= 0 else weight[s, w, k]
                        wide[row + U(row_state[k]) * L + z] += part
                for q in range(row, row + (Q - ONE) * size, size):
                    for c in range(ZERO, n, TWO):  # two columns, the last perhaps an old one
                        pair = c - ONE if c + ONE == n and n > ONE else c
                        left, total, other = t * block + pair * size, none, none
                        right = left + (size if n > ONE else ZERO)
                        for i in range(ZERO, size, L):
                            each = load(wide, q + i, none)
                            total = fma(load(wide, left + i, none), each, total)
                            other = fma(load(wide, right + i, none), each, other)
                        store(wide, q + size + pair * L, total)
                        store(wide, q + size + min(pair + ONE, n - ONE) * L, other)
                for z in range(ZERO, live, FOUR):
                    to = ((t * L + z) * units + u) * n * Q
                    for j in range(n):
                        for q in range(ZERO, Q, FOUR):
                            at = row + q * size + j * L + z
                            a, b = load(wide, at, four), load(wide, at + size, four)
                            c = load(wide, at + TWO * size, four)
                            d = load(wide, at + _THREE * size, four)
                            turn(tabled, to + j * Q + q, units * n * Q, a, b, c, d)
        for z in range(live):
            case = base + np.int64(z)
            p = program[case]
            s, start, long, short = min(case, weight.shape[0] - 1), U(tape_start[p]), eight, four
            places = U(tables[p, TABLES + 1])
            for u in range(units):
                for m in range(ZERO, places, FOUR):
                    table = U(marks[SHEET, start + m // FOUR])
                    front = ((table * L + z) * units + u) * n * Q
                    a, b, c, d, x = eight, eight, eight, eight, z * n * most + m
                    for j in range(front, front + n * Q, Q):
                        each = load(tabled, j, eight)
                        a, b = fma(each, states[x], a), fma(each, states[x + ONE], b)
                        c, d = fma(each, states[x + TWO], c), fma(each, states[x + _THREE], d)
                        x += most
                    # what a short run writes beyond its end is written again by the next one, or never read
                    store(line, U(marks[LEAD, start + m]), a)
                    store(line, U(marks[LEAD, start + m + ONE]), b)
                    store(line, U(marks[LEAD, start + m + TWO]), c)
                    store(line, U(marks[LEAD, start + m + _THREE]), d)
                for k in range(unit_start[u], unit_start[u + ONE]):
                    r = unit_rows[k]
                    to = (U(case) * rows + U(r)) * columns
                    factor = weight[s, 0, terms[r]] if terms[r] >= 0 else 1.0
                    for m in range(start, start + U(tables[p, TABLES + 2])):
                        at, stop = U(marks[OPENS, m]), U(marks[CLOSES, m])
                        if stop - at == FOUR:
                            few = fma(load(line, at, four), factor, four)
                            store(out, to + at, few)
                            short = fma(few, 0.0, short)
                            at = stop
                        while at < stop:
                            at = min(at, stop - EIGHT)  # the last eight may overlap those before
                            many = fma(load(line, at, eight), factor, eight)
                            store(out, to + at, many)
                            long = fma(many, 0.0, long)
                            at += EIGHT
            store(wide, row, long)
            store(wide, row + EIGHT, short)
            check = 0.0
            for i in range(row, row + EIGHT + FOUR):
                check += wide[i]
            if status[case] == OK and check != 0.0:
                status[case] = NONFINITE_RESULT
