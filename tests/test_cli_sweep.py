"""The commands ``sweep`` and ``warm``: what they do, say and refuse."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

import pkmodel
from pkmodel.cli import main
from pkmodel.cli.sweep import bytes_text, time_text
from pkmodel.sweeps import costs, grid

PAGE = Path(__file__).resolve().parent.parent / "docs" / "sweeps.md"
FILE = """
drug = "morphine"
oral = "60 mg oral q12h x 28"
metrics = ["auc", "cmax"]
sites = ["plasma", "lumbar_csf"]
segments = 3

[design]
kind = "grid"
values.ratio = [30, 100, 300]
values.csf_loss_rate = ["0.2 /h", "0.4 /h"]
"""
OPTIONS = {
    "oral": "60 mg oral q12h x 28",
    "metrics": ["auc", "cmax"],
    "sites": ["plasma", "lumbar_csf"],
    "segments": 3,
}
DESIGN = grid(ratio=[30, 100, 300], csf_loss_rate=[0.2, 0.4])
RUN = ["sweep", "run", "sweep.toml", "--store", "s.zarr"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in a folder with a sweep's file; its result, with the exit status that is expected."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.toml").write_text(FILE, encoding="utf-8")

    def call(*arguments, status=0):
        result = CliRunner().invoke(main, list(map(str, arguments)), prog_name="pkmodel")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, result.output
        return result

    return call


@pytest.fixture(scope="module")
def expected():
    return pkmodel.sweep("morphine", DESIGN, **OPTIONS)


def require_same(store, expected):
    """The store holds the very numbers."""
    stored = xr.open_zarr(store)
    for name, variable in expected.data_vars.items():
        np.testing.assert_array_equal(stored[name].values, variable.values)


# ------------------------------------------------------------------------- run, status, resume


def test_run_gives_what_the_function_gives(run, expected):
    output = run(*RUN).stdout
    assert output == "s.zarr: 6 of 6 runs done, 100 %; 0 failed\n"
    require_same("s.zarr", expected)
    before = {p: p.stat().st_mtime_ns for p in Path("s.zarr").rglob("*")}
    assert run(*RUN).stdout == output  # nothing is left to do
    assert before == {p: p.stat().st_mtime_ns for p in Path("s.zarr").rglob("*")}


def test_parts_make_the_whole(run, expected):
    for part in (2, 1, 3, 2):
        run(*RUN, "--part", part, "--of", 3, "--runs-per-box", 1, "--workers", 1)
    require_same("s.zarr", expected)


def test_status_and_resume(run, expected):
    first = run(*RUN, "--part", 1, "--of", 2, "--runs-per-box", 2).stdout
    assert first.startswith("s.zarr: 4 of 6 runs done, 66 %; 0 failed\n")
    assert "pkmodel sweep resume s.zarr" in first
    assert run("sweep", "status", "s.zarr").stdout == first
    assert "6 of 6 runs done" in run("sweep", "resume", "s.zarr").stdout
    require_same("s.zarr", expected)


def test_responses(run, tmp_path):
    text = 'responses = ["analgesia"]' + FILE.replace("csf_loss_rate", "analgesia_hill")
    (tmp_path / "sweep.toml").write_text(text.replace(" /h", ""), encoding="utf-8")
    described = run("sweep", "describe", "sweep.toml").stdout
    assert f"results  {bytes_text(6 * (2 * (2 * 2 + 2) * 8 + 9))}" in described
    assert "6 of 6 runs done, 100 %; 0 failed" in run(*RUN).stdout
    design = grid(ratio=[30, 100, 300], analgesia_hill=[0.2, 0.4])
    require_same("s.zarr", pkmodel.sweep("morphine", design, responses="analgesia", **OPTIONS))
    assert "analgesia_cord_ec50 (calibrated)" in xr.open_zarr("s.zarr").analgesia.rests_on


def test_failed_runs_are_told_and_are_results(run, tmp_path):
    text = FILE.replace('["0.2 /h", "0.4 /h"]', "[0.2, -0.4]")
    (tmp_path / "sweep.toml").write_text(text, encoding="utf-8")
    output = " ".join(run(*RUN).stdout.split())
    assert "6 of 6 runs done, 100 %; 3 failed" in output
    assert "3 runs: a parameter, dose or time is negative" in output
    assert " ".join(run("sweep", "status", "s.zarr").stdout.split()) == output
    assert (xr.open_zarr("s.zarr").status.values.max(axis=0) == [0, 1]).all()


def test_workers_of_a_cluster(run, expected, tmp_path, monkeypatch):
    """By the scheduler's address and by its file; the workers' folder is another than that of the call."""
    distributed = pytest.importorskip("distributed")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        client.write_scheduler_file("../scheduler.json")
        monkeypatch.chdir(tmp_path)
        run(
            *RUN,
            "--scheduler",
            cluster.scheduler_address,
            "--part",
            1,
            "--of",
            2,
            "--runs-per-box",
            1,
        )
        run("sweep", "resume", "s.zarr", "--scheduler", "scheduler.json")
    require_same("s.zarr", expected)


# --------------------------------------------------------------------------------------- describe


def test_describe_counts_and_writes_nothing(run, tmp_path):
    output = run("sweep", "describe", "sweep.toml", "--workers", 2, "--runs-per-box", 2).stdout
    assert output.startswith("sweep.toml: morphine, ratio 3 x csf_loss_rate 2\n")
    for line in (r"runs +6$", r"cases +12,", r"boxes +3,", r"time .* on 2 threads "):
        assert re.search(rf"^  {line}", output, re.MULTILINE)
    assert [p.name for p in tmp_path.iterdir()] == ["sweep.toml"]


def test_describe_refuses_what_does_not_fit(run, monkeypatch):
    monkeypatch.setattr(costs, "_memory", lambda: 1e4)
    error = run("sweep", "describe", "sweep.toml", status=2).stderr
    assert "GB of memory" in error and "a smaller --runs-per-box" in error


@pytest.mark.parametrize(
    ("count", "text"), [(12, "12 B"), (999.6, "1 kB"), (6720, "6.72 kB"), (2.5e12, "2.5e+03 GB")]
)
def test_bytes(count, text):
    assert bytes_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0123, "0.012 s"), (119, "120 s"), (121, "2 min"), (9000, "2.5 h")]
)
def test_times(seconds, text):
    assert time_text(seconds) == text


# ------------------------------------------------------------------------------------ wrong input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep", "run", "none.toml", "--store", "s.zarr"], "none.toml: the file cannot be read"),
        (["sweep", "run", "sweep.toml"], "--store"),
        ([*RUN, "--part", "3"], "--part and --of belong together. Write --part 3 --of 16."),
        ([*RUN, "--of", "3"], "--part and --of belong together"),
        (
            [*RUN, "--part", "4", "--of", "3"],
            "expected one of 1 to 3, of 3. Write --part 1 --of 16.",
        ),
        ([*RUN, "--workers", "0"], "--workers"),
        (["sweep", "status", "t.zarr"], "pkmodel sweep run sweep.toml --store s.zarr"),
        (["sweep", "resume", "t.zarr"], "there is no sweep"),
    ],
)
def test_wrong_input_is_explained(run, arguments, words):
    result = run(*arguments, status=2)
    assert words in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr and not result.stdout


def test_faults_of_a_file_are_listed(run, tmp_path):
    text = FILE.replace('"cmax"', '"cmaxx"').replace("segments", "segment")
    (tmp_path / "sweep.toml").write_text(text, encoding="utf-8")
    error = run(*RUN, status=2).stderr
    assert 'did you mean "segments"?' in error and 'unknown metric "cmaxx"' in error
    assert not Path("s.zarr").exists()


def test_another_sweep_does_not_enter_a_store(run, tmp_path):
    run(*RUN)
    (tmp_path / "sweep.toml").write_text(FILE.replace("100, ", ""), encoding="utf-8")
    assert "another design" in run(*RUN, status=2).stderr


def test_missing_packages_are_named(run, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert 'zarr: pip install "pkmodel[cluster]"' in run(*RUN, status=1).stderr


def test_debug_shows_the_traceback(run):
    with pytest.raises(pkmodel.InputError):
        run("sweep", "status", "t.zarr", "--debug")


# ------------------------------------------------------------------------------------------- page


def page():
    """The file of the page, and its session in the shell: commands with their output."""
    text = PAGE.read_text(encoding="utf-8")
    (file,) = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (session,) = re.findall(r"^```text\n(\$.*?)^```", text, re.MULTILINE | re.DOTALL)
    return file, [part.partition("\n") for part in re.split(r"^\$ ", session, flags=re.M)[1:]]


def test_session_of_the_page_is_real(run, tmp_path):
    """But for the lines that are measured."""
    file, session = page()
    (tmp_path / "sweep.toml").write_text(file, encoding="utf-8")
    assert len(session) == 4

    def fixed(text):
        return re.sub(r"(?m)^  (memory|time) .*", "", text).split()

    for command, _, shown in session:
        program, *arguments = shlex.split(command)
        assert program == "pkmodel"
        assert fixed(run(*arguments).stdout) == fixed(shown)


# ------------------------------------------------------------------------------- real processes


def process(*arguments, folder, **environment):
    command = [sys.executable, "-W", "error", "-m", "pkmodel", *arguments]
    own = {k: v for k, v in os.environ.items() if k != "NUMBA_DISABLE_JIT"} | environment
    return subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, timeout=300)


def test_help_imports_nothing_heavy():
    heavy = ["numpy", "numba", "xarray", "zarr", "dask", "distributed", "tqdm", "pkmodel.sweeps"]
    code = (
        "import sys\nfrom pkmodel.cli import main\n"
        "main(['sweep', 'run', '--help'], standalone_mode=False)\n"
        f"print('LOADED', *(n for n in {heavy} if n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["LOADED"]


def test_process_prints_no_bar_into_a_pipe(tmp_path):
    (tmp_path / "sweep.toml").write_text(FILE, encoding="utf-8")
    done = process(*RUN, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "s.zarr: 6 of 6 runs done, 100 %; 0 failed\n"


def test_warm_compiles_once_into_the_folder_that_is_named(tmp_path):
    cache = tmp_path / "not" / "yet"
    first, second = (process("warm", folder=tmp_path, NUMBA_CACHE_DIR=str(cache)) for _ in range(2))
    assert (first.returncode, first.stderr, second.returncode) == (0, "", 0)
    kernels, fresh = map(
        int, re.match(r"(\d+) kernels, (\d+) compiled anew", first.stdout).groups()
    )
    assert kernels == fresh > 0
    assert second.stdout.startswith(f"{kernels} kernels, 0 compiled anew")
    assert f"cache: {cache}" in second.stdout and list(cache.rglob("*.o"))


def test_warm_where_nothing_is_compiled(tmp_path):
    done = process("warm", folder=tmp_path, NUMBA_DISABLE_JIT="1")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "NUMBA_DISABLE_JIT" in done.stderr
