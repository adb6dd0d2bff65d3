"""The trial before an implant and the months after it: exact doses, rules, draws, refusals, published figures."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pkmodel import Drug, EventTable, simulate
from pkmodel.errors import DrugError, InputError, ParameterError, RegimenError
from pkmodel.responses import asked
from pkmodel.trials import (
    Faults,
    Patients,
    Titration,
    events,
    published,
    running,
    strategies,
    table,
    trial,
)
from pkmodel.trials.doses import PER_DAY
from pkmodel.trials.following import CHANGES
from pkmodel.trials.people import People, Study
from pkmodel.trials.screening import DECISIONS
from pkmodel.trials.service import Reservoirs, failures

ORAL = "100 mg oral q12h"
MIXED = "60 mg oral modified q12h + 10 mg oral q6h"
OFTEN = Faults(per_year=4)
DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.fixture(scope="module")
def usual():
    return trial("morphine", ORAL, subjects=70, seed=1, months=4, faults=OFTEN)


def drawn(ids, seed, patients=None):
    patients = patients or Patients()
    return People(Study.of(Drug.read("morphine"), patients), np.asarray(ids), seed, patients, {})


# ------------------------------------------------------------------------------------- doses superpose


@pytest.mark.parametrize("oral", [ORAL, MIXED, None])
@pytest.mark.parametrize("method", ["single shots", "catheter"])
def test_superposed_concentrations_are_those_of_all_doses_together(method, oral, monkeypatch):
    kept = []

    class Kept(running.Projection):
        def __init__(self, units):
            super().__init__(units)
            kept.append(self)

    monkeypatch.setattr(running, "Projection", Kept)
    doses = ["0.5 mg", "1 mg"] if method == "single shots" else ["0.5 mg/day", "1 mg/day"]
    ds = trial("morphine", oral, method=method, doses=doses, subjects=3, seed=3, months=2, faults=Faults(20),
               taper=(0.5, 0.25, 0))  # fmt: skip
    assert (ds.delivered.isel(day=slice(15, None)) == 0).any(), "no fault is in it"
    people = drawn([1, 2, 3], 3)
    times = 24 / PER_DAY * np.arange(ds.sizes["day"] * PER_DAY)
    full = simulate(people.study.model, events(ds), times, people.parameters, amounts=False)
    expected = full.concentration.transpose("subject", "site", "time").values
    scale = np.abs(expected).max(axis=2, keepdims=True)
    assert (np.abs(kept[0].values - expected) <= 1e-9 * scale).all()


def test_responses_are_those_of_a_simulation_of_the_same_doses(usual):
    """Responses and scores of the last day before a visit, with potencies times the need, the public way."""
    drug, ids = Drug.read("morphine"), [4, 9]
    names = ["analgesia", "respiration", "constipation", "tolerance", "withdrawal"]
    one, people = usual.sel(subject=ids), drawn(ids, 1)
    defaults, given = asked(drug, names).model.defaults, people.parameters
    scaled = {
        name: one.need.drop_attrs() * given.get(name, defaults[name].value)
        for name in (f"analgesia_{p}_ec50" for p in ("cord", "brain", "m6g"))
    }
    start = int(usual.attrs["start"].removesuffix(" d"))
    days = start + usual.visit.values
    times = (24 * (days[:, None] - 1) + 3.0 * np.arange(PER_DAY)).ravel()
    ds = simulate(drug, events(one), times, given.assign(scaled), amounts=False, responses=names)
    found = {n: ds[n].transpose("subject", "time").values for n in ("analgesia", "respiratory_depression",
                                                                     "constipation", "tolerance")}  # fmt: skip

    def of_visits(values):
        return values.reshape(2, -1, PER_DAY).mean(axis=2)

    for name, values in found.items():
        np.testing.assert_allclose(one[name], of_visits(values), rtol=1e-9, atol=1e-12)
    implanted = (one.decision == 0).values
    placebo = (people.placebo * implanted)[:, None] * 0.5 ** ((times - 24 * start) / 720)
    whole = people.entry[:, None] / (1 - one.relief.values[:, None])
    scores = of_visits(np.minimum(10, whole * (1 - placebo) * (1 - found["analgesia"])))[:, 1:]
    np.testing.assert_allclose(one.daily_score.sel(day=days[1:] - 1), scores, rtol=1e-9)
    assert (
        np.abs(one.score.values[:, 1:] - scores) < 4 * 0.5
    ).all()  # what is reported has an error


def test_need_is_what_makes_the_oral_treatment_do_what_was_drawn(usual):
    before = usual.analgesia.isel(visit=0)
    untreated = trial("morphine", ORAL, method="none", subjects=20, seed=1, months=1)
    np.testing.assert_allclose(untreated.analgesia.isel(visit=0), untreated.relief, rtol=1e-6)
    assert (
        float(np.abs(before - usual.relief).median()) < 0.05
    )  # what the trial left is small after a week
    more = trial("morphine", "200 mg oral q12h", method="none", subjects=20, seed=1, months=1)
    np.testing.assert_allclose(
        more.need, 2 * untreated.need, rtol=2e-3
    )  # twice the dose for the same relief


def test_without_an_oral_order_nobody_needs_more_than_the_file_says():
    ds = trial("morphine", None, doses=["0.3 mg", "1 mg"], subjects=10, seed=1, months=1)
    assert (ds.need == 1).all() and (ds.oral == 0).all() and (ds.relief == 0).all()
    assert (ds.oral_dose == 0).all() and (ds.attrs["oral"]) == "none"
    assert ds.attrs["ratio"] == "none"
    assert set(events(ds).compartment) == {"intrathecal"}


# ------------------------------------------------------------------------------------------ the same bits


def test_the_same_bits_on_threads_and_for_any_subset(usual):
    again = trial("morphine", ORAL, subjects=70, seed=1, months=4, faults=OFTEN, threads=2)
    single = trial("morphine", ORAL, subjects=70, seed=1, months=4, faults=OFTEN, threads=1)
    xr.testing.assert_identical(again, single)
    xr.testing.assert_identical(again, usual)
    some = trial("morphine", ORAL, subjects=[68, 5], seed=1, months=4, faults=OFTEN)
    xr.testing.assert_identical(some, usual.sel(subject=[68, 5]))
    other = trial("morphine", ORAL, subjects=[68, 5], seed=2, months=4, faults=OFTEN)
    assert (other.need != some.need).all()


def test_a_strategy_is_the_trial_by_itself_and_both_have_the_same_subjects(usual):
    both = strategies("morphine", ORAL, subjects=[1, 2, 3], seed=1, months=4, faults=OFTEN)
    alone = both.sel(strategy="implant").drop_vars("strategy")
    for name in usual:
        np.testing.assert_array_equal(alone[name], usual[name].sel(subject=[1, 2, 3]))
    oral = both.sel(strategy="oral")
    for name in ("need", "placebo", "entry_score"):
        np.testing.assert_array_equal(oral[name], alone[name])
    assert (oral.rate == 0).all() and (oral.delivered == 0).all() and not oral.given.any()
    assert {DECISIONS[k] for k in oral.decision.values} == {"oral"}
    with pytest.raises(InputError, match="more than one strategy"):
        events(both)
    assert list(table(both).columns) == ["implant", "oral"]


# ------------------------------------------------------------------------------------------------ the trial


def test_steps_end_with_the_first_response(usual):
    step = usual.response_step.values
    fell = usual.step_reduction.values >= 50 - 1e-9
    for k, last in enumerate(step):
        given = usual.given.values[k]
        assert given.sum() == (last or 3) and given[: given.sum()].all()
        assert np.isnan(usual.step_score.values[k][~given]).all()
        assert fell[k].any() == bool(last) and (not last or fell[k].argmax() == last - 1)
    np.testing.assert_array_equal(usual.responded, step > 0)
    np.testing.assert_array_equal(usual.decision == 0, step > 0)
    doses = np.concatenate([[0], usual.dose])
    np.testing.assert_array_equal(usual.dose_found, doses[step])
    np.testing.assert_allclose(usual.dose, 200 / 105.5 * np.array([0.25, 0.5, 1.0]))


def test_reasons_are_sentences_about_the_decision(usual):
    columns = (usual.reason.values, usual.decision.values, usual.response_step.values)
    for reason, decision, step in zip(*columns, strict=True):
        assert reason.startswith("the score fell by") and reason.endswith("50% were asked for")
        assert (f"step {step};" in reason) == (decision == 0)
        assert ("at most in 3 steps" in reason) == (decision == 1)


def test_a_higher_threshold_has_fewer_responders():
    shares = [
        float(
            trial("morphine", ORAL, subjects=60, seed=1, months=0.5, threshold=t).responded.mean()
        )
        for t in (0.2, 0.5, 0.8)
    ]
    assert shares[0] > shares[1] > shares[2]


def test_placebo_responders_are_counted_and_can_be_left_out():
    strong, none = Patients(placebo=0.8, placebo_cv=0), Patients(placebo=0, noise=0)
    counted = trial("morphine", ORAL, subjects=20, seed=1, months=0.5, patients=strong)
    assert counted.placebo_response.all() and (counted.decision == 0).all()
    left_out = trial(
        "morphine", ORAL, subjects=20, seed=1, months=0.5, patients=strong, placebo_control=True
    )
    assert {DECISIONS[k] for k in left_out.decision.values} == {"placebo_response"}
    assert (left_out.rate == 0).all() and "placebo" in left_out.reason.values[0]
    assert not trial(
        "morphine", ORAL, subjects=20, months=0.5, patients=none
    ).placebo_response.any()


def test_a_trial_ends_where_breathing_is_depressed():
    rules = Titration(limit=0.85)
    ds = trial("morphine", ORAL, subjects=30, seed=1, months=2, titration=rules)
    names = np.array(DECISIONS)[ds.decision]
    stopped = ds.sel(subject=ds.subject.values[names == "depression"])
    assert 0 < stopped.sizes["subject"] < 30 and (stopped.rate == 0).all()
    assert all("breathing was depressed" in reason for reason in stopped.reason.values)
    lowered = np.array(CHANGES)[ds.change] == "lowered"
    assert lowered.any()
    np.testing.assert_array_equal(lowered, (ds.respiratory_depression > 0.85) & (ds.visit > 0))


def test_a_catheter_holds_the_rate_that_helped():
    rates = ["0.5 mg/day", "1 mg/day", "2 mg/day"]
    ds = trial("morphine", ORAL, method="catheter", doses=rates, subjects=30, seed=1, months=1)
    infused = ds.delivered.isel(day=slice(0, 6)).values
    found = ds.dose_found.values
    expected = np.minimum(np.repeat([0.5, 1.0, 2.0], 2), np.where(found > 0, found, 9)[:, None])
    np.testing.assert_array_equal(infused, expected)
    assert (ds.delivered.isel(day=slice(6, 13)) == 0).all() and ds.dose.units == "mg/day"


# ------------------------------------------------------------------------------------- the months after it


def test_doses_follow_the_rules(usual):
    names = np.array(CHANGES)[usual.change]
    implanted = (usual.decision == 0).values[:, None]
    dose = np.where(implanted, usual.rate, usual.oral_dose)
    before, after, change = dose[:, :-1], dose[:, 1:], names[:, 1:]
    most = np.where(implanted, 25.0, 400.0)  # of the file; 200 mg is its largest oral dose
    high = usual.score.values[:, 1:] > 4
    assert set(change[~high]) <= {"none", "fault"}
    assert set(change[high]) == {"raised", "at_maximum", "fault"}
    raised = change == "raised"
    np.testing.assert_allclose(after[raised], np.minimum(1.2 * before, most)[raised])
    np.testing.assert_allclose(after[~raised], before[~raised])
    assert (change == "at_maximum").any()
    highest = np.broadcast_to(most, before.shape)[change == "at_maximum"]
    np.testing.assert_allclose(before[change == "at_maximum"], highest)
    first = np.where(implanted[:, 0], usual.dose_found + 200 / 105.5, 200)
    np.testing.assert_allclose(dose[:, 0], first)
    np.testing.assert_allclose(usual.escalation, dose / first[:, None])


def test_the_pump_takes_over_what_the_taper_takes_away():
    ds = trial("morphine", ORAL, method="none", ratio=100, taper=(0.5, 0.25, 0), subjects=10, seed=1, months=3,
               faults=Faults(0), titration=Titration(target=10))  # fmt: skip
    np.testing.assert_allclose(ds.oral_dose[:, :4], np.tile([100, 50, 0, 0], (10, 1)))
    np.testing.assert_allclose(ds.rate[:, :4], np.tile([1, 1.5, 2, 2], (10, 1)))
    assert (ds.escalation == 1).all()
    # 90 mg, for 90 days at 1 mg/day: 14 days at 1 and 14 at 1.5 mg/day leave 55 mg, for 27 days at 2 mg/day
    np.testing.assert_array_equal(ds.refills, np.tile(ds.visit == 56, (10, 1)))
    late = trial(
        "morphine", ORAL, method="none", taper=(1, 0), subjects=3, months=1, faults=Faults(0)
    )
    assert (
        (late.rate[:, 0] == 0).all() and (late.rate[:, 1] > 0).all() and (late.refills == 0).all()
    )


def test_a_fault_stops_the_drug_until_it_is_repaired(usual):
    start = int(usual.attrs["start"].removesuffix(" d"))
    wrong = failures(OFTEN, usual.subject.values, 1, usual.sizes["day"] - start)
    after = usual.delivered.isel(day=slice(start, None)).values
    implanted = (usual.decision == 0).values
    np.testing.assert_array_equal(after[implanted] == 0, wrong.stopped[implanted])
    assert (after[~implanted] == 0).all()
    begun = (usual.pump_faults + usual.catheter_faults).sum("visit").values
    np.testing.assert_array_equal(begun, (wrong.pump + wrong.catheter).sum(axis=1) * implanted)
    assert float(usual.withdrawal.isel(visit=slice(1, None)).max()) > 0.25
    assert (usual.refills >= 0).all() and set(usual.refills.sum("visit").values[implanted]) == {
        1
    }  # 112 days


def test_faults_are_as_many_as_they_should_be():
    wrong = failures(Faults(per_year=2, pump=0.35, repair="3 d"), np.arange(1, 2001), 1, 365)
    pump, catheter = wrong.pump.sum(), wrong.catheter.sum()
    assert pump + catheter == pytest.approx(2 * 2000 * 365 / 365.25, rel=0.05)
    assert pump / (pump + catheter) == pytest.approx(0.35, abs=0.03)
    alone = (wrong.pump + wrong.catheter).sum(axis=1) == 1
    early = wrong.stopped[:, 362:].sum(axis=1) == 0
    assert set(wrong.stopped[alone & early].sum(axis=1)) == {3}
    assert not failures(Faults(per_year=0), np.arange(5), 1, 365).stopped.any()


def test_refills_by_hand():
    """A low dose is refilled when the filling is old, 90 days; a high one when it is used up."""
    pumps = Reservoirs.of(Drug.read("morphine"), "SynchroMed II 20 mL", 3)
    assert pumps.most == pytest.approx(0.018 * 25_000) and pumps.days == 90
    rate = np.array([1.0, 20.0, 0.0])
    filled = np.array([pumps.day(rate, rate) for _ in range(360)])
    assert np.flatnonzero(filled[:, 0]).tolist() == [90, 180, 270]
    assert np.flatnonzero(filled[:, 1]).tolist() == list(range(22, 360, 22))  # 450 mg last 22 days
    assert not filled[:, 2].any()


def test_drug_that_is_used_is_what_was_given(usual):
    given = events(usual)
    amounts = given.amount * (1 + given.additional)
    of = {name: amounts[given.compartment == name] for name in ("oral", "intrathecal")}
    found = table(usual)["trial"]
    assert found["oral drug taken [g]"] == pytest.approx(of["oral"].sum() / 70 / 1000)
    assert found["intrathecal drug given [mg]"] == pytest.approx(of["intrathecal"].sum() / 70)
    Drug.read("morphine").check_table(given)


# -------------------------------------------------------------------------------------------- results


def test_everything_has_a_name_and_can_be_stored(usual, tmp_path):
    for name, variable in usual.variables.items():
        assert variable.attrs.get("long_name"), name
    for name in ("rate", "oral_dose", "dose_found", "delivered", "oral"):
        assert usual[name].attrs["units"] == "mg/day"
    assert usual.decision.attrs["flag_meanings"].split() == list(DECISIONS)
    assert dict(usual.sizes) == {"subject": 70, "step": 3, "visit": 9, "day": 122}
    usual.to_netcdf(tmp_path / "trial.nc", engine="h5netcdf")
    xr.testing.assert_equal(xr.load_dataset(tmp_path / "trial.nc", engine="h5netcdf"), usual)


def test_a_result_says_on_what_it_rests(usual):
    assert usual.attrs["purpose"] == "for research, not for dosing patients"
    assert usual.attrs["seed"] == "1" and all(isinstance(v, str) for v in usual.attrs.values())
    rests_on, assumed = (json.loads(usual.attrs[k]) for k in ("rests_on", "assumed"))
    assert any(note.startswith("Patients.placebo 0.15 (assumed") for note in assumed)
    assert any(note.startswith("Faults.repair 120 h (assumed") for note in assumed)
    assert any(
        note.startswith("scores at entry are cut off at 1 and 10 (assumed") for note in assumed
    )
    capped = trial("morphine", ORAL, subjects=1, months=1, titration=Titration(maximum="12 mg/day"))
    assert "Titration.maximum 0.5 mg/h (given)" in json.loads(capped.attrs["rests_on"])
    assert usual.attrs["taper"] == "[0.0]" and usual.attrs["placebo_control"] == "false"
    assert "Faults.per_year 4 (given)" in rests_on and set(assumed) < set(rests_on)
    for name in ("Dahan", "275 patients"):  # of the potencies, of the ratio
        assert any(name in source for source in json.loads(usual.attrs["sources"]))
    assert "1/300" in usual.attrs["equal_effect"]


def test_baclofen_by_the_ashworth_score():
    ds = trial("baclofen", "20 mg oral q8h", doses=["50 ug", "75 ug", "100 ug"], per_day=2, threshold=0.25,
               subjects=20, seed=1, months=2)  # fmt: skip
    assert ds.attrs["score"] == "ashworth" and ds.attrs["target"] == "2.0"
    assert 0 < float(ds.responded.mean()) < 1
    assert (ds.score >= 1).all() and (ds.score <= 5).all()
    np.testing.assert_allclose(ds.dose_found, 2 * np.array([0, 0.05, 0.075, 0.1])[ds.response_step])


def test_a_drug_without_breathing_tolerance_and_withdrawal():
    """Clonidine: what its file has no numbers of is not in the result, and no stated ratio is behind it."""
    ds = trial("clonidine", None, doses=["50 ug", "100 ug"], subjects=3, seed=1, months=1)
    assert "analgesia" in ds and not {"respiratory_depression", "tolerance", "withdrawal"} & set(ds)
    assert "equal_effect" not in ds.attrs
    assert not [row for row in table(ds).index if "withdrawal" in row or "respiratory" in row]
    assert "sedation at the end" in table(ds).index


def test_parameters_that_are_given_hold_for_all():
    flat, steep = (
        trial("morphine", ORAL, subjects=20, seed=1, months=0.5, parameters={"analgesia_hill": h})
        for h in (1.0, 4.0)
    )
    assert float(flat.responded.mean()) < float(steep.responded.mean())
    assert flat.attrs["parameters"] == '{"analgesia_hill": 1.0}'


# ---------------------------------------------------------------------------------- every number has a part

CHANGED = {
    "patients": [{"score": 5}, {"score_sd": 2}, {"relief": 0.5}, {"relief_cv": 0.1}, {"placebo": 0.5},
                 {"placebo_cv": 0.1}, {"fading": "1 d"}, {"noise": 0}, {"potency_cv": 0}],
    "titration": [{"every": "7 d"}, {"step": 0.5}, {"oral_step": 0.5}, {"target": 2}, {"maximum": "1 mg/day"},
                  {"oral_maximum": "220 mg/day"}, {"limit": 0.5}],
    "faults": [{"per_year": 9}, {"pump": 0.9}, {"repair": "9 d"}],
}  # fmt: skip
ARGUMENTS = [
    {"threshold": 0.9}, {"observed": ("3 h", "6 h")}, {"per_day": 2}, {"wait": "2 d"}, {"ratio": 90},
    {"taper": (0.5, 0)}, {"step_length": "2 d"}, {"placebo_control": True}, {"seed": 2},
    {"parameters": {"tolerance_half_life": "1 d"}},
]  # fmt: skip
KINDS = {"patients": Patients, "titration": Titration, "faults": Faults}
MANY = {"per_year": 6}


@pytest.fixture(scope="module")
def plain():
    return trial("morphine", ORAL, subjects=30, seed=1, months=2, faults=Faults(**MANY))


@pytest.mark.parametrize(
    ("part", "change"), [(p, c) for p, changes in CHANGED.items() for c in changes]
)
def test_every_number_of_the_patients_the_rules_and_the_faults_counts(plain, part, change):
    given = {"faults": Faults(**MANY)}
    given[part] = KINDS[part](**(MANY | change if part == "faults" else change))
    assert differs(trial("morphine", ORAL, subjects=30, seed=1, months=2, **given), plain)


@pytest.mark.parametrize("change", ARGUMENTS)
def test_every_argument_counts(plain, change):
    given = {"subjects": 30, "seed": 1, "months": 2, "faults": Faults(**MANY)} | change
    assert differs(trial("morphine", ORAL, **given), plain)


def differs(one, other):
    return not all(one[name].equals(other[name]) for name in other.data_vars)


def test_a_larger_reservoir_is_refilled_less_often():
    small, large = (
        trial("morphine", ORAL, method="none", ratio=10, pump=f"SynchroMed II {ml} mL", subjects=2, months=4,
              faults=Faults(0)).refills.sum()
        for ml in (20, 40)
    )  # fmt: skip
    assert small > large


# ------------------------------------------------------------------------------------------- the ends of the range


def test_one_subject_no_responder_and_nothing_but_responders():
    hopeless, easy = (
        trial("morphine", ORAL, subjects=n, seed=1, months=1, doses=[dose], threshold=t)
        for n, dose, t in ((1, "0.01 mg", 1.0), (5, "2.5 mg", 0.01))
    )
    assert not hopeless.responded.any() and (hopeless.rate == 0).all()
    assert table(hopeless).loc["implanted [%]", "trial"] == 0
    assert np.isnan(table(hopeless).loc["rate at the end, of those implanted [mg/day]", "trial"])
    assert easy.responded.all() and (easy.rate > 0).all() and easy.score.notnull().all()


def test_scores_at_the_ends_of_the_scale_stay_numbers():
    """Low pain with a large error of reporting: nobody enters with less than 1, so that a fall is a number."""
    ds = trial("morphine", ORAL, subjects=60, seed=1, months=1, patients=Patients(score=1, noise=5))
    assert float(ds.entry_score.min()) == 1 and float(ds.score.min()) == 0
    assert (
        np.isfinite(ds.score_reduction).all()
        and np.isfinite(ds.step_reduction.where(ds.given, 0)).all()
    )
    high = trial("morphine", ORAL, subjects=20, months=1, patients=Patients(score=10, score_sd=10))
    assert float(high.entry_score.max()) == 10 and (high.need > 0).all()


def test_a_rate_above_the_highest_is_cut_and_says_so():
    rules = Titration(maximum="1 mg/day")
    ds = trial(
        "morphine", ORAL, method="none", ratio=100, subjects=5, seed=1, months=1, titration=rules
    )
    np.testing.assert_allclose(ds.rate, 1.0)
    assert {CHANGES[k] for k in ds.change.isel(visit=0).values} == {"at_maximum"}
    np.testing.assert_allclose(ds.escalation, 0.5)
    slow = trial("morphine", ORAL, method="none", ratio=100, taper=(0.8, 0.6, 0), subjects=5, seed=1, months=2,
                 titration=Titration(maximum="1 mg/day", target=10))  # fmt: skip
    np.testing.assert_allclose(slow.rate[:, :3], np.tile([0.4, 0.8, 1.0], (5, 1)))
    assert [CHANGES[k] for k in slow.change.values[0, :3]] == ["none", "none", "at_maximum"]


def test_a_taper_may_be_longer_than_the_months():
    long = trial("morphine", ORAL, subjects=5, months=1, taper=(1, 0.75, 0.5, 0.25, 0))
    implanted = long.decision == 0
    np.testing.assert_allclose(
        long.oral_dose[implanted], np.tile([200, 150, 100], (int(implanted.sum()), 1))
    )


def test_a_longer_trial_begins_like_the_shorter_one(usual):
    short = trial("morphine", ORAL, subjects=5, seed=1, months=2, faults=OFTEN)
    days = short.sizes["day"]
    long = usual.sel(subject=short.subject).isel(visit=slice(short.sizes["visit"]), day=slice(days))
    assert list(long.visit.values) == list(short.visit.values)
    for name in short.data_vars:  # how many hours there are may change the last bit
        xr.testing.assert_allclose(short[name], long[name], rtol=1e-14)


def test_faults_all_the_time_leave_nothing():
    always = Faults(per_year=99, repair="60 d")
    ds = trial("morphine", ORAL, method="none", subjects=4, seed=1, months=3, faults=always)
    assert (ds.delivered.isel(day=slice(60, None)) == 0).all() and (ds.refills == 0).all()
    assert {CHANGES[k] for k in ds.change.isel(visit=slice(4, None)).values.ravel()} == {"fault"}


def test_placebo_responders_are_those_whom_a_placebo_would_have_helped(usual):
    """By hand: the score under the oral drug alone, less the placebo's part, with the error of the same step."""
    people = drawn(usual.subject.values, 1)
    whole = people.entry / (1 - usual.relief.values)
    left = np.minimum(10, whole * (1 - usual.relief.values) * (1 - usual.placebo.values))
    would = np.zeros(70, bool)
    for k in range(usual.sizes["step"]):
        said = np.clip(left + 0.5 * people.normal(f"score of step {k + 1}"), 0, 10)
        would |= usual.given.values[:, k] & (said <= 0.5 * usual.entry_score.values)
    np.testing.assert_array_equal(usual.placebo_response, would)
    assert 0 < would.sum() < 70


