"""The neuraxial model, coarse or fine."""

from __future__ import annotations

from collections.abc import Mapping

from pkmodel.errors import ModelError, did_you_mean
from pkmodel.library.levels import levels
from pkmodel.library.names import DIMENSIONS, NEURAXIAL, SEGMENTED
from pkmodel.library.parts import Value, parameter, together
from pkmodel.library.segments import segments
from pkmodel.library.spine import Spine
from pkmodel.library.systemic import systemic
from pkmodel.model import Model

__all__ = ["neuraxial"]


def neuraxial(spine: Spine | None = None, **parameters: Value) -> Model:
    """Gut, blood, epidural space, cerebrospinal fluid (CSF), spinal cord and brain.

    Parameters
    ----------
    spine : Spine, optional
        How to divide the spine into segments, and where drug enters; without one, CSF has four well-mixed
        levels (lumbar, thoracic, cervical, cranial).
    **parameters : str, float or Parameter
        Every name of ``NEURAXIAL["required"]``, or of ``SEGMENTED["required"]`` with a `spine`; each other group of
        these tables may be left out as a whole (a drug without oral form, disposition with one peripheral
        compartment). A drug file gives them all: ``Drug.read("morphine").model()``.

    Returns
    -------
    Model
        Routes ``iv``, ``epidural``, ``intrathecal`` (and ``oral``, ``oral modified``); the sites are plasma, the
        levels of CSF, cord and brain, and with a `spine` the parts of the head, the regions of the cord and the
        sites it names.

    Raises
    ------
    ModelError
        Parameters that are missing or unknown.

    Notes
    -----
    Neighbouring parts of CSF exchange by pulsatile mixing (both ways) and by bulk flow: CSF is made in the
    head, free of drug; a fraction runs down and is absorbed along the spine in proportion to the volume, the
    rest is absorbed in the head. Loss from CSF to blood is first order with rate ``csf_loss_rate``; the way back
    has the clearance ``csf_loss_rate * volume * csf_plasma_ratio``, so that without bulk flow CSF would come to
    rest at ``csf_plasma_ratio`` times plasma. Cord and brain exchange with blood, and with the CSF beside
    them, in the same manner. All drug leaves the body from plasma, or as a metabolite.

    Examples
    --------
    >>> from pkmodel.drugs import Drug
    >>> morphine = {n: p.value for n, p in Drug.read("morphine").parameters.items()}
    >>> len(neuraxial(**morphine).states)
    11
    """
    table = NEURAXIAL if spine is None else SEGMENTED
    groups = [g for g in table if g != "required" and set(table[g]) & set(parameters)]
    wanted = [n for g in ("required", *groups) for n in table[g]]
    _check(wanted, parameters)
    part = together(systemic(groups), levels() if spine is None else segments(spine))
    return Model(
        "neuraxial",
        tuple(part.compartments),
        tuple(part.flows),
        tuple(parameter(n, parameters[n], *DIMENSIONS[n]) for n in wanted),
        tuple(part.inputs),
        tuple(part.outputs),
        part.covariates,
    )


def _check(wanted: list[str], given: Mapping[str, Value]) -> None:
    """Raise a ModelError for parameters that are missing or unknown."""
    faults = [
        f'the neuraxial model needs "{n}" ({DIMENSIONS[n][1]})' for n in wanted if n not in given
    ]
    faults += [
        f'unknown parameter "{n}"{did_you_mean(n, wanted)}' for n in given if n not in wanted
    ]
    if faults:
        raise ModelError(*faults)
