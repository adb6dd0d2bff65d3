"""Units in equations: what is refused and in which words, and that nothing is refused that could be right."""

import math
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkmodel import Compartment, Flow, Input, Model, Parameter, library
from pkmodel.errors import ModelError
from pkmodel.model.equations import Expression
from pkmodel.model.equations.dimensions import Reading
from pkmodel.units.expressions import scale_of, unit_of
from pkmodel.units.spellings import DIMENSIONS

VALUES = {
    "volume": "50 L", "cl": "5 L/h", "ka": "1 /h", "ke0": "0.5 /h", "vmax": "2 mg/h", "km": "0.2 mg/L",
    "ec50": "0.1 mg/L", "kout": "0.1 /h", "r0": "1 mg/L", "start": "5 mg", "weight": "70 kg", "tau": "12 h",
    "kin": 10.0, "kon": 0.6, "gamma": 2.0, "emax": 100.0, "slope": 0.3,
}  # fmt: skip


def build(equations=None, definitions=None, initial=None, **fields):
    parameters = [Parameter(name, value) for name, value in VALUES.items()]
    return Model(
        "test",
        [Compartment("gut"), Compartment("central", "volume"), Compartment("site", 1.0), Compartment("fat", 20.0)],
        parameters=[*parameters, Parameter("fraction", 0.4, "fraction")], inputs=[Input("iv", "central")],
        equations=equations or {}, definitions=definitions or {}, initial=initial or {}, **fields,
    )  # fmt: skip


def defined(text):
    return build(definitions={"C": "central / volume", "d": text})


def faults(*texts, **named):
    with pytest.raises(ModelError) as error:
        build(*texts, **named)
    return error.value.faults


# ------------------------------------------------------------------------------------ what is refused


def test_a_clearance_without_its_volume():
    told = '"-cl * central" is mg*L/h, expected mg/h (write -cl * central / volume)'
    assert faults({"central": "-cl*central"}) == (f'd(central)/dt = "-cl*central": {told}',)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("central + C", '"C" is mg/L, but "central" is mg (write central / volume)'),
        ("C - central", '"central" is mg, but "C" is mg/L (write central / volume)'),
        ("slope + C - t + 2", '"t" is h, but "C" is mg/L'),
        ("min(C, 3, tau)", '"tau" is h, but "C" is mg/L'),
        ("max(gut, r0)", '"r0" is mg/L, but "gut" is mg'),
        ("where(central < ec50, 1, 0)", '"ec50" is mg/L, but "central" is mg (write central / volume)'),
        ("where(t < tau, C, central)", '"central" is mg, but "C" is mg/L (write central / volume)'),
        ("where(t < tau, C, 0) + ka", '"ka" is 1/h, but "where(t < tau, C, 0)" is mg/L'),
        ("hill(central, ec50, gamma)", '"ec50" is mg/L, but "central" is mg (write central / volume)'),
        ("hill(C, ec50, 2) + C", '"C" is mg/L, but "hill(C, ec50, 2)" is without unit'),
        ("hill(C, ec50, ka)", '"ka" is 1/h, expected no unit in an exponent'),
        ("slope**t", '"t" is h, expected no unit in an exponent'),
        ("exp(-ka) * C", '"-ka" is 1/h, expected no unit in exp'),
        ("log(C)", '"C" is mg/L, expected no unit in log (divide by a reference: log(C / 1))'),
        ("log(1 + C)", '"1 + C" is mg/L, expected no unit in log (divide by a reference: log((1 + C) / 1))'),
        ("sqrt(C) + C", '"C" is mg/L, but "sqrt(C)" is mg^0.5/L^0.5'),
        ("sqrt(C*C) + t", '"t" is h, but "sqrt(C * C)" is mg/L'),
        ("C**2 + C", '"C" is mg/L, but "C**2" is mg2/L2'),
        ("C**-1 + C", '"C" is mg/L, but "C**-1" is L/mg'),
        ("ka**(1/2) + ka", '"ka" is 1/h, but "ka**(1 / 2)" is 1/h^0.5'),
        ("exp(-ka*t) + weight", '"weight" is kg, but "exp(-ka * t)" is without unit'),
        ("fraction + C", '"C" is mg/L, but "fraction" is without unit'),
        ("fraction**gamma + C", '"C" is mg/L, but "fraction**gamma" is without unit'),
        ("-(C + gut)", '"gut" is mg, but "C" is mg/L'),
        ("slope*(C + gut)/7", '"gut" is mg, but "C" is mg/L'),
    ],
)  # fmt: skip
def test_parts_that_disagree(text, told):
    with pytest.raises(ModelError) as error:
        defined(text)
    assert error.value.faults == (f'd = "{text}": {told}',)


