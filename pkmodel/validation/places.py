"""Places in the body, by vertebral level or region, and the site of a model that stands for them."""

from __future__ import annotations

from collections.abc import Iterable

from pkmodel.library.spine import level_faults

REGIONS = ("plasma", "cord", "brain", "lumbar CSF", "thoracic CSF", "cervical CSF", "cisternal CSF",
           "cranial CSF")  # fmt: skip
"""Places that are no vertebral level."""

_OF_LETTER = {"C": "cervical_csf", "T": "thoracic_csf", "L": "lumbar_csf", "S": "lumbar_csf"}
_IN_PLACE_OF = {"cisternal_csf": "cranial_csf"}


def is_place(text: str) -> bool:
    """Whether this names a place.

    Examples
    --------
    >>> [is_place(text) for text in ("plasma", "lumbar CSF", "CSF C7-T1", "CSF T13", "CSF")]
    [True, True, True, False, False]
    """
    return text in REGIONS or _level(text) != ""


def _level(place: str) -> str:
    """The vertebral level, or nothing for another place."""
    word, _, level = place.partition(" ")
    return level if word == "CSF" and not list(level_faults("place", level)) else ""


def place_of_tip(tip: str) -> str:
    """The place of the CSF at the tip of a catheter or needle.

    Examples
    --------
    >>> place_of_tip("L3-L4"), place_of_tip("lumbar")
    ('CSF L3-L4', 'lumbar CSF')
    """
    return f"CSF {tip}" if tip[:1].isupper() else f"{tip} CSF"


def site_of(place: str, sites: Iterable[str], substance: str = "") -> str | None:
    """The site of a model that stands for a place, the finest that it has.

    Parameters
    ----------
    place : str
        One of `REGIONS`, or ``"CSF "`` and a vertebral level: ``"CSF T12"``, ``"CSF C7-T1"``.
    sites : iterable of str
        Sites of the model. A level is a site of its own in a fine model (``"csf C7-T1"``); in a coarse one it is
        in the region of the vertebra that is named first.
    substance : str
        A metabolite, which has a site of its own for plasma (``"m6g"``), and one for all CSF (``"m6g_csf"``).

    Returns
    -------
    str or None
        None where the model has no such site.

    Examples
    --------
    >>> site_of("CSF C7-T1", ["plasma", "cervical_csf"]), site_of("CSF C7-T1", ["plasma", "csf C7-T1"])
    ('cervical_csf', 'csf C7-T1')
    >>> site_of("cisternal CSF", ["cranial_csf"]), site_of("lumbar CSF", ["m6g", "m6g_csf"], "M6G")
    ('cranial_csf', 'm6g_csf')
    """
    known = set(sites)
    names = _candidates(place)
    if substance:
        names = (_of_metabolite(substance.casefold(), place),)
    return next((name for name in names if name in known), None)


def _of_metabolite(name: str, place: str) -> str:
    return f"{name}_csf" if "CSF" in place else name if place == "plasma" else ""


def _candidates(place: str) -> tuple[str, ...]:
    """Names of sites from the finest to the coarsest."""
    if level := _level(place):
        return f"csf {level}", _OF_LETTER[level[0]]
    name = place.casefold().replace(" ", "_")
    return tuple(filter(None, (name, _IN_PLACE_OF.get(name))))
