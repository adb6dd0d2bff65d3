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
first item sets the initial time; the state starts at zero, with nothing put aside. Items at one time
act in their order.

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

Eight to sixteen outputs at even distances after one event are rows on the state at the first of them,

.. math:: y(t + q h) = (W E^q) x(t), \quad q = 0, 1, \ldots, 15 \qquad (7)

.. math:: W E^{q + r} = (W E^q) E^r, \quad q < r = 1, 2, 4, 8 \qquad (8)

and the rows serve all such runs of a case, so that a run costs no step.

Three functions do this one after another for as many cases as fit the processor's cache: `_plan`
finds the exponentials that a tape needs, `_exponentials` computes them with sixteen cases side by
side in lanes, `_march` follows the tape, case by case, with states or times side by side. Both hold
numbers in a `_Vector` of fixed width. A plain loop over an array would do the same, if the compiler
did not have to test before each one whether arrays overlap, which takes longer than the loop.

A case depends on its own numbers only, in a fixed order of operations: results are the same bits
whatever the neighbours, slices and threads.

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
from llvmlite import ir
from numba import njit, types
from numba.extending import lower_builtin, models, register_model, type_callable

GENERAL, MASS, RATE, INTEGRAL = range(4)
ADD, SET, OUTPUT, SEGMENT, RESET, CLOCK, ASIDE, JOIN, STEADY = range(9)
OK, NONFINITE_INPUT, NONFINITE_RESULT, NO_STEADY_STATE, BAD_TAPE = range(5)

_EPS = 2.0**-52
_THETA = 0.8
_RUN = 16
_LEAST = 8
_LANES = 16
_TABLES = 4
_KEYS = 64
_CHUNK_BYTES = 1 << 20
_DOUBLINGS = 64
_FACTORIAL = np.array([math.factorial(k) for k in range(17)], np.float64)

# Six products for the Taylor sum, then squarings: result = left times right.
_LEFT = np.array([1, 2, 2, 0, 0, 0, 0], np.uint64)
_RIGHT = np.array([1, 1, 2, 4, 4, 4, 0], np.uint64)
_RESULT = np.array([2, 3, 4, 5, 5, 5, 5], np.uint64)

# Arrays are flat and their indices unsigned: a signed one may be negative, which numba tests each time.
_U = np.uint64
_ZERO, _ONE, _FOUR, _EIGHT = _U(0), _U(1), _U(4), _U(8)
_Q, _L = _U(_RUN), _U(_LANES)
# What `_exponentials` keeps for every lane: OWN and OTHER are 1 and 0 where eq. (5) holds, else 0 and 1,
# and a column is multiplied by TOP / (OWN * total + OTHER), which follows as SHARE for every column.
_OWN, _OTHER, _TOP, _FACTOR, _STEP, _SHIFT, _NORM, _HALVINGS, _LOADED, _SHARE = (
    _U(k * _LANES) for k in range(10)
)


class _Vector(types.Type):
    """A fixed number of float64 side by side in registers. Below are its five operations."""

    def __init__(self, width):
        self.width = width
        super().__init__(f"float64x{width}")


def _splat(value, width):
    return np.full(width, value)


def _load(array, at, like):
    return array[at : at + len(like)].copy()


def _store(array, at, vector):
    array[at : at + len(vector)] = vector


def _fma(a, b, c):
    """``a * b + c``, rounded once where the processor can; `b` may be one number for all."""
    return a * b + c


def _ratio(a, b):
    return a / b


@register_model(_Vector)
def _model(manager, vector):
    content = ir.VectorType(ir.DoubleType(), vector.width)
    return models.PrimitiveModel(manager, vector, content)


def _width(value, width):
    return _Vector(width.literal_value) if isinstance(width, types.Literal) else None


type_callable(_splat)(lambda context: _width)
type_callable(_load)(lambda context: lambda array, at, like: like)
type_callable(_store)(lambda context: lambda array, at, vector: types.none)
type_callable(_fma)(lambda context: lambda a, b, c: c)
type_callable(_ratio)(lambda context: lambda a, b: a)


@lower_builtin(_splat, types.Float, types.Integer)
def _(context, builder, signature, values):
    return _repeat(builder, values[0], context.get_value_type(signature.return_type))


@lower_builtin(_load, types.Array, types.Integer, _Vector)
def _(context, builder, signature, values):
    return builder.load(_pointer(context, builder, signature.args, values), align=8)


