"""simulate() and compare() as a user calls them, and beside what one would write without them."""

import numpy as np
import xarray as xr

from pkmodel import Drug, compare, library, population, simulate
from pkmodel.model import Parameter

ORAL = "10 mg oral q12h x 28"
PUMP = "0.4 mg/day intrathecal pump for 14 d"
TIMES = np.arange(337.0)


def three_states():
    """Depot, central, peripheral, with spread on every parameter."""
    values = {
        "clearance": "5 L/h",
        "volume": "50 L",
        "intercompartmental_clearance": "8 L/h",
        "peripheral_volume": "100 L",
        "absorption_rate": "1 /h",
    }
    return library.two_compartment(
        depot=True, **{n: Parameter(n, v, cv=0.3) for n, v in values.items()}
    )


class Simulate:
    """1,000 subjects, 337 hours: the whole call."""

    params = (["concentration", "with amounts", "with auc", "lag per subject"],)
    param_names = ("what",)

    def setup(self, what):
        self.model = three_states()
        if what == "lag per subject":
            self.model = self.model.with_parameters([Parameter("lag", "0.5 h", cv=0.3)])
        self.options = {"amounts": what == "with amounts", "auc": what == "with auc", "threads": 1}
        self.drawn = population.draw(self.model, 1000, seed=1)
        self.time_simulate(what)

    def time_simulate(self, what):
        return simulate(self.model, ORAL, TIMES, self.drawn, **self.options)


class Neuraxial:
    """A pump in 1,000 subjects for 14 days, hourly, by the number of segments of the spine."""

    params = ([3, 12, 30],)
    param_names = ("segments",)
    timeout = 600.0

    def setup(self, segments):
        self.model = Drug.read("morphine").segmented(segments).model()
        self.drawn = population.draw(self.model, 1000, seed=1)
        simulate(self.model, PUMP, TIMES[:2], amounts=False)

    def time_simulate(self, segments):
        return simulate(self.model, PUMP, TIMES, self.drawn, amounts=False, threads=1)

    def track_states(self, segments):
        return len(self.model.states)

    track_states.unit = "states"


class Beside:
    """How many times faster than the batched exponentials that one would write in NumPy and SciPy."""

    def setup(self):
        self.model = three_states()
        self.drawn = population.draw(self.model, 1000, seed=1)

    def numpy(self):
        """Amounts (time, subject, state): whole hours and shared boluses only."""
        from scipy.linalg import expm

        step = expm(self.model.rate_matrix({n: v.values for n, v in self.drawn.items()}))
        x = np.zeros((1000, 3, 1))
        out = np.empty((len(TIMES), 1000, 3))
        for i in range(len(TIMES)):
            if i % 12 == 0 and i < 336:
                x[:, 0] += 10.0
            out[i] = x[..., 0]
            x = step @ x
        return out

    def pkmodel(self):
        return simulate(self.model, ORAL, TIMES, self.drawn, threads=1)

    def track_speed_over_numpy(self):
        from timeit import repeat

        ours, theirs = self.pkmodel().amount.values, self.numpy()
        np.testing.assert_allclose(ours, theirs.transpose(1, 2, 0), rtol=1e-9, atol=1e-9)
        mine, other = (min(repeat(f, number=1, repeat=7)) for f in (self.pkmodel, self.numpy))
        return other / mine

    track_speed_over_numpy.unit = "times"


class Memory:
    """Bytes that one subject costs in a result."""

    def track_bytes_per_subject(self):
        model = three_states()
        few, many = (
            simulate(model, ORAL, TIMES, population.draw(model, n, seed=1), amounts=False).nbytes
            for n in (100, 1100)
        )
        return (many - few) / 1000

    track_bytes_per_subject.unit = "bytes"


class Compare:
    """Oral against the intrathecal pump, neuraxial model."""

    params = ([1, 1000],)
    param_names = ("subjects",)

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
            subjects=min(subjects, 100),
            intended=True,
        )
