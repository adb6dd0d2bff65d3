"""The calendar of a pump: refills, alarms, limits of stability, replacement."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pkmodel.devices.implanted.hardware import Hardware
from pkmodel.devices.reading import DAY
from pkmodel.errors import RegimenError

if TYPE_CHECKING:
    import pandas as pd

    from pkmodel.devices.implanted.delivery import Delivery
    from pkmodel.devices.implanted.reservoir import Fill

__all__ = ["calendar"]

Row = tuple[float, str, float, str]


def calendar(
    delivery: Delivery,
    hardware: Hardware,
    stability: tuple[float, float] | None,
    start: Any,
    clock: float,
) -> pd.DataFrame:
    """Events of a pump's service, in order of time.

    Parameters
    ----------
    delivery : Delivery
        What the pump did, from the implantation on.
    hardware : Hardware
        For the battery.
    stability : tuple of float, optional
        How long the first filling may stay, and every later one [h].
    start : str, date or None
        Day of the implantation.
    clock : float
        Time of day of the implantation [h].

    Returns
    -------
    pandas.DataFrame
        Columns ``time`` [h], ``date`` where there is a start, ``event``, ``volume`` [L], ``note``.

    Raises
    ------
    RegimenError
        A start that is no date.
    """
    import pandas as pd

    rows = [row for fill in delivery.fills for row in _of_fill(fill, stability)]
    rows += _of_battery(delivery, hardware)
    table = pd.DataFrame(rows, columns=["time", "event", "volume", "note"])
    table = table.sort_values("time", kind="stable", ignore_index=True)
    if start is not None:
        try:
            day = pd.Timestamp(start).normalize()
        except (TypeError, ValueError):
            raise RegimenError(f'start is {start!r}; expected a date ("2026-01-05")') from None
        table.insert(
            1, "date", day + pd.to_timedelta(table["time"] + clock, unit="h").dt.round("min")
        )
    return table


def _of_fill(fill: Fill, stability: tuple[float, float] | None) -> list[Row]:
    rows: list[Row] = []
    if fill.alarm < math.inf:
        volume = fill.last if fill.alarm == fill.end else math.nan
        rows.append((fill.alarm, "low-reservoir alarm", volume, ""))
    if fill.empty < math.inf:
        rows.append((fill.empty, "empty", fill.last, "no drug until the next refill"))
    if stability is not None:
        limit = fill.filled + (stability[1] if fill.filled else stability[0])
        if limit < fill.end:
            note = f"refilled {(fill.end - limit) / DAY:.3g} days later" if fill.refilled else ""
            rows.append((limit, "stability limit", math.nan, note))
    if fill.refilled:
        rows.append((fill.end, "refill", fill.last, f"{1000 * fill.last:.3g} mL discarded"))
    return rows


def _of_battery(delivery: Delivery, hardware: Hardware) -> list[Row]:
    until = delivery.state.time
    volume = sum(fill.first - fill.last for fill in delivery.fills)
    due = hardware.life(volume / until)
    rows = [
        (due, "replacement indicator", math.nan, "replace the pump"),
        (due + hardware.end_of_service, "end of service", math.nan, "the pump stops"),
    ]
    return [row for row in rows if row[0] < until]
