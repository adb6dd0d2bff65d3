"""Units: the table against pint, what is refused and how, exact factors."""

import math
import subprocess
import sys

import numpy as np
import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkmodel import units
from pkmodel.errors import UnitError
from pkmodel.units.spellings import EXAMPLES, SYMBOLS, WORDS

UREG = pint.UnitRegistry()
BASE = ("mg", "hour", "liter", "cm", "mol", "kg")
PINT_SPELLING = {"wk": "week", "%": "percent"}

PRODUCTS = {
    "rate": "mg/h mg/hr mg/day mg/d ug/h µg/day mcg/min ng/s g/week mg·h-1 mg*day^-1 mg.h⁻¹",
    "concentration": "mg/L mg/l ng/mL ng/ml ug/mL µg/mL pg/mL ug/dL mg/dL g/L mg/cm3 mg/mm3 ug/cc",
    "clearance": "L/h mL/min L/day mL/h L*h-1 mL.min⁻¹ dL/min cm3/s",
    "rate_constant": "1/h /h /min 1/day h-1 h^-1 h**-1 min⁻¹ 1/week",
    "area": "m2 m^2 m**2 m² cm2 mm2",
    "length": "m cm mm",
    "molar_mass": "g/mol mg/mmol",
    "auc": "mg*h/L ng*h/mL ng·h/mL ng.h/mL mg*min/L ug*day/mL h*mg/L",
    "amount_per_kg": "mg/kg ug/kg g/kg",
    "rate_per_kg": "mg/kg/h ug/kg/min mg/(kg*h) mg/(kg·day) mg/h/kg ug*kg-1*min-1",
    "volume_per_kg": "L/kg mL/kg",
    "clearance_per_kg": "L/h/kg mL/min/kg mL/(min*kg) L/kg/day",
    "amount_per_m2": "mg/m2 ug/m² g/m^2",
    "rate_per_m2": "mg/m2/h mg/m2/day",
    "volume_per_m2": "L/m2 mL/m2",
    "clearance_per_m2": "L/h/m2 mL/min/m2",
}


def in_pint(unit):
    """The same unit as pint spells it."""
    for superscript, power in (("⁻¹", "**-1"), ("²", "**2"), ("cm3", "cm**3"), ("mm3", "mm**3")):
        unit = unit.replace(superscript, power)
    for name in ("m2", "cm2", "mm2"):
        unit = "/".join(f"{name[:-1]}**2" if part == name else part for part in unit.split("/"))
    for name in ("h", "kg", "min"):
        unit = unit.replace(f"{name}-1", f"{name}**-1")
    unit = unit.replace("·", "*").replace(".", "*")
    return f"1{unit}" if unit.startswith("/") else unit


@pytest.mark.parametrize("name", [*SYMBOLS, *WORDS])
def test_table_is_pint(name):
    scale = (SYMBOLS | WORDS)[name]
    base = "*".join(f"{b}**{p}" for b, p in zip(BASE, scale.powers, strict=True) if p)
    there = UREG.Quantity(1, PINT_SPELLING.get(name, name)).to(base or "dimensionless")
    assert scale.numerator / scale.denominator == pytest.approx(there.magnitude, rel=1e-14)


@pytest.mark.parametrize(
    ("dimension", "unit"), [(d, u) for d in PRODUCTS for u in PRODUCTS[d].split()]
)
def test_product_is_pint(dimension, unit):
    quantity = UREG.Quantity(2.5, UREG.parse_expression(in_pint(unit)).units)
    expected = quantity.to(in_pint(units.DIMENSIONS[dimension])).magnitude
    assert units.convert(f"2.5 {unit}", dimension) == pytest.approx(expected, rel=1e-14)
    assert units.dimension_of(unit) == dimension


