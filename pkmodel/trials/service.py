"""The pump in service: when it fails, and when it is refilled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pkmodel.devices.draws import uniforms
from pkmodel.devices.implanted.hardware import Hardware, stability
from pkmodel.devices.reading import DAY
from pkmodel.trials.people import STREAM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.drugs import Drug
    from pkmodel.trials.plans import Faults

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

YEAR = 365.25 * DAY


@dataclass(frozen=True)
class Failures:
    """Faults of the pumps, by subject and day after the implantation.

    Parameters
    ----------
    stopped : array of bool, shape (subject, day)
        Whether nothing is delivered.
    pump, catheter : array of int, shape (subject, day)
        Faults of either that begin on the day.
    """

    stopped: NDArray[np.bool_]
    pump: Ints
    catheter: Ints


def failures(faults: Faults, ids: Ints, seed: int, days: int) -> Failures:
    """Draw faults: a Poisson process, which goes on while a fault is repaired."""
    mean = faults.per_year * days * DAY / YEAR
    size = int(np.ceil(mean + 10 * np.sqrt(mean) + 10))
    key = (seed, STREAM, 0)
    gaps = -np.log(uniforms(ids, size, key, "fault"))
    with np.errstate(divide="ignore"):
        day = np.cumsum(gaps, axis=1) / np.float64(faults.per_year / YEAR * DAY)
    of_pump = uniforms(ids, size, key, "kind of fault") < faults.pump
    begun = np.zeros((2, len(ids), days), np.int64)
    stopped = np.zeros((len(ids), days + 1), np.int64)
    subject, number = np.nonzero(day < days)
    first = day[subject, number].astype(np.int64)
    np.add.at(begun, (of_pump[subject, number].astype(int), subject, first), 1)
    np.add.at(stopped, (subject, first), 1)
    np.add.at(stopped, (subject, np.minimum(first + round(faults.repair / DAY), days)), -1)
    return Failures(stopped.cumsum(axis=1)[:, :days] > 0, begun[1], begun[0])


@dataclass
class Reservoirs:
    """Reservoirs of some subjects: drug that is left, and its age.

    A filling holds what the rate of that day takes until it is too old, or as much as can be dissolved.

    Parameters
    ----------
    most : float
        Drug in a filling at the highest concentration [mg], down to the alarm.
    days : float
        How long a filling may stay.
    left, age : array, shape (subject,)
        Drug down to the alarm [mg], and days since the filling.
    """

    most: float
    days: float
    left: Floats
    age: Floats

    @classmethod
    def of(cls, drug: Drug, name: str, count: int) -> Reservoirs:
        """Empty ones of a pump of the file of constants."""
        hardware = Hardware.of(name)
        strength = drug.routes["intrathecal"].max_concentration
        most = (hardware.reservoir - hardware.alarm) * (np.inf if strength is None else strength)
        lasts = stability(drug.name)
        days = lasts[1] / DAY if lasts else np.inf
        return cls(most, days, np.zeros(count), np.full(count, np.inf))

    def day(self, rate: Floats, delivered: Floats) -> NDArray[np.bool_]:
        """Let a day go by.

        Parameters
        ----------
        rate, delivered : array, shape (subject,)
            Rate that is programmed, and drug that is delivered [mg/day]; 0 without a pump.

        Returns
        -------
        array of bool
            Who was refilled at the beginning of the day; the first filling does not count.
        """
        filled = (rate > 0) & ((self.age >= self.days) | (self.left < delivered * (1 - 1e-9)))
        fresh = np.minimum(self.most, rate * min(self.days, 365.0))
        again = filled & np.isfinite(self.age)
        self.left = np.where(filled, fresh, self.left) - delivered
        self.age = np.where(filled, 0.0, self.age) + 1.0
        return again
