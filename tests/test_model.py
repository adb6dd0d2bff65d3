import numpy as np
import pytest

from pkmodel import simulate
from pkmodel.errors import ModelError, ParameterError, UnitError
from pkmodel.model import Compartment, Flow, Input, Model, Output, Parameter


def build(**changes):
    fields = {
        "name": "test",
        "compartments": ["gut", Compartment("blood", "volume"), Compartment("fat", 20.0)],
        "flows": [
            Flow("gut", "blood", "rate", "ka"),
            Flow("blood", None, "clearance", "clearance"),
            Flow("blood", "fat", "clearance", "q"),
            Flow("fat", "blood", "partition", ("q", "kp")),
        ],
        "parameters": [
            Parameter("ka", "1.5 /h"),
            Parameter("clearance", "100 mL/min"),
            Parameter("volume", "30 L"),
            Parameter("q", "2 L/h"),
            Parameter("kp", 4.0),
            Parameter("weight", "70 kg"),
        ],
        "inputs": [Input("oral", "gut", bioavailability=0.5), Input("iv", "blood")],
    }
    return Model(**{**fields, **changes})


def test_rate_matrix_is_the_table_of_flows():
    K = build().rate_matrix()
    expected = [
        [-1.5, 0, 0],
        [1.5, -6 / 30 - 2 / 30, 2 / 20 / 4],
        [0, 2 / 30, -2 / 20 / 4],
    ]
    np.testing.assert_allclose(K, expected, rtol=1e-15)


def test_rate_matrix_broadcasts_over_any_leading_dimensions():
    model = build()
    clearance = np.array([[1.0], [2.0]])
    volume = np.array([10.0, 20.0, 40.0])
    K = model.rate_matrix({"clearance": clearance, "volume": volume})
    assert K.shape == (2, 3, 3, 3)
    for i, j in np.ndindex(2, 3):
        one = model.rate_matrix({"clearance": clearance[i, 0], "volume": volume[j]})
        np.testing.assert_array_equal(K[i, j], one)


def test_partition_comes_to_rest_at_its_ratio():
    K = build(flows=build().flows[2:]).rate_matrix()
    amounts = np.array([0.0, 30.0, 20.0 * 4])
    np.testing.assert_allclose(K @ amounts, 0, atol=1e-15)


def test_transit_chain_keeps_the_mean_time():
    model = build(
        inputs=[Input("oral", "gut", transit=3, transit_time="mtt")],
        parameters=[*build().parameters, Parameter("mtt", "2 h")],
    )
    assert model.states == ("gut", "blood", "fat", *(f"oral_transit_{i}" for i in (1, 2, 3)))
    K = model.rate_matrix()
    chain = K[3:, 3:]
    mean_time = np.linalg.solve(-chain, [1.0, 0, 0]).sum()
    assert mean_time == pytest.approx(2.0, rel=1e-14)
    np.testing.assert_allclose(K.sum(axis=0)[[0, 2, 3, 4, 5]], 0, atol=1e-15)


def test_covariates_are_functions_over_arrays():
    model = build(covariates={"clearance": lambda p: p["clearance"] * (p["weight"] / 70) ** 0.75})
    weight = np.array([35.0, 70.0])
    loss = -model.rate_matrix({"weight": weight}).sum(axis=-2)[:, 1]
    np.testing.assert_allclose(loss, 0.2 * np.array([0.5**0.75, 1.0]), rtol=1e-14)


def test_outputs_are_weighted_sums():
    model = build(
        outputs=[Output("free", {"blood": "fu"}), Output("body", {"blood": 1, "fat": 1}, "amount")],
        parameters=[*build().parameters, Parameter("fu", 0.62)],
    )
    values = model.resolve()
    assert model.output_terms(values) == [[(1, 0.62 / 30)]]
    *states, body = model.output_terms(values, "amount")
    assert [state for ((state, _),) in states] == [0, 1, 2]
    assert [state for state, _ in body] == [1, 2]
    assert (model.sites, model.amounts) == (("free",), ("gut", "blood", "fat", "body"))