def test_a_table_by_hand():
    both = strategies("morphine", ORAL, subjects=12, seed=1, months=2, faults=OFTEN)
    found, one = table(both), both.sel(strategy="implant")
    implanted = (one.decision == 0).values
    expected = {
        "responded in the trial [%]": 100 * one.responded.values.mean(),
        "implanted [%]": 100 * implanted.mean(),
        "pain at the end": one.score.values[:, -1].mean(),
        "pain at 4 or below at the end [%]": 100 * (one.score.values[:, -1] <= 4).mean(),
        "oral dose at the end [mg/day]": one.oral_dose.values[:, -1].mean(),
        "rate at the end, of those implanted [mg/day]": one.rate.values[implanted, -1].mean(),
        "faults of pump and catheter": (one.pump_faults + one.catheter_faults).values.sum() / 12,
        "withdrawal after the trial [%]": 100 * (one.withdrawal.values[:, 1:].max(axis=1) > 0.25).mean(),
        "constipation at the end": one.constipation.values[:, -1].mean(),
    }  # fmt: skip
    for name, value in expected.items():
        assert found.loc[name, "implant"] == pytest.approx(value), name
    assert (
        found.loc[["responded in the trial [%]", "would have with a placebo [%]"], "oral"]
        .isna()
        .all()
    )
    without = trial("morphine", ORAL, method="none", subjects=2, months=1)
    assert np.isnan(table(without).loc["responded in the trial [%]", "trial"])
    assert found.loc["refills", "oral"] == 0


