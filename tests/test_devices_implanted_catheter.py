"""The catheter's tip in the model."""

from dataclasses import replace

import numpy as np
import pytest

from pkmodel import Drug, compare, explain, simulate
from pkmodel.devices.implanted.catheter import Catheter, entry_of
from pkmodel.devices.implanted.pump import Pump
from pkmodel.errors import DrugError, ModelError, RegimenError
from pkmodel.events import EventTable
from pkmodel.library.spine import LEVELS

MORPHINE = Drug.read("morphine")
PUMP = Pump.of(
    "SynchroMed II 20 mL",
    drug="morphine",
    concentration="5 mg/mL",
    programme="0.4 mg/day",
    catheter=Catheter("60 cm", tip="T10"),
    prime=True,
)
DAY = PUMP.events("24 h")


@pytest.mark.parametrize("level", [*LEVELS, "L3-L4", "C7-T1", "L5-S1"])
def test_every_level_leads_into_a_model_with_its_tip_there(level):
    entry = Catheter("60 cm", level).entry
    assert entry == f"intrathecal {level}"
    model = MORPHINE.segmented(3, tip=level).model()
    assert model.inputs_of(entry)
    assert [(i.compartment, i.bioavailability) for i in model.inputs_of(entry)] == [
        (i.compartment, i.bioavailability) for i in model.inputs_of("intrathecal")
    ]


def test_other_names_stand_for_themselves():
    for name in ("intrathecal", "epidural", "lumbar_csf_3"):
        assert Catheter("60 cm", name).entry == name


def test_levels_have_one_spelling():
    assert entry_of("l3-l4") == entry_of("L4-L3") == "intrathecal L3-L4"
    assert MORPHINE.segmented(tip="L4-l3").version == MORPHINE.version


@pytest.mark.parametrize("tip", ["T13", "L6", "C0", "C8", "S3", "T10-L1", "", "10", None, "T 8"])
def test_no_such_tip(tip):
    with pytest.raises(RegimenError):
        Catheter("60 cm", tip)


def test_all_faults_at_once():
    with pytest.raises(RegimenError) as error:
        Catheter("60 mL", "T13")
    assert len(error.value.faults) == 2


# ------------------------------------------------------------------------- the tip of drug and model


@pytest.mark.parametrize(
    "use",
    [
        lambda drug: simulate(drug, DAY, [1.0]),
        lambda drug: simulate(drug, DAY, [1.0], intended=True),
        lambda drug: compare(drug, arms={"oral": "60 mg oral", "pump": DAY}, times=[1.0]),
        lambda drug: drug.check_table(DAY),
    ],
)
def test_a_tip_elsewhere_is_refused_with_the_line_that_repairs_it(use):
    with pytest.raises(DrugError, match="has its tip at L3-L4, not at T10") as error:
        use(MORPHINE)
    repair = 'Drug.read("morphine").segmented(tip="T10")'
    assert repair in error.value.remedy and "--tip T10" in error.value.remedy
    use(eval(repair))


def test_a_model_refuses_it_and_names_the_route_that_it_has():
    model = MORPHINE.segmented(3).model()
    for use in (simulate, explain):
        with pytest.raises(
            ModelError, match=r'row 1: .* no input "intrathecal T10".* intrathecal L3-L4;'
        ):
            use(model, DAY, **({"times": [1.0]} if use is simulate else {}))


def test_the_pump_at_a_level_is_the_infusion_at_that_level():
    at = MORPHINE.segmented(6, tip="T10")
    hours = [12.0, 24.0, 36.0]
    plain = replace(PUMP, catheter=Catheter("60 cm", "intrathecal")).events("24 h")
    there, same = (simulate(at, table, hours) for table in (DAY, plain))
    np.testing.assert_array_equal(there.concentration, same.concentration)
    elsewhere = simulate(MORPHINE.segmented(6), plain, hours)
    high, low = (ds.concentration.sel(site="lumbar_csf")[:2] for ds in (elsewhere, there))
    assert (high > 2 * low).all()


def test_explained_and_compared():
    at = MORPHINE.segmented(6, tip="T10")
    told = explain(at, DAY).table
    assert set(told["compartment"]) == {"thoracic_csf_1"}
    assert told["amount"].sum() == pytest.approx(DAY.amount.sum())
    arms = {"oral": "60 mg oral q12h x 2", "pump": DAY}
    ds = compare(at, arms=arms, times=[0.0, 24.0], subjects=2, seed=1)
    assert (ds.concentration.sel(arm="pump", time=24) > 0).all()
    assert ds.attrs["drug_version"].endswith("tip T10, epidural L3-L4, spread 2")


def test_the_table_survives_a_file(tmp_path):
    DAY.to_csv(tmp_path / "doses.csv")
    again = EventTable.read(tmp_path / "doses.csv")
    assert again.compartment.tolist() == ["intrathecal T10"]
    at = MORPHINE.segmented(3, tip="T10")
    one, two = (simulate(at, table, [24.0]) for table in (DAY, again))
    np.testing.assert_array_equal(one.concentration, two.concentration)


def test_doses_at_a_level_count_as_intrathecal():
    at = MORPHINE.segmented(3, tip="T10")
    slip = EventTable.of(time=[0.0], amount=60.0, compartment="intrathecal T10")
    with pytest.raises(DrugError, match="60 mg in one dose is 24 times the highest plausible"):
        simulate(at, slip, [1.0])
    both = EventTable.of(time=[0.0, 1.0], amount=20.0, duration=13.0,
                         compartment=["intrathecal T10", "intrathecal"])  # fmt: skip
    with pytest.raises(DrugError, match="40 mg in a day"):
        at.check_table(both)
    many = {"intrathecal T10": 1000.0}
    with pytest.raises(DrugError, match="in a day"):
        at.check_table(DAY, factors=many)
