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

A length that is two, four, eight or sixteen times another one takes its exponential from the
squarings (4) of that one, continued.

Four or eight outputs at even distances after one event are a run: rows on the state at the first of
them,

.. math:: y(t + q h) = (W E^q) x(t), \quad q = 0, 1, \ldots, 7 \qquad (7)

.. math:: W E^{q + 1} = (W E^q) E \qquad (8)

and the rows serve all such runs of a case, so that a run costs one step, whose exponential is mostly
among those squarings. Rows that read the same state, an amount and its concentration, have one table.

`plan` finds the exponentials and runs of a tape. The other functions work for as many cases as fit
the processor's cache: `exponentials` computes with sixteen cases side by side in lanes, and
`exponentials_alone`, for more than twelve states, with eight rows of one case; `together` follows a
tape for sixteen cases that share it, `alone` for one case, with its states side by side, if cases
have tapes of their own or many states; both put the state aside at the beginning of every run, and
`runs` writes the runs, with times side by side, row after row, as memory likes it best.

A case depends on its own numbers only, in a fixed order of operations, the same in `together` and in
`alone`: results are the same bits whatever the neighbours, slices and threads. How many rows and columns
there are decides whether there are runs, and may change the last bit.

References
----------
.. [1] J. Xue, Q. Ye, "Computing exponentials of essentially non-negative matrices entrywise to high
   relative accuracy", Math. Comp. 82 (2013) 1577-1596.
.. [2] A. H. Al-Mohy, N. J. Higham, "Computing the action of the matrix exponential, with an
   application to exponential integrators", SIAM J. Sci. Comput. 33 (2011) 488-511.
