"""Broadcast parameters of any dimensions to cases."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel import units
from pkmodel.errors import ParameterError, UnitError
from pkmodel.model import Parameter
from pkmodel.model.parts import above_one
from pkmodel.responses.naming import refuse_unknown
from pkmodel.variables import DIMENSIONS, attributes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.model import Model

    Floats = NDArray[np.float64]


class Labelled(NamedTuple):
    """One variable of a Dataset: what a DataArray has of it that is needed here, without the time to make one."""

    values: NDArray[Any]
    dims: tuple[str, ...]
    attrs: Mapping[str, Any]
    coords: Mapping[str, Any]


class Columns(NamedTuple):
    """Parameters that an event table brings: labels of its subjects, and values by name.

    Values are given as :func:`variable` gives them; those that change lie along ``time``, numbered from 0.
    """

    labels: Mapping[str, NDArray[Any]]
    values: Mapping[str, tuple[tuple[str, ...], Floats, Mapping[str, Any]]]


NO_COLUMNS = Columns({}, {})


@dataclass(frozen=True)
class Cases:
    """The parameters, broadcast: every value of shape (case or 1, segment or 1).

    Parameters
    ----------
    sizes : mapping of str to int
        The dimensions whose product are the cases, in the order of results.
    coords : mapping
        Their coordinates, and the parameters that vary, as variables for a Dataset.
    values : mapping of str to array
        Resolved parameters.
    factors : mapping of str to array
        Dose factors by route.
    breaks : array, shape (segment - 1,)
        Times at which parameters change.
    invalid : bool array, shape (case,)
        Cases with a parameter that is negative or not finite, with a fraction above 1, or 0 where it divides.
    fixed : mapping of str to float
        Given parameters without dimension.
    """

    sizes: dict[str, int]
    coords: dict[str, Any]
    values: dict[str, Floats]
    factors: dict[str, Floats]
    breaks: Floats
    invalid: NDArray[np.bool_]
    fixed: dict[str, float]

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the dimensions."""
        return tuple(self.sizes.values())

    @property
    def count(self) -> int:
        """Number of cases."""
        return math.prod(self.shape)

    @classmethod
    def of(
        cls,
        model: Model,
        parameters: Any,
        factors: Mapping[str, Any],
        columns: Columns = NO_COLUMNS,
    ) -> Cases:
        """Broadcast given parameters, dose factors, and columns of an event table against each other."""
        named = _variables_of(parameters)
        refuse_unknown(named, model.defaults)
        given = {n: variable(n, v, model.defaults[n]) for n, v in named.items()}
        scale = {r: variable(r, v, Parameter(r, 1.0)) for r, v in factors.items()}
        known = {**columns.values, **given}
        both = {**known, **{f"dose factor {r}": v for r, v in scale.items()}}
        sizes, coords = _dimensions(both, columns.labels)
        breaks, both = _segments(both)
        arrays = {n: _flat(dims, values, sizes) for n, (dims, values, _) in both.items()}
        flat = {n: arrays[n] for n in known}
        faults = [
            f"{n} is {float(v[0, 0])}; expected a finite number, 0 or above"
            for n, v in arrays.items()
            if v.size == 1 and not 0 <= v[0, 0] < np.inf
        ]
        highest = {n: _highest(model.defaults.get(n)) for n in arrays}
        faults += [
            above_one(n, float(v[0, 0]))
            for n, v in arrays.items()
            if v.size == 1 and highest[n] < v[0, 0] < np.inf
        ]
        if faults:
            raise ParameterError(*faults)
        values = {n: np.atleast_2d(v) for n, v in model.resolve(flat).items()}
        count = math.prod(sizes.values())
        invalid = np.zeros(count, bool)
        for n, v in arrays.items():
            if v.size > 1 and not (v.min() >= 0 and v.max() <= highest[n]):
                invalid |= ~((v >= 0) & (v <= highest[n])).all(axis=1)
        faults = []
        for n in model.divisors & values.keys():
            zero = values[n] == 0
            if zero.all():
                faults.append(f"{n} is 0; expected a number above 0")
            invalid |= np.broadcast_to(zero.any(axis=1), count)
        if faults:
            raise ParameterError(*faults)
        coords |= _kept(model, {n: both[n] for n in given}, breaks)
        fixed = {n: float(v) for n, (d, v, _) in given.items() if not d}
        scales = {r: arrays[f"dose factor {r}"] for r in scale}
        return cls(sizes, coords, values, scales, breaks[1:], invalid, fixed)


