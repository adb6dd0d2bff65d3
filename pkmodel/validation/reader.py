"""From a TOML file to clinical cases, with every fault of the file at once."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pkmodel import units
from pkmodel.drugs.reader import only_known
from pkmodel.errors import InputError, RegimenError, UnitError, did_you_mean
from pkmodel.regimen import Regimen
from pkmodel.validation.observables import ARGUMENTS, KINDS
from pkmodel.validation.places import REGIONS, is_place, place_of_tip
from pkmodel.validation.schema import (
    CONFIDENCE,
    GATES,
    SPREADS,
    Case,
    Collection,
    Contradiction,
    CurveName,
    Dose,
    Observation,
    Span,
)

PACKAGED = Path(__file__).parent / "cases.toml"

_INHERITED = ("source", "confidence", "gate", "not_run")
_TOP = ("version", "cases", "contradictions", "sources")
_CASE = ("title", "population", "sampling", "until", "calibration", "doses", "observed", "note",
         *_INHERITED)  # fmt: skip
_DOSE = ("drug", "order", "tip", "n", "settings", "note")
_TARGETS = ("value", "below", "above", "between")
_OBSERVED = ("kind", "dose", "place", "substance", *ARGUMENTS, "versus", "per_dose", *_TARGETS,
             "spread", "band", "fold", "n", "note", *_INHERITED)  # fmt: skip
_CONTRADICTION = ("topic", "members", "handling")
_NOWHERE = (math.nan, math.nan)


def load(path: str | Path = PACKAGED) -> Collection:
    """Read a file of clinical cases.

    Parameters
    ----------
    path : str or Path
        A TOML file; by default that of the package.

    Returns
    -------
    Collection

    Raises
    ------
    InputError
        A file that cannot be read, or with faults, all of which are listed by their keys.

    Examples
    --------
    >>> load().cases["V1"].title
    'Sjöström 1987: morphine 0.3 mg intrathecal'
    """
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", given=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the file is not valid TOML: {error}", given=str(path)) from None
    reader = _Reader(table)
    found = reader.collection()
    if reader.faults:
        raise InputError(
            *reader.faults,
            given=str(path),
            remedy="docs/validation.md shows every key and its form.",
        )
    return found


class _Reader:
    """Reads one table and collects its faults."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.table = table
        self.faults: list[str] = []
        self.sources = self.section(table, "sources", "")
        for key, reference in self.sources.items():
            if not isinstance(reference, str) or not reference.strip():
                self.faults.append(f"sources.{key}: expected a full reference as text")

    def collection(self) -> Collection:
        self.known(self.table, _TOP, "")
        tables = self.tables(self.table, "cases", "", _CASE)
        cases = {name: self.case(name, table) for name, table in tables.items()}
        rows = self.tables(self.table, "contradictions", "", _CONTRADICTION).items()
        against = tuple(self.contradiction(key, table, cases) for key, table in rows)
        return Collection(self.text(self.table, "version", ""), cases, against)

    def tables(
        self, table: dict[str, Any], key: str, path: str, keys: Iterable[str]
    ) -> dict[str, dict[str, Any]]:
        """The tables of a section that have only keys that are known."""
        found = self.section(table, key, path)
        return {n: t for n, t in found.items() if self.known(t, keys, f"{path}{key}.{n}")}

    def section(self, table: dict[str, Any], key: str, path: str) -> dict[str, Any]:
        found = table.get(key, {})
        if isinstance(found, dict):
            return found
        self.faults.append(f"{path}{key}: expected a table, [{path}{key}]")
        return {}

    def known(self, table: Any, keys: Iterable[str], path: str) -> bool:
        """Whether this is a table, after naming the keys it should not have."""
        return only_known(table, keys, path, self.faults)

    def text(self, table: dict[str, Any], key: str, path: str, required: bool = True) -> str:
        text = table.get(key, "")
        if not isinstance(text, str) or (required and not text.strip()):
            where = f"{path}.{key}" if path else key
            self.faults.append(f'{where}: expected text, {key} = "..."')
        return str(text)

    def flag(self, table: dict[str, Any], key: str, path: str) -> bool:
        value = table.get(key, False)
        if not isinstance(value, bool):
            self.faults.append(f"{path}.{key}: expected true or false, not {value!r}")
        return value is True

    def count(self, table: dict[str, Any], path: str, default: int = 0) -> int:
        n = table.get("n", default)
        if not isinstance(n, int) or n < 0:
            self.faults.append(f"{path}.n: expected the number of subjects, not {n!r}")
            return 0
        return n

    def one_of(self, word: Any, known: Iterable[str], path: str) -> bool:
        known = list(known)
        if word in known:
            return True
        given = f'unknown "{word}"{did_you_mean(str(word), known)}' if word else "missing"
        self.faults.append(f"{path}: {given}; one of {', '.join(known)}")
        return False

    # ------------------------------------------------------------------------------------ a case

    def case(self, name: str, table: dict[str, Any]) -> Case:
        path = f"cases.{name}"
        title, population, sampling = (
            self.text(table, key, path) for key in ("title", "population", "sampling")
        )
        doses = {
            key: self.dose(key, t, f"{path}.doses.{key}")
            for key, t in self.tables(table, "doses", f"{path}.", _DOSE).items()
        }
        until = self.quantity(table.get("until"), "time", f"{path}.until")
        own = {key: table[key] for key in _INHERITED if key in table}
        observed = {
            key: found
            for key, t in self.tables(table, "observed", f"{path}.", _OBSERVED).items()
            if (found := self.observation(name, key, {**own, **t}, doses, until))
        }
        for key in ("doses", "observed"):
            if not table.get(key):
                self.faults.append(f"{path}.{key}: missing; write [{path}.{key}.<name>]")
        calibration = self.flag(table, "calibration", path)
        note = self.text(table, "note", path, required=False)
        return Case(name, title, population, sampling, until, calibration, doses, observed, note)

    def dose(self, name: str, table: dict[str, Any], path: str) -> Dose:
        drug, order = (self.text(table, key, path) for key in ("drug", "order"))
        tip, note = (self.text(table, key, path, required=False) for key in ("tip", "note"))
        if tip and not is_place(place_of_tip(tip)):
            self.faults.append(
                f'{path}.tip: "{tip}" is no place; expected such as "L3-L4" or "lumbar"'
            )
        try:
            routes = Regimen.parse(order).routes if order else ()
        except RegimenError as error:
            self.faults.append(f"{path}.order: {error}")
            routes = ()
        if {"intrathecal", "epidural"} & set(routes) and not tip:
            self.faults.append(
                f'{path}.tip: missing; where catheter or needle ended, tip = "L3-L4"'
            )
        settings = self.section(table, "settings", f"{path}.")
        for key in settings:
            self.text(settings, key, f"{path}.settings")
        return Dose(name, drug, order, tip, self.count(table, path), settings, note)

    # ----------------------------------------------------------------------------- an observation

    def observation(
        self, case: str, name: str, table: dict[str, Any], doses: dict[str, Dose], until: float
    ) -> Observation | None:
        path = f"cases.{case}.observed.{name}"
        kind = str(table.get("kind", ""))
        if not self.one_of(kind, KINDS, f"{path}.kind"):
            return None
        dose = self.dose_of(table, doses, path)
        place = self.place(table.get("place"), f"{path}.place")
        versus = self.versus(table.get("versus"), dose, doses, path)
        relative = versus is not None and not KINDS[kind].of_ratio
        dimension, unit, target = self.target(
            table, "ratio" if relative else KINDS[kind].dimension, path
        )
        spread, spread_text = self.spread(table.get("spread"), target, dimension, path)
        trust = table.get("confidence", "")
        self.one_of(trust, CONFIDENCE, f"{path}.confidence")
        not_run = self.text(table, "not_run", path, required=KINDS[kind].compute is None)
        return Observation(
            case,
            name,
            kind,
            dose,
            place,
            self.text(table, "substance", path, required=False),
            self.arguments(table, kind, until, path),
            versus,
            self.flag(table, "per_dose", path),
            dimension,
            unit,
            target,
            "value" in table,
            spread,
            spread_text,
            table.get("gate", ""),
            self.band(table, target, spread, dimension, path),
            self.source(table, path),
            trust,
            self.count(table, path, doses[dose].n if dose in doses else 0),
            self.text(table, "note", path, required=self.needs_note(table)),
            not_run,
        )

    def needs_note(self, table: dict[str, Any]) -> bool:
        """Whether a number needs words: it is no one's measurement, or it is not judged."""
        return table.get("confidence") in ("derived", "assumed") or table.get("gate") == "-"

    def dose_of(self, table: dict[str, Any], doses: dict[str, Dose], path: str) -> str:
        """The arm; the only one need not be named."""
        name = str(table.get("dose", next(iter(doses)) if len(doses) == 1 else ""))
        self.one_of(name, doses, f"{path}.dose")
        return name

    def place(self, text: Any, path: str) -> str:
        if not isinstance(text, str) or not is_place(text):
            known = ", ".join(REGIONS)
            self.faults.append(
                f'{path}: {text!r} is no place; one of {known}, or a level, "CSF C7-T1"'
            )
        return str(text)

    def versus(self, table: Any, dose: str, doses: dict[str, Dose], path: str) -> CurveName | None:
        path = f"{path}.versus"
        if table is None or not self.known(table, CurveName._fields, path):
            return None
        other = str(table.get("dose", dose))
        self.one_of(other, doses, f"{path}.dose")
        place = self.place(table.get("place"), f"{path}.place")
        return CurveName(other, place, self.text(table, "substance", path, required=False))

    def arguments(
        self, table: dict[str, Any], kind: str, until: float, path: str
    ) -> dict[str, float]:
        needs, may_have = KINDS[kind].needs, KINDS[kind].may_have
        given = [key for key in ARGUMENTS if key in table]
        self.faults += [f"{path}.{k}: missing; {kind} needs it" for k in needs if k not in given]
        foreign = [key for key in given if key not in (*needs, *may_have)]
        self.faults += [f"{path}.{key}: {kind} has no such argument" for key in foreign]
        found = {k: self.quantity(table[k], ARGUMENTS[k], f"{path}.{k}") for k in given}
        late = [k for k in ("at", "from", "to") if found.get(k, 0.0) > until]
        self.faults += [f"{path}.{k}: {table[k]} is behind the end of the case" for k in late]
        if found.get("from", 0.0) >= found.get("to", math.inf):
            self.faults.append(f"{path}.to: the window ends before it begins")
        return found

    def quantity(self, text: Any, dimension: str, path: str) -> float:
        if not isinstance(text, str):
            self.faults.append(f"{path}: expected text with a unit, not {text!r}")
            return math.nan
        try:
            return float(units.convert(text, dimension))
        except UnitError as error:
            self.faults.append(f'{path}: "{text}": {"; ".join(error.faults)}')
            return math.nan

    def target(self, table: dict[str, Any], dimension: str, path: str) -> tuple[str, str, Span]:
        """Dimension, unit and bounds of what was published."""
        given = [key for key in _TARGETS if key in table]
        if len(given) != 1:
            words = ", ".join(given) or "none"
            self.faults.append(f"{path}: expected one of {', '.join(_TARGETS)}, not {words}")
            return dimension, "", _NOWHERE
        key, value = given[0], table[given[0]]
        texts = value if isinstance(value, list) else [value]
        if len(texts) != (2 if key == "between" else 1) or not isinstance(texts[0], str):
            wanted = "two texts" if key == "between" else "a text"
            self.faults.append(f"{path}.{key}: expected {wanted} with a unit, not {value!r}")
            return dimension, "", _NOWHERE
        try:
            unit = units.split(texts[0])[1]
            dimension = dimension or units.dimension_of(unit)
        except UnitError as error:
            self.faults.append(f"{path}.{key}: {error}")
            return dimension, "", _NOWHERE
        numbers = [self.quantity(text, dimension, f"{path}.{key}") for text in texts]
        low = 0.0 if key == "below" else numbers[0]
        high = math.inf if key == "above" else numbers[-1]
        if low > high:
            self.faults.append(f"{path}.{key}: the lower value comes first")
        return dimension, unit, (low, high)

    def spread(
        self, given: Any, target: Span, dimension: str, path: str
    ) -> tuple[Span | None, str]:
        """Lowest and highest value of the published spread, and its text."""
        if given is None:
            return None, ""
        kind, *texts = given if isinstance(given, list) and given else [""]
        if not self.one_of(kind, SPREADS, f"{path}.spread"):
            return None, ""
        if len(texts) != SPREADS[kind]:
            self.faults.append(
                f"{path}.spread: {kind} has {SPREADS[kind]} numbers, not {len(texts)}"
            )
            return None, ""
        words = f"{kind} {' to '.join(map(str, texts))}"
        of = "fraction" if kind == "CV" else dimension
        numbers = [self.quantity(text, of, f"{path}.spread") for text in texts]
        if len(numbers) == 2:
            return (numbers[0], numbers[1]), words
        half = numbers[0] * (target[0] if kind == "CV" else 1.0)
        return (max(0.0, target[0] - half), target[1] + half), words

    def band(
        self, table: dict[str, Any], target: Span, spread: Span | None, dimension: str, path: str
    ) -> Span | None:
        """The pass band: as given, within so many fold, or what the gate says."""
        gate = table.get("gate", "")
        if not self.one_of(gate, GATES, f"{path}.gate"):
            return None
        if gate == "-":
            extra = [key for key in ("band", "fold") if key in table]
            self.faults += [f'{path}.{key}: gate "-" judges nothing' for key in extra]
            return None
        given = table.get("band")
        if given is not None:
            if not isinstance(given, list) or len(given) != 2:
                self.faults.append(
                    f"{path}.band: expected the lowest and the highest value, [low, high]"
                )
                return None
            low, high = (self.quantity(text, dimension, f"{path}.band") for text in given)
            return low, high
        fold = table.get("fold", 2.0 if gate == "B" else None)
        if fold is not None:
            if isinstance(fold, bool) or not isinstance(fold, int | float) or not fold >= 1:
                self.faults.append(f"{path}.fold: expected a number from 1, not {fold!r}")
                return None
            return target[0] / fold, target[1] * fold
        if gate == "A" and spread:
            return spread
        if KINDS[table["kind"]].compute is not None:
            self.faults.append(f"{path}.band: missing; gate {gate} needs a band here")
        return None

    def source(self, table: dict[str, Any], path: str) -> tuple[str, ...]:
        keys = table.get("source")
        if not isinstance(keys, list) or not keys:
            self.faults.append(f'{path}.source: missing; list keys of [sources], source = ["..."]')
            return ()
        for key in (key for key in keys if key not in self.sources):
            near = did_you_mean(str(key), self.sources)
            self.faults.append(f'{path}.source: "{key}" is not in [sources]{near}')
        return tuple(self.sources[key] for key in keys if key in self.sources)

    # ------------------------------------------------------------------------------ contradictions

    def contradiction(
        self, key: str, table: dict[str, Any], cases: dict[str, Case]
    ) -> Contradiction:
        path = f"contradictions.{key}"
        known = [f"{case}.{name}" for case, c in cases.items() for name in c.observations]
        members = table.get("members")
        if not isinstance(members, list) or len(members) < 2:
            self.faults.append(f'{path}.members: expected two or more, ["V1.csf_peak", ...]')
            members = []
        for member in members:
            self.one_of(member, known, f"{path}.members")
        pairs = tuple((m.partition(".")[0], m.partition(".")[2]) for m in map(str, members))
        topic, handling = (self.text(table, key, path) for key in ("topic", "handling"))
        return Contradiction(topic, pairs, handling)
