"""Patient's requests: lock-out and daily limit, exact at their edges."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pkmodel.devices.implanted.programme import PatientBolus
from pkmodel.devices.implanted.requests import REASONS, Window, answer, read_requests, request_table

BOLUS = PatientBolus("0.05 mg", over="5 min", lockout="2 h", per_day=6)
WINDOW = Window(0.0, np.inf, BOLUS)
TIMES = st.lists(st.floats(0, 200), max_size=60).map(sorted)


def granted(answers):
    return [a.time for a in answers if a.outcome == "granted"]


@given(TIMES, st.floats(0.1, 5), st.integers(1, 8))
def test_no_bolus_breaks_a_rule_and_none_is_refused_without_one(times, lockout, per_day):
    bolus = PatientBolus(0.05, 0.1, lockout, per_day)
    answers = answer(times, [Window(0.0, np.inf, bolus)])
    assert [a.time for a in answers] == times
    given_ = np.array(granted(answers))
    assert (np.diff(given_) >= lockout - 1e-8).all()
    for time, outcome in answers:
        before = given_[given_ < time] if outcome == "granted" else given_[given_ <= time]
        recent = (before > time - 24 + 2e-9).sum()
        locked = len(before) and time - before[-1] < lockout - 1e-9
        assert (outcome == "lock-out") == bool(locked)
        if outcome == "daily limit":
            assert recent == per_day
        elif outcome == "granted":
            assert recent < per_day


@given(TIMES, st.floats(0, 200))
def test_cut_and_continued(times, cut):
    early, late = [t for t in times if t < cut], [t for t in times if t >= cut]
    first = answer(early, [WINDOW])
    second = answer(late, [WINDOW], granted(first))
    assert first + second == answer(times, [WINDOW])


def test_the_edges_of_the_rules():
    twice = Window(0.0, np.inf, PatientBolus(0.05, 0.1, 2.0, 2))
    outcomes = [a.outcome for a in answer([0.1, 2.0999, 2.1, 24.0, 24.1, 26.1], [twice])]
    assert outcomes == ["granted", "lock-out", "granted", "daily limit", "granted", "granted"]


def test_one_a_day():
    daily = Window(0.0, np.inf, PatientBolus(0.05, 0.1, 30.0, 1))
    assert granted(answer([0.0, 23.9, 24.0, 30.0, 60.0], [daily])) == [0.0, 30.0, 60.0]
    short = Window(0.0, np.inf, PatientBolus(0.05, 0.1, 1.0, 1))
    assert granted(answer([0.0, 23.9, 24.0], [short])) == [0.0, 24.0]


def test_refused_while_a_bridge_bolus_runs_and_without_a_programme():
    windows = [
        Window(0.0, 5.0, BOLUS, True),
        Window(5.0, 5.0, None, True),
        Window(5.0, 10.0, BOLUS),
        Window(10.0, np.inf, None),
    ]
    answers = answer([1.0, 5.0, 6.0, 10.0], windows)
    assert [a.outcome for a in answers] == [REASONS[2], "granted", REASONS[0], REASONS[3]]


def test_read_and_table():
    faults = []
    assert read_requests(faults, ["2 d", 1.0]) == [1.0, 48.0]
    read_requests(faults, ["2 mg", -1.0])
    assert len(faults) == 2
    table = request_table(answer([0.0, 1.0], [WINDOW]))
    assert table.to_dict("list") == {"time": [0.0, 1.0], "outcome": ["granted", "lock-out"]}
    assert list(request_table(())) == ["time", "outcome"]
