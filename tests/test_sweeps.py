"""Whole sweeps: their numbers are those of compare(), bit for bit however they are divided."""

import numpy as np
import pytest
import xarray as xr

from pkmodel import Drug, compare, nca, sweep
from pkmodel.sweeps import METRICS, from_table, grid, latin_hypercube, sobol

ORAL = "60 mg oral q12h x 28"
PUMP = "0.4 mg/day intrathecal pump for 14 d"
HOW = {"oral": ORAL, "segments": 3}
POINTS = latin_hypercube(
    3, seed=3, ratio=(20, 300, "log"), csf_loss_rate=(0.1, 1), oral_bioavailability=(0.1, 0.5)
)
SPINE = Drug.read("morphine").segmented(3)


def same(a, b):
    """Bit for bit, NaN where the other is."""
    assert a.sizes == b.sizes
    for name, values in a.data_vars.items():
        np.testing.assert_array_equal(values.values, b[name].transpose(*values.dims).values, name)
    return True


def test_metrics_are_those_of_compare_and_nca():
    ds = sweep("morphine", POINTS, metrics=list(METRICS), **HOW)
    times = 312 + 0.25 * np.arange(97)
    for k in range(POINTS.count):
        point = {name: float(values[k]) for name, values in POINTS.columns.items()}
        ratio = point.pop("ratio")
        one = compare(SPINE, ORAL, ratio=ratio, parameters=point, times=times, intended=True)
        found = ds.isel(run=k)
        exact = one.auc.isel(time=-1) - one.auc.isel(time=0)
        np.testing.assert_allclose(found.auc, exact.transpose("arm", "site"), rtol=1e-9)
        np.testing.assert_allclose(found.cav, exact.transpose("arm", "site") / 24, rtol=1e-9)
        summary = nca.summary(one, start=312, end=336)
        for name in ("cmax", "cmin", "ctrough", "tmax"):
            wanted = summary[name].transpose("arm", "site")
            np.testing.assert_allclose(found[name], wanted, rtol=1e-9, err_msg=name)


def test_profiles_are_those_of_compare():
    times = [0.0, 1.0, 6.0, 24.0]
    ds = sweep("morphine", grid(ratio=[100, 300]), metrics=[], times=times, sites="plasma", **HOW)
    assert ds.concentration.dims == ("ratio", "arm", "site", "time")
    one = compare(SPINE, ORAL, ratio=[100, 300], times=times)
    wanted = one.concentration.sel(site=["plasma"]).transpose(*ds.concentration.dims)
    np.testing.assert_allclose(ds.concentration, wanted, rtol=1e-12)
    assert ds.concentration.units == "mg/L"
    assert ds.status.dims == ds.failed.dims == ("ratio",)


def test_by_default_profiles_are_those_of_the_last_day():
    ds = sweep("morphine", grid(ratio=[300]), metrics=None, **HOW)
    np.testing.assert_array_equal(ds.time, 312 + 0.25 * np.arange(97))


def test_a_window_of_ones_own():
    ds = sweep("morphine", grid(ratio=[300]), metrics="auc", window=("1 d", 48), **HOW)
    one = compare(SPINE, ORAL, ratio=300, times=[24, 48])
    wanted = (one.auc.isel(time=1) - one.auc.isel(time=0)).transpose("arm", "site")
    np.testing.assert_allclose(ds.auc.isel(ratio=0), wanted, rtol=1e-9)


def test_populations_and_their_quantiles():
    design = grid(csf_pulsation=[0.5, 2.0])
    every = sweep("morphine", design, subjects=11, seed=4, **HOW)
    assert every.auc.dims == ("csf_pulsation", "arm", "subject", "site")
    one = compare(
        SPINE, ORAL, subjects=11, seed=4, times=[312, 336], parameters={"csf_pulsation": 2.0}
    )
    wanted = (one.auc.isel(time=1) - one.auc.isel(time=0)).transpose("arm", "subject", "site")
    np.testing.assert_allclose(every.auc.isel(csf_pulsation=1), wanted, rtol=1e-9)
    few = sweep("morphine", design, subjects=11, seed=4, quantiles=[0.05, 0.5], **HOW)
    for name in ("auc", "cmax", "cav"):
        wanted = every[name].quantile([0.05, 0.5], "subject")
        assert few[name].dims == ("csf_pulsation", "arm", "quantile", "site")
        np.testing.assert_allclose(few[name], wanted.transpose(*few[name].dims), rtol=1e-13)


