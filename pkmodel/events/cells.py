"""The cells of one column, as numbers, words or labels."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel.events.sources import EMPTY

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")


class Numbers(NamedTuple):
    """A column read as numbers: NaN where a cell is empty or wrong."""

    values: NDArray[np.float64]
    empty: NDArray[np.bool_]
    wrong: NDArray[np.bool_]


def numbers(column: pd.Series) -> Numbers:
    """Read numbers; text that is none is wrong, and so is a date.

    Examples
    --------
    >>> import pandas as pd
    >>> numbers(pd.Series([1.5, "2", ".", "x"]))
    Numbers(values=array([1.5, 2. , nan, nan]), empty=array([False, False,  True, False]),
            wrong=array([False, False, False,  True]))
    """
    import pandas as pd

    if column.dtype.kind in "iufb":
        values = column.to_numpy(float, na_value=np.nan)
        return Numbers(values, np.isnan(values), np.zeros(values.shape, bool))
    codes, found = _distinct(column)
    read = np.full(len(found) + 1, np.nan)
    if not any(hasattr(cell, "isoformat") or hasattr(cell, "total_seconds") for cell in found):
        read[:-1] = pd.to_numeric(pd.Series(found, dtype=object), errors="coerce")
    empty = np.array([*(_word(cell) == "" for cell in found), True])
    return Numbers(read[codes], empty[codes], (np.isnan(read) & ~empty)[codes])


def words(column: pd.Series, word: Callable[[Any], str]) -> NDArray[np.object_]:
    """Read words, each by the same function; an empty cell is ``""``.

    Examples
    --------
    >>> import pandas as pd
    >>> words(pd.Series(["KG", ".", None, " m2 "]), lambda cell: str(cell).strip().lower())
    array(['kg', '', '', 'm2'], dtype=object)
    """
    codes, found = _distinct(column)
    return np.array([*(word(cell) if _word(cell) else "" for cell in found), ""], object)[codes]


def labels(column: pd.Series) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Read labels of subjects, numbers where all are written as such, and where they are missing.

    An empty cell gets the label above it.

    Examples
    --------
    >>> import pandas as pd
    >>> labels(pd.Series([1.0, 1.0, 2.0]))[0], labels(pd.Series(["001", None, "002"]))[0]
    (array([1, 1, 2]), array(['001', '001', '002'], dtype='<U3'))
    """
    codes, found = _distinct(column)
    texts = [_word(cell) for cell in found]
    names: NDArray[Any] = np.array([*texts, ""])
    if column.dtype.kind in "iuf":
        names = np.array([*found, np.nan], float)
    elif all(_NUMBER.fullmatch(text) for text in texts if text):
        names = np.array([float(text or "nan") for text in (*texts, "")])
    if names.dtype.kind == "f" and all(name.is_integer() for name in names[~np.isnan(names)]):
        names = np.nan_to_num(names).astype(np.int64)
    empty = np.array([*(text == "" for text in texts), True])[codes]
    last = np.maximum.accumulate(np.where(empty, 0, np.arange(len(codes))))
    return names[codes][last], empty


def _distinct(column: pd.Series) -> tuple[NDArray[np.int64], list[Any]]:
    """Number of every cell among the distinct ones, -1 for none; and these."""
    import pandas as pd

    try:
        codes, found = pd.factorize(column)
    except TypeError:  # a cell is a list
        codes, found = pd.factorize(column.map(str))
    return codes, list(found)


def _word(cell: Any) -> str:
    """Text of a cell, "" where it is empty."""
    text = "" if cell is None else str(cell).strip()
    return "" if text in EMPTY or text in ("<NA>", "NaT") else text