def test_text_and_numbers_mean_the_same():
    model = build()
    np.testing.assert_array_equal(
        model.rate_matrix({"clearance": "0.1 L/min"}), model.rate_matrix({"clearance": 6.0})
    )


def test_from_rate_matrix_keeps_the_matrix_to_the_bit():
    A = [[-0.3000000001, 0.0], [0.3000000001, -0.3]]
    model = Model.from_rate_matrix(A, ["a", "b"], lag=[1, 0], bioavailability=0.5, volume=[1, 2])
    np.testing.assert_array_equal(model.rate_matrix(), A)
    assert [i.lag for i in model.inputs] == [1.0, 0.0]
    assert [i.bioavailability for i in model.inputs] == [0.5, 0.5]
    assert model.sites == ("a", "b")
    assert model.inputs_of("2")[0].compartment == "b"


@pytest.mark.parametrize(
    ("A", "changes", "message"),
    [
        ([[1, 2, 3]], {}, r"shape \(1, 3\)"),
        ([[-1]], {"compartments": ["a", "b"]}, "2 compartment names for 1 rows"),
        ([[-1, 0], [1, -1]], {"lag": [1, 2, 3]}, r"lag has shape \(3,\)"),
        ([[np.nan]], {}, "not finite"),
        ([[-0.7, 0.7], [0, -0.3]], {}, "column 1 sums to 0.4: .* did you pass the transpose"),
        ([[-1, 0.5], [-0.5, -1]], {}, r"A\[1\]\[0\] is -0.5; .* did you pass the transpose"),
        ([[-1, 0], [1]], {}, "all rows equally long"),
        ([[1j]], {}, "expected real numbers"),
        ([["a"]], {}, r"the rate matrix is \[\['a'\]\]; expected real numbers"),
        (
            [[-1]],
            {"bioavailability": -0.5},
            "bioavailability of input 1 is -0.5; expected a finite",
        ),
        ([[-1]], {"lag": np.inf}, "lag of input 1 is inf"),
        ([[-1]], {"duration": -1}, "duration of input 1 is -1.0"),
        ([[-1]], {"rate": np.nan}, "rate of input 1 is nan"),
        ([[-1]], {"rate": ["a"]}, r"rate is \['a'\]; expected real numbers"),
        ([[-1]], {"volume": 0}, "volume of 1 is 0.0; expected a finite number, above 0"),
    ],
)
def test_from_rate_matrix_refuses(A, changes, message):
    with pytest.raises(ModelError, match=message):
        Model.from_rate_matrix(A, **changes)


def test_a_matrix_may_gain():
    """An effect compartment copies what stays; an integrator sums it."""
    A = [[-0.5, 0.0], [1.0, -0.2]]
    np.testing.assert_array_equal(Model.from_rate_matrix(A).rate_matrix(), A)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"compartments": ["gut", Compartment("blood", -1.0), Compartment("fat", 1)]},
         "volume of blood is -1.0; expected a finite number, above 0"),
        ({"flows": [Flow("gut", None, "rate", -2.0)]}, r"rate constant of flow gut to \(out\) is -2.0"),
        ({"flows": [Flow("blood", "fat", "partition", ("q", 0.0))]},
         "clearance of flow blood to fat is 0.0; expected a finite number, above 0"),
        ({"inputs": [Input("oral", "gut", lag=1j)]}, "lag of input oral is 1j"),
        ({"inputs": [Input("oral", "gut", transit=2, transit_time=0.0)]}, "transit_time of input oral is 0.0"),
    ],
)  # fmt: skip
def test_numbers_out_of_range(changes, message):
    with pytest.raises(ModelError, match=message):
        build(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flows": [Flow("blood", None, "clearance", "volume")]},
         'clearance of flow blood to (out) is a volume, "volume" (30 L); expected L/h, '
         'for example Parameter("volume", "5 L/h")'),
        ({"flows": [Flow("gut", None, "rate", "clearance")]},
         'rate constant of flow gut to (out) is a clearance, "clearance" (6 L/h); expected 1/h'),
        ({"flows": [Flow("blood", "fat", "clearance", ("q", "volume"))]},
         'is "q" (L/h) · "volume" (L); expected L/h of the product'),
        ({"flows": [Flow("fat", "blood", "partition", ("kp", "q"))]},
         'clearance of flow fat to blood is a ratio, "kp" (4); expected L/h'),
        ({"flows": [Flow("fat", "blood", "partition", ("q", "ka"))]},
         'partition coefficient of flow fat to blood is a rate constant, "ka" (1.5 1/h); expected 1'),
        ({"compartments": ["gut", Compartment("blood", "q"), Compartment("fat", 1)]},
         'volume of blood is a clearance, "q" (2 L/h); expected L,'),
        ({"inputs": [Input("oral", "gut", lag="ka")]}, 'lag of input oral is a rate constant'),
        ({"inputs": [Input("oral", "gut", duration="volume")]}, 'duration of input oral is a volume'),
        ({"inputs": [Input("oral", "gut", transit=1, transit_time="q")]}, 'transit_time of input oral'),
    ],
)  # fmt: skip
def test_parameters_of_a_wrong_dimension(changes, message):
    with pytest.raises(ModelError) as error:
        build(**changes)
    assert message in str(error.value)


