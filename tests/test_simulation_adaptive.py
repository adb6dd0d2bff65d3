"""Models that are not linear: through `simulate`, against closed forms, SciPy, and the laws that must hold."""

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.integrate import solve_ivp
from scipy.special import lambertw

from pkmodel import (
    Compartment,
    EventTable,
    Flow,
    Input,
    InputError,
    Model,
    Parameter,
    simulate,
    steady_state,
)
from pkmodel.library import (
    one_compartment,
    target_mediated,
    two_compartment,
    with_saturable_elimination,
)

TIMES = np.linspace(0.0, 48.0, 25)


def saturable(**fields):
    """One compartment that saturates: 2 mg/h at most, half of it at 0.2 mg/L."""
    return Model(
        "saturable",
        compartments=[Compartment("central", "volume")],
        flows=[Flow("central", None, "michaelis-menten", ("vmax", "km"))],
        parameters=[
            Parameter("volume", "50 L"),
            Parameter("vmax", "2 mg/h"),
            Parameter("km", "0.2 mg/L"),
            *fields.pop("parameters", []),
        ],
        inputs=[Input("iv", "central")],
        **fields,
    )


def after_bolus(dose, time, volume=50.0, vmax=2.0, km=0.2):
    """Concentration after a bolus into a compartment that saturates, by Lambert's W."""
    start, rate = dose / volume, vmax / volume
    return km * np.real(lambertw(start / km * np.exp((start - rate * time) / km)))


def test_a_bolus_against_the_closed_form():
    ds = simulate(saturable(), "60 mg iv bolus", TIMES, auc=True)
    exact = after_bolus(60.0, TIMES)
    found = ds.concentration.sel(site="central").values
    np.testing.assert_allclose(found, exact, atol=1e-8 * exact[0])
    # AUC from 0 to t of a saturable elimination: what was eliminated is the integral of its rate
    eliminated = 60.0 - 50.0 * exact
    fraction = 2.0 * found / (0.2 + found)
    fine = np.linspace(0.0, 48.0, 4801)
    rate = 2.0 * after_bolus(60.0, fine) / (0.2 + after_bolus(60.0, fine))
    np.testing.assert_allclose(np.trapezoid(rate, fine), eliminated[-1], rtol=1e-5)
    np.testing.assert_allclose(
        ds.auc.values[0, -1], np.trapezoid(after_bolus(60.0, fine), fine), rtol=1e-5
    )
    assert fraction[0] < 2.0


def test_an_infusion_comes_to_its_steady_state():
    ds = simulate(saturable(), "1 mg/h iv infusion for 3000 h", times=[3000.0])
    np.testing.assert_allclose(ds.concentration.item(), 0.2 * 1.0 / (2.0 - 1.0), rtol=1e-7)


def test_far_below_saturation_it_is_the_linear_model():
    slow = simulate(saturable(), "10 ng iv bolus q12h x 4", TIMES)
    linear = simulate(
        one_compartment(clearance=10.0, volume=50.0), "10 ng iv bolus q12h x 4", TIMES
    )
    np.testing.assert_allclose(slow.concentration, linear.concentration, rtol=1e-5)


def test_a_flow_into_another_compartment_keeps_the_mass():
    model = Model(
        "transport",
        compartments=[Compartment("a", 1.0), Compartment("b", 2.0)],
        flows=[
            Flow("a", "b", "hill", (3.0, 2.0, 1.7)),
            Flow("b", "a", "michaelis-menten", (1.0, 0.5)),
        ],
        inputs=[Input("iv", "a")],
    )
    ds = simulate(model, "10 mg iv bolus + 5 mg iv infusion over 3 h at 6 h", TIMES)
    given = np.where(TIMES < 6, 10.0, np.minimum(15.0, 10.0 + 5.0 * (TIMES - 6) / 3))
    np.testing.assert_allclose(ds.amount.sum("compartment"), given, rtol=1e-12)


