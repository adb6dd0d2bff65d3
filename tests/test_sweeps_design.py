"""Which points a design has, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkmodel.errors import InputError
from pkmodel.sweeps import from_table, grid, latin_hypercube, sobol
from pkmodel.sweeps.blocks import Blocks


def test_a_grid_has_a_dimension_per_parameter():
    design = grid(ratio=[30, 100, 300], tip=["L3-L4", "T10"], csf_loss_rate=["0.2 /h", "0.01 /min"])
    assert design.sizes == {"ratio": 3, "tip": 2, "csf_loss_rate": 2}
    assert design.count == 12
    assert not design.scattered
    every = design.points([slice(0, 3), slice(0, 2), slice(0, 2)])
    assert every["ratio"].tolist() == [30.0] * 4 + [100.0] * 4 + [300.0] * 4
    assert every["tip"].tolist() == (["L3-L4"] * 2 + ["T10"] * 2) * 3
    assert every["csf_loss_rate"].tolist() == [0.2, 0.6] * 6


@given(
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    points=st.integers(-1, 400),
)
def test_boxes_part_a_grid(sizes, points):
    """Every point is in one box, a box has no more points than were asked for, and all start at whole edges."""
    blocks = Blocks.of(sizes, points)
    seen = np.zeros(sizes, int)
    boxes = list(blocks)
    for box in boxes:
        assert seen[box].size <= max(1, points)
        assert all(cut.start % edge == 0 for cut, edge in zip(box, blocks.edges, strict=True))
        seen[box] += 1
    assert (seen == 1).all()
    assert len(boxes) == len(blocks)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 40))
def test_points_of_boxes_are_those_of_the_whole(n, m, points):
    design = grid(ratio=np.arange(1.0, n + 1), csf_pulsation=np.arange(1.0, m + 1))
    blocks = Blocks.of([n, m], points)
    found = np.zeros((n, m, 2))
    for box in blocks:
        values = design.points(box)
        shape = [cut.stop - cut.start for cut in box]
        for k, name in enumerate(design.columns):
            found[(*box, k)] = values[name].reshape(shape)
    np.testing.assert_array_equal(found[..., 0], np.arange(1.0, n + 1)[:, None] * np.ones(m))
    np.testing.assert_array_equal(found[..., 1], np.ones(n)[:, None] * np.arange(1.0, m + 1))


@pytest.mark.parametrize("draw", [latin_hypercube, sobol])
def test_drawn_runs_fill_their_bounds_evenly(draw):
    """One run in every sixteenth of every parameter, on its own scale."""
    design = draw(16, seed=5, ratio=(10, 1000, "log"), csf_loss_rate=("0.1 /h", "0.01 /min"))
    assert design.sizes == {"run": 16}
    ratio, rate = design.columns["ratio"], design.columns["csf_loss_rate"]
    unit = np.log(ratio / 10) / np.log(100)
    assert sorted((16 * unit).astype(int)) == list(range(16))
    assert sorted((16 * (rate - 0.1) / 0.5).astype(int)) == list(range(16))
    again = draw(16, seed=5, ratio=(10, 1000, "log"), csf_loss_rate=(0.1, 0.6))
    np.testing.assert_allclose(again.columns["csf_loss_rate"], rate, rtol=1e-15)
    other = draw(16, seed=6, ratio=(10, 1000, "log"), csf_loss_rate=(0.1, 0.6))
    assert not np.array_equal(other.columns["ratio"], ratio)


def test_tables_and_data_frames():
    columns = {"ratio": [100, 300], "tip": ["T10", "L3-L4"], "oral_bioavailability": ["20 %", 0.3]}
    design, other = from_table(columns), from_table(pd.DataFrame(columns))
    assert design.sizes == other.sizes == {"run": 2}
    assert design.digest == other.digest
    assert design.columns["oral_bioavailability"].tolist() == [0.2, 0.3]
    assert design.points([slice(1, 2)])["tip"].tolist() == ["L3-L4"]


def test_the_digest_is_that_of_names_values_and_order():
    designs = [
        grid(ratio=[1, 2]),
        grid(ratio=[2, 1]),
        grid(csf_loss_rate=[1, 2]),
        from_table({"ratio": [1, 2]}),
        grid(tip=["T10", "T1"]),
        grid(tip=["T1", "0T1"]),
        grid(ratio=[1, 2], csf_loss_rate=[1]),
        grid(csf_loss_rate=[1], ratio=[1, 2]),
    ]
    assert len({design.digest for design in designs}) == len(designs)
    assert grid(ratio=[1.0, 2.0]).digest == designs[0].digest


@pytest.mark.parametrize(
    ("call", "messages"),
    [
        (lambda: grid(), ["at least one parameter"]),
        (lambda: grid(ratio=[]), ["ratio: no values"]),
        (lambda: grid(ratio=3), ["ratio: expected several values, not 3"]),
        (lambda: grid(ratio=np.array(3.0)), ["ratio: expected several values"]),
        (lambda: grid(tip="T10"), ["tip: expected several values, not 'T10'"]),
        (lambda: grid(ratio=[1, 1.0]), ["ratio: a value stands twice", "Leave one out"]),
        (lambda: grid(tip=[10]), ["tip: expected text, not 10"]),
        (lambda: grid(ratio=[True]), ["expected a number or text with a unit, not True"]),
        (lambda: grid(ratio=[np.ones(2)]), ["expected a number or text with a unit"]),
        (lambda: grid(ratio=[np.nan]), ["nan is no finite number"]),
        (lambda: grid(x=["1 /h", "2 h"]), ["different units: rate_constant and time"]),
        (lambda: grid(x=["many"], y=[None], z=[1]), ['x: "many": does not begin', "y: expected a number"]),
        (lambda: from_table({}), ["at least one parameter"]),
        (lambda: from_table([1, 2]), ["columns by name, not list", "Write from_table"]),
        (lambda: from_table({"x": [1], "y": [1, 2]}), ["equally long; x has 1, y has 2"]),
        (lambda: sobol(12, seed=1, ratio=(1, 2)), ["power of 2", r"sobol\(8, ...\) or sobol\(16"]),
        (lambda: sobol(0, seed=1, ratio=(1, 2)), ["runs is 0"]),
        (lambda: latin_hypercube(2.0, seed=1, ratio=(1, 2)), ["runs is 2.0", "whole number"]),
        (lambda: latin_hypercube(2, seed=-1, ratio=(1, 2)), ["seed is -1"]),
        (lambda: sobol(2, seed="x", ratio=(1, 2)), ["seed is 'x'"]),
        (lambda: latin_hypercube(2, seed=1), ["at least one parameter"]),
        (
            lambda: latin_hypercube(
                2, seed=1, a=(2, 1), b=(0, 1, "log"), c=3, d=(1, 2, "lin"), tip=("T1", "T2"),
                e=("1 /h", "2 h"),
            ),
            ["a: expected the lower bound first", "b: logarithms need", "c: expected", "d: expected", "tip: expected"],
        ),
        (lambda: sobol(2, seed=1, e=("1 /h", "2 h")), ["e: the bounds have different units"]),
    ],
)  # fmt: skip
def test_refusals_tell_every_fault(call, messages):
    for message in messages:
        with pytest.raises(InputError, match=message):
            call()


def test_bounds_have_units_of_one_kind():
    with pytest.raises(InputError, match="different units: rate_constant and volume"):
        sobol(8, seed=1, csf_loss_rate=("0.1 /h", "0.6 mL"))


def test_a_value_that_cannot_be_read_is_quoted():
    with pytest.raises(InputError) as caught:
        grid(ratio=[10, "x"], clearance=["5 mgs"])
    assert caught.value.faults[0] == 'ratio: "x": does not begin with a number'