@lower_builtin(_store, types.Array, types.Integer, _Vector)
def _(context, builder, signature, values):
    builder.store(values[2], _pointer(context, builder, signature.args, values), align=8)
    return context.get_dummy_value()


@lower_builtin(_fma, _Vector, _Vector, _Vector)
@lower_builtin(_fma, _Vector, types.Float, _Vector)
def _(context, builder, signature, values):
    a, b, c = values
    if isinstance(signature.args[1], types.Float):
        b = _repeat(builder, b, a.type)
    return builder.fadd(builder.fmul(a, b, flags=["contract"]), c, flags=["contract"])


@lower_builtin(_ratio, _Vector, _Vector)
def _(context, builder, signature, values):
    return builder.fdiv(*values)


def _repeat(builder, value, vector):
    place, nothing = ir.IntType(32), ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(nothing, value, place(0))
    everywhere = ir.Constant(ir.VectorType(place, vector.count), None)
    return builder.shuffle_vector(one, nothing, everywhere)


def _pointer(context, builder, kinds, values):
    data = context.make_array(kinds[0])(context, builder, values[0]).data
    vector = context.get_value_type(kinds[2])
    return builder.bitcast(builder.gep(data, [values[1]]), vector.as_pointer())


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
                even = last >= at + _LEAST and gap > near
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
    matrices, sizes, kind, start, column, program, used, lengths, segments, first, last, cells, lanes,
    power, sink, status,
):  # fmt: skip
    """Exponentials of all keys of cases `first` to `last`, eqs. (2) to (5), as power[case, key, j, i].

    Targets are followed by zeros up to a multiple of four. Beside the exponentials stands the
    eliminated share of every column that conserves mass, -1 for the others.
    """
    cases, parts, keys, padded = sizes
    n, n1 = _U(kind.size), _U(kind.size + 1)
    size = n1 * n1 * _L
    rates, last_row = _U(6) * size, n * n1 * _L
    none = _splat(0.0, _LANES)
    simple = True
    for j in range(n):
        simple &= kind[j] != GENERAL
    for base in range(first, last, _LANES):
        live = _U(min(_LANES, last - base))
        most = 0
        for z in range(live):
            most = max(most, used[program[base + z]])
            lanes[_LOADED + z] = -1.0
        for k in range(most):
            stages = 0.0
            for z in range(live):
                case = base + np.int64(z)
                p = program[case]
                known = max(min(k, used[p] - 1), 0)
                h = lengths[p, known]
                if lanes[_LOADED + z] != segments[p, known]:
                    lanes[_LOADED + z] = segments[p, known]
                    m = (_U(case) % cases * parts + _U(segments[p, known])) * n * n
                    shift, norm, closed = 0.0, 0.0, True
                    for i in range(n):
                        shift = max(shift, -matrices[m + i * n1])
                    for j in range(n):
                        total, column_norm = 0.0, shift
                        for i in range(n):
                            value = matrices[m + i * n + j]
                            if kind[i] <= MASS:
                                column_norm += abs(value)
                            if kind[i] == MASS:
                                total += value
                                closed &= value >= 0.0 or i == j or kind[j] != MASS
                            if i == j:
                                value += shift
                            cells[rates + (i * n1 + j) * _L + z] = value
                        slack = 4.0 * n * _EPS * abs(matrices[m + j * n1])
                        closed &= total <= slack or kind[j] != MASS
                        leaks = total < -slack and kind[j] == MASS
                        cells[rates + last_row + j * _L + z] = -total if leaks else 0.0
                        if kind[j] <= MASS:
                            norm = max(norm, column_norm)
                    cells[rates + last_row + n * _L + z] = shift
                    lanes[_SHIFT + z] = shift
                    lanes[_NORM + z] = shift if closed and simple else norm
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
                stages = max(stages, halvings)
                lanes[_HALVINGS + z] = halvings
                lanes[_STEP + z] = h
                lanes[_FACTOR + z] = math.exp(-lanes[_SHIFT + z] * h)
                lanes[_TOP + z] = 1.0 if lanes[_OWN + z] > 0.0 else lanes[_FACTOR + z]
            for i in range(n1):
                for c in range(start[i], start[i + _ONE]):
                    at = (i * n1 + column[c]) * _L
                    value = _load(cells, rates + at, none)
                    _store(cells, size + at, _fma(value, _load(lanes, _STEP, none), none))
            for stage in range(6 + np.int64(stages)):
                kept = min(stage, 6)
                left, right, target = _LEFT[kept] * size, _RIGHT[kept] * size, _RESULT[kept] * size
                for i in range(n1):
                    row = i * n1 * _L
                    for c in range(start[i], start[i + _ONE]):
                        j = column[c] * _L
                        total = none
                        for d in range(start[i], start[i + _ONE]):
                            m = column[d] * _L
                            factor = _load(cells, right + m * n1 + j, none)
                            total = _fma(_load(cells, left + row + m, none), factor, total)
                        _store(cells, target + row + j, total)
                if 2 <= stage <= 5:
                    order = 20 - 4 * stage
                    lead = 1.0 / _FACTORIAL[16] if stage == 2 else 1.0
                    c0, c1 = 1.0 / _FACTORIAL[order], 1.0 / _FACTORIAL[order + 1]
                    c2, c3 = 1.0 / _FACTORIAL[order + 2], 1.0 / _FACTORIAL[order + 3]
                    for i in range(n1):
                        for c in range(start[i], start[i + _ONE]):
                            at = (i * n1 + column[c]) * _L
                            total = _splat(c0 if i == column[c] else 0.0, _LANES)
                            total = _fma(_load(cells, target + at, none), lead, total)
                            total = _fma(_load(cells, _U(3) * size + at, none), c3, total)
                            total = _fma(_load(cells, _U(2) * size + at, none), c2, total)
                            _store(cells, at, _fma(_load(cells, size + at, none), c1, total))
                    target = _ZERO
                if stage >= 5:
                    for j in range(n):
                        share = _load(lanes, _FACTOR, none)
                        if kind[j] == MASS:
                            total = _load(cells, target + last_row + j * _L, none)
                            for i in range(n):
                                if kind[i] == MASS:
                                    at = target + (i * n1 + j) * _L
                                    total = _fma(_load(cells, at, none), 1.0, total)
                            other = _load(lanes, _OTHER, none)
                            total = _fma(total, _load(lanes, _OWN, none), other)
                            share = _ratio(_load(lanes, _TOP, none), total)
                        _store(lanes, _SHARE + j * _L, share)
                    for i in range(n1):
                        for c in range(start[i], start[i + _ONE]):
                            j = column[c]
                            at = (i * n1 + j) * _L
                            if i == j and (i == n or kind[i] >= RATE):
                                value = _splat(1.0, _LANES)
                            else:
                                share = _load(lanes, _SHARE + j * _L, none)
                                value = _fma(_load(cells, target + at, none), share, none)
                            _store(cells, at, value)
                    _store(lanes, _FACTOR, _splat(1.0, _LANES))
                    _store(lanes, _TOP, _splat(1.0, _LANES))
                    for z in range(live):
                        if lanes[_HALVINGS + z] == stage - 5:
                            e = (_U(base - first) + z) * keys + _U(k)
                            for j in range(n):
                                closed = kind[j] == MASS and lanes[_OWN + z] > 0.0
                                sink[e * n + j] = cells[last_row + j * _L + z] if closed else -1.0
                                for i in range(n):
                                    power[(e * n + j) * padded + i] = cells[(i * n1 + j) * _L + z]


