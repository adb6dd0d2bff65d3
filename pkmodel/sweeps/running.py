"""Run a sweep, go on with one, and look how far it is."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.errors import InputError, require
from pkmodel.sweeps.blocks import Blocks
from pkmodel.sweeps.computing import compute, coordinates, layout, rehearse
from pkmodel.sweeps.costs import Size, blocks_of, require_memory, size_of
from pkmodel.sweeps.design import Design
from pkmodel.sweeps.engines import by_dask, by_threads, processors
from pkmodel.sweeps.plan import Plan
from pkmodel.sweeps.planning import plan_of
from pkmodel.sweeps.store import NOT_RUN, Store, is_unfinished, is_url, status_of

if TYPE_CHECKING:
    import xarray as xr

PATIENCE = 60.0
"""Seconds for another process to finish a store's template."""


@dataclass(frozen=True)
class Progress:
    """How far a store is.

    Parameters
    ----------
    runs, done, failed : int
        All runs; those that were computed; those of them with a case that failed.
    reasons : dict of int to int
        How many runs ended with each status above 0.
    """

    runs: int
    done: int
    failed: int
    reasons: dict[int, int]


def sweep(
    drug: str | Path,
    design: Design,
    *,
    store: str | Path | None = None,
    client: Any = None,
    workers: int | None = None,
    part: tuple[int, int] = (1, 1),
    runs_per_box: int | None = None,
    progress: bool | None = None,
    **what: Any,
) -> xr.Dataset:
    """Compare at every point of a design.

    Parameters
    ----------
    drug : str or Path
        Name of a drug, or path of a drug file.
    design : Design
        Points: :func:`grid`, :func:`latin_hypercube`, :func:`sobol`, :func:`from_table`. Parameters of the model, the
        dose-equivalence ``ratio``, ``segments``, ``tip``, ``variant`` and the order ``oral`` can vary.
    store : str or Path, optional
        Folder or URL of a Zarr store; by default the results are kept in memory. A store that holds a part of
        the same sweep is gone on with.
    client : distributed.Client, optional
        Whose workers compute, and write to the store.
    workers : int, optional
        Threads, without a client; by default all processors.
    part : (int, int)
        Which part of how many this process does, for job arrays that share a store: ``(3, 16)``.
    runs_per_box : int, optional
        Runs that are computed and stored together; by default by their size. The results do not depend on it.
    progress : bool, optional
        Draw a bar; by default in a terminal.
    **what
        oral, arms : the oral order whose intrathecal arm follows from the ratio, or all arms by name, as text or
        `Regimen`; ratio : for all runs, by default the drug file's; settings : parameters for all runs; metrics :
        ``auc``, ``cav``, ``cmax``, ``cmin``, ``ctrough``, ``tmax``, or none for profiles; window : first and last hour
        of the metrics, by default the last 24 h; times : output times [h] of profiles, or those at which peaks
        and responses are looked for, by default every 15 min; responses : as for :func:`pkmodel.simulate`, averages
        over the window, or profiles without metrics; sites; subjects, seed : a population, the same in all runs;
        quantiles : over the subjects, kept in their place; segments, tip, variant; intended.

    Returns
    -------
    xarray.Dataset
        Metrics (or ``concentration``) over the dimensions of the design (``run`` where it is scattered), ``arm``,
        ``subject`` or ``quantile``, ``site`` (and ``time``); responses over the same, but for ``site``; ``status`` and
        the number of ``failed`` cases over the design. From a store it is read when it is used.

    Raises
    ------
    InputError
        Whatever is wrong with the plan, before anything is computed; a store of another sweep; a place that cannot
        be written; more memory than there is.
    PackageError
        A store, and Zarr is not installed.

    Examples
    --------
    >>> from pkmodel.sweeps import grid
    >>> ds = sweep("morphine", grid(ratio=[30, 300]), oral="60 mg oral q12h x 28", metrics=["auc"], segments=3)
    >>> ds.auc.dims
    ('ratio', 'arm', 'site')
    """
    _require_part(part)
    plan = plan_of(drug, design, **what)
    if store is None and (client is not None or part != (1, 1)):
        raise InputError(
            "workers of a cluster and parts of a job array meet in a store",
            remedy='Write store="sweep.zarr".',
        )
    count = _workers(workers, client)
    blocks = blocks_of(plan, runs_per_box, count * part[1])
    require_memory(plan, blocks, 1 if client else count, store is None)
    if store is None:
        return _in_memory(plan, blocks, count, progress)
    return _into(_begun(_place(store), plan, blocks), client, count, part, progress)