def _highest(parameter: Parameter | None) -> float:
    """Largest value that a parameter (None: a dose factor) may have."""
    bounded = parameter is not None and parameter.dimension == "fraction"
    return 1.0 if bounded else sys.float_info.max


def _kept(model: Model, variables: Mapping[str, tuple], breaks: Floats) -> dict[str, Any]:
    """Parameters that vary, as coordinates; those that change with time lie along ``segment``."""
    kept: dict[str, Any] = {}
    for name, (dims, values, _) in variables.items():
        own = tuple("segment" if d == "time" else d for d in dims)
        if "segment" in own:
            kept["segment"] = ("segment", breaks, attributes("segment"))
        if own and name not in own:
            kept[name] = (own, values, {"units": model.defaults[name].unit})
    return kept


def given_by_name(parameters: Any) -> dict[str, Any]:
    """Given parameters: of a mapping or None, or the data variables of a Dataset."""
    given = getattr(parameters, "data_vars", parameters)
    if given is None:
        return {}
    if hasattr(given, "to_xarray"):
        raise ParameterError(
            f"parameters is a {type(given).__name__}; expected a mapping or an xarray.Dataset",
            remedy='Write parameters=table.rename_axis("subject").to_xarray().',
        )
    if not isinstance(given, Mapping):
        raise ParameterError(
            f"parameters is a {type(given).__name__}; expected a mapping or an xarray.Dataset",
            remedy='Write for example parameters={"clearance": "5 L/h"}.',
        )
    return {str(name): value for name, value in given.items()}


def _variables_of(parameters: Any) -> dict[str, Any]:
    """As `given_by_name`, but of a Dataset what it is made of."""
    if not hasattr(parameters, "data_vars"):
        return given_by_name(parameters)
    held, coords = parameters.variables, set(parameters.coords)
    return {
        str(name): Labelled(v.values, v.dims, v.attrs, {d: held[d] for d in v.dims if d in coords})
        for name, v in held.items()
        if name not in coords
    }


def variable(
    name: str, value: Any, parameter: Parameter
) -> tuple[tuple[str, ...], Floats, Mapping[str, Any]]:
    """Dimensions, values in internal units and coordinates of one parameter."""
    if hasattr(value, "coords"):
        factor = _factor(name, value.attrs.get("units"), parameter)
        values = _floats(name, value.values, parameter)
        dims = tuple(str(d) for d in value.dims)
        if "time" in dims:
            _require_moments(name, value.coords)
        return dims, values if factor == 1.0 else values * factor, value.coords
    values = _floats(name, value, parameter)
    if not values.size:
        raise ParameterError(
            f"{name} has no values; expected at least one",
            remedy=f'Write for example {{"{name}": [{parameter.value:g}]}}, or leave it out.',
        )
    if values.ndim > 1:
        raise ParameterError(
            f"{name} has shape {values.shape} and no names for its dimensions",
            remedy=f'Name them: xarray.DataArray({name}, dims=("subject", ...)).',
        )
    return ((name,) if values.ndim else ()), values, {}


def _floats(name: str, value: Any, parameter: Parameter) -> Floats:
    """Numbers; text and quantities by their unit."""
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return value

    def plain(item: Any) -> Any:
        if isinstance(item, list | tuple):
            return [plain(i) for i in item]
        if isinstance(item, str) or hasattr(item, "dimensionality"):
            return units.convert(item, parameter.dimension, name=name)
        return item

    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if isinstance(value, np.ndarray) and value.dtype.kind in "UTO":
        value = value.tolist()
    try:
        numbers = np.asarray(plain(value))
        if numbers.dtype.kind not in "biufO":
            raise TypeError
        return numbers.astype(float, copy=False)
    except UnitError:
        raise
    except (TypeError, ValueError):
        raise ParameterError(
            f"{name} is {brief(value)}; expected numbers, or text with a unit",
            remedy=f'Write for example {{"{name}": {parameter.value:g}}} [{parameter.unit}].',
        ) from None


