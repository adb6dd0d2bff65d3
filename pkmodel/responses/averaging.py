"""Averages of responses over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["MEAN", "averages"]

MEAN = {"cell_methods": "time: mean"}
"""What an average says of itself, by the conventions of CF."""


def averages(ds: xr.Dataset) -> dict[str, xr.DataArray]:
    """Averages of the responses in a result from its first to its last time, with lines drawn between the times.

    Parameters
    ----------
    ds : xarray.Dataset
        From :func:`pkmodel.compare` or :func:`pkmodel.simulate`, with ``responses``, of two times or more [h].

    Returns
    -------
    dict of str to DataArray
        Every response variable by its name, in its own unit, over the dimensions of `ds` but time.

    Examples
    --------
    >>> import xarray
    >>> rising = xarray.DataArray([0.0, 1.0, 1.0], {"time": [0.0, 2.0, 4.0]}, attrs={"rests_on": "a hill"})
    >>> averages(xarray.Dataset({"analgesia": rising}))["analgesia"].item()
    0.75
    """
    span = float(ds.time[-1] - ds.time[0])
    return {
        str(name): (values.integrate("time") / span).assign_attrs(values.attrs | MEAN)
        for name, values in ds.data_vars.items()
        if "rests_on" in values.attrs
    }
