import numpy as np
import pytest

from pkmodel import Drug, equivalence, population, steady_state
from pkmodel.errors import DrugError, InputError, ParameterError
from pkmodel.regimen import Regimen


@pytest.mark.parametrize(
    ("oral", "ratio", "pump"),
    [
        ("60 mg oral q12h x 28", 300, "0.4 mg/day intrathecal pump for 14 d"),
        ("30 mg oral q8h for 2 d at 6 h", 90, "1 mg/day intrathecal pump for 2 d at 6 h"),
        ("60 mg oral q12h x 14 then 30 mg oral q12h x 14", 300,
         "0.4 mg/day intrathecal pump for 7 d then 0.2 mg/day intrathecal pump for 7 d"),
        ("60 mg oral q12h", 100, "1.2 mg/day intrathecal pump"),
        ("1 mg/kg oral q12h x 2", 10, "0.2 mg/kg/day intrathecal pump for 1 d"),
    ],
)  # fmt: skip
def test_convert(oral, ratio, pump):
    converted = equivalence.convert(oral, ratio)
    assert converted.end == Regimen.parse(oral).end
    assert converted == Regimen.parse(pump)


@pytest.mark.parametrize("ratio", [0, -1, np.nan, np.inf, [300], "300", None])
def test_convert_refuses_a_ratio(ratio):
    with pytest.raises(ParameterError, match="expected a number above 0"):
        equivalence.convert("60 mg oral q12h", ratio)


def test_convert_needs_a_daily_dose():
    with pytest.raises(InputError, match="given once"):
        equivalence.convert("60 mg oral", 300)


def test_plasma_implies_the_ratio_of_bioavailabilities():
    """All drug leaves from plasma, whatever way it came: AUC = F dose / clearance."""
    morphine = Drug.read("morphine")
    for f in (0.1, 0.24, 0.5):
        r = equivalence.implied(morphine, "60 mg oral q12h", parameters={"oral_bioavailability": f})
        ratio = r.implied_ratio.sel(site="plasma")
        np.testing.assert_allclose(ratio.sel(metric=["auc", "cavg"]), 1 / f, rtol=1e-12)
        assert ratio.sel(metric="cmax") < 1 / f


def test_lumbar_csf_implies_more_than_ten_thousand():
    r = equivalence.implied("morphine", "60 mg oral q12h").implied_ratio
    assert 10_000 < r.sel(site="lumbar_csf", metric="auc") < 72_000
    assert 3 < r.sel(site="plasma", metric="auc") < 4.5


def test_implied_ratio_does_not_depend_on_dose_or_interval():
    a = equivalence.implied("morphine", "60 mg oral q12h").implied_ratio
    b = equivalence.implied(
        "morphine", "15 mg oral q12h", "2 mg/day intrathecal pump"
    ).implied_ratio
    np.testing.assert_allclose(a, b, rtol=1e-12)
    c = equivalence.implied("morphine", "40 mg oral q8h").implied_ratio
    np.testing.assert_allclose(a.sel(metric="auc"), c.sel(metric="auc"), rtol=1e-12)
    np.testing.assert_array_less(a.sel(metric="cmax"), c.sel(metric="cmax"))


def test_the_implied_ratio_is_the_one_that_makes_exposures_equal():
    for site in ("plasma", "lumbar_csf", "cord", "brain"):
        r = float(
            equivalence.implied("morphine", "60 mg oral q12h").implied_ratio.sel(
                metric="auc", site=site
            )
        )
        oral = steady_state("morphine", "60 mg oral q12h").auc_tau.sel(site=site)
        pump = steady_state(
            "morphine", equivalence.convert("60 mg oral q12h", r), intended=True
        ).auc_tau
        assert pump.sel(site=site) / 2 == pytest.approx(float(oral), rel=1e-12)  # 24 h against 12 h


def test_every_subject_has_a_ratio():
    drawn = population.draw(Drug.read("morphine").model(), 20, seed=1)
    r = equivalence.implied("morphine", "60 mg oral q12h", parameters=drawn)
    assert r.implied_ratio.dims == ("metric", "subject", "site")
    np.testing.assert_allclose(
        r.implied_ratio.sel(metric="auc", site="plasma"), 1 / drawn.oral_bioavailability, rtol=1e-11
    )
    table = equivalence.report(r, 300)
    assert list(table.columns) == ["nominal", "implied", "p5", "p95", "test / reference exposure"]
    row = table.loc[("plasma", "auc")]
    assert row.p5 <= row.implied <= row.p95
    assert row["test / reference exposure"] == pytest.approx(row.implied / 300)


def test_what_a_ratio_rests_on():
    r = equivalence.implied("morphine", "60 mg oral q12h", parameters={"oral_bioavailability": 0.3})
    steady = steady_state("morphine", "60 mg oral q12h", parameters={"oral_bioavailability": 0.3})
    of_both = {"reference": "60 mg oral q12h", "test": "0.4 mg/day intrathecal pump"}
    carried = (
        "model",
        "drug",
        "drug_version",
        "sources",
        "parameters",
        "pkmodel_version",
        "semantics_version",
    )
    assert r.attrs == {**{name: steady.attrs[name] for name in carried}, **of_both}
    assert r.implied_ratio.attrs == {"long_name": "dose ratio that gives equal exposure"}
    assert r.status.attrs["flag_meanings"] == steady.status.attrs["flag_meanings"]


