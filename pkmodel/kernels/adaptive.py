r"""Adaptive solution of nonlinear compartment models, many cases at a time.

Between two events the states follow

.. math:: \dot y = f(t, y, p) + r \qquad (1)

with constant inflows ``r`` [mg/h]. The right-hand side is data: a program of `instructions`, or the address of a
C function. The kernel follows *tapes* of items as `linear` does, with the same numbers:

=======  ===================================================================================
item     effect at its time
=======  ===================================================================================
ADD      ``y[index] += value * scale``; from index n on, inflow into state ``index - n``
SET      ``y[index] = value * scale``, likewise
OUTPUT   write all rows into column ``index`` of the output
SEGMENT  use row ``index`` of the case's parameters from now on
RESET    the initial state again, and no inflow
=======  ===================================================================================

``scale`` is ``scales[case, scale]``, or 1 where the index is negative. The first item sets the initial time. Items
at one time act in their order. Every other item, a time that runs back and an index out of range make a bad tape.

Method
------
Steps end at every event exactly; what is read out in between comes from a polynomial within the step.

**Series.** A right-hand side of arithmetic and square roots alone comes with recurrences for the Taylor coefficients
of its solution [1]_, and a step is a polynomial of their degree *p*, 8 to 20, the more the smaller the tolerance:

.. math:: y(t + x) = \sum_{k=0}^{p} c_k x^k, \quad (k + 1) c_{k+1} = [x^k] f, \qquad
    [x^k] (u v) = \sum_{j=0}^{k} u_j v_{k-j} \qquad (2)

It is as long as its last two terms stay under a 128th of the tolerance. Nothing is rejected, and no event costs
a trial.

**Stages.** All others start with an explicit Runge-Kutta pair of order 5(4) [2]_ and read out by degree four. Its last
two stages lie at one time, so that they measure the fastest rate for nothing,

.. math:: \rho = \|f(y_7) - f(y_6)\| / \|y_7 - y_6\| \qquad (3)

**Stiffness.** When ``h rho`` stays above 1.5 for ten steps, or ``h c_p / c_{p-1}`` above 0.42, where a mode that has
long died away limits the step, the case goes over to a Rosenbrock method of order 5(4) [3]_, stiffly accurate and
L-stable,

.. math:: (1 / (\gamma h) - J) u_i = f(t + c_i h, y + \sum_j a_{ij} u_j) + \sum_j C_{ij} u_j / h + d_i h f_t \qquad (4)

with the Jacobian ``J`` of the program; it comes back when four steps in a row are shorter than 5 over the largest
diagonal entry of ``J``. A trial that fails doubles the patience for the next one.

Errors are measured in units of ``atol + rtol * max(|y|, |y_new|)``, by their maximum over the states, so that a state
more does not loosen the others. Of methods in stages the estimate is that of the lower order, while the step goes
on with the higher one; it may be twice the tolerance, and the error of the solution still stays below it. Lengths of
steps follow a controller with memory of one step [4]_. After an event, the first step is the time in which the state
changes by a hundredth, times the factor that turned out right after the event before: where doses repeat, hardly a
step is lost.

Sixteen cases stand side by side in lanes, each at its own time, with its own step, method and place in its tape. A
lane whose case has ended takes the next one. Every operation of a lane depends on that lane alone: a case has the
same bits in any company, slice and thread.

References
----------
.. [1] R. Barrio, "Performance of the Taylor series method for ODEs/DAEs", Appl. Math. Comput. 163 (2005) 525-545.
.. [2] Ch. Tsitouras, "Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption",
   Comput. Math. Appl. 62 (2011) 770-775, doi:10.1016/j.camwa.2011.06.002.
.. [3] G. Steinebach, "Construction of Rosenbrock-Wanner method Rodas5P and numerical benchmarks within the Julia
   Differential Equations package", BIT Numer. Math. 63 (2023) 27, doi:10.1007/s10543-023-00967-x.
.. [4] K. Gustafsson, "Control theoretic techniques for stepsize selection in explicit Runge-Kutta methods", ACM Trans.
   Math. Softw. 17 (1991) 533-554, doi:10.1145/210232.210242.
"""

import numpy as np

from pkmodel.kernels.common import LANES, TWO, U, aligned
from pkmodel.kernels.instructions import EXP, LOG, ROOT
from pkmodel.kernels.machine import load_all
from pkmodel.kernels.series import order_of
from pkmodel.kernels.stages import SLOTS, SPARE, STAGES_E, TABS
from pkmodel.kernels.stepping import follow
from pkmodel.kernels.tapes import (
    ADD,
    BAD_TAPE,
    NONFINITE_INPUT,
    OK,
    OUTPUT,
    RESET,
)


