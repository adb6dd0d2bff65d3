"""What the models of the library are put together from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pkmodel import units
from pkmodel.errors import ModelError
from pkmodel.model import Compartment, Flow, Input, Output, Parameter

Value = str | float | Parameter
Covariate = Callable[[Mapping[str, Any]], Any]


class Part(NamedTuple):
    """Rows of a model's table that belong together."""

    compartments: list[Compartment]
    flows: list[Flow]
    inputs: list[Input]
    outputs: list[Output]
    covariates: dict[str, Covariate]


def together(*parts: Part) -> Part:
    """The rows of several parts, in their order."""
    return Part(
        [row for part in parts for row in part.compartments],
        [row for part in parts for row in part.flows],
        [row for part in parts for row in part.inputs],
        [row for part in parts for row in part.outputs],
        {name: function for part in parts for name, function in part.covariates.items()},
    )


def parameter(name: str, value: Value, dimension: str, description: str = "") -> Parameter:
    """A Parameter from text, a number, or a Parameter of any name."""
    if not isinstance(value, Parameter):
        return Parameter(name, value, dimension, description=description)  # type: ignore[arg-type]
    if units.DIMENSIONS[dimension] != value.unit:
        raise ModelError(f"{name} is a {dimension}, not a {value.dimension}")
    return Parameter(
        name, value.value, dimension, value.cv, value.distribution, value.description or description
    )


def two_way(a: str, b: str, clearance: str) -> list[Flow]:
    """Exchange that comes to rest at equal concentrations."""
    return [Flow(a, b, "clearance", (clearance,)), Flow(b, a, "clearance", (clearance,))]


def barrier(blood: str, tissue: str, rate: str, volume: str, ratio: str) -> list[Flow]:
    """Exchange of half-life ln 2 / rate that comes to rest at `ratio` times the concentration in blood."""
    return [
        Flow(blood, tissue, "clearance", (rate, volume, ratio)),
        Flow(tissue, blood, "rate", (rate,)),
    ]
