"""Event tables: what is read, what is refused and how, and that what is written reads back the same."""

import json
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkmodel.errors import RegimenError
from pkmodel.events import EventTable
from pkmodel.events.writing import doses_as_text

ARRAYS = [f.name for f in fields(EventTable) if f.name not in ("row", "covariates", "grouped")]


def assert_same(a, b, rows=False):
    """All fields are equal, of the same kind; the rows of the source need not be."""
    for name in [*ARRAYS, *["row"] * rows]:
        left, right = getattr(a, name), getattr(b, name)
        np.testing.assert_array_equal(left, right, err_msg=name)
        assert left.dtype.kind == right.dtype.kind, name
    assert list(a.covariates) == list(b.covariates)
    for name, values in a.covariates.items():
        np.testing.assert_array_equal(values, b.covariates[name], err_msg=name)
    assert a.grouped == b.grouped


def faults_of(*arguments, **options):
    with pytest.raises(RegimenError) as error:
        EventTable.read(*arguments, **options)
    return list(error.value.faults)


def csv(tmp_path, text, **options):
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    return EventTable.read(path, **options)


# ------------------------------------------------------------------------------------ what is read


def test_columns_of_a_full_table():
    table = EventTable.read(
        pd.DataFrame({
            "ID": [1, 1, 1, 1, 1, 7],
            "TIME": [0, 12, 24, 24, 30, -1.5],
            "EVID": [1, 0, 1, 2, 3, 4],
            "AMT": [100, 0, 50, 0, 0, 0],
            "CMT": [1, 2, 2, -2, 0, 2],
            "RATE": [0, 0, -2, 0, 0, 5],
            "II": [12, 0, 0, 0, 0, 0],
            "ADDL": [3, 0, 0, 0, 0, 0],
            "SS": [2, 0, 0, 0, 0, 1],
            "DV": [np.nan, 0.25, np.nan, np.nan, np.nan, np.nan],
        })
    )  # fmt: skip
    assert table.subject.tolist() == [1, 1, 1, 1, 1, 7] and table.subject.dtype.kind == "i"
    assert table.time.tolist() == [0, 12, 24, 24, 30, -1.5]
    assert table.evid.tolist() == [1, 0, 1, 2, 3, 4] and table.evid.dtype == np.int64
    assert table.amount.tolist() == [100, 0, 50, 0, 0, 0]
    assert table.compartment.tolist() == ["1", "2", "2", "-2", "", "2"]
    assert table.rate.tolist() == [0, 0, -2, 0, 0, 5]
    assert table.interval.tolist() == [12, 0, 0, 0, 0, 0]
    assert table.additional.tolist() == [3, 0, 0, 0, 0, 0]
    assert table.steady.tolist() == [2, 0, 0, 0, 0, 1]
    assert table.duration.tolist() == [0] * 6
    assert table.row.tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(table.covariates["DV"], [np.nan, 0.25, *[np.nan] * 4])
    assert table.grouped


def test_kinds_without_evid():
    table = EventTable.read({
        "time": [0, 1, 2, 3, 4], "amt": [10, 0, 0, 0, "."], "rate": [0, 5, 0, 0, ""],
        "ss": [0, 1, 0, 0, 0], "cmt": 1, "mdv": [1, 1, 0, 1, "NA"],
    })  # fmt: skip
    assert table.evid.tolist() == [1, 1, 0, 2, 0]
    assert not table.grouped and table.subjects.tolist() == [1]
    np.testing.assert_array_equal(table.covariates["MDV"], [1, 1, 0, 1, np.nan])


