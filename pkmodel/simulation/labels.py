"""Label arrays: the only place where they become a Dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.schedule import observed
from pkmodel.variables import SEMANTICS, STATUS, VARIABLES, attributes

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from pkmodel.drugs import Drug
    from pkmodel.events import EventTable
    from pkmodel.model import Model
    from pkmodel.simulation.cases import Cases

    Floats = NDArray[np.float64]

INVALID = 1

_FLAGS = {
    "flag_values": np.arange(len(STATUS), dtype=np.uint8),
    "flag_meanings": " ".join(s.flag for s in STATUS),
}


def variable(dims: str | tuple[str, ...], values: Any, attrs: Mapping[str, Any]) -> xr.Variable:
    """Variable of plain numbers over a tuple of dimensions; or the labels of one, a tuple if they are text.

    Built the short way: xarray's checks import every array library that is installed, which costs
    the first result of a process half a second.
    """
    import xarray as xr

    if isinstance(dims, str):
        labels = _names(dims, values) if isinstance(values, tuple) else _index(dims, values)
        return xr.IndexVariable(dims, labels, dict(attrs), fastpath=True)
    return xr.Variable(dims, values, dict(attrs), fastpath=True)


def _index(dim: str, values: Any) -> pd.Index:
    import pandas as pd

    return pd.Index(values, dtype=values.dtype, name=dim)


@lru_cache(maxsize=64)
def _names(dim: str, values: tuple[str, ...]) -> pd.Index:
    """Labels of text, which many results have in common, and none can change."""
    labels = np.array(values, object)
    labels.flags.writeable = False
    return _index(dim, labels)


def dataset(data: Mapping[str, xr.Variable], coords: Mapping[str, xr.Variable]) -> xr.Dataset:
    """Variables that fit each other as a Dataset, with an index for the labels of every dimension.

    The same as ``xarray.Dataset(data, coords)``, which spends a third of a millisecond on merging.
    """
    import xarray as xr
    from xarray.indexes import PandasIndex

    labels = {n: v for n, v in coords.items() if isinstance(v, xr.IndexVariable)}
    indexes = {n: PandasIndex(v.to_index(), n) for n, v in labels.items()}
    return xr.Coordinates({**data, **coords}, indexes).to_dataset().reset_coords(list(data))


def label(
    model: Model, doses: Mapping[str, str], times: Floats, cases: Cases, out: Floats, status: NDArray[np.uint8],
    amounts: bool, auc: bool, drug: Drug | None, further: Mapping[str, Floats] | None = None,
) -> xr.Dataset:  # fmt: skip
    """Arrays of shape (case, row, time) as a Dataset, with `further` variables of shape (case, time)."""
    dims, shape = tuple(cases.sizes), tuple(cases.sizes.values())
    out = out.reshape(*shape, *out.shape[1:])
    last = {"time": variable("time", times, attributes("time"))}
    ds = _dataset(model, doses, last, dims, cases, out, status, amounts, auc, drug)
    for name, values in (further or {}).items():
        ds[name] = variable((*dims, "time"), values.reshape(*shape, -1), {"long_name": name})
    return ds


def label_records(
    model: Model, doses: Mapping[str, str], table: EventTable, cases: Cases, out: Floats,
    status: NDArray[np.uint8], amounts: bool, auc: bool, drug: Drug | None, further: Mapping[str, Floats],
) -> xr.Dataset:  # fmt: skip
    """Arrays of shape (dimensions but subject, row, record) as a Dataset, with `further` variables without row."""
    seen = observed(table)
    last = {
        "record": variable("record", table.row[seen], attributes("record")),
        "time": variable(("record",), table.time[seen], attributes("time")),
    }
    if table.grouped:
        last["id"] = variable(("record",), table.subject[seen], attributes("id"))
    dims = tuple(d for d in cases.sizes if d != "subject")
    ds = _dataset(model, doses, last, dims, cases, out, status, amounts, auc, drug)
    for name, values in further.items():
        ds[name] = variable((*dims, "record"), values, {"long_name": name})
    return ds


def _dataset(
    model: Model, doses: Mapping[str, str], last: Mapping[str, xr.Variable], dims: tuple[str, ...], cases: Cases,
    out: Floats, status: NDArray[np.uint8], amounts: bool, auc: bool, drug: Drug | None,
) -> xr.Dataset:  # fmt: skip
    data: dict[str, xr.Variable] = {}
    first = 0
    for name, present, labels in (
        ("amount", amounts, model.amounts), ("concentration", True, model.sites), ("auc", auc, model.sites)
    ):  # fmt: skip
        if present:
            rows = out[..., first : first + len(labels), :]
            own = (*dims, VARIABLES[name].dims[0], next(iter(last)))
            data[name] = variable(own, rows, attributes(name))
            first += len(labels)
    if cases.invalid.any():
        status = np.where(cases.invalid, INVALID, status).astype(np.uint8)
    data["status"] = variable(
        tuple(cases.sizes), status.reshape(cases.shape), {**attributes("status"), **_FLAGS}
    )
    coords = {name: variable(*parts) for name, parts in cases.coords.items()}
    labelled = {"site": model.sites}
    if amounts:
        labelled["compartment"] = model.amounts
    for name, values in labelled.items():
        coords[name] = variable(name, values, attributes(name))
    coords |= last
    result = dataset(data, coords)
    result.attrs = _provenance(model, doses, cases, drug)
    return result


def _provenance(
    model: Model, doses: Mapping[str, str], cases: Cases, drug: Drug | None
) -> dict[str, str]:
    from pkmodel import __version__

    attrs = {
        "model": model.name,
        **doses,
        "parameters": json.dumps(cases.fixed),
        "pkmodel_version": __version__,
        "semantics_version": SEMANTICS,
    }
    if cases.factors:
        plain = {r: float(v[0, 0]) if v.size == 1 else "varies" for r, v in cases.factors.items()}
        attrs["dose_factor"] = json.dumps(plain)
    if drug is not None:
        attrs |= {
            "drug": drug.name,
            "drug_version": drug.version,
            "sources": json.dumps(drug.sources_used(), ensure_ascii=False),
        }
    return attrs
