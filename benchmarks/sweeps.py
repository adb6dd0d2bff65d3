"""Sweeps beside compare() on the same runs, and by workers, boxes and stores."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

import pkmodel
from pkmodel import Drug, compare

# pkmodel.sweeps is imported when it is used, so that older commits, which lack it, can be measured otherwise.

ORAL = "60 mg oral q12h x 28"
DRUG = "morphine"


def design(runs):
    return pkmodel.sweeps.sobol(
        runs,
        seed=1,
        ratio=(30, 300, "log"),
        oral_bioavailability=(0.17, 0.34),
        csf_loss_rate=(0.1, 1),
        csf_pulsation=(0.5, 2),
    )


class Sweep:
    """16,384 runs of the model of 3 segments, AUC and Cmax of the last day, in boxes of 2,048."""

    params = ([1, 2], ["memory", "store"])
    param_names = ("workers", "kept in")
    timeout = 600.0
    number = rounds = 1
    repeat = 2
    warmup_time = 0

    def setup(self, workers, kept):
        self.folder = Path(tempfile.mkdtemp())
        self.points = design(16384)
        self.how = {"oral": ORAL, "segments": 3, "metrics": ["auc", "cmax"]}
        pkmodel.sweep(DRUG, design(2), **self.how)

    def teardown(self, workers, kept):
        shutil.rmtree(self.folder)

    def time_sweep(self, workers, kept):
        store = {} if kept == "memory" else {"store": self.folder / "s.zarr"}
        shutil.rmtree(self.folder / "s.zarr", ignore_errors=True)
        pkmodel.sweep(DRUG, self.points, workers=workers, runs_per_box=2048, **store, **self.how)


class Overhead:
    """How much longer a sweep in a store takes than compare() on the same runs, in boxes of about a second."""

    timeout = 600.0
    runs, box, segments = 1024, 256, 30

    def setup(self):
        self.folder = Path(tempfile.mkdtemp())
        self.points = design(self.runs)
        self.drug = Drug.read(DRUG).segmented(self.segments)
        pkmodel.sweep(DRUG, design(2), oral=ORAL, segments=3)

    def teardown(self):
        shutil.rmtree(self.folder)

    def plain(self):
        given = {n: xr.DataArray(v, dims="run") for n, v in self.points.columns.items()}
        ratio, times = given.pop("ratio"), 312 + 0.25 * np.arange(97)
        for k in range(0, self.runs, self.box):
            cut = slice(k, k + self.box)
            part = {name: values[cut] for name, values in given.items()}
            compare(
                self.drug,
                ORAL,
                ratio=ratio[cut],
                parameters=part,
                times=times,
                amounts=False,
                threads=1,
            )

    def swept(self):
        shutil.rmtree(self.folder / "s.zarr", ignore_errors=True)
        pkmodel.sweep(DRUG, self.points, oral=ORAL, segments=self.segments, store=self.folder / "s.zarr", workers=1,
              runs_per_box=self.box)  # fmt: skip

    def track_overhead(self):
        from timeit import repeat

        swept, plain = (min(repeat(f, number=1, repeat=3)) for f in (self.swept, self.plain))
        return 100 * (swept / plain - 1)

    track_overhead.unit = "%"


class Box:
    """One box of 64 runs, by the number of segments of the spine."""

    params = ([3, 12, 30],)
    param_names = ("segments",)
    timeout = 600.0

    def setup(self, segments):
        from pkmodel.sweeps.computing import compute

        self.compute = compute
        self.plan = pkmodel.sweeps.plan_of(
            DRUG, design(64), oral=ORAL, segments=segments, metrics="auc"
        )
        self.box = [slice(0, 64)]
        self.compute(self.plan, [slice(0, 2)])

    def time_compute(self, segments):
        self.compute(self.plan, self.box)

    def peakmem_compute(self, segments):
        self.compute(self.plan, self.box)


class Memory:
    """Peak of the process over a sweep into a store, in boxes of 64 runs: it does not grow with the runs."""

    params = ([128, 2560],)
    param_names = ("runs",)
    timeout = 600.0

    def setup(self, runs):
        self.folder = Path(tempfile.mkdtemp())
        self.points = pkmodel.sweeps.from_table({"ratio": np.linspace(30, 300, runs)})

    def teardown(self, runs):
        shutil.rmtree(self.folder)

    def peakmem_sweep(self, runs):
        shutil.rmtree(self.folder / "s.zarr", ignore_errors=True)
        pkmodel.sweep(DRUG, self.points, oral=ORAL, segments=3, metrics=[], times=np.arange(1.0, 337.0),
              store=self.folder / "s.zarr", workers=1, runs_per_box=64)  # fmt: skip