def test_subjects_in_memory_at_once_do_not_show(usual, monkeypatch):
    monkeypatch.setattr(running, "BLOCK", 7)
    small = trial("morphine", ORAL, subjects=20, seed=1, months=4, faults=OFTEN)
    xr.testing.assert_identical(small, usual.sel(subject=small.subject))


# ------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("drug", "oral", "asked_for", "error", "said"),
    [
        ("fentanyl", None, {"doses": ["10 ug"]}, DrugError, "no analgesia.cord_ec50.*equianalgesia.calibrate"),
        ("ziconotide", None, {"doses": ["1 ug"]}, DrugError, "ziconotide"),
        ("morphine", "60 mg oral q12h x 28", {}, RegimenError, "ends"),
        ("morphine", "10 mg iv bolus q12h", {}, RegimenError, "is not oral"),
        ("morphine", "60 mg oral q36h", {}, RegimenError, "does not come round every day"),
        ("morphine", "900 mg oral q12h", {}, DrugError, "highest plausible"),
        ("morphine", None, {}, ParameterError, "a trial needs doses"),
        ("morphine", None, {"doses": ["1 mg", "0.5 mg"]}, RegimenError, "do not rise"),
        ("morphine", None, {"doses": ["10 mg"]}, DrugError, "highest plausible"),
        ("morphine", ORAL, {"doses": ["1 mg/day"]}, RegimenError, "single shots take amounts"),
        ("morphine", ORAL, {"doses": ["1 mg"], "method": "catheter"}, RegimenError, "catheter take rates"),
        ("morphine", ORAL, {"subjects": 0}, ParameterError, "subjects=0"),
        ("morphine", ORAL, {"threshold": 1.2}, ParameterError, "threshold is 1.2"),
        ("baclofen", "20 mg oral q8h", {"threshold": 0.9}, ParameterError, "up to 0.8"),
        ("baclofen", "20 mg oral q8h", {"titration": Titration(limit=0.5)}, ParameterError, "of respiration"),
        ("morphine", ORAL, {"ratio": -3}, ParameterError, "ratio is -3"),
        ("morphine", ORAL, {"ratio": "nominl"}, DrugError, "nominl"),
        ("morphine", ORAL, {"pump": "SynchroMed"}, RegimenError, "is no pump"),
        ("morphine", ORAL, {"observed": ("12 h", "30 h")}, ParameterError, "within a step"),
        ("morphine", ORAL, {"observed": ("4 h", "12 h")}, ParameterError, "every 3 h"),
        ("morphine", ORAL, {"doses": ["1 mg"], "method": "none"}, ParameterError, "there is none"),
        ("morphine", ORAL, {"parameters": {"analgesia_hill": [1, 2]}}, ParameterError, "several values"),
        ("morphine", ORAL, {"parameters": {"clearance": "3 mg"}}, ParameterError, "unit of an amount"),
        ("morphine", ORAL, {"parameters": [1]}, ParameterError, "expected names and values"),
        ("morphine", ORAL, {"parameters": {1: 2}}, ParameterError, 'unknown parameter "1"'),
        ("morphine", ORAL, {"parameters": {"analgesia_hill": 0}}, ParameterError, "expected more than 0"),
        ("morphine", ORAL, {"parameters": {"clearance": 0}}, ParameterError, "subject 1, 2, 3, ... cannot be solved"),
        ("morphine", ORAL, {"parameters": {"analgesia_maximum": 0.1}}, ParameterError, "no potency makes the oral"),
        ("morphine", ORAL, {"patients": Patients(relief=0.999)}, ParameterError, "Lower Patients.relief"),
        ("morphine", "0 mg oral q12h", {"doses": ["1 mg"]}, RegimenError, "gives nothing"),
        ("morphine", "100 mg oral q12h at 3 h", {}, RegimenError, "begins at 3 h"),
        ("morphine", "1 mg/kg oral q12h", {}, RegimenError, "is per kg"),
        ("morphine", ORAL, {"threshold": 0}, ParameterError, "threshold is 0; expected a number above 0 and up to 1"),
        ("morphine", ORAL, {"threshold": np.nan}, ParameterError, "threshold is nan"),
        ("morphine", ORAL, {"threshold": True}, ParameterError, "threshold is True"),
        ("morphine", ORAL, {"per_day": "2 mg"}, ParameterError, "per_day is '2 mg'; expected a number"),
        ("morphine", ORAL, {"months": 0}, ParameterError, "months is 0"),
        ("morphine", ORAL, {"months": 0.4}, ParameterError, "the first visit comes after 14 d"),
        ("morphine", ORAL, {"seed": None}, ParameterError, "seed is None"),
        ("morphine", ORAL, {"seed": 1.0}, ParameterError, "expected a whole number"),
        ("morphine", ORAL, {"subjects": [1, 1]}, ParameterError, "each once"),
        ("morphine", ORAL, {"subjects": 10**30}, ParameterError, "10 million"),
        ("morphine", ORAL, {"doses": []}, RegimenError, "no doses"),
        ("morphine", ORAL, {"doses": "1 mg"}, ParameterError, "expected a list of text"),
        ("morphine", ORAL, {"doses": 0.5}, ParameterError, "expected a list of text"),
        ("morphine", ORAL, {"doses": ["0 mg", "1 mg"]}, RegimenError, "a step of 0"),
        ("morphine", ORAL, {"step_length": 0}, ParameterError, "expected whole days, 1 to"),
        ("morphine", ORAL, {"wait": "5 mg"}, ParameterError, "unit of an amount"),
        ("morphine", ORAL, {"wait": 1e12}, ParameterError, "expected whole days, 0 to"),
        ("morphine", ORAL, {"method": "none", "step_length": "1 d"}, ParameterError, "step_length is of a trial"),
        ("morphine", ORAL, {"observed": "3 h"}, ParameterError, "expected two times"),
        ("morphine", ORAL, {"observed": ("12 h", "3 h")}, ParameterError, "expected two times"),
        ("morphine", ORAL, {"taper": 0.5}, ParameterError, "taper is 0.5"),
        ("morphine", ORAL, {"taper": ("50 %",)}, ParameterError, "expected parts that do not rise"),
        ("morphine", ORAL, {"taper": (1.5,)}, ParameterError, "expected parts that do not rise"),
        ("morphine", ORAL, {"patients": 3}, ParameterError, "expected Patients"),
        ("morphine", ORAL, {"faults": 0}, ParameterError, "expected Faults"),
        ("morphine", ORAL, {"pump": 3}, ParameterError, "expected the name of a pump"),
        ("morphine", ORAL, {"placebo_control": "no"}, ParameterError, "expected True or False"),
        ("morphine", None, {"doses": ["1 mg"], "ratio": 100}, ParameterError, "no oral order to convert"),
        ("morphine", None, {"method": "none"}, ParameterError, "from which an implant without a trial has its dose"),
        ("clonidine", "0.1 mg oral q12h", {"doses": ["50 ug"]}, DrugError, "no dose ratio"),
        ("baclofen", "20 mg oral q8h", {"patients": Patients(score=8)}, ParameterError, "ashworth from 1.4 to 5"),
        ("baclofen", "20 mg oral q8h", {"titration": Titration(target=0.5)}, ParameterError, "ashworth from 1 to 5"),
    ],
)  # fmt: skip
def test_refused(drug, oral, asked_for, error, said):
    with pytest.raises(error, match=said):
        trial(drug, oral, **asked_for)


