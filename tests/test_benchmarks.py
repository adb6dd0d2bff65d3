"""Beside the benchmarks: the workloads' errors, the comparison with other solvers, the export of results."""

import itertools
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the benchmarks are not installed

from benchmarks import export, linear_kernel, peers, solvers  # noqa: E402
from benchmarks.workloads import KNOWN, WORKLOADS, Problem, exponentials, reference  # noqa: E402

WITH_STORED_REFERENCE = ["W1", "W2", "W3"]


# ------------------------------------------------------------------------------------------- kernel


def test_the_kernel_is_called_as_it_wants_to_be():
    lags = np.linspace(0.0, 2.0, 5)
    for problem in (linear_kernel.Problem(5, 3), linear_kernel.Problem(5, 3, [1, 0], lags)):
        problem.solve()
        assert not problem.status.any() and np.isfinite(problem.out).all()
    assert linear_kernel.Accuracy().track_error(1e3) < 1e-13


# ---------------------------------------------------------------------------------------- workloads


@pytest.mark.parametrize("name", WORKLOADS)
def test_error_of_workload(name):
    workload = WORKLOADS[name]
    result = workload.run(workload.parameters(KNOWN + 2))
    exact = workload.make().is_linear
    assert workload.error(result) < (1e-12 if exact else 1e-6)
    wrong = result.map(lambda v: v * (1 + 1e-4) if v.dtype == float else v)
    assert workload.error(wrong) == pytest.approx(1e-4, rel=1e-3 if exact else 1e-2)
    assert workload.error(result.map(lambda v: v * np.nan)) == np.inf


@pytest.mark.parametrize("name", WITH_STORED_REFERENCE)
def test_exponentials_agree_with_the_stored_reference(name):
    """They are the reference of all other workloads."""
    workload = WORKLOADS[name]
    assert workload.error(exponentials(Problem.of(workload, KNOWN))) < 1e-12


def test_metrics_are_those_of_the_profile():
    """Area and trough of the last interval of W7 against quadrature of a fine profile."""
    from pkmodel import simulate

    workload = WORKLOADS["W7"]
    fine = np.linspace(324.0, 336.0, 4801)
    profile = simulate(workload.make(), workload.order, fine, workload.parameters(KNOWN))
    central = profile.concentration.sel(site="central")
    auc, trough = reference(workload)[:, :, 0].T
    np.testing.assert_allclose(auc, np.trapezoid(central, fine, axis=-1), rtol=1e-6)
    np.testing.assert_allclose(trough, central[:, -1], rtol=1e-12)


def test_spans_of_a_problem_hold_every_dose_and_output_time_once():
    problem = Problem.of(WORKLOADS["W3"], 1)
    given = problem.jumps.sum() + (problem.inflow.sum(axis=1) * np.diff(problem.edges)).sum()
    assert given == pytest.approx(0.02 * 336 + 0.4 * 14)
    places = np.concatenate([problem.grid(span)[1] for span in range(len(problem.jumps))])
    assert places[places >= 0].tolist() == list(range(337))


# -------------------------------------------------------------------------------------------- peers


@pytest.mark.parametrize("name", ["W1", "W3"])
def test_scipy_solves_the_same_problem(name):
    workload = WORKLOADS[name]
    problem = Problem.of(workload, 1)
    exact = reference(workload)[:1]
    found = solvers.scipy(problem)()[..., ::8]
    assert np.abs(found - exact).max() < 1e-5 * exact.max()


def test_equations_written_out_are_the_matrix():
    problem = Problem.of(WORKLOADS["W3"], 3)
    terms = solvers.Terms.of(problem)
    x, r, k = np.arange(1.0, 9.0), terms.inflow[0], terms.constants[2]
    written = [eval(text, {"k": k, "x": x, "r": r}) for text in terms.sums]
    np.testing.assert_allclose(written, problem.matrices[2] @ x + problem.inflow[0], rtol=1e-13)


def test_sbml_is_a_document_with_a_rule_per_state():
    terms = solvers.Terms.of(Problem.of(WORKLOADS["W3"], 1))
    rules = ElementTree.fromstring(solvers.sbml(terms)).findall(".//{*}rateRule")
    assert [rule.get("variable") for rule in rules] == [f"x{i}" for i in range(8)]
    products = [len(rule.findall(".//{*}times")) for rule in rules]
    assert products == [text.count("*") for text in terms.sums]


