import math
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pkmodel import validation
from pkmodel.cli.validation import validate as command
from pkmodel.drugs import Drug
from pkmodel.errors import InputError
from pkmodel.library import one_compartment
from pkmodel.model import Parameter
from pkmodel.plot.validation import observations
from pkmodel.simulation import simulate
from pkmodel.validation import as_published, load, validate
from pkmodel.validation.judging import ROLES, fold_error, inside, role, shared
from pkmodel.validation.observables import ARGUMENTS, KINDS, Curve
from pkmodel.validation.places import is_place, place_of_tip, site_of
from pkmodel.validation.reader import PACKAGED
from pkmodel.validation.report import percentiles
from pkmodel.validation.running import NotRunError, places_of, times_of

LN2 = math.log(2)
TEXT = PACKAGED.read_text(encoding="utf-8")
CASES = load().cases
ALL = [o for case in CASES.values() for o in case.observations.values()]

# One compartment with known answers. V = 50 L, CL = 5 L/h, so k = 0.1 /h and the half-life is 6.93 h.
SMALL = """
version = "1"

[cases.A]
title = "A bolus"
population = "nobody"
sampling = "none"
until = "48 h"
source = ["somebody_2000"]
confidence = "read"
gate = "B"

[cases.A.doses.bolus]
drug = "morphine"
order = "10 mg iv bolus"
n = 3

[cases.A.observed.plasma]
kind = "concentration"
place = "plasma"
at = "1 h"
value = "181 ng/mL"
spread = ["SD", "20 ng/mL"]

[sources]
somebody_2000 = "Somebody 2000, DOI 10.1/abc"
"""


# -------------------------------------------------------------------------- the packaged cases


def test_packaged_cases_are_complete():
    assert {"V1", "V2", "V4", *(f"V{k}" for k in range(6, 30)), "V14b", "V15b", "V22b",
            "X1", "X2", "X3", "X4", "X6", "X7", "X14", "L1", "L2", "L3", "L4", "L5"} == set(CASES)  # fmt: skip
    assert {name for name, case in CASES.items() if case.calibration} == {"V1", "V4", "V8", "V9"}


def test_every_number_has_source_confidence_and_gate():
    for o in ALL:
        assert o.source and o.confidence and o.gate, o
        assert o.target[0] <= o.target[1], o
        if o.kind != "effect":
            assert (o.band is None) == (o.gate == "-"), o
        if o.band:
            assert o.band[0] <= o.band[1], o
        if o.spread:
            assert o.spread[0] <= o.target[0] <= o.spread[1], o


def test_median_and_gate_of_an_observation_agree_with_what_was_published():
    """A prediction that is exactly what was published passes."""
    for o in ALL:
        if o.band and o.exact and (o.case, o.name) != ("V14", "chronic_csf_albright"):
            assert inside(o.target[0], o.band), o
            assert fold_error(o.target[0], o.target) == 1


def test_every_source_and_every_dose_is_used():
    import tomllib

    table = tomllib.loads(TEXT)
    used = {text for o in ALL for text in o.source}
    assert used == set(table["sources"].values())
    for case in CASES.values():
        observed = case.observations.values()
        named = {o.dose for o in observed} | {o.versus.dose for o in observed if o.versus}
        assert named == set(case.doses), case.name


def test_sources_are_those_of_the_drug_files():
    """A study has one reference in all files, so that what a drug file takes from it is found."""
    files = {s for name in Drug.names() for s in Drug.read(name).references}
    for text in {text for o in ALL for text in o.source}:
        ids = set(re.findall(r"PMID \d+|10\.\d+/\S+", text))
        same = [s for s in files if ids & set(re.findall(r"PMID \d+|10\.\d+/\S+", s))]
        assert not same or text in files, text


@pytest.fixture(scope="module")
def everything():
    return validate(subjects=8)


def test_all_packaged_cases_run_or_say_why_not(everything):
    table = everything.table
    assert set(table.case) == set(CASES) == set(everything.profiles)
    assert len(table) == len(ALL)
    run = table.not_run == ""
    assert table.predicted[run].notna().all() and table.predicted[~run].isna().all()
    assert run.sum() > 60
    assert (table.fold_error[run] >= 1).all()
    assert table.role.isin(list(ROLES)).all()
    assert (table.predicted_5[run] <= table.predicted[run] * (1 + 1e-12)).all()


def test_packaged_cases_are_not_run_for_reasons_of_the_file_only(everything):
    keyed = everything.table.set_index(["case", "observation"]).not_run
    assert {key: reason for key, reason in keyed.items() if reason} == {
        (o.case, o.name): o.not_run for o in ALL if o.not_run
    }


def test_results_do_not_depend_on_which_cases_are_asked_for(everything):
    alone = validate(["L5", "V6"], subjects=8).table
    assert list(dict.fromkeys(alone.case)) == ["L5", "V6"]
    both = everything.table.set_index(["case", "observation"]).loc[["L5", "V6"]]
    assert np.array_equal(alone.predicted.values, both.predicted.values, equal_nan=True)


@pytest.mark.parametrize("name", CASES)
def test_model_has_a_site_for_every_place(name):
    """Tips and places are levels that the spine has."""
    for dose in CASES[name].doses.values():
        places = places_of(CASES[name], dose.name)
        sites = as_published(Drug.read(dose.drug), dose.tip, places).model().sites
        assert all(site_of(place, sites) for place in places)


