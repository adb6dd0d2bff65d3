"""The exact linear kernel against golden values, an oracle in many digits, and the laws it must keep."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import naive
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkmodel.kernels import linear, machine, vectors
from pkmodel.kernels.tapes import (
    ADD,
    ASIDE,
    BAD_TAPE,
    CLOCK,
    GENERAL,
    INTEGRAL,
    JOIN,
    MASS,
    NO_STEADY_STATE,
    NONFINITE_INPUT,
    NONFINITE_RESULT,
    OK,
    OUTPUT,
    RATE,
    RESET,
    SEGMENT,
    SET,
    STEADY,
)

COMPILED = not machine.interpreted()
GOLDEN = json.loads((Path(__file__).parent / "data" / "linear_systems.json").read_text())
NAMES = {
    "add": ADD, "set": SET, "output": OUTPUT, "segment": SEGMENT, "reset": RESET, "clock": CLOCK,
    "aside": ASIDE, "join": JOIN,
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module", params=[True, False] if COMPILED else [True], ids=str)
def tabled(request):
    """Everything with runs from tables, and without."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear, "_tabled", lambda *sizes: request.param)
        yield


few = settings(max_examples=40 if COMPILED else 5, deadline=None)


def run(matrices, kind, tapes, program=None, scales=None, rows=None, columns=None, weight=None):
    """Amounts (case, row, time) and status; a tape is a list of (time, op, index, value[, scale])."""
    matrices = np.ascontiguousarray(matrices, float)
    cases = len(program) if program is not None else len(matrices)
    program = np.zeros(cases, np.int64) if program is None else np.asarray(program, np.int64)
    n = matrices.shape[-1]
    items = [(*item, -1)[:5] for tape in tapes for item in tape]
    times, ops, index, value, scale = (np.array(v) for v in zip(*items, strict=True))
    rows = rows or [[(state, 1.0)] for state in range(n)]
    weight = np.array([[w for row in rows for _, w in row]]) if weight is None else weight
    if columns is None:
        columns = 1 + max(item[2] for item in items if item[1] == OUTPUT)
    out = np.full((cases, len(rows), columns), 7.0)
    status = np.zeros(cases, np.uint8)
    with np.errstate(all="ignore"):
        linear.solve(
            matrices,
            np.asarray(kind, np.int64),
            np.cumsum([0, *(len(tape) for tape in tapes)]),
            times.astype(float),
            ops.astype(np.int64),
            index.astype(np.int64),
            value.astype(float),
            scale.astype(np.int64),
            np.ones((cases, 0)) if scales is None else scales,
            program,
            np.cumsum([0, *(len(row) for row in rows)]),
            np.array([state for row in rows for state, _ in row]),
            weight,
            out,
            status,
        )
    return out, status


def tape_of(n, events, times):
    """Boluses and infusions, into n compartments that are followed by their n inflows."""
    items = []
    for begin, source, amount, duration in events:
        if duration == 0:
            items.append((begin, ADD, source, amount))
        else:
            items.append((begin, ADD, n + source, amount / duration))
            items.append((begin + duration, ADD, n + source, -amount / duration))
    items += [(time, OUTPUT, k, 0.0) for k, time in enumerate(times)]
    return sorted(items, key=lambda item: (item[0], item[1] == OUTPUT))


def kinds_of(n):
    return [MASS] * n + [RATE] * n


def random_rates(seed, n, spread=2.0, leak=True, chain=False):
    """A random compartment model: rate constants over several orders of magnitude."""
    rng = np.random.default_rng(seed)
    flows = 10.0 ** rng.uniform(-spread, spread, (n, n)) * (rng.random((n, n)) < 0.6)
    if chain:
        flows = np.diag(10.0 ** rng.uniform(-spread, spread, n - 1), -1)
    np.fill_diagonal(flows, 0.0)
    out = np.zeros(n)
    out[-1] = 10.0 ** rng.uniform(-spread, 0.0) if leak else 0.0
    return flows - np.diag(flows.sum(axis=0) + out), out