def resume(
    store: str | Path,
    *,
    client: Any = None,
    workers: int | None = None,
    part: tuple[int, int] = (1, 1),
    progress: bool | None = None,
) -> xr.Dataset:
    """Go on with the sweep of a store; arguments and result as of :func:`sweep`.

    Raises
    ------
    InputError
        No sweep there, or one that was begun with other numbers; a place that cannot be written.
    PackageError
        Zarr is not installed.
    """
    return _into(Store.open(_place(store)), client, _workers(workers, client), part, progress)


def progress(store: str | Path) -> Progress:
    """How far a store is; reads nothing else.

    Raises
    ------
    InputError
        No sweep there.
    PackageError
        Zarr is not installed.
    """
    status = status_of(_place(store))
    done = status != NOT_RUN
    bad = status[done & (status > 0)]
    reasons = dict(zip(*(x.tolist() for x in np.unique(bad, return_counts=True)), strict=True))
    return Progress(status.size, int(done.sum()), bad.size, reasons)


def describe(
    drug: str | Path,
    design: Design,
    *,
    store: str | Path | None = None,
    workers: int | None = None,
    runs_per_box: int | None = None,
    **what: Any,
) -> Size:
    """What a sweep would cost; arguments as of :func:`sweep`. Computes some runs, and writes nothing.

    Raises
    ------
    InputError
        Whatever is wrong with the plan; more memory than there is.

    Examples
    --------
    >>> from pkmodel.sweeps import grid
    >>> size = describe("morphine", grid(ratio=[30, 300]), oral="60 mg oral q12h x 28", segments=3)
    >>> size.runs, size.cases
    (2, 4)
    """
    plan, count = plan_of(drug, design, **what), _workers(workers, None)
    blocks = blocks_of(plan, runs_per_box, count)
    require_memory(plan, blocks, count, store is None)
    return size_of(plan, blocks, count, store is None)


def _place(store: str | Path) -> str:
    """A URL, or a folder as workers that run elsewhere find it; refused without the package that reads it."""
    require("zarr", "cluster", "the store of a sweep")
    return str(store) if is_url(str(store)) else str(Path(store).absolute())


def _workers(given: int | None, client: Any) -> int:
    if client is not None:
        return max(1, sum(client.nthreads().values()))
    if given is not None and given < 1:
        raise InputError(f"workers is {given}; expected 1 or more", remedy="Write workers=2.")
    return processors() if given is None else given


def _require_part(part: tuple[int, int]) -> None:
    mine, parts = part
    if not 1 <= mine <= parts:
        raise InputError(
            f"part is {part}; expected one of 1 to {parts}, of {parts}",
            remedy="Write part=(1, 16).",
        )


def _into(
    store: Store, client: Any, workers: int, part: tuple[int, int], bar: bool | None
) -> xr.Dataset:
    _require_part(part)
    boxes = list(store.open_boxes(part))
    begin = random.randrange(max(1, len(boxes)))  # of two at once, each begins elsewhere
    boxes = boxes[begin:] + boxes[:begin]
    if client is None:
        _drain(by_threads(store.work, boxes, workers), len(boxes), bar)
    else:
        _drain(by_dask(store, boxes, client), len(boxes), bar)
    return store.dataset()


def _in_memory(plan: Plan, blocks: Blocks, workers: int, bar: bool | None) -> xr.Dataset:
    import xarray as xr

    design, coords, variables = plan.design.sizes, coordinates(plan), layout(plan)
    sizes = design | {dim: len(values) for dim, values, _ in coords.values()}
    data = {
        name: np.empty([sizes[d] for d in (*design, *dims)], kind)
        for name, (dims, kind, _) in variables.items()
    }

    def work(box: tuple[slice, ...]) -> None:
        for name, found in compute(plan, box).items():
            data[name][box] = found

    _drain(by_threads(work, blocks, workers), len(blocks), bar)
    return xr.Dataset(
        {n: ((*design, *dims), data[n], about) for n, (dims, _, about) in variables.items()},
        coords,
        {"seed": plan.seed, "hash": plan.hash},
    )


def _drain(steps: Iterable[None], count: int, bar: bool | None) -> None:
    from tqdm import tqdm

    for _ in tqdm(steps, "sweep", count, unit="box", disable=None if bar is None else not bar):
        pass


def _begun(path: str, plan: Plan, blocks: Blocks) -> Store:
    """The store of a plan, new or gone on with; another process may be at work on its template."""
    rehearse(plan)
    try:
        return Store.create(path, plan, blocks)
    except FileExistsError:
        pass
    until = time.monotonic() + PATIENCE
    while is_unfinished(path, PATIENCE) and time.monotonic() < until:
        time.sleep(0.2)
    store = Store.open(path)
    store.same(plan)
    return store