def test_dose_and_samples_are_at_the_levels_of_the_case():
    drug = as_published(Drug.read("morphine"), "T10", ("CSF L1-L2", "plasma"), segments=40)
    assert (drug.spine.segments, drug.spine.tip, drug.spine.epidural) == (40, "T10", "T10")
    assert "csf L1-L2" in drug.model().sites
    for tip in ("lumbar", ""):
        assert as_published(Drug.read("morphine"), tip, ()).spine.tip == "L3-L4"


def test_tip_in_a_region_other_than_the_lumbar_one(tmp_path):
    new = '"0.3 mg intrathecal bolus"\ntip = "cervical"'
    (row,) = validate(
        subjects=None, file=small(tmp_path, ('"10 mg iv bolus"', new))
    ).table.itertuples()
    assert "cervical" in row.not_run and math.isnan(row.predicted)


def regions_only(drug, tip, places):
    """A model that has no site for a level."""
    return drug.segmented(30, tip="L3-L4" if tip == "lumbar" else tip)


def test_levels_that_a_model_does_not_part():
    for model, reason in (
        (regions_only, "the model does not part CSF L1-L2 from CSF L5-S1"),
        (as_published, ""),
    ):
        table = validate("V4", model, subjects=None).table.set_index("observation")
        assert table.not_run["morphine_peak_time"] == reason
    (row,) = validate("V9", regions_only, subjects=None).table.itertuples()
    assert row.not_run == "the model does not part CSF T2 from CSF T12"


def test_directions_of_the_packaged_cases():
    """Laws that hold whatever the numbers in the drug files are."""

    def found(case):
        return validate(case, subjects=None).table.set_index("observation").predicted

    upper = found("V4")
    assert upper["fentanyl_peak_time"] < upper["morphine_peak_time"]
    tips = found("V16")
    assert tips["gradient_l2"] > tips["gradient_t10"] > 1
    assert tips["csf_plasma"] > 100
    baclofen = found("V14")
    assert baclofen["gradient_l3"] > baclofen["gradient"] > baclofen["gradient_t10"] > 1
    site = found("V27")
    assert site["auc"] < 1 and site["peak"] < 1 < site["peak_time"]
    assert 0 < found("V9")["gradient"] < 100
    assert found("L1")["intrathecal_to_blood"] == pytest.approx(100, rel=0.01)


# ------------------------------------------------------------------------------- the observables


def curve(dose=10.0, **arguments):
    """A bolus into one compartment of 50 L, k = 0.1 /h."""
    times = np.linspace(0, 48, 481)
    ds = simulate(one_compartment(), f"{dose} mg iv bolus", times=times, amounts=False)
    names = {name.rstrip("_"): value for name, value in arguments.items()}
    return Curve(ds.concentration.sel(site="central"), dose, names)


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        ("concentration", {"at": 10.0}, 0.2 * math.exp(-1)),
        ("peak", {}, 0.2),
        ("peak", {"from_": 10.0}, 0.2 * math.exp(-1)),
        ("peak_time", {}, 0.0),
        ("peak_time", {"from_": 10.0, "to": 20.0}, 10.0),
        ("half_life", {"from_": 1.0, "to": 20.0}, 10 * LN2),
        ("auc", {}, 10 / 5),
        ("auc", {"to": 10.0}, 2 * (1 - math.exp(-1))),
        ("clearance", {}, 5.0),
        ("initial_volume", {"from_": 5.0, "to": 15.0}, 50.0),
        ("terminal_volume", {"from_": 5.0, "to": 15.0}, 50.0),
        ("share_left", {"at": 10.0, "volume": 25.0}, math.exp(-1) / 2),
        ("reach", {"level": 0.2}, 0.0),
        ("reach", {"level": 0.2001}, math.inf),
    ],
)
def test_kinds_on_a_closed_form(kind, arguments, expected):
    found = KINDS[kind].compute(curve(**arguments))
    assert float(found) == pytest.approx(expected, rel=1e-6)


@given(st.floats(0.01, 100))
def test_kinds_scale_with_the_dose(factor):
    for kind, arguments, power in (
        ("peak", {}, 1), ("auc", {}, 1), ("clearance", {}, 0), ("half_life", {"from_": 1.0, "to": 9.0}, 0),
        ("initial_volume", {"from_": 1.0, "to": 9.0}, 0), ("share_left", {"at": 3.0, "volume": 1.0}, 0),
    ):  # fmt: skip
        one, many = (KINDS[kind].compute(curve(d, **arguments)) for d in (1.0, factor))
        assert float(many / one) == pytest.approx(factor**power, rel=1e-6)


def rising(level=1.0):
    times = np.arange(0, 11.0)
    return Curve(xr.DataArray(times, coords={"time": times}), 1.0, {"level": level, "ratio": level})


def test_first_time_of_a_level_and_of_a_ratio():
    assert float(KINDS["reach"].compute(rising(2.5))) == 3.0
    assert float(KINDS["reach"].compute(rising(0.0))) == 0.0
    assert float(KINDS["reach"].compute(rising(10.0))) == 10.0
    assert float(KINDS["reach"].compute(rising(10.1))) == math.inf
    assert float(KINDS["ratio_time"].compute(rising(2.5))) == 3.0
    assert float(KINDS["ratio_time"].compute(rising(0.0))) == 1.0, "time 0 has no ratio"
    assert math.isnan(KINDS["ratio_time"].compute(rising(11.0)))


def test_no_half_life_where_there_is_no_drug():
    empty = Curve(rising().concentration * 0, 1.0, {"from": 1.0, "to": 5.0})
    assert math.isnan(KINDS["half_life"].compute(empty))


