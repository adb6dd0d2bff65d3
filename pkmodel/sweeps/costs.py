"""What a sweep costs, before it is run."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pkmodel.errors import InputError
from pkmodel.simulation.threads import LANES
from pkmodel.sweeps.blocks import Blocks
from pkmodel.sweeps.computing import compute, coordinates, layout
from pkmodel.sweeps.plan import Plan

BOX_BYTES = 128e6
MOST_RUNS = 4096
LEAST_RUNS = 32
"""Runs of a box below which the kernel's lanes are not full."""
ROUNDS = 4
"""Boxes per worker, at least, if there are runs enough: the last ones end together."""
SHARE = 0.9
"""Of the memory, that a sweep may take."""
TRIAL = 128
"""Runs of a trial."""
SPARE = 1.2
"""What a run takes may be so many times what was measured."""
MATRICES = 3
"""Matrices that the kernel holds per lane, rounded up."""


@dataclass(frozen=True)
class Size:
    """What a sweep costs.

    Parameters
    ----------
    runs, cases, boxes : int
        Points of the design; these times the subjects and the arms; boxes they are computed in.
    result_bytes, peak_bytes : float
        Of the results; and of the memory, the results counted where they have no store.
    seconds : float
        On so many workers like this machine's, by a trial of some runs.
    """

    runs: int
    cases: int
    boxes: int
    result_bytes: float
    peak_bytes: float
    seconds: float


def size_of(plan: Plan, blocks: Blocks, workers: int, in_memory: bool) -> Size:
    """Estimate the cost, with a trial."""
    box = next(iter(Blocks.of(blocks.sizes, min(TRIAL, math.prod(blocks.edges)))))
    compute(plan, box)  # compiles
    begin = time.perf_counter()
    compute(plan, box)
    share = math.prod(cut.stop - cut.start for cut in box) / plan.design.count
    seconds = (time.perf_counter() - begin) / share / min(workers, len(blocks))
    runs = plan.design.count
    cases = runs * plan.cases_per_run
    peak = peak_bytes(plan, blocks, workers, in_memory)
    return Size(runs, cases, len(blocks), result_bytes(plan), peak, seconds)


def blocks_of(plan: Plan, runs: int | None, workers: int) -> Blocks:
    """Boxes of so many runs, or of a size that suits the memory and the workers."""
    if runs is None:
        fair = max(LEAST_RUNS, plan.design.count // (ROUNDS * workers))
        runs = max(1, min(MOST_RUNS, fair, int(BOX_BYTES // _run_bytes(plan))))
    elif runs < 1:
        raise InputError(f"runs_per_box is {runs}; expected 1 or more", remedy="Write 1024.")
    return Blocks.of(tuple(plan.design.sizes.values()), runs)


def result_bytes(plan: Plan) -> float:
    """Of the results, uncompressed."""
    design = plan.design.sizes
    sizes = design | {dim: len(values) for dim, values, _ in coordinates(plan).values()}
    return sum(
        np.dtype(kind).itemsize * math.prod(sizes[d] for d in (*design, *dims))
        for dims, kind, _ in layout(plan).values()
    )


def peak_bytes(plan: Plan, blocks: Blocks, workers: int, in_memory: bool) -> float:
    """Of the boxes at work, and of the results that have no store."""
    box = _workspace_bytes(plan) + _run_bytes(plan) * math.prod(blocks.edges)
    at_work = box * min(workers, len(blocks))
    return at_work + in_memory * result_bytes(plan)


def require_memory(plan: Plan, blocks: Blocks, workers: int, in_memory: bool) -> None:
    """Refuse what does not fit.

    Raises
    ------
    InputError
        With what would make it fit.
    """
    wanted, there = peak_bytes(plan, blocks, workers, in_memory), _memory()
    if wanted > SHARE * there:
        ways = ["keep metrics or quantiles in place of profiles", "sites=[...]", "a smaller runs_per_box"]  # fmt: skip
        ways += ['store="sweep.zarr"'] if in_memory else []
        raise InputError(
            f"the sweep would take {wanted / 1e9:.3g} GB of memory, and there are {there / 1e9:.3g}",
            remedy=f"Any of: {', '.join(ways)}.",
        )


def _run_bytes(plan: Plan) -> float:
    """Of one run as it is computed: the profiles of all arms, and beside them their copies, or one arm at work.

    At work are its matrices, all sites that are solved, and the responses with what they follow from. Measured with
    tracemalloc over plans of 3 and 30 segments; SPARE makes it an upper bound.
    """
    responses = len(plan.described)
    numbers = len(plan.times) * plan.cases_per_run
    profiles = (2 * len(plan.kept) + responses) * numbers
    matrices = (plan.subjects or 1) * _order(plan) ** 2
    arm = (2 * len(plan.solved) + responses) * numbers / len(plan.names)
    return 8 * SPARE * (profiles + max(profiles, matrices + arm))


def _workspace_bytes(plan: Plan) -> float:
    """Of a thread at work, however few its runs are: matrices of all lanes of the kernel."""
    return 1e6 + 8 * MATRICES * LANES * _order(plan) ** 2


def _order(plan: Plan) -> int:
    """Of the augmented matrix: states, integrals of the sites, inflows."""
    return len(plan.model.states) + len(plan.solved) + len(plan.names)


def _memory() -> float:
    """Bytes that this process may use: of the machine, or of its control group."""
    if not hasattr(os, "sysconf"):
        return math.inf
    there = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min([there, *_group_limits(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))])


def _group_limits(own: Path, root: Path) -> list[float]:
    """Limits of the process's control group and those above it (a batch job's, a container's)."""
    lines = own.read_text().splitlines() if own.is_file() else []
    places = [root, root / "memory"]
    for _, kinds, path in (line.split(":", 2) for line in lines):
        if kinds in ("", "memory"):
            parts = path.strip("/").split("/")
            places += [root.joinpath(kinds, *parts[: k + 1]) for k in range(len(parts))]
    files = [place / name for place in places for name in ("memory.max", "memory.limit_in_bytes")]
    texts = [file.read_text().strip() for file in files if file.is_file()]
    return [float(text) for text in texts if text != "max"]
