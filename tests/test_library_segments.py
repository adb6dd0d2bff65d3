"""The neuraxial model whose spine is a chain of segments: structure, closed forms, convergence, observations."""

import runpy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkmodel import Drug, library, population, simulate, steady_state
from pkmodel.drugs import reader
from pkmodel.errors import DrugError, ModelError
from pkmodel.library import SEGMENTED, Spine
from pkmodel.library.spine import CONUS, LEVELS, REGIONS, TOP, between, place

ROOT = Path(__file__).resolve().parent.parent
MORPHINE = Drug.read("morphine")
SITES = ("lumbar_csf", "thoracic_csf", "cervical_csf", "cisternal_csf")
CSF = ("lumbar_csf_", "thoracic_csf_", "cervical_csf_")
OFF = {"cord_exchange_rate": 0.0, "brain_exchange_rate": 0.0, "brain_csf_clearance": 0.0}
segment_counts = st.integers(3, 80)


def any_values(seed=1, groups=tuple(SEGMENTED)):
    """Any positive values: structure, not physiology."""
    names = [n for g in groups for n in SEGMENTED[g]]
    rng = np.random.default_rng(seed)
    return {n: float(v) for n, v in zip(names, rng.uniform(0.05, 0.45, len(names)), strict=True)}


def concentrations(model, amounts, parameters=None):
    """Concentration at every site of amounts [mg] in every state."""
    rows = model.output_terms(model.resolve(parameters))
    return {
        site: sum(w * amounts[i] for i, w in row)
        for site, row in zip(model.sites, rows, strict=True)
    }


# ---------------------------------------------------------------------------------------- places


def test_levels_stand_in_their_order():
    assert len(LEVELS) == 26 == sum(levels for levels, _ in REGIONS.values())
    order = [
        "S2",
        "L5-S1",
        "L5",
        "L4",
        "L3-L4",
        "L1-L2",
        "T12-L1",
        "T12",
        "T1",
        "C7-T1",
        "C7",
        "C1",
    ]
    places = [place(level) for level in order]
    assert places == sorted(places)
    assert place("T12-L1") == 7 and place("C7-T1") == 19 and place("L1-L2") == CONUS
    assert place("t10") == place("T10") == 9.5


@given(segment_counts)
def test_cells_fill_the_spine(n):
    spine = Spine(n)
    cells = spine.cells
    assert len(cells) == n == sum(spine.shares.values()) and min(spine.shares.values()) >= 1
    assert cells[0].low == 0 and cells[-1].high == TOP
    assert all(a.high == b.low for a, b in pairwise(cells))
    assert {c.high for c in cells} >= {7, 19, 26}
    for region, (_, length) in REGIONS.items():
        assert abs(spine.shares[region] - n * length / 60) < 1


@given(segment_counts, st.sampled_from(LEVELS), st.floats(0.1, 26))
def test_a_dose_is_shared_out_around_the_tip(n, level, spread):
    entered = Spine(n, tip=level, spread=spread).entered(level)
    assert sum(entered.values()) == pytest.approx(1, rel=1e-12)
    assert all(
        c.low < place(level) + spread / 2 and c.high > place(level) - spread / 2 for c in entered
    )


@given(segment_counts, st.sampled_from(LEVELS))
def test_interpolation_is_exact_for_a_line(n, level):
    cells = Spine(n).cells
    weights = between(cells, level)
    at = min(max(place(level), cells[0].middle), cells[-1].middle)
    assert sum(w * c.middle for c, w in weights.items()) == pytest.approx(at, rel=1e-12)
    assert all(w >= 0 for w in weights.values()) and sum(weights.values()) == pytest.approx(1)


