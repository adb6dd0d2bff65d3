"""One order: what is given by which route, how fast, how often."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkmodel.errors import RegimenError, did_you_mean
from pkmodel.events.routes import ROUTE_NAMES, ROUTES
from pkmodel.regimen.writing import order_text

MOST_DOSES = 1_000_000
_ORAL_FORMS = ("immediate", "modified")
_FORMS = ("bolus", "infusion", "pump")
_LEVEL = re.compile(r"[CTLS]\d{1,2}(-[CTLS]\d{1,2})?", re.IGNORECASE)


@dataclass(frozen=True)
class Order:
    """One dose, a train of equal doses, or one infusion.

    Two of amount, rate and duration settle an infusion. Where less than all of the drug arrives,
    the rate falls if the duration is given, and the duration if amount and rate are.

    Parameters
    ----------
    route : str or int
        ``"oral"``, ``"iv"``, ``"epidural"``, ``"intrathecal"``, or the name or 1-based number of a
        compartment of the model.
    amount : float, optional
        Amount of one dose [mg].
    rate : float, optional
        Rate of an infusion [mg/h].
    duration : float, optional
        Duration of one infusion [h]. Of a rate alone it is infinite: to the end of the simulation.
    interval : float, optional
        Time from the start of one dose to the start of the next [h].
    count : int or None
        Number of doses, at most 1,000,000; None to the end of the simulation.
    start : float
        Time of the first dose [h].
    form : {"immediate", "modified", "bolus", "infusion", "pump"}, optional
        Release of an oral dose, delivery of any other. By default immediate, bolus, or infusion
        where there is a rate or duration; an intrathecal rate has to say infusion or pump.
    per : {"kg", "m2"}, optional
        Amount and rate are per kg of body weight, or per m2 of body surface.
    modelled : {"rate", "duration"}, optional
        The model's input says how fast the amount enters.

    Raises
    ------
    RegimenError
        All that is wrong with the order.

    Examples
    --------
    >>> order = Order("oral", 60, interval=12, count=28)
    >>> str(order), order.daily_dose, order.total, order.end
    ('60 mg oral q12h x 28', 120.0, 1680.0, 336.0)
    """

    route: str
    amount: float | None = None
    rate: float | None = None
    duration: float | None = None
    interval: float | None = None
    count: int | None = 1
    start: float = 0.0
    form: str = ""
    per: str | None = None
    modelled: str | None = None

    def __post_init__(self) -> None:
        faults = self._normalise() or list(self._conflicts())
        if faults:
            shown = {f.name: getattr(self, f.name) for f in fields(self)}
            given = ", ".join(f"{k}={v!r}" for k, v in shown.items() if v not in (None, ""))
            raise RegimenError(
                *faults,
                given=f"Order({given})",
                remedy='Write for example Order("oral", 60, interval=12, count=28) or '
                'Order("intrathecal", rate=0.4 / 24, form="pump").',
            )

    def _normalise(self) -> list[str]:
        """Bring all fields to their type, and fill in those that follow from others."""
        faults: list[str] = []

        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        for name in ("amount", "rate", "duration", "interval", "start"):
            value = getattr(self, name)
            if value is not None or name == "start":
                put(name, _plain_number(name, value, faults))
        put("route", _route_name(self.route, faults))
        count = self.count
        if count is not None:
            if isinstance(count, bool) or not is_whole(count) or count < 1:
                faults.append(f"count is {count!r}; expected a whole number from 1, or None")
            elif count > MOST_DOSES:
                faults.append(f"count is {int(count)}; expected at most {MOST_DOSES:,} doses")
            else:
                put("count", int(count))
        if self.duration == 0.0 and self.amount is not None:
            put("duration", None)
        if self.rate is not None and self.amount is None and self.duration is None:
            put("duration", math.inf)
        if not self.form:
            put("form", self._default_form())
        return faults

    def _default_form(self) -> str:
        if self.route == "oral":
            return "immediate"
        if self.rate is None and self.duration is None and self.modelled is None:
            return "bolus"
        return "" if self.route == "intrathecal" and self.rate is not None else "infusion"

    def _conflicts(self) -> Iterator[str]:
        """Say what does not go together."""
        amount, rate, duration = self.amount, self.rate, self.duration
        timed = rate is not None or duration is not None or self.modelled is not None
        forms = _ORAL_FORMS if self.route == "oral" else _FORMS
        if self.per not in (None, "kg", "m2"):
            yield f'per is {self.per!r}; expected "kg", "m2" or None'
        if self.modelled not in (None, "rate", "duration"):
            yield f'modelled is {self.modelled!r}; expected "rate", "duration" or None'
        if not self.form:
            yield 'an intrathecal rate is given by "pump" or by "infusion": say which'
        elif self.form not in forms:
            near = did_you_mean(self.form, forms)
            yield f'"{self.form}" is no form of {self.route} ({", ".join(forms)}){near}'
        elif self.form in ("immediate", "modified", "bolus") and (rate, duration) != (None, None):
            what = "an oral dose" if self.route == "oral" else "a bolus"
            yield f"{what} has no rate and no duration"
        elif self.form in ("infusion", "pump") and not timed:
            yield f'"{self.form}" needs a rate (2 mg/h), or an amount and a duration (over 30 min)'
        if amount is None and rate is None:
            yield "no dose: give an amount or a rate"
        if amount is not None and rate is not None and duration is not None:
            yield "amount, rate and duration are given; two of them settle the third"
        if duration == 0:
            yield "a rate is given for no time (for 6 h)"
        if amount is not None and rate == 0:
            yield "an amount at the rate 0 never enters"
        if amount is not None and duration == math.inf:
            yield "an amount is given over an infinite time; give a rate"
        if self.modelled and (amount is None or (rate, duration) != (None, None)):
            yield f"a modelled {self.modelled} goes with an amount alone"
        if self.interval is None and self.count != 1:
            yield f"{self.count or 'endless'} doses have no interval (q12h)"
        if self.interval is not None and duration == math.inf:
            yield "an infusion without end is repeated (give each a duration: over 2 h)"

    @property
    def input(self) -> str:
        """Name of the model's input: the route, or ``"oral modified"``."""
        return "oral modified" if self.form == "modified" else self.route

    @property
    def span(self) -> float:
        """Time that one dose takes to be given [h]: 0 for a bolus, NaN if the model says it."""
        if self.modelled is not None:
            return math.nan
        if self.amount is not None and self.rate is not None:
            return self.amount / self.rate
        return self.duration or 0.0

    @property
    def end(self) -> float:
        """Last dose and its interval [h]; without an interval, when the dose has been given."""
        if self.interval is None:
            return self.start + (0.0 if self.modelled else self.span)
        return math.inf if self.count is None else self.start + self.count * self.interval

    @property
    def dose(self) -> float:
        """Amount of one dose [mg, or mg per kg or m2]; infinite for a rate without end."""
        if self.amount is not None:
            return self.amount
        return self.rate * self.span if self.rate else 0.0

    @property
    def total(self) -> float:
        """Amount of all doses [mg, or mg per kg or m2]; infinite without end."""
        if not self.dose:
            return 0.0
        return math.inf if self.count is None else self.dose * self.count

    @property
    def daily_dose(self) -> float | None:
        """Amount per day while the order runs [mg/day]; None for an amount given once."""
        if self.interval is not None:
            return self.dose * (24.0 / self.interval)
        return None if self.rate is None or self.amount is not None else self.rate * 24.0

    def times(self, until: float = math.inf) -> NDArray[np.float64]:
        """Times of the doses [h], the k-th at start + k · interval.

        Parameters
        ----------
        until : float
            Last time of interest [h]; a dose at this very time is included.

        Returns
        -------
        ndarray

        Raises
        ------
        RegimenError
            The order has no end, and `until` is infinite; or there are more than 1,000,000 doses.

        Examples
        --------
        >>> Order("oral", 60, interval=12, count=None).times(until=30)
        array([ 0., 12., 24.])
        """
        if self.interval is None:
            times = np.array([self.start])
        else:
            count: float = math.inf if self.count is None else self.count
            if until < math.inf:
                count = min(count, max(0.0, (until - self.start) // self.interval + 2))
            if count == math.inf:
                raise RegimenError(
                    "has no end",
                    given=f'"{self}"',
                    remedy="Give until= in hours, or a count (x 28).",
                )
            if count > MOST_DOSES + 2:
                raise RegimenError(
                    f"gives {count:.3g} doses until {until:g} h; expected at most {MOST_DOSES:,}",
                    given=f'"{self}"',
                    remedy="Write a longer interval, or an infusion or a pump.",
                )
            times = self.start + np.arange(int(count)) * self.interval
        return times[times <= until]

    def __str__(self) -> str:
        return order_text(self)


def _plain_number(name: str, value: Any, faults: list[str]) -> float:
    """Return the field as a float in its internal unit."""
    unit = {"amount": "mg", "rate": "mg/h"}.get(name, "h")
    try:
        number = math.nan if isinstance(value, (str, bool)) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number):
        faults.append(f"{name} is {value!r}; expected a number of {unit}")
    elif number < 0 or (number == 0 and name == "interval"):
        least = "above 0" if name == "interval" else "0 or above"
        faults.append(f"{name} is {number!r}; expected {least} ({unit})")
    elif number == math.inf and name != "duration":
        faults.append(f"{name} is infinite; expected a finite number of {unit}")
    return number + 0.0  # no -0.0, which text cannot tell from 0


def is_whole(value: Any) -> bool:
    """Tell whether a value is a finite whole number."""
    try:
        return int(value) == value
    except (TypeError, ValueError, OverflowError):
        return False


def is_level(word: str) -> bool:
    """Tell whether a word is a level of the spine, such as "T10", or "L3-L4" between two."""
    return _LEVEL.fullmatch(word) is not None


def of_level(word: str, route: str) -> str:
    """What is wrong with a level in an order by a route."""
    place = "epidural" if route == "epidural" else "tip"
    return (
        f'"{word}" is a level, which the model says and not the order: leave it out, '
        f'and give the model {place}="{word}" (Drug.segmented)'
    )


def _route_name(route: Any, faults: list[str]) -> str:
    if not isinstance(route, str):
        if isinstance(route, bool) or not is_whole(route) or route < 1:
            faults.append(f"route is {route!r}; expected a name, or a compartment's number from 1")
        return str(route)
    name = route.strip()
    known = ROUTES.get(name.lower().replace(".", ""))
    before, _, last = name.rpartition(" ")
    if before and is_level(last):
        faults.append(of_level(last, before))
    elif known is None and (not re.fullmatch(r"[^\W\d]\w*|[1-9]\d*", name) or name == "then"):
        faults.append(
            f'"{route}" is no route ({", ".join(ROUTE_NAMES)}) and no name of a compartment'
        )
    return known or name
