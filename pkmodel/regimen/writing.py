"""Orders as the shortest text that reads back to the same numbers, bit for bit."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pkmodel import units

if TYPE_CHECKING:
    from pkmodel.regimen.order import Order


def order_text(order: Order, follows: bool = False) -> str:
    """Write an order; one that follows another does not say when it begins."""
    words = [_dose(order), *_route(order)]
    if order.modelled is not None:
        words.append(f"modelled {order.modelled}")
    if order.amount is not None and order.rate is not None:
        words.append(f"at {_rate(order)}")
    elif order.duration is not None and order.duration < math.inf:
        course = order.amount is None and order.interval is None
        words.append(f"{'for' if course else 'over'} {_span(order.duration)}")
    if order.interval is not None:
        words.append(f"q{_number(repr(order.interval))}h")
        words += [] if order.count is None else [f"x {order.count}"]
    if order.start and not follows:
        words.append(f"at {_shortest(order.start, 'time', ('h', 'd', 'min'))}")
    return " ".join(words)


def _dose(order: Order) -> str:
    if order.amount is None:
        return _rate(order)
    return _shortest(order.amount, "amount", ("mg", "ug", "g", "ng"), order.per)


def _route(order: Order) -> list[str]:
    if order.route == "oral":
        return ["oral"] if order.form == "immediate" else ["oral modified"]
    known = order.route in ("iv", "epidural", "intrathecal")
    return [order.route if known else f"into {order.route}", order.form]


def _rate(order: Order) -> str:
    assert order.rate is not None
    names = ("mg/h", "mg/day", "ug/h", "ug/day", "mg/min")
    if order.form == "pump":
        names = ("mg/day", "ug/day", "mg/h", "ug/h", "mg/min")
    return _shortest(order.rate, "rate", names, order.per)


def _span(hours: float) -> str:
    names = ("h", "d") if hours % 24 else ("d", "h")
    return _shortest(hours, "time", ("min", "h") if hours < 1 else names)


def _number(text: str) -> str:
    """Drop what would be taken for a decimal part, or for the "+" between lines."""
    return text.removesuffix(".0").replace("e+", "e")


@lru_cache(maxsize=4096)
def _shortest(value: float, quantity: str, names: tuple[str, ...], per: str | None = None) -> str:
    """Write a quantity in the first unit in which it is short, or else in the shortest."""
    texts = []
    for name in names:
        amount, *time = name.split("/")
        unit = "/".join([amount, per, *time] if per else [name])
        dimension = f"{quantity}_per_{per}" if per else quantity
        shown = units.express(value, dimension, unit)
        for text in (f"{shown:.15g}", f"{shown:.16g}", repr(shown)):
            number = _number(text)
            if shown < math.inf and units.convert(float(number), dimension, unit=unit) == value:
                texts.append((len(number), f"{number} {unit}"))
                break
    return next((text for length, text in texts if length <= 5), min(texts)[1])


def rounded(text: str) -> str:
    """Round the longest numbers of a regimen's text, to be read and not to be read back.

    Examples
    --------
    >>> rounded("66.6666666667 ug/day intrathecal pump")
    '66.67 ug/day intrathecal pump'
    """
    return re.sub(r"\d+\.\d{5,}(?!\d|e)", lambda m: f"{float(m[0]):.4g}", text)
