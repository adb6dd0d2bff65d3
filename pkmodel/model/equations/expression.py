"""One expression: what it names, what it is worth, how it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.errors import ModelError, did_you_mean
from pkmodel.model.equations.reading import Row, read

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Expression:
    """An arithmetic expression over named numbers.

    Two expressions are equal if they are the same operations of the same names and numbers in the same order.

    Parameters
    ----------
    rows : tuple
        Operands before operations; the last row is the whole. :meth:`parse` makes them from text.
    name : str
        What it defines, for errors.

    Examples
    --------
    >>> rate = Expression.parse("vmax * C / (km + C)")
    >>> rate.names
    ('vmax', 'C', 'km')
    >>> rate.evaluate({"vmax": 2.0, "km": 0.5, "C": [0.0, 0.5, 1.5]})
    array([0. , 1. , 1.5])
    """

    rows: tuple[Row, ...]
    name: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str, name: str = "") -> Expression:
        """Read an expression.

        Parameters
        ----------
        text : str
            Numbers, names, ``+ - * / **``, parentheses, and the functions exp, log, sqrt, min, max,
            hill(x, x50, gamma) and where(condition, a, b) with one comparison as condition.
        name : str, optional
            What it defines, for errors.

        Raises
        ------
        ModelError
            With every fault of the text: what, where, and what is expected.
        """
        return cls(read(text, name), name)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names in the order of their first occurrence."""
        return tuple(dict.fromkeys(row[1] for row in self.rows if row[0] == "name"))

    def evaluate(self, values: Mapping[str, ArrayLike]) -> Array:
        """Value of the expression.

        Parameters
        ----------
        values : mapping of str to array
            A number or array for every name; shapes broadcast. Other keys are ignored.

        Returns
        -------
        array
            Where the expression has no value (a division by 0, the logarithm of a negative number) it is
            infinite or NaN.

        Raises
        ------
        ModelError
            Names that have no value.
        """
        missing = [
            f'no value for "{n}"{did_you_mean(n, values)}' for n in self.names if n not in values
        ]
        if missing:
            raise ModelError(*missing, given=f'"{self}"')
        found: list[Any] = []
        with np.errstate(all="ignore"):
            for kind, *operands in self.rows:
                if kind == "number":
                    found.append(np.float64(operands[0]))
                elif kind == "name":
                    found.append(np.asarray(values[operands[0]], dtype=float))
                else:
                    found.append(FUNCTIONS[kind](*(found[i] for i in operands)))
        return np.asarray(found[-1])

    def __str__(self) -> str:
        """Text that reads to an equal expression."""
        parts: list[tuple[str, int]] = []
        for kind, *operands in self.rows:
            if kind == "number":
                parts.append((repr(operands[0]).removesuffix(".0"), _ATOM))
            elif kind == "name":
                parts.append((operands[0], _ATOM))
            elif kind == "neg":
                parts.append((f"-{_bracketed(*parts[operands[0]], 3)}", 3))
            elif kind in _BINDING:
                own, left, right = _BINDING[kind]
                a = _bracketed(*parts[operands[0]], left)
                b = _bracketed(*parts[operands[1]], right)
                parts.append((f"{a}**{b}" if kind == "**" else f"{a} {kind} {b}", own))
            else:
                inside = ", ".join(parts[i][0] for i in operands)
                parts.append((f"{kind}({inside})", _ATOM))
        return parts[-1][0]


def hill(x: Array, x50: Array, gamma: Array) -> Array:
    """Fraction x^gamma / (x50^gamma + x^gamma), 0 for x <= 0; x50 and gamma are above 0.

    Written with the ratio x50 / x, so that no power of a tiny or large x spoils it.
    """
    return 1 / (1 + (x50 / np.maximum(x, 0)) ** gamma)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "**": np.power,
    "neg": np.negative,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "min": lambda *items: reduce(np.minimum, items),
    "max": lambda *items: reduce(np.maximum, items),
    "hill": hill,
    "where": np.where,
    "<": np.less,
    "<=": lambda a, b: ~np.greater(a, b),  # as the kernel, which knows > only: true beside a NaN
    ">": np.greater,
    ">=": lambda a, b: ~np.less(a, b),
}
_ATOM = 5
_BINDING = {
    **dict.fromkeys(("<", "<=", ">", ">="), (0, 1, 1)),
    "+": (1, 1, 2),
    "-": (1, 1, 2),
    "*": (2, 2, 3),
    "/": (2, 2, 3),
    "**": (4, _ATOM, 3),
}
"""How strongly an operator binds, and how strongly its left and right operand have to."""


def _bracketed(text: str, binding: int, least: int) -> str:
    return text if binding >= least else f"({text})"
