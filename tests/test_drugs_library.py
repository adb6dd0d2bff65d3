"""Hydromorphone, fentanyl, sufentanil, clonidine, bupivacaine: their files against the papers they cite."""

import re
import tomllib

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pkmodel import citation, compare, simulate
from pkmodel.cli import main
from pkmodel.drugs import Drug, reader
from pkmodel.errors import DrugError
from pkmodel.regimen import Regimen

NAMES = ("bupivacaine", "clonidine", "fentanyl", "hydromorphone", "sufentanil")
OPIOIDS = ("morphine", "hydromorphone", "fentanyl", "sufentanil")  # by octanol:water
DRUGS = {name: Drug.read(name) for name in (*NAMES, "morphine")}
ATOMS = {"C": 12.011, "H": 1.008, "N": 14.007, "O": 15.999, "S": 32.06, "Cl": 35.45}
TYPICAL = {
    "bupivacaine": "10 mg intrathecal bolus",
    "clonidine": "20 ug intrathecal bolus",
    "fentanyl": "25 ug intrathecal bolus",
    "hydromorphone": "100 ug intrathecal bolus",
    "morphine": "200 ug intrathecal bolus",
    "sufentanil": "10 ug intrathecal bolus",
}
LN2 = np.log(2)


def values(name):
    return {n: p.value for n, p in DRUGS[name].parameters.items()}


def dose_of(order):
    """Dose [mg] of a regimen of one order."""
    (one,) = Regimen.parse(order)
    return one.dose


def curve(drug, order, site="plasma", until=24.0, step=0.01):
    """Times [h] and concentrations [ug/L] at a site; the first time is that of the first step."""
    times = np.arange(step, until, step)
    ds = simulate(drug, order, times)
    return times, 1000 * ds.concentration.sel(site=site).values


def half_life(times, found, start, end):
    span = (times >= start) & (times <= end)
    return -LN2 / np.polyfit(times[span], np.log(found[span]), 1)[0]


def peak(drug, order, site="plasma", until=24.0):
    """Height [ug/L] and time [min] of the highest concentration."""
    times, found = curve(drug, order, site, until)
    return found.max(), 60 * times[found.argmax()]


def twofold(found, observed):
    return observed / 2 <= found <= 2 * observed


def systemic(v):
    """Rate matrix [1/h] of plasma and its peripheral compartments alone."""
    outer = [
        (v[f"{prefix}intercompartmental_clearance"], v[f"{prefix}peripheral_volume"])
        for prefix in ("", "deep_")
        if f"{prefix}peripheral_volume" in v
    ]
    K = np.zeros((1 + len(outer), 1 + len(outer)))
    K[0, 0] = -v["clearance"] / v["volume"]
    for k, (flow, volume) in enumerate(outer, 1):
        K[[0, k], 0] += np.array([-1, 1]) * flow / v["volume"]
        K[[0, k], k] += np.array([1, -1]) * flow / volume
    return K


def last_half_life(name):
    """Last half-life in plasma [h]."""
    return LN2 / -np.linalg.eigvals(systemic(values(name))).real.max()


# -------------------------------------------------------------------------------------- the numbers


@pytest.mark.parametrize("name", NAMES)
def test_molar_mass_follows_from_the_formula(name):
    note = tomllib.loads((reader.HOME / f"{name}.toml").read_text(encoding="utf-8"))["molar_mass"][
        "note"
    ]
    (formula,) = re.findall(r"\b(C\d+H\w+)", note)
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", formula)
    assert "".join(a + n for a, n in parts) == formula
    total = sum(ATOMS[a] * int(n or 1) for a, n in parts)
    assert DRUGS[name].molar_mass == pytest.approx(total, abs=0.02)


def test_hydromorphone_is_an_isomer_of_morphine():
    assert DRUGS["hydromorphone"].molar_mass == DRUGS["morphine"].molar_mass


def test_lipophilicity_has_the_published_order():
    found = [DRUGS[name].octanol_water.value for name in OPIOIDS]
    assert found == [1.4, 2, 813, 1778]
    assert DRUGS["clonidine"].octanol_water is DRUGS["bupivacaine"].octanol_water is None


