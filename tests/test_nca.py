"""Noncompartmental analysis: closed forms, PKNCA's formulas by hand, a slow oracle, and laws."""

import math
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pkmodel import nca
from pkmodel.errors import InputError
from pkmodel.nca import arrays

METHODS = ["lin up/log down", "linear", "lin-log"]
KINDS = ["last", "all", "inf_obs", "inf_pred"]


def profile(times, values, units="mg/L", dims=("time",), **coords):
    return xr.DataArray(
        np.asarray(values, dtype=float),
        dims=dims,
        coords={"time": np.asarray(times, dtype=float), **coords},
        attrs={"units": units},
    )


def decline(rate=0.1, dose=100.0, volume=50.0, times=None):
    times = np.arange(0.0, 25.0, 2.0) if times is None else np.asarray(times, dtype=float)
    return profile(times, dose / volume * np.exp(-rate * times))


# ------------------------------------------------------------------------------ a slow oracle


def naive_rule(c1, c2, t2, method, tmax):
    if method == "lin up/log down":
        return 0 < c2 < c1
    return method == "lin-log" and t2 > tmax and c1 > 0 and c2 > 0 and c1 != c2


def naive_clean(times, values):
    points = [(t, c) for t, c in zip(times, values, strict=True) if not math.isnan(c)]
    positive = [i for i, (_, c) in enumerate(points) if c > 0]
    middle = range(positive[0], positive[-1]) if positive else ()
    return [p for i, p in enumerate(points) if not (i in middle and p[1] == 0)]


def naive_terminal(points):
    positive = [(t, c) for t, c in points if c > 0]
    if not positive:
        return None
    tmax = max(positive, key=lambda p: p[1])[0]
    tail = [(t, c) for t, c in positive if t > tmax]
    fits = []
    for first in range(len(tail) - 2):
        x, y = np.array([(t, math.log(c)) for t, c in tail[first:]]).T
        slope, offset = np.polyfit(x, y, 1)
        total = np.sum((y - y.mean()) ** 2)
        if total <= len(x) * 1e-20:
            continue
        r2 = 1 - np.sum((y - offset - slope * x) ** 2) / total
        adjusted = 1 - (1 - r2) * (len(x) - 1) / (len(x) - 2)
        fits.append((len(x), adjusted, -slope, math.exp(offset + slope * positive[-1][0])))
    best = max((fit[1] for fit in fits), default=0)
    good = [fit for fit in fits if fit[2] > 0 and fit[1] > best - 1e-4]
    return max(good, default=None)


def naive_area(times, values, method, kind, moment):
    """Segment by segment, formulas as PKNCA's ``auc_integrate.R`` states them."""
    points = naive_clean(times, values)
    if len(points) < 2:
        return math.nan
    tmax = max(points, key=lambda p: p[1])[0]
    tlast, clast = next(((t, c) for t, c in reversed(points) if c > 0), (-math.inf, 0))
    total = 0.0
    for (t1, c1), (t2, c2) in pairwise(points):
        if t1 >= tlast and not (kind == "all" and t1 == tlast):
            continue
        h, w1, w2 = t2 - t1, (t1 if moment else 1), (t2 if moment else 1)
        if naive_rule(c1, c2, t2, method, tmax):
            fall = math.log(c2 / c1)
            total += h * (c2 * w2 - c1 * w1) / fall
            total -= h**2 * (c2 - c1) / fall**2 if moment else 0
        else:
            total += h * (c1 * w1 + c2 * w2) / 2
    if kind in ("last", "all"):
        return total
    fit = naive_terminal(points)
    if fit is None:
        return math.nan
    clast = clast if kind == "inf_obs" else fit[3]
    return total + (clast * tlast / fit[2] + clast / fit[2] ** 2 if moment else clast / fit[2])


