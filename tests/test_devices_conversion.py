"""Conversion: by hand, laws of the steps, text that reads back, faults."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkmodel import Drug
from pkmodel.devices.conversion import rotate, to_oral, to_pump
from pkmodel.errors import RegimenError
from pkmodel.regimen import Order, Regimen

parts = st.lists(st.floats(0, 1), min_size=1, max_size=5).map(lambda p: sorted(p, reverse=True))
falling = parts.filter(lambda p: p[-1] < 1)
ratios = st.floats(1, 500)
OLD = {
    "60 mg oral q12h": 168.0,
    "30 mg oral modified q8h at 6 h": 24.0,
    "0.3 mg/kg oral q6h": 30.0,
    "2 mg/h iv infusion": 37.5,
    "10 mg iv over 30 min q8h + 5 mg iv bolus q12h": 48.0,
}


def test_to_pump_by_hand():
    """120 mg/day at 300:1 is 0.4 mg/day; half, then three quarters, then all of it by pump."""
    c = to_pump("60 mg oral q12h", 300, remaining=[0.5, 0.25, 0], every="7 d")
    assert str(c.regimen) == (
        "30 mg oral q12h x 14 then 15 mg oral q12h x 14"
        " + 0.2 mg/day intrathecal pump for 7 d then 0.3 mg/day intrathecal pump for 7 d"
        " then 0.4 mg/day intrathecal pump for 7 d"
    )
    assert c.table.to_numpy().tolist() == [
        [0, 60, pytest.approx(0.2), pytest.approx(120)],
        [7, 30, pytest.approx(0.3), pytest.approx(120)],
        [14, 0, pytest.approx(0.4), pytest.approx(120)],
    ]
    assert c.table.columns.tolist() == [
        "day",
        "oral mg/day",
        "intrathecal mg/day",
        "equivalent mg/day",
    ]


def test_the_oral_dose_may_stay_whole_at_first():
    c = to_pump("60 mg oral q12h", 100, remaining=[1, 0], every="1 d")
    assert str(c.old) == "60 mg oral q12h x 2"
    assert [(o.start, o.rate * 24) for o in c.new] == [(24, pytest.approx(1.2))]


def test_a_switch_at_once():
    c = to_pump("60 mg oral q12h", Drug.read("morphine").ratio(), remaining=[0], every="28 d")
    assert c.old is None
    assert str(c.regimen) == "0.4 mg/day intrathecal pump for 28 d"


def test_to_oral_by_hand():
    c = to_oral(
        "0.4 mg/day intrathecal pump at 24 h", 300, remaining=[0.5, 0], every="2 d", interval="6 h"
    )
    assert str(c.old) == "0.2 mg/day intrathecal pump for 2 d at 24 h"
    assert [(o.amount, o.interval, o.count, o.start) for o in c.new] == [
        (pytest.approx(15), 6, 8, 24),
        (pytest.approx(30), 6, 8, 72),
    ]
    assert c.table["day"].tolist() == [1, 3]
    assert to_oral("0.4 mg/day intrathecal pump", 300, remaining=[0], every="1 d", form="modified").new.orders[
        0
    ].input == "oral modified"  # fmt: skip


def test_rotate_by_hand():
    """3 mg/day of morphine at 5:1 is 0.6 mg/day of hydromorphone, and a quarter less is 0.45."""
    c = rotate(
        "3 mg/day intrathecal pump",
        5,
        reduction=0.25,
        remaining=[0.5, 0],
        every="7 d",
        names=("M", "H"),
    )
    assert str(c.old) == "1.5 mg/day intrathecal pump for 7 d"
    assert [24 * o.rate for o in c.new] == pytest.approx([0.225, 0.45])
    assert c.table["equivalent mg/day"].tolist() == pytest.approx([1.5 + 5 * 0.225, 5 * 0.45])
    assert list(c.table) == ["day", "M mg/day", "H mg/day", "equivalent mg/day"]


def test_rotate_keeps_the_form_of_every_order():
    c = rotate("60 mg oral modified q12h + 5 mg oral q4h", 5, reduction=0.5, every="2 d")
    assert c.new == Regimen(
        (
            Order("oral", 60 * 0.1, interval=12, count=4, form="modified"),
            Order("oral", 5 * 0.1, interval=4, count=12),
        )
    )


@given(st.sampled_from(list(OLD)), ratios, falling)
def test_laws_of_to_pump(text, ratio, remaining):
    old = Regimen.parse(text)
    c = to_pump(text, ratio, remaining=remaining, every=OLD[text])
    daily = old.daily_dose()
    assert Regimen.parse(str(c.regimen)) == c.regimen
    assert np.allclose(c.table.iloc[:, 3], daily, rtol=1e-12)
    length = OLD[text] / 24
    assert c.new.orders[0].per == old.orders[0].per
    drug = math.fsum(o.total for o in c.old or ()) + ratio * math.fsum(o.total for o in c.new)
    assert drug == pytest.approx(daily * length * len(remaining), rel=1e-12)
    assert c.regimen.end == pytest.approx(old.orders[0].start + OLD[text] * len(remaining))


@given(
    st.floats(0.001, 20),
    ratios,
    falling,
    st.sampled_from([4.0, 6.0, 8.0, 12.0, 24.0]),
    st.integers(1, 9),
)
def test_there_and_back(rate, ratio, remaining, interval, days):
    pump = Regimen(Order("intrathecal", rate=rate / 24, form="pump"))
    back = to_oral(pump, ratio, remaining=remaining, every=24.0 * days, interval=interval)
    assert Regimen.parse(str(back.regimen)) == back.regimen
    assert np.allclose(back.table.iloc[:, 3], rate, rtol=1e-12)
    step = back.new.orders[-1]
    tablets = Regimen(
        Order("oral", step.amount / (1 - remaining[-1]), interval=interval, count=None)
    )
    there = to_pump(tablets, ratio, remaining=[0.0], every=24.0 * days)
    assert there.table.iloc[0, 2] == pytest.approx(rate, rel=1e-9)


@given(st.sampled_from(list(OLD)), ratios, falling, st.floats(0, 0.9))
def test_laws_of_rotation(text, ratio, remaining, reduction):
    c = rotate(text, ratio, reduction=reduction, remaining=remaining, every=OLD[text])
    daily = Regimen.parse(text).daily_dose()
    assert Regimen.parse(str(c.new)) == c.new
    lost = daily * reduction * (1 - np.array(remaining))
    assert np.allclose(c.table.iloc[:, 3], daily - lost, rtol=1e-12)


def test_doses_per_body_size_say_so():
    c = to_pump("1 mg/kg oral q12h", 300, remaining=[0.0], every="1 d")
    assert "intrathecal mg/kg/day" in c.table


def test_repr_is_the_table():
    c = to_pump("60 mg oral q12h", 300, remaining=[0.5, 0], every="7 d")
    assert repr(c) == c.table.to_string(index=False)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            {"regimen": "60 mg oral q12h x 28"},
            '"60 mg oral q12h x 28" ends; expected a treatment without end',
        ),
        ({"regimen": "60 mg oral"}, '"60 mg oral" ends'),
        ({"regimen": "60 mg oral q12h + 1 mg/h iv infusion"}, "has several routes (oral, iv)"),
        (
            {"regimen": "60 mg oral q12h + 30 mg oral q24h at 6 h"},
            "daily dose that changes with time",
        ),
        ({"ratio": 0}, "the ratio is 0; expected a number above 0"),
        ({"ratio": "300:1"}, "the ratio is '300:1'"),
        ({"ratio": True}, "the ratio is True"),
        ({"ratio": math.nan}, "the ratio is nan"),
        ({"remaining": []}, "remaining is []"),
        ({"remaining": 0.5}, "remaining is 0.5"),
        ({"remaining": [1.5, 0]}, "remaining is [1.5, 0]"),
        ({"remaining": [50, 25]}, "remaining is [50, 25]; expected parts of the old dose"),
        ({"remaining": [0.25, 0.5]}, "remaining is [0.25, 0.5]; expected parts that do not rise"),
        ({"remaining": [1, 1]}, "nothing is converted"),
        ({"every": "30 h"}, "every is 30 h, which is no whole number of intervals of 12 h"),
        ({"every": "1 h"}, "every is 1 h, which is no whole number of intervals of 12 h"),
        ({"every": 0}, "every is 0; expected more than 0"),
    ],
)
def test_faults(change, fault):
    given_ = {
        "regimen": "60 mg oral q12h",
        "ratio": 300,
        "remaining": [0.5, 0],
        "every": "7 d",
    } | change
    with pytest.raises(RegimenError) as error:
        to_pump(**given_)
    assert fault in str(error.value)


def test_all_faults_at_once():
    with pytest.raises(RegimenError) as error:
        to_pump("60 mg oral q12h", -1, remaining=[2], every="30 h")
    assert len(error.value.faults) == 3
    with pytest.raises(RegimenError) as error:
        rotate("60 mg oral q12h", -1, reduction=1.0, remaining=[2], every="x")
    assert len(error.value.faults) == 4
    with pytest.raises(RegimenError) as error:
        to_oral("0.4 mg/day intrathecal pump", 0, remaining=[2], every="1 d", interval="x")
    assert len(error.value.faults) == 3
