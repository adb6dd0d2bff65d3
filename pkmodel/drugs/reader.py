"""From a TOML file to the records of a drug, with every fault of the file at once."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Container, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pkmodel import units
from pkmodel.drugs.schema import CONFIDENCE, Equivalence, Limits, Preset, Refusal, Sourced, Variant
from pkmodel.errors import DrugError, UnitError, did_you_mean
from pkmodel.library import DIMENSIONS, NEURAXIAL, SEGMENTED

HOME = Path(__file__).parent
PHYSIOLOGY = "physiology"
DISTRIBUTIONS = ("log-normal", "logit-normal")
ROUTES = ("oral", "iv", "epidural", "intrathecal")

_NUMBER = ("value", "source", "confidence", "note")
_PARAMETER = ("value", "cv", "cv_confidence", "distribution", *_NUMBER[1:], "population")
_LIMITS = ("per_dose", "per_day", "max_concentration", *_NUMBER[1:])
_EQUIVALENCE = ("reference", "test", "nominal", "range", "presets", *_NUMBER[1:])
_PRESET = ("ratio", "range", "design", "n", *_NUMBER[1:])
_REFUSAL = ("reason", "remedy", "source", "confidence")
_TEXTS = ("name", "version", "indication")
_TABLES = ("parameters", "segmented", "routes", "refused", "equivalence", "variants", "sources")
_TOP = (*_TEXTS, "synonyms", "molar_mass", "octanol_water", *_TABLES)
_NAMES = tuple(n for group in NEURAXIAL.values() for n in group)
_SEGMENTED = tuple(n for group in SEGMENTED.values() for n in group)
_ALL = tuple(dict.fromkeys((*_NAMES, *_SEGMENTED)))


def load(path: Path) -> dict[str, Any]:
    """Read the TOML of a drug file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DrugError(
            f"the file cannot be read: {error.strerror}",
            given=str(path),
            remedy='Give the name of a drug, or the path of a drug file: Drug.read("my_drug.toml").',
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DrugError(
            f"the file is not valid TOML: {error}",
            given=str(path),
            remedy='Text stands in quotes: value = "5 L/h".',
        ) from None


def read(path: Path) -> dict[str, Any]:
    """Fields of the drug in a file.

    Parameters
    ----------
    path : Path
        A drug file.

    Returns
    -------
    dict
        Fields of ``Drug``.

    Raises
    ------
    DrugError
        With every fault of the file: the key, what was expected, and how to repair it.
    """
    table = load(path)
    reader = _Reader(table)
    fields = reader.drug(_physiology())
    if reader.faults:
        raise DrugError(
            *reader.faults, given=str(path), remedy="docs/drugs.md shows every key and its form."
        )
    return {**fields, "path": str(path)}


class Physiology(NamedTuple):
    """What no drug file needs to give: numbers of both models, and other sets of them."""

    parameters: dict[str, Sourced]
    segmented: dict[str, Sourced]
    variants: dict[str, Variant]


@lru_cache
def _physiology() -> Physiology:
    path = HOME / f"{PHYSIOLOGY}.toml"
    reader = _Reader(load(path))
    found = Physiology(
        reader.parameters(reader.section("parameters"), "parameters", _NAMES),
        reader.parameters(reader.section("segmented"), "segmented", _SEGMENTED),
        reader.variants(),
    )
    if reader.faults:
        raise DrugError(*reader.faults, given=str(path))
    return found


class _Reader:
    """Reads one table and collects its faults."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.table = table
        self.faults: list[str] = []
        self.sources = self.section("sources")
        for key, reference in self.sources.items():
            if not isinstance(reference, str) or not reference.strip():
                self.faults.append(f"sources.{key}: expected a full reference as text")

    def drug(self, physiology: Physiology) -> dict[str, Any]:
        top = self.table
        self.known(top, _TOP, "")
        texts = {key: self.text(top, key, "", required=key != "indication") for key in _TEXTS}
        parameters, segmented = self.models(physiology)
        molar_mass = self.number("molar_mass", top.get("molar_mass"), "molar_mass", "molar_mass")
        octanol = top.get("octanol_water")
        return {
            **texts,
            "synonyms": tuple(top.get("synonyms", ())),
            "molar_mass": molar_mass.value if molar_mass else math.nan,
            "octanol_water": octanol
            and self.number("octanol_water", octanol, "octanol_water", "ratio"),
            "parameters": parameters,
            "segmented_parameters": segmented,
            "routes": {n: self.limits(n, t) for n, t in self.section("routes").items()},
            "refused": {n: self.refusal(n, t) for n, t in self.section("refused").items()},
            "equivalence": self.equivalence(top["equivalence"]) if "equivalence" in top else None,
            "variants": {**physiology.variants, **self.variants()},
            "references": tuple(self.sources.values()),
        }

    def section(self, key: str) -> dict[str, Any]:
        found = self.table.get(key, {})
        if isinstance(found, dict):
            return found
        self.faults.append(f"{key}: expected a table, [{key}]")
        return {}

    def known(self, table: Any, keys: Iterable[str], path: str) -> bool:
        """Whether this is a table, after naming the keys it should not have."""
        return only_known(table, keys, path, self.faults)

    def models(self, physiology: Physiology) -> tuple[dict[str, Sourced], dict[str, Sourced]]:
        """Parameters of the model with four levels, and of the one with segments, in their order."""
        named, fine = self.section("parameters"), self.section("segmented")
        own = self.parameters(named, "parameters", _NAMES)
        of_segments = self.parameters(fine, "segmented", _SEGMENTED)
        self.complete({*physiology.parameters, *named}, NEURAXIAL)
        self.complete({*physiology.parameters, *physiology.segmented, *named, *fine}, SEGMENTED)
        levels = {**physiology.parameters, **own}
        segments = {**physiology.parameters, **physiology.segmented, **own, **of_segments}
        return (
            {n: levels[n] for n in _NAMES if n in levels},
            {n: segments[n] for n in _SEGMENTED if n in segments},
        )

    def complete(self, given: Container[str], table: Mapping[str, tuple[str, ...]]) -> None:
        """A model needs all its required parameters, and each optional group whole."""
        for group, names in table.items():
            if group != "required" and not any(n in given for n in names):
                continue
            missing = [
                f"{'parameters' if n in _NAMES else 'segmented'}.{n}: missing "
                f"({DIMENSIONS[n][1]}, a {DIMENSIONS[n][0]})"
                for n in names
                if n not in given
            ]
            self.faults += [fault for fault in missing if fault not in self.faults]

    def parameters(
        self, tables: Mapping[str, Any], path: str, names: tuple[str, ...]
    ) -> dict[str, Sourced]:
        found = {}
        for name, table in tables.items():
            where = f"{path}.{name}"
            if name not in names:
                self.faults.append(f"{where}: unknown parameter{did_you_mean(name, names)}")
            elif number := self.number(name, table, where, DIMENSIONS[name][0], spread=True):
                found[name] = number
        return found

    def number(
        self, name: str, table: Any, path: str, dimension: str, spread: bool = False
    ) -> Sourced | None:
        if table is None:
            self.faults.append(f'{path}: missing; write [{path}] with value = "..." and its source')
            return None
        if not self.known(table, _PARAMETER if spread else _NUMBER, path):
            return None
        value = self.quantity(table.get("value"), f"{path}.value", dimension)
        origin = self.origin(table, path)
        extra = self.spread(table, path, name, value) if spread else {}
        return Sourced(name, str(table.get("value")), value, dimension, **origin, **extra)

    def spread(self, table: dict[str, Any], path: str, name: str, value: float) -> dict[str, Any]:
        cv: Any = table.get("cv")
        if not _real(cv) or cv < 0:
            self.faults.append(
                f"{path}.cv: expected 0 (none known) or above, 0.3 for 30 %, not {cv!r}"
            )
            cv = 0.0
        trust = table.get("cv_confidence", "")
        if cv and trust not in CONFIDENCE:
            self.faults.append(f"{path}.cv_confidence: {_not_in(trust, CONFIDENCE)}")
        law = table.get("distribution", DISTRIBUTIONS[0])
        if law not in DISTRIBUTIONS:
            self.faults.append(f"{path}.distribution: {_not_in(law, DISTRIBUTIONS)}")
        bounded = name.endswith(("bioavailability", "_fraction"))
        if bounded and value > 1:
            self.faults.append(f"{path}.value: a fraction lies between 0 and 1, not at {value:g}")
        elif bounded and cv and law == "log-normal":
            self.faults.append(f'{path}.distribution: a fraction that varies needs "logit-normal"')
        if law == "logit-normal" and cv and not 0 < value < 1:
            self.faults.append(
                f"{path}.value: logit-normal needs a value between 0 and 1, not {value:g}"
            )
        return {
            "cv": float(cv),
            "cv_confidence": trust,
            "distribution": law,
            "population": self.text(table, "population", path),
        }

    def quantity(self, text: Any, path: str, dimension: str) -> float:
        unit = units.DIMENSIONS[dimension]
        example = '"0.3" or "30 %"' if unit == "1" else f'"5 {unit}"'
        if not isinstance(text, str):
            self.faults.append(
                f"{path}: expected text with a unit, such as {example}, not {text!r}"
            )
            return math.nan
        try:
            return float(units.convert(text, dimension))
        except UnitError as error:
            self.faults.append(
                f'{path}: "{text}": {"; ".join(error.faults)}; expected such as {example}'
            )
            return math.nan

    def origin(self, table: dict[str, Any], path: str, note: bool = True) -> dict[str, Any]:
        """Source, confidence and note, which every number has."""
        trust = table.get("confidence", "")
        if trust not in CONFIDENCE:
            self.faults.append(f"{path}.confidence: {_not_in(trust, CONFIDENCE)}")
        keys = table.get("source")
        if not isinstance(keys, list) or not (keys or trust == "assumed"):
            self.faults.append(
                f'{path}.source: missing; list keys of [sources], source = ["hoskin_1989"]; '
                'only what is "assumed" may have none, source = []'
            )
            keys = []
        for key in keys:
            if key not in self.sources:
                self.faults.append(
                    f'{path}.source: "{key}" is not in [sources]{did_you_mean(str(key), self.sources)}'
                )
        found = {
            "source": tuple(self.sources[k] for k in keys if k in self.sources),
            "confidence": trust,
        }
        if note:
            found["note"] = self.text(
                table, "note", path, required=trust not in ("read", "recalled")
            )
        return found

    def text(self, table: dict[str, Any], key: str, path: str, required: bool = True) -> str:
        text = table.get(key, "")
        if not isinstance(text, str) or (required and not text.strip()):
            why = {"note": "; what is not read or recalled gives its formula or its reason"}.get(
                key, ""
            )
            self.faults.append(
                f'{path}{"." if path else ""}{key}: expected text, {key} = "..."{why}'
            )
        return str(text)

    def span(self, pair: Any, path: str, dimension: str = "") -> tuple[float, float]:
        """Two values, the lower first."""
        if not isinstance(pair, list) or len(pair) != 2:
            self.faults.append(f"{path}: expected the lowest and the highest value, [low, high]")
            return (math.nan, math.nan)
        if dimension:
            low, high = (self.quantity(item, path, dimension) for item in pair)
        else:
            low, high = (self.real(item, path) for item in pair)
        if low > high:
            self.faults.append(
                f"{path}: the lowest value comes first, not {pair[0]!r}, {pair[1]!r}"
            )
        return (low, high)

    def real(self, number: Any, path: str) -> float:
        if _real(number) and number > 0:
            return float(number)
        self.faults.append(f"{path}: expected a number above 0, not {number!r}")
        return math.nan

    def route(self, name: str, path: str) -> str:
        if name not in ROUTES:
            self.faults.append(
                f"{path}: unknown route{did_you_mean(name, ROUTES)} ({', '.join(ROUTES)})"
            )
        return name

    def limits(self, name: str, table: Any) -> Limits | None:
        path = f"routes.{name}"
        self.route(name, path)
        if not self.known(table, _LIMITS, path):
            return None
        strongest = table.get("max_concentration")
        return Limits(
            name,
            self.span(table.get("per_dose"), f"{path}.per_dose", "amount"),
            self.span(table.get("per_day"), f"{path}.per_day", "amount"),
            strongest and self.quantity(strongest, f"{path}.max_concentration", "concentration"),
            **self.origin(table, path),
        )

    def refusal(self, name: str, table: Any) -> Refusal | None:
        path = f"refused.{name}"
        self.route(name, path)
        if not self.known(table, _REFUSAL, path):
            return None
        reason, remedy = (self.text(table, key, path) for key in ("reason", "remedy"))
        return Refusal(name, reason, remedy, **self.origin(table, path, note=False))

    def equivalence(self, table: Any) -> Equivalence | None:
        path = "equivalence"
        if not self.known(table, _EQUIVALENCE, path):
            return None
        presets = table.get("presets", {})
        return Equivalence(
            self.route(str(table.get("reference")), f"{path}.reference"),
            self.route(str(table.get("test")), f"{path}.test"),
            self.real(table.get("nominal"), f"{path}.nominal"),
            self.span(table.get("range"), f"{path}.range"),
            {n: p for n, t in presets.items() if (p := self.preset(n, t))},
            **self.origin(table, path),
        )

    def preset(self, name: str, table: Any) -> Preset | None:
        path = f"equivalence.presets.{name}"
        if not self.known(table, _PRESET, path):
            return None
        n = table.get("n")
        if not isinstance(n, int) or n < 0:
            self.faults.append(
                f"{path}.n: expected the number of subjects, 0 without a study, not {n!r}"
            )
        span = self.span(table["range"], f"{path}.range") if "range" in table else None
        ratio, design = (
            self.real(table.get("ratio"), f"{path}.ratio"),
            self.text(table, "design", path),
        )
        return Preset(name, ratio, design, n, span, **self.origin(table, path))

    def variants(self) -> dict[str, Variant]:
        tables = self.section("variants")
        return {n: v for n, t in tables.items() if (v := self.variant(n, t))}

    def variant(self, name: str, table: Any) -> Variant | None:
        path = f"variants.{name}"
        if not self.known(table, ("description", "parameters"), path):
            return None
        values = table.get("parameters", {})
        if not values:
            self.faults.append(f"{path}.parameters: expected the parameters that differ")
        own = self.parameters(values, f"{path}.parameters", _ALL)
        return Variant(name, self.text(table, "description", path), own)


def _real(number: Any) -> bool:
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return is_number and math.isfinite(number)


def _not_in(word: Any, known: Iterable[str]) -> str:
    what = f'unknown "{word}"{did_you_mean(str(word), known)}' if word else "missing"
    return f"{what}; one of {', '.join(known)}"


def only_known(table: Any, keys: Iterable[str], path: str, faults: list[str]) -> bool:
    """Whether this is a table of a TOML file, after naming the keys it should not have."""
    if not isinstance(table, dict):
        faults.append(f"{path}: expected a table, [{path}]")
        return False
    for key in table:
        if key not in keys:
            where = f"{path}.{key}" if path else key
            faults.append(f"{where}: unknown key{did_you_mean(key, keys)}")
    return True
