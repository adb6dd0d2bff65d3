"""What a sweep takes, estimated beside what it took."""

import math
import tracemalloc

import numpy as np
import pytest

from pkmodel.errors import InputError
from pkmodel.sweeps import costs, describe, grid, latin_hypercube, plan_of, sweep
from pkmodel.sweeps.blocks import Blocks
from pkmodel.sweeps.computing import compute

HOW = {"oral": "60 mg oral q12h x 28", "segments": 3}
ENDS = {"ratio": (30, 300), "csf_loss_rate": (0.1, 1), "clearance": (30, 90)}


def peak_of(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"metrics": "auc"},
        {"metrics": "auc", "segments": 30},
        {"metrics": [], "times": range(1, 337), "sites": "plasma"},
        {"metrics": [], "times": range(1, 100)},
        {"subjects": 5, "quantiles": [0.1, 0.9]},
        {"subjects": 5, "metrics": [], "quantiles": [0.5]},
        {"responses": "analgesia", "metrics": "auc", "sites": "plasma"},
        {"responses": True},
        {"responses": True, "segments": 30, "metrics": "auc"},
        {"responses": True, "metrics": [], "times": range(1, 337), "sites": "plasma"},
        {"responses": True, "subjects": 5, "quantiles": [0.5]},
    ],
    ids=str,
)
def test_the_estimate_of_memory_is_an_upper_bound_within_a_factor_of_two(kind):
    runs = 32 if "segments" in kind or "subjects" in kind else 96
    plan = plan_of("morphine", latin_hypercube(runs, seed=1, **ENDS), **{**HOW, **kind})
    compute(plan, [slice(0, 2)])
    peak = peak_of(lambda: compute(plan, [slice(0, runs)]))
    estimate = costs.peak_bytes(plan, Blocks((runs,), (runs,)), 1, in_memory=False)
    assert peak < estimate < 2 * peak


def test_memory_is_bounded_by_the_box(tmp_path):
    """Twenty times the runs, into a store."""

    def peak(runs):
        design = latin_hypercube(runs, seed=1, **ENDS)
        how = HOW | {"store": tmp_path / f"{runs}.zarr", "runs_per_box": 32, "workers": 1}
        return peak_of(lambda: sweep("morphine", design, metrics=[], times=range(1, 337), **how))

    peak(32)
    few, many = peak(64), peak(1280)
    results = 1280 * 2 * 16 * 336 * 8
    assert many < 1.2 * few < results / 4


def test_sizes():
    design = grid(ratio=np.geomspace(30, 300, 10), csf_pulsation=[0.5, 1.0])
    size = describe("morphine", design, workers=2, runs_per_box=4, subjects=3, metrics="auc", **HOW)
    assert (size.runs, size.cases, size.boxes) == (20, 120, 5)
    assert size.result_bytes == 20 * (2 * 3 * 16 * 8 + 8 + 1)
    assert 0 < size.seconds < 60
    assert size.peak_bytes > size.result_bytes


def test_boxes_suit_the_memory_and_the_workers():
    small = plan_of("morphine", grid(ratio=np.arange(30.0, 1030)), metrics="auc", **HOW)
    assert math.prod(costs.blocks_of(small, None, 1).edges) == 250
    assert math.prod(costs.blocks_of(small, None, 4).edges) == 62
    assert math.prod(costs.blocks_of(small, None, 400).edges) == costs.LEAST_RUNS
    assert math.prod(costs.blocks_of(small, 77, 400).edges) == 77
    profiles = {"subjects": 1000, "metrics": [], "times": range(1, 337)}
    large = plan_of("morphine", grid(ratio=np.arange(30.0, 1030)), **profiles, **HOW)
    assert math.prod(costs.blocks_of(large, None, 1).edges) == 1
    with pytest.raises(InputError, match="runs_per_box is 0"):
        costs.blocks_of(small, 0, 1)


def test_what_does_not_fit_is_refused_before_it_is_computed(monkeypatch, tmp_path):
    monkeypatch.setattr(costs, "_memory", lambda: 1e6)
    design = grid(ratio=[30, 300])
    with pytest.raises(InputError, match=r"GB of memory.*runs_per_box, store="):
        sweep("morphine", design, **HOW)
    with pytest.raises(InputError, match="GB of memory"):
        sweep("morphine", design, store=tmp_path / "s.zarr", **HOW)
    with pytest.raises(InputError, match="GB of memory"):
        describe("morphine", design, **HOW)
    assert not (tmp_path / "s.zarr").exists()


def test_memory_is_that_of_the_control_group(tmp_path):
    job = tmp_path / "slurm" / "job_7" / "step_0"
    job.mkdir(parents=True)
    (job / "memory.max").write_text("max\n")
    (job.parent / "memory.max").write_text("5000\n")
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("7000")
    own = tmp_path / "cgroup"
    own.write_text("4:cpu:/x\n0::/slurm/job_7/step_0\n")
    assert sorted(costs._group_limits(own, tmp_path)) == [5000, 7000]
    assert costs._group_limits(tmp_path / "none", tmp_path / "none") == []
    assert 1e8 < costs._memory() < 1e15