def bits(a):
    return np.ascontiguousarray(a).view(np.uint8).tobytes()


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_golden(case):
    a, expected = np.array(case["A"]), np.array(case["expected"])
    n = len(a)
    out, status = run(
        naive.with_inflows(a)[None, None], kinds_of(n), [tape_of(n, case["events"], case["times"])]
    )
    assert status[0] == OK
    assert np.abs(out[0, :n].T - expected).max() <= 1e-12 * expected.max()
    assert out[0, :n].min() >= 0.0


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("spread", [1.0, 3.0])
def test_random_models_against_the_oracle(n, spread):
    a, _ = random_rates(n, n, spread)
    events = [(0.0, 0, 10.0, 0.0), (1.5, n - 1, 4.0, 2.25)]
    times = [0.0, 0.125, 1.5, 7.0, 40.0]
    out, _ = run(naive.with_inflows(a)[None, None], kinds_of(n), [tape_of(n, events, times)])
    expected = naive.amounts(a, events, times)
    np.testing.assert_allclose(out[0, :n].T, expected, rtol=0, atol=1e-12 * expected.max())


@pytest.mark.parametrize("h", [0.0, 1e-12, 1e-3, 1.0, 1e3, 1e5])
def test_stiff_steps_keep_relative_accuracy(h):
    a = np.array([[-1e3, 2.0, 0.0], [1e3, -2.01, 1e-3], [0.0, 0.01, -2e-3]])
    out, _ = run(a[None, None], [MASS] * 3, [[(0.0, ADD, 0, 1.0), (h, OUTPUT, 0, 0.0)]])
    expected = naive.follow([a], [(0.0, "add", 0, 1.0), (h, "output", 0, 0.0)])[0]
    kept = expected > 1e-250
    np.testing.assert_allclose(out[0, kept, 0], expected[kept], rtol=1e-13 * (1 + h * 3e-3))


@pytest.mark.parametrize("n", [1, 2, 4, 17, 50, 100] if COMPILED else [1, 4])
def test_every_size_conserves_mass(n):
    a, _ = random_rates(n, n, leak=False)
    out, status = run(a[None, None], [MASS] * n, [[(0.0, ADD, 0, 1.0), (24.0, OUTPUT, 0, 0.0)]])
    assert status[0] == OK and out.min() >= 0.0
    assert abs(out.sum() - 1.0) < 1e-13


def test_transit_chain_is_entrywise_accurate():
    n = 12
    a = np.diag([-1.0] * n) + np.diag([1.0] * (n - 1), -1)
    out, _ = run(a[None, None], [MASS] * n, [[(0.0, ADD, 0, 1.0), (0.01, OUTPUT, 0, 0.0)]])
    expected = [0.01**k / np.prod(np.arange(1.0, k + 1)) * np.exp(-0.01) for k in range(n)]
    np.testing.assert_allclose(out[0, :, 0], expected, rtol=1e-13)


def test_negative_flows_and_growth_are_solved_without_the_sink():
    a = np.array([[-1.0, -4.0, 0.0], [4.0, -1.0, 0.5], [0.3, 0.0, 0.2]])
    items = [(0.0, "add", 0, 1.0), (0.7, "output", 0, 0.0), (3.0, "output", 1, 0.0)]
    for kind in (MASS, GENERAL):
        tape = [(t, NAMES[name], i, v) for t, name, i, v in items]
        out, _ = run(a[None, None], [kind] * 3, [tape])
        np.testing.assert_allclose(out[0].T, naive.follow([a], items), rtol=1e-13, atol=1e-14)


def test_integrals_are_exact_and_may_be_nested():
    a = np.array([[-1.3, 0.0], [1.3, -0.2]])
    m = np.zeros((4, 4))
    m[:2, :2] = a
    m[2, 1] = 1.0
    m[3, 2] = 1.0
    items = [(0.0, "add", 0, 5.0), (2.5, "output", 0, 0.0), (90.0, "output", 1, 0.0)]
    tape = [(t, NAMES[name], i, v) for t, name, i, v in items]
    out, _ = run(m[None, None], [MASS, MASS, INTEGRAL, INTEGRAL], [tape])
    np.testing.assert_allclose(out[0].T, naive.follow([m], items), rtol=1e-13)


