"""What unit an expression has, where its names have some: an abstract interpretation of its rows.

It knows a unit only where nothing else is possible, and faults only what is known on both sides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pkmodel.model.equations.expression import FUNCTIONS, Expression
from pkmodel.model.equations.reading import Row
from pkmodel.units.expressions import unit_of
from pkmodel.units.spellings import NONE, VOLUME

Powers = tuple[float, ...]
Meaning = Powers | float | None
"""Powers of the base units; the value of a number that is written out (NaN: one of several); None: unknown."""


class Reading:
    """The unit of an expression, and where its parts disagree.

    Parameters
    ----------
    expression : Expression
        What is read.
    known : mapping of str to Meaning
        Meaning of names; others are unknown.
    expected : tuple, optional
        Powers that the whole should have; every term of a sum is held against them.
    volumes : mapping of str to str, optional
        Name of the volume of compartments that have a named one, to suggest repairs.

    Attributes
    ----------
    meaning : Meaning
        Unit of the whole; that expected, if one is.
    faults : list of str
        A clause for every two parts that disagree.
    """

    def __init__(
        self,
        expression: Expression,
        known: Mapping[str, Meaning],
        expected: Meaning = None,
        volumes: Mapping[str, str] | None = None,
    ) -> None:
        self.faults: list[str] = []
        self._rows = expression.rows
        self._known, self._volumes = known, volumes or {}
        self._found: list[Meaning] = []
        self._terms: dict[int, list[int]] = {}
        for i, (kind, *operands) in enumerate(self._rows):
            self._found.append(self._row(i, kind, operands))
        last = len(self._rows) - 1
        if isinstance(expected, tuple):
            for i in self._terms.pop(last, [last]):
                self._expect(i, expected)
        self.meaning = expected if isinstance(expected, tuple) else self._meaning(last)

    def _meaning(self, i: int) -> Meaning:
        """Meaning of a part. Terms of a sum wait until here, so that each of them is judged once."""
        if i in self._terms:
            self._found[i] = self._same(self._terms.pop(i))
        return self._found[i]

    def _row(self, i: int, kind: str, operands: Sequence[int]) -> Meaning:
        match kind:
            case "number":
                return operands[0]
            case "name":
                return self._known.get(str(operands[0]))
            case "+" | "-":
                self._terms[i] = [j for part in operands for j in self._terms.pop(part, [part])]
                return None
        values = [self._meaning(j) for j in operands]
        numbers = [v for v in values if isinstance(v, float)]
        if len(numbers) == len(values):
            with np.errstate(all="ignore"):
                return float(FUNCTIONS[kind](*numbers))
        match kind:
            case "neg":
                return values[0]
            case "*" | "/":
                return product(values[0], values[1], 1 if kind == "*" else -1)
            case "**":
                self._without_unit(operands[1], "an exponent")
                return _power(values[0], values[1])
            case "sqrt":
                return _power(values[0], 0.5)
            case "exp" | "log":
                return self._without_unit(operands[0], kind)
            case "hill":
                self._same(operands[:2])
                self._without_unit(operands[2], "an exponent")
                return NONE
            case "where":
                return self._same(operands[1:])
        return self._same(operands)

    def _same(self, places: Iterable[int]) -> Meaning:
        """What parts have in common that are added, compared or chosen from."""
        values = [(i, self._meaning(i)) for i in places]
        units = [(i, v) for i, v in values if isinstance(v, tuple)]
        if not units:
            return math.nan if all(isinstance(v, float) for _, v in values) else None
        first, powers = units[0]
        others = [(i, own) for i, own in units if own != powers]
        for i, own in others:
            repair = self._repair(i, own, powers) or self._repair(first, powers, own)
            self._fault(i, own, f'but "{self._text(first)}" is {words(powers)}{repair}')
        return None if others else powers

    def _expect(self, i: int, powers: Powers) -> None:
        own = self._meaning(i)
        if isinstance(own, tuple) and own != powers:
            self._fault(i, own, f"expected {words(powers)}{self._repair(i, own, powers)}")

    def _without_unit(self, i: int, place: str) -> Meaning:
        """What stands in an exponent, exp or log, if it is known to have no unit."""
        own = self._meaning(i)
        if not isinstance(own, tuple) or not any(own):
            return own if isinstance(own, tuple) else None
        reference = (("number", 1.0), ("/", i, i + 1), ("log", i + 2))
        repair = f" (divide by a reference: {self._text(i, reference)})" if place == "log" else ""
        self._fault(i, own, f"expected no unit in {place}{repair}")
        return None

    def _fault(self, i: int, own: Powers, expected: str) -> None:
        self.faults.append(f'"{self._text(i)}" is {words(own)}, {expected}')

    def _repair(self, i: int, own: Powers, wanted: Powers) -> str:
        """A part divided by the volume of the one compartment in it, if that has the unit wanted."""
        boxes = [n for n in Expression.parse(self._text(i)).names if n in self._volumes]
        if len(boxes) != 1 or product(own, VOLUME, -1) != wanted:
            return ""
        quotient = (("name", self._volumes[boxes[0]]), ("/", i, i + 1))
        return f" (write {self._text(i, quotient)})"

    def _text(self, i: int, more: tuple[Row, ...] = ()) -> str:
        """A part as it is written, with operations that follow."""
        return str(Expression((*self._rows[: i + 1], *more)))


def product(a: Meaning, b: Meaning, sign: int) -> Powers | None:
    """Powers of ``a * b`` or ``a / b``. A number may be a quantity: 0.1 times an amount is an amount or a rate."""
    if not isinstance(a, tuple) or not isinstance(b, tuple):
        return None
    return tuple(x + sign * y for x, y in zip(a, b, strict=True))


def _power(base: Meaning, exponent: Meaning) -> Powers | None:
    """Powers of ``base ** exponent``: unknown if they hang on the value of a name."""
    if not isinstance(base, tuple) or not any(base):
        return base if isinstance(base, tuple) else None
    if not isinstance(exponent, float) or not math.isfinite(exponent):
        return None
    return tuple(round(exponent * power, 9) for power in base)


def words(powers: Powers) -> str:
    """A unit for errors, behind the word "is"."""
    return unit_of(powers) if any(powers) else "without unit"
