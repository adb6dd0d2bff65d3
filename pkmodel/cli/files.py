"""Results and figures on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pkmodel.errors import InputError, require

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


TABLES = (".nc", ".zarr", ".csv")
FIGURES = (".png", ".pdf", ".svg")


@dataclass(frozen=True)
class Files:
    """Where a result and its figure go; checked before anything is computed."""

    output: Path | None
    plot: Path | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Files:
        """Refuse what cannot or should not be written."""
        output = checked_path("-o", given["output"], TABLES, given["force"])
        plot = checked_path("--plot", given["plot"], FIGURES, given["force"])
        if output is not None and output.suffix == ".zarr":
            require("zarr", "cluster", "-o with .zarr")
        if plot is not None:
            require("matplotlib", "plot", "--plot")
        return cls(output, plot)

    def write(self, ds: xr.Dataset) -> None:
        """Store a result where ``-o`` says, if it does."""
        if self.output is not None:
            save(ds, self.output)
            click.echo(f"Result: {self.output}")

    def draw(self, figure: Any) -> None:
        """Store a figure where ``--plot`` says."""
        figure.savefig(self.plot)
        click.echo(f"Figure: {self.plot}")


def checked_path(option: str, text: str | None, endings: Sequence[str], force: bool) -> Path | None:
    """A path that can be written to, or an error that says why not."""
    if text is None:
        return None
    path, given = Path(text), f"{option} {text}"
    if path.suffix not in endings:
        ending = f'unknown ending "{path.suffix}"' if path.suffix else "has no ending"
        known = " or ".join(filter(None, [", ".join(endings[:-1]), endings[-1]]))
        raise InputError(f"{ending}; expected {known}", given=given)
    if not path.parent.is_dir():
        raise InputError(f'there is no folder "{path.parent}"', given=given)
    if path.exists() and not force:
        raise InputError("exists already", given=given, remedy="Pass --force to overwrite it.")
    return path


def save(ds: xr.Dataset, path: Path) -> None:
    """Store a Dataset; NetCDF and Zarr hold all of it, CSV a long table without the compartments."""
    if path.suffix == ".nc":
        ds.to_netcdf(path, engine="h5netcdf")
    elif path.suffix == ".zarr":
        ds.to_zarr(path, mode="w", zarr_format=2, consolidated=True)
    else:
        tidy(ds).to_csv(path, index=False)


def tidy(ds: xr.Dataset) -> pd.DataFrame:
    """A long table, one row per arm, subject, site and time, or record and site, with the units in its head."""
    if "record" in ds.dims:
        return _records(ds)
    ds = ds.drop_dims("compartment", errors="ignore").reset_coords(drop=True)
    first = [d for d in ("arm", "ratio", "subject", "site") if d in ds.dims]
    table = ds.to_dataframe(dim_order=[*first, *(d for d in ds.dims if d not in first)])
    table = table.reset_index()
    return _with_units(table, ds)


def _records(ds: xr.Dataset) -> pd.DataFrame:
    """Answers by record, with the status of its subject."""
    others = [d for d in ds.concentration.dims if d not in ("record", "site")]
    table = ds[["concentration"]].to_dataframe(dim_order=[*others, "record", "site"]).reset_index()
    status = ds.status.to_dataframe()["status"].reset_index()
    if "subject" in ds.dims:
        status = status.rename(columns={"subject": "id"})
    by = [name for name in status.columns if name != "status"]
    table = (
        table.merge(status[[*by, "status"]], on=by) if by else table.assign(status=int(ds.status))
    )
    first = [*others, *(["id"] if "id" in table else []), "record", "time", "site"]
    return _with_units(table[[*first, "concentration", "status"]], ds)


def _with_units(table: pd.DataFrame, ds: xr.Dataset) -> pd.DataFrame:
    units = {name: ds[name].attrs.get("units") for name in table.columns}
    return table.rename(columns={name: f"{name} [{unit}]" for name, unit in units.items() if unit})
