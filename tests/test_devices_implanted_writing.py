"""The text of a prescription."""

from pkmodel.devices.implanted.catheter import Catheter
from pkmodel.devices.implanted.changes import Change
from pkmodel.devices.implanted.faults import Fault
from pkmodel.devices.implanted.programme import Programme
from pkmodel.devices.implanted.pump import Pump


def test_everything():
    pump = Pump.of(
        "SynchroMed II 40 mL",
        drug="baclofen",
        concentration="500 ug/mL",
        programme="200 ug/day",
        catheter=Catheter("50 cm", "T8"),
        refill_at="alarm",
        refill_every="90 d",
        prime=True,
        changes=[
            Change("10 d", Programme("240 ug/day")),
            Change("60 d", concentration="2 mg/mL", bridge=True),
            Change("80 d", refill=True),
        ],
        faults=[Fault("leak", "1 d", "2 d", part="30 %"), Fault("stall", "100 d")],
    )
    assert repr(pump).splitlines() == [
        "SynchroMed II 40 mL: baclofen 0.5 mg/mL, 0.2 mg/day (0.4 mL/day)",
        "  programme  0.2 mg/day",
        "  reservoir  40 mL, refilled at 2 mL or every 90 days",
        "  catheter   50 cm, tip T8, dead volume 0.309 mL: 0.77 days at this flow",
        "  primed     at the start",
        "  change     at 10 days: 0.24 mg/day",
        "  change     at 60 days: refilled with 2 mg/mL, with a bridge bolus first",
        "  change     at 80 days: refilled",
        "  fault      leak of 30% from 1 to 2 days",
        "  fault      stall from 100 to inf days",
    ]


def test_a_pump_that_stands_still():
    pump = Pump.of(
        "SynchroMed II 20 mL",
        concentration="25 ug/mL",
        programme=0.0,
        catheter=Catheter("60 cm", "epidural"),
    )
    assert repr(pump).splitlines() == [
        "SynchroMed II 20 mL: 25 ug/mL, 0 ng/day (0 mL/day)",
        "  programme  0 ng/day",
        "  reservoir  20 mL, not refilled",
        "  catheter   60 cm, tip epidural, dead volume 0.331 mL",
    ]
