"""Products of units: what "mL/min/kg" is in internal units, exactly where the table allows it."""

from __future__ import annotations

import math
import re
from functools import lru_cache

from pkmodel.errors import UnitError, did_you_mean
from pkmodel.units.spellings import (
    BASE_UNITS,
    DIMENSIONS,
    EXAMPLES,
    LENGTH,
    MASS,
    MILLION,
    NONE,
    SYMBOLS,
    VOLUME,
    WEIGHT,
    WORDS,
    Scale,
)

_NOT_A_MASS = frozenset({"iu", "u", "unit", "units", "meq", "tablet", "tablets", "drop", "drops"})
_TOKEN = re.compile(
    r"\s*(?:(?P<slash>/|per\b)|(?P<name>[A-Za-zµμ_]+|%)(?:(?:\*\*|\^)?(?P<power>-?\d+|⁻?[¹²³]))?"
    r"|(?P<one>1)|(?P<open>\()|(?P<close>\))|[*·⋅.])\s*"
)
_LIST = ", ".join(DIMENSIONS)
_SUPERSCRIPT = str.maketrans("⁻¹²³", "-123")


@lru_cache(maxsize=1024)
def ratio(unit: str, dimension: str, molar_mass: float | None) -> tuple[float, float]:
    """Numerator and denominator of the factor from `unit` to the internal unit."""
    require_dimension(dimension)
    scale, inner = scale_of(unit, dimension), scale_of(DIMENSIONS[dimension])
    n, d = scale.numerator * inner.denominator, scale.denominator * inner.numerator
    if scale.powers != inner.powers:
        if scale.powers == MASS and inner.powers == WEIGHT:
            d *= MILLION
        elif as_mass(scale.powers) == inner.powers:
            n *= _molar_mg(molar_mass, unit, dimension)
        else:
            raise _wrong_dimension(unit, dimension)
    if isinstance(n, int) and isinstance(d, int):
        common = math.gcd(n, d)
        return n // common, d // common
    return n, d


def require_dimension(dimension: str) -> None:
    """Refuse a name that is no dimension."""
    if dimension not in DIMENSIONS:
        near = did_you_mean(dimension, DIMENSIONS)
        raise UnitError(f'unknown dimension "{dimension}"{near}', remedy=f"Use {_LIST}.")


def as_mass(powers: tuple[int, ...]) -> tuple[int, ...]:
    """Powers with one mole replaced by its mass."""
    mass, *middle, substance, weight = powers
    return (mass + 1, *middle, 0, weight) if substance == 1 else powers


def _molar_mg(molar_mass: float | None, unit: str, dimension: str) -> float:
    if molar_mass is None:
        raise UnitError(
            f'"{unit}" is molar, and the molar mass is not given',
            remedy=f"Write mass ({_masses(dimension)}), or convert it by the molar mass in g/mol: "
            f'units.convert(..., "{dimension}", molar_mass=...).',
        )
    if not 0 < molar_mass < math.inf:
        raise UnitError(f"the molar mass is {molar_mass}; expected a positive number of g/mol")
    return 1000 * molar_mass


def _masses(dimension: str) -> str:
    """Units to choose from without a mole."""
    return ", ".join(unit for unit in choice(dimension).split(", ") if "mol" not in unit)


def _wrong_dimension(unit: str, dimension: str) -> UnitError:
    other = dimensions_by_powers().get(scale_of(unit).powers)
    found = f"the unit of {noun(other)}" if other else "of another dimension"
    return UnitError(
        f'"{unit}" is {found}; expected {noun(dimension)} ({choice(dimension)})',
        remedy=remedy(dimension),
    )


def noun(dimension: str) -> str:
    """Name a dimension with its article."""
    words = dimension.replace("_per_", " per ").replace("_", " ").replace("auc", "AUC")
    return f"{'an' if words[0] in 'aA' else 'a'} {words}"


def choice(dimension: str) -> str:
    """Units to choose from."""
    return EXAMPLES[dimension][1]


def remedy(dimension: str) -> str:
    """Line that repairs a quantity."""
    return f'Write for example "{EXAMPLES[dimension][0]}".'


@lru_cache(maxsize=1)
def dimensions_by_powers() -> dict[tuple[float, ...], str]:
    """Dimensions by their powers of the base units; no unit at all is a fraction."""
    return {scale_of(unit).powers: dimension for dimension, unit in DIMENSIONS.items()}


def unit_of(powers: tuple[float, ...]) -> str:
    """Write powers of the base units: ``"mg*L/h"``; that of a dimension as the package does."""
    dimension = dimensions_by_powers().get(powers)
    if dimension:
        return DIMENSIONS[dimension]
    above: list[str] = []
    below: list[str] = []
    for unit, power in zip(BASE_UNITS, powers, strict=True):
        size = "" if abs(power) == 1 else f"{'' if power % 1 == 0 else '^'}{abs(power):g}"
        if power:
            (above if power > 0 else below).append(unit + size)
    return "/".join(["*".join(above) or "1", *below])


@lru_cache(maxsize=1024)
def scale_of(unit: str, dimension: str | None = None) -> Scale:
    """Read a product of units; `dimension` is what errors suggest units of."""
    n: float = 1
    d: float = 1
    powers: tuple[int, ...] = NONE
    for name, power in _factors(unit):
        numerator, denominator, own = _lookup(name, dimension)
        if own == LENGTH and abs(power) == 3:  # cm3 is a volume
            own, numerator, denominator = VOLUME, numerator**3, denominator**3 * 1000
            power //= 3
        if power < 0:
            numerator, denominator = denominator, numerator
        n, d = n * numerator ** abs(power), d * denominator ** abs(power)
        powers = tuple(p + power * o for p, o in zip(powers, own, strict=True))
    return Scale(n, d, powers)


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


def _lookup(name: str, dimension: str | None) -> Scale:
    scale = SYMBOLS.get(name) or WORDS.get(name.lower())
    if scale is None and len(name) > 3 and name.lower() not in _NOT_A_MASS:
        scale = _ask_pint(name.lower())
    if scale is None:
        raise _unknown(name, dimension)
    return scale


def _unknown(name: str, dimension: str | None) -> UnitError:
    near = [s for s in SYMBOLS if s.casefold() == name.casefold()]
    if near:
        hint = f" (did you mean {' or '.join(near)}?)"
    elif name.lower() in _NOT_A_MASS:
        hint = ", which has no mass: write the amount in mg"
    elif dimension is None:
        hint = did_you_mean(name, [*SYMBOLS, *WORDS])
    else:
        hint = f" ({choice(dimension)})"
    return UnitError(f'unknown unit "{name}"{hint}', remedy=remedy(dimension) if dimension else "")


@lru_cache(maxsize=256)
def _ask_pint(name: str) -> Scale | None:
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
        return Scale(float(size.magnitude), 1, WEIGHT)
    volume, length = (length // 3, 0) if abs(length) == 3 else (0, length)
    number = size.magnitude * 1e6**mass / 3600**time * 1e3**volume * 100**length
    return Scale(float(number), 1, (mass, time, volume, length, substance, 0))
