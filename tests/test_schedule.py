import numpy as np
import pytest

from pkmodel.errors import ModelError, ParameterError
from pkmodel.kernels.tapes import ADD, OUTPUT, SEGMENT, SET
from pkmodel.model import Flow, Input, Model, Parameter
from pkmodel.regimen import Order, Regimen
from pkmodel.schedule import schedule
from pkmodel.schedule.orders import BOLUS, END, START

NO_BREAKS = np.zeros(0)


def model(**entry):
    parameters = [Parameter("k", "0.1 /h"), Parameter("f", 0.5), Parameter("lag", "1 h"),
                  Parameter("d", "2 h"), Parameter("weight", "70 kg")]  # fmt: skip
    inputs = [Input("oral", "gut", **entry), Input("iv", "blood")]
    return Model("m", ["gut", "blood"], [Flow("gut", "blood", "rate", "k")], parameters, inputs)


def plan(regimen, entry=None, end=100.0, cases=1, breaks=NO_BREAKS, factors=None, **values):
    m = model(**(entry or {}))
    resolved = {n: np.atleast_2d(v) for n, v in m.resolve().items()}
    resolved |= {n: np.atleast_2d(np.array(v, float)) for n, v in values.items()}
    regimen = regimen if isinstance(regimen, Regimen) else Regimen.parse(regimen)
    return schedule(regimen, m, resolved, cases=cases, end=end, breaks=breaks, factors=factors)


def test_boluses_at_multiples_of_the_interval():
    p = plan("10 mg iv bolus every 0.1 h x 31")
    np.testing.assert_array_equal(p.time[0], np.arange(31) * 0.1)
    assert (p.kind == BOLUS).all() and (p.state == 1).all() and (p.value == 10).all()
    assert p.infused == ()


def test_bioavailability_and_lag():
    p = plan("10 mg oral q12h x 2", {"bioavailability": "f", "lag": "lag"})
    np.testing.assert_array_equal(p.time, [[1.0, 13.0]])
    np.testing.assert_array_equal(p.scales, [[0.5]])
    np.testing.assert_array_equal(p.delivered(2), [[10.0, 0.0]])


def test_an_infusion_starts_and_ends_after_the_lag():
    p = plan(Regimen((Order("oral", 6, modelled="duration"),)), {"lag": 1.5, "duration": "d"})
    np.testing.assert_array_equal(p.time, [[1.5, 3.5]])
    assert list(p.kind) == [START, END]
    np.testing.assert_array_equal(p.value * p.scales[0, p.scale], [3.0, 3.0])


@pytest.mark.parametrize(
    ("order", "start_rate", "length"),
    [
        (Order("1", 12, duration=4), 1.5, 4.0),  # bioavailability lowers the rate
        (Order("1", 12, rate=3), 3.0, 2.0),  # bioavailability shortens the infusion
        (Order("1", rate=3, duration=4), 1.5, 4.0),
        (Order("1", 12, modelled="rate"), 6.0, 1.0),
        (Order("1", 12, modelled="duration"), 3.0, 2.0),
    ],
)
def test_bioavailability_of_infusions(order, start_rate, length):
    A = [[-1.0]]
    m = Model.from_rate_matrix(A, bioavailability=0.5, duration=2.0, rate=6.0)
    p = schedule(Regimen((order,)), m, {}, cases=1, end=100, breaks=NO_BREAKS)
    assert (p.value * p.scales[0, p.scale])[0] == pytest.approx(start_rate, rel=1e-15)
    assert np.diff(p.time[0])[0] == pytest.approx(length, rel=1e-15)
    assert p.delivered(1)[0, 0] == pytest.approx(6.0, rel=1e-15)


