import numpy as np
import pytest

from pkmodel import library
from pkmodel.errors import ModelError
from pkmodel.model import Parameter

MAMMILLARY = [library.one_compartment, library.two_compartment, library.three_compartment]


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


def test_values_may_be_parameters_of_the_right_dimension():
    model = library.one_compartment(clearance=Parameter("cl", "5 L/h", cv=0.3))
    assert model.defaults["clearance"].cv == 0.3
    with pytest.raises(ModelError, match="clearance is a clearance, not a volume"):
        library.one_compartment(clearance=Parameter("v", "5 L"))


def test_fractions_end_at_one_and_ratios_do_not():
    values = {n: 0.2 for group in library.NEURAXIAL.values() for n in group}
    model = library.neuraxial(**{**values, "brain_plasma_ratio": 3, "cord_csf_ratio": "2.5"})
    assert model.defaults["cord_csf_ratio"].dimension == "ratio"
    with pytest.raises(ModelError, match=r'oral_bioavailability is 24; .* \("24 %" is 0.24\)'):
        library.neuraxial(**{**values, "oral_bioavailability": 24})
    with pytest.raises(ModelError, match=r"bioavailability is 1\.5"):
        library.one_compartment(depot=True, bioavailability=Parameter("f", 1.5))
