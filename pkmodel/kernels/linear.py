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
CLOCK    the time is ``value`` from now on, later or earlier
ASIDE    put a copy of ``x`` aside, then ``x = 0``
JOIN     ``x += `` what was put aside
STEADY   ``x <- sum over k >= 0 of exp(value * M)^k x`` for MASS and GENERAL states, eq. (6)
=======  ===================================================================================

``scale`` is ``scales[case, scale]`` (a bioavailability, say), or 1 where the index is negative. The
first item sets the initial time; the state starts at zero, with nothing put aside. Items at one time act in their order.

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

Outputs at even distances after one event are rows on the state at the first of them,

.. math:: y(t + q h) = (W E^q) x(t), \quad q = 0, 1, \ldots, 15 \qquad (7)

and the rows serve all such runs of a case, so that a run costs no step.

Three functions do this one after another for as many cases as fit the processor's cache: `_plan`
finds the exponentials that a tape needs, `_exponentials` computes them with the cases side by side
in lanes, `_march` follows the tape. A case depends on its own numbers only, in a fixed order of
operations: results are the same bits whatever the neighbours, slices and threads.

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
ADD, SET, OUTPUT, SEGMENT, RESET, CLOCK, ASIDE, JOIN, STEADY = range(9)
OK, NONFINITE_INPUT, NONFINITE_RESULT, NO_STEADY_STATE, BAD_TAPE = range(5)

_EPS = 2.0**-52
_THETA = 0.8
_RUN = 16
_TABLES = 4
_KEYS = 64
_CHUNK_BYTES = 1 << 20
_DOUBLINGS = 64
_FACTORIAL = np.array([math.factorial(k) for k in range(17)], np.float64)

# Six products for the Taylor sum, then squarings: result = left times right.
_LEFT = np.array([1, 2, 2, 0, 0, 0, 0])
_RIGHT = np.array([1, 1, 2, 4, 4, 4, 0])
_RESULT = np.array([2, 3, 4, 5, 5, 5, 5])

# Inner loops index flat arrays by unsigned numbers: a signed one may be negative, which numba would
# test in every turn, and no such loop is compiled to SIMD.
_U = np.uint64
_WIDE, _ONE = np.uint64(_RUN), np.uint64(1)


def _plan(
    tape_start, tape_time, tape_op, tape_index, tape_value, limits, begin, end, clock, fault,
    lengths, segments, used, tables, key, run, table,
):  # fmt: skip
    """Give every item the key of the step before it, and gather even outputs into runs.

    A key is a pair of segment and step length. In a run the state stays where it was at the first
    output. A program stops before the item for which there is no key left, and after STEADY.
    """
    states, columns, matrices, longest, keys = limits
    for p in range(tape_start.size - 1):
        at = begin[p]
        stop = tape_start[p + 1]
        segment = np.int64(clock[p, 3])
        count = 0
        known = 0
        gap = 0.0
        while at < stop and fault[p] == OK:
            time, op, index, near = tape_time[at], tape_op[at], tape_index[at], clock[p, 2]
            limit = columns if op == OUTPUT else matrices if op == SEGMENT else states
            step = time - clock[p, 0] + clock[p, 1]
            sound = step >= -near and math.isfinite(step) and ADD <= op <= STEADY
            if op >= CLOCK:
                sound &= math.isfinite(tape_value[at]) and (op != STEADY or tape_value[at] > 0.0)
            if not sound or index < 0 or index >= limit:
                fault[p] = BAD_TAPE
                break
            last = at + 1
            if op == OUTPUT:
                while (
                    last < stop and last < at + longest and tape_op[last] == OUTPUT
                    and tape_index[last] == index + last - at and tape_index[last] < columns
                ):  # fmt: skip
                    last += 1
                gap = (tape_time[last - 1] - time) / max(last - 1 - at, 1)
                even = last > at + 2 and gap > near
                for m in range(at + 1, last):
                    even &= abs(tape_time[m] - time - (m - at) * gap) <= near
                if not even:
                    last = at + 1
            if op == RESET:  # what it clears need not be known
                step = 0.0
            # what a step, a run or a steady state need: at most two keys
            full = False
            for want in range(2):
                h = step
                if want == 1:
                    h = tape_value[at] if op == STEADY else gap if last > at + 1 else 0.0
                if h <= near:
                    continue
                k = 0
                while k < count and (segments[p, k] != segment or abs(lengths[p, k] - h) > near):
                    k += 1
                if k == keys:
                    full = True
                    break
                if k == count:
                    lengths[p, k] = h
                    segments[p, k] = segment
                    count += 1
                if want == 0:
                    key[at] = k
                    step -= lengths[p, k]
                elif op == STEADY:
                    table[at] = k
                else:
                    t = 0
                    while t < known and tables[p, t] != k:
                        t += 1
                    if t == _TABLES:
                        last = at + 1
                    else:
                        tables[p, t] = k
                        known = max(known, t + 1)
                        table[at] = t
            if full:
                break
            clock[p, 0] = tape_value[at] if op == CLOCK else time
            clock[p, 1] = 0.0 if op == CLOCK else step
            run[at] = last - at
            if op == SEGMENT:
                segment = index
            at = last
            if op == STEADY:
                break
        end[p] = at
        clock[p, 3] = segment
        used[p] = count


