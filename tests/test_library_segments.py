"""The neuraxial model: structure, closed forms, convergence, laws, and the studies it is calibrated on."""

import runpy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkmodel import Drug, library, population, simulate, steady_state
from pkmodel.errors import ModelError
from pkmodel.library import NEURAXIAL, Spine
from pkmodel.library.spine import CONUS, LEVELS, REGIONS, TOP, between, level_name, place

ROOT = Path(__file__).resolve().parent.parent
MORPHINE = Drug.read("morphine")
SITES = ("lumbar_csf", "thoracic_csf", "cervical_csf", "cisternal_csf")
CSF = ("lumbar_csf_", "thoracic_csf_", "cervical_csf_")
METABOLITES = ("m3g", "m6g")
OFF = {"cord_exchange_rate": 0.0, "brain_exchange_rate": 0.0, "brain_csf_clearance": 0.0}
segment_counts = st.integers(3, 80)


def any_values(seed=1, groups=tuple(NEURAXIAL)):
    """Any positive values: structure, not physiology."""
    names = [n for g in groups for n in NEURAXIAL[g]]
    rng = np.random.default_rng(seed)
    return {n: float(v) for n, v in zip(names, rng.uniform(0.05, 0.45, len(names)), strict=True)}


def concentrations(model, amounts, parameters=None):
    """Concentration at every site of amounts [mg] in every state."""
    rows = model.output_terms(model.resolve(parameters))
    return {
        site: sum(w * amounts[i] for i, w in row)
        for site, row in zip(model.sites, rows, strict=True)
    }


def dosed(model, route):
    """Amounts [mg] that one mg by a route brings into every state."""
    values, amounts = model.resolve(), np.zeros(len(model.states))
    for i in model.inputs_of(route):
        amounts[model.states.index(i.entry)] += values.get(i.bioavailability, i.bioavailability)
    return amounts


def exposures(model, route="intrathecal"):
    """Time integral of the concentration at every site after one mg."""
    return concentrations(model, np.linalg.solve(-model.rate_matrix(), dosed(model, route)))


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
    assert level_name("t10") == "T10" and level_name("l4-L3") == "L3-L4"
    assert Spine(tip="l4-L3") == Spine(tip="L3-L4")


def test_c8_is_a_root_and_no_vertebra():
    assert "C8" not in LEVELS
    with pytest.raises(ModelError, match='tip is "C8"; expected a level, C1 to C7'):
        Spine(tip="C8")


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
    for state in set(model.states) - {"plasma", *METABOLITES}:
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
    masses = {s: v[f"{m}_mass_ratio"] for m in METABOLITES for s in (m, f"{m}_csf")}
    for site, level in even.items():
        assert level == pytest.approx(masses.get(site, 1.0), rel=1e-12), site


@settings(max_examples=15, deadline=None)
@given(segment_counts, st.integers(0, 2**31))
def test_csf_water_balances(n, seed):
    """CSF of one concentration everywhere stays so in the spine: what flows in flows out or is absorbed."""
    model = library.neuraxial(Spine(n), **any_values(seed) | OFF | {"csf_loss_rate": 0.0})
    v = model.resolve()
    csf = {s for s in model.states if "_csf" in s and not s.startswith(METABOLITES)}
    amounts = [float(v[model.volumes[s]]) if s in csf else 0.0 for s in model.states]
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


@settings(max_examples=15, deadline=None)
@given(segment_counts, st.sampled_from(LEVELS), st.sampled_from(["intrathecal", "iv", "epidural"]))
def test_routes_bring_what_they_should(n, tip, route):
    model = library.neuraxial(Spine(n, tip=tip), **any_values())
    amounts = dosed(model, route)
    wanted = any_values()["intrathecal_bioavailability"] if route == "intrathecal" else 1.0
    assert amounts.sum() == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_array_equal(dosed(model, f"intrathecal {tip}"), dosed(model, "intrathecal"))
    with pytest.raises(ModelError, match=f"no input .*; its routes: .*intrathecal {tip};"):
        model.inputs_of("intrathecal T2" if tip != "T2" else "intrathecal T3")


