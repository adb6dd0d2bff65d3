"""The adaptive kernel against closed forms, other solvers at tight tolerances, and the laws it must keep."""

import math
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.special import lambertw

from pkmodel.kernels import adaptive
from pkmodel.kernels.tableaus import RODAS5P, TSIT5
from pkmodel.kernels.tapes import (
    ADD,
    BAD_TAPE,
    NONFINITE_INPUT,
    NONFINITE_RESULT,
    OK,
    OUTPUT,
    RESET,
    SEGMENT,
    SET,
    STEP_TOO_SMALL,
    TOO_MANY_STEPS,
)
from pkmodel.model.equations import compile_program
from pkmodel.model.equations.program import OPERATIONS

COMPILED = not numba.config.DISABLE_JIT

slow = pytest.mark.skipif(not COMPILED, reason="takes minutes when interpreted")
few = settings(max_examples=25 if COMPILED else 2, deadline=None)
DATA = Path(__file__).parent / "data"


class System(NamedTuple):
    """Equations with their parameters' values, as the kernel takes them."""

    equations: dict
    values: dict
    definitions: dict = {}  # noqa: RUF012

    @property
    def states(self):
        return list(self.equations)

    def program(self):
        return compiled(
            tuple(self.equations.items()), tuple(self.definitions.items()), tuple(self.values)
        )

    def parameters(self, **changed):
        """What stands behind the time: parameters, constants, and what depends on them alone; (case, 1, register)."""
        program = self.program()
        values = {**self.values, **changed}
        columns = np.broadcast_arrays(*(values[p] for p in program.parameters), [0.0])
        registers = [*np.zeros((len(self.states) + 1, 1)), *columns[:-1]]
        registers += [np.full(len(columns[-1]), c) for c in program.constants]
        last = len(registers) + program.hoisted
        registers += [None] * (program.registers - len(registers))
        with np.errstate(all="ignore"):
            for operation, target, left, right in program.setup.tolist():
                registers[target] = OPERATIONS[operation](registers[left], registers[right])
        kept = registers[len(self.states) + 1 : last]
        return np.stack(np.broadcast_arrays(*kept), axis=-1)[:, None].astype(float)

    def rate(self, **changed):
        """f(t, y) and its Jacobian, for SciPy."""
        program = self.program()
        values = {**self.values, **changed}
        p = [values[name] for name in program.parameters]
        return (
            lambda t, y: program.evaluate_rhs(y, t, p),
            lambda t, y: program.evaluate_jacobian(y, t, p),
        )


@cache
def compiled(equations, definitions, parameters):
    return compile_program(
        [name for name, _ in equations], dict(equations), dict(definitions), parameters
    )


both_ways = pytest.mark.parametrize("series", [True, False], ids=["series", "stages"])


class Result(NamedTuple):
    out: np.ndarray  #: (case, row, column)
    status: np.ndarray
    counts: np.ndarray


def run(
    system, tapes, initial=None, parameters=None, program=None, scales=None, rtol=1e-6, atol=1e-9, steps=100_000,
    address=0, rows=None, series=True,
):  # fmt: skip
    """Follow tapes, each a list of (time, op, index, value[, scale])."""
    code, n = system.program(), len(system.states)
    parameters = system.parameters() if parameters is None else parameters
    initial = np.zeros((1, n)) if initial is None else np.atleast_2d(np.asarray(initial, float))
    program = np.zeros(len(parameters), np.int64) if program is None else np.asarray(program)
    items = [(*item, -1)[:5] for tape in tapes for item in tape]
    time, op, index, value, scale = (np.array(v) for v in zip(*items, strict=True))
    columns = 1 + max([item[2] for item in items if item[1] == OUTPUT], default=0)
    rows = np.arange(n) if rows is None else np.array(rows)
    out = np.full((len(program), len(rows), columns), 7.0)
    status, counts = np.zeros(len(program), np.uint8), np.zeros((len(program), 4), np.int64)
    with np.errstate(all="ignore"):
        adaptive.solve(
            code.rhs, code.rhs_out, code.jac, code.jac_out, code.series.code[: None if series else 0], address,
            code.registers, parameters, code.series.constants(parameters), initial,
            np.cumsum([0, *map(len, tapes)]), time.astype(float), op, index, value.astype(float), scale,
            np.ones((len(program), 0)) if scales is None else scales, program, rows, rtol,
            np.broadcast_to(np.asarray(atol, float), n).copy(), steps, out, status, counts,
        )  # fmt: skip
    return Result(out, status, counts)


