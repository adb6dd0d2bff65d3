"""What dosing records mean: golden cases, an oracle by superposition, and the laws of a table."""

import json
from fractions import Fraction
from pathlib import Path

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkmodel import Flow, Input, Model, Parameter, library, simulate
from pkmodel.errors import InputError, ModelError, ParameterError
from pkmodel.events import EventTable

GOLDEN = json.loads((Path(__file__).parent / "data" / "event_tables.json").read_text())
FIELDS = {
    "TIME": "time", "EVID": "evid", "AMT": "amount", "CMT": "compartment", "RATE": "rate",
    "II": "interval", "ADDL": "additional", "SS": "steady",
}  # fmt: skip


def table_of(records, **more):
    """An event table of NONMEM's records, with an observation after every one that is none."""
    shown = []
    for record in records:
        shown.append(record)
        if record["EVID"]:
            shown.append(dict.fromkeys(FIELDS, 0) | {"TIME": record["TIME"]})
    columns = {field: [r[name] for r in shown] for name, field in FIELDS.items()}
    columns["compartment"] = [str(c) if c else "" for c in columns["compartment"]]
    return EventTable.of(**columns, **more)


def model_of(case):
    names = [f"box{i}" for i in range(len(case["A"]))]
    return Model.from_rate_matrix(
        case["A"],
        names,
        bioavailability=case["F"],
        lag=case["ALAG"],
        duration=case["D"],
        rate=case["R"],
    )


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_golden_tables(case):
    ds = simulate(model_of(case), table_of(case["records"]))
    expected = np.array(case["amounts"])
    np.testing.assert_allclose(
        ds.amount.values.T, expected, rtol=0, atol=1e-13 * np.abs(expected).max()
    )


# --------------------------------------------------------------------------------- against the oracle

half_hours = st.integers(0, 40).map(lambda k: k / 2)
dose = st.fixed_dictionaries({
    "TIME": half_hours,
    "EVID": st.sampled_from([1, 1, 1, 1, 4]),
    "AMT": st.sampled_from([1.0, 10.0, 25.0]),
    "CMT": st.integers(1, 2),
    "RATE": st.sampled_from([0, 0, 2.5, 5.0, 20.0, -1, -2]),
    "II": st.sampled_from([0, 0.5, 3.0, 4.5, 12.0]),
    "ADDL": st.integers(0, 3),
    "SS": st.sampled_from([0, 0, 1, 2]),
})  # fmt: skip
observation = half_hours.map(lambda t: dict.fromkeys(FIELDS, 0) | {"TIME": t})
reset = half_hours.map(lambda t: dict.fromkeys(FIELDS, 0) | {"TIME": t, "EVID": 3})
systems = st.fixed_dictionaries({
    "A": st.sampled_from([[[-1.0, 0.0], [1.0, -0.2]], [[-0.5, 0.125], [0.25, -0.125]], [[-2.0, 0.0], [2.0, -2.0]]]),
    "F": st.sampled_from([[1.0, 1.0], [0.5, 0.25]]),
    "ALAG": st.sampled_from([[0.0, 0.0], [1.25, 0.0], [3.5, 14.0]]),
    "D": st.just([2.0, 7.5]),
    "R": st.just([4.0, 0.75]),
})  # fmt: skip


def consistent(record):
    """What the columns of one dose allow beside each other."""
    record = dict(record)
    if record["SS"] and not record["II"]:
        if record["RATE"] > 0:
            return record | {"AMT": 0, "ADDL": 0}
        record["SS"] = 0
    if not record["II"]:
        record["ADDL"] = 0
    elif not record["ADDL"] and not record["SS"]:
        record["II"] = 0
    return record


@settings(max_examples=60, deadline=None)
@given(
    systems,
    st.lists(st.one_of(dose.map(consistent), dose.map(consistent), observation, reset), min_size=1, max_size=6),
)  # fmt: skip
def test_random_tables_are_superposed(case, records):
    records = sorted(records, key=lambda r: r["TIME"])
    records.append(dict.fromkeys(FIELDS, 0) | {"TIME": 31.0})
    expected = naive.event_amounts(
        case["A"], records, case["F"], case["ALAG"], case["D"], case["R"]
    )
    ds = simulate(model_of(case), table_of(records))
    scale = max(1e-3, np.abs(expected).max())
    np.testing.assert_allclose(ds.amount.values.T, expected, rtol=0, atol=2e-13 * scale)


