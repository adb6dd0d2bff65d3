"""The command: what it prints, stores and refuses."""

import re
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from click.testing import CliRunner

import pkmodel
from pkmodel.cli import faults, main, study, tables
from pkmodel.drugs import reader

ORAL = "60 mg oral q12h x 28"
COMPARE = ["compare", "morphine", "--oral", ORAL]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in an empty folder; its result, with the exit status that is expected."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, status=0):
        result = CliRunner().invoke(main, list(map(str, arguments)), prog_name="pkmodel")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, result.output
        return result

    return call


def row(output, *start):
    """The numbers of the line that begins with these words."""
    pattern = r"\s+".join(map(re.escape, start))
    (line,) = re.findall(rf"^ *{pattern}  +(\S.*)$", output, re.MULTILINE)[:1]
    return [float(x) for x in re.findall(r"[\d.]+(?:e[-+]\d+)?", line)]


# ------------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.0, "0"), (1.0, "1.00"), (9.996, "10.0"), (999.6, "1000"), (1234567.0, "1230000"),
        (48897.4, "48900"), (0.0139472, "0.0139"), (-2.345, "-2.35"), (2.5e-7, "2.50e-07"),
        (1e12, "1.00e+12"), (np.nan, "-"), (np.inf, "inf"),
    ],
)  # fmt: skip
def test_three_significant_digits(x, text):
    assert tables.three(x) == text


def test_cells_of_one_and_of_many_subjects():
    assert tables.cell(np.array(0.5), 1000.0) == "500"
    assert tables.cell(np.linspace(0, 1, 101)) == "0.500 (0.0500-0.950)"
    assert tables.cell(np.array([np.nan, np.nan])) == "-"
    assert tables.cell(np.array([np.nan, 1.0, 1.0])) == "1.00 (1.00-1.00)"


def test_empty_columns_are_left_out():
    rows = [("a", "", "1"), ("bb", "", "22")]
    assert tables.columns(rows) == ["  a    1", "  bb  22"]


@pytest.mark.parametrize(
    ("largest", "unit"), [(5e-5, "pg/mL"), (0.04, "ng/mL"), (20.0, "ng/mL"), (2e3, "mg/L")]
)
def test_unit_of_concentrations(largest, unit):
    assert tables.concentration_unit(largest)[0] == unit


def test_long_numbers_of_a_regimen_are_rounded():
    regimen = pkmodel.Regimen.parse("1.1374407582938388 mg/day intrathecal pump for 14 d")
    assert tables.regimen_text(regimen) == "1.137 mg/day intrathecal pump for 14 d"


# -------------------------------------------------------------------------------------------- times


def regimens(*texts):
    return [pkmodel.Regimen.parse(text) for text in texts]


@pytest.mark.parametrize(
    ("texts", "end", "span"),
    [
        ([ORAL, "0.4 mg/day intrathecal pump for 14 d"], 336.0, (312.0, 336.0)),
        ([ORAL], 400.0, (0.0, 400.0)),  # washout
        (["0.3 mg intrathecal bolus"], 48.0, (0.0, 48.0)),
        (["60 mg oral q12h"], 12.0, (0.0, 12.0)),
        (["60 mg oral q48h"], 480.0, (432.0, 480.0)),
        ([ORAL, "0.4 mg/day intrathecal pump for 7 d"], 336.0, (0.0, 336.0)),
    ],
)
def test_window_of_the_table(texts, end, span):
    assert study.window(regimens(*texts), end) == span


def test_fine_times_hold_the_doses():
    times = study.fine_times(regimens("10 mg iv infusion over 0.77 h q6.1h"), 24.0, 48.0)
    assert times[0] == 24 and times[-1] == 48 and np.diff(times).max() < 1 / 11.9
    assert {4 * 6.1, 4 * 6.1 + 0.77} <= set(times)


@pytest.mark.parametrize(
    ("texts", "end"),
    [
        (["60 mg oral"], 4800.0),
        ([ORAL, "1 mg/day intrathecal pump for 100 d"], 4800.0),
        (["10 mg iv bolus q12h x 100 + 60 mg oral q8h x 150"], 4800.0),
        (["60 mg oral modified q12h x 28 + 10 mg iv infusion over 2 h at 800 h"], 87600.0),
    ],
)
def test_fine_times_meet_the_peaks_of_long_windows(texts, end):
    both = regimens(*texts)
    times = study.fine_times(both, 0.0, end)
    assert times.size < study.MOST_TIMES and times[0] == 0 and times[-1] == end
    for regimen in both:
        doses = [order.times() for order in regimen]
        dense = np.unique(np.concatenate([np.arange(0, 2500, 1 / 30), *doses]))
        peak, true = (
            pkmodel.simulate("morphine", regimen, t).concentration.max("time")
            for t in (times, dense)
        )
        np.testing.assert_allclose(peak, true, rtol=1e-3)


def test_wider_steps_are_told(capsys):
    orders = [pkmodel.Regimen.parse(f"{10 + k % 3} mg oral at {12 * k} h") for k in range(400)]
    times = study.fine_times(orders, 0.0, 4800.0)
    assert times.size <= study.MOST_TIMES
    assert "peaks are read off steps of 20 min" in capsys.readouterr().err


def test_peak_of_a_long_simulation(run):
    output = run("simulate", "morphine", "60 mg oral", "--until", "200 d").stdout
    assert row(output, "plasma")[0] == 39.2