@pytest.mark.parametrize(
    ("unit", "dimension"),
    [
        ("ounce", "amount"),
        ("grains", "amount"),
        ("femtogram", "amount"),
        ("fortnight", "time"),
        ("Months", "time"),
        ("inches", "length"),
        ("stone", "weight"),
        ("millimolar", "concentration"),
        ("femtomoles/ml", "concentration"),
        ("pint/hour", "clearance"),
    ],
)
def test_other_words_go_to_pint(unit, dimension):
    molar_mass = 250.0
    quantity = UREG.Quantity(3, unit.lower())
    if "[substance]" in quantity.dimensionality:
        quantity *= UREG.Quantity(molar_mass, "g/mol")
    expected = quantity.to(units.DIMENSIONS[dimension]).magnitude
    assert units.convert(f"3 {unit}", dimension, molar_mass=molar_mass) == pytest.approx(expected)
    assert units.dimension_of(unit) == dimension


def test_internal_units_and_examples_are_consistent():
    assert units.DIMENSIONS.keys() == EXAMPLES.keys()
    for dimension, unit in units.DIMENSIONS.items():
        assert units.factor(unit, dimension) == 1.0
        expected = "fraction" if dimension == "ratio" else dimension
        assert units.dimension_of(unit) == expected
        example, choice = EXAMPLES[dimension]
        assert units.convert(example, dimension) > 0
        for unit in choice.replace("%, or no unit", "%").split(", "):
            assert units.factor(unit, dimension, molar_mass=1.0) > 0


@pytest.mark.parametrize(
    ("text", "dimension", "expected"),
    [
        ("0.4 mg/day", "rate", 0.4 / 24),
        ("0.4 mg per day", "rate", 0.4 / 24),
        ("250 ug/day", "rate", 250 / 24000),
        ("0.1 mg", "amount", 0.1),
        ("100 ug", "amount", 0.1),
        ("60mg", "amount", 60.0),
        (" .5  mg ", "amount", 0.5),
        ("1e-3 g", "amount", 1.0),
        ("20 min", "time", 20 / 60),
        ("2 WEEKS", "time", 336.0),
        ("70 kg", "weight", 70.0),
        ("3500 g", "weight", 3.5),
        ("154 lb", "weight", 154 * 45359237 / 100000000),
        ("30 %", "fraction", 0.3),
        ("0.3", "fraction", 0.3),
        ("4", "ratio", 4.0),
        ("120 %", "ratio", 1.2),
        ("1 /h", "rate_constant", 1.0),
        ("1.8 m²", "area", 1.8),
    ],
)
def test_exact(text, dimension, expected):
    assert units.convert(text, dimension) == expected


def test_molar():
    assert units.convert("2 umol", "amount", molar_mass=285.34) == pytest.approx(0.57068)
    assert units.convert("10 nM", "concentration", molar_mass=285.34) == pytest.approx(2.8534e-3)
    assert units.convert("10 nmol*h/L", "auc", molar_mass=500) == pytest.approx(5e-3)
    assert units.convert("5 mg", "amount", molar_mass=285.34) == 5.0
    assert units.express(0.57068, "amount", "umol", molar_mass=285.34) == pytest.approx(2.0)
    assert units.dimension_of("nmol/L") == "concentration"


def test_numbers():
    assert units.convert(5, "clearance") == 5.0
    assert units.convert(5, "amount", unit="g") == 5000.0
    assert units.convert("5", "amount", unit="g") == 5000.0
    assert units.convert("5 mg", "amount", unit="g") == 5.0
    assert units.convert(math.inf, "time") == math.inf
    assert type(units.convert(np.float32(2), "volume")) is float


def test_arrays():
    np.testing.assert_array_equal(units.convert([1, 2], "amount", unit="ug"), [0.001, 0.002])
    np.testing.assert_array_equal(units.convert(["5 L/h", 6], "clearance"), [5.0, 6.0])
    given = np.array([[1, 2], [3, 4]])
    result = units.convert(given, "volume")
    assert result.shape == (2, 2)
    assert result.dtype == float
    result[0, 0] = 9
    assert given[0, 0] == 1
    np.testing.assert_array_equal(units.express([1.0, 2.0], "volume", "mL"), [1000.0, 2000.0])


