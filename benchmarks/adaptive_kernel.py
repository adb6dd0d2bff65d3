"""The adaptive kernel alone: speed, accuracy and work, on a population that is not stiff and on one that is."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np

ORAL = {
    "depot": "-ka * depot",
    "central": "ka * depot - vmax * C / (km + C) - Q * C + Q * peripheral / V3",
    "peripheral": "Q * C - Q * peripheral / V3",
    "response": "kin * (1 - imax * C / (ic50 + C)) - kout * response",
}
ORAL_VALUES = {
    "vmax": 2.0, "km": 0.2, "V2": 50.0, "Q": 8.0, "V3": 100.0, "ka": 1.0, "kin": 10.0, "kout": 0.1, "imax": 0.9,
    "ic50": 0.05,
}  # fmt: skip
BINDING = {
    "drug": "-kel * drug - binds",
    "target": "ksyn - kdeg * target - binds",
    "bound": "binds - kint * bound",
}
BINDING_VALUES = {
    "kel": 0.01, "kon": 100.0, "koff": 10.0, "kint": 0.04, "ksyn": 0.1, "kdeg": 0.05,
}  # fmt: skip
FIXED = ("imax", "koff")


class Task(NamedTuple):
    """A population as plain numbers: y' = f(y, p), and boluses into the first state."""

    equations: Mapping[str, str]
    definitions: Mapping[str, str]
    names: list[str]
    parameters: np.ndarray  #: (case, parameter), spread by 30 % but for `FIXED`
    initial: np.ndarray  #: (case, state)
    doses: np.ndarray  #: [h]
    amount: float
    times: np.ndarray  #: [h]
    method: str  #: of SciPy that suits

    @property
    def kernel(self) -> "Kernel":
        return Kernel(self)


def drawn(values: Mapping[str, float], cases: int, seed: int) -> np.ndarray:
    rng, omega = np.random.default_rng(seed), np.sqrt(np.log(1 + 0.3**2))
    spread = [0.0 if name in FIXED else omega for name in values]
    return np.array([*values.values()]) * np.exp(spread * rng.standard_normal((cases, len(values))))


@cache
def oral(cases: int = 1000) -> Task:
    """Absorption, two compartments, saturable elimination, indirect response: 28 doses, read out every hour."""
    parameters = drawn(ORAL_VALUES, cases, 20243)
    initial = np.zeros((cases, 4))
    initial[:, 3] = parameters[:, 6] / parameters[:, 7]
    times = np.arange(337.0)
    return Task(
        ORAL,
        {"C": "central / V2"},
        [*ORAL_VALUES],
        parameters,
        initial,
        12.0 * np.arange(28),
        10.0,
        times,
        "DOP853",
    )


@cache
def binding(cases: int = 1000) -> Task:
    """A drug and the target it binds to: after each of four doses, rates from 0.01/h to 10,000/h."""
    parameters = drawn(BINDING_VALUES, cases, 20250)
    initial = np.zeros((cases, 3))
    initial[:, 1] = parameters[:, 4] / parameters[:, 5]
    definitions = {"binds": "kon * drug * target - koff * bound"}
    return Task(
        BINDING, definitions, [*BINDING_VALUES], parameters, initial, 168.0 * np.arange(4), 100.0, 4.0 * np.arange(169),
        "Radau",
    )  # fmt: skip


TASKS = {"oral": oral, "binding": binding}