def test_what_left_and_what_is_left_make_the_dose():
    a, leak = random_rates(5, 4, 3.0)
    m = np.zeros((5, 5))
    m[:4, :4] = a
    m[4, :4] = leak
    times = np.linspace(0.0, 300.0, 41)
    tape = [(0.0, ADD, 0, 1.0), *((t, OUTPUT, k, 0.0) for k, t in enumerate(times))]
    out, _ = run(m[None, None], [MASS] * 4 + [INTEGRAL], [tape])
    np.testing.assert_allclose(out[0].sum(axis=0), 1.0, rtol=1e-12)


@few
@given(seed=st.integers(0, 10**6), n=st.integers(1, 5), k=st.floats(0.01, 100.0))
def test_superposition_linearity_and_sign(seed, n, k):
    a, _ = random_rates(seed, n)
    m = naive.with_inflows(a)[None, None]
    first, second = [(0.0, 0, 1.0, 0.0)], [(2.0, n - 1, 3.0, 5.0)]
    times = [0.0, 1.0, 2.0, 4.5, 7.0, 30.0]

    def amounts(events):
        return run(m, kinds_of(n), [tape_of(n, events, times)])[0][0, :n]

    both = amounts(first + second)
    assert both.min() >= 0.0
    np.testing.assert_allclose(amounts(first) + amounts(second), both, rtol=1e-11, atol=1e-12)
    scaled = amounts([(0.0, 0, k, 0.0), (2.0, n - 1, 3.0 * k, 5.0)])
    np.testing.assert_allclose(scaled, k * both, rtol=1e-11, atol=1e-12 * k)


@few
@given(seed=st.integers(0, 10**6), n=st.integers(1, 5), shift=st.integers(-1000, 1000))
def test_time_shift_and_split_interval(seed, n, shift):
    a, _ = random_rates(seed, n)
    tape = [(0.0, ADD, 0, 1.0), (1.0, OUTPUT, 0, 0.0), (5.5, OUTPUT, 1, 0.0)]
    out, _ = run(a[None, None], [MASS] * n, [tape])
    moved, _ = run(a[None, None], [MASS] * n, [[(t + shift, *rest) for t, *rest in tape]])
    np.testing.assert_array_equal(moved, out)
    split = sorted([*tape, (0.25, ADD, 0, 0.0), (3.125, ADD, 0, 0.0)])
    np.testing.assert_allclose(run(a[None, None], [MASS] * n, [split])[0], out, rtol=1e-11)


def test_items_on_the_same_time_act_in_order():
    a = np.array([[-0.5]])
    tape = [
        (0.0, OUTPUT, 0, 0.0), (0.0, ADD, 0, 2.0), (0.0, OUTPUT, 1, 0.0), (0.0, SET, 0, 5.0),
        (0.0, OUTPUT, 2, 0.0), (1.0, OUTPUT, 3, 0.0), (1.0, RESET, 0, 0.0), (1.0, OUTPUT, 4, 0.0),
    ]  # fmt: skip
    out, _ = run(a[None, None], [MASS], [tape])
    np.testing.assert_allclose(out[0, 0], [0.0, 2.0, 5.0, 5.0 * np.exp(-0.5), 0.0], rtol=1e-15)


def test_the_clock_goes_back_and_what_is_put_aside_rests():
    a, _ = random_rates(5, 3, 1.0)
    items = [
        (0.0, "add", 0, 2.0), (3.0, "aside", 0, 0.0), (3.0, "clock", 0, -20.0), (-20.0, "add", 1, 5.0),
        (-18.0, "output", 0, 0.0), (-17.0, "join", 0, 0.0), (-17.0, "output", 1, 0.0),
        (-16.0, "reset", 0, 0.0), (-16.0, "clock", 0, 7.0), (7.0, "add", 2, 1.0), (7.5, "output", 2, 0.0),
    ]  # fmt: skip
    tape = [(time, NAMES[name], index, value) for time, name, index, value in items]
    out, status = run(a[None, None], [MASS] * 3, [tape])
    assert status[0] == OK
    np.testing.assert_allclose(out[0].T, naive.follow([a], items), rtol=1e-13)


