"""Responses in the result of a simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pkmodel.drugs.effects import RESPONSES
from pkmodel.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from pkmodel.responses import Responses
    from pkmodel.simulation.cases import Cases, Columns

    Floats = NDArray[np.float64]


def answered(ds: xr.Dataset, wanted: Responses | None, cases: Cases, times: Floats) -> xr.Dataset:
    """The result with the responses that were asked for, by the parameters of every case at every time."""
    if wanted is None:
        return ds
    segment = np.searchsorted(cases.breaks, times, side="right")

    def value(name: str) -> Floats | None:
        if name not in cases.values:
            return None
        v = cases.values[name]
        v = v[:, segment] if v.shape[1] > 1 else v
        return v.reshape(*cases.shape, -1) if len(v) > 1 else v[0]

    return wanted.answer(ds, value)


def require_grid(wanted: Responses | None, times: Floats | None, columns: Columns) -> None:
    """Refuse responses of a table at its records, or with numbers of theirs that change from record to record.

    Raises
    ------
    InputError
        They would be at times that subjects do not share.
    """
    if wanted is None:
        return
    changing = [
        name
        for name, (dims, values, _) in columns.values.items()
        if name.partition("_")[0] in RESPONSES and values.shape[dims.index("time")] > 1
    ]
    if changing:
        raise InputError(
            f"{changing[0]} changes in the table, and responses take one value for all of the time",
            remedy=f'Give it as a parameter: parameters={{"{changing[0]}": ...}}.',
        )
    if times is None:
        raise InputError(
            "the table has observation records, and responses are over times that all subjects share",
            remedy="Give times=[0, 1, 2, ...].",
        )
