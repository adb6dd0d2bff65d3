import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from pkmodel import Drug, citation, library, population, simulate, steady_state
from pkmodel.errors import DrugError, InputError, ModelError, ParameterError, UnitError
from pkmodel.model import Input, Model, Output, Parameter
from pkmodel.regimen import Order, Regimen
from pkmodel.variables import STATUS, VARIABLES

GOLDEN = json.loads((Path(__file__).parent / "data" / "linear_systems.json").read_text())


def dose_table(events):
    """Events [time, compartment, amount, duration] as a table of doses."""
    return pd.DataFrame(
        {
            "TIME": [e[0] for e in events],
            "CMT": [e[1] + 1 for e in events],
            "AMT": [e[2] for e in events],
            "RATE": [e[2] / e[3] if e[3] else 0.0 for e in events],
        }
    )


@pytest.mark.parametrize("case", GOLDEN, ids=[c["name"] for c in GOLDEN])
def test_golden_systems(case):
    ds = simulate(
        Model.from_rate_matrix(case["A"]), dose_table(sorted(case["events"])), case["times"]
    )
    expected = np.array(case["expected"]).T
    assert ds.status == 0
    np.testing.assert_allclose(ds.amount, expected, rtol=0, atol=1e-12 * expected.max())


def populated(**more):
    return library.two_compartment(
        clearance=Parameter("clearance", "5 L/h", cv=0.3),
        volume=Parameter("volume", "50 L", cv=0.2),
        depot=True,
        lag=Parameter("lag", "0.5 h", cv=0.4),
        **more,
    )


def test_variables_have_their_registered_dims_units_and_order():
    drawn = population.draw(populated(), 3, seed=1)
    ratio = xr.DataArray([1.0, 2.0], dims="ratio", coords={"ratio": [1.0, 2.0]})
    ds = simulate(populated(), "10 mg oral q12h x 2", [0, 12, 24], drawn.assign(bioavailability=ratio / 4),
                  auc=True)  # fmt: skip
    assert ds.concentration.dims == ("ratio", "subject", "site", "time")
    assert ds.status.dims == ("ratio", "subject")
    for name in ds.data_vars:
        variable = VARIABLES[name]
        assert ds[name].dims[2:] == variable.dims
        assert ds[name].attrs.get("units", "1") == variable.units
        assert ds[name].attrs["long_name"] == variable.long_name
    assert ds.time.attrs["units"] == "h"
    assert ds.clearance.dims == ("subject",) and ds.clearance.attrs["units"] == "L/h"
    assert list(ds.status.attrs["flag_meanings"].split()) == [s.flag for s in STATUS]


@pytest.mark.parametrize(
    "value", [[5.0, 10.0], (5.0, 10.0), np.array([5.0, 10.0]), ["5 L/h", "10000 mL/h"],
              xr.DataArray([5000.0, 10000.0], dims="clearance", coords={"clearance": [5.0, 10.0]},
                           attrs={"units": "mL/h"})],
)  # fmt: skip
def test_any_list_of_values_becomes_a_dimension(value):
    model = library.one_compartment()
    ds = simulate(model, "100 mg iv bolus", [0, 12], {"clearance": value})
    assert ds.concentration.dims == ("clearance", "site", "time")
    np.testing.assert_array_equal(ds.clearance, [5.0, 10.0])
    np.testing.assert_allclose(
        ds.concentration[:, 0, 1], 2 * np.exp(-12 * ds.clearance / 50), rtol=1e-14
    )


def test_each_case_is_the_case_alone():
    """Broadcasting, sharing of exponentials and lanes change no bit."""
    model = populated()
    drawn = population.draw(model, 45, seed=2)
    times = np.linspace(0, 60, 61)
    ds = simulate(model, "10 mg oral q12h x 4 + 1 mg/h iv infusion for 9 h", times, drawn, auc=True)
    for subject in (1, 2, 33, 45):
        alone = simulate(model, "10 mg oral q12h x 4 + 1 mg/h iv infusion for 9 h", times,
                         drawn.sel(subject=subject).drop_vars("subject"), auc=True)  # fmt: skip
        for name in ("amount", "concentration", "auc"):
            np.testing.assert_array_equal(ds[name].sel(subject=subject), alone[name])


