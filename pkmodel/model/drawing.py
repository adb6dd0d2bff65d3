"""The boxes of a model as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pkmodel.model.parts import SATURABLE

if TYPE_CHECKING:
    from pkmodel.model.model import Model

OUTSIDE = "(out)"


def draw(model: Model) -> str:
    """The boxes of a model as text: what enters each compartment and where it goes."""
    n, p = len(model.states), len(model.parameters)
    lines = [f"{model.name}: {n} compartment{'s' * (n != 1)}, {p} parameter{'s' * (p != 1)}"]
    terms = model.flow_terms if model.matrix is None else _matrix_terms(model)
    width = max(len(s) for s in model.states) + 2
    for name in model.states:
        arrows = [f"◀─ {i.route}" for i in model.inputs if i.entry == name and i.route != name]
        for source, target, law, parameters in terms:
            if source == name:
                label = _label(
                    law, [f"{q:.4g}" if isinstance(q, float) else str(q) for q in parameters]
                )
                arrows.append(f"─ {label} ─▶ {OUTSIDE if target is None else target}")
        lines.append(f"  ┌{'─' * width}┐" + (f" {arrows[0]}" if arrows else ""))
        lines.append(f"  │ {name:<{width - 2}} │" + (f" {arrows[1]}" if len(arrows) > 1 else ""))
        lines += [f"  │{' ' * width}│ {a}" for a in arrows[2:-1]]
        lines.append(f"  └{'─' * width}┘" + (f" {arrows[-1]}" if len(arrows) > 2 else ""))
    lines += [
        f"  d({name})/dt {_relation(model, name)} {text}" for name, text in model.equations.items()
    ]
    lines += [f"  {name} = {text}" for name, text in model.definitions.items()]
    lines += [f"  {name}(0) = {value}" for name, value in model.initial.items()]
    if model.function is not None:
        lines.append(
            f"  rates of change: {getattr(model.function, '__name__', model.function)}(t, y, p, dydt)"
        )
    lines.append(f"  sites: {', '.join(model.sites) or 'none'}")
    return "\n".join(lines)


def _label(law: str, factors: list[str]) -> str:
    """What stands on an arrow: the factors of a flow, or the parameters of its law."""
    if law in SATURABLE:
        return f"{law}({', '.join(factors)})"
    divisor = f" / {factors.pop()}" if law in ("partition", "transit") else ""
    return " · ".join(factors) + divisor


def _relation(model: Model, name: str) -> str:
    """Equations of a compartment stand beside its flows."""
    return "= flows +" if name in model.states else "="


def _matrix_terms(model: Model) -> list[tuple[str, str | None, str, tuple[float, ...]]]:
    names, A = model.states, np.asarray(model.matrix)
    terms: list[tuple[str, str | None, str, tuple[float, ...]]] = []
    for j, source in enumerate(names):
        terms += [
            (source, t, "rate", (float(A[i, j]),))
            for i, t in enumerate(names)
            if i != j and A[i, j]
        ]
        loss = -float(A[:, j].sum())
        if abs(loss) > 1e-14 * abs(A[j, j]):
            terms.append((source, None, "rate", (loss,)))
    return terms
