"""Records as a DataFrame with NONMEM's columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.events.checks import NUMBERS

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

    numbers = {name: getattr(table, field) for field, name in NUMBERS.items()}
    columns: dict[str, NDArray[Any]] = {"ID": table.subject} if table.grouped else {}
    columns |= {name: numbers.pop(name) for name in ("TIME", "AMT", "EVID")}
    columns["CMT"] = _places(table.compartment)
    columns |= numbers | {"FORM": table.form, "PER": table.per}
    said = {
        name: c for name, c in columns.items() if name in ("ID", *_ALWAYS) or (c != _none(c)).any()
    }
    return pd.DataFrame(said | dict(table.covariates))


def write_csv(table: EventTable, path: str | Path) -> None:
    """Write a file; see ``EventTable.to_csv``."""
    frame = frame_of(table)
    for name in {"CMT", "FORM", "PER"} & set(frame):
        if frame[name].dtype.kind == "O":
            frame[name] = frame[name].replace("", ".")
    frame.to_csv(path, index=False, na_rep=".")


def _places(compartment: NDArray[np.object_]) -> NDArray[Any]:
    """Numbers, if all are; none is then 0."""
    words = set(compartment.tolist()) - {""}
    if words and all(_NUMBER.fullmatch(word) for word in words):
        return np.where(compartment == "", "0", compartment).astype(np.int64)
    return compartment


def _none(column: NDArray[Any]) -> Any:
    return "" if column.dtype.kind == "O" else 0
