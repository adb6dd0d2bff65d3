"""Event tables: reading, simulating, and beside what one would write without the package."""

import io

import numpy as np
import pandas as pd

from pkmodel import EventTable, library, simulate

RECORDS = 50


def frame(subjects):
    """Every subject with times and doses of its own; every fifth record is a dose."""
    rng = np.random.default_rng(1)
    time = np.sort(np.round(rng.uniform(0.0, 336.0, (subjects, RECORDS)), 2), axis=1)
    dosed = np.tile(np.arange(RECORDS) % 5 == 0, (subjects, 1))
    amount = np.where(dosed, rng.choice([10.0, 20.0, 40.0], time.shape), 0.0)
    return pd.DataFrame({
        "ID": np.repeat(np.arange(1, subjects + 1), RECORDS),
        "TIME": time.ravel(),
        "AMT": amount.ravel(),
        "CMT": np.where(dosed, "oral", "").ravel(),
    })  # fmt: skip


def model():
    """Depot, central, peripheral and deep peripheral compartment."""
    return library.three_compartment(depot=True)


class Tables:
    """2,000 subjects, 100,000 records."""

    params = (["boluses", "steady state", "own clearance at every record"],)
    param_names = ("what",)
    number = rounds = 1
    repeat = (2, 4, 6.0)

    def setup(self, what):
        self.frame = frame(2_000)
        if what == "steady state":
            first = ~self.frame.ID.duplicated()
            self.frame["SS"] = first.astype(int)
            self.frame["II"] = np.where(first, 12.0, 0.0)
        if what == "own clearance at every record":
            rng = np.random.default_rng(2)
            self.frame["clearance"] = rng.uniform(3.0, 8.0, len(self.frame))
        self.csv = self.frame.to_csv(index=False)
        self.table = EventTable.read(self.frame)
        simulate(model(), self.table.select([1, 2]))

    def time_read_frame(self, what):
        return EventTable.read(self.frame)

    def time_read_csv(self, what):
        return EventTable.read(pd.read_csv(io.StringIO(self.csv)))

    def time_simulate(self, what):
        return simulate(model(), self.table, amounts=False, threads=1)


class Beside:
    """How many times faster than exponentials from record to record, in SciPy, all subjects at once."""

    def setup(self):
        self.frame = frame(1000)
        self.table = EventTable.read(self.frame)

    def scipy(self):
        """Amounts (subject, record, state): the same number of records in every subject, boluses only."""
        from scipy.linalg import expm

        K = model().rate_matrix()
        time = self.frame.TIME.to_numpy().reshape(-1, RECORDS)
        amount = self.frame.AMT.to_numpy().reshape(-1, RECORDS)
        x = np.zeros((len(time), len(K), 1))
        out = np.empty((*time.shape, len(K)))
        for k in range(RECORDS):
            if k:
                x = expm(K * (time[:, k] - time[:, k - 1])[:, None, None]) @ x
            x[:, 0, 0] += amount[:, k]
            out[:, k] = x[..., 0]
        return out

    def pkmodel(self):
        return simulate(model(), self.table, threads=1)

    def track_speed_over_scipy(self):
        from timeit import repeat

        seen = self.frame.AMT.to_numpy() == 0
        ours, theirs = self.pkmodel().amount.values.T, self.scipy().reshape(len(seen), -1)[seen]
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9)
        mine, other = (min(repeat(f, number=1, repeat=3)) for f in (self.pkmodel, self.scipy))
        return other / mine

    track_speed_over_scipy.unit = "times"
