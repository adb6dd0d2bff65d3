"""Records of several subjects."""

import numpy as np
import pandas as pd

from pkmodel.devices.course import Course, records


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


def test_repr_counts():
    events = records([1], np.array([0]), time=[0], amount=1, compartment="iv")
    log = pd.DataFrame(
        {"outcome": pd.Categorical(["no", "yes", "yes", "no"], ["yes", "no", "other"])}
    )
    course = Course(events, pd.DataFrame(index=[1]), log, "demands")
    assert repr(course) == "1 subject, 4 demands: 2 yes, 2 no, 0 other"
    nobody = Course(events, pd.DataFrame(index=[1, 2]), log[:0], "demands")
    assert repr(nobody) == "2 subjects, 0 demands: 0 yes, 0 no, 0 other"
