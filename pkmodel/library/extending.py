"""How a model of the library is extended: names, sites that drive, rows that join, and rows that go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pkmodel.errors import ModelError, did_you_mean
from pkmodel.library.names import NONLINEAR
from pkmodel.library.parts import Value, parameter
from pkmodel.model import Flow, Model
from pkmodel.model.equations import Expression
from pkmodel.model.systems import concentration

__all__ = ["driver", "extended", "prefix_of", "shares_of", "without"]


def extended(
    model: Model,
    what: str,
    values: Mapping[str, Value | None],
    prefix: str = "",
    *,
    fractions: Iterable[str] = (),
    remedy: str = 'Give what is added a name of its own: name="second".',
    **rows: Any,
) -> Model:
    """The model with more in it: parameters that have a value, and rows that join those it has.

    Parameters named in `fractions` lie between 0 and 1, whatever their dimension in the table of names.
    """
    given = {n: v for n, v in values.items() if v is not None}
    boxes = [c.name for c in rows.get("compartments", ())]
    added = [
        *(prefix + n for n in given),
        *boxes,
        *rows.get("equations", ()),
        *rows.get("definitions", ()),
    ]
    taken = {
        *model.defaults,
        *model.covariates,
        *model.states,
        *model.variables,
        *model.definitions,
    }
    faults = [f'the model {model.name} has "{n}" already' for n in added if n in taken]
    if faults:
        raise ModelError(*faults, remedy=remedy)
    rows["parameters"] = [
        parameter(prefix + n, v, "fraction" if n in fractions else NONLINEAR[n][0], NONLINEAR[n][1])
        for n, v in given.items()
    ]
    joined: dict[str, Any] = {k: _joined(getattr(model, k), row) for k, row in rows.items()}
    if model.matrix is not None:
        joined["matrix"] = np.pad(model.matrix, (0, len(boxes)))
    return replace(model, name=f"{model.name} + {what}", **joined)


def _joined(own: Any, more: Any) -> Any:
    return {**own, **more} if isinstance(own, Mapping) else (*own, *more)


def prefix_of(name: str, default: str) -> str:
    """What stands before the names of parameters: a name of one's own."""
    return "" if name == default else f"{name}_"


def driver(model: Model, site: str) -> str:
    """Concentration at a site, or a definition, as an expression."""
    if site in model.definitions:
        return site
    if site not in model.sites:
        raise _unknown_site(model, site, [*model.sites, *model.definitions])
    return concentration(model, site)


def shares_of(model: Model, site: str) -> Mapping[str, float]:
    """Compartments of a site whose concentration is theirs, or their mean."""
    if site not in (*model.sites, *model.definitions):
        raise _unknown_site(model, site, model.sites)
    weights = next((o.weights for o in model.outputs if o.site == site), {})
    plain = [w for w in weights.values() if not isinstance(w, str)]
    if len(plain) < len(weights) or not np.isclose(sum(plain), 1.0, rtol=1e-9):
        raise ModelError(
            f'"{site}" is no mean of concentrations in compartments, which alone can be followed exactly',
            remedy=f'Write an equation: equations={{"effect_site": "ke0*({site} - effect_site)"}}.',
        )
    return {box: float(w) for box, w in weights.items() if not isinstance(w, str)}


def _unknown_site(model: Model, site: str, known: Iterable[str]) -> ModelError:
    return ModelError(
        f'the model {model.name} has no site "{site}"{did_you_mean(site, known)}',
        remedy=f"It has {', '.join(known)}.",
    )


def without(model: Model, flows: Iterable[Flow]) -> Model:
    """The model without some flows, and without the parameters that only they name.

    Covariates are functions, and what they use is not known: a model that has some keeps its parameters.
    """
    gone = list(flows)
    kept = tuple(f for f in model.flows if f not in gone)
    idle = {p for f in gone for p in f.parameters} - _used(model, kept)
    if model.covariates:
        idle = set()
    return replace(
        model,
        flows=kept,
        parameters=tuple(p for p in model.parameters if p.name not in idle),
        correlations=tuple(c for c in model.correlations if idle.isdisjoint(c[:2])),
        positive=tuple(n for n in model.positive if n not in idle),
    )


def _used(model: Model, flows: Iterable[Flow]) -> set[Any]:
    """Everything that the table names beside its flows, and in these flows."""
    entry = ("bioavailability", "lag", "duration", "rate", "transit_time")
    texts = [*model.equations.values(), *model.definitions.values(), *model.initial.values()]
    return {
        *model.volumes.values(),
        *(p for f in flows for p in f.parameters),
        *(getattr(i, n) for i in model.inputs for n in entry),
        *(w for o in model.outputs for w in o.weights.values()),
        *(n for text in texts for n in Expression.parse(str(text)).names),
    }
