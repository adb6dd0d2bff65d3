"""Expressions as one graph: what is written twice stands once, and what is constant is computed here.

A node is a tuple of an operation and the places of its operands. Operations are those of the kernel
(:mod:`pkmodel.kernels.instructions`) and, until `lowering`, a choice and the Hill function.

What is simplified: constants are folded where the result is finite; x + 0, x - 0, x * 1, x / 1 and x**1 are x,
x**0 is 1, whole powers up to 8 are products, x**0.5 is a root; x * 0 and x - x are 0 where x is *total*, that is,
finite for all finite states and parameters (a term 0 * log(x) stays, for it is undefined at x = 0). Signs are
pulled out of products, so that a + (-b) * c is a - b * c. Sums and products are not rearranged and x / V stays a
division, which a product with 1 / V would only nearly be: the result is what the text says, to the last bit but
for powers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.kernels.instructions import (
    DIFFERENCE,
    EXP,
    GREATER,
    LOG,
    MAXIMUM,
    MINIMUM,
    POWER,
    PRODUCT,
    QUOTIENT,
    ROOT,
    SUM,
)
from pkmodel.model.equations.program import OPERATIONS

if TYPE_CHECKING:
    from pkmodel.model.equations.expression import Expression

NUMBER, NAME, CHOICE, HILL = -1, -2, -3, -4
"""``(NUMBER, value)``, ``(NAME, name)``, ``(CHOICE, g, a, b)``: a if g is 1, b if g is 0, ``(HILL, x, x50, gamma)``."""

Node = tuple[Any, ...]
_LARGEST_PRODUCT = 8
_TOTAL = {NUMBER, NAME, SUM, DIFFERENCE, PRODUCT, MINIMUM, MAXIMUM, CHOICE, HILL}


class Graph:
    """Nodes of expressions, each of them once; operands stand before operations."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.names: list[frozenset[str]] = []
        """Names that a node depends on."""
        self.total: list[bool] = []
        """Whether a node is finite for all finite states and parameters."""
        self._places: dict[Node, int] = {}
        self.zero, self.one = self.number(0), self.number(1)

    def operands(self, i: int) -> tuple[int, ...]:
        """Places of the operands of a node."""
        return () if self.nodes[i][0] in (NUMBER, NAME) else self.nodes[i][1:]

    def value(self, i: int) -> float | None:
        """Value of a number, None of other nodes."""
        return self.nodes[i][1] if self.nodes[i][0] == NUMBER else None

    def reachable(self, roots: Iterable[int]) -> list[int]:
        """Nodes that the roots need, the roots included, operands first."""
        found, waiting = set(), list(roots)
        while waiting:
            i = waiting.pop()
            if i not in found:
                found.add(i)
                waiting += self.operands(i)
        return sorted(found)

    def add(self, expression: Expression, meaning: dict[str, int]) -> int:
        """Place of an expression; `meaning` is the place of every name."""
        found: list[int] = []
        for kind, *operands in expression.rows:
            if kind == "number":
                found.append(self.number(operands[0]))
            elif kind == "name":
                found.append(meaning[operands[0]])
            else:
                found.append(_BUILDERS[kind](self, *(found[i] for i in operands)))
        return found[-1]

    # ------------------------------------------------------------------------------------- nodes

    def number(self, value: float) -> int:
        """A constant."""
        return self._place((NUMBER, float(value) + 0.0))  # -0.0 is 0.0

    def name(self, name: str) -> int:
        """A state, the time or a parameter."""
        return self._place((NAME, name))

    def make(self, operation: int, *operands: int) -> int:
        """Any operation by its number."""
        return _MAKERS[operation](self, *operands)

    def sum(self, a: int, b: int) -> int:
        """``a + b``."""
        if self.zero in (a, b):
            return b if a == self.zero else a
        for x, y in ((a, b), (b, a)):
            positive = self._negated(y)
            if positive is not None and self.value(x) is None:
                return self.difference(x, positive)
        return self._folded(SUM, *sorted((a, b)))

    def difference(self, a: int, b: int) -> int:
        """``a - b``; ``0 - b`` is the way to write a sign."""
        if b == self.zero:
            return a
        if a == b and self.total[a]:
            return self.zero
        positive = self._negated(b)
        if positive is not None:
            return self.sum(a, positive)
        if a == self.zero and self.nodes[b][0] == DIFFERENCE:
            return self.difference(*reversed(self.operands(b)))
        return self._folded(DIFFERENCE, a, b)

    def product(self, a: int, b: int) -> int:
        """``a * b``."""
        for x, y in ((a, b), (b, a)):
            if x == self.one:
                return y
            if x == self.zero and self.total[y]:
                return self.zero
            if self.value(x) == -1:
                return self.difference(self.zero, y)
            if self._is_negative(x):
                return self.difference(self.zero, self.product(self.operands(x)[1], y))
        return self._folded(PRODUCT, *sorted((a, b)))

    def quotient(self, a: int, b: int) -> int:
        """``a / b``."""
        if b == self.one:
            return a
        if self._is_negative(a):
            return self.difference(self.zero, self.quotient(self.operands(a)[1], b))
        if self._is_negative(b):
            return self.difference(self.zero, self.quotient(a, self.operands(b)[1]))
        return self._folded(QUOTIENT, a, b)

    def power(self, a: int, b: int) -> int:
        """``a ** b``."""
        exponent = self.value(b)
        if exponent is None or self.value(a) is not None:
            return self.one if a == self.one else self._folded(POWER, a, b)
        if exponent == 0.5:
            return self.root(a)
        if exponent.is_integer() and abs(exponent) <= _LARGEST_PRODUCT:
            repeated = self._repeated(a, int(abs(exponent)))
            return repeated if exponent >= 0 else self.quotient(self.one, repeated)
        return self._folded(POWER, a, b)

    def minimum(self, a: int, b: int) -> int:
        """The smaller; `a` where they are equal."""
        return a if a == b else self._folded(MINIMUM, a, b)

    def maximum(self, a: int, b: int) -> int:
        """The larger; `a` where they are equal."""
        return a if a == b else self._folded(MAXIMUM, a, b)

    def greater(self, a: int, b: int) -> int:
        """1 if ``a > b``, else 0."""
        return self.zero if a == b else self._folded(GREATER, a, b)

    def exp(self, a: int) -> int:
        """``exp(a)``."""
        return self._folded(EXP, a)

    def log(self, a: int) -> int:
        """``log(a)``."""
        return self._folded(LOG, a)

    def root(self, a: int) -> int:
        """``sqrt(a)``."""
        return self._folded(ROOT, a)

    def choice(self, g: int, a: int, b: int) -> int:
        """`a` where `g` is 1, `b` where it is 0."""
        if self.value(g) is not None:
            return a if g == self.one else b
        if self.nodes[g][:2] == (DIFFERENCE, self.one):
            return self.choice(self.operands(g)[1], b, a)
        return a if a == b else self._place((CHOICE, g, a, b))

    def hill(self, x: int, x50: int, gamma: int) -> int:
        """``x**gamma / (x50**gamma + x**gamma)``, 0 for x <= 0."""
        x = self.maximum(x, self.zero)
        if gamma == self.one:
            return self.quotient(x, self.sum(x50, x))
        return self._place((HILL, x, x50, gamma))

    def _repeated(self, a: int, count: int) -> int:
        """A product of `count` equal factors."""
        result = self.one
        while count:
            if count % 2:
                result = self.product(result, a)
            count //= 2
            if count:
                a = self.product(a, a)
        return result

    def _is_negative(self, i: int) -> bool:
        """Whether a node is ``0 - x``."""
        return self.nodes[i][:2] == (DIFFERENCE, self.zero)

    def _negated(self, i: int) -> int | None:
        """The node without its sign, None if it has none."""
        value = self.value(i)
        if value is not None:
            return self.number(-value) if value < 0 else None
        return self.operands(i)[1] if self._is_negative(i) else None

    def _folded(self, operation: int, *operands: int) -> int:
        """The operation, or its value if that is a finite constant."""
        values = [self.value(i) for i in operands]
        if None not in values:
            with np.errstate(all="ignore"):
                value = float(OPERATIONS[operation](values[0], values[-1]))
            if np.isfinite(value):
                return self.number(value)
        return self._place((operation, *operands))

    def _place(self, node: Node) -> int:
        if node in self._places:
            return self._places[node]
        self._places[node] = len(self.nodes)
        self.nodes.append(node)
        operands = self.operands(len(self.nodes) - 1)
        own = frozenset(node[1:] if node[0] == NAME else ())
        self.names.append(own.union(*(self.names[i] for i in operands)))
        total = node[0] == GREATER or (node[0] in _TOTAL and all(self.total[i] for i in operands))
        self.total.append(total)
        return self._places[node]


