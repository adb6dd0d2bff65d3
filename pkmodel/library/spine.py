"""Places along the spine, and the segments into which the model divides it.

The coordinate counts vertebral levels from the lower end of the dural sac: S2 lies between 0 and 1, C1 between
25 and 26. Within a region all levels are taken to be equally high (assumed): about 2.6 cm in the lumbosacral
region (18 cm), 2.3 in the thoracic (28 cm), 2 in the cervical (14 cm).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from pkmodel.errors import ModelError

__all__ = ["LEVELS", "REGIONS", "Cell", "Spine"]

LEVELS = (
    "S2", "S1", *(f"L{k}" for k in range(5, 0, -1)), *(f"T{k}" for k in range(12, 0, -1)),
    *(f"C{k}" for k in range(7, 0, -1)),
)  # fmt: skip
"""Vertebral levels from below."""

REGIONS: dict[str, tuple[int, float]] = {
    "lumbar": (7, 18.0),
    "thoracic": (12, 28.0),
    "cervical": (7, 14.0),
}
"""Number of levels and length [cm] of every region, from below; the lengths are assumed."""

CONUS = 6.0  # lower end of the cord, at L1-L2
ENLARGEMENT = 10.0  # upper end of the lumbosacral cord, between T10 and T9
TOP = float(len(LEVELS))
FEWEST, MOST = 3, 240


class Cell(NamedTuple):
    """A segment: its region, its number there from below, and the levels between which it lies."""

    region: str
    number: int
    low: float
    high: float

    @property
    def csf(self) -> str:
        """Compartment of its CSF."""
        return f"{self.region}_csf_{self.number}"

    @property
    def cord(self) -> str:
        """Compartment of the cord beside it."""
        return f"{self.region}_cord_{self.number}"

    @property
    def middle(self) -> float:
        """Its middle [levels]."""
        return (self.low + self.high) / 2

    def overlap(self, low: float, high: float) -> float:
        """Length [levels] that it shares with a stretch of the spine."""
        return max(0.0, min(self.high, high) - max(self.low, low))


@dataclass(frozen=True)
class Spine:
    """How the neuraxial model divides the spine, and where drug enters and is sampled.

    Parameters
    ----------
    segments : int
        Number of segments of spinal CSF, 3 to 240, shared among the regions by their length.
    tip : str
        Level at which intrathecal doses enter: ``"T10"``, or ``"L3-L4"`` for the border of two levels.
    epidural : str
        Level at which epidural doses cross the dura.
    spread : float
        Length of the spine [vertebral levels] over which a dose mixes as it enters.
    sites : sequence of str
        Further sites of the results: ``"csf T12"``, ``"csf L3-L4"``, ``"cord T10"``.

    Raises
    ------
    ModelError
        Everything that is wrong with it.

    Examples
    --------
    >>> Spine(30, tip="T10").shares["thoracic"]
    14
    """

    segments: int = 30
    tip: str = "L3-L4"
    epidural: str = "L3-L4"
    spread: float = 2.0
    sites: Sequence[str] = ()

    def __post_init__(self) -> None:
        sites = (self.sites,) if isinstance(self.sites, str) else tuple(self.sites)
        object.__setattr__(self, "sites", sites)
        faults = _number_faults(self.segments, self.spread)
        faults += [
            f for name in ("tip", "epidural") for f in level_faults(name, getattr(self, name))
        ]
        for site in sites:
            faults += site_faults(site)
        faults += [f'site "{s}" stands twice' for s in dict.fromkeys(sites) if sites.count(s) > 1]
        if faults:
            raise ModelError(*faults, remedy='Write for example tip="T10", sites=["csf L3-L4"].')
        for name in ("tip", "epidural"):
            object.__setattr__(self, name, level_name(getattr(self, name)))

    @property
    def shares(self) -> dict[str, int]:
        """Number of segments of every region."""
        total = sum(length for _, length in REGIONS.values())
        exact = {r: self.segments * length / total for r, (_, length) in REGIONS.items()}
        found = {r: max(1, int(x)) for r, x in exact.items()}
        for region in sorted(exact, key=lambda r: found[r] - exact[r]):
            if sum(found.values()) < self.segments:
                found[region] += 1
        return found

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Segments from below."""
        found, low = [], 0.0
        for region, (levels, _) in REGIONS.items():
            n = self.shares[region]
            edges = [low + levels * k / n for k in range(n + 1)]
            found += [Cell(region, k, a, b) for k, (a, b) in enumerate(pairwise(edges), 1)]
            low += levels
        return tuple(found)

    def entered(self, level: str) -> dict[Cell, float]:
        """Segments into which a dose mixes that enters at a level, and the part of each."""
        low = max(0.0, place(level) - self.spread / 2)
        high = min(TOP, place(level) + self.spread / 2)
        return shared(self.cells, low, high)

    def __str__(self) -> str:
        return f"{self.segments} segments, tip {self.tip}, epidural {self.epidural}, spread {self.spread:g}"


