"""Figures: what is drawn, where, in which units, and what is refused."""

import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import FillBetweenPolyCollection, LineCollection

import pkmodel
from pkmodel import plot
from pkmodel.errors import InputError
from pkmodel.plot import style

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
ALL_SITES = [s for s in style.SITES if s == "thoracic_csf" or s not in style.MINOR]
REGIMENS = {
    "regimen_oral": "60 mg oral q12h x 28",
    "regimen_intrathecal": "0.4 mg/day intrathecal pump for 14 d",
}


@pytest.fixture(autouse=True)
def closed_figures():
    assert matplotlib.get_backend().lower() == "agg"
    yield
    plt.close("all")


def result(sites=("plasma", "lumbar_csf", "brain"), end=336.0, level=0.05, **sizes):
    """A Dataset as from compare: every arm, site and case rises from 0 to a level of its own [mg/L]."""
    dims = ("arm", *sizes, "site", "time")
    shape = (2, *sizes.values(), len(sites), 1)
    levels = level * (1.0 + np.arange(np.prod(shape))).reshape(shape) / np.prod(shape)
    time = np.linspace(0.0, end, 57)
    coords = {"arm": ["oral", "intrathecal"], "site": list(sites), "time": time}
    coords |= {name: np.arange(1, size + 1) for name, size in sizes.items()}
    rise = 1.0 - np.exp(-time / 6.0)
    return xr.Dataset(
        {"concentration": (dims, levels * rise, {"units": "mg/L"})}, coords, {"drug": "morphine", **REGIMENS}
    )  # fmt: skip


def implied(subjects=None):
    rng = np.random.default_rng(0)
    values = np.array([4.0, 50_000.0, 20.0])
    dims = ("metric", "site")
    if subjects:
        values = values * np.exp(0.5 * rng.standard_normal((subjects, 1)))
        dims = ("metric", "subject", "site")
    return xr.Dataset(
        {"implied_ratio": (dims, np.stack([values, 0.5 * values]))},
        {"metric": ["auc", "cmax"], "site": ["plasma", "lumbar_csf", "brain"]},
        {"reference": "60 mg oral q12h", "test": "0.4 mg/day intrathecal pump"},
    )


def panels(figure):
    return [axes for axes in figure.axes if axes.get_title(loc="left")]


def strips(figure):
    return [axes for axes in figure.axes if axes.get_xlabel() and not axes.get_title(loc="left")]


def titles(figure):
    return [axes.get_title(loc="left") for axes in panels(figure)]


def bands(axes):
    return [c for c in axes.collections if isinstance(c, FillBetweenPolyCollection)]