def test_all_faults_of_a_spine_come_at_once():
    with pytest.raises(ModelError) as error:
        Spine(
            2,
            tip="L7",
            epidural="L1-L3",
            spread=0,
            sites=["csf L9", "brain T1", "cord L4", "csf T1", "csf T1"],
        )
    for part in ("segments is 2", 'tip is "L7"', "two neighbouring levels", "spread is 0", '"csf L9"', "'brain T1'",
                 "the cord ends at L1-L2", "stands twice", 'Write for example tip="T10"'):  # fmt: skip
        assert part in str(error.value)
    with pytest.raises(ModelError, match="segments is 10"):
        Spine(10.0)
    with pytest.raises(ModelError, match="tip is 3; expected a vertebral level"):
        Spine(tip=3)


# ------------------------------------------------------------------------------------- structure


@settings(max_examples=15, deadline=None)
@given(segment_counts, st.integers(0, 2**31), st.sampled_from(LEVELS))
def test_drug_leaves_from_plasma_and_as_metabolite_only(n, seed, tip):
    model = library.neuraxial(Spine(n, tip=tip), **any_values(seed))
    K = model.rate_matrix()
    assert (K[~np.eye(len(K), dtype=bool)] >= 0).all()
    leaves = {s: -x for s, x in zip(model.states, K.sum(axis=0), strict=True)}
    scale = {s: -x for s, x in zip(model.states, K.diagonal(), strict=True)}
    for state in set(model.states) - {"plasma", "m3g", "m6g"}:
        assert abs(leaves[state]) <= 1e-13 * scale[state], state
    v = model.resolve()
    rest = 1 - v["m3g_fraction"] - v["m6g_fraction"]
    assert leaves["plasma"] == pytest.approx(v["clearance"] * rest / v["volume"], rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(segment_counts, st.integers(0, 2**31))
def test_volumes_add_up(n, seed):
    model = library.neuraxial(Spine(n), **any_values(seed))
    v = model.resolve()
    volume = {s: float(v[name]) for s, name in model.volumes.items()}
    for region in REGIONS:
        found = sum(x for s, x in volume.items() if s.startswith(f"{region}_csf_"))
        assert found == pytest.approx(v[f"{region}_csf_volume"], rel=1e-12)
    head = sum(volume[s] for s in ("cisternal_csf", "subarachnoid_csf", "ventricular_csf"))
    assert head == pytest.approx(v["cranial_csf_volume"], rel=1e-12)
    cord = sum(x for s, x in volume.items() if "_cord_" in s)
    assert cord == pytest.approx(v["whole_cord_volume"], rel=1e-12)
    even = concentrations(model, [volume.get(s, 0.0) for s in model.states])
    masses = {s: v[f"{s}_mass_ratio"] for s in ("m3g", "m6g")}
    for site, level in even.items():
        assert level == pytest.approx(masses.get(site, 1.0), rel=1e-12), site


@settings(max_examples=15, deadline=None)
@given(segment_counts, st.integers(0, 2**31))
def test_csf_water_balances(n, seed):
    """CSF of one concentration everywhere stays so in the spine: what flows in flows out or is absorbed."""
    model = library.neuraxial(Spine(n), **any_values(seed) | OFF | {"csf_loss_rate": 0.0})
    v = model.resolve()
    amounts = [float(v[model.volumes[s]]) if "_csf" in s else 0.0 for s in model.states]
    K = model.rate_matrix()
    change = dict(zip(model.states, K @ amounts, strict=True))
    for state in model.states:
        if state.startswith((*CSF, "cisternal")):
            assert abs(change[state]) < 1e-12 * abs(K).max(), state
    spinal = v["csf_production"] * v["spinal_outflow_fraction"]
    assert sum(change.values()) == pytest.approx(0, abs=1e-10)
    assert change["ventricular_csf"] == pytest.approx(-v["csf_production"], rel=1e-9)
    top = next(c.csf for c in reversed(Spine(n).cells))
    assert v[f"{top}_down"] - v[f"{top}_up"] == pytest.approx(spinal, rel=1e-9)


def test_exchange_is_harmonic_and_fitted_to_the_flow():
    model = library.neuraxial(Spine(30), **any_values())
    v = model.resolve()
    half = {r: v[f"{r}_dispersion_time"] / (2 * n * v[f"{r}_csf_volume"] * v["csf_pulsation"] ** 2)
            for r, n in Spine(30).shares.items()}  # fmt: skip
    for box, resistance in {
        "lumbar_csf_3": 2 * half["lumbar"],
        "lumbar_csf_9": half["lumbar"] + half["thoracic"],
        "thoracic_csf_14": half["thoracic"] + half["cervical"],
    }.items():
        up, down = v[f"{box}_up"], v[f"{box}_down"]
        assert np.log(down / up) == pytest.approx((down - up) * resistance, rel=1e-9), box
    still = model.resolve({"csf_production": 0.0})
    assert still["lumbar_csf_9_up"] == still["lumbar_csf_9_down"]
    assert still["lumbar_csf_9_up"] == pytest.approx(
        1 / (half["lumbar"] + half["thoracic"]), rel=1e-12
    )


def test_rests_at_its_ratios_without_bulk_flow():
    still = {"csf_production": 0.0, "brain_csf_clearance": 0.0, "cord_exchange_rate": 0.0}
    values = any_values(groups=("required", "deep")) | still
    model = library.neuraxial(Spine(12), **values)
    entered = np.eye(len(model.states))[model.states.index("plasma")]
    found = concentrations(model, np.linalg.solve(-model.rate_matrix(), entered))
    for site, level in found.items():
        if site != "plasma":
            ratio = values["csf_plasma_ratio" if site.endswith("_csf") else "brain_plasma_ratio"]
            assert level / found["plasma"] == pytest.approx(ratio, rel=1e-9), site


def test_groups_may_be_left_out():
    small = library.neuraxial(Spine(10), **any_values(groups=("required",)))
    assert {"gut", "deep_peripheral", "epidural_fat", "m6g"}.isdisjoint(small.states)
    assert {i.route for i in small.inputs} == {"iv", "epidural", "intrathecal"}
    values = any_values(groups=("required", "metabolites"))
    assert "m6g_gut" not in library.neuraxial(Spine(10), **values).states
    del values["m6g_volume"], values["csf_pulsation"]
    with pytest.raises(ModelError) as error:
        library.neuraxial(Spine(10), **values, cord_volume=1)
    for part in ('needs "m6g_volume"', 'needs "csf_pulsation"', 'unknown parameter "cord_volume"'):
        assert part in str(error.value)


def test_fractions_that_exceed_the_whole_are_refused():
    above = {"ventricular_csf_fraction": [0.44, 0.9], "m3g_fraction": [0.57, 0.95]}
    ds = simulate(MORPHINE.segmented(6), "1 mg iv bolus", [1], above)
    np.testing.assert_array_equal(ds.status == 0, np.array([[True, False], [False, False]]))


# --------------------------------------------------------------------- closed forms, convergence


def test_steady_profile_of_a_uniform_canal():
    """Dispersion and loss in a canal closed at both ends: cosh on either side of the source."""
    volume = {f"{r}_csf_volume": levels / 1000 for r, (levels, _) in REGIONS.items()}
    hours = {
        f"{r}_dispersion_time": levels**2 / 8.0 for r, (levels, _) in REGIONS.items()
    }  # D: 8 levels2/h
    plain = {**OFF, **volume, **hours, "csf_pulsation": 1.0, "csf_production": 0.0, "csf_loss_rate": 0.5,
             "csf_plasma_ratio": 0.0, "cranial_csf_volume": 1e-9, "cranial_mixing": 0.0}  # fmt: skip
    sites = ["csf L5", "csf L1", "csf T10", "csf T2", "csf C4"]
    model = MORPHINE.segmented(120, tip="T6", spread=0.2, sites=sites).model()
    found = steady_state(model, "1 mg/day intrathecal pump", [24], plain).concentration[:, 0]
    fall = (0.5 / 8.0) ** 0.5
    source, below, above = place("T6"), ["csf L5", "csf L1", "csf T10"], ["csf T2", "csf C4"]
    for group, end in ((below, 0.0), (above, TOP)):
        shape = [
            np.cosh(fall * abs(place(s.split()[1]) - end)) / np.cosh(fall * abs(source - end))
            for s in group
        ]
        peak = (1 / 24) / (0.008 * fall * (np.tanh(fall * source) + np.tanh(fall * (TOP - source))))
        np.testing.assert_allclose(found.sel(site=group), peak * np.array(shape), rtol=2e-3)


def exposures(drug, sites):
    """Time integral of the concentration at some sites after one intrathecal mg."""
    model = drug.model()
    values, entered = model.resolve(), np.zeros(len(model.states))
    for i in model.inputs_of("intrathecal"):
        entered[model.states.index(i.compartment)] = values[i.bioavailability]
    found = concentrations(model, np.linalg.solve(-model.rate_matrix(), entered))
    return np.array([found[s] for s in sites])


def test_second_order_in_the_length_of_segments():
    coarse, middle, fine = (
        exposures(MORPHINE.segmented(n, tip="L4", spread=7.0), SITES) for n in (30, 60, 120)
    )
    order = np.log2(np.abs(coarse - middle) / np.abs(middle - fine))
    assert ((order > 1.7) & (order < 2.3)).all(), order


@pytest.mark.parametrize(("n", "limit"), [(10, 0.1), (20, 0.02), (30, 0.02), (60, 0.005)])
def test_few_segments_are_near_many(n, limit):
    few, many = (exposures(MORPHINE.segmented(k), [*SITES, "cord", "brain"]) for k in (n, 240))
    np.testing.assert_allclose(few, many, rtol=limit)


# -------------------------------------------------------------------------------- drug and model


@pytest.mark.parametrize("name", Drug.names())
def test_every_drug_has_its_fine_model(name):
    drug = Drug.read(name)
    fine = drug.segmented()
    model = fine.model()
    assert set(fine.parameters) == set(model.defaults)
    assert set(drug.model().sites) <= set(model.sites)
    assert {i.route for i in model.inputs} == {i.route for i in drug.model().inputs}
    assert set(fine.sources_used()) >= {s for p in fine.parameters.values() for s in p.source}
    ds = simulate(
        fine,
        "2 ug intrathecal bolus" if name == "ziconotide" else "50 ug intrathecal bolus",
        [0, 6, 24],
    )
    assert int(ds.status) == 0 and ds.attrs["drug_version"] == fine.version
    assert float(ds.concentration.min()) >= 0


@pytest.mark.parametrize("file", sorted(p.name for p in reader.HOME.glob("*.toml")))
def test_numbers_of_the_fine_model_have_spread_and_population(file):
    for name, table in reader.load(reader.HOME / file).get("segmented", {}).items():
        assert isinstance(table["value"], str) and "cv" in table and table["population"], name
        assert not table["cv"] or table["cv_confidence"], name


def test_calibrated_and_derived_numbers_follow_from_their_formulas():
    value = {n: p.value for n, p in MORPHINE.segmented_parameters.items()}
    formation = 0.24 * 0.10 * 0.71 / 0.29 / 0.76
    expected = {
        "lumbar_dispersion_time": REGIONS["lumbar"][1] ** 2 / 0.0079 / 3600,
        "thoracic_dispersion_time": REGIONS["thoracic"][1] ** 2 / 0.059 / 3600,
        "cervical_dispersion_time": REGIONS["cervical"][1] ** 2 / 0.059 / 3600,
        "ventricular_csf_fraction": 25 / 57,
        "cisternal_csf_fraction": 10 / 57,
        "m3g_first_pass_fraction": formation * 5.7,
        "m6g_first_pass_fraction": formation,
        "m6g_volume": 0.098 * 227 / np.log(2),
        "m6g_mass_ratio": 461.46 / 285.34,
    }
    for name, number in expected.items():
        assert value[name] == pytest.approx(number, rel=0.03), name


def test_first_pass_makes_most_of_the_oral_m6g():
    fine = MORPHINE.segmented(6)
    model = fine.model()
    K, index = model.rate_matrix(), model.states.index
    values = model.resolve()

    def total(route):
        entered = np.zeros(len(K))
        for i in model.inputs_of(route):
            entered[index(i.entry)] = values.get(i.bioavailability, i.bioavailability)
        assert entered.sum() <= 1
        return (
            values["m6g_clearance"]
            / values["m6g_volume"]
            * np.linalg.solve(-K, entered)[index("m6g")]
        )

    F = fine.parameters["oral_bioavailability"].value
    assert total("iv") == pytest.approx(0.10, rel=1e-9)
    assert 1 - F * total("iv") / total("oral") == pytest.approx(0.71, abs=0.005)
    ratio = values["clearance"] / values["m6g_clearance"] * total("oral") / F
    assert 3.6 < ratio < 11  # molar AUC of M6G over morphine: two assays


def test_division_is_named_and_can_be_chosen_again():
    fine = MORPHINE.segmented(12, tip="T10", sites="csf T10")
    assert fine.version == "1.0+12 segments, tip T10, epidural L3-L4, spread 2"
    assert fine.segmented().version == MORPHINE.segmented().version
    one = MORPHINE.variant("westerling_1993").segmented(12)
    other = MORPHINE.segmented(12).variant("westerling_1993")
    assert one.parameters == other.parameters and one.version != other.version
    assert one.parameters["oral_bioavailability"].text == "21.6 %"


def test_posture_moves_the_lumbar_sac():
    volumes = [
        MORPHINE.segmented(9).variant(v).parameters["lumbar_csf_volume"].value
        for v in ("head_up", "legs_up")
    ]
    np.testing.assert_allclose(volumes, [35.8e-3 * 38.1 / 34.4, 35.8e-3 * 28.7 / 34.4], rtol=2e-3)


def test_drug_spreads_faster_with_stronger_pulsation():
    fine = MORPHINE.segmented(15, sites=["csf C7-T1"])
    ds = simulate(
        fine, "0.3 mg intrathecal bolus", np.arange(0, 24, 0.1), {"csf_pulsation": [0.7, 1.0, 1.4]}
    )
    peaks = ds.time[ds.concentration.sel(site="csf C7-T1").argmax("time")]
    assert (np.diff(peaks) < 0).all()
    drawn = population.draw(fine.model(), 5, seed=1)
    assert {"csf_pulsation", "lumbar_dispersion_time", "whole_cord_volume"} <= set(drawn)


def test_concentration_is_highest_at_the_tip():
    levels = ["L3-L4", "T12-L1", "T9-T10", "T4-T5", "C7-T1"]
    for tip in levels:
        fine = MORPHINE.segmented(60, tip=tip, sites=[f"csf {level}" for level in levels])
        pump = steady_state(fine, "0.4 mg/day intrathecal pump", [24]).concentration[:, 0]
        assert str(pump.site[int(pump.argmax("site"))].values) == f"csf {tip}"


def test_epidural_fat_holds_drug_back():
    rates = {"epidural_fat_uptake_rate": 1.0, "epidural_fat_release_rate": 0.2}
    values = {n: p.value for n, p in MORPHINE.segmented_parameters.items()}
    lean, fat = (library.neuraxial(Spine(10), **values, **more) for more in ({}, rates))
    late = [
        simulate(m, "6 mg epidural bolus", [24]).concentration.sel(site="lumbar_csf").item()
        for m in (lean, fat)
    ]
    assert late[1] > 2 * late[0]
    assert "epidural_fat" not in MORPHINE.segmented().model().states


def test_a_file_may_calibrate_the_fine_model(tmp_path):
    text = (reader.HOME / "morphine.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(
        text.replace("[segmented.csf_loss_rate]", "[segmented.csf_lost_rate]"), encoding="utf-8"
    )
    with pytest.raises(
        DrugError,
        match=r"segmented.csf_lost_rate: unknown parameter \(did you mean \"csf_loss_rate",
    ):
        Drug.read(path)
    path.write_text(
        text.replace("[segmented.m6g_volume]", "[segmented.whole_cord_volume]"), encoding="utf-8"
    )
    with pytest.raises(DrugError, match=r"segmented\.m6g_volume: missing"):
        Drug.read(path)
    assert MORPHINE.segmented_parameters["csf_loss_rate"] != MORPHINE.parameters["csf_loss_rate"]


# --------------------------------------------- observations (docs/neuraxial.md has the whole table)

HOURS = np.arange(0, 6.001, 1 / 60)


def curve(site, order, parameters=None, drug=MORPHINE, **places):
    """Concentration [ng/mL] at a level over HOURS after an order."""
    fine = drug.segmented(sites=[f"csf {site}"], **places)
    return (
        1000
        * simulate(fine, order, HOURS, parameters, amounts=False)
        .concentration.sel(site=f"csf {site}")
        .values
    )


def test_the_files_hold_what_the_calibration_finds(capsys):
    found = runpy.run_path(str(ROOT / "examples" / "calibrate_neuraxial.py"))
    lumbar, upper, morphine, _ = np.exp(found["found"].x)
    expected = {**found["dispersion_times"](lumbar, upper), "csf_loss_rate": morphine}
    for name, value in expected.items():
        assert MORPHINE.segmented_parameters[name].value == pytest.approx(value, rel=0.01), name
    assert "not fitted" in capsys.readouterr().out


def test_calibration_lumbar_bolus():
    csf = curve("L3-L4", "0.3 mg intrathecal bolus")
    late = HOURS >= 1
    half_life = -60 * np.log(2) / np.polyfit(HOURS[late], np.log(csf[late]), 1)[0]
    assert half_life == pytest.approx(89.8, rel=0.2)
    assert csf[-1] == pytest.approx(218, rel=0.6)


@pytest.mark.parametrize(("loss", "low", "high"), [(None, 40, 75), (1.18, 25, 60)])
def test_calibration_upper_needle(loss, low, high):
    csf = curve("L1-L2", "0.05 mg intrathecal bolus", loss and {"csf_loss_rate": loss}, tip="L5-S1")
    assert low < 60 * HOURS[csf.argmax()] < high


def test_calibration_neck_after_an_epidural_dose():
    csf = curve("C7-T1", "10 mg epidural bolus", epidural="L2-L3")
    assert 2 < HOURS[csf.argmax()] < 4
    assert csf[60] < csf.max() / 2
    assert csf.max() == pytest.approx(300, rel=0.3)


def test_calibration_gradient_of_an_inert_tracer():
    inert = OFF | {"csf_plasma_ratio": 0.0, "csf_loss_rate": np.log(2) / 6}
    fine = MORPHINE.segmented(sites=["csf T2", "csf T12"])
    ds = simulate(fine.model(), "1 mg/day intrathecal pump for 72 h", [71.9], inert)
    ratio = ds.concentration.sel(site="csf T2") / ds.concentration.sel(site="csf T12")
    assert 0.25 < ratio.item() < 0.60


@pytest.mark.parametrize(("dose", "observed"), [(0.25, 4228), (0.5, 10447)])
def test_prediction_one_hour_after_a_bolus(dose, observed):
    csf = curve("L3-L4", f"{dose} mg intrathecal bolus")
    assert observed / 2 < csf[60] < observed * 2


def test_prediction_baclofen_gradient():
    fine = Drug.read("baclofen").segmented(tip="T10", sites=["csf L3-L4"])
    pump = steady_state(fine, "0.4 mg/day intrathecal pump", [24]).concentration[:, 0]
    assert 1.8 < float(pump.sel(site="csf L3-L4") / pump.sel(site="cisternal_csf")) < 8.7
