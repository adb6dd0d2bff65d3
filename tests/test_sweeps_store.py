"""The store: its template, places that cannot be written, and places behind a URL."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pkmodel import Drug, sweep
from pkmodel.errors import InputError
from pkmodel.sweeps import from_table, grid, progress, resume, running
from pkmodel.sweeps.store import NOT_RUN, Store, status_of

pytest.importorskip("zarr")

HOW = {"oral": "60 mg oral q12h x 28", "segments": 3, "metrics": ["auc", "cmax"]}
POINTS = grid(ratio=[30, 100, 300, 400], csf_loss_rate=[0.2, -1.0])
PART = {"part": (1, 100), "runs_per_box": 2, "workers": 1}
"""The first box alone."""


@pytest.fixture(scope="module")
def whole():
    return sweep("morphine", POINTS, **HOW)


def test_a_template_is_complete_before_a_run_is_done(tmp_path, whole):
    place = tmp_path / "new" / "s.zarr"
    ds = sweep("morphine", POINTS, store=place, **PART, **HOW)
    for other in (ds, xr.open_zarr(place)):
        assert dict(other.sizes) == dict(whole.sizes)
        assert list(other.arm.values) == ["oral", "intrathecal"]
        np.testing.assert_array_equal(other.ratio, whole.ratio)
        np.testing.assert_array_equal(other.status, [[0, 1]] + 3 * [[NOT_RUN] * 2])
        assert np.isnan(other.auc[1:]).all()
        assert other.auc.units == "mg*h/L"
    assert {"seed", "hash", "semantics_version", "pkmodel_version"} <= set(ds.attrs)
    assert progress(place) == running.Progress(8, 2, 1, {1: 1})
    again = resume(place)
    np.testing.assert_array_equal(again.auc, whole.auc)
    assert progress(str(place)) == running.Progress(8, 8, 4, {1: 4})


def test_what_is_done_is_left_alone(tmp_path, monkeypatch):
    place = tmp_path / "s.zarr"
    sweep("morphine", POINTS, store=place, runs_per_box=4, **HOW)
    store = Store.open(str(place))
    assert list(store.open_boxes()) == []
    monkeypatch.setattr("pkmodel.sweeps.store.compute", None)
    for box in store.blocks:
        store.work(box)
    sweep("morphine", POINTS, store=place, **HOW)


def test_the_status_is_written_last(tmp_path):
    place = tmp_path / "s.zarr"
    sweep("morphine", POINTS, store=place, **PART, **HOW)
    store = Store.open(str(place))
    box = next(store.open_boxes())
    values = {"status": np.zeros((1, 2)), "auc": "no number", "cmax": 0.0, "failed": 0}
    with pytest.raises(ValueError):
        store.write(box, values)
    assert (status_of(str(place))[box] == NOT_RUN).all()


def test_a_store_of_another_sweep_is_refused(tmp_path):
    place = tmp_path / "s.zarr"
    sweep("morphine", POINTS, store=place, **PART, **HOW)
    with pytest.raises(InputError, match=r"another sweep, with another design, seed\. .*resume"):
        sweep("morphine", grid(ratio=[30]), store=place, seed=1, **HOW)
    with pytest.raises(InputError, match="another metrics"):
        sweep("morphine", POINTS, store=place, **HOW | {"metrics": "auc"})


def test_a_drug_file_that_has_changed_is_refused(tmp_path):
    place, file = tmp_path / "s.zarr", tmp_path / "own.toml"
    shutil.copy(Drug.read("morphine").path, file)
    sweep(file, POINTS, store=place, **PART, **HOW)
    text = file.read_text()
    at = text.index("value", text.index("[parameters.clearance]"))
    file.write_text(text[:at] + text[at:].replace('"', '"1', 1))
    for go_on in (lambda: resume(place), lambda: sweep(file, POINTS, store=place, **HOW)):
        with pytest.raises(InputError, match="the drug's file, or the package, has changed"):
            go_on()
    assert progress(place).done == 2


def test_other_semantics_are_refused(tmp_path, monkeypatch):
    place = tmp_path / "s.zarr"
    sweep("morphine", POINTS, store=place, **PART, **HOW)
    monkeypatch.setattr("pkmodel.sweeps.store.SEMANTICS", "0")
    with pytest.raises(InputError, match=r"begun by pkmodel .* with other numbers"):
        resume(place)


def test_what_is_no_store(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "PATIENCE", 0.5)
    for look in (progress, resume):
        with pytest.raises(InputError, match=r"there is no sweep\. Begin one"):
            look(tmp_path / "none.zarr")
    (tmp_path / "notes").mkdir()
    with pytest.raises(InputError, match=r"what is there is no sweep\. Choose another"):
        sweep("morphine", POINTS, store=tmp_path / "notes", **HOW)
    xr.Dataset({"x": 1}).to_zarr(tmp_path / "other.zarr", consolidated=False)
    with pytest.raises(InputError, match="no sweep, or one whose template was not finished"):
        sweep("morphine", POINTS, store=tmp_path / "other.zarr", **HOW)


def test_a_template_that_was_left_unfinished(tmp_path, monkeypatch):
    place = tmp_path / "s.zarr"
    with monkeypatch.context() as patch:
        patch.setattr("pkmodel.sweeps.store._consolidate", lambda group: None)
        Store.create(str(place), running.plan_of("morphine", POINTS, **HOW), running.Blocks.of((4, 2), 2))  # fmt: skip
    monkeypatch.setattr(running, "PATIENCE", 0.5)
    for go_on in (resume, lambda store: sweep("morphine", POINTS, store=store, **HOW)):
        with pytest.raises(InputError, match=r"not finished\. Delete it, and run"):
            go_on(place)


def test_a_template_that_another_process_is_at_work_on_is_waited_for(tmp_path, whole):
    import threading

    from pkmodel.sweeps import store

    place = tmp_path / "s.zarr"
    finish = store._consolidate
    waits = []

    def late(group):
        threading.Timer(1.0, finish, [group]).start()
        waits.append(1)

    plan = running.plan_of("morphine", POINTS, **HOW)
    store._consolidate = late
    try:
        Store.create(str(place), plan, running.Blocks.of((4, 2), 2))
    finally:
        store._consolidate = finish
    ds = sweep("morphine", POINTS, store=place, **HOW)
    np.testing.assert_array_equal(ds.auc, whole.auc)
    assert waits == [1]


# --------------------------------------------------------------------------- places that are closed


def test_no_template_on_a_full_disk(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pkmodel.sweeps.store._fill_template", full)
    with pytest.raises(InputError, match="cannot be written: No space left on device"):
        sweep("morphine", POINTS, store=tmp_path / "s.zarr", **HOW)
    assert not (tmp_path / "s.zarr").exists()


def test_no_store_where_none_can_be_made():
    with pytest.raises(InputError, match=r"cannot be written: .*choose another place"):
        sweep("morphine", POINTS, store="/proc/s.zarr", **HOW)


def child(code, *arguments, **options):
    """What a process of its own prints, that may write to nothing and files of no size."""
    head = (
        "import sys\nfrom pkmodel.errors import InputError\nfrom pkmodel.sweeps import *\n"
        f"POINTS, HOW = grid(ratio=[30, 100, 300, 400], csf_loss_rate=[0.2, -1.0]), {HOW}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", head + code, *map(str, arguments)],
        capture_output=True, text=True, timeout=120, **options,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    return done.stdout.strip()


LIMITED = """
import resource
from pkmodel.sweeps.store import Store
plan = plan_of("morphine", POINTS, **HOW)
sweep("morphine", POINTS, **HOW)  # kernels are compiled and cached
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    resume(sys.argv[1], workers=2)
except InputError as error:
    print(error)