def shared(cells: tuple[Cell, ...], low: float, high: float) -> dict[Cell, float]:
    """Segments that share a stretch of the spine, and the part of the stretch in each."""
    return {c: c.overlap(low, high) / (high - low) for c in cells if c.overlap(low, high) > 0}


def between(cells: tuple[Cell, ...], level: str) -> dict[Cell, float]:
    """Weights of linear interpolation at a level, between the middles of the segments around it."""
    at = place(level)
    if at <= cells[0].middle:
        return {cells[0]: 1.0}
    for a, b in pairwise(cells):
        if at <= b.middle:
            weight = (at - a.middle) / (b.middle - a.middle)
            return {a: 1 - weight, b: weight}
    return {cells[-1]: 1.0}


def level_name(level: str) -> str:
    """A level as it is usually written, the upper of two first.

    Examples
    --------
    >>> level_name("t10"), level_name("T1-C7")
    ('T10', 'C7-T1')
    """
    return "-".join(sorted(level.upper().split("-"), key=LEVELS.index, reverse=True))


def route_at(level: str) -> str:
    """Route of doses into CSF at a level; the neuraxial model has that of its tip.

    Examples
    --------
    >>> route_at("T10")
    'intrathecal T10'
    """
    return f"intrathecal {level_name(level)}"


def place(level: str) -> float:
    """Coordinate of a level: its middle, or the border of two."""
    indices = [LEVELS.index(name) for name in level.upper().split("-")]
    return sum(indices) / len(indices) + 0.5


def _number_faults(segments: object, spread: object) -> list[str]:
    faults = []
    if not isinstance(segments, int) or not FEWEST <= segments <= MOST:
        faults.append(f"segments is {segments!r}; expected a whole number, {FEWEST} to {MOST}")
    if not isinstance(spread, int | float) or not 0 < spread <= TOP:
        faults.append(f"spread is {spread!r}; expected vertebral levels, above 0 up to {TOP:g}")
    return faults


def level_faults(what: str, level: object) -> Iterator[str]:
    """What is wrong with the name of a level."""
    if not isinstance(level, str):
        yield f'{what} is {level!r}; expected a vertebral level, "T10" or "L3-L4"'
        return
    names = level.upper().split("-")
    unknown = [n for n in names if n not in LEVELS]
    if unknown or len(names) > 2:
        yield f'{what} is "{level}"; expected a level, C1 to C7, T1 to T12, L1 to L5, S1 or S2, or two, "L3-L4"'
    elif len(names) == 2 and abs(LEVELS.index(names[0]) - LEVELS.index(names[1])) != 1:
        yield f'{what} is "{level}"; expected two neighbouring levels, such as "L3-L4"'


def site_faults(site: object) -> list[str]:
    """What is wrong with the name of a site."""
    found = re.fullmatch(r"(csf|cord) (\S+)", site) if isinstance(site, str) else None
    if not found:
        return [f'site {site!r}: expected "csf L3-L4" or "cord T10"']
    faults = list(level_faults(f'the level of site "{site}"', found[2]))
    if not faults and found[1] == "cord" and place(found[2]) < CONUS:
        faults.append(f'site "{site}": the cord ends at L1-L2')
    return faults