def test_every_kind_says_what_it_needs():
    for name, kind in KINDS.items():
        assert set(kind.needs) | set(kind.may_have) <= set(ARGUMENTS), name
        assert (kind.compute is None) == (name == "effect")


@pytest.mark.parametrize("name", CASES)
def test_times_hold_all_that_are_asked_for_in_few_steps(name):
    times = times_of(CASES[name])
    observed = CASES[name].observations.values()
    asked = {t for o in observed for k, t in o.arguments.items() if ARGUMENTS[k] == "time"}
    assert asked <= set(times) and times[0] == 0 and times[-1] == CASES[name].until
    assert len(np.unique(np.diff(times))) < 20 + 2 * len(asked)


# --------------------------------------------------------------------------- places and judging


@pytest.mark.parametrize(
    ("place", "sites", "found"),
    [
        ("plasma", ["plasma"], "plasma"),
        ("lumbar CSF", ["plasma", "lumbar_csf"], "lumbar_csf"),
        ("CSF L2-L3", ["lumbar_csf"], "lumbar_csf"),
        ("CSF L2-L3", ["lumbar_csf", "csf L2-L3"], "csf L2-L3"),
        ("CSF T12", ["thoracic_csf", "csf T11"], "thoracic_csf"),
        ("CSF C7-T1", ["cervical_csf", "thoracic_csf"], "cervical_csf"),
        ("cisternal CSF", ["cisternal_csf", "cranial_csf"], "cisternal_csf"),
        ("cisternal CSF", ["cranial_csf"], "cranial_csf"),
        ("brain", ["plasma"], None),
    ],
)
def test_place_to_site(place, sites, found):
    assert is_place(place) and site_of(place, sites) == found


def test_metabolites_are_in_plasma_and_in_csf_as_a_whole():
    sites = ["plasma", "m6g", "m6g_csf", "lumbar_csf", "cord"]
    assert site_of("plasma", sites, "M6G") == "m6g"
    assert site_of("lumbar CSF", sites, "M6G") == site_of("CSF T10", sites, "M6G") == "m6g_csf"
    assert site_of("cord", sites, "M6G") is None
    assert site_of("lumbar CSF", ["lumbar_csf", "m6g"], "M6G") is None


@pytest.mark.parametrize("place", ["", "CSF", "CSF T13", "CSF L2-L4", "lumbar", "toe", "CSF T1 "])
def test_no_place(place):
    assert not is_place(place)


def test_places_of_tips():
    assert is_place(place_of_tip("lumbar")) and is_place(place_of_tip("L3-L4"))


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_fold_error_is_symmetric_and_1_at_least(a, b):
    assert fold_error(a, (b, b)) == pytest.approx(fold_error(b, (a, a)))
    assert fold_error(a, (b, b)) >= 1
    assert fold_error(a, (a, a)) == 1


def test_fold_error_by_hand():
    assert fold_error(2.0, (4.0, 4.0)) == 2.0
    assert fold_error(2.0, (4.0, math.inf)) == 2.0
    assert fold_error(5.0, (4.0, math.inf)) == 1.0
    assert fold_error(3.0, (0.0, 1.0)) == 3.0
    assert fold_error(0.0, (4.0, 4.0)) == math.inf
    assert math.isnan(fold_error(math.nan, (4.0, 4.0)))
    assert fold_error(math.inf, (4.0, 4.0)) == fold_error(math.inf, (1.0, math.inf)) == math.inf


def test_inside_bounds():
    assert inside(1.0, (1.0, 2.0)) and not inside(2.5, (1.0, 2.0))
    assert inside(1.0, None) is None and inside(math.nan, (1.0, 2.0)) is None


def test_roles_follow_the_sources():
    morphine = Drug.read("morphine")
    observation = CASES["V11"].observations["peak_time"]
    assert "absorption_rate" in shared([morphine], observation)
    other = replace(observation, source=("Another title, PMID 2719903",))
    assert shared([morphine], other) == shared([morphine], observation), "known by its PMID"
    assert shared([morphine], replace(observation, source=("Nobody 1900",))) == ()
    assert role(CASES["V1"], ()) == "calibration"
    assert role(CASES["V6"], ("clearance",)) == "input" and role(CASES["V6"], ()) == "prediction"


# ------------------------------------------------------------------------------ a case by hand


def small(tmp_path, *changes):
    text = SMALL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "cases.toml"
    path.write_text(text, encoding="utf-8")
    return path


def by_hand(path, subjects=None, volume_cv=0.0):
    class OneCompartment(Drug):
        """A drug whose model has one compartment, named plasma."""

        def model(self):
            model = one_compartment(
                clearance=Parameter("clearance", "5 L/h", cv=0.1),
                volume=Parameter("volume", "50 L", cv=volume_cv),
            )
            outputs = tuple(replace(o, site="plasma") for o in model.outputs)
            return replace(model, outputs=outputs)

    def one(drug, tip, places):
        return OneCompartment(**{**vars(drug), "parameters": {}})

    return validate(None, one, subjects=subjects, file=path)


