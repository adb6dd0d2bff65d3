"""Equations of a system, checked and compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pkmodel.errors import ModelError, did_you_mean
from pkmodel.kernels.instructions import GREATER
from pkmodel.model.equations.derivatives import derivatives
from pkmodel.model.equations.expression import Expression
from pkmodel.model.equations.graph import Graph
from pkmodel.model.equations.lowering import lowered
from pkmodel.model.equations.program import Program
from pkmodel.model.equations.reading import SIGNATURES, TIME
from pkmodel.model.equations.registers import program_of

Texts = Mapping[str, str | Expression]


def compile_program(
    states: Sequence[str],
    equations: Texts,
    definitions: Texts | None = None,
    parameters: Iterable[str] = (),
) -> Program:
    """Program of a system of ordinary differential equations.

    Parameters
    ----------
    states : sequence of str
        States in the order of the result.
    equations : mapping of str to str or Expression
        Right-hand side of d(state)/dt for every state, over states, definitions, parameters and the time `t` [h].
    definitions : mapping of str to str or Expression, optional
        Names for expressions, in any order; they may use each other.
    parameters : iterable of str, optional
        Names of the parameters. Those that do not occur are left out of the program.

    Returns
    -------
    Program

    Raises
    ------
    ModelError
        With every fault: texts that cannot be read, unknown names, names with two meanings, states without
        an equation, definitions that go round in a circle.

    Examples
    --------
    >>> program = compile_program(
    ...     ["gut", "blood"],
    ...     {"gut": "-ka*gut", "blood": "ka*gut - vmax*C / (km + C)"},
    ...     {"C": "blood / volume"},
    ...     ["ka", "volume", "vmax", "km"],
    ... )
    >>> program.evaluate_rhs([10.0, 5.0], p=[1.0, 50.0, 2.0, 0.1])
    array([-10.,   9.])
    >>> len(program.rhs), len(program.jac)
    (7, 4)
    """
    states, parameters = tuple(states), tuple(parameters)
    graph, rates = _rates(states, equations, definitions or {}, parameters)
    slopes = _slopes(graph, rates, states)
    time_slopes = derivatives(graph, rates, TIME)
    final = lowered(graph, [*rates, *slopes.values(), *time_slopes.values()])
    return program_of(
        graph,
        states,
        parameters,
        [final[i] for i in rates],
        {where: final[i] for where, i in slopes.items()},
        {i: final[time_slopes[rate]] for i, rate in enumerate(rates) if rate in time_slopes},
    )


def is_linear(states: Sequence[str], equations: Texts, definitions: Texts | None = None) -> bool:
    """Whether a system is linear in its states, with coefficients free of states and time.

    It is judged by structure: the time does not occur, and neither an entry of the Jacobian nor a comparison depends
    on a state. Such a system is dy/dt = A y + b with A and b of the parameters only. A linear one in
    disguise, x * y / y, counts as nonlinear.

    Parameters
    ----------
    states, equations, definitions
        As for :func:`compile_program`; every other name is a parameter.

    Raises
    ------
    ModelError
        As :func:`compile_program`.

    Examples
    --------
    >>> is_linear(["x"], {"x": "inflow - k * x"})
    True
    >>> is_linear(["x"], {"x": "-vmax * x / (km + x)"})
    False
    """
    states = tuple(states)
    graph, rates = _rates(states, equations, definitions or {}, None)
    comparisons = [i for i in graph.reachable(rates) if graph.nodes[i][0] == GREATER]
    constant = [*_slopes(graph, rates, states).values(), *comparisons]
    return all(TIME not in graph.names[i] for i in rates) and all(
        graph.names[i].isdisjoint(states) for i in constant
    )


def _slopes(
    graph: Graph, rates: Sequence[int], states: Sequence[str]
) -> dict[tuple[int, int], int]:
    """Jacobian by (row, column), without what is 0 by structure."""
    slopes: dict[tuple[int, int], int] = {}
    for j, state in enumerate(states):
        column = derivatives(graph, rates, state)
        slopes |= {(i, j): column[rate] for i, rate in enumerate(rates) if rate in column}
    return slopes


def _rates(
    states: tuple[str, ...],
    equations: Texts,
    definitions: Texts,
    parameters: tuple[str, ...] | None,
) -> tuple[Graph, list[int]]:
    """Graph of the equations and the node of every dy/dt; without `parameters` unknown names are parameters."""
    faults: list[str] = []
    rates = _read(equations, faults)
    helpers = _read(definitions, faults)
    faults += _name_faults(states, equations, definitions, parameters)
    known = [*states, TIME, *definitions, *(parameters or ())]
    if parameters is not None:
        faults += [
            f'{name}: unknown name "{n}"{did_you_mean(n, known)}'
            for name, expression in (*rates.items(), *helpers.items())
            for n in expression.names
            if n not in known
        ]
    order = ordered(helpers, faults)
    if faults:
        raise ModelError(*faults)
    graph = Graph()
    meaning: dict[str, int] = {}
    for name in order:
        meaning[name] = _added(graph, helpers[name], meaning)
    return graph, [_added(graph, rates[state], meaning) for state in states]


def _added(graph: Graph, expression: Expression, meaning: Mapping[str, int]) -> int:
    places = {n: meaning[n] if n in meaning else graph.name(n) for n in expression.names}
    return graph.add(expression, places)


def _read(texts: Texts, faults: list[str]) -> dict[str, Expression]:
    """Expressions by name; what cannot be read goes to the faults."""
    found = {}
    for name, text in texts.items():
        try:
            found[name] = text if isinstance(text, Expression) else Expression.parse(text, name)
        except ModelError as error:
            faults += [f"{error.given}: {fault}" for fault in error.faults]
    return found


def _name_faults(
    states: tuple[str, ...],
    equations: Texts,
    definitions: Texts,
    parameters: tuple[str, ...] | None,
) -> list[str]:
    """Names that have two meanings, equations without state, states without equation."""
    kinds = {"state": states, "definition": definitions, "parameter": parameters or ()}
    meanings: dict[str, list[str]] = {TIME: ["the time"], **{f: ["a function"] for f in SIGNATURES}}
    for kind, names in kinds.items():
        for name in names:
            meanings.setdefault(name, []).append(f"a {kind}")
    faults = [
        f'"{name}" is {" and ".join(found)}; give one of them another name'
        for name, found in meanings.items()
        if len(found) > 1
    ]
    faults += [
        f'equation of "{name}", which is no state{did_you_mean(name, states)}'
        for name in equations
        if name not in states
    ]
    faults += [
        f'state "{name}" has no equation; write "0" if it does not change'
        for name in states
        if name not in equations
    ]
    return faults


def ordered(definitions: Mapping[str, Expression], faults: list[str]) -> list[str]:
    """Definitions, each behind those that it uses; circles go to the faults."""
    uses = {n: [u for u in e.names if u in definitions] for n, e in definitions.items()}
    order: list[str] = []
    trail: list[str] = []

    def visit(name: str) -> None:
        if name in trail:
            circle = [*trail[trail.index(name) :], name]
            faults.append(f"definitions go round in a circle: {' uses '.join(circle)}")
        elif name not in order:
            trail.append(name)
            for other in uses[name]:
                visit(other)
            order.append(trail.pop())

    for name in definitions:
        visit(name)
    return order
