"""Plug flow: against a queue of parcels, against hand calculation, and its laws."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkmodel.devices.implanted.flow import Column, Stream, join, through

VOLUMES = st.floats(1e-6, 1e-2)
STRENGTHS = st.sampled_from([0.0, 25.0, 5_000.0, 10_000.0, 20_000.0])


@st.composite
def streams(draw):
    """Pieces of flow, with gaps in which nothing flows."""
    lengths = draw(st.lists(st.floats(0.01, 500), min_size=1, max_size=8))
    gaps = draw(
        st.lists(st.sampled_from([0.0, 0.0, 3.7]), min_size=len(lengths), max_size=len(lengths))
    )
    flow = draw(st.lists(st.floats(1e-6, 1e-3), min_size=len(lengths), max_size=len(lengths)))
    strength = draw(st.lists(STRENGTHS, min_size=len(lengths), max_size=len(lengths)))
    edges = np.cumsum(np.ravel(np.column_stack([gaps, lengths])))
    return Stream(edges[::2], edges[1::2], np.array(flow), np.array(strength))


@st.composite
def columns(draw):
    plugs = draw(st.lists(st.tuples(VOLUMES, STRENGTHS), max_size=4))
    return Column(tuple(v for v, _ in plugs), tuple(c for _, c in plugs))


def queue(stream, column):
    """What leaves, parcel by parcel: amounts that left until the end of every piece; amount inside."""
    parcels = deque([v, c] for v, c in zip(column.volume, column.concentration, strict=True))
    left, total = [], 0.0
    for volume, strength in zip(stream.volume, stream.concentration, strict=True):
        parcels.append([volume, strength])
        while volume > 0:
            share = min(volume, parcels[0][0])
            total += share * parcels[0][1]
            parcels[0][0] -= share
            volume -= share
            if parcels[0][0] <= 0:
                parcels.popleft()
        left.append(total)
    return left, sum(v * c for v, c in parcels)


def passed(stream, time):
    """Drug that has passed until a time [mg]."""
    span = np.clip(time - stream.start, 0, stream.end - stream.start)
    return float(np.sum(stream.rate * span))


@given(streams(), columns())
def test_against_a_queue_of_parcels(stream, column):
    out, inside = through(stream, column)
    left, held = queue(stream, column)
    scale = stream.amount + column.amount + 1e-9
    assert [passed(out, t) for t in stream.end] == pytest.approx(left, abs=1e-11 * scale)
    assert inside.amount == pytest.approx(held, abs=1e-11 * scale)


@given(streams(), columns())
def test_nothing_is_lost(stream, column):
    out, inside = through(stream, column)
    assert out.volume.sum() == pytest.approx(stream.volume.sum(), rel=1e-12)
    assert sum(inside.volume) == pytest.approx(sum(column.volume), rel=1e-9, abs=1e-15)
    before, after = stream.amount + column.amount, out.amount + inside.amount
    assert after == pytest.approx(before, rel=1e-12)
    assert (out.end > out.start).all()
    assert (out.start[1:] >= out.end[:-1]).all()


@given(streams(), columns(), columns())
def test_two_tubes_are_one(stream, first, second):
    middle, a = through(stream, first)
    out, b = through(middle, second)
    joint = Column(second.volume + first.volume, second.concentration + first.concentration)
    whole, inside = through(stream, joint)
    scale = stream.amount + joint.amount
    assert a.amount + b.amount == pytest.approx(inside.amount, rel=1e-11, abs=1e-11 * scale)
    for time in np.linspace(stream.start[0], stream.end[-1], 7):
        assert passed(out, time) == pytest.approx(passed(whole, time), abs=1e-9 * scale)


def test_a_tube_without_volume_changes_nothing():
    stream = Stream(*np.array([[0.0, 2.0], [2.0, 3.0], [1e-4, 2e-4], [5.0, 7.0]]))
    out, inside = through(stream, Column((), ()))
    for a, b in zip(out, stream, strict=True):
        np.testing.assert_array_equal(a, b)
    assert inside == Column((), ())


def test_drug_inside_moves_faster_when_the_flow_rises():
    """By hand: 0.3 mL; 0.1 mL/h for 2 h, then 0.2 mL/h: the first drug leaves after 2.5 h."""
    stream = Stream(*np.array([[0.0, 2.0], [2.0, 4.0], [1e-4, 2e-4], [1e4, 1e4]]))
    out, inside = through(stream, Column((3e-4,), (0.0,)))
    start, duration, rate = out.doses()
    assert start == pytest.approx([2.5])
    assert duration == pytest.approx([1.5])
    assert rate == pytest.approx([2.0])
    assert inside.amount == pytest.approx(3.0)


def test_nothing_moves_while_nothing_flows():
    """By hand: 0.2 mL at 0.1 mL/h with a pause of 10 h after the first hour."""
    stream = Stream(*np.array([[0.0, 11.0], [1.0, 14.0], [1e-4, 1e-4], [1e4, 1e4]]))
    start, duration, _ = through(stream, Column((2e-4,), (0.0,)))[0].doses()
    assert start == pytest.approx([12.0])
    assert duration == pytest.approx([2.0])


def test_rounding_cuts_no_slivers():
    """0.1 + 0.2 is not 0.3: a bound that an edge misses by rounding alone is that edge."""
    stream = Stream(*np.array([[0, 1, 2.0], [1, 2, 3.0], [0.1, 0.2, 0.1], [1e3, 2e3, 3e3]]))
    for inside in (0.3, 0.1 + 0.2):
        out, _ = through(stream, Column((inside,), (7e3,)))
        assert out.end - out.start == pytest.approx([1.0, 1.0, 1.0], rel=1e-9)
        assert out.concentration.tolist() == [7e3, 7e3, 1e3]


def test_equal_neighbours_are_one_dose():
    stream = Stream(*np.array([[0, 1, 2, 5.0], [1, 2, 3, 6.0], [1e-4] * 4, [1e3, 1e3, 0, 1e3]]))
    start, duration, rate = stream.doses()
    assert (start.tolist(), duration.tolist()) == ([0.0, 5.0], [2.0, 1.0])
    assert rate == pytest.approx([0.1, 0.1])
    point = Stream(*np.array([[1.0], [1.0], [1e-4], [1e3]]))
    assert [len(x) for x in point.doses()] == [0, 0, 0]
    empty = stream.times(0.0)
    assert [len(x) for x in empty.doses()] == [0, 0, 0]


def test_rate_at():
    stream = Stream(*np.array([[0, 1, 5.0], [1, 2, 6.0], [1e-4] * 3, [1e3, 2e3, 1e3]]))
    rates = stream.rate_at(np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 4.0, 5.5, 6.0, 9.0]))
    assert rates == pytest.approx([0.0, 0.1, 0.1, 0.2, 0.0, 0.0, 0.1, 0.0, 0.0])
    assert stream.times(0.0).rate_at(np.array([1.0])).tolist() == [0.0]


def test_join():
    assert join(0.0, 5.0, [3.0, 1.0, 7.0, 3.0 + 1e-13], [0.0, 5.0]).tolist() == [0.0, 1.0, 3.0, 5.0]
    assert join(0.0, 5.0).tolist() == [0.0, 5.0]