def test_pint_quantities():
    for text, dimension in [("5 mg", "amount"), ("0.4 mg/day", "rate"), ("5 mg/kg", "amount_per_kg"),
                            ("1.8 m**2", "area"), ("90 mL/min", "clearance"), ("3 oz", "amount"),
                            ("0.3", "fraction"), ("30 %", "fraction")]:  # fmt: skip
        expected = UREG.Quantity(text)
        target = units.DIMENSIONS[dimension].replace("m2", "m**2").replace("1", "dimensionless")
        result = units.convert(expected, dimension)
        assert result == pytest.approx(expected.to(target).magnitude, rel=1e-14)
    np.testing.assert_array_equal(units.convert(UREG.Quantity([1, 2], "g"), "amount"), [1e3, 2e3])
    with pytest.raises(UnitError, match="unit of a volume"):
        units.convert(UREG.Quantity(5, "L"), "amount")
    with pytest.raises(UnitError, match="unit of a fraction"):
        units.convert(UREG.Quantity(5, "mg/mg"), "amount_per_kg")


REFUSED = [
    (
        "60 mgs",
        "amount",
        '"60 mgs": unknown unit "mgs" (g, mg, ug, ng). Write for example "60 mg".',
    ),
    ("60", "amount", '"60": has no unit (g, mg, ug, ng)'),
    ("60", "clearance", "has no unit (L/h, L/day, mL/min)"),
    (60, "amount", 'has no unit (g, mg, ug, ng). Write for example "60 mg", or pass unit="mg".'),
    ([1.0, 2.0], "rate", 'or pass unit="mg/h"'),
    (0.1, "amount_per_kg", "has no unit"),
    ("60 L", "amount", '"L" is the unit of a volume; expected an amount'),
    ("60 kg", "amount", '"kg" is the unit of a weight; expected an amount'),
    ("60 stone", "amount", '"stone" is the unit of a weight'),
    ("60 mg/kg", "amount", "is the unit of an amount per kg"),
    ("60 mg", "amount_per_kg", "expected an amount per kg"),
    ("60 mg", "rate", "expected a rate"),
    ("5 m", "time", '"m" is the unit of a length; expected a time'),
    ("5 M", "time", '"M" is of another dimension; expected a time'),
    ("5 mg/h/h", "rate", "is of another dimension"),
    ("60 Mg", "amount", "did you mean mg?"),
    ("60 MG", "amount", "did you mean mg?"),
    ("60 mG", "amount", "did you mean mg?"),
    ("60 Ug", "amount", "did you mean ug?"),
    ("60 G", "amount", "did you mean g?"),
    ("5 Mmol", "amount", "did you mean mmol?"),
    ("5 ML", "volume", "did you mean mL or ml?"),
    ("5 H", "time", "did you mean h?"),
    ("5 D", "time", "did you mean d?"),
    ("5 pd", "time", "unknown unit"),
    ("5 y", "time", "unknown unit"),
    ("5 mgh", "auc", "unknown unit"),
    ("5 gr", "amount", "unknown unit"),
    ("5 dg", "amount", "unknown unit"),
    ("5 Mgram", "amount", "unknown unit"),
    ("5 mmin", "time", "unknown unit"),
    ("5 u", "amount", "which has no mass"),
    ("5 IU", "amount", "which has no mass"),
    ("5 tablets", "amount", "which has no mass"),
    ("5 celsius", "amount", "unknown unit"),
    ("5 tesla", "amount", "unknown unit"),
    ("5 milligramm", "amount", "unknown unit"),
    ("5 mg/", "amount", 'cannot read the unit "mg/"'),
    ("5 (mg", "amount", "cannot read the unit"),
    ("5 mg)", "amount", "cannot read the unit"),
    ("5 mg/2h", "rate", "cannot read the unit"),
    ("5 mL/min/1.73m2", "clearance", "cannot read the unit"),
    ("0,4 mg", "amount", 'has a decimal comma: write "0.4"'),
    ("1,000 mg", "amount", 'has a comma: "1000" or "1.000"'),
    ("mg", "amount", "does not begin with a number"),
    ("", "amount", "does not begin with a number"),
    ("1.2.3 mg", "amount", "does not begin with a number"),
    ("-5 mg", "amount", "is negative; expected 0 or above for an amount"),
    (-5, "time", "is negative"),
    ([1, -5], "time", "is negative"),
    (math.nan, "volume", "is not a number (NaN)"),
    ([1, math.nan], "volume", "is not a number (NaN)"),
    (math.inf, "volume", "is infinite"),
    ("1e999 mg", "amount", "is infinite"),
    (True, "volume", "expected a number, or text with a unit, not bool"),
    (None, "volume", "expected a number, or text with a unit, not NoneType"),
    (1j, "volume", "not complex"),
    (["5 L", None], "volume", "not NoneType"),
    (
        "5 umol",
        "amount",
        '"umol" is molar, and the molar mass is not given. Write mass (g, mg, ug, ng), or',
    ),
    (
        "5 nmol/L",
        "concentration",
        "Write mass (mg/L, ug/mL, ng/mL), or convert it by the molar mass",
    ),
    ("5 mg", "amuont", 'unknown dimension "amuont" (did you mean "amount"'),
    (5, "amuont", "unknown dimension"),
]