"""

from functools import lru_cache

import numpy as np

from pkmodel.kernels.common import EPS, LANES, ONE, PAGE, RUN, TABLE, TABLES, aligned
from pkmodel.kernels.exponentials import exponentials, exponentials_alone
from pkmodel.kernels.machine import load_all
from pkmodel.kernels.plan import plan
from pkmodel.kernels.runs import runs
from pkmodel.kernels.tapes import (
    ASIDE,
    MASS,
    NO_STEADY_STATE,
    NONFINITE_INPUT,
    OK,
    STEADY,
)
from pkmodel.kernels.walking import alone, together

_WIDEST = 12
_KEYS = 64
_CHUNK_BYTES = 1 << 20
_DOUBLINGS = 64


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
    end, used = np.zeros((2, programs), np.int64)
    fault = np.zeros(programs, np.uint8)
    clock = np.zeros((programs, 4))
    if items:
        clock[:, 0] = tape_time[np.minimum(begin, items - 1)]
        clock[:, 2] = 2.0 * EPS * np.maximum.reduceat(np.append(np.abs(tape_time), 0.0), begin)
    lengths, steps = np.zeros((programs, _KEYS)), np.zeros((4, programs, _KEYS), np.int64)
    tables, marks = np.zeros((programs, TABLES + 3), np.int64), np.zeros((8, items), np.int64)
    padded = (n + 3) // 4 * 4
    edges, side_by_side = _groups(program, programs, n)
    few = n <= _WIDEST
    load_all(
        (
            exponentials if few else exponentials_alone,
            together if side_by_side else alone,
            plan,
            runs,
        )
    )
    units = _units(row_start.tobytes(), row_state.tobytes(), row_weight.shape[1] == 1, n)
    longest = RUN if _tabled(n, rows, len(units[1]) - 1, columns) else 1
    x, y, page, aside = aligned(
        cases * padded,
        (2 * n + len(row_state) + scales.shape[1]) * LANES,
        rows * PAGE * LANES,
        cases * padded if (tape_op >= ASIDE).any() else 0,
    )
    segment = np.zeros(cases, np.int64)
    if few:
        start, column = _entries(pattern)
        cells, lanes = aligned(7 * (n + 1) ** 2 * LANES, (10 + n) * LANES)
    else:
        heavy, single, pitch = _by_weight(pattern)
        (cells,) = aligned((7 * (n + 1) + 1) * pitch + 8)
    flow, flat = matrices.reshape(-1), out.reshape(-1)
    while True:
        known: dict[tuple[str, int], tuple[int, ...]] = {}
        plan.bind(
            tape_start, tape_time, tape_op, tape_index, tape_value,
            (n, columns, parts, longest, _KEYS),
            begin, end, clock, fault, lengths, steps, used, tables, marks, known=known,
        )()  # fmt: skip
        keys = max(1, int(used.max(initial=0)))
        made, most = tables[:, TABLES : TABLES + 2].max(axis=0, initial=0).tolist()
        size = keys * n * (n if side_by_side else padded) * LANES
        chunk = max(1, _CHUNK_BYTES // (8 * (size + most * n * LANES)))
        chunk = max(1, min(chunk, len(edges) - 1))
        power, sink, saved = aligned(
            chunk * size, chunk * LANES * keys * n, chunk * most * n * LANES
        )
        sizes = n, padded, keys, rows, columns, most
        shared = program, used, lengths, steps, edges
        walk = (
            tape_op, tape_index, tape_value, tape_scale, begin, end, program, scales, marks,
            row_start, row_state, row_weight, edges, sizes, power,
        )  # fmt: skip
        rest = x, aside, segment, saved, flat, status
        if not few:
            prepare = exponentials_alone.bind(
                flow, (len(matrices), parts, keys, padded, pitch), kind, heavy, single, *shared,
                cells, power, sink, status, known=known,
            )  # fmt: skip
        else:
            prepare = exponentials.bind(
                flow, (len(matrices), parts, keys, 0 if side_by_side else padded), kind, start, column, *shared,
                cells, lanes, power, sink, status, known=known,
            )  # fmt: skip
        if side_by_side:
            follow = together.bind(*walk, y, page, *rest, known=known)
        else:
            follow = alone.bind(*walk, y, *rest, known=known)
        if most:
            # where the entry (j, i) of an exponential lies: distance of entries, of lanes, of columns
            layout = (LANES, 1, n) if side_by_side else (1, keys * n * padded, padded)
            tabled, states, wide, line = aligned(
                made * LANES * (len(units[1]) - 1) * n * RUN,
                LANES * n * most,
                (made * n + RUN) * n * LANES + RUN,
                columns + RUN,
            )
            spread = runs.bind(
                tape_start, program, tables, steps, marks, row_start, row_state, *units, row_weight, edges,
                sizes, layout, power, tabled, wide, saved, states, line, flat, status, known=known,
            )  # fmt: skip
        settles = (end > begin) & (fault == OK)
        settles[settles] = tape_op[end[settles] - 1] == STEADY
        for first in range(0, len(edges) - 1, chunk):
            groups = first, min(first + chunk, len(edges) - 1)
            prepare(*groups)
            follow(*groups)
            if most:
                spread(*groups)
            if settles.any():
                slots = np.arange(*edges[list(groups)])
                settling = slots[settles[program[slots]]]
                group = np.searchsorted(edges, settling, side="right") - 1
                lane = settling - edges[group]
                wanted = group - first, lane, marks[TABLE, end[program[settling]] - 1]
                E = _by_case(power, side_by_side, chunk, keys, n, n)[wanted]
                loss = _by_case(sink, side_by_side, chunk, keys, n)[wanted]
                found = x.reshape(-1, padded)
                found[settling, :n], ended = _settle(found[settling, :n], E, loss, kind)
                stuck = settling[~ended]
                status[stuck] = np.where(status[stuck] == OK, NO_STEADY_STATE, status[stuck])
        if ((end >= stop) | (fault != OK)).all():
            break
        begin = end.copy()
    if fault.any():
        status[:] = np.where((status == OK) & (fault[program] != OK), fault[program], status)
    if status.any():
        out[status != OK] = np.nan


def _settle(x, E, sink, kind):
    """Sum over all earlier periods, eq. (6), and whether it ends; E[case, source, target]."""
    dynamic, keeps_mass, closed = kind <= MASS, kind == MASS, sink >= 0.0
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
            total = np.where(closed, E @ keeps_mass + loss, 1.0)
            E, loss = E / total[..., None], loss / total
    return x, ~grows


def _groups(program, programs, n):
    """Where groups of cases begin and end, and whether the cases of a group follow one tape together."""
    cases = len(program)
    plain = np.append(np.arange(0, cases, LANES), cases)
    if programs == 1 or n > _WIDEST:
        return plain, n <= _WIDEST and 4 * (len(plain) - 1) <= cases
    inner = np.flatnonzero(np.diff(program)) + 1
    cuts = np.concatenate([[0], inner, [cases]])
    counts = -(-np.diff(cuts) // LANES)
    if 4 * counts.sum() > cases:
        return plain, False
    first = np.repeat(cuts[:-1] - LANES * (counts.cumsum() - counts), counts)
    return np.append(first + LANES * np.arange(len(first)), cases), True


def _tabled(n, rows, units, columns):
    """Whether runs save more than their tables and the exponentials of their steps cost, in multiply-adds."""
    saved = n * n * 5 / 6 + 12 * rows - 0.8 * n * units
    return columns * saved >= 8 * n * n * units + 5 * n**3 + 4000


@lru_cache(maxsize=64)
def _units(row_start, row_state, constant, n):
    """Rows in units that have their state in common: the term by which each is multiplied, or -1, and the units."""
    row_start, row_state = np.frombuffer(row_start, np.int64), np.frombuffer(row_state, np.int64)
    first, rows = row_start[:-1], len(row_start) - 1
    own = n + np.arange(rows)
    single = np.diff(row_start) == 1
    if constant:
        own[single] = row_state[first[single]]
    order = np.argsort(own, kind="stable")
    begins = np.diff(own[order], prepend=-1) != 0
    starts = np.append(np.flatnonzero(begins), rows)
    several = order[np.diff(starts)[begins.cumsum() - 1] > 1]
    terms = np.full(rows, -1)
    terms[several] = first[several]
    return terms, starts, order


def _by_case(values, side_by_side, groups, keys, *shape):
    """What `exponentials` wrote as an array over group, lane, key, and the states."""
    if side_by_side:
        return np.moveaxis(values.reshape(groups, keys, *shape, LANES), -1, 1)
    return values.reshape(groups, LANES, keys, *shape[:-1], -1)[..., : shape[-1]]


def _pattern(matrices, kind):
    """Where an exponential with its sink may differ from zero in any case."""
    n = len(kind)
    bits = np.bitwise_or.reduce(matrices.reshape(-1, n * n).view(np.uint64), axis=0)
    return _closure((bits << ONE != 0).tobytes(), (kind == MASS).tobytes())  # -0.0 is zero


@lru_cache(maxsize=64)
def _closure(flows, mass):
    """Where powers of a matrix with flows may differ from zero; its last row is the sink."""
    n = len(mass)
    pattern = np.eye(n + 1, dtype=bool)
    pattern[:n, :n] |= np.frombuffer(flows, bool).reshape(n, n)
    pattern[n, :n] = np.frombuffer(mass, bool)
    for k in range(n):
        pattern |= pattern[:, k, None] & pattern[k]
    pattern.flags.writeable = False
    return pattern


def _entries(pattern):
    """Where the entries of every row begin, and the columns of all."""
    start = np.zeros(len(pattern) + 1, np.uint64)
    start[1:] = pattern.sum(axis=1).cumsum()
    return start, np.nonzero(pattern)[1].astype(np.uint64)


def _by_weight(pattern):
    """Columns with more than their diagonal; the others; and rows of a column, in eights."""
    heavy = pattern.sum(axis=0) > 1
    columns = [np.flatnonzero(which).astype(np.uint64) for which in (heavy, ~heavy)]
    return *columns, -(-len(pattern) // 8) * 8
