"""What goes wrong: stall, occlusion, leak and disconnection, each from a time to a time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pkmodel.devices.reading import read
from pkmodel.errors import RegimenError, did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["KINDS", "Fault", "fault_edges", "share_lost", "stopped"]

KINDS = ("stall", "occlusion", "leak", "disconnection")


@dataclass(frozen=True)
class Fault:
    """A fault of pump or catheter.

    Parameters
    ----------
    kind : {"stall", "occlusion", "leak", "disconnection"}
        The motor stands still; the catheter is blocked; a part, or all, of what leaves the pump runs into the
        pocket at the catheter's port. Under the first two nothing flows anywhere.
    start, end : str or float
        From when to when [h]; without an end for good.
    part : str or float, optional
        Part of the flow that a leak loses: ``"30 %"``.

    Raises
    ------
    RegimenError
        All that is wrong with it.

    Examples
    --------
    >>> Fault("leak", "10 d", "12 d", part="30 %")
    Fault(kind='leak', start=240.0, end=288.0, part=0.3)
    """

    kind: str
    start: float
    end: float = math.inf
    part: float | None = None

    def __post_init__(self) -> None:
        faults = []
        if self.kind not in KINDS:
            near = did_you_mean(str(self.kind), KINDS)
            faults.append(f"kind is {self.kind!r}; expected one of {', '.join(KINDS)}{near}")
        object.__setattr__(self, "start", read(faults, "start", self.start, "time"))
        object.__setattr__(self, "end", read(faults, "end", self.end, "time", finite=False))
        if self.end <= self.start:
            faults.append(f"it ends at {self.end:g} h, not after its start at {self.start:g} h")
        if (self.part is not None) != (self.kind == "leak"):
            faults.append('a leak, and nothing else, loses a part of the flow: part="30 %"')
        elif self.part is not None:
            object.__setattr__(self, "part", read(faults, "part", self.part, "ratio", above=0))
            if self.part > 1:
                faults.append(f"part is {self.part:g}; expected at most 100 %")
        if faults:
            raise RegimenError(
                *faults,
                given="Fault",
                remedy='Write for example Fault("leak", "10 d", "12 d", part="30 %").',
            )


def fault_edges(faults: Iterable[Fault]) -> list[float]:
    """Times [h] at which a fault begins or ends."""
    return [t for fault in faults for t in (fault.start, fault.end) if t < math.inf]


def stopped(faults: Iterable[Fault], time: Floats) -> NDArray[np.bool_]:
    """Whether nothing flows, at some times [h]."""
    found = np.zeros(len(time), bool)
    for fault in faults:
        if fault.kind in ("stall", "occlusion"):
            found |= (fault.start <= time) & (time < fault.end)
    return found


def share_lost(faults: Iterable[Fault], time: Floats) -> Floats:
    """Part of the flow that runs into the pocket, at some times [h]; leaks lose one after the other."""
    kept = np.ones(len(time))
    for fault in faults:
        if fault.kind in ("leak", "disconnection"):
            running = (fault.start <= time) & (time < fault.end)
            kept[running] *= 1.0 - (1.0 if fault.part is None else fault.part)
    return 1.0 - kept