def test_mdv_beside_evid_changes_nothing():
    table = EventTable.read({"TIME": [0, 1], "EVID": [0, 0], "MDV": [1, 0]})
    assert table.evid.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("cell", "place"),
    [
        (2, "2"), (2.0, "2"), ("2", "2"), ("2.0", "2"), (" depot ", "depot"), ("Depot", "Depot"),
        ("PO", "oral"), ("p.o.", "oral"), ("By Mouth", "oral"), ("IV", "iv"), ("it", "intrathecal"),
        ("oral modified", "oral modified"), ("lumbar_csf", "lumbar_csf"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("column", ["CMT", "ROUTE"])
def test_places(cell, place, column):
    source = {"TIME": [0], "AMT": [1], column: [cell]}
    if column == "ROUTE" and place == "2":
        assert faults_of(source) == ["row 1: ROUTE is 2; expected a name (a number goes into CMT)"]
    else:
        assert EventTable.read(source).compartment.tolist() == [place]


def test_observations_need_no_place_and_other_events_may_switch_off():
    table = EventTable.read({
        "TIME": [0, 1, 2, 3], "AMT": [5, 0, 0, 0], "EVID": [1, 0, 2, 2],
        "CMT": ["depot", 0, "-depot", "-PO"],
    })  # fmt: skip
    assert table.compartment.tolist() == ["depot", "", "-depot", "-PO"]


def test_route_beside_cmt():
    table = EventTable.read({
        "TIME": [0, 1, 2], "AMT": [5, 5, 0], "CMT": [".", 3, 0], "ROUTE": ["oral", "", None],
    })  # fmt: skip
    assert table.compartment.tolist() == ["oral", "3", ""]


def test_forms_and_body_sizes_are_of_doses():
    table = EventTable.read({
        "TIME": [0, 1, 2, 3, 4], "AMT": [5, 5, 2, 2, 0], "PER": ["kg", "m2", "", ".", "kg"],
        "ROUTE": ["oral", "PO", "intrathecal", "iv", "oral"], "DUR": [0, 0, 24, 1, 0],
        "FORM": ["Modified", "immediate", "pump", "infusion", "modified"],
    })  # fmt: skip
    assert table.compartment.tolist() == ["oral modified", "oral", "intrathecal", "iv", "oral"]
    assert table.form.tolist() == ["", "", "pump", "infusion", ""]
    assert table.per.tolist() == ["kg", "m2", "", "", ""]


def test_labels_of_subjects():
    def labels(ids):
        return EventTable.read({"ID": ids, "TIME": [0] * len(ids)}).subject

    assert labels([3.0, 3.0, 1.0]).tolist() == [3, 3, 1] and labels([3.0, 1.0]).dtype.kind == "i"
    assert labels(["3", "1.0"]).tolist() == [3, 1] and labels(["3", "1"]).dtype.kind == "i"
    assert labels([1.5, 2]).tolist() == [1.5, 2]
    assert labels(["001", "002"]).tolist() == ["001", "002"]
    assert labels([1, "2A"]).tolist() == ["1", "2A"]
    assert labels([" A", "A", "B"]).tolist() == ["A", "A", "B"]


@pytest.mark.parametrize("empty", ["", ".", " . ", None, np.nan, pd.NA, "NA", "NaN"])
def test_empty_cells(empty):
    table = EventTable.read({
        "TIME": [0, 1], "AMT": [5, empty], "CMT": ["oral", empty], "RATE": empty, "II": [empty, empty],
        "WT": [70, empty], "FORM": empty, "PER": empty,
    })  # fmt: skip
    assert table.amount.tolist() == [5, 0]
    assert table.compartment.tolist() == ["oral", ""]
    assert table.rate.tolist() == table.interval.tolist() == [0, 0]
    assert table.per.tolist() == ["", ""]
    np.testing.assert_array_equal(table.covariates["WT"], [70, np.nan])


def test_kinds_of_columns_in_a_frame():
    frame = pd.DataFrame({
        "TIME": pd.array([0, 1], dtype="Int64"), "AMT": pd.array([5, None], dtype="Float64"),
        "CMT": pd.Categorical(["oral", None]), "SEX": pd.Categorical(["M", "M"]),
        "FED": [True, False], "VISIT": pd.to_datetime(["2020-01-01", "2020-01-02"]),
    }, index=[7, 3])  # fmt: skip
    table = EventTable.read(frame)
    assert table.amount.tolist() == [5, 0] and table.compartment.tolist() == ["oral", ""]
    assert list(table.covariates) == ["FED"] and table.covariates["FED"].tolist() == [1, 0]


def test_covariates():
    source = {
        "TIME": [0, 1], "AMT": [5, 0], "CMT": 1, "Wt": [70, 71], "STUDY": "A-1", "DV": [".", 2],
        "RACE": [1, 1], "DATE": ["2020-01-02", "2020-01-02"], "NTIME": [0, 1], "FORMULATION": [2, 2],
    }  # fmt: skip
    table = EventTable.read(source, covariates={"Wt": "weight"})
    assert list(table.covariates) == ["weight", "DV", "RACE", "NTIME", "FORMULATION"]
    assert table.covariates["weight"].tolist() == [70, 71]
    assert "Wt" in EventTable.read(source).covariates


def test_a_column_of_the_record_may_be_a_covariate_if_asked():
    source = {"TIME": [0], "AMT": [5], "CMT": [1], "FORM": [2], "ADL": [6]}
    table = EventTable.read(source, covariates={"FORM": "formulation", "ADL": "ADL"})
    assert {name: v.tolist() for name, v in table.covariates.items()} == {
        "formulation": [2], "ADL": [6],
    }  # fmt: skip
    assert table.form.tolist() == [""] and table.additional.tolist() == [0]


# ------------------------------------------------------------------------------------------- units


def test_units():
    source = {
        "TIME": [-30, 30], "AMT": [1500, 0], "RATE": [30, 0], "CMT": 1, "II": [90, 0], "ADDL": [1, 0],
        "WT": [3500, 3600], "CRCL": [100, 100],
    }  # fmt: skip
    units = {"time": "min", "AMT": "ug", "WT": "g", "CRCL": "mL/min"}
    table = EventTable.read(source, covariates={"WT": "weight"}, units=units)
    assert table.time.tolist() == [-0.5, 0.5] and table.interval.tolist() == [1.5, 0]
    assert table.amount.tolist() == [1.5, 0]
    assert table.rate.tolist() == [30 * 60 / 1000, 0]
    assert table.covariates["weight"].tolist() == [3.5, 3.6]
    assert table.covariates["CRCL"].tolist() == [6, 6]
    own = EventTable.read(source, units=units | {"RATE": "mg/day", "II": "h"})
    assert own.rate.tolist() == [30 / 24, 0] and own.interval.tolist() == [90, 0]
    day = EventTable.read(
        {"TIME": [0, 3], "AMT": [1, 0], "CMT": 1, "DUR": [2, 0]}, units={"TIME": "d"}
    )
    assert day.time.tolist() == [0, 72] and day.duration.tolist() == [48, 0]


def test_modelled_rates_have_no_unit():
    source = {"TIME": [0, 1], "AMT": [1, 1], "RATE": [-1, -2], "CMT": 1}
    assert EventTable.read(source, units={"AMT": "g"}).rate.tolist() == [-1, -2]


@given(st.integers(1, 10**6))
def test_thirds_of_an_hour_are_exact(k):
    """20 min is 1/3 h to the last digit, so that times meet those that are written in hours."""
    table = EventTable.read({"TIME": [20 * k], "AMT": [1], "CMT": [1]}, units={"TIME": "min"})
    assert table.time[0] == 20 * k / 60


def test_wrong_units():
    source = {"TIME": [0], "AMT": [1], "CMT": [1], "WT": [70], "SEX": ["M"]}
    assert faults_of(
        source, units={"AMT": "L", "WTT": "g", "SEX": "kg", "WT": "kgs", "DUR": "mg"}
    ) == [
        'units of "DUR": "mg" is the unit of an amount; expected a time (min, h, d, week)',
        'units of "AMT": "L" is the unit of a volume; expected an amount (g, mg, ug, ng)',
        'units: no column "WTT" that could have one (did you mean "WT"?)',
        'units: no column "SEX" that could have one',
        'units of "WT": unknown unit "kgs" (did you mean "kg"?)',
    ]


# ---------------------------------------------------------------------------------- what is refused

DOSE = {"ID": [3], "TIME": [0.0], "AMT": [100.0], "EVID": [1], "CMT": [1]}
LIKE = {"EVID": [0], "AMT": [0.0]}
WRONG_ROWS = [
    ({"TIME": [None]}, ["TIME is empty"]),
    ({"TIME": [np.inf]}, ["TIME is infinite; expected a finite number"]),
    ({"TIME": ["x"]}, ["TIME is 'x'; expected a number"]),
    ({"AMT": ["60 mg"]}, ["AMT is '60 mg'; expected a number"]),
    ({"AMT": ["1,5"]}, ["AMT is '1,5'; expected a number"]),
    ({"AMT": [-5]}, ["AMT is -5; expected above 0"]),
    ({"AMT": [-5], "EVID": [4]}, ["AMT is -5; expected above 0"]),
    ({"AMT": [np.inf]}, ["AMT is infinite; expected a finite number"]),
    ({"EVID": [5]},
     ["EVID is 5; expected 0 (observation), 1 (dose), 2 (other event), 3 (reset) or 4 (reset and dose)"]),
    ({"EVID": [0.5]},
     ["EVID is 0.5; expected 0 (observation), 1 (dose), 2 (other event), 3 (reset) or 4 (reset and dose)"]),
    ({"EVID": ["."]}, ["EVID is empty"]),
    ({"EVID": [0]}, ["AMT is 100 on an observation (EVID 0); expected 0 or empty"]),
    ({"EVID": [2]}, ["AMT is 100 on another event (EVID 2); expected 0 or empty"]),
    ({"EVID": [3]}, ["AMT is 100 on a reset (EVID 3); expected 0 or empty"]),
    (LIKE | {"AMT": [-1]}, ["AMT is -1 on an observation (EVID 0); expected 0 or empty"]),
    (LIKE | {"RATE": [5]}, ["RATE is 5 on an observation (EVID 0); expected 0 or empty"]),
    (LIKE | {"DUR": [5]}, ["DUR is 5 on an observation (EVID 0); expected 0 or empty"]),
    (LIKE | {"II": [5]}, ["II is 5 on an observation (EVID 0); expected 0 or empty"]),
    (LIKE | {"ADDL": [5]}, ["ADDL is 5 on an observation (EVID 0); expected 0 or empty"]),
    (LIKE | {"SS": [1]}, ["SS is 1 on an observation (EVID 0); expected 0 or empty"]),
    (LIKE | {"EVID": [3], "SS": [1]}, ["SS is 1 on a reset (EVID 3); expected 0 or empty"]),
    ({"RATE": [-3]},
     ["RATE is -3; expected mg/h, 0 (bolus), -1 (modelled rate) or -2 (modelled duration)"]),
    ({"RATE": [5], "DUR": [1]}, ["RATE and DUR: give one"]),
    ({"RATE": [-2], "DUR": [1]}, ["RATE and DUR: give one"]),
    ({"DUR": [-1]}, ["DUR is -1; expected hours, 0 or above"]),
    ({"II": [-1]}, ["II is -1; expected hours, 0 or above"]),
    ({"ADDL": [3]}, ["ADDL is 3 without II, the interval in h"]),
    ({"ADDL": [1.5], "II": [12]},
     ["ADDL is 1.5; expected a whole number of further doses, 0 to 999,999"]),
    ({"ADDL": [-1], "II": [12], "SS": [1]},
     ["ADDL is -1; expected a whole number of further doses, 0 to 999,999"]),
    ({"ADDL": [1e6], "II": [12]},
     ["ADDL is 1e+06; expected a whole number of further doses, 0 to 999,999"]),
    ({"II": [12]},
     ["II is 12 without ADDL or SS, so nothing is repeated; expected ADDL, SS, or II 0"]),
    ({"SS": [1]}, ["SS is 1 without II, the interval in h"]),
    ({"SS": [2], "RATE": [5]}, ["SS is 2 without II, the interval in h"]),
    ({"SS": [3], "II": [12]},
     ["SS is 3, which is not supported; write 1: the steady state is exact and needs no first guess"]),
    ({"SS": [4], "II": [12]},
     ["SS is 4; expected 0, 1 (nothing else was given) or 2 (on top of what is there)"]),
    ({"SS": [1], "AMT": [0], "RATE": [5], "ADDL": [2]},
     ["ADDL is 2 on a constant infusion at steady state, which repeats nothing; expected 0"]),
    ({"CMT": [0]}, ["a dose without CMT or ROUTE"]),
    ({"CMT": [""]}, ["a dose without CMT or ROUTE"]),
    ({"CMT": [1.5]}, ["CMT is 1.5; expected a compartment's number from 1, or a name"]),
    ({"CMT": [-2]}, ["CMT is -2; a compartment is turned off at EVID 2 only"]),
    ({"CMT": ["-depot"]}, ["CMT is -depot; a compartment is turned off at EVID 2 only"]),
    (LIKE | {"EVID": [2], "CMT": [-1.5]},
     ["CMT is -1.5; expected a compartment's number from 1, or a name"]),
    ({"PER": ["lb"]}, ["PER is 'lb'; expected kg, m2 or empty"]),
    ({"FORM": ["tablet"]},
     ["FORM is 'tablet'; expected immediate, modified, bolus, infusion or pump "
      '(of a covariate: covariates={"FORM": "formulation"})']),
    ({"FORM": ["modified"]}, ['FORM is "modified", which only oral doses have']),
    ({"FORM": ["pump"], "CMT": ["PO"], "DUR": [1]},
     ['FORM is "pump" of an oral dose; expected immediate or modified']),
    ({"FORM": ["immediate"], "CMT": ["oral modified"]}, ["FORM is immediate and modified"]),
    ({"FORM": ["bolus"], "RATE": [5]}, ["FORM is bolus, and there is a RATE or DUR"]),
    ({"FORM": ["pump"]}, ["FORM is pump without RATE or DUR"]),
    ({"WT": [np.inf]}, ["WT is infinite; expected a finite number"]),
    ({"DV": ["<0.5"]}, ["DV is '<0.5'; expected a number"]),
    ({"ID": ["."]}, ["ID is empty"]),
]  # fmt: skip
NO_DOSE = (
    "a dose without an amount; expected AMT above 0 (AMT 0 goes with RATE, SS 1 or 2, and no II)"
)


@pytest.mark.parametrize(("change", "faults"), WRONG_ROWS)
def test_wrong_row(change, faults):
    label = "0" if "ID" in change else "3"
    assert faults_of(DOSE | change) == [f"ID {label}, row 1: {fault}" for fault in faults]


@pytest.mark.parametrize(
    "change",
    [{}, {"EVID": [4]}, {"RATE": [5]}, {"RATE": [-2]}, {"DUR": [2]}, {"RATE": [5], "SS": [1], "II": [12]}],
)  # fmt: skip
def test_dose_without_an_amount(change):
    assert faults_of(DOSE | {"AMT": [0]} | change) == [f"ID 3, row 1: {NO_DOSE}"]


@pytest.mark.parametrize("steady", [1, 2])
@pytest.mark.parametrize("evid", [1, 4])
def test_constant_infusion_at_steady_state_has_no_amount(steady, evid):
    table = EventTable.read(DOSE | {"AMT": [0], "RATE": [5], "SS": [steady], "EVID": [evid]})
    assert (table.amount[0], table.rate[0], table.steady[0]) == (0, 5, steady)


WRONG_COLUMNS = [
    ({"AMT": [1], "CMT": [1]}, ['no column "TIME"']),
    ({"TIME": [0], "AMT": [1]}, ['no column "CMT" or "ROUTE"']),
    ({"TIME": [0, 1], "EVID": [1, 0], "CMT": 1}, ['no column "AMT"']),
    ({"TIME": [0], "AMT": [1], "CMT": [1], "amt": [1]}, ['two columns "AMT"']),
    ({"TIME": [0], "AMT": [1], "CMT": [1], "WT": [1], " WT": [1]}, ['two columns "WT"']),
    ({"TIME": [0], "AMT": [1], "CMT": [1], "ROUTE": ["oral"]},
     ["CMT and ROUTE are both filled in (row 1): give one"]),
    ({"TIME": [0], "AMT": [1], "CMT": [1], "": [1]}, ["column 4 has no name"]),
    ({"TIME": [0, 1], "AMT": [1], "CMT": [1]}, ["the columns differ in length (1 to 2 rows)"]),
    ({"TIME": [], "AMT": [], "CMT": []}, ["no rows"]),
    ({}, ["no rows", 'no column "TIME"']),
    ({"TIME": ["08:30", "9:00", "x"], "AMT": 1, "CMT": 1},
     ['TIME holds clock times or dates ("08:30"); expected hours; of a column of dates: '
      '(df.TIME - df.groupby("ID").TIME.transform("first")) / pd.Timedelta("1h")']),
    ({"TIME": [0, 1], "AMT": [5, 0], "CMT": 1, "WT": [70, "7o"]},
     ["row 2: WT is '7o'; expected a number"]),
    ({"C": ["C", ""], "TIME": [0, 1], "AMT": [5, 0], "CMT": 1},
     ['column "C" marks comments, the first in row 1; pass ignore="C" to leave these rows out, '
      "or drop the column"]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "faults"), WRONG_COLUMNS)
def test_wrong_columns(source, faults):
    assert faults_of(source) == faults


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ADL", "ADDL"), ("ADDDL", "ADDL"), ("RAET", "RATE"), ("Rates", "RATE"), ("EVD", "EVID"),
        ("DUE", "DUR"), ("tau", "II"), ("Interval", "II"), ("TINF", "DUR"), ("duration", "DUR"),
    ],
)  # fmt: skip
def test_slips_of_the_pen(name, meant):
    assert faults_of({"TIME": [0], "AMT": [1], "CMT": [1], name: [1]}) == [
        f'unknown column "{name}" (did you mean "{meant}"? '
        f'If it is a covariate: covariates={{"{name}": "{name}"}})'
    ]
    table = EventTable.read(
        {"TIME": [0], "AMT": [1], "CMT": [1], name: [1]}, covariates={name: name}
    )
    assert list(table.covariates) == [name]


