"""The catheter: its length, and the place of its tip in the model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pkmodel.devices.reading import read
from pkmodel.errors import RegimenError
from pkmodel.library.spine import level_faults, route_at

__all__ = ["Catheter", "entry_of"]

_LEVEL = re.compile(r"[CTLS]\d+(-[CTLS]\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Catheter:
    """An intrathecal catheter.

    Parameters
    ----------
    length : str or float
        Implanted length [cm].
    tip : str
        Vertebral level of the tip, ``"C1"`` to ``"S2"``, or two, ``"L3-L4"``; or the name of a route or compartment
        of the model. A drug has to have its tip there, too: ``Drug.read("morphine").segmented(tip="T10")``.

    Raises
    ------
    RegimenError
        All that is wrong with it.

    Examples
    --------
    >>> Catheter("60 cm", tip="T10").entry
    'intrathecal T10'
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
    """Route at a level of the spine; any other name stands for itself.

    Parameters
    ----------
    tip : str
        ``"T10"``, ``"L3-L4"``, ``"intrathecal"``, ``"lumbar_csf_3"``.

    Returns
    -------
    str

    Raises
    ------
    RegimenError
        A level that does not exist, or no name.

    Notes
    -----
    The neuraxial model knows the route of the level at which its own tip is, and no other: the doses of a catheter
    whose tip is elsewhere are refused.

    Examples
    --------
    >>> entry_of("t10"), entry_of("epidural")
    ('intrathecal T10', 'epidural')
    """
    if isinstance(tip, str) and _LEVEL.fullmatch(tip):
        if faults := list(level_faults("tip", tip)):
            raise RegimenError(*faults)
        return route_at(tip)
    if not isinstance(tip, str) or not re.fullmatch(r"[^\W\d]\w*", tip):
        raise RegimenError(f'tip is {tip!r}; expected a level ("T10") or the name of a compartment')
    return tip
