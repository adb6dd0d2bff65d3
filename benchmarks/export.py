"""All results of asv in one tidy table: ``python -m benchmarks.export --csv results.csv --netcdf results.nc``.

One row per machine, commit, environment, benchmark and combination of parameters. It knows asv, and nothing of this
package: any project's results can be read.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

FORMAT = 2
COLUMNS = {
    "machine": "name of the machine",
    "commit": "hash of the commit",
    "date": "date of the commit",
    "environment": "name of the environment",
    "python": "version of Python",
    "benchmark": "name of the benchmark",
    "parameters": "name=value of every parameter",
    "type": "time, track, peakmem, …",
    "unit": "unit of the value",
    "value": "result; missing if the benchmark failed",
    "low": "lower end of the 99 % confidence interval, if there is one",
    "high": "upper end of the 99 % confidence interval, if there is one",
    "samples": "number of samples",
    "started": "when it was measured",
    "current": "whether the benchmark has not been changed since",
}


def read(results: Path) -> pd.DataFrame:
    """The table of a results folder.

    Skipped combinations have no row. Failed ones have a missing value.

    Raises
    ------
    ValueError
        There is no result, or a file is not one of asv's: all such files are named.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    faults = []
    described: dict[str, Any] = {}
    if (listing := results / "benchmarks.json").exists():
        described = json.loads(listing.read_text(encoding="utf-8"))
    for path in sorted(results.glob("*/*.json")):
        if path.name == "machine.json":
            continue
        try:
            rows += of_run(
                json.loads(path.read_text(encoding="utf-8")), path.parent.name, described
            )
        except (ValueError, KeyError) as error:
            faults.append(f"{path}: {type(error).__name__} {error}")
    if faults:
        raise ValueError("not results of asv, format 2: " + "; ".join(faults))
    if not rows:
        raise ValueError(f"no results in {results}: write them with asv run")
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("date", "started"):
        frame[name] = pd.to_datetime(frame[name], unit="ms")
    return frame.sort_values(["date", *list(COLUMNS)[:7]], kind="stable", ignore_index=True)


def of_run(run: dict[str, Any], machine: str, described: dict[str, Any]) -> Iterator[dict]:
    """Rows of one file: a commit in an environment."""
    if run["version"] != FORMAT:
        raise ValueError(f"of format {run['version']}")
    common = {
        "machine": machine,
        "commit": run["commit_hash"],
        "date": run["date"],
        "environment": run["env_name"],
        "python": run["python"],
    }
    for name, cells in run["results"].items():
        # trailing columns may be left out
        columns = dict(zip(run["result_columns"], cells, strict=False))
        about = described.get(name, {})
        common |= {
            "benchmark": name,
            "type": about.get("type", name.rpartition(".")[2].partition("_")[0]),
            "unit": about.get("unit", ""),
            "started": columns.get("started_at"),
            "current": columns.get("version") == about.get("version"),
        }
        yield from of_benchmark(columns, about.get("param_names", []), common)


def of_benchmark(
    columns: dict[str, Any], names: list[str], common: dict[str, Any]
) -> Iterator[dict]:
    """Rows of one benchmark; its lists run over the combinations, the last parameter fastest."""
    combinations = list(product(*columns.get("params") or []))
    values, low, high = (
        columns.get(k) or [None] * len(combinations)
        for k in ("result", "stats_ci_99_a", "stats_ci_99_b")
    )
    samples = columns.get("stats_repeat") or [None] * len(combinations)
    for chosen, value, a, b, count in zip(combinations, values, low, high, samples, strict=True):
        if value is not None and np.isnan(value):
            continue  # skipped
        own = [names[i] if i < len(names) else f"parameter {i + 1}" for i in range(len(chosen))]
        texts = [f"{n}={plain(c)}" for n, c in zip(own, chosen, strict=True)]
        yield common | {
            "parameters": ", ".join(texts),
            "value": number(value),
            "low": number(a),
            "high": number(b),
            "samples": number(count),
        }


def plain(text: str) -> str:
    """A parameter without the quotation marks of its repr."""
    try:
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return text


def number(value: float | None) -> float:
    """Missing and infinite as NaN: the interval of a single sample is infinite."""
    return float(value) if value is not None and np.isfinite(value) else np.nan


def dataset(frame: pd.DataFrame) -> xr.Dataset:
    """The table as a Dataset along ``row``, which NetCDF can hold."""
    import xarray as xr

    plain_types = frame.astype(
        {name: object for name in frame.columns if frame[name].dtype.kind not in "fbM"}
    )
    columns = {n: ("row", plain_types[n].to_numpy(), {"long_name": COLUMNS[n]}) for n in frame}
    return xr.Dataset(columns)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("--results", type=Path, default=Path(".asv/results"), help="(.asv/results)")
    parser.add_argument("--csv", type=Path, help="by default the table is printed")
    parser.add_argument("--netcdf", type=Path)
    given = parser.parse_args(arguments)
    try:
        frame = read(given.results)
    except ValueError as error:
        parser.exit(1, f"{error}\n")
    if given.csv:
        frame.to_csv(given.csv, index=False)
    if given.netcdf:
        dataset(frame).to_netcdf(given.netcdf, engine="h5netcdf")
    if not (given.csv or given.netcdf):
        frame.to_csv(sys.stdout, index=False)


if __name__ == "__main__":
    main()
