"""Equations as text: reading, values, derivatives against mpmath, programs, and every fault."""

import re
import subprocess
import sys

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkmodel.errors import ModelError
from pkmodel.kernels import instructions
from pkmodel.model.equations import Expression, Program, compile_program, is_linear
from pkmodel.model.equations.derivatives import derivatives
from pkmodel.model.equations.graph import NAME, NUMBER, Graph
from pkmodel.model.equations.lowering import lowered
from pkmodel.model.equations.program import OPERATIONS

NAMES = ("x", "y", "k", "m", "t")
NUMBERS = ("0", "0.5", "1", "2", "3", "1e-3", "10")


def texts(*, powers):
    """Expressions that are finite for x, y, t of any sign and k, m above 0; conditions are simple."""
    atom = st.sampled_from(NAMES + NUMBERS)
    simple = st.tuples(atom, atom).map(" - ".join) | atom

    def larger(part):
        pairs = st.tuples(part, part)
        found = [
            st.tuples(part, st.sampled_from(["+", "-", "*"]), part).map(" ".join),
            st.tuples(part, st.sampled_from(["+", "-", "*"]), part).map(
                lambda p: f"({' '.join(p)})"
            ),
            part.map(lambda a: f"-({a})"),
            st.tuples(part, st.sampled_from(["k", "m", "2"])).map(lambda p: f"({p[0]}) / {p[1]}"),
            pairs.map(lambda p: f"({p[0]}) / (1 + exp(min({p[1]}, 3)))"),
            part.map(lambda a: f"log(1 + ({a}) * ({a}))"),
            part.map(lambda a: f"sqrt(2 + ({a}) * ({a}))"),
            part.map(lambda a: f"exp(min({a}, 1.5))"),
            pairs.map(lambda p: f"min({p[0]}, {p[1]})"),
            st.tuples(part, part, part).map(lambda p: f"max({', '.join(p)})"),
            st.tuples(simple, st.sampled_from(["<", "<=", ">", ">="]), simple, part, part).map(
                lambda p: f"where({p[0]} {p[1]} {p[2]}, {p[3]}, {p[4]})"
            ),
        ]
        if powers:
            found += [
                st.tuples(part, st.sampled_from("123")).map("({0[0]})**{0[1]}".format),
                st.tuples(st.sampled_from("km"), st.sampled_from(["-1", "0.5", "m", "y"])).map(
                    "**".join
                ),
                pairs.map(lambda p: f"(1 + ({p[0]}) * ({p[0]}))**min({p[1]}, 2)"),
                st.tuples(part, st.sampled_from(["1", "2", "0.7", "1.5", "k"])).map(
                    lambda p: f"hill({p[0]}, m, {p[1]})"
                ),
                pairs.map(lambda p: f"hill({p[0]}, 1 + ({p[1]}) * ({p[1]}), 2 + 1 / (2 + y * y))"),
            ]
        return st.one_of(found)

    return st.recursive(atom, larger, max_leaves=12)


def values_of(u):
    """Numbers that meet no constant of the texts, so that no kink is hit by chance."""
    signs = (1, -1, 1, 1, 1)
    factors = (1.0172937, 0.9313731, 0.6180339, 1.3247179, 2.1039713)
    return {n: s * f * v for n, s, f, v in zip(NAMES, signs, factors, u, strict=True)}


points = st.lists(st.floats(0.2, 3), min_size=5, max_size=5).map(values_of)


def by_python(text, values):
    """The same text by Python itself."""

    def choose(condition, a, b):
        return a if condition else b

    def hill(x, x50, gamma):
        return x**gamma / (x50**gamma + x**gamma) if x > 0 else np.float64(0)

    functions = {"exp": np.exp, "log": np.log, "sqrt": np.sqrt, "where": choose, "hill": hill}
    code = re.sub(r"(?<![\w.])(\d[\d.]*(?:e-?\d+)?)", r"number(\1)", text)
    scope = {**functions, "number": np.float64, "min": min, "max": max}
    with np.errstate(all="ignore"):
        return eval(
            code, {"__builtins__": {}}, {**scope, **{n: np.float64(v) for n, v in values.items()}}
        )


def by_mpmath(text, values):
    """The same text in 60 digits; the numbers written in it are those of double precision."""

    def choose(condition, a, b):
        return a if condition else b

    def hill(x, x50, gamma):
        return 1 / (1 + (x50 / x) ** gamma) if x > 0 else mp.mpf(0)

    functions = {"exp": mp.exp, "log": mp.log, "sqrt": mp.sqrt, "where": choose, "hill": hill}
    code = re.sub(r"(?<![\w.])(\d[\d.]*(?:e-?\d+)?)", r"number(\1)", text)
    scope = {**functions, "number": mp.mpf, "min": min, "max": max}
    return mp.mpf(eval(code, {"__builtins__": {}}, {**scope, **values}))


def slope_by_mpmath(text, values, name):
    with mp.workdps(60):
        step, exact = mp.mpf("1e-20"), {n: mp.mpf(v) for n, v in values.items()}
        up = by_mpmath(text, {**exact, name: exact[name] + step})
        down = by_mpmath(text, {**exact, name: exact[name] - step})
        return float((up - down) / (2 * step))


