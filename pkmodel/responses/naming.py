"""Names of the numbers behind responses, as parameters of a model carry them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pkmodel import errors
from pkmodel.drugs.effects import RESPONSES

__all__ = ["ASK", "of_response", "refuse_unknown", "unasked"]

ASK = 'responses=["{}"]'
"""How one asks for a response in Python, with braces where it stands."""


def of_response(name: str) -> bool:
    """Whether a parameter's name is that of a response and something more.

    Examples
    --------
    >>> of_response("analgesia_cord_ec50"), of_response("clearance")
    (True, False)
    """
    return name.partition("_")[0] in RESPONSES


def unasked(name: str, ask: str) -> str:
    """What is wrong with a number of a response that nobody has asked for.

    Parameters
    ----------
    name : str
        Of a parameter that the model does not have.
    ask : str
        How to ask, with braces where the response stands.

    Returns
    -------
    str
        Empty for a parameter that is no number of a response.

    Examples
    --------
    >>> unasked("pain_placebo", "--responses {}")
    '"pain_placebo" is a number of the response pain, which is not asked for: write --responses pain'
    >>> unasked("clearence", "--responses {}")
    ''
    """
    response, _, own = name.partition("_")
    if own not in RESPONSES.get(response, {}):
        return ""
    way = ask.format(response)
    return f'"{name}" is a number of the response {response}, which is not asked for: write {way}'


def refuse_unknown(names: Iterable[str], known: Collection[str], ask: str = ASK) -> None:
    """Refuse names that are no parameters, or those of responses that are not asked for.

    Parameters
    ----------
    names : iterable of str
        Names that are given.
    known : collection of str
        Parameters of the model.
    ask : str
        As for :func:`unasked`.

    Raises
    ------
    ParameterError
        All of them. Where no name is near, the first of those that there are.

    Examples
    --------
    >>> refuse_unknown(["clearance"], ["clearance", "volume"])
    """
    errors.refuse_unknown(names, known, lambda name: unasked(name, ask))