def tape_of(n, events, times):
    """Boluses and infusions (begin, state, amount, duration), and read-outs after what happens at their time."""
    items = []
    for begin, state, amount, duration in events:
        if duration == 0:
            items.append((begin, ADD, state, amount))
        else:
            items.append((begin, ADD, n + state, amount / duration))
            items.append((begin + duration, ADD, n + state, -amount / duration))
    items += [(time, OUTPUT, k, 0.0) for k, time in enumerate(times)]
    return sorted(items, key=lambda item: (item[0], item[1] == OUTPUT))


def reference(system, y, events, times, **changed):
    """Radau with tight tolerances from event to event."""
    f, jacobian = system.rate(**changed)
    n = len(system.states)
    tape = tape_of(n, events, times)
    y, inflow, t = np.array(y, float), np.zeros(n), tape[0][0]
    out = np.empty((n, len(times)))
    for time, op, index, value in tape:
        if time > t:
            solution = solve_ivp(
                lambda t, y: f(t, y) + inflow, (t, time), y, "Radau", rtol=1e-12, atol=1e-13, jac=jacobian
            )  # fmt: skip
            y, t = solution.y[:, -1], time
        if op == OUTPUT:
            out[:, index] = y
        elif index < n:
            y[index] += value
        else:
            inflow[index - n] += value
    return out


def bits(*arrays):
    return b"".join(np.ascontiguousarray(a).view(np.uint8).tobytes() for a in arrays)


MENTEN = System(
    {"amount": "-vmax * amount / (volume * km + amount)"}, {"vmax": 2.0, "volume": 10.0, "km": 0.3}
)
ORAL = System(
    {
        "depot": "-ka * depot",
        "central": "ka * depot - vmax * C / (km + C) - Q * C + Q * peripheral / V3",
        "peripheral": "Q * C - Q * peripheral / V3",
        "response": "kin * (1 - imax * C / (ic50 + C)) - kout * response",
    },
    {
        "vmax": 2.0, "km": 0.2, "V2": 50.0, "Q": 8.0, "V3": 100.0, "ka": 1.0, "kin": 10.0, "kout": 0.1,
        "imax": 0.9, "ic50": 0.05,
    },
    {"C": "central / V2"},
)  # fmt: skip
TMDD = System(
    {
        "drug": "-kel * drug - kon * drug * target + koff * bound",
        "target": "ksyn - kdeg * target - kon * drug * target + koff * bound",
        "bound": "kon * drug * target - (koff + kint) * bound",
    },
    {"kel": 0.01, "kon": 400.0, "koff": 10.0, "kint": 0.04, "ksyn": 0.1, "kdeg": 0.05},
)
"""Binding of a drug to its target: after a dose of 100, rates from 0.01/h to 40,000/h."""
ROBERTSON = System(
    {
        "a": "-0.04 * a + 1e4 * b * c",
        "b": "0.04 * a - 1e4 * b * c - 3e7 * b * b",
        "c": "3e7 * b * b",
    },
    {},
)
POL = System({"x": "v", "v": "mu * (1 - x * x) * v - x"}, {"mu": 1000.0})
DRIVEN = System(
    {"y": "-k * (y - sin) + cos", "sin": "w * cos", "cos": "-w * sin"}, {"k": 1e4, "w": 1.0}
)
CLOCKED = System({"y": "-k * (y - exp(-t)) - exp(-t)"}, {"k": 1e3})
"""y = exp(-t) + (y0 - 1) exp(-k t): stiff, and depends on the time itself."""
GROWTH = System({"y": "y * y"}, {})


def linear_system(matrix):
    n = len(matrix)
    names = [f"x{i}" for i in range(n)]
    return System(
        {names[i]: " + ".join(f"k{i}_{j} * {names[j]}" for j in range(n)) for i in range(n)},
        {f"k{i}_{j}": matrix[i, j] for i in range(n) for j in range(n)},
    )


# --------------------------------------------------------------------------------------- the methods


