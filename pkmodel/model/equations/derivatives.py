"""Partial derivatives of a graph's nodes, as nodes of the same graph.

At a kink the derivative is that of the branch whose value is taken, and where both operands of min or max are
equal that of the first: max(x, 0) has at 0 its derivative from the right. where() has the derivative of the
chosen branch; its jump has none. hill() has at x = 0 the derivative 1 / x50 for gamma = 1 and 0 above; below, where
it is infinite, the one whose factor (x / x50)**(gamma - 1) is taken at x = 1e-10 x50. For x < 0 it is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pkmodel.kernels.instructions import (
    DIFFERENCE,
    EXP,
    LOG,
    MAXIMUM,
    MINIMUM,
    POWER,
    PRODUCT,
    QUOTIENT,
    ROOT,
    SUM,
)
from pkmodel.model.equations.graph import CHOICE, HILL, NAME, Graph

Slope = int | None
"""A derivative's place, None where it is 0 by structure."""


def derivatives(graph: Graph, roots: Iterable[int], name: str) -> dict[int, int]:
    """Derivatives of the roots with respect to a name; those that are 0 by structure are left out."""
    roots = tuple(roots)
    found: dict[int, int] = {}
    for i in graph.reachable(roots):
        if name not in graph.names[i]:
            continue
        operation, operands = graph.nodes[i][0], graph.operands(i)
        slopes = [found.get(k) for k in operands]
        if operation == NAME:
            found[i] = graph.one
        elif operation in _RULES and any(s is not None for s in slopes):
            slope = _RULES[operation](graph, i, *operands, *slopes)
            if slope is not None and slope != graph.zero:
                found[i] = slope
    return {i: found[i] for i in roots if i in found}


def _sum(graph: Graph, i: int, a: int, b: int, da: Slope, db: Slope) -> Slope:
    return _plus(graph, da, db)


def _difference(graph: Graph, i: int, a: int, b: int, da: Slope, db: Slope) -> Slope:
    return _minus(graph, da, db)


def _product(graph: Graph, i: int, a: int, b: int, da: Slope, db: Slope) -> Slope:
    if a == b:
        return _times(graph, graph.product(graph.number(2), a), da)
    return _plus(graph, _times(graph, b, da), _times(graph, a, db))


def _quotient(graph: Graph, i: int, a: int, b: int, da: Slope, db: Slope) -> Slope:
    return _over(graph, _minus(graph, da, _times(graph, i, db)), b)


def _power(graph: Graph, i: int, a: int, b: int, da: Slope, db: Slope) -> Slope:
    below = graph.power(a, graph.difference(b, graph.one))
    by_base = _times(graph, graph.product(b, below), da)
    if db is None:
        return by_base
    logarithm = graph.log(graph.maximum(a, graph.number(_SMALLEST)))
    return _plus(graph, by_base, _times(graph, graph.product(i, logarithm), db))


def _minimum(graph: Graph, i: int, a: int, b: int, da: Slope, db: Slope) -> Slope:
    return _choice_of(graph, graph.greater(a, b), db, da)


def _maximum(graph: Graph, i: int, a: int, b: int, da: Slope, db: Slope) -> Slope:
    return _choice_of(graph, graph.greater(b, a), db, da)


def _choice(graph: Graph, i: int, g: int, a: int, b: int, dg: Slope, da: Slope, db: Slope) -> Slope:
    return _choice_of(graph, g, da, db)


def _exp(graph: Graph, i: int, a: int, da: Slope) -> Slope:
    return _times(graph, i, da)


def _log(graph: Graph, i: int, a: int, da: Slope) -> Slope:
    return _over(graph, da, a)


def _root(graph: Graph, i: int, a: int, da: Slope) -> Slope:
    return _over(graph, _times(graph, graph.number(0.5), da), i)


def _hill(
    graph: Graph, i: int, x: int, k: int, gamma: int, dx: Slope, dk: Slope, dgamma: Slope
) -> Slope:
    """With s = x / k and w = 1 - hill = 1 / (1 + s**gamma), d/dx is gamma / k * s**(gamma - 1) * w**2.

    The power is held below 1e300, where w**2 is 0 beside it; below gamma = 1 at its value for s = 1e-10.
    """
    g = graph
    s = g.quotient(x, k)
    w = g.quotient(g.one, g.sum(g.one, g.quotient(g.one, g.power(g.quotient(k, x), gamma))))
    below = g.difference(gamma, g.one)
    infinite = g.greater(g.one, gamma)
    bound = g.choice(infinite, g.power(g.number(1e-10), below), g.number(1e300))
    power = g.minimum(g.power(s, below), bound)
    by_x = g.product(g.quotient(gamma, k), g.product(power, g.product(w, w)))
    logarithm = g.log(g.maximum(s, g.number(_SMALLEST)))
    by_gamma = g.product(g.product(i, w), logarithm)
    by_k = g.difference(g.zero, g.product(s, by_x))
    return _plus(g, _plus(g, _times(g, by_x, dx), _times(g, by_k, dk)), _times(g, by_gamma, dgamma))


def _plus(graph: Graph, a: Slope, b: Slope) -> Slope:
    if a is None or b is None:
        return b if a is None else a
    return graph.sum(a, b)


def _minus(graph: Graph, a: Slope, b: Slope) -> Slope:
    if b is None:
        return a
    return graph.difference(graph.zero if a is None else a, b)


def _times(graph: Graph, factor: int, slope: Slope) -> Slope:
    return None if slope is None else graph.product(factor, slope)


def _over(graph: Graph, slope: Slope, divisor: int) -> Slope:
    return None if slope is None else graph.quotient(slope, divisor)


def _choice_of(graph: Graph, g: int, a: Slope, b: Slope) -> Slope:
    if a is None and b is None:
        return None
    return graph.choice(g, graph.zero if a is None else a, graph.zero if b is None else b)


_SMALLEST = 1e-300
_RULES: dict[int, Callable[..., Slope]] = {
    SUM: _sum,
    DIFFERENCE: _difference,
    PRODUCT: _product,
    QUOTIENT: _quotient,
    POWER: _power,
    MINIMUM: _minimum,
    MAXIMUM: _maximum,
    EXP: _exp,
    LOG: _log,
    ROOT: _root,
    CHOICE: _choice,
    HILL: _hill,
}
