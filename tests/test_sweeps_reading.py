"""A sweep from a file: what it says, and all that is wrong with it."""

import numpy as np
import pytest

from pkmodel.drugs import Drug, reader
from pkmodel.errors import InputError
from pkmodel.responses import asked
from pkmodel.sweeps import grid, latin_hypercube, plan_of, read, sobol

TOP = 'drug = "morphine"\noral = "60 mg oral q12h x 28"\nsegments = 3\n'
GRID = '[design]\nkind = "grid"\nvalues.ratio = [30, 300]\n'


@pytest.fixture
def written(tmp_path):
    """Write a file and read it."""

    def call(text):
        path = tmp_path / "sweep.toml"
        path.write_text(text, encoding="utf-8")
        return read(path)

    return call


@pytest.fixture
def faults(written):
    """Write a file that is wrong; its faults."""

    def call(text):
        with pytest.raises(InputError, match=r"sweep\.toml") as caught:
            written(text)
        return list(caught.value.faults)

    return call


# ------------------------------------------------------------------------------------ what it says


def test_file_says_what_a_call_says(written):
    found = written(
        TOP
        + """
        ratio = 100
        metrics = ["auc", "cmax"]
        window = ["13 d", 336]
        times = ["312 h", 324, "14 d"]
        sites = ["plasma"]
        subjects = 5
        seed = 3
        quantiles = [0.5]
        tip = "T10"
        variant = "elderly"
        intended = true
        settings.clearance = "1.5 L/min"
        settings.volume = 20
        settings.pain_placebo = "20 %"
        responses = ["pain", "analgesia"]
        [design]
        kind = "grid"
        values.csf_loss_rate = ["0.2 /h", "0.01 /min"]
        values.analgesia_cord_ec50 = ["50 ng/mL", "0.1 mg/L"]
        """
    )
    plan = plan_of(found.drug, found.design, **found.what)
    assert found.what["window"] == [312, 336] and found.what["times"] == [312, 324, 336]
    same = plan_of(
        "morphine",
        grid(csf_loss_rate=[0.2, 0.6], analgesia_cord_ec50=[0.05, 0.1]),
        oral="60 mg oral q12h x 28",
        segments=3,
        ratio=100,
        metrics=["auc", "cmax"],
        window=(312, 336),
        times=[312, 324, 336],
        sites=["plasma"],
        subjects=5,
        seed=3,
        quantiles=[0.5],
        tip="T10",
        variant="elderly",
        intended=True,
        settings={"clearance": 90, "volume": 20, "pain_placebo": 0.2},
        responses=["analgesia", "pain"],
    )
    assert plan.hash == same.hash


def test_all_responses_of_a_drug(written):
    found = written(TOP + "responses = true\n" + GRID)
    plan = plan_of(found.drug, found.design, **found.what)
    assert plan.responses == asked(Drug.read("morphine"), True).names


def test_arms(written):
    text = 'drug = "morphine"\nsegments = 3\n[arms]\noral = "60 mg oral q12h x 2"\niv = "10 mg iv bolus"\n'
    found = written(text + GRID.replace("ratio = [30, 300]", "volume = [20, 30]"))
    assert plan_of(found.drug, found.design, **found.what).names == ("oral", "iv")


def test_published_ratio_by_its_name_and_profiles(written):
    design = GRID.replace("ratio = [30, 300]", "volume = [20, 30]")
    found = written(f'{TOP}ratio = "clinical_start"\nmetrics = []\n{design}')
    plan = plan_of(found.drug, found.design, **found.what)
    assert plan.ratio == 105.5 and plan.metrics == ()


DRAWN = 'runs = 8\nseed = 2\nbounds.ratio = [10, 300, "log"]\nbounds.csf_loss_rate = ["0.1 /h", "0.4 /h"]\n'
BOUNDS = {"ratio": (10, 300, "log"), "csf_loss_rate": (0.1, 0.4)}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("latin hypercube", latin_hypercube(8, seed=2, **BOUNDS)), ("sobol", sobol(8, seed=2, **BOUNDS))],
)  # fmt: skip
def test_drawn_designs(written, kind, expected):
    found = written(f'{TOP}[design]\nkind = "{kind}"\n{DRAWN}')
    assert found.design.digest == expected.digest