def rk_conditions(method):
    """Residuals of the order conditions up to order five, one for each rooted tree."""
    a, b = method.argument, method.argument[-1]
    c = a.sum(axis=1)
    ac, ac2 = a @ c, a @ c**2
    pairs = [
        (b.sum(), 1), (b @ c, 1 / 2), (b @ c**2, 1 / 3), (b @ ac, 1 / 6), (b @ c**3, 1 / 4),
        (b @ (c * ac), 1 / 8), (b @ ac2, 1 / 12), (b @ (a @ ac), 1 / 24), (b @ c**4, 1 / 5),
        (b @ (c**2 * ac), 1 / 10), (b @ ac**2, 1 / 20), (b @ (c * ac2), 1 / 15), (b @ (a @ c**3), 1 / 20),
        (b @ (c * (a @ ac)), 1 / 30), (b @ (a @ (c * ac)), 1 / 40), (b @ (a @ ac2), 1 / 60),
        (b @ (a @ a @ ac), 1 / 120),
    ]  # fmt: skip
    return np.array([left - right for left, right in pairs])


def test_explicit_method_satisfies_the_order_conditions():
    assert np.abs(rk_conditions(TSIT5)).max() < 1e-14
    np.testing.assert_allclose(TSIT5.argument.sum(axis=1), TSIT5.node, atol=1e-14)
    lower = TSIT5._replace(argument=TSIT5.argument + np.outer(np.eye(7)[6], TSIT5.error))
    assert np.abs(rk_conditions(lower)[8:]).max() > 1e-4  # the estimate is of order four


def test_implicit_method_satisfies_the_order_conditions():
    """In the coefficients beta = alpha + Gamma of Hairer and Wanner; those of order four, and the nodes."""
    inverse = np.eye(8) / RODAS5P.gamma - RODAS5P.memory
    gamma = np.linalg.inv(inverse)
    alpha = RODAS5P.argument @ gamma
    b = (RODAS5P.argument[-1] + np.eye(8)[7]) @ gamma
    beta, c = alpha + gamma, alpha.sum(axis=1)
    d = beta.sum(axis=1)
    np.testing.assert_allclose(c, RODAS5P.node, atol=2e-13)
    np.testing.assert_allclose(gamma.sum(axis=1), RODAS5P.slope, atol=2e-12)
    pairs = [
        (b.sum(), 1), (b @ d, 1 / 2), (b @ c**2, 1 / 3), (b @ beta @ d, 1 / 6), (b @ c**3, 1 / 4),
        (b @ (c * (alpha @ d)), 1 / 8), (b @ beta @ c**2, 1 / 12), (b @ beta @ beta @ d, 1 / 24),
        (b @ c**4, 1 / 5), (b @ beta @ beta @ beta @ d, 1 / 120),
    ]  # fmt: skip
    np.testing.assert_allclose(*np.transpose(pairs), atol=1e-11)
    np.testing.assert_allclose(beta[-1], b, atol=1e-11)  # stiffly accurate, so L-stable


@pytest.mark.parametrize("method", [TSIT5, RODAS5P], ids=["explicit", "implicit"])
@pytest.mark.parametrize("what", ["end", "inside"])
def test_order_of_convergence(method, what):
    """With steps of equal length on the logistic equation, at the end and in the middle of a step."""

    def follow(steps):
        y, h, worst = 0.1, 2.0 / steps, 0.0
        for s in range(steps):
            new, inside = one_step(method, lambda y: y * (1 - y), lambda y: 1 - 2 * y, y, h)
            t = h * (s + 0.37)
            worst = max(worst, abs(inside(0.37) - logistic(t)))
            y = new
        return worst if what == "inside" else abs(y - logistic(2.0))

    errors = np.array([follow(steps) for steps in (8, 16, 32)])
    orders = np.log2(errors[:-1] / errors[1:])
    assert (orders > (3.7 if what == "inside" else 4.7)).all(), orders


def logistic(t):
    return 1 / (1 + 9 * math.exp(-t))


