"""The catheter: its length, and the place of its tip in the model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pkmodel.devices.implanted.hardware import table
from pkmodel.devices.reading import read
from pkmodel.errors import RegimenError

__all__ = ["Catheter", "entry_of"]


@dataclass(frozen=True)
class Catheter:
    """An intrathecal catheter.

    Parameters
    ----------
    length : str or float
        Implanted length [cm].
    tip : str
        Vertebral level of the tip, ``"C1"`` to ``"S1"``; or the name of a route or compartment of the model.

    Raises
    ------
    RegimenError
        All that is wrong with it.

    Examples
    --------
    >>> Catheter("60 cm", tip="T10").entry
    'thoracic_csf'
    """

    length: float
    tip: str

    def __post_init__(self) -> None:
        faults: list[str] = []
        object.__setattr__(self, "length", read(faults, "length", self.length, "length"))
        try:
            entry_of(self.tip)
        except RegimenError as error:
            faults += error.faults
        if faults:
            raise RegimenError(
                *faults, given="Catheter", remedy='Write for example Catheter("60 cm", tip="T10").'
            )

    @property
    def entry(self) -> str:
        """Route or compartment of the model that the drug enters at the tip."""
        return entry_of(self.tip)


def entry_of(tip: Any) -> str:
    """Route or compartment at a level of the spine; any other name stands for itself.

    Parameters
    ----------
    tip : str
        ``"T10"``, ``"L2"``, ``"lumbar_csf"``.

    Returns
    -------
    str

    Raises
    ------
    RegimenError
        A level that does not exist, or no name.

    Notes
    -----
    The file of constants maps levels to entries: cervical CSF, thoracic CSF (T1 to T11), and from T12 down the
    route ``intrathecal``, which leads to lumbar CSF and has the drug's bioavailability.

    Examples
    --------
    >>> entry_of("L2"), entry_of("epidural")
    ('intrathecal', 'epidural')
    """
    if not isinstance(tip, str) or not re.fullmatch(r"[^\W\d]\w*", tip):
        raise RegimenError(f'tip is {tip!r}; expected a level ("T10") or the name of a compartment')
    found = [row["entry"] for row in table()["tips"] if tip.upper() in row["levels"]]
    if not found and re.fullmatch(r"[CTLS]\d+", tip.upper()):
        raise RegimenError(f'"{tip}" is no level of the spine (C1 to C8, T1 to T12, L1 to L5, S1)')
    return found[0] if found else tip
