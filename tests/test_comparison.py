import json

import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot

from pkmodel import Drug, citation, compare, plot, population, simulate, table
from pkmodel.errors import DrugError, InputError, ParameterError
from pkmodel.events import EventTable

ORAL = "60 mg oral q12h x 28"
IT = "0.4 mg/day intrathecal pump for 14 d"


def test_plasma_exposure_at_300_to_1_is_72_times_lower():
    ds = compare("morphine", ORAL, parameters={"oral_bioavailability": 0.24}, times=[0, 5000])
    auc = ds.auc.sel(site="plasma").isel(time=-1)
    assert float(auc[0] / auc[1]) == pytest.approx(300 * 0.24, rel=1e-9)


def test_each_arm_is_its_own_simulation():
    ds = compare("morphine", ORAL, ratio=300)
    assert ds.concentration.dims == ("arm", "site", "time")
    for arm in ("oral", "intrathecal"):
        alone = simulate("morphine", ds.attrs[f"regimen_{arm}"], ds.time, auc=True)
        np.testing.assert_array_equal(ds.concentration.sel(arm=arm), alone.concentration)
    assert ds.attrs["regimen_intrathecal"] == "0.4 mg/day intrathecal pump for 14 d"
    assert json.loads(ds.attrs["ratio"]) == 300
    assert ds.attrs["drug"] == "morphine" and json.loads(ds.attrs["sources"])
    assert all(isinstance(v, str) for v in ds.attrs.values())


def test_few_sites_are_the_same_and_cost_less():
    every, few = (compare("morphine", ORAL, sites=sites) for sites in (None, ["cord", "plasma"]))
    assert list(few.site.values) == ["plasma", "cord"]
    for name in ("concentration", "auc"):
        there = every[name].sel(site=few.site)
        np.testing.assert_allclose(few[name], there, rtol=1e-11, atol=1e-15)


def test_ratios_become_a_dimension():
    ds = compare("morphine", ORAL, ratio=[30, 100, 300])
    assert ds.concentration.dims == ("arm", "ratio", "site", "time")
    np.testing.assert_array_equal(ds.ratio, [30, 100, 300])
    pump = ds.auc.sel(arm="intrathecal", site="lumbar_csf").isel(time=-1)
    np.testing.assert_allclose(pump * ds.ratio, pump[0] * 30, rtol=1e-13)
    oral = ds.auc.sel(arm="oral", site="lumbar_csf").isel(time=-1)
    assert (oral == oral[0]).all()
    one = compare("morphine", ORAL, ratio=100)
    np.testing.assert_allclose(ds.concentration.sel(ratio=100), one.concentration, rtol=1e-13)


def test_ratios_sweep_for_a_drug_without_one_of_its_own():
    oral = "0.1 mg oral q12h x 4"
    swept, one = (compare("clonidine", oral, ratio=r, intended=True) for r in ([2, 4], 4))
    np.testing.assert_allclose(swept.auc.sel(ratio=4), one.auc, rtol=1e-13)


def test_presets_and_the_default_come_from_the_drug_file():
    morphine = Drug.read("morphine")
    assert json.loads(compare(morphine, ORAL).attrs["ratio"]) == morphine.ratio()
    assert json.loads(compare(morphine, ORAL, ratio="low").attrs["ratio"]) == morphine.ratio("low")
    with pytest.raises(InputError, match="nominal"):
        compare(morphine, ORAL, ratio="nomnal")


def test_a_ratio_for_every_subject():
    ratio = xr.DataArray([100.0, 300.0], dims="subject", coords={"subject": [1, 2]})
    ds = compare("morphine", ORAL, ratio=ratio, subjects=2, seed=1)
    assert ds.concentration.dims == ("arm", "subject", "site", "time")
    one = compare("morphine", ORAL, ratio=300, subjects=2, seed=1)
    np.testing.assert_allclose(ds.concentration[:, 1], one.concentration[:, 1], rtol=1e-13)