def system(first, second="x - y"):
    return compile_program(("x", "y"), {"x": first, "y": second}, {}, ("k", "m"))


def arguments(program, values):
    return (
        [values[s] for s in program.states],
        values.get("t", 0.0),
        [values[p] for p in program.parameters],
    )


# -------------------------------------------------------------------------------------- expressions


@given(texts(powers=True), points)
def test_value_is_that_of_python(text, values):
    value = Expression.parse(text).evaluate(values)
    np.testing.assert_allclose(value, by_python(text, values), rtol=1e-10, atol=1e-12)


@given(texts(powers=True), points)
def test_text_of_an_expression_reads_to_the_same(text, values):
    expression = Expression.parse(text)
    again = Expression.parse(str(expression))
    assert again == expression and str(again) == str(expression)
    assert again.names == expression.names
    np.testing.assert_array_equal(again.evaluate(values), expression.evaluate(values))


@pytest.mark.parametrize(
    "text",
    [
        "max(a, b, min(c, 2))",
        "a - (b - c)",
        "a - b - c",
        "a / (b * c)",
        "a / b * c",
        "-a**2",
        "(-a)**2",
        "2**-a",
        "a**b**c",
        "(a**b)**c",
        "--a",
        "a - -b",
        "-(a + b) * c",
        "where(a + b < -c, 1e-05, 1e+22)",
    ],
)
def test_brackets_are_written_where_they_are_needed(text):
    assert str(Expression.parse(text)) == text


def test_spaces_and_lines_do_not_matter():
    assert Expression.parse(" ksyn\n   - kdeg*R  ") == Expression.parse("ksyn-kdeg * R")
    assert Expression.parse("+a") == Expression.parse("a")


def test_names_stand_in_order_and_keep_their_spelling():
    assert Expression.parse("b*µ + a - b*exp(c)").names == ("b", "µ", "a", "c")
    assert Expression.parse("µ + 1").evaluate({"µ": 2}) == 3
    assert str(Expression.parse("µ * 2")) == "µ * 2"


def test_evaluation_broadcasts():
    x, y = np.arange(3.0)[:, None], np.arange(4.0)
    np.testing.assert_array_equal(
        Expression.parse("where(x < y, x, min(x, 1, y))").evaluate({"x": x, "y": y}),
        np.where(x < y, x, np.minimum(1, np.minimum(x, y))),
    )
    assert Expression.parse("2 * 3").evaluate({}).shape == ()


def test_a_value_that_is_missing():
    with pytest.raises(ModelError) as error:
        Expression.parse("vmax * C / (km + C)").evaluate({"C": 1, "Vmax": 2})
    assert str(error.value) == (
        '"vmax * C / (km + C)": no value for "vmax" (did you mean "Vmax"?); no value for "km".'
    )


def test_a_sum_of_many_terms():
    text = " + ".join(f"a{i % 7} * {i}" for i in range(600))
    expression = Expression.parse(text)
    assert expression.evaluate({f"a{i}": 1 for i in range(7)}) == 599 * 300
    assert Expression.parse(str(expression)) == expression
    program = compile_program(["a0"], {"a0": text}, {}, [f"a{i}" for i in range(1, 7)])
    assert program.evaluate_rhs([1.0], p=[1.0] * 6) == 599 * 300
    assert program.evaluate_jacobian([1.0], p=[1.0] * 6) == sum(range(0, 600, 7))


X = [-np.inf, -1.0, -0.0, 0.0, 5e-324, 1e-300, 1e-20, 0.1, 2.0, 1e20, 1e300, np.inf]
GAMMAS = [0.3, 1.0, 1.5, 2.0, 4.0, 50.0]


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("written", [True, False], ids=["number", "parameter"])
def test_hill_is_finite_everywhere(gamma, written):
    text = f"hill(x, k, {gamma})" if written else "hill(x, k, gamma)"
    expression = Expression.parse(text)
    program = compile_program(["x"], {"x": text}, {}, ["k", "gamma"])
    p = [0.3] if written else [0.3, gamma]
    x = np.array(X)[:, None]
    for values in (
        expression.evaluate({"x": x[:, 0], "k": 0.3, "gamma": gamma}),
        program.evaluate_rhs(x[:-1], p=p)[:, 0],
    ):
        assert np.isfinite(values).all() and (np.diff(values) >= 0).all()
        assert (values[x[: len(values), 0] <= 0] == 0).all() and values[-1] == 1
    for value in X[5:-1]:
        with mp.workdps(60):
            exact = by_mpmath(
                "hill(x, k, g)", {"x": mp.mpf(value), "k": mp.mpf(0.3), "g": mp.mpf(gamma)}
            )
        np.testing.assert_allclose(
            program.evaluate_rhs([value], p=p), float(exact), rtol=1e-12, atol=1e-300
        )


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("written", [True, False], ids=["number", "parameter"])
def test_slope_of_hill_is_finite_everywhere(gamma, written):
    text = f"hill(x, k, {gamma})" if written else "hill(x, k, gamma)"
    program = compile_program(["x"], {"x": text}, {}, ["k", "gamma"])
    p = [0.3] if written else [0.3, gamma]
    slopes = program.evaluate_jacobian(np.array(X[1:-1])[:, None], p=p)[:, 0, 0]
    assert np.isfinite(slopes).all() and (slopes >= 0).all()
    assert slopes[0] == 0
    at_zero = {0.3: 0.3 / 0.3 * 1e-10 ** (0.3 - 1), 1.0: 1 / 0.3}.get(gamma, 0.0)
    np.testing.assert_allclose(slopes[1:3], at_zero, rtol=1e-12)
    for value, slope in zip(X[6:-1], slopes[5:], strict=True):
        values = {"x": value, "k": 0.3, "g": gamma}
        with mp.workdps(200):
            h, x = (
                by_mpmath("hill(x, k, g)", {n: mp.mpf(v) for n, v in values.items()}),
                mp.mpf(value),
            )
            exact = float(mp.mpf(gamma) * h * (1 - h) / x)
        if gamma >= 1 or value >= 0.3e-10:
            np.testing.assert_allclose(slope, exact, rtol=1e-12, atol=1e-16 / value * (gamma == 1))


