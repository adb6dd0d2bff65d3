"""From one treatment to another in steps: oral to pump, pump to oral, one drug to another.

The old treatment falls step by step, and the new one makes up for what is missing, through a dose ratio that the caller
gives. Nothing is rounded to tablets, or to what a pump can be set to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pkmodel.devices.reading import read
from pkmodel.errors import RegimenError
from pkmodel.regimen import Order, Regimen

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Conversion", "Step", "rotate", "to_oral", "to_pump"]

_REMEDY = (
    'Write for example to_pump("60 mg oral q12h", 300, remaining=[0.5, 0.25, 0], every="7 d").'
)


class Step(NamedTuple):
    """Daily doses [mg/day] from a day on; `equivalent` is their sum in terms of the old treatment."""

    day: float
    old: float
    new: float
    equivalent: float


@dataclass(frozen=True, repr=False)
class Conversion:
    """An old treatment and the new one that replaces it, from :func:`to_pump`, :func:`to_oral` or :func:`rotate`.

    Parameters
    ----------
    old : Regimen or None
        What is left of the old treatment; None where it stops at once.
    new : Regimen
        The new treatment.
    steps : tuple of Step
        Daily doses of every step.
    names : tuple of str
        What the old and the new treatment are called.
    """

    old: Regimen | None
    new: Regimen
    steps: tuple[Step, ...]
    names: tuple[str, str]

    @property
    def regimen(self) -> Regimen:
        """Both treatments side by side. A regimen does not name its drug: of a rotation take `old` and `new`."""
        return self.new if self.old is None else self.old + self.new

    @property
    def table(self) -> pd.DataFrame:
        """One row per step: the day on which it begins, and the daily doses."""
        import pandas as pd

        unit = f"mg/{per}/day" if (per := _per(self.new)) else "mg/day"
        columns = ["day", *(f"{name} {unit}" for name in (*self.names, "equivalent"))]
        return pd.DataFrame(self.steps).set_axis(columns, axis=1)

    def __repr__(self) -> str:
        return self.table.to_string(index=False)


def to_pump(
    regimen: Regimen | str,
    ratio: float,
    *,
    remaining: Sequence[float],
    every: float | str,
    route: str = "intrathecal",
) -> Conversion:
    """Taper a treatment while a pump takes over.

    Parameters
    ----------
    regimen : Regimen or str
        What the patient takes, by one route and without end: ``"60 mg oral q12h"``.
    ratio : float
        Daily dose of it per daily dose by pump, for example ``Drug.read("morphine").ratio("nominal")``.
    remaining : sequence of float
        Part of the old dose that is left in every step, between 1 and 0, not rising.
    every : float or str
        Length of a step [h], of the last one, too; a whole number of dosing intervals.
    route : str
        Route of the pump.

    Returns
    -------
    Conversion

    Raises
    ------
    RegimenError
        Everything that is wrong with the arguments.

    Examples
    --------
    >>> to_pump("60 mg oral q12h", 300, remaining=[0.5, 0.25, 0], every="7 d")
     day  oral mg/day  intrathecal mg/day  equivalent mg/day
     0.0         60.0                 0.2              120.0
     7.0         30.0                 0.3              120.0
    14.0          0.0                 0.4              120.0
    """
    old, daily = _daily(regimen)
    faults = _ratio_faults(ratio)
    length = _step_length(every, remaining, old, faults)
    _complain(faults, old)

    def pump(part: float) -> Regimen:
        rate = daily * part / ratio / 24.0
        return Regimen((Order(route, rate=rate, start=_start(old), form="pump", per=_per(old)),))

    return _in_steps(old, pump, ratio, remaining, length, (old.routes[0], pump(1.0).routes[0]))


def to_oral(
    regimen: Regimen | str,
    ratio: float,
    *,
    remaining: Sequence[float],
    every: float | str,
    interval: float | str = "12 h",
    form: str = "immediate",
) -> Conversion:
    """Take a pump back while tablets take over.

    Parameters
    ----------
    regimen : Regimen or str
        What the pump gives, by one route and without end: ``"0.4 mg/day intrathecal pump"``.
    ratio : float
        Daily oral dose per daily dose by pump.
    remaining : sequence of float
        Part of the pump's dose that is left in every step, between 1 and 0, not rising.
    every : float or str
        Length of a step [h], of the last one, too; a whole number of intervals.
    interval : float or str
        Time between two oral doses [h].
    form : {"immediate", "modified"}
        Release of the tablets.

    Returns
    -------
    Conversion

    Raises
    ------
    RegimenError
        Everything that is wrong with the arguments.

    Examples
    --------
    >>> back = to_oral("0.4 mg/day intrathecal pump", 300, remaining=[0.5, 0], every="3 d")
    >>> print(back.new)
    30 mg oral q12h x 6 then 60 mg oral q12h x 6
    """
    old, daily = _daily(regimen)
    faults = _ratio_faults(ratio)
    tau = read(faults, "interval", interval, "time", above=0.0)
    length = _step_length(every, remaining, old, faults, tau)
    _complain(faults, old)

    def tablets(part: float) -> Regimen:
        dose = daily * part * ratio * (tau / 24.0)
        order = Order(
            "oral", dose, interval=tau, count=None, start=_start(old), form=form, per=_per(old)
        )
        return Regimen((order,))

    return _in_steps(old, tablets, 1.0 / ratio, remaining, length, (old.routes[0], "oral"))


def rotate(
    regimen: Regimen | str,
    ratio: float,
    *,
    reduction: float,
    every: float | str,
    remaining: Sequence[float] = (0.0,),
    names: tuple[str, str] = ("old", "new"),
) -> Conversion:
    """Replace one drug by another, given in the same way.

    Parameters
    ----------
    regimen : Regimen or str
        The old drug, by one route and without end.
    ratio : float
        Daily dose of the old drug per daily dose of the new one that does the same.
    reduction : float
        Part by which the new dose is lowered, because tolerance to the old drug is not all tolerance to the new one:
        0.25 for a quarter less, 0 for nothing.
    every : float or str
        Length of a step [h], of the last one, too; a whole number of dosing intervals.
    remaining : sequence of float
        Part of the old dose that is left in every step, between 1 and 0, not rising. By default the old drug stops
        at once.
    names : tuple of str
        What to call the two drugs in the table.

    Returns
    -------
    Conversion
        `old` and `new` are regimens of two drugs: simulate each in its own model.

    Raises
    ------
    RegimenError
        Everything that is wrong with the arguments.

    Examples
    --------
    >>> rotate("3 mg/day intrathecal pump", 5, reduction=0.25, every="14 d", names=("morphine", "hydromorphone"))
     day  morphine mg/day  hydromorphone mg/day  equivalent mg/day
     0.0              0.0                  0.45               2.25
    """
    old, _ = _daily(regimen)
    faults = _ratio_faults(ratio)
    if not _is_number(reduction) or not 0 <= reduction < 1:
        faults.append(f"reduction is {reduction!r}; expected 0 to below 1, for example 0.25")
    length = _step_length(every, remaining, old, faults)
    _complain(faults, old)

    def other(part: float) -> Regimen:
        return old.scaled(part * (1.0 - reduction) / ratio)

    return _in_steps(old, other, ratio, remaining, length, names)


def _in_steps(
    old: Regimen,
    new: Callable[[float], Regimen],
    worth: float,
    remaining: Sequence[float],
    every: float,
    names: tuple[str, str],
) -> Conversion:
    """Cut both treatments into steps.

    `new` gives the part of the new treatment that is to take over, and `worth` is the dose of the old one that a
    dose of the new one stands for.
    """
    left = [float(part) for part in remaining]
    falling, rising = _cut(old.scaled, left, every), _cut(new, [1.0 - part for part in left], every)
    if not rising:
        _complain(["nothing is converted: all of the old dose remains in every step"], old)
    first, second = old.daily_dose(), new(1.0).daily_dose()
    steps = tuple(
        Step(
            (_start(old) + k * every) / 24.0,
            first * part,
            second * (1.0 - part),
            first * part + worth * second * (1.0 - part),
        )
        for k, part in enumerate(left)
    )
    return Conversion(Regimen(falling) if falling else None, Regimen(rising), steps, names)


def _cut(
    treatment: Callable[[float], Regimen], parts: list[float], every: float
) -> tuple[Order, ...]:
    """One order per step and order of a treatment without end; steps without dose are left out."""
    steps = [(k * every, treatment(part)) for k, part in enumerate(parts) if part > 0]
    lines = zip(
        *([_for(every, order, wait) for order in regimen] for wait, regimen in steps), strict=True
    )
    return tuple(chain.from_iterable(lines))


def _for(every: float, order: Order, wait: float) -> Order:
    """An order without end that begins so much later, and lasts one step."""
    start = order.start + wait
    if order.interval is None:
        return replace(order, start=start, duration=every)
    return replace(order, start=start, count=round(every / order.interval))


def _daily(regimen: Regimen | str) -> tuple[Regimen, float]:
    """A treatment by one route and without end, and its daily dose [mg/day]."""
    regimen = Regimen.parse(regimen) if isinstance(regimen, str) else regimen
    ends = [f'"{o}" ends; expected a treatment without end' for o in regimen if o.end < np.inf]
    if ends:
        raise RegimenError(
            *ends, given=f'"{regimen}"', remedy='Write for example "60 mg oral q12h".'
        )
    return regimen, regimen.daily_dose()


def _step_length(
    every: float | str,
    remaining: Sequence[float],
    old: Regimen,
    faults: list[str],
    new_interval: float = np.nan,
) -> float:
    """Length of a step [h]; what is wrong with it, or with what remains, is added to the faults."""
    length = read(faults, "every", every, "time", above=0.0)
    for tau in {order.interval for order in old if order.interval} | {new_interval}:
        if length < tau or abs(length / tau - np.round(length / tau)) > 1e-9:
            faults.append(
                f"every is {length:g} h, which is no whole number of intervals of {tau:g} h"
            )
    parts = list(remaining) if isinstance(remaining, Sequence | np.ndarray) else []
    if not parts or not all(_is_number(part) and 0 <= part <= 1 for part in parts):
        faults.append(f"remaining is {remaining!r}; expected parts of the old dose, [0.5, 0.25, 0]")
    elif any(b > a for a, b in pairwise(parts)):
        faults.append(f"remaining is {remaining!r}; expected parts that do not rise")
    return length


def _ratio_faults(ratio: float) -> list[str]:
    good = _is_number(ratio) and 0 < ratio < np.inf
    return [] if good else [f"the ratio is {ratio!r}; expected a number above 0"]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _complain(faults: list[str], regimen: Regimen) -> None:
    if faults:
        raise RegimenError(*faults, given=f'"{regimen}"', remedy=_REMEDY)


def _start(regimen: Regimen) -> float:
    return regimen.orders[0].start


def _per(regimen: Regimen) -> str | None:
    return regimen.orders[0].per
