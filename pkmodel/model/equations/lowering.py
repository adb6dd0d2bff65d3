"""Choices and Hill functions in the operations of the kernel."""

from __future__ import annotations

from collections.abc import Iterable

from pkmodel.model.equations.graph import CHOICE, HILL, Graph


def lowered(graph: Graph, roots: Iterable[int]) -> dict[int, int]:
    """For every root the node that does the same with operations of the kernel."""
    roots = tuple(roots)
    found: dict[int, int] = {}
    for i in graph.reachable(roots):
        operation, operands = graph.nodes[i][0], [found[k] for k in graph.operands(i)]
        if operation == CHOICE:
            found[i] = _choice(graph, *operands)
        elif operation == HILL:
            found[i] = _hill(graph, *operands)
        elif operands:
            found[i] = graph.make(operation, *operands)
        else:
            found[i] = i
    return {i: found[i] for i in roots}


def _choice(graph: Graph, g: int, a: int, b: int) -> int:
    """A sum of both branches, each times 1 or 0."""
    if (a, b) == (graph.one, graph.zero):
        return g
    other = graph.difference(graph.one, g)
    return graph.sum(_gated(graph, g, a), _gated(graph, other, b))


def _gated(graph: Graph, g: int, x: int) -> int:
    """``x`` where g is 1, 0 where it is 0, even if x is infinite or NaN there: any number**0 is 1, NaN too."""
    return graph.product(g, x if graph.total[x] else graph.power(x, g))


def _hill(graph: Graph, x: int, x50: int, gamma: int) -> int:
    power = graph.power(graph.quotient(x50, x), gamma)
    return graph.quotient(graph.one, graph.sum(graph.one, power))
