"""Errors: what they print, and that they survive the way to another process."""

import pickle

import pytest

from pkmodel import errors
from pkmodel.errors import InputError, did_you_mean

CLASSES = [getattr(errors, name) for name in dir(errors) if name.endswith("Error")]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class(cls):
    error = cls("a is wrong", "b is wrong", given='"a b"', remedy='Write "c".')
    assert isinstance(error, InputError)
    assert isinstance(error, ValueError)
    assert error.faults == ("a is wrong", "b is wrong")
    assert str(error) == '"a b": a is wrong; b is wrong. Write "c".'
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cls
    assert (str(copy), copy.faults, copy.given, copy.remedy) == (
        str(error), error.faults, error.given, error.remedy,
    )  # fmt: skip


def test_without_given_and_remedy():
    assert str(InputError("a is wrong")) == "a is wrong."


def test_many_faults_are_a_list():
    text = str(InputError(*"abcde", given="table", remedy="Do."))
    assert text == "table: 5 faults\n  - a\n  - b\n  - c\n  - d\n  - e\nDo."


def test_did_you_mean():
    assert did_you_mean("Clearence", ["clearance", "volume"]) == ' (did you mean "clearance"?)'
    assert did_you_mean("x", ["clearance"]) == ""