def test_memory_that_does_not_suffice_is_told(run, monkeypatch):
    def fail(*_):
        raise MemoryError("Unable to allocate 108. GiB")

    monkeypatch.setattr(study.Study, "in_parts", fail)
    result = run(*COMPARE, "--subjects", "100000000", status=1)
    assert "108. GiB); pass fewer --subjects" in result.stderr and "Traceback" not in result.stderr


def test_output_times():
    assert study.output_times(336.0, None).tolist() == list(range(337))
    assert study.output_times(24.0, None).tolist() == pytest.approx(np.linspace(0, 24, 289))
    assert len(study.output_times(8760.0, None)) == 337
    assert study.output_times(1.0, 0.25).tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert len(study.output_times(24.0, 1 / 12)) == 289


# ------------------------------------------------------------------------------------------ compare


def test_compare_prints_the_exposure(run):
    output = run(*COMPARE, "--ratio", 300).stdout
    ds = pkmodel.compare("morphine", oral=ORAL, times=np.linspace(312, 336, 289))
    for arm, start in (("oral", ["plasma", "oral"]), ("intrathecal", ["intrathecal"])):
        profile = ds.sel(arm=arm, site="plasma")
        auc = float(profile.auc[-1] - profile.auc[0])
        cmax, cavg, printed, _ = row(output, *start) if arm == "oral" else row(
            output.partition("Exposure")[2], *start
        )  # fmt: skip
        assert [cmax, cavg, printed] == pytest.approx(
            [1000 * float(profile.concentration.max()), 1000 * auc / 24, 1000 * auc], rel=0.006
        )
    assert "0.4 mg/day intrathecal pump for 14 d" in output
    assert "For research. Not for dosing patients." in output


def test_compare_prints_the_implied_ratios(run):
    block = run(*COMPARE).stdout.partition("Oral : intrathecal")[2]
    assert "the intrathecal route gives at 300" in " ".join(block.split())
    auc, cmax, exposed = row(block, "lumbar CSF")
    implied = pkmodel.equivalence.implied("morphine", ORAL).implied_ratio.sel(site="lumbar_csf")
    assert auc == pytest.approx(float(implied.sel(metric="auc")), rel=0.006)
    assert cmax == pytest.approx(float(implied.sel(metric="cmax")), rel=0.006)
    assert exposed == pytest.approx(float(implied.sel(metric="auc")) / 300, rel=0.006)


def test_compare_prints_averages_of_responses(run):
    output = run(*COMPARE, "--ratio", 300, "--responses", "analgesia,withdrawal").stdout
    block = output.partition("Responses, averages of the same hours")[2].partition("\n\n")[0]
    ds = pkmodel.compare(
        "morphine", oral=ORAL, ratio=300, responses=["analgesia", "withdrawal"],
        times=np.linspace(312, 336, 289),
    )  # fmt: skip
    average = ds.analgesia.integrate("time") / 24
    assert row(block, "analgesia") == pytest.approx(average.values.tolist(), rel=0.006)
    assert row(block, "withdrawal") == [0.0, 0.0]
    assert "Tolerance" not in block
    assert "sedation" not in block and "Responses" not in run(*COMPARE).stdout


def test_simulate_answers_with_responses(run):
    """The same numbers as `compare` has, of one and of many subjects, and the same concentrations as without."""
    for more in ([], ["--subjects", "3", "--seed", "2"]):
        own = [
            "--responses",
            "analgesia,pain",
            "--set",
            "analgesia_hill=4",
            "--segments",
            "3",
            *more,
        ]
        alone = run("simulate", "morphine", ORAL, *own, "-o", "a.nc", "--force").stdout
        both = run("compare", "morphine", "--arm", f"a={ORAL}", "--arm", f"b={ORAL}", *own).stdout
        for label in ("analgesia", "pain (0-10)"):
            numbers = row(alone.partition("Responses")[2], label)
            assert numbers and numbers * 2 == row(both.partition("Responses")[2], label)
        plain = run("simulate", "morphine", ORAL, "--segments", "3", *more).stdout
        assert plain.partition("Exposure")[2].split("\n\n")[0] in alone
        assert "Responses" not in plain
    stored = xr.open_dataset("a.nc")
    assert stored.analgesia.dims == ("subject", "time") and "rests_on" in stored.analgesia.attrs
    error = run("simulate", "morphine", ORAL, "--set", "analgesia_hill=4", status=2).stderr
    assert "which is not asked for: write --responses analgesia" in error


def test_tables_are_answered_with_responses(run, tmp_path):
    (tmp_path / "t.csv").write_text(
        "ID,TIME,AMT,ROUTE,EVID\n1,0,60,oral,1\n1,6,0,oral,0\n2,0,30,oral,1\n"
    )
    own = ["simulate", "morphine", "--table", "t.csv", "--responses", "analgesia"]
    error = run(*own, status=2).stderr
    assert 'responses are over times that all subjects share. Pass --every "1 h".' in error
    output = run(*own, "--until", "24 h", "--every", "1 h", "-o", "a.nc").stdout
    block = output.partition("Responses, averages of all hours\n")[2]
    ds = pkmodel.simulate("morphine", "t.csv", np.arange(25.0), responses="analgesia")
    averages = (ds.analgesia.integrate("time") / 24).values
    low, high = np.nanpercentile(averages, [5, 95])
    assert row(block, "analgesia") == pytest.approx([np.median(averages), low, high], rel=0.006)
    np.testing.assert_allclose(xr.open_dataset("a.nc").analgesia, ds.analgesia, rtol=1e-12)


