"""Quantities of a prescription: read in their units, or named as a fault."""

import math

import pytest

from pkmodel.devices import reading


@pytest.mark.parametrize(
    ("value", "dimension", "expected"),
    [
        ("20 mL", "volume", 0.02),
        (0.02, "volume", 0.02),
        ("10 mg/mL", "concentration", 10_000.0),
        ("0.048 mL/day", "clearance", 2e-6),
        ("2 h", "time", 2.0),
    ],
)
def test_read(value, dimension, expected):
    faults = []
    assert reading.read(faults, "it", value, dimension) == pytest.approx(expected, rel=1e-15)
    assert not faults


@pytest.mark.parametrize(
    ("value", "dimension", "options", "fault"),
    [
        ("0.4 mgs", "amount", {}, 'it "0.4 mgs": unknown unit "mgs"'),
        ("0.4", "amount", {}, "no unit"),
        ("3 h", "amount", {}, "the unit of a time"),
        (["1 mg", "2 mg"], "amount", {}, "expected one quantity"),
        (True, "amount", {}, "expected a number"),
        (None, "amount", {}, "expected a number"),
        (-1.0, "amount", {}, "negative"),
        (0.0, "amount", {"above": 0}, "expected more than 0"),
        (math.inf, "time", {}, "expected an end"),
        (math.nan, "time", {}, "NaN"),
    ],
)
def test_what_cannot_be_read_is_one_fault(value, dimension, options, fault):
    faults = []
    assert math.isnan(reading.read(faults, "it", value, dimension, **options))
    assert len(faults) == 1
    assert fault in faults[0]


def test_infinity_where_it_is_allowed():
    assert reading.read([], "end", math.inf, "time", finite=False) == math.inf


def test_time_of_day():
    faults = []
    assert [reading.time_of_day(faults, "t", v) for v in ("00:00", "6:30", "23:59", 7)] == [
        0.0,
        6.5,
        pytest.approx(23 + 59 / 60),
        7.0,
    ]
    assert not faults
    for wrong in ("24:00", "7", "7:5", "12:60", 24, -1, None, True, math.nan):
        assert math.isnan(reading.time_of_day(faults, "t", wrong))
    assert len(faults) == 9