def test_every_term_of_a_rate_and_every_text_at_once():
    found = faults(
        {"central": "ka*gut - cl*C + C - t", "gut": "-ka*gut + 2", "fat": "slope*(C - t)"},
        {"C": "central/volume", "bad": "C + t"},
        {"gut": "r0", "central": "start", "fat": 3.0},
    )
    rate = 'd(central)/dt = "ka*gut - cl*C + C - t"'
    assert found == (
        'bad = "C + t": "t" is h, but "C" is mg/L',
        f'{rate}: "C" is mg/L, expected mg/h',
        f'{rate}: "t" is h, expected mg/h',
        'd(fat)/dt = "slope*(C - t)": "t" is h, but "C" is mg/L',
        'gut(0) = "r0": "r0" is mg/L, expected mg',
    )


def test_every_term_of_a_sum_is_told_once():
    assert faults(definitions={"d": "(gut + t - cl) * slope + km"}) == (
        'd = "(gut + t - cl) * slope + km": "t" is h, but "gut" is mg',
        'd = "(gut + t - cl) * slope + km": "cl" is L/h, but "gut" is mg',
    )


def test_units_are_judged_beside_other_faults_but_not_of_texts_that_cannot_be_read():
    found = faults({"central": "-cl*central"}, flows=[Flow("gut", None, "rate", "kx")])
    assert [f.split(":")[0] for f in found] == [
        "flow gut to (out)",
        'd(central)/dt = "-cl*central"',
    ]
    assert len(faults({"central": "-cl*central"}, {"d": "cll + 1"})) == 1


def test_a_volume_that_is_no_number_is_told_and_not_tripped_over():
    boxes = [Compartment("a", np.array([1.0, 2.0]))]
    with pytest.raises(ModelError, match="volume of a is array"):
        Model("m", boxes, definitions={"d": "a + t"}, equations={"x": "d"})


def test_transit_compartments_hold_mg():
    chain = [Input("oral", "gut", transit=1, transit_time="tau")]
    with pytest.raises(ModelError, match='"oral_transit_1" is mg, but "t" is h'):
        replace(build(), inputs=chain, definitions={"d": "t + oral_transit_1"})


@pytest.mark.parametrize(
    ("changes", "term", "repair"),
    [
        ({"d": "central*cl + cl*C"}, "cl * C", " (write central * cl / volume)"),
        ({"d": "C + central*gut"}, "central * gut", ""),
        ({"d": "C + fat"}, "fat", ""),
        ({"d": "C*volume + C"}, "C", ""),
    ],
)
def test_a_volume_repairs_if_it_is_plain_which(changes, term, repair):
    (found,) = faults(definitions={"C": "central/volume", **changes})
    assert f': "{term}" is ' in found
    assert re.search(r"( \(write .*)?$", found)[0] == repair


# ------------------------------------------------------------------------------------------ variables


def test_a_variable_has_the_unit_of_its_initial_value():
    model = {"r": "kout*(r0 - r)"}
    assert build(model, initial={"r": "r0"}).variables == ("r",)
    assert faults({"r": "kout*r0*volume"}, initial={"r": "r0"}) == (
        'd(r)/dt = "kout*r0*volume", where r is mg/L: "kout * r0 * volume" is mg/h, expected mg/h/L',
    )


def test_a_fraction_that_begins_has_no_unit_and_changes_per_hour():
    assert build({"x": "ka*(1 - x) - kout*x"}, initial={"x": "fraction"}).variables == ("x",)
    assert faults({"x": "1 - C*x"}, {"C": "central/volume"}, {"x": "fraction"}) == (
        'd(x)/dt = "1 - C*x", where x is without unit: "C * x" is mg/L, expected 1/h',
    )


def test_a_variable_has_the_unit_of_what_it_sums_up():
    equations = {"second": "kout*first", "area": "C", "first": "area/tau"}
    definitions = {"C": "central/volume", "mean": "area/tau"}
    assert build(equations, {**definitions, "d": "second + area"}).variables == tuple(equations)
    assert faults(equations, {**definitions, "d": "second + mean"}) == (
        'd = "second + mean": "mean" is mg/L, but "second" is mg*h/L',
    )


def test_a_variable_of_numbers_only_is_unknown():
    build({"x": "kin - kout*x", "y": "0.1*x - 2"}, {"d": "x + y + t"}, {"x": "kin/kout", "y": 4.0})


