"""Exponentials of all steps of a group of cases: eqs. (2) to (5) of `linear`."""

import math

import numpy as np

from pkmodel.kernels.common import (
    DOUBLINGS,
    EIGHT,
    EPS,
    FOUR,
    LANES,
    ONE,
    ORIGIN,
    SEGMENT_OF,
    SQUARED,
    TWO,
    ZERO,
    L,
    U,
)
from pkmodel.kernels.lanes import absolute, below, choose, update
from pkmodel.kernels.machine import inner, kernel
from pkmodel.kernels.tapes import GENERAL, MASS, NONFINITE_RESULT, OK, RATE
from pkmodel.kernels.vectors import fma, load, ratio, splat, store

_THETA = 0.8
_FACTORIAL = np.array([math.factorial(k) for k in range(17)], np.float64)

# Six products for the Taylor sum, then squarings: result = left times right.
_LEFT = np.array([1, 2, 2, 0, 0, 0, 0], np.uint64)
_RIGHT = np.array([1, 1, 2, 4, 4, 4, 0], np.uint64)
_RESULT = np.array([2, 3, 4, 5, 5, 5, 5], np.uint64)

# What `exponentials` keeps for every lane: OWN and OTHER are 1 and 0 where eq. (5) holds, else 0 and 1,
# and a column is multiplied by TOP / (OWN * total + OTHER), which follows as SHARE for every column.
_OWN, _OTHER, _TOP, _FACTOR, _STEP, _SHIFT, _NORM, _HALVINGS, _SQUARED, _LOADED, _SHARE = (
    U(k * LANES) for k in range(11)
)


@inner
def _shifted(matrices, m, kind, cells, at, down, across):
    """Write M + mu I with the row of its sink, rows `down` apart and columns `across`.

    Returns mu, the norm that bounds the Taylor sum, and whether eq. (5) holds.
    """
    n = U(kind.size)
    shift, norm, closed, simple = 0.0, 0.0, True, True
    for i in range(n):
        shift = max(shift, -matrices[m + i * (n + ONE)])
    for j in range(n):
        simple &= kind[j] != GENERAL
        total, column_norm = 0.0, shift
        for i in range(n):
            value = matrices[m + i * n + j]
            if kind[i] <= MASS:
                column_norm += abs(value)
            if kind[i] == MASS:
                total += value
                closed &= value >= 0.0 or i == j or kind[j] != MASS
            cells[at + i * down + j * across] = value + shift if i == j else value
        slack = 4.0 * n * EPS * abs(matrices[m + j * (n + ONE)])
        closed &= total <= slack or kind[j] != MASS
        leaks = total < -slack and kind[j] == MASS
        cells[at + n * down + j * across] = -total if leaks else 0.0
        if kind[j] <= MASS:
            norm = max(norm, column_norm)
    cells[at + n * (down + across)] = shift
    return shift, shift if closed and simple else norm, closed


@inner
def _put(halvings, kind, start, column, cells, lanes, e, power, sink):
    """Write the exponentials of lanes with so many halvings, side by side, from column `e` on."""
    n = U(kind.size)
    none, half, open_ = splat(0.0, LANES), splat(0.5, LANES), splat(-1.0, LANES)
    away = absolute(load(lanes, _HALVINGS, none) - splat(halvings, LANES))
    if below(away, half) == ZERO:
        return
    for j in range(n):
        loss = load(cells, (n * (n + ONE) + j) * L, none)
        closed = choose(load(lanes, _OTHER, none), half, loss, open_)
        update(sink, (e + j) * L, away, half, closed if kind[j] == MASS else open_)
    for i in range(n):
        for c in range(start[i], start[i + ONE]):
            value = load(cells, (i * (n + ONE) + column[c]) * L, none)
            update(power, ((e + column[c]) * n + i) * L, away, half, value)


