"""pkmodel beside other solvers, in one run on one machine: ``python -m benchmarks.peers --help``.

All get the same rate constants, doses, output times, and one processor. An answer is checked against the reference
before its time counts. The runs alternate, so that a busy moment meets everybody.
"""

import argparse
import importlib.metadata
import multiprocessing
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import limits
from benchmarks.solvers import PEERS, Peer
from benchmarks.workloads import KNOWN, WORKLOADS, Problem, Workload

ACCEPTED = 1e-4  # error above which an answer is wrong
LONG = 3.0  # s: rather than run longer, fewer subjects are run, and the time is scaled up
SLOW = 1.0  # s: what takes longer is run once in its turn, and in the first two rounds alone

OURS = {"pkmodel": True, "pkmodel, concentrations alone": False}  # with the amounts, or without
SCRIPT = PEERS[0].name
NAMES = [*OURS, *(peer.name for peer in PEERS)]
KERNEL, WRITE, ARITHMETIC = (
    "kernel of pkmodel, concentrations",
    "limit: output written once",
    "limit: multiply-adds",
)

ROOT = Path(__file__).parent.parent
RESULTS, FIGURE, PAGE = (
    ROOT / p for p in ("benchmarks/data/peers.csv", "docs/figures/speed.png", "docs/speed.md")
)
BEGIN, END = "<!-- table: python -m benchmarks.peers -->", "<!-- end of table -->"

Call = Callable[[], Any]


# ------------------------------------------------------------------------------------------ measure


def measure(name: str, chosen: list[str], rounds: int) -> list[dict]:
    """One row per solver for a workload."""
    workload = WORKLOADS[name]
    rows: dict[str, dict] = {}
    calls: dict[str, Call] = {}
    for solver in [n for n in OURS if not workload.metrics or OURS[n]]:
        if solver in chosen:
            calls[solver], error = ours(workload, OURS[solver])
            rows[solver] = {
                "version": version("pkmodel"),
                "error": error,
                "subjects": workload.subjects,
            }
    linear = workload.make().is_linear
    for peer in (p for p in PEERS if p.name in chosen and (linear or not p.linear)):
        rows[peer.name] = {"version": version(peer.package)}
        if rows[peer.name]["version"]:
            calls[peer.name], error, count = theirs(workload, peer)
            rows[peer.name] |= {"error": error, "subjects": count}
        else:
            rows[peer.name]["note"] = "not installed"
    for solver in [s for s in calls if rows[s]["error"] > ACCEPTED]:
        rows[solver]["note"] = "wrong"
        del calls[solver]
    load = os.getloadavg()[0]
    for solver, runs in alternate(calls, rounds).items():
        subjects = rows[solver]["subjects"]
        wall, own = np.transpose(runs) * workload.subjects / subjects
        rows[solver] |= {
            "seconds": own.min(),
            "median_s": np.median(own),
            "wall_s": wall.min(),
            "runs": len(runs),
            "note": "scaled" if subjects < workload.subjects else "",
        }
    if name in limits.Limits.params[0] and "pkmodel" in chosen:
        rows |= {part: {"seconds": s, "note": ""} for part, s in kernel_and_limits(name).items()}
    here = {"load": load, "processor": processor(), "python": platform.python_version(),
            "date": f"{datetime.now(UTC):%Y-%m-%d}"}  # fmt: skip
    return [{"workload": name, "solver": solver, **row, **here} for solver, row in rows.items()]


def ours(workload: Workload, amounts: bool) -> tuple[Call, float]:
    """The call of a user, and its error; the concentrations alone have to be those beside the amounts."""
    parameters = workload.parameters()
    run = partial(workload.run, parameters, amounts=amounts)
    whole, result = workload.run(parameters), run()
    if not amounts:
        apart = abs(result.concentration - whole.concentration).max()
        if not apart <= 1e-13 * whole.concentration.max():
            return run, np.inf
    return run, workload.error(whole)


def theirs(workload: Workload, peer: Peer) -> tuple[Call, float, int]:
    """A compiled call for as many subjects as it can do in time; its error, and their number."""
    count = KNOWN
    while True:
        run = peer.prepare(Problem.of(workload, count))
        error, (_, seconds) = workload.error(run()), clock(run)
        if error > ACCEPTED or count == workload.subjects or 10 * seconds > LONG:
            return run, error, count
        count = min(workload.subjects, 10 * count)


def kernel_and_limits(name: str) -> dict[str, float]:
    """Seconds of the kernel alone, and of what no kernel can do without."""
    found = limits.Limits()
    found.setup(name)
    times = found.kernel_time(), found.write_time(), found.arithmetic_time()
    return dict(zip((KERNEL, WRITE, ARITHMETIC), times, strict=True))