def test_slips_in_columns_that_have_to_be_there():
    faults = faults_of({"TMIE": [0], "DOSE": [1], "COMPARTMENT": [1]})
    assert [f.split(" (")[0] for f in faults] == [
        'unknown column "TMIE"', 'unknown column "DOSE"', 'unknown column "COMPARTMENT"',
        'no column "TIME"',
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["WT", "AGE", "SEX", "RACE", "CRCL", "ALT", "AST", "BMI", "HT", "DOSE", "OCC", "DAY", "TAD", "TIME2",
     "CYCLE", "PERIOD", "FED", "STUDY", "BSA", "EGFR", "NTIME", "DOSEGRP", "ARM", "LDV", "BLQ", "CREAT"],
)  # fmt: skip
def test_usual_covariates_are_no_slips(name):
    table = EventTable.read({"TIME": [0], "AMT": [1], "CMT": [1], name: [1]})
    assert list(table.covariates) == [name]


def test_wrong_names_of_covariates():
    source = {"TIME": [0], "AMT": [1], "CMT": [1], "WT": [70], "SEX": ["M"]}
    assert faults_of(source, covariates={"WTT": "weight", "WT": "rate", "SEX": "sex"}) == [
        'covariates: no column "WTT" (did you mean "WT"?)',
        'covariate "rate": the name is that of a column of the record',
        "row 1: sex is 'M'; expected a number",
    ]