def test_no_line_ends_between_a_number_and_its_unit():
    for k in range(80, 110):
        text = f"{'x' * k} = 1.5 L/min, 40 %, 0.2 /h, 66.67 ug/day pump"
        lines = tables.paragraph(text, hang=2).split("\n")
        assert " ".join(line.strip() for line in lines) == text
        assert not any(line.endswith(("1.5", "40", "0.2", "66.67")) for line in lines)


def test_numbers_of_responses_are_set(run):
    """The ratios that the sites imply have no use for them, and take the others."""
    kinetic = ["--set", "clearance=1.5 L/min"]
    own = ["--set", "analgesia_hill=4", "--set", "analgesia_cord_ec50=50 ng/mL"]
    output = run(*COMPARE, *own, *kinetic, "--responses", "pain,analgesia", "-o", "a.nc").stdout
    set_so = "analgesia_hill = 4, analgesia_cord_ec50 = 50 ng/mL,\nclearance = 1.5 L/min\n"
    assert set_so in output
    block = output.partition("Responses, averages of the same hours")[2].partition("\n\n")[0]
    parameters = {"analgesia_hill": 4.0, "analgesia_cord_ec50": 0.05, "clearance": 90.0}
    how = {"oral": ORAL, "ratio": 300, "parameters": parameters, "responses": ["pain", "analgesia"]}
    ds = pkmodel.compare("morphine", times=np.linspace(312, 336, 289), **how)
    for name, label in (("analgesia", "analgesia"), ("pain", "pain (0-10)")):
        average = ds[name].integrate("time") / 24
        assert row(block, label) == pytest.approx(average.values.tolist(), rel=0.006)
    stored = xr.open_dataset("a.nc")
    wanted = pkmodel.compare("morphine", times=stored.time.values, **how)
    np.testing.assert_allclose(stored.analgesia, wanted.analgesia, rtol=1e-12)
    ratios = output.partition("Oral : intrathecal")[2].partition("Result: ")[0]
    assert ratios and run(*COMPARE, *kinetic).stdout.endswith(ratios)


def test_what_is_set_twice_is_refused_with_all_else(run):
    twice = ["--set", "analgesia_hill = 2", "--set", "analgesia_hill=3", "--set", "clearence=4 L/h"]
    error = run(*COMPARE, "--responses", "all", *twice, status=2).stderr
    assert '--set gives analgesia_hill twice, "2" and "3"; expected one of them' in error
    assert 'unknown parameter "clearence" (did you mean "clearance"' in error
    thrice = ["--set", "lag=1 h"] * 3
    assert (
        "--set gives lag 3 times"
        in run("explain", "morphine", "60 mg oral", *thrice, status=2).stderr
    )
    assert "twice" in run(*COMPARE, *["--set", "clearance=5 L/h"] * 2, status=2).stderr


def test_an_arm_that_is_not_what_its_option_says(run):
    """This is said before any dose is judged that would follow from it."""
    pump = "0.4 mg/day intrathecal pump for 14 d"
    error = run("compare", "morphine", "--oral", pump, status=2).stderr
    assert f'--oral holds "{pump}", which is not oral' in error and "plausible" not in error


def test_numbers_of_responses_hold_for_all_subjects(run):
    more = ["--responses", "pain", "--set", "pain_baseline=10", "--set", "pain_placebo=100 %"]
    output = run(*COMPARE, "--subjects", 3, *more).stdout
    pain = row(output, "pain (0-10)")
    assert pain[:3] == pain[3:] == [0, 0, 0]
    assert row(output, "pain reduction (%)")[:3] == [100, 100, 100]


def test_responses_have_their_scales_and_tolerance_is_named(run):
    more = ["--ratio", "30,300", "--subjects", 3, "--responses"]
    blocks = [
        run(*COMPARE, *more, names).stdout.partition("Responses, ")[2].partition("\n\n")[0]
        for names in ("all", "analgesia,pain")
    ]
    assert ["Tolerance lowers analgesia here." in block for block in blocks] == [True, False]
    assert max(len(line) for block in blocks for line in block.splitlines()) <= tables.WIDTH
    (tolerant, plain), (reduced, _) = (
        [row(block, name) for block in blocks] for name in ("analgesia", "pain reduction (%)")
    )
    assert reduced == pytest.approx([100 * x for x in tolerant], rel=0.006)
    assert all(a <= b for a, b in zip(tolerant, plain, strict=True)) and tolerant != plain
    assert min(row(blocks[0], "tolerance (x EC50)")) >= 1
    assert "runs from 0 to 1" in blocks[0]


def test_ashworth_score_has_its_scale(run):
    order = ["--oral", "20 mg oral q8h x 42"]
    output = run("compare", "baclofen", *order, "--responses", "spasticity").stdout
    assert all(1 <= x <= 5 for x in row(output, "ashworth (1-5)"))


@pytest.mark.parametrize(
    ("command", "ask"),
    [
        (COMPARE, "write --responses analgesia"),
        ([*COMPARE, "--responses", "respiration"], "write --responses analgesia"),
        (["equivalence", "morphine"], "write pkmodel compare --responses analgesia"),
        (["simulate", "morphine", ORAL], "write --responses analgesia"),
        (["explain", "morphine", ORAL], "write pkmodel compare --responses analgesia"),
    ],
)
def test_numbers_of_responses_that_nobody_asked_for_are_refused(run, command, ask):
    result = run(*command, "--set", "analgesia_hill=2", "--set", "analgesia_maximum=1", status=2)
    for name in ("analgesia_hill", "analgesia_maximum"):
        told = f'"{name}" is a number of the response analgesia, which is not asked for: {ask}'
        assert told in result.stderr
    assert not result.stdout


