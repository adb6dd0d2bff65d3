"""Power series of programs, beside arithmetic of truncated series in fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pkmodel.kernels.instructions import KEEP, PRODUCT, RATE, ROOT, TERM
from pkmodel.model.equations import compile_program

ORDER = 6


class Truncated:
    """A power series up to ORDER, with exact coefficients."""

    def __init__(self, *coefficients):
        self.c = [*map(Fraction, coefficients), *[Fraction(0)] * (ORDER + 1 - len(coefficients))]

    def of(self, other):
        return other if isinstance(other, Truncated) else Truncated(other)

    def __add__(self, other):
        return Truncated(*(a + b for a, b in zip(self.c, self.of(other).c, strict=True)))

    def __neg__(self):
        return Truncated(*(-a for a in self.c))

    def __sub__(self, other):
        return self + -self.of(other)

    def __mul__(self, other):
        b = self.of(other).c
        return Truncated(
            *(sum(self.c[j] * b[k - j] for j in range(k + 1)) for k in range(ORDER + 1))
        )

    def __truediv__(self, other):
        b, found = self.of(other).c, []
        for k in range(ORDER + 1):
            found.append((self.c[k] - sum(b[j] * found[k - j] for j in range(1, k + 1))) / b[0])
        return Truncated(*found)

    def __radd__(self, other):
        return self.of(other) + self

    def __rsub__(self, other):
        return self.of(other) - self

    def __rmul__(self, other):
        return self.of(other) * self

    def __rtruediv__(self, other):
        return self.of(other) / self


def exact(equations, start, values):
    """Coefficients of the solution, (state, order): those of the text's own arithmetic, one order after another."""
    found = {name: [Fraction(x)] for name, x in start.items()}
    for k in range(ORDER):
        known = {name: Truncated(*c) for name, c in found.items()} | values
        rates = {name: Truncated(0) + eval(text, {}, known) for name, text in equations.items()}
        for name, rate in rates.items():
            found[name].append(rate.c[k] / (k + 1))
    return np.array([[float(x) for x in c] for c in found.values()])


def followed(equations, start, values):
    """What the recurrences of the compiled program give."""
    program = compile_program([*equations], equations, {}, [*values])
    settled = program.settled([values[name] for name in program.parameters])
    series, n = program.series, len(equations)
    constant = series.constants(settled)
    c = np.zeros((series.registers, ORDER + 1))
    c[:n, 0] = [*start.values()]
    for k in range(ORDER):
        total = 0.0
        for operation, target, left, right, place in series.code.tolist():
            offset = constant[place] if k == 0 else 0.0
            if operation == TERM:
                total += constant[place] * c[left, k]
                continue
            if operation == KEEP:
                c[target, k] = total + offset
            elif operation == RATE:
                c[target, k + 1] = (total + offset) / (k + 1)
            elif operation == PRODUCT:
                c[target, k] = c[left, : k + 1] @ c[right, k::-1]
            elif operation == ROOT:
                rest = c[target, 1 : k or 1] @ c[target, 1 : k or 1][::-1]
                c[target, k] = (
                    (c[left, k] - rest) / (2 * c[target, 0]) if k else np.sqrt(c[left, 0])
                )
            else:
                rest = c[right, 1 : k + 1] @ c[target, :k][::-1]
                c[target, k] = (c[left, k] - rest) / (c[right, 0] + constant[place])
            total = 0.0
    return c[:n]


VALUES = {"k": 0.5, "q": 2.0, "none": 0.0}
START = {"x": 1.5, "y": 0.25}

NAMES = st.sampled_from([*VALUES, *START, "1", "3"])
TEXTS = st.recursive(
    NAMES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]} / (2 + {t[1]}))"),
    ),
    max_leaves=9,
)


@given(TEXTS, TEXTS)
@settings(max_examples=150, deadline=None)
def test_coefficients_of_any_arithmetic(first, second):
    equations = {"x": first, "y": second}
    try:
        expected = exact(equations, START, VALUES)
    except ZeroDivisionError:
        assume(False)
    assume(np.abs(expected).max() < 1e6)
    np.testing.assert_allclose(
        followed(equations, START, VALUES), expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max()
    )


@pytest.mark.parametrize(
    ("equations", "instructions"),
    [
        ({"x": "-k * x"}, [TERM, RATE]),
        ({"x": "1 - k * (x + q * x)"}, [TERM, RATE]),
        ({"x": "-q * x / (k + x)"}, [3, TERM, RATE]),
        ({"x": "-q * (x / k) / (1 + x / k)"}, [TERM, KEEP, 3, TERM, RATE]),
        ({"x": "x * x * x"}, [PRODUCT, PRODUCT, TERM, RATE]),
    ],
)
def test_constants_are_gathered(equations, instructions):
    program = compile_program(["x"], equations, {}, ["k", "q"])
    assert program.series.code[:, 0].tolist() == instructions


def test_coefficients_of_roots():
    """x' = sqrt(x + q) is solved by parabolas, and roots of constants are constants."""
    found = followed({"x": "k * sqrt(x + q) * sqrt(q)"}, {"x": 1.0}, {"k": 0.5, "q": 3.0})
    rate = 0.5 * np.sqrt(3.0)
    np.testing.assert_allclose(found[0], [1.0, 2 * rate, rate**2 / 4, 0, 0, 0, 0], atol=1e-15)


def test_long_sums_stay_short():
    """A sum that many states share is computed once."""
    names = [f"a{k}" for k in range(20)]
    whole = " + ".join(names)
    equations = {name: f"k * ({whole}) - {name}" for name in names}
    program = compile_program(names, equations, {}, ["k"])
    assert len(program.series.code) < 12 * len(names)
    start = dict.fromkeys(names, 0.5)
    np.testing.assert_allclose(
        followed(equations, start, {"k": 0.1}),
        exact(equations, start, {"k": Fraction(1, 10)}),
        rtol=1e-12,
    )


@pytest.mark.parametrize(
    "rate", ["exp(-x)", "x**k", "min(x, 1)", "log(x)", "t * x", "where(x > 1, x, 0)"]
)
def test_everything_else_has_no_series(rate):
    program = compile_program(["x"], {"x": rate}, {}, ["k"])
    assert program.series.code.shape == (0, 5)
    assert program.series.constants(np.ones((4, 1, 3))).shape == (4, 1, 0)
