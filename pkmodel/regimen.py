"""What is ordered: text ↔ orders.

``then`` binds tighter than ``+``: "60 mg oral q12h x 14 then 30 mg oral q12h x 14 + 0.2 mg/day
intrathecal pump for 14 d" is one line of therapy of two steps, and a second line beside it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkmodel import units
from pkmodel.errors import RegimenError, UnitError, did_you_mean

__all__ = ["Order", "Regimen"]

_ORAL_FORMS = ("immediate", "modified")
_FORMS = ("bolus", "infusion", "pump")
_ROUTES = {
    "oral": "oral",
    "orally": "oral",
    "po": "oral",
    "by mouth": "oral",
    "iv": "iv",
    "intravenous": "iv",
    "intravenously": "iv",
    "epidural": "epidural",
    "epidurally": "epidural",
    "intrathecal": "intrathecal",
    "intrathecally": "intrathecal",
    "it": "intrathecal",
}


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
        Number of doses; None to the end of the simulation.
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
            if isinstance(count, bool) or not _is_whole(count) or count < 1:
                faults.append(f"count is {count!r}; expected a whole number from 1, or None")
            else:
                put("count", int(count))
        if self.duration == 0.0:
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
        if amount is not None and rate == 0:
            yield "an amount at the rate 0 never enters"
        if amount is not None and duration == math.inf:
            yield "an amount is given over an infinite time; give a rate"
        if self.modelled and (amount is None or (timed and (rate, duration) != (None, None))):
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
            The order has no end, and `until` is infinite.

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
            times = self.start + np.arange(int(count)) * self.interval
        return times[times <= until]

    def __str__(self) -> str:
        return self._text(self.start)

    def _text(self, start: float) -> str:
        words = [self._dose_text(), *_route_words(self)]
        if self.modelled is not None:
            words.append(f"modelled {self.modelled}")
        if self.amount is not None and self.rate is not None:
            words.append(f"at {_rate_text(self)}")
        elif self.duration is not None and self.duration < math.inf:
            course = self.amount is None and self.interval is None
            words.append(f"{'for' if course else 'over'} {_time_text(self.duration)}")
        if self.interval is not None:
            words.append(f"q{_number_text(self.interval)}h")
            words += [] if self.count is None else [f"x {self.count}"]
        words += [f"at {_time_text(start)}"] if start else []
        return " ".join(words)

    def _dose_text(self) -> str:
        if self.amount is None:
            return _rate_text(self)
        return _shortest(self.amount, _dimension("amount", self.per), ("mg", "ug", "g", "ng"))


@dataclass(frozen=True)
class Regimen:
    """All orders of one patient, each with its absolute time.

    Parameters
    ----------
    orders : iterable of Order
        At least one.

    Raises
    ------
    RegimenError
        There is no order, or something that is none.

    Examples
    --------
    >>> oral = Regimen.parse("60 mg oral q12h x 14")
    >>> pump = Regimen.parse("0.2 mg/day intrathecal pump for 7 d")
    >>> print(oral.then(oral.scaled(0.5)) + pump)
    60 mg oral q12h x 14 then 30 mg oral q12h x 14 + 0.2 mg/day intrathecal pump for 7 d
    """

    orders: tuple[Order, ...]

    def __post_init__(self) -> None:
        orders = (self.orders,) if isinstance(self.orders, Order) else tuple(self.orders)
        faults = [f"expected an Order, not {o!r}" for o in orders if not isinstance(o, Order)]
        if faults or not orders:
            raise RegimenError(
                *faults or ["no orders"],
                given="Regimen",
                remedy='Write for example Regimen.parse("60 mg oral q12h x 28").',
            )
        object.__setattr__(self, "orders", orders)

    @classmethod
    def parse(cls, text: str, molar_mass: float | None = None) -> Regimen:
        """Read orders as text; ``str(regimen)`` writes text that reads back to the same regimen.

        Parameters
        ----------
        text : str
            For example ``"60 mg oral q12h x 28 + 0.4 mg/day intrathecal pump for 14 d"``. ``+``
            puts lines of therapy side by side, ``then`` begins the next step of a line at the end
            of the one before it.
        molar_mass : float, optional
            Molar mass of the drug [g/mol], to read molar doses.

        Returns
        -------
        Regimen

        Raises
        ------
        RegimenError
            All that is wrong with the text.

        Examples
        --------
        >>> Regimen.parse("10 mg iv infusion over 30 min every 8 h for 2 d").orders[0].count
        6
        """
        if not isinstance(text, str):
            raise RegimenError(f"expected text, not {type(text).__name__}", remedy=_REMEDY)
        lines = [_THEN.split(line) for line in _PLUS.split(" ".join(text.split()))]
        several = sum(len(line) for line in lines) > 1
        faults: list[str] = []
        orders: list[Order] = []
        for line in lines:
            previous: Order | None = None
            for step in line:
                try:
                    previous = _read(step, molar_mass, previous)
                    orders.append(previous)
                except RegimenError as error:
                    previous = None
                    faults += [f'in "{step.strip()}": {f}' if several else f for f in error.faults]
        if faults:
            raise RegimenError(*dict.fromkeys(faults), given=f'"{text.strip()}"', remedy=_REMEDY)
        return cls(tuple(orders))

    @classmethod
    def from_table(cls, table: Mapping[Any, Any]) -> Regimen:
        """Read a table of doses, one order per row.

        Columns, in any case: TIME [h], AMT [mg], and CMT (number or name) or ROUTE; optional RATE
        [mg/h] (0 is a bolus, −1 a modelled rate, −2 a modelled duration) or DUR [h], II [h], ADDL
        (doses after the first), FORM and PER as in `Order`. An empty cell or "." is no value.

        Parameters
        ----------
        table : DataFrame or mapping of str to sequence
            The columns.

        Returns
        -------
        Regimen

        Raises
        ------
        RegimenError
            All that is wrong, with the row, of which the first is 1.

        Examples
        --------
        >>> print(Regimen.from_table({"TIME": [0], "AMT": [60], "ROUTE": ["oral"], "II": [12], "ADDL": [27]}))
        60 mg oral q12h x 28
        """
        columns = _columns(table)
        faults: list[str] = []
        orders = []
        for i in range(len(columns["TIME"])):
            row_faults: list[str] = []
            arguments = _row({name: cells[i] for name, cells in columns.items()}, row_faults)
            if not row_faults:
                try:
                    orders.append(Order(**arguments))
                except RegimenError as error:
                    row_faults += error.faults
            faults += [f"row {i + 1}: {fault}" for fault in row_faults]
        if faults or not orders:
            raise RegimenError(*faults or ["no rows"], given="table of doses", remedy=_TABLE_REMEDY)
        return cls(tuple(orders))

    def to_table(self, until: float = math.inf) -> dict[str, list[Any]]:
        """Write a table of doses, as `from_table` reads it.

        Parameters
        ----------
        until : float
            Where orders without end stop [h].

        Returns
        -------
        dict of str to list
            TIME, AMT, ROUTE, RATE, DUR, II, ADDL, FORM and PER; None where there is no value.

        Raises
        ------
        RegimenError
            An order has no end, and `until` is infinite.

        Examples
        --------
        >>> Regimen.parse("60 mg oral q12h x 28").to_table()["ADDL"]
        [27]
        """
        rows = [_table_row(order, until) for order in self]
        return {name: [row[name] for row in rows] for name in rows[0]}

    @property
    def routes(self) -> tuple[str, ...]:
        """Routes in order of first use."""
        return tuple(dict.fromkeys(order.route for order in self))

    @property
    def end(self) -> float:
        """Latest end of an order [h]."""
        return max(order.end for order in self)

    def daily_dose(self, route: str | None = None, at: float | None = None) -> float:
        """Amount per day [mg/day] by one route.

        Parameters
        ----------
        route : str, optional
            May be left out where there is one only.
        at : float, optional
            Time [h]; may be left out where all orders of the route begin and end together.

        Returns
        -------
        float
            Sum over the orders that run at that time.

        Raises
        ------
        RegimenError
            The answer would mix routes, steps, or mg with mg/kg, or an amount is given only once.

        Examples
        --------
        >>> Regimen.parse("60 mg oral q12h x 28").daily_dose()
        120.0
        """
        if route is None and len(self.routes) > 1:
            raise self._no_daily_dose(f"has several routes ({', '.join(self.routes)})", "route")
        orders = [order for order in self if route in (None, order.route)]
        if not orders:
            raise self._no_daily_dose(f'has no route "{route}" ({", ".join(self.routes)})', "route")
        if at is not None:
            orders = [order for order in orders if order.start <= at < order.end]
        elif len({(order.start, order.end) for order in orders}) > 1:
            raise self._no_daily_dose("has a daily dose that changes with time", "at")
        doses = [order.daily_dose for order in orders]
        if None in doses:
            raise self._no_daily_dose("gives an amount once, which is no daily dose", "")
        if len({order.per for order in orders}) > 1:
            raise self._no_daily_dose("mixes mg with mg per body size", "")
        return math.fsum(dose for dose in doses if dose is not None)

    def _no_daily_dose(self, fault: str, argument: str) -> RegimenError:
        remedies = {"route": 'Write for example route="oral".', "at": "Write for example at=24."}
        remedy = remedies.get(argument, "Use the orders one by one.")
        return RegimenError(fault, given=f'"{self}"', remedy=remedy)

    def then(self, other: Regimen | Order | str, wait: float = 0.0) -> Regimen:
        """Let other orders follow.

        Parameters
        ----------
        other : Regimen, Order or str
            Its time 0 becomes the end of this regimen: last dose and its interval.
        wait : float
            Time in between [h].

        Returns
        -------
        Regimen

        Raises
        ------
        RegimenError
            This regimen has no end, or the wait is negative.

        Examples
        --------
        >>> once = Regimen.parse("10 mg iv bolus q8h x 3")
        >>> [order.start for order in once.then(once, wait=6)]
        [0.0, 30.0]
        """
        if self.end == math.inf:
            raise RegimenError(
                "has no end, so nothing can follow it",
                given=f'"{self}"',
                remedy="Give it a count (x 28) or a time (for 14 d).",
            )
        if not 0 <= wait < math.inf:
            raise RegimenError(f"wait is {wait!r}; expected hours, 0 or above")
        return self + _regimen(other).shifted(self.end + wait)

    def scaled(self, factor: float) -> Regimen:
        """Multiply all amounts and rates.

        Parameters
        ----------
        factor : float
            Above 0.

        Returns
        -------
        Regimen

        Raises
        ------
        RegimenError
            The factor is not a number above 0.

        Examples
        --------
        >>> print(Regimen.parse("60 mg oral q12h").scaled(0.5))
        30 mg oral q12h
        """
        if not 0 < factor < math.inf:
            raise RegimenError(f"the factor is {factor!r}; expected a number above 0")
        return Regimen(
            tuple(
                replace(
                    order,
                    amount=None if order.amount is None else order.amount * factor,
                    rate=None if order.rate is None else order.rate * factor,
                )
                for order in self
            )
        )

    def shifted(self, hours: float) -> Regimen:
        """Move all orders in time.

        Parameters
        ----------
        hours : float
            Later if positive; no order may begin before 0.

        Returns
        -------
        Regimen

        Raises
        ------
        RegimenError
            An order would begin before 0.

        Examples
        --------
        >>> print(Regimen.parse("60 mg oral q12h x 28").shifted(24))
        60 mg oral q12h x 28 at 24 h
        """
        return Regimen(tuple(replace(order, start=order.start + hours) for order in self))

    def __add__(self, other: Regimen | Order | str) -> Regimen:
        return Regimen(self.orders + _regimen(other).orders)

    def __iter__(self) -> Iterator[Order]:
        return iter(self.orders)

    def __len__(self) -> int:
        return len(self.orders)

    def __str__(self) -> str:
        text = str(self.orders[0])
        for before, order in zip(self.orders, self.orders[1:], strict=False):
            follows = before.start < order.start == before.end
            text += f" then {order._text(0.0)}" if follows else f" + {order}"
        return text

    def __repr__(self) -> str:
        return f'Regimen.parse("{self}")'


def _regimen(value: Regimen | Order | str) -> Regimen:
    if isinstance(value, str):
        return Regimen.parse(value)
    return value if isinstance(value, Regimen) else Regimen((value,))


# ------------------------------------------------------------------------------ fields of an order


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


def _is_whole(value: Any) -> bool:
    try:
        return int(value) == value
    except (TypeError, ValueError, OverflowError):
        return False


def _route_name(route: Any, faults: list[str]) -> str:
    if not isinstance(route, str):
        if isinstance(route, bool) or not _is_whole(route) or route < 1:
            faults.append(f"route is {route!r}; expected a name, or a compartment's number from 1")
        return str(route)
    name = route.strip()
    known = _ROUTES.get(name.lower().replace(".", ""))
    if known is None and (not re.fullmatch(r"[^\W\d]\w*|[1-9]\d*", name) or name == "then"):
        faults.append(f'"{route}" is no route ({", ".join(_KNOWN)}) and no name of a compartment')
    return known or name


# ------------------------------------------------------------------------------- orders → text


def _route_words(order: Order) -> list[str]:
    if order.route == "oral":
        return ["oral"] if order.form == "immediate" else ["oral modified"]
    return [order.route if order.route in _KNOWN else f"into {order.route}", order.form]


def _dimension(quantity: str, per: str | None) -> str:
    return quantity if per is None else f"{quantity}_per_{per}"


def _rate_text(order: Order) -> str:
    assert order.rate is not None
    names = ["mg/h", "mg/day", "ug/h", "ug/day", "mg/min"]
    if order.form == "pump":
        names = ["mg/day", "ug/day", "mg/h", "ug/h"]
    return _shortest(order.rate, _dimension("rate", order.per), tuple(names))


def _time_text(hours: float) -> str:
    return _shortest(hours, "time", ("h", "min", "d") if hours % 24 else ("d", "h"))


def _number_text(number: float) -> str:
    return repr(number).removesuffix(".0").replace("e+", "e")


@lru_cache(maxsize=4096)
def _shortest(value: float, dimension: str, names: tuple[str, ...]) -> str:
    """Write a quantity in the first unit where it is short, and reads back to the same float."""
    per = dimension.partition("_per_")[2]
    texts = []
    for name in names:
        unit = f"{name}/{per}" if per else name
        shown = units.express(value, dimension, unit)
        for number in (f"{shown:.15g}", f"{shown:.16g}", repr(shown)):
            number = number.removesuffix(".0").replace("e+", "e")
            if shown < math.inf and units.convert(float(number), dimension, unit=unit) == value:
                texts.append((number, f"{number} {unit}"))
                break
    short = [text for number, text in texts if len(number) <= 5]
    return short[0] if short else min(texts, key=lambda item: len(item[0]))[1]


# ------------------------------------------------------------------------------- text → orders

_REMEDY = 'Write for example "60 mg oral q12h x 14" or "0.4 mg/day intrathecal pump for 7 d".'
_KNOWN = tuple(dict.fromkeys(_ROUTES.values()))
_PLUS = re.compile(r"(?<![0-9][eE])\+")
_THEN = re.compile(r"[\s,;]*\bthen\b[\s,;]*", re.IGNORECASE)
_COMMA = re.compile(r"(\d+),(\d+)")
_SLASH = re.compile(r"\s*/\s*|(?<=\w)\s+per\s+", re.IGNORECASE)
_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_TOKEN = re.compile(
    rf"(?P<into>into\s+[^\s,]+)|(?P<mark>q(?=\s*\d)|[x×*](?=\s*-?\d))|{_NUMBER}|[^\s,;\d][^\s,;]*",
    re.IGNORECASE,
)
_DAILY = {"once": 24.0, "twice": 12.0, "three times": 8.0, "four times": 6.0}
_RELEASE = ("modified", "slow", "extended", "sustained", "prolonged", "controlled")

# What a phrase settles: field and value.
_PHRASES: dict[str, tuple[str, Any]] = (
    {phrase: ("route", route) for phrase, route in _ROUTES.items()}
    | {f"{word} release": ("form", "modified") for word in _RELEASE}
    | {word: ("form", "modified") for word in ("modified", "mr", "er", "cr", "sr", "xr")}
    | {word: ("form", "immediate") for word in ("immediate release", "immediate", "ir")}
    | {word: ("form", "bolus") for word in ("bolus", "single shot", "single-shot", "push")}
    | {word: ("form", word) for word in ("infusion", "pump")}
    | {f"modelled {word}": ("modelled", word) for word in ("rate", "duration")}
    | {
        f"{n}{day}": ("interval", h)
        for n, h in _DAILY.items()
        for day in (" daily", " a day", "/day")
    }
    | {word: ("interval", 24.0) for word in ("daily", "od", "qd")}
    | {word: ("interval", 12.0) for word in ("bid", "bd")}
    | {word: ("interval", 8.0) for word in ("tid", "tds")}
    | {word: ("interval", 6.0) for word in ("qid", "qds")}
    | {
        "hourly": ("interval", 1.0),
        "weekly": ("interval", 168.0),
        "once weekly": ("interval", 168.0),
    }
    | {"every other day": ("interval", 48.0)}
)
_CLAUSES = ("q", "every", "for", "over", "at", "x", "×", "*", "into")
_REFUSED = {
    "qod": '"qod" is misread as daily (every 2 d)',
    "prn": '"prn" gives no times (q4h x 6)',
    "and": '"and" between orders is written "+"',
    "plus": '"plus" between orders is written "+"',
    "hs": '"hs" gives no clock time (daily)',
    "qhs": '"qhs" gives no clock time (daily)',
}


def _read(step: str, molar_mass: float | None, previous: Order | None) -> Order:
    """Read one order, which begins at the end of the previous one, if there is one."""
    reader = _Reader(step, molar_mass)
    reader.read()
    order = reader.order() if not reader.faults else None
    if previous is not None:
        if previous.end == math.inf:
            reader.faults.append(f'"{previous}" has no end, so nothing can follow it (for 14 d)')
        if "start" in reader.found:
            reader.faults.append('"at" and "then" both say when it begins: write "+" before "at"')
    if reader.faults or order is None:
        raise RegimenError(*reader.faults)
    return order if previous is None else replace(order, start=previous.end)


class _Reader:
    """Reads the text of one order from left to right; keeps what it finds and what is wrong."""

    def __init__(self, text: str, molar_mass: float | None) -> None:
        self.molar_mass = molar_mass
        self.found: dict[str, Any] = {}
        self.faults: list[str] = []
        self.position = 0
        comma = _COMMA.search(text)
        if comma:
            whole, part = comma.groups()
            either = f' or "{whole}{part}"' if len(part) == 3 else ""
            self.faults.append(f'"{comma[0]}" has a decimal comma (write "{whole}.{part}"{either})')
            text = _COMMA.sub(r"\1.\2", text)
        text = _SLASH.sub("/", text.strip().rstrip(".;"))
        self.tokens = [match[0] for match in _TOKEN.finditer(text)]

    def read(self) -> None:
        if not self.tokens:
            self.faults.append('an order is missing beside "+" or "then"')
            return
        while self.position < len(self.tokens):
            token = self.tokens[self.position]
            phrase, length = self._phrase()
            if length:
                self._put(*_PHRASES[phrase], phrase)
                self.position += length
            elif _is_number(token):
                self._dose()
            else:
                self._clause(token)
        if not {"amount", "rate"} & self.found.keys():
            self.faults.append("has no dose (60 mg, 2 mg/h)")
        if "route" not in self.found:
            self.faults.append(f"has no route ({', '.join(_KNOWN)}, or into and a compartment)")

    def order(self) -> Order | None:
        found = {name: value for name, (value, _) in self.found.items() if value is not None}
        course = found.pop("course", None)
        if "amount" in found or "interval" in found:
            self._course(found, course)
        else:
            self._one_infusion(found, course)
        if self.faults:
            return None
        try:
            return Order(**found)
        except RegimenError as error:
            self.faults += error.faults
            return None

    def _course(self, found: dict[str, Any], course: float | None) -> None:
        """Settle how many doses there are."""
        interval = found.get("interval")
        if interval is None:
            if course is not None:
                shown = self.found["course"][1]
                self.faults.append(
                    f'"{shown}" has no interval (q12h {shown}; one infusion is "over")'
                )
        elif course is not None and "count" in found:
            self.faults.append(
                f'"{self.found["count"][1]}" and "{self.found["course"][1]}": give one'
            )
        elif course is not None:
            found["count"] = max(1, _whole_or_above(course / interval))
        else:
            found.setdefault("count", None)
        if "amount" not in found and "duration" not in found:
            self.faults.append("each of several infusions needs a duration (over 2 h)")

    def _one_infusion(self, found: dict[str, Any], course: float | None) -> None:
        if course is not None and "duration" in found:
            shown = (self.found["duration"][1], self.found["course"][1])
            self.faults.append(f'"{shown[0]}" and "{shown[1]}": give one')
        elif course is not None:
            found["duration"] = course

    def _put(self, name: str, value: Any, shown: str) -> None:
        if name in self.found:
            self.faults.append(f'"{self.found[name][1]}" and "{shown}": give one')
        else:
            self.found[name] = (value, shown)

    def _phrase(self) -> tuple[str, int]:
        """Longest known phrase at the current token, and its number of tokens."""
        for length in (3, 2, 1):
            tokens = self.tokens[self.position : self.position + length]
            phrase = " ".join(tokens).lower()
            if len(tokens) == length:
                if phrase in _PHRASES:
                    return phrase, length
                if phrase.replace(".", "") in _PHRASES:
                    return phrase.replace(".", ""), length
        return "", 0

    def _clause(self, token: str) -> None:
        word = token.lower()
        self.position += 1
        if word.startswith("into "):
            self._put("route", token[5:].strip(), token)
        elif word in ("q", "every"):
            self._interval(word)
        elif word in ("for", "over"):
            self._put_time("course" if word == "for" else "duration", word)
        elif word == "at":
            self._at()
        elif word in ("x", "×", "*"):
            self._count(token)
        elif word in _REFUSED:
            self.faults.append(_REFUSED[word])
        elif word.startswith("("):
            self.faults.append(f'"{token}": parentheses are not read (give the time: at 168 h)')
        else:
            self.faults.append(
                f'unknown word "{token}"{did_you_mean(word, [*_PHRASES, *_CLAUSES])}'
            )

    def _quantity(self) -> tuple[str, str]:
        """Number and unit at the current token, each empty if it is missing."""
        number = unit = ""
        if self.position < len(self.tokens) and _is_number(self.tokens[self.position]):
            number = self.tokens[self.position]
            self.position += 1
        if self.position < len(self.tokens) and not self._begins_clause():
            unit = self.tokens[self.position]
            self.position += 1
        return number, unit

    def _begins_clause(self) -> bool:
        token = self.tokens[self.position]
        word = token.lower()
        clause = word in _CLAUSES or word in _REFUSED or word.startswith("into ")
        return clause or _is_number(token) or bool(self._phrase()[1])

    def _convert(self, number: str, unit: str, dimension: str) -> float | None:
        try:
            return float(
                units.convert(float(number), dimension, unit=unit, molar_mass=self.molar_mass)
            )
        except UnitError as error:
            needs = " (pass molar_mass=, in g/mol)" if "molar" in error.faults[0] else ""
            self.faults += [fault + needs for fault in error.faults]
            return None

    def _time(self, number: str, unit: str, shown: str, example: str) -> float | None:
        if not number:
            self.faults.append(f'"{shown}" has no time ({example})')
        elif not unit:
            join = "" if shown.startswith("q") else " "
            self.faults.append(f'"{shown}" has no time unit ({shown}{join}h)')
        elif unit.lower().startswith("dose"):
            self.faults.append(f'"{shown}" counts doses (x {number})')
        else:
            return self._convert(number, unit.lower() if unit in ("H", "D") else unit, "time")
        return None

    def _interval(self, word: str) -> None:
        number, unit = self._quantity()
        if word == "every" and unit and not number:
            number, shown = "1", f"every {unit}"
        else:
            shown = f"q{number}" if word == "q" else f"every {number}".strip()
        hours = self._time(number, unit, shown, "every 12 h")
        self._put("interval", hours, f"{shown}{unit}" if word == "q" else f"{shown} {unit}".strip())

    def _put_time(self, name: str, word: str) -> None:
        number, unit = self._quantity()
        shown = f"{word} {number}".strip()
        hours = self._time(number, unit, shown, f"{word} 6 h")
        self._put(name, hours, f"{shown} {unit}".strip())

    def _at(self) -> None:
        number, unit = self._quantity()
        shown = f"at {number} {unit}".strip()
        dimension = _dose_dimension(unit) if number else None
        if dimension is not None and dimension.startswith("rate"):
            self._put_dose("rate", number, unit, dimension)
        else:
            hours = self._time(number, unit, f"at {number}".strip(), "at 36 h")
            self._put("start", hours, shown)

    def _count(self, mark: str) -> None:
        number = self.tokens[self.position]
        self.position += 1
        count = float(number)
        if count < 1 or count % 1:
            self.faults.append(f'"{mark} {number}" is no whole number of doses (x 28)')
        self._put("count", int(count), f"{mark} {number}")

    def _dose(self) -> None:
        number, unit = self._quantity()
        dimension = _dose_dimension(unit)
        if not unit:
            self.faults.append(f'"{number}" has no unit ({number} mg)')
            self._put("amount", None, number)
        elif dimension == "time":
            self.faults.append(
                f'"{number} {unit}" could be an interval, a course or a time '
                f"(q{number}{unit}, for {number} {unit}, at {number} {unit})"
            )
        else:
            dimension = dimension or "amount"
            name = "rate" if dimension.startswith("rate") else "amount"
            self._put_dose(name, number, unit, dimension)

    def _put_dose(self, name: str, number: str, unit: str, dimension: str) -> None:
        value = self._convert(number, unit, dimension)
        per = dimension.partition("_per_")[2] or None
        if {"amount", "rate"} & self.found.keys() - {name} and self.found["per"][0] != per:
            self.faults.append("amount and rate are not per the same body size")
        self._put(name, value, f"{number} {unit}")
        self.found.setdefault("per", (per, f"{number} {unit}"))


def _is_number(token: str) -> bool:
    return token[0].isdecimal() or (token[0] in "-." and token[1:2].isdecimal())


def _dose_dimension(unit: str) -> str | None:
    """Dimension of a dose's or a time's unit; None for any other."""
    try:
        dimension = units.dimension_of(unit)
    except UnitError:
        return None
    is_dose = dimension == "time" or dimension.startswith(("amount", "rate"))
    return dimension if is_dose and dimension != "rate_constant" else None


def _whole_or_above(ratio: float) -> int:
    """Round up, but not for a rounding error: 14 d hold 28 intervals of 12 h."""
    nearest = round(ratio)
    return nearest if math.isclose(ratio, nearest, rel_tol=1e-9) else math.ceil(ratio)


# ------------------------------------------------------------------------------- tables of doses

_COLUMNS = ("TIME", "AMT", "CMT", "ROUTE", "RATE", "DUR", "II", "ADDL", "FORM", "PER")
_EVENT_COLUMNS = ("ID", "EVID", "SS", "MDV", "DV")
_TABLE_REMEDY = (
    "A table of doses has the columns TIME, AMT, and CMT or ROUTE, and may have RATE or DUR, II, "
    "ADDL, FORM, PER."
)


def _columns(table: Mapping[Any, Any]) -> dict[str, list[Any]]:
    """Columns by upper-case name, CMT as ROUTE."""
    if not hasattr(table, "keys"):
        raise RegimenError(
            f"expected a table of doses, not {type(table).__name__}", remedy=_TABLE_REMEDY
        )
    columns: dict[str, list[Any]] = {}
    faults = []
    for key in table:
        name = str(key).strip().upper()
        if name in columns:
            faults.append(f'two columns "{name}"')
        elif name in _EVENT_COLUMNS:
            faults.append(f'column "{key}": full event tables are not read here yet')
        elif name not in _COLUMNS:
            faults.append(f'unknown column "{key}"{did_you_mean(name, _COLUMNS)}')
        columns[name] = list(table[key])
    faults += [f'no column "{name}"' for name in ("TIME", "AMT") if name not in columns]
    if ("CMT" in columns) == ("ROUTE" in columns):
        both = "CMT" in columns
        faults.append("CMT and ROUTE: give one" if both else 'no column "CMT" or "ROUTE"')
    if len({len(cells) for cells in columns.values()}) > 1:
        faults.append("the columns differ in length")
    if faults:
        raise RegimenError(*faults, given="table of doses", remedy=_TABLE_REMEDY)
    return {"ROUTE" if name == "CMT" else name: cells for name, cells in columns.items()}


def _row(cells: dict[str, Any], faults: list[str]) -> dict[str, Any]:
    """Arguments of the order in a row."""
    number: dict[str, float | None] = {}
    for name in ("TIME", "AMT", "RATE", "DUR", "II", "ADDL"):
        number[name] = _cell(name, cells.get(name), faults)
    for name in ("TIME", "AMT"):
        if number[name] is None and not faults:
            faults.append(f"{name} is empty")
    rate, extra = number["RATE"] or None, number["ADDL"] or 0.0
    modelled = {-1.0: "rate", -2.0: "duration"}.get(rate or 0.0)
    if rate is not None and rate < 0 and modelled is None:
        faults.append(f"RATE is {rate:g}; expected mg/h, 0 (bolus), -1 or -2 (modelled)")
    if rate is not None and number["DUR"]:
        faults.append("RATE and DUR: give one")
    if extra < 0 or extra % 1:
        faults.append(f"ADDL is {extra:g}; expected a whole number of further doses")
    elif extra and not number["II"]:
        faults.append(f"ADDL is {extra:g} without II, the interval in h")
    return {
        "route": _route_cell(cells["ROUTE"], faults),
        "amount": number["AMT"],
        "rate": None if modelled else rate,
        "duration": number["DUR"],
        "interval": number["II"] or None,
        "count": 1 if faults else 1 + int(extra),
        "start": number["TIME"],
        "form": "" if _is_empty(cells.get("FORM")) else str(cells["FORM"]).lower(),
        "per": None if _is_empty(cells.get("PER")) else str(cells["PER"]),
        "modelled": modelled,
    }


def _is_empty(cell: Any) -> bool:
    return cell is None or cell != cell or (isinstance(cell, str) and cell.strip() in ("", "."))


def _cell(name: str, cell: Any, faults: list[str]) -> float | None:
    if _is_empty(cell):
        return None
    try:
        return float(cell)
    except (TypeError, ValueError):
        faults.append(f"{name} is {cell!r}; expected a number")
        return None


def _route_cell(cell: Any, faults: list[str]) -> str | int:
    """Name, or number of a compartment, which a table may hold as 2.0 or "2"."""
    if _is_empty(cell):
        faults.append("CMT or ROUTE is empty")
        return ""
    if isinstance(cell, str):
        return cell
    return int(cell) if _is_whole(cell) else cell


def _table_row(order: Order, until: float) -> dict[str, Any]:
    """Cells of an order; a rate with a duration becomes their product over that duration."""
    count, duration = order.count, order.duration
    if count is None:
        count = len(order.times(until))
    if duration == math.inf:
        duration = until - order.start
        if duration == math.inf:
            raise RegimenError("has no end", given=f'"{order}"', remedy="Give until= in hours.")
    rate: float | None = {"rate": -1.0, "duration": -2.0}.get(order.modelled or "")
    if order.amount is not None and order.rate is not None:
        rate = order.rate
    return {
        "TIME": order.start,
        "AMT": order.rate * duration if order.amount is None else order.amount,
        "ROUTE": order.route,
        "RATE": rate,
        "DUR": duration,
        "II": order.interval,
        "ADDL": count - 1,
        "FORM": order.form,
        "PER": order.per,
    }
