"""The workloads whose time is measured, written as a user of pkmodel writes them; and their errors.

All models are linear but that of W4, which is solved to the tolerances that the other solvers have.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from pkmodel import (
    Compartment,
    Drug,
    Flow,
    Input,
    Model,
    Parameter,
    explain,
    library,
    population,
    simulate,
)

REFERENCES = Path(__file__).parent / "data" / "references.npz"
RTOL, ATOL = 1e-6, 1e-9  # of everything that takes steps
EVERY = 8  # of the output times has a reference
KNOWN = 10  # first subjects with a reference

TABLETS = "10 mg oral q12h x 28"
INFUSIONS = (
    "0.02 mg/h intrathecal infusion for 14 d + 0.4 mg intrathecal infusion over 4 h q24h x 14"
)
PUMP = "0.4 mg/day intrathecal pump for 14 d"
HOURS = np.arange(337.0)
TROUGHS = np.arange(0.0, 337.0, 12.0)


@dataclass(frozen=True, eq=False)
class Workload:
    """A model, an order, output times [h] and a population.

    ``draw(model, count)`` gives the parameters of a population. With `metrics` no profile is kept: the area and
    the trough of the interval between the two times are.
    """

    name: str
    title: str
    make: Callable[[], Model]
    order: str
    times: np.ndarray
    subjects: int
    draw: Callable[[Model, int], xr.Dataset]
    metrics: bool = False

    def parameters(self, count: int | None = None) -> xr.Dataset:
        """Those of all subjects, or of the first so many of them."""
        drawn = self.draw(self.make(), self.subjects)
        return drawn if count is None else drawn.isel(subject=slice(count))

    def run(self, parameters: xr.Dataset, threads: int = 1, amounts: bool = True) -> xr.Dataset:
        """The whole call: order in, Dataset out."""
        if self.metrics:
            return last_interval(self.make(), self.order, self.times, parameters, threads)
        tolerance = {} if self.make().is_linear else {"rtol": RTOL, "atol": ATOL}
        return simulate(
            self.make(),
            self.order,
            self.times,
            parameters,
            amounts=amounts,
            threads=threads,
            **tolerance,
        )

    def error(self, answer: np.ndarray | xr.Dataset) -> float:
        """Largest error in the subjects of the reference, relative to the largest amount among them.

        The answer is a result of `run`, or amounts [mg] over (subject, compartment, time) in its order.
        """
        exact = reference(self)
        found = answer if isinstance(answer, np.ndarray) else values_of(answer)
        found = found[: len(exact)]
        if found.shape[-1] > exact.shape[-1]:
            found = found[..., ::EVERY]
        error = float(np.abs(found - exact).max() / exact.max())
        return error if np.isfinite(error) else np.inf


def last_interval(
    model: Model, order: str, times: np.ndarray, parameters: xr.Dataset, threads: int, block: int = 20_000
) -> xr.Dataset:  # fmt: skip
    """Area and trough of the interval between two times, block after block of the subjects."""
    blocks = []
    for first in range(0, parameters.sizes["subject"], block):
        some = parameters.isel(subject=slice(first, first + block))
        ds = simulate(model, order, times, some, amounts=False, auc=True, threads=threads)
        auc, trough = ds.auc.diff("time")[..., 0], ds.concentration[..., -1]
        blocks.append(
            xr.Dataset({"auc": auc.drop_vars("time"), "ctrough": trough.drop_vars("time")})
        )
    return xr.concat(blocks, "subject")


def values_of(result: xr.Dataset) -> np.ndarray:
    """Amounts over (subject, compartment, time); or the metrics of the central compartment in their place."""
    if "amount" in result:
        amounts = result.amount.transpose("subject", "compartment", "time").values
        variables = [result[n].values[:, None] for n in result.data_vars if n == "response"]
        return np.concatenate([amounts, *variables], axis=1) if variables else amounts
    central = result.sel(site="central")
    return np.stack([central.auc, central.ctrough], axis=1)[..., None]


@cache
def reference(workload: Workload) -> np.ndarray:
    """What the first subjects have: computed elsewhere with tight tolerances, or by exponentials in SciPy."""
    with np.load(REFERENCES) as stored:
        if workload.name in stored:
            return stored[workload.name]
    problem = Problem.of(workload, KNOWN)
    return problem.answer(exponentials(problem))


# ------------------------------------------------------------------------------- without the package


class Problem(NamedTuple):
    """A workload as plain numbers, x' = K x + inflow, for solvers that know no orders.

    A model that is not linear comes as `sums` in ``x[i]`` and ``k[i]``, of `constants`, instead of matrices.

    With metrics the last state is the area under the central compartment's concentration [mg·h/L].
    """

    matrices: np.ndarray  #: K [1/h], (subject, state, state)
    edges: np.ndarray  #: [h], (span + 1,): between two the inflow is constant
    jumps: np.ndarray  #: [mg], (span, state): given at the beginning of a span
    inflow: np.ndarray  #: [mg/h], (span, state)
    times: np.ndarray  #: [h], (time,)
    volumes: np.ndarray  #: of the central compartment [L], (subject,); empty without metrics
    start: np.ndarray  #: (subject, state)
    constants: np.ndarray = np.empty(0)  #: (subject, constant)
    sums: tuple[str, ...] = ()

    @classmethod
    def of(cls, workload: Workload, count: int) -> "Problem":
        model, parameters = workload.make(), workload.parameters(count)
        doses = explain(model, workload.order).table
        doses["state"] = [model.states.index(c) for c in doses.compartment]
        end = workload.times[-1]
        inner = doses.time.to_list() + doses.end.to_list()
        edges = np.array(sorted({0.0, end, *(t for t in inner if t < end)}))
        values = {n: v.values for n, v in parameters.items()}
        volumes = np.empty(0)
        if not model.is_linear:
            constants, sums, start = saturable_system(model, values, count)
            jumps, inflow = cls.given(doses, edges, len(sums))
            none = np.empty((count, 0, 0))
            return cls(none, edges, jumps, inflow, workload.times, volumes, start, constants, sums)
        matrices = model.rate_matrix(values)
        if workload.metrics:
            volumes = parameters["volume"].values
            matrices = np.pad(matrices, ((0, 0), (0, 1), (0, 1)))
            matrices[:, -1, model.states.index("central")] = 1 / volumes
        jumps, inflow = cls.given(doses, edges, matrices.shape[-1])
        start = np.zeros(matrices.shape[:2])
        return cls(matrices, edges, jumps, inflow, workload.times, volumes, start)

    @staticmethod
    def given(doses: pd.DataFrame, edges: np.ndarray, states: int) -> tuple[np.ndarray, np.ndarray]:
        """Boluses and inflows of every span."""
        jumps, inflow = np.zeros((2, len(edges) - 1, states))
        for dose in doses.itertuples():
            if dose.rate:
                during = (edges[:-1] >= dose.time) & (edges[:-1] < dose.end)
                inflow[during, dose.state] += dose.rate
            else:
                jumps[edges[:-1] == dose.time, dose.state] += dose.amount
        return jumps, inflow

    def grid(self, span: int) -> tuple[np.ndarray, np.ndarray]:
        """Times of a span, both ends included, and where each stands among the output times, or -1.

        An end belongs to the span that begins there, that of the last span to itself.
        """
        first, last = self.edges[span : span + 2]
        final = span == len(self.edges) - 2
        asked = (self.times >= first) & ((self.times < last) | (final & (self.times == last)))
        grid = np.unique([first, *self.times[asked], last])
        place = np.full(len(grid), -1)
        place[np.isin(grid, self.times[asked])] = np.flatnonzero(asked)
        return grid, place

    def answer(self, amounts: np.ndarray) -> np.ndarray:
        """The amounts; or the area and the trough of the central compartment in their place."""
        if not len(self.volumes):
            return amounts
        area = amounts[:, -1, 1] - amounts[:, -1, 0]
        return np.stack([area, amounts[:, 1, 1] / self.volumes], axis=1)[..., None]


def exponentials(problem: Problem) -> np.ndarray:
    """Amounts (subject, state, time) as one would write it in NumPy and SciPy for this schedule.

    One exponential per subject, of the step into which all times divide, and a batched product per step.
    """
    from scipy.linalg import expm

    K, edges, jumps, inflow, times, *_ = problem
    ticks = np.unique(np.concatenate([edges, times])).astype(int)
    step = int(np.gcd.reduce(np.diff(ticks)))
    subjects, n, _ = K.shape
    infused = np.flatnonzero(inflow.any(axis=0))
    wide = np.zeros((subjects, n + len(infused), n + len(infused)))
    wide[:, :n, :n] = K
    wide[:, infused, n + np.arange(len(infused))] = 1.0
    wide = expm(wide * step)[:, :n]
    x = np.zeros((subjects, n + len(infused), 1))
    out = np.empty((len(times), subjects, n))
    wanted = dict(zip(times.astype(int), out, strict=True))
    begin = dict(zip(edges[:-1].astype(int), range(len(jumps)), strict=True))
    for t in range(0, ticks[-1] + 1, step):
        if t in begin:
            x[:, :n, 0] += jumps[begin[t]]
            x[:, n:, 0] = inflow[begin[t], infused]
        if t in wanted:
            wanted[t][:] = x[:, :n, 0]
        x[:, :n] = wide @ x
    return out.transpose(1, 2, 0)


# ----------------------------------------------------------------------------------------- the seven


def log_normal(seed: int, *names: str) -> Callable[[Model, int], xr.Dataset]:
    """Draw these parameters with a coefficient of variation of 30 %; all others keep their typical values."""

    def draw(model: Model, count: int) -> xr.Dataset:
        rng, omega = np.random.default_rng(seed), np.sqrt(np.log(1 + 0.3**2))
        eta = {name: omega * rng.standard_normal(count) for name in names}
        typical = model.defaults
        return xr.Dataset({n: ("subject", typical[n].value * np.exp(e)) for n, e in eta.items()})

    return draw


@cache
def one_compartment() -> Model:
    return library.one_compartment(depot=True)


@cache
def two_compartment() -> Model:
    return library.two_compartment(depot=True)


@cache
def eight_states() -> Model:
    """Gut, plasma and periphery, three regions of CSF, cord and brain, with exchange both ways."""
    values = {
        "ka": "1 /h", "CL": "10 L/h", "Vc": "40 L", "Qp": "6 L/h", "Vp": "80 L", "Qpl": "0.02 L/h",
        "Qlt": "0.06 L/h", "Qtc": "0.05 L/h", "Qls": "0.03 L/h", "Qcb": "0.04 L/h", "Vl": "0.05 L",
        "Vt": "0.03 L", "Vcr": "0.07 L", "Vsc": "0.04 L", "Vbr": "1.3 L",
    }  # fmt: skip
    volumes = {
        "gut": None, "plasma": "Vc", "periph": "Vp", "lumbar": "Vl", "thoracic": "Vt", "cranial": "Vcr",
        "cord": "Vsc", "brain": "Vbr",
    }  # fmt: skip
    exchange = [
        ("plasma", "periph", "Qp"), ("plasma", "lumbar", "Qpl"), ("lumbar", "thoracic", "Qlt"),
        ("thoracic", "cranial", "Qtc"), ("lumbar", "cord", "Qls"), ("cranial", "brain", "Qcb"),
    ]  # fmt: skip
    flows = [Flow("gut", "plasma", "rate", "ka"), Flow("plasma", None, "clearance", "CL")]
    for a, b, clearance in exchange:
        flows += [Flow(a, b, "clearance", clearance), Flow(b, a, "clearance", clearance)]
    return Model(
        "eight states",
        [Compartment(name, volume) for name, volume in volumes.items()],
        flows,
        [Parameter(name, value) for name, value in values.items()],
        [Input("oral", "gut"), Input("intrathecal", "lumbar")],
    )


@cache
def forty_states() -> Model:
    return Drug.read("morphine").segmented(13).model()


def drawn(model: Model, count: int) -> xr.Dataset:
    return population.draw(model, count, seed=1)


@cache
def saturable() -> Model:
    """Two compartments and a depot with saturable elimination, and an indirect response."""
    values = {
        "vmax": "2 mg/h", "km": "0.2 mg/L", "volume": "50 L", "q": "8 L/h", "peripheral_volume": "100 L",
        "ka": "1 /h", "kin": 10.0, "kout": "0.1 /h", "imax": 0.9, "ic50": "0.05 mg/L",
    }  # fmt: skip
    return Model(
        "saturable elimination, indirect response",
        [Compartment("depot"), Compartment("central", "volume"), Compartment("peripheral", "peripheral_volume")],
        [
            Flow("depot", "central", "rate", "ka"),
            Flow("central", None, "michaelis-menten", ("vmax", "km")),
            Flow("central", "peripheral", "clearance", "q"),
            Flow("peripheral", "central", "clearance", "q"),
        ],
        [Parameter(name, value) for name, value in values.items()],
        [Input("oral", "depot")],
        equations={"response": "kin*(1 - imax*C/(ic50 + C)) - kout*response"},
        definitions={"C": "central / volume"},
        initial={"response": "kin / kout"},
    )  # fmt: skip


def saturable_system(
    model: Model, values: Mapping[str, np.ndarray], count: int
) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
    """Constants, equations in them, and initial states of W4, written out by hand."""
    given = model.defaults.items()
    p = {n: np.broadcast_to(values.get(n, d.value), count) for n, d in given}
    constants = [
        p["ka"], p["vmax"], p["km"], p["volume"], p["q"] / p["volume"], p["q"] / p["peripheral_volume"],
        p["kin"], p["kout"], p["imax"], p["ic50"],
    ]  # fmt: skip
    sums = (
        "-k[0] * x[0]",
        "k[0] * x[0] - k[1] * (x[1] / k[3]) / (k[2] + x[1] / k[3]) - k[4] * x[1] + k[5] * x[2]",
        "k[4] * x[1] - k[5] * x[2]",
        "k[6] * (1 - k[8] * (x[1] / k[3]) / (k[9] + x[1] / k[3])) - k[7] * x[3]",
    )
    start = np.zeros((count, 4))
    start[:, 3] = p["kin"] / p["kout"]
    return np.stack(constants, axis=1), sums, start


ONE = ("clearance", "volume", "absorption_rate")
TWO = (
    "clearance", "volume", "intercompartmental_clearance", "peripheral_volume", "absorption_rate",
)  # fmt: skip
FOUR = ("vmax", "km", "volume", "q", "peripheral_volume", "ka", "kin", "kout", "ic50")
EIGHT = ("ka", "CL", "Vc", "Qp", "Vp", "Qpl", "Qlt", "Qtc", "Qls", "Qcb")

POPULATION_1, POPULATION_2 = log_normal(20240, *ONE), log_normal(20241, *TWO)
POPULATION_4 = log_normal(20243, *FOUR)
POPULATION_3, POPULATION_5 = log_normal(20242, *EIGHT), log_normal(20244, *ONE)
LAST_INTERVAL = np.array([324.0, 336.0])

WORKLOADS = {
    w.name: w
    for w in (
        Workload("W1", "1 compartment, depot", one_compartment, TABLETS, HOURS, 1000, POPULATION_1),
        Workload("W2", "2 compartments, depot", two_compartment, TABLETS, HOURS, 1000, POPULATION_2),
        Workload("W3", "8 states, infusions", eight_states, INFUSIONS, HOURS, 1000, POPULATION_3),
        Workload("W4", "saturable, response", saturable, TABLETS, HOURS, 1000, POPULATION_4),
        Workload("W5", "W1, 29 troughs", one_compartment, TABLETS, TROUGHS, 100_000, POPULATION_5),
        Workload("W6", "neuraxial, 40 states, pump", forty_states, PUMP, HOURS, 1000, drawn),
        Workload("W7", "W2, metrics", two_compartment, TABLETS, LAST_INTERVAL, 1_000_000, POPULATION_2, metrics=True),
    )
}  # fmt: skip