def _march(
    tape_op, tape_index, tape_value, tape_scale, begin, end, fault, program, scales, key, run, table, tables,
    row_start, row_state, weight, first, last, sizes, power, tabled, squares, x, aside, y, segment, out, status,
):  # fmt: skip
    """Follow the tapes from `begin` to `end` with cases `first` to `last`, eqs. (1) and (7)."""
    n, padded, keys, rows, columns = sizes
    block = n * padded
    part, half = _splat(0.0, 4), _splat(0.0, _LEAST)
    for case in range(first, last):
        p = program[case]
        s = min(case, weight.shape[0] - 1)
        scale = min(case, scales.shape[0] - 1)
        w = min(segment[case], weight.shape[1] - 1)
        mine = _U(case) * padded
        made = 0
        check, checks = 0.0, half
        now, then = _ZERO, padded
        for i in range(_ZERO, padded, _FOUR):
            _store(y, i, _load(x, mine + i, part))
        at, stop = _U(begin[p]), _U(end[p])
        while at < stop:
            if key[at] >= 0:
                e = (_U(case - first) * keys + _U(key[at])) * block
                for i in range(_ZERO, padded, _FOUR):
                    total = part
                    for j in range(n):
                        total = _fma(_load(power, e + j * padded + i, part), y[now + j], total)
                    _store(y, then + i, total)
                now, then = then, now
            op, index = tape_op[at], _U(tape_index[at])
            if op == OUTPUT and run[at] == 1:
                o = _U(case) * rows * columns + index
                for r in range(rows):
                    total = 0.0
                    for k in range(row_start[r], row_start[r + _ONE]):
                        total += weight[s, w, k] * y[now + _U(row_state[k])]
                    out[o] = total
                    check += total * 0.0
                    o += columns
            elif op == OUTPUT:
                t = _U(table[at])
                g = t * rows * n * _Q
                if (made >> table[at]) & 1 == 0:  # rows of W E^q by doubling, eqs. (7) and (8)
                    made |= 1 << table[at]
                    for r in range(rows):
                        for j in range(n):
                            tabled[g + (r * n + j) * _Q] = 0.0
                        for k in range(row_start[r], row_start[r + _ONE]):
                            tabled[g + (r * n + _U(row_state[k])) * _Q] += weight[s, w, k]
                    e = (_U(case - first) * keys + _U(tables[p, t])) * block
                    for i in range(_ZERO, block, _FOUR):
                        _store(squares, i, _load(power, e + i, part))
                    here, there = _ZERO, block
                    for doubling in range(4):
                        for r in range(rows):
                            row = g + r * n * _Q
                            for j in range(n):
                                total = half
                                for i in range(n):
                                    each = squares[here + j * padded + i]
                                    total = _fma(_load(tabled, row + i * _Q, half), each, total)
                                _store(tabled, row + j * _Q + (_ONE << _U(doubling)), total)
                        for j in range(n if doubling < 3 else _ZERO):
                            for i in range(_ZERO, padded, _FOUR):
                                total = part
                                for k in range(n):
                                    each = squares[here + j * padded + k]
                                    values = _load(squares, here + k * padded + i, part)
                                    total = _fma(values, each, total)
                                _store(squares, there + j * padded + i, total)
                        here, there = there, here
                o = _U(case) * rows * columns + index
                later = _U(run[at]) - _EIGHT  # two halves that may overlap
                for _ in range(rows):
                    front, back = half, half
                    for j in range(n):
                        each = y[now + j]
                        front = _fma(_load(tabled, g, half), each, front)
                        back = _fma(_load(tabled, g + later, half), each, back)
                        g += _Q
                    _store(out, o, front)
                    _store(out, o + later, back)
                    checks = _fma(back, 0.0, _fma(front, 0.0, checks))
                    o += columns
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
                if op == SET:
                    y[now + index] = 0.0
                k = tape_scale[at]
                y[now + index] += tape_value[at] * (scales[scale, k] if k >= 0 else 1.0)
            at += _U(run[at])
        for i in range(_ZERO, padded, _FOUR):
            _store(x, mine + i, _load(y, now + i, part))
        _store(squares, _ZERO, checks)
        for i in range(_EIGHT):
            check += squares[i]
        if status[case] == OK and fault[p] != OK:
            status[case] = fault[p]
        if status[case] == OK and check != 0.0:
            status[case] = NONFINITE_RESULT


