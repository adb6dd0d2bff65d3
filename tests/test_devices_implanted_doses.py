"""From streams to records."""

import numpy as np
import pytest
from scipy import stats

from pkmodel.devices.implanted.doses import doses, flow_ratios, table_of
from pkmodel.devices.implanted.flow import Stream


def stream(start, end, flow=1e-4, concentration=1e4):
    one = np.ones(len(start))
    return Stream(np.array(start), np.array(end), flow * one, concentration * one)


def test_streams_are_merged_in_order_of_time():
    found = doses(
        [
            ("a", stream([0.0, 5.0], [1.0, 6.0])),
            ("", stream([0.0], [9.0])),
            ("b", stream([2.0], [4.0])),
        ]
    )
    assert found["time"].tolist() == [0.0, 2.0, 5.0]
    assert found["compartment"].tolist() == ["a", "b", "a"]
    assert found["amount"] == pytest.approx([1.0, 2.0, 1.0])
    assert found["duration"].tolist() == [1.0, 2.0, 1.0]


def test_one_place_may_receive_both():
    found = doses([("a", stream([0.0], [1.0])), ("a", stream([0.5], [1.0]))])
    assert found["time"].tolist() == [0.0, 0.5]


def test_tables():
    some, none = doses([("a", stream([3.0], [4.0]))]), doses([("a", stream([], []))])
    table = table_of([some, none], np.array([4, 9]))
    assert (table.subject.tolist(), table.evid.tolist()) == ([4, 9], [1, 2])
    assert table.grouped
    assert not table_of([some]).grouped
    assert table_of([none]).evid.tolist() == [2]


def test_ratios_are_log_normal():
    ratios = np.array(flow_ratios(0.3, np.arange(2000), 1))
    sigma = np.sqrt(np.log1p(0.09))
    assert stats.kstest(np.log(ratios) / sigma, "norm").pvalue > 0.01
    assert np.std(ratios) / np.mean(ratios) == pytest.approx(0.3, rel=0.05)
