"""Designs: which points of which parameters a sweep visits."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel import units
from pkmodel.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Design", "from_table", "grid", "latin_hypercube", "sobol"]

RUN = "run"
LABELS = ("oral", "tip", "variant")
"""What a design varies by its name: the oral order, the level of the catheter's tip, the variant of the drug."""
_LOG = "log"


@dataclass(frozen=True, eq=False)
class Design:
    """Points of a sweep: a grid with a dimension per parameter, or a list of runs.

    Parameters
    ----------
    columns : dict of str to array
        Per parameter the values of its own dimension (a grid), or those of every run; numbers in internal units.
    scattered : bool
        The columns are runs.
    dimensions : dict of str to str
        Of parameters that were given as text: the dimension of its unit, a key of ``pkmodel.units.DIMENSIONS``.
    """

    columns: dict[str, NDArray[Any]]
    scattered: bool = False
    dimensions: dict[str, str] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        """Dimensions of the results, and their lengths."""
        if self.scattered:
            return {RUN: len(next(iter(self.columns.values())))}
        return {name: len(values) for name, values in self.columns.items()}

    @property
    def count(self) -> int:
        """Number of points."""
        return math.prod(self.sizes.values())

    @property
    def digest(self) -> str:
        """Of the names, values and order of the points."""
        found = hashlib.sha256(str((self.scattered, list(self.columns))).encode())
        for name, values in self.columns.items():
            text = "\0".join(values.tolist()).encode() if name in LABELS else values.tobytes()
            found.update(text)
        return found.hexdigest()

    def without(self, lost: Callable[[str], bool]) -> Design:
        """The design without some parameters.

        Examples
        --------
        >>> grid(ratio=[30, 100], tip=["T10"]).without(lambda name: name in LABELS).sizes
        {'ratio': 2}
        """
        columns = {name: values for name, values in self.columns.items() if not lost(name)}
        dimensions = {name: d for name, d in self.dimensions.items() if not lost(name)}
        return Design(columns, self.scattered, dimensions)

    def points(self, box: Sequence[slice]) -> dict[str, NDArray[Any]]:
        """Every parameter at the points of a box, in C order.

        Parameters
        ----------
        box : sequence of slice
            One along every dimension.

        Returns
        -------
        dict of str to array, shape (point,)

        Examples
        --------
        >>> design = grid(ratio=[30, 100], csf_pulsation=[0.5, 1, 2])
        >>> design.points([slice(1, 2), slice(0, 2)])
        {'ratio': array([100., 100.]), 'csf_pulsation': array([0.5, 1. ])}
        """
        if self.scattered:
            return {name: values[box[0]] for name, values in self.columns.items()}
        parts = [values[cut] for values, cut in zip(self.columns.values(), box, strict=True)]
        mesh = np.meshgrid(*parts, indexing="ij")
        return {name: part.ravel() for name, part in zip(self.columns, mesh, strict=True)}


def grid(**values: Iterable[float] | Iterable[str]) -> Design:
    """All combinations of some values, each parameter a dimension.

    Parameters
    ----------
    **values : iterable of float or str
        By the name of a parameter of the model: text with a unit, or numbers in internal units (mg, h, L). Besides,
        ``ratio`` for the dose-equivalence ratio, ``segments`` for the number of segments of the spine, and by
        their names ``tip`` (levels of the catheter's tip), ``oral`` (oral orders) and ``variant`` (of the drug).

    Returns
    -------
    Design

    Raises
    ------
    InputError
        No values, values twice, or values that are not numbers, text with a unit, or labels.

    Examples
    --------
    >>> grid(ratio=[30, 100, 300], tip=["L3-L4", "T10"]).sizes
    {'ratio': 3, 'tip': 2}
    >>> grid(csf_loss_rate=["0.2 /h", "0.01 /min"]).columns["csf_loss_rate"]
    array([0.2, 0.6])
    """
    design = _design(values, scattered=False)
    twice = [n for n, v in design.columns.items() if len(set(v.tolist())) < len(v)]
    if twice:
        raise InputError(*(f"{n}: a value stands twice" for n in twice), remedy="Leave one out.")
    return design


def latin_hypercube(runs: int, *, seed: int, **bounds: Sequence[float | str]) -> Design:
    """Runs that fill a box evenly in every parameter.

    Parameters
    ----------
    runs : int
        How many.
    seed : int
        Of the draw.
    **bounds : (low, high) or (low, high, "log")
        By the name of a parameter or ``ratio``, each as for :func:`grid`; "log" spreads them evenly on logarithms.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        Bounds that are none, or a number of runs or a seed that is none.

    Examples
    --------
    >>> latin_hypercube(100, seed=1, ratio=(10, 300, "log"), csf_pulsation=(0.5, 2)).sizes
    {'run': 100}
    """
    from scipy.stats import qmc

    count = _whole("runs", runs, 1)
    root = _whole("seed", seed, 0)
    return _spread(qmc.LatinHypercube(max(1, len(bounds)), rng=root).random(count), bounds)


def sobol(runs: int, *, seed: int, **bounds: Sequence[float | str]) -> Design:
    """Runs of a scrambled Sobol' sequence; as :func:`latin_hypercube`, for a power of two of runs.

    Parameters
    ----------
    runs : int
        A power of 2, with which alone the sequence is balanced.
    seed : int
        Of the scrambling.
    **bounds : (low, high) or (low, high, "log")
        As for :func:`latin_hypercube`.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        The number of runs is no power of 2, or as for :func:`latin_hypercube`.

    Examples
    --------
    >>> sobol(8, seed=1, ratio=(10, 300, "log")).sizes
    {'run': 8}
    """
    from scipy.stats import qmc

    count = _whole("runs", runs, 1)
    root = _whole("seed", seed, 0)
    power = count.bit_length() - 1
    if 1 << power != count:
        raise InputError(
            f"a Sobol' sequence of {count} runs is not balanced; expected a power of 2",
            remedy=f"Write sobol({1 << power}, ...) or sobol({2 << power}, ...).",
        )
    return _spread(qmc.Sobol(max(1, len(bounds)), rng=root).random_base2(power), bounds)