# ---------------------------------------------------------------------------------------------- laws


def depot(**more):
    return library.one_compartment(depot=True, absorption_rate="1 /h", **more)


def central(ds):
    return ds.concentration.sel(site="central").values


def test_a_regimen_and_its_table_give_the_same():
    model = depot(lag="0.7 h", bioavailability=0.6)
    text = "60 mg oral q12h x 5 + 5 mg iv infusion over 2 h q6h x 8 + 1 mg iv bolus at 7 h"
    times = np.arange(0, 72.5, 0.5)
    from pkmodel import Regimen

    table = EventTable.read(Regimen.parse(text).to_table())
    a, b = simulate(model, text, times, auc=True), simulate(model, table, times, auc=True)
    for name in ("amount", "concentration", "auc"):
        np.testing.assert_allclose(b[name], a[name], rtol=1e-12, atol=1e-13)


def test_own_times_and_observation_records_agree():
    times = np.arange(0.0, 49.0, 3.0)
    doses = EventTable.of(
        time=[0, 0, 10, 24], subject=[1, 2, 2, 2], amount=[10, 20, 30, 40], compartment="iv",
        evid=[1, 1, 1, 4], interval=[6, 0, 0, 0], additional=[3, 0, 0, 0],
    )  # fmt: skip
    own = simulate(depot(), doses, times)
    seen = simulate(depot(), doses.with_observations(times))
    assert own.concentration.dims == ("subject", "site", "time")
    for subject in (1, 2):
        mine = seen.isel(record=np.flatnonzero(seen.id == subject))
        np.testing.assert_array_equal(mine.time, times)
        np.testing.assert_allclose(central(mine), central(own.sel(subject=subject)), rtol=1e-13)


@pytest.mark.parametrize("interval", ["1/10", "1/3", "7/10"])
def test_the_same_dose_is_never_given_twice_or_lost(interval):
    model, count = Model.from_rate_matrix([[0.0]], ["box"]), 200
    times = [float(k * Fraction(interval)) for k in range(count + 1)]
    train = EventTable.of(
        time=[0.0],
        amount=1.0,
        compartment="box",
        interval=float(Fraction(interval)),
        additional=count,
    )
    ds = simulate(model, train, times)
    np.testing.assert_array_equal(ds.amount.sel(compartment="box"), np.arange(1, count + 2))


def test_doses_without_a_record_act_before_an_observation_and_records_in_their_order():
    model = Model.from_rate_matrix([[0.0]], ["box"])
    table = EventTable.of(
        time=[0, 12, 12, 12], evid=[1, 0, 1, 0], amount=[1, 0, 10, 0], compartment=["box", "", "box", ""],
        interval=[12, 0, 0, 0], additional=[1, 0, 0, 0],
    )  # fmt: skip
    np.testing.assert_array_equal(simulate(model, table).amount[0], [2, 12])


def test_a_reset_may_set_the_time_back():
    model = depot()
    table = EventTable.of(
        time=[0, 5, 100, 0, 5], evid=[1, 0, 0, 4, 0], amount=[10, 0, 0, 10, 0], compartment="iv"
    )
    seen = central(simulate(model, table))
    assert seen[0] == seen[2] != seen[1]
    with pytest.raises(InputError, match="time goes back at the reset in row 4"):
        simulate(model, table, [0, 5])


@pytest.mark.parametrize("rule", ["nocb", "locf"])
def test_covariates_hold_until_or_from_their_record(rule):
    model = library.one_compartment()
    time, clearance = np.array([0.0, 4, 4, 10, 20]), np.array([5.0, 1, 2, 10, 3])
    table = EventTable.of(
        time=time,
        evid=[1, 0, 0, 0, 0],
        amount=[100, 0, 0, 0, 0],
        compartment="iv",
        covariates={"CLEARANCE": clearance},
    )
    ds = simulate(model, table, covariates=rule)
    held = clearance[1:] if rule == "nocb" else clearance[:-1]
    expected = 2.0 * np.exp(-np.cumsum(held / 50 * np.diff(time)))
    np.testing.assert_allclose(central(ds), expected, rtol=1e-14)
    assert ds.attrs["covariates"] == rule
    between = simulate(model, table, [0, 4, 7, 10], covariates=rule)
    rate = held[2] / 50
    np.testing.assert_allclose(
        central(between)[2], central(between)[1] * np.exp(-3 * rate), rtol=1e-14
    )
    np.testing.assert_allclose(central(between)[3], expected[2], rtol=1e-14)


