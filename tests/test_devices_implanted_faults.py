"""Faults: when nothing flows, and what runs into the pocket."""

import math

import numpy as np
import pytest

from pkmodel.devices.implanted.faults import Fault, fault_edges, share_lost, stopped
from pkmodel.errors import RegimenError

TIMES = np.array([0.5, 1.5, 2.5, 3.5])


def test_stop():
    faults = [Fault("stall", 1, 2), Fault("occlusion", 3), Fault("leak", 0, 4, part="50 %")]
    assert stopped(faults, TIMES).tolist() == [False, True, False, True]
    assert not stopped([], TIMES).any()
    assert fault_edges(faults) == [1, 2, 3, 0, 4]


def test_leaks_lose_one_after_the_other():
    faults = [
        Fault("leak", 0, 3, part="50 %"),
        Fault("leak", 1, 2, part=0.2),
        Fault("disconnection", 2, 3),
    ]
    assert share_lost(faults, TIMES) == pytest.approx([0.5, 0.6, 1.0, 0.0])


@pytest.mark.parametrize(
    ("arguments", "faults"),
    [
        (("stal", 1), ["did you mean"]),
        (("stall", "2 d", "1 d"), ["not after its start"]),
        (("leak", 1, 2), ['part="30 %"']),
        (("stall", 1, 2, 0.5), ['part="30 %"']),
        (("leak", 1, 2, "130 %"), ["at most 100 %"]),
        (("leak", 1, 2, 0), ["more than 0"]),
        (("leek", "1 mg", math.nan), ["did you mean", "start", "end"]),
    ],
)
def test_what_is_refused(arguments, faults):
    with pytest.raises(RegimenError) as error:
        Fault(*arguments)
    assert len(error.value.faults) == len(faults), error.value.faults
    assert all(e in f for e, f in zip(faults, error.value.faults, strict=True))