def test_tables(written, tmp_path):
    values = '{ratio = [30, 100], csf_loss_rate = ["0.2 /h", "0.3 /h"], tip = ["L3-L4", "T10"]}'
    inside = written(f'{TOP}[design]\nkind = "table"\nvalues = {values}\n').design
    (tmp_path / "runs.csv").write_text(
        "ratio, csf_loss_rate, tip\n30, 0.2 /h, L3-L4\n100, 0.3 /h, T10\n"
    )
    beside = written(f'{TOP}[design]\nkind = "table"\nfile = "runs.csv"\n').design
    assert inside.sizes == {"run": 2} and inside.digest == beside.digest
    np.testing.assert_array_equal(beside.columns["ratio"], [30, 100])


def test_files_lie_beside_the_file(written, tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text((reader.HOME / "morphine.toml").read_text("utf-8"), "utf-8")
    monkeypatch.chdir(tmp_path.parent)
    found = written(TOP.replace('"morphine"', '"mine.toml"') + GRID)
    assert found.drug == str(tmp_path / "mine.toml")


# --------------------------------------------------------------------------------- what is wrong


def test_all_faults_at_once(faults):
    found = faults("""
        drug = "morphine"
        oral = "60 mgs oral q12h x 28"
        metrics = "auc"
        window = ["312 h", "336"]
        subjects = 0
        seed = -1
        segments = true
        intended = "yes"
        colour = "red"
        [settings]
        clearence = "1.5 L/min"
        volume = "3 h"
        weight = true
        [design]
        kind = "grid"
        values.ratio = [30, 30]
        values.csf_loss_rate = []
    """)
    expected = [
        "colour: unknown key",
        'metrics: expected texts, metrics = ["auc", "cmax"], not \'auc\'',
        "subjects: expected a whole number above 0, subjects = 200, not 0",
        "seed: expected a whole number, seed = 1, not -1",
        "segments: expected a whole number, segments = 30, not True",
        "intended: expected true or false, not 'yes'",
        'settings.weight: expected such as "1.5 L/min", not True',
        'oral: "60 mgs oral q12h x 28": unknown unit "mgs"',
        'settings.clearence: unknown parameter "clearence" (did you mean "clearance"',
        'settings.volume: volume "3 h": "h" is the unit of a time',
        'window: "336": has no unit',
        "design: csf_loss_rate: no values",
        "design: ratio: a value stands twice",
    ]
    for clause in expected:
        assert [fault for fault in found if fault.startswith(clause)], (clause, found)
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("responses", "told"),
    [
        ('["itching"]', "responses: the file of morphine has no numbers of itching"),
        ('["analgesa"]', 'responses: unknown response "analgesa" (did you mean "analgesia"?)'),
        ('"analgesia"', 'responses: expected texts, responses = ["analgesia"], or true'),
        ("false", "responses: expected texts"),
    ],
)
def test_faults_of_responses_bring_no_others(faults, responses, told):
    """What is set and swept of theirs cannot be judged, all else is."""
    settings = '[settings]\nanalgesia_hill = 2\nvolume = "3 h"\n'
    design = GRID.replace("values.ratio", "values.pain_placebo")
    found = faults(f"{TOP}subjects = 0\nresponses = {responses}\n{settings}{design}")
    assert [fault.partition(":")[0] for fault in found].count("responses") == 1
    assert [fault for fault in found if fault.startswith(told)]
    assert [fault for fault in found if fault.startswith("settings.volume: ")]
    assert len(found) == 3


def test_faults_of_the_whole_come_with_those_of_its_parts(faults):
    found = faults(
        f"{TOP}subjects = 0\nquantiles = [0.5, 3]\nsites = ['lumbar']\nwindow = ['2 d']\n"
        + GRID.replace("ratio", "csf_los_rate")
    )
    assert [fault.partition(":")[0] for fault in found[:2]] == ["window", "subjects"]
    rest = " ".join(found[2:])
    for clause in ('varies "csf_los_rate"', 'unknown site "lumbar"', "between 0 and 1"):
        assert clause in rest
    assert "need subjects" not in rest  # they are there, only wrong