class Kernel:
    """The arguments of the kernel for a task."""

    def __init__(self, task: Task) -> None:
        from pkmodel.kernels import adaptive
        from pkmodel.model.equations import compile_program

        self.solver = adaptive.solve
        program = compile_program([*task.equations], task.equations, task.definitions, task.names)
        cases, n = task.initial.shape
        given = dict(zip(task.names, task.parameters.T, strict=True))
        settled = program.settled(np.stack([given[k] for k in program.parameters], axis=-1))
        time = np.concatenate([task.doses, task.times])
        order = np.argsort(time, kind="stable")
        op = np.repeat([adaptive.ADD, adaptive.OUTPUT], [len(task.doses), len(task.times)])
        index = np.concatenate([np.zeros(len(task.doses), int), np.arange(len(task.times))])
        self.out = np.empty((cases, n, len(task.times)))
        self.status, self.counts = np.zeros(cases, np.uint8), np.zeros((cases, 4), np.int64)
        self.before = (
            program.rhs, program.rhs_out, program.jac, program.jac_out, program.series.code, 0, program.registers,
            settled[:, None], program.series.constants(settled)[:, None], task.initial, np.array([0, len(time)]),
            time[order], op[order], index[order], np.full(len(time), task.amount), np.full(len(time), -1),
            np.ones((cases, 0)), np.zeros(cases, int), np.arange(n),
        )  # fmt: skip

    def solve(self, rtol: float = 1e-6, atol: float = 1e-9) -> np.ndarray:
        tolerances = np.full(self.out.shape[1], atol)
        self.solver(*self.before, rtol, tolerances, 1e5, self.out, self.status, self.counts)
        return self.out


def source(task: Task) -> str:
    """The equations as lines of Python over ``y`` and ``p``."""
    lines = [f"{name} = p[{k}]" for k, name in enumerate(task.names)]
    lines += [f"{name} = y[{k}]" for k, name in enumerate(task.equations)]
    lines += [f"{name} = {text}" for name, text in task.definitions.items()]
    lines += [f"dy[{k}] = {text}" for k, text in enumerate(task.equations.values())]
    return "\n".join(["def rhs(t, y, dy, p):", *(f"    {line}" for line in lines)])


def function(task: Task) -> Callable[..., None]:
    """The equations as a function ``rhs(t, y, dy, p)``."""
    names: dict[str, Any] = {}
    exec(source(task), names)
    return names["rhs"]


def solve_with_scipy(task: Task, method: str, cases: int, rtol: float, atol: float) -> np.ndarray:
    """Amounts of the first cases, from dose to dose; before the dose at its time, but for the first."""
    from scipy.integrate import solve_ivp

    rhs, edges = function(task), np.append(task.doses, task.times[-1])
    out = np.empty((cases, task.initial.shape[1], len(task.times)))

    def slope(t: float, y: np.ndarray, p: list[float]) -> list[float]:
        dy = [0.0] * len(y)
        rhs(t, y.tolist(), dy, p)
        return dy

    for case in range(cases):
        y, p = task.initial[case], task.parameters[case].tolist()
        for k in range(len(task.doses)):
            y = y + np.eye(len(y))[0] * task.amount
            asked = (task.times >= edges[k]) & (task.times <= edges[k + 1])
            times, span = task.times[asked], edges[k : k + 2]
            solution = solve_ivp(slope, span, y, method, times, args=(p,), rtol=rtol, atol=atol)
            out[case, :, asked] = solution.y.T
            y = solution.y[:, -1]
    return out


def largest_error(task: Task, out: np.ndarray, exact: np.ndarray) -> float:
    """Largest error beside the largest amount of its case, but at the times of doses."""
    plain, cases = ~np.isin(task.times, task.doses), len(exact)
    errors = np.abs(out[:cases] - exact)[..., plain].max((1, 2))
    return float((errors / exact.max((1, 2))).max())


class Population:
    """A thousand cases on one thread."""

    params = (list(TASKS),)
    param_names = ("task",)
    timeout = 300

    def setup(self, task: str) -> None:
        self.task = TASKS[task]()
        self.kernel = self.task.kernel
        self.kernel.solve()

    def time_solve(self, task: str) -> None:
        self.kernel.solve()

    def track_steps(self, task: str) -> float:
        return float(self.kernel.counts[:, :2].sum(axis=1).mean())

    track_steps.unit = "steps, tried, in a case"  # type: ignore[attr-defined]

    def track_evaluations(self, task: str) -> float:
        return float(self.kernel.counts[:, 2].mean())

    track_evaluations.unit = "evaluations in a case"  # type: ignore[attr-defined]

    def track_error(self, task: str) -> float:
        exact = solve_with_scipy(self.task, self.task.method, 2, 1e-11, 1e-13)
        return largest_error(self.task, self.kernel.solve(), exact)

    track_error.unit = "relative error"  # type: ignore[attr-defined]