@pytest.mark.parametrize("x", [0.02, 0.7, 40.0])
def test_slopes_of_hill_by_its_other_arguments(x):
    text = "hill(x, 0.3 + y / 2, 1 + z * z)"
    program = compile_program(["x", "y", "z"], {"x": text, "y": "0", "z": "0"})
    values = {"x": x, "y": 0.9, "z": 1.3}
    slopes = program.evaluate_jacobian(list(values.values()))[0]
    exact = [slope_by_mpmath(text, values, name) for name in values]
    np.testing.assert_allclose(slopes, exact, rtol=1e-12)
    assert np.isfinite(program.evaluate_jacobian([0.0, 0.9, 1.3])).all()


def test_michaelis_menten_as_it_is_written():
    program = compile_program(["C"], {"C": "-vmax*C/(km + C)"}, {}, ["vmax", "km"])
    C = np.array([[-1e-9], [0.0], [1e-300], [0.5], [1e300]])
    np.testing.assert_allclose(
        program.evaluate_rhs(C, p=[2.0, 0.5]), -2 * C / (0.5 + C), rtol=1e-15
    )
    exact = [-4.000000016, -4, -4, -1, 0]
    np.testing.assert_allclose(
        program.evaluate_jacobian(C, p=[2.0, 0.5])[:, 0, 0], exact, rtol=1e-15
    )
    assert len(program.rhs) == 4


# ------------------------------------------------------------------------------------------- faults


