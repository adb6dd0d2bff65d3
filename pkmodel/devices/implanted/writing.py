"""A prescription as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pkmodel.devices.implanted.changes import Change
from pkmodel.devices.reading import DAY, daily_text, flow_text, strength_text, volume_text

if TYPE_CHECKING:
    from pkmodel.devices.implanted.pump import Pump

__all__ = ["describe"]


def describe(pump: Pump) -> str:
    """The prescription in lines, the daily dose in the first.

    Parameters
    ----------
    pump : Pump
        Any.

    Returns
    -------
    str
    """
    return "\n".join(_lines(pump))


def _lines(pump: Pump) -> Iterator[str]:
    rate = pump.programme.daily_dose / DAY
    flow = rate / pump.concentration
    what = f"{pump.drug} {strength_text(pump.concentration)}".strip()
    yield f"{pump.hardware.name}: {what}, {daily_text(rate)} ({flow_text(flow)})"
    yield f"  programme  {pump.programme}"
    yield f"  reservoir  {volume_text(pump.filling)}, {_refills(pump)}"
    catheter = pump.catheter
    delay = f": {pump.dead_volume / flow / DAY:.2g} days at this flow" if flow else ""
    dead = f"dead volume {volume_text(pump.dead_volume)}{delay}"
    yield f"  catheter   {catheter.length:g} cm, tip {catheter.tip}, {dead}"
    if pump.prime:
        yield "  primed     at the start"
    for change in pump.changes:
        yield f"  change     at {change.at / DAY:g} days: {_change(change)}"
    for fault in pump.faults:
        part = f" of {fault.part:.0%}" if fault.part is not None else ""
        yield f"  fault      {fault.kind}{part} from {fault.start / DAY:g} to {fault.end / DAY:g} days"


def _refills(pump: Pump) -> str:
    when = []
    if pump.refill_at is not None:
        when.append(f"at {volume_text(pump.refill_at)}")
    if pump.refill_every is not None:
        when.append(f"every {pump.refill_every / DAY:g} days")
    return f"refilled {' or '.join(when)}" if when else "not refilled"


def _change(change: Change) -> str:
    parts = [] if change.programme is None else [str(change.programme)]
    if change.concentration is not None:
        parts.append(f"refilled with {strength_text(change.concentration)}")
    elif change.refill:
        parts.append("refilled")
    return ", ".join(parts) + (", with a bridge bolus first" if change.bridge else "")
