"""Names of the numbers behind responses, as parameters of a model carry them."""

from __future__ import annotations

from pkmodel.drugs.effects import RESPONSES

__all__ = ["of_response", "unasked"]


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
