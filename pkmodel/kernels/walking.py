"""Cases follow their tapes from step to step: eq. (1) of `linear`."""

import numpy as np

from pkmodel.kernels.common import COUNT, EIGHT, FOUR, KEY, LANES, ONE, PAGE, PLACE, TWO, ZERO, L, U
from pkmodel.kernels.machine import kernel
from pkmodel.kernels.tapes import ASIDE, JOIN, NONFINITE_RESULT, OK, OUTPUT, RESET, SEGMENT, SET
from pkmodel.kernels.vectors import fma, load, splat, store, turn


@kernel("q1 q1 d1 q1 q1 q1 q1 d2 q2 q1 q1 d3 q1 Q(6) d1 d1 d1 d1 d1 q1 d1 d1 B1 q q")
def together(
    tape_op, tape_index, tape_value, tape_scale, begin, end, program, scales, marks, row_start, row_state,
    weight, edges, sizes, power, cells, page, x, aside, segment, saved, out, status, first, last,
):  # fmt: skip
    """Follow the tapes from `begin` to `end` for groups `first` to `last`, eq. (1), a case in each lane.

    Outputs gather on a page of columns, and are written case by case when it is full.
    """
    n, padded, keys, rows, columns, most = sizes
    none, four = splat(0.0, LANES), splat(0.0, 4)
    size = n * L
    weights, terms, factors = size * TWO, U(row_start[rows]), U(scales.shape[1])
    scaled = weights + terms * L
    for g in range(first, last):
        base = edges[g]
        live = U(edges[g + 1] - base)
        p = program[base]
        for cell in range(ZERO, scaled + factors * L, L):
            store(cells, cell, none)
        for z in range(live):
            case = base + np.int64(z)
            for i in range(n):
                cells[i * L + z] = x[U(case) * padded + i]
            for k in range(factors):
                cells[scaled + k * L + z] = scales[min(case, scales.shape[0] - 1), k]
        checks = none
        now, then = ZERO, size
        known, held, left = -1, ZERO, ZERO
        at, stop = U(begin[p]), U(end[p])
        while True:
            ended = at == stop
            op, index = (-1, ZERO) if ended else (tape_op[at], U(tape_index[at]))
            plain = not ended and op == OUTPUT and marks[COUNT, at] == 1
            if held > ZERO and (ended or held == U(PAGE) or (plain and index != left + held)):
                for r in range(rows):
                    o, turned = (U(base) * rows + r) * columns + left, ZERO
                    while held >= FOUR and turned + FOUR <= live:
                        q = ZERO
                        while q < held:
                            q = min(q, held - FOUR)  # the last four may overlap those before
                            part = (r * U(PAGE) + q) * L + turned
                            a, b = load(page, part, four), load(page, part + L, four)
                            c, d = (
                                load(page, part + TWO * L, four),
                                load(page, part + U(3) * L, four),
                            )
                            turn(out, o + turned * rows * columns + q, rows * columns, a, b, c, d)
                            q += FOUR
                        turned += FOUR
                    for z in range(turned, live):
                        for k in range(held):
                            out[o + z * rows * columns + k] = page[(r * U(PAGE) + k) * L + z]
                held = ZERO
            if ended:
                break
            if marks[KEY, at] >= 0:
                e = (U(g - first) * keys + U(marks[KEY, at])) * n * size
                for i in range(L, size, TWO * L):
                    one, two = none, none
                    for j in range(n):
                        y = load(cells, now + j * L, none)
                        one = fma(load(power, e + j * size + i - L, none), y, one)
                        two = fma(load(power, e + j * size + i, none), y, two)
                    store(cells, then + i - L, one)
                    store(cells, then + i, two)
                if n % TWO == ONE:
                    one = none
                    for j in range(n):
                        y = load(cells, now + j * L, none)
                        one = fma(load(power, e + j * size + size - L, none), y, one)
                    store(cells, then + size - L, one)
                now, then = then, now
            if plain:
                if known != segment[base]:
                    known = segment[base]
                    w = min(known, weight.shape[1] - 1)
                    for z in range(live):
                        s = min(base + np.int64(z), weight.shape[0] - 1)
                        for k in range(terms):
                            cells[weights + k * L + z] = weight[s, w, k]
                left = index if held == ZERO else left
                for r in range(rows):
                    total = none
                    for k in range(row_start[r], row_start[r + ONE]):
                        y = load(cells, now + U(row_state[k]) * L, none)
                        total = fma(load(cells, weights + k * L, none), y, total)
                    store(page, (r * U(PAGE) + held) * L, total)
                    checks = fma(total, 0.0, checks)
                held += ONE
            elif op == OUTPUT:
                to = (U(g - first) * most + U(marks[PLACE, at])) * size
                for i in range(ZERO, size, L):
                    store(saved, to + i, load(cells, now + i, none))
            elif op == SEGMENT:
                for z in range(live):
                    segment[base + np.int64(z)] = tape_index[at]
            elif op == RESET:
                for i in range(ZERO, size, L):
                    store(cells, now + i, none)
            elif ASIDE <= op <= JOIN:
                for z in range(live):
                    for i in range(n):
                        rest, here = (U(base) + z) * padded + i, now + i * L + z
                        if op == ASIDE:
                            aside[rest] = cells[here]
                            cells[here] = 0.0
                        else:
                            cells[here] += aside[rest]
            elif op <= SET:
                here, k = now + index * L, tape_scale[at]
                before = none if op == SET else load(cells, here, none)
                factor = load(cells, scaled + U(k) * L, none) if k >= 0 else splat(1.0, LANES)
                store(cells, here, fma(factor, tape_value[at], before))
            at += U(marks[COUNT, at])
        store(cells, then, checks)
        for z in range(live):
            case = base + np.int64(z)
            for i in range(n):
                x[U(case) * padded + i] = cells[now + i * L + z]
            if status[case] == OK and cells[then + z] != 0.0:
                status[case] = NONFINITE_RESULT


