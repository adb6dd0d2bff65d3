import numpy as np
import pytest

from pkmodel import library, population
from pkmodel.errors import ParameterError
from pkmodel.model import Parameter


def model(**changes):
    return library.one_compartment(
        clearance=Parameter("clearance", "5 L/h", cv=0.3),
        volume=Parameter("volume", "50 L", cv=0.5),
        depot=True,
        bioavailability=Parameter("f", 0.24, cv=0.4, distribution="logit-normal"),
    ).with_parameters([], **changes)


def test_a_subset_has_the_same_numbers_to_the_bit():
    whole = population.draw(model(), 1000, seed=7)
    for ids in ([1], [1000, 3, 512], range(401, 433), [5, 4, 5]):
        part = population.draw(model(), ids, seed=7)
        assert part.identical(whole.sel(subject=list(ids)))


def test_another_parameter_leaves_the_others():
    fewer = library.one_compartment(clearance=Parameter("clearance", "5 L/h", cv=0.3))
    np.testing.assert_array_equal(
        population.draw(fewer, 50, seed=1).clearance, population.draw(model(), 50, seed=1).clearance
    )


@pytest.mark.parametrize("change", [{"seed": 2}, {"stream": "residual"}])
def test_another_key_gives_other_numbers(change):
    a = population.draw(model(), 20, **{"seed": 1})
    b = population.draw(model(), 20, **{"seed": 1, **change})
    assert (a.clearance != b.clearance).all()


def test_replicates_are_independent_and_keyed():
    two = population.draw(model(), 500, seed=3, replicates=2)
    assert two.clearance.dims == ("subject", "replicate")
    rho = np.corrcoef(np.log(two.clearance), rowvar=False)[0, 1]
    assert abs(rho) < 5 / np.sqrt(500)
    five = population.draw(model(), 500, seed=3, replicates=5)
    assert two.identical(five.isel(replicate=slice(2)))


def test_moments():
    n = 200_000
    ds = population.draw(model(), n, seed=11)
    eta = np.log(ds.clearance / 5)
    omega = np.sqrt(np.log(1.09))
    assert abs(float(eta.mean())) < 4 * omega / np.sqrt(n)
    assert float(eta.std()) == pytest.approx(omega, rel=0.01)
    assert float(ds.volume.std() / ds.volume.mean()) == pytest.approx(0.5, rel=0.02)
    assert float(ds.bioavailability.median()) == pytest.approx(0.24, rel=0.01)
    assert ds.bioavailability.min() > 0 and ds.bioavailability.max() < 1
    assert abs(np.corrcoef(ds.clearance, ds.volume)[0, 1]) < 0.02


def test_correlation_is_that_of_the_etas():
    ds = population.draw(model(correlations=(("clearance", "volume", 0.8),)), 100_000, seed=1)
    assert np.corrcoef(np.log(ds.clearance), np.log(ds.volume))[0, 1] == pytest.approx(
        0.8, abs=0.01
    )


def test_normal_numbers_pass_a_distribution_test():
    from scipy.stats import kstest

    z = population.standard_normal(np.arange(1, 20_001), 1, "between-subject", "clearance")
    assert kstest(z, "norm").pvalue > 0.001


def test_golden_bits():
    """The generator's words for one key, so that no release changes the draws unseen."""
    bits = population._bits(np.array([1, 2], np.uint64), 5, 3)
    whole = population._bits(np.array([1, 2], np.uint64), 0, 8)
    np.testing.assert_array_equal(bits, whole[5:])
    reference = np.random.Philox(key=np.array([1, 2], np.uint64)).random_raw(8)
    np.testing.assert_array_equal(whole, reference)


def test_refusals():
    with pytest.raises(ParameterError, match="no parameter of the model"):
        population.draw(library.one_compartment(), 10, seed=1)
    with pytest.raises(ParameterError, match="subjects=0"):
        population.draw(model(), 0, seed=1)
    contradiction = (("clearance", "volume", 0.9), ("clearance", "bioavailability", 0.9),
                     ("volume", "bioavailability", -0.9))  # fmt: skip
    with pytest.raises(ParameterError, match="contradict"):
        population.draw(model(correlations=contradiction), 10, seed=1)
