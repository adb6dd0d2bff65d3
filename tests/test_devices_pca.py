"""PCA: what is granted and refused, against a slow simulation in whole minutes; laws; faults."""

import time as clock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkmodel.devices.demands import poisson_demands
from pkmodel.devices.pca import OUTCOMES, PCA
from pkmodel.errors import InputError, RegimenError

PUMP = PCA("1 mg", lockout="6 min", limit="6 mg", window="1 h")


def naive(minutes, bolus, lockout, limit, window, background, loading):
    """Outcomes of demands at whole minutes; amounts in whole units, the background per minute."""
    given_, outcomes = [(0, loading)] if loading else [], []
    for now in minutes:
        recent = sum(amount for start, amount in given_ if start > now - window)
        if given_ and now - given_[-1][0] < lockout:
            outcomes.append("lock-out")
        elif limit is not None and recent + background * window + bolus > limit:
            outcomes.append("limit")
        else:
            outcomes.append("given")
            given_.append((now, bolus))
    return outcomes


settings_in_minutes = st.fixed_dictionaries(
    {
        "bolus": st.integers(1, 4),
        "lockout": st.integers(0, 12),
        "limit": st.none() | st.integers(20, 40),
        "window": st.integers(10, 90),
        "background": st.sampled_from([0, 0.1]),
        "loading": st.sampled_from([0, 3, 7]),
    }
)


def pca_of(s):
    """The same settings in hours and mg, with a unit of 0.1 mg."""
    return PCA(
        bolus=s["bolus"] / 10,
        lockout=s["lockout"] / 60,
        limit=None if s["limit"] is None else s["limit"] / 10,
        window=None if s["limit"] is None else s["window"] / 60,
        background=s["background"] / 10 * 60,
        loading=s["loading"] / 10,
    )


@given(
    settings_in_minutes,
    st.lists(st.lists(st.integers(0, 300), max_size=60), min_size=1, max_size=4),
)
def test_the_slow_simulation_agrees(s, demands):
    """Whole minutes meet the ends of lock-out and window exactly, which hours as floats do not."""
    demands = {k: sorted(minutes) for k, minutes in enumerate(demands)}
    course = pca_of(s).run({k: np.array(m) / 60 for k, m in demands.items()}, until=6.0)
    for k, minutes in demands.items():
        log = course.log[course.log.subject == k]
        assert log.outcome.tolist() == naive(minutes, **s)
    counts = course.subjects
    assert (counts["given"] + counts["lock-out"] + counts["limit"] == counts["demands"]).all()
    assert counts["demands"].tolist() == [len(m) for m in demands.values()]


@given(
    st.floats(0.1, 3),
    st.floats(0, 1),
    st.floats(0.5, 30),
    st.floats(0.1, 5),
    st.floats(0, 0.5),
    st.integers(0, 1000),
)
def test_laws(bolus, lockout, boluses, window, background, seed):
    limit = background * window + bolus * (1 + boluses)
    pump = PCA(bolus, lockout, limit, window, background, loading=bolus, duration=lockout / 2)
    demands = poisson_demands(3, 6.0, 24.0, seed=seed)
    course = pump.run(demands, until=24.0)
    table = course.events
    for subject in demands:
        mine = (table.subject == subject) & (table.duration != 24.0)
        starts, amounts = table.time[mine], table.amount[mine]
        assert (np.diff(starts) >= lockout - 1e-12).all()
        for start in starts:
            inside = (starts >= start) & (starts < start + window - 1e-9)
            assert amounts[inside].sum() + background * window <= limit * (1 + 1e-8)
        running = starts[:-1] + table.duration[mine][:-1]
        assert (running <= starts[1:] + 1e-12).all()
        assert set(starts) <= {0.0, *demands[subject]}
    drug = np.bincount(table.subject, table.amount)[1:]
    assert np.allclose(drug, course.subjects["drug [mg]"], rtol=1e-12)
    assert course.subjects["demands"].tolist() == [len(times) for times in demands.values()]


def test_edges_are_granted():
    """0.2 h + 6 min is 0.30000000000000004 h, and a demand at 0.3 h is at the end of the lock-out."""
    course = PCA("1 mg", "6 min").run({1: [0.0, 0.1, 0.2, 0.3, 0.3999, 0.4]}, until=1.0)
    assert course.log.outcome.tolist() == [*["given"] * 4, "lock-out", "given"]
    hour = PCA("1 mg", "6 min", "2 mg", "1 h").run(
        {1: [0.1, 0.3, 1.0999, 1.1, 1.2, 1.3]}, until=2.0
    )
    assert hour.log.outcome.tolist() == ["given", "given", "limit", "given", "limit", "given"]


def test_the_end_of_the_window_is_met_in_spite_of_rounding():
    """0.2 h + 0.1 h is more than 0.3 h."""
    course = PCA("1 mg", 0.0, "1 mg", 0.1).run({1: [0.2, 0.3]}, until=1.0)
    assert course.log.outcome.tolist() == ["given", "given"]


def test_a_loading_dose_that_fills_the_first_window():
    course = PCA("1 mg", 0.0, "2 mg", 1.0, loading="2 mg").run({1: [0.5, 1.0]}, until=2.0)
    assert course.log.outcome.tolist() == ["limit", "given"]


def test_the_lock_out_is_asked_before_the_limit():
    course = PCA("1 mg", "30 min", "1 mg", "1 h").run({1: [0.0, 0.25, 0.75]}, until=2.0)
    assert course.log.outcome.tolist() == ["given", "lock-out", "limit"]


