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

``scale`` is ``scales[case, scale]`` (a bioavailability, say), or 1 where the index is negative. The
first item sets the initial time; the state starts at zero. Items at one time act in their order.

Method
------
With :math:`\mu = \max_i(-M_{ii})` the shifted matrix has no negative entry in a compartment model, so
that its Taylor sum cannot cancel [1]_:

.. math::

    B = t (M + \mu I), \quad t = h / 2^s, \quad \|B\|_1 \le \theta \qquad (2)

    e^{tM} = e^{-\mu t} \sum_{k=0}^{16} B^k / k! \qquad (3)

    e^{2tM} = (e^{tM})^2, \quad s \text{ times} \qquad (4)

The sum takes six products (Paterson and Stockmeyer), and halving as in [2]_ bounds its remainder.
Each squaring doubles the relative error in total mass, which would cost six digits at
:math:`h\|M\| = 10^6`. A sink that receives the elimination closes the system, and after the sum and
after every squaring each column is divided by its total,

.. math:: E_{ij} \leftarrow E_{ij} / \textstyle\sum_i E_{ij} \quad (i \in \text{MASS and sink}) \qquad (5)

A case whose MASS block has a negative flow, or a column with a positive sum, goes without (5).
The steady state is a sum of positive terms as well, doubled until it stops growing:

.. math:: \sum_{k \ge 0} E^k x = (1 + E)(1 + E^2)(1 + E^4) \cdots x \qquad (6)

RATE and INTEGRAL states keep their value in it. A sum that grows for ever (nothing is eliminated)
ends in the status NO_STEADY_STATE.

Steps of equal length share one exponential. Lengths are equal within two units in the last place of
the largest time of the tape, and the difference is carried to the next step, so that it never adds up.

Cases are computed side by side in lanes, each from its own numbers in an order of operations that
depends on nothing else: results are the same bits whatever the neighbours, slices and threads.

References
----------
.. [1] J. Xue, Q. Ye, "Computing exponentials of essentially non-negative matrices entrywise to high
   relative accuracy", Math. Comp. 82 (2013) 1577-1596.
.. [2] A. H. Al-Mohy, N. J. Higham, "Computing the action of the matrix exponential, with an
   application to exponential integrators", SIAM J. Sci. Comput. 33 (2011) 488-511.