def _exponentials(
    rates, traits, kind, start, column, program, used, lengths, segments, first, last, cells, vectors,
    power, sink, status,
):  # fmt: skip
    """Exponentials of all keys of cases `first` to `last`, eqs. (2) to (5), as power[case, key, j, i].

    Beside them the eliminated share of every column that conserves mass, -1 for the others.
    """
    lanes = cells.shape[1]
    n = kind.size
    n1 = n + 1
    size = n1 * n1
    length, halvings, closes, factor, shift = (
        vectors[0],
        vectors[1],
        vectors[2],
        vectors[3],
        vectors[4],
    )
    share = vectors[5:]
    zero = 6 * size
    for base in range(first, last, lanes):
        offset = base if rates.shape[2] > lanes else 0
        most = 0
        for z in range(min(lanes, last - base)):
            most = max(most, used[program[base + z]])
        for k in range(most):
            stages = 0.0
            for z in range(lanes):
                p = program[min(base + z, last - 1)]
                s = segments[p, k] if k < used[p] else 0
                h = lengths[p, k] if k < used[p] else 0.0
                if not math.isfinite(h * traits[s, 1, offset + z]):
                    h = 0.0
                    if status[min(base + z, last - 1)] == OK:
                        status[min(base + z, last - 1)] = NONFINITE_RESULT
                reach = h * traits[s, 1, offset + z]
                halvings[z] = 1.0
                while reach > _THETA:
                    reach *= 0.5
                    h *= 0.5
                    halvings[z] += 1.0
                stages = max(stages, halvings[z])
                length[z] = h
                shift[z] = traits[s, 0, offset + z]
                closes[z] = traits[s, 2, offset + z]
                factor[z] = math.exp(-shift[z] * h)
                for i in range(n1):
                    for m in range(start[i], start[i + 1]):
                        at = i * n1 + column[m]
                        value = rates[s, at, offset + z]
                        if i == column[m]:
                            value += shift[z]
                        cells[size + at, z] = value * h
            for stage in range(5 + int(stages)):
                kept = min(stage, 6)
                left, right, target = _LEFT[kept] * size, _RIGHT[kept] * size, _RESULT[kept] * size
                for i in range(n1):
                    for m in range(start[i], start[i + 1]):
                        j = column[m]
                        ij = target + i * n1 + j
                        keep = 0.0
                        for m2 in range(start[i], start[i + 1], 2):
                            a0 = left + i * n1 + column[m2]
                            b0 = right + column[m2] * n1 + j
                            a1, b1 = a0, zero
                            if m2 + 1 < start[i + 1]:
                                a1 = left + i * n1 + column[m2 + 1]
                                b1 = right + column[m2 + 1] * n1 + j
                            for z in range(lanes):
                                cells[ij, z] = (
                                    keep * cells[ij, z]
                                    + cells[a0, z] * cells[b0, z]
                                    + cells[a1, z] * cells[b1, z]
                                )
                            keep = 1.0
                if 2 <= stage <= 5:
                    order = 20 - 4 * stage
                    lead = 1.0 / _FACTORIAL[16] if stage == 2 else 1.0
                    c0, c1 = 1.0 / _FACTORIAL[order], 1.0 / _FACTORIAL[order + 1]
                    c2, c3 = 1.0 / _FACTORIAL[order + 2], 1.0 / _FACTORIAL[order + 3]
                    for i in range(n1):
                        for m in range(start[i], start[i + 1]):
                            at = i * n1 + column[m]
                            unit = c0 if i == column[m] else 0.0
                            for z in range(lanes):
                                cells[at, z] = (
                                    lead * cells[target + at, z] + c3 * cells[3 * size + at, z]
                                    + c2 * cells[2 * size + at, z] + c1 * cells[size + at, z] + unit
                                )  # fmt: skip
                    target = np.int64(0)
                if stage >= 5:
                    for j in range(n1):
                        mass = j < n and kind[j] == MASS
                        keep = 0.0
                        for i in range(n1 if mass else 0):
                            if i == n or kind[i] == MASS:
                                for z in range(lanes):
                                    share[j, z] = keep * share[j, z] + cells[target + i * n1 + j, z]
                                keep = 1.0
                        for z in range(lanes):
                            share[j, z] = (
                                1.0 / share[j, z] if mass and closes[z] > 0.0 else factor[z]
                            )
                    for i in range(n1):
                        for m in range(start[i], start[i + 1]):
                            j = column[m]
                            at = i * n1 + j
                            fixed = i == j and (i == n or kind[i] >= RATE)
                            for z in range(lanes):
                                value = cells[target + at, z] * share[j, z]
                                cells[at, z] = (
                                    1.0 if fixed else value if halvings[z] > 0.0 else cells[at, z]
                                )
                    for z in range(lanes):
                        halvings[z] -= 1.0
                        factor[z] = 1.0
            for z in range(min(lanes, last - base)):
                for j in range(n):
                    mass = kind[j] == MASS and closes[z] > 0.0
                    sink[base + z - first, k, j] = cells[n * n1 + j, z] if mass else -1.0
                    for i in range(n):
                        power[base + z - first, k, j, i] = cells[i * n1 + j, z]