@pytest.mark.parametrize("threads", [0, -1, 0.5, np.nan, "2", True])
def test_a_number_of_threads_that_is_none(threads):
    with pytest.raises(InputError, match=r"threads is .*expected a whole number.*threads=2"):
        simulate(populated(), "10 mg oral q12h x 4", [0.0, 24.0], threads=threads)


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_change_no_bit(threads):
    model = populated()
    drawn = population.draw(model, 100, seed=3)
    one, more = (simulate(model, "10 mg oral q12h x 4", np.arange(49.0), drawn, threads=t)
                 for t in (1, threads))  # fmt: skip
    assert one.identical(more)


def test_lag_per_subject_is_a_shift():
    model = library.one_compartment(depot=True)
    times = np.arange(0.0, 25.0)
    ds = simulate(model, "10 mg oral", times, {"lag": [0.0, 1.0, 2.0]})
    for shift in (1, 2):
        np.testing.assert_allclose(
            ds.concentration[shift, 0, shift:], ds.concentration[0, 0, :-shift], rtol=1e-13
        )
        assert (ds.concentration[shift, 0, :shift] == 0).all()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 20), st.floats(0.1, 9), st.sampled_from(["oral", "iv"])),
        min_size=2,
        max_size=5,
    )
)
def test_superposition_of_orders(doses):
    model = library.two_compartment(depot=True)
    orders = [Order(route, amount, start=start) for start, amount, route in doses]
    times = np.linspace(0, 40, 21)
    together = simulate(model, Regimen(tuple(orders)), times, auc=True)
    apart = [simulate(model, Regimen((o,)), times, auc=True) for o in orders]
    for name in ("amount", "auc"):
        total = sum(ds[name] for ds in apart)
        np.testing.assert_allclose(together[name], total, rtol=1e-12, atol=1e-13)


def test_auc_is_exact_on_the_coarsest_grid():
    model = library.three_compartment(depot=True)
    coarse = simulate(
        model, "10 mg oral q12h x 3 + 2 mg/h iv infusion for 5 h", [0, 5000], auc=True
    )
    assert coarse.auc.sel(site="central")[-1] == pytest.approx((30 + 10) / 5, rel=1e-12)
    fine = simulate(model, "10 mg oral q12h x 3", np.linspace(0, 48, 20001), auc=True)
    trapezoid = np.trapezoid(fine.concentration, fine.time, axis=-1)
    np.testing.assert_allclose(fine.auc[:, -1], trapezoid, rtol=1e-6)


def test_a_failing_case_is_a_status_and_nan_and_leaves_the_others():
    model = library.two_compartment(depot=True)
    good = simulate(
        model, "10 mg oral q12h x 2", np.arange(25.0), {"clearance": [5.0, 6.0, 7.0, 8.0, 9.0]}
    )
    clearance = xr.DataArray([5.0, np.nan, 7.0, -8.0, np.inf], dims="case")
    with_bad = simulate(model, "10 mg oral q12h x 2", np.arange(25.0), {"clearance": clearance})
    np.testing.assert_array_equal(with_bad.status, [0, 1, 0, 1, 1])
    assert np.isnan(with_bad.concentration.values[[1, 3, 4]]).all()
    np.testing.assert_array_equal(
        with_bad.concentration.values[[0, 2]], good.concentration.values[[0, 2]]
    )
    lag = simulate(model, "10 mg oral", [0, 5], {"lag": xr.DataArray([0.0, np.nan], dims="case")})
    np.testing.assert_array_equal(lag.status, [0, 1])