@pytest.mark.parametrize("name", ["hydromorphone", "sufentanil"])
def test_uptake_by_the_cord_lies_on_the_line_through_morphine_and_fentanyl(name):
    def point(drug):
        return np.log([drug.octanol_water.value, drug.parameters["cord_exchange_rate"].value])

    (x0, y0), (x1, y1) = point(DRUGS["morphine"]), point(DRUGS["fentanyl"])
    x, y = point(DRUGS[name])
    assert y == pytest.approx(y0 + (y1 - y0) * (x - x0) / (x1 - x0), abs=0.01)


def test_clonidine_disposition_follows_from_its_half_lives():
    v = values("clonidine")
    alpha, beta, clearance, steady = LN2 / (10.8 / 60), LN2 / 8.5, 0.219 * 60, 155.0
    volume = clearance / (alpha + beta - alpha * beta * steady / clearance)
    k10 = clearance / volume
    k21 = alpha * beta / k10
    k12 = alpha + beta - k10 - k21
    expected = {
        "clearance": clearance,
        "volume": volume,
        "intercompartmental_clearance": volume * k12,
        "peripheral_volume": steady - volume,
    }
    for name, number in expected.items():
        assert v[name] == pytest.approx(number, rel=2e-3), name


def test_bupivacaine_disposition_follows_from_its_last_half_life():
    v, beta = values("bupivacaine"), LN2 / (131 / 60)
    alpha = (v["clearance"] / v["volume"] - beta) / (1 - beta * 63 / v["clearance"])
    k10 = v["clearance"] / v["volume"]
    k12 = alpha + beta - k10 - alpha * beta / k10
    assert v["intercompartmental_clearance"] == pytest.approx(v["volume"] * k12, rel=2e-3)
    assert v["volume"] + v["peripheral_volume"] == pytest.approx(63)
    assert 9 < 60 * LN2 / alpha < 29  # observed 19 ± 10 min


@pytest.mark.parametrize(
    ("name", "minutes"), [("fentanyl", 3.694), ("sufentanil", 5.8), ("hydromorphone", 19.6)]
)
def test_the_brain_lags_as_long_as_the_effect(name, minutes):
    """An effect site, which takes nothing from plasma, peaks when the published effect does."""
    v = values(name)
    rate, times = v["brain_exchange_rate"], np.arange(0, 0.6, 1e-5)
    site = np.cumsum(_after_bolus(v, times) * np.exp(rate * times)) * np.exp(-rate * times)
    assert 60 * times[site.argmax()] == pytest.approx(minutes, rel=0.01)


def _after_bolus(v, times):
    """Plasma after a bolus into the compartments of the body alone."""
    rates, vectors = np.linalg.eig(systemic(v))
    return np.exp(np.outer(times, rates)) @ (vectors[0] * np.linalg.inv(vectors)[:, 0])


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_mostly_assumed_says_so_at_its_head(name):
    text = (reader.HOME / f"{name}.toml").read_text(encoding="utf-8")
    own = tomllib.loads(text)["parameters"]
    assumed = sum(p["confidence"] == "assumed" for p in own.values())
    assert ("MOSTLY ASSUMED" in text.split("name =")[0]) == (2 * assumed > len(own))


# ---------------------------------------------------------------------------------------- the doses

ROUTES = [(name, route) for name in NAMES for route in DRUGS[name].routes]


