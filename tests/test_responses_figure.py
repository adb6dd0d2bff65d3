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
    responses = ["Analgesia", "Respiratory depression", "Withdrawal", "Pain"]
    assert titles(figure) == ["Plasma", "Spinal cord", "Brain", *responses]
    axes = {a.get_title(loc="left"): a for a in figure.axes}
    np.testing.assert_allclose(axes["Analgesia"].lines[0].get_ydata(), ds.analgesia.sel(arm="oral"))
    assert axes["Analgesia"].get_ylim() == (-0.02, 1.02)
    assert axes["Analgesia"].get_ylabel() == "Fraction of the whole"
    assert axes["Plasma"].get_ylabel().startswith("Concentration")
    assert [axes[name].get_subplotspec().colspan.start for name in responses] == [0, 1, 2, 0]
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
    assert fraction.get_ylabel() == "Fraction of the whole"
    assert fraction.yaxis.get_tick_params()["labelleft"]


def test_pain_and_tolerance_have_axes_of_their_own():
    wanted = ["respiration", "pain", "tolerance", "withdrawal"]
    ds = compare("morphine", oral="60 mg oral q12h x 4", responses=wanted)
    figure = plot.comparison(ds, sites=["plasma", "cord", "brain", "lumbar_csf"], width=9.0)
    axes = {a.get_title(loc="left"): a for a in figure.axes}
    np.testing.assert_allclose(axes["Pain"].lines[1].get_ydata(), ds.pain.sel(arm="intrathecal"))
    assert axes["Pain"].get_ylabel() == "Score (0 to 10)"
    assert axes["Pain"].get_ylim() == (-0.2, 10.2)
    assert axes["Tolerance"].get_ylabel() == "Factor of the EC50"
    assert axes["Tolerance"].get_ylim() == (0.99, 1.1)
    many = plot.comparison(ds.assign(tolerance=ds.tolerance * 5.0), sites="plasma")
    (panel,) = [a for a in many.axes if a.get_title(loc="left") == "Tolerance"]
    assert panel.get_ylim() == (0.99, pytest.approx(5.1 * float(ds.tolerance.max())))


def test_equal_axes_side_by_side_have_one_label():
    ds = compare("morphine", oral="60 mg oral q12h x 4", responses=["analgesia", "withdrawal"])
    figure = plot.comparison(ds, sites=["plasma", "cord"])
    axes = {a.get_title(loc="left"): a for a in figure.axes}
    assert axes["Analgesia"].get_ylabel() == "Fraction of the whole"
    assert axes["Withdrawal"].get_ylabel() == ""
    assert not axes["Withdrawal"].yaxis.get_tick_params()["labelleft"]


def panels_and_timed(ds):
    """Panels by title, and the axes with a time axis by column, of a figure with four sites."""
    figure = plot.comparison(ds, sites=["plasma", "cord", "brain", "lumbar_csf"])
    figure.canvas.draw()
    timed = [a for a in figure.axes if a.get_xlabel()]
    columns = [a.get_subplotspec().colspan.start for a in timed]
    assert sorted(columns) == [0, 1]
    panels = {a.get_title(loc="left"): a for a in figure.axes}
    return panels, dict(zip(columns, timed, strict=True))


THREE = ["analgesia", "withdrawal", "respiration"]


def test_where_the_last_row_is_short_the_doses_follow_the_last_panel_of_a_column():
    ds = compare("morphine", oral="60 mg oral q12h x 4", responses=THREE)
    panels, strips = panels_and_timed(ds)
    short, last = (
        panels[name].get_window_extent() for name in ("Respiratory depression", "Withdrawal")
    )
    raised, lowest = strips[1].get_window_extent(), strips[0].get_window_extent()
    assert lowest.y1 < last.y0 < raised.y0 < raised.y1 <= last.y1 + 1e-9 < short.y0
    assert (raised.x0, raised.x1) == pytest.approx((short.x0, short.x1))
    assert raised.height == pytest.approx(lowest.height)
    labels = strips[1].get_tightbbox()
    assert labels.x1 <= strips[1].figure.bbox.x1 and labels.y0 > lowest.y1


def test_without_doses_the_last_panel_of_every_column_has_the_time_axis():
    ds = compare("morphine", oral="60 mg oral q12h x 4", responses=THREE)
    ds.attrs = {name: ds.attrs[name] for name in ds.attrs if "regimen" not in name}
    panels, timed = panels_and_timed(ds)
    assert timed == {0: panels["Withdrawal"], 1: panels["Respiratory depression"]}