def test_measuring_checks_before_it_counts(monkeypatch):
    def broken(problem):
        return lambda: 1.01 * exponentials(problem)

    absent = solvers.Peer("absent", "no-such-package", broken)
    wrong = solvers.Peer("wrong one", "scipy", broken)
    monkeypatch.setattr(peers, "PEERS", (solvers.PEERS[0], absent, wrong))
    rows = {
        r["solver"]: r
        for r in peers.measure("W1", [peers.SCRIPT, "absent", "wrong one", "pkmodel"], 2)
    }
    assert rows["absent"]["note"] == "not installed"
    assert rows["wrong one"]["note"] == "wrong" and "seconds" not in rows["wrong one"]
    assert rows[peers.KERNEL]["seconds"] > rows[peers.WRITE]["seconds"] > 0
    for name in ("pkmodel", peers.SCRIPT):
        assert 0 < rows[name]["seconds"] <= rows[name]["median_s"] and rows[name]["runs"] == 4


def test_subjects_are_fewer_where_time_runs_out(monkeypatch):
    monkeypatch.setattr(peers, "LONG", 0.0)
    _, error, count = peers.theirs(WORKLOADS["W1"], solvers.PEERS[0])
    assert (count, error < 1e-12) == (KNOWN, True)


@pytest.mark.parametrize(("slow", "expected"), [(1.0, "aabbaabbaabb"), (0.0, "abab")])
def test_runs_alternate(monkeypatch, slow, expected):
    monkeypatch.setattr(peers, "SLOW", slow)
    order = []
    peers.alternate({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert "".join(order) == expected


def results():
    rows = [
        ("W1", "pkmodel", 0.005, 1e-15, ""),
        ("W1", peers.SCRIPT, 0.04, 1e-15, ""),
        ("W1", "numbalsoda (lsoda)", 0.4, 1e-7, ""),
        ("W1", "SciPy solve_ivp (LSODA)", 72.0, 1e-7, "scaled"),
        ("W1", "numbalsoda (dop853)", np.nan, 0.16, "wrong"),
        ("W1", "diffrax (Tsit5, vmap)", np.nan, np.nan, "not installed"),
        ("W1", peers.KERNEL, 0.003, np.nan, ""),
        ("W1", peers.WRITE, 0.0005, np.nan, ""),
        ("W1", peers.ARITHMETIC, 0.001, np.nan, ""),
    ]
    return pd.DataFrame(rows, columns=["workload", "solver", "seconds", "error", "note"])


def test_table_of_peers():
    lines = [[c.strip() for c in x.split("|")[1:-1]] for x in peers.table(results()).splitlines()]
    cells = {name: rest for name, *rest in lines}
    assert cells["pkmodel"] == ["0.005", "1e-15"]
    assert cells["SciPy solve_ivp (LSODA)"] == ["~72", "1e-07"]
    assert cells["numbalsoda (dop853)"][0] == "wrong by 2e-01"
    assert cells["diffrax (Tsit5, vmap)"] == ["not installed", "–"]
    assert cells["pkmodel is faster than the fastest other package by"][0] == "**80 ×**"
    assert cells["pkmodel is faster than the script by"][0] == "**8 ×**"
    assert cells["kernel over the larger limit"][0] == "**3 ×**"


def test_figure_and_page_of_peers(tmp_path):
    peers.figure(results(), tmp_path / "speed.png")
    assert (tmp_path / "speed.png").stat().st_size > 5_000
    page = tmp_path / "speed.md"
    page.write_text(f"before\n{peers.BEGIN}\nold\n{peers.END}\nafter\n", encoding="utf-8")
    peers.into_page("new", page)
    peers.into_page("newer", page)
    assert page.read_text() == f"before\n{peers.BEGIN}\n\nnewer\n\n{peers.END}\nafter\n"


def test_page_has_the_place_for_the_table():
    text = peers.PAGE.read_text(encoding="utf-8")
    assert text.index(peers.BEGIN) < text.index(peers.END)


# ------------------------------------------------------------------------------------------- export

BENCHMARKS = {
    "speed.time_run": {
        "param_names": ["states", "how"],
        "params": [["2", "3"], ["'a'", "'b'"]],
        "type": "time",
        "unit": "seconds",
        "version": "v1",
    },
    "speed.track_error": {"param_names": [], "params": [], "type": "track", "unit": "relative", "version": "v2"},
    "version": 2,
}  # fmt: skip
COLUMNS = [
    "result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b", "stats_q_25",
    "stats_q_75", "stats_number", "stats_repeat", "samples", "profile",
]  # fmt: skip


def run_of(commit, **results):
    names = {name.replace("__", "."): row for name, row in results.items()}
    return {
        "version": 2, "commit_hash": commit, "env_name": "virtualenv-py3.11", "date": 1_700_000_000_000,
        "params": {"machine": "mine"}, "python": "3.11", "requirements": {}, "env_vars": {},
        "result_columns": COLUMNS, "results": names, "durations": {},
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """Two commits on one machine, as asv writes them."""
    params = BENCHMARKS["speed.time_run"]["params"]
    full = [
        [0.1, None, float("nan"), 0.4], params, "v1", 1_700_000_100_000, 2.5,
        [0.09, None, None, -np.inf], [0.11, None, None, np.inf], [0.1] * 4, [0.1] * 4, [1] * 4, [5, None, None, 1],
    ]  # fmt: skip
    runs = {
        "a1": run_of("a1" * 20, speed__time_run=full, speed__track_error=[[1e-15], [], "v2", 1_700_000_200_000, 0.1]),
        "b2": run_of("b2" * 20, speed__time_run=[None, params, "v0", None, 1.0], gone__track_x=[[7], []]),
    }  # fmt: skip
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "machine.json").write_text('{"machine": "mine", "version": 1}')
    (tmp_path / "benchmarks.json").write_text(json.dumps(BENCHMARKS))
    for name, run in runs.items():
        (tmp_path / "mine" / f"{name}-virtualenv-py3.11.json").write_text(json.dumps(run))
    return tmp_path


def test_export_has_a_row_per_combination(folder):
    frame = export.read(folder)
    assert list(frame) == list(export.COLUMNS)
    first = frame[(frame.commit == "a1" * 20) & (frame.benchmark == "speed.time_run")]
    values = dict(zip(first.parameters, first.value, strict=True))
    assert values["states=2, how=a"] == 0.1
    assert np.isnan(values["states=2, how=b"]), "failed"
    assert "states=3, how=a" not in values, "skipped"
    assert values["states=3, how=b"] == 0.4
    assert first.current.all() and set(first.unit) == {"seconds"}


def test_export_of_intervals(folder):
    frame = export.read(folder).set_index(["commit", "benchmark", "parameters"])
    several = frame.loc[("a1" * 20, "speed.time_run", "states=2, how=a")]
    assert (several.low, several.high, several.samples) == (0.09, 0.11, 5)
    single = frame.loc[("a1" * 20, "speed.time_run", "states=3, how=b")]
    assert np.isnan(single.low) and np.isnan(single.high)


def test_export_of_what_is_cut_short_failed_or_gone(folder):
    frame = export.read(folder)
    track = frame[frame.benchmark == "speed.track_error"]
    assert track.value.tolist() == [1e-15] and track.parameters.tolist() == [""]
    failed = frame[(frame.commit == "b2" * 20) & (frame.benchmark == "speed.time_run")]
    combinations = [f"states={n}, how={h}" for n, h in itertools.product("23", "ab")]
    assert sorted(failed.parameters) == combinations
    assert failed.value.isna().all() and not failed.current.any()
    gone = frame[frame.benchmark == "gone.track_x"]
    assert (gone.value.item(), gone.type.item(), gone.unit.item()) == (7, "track", "")


def test_export_by_command(folder, tmp_path):
    table, stored = tmp_path / "t.csv", tmp_path / "t.nc"
    options = ["--results", folder, "--csv", table, "--netcdf", stored]
    subprocess.run(
        [sys.executable, "-W", "error", "-m", "benchmarks.export", *options], check=True, cwd=ROOT
    )
    frame = export.read(folder)
    again = pd.read_csv(table, dtype={"python": str}, parse_dates=["date", "started"])
    for name in ("parameters", "unit"):
        again[name] = again[name].fillna("")
    pd.testing.assert_frame_equal(again, frame, check_dtype=False)
    with xr.open_dataset(stored, engine="h5netcdf") as ds:
        assert dict(ds.sizes) == {"row": len(frame)}
        for name in ("value", "date", "started"):
            np.testing.assert_array_equal(ds[name], frame[name])
        assert ds.parameters.values.tolist() == frame.parameters.tolist()
        assert ds.current.dtype == bool


def test_export_names_what_it_cannot_read(folder, capsys):
    (folder / "mine" / "c3-x.json").write_text("{")
    (folder / "mine" / "d4-x.json").write_text('{"version": 1}')
    with pytest.raises(SystemExit, match="1"):
        export.main(["--results", str(folder)])
    said = capsys.readouterr().err
    assert "c3-x.json" in said and "d4-x.json: ValueError of format 1" in said


def test_export_of_nothing(tmp_path):
    with pytest.raises(ValueError, match="write them with asv run"):
        export.read(tmp_path)


# ---------------------------------------------------------------------------------------- workflows


def test_workflows_run_what_is_here():
    yaml = pytest.importorskip("yaml")
    steps = {}
    for path in sorted((ROOT / ".github/workflows").glob("*.yml")):
        jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
        assert all(job["runs-on"] and job["timeout-minutes"] for job in jobs.values())
        steps[path.stem] = "\n".join(
            s.get("run", "") for job in jobs.values() for s in job["steps"]
        )
    assert ".ci/run" in steps["tests"]
    for command in ("asv check", "asv run --quick --dry-run", "asv continuous", "asv publish"):
        assert command in steps["benchmarks"]