def one_step(method, f, slope, y, h):
    """A step on a scalar equation, written from the definitions, and the polynomial inside it."""
    k, implicit = [], method.gamma > 0
    factor = 1.0 if implicit else h
    for a, c in zip(method.argument, method.memory, strict=True):
        argument = y + factor * np.dot(a[: len(k)], k)
        rate = f(argument)
        if implicit:
            rate = (rate + np.dot(c[: len(k)], k) / h) / (1 / (h * method.gamma) - slope(y))
        k.append(rate)
    new = argument + (k[-1] if implicit else 0.0)
    F = factor * method.dense @ k
    return new, lambda x: y + x * (new - y + (1 - x) * (F[0] + x * (F[1] + x * F[2])))


# --------------------------------------------------------------------------------------- the answers


@slow
@both_ways
def test_population_against_the_reference(series):
    """Ten subjects of a population: absorption, saturable elimination, indirect response; values in 50 digits."""
    with np.load(DATA / "oral_saturable.npz") as stored:
        values = dict(zip(stored["names"].tolist(), stored["parameters"].T, strict=True))
        expected, times = stored["amounts"], stored["times"]
    initial = np.zeros((len(expected), 4))
    initial[:, 3] = values["kin"] / values["kout"]
    tape = tape_of(4, [(12.0 * k, 0, 10.0, 0.0) for k in range(28)], times)
    result = run(ORAL, [tape], initial, ORAL.parameters(**values), series=series)
    error = np.abs(result.out - expected).max(axis=2)
    assert (error <= 1e-6 * expected.max(axis=(1, 2))[:, None]).all()
    assert (error <= 2e-6 * expected.max(axis=2)).all()
    assert result.counts[:, 0].max() < 1400  # of 28 intervals
    assert result.counts[:, 3].max() == 0  # never implicit


@both_ways
@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8, 1e-10])
def test_saturable_elimination_in_closed_form(rtol, series):
    times = np.linspace(0.0, 20.0, 41)
    km = MENTEN.values["volume"] * MENTEN.values["km"]
    start = 10.0 / km
    exact = km * lambertw(start * np.exp(start - MENTEN.values["vmax"] * times / km)).real
    result = run(
        MENTEN, [tape_of(1, [], times)], [10.0], rtol=rtol, atol=rtol * 1e-3, series=series
    )
    assert np.abs(result.out[0, 0] - exact).max() <= 60 * rtol
    assert result.counts[0, 0] < 40 * (1e-6 / rtol) ** 0.2 + 10


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spread", [0.5, 3.0])
def test_linear_systems_against_exponentials(seed, spread):
    rng = np.random.default_rng(seed)
    flows = 10.0 ** rng.uniform(-spread, spread, (4, 4)) * (rng.random((4, 4)) < 0.6)
    np.fill_diagonal(flows, 0.0)
    matrix = flows - np.diag(flows.sum(axis=0) + np.array([0, 0, 0, 0.1]))
    times = np.array([0.0, 0.01, 0.5, 1.0, 7.0, 20.0])
    result = run(linear_system(matrix), [tape_of(4, [(0.0, 0, 10.0, 0.0)], times)], atol=1e-10)
    exact = np.stack([expm(matrix * t)[:, 0] * 10 for t in times], axis=1)
    assert result.status[0] == OK
    assert np.abs(result.out[0] - exact).max() <= 2e-6 * 10
    assert result.counts[0, :2].sum() < 1500


STIFF = {
    "binding": (
        TMDD, [0.0, 2.0, 0.0], [(0.0, 0, 100.0, 0.0), (24.0, 0, 50.0, 2.0)],
        [0.0, 1e-3, 0.1, 1.0, 12.0, 24.0, 25.0, 26.0, 48.0, 300.0, 1000.0], 1e-3,
    ),
    "robertson": (ROBERTSON, [1.0, 0.0, 0.0], [], [0.0, 1e-4, 0.4, 40.0, 4e3, 4e4], 1e-6),
    "pol": (POL, [2.0, 0.0], [], [0.0, 400.0, 700.0, 1000.0, 1500.0], 1e-3),
    "driven": (DRIVEN, [0.0, 0.0, 1.0], [], [0.0, 1.0, 3.0, 10.0], 1e-3),
    "clocked": (CLOCKED, [2.0], [], [0.0, 1e-3, 0.1, 1.0, 5.0], 1e-3),
    "oral": (
        ORAL, [0.0, 0.0, 0.0, 100.0], [(0.0, 0, 10.0, 0.0), (12.0, 1, 5.0, 3.0)],
        [0.0, 1.0, 13.0, 30.0], 1e-3,
    ),
}  # fmt: skip


