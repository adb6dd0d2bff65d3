"""From what a user writes to a plan."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pkmodel import units
from pkmodel.drugs import Drug
from pkmodel.errors import InputError, ParameterError
from pkmodel.model import Model
from pkmodel.model.parts import above_one
from pkmodel.regimen import Regimen
from pkmodel.responses import asked
from pkmodel.responses.naming import of_response, refuse_unknown
from pkmodel.schedule import body_sizes
from pkmodel.simulation.reading import regimen_of
from pkmodel.sweeps.attempts import Attempts
from pkmodel.sweeps.design import Design
from pkmodel.sweeps.plan import Plan, model_with

STEP = 0.25
"""Hours between the times at which peaks are looked for."""
_LAST_DAY = 24.0
ORDER = Regimen.parse("1 mg intrathecal bolus q24h x 1")
"""In the place of orders that cannot be read, while all else is judged: every drug is given intrathecally."""


def plan_of(
    drug: str | Path,
    design: Design,
    *,
    oral: Regimen | str | None = None,
    arms: Mapping[str, Regimen | str] | None = None,
    ratio: float | str | None = None,
    settings: Mapping[str, float | str] | None = None,
    metrics: Sequence[str] | str | None = ("auc", "cmax", "cav"),
    window: Sequence[float | str] | None = None,
    times: Sequence[float] | None = None,
    sites: Sequence[str] | str = (),
    subjects: int | None = None,
    seed: int = 0,
    quantiles: Sequence[float] = (),
    segments: int = 30,
    tip: str = "L3-L4",
    variant: str = "",
    intended: bool = False,
    responses: bool | str | Iterable[str] | None = None,
) -> Plan:
    """The plan of a sweep, checked; arguments as for :func:`sweep`.

    Raises
    ------
    InputError
        Whatever is wrong.
    """
    _require_kinds(drug, design)
    place = str(Path(drug).resolve()) if str(drug).endswith(".toml") else str(drug)
    found = Drug.read(place)
    attempts = Attempts()
    design, orders, ends = _orders(attempts, found, design, oral, arms)
    converts = "oral" in design.columns or tuple(orders) == ("oral",)
    if isinstance(ratio, str) or (converts and ratio is None and "ratio" not in design.columns):
        ratio = attempts.of(1.0, found.ratio, "nominal" if ratio is None else ratio)
    unread = bool(attempts.errors)
    span = attempts.of((0.0, _LAST_DAY), _window, window, ends)
    wanted = attempts.of(False, asked, found, responses)
    own = dict(settings or {})
    if wanted is False:  # their numbers cannot be judged
        wanted, design = None, design.without(of_response)
        own = {name: value for name, value in own.items() if not of_response(name)}
    model = model_with(found, wanted)
    read = {name: attempts.of(None, setting, name, value, model) for name, value in own.items()}
    kept, names = _listed(metrics), () if wanted is None else wanted.names
    plan = Plan(
        drug=place,
        design=design,
        arms={name: str(order) for name, order in orders.items()},
        ratio=None if ratio is None else float(ratio),
        settings={name: value for name, value in read.items() if value is not None},
        metrics=kept,
        window=span,
        times=_grid(span, (*kept, *names)) if times is None else tuple(map(_hours, times)),
        sites=_listed(sites),
        subjects=_plain(subjects),
        seed=_plain(seed),
        quantiles=tuple(map(float, np.atleast_1d(quantiles))),
        segments=segments,
        tip=tip,
        variant=variant,
        intended=intended or unread,
        responses=names,
    )
    plan.check(attempts)
    return plan


def _require_kinds(drug: object, design: object) -> None:
    """A sweep is recorded in its store, so its drug is a name or a file that every worker can read."""
    faults = []
    if not isinstance(drug, str | Path):
        faults.append(
            f"the drug is a {type(drug).__name__}; expected its name, or the path of a file"
        )
    if not isinstance(design, Design):
        faults.append(f"the design is a {type(design).__name__}; expected a Design")
    if faults:
        raise InputError(*faults, remedy='Write sweep("morphine", grid(ratio=[30, 300]), ...).')


def _orders(
    attempts: Attempts,
    drug: Drug,
    design: Design,
    oral: Regimen | str | None,
    arms: Mapping[str, Regimen | str] | None,
) -> tuple[Design, dict[str, Regimen], list[float]]:
    """The design, without its oral orders if these cannot be read; the arms; and when each order ends [h]."""
    given = attempts.of({"oral": ORDER}, _arms, design, oral, arms)
    orders = {name: attempts.of(ORDER, regimen_of, order, drug) for name, order in given.items()}
    texts = design.columns["oral"].tolist() if "oral" in design.columns else []
    swept = [attempts.of(None, regimen_of, text, drug) for text in texts]
    if any(order is None for order in swept):
        design, orders, swept = design.without(lambda name: name == "oral"), {"oral": ORDER}, []
    return design, orders, [order.end for order in (*swept, *orders.values())]


def _arms(
    design: Design, oral: Regimen | str | None, arms: Mapping[str, Regimen | str] | None
) -> dict[str, Regimen | str]:
    given = (oral is not None) + (arms is not None) + ("oral" in design.columns)
    if given != 1:
        raise InputError(
            "a sweep takes an oral order, or arms, or a design that varies the oral order: one of them",
            remedy='Write oral="60 mg oral q12h x 28", or arms={"oral": "...", "iv": "..."}.',
        )
    return {"oral": oral} if oral is not None else dict(arms or {})


def _listed(given: Sequence[str] | str | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())


def _plain(number: Any) -> Any:
    """A whole number of NumPy as Python's own."""
    return int(number) if isinstance(number, np.integer) else number


def _hours(time: float | str) -> float:
    return float(units.convert(time, "time"))


def _window(given: Sequence[float | str] | None, ends: Sequence[float]) -> tuple[float, float]:
    if given is not None:
        if isinstance(given, str) or np.shape(given) != (2,):
            raise InputError(
                f"the window is {given!r}; expected its first and last hour",
                remedy='Write window=("312 h", "336 h").',
            )
        first, last = _hours(given[0]), _hours(given[1])
        if not 0 <= first < last < math.inf:
            raise InputError(
                f"the window is {(first, last)}; expected two hours, the first below the last"
            )
        return first, last
    finite = [end for end in ends if math.isfinite(end)]
    if not finite:
        raise InputError(
            "no arm has an end, so there is no last day", remedy='Write window=("0 h", "24 h").'
        )
    end = max(finite)
    return max(0.0, end - _LAST_DAY), end


def _grid(window: tuple[float, float], kept: Sequence[str]) -> tuple[float, ...]:
    """Times at which peaks and responses are looked for; integrals and troughs need the ends alone."""
    first, last = window
    if kept and set(kept) <= {"auc", "cav", "ctrough"}:
        return (first, last)
    steps = max(1, math.ceil((last - first) / STEP))
    return tuple(first + (last - first) * k / steps for k in range(steps + 1))


def setting(name: str, value: float | str, model: Model) -> float:
    """A parameter that holds for all runs, in internal units.

    Raises
    ------
    InputError
        The model does not have it, or it is wrong.
    """
    known = {**model.defaults, **body_sizes(("kg", "m2"))}
    refuse_unknown([name], known)
    number = float(units.convert(value, known[name].dimension, name=name))
    if not 0 <= number < math.inf:
        raise ParameterError(f"{name} is {number:g}; expected a finite number, 0 or above")
    if known[name].dimension == "fraction" and number > 1:
        raise ParameterError(above_one(name, number))
    return number
