"""Compare two or more ways of giving a drug: one Dataset with an ``arm`` dimension."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel import population
from pkmodel.drugs import Drug
from pkmodel.equivalence import convert
from pkmodel.errors import InputError, ParameterError
from pkmodel.regimen import Regimen
from pkmodel.simulation import body_weight, grid_of, regimen_of, solve, with_body_sizes
from pkmodel.simulation.cases import Cases, given_by_name
from pkmodel.simulation.labels import variable
from pkmodel.variables import attributes

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import ArrayLike

__all__ = ["compare", "table"]


def compare(
    drug: Drug | str,
    oral: Regimen | str | None = None,
    intrathecal: Regimen | str | None = None,
    *,
    arms: Mapping[str, Regimen | str] | None = None,
    ratio: float | str | ArrayLike | xr.DataArray | None = None,
    times: ArrayLike | None = None,
    parameters: Mapping[str, Any] | xr.Dataset | None = None,
    subjects: int | Iterable[int] | None = None,
    seed: int = 0,
    intended: bool = False,
    threads: int | None = None,
) -> xr.Dataset:
    """Compare oral with intrathecal dosing of one drug, in the same subjects.

    Parameters
    ----------
    drug : Drug or str
        A drug, its name, or the path of a drug file.
    oral : Regimen or str
        The oral order, for example ``"60 mg oral q12h x 28"``.
    intrathecal : Regimen or str, optional
        The intrathecal order; by default a pump that gives the oral daily dose / `ratio` over the same time.
    arms : mapping of str to (Regimen or str), optional
        Any other arms, by name: ``{"iv": "10 mg iv infusion over 1 h q6h x 56"}``.
    ratio : float, str, array or DataArray, optional
        Oral dose per intrathecal dose; by default the drug file's nominal one. The name of a preset of the
        file; several values become the dimension ``ratio``; a DataArray keeps its dimensions.
    times : array, optional
        Output times [h]; by default from 0 to the end of the longest arm.
    parameters : mapping or xarray.Dataset, optional
        As for :func:`pkmodel.simulate`.
    subjects : int or iterable of int, optional
        Draw a population with the spread of the drug file; every subject has the same parameters in each arm.
    seed : int
        Root of the random numbers.
    intended : bool
        Doses outside the drug file's range are meant.
    threads : int, optional
        As for :func:`pkmodel.simulate`.

    Returns
    -------
    xarray.Dataset
        As of :func:`pkmodel.simulate`, with ``concentration``, ``amount`` and ``auc`` over ``arm`` first; attributes
        ``regimen_<arm>``, ``ratio``, ``seed`` and those of the drug file.

    Raises
    ------
    InputError
        Nothing to compare, a drug without the route, a dose out of range, a ratio that is not above 0.

    Examples
    --------
    >>> ds = compare("morphine", oral="60 mg oral q12h x 28", ratio=300)
    >>> auc = ds.auc.sel(site="plasma").isel(time=-1)
    >>> ds.sizes["arm"], ds.attrs["regimen_intrathecal"]
    (2, '0.4 mg/day intrathecal pump for 14 d')
    """
    drug = drug if isinstance(drug, Drug) else Drug.read(drug)
    preset = "nominal" if ratio is None else ratio if isinstance(ratio, str) else None
    check = partial(drug.check, intended=intended, weight=body_weight(parameters))
    orders, factors, ratio = _arms(drug, oral, intrathecal, arms, ratio, check)
    model = drug.model()
    if subjects is not None:
        drawn = population.draw(model, subjects, seed=seed)
        parameters = {**given_by_name(drawn), **given_by_name(parameters)}
    model = with_body_sizes(model, [o for r in orders.values() for o in r], parameters)
    grid = _common_times(orders) if times is None else grid_of(times)
    results = {}
    for name, regimen in orders.items():
        cases = Cases.of(model, parameters, factors.get(name, {}))
        results[name] = solve(model, drug, regimen, grid, cases, True, True, threads)
    ds = _concat(results)
    ds.attrs |= {f"regimen_{name}": str(regimen) for name, regimen in orders.items()}
    if ratio is not None:
        ds.attrs["ratio"] = json.dumps(np.asarray(ratio).tolist())
        ds.attrs["sources"] = json.dumps(drug.sources_used(preset), ensure_ascii=False)
    if subjects is not None:
        ds.attrs["seed"] = str(seed)
    return ds


def table(ds: xr.Dataset, interval: float | None = None) -> pd.DataFrame:
    """Exposure of every arm and site over the last dosing interval.

    Parameters
    ----------
    ds : xarray.Dataset
        From :func:`compare`.
    interval : float, optional
        Length [h] of the interval at the end; by default 24.

    Returns
    -------
    pandas.DataFrame
        One row per site and arm (and ratio), with the median over subjects of Cmax, Cmin, Cavg, AUC, tmax and
        fluctuation, and of the AUC relative to the first arm.
    """
    from pkmodel import nca

    end = float(ds.time[-1])
    start = max(float(ds.time[0]), end - (24.0 if interval is None else interval))
    summary = nca.summary(ds, start=start, end=end)
    over = [d for d in ("subject", "replicate") if d in ds.dims]
    chosen = summary[["cmax", "cmin", "cav", "auc", "tmax", "deg_fluc"]].median(over)
    chosen["auc_relative"] = chosen.auc / chosen.auc.isel(arm=0, drop=True)
    order = ["site", *(d for d in chosen.auc.dims if d != "site")]
    return chosen.to_dataframe(dim_order=order)[list(chosen)]


def _arms(
    drug: Drug,
    oral: Any,
    intrathecal: Any,
    others: Any,
    ratio: Any,
    check: Callable[[Regimen], None],
) -> tuple[dict[str, Regimen], dict[str, dict[str, Any]], Any]:
    """Regimens by arm, dose factors by arm, and the ratio that was applied (None if none was)."""
    orders = {name: regimen_of(r, drug) for name, r in
              {"oral": oral, "intrathecal": intrathecal, **(others or {})}.items() if r is not None}  # fmt: skip
    factors: dict[str, dict[str, Any]] = {}
    if oral is not None and intrathecal is None and not others:
        ratio = _ratio(drug, ratio)
        check(orders["oral"])
        if np.ndim(ratio) == 0:
            orders["intrathecal"] = convert(orders["oral"], float(ratio))
        else:
            orders["intrathecal"] = convert(orders["oral"], drug.ratio())
            factors["intrathecal"] = {"intrathecal": drug.ratio() / ratio}
            for extreme in (float(ratio.min()), float(ratio.max())):
                check(convert(orders["oral"], extreme))
    elif ratio is not None:
        raise InputError(
            "a ratio and an intrathecal order are both given, and each would set the dose",
            remedy="Leave one of them out.",
        )
    if len(orders) < 2:
        raise InputError(
            "there is nothing to compare",
            remedy='Write for example compare("morphine", oral="60 mg oral q12h x 28", ratio=300).',
        )
    for regimen in orders.values():
        check(regimen)
    return orders, factors, ratio


def _ratio(drug: Drug, ratio: Any) -> Any:
    """A number, or a DataArray over its own dimensions or ``ratio``."""
    import xarray as xr

    if ratio is None or isinstance(ratio, str):
        return drug.ratio(ratio or "nominal")
    values = np.asarray(ratio, dtype=float)
    if values.ndim > 1 and not isinstance(ratio, xr.DataArray):
        raise ParameterError(
            f"the ratio has shape {values.shape}", remedy="Write ratio=300 or ratio=[30, 100, 300]."
        )
    if not (np.isfinite(values) & (values > 0)).all() or not values.size:
        raise ParameterError(
            f"the ratio is {ratio!r}; expected numbers above 0", remedy="Write ratio=300."
        )
    if values.ndim == 0 or isinstance(ratio, xr.DataArray):
        return ratio
    return xr.DataArray(
        values, dims="ratio", coords={"ratio": ("ratio", values, attributes("ratio"))}
    )


def _common_times(orders: Mapping[str, Regimen]) -> np.ndarray:
    ends = [r.end for r in orders.values() if np.isfinite(r.end)]
    if not ends or max(ends) <= 0:
        raise InputError(
            "no arm has an end, and no times are given",
            remedy="Write x 28, for 14 d, or give times=.",
        )
    return np.linspace(0.0, max(ends), min(337, int(np.ceil(max(ends))) + 1))


def _concat(results: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Arms side by side; what an arm does not depend on (a ratio) is repeated."""
    import xarray as xr

    arms = list(results.values())
    widest = max(arms, key=lambda ds: len(ds.dims))
    data = {}
    for name, like in widest.data_vars.items():
        parts = [_broadcast(ds[name].variable, like) for ds in arms]
        data[name] = variable(("arm", *map(str, like.dims)), np.stack(parts), like.attrs)
    coords = {n: c.variable for ds in arms for n, c in ds.coords.items()}
    arm = variable("arm", np.array(list(results), object), attributes("arm"))
    kept = arms[0].attrs.items()
    return xr.Dataset(
        data,
        {"arm": arm, **coords},
        {k: v for k, v in kept if all(ds.attrs.get(k) == v for ds in arms)},
    )


def _broadcast(part: xr.Variable, like: xr.DataArray) -> np.ndarray:
    """Values of `part` repeated along the dimensions that only `like` has."""
    shape = [part.sizes.get(d, 1) for d in like.dims]
    return np.broadcast_to(part.values.reshape(shape), like.shape)