def test_compare_refuses_responses_without_numbers(run):
    failed = run("compare", "fentanyl", "--oral", "1 mg oral", "--responses", "analgesia", status=2)
    assert "fentanyl" in failed.stderr


@pytest.mark.parametrize("more", [[], ["--ratio", "30,clinical_start,300", "--subjects", "20"]])
def test_output_fits_the_screen(run, more):
    for arguments in ([*COMPARE, *more], ["drugs", "morphine", "--notes"], ["drugs"],
                      ["equivalence", "morphine", "--reference", ORAL, *more]):  # fmt: skip
        lines = run(*arguments).stdout.splitlines()
        assert max(map(len, lines)) <= tables.WIDTH
        assert not [line for line in lines if line != line.rstrip()]


def test_several_ratios_are_rows(run):
    output = run(*COMPARE, "--ratio", "30,300").stdout.partition("Exposure")[2]
    many, few = row(output, "intrathecal 1/30"), row(output, "intrathecal 1/300")
    assert many == pytest.approx([10 * x for x in few], rel=0.01)


def test_ratio_beside_other_arms(run):
    output = run(
        *COMPARE, "--ratio", "clinical_start", "--arm", "iv=10 mg iv bolus q6h x 56"
    ).stdout
    assert re.search(r"intrathecal +1\.137 mg/day", output)
    assert "route gives at 105.5" in " ".join(output.split())
    assert row(output.partition("Exposure")[2], "iv")[3] > 1


def test_arms_without_a_ratio(run):
    arms = ["--arm", "low=2.4 ug/day intrathecal pump", "--arm", "high=9.6 ug/day intrathecal pump"]
    output = run("compare", "ziconotide", *arms, "--until", "7 d").stdout
    assert "Exposure from 144 to 168 h" in output
    assert row(output.partition("Exposure")[2], "high")[3] == 4
    assert "Dose ratio: none" in output


def test_no_steady_state_no_ratio(run):
    output = run(*COMPARE, "--set", "clearance=0 L/h").stdout
    assert "Dose ratio: none. drug accumulates" in output
    single = ["--oral", "60 mg oral", "--intrathecal", "0.2 mg intrathecal bolus"]
    output = run("compare", "morphine", *single, "--until", "48 h").stdout
    assert "Exposure from 0 to 48 h" in output and "Dose ratio: none" in output


def test_settings_hold_for_all_subjects(run):
    base = ["simulate", "morphine", "0.4 mg/day intrathecal pump for 14 d", "--set"]
    typical = row(run(*base, "clearance=90 L/h").stdout, "plasma")
    (cmax, *_) = row(run(*base, "clearance=1.5 L/min", "--subjects", 20).stdout, "plasma")
    assert cmax == typical[0]


# -------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_stored_result_is_that_of_the_function(run, ending):
    if ending == "zarr" and find_spec("zarr") is None:
        pytest.skip("zarr is not installed")
    run(*COMPARE, "--ratio", "30,300", "--subjects", 3, "--seed", 5, "-o", f"a.{ending}")
    expected = pkmodel.compare("morphine", oral=ORAL, ratio=[30.0, 300.0], subjects=3, seed=5)
    engine = {"nc": "h5netcdf", "zarr": "zarr"}[ending]
    with xr.open_dataset(f"a.{ending}", engine=engine) as stored:
        assert stored.identical(expected)


def test_csv_is_a_long_table_with_units(run):
    run("simulate", "morphine", "0.3 mg intrathecal bolus", "--until", "2 h", "--every", "30 min",
        "--subjects", 2, "-o", "a.csv")  # fmt: skip
    table = pd.read_csv("a.csv")
    assert list(table) == [
        "subject", "site", "time [h]", "concentration [mg/L]", "auc [mg*h/L]", "status"
    ]  # fmt: skip
    assert len(table) == 2 * len(pkmodel.Drug.read("morphine").model().sites) * 5
    ds = pkmodel.simulate("morphine", "0.3 mg intrathecal bolus", [0, 0.5, 1, 1.5, 2],
                          pkmodel.population.draw(pkmodel.Drug.read("morphine").model(), 2, seed=0))  # fmt: skip
    assert table["concentration [mg/L]"].to_numpy() == pytest.approx(
        ds.concentration.values.ravel()
    )


def test_simulated_result_keeps_its_seed(run):
    run("simulate", "morphine", ORAL, "--subjects", 2, "--seed", 9, "-o", "a.nc")
    with xr.open_dataset("a.nc", engine="h5netcdf") as ds:
        assert ds.attrs["seed"] == "9" and ds.attrs["regimen"] == ORAL


def test_parts_do_not_show_in_the_numbers(run, monkeypatch):
    whole = run(*COMPARE, "--subjects", 10, "-o", "whole.nc").stdout
    monkeypatch.setattr(study, "PART", 3)
    parts = run(*COMPARE, "--subjects", 10, "-o", "parts.nc").stdout
    assert whole.replace("whole.nc", "parts.nc") == parts
    with xr.open_dataset("whole.nc") as one, xr.open_dataset("parts.nc") as other:
        assert one.identical(other)


