"""Sweeps of several processes at once, and of processes that are killed."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from pkmodel import sweep
from pkmodel.errors import InputError, PackageError
from pkmodel.sweeps import grid, progress, resume

pytest.importorskip("zarr")

HOW = {"oral": "60 mg oral q12h x 28", "segments": 3, "metrics": ["auc", "cmax"]}
POINTS = grid(ratio=np.linspace(20, 300, 25), csf_loss_rate=[0.2, 0.4])
CODE = f"""
import sys
import numpy as np
from pkmodel.sweeps import grid, sweep
points = grid(ratio=np.linspace(20, 300, 25), csf_loss_rate=[0.2, 0.4])
part = (int(sys.argv[2]), int(sys.argv[3]))
sweep("morphine", points, store=sys.argv[1], runs_per_box=1, workers=1, part=part, **{HOW})
"""


@pytest.fixture(scope="module")
def whole():
    return sweep("morphine", POINTS, **HOW)


def begin(place, part=1, parts=1, **environment):
    return subprocess.Popen(
        [sys.executable, "-W", "error::UserWarning:zarr", "-c", CODE, str(place), str(part), str(parts)],
        env=dict(os.environ) | environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def done(place):
    try:
        return progress(place).done
    except InputError:
        return 0


def equal(ds, whole):
    for name, values in whole.data_vars.items():
        np.testing.assert_array_equal(ds[name], values)


def test_a_process_that_is_killed_is_gone_on_with(whole, tmp_path):
    place = tmp_path / "s.zarr"
    process = begin(place)
    end = time.monotonic() + 60
    while done(place) < 5 and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 5 <= done(place) < 50
    equal(resume(place, workers=2), whole)
    assert progress(place).done == 50


def test_processes_that_share_a_store_from_the_first_moment(whole, tmp_path):
    """Two parts of a job array, one of them twice."""
    place = tmp_path / "s.zarr"
    processes = [begin(place, part, 2) for part in (1, 2, 2)]
    for process in processes:
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told
    assert progress(place).done == 50
    equal(resume(place), whole)


def test_numba_without_a_cache_and_with_a_new_one(whole, tmp_path):
    """A folder that cannot be: kernels are compiled anew in every process. One that is missing is made."""
    (tmp_path / "file").touch()
    closed = begin(tmp_path / "a.zarr", 1, 25, NUMBA_CACHE_DIR=str(tmp_path / "file" / "cache"))
    missing = begin(tmp_path / "b.zarr", 2, 25, NUMBA_CACHE_DIR=str(tmp_path / "new" / "cache"))
    for process in (closed, missing):
        _, told = process.communicate(timeout=300)
        assert process.returncode == 0, told
    for name in ("a.zarr", "b.zarr"):
        assert progress(tmp_path / name).done == 2
        equal(resume(tmp_path / name), whole)
    assert any((tmp_path / "new").rglob("*.o"))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"part": (1, 2)}, "meet in a store"),
        ({"client": object()}, "meet in a store"),
        ({"workers": 0}, "workers is 0"),
        ({"runs_per_box": 0}, "runs_per_box is 0"),
        ({"store": "s.zarr", "part": (3, 2)}, r"part is \(3, 2\)"),
        ({"store": "s.zarr", "part": (0, 2)}, r"part is \(0, 2\)"),
    ],
)
def test_refusals(how, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        sweep("morphine", POINTS, **how, **HOW)
    assert not (tmp_path / "s.zarr").exists()


def test_a_bar(capsys):
    sweep("morphine", grid(ratio=[30, 300]), progress=True, runs_per_box=1, **HOW)
    assert "sweep: 100%" in capsys.readouterr().err
    sweep("morphine", grid(ratio=[30, 300]), **HOW)
    assert not capsys.readouterr().err


def test_a_store_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    place = tmp_path / "s.zarr"
    calls = (
        lambda: sweep("morphine", grid(ratio=[30]), oral="60 mg oral q12h x 28", store=place),
        lambda: resume(place),
        lambda: progress(place),
    )
    for call in calls:
        with pytest.raises(PackageError, match=r'needs zarr: pip install "pkmodel\[cluster\]"'):
            call()
    assert not place.exists()
