"""Elastomeric pump: exact amounts, times by hand and by quadrature, the depot against its closed form."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkmodel import library, simulate
from pkmodel.devices.wound import ElastomericPump, with_depot
from pkmodel.errors import InputError, ModelError, RegimenError
from pkmodel.model import Model, Parameter
from pkmodel.regimen import Regimen

PUMP = ElastomericPump("240 mL", "5 mL/h", "2 mg/mL")

multiples = st.floats(0.1, 3)
pairs = st.tuples(multiples, multiples).filter(lambda p: p[0] > p[1] * 1.001)
stepwise = st.dictionaries(st.floats(0.01, 80), multiples, max_size=4).flatmap(
    lambda later: multiples.map(lambda first: {0.0: first} | later)
)


def flow_at(pump, hours):
    """Flow of an exponential decline [L/h], from its equation."""
    full, empty = (m * pump.flow * pump.factor for m in pump.profile)
    return full * np.exp(-(full - empty) / pump.filling * hours)


def test_nominal_flow():
    assert PUMP.amount == 480
    assert PUMP.hours == 48
    assert str(PUMP.regimen()) == "480 mg into wound infusion over 2 d"
    assert replace(PUMP, factor=0.8).hours == 60
    assert str(PUMP.regimen("epidural", start="2 h")) == "480 mg epidural infusion over 2 d at 2 h"


def test_steps_by_hand():
    """240 mL: 10 h at 10 mL/h, 10 h at 5 mL/h, and 90 mL at 2.5 mL/h take 36 h more."""
    pump = replace(PUMP, profile={10: 1.0, 0: 2.0, 20: 0.5})
    hours, fraction = pump.schedule()
    assert np.allclose(hours, [0, 10, 20, 56], rtol=1e-15)
    assert np.allclose(fraction * 240, [0, 100, 150, 240], rtol=1e-15)
    assert [order.amount for order in pump.regimen()] == pytest.approx([200, 100, 180])


def test_steps_after_the_pump_is_empty_do_not_come():
    hours, fraction = replace(PUMP, profile={0: 2.0, 24: 1.0, 30: 0.5}).schedule()
    assert hours.tolist() == [0, 24]
    assert fraction.tolist() == [0, 1]


@given(pairs, st.floats(0.5, 2), st.integers(1, 50))
def test_exponential_decline(profile, factor, steps):
    pump = replace(PUMP, profile=profile, factor=factor, steps=steps)
    hours, fraction = pump.schedule()
    full, empty = (m * pump.flow * factor for m in profile)
    k = (full - empty) / pump.filling
    assert np.allclose(full / k * -np.expm1(-k * hours), fraction * pump.filling, rtol=1e-9)
    assert flow_at(pump, hours[-1]) == pytest.approx(empty, rel=1e-9)
    rates = np.array([order.amount / order.duration for order in pump.regimen()]) / 2000
    assert (rates <= flow_at(pump, hours[:-1]) * (1 + 1e-9)).all()
    assert (rates >= flow_at(pump, hours[1:]) * (1 - 1e-9)).all()


@given(st.none() | pairs | stepwise, st.floats(0.3, 3), st.floats(0, 50))
def test_whatever_the_profile_the_filling_is_delivered(profile, factor, start):
    pump = replace(PUMP, profile=profile, factor=factor)
    regimen = pump.regimen(start=start)
    assert sum(order.amount for order in regimen) == pytest.approx(480, rel=1e-13)
    assert regimen.end - start == pytest.approx(pump.hours, rel=1e-12)
    assert all(
        b.start == pytest.approx(a.end, rel=1e-12)
        for a, b in zip(regimen, list(regimen)[1:], strict=False)
    )
    assert Regimen.parse(str(regimen)) == regimen


@given(st.none() | pairs)
def test_a_factor_stretches_the_exponential_decline(profile):
    slow = replace(PUMP, profile=profile, factor=0.5)
    assert slow.hours == pytest.approx(2 * replace(PUMP, profile=profile).hours, rel=1e-12)


def test_one_pump_per_subject():
    pump = replace(PUMP, profile=(1.5, 0.5), steps=6)
    table = pump.events({"a": 1.0, "b": 0.5}, route="wound", start=3.0)
    for label, factor in (("a", 1.0), ("b", 0.5)):
        mine = table.subject == label
        orders = replace(pump, factor=factor).regimen(start=3.0)
        for column, name in (("time", "start"), ("amount", "amount"), ("duration", "duration")):
            assert np.array_equal(getattr(table, column)[mine], [getattr(o, name) for o in orders])
    with pytest.raises(RegimenError, match=r"factor of b is 0"):
        pump.events({"a": 1.0, "b": 0})
    with pytest.raises(RegimenError, match="no subject"):
        pump.events({})


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"filling": "240 mg"}, 'filling "240 mg"'),
        ({"flow": 0}, "flow is 0; expected more than 0"),
        ({"concentration": "2 mg"}, 'concentration "2 mg"'),
        ({"factor": -1}, "factor"),
        ({"profile": (0.7, 1.3)}, "profile is (0.7, 1.3); expected multiples of the nominal flow"),
        ({"profile": (1.0, 0.0)}, "profile is (1.0, 0.0)"),
        ({"profile": {}}, "profile is {}"),
        ({"profile": {1: 1.0}}, "profile is {1: 1.0}"),
        ({"profile": {0: 1.0, 5: 0.0}}, "profile is"),
        ({"profile": "falling"}, "profile is 'falling'"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 2.5}, "steps is 2.5"),
    ],
)
def test_faults(change, fault):
    with pytest.raises(RegimenError) as error:
        ElastomericPump(
            **({"filling": "240 mL", "flow": "5 mL/h", "concentration": "2 mg/mL"} | change)
        )
    assert fault in str(error.value)


def test_all_faults_at_once():
    with pytest.raises(RegimenError) as error:
        ElastomericPump("a", "b", "c", profile="d", factor="e", steps="f")
    assert len(error.value.faults) == 6
    with pytest.raises(RegimenError, match="start"):
        PUMP.regimen(start="2 mg")


def test_a_pump_reads_its_own_repr():
    for profile in (None, (1.25, 0.75), {0: 1.5, 6: 1.0}):
        pump = replace(PUMP, profile=profile)
        assert eval(repr(pump)) == pump
        assert hash(pump) == hash(eval(repr(pump)))


# ------------------------------------------------------------------------------------------ the depot


def test_depot_against_the_closed_form():
    """Constant rate into a depot (ka), then one compartment (k), for T hours."""
    ka, k, volume, span = 0.2, 0.1, 50.0, 48.0
    model = with_depot(library.one_compartment(), "0.2 /h", bioavailability=0.9)
    t = np.array([0.0, 1, 10, 48, 60, 100])
    ds = simulate(model, PUMP.regimen(), times=t)
    rate = 0.9 * 480 / span

    def after(t):
        t = np.maximum(t, 0)
        return rate * (-np.expm1(-k * t) / k - (np.exp(-k * t) - np.exp(-ka * t)) / (ka - k))

    depot = rate / ka * (-np.expm1(-ka * t) + np.expm1(-ka * np.maximum(t - span, 0)))
    assert np.allclose(ds.amount.sel(compartment="wound"), depot, rtol=1e-12)
    central = (after(t) - after(t - span)) / volume
    assert np.allclose(ds.concentration.sel(site="central"), central, rtol=1e-11)


def test_depot_in_the_neuraxial_model_and_its_spread():
    from pkmodel import Drug

    base = Drug.read("morphine").model()
    model = with_depot(base, Parameter("ka", "0.15 /h", cv=0.3), into="plasma", name="muscle")
    assert model.sites == base.sites
    assert model.defaults["muscle_absorption_rate"].cv == 0.3
    assert model.inputs_of("muscle")[0].bioavailability == "muscle_bioavailability"
    assert (
        simulate(model, "5 mg into muscle", times=[1.0]).concentration.sel(site="plasma").item() > 0
    )


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"into": "blood"}, 'unknown compartment "blood"'),
        ({"name": "central"}, 'compartment "central" stands twice'),
        ({"absorption_rate": "2 h"}, "absorption_rate"),
        ({"bioavailability": 1.5}, "bioavailability"),
    ],
)
def test_depots_that_cannot_be(options, fault):
    with pytest.raises(InputError) as error:
        with_depot(library.one_compartment(), **({"absorption_rate": "0.1 /h"} | options))
    assert fault in str(error.value)


def test_a_rate_matrix_takes_no_depot():
    with pytest.raises(ModelError, match="is a rate matrix, which cannot grow by a flow"):
        with_depot(Model.from_rate_matrix([[-0.1]], ["central"]), "0.1 /h")