# --------------------------------------------------------------------------------- what is not refused

LEGITIMATE = [
    "0.1*central + C",  # a number may be a quantity
    "central/50 + C",
    "cl*(weight/70)**0.75 + cl",
    "1/tau + ka",
    "kin/(1 + C/ec50)**gamma",
    "emax*C**gamma/(ec50**gamma + C**gamma)",
    "emax*(C/ec50)**gamma/(1 + (C/ec50)**gamma)",
    "slope*log(C/1) + emax",
    "log(C/ec50) + 1",
    "exp(-ka*t)*C + C",
    "exp(-0.1*t) + exp(slope)",
    "exp(slope*C)*cl + cl",
    "2**(-t/tau)*C + C",
    "10**(slope*C)",
    "slope*C + 5 - gamma",
    "max(C, 0) + min(ec50, 0.3, km)",
    "where(t < 24, C, 0) + where(C > 0.1, ec50, slope)",
    "sqrt(C**2 + ec50*km) - C",
    "(C*km*ec50)**(1/3) + C",
    "hill(C, 0.3, gamma) + 1 + fraction",
    "hill(0.2, ec50, 1)*C + C",
    "site + C",  # a volume of 1 L
    "site + gut",
    "0 + 0*t + C",
    "C**1 + C**0*km",
    "weight**slope + t",
]


@pytest.mark.parametrize("text", LEGITIMATE)
def test_what_could_be_right_is_not_refused(text):
    assert defined(text).definitions["d"] == text


def test_a_number_as_a_rate_or_an_initial_value_is_in_internal_units():
    build({"central": "2", "gut": "-0.5*gut"}, initial={"gut": "30", "central": 5})


def test_covariates_may_have_any_unit():
    covariates = {"cl": lambda p: p["cl"] / p["volume"], "derived": lambda p: p["cl"]}
    equations = {"central": "-cl*central", "gut": "-derived*gut"}
    assert build(equations, covariates=covariates).is_linear


def test_functions_and_models_without_equations_are_not_read():
    def rates(t, y, p, dydt):
        dydt[0] = -y[0]

    boxes = [Compartment("a", 5.0)]
    Model("f", boxes, function=rates, parameters=[Parameter("r0", "1 mg/L")], initial={"r": "r0"})
    with pytest.raises(ModelError, match=r'^a\(0\) = "r0": "r0" is mg/L, expected mg\.$'):
        Model(
            "f", boxes, function=rates, parameters=[Parameter("r0", "1 mg/L")], initial={"a": "r0"}
        )


ONE = library.one_compartment(depot=True)
RESPONSE = {"production": 12.0, "loss_rate": "0.3 /h", "maximum_effect": 0.9, "half_effect": "0.5 mg/L"}  # fmt: skip


@pytest.mark.parametrize(
    ("approximation", "amount", "told"),
    [
        ("full", "free", r'"-volume \* binding" is mg\*L/h, expected mg/h'),
        ("quasi-steady-state", "total", '"total_target" is mg/L, but "total" is mg'),
    ],
)
def test_the_target_model_is_read_not_skipped(approximation, amount, told):
    model = library.target_mediated(
        approximation=approximation, association_rate="0.6 L/mg/h", peripheral=True
    )
    with pytest.raises(ModelError, match=told):
        replace(model, definitions={**model.definitions, amount: "central"})
    rate = {**model.equations, "central": "-volume*target_baseline"}
    with pytest.raises(ModelError, match="is mg, expected mg/h"):
        replace(model, equations=rate)


@pytest.mark.parametrize("kind", ["I", "II", "III", "IV"])
def test_the_responses_are_read_not_skipped(kind):
    for model in (
        library.with_indirect_response(ONE, kind, **RESPONSE),
        library.with_indirect_response(ONE, kind, **RESPONSE, effect_exponent=2.0),
        library.with_turnover_feedback(ONE, kind, **RESPONSE, tolerance_rate="0.1 /h"),
    ):
        with pytest.raises(ModelError, match=r"half_effect.* is mg"):
            replace(model, definitions={**model.definitions, "response_concentration": "central"})


def test_a_site_of_effect_drives_a_response():
    model = library.with_indirect_response(
        library.with_effect_compartment(ONE, "0.5 /h"), "I", site="effect_site", **RESPONSE
    )
    assert model.definitions["response_concentration"] == "effect_site/1.0"


# ------------------------------------------------------------------------------------------------ laws