def indirect(**fields):
    return saturable(
        parameters=[
            Parameter("kin", 10.0),
            Parameter("kout", "0.1 /h"),
            Parameter("ic50", "0.05 mg/L"),
        ],
        equations={"response": "kin*(1 - 0.9*C/(ic50 + C)) - kout*response"},
        definitions={"C": "central/volume"},
        initial={"response": "kin/kout"},
        observed=["C"],
        **fields,
    )


def test_a_variable_of_ones_own_against_scipy():
    ds = simulate(indirect(), "60 mg iv bolus", TIMES, {"kin": [8.0, 10.0]}, rtol=1e-10)

    def rates(t, y, kin):
        c = y[0] / 50.0
        return [-2.0 * c / (0.2 + c), kin * (1 - 0.9 * c / (0.05 + c)) - 0.1 * y[1]]

    for k, kin in enumerate((8.0, 10.0)):
        told = solve_ivp(
            rates, (0, 48), [60.0, kin / 0.1], "LSODA", TIMES, rtol=1e-11, atol=1e-12, args=(kin,)
        )
        np.testing.assert_allclose(ds.response[k], told.y[1], rtol=1e-8)
    np.testing.assert_allclose(ds.C, ds.concentration.sel(site="central"), rtol=1e-15)
    assert ds.response.dims == ("kin", "time") and ds.response.attrs["long_name"] == "response"


def test_a_function_gives_what_the_equations_give():
    def rates(t, y, p, dydt):
        c = y[0] / p[0]
        dydt[0] = -p[1] * c / (p[2] + c)
        dydt[1] = p[3] * (1 - 0.9 * c / (p[5] + c)) - p[4] * y[1]

    text = indirect()
    model = Model(
        "by function", text.compartments, parameters=text.parameters, inputs=text.inputs,
        initial={"response": "kin/kout"}, function=rates,
    )  # fmt: skip
    order = "60 mg iv infusion over 2 h q24h x 2"
    a, b = (simulate(m, order, TIMES, {"volume": [30.0, 50.0]}, rtol=1e-9) for m in (text, model))
    np.testing.assert_allclose(b.response, a.response, rtol=1e-8)
    np.testing.assert_allclose(b.amount, a.amount, atol=1e-7)


def by_function(rates, **fields):
    return Model(
        "by function", [Compartment("central", "volume")], parameters=[Parameter("volume", "50 L")],
        inputs=[Input("iv", "central")], function=rates, **fields,
    )  # fmt: skip


def misspelt(t, y, p, dydt):
    dydt[0] = -kel * y[0]  # noqa: F821


def unpacks(t, y, p, dydt):
    a, b = p
    dydt[0] = -a * b * y[0]


def reads_beyond(t, y, p, dydt):
    dydt[0] = -y[1]


def returns(t, y, p, dydt):
    return [-y[0]]


def three(t, y, p):
    return -y[0]


def imports(t, y, p, dydt):
    import math

    dydt[0] = -math.exp(y[0])


@pytest.mark.parametrize(
    ("rates", "told"),
    [
        (misspelt, "fails when it is called: NameError.*'kel'"),
        (unpacks, "fails when it is called: ValueError: not enough values to unpack"),
        (reads_beyond, "fails when it is called: IndexError.*y has central; p has volume"),
        (returns, "leaves dydt of central as it was"),
        (three, "fails when it is called: TypeError.*It is called as f\\(t, y, p, dydt\\)"),
        (
            imports,
            "Numba cannot compile the function: .*IMPORT_NAME.*arrays, loops and the module math",
        ),
    ],
)
def test_a_function_that_is_wrong(rates, told):
    with pytest.raises(InputError, match=told):
        simulate(by_function(rates), "60 mg iv bolus", TIMES)


def raises_later(t, y, p, dydt):
    dydt[0] = -0.1 * y[0]
    if t > 10.0:
        raise ValueError("later")


def writes_beyond_later(t, y, p, dydt):
    dydt[0] = -0.1 * y[0]
    if t > 10.0:
        dydt[1] = 1.0