def test_products_numbers_and_covariates_of_any_dimension():
    flows = [
        Flow("blood", "fat", "clearance", ("ka", "volume", "kp")),
        Flow("blood", None, "clearance", ("kp", 5.0)),
        Flow("gut", None, "rate", ("clearance", "half")),
        Flow("gut", "blood", "rate", "weight"),
    ]
    build(flows=flows, covariates={"half": lambda p: 0.5, "weight": lambda p: p["ka"]})


def test_all_faults_of_a_model_at_once():
    with pytest.raises(ModelError) as error:
        build(
            flows=[
                Flow("gut", "bloood", "rate", "kaa"),
                Flow("gut", None, "clearance", "clearance"),
                Flow("blood", None, "first-order", "ka"),
            ],
            inputs=[Input("oral", "gut", transit=2)],
        )
    message = str(error.value)
    for part in (
        'unknown compartment "bloood" (did you mean "blood"?)',
        'unknown parameter "kaa" (did you mean "ka"?)',
        'compartment "gut" needs a volume',
        'unknown law "first-order"',
        'needs transit_time="mean_transit_time"',
    ):
        assert part in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"value": "5 L/h", "cv": -1}, "coefficient of variation"),
        ({"value": -5.0}, "typical value is -5.0"),
        ({"value": 5.0, "dimension": "clearence"}, 'did you mean "clearance"'),
        ({"value": 1.5, "cv": 0.2, "distribution": "logit-normal"}, "between 0 and 1"),
        ({"value": 1.5, "distribution": "normal"}, "log-normal"),
        ({"value": 24, "dimension": "fraction"}, r'x is 24; .* between 0 and 1 \("24 %" is 0.24\)'),
        ({"value": "140 %", "dimension": "fraction"}, "x is 1.4; a fraction lies between 0 and 1"),
        ({"value": 240, "dimension": "fraction"}, "x is 240; a fraction lies between 0 and 1\\.$"),
    ],
)
def test_parameter_refuses(arguments, message):
    with pytest.raises(ModelError, match=message):
        Parameter("x", **arguments)


