"""What a drug file holds, once read: plain frozen records."""

from __future__ import annotations

from dataclasses import dataclass

CONFIDENCE: dict[str, str] = {
    "read": "read in the source's text or abstract",
    "recalled": "remembered from the source and not read there: check it before relying on it",
    "derived": "arithmetic on numbers that were read, with the formula in the note",
    "calibrated": "set so that the model meets the data named, which it therefore does not predict",
    "assumed": "no measurement found: an assumption, with its reason in the note",
}
"""How far a number can be trusted. What is derived from a recalled number is recalled."""


@dataclass(frozen=True)
class Sourced:
    """A number of a drug file.

    Parameters
    ----------
    name : str
        Its name, a parameter of the neuraxial model for example.
    text : str
        Value and unit as the file has them.
    value : float
        The same in the internal unit (mg, h, L).
    dimension : str
        A key of ``units.DIMENSIONS``.
    cv : float
        Between-subject coefficient of variation, as a fraction; 0 where none is known.
    distribution : {"log-normal", "logit-normal"}
        Distribution over subjects.
    cv_confidence : str
        A key of `CONFIDENCE`, for the spread; empty without one.
    source : tuple of str
        Full references.
    confidence : str
        A key of `CONFIDENCE`.
    population : str
        In whom it was measured, and in how many.
    note : str
        Formula, reason, or what other studies found.
    """

    name: str
    text: str
    value: float
    dimension: str
    cv: float = 0.0
    distribution: str = "log-normal"
    cv_confidence: str = ""
    source: tuple[str, ...] = ()
    confidence: str = "assumed"
    population: str = ""
    note: str = ""


@dataclass(frozen=True)
class Limits:
    """Doses that are plausible by one route [mg, mg/day], and the strongest solution [mg/L]."""

    route: str
    per_dose: tuple[float, float]
    per_day: tuple[float, float]
    max_concentration: float | None = None
    source: tuple[str, ...] = ()
    confidence: str = "assumed"
    note: str = ""


@dataclass(frozen=True)
class Refusal:
    """A route by which the drug is not given, why, and what can be done instead."""

    route: str
    reason: str
    remedy: str
    source: tuple[str, ...] = ()
    confidence: str = "assumed"


@dataclass(frozen=True)
class Preset:
    """A published dose ratio: dose by the `reference` route per dose by the `test` route, and the study."""

    name: str
    reference: str
    test: str
    ratio: float
    design: str
    n: int
    range: tuple[float, float] | None = None
    source: tuple[str, ...] = ()
    confidence: str = "assumed"
    note: str = ""

    @property
    def pair(self) -> str:
        """The two routes, ``"iv : intrathecal"``."""
        return f"{self.reference} : {self.test}"


@dataclass(frozen=True)
class Equivalence:
    """Daily oral dose (`reference`) that is said to do what an intrathecal one (`test`) does."""

    reference: str
    test: str
    nominal: float
    range: tuple[float, float]
    source: tuple[str, ...] = ()
    confidence: str = "assumed"
    note: str = ""


@dataclass(frozen=True)
class Variant:
    """Another published set of values for some of the parameters."""

    name: str
    description: str
    parameters: dict[str, Sourced]


@dataclass(frozen=True)
class Calibration:
    """The dose ratio that an EC50 was set on: at it both ways of giving the drug have equal effects.

    Parameters
    ----------
    number : str
        The EC50, ``"analgesia_cord_ec50"``.
    reference : str
        The order that is compared, ``"60 mg oral q12h"``; the other is an intrathecal pump.
    ratio : float
        Daily dose of the reference per intrathecal daily dose.
    source, confidence, note
        Of the ratio, as of any number.
    """

    number: str
    reference: str
    ratio: float
    source: tuple[str, ...] = ()
    confidence: str = "assumed"
    note: str = ""

    def __str__(self) -> str:
        return (
            f'{self.number} is set so that "{self.reference}" has on average the effect of an intrathecal '
            f"pump of 1/{self.ratio:g} of its daily dose"
        )


def amount_text(mg: float) -> str:
    """An amount in the unit in which one says it.

    Examples
    --------
    >>> amount_text(60), amount_text(0.06), amount_text(0.4), amount_text(2000)
    ('60 mg', '60 ug', '0.4 mg', '2 g')
    """
    for least, size, unit in ((1000.0, 1000.0, "g"), (0.1, 1.0, "mg"), (1e-4, 1e-3, "ug")):
        if mg >= least:
            return f"{mg / size:.4g} {unit}"
    return f"{mg * 1e6:.4g} ng"
