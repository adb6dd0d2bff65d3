"""Quantities with units at the door, plain numbers inside: mg, h, L, and nothing else.

A frozen table of the field's spellings answers without pint, whose import takes 0.35 s; written-out
names that it lacks ("fortnight", "ounces") go to pint. Factors are kept as ratios of whole numbers:
"0.4 mg/day" is exactly 0.4 / 24 mg/h.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkmodel.errors import UnitError, did_you_mean

__all__ = ["DIMENSIONS", "convert", "dimension_of", "express", "factor", "split"]

#: Internal unit of every dimension.
DIMENSIONS: Mapping[str, str] = MappingProxyType(
    {
        "amount": "mg",
        "rate": "mg/h",
        "concentration": "mg/L",
        "volume": "L",
        "clearance": "L/h",
        "time": "h",
        "rate_constant": "1/h",
        "weight": "kg",
        "area": "m2",
        "length": "cm",
        "molar_mass": "g/mol",
        "fraction": "1",
        "auc": "mg*h/L",
        "amount_per_kg": "mg/kg",
        "rate_per_kg": "mg/kg/h",
        "volume_per_kg": "L/kg",
        "clearance_per_kg": "L/h/kg",
        "amount_per_m2": "mg/m2",
        "rate_per_m2": "mg/m2/h",
        "volume_per_m2": "L/m2",
        "clearance_per_m2": "L/h/m2",
    }
)

# For errors: an example, and units to choose from.
_EXAMPLES = {
    "amount": ("60 mg", "g, mg, ug, ng"),
    "rate": ("0.4 mg/day", "mg/h, mg/day, ug/h, ug/day"),
    "concentration": ("2 ng/mL", "mg/L, ug/mL, ng/mL, nmol/L"),
    "volume": ("50 L", "L, mL"),
    "clearance": ("5 L/h", "L/h, L/day, mL/min"),
    "time": ("12 h", "min, h, d, week"),
    "rate_constant": ("0.5 /h", "/min, /h, /day"),
    "weight": ("70 kg", "kg, g, lb"),
    "area": ("1.8 m2", "m2, cm2"),
    "length": ("30 cm", "mm, cm, m"),
    "molar_mass": ("285.34 g/mol", "g/mol"),
    "fraction": ("30 %", "%, or no unit"),
    "auc": ("200 ng*h/mL", "mg*h/L, ng*h/mL"),
    "amount_per_kg": ("0.1 mg/kg", "mg/kg, ug/kg"),
    "rate_per_kg": ("0.05 mg/kg/h", "mg/kg/h, ug/kg/min"),
    "volume_per_kg": ("0.7 L/kg", "L/kg, mL/kg"),
    "clearance_per_kg": ("20 mL/min/kg", "L/h/kg, mL/min/kg"),
    "amount_per_m2": ("10 mg/m2", "mg/m2, ug/m2"),
    "rate_per_m2": ("5 mg/m2/day", "mg/m2/h, mg/m2/day"),
    "volume_per_m2": ("25 L/m2", "L/m2, mL/m2"),
    "clearance_per_m2": ("3 L/h/m2", "L/h/m2, mL/min/m2"),
}

# A bare number is never a dose: reading mg for ug is deadly.
_DOSES = frozenset(
    {"amount", "rate"} | {d for d in DIMENSIONS if d.startswith(("amount_", "rate_per"))}
)


class _Scale(NamedTuple):
    """A unit: `numerator / denominator` times base units to `powers`."""

    numerator: float
    denominator: float
    powers: tuple[int, ...]


# Powers of mass [mg], time [h], volume [L], length [cm], substance [mol], body weight [kg]. Body
# weight is no mass here: mg/kg is not a fraction, and "60 kg" is not a dose.
_MASS = (1, 0, 0, 0, 0, 0)
_TIME = (0, 1, 0, 0, 0, 0)
_VOLUME = (0, 0, 1, 0, 0, 0)
_LENGTH = (0, 0, 0, 1, 0, 0)
_SUBSTANCE = (0, 0, 0, 0, 1, 0)
_WEIGHT = (0, 0, 0, 0, 0, 1)
_MOLARITY = (0, 0, -1, 0, 1, 0)
_NONE = (0, 0, 0, 0, 0, 0)
_KILO, _MILLION, _BILLION, _TRILLION = 10**3, 10**6, 10**9, 10**12


def _table(*rows: tuple[tuple[int, ...], int, int, str]) -> dict[str, _Scale]:
    """Expand rows of powers, numerator, denominator and spellings."""
    return {name: _Scale(n, d, powers) for powers, n, d, names in rows for name in names.split()}


# Abbreviations, in exactly this case: "Mg" is a megagram. Others of up to 3 letters are refused,
# for pint takes "u" for a dalton, "pd" for a picoday and "gr" for a grain.
_SYMBOLS = _table(
    (_MASS, 1000, 1, "g"),
    (_MASS, 1, 1, "mg"),
    (_MASS, 1, _KILO, "ug µg μg mcg"),
    (_MASS, 1, _MILLION, "ng"),
    (_MASS, 1, _BILLION, "pg"),
    (_TIME, 24, 1, "d"),
    (_TIME, 1, 1, "h"),
    (_TIME, 1, 3600, "s"),
    (_VOLUME, 1, 1, "L l"),
    (_VOLUME, 1, 10, "dL dl"),
    (_VOLUME, 1, _KILO, "mL ml cc"),
    (_VOLUME, 1, _MILLION, "uL µL μL ul µl μl"),
    (_LENGTH, 100, 1, "m"),
    (_LENGTH, 1, 1, "cm"),
    (_LENGTH, 1, 10, "mm"),
    (_SUBSTANCE, 1, 1, "mol"),
    (_SUBSTANCE, 1, _KILO, "mmol"),
    (_SUBSTANCE, 1, _MILLION, "umol µmol μmol"),
    (_SUBSTANCE, 1, _BILLION, "nmol"),
    (_SUBSTANCE, 1, _TRILLION, "pmol"),
    (_MOLARITY, 1, 1, "M"),
    (_MOLARITY, 1, _KILO, "mM"),
    (_MOLARITY, 1, _MILLION, "uM µM μM"),
    (_MOLARITY, 1, _BILLION, "nM"),
    (_MOLARITY, 1, _TRILLION, "pM"),
    (_WEIGHT, 1, 1, "kg"),
    (_WEIGHT, 45359237, 100000000, "lb"),
    (_NONE, 1, 100, "%"),
)

# Words, read in any case.
_WORDS = _table(
    (_MASS, 1000, 1, "gram grams"),
    (_MASS, 1, 1, "milligram milligrams"),
    (_MASS, 1, _KILO, "microgram micrograms"),
    (_MASS, 1, _MILLION, "nanogram nanograms"),
    (_MASS, 1, _BILLION, "picogram picograms"),
    (_TIME, 168, 1, "wk week weeks"),
    (_TIME, 24, 1, "day days"),
    (_TIME, 1, 1, "hr hrs hour hours"),
    (_TIME, 1, 60, "min mins minute minutes"),
    (_TIME, 1, 3600, "sec second seconds"),
    (_VOLUME, 1, 1, "liter liters litre litres"),
    (_VOLUME, 1, _KILO, "milliliter milliliters millilitre millilitres"),
    (_VOLUME, 1, _MILLION, "microliter microliters microlitre microlitres"),
    (_LENGTH, 100, 1, "meter meters metre metres"),
    (_LENGTH, 1, 1, "centimeter centimeters centimetre centimetres"),
    (_SUBSTANCE, 1, 1, "mole moles"),
    (_SUBSTANCE, 1, _KILO, "millimole millimoles"),
    (_SUBSTANCE, 1, _MILLION, "micromole micromoles"),
    (_SUBSTANCE, 1, _BILLION, "nanomole nanomoles"),
    (_WEIGHT, 1, 1, "kilogram kilograms"),
    (_NONE, 1, 100, "percent"),
)

_NOT_A_MASS = frozenset({"iu", "u", "unit", "units", "meq", "tablet", "tablets", "drop", "drops"})

_QUANTITY = re.compile(
    r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\d.,])\s*(.*?)\s*", re.DOTALL
)
_TOKEN = re.compile(
    r"\s*(?:(?P<slash>/|per\b)|(?P<name>[A-Za-zµμ_]+|%)(?:(?:\*\*|\^)?(?P<power>-?\d+|⁻?[¹²³]))?"
    r"|(?P<one>1)|(?P<open>\()|(?P<close>\))|[*·⋅.])\s*"
)
_SUPERSCRIPT = str.maketrans("⁻¹²³", "-123")


def convert(
    value: Any,
    dimension: str,
    *,
    unit: str | None = None,
    molar_mass: float | None = None,
    name: str | None = None,
) -> float | NDArray[np.float64]:
    """Read a quantity into the internal unit of its dimension.

    Text carries its unit ("0.4 mg/day"); only a fraction may go without. A bare number is taken in
    `unit`, or else in the internal unit (mg, h, L, kg, m2, cm); for an amount or a rate, which are
    doses, `unit` has to be given.

    Parameters
    ----------
    value : str, float, array_like or pint.Quantity
        One quantity, or many; a sequence may mix text and numbers.
    dimension : str
        A key of `DIMENSIONS`.
    unit : str, optional
        Unit of numbers without one.
    molar_mass : float, optional
        Molar mass [g/mol], to read molar quantities as mass.
    name : str, optional
        What the quantity is, for errors: ``"clearance"``.

    Returns
    -------
    float or ndarray
        In the unit ``DIMENSIONS[dimension]``.

    Raises
    ------
    UnitError
        A missing or unknown unit or one of another dimension, a molar unit without `molar_mass`, a
        value that is negative or not a number, an infinite one that is no time.

    Examples
    --------
    >>> convert("60 mg", "amount")
    60.0
    >>> convert("90 mL/min", "clearance")
    5.4
    >>> convert([1, 2], "amount", unit="ug")
    array([0.001, 0.002])
    >>> convert("10 nmol/L", "concentration", molar_mass=285.34)
    0.0028534
    """
    if isinstance(value, (list, tuple)) and any(isinstance(item, str) for item in value):
        return np.array(
            [convert(v, dimension, unit=unit, molar_mass=molar_mass, name=name) for v in value]
        )
    shown = f'"{value.strip()}"' if isinstance(value, str) else _brief(value)
    try:
        number, own = _number_and_unit(value)
        result = _internal(number, own or unit, dimension, molar_mass, isinstance(value, str))
        _require_sense(result, dimension)
    except UnitError as error:
        given = f"{name} {shown}" if name else shown
        raise UnitError(*error.faults, given=given, remedy=error.remedy) from None
    return result


def split(text: str) -> tuple[float, str]:
    """Part a quantity into its number and its unit, which may be empty.

    Parameters
    ----------
    text : str
        For example ``"0.4 mg/day"``.

    Returns
    -------
    tuple of float and str
        The number and the unit as they stand.

    Raises
    ------
    UnitError
        The text does not begin with a number, or the number has a comma.

    Examples
    --------
    >>> split("0.4 mg/day")
    (0.4, 'mg/day')
    """
    match = _QUANTITY.fullmatch(text)
    if match is not None:
        return float(match[1]), match[2]
    comma = re.match(r"\s*([+-]?\d+),(\d+)", text)
    if comma and len(comma[2]) == 3:
        fault = (
            f'"{comma[0].strip()}" has a comma: "{comma[1]}{comma[2]}" or "{comma[1]}.{comma[2]}"'
        )
    elif comma:
        fault = f'"{comma[0].strip()}" has a decimal comma: write "{comma[1]}.{comma[2]}"'
    else:
        fault = "does not begin with a number"
    raise UnitError(fault, given=f'"{text.strip()}"', remedy='Write for example "60 mg".')


def factor(unit: str, dimension: str, molar_mass: float | None = None) -> float:
    """Multiply a number in `unit` by this to get the internal unit.

    Parameters
    ----------
    unit : str
        For example ``"mL/min"``.
    dimension : str
        A key of `DIMENSIONS`.
    molar_mass : float, optional
        Molar mass [g/mol], for molar units.

    Returns
    -------
    float
        Internal units per `unit`.

    Raises
    ------
    UnitError
        As for `convert`.

    Examples
    --------
    >>> factor("mL/min", "clearance")
    0.06
    """
    numerator, denominator = _ratio(unit, dimension, molar_mass)
    return numerator / denominator


def express(
    values: ArrayLike, dimension: str, unit: str, molar_mass: float | None = None
) -> float | NDArray[np.float64]:
    """Turn numbers in the internal unit into a unit for display.

    Parameters
    ----------
    values : array_like
        In the unit ``DIMENSIONS[dimension]``.
    dimension : str
        A key of `DIMENSIONS`.
    unit : str
        The unit to show.
    molar_mass : float, optional
        Molar mass [g/mol], for molar units.

    Returns
    -------
    float or ndarray
        In `unit`.

    Raises
    ------
    UnitError
        As for `convert`.

    Examples
    --------
    >>> express(0.4 / 24, "rate", "mg/day")
    0.4
    """
    numerator, denominator = _ratio(unit, dimension, molar_mass)
    return _numbers(values) * denominator / numerator


def dimension_of(unit: str) -> str:
    """Name the dimension of a unit. Molar units count as those of mass.

    Parameters
    ----------
    unit : str
        For example ``"ng/mL"``; empty for a fraction.

    Returns
    -------
    str
        A key of `DIMENSIONS`.

    Raises
    ------
    UnitError
        The unit is unknown, or no dimension has it.

    Examples
    --------
    >>> dimension_of("ng/mL"), dimension_of("mg/kg"), dimension_of("kg")
    ('concentration', 'amount_per_kg', 'weight')
    """
    powers = _scale(unit).powers
    known = _dimensions()
    dimension = known.get(powers) or known.get(_as_mass(powers))
    if dimension is None:
        raise UnitError(
            "is the unit of nothing known here",
            given=f'"{unit}"',
            remedy=f"Write for example {', '.join(list(DIMENSIONS.values())[:6])}.",
        )
    return dimension


def _number_and_unit(value: Any) -> tuple[Any, str]:
    if isinstance(value, str):
        return split(value)
    if hasattr(value, "unit_items") and hasattr(value, "magnitude"):
        unit = "*".join(f"{name}^{power}" for name, power in value.unit_items())
        return _numbers(value.magnitude), unit or "1"
    return _numbers(value), ""


def _numbers(value: Any) -> Any:
    """Return a float for a number and an array of floats for anything else."""
    array = np.asarray(value)
    if array.dtype.kind not in "iufO":
        raise _no_number(value)
    try:
        return float(array) if array.ndim == 0 else array.astype(float)
    except (TypeError, ValueError):
        raise _no_number(value) from None


def _no_number(value: Any) -> UnitError:
    return UnitError(f"expected a number, or text with a unit, not {type(value).__name__}")


def _internal(
    number: Any, unit: str | None, dimension: str, molar_mass: float | None, text: bool
) -> Any:
    if unit:
        numerator, denominator = _ratio(unit, dimension, molar_mass)
        return number * numerator / denominator
    if dimension in _DOSES or (text and dimension != "fraction"):
        remedy = _remedy(dimension)
        if not text:
            remedy = f'{remedy[:-1]}, or pass unit="{DIMENSIONS[dimension]}".'
        raise UnitError(f"has no unit ({_choice(dimension)})", remedy=remedy)
    return number


def _require_sense(value: Any, dimension: str) -> None:
    low, high = (value, value) if isinstance(value, float) else (np.min(value), np.max(value))
    if math.isnan(low):
        raise UnitError("is not a number (NaN)", remedy=_remedy(dimension))
    if low < 0:
        raise UnitError(f"is negative; expected 0 or above for {_noun(dimension)}")
    if high == math.inf and dimension != "time":
        raise UnitError(f"is infinite; expected a finite value for {_noun(dimension)}")


def _brief(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:37]}..."


def _noun(dimension: str) -> str:
    words = dimension.replace("_per_", " per ").replace("_", " ").replace("auc", "AUC")
    return f"{'an' if words[0] in 'aA' else 'a'} {words}"


def _choice(dimension: str) -> str:
    return _EXAMPLES[dimension][1]


def _remedy(dimension: str) -> str:
    return f'Write for example "{_EXAMPLES[dimension][0]}".'


@lru_cache(maxsize=1024)
def _ratio(unit: str, dimension: str, molar_mass: float | None) -> tuple[float, float]:
    """Numerator and denominator of the factor from `unit` to the internal unit."""
    if dimension not in DIMENSIONS:
        raise UnitError(f'unknown dimension "{dimension}"{did_you_mean(dimension, DIMENSIONS)}')
    scale, inner = _scale(unit, dimension), _scale(DIMENSIONS[dimension])
    n, d = scale.numerator * inner.denominator, scale.denominator * inner.numerator
    if scale.powers != inner.powers:
        if scale.powers == _MASS and inner.powers == _WEIGHT:
            d *= _MILLION
        elif _as_mass(scale.powers) == inner.powers:
            n *= _molar_mg(molar_mass, unit, dimension)
        else:
            raise _wrong_dimension(unit, dimension)
    if isinstance(n, int) and isinstance(d, int):
        common = math.gcd(n, d)
        return n // common, d // common
    return n, d


def _as_mass(powers: tuple[int, ...]) -> tuple[int, ...]:
    """Powers with one mole replaced by its mass."""
    mass, *middle, substance, weight = powers
    return (mass + 1, *middle, 0, weight) if substance == 1 else powers


def _molar_mg(molar_mass: float | None, unit: str, dimension: str) -> float:
    if molar_mass is None:
        raise UnitError(
            f'"{unit}" is molar, and the molar mass is not given',
            remedy=f"Pass molar_mass= in g/mol, or write mass ({_choice(dimension)}).",
        )
    if not 0 < molar_mass < math.inf:
        raise UnitError(f"the molar mass is {molar_mass}; expected a positive number of g/mol")
    return 1000 * molar_mass


def _wrong_dimension(unit: str, dimension: str) -> UnitError:
    other = _dimensions().get(_scale(unit).powers)
    found = f"the unit of {_noun(other)}" if other else "of another dimension"
    return UnitError(
        f'"{unit}" is {found}; expected {_noun(dimension)} ({_choice(dimension)})',
        remedy=_remedy(dimension),
    )


@lru_cache(maxsize=1)
def _dimensions() -> dict[tuple[int, ...], str]:
    return {_scale(unit).powers: dimension for dimension, unit in DIMENSIONS.items()}


@lru_cache(maxsize=1024)
def _scale(unit: str, dimension: str | None = None) -> _Scale:
    """Read a product of units; `dimension` is what errors suggest units of."""
    n: float = 1
    d: float = 1
    powers: tuple[int, ...] = _NONE
    for name, power in _factors(unit):
        numerator, denominator, own = _lookup(name, dimension)
        if own == _LENGTH and abs(power) == 3:  # cm3 is a volume
            own, numerator, denominator = _VOLUME, numerator**3, denominator**3 * 1000
            power //= 3
        if power < 0:
            numerator, denominator = denominator, numerator
        n, d = n * numerator ** abs(power), d * denominator ** abs(power)
        powers = tuple(p + power * o for p, o in zip(powers, own, strict=True))
    return _Scale(n, d, powers)


def _factors(unit: str) -> list[tuple[str, int]]:
    """Part ``"mL/min/kg"`` into names and powers."""
    factors = []
    signs, sign, position = [1], 1, 0
    text = unit.strip()
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None or (token["close"] and len(signs) == 1):
            raise _unreadable(unit)
        position = token.end()
        if token["slash"]:
            sign = -1
        elif token["open"]:
            signs.append(signs[-1] * sign)
            sign = 1
        elif token["close"]:
            signs.pop()
        elif token["name"]:
            power = int((token["power"] or "1").translate(_SUPERSCRIPT))
            factors.append((token["name"], signs[-1] * sign * power))
            sign = 1
    if len(signs) > 1 or sign == -1:
        raise _unreadable(unit)
    return factors


def _unreadable(unit: str) -> UnitError:
    return UnitError(
        f'cannot read the unit "{unit}"', remedy='Write units like "mg", "mg/day" or "mL/min/kg".'
    )


def _lookup(name: str, dimension: str | None) -> _Scale:
    scale = _SYMBOLS.get(name) or _WORDS.get(name.lower())
    if scale is None and len(name) > 3 and name.lower() not in _NOT_A_MASS:
        scale = _ask_pint(name)
    if scale is None:
        raise _unknown(name, dimension)
    return scale


def _unknown(name: str, dimension: str | None) -> UnitError:
    near = [s for s in _SYMBOLS if s.casefold() == name.casefold()]
    if near:
        hint = f" (did you mean {' or '.join(near)}?)"
    elif name.lower() in _NOT_A_MASS:
        hint = ", which has no mass: write the amount in mg"
    elif dimension is None:
        hint = did_you_mean(name, [*_SYMBOLS, *_WORDS])
    else:
        hint = f" ({_choice(dimension)})"
    remedy = _remedy(dimension) if dimension else ""
    return UnitError(f'unknown unit "{name}"{hint}', remedy=remedy)


@lru_cache(maxsize=256)
def _ask_pint(name: str) -> _Scale | None:
    """Size of a written-out unit, or None where pint knows none or reads a prefix into a typo."""
    import pint

    registry = pint.get_application_registry()
    for prefix, _, _ in registry.parse_unit_name(name):
        if prefix and not name.startswith(prefix):  # "Mgram"
            return None
    try:
        size = registry.Quantity(1.0, name).to_base_units()
    except (pint.UndefinedUnitError, pint.OffsetUnitCalculusError):
        return None
    powers = {key.strip("[]"): int(power) for key, power in size.dimensionality.items()}
    mass, time, length = (powers.pop(key, 0) for key in ("mass", "time", "length"))
    substance = powers.pop("substance", 0)
    if powers:
        return None
    if mass == 1 and not (time or length or substance) and size.magnitude > 0.1:
        return _Scale(float(size.magnitude), 1, _WEIGHT)
    volume, length = (length // 3, 0) if abs(length) == 3 else (0, length)
    number = size.magnitude * 1e6**mass / 3600**time * 1e3**volume * 100**length
    return _Scale(float(number), 1, (mass, time, volume, length, substance, 0))
