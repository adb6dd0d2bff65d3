"""Where a table comes from: a DataFrame, a mapping of columns, or a CSV file."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel.errors import RegimenError
from pkmodel.events.faults import REMEDY

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

#: Cells without a value.
EMPTY = ("", ".", "NA", "NaN", "nan")


class Sheet(NamedTuple):
    """Columns as they stand in the source; rows that are empty or comments are left out.

    Parameters
    ----------
    names : list of str
        Heads of the columns.
    columns : list of pandas.Series
        Their cells.
    row : array of int, shape (record,)
        Row of every record, of which the first below the head is 1.
    given : str
        What the source is, for errors.
    """

    names: list[str]
    columns: list[pd.Series]
    row: NDArray[np.int64]
    given: str


def open_sheet(source: Any, ignore: str) -> Sheet:
    """Open any source; see ``EventTable.read``."""
    import pandas as pd

    if isinstance(source, (str, os.PathLike)):
        return _read_csv(Path(source), ignore)
    if isinstance(source, pd.DataFrame):
        columns = [source.iloc[:, i] for i in range(source.shape[1])]
        return _in_memory([_head(name) for name in source.columns], columns, ignore)
    if isinstance(source, Mapping):
        size = max((len(cells) for cells in source.values() if _is_list(cells)), default=1)
        columns = [
            pd.Series(list(cells) if _is_list(cells) else [cells] * size)
            for cells in source.values()
        ]
        return _in_memory([_head(name) for name in source], columns, ignore)
    raise RegimenError(
        "expected a DataFrame, a mapping of columns, or the path of a CSV file, "
        f"not {type(source).__name__}",
        given="event table",
        remedy=REMEDY,
    )


def _is_list(cells: Any) -> bool:
    return hasattr(cells, "__len__") and not isinstance(cells, str)


def _head(name: Any) -> str:
    return str(name).strip().removeprefix("#").strip()


def _ignored(first: str, ignore: str) -> bool:
    """Tell whether a row that begins with this letter is a comment; "@" is any letter."""
    return first != "" and (first in ignore or ("@" in ignore and first.isalpha()))


def _in_memory(names: list[str], columns: list[pd.Series], ignore: str) -> Sheet:
    lengths = sorted({len(column) for column in columns})
    if len(lengths) > 1:
        raise RegimenError(
            f"the columns differ in length ({lengths[0]} to {lengths[-1]} rows)",
            given="event table",
            remedy=REMEDY,
        )
    left_out = np.ones(lengths[0] if lengths else 0, bool)
    for column in columns:
        left_out &= column.isna().to_numpy()
    if columns and columns[0].dtype.kind == "O":
        first = [cell.lstrip()[:1] if isinstance(cell, str) else "" for cell in columns[0]]
        comments = {letter for letter in set(first) if _ignored(letter, ignore)}
        left_out |= np.array([letter in comments for letter in first], bool)
    kept = np.flatnonzero(~left_out)
    return Sheet(names, [column.iloc[kept] for column in columns], kept + 1, "event table")


def _read_csv(path: Path, ignore: str) -> Sheet:
    """Read a file whose head is the first line that names TIME, or else that is no comment."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise _unreadable(path, "is not text in UTF-8") from None
    first = [line.lstrip()[:1] for line in lines]
    comments = {letter for letter in set(first) if _ignored(letter, ignore)}
    filled = [i for i, letter in enumerate(first) if letter]
    head = next((i for i in filled if first[i] not in comments or _names_time(lines[i])), None)
    if head is None:
        raise _unreadable(path, "has no head with the names of the columns")
    names = [_head(name) for name in _cells(lines[head])]
    parted = re.search(r"[;\t| ]", names[0])
    if len(names) == 1 and parted:
        raise _unreadable(path, f"has cells parted by {parted[0]!r}; expected a comma")
    kept = [i for i in filled if i > head and first[i] not in comments]
    if not kept:
        raise _unreadable(path, "has no rows below its head")
    frame = _parse([lines[i] for i in kept], names, path)
    rows = frame.notna().any(axis=1).to_numpy()
    row = np.array(kept, np.int64)[rows] - head
    return Sheet(names, [frame.loc[rows, i] for i in frame], row, str(path))


def _parse(lines: list[str], names: list[str], path: Path) -> pd.DataFrame:
    import pandas as pd

    short = (line for line in lines if line.count(",") < len(names) - 1)
    uneven = lines[0] if len(_cells(lines[0])) > len(names) else next(short, None)
    if uneven is not None:
        raise _uneven(uneven, names, path)
    version = tuple(int(part) for part in pd.__version__.split(".")[:2])
    exact: dict[str, Any] = {} if version >= (3, 1) else {"float_precision": "round_trip"}
    labels = [i for i, name in enumerate(names) if name.upper() == "ID"]
    try:
        frame = pd.read_csv(
            io.StringIO("\n".join(lines)),
            header=None,
            names=range(len(names)),
            dtype=dict.fromkeys(labels, str),  # "001" is not 1
            na_values=EMPTY,
            keep_default_na=False,
            skipinitialspace=True,
            low_memory=False,
            **exact,
        )
    except pd.errors.ParserError as error:
        long = re.search(r"Expected \d+ fields in line (\d+)", str(error))
        if long is None:
            raise _unreadable(path, f"is no table ({str(error).strip()})") from None
        raise _uneven(lines[int(long[1]) - 1], names, path) from None
    if len(frame) != len(lines):
        raise _unreadable(path, "has line breaks within cells")
    return frame


def _cells(line: str) -> list[str]:
    return next(csv.reader([line.strip()], skipinitialspace=True))


def _names_time(line: str) -> bool:
    return "TIME" in {_head(name).upper() for name in _cells(line)}


def _uneven(line: str, names: list[str], path: Path) -> RegimenError:
    if line.count('"') % 2:
        return _unreadable(path, "has line breaks within cells")
    cells = len(_cells(line))
    return _unreadable(path, f'has {cells} cells in "{line.strip()}"; its head has {len(names)}')


def _unreadable(path: Path, fault: str) -> RegimenError:
    return RegimenError(
        fault,
        given=str(path),
        remedy="Save it as CSV: UTF-8, one head, cells parted by commas, decimal points. "
        "Or read it with pandas and pass the DataFrame.",
    )