def observed_like(seed, cases=60):
    """Absorption and elimination with noise, zeros anywhere and missing values."""
    rng = np.random.default_rng(seed)
    times = np.array([0, 0.5, 1, 2, 3, 4.5, 6, 8, 12, 16, 24.0])
    ka, ke = rng.uniform(0.5, 3, (cases, 1)), rng.uniform(0.02, 0.4, (cases, 1))
    values = (np.exp(-ke * times) - np.exp(-ka * times)) * rng.lognormal(0, 0.2, (cases, 11))
    values[rng.random(values.shape) < 0.12] = 0
    values[rng.random(values.shape) < 0.12] = np.nan
    values[:, -3:][rng.random((cases, 3)) < 0.3] = 0
    values[0], values[1], values[2, 1:], values[3] = 0, np.nan, np.nan, 2
    return profile(times, values, dims=("subject", "time"))


@pytest.mark.parametrize("moment", [False, True], ids=["auc", "aumc"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_areas_agree_with_the_oracle(method, kind, moment):
    c = observed_like(1)
    found = (nca.aumc if moment else nca.auc)(c, method=method, kind=kind)
    expected = [naive_area(c.time.values, row, method, kind, moment) for row in c.values]
    assert_allclose(found, expected, rtol=1e-10)


def test_terminal_fit_agrees_with_the_oracle():
    c = observed_like(2, cases=300)
    fit = nca.terminal(c)
    fits = [naive_terminal(naive_clean(c.time.values, row)) for row in c.values]
    names = ["lambda_z_n_points", "adj_r_squared", "lambda_z", "clast_pred"]
    expected = np.array([f or (np.nan,) * 4 for f in fits])
    assert_allclose(np.stack([fit[name] for name in names], axis=-1), expected, rtol=1e-9)
    assert_array_equal(fit.half_life_reason == 0, fit.half_life.notnull())
    assert set(np.unique(fit.half_life_reason)) == {0, 1, 2, 3, 4}


def test_blocks_do_not_change_the_numbers(monkeypatch):
    c = observed_like(3)
    whole = nca.summary(c)
    monkeypatch.setattr(arrays, "BLOCK", 1)
    xr.testing.assert_identical(nca.summary(c), whole)


# -------------------------------------------------------------------------------- closed forms


@pytest.mark.parametrize("rate", [1e-4, 0.1, 3.0])
def test_one_exponential_is_exact(rate):
    c = decline(rate, times=[0, 0.5, 1, 2.5, 4, 7, 11, 24])
    assert_allclose(nca.half_life(c), math.log(2) / rate, rtol=1e-12)
    for kind in ("inf_obs", "inf_pred"):
        assert_allclose(nca.auc(c, kind=kind), 2 / rate, rtol=1e-12)
        assert_allclose(nca.aumc(c, kind=kind), 2 / rate**2, rtol=1e-11)
    assert_allclose(nca.auc(c), 2 / rate * (1 - math.exp(-24 * rate)), rtol=1e-12)
    assert_allclose(nca.auc(c, 3, 13), 2 / rate * np.exp([-3 * rate, -13 * rate]) @ [1, -1])


def test_intervals_may_reach_behind_the_data_on_the_exponential():
    c = decline(0.1)
    assert_allclose(nca.auc(c, 10, 48, kind="inf_obs"), 20 * np.exp([-1, -4.8]) @ [1, -1])
    assert_allclose(nca.auc(c, 10, math.inf, kind="inf_pred"), 20 * math.exp(-1))
    first = nca.aumc(c, 0, 48, kind="inf_obs")
    assert_allclose(first, 200 - (20 * 48 + 200) * math.exp(-4.8))


def test_two_exponentials_with_the_exact_integral():
    a, b, alpha, beta = 3.0, 0.5, 1.2, 0.05
    hours = np.linspace(0, 400, 101)
    c = profile(hours, a * np.exp(-alpha * hours) + b * np.exp(-beta * hours))
    area = -a / alpha * np.expm1(-alpha * hours) - b / beta * np.expm1(-beta * hours)
    result = nca.summary(xr.Dataset({"concentration": c, "auc": ("time", area)}))
    assert result.attrs["auc_method"] == "exact"
    assert_allclose(result.aucinf_obs, a / alpha + b / beta, rtol=1e-12)
    assert_allclose(result.half_life, math.log(2) / beta, rtol=1e-3)
    coarse = nca.summary(c)
    assert coarse.attrs["auc_method"] == "lin up/log down"
    assert abs(coarse.aucinf_obs / (a / alpha + b / beta) - 1) > 0.01


def test_nearly_flat_decline_keeps_its_digits():
    rate = 1e-9
    c = decline(rate, times=np.arange(0, 100.0))
    assert_allclose(nca.auc(c), -2 / rate * np.expm1(-99 * rate), rtol=1e-14)
    assert_allclose(nca.aumc(c), 99**2, rtol=1e-6)


# ------------------------------------------------------------------------------ numbers by hand

HAND = profile([0, 1, 2, 4, 6, 8], [0, 4, 2, 1, 0, 0])
LOG2 = math.log(2)


@pytest.mark.parametrize(
    ("method", "kind", "expected"),
    [
        ("linear", "last", 2 + 3 + 3),
        ("linear", "all", 2 + 3 + 3 + 1),
        ("lin up/log down", "last", 2 + 2 / LOG2 + 2 / LOG2),
        ("lin up/log down", "all", 2 + 2 / LOG2 + 2 / LOG2 + 1),
        ("lin-log", "last", 2 + 2 / LOG2 + 2 / LOG2),
    ],
)
def test_areas_by_hand(method, kind, expected):
    assert_allclose(nca.auc(HAND, method=method, kind=kind), expected, rtol=1e-14)


def test_moments_by_hand():
    assert_allclose(nca.aumc(HAND, method="linear"), 2 + 4 + 8)
    falls = (2 * 2 - 4 * 1) / -LOG2 - (2 - 4) / LOG2**2
    falls += 2 * (1 * 4 - 2 * 2) / -LOG2 - 4 * (1 - 2) / LOG2**2
    assert_allclose(nca.aumc(HAND), 2 + falls, rtol=1e-13)


def test_moment_counts_from_the_start():
    c = profile([24, 26], [1, 1])
    assert float(nca.aumc(c, start=24)) == 2
    assert float(nca.aumc(c)) == 50


@pytest.mark.parametrize(
    ("end", "method", "expected"),
    [
        (3, "lin up/log down", math.sqrt(2)),
        (3, "linear", 1.5),
        (0.5, "lin up/log down", 2),
        (5, "lin up/log down", 0.5),
        (4, "linear", 1),
        (0, "linear", 0),
    ],
)
def test_trough_is_interpolated_by_the_rule_of_its_segment(end, method, expected):
    assert_allclose(nca.ctrough(HAND, end, method), expected)


def test_points_by_hand():
    assert [float(f(HAND)) for f in (nca.cmax, nca.tmax, nca.cmin, nca.tmin)] == [4, 1, 0, 0]
    assert [float(f(HAND)) for f in (nca.clast, nca.tlast)] == [1, 4]
    assert [float(f(HAND, 1, 4)) for f in (nca.cmax, nca.tmax, nca.cmin, nca.tmin)] == [4, 0, 1, 3]
    assert float(nca.cav(HAND, method="linear")) == 1
    assert float(nca.deg_fluc(HAND, 1, 4, "linear")) == 100 * 3 / 2
    assert float(nca.swing(HAND, 1, 4)) == 3
    assert float(nca.ptr(HAND, 1, 3)) == pytest.approx(4 / math.sqrt(2))
    assert float(nca.swing(HAND)) == float(nca.ptr(HAND)) == math.inf


def test_terminal_window_prefers_points_within_the_tolerance():
    exact = 8 * 0.5 ** np.arange(8.0)
    slight, strong = exact.copy(), exact.copy()
    slight[1] *= 1.005
    strong[1] *= 1.5
    c = profile(np.arange(9), [[0, *exact], [0, *slight], [0, *strong]], dims=("case", "time"))
    fit = nca.terminal(c)
    assert_array_equal(fit.lambda_z_n_points, [7, 7, 6])
    assert_array_equal(fit.lambda_z_time_first, [2, 2, 3])
    assert_array_equal(fit.lambda_z_time_last, [8, 8, 8])
    assert_allclose(fit.half_life[[0, 2]], 1, rtol=1e-12)
    assert_allclose(fit.span_ratio, [6, 6 / fit.half_life[1], 5])


def test_a_rising_window_that_fits_best_leaves_no_half_life():
    c = profile(range(7), [9, 8, 3.5, 5, 1, 2, 4])
    fit = nca.terminal(c)
    assert np.isnan(fit.half_life)
    assert "no decline" in nca.explain(fit.half_life_reason).item()


# ------------------------------------------------------------- zeros and missing concentrations


@pytest.mark.parametrize(
    ("blq", "expected"),
    [
        (None, 2 + 6 + 2),
        ("keep", 2 + 2 + 1 + 2),
        ({"middle": "keep"}, 2 + 2 + 1 + 2),
        ("drop", 6 + 2),
        ({"middle": 0.5}, 2 + 2.25 + 1.25 + 2),
        ({"last": 0.5}, 2 + 6 + 2 + 1.25),
    ],
)
def test_rules_for_zeros(blq, expected):
    c = profile([0, 1, 2, 3, 4, 5], [0, 4, 0, 2, 2, 0])
    assert_allclose(nca.auc(c, method="linear", blq=blq), expected)


def test_missing_values_are_left_out_or_replaced():
    c = profile([0, 1, 2, 3], [4, np.nan, 2, 1])
    assert_allclose(nca.auc(c, method="linear"), 6 + 1.5)
    assert_allclose(nca.auc(c, method="linear", na=0), 6 + 1.5)
    assert_allclose(nca.auc(c, method="linear", na=1), 2.5 + 1.5 + 1.5)
    assert_allclose(nca.cmin(c), 1)


def test_an_interval_that_starts_before_a_profile_is_nan_for_it():
    c = profile([0, 1, 2, 3], [[np.nan, 4, 2, 1], [8, 4, 2, 1]], dims=("subject", "time"))
    assert_array_equal(np.isnan(nca.auc(c, start=0)), [True, False])
    assert_array_equal(np.isnan(nca.auc(c)), [False, False])
    assert_array_equal(np.isnan(nca.ctrough(c, 0.5)), [True, False])


DEGENERATE = {
    "zero": ([0, 0, 0, 0], "no_concentration", 0, 0),
    "missing": ([np.nan] * 4, "no_concentration", np.nan, np.nan),
    "one point": ([np.nan, 3, np.nan, np.nan], "maximum_is_last", np.nan, 3),
    "rising": ([0, 1, 2, 3], "maximum_is_last", 4.5, 3),
    "constant": ([5, 5, 5, 5], "no_decline", 15, 5),
    "rounding": (5 + 1e-13 * np.array([0, 3, 1, -2]), "no_decline", 15, 5),
    "late peak": ([0, 1, 3, 1], "too_few_points", 0.5 + 2 + 2 / math.log(3), 3),
    "plateau": ([0, 3, 3, 3], "too_few_points", 7.5, 3),
    "down and up": ([3, 1, 2, 2.5], "no_decline", 2 / math.log(3) + 1.5 + 2.25, 3),
    "first of two peaks": ([0, 3, 1, 3], "too_few_points", 1.5 + 2 / math.log(3) + 2, 3),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_profiles(name):
    values, reason, area, peak = DEGENERATE[name]
    metrics = nca.summary(profile(range(4), values))
    meanings = metrics.half_life_reason.attrs["flag_meanings"].split()
    assert meanings[int(metrics.half_life_reason)] == reason
    assert len(nca.explain(metrics.half_life_reason).item()) > 20
    assert np.isnan(metrics.half_life)
    assert np.isnan(metrics.aucinf_obs)
    assert_allclose([metrics.auc, metrics.cmax], [area, peak])


def test_a_pump_is_flat():
    metrics = nca.summary(profile(np.arange(0, 25.0), np.full(25, 0.3) + 1e-15), tau=24)
    assert_allclose([metrics.deg_fluc, metrics.swing], 0, atol=1e-8)
    assert_allclose([metrics.ptr, metrics.accumulation_ratio], 1)
    assert float(metrics.tmax) == float(metrics.tmin) == 0
    assert_allclose(metrics.cav, 0.3)


# ----------------------------------------------------------------------------------------- laws

hours = st.lists(st.integers(1, 40), min_size=3, max_size=9, unique=True).map(
    lambda steps: np.concatenate([[0.0], np.cumsum(steps) / 8])
)
curves = hours.flatmap(
    lambda t: st.lists(
        st.one_of(st.just(0.0), st.floats(1e-3, 1e3)), min_size=len(t), max_size=len(t)
    ).map(lambda c: profile(t, c))
)
shares = st.floats(0, 1)
rules = st.sampled_from(METHODS)


@given(curves, st.sampled_from([1 / 1024, 0.3, 7, 512]))
def test_metrics_scale_with_the_dose(c, factor):
    first = nca.summary(c).drop_vars("half_life_reason")
    second = nca.summary((c * factor).assign_attrs(c.attrs))
    for name, metric in first.items():
        scale = factor if metric.attrs["units"].startswith("mg") else 1
        assert_allclose(second[name], metric * scale, rtol=1e-9, atol=1e-12 * scale, err_msg=name)


@given(curves, st.integers(-1000, 1000))
def test_metrics_do_not_depend_on_when_the_interval_is(c, shift):
    later = c.assign_coords(time=c.time + shift)
    start, end = float(c.time[0]), float(c.time[-1])
    first = nca.summary(c, start=start)
    second = nca.summary(later, start=start + shift)
    xr.testing.assert_allclose(first.drop_attrs(), second.drop_attrs(), rtol=1e-9)
    moments = [nca.aumc(c, start, end), nca.aumc(later, start + shift, end + shift)]
    assert_allclose(moments[0], moments[1], rtol=1e-9)


@given(curves, st.lists(shares, min_size=3, max_size=3, unique=True), rules, st.booleans())
def test_areas_of_adjoining_intervals_add_up(c, cuts, method, falls):
    a, b, d = sorted(float(c.time[-1]) * share for share in cuts)
    assume(b - a > 1e-6 and d - b > 1e-6)
    kind = "all" if falls else "last"
    parts = [nca.auc(c, *ends, method, kind=kind) for ends in ((a, b), (b, d), (a, d))]
    assert_allclose(parts[0] + parts[1], parts[2], rtol=1e-9, atol=1e-12)


@given(curves)
def test_units_of_time_and_mass_do_not_matter(c):
    micro = (c * 1000).assign_attrs(units="ug/L")
    area = nca.auc(micro)
    assert area.attrs["units"] == "ug*h/L"
    assert_allclose(area, nca.auc(c) * 1000, rtol=1e-12)
    days = c.assign_coords(time=c.time / 24)
    assert_allclose(nca.auc(days), nca.auc(c) / 24, rtol=1e-12)
    assert_allclose(nca.aumc(days), nca.aumc(c) / 24**2, rtol=1e-11)


@given(curves)
def test_order_of_the_metrics(c):
    m = nca.summary(c)
    assert m.cmin <= m.ctrough <= m.cmax
    assert m.cmin * (1 - 1e-9) <= m.cmax
    assert not m.auc < 0
    assert not m.aucinf_obs < m.auc


# --------------------------------------------------------------------------- labels and layout


def layout():
    times = np.linspace(0, 48, 49)
    rates = np.array([[0.05, 0.1], [0.2, 0.3], [0.5, 1.0]])
    c = xr.DataArray(
        np.exp(-rates[..., None] * times),
        dims=("subject", "site", "time"),
        coords={
            "time": ("time", times, {"units": "h"}),
            "site": ["plasma", "csf"],
            "phase": ("time", times > 10),
            "clearance": ("subject", [1.0, 2.0, 3.0]),
        },
        attrs={"units": "mg/L", "long_name": "concentration"},
    )
    return rates, c


def test_all_dimensions_are_kept_in_any_order():
    rates, c = layout()
    metrics = nca.summary(c)
    assert metrics.half_life.dims == ("subject", "site")
    assert_allclose(metrics.half_life, np.log(2) / rates, rtol=1e-12)
    assert set(metrics.coords) == {"site", "clearance"}
    turned = nca.summary(c.transpose("time", "site", "subject"))
    assert turned.auc.dims == ("site", "subject")
    xr.testing.assert_identical(turned.transpose("subject", "site"), metrics)
    xr.testing.assert_identical(nca.auc(c.chunk(subject=1)), nca.auc(c))


def test_single_functions_agree_with_the_summary():
    c = observed_like(5)
    options = {"blq": "keep", "na": 0.1}
    metrics = nca.summary(c, start=1, method="linear", **options)
    fit = nca.terminal(c, 1, **options).assign_attrs(metrics.attrs)
    xr.testing.assert_identical(metrics[list(fit)], fit)
    single = {
        "cmax": nca.cmax(c, 1), "tmax": nca.tmax(c, 1), "cmin": nca.cmin(c, 1),
        "tmin": nca.tmin(c, 1), "clast_obs": nca.clast(c, 1), "tlast": nca.tlast(c, 1),
        "ctrough": nca.ctrough(c, method="linear"), "swing": nca.swing(c, 1),
        "half_life": nca.half_life(c, 1, **options),
        "cav": nca.cav(c, 1, method="linear", **options),
        "deg_fluc": nca.deg_fluc(c, 1, method="linear", **options),
    }  # fmt: skip
    for name, found in single.items():
        xr.testing.assert_identical(metrics[name], found)
    for kind in ("inf_obs", "inf_pred"):
        found = nca.auc(c, 1, method="linear", kind=kind, **options)
        assert_allclose(metrics[f"auc{kind}"], found, rtol=1e-12)
    assert_allclose(metrics.auc, nca.auc(c, 1, method="linear", **options))


def test_every_metric_says_what_it_is():
    for metrics in (nca.summary(decline()), nca.summary(decline(), tau=12)):
        for name, metric in metrics.items():
            assert metric.name == name
            assert metric.attrs["long_name"] and metric.attrs["units"], name
    assert metrics.half_life.attrs["pknca"] == "half.life"
    assert metrics.half_life.attrs["cdisc"] == "LAMZHL"
    assert metrics.lambda_z.attrs["units"] == "1/h"
    assert nca.aumc(decline()).attrs["units"] == "mg*h**2/L"
    assert "units" not in nca.auc(decline().drop_attrs()).attrs
    codes = [metric.cdisc for metric in nca.METRICS.values() if metric.cdisc]
    assert len(codes) == len(set(codes)) and max(map(len, codes)) <= 8


def test_the_page_names_every_metric():
    page = (Path(__file__).parent.parent / "docs" / "nca.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(\w+)` \| (\S+) \| (.*) \| `?(.*?)`? \| (.*?) ?\|$", page, re.MULTILINE
    )
    metrics = nca.summary(decline(), tau=12).merge(nca.summary(decline()), compat="override")
    metrics["time_to_steady_state"] = nca.time_to_steady_state(decline())
    expected = {
        str(name): tuple(m.attrs.get(key, "") for key in ("units", "long_name", "pknca", "cdisc"))
        for name, m in metrics.items()
    }
    found = {row[0]: row[1:] for row in rows if row[0] in nca.METRICS}
    assert found.keys() == expected.keys()
    del found["auc"]
    assert found == {name: expected[name] for name in found}


@pytest.mark.parametrize(
    ("options", "code"),
    [({}, "AUCLST"), ({"tau": 12}, "AUCTAU"), ({"start": 2}, "AUCINT"), ({"end": 9}, "AUCINT")],
)
def test_the_code_of_the_area_follows_the_interval(options, code):
    metrics = nca.summary(decline(), **options)
    assert metrics.auc.attrs["cdisc"] == code
    assert ("aucinf_obs" in metrics) == (not {"tau", "end"} & set(options))
    assert ("accumulation_ratio" in metrics) == ("tau" in options)


def test_summary_can_be_stored(tmp_path):
    pytest.importorskip("h5py")
    _, c = layout()
    metrics = nca.summary(c, tau=24)
    metrics.to_netcdf(tmp_path / "metrics.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "metrics.nc", engine="h5netcdf") as stored:
        xr.testing.assert_allclose(stored, metrics)
        assert stored.attrs["tau"] == 24


def test_table():
    _, c = layout()
    metrics = nca.summary(c)
    table = nca.to_table(metrics)
    assert list(table) == ["subject", "site", "metric", "cdisc", "units", "value"]
    assert len(table) == 6 * (len(metrics) - 1)
    row = table.query("subject == 2 and site == 'csf' and metric == 'half_life'")
    assert row[["cdisc", "units"]].values.tolist() == [["LAMZHL", "h"]]
    assert_allclose(row["value"], math.log(2))


# ------------------------------------------------------------------- intervals, exact integral


def repeated(exact=True):
    """A bolus of 1 mg into 1 L every 12 h, rate 0.1/h; values behind the dose, as simulated."""
    times = np.linspace(0, 60, 121)
    doses = 12.0 * np.arange(5)
    since = np.where(times[:, None] >= doses, times[:, None] - doses, np.inf)
    c = profile(times, np.exp(-0.1 * since).sum(-1))
    area = (-10 * np.expm1(-0.1 * since)).sum(-1, where=np.isfinite(since))
    result = xr.Dataset({"concentration": c}, attrs={"regimen": "1 mg q12h x 5"})
    return result.assign(auc=("time", area)) if exact else result


def test_exact_areas_are_taken_where_they_can_be():
    result = repeated()
    exact = nca.summary(result, tau=12)
    assert exact.attrs["auc_method"] == "exact" and exact.attrs["regimen"] == "1 mg q12h x 5"
    assert (exact.attrs["start"], exact.attrs["end"]) == (48, 60)
    assert_allclose(exact.auc, 10 * (1 - math.exp(-6)), rtol=1e-12)
    ratio = (1 - math.exp(-6)) / (1 - math.exp(-1.2))
    assert_allclose(exact.accumulation_ratio, ratio, rtol=1e-12)
    assert_allclose(exact.cav, exact.auc / 12)
    assert_allclose(exact.ptr, math.exp(1.2), rtol=1e-12)
    assert float(exact.tmax) == 0
    assert nca.summary(result, tau=11.9).attrs["auc_method"] == "lin up/log down"
    assert nca.summary(result, tau=12, method="linear").attrs["auc_method"] == "linear"
    assert nca.summary(repeated(exact=False), tau=12).attrs["auc_method"] == "lin up/log down"
    turned = xr.concat([result, result], "subject").transpose("time", "subject")
    turned["auc"] = turned.auc.transpose("subject", "time")
    assert_allclose(nca.summary(turned, tau=12).auc, exact.auc)


@pytest.mark.parametrize("options", [{"start": 12}, {"end": 24}, {"start": 12.0 + 1e-12}])
def test_dosing_interval_from_either_end(options):
    metrics = nca.summary(repeated(), tau=12, **options)
    assert (metrics.attrs["start"], metrics.attrs["end"]) == (12, 24)
    assert_allclose(metrics.auc, 10 * (1 - math.exp(-2.4)), rtol=1e-12)


def test_status_is_carried_along():
    result = repeated().assign(status=np.uint8(2))
    assert int(nca.summary(result).status) == 2
    assert "status" not in set(nca.to_table(nca.summary(result)).metric)


def test_accumulation_and_steady_state():
    times = np.arange(0, 240.5, 0.5)
    pump = profile(times, 1 - np.exp(-0.05 * times))
    early, late = (
        12 + 20 * np.diff(np.exp(-0.05 * np.array(ab)))[0] for ab in ([0, 12], [228, 240])
    )
    assert_allclose(nca.accumulation_ratio(pump, 12), late / early, rtol=1e-3)
    assert float(nca.time_to_steady_state(pump)) == 46.5
    assert float(nca.time_to_steady_state(pump, fraction=0.5)) == 14
    assert float(nca.time_to_steady_state(pump, tau=12)) == 48
    assert float(nca.time_to_steady_state(pump, tau=240)) == 240
    flat = profile(times, np.ones_like(times))
    assert float(nca.time_to_steady_state(flat, tau=24)) == 0
    assert np.isnan(nca.time_to_steady_state(flat * 0))


# --------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nca.auc(HAND.rename(time="t")), 'dimension "time"'),
        (lambda: nca.cmax(np.ones(3)), "DataArray"),
        (lambda: nca.auc(HAND.drop_vars("time")), "assign_coords"),
        (lambda: nca.auc(HAND.isel(time=[1, 0, 2])), "got 1 before 0.*sortby"),
        (lambda: nca.auc(HAND.isel(time=[0, 1, 1])), "drop_duplicates"),
        (lambda: nca.auc(HAND.isel(time=[])), "no point"),
        (lambda: nca.auc(HAND.assign_coords(time=[*range(5), np.nan])), "increasing"),
        (lambda: nca.auc(HAND.assign_coords(time=[*range(5), np.inf])), "got .inf"),
        (lambda: nca.auc(HAND.assign_coords(time=list("abcdef"))), "hours as numbers"),
        (
            lambda: nca.auc(HAND.assign_coords(time=np.arange(6).astype("timedelta64[ns]"))),
            "timedelta64",
        ),
        (lambda: nca.auc(HAND.assign_coords(time=("time", range(6), {"units": "d"}))), 'in "d"'),
        (lambda: nca.auc(HAND - 1), "3 concentrations are negative.*-1 at time 0"),
        (lambda: nca.auc(HAND.where(HAND != 4, np.inf)), "infinite"),
        (lambda: nca.auc(HAND, start=-1), "start=-1 h lies outside.*0 to 8"),
        (lambda: nca.auc(HAND, end=9), "end=9 h lies outside"),
        (lambda: nca.auc(HAND, 4, 2), "does not lie before"),
        (lambda: nca.auc(HAND, -4, 9), "start=-4.*end=9"),
        (lambda: nca.cmax(HAND, 4.5, 5), "no time point"),
        (lambda: nca.auc(HAND, method="log down"), "lin up/log down"),
        (lambda: nca.auc(HAND, kind="inf"), 'unknown kind "inf"'),
        (lambda: nca.auc(HAND, blq="ignore"), "keep, drop"),
        (lambda: nca.auc(HAND, blq={"mid": "keep"}), 'place of a zero "mid"'),
        (lambda: nca.auc(HAND, blq=-1), "from zero upwards"),
        (lambda: nca.auc(HAND, na="keep"), 'rule for na "keep"'),
        (lambda: nca.ctrough(HAND, 20), "outside"),
        (lambda: nca.cav(HAND.isel(time=[0])), "does not lie before"),
        (lambda: nca.accumulation_ratio(HAND, 9), "within 8 h"),
        (lambda: nca.accumulation_ratio(HAND, 0), "positive"),
        (lambda: nca.time_to_steady_state(HAND, fraction=90), "0.9"),
        (lambda: nca.summary(HAND, tau=2, start=0, end=4), "together"),
        (lambda: nca.summary(HAND, tau=2, start=7), "end=9 h lies outside"),
        (lambda: nca.summary(HAND, method="exact"), 'variable "auc"'),
        (lambda: nca.summary(repeated(), method="exact", end=5.3), "at 0, 5.3 h"),
        (lambda: nca.summary(repeated().rename(concentration="c")), "only c, auc"),
    ],
)
def test_errors_teach(call, words):
    with pytest.raises(InputError, match=f"(?s){words}") as caught:
        call()
    assert caught.value.remedy


def test_rounding_below_zero_is_zero():
    c = profile(range(4), [-1e-17, 4, 2, 1])
    assert float(nca.auc(c, method="linear")) == 6.5
    assert float(nca.cmin(c)) == 0


def test_import_is_light():
    code = "import sys, pkmodel.nca; print(sys.modules.keys() & {'xarray', 'pandas', 'scipy'})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