def _read_only(dtype, ndim):
    return types.Array(dtype, ndim, "C", readonly=True)


_F = [_read_only(types.float64, ndim) for ndim in range(4)]
_I = _read_only(types.int64, 1)
_I2 = _read_only(types.int64, 2)
_UNSIGNED = _read_only(types.uint64, 1)
_NUMBER = types.int64
_FLAT, _FLOATS, _BYTES = types.float64[::1], types.float64[:, ::1], types.uint8[::1]
_INTS = types.int64[::1]
_PLAN = types.void(
    *(_I, _F[1], _I, _I, _F[1], types.UniTuple(_NUMBER, 5), _I, _INTS, _FLOATS, _BYTES),
    *(_FLOATS, types.int64[:, ::1], _INTS, types.int64[:, ::1], _INTS, _INTS, _INTS),
)
_EXPONENTIALS = types.void(
    *(_F[1], types.UniTuple(types.uint64, 4), _I, _UNSIGNED, _UNSIGNED, _I, _I, _F[2], _I2),
    *(_NUMBER, _NUMBER, _FLAT, _FLAT, _FLAT, _FLAT, _BYTES),
)
_MARCH = types.void(
    *(
        _I,
        _I,
        _F[1],
        _I,
        _I,
        _I,
        _BYTES,
        _I,
        _F[2],
        _I,
        _I,
        _I,
        _I2,
        _I,
        _I,
        _F[3],
        _NUMBER,
        _NUMBER,
    ),
    *(
        types.UniTuple(types.uint64, 5),
        _F[1],
        _FLAT,
        _FLAT,
        _FLAT,
        _FLAT,
        _FLAT,
        _INTS,
        _FLAT,
        _BYTES,
    ),
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
    parts, n = matrices.shape[1], len(kind)
    if row_weight.ndim == 2:
        row_weight = row_weight[:, None]
    matrices = np.ascontiguousarray(matrices, np.float64)
    start, column = _pattern(matrices, kind)
    status[:] = OK
    for given in (matrices, scales, row_weight):
        finite = np.isfinite(given)
        if not finite.all():
            finite = finite.reshape(len(given), -1).all(axis=1)
            status[np.broadcast_to(~finite, cases)] = NONFINITE_INPUT

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
    longest = _RUN if columns >= 2 * n * rows else 1  # a table has to pay for itself
    padded = (n + 3) // 4 * 4
    x, segment = _aligned(cases * padded), np.zeros(cases, np.int64)
    aside = np.zeros_like(x) if (tape_op >= ASIDE).any() else x[:0]
    y, squares = _aligned(2 * padded), _aligned(2 * n * padded)
    tabled = _aligned(_TABLES * rows * n * _RUN)
    cells, lanes = _aligned(7 * (n + 1) ** 2 * _LANES), _aligned((9 + n) * _LANES)
    while True:
        _plan(
            tape_start, tape_time, tape_op, tape_index, tape_value, (n, columns, parts, longest, _KEYS),
            begin, end, clock, fault, lengths, segments, used, tables, key, run, table,
        )  # fmt: skip
        keys = max(1, int(used.max(initial=0)))
        chunk = max(1, _CHUNK_BYTES // (8 * keys * n * padded) // _LANES) * _LANES
        power = _aligned(min(chunk, cases) * keys * n * padded)
        sink = np.empty(min(chunk, cases) * keys * n)
        for first in range(0, cases, chunk):
            last = min(first + chunk, cases)
            _exponentials(
                matrices.reshape(-1), (len(matrices), parts, keys, padded), kind, start, column, program,
                used, lengths, segments, first, last, cells, lanes, power, sink, status,
            )  # fmt: skip
            _march(
                tape_op, tape_index, tape_value, tape_scale, begin, end, fault, program, scales, key, run,
                table, tables, row_start, row_state, row_weight, first, last, (n, padded, keys, rows, columns),
                power, tabled, squares, x, aside, y, segment, out.reshape(-1), status,
            )  # fmt: skip
            steady = (end > begin) & (fault == OK) & (tape_op[end - 1] == STEADY)
            if steady.any():
                settling = np.flatnonzero(steady[program[first:last]])
                wanted = settling, table[end[program[first + settling]] - 1]
                settled = first + settling, slice(n)
                state = x.reshape(-1, padded)
                E = power.reshape(-1, keys, n, padded)[wanted][..., :n]
                loss = sink.reshape(-1, keys, n)[wanted]
                state[settled], ends = _settle(state[settled], E, loss, kind)
                stuck = first + settling[~ends]
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


def _aligned(size):
    """Zeros that begin where a line of the processor's cache begins."""
    buffer = np.zeros(size + 7)
    skip = -buffer.__array_interface__["data"][0] % 64 // 8
    return buffer[skip : skip + size]


def _pattern(matrices, kind):
    """Columns, row by row, in which an exponential with its sink may differ from zero in any case."""
    n = len(kind)
    pattern = np.eye(n + 1, dtype=bool)
    pattern[:n, :n] |= matrices.any(axis=(0, 1))
    pattern[n, :n] = kind == MASS
    for k in range(n):
        pattern |= pattern[:, k, None] & pattern[k]
    start = np.append(0, pattern.sum(axis=1).cumsum()).astype(np.uint64)
    return start, np.nonzero(pattern)[1].astype(np.uint64)
