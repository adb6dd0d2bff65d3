"""What a figure takes out of a Dataset: checked, ordered, and as percentiles over the cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.errors import InputError, did_you_mean
from pkmodel.plot.style import SITES

if TYPE_CHECKING:
    import xarray as xr

CASES = ("subject", "replicate")
PERCENTILES = (0.05, 0.5, 0.95)


def refuse_dimensions(array: xr.DataArray, known: Sequence[str]) -> None:
    """Refuse dimensions that the figure has no place for."""
    other = [str(dim) for dim in array.dims if dim not in known]
    if other:
        raise InputError(
            *(f'the figure has no place for the dimension "{dim}"' for dim in other),
            remedy=f"Choose one value of each: ds.isel({', '.join(f'{dim}=0' for dim in other)}).",
        )


def one_of(what: str, given: str, known: Iterable[Any]) -> str:
    """Return the name if it is known."""
    names = [str(name) for name in known]
    if given not in names:
        near = did_you_mean(str(given), names)
        raise InputError(f'unknown {what} "{given}"{near}', remedy=f"Known are {', '.join(names)}.")
    return given


def choose_sites(
    known: Iterable[Any], given: str | Iterable[str] | None, leave_out: Iterable[str] = ()
) -> list[str]:
    """Sites to show, in anatomical order; by default all but those to leave out."""
    names = [str(name) for name in known]
    wanted = [given] if isinstance(given, str) else given
    if wanted is None:
        wanted = [name for name in names if name not in leave_out]
    chosen = {one_of("site", name, names) for name in wanted}
    if not chosen:
        raise InputError("no site is chosen", remedy=f"Known are {', '.join(names)}.")
    return [name for name in dict.fromkeys([*SITES, *names]) if name in chosen]


def percentiles(array: xr.DataArray) -> tuple[xr.DataArray, str]:
    """Percentiles over the cases that were solved, and what the legend calls those cases.

    Returns
    -------
    DataArray
        With the dimension ``quantile`` first, of which there are three.
    str
        ``"200 subjects"``; empty for one case.
    """
    over = [dim for dim in CASES if dim in array.dims]
    array = array.transpose(*over, ...).compute()
    values = array.values.reshape(-1, *array.shape[len(over) :])
    solved = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not solved.any():
        raise InputError(
            "no case was solved at all sites and times",
            remedy="Its status says why: pkmodel.variables.explain(int(ds.status.max())).",
        )
    bands = array.isel(dict.fromkeys(over, 0), drop=True).expand_dims(quantile=list(PERCENTILES))
    bands = bands.copy(data=np.quantile(values[solved], PERCENTILES, axis=0))
    cases = " × ".join(f"{array.sizes[dim]} {dim}s" for dim in over)
    failed = int((~solved).sum())
    return bands, cases + (f", {failed} not solved" if failed else "")
