"""Poisson demands: counts and gaps as they should be, the time of day, keyed numbers, faults."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from pkmodel.devices.demands import poisson_demands
from pkmodel.errors import ParameterError

DAY = {7.0: 1.0, 22.5: 0.25}


def rate_at(t, clock, day):
    """Factor of the rate at a time, by search from the hour backwards."""
    hour = (t + clock) % 24
    before = [h for h in sorted(day) if h <= hour]
    return day[before[-1] if before else max(day)]


def test_counts_and_gaps_of_a_constant_rate():
    demands = poisson_demands(2000, 2.0, 50.0, seed=1, start=10.0)
    counts = np.array([len(times) for times in demands.values()])
    assert abs(counts.mean() - 80) < 4 * np.sqrt(80 / 2000)
    assert abs(counts.var() / 80 - 1) < 0.13
    gaps = np.concatenate([np.diff(times) for times in demands.values()])
    assert stats.kstest(gaps[::50], "expon", args=(0, 0.5)).pvalue > 0.01
    assert min(times[0] for times in demands.values()) >= 10
    assert max(times[-1] for times in demands.values()) < 50


@pytest.mark.parametrize("clock", [0.0, 8.0, 23.25])
def test_day_pattern(clock):
    """Numbers in every hour of the day agree with the integral of the rate."""
    demands = poisson_demands(3000, 3.0, 40.0, seed=2, start=5.5, day=DAY, clock=clock)
    times = np.concatenate(list(demands.values()))
    for low, high in [(5.5, 6), (6, 14.25), (14.25, 16), (22, 23.5), (30, 40)]:
        expected = 3000 * 3.0 * integrate.quad(
            rate_at, low, high, args=(clock, DAY), limit=500, epsabs=1e-4
        )[0]  # fmt: skip
        counted = ((times >= low) & (times < high)).sum()
        assert abs(counted - expected) < 4.5 * np.sqrt(expected)


def test_an_hour_without_demands():
    demands = poisson_demands(50, 5.0, 96.0, seed=1, day={6: 1.0, 23: 0.0})
    hours = np.concatenate(list(demands.values())) % 24
    assert len(hours) > 5000
    assert ((hours >= 6) & (hours < 23)).all()


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=5, unique=True), st.floats(0, 5))
def test_a_subset_has_the_same_times(subjects, rate):
    rates = np.linspace(rate, rate + 1, len(subjects))
    all_of_them = poisson_demands(subjects, rates, 30.0, seed=3, day=DAY)
    for number, own in zip(subjects, rates, strict=True):
        alone = poisson_demands([number], own, 30.0, seed=3, day=DAY)
        assert np.array_equal(alone[number], all_of_them[number])
    assert list(all_of_them) == subjects


def test_a_longer_trial_begins_with_the_shorter():
    short = poisson_demands(20, 4.0, 10.0, seed=3)
    long = poisson_demands(20, 4.0, 500.0, seed=3)
    for number, times in short.items():
        assert np.allclose(times, long[number][: len(times)], rtol=1e-15)
        assert long[number][len(times)] >= 10


def test_another_replicate_or_stream_is_another_draw():
    base, *others = (
        poisson_demands(5, 1.0, 48.0, seed=3, **key)
        for key in ({}, {"replicate": 1}, {"stream": "other"})
    )
    for other in others:
        assert not any(np.array_equal(base[k], other[k]) for k in base)


def test_nobody_asks_at_the_rate_0():
    demands = poisson_demands(3, [0.0, 1.0, 0.0], "2 d", seed=1)
    assert [len(times) > 0 for times in demands.values()] == [False, True, False]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"rate": -1.0}, "rate is -1.0; expected 0 demands per hour or more"),
        ({"rate": [1.0, 2.0]}, "one number or one per subject (3)"),
        ({"rate": "often"}, "rate is 'often'"),
        ({"until": 0.0}, "until is 0 h; expected a time after the start (0 h)"),
        ({"until": "3 mg"}, 'until "3 mg"'),
        ({"day": {}}, "day is {}"),
        ({"day": {24: 1.0}}, "day is {24: 1.0}; expected factors, 0 or above, by the hour"),
        ({"day": {8: -1.0}}, "day is {8: -1.0}"),
        ({"clock": 24.0}, "clock is 24.0"),
        ({"subjects": 0}, "subjects=0"),
    ],
)
def test_faults(change, fault):
    given_ = {"subjects": 3, "rate": 2.0, "until": 72.0, "seed": 1} | change
    with pytest.raises(ParameterError) as error:
        poisson_demands(**given_)
    assert fault in str(error.value)


def test_all_faults_at_once():
    with pytest.raises(ParameterError) as error:
        poisson_demands(3, -1.0, 0.0, seed=1, day={}, clock=25.0)
    assert len(error.value.faults) == 4