@pytest.mark.parametrize("value", [4.0, "4", "400 %"])
def test_a_parameter_without_unit_is_a_ratio(value):
    kp = Parameter("kp", value)
    assert (kp.value, kp.dimension, kp.unit) == (4.0, "ratio", "1")
    assert Parameter("f", "24 %", "fraction").value == 0.24


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("5 fortnigt", 'clearance "5 fortnigt": unknown unit "fortnigt". Write for example Parameter("clearance", '),
        ("5 L,h", 'clearance "5 L,h": cannot read the unit "L,h". Write units like "mg", "mg/day" or "mL/min/kg".'),
        ("five L/h", 'clearance "five L/h": does not begin with a number. Write for example "60 mg".'),
        ("5 kg*h", 'clearance "kg*h": is the unit of nothing known here.'),
    ],
)  # fmt: skip
def test_a_unit_that_is_wrong_is_that_of_a_parameter(value, told):
    with pytest.raises(UnitError) as caught:
        Parameter("clearance", value)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    ("initial", "told"),
    [
        ({"target": "1 mg/L"}, '"1 mg/L" has a unit; expected the amount in mg, or an expression of parameters: '
         'Parameter("target_start", "1 mg/L") and initial={"target": "target_start * V"}'),
        ({"target": "3 mg"}, 'Parameter("target_start", "3 mg") and initial={"target": "target_start"}'),
        ({"signal": "1 mg/L"}, 'expected a number in its own unit, or an expression of parameters: '
         'Parameter("signal_start", "1 mg/L") and initial={"signal": "signal_start"}'),
        ({"target": "2 3"}, '"3" at character 3: expected numbers, names and functions'),
    ],
)  # fmt: skip
def test_an_initial_value_with_a_unit_says_whose_it_is_and_how_to_write_it(initial, told):
    def of(initial, *more):
        parameters = [Parameter("k", "1 /h"), Parameter("V", "2 L"), *more]
        equations = {"target": "-k*target", "signal": "-k*signal"}
        boxes = [Compartment("target", "V")]
        return Model("m", boxes, parameters=parameters, equations=equations, initial=initial)

    (state,) = initial
    with pytest.raises(ModelError) as caught:
        of(initial)
    (fault,) = caught.value.faults
    assert fault.startswith(f"initial value of {state}: ") and told in fault
    if "start" in told:  # the line that repairs it does
        unit = initial[state]
        expression = told.rpartition(": ")[2].strip('"}')
        assert of({state: expression}, Parameter(f"{state}_start", unit)).initial


def test_parameters_that_have_to_be_above_nothing():
    def of(value, **fields):
        flow = Flow("blood", None, "rate", "k")
        return Model(
            "m",
            ["blood"],
            [flow],
            [Parameter("k", f"{value} /h")],
            [Input("iv", "blood")],
            **fields,
        )

    assert of(0.0).parameters[0].value == 0
    with pytest.raises(ModelError, match=r"^k is 0; expected a number above 0\.$"):
        of(0.0, positive=["k"])
    with pytest.raises(ModelError, match='positive: unknown parameter "kk"'):
        of(1.0, positive=["kk"])
    with pytest.raises(ModelError, match="k is 0"):
        of(1.0, positive=["k"]).with_parameters([Parameter("k", "0 /h")])
    with pytest.raises(ParameterError, match="k is 0; expected a number above 0"):
        simulate(of(1.0, positive=["k"]), "1 mg iv bolus", [1.0], {"k": 0.0})
    half = simulate(of(1.0, positive=["k"]), "1 mg iv bolus", [1.0], {"k": [0.0, 1.0]})
    assert half.status.values.tolist() == [1, 0]


def test_unknown_parameters_and_inputs_name_the_nearest():
    model = build()
    with pytest.raises(ParameterError, match='did you mean "clearance"'):
        model.rate_matrix({"clearence": 1})
    with pytest.raises(ModelError, match='did you mean "oral"'):
        model.inputs_of("orla")
    with pytest.raises(ParameterError, match=r'unknown parameter "x"\. The model has '):
        model.with_parameters([Parameter("x", 1)])


def test_of_many_parameters_a_dozen_is_shown_and_none_where_one_is_near():
    parameters = [Parameter(f"rate_{k}", 1.0) for k in range(40)]
    model = Model("m", ["a"], parameters=parameters)
    with pytest.raises(ParameterError) as caught:
        model.resolve({"zzz": 1.0})
    first = ", ".join(f"rate_{k}" for k in range(12))
    assert str(caught.value) == f'unknown parameter "zzz". The model has {first}, and 28 more.'
    with pytest.raises(ParameterError) as caught:
        model.resolve({"rate_7x": 1.0})
    assert caught.value.faults[0].startswith('unknown parameter "rate_7x" (did you mean "rate_7"')
    assert not caught.value.remedy


def test_with_parameters_leaves_the_rest():
    model = build().with_parameters([Parameter("ka", "3 /h", cv=0.5)], name="other")
    assert (model.name, model.defaults["ka"].value, model.defaults["ka"].cv) == ("other", 3.0, 0.5)
    assert model.defaults["volume"].value == 30.0