@pytest.mark.parametrize(
    ("name", "order", "meant"),
    [
        ("bupivacaine", "4 g/day intrathecal pump", "4 mg"),
        ("bupivacaine", "4 ug intrathecal bolus", "4 mg"),
        ("clonidine", "20 mg intrathecal bolus", "20 ug"),
        ("clonidine", "50 mg/day intrathecal pump", "50 ug"),
        ("clonidine", "150 mg oral q12h", "0.15 mg"),
        ("fentanyl", "25 mg intrathecal bolus", "25 ug"),
        ("fentanyl", "50 mg/day intrathecal pump", "50 ug"),
        ("fentanyl", "100 mg iv bolus", "0.1 mg"),
        ("hydromorphone", "100 mg intrathecal bolus", "0.1 mg"),
        ("hydromorphone", "4 ug oral q4h", "4 mg"),
        ("sufentanil", "10 mg intrathecal bolus", "10 ug"),
        ("sufentanil", "15 mg/day intrathecal pump", "15 ug"),
        ("sufentanil", "30 mg epidural bolus", "30 ug"),
    ],
)
def test_a_slip_of_the_unit_is_refused(name, order, meant):
    with pytest.raises(DrugError, match=f'did you mean "{meant}"'):
        simulate(name, order, [1.0])
    assert simulate(name, order, [1.0], intended=True).status == 0


@given(st.sampled_from(ROUTES), st.floats(0, 1), st.sampled_from([1e-3, 1.0, 1e3]))
def test_only_the_plausible_range_passes(which, position, slip):
    name, route = which
    low, high = DRUGS[name].routes[route].per_dose
    dose = slip * low ** (1 - position) * high**position
    order = f"{dose!r} mg {route}" + ("" if route == "oral" else " bolus")
    if slip == 1:
        DRUGS[name].check(order)
    else:
        with pytest.raises(DrugError, match=r"in one dose is .* plausible"):
            DRUGS[name].check(order)


@pytest.mark.parametrize("name", ["bupivacaine", "sufentanil"])
@pytest.mark.parametrize("form", ["oral", "oral modified"])
def test_a_drug_without_an_oral_form_refuses_it_with_orders_that_work(name, form):
    with pytest.raises(DrugError, match="no oral form") as error:
        DRUGS[name].check(f"5 mg {form} q12h", intended=True)
    orders = re.findall(r'"([^"]+)"', error.value.remedy)
    assert orders
    for order in orders:
        DRUGS[name].check(order)
    with pytest.raises(DrugError, match="no oral dose is equivalent"):
        DRUGS[name].ratio()


def test_bupivacaine_is_not_meant_for_a_vein():
    with pytest.raises(DrugError, match="no doses for this route, only epidural, intrathecal"):
        DRUGS["bupivacaine"].check("10 mg iv bolus")


@pytest.mark.parametrize("name", ["clonidine", "fentanyl"])
def test_no_ratio_is_made_up(name):
    with pytest.raises(DrugError, match=f"the file of {name} has no dose ratio"):
        DRUGS[name].ratio()


def test_ratios_of_hydromorphone():
    drug = DRUGS["hydromorphone"]
    intravenous = 1 / 0.04  # per intrathecal dose
    assert drug.ratio() == drug.ratio("nominal") == pytest.approx(intravenous * 7.5 / 1.5)
    assert drug.ratio("canadian_table") == pytest.approx(intravenous * 2)
    assert drug.presets["clinical_start"].n == 275
    low, high = drug.equivalence.range
    assert all(low <= p.ratio <= high for p in drug.presets.values())


# ------------------------------------------------------------------------------- every drug, in use


@pytest.mark.parametrize("name", NAMES)
def test_two_routes_compare(name):
    second = next(r for r in DRUGS[name].routes if r not in ("oral", "intrathecal"))
    low, high = DRUGS[name].routes[second].per_dose
    other = f"{(low * high) ** 0.5} mg {second} bolus"
    ds = compare(name, arms={"spinal": TYPICAL[name], "other": other}, times=[0, 1, 6], subjects=3)
    assert dict(ds.sizes)["arm"] == 2 and (ds.status == 0).all()
    assert (ds.concentration.isel(time=-1) > 0).all()
    assert ds.attrs["drug"] == name