def forgets_later(t, y, p, dydt):
    if t < 10.0:
        dydt[0] = -0.1 * y[0]


@pytest.mark.parametrize("rates", [raises_later, writes_beyond_later, forgets_later])
def test_a_function_that_fails_on_the_way_has_a_status(rates, capfd):
    ds = simulate(by_function(rates), "60 mg iv bolus", TIMES)
    assert int(ds.status) == 2
    assert np.isnan(ds.concentration).all()
    assert capfd.readouterr().err == ""


def test_a_function_may_leave_the_domain_of_mathematics():
    """Compiled, log(0) is -inf and 1/0 inf; as Python they raise, which says nothing against the function."""

    def rates(t, y, p, dydt):
        dydt[0] = -0.1 * y[0] * (1.0 if y[0] == 0.0 else 1.0 + 0.0 * math.log(y[0]))
        dydt[1] = 1.0 / (1.0 + t) + 0.0 * min(1.0, math.log(t) if t > 0.0 else 0.0)

    ds = simulate(by_function(rates, initial={"clock": 0.0}), "60 mg iv bolus", TIMES, atol=1e-8)
    np.testing.assert_allclose(ds.clock, np.log1p(TIMES), atol=1e-7)
    np.testing.assert_allclose(ds.amount[..., 0, :].squeeze(), 60 * np.exp(-0.1 * TIMES), rtol=1e-6)


@pytest.mark.parametrize("km", ["0 mg/L", 0.0])
def test_half_of_a_flow_at_nothing_is_refused(km):
    with pytest.raises(InputError, match="km is 0; expected a number above 0"):
        simulate(saturable(), "60 mg iv bolus", TIMES, {"km": km})
    with pytest.raises(InputError, match="expected a finite number, above 0"):
        Model(
            "m", [Compartment("c", 3.0)], [Flow("c", None, "michaelis-menten", (4.0, 0.0))],
            inputs=[Input("iv", "c")],
        )  # fmt: skip
    ds = simulate(saturable(), "60 mg iv bolus", TIMES, {"km": [0.2, 0.0]})
    assert ds.status.values.tolist() == [0, 1]


def test_an_amount_cannot_begin_below_nothing():
    begins = saturable(initial={"central": "10 - gone"}, parameters=[Parameter("gone", 0.0)])
    ds = simulate(begins, "60 mg iv bolus", TIMES, {"gone": [5.0, 20.0]})
    assert ds.status.values.tolist() == [0, 1]
    with pytest.raises(InputError, match="the amount in central is -5 mg; expected 0 or above"):
        simulate(saturable(initial={"central": -5.0}), "60 mg iv bolus", TIMES)


def test_an_event_table_gives_what_the_order_gives():
    table = pd.DataFrame(
        {"ID": [1, 1, 1, 2, 2, 2], "TIME": [0.0, 10.0, 48.0] * 2, "AMT": [60.0, 0, 0, 30.0, 0, 0],
         "EVID": [1, 0, 0] * 2, "CMT": ["iv", "", ""] * 2, "II": [12.0, 0, 0] * 2, "ADDL": [3, 0, 0] * 2,
         "vmax": [2.0, 2.0, 2.0, 2.0, 1.0, 1.0]}
    )  # fmt: skip
    ds = simulate(indirect(), table)
    for subject, dose, vmax in ((1, 60, 2.0), (2, 30, None)):
        given = {"vmax": vmax} if vmax else {
            "vmax": xr.DataArray([2.0, 1.0], dims="time", coords={"time": [0.0, 1e-9]})
        }  # fmt: skip
        told = simulate(indirect(), f"{dose} mg iv bolus q12h x 4", [10.0, 48.0], given)
        own = ds.isel(record=ds.id.values == subject)
        np.testing.assert_allclose(own.response, told.response, rtol=1e-6)
        np.testing.assert_allclose(
            own.concentration.squeeze("site"), told.concentration.squeeze("site"), rtol=1e-6
        )