@cache
def stiff_reference(name):
    return reference(*STIFF[name][:4])


@slow
@both_ways
@pytest.mark.parametrize("name", STIFF)
def test_grid_of_tolerances(name, series):
    """Errors stay within the tolerance of the largest amount, and fall with it; work stays in bounds."""
    system, initial, events, times, least = STIFF[name]
    n = len(initial)
    exact = stiff_reference(name)
    errors, work = [], []
    for rtol in 10.0 ** -np.arange(4, 11):
        tape = tape_of(n, events, times)
        result = run(system, [tape], initial, rtol=rtol, atol=rtol * least, series=series)
        assert result.status[0] == OK
        errors.append(np.abs(result.out[0] - exact).max() / np.abs(exact).max() / rtol)
        work.append(result.counts[0, :2].sum())
    assert max(errors) <= (3.0 if (name, series) == ("driven", False) else 1.0), errors
    assert errors[0] * 1e-4 > 3 * errors[2] * 1e-6 > 9 * errors[4] * 1e-8
    assert max(work) < 20_000, work
    assert work[2] < 1500, work


# ------------------------------------------------------------------------------------ cases side by side


@cache
def crowd():
    """Sixty cases of binding, stiff and not stiff, on two tapes; arguments of `run`."""
    rng = np.random.default_rng(5)
    kon, kel = 10.0 ** rng.uniform(-5, 3, 60), 10.0 ** rng.uniform(-3, 0, 60)
    parameters = TMDD.parameters(kon=kon, koff=kon / 40.0, kel=kel)
    tapes = [
        tape_of(3, [(0.0, 0, 50.0, 0.0), (12.0, 0, 10.0, 3.0)], np.linspace(0.0, 48.0, 13)),
        tape_of(3, [(1.0, 0, 5.0, 0.0), (7.5, 2, 5.0, 0.0)], np.linspace(0.5, 36.0, 7)),
    ]
    scales = rng.uniform(0.5, 2.0, (60, 1))
    tapes = [[(*item, 0 if item[1] == ADD else -1) for item in tape] for tape in tapes]
    return parameters, rng.uniform(0.0, 3.0, (60, 3)), rng.integers(0, 2, 60), scales, tapes


def run_crowd(chosen):
    parameters, initial, program, scales, tapes = crowd()
    return run(TMDD, tapes, initial[chosen], parameters[chosen], program[chosen], scales[chosen])


@cache
def everybody():
    return run_crowd(np.arange(60))


@given(st.lists(st.integers(0, 59), min_size=1, max_size=40))
@few
def test_a_case_has_the_same_bits_in_any_company(chosen):
    chosen, whole = np.array(chosen[: None if COMPILED else 1]), everybody()
    some = run_crowd(chosen)
    assert bits(*some) == bits(*(part[chosen] for part in whole))


@slow
def test_crowd_is_right_and_uses_both_methods():
    parameters, initial, program, scales, _ = crowd()
    result = everybody()
    assert (result.status == OK).all()
    implicit = result.counts[:, 3] > 0
    assert 10 < implicit.sum() < 55
    for case in range(0, 60, 13):
        names = TMDD.program().parameters
        changed = dict(zip(names, parameters[case, 0], strict=False))
        doses = (
            [(0.0, 0, 50.0, 0.0), (12.0, 0, 10.0, 3.0)],
            [(1.0, 0, 5.0, 0.0), (7.5, 2, 5.0, 0.0)],
        )
        events = [(t, i, a * scales[case, 0], d) for t, i, a, d in doses[program[case]]]
        times = [np.linspace(0.0, 48.0, 13), np.linspace(0.5, 36.0, 7)][program[case]]
        exact = reference(TMDD, initial[case], events, times, **changed)
        error = np.abs(result.out[case][:, : len(times)] - exact).max()
        assert error <= 2e-6 * exact.max()


@slow
def test_threads():
    whole = everybody()
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(run_crowd, np.split(np.arange(60), [7, 30, 31])))
    assert bits(*whole) == bits(*(np.concatenate(each) for each in zip(*parts, strict=True)))


# ------------------------------------------------------------------------------------------- the tape


DECAY = System({"a": "-k * a", "b": "k * a - q * b"}, {"k": 0.5, "q": 0.2})


