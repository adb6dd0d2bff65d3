"""Programmes: rates over the day, boluses, titration, and what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkmodel.devices.implanted.programme import Bolus, PatientBolus, Programme, titration
from pkmodel.errors import RegimenError

NIGHT = Programme("0.48 mg/day", {"22:00": "150 %", "06:00": "100 %"})


def test_day_and_night():
    assert NIGHT.profile == ((6.0, pytest.approx(0.02)), (22.0, pytest.approx(0.03)))
    assert NIGHT.daily_dose == pytest.approx(16 * 0.02 + 8 * 0.03)
    rates = NIGHT.rates(np.array([3.0, 12.0, 23.0, 24 + 5.9, 24 + 6.1]), 0.0, 0.0)
    assert rates == pytest.approx([0.03, 0.02, 0.03, 0.03, 0.02])


def test_the_clock_moves_the_steps():
    """Implanted at 10:00, the night begins after 12 h."""
    rates = NIGHT.rates(np.array([0.0, 11.9, 12.1, 19.9, 20.1]), 0.0, 10.0)
    assert rates == pytest.approx([0.02, 0.02, 0.03, 0.03, 0.02])
    edges = np.unique(NIGHT.edges(0.0, 48.0, 0.0, 10.0))
    assert {12.0, 20.0, 36.0, 44.0} <= set(edges)


def test_boluses_begin_with_the_programme():
    programme = Programme("0.24 mg/day", boluses=Bolus("0.1 mg", "30 min", "6 h", first="1 h"))
    rates = programme.rates(np.array([100.9, 101.1, 101.6, 107.2]), 100.0, 0.0)
    assert rates == pytest.approx([0.01, 0.21, 0.01, 0.21])
    assert programme.daily_dose == pytest.approx(0.24 + 0.4)
    assert programme.highest_rate == pytest.approx(0.21)


programmes = st.builds(
    Programme,
    rate=st.floats(0, 1),
    steps=st.dictionaries(st.integers(0, 23), st.floats(0, 1), min_size=2, max_size=13),
    boluses=st.lists(
        st.builds(
            Bolus,
            amount=st.floats(0.01, 1),
            over=st.floats(0.05, 1),
            every=st.sampled_from([1.5, 4.0, 8.0]),
            first=st.floats(0, 5),
        ),
        max_size=2,
    ),
)


@given(programmes, st.floats(0, 23.9), st.floats(0, 50))
def test_the_rate_is_constant_between_edges(programme, clock, since):
    start, end = since, since + 60.0
    edges = np.unique(np.concatenate([[start, end], programme.edges(start, end, since, clock)]))
    edges = edges[(edges >= start) & (edges <= end)]
    wide = np.diff(edges) > 1e-6
    low, high = edges[:-1][wide], edges[1:][wide]
    inside = [programme.rates(low + (high - low) * s, since, clock) for s in (0.001, 0.5, 0.999)]
    np.testing.assert_array_equal(inside[0], inside[1])
    np.testing.assert_array_equal(inside[1], inside[2])


@given(programmes)
def test_the_day_adds_up(programme):
    """Over 24 h from the first bolus on, the rates integrate to the daily dose."""
    start = 1000 * 24.0
    parts = [programme.edges(start, start + 24.0, 0.0, 0.0), [start, start + 24.0]]
    edges = np.unique(np.clip(np.concatenate(parts), start, start + 24.0))
    total = np.diff(edges) @ programme.rates((edges[1:] + edges[:-1]) / 2, 0.0, 0.0)
    expected = programme.daily_dose
    for bolus in programme.boluses:  # 24 h hold a whole number of every interval but for none
        assert (24.0 / bolus.every) % 1 == 0
    assert total == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(programmes, st.floats(0.1, 10))
def test_scaling(programme, factor):
    more = programme.scaled(factor)
    assert more.daily_dose == pytest.approx(factor * programme.daily_dose)
    assert more.highest_rate == pytest.approx(factor * programme.highest_rate)


def test_the_patients_bolus_is_not_scaled():
    patient = PatientBolus("0.05 mg", "5 min", "2 h", 6)
    assert replace(NIGHT, patient=patient).scaled(2).patient == patient


def test_daily_dose_of_the_patients_bolus():
    assert PatientBolus(0.05, 0.1, 2.0, 6).daily_dose == pytest.approx(0.3)
    assert PatientBolus(0.05, 0.1, 8.0, 6).daily_dose == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("make", "faults"),
    [
        (lambda: Programme("0.4 mg"), ["rate"]),
        (lambda: Programme("0.4 mg/day", {"25:00": "150 %"}), ["time of a step", "a single step"]),
        (lambda: Programme("0.4 mg/day", {"22:00": "150 %"}), ["single step holds all day"]),
        (lambda: Programme(steps={"22:00": "150 %", "06:00": "1 mg/day"}), ["of no rate"]),
        (lambda: Programme(1, {"6:00": 1.0, "06:00": 2.0}), ["two steps begin at 06:00"]),
        (lambda: Programme(1, boluses=["0.1 mg"], patient="yes"), ["no Bolus", "PatientBolus"]),
        (lambda: Bolus("1 mg", "7 h", "6 h"), ["do not fit"]),
        (lambda: Bolus("0 mg", "-1 h", "6"), ["amount", "over", "every"]),
        (lambda: PatientBolus("0.1 mg", "1 h", "30 min", 2), ["outlasts the lock-out"]),
        (lambda: PatientBolus("0.1", "5 min", "2 h", 0), ["amount", "per_day"]),
        (lambda: PatientBolus(1, 1, 2, 2.5), ["per_day"]),
        (lambda: titration("0.1 mg/day", "0.2 mg/day", 15, "1 week"), ["a part of the dose"]),
        (lambda: titration("1 mg/day", "0.2 mg/day", "100 %", "1 week"), ["a part of the dose"]),
        (lambda: titration(1e-9, 1.0, 1e-9, 1), ["more than 1000 steps"]),
        (lambda: titration("0 mg/day", "1 mg/day", "0 %", "0 h"), ["first", "by", "every"]),
    ],
)
def test_all_faults_at_once(make, faults):
    with pytest.raises(RegimenError) as error:
        make()
    assert len(error.value.faults) == len(faults), error.value.faults
    for found, expected in zip(error.value.faults, faults, strict=True):
        assert expected in found


@given(st.floats(0.01, 10), st.floats(0.01, 10), st.floats(0.05, 0.5), st.floats(1, 500))
def test_titration(first, to, by, every):
    steps = titration(first, to, by, every, start=10.0)
    doses = np.array([s.daily_dose for s in steps]) / 24
    assert doses[0] == pytest.approx(first)
    assert doses[-1] == pytest.approx(to)
    ratios = doses[1:] / doses[:-1]
    change = 1 + by if to > first else 1 - by
    assert ratios[:-1] == pytest.approx(change)
    assert all(abs(math.log(r)) <= abs(math.log(change)) * (1 + 1e-9) for r in ratios[-1:])
    assert np.diff([s.start for s in steps]) == pytest.approx(every)
    assert steps[0].start == 10.0


def test_text():
    programme = Programme(
        "0.4 mg/day",
        {"22:00": "150 %", "06:00": "100 %"},
        boluses=Bolus("20 ug", "15 min", "6 h"),
        patient=PatientBolus("0.05 mg", "5 min", "2 h", 6),
    )
    assert str(programme) == (
        "06:00 0.4 mg/day; 22:00 0.6 mg/day; 20 ug over 15 min every 6 h; "
        "patient 50 ug over 5 min, lock-out 2 h, at most 6 in 24 h"
    )