def test_subjects_meet_both_arms_with_the_same_parameters():
    ds = compare("morphine", ORAL, subjects=8, seed=5)
    drawn = population.draw(Drug.read("morphine").model(), 8, seed=5)
    np.testing.assert_array_equal(ds.clearance, drawn.clearance)
    assert ds.clearance.dims == ("subject",)
    auc = compare("morphine", ORAL, subjects=8, seed=5, times=[0, 20000.0]).auc.sel(site="plasma")[
        ..., -1
    ]
    np.testing.assert_allclose(auc[0] / auc[1], 300 * drawn.oral_bioavailability, rtol=1e-6)
    some = compare("morphine", ORAL, subjects=[3, 7], seed=5)
    np.testing.assert_array_equal(some.concentration, ds.concentration.sel(subject=[3, 7]))


def test_given_parameters_hold_for_all_subjects():
    ds = compare("morphine", ORAL, subjects=4, seed=5, parameters={"clearance": "60 L/h"})
    assert json.loads(ds.attrs["parameters"])["clearance"] == 60.0
    assert "clearance" not in ds.coords


def test_doses_per_kg():
    ds = compare("morphine", "1 mg/kg oral q12h x 2", ratio=300, parameters={"weight": "60 kg"})
    absolute = compare("morphine", "60 mg oral q12h x 2", ratio=300)
    np.testing.assert_allclose(ds.concentration, absolute.concentration, rtol=1e-13)
    weight = xr.DataArray([50.0, 60.0], dims="subject", coords={"subject": [1, 2]})
    mixed = compare("morphine", "1 mg/kg oral q12h x 2", arms={"iv": "10 mg iv bolus q12h x 2"},
                    parameters={"weight": weight})  # fmt: skip
    np.testing.assert_array_equal(mixed.weight, weight)
    oral, iv = (mixed.concentration.sel(arm=arm) for arm in ("oral", "iv"))
    np.testing.assert_allclose(
        oral.sel(subject=2), absolute.concentration.sel(arm="oral"), rtol=1e-13
    )
    np.testing.assert_array_equal(iv.sel(subject=1), iv.sel(subject=2))
    compare("morphine", "2.5 mg/kg oral q12h x 2", parameters={"weight": 70})
    with pytest.raises(DrugError, match="250 mg in one dose"):
        compare("morphine", "2.5 mg/kg oral q12h x 2", parameters={"weight": 100})


def test_references_of_the_ratio_that_is_applied():
    morphine = Drug.read("morphine")
    for ratio, preset in ((None, "nominal"), ("low", "low"), (300, None), ([100, 300], None)):
        ds = compare("morphine", "60 mg oral q12h x 2", ratio=ratio)
        assert citation(ds)[1:] == morphine.sources_used(preset)
    ds = compare("morphine", "60 mg oral q12h x 2", "0.4 mg/day intrathecal pump for 1 d")
    assert citation(ds)[1:] == morphine.sources_used()


def test_own_intrathecal_order_and_other_arms():
    ds = compare(
        "morphine", ORAL, "0.3 mg intrathecal bolus", arms={"iv": "10 mg iv bolus q6h x 4"}
    )
    assert list(ds.arm.values) == ["oral", "intrathecal", "iv"]
    assert "ratio" not in ds.attrs


def test_round_trip(tmp_path):
    ds = compare("morphine", ORAL, ratio=[100, 300], subjects=2, times=np.arange(0, 49, 12.0))
    ds.to_netcdf(tmp_path / "x.nc")
    xr.testing.assert_identical(xr.load_dataset(tmp_path / "x.nc"), ds)