def decayed(y, inflow, h, k=0.5, q=0.2):
    """DECAY after h hours with constant inflow."""
    matrix = np.zeros((4, 4))
    matrix[:2] = [[-k, 0, 1, 0], [k, -q, 0, 1]]
    return (expm(matrix * h) @ [*y, *inflow])[:2]


def test_every_item():
    tape = [
        (0.0, ADD, 0, 10.0), (0.0, OUTPUT, 0, 0.0), (1.0, OUTPUT, 1, 0.0), (1.0, ADD, 2, 3.0, 0),
        (1.0, OUTPUT, 2, 0.0), (1.5, OUTPUT, 3, 0.0), (2.0, SET, 2, 0.0), (2.0, SET, 1, 1.0, 0), (3.0, OUTPUT, 4, 0.0),
        (3.0, SEGMENT, 1, 0.0), (4.0, OUTPUT, 5, 0.0), (5.0, ADD, 3, 2.0), (5.0, RESET, 0, 0.0), (5.0, OUTPUT, 6, 0.0),
        (6.0, OUTPUT, 7, 0.0), (6.0, SEGMENT, 0, 0.0), (7.25, OUTPUT, 8, 0.0), (7.25, OUTPUT, 9, 0.0),
    ]  # fmt: skip
    parameters = np.concatenate([DECAY.parameters(), DECAY.parameters(k=2.0)], axis=1)
    result = run(
        DECAY, [tape], [1.0, 0.5], parameters, scales=np.array([[2.0]]), rtol=1e-9, atol=1e-12
    )
    y0 = np.array([11.0, 0.5])
    y1 = decayed(y0, [0, 0], 1.0)
    y2 = decayed(y1, [6.0, 0], 1.0)
    y3 = decayed([y2[0], 2.0], [0, 0], 1.0)
    y6 = decayed([1.0, 0.5], [0, 0], 1.0, k=2.0)
    last = decayed(y6, [0, 0], 1.25)
    expected = [
        y0, y1, y1, decayed(y1, [6.0, 0], 0.5), y3, decayed(y3, [0, 0], 1.0, k=2.0), [1.0, 0.5], y6, last, last,
    ]  # fmt: skip
    assert result.status[0] == OK
    np.testing.assert_allclose(result.out[0].T, expected, rtol=1e-7)
    assert bits(result.out[0, :, 8]) == bits(result.out[0, :, 9])


def test_rows_repeat_and_leave_out_states():
    tape = tape_of(2, [(0.0, 0, 10.0, 0.0)], [0.0, 0.7, 2.0])
    both, some = run(DECAY, [tape]), run(DECAY, [tape], rows=[1, 1])
    assert bits(some.out[0, 0], some.out[0, 1]) == bits(both.out[0, 1], both.out[0, 1])


def test_reading_out_costs_and_changes_nothing():
    many = np.linspace(0.0, 24.0, 200)
    few_times = tape_of(2, [(0.0, 0, 10.0, 0.0)], [24.0])
    dense, sparse = run(DECAY, [tape_of(2, [(0.0, 0, 10.0, 0.0)], many)]), run(DECAY, [few_times])
    assert bits(dense.out[0, :, -1], dense.counts) == bits(sparse.out[0, :, 0], sparse.counts)


@given(st.floats(0.01, 3.0), st.floats(0.0, 30.0), st.floats(0.1, 5.0))
@few
def test_mass_balance(k, begin, duration):
    closed = System(
        {"a": "-k * a / (1 + a) + b", "b": "k * a / (1 + a) - b - 0.3 * b", "out": "0.3 * b"},
        {"k": 1.0},
    )
    tape = tape_of(3, [(0.0, 0, 10.0, 0.0), (begin, 1, 4.0, duration)], [begin + duration, 60.0])
    result = run(closed, [tape], parameters=closed.parameters(k=k))
    np.testing.assert_allclose(result.out[0].sum(axis=0), 14.0, rtol=1e-12)


def test_a_tape_of_one_item_and_one_without_read_outs():
    result = run(DECAY, [[(3.0, OUTPUT, 0, 0.0)]], [1.0, 2.0])
    assert result.out[0, :, 0].tolist() == [1.0, 2.0]
    result = run(DECAY, [[(3.0, ADD, 0, 1.0), (4.0, ADD, 0, 1.0)]], [1.0, 2.0])
    assert result.status[0] == OK


