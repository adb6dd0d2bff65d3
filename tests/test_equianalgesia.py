"""Doses of equal effect: the ratio that potencies give, and the potency that a stated ratio takes."""

import re
from pathlib import Path

import numpy as np
import pytest

from pkmodel import Drug, compare, equivalence, population, steady_state
from pkmodel.equianalgesia import calibrate, equal_analgesia
from pkmodel.errors import DrugError, InputError, ParameterError
from pkmodel.responses import asked

MORPHINE = Drug.read("morphine")


@pytest.mark.parametrize("ratio", [40, 100, 300, 3000])
def test_a_stated_ratio_gives_equal_analgesia(ratio):
    drug = calibrate("morphine", ratio)
    assert float(equal_analgesia(drug).equal_ratio) == pytest.approx(ratio, rel=1e-6)
    assert drug.calibration.ratio == ratio and drug.version == f"1.0+equal effect at {ratio}"
    assert drug.responses["analgesia_cord_ec50"].confidence == "calibrated"
    assert "1/" + str(ratio) in str(drug.calibration)


def test_both_arms_of_a_comparison_have_that_analgesia():
    """An independent way: simulate to steady state and average the last day."""
    drug = calibrate("morphine", 100)
    times = np.concatenate([[0], np.linspace(1896, 1920, 2401)])
    ds = compare(
        drug, "60 mg oral q12h x 160", ratio=100, responses="analgesia", times=times, amounts=False
    )
    last = ds.analgesia.isel(time=slice(1, None))
    oral, pump = (last.integrate("time") / 24).values
    assert oral == pytest.approx(pump, rel=1e-4)
    assert "1/100" in ds.attrs["equal_effect"] and ds.attrs["drug_version"] == drug.version


@pytest.mark.parametrize("name", ["morphine", "hydromorphone", "baclofen"])
def test_the_potency_of_the_file_is_that_of_its_ratio(name):
    drug = Drug.read(name)
    assert drug.calibration.ratio == drug.ratio()
    assert float(equal_analgesia(drug).equal_ratio) == pytest.approx(drug.ratio(), rel=1e-4)
    number = drug.calibration.number
    again = calibrate(drug, drug.ratio()).responses[number].value
    assert again == pytest.approx(drug.responses[number].value, rel=1e-4)


def test_by_hand_at_constant_rates():
    """Two infusions: drives are equal where R (b/B + c/X + m/M) of one is that of the other."""
    drug = calibrate("morphine", 80, "1.2 mg/h iv infusion")
    model = asked(drug, "analgesia").model
    sites = ["response_cord", "response_brain", "analgesia_m6g"]
    iv, pump = (
        steady_state(model, r, times=[0.0]).concentration.sel(site=sites).values[:, 0]
        for r in ("1.2 mg/h iv infusion", "0.36 mg/day intrathecal pump")
    )  # fmt: skip
    ec50 = [drug.responses[f"analgesia_{p}_ec50"].value for p in ("cord", "brain", "m6g")]
    assert (iv / ec50).sum() == pytest.approx((pump / ec50).sum(), rel=1e-9)


def test_what_a_ratio_implies_lies_between_the_exposures():
    implied = equivalence.implied("morphine", "60 mg oral q12h").implied_ratio.sel(metric="auc")
    brain, cord = (float(implied.sel(site=s)) for s in ("brain", "cord"))
    assert brain < 35 and cord > 9000
    low, high = (calibrate("morphine", r).responses["analgesia_cord_ec50"] for r in (60, 2000))
    assert low.value > 10 * high.value
    assert float(low.note.rpartition("/")[2]) == pytest.approx(cord, rel=1e-3)
    for ratio in (12, 29, 20000):
        with pytest.raises(
            ParameterError, match=f"no potency in the cord makes {ratio} a ratio of equal effect"
        ):
            calibrate("morphine", ratio)


