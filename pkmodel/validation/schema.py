"""What a file of clinical cases holds, once read: plain frozen records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from pkmodel.drugs import CONFIDENCE as TRUST

CONFIDENCE = {word: TRUST[word] for word in ("read", "recalled", "derived", "assumed")}
"""How far a published number can be trusted; the words are those of drug files."""

GATES = {
    "A": "tight: inside the band of the case, or else the published spread",
    "B": "inside the band of the case, or else within twofold",
    "C": "direction and order only: inside the band of the case",
    "-": "not judged, for the reason in the note: it is recorded and shown with its fold error",
}
"""Pass bands. The predicted median is judged."""

SPREADS = {"SD": 1, "CV": 1, "range": 2, "IQR": 2, "95 % CI": 2}
"""Published spreads, and how many numbers each has."""

Span = tuple[float, float]


class CurveName(NamedTuple):
    """What tells a curve of a case from the others.

    Parameters
    ----------
    dose, place, substance : str
        In which arm, where, and of what (empty for the drug itself).
    """

    dose: str
    place: str
    substance: str = ""


@dataclass(frozen=True)
class Dose:
    """What one group of subjects got.

    Parameters
    ----------
    name : str
        Name within the case.
    drug : str
        Name of the drug, which need not have a file.
    order : str
        The order, for example ``"0.3 mg intrathecal bolus"``.
    tip : str
        Where catheter or needle ended: a vertebral level (``"L3-L4"``) or a region (``"lumbar"``); empty where the
        route has none.
    n : int
        Subjects; 0 where this arm is only what another is compared with.
    settings : dict of str to str
        Parameters of the model that are set for this arm.
    note : str
        What was assumed.
    """

    name: str
    drug: str
    order: str
    tip: str = ""
    n: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Observation:
    """A published number, and what of a simulation it is compared with.

    Parameters
    ----------
    case, name : str
        Name of the case, and within it.
    kind : str
        A key of ``observables.KINDS``.
    dose, place, substance : str
        In which arm, where, and of what (empty for the drug itself).
    arguments : dict of str to float
        What the kind needs: times [h], a volume [L], a level [mg/L], a ratio.
    versus : CurveName or None
        The curve to divide by.
    per_dose : bool
        Both are divided by their doses first.
    dimension, unit : str
        Dimension, and the unit as published.
    target : tuple of float
        The published value, twice; or the published bounds, in internal units.
    exact : bool
        A value was published, and not only bounds.
    spread : tuple of float or None
        Published spread about the value, as lowest and highest, in internal units.
    spread_text : str
        The spread as published.
    gate : str
        A key of `GATES`.
    band : tuple of float or None
        The pass band, in internal units; None where nothing is judged.
    source : tuple of str
        Full references.
    confidence : str
        A key of `CONFIDENCE`.
    n : int
        Subjects.
    note : str
        What was assumed, and doubts.
    not_run : str
        Why no model can answer; empty otherwise.
    """

    case: str
    name: str
    kind: str
    dose: str
    place: str
    substance: str
    arguments: dict[str, float]
    versus: CurveName | None
    per_dose: bool
    dimension: str
    unit: str
    target: Span
    exact: bool
    spread: Span | None
    spread_text: str
    gate: str
    band: Span | None
    source: tuple[str, ...]
    confidence: str
    n: int
    note: str = ""
    not_run: str = ""


@dataclass(frozen=True)
class Case:
    """A clinical study, or a group of studies of one question.

    Parameters
    ----------
    name, title : str
        Its number and what it is about.
    population, sampling : str
        Who was studied, and when and where samples were drawn, as published.
    until : float
        End of the simulation [h].
    calibration : bool
        The model may be fitted to it; all other cases are predictions.
    doses : dict of str to Dose
        The arms.
    observations : dict of str to Observation
        What was published.
    note : str
        Doubts.
    """

    name: str
    title: str
    population: str
    sampling: str
    until: float
    calibration: bool
    doses: dict[str, Dose]
    observations: dict[str, Observation]
    note: str = ""


@dataclass(frozen=True)
class Contradiction:
    """Published numbers that disagree: shown side by side, never averaged."""

    topic: str
    members: tuple[tuple[str, str], ...]
    handling: str


@dataclass(frozen=True)
class Collection:
    """All cases of a file, and where they contradict each other."""

    version: str
    cases: dict[str, Case]
    contradictions: tuple[Contradiction, ...]
