import numpy as np
import pytest

from pkmodel import library
from pkmodel.errors import ModelError
from pkmodel.model import Parameter

MAMMILLARY = [library.one_compartment, library.two_compartment, library.three_compartment]


def neuraxial_values(groups=tuple(library.NEURAXIAL)):
    """Any positive values: structure, not physiology."""
    rng = np.random.default_rng(1)
    names = [n for g in groups for n in library.NEURAXIAL[g]]
    return {n: float(v) for n, v in zip(names, rng.uniform(0.05, 0.9, len(names)), strict=True)}


@pytest.mark.parametrize("depot", [False, True])
@pytest.mark.parametrize("build", MAMMILLARY)
def test_only_clearance_leaves_the_body(build, depot):
    model = build(depot=depot)
    loss = -model.rate_matrix().sum(axis=0)
    central = model.states.index("central")
    assert loss[central] == pytest.approx(5.0 / 50.0, rel=1e-14)
    np.testing.assert_allclose(np.delete(loss, central), 0, atol=1e-15)
    assert ("oral" in [i.route for i in model.inputs]) is depot


@pytest.mark.parametrize("build", MAMMILLARY)
def test_steady_volume_is_the_sum_of_volumes(build):
    model = build()
    K = model.rate_matrix()
    amounts = np.linalg.solve(-K, np.eye(len(K))[0])
    volumes = [model.resolve()[str(v)] for v in model.volumes.values()]
    np.testing.assert_allclose(amounts / volumes, amounts[0] / volumes[0], rtol=1e-13)


def test_neuraxial_loses_drug_from_plasma_only():
    model = library.neuraxial(**neuraxial_values())
    loss = -model.rate_matrix().sum(axis=0)
    np.testing.assert_allclose(np.delete(loss, model.states.index("plasma")), 0, atol=1e-15)


def test_neuraxial_csf_water_balances():
    """What flows into each level of CSF flows out of it: bulk flow alone leaves no net volume."""
    model = library.neuraxial(**neuraxial_values())
    p = model.resolve()
    spinal = p["csf_production"] * p["spinal_outflow_fraction"]
    outflow = sum(p[f"{level}_outflow"] for level in ("lumbar", "thoracic", "cervical"))
    assert p["cervical_inflow"] == pytest.approx(spinal, rel=1e-14)
    assert outflow == pytest.approx(spinal, rel=1e-14)
    assert p["cranial_outflow"] + spinal == pytest.approx(p["csf_production"], rel=1e-14)


def test_neuraxial_rests_at_its_ratios_without_bulk_flow():
    values = neuraxial_values() | {
        "csf_production": 0.0,
        "brain_csf_clearance": 0.0,
        "cord_exchange_rate": 0.0,
    }
    model = library.neuraxial(**values)
    K = model.rate_matrix()
    steady = np.linalg.solve(-K, np.eye(len(K))[model.states.index("plasma")])
    concentration = {
        site: sum(w * steady[i] for i, w in row)
        for site, row in zip(model.sites, model.output_terms(model.resolve()), strict=True)
    }
    for level in ("lumbar", "thoracic", "cervical", "cranial"):
        ratio = concentration[f"{level}_csf"] / concentration["plasma"]
        assert ratio == pytest.approx(values["csf_plasma_ratio"], rel=1e-12)
    for tissue in ("cord", "brain"):
        ratio = concentration[tissue] / concentration["plasma"]
        assert ratio == pytest.approx(values["brain_plasma_ratio"], rel=1e-12)


def test_neuraxial_groups():
    small = library.neuraxial(**neuraxial_values(["required"]))
    assert {"gut", "deep_peripheral", "epidural_fat"}.isdisjoint(small.states)
    assert [i.route for i in small.inputs] == ["iv", "epidural", "intrathecal"]


def test_neuraxial_names_what_is_missing():
    values = neuraxial_values()
    del values["csf_production"]
    del values["oral_lag"]
    with pytest.raises(ModelError) as error:
        library.neuraxial(**values, brain_volumes=1)
    for part in ('needs "csf_production"', 'needs "oral_lag"', 'did you mean "brain_volume"'):
        assert part in str(error.value)


def test_values_may_be_parameters_of_the_right_dimension():
    model = library.one_compartment(clearance=Parameter("cl", "5 L/h", cv=0.3))
    assert model.defaults["clearance"].cv == 0.3
    with pytest.raises(ModelError, match="clearance is a clearance, not a volume"):
        library.one_compartment(clearance=Parameter("v", "5 L"))


def test_fractions_end_at_one_and_ratios_do_not():
    values = neuraxial_values()
    model = library.neuraxial(**{**values, "brain_plasma_ratio": 3, "cord_csf_ratio": "2.5"})
    assert model.defaults["cord_csf_ratio"].dimension == "ratio"
    with pytest.raises(ModelError, match=r'oral_bioavailability is 24; .*: write "24 %"'):
        library.neuraxial(**{**values, "oral_bioavailability": 24})
    with pytest.raises(ModelError, match=r"bioavailability is 1\.5"):
        library.one_compartment(depot=True, bioavailability=Parameter("f", 1.5))