def test_groups_may_be_left_out():
    small = library.neuraxial(Spine(10), **any_values(groups=("required",)))
    optional = {"gut", "deep_peripheral", "epidural_fat", "dura", "m6g", "m6g_csf"}
    assert optional.isdisjoint(small.states)
    assert {i.route for i in small.inputs} == {"iv", "epidural", "intrathecal", "intrathecal L3-L4"}
    values = any_values(groups=("required", "metabolites"))
    assert "m6g_gut" not in library.neuraxial(Spine(10), **values).states
    del values["m6g_volume"], values["csf_pulsation"]
    with pytest.raises(ModelError) as error:
        library.neuraxial(Spine(10), **values, cord_volume=1, brain_volumes=1)
    for part in ('needs "m6g_volume"', 'needs "csf_pulsation"', 'unknown parameter "cord_volume"',
                 'did you mean "brain_volume"'):  # fmt: skip
        assert part in str(error.value)


# ------------------------------------------------------------------------------- dura, metabolites

WITHOUT_DURA = tuple(g for g in NEURAXIAL if g != "dura")


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31))
def test_a_dura_that_lets_through_at_once_is_none(seed):
    plain = any_values(seed, WITHOUT_DURA)
    thin = library.neuraxial(Spine(4), **plain, dura_transfer_rate=1e7)
    none = library.neuraxial(Spine(4), **plain)
    hours = np.linspace(0.5, 24, 20)
    ours, theirs = (simulate(m, "1 mg epidural bolus", hours).concentration for m in (thin, none))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.3, 20), st.floats(1.2, 5))
def test_dura_delays_csf_and_takes_nothing(rate, slower):
    model = MORPHINE.segmented(6).model()
    hours = np.arange(0, 12, 0.01)
    rates = {"dura_transfer_rate": [rate, rate / slower]}
    ds = simulate(model, "3 mg epidural bolus", [*hours, 3000.0], rates, auc=True, amounts=False)
    csf = ds.concentration.sel(site="lumbar_csf")
    peaks = hours[csf.isel(time=slice(0, -1)).argmax("time")]
    assert peaks[0] < peaks[1] and csf[0].max() > csf[1].max()
    total = ds.auc.isel(time=-1)
    np.testing.assert_allclose(*total.transpose("dura_transfer_rate", ...).values, rtol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(["oral", "iv", "epidural", "intrathecal"]))
def test_what_is_not_eliminated_is_there(seed, route):
    """Dose = amounts in all compartments + clearances times AUC, at any time."""
    model = library.neuraxial(Spine(3), **any_values(seed) | {"oral_lag": 0.0})
    v = model.resolve()
    kind = "" if route == "oral" else " bolus"
    ds = simulate(model, f"1 mg {route}{kind}", [0.5, 5.0, 50.0], auc=True)
    out = v["clearance"] * v["other_clearance_fraction"] * ds.auc.sel(site="plasma")
    for m in METABOLITES:
        out = out + v[f"{m}_clearance"] * ds.auc.sel(site=m) / v[f"{m}_mass_ratio"]
    np.testing.assert_allclose(
        ds.amount.sum("compartment") + out, dosed(model, route).sum(), rtol=1e-9
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(METABOLITES))
def test_metabolites_in_csf_follow_those_in_blood(seed, name):
    """They come to rest at the ratio, with any bulk flow, and below it as long as blood rises."""
    model = library.neuraxial(Spine(3), **any_values(seed))
    ratio = model.resolve()[f"{name}_csf_plasma_ratio"]
    rest = steady_state(model, "1 mg/h iv infusion", [24]).concentration[:, 0]
    assert rest.sel(site=f"{name}_csf") / rest.sel(site=name) == pytest.approx(ratio, rel=1e-9)
    rising = simulate(model, "1 mg/h iv infusion", np.linspace(0.1, 60, 50)).concentration
    csf, blood = rising.sel(site=f"{name}_csf"), rising.sel(site=name)
    assert (csf <= ratio * blood * (1 + 1e-9)).all() and (csf < blood).all()
    after = exposures(model)
    assert after[f"{name}_csf"] / after[name] == pytest.approx(ratio, rel=1e-9)


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


def means(drug, sites):
    found = exposures(drug.model())
    return np.array([found[s] for s in sites])


def test_second_order_in_the_length_of_segments():
    coarse, middle, fine = (
        means(MORPHINE.segmented(n, tip="L4", spread=7.0), SITES) for n in (30, 60, 120)
    )
    order = np.log2(np.abs(coarse - middle) / np.abs(middle - fine))
    assert ((order > 1.7) & (order < 2.3)).all(), order


@pytest.mark.parametrize(("n", "limit"), [(10, 0.15), (20, 0.02), (30, 0.02), (60, 0.005)])
def test_few_segments_are_near_many(n, limit):
    few, many = (means(MORPHINE.segmented(k), [*SITES, "cord", "brain"]) for k in (n, 240))
    np.testing.assert_allclose(few, many, rtol=limit)