def test_a_list_of_numbers_is_sorted_out_like_an_array():
    model = library.one_compartment()
    listed, array = (simulate(model, "100 mg iv bolus", [0, 12], {"clearance": v})
                     for v in ([5, -1], np.array([5.0, -1.0])))  # fmt: skip
    np.testing.assert_array_equal(listed.status, [0, 1])
    xr.testing.assert_identical(listed, array)
    mixed = simulate(model, "100 mg iv bolus", [0, 12], {"clearance": [5, "10000 mL/h"]})
    np.testing.assert_array_equal(mixed.clearance, [5.0, 10.0])


def test_overflow_is_a_status():
    ds = simulate(Model.from_rate_matrix([[9.0]]), "1 mg into 1", [0, 1000.0])
    assert STATUS[int(ds.status)].flag == "overflow"


def test_parameters_that_change_with_time():
    model = library.one_compartment()
    clearance = xr.DataArray([5.0, 10.0, 0.0], dims="time", coords={"time": [0.0, 6.0, 10.0]})
    ds = simulate(model, "100 mg iv bolus", [0, 6, 8, 10, 20], {"clearance": clearance}, auc=True)
    k1, k2 = 0.1, 0.2
    level = 2 * np.exp(-np.array([0, 6 * k1, 6 * k1 + 2 * k2, 6 * k1 + 4 * k2, 6 * k1 + 4 * k2]))
    np.testing.assert_allclose(ds.concentration[0], level, rtol=1e-14)
    auc = 20 * (1 - np.exp(-0.6)) + level[1] / k2 * (1 - np.exp(-0.8)) + 10 * level[3]
    assert ds.auc[0, -1] == pytest.approx(auc, rel=1e-13)


def test_a_volume_that_changes_with_time_divides_the_same_amount():
    volume = xr.DataArray([50.0, 25.0], dims="time", coords={"time": [0.0, 6.0]})
    ds = simulate(library.one_compartment(clearance=0.0), "100 mg iv bolus", [0, 5, 6, 7],
                  {"volume": volume, "clearance": 0.0}, auc=True)  # fmt: skip
    np.testing.assert_allclose(ds.concentration[0], [2, 2, 4, 4], rtol=1e-15)
    np.testing.assert_allclose(ds.auc[0], [0, 10, 12, 16], rtol=1e-14)


def test_only_a_dose_that_comes_later_has_the_later_bioavailability():
    fraction = xr.DataArray([0.5, 1.0], dims="time", coords={"time": [0.0, 6.0]})
    model = library.one_compartment(depot=True)
    ds = simulate(
        model, "100 mg oral q6h x 2", [0, 6, 1000], {"bioavailability": fraction}, auc=True
    )
    assert ds.status == 0
    np.testing.assert_allclose(ds.auc[0, -1], (50 + 100) / 5, rtol=1e-12)


def test_areas_of_a_site_whose_weights_change_with_case_and_time():
    base = library.one_compartment(clearance=0.0)
    outputs = [
        Output("free", {"central": "fu"}),
        Output("total", "central"),
    ]
    model = replace(base, outputs=outputs, parameters=(*base.parameters, Parameter("fu", 0.1)))
    fu = xr.DataArray([[0.1, 0.2], [0.3, 0.4]], dims=("case", "time"), coords={"time": [0.0, 6.0]})
    ds = simulate(model, "100 mg iv bolus", [0, 4, 6, 8], {"fu": fu, "clearance": 0.0}, auc=True)
    free, total = (ds.auc.sel(site=s) for s in ("free", "total"))
    np.testing.assert_allclose(free, [[0, 0.8, 1.2, 2.0], [0, 2.4, 3.6, 5.2]], rtol=1e-14)
    np.testing.assert_allclose(total, [[0, 8, 12, 16]] * 2, rtol=1e-14)


