"""Regimens: text to orders and back, bit for bit; what is refused and how; laws; tables of doses."""

import math
import re
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkmodel.errors import RegimenError
from pkmodel.events import EventTable
from pkmodel.regimen import Order, Regimen
from pkmodel.regimen.tables import record_of

INF = math.inf

# ---------------------------------------------------------------------------------- text → orders

ORAL = Order("oral", 60, interval=12, count=28)
PUMP = Order("intrathecal", rate=0.4 / 24, duration=168, form="pump")
READ = {
    "60 mg oral q12h x 28": ORAL,
    "60mg PO, Q12H, × 28": ORAL,
    "  60  mg\toral\nq12h x28 ": ORAL,
    "oral 60 mg x 28 q12h": ORAL,
    "60 MILLIGRAM ORAL Q12H X 28": ORAL,
    "60 mg p.o. b.i.d. x 28": ORAL,
    "60 mg by mouth bd * 28": ORAL,
    "60 mg orally twice daily for 14 d": ORAL,
    "60 mg oral q12h x 28 doses": ORAL,
    "60 mg oral immediate release every 12 hours for 2 weeks": ORAL,
    "0.06 g oral q 12 h for 14 days.": ORAL,
    "60 mg oral q720min for 336 h": ORAL,
    "60 mg oral": Order("oral", 60),
    "60 mg oral q12h": replace(ORAL, count=None),
    "60 mg oral qd": Order("oral", 60, interval=24, count=None),
    "60 mg oral once a day": Order("oral", 60, interval=24, count=None),
    "60 mg oral every day": Order("oral", 60, interval=24, count=None),
    "60 mg oral od": Order("oral", 60, interval=24, count=None),
    "60 mg oral tid": Order("oral", 60, interval=8, count=None),
    "60 mg oral three times per day": Order("oral", 60, interval=8, count=None),
    "60 mg oral qid": Order("oral", 60, interval=6, count=None),
    "60 mg oral every other day": Order("oral", 60, interval=48, count=None),
    "60 mg oral weekly": Order("oral", 60, interval=168, count=None),
    "60 mg oral every week": Order("oral", 60, interval=168, count=None),
    "60 mg oral q12h for 13 d": replace(ORAL, count=26),
    "60 mg oral q12h for 13.1 d": replace(ORAL, count=27),
    "60 mg oral q12h for 1 h": replace(ORAL, count=1),
    "60 mg oral q12h x 1": replace(ORAL, count=1),
    "60 mg oral modified release q12h for 14 d": replace(ORAL, form="modified"),
    "10 mg iv bolus": Order("iv", 10),
    "10 mg intravenous push": Order("iv", 10),
    "10 mg i.v.": Order("iv", 10, form="bolus"),
    "10 mg iv infusion over 30 min every 8 h x 4": Order(
        "iv", 10, duration=0.5, interval=8, count=4
    ),
    "10 mg iv over 30 min q8h for 32 h": Order("iv", 10, duration=0.5, interval=8, count=4),
    "10 mg iv infusion at 20 mg/h": Order("iv", 10, 20),
    "10 mg iv infusion at 20 mg/h at 36 h": Order("iv", 10, 20, start=36),
    "2 mg/h iv infusion for 6 h": Order("iv", rate=2, duration=6),
    "2 mg/h iv infusion over 6 h": Order("iv", rate=2, duration=6),
    "2 mg/h iv infusion": Order("iv", rate=2, duration=INF),
    "2 mg/h iv infusion over 6 h q24h for 3 d": Order(
        "iv", rate=2, duration=6, interval=24, count=3
    ),
    "3 mg epidural bolus at 36 h": Order("epidural", 3, start=36),
    "0.2 mg/h epidural infusion for 2 d": Order("epidural", rate=0.2, duration=48),
    "0.3 mg intrathecal bolus": Order("intrathecal", 0.3),
    "300 mcg IT single shot": Order("intrathecal", 300 / 1000),
    "0.4 mg/day intrathecal pump for 7 d": PUMP,
    "0.4 mg / day intrathecal pump for 7 d": PUMP,
    "0.4 mg per day intrathecally, pump, for 1 week": PUMP,
    "0.1 mg/kg iv bolus": Order("iv", 0.1, per="kg"),
    "0.1 mg/kg iv infusion at 0.2 mg/kg/h": Order("iv", 0.1, 0.2, per="kg"),
    "5 mg/m2 iv bolus": Order("iv", 5, per="m2"),
    "2 mg/kg/day iv infusion": Order("iv", rate=2 / 24, per="kg"),
    "2 mg/h/kg iv infusion": Order("iv", rate=2, per="kg"),
    "100 mg into depot": Order("depot", 100),
    "100 mg into 2 bolus": Order(2, 100),
    "100 mg into x1 infusion modelled duration": Order("x1", 100, modelled="duration"),
    "100 mg oral modelled rate q12h x 2": Order(
        "oral", 100, interval=12, count=2, modelled="rate"
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", READ)
def test_parse(text):
    assert Regimen.parse(text) == Regimen(READ[text])


@pytest.mark.parametrize(
    "release",
    [
        "modified",
        "MR",
        "ER",
        "CR",
        "SR",
        "XR",
        "slow release",
        "Extended Release",
        "modified release",
    ],
)
def test_modified_release(release):
    (order,) = Regimen.parse(f"60 mg {release} oral q12h")
    assert (order.form, order.input) == ("modified", "oral modified")


def test_then_binds_tighter_than_plus():
    r = Regimen.parse(
        "60 mg oral q12h x 14 then 30 mg oral q12h x 14 + 0.4 mg/day intrathecal pump for 7 d"
    )
    first = replace(ORAL, count=14)
    assert r.orders == (first, replace(first, amount=30, start=168), PUMP)


def test_spaces_around_plus_are_free_and_exponents_are_no_plus():
    assert Regimen.parse("1e+1 mg oral+2E+0 mg iv bolus") == Regimen(
        [Order("oral", 10), Order("iv", 2)]
    )


def test_molar_doses():
    assert Regimen.parse("2 umol oral", molar_mass=500) == Regimen(Order("oral", 1))


def test_parse_needs_no_pint_and_no_pandas():
    code = (
        "import sys; from pkmodel.regimen import Regimen;"
        "str(Regimen.parse('60 mg oral q12h x 28 + 0.4 mg/day intrathecal pump for 14 d'));"
        "assert not {'pint', 'pandas', 'scipy', 'xarray', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ------------------------------------------------------------------------------------- round trip

EXAMPLES = [
    "60 mg oral q12h x 28",
    "60 mg oral modified q12h x 28",
    "10 mg iv infusion over 30 min q8h x 4",
    "100 mg iv infusion at 50 mg/h q8h",
    "2 mg/h iv infusion for 6 h",
    "2 mg/h iv infusion over 6 h q24h x 3",
    "3 mg epidural bolus at 36 h",
    "0.4 mg/day intrathecal pump for 7 d",
    "12.5 ug/day intrathecal pump",
    "0.2 mg/day intrathecal pump for 7 d then 0.4 mg/day intrathecal pump for 7 d",
    "0.1 mg/kg iv bolus",
    "0.3 mg/kg/h iv infusion for 2 h",
    "100 mg into 2 infusion modelled duration q12h x 3",
    "60 mg oral q12h x 14 then 30 mg oral q12h x 14 + 0.2 mg/day intrathecal pump for 14 d",
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_text_is_canonical(text):
    r = Regimen.parse(text)
    assert str(r) == text
    assert repr(r) == f'Regimen.parse("{text}")'
    assert eval(repr(r)) == r


numbers = st.one_of(
    st.integers(0, 2000).map(float),
    st.floats(0, 1e30, allow_subnormal=True),
    st.builds(lambda n, d: n / d, st.integers(1, 4000), st.sampled_from([24, 60, 1000, 24000, 7])),
)
positive = numbers.filter(lambda x: x > 0)
routes = st.sampled_from(["iv", "epidural", "intrathecal", "depot", "x1", "q1", "for", "at", "2"])


usual = st.floats(1e-6, 1e6)


@st.composite
def orders(draw, numbers=numbers, per=(None, None, "kg", "m2")):
    positive = numbers.filter(lambda x: x > 0)
    common = {"start": draw(st.one_of(st.just(0.0), numbers)), "per": draw(st.sampled_from(per))}
    repeat = draw(st.booleans())
    if repeat:
        common["interval"] = draw(positive)
        common["count"] = draw(st.one_of(st.none(), st.integers(1, 10**6)))
    form = draw(
        st.sampled_from(
            ["oral", "bolus", "amount and duration", "amount and rate", "rate", "modelled"]
        )
    )
    if form == "oral":
        return Order(
            "oral", draw(numbers), form=draw(st.sampled_from(["immediate", "modified"])), **common
        )
    route = draw(routes)
    delivery = draw(st.sampled_from(["infusion", "pump"]))
    match form:
        case "bolus":
            return Order(route, draw(numbers), form="bolus", **common)
        case "amount and duration":
            return Order(route, draw(numbers), duration=draw(positive), form=delivery, **common)
        case "amount and rate":
            return Order(route, draw(numbers), draw(positive), form=delivery, **common)
        case "modelled":
            how = draw(st.sampled_from(["rate", "duration"]))
            return Order(route, draw(numbers), modelled=how, form=delivery, **common)
    duration = draw(positive if repeat else st.one_of(positive, st.just(INF)))
    return Order(route, rate=draw(numbers), duration=duration, form=delivery, **common)


def finite(order):
    """Orders that end, at times where a second order can follow."""
    return order.end < 1e12


@given(st.lists(orders(), min_size=1, max_size=4))
def test_round_trip(items):
    r = Regimen(items)
    assert Regimen.parse(str(r)) == r


@given(st.lists(orders().filter(finite), min_size=2, max_size=4))
def test_round_trip_of_sequences(items):
    r = Regimen(items[0])
    for order in items[1:]:
        r = r.then(replace(order, start=0.0))
    assert Regimen.parse(str(r)) == r


# ---------------------------------------------------------------------------------- what is refused

NO_ROUTE = "has no route (oral, iv, epidural, intrathecal, or one of the model's own: into depot)"
NO_DOSE = "has no dose (60 mg, 2 mg/h)"
WRONG = {
    "60 mgs oral q12": ['unknown unit "mgs" (g, mg, ug, ng)', '"q12" has no time unit (q12h)'],
    "60 oral q12h": ['"60" has no unit (60 mg)'],
    "60 MG oral": ['unknown unit "MG" (did you mean mg?)'],
    "60 Mg oral": ['unknown unit "Mg" (did you mean mg?)'],
    "60 u oral": ['unknown unit "u", which has no mass: write the amount in mg'],
    "100 IU oral": ['unknown unit "IU", which has no mass: write the amount in mg'],
    "60 L oral": ['"L" is the unit of a volume; expected an amount (g, mg, ug, ng)'],
    "60 kg oral": ['"kg" is the unit of a weight; expected an amount (g, mg, ug, ng)'],
    "0,4 mg/day intrathecal pump": ['"0,4" has a decimal comma (write "0.4")'],
    "1,000 mg oral": ['"1,000" has a decimal comma (write "1.000" or "1000")'],
    "-5 mg oral": ['"-5 mg" is negative; expected 0 or above for an amount'],
    "5 umol oral": [
        '"umol" is molar, and the molar mass is not given (pass molar_mass=, in g/mol)'
    ],
    "oral q12h": [NO_DOSE],
    "60 mg q12h": [NO_ROUTE],
    "10 mg sc": ['unknown word "sc"', NO_ROUTE],
    "hello": ['unknown word "hello"', NO_DOSE, NO_ROUTE],
    "60 mg orral q12h": ['unknown word "orral" (did you mean "oral" or "orally"?)', NO_ROUTE],
    "60 mg morphine oral": ['unknown word "morphine"'],
    "60 mg oral iv": ['"oral" and "iv": give one'],
    "60 mg 30 mg oral": ['"60 mg" and "30 mg": give one'],
    "60 mg oral q12h daily": ['"q12h" and "daily": give one'],
    "60 mg oral 12h": ['"12 h" could be an interval, a course or a time (q12h, for 12 h, at 12 h)'],
    "60 mg oral q12": ['"q12" has no time unit (q12h)'],
    "60 mg oral q12 x 28": ['"q12" has no time unit (q12h)'],
    "60 mg oral every 12 x 28": ['"every 12" has no time unit (every 12 h)'],
    "60 mg oral every": ['"every" has no time (every 12 h)'],
    "60 mg oral q12h for": ['"for" has no time (for 6 h)'],
    "60 mg oral q12h for 14": ['"for 14" has no time unit (for 14 h)'],
    "60 mg oral q12h for 28 doses": ['"for 28" counts doses (x 28)'],
    "60 mg oral q12h for 14 mg": [
        '"mg" is the unit of an amount; expected a time (min, h, d, week)'
    ],
    "60 mg oral q12m": ['"m" is the unit of a length; expected a time (min, h, d, week)'],
    "60 mg oral at 2": ['"at 2" has no time unit (at 2 h)'],
    "60 mg oral at": ['"at" has no time (at 36 h)'],
    "60 mg oral q0h": ["interval is 0.0; expected above 0 (h)"],
    "60 mg oral q0h for 14 d": ["interval is 0.0; expected above 0 (h)"],
    "60 mg oral q12h for 0 d": ['"for 0 d" holds no dose'],
    "60 mg oral q1e-99s for 1e9 d": ['"for 1e9 d" holds 8.6e+112 doses, more than 1,000,000'],
    "60 mg oral x 28": ["28 doses have no interval (q12h)"],
    "60 mg oral q12h x": ['"x" is no whole number of doses (x 28)'],
    "60 mg oral q12h x 2.5": ['"x 2.5" is no whole number of doses (x 28)'],
    "60 mg oral q12h x 0": ['"x 0" is no whole number of doses (x 28)'],
    "60 mg oral q12h x -3": ['"x -3" is no whole number of doses (x 28)'],
    "60 mg oral q12h x 1e999": ['"x 1e999" is no whole number of doses (x 28)'],
    "60 mg oral q12h x 28 for 14 d": ['"x 28" and "for 14 d": give one'],
    "60 mg oral for 14 d": ['"for 14 d" has no interval (q12h for 14 d; one infusion is "over")'],
    "60 mg oral qod": ['"qod" is misread as daily (every 2 d)'],
    "60 mg oral q4h prn": ['"prn" gives no times (q4h x 6)'],
    "2 mg/h oral": ["an oral dose has no rate and no duration"],
    "60 mg oral pump": ['"pump" is no form of oral (immediate, modified)'],
    "60 mg iv MR": ['"modified" is no form of iv (bolus, infusion, pump)'],
    "10 mg iv bolus over 5 min": ["a bolus has no rate and no duration"],
    "10 mg iv infusion": [
        '"infusion" needs a rate (2 mg/h), or an amount and a duration (over 30 min)'
    ],
    "0.4 mg/day intrathecal for 7 d": [
        'an intrathecal rate is given by "pump" or by "infusion": say which'
    ],
    "2 mg/h iv q12h": ["each of several infusions needs a duration (over 2 h)"],
    "2 mg/h iv infusion over 2 h for 6 h": ['"over 2 h" and "for 6 h": give one'],
    "2 mg/h iv infusion for 0 h": ["a rate is given for no time (for 6 h)"],
    "10 mg iv infusion at 2 mg/kg/h": ["amount and rate are not per the same body size"],
    "10 mg iv infusion over 2 h at 5 mg/h": [
        "amount, rate and duration are given; two of them settle the third"
    ],
    "10 mg iv infusion at 0 mg/h": ["an amount at the rate 0 never enters"],
    "60 + 2 mg/h iv": ['in "60": "60" has no unit (60 mg)', f'in "60": {NO_ROUTE}'],
    "60 2 mg/h iv": ['"60" has no unit (60 mg)'],
    "10 mg into": ['"into" names no compartment (into depot)'],
    "10 mg into a-b": [
        '"a-b" is no route (oral, iv, epidural, intrathecal) and no name of a compartment'
    ],
    "(60 mg oral)": ["parentheses are not read (mg/h/kg; a line begins later by: at 168 h)"],
    "": ["the order is empty"],
    "60 mg oral q12h x 1000001": ['"x 1000001" is more than 1,000,000 doses'],
    "60 mg oral q12h x 999999999999": ['"x 999999999999" is more than 1,000,000 doses'],
    "60 mg oral +": ['an order is missing beside "+" or "then"'],
    "then 60 mg oral": ['an order is missing beside "+" or "then"'],
    "60 mg oral and 0.3 mg iv": [
        '"and" between orders is written "+"',
        '"60 mg" and "0.3 mg": give one',
        '"oral" and "iv": give one',
    ],
    "60 mg oral q12h then 30 mg oral": [
        'in "30 mg oral": "60 mg oral q12h" has no end, so nothing can follow it (for 14 d)'
    ],
    "60 mg oral then 30 mg oral": [
        'in "30 mg oral": "60 mg oral" is given once, so "then" does not say when the next order begins: '
        'write "+" and a time (at 12 h), or a number of doses (q12h x 1)'
    ],
    "60 mg oral q12h x 2 then 30 mg oral at 36 h": [
        'in "30 mg oral at 36 h": "at" and "then" both say when it begins: write "+" before "at"'
    ],
    "60 mgs oral + 30 oral then 1 mg iv q8": [
        'in "60 mgs oral": unknown unit "mgs" (g, mg, ug, ng)',
        'in "30 oral": "30" has no unit (30 mg)',
        'in "1 mg iv q8": "q8" has no time unit (q8h)',
    ],
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_text(text):
    with pytest.raises(RegimenError) as error:
        Regimen.parse(text)
    assert list(error.value.faults) == WRONG[text]
    assert f'"{text}"' in str(error.value)
    assert str(error.value).endswith(
        'Write for example "60 mg oral q12h x 14" or "0.4 mg/day intrathecal pump for 7 d".'
    )


def test_message():
    with pytest.raises(RegimenError) as error:
        Regimen.parse("60 mgs oral q12")
    assert str(error.value) == (
        '"60 mgs oral q12": unknown unit "mgs" (g, mg, ug, ng); "q12" has no time unit (q12h). '
        'Write for example "60 mg oral q12h x 14" or "0.4 mg/day intrathecal pump for 7 d".'
    )


def test_page_shows_what_is_refused():
    page = Path(__file__).parent.parent / "docs" / "regimens.md"
    section = page.read_text(encoding="utf-8").partition("## What is refused")[2]
    texts = [t for row in re.findall(r"^\| (`.*?`) \|", section.partition("##")[0], re.M)
             for t in re.findall("`(.*?)`", row)]  # fmt: skip
    assert len(texts) > 10
    for text in texts:
        with pytest.raises(RegimenError):
            Regimen.parse(text)


def test_not_text():
    with pytest.raises(RegimenError, match="expected text, not int"):
        Regimen.parse(5)


WORDS = """60 0.4 -1 mg mg/day mg/kg/h h d q12h q12 q x × every for over at into oral iv intrathecal
bolus pump infusion then + ( ) , ; . 1,5 modelled rate daily twice prn é % kg / per"""


@given(st.lists(st.sampled_from(WORDS.split()), max_size=9).map(" ".join))
def test_any_text_is_read_or_refused(text):
    try:
        r = Regimen.parse(text)
    except RegimenError:
        return
    assert Regimen.parse(str(r)) == r


WRONG_ORDERS = [
    ({"route": "oral"}, ["no dose: give an amount or a rate"]),
    ({"amount": "60 mg"}, ["amount is '60 mg'; expected a number of mg"]),
    ({"amount": -1, "interval": 0, "start": math.nan, "count": 1.5},
     ["amount is -1.0; expected 0 or above (mg)", "interval is 0.0; expected above 0 (h)",
      "start is nan; expected a number of h",
      "count is 1.5; expected a whole number from 1, or None"]),
    ({"amount": INF}, ["amount is infinite; expected a finite number of mg"]),
    ({"amount": 1, "start": None}, ["start is None; expected a number of h"]),
    ({"amount": 1, "start": -1}, ["start is -1.0; expected 0 or above (h)"]),
    ({"amount": 1, "count": 3}, ["3 doses have no interval (q12h)"]),
    ({"amount": 1, "count": None}, ["endless doses have no interval (q12h)"]),
    ({"amount": 1, "count": True, "interval": 1},
     ["count is True; expected a whole number from 1, or None"]),
    ({"amount": 1, "per": "g"}, ['per is \'g\'; expected "kg", "m2" or None']),
    ({"amount": 1, "form": "bollus"},
     ['"bollus" is no form of iv (bolus, infusion, pump) (did you mean "bolus"?)']),
    ({"amount": 1, "duration": INF}, ["an amount is given over an infinite time; give a rate"]),
    ({"rate": 1, "interval": 6},
     ["an infusion without end is repeated (give each a duration: over 2 h)"]),
    ({"rate": 1, "duration": 0}, ["a rate is given for no time (for 6 h)"]),
    ({"amount": 1, "modelled": "lag"}, ['modelled is \'lag\'; expected "rate", "duration" or None']),
    ({"amount": 1, "duration": 2, "modelled": "rate"}, ["a modelled rate goes with an amount alone"]),
    ({"route": 0, "amount": 1},
     ["route is 0; expected a name, or a compartment's number from 1"]),
    ({"route": "a b", "amount": 1},
     ['"a b" is no route (oral, iv, epidural, intrathecal) and no name of a compartment']),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "faults"), WRONG_ORDERS)
def test_wrong_order(arguments, faults):
    with pytest.raises(RegimenError) as error:
        Order(**{"route": "iv"} | arguments)
    assert list(error.value.faults) == faults
    assert str(error.value).startswith("Order(route=")


@pytest.mark.parametrize("wrong", [(), [1], 1, None])
def test_wrong_regimen(wrong):
    with pytest.raises(RegimenError, match="Regimen: "):
        Regimen(wrong)


def test_text_is_parsed():
    with pytest.raises(RegimenError, match=r'Write Regimen\.parse\("60 mg oral"\)'):
        Regimen("60 mg oral")


def test_doses_are_at_most_a_million():
    assert Regimen.parse("1 mg oral q1s x 1000000").orders[0].count == 1_000_000
    assert len(Order("oral", 1, interval=1, count=1_000_000).times()) == 1_000_000
    with pytest.raises(RegimenError, match="at most 1,000,000 doses"):
        Order("oral", 1, interval=1, count=1_000_001)
    with pytest.raises(RegimenError, match="1e\\+08 doses until"):
        Order("oral", 1, interval=1e-6, count=None).times(100)


# ------------------------------------------------------------------------------- what orders mean


def test_order_normalises():
    assert Order("PO", np.int64(60), interval=12, count=np.int64(2)) == Order(
        "oral", 60.0, interval=12.0, count=2, form="immediate"
    )
    assert Order(2, 1).route == "2"
    assert Order("iv", 10, duration=0) == Order("iv", 10)
    assert str(Order("iv", -0.0)) == "0 mg iv bolus"


@pytest.mark.parametrize(
    ("text", "span", "dose", "total", "daily", "end"),
    [
        ("60 mg oral q12h x 28", 0, 60, 1680, 120, 336),
        ("60 mg oral q12h", 0, 60, INF, 120, INF),
        ("0 mg oral q12h", 0, 0, 0, 0, INF),
        ("60 mg oral at 5 h", 0, 60, 60, None, 5),
        ("10 mg iv infusion over 2 h", 2, 10, 10, None, 2),
        ("10 mg iv infusion at 5 mg/h", 2, 10, 10, None, 2),
        ("10 mg iv infusion over 2 h q8h x 3 at 24 h", 2, 10, 30, 30, 48),
        ("0.4 mg/day intrathecal pump for 7 d", 168, 2.8, 2.8, 0.4, 168),
        ("0.4 mg/day intrathecal pump", INF, INF, INF, 0.4, INF),
        ("0 mg/day intrathecal pump", INF, 0, 0, 0, INF),
        ("2 mg/h iv infusion over 6 h q24h x 3", 6, 12, 36, 12, 72),
        ("10 mg into 2 modelled duration", math.nan, 10, 10, None, 0),
    ],
)
def test_properties(text, span, dose, total, daily, end):
    (order,) = Regimen.parse(text)
    got = (order.span, order.dose, order.total, order.end)
    assert got == pytest.approx((span, dose, total, end), rel=1e-15, nan_ok=True)
    assert order.daily_dose == (daily if daily is None else pytest.approx(daily, rel=1e-15))


def test_times_by_multiplication():
    times = Order("iv", 1, interval=0.1, count=100).times()
    np.testing.assert_array_equal(times, np.arange(100) * 0.1)


@given(positive.filter(lambda x: 1e-3 < x < 1e3), st.integers(0, 500), st.floats(0, 1e3))
def test_times_until(interval, k, start):
    order = Order("iv", 1, interval=interval, count=None, start=start)
    last = start + k * interval
    expected = [start + i * interval for i in range(k + 2) if start + i * interval <= last]
    np.testing.assert_array_equal(order.times(until=last), expected)
    assert order.times(until=start - 1).size == 0


def test_times_without_end():
    with pytest.raises(RegimenError, match="has no end"):
        Order("iv", 1, interval=8, count=None).times()


@given(st.integers(1, 400), st.sampled_from(["0.1 h", "20 min", "7 h", "12 h", "1 d", "3.5 d"]))
def test_for_has_no_rounding_accident(count, interval):
    number, unit = interval.split()
    course = Fraction(number) * count
    (order,) = Regimen.parse(f"1 mg iv every {interval} for {float(course)!r} {unit}")
    assert order.count == count
    (order,) = Regimen.parse(f"1 mg iv every {interval} for {float(course) * 1.0001!r} {unit}")
    assert order.count == count + 1


# ------------------------------------------------------------------------------------------- laws

regimens = st.lists(orders(numbers=usual, per=[None]).filter(finite), min_size=1, max_size=3).map(
    Regimen
)


@given(st.floats(0.01, 1e3), st.floats(0.1, 100), st.integers(2, 50), st.data())
def test_split_train(amount, interval, count, data):
    first = data.draw(st.integers(1, count - 1))
    whole = Order("oral", amount, interval=interval, count=count)
    parts = Regimen(replace(whole, count=first)).then(replace(whole, count=count - first))
    times = np.concatenate([o.times() for o in parts])
    np.testing.assert_allclose(times, whole.times(), rtol=1e-14)
    assert sum(o.total for o in parts) == pytest.approx(whole.total)
    assert parts.end == pytest.approx(whole.end)


@given(regimens, st.floats(1e-3, 1e3))
def test_scaled(r, factor):
    scaled = r.scaled(factor)
    for before, after in zip(r, scaled, strict=True):
        assert after.dose == pytest.approx(before.dose * factor, rel=1e-12)
        assert after.total == pytest.approx(before.total * factor, rel=1e-12)
        assert after.span == pytest.approx(before.span, rel=1e-12, nan_ok=True)
        assert (after.start, after.interval, after.count) == (
            before.start, before.interval, before.count,
        )  # fmt: skip
    assert r.scaled(1) == r


@given(regimens, regimens, st.floats(0, 1e3))
def test_then(r, other, wait):
    both = r.then(other, wait)
    assert both.orders[: len(r)] == r.orders
    assert both.orders[len(r) :] == other.shifted(r.end + wait).orders
    assert both.end >= r.end


@given(regimens, regimens, regimens)
def test_plus(a, b, c):
    assert (a + b) + c == a + (b + c)
    assert (a + b).routes == tuple(dict.fromkeys(a.routes + b.routes))
    assert (a + b).end == max(a.end, b.end)
    assert (a + b).scaled(2) == a.scaled(2) + b.scaled(2)


def test_operators_take_text_and_orders():
    r = Regimen.parse("60 mg oral q12h x 14")
    assert r + "0.3 mg intrathecal bolus" == r + Order("intrathecal", 0.3)
    assert r.then("30 mg oral q12h x 14", wait=12).orders[1].start == 180
    assert r.shifted(24).shifted(-24) == r
    assert len(r) == 1


def test_refused_operations():
    endless = Regimen.parse("60 mg oral q12h")
    with pytest.raises(
        RegimenError, match=r'^"60 mg oral q12h": has no end, so nothing can follow'
    ):
        endless.then("30 mg oral")
    ending = Regimen.parse("60 mg oral q12h x 2")
    with pytest.raises(RegimenError, match="wait is -1"):
        ending.then("30 mg oral", wait=-1)
    with pytest.raises(RegimenError, match="the factor is 0"):
        ending.scaled(0)
    with pytest.raises(RegimenError, match=r"start is -1\.0"):
        ending.shifted(-1)


def test_daily_dose():
    steps = Regimen.parse(
        "60 mg oral q12h x 14 then 30 mg oral q12h x 14 + 0.2 mg/day intrathecal pump for 14 d"
    )
    assert steps.daily_dose("oral", at=0) == 120
    assert steps.daily_dose("oral", at=168) == 60
    assert steps.daily_dose("oral", at=336) == 0
    assert steps.daily_dose("intrathecal") == pytest.approx(0.2)
    both = Regimen.parse("60 mg oral q12h x 14 + 10 mg oral q6h x 28")
    assert both.daily_dose() == 160
    for wrong, arguments, message in [
        (steps, {}, "has several routes"),
        (steps, {"route": "oral"}, "changes with time"),
        (steps, {"route": "iv"}, 'has no route "iv"'),
        (Regimen.parse("60 mg oral"), {}, "gives an amount once"),
        (Regimen.parse("1 mg iv q8h + 1 mg/kg iv q8h"), {}, "mixes mg with mg per body size"),
    ]:
        with pytest.raises(RegimenError, match=message):
            wrong.daily_dose(**arguments)


# --------------------------------------------------------------------------------- tables of doses


def test_table_records_mean_what_nonmem_means():
    table = pd.DataFrame(
        {
            "time": [0, 0, 24, 24, 48, 60],
            "AMT": [100, 100, 100, 100, 100, 50],
            "CMT": [1, 2, 1, 2, 2, 1],
            "RATE": [0, 20, -1, -2, ".", np.nan],
            "II": [12, 0, 0, 0, 0, 0],
            "ADDL": [3, 0, 0, 0, 0, 0],
        }
    )
    assert Regimen.from_table(table).orders == (
        Order(1, 100, interval=12, count=4),
        Order(2, 100, rate=20),
        Order(1, 100, modelled="rate", start=24),
        Order(2, 100, modelled="duration", start=24),
        Order(2, 100, start=48),
        Order(1, 50, start=60),
    )


def test_table_of_routes():
    table = {
        "Time": [0, "12", 24], "Amt": ["60", 10, 10], "Route": ["PO", "iv", "depot"],
        "Dur": [None, 2.0, 0], "Form": ["modified", "", "."], "Per": [None, "kg", None],
    }  # fmt: skip
    assert Regimen.from_table(table).orders == (
        Order("oral", 60, form="modified"),
        Order("iv", 10, duration=2, per="kg", start=12),
        Order("depot", 10, start=24),
    )


def test_table_of_one_subject_with_observations(tmp_path):
    table = {
        "ID": 7, "TIME": [0, 1, 24], "EVID": [1, 0, 1], "AMT": [60, 0, 30], "CMT": ["PO", "", "PO"],
        "DV": [".", 0.5, "."], "WT": 70,
    }  # fmt: skip
    expected = (Order("oral", 60), Order("oral", 30, start=24))
    assert Regimen.from_table(table).orders == expected
    events = EventTable.read(table)
    assert Regimen.from_table(events).orders == expected
    events.to_csv(tmp_path / "doses.csv")
    assert Regimen.from_table(tmp_path / "doses.csv").orders == expected


WRONG_TABLES = [
    ({"TIME": [0], "AMT": [1], "CMT": [1], "ADL": [1]},
     ['unknown column "ADL" (did you mean "ADDL"? If it is a covariate: covariates={"ADL": "ADL"})']),
    ({"TIME": [0], "AMT": [-1], "CMT": [1]}, ["row 1: AMT is -1; expected above 0"]),
    ({"ID": [1, 2], "TIME": [0, 0], "AMT": [1, 1], "CMT": [1, 1]},
     ["2 subjects; expected one (EventTable.select takes one out)"]),
    ({"TIME": [0, 1, 2], "EVID": [1, 4, 3], "AMT": [1, 1, 0], "CMT": 1, "SS": [1, 0, 0], "II": [8, 0, 0]},
     ["row 1: SS is a steady state; orders begin at their time",
      "row 2, 3: EVID is 2, 3 or 4; orders are doses"]),
    ({"TIME": [0], "AMT": [1], "ROUTE": ["oral"], "RATE": [5]},
     ["row 1: an oral dose has no rate and no duration"]),
    ({"TIME": [0], "AMT": [1], "ROUTE": ["intrathecal"], "RATE": [5]},
     ['row 1: an intrathecal rate is given by "pump" or by "infusion": say which']),
    ({"TIME": [-1], "AMT": [1], "CMT": [1]}, ["row 1: start is -1.0; expected 0 or above (h)"]),
    ({"TIME": [0]}, ["no doses"]),
]  # fmt: skip


@pytest.mark.parametrize(("table", "faults"), WRONG_TABLES)
def test_wrong_table(table, faults):
    with pytest.raises(RegimenError) as error:
        Regimen.from_table(table)
    assert list(error.value.faults) == faults


def test_not_a_table():
    with pytest.raises(RegimenError, match=r"expected a DataFrame.*, not list"):
        Regimen.from_table([1])


def in_time(r):
    return sorted(r, key=lambda order: order.start)


@given(regimens)
def test_table_round_trip(r):
    back = Regimen.from_table(r.to_table())
    for before, after in zip(in_time(r), back, strict=True):
        if before.count == 1:
            before = replace(before, interval=None)
        if before.amount is not None:
            assert after == before
        else:
            assert after.total == before.total
            assert after.span == before.span


@given(regimens, st.lists(st.floats(0, 1e6), max_size=4), st.sampled_from([None, 3, ["a", "b"]]))
def test_table_with_observations_and_subjects(r, times, subjects):
    frame = r.to_table(times=times, subjects=subjects)
    table = EventTable.read(frame)
    labels = [1] if subjects is None else [1, 2, 3] if subjects == 3 else subjects
    assert table.subjects.tolist() == labels and table.grouped == (subjects is not None)
    for label in labels:
        one = table.select(label)
        assert one.time[one.evid == 0].tolist() == sorted(times)
        assert Regimen.from_table(one) == Regimen.from_table(r.to_table())


def test_endless_orders_in_a_table():
    r = Regimen.parse("60 mg oral q12h + 0.4 mg/day intrathecal pump + 1 mg iv bolus at 50 h")
    with pytest.raises(RegimenError, match="has no end"):
        r.to_table()
    table = r.to_table(until=48)
    assert table.ADDL.tolist() == [4, 0]
    assert table.AMT.tolist() == pytest.approx([60, 0.8])
    assert r.to_table(times=[48, 3]).query("EVID == 1").AMT.tolist() == [60, pytest.approx(0.8), 1]
    assert r.shifted(1).to_table(times=[0]).query("EVID == 1").AMT.tolist() == [1]
    with pytest.raises(RegimenError, match="has no end"):
        Regimen.parse("0.4 mg/day intrathecal pump").to_table()


def test_orders_of_nothing_have_no_row():
    r = Regimen.parse("0 mg oral q12h x 3 + 5 mg iv bolus + 0 mg/day intrathecal pump")
    assert r.to_table().AMT.tolist() == [5]


ROWS = {
    "60 mg oral q12h x 28": {"amount": 60, "interval": 12, "additional": 27, "compartment": "oral"},
    "60 mg oral modified q12h": {"amount": 60, "additional": 8, "compartment": "oral", "form": "modified"},
    "0.4 mg/day intrathecal pump": {"amount": 0.4 / 24 * 100, "duration": 100},
    "2 mg/h iv infusion for 6 h at 4 h": {"time": 4, "amount": 12, "duration": 6},
    "10 mg iv infusion at 20 mg/h": {"amount": 10, "rate": 20},
    "10 mg iv infusion over 30 min q8h x 3": {"amount": 10, "duration": 0.5, "additional": 2},
    "0.1 mg/kg iv bolus": {"amount": 0.1, "per": "kg", "additional": 0},
    "5 mg oral modelled duration": {"amount": 5, "rate": -2},
    "5 mg oral modelled rate": {"amount": 5, "rate": -1},
}  # fmt: skip


@pytest.mark.parametrize("text", ROWS)
def test_order_as_a_row(text):
    (order,) = Regimen.parse(text)
    until = 336 if order.count is not None and order.interval else 100
    row = record_of(order, until)
    expected = {"rate": 0, "duration": 0, "per": ""} | ROWS[text]
    assert {name: row[name] for name in expected} == expected


def test_order_that_begins_late_stops_in_time():
    row = record_of(Order("iv", rate=2.0, start=30.0), 100.0)
    assert (row["time"], row["duration"], row["amount"]) == (30, 70, 140)


@pytest.mark.parametrize(
    ("text", "level", "place"),
    [
        ("0.3 mg intrathecal T10", "T10", "tip"),
        ("0.3 mg intrathecal L3-L4 bolus q12h x 3", "L3-L4", "tip"),
        ("0.3 mg into intrathecal t10", "t10", "tip"),
        ("0.3 mg intrathecal bolus at T10", "T10", "tip"),
        ("3 mg epidural T10 q12h", "T10", "epidural"),
    ],
)
def test_the_level_of_a_dose_is_that_of_the_model(text, level, place):
    told = (
        f'"{level}" is a level, which the model says and not the order: leave it out, '
        f'and give the model {place}="{level}" (Drug.segmented)'
    )
    with pytest.raises(RegimenError) as caught:
        Regimen.parse(text)
    assert told in caught.value.faults
    route = "epidural" if place == "epidural" else "intrathecal"
    with pytest.raises(RegimenError) as caught:
        Order(f"{route} {level}", 0.3)
    assert caught.value.faults == (told,)
