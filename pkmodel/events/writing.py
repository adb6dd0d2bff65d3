"""Records as a DataFrame with NONMEM's columns."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.events.checks import NUMBERS, OBSERVATION
from pkmodel.events.combining import taken

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from pkmodel.events.table import EventTable

_ALWAYS = ("TIME", "AMT", "EVID", "CMT")
_NUMBER = re.compile(r"-?\d+")


def frame_of(table: EventTable) -> pd.DataFrame:
    """Write the records; see ``EventTable.to_frame``."""
    import pandas as pd

    return pd.DataFrame(_columns(table) | dict(table.covariates))


def _columns(table: EventTable) -> dict[str, NDArray[Any]]:
    """Columns with NONMEM's names, without covariates."""
    numbers = {name: getattr(table, field) for field, name in NUMBERS.items()}
    columns: dict[str, NDArray[Any]] = {"ID": table.subject} if table.grouped else {}
    columns |= {name: numbers.pop(name) for name in ("TIME", "AMT", "EVID")}
    columns["CMT"] = _places(table.compartment)
    columns |= numbers | {"FORM": table.form, "PER": table.per}
    return {
        name: c for name, c in columns.items() if name in ("ID", *_ALWAYS) or (c != _none(c)).any()
    }


def write_csv(table: EventTable, path: str | Path) -> None:
    """Write a file; see ``EventTable.to_csv``."""
    frame = frame_of(table)
    for name in {"CMT", "FORM", "PER"} & set(frame):
        if frame[name].dtype.kind == "O":
            frame[name] = frame[name].replace("", ".")
    frame.to_csv(path, index=False, na_rep=".")


def doses_as_text(table: EventTable) -> dict[str, str]:
    """What a result keeps of the records of one patient: JSON of the columns that ``EventTable.read`` reads.

    Returns
    -------
    dict
        The text under ``"doses"``, without observations and covariates; empty for several patients.
    """
    if len(table.subjects) > 1:
        return {}
    records = taken(table, np.flatnonzero(table.evid != OBSERVATION))
    columns = _columns(replace(records, grouped=False))
    return {"doses": json.dumps({name: column.tolist() for name, column in columns.items()})}


def _places(compartment: NDArray[np.object_]) -> NDArray[Any]:
    """Numbers, if all are; none is then 0."""
    words = set(compartment.tolist()) - {""}
    if words and all(_NUMBER.fullmatch(word) for word in words):
        return np.where(compartment == "", "0", compartment).astype(np.int64)
    return compartment


def _none(column: NDArray[Any]) -> Any:
    return "" if column.dtype.kind == "O" else 0