@kernel("q1 q1 d1 q1 q1 q1 q1 d2 q2 q1 q1 d3 q1 Q(6) d1 d1 d1 d1 q1 d1 d1 B1 q q")
def alone(
    tape_op, tape_index, tape_value, tape_scale, begin, end, program, scales, marks, row_start, row_state,
    weight, edges, sizes, power, y, x, aside, segment, saved, out, status, first, last,
):  # fmt: skip
    """Follow the tapes from `begin` to `end` for groups `first` to `last`, eq. (1), case by case."""
    n, padded, keys, rows, columns, most = sizes
    block = n * padded
    part = splat(0.0, 4)
    for case in range(edges[first], edges[last]):
        p = program[case]
        s = min(case, weight.shape[0] - 1)
        scale = min(case, scales.shape[0] - 1)
        w = min(segment[case], weight.shape[1] - 1)
        mine, slot = U(case) * padded, U(case - edges[first])
        beside = slot // L * most * n * L + slot % L
        check = 0.0
        now, then = ZERO, padded
        for i in range(ZERO, padded, FOUR):
            store(y, i, load(x, mine + i, part))
        at, stop = U(begin[p]), U(end[p])
        while at < stop:
            if marks[KEY, at] >= 0:
                e = (slot * keys + U(marks[KEY, at])) * block
                low = ZERO
                while low < padded:
                    total = part
                    if padded < L:
                        for j in range(n):
                            total = fma(load(power, e + j * padded + low, part), y[now + j], total)
                        store(y, then + low, total)
                        low += FOUR
                        continue
                    low = min(low, padded - L)  # sixteen rows; the last may overlap those before
                    one, two, three = part, part, part
                    for j in range(n):
                        at_j, y_j = e + j * padded + low, y[now + j]
                        total = fma(load(power, at_j, part), y_j, total)
                        one = fma(load(power, at_j + FOUR, part), y_j, one)
                        two = fma(load(power, at_j + EIGHT, part), y_j, two)
                        three = fma(load(power, at_j + U(12), part), y_j, three)
                    store(y, then + low, total)
                    store(y, then + low + FOUR, one)
                    store(y, then + low + EIGHT, two)
                    store(y, then + low + U(12), three)
                    low += L
                now, then = then, now
            op, index = tape_op[at], U(tape_index[at])
            if op == OUTPUT and marks[COUNT, at] == 1:
                o = U(case) * rows * columns + index
                for r in range(rows):
                    total = 0.0
                    for k in range(row_start[r], row_start[r + ONE]):
                        total = fma(weight[s, w, k], y[now + U(row_state[k])], total)
                    out[o] = total
                    check += total * 0.0
                    o += columns
            elif op == OUTPUT:
                to = beside + U(marks[PLACE, at]) * n * L
                for i in range(n):
                    saved[to + i * L] = y[now + i]
            elif op == SEGMENT:
                segment[case] = tape_index[at]
                w = min(tape_index[at], weight.shape[1] - 1)
            elif op == RESET:
                for i in range(n):
                    y[now + i] = 0.0
            elif op == ASIDE:
                for i in range(n):
                    aside[mine + i] = y[now + i]
                    y[now + i] = 0.0
            elif op == JOIN:
                for i in range(n):
                    y[now + i] += aside[mine + i]
            elif op <= SET:
                k = tape_scale[at]
                before = 0.0 if op == SET else y[now + index]
                y[now + index] = fma(scales[scale, k] if k >= 0 else 1.0, tape_value[at], before)
            at += U(marks[COUNT, at])
        for i in range(ZERO, padded, FOUR):
            store(x, mine + i, load(y, now + i, part))
        if status[case] == OK and check != 0.0:
            status[case] = NONFINITE_RESULT
