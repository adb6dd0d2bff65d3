"""From a graph to a program: which instruction stands where, and which register holds what."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pkmodel.model.equations.graph import NAME, NUMBER, Graph
from pkmodel.model.equations.program import Program
from pkmodel.model.equations.reading import TIME


def program_of(
    graph: Graph,
    states: tuple[str, ...],
    parameters: Iterable[str],
    rates: Sequence[int],
    slopes: dict[tuple[int, int], int],
    time_slopes: dict[int, int],
) -> Program:
    """Program of lowered nodes.

    Parameters
    ----------
    graph : Graph
        Its nodes are operations of the kernel only, as far as the outputs need them.
    states, parameters : sequence of str
        What the names of the graph are, the time apart.
    rates : sequence of int
        Nodes of dy/dt.
    slopes : dict of (int, int) to int
        Node of d(dy_i/dt)/dy_j by (i, j).
    time_slopes : dict of int to int
        Node of the partial derivative of dy_i/dt by time, by i.
    """
    more = [*slopes.values(), *time_slopes.values()]
    used = graph.reachable([*rates, *more])
    names = {graph.nodes[i][1] for i in used if graph.nodes[i][0] == NAME}
    parameters = tuple(p for p in parameters if p in names)
    constants = [i for i in used if graph.nodes[i][0] == NUMBER]
    inputs = [*map(graph.name, (*states, TIME, *parameters)), *constants]

    fixed = [i for i in used if graph.operands(i) and graph.names[i].isdisjoint((*states, TIME))]
    done = set(inputs)
    setup = _in_order(graph, fixed, done)
    rhs = _in_order(graph, rates, done)
    jac = _in_order(graph, more, done)

    kept = _kept(graph, rates, more, setup, rhs, jac)
    hoisted = [i for i in setup if i in kept]
    place = {i: k for k, i in enumerate((*inputs, *hoisted))}
    rows, registers = _allocate(graph, [*setup, *rhs, *jac], kept, place)
    first, second = len(setup), len(setup) + len(rhs)
    return Program(
        states=states,
        parameters=parameters,
        constants=np.array([graph.value(i) for i in constants], dtype=float),
        hoisted=len(hoisted),
        registers=registers,
        setup=rows[:first],
        rhs=rows[first:second],
        rhs_out=_table([place[i] for i in rates]),
        jac=rows[second:],
        jac_out=_table([(i, j, place[k]) for (i, j), k in sorted(slopes.items())], 3),
        time_out=_table([(i, place[k]) for i, k in sorted(time_slopes.items())], 2),
        time_dependent=TIME in names,
    )


def _in_order(graph: Graph, roots: Iterable[int], done: set[int]) -> list[int]:
    """Nodes that the roots need and that are not done, each soon before its first use; they are done then."""
    order: list[int] = []
    waiting = list(roots)[::-1]
    while waiting:
        i = waiting[-1]
        missing = [k for k in graph.operands(i) if k not in done] if i not in done else []
        if missing:
            waiting += missing[::-1]
            continue
        waiting.pop()
        if i not in done:
            done.add(i)
            order.append(i)
    return order


def _kept(
    graph: Graph,
    rates: Sequence[int],
    more: Sequence[int],
    setup: list[int],
    rhs: list[int],
    jac: list[int],
) -> set[int]:
    """Nodes whose register is not used again: outputs, and what a later part of the program needs."""
    kept = {*rates, *more}
    for earlier, later in ((setup, [*rhs, *jac]), (rhs, jac)):
        needed = {k for i in later for k in graph.operands(i)}
        kept |= needed.intersection(earlier)
    return kept


def _allocate(
    graph: Graph, order: list[int], kept: set[int], place: dict[int, int]
) -> tuple[Any, int]:
    """Instructions in order, and the number of registers; `place` gains the register of every node.

    A register is free after the last use of what it holds. The target is chosen before the operands are
    freed: no instruction writes into its own operand.
    """
    last = {k: i for i in order for k in graph.operands(i)}
    count, free = len(place), list[int]()
    inputs = set(place)
    rows = []
    for i in order:
        if i not in place:
            if not free:
                heapq.heappush(free, count)
                count += 1
            place[i] = heapq.heappop(free)
        operands = graph.operands(i)
        rows.append((graph.nodes[i][0], place[i], place[operands[0]], place[operands[-1]]))
        for k in set(operands) - kept - inputs:
            if last[k] == i:
                heapq.heappush(free, place[k])
    return _table(rows, 4), count


def _table(rows: list[Any], width: int = 0) -> Any:
    table = np.array(rows, dtype=np.int64)
    return table.reshape(-1, width) if width else table
