"""From a source to the fields of records, with all that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel import units
from pkmodel.errors import UnitError, did_you_mean
from pkmodel.events.cells import Numbers, labels, numbers, words
from pkmodel.events.checks import DOSE, NUMBERS, OBSERVATION, OTHER, check, is_dose, settle_forms
from pkmodel.events.columns import CARRIED, Columns, sort_columns
from pkmodel.events.faults import Faults
from pkmodel.events.routes import place
from pkmodel.events.sources import Sheet, open_sheet
from pkmodel.units.expressions import ratio

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Fields = dict[str, Any]
    Ratio = tuple[float, float]

_CLOCK = re.compile(r"\d{1,2}:\d{2}|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
_HOURS = (
    "expected hours; of a column of dates: "
    '(df.TIME - df.groupby("ID").TIME.transform("first")) / pd.Timedelta("1h")'
)
_DIMENSIONS = {"TIME": "time", "AMT": "amount", "RATE": "rate", "DUR": "time", "II": "time"}


def read_fields(
    source: Any, renamed: Mapping[str, str], unit_of: Mapping[str, str], ignore: str
) -> Fields:
    """Read the fields of an `EventTable`; see ``EventTable.read``."""
    sheet = open_sheet(source, ignore)
    faults = Faults(sheet.given)
    if not sheet.row.size:
        faults.general.append("no rows")
    columns = sort_columns(sheet, renamed, faults)
    _drop_comment_column(sheet, columns, faults)
    fields = _read_subject(columns, sheet, faults)
    fields |= {name: _read_numbers(NUMBERS[name], columns, sheet, faults) for name in NUMBERS}
    _settle_kinds(fields, columns, sheet, faults)
    fields |= _read_words(columns, sheet, faults)
    _require_columns(fields, columns, faults)
    fields["covariates"] = _read_covariates(columns, renamed, faults)
    scales = _scales(unit_of, renamed, fields["covariates"], faults)
    check(fields, faults)
    faults.stop(fields["subject"] if fields["grouped"] else None, sheet.row)
    settle_forms(fields)
    _scale(fields, scales)
    return fields


def _drop_comment_column(sheet: Sheet, columns: Columns, faults: Faults) -> None:
    """Take out a first column C that marks comments; rows that are marked have to be ignored."""
    name = sheet.names[0] if sheet.names else ""
    if name.upper() == "C" and name in columns.further:
        read = numbers(columns.further[name])
        if read.wrong.any():
            faults.general.append(
                f'column "{name}" marks comments, the first in row {sheet.row[read.wrong.argmax()]}; '
                'pass ignore="C" to leave these rows out, or drop the column'
            )
        if read.wrong.any() or read.empty.all():
            del columns.further[name]


def _read_subject(columns: Columns, sheet: Sheet, faults: Faults) -> Fields:
    grouped = "ID" in columns.record
    subject: NDArray[Any] = np.ones(len(sheet.row), np.int64)
    if grouped:
        subject, empty = labels(columns.record["ID"])
        faults.at(empty, "ID is empty")
    return {"subject": subject, "row": sheet.row, "grouped": grouped}


def _read_numbers(name: str, columns: Columns, sheet: Sheet, faults: Faults) -> Floats:
    """Cells of a column of the record: 0 where empty, NaN where wrong."""
    if name not in columns.record:
        return np.full(len(sheet.row), np.nan if name == "TIME" else 0.0)
    column = columns.record[name]
    read = numbers(column)
    if not (name == "TIME" and _refuse_clock(column, read, faults)):
        faults.at(read.wrong, f"{name} is {{!r}}; expected a number", _cells(column))
    if name not in ("TIME", "EVID"):
        return np.where(read.empty, 0.0, read.values)
    faults.at(read.empty, f"{name} is empty")
    return read.values


def _refuse_clock(column: pd.Series, read: Numbers, faults: Faults) -> bool:
    """Note clock times and dates, once for the column."""
    clock = next((t for t in map(str, column[read.wrong]) if _CLOCK.search(t)), "")
    if clock:
        faults.general.append(f'TIME holds clock times or dates ("{clock}"); {_HOURS}')
    return bool(clock)


def _settle_kinds(fields: Fields, columns: Columns, sheet: Sheet, faults: Faults) -> None:
    """Without EVID: an amount or a rate makes a dose, and MDV 1 without one another event."""
    if "EVID" in columns.record:
        return
    fields["evid"] = default_kinds(fields["amount"], fields["rate"])
    if "MDV" in columns.further:
        missing = numbers(columns.further["MDV"]).values
        faults.at(
            ~np.isin(missing, (0, 1)) & ~np.isnan(missing), "MDV is {:g}; expected 0 or 1", missing
        )
        fields["evid"][(missing == 1) & (fields["evid"] == OBSERVATION)] = OTHER


def default_kinds(amount: Floats, rate: Floats) -> Floats:
    """EVID of records that do not say it: doses have an amount or a rate."""
    return np.where((amount != 0) | (rate != 0), float(DOSE), float(OBSERVATION))


def _read_words(columns: Columns, sheet: Sheet, faults: Faults) -> Fields:
    record = columns.record

    def column(name: str, word: Any) -> NDArray[np.object_]:
        if name in record:
            return words(record[name], word)
        return np.full(len(sheet.row), "", object)

    route, compartment = column("ROUTE", place), column("CMT", place)
    both = (route != "") & (compartment != "")
    if both.any():
        faults.general.append(
            f"CMT and ROUTE are both filled in (row {sheet.row[both.argmax()]}): give one"
        )
    coded = [word for word in set(route.tolist()) if word.lstrip("-").isdigit()]
    faults.at(np.isin(route, coded), "ROUTE is {}; expected a name (a number goes into CMT)", route)
    return {
        "compartment": np.where(route == "", compartment, route),
        "form": column("FORM", lambda cell: str(cell).strip().lower()),
        "per": column("PER", lambda cell: str(cell).strip()),
    }


def _require_columns(fields: Fields, columns: Columns, faults: Faults) -> None:
    """Note columns that doses need, once; the rows then have no fault of it."""
    dose = is_dose(fields)
    if dose.any() and "AMT" not in columns.record:
        faults.general.append('no column "AMT"')
        fields["amount"] = np.full(dose.shape, np.nan)
    if dose.any() and not {"CMT", "ROUTE"} & set(columns.record):
        faults.general.append('no column "CMT" or "ROUTE"')
        fields["compartment"] = np.full(dose.shape, "?", object)


def _read_covariates(
    columns: Columns, renamed: Mapping[str, str], faults: Faults
) -> dict[str, Floats]:
    """Further columns that are numbers; text is left out unless it was asked for."""
    covariates = {}
    for name, column in columns.further.items():
        read = numbers(column)
        asked = name in CARRIED or name in renamed.values()
        if (read.wrong | read.empty).all() and read.wrong.any() and not asked:
            continue
        shown = name.replace("{", "{{").replace("}", "}}")
        faults.at(read.wrong, f"{shown} is {{!r}}; expected a number", _cells(column))
        faults.at(np.isinf(read.values), f"{shown} is infinite; expected a finite number")
        covariates[name] = read.values
    return covariates


def _cells(column: pd.Series) -> NDArray[np.object_]:
    return column.astype(object).to_numpy()


def _scales(
    unit_of: Mapping[str, str],
    renamed: Mapping[str, str],
    covariates: Mapping[str, Floats],
    faults: Faults,
) -> dict[str, Ratio]:
    """Factors to the internal units, as numerator and denominator, by column or covariate."""
    chosen = {
        name.upper() if name.upper() in _DIMENSIONS else name: unit_of[name] for name in unit_of
    }
    time, amount = chosen.get("TIME", "h"), chosen.get("AMT", "mg")
    implied = {"DUR": time, "II": time, "RATE": f"{amount}/{time}"}
    scales = {}
    for name, unit in ({**implied, **chosen} if chosen else {}).items():
        key = name if name in _DIMENSIONS else renamed.get(name, name)
        if key not in _DIMENSIONS and key not in covariates:
            near = did_you_mean(name, [*_DIMENSIONS, *covariates])
            faults.general.append(f'units: no column "{name}" that could have one{near}')
            continue
        try:
            scales[key] = ratio(unit, _DIMENSIONS.get(key) or _dimension(unit), None)
        except UnitError as error:
            if name in chosen:
                faults.general += [f'units of "{name}": {fault}' for fault in error.faults]
    return scales


def _dimension(unit: str) -> str:
    """Dimension of a covariate; a mass is a body's, for doses are no covariates."""
    dimension = units.dimension_of(unit)
    return "weight" if dimension == "amount" else dimension


def _scale(fields: Fields, scales: Mapping[str, Ratio]) -> None:
    """Bring numbers to mg, h, L; a RATE of -1 or -2 is no number of mg/h."""
    field_of = {name: field for field, name in NUMBERS.items()}
    for key, (numerator, denominator) in scales.items():
        home, name = (fields, field_of[key]) if key in field_of else (fields["covariates"], key)
        values = home[name]
        scaled = values * numerator / denominator
        home[name] = np.where(values < 0, values, scaled) if key == "RATE" else scaled
