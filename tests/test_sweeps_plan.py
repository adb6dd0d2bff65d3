"""What a sweep refuses before it computes, and what its hash depends on."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pkmodel import Drug, sweep
from pkmodel.errors import InputError, RegimenError
from pkmodel.regimen import Regimen
from pkmodel.sweeps import Plan, from_table, grid, latin_hypercube, plan_of

ORAL = "60 mg oral q12h x 28"
PUMP = "0.4 mg/day intrathecal pump for 14 d"
RATIO = {"ratio": [30, 300]}


def refused(design=None, drug="morphine", **what):
    design = grid(**RATIO) if design is None else design
    with pytest.raises(InputError) as caught:
        plan_of(drug, design, **{"oral": ORAL, "segments": 3, **what})
    return str(caught.value)


def test_all_faults_at_once():
    told = refused(
        grid(ratio=[0, 30], csf_los_rate=[1, 2], clearance=["1 h", "2 h"], csf_pulsation=[1, 2]),
        metrics=["aux", "auc", "auc"], sites=["plasm"], quantiles=[2.0], subjects=0, seed=-1,
        settings={"volum": 1, "csf_pulsation": 2, "oral_bioavailability": 1.5, "volume": -1},
        window=(24, 0), times=[1, 0], ratio=100,
    )  # fmt: skip
    for part in (
        'unknown parameter "volum" (did you mean "volume"', "oral_bioavailability is 1.5", "volume",
        '"csf_los_rate", which the model does not have (did you mean "csf_loss_rate"',
        '"csf_pulsation" is both set and swept', "clearance was given in units of h; expected L/h",
        "the ratio is both set and swept", "the ratio is 0", 'unknown metric "aux"', "auc, cav, cmax",
        'metric "auc" stands twice', 'unknown site "plasm" (did you mean "plasma"?)', "lumbar_csf",
        "subjects is 0", "seed is -1", "a quantile lies between 0 and 1", "the window is (24.0, 0.0)",
        "times: expected hours, ascending",
    ):  # fmt: skip
        assert part in told


@pytest.mark.parametrize(
    ("design", "what", "parts"),
    [
        (grid(tip=["T10", "X3", "Q9"], variant=["elderly", "old"]), {}, ['"X3"', '"Q9"', 'no variant "old"']),
        (grid(segments=[3, 2.5, 4.5]), {}, ["2.5 is no whole", "4.5 is no whole"]),
        (grid(segments=[1, 6]), {}, ["segments is 1", "3 to 240"]),
        (None, {"tip": "X3"}, ['"X3"']),
        (None, {"sites": ["csf X3"]}, ["X3"]),
        (None, {"oral": "60 mg orl"}, ['unknown word "orl"']),
        (None, {"oral": "1 mg/kg oral q12h x 28"}, ['settings={"weight"']),
        (None, {"oral": "60 mg oral q12h"}, ["no arm has an end", "window="]),
        (None, {"oral": "600 mg oral q12h x 28"}, ["intended=True"]),
        (grid(ratio=[1, 300]), {}, ["intended=True"]),
        (None, {"oral": None}, ["one of them", "Write oral="]),
        (None, {"arms": {"a": ORAL}}, ["one of them"]),
        (None, {"oral": None, "arms": {"a": ORAL, "b": PUMP}}, ["in the place of arms"]),
        (grid(csf_pulsation=[1]), {"oral": None, "arms": {"a": ORAL}}, ["two arms or more, not ['a']"]),
        (grid(csf_pulsation=[1]), {"oral": None, "arms": {"a": ORAL, "b": PUMP}, "ratio": 3}, ["arms"]),
        (grid(csf_pulsation=[1]), {"ratio": -3}, ["the ratio is -3"]),
        (grid(csf_pulsation=[1]), {"ratio": "lo"}, ['no ratio "lo"']),
        (grid(oral=[ORAL]), {}, ["one of them"]),
        (None, {"quantiles": 0.5}, ["need subjects"]),
        (None, {"subjects": [1, 2]}, ["subjects is [1, 2]; expected a whole number"]),
        (None, {"subjects": True}, ["subjects is True"]),
        (None, {"window": 24}, ["the window is 24", "Write window="]),
        (RATIO, {}, ["the design is a dict", "grid(ratio=[30, 300])"]),
        (None, {"drug": Drug.read("morphine")}, ["the drug is a Drug; expected its name"]),
        (None, {"drug": "morphin"}, ['did you mean "morphine"']),
    ],
    ids=str,
)  # fmt: skip
def test_refusals(design, what, parts):
    told = refused(design, **what)
    for part in parts:
        assert part in told


def test_what_is_accepted():
    by_text = plan_of("morphine", grid(csf_pulsation=[1.0]), oral=ORAL, segments=3, ratio="low",
                      metrics="auc", sites="plasma", times=["1 d", 48.0, "336 h"], subjects=np.int64(2),
                      quantiles=0.5)  # fmt: skip
    assert by_text.ratio == Drug.read("morphine").ratio("low")
    assert by_text.times == (24.0, 48.0, 336.0)
    assert (by_text.metrics, by_text.kept) == (("auc",), ("plasma",))
    assert (by_text.subjects, by_text.quantiles) == (2, (0.5,))
    regimen = Regimen.parse(ORAL)
    assert plan_of("morphine", grid(**RATIO), oral=regimen).arms == {"oral": ORAL}
    assert plan_of("morphine", grid(csf_pulsation=[1]), oral=ORAL, ratio=np.int64(90)).ratio == 90
    assert plan_of("morphine", grid(**RATIO), oral=ORAL).times[:2] == (312.0, 312.25)
    assert plan_of("morphine", grid(**RATIO), oral=ORAL, metrics=["auc"]).times == (312.0, 336.0)


def test_a_plan_is_what_its_record_says():
    design = from_table({"ratio": [30, 300], "tip": ["T10", "L3-L4"]})
    plan = plan_of("morphine", design, oral=ORAL, segments=3, subjects=3, quantiles=[0.5])
    again = Plan.of_record(json.loads(json.dumps(plan.record())), design.columns)
    assert again.hash == plan.hash
    assert again.record() == plan.record()


def test_the_hash_depends_on_all_that_the_numbers_depend_on():
    base = plan_of("morphine", grid(**RATIO), oral=ORAL, segments=3)
    others = [
        dataclasses.replace(base, **change)
        for change in (
            {"design": grid(ratio=[30, 301])}, {"arms": {"oral": "60 mg oral q12h x 14"}}, {"seed": 1},
            {"settings": {"clearance": 60.0}}, {"metrics": ("auc",)}, {"window": (0.0, 24.0)},
            {"times": (0.0, 1.0)}, {"sites": ("plasma",)}, {"subjects": 2}, {"segments": 4},
            {"tip": "T10"}, {"variant": "elderly"}, {"drug": "hydromorphone"},
        )
    ]  # fmt: skip
    assert len({plan.hash for plan in (base, *others)}) == len(others) + 1
    assert dataclasses.replace(base).hash == base.hash


def test_the_hash_depends_on_the_numbers_in_the_drugs_file(tmp_path):
    file = tmp_path / "own.toml"
    shutil.copy(Drug.read("morphine").path, file)
    first = plan_of(file, grid(**RATIO), oral=ORAL, segments=3)
    assert Path(first.drug).is_absolute()
    text = file.read_text()
    place = text.index("value", text.index("[parameters.clearance]"))
    file.write_text(text[:place] + text[place:].replace('"', '"1', 1))
    assert plan_of(file, grid(**RATIO), oral=ORAL, segments=3).hash != first.hash


def test_what_a_check_has_missed_is_refused_before_anything_is_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(Plan, "check", lambda self, before=(): None)
    place = tmp_path / "s.zarr"
    with pytest.raises(InputError):
        sweep("morphine", latin_hypercube(2, seed=1, ratio=(1, 2)), oral=PUMP, store=place)
    assert not place.exists()


def test_one_fault_does_not_hide_another():
    """Orders, ratio, window, structure and doses: each is wrong, and all else is judged."""
    common = {"sites": ["plasm"], "settings": {"volum": 1}}
    for what, part in (
        ({"oral": "60 mgs oral"}, 'unknown unit "mgs"'),
        ({"oral": None}, "one of them"),
        ({"oral": "60 mg oral q12h"}, "no arm has an end"),
        ({"ratio": "lo"}, 'no ratio "lo"'),
        ({"tip": "X3"}, '"X3"'),
        ({"variant": "old"}, 'no variant "old"'),
        ({"oral": "6000 mg oral q12h x 28"}, "times the highest plausible"),
        ({"responses": "pian"}, 'unknown response "pian"'),
    ):
        told = refused(grid(csf_los_rate=[1, 2]), **{**common, **what})
        for own in (part, 'varies "csf_los_rate"', 'unknown site "plasm"', '"volum"'):
            assert own in told, (what, told)
        assert told.startswith("4 faults") or told.count(";") >= 3, told


def test_names_near_to_nothing_are_answered_by_a_dozen():
    told = refused(grid(zzz=[1, 2]))
    assert '"zzz", which the model does not have; it has clearance, volume, ' in told
    assert " more" in told and "m6g_volume" not in told


def test_the_same_error_comes_of_one_fault():
    with pytest.raises(RegimenError, match=r'unknown unit "mgs".*Write for example "60 mg oral'):
        plan_of("morphine", grid(**RATIO), oral="60 mgs oral q12h x 28")