LONG = "k + " * 60 + "k ^ 2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ksyn ^ 2", '"ksyn ^ 2": "^" at character 6: write ** for a power.'),
        (
            "k·C × 2 − b²",
            '"k·C × 2 − b²": "·" at character 2: write * for a product; "×" at character 5: write * for a '
            'product; "−" at character 9: write - for a difference; "²" at character 12: write **2.',
        ),
        (
            "max(sqt(x), ln(y), a^b)",
            '"max(sqt(x), ln(y), a^b)": "^" at character 21: write ** for a power; "sqt(x)" at character 5: '
            'unknown function "sqt" (did you mean "sqrt"?); "ln(y)" at character 13: unknown function '
            '"ln": write log(x).',
        ),
        ("", '"": the text is empty.'),
        ("a  # b", '"a # b": "#" at character 3: an expression holds no comments.'),
        (
            "2x",
            '"2x": "2x" at character 1: write * for a product; a name does not begin with a digit.',
        ),
        (
            "a b",
            '"a b": "b" at character 3: expected numbers, names and functions with + - * / ** between them.',
        ),
        ("(a + b", '"(a + b": "(a + b" at character 1: \'(\' was never closed.'),
        ("a) + (b", '"a) + (b": ") + (b" at character 2: unmatched \')\'.'),
        ("dx = a", '"dx = a": expected the right-hand side alone, without "=".'),
        ("lambda * x", '"lambda * x": "lambda" is a word of Python and cannot be a name.'),
        (
            "sin(x)",
            '"sin(x)": "sin(x)" at character 1: unknown function "sin" '
            "(exp, log, sqrt, min, max, hill, where); a product is written with *.",
        ),
        (
            "kon(C + 1) + exq(x)",
            '"kon(C + 1) + exq(x)": "kon(C + 1)" at character 1: unknown function "kon" '
            "(exp, log, sqrt, min, max, hill, where); a product is written with *; "
            '"exq(x)" at character 14: unknown function "exq" (did you mean "exp"?).',
        ),
        ("pow(x, 2)", '"pow(x, 2)": "pow(x, 2)" at character 1: unknown function "pow": write x**y.'),
        ("np.exp(x)", '"np.exp(x)": "np.exp(x)" at character 1: write exp(x).'),
        ("2(x)", '"2(x)": "2(x)" at character 1: write * for a product.'),
        (
            "a + (b < c)",
            '"a + (b < c)": "b < c" at character 6: a comparison stands only in where(condition, a, b).',
        ),
        (
            "where(a < b < c, 1, 2)",
            '"where(a < b < c, 1, 2)": "a < b < c" at character 7: expected one comparison, a < b.',
        ),
        (
            "where(a == b, 1, 2)",
            '"where(a == b, 1, 2)": "a == b" at character 7: the comparisons are < <= > >=.',
        ),
        (
            "where(a, 1, 2)",
            '"where(a, 1, 2)": "a" at character 7: expected one comparison, a < b.',
        ),
        (
            "not a",
            '"not a": "not a" at character 1: one comparison only; write where() inside where().',
        ),
        (
            "a if b else c",
            '"a if b else c": "a if b else c" at character 1: write where(condition, a, b).',
        ),
        ("k * exp", '"k * exp": "exp" at character 5: this is a function: write exp(x).'),
        ("exp(1, 2)", '"exp(1, 2)": "exp(1, 2)" at character 1: expected 1 argument, exp(x).'),
        ("min(a)", '"min(a)": "min(a)" at character 1: expected at least 2 arguments, min(a, b).'),
        (
            "hill(x, k)",
            '"hill(x, k)": "hill(x, k)" at character 1: expected 3 arguments, hill(x, x50, gamma).',
        ),
        (
            "hill(x, k, gamma=2)",
            '"hill(x, k, gamma=2)": "hill(x, k, gamma=2)" at character 1: '
            "expected 3 arguments, hill(x, x50, gamma).",
        ),
        (
            "hill(x, 0, -1)",
            '"hill(x, 0, -1)": "0" at character 9: x50 has to be above 0; '
            '"-1" at character 12: gamma has to be above 0.',
        ),
        ("1e400 + 3j", '"1e400 + 3j": "1e400" at character 1: the number is too large; '
                       '"3j" at character 9: expected a real number.'),
        ("True", '"True": "True" at character 1: expected a real number.'),
        ("a // b", '"a // b": "a // b" at character 1: the operators are + - * / **.'),
        (
            "x[0]",
            '"x[0]": "x[0]" at character 1: expected numbers, names, + - * / ** and functions.',
        ),
        (
            "__import__('os').system('ls')",
            "\"__import__('os').system('ls')\": \"'ls'\" at character 25: expected a real number; "
            "\"__import__('os').system('ls')\" at character 1: write * for a product.",
        ),
        (LONG, f'"{LONG[:117]}...": "^" at character 243: write ** for a power.'),
        (
            "-" * 5000 + "x",
            f'"{"-" * 117}...": the text is nested too deeply: give its parts names in definitions.',
        ),
    ],
)  # fmt: skip
def test_fault(text, message):
    with pytest.raises(ModelError) as error:
        Expression.parse(text)
    assert str(error.value) == message


def test_fault_names_what_is_defined():
    with pytest.raises(ModelError, match=r'^receptor = "k\^2": "\^" at character 2: write'):
        Expression.parse("k^2", "receptor")
    with pytest.raises(ModelError, match=r'^receptor is 2.0; expected text, such as "k \* x".$'):
        Expression.parse(2.0, "receptor")


def test_all_faults_of_a_system_at_once():
    with pytest.raises(ModelError) as error:
        compile_program(
            ["gut", "blood", "t"],
            {"gut": "-ka^gut", "c": "blod"},
            {"C": "b1 + cl", "b1": "b2", "b2": "C", "self": "self", "gut": "1"},
            ["ka", "exp", "blood"],
        )
    assert error.value.faults == (
        'gut = "-ka^gut": "^" at character 4: write ** for a power',
        '"t" is the time and a state; give one of them another name',
        '"exp" is a function and a parameter; give one of them another name',
        '"gut" is a state and a definition; give one of them another name',
        '"blood" is a state and a parameter; give one of them another name',
        'equation of "c", which is no state',
        'state "blood" has no equation; write "0" if it does not change',
        'state "t" has no equation; write "0" if it does not change',
        'c: unknown name "blod" (did you mean "blood"?)',
        'C: unknown name "cl" (did you mean "C"?)',
        "definitions go round in a circle: C uses b1 uses b2 uses C",
        "definitions go round in a circle: self uses self",
    )


def test_a_state_named_twice_and_a_state_misspelt():
    with pytest.raises(ModelError) as error:
        compile_program(["gut", "gut"], {"gutt": "1", "gut": "0"})
    assert error.value.faults == (
        '"gut" is a state and a state; give one of them another name',
        'equation of "gutt", which is no state (did you mean "gut"?)',
    )


def test_values_of_a_wrong_shape():
    program = compile_program(["x"], {"x": "k*x"}, {}, ["k", "unused"])
    with pytest.raises(ModelError) as error:
        program.evaluate_rhs([1.0], p=[1.0, 2.0])
    assert str(error.value) == "parameters have the shape (2,); expected (..., 1). They are k."
    with pytest.raises(ModelError, match=r"states have the shape \(\); expected \(..., 1\)"):
        program.evaluate_jacobian(1.0, p=[1.0])


