"""The examples do what they say, and the pages print what they show."""

import contextlib
import doctest
import importlib.util
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pkmodel import equivalence

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md"] + [
    ROOT / "docs" / f"{name}.md"
    for name in (
        "index", "models", "nonlinear", "equations", "simulation", "event_tables", "comparison", "populations",
        "sweeps", "pump", "devices", "responses", "trial", "neuraxial", "accuracy",
    )
]  # fmt: skip


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ----------------------------------------------------------------------------------------- examples


def example(name, folder, *arguments):
    """Run an example in a folder; its output."""
    path = ROOT / "examples" / f"{name}.py"
    return run([sys.executable, "-W", "error", path, *arguments], folder)


def rows(output, title):
    """Lines of the table under a title, as lists of words."""
    lines = output[output.index(title) :].splitlines()[1:]
    end = lines.index("") if "" in lines else len(lines)
    return [line.split() for line in lines[:end]]


def test_compare_morphine(tmp_path):
    output = example("compare_morphine", tmp_path)
    assert "0.4 mg/day intrathecal pump for 14 d" in output
    implied = {row[0]: float(row[2]) for row in rows(output, "The ratio of equal AUC")[2:]}
    expected = equivalence.implied("morphine", "60 mg oral q12h").implied_ratio.sel(metric="auc")
    assert list(implied) == list(expected.site.values)
    assert list(implied.values()) == pytest.approx(expected.values, abs=1e-3)
    stored = xr.load_dataset(tmp_path / "comparison.nc", engine="h5netcdf")
    assert stored.concentration.dims == ("arm", "site", "time")
    assert (tmp_path / "comparison.png").stat().st_size > 10_000


def test_own_model(tmp_path):
    output = example("own_model", tmp_path)
    assert "three boxes: 3 compartments" in output
    oral = {row[0]: float(row[3]) for row in rows(output, "30 mg into gut:")[2:]}
    # AUC = F dose / clearance in plasma; the rates of exchange and the volumes give CSF : plasma
    assert oral["plasma"] == pytest.approx(0.3 * 30 / (0.5 * 20), abs=1e-4)
    assert oral["lumbar_csf"] == pytest.approx(
        oral["plasma"] * 0.0004 * 20 / (0.4 * 0.04), abs=1e-3
    )
    bolus = {row[0]: float(row[1]) for row in rows(output, "0.1 mg into lumbar_csf:")[2:]}
    assert bolus["lumbar_csf"] == 0.1 / 0.04


def test_population(tmp_path):
    output = example("population", tmp_path)
    for row in rows(output, "Average concentration")[2:]:
        low, middle, high = map(float, row[-3:])
        assert low < middle < high
    table = pd.read_csv(tmp_path / "population.csv")
    assert set(table["quantile"]) == {0.05, 0.5, 0.95}
    assert (tmp_path / "population.png").stat().st_size > 10_000


def test_sweep(tmp_path):
    output = example("sweep", tmp_path)
    plasma = rows(output, "plasma: intrathecal / oral AUC")
    fractions = [float(f) for f in plasma[0][1:]]
    for ratio, *values in plasma[2:]:
        expected = [1 / (float(ratio) * f) for f in fractions]
        assert [float(v) for v in values] == pytest.approx(expected, rel=0.01)
    stored = xr.open_zarr(tmp_path / "sweep.zarr")
    assert stored.auc.dims == ("ratio", "oral_bioavailability", "arm", "site")
    assert (stored.status == 0).all()


def test_target_mediated(tmp_path):
    output = example("target_mediated", tmp_path)
    table = [list(map(float, row)) for row in rows(output, "      AUC / dose")[1:]]
    doses, exposure, suppressed = zip(*table, strict=True)
    assert doses == (3, 10, 30, 100, 300)
    # exposure per dose rises towards 1 / clearance, with which a dose without target would stay
    assert list(exposure) == sorted(exposure) and exposure[-1] < 1 / 0.2
    assert list(suppressed) == sorted(suppressed)
    assert (tmp_path / "target_mediated.png").stat().st_size > 10_000


def test_sensitivity(tmp_path):
    output = example("sensitivity", tmp_path, "64", "3")
    table = pd.read_csv(tmp_path / "sensitivity.csv", index_col=[0, 1])
    plasma = table.ST.loc["plasma: oral / pump"]
    # Plasma exposure goes with ratio x bioavailability: the variance of both logarithms, for a uniform one ln F.
    ratio = np.log(30) ** 2 / 12
    a, b = 0.15, 0.40
    mean = (b * np.log(b) - a * np.log(a)) / (b - a) - 1
    square = (b * np.log(b) ** 2 - a * np.log(a) ** 2) / (b - a) - 2 * mean
    part = ratio / (ratio + square - mean**2)
    assert plasma["dose ratio"] == pytest.approx(part, abs=0.1)
    assert plasma["tip level"] == pytest.approx(0, abs=1e-9)
    assert "448 comparisons, 0 failed" in output
    assert (tmp_path / "sensitivity.png").stat().st_size > 10_000


# -------------------------------------------------------------------------------------------- pages


def fences(path):
    """Code blocks of a page: line, language, text, and whether only blank lines part it from the last."""
    found, last = [], 0
    text = path.read_text(encoding="utf-8")
    for match in re.finditer(r"^(`{3,})(\w*)\n(.*?)^\1$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 1
        found.append((line, match[2], match[3], not text[last : match.start()].strip()))
        last = match.end()
    return found


def agree(path, line, expected, actual):
    """Equal but for spaces; ``...`` stands for anything."""
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    if not doctest.OutputChecker().check_output(expected, actual, options):
        shown = f"{path.relative_to(ROOT)}:{line} shows another output than this one:\n\n{actual}"
        pytest.fail(shown, pytrace=False)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_output_of_page_is_real(path, tmp_path, monkeypatch):
    """A ``text`` block right behind a ``python`` block is what that block prints."""
    monkeypatch.chdir(tmp_path)
    namespace, printed = {"__name__": "__main__"}, None
    for line, language, text, follows in fences(path):
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile("\n" * line + text, str(path), "exec"), namespace)
            printed = output.getvalue()
            continue
        if language == "text" and follows and printed is not None:
            agree(path, line, text, printed)
        printed = None


def console_blocks():
    for path in PAGES:
        for line, language, text, _ in fences(path):
            if language == "console":
                yield pytest.param(path, line, text, id=f"{path.name}:{line}")


@pytest.mark.parametrize(("path", "line", "text"), list(console_blocks()))
def test_output_of_command_is_real(path, line, text, tmp_path):
    command, _, expected = text.removeprefix("$ ").partition("\n")
    program, *arguments = shlex.split(command)
    assert program == "pkmodel"
    agree(path, line, expected, run([sys.executable, "-m", "pkmodel", *arguments], tmp_path))


def test_pages_build(tmp_path):
    if not all(map(importlib.util.find_spec, ("sphinx", "myst_parser", "numpydoc", "furo"))):
        pytest.skip("the docs extra is not installed")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", ROOT / "docs", tmp_path]
    run(command, ROOT)
