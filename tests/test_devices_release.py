"""Modified release as inputs of a model, through `simulate`, against closed forms."""

import numpy as np
import pytest

from pkmodel import Compartment, Flow, Input, Model, Parameter, simulate

KA, K, VOLUME, DOSE = 0.7, 0.15, 40.0, 100.0
TIMES = np.array([0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 12.0, 24.0])


def release(*inputs, **parameters):
    """Depot and blood, with these oral inputs."""
    return Model(
        "release",
        compartments=["depot", Compartment("blood", "volume")],
        flows=[Flow("depot", "blood", "rate", "ka"), Flow("blood", None, "rate", "k")],
        parameters=[
            Parameter("ka", KA, "rate_constant"),
            Parameter("k", K, "rate_constant"),
            Parameter("volume", VOLUME, "volume"),
            *(Parameter(name, *value) for name, value in parameters.items()),
        ],
        inputs=inputs,
    )


def course(model, order="100 mg oral"):
    return simulate(model, order, times=TIMES).concentration.sel(site="blood").values


def first_order(dose, t):
    """Bateman: a dose in the depot at time 0 [mg/L]."""
    t = np.maximum(t, 0)
    return dose * KA / (VOLUME * (KA - K)) * (np.exp(-K * t) - np.exp(-KA * t))


def zero_order(dose, span, t):
    """A dose at a constant rate into blood over `span` [mg/L]."""

    def running(t):
        return dose / span / (K * VOLUME) * -np.expm1(-K * np.maximum(t, 0))

    return running(t) - running(t - span)


def zero_order_through_depot(dose, span, t):
    """A dose at a constant rate into the depot over `span` [mg/L]: the integral of Bateman's curve."""

    def running(t):
        t = np.maximum(t, 0)
        unit = -np.expm1(-K * t) / K + np.expm1(-KA * t) / KA
        return dose / span * KA / (VOLUME * (KA - K)) * unit

    return running(t) - running(t - span)


def test_a_tablet_that_releases_at_a_constant_rate_into_the_depot():
    model = release(Input("oral", "depot", duration="release_time"), release_time=("4 h",))
    assert np.allclose(
        course(model), zero_order_through_depot(DOSE, 4.0, TIMES), rtol=1e-11, atol=1e-14
    )


def test_zero_order_then_first_order():
    """30 % directly into blood over 3 h, and from then on 70 % by first order."""
    model = release(
        Input("oral", "blood", bioavailability="zero_order_fraction", duration="switch"),
        Input("oral", "depot", bioavailability="first_order_fraction", lag="switch"),
        switch=("3 h",),
        zero_order_fraction=(0.3, "fraction"),
        first_order_fraction=(0.7, "fraction"),
    )
    expected = zero_order(0.3 * DOSE, 3.0, TIMES) + first_order(0.7 * DOSE, TIMES - 3.0)
    assert np.allclose(course(model), expected, rtol=1e-11, atol=1e-14)


def test_parallel_zero_and_first_order():
    model = release(
        Input("oral", "blood", bioavailability=0.4, duration=6.0, lag=1.0),
        Input("oral", "depot", bioavailability=0.6),
    )
    expected = zero_order(0.4 * DOSE, 6.0, TIMES - 1.0) + first_order(0.6 * DOSE, TIMES)
    assert np.allclose(course(model), expected, rtol=1e-11, atol=1e-14)


def test_both_releases_are_named_by_the_order():
    """Immediate and modified release of one model, in one regimen."""
    model = release(
        Input("oral", "depot"), Input("oral modified", "depot", duration=8.0, bioavailability=0.9)
    )
    both = course(model, "100 mg oral modified + 10 mg oral at 4 h")
    expected = zero_order_through_depot(0.9 * DOSE, 8.0, TIMES) + first_order(10.0, TIMES - 4.0)
    assert np.allclose(both, expected, rtol=1e-11, atol=1e-14)


def test_parts_of_a_dose_all_arrive():
    """What is eliminated and what is left is the dose, for every release."""
    model = release(
        Input("oral", "blood", bioavailability=0.4, duration=6.0),
        Input("oral", "depot", bioavailability=0.6, transit=3, transit_time=2.0),
    )
    ds = simulate(model, "100 mg oral", times=[48.0], auc=True)
    eliminated = K * VOLUME * ds.auc.sel(site="blood").item()
    assert eliminated + ds.amount.sum().item() == pytest.approx(100, rel=1e-12)
