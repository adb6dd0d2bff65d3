"""Other solvers that pip can install, each used as its users would, on the same plain numbers."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.workloads import ATOL, RTOL, Problem, exponentials

Solve = Callable[[], np.ndarray]
Rate = Callable[[np.ndarray], np.ndarray]
Slope = Callable[[float, np.ndarray], np.ndarray] | None


class Peer(NamedTuple):
    """A solver; ``prepare(problem)`` compiles whatever it compiles, and gives the call that is timed."""

    name: str
    package: str
    prepare: Callable[[Problem], Solve]
    linear: bool = False  #: whether it is used for linear models alone


class Terms(NamedTuple):
    """The equations written out: the non-zero rate constants, and one sum of products per state."""

    constants: np.ndarray  #: (subject, term)
    inflow: np.ndarray  #: (span, infused state)
    sums: list[str]  #: in ``x[i]``, ``k[i]`` and, for the infused states, ``r[i]``

    @classmethod
    def of(cls, problem: Problem) -> "Terms":
        if problem.sums:
            return cls(problem.constants, np.empty((len(problem.jumps), 0)), list(problem.sums))
        rows, columns = np.nonzero(problem.matrices.any(axis=0))
        infused = np.flatnonzero(problem.inflow.any(axis=0))
        sums: list[list[str]] = [[] for _ in range(problem.jumps.shape[1])]
        for k, (i, j) in enumerate(zip(rows, columns, strict=True)):
            sums[i].append(f"k[{k}] * x[{j}]")
        for r, i in enumerate(infused):
            sums[i].append(f"r[{r}]")
        constants = np.ascontiguousarray(problem.matrices[:, rows, columns])
        return cls(constants, problem.inflow[:, infused], [" + ".join(s) or "0.0" for s in sums])


def grids(problem: Problem) -> list[tuple[np.ndarray, np.ndarray]]:
    return [problem.grid(span) for span in range(len(problem.jumps))]


def numpy_script(problem: Problem) -> Solve:
    return lambda: problem.answer(exponentials(problem))


def scipy(problem: Problem) -> Solve:
    from scipy.integrate import solve_ivp

    spans = grids(problem)

    def subject(rate: Rate, slope: Slope, x: np.ndarray, out: np.ndarray) -> None:
        for (grid, place), jump, inflow in zip(spans, problem.jumps, problem.inflow, strict=True):
            solution = solve_ivp(
                lambda t, x, r=inflow: rate(x) + r, grid[[0, -1]], x + jump, "LSODA", grid,
                rtol=RTOL, atol=ATOL, jac=slope,
            )  # fmt: skip
            out[:, place[place >= 0]] = solution.y[:, place >= 0]
            x = solution.y[:, -1]

    def solve() -> np.ndarray:
        out = np.empty((*problem.start.shape, len(problem.times)))
        for (rate, slope), start, own in zip(rates(problem), problem.start, out, strict=True):
            subject(rate, slope, start, own)
        return problem.answer(out)

    return solve


def rates(problem: Problem) -> Iterator[tuple[Rate, Slope]]:
    """Rates of change of every subject, and their derivative where it is plain."""
    if problem.sums:
        names: dict = {}
        exec(f"def rhs(x, k):\n return [{', '.join(problem.sums)}]", names)
        for k in problem.constants.tolist():
            yield (lambda x, k=k: np.array(names["rhs"](x, k))), None
    else:
        for K in problem.matrices:
            yield (lambda x, K=K: K @ x), (lambda t, x, K=K: K)


def numbalsoda(problem: Problem, method: str) -> Solve:
    import numbalsoda
    from numba import cfunc, njit

    terms, spans = Terms.of(problem), grids(problem)
    width = terms.constants.shape[1]
    lines = [f"    dx[{i}] = {s}" for i, s in enumerate(terms.sums)]
    source = "\n".join(["def rhs(t, x, dx, k):", *lines])
    for r in range(terms.inflow.shape[1]):
        source = source.replace(f"r[{r}]", f"k[{width + r}]")
    names: dict = {}
    exec(source, names)
    address = cfunc(numbalsoda.lsoda_sig)(names["rhs"]).address
    step = getattr(numbalsoda, method)
    first = np.cumsum([0] + [len(grid) for grid, _ in spans])
    grid, place = (np.concatenate(parts) for parts in zip(*spans, strict=True))

    @njit
    def solve(address, constants, start, inflow, jumps, first, grid, place, out):  # type: ignore[no-untyped-def]
        data = np.empty(constants.shape[1] + inflow.shape[1])
        for s in range(len(constants)):
            data[: constants.shape[1]] = constants[s]
            x = start[s].copy()
            for k in range(len(jumps)):
                data[constants.shape[1] :] = inflow[k]
                x = x + jumps[k]
                a, b = first[k], first[k + 1]
                steps, good = step(address, x, grid[a:b], data, RTOL, ATOL)
                for i in range(b - a):
                    if place[a + i] >= 0:
                        out[s, place[a + i]] = steps[i]
                x = steps[-1]
                if not good:
                    out[s] = np.nan

    def run() -> np.ndarray:
        out = np.empty((len(terms.constants), len(problem.times), problem.jumps.shape[1]))
        solve(
            address,
            terms.constants,
            problem.start,
            terms.inflow,
            problem.jumps,
            first,
            grid,
            place,
            out,
        )
        return problem.answer(out.transpose(0, 2, 1))

    return run


def libroadrunner(problem: Problem) -> Solve:
    import roadrunner

    terms, spans = Terms.of(problem), grids(problem)
    runner = roadrunner.RoadRunner(sbml(terms))
    runner.integrator.setValue("relative_tolerance", RTOL)
    runner.integrator.setValue("absolute_tolerance", ATOL)
    n, width = problem.jumps.shape[1], terms.constants.shape[1]
    runner.timeCourseSelections = [f"x{i}" for i in range(n)]
    order = {name: i for i, name in enumerate(runner.model.getGlobalParameterIds())}
    states = [order[f"x{i}"] for i in range(n)]
    constants = [order[f"k{i}"] for i in range(width)]
    rates = [order[f"r{i}"] for i in range(terms.inflow.shape[1])]

    def subject(k: np.ndarray, out: np.ndarray) -> None:
        model, x = runner.model, np.zeros(n)
        model.setGlobalParameterValues(constants, k)
        for (grid, place), jump, inflow in zip(spans, problem.jumps, terms.inflow, strict=True):
            model.setGlobalParameterValues(states, x + jump)
            if rates:
                model.setGlobalParameterValues(rates, inflow)
            steps = np.asarray(runner.simulate(times=grid))
            out[place[place >= 0]] = steps[place >= 0]
            x = steps[-1]

    def solve() -> np.ndarray:
        out = np.empty((len(terms.constants), len(problem.times), n))
        for k, own in zip(terms.constants, out, strict=True):
            subject(k, own)
        return problem.answer(out.transpose(0, 2, 1))

    return solve


def sbml(terms: Terms) -> str:
    """The equations as rate rules; every number in them is a parameter that can be set."""

    def product(text: str) -> str:
        factors = re.findall(r"([kxr])\[(\d+)\]", text)
        names = "".join(f"<ci>{letter}{i}</ci>" for letter, i in factors)
        return f"<apply><times/>{names}</apply>" if len(factors) > 1 else names

    def rule(i: int, text: str) -> str:
        parts = [product(p) for p in text.split(" + ")]
        whole = f"<apply><plus/>{''.join(parts)}</apply>" if len(parts) > 1 else parts[0]
        math = f'<math xmlns="http://www.w3.org/1998/Math/MathML">{whole or "<cn>0</cn>"}</math>'
        return f'<rateRule variable="x{i}">{math}</rateRule>'

    counts = {"x": len(terms.sums), "k": terms.constants.shape[1], "r": terms.inflow.shape[1]}
    parameters = "".join(
        f'<parameter id="{letter}{i}" value="0" constant="false"/>'
        for letter, count in counts.items()
        for i in range(count)
    )
    rules = "".join(rule(i, text) for i, text in enumerate(terms.sums))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"><model>'
        f"<listOfParameters>{parameters}</listOfParameters><listOfRules>{rules}</listOfRules></model></sbml>"
    )


def diffrax(problem: Problem) -> Solve:
    import diffrax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    terms, spans = Terms.of(problem), grids(problem)
    names: dict = {"jnp": jnp}
    exec(f"def rhs(t, x, kr):\n k, r = kr\n return jnp.stack([{', '.join(terms.sums)}])", names)
    term, solver = diffrax.ODETerm(names["rhs"]), diffrax.Tsit5()
    controller = diffrax.PIDController(rtol=RTOL, atol=ATOL)
    longest = max(len(grid) for grid, _ in spans)
    padded = jnp.array([np.pad(grid, (0, longest - len(grid)), mode="edge") for grid, _ in spans])
    rows = np.concatenate([np.flatnonzero(p >= 0) + k * longest for k, (_, p) in enumerate(spans)])

    def subject(k, start):  # type: ignore[no-untyped-def]
        def span(x, now):  # type: ignore[no-untyped-def]
            grid, jump, inflow = now
            solution = diffrax.diffeqsolve(
                term, solver, grid[0], grid[-1], None, x + jump, (k, inflow), max_steps=100_000,
                saveat=diffrax.SaveAt(ts=grid), stepsize_controller=controller,
            )  # fmt: skip
            return solution.ys[-1], solution.ys

        _, steps = jax.lax.scan(span, start, (padded, problem.jumps, terms.inflow))
        return steps.reshape(-1, len(terms.sums))[rows]

    compiled = jax.jit(jax.vmap(subject))
    return lambda: problem.answer(
        np.asarray(compiled(terms.constants, problem.start)).transpose(0, 2, 1)
    )


PEERS = (
    Peer("NumPy and SciPy, batched expm", "scipy", numpy_script, linear=True),
    Peer("SciPy solve_ivp (LSODA)", "scipy", scipy),
    Peer("numbalsoda (lsoda)", "numbalsoda", lambda problem: numbalsoda(problem, "lsoda")),
    Peer("numbalsoda (dop853)", "numbalsoda", lambda problem: numbalsoda(problem, "dop853")),
    Peer("libroadrunner (CVODE)", "libroadrunner", libroadrunner, linear=True),
    Peer("diffrax (Tsit5, vmap)", "diffrax", diffrax),
)