def test_repr_draws_the_boxes():
    text = repr(build())
    assert text.splitlines()[0] == "test: 3 compartments, 6 parameters"
    for part in (
        "│ gut   │",
        "◀─ oral",
        "─ ka ─▶ blood",
        "─ clearance ─▶ (out)",
        "─ q / kp ─▶ blood",
    ):
        assert part in text, text
    assert "─ 0.7 ─▶ b" in repr(Model.from_rate_matrix([[-0.7, 0], [0.7, -0.1]], ["a", "b"]))


def test_some_sites_stay_in_the_order_of_the_model():
    model = build(
        outputs=[Output("blood", "blood"), Output("fat", "fat"), Output("all", "fat", "amount")]
    )
    assert model.with_sites(["fat", "blood"]).sites == ("blood", "fat")
    one = model.with_sites("fat")
    assert (one.sites, one.states, one.amounts) == (("fat",), model.states, model.amounts)


@pytest.mark.parametrize(
    "wanted, told", [(["bloood"], 'no site "bloood".*"blood"'), ([], "no sites")]
)
def test_sites_that_the_model_has_not_are_refused(wanted, told):
    with pytest.raises(ModelError, match=told):
        build().with_sites(wanted)


# ---------------------------------------------------------------------------------- the law effect


def effect_site(**changes):
    fields = {
        "name": "effect site",
        "compartments": [Compartment("blood", 10.0), Compartment("brain", 1.4), Compartment("site", 2.0)],
        "flows": [
            Flow("blood", None, "rate", 0.2),
            Flow("blood", "site", "effect", ("ke0", 0.25)),
            Flow("brain", "site", "effect", ("ke0", 0.75)),
        ],
        "parameters": [Parameter("ke0", "0.5 /h")],
        "inputs": [Input("iv", "blood")],
    }  # fmt: skip
    return Model(**{**fields, **changes})


def test_effect_follows_the_mean_concentration_and_drains_nothing():
    model = effect_site()
    K = model.rate_matrix()
    np.testing.assert_allclose(K[0], [-0.2, 0, 0], rtol=1e-15)
    np.testing.assert_allclose(K[1], 0)
    amounts = np.array([10 * 3.0, 1.4 * 7.0, 2 * (0.25 * 3 + 0.75 * 7)])
    np.testing.assert_allclose((K @ amounts)[2], 0, atol=1e-14)
    both = model.rate_matrix({"ke0": [0.5, 1.0]})
    np.testing.assert_allclose(both[1, 2], 2 * both[0, 2], rtol=1e-15)


def test_effect_site_peaks_when_it_meets_the_blood():
    """dCe/dt = ke0 (C - Ce) after a bolus: the peak is at ln(ke0 / k) / (ke0 - k), where Ce = C."""
    flows = [Flow("blood", None, "rate", 0.2), Flow("blood", "site", "effect", "ke0")]
    peak = np.log(0.5 / 0.2) / 0.3
    ds = simulate(effect_site(flows=flows), "30 mg iv bolus", [0, peak - 0.01, peak, peak + 0.01])
    blood, site = (ds.concentration.sel(site=name).values for name in ("blood", "site"))
    assert site[2] == pytest.approx(blood[2], rel=1e-12)
    assert site[2] > max(site[1], site[3])
    np.testing.assert_allclose(blood, 3 * np.exp(-0.2 * ds.time), rtol=1e-12)


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        (Flow("blood", None, "effect", "ke0"), "needs a compartment that follows"),
        (Flow("gut", "site", "effect", "ke0"), 'compartment "gut" needs a volume'),
        (Flow("blood", "gut", "effect", "ke0"), 'compartment "gut" needs a volume'),
        (Flow("blood", "site", "effect", "v"), "rate constant of flow blood to site is a volume"),
    ],
)
def test_an_effect_needs_two_volumes_and_a_rate_constant(flow, words):
    boxes = ["gut", Compartment("blood", 10.0), Compartment("site", 1.0)]
    parameters = [Parameter("ke0", "0.5 /h"), Parameter("v", "5 L")]
    with pytest.raises(ModelError, match=words):
        effect_site(compartments=boxes, flows=[flow], parameters=parameters)
