"""The registry of names, and the page of the documentation that lists them."""

import re
from pathlib import Path

import pytest

from pkmodel import Parameter, compare, equivalence, library, population, simulate, steady_state
from pkmodel.variables import DIMENSIONS, STATUS, VARIABLES, attributes, explain

ROOT = Path(__file__).resolve().parent.parent
NOMENCLATURE = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")


def test_attributes():
    assert attributes("concentration") == {
        "units": "mg/L",
        "long_name": "concentration of drug at the site",
    }
    assert attributes("time")["units"] == "h"
    assert attributes("site") == {"long_name": "site of measurement or effect"}
    with pytest.raises(KeyError):
        attributes("concentratoin")


def test_explain():
    assert [explain(code) for code in range(len(STATUS))] == [s.sentence for s in STATUS]
    assert explain(0) == "solved" and "negative" in explain(1)
    assert len({s.flag for s in STATUS}) == len(STATUS)


def test_no_name_is_both_a_variable_and_a_dimension():
    assert not VARIABLES.keys() & DIMENSIONS.keys()
    assert {d for v in VARIABLES.values() for d in v.dims} <= DIMENSIONS.keys()


# ------------------------------------------------------------------------------------- nomenclature


def table(heading):
    """Cells of the first table behind a heading of docs/results.md, without its head."""
    return cells(NOMENCLATURE.partition(f"## {heading}\n")[2])


def table_of(column):
    """The same of the table whose first column has this head."""
    return cells("|" + NOMENCLATURE.partition(f"\n| {column} |")[2])


def cells(part):
    lines = re.search(r"^\|.*?(?=^$|\Z)", part, re.MULTILINE | re.DOTALL)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_nomenclature_lists_the_variables():
    expected = [
        [f"`{name}`", ", ".join(v.dims), v.units.replace("1", ""), v.long_name]
        for name, v in VARIABLES.items()
    ]
    assert table("Variables") == expected


def test_nomenclature_lists_the_dimensions_in_their_order():
    expected = [[f"`{n}`", v.units.replace("1", ""), v.long_name] for n, v in DIMENSIONS.items()]
    assert table("Dimensions") == expected


def test_nomenclature_lists_the_statuses():
    expected = [[str(code), f"`{s.flag}`", s.sentence] for code, s in enumerate(STATUS)]
    assert table("Status") == expected


def test_nomenclature_lists_the_sites_and_compartments():
    rows = table("Sites and compartments")
    names = {name: row[1] == "yes" for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    everything = {n: 0.5 for group in library.NEURAXIAL.values() for n in group}
    model = library.neuraxial(**everything)
    first = {}
    for state in model.states:  # of every stretch of segments the page names the first
        first.setdefault(re.sub(r"_\d+$", "", state), state)
    assert set(names) == set(first.values())
    means = {n for row in table_of("site that is a mean") for n in re.findall(r"`(\w+)`", row[0])}
    assert {name for name, is_site in names.items() if is_site} | means == set(model.sites)


def results():
    oral = "60 mg oral q12h x 2"
    drawn = population.draw(
        library.one_compartment(clearance=Parameter("clearance", "5 L/h", cv=0.3)), 2, seed=1
    )
    return {
        "simulate": simulate("morphine", oral, [0, 24], auc=True, dose_factor={"oral": 1.0}),
        "steady_state": steady_state(
            "morphine", "60 mg oral q12h", [0], amounts=True, dose_factor={"oral": 1.0}
        ),
        "compare": compare("morphine", oral, subjects=2, times=[0, 24]),
        "equivalence.implied": equivalence.implied("morphine", "60 mg oral q12h"),
        "population.draw": drawn,
    }


def test_nomenclature_lists_the_attributes_and_who_writes_them():
    by_name = {}
    for names, functions, _ in table("Attributes"):
        for name in re.findall(r"`([^`]+)`", names):
            by_name[name] = set(re.findall(r"`([^`]+)`", functions))
    for function, ds in results().items():
        found = {re.sub("^regimen_.*", "regimen_<arm>", name) for name in ds.attrs}
        assert found == {n for n, functions in by_name.items() if function in functions}, function


def test_nomenclature_lists_what_every_function_gives():
    part = NOMENCLATURE.partition("| function | variables |")[2].partition("\n\n")[0]
    cells = dict(re.findall(r"^\| `([\w.]+)` \| (.*) \|$", part, re.MULTILINE))
    for function, ds in results().items():
        if function != "population.draw":
            named = set(re.findall(r"`(\w+)`", cells[function]))
            assert set(ds.data_vars) <= named, function
    assert set(cells) == {*results(), "nca.summary"}
