r"""Exact solution of linear compartment models, many cases at a time.

Between two events the amounts follow

.. math:: \dot x = M x \qquad\qquad x(t + h) = e^{h M} x(t) \qquad (1)

where ``M[i, j]`` [1/h] is the flow from state ``j`` into state ``i``. Infusions and time integrals
are states as well, so that nothing but a matrix exponential is ever needed:

======== ======================= ================================ ================================
kind     meaning                 row of ``M``                     column of ``M``
======== ======================= ================================ ================================
GENERAL  any linear state        any                              any
MASS     a compartment           flows in, minus the outflow      sums to minus the elimination
RATE     an inflow [mg/h]        zero: it changes by jumps only   1 where it flows in
INTEGRAL integral over time      1 where it collects              zero: it drains nothing
======== ======================= ================================ ================================

The kernel interprets *tapes*: items sorted by time that change the state, read it out, or change the
matrix. It knows no pharmacology. Each case (a subject, a point of a sweep) has its own matrices and
follows one tape; cases that share a tape are fastest next to each other.

=======  ===================================================================================
item     effect at its time
=======  ===================================================================================
ADD      ``x[index] += value * scale``
SET      ``x[index] = value * scale``
OUTPUT   write all rows into column ``index`` of the output
SEGMENT  follow matrix number ``index`` of the case from now on
RESET    ``x = 0``, inflows and integrals included
STEADY   ``x <- sum over k >= 0 of exp(value * M)^k x`` for MASS and GENERAL states, eq. (6)
=======  ===================================================================================

``scale`` is ``scales[case, scale]``, or 1 where the index is negative (a bioavailability, say). The
first item sets the initial time; the state starts at zero.

Method
------
With :math:`\mu = \max_i(-M_{ii})` the shifted matrix has no negative entry in a compartment model, so
that its Taylor sum cannot cancel [1]_:

.. math::

    B = t (M + \mu I), \quad t = h / 2^s, \quad \|B\|_1 \le \theta \qquad (2)

    e^{tM} = e^{-\mu t} \sum_{k=0}^{16} B^k / k! \qquad (3)

    e^{2tM} = (e^{tM})^2, \quad s \text{ times} \qquad (4)

The sum takes six products (Paterson and Stockmeyer). Each squaring doubles the relative error in
total mass, which would cost six digits at :math:`h\|M\| = 10^6`. A sink that receives the elimination
closes the system, and after the sum and after every squaring each column is divided by its total,

.. math:: E_{ij} \leftarrow E_{ij} / \textstyle\sum_i E_{ij} \quad (i \in \text{MASS and sink}) \qquad (5)

A case whose MASS block has a negative flow, or a column with a positive sum, goes without (5).
For the steady state

.. math:: (I - E) x' = x, \qquad 1 - E_{kk} = \textstyle\sum_{i \ne k} E_{ik} \qquad (6)

is solved without a subtraction [2]_ where (5) holds for all states, else with pivoting. RATE and
INTEGRAL states keep their value.

Steps of equal length share one exponential. Lengths are equal within two units in the last place of
the largest time of the tape, and the difference is carried to the next step, so that it never adds up.

Cases are computed side by side in lanes, each from its own numbers in an order of operations that
depends on nothing else: results are the same bits whatever the neighbours, slices and threads.

References
----------
.. [1] J. Xue, Q. Ye, "Computing exponentials of essentially non-negative matrices entrywise to high
   relative accuracy", Math. Comp. 82 (2013) 1577-1596.
.. [2] W. K. Grassmann, M. I. Taksar, D. P. Heyman, "Regenerative analysis and steady state
   distributions for Markov chains", Oper. Res. 33 (1985) 1107-1116.
.. [3] A. H. Al-Mohy, N. J. Higham, "Computing the action of the matrix exponential, with an
   application to exponential integrators", SIAM J. Sci. Comput. 33 (2011) 488-511.
"""

import math
import warnings

import numba
import numpy as np
from numba import njit, types

GENERAL, MASS, RATE, INTEGRAL = range(4)
ADD, SET, OUTPUT, SEGMENT, RESET, STEADY = range(6)
OK, NONFINITE_INPUT, NONFINITE_RESULT, NO_STEADY_STATE, BAD_TAPE = range(5)

