"""Devices that turn an order into what enters the body: pumps, tablets as they are taken, trials, conversions.

Names are imported when they are first used.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pkmodel.devices.adherence import Adherence
    from pkmodel.devices.conversion import Conversion, rotate, to_oral, to_pump
    from pkmodel.devices.course import Course
    from pkmodel.devices.demands import poisson_demands
    from pkmodel.devices.implanted.catheter import Catheter
    from pkmodel.devices.implanted.changes import Bridge, Change, bridge_bolus
    from pkmodel.devices.implanted.delivery import Delivery, Ledger, State
    from pkmodel.devices.implanted.faults import Fault
    from pkmodel.devices.implanted.hardware import Hardware, constants
    from pkmodel.devices.implanted.programme import Bolus, PatientBolus, Programme, titration
    from pkmodel.devices.implanted.pump import Pump
    from pkmodel.devices.pca import PCA
    from pkmodel.devices.trial import BACLOFEN_SCREENING, escalation, screen, success
    from pkmodel.devices.wound import ElastomericPump, with_depot

_HOME = {
    "Adherence": "adherence",
    "BACLOFEN_SCREENING": "trial",
    "Bolus": "implanted.programme",
    "Bridge": "implanted.changes",
    "Catheter": "implanted.catheter",
    "Change": "implanted.changes",
    "Conversion": "conversion",
    "Course": "course",
    "Delivery": "implanted.delivery",
    "ElastomericPump": "wound",
    "Fault": "implanted.faults",
    "Hardware": "implanted.hardware",
    "Ledger": "implanted.delivery",
    "PCA": "pca",
    "PatientBolus": "implanted.programme",
    "Programme": "implanted.programme",
    "Pump": "implanted.pump",
    "State": "implanted.delivery",
    "bridge_bolus": "implanted.changes",
    "constants": "implanted.hardware",
    "escalation": "trial",
    "poisson_demands": "demands",
    "rotate": "conversion",
    "screen": "trial",
    "success": "trial",
    "titration": "implanted.programme",
    "to_oral": "conversion",
    "to_pump": "conversion",
    "with_depot": "wound",
}

__all__ = [
    "BACLOFEN_SCREENING",
    "PCA",
    "Adherence",
    "Bolus",
    "Bridge",
    "Catheter",
    "Change",
    "Conversion",
    "Course",
    "Delivery",
    "ElastomericPump",
    "Fault",
    "Hardware",
    "Ledger",
    "PatientBolus",
    "Programme",
    "Pump",
    "State",
    "bridge_bolus",
    "constants",
    "escalation",
    "poisson_demands",
    "rotate",
    "screen",
    "success",
    "titration",
    "to_oral",
    "to_pump",
    "with_depot",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'pkmodel.devices' has no attribute {name!r}")
    value = getattr(_import_module(f"pkmodel.devices.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
