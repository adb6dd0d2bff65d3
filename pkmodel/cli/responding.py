"""The option --responses: names, averages over a table's window, and the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pkmodel.cli.tables import cell, columns

if TYPE_CHECKING:
    import xarray as xr


def read_names(text: str | None) -> bool | list[str]:
    """Names parted by commas, or ``all``.

    Examples
    --------
    >>> read_names("analgesia, respiration"), read_names("all"), read_names(None)
    (['analgesia', 'respiration'], True, False)
    """
    if text is None or text.strip() == "all":
        return text is not None
    return [word.strip() for word in text.split(",")]


def averages(ds: xr.Dataset) -> dict[str, xr.DataArray]:
    """Averages over time of the responses in a result, by name."""
    span = float(ds.time[-1] - ds.time[0])
    return {
        str(name): (values.integrate("time") / span).assign_attrs(values.attrs)
        for name, values in ds.data_vars.items()
        if "rests_on" in values.attrs
    }


def response_table(metrics: xr.Dataset, arms: Mapping[str, dict[str, Any]]) -> list[str]:
    """Average of every response in every arm; nothing without responses."""
    names = [str(n) for n, values in metrics.data_vars.items() if "rests_on" in values.attrs]
    if not names:
        return []
    rows = [["", *arms]]
    for name in names:
        cells = [cell(metrics[name].sel(labels).values) for labels in arms.values()]
        rows.append([name.replace("_", " "), *cells])
    return ["Responses, averages of the same hours", *columns(rows)]
