"""What a figure says of the doses: lanes below the panels, and the title."""

import json

import numpy as np
import pytest
from matplotlib import pyplot

from pkmodel.plot.given import draw_doses, given_in

RATES = {"TIME": [2.0, 60.0], "AMT": [20.0, 6.0], "CMT": ["intrathecal L3-L4"] * 2, "DUR": [20, 12]}
DAILY = {"TIME": [0.0, 30.0], "AMT": [60.0, 30.0], "CMT": ["oral", "iv"], "II": [12, 0], "ADDL": [2, 0]}  # fmt: skip


def of_records(columns, arm="pump"):
    return given_in({f"doses_{arm}": json.dumps(columns)}, arm)


@pytest.fixture
def axes():
    yield pyplot.figure().add_subplot()
    pyplot.close("all")


def bars(axes):
    return [
        (bar.get_x(), bar.get_x() + bar.get_width(), abs(bar.get_height()))
        for lane in axes.containers
        for bar in lane
    ]


def test_rates_of_an_event_table_are_bars_with_a_gap_where_nothing_flows(axes):
    draw_doses(axes, {"pump": of_records(RATES)}, {"pump": "C0"}, np.array([0.0, 72.0]))
    assert bars(axes) == [(2.0, 22.0, pytest.approx(0.8)), (60.0, 72.0, pytest.approx(0.4))]
    assert not axes.texts


def test_doses_of_an_event_table_are_ticks(axes):
    draw_doses(axes, {"own": of_records(DAILY, "own")}, {"own": "C0"}, np.array([0.0, 48.0]))
    segments = [s for lane in axes.collections for s in lane.get_segments()]
    assert sorted((s[0][0], round(np.ptp(s[:, 1]), 9)) for s in segments) == [
        (0.0, 0.8),
        (12.0, 0.8),
        (24.0, 0.8),
        (30.0, 0.4),
    ]


def test_other_events_are_no_doses():
    columns = {"TIME": [0.0, 30.0], "AMT": [60.0, 0.0], "EVID": [1, 2], "CMT": ["oral", "-oral"]}
    given = of_records(columns, "own")
    assert given.words == "event table of 60 mg oral"
    assert [order.start for order in given.regimen] == [0.0]


def test_words_name_the_amount_with_repeated_doses_and_the_places():
    assert of_records(RATES).words == "event table of 26 mg intrathecal L3-L4"
    assert of_records(DAILY).words == "event table of 210 mg oral and iv"
    numbered = {**RATES, "CMT": [2, 2]}
    assert of_records(numbered).words == "event table of 26 mg compartment 2"
    weighed = {**RATES, "PER": ["kg", "kg"]}
    assert of_records(weighed).words == "event table of 26 mg/kg intrathecal L3-L4"
    mixed = {**RATES, "PER": ["kg", ""]}
    assert of_records(mixed).words == "event table"


@pytest.mark.parametrize(
    "attrs",
    [
        {"events_pump": "EventTable(2 subjects, 2 records: 2 doses)"},
        {"events": "EventTable(2 subjects, 2 records: 2 doses)"},
        {"doses": json.dumps({**RATES, "EVID": [1, 4]})},
        {"doses_pump": json.dumps({**RATES, "SS": [1, 0], "II": [24, 0]})},
    ],
)
def test_a_lane_says_where_doses_are_no_orders_of_one_patient(attrs, axes):
    given = given_in(attrs, "pump")
    assert given.regimen is None
    assert given.words == "event table"
    draw_doses(
        axes,
        {"oral": given_in({}, "oral"), "pump": given},
        {"oral": "C0", "pump": "C1"},
        np.array([0.0, 72.0]),
    )
    assert [text.get_text() for text in axes.texts] == ["event table"]
    assert axes.texts[0].xy == (0.5, 1)


def test_orders_come_before_records():
    attrs = {"regimen_oral": "60 mg oral", "doses_pump": json.dumps(RATES), "events_pump": "EventTable()"}  # fmt: skip
    assert given_in(attrs, "oral").words == "60 mg oral"
    assert given_in(attrs, "pump").regimen is not None
    assert given_in({}, "pump").words == ""
