"""A compartment model, from its table to rate matrices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel import units
from pkmodel.errors import ModelError, did_you_mean, first_of, refuse_unknown
from pkmodel.model.checks import faults_of
from pkmodel.model.drawing import draw
from pkmodel.model.parts import SATURABLE, Compartment, Flow, Input, Output, Parameter, value_of
from pkmodel.model.systems import equations_alone

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from pkmodel.model.equations import Program

    Values = Mapping[str, ArrayLike]
    Covariate = Callable[[Mapping[str, NDArray[np.float64]]], ArrayLike]


_TRANSPOSE = "A[i][j] is the flow from j to i; did you pass the transpose?"


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A compartment model: linear, or with laws that saturate and equations of one's own.

    Parameters
    ----------
    name : str
        Name in reports.
    compartments : sequence of Compartment or str
        The spaces, in the order of results.
    flows : sequence of Flow
        What moves between them.
    parameters : sequence of Parameter
        Every number that a flow, volume, input, output or covariate names.
    inputs : sequence of Input
        Routes of administration.
    outputs : sequence of Output, optional
        Sites of the results; by default the concentration in every compartment that has a volume.
    covariates : mapping of str to callable, optional
        ``name: function(parameters) -> value`` for a derived parameter or a covariate effect on an existing
        one: an ordinary function over arrays, called in order.
    correlations : sequence of (str, str, float), optional
        Correlation of the random effects of two parameters.
    matrix : array of shape (n, n), optional
        A rate matrix [1/h] instead of flows; see :meth:`from_rate_matrix`.
    equations : mapping of str to str, optional
        Rates of change as text, beside the flows: of a compartment [mg/h], or of a variable of another name, which the
        results then hold. See the page Equations.
    definitions : mapping of str to str, optional
        Names for expressions that equations use, such as ``{"C": "central / volume"}``.
    initial : mapping of str to (str or float), optional
        Value of compartments and variables at the beginning, an expression of parameters; 0 without one.
    observed : sequence of str, optional
        Definitions that results hold as well.
    function : callable, optional
        A right-hand side ``f(t, y, p, dydt)`` in the place of flows and equations, which Numba can compile: it fills
        `dydt` from the states `y` (compartments, then the variables in `initial`) and the parameters `p` in
        the model's order.
    positive : sequence of str, optional
        Parameters that have to be above 0. Of laws that saturate, the concentration at half the flow and the exponent
        have to be so anyway.

    Raises
    ------
    ModelError
        With every fault of the table: unknown names, a missing volume, duplicates, numbers out of
        range, parameters of a wrong dimension, units that disagree in equations.

    Examples
    --------
    >>> model = Model(
    ...     "one compartment",
    ...     compartments=[Compartment("central", "volume")],
    ...     flows=[Flow("central", None, "clearance", "clearance")],
    ...     parameters=[Parameter("clearance", "5 L/h"), Parameter("volume", "50 L")],
    ...     inputs=[Input("iv", "central")],
    ... )
    >>> model.rate_matrix({"clearance": [5.0, 10.0]})
    array([[[-0.1]],
    <BLANKLINE>
           [[-0.2]]])
    """

    name: str
    compartments: tuple[Compartment, ...]
    flows: tuple[Flow, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    covariates: Mapping[str, Covariate] = field(default_factory=dict)
    correlations: tuple[tuple[str, str, float], ...] = ()
    matrix: NDArray[np.float64] | None = None
    equations: Mapping[str, str] = field(default_factory=dict)
    definitions: Mapping[str, str] = field(default_factory=dict)
    initial: Mapping[str, str | float] = field(default_factory=dict)
    observed: tuple[str, ...] = ()
    function: Callable[..., None] | None = None
    positive: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        boxes = tuple(Compartment(c) if isinstance(c, str) else c for c in self.compartments)
        object.__setattr__(self, "compartments", boxes)
        for name in ("flows", "parameters", "inputs", "correlations", "observed", "positive"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        default = (Output(c.name, c.name) for c in boxes if c.volume is not None)
        object.__setattr__(self, "outputs", tuple(self.outputs) or tuple(default))
        faults = faults_of(self)
        if faults:
            raise ModelError(*faults)

    @classmethod
    def from_rate_matrix(
        cls,
        A: ArrayLike,
        compartments: Iterable[str] | None = None,
        *,
        bioavailability: ArrayLike = 1.0,
        lag: ArrayLike = 0.0,
        duration: ArrayLike | None = None,
        rate: ArrayLike | None = None,
        volume: ArrayLike | None = None,
        name: str = "rate matrix",
    ) -> Model:
        """Build a model from anybody's own system.

        Parameters
        ----------
        A : array of shape (n, n)
            Rate matrix [1/h]: ``A[i, j]`` is the flow from compartment j to i, the diagonal the losses.
        compartments : sequence of str, optional
            Names; by default ``"1"``, ``"2"``, …
        bioavailability, lag, duration, rate : float or array of shape (n,), optional
            One value per compartment, for doses into that compartment: fraction, h, h, mg/h. `duration` and
            `rate` serve the doses that ask for a modelled one.
        volume : float or array of shape (n,), optional
            Volumes [L]; with them results carry concentrations.
        name : str
            Name in reports.

        Returns
        -------
        Model
            Every compartment is an input of its own name.

        Examples
        --------
        >>> Model.from_rate_matrix([[-0.7, 0.0], [0.7, -0.3]], ["gut", "blood"], bioavailability=[0.5, 1.0])
        ... # doctest: +ELLIPSIS
        rate matrix: 2 compartments, 0 parameters...
        """
        matrix = _floats("the rate matrix", A)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
            raise ModelError(
                f"the rate matrix has shape {matrix.shape}; expected (n, n), A[i][j] the flow j to i"
            )
        if not np.isfinite(matrix).all():
            raise ModelError("the rate matrix holds numbers that are not finite")
        _refuse_impossible_flows(matrix)
        n = len(matrix)
        names = [str(i + 1) for i in range(n)] if compartments is None else list(compartments)
        if len(names) != n:
            raise ModelError(f"{len(names)} compartment names for {n} rows of the rate matrix")
        columns = (
            _column("bioavailability", bioavailability, n),
            _column("lag", lag, n),
            _column("duration", duration, n),
            _column("rate", rate, n),
        )
        volumes = _column("volume", volume, n)
        return cls(
            name,
            compartments=tuple(Compartment(c, v) for c, v in zip(names, volumes, strict=True)),
            inputs=tuple(Input(c, c, *row) for c, *row in zip(names, *columns, strict=True)),
            matrix=matrix,
        )

    @cached_property
    def states(self) -> tuple[str, ...]:
        """Compartments, the transit compartments of the inputs last."""
        return tuple(c.name for c in self.compartments) + tuple(
            s for i in self.inputs for s in i.chain
        )

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """States that are no compartments, in the order of the equations."""
        names = self.initial if self.function is not None else self.equations
        return tuple(n for n in names if n not in self.states)

    @cached_property
    def is_linear(self) -> bool:
        """Whether rates of change are linear in the amounts, so that the solution is exact."""
        if self.initial or self.function is not None or any(f.law in SATURABLE for f in self.flows):
            return False
        return not self.equations or self._linear_equations is not None

    @cached_property
    def divisors(self) -> frozenset[str]:
        """Parameters that have to be above 0: those of laws that saturate but for the largest flow, and `positive`."""
        laws = (f for f in self.flows if f.law in SATURABLE)
        own = (p for f in laws for p in f.parameters[1:] if isinstance(p, str))
        return frozenset((*own, *self.positive))

    @cached_property
    def _linear_equations(self) -> Program | None:
        return equations_alone(self)

    @cached_property
    def volumes(self) -> dict[str, str | float]:
        """Volume of every compartment that has one."""
        return {c.name: c.volume for c in self.compartments if c.volume is not None}

    @cached_property
    def defaults(self) -> dict[str, Parameter]:
        """Parameters by name."""
        return {p.name: p for p in self.parameters}

    @cached_property
    def sites(self) -> tuple[str, ...]:
        """Names of the outputs that are concentrations."""
        return tuple(o.site for o in self.outputs if o.quantity == "concentration")

    @cached_property
    def amounts(self) -> tuple[str, ...]:
        """Names of the amounts: the states, and the outputs that are amounts."""
        return self.states + tuple(o.site for o in self.outputs if o.quantity == "amount")

    def with_sites(self, sites: Sequence[str] | str) -> Model:
        """Same model with some of its sites: what is not asked for costs no time.

        Parameters
        ----------
        sites : sequence of str or str
            Sites that stay, in the model's order. Outputs that are amounts stay.

        Raises
        ------
        ModelError
            A site that the model has not, or none.

        Examples
        --------
        >>> Model.from_rate_matrix([[-1.0, 0.5], [1.0, -0.5]], ["a", "b"], volume=2.0).with_sites("b").sites
        ('b',)
        """
        wanted = (sites,) if isinstance(sites, str) else tuple(sites)
        faults = [
            f'the model {self.name} has no site "{site}"{did_you_mean(site, self.sites)}'
            for site in wanted
            if site not in self.sites
        ]
        if faults or not wanted:
            raise ModelError(
                *(faults or ["no sites are asked for"]), remedy=f"It has {', '.join(self.sites)}."
            )
        kept = (o for o in self.outputs if o.quantity != "concentration" or o.site in wanted)
        return replace(self, outputs=tuple(kept))

    def with_parameters(self, parameters: Iterable[Parameter], **changes: Any) -> Model:
        """Same model with other typical values and spreads; parameters not given stay.

        Parameters
        ----------
        parameters : iterable of Parameter
            Replacements; a name that the model has not is an error.
        **changes
            Other fields to replace, for example ``name`` or ``correlations``.
        """
        new = {p.name: p for p in parameters}
        refuse_unknown(new, self.defaults)
        return replace(
            self, parameters=tuple(new.get(p.name, p) for p in self.parameters), **changes
        )

    def resolve(self, parameters: Values | None = None) -> dict[str, NDArray[np.float64]]:
        """Typical values, the given ones in their place, covariates applied.

        Parameters
        ----------
        parameters : mapping of str to array or str, optional
            Values in internal units (mg, h, L), or text with a unit; arrays of any shapes that broadcast.

        Raises
        ------
        ParameterError
            An unknown name, or text that does not fit the parameter's dimension.
        """
        given = dict(parameters or {})
        refuse_unknown(given, self.defaults)
        values: dict[str, NDArray[np.float64]] = {}
        for p in self.parameters:
            value = given.get(p.name, p.value)
            if isinstance(value, str):
                value = units.convert(value, p.dimension, name=p.name)
            values[p.name] = np.asarray(value, dtype=float)
        with np.errstate(all="ignore"):
            for name, function in self.covariates.items():
                values[name] = np.asarray(function(values), dtype=float)
        return values

    def rate_matrix(self, parameters: Values | None = None) -> NDArray[np.float64]:
        """Rate matrix of the states.

        Parameters
        ----------
        parameters : mapping of str to array or str, optional
            As for :meth:`resolve`; shapes broadcast to the leading dimensions.

        Returns
        -------
        array of shape (..., n, n)
            ``K[..., i, j]`` [1/h] is the flow from state j to state i.
        """
        return self.rate_matrix_of(self.resolve(parameters))

    def rate_matrix_of(self, values: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Rate matrix from resolved values: the second half of :meth:`rate_matrix`."""
        index = {name: i for i, name in enumerate(self.states)}
        with np.errstate(all="ignore"):
            entries = [e for term in self.flow_terms for e in self._entries(*term, values)]
        shape = np.broadcast_shapes(*(np.shape(value) for _, _, value in entries))
        n = len(index)
        K = np.zeros((*shape, n, n))
        if self.matrix is not None:
            K[..., :, :] = self.matrix
        for row, column, value in entries:
            K[..., index[row], index[column]] += value
        program = self._linear_equations if self.equations else None
        if program is None:
            return K
        columns = [values[name] for name in program.parameters]
        p = np.stack(np.broadcast_arrays(*columns), axis=-1) if columns else np.empty(0)
        return K + program.evaluate_jacobian(np.zeros(n), p=p)

    def _entries(
        self,
        source: str,
        target: str | None,
        law: str,
        parameters: tuple[Any, ...],
        values: Mapping[str, NDArray[np.float64]],
    ) -> list[tuple[str, str, NDArray[np.float64]]]:
        """What one flow adds to the rate matrix, as (row, column, value)."""
        rate = self._rate(source, law, parameters, values)
        if law == "effect" and target is not None:
            own, other = (value_of(self.volumes[box], values) for box in (target, source))
            return [(target, target, -rate), (target, source, rate * own / other)]
        gain = [] if target is None else [(target, source, rate)]
        return [(source, source, -rate), *gain]

    @cached_property
    def flow_terms(self) -> tuple[tuple[str, str | None, str, tuple[Any, ...]], ...]:
        """Source, target, law and factors of every flow, those of the transit chains included."""
        flows: list[tuple[str, str | None, str, tuple[Any, ...]]] = [
            (f.source, f.target, f.law, f.parameters) for f in self.flows
        ]
        for i in self.inputs:
            ends = (*i.chain[1:], i.compartment)
            flows += [
                (a, b, "transit", (i.transit, i.transit_time))
                for a, b in zip(i.chain, ends, strict=False)
            ]
        return tuple(flows)

    def _rate(
        self,
        source: str,
        law: str,
        parameters: tuple[Any, ...],
        values: Mapping[str, NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        """First-order rate constant [1/h] of one flow."""
        factors = [value_of(p, values) for p in parameters]
        divisors = []
        if law in ("partition", "transit"):
            divisors.append(factors.pop())
        if law in ("clearance", "partition"):
            divisors.append(value_of(self.volumes[source], values))
        rate = factors[0]
        for f in factors[1:]:
            rate = rate * f
        for d in divisors:
            rate = rate / d
        return rate

    def output_terms(
        self, values: Mapping[str, NDArray[np.float64]], quantity: str = "concentration"
    ) -> list[list[tuple[int, NDArray[np.float64]]]]:
        """(state, weight) pairs whose weighted amounts [mg] add to each of `sites`, or of `amounts`."""
        index = {name: i for i, name in enumerate(self.states)}
        rows = [[(i, np.ones(()))] for i in index.values()] if quantity == "amount" else []
        for output in (o for o in self.outputs if o.quantity == quantity):
            row = []
            for name, weight in output.weights.items():
                w = value_of(weight, values)
                if quantity == "concentration":
                    with np.errstate(all="ignore"):
                        w = w / value_of(self.volumes[name], values)
                row.append((index[name], w))
            rows.append(row)
        return rows

    def inputs_of(self, route: str) -> tuple[Input, ...]:
        """Inputs of a route, a compartment's name, or a compartment's 1-based number.

        Raises
        ------
        ModelError
            The model has no such input; the message lists those it has.
        """
        found = tuple(i for i in self.inputs if i.route == route)
        if found:
            return found
        names = [c.name for c in self.compartments]
        if route in names:
            return (Input(route, route),)
        if route.isdecimal() and 0 < int(route) <= len(names):
            return self.inputs_of(names[int(route) - 1])
        routes = list(dict.fromkeys(i.route for i in self.inputs))
        raise ModelError(
            f'the model {self.name} has no input "{route}"{did_you_mean(route, [*routes, *names])}; '
            f"its routes: {', '.join(routes) or 'none'}; its compartments: {first_of(names)}"
        )

    def __repr__(self) -> str:
        return draw(self)


def _floats(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """A copy as real numbers."""
    try:
        array = np.array(values)
        if array.dtype.kind not in "iufO":
            raise TypeError
        return array.astype(float)
    except (TypeError, ValueError):
        text = " ".join(repr(values).split())
        shown = text if len(text) <= 60 else f"{text[:57]}..."
        raise ModelError(
            f"{name} is {shown}; expected real numbers, all rows equally long"
        ) from None


def _refuse_impossible_flows(matrix: NDArray[np.float64]) -> None:
    negative = np.argwhere((matrix < 0) & ~np.eye(len(matrix), dtype=bool))
    if len(negative):
        raise ModelError(
            *(f"A[{i}][{j}] is {matrix[i, j]:g}; expected 0 or above" for i, j in negative[:4]),
            remedy=_TRANSPOSE,
        )
    slack = 1e-12 * np.abs(matrix).max()
    gains = np.flatnonzero(matrix.sum(axis=0) > slack)
    if len(gains) and (matrix.sum(axis=1) <= slack).all():
        raise ModelError(
            *(f"column {j} sums to {matrix[:, j].sum():g}: it gains drug" for j in gains[:4]),
            "every row sums to 0 or less",
            remedy=_TRANSPOSE,
        )


def _column(name: str, values: ArrayLike | None, n: int) -> list[Any]:
    if values is None:
        return [None] * n
    column = _floats(name, values)
    if column.shape not in ((), (n,)):
        raise ModelError(
            f"{name} has shape {column.shape}; expected one value per compartment, shape ({n},)"
        )
    return [float(v) for v in np.broadcast_to(column, (n,))]
