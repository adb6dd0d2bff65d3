"""Records of several subjects, and orders as records."""

import numpy as np
import pandas as pd
import pytest

from pkmodel.devices.course import Course, records, row_of
from pkmodel.regimen import Order, Regimen


def test_records_stand_by_subject_and_time_and_nobody_is_lost():
    table = records(
        ["a", "b", "c"],
        np.array([2, 0, 2, 0]),
        time=np.array([5.0, 1.0, 3.0, 1.0]),
        amount=np.array([1.0, 2.0, 3.0, 4.0]),
        compartment=np.array(["iv", "iv", "oral", "oral"]),
    )
    assert table.subject.tolist() == ["a", "a", "b", "c", "c"]
    assert table.time.tolist() == [1, 1, 0, 3, 5]
    assert table.amount.tolist() == [2, 4, 0, 3, 1]
    assert table.evid.tolist() == [1, 1, 2, 1, 1]
    assert table.compartment.tolist() == ["iv", "oral", "", "oral", "iv"]


ROWS = {
    "60 mg oral q12h x 28": {"amount": 60, "interval": 12, "additional": 27, "compartment": "oral"},
    "60 mg oral modified q12h": {"amount": 60, "interval": 12, "additional": 8, "compartment": "oral modified"},
    "0.4 mg/day intrathecal pump": {"amount": 0.4 / 24 * 100, "duration": 100},
    "2 mg/h iv infusion for 6 h at 4 h": {"time": 4, "amount": 12, "duration": 6},
    "10 mg iv infusion at 20 mg/h": {"amount": 10, "rate": 20},
    "10 mg iv infusion over 30 min q8h x 3": {"amount": 10, "duration": 0.5, "additional": 2},
    "0.1 mg/kg iv bolus": {"amount": 0.1, "per": "kg", "additional": 0},
    "5 mg oral modelled duration": {"amount": 5, "rate": -2},
    "5 mg oral modelled rate": {"amount": 5, "rate": -1},
}  # fmt: skip


@pytest.mark.parametrize("text", ROWS)
def test_order_as_a_row(text):
    (order,) = Regimen.parse(text)
    until = 336 if order.count is not None and order.interval else 100
    row = row_of(order, until)
    expected = {"rate": 0, "duration": 0, "interval": order.interval or 0, "per": ""} | ROWS[text]
    assert {name: row[name] for name in expected} == expected


def test_order_that_begins_late_stops_in_time():
    row = row_of(Order("iv", rate=2.0, start=30.0), 100.0)
    assert (row["time"], row["duration"], row["amount"]) == (30, 70, 140)


def test_repr_counts():
    events = records([1], np.array([0]), time=[0], amount=1, compartment="iv")
    log = pd.DataFrame(
        {"outcome": pd.Categorical(["no", "yes", "yes", "no"], ["yes", "no", "other"])}
    )
    course = Course(events, pd.DataFrame(index=[1]), log, "demands")
    assert repr(course) == "1 subject, 4 demands: 2 yes, 2 no, 0 other"
    nobody = Course(events, pd.DataFrame(index=[1, 2]), log[:0], "demands")
    assert repr(nobody) == "2 subjects, 0 demands: 0 yes, 0 no, 0 other"