def _march(
    tape_op, tape_index, tape_value, tape_scale, begin, end, fault, program, scales, key, run, table, tables,
    row_start, row_state, weight, first, last, power, keys, tabled, x, aside, y, segment, out,
    columns, status,
):  # fmt: skip
    """Follow the tapes from `begin` to `end` with cases `first` to `last`, eqs. (1) and (7)."""
    n = y.size
    nu = np.uint64(n)
    padded = (n + 2) // 3 * 3
    stride = np.uint64(padded * _RUN)
    rows = row_start.size - 1
    terms = row_state.size
    weight_segments = weight.shape[1]
    for case in range(first, last):
        p = program[case]
        s = min(case, weight.shape[0] - 1)
        scale = min(case, scales.shape[0] - 1)
        w = min(segment[case], weight_segments - 1)
        mine = np.uint64(case * padded)
        code = status[case]
        made = 0
        check = 0.0
        at, stop = np.uint64(begin[p]), np.uint64(end[p])
        while at < stop:
            if key[at] >= 0:
                e = np.uint64(((case - first) * keys + key[at]) * n * n)
                for i in range(nu):
                    y[i] = power[e + i] * x[mine]
                for j in range(_ONE, nu):
                    e += nu
                    source = x[mine + j]
                    for i in range(nu):
                        y[i] += power[e + i] * source
                for i in range(nu):
                    x[mine + i] = y[i]
            op, index, value = tape_op[at], tape_index[at], tape_value[at]
            if op == OUTPUT and run[at] == 1:
                o = np.uint64(case * rows * columns + index)
                for r in range(rows):
                    total = 0.0
                    for k in range(row_start[r], row_start[r + 1]):
                        total += weight[s, w, k] * x[mine + np.uint64(row_state[k])]
                    out[o] = total
                    check += total * 0.0
                    o += np.uint64(columns)
            elif op == OUTPUT:
                t = table[at]
                if (made >> t) & 1 == 0:  # rows of W E^q, q = 0, 1, ..., eq. (7)
                    made |= 1 << t
                    for k in range(terms):
                        g = np.uint64((t * terms + k) * padded * _RUN)
                        for j in range(nu):
                            tabled[g + j * _WIDE] = 0.0
                        tabled[g + np.uint64(row_state[k]) * _WIDE] = weight[s, w, k]
                    for q in range(_RUN - 1):
                        for k in range(terms):
                            g = np.uint64((t * terms + k) * padded * _RUN + q)
                            e = np.uint64(((case - first) * keys + tables[p, t]) * n * n)
                            for j in range(nu):
                                total = 0.0
                                for i in range(nu):
                                    total += power[e + i] * tabled[g + i * _WIDE]
                                tabled[g + j * _WIDE + _ONE] = total
                                e += nu
                whole = index + _RUN <= columns  # what is beyond the run is written again later
                width = np.uint64(_RUN if whole else run[at])
                for j in range(0, n, 3):
                    a = x[mine + np.uint64(j)]
                    b = x[mine + np.uint64(j + 1)]
                    c = x[mine + np.uint64(j + 2)]
                    check += (a + b + c) * 0.0
                    o = np.uint64(case * rows * columns + index)
                    g0 = np.uint64((t * terms * padded + j) * _RUN)
                    for r in range(rows):
                        for k in range(row_start[r], row_start[r + 1]):
                            g1, g2 = g0 + _WIDE, g0 + _WIDE + _WIDE
                            if j == 0 and k == row_start[r]:
                                for q in range(width):
                                    out[o + q] = (
                                        tabled[g0 + q] * a + tabled[g1 + q] * b + tabled[g2 + q] * c
                                    )
                            else:
                                for q in range(width):
                                    out[o + q] = (
                                        out[o + q]
                                        + tabled[g0 + q] * a
                                        + tabled[g1 + q] * b
                                        + tabled[g2 + q] * c
                                    )
                            g0 += stride
                        o += np.uint64(columns)
            elif op == SEGMENT:
                segment[case] = index
                w = min(index, weight_segments - 1)
            elif op == RESET:
                for i in range(nu):
                    x[mine + i] = 0.0
            elif op == ASIDE:
                for i in range(nu):
                    aside[mine + i] = x[mine + i]
                    x[mine + i] = 0.0
            elif op == JOIN:
                for i in range(nu):
                    x[mine + i] += aside[mine + i]
            elif op <= SET:
                target = mine + np.uint64(index)
                if op == SET:
                    x[target] = 0.0
                k = tape_scale[at]
                x[target] += value * (scales[scale, k] if k >= 0 else 1.0)
            at += np.uint64(run[at])
        if code == OK and fault[p] != OK:
            code = fault[p]
        if code == OK and check != 0.0:
            code = NONFINITE_RESULT
        status[case] = code