# ----------------------------------------------------------------------------------------- programs


@given(texts(powers=False), texts(powers=False), points)
def test_program_is_the_text_to_the_last_bit(first, second, values):
    """An expression keeps every result in a place of its own: no register is used again too early."""
    program = system(first, second)
    expected = [Expression.parse(text).evaluate(values) for text in (first, second)]
    np.testing.assert_array_equal(program.evaluate_rhs(*arguments(program, values)), expected)


@given(texts(powers=True), texts(powers=True), points)
def test_program_with_powers_and_hill_is_the_text(first, second, values):
    program = system(first, second)
    found = program.evaluate_rhs(*arguments(program, values))
    for text, value in zip((first, second), found, strict=True):
        with mp.workdps(60):
            exact = float(by_mpmath(text, {n: mp.mpf(v) for n, v in values.items()}))
        np.testing.assert_allclose(value, exact, rtol=1e-9, atol=1e-9 * scale(program, values))


@given(texts(powers=True), texts(powers=True), points)
def test_derivatives_are_those_of_mpmath(first, second, values):
    program = system(first, second)
    jacobian = program.evaluate_jacobian(*arguments(program, values))
    by_time = program.evaluate_time_derivative(*arguments(program, values))
    size = 1e-9 * scale(program, values)
    for i, text in enumerate((first, second)):
        for name, found in (("x", jacobian[i, 0]), ("y", jacobian[i, 1]), ("t", by_time[i])):
            exact = slope_by_mpmath(text, values, name)
            np.testing.assert_allclose(
                found, exact, rtol=1e-8, atol=size, err_msg=f"{text} by {name}"
            )


def scale(program, values):
    """The largest number on the way, to which rounding errors are relative."""
    y, t, p = arguments(program, values)
    registers = [*y, t, *p, *program.constants[program.constants < 1e299]]
    numbers, _ = program._run(y, t, p, (program.setup, program.rhs, program.jac))
    return max(
        1.0, *(abs(float(r)) for r in (*registers, *numbers) if r is not None and abs(r) < 1e299)
    )


def without_reuse(texts_of_rates, values):
    """Rates and Jacobian from the graph itself, every node in a place of its own."""
    graph = Graph()
    rates = [
        graph.add(e, {n: graph.name(n) for n in e.names})
        for e in map(Expression.parse, texts_of_rates)
    ]
    slopes = [derivatives(graph, rates, name) for name in ("x", "y")]
    roots = [*rates, *(k for column in slopes for k in column.values())]
    final = lowered(graph, roots)
    found = {}
    with np.errstate(all="ignore"):
        for i in graph.reachable(final.values()):
            operation, *operands = graph.nodes[i]
            if operation == NUMBER:
                found[i] = np.float64(operands[0])
            elif operation == NAME:
                found[i] = np.float64(values[operands[0]])
            else:
                found[i] = OPERATIONS[operation](found[operands[0]], found[operands[-1]])
    entries = [[found[final[c[r]]] if r in c else 0.0 for c in slopes] for r in rates]
    return [found[final[r]] for r in rates], entries


@given(texts(powers=True), texts(powers=True), points)
def test_registers_are_used_again_only_when_they_are_free(first, second, values):
    second = f"({first}) * k - ({second})"  # the first rate is an operand of the second
    program = system(first, second)
    rates, entries = without_reuse((first, second), values)
    given = arguments(program, values)
    np.testing.assert_array_equal(program.evaluate_rhs(*given), rates)
    np.testing.assert_array_equal(program.evaluate_jacobian(*given), entries)
    whole = program._run(*given, (program.setup, program.rhs, program.jac))[0]
    twice = program._run(*given, (program.setup, program.rhs, program.jac, program.rhs))[0]
    for numbers in (whole, twice):  # the Jacobian leaves the rates alone
        np.testing.assert_array_equal([numbers[r] for r in program.rhs_out], rates)


@given(texts(powers=True), texts(powers=True))
def test_layout_of_registers(first, second):
    program = system(first, second)
    inputs = len(program.states) + 1 + len(program.parameters) + len(program.constants)
    steps = np.concatenate((program.setup, program.rhs, program.jac))
    assert (steps[:, 1] >= inputs).all() and (steps[:, 1:] < program.registers).all()
    assert (steps[:, 1] != steps[:, 2]).all() and (steps[:, 1] != steps[:, 3]).all()
    stay = set(range(inputs, inputs + program.hoisted))
    assert stay <= set(program.setup[:, 1]) and not stay & set(steps[len(program.setup) :, 1])
    written = set(range(inputs))
    for part in (program.setup, program.rhs, program.jac):
        for _, target, left, right in part.tolist():
            assert {left, right} <= written
            written.add(target)
    assert program.setup.size == 0 or not set(program.setup[:, 2:].ravel()) & {0, 1, 2}
    assert set(program.parameters) == {"k", "m"} & used(program)