def test_nothing_happens_in_an_empty_system():
    result = run(DECAY, [tape_of(2, [(5.0, 0, 1.0, 1.0)], [0.0, 4.0, 5.5])])
    assert (result.out[0, :, :2] == 0.0).all()
    np.testing.assert_allclose(result.out[0, :, 2], decayed([0, 0], [1, 0], 0.5), rtol=1e-5)
    assert result.counts[0, :2].sum() < 40


# ------------------------------------------------------------------------------------- what goes wrong


def wrong(position=3, cases=9, **changed):
    """GROWTH explodes in one case of several; status and values of the others."""
    initial = np.full((cases, 1), 0.1)
    initial[position] = changed.pop("start", 2.0)
    parameters = np.tile(GROWTH.parameters(), (cases, 1, 1))
    tape = [(0.0, OUTPUT, 0, 0.0), (5.0, OUTPUT, 1, 0.0)]
    return run(GROWTH, [tape], initial, parameters, **changed)


@both_ways
def test_a_solution_that_explodes_harms_nobody_else(series):
    result = wrong(series=series)
    assert result.status[3] in (STEP_TOO_SMALL, NONFINITE_RESULT)
    assert result.counts[3, :2].sum() < 2000
    assert np.isnan(result.out[3]).all()
    others = np.delete(np.arange(9), 3)
    np.testing.assert_allclose(result.out[others, 0, 1], 0.2, rtol=1e-5)
    assert (result.status[others] == OK).all()


@both_ways
def test_outflow_of_a_tank(series):
    """y' = -k sqrt(y + a) has a parabola as its solution."""
    tank = System({"y": "-k * sqrt(y + a)"}, {"k": 0.5, "a": 1.0})
    times = np.array([0.0, 0.3, 1.0, 4.0, 6.0])
    result = run(tank, [tape_of(1, [], times)], [8.0], series=series)
    np.testing.assert_allclose(result.out[0, 0], (3.0 - 0.25 * times) ** 2 - 1.0, rtol=1e-6)


def test_coefficients_that_overflow_leave_it_to_the_implicit_method():
    fast = System({"y": "q - k * y"}, {"k": 1e40, "q": 1.0})
    result = run(fast, [tape_of(1, [], [0.0, 1.0])], [1.0])
    assert result.status[0] == OK
    assert result.counts[0, 3] > 0
    assert 0 <= result.out[0, 0, 1] < 1e-6


def test_overflow():
    result = wrong(start=1e300)
    assert result.status[3] == NONFINITE_RESULT
    assert np.isnan(result.out[3]).all()


def test_step_limit():
    result = run(ORAL, [tape_of(4, [(0.0, 0, 10.0, 0.0)], [0.0, 100.0])], steps=20)
    assert result.status[0] == TOO_MANY_STEPS
    assert result.counts[0, :2].sum() == 21
    assert np.isnan(result.out).all()


@pytest.mark.parametrize("what", ["parameter", "initial", "scale"])
def test_a_number_that_is_none_in_the_input(what):
    parameters = np.tile(GROWTH.parameters(), (3, 1, 1))
    initial, scales = np.full((3, 1), 0.1), np.ones((3, 1))
    {"parameter": parameters, "initial": initial, "scale": scales}[what][1] = np.nan
    tape = [(0.0, ADD, 0, 0.1, 0), (1.0, OUTPUT, 0, 0.0)]
    result = run(GROWTH, [tape], initial, parameters, scales=scales)
    assert result.status.tolist() == [OK, NONFINITE_INPUT, OK]
    assert np.isnan(result.out[1]).all()
    assert np.isfinite(result.out[[0, 2]]).all()


def test_a_rate_that_is_none():
    result = run(System({"y": "-log(y)"}, {}), [tape_of(1, [], [0.0, 1.0])], [-1.0])
    assert result.status[0] == NONFINITE_RESULT
    assert result.counts[0, :2].sum() < 20