def _read_only(dtype, ndim):
    return types.Array(dtype, ndim, "C", readonly=True)


_F = [_read_only(types.float64, ndim) for ndim in range(4)]
_I = _read_only(types.int64, 1)
_I2 = _read_only(types.int64, 2)
_NUMBER = types.int64
_FLAT, _FLOATS, _BYTES = types.float64[::1], types.float64[:, ::1], types.uint8[::1]
_INTS = types.int64[::1]
_PLAN = types.void(
    *(_I, _F[1], _I, _I, _F[1], types.UniTuple(_NUMBER, 5), _I, _INTS, _FLOATS, _BYTES),
    *(_FLOATS, types.int64[:, ::1], _INTS, types.int64[:, ::1], _INTS, _INTS, _INTS),
)
_EXPONENTIALS = types.void(
    *(_F[3], _F[3], _I, _I, _I, _I, _I, _F[2], _I2, _NUMBER, _NUMBER),
    *(_FLOATS, _FLOATS, types.float64[:, :, :, ::1], types.float64[:, :, ::1], _BYTES),
)
_MARCH = types.void(
    *(_I, _I, _F[1], _I, _I, _I, _BYTES, _I, _F[2], _I, _I, _I, _I2, _I, _I, _F[3]),
    *(_NUMBER, _NUMBER, _F[1], _NUMBER, _FLAT, _FLAT, _FLAT, _FLAT, _INTS, _FLAT, _NUMBER, _BYTES),
)


def _can_cache():
    """Whether there is a place on disk for compiled functions; warn if there is none."""
    try:
        njit(cache=True)(_plan)
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        warnings.warn(
            "no writable cache directory: the solver is compiled anew in every process; "
            "set NUMBA_CACHE_DIR to a folder that can be written",
            RuntimeWarning,
            stacklevel=3,
        )
        return False
    return True


_OPTIONS = {
    "cache": _can_cache(),
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
}
_plan = njit(_PLAN, **_OPTIONS)(_plan)
_exponentials = njit(_EXPONENTIALS, **_OPTIONS)(_exponentials)
_march = njit(_MARCH, **_OPTIONS)(_march)


