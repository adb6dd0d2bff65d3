"""What a prescription is refused for, and what is said to fit."""

import pytest

from pkmodel.devices.implanted.catheter import Catheter
from pkmodel.devices.implanted.changes import Change
from pkmodel.devices.implanted.programme import Bolus, PatientBolus, Programme
from pkmodel.devices.implanted.pump import Pump
from pkmodel.errors import RegimenError


def pump(programme="1 mg/day", strength="5 mg/mL", **fields):
    base = {"drug": "morphine", "catheter": Catheter("60 cm", "L2")}
    return Pump.of(
        "SynchroMed II 20 mL", concentration=strength, programme=programme, **{**base, **fields}
    )


def faults(*arguments, **fields):
    with pytest.raises(RegimenError) as error:
        pump(*arguments, **fields)
    return error.value.faults


def test_a_flow_below_the_least_says_what_fits():
    (fault,) = faults("0.4 mg/day", "10 mg/mL")
    assert fault == (
        "0.4 mg/day at 10 mg/mL is 0.04 mL/day, below the least flow, 0.048 mL/day: dilute to "
        "8.333 mg/mL or less, or give nothing or at least 0.48 mg/day"
    )
    pump("0.4 mg/day", "8.333 mg/mL")
    pump("0.48 mg/day", "10 mg/mL")
    pump(Programme(steps={"22:00": "0 mg/day", "06:00": "1 mg/day"}))


def test_a_flow_above_the_highest_says_what_fits():
    programme = Programme("1 mg/day", patient=PatientBolus("1 mg", "6 min", "6 h", 3))
    (fault,) = faults(programme)
    assert "above the highest flow, 24 mL/day: concentrate to 10.04 mg/mL or more" in fault
    pump(programme, "10.05 mg/mL")


def test_boluses_count_together():
    half = Bolus("0.24 mg", "6 min", "6 h")
    pump(Programme("1 mg/day", boluses=half))
    assert "all boluses counted" in faults(Programme("1 mg/day", boluses=[half, half, half]))[0]


def test_most_steps():
    steps = {h: "1 mg/day" for h in range(14)}
    assert faults(Programme(steps=steps)) == ("14 steps in 24 h; the pump has 13",)
    steps.pop(13)
    pump(Programme(steps=steps))


def test_stated_dose_and_flow():
    pump(daily_dose="1 mg/day", flow="0.2 mL/day")
    found = faults(daily_dose="1 ug/day", flow="0.02 mL/day")
    assert (
        "stated daily dose, 1 ug/day, is not that of the programme (1 mg/day, 0.2 mL/day)"
        in found[0]
    )
    assert "stated flow, 0.02 mL/day" in found[1]
    night = Programme("1 mg/day", {"20:00": "0.5 mg/day", "08:00": "1 mg/day"})
    pump(night, daily_dose="0.75 mg/day")


def test_volumes():
    assert "not within the reservoir" in faults(fill="21 mL")[0]
    assert "never due, or at once" in faults(refill_at="20 mL")[0]
    assert len(faults(fill="1 mL", residual="1 mL", refill_at="0.5 mL")) == 2


def test_a_slip_of_mg_for_ug():
    found = faults("400 mg/day", "25 mg/mL")
    assert any('did you mean "0.4 mg"' in fault for fault in found)
    (fault,) = faults("10 mg/day", "50 mg/mL")
    assert "above the highest concentration of morphine, 25 mg/mL" in fault
    pump(strength="20.1 mg/mL")
    pump("1 mg/day", "15 mg/mL", drug="baclofen", intended=True)
    pump("400 mg/day", "50 mg/mL", intended=True)
    pump("40 mg/day", "50 mg/mL", drug="ketamine")


def test_a_misspelt_drug_does_not_escape_the_check():
    (fault,) = faults("40 mg/day", "50 mg/mL", drug="morphin")
    assert 'did you mean "morphine"' in fault
    pump("40 mg/day", "50 mg/mL", drug="morphin", intended=True)
    assert (
        "above the highest concentration of baclofen"
        in faults(strength="3 mg/mL", drug="Lioresal")[0]
    )
    assert "cannot be read" in faults(drug="no_such_file.toml")[0]


def test_the_patients_boluses_count_to_the_day():
    bolus = PatientBolus("2.5 mg", "6 h", "6 h", 4)
    pump(Programme("14 mg/day", patient=bolus), "10 mg/mL")
    assert "in a day" in faults(Programme("16 mg/day", patient=bolus), "10 mg/mL")[0]
    assert "in one dose" in faults(Programme("2 mg/day", patient=PatientBolus(3, 6, 6, 1)))[0]


def test_faults_of_later_settings_say_when():
    changes = [
        Change("10 d", Programme("0.1 mg/day")),
        Change("20 d", concentration="30 mg/mL", bridge=True),
    ]
    found = faults(changes=changes)
    assert found[0].startswith("from 10 days: 0.1 mg/day at 5 mg/mL")
    assert any(f.startswith("from 20 days: 0.1 mg/day at 30 mg/mL") for f in found)
    assert any("bridge bolus flows at 0.02 mL/day, not from 0.048" in f for f in found)


def test_a_bridge_bolus_needs_its_time():
    bridged = Change("10 d", concentration="10 mg/mL", bridge=True)
    (fault,) = faults(changes=[bridged, Change("11 d", Programme("2 mg/day"))])
    assert fault == (
        "from 10 days: the priming or bridge bolus takes 39.72 h, and the next change comes after 24 h"
    )
    pump(changes=[Change("12 d", Programme("2 mg/day")), bridged])


def test_two_changes_at_one_time():
    twice = [Change("10 d", refill=True), Change(240.0, Programme("2 mg/day"))]
    assert faults(changes=twice) == ("two changes at one time: make one Change of them",)