def test_a_bolus_ignores_the_modelled_duration_and_a_tablet_takes_it():
    assert plan("10 mg oral", {"duration": "d"}).infused == (0,)
    m = Model.from_rate_matrix([[-1.0]], duration=2.0)
    assert (
        schedule(Regimen((Order("1", 5),)), m, {}, cases=1, end=9, breaks=NO_BREAKS).infused == ()
    )
    with pytest.raises(ModelError, match="leaves the rate to the model"):
        schedule(
            Regimen((Order("1", 5, modelled="rate"),)), m, {}, cases=1, end=9, breaks=NO_BREAKS
        )


def test_cases_of_equal_lag_share_a_programme():
    p = plan("10 mg oral", {"lag": "lag"}, cases=4, lag=[[1], [2], [1], [2]])
    np.testing.assert_array_equal(p.time[p.program], [[1], [2], [1], [2]])
    assert len(p.time) == 2


def test_parallel_inputs_share_the_dose():
    m = model()
    m = Model("m", m.compartments, m.flows, m.parameters,
              [Input("oral", "gut", bioavailability=0.25), Input("oral", "blood", bioavailability=0.75)])  # fmt: skip
    p = schedule(Regimen.parse("8 mg oral"), m, {}, cases=1, end=9, breaks=NO_BREAKS)
    np.testing.assert_array_equal(p.delivered(2), [[2.0, 6.0]])


def test_doses_per_kg_need_the_weight():
    p = plan("0.1 mg/kg iv bolus", cases=2, weight=[[50], [80]])
    np.testing.assert_allclose(p.delivered(2)[:, 1], [5, 8], rtol=1e-15)
    with pytest.raises(ParameterError, match=r'parameters=\{"body_surface_area": "1.8 m2"\}'):
        plan("10 mg/m2 iv bolus")


def test_a_dose_takes_the_factors_of_its_segment():
    p = plan("10 mg oral q12h x 3", {"bioavailability": "f", "lag": "lag"},
             breaks=np.array([12.0]), f=[[0.5, 0.25]], lag=[[0, 3]])  # fmt: skip
    np.testing.assert_array_equal(p.time, [[0, 15, 27]])
    np.testing.assert_array_equal(p.scales[0, p.scale], [0.5, 0.25, 0.25])


def test_dose_factors_multiply_a_route():
    p = plan("10 mg oral + 4 mg iv bolus", cases=2, factors={"iv": np.array([[0.5], [2.0]])})
    np.testing.assert_array_equal(p.delivered(2), [[10, 2], [10, 8]])


def test_open_orders_run_to_the_end():
    p = plan("10 mg oral q12h + 1 mg/h iv infusion", end=24.0)
    np.testing.assert_array_equal(p.time[0], [0, 12, 24, 0])


def test_tape_gives_doses_before_it_reads():
    tape = plan("10 mg iv bolus q12h x 3").tape(np.array([0.0, 12.0, 20.0]), NO_BREAKS, {})
    assert list(tape.op) == [ADD, OUTPUT, ADD, OUTPUT, OUTPUT]
    np.testing.assert_array_equal(tape.time, [0, 0, 12, 12, 20])
    np.testing.assert_array_equal(tape.start, [0, 5])


def test_the_last_infusion_to_end_leaves_exactly_nothing():
    p = plan("0.1 mg/h iv infusion for 6 h + 0.7 mg/h iv infusion for 3 h at 2 h")
    tape = p.tape(np.array([10.0]), NO_BREAKS, {1: 2})
    assert list(tape.op) == [ADD, ADD, ADD, SET, OUTPUT]
    np.testing.assert_allclose(tape.value, [0.1, 0.7, -0.7, 0, 0])
    assert (tape.target == [2, 2, 2, 2, 0]).all()


def test_tape_changes_the_segment_before_a_dose_at_the_same_time():
    tape = plan("10 mg iv bolus at 12 h", breaks=np.array([12.0])).tape(
        np.array([12.0]), np.array([12.0]), {}
    )
    assert list(tape.op) == [SEGMENT, ADD, OUTPUT]


def test_unknown_route_lists_the_known_ones():
    with pytest.raises(ModelError, match="its routes: oral, iv"):
        plan("1 mg epidural bolus")
