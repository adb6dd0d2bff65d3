"""Times above thresholds, margins and onsets, from curves that are known."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from pkmodel import compare, simulate
from pkmodel.errors import InputError
from pkmodel.responses import window


def curve(**variables):
    time = np.array([0.0, 2.0, 4.0, 10.0])
    return xr.Dataset({n: ("time", np.array(v)) for n, v in variables.items()}, {"time": time})


def test_hours_above_on_straight_lines():
    ds = curve(analgesia=[0.0, 1.0, 1.0, 0.0], respiratory_depression=[0.1, 0.2, 0.2, 0.1])
    found = window(ds, analgesia=0.5)
    assert float(found.time_analgesic) == pytest.approx(1 + 2 + 3)
    assert (
        float(found.time_depressed) == 0
        and "margin" not in found
        and "withdrawal_onset" not in found
    )
    assert found.time_analgesic.attrs["units"] == "h"
    assert float(window(ds, analgesia=0.5, start=2).time_analgesic) == pytest.approx(2 + 3)


def test_onset_of_withdrawal():
    ds = curve(withdrawal=[0.0, 0.1, 0.5, 0.5])
    assert float(window(ds).withdrawal_onset) == pytest.approx(2 + 2 * 0.15 / 0.4)
    assert float(window(ds, start=2).withdrawal_onset) == pytest.approx(2 * 0.15 / 0.4)
    assert float(window(ds, start=4).withdrawal_onset) == 0
    assert np.isnan(float(window(ds, withdrawal=0.6).withdrawal_onset))


def test_margin_is_the_ratio_of_doses_of_half_the_effects():
    """Twice the dose doubles both drives, so the margin stays; it is TD50 / ED50 at a constant rate."""
    responses, times = ["analgesia", "respiration"], [900.0, 930.0, 960.0]

    def arms(mg):
        iv, pump = (
            f"{mg} mg/day iv infusion for 40 d",
            f"{mg / 50} mg/day intrathecal pump for 40 d",
        )
        return compare("morphine", arms={"a": iv, "b": pump}, times=times, responses=responses)

    one, two = arms(20), arms(40)
    margin = window(one).margin
    np.testing.assert_allclose(margin, window(two).margin, rtol=1e-9)
    expected = one.analgesia_drive.isel(time=-1) / one.respiratory_drive.isel(time=-1)
    np.testing.assert_allclose(margin, expected, rtol=1e-6)
    half = compare("morphine", arms={
        "a": f"{20 / float(one.analgesia_drive[0, -1]):.12g} mg/day iv infusion for 40 d",
        "b": f"{20 / float(one.respiratory_drive[0, -1]):.12g} mg/day iv infusion for 40 d",
    }, times=[959.0, 960.0], responses=responses)  # fmt: skip
    assert float(half.analgesia.sel(arm="a")[-1]) == pytest.approx(0.5, abs=1e-4)
    assert float(half.respiratory_depression.sel(arm="b")[-1]) == pytest.approx(0.5, abs=1e-4)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.floats(0.01, 0.99))
def test_time_above_lies_within_the_time_and_falls_with_the_threshold(values, limit):
    time = np.arange(float(len(values)))
    ds = xr.Dataset({"analgesia": ("time", values)}, {"time": time})
    lower, higher = (float(window(ds, analgesia=x).time_analgesic) for x in (limit / 2, limit))
    assert 0 <= higher <= lower + 1e-12 <= time[-1] + 1e-9


def test_every_arm_and_subject():
    ds = compare("morphine", "60 mg oral q12h x 4", subjects=3, responses=True)
    found = window(ds)
    assert found.time_analgesic.dims == found.margin.dims == ("arm", "subject")
    assert list(found.arm.values) == ["oral", "intrathecal"]
    assert found.attrs["purpose"] == "for research, not for dosing patients"
    assert found.attrs["thresholds"] == "analgesia 0.5, respiration 0.25, withdrawal 0.25"


def test_all_faults_at_once():
    with pytest.raises(InputError) as error:
        window(curve(pain=[1, 1, 1, 1]), analgesia=50, start=10)
    for words in ("analgesia is 50; expected a threshold between 0 and 1", "has no analgesia, respiratory",
                  "fewer than two times are left; they run from 0 to 10 h"):  # fmt: skip
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (
            3,
            "start is 3 h, which is no output time; they run from 0 to 10 h, and 2 h is the nearest",
        ),
        (
            -1,
            "start is -1 h, which is no output time; they run from 0 to 10 h, and 0 h is the nearest",
        ),
        (
            12,
            "start is 12 h, which is no output time; they run from 0 to 10 h, and 10 h is the nearest",
        ),
        (10, "fewer than two times are left; they run from 0 to 10 h"),
        ("4 h", "start is '4 h'; expected an output time"),
        (np.nan, "start is nan; expected an output time"),
    ],
)
def test_a_start_is_an_output_time(start, said):
    with pytest.raises(InputError) as error:
        window(curve(withdrawal=[0.0, 0.1, 0.5, 0.5]), start=start)
    assert said in str(error.value)


def test_thresholds_that_are_no_numbers_and_times_that_do_not_rise():
    for odd in ("0.5", None, True, [0.5], np.nan):
        with pytest.raises(InputError, match="expected a threshold between 0 and 1"):
            window(curve(analgesia=[0, 0, 0, 1]), analgesia=odd)
    backwards = curve(analgesia=[0, 0, 0, 1]).isel(time=slice(None, None, -1))
    with pytest.raises(InputError, match="the times do not rise"):
        window(backwards)
    for few in (backwards.isel(time=0), backwards.isel(time=[])):
        with pytest.raises(InputError, match="expected two times or more, and there are 0"):
            window(few)
    with pytest.raises(InputError, match="expected a Dataset, not DataArray"):
        window(backwards.analgesia)


def test_a_case_that_failed_is_not_one_without_withdrawal():
    ds = simulate(
        "morphine",
        "60 mg oral q12h x 4",
        np.arange(9.0),
        {"clearance": [70.0, -1.0]},
        responses=True,
    )
    found = window(ds)
    assert found.status.values.tolist() == [0, 1]
    assert found.time_analgesic.notnull().values.tolist() == [True, False]


@pytest.mark.parametrize("dims", [(), ("arm",), ("subject", "arm"), ("arm", "subject", "ratio")])
def test_dimensions_stay_in_any_order(dims):
    """The same curve everywhere, with time in the first place."""
    one = curve(analgesia=[0.0, 1.0, 1.0, 0.0], withdrawal=[0.0, 0.1, 0.5, 0.5])
    many = one.expand_dims({d: [1, 2] for d in dims}).transpose("time", *dims)
    alone, found = window(one), window(many)
    for name in ("time_analgesic", "withdrawal_onset"):
        assert set(found[name].dims) == set(dims)
        np.testing.assert_array_equal(found[name], np.full((2,) * len(dims), float(alone[name])))