def test_doses_per_body_size():
    fixed = simulate("morphine", "0.1 mg/kg iv bolus", [0, 1], {"weight": "70 kg"})
    absolute = simulate("morphine", "7 mg iv bolus", [0, 1])
    np.testing.assert_allclose(fixed.amount, absolute.amount, rtol=1e-14)
    assert json.loads(fixed.attrs["parameters"]) == {"weight": 70.0}
    weight = xr.DataArray([35.0, 70.0], dims="subject", coords={"subject": [1, 2]})
    several = simulate("morphine", "0.1 mg/kg iv bolus", [0, 1], {"weight": weight})
    assert several.weight.attrs["units"] == "kg"
    np.testing.assert_allclose(several.amount[1], fixed.amount, rtol=1e-14)
    np.testing.assert_allclose(several.amount[0], fixed.amount / 2, rtol=1e-14)
    surface = simulate(
        "morphine", "5 mg/m2 iv bolus", [0, 1], {"body_surface_area": ["1.4 m2", "1.8 m2"]}
    )
    np.testing.assert_allclose(surface.amount.sel(compartment="plasma", time=0), [7, 9], rtol=1e-14)
    steady = steady_state("morphine", "0.1 mg/kg oral q12h", [0], {"weight": 70})
    expected = steady_state("morphine", "7 mg oral q12h", [0])
    np.testing.assert_allclose(steady.auc_tau, expected.auc_tau, rtol=1e-14)


@pytest.mark.parametrize("weight", [100.0, "100 kg", [80.0, 100.0, 120.0], [np.nan, 100.0]])
def test_a_dose_per_kg_is_judged_with_the_median_weight(weight):
    simulate("morphine", "0.4 mg/kg iv bolus", [0], {"weight": 70.0})
    with pytest.raises(DrugError, match="40 mg in one dose"):
        simulate("morphine", "0.4 mg/kg iv bolus", [0], {"weight": weight})
    ds = simulate("morphine", "0.4 mg/kg iv bolus", [0], {"weight": weight}, intended=True)
    assert (ds.status == 0).any()


def test_results_name_the_references_of_their_parameters():
    morphine = Drug.read("morphine")
    ds = simulate(morphine, "60 mg oral", [0])
    assert json.loads(ds.attrs["sources"]) == morphine.sources_used()
    assert citation(ds)[1:] == morphine.sources_used()
    assert len(citation(ds)) < len(citation(morphine))


@pytest.mark.parametrize(
    "regimen",
    ["60 mg oral q12h", "60 mg oral q8h at 3 h", "5 mg iv infusion over 30 min q6h",
     "2 mg iv infusion over 30 h q12h", "0.3 mg/h iv infusion", "9 mg oral q24h + 1 mg iv bolus q8h"],
)  # fmt: skip
@pytest.mark.parametrize("lag", [0.0, 5.5, 31.0])
def test_steady_state_is_where_a_long_simulation_arrives(regimen, lag):
    model = library.two_compartment(depot=True, lag=lag)
    ds = steady_state(model, regimen)
    tau = float(ds.time[-1])
    n = int(2400 / tau)
    long = simulate(model, regimen, ds.time.values + n * tau)
    atol = 1e-9 * float(ds.concentration.max())
    end = slice(None, -1)  # at the end of the interval the long simulation has the next dose
    np.testing.assert_allclose(
        ds.concentration[..., end], long.concentration[..., end], rtol=1e-11, atol=1e-3 * atol
    )
    cumulative = simulate(model, regimen, [0, n * tau, (n + 1) * tau], auc=True).auc
    np.testing.assert_allclose(ds.auc_tau, cumulative[:, 2] - cumulative[:, 1], rtol=1e-9)


def test_steady_state_of_a_tissue_that_takes_months():
    model = Model.from_rate_matrix([[-1.0, 1e-4], [0.5, -1e-4]], volume=1.0)
    ds = steady_state(model, "1 mg into 1 q24h", [0, 24])
    average = ds.auc_tau.values / 24
    np.testing.assert_allclose(average, [2 / 24, 0.5 * 2 / 24 / 1e-4], rtol=1e-12)