def used(program):
    registers = {*program.rhs_out, *program.jac_out[:, 2], *program.time_out[:, 1]}
    for part in (program.setup, program.rhs, program.jac):
        registers |= set(part[:, 2:].ravel())
    first = len(program.states) + 1
    return {name for i, name in enumerate(program.parameters) if first + i in registers}


def test_instructions_are_those_of_the_kernel():
    assert sorted(OPERATIONS) == list(range(instructions.ROOT + 1))
    apply = {number: float(f(np.float64(3), np.float64(2))) for number, f in OPERATIONS.items()}
    assert apply == {
        instructions.SUM: 5,
        instructions.DIFFERENCE: 1,
        instructions.PRODUCT: 6,
        instructions.QUOTIENT: 1.5,
        instructions.POWER: 9,
        instructions.MINIMUM: 2,
        instructions.MAXIMUM: 3,
        instructions.GREATER: 1,
        instructions.EXP: np.exp(3),
        instructions.LOG: np.log(3),
        instructions.ROOT: np.sqrt(3),
    }


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("x + 0 - 0 * y + 1 * x - x", 2),
        ("x**1 + x**0", 1),
        ("x**2", 1),
        ("x**3", 2),
        ("x**8", 3),
        ("x**-2", 2),
        ("2 * 3 + log(1)", 0),
        ("k * m + k / m", 0),
        ("x * y + y * x", 2),
        ("-k * x + k * x", 0),
        ("x + -k * y", 2),
        ("x + y - (y + x)", 0),
        ("log(x) - log(x)", 2),
        ("where(log(x) > 0, 2, 0)", 3),
        ("-(x - y)", 1),
        ("x / -y", 2),
        ("0 * log(x)", 2),
        ("exp(0) * x / 1", 0),
        ("where(1 < 2, x, y)", 0),
        ("where(x < y, k, k)", 0),
        ("hill(x, k, 1)", 3),
        ("hill(x, k, 2)", 5),
        ("hill(x, k, m)", 5),
    ],
)
def test_simplification(text, steps):
    assert len(system(text, "0").rhs) == steps


def test_root_and_products_in_place_of_powers():
    found = system("x**0.5 + x**3 + x**y", "0").rhs[:, 0].tolist()
    assert sorted(found) == sorted(
        [
            instructions.ROOT,
            *[instructions.PRODUCT] * 2,
            instructions.POWER,
            *[instructions.SUM] * 2,
        ]
    )


def test_a_branch_that_is_not_taken_does_no_harm():
    program = system("where(x > 0, log(x) / x, 0)", "where(y <= 0, 1 / y, sqrt(y))")
    values = program.evaluate_rhs([[0.0, 0.0], [-1.0, -2.0], [np.e, 4.0]])
    np.testing.assert_allclose(values, [[0, np.inf], [0, -0.5], [1 / np.e, 2]])
    jacobian = program.evaluate_jacobian([[0.0, 4.0], [-1.0, -2.0], [1.0, 4.0]])
    expected = [[[0, 0], [0, 0.25]], [[0, 0], [0, -0.25]], [[1, 0], [0, 0.25]]]
    np.testing.assert_allclose(jacobian, expected)


def test_slopes_at_kinks():
    program = compile_program(
        ["x", "y"], {"x": "max(x, 0) + min(3*y, x)", "y": "where(x >= 0, 2*x, 5*x) + max(0, y)"}
    )
    jacobian = program.evaluate_jacobian([[0.0, 0.0]])[0]
    np.testing.assert_array_equal(jacobian, [[1, 3], [2, 0]])


def test_slopes_of_a_power_at_zero():
    program = system("x**(1 + y*y)", "x**1.5 + x**k")
    jacobian = program.evaluate_jacobian([0.0, 0.7], p=[1.0])
    np.testing.assert_array_equal(jacobian, [[0, 0], [1, 0]])


def test_a_condition_beside_nan_is_the_same_in_numpy_and_in_the_program():
    for operator in ("<", "<=", ">", ">="):
        text = f"where(x {operator} y, 1, 2)"
        expected = Expression.parse(text).evaluate({"x": np.nan, "y": 1.0})
        assert system(text).evaluate_rhs([np.nan, 1.0])[0] == expected


def test_time():
    program = system("-x + k * t**2", "where(t > 24, x, 0)")
    assert program.time_dependent and program.time_out[:, 0].tolist() == [0]
    np.testing.assert_array_equal(
        program.evaluate_time_derivative([1.0, 1.0], [3.0, 30.0], [2.0]), [[12, 0], [120, 0]]
    )
    np.testing.assert_array_equal(
        program.evaluate_rhs([1.0, 1.0], [3.0, 30.0], [2.0]), [[17, 0], [1799, 1]]
    )
    assert not system("x").time_dependent and system("x").time_out.shape == (0, 2)


def test_inputs_stand_as_outputs():
    program = compile_program(["x", "y", "z"], {"x": "y", "y": "k", "z": "0"}, {}, ["m", "k"])
    assert program.parameters == ("k",) and len(program.rhs) == len(program.jac) == 0
    np.testing.assert_array_equal(program.evaluate_rhs([1.0, 2.0, 3.0], p=[5.0]), [2, 5, 0])
    np.testing.assert_array_equal(program.evaluate_jacobian([1.0, 2.0, 3.0], p=[5.0])[0], [0, 1, 0])
    assert program.jac_out.shape == (1, 3)


