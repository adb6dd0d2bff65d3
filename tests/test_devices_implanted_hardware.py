"""The file of constants: every number with unit, source and confidence; pumps from it and of one's own."""

import pytest

from pkmodel.devices.implanted import hardware
from pkmodel.devices.implanted.hardware import Hardware, constants, stability
from pkmodel.drugs.schema import CONFIDENCE
from pkmodel.errors import RegimenError

TABLE = hardware.table()
PUMPS = list(TABLE["pumps"])
RECORDS = [
    *(
        (f"{pump}: {key}", record)
        for pump, numbers in TABLE["pumps"].items()
        for key, record in numbers.items()
        if key != "like"
    ),
    *((f"stability of {drug}", record) for drug, record in TABLE["stability"].items()),
]


@pytest.mark.parametrize(("name", "record"), RECORDS, ids=[name for name, _ in RECORDS])
def test_every_number_says_where_it_comes_from(name, record):
    assert record["confidence"] in CONFIDENCE, name
    assert record.get("source") or record["confidence"] == "assumed"
    assert record["confidence"] not in ("assumed", "derived") or record["note"]
    assert set(record.get("source", ())) <= set(TABLE["sources"])


def test_no_source_is_idle():
    used = {key for _, record in RECORDS for key in record.get("source", ())}
    assert used == set(TABLE["sources"])


def test_synchromed():
    pump = Hardware.of("SynchroMed II 20 mL")
    assert (pump.reservoir, pump.alarm, pump.most_steps) == (0.02, 0.002, 13)
    assert pump.minimum_flow == pytest.approx(0.000002)
    assert pump.bore == pytest.approx(2.2e-6)
    assert pump.battery_life / 24 / 365.25 == pytest.approx(4)
    assert Hardware.of("SynchroMed II 40 mL").reservoir == 0.04
    assert Hardware.of("SynchroMed II 40 mL").tubing == pump.tubing


def test_what_the_sources_lack_is_given_by_the_user():
    with pytest.raises(RegimenError, match=r"lack its reservoir: give reservoir=") as error:
        Hardware.of("Prometra II")
    assert len(error.value.faults) == 6
    given = {
        "reservoir": "20 mL",
        "minimum_flow": 0.0,
        "maximum_flow": "28.8 mL/day",
        "most_steps": 24,
        "battery_life": "10 years",
        "end_of_service": "60 d",
    }
    pump = Hardware.of("Prometra II", **given)
    assert 110 * pump.bore == pytest.approx(0.286e-3)


@pytest.mark.parametrize(
    ("numbers", "fault"),
    [
        ({"reservior": "20 mL"}, 'did you mean "reservoir"'),
        ({"reservoir": "20 mg"}, "the unit of an amount"),
        ({"reservoir": "1 mL"}, "residual <= alarm < reservoir"),
        ({"minimum_flow": "30 mL/day"}, "minimum_flow < maximum_flow"),
        ({"most_steps": 0}, "whole number"),
        ({"bore": "0.0022 mL"}, "volume per length"),
        ({"bore": "0.0022 mg/cm"}, "volume per length"),
        ({"battery_life": {"1 mg/day": "5 years"}}, "flow in battery_life"),
    ],
)
def test_wrong_numbers(numbers, fault):
    with pytest.raises(RegimenError, match=fault):
        Hardware.of("SynchroMed II 20 mL", **numbers)


def test_unknown_pump():
    with pytest.raises(RegimenError, match="did you mean"):
        constants("SynchroMed III 20 mL")


def test_bore_in_any_unit():
    assert Hardware.of("SynchroMed II 20 mL", bore="0.22 uL/mm").bore == pytest.approx(2.2e-6)
    assert Hardware.of("SynchroMed II 20 mL", bore=2.2e-6).bore == 2.2e-6


def test_battery_by_flow():
    table = {"2 mL/day": "1000 d", "1 mL/day": "2000 d"}
    pump = Hardware.of("SynchroMed II 20 mL", battery_life=table)
    assert pump.life(0.0015 / 24) == pytest.approx(1500 * 24)
    with pytest.raises(RegimenError, match=r"from 1 mL/day to 2 mL/day; the mean flow is 0.5"):
        pump.life(0.0005 / 24)
    again = Hardware.of("SynchroMed II 20 mL", battery_life=pump.battery_life)
    assert again == pump


def test_stability():
    assert stability("Morphine") == (90 * 24, 90 * 24)
    assert stability("ziconotide") == (14 * 24, 40 * 24)
    assert stability("") is None
