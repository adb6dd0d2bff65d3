"""The trial before an implant and the course after it, in simulated patients: who is implanted, and how they fare.

Results are for research, not for dosing patients.
"""

from pkmodel.trials.given import events
from pkmodel.trials.plans import Faults, Patients, Titration
from pkmodel.trials.published import published
from pkmodel.trials.running import strategies, trial
from pkmodel.trials.summary import table

__all__ = [
    "Faults",
    "Patients",
    "Titration",
    "events",
    "published",
    "strategies",
    "table",
    "trial",
]