def test_files_are_not_overwritten_unless_forced(run):
    command = ["simulate", "morphine", ORAL, "-o", "a.nc"]
    run(*command)
    assert "exists already. Pass --force" in run(*command, status=2).stderr
    run(*command, "--force")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["-o", "a.xls"], 'unknown ending ".xls"; expected .nc, .zarr or .csv'),
        (["-o", "a"], "has no ending"),
        (["-o", "nowhere/a.nc"], 'there is no folder "nowhere"'),
        (["--plot", "a.bmp"], "expected .png, .pdf or .svg"),
    ],
)
def test_files_that_cannot_be_written(run, more, words):
    assert words in run(*COMPARE, *more, status=2).stderr


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["-o", "a.zarr"], 'zarr: pip install "pkmodel[cluster]"'),
        (["--plot", "a.png"], 'matplotlib: pip install "pkmodel[plot]"'),
    ],
)
def test_missing_packages_are_named(run, monkeypatch, more, line):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert line in run(*COMPARE, *more, status=1).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [*COMPARE, "--ratio", "30,300", "--subjects", "5"],
        ["simulate", "morphine", "0.3 mg intrathecal bolus", "--until", "24 h"],
        ["equivalence", "morphine"],
    ],
)
def test_figures(run, tmp_path, arguments):
    pytest.importorskip("matplotlib")
    run(*arguments, "--plot", "a.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


# --------------------------------------------------------------------- simulate, equivalence, drugs


def test_dose_table(run, tmp_path):
    (tmp_path / "doses.csv").write_text("TIME,AMT,ROUTE,II,ADDL\n0,60,oral,12,27\n")
    table = run("simulate", "morphine", "--table", "doses.csv").stdout
    assert table == run("simulate", "morphine", ORAL).stdout
    (tmp_path / "events.csv").write_text("TIME,EVID,AMT,ROUTE,II,ADDL\n\n0,1,60,PO,12,27\n")
    assert table == run("simulate", "morphine", "--table", "events.csv").stdout


def test_faults_of_dose_tables_name_file_and_row(run, tmp_path):
    (tmp_path / "doses.csv").write_text("TIME,AMT,ROUTE\n0,60,oral\n24,-5,oral\n")
    error = run("simulate", "morphine", "--table", "doses.csv", status=2).stderr
    assert error.startswith("pkmodel: error: doses.csv: row 2: AMT is -5; expected above 0.")
    (tmp_path / "doses.csv").write_text("TIME,AMT,ROUTE,RATE\n0,60,oral,5\n")
    error = run("simulate", "morphine", "--table", "doses.csv", status=2).stderr
    assert error.startswith("pkmodel: error: doses.csv: row 1: an oral dose has no rate")


def test_dose_tables_that_cannot_be_read(run, tmp_path):
    (tmp_path / "a.csv").write_text("TIME,AMT\n0,60\n")
    (tmp_path / "b.csv").write_bytes(b"\x89\x00\xff")
    (tmp_path / "c.csv").write_text("")
    for name in "abc":
        assert (
            f"{name}.csv" in run("simulate", "morphine", "--table", f"{name}.csv", status=2).stderr
        )
    missing = run("simulate", "morphine", "--table", "no.csv", status=1).stderr
    assert missing == "pkmodel: error: no.csv: No such file or directory\n"


def test_equivalence_shows_studies_and_judges_the_ratio(run):
    given = ("--reference", "60 mg oral q12h", "--ratio", "12,300")
    output = run("equivalence", "morphine", *given).stdout
    drug = pkmodel.Drug.read("morphine")
    flat = " ".join(output.split())
    for preset in drug.ratios.values():
        line = rf"^ +{preset.name} +{preset.pair} +{preset.ratio:g} "
        assert re.search(line, output, re.MULTILINE) and preset.design in flat
    block = output.partition("Oral : intrathecal daily dose ratio")[2]
    auc, _, low, high = row(block, "plasma")
    assert [low, high] == pytest.approx([auc / 12, auc / 300], rel=0.01)


def test_equivalence_of_a_population_is_stored(run):
    output = run("equivalence", "morphine", "--subjects", 4, "-o", "a.csv").stdout
    table = pd.read_csv("a.csv")
    sites = pkmodel.Drug.read("morphine").model().sites
    assert len(table) == 4 * len(sites) * 3 and {"subject", "site", "metric"} <= set(table)
    auc = table.query("metric == 'auc' and site == 'brain'").implied_ratio
    assert row(output.partition("daily dose ratio")[2], "brain")[:3] == pytest.approx(
        np.percentile(auc, [50, 5, 95]), rel=0.006
    )


@pytest.mark.parametrize("name", [n for n in pkmodel.Drug.names() if n != "ziconotide"])
def test_equivalence_of_every_drug_needs_no_regimen(run, name):
    output = run("equivalence", name).stdout
    ratios = pkmodel.equivalence.implied(name)
    pair = " : ".join(pkmodel.equivalence.pair(ratios))
    assert f"Published {pair} ratios" in output
    assert f"{pair[0].upper() + pair[1:]} daily dose ratio" in output
    for site in ("plasma", "lumbar_csf", "cord", "brain"):
        values = ratios.implied_ratio.sel(site=site, metric=["auc", "cmax"]).values
        block = output.partition("daily dose ratio")[2]
        assert row(block, site.replace("csf", "CSF").replace("_", " "))[:2] == pytest.approx(
            values, rel=0.006
        )


def test_equivalence_of_a_drug_that_is_only_given_intrathecally(run):
    assert "without an oral form" in run("equivalence", "ziconotide", status=2).stderr
    bolus = ("--reference", "1 ug intrathecal bolus q6h", "--test", "2.4 ug/day intrathecal pump")
    output = run("equivalence", "ziconotide", *bolus).stdout
    assert "Intrathecal : intrathecal daily dose ratio" in output
    assert row(output.partition("daily dose ratio")[2], "plasma")[0] == pytest.approx(1.0)


ROUTES = ("--reference", "3 mg epidural bolus q12h", "--test", "0.4 mg/day intrathecal pump")


def test_equivalence_of_other_routes_is_called_by_their_names(run):
    output = run("equivalence", "morphine", *ROUTES).stdout
    assert output.index("Published epidural : intrathecal") < output.index("other pairs of routes")
    block = output.partition("Epidural : intrathecal daily dose ratio")[2]
    assert "the epidural AUC the intrathecal route gives at 4 and 50" in " ".join(block.split())
    auc, _, low, high = row(block, "plasma")
    assert [low, high] == pytest.approx([auc / 4, auc / 50], rel=0.01)
    named = run("equivalence", "morphine", *ROUTES, "--ratio", "kalso_1996,10", status=2).stderr
    assert "no ratio epidural : intrathecal of that name; it has: nitescu_1990" in named
    judged = run("equivalence", "morphine", *ROUTES, "--ratio", "sarvela_2002,10").stdout
    assert re.search(r"equal Cmax +at 15 +at 10\n", judged)


def test_routes_without_a_published_ratio_have_none_to_judge(run):
    output = run("equivalence", "clonidine").stdout
    assert "Published oral : intrathecal ratios\n  none" in output
    assert "no ratio of these routes to judge" in output
    for ratio in ("0", "nan"):
        stderr = run("equivalence", "morphine", "--ratio", ratio, status=2).stderr
        assert "expected a number above 0" in stderr


def test_failed_cases_are_told_and_change_the_status(run):
    result = run("equivalence", "morphine", "--set", "clearance=0 L/h", status=1)
    assert "1 of 1 cases failed: drug accumulates without end" in result.stderr
    assert re.search(r"plasma +- +- +-\n", result.stdout)


def test_doses_per_kg(run):
    given = ("--oral", "1 mg/kg oral q12h x 28", "--set", "weight=60 kg")
    per_kg = run("compare", "morphine", *given).stdout
    absolute = run("compare", "morphine", "--oral", "60 mg oral q12h x 28").stdout
    title = "Exposure from"
    assert per_kg[per_kg.index(title) :] == absolute[absolute.index(title) :]
    lacking = run("simulate", "morphine", "1 mg/kg oral q12h x 2", status=2).stderr
    assert "weight" in lacking
    heavy = ("2.5 mg/kg oral q12h x 28", "--set", "weight=100 kg")
    assert "250 mg in one dose" in run("compare", "morphine", "--oral", *heavy, status=2).stderr
    alone = run(
        "simulate", "morphine", "60 mg oral", "--until", "1 d", "--set", "weight=60 kg", status=2
    )
    assert 'unknown parameter "weight"' in alone.stderr


def test_every_number_of_a_drug_is_shown(run):
    output = run("drugs", "morphine").stdout
    drug = pkmodel.Drug.read("morphine")
    for name, p in drug.parameters.items():
        assert re.search(rf"^  {name} +{re.escape(p.text)} .*{p.confidence}", output, re.MULTILINE)
    flat = " ".join(output.split())
    assert [s for s in drug.sources() if s not in flat] == []


def test_list_of_drugs(run):
    output = run("drugs").stdout
    assert all(name in output for name in pkmodel.Drug.names())


def test_citation(run):
    flat = " ".join(run("drugs", "morphine", "--citation").stdout.split())
    assert all(line in flat for line in pkmodel.citation("morphine"))
    assert run("drugs", "--citation").stdout.startswith("pkmodel developers.")


def test_own_drug_file_is_checked(run, tmp_path):
    (tmp_path / "mine.toml").write_text('name = "mine"\n')
    assert "mine.toml" in run("drugs", "mine.toml", status=2).stderr
    whole = reader.HOME / "baclofen.toml"
    output = run("drugs", "check", whole).stdout
    drug = pkmodel.Drug.read("baclofen")
    assert f"ok: baclofen {drug.version}, {len(drug.parameters)} parameters (" in output
    read = sum(p.confidence == "read" for p in drug.parameters.values())
    assert f"{read} read" in " ".join(output.partition("routes")[0].split())


def test_check_lists_the_faults_of_every_file(run, tmp_path):
    text = (reader.HOME / "baclofen.toml").read_text(encoding="utf-8")
    (tmp_path / "good.toml").write_text(text, encoding="utf-8")
    text = text.replace('test = "intrathecal"', 'test = "iv"').replace("n = 0", "n = -1", 1)
    (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
    lines = run(
        "drugs", "check", "bad.toml", "none.toml", "good.toml", status=2
    ).stdout.splitlines()
    assert lines[0].startswith('bad.toml: equivalence.test: unknown route "iv"')
    assert lines[1].startswith("bad.toml: equivalence.presets.nominal.n: expected the number")
    assert lines[2] == "none.toml: the file cannot be read: No such file or directory"
    assert lines[3].startswith("good.toml: ok: baclofen")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["check"], "check FILE"), (["check", "a.toml", "--notes"], "without options"),
     (["morphine", "baclofen"], "one DRUG at a time")],
)  # fmt: skip
def test_drugs_shows_one_or_checks_many(run, arguments, words):
    assert words in run("drugs", *arguments, status=2).stderr