def test_parameters_that_change_with_time():
    volume = xr.DataArray([50.0, 25.0], dims="time", coords={"time": [0.0, 12.0]})
    ds = simulate(saturable(), "60 mg iv bolus", [11.0, 12.0, 13.0], {"volume": volume})
    amount = ds.amount.squeeze("compartment").values
    np.testing.assert_allclose(ds.concentration.squeeze("site"), amount / [50.0, 25.0, 25.0])


def test_threads_and_subsets_change_no_bit():
    draws = np.random.default_rng(3).lognormal(0.0, 0.5, 100)
    vmax = xr.DataArray(2.0 * draws, dims="subject")
    one, two = (
        simulate(indirect(), "60 mg iv bolus q12h x 4", TIMES, {"vmax": vmax}, threads=n)
        for n in (1, 2)
    )
    some = simulate(indirect(), "60 mg iv bolus q12h x 4", TIMES, {"vmax": vmax[37:44]})
    assert one.response.values.tobytes() == two.response.values.tobytes()
    assert one.response.values[37:44].tobytes() == some.response.values.tobytes()


def test_a_case_that_fails_says_so_and_harms_nobody():
    model = Model(
        "explosion", ["a"], equations={"a": "growth*a**2"}, initial={"a": 1.0},
        parameters=[Parameter("growth", 0.0)],
    )  # fmt: skip
    ds = simulate(model, "1 mg into a", [0.0, 5.0, 10.0], {"growth": [0.0, 1.0]})
    assert ds.status.values[0] == 0 and ds.amount.values[0, 0].tolist() == [2.0, 2.0, 2.0]
    assert ds.status.values[1] in (2, 6) and np.isnan(ds.amount.values[1]).all()
    few = simulate(indirect(), "60 mg iv bolus", TIMES, max_steps=3)
    assert few.status.item() == 5 and "too_many_steps" in few.status.attrs["flag_meanings"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rtol": 0.0}, "rtol is 0.0; expected a number above 0"),
        ({"rtol": 2.0}, "rtol is 2.0; expected a number from 1e-14 to below 1"),
        ({"rtol": 9e-15}, "rtol is 9e-15; expected a number from 1e-14 to below 1"),
        ({"max_steps": 1.5}, "max_steps is 1.5; expected a whole number"),
        (
            {"max_steps": -1.5, "atol": {"central": "x"}, "rtol": 3},
            "rtol is 3; expected a number from 1e-14 to below 1; "
            "max_steps is -1.5; expected a number above 0; atol[\"central\"] is 'x'; expected a number above 0",
        ),
        ({"atol": {"central": -1.0}}, 'atol["central"] is -1.0; expected a number above 0'),
        ({"atol": {"centre": 1.0}}, 'atol: unknown state "centre"'),
        ({"atol": 0.0}, "atol is 0.0; expected a number above 0"),
        ({"rtol": "1e-8"}, "rtol is '1e-8'; expected a number above 0"),
        ({"max_steps": 0}, "max_steps is 0; expected a number above 0"),
    ],
)
def test_tolerances_that_are_refused(given, message):
    with pytest.raises(InputError, match=re.escape(message)):
        simulate(indirect(), "60 mg iv bolus", TIMES, **given)


def test_a_linear_model_has_no_tolerance():
    with pytest.raises(InputError, match="rtol given, and the model two compartments is linear"):
        simulate(two_compartment(), "60 mg iv bolus", TIMES, rtol=1e-6)