def test_all_faults_at_once():
    with pytest.raises(ParameterError) as caught:
        trial("morphine", ORAL, method="shots", months=-1, seed=-1, taper=[0.2, 0.5], wait="3 h",
              parameters={"clearence": 3})  # fmt: skip
    assert len(caught.value.faults) == 6 and "trial(" in caught.value.remedy
    with pytest.raises(ParameterError, match=r"relief is 1.*noise is -1"):
        Patients(relief=1, noise=-1)
    with pytest.raises(ParameterError, match=r"every is '3 h'; expected whole days"):
        Titration(every="3 h")
    with pytest.raises(
        ParameterError,
        match=r"maximum .5 mg.*step is 0; expected a number above 0.*target.*limit is 2",
    ):
        Titration(maximum="5 mg", step=0, target=20, limit=2)
    with pytest.raises(ParameterError, match=r"per_year is nan.*pump is 2"):
        Faults(per_year=np.nan, pump=2)
    with pytest.raises(ParameterError, match=r"every is .*expected whole days, 1 to 36525"):
        Titration(every=1e30)
    with pytest.raises(ParameterError, match="no oral order"):
        strategies("morphine", None, doses=["1 mg"])


def test_a_drug_without_highest_doses_takes_them_from_the_rules():
    drug = Drug.read("morphine")
    oral = {"oral": drug.routes["oral"]}
    with pytest.raises(InputError, match=r"no highest daily dose, intrathecal.*maximum="):
        trial(replace(drug, routes=oral), ORAL, method="none", subjects=1, months=1)


