"""Errors: what they print, and that they survive the way to another process."""

import pickle

import pytest

from pkmodel import errors
from pkmodel.errors import (
    InputError,
    PackageError,
    ParameterError,
    did_you_mean,
    refuse_unknown,
    require,
)

FOUND = [getattr(errors, name) for name in dir(errors) if name.endswith("Error")]
CLASSES = [cls for cls in FOUND if cls is not PackageError]


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


def test_clauses_say_what_was_given():
    assert InputError("is wrong", "is late", given='"a"').clauses == (
        '"a": is wrong',
        '"a": is late',
    )
    assert InputError("a is wrong").clauses == ("a is wrong",)


def test_a_missing_package_is_named_with_the_line_that_installs_it():
    require("json", "cluster", "a store")
    line = r'a store needs no_such_package: pip install "pkmodel\[cluster\]"'
    with pytest.raises(PackageError, match=line) as caught:
        require("no_such_package", "cluster", "a store")
    assert isinstance(caught.value, ImportError) and not isinstance(caught.value, InputError)


def test_unknown_names_are_all_refused_at_once():
    known = [f"k{k}" for k in range(13)]
    with pytest.raises(ParameterError) as caught:
        refuse_unknown(["zzz", "k0", "pain"], known, lambda n: "no pain" if n == "pain" else "")
    assert caught.value.faults == ('unknown parameter "zzz"', "no pain")
    assert caught.value.remedy == f"The model has {', '.join(known[:12])}, and 1 more."
    for names in (["clearence"], ["pain"]):
        with pytest.raises(ParameterError) as caught:
            refuse_unknown(names, ["clearance"], lambda n: "no pain" if n == "pain" else "")
        assert caught.value.remedy == ""
    with pytest.raises(ParameterError, match="The model has no parameters"):
        refuse_unknown(["x"], [])
