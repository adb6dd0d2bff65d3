"""Responses in sweeps: averages of those of compare(), kept, stored and refused as metrics are."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from pkmodel import Drug, compare, sweep
from pkmodel.drugs.effects import RESPONSES
from pkmodel.errors import InputError
from pkmodel.responses.averaging import averages
from pkmodel.responses.naming import of_response, unasked
from pkmodel.sweeps import describe, from_table, grid, latin_hypercube, plan_of, progress, resume

ORAL = "60 mg oral q12h x 28"
HOW = {"oral": ORAL, "segments": 3, "metrics": "auc", "sites": "plasma"}
SPINE = Drug.read("morphine").segmented(3)
QUARTERS = 312 + 0.25 * np.arange(97)
ALL = [
    "analgesia", "analgesia_drive", "respiratory_depression", "respiratory_drive", "constipation",
    "pain", "pain_reduction", "tolerance", "withdrawal",
]  # fmt: skip


def by_hand(values):
    """Averages on straight lines between the times."""
    array = values.transpose(..., "time").values
    t = values.time.values
    return ((array[..., 1:] + array[..., :-1]) / 2 * np.diff(t)).sum(axis=-1) / (t[-1] - t[0])


def require_same(a, b):
    """Bit for bit, NaN where the other is."""
    assert a.sizes == b.sizes and set(a.data_vars) == set(b.data_vars)
    for name, values in a.data_vars.items():
        np.testing.assert_array_equal(values.values, b[name].transpose(*values.dims).values, name)


# ---------------------------------------------------------------------------------- what they are


def test_they_are_those_of_compare_averaged_over_the_window():
    """At every point but for 1e-9, parameters of the responses among those that vary."""
    design = latin_hypercube(
        3, seed=3, ratio=(20, 300, "log"), csf_loss_rate=(0.1, 1), analgesia_hill=(0.8, 4),
        analgesia_cord_ec50=("50 ng/mL", "200 ng/mL"), analgesia_m6g_half_life=("1 h", "8 h"), pain_baseline=(4, 8),
    )  # fmt: skip
    ds = sweep("morphine", design, responses=True, **HOW)
    assert [name for name in ds.data_vars if "rests_on" in ds[name].attrs] == ALL
    for k in range(design.count):
        point = {name: float(values[k]) for name, values in design.columns.items()}
        ratio = point.pop("ratio")
        one = compare(SPINE, ORAL, ratio=ratio, parameters=point, times=QUARTERS, responses=True)
        for name in ALL:
            assert ds[name].dims == ("run", "arm")
            np.testing.assert_allclose(ds[name].isel(run=k), by_hand(one[name]), rtol=1e-9)


def test_the_drive_is_that_of_the_average_concentrations():
    """Concentrations that count add up, and their exact integrals do, too; M6G is taken out, synergy is 0."""
    how = HOW | {"sites": ["brain", "cord"], "metrics": "cav"}
    settings = {"analgesia_m6g_ec50": "1000000 mg/L", "analgesia_cord_ec50": "200 ng/mL"}
    ds = sweep("morphine", grid(ratio=[30, 300]), responses="analgesia", settings=settings, **how)
    value = {**SPINE.parameters, **SPINE.responses}
    brain = value["brain_plasma_ratio"].value * value["analgesia_brain_ec50"].value
    drive = ds.cav.sel(site="cord") / 0.2 + ds.cav.sel(site="brain") / brain
    np.testing.assert_allclose(ds.analgesia_drive, drive, rtol=1e-3)
    np.testing.assert_allclose(ds.analgesia_drive.sel(arm="intrathecal"), drive[:, 1], rtol=1e-6)


def test_times_of_ones_own_count_within_the_window():
    """The ends of the window are among them, what lies outside is not."""
    times = [0, 100, 315, 330, 400]
    ds = sweep("morphine", grid(ratio=[300]), responses="analgesia", times=times, **HOW)
    one = compare(SPINE, ORAL, ratio=300, times=[312, 315, 330, 336], responses="analgesia")
    np.testing.assert_allclose(ds.analgesia[0], by_hand(one.analgesia), rtol=1e-9)


def test_a_window_of_ones_own_and_arms_by_name():
    arms = {"pump": "0.4 mg/day intrathecal pump for 14 d", "iv": "10 mg iv bolus q6h x 56"}
    how = {"arms": arms, "segments": 3, "window": ("1 d", "60 h"), "responses": "respiration"}
    ds = sweep("morphine", grid(respiration_hill=[1.0, 2.0]), **how)
    one = compare(
        SPINE, arms=arms, times=24 + 0.25 * np.arange(145), responses="respiration",
        parameters={"respiration_hill": 2.0},
    )  # fmt: skip
    found = ds.respiratory_depression.sel(respiration_hill=2)
    np.testing.assert_allclose(found, by_hand(one.respiratory_depression), rtol=1e-9)


def test_without_metrics_they_are_profiles():
    how = HOW | {"metrics": [], "times": [0.0, 1.0, 6.0, 24.0], "responses": "analgesia"}
    ds = sweep("morphine", grid(ratio=[100, 300]), **how)
    one = compare(SPINE, ORAL, ratio=[100, 300], times=how["times"], responses="analgesia")
    assert ds.analgesia.dims == ("ratio", "arm", "time")
    assert "cell_methods" not in ds.analgesia.attrs
    for name in ("analgesia", "analgesia_drive"):
        wanted = one[name].transpose("ratio", "arm", "time")
        np.testing.assert_allclose(ds[name], wanted, rtol=1e-9)


@pytest.mark.parametrize("metrics", ["auc", []])
def test_populations_and_their_quantiles(metrics):
    design = grid(analgesia_hill=[1.0, 2.4])
    how = HOW | {"metrics": metrics, "subjects": 6, "seed": 4, "responses": "analgesia"}
    every = sweep("morphine", design, **how)
    assert every.analgesia.dims[:3] == ("analgesia_hill", "arm", "subject")
    one = compare(
        SPINE, ORAL, subjects=6, seed=4, times=QUARTERS, responses="analgesia",
        parameters={"analgesia_hill": 1.0},
    )  # fmt: skip
    wanted = by_hand(one.analgesia) if metrics else one.analgesia.transpose("arm", "subject", ...)
    np.testing.assert_allclose(every.analgesia[0], wanted, rtol=1e-9)
    few = sweep("morphine", design, quantiles=[0.05, 0.5], **how)
    wanted = every.analgesia.quantile([0.05, 0.5], "subject").transpose(*few.analgesia.dims)
    np.testing.assert_allclose(few.analgesia, wanted, rtol=1e-13)


def test_a_population_varies_in_the_numbers_of_responses_that_have_a_spread(tmp_path):
    file = tmp_path / "own.toml"
    text = Path(SPINE.path).read_text(encoding="utf-8")
    head, mark, tail = text.partition("[responses.analgesia.hill]")
    spread = 'cv = 0.5\ncv_confidence = "assumed"'
    file.write_text(head + mark + tail.replace("cv = 0.0", spread, 1), encoding="utf-8")
    how = HOW | {"subjects": 5, "seed": 1, "responses": "analgesia"}
    own, plain = (sweep(drug, grid(ratio=[300]), **how) for drug in (file, "morphine"))
    assert (own.analgesia != plain.analgesia).all()
    np.testing.assert_allclose(own.analgesia_drive, plain.analgesia_drive, rtol=1e-9)


def test_tips_segments_orders_and_variants():
    design = from_table({
        "tip": ["T10", "L3-L4", "T10"], "segments": [3, 6, 3], "variant": ["elderly", "elderly", "westerling_1993"],
        "oral": [ORAL, ORAL, "30 mg oral q6h x 56"], "ratio": [300, 100, 100], "analgesia_hill": [1, 2, 3],
    })  # fmt: skip
    ds = sweep("morphine", design, responses="analgesia", **HOW | {"oral": None})
    for k in range(design.count):
        tip, segments, variant, oral, ratio, hill = (v[k] for v in design.columns.values())
        drug = Drug.read("morphine").variant(variant).segmented(int(segments), tip=tip)
        one = compare(
            drug, oral, ratio=ratio, parameters={"analgesia_hill": hill}, times=QUARTERS, responses="analgesia"
        )  # fmt: skip
        np.testing.assert_allclose(ds.analgesia.isel(run=k), by_hand(one.analgesia), rtol=1e-9)


def test_metrics_are_what_they_are_without():
    design = grid(ratio=[30, 300])
    how = HOW | {"metrics": ["auc", "cmax"], "sites": ["plasma", "cord"]}
    with_them = sweep("morphine", design, responses=True, **how)
    without = sweep("morphine", design, **how)
    assert not set(ALL) & set(without.data_vars)
    assert list(with_them.site.values) == list(without.site.values)
    for name in without.data_vars:
        np.testing.assert_allclose(with_them[name], without[name], rtol=1e-9)


def test_they_say_on_which_numbers_they_rest(tmp_path):
    how = HOW | {"responses": ["pain", "respiration"]}
    ds = sweep("morphine", grid(ratio=[300]), **how)
    stored = sweep("morphine", grid(ratio=[300]), store=tmp_path / "s.zarr", **how)
    one = compare(SPINE, ORAL, responses=["pain", "respiration"], times=[0, 1])
    for name in ("pain", "pain_reduction", "respiratory_depression", "respiratory_drive"):
        wanted = one[name].attrs | {"cell_methods": "time: mean"}
        assert ds[name].attrs == stored[name].attrs == wanted
    assert ds.pain_reduction.units == "percent"
    assert "analgesia_cord_ec50 (calibrated)" in ds.pain.rests_on


# --------------------------------------------------------------------------------- boxes and stores


@pytest.mark.parametrize(
    "more",
    [{}, {"subjects": 3}, {"subjects": 4, "quantiles": [0.1, 0.9]}, {"metrics": [], "times": [1.0, 24.0]}],
    ids=str,
)  # fmt: skip
def test_bit_for_bit_in_any_division(more, tmp_path):
    """Some runs fail by a number of a response: they and their neighbours are the same, too."""
    how = HOW | {"responses": True, **more}
    ends = {"ratio": (20, 300, "log"), "analgesia_hill": (0.5, 3), "pain_placebo": (0, 1.2)}
    design = latin_hypercube(34, seed=3, **ends)  # more than the kernel's lanes
    whole = sweep("morphine", design, runs_per_box=34, workers=1, **how)
    np.testing.assert_array_equal(whole.status > 0, design.columns["pain_placebo"] > 1)
    assert np.isnan(whole.analgesia.values[whole.status > 0]).all()
    assert np.isfinite(whole.analgesia.values[whole.status == 0]).all()
    for runs, workers in ((7, 2), (33, 1)):
        require_same(whole, sweep("morphine", design, runs_per_box=runs, workers=workers, **how))
    stored = sweep("morphine", design, store=tmp_path / "s.zarr", runs_per_box=9, **how)
    require_same(whole, stored)
    some = [3, 11, 33]
    subset = from_table({name: values[some] for name, values in design.columns.items()})
    require_same(whole.isel(run=some), sweep("morphine", subset, **how))


def test_parts_and_resumption(tmp_path):
    place, design = tmp_path / "s.zarr", grid(ratio=[30, 100, 300], analgesia_hill=[1.0, 2.0])
    how = HOW | {"responses": ["analgesia", "withdrawal"]}
    half = sweep("morphine", design, store=place, part=(1, 2), runs_per_box=2, **how)
    assert progress(place).done == 4
    assert int(np.isnan(half.analgesia).sum()) == 2 * 2
    whole = sweep("morphine", design, **how)
    require_same(whole, resume(place))
    with pytest.raises(InputError, match="another sweep, with another responses"):
        sweep("morphine", design, store=place, **how | {"responses": "analgesia"})


def test_workers_of_a_cluster(tmp_path):
    distributed = pytest.importorskip("distributed")
    design, how = grid(ratio=[30, 300], analgesia_hill=[1.0, 2.0]), HOW | {"responses": "analgesia"}
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        ds = sweep(
            "morphine", design, store=tmp_path / "s.zarr", client=client, runs_per_box=2, **how
        )
    require_same(sweep("morphine", design, **how), ds)


def test_a_store_from_before_there_were_responses_is_gone_on_with(tmp_path):
    place, design = tmp_path / "s.zarr", grid(ratio=[30, 300])
    sweep("morphine", design, store=place, part=(1, 2), runs_per_box=1, **HOW)
    file = place / "zarr.json"
    about = json.loads(file.read_text())
    record = json.loads(about["attributes"]["sweep"])
    assert record.pop("responses") == []
    about["attributes"]["sweep"] = json.dumps(record)
    file.write_text(json.dumps(about))
    sweep("morphine", design, store=place, **HOW)
    assert progress(place).done == 2


def test_the_hash_depends_on_their_numbers_where_they_are_asked_for(tmp_path):
    file = tmp_path / "own.toml"
    shutil.copy(SPINE.path, file)
    kinds = (None, "analgesia", ["analgesia", "pain"])

    def hashes():
        return [plan_of(file, grid(ratio=[30]), responses=kind, **HOW).hash for kind in kinds]

    before = hashes()
    text = file.read_text(encoding="utf-8")
    place = text.index("value", text.index("[responses.analgesia.hill]"))
    file.write_text(text[:place] + text[place:].replace('"', '"1', 1), encoding="utf-8")
    after = hashes()
    assert len({*before, *after}) == 5
    assert before[0] == after[0]


def test_results_are_counted_and_described():
    size = describe("morphine", grid(ratio=[30, 100, 300]), responses=True, subjects=2, **HOW)
    assert size.result_bytes == 3 * (2 * 2 * (1 + len(ALL)) * 8 + 8 + 1)


# --------------------------------------------------------------------------------------- refusals


def refused(drug="morphine", design=None, **what):
    design = grid(ratio=[30, 300]) if design is None else design
    with pytest.raises(InputError) as caught:
        plan_of(drug, design, **{**HOW, **what})
    return str(caught.value)


@pytest.mark.parametrize("responses", ["itching", ["analgesia", "nausea"], "analgesa", []])
def test_what_cannot_be_answered_is_refused_as_compare_refuses_it(responses, tmp_path, monkeypatch):
    with pytest.raises(InputError) as caught:
        compare("morphine", ORAL, responses=responses)
    monkeypatch.setattr("pkmodel.sweeps.computing.compare", None)
    place = tmp_path / "s.zarr"
    with pytest.raises(InputError) as own:
        sweep("morphine", grid(ratio=[30]), responses=responses, store=place, **HOW)
    assert str(own.value) == str(caught.value)
    assert not place.exists()


@pytest.mark.parametrize(
    ("design", "what", "parts"),
    [
        (grid(analgesia_hill=[1, 2]), {}, ['"analgesia_hill" is a number', 'write responses=["analgesia"]']),
        (None, {"settings": {"pain_placebo": 0.2}, "responses": "analgesia"}, ['response pain', 'responses=["pain"]']),
        (grid(analgesia_hil=[1, 2]), {"responses": "analgesia"}, ['mean "analgesia_hill"']),
        (grid(analgesia_hil=[1, 2]), {}, ['"analgesia_hil", which the model does not have']),
        (grid(analgesia_hill=["1 h", "2 h"]), {"responses": "analgesia"}, ["units of h; expected 1"]),
        (None, {"settings": {"analgesia_cord_ec50": "3 h"}, "responses": "analgesia"}, ["unit of a time"]),
        (None, {"settings": {"pain_placebo": "120 %"}, "responses": "pain"}, ["between 0 and 1"]),
        (grid(pain_placebo=[0, 1]), {"settings": {"pain_placebo": 1}, "responses": "pain"}, ["both set and swept"]),
        (grid(analgesia_hill=[0, 1]), {"responses": "analgesia"}, ["analgesia_hill is 0; expected more than 0"]),
        (None, {"settings": {"pain_baseline": 11}, "responses": "pain"}, ["expected a score from 0 to 10"]),
        (None, {"sites": "response_cord", "responses": "analgesia"}, ['unknown site "response_cord"']),
    ],
    ids=str,
)  # fmt: skip
def test_numbers_of_responses_that_are_wrong(design, what, parts):
    told = refused(design=design, **what)
    for part in parts:
        assert part in told


SCORES = {"spasticity_baseline": [2, 3], "spasticity_least": [1, 2]}


def test_scores_are_compared_where_they_meet():
    """In a table a highest score of 2 stands beside a least one of 1; in a grid beside 2, too."""
    arms = {"a": "20 mg oral q8h x 9", "b": "0.2 mg/day intrathecal pump for 3 d"}
    how = {"arms": arms, "segments": 3, "responses": "spasticity"}
    assert plan_of("baclofen", from_table(SCORES), **how)
    assert plan_of("baclofen", grid(clearance=[1, 2, 3], spasticity_baseline=[2, 3]), **how)
    with pytest.raises(InputError, match="spasticity_least is not below spasticity_baseline"):
        plan_of("baclofen", grid(clearance=[1, 2, 3], **SCORES), **how)


def test_names_are_those_of_the_responses_in_their_order():
    plan = plan_of("baclofen", grid(clearance=[5, 6]), responses=True, segments=3,
                   arms={"a": "20 mg oral q8h x 9", "b": "0.2 mg/day intrathecal pump for 3 d"})  # fmt: skip
    assert plan.responses == ("spasticity", "withdrawal")
    names = ["withdrawal", "analgesia", "withdrawal"]
    plan = plan_of("morphine", grid(ratio=[30]), responses=names, **HOW)
    assert plan.responses == ("analgesia", "withdrawal")
    assert plan.times == plan_of("morphine", grid(ratio=[30]), **HOW | {"metrics": "cmax"}).times


# ------------------------------------------------------------------------------- averages and names


@given(st.lists(st.floats(0.01, 100.0), min_size=1, max_size=20), st.floats(-3, 3), st.floats(0, 5))
def test_averages_of_lines_are_their_middle(steps, slope, start):
    """However the times lie; and only what rests on numbers of responses is averaged."""
    times = np.concatenate([[2.0], 2.0 + np.cumsum(steps)])
    about = {"rests_on": "x", "units": "percent"}
    line = xr.DataArray(start + slope * times, {"time": times}, attrs=about)
    found = averages(xr.Dataset({"pain": line, "concentration": line.drop_attrs()}))
    assert set(found) == {"pain"}
    middle = start + slope * (times[0] + times[-1]) / 2
    assert found["pain"].item() == pytest.approx(middle, abs=1e-9)
    assert found["pain"].attrs == about | {"cell_methods": "time: mean"}


@pytest.mark.parametrize("drug", Drug.names())
def test_numbers_of_files_are_known_by_their_names(drug):
    found = Drug.read(drug)
    for name in found.responses:
        response = name.partition("_")[0]
        assert response in RESPONSES and of_response(name)
        assert f"the response {response}, which" in unasked(name, "{}")
    assert not any(of_response(name) or unasked(name, "{}") for name in found.parameters)