def from_table(table: Mapping[str, Any] | pd.DataFrame) -> Design:
    """Runs of one's own: a column per parameter.

    Parameters
    ----------
    table : mapping or DataFrame
        Columns by the name of a parameter, each as for :func:`grid`.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        Columns of unequal length, or as for :func:`grid`.

    Examples
    --------
    >>> from_table({"ratio": [100, 300], "csf_loss_rate": [0.1, 0.4]}).sizes
    {'run': 2}
    """
    if not (isinstance(table, Mapping) or hasattr(table, "columns")):
        raise InputError(
            f"expected a table with columns by name, not {type(table).__name__}",
            remedy='Write from_table({"ratio": [100, 300], "csf_loss_rate": [0.1, 0.4]}).',
        )
    return _design({str(name): table[name] for name in table}, scattered=True)


def _design(given: Mapping[str, Any], scattered: bool) -> Design:
    """A design of columns as they were given, with all their faults at once."""
    columns: dict[str, NDArray[Any]] = {}
    dimensions: dict[str, str] = {}
    faults = []
    for name, values in given.items():
        try:
            columns[name], dimension = _column(name, values)
        except InputError as error:
            faults += [f"{name}: {fault}" for fault in error.clauses]
            continue
        if dimension:
            dimensions[name] = dimension
    lengths = {name: len(v) for name, v in columns.items()}
    if scattered and len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        faults.append(f"the columns of a table are equally long; {told}")
    if not given:
        faults.append("a design needs at least one parameter")
    if faults:
        raise InputError(
            *faults, remedy='Write grid(ratio=[30, 300], csf_loss_rate=["0.2 /h", "0.4 /h"]).'
        )
    return Design(columns, scattered, dimensions)


def _column(name: str, given: Any) -> tuple[NDArray[Any], str]:
    """Values as labels or numbers; and the dimension of text with units."""
    single = isinstance(given, np.ndarray) and given.ndim == 0
    if single or isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(f"expected several values, not {given!r}")
    values = list(given)
    if not values:
        raise InputError("no values")
    if name in LABELS:
        if not all(isinstance(v, str) for v in values):
            raise InputError(f"expected text, not {next(v for v in values if not isinstance(v, str))!r}")  # fmt: skip
        return np.array(values), ""
    read = [_number(v) for v in values]
    dimensions = sorted({dimension for _, dimension in read if dimension})
    if len(dimensions) > 1:
        raise InputError(f"the values have different units: {' and '.join(dimensions)}")
    return np.array([number for number, _ in read]), "".join(dimensions)


def _number(value: Any) -> tuple[float, str]:
    """A finite number in internal units, and its dimension if it is text with a unit."""
    dimension = ""
    if isinstance(value, str):
        dimension = units.dimension_of(units.split(value)[1])
        value = units.convert(value, "ratio" if dimension == "fraction" else dimension)
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise InputError(f"expected a number or text with a unit, not {value!r}")
    if not math.isfinite(value):
        raise InputError(f"{value} is no finite number")
    return float(value), dimension


def _spread(unit: NDArray[np.float64], bounds: Mapping[str, Sequence[Any]]) -> Design:
    """The unit cube stretched to bounds."""
    ends: dict[str, Any] = {}
    logs, faults = set(), []
    for name, span in bounds.items():
        try:
            ends[name], log = _ends(name, span)
        except InputError as error:
            faults += [f"{name}: {fault}" for fault in error.clauses]
            continue
        if log:
            logs.add(name)
    if faults:
        raise InputError(*faults, remedy='Write ratio=(10, 300) or ratio=(10, 300, "log").')
    design = _design(ends, scattered=True)
    columns = {}
    for u, (name, (low, high)) in zip(unit.T, design.columns.items(), strict=True):
        columns[name] = low * (high / low) ** u if name in logs else low + (high - low) * u
    return Design(columns, True, design.dimensions)


def _ends(name: str, span: Any) -> tuple[tuple[Any, Any], bool]:
    """Lower and upper bound, and whether logarithms are even."""
    listed = list(span) if isinstance(span, list | tuple) else []
    if name in LABELS or len(listed) not in (2, 3) or listed[2:] not in ([], [_LOG]):
        raise InputError(f'expected (low, high) or (low, high, "log"), not {span!r}')
    (low, below), (high, above) = map(_number, listed[:2])
    if below and above and below != above:
        raise InputError(f"the bounds have different units: {below} and {above}")
    if low >= high:
        raise InputError(f"expected the lower bound first, not {span!r}")
    if listed[2:] and low <= 0:
        raise InputError(f"logarithms need bounds above 0, not {listed[0]!r}")
    return (listed[0], listed[1]), bool(listed[2:])


def _whole(name: str, given: Any, least: int) -> int:
    if isinstance(given, int | np.integer) and not isinstance(given, bool) and given >= least:
        return int(given)
    raise InputError(
        f"{name} is {given!r}; expected a whole number, {least} or above",
        remedy="Write for example sobol(1024, seed=1, ratio=(10, 300)).",
    )
