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

.. math:: W E^{q + 1} = (W E^q) E \qquad (8)

and the rows serve all such runs of a case, so that a run costs no step.

`_plan` finds the exponentials and runs of a tape. The other functions work for as many cases as fit
the processor's cache: `_exponentials` computes with sixteen cases side by side in lanes, and
`_exponentials_alone`, for more than twelve states, with eight rows of one case; `_together` follows a
tape for sixteen cases that share it, `_alone` for one case, with its states side by side, if cases
have tapes of their own or many states; both put the state aside at the beginning of every run, and
`_runs` writes the runs, with times side by side. Numbers are held in a `_Vector` of fixed width. A
plain loop over an array would do the same, if the compiler did not have to test before each one
whether arrays overlap, which takes longer than the loop.

A case depends on its own numbers only, in a fixed order of operations, the same in `_together` and in
`_alone`: results are the same bits whatever the neighbours, slices and threads.

References
----------
.. [1] J. Xue, Q. Ye, "Computing exponentials of essentially non-negative matrices entrywise to high
   relative accuracy", Math. Comp. 82 (2013) 1577-1596.
.. [2] A. H. Al-Mohy, N. J. Higham, "Computing the action of the matrix exponential, with an
   application to exponential integrators", SIAM J. Sci. Comput. 33 (2011) 488-511.