def test_columns_of_the_same_name():
    frame = pd.DataFrame([[0, 1, 2, 1]], columns=["TIME", "AMT", "AMT", "CMT"])
    assert faults_of(frame) == ['two columns "AMT"']


@pytest.mark.parametrize("time", [
    pd.to_datetime(["2020-01-01 08:00", "2020-01-02 00:00"]), pd.to_timedelta([0, 8], unit="h"),
    ["2020-01-01", "2020-01-02"], ["1/2/2020 8:00", 3],
])  # fmt: skip
def test_dates(time):
    (fault,) = faults_of(pd.DataFrame({"TIME": time, "AMT": [1, 0], "CMT": 1}))
    assert fault.startswith("TIME holds clock times or dates (") and "pd.Timedelta" in fault


def test_the_remedy_for_dates():
    df = pd.DataFrame(
        {"ID": [1, 1], "TIME": pd.to_datetime(["2020-01-01 08:00", "2020-01-02 00:00"])}
    )
    df["TIME"] = (df.TIME - df.groupby("ID").TIME.transform("first")) / pd.Timedelta("1h")
    assert EventTable.read(df).time.tolist() == [0, 16]


def test_order_of_records():
    source = {"ID": [1, 1, 2, 1, 1], "TIME": [0, 5, 1, 9, 8], "AMT": 1, "CMT": 1}
    assert faults_of(source) == [
        "ID 1, row 4: the ID comes back after others; its records have to stand together",
        "ID 1, row 5: TIME is 8 after 9; expected ascending times, or EVID 3 or 4 where they start anew",
    ]
    anew = {
        "ID": 1,
        "TIME": [10, 0, 5, 2, 3],
        "EVID": [0, 3, 1, 4, 0],
        "AMT": [0, 0, 1, 1, 0],
        "CMT": 1,
    }
    assert EventTable.read(anew).time.tolist() == [10, 0, 5, 2, 3]


