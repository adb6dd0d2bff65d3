"""Even outputs as rows of a table on the state at the first of them: eqs. (7) and (8) of `linear`."""

import numpy as np

from pkmodel.kernels.common import EIGHT, FOUR, LANES, LEAST, ONE, TABLES, TWO, ZERO, L, Q, U
from pkmodel.kernels.machine import kernel
from pkmodel.kernels.tapes import NONFINITE_RESULT, OK
from pkmodel.kernels.vectors import fma, load, splat, store, turn


@kernel("q1 q1 q1 q1 q1 q2 q2 q1 q1 q1 q1 d3 q1 Q(6) Q(3) d1 d1 d1 d1 d1 B1 q q")
def runs(
    tape_start, tape_index, program, run, table, tables, segments, listed, counted, row_start, row_state, weight,
    edges, sizes, layout, power, tabled, wide, saved, out, status, first, last,
):  # fmt: skip
    """Write the runs of groups `first` to `last` from the states put aside, eqs. (7) and (8).

    The rows of a table are made with cases side by side and used with times side by side.
    """
    n, _, keys, rows, columns, most = sizes
    unit, beside, pitch = layout
    none, four, half = splat(0.0, LANES), splat(0.0, 4), splat(0.0, LEAST)
    height = max(n, U(3))
    size, block, stretch = n * L, n * n * L, height * Q
    row, checked = U(TABLES) * block, U(TABLES) * block + Q * size
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
            store(wide, checked + z * EIGHT, half)
        for r in range(rows if made > 0 else ZERO):
            for t in range(U(made)):
                for j in range(n):
                    store(wide, row + j * L, none)
                for z in range(live):
                    case = base + np.int64(z)
                    p = program[case]
                    s, w = (
                        min(case, weight.shape[0] - 1),
                        min(segments[p, tables[p, t]], weight.shape[1] - 1),
                    )
                    for k in range(row_start[r], row_start[r + ONE]):
                        wide[row + U(row_state[k]) * L + z] += weight[s, w, k]
                for q in range(row, row + (Q - ONE) * size, size):
                    for j in range(n):
                        total = none
                        for i in range(n):
                            each = load(wide, t * block + (j * n + i) * L, none)
                            total = fma(load(wide, q + i * L, none), each, total)
                        store(wide, q + size + j * L, total)
                for z in range(ZERO, live, FOUR):
                    for j in range(n):
                        for q in range(ZERO, Q, FOUR):
                            at = row + q * size + j * L + z
                            a, b = load(wide, at, four), load(wide, at + size, four)
                            c, d = (
                                load(wide, at + TWO * size, four),
                                load(wide, at + U(3) * size, four),
                            )
                            turn(tabled, ((t * L + z) * height + j) * Q + q, stretch, a, b, c, d)
            for z in range(live):
                case = base + np.int64(z)
                start = tape_start[program[case]]
                o = (U(case) * rows + r) * columns
                checks = load(wide, checked + z * EIGHT, half)
                known, length = -1, 0
                f0, f1, f2, b0, b1, b2 = half, half, half, half, half, half
                y = U(g - first) * most * size + z
                y1, y2 = min(n - ONE, ONE) * L, min(n - ONE, TWO) * L
                for item in range(U(start), U(start + counted[program[case]])):
                    at = U(listed[item])
                    front = (U(table[at]) * L + z) * stretch
                    back = front + U(run[at]) - EIGHT  # two halves that may overlap
                    if table[at] != known or run[at] != length:
                        known, length = table[at], run[at]
                        f0, f1, f2 = (
                            load(tabled, front, half), load(tabled, front + Q, half),
                            load(tabled, front + TWO * Q, half),
                        )  # fmt: skip
                        b0, b1, b2 = (
                            load(tabled, back, half), load(tabled, back + Q, half),
                            load(tabled, back + TWO * Q, half),
                        )  # fmt: skip
                    early = fma(f2, saved[y + y2], fma(f1, saved[y + y1], fma(f0, saved[y], half)))
                    late = fma(b2, saved[y + y2], fma(b1, saved[y + y1], fma(b0, saved[y], half)))
                    for j in range(U(3), n):
                        early = fma(load(tabled, front + j * Q, half), saved[y + j * L], early)
                        late = fma(load(tabled, back + j * Q, half), saved[y + j * L], late)
                    store(out, o + U(tape_index[at]), early)
                    store(out, o + U(tape_index[at] + run[at]) - EIGHT, late)
                    checks = fma(late, 0.0, fma(early, 0.0, checks))
                    y += size
                store(wide, checked + z * EIGHT, checks)
        for z in range(live):
            check = 0.0
            for i in range(EIGHT):
                check += wide[checked + z * EIGHT + i]
            if status[base + np.int64(z)] == OK and check != 0.0:
                status[base + np.int64(z)] = NONFINITE_RESULT