REST = {
    "sites": 'sites = ["lumbar"]\n',
    "metrics": 'metrics = ["aux"]\n',
    "quantiles": "quantiles = [3]\nsubjects = 5\n",
    "window": 'window = ["5 h", "3 h"]\n',
    "tip": 'tip = "T99"\n',
    "settings": "settings.clearence = 3\n",
}
TOLD = {
    "sites": 'unknown site "lumbar"',
    "metrics": 'unknown metric "aux"',
    "quantiles": "a quantile lies between 0 and 1",
    "window": "the window is (5.0, 3.0)",
    "tip": 'tip is "T99"',
    "settings": 'settings.clearence: unknown parameter "clearence"',
    "name": 'the design varies "csf_los_rate"',
}
DRUG, OWN_ORAL = TOP.splitlines(keepends=True)[:2]
NAME = "values.csf_los_rate = [1, 2]\n"
WRONG = {
    "oral": (DRUG + 'oral = "60 mgs oral q12h x 28"\n', GRID + NAME, 'oral: "60 mgs oral q12h x 28"', ""),
    "oral form": (DRUG + "oral = 3\n", GRID + NAME, "oral: expected text", ""),
    "no order": (DRUG, GRID + NAME, "a sweep takes an oral order, or arms", ""),
    "arm": (DRUG + 'arms.oral = "60 mgs oral q12h"\n', GRID + NAME, 'arms.oral: "60 mgs oral q12h"', ""),
    "arms": (DRUG + "arms = 3\n", '[design]\nkind = "grid"\n' + NAME, "arms: expected a table", ""),
    "ratio": (DRUG + OWN_ORAL + "ratio = true\n", '[design]\nkind = "grid"\n' + NAME, "ratio: expected a number", ""),
    "ratio's name": (DRUG + OWN_ORAL + 'ratio = "lo"\n', '[design]\nkind = "grid"\n' + NAME, 'no ratio "lo"', ""),
    "column": (TOP, GRID + NAME + "values.volume = []\n", "design: volume: no values", ""),
    "swept order": (DRUG, GRID + NAME + 'values.oral = ["60 mgs oral"]\n', 'unknown unit "mgs"', ""),
    "balance": (
        TOP, '[design]\nkind = "sobol"\nruns = 7\nseed = 1\nbounds.csf_los_rate = [1, 2]\nbounds.volume = [4, 3]\n',
        "design: a Sobol' sequence of 7 runs is not balanced", "",
    ),
    "runs": (
        TOP, '[design]\nkind = "latin hypercube"\nseed = 1\nbounds.csf_los_rate = [1, 2]\n',
        "design.runs: expected", "",
    ),
    "kind": (TOP, '[design]\nkind = "gird"\n' + NAME, 'design.kind: unknown "gird"', "name"),
    "design": (TOP, "", "design: missing", "name"),
    "responses": (TOP + 'responses = ["pian"]\n', GRID + NAME, 'responses: unknown response "pian"', ""),
    "drug": ('drug = "morphin"\n' + OWN_ORAL, GRID + NAME, 'drug: "morphin": unknown drug', "sites settings name"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_no_fault_hides_those_of_other_sections(faults, case):
    """But for those that are judged by what is wrong."""
    top, design, told, waiting = WRONG[case]
    found = faults(top + "".join(REST.values()) + design)
    assert [fault for fault in found if told in fault], found
    for key, clause in TOLD.items():
        assert any(clause in fault for fault in found) == (key not in waiting.split()), (key, found)
    more = {"balance": 1}.get(case, 0)  # the bounds of the volume
    assert len(found) == 1 + len(TOLD) - len(waiting.split()) + more, found


def test_doses_are_judged_beside_the_rest(faults):
    found = faults(TOP.replace("60 mg", "6000 mg") + "".join(REST.values()) + GRID + NAME)
    assert [fault for fault in found if "highest plausible" in fault] == []  # the tip is wrong
    del (rest := dict(REST))["tip"]
    found = faults(TOP.replace("60 mg", "6000 mg") + "".join(rest.values()) + GRID + NAME)
    assert len([fault for fault in found if "highest plausible" in fault]) == 1


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("", "drug: missing"),
        ('drug = "morphin"\n' + GRID, "did you mean"),
        ('drug = "none.toml"\n' + GRID, "cannot be read"),
        (TOP, "design: missing; write [design]"),
        (TOP + "design = 3", "design: expected a table"),
        (TOP + 'arms = "x"\n' + GRID, "arms: expected a table"),
        (TOP + "arms.iv = 3\n" + GRID, "arms.iv: expected such as"),
        (TOP + 'arms.iv = "3"\n' + GRID, "arms.iv: "),
        (TOP + "[design]\nvalues.ratio = [3]", "design.kind: missing; one of grid, latin hypercube"),
        (TOP + '[design]\nkind = "gird"', 'design.kind: unknown "gird" (did you mean "grid"'),
        (TOP + '[design]\nkind = "grid"', "design.values: expected [design.values]"),
        (TOP + '[design]\nkind = "grid"\nbounds.ratio = [3, 4]', "design.bounds: unknown key"),
        (TOP + '[design]\nkind = "sobol"\nruns = 7\nseed = 1\nbounds.ratio = [9, 10]', "power of 2"),
        (TOP + '[design]\nkind = "sobol"\nruns = 8\nbounds.ratio = [9, 10]', "design.seed: expected"),
        (TOP + '[design]\nkind = "sobol"\nruns = 0\nseed = 1\nbounds.ratio = [9, 10]', "design.runs: "),
        (TOP + '[design]\nkind = "sobol"\nruns = 8\nseed = 1\n', "design.bounds: expected"),
        (TOP + '[design]\nkind = "sobol"\nruns = 8\nseed = 1\nbounds.runs = [9, 10]', "design.bounds.runs"),
        (TOP + '[design]\nkind = "sobol"\nruns = 8\nseed = 1\nbounds.ratio = [9]', "design: ratio: expected"),
        (TOP + '[design]\nkind = "table"\nfile = "no.csv"', "no.csv cannot be read: No such file"),
        (TOP + '[design]\nkind = "table"\nfile = 3', "design.file: expected the name of a table"),
        (TOP + '[design]\nkind = "table"\nfile = "a.csv"\nvalues.ratio = [1]', "in the place of values"),
        (TOP + "ratio = true\n" + GRID, "ratio: expected a number"),
        (TOP + "window = [3]\n" + GRID, "window: expected two times"),
        (TOP + "settings.pain_placebo = 0.2\n" + GRID, 'is not asked for: write responses=["pain"]'),
        (TOP + GRID.replace("ratio", "pain_placebo"), 'is not asked for: write responses=["pain"]'),
    ],
)  # fmt: skip
def test_faults(faults, text, clause):
    assert clause in "; ".join(faults(text))


def test_empty_table_of_runs(faults, tmp_path):
    (tmp_path / "runs.csv").write_text("")
    text = f'{TOP}[design]\nkind = "table"\nfile = "runs.csv"\n'
    assert "design.file: " in faults(text)[0]
    (tmp_path / "runs.csv").write_text("ratio,volume\n3,\n4,20\n")
    assert faults(text)[0].startswith("design: volume: ")


def test_doses_out_of_range_are_meant_by_a_key(written):
    text = TOP.replace("60 mg", "6000 mg") + GRID
    with pytest.raises(InputError, match="write intended = true") as caught:
        written(text)
    assert "--intended" not in str(caught.value)
    assert written("intended = true\n" + text).what["intended"] is True


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "no.toml")
    (tmp_path / "a.toml").write_text("drug = morphine")
    with pytest.raises(InputError, match="not valid TOML"):
        read(str(tmp_path / "a.toml"))