_EPS = 2.0**-52
_THETA = 0.8
_LANES = 32
_BUFFER = 16
_CACHE_BYTES = 1 << 21
_IDLE, _STEP, _SOLVE = range(3)
_FACTORIAL = np.array([math.factorial(k) for k in range(17)], np.float64)

# Six products for the Taylor sum, then squarings: result = left times right.
_LEFT = np.array([1, 2, 2, 0, 0, 0, 0])
_RIGHT = np.array([1, 1, 2, 4, 4, 4, 0])
_RESULT = np.array([2, 3, 4, 5, 5, 5, 5])

_inline = njit(nogil=True, error_model="numpy", inline="always")


@_inline
def _pattern(matrices, kind, start, column):
    """Rows and columns that exponentials can fill: the transitive closure of the flows."""
    n = kind.size
    full = np.zeros((n + 1, n + 1), np.bool_)
    for case in range(matrices.shape[0]):
        for segment in range(matrices.shape[1]):
            for i in range(n):
                for j in range(n):
                    full[i, j] |= matrices[case, segment, i, j] != 0.0
    for j in range(n):
        full[j, j] = True
        full[n, j] = kind[j] == MASS
    full[n, n] = True
    for k in range(n + 1):
        for i in range(n + 1):
            if full[i, k]:
                for j in range(n + 1):
                    full[i, j] |= full[k, j]
    size = 0
    for i in range(n + 1):
        for j in range(n + 1):
            if full[i, j]:
                column[size] = j
                size += 1
        start[i + 1] = size


@_inline
def _load(matrices, case, kind, lane, rates, shift, norm, closed):
    """Copy one case into its lane, with the sink, the shift, the norm; False if not finite."""
    n = kind.size
    finite = True
    for segment in range(matrices.shape[1]):
        base = segment * (n + 1) * (n + 1)
        lowest = 0.0
        closes = 1.0
        for j in range(n):
            total = 0.0
            for i in range(n):
                value = matrices[case, segment, i, j]
                finite &= math.isfinite(value)
                rates[base + i * (n + 1) + j, lane] = value
                if kind[i] == MASS:
                    total += value
                    if kind[j] == MASS and i != j and value < 0.0:
                        closes = 0.0
            diagonal = matrices[case, segment, j, j]
            lowest = min(lowest, diagonal)
            if kind[j] == MASS:
                slack = -4.0 * n * _EPS * diagonal
                if total > slack:
                    closes = 0.0
                rates[base + n * (n + 1) + j, lane] = -total if total < -slack else 0.0
        largest = -lowest
        for j in range(n):
            total = 0.0
            for i in range(n):
                if kind[i] <= MASS and kind[j] <= MASS:
                    value = matrices[case, segment, i, j]
                    total += abs(value - lowest) if i == j else abs(value)
            largest = max(largest, total)
        finite &= math.isfinite(largest)
        shift[segment, lane] = -lowest
        norm[segment, lane] = largest
        closed[segment, lane] = closes
    return finite


@_inline
def _product(cells, a, b, c, width, rows, start, column):
    """c = a b by lanes, terms added from left to right whatever the pattern (offsets in rows)."""
    lanes = cells.shape[1]
    n1 = start.size - 1
    for i in range(rows):
        first = start[i]
        last = start[i + 1]
        head = first + (last - first - 1) % 4 + 1
        ai = a + i * n1
        for m in range(first, last if width > 1 else first + 1):
            j = column[m] if width > 1 else 0
            ij = c + i * width + j
            bj = b + j
            a0 = ai + column[first]
            b0 = bj + column[first] * width
            if head == first + 1:
                for z in range(lanes):
                    cells[ij, z] = 0.0 + cells[a0, z] * cells[b0, z]
            elif head == first + 2:
                a1 = ai + column[first + 1]
                b1 = bj + column[first + 1] * width
                for z in range(lanes):
                    cells[ij, z] = 0.0 + cells[a0, z] * cells[b0, z] + cells[a1, z] * cells[b1, z]
            elif head == first + 3:
                a1 = ai + column[first + 1]
                b1 = bj + column[first + 1] * width
                a2 = ai + column[first + 2]
                b2 = bj + column[first + 2] * width
                for z in range(lanes):
                    cells[ij, z] = (
                        0.0
                        + cells[a0, z] * cells[b0, z]
                        + cells[a1, z] * cells[b1, z]
                        + cells[a2, z] * cells[b2, z]
                    )
            else:
                head = first
                for z in range(lanes):
                    cells[ij, z] = 0.0
            for k in range(head, last, 4):
                a0 = ai + column[k]
                b0 = bj + column[k] * width
                a1 = ai + column[k + 1]
                b1 = bj + column[k + 1] * width
                a2 = ai + column[k + 2]
                b2 = bj + column[k + 2] * width
                a3 = ai + column[k + 3]
                b3 = bj + column[k + 3] * width
                for z in range(lanes):
                    cells[ij, z] = (
                        cells[ij, z]
                        + cells[a0, z] * cells[b0, z]
                        + cells[a1, z] * cells[b1, z]
                        + cells[a2, z] * cells[b2, z]
                        + cells[a3, z] * cells[b3, z]
                    )