KNOWN = {
    "a": "mg",
    "b": "mg",
    "v": "L",
    "w": "L",
    "h": "h",
    "k": "1/h",
    "q": "L/h",
    "c": "mg/L",
    "f": "1",
}
POWERS = {name: scale_of(unit).powers for name, unit in KNOWN.items()}
exponents = st.sampled_from(["2", "3", "-1", "0.5", "(1/4)"])


def any_texts():
    """Expressions of names alone, right or wrong in their units."""

    def larger(part):
        pairs = st.tuples(part, part)
        return st.one_of(
            st.tuples(part, st.sampled_from("+*/"), part).map(lambda p: f"({' '.join(p)})"),
            pairs.map(lambda p: f"min({p[0]}, {p[1]})"),
            pairs.map(lambda p: f"hill({p[0]}, {p[1]}, 2)"),
            st.tuples(part, part, part, part).map("where({0[0]} < {0[1]}, {0[2]}, {0[3]})".format),
            part.map(lambda a: f"sqrt({a})"),
            part.map(lambda a: f"exp(-{a})"),
            part.map(lambda a: f"log({a})"),
            st.tuples(part, exponents).map("({0[0]})**{0[1]}".format),
        )

    return st.recursive(st.sampled_from(sorted(KNOWN)), larger, max_leaves=6)


@given(any_texts(), st.lists(st.floats(0.5, 2), min_size=9, max_size=9))
def test_what_passes_is_the_same_in_all_units(text, numbers):
    """In other units of mass, time and volume the value changes as its unit says."""
    reading = Reading(Expression.parse(text), POWERS)
    if reading.faults:
        return
    sizes = np.array([1000.0, 1 / 24, 1 / 60, 1, 1, 1])
    values = dict(zip(sorted(KNOWN), numbers, strict=True))
    rescaled = {n: v * np.prod(sizes ** POWERS[n]) for n, v in values.items()}
    expression = Expression.parse(text)
    expected = expression.evaluate(values) * np.prod(sizes ** np.array(reading.meaning))
    found = expression.evaluate(rescaled)
    if math.isfinite(expected):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)


@st.composite
def right_texts(draw, powers, depth):
    """An expression with the unit `powers`; names of bare numbers and numbers that are quantities in it."""

    def part(unit):
        return draw(right_texts(unit, depth - 1))

    names = [n for n, own in POWERS.items() if own == powers]
    if depth == 0:
        return draw(st.sampled_from([*names, "bare", "0.7 * bare"]))
    kinds = ["sum", "product", "quotient", "choice", "number", "root"]
    kind = draw(st.sampled_from(kinds if any(powers) else [*kinds, "hill", "exp", "log", "power"]))
    other = POWERS[draw(st.sampled_from(sorted(KNOWN)))]
    if kind == "sum":
        return f"({part(powers)} - {draw(st.sampled_from([part(powers), '2.5', 'bare']))})"
    if kind == "product":
        return (
            f"({part(other)}) * ({part(tuple(p - o for p, o in zip(powers, other, strict=True)))})"
        )
    if kind == "quotient":
        return (
            f"({part(tuple(p + o for p, o in zip(powers, other, strict=True)))}) / ({part(other)})"
        )
    if kind == "choice":
        return f"where({part(other)} < {part(other)}, {part(powers)}, max({part(powers)}, 0))"
    if kind == "number":
        return f"(3 * ({part(other)}))"
    if kind == "root":
        return f"sqrt(({part(powers)}) * ({part(powers)}))"
    if kind == "hill":
        return f"hill({part(other)}, max({part(other)}, 1), {part(powers)})"
    if kind == "power":
        return f"({part(powers)})**({part(powers)})"
    return f"{kind}({part(powers)})"


@given(st.sampled_from(sorted(KNOWN)).flatmap(lambda n: right_texts(POWERS[n], 3)))
def test_nothing_is_refused_that_some_units_make_right(text):
    assert Reading(Expression.parse(text), POWERS).faults == []


@given(st.lists(st.integers(-2, 2), min_size=6, max_size=6).map(tuple))
def test_a_unit_is_written_as_it_is_read(powers):
    assert scale_of(unit_of(powers)).powers == powers


def test_units_of_dimensions_are_written_as_everywhere():
    for unit in DIMENSIONS.values():
        assert unit_of(scale_of(unit).powers) == unit


def test_no_pint_is_needed():
    code = (
        "import sys; from pkmodel import library;"
        "library.target_mediated(association_rate='0.6 L/mg/h'); print('pint' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