def test_table():
    ds = compare("morphine", ORAL, ratio=300)
    t = table(ds)
    assert list(t.index.names) == ["site", "arm"]
    last = ds.concentration.sel(site="plasma", arm="oral", time=slice(312, 336))
    assert t.loc[("plasma", "oral"), "cmax"] == float(last.max())
    assert t.loc[("plasma", "oral"), "auc_relative"] == 1
    ratio = 1 / t.loc[("plasma", "intrathecal"), "auc_relative"]
    f = Drug.read("morphine").model().defaults["oral_bioavailability"].value
    assert ratio == pytest.approx(300 * f, rel=0.01)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: compare("morphine"), InputError, "nothing to compare"),
        (lambda: compare("morphin", ORAL), DrugError, "morphine"),
        (lambda: compare("ziconotide", "1 ug oral q12h x 4"), DrugError, "oral"),
        (lambda: compare("morphine", ORAL, ratio=0), ParameterError, "above 0"),
        (lambda: compare("morphine", ORAL, ratio=[300, -1]), ParameterError, "above 0"),
        (lambda: compare("morphine", ORAL, "0.4 mg/day intrathecal pump", ratio=300), InputError, "Leave one"),
        (lambda: compare("morphine", ORAL, parameters={"weight": 70}), ParameterError, "weight"),
        (lambda: compare("morphine", ORAL, times=[1, 0]), InputError, "ascending"),
        (lambda: compare("morphine", ORAL, ratio=1), DrugError, "intended=True"),
        (lambda: compare("morphine", ORAL, ratio=[1, 300]), DrugError, "intended=True"),
        (lambda: compare("morphine", ORAL, "0.4 g/day intrathecal pump for 14 d"), DrugError, "intended=True"),
        (lambda: compare("morphine", "60 mg oral q12h"), InputError, "every arm has no end"),
        (lambda: compare("morphine", "10 mg iv bolus q6h x 4", IT), InputError, r"oral= holds .* arms=\{"),
        (lambda: compare("morphine", "20 mg into gut", IT), InputError, "which is not oral"),
        (lambda: compare("morphine", ORAL, ORAL), InputError, "intrathecal= holds"),
        (lambda: compare("morphine", f"{ORAL} + {IT}"), InputError, "oral= holds"),
        (lambda: compare("morphine", ORAL, arms={"oral": ORAL}), InputError, "given twice"),
        (lambda: compare("morphine", ORAL, IT, arms={"intrathecal": IT}), InputError, "given twice"),
        (lambda: compare("morphine", ORAL, arms=[IT]), InputError, "arms by name"),
        (lambda: compare("morphine", ORAL, arms=IT), InputError, "arms by name"),
        (lambda: compare("morphine", arms={"a": IT}), InputError, "only one arm, a "),
        (lambda: compare("morphine", intrathecal=IT), InputError, "only one arm, intrathecal"),
        (lambda: compare("morphine", ORAL, arms={"a": IT}, ratio=300), InputError, "stands alone"),
        (lambda: compare("morphine", ORAL, ratio="300"), DrugError, "Write ratio=300"),
        (lambda: compare("morphine", ORAL, ratio="1/300"), DrugError, "Write ratio=300"),
        (lambda: compare("morphine", ORAL, ratio=1 / 300), DrugError, "write ratio=300, not 0.0033"),
        (lambda: compare("morphine", ORAL, ratio=[1 / 300, 300]), DrugError, "write ratio=300"),
    ],
)  # fmt: skip
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "subjects", [0, -1, 2.5, True, "3", [], [1, 1], [1.5], [-1], ["a"], {1: 2}]
)
def test_subjects_are_whole_numbers(subjects):
    with pytest.raises(ParameterError, match=r"subjects is .* subjects=100"):
        compare("morphine", ORAL, subjects=subjects)


@pytest.mark.parametrize("seed", [-1, 1.5, "1", None, True])
def test_the_seed_is_a_whole_number(seed):
    with pytest.raises(ParameterError, match="Write seed=1"):
        compare("morphine", ORAL, subjects=2, seed=seed)