def solve(
    rhs, rhs_out, jac, jac_out, series, address, registers, parameters, constants, initial, tape_start,
    tape_time, tape_op, tape_index, tape_value, tape_scale, scales, program, rows, rtol, atol, max_steps, out, status,
    counts,
):  # fmt: skip
    """Follow every case's tape; fills `out`, `status` and `counts`, returns nothing and never raises.

    Parameters
    ----------
    rhs : int array, shape (instruction, 4)
        Program of the right-hand side on registers: the n states, the time, the parameters, then whatever it writes.
    rhs_out : int array, shape (n,)
        Register of each dy/dt.
    jac : int array, shape (instruction, 4)
        Program of the Jacobian; it runs after `rhs` on the same registers.
    jac_out : int array, shape (entry, 3)
        Rows (i, j, register) of the entries d(dy_i/dt)/dy_j that are not zero.
    series : int array, shape (instruction, 5)
        Recurrences of Taylor coefficients, rows (operation, target, left, right, constant); none without series.
    address : int
        Address of ``void f(double t, const double *y, const double *p, double *dydt)`` to be called in place of the
        programs, or 0. Its Jacobian is taken by differences.
    registers : int
        Number of registers.
    parameters : float array, shape (case, segment or 1, parameter)
        Parameters and constants, from register n + 1 on; one case for all is enough.
    constants : float array, shape (case, segment or 1, constant)
        Constants of the recurrences, likewise.
    initial : float array, shape (case or 1, n)
        State at the first item and after RESET.
    tape_start : int array, shape (program + 1,)
        Tape p is items ``tape_start[p]`` to ``tape_start[p + 1]``.
    tape_time, tape_op, tape_index, tape_value, tape_scale : arrays, shape (item,)
        Time [h], operation, target, value, and column of `scales` or -1.
    scales : float array, shape (case, scale)
        Factors of ADD and SET.
    program : int array, shape (case,)
        Tape of each case.
    rows : int array, shape (row,)
        States to write.
    rtol : float
        Relative tolerance.
    atol : float array, shape (n,)
        Absolute tolerance of each state, in its unit; above zero where the state can be zero.
    max_steps : float
        Steps, rejected ones included, after which a case is given up.
    out : float array, shape (case, row, column)
        Receives the rows; NaN where the status is not OK.
    status : uint8 array, shape (case,)
        Receives OK or the first fault of the case; NONFINITE_RESULT also where a step had to be given up after
        a dozen shorter trials, STEP_TOO_SMALL where the error stays too large at the resolution of the time.
    counts : int array, shape (case, 4)
        Receives accepted and rejected steps, evaluations of the right-hand side, of which every order of a series
        counts as one, and Jacobians.

    Notes
    -----
    Arrays must be C-contiguous, of 8-byte numbers but for `status`. Slices of the cases may run in threads.
    A derivative by time, where the program uses the time, is a central difference within the step.
    """
    cases, n, count = len(status), len(atol), parameters.shape[2]
    status[:] = OK
    counts[:] = 0
    for given in (parameters, initial, scales):
        finite = np.isfinite(given).reshape(len(given), -1).all(axis=1)
        status[np.broadcast_to(~finite, cases)] = NONFINITE_INPUT
    fault, stops = _checked(
        tape_start, tape_time, tape_op, tape_index, n, out.shape[2], parameters.shape[1]
    )
    status[fault[program] & (status == OK)] = BAD_TAPE
    code = np.concatenate([rhs, jac])
    single = np.isin(code[:, 0], (EXP, LOG, ROOT))
    code[single, 3] = code[single, 2]
    timed = address != 0 or bool((code[:, 2:] == n).any() or (rhs_out == n).any())
    code[:, 1:] *= LANES
    jacobian = jac_out.copy()
    jacobian[:, 2] *= LANES
    sizes = [registers, n, n, n, int(SPARE + TWO) * n, n * n, n, 4 * n]
    begin = [int(b) * LANES for b in np.cumsum(sizes)]
    further = -(-(begin[7] + 2 * n + count) // LANES) * LANES
    first = further + constants.shape[2] * LANES
    order = order_of(rtol) if len(series) else int(STAGES_E) - 1
    coded = _placed(series, further, first, order)
    layout = tuple(
        U(k) for k in (n, count, *begin[:6], begin[7], out.shape[2], further, first, order)
    )
    size = first + (int(series[:, 1:4].max(initial=0)) + 1) * (order + 1) * LANES
    cells, lanes = aligned(size, int(SLOTS))
    load_all((follow,))
    follow.bind(
        code.reshape(-1).astype(np.uint64), (rhs_out * LANES).astype(np.uint64), jacobian, address,
        (U(rhs.size), U(code.size)), timed, coded, parameters, constants, initial, tape_start, tape_time, tape_op,
        tape_index, tape_value, tape_scale, stops, scales, program, rows, rtol, atol, max_steps, cells, lanes,
        np.zeros(int(TABS) * LANES, np.int64), np.zeros(1, np.int64), layout, out.reshape(-1), status, counts,
    )()  # fmt: skip
    bad = status != OK
    if bad.any():
        out[bad] = np.nan


def _placed(series, constants, registers, order):
    """Recurrences with places in `cells`."""
    code = series.copy()
    code[:, 1:4] = registers + code[:, 1:4] * (order + 1) * LANES
    code[:, 4] = constants + code[:, 4] * LANES
    return code.reshape(-1).astype(np.uint64)


def _checked(start, time, op, index, n, columns, segments):
    """Which tapes have a fault; and for every item, the time up to which one steps without an event."""
    limits = np.array([2 * n, 2 * n, columns, segments, np.iinfo(np.int64).max])
    known = (op >= ADD) & (op <= RESET)
    sound = known & (index >= 0) & np.isfinite(time)
    sound &= index < limits[np.where(known, op, 0)]
    sound[1:] &= (np.diff(time) >= 0) | np.isin(np.arange(1, len(time)), start)
    fault = np.zeros(len(start) - 1, bool)
    stops = time.copy()
    for p in range(len(start) - 1):
        a, b = start[p], start[p + 1]
        fault[p] = not sound[a:b].all()
        events = a + np.flatnonzero(op[a:b] != OUTPUT)
        following = np.searchsorted(events, np.arange(a, b))
        stops[a:b] = np.append(time[events], time[b - 1 : b])[following] if b > a else 0.0
    return fault, stops