def test_what_is_no_trial_has_no_table_and_no_events(usual):
    other = simulate("morphine", ORAL, [0.0, 1.0])
    for take in (table, events):
        with pytest.raises(InputError, match="not the result of a trial"):
            take(other)
        with pytest.raises(InputError, match=r"no dimension subject.*ds.sel\(subject=\[3\]\)"):
            take(usual.sel(subject=3))


# --------------------------------------------------------------------------------- beside what was published


@pytest.fixture(scope="module")
def beside():
    return published(seed=1)


def number(text):
    return float(text.split()[0])


def test_published_figures_are_in_sight(beside):
    """Bands wide enough for another platform, tight enough to see a change of the model."""
    found = dict(zip(beside.what, beside.simulated, strict=True))
    expected = {
        "start at 105:1, adequate": (56, 5),
        "pain below 4 at 4 weeks, pump": (74, 5),
        "pain below 4 at 4 weeks, without": (18, 5),
        "single shot of 0.3 mg without opioids before: adequate": (74, 5),
        "less than doubled in 3 months": (59, 6),
    }
    for what, (value, width) in expected.items():
        assert number(found[what]) == pytest.approx(value, abs=width), what


def test_page_shows_these_figures(beside):
    page = (DOCS / "trial.md").read_text(encoding="utf-8")
    for row in beside.itertuples():
        assert f"| {row.what} | {row.published} | {row.simulated} |" in page