@pytest.mark.parametrize(
    ("target", "fold", "spread", "gate"),
    [
        ('value = "181 ng/mL"\nspread = ["SD", "20 ng/mL"]', 181 / 180.97, True, True),
        ('value = "362 ng/mL"\nspread = ["SD", "20 ng/mL"]', 362 / 180.97, False, False),
        ('value = "361 ng/mL"\nspread = ["CV", "60 %"]', 361 / 180.97, True, True),
        ('value = "362 ng/mL"\nfold = 3', 362 / 180.97, None, True),
        ('value = "100 ng/mL"\nspread = ["range", "90 ng/mL", "200 ng/mL"]\ngate = "A"', 1.8097, True, True),
        ('value = "100 ng/mL"\nspread = ["95 % CI", "90 ng/mL", "110 ng/mL"]\ngate = "A"', 1.8097, False, False),
        ('below = "0.1 ug/mL"', 1.8097, None, True),
        ('above = "100 ng/mL"', 1.0, None, True),
        ('above = "400 ng/mL"', 400 / 180.97, None, False),
        ('between = ["50 ng/mL", "90 ng/mL"]', 180.97 / 90, None, False),
        ('between = ["50 ng/mL", "90 ng/mL"]\nband = ["0 ng/mL", "1 mg/L"]', 180.97 / 90, None, True),
    ],
)  # fmt: skip
def test_fold_spread_and_gate_of_a_case_with_a_known_answer(tmp_path, target, fold, spread, gate):
    path = small(tmp_path, ('value = "181 ng/mL"\nspread = ["SD", "20 ng/mL"]', target))
    (row,) = by_hand(path).table.itertuples()
    unit = 1e3 if row.unit == "ug/mL" else 1.0
    assert row.predicted * unit == pytest.approx(200 * math.exp(-0.1), rel=1e-12)
    assert row.fold_error == pytest.approx(fold, rel=1e-4)
    assert (row.inside_spread, row.inside_gate) == (spread, gate)
    assert row.role == "prediction" and row.n == 3


def test_percentiles_are_those_of_the_subjects(tmp_path):
    (row,) = by_hand(small(tmp_path), subjects=400).table.itertuples()
    low, high = (200 * math.exp(-0.1 * math.exp(z * 0.0998)) for z in (1.645, -1.645))
    assert row.predicted_5 == pytest.approx(low, rel=0.005)
    assert row.predicted_95 == pytest.approx(high, rel=0.005)


def test_ratio_of_two_arms_per_dose(tmp_path):
    more = '[cases.A.doses.half]\ndrug = "morphine"\norder = "5 mg iv bolus"\n\n[cases.A.observed.plasma]'
    versus = 'value = "1"\ndose = "bolus"\nversus = {dose = "half", place = "plasma"}'
    for per_dose, expected in (("", 2.0), ("\nper_dose = true", 1.0)):
        path = small(tmp_path, ("[cases.A.observed.plasma]", more),
                     ('value = "181 ng/mL"\nspread = ["SD", "20 ng/mL"]', versus + per_dose))  # fmt: skip
        (row,) = by_hand(path).table.itertuples()
        assert row.predicted == pytest.approx(expected)
        assert row.quantity == "concentration at 1 h, plasma (bolus : half)" and row.kind == ""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('drug = "morphine"', 'drug = "aspirin"', "no drug file: aspirin"),
        ('place = "plasma"', 'place = "cervical CSF"', "the model has no site for cervical CSF"),
        ('place = "plasma"', 'place = "plasma"\nsubstance = "M6G"', "the model has no site for M6G in plasma"),
        ("n = 3", 'settings = { speed = "3 /h" }', "the model has no parameter speed"),
        ('"10 mg iv bolus"', '"10 mg oral"', "oral"),
        ('kind = "concentration"', 'kind = "concentration"\nnot_run = "why"', "why"),
    ],
)  # fmt: skip
def test_reasons_not_to_run(tmp_path, old, new, reason):
    (row,) = by_hand(small(tmp_path, (old, new))).table.itertuples()
    assert reason in row.not_run
    assert math.isnan(row.predicted) and row.inside_gate is None and row.observed == pytest.approx(181)  # fmt: skip


def test_settings_of_an_arm_take_effect(tmp_path):
    path = small(tmp_path, ("n = 3", 'settings = { clearance = "10 L/h" }'))
    (row,) = by_hand(path, subjects=3).table.itertuples()
    assert row.predicted == pytest.approx(200 * math.exp(-0.2))


def test_a_region_holds_the_level_of_the_tip(tmp_path):
    text = SMALL.replace('"10 mg iv bolus"', '"0.3 mg intrathecal bolus"\ntip = "L3-L4"')
    path = tmp_path / "cases.toml"
    for place, reason in (
        ("lumbar CSF", ""),
        ("CSF L3-L4", ""),
        ("CSF L1", "the model does not part CSF L1 from CSF L3-L4"),
    ):
        path.write_text(text.replace('place = "plasma"', f'place = "{place}"'), encoding="utf-8")
        (row,) = validate(None, regions_only, subjects=None, file=path).table.itertuples()
        assert row.not_run == reason


REACH = 'kind = "concentration"\nplace = "plasma"\nat = "1 h"\nvalue = "181 ng/mL"\nspread = ["SD", "20 ng/mL"]'


def reach(level, target):
    return (REACH, f'kind = "reach"\nplace = "plasma"\nlevel = "{level}"\n{target}')


class Absorbed(Drug):
    """As `OneCompartment`, with a first-order absorption: C = 0.25 (exp(-0.1 t) - exp(-0.5 t)) mg/L of 10 mg."""

    def model(self):
        model = one_compartment(
            clearance="5 L/h", volume="50 L", depot=True, absorption_rate="0.5 /h"
        )
        outputs = tuple(replace(o, site="plasma") for o in model.outputs)
        return replace(model, outputs=outputs)