def legend(figure):
    found = [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    return [text.get_text() for text in found[0].get_texts()]


def tick_labels(axis):
    """Labels of the ticks within the limits."""
    low, high = sorted(axis.get_view_interval())
    ticks = [
        t for t in axis.get_major_ticks() if low * (1 - 1e-9) <= t.get_loc() <= high * (1 + 1e-9)
    ]
    return [tick.label1 for tick in ticks if tick.label1.get_visible()]


def texts(figure):
    """All texts that are drawn."""
    yield from figure.texts
    for axes in figure.axes:
        if axes.get_legend():
            yield from axes.get_legend().get_texts()
        if axes.axison:
            yield from (axes._left_title, axes.xaxis.label, axes.yaxis.label, *axes.texts)
            yield from (*tick_labels(axes.xaxis), *tick_labels(axes.yaxis))


def assert_readable(figure):
    """No letter is below 7 points or outside the figure, no text lies over another or over a panel."""
    figure.canvas.draw()
    boxes = [(t.get_window_extent(), t) for t in texts(figure) if t.get_text().strip()]
    assert len(boxes) > 10
    for k, (box, text) in enumerate(boxes):
        assert text.get_fontsize() >= 7
        assert figure.bbox.padded(1).contains(box.x0, box.y0), text
        assert figure.bbox.padded(1).contains(box.x1, box.y1), text
        inner = box.padded(-1)
        assert not [other for there, other in boxes[:k] if inner.overlaps(there)], text
        assert not any(inner.overlaps(axes.bbox) for axes in figure.axes if axes.axison), text


# ------------------------------------------------------------------------------------- the comparison


def test_a_panel_per_site_in_anatomical_order():
    figure = plot.comparison(result(sites=ALL_SITES[::-1]))
    assert titles(figure) == [
        "Plasma",
        "Lumbar CSF",
        "Cervical CSF",
        "Cranial CSF",
        "Spinal cord",
        "Brain",
    ]
    figure = plot.comparison(result(sites=ALL_SITES), sites=["brain", "thoracic_csf"])
    assert titles(figure) == ["Thoracic CSF", "Brain"]
    assert titles(plot.comparison(result(), sites="brain")) == ["Brain"]
    assert titles(plot.comparison(result(sites=("central", "deep_peripheral")))) == [
        "Central",
        "Deep peripheral",
    ]


@pytest.mark.parametrize("count", range(1, 8))
@pytest.mark.parametrize("scale", ["log", "both"])
def test_every_outer_axis_has_a_label_with_its_unit(count, scale):
    figure = plot.comparison(result(sites=ALL_SITES[:count]), sites=ALL_SITES[:count], scale=scale)
    assert len(panels(figure)) == count * (2 if scale == "both" else 1)
    first = [axes for axes in panels(figure) if axes.get_subplotspec().is_first_col()]
    assert {axes.get_ylabel() for axes in first} == {"Concentration (ng/mL)"}
    assert {axes.get_xlabel() for axes in strips(figure)} == {"Time (days)"}
    columns = {axes.get_subplotspec().colspan.start for axes in panels(figure)}
    assert len(strips(figure)) == len(columns)
    figure.canvas.draw()
    for axes in panels(figure):
        own = axes.get_yscale() == "linear" or axes in first
        assert any(label.get_visible() for label in axes.get_yticklabels()) == own


def test_lines_are_the_median_and_bands_the_percentiles():
    ds = result(subject=20, replicate=3)
    figure = plot.comparison(ds, sites=["plasma"], scale="linear")
    (axes,) = panels(figure)
    for k, arm in enumerate(["oral", "intrathecal"]):
        values = ds.concentration.sel(arm=arm, site="plasma").values.reshape(60, -1) * 1000
        np.testing.assert_allclose(axes.lines[k].get_ydata(), np.median(values, axis=0))
        corners = bands(axes)[k].get_paths()[0].vertices[:, 1]
        np.testing.assert_allclose(corners.max(), np.quantile(values, 0.95, axis=0).max())
        end = np.quantile(values[:, -1], 0.05)
        assert np.isclose(corners, end).any()
    assert "median and 5–95 % of 20 subjects × 3 replicates" in legend(figure)


def test_no_band_for_one_case():
    figure = plot.comparison(result())
    assert not any(bands(axes) for axes in panels(figure))
    assert legend(figure) == ["oral", "intrathecal"]


def test_arms_differ_in_colour_and_in_line_style():
    ds = result()
    ds = xr.concat([ds.assign_coords(arm=ds.arm.values + str(k)) for k in range(2)], "arm")
    lines = panels(plot.comparison(ds))[0].lines
    assert len({line.get_color() for line in lines}) == 4
    assert len({str(line.get_linestyle()) + str(line._dash_pattern) for line in lines}) == 4


@pytest.mark.parametrize(("level", "unit"), [(50.0, "µg/mL"), (0.05, "ng/mL"), (5e-4, "pg/mL")])
def test_unit_suits_the_highest_concentration(level, unit):
    axes = panels(plot.comparison(result(level=level)))[0]
    assert axes.get_ylabel() == f"Concentration ({unit})"


def test_given_unit():
    axes = panels(plot.comparison(result(), sites="brain", scale="linear", unit="nmol/L"))[0]
    assert axes.get_ylabel() == "Concentration (nmol/L)"
    np.testing.assert_allclose(axes.lines[1].get_ydata()[-1], 0.05 / 285.34 * 1e6, rtol=1e-6)


def test_logarithmic_axes_are_the_same_and_span_six_decades_at_most():
    ds = result()
    ds["concentration"] = ds.concentration * xr.DataArray([1.0, 1e-9], dims="arm")
    axes = panels(plot.comparison(ds))
    (low, high), *others = [a.get_ylim() for a in axes]
    assert others == [(low, high)] * len(others)
    assert 1e5 < high / low < 2e6
    drawn = axes[0].lines[0].get_ydata()
    assert 0 < drawn[0] < low < drawn[1], "a line rises out of the axis"


def test_concentrations_that_are_all_zero():
    figure = plot.comparison(result() * 0.0)
    figure.canvas.draw()
    assert panels(figure)[0].get_ylim() == (0.1, 1.0)


@pytest.mark.parametrize(
    ("end", "label", "ticks"),
    [(72.0, "Time (h)", [0, 12, 24, 36, 48, 60, 72]), (96.0, "Time (days)", [0, 1, 2, 3, 4]),
     (336.0, "Time (days)", [0, 2, 4, 6, 8, 10, 12, 14]), (3.0, "Time (h)", [0, 0.5, 1, 1.5, 2, 2.5, 3])],
)  # fmt: skip
def test_time_axis(end, label, ticks):
    strip = strips(plot.comparison(result(end=end)))[0]
    assert strip.get_xlabel() == label
    assert [float(text.get_text()) for text in strip.get_xticklabels()] == ticks
    assert [tick * (24 if "days" in label else 1) for tick in ticks] == list(strip.get_xticks())


def doses(axes):
    """Per lane: times of the ticks, and (start, end, height) of the bars."""
    ticks = [
        [s[0][0] for s in c.get_segments()]
        for c in axes.collections
        if isinstance(c, LineCollection)
    ]
    bars = [
        [(p.get_x(), p.get_x() + p.get_width(), abs(p.get_height())) for p in c]
        for c in axes.containers
    ]
    return ticks, bars


def test_doses_are_below_the_axis_at_their_times():
    strip = strips(plot.comparison(result()))[0]
    (oral, none), (empty, pump) = doses(strip)
    np.testing.assert_allclose(oral, np.arange(28) * 12.0)
    assert none == [] and empty == []
    assert pump == [(0.0, 336.0, pytest.approx(0.8))]
    assert [text.get_text() for text in strip.get_yticklabels()] == ["oral", "intrathecal"]


def test_doses_are_as_high_as_they_are_large():
    ds = result(end=48.0)
    ds.attrs["regimen_oral"] = "30 mg oral q12h x 2 then 60 mg oral q12h"
    ds.attrs["regimen_intrathecal"] = (
        "0.2 mg/day intrathecal pump for 12 h then 0.4 mg/day intrathecal pump"
    )
    strip = strips(plot.comparison(ds))[0]
    lengths = [np.ptp(segment[:, 1]) for segment in strip.collections[0].get_segments()]
    np.testing.assert_allclose(lengths, [0.4, 0.4, 0.8, 0.8, 0.8])
    low, high = doses(strip)[1][1]
    assert low == (0.0, 12.0, pytest.approx(0.4)) and high == (12.0, 48.0, pytest.approx(0.8))


def test_doses_before_the_first_time_are_not_drawn():
    strip = strips(plot.comparison(result().sel(time=slice(300.0, None))))[0]
    (oral, _), (_, pump) = doses(strip)
    assert min(oral) >= 300.0
    assert pump[0][:2] == (0.0, 336.0)


def test_without_regimens_there_is_no_strip():
    ds = result()
    ds.attrs = {}
    figure = plot.comparison(ds)
    assert not strips(figure)
    assert {axes.get_xlabel() for axes in panels(figure)} == {"Time (days)"}


def test_a_line_per_ratio_dark_where_the_dose_is_high():
    ds = result(ratio=3).assign_coords(ratio=[300.0, 30.0, 100.0])
    same = ds.concentration.isel(ratio=0) * xr.ones_like(ds.ratio)
    ds["concentration"] = xr.where(ds.arm == "oral", same, ds.concentration)
    ds.attrs["ratio"] = "[300.0, 30.0, 100.0]"
    figure = plot.comparison(ds)
    names = [f"intrathecal, ratio {n}" for n in (30, 100, 300)]
    assert legend(figure) == ["oral", *names]
    lines = panels(figure)[0].lines
    assert len(lines) == 4
    brightness = [sum(line.get_color()) for line in lines[1:]]
    assert brightness == sorted(brightness)
    assert "oral daily dose / 30 to 300" in figure.get_suptitle()

    chosen = plot.comparison(ds.sel(ratio=100.0))
    assert legend(chosen) == ["oral", "intrathecal"]
    assert "oral daily dose / 100" in chosen.get_suptitle()


def test_legend_of_many_ratios_names_five():
    figure = plot.comparison(result(ratio=40, subject=3))
    assert len([text for text in legend(figure) if text.startswith("oral")]) == 5
    assert len(panels(figure)[0].lines) == 80
    assert not bands(panels(figure)[0])


def test_cases_that_were_not_solved_are_left_out_and_counted():
    ds = result(subject=5)
    expected = (
        ds.isel(subject=slice(0, 4)).concentration.sel(arm="oral", site="brain").median("subject")
    )
    ds["concentration"] = ds.concentration.where((ds.subject < 5) | (ds.arm == "oral"))
    figure = plot.comparison(ds, sites="brain", scale="linear")
    np.testing.assert_allclose(panels(figure)[0].lines[0].get_ydata(), 1000 * expected)
    assert legend(figure)[-1] == "median and 5–95 % of 5 subjects, 1 not solved"


def test_title_names_drug_regimens_and_ratio():
    ds = result()
    ds.attrs["ratio"] = "300"
    assert plot.comparison(ds, width=20).get_suptitle() == (
        "Morphine: 60 mg oral q12h x 28 versus 0.4 mg/day intrathecal pump for 14 d, ratio 300"
    )
    ds = ds.assign_coords(arm=["tablet", "intrathecal"]).assign_attrs(
        regimen_tablet="60 mg oral q12h"
    )
    assert "60 mg oral q12h (tablet) versus 0.4" in plot.comparison(ds, width=20).get_suptitle()


@pytest.mark.parametrize("width", [3.5, 7.2])
@pytest.mark.parametrize("scale", ["log", "linear", "both"])
def test_comparison_is_readable(width, scale):
    assert_readable(plot.comparison(result(sites=ALL_SITES, subject=4), width=width, scale=scale))


def test_the_footer_says_that_it_is_for_research():
    for figure in (plot.comparison(result()), plot.ratio(implied())):
        assert figure.get_supxlabel() == "Model prediction for research, not for dosing patients"


def test_real_comparison_and_simulation():
    ds = pkmodel.compare("morphine", oral="60 mg oral q12h x 4", ratio=300, subjects=8)
    figure = plot.comparison(ds)
    assert len(panels(figure)) == 6
    assert_readable(figure)
    single = plot.comparison(
        pkmodel.simulate("morphine", "0.3 mg intrathecal bolus", np.arange(25.0))
    )
    assert legend(single) == ["intrathecal"]
    assert doses(strips(single)[0])[0] == [[0.0]]
    assert single.get_suptitle() == "Morphine: 0.3 mg intrathecal bolus"


def test_bare_concentration():
    ds = xr.Dataset({"concentration": ("time", [0.0, 1.0, 0.5])}, {"time": [0.0, 1.0, 2.0]})
    assert titles(plot.comparison(ds)) == ["Concentration"]


# ------------------------------------------------------------------------------------------ the ratio


def test_exposure_falls_as_one_over_the_ratio():
    upper = plot.ratio(implied()).axes[0]
    lines = {line.get_label(): line for line in upper.lines}
    for site, value in {"Plasma": 4.0, "Lumbar CSF": 50_000.0, "Brain": 20.0}.items():
        x, y = lines[site].get_data()
        np.testing.assert_allclose(x * y, value)
    assert (upper.get_xscale(), upper.get_yscale()) == ("log", "log")


def test_implied_ratios_are_points_on_the_line_of_equal_exposure():
    upper, lower = plot.ratio(implied(), metric="cmax").axes
    points = [
        tuple(float(v[0]) for v in line.get_data())
        for line in upper.lines
        if line.get_marker() == "o"
    ]
    assert points == [(2.0, 1.0), (25_000.0, 1.0), (10.0, 1.0)]
    assert any(list(line.get_ydata()) == [1.0, 1.0] for line in upper.lines)
    rows = [line.get_data() for line in lower.lines if line.get_marker() == "o"]
    assert [(float(x[0]), float(y[0])) for x, y in rows] == [(2.0, 0), (25_000.0, 1), (10.0, 2)]


def test_nominal_ratio_is_a_vertical_line():
    figure = plot.ratio(implied(), 100.0)
    for axes in figure.axes:
        assert [100.0, 100.0] in [list(line.get_xdata()) for line in axes.lines]
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert "Exposure at 100" in texts and "× 500" in texts and "× 0.04" in texts
    assert not any("Exposure" in text.get_text() for text in plot.ratio(implied()).axes[1].texts)


def test_published_ratios_of_a_drug():
    figure = plot.ratio(implied(), drug="morphine")
    morphine = pkmodel.Drug.read("morphine")
    upper, lower = figure.axes
    (shaded,) = upper.patches
    np.testing.assert_allclose(
        [shaded.get_x(), shaded.get_x() + shaded.get_width()], morphine.equivalence.range
    )
    assert [morphine.ratio()] * 2 in [list(line.get_xdata()) for line in upper.lines]
    rows = [float(line.get_xdata()[0]) for line in lower.lines if line.get_marker() == "D"]
    assert rows == [preset.ratio for preset in morphine.presets.values()]
    assert len(lower.get_yticklabels()) == 3 + len(rows)
    assert figure.get_suptitle().startswith("Morphine: 60 mg oral q12h")


def test_the_drug_is_that_of_the_result():
    ratios = pkmodel.equivalence.implied("morphine", "60 mg oral q12h")
    rows = [text.get_text() for text in plot.ratio(ratios).axes[1].get_yticklabels()]
    named = plot.ratio(ratios, drug="morphine")
    assert rows == [text.get_text() for text in named.axes[1].get_yticklabels()]
    own = plot.ratio(ratios.assign_attrs(drug="my morphine"))
    assert own.get_suptitle().startswith("My morphine: 60 mg oral q12h")
    assert len(own.axes[1].get_yticklabels()) == len(set(ratios.site.values) - set(style.MINOR))


def test_population_has_bands_and_ranges():
    ds = implied(subjects=50)
    figure = plot.ratio(ds, 300.0, sites=["brain"])
    upper, lower = figure.axes
    low, high = ds.implied_ratio.sel(metric="auc", site="brain").quantile([0.05, 0.95]).values
    (band,) = bands(upper)
    corners = band.get_paths()[0].vertices
    np.testing.assert_allclose((corners[:, 0] * corners[:, 1]).max(), high)
    (segment,) = lower.collections[0].get_segments()
    np.testing.assert_allclose(segment[:, 0], [low, high])
    assert "5–95 % of 50 subjects" in legend(figure)


def test_axes_of_the_ratio_say_what_they_are():
    upper, lower = plot.ratio(implied(), metric="cmax").axes
    assert upper.get_ylabel() == "Peak concentration\nintrathecal / oral"
    assert lower.get_xlabel() == "Dose ratio (mg/day oral per mg/day intrathecal)"


def test_real_ratios_are_readable():
    ratios = pkmodel.equivalence.implied("morphine", "60 mg oral q12h")
    assert_readable(plot.ratio(ratios, drug="morphine"))
    assert_readable(plot.ratio(implied(subjects=20), 300.0))


# -------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (lambda: plot.comparison(implied()), "no concentration over time. Draw what compare"),
        (lambda: plot.comparison(result(), sites="lumbr_csf"), 'did you mean "lumbar_csf"'),
        (lambda: plot.comparison(result(), sites=[]), "no site is chosen. Known are plasma"),
        (lambda: plot.comparison(result(), scale="logs"), 'unknown scale "logs" (did you mean "log"'),
        (lambda: plot.comparison(result(), unit="mg"), "mg"),
        (lambda: plot.comparison(result(clearance=2)), r"Choose one value of each: ds.isel(clearance=0)"),
        (lambda: plot.comparison(result() * np.nan), "no case was solved"),
        (lambda: plot.ratio(result()), "no implied ratios. Draw what implied returns"),
        (lambda: plot.ratio(implied(), metric="auv"), 'did you mean "auc"'),
        (lambda: plot.ratio(implied(), sites="brian"), 'did you mean "brain"'),
        (lambda: plot.ratio(implied(), 0.0), "the ratio is 0.0; expected a number above 0"),
        (lambda: plot.ratio(implied() * 0.0), "no case was solved"),
        (lambda: plot.ratio(implied(), drug="morphin"), 'did you mean "morphine"'),
    ],
)  # fmt: skip
def test_errors_say_how_to_repair_the_input(draw, expected):
    with pytest.raises(InputError) as error:
        draw()
    assert expected in str(error.value)
    assert not plt.get_fignums()


@pytest.mark.parametrize("draw", [lambda: plot.comparison(result()), lambda: plot.ratio(implied())])
def test_without_matplotlib(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "pkmodel\[plot\]"'):
        draw()


def test_style_of_other_figures_is_left_alone():
    before = dict(matplotlib.rcParams)
    plot.comparison(result())
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", ["comparison.png", "ratio.png"])
def test_figures_of_the_pages_are_small(name):
    assert 10_000 < (FIGURES / name).stat().st_size < 200_000