def test_all_faults_are_told_at_once():
    faults = faults_of({
        "ID": [1, 1], "TIME": [0, 5], "AMT": ["x", -1], "CMT": ["", 1], "SS": [3, 0], "ADL": [1, 1],
    })  # fmt: skip
    assert [f.partition(" (")[0] for f in faults] == [
        'unknown column "ADL"',
        "ID 1, row 1: AMT is 'x'; expected a number",
        "ID 1, row 1: SS is 3, which is not supported; write 1: the steady state is exact and needs "
        "no first guess",
        "ID 1, row 1: a dose without CMT or ROUTE",
        "ID 1, row 2: AMT is -1; expected above 0",
    ]


def test_of_thousands_of_faults_the_first_are_told():
    source = {"TIME": np.arange(5000), "AMT": -1, "CMT": 1, "RATE": -7}
    faults = faults_of(source)
    assert len(faults) == 21
    assert faults[:2] == [
        "row 1: AMT is -1; expected above 0",
        "row 1: RATE is -7; expected mg/h, 0 (bolus), -1 (modelled rate) or -2 (modelled duration)",
    ]
    assert faults[19].startswith("row 10: RATE") and faults[20] == "9,980 more (10,000 in all)"


@pytest.mark.parametrize("source", [5, [1, 2], None])
def test_no_table(source):
    (fault,) = faults_of(source)
    assert fault == (
        "expected a DataFrame, a mapping of columns, or the path of a CSV file, "
        f"not {type(source).__name__}"
    )


def test_message():
    with pytest.raises(RegimenError) as error:
        EventTable.read({"TIME": [0], "AMT": [1]})
    assert str(error.value) == (
        'event table: no column "CMT" or "ROUTE". A table has the columns TIME [h], AMT [mg], and CMT or '
        "ROUTE, and may have ID, EVID, RATE or DUR, II, ADDL, SS; for example "
        '{"TIME": [0, 24], "AMT": [60, 0], "ROUTE": ["oral", ""]}.'
    )
    example = {"TIME": [0, 24], "AMT": [60, 0], "ROUTE": ["oral", ""]}
    assert EventTable.read(example).evid.tolist() == [1, 0]


# ------------------------------------------------------------------------------------------- files