# -------------------------------------------------------------------------------- drug and model


@pytest.mark.parametrize("name", Drug.names())
def test_every_drug_in_few_segments_and_in_many(name):
    drug = Drug.read(name)
    dose = "2 ug" if name == "ziconotide" else "50 ug"
    few, many = drug.segmented(3), drug
    assert set(few.model().sites) == set(many.model().sites)
    assert {i.route for i in few.model().inputs} == {i.route for i in many.model().inputs}
    for one in (few, many):
        ds = simulate(one, f"{dose} intrathecal bolus", [0, 6, 24])
        assert int(ds.status) == 0 and ds.attrs["drug_version"] == one.version
        assert float(ds.concentration.min()) >= 0


def test_first_pass_makes_most_of_the_oral_m6g():
    fine = MORPHINE.segmented(6)
    model = fine.model()
    K, values = model.rate_matrix(), model.resolve()
    index = model.states.index("m6g")

    def total(route):
        entered = dosed(model, route)
        assert entered.sum() <= 1
        rate = values["m6g_clearance"] / values["m6g_volume"]
        return rate * np.linalg.solve(-K, entered)[index]

    F = fine.parameters["oral_bioavailability"].value
    assert total("iv") == pytest.approx(0.10, rel=1e-9)
    assert 1 - F * total("iv") / total("oral") == pytest.approx(0.71, abs=0.005)
    ratio = values["clearance"] / values["m6g_clearance"] * total("oral") / F
    assert 3.6 < ratio < 11  # molar AUC of M6G over morphine: two assays


def test_division_is_named_and_can_be_chosen_again():
    assert MORPHINE.spine == Spine() == Spine(30, "L3-L4", "L3-L4", 2.0)
    assert str(Spine()) == "30 segments, tip L3-L4, epidural L3-L4, spread 2"
    assert MORPHINE.version == MORPHINE.segmented().version == "1.0"
    few = MORPHINE.segmented(3)
    assert few.version == "1.0+3 segments, tip L3-L4, epidural L3-L4, spread 2"
    assert few.parameters == MORPHINE.parameters
    assert [s for s in few.model().states if s.startswith(CSF)] == [f"{c}1" for c in CSF]
    fine = few.segmented(12, tip="T10", sites="csf T10")
    assert fine.version == "1.0+12 segments, tip T10, epidural L3-L4, spread 2"
    assert fine.segmented().version == MORPHINE.version
    one = MORPHINE.variant("westerling_1993").segmented(12)
    other = MORPHINE.segmented(12).variant("westerling_1993")
    assert one.parameters == other.parameters and one.version != other.version
    assert one.parameters["oral_bioavailability"].text == "21.6 %"


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
        fine = MORPHINE.segmented(30, tip=tip, sites=[f"csf {level}" for level in levels])
        pump = steady_state(fine, "0.4 mg/day intrathecal pump", [24]).concentration[:, 0]
        assert str(pump.site[int(pump.argmax("site"))].values) == f"csf {tip}"


def test_epidural_fat_holds_drug_back():
    fat = NEURAXIAL["epidural fat"]
    values = {n: p.value for n, p in MORPHINE.parameters.items() if n not in fat}
    rates = dict(zip(fat, (1.0, 0.2), strict=True))
    lean, fatty = (library.neuraxial(Spine(10), **values, **more) for more in ({}, rates))
    late = [
        simulate(m, "6 mg epidural bolus", [24]).concentration.sel(site="lumbar_csf").item()
        for m in (lean, fatty)
    ]
    assert late[1] > 2 * late[0]
    assert "epidural_fat" not in lean.states


# ------------------------------------------------------------------------------------------- laws


@pytest.mark.parametrize("name", Drug.names())
def test_ladder_of_routes(name):
    """What of a dose reaches lumbar CSF, by exposure: all, some per cent, next to nothing."""
    model = Drug.read(name).segmented(12).model()
    whole, epidural, blood = (exposures(model, r) for r in ("intrathecal", "epidural", "iv"))
    little = 1e-3 if name == "clonidine" else 5e-4  # half of what is in plasma is in CSF at rest
    assert blood["lumbar_csf"] < little * whole["lumbar_csf"]
    assert 0.01 <= epidural["lumbar_csf"] / whole["lumbar_csf"] < 0.05
    for found in (whole, epidural, blood):
        assert found["plasma"] == pytest.approx(whole["plasma"], rel=1e-9)