def test_many_outputs_between_jumps_in_any_order_of_columns():
    a = np.array([[-0.05]])
    times = np.arange(100) * 0.1
    order = np.random.default_rng(0).permutation(100)
    tape = [(0.0, ADD, 0, 1.0), *((t, OUTPUT, k, 0.0) for t, k in zip(times, order, strict=True))]
    out, _ = run(a[None, None], [MASS], [tape])
    np.testing.assert_allclose(out[0, 0, order], np.exp(-0.05 * times), rtol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
def test_runs_of_every_length_equal_single_steps(n):
    a, _ = random_rates(n, n, 1.0)
    rows = [[(n - 1, 0.5)], [(state, 1.0 + state) for state in range(n)]]
    for length in range(1, 40) if COMPILED else (7, 8, 13, 33):
        tape = [(0.0, ADD, 0, 1.0), (1.0, ADD, n - 1, 2.0)]
        forth = [(1.0 + 0.25 * k, OUTPUT, k, 0.0) for k in range(length)]
        back = [(time, op, length - 1 - k, value) for time, op, k, value in forth]
        run_out, _ = run(a[None, None], [MASS] * n, [tape + forth], rows=rows, columns=48)
        steps, _ = run(a[None, None], [MASS] * n, [tape + back], rows=rows, columns=48)
        np.testing.assert_allclose(
            run_out[0, :, :length], steps[0, :, length - 1 :: -1][:, :length], rtol=1e-13
        )
        assert (run_out[0, :, length:] == 7.0).all()


def test_runs_in_any_order_of_columns_at_several_distances():
    a, _ = random_rates(3, 3, 1.0)
    blocks = [(40, 0.5, 9), (12, 0.25, 21), (4, 1.0, 4), (8, 0.125, 4), (0, 2.0, 4), (60, 0.5, 7)]
    time, items = 0.0, [(0.0, ADD, 0, 3.0)]
    for column, gap, count in blocks:
        items += [(time + gap * k, OUTPUT, column + k, 0.0) for k in range(1, count)]
        time += gap * count
        items += [(time, ADD, 2, 1.0)]
    rows = [[(1, 2.0)], [(0, 0.5), (2, 3.0)], [(1, 1.0)], [(2, 1.0)]]
    out, status = run(a[None, None], [MASS] * 3, [items], rows=rows, columns=70)
    assert status[0] == OK
    shown = [index for _, op, index, _ in items if op == OUTPUT]
    words = {ADD: "add", OUTPUT: "output"}
    exact = naive.follow([a], [(t, words[op], index, value) for t, op, index, value in items])
    expected = [[sum(w * x[i] for i, w in row) for x in exact] for row in rows]
    np.testing.assert_allclose(out[0][:, shown], expected, rtol=1e-13)
    assert (np.delete(out[0], shown, axis=1) == 7.0).all()


@pytest.mark.parametrize(("n", "spread"), [(3, 3.0), (13, 1.0)] if COMPILED else [(3, 3.0)])
def test_exponentials_met_on_the_way_to_others_are_as_exact(n, spread):
    a, _ = random_rates(n, n, spread)
    lengths = [0.5, 4.0, 8.0, 1.0, 2.0, 16.0, 32.0, 0.25, 3.0, 24.0]
    times = np.cumsum(lengths)
    tape = [(0.0, ADD, 0, 1.0), *((t, OUTPUT, k, 0.0) for k, t in enumerate(times))]
    out, status = run(np.stack([a, a * 1e-3])[:, None], [MASS] * n, [tape])
    assert (status == OK).all()
    for found, rates in zip(out, (a, a * 1e-3), strict=True):
        told = [(0.0, "add", 0, 1.0), *((t, "output", k, 0.0) for k, t in enumerate(times))]
        expected = np.array(naive.follow([rates], told)).T
        kept = expected > 1e-250
        np.testing.assert_allclose(found[kept], expected[kept], rtol=2e-13)


def test_segments_change_the_matrix():
    a, _ = random_rates(1, 3, 1.0)
    b, _ = random_rates(2, 3, 1.0)
    items = [(0.0, "add", 0, 1.0), (1.0, "output", 0, 0.0), (1.5, "segment", 1, 0.0)]
    items += [(2.5, "output", 1, 0.0), (3.0, "segment", 0, 0.0), (4.0, "output", 2, 0.0)]
    tape = [(t, NAMES[name], i, v) for t, name, i, v in items]
    out, _ = run([[a, b]], [MASS] * 3, [tape])
    np.testing.assert_allclose(out[0].T, naive.follow([a, b], items), rtol=1e-13)


@pytest.mark.parametrize("kind", [MASS, GENERAL])
@pytest.mark.parametrize("slow", [1.0, 1e-6])
def test_steady_state(kind, slow):
    a, leak = random_rates(3, 3, 1.0)
    a -= np.diag(leak * (slow - 1.0))
    tape = [(0.0, ADD, 0, 2.0), (0.0, STEADY, 0, 12.0), (0.0, OUTPUT, 0, 0.0)]
    out, status = run(a[None, None], [kind] * 3, [tape])
    assert status[0] == OK
    # a leak of 1e-6 is the difference of rates near 1; without (5) the squarings add to that
    rtol = {(MASS, 1.0): 1e-13, (MASS, 1e-6): 1e-8, (GENERAL, 1.0): 1e-12, (GENERAL, 1e-6): 1e-7}[
        kind, slow
    ]
    np.testing.assert_allclose(out[0, :, 0], naive.steady_state(a, [2.0, 0, 0], 12.0), rtol=rtol)


def test_steady_state_is_the_limit_of_dosing_and_keeps_inflows_and_integrals():
    a = np.array([[-1.0, 0.0], [1.0, -0.3]])
    m = np.zeros((4, 4))
    m[:2, :2] = a
    m[0, 2] = 1.0
    m[3, 1] = 1.0
    kind = [MASS, MASS, RATE, INTEGRAL]
    tape = [(0.0, ADD, 2, 3.0), (0.0, ADD, 3, 9.0), (8.0, STEADY, 0, 8.0), (8.0, OUTPUT, 0, 0.0)]
    out, _ = run(m[None, None], kind, [tape])
    np.testing.assert_allclose(out[0, :3, 0], [3.0, 10.0, 3.0], rtol=1e-13)
    until, _ = run(m[None, None], kind, [[tape[0], tape[1], (8.0, OUTPUT, 0, 0.0)]])
    assert out[0, 3, 0] == until[0, 3, 0]
    doses = [(12.0 * k, ADD, 0, 2.0) for k in range(60)]
    long, _ = run(a[None, None], [MASS] * 2, [[*doses, (12.0 * 59, OUTPUT, 0, 0.0)]])
    tape = [(0.0, ADD, 0, 2.0), (0.0, STEADY, 0, 12.0), (0.0, OUTPUT, 0, 0.0)]
    ready, _ = run(a[None, None], [MASS] * 2, [tape])
    np.testing.assert_allclose(ready, long, rtol=1e-13)


def test_what_follows_a_compartment_takes_nothing_from_its_steady_state():
    """A follower (GENERAL) rises to the concentration of its source, which keeps its mass without it."""
    a = np.array([[-0.4, 0.3, 0.0], [0.3, -0.3, 0.0], [0.7, 0.0, -0.7]])
    tape = [(0.0, ADD, 0, 2.0), (0.0, STEADY, 0, 12.0), (0.0, OUTPUT, 0, 0.0)]
    out, status = run(a[None, None], [MASS, MASS, GENERAL], [tape])
    assert status[0] == OK
    exact = naive.steady_state(a, [2.0, 0, 0], 12.0)
    np.testing.assert_allclose(out[0, :, 0], exact, rtol=1e-13)


def population(cases, n=3, segments=1):
    rates = [
        [random_rates(100 * c + s, n, 1.0)[0] - 0.02 * np.eye(n) for s in range(segments)]
        for c in range(cases)
    ]
    return np.array(rates)


def long_tape(lag=0.0, steady=False):
    items = [(12.0 * k + lag, ADD, 0, 1.0 + k, 0) for k in range(4)]
    if steady:
        items.insert(1, (lag, STEADY, 0, 12.0))
    items += [(0.5 * k + 1e-9, OUTPUT, k, 0.0) for k in range(90)]
    return sorted(items, key=lambda item: item[0])


CASES = 150 if COMPILED else 5


def test_bits_do_not_depend_on_neighbours_slices_or_threads():
    matrices, scales = population(CASES), np.linspace(0.1, 1.0, CASES)[:, None]
    kind, tapes = [MASS] * 3, [long_tape(), long_tape(0.3, steady=True)]
    program = np.arange(CASES) * 7 % 2
    program[64:128] = 0
    whole, status = run(matrices, kind, tapes, program, scales)
    assert (status == OK).all()

    def part(low, high):
        cut = slice(low, high)
        return run(matrices[cut], kind, tapes, program[cut], scales[cut])[0]

    for low in range(0, CASES, 9):
        assert bits(part(low, low + 1)) == bits(whole[low : low + 1])
    edges = np.linspace(0, CASES, 6).astype(int)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(part, edges[:-1], edges[1:]))
    assert bits(np.concatenate(parts)) == bits(whole)
    wild = matrices.copy()
    wild[::3] *= 1e4
    mixed, _ = run(wild, kind, tapes, program, scales)
    keep = np.arange(CASES) % 3 != 0
    assert bits(mixed[keep]) == bits(whole[keep])