@pytest.mark.parametrize(
    ("name", "ratio"), [("hydromorphone", None), ("clonidine", 5.0), ("fentanyl", 10.0)]
)
def test_oral_doses_convert(name, ratio):
    order = {"hydromorphone": "4 mg oral q4h x 6", "clonidine": "0.1 mg oral q12h x 4",
             "fentanyl": "0.2 mg oral q6h x 4"}[name]  # fmt: skip
    ds = compare(name, oral=order, ratio=ratio, times=[0, 24])
    assert (ds.status == 0).all()
    (oral,), (pump,) = Regimen.parse(order), Regimen.parse(ds.attrs["regimen_intrathecal"])
    assert 24 * pump.rate == pytest.approx(oral.daily_dose / (ratio or 125))


@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_shown_by_the_command(name):
    result = CliRunner().invoke(main, ["drugs", name], prog_name="pkmodel")
    assert result.exit_code == 0
    for parameter, p in DRUGS[name].parameters.items():
        assert re.search(
            rf"^  {parameter} +{re.escape(p.text)} .*{p.confidence}", result.output, re.MULTILINE
        )


@pytest.mark.parametrize("name", NAMES)
def test_references_are_cited(name):
    found = citation(name)
    assert len(found) > 4 and found[1:] == DRUGS[name].sources()


@pytest.mark.parametrize("synonym", ["Sublimaze", "Dilaudid", "Duraclon", "Sensorcaine", "Sufenta"])
def test_brand_names(synonym):
    assert Drug.read(synonym).name in NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("route", ["intrathecal", "epidural", "iv"])
def test_all_of_a_dose_leaves_through_plasma(name, route):
    model = DRUGS[name].segmented(6).model()
    v, dosed = model.resolve(), np.zeros(len(model.states))
    for entry in model.inputs_of(route):
        dosed[model.states.index(entry.entry)] += v.get(entry.bioavailability, 1.0)
    assert dosed.sum() == pytest.approx(1)
    amounts = -np.linalg.solve(model.rate_matrix(), dosed)
    auc = amounts[model.states.index("plasma")] / v["volume"]
    assert auc == pytest.approx(1 / v["clearance"], rel=1e-6)


# ------------------------------------------------- what the models make of published observations
# docs/drugs.md has the table, and says which of these a number of the file was set on.


@pytest.mark.parametrize(
    ("name", "clearance", "half_life"),
    [
        ("fentanyl", (0.52, 0.82), (323, 527)),  # Streisand 1991: mean ± SD, L/min and min
        ("sufentanil", (1.015 / 2, 2 * 1.603), (516 / 2, 2 * 702)),  # thoracotomy 1996: twofold
        ("clonidine", (0.120, 0.260), (420, 2220)),  # Duraclon label, epidural dose: mean ± SD
        ("bupivacaine", (0.42, 0.70), (98, 164)),  # Burm 1988, from which it is
        ("hydromorphone", (1.01, 1.01), (120, 180)),  # tablets: 2-3 h
    ],
)
def test_clearance_and_half_life_are_as_published(name, clearance, half_life):
    assert clearance[0] <= values(name)["clearance"] / 60 <= clearance[1]
    assert half_life[0] <= 60 * last_half_life(name) <= half_life[1]


def test_volumes_are_as_published():
    v = values("fentanyl")
    steady = v["volume"] + v["peripheral_volume"] + v["deep_peripheral_volume"]
    assert 208 < steady < 366  # 287 ± 79 L
    v = values("sufentanil")
    assert twofold(v["clearance"] * last_half_life("sufentanil") / LN2 / 70, 14.3)  # L/kg


def test_fentanyl_by_mouth_peaks_as_observed():
    height, minutes = peak("fentanyl", "1.05 mg oral")
    assert height == pytest.approx(1.6, abs=0.02) and minutes == pytest.approx(101, abs=1.5)
    height, minutes = peak(DRUGS["fentanyl"].variant("lozenge"), "1.05 mg oral")
    assert 2.0 < height < 4.0 and 19.5 < minutes < 24.5


def test_hydromorphone_by_mouth_peaks_as_observed():
    assert 48 <= round(peak("hydromorphone", "8 mg oral")[1]) <= 60
    assert 12 < peak("hydromorphone", "8 mg oral modified")[1] / 60 < 16