def test_definitions_are_computed_once_and_may_stand_in_any_order():
    program = compile_program(
        ["a", "b"],
        {"a": "-vmax * C / (km + C)", "b": "D * C"},
        {"D": "exp(C)", "C": "a / volume", "idle": "log(km)"},
        ["volume", "km", "vmax", "q"],
    )
    assert program.parameters == ("volume", "km", "vmax")
    assert len(program.rhs) == 7
    C = 0.5
    np.testing.assert_allclose(
        program.evaluate_rhs([5.0, 1.0], p=[10.0, 0.5, 3.0]), [-1.5, np.exp(C) * C], rtol=1e-15
    )


def test_expressions_serve_as_equations():
    program = compile_program(["x"], {"x": Expression.parse("-k*x")}, {}, ["k"])
    np.testing.assert_array_equal(program.evaluate_rhs([2.0], p=[3.0]), [-6])


def test_evaluation_of_a_program_broadcasts():
    program = system("k*x*t", "m*y")
    y = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    t, p = np.arange(4.0)[:, None], np.array([2.0, 0.5])
    assert program.evaluate_rhs(y, t, p).shape == (4, 3, 2)
    assert program.evaluate_jacobian(y, t, p).shape == (4, 3, 2, 2)
    np.testing.assert_array_equal(program.evaluate_rhs(y, t, p)[2, 1], [12, 2])


# ------------------------------------------------------------------------------------- known systems

W4 = {
    "depot": "-ka*depot",
    "central": "ka*depot - Vmax*(central/V2)/(Km+central/V2) - (Q/V2)*central + (Q/V3)*periph",
    "periph": "(Q/V2)*central - (Q/V3)*periph",
    "resp": "kin*(1-Imax*(central/V2)/(IC50+central/V2)) - kout*resp",
}
W4_PARAMETERS = {
    "Vmax": 2.0, "Km": 0.2, "V2": 50.0, "Q": 8.0, "V3": 100.0,
    "ka": 1.0, "kin": 10.0, "kout": 0.1, "Imax": 0.9, "IC50": 0.05,
}  # fmt: skip


def test_two_compartments_with_saturable_loss_and_an_indirect_response():
    program = compile_program(list(W4), W4, {}, W4_PARAMETERS)
    assert program.parameters == tuple(W4_PARAMETERS)
    assert (len(program.setup), len(program.rhs), len(program.jac)) == (8, 19, 10)
    assert (program.registers, program.hoisted, len(program.jac_out)) == (36, 8, 8)
    y, p = np.array([3.0, 7.0, 11.0, 60.0]), np.array(list(W4_PARAMETERS.values()))
    C = 7 / 50
    expected = [
        -3,
        3 - 2 * C / (0.2 + C) - 8 / 50 * 7 + 8 / 100 * 11,
        8 / 50 * 7 - 8 / 100 * 11,
        10 * (1 - 0.9 * C / (0.05 + C)) - 6,
    ]
    np.testing.assert_allclose(program.evaluate_rhs(y, p=p), expected, rtol=1e-14)
    jacobian = np.zeros((4, 4))
    jacobian[0, 0], jacobian[1, 0] = -1, 1
    jacobian[1, 1] = -2 * 0.2 / (0.2 + C) ** 2 / 50 - 8 / 50
    jacobian[1, 2], jacobian[2, 1], jacobian[2, 2] = 0.08, 0.16, -0.08
    jacobian[3, 1], jacobian[3, 3] = -10 * 0.9 * 0.05 / (0.05 + C) ** 2 / 50, -0.1
    np.testing.assert_allclose(program.evaluate_jacobian(y, p=p), jacobian, rtol=1e-13)


