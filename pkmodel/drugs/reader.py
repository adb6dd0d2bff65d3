"""From a TOML file to the records of a drug, with every fault of the file at once."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pkmodel import units
from pkmodel.drugs.effects import MAIN, PLACES, RESPONSES
from pkmodel.drugs.schema import (
    CONFIDENCE,
    Calibration,
    Equivalence,
    Limits,
    Preset,
    Refusal,
    Sourced,
    Variant,
)
from pkmodel.errors import DrugError, UnitError, did_you_mean
from pkmodel.library import DIMENSIONS, NEURAXIAL

HOME = Path(__file__).parent
PHYSIOLOGY = "physiology"
DISTRIBUTIONS = ("log-normal", "logit-normal")
ROUTES = ("oral", "iv", "epidural", "intrathecal")
PUBLISHED = (*ROUTES, "subcutaneous")  # routes of published ratios, more than the model has
PAIR = ("oral", "intrathecal")

_NUMBER = ("value", "source", "confidence", "note")
_PARAMETER = ("value", "cv", "cv_confidence", "distribution", *_NUMBER[1:], "population")
_LIMITS = ("per_dose", "per_day", "max_concentration", *_NUMBER[1:])
_EQUIVALENCE = ("reference", "test", "nominal", "range", "presets", *_NUMBER[1:])
_PRESET = ("ratio", "range", "design", "n", *_NUMBER[1:])
_RATIO = ("reference", "test", *_PRESET)
_REFUSAL = ("reason", "remedy", "source", "confidence")
_TEXTS = ("name", "version", "indication")
_CALIBRATION = ("response", "place", "reference", "ratio", *_NUMBER[1:])
_TABLES = (
    "parameters",
    "routes",
    "refused",
    "equivalence",
    "ratios",
    "responses",
    "variants",
    "sources",
)
_TOP = (*_TEXTS, "synonyms", "molar_mass", "octanol_water", *_TABLES)
_NAMES = tuple(n for group in NEURAXIAL.values() for n in group)


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
    """What no drug file needs to give: numbers of the body, and other sets of them."""

    parameters: dict[str, Sourced]
    variants: dict[str, Variant]
    responses: dict[str, Sourced]


@lru_cache
def _physiology() -> Physiology:
    path = HOME / f"{PHYSIOLOGY}.toml"
    reader = _Reader(load(path))
    found = Physiology(
        reader.parameters(reader.section("parameters"), "parameters"),
        reader.variants(),
        reader.responses(),
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
        molar_mass = self.number("molar_mass", top.get("molar_mass"), "molar_mass", "molar_mass")
        octanol = top.get("octanol_water")
        return {
            **texts,
            "synonyms": tuple(top.get("synonyms", ())),
            "molar_mass": molar_mass.value if molar_mass else math.nan,
            "octanol_water": octanol
            and self.number("octanol_water", octanol, "octanol_water", "ratio"),
            "parameters": self.model(physiology),
            "routes": {n: self.limits(n, t) for n, t in self.section("routes").items()},
            "refused": {n: self.refusal(n, t) for n, t in self.section("refused").items()},
            "equivalence": self.equivalence(top["equivalence"]) if "equivalence" in top else None,
            "ratios": self.ratios(),
            "responses": {**physiology.responses, **self.responses()},
            "no_responses": self.no_responses(),
            "calibration": self.calibration(),
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

    def model(self, physiology: Physiology) -> dict[str, Sourced]:
        """Parameters of the model in their order; those of the file stand in the place of the body's."""
        own = self.parameters(self.section("parameters"), "parameters")
        self.complete({*physiology.parameters, *self.section("parameters")})
        found = {**physiology.parameters, **own}
        return {n: found[n] for n in _NAMES if n in found}

    def complete(self, given: Container[str]) -> None:
        """The model needs all its required parameters, and each optional group whole."""
        for group, names in NEURAXIAL.items():
            if group == "required" or any(n in given for n in names):
                self.faults += [
                    f"parameters.{n}: missing ({DIMENSIONS[n][1]}, a {DIMENSIONS[n][0]})"
                    for n in names
                    if n not in given
                ]

    def parameters(self, tables: Mapping[str, Any], path: str) -> dict[str, Sourced]:
        found = {}
        for name, table in tables.items():
            where = f"{path}.{name}"
            if name not in _NAMES:
                self.faults.append(f"{where}: unknown parameter{did_you_mean(name, _NAMES)}")
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
        extra = self.spread(table, path, dimension, value) if spread else {}
        return Sourced(name, str(table.get("value")), value, dimension, **origin, **extra)

    def spread(
        self, table: dict[str, Any], path: str, dimension: str, value: float
    ) -> dict[str, Any]:
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
        bounded = dimension == "fraction"
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

    def route(self, name: Any, path: str, known: Sequence[str] = ROUTES) -> str:
        if name not in known:
            what = f'unknown route "{name}"{did_you_mean(str(name), known)}' if name else "missing"
            self.faults.append(f"{path}: {what}; one of {', '.join(known)}")
        return str(name)

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
        return self.reasons(name, table, path)

    def reasons(self, name: str, table: dict[str, Any], path: str) -> Refusal:
        reason, remedy = (self.text(table, key, path) for key in ("reason", "remedy"))
        return Refusal(name, reason, remedy, **self.origin(table, path, note=False))

    def responses(self) -> dict[str, Sourced]:
        """Numbers of the responses, with the response's name before their own."""
        found = {}
        for response, table in self.section("responses").items():
            path = f"responses.{response}"
            if response in ("refused", "calibration"):
                continue
            if response not in RESPONSES:
                near = did_you_mean(response, RESPONSES)
                self.faults.append(f"{path}: unknown response{near}; one of {', '.join(RESPONSES)}")
            elif self.known(table, RESPONSES[response], path):
                for key, number in table.items():
                    name, dimension = (
                        f"{response}_{key}",
                        RESPONSES[response].get(key, ("ratio",))[0],
                    )
                    found[name] = self.number(name, number, f"{path}.{key}", dimension, spread=True)
        return {name: number for name, number in found.items() if number}

    def no_responses(self) -> dict[str, Refusal]:
        """Responses that the drug is known not to have, and why."""
        path = "responses.refused"
        tables = self.section("responses").get("refused", {})
        if not self.known(tables, RESPONSES, path):
            return {}
        return {
            n: self.reasons(n, t, f"{path}.{n}")
            for n, t in tables.items()
            if n in RESPONSES and self.known(t, _REFUSAL, f"{path}.{n}")
        }

    def calibration(self) -> Calibration | None:
        path = "responses.calibration"
        table = self.section("responses").get("calibration")
        if table is None or not self.known(table, _CALIBRATION, path):
            return None
        for key, words in (("response", MAIN), ("place", tuple(PLACES))):
            if table.get(key) not in words:
                self.faults.append(f"{path}.{key}: {_not_in(table.get(key), words)}")
        return Calibration(
            f"{table.get('response')}_{table.get('place')}_ec50",
            self.text(table, "reference", path),
            self.real(table.get("ratio"), f"{path}.ratio"),
            **self.origin(table, path),
        )

    def equivalence(self, table: Any) -> Equivalence | None:
        path = "equivalence"
        if not self.known(table, _EQUIVALENCE, path):
            return None
        return Equivalence(
            self.route(table.get("reference"), f"{path}.reference", PAIR[:1]),
            self.route(table.get("test"), f"{path}.test", PAIR[1:]),
            self.real(table.get("nominal"), f"{path}.nominal"),
            self.span(table.get("range"), f"{path}.range"),
            **self.origin(table, path),
        )

    def ratios(self) -> dict[str, Preset]:
        """Published ratios of all pairs of routes, those of oral : intrathecal first."""
        path, main = "equivalence.presets", self.table.get("equivalence")
        presets = main.get("presets", {}) if isinstance(main, dict) else {}
        tables = presets if only_table(presets, path, self.faults) else {}
        found = [self.preset(n, t, f"{path}.{n}", PAIR) for n, t in tables.items()]
        for name, table in self.section("ratios").items():
            if name in (*tables, "nominal"):
                self.faults.append(f"ratios.{name}: the name is taken in [{path}]; choose another")
            found.append(self.preset(name, table, f"ratios.{name}"))
        return {p.name: p for p in found if p}

    def pair(self, table: dict[str, Any], path: str) -> tuple[str, str]:
        """The routes of a ratio other than oral : intrathecal."""
        reference = self.route(table.get("reference"), f"{path}.reference", PUBLISHED)
        test = self.route(table.get("test"), f"{path}.test", PUBLISHED)
        if (reference, test) == PAIR:
            where = path.replace("ratios", "equivalence.presets", 1)
            self.faults.append(f"{path}: a ratio oral : intrathecal stands in [{where}]")
        elif reference == test and test in PUBLISHED:
            self.faults.append(f"{path}.test: expected another route than that of the reference")
        return reference, test

    def preset(
        self, name: str, table: Any, path: str, pair: tuple[str, str] | None = None
    ) -> Preset | None:
        if not self.known(table, _PRESET if pair else _RATIO, path):
            return None
        reference, test = pair or self.pair(table, path)
        n = table.get("n")
        if not isinstance(n, int) or isinstance(n, bool) or n < 0:
            self.faults.append(
                f"{path}.n: expected the number of subjects, 0 without a study, not {n!r}"
            )
        span = self.span(table["range"], f"{path}.range") if "range" in table else None
        ratio = self.real(table.get("ratio"), f"{path}.ratio")
        if span and (ratio < span[0] or ratio > span[1]):
            self.faults.append(f"{path}.ratio: {ratio:g} is not within its range")
        design = self.text(table, "design", path)
        return Preset(name, reference, test, ratio, design, n, span, **self.origin(table, path))

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
        own = self.parameters(values, f"{path}.parameters")
        return Variant(name, self.text(table, "description", path), own)


def _real(number: Any) -> bool:
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return is_number and math.isfinite(number)


def _not_in(word: Any, known: Iterable[str]) -> str:
    what = f'unknown "{word}"{did_you_mean(str(word), known)}' if word else "missing"
    return f"{what}; one of {', '.join(known)}"


def only_table(table: Any, path: str, faults: list[str]) -> bool:
    """Whether this is a table of a TOML file; if not, that is a fault."""
    if not isinstance(table, dict):
        faults.append(f"{path}: expected a table, [{path}]")
    return isinstance(table, dict)


def only_known(table: Any, keys: Iterable[str], path: str, faults: list[str]) -> bool:
    """Whether this is a table of a TOML file, after naming the keys it should not have."""
    if not only_table(table, path, faults):
        return False
    for key in table:
        if key not in keys:
            where = f"{path}.{key}" if path else key
            faults.append(f"{where}: unknown key{did_you_mean(key, keys)}")
    return True