def test_a_population_whose_parameters_none_is_swept():
    """What varies is the tip alone: every subject keeps all that was drawn for it."""
    ds = sweep("morphine", grid(tip=["T10"]), subjects=4, seed=2, metrics="auc", **HOW)
    one = compare(SPINE.segmented(3, tip="T10"), ORAL, subjects=4, seed=2, times=[312, 336])
    wanted = (one.auc.isel(time=1) - one.auc.isel(time=0)).transpose("arm", "subject", "site")
    np.testing.assert_allclose(ds.auc.isel(tip=0), wanted, rtol=1e-9)


def test_tips_segments_orders_and_variants():
    other = "30 mg oral q6h x 56"
    design = from_table({
        "tip": ["T10", "L3-L4", "T10", "L3-L4"],
        "segments": [3, 6, 3, 3],
        "oral": [ORAL, ORAL, other, ORAL],
        "variant": ["elderly", "elderly", "westerling_1993", "elderly"],
        "ratio": [300, 100, 100, 300],
        "csf_loss_rate": [0.1, 0.2, 0.3, 0.4],
    })  # fmt: skip
    ds = sweep("morphine", design, metrics="auc", window=(312, 336))
    for k in range(design.count):
        tip, segments, oral, variant, ratio, rate = (v[k] for v in design.columns.values())
        drug = Drug.read("morphine").variant(variant).segmented(int(segments), tip=tip)
        one = compare(drug, oral, ratio=ratio, parameters={"csf_loss_rate": rate}, times=[312, 336])
        wanted = (one.auc.isel(time=1) - one.auc.isel(time=0)).transpose("arm", "site")
        np.testing.assert_allclose(ds.auc.isel(run=k), wanted, rtol=1e-9)
    assert list(ds.tip.values) == ["T10", "L3-L4", "T10", "L3-L4"]


def test_arms_by_name_and_settings():
    arms = {"tablets": ORAL, "pump": PUMP, "iv": "10 mg iv bolus q6h x 56"}
    rate = grid(csf_loss_rate=["0.2 /h", "0.01 /min"])
    ds = sweep("morphine", rate, arms=arms, settings={"clearance": "60 L/h"}, segments=3)
    assert list(ds.arm.values) == list(arms)
    np.testing.assert_array_equal(ds.csf_loss_rate, [0.2, 0.6])
    assert ds.csf_loss_rate.units == "1/h"
    one = compare(
        SPINE, arms=arms, times=[312, 336], parameters={"clearance": 60, "csf_loss_rate": 0.6}
    )
    wanted = (one.auc.isel(time=1) - one.auc.isel(time=0)).transpose("arm", "site")
    np.testing.assert_allclose(ds.auc.isel(csf_loss_rate=1), wanted, rtol=1e-9)


def test_doses_per_kg():
    how = HOW | {"oral": "1 mg/kg oral q12h x 28", "metrics": "auc"}
    ds = sweep("morphine", grid(weight=[60, "70 kg"]), **how)
    fixed = sweep("morphine", grid(ratio=[105.5]), **how, settings={"weight": 60})
    absolute = sweep("morphine", grid(ratio=[105.5]), **HOW, metrics="auc")
    np.testing.assert_allclose(fixed.auc, absolute.auc, rtol=1e-12)
    oral = ds.auc.sel(arm="oral")
    np.testing.assert_allclose(oral.isel(weight=0), fixed.auc.sel(arm="oral", ratio=105.5))
    np.testing.assert_allclose(oral.isel(weight=1) / oral.isel(weight=0), 7 / 6)


KINDS = {
    "metrics": {},
    "profiles": {"metrics": [], "times": [1, 24, 312], "sites": ["plasma", "lumbar_csf"]},
    "population": {"subjects": 3, "metrics": ["tmax", "auc"]},
    "quantiles": {"subjects": 5, "quantiles": [0.1, 0.9], "metrics": "cmax"},
}
DIVISIONS = {"metrics": ((7, 2), (33, 1))}