def alternate(calls: dict[str, Call], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds of every call, see `clock`: one after another, and again from the first one on.

    In its turn a fast one is called twice: the second finds memory and caches as itself has left them.
    """
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for k in range(rounds):
        for name, run in calls.items():
            if k < 2 or seconds[name][0][1] < SLOW:
                seconds[name].append(clock(run))
            if seconds[name][0][1] < SLOW:
                seconds[name].append(clock(run))
    return seconds


def clock(run: Call) -> tuple[float, float]:
    """Seconds that pass, and those of the processor: the same on an idle machine."""
    begin = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - begin[0], time.process_time() - begin[1]


def version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "")


def on_one_processor() -> None:
    """For this process and those that it starts; libraries size their pools by what they see."""
    for variable in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{variable}_NUM_THREADS"] = "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


# --------------------------------------------------------------------------------------------- show


def cell(row: pd.Series) -> str:
    if row["note"] == "not installed":
        return "not installed"
    if row["note"] == "wrong":
        return f"wrong by {row['error']:.0e}" if np.isfinite(row["error"]) else "failed"
    return "~" * (row["note"] == "scaled") + brief(row["seconds"])


def brief(seconds: float) -> str:
    return f"{seconds:,.0f}" if seconds > 99 else f"{seconds:.2g}"


def table(results: pd.DataFrame) -> str:
    """Markdown: seconds by solver and workload; how many times faster pkmodel is, and how near its limits."""
    cells = results.assign(text=results.apply(cell, axis=1))
    cells = cells.pivot(index="solver", columns="workload", values="text")
    order = [*NAMES, KERNEL, WRITE, ARITHMETIC]
    cells = cells.reindex([n for n in order if n in cells.index])
    errors = results[results.note != "wrong"].groupby("solver").error.max().reindex(cells.index)
    cells["largest error"] = [f"{e:.0e}" if e >= 0 else "–" for e in errors]
    seconds = results.pivot(index="solver", columns="workload", values="seconds").reindex(order)
    packages = seconds.loc[[p.name for p in PEERS if p.name != SCRIPT]].min()
    ratios = {
        "pkmodel is faster than the fastest other package by": packages / seconds.loc["pkmodel"],
        "pkmodel is faster than the script by": seconds.loc[SCRIPT] / seconds.loc["pkmodel"],
        "kernel over the larger limit": seconds.loc[KERNEL]
        / seconds.loc[[WRITE, ARITHMETIC]].max(),
    }
    for name, times in ratios.items():
        cells.loc[name] = times.dropna().map(lambda t: f"**{brief(t)} ×**")
    cells = cells.dropna(how="all").fillna("–")
    rows = [
        ["solver", *cells.columns],
        ["---"] * (len(cells.columns) + 1),
        *cells.reset_index().values,
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def figure(results: pd.DataFrame, path: Path) -> None:
    """Seconds of every solver on a logarithmic axis, a panel per workload, three in a row."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = results.workload.unique()
    rows, columns = -(-len(names) // 3), min(3, len(names))
    size = 2.3 * columns + 2.0, 2.4 * rows + 0.3
    fig, axes = plt.subplots(rows, columns, figsize=size, sharey=True, squeeze=False)
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    for ax, name in zip(axes.flat, names, strict=False):
        panel(ax, results[results.workload == name].set_index("solver"), WORKLOADS[name])
    fig.tight_layout()
    fig.savefig(path, dpi=150)
    plt.close(fig)


def panel(ax: Any, results: pd.DataFrame, workload: Workload) -> None:
    """One workload: pkmodel in red; open circles are scaled up from fewer subjects."""
    shown = [n for n in NAMES if OURS.get(n, True)][::-1]
    results = results.reindex(shown)
    colors = np.where([n in OURS for n in shown], "#D55E00", "#0072B2")
    faces = np.where(results.note == "scaled", "white", colors)
    places = range(len(shown))
    ax.hlines(places, 0, 1, color="0.9", lw=0.8, zorder=0, transform=ax.get_yaxis_transform())
    ax.scatter(results.seconds, places, s=22, color=faces, edgecolors=colors)
    for y, value in zip(places, results.seconds, strict=True):
        if np.isfinite(value):
            ax.annotate(
                brief(value),
                (value, y),
                (0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=6,
            )
    ax.set(xscale="log", yticks=places, yticklabels=shown, ylim=(-0.6, len(shown) - 0.2))
    ax.set_xlabel("seconds", fontsize=7)
    ax.set_title(f"{workload.name}: {workload.title}\n{workload.subjects:,} subjects", fontsize=7)
    ax.margins(x=0.15)
    ax.tick_params(labelsize=7)
    ax.spines[["top", "right"]].set_visible(False)


def into_page(text: str, page: Path) -> None:
    """Put the table between its two marks."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument(
        "--workloads", type=lambda t: t.split(","), default=list(WORKLOADS), help="W1,W2,... (all)"
    )
    parser.add_argument(
        "--solvers", default="", help="only those with one of these words in their names"
    )
    parser.add_argument("--rounds", type=int, default=7, help="turns of each solver (7)")
    parser.add_argument("--out", type=Path, help="write the table as CSV")
    parser.add_argument("--figure", type=Path, help="draw the figure")
    parser.add_argument(
        "--docs", action="store_true", help="renew the table and the figure of docs/speed.md"
    )
    given = parser.parse_args()
    words = given.solvers.split(",")
    chosen = [name for name in NAMES if any(word in name for word in words)]
    on_one_processor()
    rows = []
    for name in given.workloads:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            rows += pool.submit(measure, name, chosen, given.rounds).result()
        print(
            pd.DataFrame([r for r in rows if r["workload"] == name]).to_string(index=False),
            flush=True,
        )
    results = pd.DataFrame(rows)
    print("", table(results), sep="\n")
    if given.out or given.docs:
        results.to_csv(given.out or RESULTS, index=False, float_format="%.4g")
    if given.figure or given.docs:
        figure(results, given.figure or FIGURE)
    if given.docs:
        into_page(table(results), PAGE)


if __name__ == "__main__":
    main()
