"""What makes a model nonlinear, against closed forms, SciPy with equations written by hand, and limits."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp
from scipy.special import lambertw

from pkmodel import Compartment, Flow, Input, Model, Output, Parameter, library, simulate
from pkmodel.errors import ModelError, ParameterError, UnitError
from pkmodel.library.turnover import KINDS

ONE = library.one_compartment(clearance="5 L/h", volume="50 L")
TWO = library.two_compartment(depot=True, absorption_rate="0.8 /h")
TIMES = np.array([0.0, 0.5, 2.0, 6.0, 15.0, 40.0])
RESPONSE = {"production": 12.0, "loss_rate": "0.3 /h", "half_effect": "0.4 mg/L"}
FEEDBACK = {**RESPONSE, "tolerance_rate": "0.1 /h"}
TARGET = {
    "target_baseline": 2.0,
    "target_loss_rate": 0.08,
    "association_rate": 0.9,
    "dissociation_rate": 0.05,
    "internalisation_rate": 0.03,
}
DISPOSITION = {
    "clearance": 0.02,
    "volume": 3.0,
    "intercompartmental_clearance": 0.05,
    "peripheral_volume": 4.0,
    "absorption_rate": 0.02,
    "bioavailability": 0.7,
}


def by_hand(rates, start, times=TIMES):
    """States of shape (state, time) by SciPy."""
    span = (times[0], times[-1])
    done = solve_ivp(rates, span, start, "LSODA", times, rtol=1e-11, atol=1e-13)
    assert done.success
    return done.y


def at_rest(model, order="5 mg/h iv infusion for 2000 h", **parameters):
    return simulate(model, order, times=[2000.0], parameters=parameters).isel(time=0)


def close(actual, expected, rtol=1e-6):
    expected = np.asarray(expected)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-9 * np.abs(expected).max())


def refused(call, text, error=ModelError):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


# --------------------------------------------------------------------------- saturable elimination


def test_bolus_falls_as_the_lambert_function_says():
    model = library.with_saturable_elimination(ONE, "10 mg/h", "2 mg/L")
    ds = simulate(model, "400 mg iv bolus", TIMES)
    start = 400 / 50 / 2
    expected = 2 * lambertw(start * np.exp(start - 10 / 50 / 2 * TIMES)).real
    close(ds.concentration.sel(site="central"), expected, 1e-7)
    assert not model.is_linear
    assert "clearance" not in model.defaults


def test_rest_under_infusion_and_population():
    vmax = xr.DataArray([8.0, 10.0, 40.0], dims="subject")
    model = library.with_saturable_elimination(ONE, 10.0, "2 mg/L")
    ds = at_rest(model, maximum_rate=vmax)
    assert ds.concentration.dims == ("subject", "site")
    close(ds.concentration.sel(site="central"), 2 * 5 / (vmax - 5))
    steep = library.with_saturable_elimination(ONE, 10.0, "2 mg/L", 1.7)
    expected = 2 * (5 / (vmax - 5)) ** (1 / 1.7)
    close(at_rest(steep, maximum_rate=vmax).concentration.sel(site="central"), expected)


def test_beside_linear_elimination():
    model = library.with_saturable_elimination(ONE, "3 mg/h", "0.5 mg/L", clearance=True)
    rest = at_rest(model).concentration.item()
    assert 5 * rest + 3 * rest / (0.5 + rest) == pytest.approx(5.0, rel=1e-7)
    none = simulate(model, "100 mg iv bolus", TIMES, {"maximum_rate": 0.0})
    close(none.concentration, simulate(ONE, "100 mg iv bolus", TIMES).concentration, 1e-7)


def test_far_below_the_michaelis_constant_it_is_a_clearance():
    model = library.with_saturable_elimination(TWO, 5e5, 1e5)
    order = "100 mg oral q12h x 3"
    linear = simulate(TWO, order, TIMES).concentration
    close(simulate(model, order, TIMES).concentration, linear, 1e-4)


def test_saturable_elimination_by_hand():
    model = library.with_saturable_elimination(TWO, "8 mg/h", "0.3 mg/L", 2.0)

    def rates(t, y):
        depot, central, peripheral = y
        c, p = central / 50, peripheral / 100
        back = 8 * (p - c)
        loss = 8 * c**2 / (0.3**2 + c**2)
        return [-0.8 * depot, 0.8 * depot - loss + back, -back]

    close(simulate(model, "100 mg oral", TIMES).amount, by_hand(rates, [100.0, 0.0, 0.0]))


def test_parameters_that_nothing_uses_any_more_go():
    fractions = Model(
        "two ways out",
        compartments=[Compartment("central", "volume")],
        flows=[
            Flow("central", None, "clearance", ("flow", "renal_fraction")),
            Flow("central", None, "rate", "breath"),
        ],
        parameters=[
            Parameter("flow", "5 L/h"),
            Parameter("renal_fraction", 0.4),
            Parameter("breath", "0.1 /h"),
            Parameter("volume", "50 L"),
        ],
        inputs=[Input("iv", "central")],
        outputs=[Output("renal", {"central": "renal_fraction"})],
        correlations=[("flow", "volume", 0.5), ("renal_fraction", "volume", 0.1)],
    )
    model = library.with_saturable_elimination(fractions, 1.0, 1.0)
    assert list(model.defaults) == [
        "renal_fraction",
        "volume",
        "maximum_rate",
        "michaelis_constant",
    ]
    assert model.correlations == (("renal_fraction", "volume", 0.1),)
    covariates = {"volume": lambda p: p["volume"] * p["flow"] / 5}
    scaled = library.with_saturable_elimination(replace(fractions, covariates=covariates), 1.0, 1.0)
    assert {"flow", "breath"} < set(scaled.defaults)
    text = 'unknown parameter "flow". The model has renal_fraction, volume, '
    with pytest.raises(ParameterError) as caught:
        simulate(model, "1 mg iv bolus", [0], {"flow": 1.0})
    assert str(caught.value).startswith(text)


def test_refusals_of_saturable_elimination():
    def of(model, *values, **options):
        return lambda: library.with_saturable_elimination(model, *values, **options)

    refused(
        of(ONE, 1.0, 1.0, compartment="centrl"),
        'the model one compartment has no compartment "centrl" (did you mean "central"?).',
    )
    refused(
        of(TWO, 1.0, 1.0, compartment="peripheral"),
        'the model two compartments has no linear elimination from "peripheral" to replace. '
        "Write clearance=True to have the saturable one beside what there is.",
    )
    once = library.with_saturable_elimination(ONE, 1.0, 1.0)
    refused(
        of(once, 1.0, 1.0, clearance=True),
        'the model one compartment + saturable elimination has "maximum_rate" already; '
        'the model one compartment + saturable elimination has "michaelis_constant" already. '
        'Write a second one as a flow: Flow("central", None, "michaelis-menten", (...)).',
    )
    with pytest.raises(UnitError, match="maximum_rate"):
        library.with_saturable_elimination(ONE, "10 mg/L", "2 mg/L")
    with pytest.raises(ModelError, match="maximum_rate is a rate, not a clearance"):
        library.with_saturable_elimination(ONE, Parameter("cl", "5 L/h"), "2 mg/L")


# ------------------------------------------------------------------------------ effect compartment


def test_effect_compartment_is_exact():
    model = library.with_effect_compartment(ONE, "0.5 /h")
    assert model.is_linear
    ds = simulate(model, "100 mg iv bolus", TIMES, auc=True)
    expected = 2 * 0.5 / (0.5 - 0.1) * (np.exp(-0.1 * TIMES) - np.exp(-0.5 * TIMES))
    np.testing.assert_allclose(ds.concentration.sel(site="effect_site"), expected, rtol=1e-13)
    central = ds.concentration.sel(site="central")
    np.testing.assert_allclose(central, 2 * np.exp(-0.1 * TIMES), rtol=1e-13)


def test_effect_compartment_follows_a_mean_or_a_rate_matrix():
    mean = replace(TWO, outputs=[Output("mean", {"central": 0.25, "peripheral": 0.75})])
    model = library.with_effect_compartment(mean, "0.2 /h", site="mean", name="late")
    assert model.sites == ("mean", "late") and "late_equilibration_rate" in model.defaults
    ds = simulate(model, "5 mg/h iv infusion for 2000 h", [2000.0])
    np.testing.assert_allclose(ds.concentration, 1.0, rtol=1e-12)
    bare = Model.from_rate_matrix([[-0.1]], ["central"], volume=50.0)
    follower = library.with_effect_compartment(bare, "0.5 /h")
    other = library.with_effect_compartment(ONE, "0.5 /h")
    np.testing.assert_allclose(follower.rate_matrix(), other.rate_matrix(), rtol=1e-15)


def test_effect_compartment_in_a_nonlinear_model():
    model = library.with_saturable_elimination(ONE, "10 mg/h", "2 mg/L")
    model = library.with_effect_compartment(model, "0.5 /h")
    rest = at_rest(model).concentration
    close(rest, [2.0, 2.0])


def test_refusals_of_an_effect_compartment():
    free = replace(ONE, parameters=[*ONE.parameters, Parameter("fu", 0.3)],
                   outputs=[Output("free", {"central": "fu"})])  # fmt: skip
    refused(
        lambda: library.with_effect_compartment(free, 0.5, site="free"),
        '"free" is no mean of concentrations in compartments, which alone can be followed exactly. '
        'Write an equation: equations={"effect_site": "ke0*(free - effect_site)"}.',
    )
    refused(
        lambda: library.with_effect_compartment(ONE, 0.5, site="plasma"),
        'the model one compartment has no site "plasma". It has central.',
    )
    once = library.with_effect_compartment(ONE, 0.5)
    refused(
        lambda: library.with_effect_compartment(once, 0.5),
        'the model one compartment + effect compartment (effect_site) has "equilibration_rate" already; '
        'the model one compartment + effect compartment (effect_site) has "effect_site" already. '
        'Give what is added a name of its own: name="second".',
    )


# --------------------------------------------------------------------------------------- responses


def factors(words, e):
    """Factors of production and loss."""
    change = 1 - e if words.startswith("inhibits") else 1 + e
    return (change, 1.0) if words.endswith("production") else (1.0, change)


@pytest.mark.parametrize(("kind", "exponent"), list(product(KINDS, [None, 1.0, 2.5])))
def test_indirect_response(kind, exponent):
    largest = 0.9 if kind in ("I", "II") else 3.0
    options = {**RESPONSE, "maximum_effect": largest, "effect_exponent": exponent}
    model = library.with_indirect_response(ONE, kind, **options)
    power = exponent or 1.0

    def effect(c):
        return largest * c**power / (0.4**power + c**power)

    def rates(t, y):
        gain, loss = factors(KINDS[kind], effect(y[0] / 50))
        return [-0.1 * y[0], 12 * gain - 0.3 * loss * y[1]]

    close(simulate(model, "100 mg iv bolus", TIMES).response, by_hand(rates, [100.0, 40.0])[1])
    gain, loss = factors(KINDS[kind], effect(1.0))
    assert at_rest(model).response.item() == pytest.approx(40 * gain / loss, rel=1e-7)
    words = library.with_indirect_response(ONE, KINDS[kind], **options)
    assert words.equations == model.equations and words.definitions == model.definitions


def test_no_drug_no_change():
    for add, values in (
        (library.with_indirect_response, RESPONSE),
        (library.with_turnover_feedback, FEEDBACK),
    ):
        model = add(ONE, "IV", maximum_effect=2.0, **values)
        ds = simulate(model, "0 mg iv bolus", TIMES)
        np.testing.assert_allclose(ds.response, 40.0, rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_turnover_feedback(kind):
    largest = 0.9 if kind in ("I", "II") else 3.0
    model = library.with_turnover_feedback(ONE, kind, maximum_effect=largest, **FEEDBACK)

    def rates(t, y):
        c = y[0] / 50
        gain, loss = factors(KINDS[kind], largest * c / (0.4 + c))
        return [-0.1 * y[0], 12 * gain / y[2] - 0.3 * loss * y[1], 0.1 * (y[1] / 40 - y[2])]

    ds = simulate(model, "100 mg iv bolus", TIMES)
    expected = by_hand(rates, [100.0, 40.0, 1.0])
    close(ds.response, expected[1])
    close(ds.response_moderator, expected[2])
    gain, loss = factors(KINDS[kind], largest / 1.4)
    assert at_rest(model).response.item() == pytest.approx(40 * np.sqrt(gain / loss), rel=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_tolerance_and_rebound(kind):
    """Away from the baseline, part of the way back under drug, and beyond the baseline without."""
    largest = 0.9 if kind in ("I", "II") else 3.0
    options = {"maximum_effect": largest, **FEEDBACK, "tolerance_rate": "0.03 /h"}
    model = library.with_turnover_feedback(ONE, kind, **options)
    ds = simulate(model, "5 mg/h iv infusion for 300 h", np.arange(0.0, 900))
    up = 1 if kind in ("II", "III") else -1
    change = up * (ds.response.values - 40)
    assert change[:300].max() > 1.2 * change[299] > 0
    assert change[300:].min() < -1
    assert abs(change[-1]) < 1e-3


def test_two_responses_beside_each_other():
    model = library.with_indirect_response(ONE, "I", maximum_effect=0.9, **RESPONSE)
    glucose = {**RESPONSE, "production": 5.0, "maximum_effect": Parameter("emax", 2.0, cv=0.3)}
    both = library.with_indirect_response(model, "IV", name="glucose", **glucose)
    assert both.defaults["glucose_maximum_effect"].cv == 0.3
    assert both.defaults["maximum_effect"].dimension == "fraction"
    ec50 = xr.DataArray([0.1, 0.4], dims="subject")
    ds = simulate(both, "100 mg iv bolus", TIMES, {"glucose_half_effect": ec50})
    assert ds.glucose.dims == ("subject", "time") and (ds.status == 0).all()
    alone = simulate(model, "100 mg iv bolus", TIMES).response
    close(ds.response.isel(subject=1), alone, 1e-7)
    assert (ds.glucose.isel(subject=0)[1:] < ds.glucose.isel(subject=1)[1:]).all()


def test_refusals_of_responses():
    def of(kind="I", model=ONE, **changes):
        values = {**RESPONSE, "maximum_effect": 0.9, **changes}
        return lambda: library.with_indirect_response(model, kind, **values)

    refused(
        of("inhibits"),
        'kind is \'inhibits\'; expected "I" or "inhibits production", "II" or "inhibits loss", '
        '"III" or "stimulates production", "IV" or "stimulates loss".',
    )
    refused(of(site="centra"),
            'the model one compartment has no site "centra" (did you mean "central"?). It has central.')  # fmt: skip
    refused(
        of(maximum_effect=90),
        'maximum_effect is 90; a fraction lies between 0 and 1 ("90 %" is 0.9).',
    )
    model = of()()
    refused(
        lambda: library.with_receptor_binding(model, 1.0, 1.0, name="response"),
        'the model one compartment + response (drug inhibits production) has "response" already; '
        'the model one compartment + response (drug inhibits production) has "response_concentration" already. '
        'Give what is added a name of its own: name="second".',
    )


@pytest.mark.parametrize("name", ["production", "loss_rate", "half_effect", "effect_exponent"])
@pytest.mark.parametrize("own", ["response", "glucose"])
def test_numbers_of_a_response_that_have_to_be_above_nothing(name, own):
    values = {**FEEDBACK, "maximum_effect": 0.5, "effect_exponent": 2.0}
    prefix = "" if own == "response" else "glucose_"
    text = f"{prefix}{name} is 0; expected a number above 0."
    refused(lambda: library.with_turnover_feedback(ONE, "I", name=own, **{**values, name: 0}), text)
    model = library.with_turnover_feedback(ONE, "I", name=own, **values)
    order = "1 mg iv bolus"
    refused(
        lambda: simulate(model, order, TIMES, {f"{prefix}{name}": 0.0}), text, error=ParameterError
    )
    some = simulate(model, order, TIMES, {f"{prefix}{name}": [0.0, 1.0]})
    assert some.status.values.tolist() == [1, 0]
    for least in ("maximum_effect", "tolerance_rate"):
        assert simulate(model, order, TIMES, {f"{prefix}{least}": 0.0}).status.item() == 0


def test_binding_at_quasi_steady_state_needs_an_association():
    values = {**TARGET, "association_rate": 0.0}
    refused(
        lambda: library.target_mediated(**values, approximation="quasi-steady-state"),
        "association_rate is 0; expected a number above 0.",
    )
    free = simulate(library.target_mediated(**values), "100 mg iv bolus", TIMES)
    assert (free.target == 2.0).all()


def test_exponents_of_a_law_are_refused_when_the_model_is_built():
    for values in ((10.0, 0.0), (10.0, 2.0, 0.0)):
        with pytest.raises(ModelError, match="is 0; expected a number above 0"):
            library.with_saturable_elimination(ONE, *values)


def test_parameters_that_go_have_no_bounds_any_more():
    model = replace(ONE, positive=("clearance", "volume"))
    assert library.with_saturable_elimination(model, 10.0, 2.0).positive == ("volume",)


def test_receptor_binding():
    model = library.with_receptor_binding(ONE, 0.7, "0.2 /h")

    def rates(t, y):
        return [-0.1 * y[0], 0.7 * y[0] / 50 * (1 - y[1]) - 0.2 * y[1]]

    ds = simulate(model, "100 mg iv bolus", TIMES)
    close(ds.occupancy, by_hand(rates, [100.0, 0.0])[1])
    kon = xr.DataArray([0.0, 0.2, 1e4], dims="subject")
    rest = at_rest(model, association_rate=kon).occupancy
    close(rest, kon / (0.2 + kon))


# ------------------------------------------------------------------------------ target-mediated


def targeted(approximation, **changes):
    return library.target_mediated(
        **{**TARGET, **DISPOSITION, **changes},
        approximation=approximation,
        peripheral=True,
        depot=True,
    )


BOTH = pytest.mark.parametrize("approximation", ["full", "quasi-steady-state"])
LATE = np.array([0.0, 5, 24, 100, 300, 800])
ORDER = "60 mg oral + 10 mg iv bolus"


def full_by_hand(t, y, v=3.0):
    d, a, b, r, p = y
    c, binding = a / v, 0.9 * a / v * r - 0.05 * p
    return [
        -0.02 * d,
        0.02 * d - 0.02 * c - 0.05 * (c - b / 4) - v * binding,
        0.05 * (c - b / 4),
        0.08 * (2 - r) - binding,
        binding - 0.03 * p,
    ]


def quasi_by_hand(t, y, v=3.0):
    """In free drug as the roots of a polynomial, not by the formula of the library."""
    d, a, b, s = y
    kss, total = 0.08 / 0.9, a / v
    c = max(np.roots([1.0, -(total - s - kss), -kss * total]).real)
    p = s * c / (kss + c)
    return [
        -0.02 * d,
        0.02 * d - 0.02 * c - 0.05 * (c - b / 4) - v * 0.03 * p,
        0.05 * (c - b / 4),
        0.08 * (2 - (s - p)) - 0.03 * p,
    ]


def test_full_model_by_hand():
    ds = simulate(targeted("full"), ORDER, LATE)
    d, a, b, r, p = by_hand(full_by_hand, [42.0, 10.0, 0.0, 2.0, 0.0], LATE)
    close(ds.amount, [d, a, b])
    close(ds.target, r)
    close(ds["complex"], p)
    close(ds.free, a / 3)
    close(ds.total, a / 3 + p)
    close(ds.total_target, r + p)
    assert ds.site.values.tolist() == ["free", "peripheral"]


def test_quasi_steady_state_by_hand():
    ds = simulate(targeted("quasi-steady-state"), ORDER, LATE)
    d, a, b, s = by_hand(quasi_by_hand, [42.0, 10.0, 0.0, 2.0], LATE)
    close(ds.amount, [d, a, b])
    close(ds.total_target, s)
    close(ds.total, a / 3)
    close(ds.target + ds["complex"], s)
    close(ds.free + ds["complex"], ds.total)
    close(ds["complex"] * 0.08, 0.9 * ds.free * ds.target)
    assert ds.site.values.tolist() == ["total", "peripheral"]


@BOTH
def test_without_target_it_is_linear(approximation):
    ds = simulate(targeted(approximation, target_baseline=0.0), ORDER, LATE)
    linear = library.two_compartment(depot=True, **DISPOSITION)
    expected = simulate(linear, ORDER, LATE)
    close(ds.amount, expected.amount, 1e-7)
    close(ds.free, expected.concentration.sel(site="central"), 1e-7)
    assert (ds["complex"] == 0).all()


def test_fast_binding_comes_to_the_quasi_steady_state():
    """Linearly in the time that binding takes."""
    times = LATE[1:]
    misses = []
    for pace in (10.0, 100.0, 1000.0):
        fast = {"association_rate": 0.9 * pace, "dissociation_rate": 0.05 * pace}
        full, quasi = (
            simulate(targeted(a, **fast), ORDER, times) for a in ("full", "quasi-steady-state")
        )
        assert (full.status == 0).all()
        misses.append(float(abs(full.free / quasi.free - 1).max()))
    assert misses[2] < 1e-3
    np.testing.assert_allclose(np.divide(misses[1:], misses[:-1]), 0.1, rtol=0.25)


@BOTH
def test_mass_balance_of_drug_and_target(approximation):
    model = targeted(approximation)
    lost = "internalisation_rate*complex"
    counted = replace(
        model,
        equations={
            **model.equations,
            "drug_lost": f"clearance*free + volume*{lost}",
            "target_lost": f"target_loss_rate*target + {lost}",
        },
    )
    ds = simulate(counted, ORDER, LATE)
    bound = 3 * ds["complex"] if approximation == "full" else 0
    np.testing.assert_allclose(ds.amount.sum("compartment") + bound + ds.drug_lost, 52.0, rtol=1e-7)
    made = 2.0 + 0.08 * 2.0 * LATE
    np.testing.assert_allclose(ds.target + ds["complex"] + ds.target_lost, made, rtol=1e-7)


@BOTH
def test_complex_lost_like_target_leaves_all_target_at_its_baseline(approximation):
    ds = simulate(targeted(approximation, internalisation_rate=0.08), ORDER, LATE)
    np.testing.assert_allclose(ds.target + ds["complex"], 2.0, rtol=1e-7)


@BOTH
def test_much_more_target_than_drug(approximation):
    """Free drug is a small part, and has as many good digits.

    The complex then falls at kint, so that association keeps pace with dissociation alone: the ratio is KD / R0 in
    truth, and KSS / R0 in the approximation.
    """
    values = {"target_baseline": 1e4, "internalisation_rate": 0.08}
    ds = simulate(targeted(approximation, **values), "10 mg iv bolus", LATE[1:4])
    ratio = (0.05 if approximation == "full" else 0.13) / 0.9 / 1e4
    close(ds.free / ds["complex"], np.full(3, ratio), 2e-3)


def test_population_of_targets():
    baseline = xr.DataArray([0.0, 1.0, 5.0], dims="subject")
    ds = simulate(targeted("full"), ORDER, LATE, {"target_baseline": baseline})
    assert ds.free.dims == ("subject", "time") and (ds.status == 0).all()
    close(ds.target.isel(time=0), baseline)
    assert (ds.free.diff("subject").isel(time=slice(1, None)) < 0).all()


@BOTH
def test_free_drug_drives_a_response(approximation):
    model = library.with_indirect_response(
        targeted(approximation), "I", maximum_effect=1.0, site="free", **RESPONSE
    )
    model = replace(model, observed=(*model.observed, "response_effect"))
    ds = simulate(model, ORDER, LATE)
    close(ds.response_effect, ds.free / (0.4 + ds.free))
    assert float(ds.response.min()) < 20


def test_refusal_of_an_approximation():
    refused(
        lambda: library.target_mediated(approximation="qss"),
        'approximation is \'qss\'; expected "full" or "quasi-steady-state".',
    )
