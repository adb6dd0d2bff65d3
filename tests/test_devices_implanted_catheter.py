"""The catheter's tip in the model."""

import pytest

from pkmodel.devices.implanted.catheter import Catheter, entry_of
from pkmodel.drugs import Drug
from pkmodel.errors import RegimenError

LEVELS = [f"{r}{k}" for r, n in (("C", 8), ("T", 12), ("L", 5), ("S", 1)) for k in range(1, n + 1)]


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_leads_into_the_neuraxial_model(level):
    model = Drug.read("morphine").model()
    entry = entry_of(level)
    assert entry in {i.route for i in model.inputs} | {c.name for c in model.compartments}


def test_entries():
    wanted = {
        "C1": "cervical_csf",
        "T1": "thoracic_csf",
        "T11": "thoracic_csf",
        "T12": "intrathecal",
    }
    assert {level: entry_of(level) for level in wanted} == wanted
    assert Catheter(60, "l2").entry == "intrathecal"
    assert Catheter("60 cm", "lumbar_csf").entry == "lumbar_csf"


@pytest.mark.parametrize("tip", ["T13", "L6", "C0", "", "10", None, "T 8"])
def test_no_such_tip(tip):
    with pytest.raises(RegimenError):
        Catheter("60 cm", tip)


def test_all_faults_at_once():
    with pytest.raises(RegimenError) as error:
        Catheter("60 mL", "T13")
    assert len(error.value.faults) == 2