def test_explain_knows_the_segments(run):
    order = ("explain", "morphine", "0.2 mg intrathecal bolus")
    assert "lumbar_csf" in run(*order).stdout
    assert "thoracic_csf" in run(*order, "--segments", 10, "--tip", "T6").stdout


# -------------------------------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*COMPARE, "--intrathecal", "0.4 g/day intrathecal pump for 14 d"], 'did you mean "0.4 mg"'),
        ([*COMPARE, "--ratio", "3"], "40 mg in a day"),
        ([*COMPARE, "--ratio", "30,3"], "40 mg in a day"),
        ([*COMPARE, "--ratio", "0"], "expected a number above 0"),
        ([*COMPARE, "--ratio", "nan"], "expected a number above 0"),
        ([*COMPARE, "--ratio", "300:1"], "--ratio 300"),
        ([*COMPARE, "--ratio", "1/300"], "--ratio 300"),
        ([*COMPARE, "--ratio", "0.01"], "write --ratio 100, not 0.01"),
        ([*COMPARE, "--arm", "intrathecal=1 mg iv bolus"], "--arm mixed="),
        (["simulate", "morphine", "60 mg oral q12h x 999999999999"], "more than 1,000,000 doses"),
        (["simulate", "morphine", "60 mg oral q1e-6s", "--until", "1 h"], "1,000,000"),
        (["simulate", "morphine", "0.1 mg/kg iv bolus q12h x 2"], '--set weight="70 kg"'),
        (["simulate", "morphine", "300 mg into 6", "--until", "1 d"], 'did you mean "0.3 mg"'),
        (["simulate", "morphine", ""], "the order is empty"),
        ([*COMPARE, "--ratio", "30", "--intrathecal", "1 mg/day intrathecal pump"], "no --intrathecal"),
        ([*COMPARE, "--ratio", "30,300", "--arm", "iv=10 mg iv bolus q6h x 56"], "several ratios"),
        ([*COMPARE, "--arm", "oral=60 mg oral q12h x 28"], "two arms have the same name"),
        (["compare", "morphine"], "there is nothing to compare"),
        (["compare", "morphine", "--intrathecal", "1 mg/day intrathecal pump"], "nothing to compare"),
        (["compare", "morphine", "--oral", "60 mg oral q12h"], "--until"),
        (["compare", "morphine", "--oral", "60 mgs oral q12"], 'unknown unit "mgs"'),
        (["compare", "morphin", "--oral", ORAL], 'did you mean "morphine"'),
        (["compare", "ziconotide", "--oral", ORAL], "without an oral form"),
        ([*COMPARE, "--set", "clearence=5 L/h"], 'did you mean "clearance"'),
        ([*COMPARE, "--set", "clearance=5 L"], "clearance"),
        ([*COMPARE, "--set", "analgesia_hil=2"], 'unknown parameter "analgesia_hil"'),
        ([*COMPARE, "--responses", "analgesia", "--set", "analgesia_hil=2"], 'mean "analgesia_hill"'),
        ([*COMPARE, "--responses", "analgesia", "--set", "analgesia_hill=2 mg"], 'unit of an amount'),
        ([*COMPARE, "--responses", "analgesia", "--set", "analgesia_hill=-2"], "0 or above"),
        ([*COMPARE, "--responses", "pain", "--set", "pain_placebo=120 %"], "between 0 and 1"),
        ([*COMPARE, "--responses", "pain", "--set", "pain_baseline=11"], "a score from 0 to 10"),
        ([*COMPARE, "--responses", "analgesa"], 'did you mean "analgesia"'),
        ([*COMPARE, "--set", "clearance"], 'NAME="VALUE UNIT"'),
        ([*COMPARE, "--until", "14"], "has no unit"),
        ([*COMPARE, "--every", "0 h"], "is not above 0"),
        ([*COMPARE, "--subjects", "0"], "--subjects"),
        (["simulate", "morphine"], "REGIMEN or --table"),
    ],
)  # fmt: skip
def test_wrong_input_is_explained(run, arguments, words):
    result = run(*arguments, status=2)
    assert words in result.stderr
    assert "Traceback" not in result.stderr and not result.stdout
    assert "intended=True" not in result.stderr