@_inline
def _taylor(cells, size, source, factor, order, start, column):
    """First matrix = factor * source + four terms B^k / k! from k = order: eq. (3)."""
    lanes = cells.shape[1]
    n1 = start.size - 1
    c0 = 1.0 / _FACTORIAL[order]
    c1 = 1.0 / _FACTORIAL[order + 1]
    c2 = 1.0 / _FACTORIAL[order + 2]
    c3 = 1.0 / _FACTORIAL[order + 3]
    for i in range(n1):
        for k in range(start[i], start[i + 1]):
            at = i * n1 + column[k]
            unit = c0 if i == column[k] else 0.0
            for z in range(lanes):
                cells[at, z] = (
                    factor * cells[source + at, z]
                    + c3 * cells[3 * size + at, z]
                    + c2 * cells[2 * size + at, z]
                    + c1 * cells[size + at, z]
                    + unit
                )


@_inline
def _renormalise(cells, source, kind, closes, factor, total, active):
    """First matrix = factor * source, its columns conserving mass, in active lanes: eq. (5)."""
    lanes = cells.shape[1]
    n = kind.size
    n1 = n + 1
    for j in range(n1):
        mass = j < n and kind[j] == MASS
        if mass:
            for z in range(lanes):
                total[z] = cells[source + n * n1 + j, z]
            for i in range(n):
                if kind[i] == MASS:
                    for z in range(lanes):
                        total[z] += cells[source + i * n1 + j, z]
            for z in range(lanes):
                total[z] = 1.0 / total[z] if closes[z] > 0.0 else factor[z]
        for i in range(n1):
            at = i * n1 + j
            if i == j and (i == n or kind[i] >= RATE):
                for z in range(lanes):
                    cells[at, z] = 1.0
            else:
                t = 1 if mass and (i == n or kind[i] == MASS) else 0
                for z in range(lanes):
                    share = total[z] if t == 1 else factor[z]
                    value = cells[source + at, z] * share
                    cells[at, z] = value if active[z] > 0.0 else cells[at, z]


@_inline
def _exponential(rates, shift, norm, closed, kind, segment, step, start, column, cells, vectors):
    """First matrix of cells = exp(step * matrix) by lanes, eqs. (2) to (5)."""
    lanes = cells.shape[1]
    n1 = start.size - 1
    size = n1 * n1
    length, halvings, total = vectors[0], vectors[1], vectors[2]
    closes, factor = vectors[3], vectors[4]
    most = 0.0
    for z in range(lanes):
        s = segment[z]
        length[z] = step[z]
        halvings[z] = 1.0
        reach = step[z] * norm[s, z]
        while reach > _THETA:
            reach *= 0.5
            length[z] *= 0.5
            halvings[z] += 1.0
        most = max(most, halvings[z])
        closes[z] = closed[s, z]
        factor[z] = math.exp(-shift[s, z] * length[z])
        for i in range(n1):
            for k in range(start[i], start[i + 1]):
                at = i * n1 + column[k]
                value = rates[s * size + at, z]
                if i == column[k]:
                    value += shift[s, z]
                cells[size + at, z] = value * length[z]
    for stage in range(5 + int(most)):
        a = _LEFT[min(stage, 6)] * size
        b = _RIGHT[min(stage, 6)] * size
        c = _RESULT[min(stage, 6)] * size
        _product(cells, a, b, c, n1, n1, start, column)
        if 2 <= stage and stage <= 5:
            first = 1.0 / _FACTORIAL[16] if stage == 2 else 1.0
            _taylor(cells, size, c, first, 20 - 4 * stage, start, column)
            c = 0
        if stage >= 5:
            _renormalise(cells, c, kind, closes, factor, total, halvings)
            for z in range(lanes):
                halvings[z] -= 1.0
                factor[z] = 1.0