def test_doses_in_mol_and_per_kg():
    morphine = Drug.read("morphine")
    expected = equivalence.implied(morphine, "60 mg oral q12h")
    molar = equivalence.implied(morphine, "0.1 mmol oral q12h", "1 umol/day intrathecal pump")
    per_kg = equivalence.implied(morphine, "1 mg/kg oral q12h", parameters={"weight": [50.0, 80.0]})
    np.testing.assert_allclose(molar.implied_ratio, expected.implied_ratio, rtol=1e-12)
    for weight in per_kg.weight:
        np.testing.assert_allclose(
            per_kg.implied_ratio.sel(weight=weight), expected.implied_ratio, rtol=1e-12
        )
    with pytest.raises(InputError, match="same body size"):
        equivalence.implied(
            morphine, "1 mg/kg oral q12h", "1 mg/day intrathecal pump", {"weight": 70}
        )


def test_the_report_keeps_the_order_of_the_model():
    r = equivalence.implied("morphine", "60 mg oral q12h")
    rows = [(site, metric) for site in r.site.values for metric in r.metric.values]
    assert list(equivalence.report(r, 300).index) == rows
    many = equivalence.implied(
        "morphine", "60 mg oral q12h", parameters={"clearance": [60.0, 80.0]}
    )
    assert list(equivalence.report(many, 300).index) == rows


@pytest.mark.parametrize(
    ("name", "reference", "routes"),
    [
        ("morphine", "10 mg oral q12h", ("oral", "intrathecal")),
        ("clonidine", "0.1 mg oral q12h", ("oral", "intrathecal")),  # no ratio is published
        ("fentanyl", "0.2 mg/day iv infusion", ("iv", "intrathecal")),
        ("bupivacaine", "20 mg/day epidural infusion", ("epidural", "intrathecal")),
    ],
)
def test_usual_doses(name, reference, routes):
    drug = Drug.read(name)
    r = equivalence.implied(drug)
    assert (r.attrs["reference"], equivalence.pair(r)) == (reference, routes)
    published = [p.ratio for p in drug.published(*routes).values()]
    ratio = drug.ratio() if drug.equivalence else np.median(published or 1)
    assert r.attrs["test"] == str(equivalence.convert(reference, ratio))
    drug.check(r.attrs["reference"])
    drug.check(r.attrs["test"])


def test_size_of_a_default_dose_does_not_matter():
    small = equivalence.implied("morphine", "1 mg oral q12h")  # its pump is below the plausible
    large = equivalence.implied("morphine", "200 mg oral q12h")
    np.testing.assert_allclose(small.implied_ratio, large.implied_ratio, rtol=1e-9)


def test_a_model_has_no_usual_doses():
    with pytest.raises(InputError, match="no usual doses"):
        equivalence.implied(Drug.read("morphine").model())


def test_a_drug_that_is_only_given_intrathecally_has_no_usual_reference():
    with pytest.raises(DrugError, match="without an oral form"):
        equivalence.implied("ziconotide")
    r = equivalence.implied("ziconotide", "1 ug intrathecal bolus q6h")
    assert equivalence.pair(r) == ("intrathecal", "intrathecal")
    np.testing.assert_allclose(r.implied_ratio.sel(metric="auc"), 1.0, rtol=1e-9)


def test_routes_of_mixed_regimens():
    r = equivalence.implied(
        "morphine", "60 mg oral modified q12h + 5 mg iv bolus q12h", "3 mg epidural bolus q12h"
    )
    assert equivalence.pair(r) == ("oral + iv", "epidural")
    assert equivalence.pair(r.assign_attrs(test="1 mg/day into lumbar_csf_3 pump")) == (
        "oral + iv", "lumbar_csf_3")  # fmt: skip


def test_ziconotide_is_refused_with_a_sentence():
    with pytest.raises(DrugError, match="oral"):
        equivalence.implied("ziconotide", "1 ug oral q12h")


def test_targeting_follows_from_the_areas():
    oral, pump = "60 mg oral q12h", "0.4 mg/day intrathecal pump"
    ratios = equivalence.implied("morphine", oral, pump)
    indices = equivalence.targeting(ratios, toxicity="brain")
    a, b = (simulate_auc(order) for order in (pump, oral))  # at 0.4 and 120 mg/day
    gain = (a / 0.4) / (b / 120)
    np.testing.assert_allclose(indices.therapeutic_availability, gain, rtol=1e-9)
    np.testing.assert_allclose(
        indices.drug_targeting_index,
        (a / a.sel(site="brain")) / (b / b.sel(site="brain")),
        rtol=1e-9,
    )
    carried = b / b.sel(site="plasma") * a.sel(site="plasma")
    np.testing.assert_allclose(
        indices.direct_transport, 100 * (a - carried) / a, rtol=1e-9, atol=1e-9
    )
    assert indices.targeting_efficiency.sel(site="plasma") == 100
    with pytest.raises(InputError, match=r'no site "brian".*did you mean "brain"'):
        equivalence.targeting(ratios, toxicity="brian")


def simulate_auc(order):
    ds = steady_state("morphine", order)
    return ds.auc_tau * 24 / float(ds.attrs["interval"].split()[0])