def test_command(tmp_path):
    from click.testing import CliRunner

    from pkmodel.cli.trial import trial as command

    words = ["morphine", ORAL, "--subjects", "20", "--months", "1", "--seed", "3", "--compare"]
    done = CliRunner().invoke(command, [*words, "-o", str(tmp_path / "trial.csv")])
    assert done.exit_code == 0, done.output
    ds = strategies("morphine", ORAL, subjects=20, months=1, seed=3)
    first = int((ds.sel(strategy="implant").response_step == 1).sum())
    assert re.search(rf"^ +1 +0\.474 +20 +{first}$", done.output, re.MULTILINE)
    assert "For research." in done.output and "Patients.noise 0.5 (assumed" in done.output
    stored = pd.read_csv(tmp_path / "trial.csv", index_col="result")
    pd.testing.assert_frame_equal(stored, table(ds), check_names=False)


def test_command_without_a_trial(tmp_path):
    from click.testing import CliRunner

    from pkmodel.cli import main

    path = tmp_path / "trial.nc"
    words = [
        "trial",
        "morphine",
        ORAL,
        "--method",
        "none",
        "--ratio",
        "nominal",
        "--subjects",
        "3",
        "--months",
        "1",
    ]
    done = CliRunner().invoke(main, [*words, "-o", str(path)])
    assert done.exit_code == 0, done.output
    assert re.search(r"^ +responded in the trial \[%\] +-$", done.output, re.MULTILINE)
    assert " step " not in done.output.split("Assumed")[0]
    stored = xr.load_dataset(path, engine="h5netcdf")
    ds = trial("morphine", ORAL, method="none", ratio="nominal", subjects=3, months=1)
    np.testing.assert_array_equal(stored.score, ds.score)
    wrong = CliRunner().invoke(
        main, [*words[:3], "--ratio", "nan", "--threshold", "2", "--months", "0"]
    )
    assert wrong.exit_code == 2
    for text in ("ratio is nan", "threshold is 2", "months is 0"):
        assert text in wrong.output