@kernel("d1 Q(4) q1 Q1 Q1 q1 q1 d2 q3 q1 d1 d1 d1 d1 B1 q q")
def exponentials(
    matrices, sizes, kind, start, column, program, used, lengths, steps, edges, cells, lanes,
    power, sink, status, first, last,
):  # fmt: skip
    """Exponentials of all keys of groups `first` to `last`, eqs. (2) to (5).

    They lie case by case, in columns of `pitch` rows; or, if it is 0, with cases side by side, all on one tape.
    Keys that are doublings of another one are met on the way from it. Beside the exponentials stands the
    eliminated share of every column that conserves mass, -1 for the others.
    """
    cases, parts, keys, pitch = sizes
    n, n1 = U(kind.size), U(kind.size + 1)
    size = n1 * n1 * L
    rates, last_row = U(6) * size, n * n1 * L
    none = splat(0.0, LANES)
    for g in range(first, last):
        base = edges[g]
        live = U(edges[g + 1] - base)
        most = 0
        for z in range(live):
            most = max(most, used[program[base + z]])
            lanes[_LOADED + z] = -1.0
        for k in range(most):
            stages = -1.0
            for z in range(live):
                p = program[base + z]
                lanes[_SQUARED + z] = steps[SQUARED, p, k] if k < used[p] else -1
                stages = max(stages, lanes[_SQUARED + z])
            if stages < 0.0:
                continue
            for z in range(live):
                case = base + np.int64(z)
                p = program[case]
                known = max(min(k, used[p] - 1), 0)
                h = lengths[p, known] if lanes[_SQUARED + z] >= 0.0 else 0.0
                if lanes[_LOADED + z] != steps[SEGMENT_OF, p, known]:
                    lanes[_LOADED + z] = steps[SEGMENT_OF, p, known]
                    m = (U(case) % cases * parts + U(steps[SEGMENT_OF, p, known])) * n * n
                    shift, norm, closed = _shifted(matrices, m, kind, cells, rates + z, n1 * L, L)
                    lanes[_SHIFT + z] = shift
                    lanes[_NORM + z] = norm
                    lanes[_OWN + z] = 1.0 if closed else 0.0
                    lanes[_OTHER + z] = 0.0 if closed else 1.0
                reach = h * lanes[_NORM + z]
                if not math.isfinite(reach):
                    h, reach = 0.0, 0.0
                    if status[case] == OK:
                        status[case] = NONFINITE_RESULT
                halvings = 0.0
                while reach > _THETA:
                    reach *= 0.5
                    h *= 0.5
                    halvings += 1.0
                stages = max(stages, halvings + lanes[_SQUARED + z])
                lanes[_HALVINGS + z] = halvings
                lanes[_STEP + z] = h
                lanes[_FACTOR + z] = math.exp(-lanes[_SHIFT + z] * h)
                lanes[_TOP + z] = 1.0 if lanes[_OWN + z] > 0.0 else lanes[_FACTOR + z]
            for i in range(n1):
                for c in range(start[i], start[i + ONE]):
                    at = (i * n1 + column[c]) * L
                    value = load(cells, rates + at, none)
                    store(cells, size + at, fma(value, load(lanes, _STEP, none), none))
            for stage in range(6 + np.int64(stages)):
                kept = min(stage, 6)
                left, right, target = _LEFT[kept] * size, _RIGHT[kept] * size, _RESULT[kept] * size
                for i in range(n1):
                    row, begin, end = i * n1 * L, start[i], start[i + ONE]
                    for c in range(begin, end, TWO):  # two columns, the last perhaps an old one
                        pair = c - ONE if c + ONE == end and c > begin else c
                        one, two = column[pair] * L, column[min(pair + ONE, end - ONE)] * L
                        a, b = none, none
                        for d in range(begin, end):
                            m = column[d] * L
                            each = load(cells, left + row + m, none)
                            a = fma(load(cells, right + m * n1 + one, none), each, a)
                            b = fma(load(cells, right + m * n1 + two, none), each, b)
                        store(cells, target + row + one, a)
                        store(cells, target + row + two, b)
                if 2 <= stage <= 5:
                    order = 20 - 4 * stage
                    lead = 1.0 / _FACTORIAL[16] if stage == 2 else 1.0
                    c0, c1 = 1.0 / _FACTORIAL[order], 1.0 / _FACTORIAL[order + 1]
                    c2, c3 = 1.0 / _FACTORIAL[order + 2], 1.0 / _FACTORIAL[order + 3]
                    for i in range(n1):
                        for c in range(start[i], start[i + ONE]):
                            at = (i * n1 + column[c]) * L
                            total = splat(c0 if i == column[c] else 0.0, LANES)
                            total = fma(load(cells, target + at, none), lead, total)
                            total = fma(load(cells, U(3) * size + at, none), c3, total)
                            total = fma(load(cells, U(2) * size + at, none), c2, total)
                            store(cells, at, fma(load(cells, size + at, none), c1, total))
                    target = ZERO
                if stage >= 5:
                    for j in range(n):
                        share = load(lanes, _FACTOR, none)
                        if kind[j] == MASS:
                            total = load(cells, target + last_row + j * L, none)
                            for i in range(n):
                                if kind[i] == MASS:
                                    at = target + (i * n1 + j) * L
                                    total = fma(load(cells, at, none), 1.0, total)
                            other = load(lanes, _OTHER, none)
                            total = fma(total, load(lanes, _OWN, none), other)
                            share = ratio(load(lanes, _TOP, none), total)
                        store(lanes, _SHARE + j * L, share)
                    for i in range(n1):
                        for c in range(start[i], start[i + ONE]):
                            j = column[c]
                            at = (i * n1 + j) * L
                            if i == j and (i == n or kind[i] >= RATE):
                                value = splat(1.0, LANES)
                            else:
                                share = load(lanes, _SHARE + j * L, none)
                                value = fma(load(cells, target + at, none), share, none)
                            store(cells, at, value)
                    store(lanes, _FACTOR, splat(1.0, LANES))
                    store(lanes, _TOP, splat(1.0, LANES))
                    p = program[base]
                    for each in range(k, k if pitch > ZERO else used[p]):
                        if steps[ORIGIN, p, each] == k:
                            met = np.float64(stage - 5 - steps[DOUBLINGS, p, each])
                            e = (U(g - first) * keys + U(each)) * n
                            _put(met, kind, start, column, cells, lanes, e, power, sink)
                    for z in range(live if pitch > ZERO else ZERO):
                        times = stage - 5 - lanes[_HALVINGS + z]
                        if times < 0.0 or times > lanes[_SQUARED + z]:
                            continue
                        p = program[base + z]
                        for each in range(k, used[p]):
                            if steps[ORIGIN, p, each] != k or steps[DOUBLINGS, p, each] != times:
                                continue
                            e = ((U(g - first) * L + z) * keys + U(each)) * n
                            for j in range(n):
                                closed = kind[j] == MASS and lanes[_OWN + z] > 0.0
                                sink[e + j] = cells[last_row + j * L + z] if closed else -1.0
                                for i in range(n):
                                    power[(e + j) * pitch + i] = cells[(i * n1 + j) * L + z]