def test_what_a_nonlinear_model_cannot_do_is_said():
    table = EventTable.of(time=[0.0, 12.0], amount=[60.0, 0.0], compartment=["iv", ""], evid=[1, 0],
                          interval=[12.0, 0.0], steady=[1, 0])  # fmt: skip
    with pytest.raises(InputError, match=r"asks for a steady state \(SS\)"):
        simulate(saturable(), table)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"equations": {"response": "kin - central"}}, 'unknown name "kin"'),
        ({"equations": {"volume": "1"}}, "volume"),
        ({"initial": {"centrl": 1.0}}, 'initial: unknown state "centrl" (did you mean "central"?)'),
        ({"initial": {"central": "dose"}}, 'initial value of central: unknown parameter "dose"'),
        ({"observed": ["C"]}, 'observed: unknown definition "C"'),
        ({"function": 3}, "function is 3; expected f(t, y, p, dydt)"),
    ],
)
def test_models_that_are_refused(fields, message):
    with pytest.raises(InputError) as error:
        saturable(**fields)
    assert message in str(error.value)


def test_laws_are_checked_for_units_and_number():
    with pytest.raises(InputError) as error:
        Model(
            "m", [Compartment("a", 1.0)], [Flow("a", None, "michaelis-menten", ("v", "k"))],
            [Parameter("v", "2 mg/L"), Parameter("k", "1 /h")],
        )  # fmt: skip
    assert "largest flow of flow a to (out)" in str(error.value)
    with pytest.raises(InputError, match=r"the law hill needs 3 parameter\(s\)"):
        Model("m", [Compartment("a", 1.0)], [Flow("a", None, "hill", (1.0, 2.0))])


def test_a_steady_state_is_what_many_doses_come_to():
    vmax = xr.DataArray([2.0, 6.0, 9.0], dims="subject")
    ds = steady_state(
        indirect(),
        "60 mg iv infusion over 2 h q12h",
        [0.0, 2.0, 12.0],
        {"vmax": vmax},
        amounts=True,
    )
    assert ds.status.values.tolist() == [3, 0, 0]  # the first takes in 5 mg/h and loses 2 at most
    assert np.isnan(ds.response[0]).all()
    long = simulate(
        indirect(), "60 mg iv infusion over 2 h q12h x 300", 299 * 12 + np.array([0.0, 2.0, 12.0]),
        {"vmax": vmax[1:]}, auc=True,
    )  # fmt: skip
    np.testing.assert_allclose(ds.response[1:], long.response, rtol=2e-7)
    np.testing.assert_allclose(ds.amount[1:], long.amount, rtol=2e-7)
    np.testing.assert_allclose(ds.auc_tau[1:, 0], long.auc[:, 0, 2] - long.auc[:, 0, 0], rtol=1e-6)


def test_the_steady_state_of_a_constant_infusion():
    ds = steady_state(saturable(), "1.9 mg/h iv infusion", [0.0, 24.0])
    np.testing.assert_allclose(ds.concentration, 0.2 * 1.9 / 0.1, rtol=1e-6)
    np.testing.assert_allclose(ds.auc_tau, 24 * 0.2 * 1.9 / 0.1, rtol=1e-6)


def test_a_dose_that_enters_longer_than_the_interval_is_refused():
    with pytest.raises(InputError, match="still entering at 20 h, and the model is not linear"):
        steady_state(saturable(), "6 mg iv infusion over 20 h q12h")


def test_linear_equations_are_solved_exactly():
    def one(**fields):
        return Model(
            "metabolite", [Compartment("drug", "v"), Compartment("metabolite", 3.0)],
            parameters=[Parameter("v", "50 L"), Parameter("q", "5 L/h"), Parameter("k", "0.2 /h")],
            inputs=[Input("iv", "drug")], **fields,
        )  # fmt: skip

    equations = {"drug": "-C*q", "metabolite": "C*q - k*metabolite"}
    text = one(equations=equations, definitions={"C": "drug / v"})
    flows = one(
        flows=[Flow("drug", "metabolite", "clearance", "q"), Flow("metabolite", None, "rate", "k")]
    )
    assert text.is_linear
    a, b = (
        simulate(m, "60 mg iv bolus q12h x 4", TIMES, {"q": [5.0, 9.0]}, auc=True)
        for m in (text, flows)
    )
    np.testing.assert_allclose(a.amount, b.amount, rtol=1e-12)
    np.testing.assert_allclose(a.auc, b.auc, rtol=1e-12)
    for beyond in ("k*(drug + 1.0)", "3*k", "0.1*drug**2", "k*min(drug, 1)", "0.1*k*t*drug"):
        assert not one(equations={"drug": f"-({beyond})"}).is_linear


