"""Responses of drugs: what stands beside concentrations, and whether it is what the numbers say."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from pkmodel import Drug, EventTable, citation, compare, nca, simulate
from pkmodel.drugs.effects import RESPONSES
from pkmodel.errors import DrugError, InputError, ParameterError
from pkmodel.library import one_compartment
from pkmodel.responses import asked, equations
from pkmodel.variables import VARIABLES, attributes

ORAL = "60 mg oral q12h x 28"
MORPHINE = Drug.read("morphine")
HOURS = np.arange(0, 36.01, 0.1)


def number(name, drug=MORPHINE):
    return drug.responses[name].value


def peak(array):
    return float(array.time[int(np.argmax(array.values))])


# ------------------------------------------------------------------------------- beside the concentrations


def test_a_comparison_is_the_same_with_and_without():
    plain, full = (compare("morphine", ORAL, ratio=300, responses=r) for r in (None, True))
    assert set(full.data_vars) - set(plain.data_vars) == {
        "analgesia", "analgesia_drive", "pain", "pain_reduction", "respiratory_depression",
        "respiratory_drive", "constipation", "tolerance", "withdrawal",
    }  # fmt: skip
    for name in plain.data_vars:
        assert full[name].dims == plain[name].dims
        np.testing.assert_allclose(full[name], plain[name], rtol=1e-10, atol=1e-14)
    for name in plain.coords:
        np.testing.assert_array_equal(full[name], plain[name])


def test_only_what_is_asked_for():
    ds = compare(
        "morphine", ORAL, responses=["respiration", "analgesia"], sites="plasma", amounts=False
    )
    assert set(ds.data_vars) == {
        "concentration", "auc", "status", "analgesia", "analgesia_drive", "respiratory_depression",
        "respiratory_drive",
    }  # fmt: skip
    assert list(ds.site.values) == ["plasma"]
    every = compare("morphine", ORAL, responses=True)
    np.testing.assert_allclose(ds.respiratory_depression, every.respiratory_depression, rtol=1e-10)
    pain = simulate("morphine", "60 mg oral", HOURS, responses="pain")
    assert {"pain", "pain_reduction"} <= set(pain) and "analgesia" not in pain


def test_variables_have_units_names_and_what_they_rest_on():
    ds = compare("morphine", ORAL, responses=True)
    for name in set(ds.data_vars) - {"concentration", "amount", "auc", "status"}:
        assert VARIABLES[name].dims == ("time",) and ds[name].dims == ("arm", "time")
        assert attributes(name).items() <= ds[name].attrs.items()
        assert ds[name].attrs["purpose"] == "for research, not for dosing patients"
    assert ds.pain_reduction.attrs["units"] == "percent" and "units" not in ds.analgesia.attrs
    rests_on = ds.analgesia.attrs["rests_on"]
    assert "analgesia_cord_ec50 (calibrated)" in rests_on and "analgesia_hill (read)" in rests_on
    assert "tolerance_half_life (calibrated)" in rests_on
    assert "withdrawal_onset_half_life (assumed)" in ds.withdrawal.attrs["rests_on"]
    assert ds.attrs["purpose"] == "for research, not for dosing patients"
    assert "1/300" in ds.attrs["equal_effect"] and "60 mg oral q12h" in ds.attrs["equal_effect"]
    assert any("Dahan" in source for source in citation(ds))
    assert all(isinstance(value, str) for value in ds.attrs.values())


def test_what_rests_on_no_stated_ratio_does_not_name_one():
    ds = simulate("morphine", "60 mg oral", HOURS, responses="respiration")
    assert "equal_effect" not in ds.attrs
    assert not any("Krames" in s for s in citation(ds)) and any("Bailey" in s for s in citation(ds))


def test_exposure_is_read_off_as_before():
    ds = compare("morphine", ORAL, responses=True)
    np.testing.assert_allclose(
        nca.summary(ds, start=312, end=336).cmax,
        nca.summary(compare("morphine", ORAL), start=312, end=336).cmax,
        rtol=1e-10,
    )


# --------------------------------------------------------------------------------------- closed forms


def test_analgesia_by_hand_at_rest():
    ds = simulate(
        "morphine", "1.2 mg/h iv infusion", [4000.0, 4001.0], responses=["analgesia", "pain"]
    )
    c = ds.concentration.isel(time=-1)
    brain = float(c.sel(site="brain")) / MORPHINE.parameters["brain_plasma_ratio"].value
    u = (
        float(c.sel(site="cord")) / number("analgesia_cord_ec50")
        + brain / number("analgesia_brain_ec50")
        + float(c.sel(site="m6g")) / number("analgesia_m6g_ec50")
    )
    e = u**2.4 / (1 + u**2.4)
    assert float(ds.analgesia_drive[-1]) == pytest.approx(u, rel=1e-9)
    assert float(ds.analgesia[-1]) == pytest.approx(e, rel=1e-9)
    assert float(ds.pain[-1]) == pytest.approx(7 * (1 - e), rel=1e-9)
    assert float(ds.pain_reduction[-1]) == pytest.approx(100 * e, rel=1e-9)


def test_placebo_and_baseline():
    given = {"pain_placebo": 0.2, "pain_baseline": 8.0}
    ds = simulate("morphine", "60 mg oral", [0.0, 3.0], given, responses=["analgesia", "pain"])
    np.testing.assert_allclose(ds.pain, 8 * 0.8 * (1 - ds.analgesia), rtol=1e-14)
    assert float(ds.pain_reduction[0]) == pytest.approx(20)


def test_synergy_of_cord_and_brain():
    dose, times = "0.4 mg/day intrathecal pump for 14 d + 30 mg oral q12h x 28", [300.0]
    plain, more = (
        simulate("morphine", dose, times, {"analgesia_synergy": s}, responses="analgesia")
        for s in (0.0, 1.5)
    )
    cord = float(plain.concentration.sel(site="cord")[0]) / number("analgesia_cord_ec50")
    u = float(plain.analgesia_drive[0])
    expected = u + 1.5 * np.sqrt(cord * (u - cord))
    assert float(more.analgesia_drive[0]) == pytest.approx(expected, rel=1e-9)


def test_sedation_without_a_steepness_is_proportional_up_to_its_maximum():
    ds = simulate("clonidine", "2 mg oral", HOURS, responses="sedation", intended=True)
    plasma = ds.concentration.sel(site="plasma").values
    assert plasma.max() > 0.004 > plasma[-1]
    np.testing.assert_allclose(ds.sedation, np.minimum(1, plasma / 0.004), rtol=1e-9, atol=1e-12)


def test_half_of_the_effect_at_the_ec50():
    level = {"constipation_plasma_ec50": 0.0162071}
    ds = simulate("morphine", "1.2 mg/h iv infusion", [4000.0], level, responses="constipation")
    assert float(ds.constipation[0]) == pytest.approx(0.5, abs=1e-3)


def test_m6g_acts_as_late_as_its_half_life_says():
    """After a bolus at 0 into a compartment that follows, the derivative is what the law says."""
    ds = simulate("morphine", "60 mg oral", HOURS, responses="analgesia")
    without = simulate(
        "morphine", "60 mg oral", HOURS, {"analgesia_m6g_ec50": 1e9}, responses="analgesia"
    )
    m6g = ds.concentration.sel(site="m6g").values
    acting = (ds.analgesia_drive - without.analgesia_drive).values * number("analgesia_m6g_ec50")
    slope = np.gradient(acting, HOURS)[1:-1]
    np.testing.assert_allclose(slope, (np.log(2) / 6.4 * (m6g - acting))[1:-1], atol=2e-4)


# --------------------------------------------------------------------------- what was seen in people


@pytest.mark.parametrize(
    ("drug", "dose", "low", "high"),
    [("morphine", "10 mg iv bolus", 1.0, 2.5), ("fentanyl", "0.1 mg iv bolus", 0.03, 0.15)],
)
def test_delays_of_morphine_and_fentanyl(drug, dose, low, high):
    """Peaks of effect after a bolus: 94 min and 3.7 min are published."""
    found = with_cord(Drug.read(drug))
    ds = simulate(found, dose, np.arange(0, 6, 0.01), responses="analgesia")
    assert low < peak(ds.analgesia) < high


def with_cord(drug):
    from pkmodel.equianalgesia import calibrate

    return drug if drug.calibration else calibrate(drug, 7, "0.05 mg/h iv infusion")


def test_breathing_is_depressed_late_after_intrathecal_morphine():
    """0.3 mg: analgesia within hours, breathing at its worst later and still depressed at 12 h (Bailey 2000)."""
    ds = simulate(
        "morphine", "0.3 mg intrathecal bolus", HOURS, responses=["analgesia", "respiration"]
    )
    assert peak(ds.analgesia) < 3 < 5 < peak(ds.respiratory_depression) < 12
    assert float(ds.respiratory_depression.sel(time=12)) > 0.25
    early = float(ds.respiratory_depression.sel(time=1))
    assert early < 0.5 * float(ds.respiratory_depression.max())


def test_the_late_phase_after_an_epidural_dose():
    """10 mg: at its worst 6 to 10 h after the dose, lasting to 22 h; not so intravenously (Camporesi 1983)."""
    epidural, iv = (
        simulate("morphine", f"10 mg {route} bolus", HOURS, responses="respiration").respiratory_depression
        for route in ("epidural", "iv")
    )  # fmt: skip
    assert 6 < peak(epidural) < 10 and peak(iv) < 3
    assert float(epidural.sel(time=22)) > 0.25 > float(iv.sel(time=12))


def test_breathing_by_both_routes_as_in_volunteers():
    """Loss of the hypoxic response over 12 h: intrathecal 1 - 14.5/36.8 is calibrated, iv 1 - 20.2/36.8 predicted."""
    spinal, iv = (
        simulate("morphine", dose, HOURS, responses="respiration").respiratory_depression.sel(time=slice(0, 12)).mean()
        for dose in ("0.3 mg intrathecal bolus", "9.8 mg iv bolus")
    )  # fmt: skip
    assert float(spinal) == pytest.approx(1 - 14.5 / 36.8, abs=0.005)
    assert float(iv) == pytest.approx(1 - 20.2 / 36.8, abs=0.06)


def test_a_screening_bolus_of_baclofen_wears_off_in_its_time():
    ds = simulate("baclofen", "71 ug intrathecal bolus", HOURS, responses="spasticity")
    assert float(ds.ashworth[0]) == 4
    cord = ds.concentration.sel(site="cord", time=6)
    assert float(cord) == pytest.approx(
        number("spasticity_cord_ec50", Drug.read("baclofen")), rel=0.01
    )
    assert float(ds.ashworth.sel(time=6)) == pytest.approx(2.5, abs=0.15)
    assert float(ds.ashworth.min()) < 2 and float(ds.ashworth.sel(time=16)) > 3.9


# ------------------------------------------------------------------------------------------ tolerance


def escalated(start, weeks, growth):
    """Pump that raises the dose every week so that dose / (1 + M / M50) stays about the same."""
    steps = [f"{start * growth(w + 0.5):.6g} mg/day intrathecal pump for 7 d" for w in range(weeks)]
    return " then ".join(steps)


def growth(start):
    """Dose over its start that keeps the effect, from dM/dt = k (C - M) with C / (1 + M / M50) constant."""
    r = start / 5.34
    k = np.log(2) / 7.6
    return lambda t: (1 - r * np.exp(-k * (1 - r) * t)) / (1 - r)


def test_published_escalation_keeps_what_the_cord_gives():
    """4.8 to 21 mg/day in 52 weeks, twofold at 13: the doses that keep the effect in the cord under tolerance."""
    dose = growth(4.8)
    assert dose(13) == pytest.approx(2, rel=0.02) and dose(52) == pytest.approx(21 / 4.8, rel=0.02)
    times = np.arange(4, 52) * 168.0 + 84
    ds = simulate(
        "morphine",
        escalated(4.8, 52, dose),
        times,
        responses=["analgesia", "tolerance"],
        amounts=False,
    )
    spinal = ds.concentration.sel(site="cord") / ds.tolerance
    np.testing.assert_allclose(spinal, float(spinal[0]), rtol=0.01)
    assert float(ds.tolerance[-1]) == pytest.approx(4.3, rel=0.05)


def test_a_low_dose_makes_little_tolerance():
    ds = simulate(
        "morphine", "0.335 mg/day intrathecal pump for 730 d", [17500.0], responses="tolerance"
    )
    assert 1.03 < float(ds.tolerance[0]) < 1.1


def test_tolerance_goes_when_the_drug_is_gone():
    times = [2400.0, 2400.0 + 72, 2400 + 72 + 7.6 * 168]
    ds = simulate("morphine", "4.8 mg/day intrathecal pump for 100 d", times, responses="tolerance")
    late = ds.tolerance.values[1:] - 1
    assert late[1] == pytest.approx(late[0] / 2, rel=0.01)


# ---------------------------------------------------------------------------------------- withdrawal


def stalled(drug, dose, concentration, days=3):
    from pkmodel.devices import Catheter, Fault, Pump

    pump = Pump.of(
        "SynchroMed II 20 mL", drug=drug, concentration=concentration, programme=dose, prime=True, refill_at="alarm",
        catheter=Catheter("60 cm", tip="L3-L4"), faults=[Fault("stall", "30 d", f"{30 + days} d")],
    )  # fmt: skip
    return pump.events("50 d")


@pytest.mark.parametrize("dose", ["300 ug/day", "500 ug/day", "800 ug/day"])
def test_baclofen_withdrawal_begins_within_one_to_three_days_and_ends(dose):
    from pkmodel.responses import window

    doses = stalled("baclofen", dose, "0.5 mg/mL")
    assert isinstance(doses, EventTable)
    ds = simulate("baclofen", doses, np.arange(0, 1201.0), responses=True, amounts=False)
    found = window(ds, start=720)
    assert 24 < float(found.withdrawal_onset) < 72
    assert float(ds.withdrawal.sel(time=slice(0, 720)).max()) == 0
    assert float(ds.ashworth.sel(time=780)) > 3.9 and float(ds.ashworth.sel(time=720)) < 2
    assert float(ds.withdrawal.sel(time=1100)) < 0.01
    assert float(ds.ashworth.sel(time=1100)) == pytest.approx(
        float(ds.ashworth.sel(time=720)), abs=0.02
    )


def test_an_empty_reservoir_is_a_stall():
    from pkmodel.devices import Catheter, Pump
    from pkmodel.responses import window

    pump = Pump.of("SynchroMed II 20 mL", drug="baclofen", concentration="0.5 mg/mL", prime=True,
                   programme="500 ug/day", catheter=Catheter("60 cm", tip="L3-L4"))  # fmt: skip
    ds = simulate("baclofen", pump.events("40 d"), np.arange(0, 961.0), responses="withdrawal")
    onset = float(window(ds).withdrawal_onset)
    assert 20 * 24 + 24 < onset < 20 * 24 + 72


def test_oral_doses_bring_no_withdrawal_between_them():
    ds = compare("morphine", ORAL, responses="withdrawal")
    assert float(ds.withdrawal.max()) < 0.1


# ------------------------------------------------------------------------ populations, sweeps, changes


def test_numbers_of_responses_vary_between_subjects_and_repeat():
    one, two = (
        compare("morphine", ORAL, subjects=6, seed=3, responses=True, amounts=False)
        for _ in range(2)
    )
    xr.testing.assert_identical(one, two)
    assert one.analgesia.dims == ("arm", "subject", "time")
    assert (
        one.analgesia_brain_ec50.dims == ("subject",)
        and len(np.unique(one.analgesia_brain_ec50)) == 6
    )
    some = compare("morphine", ORAL, subjects=[2, 5], seed=3, responses=True, amounts=False)
    np.testing.assert_array_equal(some.analgesia, one.analgesia.sel(subject=[2, 5]))
    plain = compare("morphine", ORAL, subjects=6, seed=3, amounts=False)
    np.testing.assert_allclose(one.concentration, plain.concentration, rtol=1e-10, atol=1e-14)


def test_a_number_can_be_swept_and_varies_with_time():
    ec50 = [0.05, 0.1, 0.2]
    times, dose = [0.0, 6.0, 12.0], "0.3 mg intrathecal bolus"
    ds = simulate("morphine", dose, times, {"analgesia_cord_ec50": ec50}, responses="analgesia")
    assert ds.analgesia.dims == ("analgesia_cord_ec50", "time")
    singly = [
        simulate(
            "morphine", dose, times, {"analgesia_cord_ec50": e}, responses="analgesia"
        ).analgesia
        for e in ec50
    ]
    np.testing.assert_allclose(ds.analgesia, np.stack(singly), rtol=1e-12)
    changing = xr.DataArray([0.05, 0.2], dims="time", coords={"time": [0.0, 10.0]})
    ds = simulate("morphine", dose, times, {"analgesia_cord_ec50": changing}, responses="analgesia")
    np.testing.assert_allclose(ds.analgesia[:2], singly[0][:2], rtol=1e-9)
    np.testing.assert_allclose(ds.analgesia[2], singly[2][2], rtol=1e-9)


def test_ratios_and_a_fine_spine():
    ds = compare("morphine", ORAL, ratio=[100, 300], responses="analgesia", times=[0, 300])
    assert ds.analgesia.dims == ("arm", "ratio", "time")
    pump = ds.analgesia.sel(arm="intrathecal").isel(time=-1)
    assert float(pump[0]) > float(pump[1])
    fine = MORPHINE.segmented(12, tip="T10")
    assert compare(fine, ORAL, responses=True, times=[0, 300]).analgesia.notnull().all()


def test_case_that_cannot_be_solved_is_not_a_number():
    ds = simulate("morphine", "60 mg oral", [0, 1], {"clearance": [70.0, -1.0]}, responses=True)
    assert ds.analgesia.isel(clearance=0).notnull().all()
    assert ds.analgesia.isel(clearance=1).isnull().all()


# ------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("drug", "responses", "words"),
    [
        ("morphine", "itching", "the file of morphine has no numbers of itching. It has those of analgesia, "
         "respiration, constipation, pain, tolerance, withdrawal."),
        ("morphine", ["nausea", "sedation"], "the file of morphine has no numbers of nausea; the file of morphine "
         "has no numbers of sedation. It has those of"),
        ("fentanyl", "analgesia", "the file of fentanyl has no analgesia.cord_ec50 (concentration in lumbosacral "
         "cord of half of the effect). State the ratio of equal doses: "
         'equianalgesia.calibrate("fentanyl", ratio=..., reference="...") finds it.'),
        ("ziconotide", "withdrawal", "the label of ziconotide reports no withdrawal."),
        ("fentanyl", True, "the file of fentanyl has no numbers of any response. State the ratio of equal doses: "
         'equianalgesia.calibrate("fentanyl"'),
        ("ziconotide", "analgesia", "the file of ziconotide has no numbers of analgesia. Those of analgesia are known "
         "of clonidine, hydromorphone, morphine."),
        ("ziconotide", True, "the file of ziconotide has no numbers of any response."),
        ("clonidine", "withdrawal", "the file of clonidine has no numbers of withdrawal."),
        ("bupivacaine", "pain", "pain takes analgesia, and the file of bupivacaine has no numbers of analgesia."),
    ],
)  # fmt: skip
def test_what_a_file_has_no_numbers_for_is_refused(drug, responses, words):
    with pytest.raises(DrugError) as error:
        asked(Drug.read(drug), responses)
    assert words in str(error.value)


def test_names_and_models_that_have_no_responses():
    with pytest.raises(
        InputError, match=r'unknown response "analgesa" \(did you mean "analgesia"\?\)'
    ):
        compare("morphine", ORAL, responses=["analgesa"])
    with pytest.raises(InputError, match="no responses are asked for"):
        compare("morphine", ORAL, responses=[])
    with pytest.raises(InputError, match="the numbers of responses are in drug files"):
        simulate(one_compartment(), "100 mg iv bolus", [0, 1], responses=True)
    for odd in (5, [["analgesia"]], np.nan):
        with pytest.raises(InputError, match=r"unknown response .*True asks for all"):
            asked(MORPHINE, odd)
    assert asked(MORPHINE, None) is None and asked(None, False) is None


def test_a_file_that_lacks_a_potency_or_a_metabolite_is_told_so():
    hill = MORPHINE.responses["analgesia_hill"]
    steep = replace(MORPHINE, responses={"sedation_hill": replace(hill, name="sedation_hill")})
    with pytest.raises(DrugError, match="has no EC50 of sedation"):
        asked(steep, "sedation")
    others = {n: p for n, p in MORPHINE.parameters.items() if n != "m6g_fraction"}
    with pytest.raises(DrugError, match="has no M6G, and analgesia has an EC50 of it"):
        asked(replace(MORPHINE, parameters=others), "analgesia")


@pytest.mark.parametrize(
    ("drug", "changed", "said"),
    [
        (
            "morphine",
            {"analgesia_cord_ec50": "0 ng/mL"},
            "analgesia_cord_ec50 is 0; expected more than 0",
        ),
        ("morphine", {"analgesia_hill": [2.4, 0.0]}, "analgesia_hill is 0; expected more than 0"),
        (
            "morphine",
            {"tolerance_cord_concentration": 0.0, "pain_baseline": 50},
            "concentration is 0.*pain_baseline is 50",
        ),
        (
            "morphine",
            {"analgesia_m6g_half_life": "0 h"},
            "m6g_half_life is 0; expected more than 0",
        ),
        (
            "morphine",
            {"pain_baseline": [5.0, 11.0]},
            "pain_baseline is 11; expected a score from 0 to 10",
        ),
        (
            "baclofen",
            {"spasticity_baseline": 6},
            "spasticity_baseline is 6; expected a score from 1 to 5",
        ),
        (
            "baclofen",
            {"spasticity_least": 0.5},
            "spasticity_least is 0.5; expected a score from 1 to 5",
        ),
        (
            "baclofen",
            {"spasticity_least": 4.0},
            "spasticity_least is not below spasticity_baseline",
        ),
    ],
)
def test_numbers_with_which_there_are_no_responses_are_refused(drug, changed, said):
    with pytest.raises(ParameterError, match=said):
        simulate(drug, "20 mg oral", [0.0, 1.0], changed, responses=True)


def test_the_ends_of_placebo_and_pain():
    ds = simulate("morphine", "60 mg oral", [0.0, 3.0], {"pain_placebo": [0.0, 1.0], "pain_baseline": 10.0},
                  responses=["analgesia", "pain"])  # fmt: skip
    np.testing.assert_allclose(ds.pain[0], 10 * (1 - ds.analgesia[0]))
    assert (ds.pain[1] == 0).all() and (ds.pain_reduction[1] == 100).all()


@given(st.floats(0, 1e300), st.floats(0.1, 1e6))
def test_an_effect_lies_between_nothing_and_everything(drive, hill):
    """However steep: half at a drive of 1, and no overflow above it."""
    low, middle, high = (
        float(equations.effect(np.array(u), "analgesia", {"analgesia_hill": np.array(hill)}.get))
        for u in (drive, 1.0, 2 * drive)
    )
    assert 0 <= low <= high <= 1 and middle == 0.5


def test_records_of_a_table_are_refused():
    table = EventTable.of(time=[0.0, 1.0], amount=[10.0, 0.0], evid=[1, 0], compartment="iv")
    with pytest.raises(
        InputError, match="the table has observation records, and responses are over times"
    ):
        simulate("morphine", table, responses="analgesia")
    ds = simulate("morphine", table, [0, 1, 2], responses="analgesia")
    same = simulate("morphine", "10 mg iv bolus", [0, 1, 2], responses="analgesia")
    np.testing.assert_allclose(ds.analgesia, same.analgesia, rtol=1e-12)


# -------------------------------------------------------------------------------------- the drug files


@pytest.mark.parametrize("name", Drug.names())
def test_every_number_of_a_file_has_unit_source_and_a_response(name):
    drug = Drug.read(name)
    for key, found in drug.responses.items():
        response = next(r for r in RESPONSES if key.startswith(f"{r}_"))
        assert RESPONSES[response][key.removeprefix(f"{response}_")][0] == found.dimension
        assert found.source or found.confidence == "assumed", key
        assert found.note or found.confidence == "read", key
    assert {row.name for row in drug.table(responses=True)} == set(drug.responses)


def test_faults_of_a_file_are_named(tmp_path):
    from pathlib import Path

    text = Path(MORPHINE.path).read_text(encoding="utf-8")
    text = text.replace("[responses.analgesia.hill]", "[responses.analgesia.hil]")
    text = text.replace("[responses.constipation.hill]", "[responses.constipaton.hill]")
    text = text.replace('place = "cord"', 'place = "cort"')
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DrugError) as error:
        Drug.read(path)
    for words in ("responses.analgesia.hil: unknown key", "responses.constipaton: unknown response",
                  'responses.calibration.place: unknown "cort"'):  # fmt: skip
        assert words in str(error.value)


def test_a_file_may_bring_what_others_lack(tmp_path):
    from pathlib import Path

    text = Path(MORPHINE.path).read_text(encoding="utf-8")
    own = ('[responses.itching.cord_ec50]\nvalue = "500 ng/mL"\ncv = 0.0\nsource = []\nconfidence = "assumed"\n'
           'population = "none"\nnote = "an example"\n\n[sources]\n')  # fmt: skip
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("[sources]\n", own, 1), encoding="utf-8")
    ds = simulate(Drug.read(path), "0.1 mg intrathecal bolus", HOURS, responses="itching")
    cord = ds.concentration.sel(site="cord")
    np.testing.assert_allclose(ds.itching, np.minimum(1, cord / 1.0), rtol=1e-9, atol=1e-12)
    assert "itching_cord_ec50 (assumed)" in ds.itching.attrs["rests_on"]
