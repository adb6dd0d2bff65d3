"""The names of columns: which belong to the record, which are covariates, which are slips of the pen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pkmodel.errors import did_you_mean
from pkmodel.events.checks import NUMBERS

if TYPE_CHECKING:
    import pandas as pd

    from pkmodel.events.faults import Faults
    from pkmodel.events.sources import Sheet

#: Columns of a record.
RECORD = ("ID", "CMT", "ROUTE", "FORM", "PER", *NUMBERS.values())
#: Known columns that no simulation uses. They stay among the covariates, to be written back.
CARRIED = ("DV", "MDV")

# What else these columns are called, and of which of them a slip of the pen is looked for.
_OTHER_NAMES = {
    "AMOUNT": "AMT",
    "DOSE": "AMT",
    "EVENT": "EVID",
    "COMPARTMENT": "CMT",
    "ADM": "CMT",
    "DURATION": "DUR",
    "TINF": "DUR",
    "INTERVAL": "II",
    "TAU": "II",
    "ADDITIONAL": "ADDL",
}
_DOSING = ("TIME", "AMT", "EVID", "CMT", "ROUTE", "RATE", "DUR", "ADDL")
_USUAL_COVARIATES = ("RACE", "DATE", "ALT", "AST")


class Columns(NamedTuple):
    """Columns of a sheet: of the record by their upper-case names, and covariates."""

    record: dict[str, pd.Series]
    further: dict[str, pd.Series]


def sort_columns(sheet: Sheet, renamed: Mapping[str, str], faults: Faults) -> Columns:
    """Tell the columns of the record from the covariates, and note wrong names.

    Parameters
    ----------
    sheet : Sheet
        The source.
    renamed : mapping of str to str
        Columns that are covariates whatever their name, and the name that each gets.
    faults : Faults
        Where the faults are noted.

    Returns
    -------
    Columns
    """
    columns = Columns({}, {})
    for number, (name, cells) in enumerate(zip(sheet.names, sheet.columns, strict=True), 1):
        upper = name.upper()
        if not name:
            if cells.notna().any():
                faults.general.append(f"column {number} has no name")
            continue
        if name in renamed:
            home, key = columns.further, renamed[name]
        elif upper in RECORD:
            home, key = columns.record, upper
        else:
            home, key = columns.further, upper if upper in CARRIED else name
        if key in home:
            faults.general.append(f'two columns "{key}"')
        home[key] = cells
    faults.general += _wrong_names(sheet.names, renamed, columns)
    return columns


def _wrong_names(names: list[str], renamed: Mapping[str, str], columns: Columns) -> list[str]:
    faults = [
        f'covariates: no column "{name}"{did_you_mean(name, names)}'
        for name in renamed
        if name not in names
    ]
    faults += reserved_names(renamed.values())
    for name in columns.further:
        meant = "" if name in (*renamed.values(), *CARRIED) else _meant(name, columns.record)
        if meant:
            faults.append(
                f'unknown column "{name}" (did you mean "{meant}"? '
                f'If it is a covariate: covariates={{"{name}": "{name}"}})'
            )
    if "TIME" not in columns.record:
        faults.append('no column "TIME"')
    return faults


def reserved_names(covariates: Collection[str]) -> list[str]:
    """Faults of covariates that would be written as a column of the record."""
    return [
        f'covariate "{name}": the name is that of a column of the record'
        for name in covariates
        if name.upper() in RECORD
    ]


def _meant(name: str, present: Collection[str]) -> str:
    """Column that is missing and that a name seems to mean."""
    upper = name.upper()
    if upper in _USUAL_COVARIATES:
        return ""
    near = [known for known in _DOSING if _one_slip(upper, known)]
    for known in [_OTHER_NAMES.get(upper, ""), *near]:
        place = known in ("CMT", "ROUTE") and {"CMT", "ROUTE"} & set(present)
        if known and known not in present and not place:
            return known
    return ""


def _one_slip(word: str, known: str) -> bool:
    """Tell whether one letter is changed, lost or too many, or two neighbours are swapped."""
    if len(word) == len(known):
        wrong = [i for i in range(len(word)) if word[i] != known[i]]
        swapped = len(wrong) == 2 and word[wrong[0]] + word[wrong[1]] == (
            known[wrong[1]] + known[wrong[0]]
        )
        return len(wrong) == 1 or (swapped and wrong[1] == wrong[0] + 1)
    short, long = sorted((word, known), key=len)
    return any(short == long[:i] + long[i + 1 :] for i in range(len(long)))
