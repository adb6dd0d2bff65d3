"""The neuraxial model."""

from __future__ import annotations

from collections.abc import Mapping

from pkmodel.errors import ModelError, did_you_mean
from pkmodel.library.names import DIMENSIONS, NEURAXIAL
from pkmodel.library.parts import Value, parameter, together
from pkmodel.library.segments import segments
from pkmodel.library.spine import Spine
from pkmodel.library.systemic import systemic
from pkmodel.model import Model

__all__ = ["neuraxial"]

_DEFAULT = Spine()


def neuraxial(spine: Spine = _DEFAULT, **parameters: Value) -> Model:
    """Gut, blood, epidural space, cerebrospinal fluid (CSF), spinal cord and brain.

    Parameters
    ----------
    spine : Spine
        How many segments the spine has, where drug enters, and which levels are sites.
    **parameters : str, float or Parameter
        Every name of ``NEURAXIAL["required"]``; each other group of that table may be left out as a whole (a drug
        without oral form, disposition with one peripheral compartment). A drug file gives them all:
        ``Drug.read("morphine").model()``.

    Returns
    -------
    Model
        Routes ``iv``, ``epidural``, ``intrathecal`` (and ``oral``, ``oral modified``), and the intrathecal one under
        the name of its tip, too: ``intrathecal L3-L4``. The sites are plasma, the regions of CSF and cord, the parts
        of the head, brain, metabolites, and the sites that `spine` names.

    Raises
    ------
    ModelError
        Parameters that are missing or unknown.

    Notes
    -----
    Neighbouring parts of CSF exchange by pulsatile mixing (dispersion) and by bulk flow: CSF is made in the
    head, free of drug; a fraction runs down and is absorbed along the spine in proportion to the volume, the
    rest is absorbed in the head. Loss from CSF to blood is first order with rate ``csf_loss_rate``; the way back
    has the clearance ``csf_loss_rate * volume * csf_plasma_ratio``, so that without bulk flow CSF would come to
    rest at ``csf_plasma_ratio`` times plasma. Cord and brain exchange with blood, and with the CSF beside
    them, in the same manner. All drug leaves the body from plasma, or as a metabolite.

    Examples
    --------
    >>> from pkmodel.drugs import Drug
    >>> morphine = {n: p.value for n, p in Drug.read("morphine").parameters.items()}
    >>> coarse = neuraxial(Spine(3), **morphine)
    >>> [state for state in coarse.states if "_csf_" in state]
    ['lumbar_csf_1', 'thoracic_csf_1', 'cervical_csf_1']
    """
    groups = [g for g in NEURAXIAL if g != "required" and set(NEURAXIAL[g]) & set(parameters)]
    wanted = [n for g in ("required", *groups) for n in NEURAXIAL[g]]
    _check(wanted, parameters)
    part = together(systemic(groups), segments(spine, groups))
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