def test_subjects_are_drawn_or_given():
    drawn = population.draw(Drug.read("morphine").model(), 3, seed=1)
    with pytest.raises(InputError, match="Leave out subjects="):
        compare("morphine", ORAL, parameters=drawn, subjects=3)
    given = compare("morphine", ORAL, parameters=drawn, times=[0, 24])
    for subjects in (3, np.int64(3), range(1, 4), np.array([1, 2, 3]), iter([1, 2, 3])):
        own = compare("morphine", ORAL, subjects=subjects, seed=np.int64(1), times=[0, 24])
        np.testing.assert_array_equal(own.auc, given.auc)


def test_a_dose_out_of_range_may_be_meant():
    ds = compare("morphine", ORAL, ratio=[1, 300], intended=True)
    assert ds.sizes["ratio"] == 2


def test_arms_from_event_tables():
    doses = EventTable.of(time=np.arange(0, 336, 12.0), amount=60, compartment="oral")
    pump = EventTable.of(time=[0.0], amount=5.6, duration=336.0, compartment="intrathecal")
    ds = compare("morphine", arms={"oral": doses, "pump": pump})
    text = compare("morphine", "60 mg oral q12h x 28", ratio=300, times=ds.time)
    np.testing.assert_allclose(ds.concentration, text.concentration, rtol=1e-11)
    assert "EventTable" in ds.attrs["events_pump"]
    given = EventTable.read(json.loads(ds.attrs["doses_pump"]))
    assert given.to_frame().equals(pump.to_frame())
    figure = plot.comparison(ds)
    bars = [bar for axes in figure.axes for lane in axes.containers for bar in lane]
    assert {(bar.get_x(), bar.get_width()) for bar in bars} == {(0.0, 336.0)}
    pyplot.close(figure)
    with pytest.raises(InputError, match="a ratio converts orders"):
        compare("morphine", doses)
    with pytest.raises(DrugError, match="row 1: 400 mg in a day"):
        compare(
            "morphine",
            "60 mg oral q12h x 28",
            EventTable.of(time=[0.0], amount=5600, duration=336.0, compartment="intrathecal"),
        )


def test_every_subject_has_doses_of_its_own_in_an_arm():
    doses = EventTable.of(subject=[1, 2], time=[0.0, 6.0], amount=[60.0, 30.0], compartment="oral")
    ds = compare(
        "morphine", arms={"own": doses, "all": "60 mg oral"}, subjects=2, times=[0.0, 12.0]
    )
    assert ds.concentration.dims == ("arm", "subject", "site", "time")
    plasma = ds.concentration.sel(site="plasma", time=12.0)
    assert plasma.sel(arm="own", subject=1) == plasma.sel(arm="all", subject=1)
    assert plasma.sel(arm="own", subject=2) != plasma.sel(arm="all", subject=2)
    with pytest.raises(InputError, match='labels along "subject"'):
        compare("morphine", arms={"own": doses, "all": "60 mg oral"}, subjects=3, times=[0.0, 12.0])


def test_parameters_of_responses_that_are_not_asked_for():
    with pytest.raises(ParameterError) as caught:
        compare(
            "morphine",
            ORAL,
            responses=["analgesia"],
            parameters={"respiration_hill": 2, "clearence": 3},
        )
    asked_for, unknown = caught.value.faults
    assert asked_for.endswith('which is not asked for: write responses=["respiration"]')
    assert unknown.startswith('unknown parameter "clearence" (did you mean "clearance"')
    with pytest.raises(ParameterError, match=r"The model has clearance, .* and \d+ more\."):
        compare("morphine", ORAL, parameters={"zzz": 1})


def test_a_converted_dose_is_said_to_be_one_and_is_rounded():
    with pytest.raises(DrugError, match=r'the oral dose / 70000, "0\.0119 ug/h intrathecal pump'):
        compare("morphine", "10 mg oral q12h x 28", ratio=7e4)