def test_published_file(tmp_path):
    """A quoted head with "#", blank and empty lines, comments, text, and "." as R writes it."""
    table = csv(
        tmp_path,
        "﻿\n# a title, with commas,,,,\n"
        '"#ID","TIME","AMT","CMT","SEX","WT"\r\n'
        '"001", 0, 100, 1, "M, or so", 70\r\n\r\n'
        "# left out,,\n"
        "001,2.5,.,.,F,NA\n,,,,,\n002,0,50,2.0,,71.5\n\n",
    )
    assert table.subject.tolist() == ["001", "001", "002"]
    assert table.time.tolist() == [0, 2.5, 0] and table.amount.tolist() == [100, 0, 50]
    assert table.compartment.tolist() == ["1", "", "2"]
    assert table.row.tolist() == [1, 4, 6]
    assert list(table.covariates) == ["WT"]
    np.testing.assert_array_equal(table.covariates["WT"], [70, np.nan, 71.5])


def test_rows_that_are_ignored(tmp_path):
    text = "C,ID,TIME,AMT,CMT\n.,1,0,5,1\nC,1,1,5,1\n,1,2,0,.\n"
    table = csv(tmp_path, text, ignore="C")
    assert table.row.tolist() == [1, 3] and not table.covariates
    assert_same(table, EventTable.read(pd.read_csv(tmp_path / "data.csv"), ignore="C"), rows=True)
    letters = csv(
        tmp_path, "ID,TIME,AMT,CMT\nx,1,2,3\n1,0,5,1\n # no\n@,1,1\n2,0,5,1\n", ignore="@#"
    )
    assert letters.row.tolist() == [2, 5]
    assert csv(tmp_path, "C,TIME\n1,0\n2,1\n").covariates["C"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "has no head with the names of the columns"),
        ("\n\n", "has no head with the names of the columns"),
        ("TIME,AMT,CMT\n\n", "has no rows below its head"),
        ("ID;TIME;AMT\n1;0;5\n", "has cells parted by ';'; expected a comma"),
        ("ID\tTIME\tAMT\n1\t0\t5\n", "has cells parted by '\\t'; expected a comma"),
        ("TIME,AMT,CMT\n0,5,1,9\n1,5,1,9\n", 'has 4 cells in "0,5,1,9"; its head has 3'),
        ("TIME,AMT,CMT\n0,5,1\n1,5,1,9\n", 'has 4 cells in "1,5,1,9"; its head has 3'),
        ("TIME,AMT,CMT\n0,5,1\n1,5\n", 'has 2 cells in "1,5"; its head has 3'),
        ('NOTE,TIME,AMT\n"a, \nb",0,5\n', "has line breaks within cells"),
        ('TIME,AMT,NOTE\n0,5,"a\n', None),
        (b"\x89\x00\xff", "is not text in UTF-8"),
    ],
)
def test_files_that_are_no_table(tmp_path, text, fault):
    path = tmp_path / "data.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RegimenError) as error:
        EventTable.read(str(path))
    assert error.value.given == str(path)
    assert fault is None or list(error.value.faults) == [fault]


def test_faults_of_a_file_name_it(tmp_path):
    with pytest.raises(RegimenError, match=r"data\.csv: row 2: AMT is -5") as error:
        csv(tmp_path, "TIME,AMT,CMT\n\n0,-5,1\n")
    assert str(error.value).startswith(str(tmp_path))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        EventTable.read(tmp_path / "no.csv")


# ------------------------------------------------------------------------------------ there and back

hours = st.floats(0, 1e4, allow_subnormal=False)
amounts = st.floats(1e-6, 1e6)
places = st.sampled_from(["1", "2", "17", "oral", "iv", "oral modified", "lumbar_csf", "x1"])


@st.composite
def doses(draw):
    place = draw(places)
    dose = {"EVID": draw(st.sampled_from([1, 4])), "AMT": draw(amounts), "CMT": place}
    kind = draw(st.sampled_from(["bolus", "RATE", "DUR", "modelled", "constant"]))
    if kind == "constant":
        return dose | {"AMT": 0.0, "RATE": draw(amounts), "SS": draw(st.sampled_from([1, 2]))}
    if kind in ("RATE", "DUR"):
        dose[kind] = draw(amounts)
        if not place.startswith("oral"):
            dose["FORM"] = draw(st.sampled_from(["", "infusion", "pump"]))
    if kind == "modelled":
        dose["RATE"] = draw(st.sampled_from([-1.0, -2.0]))
    if draw(st.booleans()):
        dose |= {
            "II": draw(amounts),
            "ADDL": draw(st.integers(0, 99)),
            "SS": draw(st.integers(0, 2)),
        }
        if not dose["ADDL"] and not dose["SS"]:
            dose["II"] = 0.0
    return dose | {"PER": draw(st.sampled_from(["", "kg", "m2"]))}


others = st.sampled_from([
    {"EVID": 0}, {"EVID": 0, "CMT": "2"}, {"EVID": 2}, {"EVID": 2, "CMT": "-2"}, {"EVID": 2, "CMT": "depot"},
    {"EVID": 3},
])  # fmt: skip
EMPTY = {
    "AMT": 0.0, "CMT": "", "RATE": 0.0, "DUR": 0.0, "II": 0.0, "ADDL": 0, "SS": 0, "FORM": "", "PER": "",
}  # fmt: skip


@st.composite
def tables(draw, most=3):
    """Consistent tables: records as dicts, in time but for resets, with covariates."""
    labels = draw(st.sampled_from([[1, 2, 5], ["A", "B 2", "x"], [0.5, 1.5, 2.25], None]))
    rows = []
    for label in (labels or [1])[: draw(st.integers(1, most))]:
        time = 0.0
        for record in draw(st.lists(doses() | others, min_size=1, max_size=6)):
            anew = record["EVID"] in (3, 4) and draw(st.booleans())
            time = draw(hours) if anew else time + draw(st.sampled_from([0.0, 1 / 3, 0.1, 24.0]))
            rows.append(EMPTY | {"ID": label, "TIME": time} | record)
            rows[-1]["WT"] = draw(st.one_of(st.floats(1, 200), st.just(np.nan)))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    if labels is None:
        del columns["ID"]
    return columns


