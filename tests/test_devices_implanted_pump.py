"""The pump as a user meets it: prescriptions, events of many subjects, and use in a simulation."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkmodel.devices.implanted.catheter import Catheter
from pkmodel.devices.implanted.faults import Fault
from pkmodel.devices.implanted.hardware import Hardware
from pkmodel.devices.implanted.programme import PatientBolus, Programme
from pkmodel.devices.implanted.pump import Pump
from pkmodel.errors import InputError, RegimenError
from pkmodel.regimen import Regimen

NIGHT = Programme(
    "0.4 mg/day",
    {"22:00": "150 %", "06:00": "100 %"},
    patient=PatientBolus("0.05 mg", over="5 min", lockout="2 h", per_day=6),
)
BASE = {
    "drug": "morphine",
    "concentration": "5 mg/mL",
    "programme": NIGHT,
    "catheter": Catheter("60 cm", tip="T10"),
    "refill_at": "alarm",
}


def pump(**fields):
    return Pump.of("SynchroMed II 20 mL", **{**BASE, **fields})


def test_fields_are_read():
    made = pump(fill="18 mL", clock="10:30", refill_every="60 d")
    assert (made.concentration, made.fill, made.clock) == (5000.0, 0.018, 10.5)
    assert (made.refill_at, made.refill_every) == (0.002, 1440.0)
    assert made.dead_volume == pytest.approx(0.331e-3)
    assert made == replace(made)
    assert hash(made) == hash(replace(made))


def test_hardware_may_differ_from_the_file():
    made = pump(alarm="1 mL", reservoir="18 mL")
    assert (made.filling, made.refill_at) == (0.018, 0.001)
    own = Pump(Hardware.of("SynchroMed II 40 mL"), **BASE)
    assert own.filling == 0.04


def test_concentration_times_flow_is_the_dose_rate():
    assert pump(programme="0.08 mL/day").programme.daily_dose == pytest.approx(0.4)
    assert pump(programme="0.4 mg/day").programme == Programme("0.4 mg/day")


def test_changes_stand_in_order_of_time():
    made = pump().changed("60 d", programme="0.5 mg/day").changed("30 d", refill=True)
    assert [change.at for change in made.changes] == [720.0, 1440.0]
    assert [s.programme for s in made.settings] == [NIGHT, NIGHT, Programme("0.5 mg/day")]


def test_titration_scales_the_programme():
    made = pump().titrated("0.7 mg/day", "20 %", "1 week", start="3 d")
    assert [s.start for s in made.settings] == [0.0, 240.0, 408.0, 576.0]
    doses = [s.programme.daily_dose for s in made.settings]
    assert doses == pytest.approx([0.4 + 0.2 / 3, 0.56, 0.672, 0.7])
    assert all(s.programme.patient == NIGHT.patient for s in made.settings)


@pytest.mark.parametrize("fields", [{"programe": NIGHT}, {"refil_at": 1}, {"alarms": "1 mL"}])
def test_unknown_fields(fields):
    with pytest.raises(RegimenError, match=r"unknown field .* \(did you mean"):
        pump(**fields)


def test_what_is_missing():
    with pytest.raises(RegimenError) as error:
        Pump.of("SynchroMed II 20 mL", drug="morphine")
    assert error.value.faults == ("no concentration", "no programme", "no catheter")


def test_a_prescription_with_every_field_wrong_says_it_all():
    with pytest.raises(RegimenError) as error:
        pump(
            concentration="5 mgs/mL",
            programme="0.4 mg",
            catheter="T10",
            fill="1 L/h",
            refill_at="alarms",
            clock="25:00",
            stability="90",
            faults=["leak"],
        )
    assert len(error.value.faults) == 8, error.value.faults


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (lambda p: p.run("0 h"), "until"),
        (lambda p: p.run("1 d", ratio=0), "ratio"),
        (lambda p: p.run("1 d", requests=["1 mg"]), "a request"),
        (lambda p: p.events("1 d", subjects=3), "needs seed="),
        (lambda p: p.events("1 d", subjects=0, seed=1), "subjects=0"),
        (lambda p: p.events(np.inf), "until"),
        (lambda p: p.maintenance(years=-1), "years"),
    ],
)
def test_wrong_arguments(call, fault):
    with pytest.raises(InputError, match=fault):
        call(pump())


def test_a_run_goes_on_after_its_state_only():
    state = pump().run("10 d").state
    with pytest.raises(RegimenError, match="more than 240"):
        pump().run("10 d", state=state)


# ------------------------------------------------------------------------------------------ subjects


def test_any_subset_has_the_same_events():
    made = pump()
    many = made.events("60 d", subjects=6, seed=1)
    few = made.events("60 d", subjects=[5, 2], seed=1)
    assert few.subject[0] == 5
    for subject in (2, 5):
        for name in ("time", "amount", "duration", "compartment"):
            a, b = (getattr(t, name)[t.subject == subject] for t in (many, few))
            np.testing.assert_array_equal(a, b)
    other = made.events("60 d", subjects=6, seed=2)
    assert other.time.tolist() != many.time.tolist()


def test_spread_of_the_flow():
    """The median delay is that of the programmed flow, its spread that of the hardware."""
    made = pump(programme="0.4 mg/day")
    table = made.events("20 d", subjects=400, seed=1)
    first = np.array([table.time[table.subject == i][0] for i in range(1, 401)])
    ratios = made.dead_volume / (0.08e-3 / 24) / first
    assert np.median(ratios) == pytest.approx(1.0, abs=0.01)
    assert np.std(np.log(ratios)) == pytest.approx(0.074, rel=0.15)
    exact = made.events("20 d", subjects=3, seed=1)
    assert len(exact.time) == 3
    still = pump(programme="0.4 mg/day", flow_cv=0).events("20 d", subjects=3, seed=1)
    assert len(set(still.time)) == 1


def test_a_subject_who_gets_nothing_is_not_lost():
    made = pump(programme="0.4 mg/day")
    table = made.events("1 d", subjects=2, seed=1)
    assert (table.subject.tolist(), table.evid.tolist()) == ([1, 2], [2, 2])
    assert made.events("1 d").evid.tolist() == [2]


def test_requests_of_each_subject():
    made = pump(prime=True)
    table = made.events("1 d", subjects=[1, 2], seed=1, requests={2: ["10 h"]})
    size = [int((table.subject == s).sum()) for s in (1, 2)]
    assert size[1] > size[0]


def test_leaks_enter_the_pocket():
    leaking = pump(programme="0.4 mg/day", faults=Fault("leak", "10 d", "12 d", part="25 %"))
    assert set(leaking.events("20 d").compartment) == {"intrathecal T10"}
    table = replace(leaking, pocket="plasma").events("20 d")
    pocket = table.compartment == "plasma"
    assert table.amount[pocket].sum() == pytest.approx(0.25 * 2 * 0.4)


@given(st.floats(0.1, 2.0), st.sampled_from(["L2", "T10", "L3-L4", "epidural"]))
def test_a_constant_pump_is_a_constant_infusion(dose, tip):
    made = Pump.of(
        "SynchroMed II 20 mL",
        concentration="2 mg/mL",
        programme=dose / 24,
        catheter=Catheter("60 cm", tip),
        refill_every="20 d",
    )
    table = made.events("60 d")
    assert len(table.time) == 1
    assert table.amount / table.duration == pytest.approx(dose / 24)
    assert table.time + table.duration == pytest.approx(1440.0)
    assert table.compartment[0] == made.catheter.entry


# ---------------------------------------------------------------------------------------- simulation


def test_the_simulated_pump_is_the_ordered_infusion():
    """Primed tubes: the order "0.4 mg/day intrathecal pump", a little later."""
    from pkmodel import Drug, simulate

    morphine = Drug.read("morphine").segmented(3, tip="L2")
    made = pump(programme="0.4 mg/day", catheter=Catheter("60 cm", "L2"), prime=True)
    delay = made.settings[0].fixed_until
    hours = np.arange(0.0, 97.0, 8.0)
    ds = simulate(morphine, made.events("4 d"), times=hours)
    order = Regimen.parse("0.4 mg/day intrathecal pump for 4 d").shifted(delay)
    expected = simulate(morphine, order, times=hours)
    np.testing.assert_allclose(ds.concentration, expected.concentration, rtol=1e-9, atol=1e-15)


def test_a_year_of_thirteen_steps_and_hourly_requests_takes_well_under_a_second():
    steps = {h * 24 / 13: f"{0.4 + 0.02 * h} mg/day" for h in range(13)}
    made = pump(programme=replace(NIGHT, steps=tuple(Programme(steps=steps).steps)))
    requests = np.arange(0.0, 8766.0)
    start = time.perf_counter()
    table = made.events(8766.0, requests=requests)
    assert time.perf_counter() - start < 1.0
    assert len(table.time) > 365 * 13
