"""Adherence: fractions, holidays and delays against their distributions; keyed numbers; faults."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pkmodel import library, simulate
from pkmodel.devices.adherence import OUTCOMES, Adherence
from pkmodel.errors import ParameterError, RegimenError
from pkmodel.regimen import Regimen

ORDER = "60 mg oral q12h x 40"
MESSY = Adherence(
    taken=0.8, late=0.6, delay="2 h", delay_cv=1.0, holiday_start=0.05, holiday_stop=0.3
)


def outcomes(course):
    """Outcomes as text, shape (subject, dose)."""
    return course.log.outcome.to_numpy().astype(str).reshape(len(course.subjects), -1)


def near(counted, total, p):
    return abs(counted - total * p) <= 4.5 * np.sqrt(total * p * (1 - p))


def test_who_takes_everything_takes_it_as_ordered():
    course = Adherence(taken=1.0).run(ORDER, 3, seed=1)
    assert (course.subjects["fraction"] == 1).all()
    assert np.array_equal(course.events.time, np.tile(np.arange(40) * 12.0, 3))
    assert set(course.events.amount) == {60.0}


def test_fraction_taken_and_late():
    course = Adherence(taken=0.8, late=0.25, delay=1.0).run(ORDER, 1000, seed=1)
    total = course.subjects.sum()
    assert near(total["taken"], 40_000, 0.8)
    assert near(total["late"], 40_000, 0.2)
    assert near(total["forgotten"], 40_000, 0.2)
    late = course.log[course.log.outcome == "late"]
    assert np.allclose(late.time - late.scheduled, 1.0)


def test_every_subject_has_its_own_probability():
    chances = np.linspace(0, 1, 11)
    course = Adherence(taken=chances).run("1 mg oral q1h x 5000", 11, seed=1)
    assert all(near(n, 5000, p) for n, p in zip(course.subjects["taken"], chances, strict=True))


def test_holidays_are_the_markov_chain():
    """P(away at dose k) = s (1 - (1 - a - b)^(k+1)) with s = a / (a + b); a holiday lasts 1 / b doses."""
    a, b = 0.1, 0.25
    course = Adherence(taken=1.0, holiday_start=a, holiday_stop=b).run(ORDER, 5000, seed=4)
    away = outcomes(course) == "holiday"
    for k in (0, 1, 2, 5, 39):
        expected = a / (a + b) * (1 - (1 - a - b) ** (k + 1))
        assert near(away[:, k].sum(), 5000, expected)
    stays = (away[:, 1:] & away[:, :-1]).sum()
    assert near(stays, away[:, :-1].sum(), 1 - b)
    assert (course.subjects["holiday"] == away.sum(axis=1)).all()


def test_forgotten_outside_holidays_only():
    course = Adherence(taken=0.5, holiday_start=0.2, holiday_stop=0.2).run(ORDER, 2000, seed=4)
    total = course.subjects.sum()
    assert near(total["forgotten"], 80_000 - total["holiday"], 0.5)


@pytest.mark.parametrize(("median", "cv"), [(1.0, 0.5), (6.0, 2.0), (30.0, 1.0)])
def test_delays_are_log_normal_below_the_interval(median, cv):
    course = Adherence(taken=1.0, late=1.0, delay=median, delay_cv=cv).run(ORDER, 50, seed=3)
    delay = (course.log.time - course.log.scheduled).to_numpy()
    sigma = np.sqrt(np.log(1 + cv**2))
    whole = stats.lognorm(sigma, scale=median)
    assert 0 < delay.min() < delay.max() <= 12
    assert stats.kstest(delay, lambda x: whole.cdf(x) / whole.cdf(12)).pvalue > 0.01


def test_a_dose_given_once_may_be_as_late_as_it_likes():
    course = Adherence(taken=1.0, late=1.0, delay=30.0, delay_cv=0.1).run("60 mg oral", 50, seed=3)
    assert course.events.time.min() > 20


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=4, unique=True), st.integers(0, 3))
def test_a_subset_of_subjects_has_the_same_course(subjects, replicate):
    whole = MESSY.run(ORDER, subjects, seed=9, replicate=replicate)
    for number in subjects:
        alone = MESSY.run(ORDER, [number], seed=9, replicate=replicate)
        assert alone.subjects.equals(whole.subjects.loc[[number]])
        mine = whole.events.subject == number
        for column in ("time", "amount", "evid"):
            assert np.array_equal(
                getattr(alone.events, column), getattr(whole.events, column)[mine]
            )


def test_a_shorter_course_is_the_beginning_of_the_longer():
    long = MESSY.run("60 mg oral q12h", 10, seed=2, until="20 d")
    short = MESSY.run("60 mg oral q12h", 10, seed=2, until="10 d")
    assert short.subjects["scheduled"].iloc[0] == 21
    assert np.array_equal(outcomes(short), outcomes(long)[:, :21])


def test_forgetting_does_not_move_when_lateness_is_added():
    plain = Adherence(taken=0.7).run(ORDER, 10, seed=2)
    late = Adherence(taken=0.7, late=0.5, delay=1.0).run(ORDER, 10, seed=2)
    assert np.array_equal(outcomes(plain) == "forgotten", outcomes(late) == "forgotten")


def test_the_count_of_outcomes_adds_up():
    course = MESSY.run(ORDER, 20, seed=2)
    s = course.subjects
    assert (s["taken"] + s["forgotten"] + s["holiday"] == s["scheduled"]).all()
    assert (s["fraction"] == s["taken"] / 40).all()
    assert list(course.log.outcome.cat.categories) == list(OUTCOMES)
    missed = course.log.outcome.isin(["forgotten", "holiday"])
    assert (course.log.time.isna() == missed).all()
    assert len(course.events.time) == s["taken"].sum()


def test_other_routes_are_given_as_ordered():
    regimen = "60 mg oral q12h x 4 + 10 mg iv bolus q8h x 3 at 2 h + 0.4 mg/day intrathecal pump"
    table = Adherence(taken=0.0).run(regimen, 2, seed=1, until="48 h").events
    assert table.subject.tolist() == [1, 1, 2, 2]
    assert table.compartment.tolist() == ["intrathecal", "iv"] * 2
    assert table.additional.tolist() == [0, 2] * 2
    assert table.interval.tolist() == [0, 8] * 2
    assert table.duration.tolist() == [48, 0] * 2


def test_several_oral_orders_follow_the_clock():
    regimen = Regimen.parse(
        "60 mg oral q12h x 2 then 30 mg oral modified q24h x 2 + 5 mg oral at 6 h"
    )
    course = Adherence(taken=1.0).run(regimen, 1, seed=1)
    assert course.log.scheduled.tolist() == [0, 6, 12, 24, 48]
    assert course.events.amount.tolist() == [60, 5, 60, 30, 30]
    assert course.events.additional.tolist() == [0] * 5
    assert course.events.compartment.tolist()[3] == "oral modified"


def test_a_subject_who_takes_nothing_stays_in_the_table():
    table = Adherence(taken=[0.0, 1.0]).run(ORDER, 2, seed=1).events
    assert table.evid.tolist() == [2] + [1] * 40


def test_full_adherence_simulates_like_the_regimen():
    model = library.one_compartment(depot=True)
    times = np.linspace(0, 100, 26)
    table = Adherence(taken=1.0).run(ORDER, 2, seed=1).events
    subjects = simulate(model, table, times=times).concentration
    once = simulate(model, ORDER, times=times).concentration
    assert np.allclose(subjects.sel(subject=2).transpose(*once.dims), once, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"taken": 1.2}, "taken is 1.2; expected probabilities from 0 to 1"),
        ({"taken": "often"}, "taken is 'often'"),
        ({"taken": [0.5, np.nan]}, "taken is [0.5, nan]"),
        ({"taken": []}, "taken is []"),
        ({"late": 0.5}, "late and delay go together"),
        ({"delay": 1.0}, "late and delay go together"),
        ({"delay": "1 mg"}, 'delay "1 mg"'),
        ({"delay_cv": -0.5}, "delay_cv"),
        ({"delay": np.inf, "late": 0.5}, "delay is infinite"),
        ({"holiday_start": 0.1}, "how do holidays end?"),
    ],
)
def test_faults_of_the_numbers(change, fault):
    with pytest.raises(ParameterError) as error:
        Adherence(**({"taken": 0.9} | change))
    assert fault in str(error.value)


def test_all_faults_of_the_numbers_at_once():
    with pytest.raises(ParameterError) as error:
        Adherence(taken=2, late=-1, delay="x", delay_cv="y", holiday_start=7, holiday_stop=8)
    assert len(error.value.faults) == 6


@pytest.mark.parametrize(
    ("regimen", "options", "fault"),
    [
        ("10 mg iv bolus q8h x 3", {}, "has no oral order"),
        ("60 mg oral q12h", {}, 'has an order without end: give until="28 d"'),
        ("60 mg oral q12h x 3 at 48 h", {"until": "1 d"}, "has no dose until 24 h"),
        (
            "60 mg oral q12h x 3 + 5 mg oral q1h x 3",
            {},
            'passes the next dose of "5 mg oral q1h x 3"',
        ),
    ],
)
def test_faults_of_the_regimen(regimen, options, fault):
    with pytest.raises(RegimenError) as error:
        Adherence(taken=0.9, late=0.5, delay=1.0).run(regimen, 3, seed=1, **options)
    assert fault in str(error.value)


def test_as_many_probabilities_as_subjects():
    with pytest.raises(
        ParameterError, match=r"taken holds 2 probabilities; expected one, or one per subject \(3\)"
    ):
        Adherence(taken=[0.5, 0.6]).run(ORDER, 3, seed=1)


def test_the_same_patients_are_equal():
    assert Adherence(taken=np.array([0.5, 0.75])) == Adherence(taken=[0.5, 0.75])
    assert "taken=(0.5, 0.75)" in repr(Adherence(taken=[0.5, 0.75]))
