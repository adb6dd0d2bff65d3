"""The reservoir: emptying, refills and what is discarded, by hand and by law."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkmodel.devices.implanted.reservoir import Contents, Policy, Solution, deplete, drawn

EDGES = np.array([0.0, 10.0, 20.0, 40.0])
FLOW = np.array([1e-3, 0.0, 5e-4])  # 10 mL, nothing, 10 mL
STRONG = Solution(0.0, 5000.0, False)


def policy(refill_at=None, refill_every=None, residual=0.0, alarm=0.002):
    return Policy(0.02, residual, alarm, refill_at, refill_every)


def test_a_reservoir_that_runs_dry_gives_exactly_its_content():
    contents = Contents(0.015, 5000.0, 0.0)
    (fill,) = deplete(EDGES, FLOW, contents, [STRONG], policy(residual=0.001))
    assert fill.empty == pytest.approx(28.0)  # 10 mL by 20 h, 4 mL more at 0.5 mL/h
    assert fill.alarm == pytest.approx(26.0)
    assert fill.last == 0.001
    fine = np.union1d(EDGES, [fill.empty])
    stream = drawn(fine, FLOW[np.searchsorted(EDGES, fine[1:]) - 1], [fill])
    assert stream.amount == pytest.approx(0.014 * 5000.0, rel=1e-14)


def test_refill_at_a_volume():
    fills = deplete(EDGES, FLOW, Contents(0.012, 5000.0, 0.0), [STRONG], policy(refill_at=0.004))
    assert [f.end for f in fills] == pytest.approx([8.0, 40.0])
    assert fills[0].last == pytest.approx(0.004)
    assert fills[1].first == 0.02
    assert fills[1].last == pytest.approx(0.02 - 0.002 - 0.01)
    assert [f.refilled for f in fills] == [True, False]


def test_whichever_comes_first():
    both = policy(refill_at=0.002, refill_every=15.0)
    fills = deplete(EDGES, FLOW, Contents(0.02, 5000.0, 0.0), [STRONG], both)
    assert [f.end for f in fills] == pytest.approx([15.0, 30.0, 40.0])


def test_a_new_solution_is_filled_in_at_once_and_stays():
    solutions = [STRONG, Solution(5.0, 1000.0, True), Solution(12.0, 2000.0, False)]
    fills = deplete(EDGES, FLOW, Contents(0.02, 5000.0, 0.0), solutions, policy(refill_every=10.0))
    assert [f.end for f in fills] == pytest.approx([5.0, 15.0, 25.0, 35.0, 40.0])
    assert [f.concentration for f in fills] == [5000.0, 1000.0, 2000.0, 2000.0, 2000.0]


def test_the_alarm_sounds_once():
    fills = deplete(EDGES, FLOW, Contents(0.02, 5000.0, 0.0), [STRONG], policy(alarm=0.012))
    assert [f.alarm for f in fills] == pytest.approx([8.0])
    rest = deplete(EDGES[1:], FLOW[1:], Contents(0.01, 5000.0, 0.0), [STRONG], policy(alarm=0.012))
    assert rest[0].alarm == math.inf


@given(
    st.lists(
        st.tuples(st.floats(0.1, 50), st.sampled_from([0.0, 1e-4, 1e-3])), min_size=1, max_size=8
    ),
    st.sampled_from([None, 0.0, 0.003]),
    st.sampled_from([None, 17.0]),
    st.sampled_from([0.0, 0.002]),
)
def test_volume_is_accounted_for(pieces, at, every, residual):
    edges = np.concatenate([[0.0], np.cumsum([length for length, _ in pieces])])
    flow = np.array([q for _, q in pieces])
    at = None if at is None else max(at, residual)
    rule = policy(at, every, residual)
    fills = deplete(edges, flow, Contents(0.02, 5000.0, 0.0), [STRONG], rule)
    fine = np.union1d(edges, [t for f in fills for t in (f.start, f.empty) if t < edges[-1]])
    stream = drawn(fine, flow[np.searchsorted(edges, fine[1:]) - 1], fills)
    spent = sum(f.first - f.last for f in fills)
    assert stream.volume.sum() == pytest.approx(spent, rel=1e-12, abs=1e-15)
    for a, b in pairwise(fills):
        assert (a.end, b.filled) == (b.start, b.start)
    assert all(residual - 1e-15 <= f.last <= f.first for f in fills)
    if at is not None:
        assert all(f.last >= at - 1e-15 for f in fills)
    if every is not None:
        assert all(f.end - f.filled <= every + 1e-9 for f in fills)