def test_no_steady_state_without_a_way_out():
    model = Model.from_rate_matrix([[-1.0, 0.0], [1.0, 0.0]], volume=1.0)
    ds = steady_state(model, "1 mg into 1 q24h")
    assert STATUS[int(ds.status)].flag == "no_steady_state"
    assert np.isnan(ds.auc_tau).all()


@pytest.mark.parametrize("extension", ["nc", "zarr"])
def test_round_trip_keeps_everything(tmp_path, extension):
    drawn = population.draw(Drug.read("morphine").model(), 3, seed=1)
    ds = simulate("morphine", "60 mg oral q12h x 2", np.arange(0, 25, 6.0), drawn, auc=True)
    path = tmp_path / f"result.{extension}"
    if extension == "nc":
        ds.to_netcdf(path)
        back = xr.load_dataset(path)
    else:
        ds.to_zarr(path, consolidated=False)
        back = xr.open_zarr(path, consolidated=False).load()
    xr.testing.assert_identical(back, ds)
    assert all(isinstance(v, str) for v in ds.attrs.values())
    parameters = (
        back[list(drawn)].reset_coords().drop_vars(["site", "compartment"], errors="ignore")
    )
    again = simulate(back.attrs["drug"], back.attrs["regimen"], back.time, parameters, auc=True)
    np.testing.assert_array_equal(again.concentration, ds.concentration)


def test_a_table_of_doses_and_text_agree():
    model = library.one_compartment(depot=True)
    table = pd.DataFrame({"TIME": [0, 12, 24], "AMT": [10, 10, 6], "ROUTE": ["oral", "oral", "iv"],
                          "RATE": [0, 0, 2]})  # fmt: skip
    a = simulate(model, table, np.arange(40.0))
    b = simulate(model, "10 mg oral q12h x 2 + 6 mg iv infusion over 3 h at 24 h", np.arange(40.0))
    np.testing.assert_allclose(a.amount, b.amount, rtol=1e-13)


def test_a_dose_at_an_output_time_counts_whatever_the_rounding():
    """3 * 0.1 and 0.1 + 0.2 lie one bit above 0.3."""
    model = Model.from_rate_matrix([[0.0]])
    times = [k / 10 for k in range(1, 400)]
    ds = simulate(model, "10 mg into 1 bolus every 0.1 h x 400", times)
    np.testing.assert_array_equal(ds.amount[0], 10.0 * np.arange(2, 401))
    late = simulate(Model.from_rate_matrix([[0.0]], lag=0.2), "10 mg into 1 at 0.1 h", [0.29, 0.3])
    np.testing.assert_array_equal(late.amount[0], [0.0, 10.0])


def test_dose_factors_are_judged_and_kept():
    with pytest.raises(DrugError, match="intended=True"):
        simulate("morphine", "0.3 mg intrathecal bolus", [0, 1], dose_factor={"intrathecal": 1000})
    with pytest.raises(ParameterError, match='names the route "nasal"'):
        simulate("morphine", "10 mg iv bolus", [0, 1], dose_factor={"nasal": 2})
    ds = simulate("morphine", "10 mg iv bolus", [0, 1], dose_factor={"iv": 2})
    assert json.loads(ds.attrs["dose_factor"]) == {"iv": 2.0}


def test_outputs_that_are_amounts_stand_beside_the_compartments():
    base = library.two_compartment()
    outputs = [
        Output("plasma", "central"),
        Output("body", {"central": 1, "peripheral": 1}, "amount"),
    ]
    ds = simulate(replace(base, outputs=outputs), "100 mg iv bolus", [0, 5])
    assert list(ds.compartment.values) == ["central", "peripheral", "body"]
    assert list(ds.site.values) == ["plasma"]
    total = ds.amount.sel(compartment=["central", "peripheral"]).sum("compartment")
    np.testing.assert_allclose(ds.amount.sel(compartment="body"), total, rtol=1e-15)


