"""The calendar of a pump, by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pkmodel.devices.implanted.catheter import Catheter
from pkmodel.devices.implanted.pump import Pump
from pkmodel.errors import RegimenError


def pump(**fields):
    base = {
        "concentration": "5 mg/mL",
        "programme": "0.5 mg/day",  # 0.1 mL/day: 180 days from 20 mL to the alarm at 2 mL
        "catheter": Catheter("60 cm", "L2"),
        "refill_at": "alarm",
    }
    return Pump.of("SynchroMed II 20 mL", **{**base, **fields})


def test_refills_at_the_alarm():
    table = pump().maintenance("2026-01-05", years=1)
    assert list(table.columns) == ["time", "date", "event", "volume", "note"]
    assert table.event.tolist() == ["low-reservoir alarm", "refill"] * 2
    assert table.time.tolist() == pytest.approx([4320.0, 4320.0, 8640.0, 8640.0])
    assert table.volume.tolist() == pytest.approx([0.002] * 4)
    assert table.date[1] == pd.Timestamp("2026-07-04")
    assert table.note[1] == "2 mL discarded"


def test_the_clock_sets_the_hour():
    table = pump(clock="10:30").maintenance(pd.Timestamp("2026-01-05 23:00"), years=0.6)
    assert table.date[0] == pd.Timestamp("2026-07-04 10:30")


def test_limit_of_stability():
    table = pump(drug="morphine").maintenance(years=0.6)
    first = table.iloc[0]
    assert (first.event, first.time) == ("stability limit", 90 * 24.0)
    assert first.note == "refilled 90 days later"
    assert "stability limit" not in pump(stability="200 d").maintenance(years=3).event.tolist()
    assert "date" not in table


def test_the_first_filling_of_ziconotide_has_a_shorter_life():
    made = pump(
        drug="ziconotide", concentration="25 ug/mL", programme="2.5 ug/day", refill_every="30 d"
    )
    table = made.maintenance(years=0.5)
    assert table[table.event == "stability limit"].time.tolist() == [14 * 24.0]
    assert made.maintenance(years=0.5).equals(replace(made, drug="Prialt").maintenance(years=0.5))


def test_an_empty_reservoir():
    table = pump(refill_at=None).maintenance(years=1)
    assert table.event.tolist() == ["low-reservoir alarm", "empty"]
    assert table.time.tolist() == pytest.approx([4320.0, 4800.0])


def test_replacement():
    table = pump(refill_every="90 d").maintenance("2026-01-05", years=5)
    due = table[table.event.isin(["replacement indicator", "end of service"])]
    assert due.time.tolist() == [1461 * 24.0, (1461 + 90) * 24.0]
    by_flow = {"0.05 mL/day": "7 years", "0.15 mL/day": "5 years"}
    later = pump(refill_every="90 d", battery_life=by_flow).maintenance(years=7)
    when = later[later.event == "replacement indicator"].time.item()
    assert when == pytest.approx(6 * 365.25 * 24, rel=1e-6)


def test_times_ascend():
    table = pump(drug="morphine", refill_every="100 d").maintenance(years=5, requests=["1 d"])
    assert (np.diff(table.time) >= 0).all()


def test_a_start_that_is_no_date():
    with pytest.raises(RegimenError, match="expected a date"):
        pump().maintenance("soon", years=1)