@pytest.mark.parametrize("kind", KINDS)
def test_bit_for_bit_in_any_division(kind, tmp_path):
    """Some runs fail: they and their neighbours are the same, too."""
    how = HOW | KINDS[kind]
    ends = {"ratio": (20, 300, "log"), "csf_loss_rate": (0.1, 1), "oral_bioavailability": (0.1, 1.2)}  # fmt: skip
    design = latin_hypercube(34, seed=3, **ends)  # more than the kernel's lanes
    whole = sweep("morphine", design, runs_per_box=34, workers=1, **how)
    assert 0 < int((whole.status > 0).sum()) < 20
    for runs, workers in DIVISIONS.get(kind, ((5, 2),)):
        same(whole, sweep("morphine", design, runs_per_box=runs, workers=workers, **how))
    stored = sweep("morphine", design, store=tmp_path / "s.zarr", runs_per_box=9, **how)
    same(whole, stored)
    same(whole, xr.open_zarr(tmp_path / "s.zarr"))
    for name in whole.coords:
        np.testing.assert_array_equal(whole[name], stored[name])
    some = [3, 11, 33]
    subset = from_table({name: values[some] for name, values in design.columns.items()})
    same(whole.isel(run=some), sweep("morphine", subset, **how))


@pytest.mark.parametrize(
    "design",
    [
        grid(ratio=[30, 100, 300], tip=["T10", "L3-L4"]),
        grid(tip=["T10", "L3-L4"], segments=[3, 4]),
        grid(ratio=[30, 100, 300], csf_pulsation=[0.5, 1.0]),
        sobol(8, seed=1, oral_lag=(0, 2), clearance=(30, 90, "log")),
    ],
    ids=lambda design: " ".join(design.columns),
)
def test_bit_for_bit_over_any_dimensions(design, tmp_path):
    how = HOW | {"metrics": ["auc", "cmax"]}
    whole = sweep("morphine", design, **how)
    assert dict(whole.sizes) | design.sizes == dict(whole.sizes)
    for runs in (1, 2):
        same(whole, sweep("morphine", design, runs_per_box=runs, workers=2, **how))
    same(whole, sweep("morphine", design, runs_per_box=2, store=tmp_path / "s.zarr", **how))


def test_a_run_that_fails_is_a_status():
    rates = [0.3, -1.0, np.finfo(float).max, 0.4]
    ds = sweep("morphine", grid(csf_loss_rate=rates), metrics=list(METRICS), **HOW)
    assert list(ds.status.values) == [0, 1, 2, 0]
    assert list(ds.failed.values) == [0, 2, 2, 0]
    for name in METRICS:
        assert np.isnan(ds[name].isel(csf_loss_rate=[1, 2])).all()
    healthy = sweep("morphine", grid(csf_loss_rate=[0.3, 0.4]), metrics=list(METRICS), **HOW)
    same(ds.isel(csf_loss_rate=[0, 3]), healthy)


def test_a_sweep_of_one_run_that_fails():
    ds = sweep("morphine", grid(oral_bioavailability=[1.5]), **HOW)
    assert int(ds.status.item()) == 1
    assert np.isnan(ds.auc).all()


def test_quantiles_leave_out_subjects_that_fail():
    """A clearance so high that it overflows in those with a small volume, and in one arm only."""
    design = grid(clearance=[1e300, 1e307, np.finfo(float).max])
    how = HOW | {"subjects": 9, "metrics": "auc"}
    every = sweep("morphine", design, **how)
    few = sweep("morphine", design, quantiles=[0.0, 0.5, 1.0], **how)
    assert list(few.status.values) == [0, 2, 2]
    assert few.failed[0] == 0 < few.failed[1] < few.failed[2] == 9
    same(few[["failed", "status"]], every[["failed", "status"]])
    gone = np.isnan(every.auc.values).all(axis=(2, 3))
    np.testing.assert_array_equal(gone, np.isnan(few.auc.values).all(axis=(2, 3)))
    wanted = np.nanquantile(every.auc.values[~gone], [0.0, 0.5, 1.0], axis=1)
    np.testing.assert_allclose(few.auc.values[~gone], np.moveaxis(wanted, 0, 1), rtol=1e-13)