def test_target_mediated_disposition():
    equations = {
        "depot": "-ka * depot",
        "central": "ka*depot - (kel*C + binding) * volume - kpt*central + ktp*tissue",
        "tissue": "kpt*central - ktp*tissue",
        "receptor": "ksyn - kdeg*receptor - binding",
        "complex": "binding - kint*complex",
    }
    definitions = {"C": "central / volume", "binding": "kon*C*receptor - koff*complex"}
    names = ["ka", "volume", "kel", "kpt", "ktp", "ksyn", "kdeg", "kon", "koff", "kint"]
    program = compile_program(list(equations), equations, definitions, names)
    p = dict(zip(names, [0.5, 3.0, 0.1, 0.2, 0.15, 0.4, 0.05, 12.0, 0.3, 0.07], strict=True))
    depot, central, tissue, receptor, bound = y = np.array([4.0, 6.0, 2.0, 5.0, 1.5])
    C = central / p["volume"]
    binding = p["kon"] * C * receptor - p["koff"] * bound
    rates = program.evaluate_rhs(y, p=[p[n] for n in names])
    expected = [
        -0.5 * depot,
        0.5 * depot - (0.1 * C + binding) * 3 - 0.2 * central + 0.15 * tissue,
        0.2 * central - 0.15 * tissue,
        0.4 - 0.05 * receptor - binding,
        binding - 0.07 * bound,
    ]
    np.testing.assert_allclose(rates, expected, rtol=1e-14)
    jacobian = program.evaluate_jacobian(y, p=[p[n] for n in names])
    on_receptor, on_central = p["kon"] * C, p["kon"] * receptor / 3
    expected = [
        [-0.5, 0, 0, 0, 0],
        [0.5, -(0.1 / 3 + on_central) * 3 - 0.2, 0.15, -on_receptor * 3, 0.3 * 3],
        [0, 0.2, -0.15, 0, 0],
        [0, -on_central, 0, -0.05 - on_receptor, 0.3],
        [0, on_central, 0, on_receptor, -0.3 - 0.07],
    ]
    np.testing.assert_allclose(jacobian, expected, rtol=1e-13)
    assert (len(program.rhs), len(program.jac)) == (21, 9)
    assert not is_linear(list(equations), equations, definitions)


def test_indirect_response_with_hill():
    equations = {
        "central": "-clearance * C",
        "response": "kin * (1 - imax * hill(C, ic50, gamma)) - kout * response",
    }
    names = ["clearance", "volume", "kin", "kout", "imax", "ic50", "gamma"]
    program = compile_program(list(equations), equations, {"C": "central / volume"}, names)
    p = [5.0, 50.0, 10.0, 0.1, 0.9, 0.05, 1.7]
    h = 0.1**1.7 / (0.05**1.7 + 0.1**1.7)
    rates = program.evaluate_rhs([5.0, 80.0], p=p)
    np.testing.assert_allclose(rates, [-0.5, 10 * (1 - 0.9 * h) - 8], rtol=1e-14)
    jacobian = program.evaluate_jacobian([5.0, 80.0], p=p)
    slope = -10 * 0.9 * 1.7 * h * (1 - h) / 0.1 / 50
    np.testing.assert_allclose(jacobian, [[-0.1, 0], [slope, -0.1]], rtol=1e-13)
    at_rest = program.evaluate_jacobian([0.0, 100.0], p=p)
    np.testing.assert_allclose(at_rest, [[-0.1, 0], [0, -0.1]], rtol=1e-13)


# -------------------------------------------------------------------------------------- linear or not


@pytest.mark.parametrize(
    ("equation", "linear"),
    [
        ("inflow - k*x", True),
        ("-(k1 + exp(-k2)) * x / volume - y / 2", True),
        ("-k * max(x, 0)", False),
        ("-k * x * y", False),
        ("-k * x**2", False),
        ("-k * x**1", True),
        ("x * y / y", False),
        ("-k * x * t", False),
        ("-k * x + t", False),
        ("-k * x + where(t > 2, 1, 0)", False),
        ("-k * x + where(dose > 2, x, y)", True),
        ("-k * x + where(x > 2, 1, 0)", False),
        ("-vmax * C / (km + C)", False),
        ("-clearance * C", True),
        ("hill(k, k50, 2) * x", True),
        ("hill(x, k50, 2)", False),
    ],
)
def test_is_linear(equation, linear):
    found = is_linear(["x", "y"], {"x": equation, "y": "x - y"}, {"C": "x / volume", "idle": "x*x"})
    assert found is linear


def test_a_jump_between_constants_is_not_linear():
    """Its slope is 0 everywhere and yet the rate is no function A x + b."""
    assert not is_linear(["x"], {"x": "where(x > 1, 2, 3)"})


@given(st.lists(st.floats(-5, 5), min_size=9, max_size=9))
def test_the_jacobian_of_a_linear_system_is_its_matrix(entries):
    names = ["a", "b", "c"]
    A = np.array(entries).reshape(3, 3)
    equations = {
        name: " + ".join(f"({float(v)!r}) * {n}" for v, n in zip(row, names, strict=True))
        for name, row in zip(names, A, strict=True)
    }
    assert is_linear(names, equations)
    program = compile_program(names, equations)
    np.testing.assert_array_equal(program.evaluate_jacobian([1.0, 2.0, 3.0]), A)
    y = np.array([0.3, -2.0, 7.0])
    np.testing.assert_allclose(program.evaluate_rhs(y), A @ y, rtol=1e-12, atol=1e-13)


def test_import_brings_nothing_but_numpy():
    code = (
        "import sys, pkmodel.model.equations as e; e.compile_program(['x'], {'x': '-x'});"
        "print(*{'numba', 'sympy', 'scipy', 'pandas', 'xarray', 'pint'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_program_is_plain_arrays():
    program = compile_program(list(W4), W4, {}, W4_PARAMETERS)
    assert isinstance(program, Program)
    for name in ("setup", "rhs", "rhs_out", "jac", "jac_out", "time_out"):
        assert getattr(program, name).dtype == np.int64
    assert program.constants.dtype == np.float64 and program.constants.tolist() == [0, 1]
