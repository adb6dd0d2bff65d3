"""From a TOML file to a sweep, with every fault of the file at once."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pkmodel import units
from pkmodel.drugs import Drug
from pkmodel.drugs.reader import only_known, only_table
from pkmodel.errors import InputError, did_you_mean
from pkmodel.regimen import Regimen
from pkmodel.responses import asked
from pkmodel.responses.naming import of_response
from pkmodel.sweeps.design import Design, from_table, grid, latin_hypercube, sobol
from pkmodel.sweeps.plan import model_with
from pkmodel.sweeps.planning import ORDER, plan_of, setting

if TYPE_CHECKING:
    from pkmodel.model import Model

Build = Callable[[Mapping[str, Any]], Design]

REMEDY = "docs/sweeps.md shows every key and its form."


class Written(NamedTuple):
    """A sweep as it stands in a file: arguments of :func:`pkmodel.sweep`."""

    drug: str
    design: Design
    what: dict[str, Any]


def read(path: str | Path) -> Written:
    r"""Read the file of a sweep.

    Parameters
    ----------
    path : str or Path
        A TOML file. The drug file and the table of runs that it names lie relative to its folder.

    Returns
    -------
    Written
        ``drug``, ``design`` and the keyword arguments ``what`` of :func:`pkmodel.sweep`.

    Raises
    ------
    InputError
        With every fault of the file, by the keys.

    Examples
    --------
    >>> text = 'drug = "morphine"\noral = "60 mg oral q12h x 28"\n[design]\nkind = "grid"\nvalues.ratio = [30, 300]'
    >>> _ = Path("sweep.toml").write_text(text)
    >>> drug, design, what = read("sweep.toml")
    >>> design.sizes, what
    ({'ratio': 2}, {'oral': '60 mg oral q12h x 28'})
    """
    place = Path(path)
    reader = _Reader(_load(place), place.parent)
    found = reader.sweep()
    if reader.faults:
        raise InputError(*reader.faults, given=str(path), remedy=reader.remedy)
    return found


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", given=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"the file is not valid TOML: {error}",
            given=str(path),
            remedy='Text stands in quotes: oral = "60 mg oral q12h x 28".',
        ) from None


# ----------------------------------------------------------------------------------------- forms


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _quantity(value: Any) -> bool:
    return _text(value) or _number(value)


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and value >= least


def _several(one: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(one, value))


def _pair(value: Any) -> bool:
    return _several(_quantity)(value) and len(value) == 2


_FORMS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "drug": (_text, 'text, drug = "morphine"'),
    "oral": (_text, 'text, oral = "60 mg oral q12h x 28"'),
    "ratio": (_quantity, "a number, ratio = 300, or the name of a published ratio"),
    "metrics": (lambda value: value == [] or _several(_text)(value), 'texts, metrics = ["auc", "cmax"]'),
    "responses": (
        lambda value: value is True or _several(_text)(value),
        'texts, responses = ["analgesia"], or true for all that the drug file has numbers of',
    ),
    "window": (_pair, 'two times, window = ["312 h", "336 h"]'),
    "times": (_several(_quantity), 'times, times = ["324 h", "330 h", "336 h"]'),
    "sites": (_several(_text), 'texts, sites = ["plasma", "lumbar_csf"]'),
    "subjects": (_whole(1), "a whole number above 0, subjects = 200"),
    "seed": (_whole(0), "a whole number, seed = 1"),
    "quantiles": (_several(_number), "numbers, quantiles = [0.05, 0.5, 0.95]"),
    "segments": (_whole(1), "a whole number, segments = 30"),
    "tip": (_text, 'text, tip = "L3-L4"'),
    "variant": (_text, 'text, variant = "elderly"'),
    "intended": (lambda value: isinstance(value, bool), "true or false"),
}  # fmt: skip
_SECTIONS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "arms": (_text, '"60 mg oral q12h x 28"'),
    "settings": (_quantity, '"1.5 L/min"'),
}
_HOURS = ("window", "times")
_STANDS_IN: dict[str, Any] = {"window": (0.0, 24.0), "subjects": 1, "oral": ORDER, "ratio": 1.0}
"""What a faulty value is judged as, where its default would bring faults that are none."""
_OF_DOSES = frozenset({"oral", "arms", "ratio", "design"})
"""Keys without which doses cannot be judged."""
_DRUG = "morphine"
"""The drug that stands in for one that cannot be read."""
_OF_ALL = ("ratio", "segments", "tip", "oral")
"""What a design may vary of any drug."""

_OF_VALUES: dict[str, Build] = {
    "grid": lambda values: grid(**values),
    "table": from_table,
}
_DRAWN: dict[str, Callable[..., Design]] = {"latin hypercube": latin_hypercube, "sobol": sobol}
_KINDS = {
    "grid": ("values",),
    "latin hypercube": ("runs", "seed", "bounds"),
    "sobol": ("runs", "seed", "bounds"),
    "table": ("values", "file"),
}
_SHOWN = {
    "values": '[design.values] with csf_loss_rate = ["0.2 /h", "0.4 /h"]',
    "bounds": '[design.bounds] with ratio = [10, 300, "log"]',
    "runs": "a whole number above 0, runs = 1024",
    "seed": "a whole number, seed = 1",
    "file": 'the name of a table, file = "runs.csv"',
}


class _Reader:
    """Reads one table and collects its faults."""

    def __init__(self, table: dict[str, Any], folder: Path) -> None:
        self.table, self.folder = table, folder
        self.faults: list[str] = []
        self.wrong: set[str] = set()
        self.remedy = REMEDY

    def sweep(self) -> Written:
        only_known(self.table, (*_FORMS, *_SECTIONS, "design"), "", self.faults)
        what = {key: self.table[key] for key in _FORMS if self.formed(key)}
        place = self.place(what.pop("drug", ""))
        drug = self.attempt("drug", Drug.read, place) if place else None
        what |= {key: self.section(key) for key in _SECTIONS if key in self.table}
        self.orders(what, drug)
        if drug:
            wanted = self.attempt("responses", asked, drug, what.get("responses"))
            if "settings" in what:
                what["settings"] = self.settings(what["settings"], model_with(drug, wanted))
        what |= {key: self.hours(key, what[key]) for key in _HOURS if key in what}
        found = Written(place, self.design(self.table.get("design")), what)
        self.together(found if drug else self.of_another(found))
        return found

    def together(self, found: Written) -> None:
        """Judge whether all of it makes a sweep; what is wrong by itself is left out, or something stands in for it."""
        wrong, design = self.wrong, found.design
        own = {k: v for k, v in found.what.items() if k not in wrong or k == "settings"}
        own |= {key: value for key, value in _STANDS_IN.items() if key in wrong}
        if "arms" in wrong:
            own["arms"] = dict.fromkeys(_names(self.table["arms"]), ORDER)
        elif "design" in wrong and "oral" not in own and "arms" not in own:
            own["oral"] = ORDER
        if "responses" in wrong:
            design = design.without(of_response)
        if wrong & _OF_DOSES:
            own["intended"] = True
        try:
            plan_of(found.drug, design, **own)
        except InputError as error:
            if not self.faults and error.remedy:
                self.remedy = re.sub(
                    r"pass intended=True( \(.*?\))?", "write intended = true", error.remedy
                )
            self.faults += error.clauses

    def of_another(self, found: Written) -> Written:
        """The same of another drug, without what is the drug's own."""
        own = ("settings", "sites", "responses", "variant")
        what = {key: value for key, value in found.what.items() if key not in own}
        self.wrong |= {"oral", "arms", "ratio"} & what.keys()
        return Written(_DRUG, found.design.without(lambda name: name not in _OF_ALL), what)

    def fault(self, key: str, *faults: str) -> None:
        self.wrong.add(key.partition(".")[0])
        told = [f"{key}: {fault}" for fault in faults]
        self.faults += [fault for fault in told if fault not in self.faults]

    def attempt(self, key: str, call: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """What a function of the package makes of a value; None, and its faults by the key, if it refuses."""
        try:
            return call(*given, **named)
        except InputError as error:
            self.fault(key, *error.clauses)
            return None

    def formed(self, key: str) -> bool:
        """Whether a key is there, with a value of the form that is expected."""
        holds, expected = _FORMS[key]
        if key not in self.table:
            if key == "drug":
                self.fault(key, f"missing; write {expected}")
            return False
        if not holds(self.table[key]):
            self.fault(key, f"expected {expected}, not {self.table[key]!r}")
        return key not in self.wrong

    def place(self, drug: str) -> str:
        """A drug by its name, or its file from where the file of the sweep lies."""
        return str(self.folder / drug) if drug.endswith(".toml") else drug

    def section(self, key: str) -> dict[str, Any]:
        """The values of a table that have its form."""
        holds, example = _SECTIONS[key]
        if not only_table(self.table[key], key, self.faults):
            self.wrong.add(key)
            return {}
        bad = {name: value for name, value in self.table[key].items() if not holds(value)}
        for name, value in bad.items():
            self.fault(f"{key}.{name}", f"expected such as {example}, not {value!r}")
        return {name: value for name, value in self.table[key].items() if name not in bad}

    def orders(self, what: dict[str, Any], drug: Drug | None) -> None:
        mass = drug.molar_mass if drug else None
        if "oral" in what:
            self.attempt("oral", Regimen.parse, what["oral"], molar_mass=mass)
        for name, text in what.get("arms", {}).items():
            self.attempt(f"arms.{name}", Regimen.parse, text, molar_mass=mass)

    def settings(self, given: dict[str, Any], model: Model) -> dict[str, float]:
        """Parameters in internal units; numbers of responses only where these are right."""
        lost = "responses" in self.wrong
        names = [name for name in given if not (lost and of_response(name))]
        read = {n: self.attempt(f"settings.{n}", setting, n, given[n], model) for n in names}
        return {name: value for name, value in read.items() if value is not None}

    def hours(self, key: str, values: list[Any]) -> list[Any]:
        return [self.attempt(key, units.convert, value, "time") for value in values]

    # ----------------------------------------------------------------------------------- the design

    def design(self, table: Any) -> Design:
        """The design; if it is wrong, those parameters of it that are right."""
        if table is None:
            self.fault("design", 'missing; write [design] with kind = "grid"')
            return Design({})
        if not only_table(table, "design", self.faults):
            self.wrong.add("design")
            return Design({})
        kind = table.get("kind")
        if kind not in _KINDS:
            hint = did_you_mean(str(kind), _KINDS) if kind else ""
            given = f'unknown "{kind}"{hint}' if kind else "missing"
            self.fault("design.kind", f"{given}; one of {', '.join(_KINDS)}")
            return Design({})
        only_known(table, ("kind", *_KINDS[kind]), "design", self.faults)
        if kind in _DRAWN:
            return self.drawn(kind, table)
        if "file" in table and kind == "table":
            return self.table_of(table)
        return self.built(_OF_VALUES[kind], self.points("values", table))

    def built(self, build: Build, columns: Mapping[str, Any], alone: Build | None = None) -> Design:
        """A design of these columns; if they make none, each by itself, perhaps by another function."""
        if not columns:
            return Design({})
        whole = self.attempt("design", build, columns)
        if whole is not None:
            return whole
        tried = [
            self.attempt("design", alone or build, {name: values})
            for name, values in columns.items()
        ]
        right = [design for design in tried if design is not None]
        return Design(
            {name: values for design in right for name, values in design.columns.items()},
            dimensions={name: d for design in right for name, d in design.dimensions.items()},
        )

    def points(self, key: str, table: dict[str, Any]) -> dict[str, Any]:
        """Values or bounds by parameter."""
        found = table.get(key)
        if isinstance(found, dict) and found:
            return found
        self.fault(f"design.{key}", f"expected {_SHOWN[key]}")
        return {}

    def drawn(self, kind: str, table: dict[str, Any]) -> Design:
        bounds = dict(self.points("bounds", table))
        whole = {"runs": 1, "seed": 0}
        bad = [key for key, least in whole.items() if not _whole(least)(table.get(key))]
        for key in bad:
            self.fault(f"design.{key}", f"expected {_SHOWN[key]}, not {table.get(key)!r}")
        for name in [name for name in whole if name in bounds]:
            self.fault(f"design.bounds.{name}", "no parameter has this name")
            del bounds[name]
        if bad:
            return self.built(_two_runs, bounds)
        how = {"runs": table["runs"], "seed": table["seed"]}
        return self.built(lambda spans: _DRAWN[kind](**how, **spans), bounds, _two_runs)

    def table_of(self, table: dict[str, Any]) -> Design:
        """Runs in a file of their own, a column per parameter."""
        import pandas as pd

        if "values" in table or not _text(table["file"]):
            self.fault("design.file", f"expected {_SHOWN['file']}, in the place of values")
            return Design({})
        path = self.folder / table["file"]
        try:
            runs = pd.read_csv(path, skipinitialspace=True, keep_default_na=False)
        except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            self.fault("design.file", f"{path} cannot be read: {why}")
            return Design({})
        return self.built(from_table, {str(name): runs[name] for name in runs})


def _two_runs(bounds: Mapping[str, Any]) -> Design:
    """The bounds alone, by the ends of a small design."""
    return latin_hypercube(2, seed=0, **bounds)


def _names(arms: Any) -> tuple[str, ...]:
    """Names of arms that cannot be read."""
    return tuple(arms) if isinstance(arms, dict) and arms else ("first", "second")
