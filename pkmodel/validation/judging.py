"""How far a prediction is from what was published, and what a model may have known of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pkmodel.validation.schema import Case, Observation, Span

if TYPE_CHECKING:
    from pkmodel.drugs import Drug

ROLES = {
    "calibration": "the case may be used to fit the model",
    "input": "the drug file takes a parameter from the same study",
    "prediction": "neither",
}


def fold_error(predicted: float, target: Span) -> float:
    """By which factor a prediction is off, 1 or above.

    Parameters
    ----------
    predicted : float
        The prediction.
    target : tuple of float
        The published value, twice; or published bounds, within which nothing is off.

    Returns
    -------
    float
        Infinite for a prediction of 0 below a target above 0, and for what never comes; NaN for one that is not a
        number.

    Examples
    --------
    >>> fold_error(3.0, (6.0, 6.0)), fold_error(6.0, (3.0, 3.0)), fold_error(2.0, (1.0, 3.0))
    (2.0, 2.0, 1.0)
    """
    low, high = target
    if not math.isfinite(predicted):
        return predicted
    if low <= predicted <= high:
        return 1.0
    near, far = (predicted, low) if predicted < low else (high, predicted)
    return far / near if near > 0 else math.inf


def inside(predicted: float, bounds: Span | None) -> bool | None:
    """Whether a prediction lies within bounds; None without bounds or prediction.

    Examples
    --------
    >>> inside(1.0, (1.0, 2.0)), inside(3.0, (1.0, 2.0)), inside(3.0, None)
    (True, False, None)
    """
    if bounds is None or math.isnan(predicted):
        return None
    return bounds[0] <= predicted <= bounds[1]


def shared(drugs: Iterable[Drug], observation: Observation) -> tuple[str, ...]:
    """Parameters that drug files take from the study that an observation is of."""
    studies = {word for text in observation.source for word in _identity(text)}
    return tuple(dict.fromkeys(
        p.name for drug in drugs for p in drug.parameters.values()
        if any(studies & _identity(text) for text in p.source)
    ))  # fmt: skip


def role(case: Case, parameters: tuple[str, ...]) -> str:
    """What a model may have known of a case, a key of `ROLES`."""
    if case.calibration:
        return "calibration"
    return "input" if parameters else "prediction"


def _identity(reference: str) -> set[str]:
    """What tells a study from others: its PMID, its DOI, or the whole reference.

    Examples
    --------
    >>> sorted(_identity("A, PMID 1, DOI 10.1/x")) == ['10.1/x', 'A, PMID 1, DOI 10.1/x', 'PMID 1']
    True
    """
    return {reference, *re.findall(r"PMID \d+", reference), *re.findall(r"10\.\d+/\S+", reference)}
