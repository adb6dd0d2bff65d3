"""A trial before the implant: steps of rising dose until the patient responds, and what counts as success.

The steps are a regimen: single shots on consecutive days, or the rates of an external pump on a temporary catheter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel import units
from pkmodel.devices.course import Course, records
from pkmodel.devices.reading import read
from pkmodel.errors import InputError, ParameterError, RegimenError, UnitError
from pkmodel.regimen import Order, Regimen
from pkmodel.regimen.tables import record_of

if TYPE_CHECKING:
    import pandas as pd

    Responses = Mapping[Any, Sequence[bool]] | Callable[[Any, Order], bool]

__all__ = ["BACLOFEN_SCREENING", "SUCCESS", "escalation", "screen", "success"]

BACLOFEN_SCREENING = (
    "50 ug intrathecal infusion over 1 min + 75 ug intrathecal infusion over 1 min at 24 h "
    "+ 100 ug intrathecal infusion over 1 min at 48 h"
)
"""Baclofen: 50, 75 and 100 ug, each over at least one minute, a day apart. Who does not respond to 100 ug is no
candidate for a pump. Source: Lioresal prescribing information, doses as summarised by drugs.com (read)."""

SUCCESS = 0.5
"""Least relative fall of the pain score that is called success: usual in series of intrathecal opioids. One series took
0.6, and Smith 2002 a fall by 0.2. Source: abstracts of Rauck 2003, Smith 2002 and others (read)."""

OUTCOMES = ("response", "no response")


def escalation(
    doses: Iterable[str],
    every: float | str = "24 h",
    *,
    route: str = "intrathecal",
    over: float | str = 0.0,
) -> Regimen:
    """Steps of rising dose at equal distances.

    Parameters
    ----------
    doses : iterable of str
        Amounts (``"50 ug"``), for single shots; or rates (``"0.1 mg/day"``), each of which runs until the next.
    every : float or str
        Time from one step to the next [h].
    route : str
        Route or compartment.
    over : float or str
        Time over which an amount is given [h]; 0 at once.

    Returns
    -------
    Regimen
        One order per step.

    Raises
    ------
    RegimenError
        Everything that is wrong with the doses and times.

    Examples
    --------
    >>> print(escalation(["0.1 mg/day", "0.2 mg/day"]))
    0.1 mg/day intrathecal infusion for 1 d then 0.2 mg/day intrathecal infusion for 1 d
    >>> escalation(["50 ug", "75 ug", "100 ug"], over="1 min") == Regimen.parse(BACLOFEN_SCREENING)
    True
    """
    faults: list[str] = []
    interval = read(faults, "every", every, "time", above=0.0)
    length = read(faults, "over", over, "time")
    values = [_dose(dose, faults) for dose in doses]
    if faults or not values:
        raise RegimenError(
            *faults or ["no doses"],
            remedy='Write for example escalation(["50 ug", "75 ug", "100 ug"], every="24 h").',
        )
    return Regimen(
        tuple(
            Order(route, amount=value, duration=length or None, start=k * interval)
            if kind == "amount"
            else Order(route, rate=value, duration=interval, start=k * interval, form="infusion")
            for k, (kind, value) in enumerate(values)
        )
    )


def _dose(dose: str, faults: list[str]) -> tuple[str, float]:
    """Dimension of a dose, and its value [mg or mg/h]."""
    try:
        kind = units.dimension_of(units.split(dose)[1])
        if kind in ("amount", "rate"):
            return kind, read(faults, "dose", dose, kind)
        faults.append(f'"{dose}" is no amount (50 ug) and no rate (0.1 mg/day)')
    except (UnitError, TypeError):
        faults.append(f"{dose!r} is no dose: expected text with a unit (50 ug, 0.1 mg/day)")
    return "", np.nan


def screen(
    steps: Regimen | str, responses: Responses, subjects: Iterable[Any] | None = None
) -> Course:
    """Give the steps of a trial one after the other, until the subject responds.

    Parameters
    ----------
    steps : Regimen or str
        One order per step, none overlapping: :func:`escalation`, or ``BACLOFEN_SCREENING``. A step that is begun is
        given to its end.
    responses : mapping of label to sequence of bool, or callable
        Whether every subject responds to the first, second, … step; what follows a response is not looked at. Or a
        function of the subject's label and the step's `Order` that tells it.
    subjects : iterable of label, optional
        Who is tried, if `responses` is a function.

    Returns
    -------
    Course
        ``events`` to simulate; ``subjects`` with whether each ``responded``, how many ``steps`` were given, the
        ``last`` of them, and all ``drug [mg]``; ``log`` with every step that was given.

    Raises
    ------
    RegimenError
        Steps that repeat, overlap or have no end.
    InputError
        Responses that are missing, or are neither True nor False.

    Examples
    --------
    >>> trial = screen(BACLOFEN_SCREENING, {"Ann": [False, True], "Bob": [False, False, False]})
    >>> trial.subjects[["responded", "steps", "drug [mg]"]]
             responded  steps  drug [mg]
    subject
    Ann           True      2      0.125
    Bob          False      3      0.225
    """
    steps = Regimen.parse(steps) if isinstance(steps, str) else steps
    orders = _in_turn(steps)
    labels, answer = _answers(responses, subjects)
    faults: list[str] = []
    given = [_respond(label, orders, answer, faults) for label in labels]
    if faults or not given:
        raise InputError(
            *faults or ["no subjects"],
            remedy="Write for example screen(steps, {1: [False, True], 2: [False, False, False]}).",
        )
    place = np.repeat(np.arange(len(labels)), [len(told) for told in given])
    step = np.concatenate([np.arange(len(told)) for told in given])
    rows = [record_of(order, order.end) for order in orders]
    columns = {name: np.array([row[name] for row in rows])[step] for name in rows[0]}
    return Course(
        records(labels, place, **columns),
        _results(labels, orders, given),
        _log(labels, place, [orders[k] for k in step], np.concatenate(given)),
        "steps",
    )


def _in_turn(steps: Regimen) -> list[Order]:
    """The steps by time, checked."""
    orders = sorted(steps, key=lambda order: order.start)
    faults = [f'"{o}" is repeated; a step is one dose' for o in orders if o.interval is not None]
    faults += [f'"{o}" has no end (for 1 d)' for o in orders if o.end == np.inf and not o.interval]
    if not faults:
        faults = [
            f'"{b}" begins before "{a}" has ended' for a, b in pairwise(orders) if b.start < a.end
        ]
    if faults:
        raise RegimenError(*faults, given=f'"{steps}"')
    return orders


def _answers(
    responses: Responses, subjects: Iterable[Any] | None
) -> tuple[list[Any], Callable[[Any, int, Order], Any]]:
    """Labels, and what tells the response to a step."""
    if isinstance(responses, Mapping):
        if subjects is not None:
            raise InputError(
                "responses name the subjects already",
                remedy="Leave subjects= out, or give a function.",
            )
        lists = {label: list(told) for label, told in responses.items()}
        return list(lists), lambda label, k, _: lists[label][k] if k < len(lists[label]) else None
    if not callable(responses) or subjects is None:
        raise InputError(
            "responses: expected lists of True and False by subject, or a function with subjects=",
            remedy="Write for example screen(steps, {1: [False, True]}), or "
            "screen(steps, lambda subject, step: step.dose >= 0.075, subjects=range(1, 11)).",
        )
    return list(subjects), lambda label, _, order: responses(label, order)


def _respond(
    label: Any, orders: list[Order], answer: Callable[[Any, int, Order], Any], faults: list[str]
) -> list[bool]:
    """Responses of a subject up to the first that is True."""
    told: list[bool] = []
    for k, order in enumerate(orders):
        response = answer(label, k, order)
        if not isinstance(response, bool | np.bool_):
            missing = "is missing" if response is None else f"is {response!r}"
            faults.append(
                f"subject {label}: the response to step {k + 1} {missing}; expected True or False"
            )
            break
        told.append(bool(response))
        if response:
            break
    return told


def _results(labels: list[Any], orders: list[Order], given: list[list[bool]]) -> pd.DataFrame:
    import pandas as pd

    total = np.cumsum([order.total for order in orders])
    return pd.DataFrame(
        {
            "responded": [told[-1] for told in given],
            "steps": [len(told) for told in given],
            "last": [str(orders[len(told) - 1]) for told in given],
            "drug [mg]": [total[len(told) - 1] for told in given],
        },
        index=pd.Index(labels, name="subject"),
    )


def _log(labels: list[Any], place: Any, orders: list[Order], told: Any) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "subject": np.asarray(labels)[place],
            "time": [order.start for order in orders],
            "step": [str(order) for order in orders],
            "outcome": pd.Categorical.from_codes(np.where(told, 0, 1), OUTCOMES),
        }
    )


def success(before: Any, after: Any, reduction: float = SUCCESS) -> pd.DataFrame:
    """Tell by pain scores for whom a trial was a success.

    Parameters
    ----------
    before, after : mapping of label to float, Series, or sequence of float
        Score of every subject before the trial and in it, on any scale on which 0 is no pain.
    reduction : float
        Least relative fall that is success, above 0 and up to 1.

    Returns
    -------
    DataFrame
        ``before``, ``after``, the relative ``reduction`` and ``success``, by subject.

    Raises
    ------
    ParameterError
        Scores that are missing, negative or no numbers; no pain before; subjects that differ.

    Examples
    --------
    >>> success({"Ann": 8, "Bob": 7}, {"Ann": 4, "Bob": 5})["success"].to_dict()
    {'Ann': True, 'Bob': False}
    """
    import pandas as pd

    first, second = (pd.Series(s, dtype=float) for s in (before, after))
    faults = (
        []
        if 0 < reduction <= 1
        else [f"reduction is {reduction!r}; expected above 0 and up to 1 (0.5)"]
    )
    apart = first.index.symmetric_difference(second.index)
    faults += [
        f"subject {label} has no score {'after' if label in first.index else 'before'}"
        for label in apart
    ]
    for name, series, least in (("before", first, 1), ("after", second, 0)):
        odd = series[~(np.isfinite(series) & (series > 0 if least else series >= 0))]
        faults += [f"subject {k}: the score {name} is {v:g}; expected "
                   f"{'above 0' if least else '0 or above'}" for k, v in odd.items()]  # fmt: skip
    if faults or not len(first):
        raise ParameterError(
            *faults or ["no scores"], remedy="Write for example success({1: 8}, {1: 3})."
        )
    second = second[first.index]
    fall = (first - second) / first
    table = {"before": first, "after": second, "reduction": fall}
    return pd.DataFrame(table | {"success": fall >= reduction - 1e-12}).rename_axis("subject")
