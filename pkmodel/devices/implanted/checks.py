"""Reading a prescription, and what is wrong with it: flows that the pump cannot make, doses out of range."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pkmodel import units
from pkmodel.devices.implanted.catheter import Catheter
from pkmodel.devices.implanted.changes import Change
from pkmodel.devices.implanted.faults import Fault
from pkmodel.devices.implanted.hardware import stability
from pkmodel.devices.implanted.programme import Programme
from pkmodel.devices.reading import (
    DAY,
    daily_text,
    flow_text,
    read,
    strength_text,
    time_of_day,
    volume_text,
)
from pkmodel.drugs import Drug
from pkmodel.drugs.schema import amount_text
from pkmodel.errors import DrugError, RegimenError, UnitError, did_you_mean
from pkmodel.regimen import Order

if TYPE_CHECKING:
    from pkmodel.devices.implanted.changes import Setting
    from pkmodel.devices.implanted.hardware import Hardware
    from pkmodel.devices.implanted.pump import Pump

__all__ = ["conflicts", "drug_of", "read_fields", "read_programme"]

AGREES = 0.01
"""Relative difference up to which a stated daily dose or flow is that of the prescription."""
ROUNDING = 1e-9
MEANT = "(intended=True if it is meant)"
_OPTIONAL = {
    "fill": "volume",
    "refill_at": "volume",
    "refill_every": "time",
    "stability": "time",
    "daily_dose": "rate",
    "flow": "clearance",
}


def read_fields(pump: Pump) -> tuple[dict[str, Any], list[str]]:
    """Fields of a prescription in their types and internal units, and what is wrong with them.

    Parameters
    ----------
    pump : Pump
        As the user has written it.

    Returns
    -------
    dict of str to object
        The fields.
    list of str
        Faults.
    """
    faults: list[str] = []
    strength = read(faults, "concentration", pump.concentration, "concentration", above=0)
    found: dict[str, Any] = {
        "concentration": strength,
        "clock": time_of_day(faults, "clock", pump.clock),
    }
    if not isinstance(pump.catheter, Catheter):
        faults.append(f"catheter is {pump.catheter!r}; expected a Catheter")
    for name, dimension in _OPTIONAL.items():
        value = getattr(pump, name)
        if name == "refill_at" and value == "alarm":
            value = pump.hardware.alarm
        if value is not None:
            found[name] = read(faults, name, value, dimension, above=0)
    for name, kind in (("changes", Change), ("faults", Fault)):
        value = getattr(pump, name)
        found[name] = (value,) if isinstance(value, kind) else tuple(value)
        wrong = [item for item in found[name] if not isinstance(item, kind)]
        faults += [f"{name}: {item!r} is no {kind.__name__}" for item in wrong]
    if not faults:
        found["changes"] = tuple(sorted(found["changes"], key=lambda change: change.at))
    found["programme"] = read_programme(faults, pump.programme, strength)
    return found, faults


def read_programme(faults: list[str], value: Any, concentration: float) -> Programme:
    """A programme as it is, or a constant rate: a dose per time, or a flow at a concentration [mg/L].

    Examples
    --------
    >>> read_programme([], "0.08 mL/day", 5000.0).daily_dose
    0.4
    """
    if isinstance(value, Programme):
        return value
    try:
        if isinstance(value, str) and units.dimension_of(units.split(value)[1]) == "clearance":
            flow = read(faults, "programme", value, "clearance")
            return Programme(0.0 if math.isnan(concentration * flow) else concentration * flow)
        return Programme(value)
    except (RegimenError, UnitError) as error:
        faults += [f"programme {value!r}: {fault}" for fault in error.faults]
        return Programme()


def conflicts(pump: Pump) -> Iterator[str]:
    """Say what does not go together in a prescription.

    Parameters
    ----------
    pump : Pump
        All its fields have their type.

    Yields
    ------
    str
        One fault, with what would fit.
    """
    yield from _volume_faults(pump)
    if any(b.at == a.at for a, b in pairwise(pump.changes)):
        yield "two changes at one time: make one Change of them"
        return
    yield from _stated_faults(pump)
    drug, unknown = drug_of(pump.drug)
    if unknown and not pump.intended:
        yield unknown
    for setting in pump.settings:
        when = f"from {setting.start / DAY:g} days: " if setting.start else ""
        found = [*_flow_faults(setting, pump.hardware), *_fixed_faults(setting, pump.hardware)]
        if drug and not pump.intended:
            found += _drug_faults(setting, drug)
        yield from (when + fault for fault in found)


def drug_of(name: str) -> tuple[Drug | None, str]:
    """The drug of a name, if the package has it; and what is wrong where it may be a misspelt one.

    Examples
    --------
    >>> drug_of("Lioresal")[0].name, drug_of("ketamine"), drug_of("morfine")
    ('baclofen', (None, ''), (None, 'unknown drug "morfine" (did you mean "morphine"?) (intended=True if it is meant)'))
    """
    try:
        return Drug.read(name), ""
    except DrugError as error:
        near = did_you_mean(name, Drug.names())
        if name.endswith(".toml"):
            return None, "; ".join(error.faults)
        if not near or stability(name):
            return None, ""
        return None, f'unknown drug "{name}"{near} {MEANT}'


def _volume_faults(pump: Pump) -> Iterator[str]:
    residual, reservoir, filling = pump.hardware.residual, pump.hardware.reservoir, pump.filling
    if not residual < filling <= reservoir:
        yield f"a fill of {volume_text(filling)} is not within the reservoir of {volume_text(reservoir)}"
    if pump.refill_at is not None and not residual <= pump.refill_at < filling:
        yield f"a refill at {volume_text(pump.refill_at)} is never due, or at once"


def _stated_faults(pump: Pump) -> Iterator[str]:
    """Contradictions to what is stated beside the programme."""
    rate = pump.programme.daily_dose / DAY
    shown = f"{daily_text(rate)}, {flow_text(rate / pump.concentration)}"
    if pump.daily_dose is not None and abs(pump.daily_dose - rate) > AGREES * rate:
        yield f"the stated daily dose, {daily_text(pump.daily_dose)}, is not that of the programme ({shown})"
    if pump.flow is not None and abs(pump.flow * pump.concentration - rate) > AGREES * rate:
        yield f"the stated flow, {flow_text(pump.flow)}, is not that of the programme ({shown})"


def _flow_faults(setting: Setting, hardware: Hardware) -> Iterator[str]:
    """Steps and flows that the hardware cannot make, and what would fit."""
    programme, strength = setting.programme, setting.concentration
    if len(programme.profile) > hardware.most_steps:
        yield f"{len(programme.profile)} steps in 24 h; the pump has {hardware.most_steps}"
    low, high = hardware.minimum_flow, hardware.maximum_flow
    for rate in sorted({rate for _, rate in programme.profile}):
        if 0 < rate < strength * low * (1 - ROUNDING):
            yield (
                f"{daily_text(rate)} at {strength_text(strength)} is {flow_text(rate / strength)}, below the "
                f"least flow, {flow_text(low)}: dilute to {strength_text(rate / low)} or less, or give nothing "
                f"or at least {daily_text(strength * low)}"
            )
    rate = programme.highest_rate
    if rate > strength * high * (1 + ROUNDING):
        yield (
            f"{amount_text(rate)}/h at {strength_text(strength)}, all boluses counted, is "
            f"{flow_text(rate / strength)}, above the highest flow, {flow_text(high)}: concentrate to "
            f"{strength_text(rate / high)} or more, or give at most {amount_text(strength * high)}/h"
        )


def _fixed_faults(setting: Setting, hardware: Hardware) -> Iterator[str]:
    """Priming and bridge boluses that the hardware cannot make, or that take too long."""
    low, flow, high = hardware.minimum_flow, setting.fixed_flow, hardware.maximum_flow
    if setting.fixed_until > setting.start and not low * (1 - ROUNDING) <= flow <= high * (
        1 + ROUNDING
    ):
        yield f"the bridge bolus flows at {flow_text(flow)}, not from {flow_text(low)} to {flow_text(high)}"
    if setting.fixed_until > setting.end:
        yield (
            f"the priming or bridge bolus takes {setting.fixed_until - setting.start:.4g} h, and the next change "
            f"comes after {setting.end - setting.start:.4g} h"
        )


def _drug_faults(setting: Setting, drug: Drug) -> Iterator[str]:
    """Concentration and doses outside the drug's plausible range."""
    highest = drug.routes["intrathecal"].max_concentration
    if highest is not None and setting.concentration > highest * (1 + ROUNDING):
        yield (
            f"{strength_text(setting.concentration)} is above the highest concentration of {drug.name}, "
            f"{strength_text(highest)} {MEANT}"
        )
    try:
        drug.check(list(_orders(setting.programme)))
    except DrugError as error:
        yield from (f"{fault} {MEANT}" for fault in error.faults)


def _orders(programme: Programme) -> Iterator[Order]:
    """The programme as orders, in which the patient takes all that is allowed."""
    basal = programme.daily_dose - sum(b.amount * DAY / b.every for b in programme.boluses)
    if basal > 0:
        yield Order("intrathecal", rate=basal / DAY, form="pump")
    for b in programme.boluses:
        yield Order("intrathecal", b.amount, duration=b.over, interval=b.every, count=None)
    if p := programme.patient:
        every = DAY * p.amount / p.daily_dose
        yield Order("intrathecal", p.amount, duration=p.over, interval=every, count=None)