def test_a_volume_that_changes_is_that_of_the_record():
    model = library.one_compartment(clearance="0 L/h")
    table = EventTable.of(
        time=[0, 1, 2], amount=[10, 0, 0], compartment="iv", covariates={"volume": [5.0, 10, 20]}
    )
    np.testing.assert_array_equal(central(simulate(model, table)), [1.0, 0.5])
    np.testing.assert_array_equal(
        central(simulate(model, table, [0, 0.5, 1, 1.5, 2, 3])), [2, 1, 1, 0.5, 0.5, 0.5]
    )


def test_a_compartment_is_switched_off_and_on():
    model = Model("urine", ["blood", "urine"], [Flow("blood", "urine", "rate", "k")],
                  [Parameter("k", "0.5 /h")], [Input("iv", "blood"), Input("bladder", "urine", lag=1.0)])  # fmt: skip
    table = EventTable.of(
        time=[0, 0, 1, 1, 2, 2, 3, 4, 5], evid=[1, 1, 0, 2, 0, 2, 0, 3, 0],
        amount=[10, 7, 0, 0, 0, 0, 0, 0, 0], interval=[0, 2, 0, 0, 0, 0, 0, 0, 0],
        additional=[0, 5, 0, 0, 0, 0, 0, 0, 0],
        compartment=["iv", "bladder", "", "-urine", "", "urine", "", "", ""],
    )  # fmt: skip
    ds = simulate(model, table)
    blood, urine = ds.amount.values
    e = np.exp(-0.5)
    np.testing.assert_allclose(
        blood, [10 * e, 10 * e, 10 * e**2, 10 * e**2, 10 * e**3, 0], rtol=1e-14
    )
    np.testing.assert_allclose(urine, [17 - 10 * e, 0, 0, 0, 10 * e**2 - 10 * e**3, 0], rtol=1e-13)


def test_two_inputs_of_a_route_reach_their_steady_state_together():
    parts = [
        Input("oral", "gut", bioavailability=0.3),
        Input("oral", "blood", bioavailability=0.7, lag=5.0),
    ]
    model = Model("both", ["gut", "blood"], [Flow("gut", "blood", "rate", "k"), Flow("blood", None, "rate", "k")],
                  [Parameter("k", "0.3 /h")], parts)  # fmt: skip
    steady = EventTable.of(
        time=[0.0, 3.0], amount=[10.0, 0.0], compartment="oral", interval=[8.0, 0], steady=[1, 0]
    )
    long = EventTable.of(
        time=[-8.0 * 40, 3.0],
        amount=[10.0, 0.0],
        compartment="oral",
        interval=[8.0, 0],
        additional=[40, 0],
    )
    np.testing.assert_allclose(
        simulate(model, steady).amount, simulate(model, long).amount, rtol=1e-12
    )


def test_an_integral_begins_anew_with_a_steady_state():
    model = library.one_compartment()
    table = EventTable.of(time=[0.0, 0.0, 12.0], amount=[100.0, 0.0, 0.0], compartment="iv",
                          interval=[12.0, 0, 0], steady=[1, 0, 0])  # fmt: skip
    ds = simulate(model, table, auc=True)
    np.testing.assert_allclose(ds.auc.sel(site="central"), [0.0, 100 / 5], rtol=1e-13, atol=1e-15)


def test_dimensions_stand_beside_the_records():
    import xarray as xr

    table = EventTable.of(
        time=[0, 3, 0, 4, 5],
        subject=["a", "a", "b", "b", "b"],
        amount=[10, 0, 20, 0, 0],
        compartment="oral",
    )
    lag = xr.DataArray([0.0, 1.0], dims="ratio", coords={"ratio": [1.0, 2.0]})
    clearance = xr.DataArray([4.0, 8.0], dims="subject", coords={"subject": ["a", "b"]})
    model = depot(lag="0 h")
    ds = simulate(model, table, parameters={"lag": lag, "clearance": clearance})
    assert ds.concentration.dims == ("ratio", "site", "record")
    assert ds.status.dims == ("ratio", "subject")
    assert list(ds.id.values) == ["a", "b", "b"] and list(ds.record) == [2, 4, 5]
    for k, row in enumerate([1, 2]):
        one = simulate(model, "20 mg oral", [0, 4, 5], {"lag": float(lag[k]), "clearance": 8.0})
        np.testing.assert_allclose(
            ds.concentration.isel(ratio=k)[0, row:], central(one)[row:], rtol=1e-13
        )


