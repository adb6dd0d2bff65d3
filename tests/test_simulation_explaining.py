"""What is given when, in sentences."""

import numpy as np
import pytest
import xarray as xr

from pkmodel import Drug, explain, library
from pkmodel.errors import ParameterError
from pkmodel.events import EventTable


def depot(**more):
    return library.one_compartment(depot=True, **more)


def test_orders():
    doses = explain(
        depot(bioavailability=0.5, lag="1.5 h"),
        "60 mg oral q12h x 2 + 3 mg iv infusion over 10 min at 2 h",
    )
    assert str(doses).splitlines() == [
        "at 1.5 h, 30 mg (of 60 mg ordered at 0 h) into depot, from order 1",
        "at 2 h, 3 mg into central over 10 min, from order 2",
        "at 13.5 h, 30 mg (of 60 mg ordered at 12 h) into depot, from order 1",
    ]
    assert len(doses) == 3
    assert list(doses.table.amount) == [30, 3, 30]
    np.testing.assert_allclose(doses.table.rate, [0, 18, 0])
    np.testing.assert_allclose(doses.table.end, [1.5, 2 + 1 / 6, 13.5])


def test_orders_keep_their_number():
    doses = explain(depot(), "1 mg iv bolus at 5 h + 2 mg iv bolus")
    assert list(doses.table.record) == [2, 1]


def test_orders_without_end_run_until():
    doses = explain(depot(), "60 mg oral q12h", until=30)
    assert list(doses.table.time) == [0, 12, 24]
    pump = explain("morphine", "0.4 mg/day intrathecal pump", until=48).table
    assert set(pump.compartment) == {f"lumbar_csf_{k}" for k in (4, 5, 6, 7)}
    assert pump.amount.sum() == pytest.approx(0.8)


def test_records_of_two_subjects():
    table = EventTable.of(
        subject=["a"] * 5 + ["b"] * 2, time=[0, 30, 36, 40, 50, 0, 9], evid=[1, 0, 4, 1, 3, 1, 0],
        amount=[60, 0, 5, 8, 0, 0, 0], compartment=["oral", "", "iv", "iv", "", "iv", ""],
        rate=[0, 0, 0, 2, 0, 3, 0], interval=[12, 0, 0, 6, 0, 0, 0], additional=[9, 0, 0, 0, 0, 0, 0],
        steady=[0, 0, 0, 1, 0, 1, 0],
    )  # fmt: skip
    assert str(explain(depot(), table)).splitlines() == [
        "ID a: at 0 h, 60 mg into depot, from record 1",
        "ID a: at 12 h, 60 mg into depot, from record 1",
        "ID a: at 24 h, 60 mg into depot, from record 1",
        "ID a: at 36 h, 60 mg into depot, from record 1",
        "ID a: at 36 h, everything is cleared: amounts, infusions, doses to come, from record 3",
        "ID a: at 36 h, 5 mg into central, from record 3",
        "ID a: at 40 h, everything is cleared: amounts, infusions, doses to come, from record 4",
        "ID a: by 40 h, 8 mg into central over 4 h, every 6 h for ever, the last time at 40 h, from record 4",
        "ID a: at 50 h, everything is cleared: amounts, infusions, doses to come, from record 5",
        "ID b: at 0 h, everything is cleared: amounts, infusions, doses to come, from record 6",
        "ID b: at 0 h, 3 mg/h into central stops, having run for ever, from record 6",
    ]
    assert list(explain(depot(), table, until=13).table.record[:2]) == [1, 1]


def test_own_parameters_of_every_subject():
    table = EventTable.of(subject=[1, 2], time=[0, 0], amount=10, compartment="oral")
    lag = xr.DataArray([0.0, 2.0], dims="subject", coords={"subject": [1, 2]})
    assert list(explain(depot(), table, {"lag": lag}).table.time) == [0, 2]
    with pytest.raises(ParameterError, match='dimension "lag"'):
        explain(depot(), table, {"lag": [0.0, 1.0]})


def test_a_closed_compartment():
    table = EventTable.of(
        time=[0, 3, 9], evid=[1, 2, 0], amount=[5, 0, 0], compartment=["iv", "-central", ""],
        interval=[2, 0, 0], additional=[8, 0, 0],
    )  # fmt: skip
    lines = str(explain(depot(), table)).splitlines()
    assert lines == [
        "at 0 h, 5 mg into central, from record 1",
        "at 2 h, 5 mg into central, from record 1",
        "at 3 h, central is emptied and switched off, from record 2",
    ]


def test_long_lists_are_cut_in_print_alone():
    doses = explain(depot(), "1 mg oral q1h x 100")
    assert len(doses) == 100 and str(doses).endswith("... and 40 more")


def test_a_dose_into_several_compartments_is_one_sentence():
    found = explain(Drug.read("morphine").segmented(10), "0.4 mg intrathecal bolus q24h x 2")
    assert len(found.lines) == 2
    assert len(found.table) > 2
    assert found.table.amount.sum() == pytest.approx(0.8, rel=1e-12)
    assert found.lines[1].startswith("at 24 h, ")
    assert found.lines[1].endswith(", from order 1")
    first = found.table[found.table.time == 0]
    assert all(f" into {name}" in found.lines[0] for name in first.compartment)


def test_doses_of_two_orders_at_once_are_two_sentences():
    found = explain("morphine", "10 mg iv bolus + 5 mg iv bolus")
    assert [line.partition(",")[0] for line in found.lines] == ["at 0 h", "at 0 h"]
