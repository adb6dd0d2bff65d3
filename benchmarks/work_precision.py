"""Time against error, beside SciPy and numbalsoda: ``python -m benchmarks.work_precision``.

All solve the populations of `benchmarks.adaptive_kernel` from dose to dose on one thread. SciPy solves a few cases,
and its time is scaled up. A solver that is not installed is left out. Prints a table and writes the figure.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.adaptive_kernel import (
    TASKS,
    Task,
    function,
    largest_error,
    solve_with_scipy,
)

FIGURE = Path(__file__).parent.parent / "docs/figures/work_precision.png"
KNOWN = 2  # cases whose exact solution is computed
TOLERANCES = 10.0 ** -np.arange(3, 11)
TITLES = {
    "oral": "Saturable elimination, response\n(4 states, 28 doses, 337 times)",
    "binding": "Drug and target that bind: stiff\n(3 states, 4 doses, 169 times)",
}

Solve = Callable[[float], np.ndarray]


def ours(task: Task) -> tuple[Solve, int]:
    kernel = task.kernel
    return lambda rtol: kernel.solve(rtol, rtol * 1e-3), len(task.initial)


def scipy(task: Task, method: str) -> tuple[Solve, int]:
    return lambda rtol: solve_with_scipy(task, method, KNOWN, rtol, rtol * 1e-3), KNOWN


def numbalsoda(task: Task, method: str) -> tuple[Solve, int]:
    import numbalsoda
    from numba import cfunc, njit

    address = cfunc(numbalsoda.lsoda_sig)(function(task)).address
    step = getattr(numbalsoda, method)
    edges = np.append(task.doses, task.times[-1])
    first = np.searchsorted(task.times, edges)

    @njit
    def follow(address, parameters, initial, first, times, amount, rtol, out):  # type: ignore[no-untyped-def]
        for case in range(len(parameters)):
            y = initial[case].copy()
            for k in range(len(first) - 1):
                y[0] += amount
                a, b = first[k], first[k + 1] + 1
                steps, good = step(address, y, times[a:b], parameters[case], rtol, rtol * 1e-3)
                for i in range(a, b):
                    out[case, i] = steps[i - a]
                y = steps[-1].copy()
                if not good:
                    out[case] = np.nan

    def solve(rtol: float) -> np.ndarray:
        out = np.empty((len(task.initial), len(task.times), task.initial.shape[1]))
        follow(address, task.parameters, task.initial, first, task.times, task.amount, rtol, out)
        return out.transpose(0, 2, 1)

    return solve, len(task.initial)


SOLVERS: dict[str, Callable[[Task], tuple[Solve, int]]] = {
    "pkmodel": ours,
    "numbalsoda dop853": lambda task: numbalsoda(task, "dop853"),
    "numbalsoda lsoda": lambda task: numbalsoda(task, "lsoda"),
    "SciPy RK45": lambda task: scipy(task, "RK45"),
    "SciPy DOP853": lambda task: scipy(task, "DOP853"),
    "SciPy LSODA": lambda task: scipy(task, "LSODA"),
    "SciPy Radau": lambda task: scipy(task, "Radau"),
}
UNFIT = {
    "oral": {"SciPy Radau"},
    "binding": {"numbalsoda dop853", "SciPy RK45", "SciPy DOP853"},
}
"""Not tried: they would take minutes or hours."""


def measure(name: str, rounds: int) -> list[tuple[str, float, float, float]]:
    """Rows of solver, tolerance, error and seconds for the whole population.

    The runs of all solvers alternate, so that a busy moment meets everybody; the shortest counts.
    """
    task = TASKS[name]()
    truth = solve_with_scipy(task, task.method, KNOWN, 1e-12, 1e-14)
    calls, errors, seconds = {}, {}, {}
    for solver, prepare in SOLVERS.items():
        try:
            solve, cases = prepare(task)
        except ImportError:
            continue
        if solver not in UNFIT[name]:
            solve(1e-3)  # compiles
            for rtol in TOLERANCES[:: 1 if cases > KNOWN else 2]:
                calls[solver, rtol] = solve, len(task.initial) / cases
    for again in range(rounds):
        for key, (solve, scale) in calls.items():
            if again == 0 or scale == 1.0:
                start = time.perf_counter()
                out = solve(key[1])
                elapsed = scale * (time.perf_counter() - start)
                seconds[key] = min(elapsed, seconds.get(key, elapsed))
                errors[key] = largest_error(task, out, truth)
    return [(*key, errors[key], seconds[key]) for key in calls]


def draw(results: dict[str, list[tuple[str, float, float, float]]]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1, len(results), figsize=(11, 4.4), sharey=True, layout="constrained"
    )
    for axis, (name, rows) in zip(axes, results.items(), strict=True):
        for k, solver in enumerate(SOLVERS):
            own = [(wrong, seconds) for s, _, wrong, seconds in rows if s == solver]
            if own:
                style = (
                    {"lw": 2.5, "color": "k", "zorder": 3}
                    if solver == "pkmodel"
                    else {"lw": 1.2, "color": f"C{k}"}
                )
                axis.loglog(*zip(*own, strict=True), "o-", ms=3.5, label=solver, **style)
        axis.set(title=TITLES[name], xlabel="largest error / largest amount")
        axis.invert_xaxis()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("seconds for 1,000 cases, one thread")
    curves = {c.get_label(): c for axis in axes for c in axis.get_lines()}
    figure.legend([*curves.values()], [*curves], loc="outside right", frameon=False, fontsize=8)
    figure.savefig(FIGURE, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--task", choices=TASKS, action="append")
    given = parser.parse_args()
    results = {name: measure(name, given.rounds) for name in given.task or TASKS}
    for name, rows in results.items():
        for solver, rtol, wrong, seconds in rows:
            print(f"{name:8} {solver:18} {rtol:6.0e} {wrong:8.1e} {seconds:9.3f} s")
    draw(results)


if __name__ == "__main__":
    main()