def test_intended_doses_pass(run):
    output = run(*COMPARE, "--ratio", "3", "--intended").stdout
    assert "40 mg/day intrathecal pump" in output


@pytest.mark.parametrize("arguments", [["--debug", *COMPARE], [*COMPARE, "--debug"]])
def test_debug_shows_the_traceback(run, arguments):
    with pytest.raises(pkmodel.InputError):
        run(*arguments, "--ratio", "0")


def test_arguments_in_errors_become_options():
    text = "If it is meant, pass intended=True (on the command line --intended). Or ratio=300."
    assert faults.in_options(text) == "If it is meant, pass --intended. Or --ratio 300."
    text = 'Pass parameters={"weight": "70 kg"} or parameters={"analgesia_hill": 2.4, "pain_baseline": 7}.'
    told = 'Pass --set weight="70 kg" or --set analgesia_hill=2.4 --set pain_baseline=7.'
    assert faults.in_options(text) == told


# --------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize("command", [None, *main.commands])
def test_help_teaches_by_example(run, command):
    output = run(*[command] * (command is not None), "--help").stdout
    assert output.count("pkmodel ") >= 3 and "Examples:" in output


def examples():
    """The commands in the help texts, each as a line of a shell."""
    text = "\n".join(c.epilog or "" for c in main.commands.values()).replace("\\\n", " ")
    lines = re.findall(r"^ +pkmodel (.+?)(?: {2,}\(.*)?$", text, re.MULTILINE)
    mine = ("my_drug.toml", "my_cases.toml", "data.csv", "sweep.")  # files of the reader's own
    return [line for line in lines if not any(name in line for name in mine)]


