"""Threads, and a real Dask cluster of processes, some of which are killed."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from pkmodel import sweep
from pkmodel.errors import InputError
from pkmodel.sweeps import grid, progress, resume
from pkmodel.sweeps.engines import by_threads, processors

HOW = {"oral": "60 mg oral q12h x 28", "segments": 3, "metrics": ["auc", "cmax"]}
POINTS = grid(ratio=np.geomspace(20, 300, 12), csf_loss_rate=[0.2, 0.4])


def test_threads_do_every_box_once():
    boxes = [(slice(k, k + 1),) for k in range(20)]
    for workers in (1, 3):
        done = []
        assert sum(1 for _ in by_threads(done.append, boxes, workers)) == 20
        assert sorted(done, key=str) == sorted(boxes, key=str)


def test_threads_take_boxes_as_they_go_and_no_more_at_once_than_there_are():
    taken, running, most = [], [], []

    def boxes():
        for k in range(20):
            taken.append(k)
            yield (slice(k, k + 1),)

    def work(box):
        running.append(box)
        most.append(len(running))
        time.sleep(0.002)
        running.remove(box)

    steps = by_threads(work, boxes(), 2)
    next(steps)
    assert len(taken) < 10
    steps.close()
    assert max(most) <= 2
    assert len(most) < 20


def test_a_fault_of_a_thread_stops_the_others():
    done = []

    def work(box):
        if box == 3:
            raise InputError("full")
        time.sleep(0.002)
        done.append(box)

    with pytest.raises(InputError, match="full"):
        list(by_threads(work, range(100), 2))
    assert len(done) < 12


def test_processors_are_those_of_this_process():
    assert 1 <= processors() <= os.cpu_count()


def test_every_box_has_one_kernel_thread(monkeypatch):
    """Threads times workers stay within the processors."""
    from pkmodel.simulation import solving

    kernels, most, true = [], [], solving.solve

    def counted(*given):
        kernels.append(1)
        most.append(len(kernels))
        try:
            assert given[-1] == 1
            return true(*given)
        finally:
            kernels.pop()

    monkeypatch.setattr(solving, "solve", counted)
    before = threading.enumerate()
    sweep("morphine", POINTS, workers=2, runs_per_box=2, **HOW)
    assert 1 <= max(most) <= 2
    left = [t.name for t in threading.enumerate() if t not in before]
    assert not [name for name in left if "ThreadPool" in name]


FORKS = """
import multiprocessing, sys
from pkmodel.sweeps import grid, sweep
how = {"oral": "60 mg oral q12h x 28", "segments": 3, "metrics": "auc"}
def work(_=None):
    return sweep("morphine", grid(ratio=[30, 100, 300]), workers=2, runs_per_box=1, **how).auc.values.tobytes()
if __name__ == "__main__":
    mine = work()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(work, range(2)) == [mine, mine]
    print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_sweeps_as_its_parent_did():
    done = subprocess.run(
        [sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "done", done.stderr


# ------------------------------------------------------------------------------------------ clusters


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Two processes of one thread each."""
    dask = pytest.importorskip("dask")
    distributed = pytest.importorskip("distributed")
    how = {
        "distributed.scheduler.allowed-failures": 1,
        "distributed.scheduler.worker-ttl": None,
        "temporary-directory": str(tmp_path_factory.mktemp("dask")),
    }
    with (
        dask.config.set(how),
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def whole():
    return sweep("morphine", POINTS, **HOW)


def test_a_cluster_computes_the_same(client, whole, tmp_path, monkeypatch):
    """Into a store that is named by where this process stands."""
    from dask.utils import key_split

    monkeypatch.chdir(tmp_path)
    keys = []
    submit = client.submit
    monkeypatch.setattr(client, "submit", lambda *a, **k: keys.append(k["key"]) or submit(*a, **k))
    found = sweep("morphine", POINTS, store="s.zarr", client=client, runs_per_box=5, **HOW)
    np.testing.assert_array_equal(found.auc, whole.auc)
    np.testing.assert_array_equal(found.cmax, whole.cmax)
    assert (tmp_path / "s.zarr").is_dir()
    assert len(keys) == len(set(keys)) == 6
    assert {key_split(key) for key in keys} == {"sweep"}  # what the dashboard calls them


def test_a_worker_that_is_killed_is_replaced(client, whole, tmp_path):
    place = tmp_path / "s.zarr"
    how = {"store": place, "client": client, "runs_per_box": 1}
    steps = threading.Thread(target=sweep, args=("morphine", POINTS), kwargs=HOW | how)
    victim = next(iter(client.run(os.getpid).values()))
    steps.start()
    while not place.is_dir() or not done(place):
        time.sleep(0.01)
    os.kill(victim, signal.SIGKILL)
    steps.join(60)
    assert not steps.is_alive()
    assert progress(place).done == POINTS.count
    np.testing.assert_array_equal(resume(place).auc, whole.auc)


def done(place):
    try:
        return progress(place).done
    except InputError:
        return 0


def test_a_box_that_kills_its_workers_leaves_the_others(client, whole, tmp_path, monkeypatch):
    from distributed.diagnostics.plugin import WorkerPlugin

    class Deadly(WorkerPlugin):
        def setup(self, worker):
            import os

            from pkmodel.sweeps import store

            true = store.compute

            def compute(plan, box):
                if box[0].start == 4:
                    os.kill(os.getpid(), 9)
                return true(plan, box)

            store.compute = compute

    place = tmp_path / "s.zarr"
    monkeypatch.setattr(client.cluster.scheduler, "allowed_failures", 0)
    client.register_plugin(Deadly(), name="deadly")
    try:
        with pytest.raises(InputError, match=r"1 of the boxes .* runs 4 to 4 x 0 to 1\..*resume"):
            sweep("morphine", POINTS, store=place, client=client, runs_per_box=2, **HOW)
    finally:
        client.unregister_worker_plugin("deadly")
    status = progress(place)
    assert (status.runs, status.done) == (24, 22)
    np.testing.assert_array_equal(resume(place, workers=1).auc, whole.auc)


def test_workers_that_cannot_write_say_so(client, tmp_path):
    place = tmp_path / "s.zarr"
    part = {"part": (1, 100), "runs_per_box": 8, "workers": 1}
    sweep("morphine", POINTS, store=place, **part, **HOW)
    shutil.rmtree(place / "cmax" / "c")
    (place / "cmax" / "c").touch()  # where a folder has to be
    with pytest.raises(InputError, match=r"cannot be written: .*resume"):
        resume(place, client=client)
    assert progress(place).done == 8