@given(tables())
def test_tables_are_read_as_they_are(columns):
    table = EventTable.read(columns, covariates={"WT": "weight"})
    for name, field in {
        "TIME": "time", "EVID": "evid", "AMT": "amount", "CMT": "compartment", "RATE": "rate", "SS": "steady",
        "DUR": "duration", "II": "interval", "ADDL": "additional", "FORM": "form", "PER": "per",
    }.items():  # fmt: skip
        assert getattr(table, field).tolist() == columns[name], name
    np.testing.assert_array_equal(table.covariates["weight"], columns["WT"])
    assert table.subject.tolist() == columns.get("ID", [1] * len(table))


@given(tables(), st.randoms())
def test_order_and_case_of_columns_do_not_matter(columns, random):
    names = list(columns)
    random.shuffle(names)
    recased = {
        name if name == "WT" else random.choice([name, name.lower(), f" {name.title()} "]): columns[
            name
        ]
        for name in names
    }
    assert_same(EventTable.read(recased), EventTable.read(columns), rows=True)


@given(tables())
def test_frame_round_trip(columns):
    table = EventTable.read(columns)
    assert_same(EventTable.read(table.to_frame()), table, rows=True)


@given(tables())
def test_csv_round_trip(tmp_path_factory, columns):
    table = EventTable.read(columns)
    path = tmp_path_factory.mktemp("tables") / "table.csv"
    table.to_csv(path)
    assert_same(EventTable.read(path), table, rows=True)


def test_what_is_written(tmp_path):
    table = EventTable.of(
        subject=["A", "A"], time=[0, 0.1], amount=[60, 0], compartment=["oral", ""], per=["kg", ""],
        covariates={"WT": [70, np.nan]},
    )  # fmt: skip
    table.to_csv(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "ID,TIME,AMT,EVID,CMT,PER,WT", "A,0.0,60.0,1,oral,kg,70.0", "A,0.1,0.0,0,.,.,.",
    ]  # fmt: skip
    frame = EventTable.of(time=[0, 1], amount=[1, 0], compartment=[2, ""]).to_frame()
    assert list(frame) == ["TIME", "AMT", "EVID", "CMT"]
    assert frame.CMT.tolist() == [2, 0] and frame.CMT.dtype.kind == "i"


def test_what_a_result_keeps():
    table = EventTable.of(
        time=[0, 1, 12], amount=[60, 0, 30], compartment=["oral", "", "oral"], covariates={"WT": 70}
    )
    doses = EventTable.of(time=[0, 12], amount=[60, 30], compartment="oral")
    assert_same(EventTable.read(json.loads(doses_as_text(table)["doses"])), doses)
    assert doses_as_text(doses.repeat([1, 2])) == {}


# -------------------------------------------------------------------------------------- from arrays


@given(tables())
def test_of_and_read_agree(columns):
    table = EventTable.read(columns)
    arguments = {name: getattr(table, name) for name in ARRAYS if name != "subject"}
    subject = table.subject if table.grouped else None
    made = EventTable.of(subject=subject, covariates=table.covariates, **arguments)
    assert_same(made, table, rows=True)


def test_of_fills_up():
    table = EventTable.of(time=[0, 1], amount=[5, 0], compartment=2, covariates={"WT": 70})
    assert table.evid.tolist() == [1, 0] and table.compartment.tolist() == ["2", "2"]
    assert table.covariates["WT"].tolist() == [70, 70]
    assert not table.grouped and table.subjects.tolist() == [1]
    assert EventTable.of(time=[0], amount=1, compartment="oral", form="modified").compartment == [
        "oral modified"
    ]
    assert len(EventTable.of(time=[])) == 0


@pytest.mark.parametrize(
    ("arguments", "faults"),
    [
        ({"time": [0, 1], "amount": [1, -1], "compartment": 1, "subject": ["a", "b"]},
         ["ID b, row 2: AMT is -1; expected above 0"]),
        ({"time": [1, 0]}, ["row 2: TIME is 0 after 1; expected ascending times, or EVID 3 or 4 where they "
                            "start anew"]),
        ({"time": [0], "duration": 2},
         ["row 1: DUR is 2 on an observation (EVID 0); expected 0 or empty"]),
        ({"time": [np.nan]}, ["row 1: time is NaN; expected a number"]),
        ({"time": [0], "amount": "x"}, ["amount is 'x'; expected numbers"]),
        ({"time": [0, 1], "amount": [1, 2, 3], "compartment": 1},
         ["amount has the shape (3,); expected (2,), as time, or one value"]),
        ({"time": 0}, ["time has the shape (); expected one dimension, (record,)"]),
        ({"time": [0], "ammount": 1}, ['unknown column "ammount" (did you mean "amount"?)']),
        ({"time": [0], "covariates": {"dur": [1]}},
         ['covariate "dur": the name is that of a column of the record']),
    ],
)  # fmt: skip
def test_of_checks(arguments, faults):
    with pytest.raises(RegimenError) as error:
        EventTable.of(**arguments)
    assert list(error.value.faults) == faults