@pytest.mark.parametrize(
    "item",
    [
        (2.0, 5, 0, 1.0), (2.0, -1, 0, 1.0), (2.0, ADD, 2, 1.0), (2.0, SET, -1, 1.0), (0.5, ADD, 0, 1.0),
        (math.nan, ADD, 0, 1.0), (math.inf, OUTPUT, 1, 1.0), (2.0, SEGMENT, 2, 0.0),
    ],
)  # fmt: skip
def test_bad_tapes(item):
    good = [(0.0, ADD, 0, 0.1), (1.0, OUTPUT, 0, 0.0)]
    result = run(GROWTH, [good, [*good, item]], [0.1], np.zeros((3, 2, 0)), program=[0, 1, 0])
    assert result.status.tolist() == [OK, BAD_TAPE, OK]


# ------------------------------------------------------------------------------------ a user's function


def binding(t, y, p, dydt):
    drug, target, bound = y[0], y[1], y[2]
    binds = p[0] * drug * target - p[1] * bound
    dydt[0] = -p[2] * drug - binds
    dydt[1] = p[3] - p[4] * target - binds
    dydt[2] = binds - p[5] * bound + 0.1 * math.cos(t) * bound


@slow
@pytest.mark.parametrize("kon", [0.01, 400.0], ids=["explicit", "implicit"])
def test_function_of_the_user(kon):
    pointer = numba.types.CPointer(numba.float64)
    function = numba.cfunc(numba.void(numba.float64, pointer, pointer, pointer))(binding)
    names = ["kon", "koff", "kel", "ksyn", "kdeg", "kint"]
    values = [kon, kon / 40.0, 0.01, 0.1, 0.05, 0.04]
    equations = {
        "drug": "-kel * drug - binds",
        "target": "ksyn - kdeg * target - binds",
        "bound": "binds - kint * bound + 0.1 * cosine * bound",
        "cosine": "-sine", "sine": "cosine",
    }  # fmt: skip
    text = System(
        equations,
        dict(zip(names, values, strict=True)),
        {"binds": "kon * drug * target - koff * bound"},
    )
    tape = tape_of(3, [(0.0, 0, 100.0, 0.0), (3.0, 1, 2.0, 2.0)], [0.0, 0.1, 2.0, 4.0, 20.0])
    exact = reference(
        text,
        [0, 2, 0, 1, 0],
        [(0.0, 0, 100.0, 0.0), (3.0, 1, 2.0, 2.0)],
        [0.0, 0.1, 2.0, 4.0, 20.0],
    )[:3]
    cases = 20
    out, status = np.empty((cases, 3, 5)), np.zeros(cases, np.uint8)
    counts = np.zeros((cases, 4), np.int64)
    time, op, index, value = (np.array(v) for v in zip(*tape, strict=True))
    nothing = np.zeros((0, 4), np.int64)
    adaptive.solve(
        nothing, np.zeros(3, np.int64), nothing, nothing[:, :3], np.zeros((0, 5), np.int64), function.address, 10,
        np.tile(values, (cases, 1, 1)), np.zeros((1, 1, 0)), np.array([[0.0, 2.0, 0.0]]), np.array([0, len(tape)]),
        time, op, index, value,
        np.full(len(tape), -1), np.ones((cases, 0)), np.zeros(cases, np.int64), np.arange(3), 1e-7, np.full(3, 1e-10),
        10_000, out, status, counts,
    )  # fmt: skip
    assert (status == OK).all()
    assert (counts[:, 3] > 0).all() == (kon > 1.0)
    assert bits(out) == bits(np.broadcast_to(out[0], out.shape))
    assert np.abs(out[0] - exact).max() <= 1e-6 * exact.max()


def logistic_rate(t, y, p, dydt):
    dydt[0] = p[0] * y[0] * (p[1] - y[0])


def test_function_and_program_give_the_same_bits():
    pointer = numba.types.CPointer(numba.float64)
    signature = numba.void(numba.float64, pointer, pointer, pointer)
    if COMPILED:
        address = numba.cfunc(signature)(logistic_rate).address
    else:
        pytest.skip("there is no function with an address")
    system = System({"y": "r * y * (m - y)"}, {"r": 1.0, "m": 2.0})
    tape = tape_of(1, [(1.0, 0, 0.5, 0.0)], [0.0, 0.4, 1.0, 3.0])
    texts = run(system, [tape], [0.1])
    called = run(system, [tape], [0.1], address=address)
    assert bits(texts.out) == bits(called.out)