def test_an_event_table_for_other_models(usual):
    given = events(usual.sel(subject=[1, 2]))
    assert isinstance(given, EventTable) and sorted(set(given.subject)) == [1, 2]
    assert given.steady.tolist().count(1) == 2


def test_doses_that_follow_from_the_oral_one_are_said_to():
    for method, whole, written in (
        ("single shots", "all of", "20 ug"),
        ("catheter", "twice", "mg/day"),
    ):
        with pytest.raises(DrugError, match=f"{whole} the converted oral dose, ") as caught:
            trial("baclofen", "20 mg oral q8h", method=method, ratio=5)
        assert written in caught.value.remedy and "doses=[" in caught.value.remedy
        assert not re.search(r"\d\.\d{5}", str(caught.value))


def test_remedies_are_about_the_faults():
    with pytest.raises(ParameterError) as caught:
        trial("morphine", ORAL, threshold=50, months=0.1)
    call = f'Write for example trial("morphine", "{ORAL}", threshold=0.5, months=12).'
    assert caught.value.remedy == call


def test_command_answers_as_a_command():
    from click.testing import CliRunner

    from pkmodel.cli import main

    def said(*words):
        done = CliRunner().invoke(main, ["trial", "morphine", ORAL, *words])
        assert done.exit_code == 2
        return done.output

    assert f'pkmodel trial morphine "{ORAL}" --threshold 0.5 --months 12' in said(
        "--months", "0", "--threshold", "2"
    )
    assert '--dose "0.5 mg" --dose "1 mg"' in said("--dose", "1")