"""


def test_a_full_disk_keeps_what_was_written(tmp_path, whole):
    """Files of 20 bytes: the status would fit, the numbers do not."""
    place = tmp_path / "s.zarr"
    sweep("morphine", POINTS, store=place, **PART, **HOW)
    told = child(LIMITED, place, 20)
    assert "the store cannot be written: File too large" in told
    assert "make room" in told
    assert progress(place).done == 2
    np.testing.assert_array_equal(resume(place).auc, whole.auc)
    np.testing.assert_array_equal(resume(place).status, whole.status)


CLOSED = """
import os
sweep("morphine", POINTS, store="memory://warm.zarr", **HOW)
progress(sys.argv[1])
if os.getuid() == 0:  # who may write everywhere
    os.setgid(65534)
    os.setuid(65534)
try:
    resume(sys.argv[1])
except InputError as error:
    print(error)
"""


def test_a_store_on_a_read_only_folder(whole):
    folder = Path(tempfile.mkdtemp())
    place = folder / "s.zarr"
    try:
        sweep("morphine", POINTS, store=place, **PART, **HOW)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        assert "the store cannot be written: Permission denied" in child(CLOSED, place)
        assert progress(place).done == 2
    finally:
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)
    np.testing.assert_array_equal(resume(place).auc, whole.auc)
    shutil.rmtree(folder)


# -------------------------------------------------------------------------------------------- URLs


def test_a_store_in_memory_behind_a_url(whole):
    place = "memory://sweeps/s.zarr"
    sweep("morphine", POINTS, store=place, **PART, **HOW)
    assert progress(place).done == 2
    ds = sweep("morphine", POINTS, store=place, **HOW)
    np.testing.assert_array_equal(ds.auc, whole.auc)
    np.testing.assert_array_equal(xr.open_zarr(place).cmax, whole.cmax)
    with pytest.raises(InputError, match="another design"):
        sweep("morphine", from_table({"ratio": [30]}), store=place, **HOW)
    with pytest.raises(InputError, match="there is no sweep"):
        resume("memory://sweeps/none.zarr")


S3 = """
import os
import s3fs
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(port=0)
server.start()
host, port = server.get_host_and_port()
os.environ |= {
    "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "us-east-1", "NO_PROXY": "*",
}
s3fs.S3FileSystem().mkdir("sweeps")
place = "s3://sweeps/s.zarr"
sweep("morphine", POINTS, store=place, part=(1, 100), runs_per_box=2, **HOW)
print(progress(place).done)
print(sweep("morphine", POINTS, store=place, **HOW).equals(sweep("morphine", POINTS, **HOW)))
server.stop()
"""


def test_a_store_on_s3():
    """In a process of its own, as the client of S3 leaves its connections open."""
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    pytest.importorskip("moto", reason="moto is not installed")
    assert child(S3).split()[-2:] == ["2", "True"]
