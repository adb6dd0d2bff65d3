"""Everything that can be wrong with a model's table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pkmodel.errors import did_you_mean
from pkmodel.model.parts import LAWS

if TYPE_CHECKING:
    from pkmodel.model.linear import Model


def faults_of(model: Model) -> list[str]:
    """Everything that is wrong with a model's table."""
    boxes = list(model.states)
    known = [*model.defaults, *model.covariates]
    faults = [
        f'{what} "{n}" stands twice'
        for what, names in (
            ("compartment", boxes),
            ("parameter", [p.name for p in model.parameters]),
            ("site", [o.site for o in model.outputs]),
        )
        for n in dict.fromkeys(n for n in names if list(names).count(n) > 1)
    ]
    if not boxes:
        faults.append("a model needs at least one compartment")

    def check(where: str, items: Iterable[Any]) -> None:
        faults.extend(
            f'{where}: unknown parameter "{i}"{did_you_mean(i, known)}'
            for i in items
            if isinstance(i, str) and i not in known
        )

    def box(where: str, name: str | None, volume: bool = False) -> None:
        if name is not None and name not in boxes:
            faults.append(f'{where}: unknown compartment "{name}"{did_you_mean(name, boxes)}')
        elif volume and name not in model.volumes:
            faults.append(
                f'{where}: compartment "{name}" needs a volume: Compartment("{name}", "volume")'
            )

    for c in model.compartments:
        check(f"volume of {c.name}", [c.volume])
    for f in model.flows:
        where = f"flow {f.source} to {f.target or '(out)'}"
        if f.law not in LAWS:
            faults.append(f'{where}: unknown law "{f.law}" ({", ".join(LAWS)})')
        if len(f.parameters) < (2 if f.law == "partition" else 1):
            faults.append(
                f"{where}: the law {f.law} needs {2 if f.law == 'partition' else 1} parameter(s)"
            )
        check(where, f.parameters)
        box(where, f.source, volume=f.law != "rate")
        box(where, f.target)
    for i in model.inputs:
        where = f"input {i.route}"
        box(where, i.compartment)
        check(where, [i.bioavailability, i.lag, i.duration, i.rate, i.transit_time])
        if i.transit and i.transit_time is None:
            faults.append(
                f'{where}: a chain of {i.transit} transit compartments needs transit_time="mean_transit_time"'
            )
    for o in model.outputs:
        if o.quantity not in ("concentration", "amount"):
            faults.append(f'site {o.site}: unknown quantity "{o.quantity}" (concentration, amount)')
        check(f"site {o.site}", o.weights.values())
        for name in o.weights:
            box(f"site {o.site}", name, volume=o.quantity == "concentration")
    for a, b, rho in model.correlations:
        check("correlation", [a, b])
        if not -1 <= rho <= 1:
            faults.append(f"correlation of {a} and {b} is {rho}; expected -1 to 1")
    return faults