def test_a_linear_model_shows_what_it_observes():
    model = Model(
        "observing", [Compartment("central", "volume")], [Flow("central", None, "clearance", "cl")],
        [Parameter("volume", "50 L"), Parameter("cl", "5 L/h")], [Input("iv", "central")],
        definitions={"C": "central / volume", "effect": "C / (0.1 + C)"}, observed=["effect"],
    )  # fmt: skip
    assert model.is_linear
    volume = xr.DataArray([50.0, 25.0], dims="time", coords={"time": [0.0, 12.0]})
    table = pd.DataFrame(
        {
            "ID": [1, 1, 1],
            "TIME": [0.0, 6.0, 30.0],
            "AMT": [60.0, 0, 0],
            "EVID": [1, 0, 0],
            "CMT": ["iv", "", ""],
        }
    )
    for ds in (
        simulate(model, "60 mg iv bolus q12h x 2", TIMES, {"cl": [5.0, 9.0]}, amounts=False),
        simulate(model, "60 mg iv bolus q12h x 2", TIMES, {"volume": volume}),
        simulate(model, table),
        steady_state(model, "60 mg iv infusion over 2 h q12h"),
    ):
        c = ds.concentration.squeeze("site")
        np.testing.assert_allclose(ds.effect, c / (0.1 + c), rtol=1e-14)
        assert ("amount" in ds) == ("compartment" in ds.dims)
    with pytest.raises(InputError, match='unknown name "volum"'):
        Model("m", [Compartment("a", 1.0)], definitions={"C": "a / volum"}, observed=["C"])


def test_the_steady_state_of_a_function_has_no_areas():
    def rates(t, y, p, dydt):
        c = y[0] / p[0]
        dydt[0] = -p[1] * c / (p[2] + c)

    text = saturable()
    model = Model(
        "f", text.compartments, parameters=text.parameters, inputs=text.inputs, function=rates
    )
    order = "6 mg iv bolus q12h"
    a, b = (steady_state(m, order, [0.0, 6.0]) for m in (text, model))
    np.testing.assert_allclose(b.concentration, a.concentration, rtol=1e-6)
    assert "auc_tau" in a and "auc_tau" not in b


def test_a_linear_model_stays_exact():
    assert two_compartment(depot=True).is_linear and not saturable().is_linear
    assert math.isclose(
        simulate(one_compartment(), "10 mg iv bolus", [10.0]).concentration.item(),
        0.2 * math.exp(-1.0),
    )


@pytest.mark.parametrize("exponent", [None, 1.0])
def test_the_least_tolerance_is_met(exponent):
    """Against the closed form of saturable elimination, by series and (with an exponent) by stages."""
    model = with_saturable_elimination(one_compartment(volume="50 L"), 10.0, 2.0, exponent)
    ds = simulate(model, "200 mg iv bolus", TIMES, rtol=1e-14, max_steps=1e6)
    exact = 2.0 * lambertw(2.0 * np.exp(2.0 - 0.1 * TIMES)).real
    np.testing.assert_allclose(ds.concentration[0], exact, rtol=2e-13)
    assert json.loads(ds.attrs["tolerance"])["max_steps"] == 1e6


def test_a_stiff_model_is_solved_at_the_least_tolerance():
    model = target_mediated(association_rate=1e4, dissociation_rate="1000 /h")
    fine, usual = (simulate(model, "100 mg iv bolus", TIMES, rtol=rtol) for rtol in (1e-14, 1e-10))
    assert fine.status.item() == 0
    np.testing.assert_allclose(fine.free, usual.free, rtol=1e-9)