@pytest.mark.parametrize(("value", "dimension", "message"), REFUSED)
def test_refused(value, dimension, message):
    with pytest.raises(UnitError) as error:
        units.convert(value, dimension)
    assert message in str(error.value)


def test_error_names_the_quantity():
    with pytest.raises(UnitError, match=r'^clearance "5 L": "L" is the unit of a volume; expected'):
        units.convert("5 L", "clearance", name="clearance")
    with pytest.raises(UnitError, match=r"^volume \[0, 1, .*\.\.\.: is negative"):
        units.convert([*range(100), -1], "volume", name="volume")


def test_bad_molar_mass():
    with pytest.raises(
        UnitError, match="the molar mass is -1; expected a positive number of g/mol"
    ):
        units.convert("5 umol", "amount", molar_mass=-1)


def test_dimension_of_refuses():
    with pytest.raises(UnitError, match="is the unit of nothing known here"):
        units.dimension_of("mg2")
    with pytest.raises(UnitError, match='unknown unit "mgg"'):
        units.dimension_of("mgg")
    assert units.dimension_of("") == "fraction"


UNITS = [(d, u) for d, listed in PRODUCTS.items() for u in listed.split()] + [
    ("amount", u) for u in ("mg", "ug", "g", "ng", "pg")
]


@given(st.sampled_from(UNITS), st.floats(0, 1e12))
def test_express_inverts_convert(unit, number):
    dimension, unit = unit
    inside = units.convert(number, dimension, unit=unit)
    assert inside == pytest.approx(number * units.factor(unit, dimension), rel=1e-15)
    assert units.express(inside, dimension, unit) == pytest.approx(number, rel=1e-15)


@given(st.text(alphabet="mgukLlhdin/*.^-²()1 µ%·", max_size=8))
def test_any_text_is_read_or_refused(unit):
    try:
        scale = units.factor(unit, "rate", molar_mass=100.0)
    except UnitError:
        return
    assert scale > 0


def test_table_needs_no_pint():
    code = (
        "import sys; from pkmodel import units;"
        "units.convert('90 mL/min/kg', 'clearance_per_kg'); units.express(1, 'rate', 'µg/day');"
        "assert not {'pint', 'pandas', 'scipy', 'xarray', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
