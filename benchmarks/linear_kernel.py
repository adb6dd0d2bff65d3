"""The exact linear kernel alone: speed, accuracy, cold start."""

import tempfile

import numpy as np

TIMES = np.arange(337.0)
DOSES = 12.0 * np.arange(28)


def model(cases, n, seed=1):
    """A depot, a central compartment, and n - 2 peripheral ones, all rates log-normal."""
    rng = np.random.default_rng(seed)

    def rate(typical):
        return typical * np.exp(0.3 * rng.standard_normal(cases))

    matrices = np.zeros((cases, 1, n, n))

    def flow(source, target, typical):
        k = rate(typical)
        matrices[:, 0, source, source] -= k
        if target is not None:
            matrices[:, 0, target, source] += k

    flow(0, 1, 1.0)
    flow(1, None, 0.1)
    for k in range(2, n):
        flow(1, k, 0.16 / k)
        flow(k, 1, 0.08 / k)
    return matrices


class Problem:
    """Arguments of the kernel for oral doses every 12 h and hourly read-outs."""

    def __init__(self, cases, n, rows=None, lags=None):
        from pkmodel.kernels import linear, tapes

        self.kernel = linear.solve
        matrices = model(cases, n)
        lags = np.zeros(1) if lags is None else lags
        states = np.arange(n) if rows is None else np.asarray(rows)
        parts = []
        for lag in lags:
            time = np.concatenate([DOSES + lag, TIMES])
            order = np.argsort(time, kind="stable")
            op = np.repeat([tapes.ADD, tapes.OUTPUT], [len(DOSES), len(TIMES)])
            index = np.concatenate([np.zeros(len(DOSES), int), np.arange(len(TIMES))])
            parts.append((time[order], op[order], index[order]))
        time, op, index = (np.concatenate(v) for v in zip(*parts, strict=True))
        self.out = np.empty((cases, len(states), len(TIMES)))
        self.status = np.zeros(cases, np.uint8)
        self.arguments = (
            matrices,
            np.full(n, tapes.MASS),
            np.arange(len(lags) + 1) * (len(DOSES) + len(TIMES)),
            time,
            op,
            index,
            np.full(len(time), 10.0),
            np.full(len(time), -1),
            np.ones((cases, 0)),
            np.arange(cases) if len(lags) == cases else np.zeros(cases, int),
            np.arange(len(states) + 1),
            states,
            np.ones((1, len(states))),
            self.out,
            self.status,
        )

    def solve(self):
        self.kernel(*self.arguments)


class Shared:
    """All cases on one tape, every amount written."""

    params = ([2, 3, 8, 20], [1, 1000])
    param_names = ("states", "cases")

    def setup(self, states, cases):
        self.problem = Problem(cases, states)
        self.problem.solve()

    def time_solve(self, states, cases):
        self.problem.solve()


class SomeRows:
    """All cases on one tape, the central compartment written, alone or with three rows more."""

    params = ([1, 4],)
    param_names = ("rows",)

    def setup(self, rows):
        self.problem = Problem(1000, 3, rows=[1, 0, 2, 1][:rows])
        self.problem.solve()

    def time_solve(self, rows):
        self.problem.solve()


class OwnPrograms:
    """Every case with its own absorption lag, and so with its own tape."""

    params = ([1.0, 6.0],)
    param_names = ("largest lag",)

    def setup(self, largest):
        lags = np.random.default_rng(2).uniform(0.0, largest, 1000)
        self.problem = Problem(1000, 3, lags=lags)
        self.problem.solve()

    def time_solve(self, largest):
        self.problem.solve()


class Accuracy:
    """Largest error beside the largest amount, against 60 digits: gains in speed that cost digits."""

    params = ([1.0, 1e3, 1e6],)
    param_names = ("stiffness",)

    def track_error(self, stiffness):
        import mpmath

        from pkmodel.kernels import linear, tapes

        a = np.array([[-1.0, 0.5, 0.0], [1.0, -0.75, 0.125], [0.0, 0.125, -0.125]])
        a[:, 0] *= stiffness
        times = np.array([0.25, 1.0, 12.0, 100.0])
        out, status = np.empty((1, 3, 4)), np.zeros(1, np.uint8)
        linear.solve(
            a[None, None],
            np.full(3, tapes.MASS),
            np.array([0, 5]),
            np.array([0.0, *times]),
            np.array([tapes.ADD] + [tapes.OUTPUT] * 4),
            np.array([0, 0, 1, 2, 3]),
            np.ones(5),
            np.full(5, -1),
            np.ones((1, 0)),
            np.zeros(1, int),
            np.arange(4),
            np.arange(3),
            np.ones((1, 3)),
            out,
            status,
        )
        with mpmath.workdps(60):
            exact = [mpmath.expm(mpmath.matrix(a.tolist()) * t, method="taylor") for t in times]
            error = max(
                abs(exact[k][i, 0] - mpmath.mpf(out[0, i, k])) for k in range(4) for i in range(3)
            )
        return float(error)

    track_error.unit = "relative error"


LOAD = """
from pkmodel.kernels import linear, machine
for kernel in machine.kernels:
    kernel.load()
"""


class ColdStart:
    """The kernels in a fresh process, compiled anew or read from the cache."""

    timeout = 300
    number = 1
    repeat = (1, 2, 30.0)
    rounds = 1
    warmup_time = 0

    def timeraw_compile(self):
        folder = tempfile.mkdtemp()
        return LOAD, f"import os; os.environ['NUMBA_CACHE_DIR'] = {folder!r}"

    def timeraw_cached(self):
        return LOAD