def test_time_at_which_a_level_is_reached_by_hand(tmp_path):
    def absorbed(drug, tip, places):
        return Absorbed(**{**vars(drug), "parameters": {}})

    path = small(tmp_path, reach("90 ng/mL", 'above = "60 min"\nband = ["60 min", "6 h"]'),
                 ('"10 mg iv bolus"', '"10 mg oral"'))  # fmt: skip
    (row,) = validate(None, absorbed, subjects=None, file=path).table.itertuples()
    assert row.quantity == "reaches 90 ng/mL, plasma"

    def concentration(hours):
        return 250 * (math.exp(-0.1 * hours) - math.exp(-0.5 * hours))

    hours = row.predicted / 60
    assert concentration(hours - 1 / 16) < 90 <= concentration(hours)
    assert (row.fold_error, row.inside_gate) == (1.0, True)


def test_what_never_comes_is_late_and_fails(tmp_path):
    """V spreads by 10 %, so that half of the subjects have 200 ng/mL at once and the others never."""
    target = 'below = "60 min"\nband = ["0 min", "6 h"]'
    (row,) = by_hand(small(tmp_path, reach("150 ng/mL", target))).table.itertuples()
    assert (row.predicted, row.fold_error, row.inside_gate) == (0.0, 1.0, True)
    (row,) = by_hand(small(tmp_path, reach("201 ng/mL", target))).table.itertuples()
    assert row.not_run == "no subject has a value"
    (row,) = by_hand(
        small(tmp_path, reach("240 ng/mL", target)), subjects=50, volume_cv=0.2
    ).table.itertuples()
    assert (row.predicted_5, row.predicted, row.predicted_95) == (0.0, math.inf, math.inf)
    assert (row.fold_error, row.inside_gate) == (math.inf, False)


def test_percentiles_by_hand():
    assert percentiles(np.arange(101.0)) == pytest.approx((5.0, 50.0, 95.0))
    assert percentiles(np.array([1.0, np.inf])) == (1.0, 1.0, 1.0)
    assert percentiles(np.array([3.0, np.inf, np.inf])) == (3.0, math.inf, math.inf)


def test_gate_that_judges_nothing(tmp_path):
    path = small(
        tmp_path,
        ('at = "1 h"', 'at = "1 h"\ngate = "-"\nnote = "why"'),
        ('"181 ng/mL"', '"18.1 ng/mL"'),
    )
    result = by_hand(path)
    (row,) = result.table.itertuples()
    assert row.inside_gate is None and row.inside_spread is False and row.not_run == ""
    assert row.fold_error == pytest.approx(10, rel=1e-3)
    summary = result.summary().loc["all"]
    assert summary["observations"] == 1 and summary["values"] == 0
    assert summary[["inside_gate", "inside_spread", "within_2_fold"]].isna().all()


METABOLITE = """
[cases.A.observed.csf]
kind = "concentration"
place = "lumbar CSF"
substance = "M6G"
at = "24 h"
value = "50 ng/mL"

[cases.A.observed.over_plasma]
kind = "concentration"
place = "lumbar CSF"
substance = "M6G"
at = "24 h"
versus = { place = "plasma", substance = "M6G" }
value = "20 %"

[cases.A.observed.over_drug]
kind = "concentration"
place = "lumbar CSF"
substance = "M6G"
at = "24 h"
versus = { place = "plasma" }
value = "1"

[cases.A.observed.over_itself]
kind = "concentration"
place = "lumbar CSF"
substance = "M6G"
at = "24 h"
versus = { place = "cisternal CSF", substance = "M6G" }
value = "1"

[sources]"""


def test_substance_in_csf_over_a_substance_or_the_drug_in_plasma(tmp_path):
    path = small(tmp_path, ("[sources]", METABOLITE))
    result = validate(subjects=None, file=path)
    rows = result.table.set_index("observation")
    concentration = simulate(
        Drug.read("morphine").model(), "10 mg iv bolus", times=[0.0, 24.0], amounts=False
    ).concentration.isel(time=-1)
    csf, plasma, drug = (
        1e3 * float(concentration.sel(site=site)) for site in ("m6g_csf", "m6g", "plasma")
    )
    assert rows.predicted["csf"] == pytest.approx(csf, rel=1e-6)
    assert rows.predicted["over_plasma"] == pytest.approx(100 * csf / plasma, rel=1e-6)
    assert rows.predicted["over_drug"] == pytest.approx(csf / drug, rel=1e-6)
    assert rows.not_run["over_itself"] == "the model does not part lumbar CSF from cisternal CSF"
    words = "concentration at 24 h, M6G in lumbar CSF : M6G in plasma"
    assert rows.quantity["over_plasma"] == words
    curves = result.profiles["A"]
    names = set(zip(curves.place.values, curves.substance.values, strict=True))
    assert {("lumbar CSF", "M6G"), ("plasma", "M6G"), ("plasma", "")} < names
    shown = curves.concentration.isel(curve=list(curves.substance.values).index("M6G"))
    assert 1e3 * float(shown.sel(quantile=0.5, time=24)) == pytest.approx(csf, rel=1e-6)


def test_not_run_is_no_input_error():
    assert not issubclass(NotRunError, InputError)


# --------------------------------------------------------------------------------- faults of a file

