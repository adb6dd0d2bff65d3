"""The words for the routes, and for places in general: a route, or a compartment by name or number."""

from __future__ import annotations

from typing import Any

ROUTES = {
    "oral": "oral",
    "orally": "oral",
    "po": "oral",
    "by mouth": "oral",
    "iv": "iv",
    "intravenous": "iv",
    "intravenously": "iv",
    "epidural": "epidural",
    "epidurally": "epidural",
    "intrathecal": "intrathecal",
    "intrathecally": "intrathecal",
    "it": "intrathecal",
}
ROUTE_NAMES = tuple(dict.fromkeys(ROUTES.values()))


def place(cell: Any) -> str:
    """Name of a place as tables hold it: routes by their word, numbers as text, nothing as "".

    Parameters
    ----------
    cell : str or float
        Name of a route or compartment, or a compartment's number; a minus before it stays.

    Returns
    -------
    str

    Examples
    --------
    >>> place("P.O."), place(2.0), place("2.0"), place("depot"), place("-2"), place(0), place(1.5)
    ('oral', '2', '2', 'depot', '-2', '', '1.5')
    """
    text = str(cell).strip()
    try:
        number = float(text)
    except ValueError:
        return ROUTES.get(text.lower().replace(".", ""), text)
    if number == 0:
        return ""
    return str(int(number)) if number.is_integer() else text