def test_transit_chain_delays_the_peak():
    base = library.one_compartment(depot=True)
    model = Model("chain", base.compartments, base.flows, [*base.parameters, Parameter("mtt", "3 h")],
                  [Input("oral", "depot", transit=4, transit_time="mtt")])  # fmt: skip
    times = np.linspace(0, 60, 6001)
    ds = simulate(model, "10 mg oral", times, {"clearance": 5.0})
    plain = simulate(base, "10 mg oral", times)
    peak, plain_peak = (d.time[int(d.concentration[0].argmax("time"))] for d in (ds, plain))
    assert peak - plain_peak > 2
    assert float(ds.amount.sel(compartment="oral_transit_1")[0]) == 10.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: simulate(m, "10 mg epidural bolus", [0, 1]), ModelError, "no input \"epidural\""),
        (lambda m: simulate(m, "10 mg oral", [1, 0]), InputError, "ascending"),
        (lambda m: simulate(m, "10 mg oral", [0, np.nan]), InputError, "finite"),
        (lambda m: simulate(m, "10 mg oral q12h"), InputError, "has no end"),
        (lambda m: simulate(m, "10 mg oral", [0], {"clearence": 5}), ParameterError, 'did you mean "clearance"'),
        (lambda m: simulate(m, "10 mg oral", [0], {"clearance": "5 L"}), InputError, "clearance"),
        (lambda m: simulate(m, "10 mg oral", [0], {"clearance": -1.0}), ParameterError, "clearance is -1.0"),
        (lambda m: simulate(m, "10 mg oral", [0], {"clearance": np.ones((2, 2))}), ParameterError, "DataArray"),
        (lambda m: simulate(m, "10 mg oral", [0], {"clearance": xr.DataArray([1.0, 2.0], dims="subject"),
                                                   "volume": xr.DataArray([1.0], dims="subject")}),
         ParameterError, "other labels"),
        (lambda m: simulate(m, "10 mg oral", [0], {"weight": 70}), ParameterError, 'unknown parameter "weight"'),
        (lambda m: simulate(m, "1 mg/m2 oral", [0], {"weight": 70}), ParameterError, 'unknown parameter "weight"'),
        (lambda m: simulate(m, "1 mg/kg oral", [0]), ParameterError, 'parameters={"weight": "70 kg"}'),
        (lambda m: simulate(m, "1 mg/kg oral", [0], {"weight": "70 L"}), InputError, "weight"),
        (lambda m: simulate(m, "10 mg oral", [0], {"a": 5, "volme": 3}), ParameterError, 'did you mean "volume"'),
        (lambda m: simulate("aspirin", "10 mg oral", [0]), DrugError, "aspirin"),
        (lambda m: simulate(m, "10 mg oral", "24 h"), InputError, "in hours"),
        (lambda m: simulate(m, "10 mg oral", pd.to_timedelta([0, 1], "h")), InputError, "in hours"),
        (lambda m: steady_state(m, "10 mg oral"), InputError, "Repeat it"),
        (lambda m: steady_state(m, "10 mg oral q12h x 4 then 5 mg oral q12h x 4"), InputError, "one step at a time"),
        (lambda m: steady_state(m, "1 mg oral q5h + 1 mg oral q12h"), InputError, "does not divide"),
        (lambda m: steady_state(m, "1 mg oral q12h", [0, 13]), InputError, "interval from 0 to 12"),
    ],
)  # fmt: skip
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call(library.one_compartment(depot=True))


