"""All faults of an event table, gathered before any is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.errors import RegimenError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

MOST_SHOWN = 20
REMEDY = (
    "A table has the columns TIME [h], AMT [mg], and CMT or ROUTE, and may have ID, EVID, RATE or DUR, "
    'II, ADDL, SS; for example {"TIME": [0, 24], "AMT": [60, 0], "ROUTE": ["oral", ""]}.'
)


class Faults:
    """Faults of a table's columns and of its rows.

    Parameters
    ----------
    given : str
        What the table is, for the error: its path, or "event table".
    """

    def __init__(self, given: str = "event table") -> None:
        self.given = given
        self.general: list[str] = []
        self._rows: list[tuple[np.ndarray, str, tuple[Any, ...]]] = []

    def at(self, wrong: ArrayLike, text: str, *values: Any) -> None:
        """Note a fault of some rows.

        Parameters
        ----------
        wrong : array of bool, shape (record,)
            Where it is.
        text : str
            What it is, with a place to format each of the values into.
        *values : array, shape (record,)
            What the text shows.
        """
        positions = np.flatnonzero(wrong)
        if positions.size:
            self._rows.append((positions, text, values))

    def stop(self, subject: Any = None, row: Any = None) -> None:
        """Raise all that was noted, in the order of the rows; the first 20 of these.

        Parameters
        ----------
        subject : array, shape (record,), optional
            Labels of the subjects, where the table has them.
        row : array of int, shape (record,), optional
            Rows of the source.

        Raises
        ------
        RegimenError
            There are faults.
        """
        counts = [len(positions) for positions, _, _ in self._rows]
        told = []
        if counts:
            positions = np.concatenate([found[0] for found in self._rows])
            kinds = np.repeat(np.arange(len(counts)), counts)
            for i in np.argsort(positions, kind="stable")[:MOST_SHOWN]:
                _, text, values = self._rows[kinds[i]]
                at = positions[i]
                where = "" if subject is None else f"ID {subject[at]}, "
                told.append(f"{where}row {row[at]}: " + text.format(*(v[at] for v in values)))
            if sum(counts) > MOST_SHOWN:
                told.append(f"{sum(counts) - MOST_SHOWN:,} more ({sum(counts):,} in all)")
        if self.general or told:
            raise RegimenError(*self.general, *told, given=self.given, remedy=REMEDY)
