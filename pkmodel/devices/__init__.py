"""Devices that turn an order into what enters the body: pumps, tablets as they are taken, trials, conversions.

Names are imported when they are first used.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pkmodel.devices.adherence import Adherence
    from pkmodel.devices.catheter import Catheter
    from pkmodel.devices.changes import Bridge, Change, bridge_bolus
    from pkmodel.devices.conversion import Conversion, rotate, to_oral, to_pump
    from pkmodel.devices.course import Course
    from pkmodel.devices.delivery import Delivery, Ledger, State
    from pkmodel.devices.demands import poisson_demands
    from pkmodel.devices.faults import Fault
    from pkmodel.devices.hardware import Hardware, constants
    from pkmodel.devices.pca import PCA
    from pkmodel.devices.programme import Bolus, PatientBolus, Programme, titration
    from pkmodel.devices.pump import Pump
    from pkmodel.devices.trial import BACLOFEN_SCREENING, escalation, screen, success
    from pkmodel.devices.wound import ElastomericPump, with_depot

_HOME = {
    "Adherence": "adherence",
    "BACLOFEN_SCREENING": "trial",
    "Bolus": "programme",
    "Bridge": "changes",
    "Catheter": "catheter",
    "Change": "changes",
    "Conversion": "conversion",
    "Course": "course",
    "Delivery": "delivery",
    "ElastomericPump": "wound",
    "Fault": "faults",
    "Hardware": "hardware",
    "Ledger": "delivery",
    "PCA": "pca",
    "PatientBolus": "programme",
    "Programme": "programme",
    "Pump": "pump",
    "State": "delivery",
    "bridge_bolus": "changes",
    "constants": "hardware",
    "escalation": "trial",
    "poisson_demands": "demands",
    "rotate": "conversion",
    "screen": "trial",
    "success": "trial",
    "titration": "programme",
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
