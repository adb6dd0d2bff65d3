"""Trials: steps, stop at the response, success by pain scores, faults."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pkmodel import Drug
from pkmodel.devices.trial import BACLOFEN_SCREENING, SUCCESS, escalation, screen, success
from pkmodel.errors import InputError, ParameterError, RegimenError
from pkmodel.regimen import Order, Regimen

RATES = escalation(["0.1 mg/day", "0.2 mg/day", "0.4 mg/day"], every="2 d", route="epidural")


def test_baclofen_screening_is_the_label_and_in_the_range_of_the_drug():
    steps = Regimen.parse(BACLOFEN_SCREENING)
    assert [order.amount for order in steps] == [0.05, 0.075, 0.1]
    assert [order.start for order in steps] == [0, 24, 48]
    assert all(order.duration == pytest.approx(1 / 60) for order in steps)
    Drug.read("baclofen").check(steps)


def test_escalation_of_single_shots_and_of_rates():
    assert escalation(["0.1 mg", "0.2 mg"], every="12 h") == Regimen(
        (Order("intrathecal", 0.1), Order("intrathecal", 0.2, start=12))
    )
    assert [(o.rate, o.start, o.duration, o.form) for o in RATES] == [
        (0.1 / 24, 0, 48, "infusion"),
        (0.2 / 24, 48, 48, "infusion"),
        (0.4 / 24, 96, 48, "infusion"),
    ]
    assert Regimen.parse(str(RATES)) == RATES


@pytest.mark.parametrize(
    ("doses", "options", "fault"),
    [
        ([], {}, "no doses"),
        (["50"], {}, '"50" is no amount (50 ug) and no rate'),
        (["50 L"], {}, '"50 L" is no amount'),
        ([50], {}, "50 is no dose: expected text with a unit"),
        (["ug"], {}, "'ug' is no dose"),
        (["50 ug"], {"every": 0}, "every is 0; expected more than 0"),
        (["50 ug"], {"over": "1 mg"}, 'over "1 mg"'),
    ],
)
def test_faults_of_an_escalation(doses, options, fault):
    with pytest.raises(RegimenError) as error:
        escalation(doses, **options)
    assert fault in str(error.value)


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=5))
def test_stops_at_the_first_response(table):
    responses = dict(enumerate(table))
    course = screen(BACLOFEN_SCREENING, responses)
    amounts = np.array([0.05, 0.075, 0.1])
    for k, told in responses.items():
        n = told.index(True) + 1 if True in told else 3
        mine = course.events.subject == k
        assert np.array_equal(course.events.amount[mine], amounts[:n])
        assert np.array_equal(course.events.time[mine], [0, 24, 48][:n])
        row = course.subjects.loc[k]
        assert (row["responded"], row["steps"]) == (any(told), n)
        assert row["drug [mg]"] == pytest.approx(amounts[:n].sum())
        log = course.log[course.log.subject == k].outcome.tolist()
        assert log == ["no response"] * (n - any(told)) + ["response"] * any(told)


def test_responses_by_a_function():
    """Subject k responds from the k-th rate on."""
    asked = []

    def responds(subject, step):
        asked.append((subject, step.start))
        return step.rate * 24 >= 0.1 * subject - 1e-12

    course = screen(RATES, responds, subjects=[1, 2, 4, 9])
    assert course.subjects["steps"].tolist() == [1, 2, 3, 3]
    assert course.subjects["responded"].tolist() == [True, True, True, False]
    assert course.subjects["last"][2] == "0.2 mg/day epidural infusion for 2 d at 48 h"
    assert asked[:3] == [(1, 0), (2, 0), (2, 48)]
    assert course.subjects["drug [mg]"].tolist() == pytest.approx([0.2, 0.6, 1.4, 1.4])
    assert set(course.events.compartment) == {"epidural"}
    assert course.events.duration.tolist() == [48.0] * 9


def test_steps_may_be_written_in_any_order():
    course = screen("75 ug intrathecal bolus at 24 h + 50 ug intrathecal bolus", {1: [True]})
    assert course.events.amount.tolist() == [0.05]


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ("50 ug intrathecal bolus q24h x 3", "is repeated; a step is one dose"),
        ("0.1 mg/day intrathecal pump", "has no end (for 1 d)"),
        (
            "0.1 mg/day intrathecal pump for 2 d + 0.2 mg/day intrathecal pump for 2 d at 1 d",
            'begins before "0.1 mg/day intrathecal pump for 2 d" has ended',
        ),
    ],
)
def test_steps_that_cannot_be_given_in_turn(steps, fault):
    with pytest.raises(RegimenError) as error:
        screen(steps, {1: [True]})
    assert fault in str(error.value)


@pytest.mark.parametrize(
    ("responses", "subjects", "fault"),
    [
        ({1: [False]}, None, "subject 1: the response to step 2 is missing"),
        (
            {"a": [1, True, True]},
            None,
            "subject a: the response to step 1 is 1; expected True or False",
        ),
        ({}, None, "no subjects"),
        ({1: [True]}, [1], "responses name the subjects already"),
        ([True], None, "expected lists of True and False by subject"),
        (lambda s, o: True, None, "or a function with subjects="),
        (lambda s, o: "yes", [3], "subject 3: the response to step 1 is 'yes'"),
    ],
)
def test_faults_of_the_responses(responses, subjects, fault):
    with pytest.raises(InputError) as error:
        screen(BACLOFEN_SCREENING, responses, subjects)
    assert fault in str(error.value)


def test_all_faults_of_the_responses_at_once():
    with pytest.raises(InputError) as error:
        screen(BACLOFEN_SCREENING, {1: [], 2: [True], 3: [None]})
    assert len(error.value.faults) == 2


# ------------------------------------------------------------------------------------------ success


def test_success_by_hand():
    table = success([10, 8, 7, 10, 3], [5, 4.1, 0, 12, 3])
    assert table["reduction"].tolist() == pytest.approx([0.5, 0.4875, 1, -0.2, 0])
    assert table["success"].tolist() == [True, False, True, False, False]
    assert SUCCESS == 0.5


@example(15, 9, 40)  # (1.5 - 0.9) / 1.5 is 0.39999999999999997
@given(st.integers(1, 100), st.integers(0, 100), st.integers(1, 100))
def test_the_edge_is_success(before, after, percent):
    """In whole numbers: success is 100 (before - after) >= percent * before."""
    table = success([before / 10], [after / 10], percent / 100)
    assert table["success"].item() == (100 * (before - after) >= percent * before)


def test_scores_are_matched_by_subject():
    table = success(pd.Series({"a": 8.0, "b": 6.0}), {"b": 6, "a": 2})
    assert table["success"].to_dict() == {"a": True, "b": False}
    assert table.index.name == "subject"


@pytest.mark.parametrize(
    ("before", "after", "reduction", "fault"),
    [
        ({1: 0}, {1: 0}, 0.5, "subject 1: the score before is 0; expected above 0"),
        ({1: 5}, {1: -1}, 0.5, "subject 1: the score after is -1; expected 0 or above"),
        ({1: np.nan}, {1: 1}, 0.5, "subject 1: the score before is nan"),
        ({1: 5}, {2: 5}, 0.5, "subject 1 has no score after; subject 2 has no score before"),
        ({}, {}, 0.5, "no scores"),
        ({1: 5}, {1: 2}, 50, "reduction is 50; expected above 0 and up to 1"),
    ],
)
def test_faults_of_scores(before, after, reduction, fault):
    with pytest.raises(ParameterError) as error:
        success(before, after, reduction)
    assert fault in str(error.value)