def test_ratios_between_those_of_the_message_can_be_stated():
    with pytest.raises(ParameterError) as caught:
        calibrate("morphine", 29)
    low, high = (float(x) for x in re.findall(r"(?:about|and) ([\d.]+) where", str(caught.value)))
    assert 29 < low < high
    for ratio in (1.01 * low, 9419, 0.99 * high):
        equal = equal_analgesia(calibrate("morphine", ratio)).equal_ratio
        assert float(equal) == pytest.approx(ratio, rel=1e-6)
    for ratio in (0.99 * low, 1.01 * high):
        with pytest.raises(ParameterError, match=r"State a ratio between the two\."):
            calibrate("morphine", ratio)


def test_the_ratio_depends_on_the_size_and_form_of_the_reference():
    small, usual, flat = (
        float(equal_analgesia("morphine", r).equal_ratio)
        for r in ("10 mg oral q12h", "60 mg oral q12h", "1.2 mg/h iv infusion")
    )
    assert small < usual and flat < usual / 3


def test_a_stated_ratio_of_other_routes_brings_the_missing_potency():
    """Fentanyl has no potency in the cord; a ratio intravenous : intrathecal gives one."""
    order = "0.05 mg/h iv infusion"
    drug = calibrate("fentanyl", 7, order)
    assert float(equal_analgesia(drug).equal_ratio) == pytest.approx(7, rel=1e-6)
    ds = compare(drug, arms={"iv": f"{order} for 4 d", "it": "0.17142857 mg/day intrathecal pump for 4 d"},
                 times=[0, 96], responses="analgesia", intended=True)  # fmt: skip
    assert float(ds.analgesia[0, -1]) == pytest.approx(float(ds.analgesia[1, -1]), rel=0.05)


def test_every_subject_has_a_ratio():
    wanted = asked(MORPHINE, "analgesia")
    drawn = population.draw(wanted.model, 4, seed=2)
    found = equal_analgesia("morphine", parameters=drawn)
    assert found.equal_ratio.dims == ("subject",) and len(np.unique(found.equal_ratio)) == 4
    third = equal_analgesia("morphine", parameters=drawn.sel(subject=3))
    assert float(found.equal_ratio.sel(subject=3)) == pytest.approx(
        float(third.equal_ratio), rel=1e-9
    )
    swept = equal_analgesia("morphine", parameters={"analgesia_cord_ec50": [0.05, 0.11014]})
    assert (
        swept.equal_ratio.dims == ("analgesia_cord_ec50",)
        and swept.equal_ratio[0] > swept.equal_ratio[1]
    )


def test_a_subject_without_an_equal_dose_does_not_stop_the_others():
    found = equal_analgesia("morphine", parameters={"clearance": [0.0, 70.0]}).equal_ratio
    assert np.isnan(found[0]) and float(found[1]) == pytest.approx(
        float(equal_analgesia("morphine", parameters={"clearance": 70.0}).equal_ratio), rel=1e-9
    )
    with pytest.raises(
        InputError, match=r"no intrathecal dose has the effect of .* 0 of the whole. Give another"
    ):
        equal_analgesia("morphine", "0 mg oral q12h")
    with pytest.raises(ParameterError, match="analgesia_cord_ec50 is 0; expected more than 0"):
        equal_analgesia("morphine", parameters={"analgesia_cord_ec50": 0.0})


def test_a_drug_may_be_a_path():
    assert calibrate(Path(MORPHINE.path), 100).version == "1.0+equal effect at 100"


def test_refusals():
    with pytest.raises(DrugError, match="has no numbers of analgesia or spasticity"):
        equal_analgesia("ziconotide", "2.4 ug/day intrathecal pump")
    with pytest.raises(InputError, match="states no order"):
        calibrate("fentanyl", 7)
    with pytest.raises(DrugError, match=r"no analgesia\.cord_ec50"):
        equal_analgesia("fentanyl", "0.05 mg/h iv infusion")
    with pytest.raises(ParameterError, match="the ratio is -1; expected a number above 0"):
        calibrate("morphine", -1)
    for odd in (True, "300", np.nan, 10**400):
        with pytest.raises(ParameterError, match="expected a number above 0"):
            calibrate("morphine", odd)
    for place in ("cort", 5):
        with pytest.raises(InputError, match=f'unknown place "{place}"'):
            calibrate("morphine", 100, place=place)