def solve(
    matrices, kind, tape_start, tape_time, tape_op, tape_index, tape_value, tape_scale, scales, program,
    row_start, row_state, row_weight, out, status,
):  # fmt: skip
    """Follow every case's tape; fills `out` and `status`, returns nothing and never raises.

    Parameters
    ----------
    matrices : float array, shape (case or 1, segment, state, state)
        Rates of flow [1/h], sources in columns.
    kind : int array, shape (state,)
        GENERAL, MASS, RATE or INTEGRAL.
    tape_start : int array, shape (program + 1,)
        Tape p is items ``tape_start[p]`` to ``tape_start[p + 1]``.
    tape_time, tape_op, tape_index, tape_value, tape_scale : arrays, shape (item,)
        Time [h], operation, target, value, and column of `scales` or -1. Times, and the columns of
        OUTPUT, ascend within a tape.
    scales : float array, shape (case, scale)
        Factors of ADD and SET.
    program : int array, shape (case,)
        Tape of each case.
    row_start, row_state : int arrays, shape (row + 1,) and (term,)
        Row r is the weighted sum of states ``row_state[row_start[r] : row_start[r + 1]]``.
    row_weight : float array, shape (case or 1, term) or (case or 1, segment or 1, term)
        Weights of the terms.
    out : float array, shape (case, row, column)
        Receives the rows; NaN where the status is not OK.
    status : uint8 array, shape (case,)
        Receives OK or the first fault of the case.

    Notes
    -----
    `out`, `status`, `kind`, the tape and the row arrays must be C-contiguous, of 8-byte numbers but
    for `status`. Slices of the cases may run in threads of their own.
    """
    cases, rows, columns = out.shape
    n = len(kind)
    if row_weight.ndim == 2:
        row_weight = row_weight[:, None]
    lanes = min(64 if n <= 4 else 32 if n <= 8 else 16, -(-cases // 4) * 4)
    rates, traits, start, column, finite = _prepare(matrices, kind, lanes)
    finite = finite & np.isfinite(scales).all(axis=1) & np.isfinite(row_weight).all(axis=(1, 2))
    status[:] = np.where(finite, OK, NONFINITE_INPUT)

    programs, items = len(tape_start) - 1, len(tape_time)
    begin, stop = tape_start[:-1], tape_start[1:]
    end, used = np.zeros((2, programs), np.int64)
    fault = np.zeros(programs, np.uint8)
    clock = np.zeros((programs, 4))
    if items:
        clock[:, 0] = tape_time[np.minimum(begin, items - 1)]
        clock[:, 2] = 2.0 * _EPS * np.maximum.reduceat(np.append(np.abs(tape_time), 0.0), begin)
    lengths, segments = np.zeros((programs, _KEYS)), np.zeros((programs, _KEYS), np.int64)
    tables = np.zeros((programs, _TABLES), np.int64)
    key, run, table = np.full(items, -1), np.ones(items, np.int64), np.zeros(items, np.int64)
    longest = _RUN if n <= 8 or 4 * rows <= n else 1
    padded = (n + 2) // 3 * 3
    x, segment = np.zeros((cases, padded)), np.zeros(cases, np.int64)
    aside = np.zeros_like(x) if np.isin(tape_op, (ASIDE, JOIN)).any() else np.zeros((1, padded))
    tabled = np.zeros(_TABLES * len(row_state) * padded * _RUN if longest > 1 else 1)
    cells, vectors = np.zeros((6 * (n + 1) ** 2 + 1, lanes)), np.zeros((6 + n, lanes))
    y = np.zeros(n)
    while True:
        _plan(
            tape_start, tape_time, tape_op, tape_index, tape_value, (n, columns, len(rates), longest, _KEYS),
            begin, end, clock, fault, lengths, segments, used, tables, key, run, table,
        )  # fmt: skip
        keys = max(1, int(used.max(initial=0)))
        chunk = max(1, _CHUNK_BYTES // (8 * keys * n * n) // lanes) * lanes
        power = np.empty((min(chunk, cases), keys, n, n))
        sink = np.empty(power.shape[:3])
        for first in range(0, cases, chunk):
            last = min(first + chunk, cases)
            _exponentials(
                rates, traits, kind, start, column, program, used, lengths, segments, first, last,
                cells, vectors, power, sink, status,
            )  # fmt: skip
            _march(
                tape_op, tape_index, tape_value, tape_scale, begin, end, fault, program, scales, key, run,
                table, tables, row_start, row_state, row_weight, first, last, power.reshape(-1), keys,
                tabled, x.reshape(-1), aside.reshape(-1), y, segment, out.reshape(-1), columns, status,
            )  # fmt: skip
            steady = (end > begin) & (fault == OK) & (tape_op[end - 1] == STEADY)
            if steady.any():
                settling = np.flatnonzero(steady[program[first:last]])
                wanted = settling, table[end[program[first + settling]] - 1]
                ready = _settle(x[first + settling, :n], power[wanted], sink[wanted], kind)
                x[first + settling, :n], settled = ready
                stuck = first + settling[~settled]
                status[stuck] = np.where(status[stuck] == OK, NO_STEADY_STATE, status[stuck])
        if ((end >= stop) | (fault != OK)).all():
            break
        begin = end.copy()
    bad = status != OK
    if bad.any():
        out[bad] = np.nan


def _settle(x, E, sink, kind):
    """Sum over all earlier periods, eq. (6), and whether it ends; E[case, source, target]."""
    dynamic, closed = kind <= MASS, sink >= 0.0
    E = E * (dynamic[:, None] & dynamic)
    loss = np.where(closed, sink, 0.0)
    grows = np.ones(len(x), bool)
    with np.errstate(all="ignore"):
        for _ in range(_DOUBLINGS):
            before = x
            x = x + (x[:, None, :] @ E)[:, 0]
            grows = (x != before).any(axis=1)
            if not grows.any():
                break
            loss = loss + (E @ loss[..., None])[..., 0]
            E = E @ E
            total = np.where(closed, E.sum(axis=2) + loss, 1.0)
            E, loss = E / total[..., None], loss / total
    return x, ~grows


def _prepare(matrices, kind, lanes):
    """Matrices with their sink, cases last; shift, norm and closedness of each; the pattern of exponentials."""
    cases, segments, n, _ = matrices.shape
    mass = kind == MASS
    width = lanes if cases == 1 else -(-cases // lanes) * lanes
    M = np.zeros((segments, n + 1, n + 1, width))
    M[:, :n, :n, :cases] = np.moveaxis(matrices, 0, -1)
    M[..., cases:] = M[..., cases - 1 : cases]
    finite = np.ones(cases, bool)
    if not np.isfinite(M.sum()):
        fine = np.asarray(np.isfinite(M).all(axis=(0, 1, 2)))
        finite = fine[:cases]
        M = np.where(fine, M, 0.0)
    diagonal = M[:, range(n), range(n)]
    shift = np.maximum(0.0, -diagonal.min(axis=1))
    total = M[:, :n, :n][:, mass].sum(axis=1)
    slack = 4.0 * n * _EPS * np.abs(diagonal)
    M[:, n, :n] = np.where(mass[:, None] & (total < -slack), -total, 0.0)
    closed = ((total <= slack) | ~mass[:, None]).all(axis=1)
    lowest = M[:, :n, :n].min(axis=(0, 3))
    np.fill_diagonal(lowest, 0.0)
    norm = shift
    if lowest.min() < 0 or not closed.all() or (kind == GENERAL).any():
        dynamic = kind <= MASS
        columns = np.abs(M[:, :n, :n][:, dynamic]).sum(axis=1) + shift[:, None]
        norm = np.maximum(shift, columns[:, dynamic].max(axis=1, initial=0.0))
        flows = M[:, :n, :n][:, mass][:, :, mass]
        closed &= ((flows >= 0.0) | np.eye(mass.sum(), dtype=bool)[..., None]).all(axis=(1, 2))
    pattern = np.eye(n + 1, dtype=bool) | (M != 0.0).any(axis=(0, 3))
    pattern[n, :n] |= mass
    for k in range(n + 1):
        pattern |= np.outer(pattern[:, k], pattern[k])
    start = np.zeros(n + 2, np.int64)
    np.cumsum(pattern.sum(axis=1), out=start[1:])
    traits = np.stack([shift, norm, closed], axis=1)
    return (
        M.reshape(segments, -1, width),
        traits,
        start,
        np.ascontiguousarray(np.nonzero(pattern)[1]),
        finite,
    )
