"""Orders read from text, with all that is wrong with it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pkmodel import units
from pkmodel.errors import RegimenError, UnitError, did_you_mean
from pkmodel.events.routes import ROUTE_NAMES, ROUTES
from pkmodel.regimen.order import MOST_DOSES, Order, is_level, of_level

_REMEDY = 'Write for example "60 mg oral q12h x 14" or "0.4 mg/day intrathecal pump for 7 d".'
_PLUS = re.compile(r"(?<![0-9][eE])\+")
_THEN = re.compile(r"[\s,;]*\bthen\b[\s,;]*", re.IGNORECASE)
_COMMA = re.compile(r"(\d+),(\d+)")
_SLASH = re.compile(r"\s*/\s*|(?<=\w)\s+per\s+", re.IGNORECASE)
_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_TOKEN = re.compile(
    rf"into\s+[^\s,]+|q(?=\s*\d)|[x×*](?=\s*-?\d)|{_NUMBER}|[^\s,;\d][^\s,;]*",
    re.IGNORECASE,
)
_DAILY = {"once": 24.0, "twice": 12.0, "three times": 8.0, "four times": 6.0}
_RELEASE = ("modified", "slow", "extended", "sustained", "prolonged", "controlled")

# What a phrase settles: field and value.
_PHRASES: dict[str, tuple[str, Any]] = (
    {phrase: ("route", route) for phrase, route in ROUTES.items()}
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
_FIRST_WORDS = frozenset(re.split("[ /]", phrase)[0] for phrase in _PHRASES)
_CLAUSES = ("q", "every", "for", "over", "at", "x", "×", "*", "into")
_COUNTED = ("dose", "doses", "times")
_REFUSED = {
    "qod": '"qod" is misread as daily (every 2 d)',
    "prn": '"prn" gives no times (q4h x 6)',
    "and": '"and" between orders is written "+"',
    "plus": '"plus" between orders is written "+"',
    "hs": '"hs" gives no clock time (daily)',
    "qhs": '"qhs" gives no clock time (daily)',
}


def read_orders(text: str, molar_mass: float | None = None) -> tuple[Order, ...]:
    """Read lines of therapy; see ``Regimen.parse``."""
    if not isinstance(text, str):
        raise RegimenError(f"expected text, not {type(text).__name__}", remedy=_REMEDY)
    return _read(text, molar_mass)


@lru_cache(maxsize=256)
def _read(text: str, molar_mass: float | None) -> tuple[Order, ...]:
    if not text.strip():
        raise RegimenError("the order is empty", given='""', remedy=_REMEDY)
    tidy, faults = _tidy(text)
    lines = [_THEN.split(line) for line in _PLUS.split(tidy)]
    several = sum(map(len, lines)) > 1
    orders: list[Order] = []
    for line in lines:
        previous: Order | None = None
        for step in line:
            try:
                previous = _read_step(step, molar_mass, previous)
                orders.append(previous)
            except RegimenError as error:
                previous = None
                where = f'in "{step.strip()}": ' if several and step.strip() else ""
                faults += [where + fault for fault in error.faults]
    if faults:
        raise RegimenError(*dict.fromkeys(faults), given=f'"{text.strip()}"', remedy=_REMEDY)
    return tuple(orders)


def _tidy(text: str) -> tuple[str, list[str]]:
    """Normalise spaces, and repair what can be, so that faults further on are found, too."""
    faults = []
    for comma in _COMMA.finditer(text):
        whole, part = comma.groups()
        either = f' or "{whole}{part}"' if len(part) == 3 else ""
        faults.append(f'"{comma[0]}" has a decimal comma (write "{whole}.{part}"{either})')
    if faults:
        text = _COMMA.sub(r"\1.\2", text)
    if "(" in text or ")" in text:
        faults.append("parentheses are not read (mg/h/kg; a line begins later by: at 168 h)")
        text = text.replace("(", " ").replace(")", " ")
    return _SLASH.sub("/", " ".join(text.split())), faults


def _read_step(step: str, molar_mass: float | None, previous: Order | None) -> Order:
    """Read one order, which begins at the end of the previous one, if there is one."""
    reader = _Reader(step, molar_mass)
    reader.read()
    order = reader.order() if not reader.faults else None
    if previous is not None:
        if previous.end == math.inf:
            reader.faults.append(f'"{previous}" has no end, so nothing can follow it (for 14 d)')
        elif not previous.end > previous.start:
            reader.faults.append(
                f'"{previous}" is given once, so "then" does not say when the next order begins: '
                'write "+" and a time (at 12 h), or a number of doses (q12h x 1)'
            )
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
        self.tokens: list[str] = _TOKEN.findall(text.rstrip(" .;"))

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
            self.faults.append(
                f"has no route ({', '.join(ROUTE_NAMES)}, or one of the model's own: into depot)"
            )

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
            found["count"] = self._doses_in(course, interval)
        else:
            found.setdefault("count", None)
        if "amount" not in found and "duration" not in found:
            self.faults.append("each of several infusions needs a duration (over 2 h)")

    def _doses_in(self, course: float, interval: float) -> int:
        doses = course / interval if interval else 1.0
        if 0 < doses < MOST_DOSES + 0.5:
            return _whole_or_above(doses)
        many = "no dose" if not doses else f"{doses:.2g} doses, more than {MOST_DOSES:,}"
        self.faults.append(f'"{self.found["course"][1]}" holds {many}')
        return 1

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
        first = self.tokens[self.position].lower().partition("/")[0]
        if first.replace(".", "") not in _FIRST_WORDS:
            return "", 0
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
        elif word == "into":
            self.faults.append('"into" names no compartment (into depot)')
            self._put("route", None, token)
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
        elif is_level(token):
            self.faults.append(of_level(token, self.found.get("route", ("", ""))[0]))
        else:
            self.faults.append(
                f'unknown word "{token}"{did_you_mean(word, [*_PHRASES, *_CLAUSES])}'
            )

    def _quantity(self, unit: bool = True) -> tuple[str, str]:
        """Number and unit at the current token, each empty if it is missing."""
        number = name = ""
        if self.position < len(self.tokens) and _is_number(self.tokens[self.position]):
            number = self.tokens[self.position]
            self.position += 1
        if unit and self.position < len(self.tokens) and not self._begins_clause():
            name = self.tokens[self.position]
            self.position += 1
        return number, name

    def _begins_clause(self) -> bool:
        token = self.tokens[self.position]
        word = token.lower()
        clause = word in _CLAUSES or word in _REFUSED or word.startswith("into ")
        return clause or _is_number(token) or is_level(token) or bool(self._phrase()[1])

    def _convert(self, number: str, unit: str, dimension: str) -> float | None:
        try:
            return float(
                units.convert(float(number), dimension, unit=unit, molar_mass=self.molar_mass)
            )
        except UnitError as error:
            fault = error.faults[0]
            about = f'"{number} {unit}" ' if fault.startswith("is ") else ""
            needs = " (pass molar_mass=, in g/mol)" if "molar" in fault else ""
            self.faults.append(about + fault + needs)
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
        number, _ = self._quantity(unit=False)
        count, shown = float(number or 0), f"{mark} {number}".strip()
        if self.position < len(self.tokens) and self.tokens[self.position].lower() in _COUNTED:
            self.position += 1
        if count < 1 or count % 1:
            self.faults.append(f'"{shown}" is no whole number of doses (x 28)')
            count = 1
        elif count > MOST_DOSES:
            self.faults.append(f'"{shown}" is more than {MOST_DOSES:,} doses')
            count = 1
        self._put("count", int(count), shown)

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
        if self.found.get("per", (per,))[0] != per and name not in self.found:
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
    return nearest if nearest and math.isclose(ratio, nearest) else math.ceil(ratio)