def test_faults_of_a_table_in_a_model():
    doses = {"time": [0, 1], "amount": [10, 0], "compartment": ["colon", ""]}
    with pytest.raises(ModelError, match=r'row 1: the model .* has no input "colon"'):
        simulate(depot(), EventTable.of(**doses))
    rate = EventTable.of(time=[0, 1], amount=[10, 0], rate=[-1, 0], compartment="iv")
    with pytest.raises(ModelError, match="RATE is -1, and the input"):
        simulate(depot(), rate)
    empty = EventTable.of(
        time=[0, 1], amount=[10, 0], compartment="iv", covariates={"volume": [5, np.nan]}
    )
    with pytest.raises(ParameterError, match="volume is empty in row 2"):
        simulate(depot(), empty)
    twice = EventTable.of(
        time=[0, 1], amount=[10, 0], compartment="iv", covariates={"Volume": [5, 5]}
    )
    with pytest.raises(ParameterError, match="give one of them"):
        simulate(depot(), twice, parameters={"volume": 5})
    per = EventTable.of(time=[0, 1], amount=[10, 0], compartment="iv", per=["kg", ""])
    with pytest.raises(ParameterError, match="weight"):
        simulate(depot(), per)
    heavy = EventTable.of(
        time=[0, 1],
        amount=[1, 0],
        compartment="iv",
        per=["kg", ""],
        covariates={"weight": [80.0, 80]},
    )
    plain = EventTable.of(time=[0, 1], amount=[80, 0], compartment="iv")
    np.testing.assert_array_equal(simulate(depot(), heavy).amount, simulate(depot(), plain).amount)


def test_a_case_that_fails_leaves_the_others():
    table = EventTable.of(time=[0, 1, 0, 1], subject=[1, 1, 2, 2], amount=[10, 0, 10, 0], compartment="iv",
                          covariates={"volume": [5.0, 5, -1, -1]})  # fmt: skip
    ds = simulate(depot(), table)
    np.testing.assert_array_equal(ds.status, [0, 1])
    assert np.isfinite(central(ds)[0]) and np.isnan(central(ds)[1])


@pytest.mark.parametrize("rule", ["nocb", "locf"])
def test_added_observations_change_no_parameters(rule):
    table = EventTable.of(
        time=[0, 4, 10], amount=[100, 0, 0], compartment="iv", covariates={"clearance": [5.0, 1, 9]}
    )
    model, times = library.one_compartment(), [2.0, 4.0, 7.0, 10.0, 12.0]
    more = simulate(model, table.with_observations(times), covariates=rule)
    own = simulate(model, table, times, covariates=rule)
    np.testing.assert_allclose(central(more.isel(record=[0, 2, 3, 5, 6])), central(own), rtol=1e-14)


def test_a_file_is_read_by_its_name(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("TIME,AMT,CMT\n0,10,iv\n2,0,\n")
    by_name, by_path = simulate(depot(), str(path)), simulate(depot(), path)
    np.testing.assert_array_equal(by_name.amount, by_path.amount)


def test_parameters_are_those_of_the_tables_subjects():
    import xarray as xr

    table = EventTable.of(
        subject=[7, 7, 3, 3], time=[0, 2, 0, 2], amount=[10, 0, 10, 0], compartment="iv"
    )
    clearance = xr.DataArray([1.0, 2, 3], dims="subject", coords={"subject": [3, 5, 7]})
    own = simulate(depot(), table, parameters={"clearance": clearance})
    np.testing.assert_allclose(central(own), 10 / 50 * np.exp(-np.array([3.0, 1]) / 50 * 2))
    with pytest.raises(
        ParameterError, match="clearance has no value for the subject 7 of the table"
    ):
        simulate(depot(), table, parameters={"clearance": clearance.isel(subject=[0, 1])})