@_inline
def _steady(cells, slot, lane, kind, x, closed, scratch):
    """Steady state of a lane, eq. (6); False if there is none."""
    n = kind.size
    n1 = n + 1
    size = 0
    largest = 0.0
    simple = closed > 0.0
    for i in range(n):
        simple &= kind[i] != GENERAL
    for i in range(n1):
        if i < n and kind[i] > MASS:
            continue
        m = 0
        for j in range(n):
            if kind[j] <= MASS:
                value = cells[slot + i * n1 + j, lane]
                if not simple:
                    value = (1.0 if i == j else 0.0) - value
                    largest = max(largest, abs(value))
                scratch[size, m] = value
                m += 1
        if i < n:
            scratch[size, n] = cells[x + i, lane]
            size += 1
    solved = True
    if simple:
        for k in range(size - 1, -1, -1):
            total = scratch[size, k]
            for i in range(k):
                total += scratch[i, k]
            scratch[k, k] = total
            for i in range(size + 1):
                if (i < k or i == size) and scratch[i, k] != 0.0:
                    share = scratch[i, k] / total
                    for j in range(k):
                        scratch[i, j] += share * scratch[k, j]
                    scratch[i, n] += share * scratch[k, n]
        for k in range(size):
            value = scratch[k, n]
            for j in range(k):
                value += scratch[k, j] * scratch[j, n]
            if value != 0.0:
                solved &= scratch[k, k] > 0.0
                value /= scratch[k, k]
            scratch[k, n] = value
    else:
        for k in range(size):
            best = k
            for i in range(k + 1, size):
                if abs(scratch[i, k]) > abs(scratch[best, k]):
                    best = i
            solved &= abs(scratch[best, k]) > 4.0 * n * _EPS * largest
            for j in range(n + 1):
                value = scratch[k, j]
                scratch[k, j] = scratch[best, j]
                scratch[best, j] = value
            for i in range(k + 1, size):
                share = scratch[i, k] / scratch[k, k]
                for j in range(k + 1, n + 1):
                    scratch[i, j] -= share * scratch[k, j]
        for k in range(size - 1, -1, -1):
            value = scratch[k, n]
            for j in range(k + 1, size):
                value -= scratch[k, j] * scratch[j, n]
            scratch[k, n] = value / scratch[k, k]
    m = 0
    for i in range(n):
        if kind[i] <= MASS:
            cells[x + i, lane] = scratch[m, n]
            m += 1
    return solved


@_inline
def _flush(buffer, columns, filled, rows, out, case, live):
    """Empty the buffer of read-outs: runs of consecutive columns go out as rows."""
    whole = filled == _BUFFER
    for s in range(1, filled):
        whole &= columns[s] == columns[0] + s
    for z in range(live):
        for r in range(rows):
            if whole:
                first = columns[0]
                for s in range(_BUFFER):
                    out[case + z, r, first + s] = buffer[r * _BUFFER + s, z]
            else:
                for s in range(filled):
                    out[case + z, r, columns[s]] = buffer[r * _BUFFER + s, z]


