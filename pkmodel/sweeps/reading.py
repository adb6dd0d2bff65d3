"""From a TOML file to a sweep, with every fault of the file at once."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable
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
from pkmodel.sweeps.planning import plan_of, setting

if TYPE_CHECKING:
    from pkmodel.model import Model

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
    if reader.faults or found is None:
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
_BASIS = frozenset({"drug", "oral", "arms", "ratio", "design", "responses"})
"""Keys without which the others cannot be judged together."""
_STANDS_IN: dict[str, Any] = {"window": (0.0, 24.0), "subjects": 1}
"""What a faulty value is judged as, where its default would bring faults that are none."""

_OF_VALUES: dict[str, Callable[[dict[str, Any]], Design]] = {
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

    def sweep(self) -> Written | None:
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
        design = self.design(self.table.get("design"))
        if drug is None or design is None:
            return None
        found = Written(place, design, what)
        if not self.wrong & _BASIS:
            self.together(found)
        return found

    def together(self, found: Written) -> None:
        """Judge whether all of it makes a sweep; what is wrong by itself is left out."""
        own = {key: value for key, value in found.what.items() if key not in self.wrong}
        own |= {key: value for key, value in _STANDS_IN.items() if key in self.wrong}
        try:
            plan_of(found.drug, found.design, **own)
        except InputError as error:
            if not self.faults and error.remedy:
                self.remedy = re.sub(
                    r"pass intended=True( \(.*?\))?", "write intended = true", error.remedy
                )
            self.faults += error.clauses

    def fault(self, key: str, *faults: str) -> None:
        self.wrong.add(key.partition(".")[0])
        self.faults += [f"{key}: {fault}" for fault in faults]

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

    def design(self, table: Any) -> Design | None:
        if table is None:
            self.fault("design", 'missing; write [design] with kind = "grid"')
            return None
        if not only_table(table, "design", self.faults):
            return None
        kind = table.get("kind")
        if kind not in _KINDS:
            hint = did_you_mean(str(kind), _KINDS) if kind else ""
            given = f'unknown "{kind}"{hint}' if kind else "missing"
            self.fault("design.kind", f"{given}; one of {', '.join(_KINDS)}")
            return None
        only_known(table, ("kind", *_KINDS[kind]), "design", self.faults)
        if kind in _DRAWN:
            return self.drawn(kind, table)
        if "file" in table and kind == "table":
            return self.table_of(table)
        values = self.points("values", table)
        return self.attempt("design", _OF_VALUES[kind], values) if values else None

    def points(self, key: str, table: dict[str, Any]) -> dict[str, Any] | None:
        """Values or bounds by parameter."""
        found = table.get(key)
        if isinstance(found, dict) and found:
            return found
        self.fault(f"design.{key}", f"expected {_SHOWN[key]}")
        return None

    def drawn(self, kind: str, table: dict[str, Any]) -> Design | None:
        bounds = self.points("bounds", table)
        whole = {"runs": 1, "seed": 0}
        bad = [key for key, least in whole.items() if not _whole(least)(table.get(key))]
        for key in bad:
            self.fault(f"design.{key}", f"expected {_SHOWN[key]}, not {table.get(key)!r}")
        taken = [name for name in whole if bounds and name in bounds]
        for name in taken:
            self.fault(f"design.bounds.{name}", "no parameter has this name")
        if bounds is None or bad or taken:
            return None
        draw = _DRAWN[kind]
        return self.attempt("design", draw, table["runs"], seed=table["seed"], **bounds)

    def table_of(self, table: dict[str, Any]) -> Design | None:
        """Runs in a file of their own, a column per parameter."""
        import pandas as pd

        if "values" in table or not _text(table["file"]):
            self.fault("design.file", f"expected {_SHOWN['file']}, in the place of values")
            return None
        path = self.folder / table["file"]
        try:
            runs = pd.read_csv(path, skipinitialspace=True, keep_default_na=False)
        except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            self.fault("design.file", f"{path} cannot be read: {why}")
            return None
        return self.attempt("design", from_table, runs)
