"""What a pump does from when to when: changes of programme and drug, priming and bridge boluses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel.devices.implanted.programme import Programme
from pkmodel.devices.reading import DAY, read
from pkmodel.errors import RegimenError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Bridge", "Change", "Setting", "bridge_bolus", "settings"]


@dataclass(frozen=True)
class Change:
    """A visit: a new programme, a refill, or both.

    Parameters
    ----------
    at : str or float
        When [h] after the implantation.
    programme : Programme, optional
        From then on; by default the one before goes on.
    concentration : str or float, optional
        Of the drug in a new filling [mg/L].
    refill : bool
        Whether the reservoir is refilled; a new concentration implies it.
    bridge : bool
        Whether a bridge bolus clears tubing and catheter first, see :func:`bridge_bolus`.

    Raises
    ------
    RegimenError
        All that is wrong with it.

    Examples
    --------
    >>> Change("30 d", concentration="20 mg/mL", bridge=True).refill
    True
    """

    at: float
    programme: Programme | None = None
    concentration: float | None = None
    refill: bool = False
    bridge: bool = False

    def __post_init__(self) -> None:
        faults: list[str] = []
        object.__setattr__(self, "at", read(faults, "at", self.at, "time", above=0))
        if not isinstance(self.programme, Programme | None):
            faults.append(f"programme is {self.programme!r}; expected a Programme")
        if self.concentration is not None:
            value = read(faults, "concentration", self.concentration, "concentration", above=0)
            object.__setattr__(self, "concentration", value)
            object.__setattr__(self, "refill", True)
        elif self.bridge:
            faults.append("a bridge bolus goes with a new concentration")
        if self.programme is None and not self.refill and not faults:
            faults.append("it changes nothing: give programme=, concentration= or refill=True")
        if faults:
            raise RegimenError(
                *faults,
                given="Change",
                remedy='Write for example Change("30 d", concentration="20 mg/mL").',
            )


class Bridge(NamedTuple):
    """A bridge bolus: what is programmed, and what comes out at the tip meanwhile.

    Parameters
    ----------
    volume : float
        Volume [L], that of tubing and catheter.
    duration : float
        Time over which it is given [h].
    flow : float
        Flow [L/h].
    amount : float
        Dose that is programmed, for the pump reckons with the new concentration [mg].
    cleared : float
        Old drug that leaves the tip [mg].
    """

    volume: float
    duration: float
    flow: float
    amount: float
    cleared: float


def bridge_bolus(
    old_concentration: Any, new_concentration: Any, dead_volume: Any, dose_rate: Any
) -> Bridge:
    """Let the old drug in tubing and catheter come out at the old dose rate.

    After a refill with another concentration the pump reckons with the new one, while the old one still stands
    in tubing and catheter. A bridge bolus takes the place of the programme until that has left: its volume is the
    dead volume, its flow the old one.

    Parameters
    ----------
    old_concentration, new_concentration : str or float
        Before and after the refill [mg/L].
    dead_volume : str or float
        Volume of tubing and catheter [L].
    dose_rate : str or float
        Old dose rate [mg/h].

    Returns
    -------
    Bridge

    Raises
    ------
    RegimenError
        All that is wrong with it.

    Examples
    --------
    >>> bridge = bridge_bolus("10 mg/mL", "20 mg/mL", "0.3 mL", "1 mg/day")
    >>> round(bridge.duration, 9), round(bridge.amount, 9), round(bridge.cleared, 9)
    (72.0, 6.0, 3.0)
    """
    faults: list[str] = []
    old = read(faults, "old_concentration", old_concentration, "concentration", above=0)
    new = read(faults, "new_concentration", new_concentration, "concentration", above=0)
    volume = read(faults, "dead_volume", dead_volume, "volume")
    rate = read(faults, "dose_rate", dose_rate, "rate", above=0)
    if faults:
        raise RegimenError(
            *faults,
            given="bridge_bolus",
            remedy='Write for example bridge_bolus("10 mg/mL", "20 mg/mL", "0.3 mL", "1 mg/day").',
        )
    return Bridge(volume, volume * old / rate, rate / old, volume * new, volume * old)


@dataclass(frozen=True)
class Setting:
    """What the pump does from one change to the next.

    Parameters
    ----------
    start, end : float
        From when to when [h].
    programme : Programme
        What it gives.
    concentration : float
        Concentration that it reckons with [mg/L].
    refill : bool
        Whether the reservoir is refilled at the start.
    fixed_flow, fixed_until : float
        Flow of a priming or bridge bolus [L/h], which is given before the programme, and its end [h].
    """

    start: float
    end: float
    programme: Programme
    concentration: float
    refill: bool
    fixed_flow: float
    fixed_until: float

    def edges(self, start: float, end: float, clock: float, granted: Floats) -> Floats:
        """Times [h] at which the flow may change, between two times [h]."""
        begin, stop = max(start, self.start), min(end, self.end)
        if stop <= begin:
            return np.zeros(0)
        parts: list[Any] = [[begin], self.programme.edges(begin, stop, self.start, clock)]
        if self.fixed_until > self.start:
            parts.append([self.fixed_until])
        if self.programme.patient:
            parts += [granted, granted + self.programme.patient.over]
        found = np.concatenate(parts)
        return found[(found >= begin) & (found < stop)]

    def flow(self, time: Floats, clock: float, granted: Floats) -> Floats:
        """Flow [L/h] at some times [h] of this setting that are no edges.

        Parameters
        ----------
        time : array of float
        clock : float
            Time of day at time 0 [h].
        granted : array of float
            Starts of the patient's boluses [h], ascending.

        Returns
        -------
        array of float
        """
        rate = self.programme.rates(time, self.start, clock)
        bolus = self.programme.patient
        own = granted[(granted >= self.start) & (granted < self.end)]
        if bolus and len(own):
            last = np.searchsorted(own, time, side="right") - 1
            running = (last >= 0) & (time < own[last] + bolus.over)
            rate = rate + np.where(running, bolus.amount / bolus.over, 0.0)
        return np.where(time < self.fixed_until, self.fixed_flow, rate / self.concentration)


def settings(
    programme: Programme,
    concentration: float,
    changes: Sequence[Change],
    dead_volume: float,
    priming_flow: float = 0.0,
) -> tuple[Setting, ...]:
    """What the pump does, from the implantation on.

    Parameters
    ----------
    programme, concentration
        At first; concentration [mg/L].
    changes : sequence of Change
        In order of time.
    dead_volume : float
        Volume of tubing and catheter [L].
    priming_flow : float
        Flow at which they are filled with drug at the start [L/h]; 0 if they are not.

    Returns
    -------
    tuple of Setting
    """
    until = dead_volume / priming_flow if priming_flow else 0.0
    ends = [*(change.at for change in changes), math.inf]
    found = [Setting(0.0, ends[0], programme, concentration, False, priming_flow, until)]
    for change, end in zip(changes, ends[1:], strict=True):
        before = found[-1]
        new = change.concentration or before.concentration
        flow, until = 0.0, change.at
        if change.bridge and before.programme.daily_dose > 0:
            rate = before.programme.daily_dose / DAY
            bridge = bridge_bolus(before.concentration, new, dead_volume, rate)
            flow, until = bridge.flow, change.at + bridge.duration
        found.append(
            Setting(
                change.at,
                end,
                change.programme or before.programme,
                new,
                change.refill,
                flow,
                until,
            )
        )
    return tuple(found)