def _solve(
    matrices,
    kind,
    tape_start,
    tape_time,
    tape_op,
    tape_index,
    tape_value,
    tape_scale,
    scales,
    program,
    row_start,
    row_state,
    row_weight,
    out,
    status,
):
    """Follow the tapes and fill ``out`` and ``status``; see `solve`."""
    cases, rows, columns = out.shape
    segments = matrices.shape[1]
    n = kind.size
    n1 = n + 1
    size = n1 * n1
    lanes = max(1, min(_LANES if n <= 16 else _LANES // 2, cases))
    slots = max(2, min(16, _CACHE_BYTES // (size * _LANES * 8)))
    start = np.zeros(n1 + 1, np.int64)
    column = np.zeros(size, np.int64)
    _pattern(matrices, kind, start, column)

    cells = np.zeros(((6 + slots) * size + 2 * n, lanes))
    rates = np.zeros((segments * size, lanes))
    shift = np.zeros((segments, lanes))
    norm = np.zeros((segments, lanes))
    closed = np.zeros((segments, lanes))
    scale = np.ones((scales.shape[1] + 1, lanes))
    weight = np.zeros((row_state.size, lanes))
    buffer = np.zeros((rows * _BUFFER, lanes))
    vectors = np.zeros((5, lanes))
    check = np.zeros(lanes)
    state = np.zeros(lanes, np.int64)
    segment = np.zeros(lanes, np.int64)
    step = np.zeros(lanes)
    scratch = np.zeros((n1, n1))
    buffered = np.zeros(_BUFFER, np.int64)
    group_int = np.zeros((6, lanes), np.int64)
    group_float = np.zeros((4, lanes))
    position, stop, mode = group_int[0], group_int[1], group_int[2]
    slot, missing, replace = group_int[3], group_int[4], group_int[5]
    now, near, carry, length = group_float[0], group_float[1], group_float[2], group_float[3]
    slot_step = np.zeros((slots, lanes))
    slot_segment = np.zeros((slots, lanes), np.int64)

    for base in range(0, cases, lanes):
        live = min(lanes, cases - base)
        shared = True
        for z in range(lanes):
            case = base + (z if z < live else 0)
            shared &= program[case] == program[base]
            m = case if matrices.shape[0] > 1 else 0
            finite = _load(matrices, m, kind, z, rates, shift, norm, closed)
            for k in range(scales.shape[1]):
                scale[k, z] = scales[case, k]
                finite &= math.isfinite(scale[k, z])
            m = case if row_weight.shape[0] > 1 else 0
            for k in range(row_state.size):
                weight[k, z] = row_weight[m, k]
                finite &= math.isfinite(weight[k, z])
            state[z] = OK
            if not finite:
                state[z] = NONFINITE_INPUT
                rates[:, z] = 0.0
                shift[:, z] = 0.0
                norm[:, z] = 0.0
            check[z] = 0.0
            segment[z] = 0
        groups = 1 if shared else lanes
        width = lanes if shared else 1
        for g in range(groups):
            p = program[base + (g if g < live else 0)]
            position[g] = tape_start[p]
            stop[g] = tape_start[p + 1] if g < live else tape_start[p]
            carry[g] = 0.0
            slot[g] = 0
            replace[g] = 0
            if position[g] < stop[g]:
                now[g] = tape_time[position[g]]
                near[g] = 2.0 * _EPS * max(abs(now[g]), abs(tape_time[stop[g] - 1]))
        slot_step[:] = -1.0
        cells[:] = 0.0
        x = (6 + slots) * size
        y = x + n
        filled = 0

        while True:
            busy = False
            absent = False
            same = True
            lead = 0
            stepping = False
            for g in range(groups):
                high = g + width
                mode[g] = _IDLE
                missing[g] = 0
                fault = False
                while position[g] < stop[g] and not fault:
                    item = position[g]
                    if tape_time[item] != now[g]:
                        h = tape_time[item] - now[g] + carry[g]
                        now[g] = tape_time[item]
                        if not (h >= -near[g] and math.isfinite(h + near[g])):
                            fault = True
                            continue
                        carry[g] = h
                        if h > near[g]:
                            length[g] = h
                            mode[g] = _STEP
                            break
                    position[g] += 1
                    op = tape_op[item]
                    index = tape_index[item]
                    value = tape_value[item]
                    if op == OUTPUT and index >= 0 and index < columns:
                        for r in range(rows):
                            at = r * _BUFFER + filled
                            for z in range(g, high):
                                buffer[at, z] = 0.0
                            for k in range(row_start[r], row_start[r + 1]):
                                source = x + row_state[k]
                                for z in range(g, high):
                                    value = weight[k, z] * cells[source, z]
                                    buffer[at, z] += value
                                    check[z] += 0.0 * value
                            if not shared:
                                out[base + g, r, index] = buffer[at, g]
                        if shared:
                            buffered[filled] = index
                            filled += 1
                            if filled == _BUFFER:
                                _flush(buffer, buffered, filled, rows, out, base, live)
                                filled = 0
                    elif (op == ADD or op == SET) and index >= 0 and index < n:
                        s = tape_scale[item]
                        if s < 0 or s >= scales.shape[1]:
                            s = scales.shape[1]
                        keep = 1.0 if op == ADD else 0.0
                        for z in range(g, high):
                            cells[x + index, z] = keep * cells[x + index, z] + value * scale[s, z]
                    elif op == STEADY and value > 0.0 and math.isfinite(value):
                        length[g] = value
                        mode[g] = _SOLVE
                        break
                    elif op == SEGMENT and index >= 0 and index < segments:
                        for z in range(g, high):
                            segment[z] = index
                    elif op == RESET:
                        for i in range(n):
                            for z in range(g, high):
                                cells[x + i, z] = 0.0
                    else:
                        fault = True
                if fault:
                    position[g] = stop[g]
                    for z in range(g, high):
                        state[z] = max(state[z], BAD_TAPE)
                if mode[g] == _IDLE:
                    continue
                k = slot[g]
                tries = 0
                while tries <= slots and not (
                    abs(slot_step[k, g] - length[g]) <= near[g] and slot_segment[k, g] == segment[g]
                ):
                    k = tries
                    tries += 1
                    if tries > slots:
                        k = replace[g]
                        replace[g] = (k + 1) % slots
                        slot_step[k, g] = length[g]
                        slot_segment[k, g] = segment[g]
                        missing[g] = 1
                        absent = True
                slot[g] = k
                if mode[g] == _STEP:
                    carry[g] = length[g] - slot_step[k, g]
                    lead = lead if stepping else k
                    stepping = True
                    same &= k == lead
                else:
                    same = False
                busy = True
            if not busy:
                break

            if absent:
                for z in range(lanes):
                    g = 0 if shared else z
                    step[z] = length[g] if missing[g] == 1 else 0.0
                    if not math.isfinite(step[z] * norm[segment[z], z]):
                        step[z] = 0.0
                        state[z] = max(state[z], NONFINITE_RESULT)
                _exponential(
                    rates, shift, norm, closed, kind, segment, step, start, column, cells, vectors
                )
                for z in range(lanes):
                    g = 0 if shared else z
                    if missing[g] == 1:
                        for at in range(size):
                            cells[(6 + slot[g]) * size + at, z] = cells[at, z]
            if stepping:
                if same:
                    _product(cells, (6 + lead) * size, x, y, 1, n, start, column)
                else:
                    for z in range(lanes):
                        for i in range(n):
                            value = cells[x + i, z]
                            if mode[z] == _STEP:
                                value = 0.0
                                at = (6 + slot[z]) * size + i * n1
                                for k in range(start[i], start[i + 1]):
                                    value += cells[at + column[k], z] * cells[x + column[k], z]
                            cells[y + i, z] = value
                x, y = y, x
            if not same:
                for z in range(lanes):
                    g = 0 if shared else z
                    if mode[g] == _SOLVE:
                        at = (6 + slot[g]) * size
                        if not _steady(cells, at, z, kind, x, closed[segment[z], z], scratch):
                            state[z] = max(state[z], NO_STEADY_STATE)

        if filled > 0:
            _flush(buffer, buffered, filled, rows, out, base, live)
        for z in range(live):
            if state[z] == OK and check[z] != 0.0:
                state[z] = NONFINITE_RESULT
            if state[z] != OK:
                out[base + z] = np.nan
            status[base + z] = state[z]


def _read_only(dtype, ndim):
    return types.Array(dtype, ndim, "C", readonly=True)


_FLOATS = [_read_only(types.float64, ndim) for ndim in range(5)]
_INDICES = _read_only(types.int64, 1)
_SIGNATURE = types.void(
    _FLOATS[4],
    _INDICES,
    _INDICES,
    _FLOATS[1],
    _INDICES,
    _INDICES,
    _FLOATS[1],
    _INDICES,
    _FLOATS[2],
    _INDICES,
    _INDICES,
    _INDICES,
    _FLOATS[2],
    types.Array(types.float64, 3, "C"),
    types.Array(types.uint8, 1, "C"),
)


solve = njit(_SIGNATURE, cache=True, nogil=True, error_model="numpy")(_solve)
