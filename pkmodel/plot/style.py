"""What all figures share: colours, letters, words and numbers."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np

from pkmodel.regimen.writing import rounded

SITES = {
    "plasma": "Plasma",
    "m3g": "M3G",
    "m3g_csf": "M3G in CSF",
    "m6g": "M6G",
    "m6g_csf": "M6G in CSF",
    "lumbar_csf": "Lumbar CSF",
    "thoracic_csf": "Thoracic CSF",
    "cervical_csf": "Cervical CSF",
    "cisternal_csf": "Cisternal CSF",
    "subarachnoid_csf": "Subarachnoid CSF",
    "ventricular_csf": "Ventricular CSF",
    "cranial_csf": "Cranial CSF",
    "cord": "Spinal cord",
    "thoracic_cord": "Thoracic cord",
    "cervical_cord": "Cervical cord",
    "brain": "Brain",
}
"""Sites in anatomical order, and how a figure calls them."""

MINOR = (
    "m3g", "m3g_csf", "m6g", "m6g_csf", "thoracic_csf", "cisternal_csf", "subarachnoid_csf", "ventricular_csf",
    "thoracic_cord", "cervical_cord",
)  # fmt: skip
"""Sites that figures and printed tables show only if they are asked to."""

# The colours of Okabe and Ito, which the colour-blind can tell apart; in grey print the line style does it.
VERMILION, BLUE, GREEN, PURPLE = "#D55E00", "#0072B2", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#000000", "0.4"
SOLID, DASHED, LONG_DASHED = "-", (0, (4.5, 1.5)), (0, (10.0, 2.0))
DOTTED, DASH_DOT = (0, (1.2, 1.3)), (0, (6.0, 1.5, 1.2, 1.5))

RC = {
    "font.size": 8.0,
    "axes.labelsize": 8.0,
    "axes.titlesize": 8.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "figure.titlesize": 9.0,
    "figure.dpi": 150.0,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.2,
}
FOOTER = "Model prediction for research, not for dosing patients"


def pyplot() -> Any:
    """Import matplotlib, or say how to install it."""
    try:
        import matplotlib.pyplot
    except ImportError as error:
        raise ImportError(
            'figures need matplotlib, which is not installed: pip install "pkmodel[plot]"'
        ) from error
    return matplotlib.pyplot


def describe(figure: Any, title: str) -> None:
    """Write title and footer."""
    letters = int(12.5 * figure.get_figwidth())
    lines = textwrap.wrap(title, letters)
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontweight="bold")
    figure.supxlabel(FOOTER, x=0.99, ha="right", fontsize=7, color=GREY)


def heading(subject: object, given: Iterable[str]) -> str:
    """Join what was given, after the drug's name.

    Examples
    --------
    >>> heading("morphine", ["60 mg oral q12h", "0.4 mg/day intrathecal pump"])
    'Morphine: 60 mg oral q12h versus 0.4 mg/day intrathecal pump'
    """
    parts = [words(str(subject or "")), " versus ".join(rounded(text) for text in given if text)]
    return ": ".join(part for part in parts if part)


def words(name: str) -> str:
    """Write a name as words, with a capital.

    Examples
    --------
    >>> words("lumbar_csf"), words("deep_peripheral")
    ('Lumbar CSF', 'Deep peripheral')
    """
    if name.startswith("csf "):
        return f"CSF {name[4:]}"
    return SITES.get(name) or name[:1].upper() + name[1:].replace("_", " ")


def number(value: float, digits: int = 3) -> str:
    """Write a number with so many digits.

    Examples
    --------
    >>> number(4.1841), number(300), number(0.01395), number(1634.4), number(105.5, 4)
    ('4.18', '300', '0.014', '1630', '105.5')
    """
    decimals = digits - 1 - math.floor(math.log10(value)) if value else 0
    short = round(value, decimals)
    if not 1e-3 <= short < 1e7:
        return f"{value:.{digits}g}"
    text = f"{short:,.{max(0, decimals)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace(",", "\u2009" if short >= 1e4 else "")


def span(values: Any) -> str:
    """Write the range of some numbers.

    Examples
    --------
    >>> span([300, 30, 100]), span([300])
    ('30 to 300', '300')
    """
    low, high = (number(float(end), 4) for end in (np.min(values), np.max(values)))
    return low if low == high else f"{low} to {high}"


def shade(color: str, lightness: float) -> tuple[float, ...]:
    """Darken a colour (lightness 0) or lighten it (1)."""
    from matplotlib.colors import to_rgb

    black, white = max(0.0, 0.5 - 1.4 * lightness), max(0.0, 0.7 * lightness - 0.25)
    return tuple((1.0 - black - white) * channel + white for channel in to_rgb(color))
