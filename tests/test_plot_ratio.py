"""The figure of implied ratios, for any two routes."""

import matplotlib.pyplot as plt
import pytest

import pkmodel
from pkmodel import plot


@pytest.fixture
def neuraxial():
    yield pkmodel.equivalence.implied(
        "morphine", "3 mg epidural bolus q12h", "0.4 mg/day intrathecal pump"
    )
    plt.close("all")


def published(figure):
    return [float(line.get_xdata()[0]) for line in figure.axes[1].lines if line.get_marker() == "D"]


def test_published_ratios_of_the_same_routes_are_beside_the_implied_ones(neuraxial):
    figure = plot.ratio(neuraxial)
    upper, lower = figure.axes
    own = pkmodel.Drug.read("morphine").published("epidural", "intrathecal")
    assert published(figure) == [preset.ratio for preset in own.values()]
    (shaded,) = upper.patches
    assert shaded.get_x() == min(p.ratio for p in own.values())
    assert shaded.get_x() + shaded.get_width() == pytest.approx(50)
    assert lower.get_xlabel() == "Dose ratio (mg/day epidural per mg/day intrathecal)"
    assert upper.get_ylabel() == "AUC\nintrathecal / epidural"


def test_other_routes_have_no_nominal_ratio(neuraxial):
    texts = [text.get_text() for text in plot.ratio(neuraxial).axes[1].texts]
    assert not any("Exposure at" in text for text in texts)
    texts = [text.get_text() for text in plot.ratio(neuraxial, 10).axes[1].texts]
    assert "Exposure at 10" in texts


def test_routes_without_published_ratios():
    ratios = pkmodel.equivalence.implied(
        "morphine", "3 mg epidural bolus q12h", "10 mg iv bolus q4h"
    )
    figure = plot.ratio(ratios)
    assert published(figure) == [] and not figure.axes[0].patches
    assert "oral" not in figure.axes[1].get_xlabel() + figure.get_suptitle()
    plt.close("all")


def test_long_numbers_of_the_title_are_rounded():
    figure = plot.ratio(pkmodel.equivalence.implied("morphine", "10 mg oral q12h"))
    assert "66.67 ug/day intrathecal pump" in figure.get_suptitle()
    plt.close("all")
