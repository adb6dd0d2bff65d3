"""What the models of the library are put together from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pkmodel import units
from pkmodel.errors import ModelError
from pkmodel.model import Compartment, Flow, Input, Output, Parameter

Value = str | float | Parameter
Covariate = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Part:
    """Rows of a model's table that belong together."""

    compartments: list[Compartment] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    covariates: dict[str, Covariate] = field(default_factory=dict)


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


def remainder(fractions: Collection[str], p: Mapping[str, Any]) -> Any:
    """What some fractions leave of 1; not a number where they exceed it, so that the case is refused."""
    rest = 1 - sum(p[name] for name in fractions)
    return np.where(rest < 0, np.nan, rest)