def test_a_limit_that_is_a_whole_number_of_boluses_in_decimals():
    """0.3 / 0.1 is 2.9999999999999996."""
    course = PCA(0.1, 0.0, 0.3, 1.0).run({1: [0.1, 0.2, 0.3, 0.4]}, until=1.0)
    assert course.log.outcome.tolist() == ["given"] * 3 + ["limit"]


def test_events_hold_all_that_is_given():
    pump = PCA(
        "1 mg", "5 min", background="0.5 mg/h", loading="4 mg", duration="2 min", route="epidural"
    )
    table = pump.run({"a": [1.5], "b": []}, until="12 h", start="1 h").events
    rows = list(zip(table.subject, table.time, table.amount, table.duration, strict=True))
    assert sorted(rows) == sorted([
        ("a", 1, 4, 2 / 60), ("a", 1, 5.5, 11), ("a", 1.5, 1, 2 / 60), ("b", 1, 4, 2 / 60), ("b", 1, 5.5, 11),
    ])  # fmt: skip
    assert set(table.compartment) == {"epidural"}
    assert (table.evid == 1).all()


def test_a_subject_who_is_given_nothing_stays_in_the_table():
    course = PUMP.run({7: [], 3: [0.5]}, until=1.0)
    assert course.events.subject.tolist() == [7, 3]
    assert course.events.evid.tolist() == [2, 1]
    assert course.subjects.index.tolist() == [7, 3]


def test_any_subset_of_subjects_has_the_same_course():
    demands = poisson_demands(30, 8.0, 24.0, seed=5)
    whole = PUMP.run(demands, until=24.0)
    some = PUMP.run({k: demands[k] for k in (11, 4)}, until=24.0)
    assert some.subjects.equals(whole.subjects.loc[[11, 4]])
    for k in (11, 4):
        alone, among = (t.time[t.subject == k] for t in (some.events, whole.events))
        assert np.array_equal(alone, among)


def test_log_holds_every_demand():
    demands = poisson_demands([5, 2], 3.0, 10.0, seed=5)
    log = PUMP.run(demands, until=10.0).log
    assert np.array_equal(log.time, np.concatenate([demands[5], demands[2]]))
    assert list(log.outcome.cat.categories) == list(OUTCOMES)


def test_thousand_subjects_in_about_a_second():
    start = clock.process_time()
    demands = poisson_demands(1000, 3.0, "72 h", seed=1, day={7: 1.0, 22: 0.3})
    course = PCA("1 mg", "6 min", "10 mg", "1 h", background="0.5 mg/h").run(demands, until="72 h")
    assert clock.process_time() - start < 5
    assert len(course.log) > 100_000


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"bolus": 0}, "bolus is 0; expected more than 0"),
        ({"bolus": "1 h"}, 'bolus "1 h"'),
        ({"lockout": "6"}, 'lockout "6"'),
        ({"lockout": None}, "lockout"),
        ({"limit": None}, "limit and window go together"),
        ({"window": None}, "limit and window go together"),
        ({"window": 0}, "window is 0; expected more than 0"),
        ({"duration": "7 min"}, "the lock-out (0.1 h) ends before the bolus is in (0.116667 h)"),
        ({"limit": 0.5}, "no demand is ever granted"),
        ({"background": 5.5}, "no demand is ever granted"),
        ({"background": 6.5}, "alone are above the limit of 6 mg in 1 h"),
        ({"loading": 7}, "alone are above the limit of 6 mg in 1 h"),
        ({"background": -1}, "background"),
    ],
)
def test_faults_of_the_settings(change, fault):
    settings = {"bolus": 1.0, "lockout": "6 min", "limit": 6.0, "window": 1.0} | change
    with pytest.raises(RegimenError) as error:
        PCA(**settings)
    assert fault in str(error.value)
    assert 'Write for example PCA("1 mg"' in str(error.value)


def test_all_faults_of_the_settings_at_once():
    with pytest.raises(RegimenError) as error:
        PCA("1 mgs", lockout="6 mins and", limit="1 h", window="1 mg")
    assert len(error.value.faults) == 4


@pytest.mark.parametrize(
    ("demands", "fault"),
    [
        ({}, "expected the times of every subject"),
        ([1.0], "expected the times of every subject"),
        ({1: [2.0, 1.0]}, "demands of 1: the times do not ascend"),
        ({1: [-1.0]}, "demands of 1: -1 h is not from 0 to before 24 h"),
        ({"x": [1.0, 24.0]}, "demands of x: 24 h is not from 0 to before 24 h"),
        ({1: [np.nan]}, "demands of 1: nan h"),
        ({1: ["noon"]}, "demands of 1: expected one list of hours"),
        ({1: 3.0}, "demands of 1: expected one list of hours"),
    ],
)
def test_faults_of_demands(demands, fault):
    with pytest.raises(InputError) as error:
        PUMP.run(demands, until=24.0)
    assert fault in str(error.value)


def test_all_faults_of_demands_at_once():
    with pytest.raises(InputError) as error:
        PUMP.run({1: [2.0, 1.0], 2: [30.0], 3: [1.0]}, until=24.0)
    assert len(error.value.faults) == 2
    with pytest.raises(InputError, match=r"until is 1 h; expected a time after the start \(2 h\)"):
        PUMP.run({1: []}, until=1.0, start=2.0)


def test_the_same_settings_are_equal():
    assert PCA(1.0, 0.1, 6.0, 1.0) == PUMP
    assert "lockout=0.1" in repr(PUMP)
