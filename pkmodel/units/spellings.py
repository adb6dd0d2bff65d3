"""The field's units: dimensions, spellings, sizes. A test compares every size with pint's."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

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
        "association": "L/mg/h",
        "weight": "kg",
        "area": "m2",
        "length": "cm",
        "molar_mass": "g/mol",
        "ratio": "1",
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
EXAMPLES = {
    "amount": ("60 mg", "g, mg, ug, ng"),
    "rate": ("0.4 mg/day", "mg/h, mg/day, ug/h, ug/day"),
    "concentration": ("2 ng/mL", "mg/L, ug/mL, ng/mL, nmol/L"),
    "volume": ("50 L", "L, mL"),
    "clearance": ("5 L/h", "L/h, L/day, mL/min"),
    "time": ("12 h", "min, h, d, week"),
    "association": ("0.6 L/mg/h", "L/mg/h, mL/ug/h"),
    "rate_constant": ("0.5 /h", "/min, /h, /day"),
    "weight": ("70 kg", "kg, g, lb"),
    "area": ("1.8 m2", "m2, cm2"),
    "length": ("30 cm", "mm, cm, m"),
    "molar_mass": ("285.34 g/mol", "g/mol"),
    "ratio": ("0.3", "%, or no unit"),
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


class Scale(NamedTuple):
    """A unit: `numerator / denominator` times base units to `powers`."""

    numerator: float
    denominator: float
    powers: tuple[int, ...]


# Powers of mass [mg], time [h], volume [L], length [cm], substance [mol], body weight [kg]. Body
# weight is no mass here: mg/kg is not a fraction, and "60 kg" is not a dose.
MASS = (1, 0, 0, 0, 0, 0)
TIME = (0, 1, 0, 0, 0, 0)
VOLUME = (0, 0, 1, 0, 0, 0)
LENGTH = (0, 0, 0, 1, 0, 0)
SUBSTANCE = (0, 0, 0, 0, 1, 0)
WEIGHT = (0, 0, 0, 0, 0, 1)
MOLARITY = (0, 0, -1, 0, 1, 0)
NONE = (0, 0, 0, 0, 0, 0)
BASE_UNITS = ("mg", "h", "L", "cm", "mol", "kg")
_KILO, MILLION, _BILLION, _TRILLION = 10**3, 10**6, 10**9, 10**12


def _table(*rows: tuple[tuple[int, ...], int, int, str]) -> dict[str, Scale]:
    """Expand rows of powers, numerator, denominator and spellings."""
    return {name: Scale(n, d, powers) for powers, n, d, names in rows for name in names.split()}


# Abbreviations, in exactly this case: "Mg" is a megagram. Others of up to 3 letters are refused,
# for pint takes "u" for a dalton, "pd" for a picoday and "gr" for a grain.
SYMBOLS = _table(
    (MASS, 1000, 1, "g"),
    (MASS, 1, 1, "mg"),
    (MASS, 1, _KILO, "ug µg μg mcg"),
    (MASS, 1, MILLION, "ng"),
    (MASS, 1, _BILLION, "pg"),
    (TIME, 24, 1, "d"),
    (TIME, 1, 1, "h"),
    (TIME, 1, 3600, "s"),
    (VOLUME, 1, 1, "L l"),
    (VOLUME, 1, 10, "dL dl"),
    (VOLUME, 1, _KILO, "mL ml cc"),
    (VOLUME, 1, MILLION, "uL µL μL ul µl μl"),
    (LENGTH, 100, 1, "m"),
    (LENGTH, 1, 1, "cm"),
    (LENGTH, 1, 10, "mm"),
    (SUBSTANCE, 1, 1, "mol"),
    (SUBSTANCE, 1, _KILO, "mmol"),
    (SUBSTANCE, 1, MILLION, "umol µmol μmol"),
    (SUBSTANCE, 1, _BILLION, "nmol"),
    (SUBSTANCE, 1, _TRILLION, "pmol"),
    (MOLARITY, 1, 1, "M"),
    (MOLARITY, 1, _KILO, "mM"),
    (MOLARITY, 1, MILLION, "uM µM μM"),
    (MOLARITY, 1, _BILLION, "nM"),
    (MOLARITY, 1, _TRILLION, "pM"),
    (WEIGHT, 1, 1, "kg"),
    (WEIGHT, 45359237, 100000000, "lb"),
    (NONE, 1, 100, "%"),
)

# Words, read in any case.
WORDS = _table(
    (MASS, 1000, 1, "gram grams"),
    (MASS, 1, 1, "milligram milligrams"),
    (MASS, 1, _KILO, "microgram micrograms"),
    (MASS, 1, MILLION, "nanogram nanograms"),
    (MASS, 1, _BILLION, "picogram picograms"),
    (TIME, 168, 1, "wk week weeks"),
    (TIME, 24, 1, "day days"),
    (TIME, 1, 1, "hr hrs hour hours"),
    (TIME, 1, 60, "min mins minute minutes"),
    (TIME, 1, 3600, "sec second seconds"),
    (VOLUME, 1, 1, "liter liters litre litres"),
    (VOLUME, 1, _KILO, "milliliter milliliters millilitre millilitres"),
    (VOLUME, 1, MILLION, "microliter microliters microlitre microlitres"),
    (LENGTH, 100, 1, "meter meters metre metres"),
    (LENGTH, 1, 1, "centimeter centimeters centimetre centimetres"),
    (SUBSTANCE, 1, 1, "mole moles"),
    (SUBSTANCE, 1, _KILO, "millimole millimoles"),
    (SUBSTANCE, 1, MILLION, "micromole micromoles"),
    (SUBSTANCE, 1, _BILLION, "nanomole nanomoles"),
    (WEIGHT, 1, 1, "kilogram kilograms"),
    (NONE, 1, 100, "percent"),
)