def test_clonidine_epidural_is_as_the_label_has_it():
    times, csf = curve("clonidine", "0.7 mg epidural bolus", "lumbar_csf", until=6, step=0.005)
    assert csf.max() == pytest.approx(418, rel=0.02)
    assert 60 * times[csf.argmax()] == pytest.approx(26, abs=1)
    assert half_life(times, csf, 1, 6) == pytest.approx(1.3, rel=0.05)
    height, minutes = peak("clonidine", "0.7 mg epidural bolus")
    assert twofold(height, 4.4) and minutes < 19 + 27


def test_clonidine_infusion_comes_to_rest_where_observed():
    plasma = simulate("clonidine", "30 ug/h epidural infusion over 336 h", [168, 335])
    for found, (mean, sd) in zip(
        1000 * plasma.concentration.sel(site="plasma").values, [(2.2, 1.1), (2.4, 1.4)], strict=True
    ):
        assert mean - sd < found < mean + sd


def test_half_of_bupivacaine_leaves_the_neuraxis_in_50_min():
    model = DRUGS["bupivacaine"].model()
    inside = [c for c in model.states if c == "brain" or "_csf" in c or "_cord_" in c]
    ds = simulate("bupivacaine", "10 mg intrathecal bolus", [50 / 60], amounts=True)
    assert ds.amount.sel(compartment=inside).sum().item() == pytest.approx(5, rel=0.03)


# ---------------------------------------------------------------------------- cerebrospinal fluid


def test_fentanyl_falls_behind_morphine_as_observed():
    order, at = "50 ug intrathecal bolus", [36 / 60, 103 / 60]
    morphine, fentanyl = (
        simulate(DRUGS[n].segmented(tip="L5-S1", sites=["csf L1-L2"]), order, at)
        .concentration.sel(site="csf L1-L2").values for n in ("morphine", "fentanyl")
    )  # fmt: skip
    assert morphine / fentanyl == pytest.approx([2, 4], rel=0.3)


@pytest.mark.parametrize("segments", [3, 30])
def test_lipophilic_opioids_leave_csf_faster(segments):
    found = [
        half_life(*curve(DRUGS[n].segmented(segments), TYPICAL[n], "lumbar_csf", 6, 0.05), 1, 5)
        for n in OPIOIDS
    ]
    assert found == sorted(found, reverse=True) and found[0] > 2 * found[2]


def test_morphine_reaches_the_neck_most_and_the_lipophilic_least():
    found = []
    for name in OPIOIDS:
        _, neck = curve(name, TYPICAL[name], "cervical_csf")
        found.append(neck.max() / dose_of(TYPICAL[name]))
    assert found == sorted(found, reverse=True) and found[0] > 3 * found[2]


def test_morphine_exposes_the_cord_most():
    """As in pigs, by dose (Ummenhofer 2000)."""
    found = {}
    for name in OPIOIDS:
        times, cord = curve(name, TYPICAL[name], "cord", until=48, step=0.05)
        found[name] = np.trapezoid(cord, times) / dose_of(TYPICAL[name])
    assert max(found, key=found.get) == "morphine"
    assert found["morphine"] > 3 * max(found["fentanyl"], found["sufentanil"])


@pytest.mark.parametrize("name", NAMES)
def test_lumbar_csf_is_far_above_plasma_after_an_intrathecal_dose(name):
    times, csf = curve(name, TYPICAL[name], "lumbar_csf")
    _, plasma = curve(name, TYPICAL[name])
    assert csf.max() > 100 * plasma.max()
    volume = values(name)["lumbar_csf_volume"]
    assert csf[0] < 1000 * dose_of(TYPICAL[name]) / volume
    assert half_life(times, csf, 1, 4) < 3


def test_what_the_models_miss():
    """As docs/drugs.md says; a model that comes to meet these needs a new line there."""
    ds = simulate("sufentanil", "2 ug/h epidural infusion over 72 h", [60])
    assert 1e6 * ds.concentration.sel(site="plasma").item() > 2 * 10.3  # pg/mL
    late = half_life(*curve("hydromorphone", "8 mg oral modified", until=48), 24, 48)
    assert late < 10.6 / 2
