"""A row of panels for responses in the figure of a comparison."""

import numpy as np
import pytest
from matplotlib import pyplot

from pkmodel import compare, plot, simulate


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]


def test_panels_below_the_sites():
    ds = compare(
        "morphine",
        "60 mg oral q12h x 4",
        responses=["analgesia", "pain", "respiration", "withdrawal"],
    )
    figure = plot.comparison(ds, sites=["plasma", "cord", "brain"])
    shown = ["Plasma", "Spinal cord", "Brain", "Analgesia", "Respiratory depression", "Withdrawal"]
    assert titles(figure) == shown
    axes = {a.get_title(loc="left"): a for a in figure.axes}
    np.testing.assert_allclose(axes["Analgesia"].lines[0].get_ydata(), ds.analgesia.sel(arm="oral"))
    assert axes["Analgesia"].get_ylim() == (-0.02, 1.02)
    assert axes["Analgesia"].get_ylabel() == "Fraction of the whole"
    assert axes["Plasma"].get_ylabel().startswith("Concentration")
    plain = plot.comparison(compare("morphine", "60 mg oral q12h x 4"), sites="plasma")
    assert titles(plain) == ["Plasma"]


def test_subjects_have_bands_and_baclofen_its_score():
    ds = simulate(
        "baclofen",
        "20 mg oral q8h x 6",
        np.arange(0, 48.0),
        {"clearance": 8.0},
        responses="spasticity",
    )
    score = plot.comparison(ds, sites=["plasma", "cord"])
    assert titles(score) == ["Plasma", "Spinal cord", "Ashworth score"]
    many = compare("morphine", "60 mg oral q12h x 2", subjects=4, seed=1, responses="analgesia")
    panel = next(
        a
        for a in plot.comparison(many, sites="plasma").axes
        if a.get_title(loc="left") == "Analgesia"
    )
    assert len(panel.collections) == 2
    several = compare("morphine", "60 mg oral q12h x 2", ratio=[100, 300], responses="analgesia")
    panel = next(
        a
        for a in plot.comparison(several, sites="plasma").axes
        if a.get_title(loc="left") == "Analgesia"
    )
    assert len(panel.lines) == 3


def test_a_fraction_beside_a_score_has_an_axis_of_its_own():
    ds = compare("baclofen", oral="20 mg oral q8h x 6", responses=["spasticity", "withdrawal"])
    figure = plot.comparison(ds, sites=["plasma", "cord"])
    axes = {a.get_title(loc="left"): a for a in figure.axes}
    score, fraction = axes["Ashworth score"], axes["Withdrawal"]
    assert score.get_ylabel() == "Score (1 to 5)"
    assert score.get_ylim() == (0.9, 5.1)
    assert fraction.get_ylim() == (-0.02, 1.02)
    assert fraction.yaxis.get_tick_params()["labelleft"]