@pytest.mark.parametrize("line", examples())
def test_examples_of_the_help_run(run, line):
    import shlex

    if "--plot" in line:
        pytest.importorskip("matplotlib")
    run(*shlex.split(line))


# ---------------------------------------------------------------------------------- real processes


def process(*arguments):
    command = [sys.executable, "-W", "error", "-m", "pkmodel", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, encoding="utf-8")


def test_process_prints_and_succeeds():
    done = process(*COMPARE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "lumbar CSF" in done.stdout


def test_process_fails_in_one_sentence():
    done = process(*COMPARE, "--intrathecal", "0.4 g/day intrathecal pump for 14 d")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pkmodel: error: ") and done.stderr.count("\n") == 1


def test_process_tells_its_version():
    assert process("--version").stdout == f"pkmodel {pkmodel.__version__}\n"


def test_help_imports_nothing_heavy():
    heavy = ["numpy", "numba", "xarray", "pandas", "scipy", "tqdm", "matplotlib"]
    code = (
        "import sys\nfrom pkmodel.cli import main\n"
        "main(['compare', '--help'], standalone_mode=False)\n"
        f"print('LOADED', *(n for n in {heavy} if n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["LOADED"]


# -------------------------------------------------------------------------------------- event tables

DATA = """ID,TIME,AMT,EVID,ROUTE,II,ADDL,SS
1,0,60,1,oral,12,3,0
1,6,.,0,.,.,.,.
1,24,.,0,.,.,.,.
2,0,0.2,1,intrathecal,24,2,1
2,30,.,0,.,.,.,.
"""


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(DATA)
    return path


def test_answers_at_the_records_of_a_table(run, data, tmp_path):
    answers = tmp_path / "answers.csv"
    result = run("simulate", "morphine", "--table", data, "-o", answers)
    assert "2 subjects, 5 records: 2 doses, 3 observations" in result.output
    table = pd.read_csv(answers)
    assert list(table) == ["id", "record", "time [h]", "site", "concentration [mg/L]", "status"]
    expected = pkmodel.simulate("morphine", pkmodel.EventTable.read(data), amounts=False)
    plasma = table[table.site == "plasma"]
    assert list(plasma.record) == [2, 3, 5] and list(plasma.id) == [1, 1, 2]
    np.testing.assert_allclose(
        plasma["concentration [mg/L]"], expected.concentration.sel(site="plasma"), rtol=1e-12
    )


def test_a_table_at_times_of_ones_own_in_drawn_subjects(run, data, tmp_path):
    stored = tmp_path / "x.nc"
    result = run("simulate", "morphine", "--table", data, "--until", "2 d", "--every", "12 h", "--subjects", 2,
                 "-o", stored)  # fmt: skip
    with xr.open_dataset(stored, engine="h5netcdf") as ds:
        assert ds.sizes["subject"] == 2 and list(ds.time) == [0, 12, 24, 36, 48]
    result = run("simulate", "morphine", "--table", data, "--subjects", 5, status=2)
    assert "the table has 2 of its own" in result.output
    result = run("simulate", "morphine", "--table", data, "--plot", tmp_path / "x.png", status=2)
    assert "--plot draws regimens" in result.output


def test_a_table_that_is_wrong_or_too_much(run, data):
    data.write_text(DATA.replace("0.2,1,intrathecal", "200,1,intrathecal"))
    result = run("simulate", "morphine", "--table", data, status=2)
    assert "ID 2, row 4: 200 mg in one dose is 80 times" in result.output
    run("simulate", "morphine", "--table", data, "--intended")
    data.write_text(DATA.replace("1,24,", "1,3,"))
    result = run("simulate", "morphine", "--table", data, status=2)
    assert "ID 1, row 3: TIME is 3 after 6" in result.output


def test_explain(run, data):
    result = run("explain", "morphine", "60 mg oral q12h x 2 + 0.2 mg intrathecal bolus at 36 h")
    (line,) = re.findall(
        r"^at 36 h, .*\(of 0.2 mg ordered at 36 h\).*, from order 2$", result.output, re.MULTILINE
    )
    into = re.findall(r"([\d.]+) ug (?:\(.*?\) )?into lumbar_csf_\d+", line)
    assert sum(map(float, into)) == pytest.approx(200, abs=0.02) and len(into) > 1
    lines = run("explain", "morphine", "--table", data, "--until", "13 h").output.splitlines()
    (line,) = [text for text in lines if text.startswith("ID 1: at 12 h, ")]
    assert line.startswith("ID 1: at 12 h, 14.4 mg (of 60 mg ordered at 12 h) into gut, ")
    assert line.endswith(", from record 1")
    (steady,) = [text for text in lines if text.startswith("ID 2: by 0 h, ")]
    assert steady.count("into lumbar_csf_") == len(into)
    assert ", every 24 h for ever, the last time at " in steady
    run("explain", "morphine", status=2)


def test_segments_of_the_spine(run):
    pump = ("simulate", "morphine", "0.4 mg/day intrathecal pump for 2 d")
    low = run(*pump, "--segments", 12, "--all-sites").stdout
    high = run(*pump, "--segments", 12, "--tip", "T4", "--all-sites").stdout
    assert low.startswith("morphine 1.0+12 segments, tip L3-L4")
    assert "cisternal" not in run(*pump, "--segments", 12).stdout
    assert row(high, "cisternal CSF")[0] > row(low, "cisternal CSF")[0]
    assert run(*pump, "--tip", "T4").stdout.startswith("morphine 1.0+30 segments, tip T4")