def test_bits_do_not_depend_on_a_neighbour_that_is_no_compartment_model():
    matrices, scales = population(CASES), np.ones((CASES, 1))
    calm, _ = run(matrices, [MASS] * 3, [long_tape()], scales=scales)
    odd = matrices.copy()
    odd[::3, 0, 0, 1] = -4.0
    odd[1::3, 0, 2, 2] = 0.2
    mixed, status = run(odd, [MASS] * 3, [long_tape()], scales=scales)
    assert (status == OK).all()
    assert bits(mixed[2::3]) == bits(calm[2::3])


@pytest.mark.parametrize("n", [1, 2, 3, 5, 12, 13] if COMPILED else [3])
def test_own_programs_equal_a_shared_one(n):
    matrices, scales = population(CASES, n), np.linspace(0.1, 1.0, CASES)[:, None]
    rows = [[(n - 1, 0.5)], [(state, 1.0 + state) for state in range(n)]]
    tape = long_tape(0.7, steady=True)
    shared, _ = run(matrices, [MASS] * n, [tape], scales=scales, rows=rows)
    own, _ = run(matrices, [MASS] * n, [tape] * CASES, np.arange(CASES), scales, rows=rows)
    assert bits(own) == bits(shared)


def test_every_operation_gives_the_same_bits_alone_and_side_by_side():
    matrices, scales = population(CASES, segments=2), np.linspace(0.1, 1.0, CASES)[:, None]
    tape = [
        (0.0, ADD, 0, 5.0, 0), (1.0, OUTPUT, 0, 0.0), (2.0, SET, 1, 3.0, 0), (2.5, OUTPUT, 2, 0.0),
        (3.0, ASIDE, 0, 0.0), (3.0, CLOCK, 0, -9.0), (-9.0, ADD, 2, 1.0), (-7.0, JOIN, 0, 0.0),
        (-6.0, SEGMENT, 1, 0.0), (-5.0, OUTPUT, 3, 0.0), (-4.0, STEADY, 0, 6.0),
        *((-3.5 + 0.3 * k * k, OUTPUT, 5 + k, 0.0) for k in range(71)),
        (1500.0, RESET, 0, 0.0), (1501.0, OUTPUT, 80, 0.0),
    ]  # fmt: skip
    weight = 1.0 + np.arange(CASES * 6.0).reshape(CASES, 2, 3)
    shared, status = run(matrices, [MASS] * 3, [tape], None, scales, weight=weight)
    own, _ = run(matrices, [MASS] * 3, [tape] * CASES, np.arange(CASES), scales, weight=weight)
    assert (status == OK).all() and bits(own) == bits(shared)
    assert (shared[..., [1, 4]] == 7.0).all() and (shared[..., [76, 77, 79]] == 7.0).all()
    assert (shared[..., 80] == 0.0).all() and (shared[..., [0, 2, 3, 5, 36, 75]] != 7.0).all()