def test_a_fraction_above_one():
    model = library.one_compartment(depot=True)
    with pytest.raises(ParameterError, match=r'bioavailability is 24; .* 1 \("24 %" is 0.24\)'):
        simulate(model, "1 mg oral", [0], {"bioavailability": 24})
    ds = simulate(model, "1 mg oral", [0, 1], {"bioavailability": [0.5, 1.0, 1.4]})
    np.testing.assert_array_equal(ds.status, [0, 0, 1])
    ratio = simulate("morphine", "1 mg oral", [0, 1], {"brain_plasma_ratio": [0.5, 4.0]})
    np.testing.assert_array_equal(ratio.status, [0, 0])


def over_time(*moments):
    coords = {"time": list(moments)} if moments else {}
    return xr.DataArray([5.0, 6.0], dims="time", coords=coords)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (xr.Dataset({"clearance": ("subject", [5.0, 6.0])}).to_dataframe(), r"DataFrame; .*\.to_xarray\(\)"),
        ([1, 2], "parameters is a list; expected a mapping"),
        ("clearance", "parameters is a str; expected a mapping"),
        ({"clearance": []}, "clearance has no values"),
        ({"clearance": np.inf}, "clearance is inf; expected a finite number"),
        ({"clearance": 5j}, "clearance is 5j; expected numbers, or text with a unit"),
        ({"clearance": [[1, 2], [3]]}, "expected numbers"),
        ({"clearance": over_time()}, 'clearance has the dimension "time" without coordinate'),
        ({"clearance": over_time(0.0, np.nan)}, "clearance has times that are no finite numbers"),
        ({"clearance": over_time(6.0, 0.0)}, "clearance has times that do not rise"),
    ],
)  # fmt: skip
def test_parameters_that_are_none(parameters, message):
    with pytest.raises(ParameterError, match=message):
        simulate(library.one_compartment(), "1 mg iv bolus", [0], parameters)


def test_an_array_of_text_is_a_list_of_text():
    texts = ["5 L/h", "100 mL/min"]
    listed, array, labelled = (
        simulate(library.one_compartment(), "1 mg iv bolus", [0], {"clearance": v})
        for v in (texts, np.array(texts), xr.DataArray(texts, dims="clearance"))
    )
    np.testing.assert_array_equal(listed.clearance, [5.0, 6.0])
    np.testing.assert_array_equal(labelled.concentration, array.concentration)
    xr.testing.assert_identical(listed, array)


@pytest.mark.parametrize("times", ["24 h", ["24 h", "48 h"], [None]])
def test_times_that_are_no_numbers_are_shown(times):
    with pytest.raises(InputError) as caught:
        simulate(library.one_compartment(), "1 mg iv bolus", times)
    assert caught.value.faults == (f"times is {times!r}; expected numbers, in hours",)


def test_dose_factors_go_by_route():
    model = library.one_compartment()
    for factors in ([1, 10, 100], 3):
        with pytest.raises(ParameterError) as caught:
            simulate(model, "1 mg iv bolus", [0], dose_factor=factors)
        assert caught.value.faults == (f"dose_factor is {factors}; expected factors by route",)
        line = 'dose_factor={"iv": [1, 10, 100]}'
        assert caught.value.remedy == f"Write for example {line}."
    ds = simulate(model, "1 mg iv bolus", [0], dose_factor={"iv": [1, 10, 100]})
    np.testing.assert_allclose(ds.amount.squeeze(), [1, 10, 100])
    for thing in (model, "morphine"):
        with pytest.raises(UnitError, match='iv "x": does not begin with a number'):
            simulate(thing, "1 mg iv bolus", [0], dose_factor={"iv": "x"})


def test_a_unit_in_the_attributes_is_that_of_a_parameter():
    clearance = xr.DataArray([1.0, 2.0], dims="subject", attrs={"units": "L/fortnigt"})
    with pytest.raises(UnitError, match=r'clearance\.attrs: unknown unit "fortnigt"'):
        simulate(library.one_compartment(), "1 mg iv bolus", [0], {"clearance": clearance})
