"""Power series of solutions: a program of rates of change as recurrences of Taylor coefficients.

Coefficients of sums and of products with a constant are sums of coefficients, whatever the order; only products,
quotients and roots of things that change need all orders before. So everything else is gathered: a value is kept as a
linear combination of registers, with constants that are computed once per case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pkmodel.kernels.instructions import (
    DIFFERENCE,
    KEEP,
    PRODUCT,
    QUOTIENT,
    RATE,
    ROOT,
    SUM,
    TERM,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.model.equations.program import Program

_MOST = 8  # terms of a combination
_ARITHMETIC: dict[int, Callable[..., NDArray[np.float64]]] = {
    SUM: np.add, DIFFERENCE: np.subtract, PRODUCT: np.multiply, QUOTIENT: np.divide,
    ROOT: lambda left, _: np.sqrt(left),
}  # fmt: skip


class Combination(NamedTuple):
    """``sum(constants[c] * register r for r, c in terms) + constants[offset]``."""

    terms: tuple[tuple[int, int], ...]
    offset: int


class Series(NamedTuple):
    """Recurrences of Taylor coefficients.

    Parameters
    ----------
    code : int array, shape (instruction, 5)
        Rows (operation, target, left, right, constant) of `pkmodel.kernels.instructions`.
    registers : int
        Number of registers, each with all orders; the first hold the states.
    rows : int array, shape (row, 3)
        How the constants behind those of the program are computed: (operation, left, right).
    """

    code: NDArray[np.int64]
    registers: int
    rows: NDArray[np.int64]

    def constants(self, settled: NDArray[np.float64]) -> NDArray[np.float64]:
        """All constants of cases, shape (..., constant), from those of the program (`Program.settled`)."""
        if not len(self.code):
            return settled[..., :0]
        shape = settled.shape[:-1]
        columns = [*np.moveaxis(settled, -1, 0), *(np.full(shape, x) for x in _LITERALS)]
        with np.errstate(all="ignore"):
            for operation, left, right in self.rows.tolist():
                columns.append(_ARITHMETIC[operation](columns[left], columns[right]))
        return np.stack(columns, axis=-1)


_LITERALS = 0.0, 1.0, -1.0


def series_of(program: Program) -> Series:
    """Recurrences of a program; none if it has more than arithmetic and square roots, or the time in it."""
    operations = set(program.rhs[:, 0].tolist())
    if program.time_dependent or not operations <= set(_MAKERS):
        return Series(np.empty((0, 5), np.int64), 0, np.empty((0, 3), np.int64))
    return _Builder(program).build()


class _Builder:
    """Constants, registers and instructions as they come to be needed."""

    def __init__(self, program: Program) -> None:
        self.program = program
        n = len(program.states)
        known = len(program.parameters) + len(program.constants) + program.hoisted
        self.zero, self.one, self.minus = range(known, known + 3)
        self.count = known + 3
        self.rows: dict[tuple[int, int, int], int] = {}
        self.code: list[tuple[int, int, int, int, int]] = []
        self.kept: dict[Combination, int] = {}
        self.registers = n
        self.values: dict[int, Combination] = {}
        for k in range(n):
            self.values[k] = Combination(((k, self.one),), self.zero)
        for k in range(known):
            self.values[n + 1 + k] = Combination((), k)

    def build(self) -> Series:
        for operation, target, left, right in self.program.rhs.tolist():
            made = _MAKERS[operation](self, self.values[left], self.values[right])
            if len(made.terms) > _MOST:
                made = self.combination(self.register(made))
            self.values[target] = made
        for state, register in enumerate(self.program.rhs_out.tolist()):
            value = self.values[register]
            self.emit(value.terms)
            self.code.append((RATE, state, 0, 0, value.offset))
        rows = np.array(list(self.rows), np.int64).reshape(-1, 3)
        return Series(np.array(self.code, np.int64), self.registers, rows)

    def constant(self, operation: int, left: int, right: int) -> int:
        """The constant that an operation on two constants gives."""
        if operation == PRODUCT and self.one in (left, right):
            return right if left == self.one else left
        if operation in (SUM, DIFFERENCE) and right == self.zero:
            return left
        if operation == SUM and left == self.zero:
            return right
        key = operation, left, right
        if key not in self.rows:
            self.rows[key] = self.count
            self.count += 1
        return self.rows[key]

    def combination(self, register: int) -> Combination:
        return Combination(((register, self.one),), self.zero)

    def register(self, value: Combination) -> int:
        """The register with a value, written if there is none."""
        if value == self.combination(value.terms[0][0] if value.terms else -1):
            return value.terms[0][0]
        if value not in self.kept:
            self.emit(value.terms)
            self.kept[value] = self.new(KEEP, 0, 0, value.offset)
        return self.kept[value]

    def emit(self, terms: tuple[tuple[int, int], ...]) -> None:
        self.code += [(TERM, 0, register, 0, constant) for register, constant in terms]

    def new(self, operation: int, left: int, right: int, constant: int) -> int:
        self.code.append((operation, self.registers, left, right, constant))
        self.registers += 1
        return self.registers - 1

    def sum(self, left: Combination, right: Combination) -> Combination:
        terms = dict(left.terms)
        for register, constant in right.terms:
            own = terms.get(register)
            terms[register] = constant if own is None else self.constant(SUM, own, constant)
        return Combination(tuple(terms.items()), self.constant(SUM, left.offset, right.offset))

    def difference(self, left: Combination, right: Combination) -> Combination:
        if not left.terms and not right.terms:
            return Combination((), self.constant(DIFFERENCE, left.offset, right.offset))
        return self.sum(left, self.scaled(right, self.minus))

    def scaled(self, value: Combination, factor: int) -> Combination:
        terms = tuple((r, self.constant(PRODUCT, c, factor)) for r, c in value.terms)
        offset = value.offset
        if offset != self.zero:
            offset = self.constant(PRODUCT, offset, factor)
        return Combination(terms, offset)

    def product(self, left: Combination, right: Combination) -> Combination:
        if not right.terms:
            return self.scaled(left, right.offset)
        if not left.terms:
            return self.scaled(right, left.offset)
        (a, factor_a), (b, factor_b) = self.factor(left), self.factor(right)
        made = self.combination(self.new(PRODUCT, a, b, self.zero))
        return self.scaled(self.scaled(made, factor_a), factor_b)

    def quotient(self, left: Combination, right: Combination) -> Combination:
        if not right.terms:
            return self.scaled(left, self.constant(QUOTIENT, self.one, right.offset))
        divided, factor = self.factor(left)
        divisor = self.register(right._replace(offset=self.zero))
        return self.scaled(
            self.combination(self.new(QUOTIENT, divided, divisor, right.offset)), factor
        )

    def root(self, value: Combination, _: Combination) -> Combination:
        if not value.terms:
            return Combination((), self.constant(ROOT, value.offset, value.offset))
        return self.combination(self.new(ROOT, self.register(value), 0, self.zero))

    def factor(self, value: Combination) -> tuple[int, int]:
        """A register and a constant whose product is the value."""
        if len(value.terms) == 1 and value.offset == self.zero:
            return value.terms[0]
        return self.register(value), self.one


_MAKERS: dict[int, Callable[[_Builder, Combination, Combination], Combination]] = {
    SUM: _Builder.sum, DIFFERENCE: _Builder.difference, PRODUCT: _Builder.product, QUOTIENT: _Builder.quotient,
    ROOT: _Builder.root,
}  # fmt: skip