CONCENTRATION = 'kind = "concentration"\nplace = "plasma"\nat = "1 h"'
CONTRADICTION = '[contradictions.c]\ntopic = "t"\nhandling = "h"\nmembers = '
FAULTS = {
    "kind": ('kind = "concentration"', 'kind = "concentrate"', r'plasma.kind: unknown "concentrate" \(did you mean'),
    "no kind": ('kind = "concentration"', "", "plasma.kind: missing; one of concentration, peak"),
    "place": ('place = "plasma"', 'place = "toe"', "plasma.place: 'toe' is no place; one of plasma"),
    "argument": ('at = "1 h"', "", "plasma.at: missing; concentration needs it"),
    "foreign argument": ('at = "1 h"', 'at = "1 h"\nto = "2 h"', "plasma.to: concentration has no such argument"),
    "late": ('at = "1 h"', 'at = "3 d"', "plasma.at: 3 d is behind the end of the case"),
    "window": (
        CONCENTRATION, 'kind = "peak"\nplace = "plasma"\nfrom = "2 h"\nto = "1 h"',
        "plasma.to: the window ends before it begins",
    ),
    "unit": ('"181 ng/mL"', '"181"', 'plasma.value: "181": .*no unit'),
    "dimension": ('"181 ng/mL"', '"181 min"', "plasma.value: "),
    "no text": ('"181 ng/mL"', "181", "plasma.value: expected a text with a unit, not 181"),
    "no target": ('value = "181 ng/mL"', "", "plasma: expected one of value, below, above, between, not none"),
    "two targets": ('value = "181 ng/mL"', 'value = "181 ng/mL"\nbelow = "2 ng/mL"', "not value, below"),
    "order of bounds": ('value = "181 ng/mL"', 'between = ["2 ng/mL", "1 ng/mL"]', "plasma.between: the lower value"),
    "one bound": ('value = "181 ng/mL"', 'between = ["2 ng/mL"]', "plasma.between: expected two texts"),
    "spread": ('["SD", "20 ng/mL"]', '["SE", "20 ng/mL"]', 'plasma.spread: unknown "SE"'),
    "spread numbers": ('["SD", "20 ng/mL"]', '["SD", "20 ng/mL", "3 ng/mL"]', "spread: SD has 1 numbers, not 2"),
    "spread unit": ('["SD", "20 ng/mL"]', '["SD", "20 h"]', "plasma.spread: "),
    "spread number": ('["SD", "20 ng/mL"]', '["SD", 20]', "plasma.spread: expected text with a unit, not 20"),
    "no spread kind": ('["SD", "20 ng/mL"]', '"20 ng/mL"', "plasma.spread: missing; one of SD"),
    "gate": ('gate = "B"', 'gate = "D"', 'plasma.gate: unknown "D"; one of A, B, C, -'),
    "gate without a reason": ('gate = "B"', 'gate = "-"', "plasma.note: expected text"),
    "gate that judges": (
        'at = "1 h"', 'at = "1 h"\ngate = "-"\nfold = 3\nnote = "why"', 'plasma.fold: gate "-" judges nothing',
    ),
    "level": (
        CONCENTRATION, 'kind = "reach"\nplace = "plasma"\nlevel = "3 h"', "plasma.level: ",
    ),
    "band": ('gate = "B"', 'gate = "C"', "plasma.band: missing; gate C needs a band"),
    "half a band": ('at = "1 h"', 'at = "1 h"\nband = ["1 ng/mL"]', "plasma.band: expected the lowest and the highest"),
    "fold": ('at = "1 h"', 'at = "1 h"\nfold = 0.5', "plasma.fold: expected a number from 1, not 0.5"),
    "confidence": ('confidence = "read"', 'confidence = "seen"', 'plasma.confidence: unknown "seen"'),
    "note": ('confidence = "read"', 'confidence = "assumed"', "plasma.note: expected text"),
    "source": ('source = ["somebody_2000"]', 'source = ["somebody_2001"]', r'"somebody_2001" is not in \[sources\] '),
    "no source": ('source = ["somebody_2000"]', "", "plasma.source: missing"),
    "reference": ('"Somebody 2000, DOI 10.1/abc"', '" "', "sources.somebody_2000: expected a full reference"),
    "until": ('until = "48 h"', "until = 48", "cases.A.until: expected text with a unit, not 48"),
    "title": ('title = "A bolus"', "", "cases.A.title: expected text"),
    "key": ('title = "A bolus"', 'titel = "A bolus"', r'cases.A.titel: unknown key \(did you mean "title"'),
    "calibration": ('title = "A bolus"', 'title = "A bolus"\ncalibration = 1', "A.calibration: expected true or false"),
    "subjects": ("n = 3", "n = -3", "doses.bolus.n: expected the number of subjects, not -3"),
    "order": ('"10 mg iv bolus"', '"10 mgs iv bolus"', "doses.bolus.order: .*unknown unit"),
    "tip": ('"10 mg iv bolus"', '"10 mg intrathecal bolus"', "doses.bolus.tip: missing"),
    "wrong tip": ("n = 3", 'tip = "L9"', 'doses.bolus.tip: "L9" is no place'),
    "settings": ("n = 3", "settings = { clearance = 3 }", "doses.bolus.settings.clearance: expected text"),
    "dose": ('at = "1 h"', 'at = "1 h"\ndose = "bolsu"', r'plasma.dose: unknown "bolsu" \(did you mean "bolus"'),
    "versus": ('at = "1 h"', 'at = "1 h"\nversus = { dose = "x", place = "plasma" }', 'versus.dose: unknown "x"'),
    "versus key": (
        'at = "1 h"', 'at = "1 h"\nversus = { place = "plasma", substence = "x" }',
        r'versus.substence: unknown key \(did you mean "substance"',
    ),
    "versus place": ('at = "1 h"', "at = \"1 h\"\nversus = { }", "plasma.versus.place: None is no place"),
    "effect": (CONCENTRATION, 'kind = "effect"\nplace = "plasma"', "plasma.not_run: expected text"),
    "effect unit": (
        CONCENTRATION + '\nvalue = "181 ng/mL"',
        'kind = "effect"\nnot_run = "x"\nplace = "plasma"\nvalue = "3 furlongs/moon"', "plasma.value: ",
    ),
    "no doses": (
        '[cases.A.doses.bolus]\ndrug = "morphine"\norder = "10 mg iv bolus"\nn = 3', "",
        r"cases.A.doses: missing; write \[cases.A.doses",
    ),
    "version": ('version = "1"', "", "version: expected text"),
    "members": ("[sources]", CONTRADICTION + '["A.plasma"]\n[sources]', "c.members: expected two or more"),
    "member": ("[sources]", CONTRADICTION + '["A.plasma", "A.x"]\n[sources]', 'c.members: unknown "A.x"'),
    "not a table": ("[sources]", "[cases]\nB = 3\n[sources]", "not valid TOML|cases.B: expected a table"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_says_where_and_what(fault, tmp_path):
    old, new, message = FAULTS[fault]
    path = small(tmp_path, (old, new))
    with pytest.raises(InputError, match=f"(?s){message}") as error:
        load(path)
    assert str(path) in str(error.value)


def test_all_faults_come_at_once(tmp_path):
    path = small(tmp_path, ('"181 ng/mL"', '"181"'), ("n = 3", "n = -3"), ('"B"', '"D"'))
    with pytest.raises(InputError) as error:
        load(path)
    assert len(error.value.faults) == 3 and "docs/validation.md" in str(error.value)


@pytest.mark.parametrize("section", ["cases", "contradictions", "sources"])
def test_sections_are_tables(section, tmp_path):
    path = tmp_path / "cases.toml"
    path.write_text(f'version = "1"\n{section} = 3', encoding="utf-8")
    with pytest.raises(InputError, match=f"{section}: expected a table"):
        load(path)


def test_rows_of_a_section_are_tables(tmp_path):
    path = tmp_path / "cases.toml"
    path.write_text('version = "1"\n[cases]\nA = 3\n[contradictions]\nc = 3', encoding="utf-8")
    with pytest.raises(InputError) as error:
        load(path)
    assert error.value.faults == (
        "cases.A: expected a table, [cases.A]",
        "contradictions.c: expected a table, [contradictions.c]",
    )


def test_no_file_and_no_toml(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "none.toml")
    path = tmp_path / "cases.toml"
    path.write_text("version = ", encoding="utf-8")
    with pytest.raises(InputError, match="not valid TOML"):
        load(path)


def test_unknown_case():
    with pytest.raises(InputError, match=r'unknown case "V1a" \(did you mean .*Known are V1, V2'):
        validate("V1a")
    with pytest.raises(InputError, match="no case is asked for"):
        validate([])


# ------------------------------------------------------------------- summary and contradictions


def test_summary_counts_by_hand():
    rows = pd.DataFrame({
        "not_run": ["", "", "", "", "", "why"],
        "role": ["input", "input", "input", "prediction", "prediction", "prediction"],
        "observed": [1.0, 1.0, 1.0, math.nan, 1.0, 1.0],
        "fold_error": [1.5, 2.5, 9.0, 9.0, 3.5, math.nan],
        "inside_spread": [True, False, False, None, None, None],
        "gate": ["B", "A", "-", "B", "C", "B"],
        "inside_gate": [True, True, None, False, False, None],
    })  # fmt: skip
    found = validation.Validation(rows, {}, ()).summary()
    assert list(found.index) == [*ROLES, "all"]
    assert found.loc["input"].tolist() == [3, 2, 0.5, 1.0, 0.5, 1.0], "two of the three are judged"
    assert found.loc["prediction", ["observations", "values"]].tolist() == [2, 1]
    assert found.loc["prediction", "within_3_fold"] == 0 and found.loc["all", "inside_gate"] == 0.5
    assert math.isnan(found.loc["calibration", "within_2_fold"])


def test_contradictions_stand_side_by_side(everything):
    table = everything.disagreements()
    assert set(table.topic) == {c.topic for c in load().contradictions}
    for _, rows in table.groupby("topic"):
        assert len(rows) > 1 and rows.handling.nunique() == 1
    assert validate("V1", subjects=None).disagreements().empty
    two = validate(["V1", "V2"], subjects=None).disagreements()
    held = [c for c in load().contradictions if {case for case, _ in c.members} <= {"V1", "V2"}]
    assert set(two.topic) == {c.topic for c in held} != set()


# --------------------------------------------------------------------------- command and figures


def test_command_prints_a_table_in_100_columns(everything):
    done = CliRunner().invoke(command, ["--subjects", "8"])
    assert done.exit_code == 0, done.output
    assert max(map(len, done.output.splitlines())) <= 100
    for case in CASES.values():
        assert f"{case.name}  {case.title[:30]}" in done.output
    for text in ("Where studies contradict each other", "within 2-fold", "Not for dosing patients"):
        assert text in done.output
    assert f"{len(ALL)} observations, {(everything.table.not_run != '').sum()} not run" in done.output  # fmt: skip


def test_page_shows_what_the_command_prints():
    """Otherwise paste the output of ``pkmodel validate`` into docs/validation.md, and read what it says on failures."""
    page = (Path(__file__).parent.parent / "docs" / "validation.md").read_text(encoding="utf-8")
    shown = page.partition("```text\n")[2].partition("```\n")[0]
    assert CliRunner().invoke(command, []).output.splitlines() == shown.splitlines()


def test_command_runs_cases_of_ones_own(tmp_path):
    path = small(tmp_path, ('at = "1 h"', 'at = "1 h"\ngate = "-"\nnote = "why"'))
    for cases in ([], ["A"]):
        done = CliRunner().invoke(command, [*cases, "--file", str(path), "--subjects", "5"])
        assert done.exit_code == 0, done.output
        assert "A  A bolus" in done.output and "V1 " not in done.output
        (line,) = [text for text in done.output.splitlines() if "concentration at 1 h" in text]
        assert "181 ng/mL" in line and line.endswith("-     p")
        assert "1 observations, 0 not run" in done.output
    missing = CliRunner().invoke(command, ["--file", str(tmp_path / "none.toml")])
    assert isinstance(missing.exception, InputError) and "cannot be read" in str(missing.exception)
    other = CliRunner().invoke(command, ["V1", "--file", str(path)])
    assert isinstance(other.exception, InputError) and "Known are A" in str(other.exception)


def test_command_takes_the_number_of_segments():
    done = CliRunner().invoke(command, ["V9", "--subjects", "2", "--segments", "12"])
    assert done.exit_code == 0 and "12 segments of spinal CSF" in done.output
    model = partial(as_published, segments=12)
    (row,) = validate("V9", model, subjects=2).table.itertuples()
    (line,) = [text for text in done.output.splitlines() if "concentration at 72 h" in text]
    assert f" {row.predicted:.3g} (" in line
    assert CliRunner().invoke(command, ["--segments", "2"]).exit_code == 2


def test_command_stores_table_and_figures(tmp_path):
    table, folder = tmp_path / "table.csv", tmp_path / "figures"
    arguments = ["V1", "L3", "--subjects", "5", "-o", str(table), "--plot", str(folder)]
    done = CliRunner().invoke(command, arguments)
    plt.close("all")
    assert done.exit_code == 0, done.output
    stored = pd.read_csv(table)
    expected = validate(["V1", "L3"], subjects=5).table
    assert stored.predicted.values == pytest.approx(expected.predicted.values, nan_ok=True)
    assert [path.name for path in folder.iterdir()] == ["V1.png"]
    again = CliRunner().invoke(command, arguments)
    assert isinstance(again.exception, InputError) and "exists already" in str(again.exception)
    assert CliRunner().invoke(command, [*arguments, "--force"]).exit_code == 0
    plt.close("all")


def test_command_refuses_what_it_cannot_do(tmp_path):
    unknown = CliRunner().invoke(command, ["V99"])
    assert isinstance(unknown.exception, InputError) and "V99" in str(unknown.exception)
    wrong = CliRunner().invoke(command, ["V1", "-o", str(tmp_path / "table.xls")])
    assert isinstance(wrong.exception, InputError) and ".csv" in str(wrong.exception)
    assert CliRunner().invoke(command, ["--model", "fine"]).exit_code == 2


@pytest.mark.parametrize("name", ["V1", "V2", "V8", "V10", "V14", "V20", "V22", "L1", "X7"])
def test_figure_of_a_case(name, everything):
    figure = observations(everything.table, everything.profiles[name])
    own = everything.table[(everything.table.case == name) & (everything.table.not_run == "")]
    axes = [a for part in figure.subfigs for a in part.axes]
    assert len(axes[-1].get_yticks()) == len(own)
    assert all(a.get_yscale() == "log" for a in axes[:-1])
    figure.canvas.draw()
    plt.close(figure)


def test_figure_shows_the_published_point(everything):
    figure = observations(everything.table, everything.profiles["V2"])
    (axes,) = [a for part in figure.subfigs for a in part.axes if a.get_title("left") == "CSF L3, low"]  # fmt: skip
    points = [line for line in axes.lines if line.get_marker() == "D"]
    shown = [float(points[0].get_xdata()[0]), float(points[0].get_ydata()[0])]
    assert shown == pytest.approx([1.0, 4.228])
    plt.close(figure)


def test_figure_keeps_a_substance_apart_from_the_drug(everything):
    figure = observations(everything.table, everything.profiles["V10"])
    panels = {a.get_title("left"): a for part in figure.subfigs for a in part.axes}
    for name, hours in (
        ("lumbar CSF, infusion", 102 / 60),
        ("M3G in lumbar CSF, infusion", 417 / 60),
    ):
        (line,) = [x for x in panels[name].lines if x.get_linestyle() not in ("-", "None")]
        assert float(line.get_xdata()[0]) == pytest.approx(hours)
    plt.close(figure)


def test_figure_of_what_never_comes(tmp_path):
    path = small(tmp_path, reach("240 ng/mL", 'below = "60 min"\nband = ["0 min", "6 h"]'))
    result = by_hand(path, subjects=50, volume_cv=0.2)
    figure = observations(result.table, result.profiles["A"])
    (row,) = [a for part in figure.subfigs for a in part.axes if a.get_xlabel()[:4] == "Pred"]
    assert ">" in {line.get_marker() for line in row.lines}
    figure.canvas.draw()
    plt.close(figure)


def test_no_figure_of_a_case_that_was_not_run(everything):
    with pytest.raises(InputError, match="no observation of the case V12 was run"):
        observations(everything.table, everything.profiles["V12"])


def test_import_is_light():
    code = (
        "import sys, pkmodel.validation; heavy = 'pandas', 'xarray', 'matplotlib', 'pint';"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