def brief(value: Any) -> str:
    """A value on one line, for errors."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _require_moments(name: str, coords: Mapping[str, Any]) -> None:
    """The times at which a parameter changes: known, finite and rising."""
    moments = np.asarray(coords["time"]) if "time" in coords else None
    if moments is None:
        fault = 'has the dimension "time" without coordinate'
    elif moments.dtype.kind not in "iuf" or not np.isfinite(moments).all():
        fault = "has times that are no finite numbers of hours"
    elif not (np.diff(moments) > 0).all():
        fault = "has times that do not rise"
    else:
        return
    raise ParameterError(
        f"{name} {fault}; expected the hour from which each value holds, in rising order",
        remedy=f'Write xarray.DataArray({name}, dims="time", coords={{"time": [0.0, 6.0, ...]}}).',
    )


def _factor(name: str, unit: str | None, parameter: Parameter) -> float:
    if unit in (None, parameter.unit):
        return 1.0
    try:
        return units.factor(unit, parameter.dimension)
    except UnitError as error:
        raise UnitError(*error.faults, given=f"{name}.attrs", remedy=error.remedy) from None


def _dimensions(
    variables: Mapping[str, tuple], labels: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, int], dict[str, Any]]:
    """Sizes in the order of results, and the coordinates; sizes and labels must agree."""
    sizes: dict[str, int] = {dim: len(values) for dim, values in labels.items()}
    coords: dict[str, Any] = {dim: (dim, v, attributes(dim)) for dim, v in labels.items()}
    for name, (dims, values, own) in variables.items():
        for dim, size in zip(dims, values.shape, strict=True):
            if dim == "time":
                continue
            label = np.asarray(own[dim]) if dim in own else values if dims == (name,) else None
            if sizes.setdefault(dim, size) != size or (
                label is not None and dim in coords and not np.array_equal(coords[dim][1], label)
            ):
                raise ParameterError(
                    f'{name} has other labels along "{dim}" than the parameters before it',
                    remedy="Align them first: xarray.align(..., join='inner').",
                )
            if label is not None:
                known = attributes(dim) if dim in DIMENSIONS else {}
                coords[dim] = (dim, label, known)
    forbidden = [d for d in sizes if d in ("site", "compartment")]
    if forbidden:
        raise ParameterError(f'a parameter cannot have the dimension "{forbidden[0]}"')
    order = [d for d in DIMENSIONS if d in sizes] + [d for d in sizes if d not in DIMENSIONS]
    return {d: sizes[d] for d in order}, coords


def _segments(variables: Mapping[str, tuple]) -> tuple[Floats, dict[str, tuple]]:
    """Breaks in time of all parameters together, and every one spread over the common segments."""
    moments = [
        np.asarray(own["time"], float) for dims, _, own in variables.values() if "time" in dims
    ]
    if not moments:
        return np.zeros(1), dict(variables)
    breaks = np.unique(np.concatenate(moments))
    spread = {}
    for name, (dims, values, own) in variables.items():
        if "time" in dims:
            pieces = np.asarray(own["time"], float)
            place = np.maximum(np.searchsorted(pieces, breaks, side="right") - 1, 0)
            values = np.take(values, place, axis=dims.index("time"))
        spread[name] = (dims, values, own)
    return breaks, spread


def _flat(dims: tuple[str, ...], values: Floats, sizes: Mapping[str, int]) -> Floats:
    """Values as (case or 1, segment or 1)."""
    if dims == tuple(sizes):
        return values.reshape(-1, 1)
    segments = values.shape[dims.index("time")] if "time" in dims else 1
    own = [d for d in dims if d != "time"]
    if not own:
        return values.reshape(1, segments)
    if "time" not in dims:
        values, dims = values[..., None], (*dims, "time")
    values = values.transpose([dims.index(d) for d in (*(d for d in sizes if d in own), "time")])
    values = values.reshape([sizes[d] if d in own else 1 for d in sizes] + [segments])
    return np.broadcast_to(values, (*sizes.values(), segments)).reshape(-1, segments)