"""

import math
import warnings
from functools import cache

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
_PAGE = 32
_WIDEST = 12
_OVERHEAD = 40
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
_ZERO, _ONE, _TWO, _FOUR, _EIGHT = _U(0), _U(1), _U(2), _U(4), _U(8)
_Q, _L = _U(_RUN), _U(_LANES)
# What `_exponentials` keeps for every lane: OWN and OTHER are 1 and 0 where eq. (5) holds, else 0 and 1,
# and a column is multiplied by TOP / (OWN * total + OTHER), which follows as SHARE for every column.
_OWN, _OTHER, _TOP, _FACTOR, _STEP, _SHIFT, _NORM, _HALVINGS, _LOADED, _SHARE = (
    _U(k * _LANES) for k in range(10)
)


class _Vector(types.Type):
    """A fixed number of float64 side by side in registers. Below are its six operations."""

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


def _turn(array, at, stride, a, b, c, d):
    """Store four vectors of four as the columns of a matrix with rows `stride` apart."""
    for k in range(4):
        array[at + k * stride : at + k * stride + 4] = a[k], b[k], c[k], d[k]


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
type_callable(_turn)(lambda context: lambda array, at, stride, a, b, c, d: types.none)


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
@lower_builtin(_fma, types.Float, types.Float, types.Float)
def _(context, builder, signature, values):
    a, b, c = values
    if signature.args[0] != signature.args[1]:
        b = _repeat(builder, b, a.type)
    return builder.fadd(builder.fmul(a, b, flags=["contract"]), c, flags=["contract"])


@lower_builtin(_ratio, _Vector, _Vector)
def _(context, builder, signature, values):
    return builder.fdiv(*values)


@lower_builtin(_turn, types.Array, types.Integer, types.Integer, *[_Vector] * 4)
def _(context, builder, signature, values):
    array, at, stride, *columns = values
    place = ir.VectorType(ir.IntType(32), 4)

    def mix(a, b, *places):
        return builder.shuffle_vector(a, b, ir.Constant(place, places))

    (a, b), (c, d) = (
        [mix(*columns[k : k + 2], *odd) for odd in ((0, 4, 2, 6), (1, 5, 3, 7))] for k in (0, 2)
    )
    for row in (
        mix(a, c, 0, 1, 4, 5),
        mix(b, d, 0, 1, 4, 5),
        mix(a, c, 2, 3, 6, 7),
        mix(b, d, 2, 3, 6, 7),
    ):
        pointer = _pointer(
            context, builder, (signature.args[0], None, signature.args[3]), (array, at)
        )
        builder.store(row, pointer, align=8)
        at = builder.add(at, stride)
    return context.get_dummy_value()


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
    lengths, segments, used, tables, key, run, table, listed, counted,
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
        runs = 0
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
            if last > at + 1:
                listed[tape_start[p] + runs] = at
                runs += 1
            if op == SEGMENT:
                segment = index
            at = last
            if op == STEADY:
                break
        end[p] = at
        clock[p, 3] = segment
        used[p] = count
        counted[p] = runs
        tables[p, _TABLES] = known


def _shifted(matrices, m, kind, cells, at, down, across):
    """Write M + mu I with the row of its sink, rows `down` apart and columns `across`.

    Returns mu, the norm that bounds the Taylor sum, and whether eq. (5) holds.
    """
    n = _U(kind.size)
    shift, norm, closed, simple = 0.0, 0.0, True, True
    for i in range(n):
        shift = max(shift, -matrices[m + i * (n + _ONE)])
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
        slack = 4.0 * n * _EPS * abs(matrices[m + j * (n + _ONE)])
        closed &= total <= slack or kind[j] != MASS
        leaks = total < -slack and kind[j] == MASS
        cells[at + n * down + j * across] = -total if leaks else 0.0
        if kind[j] <= MASS:
            norm = max(norm, column_norm)
    cells[at + n * (down + across)] = shift
    return shift, shift if closed and simple else norm, closed


def _exponentials(
    matrices, sizes, layout, kind, start, column, program, used, lengths, segments, edges, first, last,
    cells, lanes, power, sink, status,
):  # fmt: skip
    """Exponentials of all keys of groups `first` to `last`, eqs. (2) to (5), as `_layout` has them.

    Beside them stands the eliminated share of every column that conserves mass, -1 for the others.
    """
    cases, parts, keys = sizes
    unit, beside, pitch = layout
    n, n1 = _U(kind.size), _U(kind.size + 1)
    size = n1 * n1 * _L
    rates, last_row = _U(6) * size, n * n1 * _L
    none = _splat(0.0, _LANES)
    for g in range(first, last):
        base = edges[g]
        live = _U(edges[g + 1] - base)
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
                    shift, norm, closed = _shifted(matrices, m, kind, cells, rates + z, n1 * _L, _L)
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
                            e = (_U(g - first) * _L + z) * keys + _U(k)
                            to = (
                                _U(g - first) * keys * _L * pitch + _U(k) * pitch * unit
                            ) * n + z * beside
                            for j in range(n):
                                closed = kind[j] == MASS and lanes[_OWN + z] > 0.0
                                sink[e * n + j] = cells[last_row + j * _L + z] if closed else -1.0
                                for i in range(n):
                                    power[to + (j * pitch + i) * unit] = cells[
                                        (i * n1 + j) * _L + z
                                    ]


def _exponentials_alone(
    matrices, sizes, kind, heavy, single, program, used, lengths, segments, edges, first, last,
    cells, power, sink, status,
):  # fmt: skip
    """As `_exponentials`, for many states: case by case, with rows side by side, in columns of `pitch` rows.

    A column is single if an exponential can have its diagonal there and nothing else, like that of an integral.
    """
    cases, parts, keys, padded, pitch = sizes
    n = _U(kind.size)
    n1 = n + _ONE
    size = n1 * pitch
    many, rates, buffer, mass = _U(heavy.size), _U(6) * size, _U(7) * size, _U(7) * size + _EIGHT
    none = _splat(0.0, 8)
    for j in range(n):
        cells[mass + j] = 1.0 if kind[j] == MASS else 0.0
    cells[mass + n] = 1.0
    for case in range(edges[first], edges[last]):
        p = program[case]
        loaded = np.int64(-1)
        shift, norm, closed = 0.0, 0.0, True
        for k in range(used[p]):
            h = lengths[p, k]
            if loaded != segments[p, k]:
                loaded = segments[p, k]
                m = (_U(case) % cases * parts + _U(loaded)) * n * n
                shift, norm, closed = _shifted(matrices, m, kind, cells, rates, _ONE, pitch)
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
            for cell in range(_ZERO, size, _EIGHT):
                _store(cells, size + cell, _fma(_load(cells, rates + cell, none), h, none))
            for stage in range(6 + halvings):
                kept = min(stage, 6)
                left, right, target = _LEFT[kept] * size, _RIGHT[kept] * size, _RESULT[kept] * size
                for c in range(_ZERO, many, _FOUR):  # four columns, eight rows at a time
                    final = many - _ONE
                    j0, j1 = heavy[c] * pitch, heavy[min(c + _ONE, final)] * pitch
                    j2, j3 = (
                        heavy[min(c + _TWO, final)] * pitch,
                        heavy[min(c + _U(3), final)] * pitch,
                    )
                    for low in range(_ZERO, pitch, _EIGHT):
                        y0, y1, y2, y3 = none, none, none, none
                        for d in heavy:
                            each, row = _load(cells, left + d * pitch + low, none), right + d
                            y0 = _fma(each, cells[row + j0], y0)
                            y1 = _fma(each, cells[row + j1], y1)
                            y2 = _fma(each, cells[row + j2], y2)
                            y3 = _fma(each, cells[row + j3], y3)
                        _store(cells, target + low + j0, y0)
                        _store(cells, target + low + j1, y1)
                        _store(cells, target + low + j2, y2)
                        _store(cells, target + low + j3, y3)
                for d in single:
                    own = cells[left + d * pitch + d]
                    for j in heavy:
                        at = j * pitch + d
                        cells[target + at] = _fma(own, cells[right + at], cells[target + at])
                    cells[target + d * pitch + d] = own * cells[right + d * pitch + d]
                if 2 <= stage <= 5:
                    order = 20 - 4 * stage
                    lead = 1.0 / _FACTORIAL[16] if stage == 2 else 1.0
                    c0, c1 = 1.0 / _FACTORIAL[order], 1.0 / _FACTORIAL[order + 1]
                    c2, c3 = 1.0 / _FACTORIAL[order + 2], 1.0 / _FACTORIAL[order + 3]
                    for cell in range(_ZERO, size, _EIGHT):
                        total = _fma(_load(cells, target + cell, none), lead, none)
                        total = _fma(_load(cells, _U(3) * size + cell, none), c3, total)
                        total = _fma(_load(cells, _U(2) * size + cell, none), c2, total)
                        _store(cells, cell, _fma(_load(cells, size + cell, none), c1, total))
                    for j in range(n1):
                        cells[j * pitch + j] += c0
                    target = _ZERO
                if stage >= 5:
                    for j in range(n1):
                        share = factor
                        if j < n and kind[j] == MASS and closed:
                            sums = none
                            for i in range(_ZERO, pitch, _EIGHT):
                                column = _load(cells, target + j * pitch + i, none)
                                sums = _fma(column, _load(cells, mass + i, none), sums)
                            _store(cells, buffer, sums)
                            total = 0.0
                            for i in range(_EIGHT):
                                total += cells[buffer + i]
                            share = top / total
                        for i in range(j * pitch, (j + _ONE) * pitch, _EIGHT):
                            _store(cells, i, _fma(_load(cells, target + i, none), share, none))
                        if j == n or kind[j] >= RATE:
                            cells[j * pitch + j] = 1.0
                    factor, top = 1.0, 1.0
            e = _U(case - edges[first]) * keys + _U(k)
            for j in range(n):
                of_mass = closed and kind[j] == MASS
                sink[e * n + j] = cells[j * pitch + n] if of_mass else -1.0
                for i in range(n):
                    power[(e * n + j) * padded + i] = cells[j * pitch + i]


def _together(
    tape_op, tape_index, tape_value, tape_scale, begin, end, program, scales, key, run, row_start, row_state,
    weight, edges, first, last, sizes, power, cells, page, x, aside, segment, saved, out, status,
):  # fmt: skip
    """Follow the tapes from `begin` to `end` for groups `first` to `last`, eq. (1), a case in each lane.

    Outputs gather on a page of columns, and are written case by case when it is full.
    """
    n, padded, keys, rows, columns, most = sizes
    none, four = _splat(0.0, _LANES), _splat(0.0, 4)
    size = n * _L
    weights, terms, factors = size * _TWO, _U(row_start[rows]), _U(scales.shape[1])
    scaled = weights + terms * _L
    for g in range(first, last):
        base = edges[g]
        live = _U(edges[g + 1] - base)
        p = program[base]
        for cell in range(_ZERO, scaled + factors * _L, _L):
            _store(cells, cell, none)
        for z in range(live):
            case = base + np.int64(z)
            for i in range(n):
                cells[i * _L + z] = x[_U(case) * padded + i]
            for k in range(factors):
                cells[scaled + k * _L + z] = scales[min(case, scales.shape[0] - 1), k]
        checks = none
        now, then = _ZERO, size
        known, held, left, runs = -1, _ZERO, _ZERO, _ZERO
        at, stop = _U(begin[p]), _U(end[p])
        while True:
            ended = at == stop
            op, index = (-1, _ZERO) if ended else (tape_op[at], _U(tape_index[at]))
            plain = not ended and op == OUTPUT and run[at] == 1
            if held > _ZERO and (ended or held == _U(_PAGE) or (plain and index != left + held)):
                for r in range(rows):
                    o, turned = (_U(base) * rows + r) * columns + left, _ZERO
                    while held >= _FOUR and turned + _FOUR <= live:
                        q = _ZERO
                        while q < held:
                            q = min(q, held - _FOUR)  # the last four may overlap those before
                            part = (r * _U(_PAGE) + q) * _L + turned
                            a, b = _load(page, part, four), _load(page, part + _L, four)
                            c, d = (
                                _load(page, part + _TWO * _L, four),
                                _load(page, part + _U(3) * _L, four),
                            )
                            _turn(out, o + turned * rows * columns + q, rows * columns, a, b, c, d)
                            q += _FOUR
                        turned += _FOUR
                    for z in range(turned, live):
                        for k in range(held):
                            out[o + z * rows * columns + k] = page[(r * _U(_PAGE) + k) * _L + z]
                held = _ZERO
            if ended:
                break
            if key[at] >= 0:
                e = (_U(g - first) * keys + _U(key[at])) * n * size
                for i in range(_L, size, _TWO * _L):
                    one, two = none, none
                    for j in range(n):
                        y = _load(cells, now + j * _L, none)
                        one = _fma(_load(power, e + j * size + i - _L, none), y, one)
                        two = _fma(_load(power, e + j * size + i, none), y, two)
                    _store(cells, then + i - _L, one)
                    _store(cells, then + i, two)
                if n % _TWO == _ONE:
                    one = none
                    for j in range(n):
                        y = _load(cells, now + j * _L, none)
                        one = _fma(_load(power, e + j * size + size - _L, none), y, one)
                    _store(cells, then + size - _L, one)
                now, then = then, now
            if plain:
                if known != segment[base]:
                    known = segment[base]
                    w = min(known, weight.shape[1] - 1)
                    for z in range(live):
                        s = min(base + np.int64(z), weight.shape[0] - 1)
                        for k in range(terms):
                            cells[weights + k * _L + z] = weight[s, w, k]
                left = index if held == _ZERO else left
                for r in range(rows):
                    total = none
                    for k in range(row_start[r], row_start[r + _ONE]):
                        y = _load(cells, now + _U(row_state[k]) * _L, none)
                        total = _fma(_load(cells, weights + k * _L, none), y, total)
                    _store(page, (r * _U(_PAGE) + held) * _L, total)
                    checks = _fma(total, 0.0, checks)
                held += _ONE
            elif op == OUTPUT:
                to = (_U(g - first) * most + runs) * size
                for i in range(_ZERO, size, _L):
                    _store(saved, to + i, _load(cells, now + i, none))
                runs += _ONE
            elif op == SEGMENT:
                for z in range(live):
                    segment[base + np.int64(z)] = tape_index[at]
            elif op == RESET:
                for i in range(_ZERO, size, _L):
                    _store(cells, now + i, none)
            elif ASIDE <= op <= JOIN:
                for z in range(live):
                    for i in range(n):
                        rest, here = (_U(base) + z) * padded + i, now + i * _L + z
                        if op == ASIDE:
                            aside[rest] = cells[here]
                            cells[here] = 0.0
                        else:
                            cells[here] += aside[rest]
            elif op <= SET:
                here, k = now + index * _L, tape_scale[at]
                before = none if op == SET else _load(cells, here, none)
                factor = _load(cells, scaled + _U(k) * _L, none) if k >= 0 else _splat(1.0, _LANES)
                _store(cells, here, _fma(factor, tape_value[at], before))
            at += _U(run[at])
        _store(cells, then, checks)
        for z in range(live):
            case = base + np.int64(z)
            for i in range(n):
                x[_U(case) * padded + i] = cells[now + i * _L + z]
            if status[case] == OK and cells[then + z] != 0.0:
                status[case] = NONFINITE_RESULT


def _alone(
    tape_op, tape_index, tape_value, tape_scale, begin, end, program, scales, key, run, row_start, row_state,
    weight, edges, first, last, sizes, power, y, x, aside, segment, saved, out, status,
):  # fmt: skip
    """Follow the tapes from `begin` to `end` for groups `first` to `last`, eq. (1), case by case."""
    n, padded, keys, rows, columns, most = sizes
    block = n * padded
    part = _splat(0.0, 4)
    for case in range(edges[first], edges[last]):
        p = program[case]
        s = min(case, weight.shape[0] - 1)
        scale = min(case, scales.shape[0] - 1)
        w = min(segment[case], weight.shape[1] - 1)
        mine, slot = _U(case) * padded, _U(case - edges[first])
        place = slot // _L * most * n * _L + slot % _L
        check = 0.0
        now, then = _ZERO, padded
        for i in range(_ZERO, padded, _FOUR):
            _store(y, i, _load(x, mine + i, part))
        at, stop = _U(begin[p]), _U(end[p])
        while at < stop:
            if key[at] >= 0:
                e = (slot * keys + _U(key[at])) * block
                low = _ZERO
                while low < padded:
                    total = part
                    if padded < _L:
                        for j in range(n):
                            total = _fma(
                                _load(power, e + j * padded + low, part), y[now + j], total
                            )
                        _store(y, then + low, total)
                        low += _FOUR
                        continue
                    low = min(low, padded - _L)  # sixteen rows; the last may overlap those before
                    one, two, three = part, part, part
                    for j in range(n):
                        at_j, y_j = e + j * padded + low, y[now + j]
                        total = _fma(_load(power, at_j, part), y_j, total)
                        one = _fma(_load(power, at_j + _FOUR, part), y_j, one)
                        two = _fma(_load(power, at_j + _EIGHT, part), y_j, two)
                        three = _fma(_load(power, at_j + _U(12), part), y_j, three)
                    _store(y, then + low, total)
                    _store(y, then + low + _FOUR, one)
                    _store(y, then + low + _EIGHT, two)
                    _store(y, then + low + _U(12), three)
                    low += _L
                now, then = then, now
            op, index = tape_op[at], _U(tape_index[at])
            if op == OUTPUT and run[at] == 1:
                o = _U(case) * rows * columns + index
                for r in range(rows):
                    total = 0.0
                    for k in range(row_start[r], row_start[r + _ONE]):
                        total = _fma(weight[s, w, k], y[now + _U(row_state[k])], total)
                    out[o] = total
                    check += total * 0.0
                    o += columns
            elif op == OUTPUT:
                for i in range(n):
                    saved[place + i * _L] = y[now + i]
                place += n * _L
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
                y[now + index] = _fma(scales[scale, k] if k >= 0 else 1.0, tape_value[at], before)
            at += _U(run[at])
        for i in range(_ZERO, padded, _FOUR):
            _store(x, mine + i, _load(y, now + i, part))
        if status[case] == OK and check != 0.0:
            status[case] = NONFINITE_RESULT


def _runs(
    tape_start, tape_index, program, run, table, tables, segments, listed, counted, row_start, row_state, weight,
    edges, first, last, sizes, layout, power, tabled, wide, saved, out, status,
):  # fmt: skip
    """Write the runs of groups `first` to `last` from the states put aside, eqs. (7) and (8).

    The rows of a table are made with cases side by side and used with times side by side.
    """
    n, _, keys, rows, columns, most = sizes
    unit, beside, pitch = layout
    none, four, half = _splat(0.0, _LANES), _splat(0.0, 4), _splat(0.0, _LEAST)
    height = max(n, _U(3))
    size, block, stretch = n * _L, n * n * _L, height * _Q
    row, checked = _U(_TABLES) * block, _U(_TABLES) * block + _Q * size
    for g in range(first, last):
        base = edges[g]
        live = _U(edges[g + 1] - base)
        made = 0
        for z in range(live):
            p = program[base + np.int64(z)]
            made = max(made, tables[p, _TABLES])
            for t in range(tables[p, _TABLES]):
                e = (
                    _U(g - first) * keys * _L * pitch + _U(tables[p, t]) * pitch * unit
                ) * n + z * beside
                for j in range(n):
                    for i in range(n):
                        wide[_U(t) * block + (j * n + i) * _L + z] = power[
                            e + (j * pitch + i) * unit
                        ]
            _store(wide, checked + z * _EIGHT, half)
        for r in range(rows if made > 0 else _ZERO):
            for t in range(_U(made)):
                for j in range(n):
                    _store(wide, row + j * _L, none)
                for z in range(live):
                    case = base + np.int64(z)
                    p = program[case]
                    s, w = (
                        min(case, weight.shape[0] - 1),
                        min(segments[p, tables[p, t]], weight.shape[1] - 1),
                    )
                    for k in range(row_start[r], row_start[r + _ONE]):
                        wide[row + _U(row_state[k]) * _L + z] += weight[s, w, k]
                for q in range(row, row + (_Q - _ONE) * size, size):
                    for j in range(n):
                        total = none
                        for i in range(n):
                            each = _load(wide, t * block + (j * n + i) * _L, none)
                            total = _fma(_load(wide, q + i * _L, none), each, total)
                        _store(wide, q + size + j * _L, total)
                for z in range(_ZERO, live, _FOUR):
                    for j in range(n):
                        for q in range(_ZERO, _Q, _FOUR):
                            at = row + q * size + j * _L + z
                            a, b = _load(wide, at, four), _load(wide, at + size, four)
                            c, d = (
                                _load(wide, at + _TWO * size, four),
                                _load(wide, at + _U(3) * size, four),
                            )
                            _turn(tabled, ((t * _L + z) * height + j) * _Q + q, stretch, a, b, c, d)
            for z in range(live):
                case = base + np.int64(z)
                start = tape_start[program[case]]
                o = (_U(case) * rows + r) * columns
                checks = _load(wide, checked + z * _EIGHT, half)
                known, length = -1, 0
                f0, f1, f2, b0, b1, b2 = half, half, half, half, half, half
                y = _U(g - first) * most * size + z
                y1, y2 = min(n - _ONE, _ONE) * _L, min(n - _ONE, _TWO) * _L
                for item in range(_U(start), _U(start + counted[program[case]])):
                    at = _U(listed[item])
                    front = (_U(table[at]) * _L + z) * stretch
                    back = front + _U(run[at]) - _EIGHT  # two halves that may overlap
                    if table[at] != known or run[at] != length:
                        known, length = table[at], run[at]
                        f0, f1, f2 = (
                            _load(tabled, front, half), _load(tabled, front + _Q, half),
                            _load(tabled, front + _TWO * _Q, half),
                        )  # fmt: skip
                        b0, b1, b2 = (
                            _load(tabled, back, half), _load(tabled, back + _Q, half),
                            _load(tabled, back + _TWO * _Q, half),
                        )  # fmt: skip
                    early = _fma(
                        f2, saved[y + y2], _fma(f1, saved[y + y1], _fma(f0, saved[y], half))
                    )
                    late = _fma(
                        b2, saved[y + y2], _fma(b1, saved[y + y1], _fma(b0, saved[y], half))
                    )
                    for j in range(_U(3), n):
                        early = _fma(_load(tabled, front + j * _Q, half), saved[y + j * _L], early)
                        late = _fma(_load(tabled, back + j * _Q, half), saved[y + j * _L], late)
                    _store(out, o + _U(tape_index[at]), early)
                    _store(out, o + _U(tape_index[at] + run[at]) - _EIGHT, late)
                    checks = _fma(late, 0.0, _fma(early, 0.0, checks))
                    y += size
                _store(wide, checked + z * _EIGHT, checks)
        for z in range(live):
            check = 0.0
            for i in range(_EIGHT):
                check += wide[checked + z * _EIGHT + i]
            if status[base + np.int64(z)] == OK and check != 0.0:
                status[base + np.int64(z)] = NONFINITE_RESULT


def _read_only(dtype, ndim):
    return types.Array(dtype, ndim, "C", readonly=True)


_F = [_read_only(types.float64, ndim) for ndim in range(4)]
_I = _read_only(types.int64, 1)
_I2 = _read_only(types.int64, 2)
_UNSIGNED = _read_only(types.uint64, 1)
_NUMBER = types.int64
_FLAT, _FLOATS, _BYTES = types.float64[::1], types.float64[:, ::1], types.uint8[::1]
_INTS = types.int64[::1]
_SIZES, _LAYOUT = types.UniTuple(types.uint64, 6), types.UniTuple(types.uint64, 3)
_GROUPS = (_I, _NUMBER, _NUMBER)
_PLAN = types.void(
    *(_I, _F[1], _I, _I, _F[1], types.UniTuple(_NUMBER, 5), _I, _INTS, _FLOATS, _BYTES),
    *(_FLOATS, types.int64[:, ::1], _INTS, types.int64[:, ::1], *[_INTS] * 5),
)
_SHIFTED = types.Tuple((types.float64, types.float64, types.boolean))(
    *(_F[1], types.uint64, _I, _FLAT, types.uint64, types.uint64, types.uint64)
)
_EXPONENTIALS = types.void(
    *(_F[1], _LAYOUT, _LAYOUT, _I, _UNSIGNED, _UNSIGNED, _I, _I, _F[2], _I2, *_GROUPS),
    *(_FLAT, _FLAT, _FLAT, _FLAT, _BYTES),
)
_EXPONENTIALS_ALONE = types.void(
    *(
        _F[1],
        types.UniTuple(types.uint64, 5),
        _I,
        _UNSIGNED,
        _UNSIGNED,
        _I,
        _I,
        _F[2],
        _I2,
        *_GROUPS,
    ),
    *(_FLAT, _FLAT, _FLAT, _BYTES),
)
_WALK = (_I, _I, _F[1], _I, _I, _I, _I, _F[2], _I, _I, _I, _I, _F[3], *_GROUPS, _SIZES)
_TOGETHER = types.void(*_WALK, *[_FLAT] * 5, _INTS, _FLAT, _FLAT, _BYTES)
_ALONE = types.void(*_WALK, *[_FLAT] * 4, _INTS, _FLAT, _FLAT, _BYTES)
_RUNS = types.void(
    *(_I, _I, _I, _I, _I, _I2, _I2, _I, _I, _I, _I, _F[3], *_GROUPS, _SIZES, _LAYOUT),
    *(*[_FLAT] * 5, _BYTES),
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
_shifted = njit(_SHIFTED, **_OPTIONS)(_shifted)
_SIGNATURES = {
    _exponentials: _EXPONENTIALS,
    _exponentials_alone: _EXPONENTIALS_ALONE,
    _together: _TOGETHER,
    _alone: _ALONE,
    _runs: _RUNS,
}


@cache
def _compiled(function):
    """What not every problem needs is compiled, or read from the disk, when first called for."""
    return njit(_SIGNATURES[function], **_OPTIONS)(function)


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
    pattern = _pattern(matrices, kind)
    status[:] = OK
    for given in (matrices, scales, row_weight):
        finite = np.isfinite(given)
        if not finite.all():
            finite = finite.reshape(len(given), -1).all(axis=1)
            status[np.broadcast_to(~finite, cases)] = NONFINITE_INPUT

    programs, items = len(tape_start) - 1, len(tape_time)
    begin, stop = tape_start[:-1], tape_start[1:]
    end, used, counted = np.zeros((3, programs), np.int64)
    fault = np.zeros(programs, np.uint8)
    clock = np.zeros((programs, 4))
    if items:
        clock[:, 0] = tape_time[np.minimum(begin, items - 1)]
        clock[:, 2] = 2.0 * _EPS * np.maximum.reduceat(np.append(np.abs(tape_time), 0.0), begin)
    lengths, segments = np.zeros((programs, _KEYS)), np.zeros((programs, _KEYS), np.int64)
    tables = np.zeros((programs, _TABLES + 1), np.int64)
    key, run = np.full(items, -1), np.ones(items, np.int64)
    table, listed = np.zeros((2, items), np.int64)
    padded = (n + 3) // 4 * 4
    edges, together = _groups(program, n)
    # where the entry (j, i) of an exponential lies: distance of entries, of lanes, of columns
    layout = (_LANES, 1, n) if together else (1, 0, padded)
    x, segment = _aligned(cases * padded), np.zeros(cases, np.int64)
    aside = np.zeros_like(x) if (tape_op >= ASIDE).any() else x[:0]
    tabled = _aligned(_TABLES * _LANES * max(n, 3) * _RUN)
    wide = _aligned((_TABLES * n * n + _RUN * n + _LEAST) * _LANES)
    if n > _WIDEST:
        heavy, single, pitch = _by_weight(pattern)
        cells = _aligned((7 * (n + 1) + 1) * pitch + 8)
    else:
        start, column = pattern.sum(axis=1).cumsum(), np.nonzero(pattern)[1].astype(np.uint64)
        start = np.append(0, start).astype(np.uint64)
        cells, lanes = _aligned(7 * (n + 1) ** 2 * _LANES), _aligned((9 + n) * _LANES)
    y = _aligned((2 * n + len(row_state) + scales.shape[1]) * _LANES)
    page = _aligned(rows * _PAGE * _LANES)
    while True:
        _plan(
            tape_start, tape_time, tape_op, tape_index, tape_value,
            (n, columns, parts, _RUN if _tabled(n, rows, columns) else 1, _KEYS),
            begin, end, clock, fault, lengths, segments, used, tables, key, run, table, listed, counted,
        )  # fmt: skip
        keys, most = max(1, int(used.max(initial=0))), int(counted.max(initial=0))
        if not together:
            layout = (1, keys * n * padded, padded)
        size = keys * n * layout[2] * _LANES
        chunk = max(1, _CHUNK_BYTES // (8 * (size + most * n * _LANES)))
        chunk = max(1, min(chunk, len(edges) - 1))
        power, saved = _aligned(chunk * size), _aligned(chunk * most * n * _LANES)
        sink = np.empty(chunk * _LANES * keys * n)
        sizes = n, padded, keys, rows, columns, most
        walk = tape_op, tape_index, tape_value, tape_scale, begin, end, program, scales, key, run
        shown = row_start, row_state, row_weight
        flat = out.reshape(-1)
        for first in range(0, len(edges) - 1, chunk):
            groups = edges, first, min(first + chunk, len(edges) - 1)
            shared = program, used, lengths, segments, *groups
            flow = matrices.reshape(-1)
            if n > _WIDEST:
                _compiled(_exponentials_alone)(
                    flow, (len(matrices), parts, keys, padded, pitch), kind, heavy, single, *shared,
                    cells, power, sink, status,
                )  # fmt: skip
            else:
                _compiled(_exponentials)(
                    flow, (len(matrices), parts, keys), layout, kind, start, column, *shared,
                    cells, lanes, power, sink, status,
                )  # fmt: skip
            if together:
                _compiled(_together)(
                    *walk,
                    *shown,
                    *groups,
                    sizes,
                    power,
                    y,
                    page,
                    x,
                    aside,
                    segment,
                    saved,
                    flat,
                    status,
                )
            else:
                _compiled(_alone)(
                    *walk, *shown, *groups, sizes, power, y, x, aside, segment, saved, flat, status
                )
            if most:
                _compiled(_runs)(
                    tape_start, tape_index, program, run, table, tables, segments, listed, counted, *shown,
                    *groups, sizes, layout, power, tabled, wide, saved, flat, status,
                )  # fmt: skip
            ends = (end > begin) & (fault == OK) & (tape_op[end - 1] == STEADY)
            if ends.any():
                slots = np.arange(*edges[[first, groups[2]]])
                settling = slots[ends[program[slots]]]
                group = np.searchsorted(edges, settling, side="right") - 1
                lane = settling - edges[group]
                wanted = group - first, lane, table[end[program[settling]] - 1]
                E = _by_case(power, layout, chunk, keys, n)[wanted]
                loss = sink.reshape(chunk, _LANES, keys, n)[wanted]
                state = x.reshape(-1, padded)
                state[settling, :n], ended = _settle(state[settling, :n], E, loss, kind)
                stuck = settling[~ended]
                status[stuck] = np.where(status[stuck] == OK, NO_STEADY_STATE, status[stuck])
        if ((end >= stop) | (fault != OK)).all():
            break
        begin = end.copy()
    status[:] = np.where((status == OK) & (fault[program] != OK), fault[program], status)
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


def _groups(program, n):
    """Where groups of cases begin and end, and whether the cases of a group follow one tape together."""
    cases = len(program)
    cuts = np.concatenate([[0], np.flatnonzero(np.diff(program)) + 1, [cases]])
    counts = -(-np.diff(cuts) // _LANES)
    if n > _WIDEST or 4 * counts.sum() > cases:
        return np.append(np.arange(0, cases, _LANES), cases), False
    first = np.repeat(cuts[:-1] - _LANES * (counts.cumsum() - counts), counts)
    return np.append(first + _LANES * np.arange(len(first)), cases), True


def _tabled(n, rows, columns):
    """Whether runs save more multiplications than their table and its exponential cost."""
    saved = n * n + _OVERHEAD - 1.5 * n * rows
    return columns * saved >= 15 * n * n * (n + rows)


def _by_case(power, layout, groups, keys, n):
    """Exponentials as an array over group, lane, key, source and target."""
    if layout[1] == 1:
        return power.reshape(groups, keys, n, n, _LANES).transpose(0, 4, 1, 2, 3)
    return power.reshape(groups, _LANES, keys, n, -1)[..., :n]


def _aligned(size):
    """Zeros that begin where a line of the processor's cache begins."""
    buffer = np.zeros(size + 7)
    skip = -buffer.__array_interface__["data"][0] % 64 // 8
    return buffer[skip : skip + size]


def _pattern(matrices, kind):
    """Where an exponential with its sink may differ from zero in any case."""
    n = len(kind)
    pattern = np.eye(n + 1, dtype=bool)
    flat = matrices.reshape(-1, n * n)
    many = len(flat) // 64 * 64  # long rows are the faster ones to reduce
    pattern[:n, :n] |= flat[:many].reshape(-1, 64 * n * n).any(axis=0).reshape(-1, n, n).any(axis=0)
    pattern[:n, :n] |= flat[many:].any(axis=0).reshape(n, n)
    pattern[n, :n] = kind == MASS
    for k in range(n):
        pattern |= pattern[:, k, None] & pattern[k]
    return pattern


def _by_weight(pattern):
    """Columns with more than their diagonal; the others; and rows of a column, in eights."""
    heavy = pattern.sum(axis=0) > 1
    columns = [np.flatnonzero(which).astype(np.uint64) for which in (heavy, ~heavy)]
    return *columns, -(-len(pattern) // 8) * 8