_MAKERS: dict[int, Callable[..., int]] = {
    SUM: Graph.sum,
    DIFFERENCE: Graph.difference,
    PRODUCT: Graph.product,
    QUOTIENT: Graph.quotient,
    POWER: Graph.power,
    MINIMUM: Graph.minimum,
    MAXIMUM: Graph.maximum,
    GREATER: Graph.greater,
    EXP: Graph.exp,
    LOG: Graph.log,
    ROOT: Graph.root,
    CHOICE: Graph.choice,
    HILL: Graph.hill,
}
_BUILDERS: dict[str, Callable[..., int]] = {
    "+": Graph.sum,
    "-": Graph.difference,
    "*": Graph.product,
    "/": Graph.quotient,
    "**": Graph.power,
    "neg": lambda graph, a: graph.difference(graph.zero, a),
    "min": lambda graph, *items: reduce(graph.minimum, items),
    "max": lambda graph, *items: reduce(graph.maximum, items),
    "exp": Graph.exp,
    "log": Graph.log,
    "sqrt": Graph.root,
    "hill": Graph.hill,
    "where": Graph.choice,
    "<": lambda graph, a, b: graph.greater(b, a),
    ">": Graph.greater,
    "<=": lambda graph, a, b: graph.difference(graph.one, graph.greater(a, b)),
    ">=": lambda graph, a, b: graph.difference(graph.one, graph.greater(b, a)),
}