@kernel("d1 Q(5) q1 Q1 Q1 q1 q1 d2 q3 q1 d1 d1 d1 B1 q q")
def exponentials_alone(
    matrices, sizes, kind, heavy, single, program, used, lengths, steps, edges, cells, power,
    sink, status, first, last,
):  # fmt: skip
    """As `exponentials`, for many states: case by case, with rows side by side, in columns of `pitch` rows.

    A column is single if an exponential can have its diagonal there and nothing else, like that of an integral.
    """
    cases, parts, keys, padded, pitch = sizes
    n = U(kind.size)
    n1 = n + ONE
    size = n1 * pitch
    many, rates, buffer, mass = U(heavy.size), U(6) * size, U(7) * size, U(7) * size + EIGHT
    none = splat(0.0, 8)
    for j in range(n):
        cells[mass + j] = 1.0 if kind[j] == MASS else 0.0
    cells[mass + n] = 1.0
    for case in range(edges[first], edges[last]):
        p = program[case]
        loaded = np.int64(-1)
        shift, norm, closed = 0.0, 0.0, True
        for k in range(used[p]):
            if steps[SQUARED, p, k] < 0:
                continue
            h = lengths[p, k]
            if loaded != steps[SEGMENT_OF, p, k]:
                loaded = steps[SEGMENT_OF, p, k]
                m = (U(case) % cases * parts + U(loaded)) * n * n
                shift, norm, closed = _shifted(matrices, m, kind, cells, rates, ONE, pitch)
            reach = h * norm
            if not math.isfinite(reach):
                h, reach = 0.0, 0.0
                if status[case] == OK:
                    status[case] = NONFINITE_RESULT
            halvings = 0
            while reach > _THETA:
                reach *= 0.5
                h *= 0.5
                halvings += 1
            factor = math.exp(-shift * h)
            top = 1.0 if closed else factor
            for cell in range(ZERO, size, EIGHT):
                store(cells, size + cell, fma(load(cells, rates + cell, none), h, none))
            for stage in range(6 + halvings + steps[SQUARED, p, k]):
                kept = min(stage, 6)
                left, right, target = _LEFT[kept] * size, _RIGHT[kept] * size, _RESULT[kept] * size
                for c in range(ZERO, many, FOUR):  # four columns, eight rows at a time
                    final = many - ONE
                    j0, j1 = heavy[c] * pitch, heavy[min(c + ONE, final)] * pitch
                    j2, j3 = (
                        heavy[min(c + TWO, final)] * pitch,
                        heavy[min(c + U(3), final)] * pitch,
                    )
                    for low in range(ZERO, pitch, EIGHT):
                        y0, y1, y2, y3 = none, none, none, none
                        for d in heavy:
                            each, row = load(cells, left + d * pitch + low, none), right + d
                            y0 = fma(each, cells[row + j0], y0)
                            y1 = fma(each, cells[row + j1], y1)
                            y2 = fma(each, cells[row + j2], y2)
                            y3 = fma(each, cells[row + j3], y3)
                        store(cells, target + low + j0, y0)
                        store(cells, target + low + j1, y1)
                        store(cells, target + low + j2, y2)
                        store(cells, target + low + j3, y3)
                for d in single:
                    own = cells[left + d * pitch + d]
                    for j in heavy:
                        at = j * pitch + d
                        cells[target + at] = fma(own, cells[right + at], cells[target + at])
                    cells[target + d * pitch + d] = own * cells[right + d * pitch + d]
                if 2 <= stage <= 5:
                    order = 20 - 4 * stage
                    lead = 1.0 / _FACTORIAL[16] if stage == 2 else 1.0
                    c0, c1 = 1.0 / _FACTORIAL[order], 1.0 / _FACTORIAL[order + 1]
                    c2, c3 = 1.0 / _FACTORIAL[order + 2], 1.0 / _FACTORIAL[order + 3]
                    for cell in range(ZERO, size, EIGHT):
                        total = fma(load(cells, target + cell, none), lead, none)
                        total = fma(load(cells, U(3) * size + cell, none), c3, total)
                        total = fma(load(cells, U(2) * size + cell, none), c2, total)
                        store(cells, cell, fma(load(cells, size + cell, none), c1, total))
                    for j in range(n1):
                        cells[j * pitch + j] += c0
                    target = ZERO
                if stage >= 5:
                    for j in range(n1):
                        share = factor
                        if j < n and kind[j] == MASS and closed:
                            sums = none
                            for i in range(ZERO, pitch, EIGHT):
                                column = load(cells, target + j * pitch + i, none)
                                sums = fma(column, load(cells, mass + i, none), sums)
                            store(cells, buffer, sums)
                            total = 0.0
                            for i in range(EIGHT):
                                total += cells[buffer + i]
                            share = top / total
                        for i in range(j * pitch, (j + ONE) * pitch, EIGHT):
                            store(cells, i, fma(load(cells, target + i, none), share, none))
                        if j == n or kind[j] >= RATE:
                            cells[j * pitch + j] = 1.0
                    factor, top = 1.0, 1.0
                for each in range(k, used[p] if stage >= 5 + halvings else 0):
                    if (
                        steps[ORIGIN, p, each] != k
                        or steps[DOUBLINGS, p, each] != stage - 5 - halvings
                    ):
                        continue
                    e = U(case - edges[first]) * keys + U(each)
                    for j in range(n):
                        of_mass = closed and kind[j] == MASS
                        sink[e * n + j] = cells[j * pitch + n] if of_mass else -1.0
                        for i in range(n):
                            power[(e * n + j) * padded + i] = cells[j * pitch + i]
