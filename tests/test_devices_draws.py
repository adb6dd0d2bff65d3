"""Keyed random numbers: the same for any subset, order and length; uniform; independent of other keys."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pkmodel.devices.draws import subject_numbers, uniforms
from pkmodel.errors import ParameterError

KEY = (7, "stream", 0)


@given(
    st.lists(st.integers(0, 2**40), min_size=1, max_size=6, unique=True),
    st.integers(0, 20),
    st.integers(0, 20),
)
def test_subset_order_and_length_do_not_matter(subjects, short, more):
    numbers = np.array(subjects)
    whole = uniforms(numbers, short + more, KEY, "wait")
    assert np.array_equal(uniforms(numbers[::-1], short, KEY, "wait"), whole[::-1, :short])
    assert np.array_equal(uniforms(numbers[:1], short, KEY, "wait"), whole[:1, :short])


def test_numbers_are_uniform_and_independent():
    u = uniforms(np.arange(500), 40, KEY, "wait")
    assert 0 < u.min() < 1e-3 < 0.999 < u.max() < 1
    assert stats.kstest(u.ravel(), "uniform").pvalue > 0.01
    assert abs(np.corrcoef(u[:, 0], u[:, 1])[0, 1]) < 0.1
    assert abs(np.corrcoef(u[0], u[1])[0, 1]) < 0.5


@pytest.mark.parametrize(
    ("key", "name"),
    [((8, "stream", 0), "wait"), ((7, "other", 0), "wait"), ((7, "stream", 1), "wait"), (KEY, "x")],
)
def test_another_key_gives_other_numbers(key, name):
    numbers = np.arange(20)
    other, own = uniforms(numbers, 30, key, name), uniforms(numbers, 30, KEY, "wait")
    assert not (other == own).any()


def test_subject_numbers():
    assert subject_numbers(2).tolist() == [1, 2]
    assert subject_numbers(range(5, 8)).tolist() == [5, 6, 7]
    assert subject_numbers(np.array([9, 3], np.uint8)).tolist() == [9, 3]


@pytest.mark.parametrize("wrong", [0, -1, True, 2.5, None, [], [1, 1], [-1], ["a"], [[1, 2]]])
def test_subjects_that_are_none(wrong):
    with pytest.raises(ParameterError, match=r"expected a number of subjects, 1 or more, or their"):
        subject_numbers(wrong)