def test_arrays_need_no_pandas():
    code = (
        "import sys; from pkmodel.events import EventTable;"
        "t = EventTable.of(time=[0, 12], amount=60, compartment='oral', subject=[1, 2]);"
        "t.with_observations([1]).select(1); EventTable.concat([t]);"
        "assert not {'pint', 'pandas', 'scipy', 'xarray', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


# -------------------------------------------------------------------------------- tables out of tables


def split(table):
    return [table.select(label) for label in table.subjects.tolist()]


@given(tables())
def test_concat_puts_together_what_select_takes_apart(columns):
    table = EventTable.read(columns)
    parts = split(table)
    assert_same(EventTable.concat(parts), table, rows=True)
    backwards = table.subjects[::-1].tolist()
    assert_same(table.select(backwards), EventTable.concat(parts[::-1]), rows=True)
    assert table.select(backwards).subjects.tolist() == backwards
    assert sum(len(part) for part in parts) == len(table)


def test_concat_of_unlike_tables():
    one = EventTable.of(subject=[1], time=[0], amount=1, compartment=1, covariates={"WT": [70]})
    two = EventTable.of(subject=["A"], time=[0], amount=1, compartment=1, covariates={"AGE": [30]})
    both = EventTable.concat([one, two])
    assert both.subjects.tolist() == [1, "A"] and both.select("A").amount.tolist() == [1]
    np.testing.assert_array_equal(both.covariates["WT"], [70, np.nan])
    np.testing.assert_array_equal(both.covariates["AGE"], [np.nan, 30])
    plain = EventTable.of(time=[0])
    with pytest.raises(RegimenError, match="subject 1 is there twice"):
        EventTable.concat([plain, one])
    with pytest.raises(RegimenError, match="no tables"):
        EventTable.concat([])
    assert not EventTable.concat([plain]).grouped


def test_select_refuses():
    table = EventTable.of(subject=["adam", "eve"], time=[0, 0])
    with pytest.raises(RegimenError) as error:
        table.select(["eva", "eve", "eve"])
    assert list(error.value.faults) == [
        "no subject 'eva' (did you mean \"eve\"?)", "subject eve is there twice",
    ]  # fmt: skip
    assert len(table.select([])) == 0
    with pytest.raises(RegimenError, match=r"no subject '1' \(the label is 1\)"):
        EventTable.of(subject=[1], time=[0]).select("1")


def test_labels_keep_their_kind():
    mixed = EventTable.of(time=[0]).repeat([1, "a"])
    assert mixed.subjects.tolist() == [1, "a"]
    assert mixed.select(["a", 1]).subjects.tolist() == ["a", 1]


def test_repeat():
    table = EventTable.of(time=[0, 12], amount=60, compartment="oral", covariates={"WT": [70, 71]})
    many = table.repeat([4, 2])
    assert many.grouped and many.subject.tolist() == [4, 4, 2, 2]
    assert many.time.tolist() == [0, 12, 0, 12] and many.covariates["WT"].tolist() == [
        70,
        71,
        70,
        71,
    ]
    with pytest.raises(RegimenError, match="2 subjects in the table"):
        many.repeat([1])
    with pytest.raises(RegimenError, match="subject 1 is there twice"):
        table.repeat([1, 1])


@given(tables(), st.lists(st.sampled_from([-1.0, 0.0, 0.1, 1 / 3, 24.0, 24.1, 1e5]), max_size=5))
def test_with_observations(columns, times):
    table = EventTable.read(columns)
    same = table.subject[1:] == table.subject[:-1]
    if (same & (np.diff(table.time) < 0)).any():
        with pytest.raises(RegimenError, match="start anew at a reset"):
            table.with_observations(times)
        return
    more = table.with_observations(times)
    assert_same(EventTable.read(more.to_frame()), more)  # it is consistent
    assert more.subjects.tolist() == table.subjects.tolist()
    added = more.row == 0
    kept = more.select(more.subjects)  # a copy
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(kept, name)[~added], getattr(table, name))
    for label in table.subjects.tolist():
        mine = more.subject == label
        assert more.time[mine & added].tolist() == sorted(times)
        for i in np.flatnonzero(mine & added):
            later = np.flatnonzero(mine & ~added & (more.time == more.time[i]))
            assert (later < i).all()
    assert (more.evid[added] == 0).all() and np.isnan(more.covariates["WT"][added]).all()


def test_observations_of_an_empty_table_and_wrong_times():
    empty = EventTable.of(time=[])
    assert empty.with_observations([2, 1]).time.tolist() == [1, 2]
    with pytest.raises(RegimenError, match="expected finite hours"):
        empty.with_observations([np.inf])


def test_repr():
    table = EventTable.of(
        subject=[1, 1, 2, 2], time=[0, 1, 0, 1], amount=[1, 0, 1, 0], evid=[1, 0, 4, 3], compartment=1,
        covariates={"WT": 70, "AGE": 30},
    )  # fmt: skip
    assert repr(table) == (
        "EventTable(2 subjects, 4 records: 2 doses, 1 observation, 1 other; covariates: WT, AGE)"
    )
    assert repr(EventTable.of(time=[])) == "EventTable(1 subject, 0 records)"
    assert len(table) == 4


# ----------------------------------------------------------------------------------- golden tables


def test_golden_tables_are_read(load_json):
    cases = load_json("event_tables")
    assert len(cases) == 120
    for case in cases:
        frame = pd.DataFrame(case["records"])
        table = EventTable.read(frame)
        assert table.time.tolist() == frame.TIME.tolist()
        assert table.evid.tolist() == frame.EVID.tolist()
        assert table.compartment.tolist() == [str(c) if c else "" for c in frame.CMT]
        assert table.steady.tolist() == frame.SS.tolist()
        assert_same(EventTable.read(table.to_frame()), table, rows=True)