def last_slope(model, order, site, start, end, parameters=None):
    """Slope of the logarithm [1/h] of a concentration, late."""
    hours = np.linspace(start, end, 50)
    found = simulate(model, order, hours, parameters, amounts=False).concentration.sel(site=site)
    return np.polyfit(hours, np.log(found), 1)[0]


def test_plasma_follows_csf_where_that_is_slower():
    """Flip-flop: ziconotide leaves CSF more slowly than plasma, and the brain, here shut, more slowly still."""
    model = Drug.read("ziconotide").segmented(6).model()
    shut = {"brain_csf_clearance": 0.0}
    spinal, csf = (
        last_slope(model, "1 ug intrathecal bolus", site, 60, 90, shut)
        for site in ("plasma", "lumbar_csf")
    )
    blood = last_slope(model, "1 ug iv bolus", "plasma", 4, 8, shut)
    assert spinal == pytest.approx(csf, rel=0.01)
    assert abs(spinal) < abs(blood) / 2
    assert last_slope(model, "1 ug intrathecal bolus", "plasma", 150, 200) > spinal


def test_drug_climbs_after_an_epidural_dose():
    levels = ["csf L1-L2", "csf T10", "csf T5", "csf C7-T1"]
    drug = MORPHINE.segmented(15, epidural="L2-L3", sites=levels)
    hours = np.arange(0, 8, 0.02)
    found = simulate(drug, "6 mg epidural bolus", hours, amounts=False).concentration
    peaks = hours[found.sel(site=levels).argmax("time")]
    assert (np.diff(peaks) > 0).all() and 1.9 < peaks[-1] < 4
    assert (np.diff(found.sel(site=levels).max("time")) < 0).all()


def test_fentanyl_leaves_csf_before_morphine():
    left = []
    for name in ("morphine", "fentanyl"):
        ds = simulate(Drug.read(name).segmented(6), "50 ug intrathecal bolus", [1.0, 2.0, 4.0])
        inside = [s for s in ds.compartment.values if "_csf" in s and not s.startswith(METABOLITES)]
        left.append(ds.amount.sel(compartment=inside).sum("compartment").values)
    morphine, fentanyl = left
    assert (np.diff(morphine / fentanyl) > 0).all() and (morphine > 1.5 * fentanyl).all()


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
    names = runpy.run_path(str(ROOT / "examples" / "calibrate_neuraxial.py"))
    values = np.exp(names["found"].x)
    fitted = dict(zip(names["FITTED"][2:], values[2:], strict=True))
    written = {
        "loss, morphine [1/h]": "csf_loss_rate",
        "loss, epidural [1/h]": "epidural_loss_rate",
        "uptake, fat [1/h]": "epidural_fat_uptake_rate",
        "epidural, part in CSF": "epidural_csf_fraction",
    }
    fentanyl = Drug.read("fentanyl").parameters["csf_loss_rate"].value
    assert fentanyl == pytest.approx(fitted.pop("loss, fentanyl [1/h]"), rel=0.02)
    expected = names["dispersion_times"](*values[:2])
    expected |= {written[label]: value for label, value in fitted.items()}
    for name, value in expected.items():
        assert MORPHINE.parameters[name].value == pytest.approx(value, rel=0.02), name
    assert (abs(names["misfits"](names["found"].x)) < 2).all()  # standard errors
    assert "not fitted" in capsys.readouterr().out


def test_calibration_lumbar_bolus():
    csf = curve("L3-L4", "0.3 mg intrathecal bolus")
    late = HOURS >= 1
    half_life = -60 * np.log(2) / np.polyfit(HOURS[late], np.log(csf[late]), 1)[0]
    assert half_life == pytest.approx(89.8, rel=0.2)
    assert 218 / 2 < csf[-1] < 2 * 218


@pytest.mark.parametrize(("loss", "low", "high"), [(None, 40, 75), (1.18, 25, 60)])
def test_calibration_upper_needle(loss, low, high):
    csf = curve("L1-L2", "0.05 mg intrathecal bolus", loss and {"csf_loss_rate": loss}, tip="L5-S1")
    assert low < 60 * HOURS[csf.argmax()] < high


def test_calibration_neck_after_an_epidural_dose():
    csf = curve("C7-T1", "10 mg epidural bolus", epidural="L2-L3")
    assert 2 <= HOURS[csf.argmax()] < 4
    assert 300 / 2 < csf[60] < 2 * 300
    assert csf[60] < 0.7 * csf.max()


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
