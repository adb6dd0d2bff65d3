"""One box of a sweep: simulate its runs, and keep what is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.comparison import compare
from pkmodel.nca.arrays import maximum
from pkmodel.responses.averaging import MEAN, averages
from pkmodel.sweeps.caching import use_node_cache
from pkmodel.sweeps.design import RUN
from pkmodel.sweeps.plan import METRICS, STRUCTURE, Plan

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

FAILED = "failed"
STATUS = "status"


def compute(plan: Plan, box: Sequence[slice]) -> Arrays:
    """Results of the runs in a box, computed on this thread.

    Parameters
    ----------
    plan : Plan
        The sweep.
    box : sequence of slice
        One along every dimension of the design.

    Returns
    -------
    dict of str to array
        Variables of :func:`layout` at the runs of the box. They do not depend on the box that a run is in.
    """
    use_node_cache()
    shape = tuple(cut.stop - cut.start for cut in box)
    count = int(np.prod(shape))
    points = plan.design.points(box)
    structure = {name: points.pop(name) for name in STRUCTURE if name in points}
    found: Arrays = {}
    for own, where in _alike(structure, count):
        varied = {name: values[where] for name, values in points.items()}
        for name, values in _reduced(plan, _simulated(plan, own, varied, len(where))).items():
            whole = found.setdefault(name, np.empty((count, *values.shape[1:]), values.dtype))
            whole[where] = values[: len(where)]
    return {name: values.reshape(shape + values.shape[1:]) for name, values in found.items()}


def layout(plan: Plan) -> dict[str, tuple[tuple[str, ...], str, dict[str, str]]]:
    """Variables of the results: dimensions after those of the design, type, attributes."""
    over = () if plan.subjects is None else (("quantile",) if plan.quantiles else ("subject",))
    dims = ("arm", *over, "site")
    found = {name: (dims, "float64", {"units": METRICS[name]}) for name in plan.metrics}
    if not plan.metrics:
        found["concentration"] = ((*dims, "time"), "float64", {"units": "mg/L"})
    time, mean = ((), MEAN) if plan.metrics else (("time",), {})
    for name, about in plan.described.items():
        found[name] = (("arm", *over, *time), "float64", about | mean)
    told = {"long_name": "0: can be trusted; 255: not run; others: see pkmodel.variables.explain"}
    found[FAILED] = ((), "int64", {"long_name": "cases (subjects times arms) that failed"})
    found[STATUS] = ((), "uint8", told)
    return found


def coordinates(plan: Plan) -> dict[str, tuple[str, NDArray[Any], dict[str, str]]]:
    """Coordinates of the results: the dimension, the labels and the attributes of each."""
    design, defaults = plan.design, plan.model.defaults
    found: dict[str, tuple[str, NDArray[Any], dict[str, str]]] = {}
    for name, values in design.columns.items():
        units = {"units": defaults[name].unit} if name in defaults else {}
        found[name] = (RUN if design.scattered else name, values, units)
    if design.scattered:
        found[RUN] = (RUN, np.arange(design.count), {})
    found["arm"] = ("arm", np.array(plan.names), {})
    found["site"] = ("site", np.array(plan.kept), {})
    if not plan.metrics:
        found["time"] = ("time", np.array(plan.times), {"units": "h"})
    if plan.quantiles:
        found["quantile"] = ("quantile", np.array(plan.quantiles), {})
    elif plan.subjects is not None:
        found["subject"] = ("subject", np.arange(1, plan.subjects + 1), {})
    return found


def _alike(structure: Arrays, count: int) -> Iterator[tuple[dict[str, Any], NDArray[np.intp]]]:
    """Every combination of the structure among some runs, and the runs that have it."""
    if not structure:
        yield {}, np.arange(count)
        return
    rows = list(zip(*(values.tolist() for values in structure.values()), strict=True))
    for row in dict.fromkeys(rows):
        where = np.array([k for k, other in enumerate(rows) if other == row])
        yield dict(zip(structure, row, strict=True)), where


def rehearse(plan: Plan) -> None:
    """Compute the first run, in one subject: what a check has missed is refused before anything is stored.

    Raises
    ------
    InputError
        Whatever the comparison refuses.
    """
    one = replace(plan, subjects=None if plan.subjects is None else 1)
    compute(one, [slice(0, 1)] * len(plan.design.sizes))


def _simulated(plan: Plan, structure: Mapping[str, Any], points: Arrays, count: int) -> xr.Dataset:
    """Runs of one structure along ``run``; a single one stands twice, so that a fault of it is a status."""
    import xarray as xr

    copies = np.zeros(2, int) if count == 1 else np.arange(count)
    along = {name: xr.DataArray(values[copies], dims=RUN) for name, values in points.items()}
    ratio: Any = along.pop("ratio", None)
    if plan.converts and ratio is None:
        ratio = plan.ratio
    times = np.array(plan.times)
    if plan.metrics:
        times = np.unique([*plan.times, *plan.window])
    oral = str(structure.get("oral", plan.arms.get("oral")))
    given = {"oral": oral, "ratio": ratio} if plan.converts else {"arms": plan.arms}
    ds = compare(
        plan.at(structure),
        **given,
        times=times,
        parameters={**plan.settings, **along},
        subjects=plan.subjects,
        seed=plan.seed,
        intended=True,
        sites=plan.kept,
        amounts=False,
        responses=plan.responses or None,
        threads=1,
    )
    return ds if RUN in ds.dims else ds.expand_dims({RUN: len(copies)})


def _reduced(plan: Plan, ds: xr.Dataset) -> Arrays:
    """What is kept, the runs first."""
    subject = [] if plan.subjects is None else ["subject"]
    order = [RUN, "arm", *subject, "site", "time"]
    concentration = ds.concentration.transpose(*order).values
    status = ds.status.transpose(*(d for d in order if d in ds.status.dims)).values
    status = status.reshape(len(status), -1)
    if plan.metrics:
        area = ds.auc.transpose(*order).values
        found = _metrics(plan, concentration, area, ds.time.values)
    else:
        found = {"concentration": concentration}
    if plan.responses:
        found |= _responses(plan, ds)
    if plan.quantiles:
        found = {name: _quantiles(values, plan.quantiles) for name, values in found.items()}
    return {**found, FAILED: (status > 0).sum(axis=1), STATUS: status.max(axis=1)}


def _metrics(plan: Plan, c: NDArray[Any], area: NDArray[Any], times: NDArray[Any]) -> Arrays:
    """Metrics over the window; areas are the exact integrals."""
    first, last = (int(np.searchsorted(times, t)) for t in plan.window)
    inside = c[..., first : last + 1]
    auc = area[..., last] - area[..., first]
    every = {
        "auc": lambda: auc,
        "cav": lambda: auc / (plan.window[1] - plan.window[0]),
        "cmax": lambda: inside.max(axis=-1),
        "cmin": lambda: inside.min(axis=-1),
        "ctrough": lambda: inside[..., -1],
        "tmax": lambda: _times_of_peaks(inside, times[first : last + 1] - plan.window[0]),
    }
    return {name: every[name]() for name in plan.metrics}


def _responses(plan: Plan, ds: xr.Dataset) -> Arrays:
    """Responses, as averages over the window where metrics are kept."""
    if plan.metrics:
        found = averages(ds.sel(time=slice(*plan.window)))
    else:
        found = {name: ds[name] for name in plan.described}
    return {name: values.transpose(RUN, "arm", ...).values for name, values in found.items()}


def _times_of_peaks(c: NDArray[Any], times: NDArray[Any]) -> NDArray[Any]:
    """First times of the peaks, up to rounding."""
    _, found = maximum(times[None], c.reshape(-1, c.shape[-1]))
    return found.reshape(c.shape[:-1])


def _quantiles(values: NDArray[Any], quantiles: Sequence[float]) -> NDArray[Any]:
    """Quantiles over the subjects of axis 2, in their place; subjects that failed are left out."""
    last = np.moveaxis(values, 2, -1)
    flat = last.reshape(-1, last.shape[-1])
    found = np.quantile(flat, quantiles, axis=1)
    for row in np.flatnonzero(np.isnan(found[0])):
        there = flat[row][~np.isnan(flat[row])]
        if there.size:
            found[:, row] = np.quantile(there, quantiles)
    return np.moveaxis(found.reshape(len(quantiles), *last.shape[:-1]), 0, 2)
