"""simulate() and compare() as a user calls them: speed, accuracy, growth, memory."""

import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import xarray as xr

from benchmarks.workloads import (
    HOURS,
    PUMP,
    TABLETS,
    WORKLOADS,
    Problem,
    exponentials,
    two_compartment,
)
from pkmodel import Drug, Flow, Input, Model, Parameter, compare, population, simulate


class Workloads:
    """The workloads in one thread, with their errors: speed that was bought with digits shows."""

    params = (list(WORKLOADS),)
    param_names = ("workload",)
    repeat = (1, 5, 4.0)
    rounds = 1

    def setup(self, workload):
        self.workload = WORKLOADS[workload]
        self.parameters = self.workload.parameters()
        self.workload.run(self.workload.parameters(10))

    def time_run(self, workload):
        self.workload.run(self.parameters)

    def track_error(self, workload):
        return self.workload.error(self.workload.run(self.workload.parameters(10)))

    track_error.unit = "of the largest amount"


class Options:
    """1,000 subjects of two compartments and a depot, hourly for 14 days."""

    params = (["concentration", "with auc", "lag per subject"],)
    param_names = ("what",)
    rounds = 1

    def setup(self, what):
        self.model = two_compartment()
        self.drawn = WORKLOADS["W2"].parameters()
        if what == "lag per subject":
            self.drawn["lag"] = "subject", np.random.default_rng(1).uniform(0.1, 1.0, 1000)
        self.auc = what == "with auc"
        self.time_simulate(what)

    def time_simulate(self, what):
        return simulate(
            self.model, TABLETS, HOURS, self.drawn, amounts=False, auc=self.auc, threads=1
        )


class Threads:
    """The same work on one and on two threads; two idle processors are needed to see the gain."""

    params = (["W5", "W6"], [1, 2])
    param_names = ("workload", "threads")
    repeat = (1, 5, 4.0)
    rounds = 1

    def setup(self, workload, threads):
        self.workload = WORKLOADS[workload]
        self.parameters = self.workload.parameters()
        self.workload.run(self.workload.parameters(10))

    def time_run(self, workload, threads):
        self.workload.run(self.parameters, threads=threads)


class Subjects:
    """Time over the number of subjects: it should be a straight line."""

    params = ([1_000, 10_000, 100_000, 1_000_000],)
    param_names = ("subjects",)
    repeat = (1, 5, 4.0)
    rounds = 1

    def setup(self, subjects):
        self.parameters = WORKLOADS["W7"].parameters(subjects)
        WORKLOADS["W7"].run(WORKLOADS["W7"].parameters(10))

    def time_metrics(self, subjects):
        WORKLOADS["W7"].run(self.parameters)


class States:
    """Time over the number of compartments: a chain with exchange both ways, 100 subjects, hourly."""

    params = ([1, 2, 5, 10, 20, 50, 100],)
    param_names = ("states",)
    rounds = 1

    def setup(self, states):
        names = [f"box {k + 1}" for k in range(states)]
        flows = [Flow(names[-1], None, "rate", "out")]
        for a, b in pairwise(names):
            flows += [Flow(a, b, "rate", "on"), Flow(b, a, "rate", "back")]
        rates = {"on": "2 /h", "back": "1 /h", "out": "0.2 /h"}
        used = rates if states > 1 else {"out": rates["out"]}
        parameters = [Parameter(n, v, cv=0.3) for n, v in used.items()]
        self.model = Model("chain", names, flows, parameters, [Input("iv", names[0])])
        self.drawn = population.draw(self.model, 100, seed=1)
        self.time_simulate(states)

    def time_simulate(self, states):
        simulate(self.model, "10 mg iv bolus q12h x 28", HOURS, self.drawn, threads=1)


class Neuraxial:
    """A pump in 1,000 subjects, concentrations alone, by the number of segments of the spine."""

    params = ([3, 30],)
    param_names = ("segments",)
    repeat = (1, 5, 4.0)
    rounds = 1

    def setup(self, segments):
        self.model = Drug.read("morphine").segmented(segments).model()
        self.drawn = population.draw(self.model, 1000, seed=1)
        simulate(self.model, PUMP, HOURS[:2], amounts=False)

    def time_simulate(self, segments):
        return simulate(self.model, PUMP, HOURS, self.drawn, amounts=False, threads=1)


class Beside:
    """How many times faster than the batched exponentials that one would write in NumPy and SciPy."""

    params = (["W1", "W2", "W3"],)
    param_names = ("workload",)

    def track_speed_over_numpy(self, workload):
        from timeit import repeat

        work = WORKLOADS[workload]
        parameters, problem = work.parameters(), Problem.of(work, work.subjects)

        def best(call):
            call()
            return min(repeat(call, number=1, repeat=7))

        return best(lambda: exponentials(problem)) / best(lambda: work.run(parameters))

    track_speed_over_numpy.unit = "times"


class Memory:
    """100,000 subjects at 29 troughs, with amounts."""

    def setup(self):
        self.parameters = WORKLOADS["W5"].parameters()

    def peakmem_run(self):
        return WORKLOADS["W5"].run(self.parameters)

    def track_peak_over_result(self):
        """What the process grows by, in sizes of the result: 1 is the least possible."""
        done = subprocess.run(
            [sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True
        )
        before, after, result = json.loads(done.stdout)
        return (after - before) / result

    track_peak_over_result.unit = "sizes of the result"

    def track_bytes_per_subject(self):
        some = self.parameters.isel(subject=slice(1000))
        few, many = (
            WORKLOADS["W5"].run(part).nbytes for part in (some.isel(subject=slice(100)), some)
        )
        return (many - few) / 900

    track_bytes_per_subject.unit = "bytes"


GROWTH = """
import json, resource, sys
import numpy as np, xarray as xr
from pkmodel import library, simulate
model = library.one_compartment(depot=True)
clearance = xr.DataArray(np.linspace(3, 8, 100_000), dims="subject")
def run(some):
    return simulate(model, "10 mg oral q12h x 28", 12.0 * np.arange(29), {"clearance": some}, threads=1)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
run(clearance[:100])
before = peak()
result = run(clearance)
print(json.dumps([before, peak(), result.nbytes]))
"""


class Compare:
    """Oral against the intrathecal pump, neuraxial model."""

    params = ([1, 100],)
    param_names = ("subjects",)
    repeat = (1, 5, 4.0)
    rounds = 1

    def setup(self, subjects):
        self.time_compare(subjects)

    def time_compare(self, subjects):
        return compare("morphine", "60 mg oral q12h x 28", ratio=300, subjects=subjects, seed=1)

    def time_compare_ratios(self, subjects):
        ratio = xr.DataArray(np.geomspace(10, 300, 8), dims="ratio")
        return compare(
            "morphine",
            "60 mg oral q12h x 28",
            ratio=ratio,
            subjects=subjects,
            intended=True,
        )