"""

import math
import warnings

import numpy as np
from numba import njit, types

GENERAL, MASS, RATE, INTEGRAL = range(4)
ADD, SET, OUTPUT, SEGMENT, RESET, STEADY = range(6)
OK, NONFINITE_INPUT, NONFINITE_RESULT, NO_STEADY_STATE, BAD_TAPE = range(5)

_EPS = 2.0**-52
_THETA = 0.8
_RING = 16
_CACHE_BYTES = 1 << 21
_IDLE, _PAUSE, _STEP, _SOLVE = range(4)
_DOUBLINGS = 64
_FACTORIAL = np.array([math.factorial(k) for k in range(17)], np.float64)

# Six products for the Taylor sum, then squarings: result = left times right.
_LEFT = np.array([1, 2, 2, 0, 0, 0, 0])
_RIGHT = np.array([1, 1, 2, 4, 4, 4, 0])
_RESULT = np.array([2, 3, 4, 5, 5, 5, 5])

_helper = njit(nogil=True, error_model="numpy")


@_helper
def _product(cells, a, b, c, width, rows, start, column):
    """Product c = a b by lanes, terms added from left to right whatever the pattern (offsets in rows)."""
    lanes = cells.shape[1]
    n1 = start.size - 1
    for i in range(rows):
        first = start[i]
        last = start[i + 1]
        head = first + (last - first - 1) % 3 + 1
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
            else:
                a1 = ai + column[first + 1]
                b1 = bj + column[first + 1] * width
                if head == first + 2:
                    for z in range(lanes):
                        cells[ij, z] = (
                            0.0 + cells[a0, z] * cells[b0, z] + cells[a1, z] * cells[b1, z]
                        )
                else:
                    a2 = ai + column[first + 2]
                    b2 = bj + column[first + 2] * width
                    for z in range(lanes):
                        cells[ij, z] = (
                            0.0
                            + cells[a0, z] * cells[b0, z]
                            + cells[a1, z] * cells[b1, z]
                            + cells[a2, z] * cells[b2, z]
                        )
            for k in range(head, last, 3):
                a0 = ai + column[k]
                b0 = bj + column[k] * width
                a1 = ai + column[k + 1]
                b1 = bj + column[k + 1] * width
                a2 = ai + column[k + 2]
                b2 = bj + column[k + 2] * width
                for z in range(lanes):
                    cells[ij, z] = (
                        cells[ij, z]
                        + cells[a0, z] * cells[b0, z]
                        + cells[a1, z] * cells[b1, z]
                        + cells[a2, z] * cells[b2, z]
                    )


@_helper
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


@_helper
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


@_helper
def _exponential(rates, block, traits, segment, step, kind, start, column, cells, vectors):
    """First matrix of cells = exp(step * matrix) by lanes, eqs. (2) to (5)."""
    lanes = cells.shape[1]
    n1 = start.size - 1
    size = n1 * n1
    length, halvings, total = vectors[0], vectors[1], vectors[2]
    closes, factor = vectors[3], vectors[4]
    most = 0.0
    for z in range(lanes):
        s = segment[z]
        shift = traits[block, 3 * s, z]
        reach = step[z] * traits[block, 3 * s + 1, z]
        closes[z] = traits[block, 3 * s + 2, z]
        length[z] = step[z]
        halvings[z] = 1.0
        while reach > _THETA:
            reach *= 0.5
            length[z] *= 0.5
            halvings[z] += 1.0
        most = max(most, halvings[z])
        factor[z] = math.exp(-shift * length[z])
        for i in range(n1):
            for k in range(start[i], start[i + 1]):
                at = i * n1 + column[k]
                value = rates[block, s * size + at, z]
                if i == column[k]:
                    value += shift
                cells[size + at, z] = value * length[z]
    for stage in range(5 + int(most)):
        kept = min(stage, 6)
        target = _RESULT[kept] * size
        _product(
            cells, _LEFT[kept] * size, _RIGHT[kept] * size, target, n1, n1, start, column
        )  # fmt: skip
        if stage >= 2 and stage <= 5:
            first = 1.0 / _FACTORIAL[16] if stage == 2 else 1.0
            _taylor(cells, size, target, first, 20 - 4 * stage, start, column)
            target = np.int64(0)
        if stage >= 5:
            _renormalise(cells, target, kind, closes, factor, total, halvings)
            for z in range(lanes):
                halvings[z] -= 1.0
                factor[z] = 1.0


@_helper
def _steady(cells, x, y, kind, closes, factor, total, active, start, column):
    """Sum x over all earlier intervals, eq. (6), in active lanes; -1 marks those that are ready."""
    lanes = cells.shape[1]
    n1 = start.size - 1
    n = n1 - 1
    size = n1 * n1
    one, zero = np.int64(1), np.int64(0)
    for z in range(lanes):
        factor[z] = 1.0
    for i in range(n):
        for k in range(start[i], start[i + 1]):
            if kind[i] > MASS or kind[column[k]] > MASS:
                for z in range(lanes):
                    cells[i * n1 + column[k], z] = 0.0
    for _ in range(_DOUBLINGS):
        _product(cells, zero, x, y, one, n, start, column)
        busy = False
        for z in range(lanes):
            if active[z] > 0.0:
                grows = False
                for i in range(n):
                    if kind[i] <= MASS:
                        value = cells[x + i, z]
                        cells[x + i, z] = value + cells[y + i, z]
                        grows |= cells[x + i, z] != value
                active[z] = 1.0 if grows else -1.0
                busy |= grows
        if not busy:
            break
        _product(cells, zero, zero, 5 * size, n1, n1, start, column)
        _renormalise(cells, 5 * size, kind, closes, factor, total, active)


@_helper
def _flush(
    cells, ring, n, filled, columns, weights, block, term, row_start, row_state, out, case, state
):
    """Write the states kept in the ring to their columns of the output."""
    whole = filled == _RING
    for s in range(1, filled):
        whole &= columns[s] == columns[0] + s
    first = columns[0]
    lanes = min(cells.shape[1], out.shape[0] - case)
    for r in range(out.shape[1]):
        for k in range(row_start[r], row_start[r + 1]):
            at = ring + row_state[k]
            if whole and k == row_start[r]:
                for z in range(lanes):
                    weight = weights[block, term + k, z]
                    for s in range(_RING):
                        out[case + z, r, first + s] = weight * cells[at + s * n, z]
            else:
                for z in range(lanes):
                    weight = weights[block, term + k, z]
                    for s in range(filled):
                        value = weight * cells[at + s * n, z]
                        if k > row_start[r]:
                            value += out[case + z, r, columns[s]]
                        out[case + z, r, columns[s]] = value
        for z in range(lanes):
            # what is not finite stays so until a jump, and jumps empty the ring
            if not math.isfinite(out[case + z, r, columns[filled - 1]]) and state[z] == OK:
                state[z] = NONFINITE_RESULT


def _follow(
    rates,
    traits,
    scales,
    weights,
    kind,
    start,
    column,
    tape_start,
    tape_time,
    tape_op,
    tape_index,
    tape_value,
    tape_scale,
    program,
    row_start,
    row_state,
    cells,
    vectors,
    slot_step,
    slot_segment,
    counters,
    out,
    status,
):
    cases, rows, columns = out.shape
    lanes = cells.shape[1]
    n = kind.size
    n1 = n + 1
    size = n1 * n1
    slots = slot_step.shape[0]
    segments = traits.shape[1] // 3
    # zero where all segments share their weights
    terms = row_state.size if weights.shape[1] > row_state.size else 0
    plain = scales.shape[1] - 1
    one = np.int64(1)
    ring = (6 + slots) * size
    spare = ring + (_RING + 1) * n
    closes, step, length, active = vectors[3], vectors[5], vectors[6], vectors[1]
    now, near, carry = vectors[7], vectors[8], vectors[9]
    position, stop, mode, slot = counters[0], counters[1], counters[2], counters[3]
    missing, replace, segment, state = counters[4], counters[5], counters[6], counters[7]
    recorded_columns = counters[8]

    for case in range(0, cases, lanes):
        block = case // lanes
        rate_block = min(block, rates.shape[0] - 1)
        weight_block = min(block, weights.shape[0] - 1)
        shared = True
        for z in range(lanes):
            shared &= case + z >= cases or program[case + z] == program[case]
            state[z] = status[min(case + z, cases - 1)]
            segment[z] = 0
            slot[z] = 0
            replace[z] = 0
            mode[z] = _IDLE
            missing[z] = 0
            carry[z] = 0.0
            position[z] = 0
            stop[z] = 0
            if case + z < cases:
                p = program[case + z]
                position[z] = tape_start[p]
                stop[z] = tape_start[p + 1]
                if position[z] < stop[z]:
                    now[z] = tape_time[position[z]]
                    near[z] = 2.0 * _EPS * max(abs(now[z]), abs(tape_time[stop[z] - 1]))
            for k in range(slots):
                slot_step[k, z] = -1.0
        groups = 1 if shared else lanes
        width = lanes if shared else 1
        for i in range(n):
            for z in range(lanes):
                cells[ring + i, z] = 0.0
        x = ring
        filled = np.int64(0)
        recorded = False
        busy = True

        while busy:
            busy = False
            absent = False
            solving = False
            stepping = 0
            lead = 0
            for g in range(groups):
                mode[g] = _IDLE
                missing[g] = 0
                at = position[g]
                fault = False
                while at < stop[g]:
                    time = tape_time[at]
                    if time != now[g]:
                        h = time - now[g] + carry[g]
                        now[g] = time
                        if not (h >= -near[g] and math.isfinite(h + near[g])):
                            fault = True
                            break
                        carry[g] = h
                        if h > near[g]:
                            length[g] = h
                            mode[g] = _STEP
                            break
                    op = tape_op[at]
                    index = tape_index[at]
                    value = tape_value[at]
                    limit = columns if op == OUTPUT else segments if op == SEGMENT else n
                    if op < ADD or op > STEADY or index < 0 or index >= limit:
                        fault = True
                        break
                    if filled == _RING or (filled > 0 and op in (SET, RESET, SEGMENT)):
                        mode[g] = _PAUSE
                        break
                    if recorded:
                        y = ring + filled * n
                        for i in range(n):
                            for z in range(lanes):
                                cells[y + i, z] = cells[x + i, z]
                        x = y
                        recorded = False
                    at += 1
                    if op == OUTPUT and shared:
                        recorded_columns[filled] = index
                        filled += 1
                        recorded = True
                    elif op == OUTPUT:
                        term = segment[g] * terms
                        for r in range(rows):
                            value = 0.0
                            for k in range(row_start[r], row_start[r + 1]):
                                value += (
                                    weights[weight_block, term + k, g] * cells[x + row_state[k], g]
                                )
                            out[case + g, r, index] = value
                            if not math.isfinite(value) and state[g] == OK:
                                state[g] = NONFINITE_RESULT
                    elif op == STEADY:
                        length[g] = value
                        mode[g] = _SOLVE
                        fault = not (value > 0.0 and math.isfinite(value))
                        break
                    elif op == SEGMENT:
                        for z in range(g, g + width):
                            segment[z] = index
                    elif op == RESET:
                        for i in range(n):
                            for z in range(g, g + width):
                                cells[x + i, z] = 0.0
                    else:
                        k = tape_scale[at - 1]
                        if k >= plain:
                            fault = True
                            break
                        if k < 0:
                            k = plain
                        keep = 1.0 if op == ADD else 0.0
                        for z in range(g, g + width):
                            cells[x + index, z] = (
                                keep * cells[x + index, z] + value * scales[block, k, z]
                            )
                position[g] = at
                if fault:
                    mode[g] = _IDLE
                    position[g] = stop[g]
                    for z in range(g, g + width):
                        if state[z] == OK:
                            state[z] = BAD_TAPE
                if mode[g] == _IDLE:
                    continue
                busy = True
                if mode[g] == _PAUSE:
                    continue
                k = slot[g]
                tries = -1
                while tries < slots and (
                    abs(slot_step[k, g] - length[g]) > near[g] or slot_segment[k, g] != segment[g]
                ):
                    tries += 1
                    k = tries
                    if tries == slots:
                        k = replace[g]
                        replace[g] = (k + 1) % slots
                        slot_step[k, g] = length[g]
                        slot_segment[k, g] = segment[g]
                        missing[g] = 1
                        absent = True
                slot[g] = k
                if mode[g] == _STEP:
                    carry[g] = length[g] - slot_step[k, g]
                    lead = k
                    stepping += 1
                else:
                    solving = True

            if filled > 0 and (filled == _RING or stepping == 0):
                term = segment[0] * terms
                _flush(
                    cells, ring, n, filled, recorded_columns,
                    weights, weight_block, term, row_start, row_state, out, case, state,
                )  # fmt: skip
                filled = np.int64(0)
                if not busy:
                    break
                if stepping == 0:
                    for i in range(n):
                        for z in range(lanes):
                            cells[spare + i, z] = cells[x + i, z]
                    for i in range(n):
                        for z in range(lanes):
                            cells[ring + i, z] = cells[spare + i, z]
                    x = ring
                    recorded = False
            if absent:
                for z in range(lanes):
                    g = 0 if shared else z
                    step[z] = length[g] if missing[g] == 1 else 0.0
                    if not math.isfinite(step[z] * traits[rate_block, 3 * segment[z] + 1, z]):
                        step[z] = 0.0
                        if state[z] == OK:
                            state[z] = NONFINITE_RESULT
                _exponential(
                    rates, rate_block, traits, segment, step, kind, start, column, cells, vectors
                )
                for at in range(size):
                    for z in range(lanes):
                        g = 0 if shared else z
                        if missing[g] == 1:
                            cells[(6 + slot[g]) * size + at, z] = cells[at, z]
            if stepping > 0:
                y = ring + filled * n if recorded else spare
                _product(cells, (6 + lead) * size, x, y, one, n, start, column)
                if not shared:
                    for z in range(lanes):
                        if mode[z] != _STEP:
                            for i in range(n):
                                cells[y + i, z] = cells[x + i, z]
                        elif slot[z] != lead:
                            at = (6 + slot[z]) * size
                            for i in range(n):
                                value = 0.0
                                for k in range(start[i], start[i + 1]):
                                    j = column[k]
                                    value += cells[at + j, z] * cells[x + j, z]
                                cells[y + i, z] = value
                                at += n1
                if recorded:
                    x = y
                    recorded = False
                else:
                    for i in range(n):
                        for z in range(lanes):
                            cells[x + i, z] = cells[y + i, z]
            if solving:
                for z in range(lanes):
                    g = 0 if shared else z
                    closes[z] = traits[rate_block, 3 * segment[z] + 2, z]
                    active[z] = 1.0 if mode[g] == _SOLVE else 0.0
                    at = (6 + slot[g]) * size
                    for k in range(size if active[z] > 0.0 else 0):
                        cells[k, z] = cells[at + k, z]
                _steady(cells, x, spare, kind, closes, vectors[4], step, active, start, column)
                for z in range(lanes):
                    if active[z] > 0.0 and state[z] == OK:
                        state[z] = NO_STEADY_STATE

        for z in range(min(lanes, cases - case)):
            status[case + z] = state[z]
            if state[z] != OK:
                for r in range(rows):
                    for c in range(columns):
                        out[case + z, r, c] = np.nan


def _read_only(dtype, ndim):
    return types.Array(dtype, ndim, "C", readonly=True)


_F1, _F3 = _read_only(types.float64, 1), _read_only(types.float64, 3)
_I1 = _read_only(types.int64, 1)
_WORK, _COUNT = types.float64[:, ::1], types.int64[:, ::1]
_SIGNATURE = types.void(
    *(_F3, _F3, _F3, _F3, _I1, _I1, _I1),
    *(_I1, _F1, _I1, _I1, _F1, _I1, _I1, _I1, _I1),
    *(_WORK, _WORK, _WORK, _COUNT, _COUNT),
    *(types.float64[:, :, ::1], types.uint8[::1]),
)


def _compiled(function):
    """Compile, and keep the result on disk where there is a place for it."""
    try:
        return njit(_SIGNATURE, cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        warnings.warn(
            "no writable cache directory: the solver is compiled anew in every process; "
            "set NUMBA_CACHE_DIR to a folder that can be written",
            RuntimeWarning,
            stacklevel=2,
        )
        return njit(_SIGNATURE, nogil=True, error_model="numpy")(function)


_follow = _compiled(_follow)


def _pattern(matrices, kind):
    """Rows and columns that exponentials can fill: the transitive closure of the flows."""
    n = kind.size
    full = np.eye(n + 1, dtype=bool)
    full[:n, :n] |= (matrices != 0.0).any(axis=(0, 3))
    full[n, :n] = kind == MASS
    for k in range(n + 1):
        full |= full[:, k : k + 1] & full[k]
    start = np.zeros(n + 2, np.int64)
    np.cumsum(full.sum(axis=1), out=start[1:])
    return start, np.ascontiguousarray(np.nonzero(full)[1])


def _traits(matrices, kind):
    """Matrices with their sink, and per segment the shift, the norm, and whether (5) holds."""
    segments, n, _, cases = matrices.shape
    mass, dynamic = kind == MASS, kind <= MASS
    block, diagonal = matrices, np.einsum("sjjc->sjc", matrices)
    shift = np.maximum(0.0, -diagonal.min(axis=1))
    slack = (4.0 * n * _EPS) * np.abs(diagonal)
    norm = np.abs(matrices if dynamic.all() else matrices[:, dynamic]).sum(axis=1)
    norm += np.abs(diagonal + shift[:, None]) - np.abs(diagonal)
    if not mass.all():
        norm[:, ~dynamic] = 0.0
        slack = slack[:, mass]
        block = matrices[:, mass][:, :, mass]
        diagonal = diagonal[:, mass]
    total = block.sum(axis=1)
    negative = (block < 0.0).sum(axis=(1, 2)) - (diagonal < 0.0).sum(axis=1)
    closed = (total <= slack).all(axis=1) & (negative == 0)
    full = np.zeros((segments, n + 1, n + 1, cases))
    full[:, :n, :n] = matrices
    full[:, n, :n][:, mass] = np.where(total < -slack, -total, 0.0)
    return full, np.stack([shift, np.maximum(shift, norm.max(axis=1)), closed], axis=1)


def _in_lanes(values, lanes, blocks):
    """(..., case) to (block, ..., lane), the last case repeated."""
    flat = values.reshape(-1, values.shape[-1])
    if flat.shape[1] == 1:
        return np.repeat(flat[None], lanes, axis=2)
    if flat.shape[1] < blocks * lanes:
        padded = np.empty((flat.shape[0], blocks * lanes))
        padded[:, : flat.shape[1]] = flat
        padded[:, flat.shape[1] :] = flat[:, -1:]
        flat = padded
    return np.ascontiguousarray(flat.reshape(-1, blocks, lanes).transpose(1, 0, 2))


def _workspace(rows, lanes):
    """Zeros whose rows start at cache lines."""
    raw = np.zeros(rows * lanes + 8)
    skip = -(raw.ctypes.data // 8) % 8
    return raw[skip : skip + rows * lanes].reshape(rows, lanes)


def solve(
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
    """Follow every case along its tape and write the read-outs.

    Nothing is raised for what the numbers hold: ``status`` tells, and a case that fails has NaN in
    all its rows and changes no other case. Give slices of the cases to several threads at will:
    the compiled part runs without the GIL.

    Parameters
    ----------
    matrices : float array, shape (case or 1, segment, state, state)
        Rates [1/h]: ``[i, j]`` is the flow from state j into state i.
    kind : int array, shape (state,)
        GENERAL, MASS, RATE or INTEGRAL, see above.
    tape_start : int array, shape (program + 1,)
        The items of program p are ``tape_start[p]:tape_start[p + 1]``.
    tape_time, tape_value : float array, shape (item,)
        Hours, never decreasing within a program; what the item adds, sets, or its interval [h].
    tape_op, tape_index, tape_scale : int array, shape (item,)
        ADD, SET, OUTPUT, SEGMENT, RESET or STEADY; state, column or segment; column of ``scales``.
    scales : float array, shape (case, scale)
        Factors on the values of ADD and SET; no column is needed where no item names one.
    program : int array, shape (case,)
        The tape of each case.
    row_start, row_state : int array, shape (row + 1,) and (term,)
        Row r sums the states ``row_state[row_start[r]:row_start[r + 1]]``, one at least.
    row_weight : float array, shape (case or 1, term) or (case or 1, segment or 1, term)
        Their weights: 1 for an amount, 1/volume for a concentration.
    out : float array, C-contiguous, shape (case, row, time)
        Filled in place; columns that no item writes are left as they are.
    status : uint8 array, shape (case,)
        Filled in place: OK, NONFINITE_INPUT, NONFINITE_RESULT, NO_STEADY_STATE or BAD_TAPE (times
        that decrease, an index or an operation that does not exist).
    """
    cases = out.shape[0]
    n = kind.size
    size = (n + 1) ** 2
    lanes = max(1, min(64 if n <= 4 else 32 if n <= 16 else 16, cases))
    blocks = -(-cases // lanes)
    slots = max(2, min(16, _CACHE_BYTES // (256 * size)))
    matrices = np.ascontiguousarray(np.moveaxis(matrices, 0, -1))
    finite = np.isfinite(matrices)
    if finite.all():
        finite = True
    else:
        finite = finite.all(axis=(0, 1, 2))
        matrices = np.where(finite, matrices, 0.0)
    start, column = _pattern(matrices, kind)
    with np.errstate(over="ignore", invalid="ignore"):
        full, traits = _traits(matrices, kind)
    finite = (
        finite
        & np.isfinite(scales).all(axis=1)
        & np.isfinite(row_weight).reshape(len(row_weight), -1).all(axis=1)
    )
    status[:] = np.where(finite, OK, NONFINITE_INPUT)
    _follow(
        _in_lanes(full, lanes, blocks),
        _in_lanes(traits, lanes, blocks),
        _in_lanes(np.concatenate([scales.T, np.ones((1, cases))]), lanes, blocks),
        _in_lanes(np.moveaxis(row_weight, 0, -1), lanes, blocks),
        kind,
        start,
        column,
        tape_start,
        tape_time,
        tape_op,
        tape_index,
        tape_value,
        tape_scale,
        program,
        row_start,
        row_state,
        _workspace((6 + slots) * size + (_RING + 2) * n, lanes),
        _workspace(10, lanes),
        np.zeros((slots, lanes)),
        np.zeros((slots, lanes), np.int64),
        np.zeros((9, max(lanes, _RING)), np.int64),
        out,
        status,
    )
