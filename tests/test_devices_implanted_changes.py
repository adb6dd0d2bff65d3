"""Changes, priming and bridge boluses."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkmodel.devices.implanted.changes import Change, bridge_bolus, settings
from pkmodel.devices.implanted.programme import Bolus, PatientBolus, Programme
from pkmodel.errors import RegimenError

DEAD = 0.331e-3  # L


def test_bridge_bolus_by_hand():
    """10 to 20 mg/mL, 0.331 mL, 1 mg/day: the old flow, 0.1 mL/day, clears it in 3.31 days."""
    bridge = bridge_bolus("10 mg/mL", "20 mg/mL", "0.331 mL", "1 mg/day")
    assert bridge.duration == pytest.approx(79.44)
    assert bridge.flow == pytest.approx(0.1e-3 / 24)
    assert bridge.cleared == pytest.approx(3.31)
    assert bridge.amount == pytest.approx(6.62)


@given(st.floats(100, 3e4), st.floats(100, 3e4), st.floats(1e-5, 1e-3), st.floats(1e-4, 1))
def test_the_old_drug_leaves_at_the_old_dose_rate(old, new, volume, rate):
    bridge = bridge_bolus(old, new, volume, rate)
    assert bridge.cleared / bridge.duration == pytest.approx(rate)
    assert bridge.flow * bridge.duration == pytest.approx(volume)
    assert bridge.amount / bridge.cleared == pytest.approx(new / old)


def test_settings():
    first, second = Programme("1 mg/day"), Programme("2 mg/day")
    changes = [Change("10 d", second), Change("20 d", concentration="20 mg/mL", bridge=True)]
    a, b, c = settings(first, 1e4, changes, DEAD, priming_flow=1e-3)
    assert (a.start, b.start, c.start, c.end) == (0.0, 240.0, 480.0, math.inf)
    assert (a.fixed_flow, a.fixed_until) == (1e-3, pytest.approx(0.331))
    assert b.fixed_until == b.start
    assert (b.programme, c.programme) == (second, second)
    assert (b.concentration, c.concentration) == (1e4, 2e4)
    assert (b.refill, c.refill) == (False, True)
    assert c.fixed_until - c.start == pytest.approx(DEAD * 1e4 / (2 / 24))


def test_a_pump_that_stands_still_needs_no_bridge():
    changes = [Change(10, concentration=2e4, programme=Programme("1 mg/day"), bridge=True)]
    assert settings(Programme(0.0), 1e4, changes, DEAD)[1].fixed_until == 10


def test_flow_of_a_setting():
    programme = Programme(
        "0.24 mg/day",
        boluses=Bolus(0.1, 1.0, 6.0, first=2.0),
        patient=PatientBolus(0.02, 0.1, 1.0, 9),
    )
    (setting,) = settings(programme, 1e4, [], DEAD, priming_flow=1e-3)
    time = np.array([0.2, 0.4, 1.05, 1.2, 2.5, 2.55])
    flow = setting.flow(time, 0.0, np.array([1.0, 2.52]))
    assert 1e4 * flow == pytest.approx([10.0, 0.01, 0.21, 0.01, 0.11, 0.31])
    edges = setting.edges(0.0, 3.0, 0.0, np.array([1.0]))
    assert {0.0, 1.0, 1.1, 2.0} <= set(edges)
    assert setting.fixed_until in edges
    assert not len(setting.edges(-5.0, 0.0, 0.0, np.array([1.0])))


@pytest.mark.parametrize(
    ("arguments", "faults"),
    [
        ({"at": "0 d", "refill": True}, ["more than 0"]),
        ({"at": 1}, ["changes nothing"]),
        ({"at": 1, "bridge": True}, ["goes with a new concentration"]),
        (
            {"at": "1 mg", "programme": "1 mg/day", "concentration": "1 mg"},
            ["at ", "expected a Programme", "concentration"],
        ),
    ],
)
def test_what_is_refused(arguments, faults):
    with pytest.raises(RegimenError) as error:
        Change(**arguments)
    assert len(error.value.faults) == len(faults), error.value.faults
    assert all(e in f for e, f in zip(faults, error.value.faults, strict=True))


def test_all_faults_of_a_bridge():
    with pytest.raises(RegimenError) as error:
        bridge_bolus("10 mg", "0 mg/mL", "1 mg", "0 mg/day")
    assert len(error.value.faults) == 4