def test_stretches_of_one_tape_may_begin_anywhere():
    matrices, scales = population(CASES), np.ones((CASES, 1))
    tapes = [long_tape(), long_tape(0.3), long_tape(steady=True)]
    program = np.repeat(
        [0, 2, 1, 0], [CASES // 3, 1, CASES // 2, CASES - CASES // 3 - CASES // 2 - 1]
    )
    mixed, _ = run(matrices, [MASS] * 3, tapes, program, scales)
    for p in range(3):
        alone, _ = run(matrices, [MASS] * 3, [tapes[p]], np.zeros(CASES, int), scales)
        assert bits(mixed[program == p]) == bits(alone[program == p])


def test_no_cases_are_no_error():
    out, status = run(np.zeros((0, 1, 2, 2)), [MASS] * 2, [long_tape()], [], np.ones((0, 1)))
    assert out.shape == (0, 2, 90) and status.size == 0


def test_ragged_programs_follow_each_its_own():
    matrices, scales = population(CASES, segments=2), np.ones((CASES, 1))
    tapes = []
    for c in range(CASES):
        tape = [
            *long_tape(c / CASES)[: 20 + c % 70],
            (60.0, SEGMENT, 1, 0.0),
            (61.0, OUTPUT, 90, 0.0),
        ]
        tapes.append(tape)
    own, status = run(matrices, [MASS] * 3, tapes, np.arange(CASES), scales, columns=91)
    assert (status == OK).all()
    for c in range(0, CASES, 7):
        alone, _ = run(
            matrices[c : c + 1], [MASS] * 3, tapes[c : c + 1], None, scales[:1], columns=91
        )
        assert bits(alone[0]) == bits(own[c])


def test_one_matrix_serves_all_cases_and_arguments_may_be_read_only():
    a, _ = random_rates(8, 2)
    scales = np.linspace(0.5, 2.0, 5)[:, None]
    scales.flags.writeable = False
    tape = [(0.0, ADD, 0, 1.0, 0), (1.0, OUTPUT, 0, 0.0)]
    out, _ = run(np.array([[a]]), [MASS] * 2, [tape], np.zeros(5, int), scales)
    single, _ = run(np.array([[a]]), [MASS] * 2, [[(0.0, ADD, 0, 1.0), tape[1]]])
    np.testing.assert_allclose(out, single * scales[:, :, None], rtol=1e-15)


def test_rows_are_weighted_sums():
    a, _ = random_rates(9, 3)
    tape = [(0.0, ADD, 0, 1.0), *((0.5 * k, OUTPUT, k, 0.0) for k in range(40))]
    plain, _ = run(a[None, None], [MASS] * 3, [tape])
    rows, _ = run(
        a[None, None], [MASS] * 3, [tape], rows=[[(2, 0.5)], [(0, 1.0), (1, 2.0), (2, 3.0)]]
    )
    np.testing.assert_allclose(rows[0, 0], 0.5 * plain[0, 2], rtol=1e-15)
    np.testing.assert_allclose(rows[0, 1], [1.0, 2.0, 3.0] @ plain[0], rtol=1e-14)


@pytest.mark.parametrize("shared", [True, False])
def test_weights_may_change_with_the_segment(shared):
    a, _ = random_rates(9, 2)
    tape = [(0.0, ADD, 0, 1.0), *((0.5 * k, OUTPUT, k, 0.0) for k in range(30))]
    tape.insert(20, (9.3, SEGMENT, 1, 0.0))
    matrices = np.tile(a, (3, 2, 1, 1))
    weight = 1.0 + np.arange(12.0).reshape(3, 2, 2)
    tapes, program = ([tape], [0] * 3) if shared else ([tape] * 3, range(3))
    plain, _ = run(matrices, [MASS] * 2, tapes, program)
    out, _ = run(matrices, [MASS] * 2, tapes, program, weight=weight)
    segment = (0.5 * np.arange(30) > 9.3).astype(int)
    np.testing.assert_array_equal(out, plain * weight[:, segment].transpose(0, 2, 1))


def test_status_marks_the_case_and_spares_the_others():
    good = np.array([[-1.0, 0.0], [1.0, -0.2]])
    matrices = np.tile(good, (7, 1, 1, 1))
    matrices[1, 0, 0, 0] = np.nan
    matrices[2, 0, 0, 0] = 900.0
    matrices[3, 0] = [[-1.0, 0.0], [1.0, 0.0]]
    scales = np.ones((7, 1))
    scales[4] = np.inf
    fine = [
        (0.0, ADD, 0, 1.0, 0),
        (0.0, STEADY, 0, 5.0),
        (1.0, OUTPUT, 0, 0.0),
        (9.0, OUTPUT, 1, 0.0),
    ]
    late = [*fine, (8.0, OUTPUT, 0, 0.0)]
    foreign = [*fine, (9.0, ADD, 5, 1.0)]
    program = [0, 0, 0, 0, 0, 1, 2]
    out, status = run(matrices, [MASS] * 2, [fine, late, foreign], program, scales)
    expected = [
        OK, NONFINITE_INPUT, NONFINITE_RESULT, NO_STEADY_STATE,
        NONFINITE_INPUT, BAD_TAPE, BAD_TAPE,
    ]  # fmt: skip
    assert status[[0, 1, 3, 4, 5, 6]].tolist() == [expected[i] for i in (0, 1, 3, 4, 5, 6)]
    assert status[2] in (NONFINITE_RESULT, NO_STEADY_STATE)
    alone, _ = run(matrices[:1], [MASS] * 2, [fine], None, scales[:1])
    assert bits(out[0]) == bits(alone[0])
    assert np.isnan(out[1:]).all()


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("reset", [200.0, 200.5])
def test_overflow_is_reported(shared, reset):
    matrices = np.array([[[[5.0]]], [[[-5.0]]]])
    tape = [
        (0.0, ADD, 0, 1.0),
        (200.0, OUTPUT, 0, 0.0),
        (reset, RESET, 0, 0.0),
        (201.0, OUTPUT, 1, 0.0),
    ]
    program = [0, 0] if shared else [0, 1]
    out, status = run(matrices, [GENERAL], [tape, tape], program)
    assert status.tolist() == [NONFINITE_RESULT, OK]
    assert np.isnan(out[0]).all() and out[1].tolist() == [[0.0, 0.0]]


def test_overflow_late_in_a_run_is_reported():
    tape = [(0.0, ADD, 0, 1.0), *((float(k), OUTPUT, k, 0.0) for k in range(16))]
    out, status = run(np.array([[[[50.0]]], [[[-50.0]]]]), [GENERAL], [tape], [0, 0])
    assert status.tolist() == [NONFINITE_RESULT, OK]
    assert np.isnan(out[0]).all() and np.isfinite(out[1]).all()


@pytest.mark.skipif(not COMPILED, reason="vectors are arrays")
@pytest.mark.parametrize("width", [4, 8, 16])
def test_vectors_calculate_as_arrays_do(width):
    def calculate(source, target):
        a = vectors.load(source, 0, vectors.splat(0.0, width))
        b = vectors.load(source, 3, a)
        both = vectors.fma(a, b, vectors.fma(b, 0.5, vectors.splat(1.0, width)))
        vectors.store(target, 2, vectors.ratio(both, b))

    def turn(source, target):
        a = vectors.load(source, 0, vectors.splat(0.0, 4))
        b, c, d = (
            vectors.load(source, 4, a),
            vectors.load(source, 8, a),
            vectors.load(source, 12, a),
        )
        vectors.turn(target, 1, 5, a, b, c, d)

    turned, expected = np.zeros((2, 24))
    import pkmodel.kernels.lowering  # noqa: F401 - numba learns of the vectors

    numba.njit(turn)(np.arange(16.0), turned)
    turn(np.arange(16.0), expected)
    assert bits(turned) == bits(expected)
    np.testing.assert_array_equal(
        turned[1:21].reshape(4, 5)[:, :4], np.arange(16.0).reshape(4, 4).T
    )

    source = np.arange(1.0, 4.0 + width)
    compiled, plain = np.zeros((2, width + 4))
    numba.njit(calculate)(source, compiled)
    calculate(source, plain)
    np.testing.assert_allclose(compiled, plain, rtol=1e-15)
    assert (plain[2:-2] > 0.0).all() and plain[[0, 1, -2, -1]].tolist() == [0.0] * 4
