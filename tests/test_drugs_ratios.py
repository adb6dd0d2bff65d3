"""Published dose ratios of all pairs of routes."""

import pytest

from pkmodel import compare
from pkmodel.drugs import Drug, reader
from pkmodel.errors import DrugError

MORPHINE = (reader.HOME / "morphine.toml").read_text(encoding="utf-8")
KALSO = """[ratios.kalso_1996]
reference = "subcutaneous"
test = "epidural"
ratio = 3.5
"""


@pytest.mark.parametrize("name", Drug.names())
def test_every_ratio_belongs_to_one_pair(name):
    drug = Drug.read(name)
    pairs = {(p.reference, p.test) for p in drug.ratios.values()}
    assert sum(len(drug.published(*pair)) for pair in pairs) == len(drug.ratios)
    assert drug.presets == drug.published("oral", "intrathecal")
    assert bool(drug.presets) == (drug.equivalence is not None)
    described = drug.describe()
    for preset in drug.ratios.values():
        low, high = preset.range or (preset.ratio, preset.ratio)
        assert low <= preset.ratio <= high and preset.source
        assert f"{preset.pair} dose ratios" in described and preset.design in described
        assert set(preset.source) <= set(drug.sources())


@pytest.mark.parametrize(
    ("drug", "ratio", "formula"),
    [
        ("morphine", "bailey_2000", 0.14 * 70 / 0.3),
        ("morphine", "kalso_1996", 372 / 106),
        ("morphine", "sarvela_2002", 3 / 0.2),
        ("morphine", "soap_2018", 3 / 0.2),
        ("morphine", "palmer_plateau", 3.75 / (0.075 * 0.1) ** 0.5),
        ("morphine", "elderly_2025", (38.1 - 9.2) / 9),
        ("hydromorphone", "rule_iv_intrathecal", 1 / 0.04),
        ("fentanyl", "sandler_1992", 1.56 / 1.95),
        ("fentanyl", "oesophagectomy", 1010 / 1115),
    ],
)
def test_ratios_are_those_of_the_doses(drug, ratio, formula):
    assert Drug.read(drug).ratios[ratio].ratio == pytest.approx(formula, rel=0.015)


def test_a_ratio_of_other_routes_converts_no_oral_dose():
    with pytest.raises(
        DrugError, match="the ratio is subcutaneous : epidural, not oral : intrathecal"
    ):
        Drug.read("morphine").ratio("kalso_1996")
    with pytest.raises(DrugError, match="the ratio is iv : epidural, not oral : intrathecal"):
        compare("fentanyl", "0.2 mg oral q6h x 4", ratio="sandler_1992")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"subcutaneous"', '"subcutan"', r'kalso_1996.reference: unknown route "subcutan" \(did you mean'),
        ('reference = "subcutaneous"\n', "", "ratios.kalso_1996.reference: missing; one of oral, iv"),
        ('test = "epidural"', 'test = "subcutaneous"', "ratios.kalso_1996.test: expected another route"),
        ("ratio = 3.5", "ratio = -3.5", "ratios.kalso_1996.ratio: expected a number above 0"),
        ("ratio = 3.5", "ratio = 3.5\nrange = [4, 5]", "kalso_1996.ratio: 3.5 is not within its range"),
        ("ratio = 3.5", "ratio = 3.5\nrates = 1", "ratios.kalso_1996.rates: unknown key"),
        ("kalso_1996]", "low]", r"ratios.low: the name is taken in \[equivalence.presets\]"),
        ("kalso_1996]", "nominal]", "ratios.nominal: the name is taken"),
        ('"subcutaneous"\ntest = "epidural"', '"oral"\ntest = "intrathecal"',
         r"a ratio oral : intrathecal stands in \[equivalence.presets.kalso_1996\]"),
    ],
)  # fmt: skip
def test_faults_of_a_ratio(tmp_path, old, new, message):
    assert KALSO in MORPHINE and old in KALSO
    (tmp_path / "faulty.toml").write_text(
        MORPHINE.replace(KALSO, KALSO.replace(old, new)), encoding="utf-8"
    )
    with pytest.raises(DrugError, match=message):
        Drug.read(tmp_path / "faulty.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('reference = "oral"\ntest = "intrathecal"', 'reference = "iv"\ntest = "intrathecal"',
         'equivalence.reference: unknown route "iv"; one of oral'),
        ("n = 8\n", "n = true\n", "observed_tolerant.n: expected the number of subjects"),
        ("[ratios.", "[ratios]\nx = 3\n[ratios.", r"ratios.x: expected a table, \[ratios.x\]"),
    ],
)  # fmt: skip
def test_faults_of_the_main_pair(tmp_path, old, new, message):
    (tmp_path / "faulty.toml").write_text(MORPHINE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DrugError, match=message):
        Drug.read(tmp_path / "faulty.toml")


def test_presets_that_are_no_table(tmp_path):
    text = MORPHINE[: MORPHINE.index("[equivalence]")] + "[equivalence]\npresets = 3\n[sources]\n"
    (tmp_path / "faulty.toml").write_text(text, encoding="utf-8")
    with pytest.raises(DrugError, match=r"equivalence.presets: expected a table"):
        Drug.read(tmp_path / "faulty.toml")
